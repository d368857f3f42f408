"""A report as a Word document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from csindex.language import visible
from csindex.report.blocks import (
    FORMULA,
    Badge,
    Block,
    Bullets,
    Cell,
    Column,
    Figure,
    Formula,
    Headline,
    Page,
    Paragraph,
    Table,
    letters,
    shown,
)
from csindex.report.writing import settled_archive

if TYPE_CHECKING:
    from docx.document import Document
    from docx.text.paragraph import Paragraph as WordParagraph

# Word takes the second font for Chinese letters; both are on every Windows and Mac
_LATIN, _CHINESE = "Calibri", "Microsoft YaHei"
_STYLES = ("Normal", "Title", "Subtitle", "Heading 1", "Heading 2", "List Bullet")
_NAVY, _SOFT = "12375E", "55606E"
_COLOURS = {"good": "00674D", "acceptable": "8A5A00", "flagged": "A83F00"}
# inches
_MARGIN, _WIDEST, _TALLEST = 0.8, 6.6, 8.6
# points of the letters in tables; those that nobody has to bend down for
_SIZES = (9.0, 8.5, 8.0, 7.5, 7.0, 6.5, 6.0)
_EASY = 7.5
# letters in which a text is easy to read, and the same of the wide column; beyond which
# a text is broken; the least of the wide column
_BROKEN, _READABLE, _WHOLE, _LEAST = 26, 34, 60, 18
# letters of a word that stay together, Latin and Chinese; of a title that is one line
_TOGETHER, _TOGETHER_CHINESE, _ONE_LINE = 14, 8, 16
# how much wider bold letters are, and capitals
_BOLD, _CAPITAL = 1.15, 0.2
# inches per point of a letter; of a cell's margins, on each side and with some play
_LETTER, _SIDE, _CELL = 0.0088, 0.05, 0.13


def word(page: Page) -> bytes:
    """Return a report as a Word document.

    Parameters
    ----------
    page : Page
        The report.

    Returns
    -------
    bytes
        The ``.docx`` file; the same page gives the same bytes.
    """
    import docx

    document = docx.Document()
    _set_up(document, page)
    document.add_paragraph(visible(page.eyebrow), style="Subtitle")
    document.add_paragraph(visible(page.title), style="Title")
    if page.subtitle:
        _soft(document.add_paragraph(), page.subtitle)
    for warning in page.warnings:
        _warn(document, warning)
    _headline(document, page.headline, page.unit)
    for number, section in enumerate(page.sections, start=1):
        document.add_heading(visible(f"{number} {section.title}"), level=1)
        for block in section.blocks:
            _BLOCKS[type(block)](document, block)
    _soft(document.sections[0].footer.paragraphs[0], page.footer)
    content = BytesIO()
    document.save(content)
    return settled_archive(content.getvalue())


def _set_up(document: Document, page: Page) -> None:
    """Set paper, fonts and properties."""
    from docx.oxml.ns import qn
    from docx.shared import Inches, Mm, Pt, RGBColor

    paper = document.sections[0]
    paper.page_width, paper.page_height = Mm(210), Mm(297)
    for side in ("left", "right", "top", "bottom"):
        setattr(paper, f"{side}_margin", Inches(_MARGIN))
    for name in _STYLES:
        style: Any = document.styles[name]
        style.font.name = _LATIN
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        fonts.set(qn("w:eastAsia"), _CHINESE)
        for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            fonts.attrib.pop(qn(f"w:{theme}"), None)
        if name not in ("Normal", "List Bullet"):
            style.font.color.rgb = RGBColor.from_string(_NAVY)
    normal: Any = document.styles["Normal"]
    normal.font.size = Pt(10)
    normal.element.get_or_add_rPr().append(
        _element("w:lang", {"w:val": "en-US", "w:eastAsia": page.language})
    )
    properties = document.core_properties
    properties.title, properties.author = visible(page.title), "csindex"
    properties.comments, properties.language = "", page.language


def _headline(document: Document, headline: Headline, unit: str) -> None:
    from docx.shared import Pt, RGBColor

    label = document.add_paragraph()
    label.add_run(visible(headline.label)).bold = True
    big = document.add_paragraph()
    value = big.add_run(headline.value.shown)
    value.bold, value.font.size = True, Pt(36)
    value.font.color.rgb = RGBColor.from_string(_NAVY)
    big.add_run(f"  {visible(unit)}")
    facts = list(headline.facts)
    if headline.interval is not None:
        facts.insert(0, f"{headline.interval_label} {shown(headline.interval)}")
    document.add_paragraph().add_run(visible(" · ".join(facts))).bold = True
    for sentence in headline.sentences:
        document.add_paragraph(visible(sentence))


def _warn(document: Document, warning: str) -> None:
    paragraph = document.add_paragraph(visible(f"▲ {warning}"))
    shade = {"w:val": "clear", "w:color": "auto", "w:fill": "FDF3EC"}
    paragraph._p.get_or_add_pPr().append(_element("w:shd", shade))


def _table(document: Document, table: Any) -> None:
    """Add a table with its caption and note."""
    from docx.shared import Inches, Pt

    _caption(document, table.caption)
    made = document.add_table(rows=1, cols=len(table.columns))
    made.autofit = False
    made._tbl.tblPr.append(_borders())
    made._tbl.tblPr.append(_margins())
    size = _size(table)
    widths = [Inches(width) for width in _widths(table, size)]
    for column, width in zip(made.columns, widths, strict=True):
        column.width = width
    for column, cell in zip(table.columns, made.rows[0].cells, strict=True):
        run = _fill(cell, column.title, size, column.numeric)
        run.bold = True
    head = made.rows[0]._tr.get_or_add_trPr()
    head.append(_element("w:tblHeader", {"w:val": "true"}))
    for row in table.rows:
        cells = made.add_row()
        cells._tr.get_or_add_trPr().append(_element("w:cantSplit", {}))
        for column, cell, place in zip(table.columns, row, cells.cells, strict=True):
            run = _fill(place, shown(cell), size, column.numeric)
            _colour(run, cell)
    for row in made.rows:
        for place, width in zip(row.cells, widths, strict=True):
            place.width = width
    _keep_together(made.rows, table)
    note = document.add_paragraph()
    note.paragraph_format.space_before = Pt(4)
    _soft(note, table.note)


def _keep_together(rows: Any, table: Table) -> None:
    """Keep a short table on one page, and a note on that of the last row."""
    last = len(rows) - 1
    for k, row in enumerate(rows):
        if (table.short and k < last) or (table.note and k == last) or k == 0:
            for place in row.cells:
                place.paragraphs[0].paragraph_format.keep_with_next = True


@dataclass(frozen=True)
class _Reach:
    """In how many letters a column can be set, is easy to read, and is one line."""

    least: float
    easy: float
    full: float


def _size(table: Table) -> float:
    """Return the largest letters that keep words whole, texts too if that is easy."""
    reaches = _reaches(table)

    def fits(size: float, wanted: Sequence[float]) -> bool:
        return sum(_inches(letters, size) for letters in wanted) <= _WIDEST

    easy, least = [r.easy for r in reaches], [r.least for r in reaches]
    for size in _SIZES:
        if fits(size, easy if size >= _EASY else least):
            return size
    return _SIZES[-1]


def _widths(table: Table, size: float) -> list[float]:
    """Return the columns' widths in inches.

    Numbers are never broken, texts and titles of several words may be. Where the page
    has no room for all texts, they are broken the more; where it has some left, the
    wide column takes it.
    """
    reaches = _reaches(table)
    least = [_inches(reach.least, size) for reach in reaches]
    wanted = [_inches(reach.full, size) for reach in reaches]
    room, spare = _WIDEST - sum(least), sum(wanted) - sum(least)
    if room < 0:
        return [width * _WIDEST / sum(least) for width in least]
    part = min(1.0, room / spare) if spare else 0.0
    widths = [
        low + part * (high - low) for low, high in zip(least, wanted, strict=True)
    ]
    left = _WIDEST - sum(widths)
    return [
        width + left if column.wide else width
        for width, column in zip(widths, table.columns, strict=True)
    ]


def _inches(reach: float, size: float) -> float:
    return _CELL + _LETTER * size * reach


def _reaches(table: Table) -> list[_Reach]:
    return [
        _reach([shown(row[k]) for row in table.rows], column)
        for k, column in enumerate(table.columns)
    ]


def _reach(texts: Sequence[str], column: Column) -> _Reach:
    """Return in how many letters a column can be set, and in how many it would be."""
    whole = float(max(map(letters, ["", *texts])))
    # titles are bold
    title = _BOLD * max(map(_word, ["", *column.title.split(" ")]))
    line = _BOLD * letters(column.title)
    line = line if letters(column.title) <= _ONE_LINE else title
    if column.numeric:
        return _Reach(max(whole, title), max(whole, title), max(whole, line))
    longest = max((_word(w) for text in texts for w in text.split(" ")), default=0.0)
    low = max(title, _LEAST if column.wide else longest)
    full = max(low, line, min(whole, _WHOLE))
    return _Reach(low, min(full, max(low, _READABLE if column.wide else _BROKEN)), full)


def _word(word: str) -> float:
    """Return how many letters of a word stay together."""
    if letters(word) > len(word):
        return min(letters(word), _TOGETHER_CHINESE)
    kept = word[:_TOGETHER]
    return len(kept) + _CAPITAL * sum(letter.isupper() for letter in kept)


def _fill(place: Any, text: str, size: float, numeric: bool) -> Any:
    """Write a cell and return its run."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    paragraph = place.paragraphs[0]
    paragraph.paragraph_format.space_after = Pt(1)
    if numeric:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    run = paragraph.add_run(visible(text))
    run.font.size = Pt(size)
    return run


