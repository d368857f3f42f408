"""Files of every kind: the same answers, and what they say about their columns."""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pyreadstat
import pytest
import xlsxwriter
from click.testing import CliRunner
from numpy.testing import assert_array_equal

import csindex as csi
from csindex.cli import main
from csindex.survey import draft_codebook
from csindex.survey.reading import read_table

# one table as people write it, and what it says
CELLS: dict[str, list[Any]] = {
    "q1": [1, 5, None, 10, 3, 7],
    "texts": ["1", "NA", " 4 ", "n/a", "", "10"],
    "commas": ["2,5", "3", "", "10", "7,25", "1"],
    "fractions": [2.5, 3, 4, None, 7.25, 1],
    "asked": [True, False, True, True, False, False],
    "when": [date(2024, 5, k) for k in (1, 2, 2, 30, 31, 31)],
    "company": ["Müller", "Größe", "满意", "é", "Ann", "O'Neill"],
    "code": [1, 2, 2, 1, 3, 3],
}
ANSWERS = {
    "q1": [1, 5, np.nan, 10, 3, 7],
    "texts": [1, np.nan, 4, np.nan, np.nan, 10],
    "commas": [2.5, 3, np.nan, 10, 7.25, 1],
    "fractions": [2.5, 3, 4, np.nan, 7.25, 1],
    "asked": [1, 0, 1, 1, 0, 0],
    "code": [1, 2, 2, 1, 3, 3],
}
LABELS = {
    "when": [f"2024-05-{k:02}" for k in (1, 2, 2, 30, 31, 31)],
    "company": CELLS["company"],
    "code": CELLS["code"],
}
Cells = dict[str, list[Any]]


def _csv(path: Path, cells: Cells, encoding: str = "utf-8", mark: str = ",") -> None:
    frame = pd.DataFrame(cells, dtype=object)
    path.write_text(frame.to_csv(index=False, sep=mark), encoding=encoding)


def _xlsx(path: Path, cells: Cells) -> None:
    book = xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet("answers")
    # a gap above and on the left, and an empty row in the midst
    for k, (name, column) in enumerate(cells.items(), 1):
        sheet.write_string(2, k, f" {name} ")
        for row, cell in enumerate(column):
            write = sheet.write_string if isinstance(cell, str) else sheet.write
            if isinstance(cell, date):
                write = sheet.write_datetime
            write(3 + row + (row > 2), k, cell)
    book.add_worksheet("empty")
    book.close()


def _ods(path: Path, cells: Cells) -> None:
    def cell(value: Any) -> str:
        kind, told = {
            bool: ("boolean", f'office:boolean-value="{str(value).lower()}"'),
            int: ("float", f'office:value="{value}"'),
            float: ("float", f'office:value="{value}"'),
            date: ("date", f'office:date-value="{value}"'),
        }.get(type(value), ("string", ""))
        if value is None:
            return "<table:table-cell/>"
        return (
            f'<table:table-cell office:value-type="{kind}" {told}>'
            f'<text:p xml:space="preserve">{value}</text:p></table:table-cell>'
        )

    rows = [list(cells), *zip(*cells.values(), strict=True)]
    table = "".join(
        f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows
    )
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:'
            f'manifest:1.0"><manifest:file-entry manifest:full-path="/" '
            f'manifest:media-type="{kind}"/></manifest:manifest>',
        )
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {names}>'
            '<office:body><office:spreadsheet><table:table table:name="answers">'
            f"{table}</table:table></office:spreadsheet></office:body>"
            "</office:document-content>",
        )


def _frame(cells: Cells) -> pd.DataFrame:
    frame = pd.DataFrame(cells)
    frame["q1"] = frame["q1"].astype(float)
    return frame


def _sav(path: Path, cells: Cells) -> None:
    pyreadstat.write_sav(_frame(cells), path)


def _zsav(path: Path, cells: Cells) -> None:
    pyreadstat.write_sav(_frame(cells), path, compress=True)


def _dta(path: Path, cells: Cells, version: int = 15) -> None:
    frame = _frame(cells).astype({"asked": int})
    frame["company"] = frame["company"].astype(str)
    pyreadstat.write_dta(frame, path, version=version)


