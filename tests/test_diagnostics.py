"""Diagnostics: closed forms, verdicts, and the importance-satisfaction matrix."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.diagnostics import region_of
from csindex.diagnostics.thresholds import HTMT, LOADING
from csindex.kernels import reliability

BLOCKS = np.array([[1.0, 0], [1, 0], [1, 0], [0, 1], [0, 1]])


@pytest.fixture(scope="module")
def results() -> csi.Results:
    return csi.fit(csi.acsi(), csi.load_dataset("retail"))


def _parallel(within: float, between: float) -> np.ndarray:
    corr: np.ndarray = (
        BLOCKS @ np.array([[within, between], [between, within]]) @ BLOCKS.T
    )
    np.fill_diagonal(corr, 1.0)
    return corr


def test_parallel_items_have_the_spearman_brown_reliability() -> None:
    r, k = 0.4, 3
    expected = k * r / (1 + (k - 1) * r)
    alpha = reliability.cronbach_alpha(_parallel(r, 0.2), BLOCKS)
    assert_allclose(alpha[0], expected, atol=1e-12)
    weights = np.zeros((5, 2))
    weights[:3, 0] = 1 / np.sqrt(k + k * (k - 1) * r)
    weights[3:, 1] = 1 / np.sqrt(2 + 2 * r)
    # weights in proportion to equal loadings: rho_A is the factor's reliability
    assert_allclose(reliability.rho_a(weights, BLOCKS)[0], expected, atol=1e-12)
    loadings = np.zeros((5, 2))
    loadings[:3, 0] = loadings[3:, 1] = np.sqrt(r)
    assert_allclose(reliability.rho_c(loadings, BLOCKS)[0], expected, atol=1e-12)
    ave = reliability.average_variance_extracted(loadings, BLOCKS)
    assert_allclose(ave, [r, r], atol=1e-12)


def test_htmt_is_the_disattenuated_correlation() -> None:
    within, phi = 0.49, 0.6
    ratio = reliability.htmt(_parallel(within, within * phi), BLOCKS)
    assert_allclose(ratio, [[1, phi], [phi, 1]], atol=1e-12)
    negative = reliability.htmt(
        _parallel(within, -within * phi), BLOCKS, absolute=False
    )
    assert_allclose(negative[0, 1], phi, atol=1e-12)


def test_mixed_signs_have_no_signed_htmt() -> None:
    corr = _parallel(0.4, 0.2)
    corr[3, 4] = corr[4, 3] = -0.3
    assert np.isnan(reliability.htmt(corr, BLOCKS, absolute=False)[0, 1])
    assert np.isfinite(reliability.htmt(corr, BLOCKS)[0, 1])


def test_inflation_is_one_over_one_minus_r_squared() -> None:
    corr = np.array([[1, 0.5, 0.3], [0.5, 1, 0.2], [0.3, 0.2, 1]])
    found = reliability.inverse_diagonal(corr)
    for k in range(3):
        rest = [i for i in range(3) if i != k]
        r2 = corr[k, rest] @ np.linalg.solve(corr[np.ix_(rest, rest)], corr[rest, k])
        assert_allclose(found[k], 1 / (1 - r2), atol=1e-12)


def test_single_items_are_not_judged(results: csi.Results) -> None:
    table = csi.assess(results).reliability
    assert_allclose(table.loc["complaints"], 1, atol=1e-12)
    verdicts = csi.assess(results).verdicts
    assert "complaints" not in set(verdicts["where"])
    assert "COMP" not in set(verdicts[verdicts["criterion"] == "loading"]["where"])


def test_verdicts_flag_and_name_their_source(results: csi.Results) -> None:
    verdicts = csi.assess(results).verdicts
    assert set(verdicts["verdict"]) <= {"good", "acceptable", "flagged"}
    row = verdicts[verdicts["where"] == "quality - satisfaction"].iloc[0]
    assert row["verdict"] == "flagged"  # as in the real ACSI
    assert "Henseler" in row["source"]
    assert (verdicts["threshold"] != "").all()


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.8, "good"), (0.708, "good"), (0.5, "acceptable"), (0.3, "flagged")],
)
def test_rising_criterion(value: float, expected: str) -> None:
    assert LOADING.verdict(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.8, "good"), (0.85, "acceptable"), (0.9, "flagged"), (np.nan, "not applicable")],
)
def test_falling_criterion(value: float, expected: str) -> None:
    assert HTMT.verdict(value) == expected


def test_fornell_larcker_and_cross_loadings(results: csi.Results) -> None:
    assessment = csi.assess(results)
    diagonal = np.diag(assessment.fornell_larcker)
    assert_allclose(diagonal**2, assessment.reliability["ave"], atol=1e-12)
    own = [
        assessment.cross_loadings.loc[row.item, row.construct]
        for row in results.loadings.itertuples()
    ]
    assert_allclose(own, results.loadings["estimate"], atol=1e-12)


def test_f_squared_is_the_loss_of_r_squared(results: csi.Results) -> None:
    table = csi.assess(results).f_squared.set_index(["source", "target"])["f_squared"]
    corr = results.construct_correlations
    causes = ["expectation", "quality", "value"]
    for left_out in causes:
        kept = [name for name in causes if name != left_out]
        r = corr.loc[kept, "satisfaction"]
        less = r @ np.linalg.solve(corr.loc[kept, kept], r)
        full = results.r_squared["satisfaction"]
        expected = (full - less) / (1 - full)
        assert_allclose(table[left_out, "satisfaction"], expected, atol=1e-10)


@pytest.mark.parametrize(
    ("effect", "score", "expected"),
    [
        (0.6, 60, "I"),
        (0.6, 80, "II"),
        (0.2, 60, "III"),
        (0.2, 80, "IV"),
        (0.4, 70, "II"),  # a tie is high
    ],
)
def test_regions(effect: float, score: float, expected: str) -> None:
    assert region_of(effect, score, (0.4, 70.0)) == expected


@pytest.mark.parametrize("cut", ["mean", "median", "midpoint"])
def test_cuts(results: csi.Results, cut: str) -> None:
    table = csi.importance_performance(results, cut=cut)  # type: ignore[arg-type]
    importance, performance = table.attrs["cuts"]
    if cut == "midpoint":
        assert performance == 50.0
    else:
        assert_allclose(importance, table["importance"].agg(cut))
        assert_allclose(performance, table["performance"].agg(cut))


def test_importance_is_what_a_regression_of_scores_gives(results: csi.Results) -> None:
    # one cause, value -> satisfaction's paths: OLS of the 0-100 scores themselves
    scores = results.respondent_scores()
    assert results.answers is not None
    weights = results.answers.weights
    assert weights is not None
    names = ["expectation", "quality", "value"]
    design = np.column_stack([np.ones(len(scores)), scores[names]])
    root = np.sqrt(weights)[:, None]
    beta = np.linalg.lstsq(
        design * root, scores["satisfaction"] * root[:, 0], rcond=None
    )[0]
    table = csi.importance_performance(results).set_index("driver")["importance"]
    assert_allclose(table["value"], beta[3], atol=1e-8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "satisfction"}, "did you mean 'satisfaction'"),
        ({"target": "expectation"}, "nothing drives 'expectation'"),
        ({"cut": "mode"}, "unknown cut 'mode'"),
    ],
)
def test_bad_calls(results: csi.Results, options: dict[str, str], message: str) -> None:
    with pytest.raises(csi.SpecificationError, match=message):
        csi.importance_performance(results, **options)  # type: ignore[arg-type]


def test_what_lowers_the_target_is_placed_by_its_size(results: csi.Results) -> None:
    table = csi.importance_performance(results, "loyalty").set_index("driver")
    row = table.loc["complaints"]
    assert row["importance"] < 0
    # few complain, which is good: high satisfaction, low importance
    assert row["region"] == "IV"
    assert "the lower the better" in row["meaning"]
    turned = table["importance"] < 0
    merit = table["performance"].where(~turned, 100 - table["performance"])
    cuts = csi.importance_performance(results, "loyalty").attrs["cuts"]
    assert_allclose(cuts[1], merit.mean())
