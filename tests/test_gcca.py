"""Generalised canonical correlations: what Kettenring's criteria must give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import csindex as csi
from csindex.estimation import PLS, Estimator
from csindex.estimation.gcca import GCCA
from csindex.kernels.gcca import CanonicalCriterion, gcca

CRITERIA: tuple[CanonicalCriterion, ...] = get_args(CanonicalCriterion)
ITERATIVE: tuple[CanonicalCriterion, ...] = ("sumcorr", "ssqcorr", "genvar")
SIZES = (3, 2, 4, 1)
MODEL = csi.Model(
    "four",
    constructs=tuple(
        csi.composite(name, *(f"{name}{k}" for k in range(size)))
        for name, size in zip("abcd", SIZES, strict=True)
    ),
    paths=(("a", "b"), ("a", "c"), ("b", "c"), ("c", "d")),
    index="c",
)
SLICES = [slice(0, 3), slice(3, 5), slice(5, 9), slice(9, 10)]
TIGHT: dict[str, Any] = {"tolerance": 1e-12, "max_iterations": 5000}


def make(corr: np.ndarray, n: int = 200) -> csi.Moments:
    mean = np.full(corr.shape[:-1], 5.0)
    size = np.full(corr.shape[:-2], n)
    return csi.Moments(MODEL.items, mean, corr, size, low=1, high=10)


def samples(size: int = 6, n: int = 80, seed: int = 3) -> np.ndarray:
    """Return covariances of samples, in which everything correlates somewhat."""
    generator = np.random.default_rng(seed)
    root = np.linalg.cholesky(0.35 + 0.65 * np.eye(10))
    data = generator.normal(size=(size, n, 10)) @ root.T
    data *= np.linspace(0.5, 3, 10)
    return np.stack([np.cov(sample.T) for sample in data])


def population() -> tuple[np.ndarray, np.ndarray]:
    """Return weights, and item correlations made by the composites' correlations."""
    generator = np.random.default_rng(8)
    corr, weights = np.eye(10), np.zeros((10, 4))
    for j, block in enumerate(SLICES):
        size = SIZES[j]
        corr[block, block] = np.full((size, size), 0.4) + 0.6 * np.eye(size)
        own = generator.uniform(0.3, 1, size=size)
        weights[block, j] = own / np.sqrt(own @ corr[block, block] @ own)
    loadings = np.zeros((10, 4))
    for j, block in enumerate(SLICES):
        loadings[block, j] = corr[block, block] @ weights[block, j]
    between = loadings @ scores_corr() @ loadings.T
    blocks = MODEL.blocks @ MODEL.blocks.T > 0
    return weights, np.where(blocks, corr, between)


def scores_corr() -> np.ndarray:
    return np.array(
        [
            [1.0, 0.5, 0.4, -0.3],
            [0.5, 1.0, 0.6, -0.2],
            [0.4, 0.6, 1.0, -0.5],
            [-0.3, -0.2, -0.5, 1.0],
        ]
    )


def badness(criterion: CanonicalCriterion, phi: np.ndarray) -> float:
    """Return what the criterion makes small, by its definition."""
    values = np.linalg.eigvalsh(phi)
    return float(
        {
            "maxvar": -values[-1],
            "minvar": values[0],
            "sumcorr": -phi.sum(),
            "ssqcorr": -(phi**2).sum(),
            "genvar": np.prod(values),
        }[criterion]
    )


def of_weights(own: np.ndarray, corr: np.ndarray) -> np.ndarray:
    """Return the correlations of the scores by unscaled weights, shape (p,)."""
    table = MODEL.blocks * own[:, None]
    phi = table.T @ corr @ table
    sd = np.sqrt(np.diag(phi))
    return np.asarray(phi / np.outer(sd, sd))


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("member", [0, 1])
def test_no_other_weights_are_better(
    criterion: CanonicalCriterion, member: int
) -> None:
    from scipy.optimize import minimize

    corr = make(samples()).corr[member]
    found = gcca(corr, MODEL.blocks, criterion, 1e-12, 5000)
    assert found.converged
    ours = badness(criterion, of_weights(found.weights.sum(axis=1), corr))
    generator = np.random.default_rng(1)
    # the best of many local searches, which know nothing of eigenvectors
    best = min(
        minimize(
            lambda own: badness(criterion, of_weights(own, corr)),
            generator.normal(size=10),
            method="BFGS",
        ).fun
        for _ in range(6)
    )
    assert_allclose(ours, best, atol=1e-8)


