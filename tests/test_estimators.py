"""Every estimator alike: one conformance suite, and what is each one's own."""

from __future__ import annotations

import warnings
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import csindex as csi
from csindex.estimation import (
    GCCA,
    GSCA,
    PCA,
    PLS,
    Estimates,
    Estimator,
    PLSc,
    UnitWeights,
    row_estimator,
)

ESTIMATORS: dict[str, Estimator] = {
    "PLS": PLS(),
    "PLS centroid": PLS(scheme="centroid"),
    "PLS raw": PLS(scaled=False),
    "PLSc": PLSc(),
    "PLSc factorial": PLSc(scheme="factorial"),
    "unit": UnitWeights(),
    "unit raw": UnitWeights(scaled=False),
    "PCA": PCA(),
    "GSCA": GSCA(),
    "GCCA": GCCA("sumcorr"),
}
SCALE_FREE = [name for name in ESTIMATORS if not name.endswith("raw")]

MODEL = csi.Model(
    "four",
    constructs=(
        csi.reflective("a", "a1", "a2", "a3"),
        csi.reflective("b", "b1", "b2"),
        csi.reflective("c", "c1", "c2", "c3", "c4"),
        csi.reflective("d", "d1"),
    ),
    paths=(("a", "b"), ("a", "c"), ("b", "c"), ("c", "d")),
    index="c",
)
COMPOSITES = replace(
    MODEL,
    constructs=tuple(replace(c, measurement="composite") for c in MODEL.constructs),
)
LOADINGS = np.array([0.8, 0.7, 0.6, 0.9, 0.75, 0.85, 0.8, 0.7, 0.65, 1.0])
PATHS = np.zeros((4, 4))
PATHS[1, 0], PATHS[2, 0], PATHS[2, 1], PATHS[3, 2] = 0.5, 0.3, 0.4, -0.6


def _construct_corr() -> np.ndarray:
    corr = np.eye(4)
    for k in range(1, 4):
        corr[k, :k] = corr[:k, k] = PATHS[k, :k] @ corr[:k, :k]
    return corr


def _population() -> csi.Moments:
    """Return the moments of common factors with known loadings and paths."""
    loadings = MODEL.blocks * LOADINGS[:, None]
    corr = loadings @ _construct_corr() @ loadings.T
    np.fill_diagonal(corr, 1.0)
    sd = np.linspace(1, 3, 10)
    return csi.Moments(
        MODEL.items, np.full(10, 6.0), corr * np.outer(sd, sd), 500, low=1, high=10
    )


def _stack(size: int = 7, n: int = 120) -> csi.Moments:
    """Return the moments of samples from that population."""
    generator = np.random.default_rng(5)
    root = np.linalg.cholesky(_population().cov)
    data = 6 + generator.normal(size=(size, n, 10)) @ root.T
    covs = np.stack([np.cov(sample.T) for sample in data])
    return csi.Moments(MODEL.items, data.mean(axis=1), covs, [n] * size, low=1, high=10)


@pytest.fixture(params=ESTIMATORS)
def estimator(request: pytest.FixtureRequest) -> Estimator:
    return ESTIMATORS[request.param]


def _arrays(estimates: Estimates) -> list[np.ndarray]:
    return [
        estimates.weights,
        estimates.loadings,
        estimates.construct_corr,
        estimates.paths,
        estimates.total_effects,
        estimates.r_squared,
        *estimates.fit_measures().values(),
    ]


@pytest.mark.filterwarnings("ignore:PLSc. the solution is improper")
def test_batched_is_looped(estimator: Estimator) -> None:
    stack = _stack()
    batched = estimator.estimate(MODEL, stack)
    assert batched.converged.all()
    assert batched.admissible.all()
    for k in range(len(stack.n)):
        alone = estimator.estimate(MODEL, stack[k])
        assert_array_equal(batched[k].iterations, alone.iterations)
        assert_array_equal(batched.improper[k], alone.improper)
        for found, expected in zip(_arrays(batched[k]), _arrays(alone), strict=True):
            assert_allclose(found, expected, atol=1e-12)


def test_batch_axes_may_be_several(estimator: Estimator) -> None:
    stack = _stack(6)
    flat = estimator.estimate(MODEL, stack)
    deep = csi.Moments(
        stack.names,
        stack.mean.reshape(2, 3, 10),
        stack.cov.reshape(2, 3, 10, 10),
        stack.n.reshape(2, 3),
    )
    found = estimator.estimate(MODEL, deep)
    assert found.converged.shape == (2, 3)
    assert_allclose(found.paths.reshape(6, 4, 4), flat.paths, atol=1e-12)
    assert found.fit_measures()["d_g"].shape == (2, 3)


