"""A report as an Excel workbook: one sheet per table, with real numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from csindex.language import Words, visible, words
from csindex.report.blocks import (
    FORMULA,
    Badge,
    Block,
    Bullets,
    Cell,
    Figure,
    Formula,
    Graded,
    Interval,
    Number,
    Page,
    Paragraph,
    Table,
    Text,
    letters,
)
from csindex.report.writing import settled_archive

if TYPE_CHECKING:
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

_NAVY, _SOFT = "#12375E", "#55606E"
_COLOURS = {"good": "#00674D", "acceptable": "#8A5A00", "flagged": "#A83F00"}
# what a program could take for the beginning of a formula
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
# what Excel takes: letters in a cell, letters in a sheet's name, and not in it
_LONGEST, _LONGEST_NAME = 32_767, 31
_FORBIDDEN = re.compile(r"[\[\]:*?/\\']")
_WIDEST = 60
# the same bytes on every day
_DAY = datetime(2000, 1, 1)


def excel(page: Page) -> bytes:
    """Return a report as an Excel workbook.

    Parameters
    ----------
    page : Page
        The report.

    Returns
    -------
    bytes
        The ``.xlsx`` file: the index, one sheet per table, the figures, the notes.
        Numbers have all their digits and are shown rounded; an interval takes two
        columns. Texts are never formulas. The same page gives the same bytes.
    """
    from xlsxwriter import Workbook

    content = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False}
    options |= {"strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(content, options) as workbook:
        workbook.set_properties(
            {"title": visible(page.title)[:255], "author": "csindex", "created": _DAY}
        )
        text = words("zh" if page.language.startswith("zh") else "en")
        book = _Book(workbook, text)
        _overview(book, page)
        blocks = [block for section in page.sections for block in section.blocks]
        for block in blocks:
            if isinstance(block, Table):
                _table(book, block)
        if figures := [block for block in blocks if isinstance(block, Figure)]:
            _figures(book, figures)
        _notes(book, page)
    return settled_archive(content.getvalue())


@dataclass
class _Book:
    """A workbook with the sheets and formats that it has so far."""

    workbook: Workbook
    words: Words
    formats: dict[tuple[tuple[str, Any], ...], Any] = field(default_factory=dict)

    def sheet(self, name: str) -> Worksheet:
        """Add a sheet; its name is made one that Excel takes."""
        plain = _FORBIDDEN.sub(" ", visible(self.words.term("sheets", name)))
        sheet = self.workbook.add_worksheet(plain.strip()[:_LONGEST_NAME])
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)
        return sheet

    def format(self, **options: Any) -> Any:
        """Return a format, the same one for the same options."""
        key = tuple(sorted(options.items()))
        if key not in self.formats:
            top = {"valign": "top", **options}
            self.formats[key] = self.workbook.add_format(top)
        return self.formats[key]

    def text(
        self, sheet: Worksheet, row: int, column: int, text: str, **options: Any
    ) -> None:
        """Write a text that stays a text, whatever it begins with."""
        plain = visible(text)[:_LONGEST]
        if plain.startswith(_DANGEROUS):
            options["quote_prefix"] = True
        sheet.write_string(row, column, plain, self.format(**options))

    def number(
        self, sheet: Worksheet, row: int, column: int, number: Number, **options: Any
    ) -> None:
        """Write a number with all its digits, shown rounded; nothing for NaN."""
        decimals = "." + "0" * number.digits if number.digits else ""
        mark = options.pop("mark", "")
        shown = f"#,##0{decimals}" + (f' "{mark}"' if mark else "")
        made = self.format(num_format=shown, **options)
        if number.value == number.value:
            sheet.write_number(row, column, number.value, made)
        else:
            sheet.write_blank(row, column, None, made)


def _overview(book: _Book, page: Page) -> None:
    sheet, headline = book.sheet("index"), page.headline
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, 3, 12)
    book.text(sheet, 0, 0, page.title, bold=True, font_size=16, font_color=_NAVY)
    book.text(sheet, 1, 0, page.subtitle, font_color=_SOFT)
    book.text(sheet, 3, 0, headline.label, bold=True)
    big = {"bold": True, "font_size": 16, "font_color": _NAVY}
    book.number(sheet, 3, 1, headline.value, **big)
    book.text(sheet, 3, 2, page.unit, font_color=_SOFT)
    row = 4
    if headline.interval is not None:
        book.text(sheet, row, 0, headline.interval_label)
        book.number(sheet, row, 1, headline.interval.low)
        book.number(sheet, row, 2, headline.interval.high)
        row += 1
    warnings = [f"▲ {warning}" for warning in page.warnings]
    lines = [*headline.facts, *headline.sentences, "", *warnings, "", page.footer]
    for line in lines:
        book.text(sheet, row, 0, line)
        row += 1


def _table(book: _Book, table: Table) -> None:
    """Add a sheet: caption, header, rows, note; the header stays in sight."""
    sheet = book.sheet(table.name)
    book.text(sheet, 0, 0, table.caption, bold=True, font_color=_NAVY)
    heads = list(_heads(book, table))
    for column, (title, position) in enumerate(heads):
        head = {"bold": True, "bottom": 1, "text_wrap": True, "font_color": _SOFT}
        side = "right" if position is None else "left"
        book.text(sheet, 1, column, title, align=side, **head)
    for row, cells in enumerate(table.rows, start=2):
        column = 0
        for cell, spread in zip(cells, _spreads(table), strict=True):
            _cell(book, sheet, (row, column), cell)
            column += 2 if spread else 1
    for column, (title, wide) in enumerate(heads):
        sheet.set_column(column, column, _width(title, table, wide))
    sheet.freeze_panes(2, 1)
    if table.note:
        book.text(sheet, len(table.rows) + 3, 0, table.note, font_color=_SOFT)


def _heads(book: _Book, table: Table) -> Iterator[tuple[str, int | None]]:
    """Yield the columns' titles, and the position of those that hold texts."""
    for k, (column, spread) in enumerate(
        zip(table.columns, _spreads(table), strict=True)
    ):
        if spread:
            for end in ("low", "high"):
                yield book.words(f"report.{end}", title=column.title), None
        else:
            yield column.title, None if column.numeric else k