@pytest.mark.parametrize("criterion", ITERATIVE)
def test_the_best_of_three_starts_is_the_best(criterion: CanonicalCriterion) -> None:
    # unrelated items, where one start often ends in a lesser optimum
    generator = np.random.default_rng(4)
    data = generator.normal(size=(10, 40, 10))
    corr = np.stack([np.corrcoef(sample.T) for sample in data])
    found = gcca(corr, MODEL.blocks, criterion, 1e-10, 5000)
    for member, table in zip(found.weights, corr, strict=True):
        ours = badness(criterion, of_weights(member.sum(axis=1), table))
        others = [
            badness(criterion, of_weights(ascend(start, table, criterion), table))
            for start in generator.normal(size=(6, 10))
        ]
        assert ours <= min(others) + 1e-8


def ascend(
    own: np.ndarray, corr: np.ndarray, criterion: CanonicalCriterion
) -> np.ndarray:
    """Return where plain rounds lead to, in the items' own metric."""
    own = own.copy()
    for _ in range(50):
        for j, block in enumerate(SLICES):
            table = MODEL.blocks * own[:, None]
            table /= np.sqrt(np.diag(table.T @ corr @ table))
            phi = table.T @ corr @ table
            rest = [i for i in range(4) if i != j]
            inner = {
                "sumcorr": np.ones(3),
                "ssqcorr": phi[rest, j],
                "genvar": np.linalg.solve(phi[np.ix_(rest, rest)], phi[rest, j]),
            }[criterion]
            proxy = corr[block] @ table[:, rest] @ inner
            own[block] = np.linalg.solve(corr[block, block], proxy)
    return own


def test_maxvar_is_an_eigenvalue_of_the_whitened_correlations() -> None:
    stack = make(samples())
    found = GCCA("maxvar").estimate(MODEL, stack)
    for corr, phi in zip(stack.corr, found.construct_corr, strict=True):
        half = np.zeros((10, 10))
        for block in SLICES:
            # any root does: here the triangular one
            factor = np.linalg.cholesky(corr[block, block])
            half[block, block] = np.linalg.inv(factor)
        expected = np.linalg.eigvalsh(half @ corr @ half.T)
        assert_allclose(np.linalg.eigvalsh(phi)[-1], expected[-1], atol=1e-12)
    lowest = GCCA("minvar").estimate(MODEL, stack).construct_corr
    assert_allclose(np.linalg.eigvalsh(lowest[-1])[0], expected[0], atol=1e-12)


def test_each_criterion_is_best_by_its_own_measure() -> None:
    stack = make(samples())
    made = {
        criterion: gcca(stack.corr, MODEL.blocks, criterion, 1e-12, 5000).weights
        for criterion in CRITERIA
    }
    for k, corr in enumerate(stack.corr):
        for criterion in CRITERIA:
            own, *others = (
                badness(criterion, of_weights(made[name][k].sum(axis=1), corr))
                for name in (criterion, *(c for c in CRITERIA if c != criterion))
            )
            assert own < min(others) - 1e-9