def test_scores_have_variance_one(estimator: Estimator) -> None:
    stack = _stack()
    estimates = estimator.estimate(MODEL, stack)
    weights = estimates.weights
    variance = np.einsum("bpj,bpq,bqj->bj", weights, stack.corr, weights)
    assert_allclose(variance, 1, atol=1e-10)
    assert (weights[:, MODEL.blocks == 0] == 0).all()
    assert (estimates.loadings.sum(axis=-2) > 0).all()


def test_paths_are_regressions(estimator: Estimator) -> None:
    estimates = estimator.estimate(MODEL, _stack())
    corr = estimates.construct_corr
    residual = corr - estimates.paths @ corr
    # no cause correlates with what is left of its effect
    for target, sources in enumerate(MODEL.structure > 0):
        assert_allclose(residual[:, target, sources], 0, atol=1e-10)
    assert (estimates.paths[:, MODEL.structure == 0] == 0).all()


@pytest.mark.parametrize("name", SCALE_FREE)
def test_units_do_not_matter(name: str) -> None:
    stack, estimator = _stack(), ESTIMATORS[name]
    factor = np.linspace(0.1, 20, 10)
    other = csi.Moments(
        stack.names, stack.mean * factor, stack.cov * np.outer(factor, factor), stack.n
    )
    for found, expected in zip(
        _arrays(estimator.estimate(MODEL, other)),
        _arrays(estimator.estimate(MODEL, stack)),
        strict=True,
    ):
        assert_allclose(found, expected, atol=1e-9)


def test_order_does_not_matter(estimator: Estimator) -> None:
    stack = _stack()
    turned = replace(
        MODEL,
        constructs=tuple(
            replace(c, items=c.items[::-1]) for c in reversed(MODEL.constructs)
        ),
    )
    expected = estimator.estimate(MODEL, stack)
    found = estimator.estimate(turned, stack.select(turned.items))
    back = [turned.construct_names.index(name) for name in MODEL.construct_names]
    # the iterations of GSCA visit the constructs one after the other
    assert_allclose(found.paths[:, back][:, :, back], expected.paths, atol=1e-6)


def test_a_constant_item_spoils_its_own_member_only(estimator: Estimator) -> None:
    stack = _stack()
    covs = stack.cov.copy()
    covs[2, 3] = covs[2, :, 3] = 0.0
    spoiled = csi.Moments(stack.names, stack.mean, covs, stack.n)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = estimator.estimate(MODEL, spoiled)
    whole = estimator.estimate(MODEL, stack)
    others = [0, 1, 3, 4, 5, 6]
    assert not found.admissible[2]
    assert not found.improper[2]
    assert found.admissible[others].all()
    assert_allclose(found.paths[others], whole.paths[others], atol=1e-12)
    assert np.isnan(found.fit_measures()["d_g"][2])


def test_settings_tell_every_option(estimator: Estimator) -> None:
    told = " ".join(f"{k}: {v}" for k, v in estimator.settings().items())
    assert all(isinstance(v, str) and v for v in estimator.settings().values())
    other: dict[str, Any] = {
        "scheme": "centroid",
        "mode": "B",
        "scaled": not getattr(estimator, "scaled", True),
        "tolerance": 1e-5,
        "max_iterations": 77,
    }
    for option in fields(estimator):  # type: ignore[arg-type]
        if option.name not in other or other[option.name] == getattr(
            estimator, option.name
        ):
            continue
        changed = replace(estimator, **{option.name: other[option.name]})  # type: ignore[type-var]
        settings = changed.settings()
        assert " ".join(f"{k}: {v}" for k, v in settings.items()) != told, option.name


def test_moments_are_enough(estimator: Estimator) -> None:
    assert row_estimator(estimator) is None
    results = csi.fit(MODEL, _population(), estimator)
    assert results.converged
    assert 0 < results.index < 100
    assert list(results.fit_measures.index[:3]) == ["srmr", "d_uls", "d_g"]
    assert results.settings["estimator"] == estimator.settings()["estimator"]


@pytest.mark.filterwarnings("ignore:.*PLSc. the solution is improper")
def test_bootstrap_and_groups_work(estimator: Estimator) -> None:
    survey = csi.load_dataset("retail")
    by_firm = csi.fit(csi.acsi(), survey, estimator, by="company")
    assert len(by_firm.members) > 1
    boot = csi.bootstrap(by_firm.overall, n=100, seed=3)
    assert boot.counts["used"] == 100
    assert boot.index["low"] < by_firm.overall.index < boot.index["high"]


