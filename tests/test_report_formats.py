"""Tests of reports as Word, Excel and Markdown: opened again by other means."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import XML, Element
from zipfile import ZipFile

import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.errors import OutputError, SpecificationError
from csindex.language import words
from csindex.plotting.style import MINUS
from csindex.report import report
from csindex.report.blocks import Cell, Figure, Interval, Number, Page, Table, Text
from csindex.report.excel import excel
from csindex.report.markdown import markdown
from csindex.report.report import page as page_of
from csindex.report.subject import subject_of
from csindex.report.word import word
from csindex.report.writing import settled_archive, write_with_pictures

_CELLS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_WORDS = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://evil.example")')


@pytest.fixture(scope="module")
def boot() -> csi.Bootstrap:
    return csi.bootstrap(csi.fit(csi.acsi(), csi.load_dataset("retail")), n=60, seed=4)


@pytest.fixture(scope="module")
def folder(boot: csi.Bootstrap, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the report in every format."""
    place = tmp_path_factory.mktemp("formats")
    for suffix in ("docx", "xlsx", "md"):
        assert report(boot, place / f"report.{suffix}", language="zh").is_file()
    return place


class Workbook:
    """The cells of an .xlsx file, read from its XML."""

    def __init__(self, source: Path) -> None:
        with ZipFile(source) as archive:
            self.parts = {name: archive.read(name) for name in archive.namelist()}
        strings = XML(self.parts["xl/sharedStrings.xml"])
        self.strings = [
            "".join(part.text or "" for part in entry.iter(f"{_CELLS}t"))
            for entry in strings.iter(f"{_CELLS}si")
        ]
        book = XML(self.parts["xl/workbook.xml"])
        self.names = [sheet.attrib["name"] for sheet in book.iter(f"{_CELLS}sheet")]

    def tree(self, sheet: str) -> Element:
        number = self.names.index(sheet) + 1
        return XML(self.parts[f"xl/worksheets/sheet{number}.xml"])

    def rows(self, sheet: str) -> list[list[float | str]]:
        """Return the values of a sheet: numbers as such, texts as texts."""
        found: list[list[float | str]] = []
        for row in self.tree(sheet).iter(f"{_CELLS}row"):
            values: list[float | str] = []
            for cell in row:
                value = cell.findtext(f"{_CELLS}v")
                assert cell.find(f"{_CELLS}f") is None
                if value is None:
                    continue
                kind = cell.attrib.get("t")
                values.append(self.strings[int(value)] if kind == "s" else float(value))
            found.append(values)
        return found


def test_excel_holds_the_unrounded_numbers(folder: Path, boot: csi.Bootstrap) -> None:
    book, text = Workbook(folder / "report.xlsx"), words("zh")
    paths = book.rows(text("sheets.paths"))[2:]
    wanted = boot.paths[["estimate", "low", "high", "p"]].to_numpy().tolist()
    found = [[v for v in row if isinstance(v, float)] for row in paths]
    assert_allclose(found, wanted, rtol=1e-15)
    scores = book.rows(text("sheets.scores"))[2:]
    columns = ["score", "low", "high", "se", "sd", "n"]
    numbers = [[v for v in row if isinstance(v, float)] for row in scores]
    assert_allclose(numbers, boot.scores[columns].to_numpy(dtype=float), rtol=1e-15)
    first = book.rows(text("sheets.index"))
    ends = [boot.index["low"], boot.index["high"]]
    told = [v for row in first for v in row if isinstance(v, float)]
    assert_allclose(told, [boot.results.index, *ends], rtol=1e-15)


def test_excel_has_a_sheet_for_every_table(folder: Path, boot: csi.Bootstrap) -> None:
    book, text = Workbook(folder / "report.xlsx"), words("zh")
    content = page_of(subject_of(boot, None, text, 60, 1))
    tables = [
        b.name for s in content.sections for b in s.blocks if isinstance(b, Table)
    ]
    names = [text.term("sheets", name) for name in tables]
    others = [text(f"sheets.{name}") for name in ("index", "figures", "notes")]
    assert book.names == [others[0], *names, *others[1:]]
    for name in names:
        pane = next(book.tree(name).iter(f"{_CELLS}pane"))
        assert pane.attrib["state"] == "frozen"
        assert pane.attrib["ySplit"] == "2"
    pictures = [part for part in book.parts if part.startswith("xl/media/")]
    assert len(pictures) == 4
    assert all(book.parts[part].startswith(b"\x89PNG") for part in pictures)


