"""A survey: answers together with all that is known about them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from csindex.catalog import CATALOG
from csindex.codebook import Codebook, maps, read_codebook, rules
from csindex.errors import DataError, SpecificationError, unknown
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.model import Item
from csindex.survey.columns import sampling_weights
from csindex.survey.gaps import (
    Incomplete,
    check_enough,
    check_treatment,
    group_flow,
    unasked_items,
)
from csindex.survey.items import ItemReader
from csindex.survey.reading import read_frame

Scale = tuple[float, float] | Sequence[float]


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers to some items, ready for computing.

    Attributes
    ----------
    names : tuple of str
        The p items.
    values : ndarray of shape (n, p)
        Answers on their scales; NaN for gaps, which listwise answers don't have.
    rows : ndarray of int of shape (n,)
        Positions of these respondents in the survey.
    low, high : ndarray of shape (p,)
        Scale ends; NaN where no scale is known.
    weights : ndarray of shape (n,), optional
        Sampling weights.
    strata, clusters : ndarray of int of shape (n,), optional
        Codes of the sampling design.
    flow : tuple of (str, int)
        How many respondents were read, left out and used.
    incomplete : str
        How gaps are treated when moments are made.
    """

    names: tuple[str, ...]
    values: FloatArray
    rows: IntArray
    low: FloatArray
    high: FloatArray
    weights: FloatArray | None = None
    strata: IntArray | None = None
    clusters: IntArray | None = None
    flow: tuple[tuple[str, int], ...] = ()
    incomplete: Incomplete = "listwise"

    @property
    def row_weights(self) -> FloatArray:
        """Sampling weights, or one for each respondent, shape (n,)."""
        return np.ones(len(self.values)) if self.weights is None else self.weights

    def subset(self, chosen: IntArray) -> Answers:
        """Return some of the respondents.

        Parameters
        ----------
        chosen : ndarray of int of shape (m,)
            Positions of those to keep.

        Returns
        -------
        Answers
            Their answers.
        """
        values = self.values[chosen]
        return replace(
            self,
            values=values,
            rows=self.rows[chosen],
            weights=None if self.weights is None else self.weights[chosen],
            strata=None if self.strata is None else self.strata[chosen],
            clusters=None if self.clusters is None else self.clusters[chosen],
            flow=group_flow(values, self.incomplete),
        )


