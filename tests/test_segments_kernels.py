"""Kernels of segments: brute force, closed forms, and theory."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from csindex.kernels.arrays import FloatArray
from csindex.kernels.closeness import LocalModels, closeness
from csindex.kernels.mixture import (
    PLAIN_STEPS,
    Mixtures,
    mixture_criteria,
    regression_mixtures,
)
from csindex.kernels.partitions import adjusted_rand, chi_square, eta_squared

# 0 -> 1, {0, 1} -> 2
STRUCTURE = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0]])
EQUATIONS = {1: [0], 2: [0, 1]}


def mixed_scores(n: int = 150) -> FloatArray:
    """Return scores of two segments of n rows each."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=2 * n)
    side = np.repeat([1.0, -1.0], n)
    y = 0.8 * side * x + 0.4 * rng.normal(size=2 * n)
    z = 0.5 * x + 0.6 * side * y + 0.4 * rng.normal(size=2 * n)
    return np.column_stack([x, y, z])


def random_starts(s: int, k: int, n: int, seed: int = 2) -> FloatArray:
    draws = np.random.default_rng(seed).dirichlet(np.full(k, 0.3), size=(s, n))
    return np.ascontiguousarray(np.moveaxis(draws, -1, 1))


def plain_densities(
    scores: FloatArray, paths: FloatArray, variances: FloatArray
) -> FloatArray:
    """Return densities (n, k), equation by equation."""
    found = np.ones((len(scores), len(paths)))
    for k in range(len(paths)):
        for e, (target, sources) in enumerate(EQUATIONS.items()):
            mean = scores[:, sources] @ paths[k, target, sources]
            sd = np.sqrt(variances[k, e])
            found[:, k] *= stats.norm.pdf(scores[:, target], mean, sd)
    return found


def plain_em(scores: FloatArray, posterior: FloatArray, steps: int) -> float:
    """Return the log likelihood after steps of an EM with least squares by row."""
    value = np.nan
    for _ in range(steps):
        k = len(posterior)
        paths, variances = np.zeros((k, 3, 3)), np.zeros((k, 2))
        for g, own in enumerate(posterior):
            root = np.sqrt(own)[:, None]
            for e, (target, sources) in enumerate(EQUATIONS.items()):
                fitted = np.linalg.lstsq(
                    root * scores[:, sources], root[:, 0] * scores[:, target]
                )[0]
                paths[g, target, sources] = fitted
                error = scores[:, target] - scores[:, sources] @ fitted
                variances[g, e] = own @ error**2 / own.sum()
        joint = plain_densities(scores, paths, variances) * posterior.mean(axis=1)
        value = float(np.log(joint.sum(axis=1)).sum())
        posterior = (joint / joint.sum(axis=1, keepdims=True)).T
    return value


@pytest.fixture(scope="module")
def run() -> Mixtures:
    scores = mixed_scores()
    return regression_mixtures(
        scores, STRUCTURE, np.ones(len(scores)), random_starts(4, 2, len(scores))
    )


def test_likelihood_is_that_of_the_densities(run: Mixtures) -> None:
    scores = mixed_scores()
    for s in range(4):
        joint = plain_densities(scores, run.paths[s], run.variances[s]) * run.shares[s]
        assert_allclose(run.loglik[s], np.log(joint.sum(axis=1)).sum(), rtol=1e-12)
        assert_allclose(
            run.posterior[s], (joint / joint.sum(axis=1, keepdims=True)).T, atol=1e-10
        )


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_steps_are_those_of_em_row_by_row(steps: int) -> None:
    scores = mixed_scores(60)
    starts = random_starts(3, 2, len(scores))
    found = regression_mixtures(
        scores, STRUCTURE, np.ones(len(scores)), starts, limit=steps
    )
    for s in range(3):
        expected = plain_em(scores, starts[s], steps)
        assert_allclose(found.history[steps - 1, s], expected, rtol=1e-10)


@pytest.mark.parametrize("k", [2, 3])
def test_likelihood_never_falls(k: int) -> None:
    scores = mixed_scores()
    found = regression_mixtures(
        scores, STRUCTURE, np.ones(len(scores)), random_starts(5, k, len(scores))
    )
    steps = np.diff(found.history, axis=0)
    assert found.converged.all()
    assert steps[np.isfinite(steps)].min() > -1e-9
    assert found.loglik.min() >= np.nanmax(found.history[0])


