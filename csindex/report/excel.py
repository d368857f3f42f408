"""A report as an Excel workbook: one sheet per table, with real numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from math import ceil
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
# widths of columns in letters; a row's and a large one's height in points
_WIDEST, _WIDEST_NUMBER, _PAGE = 60, 18, 110
_LINE, _TALL, _BOLD = 15.0, 24.0, 1.1
# room for a figure on A4, in inches, also where letters and columns are wide
_PAPER = (7.0, 4.6)
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
    wide = min(_WIDEST, max(28, 3 + letters(headline.label)))
    sheet.set_column(0, 0, wide)
    sheet.set_column(1, 3, 12)
    for row in (0, 3):
        sheet.set_row(row, _TALL)
    book.text(sheet, 0, 0, page.title, bold=True, font_size=16, font_color=_NAVY)
    book.text(sheet, 1, 0, page.subtitle, font_color=_SOFT)
    book.text(sheet, 3, 0, headline.label, bold=True, shrink=True)
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
    widths = [_width(title, table, position) for title, position in heads]
    for column, (title, position) in enumerate(heads):
        head = {"bold": True, "bottom": 1, "text_wrap": True, "font_color": _SOFT}
        side = "right" if position is None else "left"
        head |= {"indent": 1} if column and position is not None else {}
        book.text(sheet, 1, column, title, align=side, **head)
        sheet.set_column(column, column, widths[column])
    titles = [title for title, _ in heads]
    sheet.set_row(1, _height(titles, widths, _BOLD))
    for row, cells in enumerate(table.rows, start=2):
        column, texts = 0, [""] * len(heads)
        for cell, spread in zip(cells, _spreads(table), strict=True):
            _cell(book, sheet, (row, column), cell)
            texts[column] = getattr(cell, "text", "")
            column += 2 if spread else 1
        sheet.set_row(row, _height(texts, widths))
    sheet.freeze_panes(2, 1)
    if table.note:
        row, soft = len(table.rows) + 3, {"font_color": _SOFT, "text_wrap": True}
        if len(heads) > 1:
            sheet.merge_range(row, 0, row, len(heads) - 1, "", book.format(**soft))
        book.text(sheet, row, 0, table.note, **soft)
        sheet.set_row(row, _height([table.note], [sum(widths)]))


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
    # letters that follow a number keep away from it
    inset = {"indent": 1} if column else {}
    match cell:
        case Text(text=text):
            book.text(sheet, row, column, text, text_wrap=True, **inset)
        case Number():
            book.number(sheet, row, column, cell)
        case Interval(low=low, high=high):
            book.number(sheet, row, column, low)
            book.number(sheet, row, column + 1, high)
        case Badge():
            colour = _COLOURS.get(cell.mood, _SOFT)
            told = f"{cell.sign} {cell.text}"
            book.text(sheet, row, column, told, font_color=colour, **inset)
        case Graded(number=number, badge=badge):
            colour = _COLOURS.get(badge.mood, _SOFT)
            marks = {"mark": badge.sign, "font_color": colour}
            book.number(sheet, row, column, number, **marks)


def _width(title: str, table: Table, position: int | None) -> float:
    """Return the width of a column, in letters."""
    if position is None:
        # titles of numbers may take several lines
        longest = max(map(letters, title.split()), default=0)
        return max(9, min(_WIDEST_NUMBER, 2 + max(longest, letters(title) / 2)))
    cells = [row[position] for row in table.rows]
    texts = [title, *(getattr(cell, "text", "") for cell in cells)]
    return min(_WIDEST, max(9, 4 + max(map(letters, texts))))


def _height(texts: Sequence[str], widths: Sequence[float], wider: float = 1.0) -> float:
    """Return the height of a row in which texts are broken, in points."""
    pairs = zip(texts, widths, strict=True)
    filled = [wider * letters(visible(t)) / max(1.0, width - 2) for t, width in pairs]
    # broken lines are not filled to their ends
    lines = [1 if part <= 1 else ceil(1.1 * part) for part in filled]
    return _LINE * max(1, *lines)


def _figures(book: _Book, figures: Sequence[Figure]) -> None:
    """Add the figures, each printed whole on a page."""
    sheet, row = book.sheet("figures"), 0
    sizes = [figure.picture.size for figure in figures]
    room = [min(_PAPER[0] / w, _PAPER[1] / (h + 0.5), 1.0) for w, h in sizes]
    sheet.set_print_scale(max(10, int(100 * min(room))))
    breaks: list[int] = []
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
        row += 4 + int(figure.picture.size[1] * 72 / _LINE)
        breaks.append(row)
    sheet.set_h_pagebreaks(breaks[:-1])


def _notes(book: _Book, page: Page) -> None:
    """Add what stands in the report beside tables and figures."""
    sheet, row = book.sheet("notes"), 0
    sheet.set_column(0, 0, _PAGE)
    for section in page.sections:
        for block in section.blocks:
            lines = _lines(section.title, block)
            for k, line in enumerate(lines):
                head = {"bold": True, "font_color": _NAVY} if k == 0 else {}
                book.text(sheet, row + k, 0, line, text_wrap=True, **head)
                sheet.set_row(row + k, _height([line], [_PAGE]))
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
