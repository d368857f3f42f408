"""Diagnostics: closed forms, verdicts, and the importance-satisfaction matrix."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex import diagnostics
from csindex.diagnostics import q_squared, region_of
from csindex.diagnostics.thresholds import HTMT, LOADING
from csindex.estimation import GSCA, PCA, PLSc, UnitWeights
from csindex.kernels import reliability, spectral, validity

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


def test_htmt2_is_the_disattenuated_correlation_of_unequal_loadings() -> None:
    loadings, phi = np.array([0.9, 0.6, 0.5, 0.8, 0.7]), 0.55
    factors = BLOCKS @ np.array([[1, phi], [phi, 1]]) @ BLOCKS.T
    corr = np.outer(loadings, loadings) * factors
    np.fill_diagonal(corr, 1.0)
    assert_allclose(validity.htmt2(corr, BLOCKS), [[1, phi], [phi, 1]], atol=1e-12)
    # the arithmetic means of htmt are not
    assert abs(reliability.htmt(corr, BLOCKS)[0, 1] - phi) > 1e-3


def test_htmt2_of_opposite_constructs_is_of_their_sizes() -> None:
    corr = _parallel(0.5, -0.3)
    assert_allclose(validity.htmt2(corr, BLOCKS)[0, 1], 0.6, atol=1e-12)


@pytest.mark.parametrize("place", [(0, 1), (0, 3)])
def test_mixed_signs_have_no_htmt2(place: tuple[int, int]) -> None:
    corr = _parallel(0.4, 0.2)
    corr[place] = corr[place[::-1]] = -0.1
    assert np.isnan(validity.htmt2(corr, BLOCKS)[0, 1])


def test_omega_is_the_reliability_of_a_common_factor() -> None:
    loadings = np.array([0.9, 0.6, 0.5, 0.8, 0.7])
    corr = np.outer(loadings, loadings)
    np.fill_diagonal(corr, 1.0)
    blocks = np.ones((5, 1))
    expected = loadings.sum() ** 2 / (loadings.sum() ** 2 + (1 - loadings**2).sum())
    assert_allclose(validity.omega(corr, blocks), [expected], atol=1e-8)
    assert_allclose(validity.one_factor(corr[..., None])[:, 0], loadings, atol=1e-8)
    # two items: Spearman-Brown; one item: one
    assert_allclose(validity.omega(corr[:2, :2], np.ones((2, 1))), [2 * 0.54 / 1.54])
    assert_allclose(validity.omega(np.ones((1, 1)), np.ones((1, 1))), [1.0])


@pytest.mark.parametrize("seed", range(4))
def test_one_factor_minimises_the_residuals(seed: int) -> None:
    from scipy.optimize import minimize

    corr = np.corrcoef(np.random.default_rng(seed).normal(size=(12, 5)).T) * 0.5
    corr = np.abs(corr) + 0.1
    np.fill_diagonal(corr, 1.0)
    upper = np.triu_indices(5, k=1)

    def residuals(loadings: np.ndarray) -> float:
        return float(((corr - np.outer(loadings, loadings))[upper] ** 2).sum())

    best = minimize(residuals, np.full(5, 0.5), bounds=[(-1, 1)] * 5, tol=1e-12)
    found = validity.one_factor(np.stack([corr, corr], axis=-1))
    assert_allclose(found[:, 0], found[:, 1])
    assert residuals(found[:, 0]) <= best.fun + 1e-9


def test_a_factor_of_items_that_disagree_is_missing() -> None:
    pair = np.array([[1, -0.2], [-0.2, 1]])
    assert np.isnan(validity.omega(pair, np.ones((2, 1)))).all()


def test_distances_of_matrices() -> None:
    generator = np.random.default_rng(1)
    root = generator.normal(size=(4, 4))
    first = root @ root.T
    # what a common transformation does to both changes no distance
    assert_allclose(spectral.geodesic_distance(first, first), 0, atol=1e-9)
    assert_allclose(
        spectral.geodesic_distance(np.eye(2), np.diag([10.0, 0.01])), (1 + 4) / 2
    )
    other = root @ np.diag([1.0, 1, 10, 100]) @ root.T
    assert_allclose(spectral.geodesic_distance(first, other), (1 + 4) / 2)
    indefinite = np.diag([1.0, 1, 1, -1])
    assert np.isnan(spectral.geodesic_distance(indefinite, first))
    assert np.isnan(spectral.geodesic_distance(first, indefinite))
    # and the other members of a stack keep theirs
    mixed = spectral.geodesic_distance(np.stack([indefinite, first]), other)
    assert np.isnan(mixed[0])
    assert_allclose(mixed[1], (1 + 4) / 2)
    assert_allclose(spectral.smallest_eigenvalue(indefinite), -1)
    made = spectral.roots(first)
    assert_allclose(made.root @ made.root, first, atol=1e-10)
    assert_allclose(made.root @ made.inverse, np.eye(4), atol=1e-8)


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
    of_constructs = verdicts[verdicts["where"] == "complaints"]
    assert set(of_constructs["criterion"]) == {"full_vif", "q2"}
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


def test_measures_of_fit_by_hand(results: csi.Results) -> None:
    assessment = csi.assess(results)
    table = assessment.fit.set_index("measure")
    model, corr = results.model, results.moments.corr
    for kind in ("saturated", "estimated"):
        left = assessment.residual_correlations(kind == "saturated").to_numpy()
        lower = left[np.tril_indices(len(left))]
        assert_allclose(table.loc["srmr", kind], np.sqrt((lower**2).mean()))
        assert_allclose(table.loc["d_uls", kind], (left**2).sum() / 2)
        ratios = np.linalg.eigvals(np.linalg.solve(corr, corr - left)).real
        assert_allclose(table.loc["d_g", kind], (np.log10(ratios) ** 2).sum() / 2)
    # two items of one composite: as observed; of two, by way of their scores
    loadings = results.loadings.set_index("item")["estimate"]
    implied = assessment.implied_correlations(saturated=True)
    (first, second), other = model.constructs[0].items[:2], model.constructs[1].items[0]
    assert_allclose(implied.loc[first, second], corr[model.items.index(first), 1])
    between = results.construct_correlations.iloc[0, 1]
    assert_allclose(
        implied.loc[first, other], loadings[first] * between * loadings[other]
    )
    # expectation and loyalty are joined by paths only, by way of satisfaction
    expected = assessment.implied_construct_correlations()
    assert abs(expected.loc["expectation", "loyalty"]) < 1
    assert_allclose(np.diag(expected), 1)


def test_the_saturated_model_is_at_least_as_close(results: csi.Results) -> None:
    table = csi.assess(results).fit
    assert (table["saturated"] < table["estimated"]).all()
    names = results.fit_measures.index.tolist()
    assert names[:3] == ["srmr", "d_uls", "d_g"]
    assert names[3:] == ["srmr_saturated", "d_uls_saturated", "d_g_saturated"]


def test_q_squared_by_hand(results: csi.Results) -> None:
    # brute force: fit without every fifth respondent, predict those left out
    survey = csi.load_dataset("retail")
    bare = csi.read_survey(survey.frame.head(90), codebook=survey.codebook)
    results = csi.fit(csi.acsi(), bare)
    assert results.answers is not None
    values, own = results.answers.values, results.answers.weights
    assert own is not None
    errors, benchmark = 0.0, 0.0
    model = results.model
    k = model.construct_names.index("loyalty")
    items = np.flatnonzero(model.blocks[:, k])
    for start in range(5):
        gone = np.arange(len(values)) % 5 == start
        cov = np.cov(values[~gone].T, aweights=own[~gone])
        mean = np.average(values[~gone], axis=0, weights=own[~gone])
        fit = csi.PLS().estimate(
            model, csi.Moments(model.items, mean, cov, int((~gone).sum()))
        )
        sd = np.sqrt(np.diag(cov))
        z = (values[gone] - mean) / sd
        predicted = (z @ fit.weights @ fit.paths[k])[:, None] * fit.loadings[items, k]
        unit = (sd / results.moments.sd)[items]
        weight = own[gone, None]
        errors += (weight * ((z[:, items] - predicted) * unit) ** 2).sum()
        benchmark += (weight * (z[:, items] * unit) ** 2).sum()
    table = q_squared(results, distance=5).set_index("construct")["q2"]
    assert_allclose(table["loyalty"], 1 - errors / benchmark, atol=1e-8)


def test_q_squared_needs_respondents(results: csi.Results) -> None:
    table = csi.assess(csi.fit(csi.acsi(), results.moments)).q_squared
    assert table["q2"].isna().all()
    assert table["note"].str.contains("made from moments").all()
    with pytest.raises(csi.SpecificationError, match="distance must be a whole number"):
        q_squared(results, distance=1)


def test_full_collinearity_is_a_regression_on_all_others(results: csi.Results) -> None:
    table = csi.assess(results).full_collinearity.set_index("construct")["vif"]
    corr = results.construct_correlations
    for name in corr.columns:
        rest = corr.columns.drop(name)
        r = corr.loc[rest, name]
        explained = r @ np.linalg.solve(corr.loc[rest, rest], r)
        assert_allclose(table[name], 1 / (1 - explained), rtol=1e-10)


STATISTICS = [
    name for name in diagnostics.__all__ if name.isupper() and name != "REGIONS"
]


@pytest.fixture(scope="module")
def boot(results: csi.Results) -> csi.Bootstrap:
    return csi.bootstrap(results, n=100, seed=2)


@pytest.mark.parametrize("name", STATISTICS)
def test_every_table_has_intervals(
    boot: csi.Bootstrap, results: csi.Results, name: str
) -> None:
    statistic = getattr(diagnostics, name)
    table = boot.of(statistic)
    assert len(table) == len(statistic.labels(results.model))
    assert list(table.columns[: -4 - statistic.tested])
    assert_allclose(table["estimate"], statistic.compute(results.estimates))
    assert (table["low"] <= table["high"]).all()
    # a stack gives what its members give
    moments = results.moments
    twice = csi.Moments(
        moments.names,
        np.stack([moments.mean, moments.mean]),
        np.stack([moments.cov, np.diag(np.diag(moments.cov)) + 0.5 * moments.cov]),
        [moments.n, moments.n],
    )
    stack = csi.PLS().estimate(results.model, twice)
    found = statistic.compute(stack)
    for k in range(2):
        assert_allclose(found[k], statistic.compute(stack[k]), atol=1e-12)


def test_tables_are_those_of_the_statistics(results: csi.Results) -> None:
    assessment, estimates = csi.assess(results), results.estimates
    assert len(STATISTICS) >= 14
    for name, values in {
        "OMEGA": assessment.reliability["omega"],
        "VIF": assessment.vif["vif"],
        "F_SQUARED": assessment.f_squared["f_squared"],
        "INDICATOR_RELIABILITY": assessment.indicator_reliability["reliability"],
        "CROSS_LOADINGS": assessment.cross_loadings.to_numpy().ravel(),
    }.items():
        assert_allclose(getattr(diagnostics, name).compute(estimates), values)
    assert (assessment.f_squared["size"] != "").all()
    assert assessment.r_squared.set_index("construct")["size"]["complaints"] in {
        "negligible",
        "weak",
    }


def test_flags_are_explained(results: csi.Results) -> None:
    assessment = csi.assess(results)
    verdicts = assessment.verdicts
    flagged = verdicts["verdict"] == "flagged"
    assert (verdicts.loc[flagged, "explanation"].str.len() > 30).all()
    assert (verdicts.loc[~flagged, "explanation"] == "").all()
    assert "published ACSI" in repr(assessment)
    assert "a look is due, not a failure" in repr(assessment)
    assert max(map(len, repr(assessment).splitlines())) <= 80
    lines = repr(assessment).splitlines()
    assert lines[0].startswith(f"Flagged: {flagged.sum()} of {len(verdicts)} values (")


def test_an_admissible_fit_passes_every_check(results: csi.Results) -> None:
    table = csi.assess(results).admissibility
    assert table["passed"].all()
    assert (table["explanation"] == "").all()
    assert "Not so" not in repr(csi.assess(results))


def test_what_is_not_admissible_is_told() -> None:
    # two causes that correlate .49 with reliability .5: .98 without attenuation
    model = csi.Model(
        "near",
        constructs=(
            csi.reflective("x", "x1", "x2"),
            csi.reflective("y", "y1", "y2"),
            csi.reflective("z", "z1", "z2"),
        ),
        paths=(("x", "z"), ("y", "z")),
    )
    corr = np.full((6, 6), 0.3)
    corr[:2, 2:4] = corr[2:4, :2] = 0.49
    for k in (0, 2, 4):
        corr[k, k + 1] = corr[k + 1, k] = 0.5
    corr[0, 4] = corr[4, 0] = corr[1, 4] = corr[4, 1] = 0.33
    np.fill_diagonal(corr, 1.0)
    moments = csi.Moments(model.items, np.zeros(6), corr, 300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", csi.InadmissibleWarning)
        results = csi.fit(model, moments, PLSc())
    table = csi.assess(results).admissibility.set_index("check")
    row = table.loc["causes distinguishable (VIF < 10)"]
    assert not row["passed"]
    assert "x -> z" in row["where"]
    assert "put them together" in row["explanation"]
    unconverged = replace(
        results, estimates=replace(results.estimates, converged=np.array(False))
    )
    checks = csi.assess(unconverged).admissibility.set_index("check")
    assert not checks.loc["converged", "passed"]


@pytest.mark.parametrize("estimator", [UnitWeights(), PCA(), GSCA(), PLSc()])
def test_other_estimators_are_assessed_alike(estimator: csi.Estimator) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", csi.InadmissibleWarning)
        results = csi.fit(csi.acsi(), csi.load_dataset("retail"), estimator)
    assessment = csi.assess(results)
    assert assessment.fit["estimated"].notna().all()
    assert {"q2", "srmr", "omega"} <= set(assessment.verdicts["criterion"])


def test_a_measurement_model_is_assessed_without_paths() -> None:
    survey = csi.load_dataset("retail")
    alone = replace(csi.acsi(), paths=(), index=None)
    assessment = csi.assess(csi.fit(alone, survey, PCA()))
    assert len(assessment.r_squared) == len(assessment.f_squared) == 0
    assert len(assessment.q_squared) == 0
    assert np.isnan(assessment.gof)
    assert assessment.admissibility["passed"].all()
    assert set(assessment.vif["kind"]) == {"outer"}
    single = csi.Model("one", (csi.reflective("quality", "OVERALLQ", "CUSTOMQ"),), ())
    lone = csi.assess(csi.fit(single, survey, PCA()))
    assert isinstance(lone.verdicts, pd.DataFrame)


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
