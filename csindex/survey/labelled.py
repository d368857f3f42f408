"""Files with labels: SPSS and Stata say what their columns mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from csindex.codebook import Codebook
from csindex.codebook.codes import stray_codes
from csindex.errors import DataError
from csindex.model import Item
from csindex.survey.cells import column_of, whole
from csindex.survey.frames import installed

# encodings of old files that don't name theirs, or name a wrong one
_ENCODINGS = (None, "GB18030", "WINDOWS-1252")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
# labels of codes that are no answers
_NO_ANSWER = re.compile(
    r"(?i)\W*(?:don'?t know|do not know|dk|no answer|no opinion|refus(?:ed|al)|"
    r"not? (?:applicable|asked|answered|stated)|does(?:n'?t| not) apply|missing|"
    r"n/?a|can'?t say|cannot say|不知道|不清楚|不适用|拒答|拒绝回答|无回答|未回答|"
    r"说不清|无法回答)\b.*",
    re.DOTALL,
)


@dataclass(frozen=True)
class Labelled:
    """A kind of file with labels.

    Attributes
    ----------
    kind : str
        What it is, for messages.
    reader : str
        The function of pyreadstat that reads it.
    options : mapping of str to bool
        How it is called.
    """

    kind: str
    reader: str
    options: Mapping[str, bool]


SPSS = Labelled("an SPSS file", "read_sav", {"user_missing": True})
# the codes .a to .z of Stata aren't numbers, and so are gaps at once
STATA = Labelled("a Stata file", "read_dta", {})


def read_labelled(path: Path, kind: Labelled) -> tuple[pd.DataFrame, Codebook]:
    """Return the answers in a file of SPSS or Stata, and what it says about them.

    Parameters
    ----------
    path : Path
        The file.
    kind : Labelled
        What it is.

    Returns
    -------
    frame : DataFrame
        The answers: codes, not labels; user-missing codes are still there.
    codebook : Codebook
        For every column of which something is said: its label as the question's
        text, the labels of its codes, its user-missing codes, and as scale the lowest
        and the highest code with a label, those apart that mean no answer.

    Raises
    ------
    DataError
        If the file is damaged.
    """
    frame, about = _read(path, kind)
    labels: Mapping[str, Mapping[Any, str]] = about.variable_value_labels
    texts: Mapping[str, str | None] = about.column_names_to_labels
    ranges: Mapping[str, Iterable[Mapping[str, Any]]] = about.missing_ranges or {}
    columns: dict[str, pd.Series] = {}
    items: list[Item] = []
    for name in map(str, frame.columns):
        column, missing = _column(frame[name], list(ranges.get(name, ())))
        columns[name] = column
        item = _item(name, texts.get(name) or "", labels.get(name, {}), missing)
        if item != Item(name):
            items.append(item)
    return pd.DataFrame(columns, index=range(len(frame))), Codebook(items)


def _read(path: Path, kind: Labelled) -> tuple[pd.DataFrame, Any]:
    pyreadstat = installed("pyreadstat", "files of SPSS and Stata", "pyreadstat")
    errors = (
        pyreadstat.ReadstatError,
        pyreadstat.PyreadstatError,
        UnicodeDecodeError,
        ValueError,
        OSError,
    )
    problems: list[Exception] = []
    for encoding in _ENCODINGS:
        try:
            frame, about = getattr(pyreadstat, kind.reader)(
                str(path), encoding=encoding, **kind.options
            )
        except errors as error:
            problems.append(error)
            if "encoding" not in str(error) and not isinstance(
                error, UnicodeDecodeError
            ):
                break
            continue
        return frame, about
    raise DataError(
        f"{str(path)!r} is {kind.kind} that can't be read: {problems[0]}; save it "
        "again, or export the answers as CSV"
    ) from problems[0]


def _column(
    column: pd.Series, ranges: Iterable[Mapping[str, Any]]
) -> tuple[pd.Series, tuple[float, ...]]:
    """Return a column, and the codes in it that its user calls missing."""
    if not (
        isinstance(column.dtype, np.dtype)
        and np.issubdtype(column.dtype, np.number)
        and column.dtype.kind in "iuf"
    ):
        texts = {str(end["lo"]) for end in ranges}
        return column_of(
            [
                None if isinstance(cell, str) and cell in texts else cell
                for cell in column.to_list()
            ]
        ), ()
    seen = np.unique(column.dropna().to_numpy(dtype=np.float64))
    codes: set[float] = set()
    for ends in ranges:
        low, high = float(ends["lo"]), float(ends["hi"])
        codes |= {low} if low == high else set(seen[(seen >= low) & (seen <= high)])
    return whole(column), tuple(sorted(float(code) for code in codes))


def _item(
    name: str, text: str, labels: Mapping[Any, str], missing: tuple[float, ...]
) -> Item:
    """Return what a file says about a column."""
    text = text.strip()
    coded = {
        float(code): str(label)
        for code, label in labels.items()
        if isinstance(code, int | float)
    }
    item = Item(
        name,
        scale=_scale(coded, missing),
        missing=missing,
        labels=tuple(sorted(coded.items())),
    )
    if text in ("", name):
        return item
    if _CHINESE.search(text):
        return replace(item, zh=text)
    return replace(item, en=text)


def _scale(
    labels: Mapping[float, str], missing: tuple[float, ...]
) -> tuple[float, float] | None:
    """Return the lowest and the highest code that is labelled as an answer."""
    codes = [code for code, label in labels.items() if not _NO_ANSWER.fullmatch(label)]
    answers = np.array(sorted(set(codes) - set(missing)))
    kept = np.setdiff1d(answers, stray_codes(answers))
    return (float(kept[0]), float(kept[-1])) if len(kept) > 1 else None


def named(codes: pd.Series, labels: Iterable[tuple[float, str]]) -> pd.Series:
    """Return what the codes in a column mean.

    Parameters
    ----------
    codes : Series of length n
        The codes; missing where there is none.
    labels : iterable of (float, str)
        What each code means.

    Returns
    -------
    Series of length n
        Categories in the order of the codes, of one text each; two codes of one text
        are told apart by their numbers. The codes, if some of them mean nothing.

    Examples
    --------
    >>> named(pd.Series([2, 1, 2]), [(1, "south"), (2, "north")]).tolist()
    ['north', 'south', 'north']
    """
    known = dict(sorted(labels))
    if not codes.dropna().isin(list(known)).all():
        return codes
    texts = list(known.values())
    names = {
        code: text if text.strip() and texts.count(text) == 1 else f"{text} ({code:g})"
        for code, text in known.items()
    }
    return codes.map(names).astype(pd.CategoricalDtype(list(names.values())))
