"""Inverses and determinants of many small covariance matrices at once."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import FloatArray, from_slab, to_slab
from csindex.kernels.linalg import SMALLEST_PIVOT

# numbers of a slab that stay in the cache
_AT_ONCE = 30_000


def inverse_positive(matrices: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return log determinants and inverses of positive definite matrices.

    Gauss and Jordan's elimination in place, every operation over the whole batch;
    positive definite matrices need no pivoting.

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