def _colour(run: Any, cell: Cell) -> None:
    from docx.shared import RGBColor

    badge = cell if isinstance(cell, Badge) else getattr(cell, "badge", None)
    if badge is not None and badge.mood in _COLOURS:
        run.font.color.rgb = RGBColor.from_string(_COLOURS[badge.mood])


def _figure(document: Document, figure: Any) -> None:
    """Add a picture that fits the page, with words for those who can't see it."""
    from docx.shared import Inches, Pt

    paragraph = _caption(document, figure.caption)
    paragraph.paragraph_format.keep_with_next = False
    width, height = figure.picture.size
    width = min(width, _WIDEST, _TALLEST * width / height)
    # in one paragraph, which no page divides; a small empty line keeps them apart
    paragraph.add_run().add_break()
    gap = paragraph.add_run()
    gap.font.size = Pt(4)
    gap.add_break()
    content = BytesIO(figure.picture.png)
    picture = paragraph.add_run().add_picture(content, width=Inches(width))
    picture._inline.docPr.set("descr", visible(figure.alt))


def _paragraph(document: Document, paragraph: Any) -> None:
    if paragraph.warning:
        _warn(document, paragraph.text)
    else:
        document.add_paragraph(visible(paragraph.text))


def _bullets(document: Document, bullets: Any) -> None:
    """Add a list whose last entry is never alone on a page."""
    document.add_heading(visible(bullets.title), level=2)
    made = [
        document.add_paragraph(visible(entry), style="List Bullet")
        for entry in bullets.entries
    ]
    for paragraph in made[-3:-1]:
        paragraph.paragraph_format.keep_with_next = True


