"""Moments of products of items, against products of the rows of each resample."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from csindex.kernels import products as kernels
from csindex.kernels.arrays import FloatArray
from csindex.kernels.moments import resampled

PAIRS = np.array([(0, 2), (0, 3), (1, 2), (1, 3), (0, 0), (0, 1), (1, 1)])
OWNER = np.array([0, 0, 0, 0, 1, 1, 1])


def stack(whole: bool) -> tuple[FloatArray, FloatArray, kernels.ProductMoments]:
    """Return values, counts of resamples and the moments of their products."""
    rng = np.random.default_rng(11)
    values = rng.gamma(2.0, 2.0, size=(80, 5)) + 30.0
    values[:, 2] += 0.5 * values[:, 0]
    values = np.rint(values) if whole else values
    counts = rng.multinomial(80, np.full(80, 1 / 80), size=6).astype(float)
    table, _ = kernels.with_products(values, PAIRS[:, 0], PAIRS[:, 1])
    mean, cov = resampled(table, counts)
    made = kernels.standardised_products(mean, cov, PAIRS[:, 0], PAIRS[:, 1])
    return values, counts, made


def rows_of(values: FloatArray, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the standardised rows of a resample, and their products."""
    rows = np.repeat(values, counts.astype(int), axis=0)
    z = (rows - rows.mean(axis=0)) / rows.std(axis=0, ddof=1)
    return z, z[:, PAIRS[:, 0]] * z[:, PAIRS[:, 1]]


@pytest.mark.parametrize("whole", [True, False])
def test_products_of_each_resample(whole: bool) -> None:
    values, counts, made = stack(whole)
    for k, own in enumerate(counts):
        rows = np.repeat(values, own.astype(int), axis=0)
        table = np.hstack([rows, rows_of(values, own)[1]])
        assert_allclose(made.cov[k], np.cov(table.T), rtol=1e-9, atol=1e-9)
        assert_allclose(made.mean[k][5:], table.mean(axis=0)[5:], atol=1e-9)


def test_residuals_of_each_resample() -> None:
    values, counts, made = stack(whole=True)
    sources = np.zeros((5, 2), dtype=bool)
    sources[:4, 0] = sources[:2, 1] = True
    found = kernels.residual_products(made, sources, OWNER)
    for k, own in enumerate(counts):
        z, products = rows_of(values, own)
        for column, term in enumerate(OWNER):
            design = np.column_stack([z[:, sources[:, term]], np.ones(len(z))])
            fitted = (
                design @ np.linalg.lstsq(design, products[:, column], rcond=None)[0]
            )
            products[:, column] -= fitted
        rows = np.repeat(values, own.astype(int), axis=0)
        expected = np.cov(np.hstack([rows, products]).T)
        assert_allclose(found.cov[k], expected, atol=1e-8)
        assert_allclose(found.mean[k][5:], 0, atol=0)


def test_products_of_scores() -> None:
    values, counts, made = stack(whole=True)
    rng = np.random.default_rng(4)
    first, second = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    one = (first[:, :, None] * second[:, None, :]).reshape(6, 4)
    own = first[:, [0, 0, 1]] * first[:, [0, 1, 1]] * [1, 2, 1]
    found = kernels.score_products(made, np.hstack([one, own]), OWNER, 2)
    for k, members in enumerate(counts):
        z, _ = rows_of(values, members)
        a, b = z[:, :2] @ first[k], z[:, 2:4] @ second[k]
        rows = np.repeat(values, members.astype(int), axis=0)
        table = np.column_stack([rows, a * b, a * a])
        assert_allclose(found.cov[k], np.cov(table.T), rtol=1e-9, atol=1e-9)
        assert_allclose(found.mean[k][5:], table.mean(axis=0)[5:], atol=1e-9)