@pytest.mark.parametrize("name", ["PLSc", "PLSc factorial"])
def test_consistent_estimates_recover_the_population(name: str) -> None:
    estimates = ESTIMATORS[name].estimate(MODEL, _population())
    assert_allclose(estimates.loadings.sum(axis=1), LOADINGS, atol=1e-10)
    assert_allclose(estimates.construct_corr, _construct_corr(), atol=1e-10)
    assert_allclose(estimates.paths, PATHS, atol=1e-10)
    measures = estimates.fit_measures()
    # b and c have another cause in common in no other way than by the paths
    assert_allclose(list(measures.values()), 0, atol=1e-9)


def test_composites_of_factors_are_attenuated() -> None:
    # the reason for PLSc: scores correlate less than what they measure
    found = PLS().estimate(MODEL, _population()).paths
    assert (np.abs(found) <= np.abs(PATHS) + 0.1).all()
    assert abs(found[3, 2]) < 0.58


def test_plsc_leaves_composites_alone() -> None:
    stack = _stack()
    found, expected = (e.estimate(COMPOSITES, stack) for e in (PLSc(), PLS()))
    assert_allclose(found.paths, expected.paths, atol=1e-14)
    assert_allclose(found.loadings, expected.loadings, atol=1e-14)
    mixed = replace(
        MODEL, constructs=(*COMPOSITES.constructs[:2], *MODEL.constructs[2:])
    )
    scores, made = PLS().estimate(mixed, stack), PLSc().estimate(mixed, stack)
    assert_allclose(made.construct_corr[:, 0, 1], scores.construct_corr[:, 0, 1])
    assert (made.construct_corr[:, 0, 2] > scores.construct_corr[:, 0, 2]).all()


def test_plsc_takes_mode_b_for_composites_only() -> None:
    mixed = replace(MODEL, constructs=(COMPOSITES.constructs[0], *MODEL.constructs[1:]))
    made = PLSc(mode={"a": "B"}).estimate(mixed, _stack())
    assert made.formative == (True, False, False, False)
    with pytest.raises(
        csi.SpecificationError, match=r"mode B for the reflective .* 'b'"
    ):
        PLSc(mode={"b": "B"}).estimate(mixed, _stack())


def _two(corr: np.ndarray) -> tuple[csi.Model, csi.Moments]:
    model = csi.Model(
        "two",
        constructs=(csi.reflective("x", "x1", "x2"), csi.reflective("y", "y1", "y2")),
        paths=(("x", "y"),),
        index="y",
    )
    return model, csi.Moments(model.items, np.full(4, 5.0), corr, 200, low=1, high=10)


def test_a_reliability_that_is_not_positive_is_refused() -> None:
    corr = np.eye(4)
    corr[:2, 2:] = corr[2:, :2] = 0.4
    corr[2, 3] = corr[3, 2] = 0.5
    corr[0, 1] = corr[1, 0] = -0.1
    model, moments = _two(corr)
    with pytest.raises(csi.DataError, match=r"rho_A of 'x' is -0.* csi.composite"):
        csi.fit(model, moments, PLSc())
    twice = csi.Moments(model.items, np.zeros((2, 4)), [corr, corr], [9, 9])
    assert not PLSc().estimate(model, twice).admissible.any()