def plain_steps(scores: FloatArray, starts: FloatArray, bursts: int) -> FloatArray:
    """Return log likelihoods (s,) after steps without leaps, begun anew each time."""
    posterior, ones = starts, np.ones(len(scores))
    for _ in range(bursts):
        found = regression_mixtures(
            scores, STRUCTURE, ones, posterior, 0.0, PLAIN_STEPS
        )
        posterior = found.posterior
    return found.loglik


def test_leaps_end_where_plain_steps_do_and_sooner() -> None:
    """Where three segments are sought in two that are hard to tell apart."""
    scores = mixed_scores(60) + 0.6 * np.random.default_rng(1).normal(size=(120, 3))
    starts = random_starts(3, 3, len(scores))
    found = regression_mixtures(scores, STRUCTURE, np.ones(120), starts, 1e-12)
    assert_allclose(found.loglik, plain_steps(scores, starts, 200), atol=1e-6)
    assert found.converged.all()
    # twice as many plain steps have not come so far
    half = int(found.iterations.max()) // 2
    early = regression_mixtures(scores, STRUCTURE, np.ones(120), starts, 0.0, half)
    behind = plain_steps(scores, starts, 2 * half // PLAIN_STEPS)
    assert (early.loglik - behind).min() > 1e-4
    assert (np.diff(found.history, axis=0)[:5] > 0).all()


def test_one_segment_is_least_squares() -> None:
    scores = mixed_scores()
    n = len(scores)
    found = regression_mixtures(scores, STRUCTURE, np.ones(n), np.ones((1, 1, n)))
    expected = 0.0
    for target, sources in EQUATIONS.items():
        fitted, rest, *_ = np.linalg.lstsq(scores[:, sources], scores[:, target])
        assert_allclose(found.paths[0, 0, target, sources], fitted, rtol=1e-10)
        expected -= n / 2 * (np.log(2 * np.pi * rest.item() / n) + 1)
    assert_allclose(found.loglik, expected, rtol=1e-12)


def test_true_parameters_are_found(run: Mixtures) -> None:
    best = int(np.argmax(run.loglik))
    order = np.argsort(-run.paths[best, :, 1, 0])
    assert_allclose(run.paths[best, order, 1, 0], [0.8, -0.8], atol=0.1)
    assert_allclose(run.paths[best, order, 2, 1], [0.6, -0.6], atol=0.15)
    assert_allclose(run.variances[best], 0.16, atol=0.05)
    assert_allclose(run.shares[best], 0.5, atol=0.08)


def test_whole_weights_are_repeated_rows() -> None:
    scores = mixed_scores(40)
    counts = np.random.default_rng(1).integers(1, 4, len(scores))
    starts = random_starts(2, 2, len(scores))
    weighted = regression_mixtures(scores, STRUCTURE, counts.astype(float), starts)
    rows = np.repeat(np.arange(len(scores)), counts)
    repeated = regression_mixtures(
        scores[rows], STRUCTURE, np.ones(len(rows)), starts[..., rows]
    )
    assert_allclose(weighted.loglik, repeated.loglik, rtol=1e-10)
    assert_allclose(weighted.paths, repeated.paths, atol=1e-6)


def test_a_start_that_runs_into_a_point_is_lost() -> None:
    scores = mixed_scores(40)
    # a segment of rows without any error
    scores[:20, 1] = scores[:20, 0]
    starts = np.stack([np.zeros(80), np.ones(80)])
    starts[:, :20] = [[1.0], [0.0]]
    found = regression_mixtures(scores, STRUCTURE, np.ones(80), starts[None])
    assert np.isnan(found.loglik).all()
    assert not found.converged.any()


def test_criteria_by_hand() -> None:
    posterior = np.array([[0.9, 0.2, 0.5, 1.0], [0.1, 0.8, 0.5, 0.0]])
    found = mixture_criteria(-20.0, posterior, np.ones(4), STRUCTURE, -26.0)
    # k - 1 shares, and in each segment three paths and two variances
    assert found.parameters == 11
    log = np.log(4)
    assert_allclose(
        [found.aic, found.aic3, found.aic4, found.bic, found.caic],
        [62, 73, 84, 40 + 11 * log, 40 + 11 * (log + 1)],
    )
    assert_allclose(
        [found.hq, found.mdl5], [40 + 22 * np.log(log), 40 + 55 * log], rtol=1e-12
    )
    entropy = -sum(p * np.log(p) for p in (0.9, 0.1, 0.2, 0.8, 0.5, 0.5))
    assert_allclose(found.en, 1 - entropy / (4 * np.log(2)))
    assert_allclose(found.nec, entropy / 6)
    assert_allclose(found.nfi, (2 * (0.82 + 0.68 + 0.5 + 1) - 4) / 4)


def test_criteria_of_sure_and_of_no_segments() -> None:
    sure = np.array([[1.0, 0, 1], [0, 1.0, 0]])
    found = mixture_criteria(-1.0, sure, np.ones(3), STRUCTURE, -2.0)
    assert (found.en, found.nfi, found.nec) == (1.0, 1.0, 0.0)
    blurred = mixture_criteria(-1.0, np.full((2, 3), 0.5), np.ones(3), STRUCTURE, -2.0)
    assert_allclose([blurred.en, blurred.nfi], 0.0, atol=1e-12)


def test_adjusted_rand_by_pairs() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.integers(0, 3, 30), rng.integers(0, 4, 30)
    pairs = list(combinations(range(30), 2))
    one = np.array([first[i] == first[j] for i, j in pairs], dtype=float)
    other = np.array([second[i] == second[j] for i, j in pairs], dtype=float)
    chance = one.sum() * other.sum() / len(pairs)
    expected = (one @ other - chance) / ((one.sum() + other.sum()) / 2 - chance)
    assert_allclose(adjusted_rand(first, second), expected)
    assert adjusted_rand(first, (first + 1) % 3) == 1.0
    assert adjusted_rand(np.zeros(5, np.int64), np.zeros(5, np.int64)) == 1.0


def test_associations_are_those_of_scipy() -> None:
    rng = np.random.default_rng(4)
    table = rng.integers(5, 30, (3, 4)).astype(float)
    expected = stats.chi2_contingency(table, correction=False).statistic
    assert_allclose(chi_square(table), expected)
    codes, values = rng.integers(0, 3, 50), rng.normal(size=50)
    share = eta_squared(values, codes, np.ones(50))
    f = stats.f_oneway(*(values[codes == g] for g in range(3))).statistic
    assert_allclose(share / 2 / ((1 - share) / 47), f)


def local_stack() -> tuple[LocalModels, FloatArray, FloatArray]:
    """Return two made-up models of two constructs, answers, and classes."""
    rng = np.random.default_rng(6)
    blocks = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    models = LocalModels(
        mean=rng.normal(size=(2, 4)),
        sd=rng.uniform(1, 2, (2, 4)),
        weights=rng.uniform(0.4, 0.7, (2, 4, 2)) * blocks,
        loadings=rng.uniform(0.6, 0.9, (2, 4, 2)) * blocks,
        paths=np.array([[[0, 0], [0.5, 0]], [[0, 0], [-0.3, 0]]]),
        r_squared=np.array([[0, 0.25], [0, 0.09]]),
        structure=np.array([[0.0, 0], [1, 0]]),
    )
    values = rng.normal(size=(12, 4))
    inside = np.repeat([1.0, 0.0], [7, 5])
    return models, values, np.stack([inside, 1 - inside])


def test_closeness_by_loops() -> None:
    models, values, classes = local_stack()
    found = closeness(values, models, classes)
    for g in range(2):
        outer, inner, errors = np.zeros(12), np.zeros(12), np.zeros(12)
        for i in range(12):
            z = (values[i] - models.mean[g]) / models.sd[g]
            scores = [
                z[:2] @ models.weights[g, :2, 0],
                z[2:] @ models.weights[g, 2:, 1],
            ]
            for p in range(4):
                loading = models.loadings[g, p, p // 2]
                outer[i] += (z[p] - loading * scores[p // 2]) ** 2 / loading**2
            errors[i] = scores[1] - models.paths[g, 1, 0] * scores[0]
            inner[i] = errors[i] ** 2 / models.r_squared[g, 1]
        own = classes[g] == 1
        left = own.sum() - 2
        scale = outer[own].sum() / left * inner[own].sum() / left
        assert_allclose(found[g], np.sqrt(outer * inner / scale))
