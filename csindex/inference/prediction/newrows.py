"""Answers of respondents whom a fit hasn't seen, read as the fit's own were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from csindex.codebook import Codebook, maps, rules
from csindex.errors import DataError, quoted, unknown
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.model import Item
from csindex.results import Results
from csindex.survey import Survey, read_survey
from csindex.survey.items import ItemReader


@dataclass(frozen=True, eq=False)
class NewRows:
    """Answers of n respondents to the p items of a model without terms.

    Attributes
    ----------
    values : ndarray of shape (n, p)
        Answers on the scales of the fit; NaN for gaps and for columns that aren't
        there.
    survey : Survey
        What they were read from.
    absent : tuple of str
        Items without a column, which nothing is predicted from.
    """

    values: FloatArray
    survey: Survey
    absent: tuple[str, ...]


def new_rows(
    results: Results, rows: Any, items: Sequence[str], needed: BoolArray
) -> NewRows:
    """Read answers as the fit's own were read.

    Parameters
    ----------
    results : Results
        The fit.
    rows : Survey, or anything `read_survey` reads
        The answers. A survey has its own codebook; anything else is read by the
        codebook of the fit.
    items : sequence of str
        The p items of the model without terms.
    needed : ndarray of bool of shape (p,)
        Items that something is predicted from, which have to be there.

    Returns
    -------
    NewRows
        The answers.

    Raises
    ------
    DataError
        With every problem: items without a column, text, answers outside the scale,
        another scale than that of the fit.
    """
    survey = rows if isinstance(rows, Survey) else _read(results, rows, items)
    frame = survey.frame
    published = {item.name: item for item in results.model.instrument}
    everyone = np.ones(len(frame), dtype=np.bool_)
    reader = ItemReader(frame, survey.codebook, published, everyone)
    there = [_available(frame, reader.item(name)) for name in items]
    problems = unknown(
        "column",
        [n for n, own, must in zip(items, there, needed, strict=True) if must > own],
        frame.columns,
        "in the fit, which predictions are made from",
    )
    values = np.full((len(frame), len(items)), np.nan)
    for k, name in enumerate(items):
        if not there[k]:
            continue
        # a column is turned round when it is read
        upright = replace(reader.item(name), reversed=False)
        before = len(reader.problems)
        answers = reader.column(name)
        if len(reader.problems) == before:
            problems += maps.answer_problems(answers, upright)
            values[:, k] = maps.scored(answers, upright)
            problems += _scale_problems(results, reader.item(name), values[:, k])
    if problems := [*problems, *reader.problems]:
        raise DataError(list(dict.fromkeys(problems)))
    absent = [name for name, own in zip(items, there, strict=True) if not own]
    return NewRows(values, survey, tuple(absent))


def _read(results: Results, rows: Any, items: Sequence[str]) -> Survey:
    """Return answers with the codebook of the fit; its design is that of the fit."""
    if results.survey is not None:
        book = replace(
            results.survey.codebook, weights=None, strata=None, clusters=None, groups=()
        )
    else:
        made = results.moments.select(tuple(items))
        ends = zip(items, made.low.tolist(), made.high.tolist(), strict=True)
        book = Codebook(
            [
                Item(name, scale=(low, high))
                for name, low, high in ends
                if np.isfinite([low, high]).all()
            ]
        )
    return read_survey(rows, codebook=book)


def _available(frame: pd.DataFrame, item: Item) -> bool:
    """Return whether an item has a column, or those that it is computed from."""
    if item.name in frame.columns:
        return True
    stated = [rule for pair in item.derive for rule in pair]
    sources = {name for rule in stated for name in rules.names(rule)}
    return bool(sources) and sources <= {*frame.columns}


def _scale_problems(results: Results, item: Item, values: FloatArray) -> list[str]:
    """Return why answers aren't on the scale of the fit."""
    position = results.moments.names.index(item.name)
    low, high = (
        float(ends[position]) for ends in (results.moments.low, results.moments.high)
    )
    own = maps.score_scale(item)
    if np.isnan([low, high]).any() or own == (low, high):
        return []
    if own is not None:
        return [
            f"column {item.name!r} is on {own[0]:g} to {own[1]:g}, in the fit on "
            f"{low:g} to {high:g}; bring the answers to the scale of the fit"
        ]
    outside = values[(values < low) | (values > high)]
    if not outside.size:
        return []
    return [
        f"column {item.name!r} has answers outside the fit's scale {low:g} to "
        f"{high:g}: {quoted(sorted(set(outside.tolist())), 5)}; say which codes mean "
        "'no answer', as csi.read_survey(..., missing=(...)), or bring them to that "
        "scale"
    ]
