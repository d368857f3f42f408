"""Weights of composites without partial least squares, on stacks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray, from_slab, to_slab
from csindex.kernels.linalg import solve_positive
from csindex.kernels.pls import OuterWeights
from csindex.kernels.scores import block_slices, block_spreads


@dataclass(frozen=True, eq=False)
class _Design:
    """Index lists of a model.

    Attributes
    ----------
    blocks : list of slice
        Items of each construct.
    sources, targets : list of ndarray of int
        Causes and effects of each construct.
    measured : list of bool
        Whether a construct explains its items.
    """

    blocks: list[slice]
    sources: list[IntArray]
    targets: list[IntArray]
    measured: list[bool]


def equal_weights(corr: FloatArray, sd: FloatArray, blocks: FloatArray) -> FloatArray:
    """Return weights in proportion to given standard deviations.

    Parameters
    ----------
    corr : ndarray of shape (..., p, p)
        Item correlations.
    sd : ndarray of shape (..., p)
        Ones for equal weights of standardised items, the items' standard deviations
        for equal weights of raw items.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.

    Returns
    -------
    ndarray of shape (..., p, j)
        Weights of standardised items in scores of variance one.
    """
    spread = block_spreads(corr, sd, blocks)
    return np.asarray(blocks * sd[..., None] / spread[..., None, :])


def principal_weights(corr: FloatArray, blocks: FloatArray) -> FloatArray:
    r"""Return the weights of the first principal component of each block.

    Parameters
    ----------
    corr : ndarray of shape (..., p, p)
        Item correlations.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j; the items of one construct follow
        each other.

    Returns
    -------
    ndarray of shape (..., p, j)
        Weights :math:`v / \sqrt{\lambda}` of scores with variance one, with the
        largest eigenvalue and its vector; NaN where a correlation is NaN.
    """
    weights = np.zeros((*corr.shape[:-2], *blocks.shape))
    for j, block in enumerate(block_slices(blocks)):
        own = corr[..., block, block]
        known = np.asarray(np.isfinite(own).all(axis=(-2, -1)))[..., None]
        values, vectors = np.linalg.eigh(
            np.where(known[..., None], own, np.eye(own.shape[-1]))
        )
        first = vectors[..., -1] / np.sqrt(values[..., -1:])
        weights[..., block, j] = np.where(known, first, np.nan)
    return weights


def gsca(
    corr: FloatArray,
    blocks: FloatArray,
    structure: FloatArray,
    measured: BoolArray,
    tolerance: float,
    max_iterations: int,
) -> OuterWeights:
    r"""Return the weights of generalised structured component analysis.

    Parameters
    ----------
    corr : ndarray of shape (..., p, p)
        Item correlations.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j; the items of one construct follow
        each other.
    structure : ndarray of shape (j, j)
        One where the column's construct drives the row's.
    measured : ndarray of bool of shape (j,)
        Whether the items of a construct are explained by it, so that they count in
        the criterion.
    tolerance : float
        Iteration ends when the sum of absolute changes of all weights is below it.
    max_iterations : int
        Iteration ends there in any case, as not converged.

    Returns
    -------
    OuterWeights
        The weights; their orientation is as the iteration left it.

    Notes
    -----
    Least squares of all equations at once: with components
    :math:`\gamma_j = x_j'w_j` of variance one,

    .. math:: \min_{W, B, C} \; \sum_k \operatorname{var}\Big(\gamma_k -
        \sum_i b_{ki} \gamma_i\Big) + \sum_j \sum_{h \in j}
        \operatorname{var}(x_h - c_h \gamma_j)

    Alternating: :math:`B` and :math:`C` are regressions; given them, the criterion is
    linear in each :math:`w_j` of unit variance, and
    :math:`w_j \propto S_{jj}^{-1} u_j + c_j`, with :math:`u_j` the covariances of its
    items with what the structural equations ask of :math:`\gamma_j`.

    References
    ----------
    Hwang & Takane (2004), Psychometrika 69(1).
    """
    design = _Design(
        block_slices(blocks),
        [np.flatnonzero(row) for row in structure],
        [np.flatnonzero(column) for column in structure.T],
        measured.tolist(),
    )
    slab = to_slab(corr, 2)
    found = OuterWeights(
        np.full(slab.shape[1:], np.nan),
        np.zeros(slab.shape[-1], dtype=np.bool_),
        np.zeros(slab.shape[-1], dtype=np.int64),
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        _iterate(slab, design, found, tolerance, max_iterations)
    weights = np.where(blocks[:, :, None] > 0, found.weights[:, None, :], 0.0)
    batch = corr.shape[:-2]
    return OuterWeights(
        from_slab(weights, batch),
        from_slab(found.converged, batch),
        from_slab(found.iterations, batch),
    )


def _iterate(
    slab: FloatArray,
    design: _Design,
    found: OuterWeights,
    tolerance: float,
    max_iterations: int,
) -> None:
    """Fill in weights (p, b), convergence (b,) and iterations (b,) of all members."""
    live = np.arange(slab.shape[-1])
    weights = np.ones(slab.shape[1:])
    inverses = [_inverse(slab[block, block]) for block in design.blocks]
    for block in design.blocks:
        weights[block] /= _spread(weights[block], slab[block, block])
    for step in range(1, max_iterations + 1):
        previous = weights.copy()
        _sweep(weights, slab, inverses, design)
        change = np.abs(weights - previous).sum(axis=0)
        # a NaN never converges: its member has ended, without convergence
        ended = ~(change >= tolerance) | (step == max_iterations)
        if not ended.any():
            continue
        found.weights[:, live[ended]] = weights[:, ended]
        found.converged[live[ended]] = change[ended] < tolerance
        found.iterations[live[ended]] = step
        if ended.all():
            return
        keep = ~ended
        live, weights = live[keep], weights[:, keep]
        slab = np.compress(keep, slab, axis=2)
        inverses = [np.compress(keep, inverse, axis=2) for inverse in inverses]


def _sweep(
    weights: FloatArray,
    slab: FloatArray,
    inverses: list[FloatArray],
    design: _Design,
) -> None:
    """Renew the weights (p, b) of one construct after the other, in place."""
    # covariances of every component with every item, (j, p, b)
    covs = np.stack(
        [
            np.einsum("khb,kb->hb", slab[block], weights[block])
            for block in design.blocks
        ]
    )
    paths = _regressions(weights, covs, design)
    loadings = [covs[j, block] for j, block in enumerate(design.blocks)]
    for j, block in enumerate(design.blocks):
        asked = np.zeros_like(weights[block])
        for i in design.sources[j]:
            asked += paths[j, i] * covs[i, block]
        for k in design.targets[j]:
            rest = covs[k, block].copy()
            for i in design.sources[k]:
                if i != j:
                    rest -= paths[k, i] * covs[i, block]
            asked += paths[k, j] * rest
        fresh = np.einsum("hkb,kb->hb", inverses[j], asked)
        if design.measured[j]:
            fresh += loadings[j]
        weights[block] = fresh / _spread(fresh, slab[block, block])
        np.einsum("khb,kb->hb", slab[block], weights[block], out=covs[j])


def _regressions(weights: FloatArray, covs: FloatArray, design: _Design) -> FloatArray:
    """Return the path coefficients (j, j, b) of the components."""
    scores = np.stack(
        [
            np.einsum("ihb,hb->ib", covs[:, block], weights[block])
            for block in design.blocks
        ],
        axis=1,
    )
    paths = np.zeros_like(scores)
    for target, sources in enumerate(design.sources):
        if sources.size:
            paths[target, sources] = solve_positive(
                scores[np.ix_(sources, sources)], scores[sources, target]
            )
    return paths


def _inverse(matrix: FloatArray) -> FloatArray:
    """Return the inverses (k, k, b) of a slab; NaN where they don't exist."""
    unit = np.broadcast_to(np.eye(len(matrix))[:, :, None], matrix.shape)
    return solve_positive(matrix, unit)


def _spread(weights: FloatArray, own: FloatArray) -> FloatArray:
    """Return the standard deviations (b,) of scores."""
    return np.asarray(np.sqrt(np.einsum("hb,hkb,kb->b", weights, own, weights)))
