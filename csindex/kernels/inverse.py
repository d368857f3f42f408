"""Inverses, determinants and solutions of stacks of positive definite matrices.

A few matrices go one by one to LAPACK's routines for positive definite ones, which take
a third of the time of the general ones behind `numpy.linalg`; many go as a slab.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from csindex.kernels.arrays import FloatArray, from_slab, to_slab
from csindex.kernels.linalg import SMALLEST_PIVOT

# numbers of a slab that stay in the cache
_AT_ONCE = 30_000
# stacks of so many members or more are inverted as slabs, or solved at once
FEW = 24


def inverse_positive(matrices: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return log determinants and inverses of positive definite matrices.

    Of many matrices by Gauss and Jordan's elimination in place, every operation over
    the whole batch; positive definite matrices need no pivoting.

    Parameters
    ----------
    matrices : ndarray of shape (b, p, p)
        Symmetric matrices.

    Returns
    -------
    size : ndarray of shape (b,)
        Log determinants; NaN where a matrix isn't positive definite.
    inverse : ndarray of shape (b, p, p)
        Inverses; the identity there.
    """
    b, p = matrices.shape[:2]
    if b < FEW:
        return _one_by_one(matrices)
    slab = to_slab(matrices, 2)
    if slab is matrices or np.shares_memory(slab, matrices):
        slab = slab.copy()
    size = np.empty(b)
    most = max(_AT_ONCE // p**2, 1)
    for begin in range(0, b, most):
        part = slab[:, :, begin : begin + most].copy()
        size[begin : begin + most] = _eliminated(part)
        slab[:, :, begin : begin + most] = part
    lost = ~np.isfinite(size)
    if lost.any():
        size[lost] = np.nan
        slab[:, :, lost] = np.eye(p)[:, :, None]
    return size, np.ascontiguousarray(from_slab(slab, (b,)))


def log_determinant(matrices: FloatArray) -> FloatArray:
    """Return log determinants of symmetric matrices.

    Parameters
    ----------
    matrices : ndarray of shape (b, p, p)
        The matrices.

    Returns
    -------
    ndarray of shape (b,)
        Log determinants; NaN where a matrix isn't positive definite.
    """
    if len(matrices) < FEW:
        found, _ = inverse_positive(matrices)
        return found if np.isfinite(found).all() else _log_determinant_of_some(matrices)
    try:
        roots = np.diagonal(np.linalg.cholesky(matrices), axis1=1, axis2=2)
    except np.linalg.LinAlgError:
        return _log_determinant_of_some(matrices)
    return np.asarray(2 * np.log(roots).sum(axis=1))


def _one_by_one(matrices: FloatArray) -> tuple[FloatArray, FloatArray]:
    lapack = _lapack()
    size, found = np.empty(len(matrices)), np.empty(matrices.shape)
    for k, matrix in enumerate(matrices):
        # of a symmetric matrix the transpose is as good, and needs no rearranging
        root, lost = lapack.dpotrf(matrix.T)
        size[k] = 2.0 * np.log(root.diagonal()).sum() if not lost else np.nan
        if np.isfinite(size[k]):
            whole, _ = lapack.dpotri(root, overwrite_c=True)
            np.add(whole, whole.T, out=found[k])
            np.einsum("ii->i", found[k])[...] *= 0.5
        else:
            size[k], found[k] = np.nan, np.eye(len(matrix))
    return size, found


def solve_positive_few(matrices: FloatArray, right: FloatArray) -> FloatArray:
    """Solve a few symmetric systems that should be positive definite.

    Parameters
    ----------
    matrices : ndarray of shape (b, m, m)
        The matrices.
    right : ndarray of shape (b, m)
        The right-hand sides.

    Returns
    -------
    ndarray of shape (b, m)
        The solutions; NaN where a matrix is not positive definite.
    """
    lapack = _lapack()
    found = np.empty(right.shape)
    for k, matrix in enumerate(matrices):
        _, solution, lost = lapack.dposv(matrix.T, right[k])
        found[k] = np.nan if lost else solution
    return found


@cache
def _lapack() -> Any:
    """Return LAPACK's routines; importing them takes a while."""
    from scipy.linalg import lapack

    return lapack


def _eliminated(matrix: FloatArray) -> FloatArray:
    """Invert a slab (p, p, b) in place and return log determinants (b,)."""
    own = np.einsum("iib->ib", matrix).copy()
    pivots = np.empty_like(own)
    work = np.empty_like(matrix)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for k, row in enumerate(matrix):
            pivot = pivots[k]
            pivot[:] = row[k]
            pivot[~(pivot > SMALLEST_PIVOT * own[k])] = np.nan
            column = matrix[:, k].copy()
            column[k] = 0.0
            share = row / pivot
            share[k] = 1.0 / pivot
            matrix[:, k] = 0.0
            matrix -= np.multiply(column[:, None], share, out=work)
            matrix[k] = share
        return np.asarray(np.log(pivots).sum(axis=0))


def _log_determinant_of_some(matrices: FloatArray) -> FloatArray:
    """Return log determinants where some matrices aren't positive definite."""
    finite = np.isfinite(matrices).all(axis=(1, 2))
    found = np.full(len(matrices), np.nan)
    values = np.linalg.eigvalsh(matrices[finite])
    positive = values[:, 0] > 1e-14 * np.abs(values[:, -1])
    values[~positive] = 1.0
    found[finite] = np.where(positive, np.log(values).sum(axis=1), np.nan)
    return found
