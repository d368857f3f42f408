"""Files of SPSS and Stata: what they say about their columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
import pytest
from click.testing import CliRunner
from numpy.testing import assert_array_equal

import csindex as csi
from csindex.cli import main
from csindex.survey import draft_codebook

# an example as institutes deliver it; the codes 98 and 99 are declared, 97 is not
LABELLED = pd.DataFrame(
    {
        "F1": [1.0, 5, 10, 98, 7, 99, 3, 2, 4, 6, 8, 9],
        "F2": [2.0, 5, 10, 8, 7, 9, 3, -2, 4, -1, 8, 9],
        "F3": [1.0, 2, 2, 1, 2, 1, 1, 1, 2, 2, 1, 1],
        "F4": [1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 10],
        "shop": [1.0, 2, 2, 1, 2, 1, 1, 9, 2, 2, 1, 1],
        "name": ["a", "none", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"],
    }
)
QUESTIONS: dict[str, str | None] = {
    "F1": "How satisfied are you?",
    "F2": "您对价格满意吗?",
    "F3": "F3",
}
VALUE_LABELS: dict[str, dict[Any, str]] = {
    "F1": {1: "very dissatisfied", 10: "very satisfied", 98: "refused", 99: "none"},
    "F2": {1: "low", 10: "high", -1: "x", -2: "y"},
    "F3": {1: "yes", 2: "no", 9: "Don't know"},
    "F4": {0: "does not apply", 1: "low", 10: "high"},
    "shop": {1: "north", 2: "south"},
}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of SPSS with labels and user-missing codes."""
    path = tmp_path_factory.mktemp("labelled") / "survey.sav"
    pyreadstat.write_sav(
        LABELLED,
        path,
        column_labels=QUESTIONS,
        variable_value_labels=VALUE_LABELS,
        missing_ranges={
            "F1": [98, 99],
            "F2": [{"lo": -10, "hi": -1}],
            "shop": [9],
            "name": ["none"],
        },
    )
    return path


def test_what_spss_says_of_its_columns(labelled: Path) -> None:
    survey = csi.read_survey(labelled)
    for item in survey.codebook.items:
        assert dict(item.labels) == VALUE_LABELS[item.name]
    items = [replace(item, labels=()) for item in survey.codebook.items]
    assert tuple(items) == (
        csi.Item("F1", scale=(1, 10), missing=(98, 99), en="How satisfied are you?"),
        csi.Item("F2", scale=(1, 10), missing=(-2, -1), zh="您对价格满意吗?"),
        csi.Item("F3", scale=(1, 2)),
        csi.Item("F4", scale=(1, 10)),
        csi.Item("shop", scale=(1, 2), missing=(9,)),
    )
    found = survey.answers(["F1", "F2", "F3"], incomplete="pairwise")
    expected = LABELLED[["F1", "F2", "F3"]].replace([98, 99, -2, -1], np.nan)
    assert_array_equal(found.values, expected.to_numpy())
    assert_array_equal(found.high, [10, 10, 2])
    # what was read is there as it was
    assert_array_equal(survey.frame["F1"], LABELLED["F1"])
    assert survey.frame["name"].isna().tolist() == [k == 1 for k in range(12)]
    shops = {1: "north", 2: "south", 9: None}
    named = survey.labels("shop").astype(object).where(LABELLED["shop"] < 9, None)
    assert named.to_list() == [shops[code] for code in LABELLED["shop"]]
    # with a code that has no name, codes stay
    assert survey.labels("F4").to_list() == LABELLED["F4"].to_list()
    # a labelled code that seems no answer isn't silently one
    with pytest.raises(csi.DataError, match=r"outside its scale 1 to 10: 0 \(1 time"):
        survey.answers(["F4"])


def test_codes_of_the_file_are_no_answers_in_moments_either(labelled: Path) -> None:
    moments = csi.moments(labelled, ["F1"])
    assert moments.n == 10
    assert moments.mean[0] == pytest.approx(LABELLED["F1"][LABELLED["F1"] < 98].mean())


def test_what_is_said_beside_the_file_comes_first(labelled: Path) -> None:
    book = csi.Codebook(
        [csi.Item("F1", scale=(0, 10), missing=(97,), construct="satisfaction")],
        scale=(1, 7),
    )
    survey = csi.read_survey(
        labelled, scale={"F4": (0, 10)}, codebook=book, reverse="F3"
    )
    known = survey.codebook.item
    assert known("F1") == csi.Item(
        "F1",
        scale=(0, 10),
        missing=(97, 98, 99),
        construct="satisfaction",
        labels=tuple(sorted(VALUE_LABELS["F1"].items())),
        en="How satisfied are you?",
    )
    assert known("F2").scale == (1, 10)
    assert known("F3").reversed
    assert known("F4").scale == (0, 10)
    assert known("other").scale == (1, 7)


