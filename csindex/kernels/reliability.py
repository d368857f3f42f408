"""Reliability, validity and collinearity of measurement, on stacks."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import FloatArray, from_slab, to_slab
from csindex.kernels.linalg import solve_positive
from csindex.kernels.scores import block_slices, item_vectors


def block_sums(matrix: FloatArray, blocks: FloatArray) -> FloatArray:
    """Return the sums of a matrix over all pairs of blocks.

    Parameters
    ----------
    matrix : ndarray of shape (..., p, p)
        Matrices.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j; the items of one construct
        follow each other.

    Returns
    -------
    ndarray of shape (..., j, j)
        Sums.
    """
    slab, slices = to_slab(matrix, 2), block_slices(blocks)
    sums = np.empty((len(slices), len(slices), slab.shape[-1]))
    for i, block in enumerate(slices):
        rows = slab[block].sum(axis=0)
        for k, other in enumerate(slices):
            rows[other].sum(axis=0, out=sums[i, k])
    return from_slab(sums, matrix.shape[:-2])


def cronbach_alpha(matrix: FloatArray, blocks: FloatArray) -> FloatArray:
    r"""Return Cronbach's alpha of each block of items.

    Parameters
    ----------
    matrix : ndarray of shape (..., p, p)
        Covariances for alpha, correlations for standardised alpha.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.

    Returns
    -------
    ndarray of shape (..., j)
        Reliabilities; one for single items.

    Notes
    -----
    .. math:: \alpha = \frac{k}{k-1}
        \left(1 - \frac{\sum_h s_{hh}}{\sum_{hl} s_{hl}}\right)

    References
    ----------
    Cronbach (1951), Psychometrika 16(3).
    """
    slab = to_slab(matrix, 2)
    alphas = np.ones((blocks.shape[1], slab.shape[-1]))
    for j, block in enumerate(block_slices(blocks)):
        own = slab[block, block]
        if (size := len(own)) > 1:
            share = np.einsum("kkb->b", own) / own.sum(axis=0).sum(axis=0)
            alphas[j] = size / (size - 1) * (1 - share)
    return from_slab(alphas, matrix.shape[:-2])


def rho_a(weights: FloatArray, blocks: FloatArray) -> FloatArray:
    r"""Return Dijkstra and Henseler's reliability of each construct's score.

    Parameters
    ----------
    weights : ndarray of shape (..., p, j)
        Mode A weights of scores with variance one; zero outside each block.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.

    Returns
    -------
    ndarray of shape (..., j)
        Reliabilities; one for single items.

    Notes
    -----
    .. math:: \rho_A = (w'w)^2
        \frac{w'(S - \operatorname{diag} S)w}{w'(ww' - \operatorname{diag} ww')w}

    with item correlations S, so that :math:`w'Sw = 1` and
    :math:`w' \operatorname{diag}(S) w = w'w`.

    References
    ----------
    Dijkstra & Henseler (2015), MIS Quarterly 39(2), equation 3.
    """
    squared = item_vectors(weights, blocks) ** 2
    rhos = np.ones((blocks.shape[1], squared.shape[-1]))
    for j, block in enumerate(block_slices(blocks)):
        if block.stop - block.start > 1:
            squares = squared[block].sum(axis=0)
            spread = squares**2 - (squared[block] ** 2).sum(axis=0)
            rhos[j] = squares**2 * (1 - squares) / spread
    return from_slab(rhos, weights.shape[:-2])


def rho_c(loadings: FloatArray, blocks: FloatArray) -> FloatArray:
    r"""Return the composite reliability of each construct.

    Parameters
    ----------
    loadings : ndarray of shape (..., p, j)
        Standardised loadings; zero outside each block.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.

    Returns
    -------
    ndarray of shape (..., j)
        Reliabilities; one for single items.

    Notes
    -----
    .. math:: \rho_C = \frac{(\sum \lambda)^2}{(\sum \lambda)^2 + \sum (1 - \lambda^2)}

    References
    ----------
    Joreskog (1971), Psychometrika 36(2).
    """
    own = item_vectors(loadings, blocks)
    rhos = np.empty((blocks.shape[1], own.shape[-1]))
    for j, block in enumerate(block_slices(blocks)):
        common = own[block].sum(axis=0) ** 2
        rhos[j] = common / (common + (1 - own[block] ** 2).sum(axis=0))
    return from_slab(rhos, loadings.shape[:-2])


def average_variance_extracted(loadings: FloatArray, blocks: FloatArray) -> FloatArray:
    r"""Return the average variance that each construct extracts from its items.

    Parameters
    ----------
    loadings : ndarray of shape (..., p, j)
        Standardised loadings; zero outside each block.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.

    Returns
    -------
    ndarray of shape (..., j)
        Means of the squared loadings.

    References
    ----------
    Fornell & Larcker (1981), Journal of Marketing Research 18(1).
    """
    squared = item_vectors(loadings, blocks) ** 2
    means = [squared[block].mean(axis=0) for block in block_slices(blocks)]
    return from_slab(np.stack(means), loadings.shape[:-2])


def htmt(corr: FloatArray, blocks: FloatArray, absolute: bool = True) -> FloatArray:
    r"""Return the heterotrait-monotrait ratio of every pair of constructs.

    Parameters
    ----------
    corr : ndarray of shape (..., p, p)
        Item correlations.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.
    absolute : bool
        True: correlations are taken without their signs (as seminr and SmartPLS 4
        do). False: with their signs, and only the mean between two blocks loses
        its sign (as cSEM does). They differ where the signs in a block mix.

    Returns
    -------
    ndarray of shape (..., j, j)
        Ratios; one on the diagonal; NaN where the correlations within a block don't
        have a positive mean.

    Notes
    -----
    The mean correlation between the items of two blocks over the geometric mean of
    the mean correlations within them; a single item counts as one.

    References
    ----------
    Henseler, Ringle & Sarstedt (2015), Journal of the Academy of Marketing Science
    43(1); Ringle, Sarstedt, Sinkovics & Sinkovics (2023), Data in Brief 48.
    """
    size = blocks.sum(axis=0)
    sums = _symmetric_block_sums(corr, blocks, absolute)
    within = np.diagonal(sums, axis1=-2, axis2=-1) - size
    monotrait = np.where(size > 1, within / np.maximum(size * (size - 1), 1), 1.0)
    scale = np.sqrt(np.where(monotrait > 0, monotrait, np.nan))
    ratio = (
        np.abs(sums)
        / (size[:, None] * size)
        / (scale[..., :, None] * scale[..., None, :])
    )
    return np.where(np.eye(len(size)) > 0, 1.0, ratio)


def _symmetric_block_sums(
    corr: FloatArray, blocks: FloatArray, absolute: bool
) -> FloatArray:
    """Return the sums (..., j, j) of correlations, or of their sizes, over blocks."""
    slab, slices = to_slab(corr, 2), block_slices(blocks)
    sums = np.empty((len(slices), len(slices), slab.shape[-1]))
    for i, block in enumerate(slices):
        part = slab[block, block.start :]
        rows = (np.abs(part) if absolute else part).sum(axis=0)
        for k, other in enumerate(slices[i:], start=i):
            own = rows[other.start - block.start : other.stop - block.start]
            sums[i, k] = sums[k, i] = own.sum(axis=0)
    return from_slab(sums, corr.shape[:-2])


def inverse_diagonal(matrix: FloatArray) -> FloatArray:
    """Return the diagonal of the inverse: of correlations, the inflation factors.

    Parameters
    ----------
    matrix : ndarray of shape (..., k, k)
        Symmetric positive definite matrices.

    Returns
    -------
    ndarray of shape (..., k)
        Diagonals; NaN where a matrix is not positive definite.
    """
    slab = to_slab(matrix, 2)
    unit = np.broadcast_to(np.eye(slab.shape[0])[:, :, None], slab.shape)
    inverse = solve_positive(slab, unit)
    return from_slab(np.einsum("kkb->kb", inverse), matrix.shape[:-2])
