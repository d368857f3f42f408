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
# widths of columns in letters: of texts at most, of those that are squeezed at least,
# of titles of numbers at most, of a line of notes, and of a table that prints well
_WIDEST, _LEAST, _WIDEST_NUMBER, _PAGE, _TABLE = 60, 24, 18, 110, 125
# a row's, a header's and a large row's height in points
_LINE, _HEAD, _TALL, _BOLD = 15.0, 4.0, 24.0, 1.1
# room for figures on A4 upright and how they are printed, in inches and per cent; that
# leaves room where another font makes columns wider
_PAPER, _PRINTED = (7.0, 12.0), 75
# columns over which lines of text go: of the first sheet, of captions of figures
_FIRST, _CAPTION = 8, 8
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

    def lines(
        self,
        sheet: Worksheet,
        row: int,
        text: str,
        widths: Sequence[float],
        **look: Any,
    ) -> None:
        """Write a text over columns of such widths, in as many lines as it needs."""
        look["text_wrap"] = True
        if len(widths) > 1:
            sheet.merge_range(row, 0, row, len(widths) - 1, "", self.format(**look))
        self.text(sheet, row, 0, text, **look)
        sheet.set_row(
            row, _height([text], [sum(widths)], _BOLD if "bold" in look else 1)
        )

    def number(
        self, sheet: Worksheet, row: int, column: int, number: Number, **options: Any
    ) -> None:
        """Write a number with all its digits, shown rounded; nothing for NaN."""
        decimals = "." + "0" * number.digits if number.digits else ""
        mark = options.pop("mark", "")
        shown = (f'"{mark} "' if mark else "") + f"#,##0{decimals}"
        made = self.format(num_format=shown, **options)
        if number.value == number.value:
            sheet.write_number(row, column, number.value, made)
        else:
            sheet.write_blank(row, column, None, made)


def _overview(book: _Book, page: Page) -> None:
    sheet, headline = book.sheet("index"), page.headline
    wide = min(_WIDEST, max(28, 3 + letters(headline.label)))
    sheet.set_column(0, 0, wide)
    sheet.set_column(1, _FIRST - 1, 12)
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
        book.lines(sheet, row, line, [wide] + [12.0] * (_FIRST - 1))
        row += 1


def _table(book: _Book, table: Table) -> None:
    """Add a sheet: caption, header, rows, note; the header stays in sight."""
    sheet = book.sheet(table.name)
    book.text(sheet, 0, 0, table.caption, bold=True, font_color=_NAVY)
    heads = list(_heads(book, table))
    widths = _widths(table, heads)
    for column, (head, width) in enumerate(zip(heads, widths, strict=True)):
        look = {"bold": True, "bottom": 1, "text_wrap": True, "font_color": _SOFT}
        look |= _placed(column, head.numeric)
        book.text(sheet, 1, column, head.title, **look)
        sheet.set_column(column, column, width)
    titles = [head.title for head in heads]
    sheet.set_row(1, _HEAD + _height(titles, widths, _BOLD))
    sheet.repeat_rows(0, 1)
    for row, cells in enumerate(table.rows, start=2):
        column, texts = 0, [""] * len(heads)
        for cell, title, spread in zip(
            cells, table.columns, _spreads(table), strict=True
        ):
            _cell(book, sheet, (row, column), cell, title.numeric)
            texts[column] = getattr(cell, "text", "")
            column += 2 if spread else 1
        sheet.set_row(row, _height(texts, widths))
    sheet.freeze_panes(2, 1)
    if table.note:
        row = len(table.rows) + 3
        book.lines(sheet, row, table.note, widths, font_color=_SOFT)


@dataclass(frozen=True)
class _Head:
    """A column of a sheet: its title, and which column of the table it is."""

    title: str
    position: int
    numeric: bool


def _heads(book: _Book, table: Table) -> Iterator[_Head]:
    """Yield the columns of a sheet; an interval has two."""
    for k, (column, spread) in enumerate(
        zip(table.columns, _spreads(table), strict=True)
    ):
        if spread:
            for end in ("low", "high"):
                title = book.words(f"report.{end}", title=column.title)
                yield _Head(title, k, numeric=True)
        else:
            yield _Head(column.title, k, column.numeric)


def _spreads(table: Table) -> list[bool]:
    """Return which columns hold intervals."""
    return [
        any(isinstance(row[k], Interval) for row in table.rows)
        for k in range(len(table.columns))
    ]


def _placed(column: int, numeric: bool) -> dict[str, Any]:
    """Return where in its cell a text stands: away from a number on its left."""
    if numeric:
        return {"align": "right"}
    return {"align": "left", "indent": 1} if column else {"align": "left"}


