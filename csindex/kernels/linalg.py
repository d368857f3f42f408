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
    size = matrix.shape[0]
    vectors = right.ndim == 2
    if size == 1:
        with np.errstate(invalid="ignore", divide="ignore"):
            solution: FloatArray = right / np.where(matrix[0] > 0, matrix[0], np.nan)
        return solution
    x = right[:, None, :].copy() if vectors else right.copy()
    lower = np.empty_like(matrix)
    with np.errstate(invalid="ignore", divide="ignore"):
        for i in range(size):
            for k in range(i):
                partial = matrix[i, k]
                for m in range(k):
                    partial = partial - lower[i, m] * lower[k, m]
                lower[i, k] = partial * lower[k, k]
            pivot = matrix[i, i]
            for m in range(i):
                pivot = pivot - lower[i, m] ** 2
            # the diagonal holds 1 / L[i, i]
            lower[i, i] = 1.0 / np.sqrt(
                np.where(pivot > SMALLEST_PIVOT * matrix[i, i], pivot, np.nan)
            )
        for i in range(size):
            for m in range(i):
                x[i] -= lower[i, m] * x[m]
            x[i] *= lower[i, i]
        for i in reversed(range(size)):
            for m in range(i + 1, size):
                x[i] -= lower[m, i] * x[m]
            x[i] *= lower[i, i]
    return x[:, 0, :] if vectors else x