@pytest.mark.parametrize("label", FORMULAS)
def test_labels_are_no_formulas(
    label: str, boot: csi.Bootstrap, tmp_path: Path
) -> None:
    content = _with_label(boot, label)
    (tmp_path / "hostile.xlsx").write_bytes(excel(content))
    book = Workbook(tmp_path / "hostile.xlsx")
    assert any(label in row for name in book.names for row in book.rows(name))
    styles = book.parts["xl/styles.xml"].decode("utf-8")
    assert 'quotePrefix="1"' in styles
    assert not any("hyperlink" in part.lower() for part in book.parts)


def _first_section(boot: csi.Bootstrap) -> Page:
    content = page_of(subject_of(boot, None, words("en"), 60, 1))
    return replace(content, sections=content.sections[:1])


def _with_label(boot: csi.Bootstrap, label: str) -> Page:
    """Return a page in which a table's first cell is the label, without pictures."""
    content = _first_section(boot)
    scores = content.sections[0]
    table = next(b for b in scores.blocks if isinstance(b, Table))
    rows = ((Text(label), *table.rows[0][1:]), *table.rows[1:])
    section = replace(scores, blocks=(replace(table, rows=rows),))
    return replace(content, title=label, sections=(section,))


def test_word_has_headings_tables_and_pictures(
    folder: Path, boot: csi.Bootstrap
) -> None:
    import docx

    document = docx.Document(str(folder / "report.docx"))
    text = words("zh")
    content = page_of(subject_of(boot, None, text, 60, 1))
    styles = [(p.style.name, p.text) for p in document.paragraphs if p.style]
    heads = [told for style, told in styles if style == "Heading 1"]
    assert heads == [f"{k} {s.title}" for k, s in enumerate(content.sections, 1)]
    blocks = [b for s in content.sections for b in s.blocks]
    tables = [b for b in blocks if isinstance(b, Table)]
    assert len(document.tables) == len(tables)
    for made, table in zip(document.tables, tables, strict=True):
        assert [c.text for c in made.rows[0].cells] == [c.title for c in table.columns]
        assert len(made.rows) == len(table.rows) + 1
    assert len(document.inline_shapes) == 4
    alts = [s._inline.docPr.get("descr") for s in document.inline_shapes]
    assert alts == [b.alt for b in blocks if isinstance(b, Figure)]
    width = document.sections[0].page_width
    assert width is not None
    assert all(s.width < width for s in document.inline_shapes)
    estimates = boot.paths["estimate"].map("{:.3f}".format).str.replace("-", MINUS)
    paths = next(
        m for m, t in zip(document.tables, tables, strict=True) if t.name == "paths"
    )
    assert [row.cells[3].text for row in paths.rows[1:]] == estimates.to_list()


def test_word_sets_a_font_for_chinese(folder: Path) -> None:
    with ZipFile(folder / "report.docx") as archive:
        styles = XML(archive.read("word/styles.xml"))
    fonts = {
        style.attrib[f"{_WORDS}styleId"]: found.attrib.get(f"{_WORDS}eastAsia")
        for style in styles.iter(f"{_WORDS}style")
        for found in style.iter(f"{_WORDS}rFonts")
    }
    for name in ("Normal", "Title", "Heading1", "Heading2"):
        assert fonts[name] == "Microsoft YaHei"


def test_markdown_names_its_pictures(folder: Path, boot: csi.Bootstrap) -> None:
    text = (folder / "report.md").read_text(encoding="utf-8")
    named = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert len(named) == 4
    for name in named:
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    assert {f"report_files/{f.name}" for f in (folder / "report_files").iterdir()} == {
        *named
    }
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert rows
    index = f"{boot.results.index:.1f}"
    assert f"**{words('zh').construct('satisfaction')}: {index}**" in text


@pytest.mark.parametrize(
    "label", ["a|b", "*bold*", "<b>", "[x](http://evil.example)", "a\nb", "`c`", "$x$"]
)
def test_labels_are_no_markup(label: str, boot: csi.Bootstrap) -> None:
    content = _with_label(boot, label)
    text = markdown(content, "files").text
    lines = text.splitlines()
    (table,) = (k for k, line in enumerate(lines) if line.startswith("| Construct"))
    bars = [re.findall(r"(?<!\\)\|", line) for line in lines[table : table + 3]]
    assert len({len(found) for found in bars}) == 1
    for mark in "*<[`$":
        assert not re.search(rf"(?<!\\)\{mark}", lines[table + 2])


