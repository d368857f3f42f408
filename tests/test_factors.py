"""Kernels of instrument validation against other software, closed forms, brute force.

The reference values are those of R's psych, stats and lavaan on Holzinger and
Swineford's nine tests; see tests/reference/README.md.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from csindex.diagnostics.instrument.exploration import degrees_of_freedom, explore
from csindex.kernels import factors, rotation
from csindex.kernels.agreement import chance_corrected, intraclass
from csindex.kernels.arrays import FloatArray
from csindex.kernels.careless import distances, longest_runs, row_correlations
from csindex.kernels.item_analysis import alpha_if_deleted, corrected_item_total
from csindex.kernels.raking import effective_size, rake

TESTS = [f"x{k}" for k in range(1, 10)]


@pytest.fixture(scope="module")
def tables(root: Path) -> Path:
    return root / "tests" / "reference" / "lavaan"


@pytest.fixture(scope="module")
def scores(holzinger: pd.DataFrame) -> FloatArray:
    return np.asarray(holzinger[TESTS].to_numpy(np.float64))


@pytest.fixture(scope="module")
def corr(scores: FloatArray) -> FloatArray:
    return np.asarray(np.corrcoef(scores.T))


def aligned(pattern: FloatArray, reference: FloatArray) -> FloatArray:
    """Return factors in the reference's order and direction."""
    likeness = factors.congruence(reference, pattern)
    order = np.abs(likeness).argmax(axis=1)
    assert sorted(order) == list(range(pattern.shape[1]))
    signs = np.sign(likeness[np.arange(len(order)), order])
    return np.asarray(pattern[:, order] * signs)


def two_factors(correlated: float) -> FloatArray:
    """Return correlations of six items, three for each of two factors."""
    pattern = np.zeros((6, 2))
    pattern[:3, 0], pattern[3:, 1] = (0.8, 0.7, 0.6), (0.9, 0.75, 0.65)
    phi = np.array([[1.0, correlated], [correlated, 1.0]])
    implied = pattern @ phi @ pattern.T
    return np.asarray(implied - np.diag(np.diag(implied)) + np.eye(6))


def test_sampling_adequacy(corr: FloatArray, tables: Path) -> None:
    reference = pd.read_csv(tables / "cbsem_hs_kmo.csv").set_index("var")["msa"]
    overall, items = factors.kmo(corr)
    assert_allclose(overall, reference["overall"], rtol=1e-12)
    assert_allclose(items, reference[TESTS], rtol=1e-12)


def test_sampling_adequacy_of_a_stack(corr: FloatArray) -> None:
    singular = np.ones((9, 9))
    overall, items = factors.kmo(np.stack([corr, singular, np.eye(9) * 0.5 + 0.5]))
    assert_allclose(overall[0], factors.kmo(corr)[0], rtol=1e-12)
    assert np.isnan(overall[1])
    assert np.isnan(items[1]).all()
    # equal correlations r leave partial correlations r / (1 + (p - 2) r)
    partial = 0.5 / (1 + 7 * 0.5)
    assert_allclose(overall[2], 0.25 / (0.25 + partial**2))


def test_sphericity(corr: FloatArray, tables: Path) -> None:
    reference = pd.read_csv(tables / "cbsem_hs_bartlett.csv").iloc[0]
    chisq, p = factors.sphericity(corr, 301)
    assert_allclose([chisq, p], [reference["chisq"], reference["p"]], rtol=1e-10)


def test_mardia(scores: FloatArray, tables: Path) -> None:
    reference = pd.read_csv(tables / "cbsem_hs_mardia.csv").iloc[0]
    found = factors.mardia(scores)
    assert_allclose(
        [
            found.skewness,
            found.skewness_chisq,
            found.skewness_p,
            found.skewness_chisq_small,
            found.kurtosis,
            found.kurtosis_z,
            found.kurtosis_p,
        ],
        reference[["b1p", "skew", "p.skew", "small.skew", "b2p", "kurtosis", "p.kurt"]],
        rtol=1e-8,
    )


def test_mardia_is_the_double_sum(scores: FloatArray) -> None:
    few = scores[:40, :3]
    apart = few - few.mean(axis=0)
    products = apart @ np.linalg.inv(np.cov(few.T)) @ apart.T
    assert_allclose(factors.mardia(few).skewness, (products**3).mean())
    assert_allclose(factors.mardia(few).kurtosis, (np.diag(products) ** 2).mean())