@pytest.mark.parametrize("criterion", CRITERIA)
def test_two_constructs_have_the_canonical_correlation(
    criterion: CanonicalCriterion,
) -> None:
    corr = make(samples()).corr[0][:5, :5]
    first, second = np.linalg.cholesky(corr[:3, :3]), np.linalg.cholesky(corr[3:, 3:])
    turned = np.linalg.solve(first, corr[:3, 3:])
    turned = np.linalg.solve(second, turned.T)
    model = csi.Model("two", MODEL.constructs[:2], (("a", "b"),), index="b")
    moments = csi.Moments(model.items, np.full(5, 5.0), corr, 80)
    found = GCCA(criterion, **TIGHT).estimate(model, moments)
    expected = np.linalg.svd(turned, compute_uv=False)[0]
    assert_allclose(np.abs(found.paths[1, 0]), expected, atol=1e-12)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_population_of_composites_is_recovered(criterion: CanonicalCriterion) -> None:
    weights, corr = population()
    found = GCCA(criterion, **TIGHT).estimate(MODEL, make(corr))
    assert_allclose(found.weights, weights, atol=1e-9)
    assert_allclose(found.construct_corr, scores_corr(), atol=1e-9)
    causes = scores_corr()[:2, :2]
    expected = np.linalg.solve(causes, scores_corr()[:2, 2])
    assert_allclose(found.paths[2, :2], expected, atol=1e-9)
    assert_allclose(found.fit_measures()["srmr_saturated"], 0, atol=1e-9)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_linear_combinations_of_items_do_not_matter(
    criterion: CanonicalCriterion,
) -> None:
    generator = np.random.default_rng(6)
    mixing = np.zeros((10, 10))
    for block, size in zip(SLICES, SIZES, strict=True):
        mixing[block, block] = generator.normal(size=(size, size))
    stack = make(samples())
    other = make(mixing @ stack.cov @ mixing.T)
    estimator = GCCA(criterion, **TIGHT)
    plain, mixed = (estimator.estimate(MODEL, m) for m in (stack, other))
    assert plain.converged.all()
    assert mixed.converged.all()
    # the orientation is by the loadings, which the items' meaning decides
    assert_allclose(
        np.abs(mixed.construct_corr), np.abs(plain.construct_corr), atol=1e-8
    )
    assert_allclose(mixed.r_squared, plain.r_squared, atol=1e-8)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_batched_is_looped(criterion: CanonicalCriterion) -> None:
    stack = make(samples(size=7))
    estimator = GCCA(criterion)
    batched = estimator.estimate(MODEL, stack)
    assert batched.converged.all()
    assert batched.admissible.all()
    for k in range(7):
        alone = estimator.estimate(MODEL, stack[k])
        assert_array_equal(batched[k].iterations, alone.iterations)
        assert_allclose(batched[k].weights, alone.weights, atol=1e-12)
        assert_allclose(batched[k].paths, alone.paths, atol=1e-12)
    deep = csi.Moments(
        stack.names,
        np.tile(stack.mean, (2, 1)).reshape(2, 7, 10),
        np.tile(stack.cov, (2, 1, 1)).reshape(2, 7, 10, 10),
        np.tile(stack.n, 2).reshape(2, 7),
    )
    twice = estimator.estimate(MODEL, deep)
    assert twice.converged.shape == (2, 7)
    assert_allclose(twice.weights[1], batched.weights, atol=1e-12)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_scores_have_variance_one_and_positive_loadings(
    criterion: CanonicalCriterion,
) -> None:
    stack = make(samples())
    found = GCCA(criterion).estimate(MODEL, stack)
    variance = np.einsum("bpj,bpq,bqj->bj", found.weights, stack.corr, found.weights)
    assert_allclose(variance, 1, atol=1e-10)
    assert (found.weights[:, MODEL.blocks == 0] == 0).all()
    assert (found.loadings.sum(axis=-2) > 0).all()
    corr = found.construct_corr
    residual = corr - found.paths @ corr
    for target, sources in enumerate(MODEL.structure > 0):
        assert_allclose(residual[:, target, sources], 0, atol=1e-10)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_units_and_order_do_not_matter(criterion: CanonicalCriterion) -> None:
    stack, estimator = make(samples()), GCCA(criterion, **TIGHT)
    factor = np.linspace(0.1, 20, 10)
    other = make(stack.cov * np.outer(factor, factor))
    expected = estimator.estimate(MODEL, stack)
    assert_allclose(estimator.estimate(MODEL, other).paths, expected.paths, atol=1e-9)
    turned = replace(
        MODEL,
        constructs=tuple(
            replace(c, items=c.items[::-1]) for c in reversed(MODEL.constructs)
        ),
    )
    found = estimator.estimate(turned, stack.select(turned.items))
    assert_allclose(found.paths[:, ::-1][:, :, ::-1], expected.paths, atol=1e-8)


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("spoil", ["constant", "copied", "unrelated"])
def test_what_has_no_solution_spoils_its_own_member_only(
    criterion: CanonicalCriterion, spoil: str
) -> None:
    stack = make(samples())
    covs = stack.cov.copy()
    if spoil == "constant":
        covs[2, 3] = covs[2, :, 3] = 0.0
    elif spoil == "copied":
        covs[2, 1], covs[2, :, 1] = covs[2, 0], covs[2, :, 0]
        covs[2, 1, 1] = covs[2, 0, 0]
        covs[2, 0, 1] = covs[2, 1, 0] = covs[2, 0, 0]
    else:
        covs[2, :3, 3:] = covs[2, 3:, :3] = 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        found = GCCA(criterion).estimate(MODEL, make(covs))
    whole = GCCA(criterion).estimate(MODEL, stack)
    others = [0, 1, 3, 4, 5]
    assert not found.admissible[2]
    assert not found.converged[2]
    assert found.admissible[others].all()
    assert_allclose(found.paths[others], whole.paths[others], atol=1e-12)


