"""The test of exact fit: by brute force on rows, and its size where a model is true."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import sqrtm

import csindex as csi
from csindex.estimation import PCA, PLS, PLSc
from csindex.inference.double_bootstrap import redrawn_weights
from csindex.inference.exact_fit import ExactFit, exact_fit
from csindex.inference.null_model import null_distances, null_model
from csindex.inference.resampling import Plan, drawn_weights

MODEL = csi.Model(
    "two",
    constructs=(
        csi.reflective("x", "x1", "x2", "x3"),
        csi.reflective("y", "y1", "y2", "y3"),
    ),
    paths=(("x", "y"),),
    index="y",
)
UNEQUAL = np.array([0.8, 0.7, 0.75, 0.85, 0.7, 0.6])
LOADINGS = MODEL.blocks * UNEQUAL[:, None]
CORR = LOADINGS @ np.array([[1, 0.5], [0.5, 1]]) @ LOADINGS.T
np.fill_diagonal(CORR, 1.0)


def _survey(seed: int, n: int = 150) -> csi.Survey:
    """Return answers to a model that is true: two common factors, one path."""
    normal = np.random.default_rng(seed).normal(size=(n, 6))
    frame = pd.DataFrame(normal @ np.linalg.cholesky(CORR).T, columns=MODEL.items)
    return csi.read_survey(frame)


@pytest.fixture(scope="module")
def results() -> csi.Results:
    return csi.fit(csi.acsi(), csi.load_dataset("retail"))


@pytest.fixture(scope="module")
def test(results: csi.Results) -> ExactFit:
    return exact_fit(results, n=200, seed=4)


def test_the_statistics_are_the_measures_of_fit(
    results: csi.Results, test: ExactFit
) -> None:
    measures = results.fit_measures
    for row in test.table.itertuples():
        ending = "" if row.model == "estimated" else "_saturated"
        assert_allclose(row.statistic, measures[f"{row.measure}{ending}"], atol=1e-12)
    assert test.counts["used"].tolist() == [200, 200]
    assert test.counts["redrawn"].tolist() == [200, 200]
    assert "not" not in test.table.columns
    assert "Resamples used: 200 of 200" in repr(test)


def _turned(rows: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return answers as standardised answers with other correlations."""
    z = (rows - rows.mean(axis=0)) / rows.std(axis=0, ddof=1)
    made = z @ np.linalg.inv(sqrtm(np.corrcoef(z.T))) @ sqrtm(target)
    assert_allclose(np.corrcoef(made.T), target, atol=1e-10)
    return np.asarray(made)


def _fitted(rows: np.ndarray) -> csi.Results:
    return csi.fit(MODEL, pd.DataFrame(rows, columns=MODEL.items))


