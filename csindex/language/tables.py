"""Tables as text of at most 80 columns, and as HTML."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from csindex.language.visible import visible

Formats = Mapping[str, Callable[[Any], str]]

# columns of a terminal
WIDTH = 80
# what a text keeps in a crowded table before the table is divided
_LONGEST = 16


def table_text(
    table: pd.DataFrame,
    digits: int = 3,
    formats: Formats | None = None,
    index: bool = False,
) -> str:
    """Return a table as lines of at most 80 columns.

    Long texts are cut first, with an ellipsis; a table that is still too wide goes on
    below with its other columns, beside the same labels.

    Parameters
    ----------
    table : DataFrame
        The table.
    digits : int
        Decimals of numbers.
    formats : mapping of str to callable, optional
        Columns that are printed otherwise.
    index : bool
        Whether rows' labels are printed.

    Returns
    -------
    str
        The lines; "none" without rows.
    """
    if table.empty:
        return "none"
    columns = _fitted(list(_columns(table, digits, formats or {}, index)))
    return "\n\n".join(_block(block) for block in _divided(columns))


def table_html(
    table: pd.DataFrame,
    digits: int = 3,
    formats: Formats | None = None,
    index: bool = False,
) -> str:
    """Return a table as HTML, with every name escaped.

    Parameters
    ----------
    table : DataFrame
        The table.
    digits, formats, index
        As for `table_text`.

    Returns
    -------
    str
        The table with all columns that have values, uncut.
    """
    if table.empty:
        return "<p>none</p>"
    columns = list(_columns(table, digits, formats or {}, index))
    frame = pd.DataFrame(dict(enumerate(column.cells for column in columns)))
    frame.columns = pd.Index([column.name for column in columns], dtype=object)
    with pd.option_context("display.max_colwidth", None):
        return str(frame.to_html(index=False, border=0))


def number_text(value: float, digits: int, chance: bool = False) -> str:
    """Return a number as it is printed.

    Parameters
    ----------
    value : float
        The number.
    digits : int
        Decimals.
    chance : bool
        Whether it is a p-value, which is never printed as zero.

    Returns
    -------
    str
        The text; zero has no sign.

    Examples
    --------
    >>> number_text(-0.00004, 3), number_text(0.00004, 3, chance=True)
    ('0.000', '<0.001')
    """
    least = 10.0**-digits
    if chance and 0 <= value < least:
        return f"<{least:.{digits}f}"
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text


def floored(floor: float, digits: int = 3) -> Formats:
    """Return how p-values print that can't fall below a floor.

    Parameters
    ----------
    floor : float
        The least p-value that can be had, as 2 / (b + 1) from b resamples.
    digits : int
        Decimals.

    Returns
    -------
    mapping of str to callable
        For the columns ``p``: a value at the floor is marked by "≤".

    Examples
    --------
    >>> told = floored(2 / 201)["p"]
    >>> told(2 / 201), told(0.0213), floored(2 / 10001)["p"](2 / 10001)
    ('≤0.010', '0.021', '<0.001')
    """

    def told(value: float) -> str:
        usual = number_text(value, digits, chance=True)
        at_floor = value <= floor * (1 + 1e-9) and not usual.startswith("<")
        return f"≤{usual}" if at_floor else usual

    return {"p": told}


def filled(text: str, width: int = WIDTH) -> str:
    """Return text in lines of at most a width, the later ones indented.

    Parameters
    ----------
    text : str
        The text.
    width : int
        Columns of a line; a Chinese character takes two.

    Returns
    -------
    str
        The lines.

    Examples
    --------
    >>> print(filled("what a flag says", 10))
    what a
      flag
      says
    """
    indent = "  "
    lines = [""]
    for word in visible(text).split():
        for piece in _pieces(word, width - len(indent)):
            longer = f"{lines[-1]} {piece}" if lines[-1] else piece
            if width_of(longer) <= width:
                lines[-1] = longer
            else:
                lines.append(indent + piece)
    return "\n".join(lines)


def width_of(text: str) -> int:
    """Return the columns of a terminal that a text takes.

    Parameters
    ----------
    text : str
        One line.

    Returns
    -------
    int
        One for each character, two for a wide one, none for a combining one.

    Examples
    --------
    >>> width_of("value"), width_of("满意")
    (5, 4)
    """
    return sum(_character_width(character) for character in text)


def named(names: Sequence[str], most: int = 6) -> str:
    """Return names as part of a sentence.

    Parameters
    ----------
    names : sequence of str
        The names.
    most : int
        How many are told.

    Returns
    -------
    str
        The names with commas, "none" for none.

    Examples
    --------
    >>> named(["a", "b", "c"], 2), named([])
    ('a, b and 1 more', 'none')
    """
    told = ", ".join(names[:most]) or "none"
    return f"{told} and {len(names) - most} more" if len(names) > most else told


@dataclass(frozen=True)
class _Column:
    """A column as it is printed; numbers are never cut."""

    name: str
    cells: tuple[str, ...]
    numeric: bool

    @property
    def width(self) -> int:
        return max(map(width_of, (self.name, *self.cells)))

    def cut(self, width: int) -> _Column:
        cells = tuple(_cut(cell, width) for cell in self.cells)
        return replace(self, name=_cut(self.name, width), cells=cells)


def _columns(
    table: pd.DataFrame, digits: int, formats: Formats, index: bool
) -> Iterator[_Column]:
    """Yield the columns that have values."""
    if index:
        for level, name in enumerate(table.index.names):
            values = table.index.get_level_values(level)
            yield _column("" if name is None else str(name), values, digits, formats)
    for name, series in table.items():
        column = _column(str(name), series, digits, formats)
        if any(column.cells):
            yield column


def _column(
    name: str, values: pd.Series | pd.Index, digits: int, formats: Formats
) -> _Column:
    listed = list(values)
    known = [value for value in listed if not _missing(value)]
    numeric = bool(known) and all(map(_is_number, known))
    is_chance = name in {"p", "pvalue"} or name.startswith("p_")
    whole = numeric and not is_chance and all(map(_is_whole, known))

    def cell(value: Any) -> str:
        if _missing(value):
            return ""
        if name in formats:
            return formats[name](value)
        if isinstance(value, bool | np.bool_):
            return "yes" if value else "no"
        if not _is_number(value):
            return visible(value)
        return number_text(value, 0 if whole else digits, is_chance)

    cells = tuple(map(cell, listed))
    return _Column(visible(name), cells, numeric)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return bool(np.isfinite(value)) and float(value).is_integer()


def _missing(value: object) -> bool:
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def _fitted(columns: list[_Column]) -> list[_Column]:
    """Return the columns, the widest texts cut as far as needed and allowed."""
    fitted = list(columns)
    while (over := _total(fitted) - WIDTH) > 0:
        wide = [k for k, column in enumerate(fitted) if column.width > _LONGEST]
        texts = [k for k in wide if not fitted[k].numeric]
        if not texts:
            break
        widest = max(texts, key=lambda k: fitted[k].width)
        width = max(_LONGEST, fitted[widest].width - over)
        fitted[widest] = fitted[widest].cut(width)
    return fitted


def _divided(columns: list[_Column]) -> Iterator[list[_Column]]:
    """Yield columns that fit beside each other; each time the labels come first."""
    if _total(columns) <= WIDTH:
        yield columns
        return
    numbers = [k for k, column in enumerate(columns) if column.numeric]
    labels = columns[: min(3, max(1, numbers[0] if numbers else 1))]
    while len(labels) > 1 and _total(labels) > WIDTH // 2:
        labels = labels[:-1]
    rest = columns[len(labels) :]
    block = list(labels)
    for column in rest:
        if len(block) > len(labels) and _total([*block, column]) > WIDTH:
            yield block
            block = list(labels)
        room = WIDTH - _total(block) - 1
        block.append(column if column.width <= room else column.cut(room))
    yield block


def _total(columns: Sequence[_Column]) -> int:
    return sum(column.width for column in columns) + max(len(columns) - 1, 0)


def _block(columns: Sequence[_Column]) -> str:
    rows = zip(*((column.name, *column.cells) for column in columns), strict=True)
    widths = [column.width for column in columns]
    return "\n".join(
        " ".join(
            " " * (width - width_of(cell)) + cell
            for cell, width in zip(row, widths, strict=True)
        )
        for row in rows
    )


def _cut(text: str, width: int) -> str:
    if width_of(text) <= width:
        return text
    kept = ""
    for character in text:
        if width_of(kept + character) >= width:
            break
        kept += character
    return kept + "…"


def _pieces(word: str, width: int) -> Iterator[str]:
    """Yield a word in pieces of at most a width, most often in one."""
    piece = ""
    for character in word:
        if width_of(piece + character) > width:
            yield piece
            piece = ""
        piece += character
    yield piece


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
