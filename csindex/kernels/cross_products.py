"""Cross products of rows, which follow their parts as single rows move."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import FloatArray, IntArray, from_slab
from csindex.kernels.moments import ROUNDING


def cross_products(values: FloatArray, weights: FloatArray) -> FloatArray:
    r"""Return the sum of weights, values, and products of some rows.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Rows without gaps, centred near their means.
    weights : ndarray of shape (n,)
        Weights.

    Returns
    -------
    ndarray of shape (p + 1, p + 1)
        :math:`\sum_i w_i z_i z_i'` with :math:`z_i = (1, x_i')'`: the first element is
        the sum of weights, the rest of the first row are the sums of values.
    """
    found = np.empty((values.shape[1] + 1, values.shape[1] + 1))
    weighted = values * weights[:, None]
    found[0, 0] = weights.sum()
    found[0, 1:] = found[1:, 0] = weighted.sum(axis=0)
    found[1:, 1:] = weighted.T @ values
    return found


def products_by_part(
    values: FloatArray, weights: FloatArray, codes: IntArray, k: int
) -> FloatArray:
    """Return the cross products of the rows of every part.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Rows without gaps, centred near their means.
    weights : ndarray of shape (n,)
        Weights.
    codes : ndarray of int of shape (n,)
        Part of each row, from 0.
    k : int
        Number of parts.

    Returns
    -------
    ndarray of shape (k, p + 1, p + 1)
        Cross products.
    """
    inside = (np.flatnonzero(codes == part) for part in range(k))
    return np.stack([cross_products(values[own], weights[own]) for own in inside])


def row_products(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the cross products of each row on its own.

    Parameters
    ----------
    values : ndarray of shape (b, p)
        Rows without gaps.
    weights : ndarray of shape (b,)
        Weights.

    Returns
    -------
    ndarray of shape (b, p + 1, p + 1)
        Matrices of rank one, in slab memory; what a part's cross products gain when
        the row joins it, and lose when it leaves.
    """
    rows = np.concatenate([np.ones((1, len(values))), values.T])
    return from_slab((rows * weights)[:, None] * rows, (len(values),))


def product_moments(products: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return means and covariances from cross products.

    Parameters
    ----------
    products : ndarray of shape (b, p + 1, p + 1)
        Cross products.

    Returns
    -------
    mean : ndarray of shape (b, p)
        Means; NaN without rows.
    cov : ndarray of shape (b, p, p)
        Covariances, whose divisor is the sum of weights; in slab memory.
    """
    slab = np.moveaxis(products, 0, -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = slab[0, 1:] / slab[0, 0]
        cov = slab[1:, 1:] / slab[0, 0]
    second = np.einsum("kkb->kb", cov).copy()
    cov -= mean[:, None] * mean
    # what is constant must not keep a variance of rounding
    variances = np.einsum("kkb->kb", cov)
    variances[variances <= ROUNDING * second] = 0.0
    return np.moveaxis(mean, -1, 0), np.moveaxis(cov, -1, 0)
