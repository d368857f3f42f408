"""Answers that can be read as they stand, but hardly were meant so."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import csindex as csi
from csindex.codebook.codes import stray_codes
from csindex.model import Model, reflective

MODEL = Model(
    "small",
    (
        reflective("satisfaction", "q1", "q2", "q3"),
        reflective("complaints", "complained"),
    ),
    (("satisfaction", "complaints", "-"),),
    index="satisfaction",
)
TEN = np.arange(1, 11)


def _frame(
    rows: int = 200, top: int = 10, pair: tuple[int, int] = (1, 2)
) -> pd.DataFrame:
    """Return answers to the model: questions of 1 to ``top``, one of two codes."""
    draw = np.random.default_rng(7)
    person = draw.normal(size=(rows, 1))
    latent = person + draw.normal(size=(rows, 3))
    ranks = latent.argsort(axis=0).argsort(axis=0)
    answers = 1 + ranks * top // rows
    complained = np.where(person[:, 0] + draw.normal(size=rows) < -0.7, *pair[::-1])
    return pd.DataFrame(answers, columns=["q1", "q2", "q3"]).assign(
        complained=complained
    )


def _doubts(survey: csi.Survey) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        survey.answers(MODEL.items, MODEL.instrument)
    assert all(w.category is csi.AnswersWarning for w in caught)
    return [str(w.message) for w in caught]


@pytest.mark.parametrize("pair", [(1, 2), (1, 5), (3, 7)])
@pytest.mark.parametrize("reverse", [(), ("complained",)])
def test_a_yes_no_question_on_a_scale_of_ten(
    pair: tuple[int, int], reverse: tuple[str, ...]
) -> None:
    survey = csi.read_survey(_frame(pair=pair), scale=(1, 10), reverse=reverse)
    (told,) = _doubts(survey)
    low, high = pair
    assert f"column 'complained' has two answers only, {low} and {high}, and" in told
    assert f"scale={{'*': (1, 10), 'complained': ({low}, {high})}}" in told


def test_the_advice_on_a_yes_no_question_silences_it() -> None:
    scale = {"*": (1, 10), "complained": (1, 2)}
    assert _doubts(csi.read_survey(_frame(), scale=scale)) == []


def test_yes_no_codes_below_the_scale_are_told_as_such() -> None:
    survey = csi.read_survey(_frame(pair=(0, 1)), scale=(1, 10))
    with pytest.raises(csi.DataError) as caught:
        survey.answers(MODEL.items)
    told = str(caught.value)
    assert "outside its scale 1 to 10: 0 (" in told
    assert "scale={'complained': (0, 1)}" in told
    assert "missing" not in told


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([9, 10], id="nearly all at the top"),
        pytest.param([1, 10], id="both ends"),
        pytest.param([8, 9], id="next to each other"),
        pytest.param([1, 2, 3], id="three answers"),
        pytest.param([1, 2, 10], id="one at the top"),
    ],
)
def test_few_answers_of_ten_are_no_yes_no_question(answers: list[int]) -> None:
    frame = _frame().assign(complained=np.resize(answers, 200))
    assert _doubts(csi.read_survey(frame, scale=(1, 10))) == []


def test_few_respondents_prove_nothing() -> None:
    assert _doubts(csi.read_survey(_frame(rows=20), scale=(1, 10))) == []


@pytest.mark.parametrize("scale", [(1, 3), (1, 4)])
def test_two_answers_on_a_short_scale_are_answers(scale: tuple[int, int]) -> None:
    frame = _frame(top=scale[1])
    assert _doubts(csi.read_survey(frame, scale=scale)) == []


@pytest.mark.parametrize("top", [5, 7])
def test_all_items_end_where_a_narrower_scale_does(top: int) -> None:
    scale = {"*": (1, 10), "complained": (1, 2)}
    (told,) = _doubts(csi.read_survey(_frame(top=top), scale=scale))
    assert f"the 3 items on the general scale 1 to 10 is above {top}; " in told
    assert f"if 1 to {top} were offered, say scale=(1, {top})" in told


@pytest.mark.parametrize("top", [6, 8, 9])
def test_all_items_end_anywhere(top: int) -> None:
    scale = {"*": (1, 10), "complained": (1, 2)}
    assert _doubts(csi.read_survey(_frame(top=top), scale=scale)) == []


def test_codes_that_nobody_declared() -> None:
    frame = _frame()
    frame.loc[:2, "q1"] = 99
    frame.loc[3, "q1"] = 98
    frame.loc[:1, "q2"] = -1
    (told,) = _doubts(csi.read_survey(frame))
    assert "'q1' has 98 (once), 99 (3 times); 'q2' has -1 (2 times)" in told
    assert "missing=(-1, 98, 99)" in told
    assert _doubts(csi.read_survey(frame, missing=(-1, 98, 99))) == []
    assert (
        _doubts(csi.read_survey(frame, scale={"*": (-1, 99), "complained": (1, 2)}))
        == []
    )


def test_doubts_are_told_once_per_survey() -> None:
    frame = _frame().replace({"q1": {10: 99}})
    survey = csi.read_survey(frame)
    assert len(_doubts(survey)) == 1
    assert _doubts(survey) == []


@pytest.mark.parametrize("name", ["retail", "telecom", "bank", "national"])
def test_the_shipped_surveys_raise_no_doubts(name: str) -> None:
    survey = csi.load_dataset(name)
    items = [
        item.name
        for item in survey.codebook.items
        if item.construct and item.name in survey.frame
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        survey.answers(items, incomplete="pairwise")


@pytest.mark.parametrize(
    ("answers", "codes"),
    [
        ([*TEN, 98, 99], (98, 99)),
        ([*TEN, 77, 88, 99], (77, 88, 99)),
        ([*TEN, -1, -9], (-9, -1)),
        ([*TEN, 999], (999,)),
        ([*range(1, 6), 96, 97], (96, 97)),
        ([0, 1, 99], (99,)),
        # ages, percentages, amounts and signed answers are answers
        ([*range(18, 98), 99], ()),
        ([*range(101)], ()),
        ([0, 5, 10, 25, 50, 75, 88, 99, 100], ()),
        ([10, 20, 50, 70, 99], ()),
        ([-10, -9, -8, -7, -1, 0, 5, 9], ()),
        ([-2, -1, 0, 1, 2], ()),
        ([*range(-9, 10)], ()),
        ([98, 99], ()),
    ],
)
def test_stray_codes(answers: list[int], codes: tuple[float, ...]) -> None:
    assert stray_codes(np.array(answers, dtype=np.float64)) == codes


def test_minus_one_to_one_are_answers_without_a_scale() -> None:
    frame = _frame().assign(complained=np.resize([-1, 0, 1], 200))
    assert _doubts(csi.read_survey(frame)) == []


def test_own_column_names_get_one_line() -> None:
    frame = csi.load_dataset("retail").frame
    own = frame.rename(columns={name: f"Q{k}" for k, name in enumerate(frame)})
    with pytest.raises(csi.DataError) as caught:
        csi.fit(csi.acsi(), own)
    assert len(caught.value.problems) == 1
    told = str(caught.value)
    assert "none of the model's 14 items is a column of pandas data frame" in told
    for expected in ("'SATIS'", "'PTOL'", "'Q21'", "model.with_items(", "codebook"):
        assert expected in told
    assert "Did you mean" not in told


def test_some_own_column_names_are_told_with_near_ones() -> None:
    frame = csi.load_dataset("retail").frame
    own = frame.rename(columns={"SATIS": "Satis1", "PQ": "a", "QP": "b"})
    with pytest.raises(csi.DataError) as caught:
        csi.fit(csi.acsi(), own)
    (told,) = caught.value.problems
    assert "3 of the model's 14 items are no columns of" in told
    assert "'PQ', 'QP', 'SATIS'" in told
    assert "Did you mean 'Satis1' for 'SATIS'?" in told


def test_other_problems_are_told_beside_absent_columns(tmp_path: Path) -> None:
    frame = csi.load_dataset("retail").frame.drop(columns=["PQ", "QP", "SATIS"])
    path = tmp_path / "mine.csv"
    frame.assign(IDEAL="good").to_csv(path, index=False)
    with pytest.raises(csi.DataError) as caught:
        csi.fit(csi.acsi(), path)
    absent, text = caught.value.problems
    assert "are no columns of mine.csv" in absent
    assert "'IDEAL' must hold numbers" in text


@pytest.mark.parametrize(
    ("texts", "advice"),
    [
        (["10 - very satisfied"], "keep their number only, as 10 for '10 - very"),
        (["1 = sehr gut", "5: schlecht"], "keep their number only, as 1 for '1 = sehr"),
        (["10分", "very good"], "numbers, and nothing where"),
        (["10分"], "keep their number only, as 10 for '10分'"),
        (["9\uff08满意\uff09"], "keep their number only, as 9 for '9"),
        (["9 \u2013 good"], "keep their number only, as 9 for '9"),
        (["Yes", "no"], "1 for yes and 0 for no, with the scale (0, 1)"),
        (["是", "否"], "1 for yes and 0 for no"),
        (["Don't know"], "numbers, and nothing where there is no answer"),
        (["2025-01-31"], "numbers, and nothing where there is no answer"),
    ],
)
def test_words_are_told_how_to_recode(texts: list[str], advice: str) -> None:
    frame = _frame().astype({"q1": object})
    frame.loc[: len(texts) - 1, "q1"] = texts
    with pytest.raises(csi.DataError) as caught:
        csi.read_survey(frame, scale=(1, 10)).answers(MODEL.items)
    (told,) = caught.value.problems
    assert "column 'q1' must hold numbers but has" in told
    assert advice in told


@pytest.mark.parametrize("text", ["#NULL!", ".", "N/A", ""])
def test_texts_that_stand_for_no_answer(text: str) -> None:
    frame = _frame(pair=(1, 10)).astype({"q1": object})
    frame.loc[:4, "q1"] = text
    answers = csi.read_survey(frame, scale=(1, 10)).answers(MODEL.items)
    assert len(answers.values) == len(frame) - 5