def _table(cells: Cells) -> pa.Table:
    return pa.table(cells)


FILES: dict[str, Callable[[Path, Cells], None]] = {
    "csv": _csv,
    "csv with mark": lambda path, cells: _csv(path, cells, "utf-8-sig"),
    "csv in gb18030": lambda path, cells: _csv(path, cells, "gb18030"),
    "semicolons": lambda path, cells: _csv(path, cells, "utf-16", ";"),
    "xlsx": _xlsx,
    "ods": _ods,
    "sav": _sav,
    "zsav": _zsav,
    "dta": _dta,
    "dta 14": lambda path, cells: _dta(path, cells, 14),
    "parquet": lambda path, cells: pa.parquet.write_table(_table(cells), path),
    "feather": lambda path, cells: pa.feather.write_feather(_table(cells), path),
}


def _check(source: Any) -> None:
    survey = csi.read_survey(source)
    for name, cells in ANSWERS.items():
        expected = np.array(cells, dtype=float)
        found = survey.answers([name])
        assert_array_equal(found.values[:, 0], expected[~np.isnan(expected)])
        assert_array_equal(found.rows, np.flatnonzero(~np.isnan(expected)))


@pytest.mark.parametrize("kind", FILES)
def test_files_of_every_kind_give_the_same_answers(tmp_path: Path, kind: str) -> None:
    # the ending says nothing
    path = tmp_path / "answers.dat"
    FILES[kind](path, CELLS)
    _check(path)
    survey = csi.read_survey(path)
    assert survey.source == "answers.dat"
    assert {name: survey.labels(name).to_list() for name in LABELS} == LABELS


@pytest.mark.parametrize(
    "make",
    [
        dict,
        pd.DataFrame,
        _table,
        lambda cells: _table(cells).to_batches()[0],
        lambda cells: _table(cells).to_reader(),
        lambda cells: {name: np.array(c, dtype=object) for name, c in cells.items()},
    ],
    ids=["mapping", "pandas", "arrow", "batch", "batches", "mapping of arrays"],
)
def test_frames_give_them_too(make: Callable[[Cells], Any]) -> None:
    _check(make(CELLS))


@pytest.mark.parametrize("kind", ["csv", "xlsx", "ods", "parquet", "feather"])
def test_columns_of_one_name_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "twice"
    cells = {"q": [1, 2], "q ": [3, 4]}
    FILES[kind](path, cells)
    with pytest.raises(csi.DataError, match="more than one column named 'q'"):
        csi.read_survey(path)


@pytest.mark.parametrize("kind", FILES)
def test_no_answers_below_the_names(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "none"
    if kind in ("sav", "zsav", "dta", "dta 14"):
        pyreadstat.write_sav(pd.DataFrame({"q": pd.Series([], dtype=float)}), path)
    else:
        FILES[kind](path, {"q": [], "p": []})
    with pytest.raises(csi.DataError, match="has a header but no answers below it"):
        csi.read_survey(path)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Qualität,Größe\n1,2\n3,4\n5,5\n", ["Qualität", "Größe"]),
        ("Zufriedenheit;Straße;Preis (€)\n1;2;3\n", None),
        ("qualité,fidélité,intérêt\n1,2,3\n", None),
        ("calidad,año,opinión\n1,2,3\n", None),
    ],
)
def test_western_letters_are_not_taken_for_chinese(
    tmp_path: Path, text: str, names: list[str] | None
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode("cp1252"))
    expected = names or text.splitlines()[0].replace(";", ",").split(",")
    assert list(read_table(path).frame.columns) == expected