def _cell(
    book: _Book, sheet: Worksheet, at: tuple[int, int], cell: Cell, numeric: bool
) -> None:
    row, column = at
    place = _placed(column, numeric)
    match cell:
        case Text(text=text):
            book.text(sheet, row, column, text, text_wrap=True, **place)
        case Number():
            book.number(sheet, row, column, cell)
        case Interval(low=low, high=high):
            book.number(sheet, row, column, low)
            book.number(sheet, row, column + 1, high)
        case Badge():
            colour = _COLOURS.get(cell.mood, _SOFT)
            told = f"{cell.sign} {cell.text}"
            book.text(sheet, row, column, told, font_color=colour, **place)
        case Graded(number=number, badge=badge):
            colour = _COLOURS.get(badge.mood, _SOFT)
            marks = {"mark": badge.sign, "font_color": colour}
            book.number(sheet, row, column, number, **marks)


def _widths(table: Table, heads: Sequence[_Head]) -> list[float]:
    """Return the widths of columns in letters; long texts are broken to fit a page."""
    widths = [_width(table, head) for head in heads]
    broken = [
        k
        for k, head in enumerate(heads)
        if widths[k] > _LEAST and _breakable(table, head)
    ]
    excess = sum(widths) - _TABLE
    for k in sorted(broken, key=lambda k: -widths[k]):
        if excess > 0:
            less = min(excess, widths[k] - _LEAST)
            widths[k] -= less
            excess -= less
    return widths


def _breakable(table: Table, head: _Head) -> bool:
    return not head.numeric and all(
        isinstance(row[head.position], Text) for row in table.rows
    )


def _width(table: Table, head: _Head) -> float:
    """Return the width of a column, in letters."""
    cells = [row[head.position] for row in table.rows]
    if head.numeric:
        # titles of numbers may take several lines
        longest = max(map(letters, head.title.split()), default=0)
        title = min(_WIDEST_NUMBER, 2 + max(longest, letters(head.title) / 2))
        return max(9.0, title, *(2.0 + letters(_longest(cell)) for cell in cells))
    texts = [head.title, *(getattr(cell, "text", "") for cell in cells)]
    return min(_WIDEST, max(9.0, 4.0 + max(map(letters, texts))))


def _longest(cell: Cell) -> str:
    """Return the longer number of a cell, as it is shown."""
    match cell:
        case Interval(low=low, high=high):
            return max(low.shown, high.shown, key=len)
        case Graded(number=number):
            return f"{number.shown}  "
        case Number():
            return cell.shown
        case _:
            return cell.text


def _height(texts: Sequence[str], widths: Sequence[float], wider: float = 1.0) -> float:
    """Return the height of a row in which texts are broken, in points."""
    pairs = zip(texts, widths, strict=True)
    filled = [wider * letters(visible(t)) / max(1.0, width - 1) for t, width in pairs]
    # broken lines are not filled to their ends
    lines = [1 if part <= 1 else ceil(1.08 * part) for part in filled]
    return _LINE * max(1, *lines)


def _figures(book: _Book, figures: Sequence[Figure]) -> None:
    """Add the figures, each printed whole on a page."""
    sheet, row = book.sheet("figures"), 0
    sheet.set_portrait()
    sheet.set_print_scale(_PRINTED)  # Excel skips page breaks where it fits pages
    breaks: list[int] = []
    left = _PAPER[1]
    for figure in figures:
        width, height = figure.picture.size
        scale = min(_PAPER[0] / width, (_PAPER[1] - 0.5) / height, 1.0)
        taken = 4 + int(scale * height * 72 / _LINE)
        left -= taken * _LINE / 72
        if row and left < 0:
            breaks.append(row)
            left = _PAPER[1] - taken * _LINE / 72
        look = {"bold": True, "font_color": _NAVY}
        book.lines(sheet, row, figure.caption, [9.0] * _CAPTION, **look)
        sheet.insert_image(
            row + 1,
            0,
            f"{figure.name}.png",
            {
                "image_data": BytesIO(figure.picture.png),
                "description": visible(figure.alt),
                "x_scale": scale,
                "y_scale": scale,
            },
        )
        row += taken
    sheet.set_h_pagebreaks(breaks)


def _notes(book: _Book, page: Page) -> None:
    """Add what stands in the report beside tables and figures."""
    sheet, row = book.sheet("notes"), 0
    sheet.set_column(0, 0, _PAGE)
    for section in page.sections:
        titled = False
        for block in section.blocks:
            lines = _lines(section.title, block)
            if isinstance(block, Paragraph):
                if titled:
                    lines, row = lines[1:], row - 1
                titled = True
            for k, line in enumerate(lines):
                first = k == 0 and len(lines) > 1
                head = {"bold": True, "font_color": _NAVY} if first else {}
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
