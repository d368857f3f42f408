"""Trees of indicators: who is whose parent, and the checks that make it a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from csindex.errors import SpecificationError, quoted
from csindex.model import Model

# name of the root of a satisfaction model's hierarchy
ROOT = "index"
# specific indicators, each with the items that ask about it
Indicators = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Node:
    """One node of a tree.

    Attributes
    ----------
    name : str
        Its name.
    level : int
        1 for the root, one more for each step away from it.
    parent : str
        Name of its parent; empty for the root.
    """

    name: str
    level: int
    parent: str


@dataclass(frozen=True)
class Tree:
    """A tree of indicators; made by `read_tree` or `model_tree`.

    Attributes
    ----------
    nodes : tuple of Node
        All nodes, each after its parent and before its next sibling.
    """

    nodes: tuple[Node, ...]

    @property
    def root(self) -> str:
        """Name of the root."""
        return self.nodes[0].name

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all nodes, in order."""
        return tuple(node.name for node in self.nodes)

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """Names of every node's children; of nodes that have some."""
        found: dict[str, list[str]] = {}
        for node in self.nodes[1:]:
            found.setdefault(node.parent, []).append(node.name)
        return {name: tuple(names) for name, names in found.items()}

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """Names of the nodes without children, in order."""
        return tuple(name for name in self.names if name not in self.children)

    @cached_property
    def parents(self) -> tuple[int, ...]:
        """Position of every node's parent; -1 for the root."""
        place = {name: k for k, name in enumerate(self.names)}
        return tuple(place.get(node.parent, -1) for node in self.nodes)


def read_tree(children: Mapping[str, Sequence[str]]) -> Tree:
    """Make a tree from every parent's children.

    Parameters
    ----------
    children : mapping of str to sequence of str
        For each node with children, their names in order.

    Returns
    -------
    Tree
        The tree.

    Raises
    ------
    SpecificationError
        With every problem found: a node under two parents, twice under one, or
        without children; several roots or a circle; a child that is no name.

    Examples
    --------
    >>> tree = read_tree({"index": ["staff", "price"], "staff": ["q1", "q2"]})
    >>> [(node.level, node.name) for node in tree.nodes]
    [(1, 'index'), (2, 'staff'), (3, 'q1'), (3, 'q2'), (2, 'price')]
    """
    problems = _list_problems(children)
    if not problems:
        problems = _tree_problems(children)
    if problems:
        raise SpecificationError([f"tree: {problem}" for problem in problems])
    roots = _roots(children)
    return Tree(tuple(_walked(children, roots[0], 1, "")))


def model_tree(model: Model, indicators: Indicators) -> Tree:
    """Return the four levels of a satisfaction model.

    Parameters
    ----------
    model : Model
        The model; its constructs are level 2, its items level 4.
    indicators : mapping of str to sequence of str
        The specific indicators, level 3, each with its items. Items outside the
        model are left aside. An item of the model in no indicator is the only
        question of an indicator of its own, called ``construct.item``.

    Returns
    -------
    Tree
        Index, constructs, specific indicators and items.

    Raises
    ------
    SpecificationError
        With every problem found: an item in two indicators, an indicator without
        items or with items of two constructs, a name on two levels.

    Examples
    --------
    >>> import csindex as csi
    >>> tree = model_tree(csi.acsi(), {"goods": ["OVERALLQ", "CUSTOMQ"]})
    >>> tree.children["quality"]
    ('goods', 'quality.WRONGQ')
    """
    problems = _list_problems(indicators)
    if problems:
        raise SpecificationError([f"indicators: {p}" for p in problems])
    problems = _indicator_problems(model, indicators)
    if problems:
        raise SpecificationError([f"hierarchy: {problem}" for problem in problems])
    owner = {item: name for name, items in indicators.items() for item in items}
    children: dict[str, list[str]] = {ROOT: list(model.construct_names)}
    for construct in model.constructs:
        specific: dict[str, list[str]] = {}
        for item in construct.items:
            name = owner.get(item, f"{construct.name}.{item}")
            specific.setdefault(name, []).append(item)
        children[construct.name] = list(specific)
        children |= specific
    return read_tree(children)