def test_an_improper_solution_comes_with_its_reason() -> None:
    corr = np.eye(4)
    corr[:2, 2:] = corr[2:, :2] = 0.5
    corr[0, 1] = corr[1, 0] = corr[2, 3] = corr[3, 2] = 0.45
    model, moments = _two(corr)
    with pytest.warns(csi.InadmissibleWarning, match="'x - y'.* use csi.PLS"):
        results = csi.fit(model, moments, PLSc())
    assert results.estimates.improper
    assert results.estimates.admissible
    # disattenuated by hand: .5 over the reliability of one item, .45
    assert_allclose(results.paths["estimate"], 0.5 / 0.45, atol=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not csi.fit(model, moments).estimates.improper


def test_causes_that_cannot_be_are_refused() -> None:
    model = csi.Model(
        "three",
        constructs=(
            csi.reflective("x", "x1", "x2"),
            csi.reflective("y", "y1", "y2"),
            csi.reflective("z", "z1", "z2"),
        ),
        paths=(("x", "z"), ("y", "z")),
    )
    corr = np.full((6, 6), 0.3)
    corr[:2, 2:4] = corr[2:4, :2] = 0.5
    for k in (0, 2, 4):
        corr[k, k + 1] = corr[k + 1, k] = 0.45
    np.fill_diagonal(corr, 1.0)
    moments = csi.Moments(model.items, np.zeros(6), corr, 200)
    with pytest.raises(csi.DataError, match=r"causes of 'z' .*'x - y'"):
        csi.fit(model, moments, PLSc())


def test_unit_weights_of_raw_items_are_plain_means() -> None:
    survey = csi.load_dataset("retail")
    results = csi.fit(csi.acsi(), survey, UnitWeights(scaled=False))
    assert_allclose(results.weights["share"][:3], 1 / 3, atol=1e-12)
    model, moments = results.model, results.moments
    own = model.blocks[:, model.construct_names.index("satisfaction")] > 0
    position = (moments.mean - moments.low) / (moments.high - moments.low)
    assert_allclose(results.index, 100 * position[own].mean(), atol=1e-10)


def test_principal_components_have_the_largest_variance() -> None:
    moments = _population()
    estimates = PCA().estimate(MODEL, moments)
    for j, block in enumerate(MODEL.blocks.T > 0):
        values, vectors = np.linalg.eigh(moments.corr[np.ix_(block, block)])
        expected = np.abs(vectors[:, -1]) * np.sqrt(values[-1])
        assert_allclose(estimates.loadings[block, j], expected, atol=1e-12)


def test_gsca_without_paths_is_principal_components() -> None:
    alone = replace(MODEL, paths=(), index=None)
    found = GSCA(tolerance=1e-12).estimate(alone, _stack())
    assert_allclose(found.weights, PCA().estimate(alone, _stack()).weights, atol=1e-9)


def _unexplained(weights: np.ndarray, model: csi.Model, corr: np.ndarray) -> float:
    """Return GSCA's criterion at unscaled weights, with the best paths and loadings."""
    table = model.blocks * weights[:, None]
    table = table / np.sqrt(np.einsum("pj,pq,qj->j", table, corr, table))
    scores = table.T @ corr @ table
    total = 0.0
    for k, row in enumerate(model.structure):
        sources = np.flatnonzero(row)
        r = scores[sources, k]
        total += 1 - (r @ np.linalg.solve(scores[np.ix_(sources, sources)], r))
    if model is MODEL:
        total += ((1 - (corr @ table) ** 2) * model.blocks).sum()
    return float(total)


@pytest.mark.parametrize("model", [MODEL, COMPOSITES], ids=["reflective", "composite"])
def test_gsca_minimises_its_criterion(model: csi.Model) -> None:
    from scipy.optimize import minimize

    corr = _stack()[0].corr
    found = GSCA(tolerance=1e-10).estimate(model, _stack()[0])
    weights = found.weights.sum(axis=1)
    best = minimize(_unexplained, np.ones(10), (model, corr), method="BFGS")
    assert_allclose(_unexplained(weights, model, corr), best.fun, atol=1e-8)


def test_gsca_does_not_leave_a_composite_alone() -> None:
    alone = replace(COMPOSITES, paths=MODEL.paths[:3])
    with pytest.raises(csi.SpecificationError, match="composite 'e' has no path"):
        GSCA().estimate(
            replace(
                alone, constructs=(*alone.constructs, csi.composite("e", "e1", "e2"))
            ),
            _stack(),
        )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PLSc(scheme="pca"), "PLSc: unknown scheme 'pca'"),  # type: ignore[arg-type]
        (lambda: PLSc(tolerance=0), "PLSc: tolerance must be positive"),
        (lambda: GSCA(tolerance=-1), "GSCA: tolerance must be positive"),
        (lambda: GSCA(max_iterations=0), "GSCA: max_iterations must be 1 or more"),
        (
            lambda: PLSc().estimate(replace(MODEL, paths=(), index=None), _stack()),
            "PLSc",
        ),
        (
            lambda: PLSc(mode={"e": "B"}).estimate(MODEL, _stack()),
            "unknown construct 'e'",
        ),
    ],
)
def test_bad_options(make: Any, message: str) -> None:
    with pytest.raises(csi.SpecificationError, match=message):
        make()


def test_too_few_iterations_are_told() -> None:
    with pytest.warns(csi.ConvergenceWarning, match="did not converge in 2 iterations"):
        results = csi.fit(MODEL, _stack()[0], GSCA(max_iterations=2))
    assert not results.converged
