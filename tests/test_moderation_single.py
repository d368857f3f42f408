"""Moderation of single items: scores are items, and PLS is least squares."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import csindex as csi
from csindex.diagnostics.slopes import (
    _positive,
    simple_slopes,
)
from csindex.errors import DataError
from csindex.estimation.moderated import Moderated
from csindex.estimation.terms import Method, Term, interaction, quadratic
from csindex.plotting.slopes import plot_slopes

mpl.use("agg")

BOTH = interaction("image", "value", on="satisfaction")
SQUARE = quadratic("image", on="satisfaction")
# one item each, so that scores are items and PLS is least squares
SINGLE = csi.Model(
    "single",
    (
        csi.reflective("image", "x"),
        csi.reflective("value", "m"),
        csi.reflective("satisfaction", "y"),
    ),
    (("image", "satisfaction"), ("value", "satisfaction")),
    index="satisfaction",
)


def singles(n: int = 150, seed: int = 2) -> pd.DataFrame:
    """Return skewed answers to three items, with an interaction."""
    rng = np.random.default_rng(seed)
    x = rng.gamma(3.0, 1.0, n)
    m = 0.3 * x + rng.gamma(2.0, 1.0, n)
    y = 0.5 * x + 0.4 * m - 0.15 * x * m + rng.normal(size=n)
    return pd.DataFrame({"x": x, "m": m, "y": y})


@dataclass(frozen=True)
class Line:
    """Least squares on standardised columns; coefficients of raw products."""

    image: float
    value: float
    term: float
    sd: float
    r_squared: float


def least_squares(frame: pd.DataFrame, square: bool = False) -> Line:
    """Regress y on x, m and the product of the two, or the square of x."""
    z = ((frame - frame.mean()) / frame.std()).to_numpy()
    product = z[:, 0] * (z[:, 0] if square else z[:, 1])
    design = np.column_stack([z[:, :2], product, np.ones(len(z))])
    found, *_ = np.linalg.lstsq(design, z[:, 2], rcond=None)
    rest = z[:, 2] - design @ found
    share = 1 - rest @ rest / (z[:, 2] @ z[:, 2])
    image, value, term = map(float, found[:3])
    return Line(image, value, term, float(product.std(ddof=1)), float(share))


@pytest.fixture(scope="module")
def single() -> csi.Results:
    return csi.fit(SINGLE, singles(), Moderated((BOTH,)))


@pytest.fixture(scope="module")
def boot(single: csi.Results) -> csi.Bootstrap:
    return csi.bootstrap(single, indices=drawn())


def drawn() -> np.ndarray:
    return np.random.default_rng(8).integers(0, 150, size=(200, 150))


@pytest.mark.parametrize("method", ["two_stage", "product"])
@pytest.mark.parametrize("term", [BOTH, SQUARE])
def test_single_items_are_least_squares(method: Method, term: Term) -> None:
    fit = csi.fit(SINGLE, singles(), Moderated((term,), method))
    expected = least_squares(singles(), square=term.quadratic)
    found = fit.paths.set_index("source")["estimate"]
    assert_allclose(found["image"], expected.image, atol=1e-10)
    assert_allclose(found["value"], expected.value, atol=1e-10)
    assert_allclose(found[term.name], expected.term * expected.sd, atol=1e-10)
    assert_allclose(fit.r_squared, expected.r_squared, atol=1e-10)


def test_orthogonal_leaves_the_other_effects_alone() -> None:
    plain = csi.fit(SINGLE, singles())
    fit = csi.fit(SINGLE, singles(), Moderated((BOTH,), "orthogonal"))
    assert_allclose(fit.paths["estimate"][:2], plain.paths["estimate"], atol=1e-10)
    assert_allclose(fit.construct_correlations.iloc[:2, 3], 0, atol=1e-10)
    assert_allclose(fit.r_squared, least_squares(singles()).r_squared, atol=1e-10)


def test_true_coefficients_are_found() -> None:
    rng = np.random.default_rng(0)
    n = 200_000
    x, m = rng.normal(size=n), rng.normal(size=n)
    y = 0.4 * x + 0.3 * m - 0.2 * x * m + 0.1 * x**2 + 0.5 * rng.normal(size=n)
    fit = csi.fit(
        SINGLE, pd.DataFrame({"x": x, "m": m, "y": y}), Moderated((BOTH, SQUARE))
    )
    sd = np.sqrt(0.16 + 0.09 + 0.04 + 0.02 + 0.25)
    for name, term in (("image*value", -0.2), ("image*image", 0.1)):
        found = simple_slopes(fit, name).effects["coefficient"]
        assert_allclose(found, term / sd, atol=5e-3)


def test_bootstrap_redoes_the_products(boot: csi.Bootstrap) -> None:
    frame, found = singles(), boot.replicates("paths")
    for k, rows in enumerate(drawn()[:5]):
        expected = least_squares(frame.iloc[rows])
        own = [expected.image, expected.value, expected.term * expected.sd]
        assert_allclose(found[k], own, atol=1e-9)
    assert boot.paths["source"].iloc[-1] == "image*value"
    assert boot.paths["se"].notna().all()


def test_slopes_are_those_of_the_regression(single: csi.Results) -> None:
    line = least_squares(singles())
    found = simple_slopes(single, "image*value", at=(-1.5, 0, 2))
    expected = [line.image + line.term * m for m in (-1.5, 0, 2)]
    assert_allclose(found.slopes["estimate"], expected, atol=1e-10)
    swapped = simple_slopes(single, "value*image", at=(-1.5, 0, 2))
    expected = [line.value + line.term * x for x in (-1.5, 0, 2)]
    assert_allclose(swapped.slopes["estimate"], expected, atol=1e-10)
    row = found.effects.iloc[0]
    assert_allclose(row["coefficient"], line.term, atol=1e-10)
    assert_allclose(row["path"], line.term * line.sd, atol=1e-10)
    without = float(csi.fit(SINGLE, singles()).r_squared.iloc[0])
    size = (line.r_squared - without) / (1 - line.r_squared)
    assert_allclose(row["f_squared"], size, atol=1e-10)
    assert found.regions.empty
    assert "boot=" in repr(found)


def test_slope_of_a_square_is_its_derivative() -> None:
    fit = csi.fit(SINGLE, singles(), Moderated((SQUARE,)))
    line = least_squares(singles(), square=True)
    found = simple_slopes(fit, SQUARE, at=(-1, 0.5)).slopes["estimate"]
    expected = [line.image + 2 * line.term * x for x in (-1, 0.5)]
    assert_allclose(found, expected, atol=1e-10)


def test_regions_are_those_of_the_bootstrap_covariance(
    single: csi.Results, boot: csi.Bootstrap
) -> None:
    frame = singles()
    lines = [least_squares(frame.iloc[rows]) for rows in drawn()]
    pairs = np.array([(line.image, line.term) for line in lines])
    cov, line = np.cov(pairs.T), least_squares(frame)
    found = simple_slopes(single, "image*value", at=[0.7], boot=boot)
    error = np.sqrt(cov[0, 0] + 1.4 * cov[0, 1] + 0.49 * cov[1, 1])
    assert_allclose(found.slopes["se"], error, rtol=1e-8)
    assert_allclose(found.effects["se"], pairs[:, 1].std(ddof=1), rtol=1e-8)
    assert not found.regions.empty
    levels = np.linspace(-6, 6, 2001)
    slope = line.image + line.term * levels
    spread = cov[0, 0] + 2 * cov[0, 1] * levels + cov[1, 1] * levels**2
    sure = np.abs(slope) > NormalDist().inv_cdf(0.975) * np.sqrt(spread)
    told = np.zeros(len(levels))
    for row in found.regions.itertuples():
        inside = (levels > row.low) & (levels < row.high)
        told[inside] = 1.0 if row.sign == "+" else -1.0
    assert_allclose(told, np.where(sure, np.sign(slope), 0), atol=0)
    assert 0 < sure.sum() < len(levels)
    assert "differs from 0" in repr(found)


numbers = st.floats(-5, 5).map(lambda v: round(v, 2))


@settings(deadline=None, derandomize=True)
@given(numbers, numbers, numbers)
def test_where_a_parabola_is_positive(c: float, b: float, a: float) -> None:
    x = np.linspace(-20, 20, 401)
    value = c + b * x + a * x * x
    told = np.zeros(len(x), dtype=bool)
    for low, high in _positive(np.array([c, b, a])):
        told |= (x > low) & (x < high)
    clear = np.abs(value) > 1e-6
    assert (told == (value > 0))[clear].all()


def test_no_region() -> None:
    rng = np.random.default_rng(1)
    noise = pd.DataFrame(rng.normal(size=(60, 3)), columns=["x", "m", "y"])
    fit = csi.fit(SINGLE, noise, Moderated((BOTH,)))
    found = simple_slopes(
        fit, "image*value", boot=csi.bootstrap(fit, n=200, seed=1, level=0.99)
    )
    slopes = found.slopes["estimate"].abs() / found.slopes["se"]
    assert slopes.max() < 2.5
    assert found.regions.empty
    assert "Nowhere does the effect differ from 0 (0.99)" in repr(found)


def test_square_without_variance() -> None:
    frame = singles(n=100).assign(x=np.tile([0.0, 1.0], 50))
    with pytest.raises(DataError, match="'image\\*image \\(scores\\)' has no variance"):
        csi.fit(SINGLE, frame, Moderated((SQUARE,)))


def test_lines_in_standard_deviations(single: csi.Results, boot: csi.Bootstrap) -> None:
    ax = plot_slopes(boot, "value*image", at=[1.0])
    line = least_squares(singles())
    x, y = (np.asarray(v) for v in (ax.lines[0].get_xdata(), ax.lines[0].get_ydata()))
    frame = singles()
    z = (frame - frame.mean()) / frame.std()
    centre = float((z["x"] * z["m"]).mean())
    expected = line.image + line.value * x + line.term * (x - centre)
    assert_allclose(y, expected, atol=1e-9)
    assert len(ax.collections) == 1
    assert ax.get_ylabel().endswith(": SD")
    plt.close("all")
