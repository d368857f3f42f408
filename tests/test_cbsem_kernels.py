"""Kernels of CB-SEM: inverses, derivatives, and one sample as a member of a stack."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.estimation.cbsem import CBSEM
from csindex.estimation.cbsem.fitted import Sample, objective
from csindex.estimation.cbsem.methods import EstimatorName
from csindex.estimation.cbsem.starts import starting_values
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.objective import Objective
from csindex.kernels.cbsem.optimise import solved
from csindex.kernels.cbsem.ram import total_effects
from csindex.kernels.inverse import inverse_positive

MODEL = csi.Model(
    "three",
    [
        csi.reflective("a", "a1", "a2", "a3"),
        csi.reflective("b", "b1", "b2", "b3"),
        csi.reflective("c", "c1"),
    ],
    [("a", "b"), ("b", "c"), ("a", "c")],
)


def noisy(seed: int, count: int, n: int = 300) -> FloatArray:
    """Return covariances (count, p, p) of normal samples of n."""
    rng = np.random.default_rng(seed)
    latent = np.linalg.cholesky([[2.0, 1.0, 0.0], [1.0, 1.5, 0.5], [0.0, 0.5, 2.0]])
    lam = MODEL.blocks * np.array([1.0, 0.8, 1.3, 1.0, 0.6, 1.1, 1.0])[:, None]
    scores = rng.normal(size=(count, n, 3)) @ (lam @ latent).T
    values = scores + rng.normal(size=(count, n, 7))
    return np.stack([np.cov(sample.T) for sample in values])


def test_inverses_of_many_matrices() -> None:
    made = np.stack([*noisy(15, 40), np.ones((7, 7)), -np.eye(7), np.eye(7) * np.nan])
    size, inverse = inverse_positive(made)
    assert_allclose(size[:40], np.linalg.slogdet(made[:40])[1], rtol=1e-12)
    assert_allclose(inverse[:40] @ made[:40], np.tile(np.eye(7), (40, 1, 1)), atol=1e-9)
    assert np.isnan(size[40:]).all()
    assert (inverse[40:] == np.eye(7)).all()


def test_one_by_one_is_all_at_once() -> None:
    covs = noisy(21, 40)
    size, inverse = inverse_positive(covs)
    for k in range(0, 40, 13):
        one_size, one = inverse_positive(covs[k : k + 1])
        assert_allclose(one_size[0], size[k], rtol=1e-12)
        assert_allclose(one[0], inverse[k], rtol=1e-12, atol=1e-12)
        right = np.arange(7.0) - k
        assert_allclose(solved(covs[k : k + 1], right[None])[0], inverse[k] @ right)
    bad = np.stack([np.ones((7, 7)), np.diag([1.0, 1, 1, 1, 1, 1, np.nan])])
    assert np.isnan(inverse_positive(bad)[0]).all()
    assert (inverse_positive(bad)[1] == np.eye(7)).all()


@pytest.mark.parametrize("estimator", ["ML", "GLS", "ULS"])
@pytest.mark.parametrize("means", [False, True])
def test_a_point_of_one_is_that_of_a_stack(
    estimator: EstimatorName, means: bool
) -> None:
    goal, theta = goal_of(estimator, means, 30)
    many = goal.at(theta)
    for k in (0, 17):
        one = goal.chosen(np.array([k])).at(theta[k : k + 1])
        for part in ("gradient", "expected", "observed"):
            own, all_ = getattr(one, part)()[0], getattr(many, part)()[k]
            assert_allclose(own, all_, rtol=1e-12, atol=1e-12 * np.abs(all_).max())
        assert_allclose(one.value[0], many.value[k], rtol=1e-12)


@pytest.mark.parametrize("estimator", ["ML", "GLS", "ULS"])
@pytest.mark.parametrize("means", [False, True])
def test_derivatives_are_those_of_differences(
    estimator: EstimatorName, means: bool
) -> None:
    goal, theta = goal_of(estimator, means, 1)
    point, t = goal.at(theta), theta.shape[1]
    slope, bend = np.empty(t), np.empty((t, t))
    for k, move in enumerate(1e-5 * np.eye(t)):
        up, down = goal.at(theta + move), goal.at(theta - move)
        slope[k] = (up.value[0] - down.value[0]) / 2e-5
        bend[k] = (up.gradient()[0] - down.gradient()[0]) / 2e-5
    assert_allclose(point.gradient()[0], slope, atol=1e-7)
    assert_allclose(point.observed()[0], bend, atol=1e-6)


def goal_of(
    estimator: EstimatorName, means: bool, count: int
) -> tuple[Objective, FloatArray]:
    """Return an objective of a path model, and parameters off its minimum."""
    made = CBSEM(estimator, means=means)
    table = made.parameter_table(MODEL)
    cov = noisy(22, count)
    mean = np.tile(np.arange(7) + 1.0, (count, 1))
    sample = Sample(cov, mean, np.full(count, 300.0))
    start = starting_values(table, [cov.mean(axis=0)], [mean[0] + 0.3])
    apart = np.random.default_rng(5).normal(0, 0.02, (count, table.size))
    return objective(table, made.method, [sample]), start + apart


@pytest.mark.parametrize("depth", [1, 3, 5, 6, 9])
def test_total_effects_of_long_chains(depth: int) -> None:
    arrows = np.zeros((2, 11, 11))
    for k in range(depth):
        arrows[:, k + 1, k] = [0.5 + k / 10, -0.4]
    arrows[:, depth, 0] = 0.3
    found = total_effects(arrows, depth)
    assert_allclose(found, np.linalg.inv(np.eye(11) - arrows), atol=1e-14)
