"""The PLS kernel: fixed points, closed forms, and what changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

import csindex as csi
from csindex.kernels.arrays import FloatArray
from csindex.kernels.linalg import correlation
from csindex.kernels.moments import mean_and_cov
from csindex.kernels.pls import OuterWeights, Scheme, pls

# the same examples every time, however long a busy machine takes
STEADY = settings(deadline=None, derandomize=True)

SCHEMES: tuple[Scheme, ...] = ("path", "factorial", "centroid")


def rng(seed: int = 0) -> np.random.Generator:
    """Return a generator of its own for every test."""
    return np.random.default_rng(seed)


MODEL = csi.ecsi_mobi()
STRICT: dict[str, Any] = {"tolerance": 1e-13, "max_iterations": 5000}


def population(seed: int, noise: float = 1.0) -> FloatArray:
    """Return the covariances of answers to the items of a chain of constructs."""
    generator = rng(seed)
    scores = np.cumsum(generator.normal(size=(300, len(MODEL.constructs))), axis=1)
    items = scores @ MODEL.blocks.T + noise * generator.normal(size=(300, 24))
    return np.asarray(np.cov(items, rowvar=False))


def run(
    matrix: FloatArray,
    scheme: Scheme = "path",
    mode_b: Any = False,
    model: csi.Model = MODEL,
    **limits: Any,
) -> OuterWeights:
    """Return the outer weights of a model."""
    modes = np.broadcast_to(mode_b, len(model.constructs))
    limits = {"tolerance": 1e-9, "max_iterations": 300, **limits}
    return pls(matrix, model.blocks, model.structure, modes, scheme, **limits)


MIXED_MODES = [True, False, True, False, False, True, True]


# noise makes convergence slow: these members leave the stack one after the other
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("mode_b", [False, True, MIXED_MODES], ids=["A", "B", "AB"])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 40])
def test_a_stack_is_its_members(scheme: Scheme, mode_b: Any, size: int) -> None:
    covs = np.stack([population(k, noise=0.3 + k % 7) for k in range(size)])
    stack = correlation(covs)[0]
    together = run(stack, scheme, mode_b)
    assert together.weights.shape == (size, 24, 7)
    assert size < 40 or len(set(together.iterations.tolist())) > 5
    for k, matrix in enumerate(stack):
        alone = run(matrix, scheme, mode_b)
        assert_allclose(together.weights[k], alone.weights, atol=1e-12)
        assert together.iterations[k] == alone.iterations
        assert together.converged[k] == alone.converged


@pytest.mark.parametrize("scheme", SCHEMES)
def test_members_do_not_wait_for_each_other(scheme: Scheme) -> None:
    stack = correlation(np.stack([population(k) for k in range(12)]))[0]
    order = rng(8).permutation(12)
    straight, mixed = run(stack, scheme), run(stack[order], scheme)
    assert_allclose(mixed.weights, straight.weights[order], atol=1e-13)
    assert_array_equal(mixed.iterations, straight.iterations[order])
    grid = run(stack.reshape(3, 4, 24, 24), scheme)
    assert_array_equal(grid.weights.reshape(12, 24, 7), straight.weights)
    assert grid.converged.shape == (3, 4)


@pytest.mark.parametrize("size", [2, 3, 12])
@pytest.mark.parametrize("mode_b", [False, True])
def test_a_member_of_nan_disturbs_nobody(size: int, mode_b: bool) -> None:
    stack = correlation(np.stack([population(k) for k in range(size)]))[0]
    spoiled = stack.copy()
    spoiled[1, 4] = spoiled[1, :, 4] = np.nan
    found, expected = run(spoiled, mode_b=mode_b), run(stack, mode_b=mode_b)
    others = np.arange(size) != 1
    assert_allclose(found.weights[others], expected.weights[others], atol=1e-12)
    assert np.isnan(found.weights[1]).any()
    assert not found.converged[1]
    assert found.converged[others].all()


@pytest.mark.parametrize("size", [1, 5])
def test_iteration_ends_as_not_converged(size: int) -> None:
    stack = correlation(np.stack([population(k, 5.0) for k in range(size)]))[0]
    found = run(stack, max_iterations=2)
    assert not found.converged.any()
    assert_array_equal(found.iterations, [2] * size)
    assert np.isfinite(found.weights).all()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("mode_b", [False, True])
def test_scores_have_variance_one(scheme: Scheme, mode_b: bool) -> None:
    corr = correlation(population(1))[0]
    weights = run(corr, scheme, mode_b).weights
    assert_allclose(np.diagonal(weights.T @ corr @ weights), 1, rtol=1e-12)
    assert not weights[MODEL.blocks == 0].any()


# fixed point of the path scheme, written as the literature has it
@pytest.mark.parametrize("scheme", SCHEMES)
def test_weights_are_a_fixed_point(scheme: Scheme) -> None:
    corr = correlation(population(3))[0]
    weights = run(corr, scheme, **STRICT).weights
    scores = weights.T @ corr @ weights
    inner = np.zeros((7, 7))
    for j in range(7):
        causes, effects = (
            np.flatnonzero(x) for x in (MODEL.structure[j], MODEL.structure[:, j])
        )
        near = np.concatenate([causes, effects])
        inner[near, j] = (
            np.sign(scores[near, j]) if scheme == "centroid" else scores[near, j]
        )
        if scheme == "path" and causes.size:
            inner[causes, j] = np.linalg.solve(
                scores[np.ix_(causes, causes)], scores[causes, j]
            )
    proxies = (corr @ weights @ inner) * MODEL.blocks
    ratio = proxies.sum(axis=1) / weights.sum(axis=1)
    for column in MODEL.blocks.T > 0:
        assert_allclose(ratio[column], ratio[column][0], rtol=1e-9)


def two_blocks(seed: int) -> tuple[FloatArray, csi.Model]:
    """Return correlations of two blocks of items, and a model of them."""
    common = rng(seed).normal(size=(200, 1))
    items = rng(seed + 1).normal(size=(200, 7)) + common * [
        1,
        0.6,
        0.2,
        1,
        0.8,
        0.5,
        0.3,
    ]
    names = [f"i{k}" for k in range(7)]
    model = csi.Model(
        "two",
        (csi.reflective("x", *names[:3]), csi.reflective("y", *names[3:])),
        (("x", "y"),),
    )
    return np.asarray(np.corrcoef(items, rowvar=False)), model


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("seed", range(4))
def test_two_blocks_in_mode_b_are_canonical_correlation(
    scheme: Scheme, seed: int
) -> None:
    corr, model = two_blocks(seed)
    weights = run(corr, scheme, True, model, **STRICT).weights
    roots = [np.linalg.cholesky(corr[b, b]) for b in (slice(3), slice(3, 7))]
    whitened = np.linalg.solve(roots[0], corr[:3, 3:]) @ np.linalg.inv(roots[1]).T
    left, singular, right = np.linalg.svd(whitened)
    found = weights.T @ corr @ weights
    assert_allclose(abs(found[0, 1]), singular[0], rtol=1e-12)
    expected_x = np.linalg.solve(roots[0].T, left[:, 0])
    expected_y = np.linalg.solve(roots[1].T, right[0])
    assert_allclose(abs(weights[:3, 0]), abs(expected_x), rtol=1e-6)
    assert_allclose(abs(weights[3:, 1]), abs(expected_y), rtol=1e-6)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("seed", range(4))
def test_two_blocks_in_mode_a_are_inter_battery_analysis(
    scheme: Scheme, seed: int
) -> None:
    corr, model = two_blocks(seed)
    weights = run(corr, scheme, False, model, **STRICT).weights
    left, _, right = np.linalg.svd(corr[:3, 3:])
    for found, vector, block in (
        (weights[:3, 0], left[:, 0], corr[:3, :3]),
        (weights[3:, 1], right[0], corr[3:, 3:]),
    ):
        expected = vector / np.sqrt(vector @ block @ vector)
        assert_allclose(abs(found), abs(expected), rtol=1e-9)


def test_single_items_are_path_analysis() -> None:
    values = rng(11).normal(size=(90, 4)) @ rng(12).normal(size=(4, 4))
    names = ("a", "b", "c", "d")
    model = csi.Model(
        "paths",
        [csi.reflective(name.upper(), name) for name in names],
        [("A", "B"), ("A", "C"), ("B", "C"), ("B", "D"), ("C", "D")],
    )
    moments = csi.Moments(names, values.mean(axis=0), np.cov(values, rowvar=False), 90)
    paths = csi.fit(model, moments).paths.set_index(["source", "target"])["estimate"]
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    for target, causes in {"B": [0], "C": [0, 1], "D": [1, 2]}.items():
        expected = np.linalg.lstsq(
            z[:, causes], z[:, "ABCD".index(target)], rcond=None
        )[0]
        found = [paths["ABCD"[cause], target] for cause in causes]
        assert_allclose(found, expected, rtol=1e-10)


def estimated(cov: FloatArray, **options: Any) -> csi.Estimates:
    """Return the estimates of the model from covariances."""
    moments = csi.Moments(MODEL.items, np.zeros(24), cov, 300)
    options = {"tolerance": 1e-12, "max_iterations": 3000, **options}
    return csi.PLS(**options).estimate(MODEL, moments)


@pytest.mark.parametrize("scheme", SCHEMES)
@STEADY
@given(factors=hnp.arrays(np.float64, 24, elements=st.floats(1e-3, 1e3)))
def test_units_of_items_do_not_matter(scheme: Scheme, factors: FloatArray) -> None:
    cov = population(5)
    plain = estimated(cov, scheme=scheme)
    scaled = estimated(cov * np.outer(factors, factors), scheme=scheme)
    assert_allclose(scaled.weights, plain.weights, atol=1e-9)
    assert_allclose(scaled.paths, plain.paths, atol=1e-9)


@pytest.mark.parametrize("mode", ["A", "B"])
@STEADY
@given(item=st.integers(0, 23))
def test_an_item_turned_round_has_its_weight_turned_round(mode: Any, item: int) -> None:
    cov, signs = population(6), np.ones(24)
    signs[item] = -1
    plain = estimated(cov, mode=mode)
    turned = estimated(cov * np.outer(signs, signs), mode=mode)
    # single items carry their construct with them
    constructs = np.sign((signs[:, None] * turned.weights * plain.weights).sum(axis=0))
    expected = signs[:, None] * plain.weights * constructs
    assert_allclose(turned.weights, expected, atol=1e-8)
    assert_allclose(turned.r_squared, plain.r_squared, atol=1e-8)


@STEADY
@given(st.permutations(range(300)))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    values = rng(13).normal(size=(300, 1)) + rng(14).normal(size=(300, 24))
    cov, again = (mean_and_cov(rows)[1] for rows in (values, values[order]))
    assert_allclose(estimated(again).paths, estimated(cov).paths, atol=1e-10)


def test_raw_items_of_one_variance_are_standardised_items() -> None:
    corr = correlation(population(7))[0]
    raw = estimated(9.0 * corr, scaled=False)
    assert_allclose(raw.weights, estimated(corr).weights, atol=1e-9)