def _spreads(table: Table) -> list[bool]:
    """Return which columns hold intervals."""
    return [
        any(isinstance(row[k], Interval) for row in table.rows)
        for k in range(len(table.columns))
    ]


def _cell(book: _Book, sheet: Worksheet, at: tuple[int, int], cell: Cell) -> None:
    row, column = at
    match cell:
        case Text(text=text):
            book.text(sheet, row, column, text, text_wrap=True)
        case Number():
            book.number(sheet, row, column, cell)
        case Interval(low=low, high=high):
            book.number(sheet, row, column, low)
            book.number(sheet, row, column + 1, high)
        case Badge():
            colour = _COLOURS.get(cell.mood, _SOFT)
            book.text(sheet, row, column, f"{cell.sign} {cell.text}", font_color=colour)
        case Graded(number=number, badge=badge):
            colour = _COLOURS.get(badge.mood, _SOFT)
            marks = {"mark": badge.sign, "font_color": colour}
            book.number(sheet, row, column, number, **marks)


def _width(title: str, table: Table, position: int | None) -> float:
    """Return the width of a column, in letters."""
    texts = [title]
    if position is not None:
        cells = [row[position] for row in table.rows]
        texts += [getattr(cell, "text", "") for cell in cells]
    return min(_WIDEST, max(9, 2 + max(map(letters, texts))))


def _figures(book: _Book, figures: Sequence[Figure]) -> None:
    sheet, row = book.sheet("figures"), 0
    for figure in figures:
        book.text(sheet, row, 0, figure.caption, bold=True, font_color=_NAVY)
        sheet.insert_image(
            row + 1,
            0,
            f"{figure.name}.png",
            {
                "image_data": BytesIO(figure.picture.png),
                "description": visible(figure.alt),
            },
        )
        # rows are 15 points high
        row += 4 + int(figure.picture.size[1] * 72 / 15)


def _notes(book: _Book, page: Page) -> None:
    """Add what stands in the report beside tables and figures."""
    sheet, row = book.sheet("notes"), 0
    sheet.set_column(0, 0, 110)
    for section in page.sections:
        for block in section.blocks:
            lines = _lines(section.title, block)
            for k, line in enumerate(lines):
                head = {"bold": True, "font_color": _NAVY} if k == 0 else {}
                book.text(sheet, row + k, 0, line, text_wrap=True, **head)
            row += len(lines) + 1 if lines else 0


def _lines(section: str, block: Block) -> tuple[str, ...]:
    """Return the title and the lines of a block; none for tables and figures."""
    match block:
        case Bullets():
            return (block.title, *block.entries)
        case Formula():
            return (block.caption, FORMULA, block.note)
        case Paragraph():
            return (section, block.text)
        case _:
            return ()
