"""The example surveys: they are what their codebooks say."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import csindex as csi

NAMES = csi.datasets()["name"].to_list()


@pytest.fixture(params=NAMES)
def survey(request: pytest.FixtureRequest) -> csi.Survey:
    """Return each example survey."""
    return csi.load_dataset(request.param)


def test_the_list_of_surveys() -> None:
    table = csi.datasets().set_index("name")
    assert list(table.columns) == ["title", "respondents", "columns"]
    assert table.loc["retail", "respondents"] == 8 * 250 * 2
    assert table["title"].str.len().min() > 0


@pytest.mark.parametrize("name", NAMES)
def test_every_survey_is_explained(root: Path, name: str) -> None:
    folder = root / "datasets" / name
    readme = (folder / "README.md").read_text(encoding="utf-8").lower()
    assert "licen" in readme
    assert (folder / "codebook.toml").is_file()
    assert (folder / "make.py").is_file()


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


def test_loading_twice_gives_two_surveys() -> None:
    first, second = csi.load_dataset("retail"), csi.load_dataset("retail")
    first.frame.loc[:, "SATIS"] = 0
    assert second.frame["SATIS"].min() > 0


@pytest.mark.parametrize("name", ["retial", "../datasets/retail", "", None])
def test_an_unknown_survey(name: str) -> None:
    with pytest.raises(csi.SpecificationError, match="unknown dataset") as caught:
        csi.load_dataset(name)
    assert "'retail'" in str(caught.value)
