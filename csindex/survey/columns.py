"""One column of answers: from what a file holds to numbers on a scale."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from csindex.codebook.codes import MISSING_TEXTS as MISSING_TEXTS
from csindex.codebook.codes import USUAL_CODES, with_points
from csindex.errors import quoted
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.model import Item

# answers of yes-no questions in columns that aren't all true or false
_TRUTHS = {"true": 1.0, "false": 0.0}
_YES_NO = frozenset({"yes", "no", "y", "n", "是", "否", "有", "没有"})
# a number with its label, as '10 - very satisfied'
_LABELLED = re.compile(
    r"([-+]?\d+(?:[.,]\d+)?)\s*[-\u2013\u2014=:.()/\uff08]*\s*[^\W\d].*", re.DOTALL
)
# characters of a text that a message shows
_SHOWN = 40
# a hint names these; nothing is done to them
_HINTED = USUAL_CODES | {0.0}


def numbers(
    column: pd.Series, item: Item, used: BoolArray | None = None
) -> tuple[FloatArray, list[str]]:
    """Return the answers to one item, and what is wrong with them.

    Parameters
    ----------
    column : Series of length n
        The column as it was read.
    item : Item
        Scale, missing codes and direction of the item.
    used : ndarray of bool of shape (n,), optional
        Rows whose answers are looked at for problems.

    Returns
    -------
    answers : ndarray of shape (n,)
        Numbers on the item's scale, reversed items turned round, NaN where there
        is no answer.
    problems : list of str
        Text, infinite values, answers outside the scale, a direction that needs
        one.
    """
    answers, texts = _converted(column)
    if texts:
        return answers, [
            f"column {item.name!r} must hold numbers but has {quoted(texts, 5)}; "
            f"{_advice(texts)}, or leave the item out of the model"
        ]
    if item.missing:
        answers = np.where(np.isin(answers, item.missing), np.nan, answers)
    seen = answers[used] if used is not None else answers
    problems = _value_problems(seen[~np.isnan(seen)], item)
    if item.reversed and item.scale is None:
        problems.append(
            f"column {item.name!r} is reversed but has no scale; say "
            f"scale={{{item.name!r}: (1, 10)}} with its ends"
        )
    return _turned(answers, item), problems


def silences(answers: FloatArray, item: Item) -> list[str]:
    """Return why answers to an item of a model tell nothing.

    Parameters
    ----------
    answers : ndarray of shape (n,)
        The answers that are used, as `numbers` returns them.
    item : Item
        The item.

    Returns
    -------
    list of str
        No answers at all, or one and the same answer everywhere.
    """
    seen = _turned(answers[~np.isnan(answers)], item)
    if seen.size == 0:
        return [
            f"column {item.name!r} has no answers at all; leave the item out of the "
            "model"
        ]
    if seen.size > 1 and seen.min() == seen.max():
        return [
            f"column {item.name!r} is constant: every answer is {seen[0]:g}; an item "
            "that doesn't vary tells nothing, leave it out of the model"
        ]
    return []


def sampling_weights(column: pd.Series, name: str) -> tuple[FloatArray, list[str]]:
    """Return the sampling weights in a column, and what is wrong with them.

    Parameters
    ----------
    column : Series of length n
        The column as it was read.
    name : str
        Its name.

    Returns
    -------
    weights : ndarray of shape (n,)
        The weights.
    problems : list of str
        Text, negative, missing or infinite weights, or zeros only.
    """
    weights, texts = _converted(column)
    if texts:
        return weights, [
            f"weights column {name!r} must hold numbers but has {quoted(texts, 5)}; "
            "recode these, or name the right column"
        ]
    counts = {
        "negative": int((weights < 0).sum()),
        "missing": int(np.isnan(weights).sum()),
        "infinite": int(np.isposinf(weights).sum()),
    }
    if bad := [f"{count} {kind}" for kind, count in counts.items() if count]:
        return weights, [
            f"weights column {name!r} has {' and '.join(bad)} values; every respondent "
            "needs a weight of zero or more, zero leaves one out"
        ]
    if not weights.any():
        return weights, [
            f"weights column {name!r} is zero for every respondent; some weight must "
            "be positive"
        ]
    return weights, []


def _turned(answers: FloatArray, item: Item) -> FloatArray:
    """Return answers to a reversed item turned round; others as they are."""
    if not item.reversed or item.scale is None:
        return answers
    return item.scale[0] + item.scale[1] - answers


def _converted(column: pd.Series) -> tuple[FloatArray, list[str]]:
    """Return the column as floats, and the texts that aren't numbers."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf":
        return column.to_numpy().astype(np.float64), []
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    kinds = pd.api.types
    if kinds.is_numeric_dtype(column.dtype) and not kinds.is_complex_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan), []
    cells = [
        "" if value is None or value is pd.NaT or value is pd.NA else str(value)
        for value in column
    ]
    values, texts = _read_texts(cells)
    if texts and (pointed := with_points(cells)) is not cells:
        values, texts = _read_texts(pointed)
    return values, texts