@pytest.mark.parametrize("saturated", [False, True])
def test_moments_are_transformed_as_rows_are(saturated: bool) -> None:
    # brute force: transform the answers, draw the same respondents, fit one by one;
    # the resampled answers are transformed in their turn, and drawn from
    results = csi.fit(MODEL, _survey(1))
    answers = results.answers
    assert answers is not None
    (counts,) = drawn_weights(answers, Plan(25, 9))
    stream = np.random.SeedSequence(9, spawn_key=(0, 1))
    again = redrawn_weights(answers, counts, np.random.default_rng(stream))
    turned = _turned(answers.values, results.estimates.implied_corr(saturated))
    name = "srmr_saturated" if saturated else "srmr"
    first, second = [], []
    for own, redrawn in zip(counts.astype(int), again.astype(int), strict=True):
        rows = np.repeat(turned, own, axis=0)
        fitted = _fitted(rows)
        first.append(fitted.fit_measures[name])
        target = fitted.estimates.implied_corr(saturated)
        # how often each row of the resample is drawn: those of one respondent are
        # alike, so that it doesn't matter which of them
        extra = np.zeros(len(rows), dtype=int)
        extra[np.cumsum(own)[own > 0] - 1] = redrawn[own > 0]
        once_more = np.repeat(_turned(rows, target), extra, axis=0)
        second.append(_fitted(once_more).fit_measures[name])
    found = null_distances(null_model(results, saturated), Plan(25, 9), double=True)
    assert found.second is not None
    assert_allclose(found.first[:, 0], first, rtol=1e-10)
    assert_allclose(found.second[:, 0], second, rtol=1e-10)

    statistic = results.fit_measures[name]
    kind = "saturated" if saturated else "estimated"
    k = int((np.array(first) >= statistic).sum())
    beyond = (np.array(first) >= sorted(second, reverse=True)[k]).sum() if k else 0
    for double, larger in ((True, beyond), (False, k)):
        table = exact_fit(results, n=25, seed=9, level=0.8, double=double).table
        row = table[(table["model"] == kind) & (table["measure"] == "srmr")].iloc[0]
        assert_allclose(row["p"], (1 + larger) / 26)
        assert (row["verdict"] == "rejected") == (row["statistic"] > row["critical"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:PLSc. the solution is improper")
def test_size_is_near_its_level_where_the_model_is_true() -> None:
    # 200 samples: five per cent +- 3.3 standard errors of 1.54
    rejected = np.zeros(3)
    for seed in range(200):
        results = csi.fit(MODEL, _survey(seed, n=250), PLSc())
        table = exact_fit(results, n=99, seed=seed).table
        rejected += (table["verdict"][:3] == "rejected").to_numpy()
    assert (rejected / 200 < 0.05 + 3.3 * 0.0154).all()
    assert (rejected > 0).any()


def test_a_wrong_model_is_rejected() -> None:
    survey = _survey(3, n=400)
    wrong = replace(
        MODEL,
        constructs=(
            csi.reflective("x", "x1", "x2", "y3"),
            csi.reflective("y", "y1", "y2", "x3"),
        ),
    )
    table = exact_fit(csi.fit(wrong, survey), n=200).table
    assert (table["verdict"] == "rejected").all()
    assert_allclose(table["p"], 1 / 201)


def _population(loadings: np.ndarray) -> csi.Moments:
    """Return the moments of common factors that correlate by .5."""
    wide = MODEL.blocks * loadings[:, None]
    corr = wide @ np.array([[1, 0.5], [0.5, 1]]) @ wide.T
    np.fill_diagonal(corr, 1.0)
    return csi.Moments(MODEL.items, np.zeros(6), corr, 1000)


def test_common_factors_are_composites_too() -> None:
    # correlations between constructs are loadings times one number, so that
    # regression weights reproduce them, and any weights if loadings are equal
    for loadings, estimator in (
        (UNEQUAL, PLS(mode="B")),
        (UNEQUAL, PLSc()),
        (np.full(6, 0.7), PLS()),
    ):
        measures = csi.fit(MODEL, _population(loadings), estimator).fit_measures
        assert_allclose(measures, 0, atol=1e-5)
    # mode A has weights proportional to the loadings, and scores with others
    corr = _population(UNEQUAL).corr
    first, second = slice(0, 3), slice(3, 6)
    implied = corr.copy()
    scores = []
    for own in (first, second):
        weights = UNEQUAL[own] / np.sqrt(UNEQUAL[own] @ corr[own, own] @ UNEQUAL[own])
        scores.append((weights, corr[own, own] @ weights))
    together = scores[0][0] @ corr[first, second] @ scores[1][0]
    implied[first, second] = together * np.outer(scores[0][1], scores[1][1])
    expected = np.sqrt(((corr - implied)[first, second] ** 2).sum() / 21)
    measures = csi.fit(MODEL, _population(UNEQUAL), PLS()).fit_measures
    assert_allclose(measures["srmr"], expected, rtol=1e-5)
    assert round(expected, 3) == 0.014


@pytest.mark.parametrize(
    ("estimator", "composites", "own"),
    [(PLS(), True, True), (PLS(mode="B"), True, False), (PLSc(), False, False)],
)
def test_what_is_tested_is_told(
    estimator: csi.Estimator, composites: bool, own: bool
) -> None:
    notes = " ".join(exact_fit(csi.fit(MODEL, _survey(5), estimator), n=39).notes)
    told = "'x', 'y' are reflective in the model, but estimated as composites"
    assert (told in notes) == composites
    assert ("have a small misfit of their own" in notes) == own


@pytest.mark.parametrize(
    ("n", "estimator", "told"),
    [
        (1200, PLS(), True),
        (300, PLS(), False),
        (1200, PLS(mode="B"), False),
        (1200, PLSc(), False),
    ],
)
def test_the_size_of_misfit_is_told_where_a_large_sample_found_it(
    n: int, estimator: csi.Estimator, told: bool
) -> None:
    # mode A doesn't fit common factors of unequal loadings, mode B and PLSc do
    results = csi.fit(MODEL, _survey(5, n), estimator)
    notes = " ".join(exact_fit(results, n=39).notes)
    size = f"those of the model: {results.fit_measures['srmr']:.3f} (estimated)"
    assert (size in notes) == told
    assert ("counts as a good fit" in notes) == told


def test_strata_of_two_are_resampled_once_only() -> None:
    frame = _survey(1).frame.assign(stratum=np.arange(150) // 2)
    survey = csi.read_survey(frame, strata="stratum")
    test = exact_fit(csi.fit(MODEL, survey), n=39)
    assert test.counts["redrawn"].tolist() == [0, 0]
    assert "Some strata have two sampling units only" in test.notes[0]
    survey = csi.read_survey(
        frame.assign(stratum=np.arange(150) // 3), strata="stratum"
    )
    test = exact_fit(csi.fit(MODEL, survey), n=39)
    assert test.counts["redrawn"].tolist() == [39, 39]
    assert "Some strata" not in repr(test)


def test_equal_seeds_give_equal_numbers(results: csi.Results, test: ExactFit) -> None:
    again = exact_fit(results, n=200, seed=4).table
    pd.testing.assert_frame_equal(again, test.table, check_exact=True)
    other = exact_fit(results, n=200, seed=5).table
    assert (other["critical"] != test.table["critical"]).all()


def test_buckets_are_drawn_where_there_are_no_respondents(
    results: csi.Results, test: ExactFit
) -> None:
    survey = csi.load_dataset("retail")
    made = csi.moments(survey, csi.acsi().items, buckets=500)
    from_buckets = exact_fit(csi.fit(csi.acsi(), made), n=200, seed=4).table
    # the same law, other draws: 200 resamples have an error of some per cent
    assert_allclose(from_buckets["critical"], test.table["critical"], rtol=0.2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 5}, "n must be a whole number of 20 or more, not 5"),
        ({"seed": -1}, "seed must be a whole number of 0 or more"),
        ({"level": 1.5}, "level must lie between 0 and 1"),
        ({"double": "no"}, "double must be True or False"),
        ({"n": 20, "level": 0.99}, "only 20 of 20 resamples"),
    ],
)
def test_bad_calls(
    results: csi.Results, options: dict[str, object], message: str
) -> None:
    with pytest.raises(csi.CsindexError, match=message):
        exact_fit(results, **options)  # type: ignore[arg-type]


def test_nothing_to_draw_from_is_told() -> None:
    made = csi.Moments(MODEL.items, np.zeros(6), CORR, 200)
    with pytest.raises(csi.DataError, match="fit was made from moments"):
        exact_fit(csi.fit(MODEL, made, PLS()))


@pytest.mark.parametrize("seed", range(4))
def test_rounding_is_no_misfit(seed: int) -> None:
    model = csi.Model(
        "single",
        tuple(csi.reflective(f"of {item}", item) for item in MODEL.items[:3]),
        paths=(("of x1", "of x2"), ("of x2", "of x3")),
    )
    made = csi.fit(model, _survey(seed).frame[list(MODEL.items[:3])])
    table = exact_fit(made, n=100, seed=seed).table.set_index("model")
    # single items that correlate freely have no residual
    assert (table.loc["saturated", "statistic"] == 0).all()
    assert (table.loc["saturated", "p"] == 1).all()
    assert (table.loc["estimated", "statistic"] > 1e-4).all()


def test_dependent_items_are_told() -> None:
    frame = _survey(1).frame[list(MODEL.items)]
    frame = frame.assign(y3=frame["x1"] + frame["x2"])
    results = csi.fit(MODEL, frame, PCA())
    with pytest.raises(csi.DataError, match="item correlations are singular"):
        exact_fit(results)
