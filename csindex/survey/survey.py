"""A survey: answers together with all that is known about them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from csindex.codebook import Codebook, maps, rules
from csindex.errors import AnswersWarning, DataError, SpecificationError, unknown
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.model import Item
from csindex.survey.absent import absent_problems
from csindex.survey.answers import Answers
from csindex.survey.arguments import (
    Column,
    Roles,
    codebook_of,
    codes_of,
    computed_items,
    designed,
    names_of,
    scales_of,
    unknown_columns,
    with_file,
)
from csindex.survey.arguments import Scale as Scale
from csindex.survey.columns import sampling_weights
from csindex.survey.doubts import doubts
from csindex.survey.gaps import (
    Incomplete,
    check_enough,
    check_treatment,
    unasked_items,
)
from csindex.survey.items import ItemReader
from csindex.survey.labelled import named
from csindex.survey.reading import read_table


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

        Warns
        -----
        AnswersWarning
            Once per survey, of answers that were hardly meant so: usual codes of "no
            answer" in items without a scale; items of two answers, or all items, that
            leave the upper part of the general scale unused.
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
        absent = absent_problems(reader.absent, items, self.frame.columns, self.source)
        if problems := [*problems, *absent, *dict.fromkeys(reader.problems), *unasked]:
            raise DataError(problems)
        self._tell_doubts(
            doubts(
                [reader.item(name) for name in items],
                [reader.general(name) for name in items],
                values,
            )
        )
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
            strata=self._codes("strata", self.codebook.strata, rows),
            clusters=self._codes("clusters", self.codebook.clusters, rows),
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
            The labels, in the order of the answers; missing where there is none. What
            the codebook calls the codes of the column, if it names all that there are.

        Raises
        ------
        DataError
            If there is no such column, or it holds lists or other things that
            can't be labels.
        """
        if problems := unknown("column", [by], self.frame.columns, "in by"):
            raise DataError(problems)
        labels = self.frame[by].reset_index(drop=True)
        known = self.codebook.by_name.get(by)
        try:
            labels.unique()
            if known is not None and known.missing:
                labels = labels.mask(labels.isin(known.missing))
            if known is not None and known.labels:
                labels = named(labels, known.labels)
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

    @cached_property
    def _told(self) -> set[str]:
        """The doubts that have been told."""
        return set()

    def _tell_doubts(self, found: Sequence[str]) -> None:
        for doubt in found:
            if doubt not in self._told:
                self._told.add(doubt)
                warnings.warn(doubt, AnswersWarning, stacklevel=4)

    def _weights(self) -> tuple[FloatArray | None, list[str]]:
        name = self.codebook.weights
        return (None, []) if name is None else sampling_weights(self.frame[name], name)

    def _codes(self, role: str, name: str | None, rows: IntArray) -> IntArray | None:
        if name is None:
            return None
        labels = self.labels(name).iloc[rows]
        blank = labels.isna() | labels.astype(str).str.strip().eq("")
        if blank.any():
            raise DataError(
                f"column {name!r} tells the {role} of the sample, but is empty for "
                f"{int(blank.sum())} of {len(labels)} respondents, who would count as "
                "one; fill it in, or leave these respondents out"
            )
        codes, _ = pd.factorize(labels)
        return np.asarray(codes, dtype=np.int64)


def read_survey(
    source: Any,
    scale: Scale | Mapping[str, Scale] | None = None,
    missing: Iterable[float] | float = (),
    reverse: Iterable[str] = (),
    weights: Column = None,
    strata: Column = None,
    clusters: Column = None,
    groups: str | Iterable[str] = (),
    codebook: str | PathLike[str] | Codebook | None = None,
    sheet: str | int | None = None,
) -> Survey:
    """Read survey answers and say what they mean.

    Parameters
    ----------
    source : str, path, data frame or mapping of str to columns
        A file: CSV (any usual delimiter and encoding), Excel or OpenDocument, SPSS
        (.sav, .zsav), Stata (.dta), Parquet or Feather; its content tells which. Or a
        data frame of any library that narwhals knows.
    scale : (low, high) or mapping of str to (low, high), optional
        Ends of the answer scale: one for all items, or per item with ``"*"`` for
        the rest. None: the codebook's; without any scale there are no 0-100 scores.
    missing : float or iterable of float
        Codes that mean "no answer", as ``(98, 99)``.
    reverse : iterable of str
        Items where a high answer is a bad one.
    weights, strata, clusters : str or array of length n, optional
        Columns of sampling weights and of the sampling design, or what would be in
        them, one value per respondent.
    groups : iterable of str
        Columns that divide the sample.
    codebook : str, path or Codebook, optional
        A codebook; what is said here beside it comes first.
    sheet : str or int, optional
        Name or position, from 0, of a workbook's sheet; needed if it has several.

    Returns
    -------
    Survey
        The survey. Answers are checked when a model asks for them.

    Notes
    -----
    Files of SPSS and Stata say what their columns mean: question texts, the scale of
    an item by its lowest and highest labelled answer, user-missing codes. What a
    codebook, or this call, says of the same item comes first; missing codes add up.

    Raises
    ------
    DataError
        If the source cannot be read or lacks a named column; if weights, strata or
        clusters are of another length, or of another index than a data frame.
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
    table = read_table(source, sheet)
    book = with_file(codebook_of(codebook), table.codebook)
    scales, problems = scales_of(scale)
    codes, code_problems = codes_of(missing)
    problems += code_problems
    general = scales.pop("*", book.scale)
    reverse = names_of(reverse)
    roles: Roles = {
        "weights": book.weights if weights is None else weights,
        "strata": book.strata if strata is None else strata,
        "clusters": book.clusters if clusters is None else clusters,
    }
    index = source.index if isinstance(source, pd.DataFrame) else None
    design = designed(table.frame, roles, index)
    frame, absent = design.frame, [*design.problems]
    book_groups = names_of(groups) or book.groups
    absent += unknown_columns(
        frame, {"in scale": scales, "in reverse": reverse}, computed_items(book)
    )
    absent += unknown_columns(
        frame,
        {
            f"as {role}": [name]
            for role, name in design.names.items()
            if name is not None
        },
    )
    absent += unknown_columns(frame, {"in groups": book_groups})
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
        weights=design.names["weights"],
        strata=design.names["strata"],
        clusters=design.names["clusters"],
        groups=book_groups,
    )
    return Survey(frame, book, table.name)
