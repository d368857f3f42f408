"""Small linear algebra on slabs, and moments to correlations."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, from_slab, to_slab

# a pivot below this share of its diagonal element means that rows of a matrix depend on
# each other
SMALLEST_PIVOT = 1e-13
# stacks of so many members are standardised row by row, which the cache rewards
_MANY = 64


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
        if inverse.size >= _MANY * inverse.shape[-1]:
            corr = _standardised(cov, inverse)
        else:
            corr = cov * inverse[..., :, None]
            corr *= inverse[..., None, :]
    np.einsum("...kk->...k", corr)[...] = np.where(sd > 0, 1.0, np.nan)
    return corr, sd


def _standardised(cov: FloatArray, inverse: FloatArray) -> FloatArray:
    """Return covariances (..., p, p) times inverse standard deviations (..., p)."""
    slab, scale = to_slab(cov, 2), to_slab(inverse, 1)
    corr = np.empty_like(slab)
    for i in range(len(scale)):
        row = np.multiply(slab[i, i:], scale[i], out=corr[i, i:])
        row *= scale[i:]
        corr[i + 1 :, i] = row[1:]
    return from_slab(corr, cov.shape[:-2])


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


def solve_correlations(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Solve a slab of small systems whose matrices are correlations.

    Elimination over all rows at once, without pivoting, which positive definite
    matrices don't need.

    Parameters
    ----------
    matrix : ndarray of shape (k, k, b)
        The matrices, ones on their diagonals.
    right : ndarray of shape (k, b)
        The right-hand sides.

    Returns
    -------
    ndarray of shape (k, b)
        The solutions; NaN where a matrix is not positive definite.
    """
    k = len(right)
    system = np.concatenate([matrix, right[:, None]], axis=1)
    inverse = np.ones_like(right)
    with np.errstate(invalid="ignore", divide="ignore"):
        for i in range(k):
            row = system[i, i + 1 :]
            share = row[:-1]
            if i:
                pivot = system[i, i]
                pivot[~(pivot > SMALLEST_PIVOT)] = np.nan
                np.divide(1.0, pivot, out=inverse[i])
                share = share * inverse[i]
            # the right-hand side, and what is right of and below the diagonal
            for m, own in enumerate(share, start=i + 1):
                system[m, m:] -= own * row[m - i - 1 :]
        x = system[:, k]
        for i in reversed(range(k)):
            x[i] *= inverse[i]
            x[:i] -= system[:i, i] * x[i]
    return x


def are_definite(matrices: FloatArray) -> BoolArray:
    """Return which matrices are positive definite beyond rounding.

    Parameters
    ----------
    matrices : ndarray of shape (..., k, k)
        Symmetric matrices.

    Returns
    -------
    ndarray of bool of shape (...)
        False where a pivot is lost in rounding; false throughout where one of the
        matrices has no triangle at all.
    """
    try:
        factor = np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        return np.zeros(matrices.shape[:-2], dtype=np.bool_)
    pivots = np.diagonal(factor, axis1=-2, axis2=-1) ** 2
    own = np.diagonal(matrices, axis1=-2, axis2=-1)
    return np.asarray((pivots > SMALLEST_PIVOT * own).all(axis=-1))


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
