"""What a model refuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeVar, get_args

from csindex.errors import quoted, unknown
from csindex.model.parts import Construct, Measurement, Path, Sign, Status

T = TypeVar("T", bound=Hashable)


def listed(values: Any) -> tuple[Any, ...]:
    """Return the entries of a list; one entry for what is not a list."""
    if isinstance(values, Iterable) and not isinstance(values, str):
        return tuple(values)
    return (values,)


def is_path(path: object) -> bool:
    """Return whether something is a source, a target, and at most sign and status."""
    return (
        isinstance(path, tuple | list)
        and len(path) in (2, 3, 4)
        and all(isinstance(part, str) for part in path)
    )


def construct_problems(construct: Construct) -> list[str]:
    """Return what is wrong with one construct, whatever the others are."""
    if not isinstance(construct, Construct):
        return [
            f"{construct!r} is not a construct; write "
            "csi.reflective('quality', 'q1', 'q2') or csi.composite(...)"
        ]
    name, items = construct.name, construct.items
    if not isinstance(name, str) or not name:
        return [f"construct {name!r} needs a name, as 'quality'"]
    if isinstance(items, str) or not all(isinstance(i, str) and i for i in items):
        return [
            f"construct {name!r}: its items are names of columns, as "
            f"csi.reflective({name!r}, 'q1', 'q2'), not {items!r}"
        ]
    if construct.measurement not in get_args(Measurement):
        return [
            f"construct {name!r} has measurement {construct.measurement!r}; there are "
            f"{quoted(get_args(Measurement))}"
        ]
    return []


def joint_problems(
    constructs: Sequence[Construct], paths: Sequence[Path], index: str | None
) -> list[str]:
    """Return what is wrong with constructs and paths taken together."""
    names = [construct.name for construct in constructs]
    problems = [
        f"construct {name!r} is given twice; keep one of them"
        for name in repeated(names)
    ]
    if not names:
        problems.append("there are no constructs")
    problems += _item_problems(constructs)
    used = [name for path in paths for name in (path.source, path.target)]
    problems += unknown("construct", used, names, "in paths")
    if index is not None:
        problems += unknown("construct", [index], names, "as index")
    pairs = [(path.source, path.target) for path in paths]
    problems += [
        f"path {a} -> {b} is given twice; keep one of them" for a, b in repeated(pairs)
    ]
    problems += [
        f"path {path.source} -> {path.target} has sign {path.sign!r}; use '+', '-' "
        "or '?'"
        for path in paths
        if path.sign not in get_args(Sign)
    ]
    problems += [
        f"path {path.source} -> {path.target} has status {path.status!r}; there are "
        f"{quoted(get_args(Status))}"
        for path in paths
        if path.status not in get_args(Status)
    ]
    if cycle := _cycle(pairs):
        problems.append(
            f"the paths form a cycle: {' -> '.join(cycle)}; remove one of these paths"
        )
    return problems


def _item_problems(constructs: Sequence[Construct]) -> list[str]:
    problems = [
        f"construct {c.name!r} has no items; name its columns, as in "
        f"csi.reflective({c.name!r}, 'q1', 'q2') or model.with_items"
        for c in constructs
        if not c.items
    ]
    owners: dict[str, list[str]] = {}
    for construct in constructs:
        for item in construct.items:
            owners.setdefault(item, []).append(construct.name)
    for item, names in owners.items():
        if len(set(names)) > 1:
            problems.append(
                f"item {item!r} is in two constructs, {quoted(dict.fromkeys(names))}"
                "; keep it in one"
            )
        elif len(names) > 1:
            problems.append(
                f"item {item!r} is twice in construct {names[0]!r}; name it once"
            )
    return problems


def repeated(values: Sequence[T]) -> list[T]:
    """Return the values that are there more than once."""
    return [value for value, count in Counter(values).items() if count > 1]


def _cycle(pairs: Sequence[tuple[str, str]]) -> list[str]:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for source, target in pairs:
        sorter.add(target, source)
    try:
        sorter.prepare()
    except CycleError as error:
        nodes: list[str] = error.args[1]
        return nodes
    return []
