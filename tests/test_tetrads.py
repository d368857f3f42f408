"""Confirmatory tetrads: theory, closed forms, simulation."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.diagnostics.tetrads import tetrad_statistic, tetrads
from csindex.kernels import tetrads as kernels
from csindex.kernels.arrays import FloatArray


def one_factor(size: int) -> FloatArray:
    loadings = np.linspace(0.5, 0.9, size) * np.linspace(1, 3, size)
    return np.asarray(np.outer(loadings, loadings) + np.diag(np.linspace(1, 2, size)))


def drawn(cov: FloatArray, n: int, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.multivariate_normal(np.zeros(len(cov)), cov, n))


def model(size: int) -> csi.Model:
    items = [f"x{k}" for k in range(size)]
    return csi.Model(
        "one",
        [csi.reflective("cause", *items), csi.reflective("effect", "y")],
        [("cause", "effect")],
    )


def survey(cov: FloatArray, n: int = 400, seed: int = 1) -> csi.Survey:
    values = drawn(cov, n, seed)
    frame = pd.DataFrame(values, columns=[f"x{k}" for k in range(len(cov))])
    frame["y"] = values.sum(axis=1) + drawn(np.eye(1), n, seed + 1)[:, 0]
    return csi.read_survey(frame)


@pytest.mark.parametrize("size", [3, 4, 5, 7, 10])
def test_one_factor_makes_all_tetrads_vanish(size: int) -> None:
    positions = kernels.nonredundant(size)
    assert len(positions) == size * (size - 3) // 2
    found = kernels.tetrads(np.stack([one_factor(size), np.eye(size)]), positions)
    assert_allclose(found, 0.0, atol=1e-12)


@pytest.mark.parametrize("size", [4, 5, 7])
def test_no_tetrad_follows_from_the_others(size: int) -> None:
    slopes = kernels.slopes(one_factor(size), kernels.nonredundant(size))
    assert np.linalg.matrix_rank(slopes) == len(slopes)
    # and no further one is free of them: each is a combination where all vanish
    every = np.array(list(permutations(range(size), 4)))
    assert np.linalg.matrix_rank(kernels.slopes(one_factor(size), every)) == len(slopes)


def test_two_factors_leave_a_tetrad() -> None:
    cov = np.eye(4) + 0.2
    cov[0, 1] = cov[1, 0] = cov[2, 3] = cov[3, 2] = 0.8
    found = kernels.tetrads(cov, np.array([[0, 1, 2, 3], [0, 2, 3, 1]]))
    assert_allclose(found, [0.8 * 0.8 - 0.2 * 0.2, 0.2 * 0.2 - 0.2 * 0.2])


def test_slopes_are_differences() -> None:
    cov = one_factor(5) + 0.1
    positions = kernels.nonredundant(5)
    slopes = kernels.slopes(cov, positions)
    for column, (e, f) in enumerate(zip(*np.triu_indices(5, 1), strict=True)):
        moved = cov.copy()
        moved[e, f] = moved[f, e] = cov[e, f] + 1e-6
        change = kernels.tetrads(moved, positions) - kernels.tetrads(cov, positions)
        assert_allclose(slopes[:, column], change / 1e-6, atol=1e-5)


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_normal_law_is_wisharts_formula(shift: float) -> None:
    # Wishart (1928): n var(s02 s13 - s03 s12) -> |S01| |S23| - |S|, in the limit
    cov = one_factor(4) + shift
    positions = np.array([[0, 2, 3, 1]])
    slopes = kernels.slopes(cov, positions)
    found = slopes @ kernels.normal_law(cov) @ slopes.T
    if shift == 0:
        blocks = np.linalg.det(cov[:2, :2]) * np.linalg.det(cov[2:, 2:])
        assert_allclose(found[0, 0], blocks - np.linalg.det(cov))
    values = drawn(cov, 400_000, 5)
    free = slopes @ kernels.free_law(values) @ slopes.T
    assert_allclose(free, found, rtol=0.02)


def test_free_law_is_brute_force() -> None:
    values = np.random.default_rng(3).exponential(1.0, (50, 3))
    weights = np.random.default_rng(4).integers(1, 4, 50).astype(float)
    repeated = np.repeat(values, weights.astype(int), axis=0)
    apart = repeated - repeated.mean(axis=0)
    pairs = [(0, 1), (0, 2), (1, 2)]
    found = kernels.free_law(values, weights)
    for a, (e, f) in enumerate(pairs):
        for b, (g, h) in enumerate(pairs):
            fourth = (apart[:, e] * apart[:, f] * apart[:, g] * apart[:, h]).mean()
            product = (apart[:, e] * apart[:, f]).mean()
            other = (apart[:, g] * apart[:, h]).mean()
            assert_allclose(found[a, b], fourth - product * other)


@pytest.mark.parametrize("heavy", [False, True])
def test_true_hypotheses_are_rejected_at_the_level(heavy: bool) -> None:
    cov, n, samples = one_factor(5), 500, 600
    rng = np.random.default_rng(17)
    positions = kernels.nonredundant(5)
    factor = np.linalg.cholesky(cov)
    rejected = 0
    for _ in range(samples):
        values = rng.standard_normal((n, 5)) @ factor.T
        if heavy:  # one scale for all answers of a respondent: kurtosis beyond normal
            values *= np.sqrt(rng.gamma(4.0, 0.25, (n, 1)))
        sample = np.cov(values.T)
        slopes = kernels.slopes(sample, positions)
        law = slopes @ kernels.free_law(values) @ slopes.T
        found = kernels.joint_test(kernels.tetrads(sample, positions), law, n)
        rejected += found.p < 0.05
    # 99.9 % Monte Carlo band
    assert abs(rejected / samples - 0.05) < 3.3 * np.sqrt(0.05 * 0.95 / samples)


def test_one_factor_is_not_rejected_and_two_are() -> None:
    good = tetrads(csi.fit(model(6), survey(one_factor(6))))
    assert good.tests["df"].tolist() == [9]
    assert good.tests["verdict"].tolist() == ["good"]
    two = one_factor(6)
    two[:3, 3:] *= 0.1
    two[3:, :3] *= 0.1
    bad = tetrads(csi.fit(model(6), survey(two, n=2000)))
    assert bad.tests["p"].iloc[0] < 1e-6
    assert bad.tests["verdict"].tolist() == ["flagged"]
    assert (bad.values["p_holm"] < 0.05).any()
    assert (bad.values["p_holm"] >= bad.values["p"]).all()


def test_population_moments_have_no_tetrads() -> None:
    cov = np.eye(6)
    cov[:5, :5] = one_factor(5)
    cov[5, :5] = cov[:5, 5] = 0.1 * np.sqrt(np.diag(cov)[:5])
    names = [*(f"x{k}" for k in range(5)), "y"]
    found = tetrads(csi.fit(model(5), csi.Moments(names, np.zeros(6), cov, 300)))
    assert found.tests["law"].tolist() == ["normal"]
    assert_allclose(found.values["estimate"], 0.0, atol=1e-12)
    assert_allclose(found.tests["p"], 1.0)


def test_bootstrap_gives_intervals_of_bonferronis_level() -> None:
    results = csi.fit(model(5), survey(one_factor(5)))
    boot = csi.bootstrap(results, n=2000, level=0.9)
    found = tetrads(results, boot).values
    wider = tetrads(results, boot, level=0.99)
    assert wider.level == 0.99
    assert (
        wider.values["high"] - wider.values["low"] > found["high"] - found["low"]
    ).all()
    wide = csi.bootstrap(results, n=2000, level=0.99).of(tetrad_statistic("cause"))
    assert_allclose(found[["low", "high"]], wide[["low", "high"]])
    assert_allclose(found["boot_se"], found["se"], rtol=0.15)
    assert not found["differs"].any()
    assert wide["tetrad"].tolist() == found["tetrad"].tolist()


def test_small_constructs_are_told() -> None:
    found = tetrads(csi.fit(model(3), survey(one_factor(3))))
    assert found.tests.empty
    assert found.values.empty
    assert len(found.notes) == 1
    assert repr(found).splitlines()[0] == "Tetrads: no construct can be tested"
    assert "cause (3 items), effect (1 item)" in " ".join(repr(found).split())
    assert "Empty DataFrame" not in repr(found)


def test_many_tetrads_print_in_a_few_lines() -> None:
    two = one_factor(10)
    two[:5, 5:] *= 0.1
    two[5:, :5] *= 0.1
    found = tetrads(csi.fit(model(10), survey(two, n=2000)))
    assert len(found.values) == 35
    lines = repr(found).splitlines()
    told = "One factor does not account for the items of: cause (1 tested)"
    assert lines[0] == told
    assert len(lines) < 12


def test_errors_name_what_is_wrong() -> None:
    results = csi.fit(model(4), survey(one_factor(4)))
    other = csi.fit(model(4), survey(one_factor(4), seed=9))
    with pytest.raises(csi.SpecificationError, match="between 0 and 1"):
        tetrads(results, level=95)
    with pytest.raises(csi.SpecificationError, match="another fit"):
        tetrads(results, csi.bootstrap(other, n=100))
    with pytest.raises(csi.SpecificationError, match="boot is a bootstrap"):
        tetrads(results, 5)  # type: ignore[arg-type]
    with pytest.raises(csi.SpecificationError):
        tetrads("results")  # type: ignore[arg-type]
