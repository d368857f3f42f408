"""Frames and series that print whole, and names of options in any case."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import csindex as csi
from csindex.language.frames import Listing, Table
from csindex.language.options import canonical
from csindex.language.tables import floored, width_of

WIDE = {f"a number of name {k}": [0.25 * k, -1.5] for k in range(12)}
PLAIN = pd.DataFrame(
    {"first": ["a", "b"], "second": ["c", "满意"], **WIDE, "n": [3, 4]}
)


def lines(shown: object) -> list[str]:
    return repr(shown).splitlines()


@pytest.mark.parametrize("rows", [2, 200])
def test_a_table_prints_all_columns_in_80_characters(rows: int) -> None:
    table = Table(pd.concat([PLAIN] * (rows // 2), ignore_index=True))
    told = lines(table)
    assert max(map(width_of, told)) <= 80
    words = " ".join(told).split()
    assert "..." not in words
    assert {"first", "second", "n", *(str(k) for k in range(12))} <= {*words}
    assert len(told) < 120
    ends = f"The first and the last 10 of {rows} rows"
    assert (ends in told) == (rows > pd.get_option("display.max_rows"))


def test_a_table_is_the_frame_that_it_is_made_of() -> None:
    table = Table(PLAIN)
    assert_frame_equal(table, PLAIN)
    assert table.to_csv() == PLAIN.to_csv()
    assert table._repr_html_() == PLAIN._repr_html_()
    assert isinstance(table.query("n > 3"), Table)
    assert isinstance(table.set_index("first")[["n"]], Table)
    assert repr(table["n"]) == repr(PLAIN["n"])
    assert_frame_equal(table.merge(PLAIN[["first", "n"]]), PLAIN)
    assert_frame_equal(pd.concat([table, table]), pd.concat([PLAIN, PLAIN]))


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.123456, 2.0], ["0.1235", "2.0000"]),
        ([0.12, 2.0], ["0.12", "2.00"]),
        ([3.0, np.nan], ["3", ""]),
        ([np.inf, 0.5], ["inf", "0.5"]),
    ],
)
def test_rounded_numbers_are_told_by_their_own_decimals(
    values: list[float], shown: list[str]
) -> None:
    told = lines(Table({"label": ["a", "b"], "x": values}))[1:]
    assert [line.split()[1:] for line in told] == [
        [cell] * bool(cell) for cell in shown
    ]


def test_row_labels_print_where_they_say_something() -> None:
    frame = pd.DataFrame({"x": [1, 2]})
    assert lines(Table(frame)) == ["x", "1", "2"]
    labelled = frame.set_index(pd.Index(["a", "b"], name="group"))
    assert lines(Table(labelled)) == ["group x", "    a 1", "    b 2"]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(),
        pd.DataFrame({"a": []}),
        pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
    ],
)
def test_other_frames_print_as_pandas_has_them(frame: pd.DataFrame) -> None:
    assert repr(Table(frame)) == repr(frame)


def test_long_texts_and_notes_are_told_below() -> None:
    table = Table({"name": ["a", "b"], "x": [1, 2], "why": ["word " * 30, ""]})
    table.attrs.update(below=["why"], notes=["<i>A note.</i>"])
    told = lines(table)
    assert told[:3] == ["name x", "   a 1", "   b 2"]
    assert told[4].startswith("a: word word")
    assert told[-3:] == ["b", "", "<i>A note.</i>"]
    assert lines(table[["why"]])[0].startswith("word word")
    assert lines(table[["name", "x"]]) == [*told[:3], "", told[-1]]
    html = table._repr_html_()
    assert html is not None
    assert html.endswith("<p>&lt;i&gt;A note.&lt;/i&gt;</p>")


def test_a_p_value_at_its_floor_is_marked() -> None:
    table = Table({"path": ["a", "b", "c"], "p": [2 / 51, 4 / 51, 1.0]})
    table.attrs["p_floor"] = 2 / 51
    assert [line.split()[1] for line in lines(table)[1:]] == [
        "≤0.0392",
        "0.0784",
        "1.0000",
    ]
    assert floored(2 / 10_001)["p"](2 / 10_001) == "<0.001"


def test_the_list_of_models_can_be_read() -> None:
    table = csi.models()
    told = lines(table)
    assert max(map(width_of, told)) <= 80
    text = " ".join(" ".join(told).split())
    for column in ("name", "year", "paths", "origin", "reference", "assumed"):
        assert column in table
    for row in table.itertuples():
        assert f"{row.name}: {row.title}; {row.origin}; {row.reference}" in text


def test_a_list_says_all() -> None:
    long = " ".join(f"word{k}" for k in range(30))
    told = lines(Listing({"short": "x", "a 满意 name": long, "number": 3}))
    assert max(map(width_of, told)) <= 80
    assert " ".join(" ".join(told[1:-1]).split()) == f"a 满意 name {long}"
    assert told[0] == "short        x"
    numbers = Listing({"chisq": 98765.4321, "pvalue": 1e-9, "df": 12.0, "cfi": np.nan})
    assert lines(numbers) == [
        "chisq   98765.4321",
        "pvalue     <0.0001",
        "df              12",
        "cfi",
    ]
    assert isinstance(numbers[["df"]], Listing)
    assert isinstance(numbers.to_frame(), Table)


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(np.arange(300.0)),
        pd.Series([1.5], index=["a name that goes on " * 5]),
        pd.Series([1], index=pd.MultiIndex.from_tuples([("a", "b")])),
    ],
)
def test_other_series_print_as_pandas_has_them(series: pd.Series) -> None:
    assert repr(Listing(series)) == repr(series)


@pytest.mark.parametrize(
    ("value", "known", "found"),
    [
        ("bca", ["bc", "bca"], "bca"),
        ("BCa", ["bc", "bca"], "bca"),
        ("mlr", ["ML", "MLR"], "MLR"),
        ("b", ["A", "a", "B", "b"], "b"),
        ("X", ["a", "b"], "X"),
        ("A", ["aa", "a ", ""], "A"),
        (None, ["none"], None),
        (3, ["3"], 3),
    ],
)
def test_names_in_any_case(value: Any, known: list[str], found: Any) -> None:
    assert canonical(value, known) == found


def test_ambiguous_names_are_left_as_they_are() -> None:
    assert canonical("Ab", ["AB", "ab"]) == "Ab"


def test_options_in_any_case() -> None:
    assert csi.PLS(scheme="Centroid", mode="b") == csi.PLS(scheme="centroid", mode="B")  # type: ignore[arg-type]
    modes = csi.PLS(mode={"quality": "b"}).mode  # type: ignore[dict-item]
    assert modes == {"quality": "B"}
    assert csi.PLSc("PATH", "a") == csi.PLSc()  # type: ignore[arg-type]
    polychoric = csi.PLS(correlations="Polychoric")  # type: ignore[arg-type]
    assert polychoric.needs_answers
    with pytest.raises(csi.SpecificationError, match="unknown scheme 'Magic'"):
        csi.PLS(scheme="Magic")  # type: ignore[arg-type]


def test_options_of_fits_and_bootstraps_in_any_case() -> None:
    survey = csi.load_dataset("retail")
    upper: Any = "MEAN"
    results = csi.fit(csi.acsi(), survey, incomplete=upper)
    assert results.index == csi.fit(csi.acsi(), survey, incomplete="mean").index
    kind: Any = {"interval": "BC", "failed": "Keep", "method": "Resample"}
    boot = csi.bootstrap(results, n=60, **kind)
    usual = csi.bootstrap(results, n=60, interval="bc", failed="keep")
    assert_frame_equal(boot.paths, usual.paths)
    assert boot.settings.equals(usual.settings)
    less: Any = "Less"
    assert boot.p_values("Paths", less).equals(usual.p_values("paths", "less"))
