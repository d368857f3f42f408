"""The example surveys: they are what their codebooks say."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.catalog import find_model
from csindex.codebook import read_codebook

NAMES = csi.datasets()["name"].to_list()

# the specific indicators of quality in each questionnaire
INDICATORS = {
    "bank": "counter waiting electronic products advice security fees care",
    "retail": "goods environment staff promotion checkout after_sales convenience",
    "telecom": "network tariff_clarity billing shop hotline value_added data repair",
}


@pytest.fixture(params=NAMES)
def survey(request: pytest.FixtureRequest) -> csi.Survey:
    """Return each example survey."""
    return csi.load_dataset(request.param)


def test_the_list_of_surveys() -> None:
    table = csi.datasets().set_index("name")
    assert list(table.columns) == ["title", "respondents", "columns", "models"]
    assert {"bank", "national", "retail", "telecom"} <= set(table.index)
    assert table["models"].to_dict() == {
        "bank": "ncsb_2001, improved_rater",
        "national": "all",
        "retail": "acsi",
        "telecom": "scsb, acsi, ncsi, ncsb, ecsi, ecsi_mobi, ccsi, tcsi",
    }
    assert table.loc["bank", "respondents"] == 6 * 500
    assert table.loc["national", "respondents"] == 5 * 400
    assert table.loc["retail", "respondents"] == 8 * 250 * 2
    assert table.loc["telecom", "respondents"] == 5 * 3 * 300
    assert table["title"].str.len().min() > 0


@pytest.mark.parametrize("name", NAMES)
def test_every_survey_is_explained(root: Path, name: str) -> None:
    folder = root / "datasets" / name
    readme = (folder / "README.md").read_text(encoding="utf-8").lower()
    assert "licen" in readme
    assert (folder / "codebook.toml").is_file()
    assert (folder / "make.py").is_file()
    assert (folder / "data.csv").stat().st_size < 700_000


def test_every_item_is_in_the_file_or_computed(survey: csi.Survey) -> None:
    described = survey.codebook.by_name
    assert {n for n in described if n not in survey.frame} == {
        n for n, item in described.items() if item.derive
    }
    assert all(item.en and item.zh for item in described.values())


def test_every_answer_is_on_its_scale_or_a_code(survey: csi.Survey) -> None:
    for name in set(survey.codebook.by_name) & set(survey.frame.columns):
        item = survey.codebook.item(name)
        assert item.scale is not None
        low, high = item.scale
        answers = survey.frame[name].dropna()
        real = answers[~answers.isin(item.missing)]
        assert real.between(low, high).all(), name
        assert (real % 1 == 0).all(), name


def test_skip_rules_hold(survey: csi.Survey) -> None:
    table = survey.skip_violations()
    assert len(table) > 0
    assert table["answered_unasked"].sum() == 0
    assert (table["asked"] > 0).all()


def test_weights_and_groups(survey: csi.Survey) -> None:
    assert survey.codebook.weights is not None
    weights = survey.frame[survey.codebook.weights]
    assert (weights > 0).all()
    for group in survey.codebook.groups:
        assert survey.labels(group).notna().all()
        assert len(survey.labels(group).unique()) > 1


@pytest.mark.parametrize("name", ["bank", "telecom"])
def test_models_of_a_survey_with_its_own_items_fit_it(name: str) -> None:
    """And no other model does: the other ones ask for more."""
    survey = csi.load_dataset(name)
    listed = csi.datasets().set_index("name").loc[name, "models"].split(", ")
    rater = csi.with_rater(csi.improved())
    for model in [*map(find_model, csi.models()["name"]), rater]:
        if model.name not in listed:
            with pytest.raises(csi.SpecificationError, match="no item belongs to"):
                model.with_items_of(survey)
            continue
        fitted = model.with_items_of(survey)
        with _handling_told("complaint_handling" in model.construct_names):
            results = csi.fit(fitted, survey)
        assert results.converged
        assert (results.scores["note"] == "").all()
        assert results.paths["estimate"].abs().max() < 1


def _handling_told(asked: bool) -> AbstractContextManager[object]:
    """Expect to be told that only complainers are used, if that is so."""
    if not asked:
        return nullcontext()
    return pytest.warns(csi.AnswersWarning, match="asked only if .* == 1")


@pytest.mark.parametrize("name", csi.models()["name"])
def test_every_catalogue_model_fits_the_national_survey(name: str) -> None:
    """By one call, and with what the survey was made to show."""
    model = getattr(csi, name)()
    # some 400 complained, and only they were asked how that was handled
    handling = "complaint_handling" in model.construct_names
    with _handling_told(handling):
        results = csi.fit(model, csi.load_dataset("national"))
    assert results.converged
    assert (results.scores["note"] == "").all()
    low, high = (300, 420) if handling else (1700, 1950)
    assert low < results.n < high
    expected = results.paths["sign"].map({"+": 1, "-": -1, "?": np.nan})
    # wrong signs have to be within chance: two standard errors of a weak path
    assert (results.paths["estimate"] * expected.fillna(0) > -2 / results.n**0.5).all()
    strongest = results.paths.set_index(["source", "target"])["estimate"]
    assert strongest["satisfaction", "loyalty"] > 0.2


def test_second_names_are_the_same_answers() -> None:
    survey = csi.load_dataset("national")
    twins = {
        "SATIS": "satisfaction_1",
        "CUSA1": "satisfaction_1",
        "COMP": "complaints_1",
    }
    for second, first in twins.items():
        made = survey.answers([second, first])
        assert (made.values[:, 0] == made.values[:, 1]).all()
    tolerance, asked = survey.answers(["PTOL", "loyalty_2"]).values.T
    assert {tolerance.min(), tolerance.max()} == {0.0, 50.0}
    assert_allclose(tolerance, (asked - 1) * 50 / 9)


def test_national_asks_complainers_alone_about_complaint_handling() -> None:
    frame = csi.load_dataset("national").frame
    assert (frame.groupby("sector").size() == 400).all()
    asked = frame[["complaint_handling_1", "complaint_handling_2"]].notna()
    assert (asked.all(axis=1) == (frame["complaints_1"] == 1)).all()
    assert frame["complaint_response_1"].notna().all()


def test_retail_is_a_balanced_panel_of_companies() -> None:
    frame = csi.load_dataset("retail").frame
    counts = frame.groupby(["company", "wave"]).size()
    assert len(counts) == 16
    assert (counts == 250).all()


def test_retail_looks_like_satisfaction_data() -> None:
    survey = csi.load_dataset("retail")
    made = survey.answers(csi.acsi().items, csi.acsi().instrument)
    answers = pd.DataFrame(made.values, columns=list(made.names))
    likert = answers.drop(columns=["COMP", "PTOL"])
    assert likert.mean().between(6, 9).all()
    assert likert.skew().between(-2.5, -0.2).all()
    with_satisfaction = answers.corrwith(answers["SATIS"])
    assert with_satisfaction[["OVERALLQ", "CONFIRM", "REPUR"]].between(0.5, 0.95).all()
    assert with_satisfaction[["COMP"]].between(-0.6, -0.1).all()


def test_telecom_is_balanced_over_operators_and_waves() -> None:
    frame = csi.load_dataset("telecom").frame
    counts = frame.groupby(["operator", "wave"]).size()
    assert len(counts) == 15
    assert (counts == 300).all()


def test_bank_asks_complainers_alone_about_complaint_handling() -> None:
    survey = csi.load_dataset("bank")
    assert (survey.frame.groupby("bank").size() == 500).all()
    asked = survey.frame[["HANDLE1", "HANDLE2"]].notna()
    assert (asked.all(axis=1) == (survey.frame["COMP"] == 1)).all()
    used = survey.answers(["SATIS", "HANDLE1", "HANDLE2"]).rows
    assert (survey.frame["COMP"].iloc[used] == 1).all()
    assert 400 < len(used) < 600


def test_questions_on_telecom_quality_belong_to_an_indicator() -> None:
    book = csi.load_dataset("telecom").codebook
    quality = [item for item in book.items if item.construct == "quality"]
    parents = pd.Series([item.parent for item in quality]).value_counts()
    assert set(parents.index) == set(INDICATORS["telecom"].split())
    assert parents.between(2, 3).all()
    assert all(not item.parent for item in book.items if item not in quality)


@pytest.mark.parametrize("name", sorted(INDICATORS))
def test_questionnaires_are_complete_in_both_languages(root: Path, name: str) -> None:
    book = read_codebook(root / "datasets" / name / "instrument.toml")
    assert [entry.name for entry in book.indicators] == INDICATORS[name].split()
    texts = [(indicator.en, indicator.zh) for indicator in book.indicators]
    texts += [(item.en, item.zh) for item in book.items]
    assert len(set(texts)) == len(texts)
    for english, chinese in texts:
        assert english.isascii()
        assert english
        assert any("\u4e00" <= character <= "\u9fff" for character in chinese)
    for item in book.items:
        low, high = book.item(item.name).scale or (0, 0)
        assert (low, high) == ((0, 1) if item.name == "COMP" else (1, 10))
        assert item.controllable is not None, item.name
        for end in (low, high):
            assert item.en.count(f"{end:g} = ") == 1, item.en
            assert item.zh.count(f"{end:g}\uff1d") == 1, item.zh


@pytest.mark.parametrize("name", sorted(INDICATORS))
def test_every_indicator_has_two_to_five_questions(root: Path, name: str) -> None:
    book = read_codebook(root / "datasets" / name / "instrument.toml")
    for indicator in book.indicators:
        questions = [item for item in book.items if item.parent == indicator.name]
        assert 2 <= len(questions) <= 5, indicator.name
        assert {item.construct for item in questions} == {indicator.construct}
    others = {item.construct for item in book.items if not item.parent}
    assert {"expectation", "satisfaction", "complaints", "loyalty"} <= others


@pytest.mark.parametrize("name", sorted(INDICATORS))
def test_questions_of_one_name_have_one_wording(root: Path, name: str) -> None:
    questionnaire = read_codebook(root / "datasets" / name / "instrument.toml").by_name
    survey = csi.load_dataset(name).codebook.by_name
    shared = set(questionnaire) & set(survey)
    assert len(shared) > 5
    for item in shared:
        assert questionnaire[item].en == survey[item].en
        assert questionnaire[item].zh == survey[item].zh
        assert questionnaire[item].construct == survey[item].construct


def test_loading_twice_gives_two_surveys() -> None:
    first, second = csi.load_dataset("retail"), csi.load_dataset("retail")
    first.frame.loc[:, "SATIS"] = 0
    assert second.frame["SATIS"].min() > 0


@pytest.mark.parametrize("name", ["retial", "../datasets/retail", "", None])
def test_an_unknown_survey(name: str) -> None:
    with pytest.raises(csi.SpecificationError, match="unknown dataset") as caught:
        csi.load_dataset(name)
    assert "'retail'" in str(caught.value)
