"""Scores as weighted sums of items, in stacks: their loadings, correlations, shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import FloatArray, from_slab, to_slab


@dataclass(frozen=True, eq=False)
class ScoreMoments:
    """Correlations of scores with their items and with each other.

    Attributes
    ----------
    loadings : ndarray of shape (..., p, j)
        Correlations of the items with their own construct's score; else zero.
    corr : ndarray of shape (..., j, j)
        Correlations of the scores.
    """

    loadings: FloatArray
    corr: FloatArray


def block_slices(blocks: FloatArray) -> list[slice]:
    """Return the range of items of each construct.

    Parameters
    ----------
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j; the items of one construct
        follow each other.

    Returns
    -------
    list of slice
        One range per construct.
    """
    ends = np.cumsum(blocks.sum(axis=0)).astype(int).tolist()
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def score_moments(
    corr: FloatArray, weights: FloatArray, blocks: FloatArray
) -> ScoreMoments:
    """Return the correlations of scores with their items and with each other.

    Parameters
    ----------
    corr : ndarray of shape (..., p, p)
        Item correlations.
    weights : ndarray of shape (..., p, j)
        Weights of scores with variance one; zero outside each block.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.

    Returns
    -------
    ScoreMoments
        Loadings and score correlations.
    """
    if corr.ndim == 2:
        projected = corr @ weights
        found = weights.T @ projected
        return ScoreMoments(projected * blocks, (found + found.T) / 2)
    slab, slices = to_slab(corr, 2), block_slices(blocks)
    own = item_vectors(weights, blocks)
    loadings = np.zeros((*blocks.shape, slab.shape[-1]))
    scores = np.empty((len(slices), len(slices), slab.shape[-1]))
    projections = np.empty((len(slices), *own.shape))
    for j, block in enumerate(slices):
        # with the items of this construct and of those behind it
        onward = slice(block.start, None)
        np.einsum(
            "khb,kb->hb", slab[block, onward], own[block], out=projections[j, onward]
        )
        loadings[block, j] = projections[j, block]
        found = np.einsum("ihb,hb->ib", projections[: j + 1, block], own[block])
        scores[: j + 1, j] = scores[j, : j + 1] = found
    batch = corr.shape[:-2]
    return ScoreMoments(from_slab(loadings, batch), from_slab(scores, batch))


def agreement(
    corr: FloatArray, weights: FloatArray, reference: FloatArray, blocks: FloatArray
) -> FloatArray:
    """Return the correlation of each score with the score by other weights.

    Parameters
    ----------
    corr : ndarray of shape (..., p, p)
        Item correlations.
    weights : ndarray of shape (..., p, j)
        Weights of scores with variance one.
    reference : ndarray of shape (p, j) or (..., p, j)
        Other weights of the same items, for all or for each.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.

    Returns
    -------
    ndarray of shape (..., j)
        Covariances of the scores; their signs are those of the correlations.
    """
    slab, slices = to_slab(corr, 2), block_slices(blocks)
    own, other = item_vectors(weights, blocks), item_vectors(reference, blocks)
    found = np.empty((len(slices), slab.shape[-1]))
    for j, block in enumerate(slices):
        by_other = np.einsum("khb,kb->hb", slab[block, block], other[block])
        np.einsum("hb,hb->b", by_other, own[block], out=found[j])
    return from_slab(found, corr.shape[:-2])


def shares(weights: FloatArray, sd: FloatArray, blocks: FloatArray) -> FloatArray:
    r"""Return each item's share in its construct's score of raw items.

    Parameters
    ----------
    weights : ndarray of shape (..., p, j)
        Weights of standardised items; zero outside each block.
    sd : ndarray of shape (..., p)
        Standard deviations of the items.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.

    Returns
    -------
    ndarray of shape (..., p)
        :math:`v_h = (w_h / s_h) / \sum_k w_k / s_k`, the sum over the block.
    """
    raw = item_vectors(weights, blocks) / to_slab(sd, 1)
    found = np.empty_like(raw)
    for block in block_slices(blocks):
        np.divide(raw[block], raw[block].sum(axis=0), out=found[block])
    return from_slab(found, sd.shape[:-1])


def block_means(
    values: FloatArray, weights: FloatArray, blocks: FloatArray
) -> FloatArray:
    """Return the weighted sum of item values in each block.

    Parameters
    ----------
    values, weights : ndarray of shape (..., p)
        Values and weights of the items; one of them may lack the batch axes.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.

    Returns
    -------
    ndarray of shape (..., j)
        Sums; a NaN stays in its own block.
    """
    product = to_slab(values * weights, 1)
    sums = [product[block].sum(axis=0) for block in block_slices(blocks)]
    batch = np.broadcast_shapes(values.shape[:-1], weights.shape[:-1])
    return from_slab(np.stack(sums), batch)


def block_spreads(
    corr: FloatArray, scale: FloatArray, blocks: FloatArray
) -> FloatArray:
    """Return the standard deviation of each block's sum of scaled items.

    Parameters
    ----------
    corr : ndarray of shape (..., p, p)
        Item correlations.
    scale : ndarray of shape (..., p)
        Standard deviation of each item's contribution to its sum.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.

    Returns
    -------
    ndarray of shape (..., j)
        Standard deviations.
    """
    slab, own, slices = to_slab(corr, 2), to_slab(scale, 1), block_slices(blocks)
    variance = np.empty((len(slices), slab.shape[-1]))
    for j, block in enumerate(slices):
        projected = np.einsum("khb,kb->hb", slab[block, block], own[block])
        np.einsum("hb,hb->b", projected, own[block], out=variance[j])
    return from_slab(np.sqrt(variance), corr.shape[:-2])


def item_vectors(weights: FloatArray, blocks: FloatArray | None = None) -> FloatArray:
    """Return weights as one slab of items, because each belongs to one construct.

    Parameters
    ----------
    weights : ndarray of shape (..., p, j)
        Weights, zero outside each block.
    blocks : ndarray of shape (p, j), optional
        One where item p belongs to construct j; spares adding the zeros.

    Returns
    -------
    ndarray of shape (p, b)
        Weights.
    """
    if blocks is None or weights.shape[:-2] in ((), (1,)):
        return to_slab(weights.sum(axis=-1), 1)
    slab = to_slab(weights, 2)
    own = np.empty((len(slab), slab.shape[-1]))
    for j, block in enumerate(block_slices(blocks)):
        own[block] = slab[block, j]
    return own
