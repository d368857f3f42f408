"""Omega, HTMT2, adjusted shares: further measures of measurement, on stacks."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import FloatArray, IntArray, from_slab, to_slab
from csindex.kernels.reliability import block_sums
from csindex.kernels.scores import block_slices

# a factor's loadings are settled when none moves by more; and iterations at most
_SETTLED = 1e-10
_ITERATIONS = 2000


def omega(corr: FloatArray, blocks: FloatArray) -> FloatArray:
    r"""Return McDonald's omega of each block of standardised items.

    Parameters
    ----------
    corr : ndarray of shape (..., p, p)
        Item correlations.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j; the items of one construct follow
        each other.

    Returns
    -------
    ndarray of shape (..., j)
        Reliabilities; one for single items; NaN for two items that correlate
        negatively, which no factor explains.

    Notes
    -----
    .. math:: \omega = \frac{(\sum \lambda)^2}{(\sum \lambda)^2 + \sum (1 - \lambda^2)}

    with the loadings of one common factor of the block's own items by unweighted
    least squares, none beyond one. Of two items, which don't determine them, both are
    the root of their correlation.

    References
    ----------
    McDonald (1999), Test Theory; Harman & Fukuda (1966), Psychometrika 31(4).
    """
    slab = to_slab(corr, 2)
    values = np.ones((blocks.shape[1], slab.shape[-1]))
    for j, block in enumerate(block_slices(blocks)):
        if block.stop - block.start == 1:
            continue
        loadings = one_factor(slab[block, block])
        common = loadings.sum(axis=0) ** 2
        values[j] = common / (common + (1 - loadings**2).sum(axis=0))
    return from_slab(values, corr.shape[:-2])


def one_factor(slab: FloatArray) -> FloatArray:
    r"""Return the loadings of one common factor by unweighted least squares.

    Parameters
    ----------
    slab : ndarray of shape (k, k, b)
        Correlations of two or more items.

    Returns
    -------
    ndarray of shape (k, b)
        Loadings of at most one, with a positive sum.

    Notes
    -----
    The sum of squared residual correlations is minimised over one loading at a time,

    .. math:: \lambda_h = \frac{\sum_{k \ne h} r_{hk} \lambda_k}
        {\sum_{k \ne h} \lambda_k^2}

    cut off at one, until none moves by more than 1e-10.

    References
    ----------
    Harman & Fukuda (1966), Psychometrika 31(4).
    """
    size = len(slab)
    with np.errstate(invalid="ignore"):
        if size == 2:
            return np.asarray(np.tile(np.sqrt(slab[0, 1]), (2, 1)))
    others = slab * (1 - np.eye(size))[:, :, None]
    # the signs and sizes of the centroid method as a start
    start = others.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        loadings = start / np.sqrt(np.abs(start.sum(axis=0)))
        loadings = np.clip(loadings, -1.0, 1.0)
        for _ in range(_ITERATIONS):
            moved = np.zeros(slab.shape[-1])
            squares = (loadings**2).sum(axis=0)
            for h in range(size):
                rest = squares - loadings[h] ** 2
                fresh = np.einsum("kb,kb->b", others[h], loadings) / rest
                fresh = np.clip(fresh, -1.0, 1.0)
                moved = np.fmax(moved, np.abs(fresh - loadings[h]))
                squares = rest + fresh**2
                loadings[h] = fresh
            if not (moved > _SETTLED).any():
                break
    return np.asarray(loadings * np.where(loadings.sum(axis=0) < 0, -1.0, 1.0))


def htmt2(corr: FloatArray, blocks: FloatArray) -> FloatArray:
    r"""Return the heterotrait-monotrait ratio of geometric means.

    Parameters
    ----------
    corr : ndarray of shape (..., p, p)
        Item correlations.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j; the items of one construct follow
        each other.

    Returns
    -------
    ndarray of shape (..., j, j)
        Ratios; one on the diagonal; NaN where the correlations within a block aren't
        all positive, or those between two blocks have mixed signs.

    Notes
    -----
    As the heterotrait-monotrait ratio, with geometric in the place of arithmetic
    means, so that it is the constructs' correlation also where loadings differ. If
    all correlations between two blocks are negative, it is of their sizes.

    References
    ----------
    Roemer, Schuberth & Henseler (2021), Industrial Management & Data Systems 121(12).
    """
    size = blocks.sum(axis=0)
    off = 1.0 - np.eye(len(blocks))
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.where(off > 0, np.log(np.abs(corr)), 0.0)
    sums = block_sums(logs, blocks)
    same = block_sums(np.sign(corr) * off, blocks)
    pairs = np.outer(size, size)
    within = size * (size - 1)
    agreeing = np.diagonal(same, axis1=-2, axis2=-1) == within
    monotrait = np.diagonal(sums, axis1=-2, axis2=-1) / np.maximum(within, 1)
    monotrait = np.where(agreeing, monotrait, np.nan)
    middle = (monotrait[..., :, None] + monotrait[..., None, :]) / 2
    ratio = np.exp(sums / pairs - middle)
    ratio = np.where(np.abs(same) == pairs, ratio, np.nan)
    return np.asarray(np.where(np.eye(len(size)) > 0, 1.0, ratio))


def adjusted_share(share: FloatArray, n: IntArray, sources: FloatArray) -> FloatArray:
    r"""Return explained shares adjusted for the number of causes.

    Parameters
    ----------
    share : ndarray of shape (..., j)
        Explained shares of variance.
    n : ndarray of int of shape (...)
        Numbers of respondents.
    sources : ndarray of shape (j,)
        Number of causes of each construct.

    Returns
    -------
    ndarray of shape (..., j)
        :math:`1 - (1 - R^2)(n - 1)/(n - k - 1)`; NaN where n isn't larger than k + 1.

    References
    ----------
    Wherry (1931), Annals of Mathematical Statistics 2(4).
    """
    left = n[..., None] - sources - 1.0
    factor = (n[..., None] - 1.0) / np.where(left > 0, left, np.nan)
    return np.asarray(1 - (1 - share) * factor)
