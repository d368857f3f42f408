"""Small linear algebra on slabs, and moments to correlations."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import FloatArray

# a pivot below this share of its diagonal element means that rows of a matrix depend on
# each other
SMALLEST_PIVOT = 1e-13


def correlation(cov: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return correlations and standard deviations of a stack of covariances.

    Parameters
    ----------
    cov : ndarray of shape (..., p, p)
        Covariances.

    Returns
    -------
    corr : ndarray of shape (..., p, p)
        Correlations; NaN in the rows and columns of a constant variable.
    sd : ndarray of shape (..., p)
        Standard deviations.
    """
    sd = np.sqrt(np.diagonal(cov, axis1=-2, axis2=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        inverse = 1.0 / np.where(sd > 0, sd, np.nan)
        corr = cov * inverse[..., :, None]
        corr *= inverse[..., None, :]
    np.einsum("...kk->...k", corr)[...] = np.where(sd > 0, 1.0, np.nan)
    return corr, sd


def solve_positive(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Solve a slab of small symmetric positive definite systems.

    Cholesky's method written out over the rows, so that every operation runs
    over the whole batch at once.

    Parameters
    ----------
    matrix : ndarray of shape (k, k, b)
        The matrices.
    right : ndarray of shape (k, b) or (k, m, b)
        The right-hand sides.

    Returns
    -------
    ndarray of the shape of ``right``
        The solutions; NaN where a matrix is not positive definite.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        if right.ndim == 2 and len(matrix) == 2:
            return _solve_two(matrix, right)
        factor = _cholesky(matrix)
        x = right[:, None, :].copy() if right.ndim == 2 else right.copy()
        work = np.empty_like(x[0])
        for i, row in enumerate(factor):
            for m in range(i):
                x[i] -= np.multiply(row[m], x[m], out=work)
            x[i] *= row[i]
        for i in reversed(range(len(factor))):
            for m in range(i + 1, len(factor)):
                x[i] -= np.multiply(factor[m, i], x[m], out=work)
            x[i] *= factor[i, i]
    return x[:, 0, :] if right.ndim == 2 else x


def _solve_two(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Solve systems (2, 2, b) of two equations (2, b) in closed form."""
    (a, b), (_, d) = matrix
    pivot = d - b * b / a
    singular = ~((a > 0) & (pivot > SMALLEST_PIVOT * d))
    second = (right[1] - b / a * right[0]) / np.where(singular, np.nan, pivot)
    return np.stack([(right[0] - b * second) / a, second])


def _cholesky(matrix: FloatArray) -> FloatArray:
    """Return lower triangles (k, k, b) of a slab, the diagonals inverted.

    NaN where a matrix is not positive definite.
    """
    factor = np.empty_like(matrix)
    work = np.empty_like(matrix[0, 0])
    for i, row in enumerate(factor):
        for k in range(i):
            partial = row[k]
            partial[:] = matrix[i, k]
            for m in range(k):
                partial -= np.multiply(row[m], factor[k, m], out=work)
            partial *= factor[k, k]
        pivot = row[i]
        pivot[:] = matrix[i, i]
        for m in range(i):
            pivot -= np.multiply(row[m], row[m], out=work)
        pivot[~(pivot > SMALLEST_PIVOT * matrix[i, i])] = np.nan
        np.divide(1.0, np.sqrt(pivot, out=pivot), out=pivot)
    return factor
