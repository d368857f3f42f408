"""Missing answers: what is told of their treatment, and what is refused."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import csindex as csi
from csindex.kernels import em as kernel
from csindex.moments.incomplete import moment_stack
from csindex.survey import Answers, Incomplete

TREATMENTS: tuple[Incomplete, ...] = get_args(Incomplete)
GAPS = TREATMENTS[1:]
ITEMS = ["a1", "a2", "b1", "b2", "c1"]
MODEL = csi.Model(
    "small",
    (
        csi.reflective("quality", "a1", "a2"),
        csi.reflective("satisfaction", "b1", "b2"),
        csi.reflective("loyalty", "c1"),
    ),
    (("quality", "satisfaction"), ("satisfaction", "loyalty")),
    index="satisfaction",
)


def frame_of(n: int = 150, gaps: float = 0.12, seed: int = 3) -> pd.DataFrame:
    """Return answers from 1 to 10, some missing at random, with weights and groups."""
    rng = np.random.default_rng(seed)
    drawn = 6 + 1.5 * rng.normal(size=(n, 1)) + rng.normal(size=(n, 5))
    frame = pd.DataFrame(np.clip(np.round(drawn), 1, 10), columns=ITEMS)
    frame = frame.mask(rng.uniform(size=frame.shape) < gaps)
    return frame.assign(w=rng.uniform(0.5, 2, size=n), group=np.arange(n) % 2)


def survey_of(frame: pd.DataFrame, weighted: bool = False) -> csi.Survey:
    return csi.read_survey(frame, scale=(1, 10), weights="w" if weighted else None)


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_settings_name_the_treatment(treatment: Incomplete) -> None:
    told = csi.fit(MODEL, survey_of(frame_of()), incomplete=treatment).settings
    words = {
        "listwise": "listwise",
        "pairwise": "those who answered both",
        "pairwise_nearest": "nearest correlation matrix",
        "mean": "item's mean",
        "em": "EM",
    }
    assert words[treatment] in told["missing answers"]


def test_the_sample_flow_counts_every_step() -> None:
    frame = frame_of(100, gaps=0)
    frame.loc[:9, "a1"] = np.nan
    frame.loc[7:11, ITEMS] = np.nan
    frame["w"] = np.where(frame.index == 99, 0.0, 1.0)
    survey = survey_of(frame, weighted=True)
    flow = {"read": 100, "with weight": 99, "with any answer": 94, "complete": 87}
    flow["eligible"] = 99
    whole = csi.fit(MODEL, survey)
    assert whole.sample_flow.to_dict() == {**flow, "used": 87}
    for treatment in GAPS:
        found = csi.fit(MODEL, survey, incomplete=treatment)
        assert found.sample_flow.to_dict() == {**flow, "used": 94}


@pytest.mark.parametrize("treatment", GAPS)
def test_respondents_have_scores(treatment: Incomplete) -> None:
    frame = frame_of()
    results = csi.fit(MODEL, survey_of(frame), incomplete=treatment)
    found = results.respondent_scores()
    gaps = frame.loc[found.index, ["a1", "a2"]].isna().any(axis=1)
    assert_array_equal(found["quality"].isna(), gaps & treatment.startswith("pair"))
    if treatment in {"mean", "em"}:
        assert_allclose(found.mean(), results.scores["score"], atol=0.02)


def three_pairs() -> pd.DataFrame:
    """Return items that correlate as no three items can: a-b and b-c high, a-c low."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 3))
    x[:20, 1], x[20:40, 2], x[40:, 2] = x[:20, 0], x[20:40, 1], -x[40:, 0]
    x += 0.1 * rng.normal(size=x.shape)
    x[:20, 2], x[20:40, 0], x[40:, 1] = np.nan, np.nan, np.nan
    return pd.DataFrame(x, columns=list("abc"))


CHAIN = csi.Model(
    "chain",
    (csi.reflective("x", "a"), csi.reflective("y", "b"), csi.reflective("z", "c")),
    (("x", "y"), ("y", "z")),
)


def test_impossible_correlations_are_refused_or_mended() -> None:
    frame = three_pairs()
    smallest = np.linalg.eigvalsh(frame.corr())[0]
    with pytest.raises(csi.DataError) as caught:
        csi.fit(CHAIN, frame, incomplete="pairwise")
    told = str(caught.value)
    shown = re.search(r"smallest eigenvalue is (-[\d.]+)", told)
    assert shown is not None
    assert smallest < -0.5
    assert float(shown[1]) == pytest.approx(smallest, abs=0.05)
    assert "incomplete='em'" in told
    assert "incomplete='pairwise_nearest'" in told
    with pytest.warns(csi.InadmissibleWarning, match="Frobenius distance") as heard:
        found = csi.fit(CHAIN, frame, incomplete="pairwise_nearest")
    distance = re.search(r"distance ([\d.]+)", str(heard[0].message))
    assert distance is not None
    assert f"Frobenius distance {distance[1]}" in found.settings["missing answers"]
    cov = frame.cov().to_numpy()
    sd = np.sqrt(np.diag(cov))
    moved = np.linalg.norm(found.moments.corr - cov / np.outer(sd, sd))
    assert moved == pytest.approx(float(distance[1]), abs=5e-3)
    assert np.linalg.eigvalsh(found.moments.corr)[0] > 0
    assert_allclose(found.moments.sd, sd)
    boot = csi.bootstrap(found, n=60)
    assert boot.counts["used"] == 60