def test_equal_weights_change_nothing(scores: FloatArray) -> None:
    weighted = factors.mardia(scores, np.full(len(scores), 2.5))
    plain = factors.mardia(scores)
    assert_allclose(weighted.skewness_chisq, plain.skewness_chisq)
    assert_allclose(weighted.kurtosis_z, plain.kurtosis_z)


def test_random_eigenvalues_are_those_of_random_answers() -> None:
    n, p, draws = 60, 5, 2000
    found = factors.random_eigenvalues(p, n, draws, seed=3)
    rng = np.random.default_rng(11)
    answers = rng.standard_normal((draws, n, p))
    answers -= answers.mean(axis=1, keepdims=True)
    cov = np.swapaxes(answers, 1, 2) @ answers
    sd = np.sqrt(np.einsum("bkk->bk", cov))
    brute = np.linalg.eigvalsh(cov / sd[:, :, None] / sd[:, None, :])[:, ::-1]
    error = np.sqrt((found.var(axis=0) + brute.var(axis=0)) / draws)
    assert (np.abs(found.mean(axis=0) - brute.mean(axis=0)) < 4 * error).all()
    assert_allclose(found.std(axis=0), brute.std(axis=0), rtol=0.08)
    assert_allclose(found.sum(axis=1), p)


def test_random_eigenvalues_repeat_with_the_seed() -> None:
    first = factors.random_eigenvalues(4, 100, 5, 1)
    assert (first == factors.random_eigenvalues(4, 100, 5, 1)).all()
    assert (first != factors.random_eigenvalues(4, 100, 5, 2)).any()


@pytest.mark.parametrize("power", [2, 4])
def test_average_partials(scores: FloatArray, corr: FloatArray, power: int) -> None:
    found = factors.average_partials(corr, power)
    assert found.shape == (8,)
    z = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    _, vectors = np.linalg.eigh(corr)
    for count in range(3):
        components = z @ vectors[:, ::-1][:, :count]
        left = z - components @ np.linalg.lstsq(components, z, rcond=None)[0]
        partial = np.corrcoef(left.T)[np.triu_indices(9, 1)]
        assert_allclose(found[count], (np.abs(partial) ** power).mean())


def test_average_partials_find_the_number_of_factors() -> None:
    pattern = np.zeros((12, 2))
    pattern[:6, 0], pattern[6:, 1] = 0.8, 0.7
    two = pattern @ pattern.T
    np.fill_diagonal(two, 1.0)
    stack = np.stack([two, np.full((12, 12), 0.6) + 0.4 * np.eye(12), np.eye(12)])
    found = factors.average_partials(stack)
    assert found.argmin(axis=1).tolist() == [2, 1, 0]
    assert_allclose(found[0], factors.average_partials(two))


def test_eigenvalues(corr: FloatArray, tables: Path) -> None:
    reference = pd.read_csv(tables / "cbsem_hs_eigen.csv")["ev"]
    # more than one factor is beyond what random answers give, and three in psych
    limit = np.percentile(factors.random_eigenvalues(9, 301, 500, 1), 95, axis=0)
    assert (reference > limit).tolist() == [True] * 3 + [False] * 6


def test_factors_by_maximum_likelihood(corr: FloatArray, tables: Path) -> None:
    reference = pd.read_csv(tables / "cbsem_hs_factanal3.csv")
    found = explore(corr, 3)
    # factanal stops a little earlier: its criterion is higher by 4e-11
    assert_allclose(found.uniqueness, reference["uniq"], atol=1e-5)
    assert_allclose(found.objective, reference["crit"][0], rtol=1e-8)
    assert degrees_of_freedom(9, 3) == reference["dof"][0]
    assert found.problems == ()


@pytest.mark.parametrize(
    ("name", "tolerance"),
    # lavaan and psych stop the rotation at 1e-5
    [("cbsem_hs_efa3_oblimin", 2e-5), ("cbsem_hs_psych_fa3_ml_oblimin", 2e-5)],
)
def test_oblimin(corr: FloatArray, tables: Path, name: str, tolerance: float) -> None:
    table = pd.read_csv(tables / f"{name}.csv").set_index("row")
    reference = table.to_numpy(np.float64)
    found = explore(corr, 3)
    assert_allclose(aligned(found.pattern, reference), reference, atol=tolerance)