def _walked(
    children: Mapping[str, Sequence[str]], name: str, level: int, parent: str
) -> Iterator[Node]:
    yield Node(name, level, parent)
    for child in children.get(name, ()):
        yield from _walked(children, child, level + 1, name)


def _roots(children: Mapping[str, Sequence[str]]) -> list[str]:
    below = {child for names in children.values() for child in names}
    return [name for name in children if name not in below]


def _list_problems(children: Mapping[str, Sequence[str]]) -> list[str]:
    if not isinstance(children, Mapping):
        return [
            f"give a mapping of names to lists, as {{'staff': ['q1', 'q2']}}, not "
            f"{children!r}"
        ]
    return [
        f"{name!r} has {names!r}; give a list of names, as {{'staff': ['q1', 'q2']}}"
        for name, names in children.items()
        if isinstance(names, str)
        or not isinstance(names, Sequence)
        or not all(isinstance(entry, str) for entry in (name, *names))
    ]


def _tree_problems(children: Mapping[str, Sequence[str]]) -> list[str]:
    if not children:
        return ["there are no nodes; give {'index': ['staff', 'price'], ...}"]
    problems = [
        f"node {name!r} has no children; name some, or leave it out as a parent"
        for name, names in children.items()
        if not names
    ]
    owners: dict[str, list[str]] = {}
    for name, names in children.items():
        for child in names:
            owners.setdefault(child, []).append(name)
    for child, parents in owners.items():
        if len(set(parents)) > 1:
            problems.append(
                f"node {child!r} has two parents, {quoted(dict.fromkeys(parents))}; "
                "keep it under one"
            )
        elif len(parents) > 1:
            problems.append(f"node {child!r} is twice under {parents[0]!r}")
    roots = _roots(children)
    if len(roots) > 1:
        problems.append(
            f"nodes {quoted(roots)} have no parent; only the root has none, so hang "
            "the others under a parent"
        )
    if not problems:
        circle = set(children) - _reached(children, roots)
        if circle:
            problems.append(
                f"nodes {quoted(sorted(circle))} stand in a circle and have no way to "
                "a root"
            )
    return problems


def _reached(children: Mapping[str, Sequence[str]], roots: Sequence[str]) -> set[str]:
    waiting, reached = list(roots), set(roots)
    while waiting:
        new = [child for child in children.get(waiting.pop(), ()) if child in children]
        waiting += new
        reached |= set(new)
    return reached


def _indicator_problems(model: Model, indicators: Indicators) -> list[str]:
    construct = {item: c.name for c in model.constructs for item in c.items}
    problems: list[str] = []
    seen: dict[str, str] = {}
    for name, items in indicators.items():
        if not items:
            problems.append(
                f"indicator {name!r} has no items; give it a question, or leave it out"
            )
        for item in items:
            if item in seen:
                problems.append(
                    f"item {item!r} has two parents, {seen[item]!r} and {name!r}; keep "
                    "it under one"
                )
            seen[item] = name
        owners = dict.fromkeys(construct[item] for item in items if item in construct)
        if len(owners) > 1:
            problems.append(
                f"indicator {name!r} has two parents, {quoted(owners)}, because its "
                "items belong to both; divide it"
            )
        if items and not owners:
            problems.append(
                f"indicator {name!r} has no parent: none of its items "
                f"{quoted(items)} is in model {model.name!r}; leave it out, or add "
                "them to the model"
            )
    levels = ((ROOT,), model.construct_names, tuple(indicators), model.items)
    counts: dict[str, int] = {}
    for name in (entry for level in levels for entry in level):
        counts[name] = counts.get(name, 0) + 1
    problems += [
        f"the name {name!r} stands on two levels; rename one of them"
        for name, count in counts.items()
        if count > 1
    ]
    return problems