def _read_texts(cells: Sequence[str]) -> tuple[FloatArray, list[str]]:
    """Return the numbers that texts are, and those texts that are none."""
    texts: list[str] = []
    values = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        text = cell.strip()
        word = text.lower()
        if word in MISSING_TEXTS:
            continue
        try:
            values[row] = _TRUTHS[word] if word in _TRUTHS else _number(text)
        except ValueError:
            texts.append(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
    return values, list(dict.fromkeys(texts))


def _number(text: str) -> float:
    if "_" in text:  # Python reads 1_0 as ten
        raise ValueError(text)
    return float(text)


def _advice(texts: Sequence[str]) -> str:
    """Return how answers in words become numbers."""
    labelled = [match for text in texts if (match := _LABELLED.fullmatch(text))]
    if len(labelled) == len(texts):
        example = labelled[0]
        return (
            "recode these answers: keep their number only, as "
            f"{example[1]} for {example.group()!r}"
        )
    if {text.lower() for text in texts} <= _YES_NO:
        return "recode these answers: 1 for yes and 0 for no, with the scale (0, 1)"
    return "recode these answers: numbers, and nothing where there is no answer"


def _value_problems(seen: FloatArray, item: Item) -> list[str]:
    if np.isinf(seen).any():
        return [
            f"column {item.name!r} has {int(np.isinf(seen).sum())} infinite values; "
            "mend or recode them"
        ]
    if item.scale is None:
        return []
    low, high = item.scale
    outside = seen[(seen < low) | (seen > high)]
    return [_outside(item, outside, np.unique(seen))] if outside.size else []


def _outside(item: Item, outside: FloatArray, levels: FloatArray) -> str:
    counts = Counter(outside.tolist())
    shown = ", ".join(
        f"{value:g} ({count} {'time' if count == 1 else 'times'})"
        for value, count in counts.most_common(5)
    )
    more = f" and {len(counts) - 5} other values" if len(counts) > 5 else ""
    scale = item.scale or (np.nan, np.nan)
    message = (
        f"column {item.name!r} has answers outside its scale {scale[0]:g} to "
        f"{scale[1]:g}: {shown}{more}; "
    )
    if len(levels) == 2 and levels[1] - levels[0] == 1:
        first, last = levels
        return message + (
            f"it has two answers only, so give it a scale of its own, as "
            f"scale={{{item.name!r}: ({first:g}, {last:g})}}, with '*' for the rest"
        )
    codes = sorted(value for value in counts if value in _HINTED)
    if codes and len(codes) == len(counts):
        listed = ", ".join(f"{code:g}" for code in codes)
        verb, comma = ("means", ",") if len(codes) == 1 else ("mean", "")
        return message + (
            f"if {listed} {verb} 'no answer', say missing=({listed}{comma})"
        )
    return message + (
        f"give its real scale, as scale={{{item.name!r}: (low, high)}}, or name the "
        "codes that mean 'no answer' in missing=(...)"
    )


def constant_columns(values: FloatArray, names: Sequence[str]) -> list[str]:
    """Return the names of columns without variance.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Answers without gaps.
    names : sequence of str
        Names of the columns.

    Returns
    -------
    list of str
        The names.
    """
    constant = values.min(axis=0) == values.max(axis=0)
    return [name for name, flag in zip(names, constant, strict=True) if flag]