def test_promax(corr: FloatArray, tables: Path) -> None:
    table = pd.read_csv(tables / "hs_stats_promax3.csv").set_index("row")
    reference = table.to_numpy(np.float64)
    found = explore(corr, 3, "promax")
    assert_allclose(aligned(found.pattern, reference), reference, atol=2e-6)


def test_varimax(corr: FloatArray, tables: Path) -> None:
    table = pd.read_csv(tables / "cbsem_hs_efa3_varimax.csv").set_index("row")
    reference = table.to_numpy(np.float64)
    pattern = explore(corr, 3).pattern
    phi = explore(corr, 3).correlations
    # any loadings of uncorrelated factors have the same varimax
    loadings = pattern @ np.linalg.cholesky(phi)
    lengths = np.sqrt((loadings**2).sum(axis=1, keepdims=True))
    found = rotation.varimax(loadings / lengths) * lengths
    assert_allclose(aligned(found, reference), reference, atol=2e-5)


@pytest.mark.parametrize("how", ["oblimin", "promax"])
@pytest.mark.parametrize("correlated", [0.0, 0.4])
def test_rotated_factors_explain_the_correlations(how: str, correlated: float) -> None:
    population = two_factors(correlated)
    found = explore(population, 2, "oblimin" if how == "oblimin" else "promax")
    implied = found.pattern @ found.correlations @ found.pattern.T
    assert_allclose(implied + np.diag(found.uniqueness), population, atol=1e-5)
    assert_allclose(np.diag(found.correlations), 1.0)


@pytest.mark.parametrize("correlated", [0.0, 0.3, 0.6])
def test_a_perfect_simple_structure_is_found(correlated: float) -> None:
    found = explore(two_factors(correlated), 2)
    truth = np.zeros((6, 2))
    truth[:3, 0], truth[3:, 1] = (0.8, 0.7, 0.6), (0.9, 0.75, 0.65)
    assert_allclose(aligned(found.pattern, truth), truth, atol=1e-4)
    assert_allclose(abs(found.correlations[0, 1]), correlated, atol=1e-4)
    assert_allclose(found.objective, 0.0, atol=1e-8)


def test_quartimin_is_no_worse_than_statsmodels(corr: FloatArray) -> None:
    from statsmodels.multivariate.factor_rotation import rotate_factors

    found = explore(corr, 3)
    loadings = found.pattern @ np.linalg.cholesky(found.correlations)
    pattern, _ = rotate_factors(loadings, "oblimin", 0.0, "oblique")
    squares = pattern**2
    shared = squares.T @ squares
    ours = rotation.quartimin(loadings)
    assert ours.converged
    assert ours.criterion <= (shared.sum() - np.trace(shared)) / 4 + 1e-9
    assert_allclose(aligned(ours.pattern, pattern), pattern, atol=1e-4)


def test_congruence() -> None:
    first = np.array([[1.0, 0.0], [1.0, 0.0]])
    second = np.array([[1.0, 2.0], [0.0, 2.0]])
    assert_allclose(factors.congruence(first, second)[0], [np.sqrt(0.5), 1.0])
    assert np.isnan(factors.congruence(first, second)[1]).all()


def test_item_analysis_is_brute_force(scores: FloatArray) -> None:
    cov = np.cov(scores[:, :4].T)
    for k in range(4):
        others = np.delete(scores[:, :4], k, axis=1)
        r = np.corrcoef(scores[:, k], others.sum(axis=1))[0, 1]
        assert_allclose(corrected_item_total(cov)[k], r)
        parts = others.var(axis=0, ddof=1).sum() / others.sum(axis=1).var(ddof=1)
        assert_allclose(alpha_if_deleted(cov)[k], 3 / 2 * (1 - parts))
    stack = np.stack([cov, np.eye(4)])
    assert_allclose(corrected_item_total(stack)[0], corrected_item_total(cov))
    assert_allclose(corrected_item_total(stack)[1], 0.0)
    assert_allclose(alpha_if_deleted(stack)[0], alpha_if_deleted(cov))


def test_item_analysis_of_few_items() -> None:
    assert np.isnan(corrected_item_total(np.eye(1))).all()
    assert np.isnan(alpha_if_deleted(np.eye(2))).all()