def test_impossible_correlations_of_resamples_are_counted() -> None:
    frame = frame_of(25, gaps=0.45, seed=0)[ITEMS]
    results = csi.fit(MODEL, survey_of(frame), incomplete="mean")
    assert results.answers is not None
    values = results.answers.values
    answers = Answers(
        tuple(ITEMS),
        values,
        results.answers.rows,
        results.answers.low,
        results.answers.high,
        incomplete="pairwise",
    )
    drawn = np.random.default_rng(0).integers(0, len(values), size=(200, len(values)))
    weights = np.stack([np.bincount(row, minlength=len(values)) for row in drawn])
    made = moment_stack(answers, weights.astype(float))
    refused = [bool(np.isnan(cov).any()) for cov in made.cov]
    for row, lost in zip(drawn, refused, strict=True):
        corr = pd.DataFrame(values[row]).cov().to_numpy()
        sd = np.sqrt(np.diag(corr))
        with np.errstate(invalid="ignore", divide="ignore"):
            corr = corr / np.outer(sd, sd)
        possible = bool(np.isfinite(corr).all() and np.linalg.eigvalsh(corr)[0] > 0)
        assert lost != possible
    assert 0 < sum(refused) < 200


Spoiled = Callable[[pd.DataFrame], pd.DataFrame]


def _apart(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[:79, "a1"] = np.nan
    frame.loc[80:, "c1"] = np.nan
    return frame


def _dull(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[:69, "a1"] = np.nan
    frame.loc[70:, "c1"] = 5
    return frame


def _few(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[4:, ITEMS] = np.nan
    return frame


@pytest.mark.parametrize(
    ("spoil", "treatments", "message"),
    [
        (_apart, GAPS, "items 'a1 and c1' were not answered together"),
        (
            _dull,
            ("pairwise", "em"),
            r"'a1 and c1 \(c1\)' the item in brackets is const",
        ),
        (_few, GAPS, "only 4 of 150 respondents answered any of the 5 items"),
    ],
)
def test_too_many_gaps_are_refused(
    spoil: Spoiled, treatments: tuple[Incomplete, ...], message: str
) -> None:
    frame = spoil(frame_of(gaps=0))
    for treatment in treatments:
        with pytest.raises(csi.DataError, match=message):
            csi.fit(MODEL, survey_of(frame), incomplete=treatment)


def test_groups_with_too_many_gaps_fail_alone() -> None:
    frame = frame_of(200)
    one = frame["group"] == 1
    frame.loc[one & (frame.index < 100), "a1"] = np.nan
    frame.loc[one & (frame.index >= 100), "c1"] = np.nan
    with pytest.warns(csi.AnswersWarning) as heard:
        groups = csi.fit(MODEL, survey_of(frame), by="group", incomplete="em")
    assert list(groups) == [0]
    assert "were not answered together" in groups.failures[1]
    assert any("without results: 1: items" in str(w.message) for w in heard)


def test_most_answers_missing_is_told() -> None:
    frame = frame_of(gaps=0)
    frame.loc[:99, "c1"] = np.nan
    with pytest.warns(csi.AnswersWarning, match=r"missing in 'c1' \(67%\)"):
        csi.fit(MODEL, survey_of(frame), incomplete="em")
    frame["group"] = (frame.index >= 100).astype(int)
    frame.loc[:40, "c1"] = 5 + frame.index[:41] % 3
    with pytest.warns(csi.AnswersWarning, match=r"group 0: more than half"):
        csi.fit(MODEL, survey_of(frame), by="group", incomplete="em")


def test_em_that_does_not_settle_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "EM_ITERATIONS", 2)
    with pytest.warns(csi.ConvergenceWarning, match="EM did not converge"):
        results = csi.fit(MODEL, survey_of(frame_of()), incomplete="em")
    assert not results.converged
    with pytest.raises(csi.DataError, match="0 of 50 resamples could be estimated"):
        csi.bootstrap(results, n=50)


def test_an_unasked_question_has_no_mean() -> None:
    frame = frame_of(gaps=0)
    frame.loc[frame["a1"] < 6, "c1"] = np.nan
    model = csi.Model(
        "routed",
        MODEL.constructs,
        MODEL.paths,
        index="satisfaction",
        instrument=(csi.Item("c1", asked_if="a1 >= 6"),),
    )
    with pytest.raises(csi.DataError, match="'c1' is asked only if a1 >= 6"):
        csi.fit(model, survey_of(frame), incomplete="mean")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        csi.fit(model, survey_of(frame), incomplete="em")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("pairwis", "unknown treatment 'pairwis'.*did you mean 'pairwise'"),
        ("mi", "csi.multiple_imputation"),
        (None, "unknown treatment 'None'"),
    ],
)
def test_treatments_are_checked(asked: Any, message: str) -> None:
    with pytest.raises(csi.SpecificationError, match=message):
        csi.fit(MODEL, survey_of(frame_of()), incomplete=asked)
    with pytest.raises(csi.SpecificationError, match=message):
        survey_of(frame_of()).answers(ITEMS, incomplete=asked)


def test_moments_have_no_gaps() -> None:
    made = csi.fit(MODEL, survey_of(frame_of())).moments
    with pytest.raises(csi.SpecificationError, match="no gaps any more"):
        csi.fit(MODEL, made, incomplete="em")
