"""Readers: one set of answers in every dress, and what cannot be read."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import csindex as csi

# the same examples every time, however long a busy machine takes
STEADY = settings(deadline=None, derandomize=True)

ITEMS = ["q1", "q2"]
ANSWERS = np.array([[1, 2.5], [np.nan, 3], [7, 7.5], [10, 1], [4, 9]])
TEXT = "q1,q2\n1,2.5\n,3\n7,7.5\n10,1\n4,9\n"
FULL_WIDTH = {ord("0") + digit: chr(0xFF10 + digit) for digit in range(10)}


def frame() -> pd.DataFrame:
    """Return the answers as a data frame."""
    return pd.DataFrame(ANSWERS, columns=ITEMS)


def read(source: Any) -> np.ndarray:
    """Return the complete answers of a source."""
    return csi.read_survey(source, scale=(1, 10)).answers(ITEMS).values


def written(folder: Path, content: str | bytes) -> Path:
    """Return a file of this content."""
    path = folder / "answers.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_delimiters_and_encodings(
    tmp_path: Path, encoding: str, delimiter: str, ending: str
) -> None:
    text = TEXT.replace(",", delimiter).replace("\n", ending)
    assert_array_equal(
        read(written(tmp_path, text.encode(encoding))), ANSWERS[[0, 2, 3, 4]]
    )


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-16"])
def test_chinese_names_and_texts(tmp_path: Path, encoding: str) -> None:
    text = "满意度,公司\n1,甲\n5,乙\n9,甲\n"
    survey = csi.read_survey(written(tmp_path, text.encode(encoding)))
    assert survey.frame["公司"].to_list() == ["甲", "乙", "甲"]
    assert_array_equal(survey.answers(["满意度"]).values[:, 0], [1, 5, 9])


def test_western_names_in_an_old_encoding(tmp_path: Path) -> None:
    path = written(tmp_path, "café,ü\n1,2\n3,4\n5,5\n".encode("cp1252"))
    assert list(csi.read_survey(path).frame.columns) == ["café", "ü"]


DRESSES = {
    "decimal comma": TEXT.replace(",", ";").replace(".", ","),
    "decimal comma in quotes": TEXT.replace(",", ";")
    .replace("2.5", '"2,5"')
    .replace("7.5", '"7,5"'),
    "comma in a remark": "q1;q2;note\n1;2.5;10,000 of 1,5\n;3;\n7;7.5;\n10;1;\n4;9;\n",
    "blank lines": "\n \n" + TEXT.replace("\n", "\n\n"),
    "spaces in the header": TEXT.replace("q1,q2", " q1 , q2 "),
    "unnamed empty columns": TEXT.replace("\n", ",,\n"),
    "delimiter after answers": TEXT.replace("\n", ",\n").replace("q2,", "q2"),
    "row numbers": frame().to_csv(),
    "no last line end": TEXT.rstrip("\n"),
    "quoted line ends": 'q1,q2,note\n1,2.5,"a\nb, ""c"""\n,3,\n7,7.5,x\n10,1,\n4,9,y\n',
    "quoted line end in the header": '"a\nb";q1;q2\n;1;2.5\n;;3\n;7;7.5\n;10;1\n;4;9\n',
    "texts of no answer": TEXT.replace("\n,3", "\nNA,3")
    + "n/a,None\nNULL,#N/A\nnan,<NA>\n",
    "full width": TEXT.replace("7,7.5", "7,7.5".translate(FULL_WIDTH)),
    "spaces round answers": TEXT.replace("7,7.5", " 7 , 7.5 "),
    "short rows": TEXT.replace(",3\n", "\n").replace("10,1\n", "10,1\n5\n"),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_the_same_answers(tmp_path: Path, dress: str) -> None:
    assert_array_equal(read(written(tmp_path, DRESSES[dress])), ANSWERS[[0, 2, 3, 4]])


def test_true_and_false_are_one_and_zero(tmp_path: Path) -> None:
    text = "q1,q2\nTrue,TRUE\nFalse,false\n,true\nTrue,NA\nFalse,FALSE\nTrue,false\n"
    survey = csi.read_survey(written(tmp_path, text), scale=(0, 1))
    assert_array_equal(survey.answers(ITEMS).values, [[1, 1], [0, 0], [0, 0], [1, 0]])


