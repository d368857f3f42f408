"""Consistent estimates of common factors from composites: PLSc, on stacks."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.reliability import rho_a


def reliabilities(
    weights: FloatArray, blocks: FloatArray, factor: BoolArray
) -> FloatArray:
    """Return the reliability of each score as a measure of its construct.

    Parameters
    ----------
    weights : ndarray of shape (..., p, j)
        Mode A weights of standardised items, of scores with variance one.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.
    factor : ndarray of bool of shape (j,)
        Whether a construct is a common factor of its items.

    Returns
    -------
    ndarray of shape (..., j)
        The rho_A of common factors, one for composites and single items.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(factor, rho_a(weights, blocks), 1.0))


def consistent_loadings(
    weights: FloatArray,
    loadings: FloatArray,
    reliability: FloatArray,
    factor: BoolArray,
) -> FloatArray:
    r"""Return the loadings of common factors from mode A weights.

    Parameters
    ----------
    weights, loadings : ndarray of shape (..., p, j)
        Weights of scores with variance one, and the items' correlations with them.
    reliability : ndarray of shape (..., j)
        Reliabilities of the scores.
    factor : ndarray of bool of shape (j,)
        Whether a construct is a common factor of its items; the loadings of the
        others stay as they are.

    Returns
    -------
    ndarray of shape (..., p, j)
        Loadings; NaN for a factor whose reliability is negative.

    Notes
    -----
    .. math:: \lambda = w \, \sqrt{\rho_A} / w'w

    References
    ----------
    Dijkstra & Henseler (2015), MIS Quarterly 39(2), equation 4.
    """
    squares = (weights**2).sum(axis=-2)
    with np.errstate(invalid="ignore"):
        scale = np.sqrt(reliability) / squares
    return np.asarray(np.where(factor, weights * scale[..., None, :], loadings))


def disattenuated(corr: FloatArray, reliability: FloatArray) -> FloatArray:
    r"""Return the correlations of constructs from those of their scores.

    Parameters
    ----------
    corr : ndarray of shape (..., j, j)
        Score correlations.
    reliability : ndarray of shape (..., j)
        Reliabilities of the scores.

    Returns
    -------
    ndarray of shape (..., j, j)
        :math:`r_{ik} / \sqrt{\rho_i \rho_k}`, with a diagonal of one; NaN for a
        construct whose reliability isn't positive.
    """
    known = np.sqrt(np.where(reliability > 0, reliability, np.nan))
    scaled = corr / (known[..., :, None] * known[..., None, :])
    return np.asarray(np.where(np.eye(corr.shape[-1]) > 0, 1.0, scaled))
