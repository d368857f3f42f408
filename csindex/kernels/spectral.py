"""Eigenvalues and roots of stacks of symmetric matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray

# an eigenvalue below this share of the largest one counts as zero
_SMALLEST = 1e-12


@dataclass(frozen=True, eq=False)
class Roots:
    """Square roots of symmetric matrices, and their inverses.

    Attributes
    ----------
    root, inverse : ndarray of shape (..., k, k)
        Symmetric root and its inverse; NaN where a matrix has a negative
        eigenvalue, and in the inverse also where it has one of zero.
    """

    root: FloatArray
    inverse: FloatArray


def smallest_eigenvalue(matrix: FloatArray) -> FloatArray:
    """Return the smallest eigenvalue of each matrix.

    Parameters
    ----------
    matrix : ndarray of shape (..., k, k)
        Symmetric matrices.

    Returns
    -------
    ndarray of shape (...)
        Eigenvalues; NaN where a matrix holds a NaN.
    """
    known, filled = _finite(matrix)
    lowest = np.linalg.eigvalsh(filled)[..., 0]
    return np.asarray(np.where(known, lowest, np.nan))


def roots(matrix: FloatArray) -> Roots:
    """Return the symmetric square root of each matrix, and its inverse.

    Parameters
    ----------
    matrix : ndarray of shape (..., k, k)
        Symmetric matrices.

    Returns
    -------
    Roots
        The roots.
    """
    known, filled = _finite(matrix)
    values, vectors = np.linalg.eigh(filled)
    least = _SMALLEST * values[..., -1:]
    values = np.where(known[..., None] & (values > -least), values, np.nan)
    root = np.sqrt(np.maximum(values, 0.0))
    with np.errstate(divide="ignore"):
        inverse = np.where(values > least, 1.0 / root, np.nan)
    transposed = np.swapaxes(vectors, -1, -2)
    return Roots(
        (vectors * root[..., None, :]) @ transposed,
        (vectors * inverse[..., None, :]) @ transposed,
    )


def geodesic_distance(first: FloatArray, second: FloatArray) -> FloatArray:
    r"""Return the geodesic distance between positive definite matrices.

    Parameters
    ----------
    first, second : ndarray of shape (..., k, k)
        Symmetric matrices.

    Returns
    -------
    ndarray of shape (...)
        Distances; NaN where one of the two isn't positive definite.

    Notes
    -----
    With the eigenvalues :math:`\varphi_i` of :math:`A^{-1}B`,

    .. math:: \frac{1}{2} \sum_i (\log_{10} \varphi_i)^2

    The logarithms have base ten, as in cSEM, whose printed values and critical values
    then compare; natural ones give :math:`(\ln 10)^2 = 5.30` times as much.

    References
    ----------
    Dijkstra & Henseler (2015), Computational Statistics & Data Analysis 81.
    """
    known, filled = _finite(first)
    definite, factor = _cholesky(filled)
    # A = L L', so that A^-1 B has the eigenvalues of L^-1 B L^-T
    half = np.linalg.solve(factor, np.broadcast_to(second, factor.shape))
    half = np.linalg.solve(factor, np.swapaxes(half, -1, -2))
    finite, filled = _finite(np.asarray(half, dtype=np.float64))
    ratios = np.linalg.eigvalsh(filled)
    definite = definite & known & finite
    definite = definite & (ratios[..., 0] > _SMALLEST * ratios[..., -1])
    logs = np.log10(np.where(definite[..., None], ratios, 1.0))
    return np.asarray(np.where(definite, (logs**2).sum(axis=-1) / 2, np.nan))


def _cholesky(matrix: FloatArray) -> tuple[BoolArray, FloatArray]:
    """Return which matrices are positive definite, and their lower triangles."""
    try:
        factor = np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)
    except np.linalg.LinAlgError:
        # one of a stack isn't: leave those out that can't be, by their eigenvalues
        values = np.linalg.eigvalsh(matrix)
        definite = np.asarray(values[..., 0] > _SMALLEST * values[..., -1])
        unit = np.eye(matrix.shape[-1])
        kept = np.where(definite[..., None, None], matrix, unit)
        return definite, np.asarray(np.linalg.cholesky(kept), dtype=np.float64)
    pivots = np.diagonal(factor, axis1=-2, axis2=-1) ** 2
    definite = pivots.min(axis=-1) > _SMALLEST * pivots.max(axis=-1)
    return np.asarray(definite), factor


def _finite(matrix: FloatArray) -> tuple[BoolArray, FloatArray]:
    """Return which matrices are numbers throughout, and units for the others."""
    known = np.asarray(np.isfinite(matrix).all(axis=(-2, -1)))
    unit = np.eye(matrix.shape[-1])
    return known, np.where(known[..., None, None], matrix, unit)