def test_na_is_a_label_of_a_group(tmp_path: Path) -> None:
    survey = csi.read_survey(written(tmp_path, "land,q1\nNA,1\nDE,2\n,3\n"))
    assert survey.labels("land").to_list()[:2] == ["NA", "DE"]
    assert survey.labels("land").isna().to_list() == [False, False, True]


def texts(digits: dict[int, str]) -> pd.DataFrame:
    """Return the answers as texts; missing ones are empty."""
    return frame().map(lambda v: "" if np.isnan(v) else f"{v:g}".translate(digits))


FRAMES: dict[str, Callable[[], Any]] = {
    "float": frame,
    "float32": lambda: frame().astype("float32"),
    "nullable": lambda: frame().convert_dtypes(),
    "nullable Int64": lambda: frame().round().astype("Int64"),
    "pyarrow": lambda: frame().convert_dtypes(dtype_backend="pyarrow"),
    "categories": lambda: frame().astype("category"),
    "categories of text": lambda: texts({}).astype("category"),
    "text": lambda: texts({}),
    "full-width text": lambda: texts(FULL_WIDTH),
    "object": lambda: frame().astype(object).where(frame().notna(), None),
    "decimal": lambda: frame().map(lambda v: Decimal(str(v))),
    "numbered columns": lambda: (
        frame().assign(**{"0": 1}).set_axis([*ITEMS, 0], axis=1)
    ),
    "polars": lambda: pl.from_pandas(frame()),
    "polars lazy": lambda: pl.from_pandas(frame()).lazy(),
    "polars text": lambda: pl.from_pandas(texts({})),
    "polars categories": lambda: pl.from_pandas(texts({})).cast(pl.Categorical),
    "polars decimal": lambda: (
        pl.from_pandas(frame()).fill_nan(None).cast(pl.Decimal(10, 2))
    ),
    "polars with lists": lambda: pl.from_pandas(frame()).with_columns(
        pl.lit([1, 2]).alias("list"),
        pl.struct("q1").alias("struct"),
        pl.lit(None).alias("null"),
        pl.lit(1).cast(pl.Duration).alias("time"),
    ),
    "pyarrow table": lambda: pa.Table.from_pandas(frame()),
    "pyarrow text": lambda: pa.Table.from_pandas(texts({})),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_of_every_kind(kind: str) -> None:
    source = FRAMES[kind]()
    whole = ANSWERS.round() if kind == "nullable Int64" else ANSWERS
    assert_array_equal(read(source), whole[[0, 2, 3, 4]])


@pytest.mark.parametrize("dtype", ["bool", "boolean", "bool[pyarrow]", object])
def test_columns_of_booleans(dtype: Any) -> None:
    source = pd.DataFrame({"q1": [True, False, True], "q2": [0, 1, 1]}).astype(
        {"q1": dtype}
    )
    assert_array_equal(read_zero_one(source), [[1, 0], [0, 1], [1, 1]])


def read_zero_one(source: Any) -> np.ndarray:
    """Return the answers to two yes-no questions."""
    survey = csi.read_survey(source, scale=(0, 1))
    return np.column_stack([survey.answers([item]).values for item in ITEMS])


@pytest.mark.parametrize("make", [pl.from_pandas, pa.Table.from_pandas, "lazy"])
def test_whole_fits_are_the_same(make: Any) -> None:
    pandas = csi.load_dataset("retail").frame
    arguments: dict[str, Any] = {
        "scale": (1, 10),
        "missing": (98, 99),
        "weights": "weight",
    }
    other = pl.from_pandas(pandas).lazy() if make == "lazy" else make(pandas)
    expected, found = (
        csi.fit(csi.acsi(), csi.read_survey(source, **arguments), by="company")
        for source in (pandas, other)
    )
    pd.testing.assert_series_equal(found.index, expected.index, rtol=1e-12)
    pd.testing.assert_frame_equal(found.paths, expected.paths, rtol=1e-12)


def test_the_frame_that_was_given_stays_as_it_is() -> None:
    source = frame().assign(w=[1.0, 1, 1, 0, 2], g=list("aabbb"))
    source.index = pd.Index([3, 3, 1, 0, 3])
    before = source.copy(deep=True)
    survey = csi.read_survey(
        source, scale=(1, 10), reverse=["q1"], missing=[9], weights="w", groups="g"
    )
    survey.answers(["q2"])
    survey.frame.loc[:, "q2"] = 0
    pd.testing.assert_frame_equal(source, before)


UNREADABLE: dict[str, tuple[str | bytes, list[str]]] = {
    "empty": ("", ["is empty: it has no header and no answers"]),
    "blank": (" \n\n", ["is empty"]),
    "mark only": (b"\xef\xbb\xbf", ["is empty"]),
    "header only": ("q1,q2\n", ["has a header but no answers"]),
    "header twice": ("q1, q1 ,q2\n1,2,3\n", ["more than one column named 'q1'"]),
    "two unnamed": ("q1,,\n1,2,3\n", ["more than one column named ''", "own name"]),
    "xlsx": (b"PK\x03\x04\x14\x00\x06\x00", ["a damaged workbook", "as CSV"]),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1", ["a damaged workbook", "as CSV"]),
    "sav": (b"$FL2@(#) SPSS DATA FILE\x02\x00", ["an SPSS file", "as CSV"]),
    "gzip": (gzip.compress(TEXT.encode()), ["a gzip archive", "as CSV"]),
    "png": (b"\x89PNG\r\n\x1a\n\x00\x00", ["is not a text file", "as CSV"]),
    "utf-16 without mark": (TEXT.encode("utf-16-le"), ["is not a text file"]),
    "cut utf-16": (TEXT.encode("utf-16") + b"x", ["encoding", "save it as UTF-8"]),
    "no encoding": (b"q1,q2\n1,\x81\xff\n", ["encoding", "save it as UTF-8"]),
    "long row": (TEXT + "1,2,3\n", ["line 7 has 3 cells, the header has 2", "quotes"]),
    "long row lower down": ("\n\n" + TEXT + "1,2,3\n", ["line 9 has 3 cells"]),
    "long rows": ("q1,q2\n1,2,3\n4,5,6\n", ["more cells than the header"]),
    "open quote": (TEXT + '1,"2\n', ["double quote", "row 6", "never closed"]),
    "huge cell": ('"' + "a" * 200_000 + '",q1\n1,2\n', ["as a table", "as CSV"]),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_files_that_cannot_be_read(tmp_path: Path, case: str) -> None:
    content, fragments = UNREADABLE[case]
    with pytest.raises(csi.DataError) as caught:
        csi.read_survey(written(tmp_path, content))
    assert [f for f in ["answers.csv", *fragments] if f not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("source", "fragment"),
    [
        ("absent.csv", "cannot read 'absent.csv': No such file"),
        (".", "'.' is a folder; give a file of answers"),
        ("a\0b", "is not the name of a file"),
        ("a" * 5000, "File name too long"),
        (None, "from NoneType; give a file name or a data frame"),
        ([1, 2], "from list"),
        (np.ones((3, 2)), "from ndarray"),
        (pd.Series([1, 2]), "from Series"),
        (pd.DataFrame(), "the data frame is empty"),
        (pd.DataFrame(columns=["q1"]), "the data frame is empty"),
        (pl.DataFrame(), "the data frame is empty"),
        (pd.DataFrame([[1, 2]], columns=["q", "q"]), "more than one column named 'q'"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "more than one column named '1'"),
        (pa.table([[1], [2]], names=["q", "q"]), "more than one column named 'q'"),
    ],
)
def test_sources_that_cannot_be_read(source: Any, fragment: str) -> None:
    with pytest.raises(csi.DataError) as caught:
        csi.read_survey(source)
    assert fragment in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_file_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, TEXT)
    if os.geteuid() == 0:  # root may read everything

        def refuse(_: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_bytes", refuse)
    else:
        path.chmod(0)
    with pytest.raises(csi.DataError, match=r"answers\.csv': Permission denied; give"):
        csi.read_survey(path)


CELLS = [
    "1",
    "2.5",
    "7,5",
    '"a',
    '"x"',
    "",
    'a"b',
    "满",
    "\n",
    "\r",
    "99",
    "#",
    ";",
    ",",
]


@STEADY
@given(st.lists(st.sampled_from(CELLS)).map("".join).map(str.encode) | st.binary())
def test_any_bytes_are_answers_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = written(tmp_path_factory.getbasetemp(), content)
    try:
        survey = csi.read_survey(path)
    except csi.DataError:
        return
    assert len(survey) > 0
    assert survey.frame.columns.is_unique
