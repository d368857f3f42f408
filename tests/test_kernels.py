"""Kernels: array numerics against NumPy, brute force and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from csindex.kernels import incomplete_rows
from csindex.kernels.arrays import FloatArray, from_slab, to_slab
from csindex.kernels.linalg import (
    are_definite,
    correlation,
    solve_correlations,
    solve_positive,
)
from csindex.kernels.moments import mean_and_cov, resampled, reweighted
from csindex.kernels.paths import (
    causal_order,
    r_squared,
    reachable,
    regressions,
    total_effects,
)


def rng(seed: int = 0) -> np.random.Generator:
    """Return a generator of its own for every test."""
    return np.random.default_rng(seed)


# ------------------------------------------------------------------ slabs and algebra


@pytest.mark.parametrize("batch", [(), (1,), (5,), (2, 3)])
def test_a_slab_turned_round_is_the_stack(batch: tuple[int, ...]) -> None:
    stack = rng().normal(size=(*batch, 4, 4))
    slab = to_slab(stack, 2)
    assert slab.shape == (4, 4, max(1, int(np.prod(batch))))
    assert slab.flags.c_contiguous
    again = from_slab(slab, batch)
    assert_array_equal(again, stack)
    assert np.shares_memory(to_slab(again, 2), slab)


def positive(size: int, batch: int, seed: int) -> FloatArray:
    """Return a stack of positive definite matrices."""
    rows = rng(seed).normal(size=(batch, size + 3, size))
    return np.asarray(np.swapaxes(rows, 1, 2) @ rows)


@pytest.mark.parametrize("size", range(1, 7))
@pytest.mark.parametrize("columns", [None, 1, 3])
def test_positive_systems_are_solved(size: int, columns: int | None) -> None:
    matrices = positive(size, 50, size)
    right = rng(1).normal(size=(50, size, columns or 1))
    expected = np.asarray(np.linalg.solve(matrices, right), dtype=np.float64)
    slab = to_slab(right, 2) if columns else to_slab(right[..., 0], 1)
    found = solve_positive(to_slab(matrices, 2), slab)
    assert found.shape == slab.shape
    assert_allclose(
        found, to_slab(expected, 2) if columns else expected[..., 0].T, rtol=1e-7
    )


@pytest.mark.parametrize("size", range(1, 7))
def test_other_systems_give_nan_and_leave_the_rest_alone(size: int) -> None:
    matrices = positive(size, 4, 9)
    matrices[1] = -matrices[1]
    matrices[2] = np.nan
    matrices[3] = np.ones((size, size)) - (size == 1)
    found = solve_positive(to_slab(matrices, 2), np.ones((size, 4)))
    expected = np.linalg.solve(matrices[0], np.ones(size))
    assert_allclose(found[:, 0], expected, rtol=1e-8)
    assert np.isnan(found[:, 1:]).any(axis=0).all()


def test_a_constant_item_correlates_with_nothing() -> None:
    values = rng().normal(size=(30, 3))
    values[:, 1] = 4
    corr, sd = correlation(np.cov(values, rowvar=False))
    assert np.isnan(corr[1]).all()
    assert np.isnan(corr[:, 1]).all()
    assert_allclose(corr[0, 2], np.corrcoef(values[:, 0], values[:, 2])[0, 1])
    assert_allclose(sd, values.std(axis=0, ddof=1))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_correlations_are_solved_like_any_matrix(size: int) -> None:
    rng = np.random.default_rng(size)
    corr = np.stack(
        [np.corrcoef(rng.normal(size=(40, size)).T).reshape(size, size)] * 70, axis=-1
    )
    corr[:, :, 1:] = corr[:, :, :1] * rng.uniform(0.2, 0.9, size=69)
    corr[range(size), range(size)] = 1.0
    right = rng.normal(size=(size, 70))
    found = solve_correlations(corr, right)
    for member in range(70):
        wanted = np.linalg.solve(corr[:, :, member], right[:, member])
        assert_allclose(found[:, member], wanted, rtol=1e-12)


def test_singular_correlations_have_no_solution() -> None:
    corr = np.ones((2, 2, 2))
    corr[0, 1, 0] = corr[1, 0, 0] = 0.5
    found = solve_correlations(corr, np.ones((2, 2)))
    assert_allclose(found[:, 0], 2 / 3)
    assert np.isnan(found[:, 1]).all()


# --------------------------------------------------------------------------- moments

VALUES = rng(2).integers(1, 11, size=(40, 3)).astype(float)


@pytest.mark.parametrize("weights", [None, rng(3).uniform(0.1, 2, 40)])
def test_mean_and_covariance(weights: FloatArray | None) -> None:
    mean, cov = mean_and_cov(VALUES, weights)
    expected = np.cov(VALUES, rowvar=False, aweights=weights, ddof=0) * 40 / 39
    assert_allclose(mean, np.average(VALUES, axis=0, weights=weights), rtol=1e-13)
    assert_allclose(cov, expected, rtol=1e-12)


def test_resampled_counts_are_repeated_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csindex.kernels.moments.ROW_BLOCK", 7)
    counts = rng(4).multinomial(40, [1 / 40] * 40, size=25).astype(float)
    means, covs = resampled(VALUES, counts)
    for mean, cov, count in zip(means, covs, counts, strict=True):
        repeated = np.repeat(VALUES, count.astype(int), axis=0)
        assert_allclose(mean, repeated.mean(axis=0), rtol=1e-12)
        assert_allclose(cov, np.cov(repeated, rowvar=False), rtol=1e-11)


def test_resampled_weights_are_weighted_rows() -> None:
    weights = rng(5).exponential(size=(10, 40))
    for mean, cov, weight in zip(*resampled(VALUES, weights), weights, strict=True):
        expected = np.cov(VALUES, rowvar=False, aweights=weight, ddof=0) * 40 / 39
        assert_allclose(mean, np.average(VALUES, axis=0, weights=weight), rtol=1e-12)
        assert_allclose(cov, expected, rtol=1e-11)


def test_resamples_of_answers_far_from_zero() -> None:
    counts = rng(4).multinomial(40, [1 / 40] * 40, size=5).astype(float)
    near, far = (resampled(VALUES + shift, counts)[1] for shift in (0, 1e8))
    assert_allclose(far, near, rtol=1e-6)


def test_an_item_that_is_constant_in_a_resample_has_no_correlation() -> None:
    rare = (np.arange(40) < 3).astype(float)
    answers = np.column_stack([VALUES, rare])
    counts = rng(6).multinomial(40, np.where(rare, 0, 1 / 37), size=200).astype(float)
    corr, _ = correlation(resampled(answers, counts)[1])
    assert np.isnan(corr[:, 3]).all()
    assert np.isfinite(corr[:, :3, :3]).all()


@pytest.mark.parametrize("weights", [None, rng(3).uniform(0.1, 2, 40)])
def test_leaving_one_out(weights: FloatArray | None) -> None:
    means, covs = reweighted(VALUES, weights, slice(5, 40), -1.0)
    for k, (mean, cov) in enumerate(zip(means, covs, strict=True), start=5):
        own = None if weights is None else np.delete(weights, k)
        expected = mean_and_cov(np.delete(VALUES, k, axis=0), own)
        assert_allclose(mean, expected[0], rtol=1e-11)
        assert_allclose(cov, expected[1], rtol=1e-10)


def test_whole_counts_in_single_precision_change_nothing() -> None:
    rng = np.random.default_rng(3)
    whole = np.rint(rng.normal(6, 2, size=(90, 5)))
    counts = rng.multinomial(90, np.full(90, 1 / 90), size=70)
    for values in (whole, whole + 0.125, whole * 1e4):
        single = resampled(values, counts.astype(np.float32))
        double = resampled(values, counts.astype(np.float64))
        for a, b in zip(single, double, strict=True):
            assert_array_equal(a, b)


# ------------------------------------------------------------------ structural models


def acyclic(size: int, seed: int) -> FloatArray:
    """Return a structure whose constructs are in no particular order."""
    generator = rng(seed)
    lower = np.tril(generator.random((size, size)) < 0.6, k=-1)
    order = generator.permutation(size)
    return np.asarray(lower[np.ix_(order, order)], dtype=np.float64)


@pytest.mark.parametrize("seed", range(6))
def test_regressions_are_least_squares(seed: int) -> None:
    structure = acyclic(6, seed)
    scores = rng(seed + 1).normal(size=(4, 80, 6)) @ rng(seed + 2).normal(size=(6, 6))
    scores = (scores - scores.mean(axis=1, keepdims=True)) / scores.std(
        axis=1, keepdims=True
    )
    corr = np.swapaxes(scores, 1, 2) @ scores / 80
    paths = regressions(corr, structure)
    explained = r_squared(paths, corr)
    for member, sample in enumerate(scores):
        for target, row in enumerate(structure):
            causes = np.flatnonzero(row)
            expected = np.zeros(6)
            fit = np.linalg.lstsq(sample[:, causes], sample[:, target], rcond=None)[0]
            expected[causes] = fit
            assert_allclose(paths[member, target], expected, atol=1e-9)
            share = (sample[:, causes] @ fit).var()
            assert_allclose(explained[member, target], share, atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_total_effects_are_an_inverse(seed: int) -> None:
    structure = acyclic(7, seed)
    paths = structure * rng(seed).normal(size=(3, 2, 7, 7))
    expected = np.linalg.inv(np.eye(7) - paths) - np.eye(7)
    assert_allclose(total_effects(paths, structure), expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_causes_come_before_effects(seed: int) -> None:
    structure = acyclic(7, seed)
    order = causal_order(structure)
    assert sorted(order) == list(range(7))
    assert not np.triu(structure[np.ix_(order, order)]).any()
    walks = sum(np.linalg.matrix_power(structure, k) for k in range(1, 8))
    assert_array_equal(reachable(structure), np.asarray(walks) > 0)


# ------------------------------------------------------------ one member, no stack


def test_one_set_of_regressions_is_least_squares() -> None:
    scores = rng(3).normal(size=(90, 5)) @ rng(4).normal(size=(5, 5))
    scores = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    structure = np.tril(np.ones((5, 5)), k=-1)
    structure[3, 1] = 0.0
    expected = np.zeros((5, 5))
    for target in range(1, 5):
        own = np.flatnonzero(structure[target])
        expected[target, own] = np.linalg.lstsq(scores[:, own], scores[:, target])[0]
    corr = np.corrcoef(scores, rowvar=False)
    assert_allclose(regressions(corr, structure), expected, atol=1e-12)
    assert_allclose(regressions(corr[None], structure)[0], expected, atol=1e-12)


def test_one_set_of_regressions_without_a_solution() -> None:
    scores = rng(5).normal(size=(60, 4))
    scores[:, 1] = scores[:, 0]
    structure = np.array([[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0]])
    corr = np.asarray(np.corrcoef(scores, rowvar=False))
    found = regressions(corr, structure.astype(float))
    assert np.isnan(found[2, :2]).all()
    own = scores[:, [0, 2]] - scores[:, [0, 2]].mean(axis=0)
    own /= own.std(axis=0)
    target = (scores[:, 3] - scores[:, 3].mean()) / scores[:, 3].std()
    expected = np.linalg.lstsq(own, target)[0]
    assert_allclose(found[3, [0, 2]], expected, atol=1e-12)


@pytest.mark.parametrize("near", [0.0, 1e-9])
def test_which_matrices_are_definite(near: float) -> None:
    good = positive(3, 2, seed=1)
    bad = np.ones((3, 3)) + near * np.eye(3) ** 2 * 1e-7
    assert are_definite(good).tolist() == [True, True]
    assert not are_definite(bad).any()


@pytest.mark.parametrize("gaps", [0.05, 0.3])
@pytest.mark.parametrize("cache", [1, 10**9])
def test_a_step_of_em_follows_its_definition(
    gaps: float, cache: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incomplete_rows, "CACHE_BYTES", cache)
    values = rng(7).normal(size=(40, 5)) @ rng(8).normal(size=(5, 5))
    values[rng(9).random(values.shape) < gaps] = np.nan
    values = values[~np.isnan(values).all(axis=1)]
    weights = rng(10).integers(0, 4, size=(3, len(values))).astype(float)
    means, covs = rng(11).normal(size=(3, 5)), positive(5, 3, seed=12)
    found = incomplete_rows.IncompleteRows.of(values, weights).step(means, covs)
    for member, (mean, cov) in enumerate(zip(means, covs, strict=True)):
        share = weights[member] / weights[member].sum()
        filled, kept = values.copy(), np.zeros((5, 5))
        for row, part in zip(filled, share, strict=True):
            m, o = np.isnan(row), ~np.isnan(row)
            slopes = np.linalg.solve(cov[np.ix_(o, o)], cov[np.ix_(o, m)])
            row[m] = mean[m] + (row[o] - mean[o]) @ slopes
            left = cov[np.ix_(m, m)] - cov[np.ix_(m, o)] @ slopes
            kept[np.ix_(m, m)] += part * left
        expected = share @ filled
        apart = filled - expected
        assert_allclose(found[0][member], expected, atol=1e-12)
        assert_allclose(found[1][member], (apart.T * share) @ apart + kept, atol=1e-12)