@dataclass(frozen=True, eq=False)
class Survey:
    """Answers and their codebook; made by `read_survey`.

    Attributes
    ----------
    frame : DataFrame
        The answers as they were read.
    codebook : Codebook
        Scales, missing codes, skip rules, weights, groups.
    source : str
        Where the answers came from.
    """

    frame: pd.DataFrame
    codebook: Codebook
    source: str

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        return (
            f"Survey({len(self.frame)} respondents, {self.frame.shape[1]} columns, "
            f"{self.source})"
        )

    def answers(
        self,
        items: Sequence[str],
        instrument: Sequence[Item] = (),
        incomplete: Incomplete = "listwise",
    ) -> Answers:
        """Return the respondents who answered some items.

        Parameters
        ----------
        items : sequence of str
            The items.
        instrument : sequence of Item
            What a model's publication says about its items; the survey's own
            codebook comes first.
        incomplete : str
            How missing answers are treated. ``"listwise"`` keeps the respondents
            who answered all items, every other treatment those who answered any.

        Returns
        -------
        Answers
            The answers, with the sample flow.

        Raises
        ------
        DataError
            With every problem of every item: an unknown column, text, answers
            outside the scale, a constant item, means for answers to questions that
            weren't asked; or if too few respondents are left.
        SpecificationError
            If there is no such treatment.
        """
        check_treatment(incomplete)
        if isinstance(items, str) or not items:
            raise SpecificationError(
                f"items are a list of columns, as ['q1', 'q2'], not {items!r}"
            )
        weights, problems = self._weights()
        weighted = (
            np.ones(len(self), dtype=np.bool_)
            if weights is None or problems
            else weights > 0
        )
        reader = ItemReader(
            self.frame,
            self.codebook,
            {item.name: item for item in instrument},
            weighted,
        )
        values = reader.values(items)
        unasked = unasked_items(reader, items) if incomplete == "mean" else []
        if problems := [*problems, *dict.fromkeys(reader.problems), *unasked]:
            raise DataError(problems)
        complete = some = weighted
        if (gaps := np.isnan(values)).any():
            complete, some = ~gaps.any(axis=1) & weighted, ~gaps.all(axis=1) & weighted
        used = complete if incomplete == "listwise" else some
        steps = {"with any answer": some, "complete": complete, "used": used}
        if weights is not None:
            steps = {"with weight": weighted, **steps}
        rows = np.flatnonzero(used)
        check_enough(values, weighted, items, len(rows), incomplete)
        kept = slice(None) if len(rows) == len(values) else rows
        scales = [
            maps.score_scale(reader.item(name)) or (np.nan, np.nan) for name in items
        ]
        ends = np.array(scales, dtype=np.float64).reshape(len(items), 2)
        return Answers(
            names=tuple(items),
            values=values[kept],
            rows=rows,
            low=ends[:, 0],
            high=ends[:, 1],
            weights=None if weights is None else weights[rows],
            strata=self._codes(self.codebook.strata, rows),
            clusters=self._codes(self.codebook.clusters, rows),
            flow=(
                ("read", len(self)),
                *((step, int(chosen.sum())) for step, chosen in steps.items()),
            ),
            incomplete=incomplete,
        )

    def labels(self, by: str) -> pd.Series:
        """Return the group of every respondent.

        Parameters
        ----------
        by : str
            A column.

        Returns
        -------
        Series
            The labels, in the order of the answers; missing where there is none.

        Raises
        ------
        DataError
            If there is no such column, or it holds lists or other things that
            can't be labels.
        """
        if problems := unknown("column", [by], self.frame.columns, "in by"):
            raise DataError(problems)
        labels = self.frame[by].reset_index(drop=True)
        try:
            labels.unique()
        except TypeError as error:
            raise DataError(
                f"column {by!r} can't divide the sample: it holds values as "
                f"{labels.iloc[0]!r}; give every respondent one text or number"
            ) from error
        return labels

    def skip_violations(self, instrument: Sequence[Item] = ()) -> pd.DataFrame:
        """Count the answers that contradict the skip rules.

        Parameters
        ----------
        instrument : sequence of Item
            Items of a model's publication, whose rules count too.

        Returns
        -------
        DataFrame
            One row per item with a rule: item, asked_if, asked (respondents whom
            the rule selects), answered_unasked, asked_unanswered.
        """
        published = {item.name: item for item in instrument}
        reader = ItemReader(
            self.frame, self.codebook, published, np.ones(len(self), dtype=np.bool_)
        )
        rows: list[dict[str, object]] = []
        for name in dict.fromkeys([*self.codebook.by_name, *published]):
            rule = reader.item(name).asked_if
            if rule is None or name not in self.frame.columns:
                continue
            known = {n: reader.column(n) for n in rules.names(rule)}
            asked = rules.evaluate(rule, known)
            answered = ~np.isnan(reader.column(name))
            rows.append(
                {
                    "item": name,
                    "asked_if": rule,
                    "asked": int((asked == 1).sum()),
                    "answered_unasked": int((answered & ~(asked == 1)).sum()),
                    "asked_unanswered": int((~answered & (asked == 1)).sum()),
                }
            )
        columns = ["item", "asked_if", "asked", "answered_unasked", "asked_unanswered"]
        return pd.DataFrame(rows, columns=columns)

    def _weights(self) -> tuple[FloatArray | None, list[str]]:
        name = self.codebook.weights
        return (None, []) if name is None else sampling_weights(self.frame[name], name)

    def _codes(self, name: str | None, rows: IntArray) -> IntArray | None:
        if name is None:
            return None
        codes, _ = pd.factorize(self.labels(name), use_na_sentinel=False)
        return np.asarray(codes, dtype=np.int64)[rows]