def test_intraclass_correlations_of_shrout_and_fleiss() -> None:
    # their table 2: six subjects, four judges; printed .29 and .71
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8]]
    ratings += [[7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    found = intraclass(np.array(ratings, dtype=np.float64))
    values = [found.absolute.value, found.consistent.value]
    assert_allclose(values, [0.29, 0.71], atol=0.005)


def test_intraclass_correlations_of_a_shift() -> None:
    before = np.array([1.0, 2.0, 3.0, 4.0])
    found = intraclass(np.column_stack([before, before + 1]))
    assert_allclose(found.consistent.value, 1.0)
    # B = 10/3, E = 0, J = 2: 10/3 / (10/3 + 2 * 2 / 4)
    assert_allclose(found.absolute.value, (10 / 3) / (10 / 3 + 1))
    assert np.isnan(intraclass(np.ones((4, 2))).absolute.value)


@pytest.mark.parametrize(
    ("experts", "agreeing", "kappa"),
    # Polit, Beck & Owen (2007), table of modified kappas, from I-CVIs rounded to .01
    [
        (3, 3, 1.00),
        (3, 2, 0.47),
        (4, 3, 0.67),
        (5, 4, 0.76),
        (6, 5, 0.81),
        (6, 4, 0.57),
        (7, 6, 0.85),
        (7, 5, 0.65),
        (8, 6, 0.72),
        (9, 8, 0.88),
        (9, 7, 0.76),
    ],
)
def test_agreement_without_chance(experts: int, agreeing: int, kappa: float) -> None:
    found = chance_corrected(np.array([agreeing]), np.array([experts]))
    assert_allclose(found, kappa, atol=0.01)


def test_raking_meets_margins_and_keeps_the_odds_ratio() -> None:
    cells = np.array([[30, 10], [20, 40]])
    rows, columns = np.repeat(np.indices((2, 2)).reshape(2, 4), cells.ravel(), axis=1)
    found = rake(
        [rows, columns], [np.array([0.6, 0.4]), np.array([0.3, 0.7])], np.ones(100)
    )
    table = np.zeros((2, 2))
    np.add.at(table, (rows, columns), found.weights)
    assert found.converged
    assert_allclose(table.sum(axis=1), [60, 40], atol=1e-7)
    assert_allclose(table.sum(axis=0), [30, 70], atol=1e-7)
    ratio = table[0, 0] * table[1, 1] / table[0, 1] / table[1, 0]
    assert_allclose(ratio, 30 * 40 / 10 / 20)
    assert_allclose(found.weights.mean(), 1.0)


def test_raking_says_when_margins_contradict() -> None:
    same = np.array([0, 0, 1, 1])
    found = rake([same, same], [np.array([0.5, 0.5]), np.array([0.9, 0.1])], np.ones(4))
    assert not found.converged
    assert found.difference > 0.1


def test_effective_size() -> None:
    assert_allclose(effective_size(np.full(7, 3.0)), 7)
    assert_allclose(effective_size(np.array([1.0, 3.0])), 16 / 10)


def test_longest_runs() -> None:
    rows = np.array(
        [
            [1, 1, 1, 2, 2],
            [1, 2, 3, 4, 5],
            [1, np.nan, 1, 1, 2],
            [np.nan] * 5,
            [5, 5, 5, 5, 5],
        ]
    )
    assert longest_runs(rows).tolist() == [3, 1, 3, 0, 5]


def test_distances_with_gaps(scores: FloatArray) -> None:
    values, cov = scores[:30, :4].copy(), np.cov(scores[:, :4].T)
    mean = scores[:, :4].mean(axis=0)
    values[3, 1] = values[5, 0] = values[5, 3] = np.nan
    values[8] = np.nan
    for row, found in zip(values, distances(values, mean, cov), strict=True):
        known = ~np.isnan(row)
        apart = (row - mean)[known]
        inverse = np.linalg.inv(cov[np.ix_(known, known)])
        assert_allclose(found, apart @ inverse @ apart, rtol=1e-9)


def test_row_correlations() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.standard_normal((2, 6, 5))
    first[1, 2] = second[2, :3] = np.nan
    second[3] = 1.0
    found = row_correlations(first, second)
    for k in (0, 1, 4, 5):
        known = ~np.isnan(first[k])
        r = np.corrcoef(first[k][known], second[k][known])[0, 1]
        assert_allclose(found[k], r)
    assert np.isnan(found[[2, 3]]).all()
