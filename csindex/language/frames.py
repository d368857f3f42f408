"""Frames and series that print whole, in lines of at most 80 columns."""

from __future__ import annotations

import math
from html import escape
from itertools import takewhile
from typing import Any

import numpy as np
import pandas as pd

from csindex.language.tables import (
    WIDTH,
    filled,
    floored,
    number_text,
    table_text,
    width_of,
)
from csindex.language.visible import visible

# decimals, and rows at each end of a long frame
_DIGITS, _ENDS = 4, 10
# a longer series isn't a list to be read
_LONG = 200


class Table(pd.DataFrame):  # type: ignore[misc]
    """A DataFrame that prints with all of its columns, in lines of at most 80.

    What is taken from it prints so, too; in everything else it is the DataFrame that
    it is made of. Row numbers and columns without any value aren't printed; of a table
    with more rows than ``pandas.options.display.max_rows``, the ends are.

    Attributes
    ----------
    attrs : dict
        Under ``"p_floor"`` the least p-value that can be had, if there is one; values
        there print with "≤". Under ``"below"`` the columns of long texts, which are
        printed below, row by row, and under ``"notes"`` sentences for the end.

    Examples
    --------
    >>> Table({"path": ["a -> b", "b -> c"], "estimate": [0.25, -0.5], "df": [3, 4]})
      path estimate df
    a -> b     0.25  3
    b -> c    -0.50  4
    """

    @property
    def _constructor(self) -> type[Table]:
        return Table

    def __repr__(self) -> str:
        if self.empty or self.columns.nlevels > 1:
            return repr(pd.DataFrame(self))
        most, digits = pd.get_option("display.max_rows"), _decimals(self)
        floor = self.attrs.get("p_floor")
        formats = {} if floor is None else floored(floor, digits)
        labelled = not (
            self.index.nlevels == 1
            and self.index.name is None
            and pd.api.types.is_integer_dtype(self.index)
        )
        shown, notes = self, list(self.attrs.get("notes", ()))
        if most and len(self) > most:
            size = min(_ENDS, max(1, most // 2))
            shown = self.iloc[[*range(size), *range(len(self) - size, len(self))]]
            notes = [f"The first and the last {size} of {len(self)} rows", *notes]
        below = [name for name in self.attrs.get("below", ()) if name in self]
        table = shown.drop(columns=below)
        text = "" if table.empty else table_text(table, digits, formats, labelled)
        told = [_texts(shown, below), notes]
        parts = [text, *("\n".join(map(filled, lines)) for lines in told)]
        return "\n\n".join(filter(None, parts))

    def _repr_html_(self) -> str | None:
        html: str | None = super()._repr_html_()
        notes = self.attrs.get("notes", ())
        return html and html + "".join(f"<p>{escape(visible(n))}</p>" for n in notes)


class Listing(pd.Series):  # type: ignore[misc]
    """A Series of named values that prints one a line, with all that they say.

    In everything else it is the Series that it is made of. Long texts go on below, and
    numbers are printed without powers of ten.

    Examples
    --------
    >>> Listing({"chisq": 989.1774, "df": 69.0, "pvalue": 6e-163})
    chisq   989.1774
    df            69
    pvalue   <0.0001
    """

    @property
    def _constructor(self) -> type[Listing]:
        return Listing

    @property
    def _constructor_expanddim(self) -> type[Table]:
        return Table

    def __repr__(self) -> str:
        names = [visible(name) for name in self.index]
        left = max(map(width_of, names), default=0) + 2
        if not 0 < len(self) <= _LONG or self.index.nlevels > 1 or left > WIDTH // 2:
            return repr(pd.Series(self))
        cells = [_told(name, value) for name, value in zip(names, self, strict=True)]
        numeric = pd.api.types.is_numeric_dtype(self)
        right = max(map(width_of, cells)) if numeric else 0
        lines: list[str] = []
        for name, cell in zip(names, cells, strict=True):
            first, *further = filled(cell, WIDTH - left).splitlines() or [""]
            space = " " * (left - width_of(name))
            lines.append(f"{name}{space}{first.rjust(right)}".rstrip())
            lines += [" " * left + line for line in further]
        return "\n".join(lines)


def _told(name: str, value: Any) -> str:
    """Return a value of a list as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return visible(value)
    number, chance = float(value), "pvalue" in name
    if math.isnan(number):
        return ""
    whole = number.is_integer() and not chance
    return number_text(number, 0 if whole else _DIGITS, chance)


def _texts(table: pd.DataFrame, columns: list[str]) -> list[str]:
    """Return some columns' texts as a line for each row, after what it is called."""
    kept = [name for name in table if name not in columns]
    names = list(takewhile(lambda name: not _numeric(table[name]), kept))[:2]
    lines: list[str] = []
    for row in table[[*names, *columns]].astype(str).itertuples(index=False):
        label, texts = ", ".join(row[: len(names)]), filter(None, row[len(names) :])
        lines.append(": ".join(filter(None, [label, "; ".join(texts)])))
    return lines if columns else []


def _numeric(values: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values))


def _decimals(table: pd.DataFrame) -> int:
    """Return the decimals that tell a frame's numbers, fewer if it was rounded."""
    values = table.select_dtypes("floating").to_numpy(dtype=np.float64, na_value=np.nan)
    known = values[np.isfinite(values)]
    told = (k for k in range(_DIGITS) if np.abs(known - known.round(k)).max() < 1e-12)
    return next(told, _DIGITS) if known.size else _DIGITS