def _formula(document: Document, formula: Any) -> None:
    document.add_heading(visible(formula.caption), level=2)
    line = document.add_paragraph(FORMULA)
    line.paragraph_format.keep_with_next = True
    _soft(document.add_paragraph(), formula.note)


def _caption(document: Document, caption: str) -> WordParagraph:
    paragraph = document.add_paragraph()
    paragraph.paragraph_format.keep_with_next = True
    paragraph.paragraph_format.keep_together = True
    paragraph.add_run(visible(caption)).bold = True
    return paragraph


def _soft(paragraph: WordParagraph, text: str) -> None:
    from docx.shared import Pt, RGBColor

    run = paragraph.add_run(visible(text))
    run.font.size = Pt(9)
    run.font.color.rgb = RGBColor.from_string(_SOFT)


def _borders() -> Any:
    """Return thin lines between rows, and no others."""
    borders = _element("w:tblBorders", {})
    line = {"w:val": "single", "w:sz": "4", "w:space": "0", "w:color": "C9D1DA"}
    for side in ("top", "bottom", "insideH"):
        borders.append(_element(f"w:{side}", line))
    return borders


def _margins() -> Any:
    """Return narrow margins of cells, in twentieths of a point."""
    margins = _element("w:tblCellMar", {})
    for side in ("left", "right"):
        width = {"w:w": f"{_SIDE * 1440:.0f}", "w:type": "dxa"}
        margins.append(_element(f"w:{side}", width))
    return margins


def _element(name: str, attributes: Mapping[str, str]) -> Any:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    made: Any = OxmlElement(name)
    for key, value in attributes.items():
        made.set(qn(key), value)
    return made


_BLOCKS: Mapping[type[Block], Callable[[Any, Any], None]] = {
    Table: _table,
    Figure: _figure,
    Paragraph: _paragraph,
    Bullets: _bullets,
    Formula: _formula,
}
