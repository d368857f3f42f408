"""Shares in R squared: published numbers, brute force, closed forms, stacks."""

from __future__ import annotations

from itertools import permutations
from math import factorial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.diagnostics.shares import relative_importance, relative_weights
from csindex.kernels.relative_importance import johnson, lmg

METHODS = pytest.mark.parametrize("method", ["lmg", "johnson"])
KERNELS = {"lmg": lmg, "johnson": johnson}


@pytest.fixture(scope="module")
def results() -> csi.Results:
    return csi.fit(csi.acsi(), csi.load_dataset("retail"))


def _correlations(k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    values = np.random.default_rng(seed).normal(size=(60, k + 1)).cumsum(axis=1)
    corr = np.corrcoef(values.T)
    return corr[:k, :k], corr[:k, k]


def _r2(corr: np.ndarray, target: np.ndarray, chosen: tuple[int, ...]) -> float:
    if not chosen:
        return 0.0
    own = list(chosen)
    return float(target[own] @ np.linalg.solve(corr[np.ix_(own, own)], target[own]))


@METHODS
def test_service_quality_has_the_reference_shares(root: Path, method: str) -> None:
    folder = root / "tests" / "reference" / "method"
    corr = pd.read_csv(folder / "sq_servqual_correlations.csv", index_col=0)
    reference = pd.read_csv(folder / "sq_servqual_relative_importance.csv", index_col=0)
    column = {"lmg": "lmg", "johnson": "johnson_rw"}[method]
    table = corr.to_numpy()
    found = KERNELS[method](table[:5, :5], table[:5, 5])
    assert_allclose(found, reference[column], atol=1e-6)
    assert_allclose(found.sum(), reference["R2"].iloc[0], atol=1e-9)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_lmg_is_the_mean_over_all_orders(k: int) -> None:
    corr, target = _correlations(k)
    gains = np.zeros(k)
    for order in permutations(range(k)):
        for place, own in enumerate(order):
            before, after = order[:place], order[: place + 1]
            gains[own] += _r2(corr, target, after) - _r2(corr, target, before)
    assert_allclose(lmg(corr, target), gains / factorial(k), atol=1e-13)


@METHODS
def test_two_predictors_in_closed_form(method: str) -> None:
    r, a, b = 0.6, 0.5, 0.7
    unique = [(a - r * b) ** 2 / (1 - r**2), (b - r * a) ** 2 / (1 - r**2)]
    expected = [(a**2 + unique[0]) / 2, (b**2 + unique[1]) / 2]
    corr = np.array([[1, r], [r, 1]])
    assert_allclose(KERNELS[method](corr, np.array([a, b])), expected, atol=1e-14)


@METHODS
def test_uncorrelated_predictors_explain_their_squares(method: str) -> None:
    target = np.array([0.1, -0.4, 0.6, 0.2])
    assert_allclose(KERNELS[method](np.eye(4), target), target**2, atol=1e-14)


@METHODS
def test_the_shares_of_a_stack_are_those_of_its_members(method: str) -> None:
    made = [_correlations(4, seed) for seed in range(6)]
    corr = np.stack([m[0] for m in made]).reshape(2, 3, 4, 4)
    target = np.stack([m[1] for m in made]).reshape(2, 3, 4)
    found = KERNELS[method](corr, target)
    one = [KERNELS[method](*m) for m in made]
    assert_allclose(found.reshape(6, 4), one, atol=1e-14)
    sums = [_r2(c, t, (0, 1, 2, 3)) for c, t in made]
    assert_allclose(found.sum(axis=-1).ravel(), sums, atol=1e-12)


@METHODS
def test_predictors_that_depend_on_each_other_have_no_shares(method: str) -> None:
    corr = np.ones((2, 2))
    found = KERNELS[method](np.stack([corr, np.eye(2)]), np.full((2, 2), 0.5))
    assert np.isnan(found[0]).any()
    assert_allclose(found[1], 0.25)


def test_twelve_predictors_are_exact() -> None:
    corr, target = _correlations(12)
    everything = _r2(corr, target, tuple(range(12)))
    assert_allclose(lmg(corr, target).sum(), everything, atol=1e-10)
    same = np.full((12, 12), 0.5) + 0.5 * np.eye(12)
    alike = lmg(same, np.full(12, 0.4))
    # equal predictors share equally: R squared is k r^2 / (1 + (k - 1) rho)
    assert_allclose(alike, 0.16 / 6.5, atol=1e-13)


def test_drivers_divide_the_models_r_squared(results: csi.Results) -> None:
    table = relative_importance(results)
    assert table["predictor"].tolist() == ["expectation", "quality", "value"]
    r2 = results.r_squared["satisfaction"]
    assert_allclose(table[["lmg", "johnson"]].sum(), r2, atol=1e-12)
    assert_allclose(table[["lmg_share", "johnson_share"]].sum(), 1, atol=1e-12)
    paths = results.paths.query("target == 'satisfaction'").set_index("source")
    assert_allclose(table["beta"], paths.loc[table["predictor"], "estimate"])
    assert_allclose(table.attrs["r_squared"], r2)
    one = relative_importance(results, "loyalty", method="lmg")
    assert "johnson" not in one
    assert one["predictor"].tolist() == ["satisfaction", "complaints"]


def test_items_are_predictors_too(results: csi.Results) -> None:
    assert results.survey is not None
    items = ["OVERALLQ", "CUSTOMQ", "PQ"]
    table = relative_importance(results, predictors=items)
    answers = results.moments
    weights = results.estimates.weights[:, 3]
    own = [answers.names.index(name) for name in items]
    target = (answers.corr @ weights)[own]
    expected = _r2(answers.corr[np.ix_(own, own)], target, (0, 1, 2))
    assert_allclose(table["lmg"].sum(), expected, atol=1e-12)


@METHODS
def test_shares_have_intervals(results: csi.Results, method: str) -> None:
    boot = csi.bootstrap(results, n=60, seed=2)
    statistic = relative_weights(results.model, method=method)  # type: ignore[arg-type]
    table = boot.of(statistic)
    assert_allclose(table["estimate"], relative_importance(results)[method])
    assert (
        (table["low"] < table["estimate"]) & (table["estimate"] < table["high"])
    ).all()
    # of every resample the shares add up to its R squared
    total = boot.of(lambda e: statistic.compute(e).sum(axis=-1) - e.r_squared[..., 3])
    assert_allclose(total[["low", "high"]], 0, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"target": "satisfction"}, "did you mean 'satisfaction'"),
        ({"target": "expectation"}, "no path leads to 'expectation'"),
        ({"method": "shapley"}, "unknown method"),
        ({"predictors": ["quality", "PQ"]}, "don't mix"),
        ({"predictors": ["quality", "quality"]}, "twice"),
        ({"predictors": ["SATIS"]}, "being part of it"),
        ({"predictors": "quality"}, "not a text"),
        ({"predictors": []}, "predictors names none; name constructs or items"),
    ],
)
def test_refused_calls(
    results: csi.Results, call: dict[str, object], message: str
) -> None:
    with pytest.raises(csi.SpecificationError, match=message):
        relative_importance(results, **call)  # type: ignore[arg-type]


def test_too_many_predictors_for_lmg() -> None:
    names = [f"x{k}" for k in range(13)]
    model = csi.Model(
        "many",
        [csi.reflective(name, f"{name}_1") for name in [*names, "y"]],
        [(name, "y") for name in names],
        index="y",
    )
    moments = csi.Moments(model.items, np.zeros(14), np.eye(14) + 0.2, 500)
    fit = csi.fit(model, moments)
    with pytest.raises(csi.SpecificationError, match="at most 12 predictors, not 13"):
        relative_importance(fit)
    found = relative_importance(fit, method="johnson")
    assert_allclose(found["johnson"].sum(), fit.r_squared["y"], atol=1e-12)