def test_a_construct_that_a_start_leaves_out_is_found() -> None:
    # two pairs, of which the first eigenvectors show one each
    weights, corr = population()
    apart = np.zeros((10, 10), dtype=np.bool_)
    apart[:5, 5:] = apart[5:, :5] = True
    corr = np.where(apart, 0.0, corr)
    for criterion in ITERATIVE:
        found = GCCA(criterion, **TIGHT).estimate(MODEL, make(corr))
        assert_allclose(found.weights, weights, atol=1e-9)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_bootstrap_groups_and_assessment_work(criterion: CanonicalCriterion) -> None:
    survey = csi.load_dataset("retail")
    estimator: Estimator = GCCA(criterion)
    by_firm = csi.fit(csi.acsi(), survey, estimator, by="company")
    assert len(by_firm.members) > 1
    overall = by_firm.overall
    boot = csi.bootstrap(overall, n=60, seed=3)
    assert boot.counts["used"] == 60
    assert boot.index["low"] < overall.index < boot.index["high"]
    assert overall.settings["estimator"] == "GCCA"
    assert criterion.upper() in overall.settings["outer weights"]
    # weights are regression weights, so that there is no internal consistency
    several = overall.model.blocks.sum(axis=0) > 1
    assert overall.estimates.formative == tuple(several.tolist())
    assert csi.assess(overall).reliability["rho_c"][several].isna().all()


def test_mode_b_without_a_structure_of_its_own_agrees() -> None:
    # with all constructs joined, mode B's factorial scheme has the same fixed points
    pairs = [("abcd"[i], "abcd"[k]) for k in range(4) for i in range(k)]
    joined = csi.Model("joined", MODEL.constructs, pairs, index="c")
    moments = make(population()[1] * 0.9 + 0.1 * np.eye(10))
    noisy = make(samples(1, 2000)[0])
    for case in (moments, noisy):
        pls = PLS(scheme="factorial", mode="B", tolerance=1e-12).estimate(joined, case)
        found = GCCA("ssqcorr", **TIGHT).estimate(joined, case)
        assert_allclose(found.weights, pls.weights, atol=1e-8)


def test_settings_tell_every_option() -> None:
    told = {str(GCCA(criterion).settings()) for criterion in CRITERIA}
    assert len(told) == len(CRITERIA)
    plain = GCCA("sumcorr").settings()
    assert all(isinstance(v, str) and v for v in plain.values())
    assert GCCA("sumcorr", tolerance=1e-5).settings() != plain
    assert GCCA("sumcorr", max_iterations=77).settings() != plain
    assert GCCA("SUMCORR") == GCCA("sumcorr")  # type: ignore[arg-type]


def test_too_few_iterations_are_told() -> None:
    moments = make(samples()[0])
    with pytest.warns(csi.ConvergenceWarning, match="did not converge in 1 iteration"):
        found = csi.fit(MODEL, moments, GCCA("genvar", max_iterations=1))
    assert not found.converged


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"criterion": "maxvarr"}, "GCCA: unknown criterion 'maxvarr'"),
        ({"tolerance": 0}, "GCCA: tolerance must be positive, not 0"),
        ({"max_iterations": 0}, "GCCA: max_iterations must be 1 or more, not 0"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(csi.SpecificationError, match=message):
        GCCA(**options)


def test_one_construct_is_refused() -> None:
    alone = csi.Model("one", MODEL.constructs[:1], (), index="a")
    moments = make(samples()[0]).select(alone.items)
    with pytest.raises(csi.SpecificationError, match=r"'one' has one construct.*PCA"):
        GCCA().estimate(alone, moments)