@pytest.mark.parametrize(
    "text",
    [
        "满意度,公司\n1,甲\n5,乙\n",
        "q1,性别\n1,男\n2,女\n",
        "Q1满意,B2品牌x\n1,2\n",
        "滿意度,價格,電話號碼\n1,2,3\n",
    ],
)
@pytest.mark.parametrize("encoding", ["gbk", "gb18030"])
def test_chinese_letters_are_not_taken_for_western(
    tmp_path: Path, text: str, encoding: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    assert list(read_table(path).frame.columns) == text.splitlines()[0].split(",")


def test_thousands_are_no_decimals() -> None:
    with pytest.raises(csi.DataError, match="must hold numbers but has '1,500', '2,"):
        csi.read_survey({"q": ["1,500", "2,000", "10"]}).answers(["q"])
    with pytest.raises(csi.DataError, match="has '2,5'"):
        csi.read_survey({"q": ["1.5", "2,5", "10"]}).answers(["q"])
    found = csi.read_survey({"q": ["1,500", "0,375", "-3,250"]}).answers(["q"])
    assert_array_equal(found.values[:, 0], [1.5, 0.375, -3.25])


def test_a_whole_fit_from_every_file(tmp_path: Path) -> None:
    retail = csi.load_dataset("retail")
    model = csi.acsi()
    columns = [*model.items, "company", "HIGHPTOL", "LOWPTOL"]
    frame = retail.frame[[c for c in columns if c in retail.frame]]
    kept: dict[str, Any] = {"scale": (1, 10), "missing": (98, 99)}
    expected = csi.fit(model, csi.read_survey(frame, **kept), by="company").index
    for kind in ("csv", "xlsx", "sav", "dta", "parquet"):
        path = tmp_path / f"retail.{kind}"
        if kind == "xlsx":
            frame.to_excel(path, index=False, engine="xlsxwriter")
        elif kind == "sav":
            pyreadstat.write_sav(frame, path)
        elif kind == "dta":
            pyreadstat.write_dta(frame, path)
        elif kind == "parquet":
            frame.to_parquet(path)
        else:
            frame.to_csv(path, index=False)
        found = csi.fit(model, csi.read_survey(path, **kept), by="company").index
        pd.testing.assert_series_equal(found, expected, rtol=1e-12)


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    """Return a workbook of two sheets with content, and one that is hidden."""
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(path)
    for name, rows in (
        ("notes", [["about"], ["all"]]),
        ("data", [["q1", 2020], [1, 2], [5, 4], [10, 9]]),
        ("secret", [["q1"], [1]]),
        ("empty", []),
    ):
        sheet = book.add_worksheet(name)
        for row, cells in enumerate(rows):
            sheet.write_row(row, 0, cells)
        if name == "secret":
            sheet.hide()
    book.close()
    return path


def test_sheets(workbook: Path) -> None:
    for sheet in ("data", 1):
        survey = csi.read_survey(workbook, scale=(1, 10), sheet=sheet)
        assert list(survey.frame.columns) == ["q1", "2020"]
        assert_array_equal(survey.answers(["q1"]).values[:, 0], [1, 5, 10])
    assert len(csi.read_survey(workbook, sheet="secret")) == 1
    assert draft_codebook(workbook, sheet="data").scale == (1, 10)


@pytest.mark.parametrize(
    ("sheet", "told"),
    [
        (None, "more than one sheet: 'notes', 'data'; say which has the answers"),
        ("dat", "unknown sheet 'dat' in a.xlsx; did you mean 'data'?"),
        (7, "unknown sheet '7' in a.xlsx"),
        ("empty", "sheet 'empty' of"),
    ],
)
def test_sheets_that_cannot_be_read(
    workbook: Path, sheet: str | int | None, told: str
) -> None:
    with pytest.raises(csi.DataError) as caught:
        csi.read_survey(workbook, sheet=sheet)
    assert told in str(caught.value)


def test_a_sheet_of_what_has_none(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("q1\n1\n")
    for source in (path, pd.DataFrame({"q1": [1]})):
        with pytest.raises(csi.SpecificationError, match="has none; leave it out"):
            csi.read_survey(source, sheet="data")


def test_cells_of_a_workbook(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["q", "company", "when", "empty"])
    stamp = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    for row, (q, company) in enumerate(
        zip([1, 2.5, 3], ["A", 2, 10**6], strict=True), 1
    ):
        sheet.write(row, 0, q)
        sheet.write(row, 1, company)
        sheet.write_datetime(row, 2, datetime(2024, 5, row, 10 * (row > 1)), stamp)
    sheet.write_formula(4, 0, "=NA()", value="#N/A")
    sheet.write(4, 1, "B")
    book.close()
    frame = csi.read_survey(path).frame
    assert list(frame.columns) == ["q", "company", "when", "empty"]
    assert frame["company"].map(str).to_list() == ["A", "2", "1000000", "B"]
    assert frame["when"].to_list()[:3] == [
        "2024-05-01 00:00:00",
        "2024-05-02 10:00:00",
        "2024-05-03 10:00:00",
    ]
    assert_array_equal(frame["q"], [1, 2.5, 3, np.nan])


DAMAGED = {
    "PK\x03\x04": "a damaged workbook, or another kind of archive",
    "\xd0\xcf\x11\xe0": "a damaged workbook",
    "$FL2@(#) SPSS": "an SPSS file that can't be read",
    "<stata_dta><header>": "a Stata file that can't be read",
    "PAR1": "a damaged Parquet file",
    "ARROW1": "a damaged Feather file",
}


@pytest.mark.parametrize("begin", DAMAGED)
def test_damaged_files(tmp_path: Path, begin: str) -> None:
    path = tmp_path / "answers"
    path.write_bytes(begin.encode("latin-1") + bytes(200))
    with pytest.raises(csi.DataError) as caught:
        csi.read_survey(path)
    assert DAMAGED[begin] in str(caught.value)


@pytest.mark.parametrize("kind", FILES)
def test_files_that_were_cut_off(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "answers"
    FILES[kind](path, CELLS)
    whole = path.read_bytes()
    for size in range(1, len(whole), max(1, len(whole) // 30)):
        path.write_bytes(whole[:size])
        try:
            survey = csi.read_survey(path)
        except csi.DataError:
            continue
        # texts end anywhere; other files have all their answers, or none
        assert len(survey) == 6 or kind.startswith(("csv", "semi"))


@pytest.mark.parametrize(
    ("kind", "package", "advice"),
    [
        ("xlsx", "python_calamine", "pip install 'python-calamine'"),
        ("sav", "pyreadstat", "pip install 'pyreadstat'"),
        ("parquet", "pyarrow", r"pip install 'csindex\[bigdata\]'"),
    ],
)
def test_packages_that_are_not_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    package: str,
    advice: str,
) -> None:
    path = tmp_path / "answers"
    FILES[kind](path, CELLS)
    real = importlib.import_module

    def refuse(name: str, of: str | None = None) -> Any:
        if name.split(".")[0] == package:
            raise ModuleNotFoundError(name)
        return real(name, of)

    monkeypatch.setattr("csindex.survey.frames.import_module", refuse)
    with pytest.raises(csi.DataError, match=advice) as caught:
        csi.read_survey(path)
    assert isinstance(caught.value.__cause__, ImportError)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"q1": [1, 2], "q2": [1]}, "all of the same length"),
        ({"q1": 1, "q2": 2}, "one list of answers per column"),
        ({}, "the data frame is empty"),
        ({"q1": []}, "the data frame is empty"),
        ({1: [1], "1": [2]}, "more than one column named '1'"),
    ],
)
def test_mappings_that_are_no_tables(columns: Any, told: str) -> None:
    with pytest.raises(csi.DataError) as caught:
        csi.read_survey(columns)
    assert told in str(caught.value)


def _run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_command_line_takes_workbooks(workbook: Path) -> None:
    several = _run("codebook", workbook)
    assert several.exit_code == 2
    assert "--sheet NAME" in several.output
    assert _run("codebook", workbook, "--sheet", "data").exit_code == 0


def test_the_command_line_fits_them(tmp_path: Path) -> None:
    frame = csi.load_dataset("retail").frame
    options = ["--model", "acsi", "--scale", "1", "10", "--missing", "98,99"]
    path, text = tmp_path / "a.xlsx", tmp_path / "a.csv"
    with pd.ExcelWriter(path, engine="xlsxwriter") as writer:
        pd.DataFrame({"notes": ["x"]}).to_excel(writer, sheet_name="notes")
        frame.to_excel(writer, sheet_name="data", index=False)
    frame.to_csv(text, index=False)
    expected = _run("fit", text, *options, "--by", "company")
    found = _run("fit", path, *options, "--by", "company", "--sheet", "data")
    assert found.exit_code == 0, found.output
    assert found.output == expected.output