def read_survey(
    source: Any,
    scale: Scale | Mapping[str, Scale] | None = None,
    missing: Iterable[float] | float = (),
    reverse: Iterable[str] = (),
    weights: str | None = None,
    strata: str | None = None,
    clusters: str | None = None,
    groups: str | Iterable[str] = (),
    codebook: str | PathLike[str] | Codebook | None = None,
) -> Survey:
    """Read survey answers and say what they mean.

    Parameters
    ----------
    source : str, path or data frame
        A CSV file (any usual delimiter and encoding), or a data frame of any
        library that narwhals knows.
    scale : (low, high) or mapping of str to (low, high), optional
        Ends of the answer scale: one for all items, or per item with ``"*"`` for
        the rest. None: the codebook's; without any scale there are no 0-100 scores.
    missing : float or iterable of float
        Codes that mean "no answer", as ``(98, 99)``.
    reverse : iterable of str
        Items where a high answer is a bad one.
    weights, strata, clusters : str, optional
        Columns of sampling weights and of the sampling design.
    groups : iterable of str
        Columns that divide the sample.
    codebook : str, path or Codebook, optional
        A codebook; what is said here beside it comes first.

    Returns
    -------
    Survey
        The survey. Answers are checked when a model asks for them.

    Raises
    ------
    DataError
        If the source cannot be read or lacks a named column.
    SpecificationError
        If a scale is not a pair of rising numbers, a missing code not a number, or
        a codebook says what it cannot say.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"q1": [1, 5, 99], "q2": [2, 4, 5]})
    >>> read_survey(frame, scale=(1, 5), missing=(99,))
    Survey(3 respondents, 2 columns, pandas data frame)
    """
    frame, name = read_frame(source)
    book = _codebook(codebook)
    scales, problems = _scales(scale)
    codes, code_problems = _codes(missing)
    problems += code_problems
    general = scales.pop("*", book.scale)
    reverse = _names(reverse)
    design = {
        "weights": book.weights if weights is None else weights,
        "strata": book.strata if strata is None else strata,
        "clusters": book.clusters if clusters is None else clusters,
    }
    book_groups = _names(groups) or book.groups
    absent = _unknown_columns(
        frame, {"in scale": scales, "in reverse": reverse}, _computed_items(book)
    )
    absent += _unknown_columns(
        frame,
        {f"as {role}": [name] for role, name in design.items() if name is not None},
    )
    absent += _unknown_columns(frame, {"in groups": book_groups})
    if problems:
        raise SpecificationError([*problems, *absent])
    if absent:
        raise DataError(absent)
    book = book.updated({item: {"scale": ends} for item, ends in scales.items()})
    book = book.updated({item: {"reversed": True} for item in reverse})
    book = replace(
        book,
        scale=general,
        missing=tuple(dict.fromkeys([*book.missing, *codes])),
        weights=design["weights"],
        strata=design["strata"],
        clusters=design["clusters"],
        groups=book_groups,
    )
    return Survey(frame, book, name)


def _codebook(codebook: str | PathLike[str] | Codebook | None) -> Codebook:
    if isinstance(codebook, Codebook):
        return codebook
    return Codebook() if codebook is None else read_codebook(codebook)


def _scales(
    scale: Scale | Mapping[str, Scale] | None,
) -> tuple[dict[str, tuple[float, float]], list[str]]:
    """Return the scale of each item that is named, and of ``"*"``; and problems."""
    if scale is None:
        return {}, []
    named = scale if isinstance(scale, Mapping) else {"*": scale}
    problems: list[str] = []
    pairs: dict[str, tuple[float, float]] = {}
    for name, ends in named.items():
        whose = "all items" if name == "*" else repr(name)
        try:
            low, high = (float(end) for end in ends)
        except (TypeError, ValueError):
            problems.append(
                f"scale of {whose} is {ends!r}; give its lowest and highest answer, "
                "as (1, 10)"
            )
            continue
        if not low < high or np.isinf([low, high]).any():
            problems.append(
                f"scale of {whose} is ({low:g}, {high:g}); it must rise from one "
                "number to another, as (1, 10)"
            )
        pairs[str(name)] = (low, high)
    return pairs, problems


def _codes(missing: Iterable[float] | float | None) -> tuple[list[float], list[str]]:
    """Return the codes that mean "no answer", and what is wrong with them."""
    codes: Any = () if missing is None else missing
    codes = [codes] if isinstance(codes, str | Real) else codes
    if not isinstance(codes, Iterable):
        codes = [codes]
    codes = list(codes)
    if all(isinstance(code, Real) for code in codes):
        return [float(code) for code in codes], []
    return [], [f"missing is {missing!r}; give numbers, as missing=(98, 99)"]


def _names(names: str | Iterable[str] | None) -> tuple[str, ...]:
    if names is None:
        return ()
    if isinstance(names, Iterable) and not isinstance(names, str):
        return tuple(names)
    return (names,)


def _computed_items(book: Codebook) -> set[str]:
    """Return the items with rules; what is said of them needs no column."""
    published = (item for model in CATALOG.values() for item in model.instrument)
    return {item.name for item in (*book.items, *published) if item.derive}


def _unknown_columns(
    frame: pd.DataFrame,
    used: Mapping[str, Iterable[str]],
    computed: Collection[str] = (),
) -> list[str]:
    """Return one problem per name, by where it was used, that isn't a column."""
    columns = {*frame.columns, *computed}
    return [
        problem
        for where, names in used.items()
        for problem in unknown(
            "column",
            [name for name in names if str(name) not in columns],
            frame.columns,
            where,
        )
    ]