def test_groups_have_the_names_of_their_codes(tmp_path: Path) -> None:
    retail = csi.load_dataset("retail")
    columns = [*csi.acsi().items, "HIGHPTOL", "LOWPTOL", "company"]
    frame = retail.frame[[c for c in columns if c in retail.frame]]
    companies = sorted(frame["company"].unique(), reverse=True)
    codes = frame["company"].map({name: k for k, name in enumerate(companies, 1)})
    path = tmp_path / "retail.sav"
    pyreadstat.write_sav(
        frame.assign(company=codes),
        path,
        variable_value_labels={"company": dict(enumerate(companies, 1))},
    )
    kept: dict[str, Any] = {"scale": (1, 10), "missing": (98, 99)}
    expected = csi.fit(csi.acsi(), csi.read_survey(frame, **kept), by="company")
    found = csi.fit(csi.acsi(), csi.read_survey(path, **kept), by="company")
    # in the order of the codes
    assert list(found) == companies
    for company in companies:
        assert found[company].index == pytest.approx(expected[company].index)


def test_codes_of_one_name_stay_apart() -> None:
    labels = ((1.0, "other"), (2.0, "north"), (3.0, "other"), (4.0, ""))
    book = csi.Codebook([csi.Item("shop", labels=labels)])
    survey = csi.read_survey({"shop": [3, 1, 2, 4]}, codebook=book)
    assert survey.labels("shop").to_list() == [
        "other (3)",
        "other (1)",
        "north",
        " (4)",
    ]


def test_what_stata_says_of_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "survey.dta"
    frame = LABELLED[["F1", "F3", "name"]].replace([98, 99], np.nan)
    pyreadstat.write_dta(
        frame,
        path,
        column_labels={"F1": QUESTIONS["F1"], "F3": None, "name": None},
        variable_value_labels={"F1": {1: "low", 10: "high"}, "F3": {1: "y", 2: "n"}},
    )
    survey = csi.read_survey(path)
    assert survey.codebook.items == (
        csi.Item(
            "F1",
            scale=(1, 10),
            en="How satisfied are you?",
            labels=((1, "low"), (10, "high")),
        ),
        csi.Item("F3", scale=(1, 2), labels=((1, "y"), (2, "n"))),
    )
    found = survey.answers(["F1", "F3"], incomplete="pairwise")
    assert_array_equal(found.values, frame[["F1", "F3"]].to_numpy())


@pytest.mark.parametrize("version", [8, 10, 12, 13])
def test_older_files_of_stata(tmp_path: Path, version: int) -> None:
    path = tmp_path / "survey.dta"
    frame = LABELLED[["F3", "F4", "name"]]
    pyreadstat.write_dta(frame, path, version=version)
    pd.testing.assert_frame_equal(csi.read_survey(path).frame, frame, check_dtype=False)


def test_letters_of_stata_mean_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "survey.dta"
    frame = pd.DataFrame({"q": [1, 2, "a", 4, "b"]}, dtype=object)
    pyreadstat.write_dta(frame, path, missing_user_values={"q": ["a", "b"]})
    found = csi.read_survey(path).answers(["q"])
    assert_array_equal(found.values[:, 0], [1, 2, 4])


def test_a_draft_keeps_what_the_file_says(labelled: Path) -> None:
    book = draft_codebook(labelled)
    assert book.scale == (1, 10)
    assert book.item("F1").en == QUESTIONS["F1"]
    assert {98, 99} <= set(book.item("F1").missing)
    assert book.item("F3").scale == (1, 2) or "F3" in book.groups
    again = csi.read_survey(labelled, codebook=book)
    assert again.codebook.item("F1").scale == (1, 10)


def test_the_command_line_takes_them(labelled: Path) -> None:
    drafted = CliRunner().invoke(main, ["codebook", str(labelled)])
    assert drafted.exit_code == 0, drafted.output
    assert 'en = "How satisfied are you?"' in drafted.output
    assert "F1: its labels go from 1 to 10" in drafted.output
    template = CliRunner().invoke(main, ["codebook", str(labelled), "--model", "acsi"])
    assert 'zh = "您对价格满意吗?"' in template.output
