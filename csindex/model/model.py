"""A satisfaction model: constructs, the paths between them, and the index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np

from csindex.errors import SpecificationError, quoted, unknown
from csindex.kernels.arrays import FloatArray
from csindex.model.checks import (
    construct_problems,
    is_path,
    joint_problems,
    listed,
    repeated,
)
from csindex.model.parts import Construct, Item, Path, Sign, Status

# of service quality (SERVQUAL), which `csindex.with_rater` puts in its place
_DIMENSIONS = frozenset(
    {"reliability", "assurance", "tangibles", "empathy", "responsiveness"}
)


@runtime_checkable
class Described(Protocol):
    """What has items, as a codebook."""

    @property
    def items(self) -> Sequence[Item]:
        """The items."""
        ...


@runtime_checkable
class Documented(Protocol):
    """What has a codebook, as a survey."""

    @property
    def codebook(self) -> Described:
        """The codebook."""
        ...


@dataclass(frozen=True, init=False, repr=False)
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
    >>> model
    Model('small', 2 constructs, 3 items, 1 path, index 'quality')
    >>> model.items
    ('q1', 'q2', 'l1')
    """

    name: str
    constructs: tuple[Construct, ...]
    paths: tuple[Path, ...]
    index: str | None
    instrument: tuple[Item, ...]
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
        constructs, paths = listed(constructs), listed(paths)
        instrument = listed(instrument)
        given = [c for c in constructs if not construct_problems(c)]
        arrows = [Path(*path) for path in paths if is_path(path)]
        problems = [
            *(problem for c in constructs for problem in construct_problems(c)),
            *(
                f"path {path!r} must be (source, target) or (source, target, sign), "
                "as ('quality', 'satisfaction')"
                for path in paths
                if not is_path(path)
            ),
            *(
                f"instrument: {item!r} is not an item; write csi.Item('q1', ...)"
                for item in instrument
                if not isinstance(item, Item)
            ),
            *(
                f"instrument: item {name!r} is given twice; keep one of them"
                for name in repeated(
                    [item.name for item in instrument if isinstance(item, Item)]
                )
            ),
            *joint_problems(given, arrows, index),
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

    def __repr__(self) -> str:
        parts = [
            repr(self.name),
            _counted(len(self.constructs), "construct"),
            _counted(len(self.items), "item"),
            _counted(len(self.paths), "path"),
            "no index" if self.index is None else f"index {self.index!r}",
        ]
        return f"Model({', '.join(parts)})"

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

        See Also
        --------
        with_items_of : for surveys whose codebook says what each item belongs to.
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

    def with_items_of(self, items: Iterable[Item] | Described | Documented) -> Model:
        """Return the model with the items that a codebook gives its constructs.

        Parameters
        ----------
        items : Survey, Codebook or iterable of Item
            A survey, its codebook, or ``survey.codebook.items``: items that say which
            construct they belong to; those of other constructs, or of none, are left
            out.

        Returns
        -------
        Model
            A new model, as by `with_items`.

        Raises
        ------
        SpecificationError
            For anything but items, and naming the constructs that have none.

        Examples
        --------
        >>> book = [Item("RELI1", construct="quality"), Item("age")]
        >>> model = Model("m", (Construct("quality", ("quality_1", "quality_2")),))
        >>> model.with_items_of(book).items
        ('RELI1',)
        """
        book: Any = items.codebook if isinstance(items, Documented) else items
        given = listed(book.items if isinstance(book, Described) else book)
        if not all(isinstance(item, Item) for item in given):
            raise SpecificationError(
                f"with_items_of {self.name!r} takes a survey or items, as "
                f"survey.codebook.items, not {items!r}"
            )
        found = {
            name: [item.name for item in given if item.construct == name]
            for name in self.construct_names
        }
        lacking = [name for name, own in found.items() if not own]
        if lacking:
            known = list(dict.fromkeys(i.construct for i in given if i.construct))
            raise SpecificationError(
                f"with_items_of {self.name!r}: no item belongs to {quoted(lacking)}; "
                f"the items' constructs are {quoted(known) or 'not said'}. Name the "
                "columns with model.with_items(...), or leave constructs out with "
                f"model.without(...){_rater_advice(lacking, known)}"
            )
        return self.with_items(**found)

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
            Everything that the model says; reading it gives an equal model. What the
            syntax has no words for is told in comments, which `read_model` reads:
            signs and the status of paths, the index, titles and the instrument.

        Raises
        ------
        SpecificationError
            If a name is none in lavaan's syntax, or is both a construct's and an
            item's; if a text has characters that no file can hold.

        Examples
        --------
        >>> model = Model("m", (Construct("quality", ("q1", "q2")),))
        >>> print(model.to_lavaan())
        #: name = "m"
        <BLANKLINE>
        quality =~ q1 + q2
        <BLANKLINE>
        """
        from csindex.model.lavaan import lavaan_text

        return lavaan_text(self)


def _rater_advice(lacking: Sequence[str], known: Sequence[str]) -> str:
    """Return what to do where a codebook has SERVQUAL's dimensions for quality."""
    if "quality" not in lacking or len(_DIMENSIONS.intersection(known)) < 2:
        return ""
    return (
        ". These items ask about SERVQUAL's dimensions in place of quality: put them "
        "into the model first, as csi.with_rater(model).with_items_of(...)"
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