def test_control_characters_are_shown(boot: csi.Bootstrap, tmp_path: Path) -> None:
    import docx

    content = _with_label(boot, "a\x00b\u202ec")
    (tmp_path / "odd.docx").write_bytes(word(content))
    table = docx.Document(str(tmp_path / "odd.docx")).tables[0]
    assert table.rows[1].cells[0].text == "a\ufffdb\ufffdc"
    assert excel(content)


def test_the_same_bytes_again(boot: csi.Bootstrap) -> None:
    first, second = _first_section(boot), _first_section(boot)
    assert word(first) == word(second)
    assert excel(first) == excel(second)
    made, again = markdown(first, "files"), markdown(second, "files")
    assert (made.text, made.pictures) == (again.text, again.pictures)


def test_archives_have_no_date(folder: Path) -> None:
    for name in ("report.docx", "report.xlsx"):
        with ZipFile(folder / name) as archive:
            dates = {entry.date_time for entry in archive.infolist()}
            assert dates == {(1980, 1, 1, 0, 0, 0)}
            assert archive.testzip() is None
    content = (folder / "report.docx").read_bytes()
    assert settled_archive(content) == content


def test_a_folder_of_others_is_not_replaced(
    boot: csi.Bootstrap, tmp_path: Path
) -> None:
    own = tmp_path / "report_files"
    own.mkdir()
    (own / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match=r"holds other files, as 'thesis\.txt'"):
        report(boot, tmp_path / "report.md")
    assert (own / "thesis.txt").read_text(encoding="utf-8") == "mine"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report_files"]


def test_a_failed_markdown_leaves_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    old, new = (tmp_path / name for name in ("old_files", "new_files"))
    old.mkdir()
    (old / "scores.png").write_bytes(b"old")
    (tmp_path / "old.md").write_text("old", encoding="utf-8")
    for folder in (old, new):
        path = tmp_path / folder.name.replace("_files", ".md")
        with pytest.raises(OutputError, match="No space left on device"):
            write_with_pictures(path, b"new", folder, [("scores.png", b"new")])
    assert (tmp_path / "old.md").read_text(encoding="utf-8") == "old"
    assert (old / "scores.png").read_bytes() == b"old"
    assert sorted(e.name for e in tmp_path.iterdir()) == ["old.md", "old_files"]


def test_new_pictures_take_the_place_of_old_ones(tmp_path: Path) -> None:
    folder = tmp_path / "report_files"
    for name in ("first.png", "second.png"):
        write_with_pictures(tmp_path / "report.md", b"text", folder, [(name, b"x")])
    assert [entry.name for entry in folder.iterdir()] == ["second.png"]
    assert sorted(e.name for e in tmp_path.iterdir()) == ["report.md", "report_files"]


def test_an_unknown_format_names_the_known_ones(
    boot: csi.Bootstrap, tmp_path: Path
) -> None:
    message = r"supported is '\.html', '\.docx', '\.xlsx', '\.md'"
    with pytest.raises(SpecificationError, match=message):
        report(boot, tmp_path / "report.pdf")


def test_gaps_are_empty_cells(boot: csi.Bootstrap, tmp_path: Path) -> None:
    content = _first_section(boot)
    scores = content.sections[0]
    table = next(b for b in scores.blocks if isinstance(b, Table))
    nothing = Number(float("nan"), 1)
    row: tuple[Cell, ...] = (Text("none"), nothing, Interval(nothing, nothing))
    row = (*row, nothing, nothing, nothing)
    section = replace(scores, blocks=(replace(table, rows=(row, table.rows[0])),))
    target = tmp_path / "gaps.xlsx"
    target.write_bytes(excel(replace(content, sections=(section,))))
    empty, full = Workbook(target).rows("Scores")[2:]
    assert empty == ["none"]
    assert len(full) == 1 + len(boot.scores.columns.drop(["construct", "note", "p"]))
    assert "none" in (text := markdown(replace(content, sections=(section,)), "f").text)
    assert "nan" not in text
