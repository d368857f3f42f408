"""A satisfaction model: constructs, the paths between them, and the index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeVar, get_args

import numpy as np

from csindex.errors import SpecificationError, quoted, unknown
from csindex.kernels.arrays import FloatArray
from csindex.model.parts import Construct, Item, Measurement, Path, Sign, Status

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, init=False)
class Model:
    """A satisfaction model: constructs, the paths between them, and the index.

    Parameters
    ----------
    name : str
        Short name.
    constructs : sequence of Construct
        The constructs, made by `reflective` and `composite`.
    paths : sequence of (source, target), (source, target, sign) or Path
        The structural model. Without paths it is a measurement model.
    index : str, optional
        The construct whose 0-100 score is the index.
    instrument : sequence of Item
        What the model's publication says about its items, where that differs
        from the survey's general scale; a survey's own codebook comes first.
    title, origin, reference : str
        Full name, where the index is used, and the publication.
    year : int, optional
        Year of the publication.

    Raises
    ------
    SpecificationError
        With every problem found: something that isn't a construct, a path or a
        name, a construct without items, an item in two constructs, an unknown
        construct, a path given twice, a cycle, an item described twice.

    Examples
    --------
    >>> from csindex.model import reflective
    >>> model = Model(
    ...     "small",
    ...     constructs=(reflective("quality", "q1", "q2"), reflective("loyalty", "l1")),
    ...     paths=(("quality", "loyalty"),),
    ...     index="quality",
    ... )
    >>> model.items
    ('q1', 'q2', 'l1')
    """

    name: str
    constructs: tuple[Construct, ...]
    paths: tuple[Path, ...]
    index: str | None
    instrument: tuple[Item, ...] = field(repr=False)
    title: str
    origin: str
    year: int | None
    reference: str

    def __init__(
        self,
        name: str,
        constructs: Iterable[Construct],
        paths: Iterable[
            tuple[str, str] | tuple[str, str, Sign] | tuple[str, str, Sign, Status]
        ] = (),
        index: str | None = None,
        instrument: Iterable[Item] = (),
        title: str = "",
        origin: str = "",
        year: int | None = None,
        reference: str = "",
    ) -> None:
        constructs, paths = _listed(constructs), _listed(paths)
        instrument = _listed(instrument)
        given = [c for c in constructs if not _construct_problems(c)]
        arrows = [Path(*path) for path in paths if _is_path(path)]
        problems = [
            *(problem for c in constructs for problem in _construct_problems(c)),
            *(
                f"path {path!r} must be (source, target) or (source, target, sign), "
                "as ('quality', 'satisfaction')"
                for path in paths
                if not _is_path(path)
            ),
            *(
                f"instrument: {item!r} is not an item; write csi.Item('q1', ...)"
                for item in instrument
                if not isinstance(item, Item)
            ),
            *(
                f"instrument: item {name!r} is given twice; keep one of them"
                for name in _repeated(
                    [item.name for item in instrument if isinstance(item, Item)]
                )
            ),
            *_problems(given, arrows, index),
        ]
        if problems:
            raise SpecificationError([f"model {name!r}: {p}" for p in problems])
        values = {
            "name": name,
            "constructs": tuple(given),
            "paths": tuple(arrows),
            "index": index,
            "instrument": instrument,
            "title": title,
            "origin": origin,
            "year": year,
            "reference": reference,
        }
        for attribute, value in values.items():
            object.__setattr__(self, attribute, value)

    @cached_property
    def construct_names(self) -> tuple[str, ...]:
        """Names of the constructs, in order."""
        return tuple(construct.name for construct in self.constructs)

    @cached_property
    def items(self) -> tuple[str, ...]:
        """Names of all items, construct by construct."""
        return tuple(item for c in self.constructs for item in c.items)

    @cached_property
    def blocks(self) -> FloatArray:
        """Array of shape (p, j): one where item p belongs to construct j."""
        blocks = np.zeros((len(self.items), len(self.constructs)))
        row = 0
        for column, construct in enumerate(self.constructs):
            blocks[row : row + len(construct.items), column] = 1.0
            row += len(construct.items)
        return blocks

    @cached_property
    def structure(self) -> FloatArray:
        """Array of shape (j, j): one where the column's construct drives the row's."""
        position = {name: k for k, name in enumerate(self.construct_names)}
        structure = np.zeros((len(position), len(position)))
        for path in self.paths:
            structure[position[path.target], position[path.source]] = 1.0
        return structure

    @cached_property
    def endogenous(self) -> tuple[str, ...]:
        """Names of the constructs that some path leads to, in order."""
        targets = {path.target for path in self.paths}
        return tuple(name for name in self.construct_names if name in targets)

    def required_index(self) -> str:
        """Return the index construct.

        Returns
        -------
        str
            Its name.

        Raises
        ------
        SpecificationError
            If the model names none.
        """
        if self.index is None:
            raise SpecificationError(
                f"model {self.name!r} names no index construct; give one with "
                "csi.Model(..., index='satisfaction')"
            )
        return self.index

    def with_items(self, **items: Iterable[str]) -> Model:
        """Return the model with other items for the named constructs.

        Parameters
        ----------
        **items : iterable of str
            For each construct that changes, the survey's columns.

        Returns
        -------
        Model
            A new model; constructs that are not named keep their items.

        Raises
        ------
        SpecificationError
            For a construct that the model doesn't have.
        """
        problems = unknown(
            "construct", items, self.construct_names, f"in with_items of {self.name!r}"
        )
        problems += [
            f"with_items: {name}={value!r} is not a list of columns; write "
            f"{name}=[{str(value)!r}]"
            for name, value in items.items()
            if isinstance(value, str) or not isinstance(value, Iterable)
        ]
        if problems:
            raise SpecificationError(problems)
        return replace(
            self,
            constructs=tuple(
                replace(c, items=tuple(items[c.name])) if c.name in items else c
                for c in self.constructs
            ),
        )

    def without(self, *constructs: str) -> Model:
        """Return the model without some constructs and the paths that touch them.

        Parameters
        ----------
        *constructs : str
            Names of the constructs to leave out.

        Returns
        -------
        Model
            A new model.

        Raises
        ------
        SpecificationError
            For a construct that the model doesn't have.
        """
        if problems := unknown(
            "construct", constructs, self.construct_names, f"in {self.name!r}"
        ):
            raise SpecificationError(problems)
        return replace(
            self,
            constructs=tuple(c for c in self.constructs if c.name not in constructs),
            paths=tuple(
                path
                for path in self.paths
                if path.source not in constructs and path.target not in constructs
            ),
            index=None if self.index in constructs else self.index,
        )

    def to_toml(self) -> str:
        """Return the model as TOML text, which `read_model` reads.

        Returns
        -------
        str
            Everything that the model says; reading it gives an equal model.

        Raises
        ------
        SpecificationError
            If a text has characters that no file can hold.

        Examples
        --------
        >>> model = Model("m", (Construct("quality", ("q1", "q2")),))
        >>> print(model.to_toml())
        name = "m"
        <BLANKLINE>
        [constructs.quality]
        reflective = ["q1", "q2"]
        <BLANKLINE>
        """
        from csindex.model.toml import toml_text

        return toml_text(self)

    def to_lavaan(self) -> str:
        """Return the model in lavaan's syntax, which `read_model` reads, too.

        Returns
        -------
        str
            Constructs and paths. Signs and the index are told in comments only,
            because the syntax has no words for them; titles and the instrument are
            left out.

        Raises
        ------
        SpecificationError
            If a name is none in lavaan's syntax, or is both a construct's and an
            item's.

        Examples
        --------
        >>> model = Model("m", (Construct("quality", ("q1", "q2")),))
        >>> print(model.to_lavaan())
        # m
        <BLANKLINE>
        quality =~ q1 + q2
        <BLANKLINE>
        """
        from csindex.model.lavaan import lavaan_text

        return lavaan_text(self)


def _listed(values: Any) -> tuple[Any, ...]:
    """Return the entries of a list; one entry for what is not a list."""
    if isinstance(values, Iterable) and not isinstance(values, str):
        return tuple(values)
    return (values,)


def _is_path(path: object) -> bool:
    return (
        isinstance(path, tuple | list)
        and len(path) in (2, 3, 4)
        and all(isinstance(part, str) for part in path)
    )


def _construct_problems(construct: Construct) -> list[str]:
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


def _problems(
    constructs: Sequence[Construct], paths: Sequence[Path], index: str | None
) -> list[str]:
    """Return what is wrong with constructs and paths taken together."""
    names = [construct.name for construct in constructs]
    problems = [
        f"construct {name!r} is given twice; keep one of them"
        for name in _repeated(names)
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
        f"path {a} -> {b} is given twice; keep one of them" for a, b in _repeated(pairs)
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


def _repeated(values: Sequence[T]) -> list[T]:
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
