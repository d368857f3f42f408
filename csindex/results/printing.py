"""How results print: as text of at most 80 columns, and as HTML for a notebook."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from csindex.language.visible import visible

Formats = Mapping[str, Callable[[Any], str]]

# columns of a terminal
WIDTH = 80
# what a text keeps in a crowded table before the table is divided
_LONGEST = 16


@dataclass(frozen=True, eq=False)
class Page:
    """What is printed of a result.

    Attributes
    ----------
    title : str
        The first lines, the first one with the answer; each is wrapped by itself.
    tables : mapping of str to DataFrame
        Tables by caption, an empty caption for none. Columns without any value are
        left out; a table without rows prints "none".
    notes : sequence of str
        Sentences below the tables.
    digits : int
        Decimals of numbers; whole columns have none, and a p-value that rounds to zero
        says so, as "<0.001".
    formats : mapping of str to callable
        Columns that are printed otherwise.
    index : bool
        Whether rows' labels are printed.
    """

    title: str
    tables: Mapping[str, pd.DataFrame]
    notes: Sequence[str] = ()
    digits: int = 3
    formats: Formats = field(default_factory=dict)
    index: bool = False

    def text(self) -> str:
        """Return the page as text."""
        parts = ["\n".join(filled(line) for line in self.title.splitlines())]
        for caption, table in self.tables.items():
            shown = table_text(table, self.digits, self.formats, self.index)
            parts.append(f"{filled(caption)}\n{shown}" if caption else shown)
        parts.append("\n".join(filled(note) for note in self.notes))
        return "\n\n".join(part for part in parts if part)

    def html(self) -> str:
        """Return the page as HTML, for a notebook; every name in it is escaped."""
        first, *further = self.title.splitlines() or [""]
        parts = [f"<h4>{escape(visible(first))}</h4>"] if first else []
        parts += [f"<p>{escape(visible(line))}</p>" for line in further if line]
        for caption, table in self.tables.items():
            if caption:
                parts.append(f"<p><b>{escape(visible(caption))}</b></p>")
            parts.append(table_html(table, self.digits, self.formats, self.index))
        parts += [f"<p>{escape(visible(note))}</p>" for note in self.notes]
        return f"<div>{''.join(parts)}</div>"


class Printed:
    """Something that prints as the page that its method ``_page`` returns."""

    def _page(self) -> Page:
        raise NotImplementedError

    def __repr__(self) -> str:
        return self._page().text()

    def _repr_html_(self) -> str:
        return self._page().html()


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
    chance = name in {"p", "pvalue"} or name.startswith("p_")
    whole = numeric and not chance and all(map(_is_whole, known))

    def cell(value: Any) -> str:
        if _missing(value):
            return ""
        if name in formats:
            return formats[name](value)
        if isinstance(value, bool | np.bool_):
            return "yes" if value else "no"
        if not _is_number(value):
            return visible(value)
        if chance and 0 <= value < 10**-digits:
            return f"<{10**-digits:.{digits}f}"
        return f"{value:.0f}" if whole else _number(float(value), digits)

    cells = tuple(map(cell, listed))
    return _Column(visible(name), cells, numeric)


def _number(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text


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
    labels = columns[: min(2, max(1, numbers[0] if numbers else 1))]
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
