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
from csindex.inference.exact_fit import ExactFit, exact_fit
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
LOADINGS = MODEL.blocks * np.array([0.8, 0.7, 0.75, 0.85, 0.7, 0.6])[:, None]
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
    assert "not" not in test.table.columns
    assert "Resamples used: 200 of 200" in repr(test)


@pytest.mark.parametrize("saturated", [False, True])
def test_moments_are_transformed_as_rows_are(saturated: bool) -> None:
    # brute force: transform the answers, draw the same respondents, fit one by one
    survey = _survey(1)
    results = csi.fit(MODEL, survey)
    values = survey.frame[list(MODEL.items)].to_numpy()
    z = (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)
    expected = results.estimates.implied_corr(saturated)
    turned = z @ np.linalg.inv(sqrtm(np.corrcoef(z.T))) @ sqrtm(expected)
    assert_allclose(np.corrcoef(turned.T), expected, atol=1e-10)
    assert results.answers is not None
    (counts,) = drawn_weights(results.answers, Plan(25, 9))
    found = np.array(
        [
            csi.fit(
                MODEL, pd.DataFrame(np.repeat(turned, row, axis=0), columns=MODEL.items)
            ).fit_measures[["srmr_saturated" if saturated else "srmr"]]
            for row in counts.astype(int)
        ]
    )
    table = exact_fit(results, n=25, seed=9, level=0.8).table
    kind = "saturated" if saturated else "estimated"
    row = table[(table["model"] == kind) & (table["measure"] == "srmr")].iloc[0]
    assert_allclose(row["critical"], np.quantile(found, 0.8), atol=1e-9)
    beyond = int((found >= row["statistic"]).sum())
    assert_allclose(row["p"], (1 + beyond) / 26)


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
        ({"n": 20, "level": 0.99}, "only 20 of 20 resamples"),
    ],
)
def test_bad_calls(
    results: csi.Results, options: dict[str, float], message: str
) -> None:
    with pytest.raises(csi.CsindexError, match=message):
        exact_fit(results, **options)  # type: ignore[arg-type]


def test_nothing_to_draw_from_is_told() -> None:
    made = csi.Moments(MODEL.items, np.zeros(6), CORR, 200)
    with pytest.raises(csi.DataError, match="fit was made from moments"):
        exact_fit(csi.fit(MODEL, made, PLS()))


def test_dependent_items_are_told() -> None:
    frame = _survey(1).frame[list(MODEL.items)]
    frame = frame.assign(y3=frame["x1"] + frame["x2"])
    results = csi.fit(MODEL, frame, PCA())
    with pytest.raises(csi.DataError, match="item correlations are singular"):
        exact_fit(results)
