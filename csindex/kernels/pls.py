"""The partial least squares algorithm on a stack of moment matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from csindex.kernels.arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    from_slab,
    to_slab,
)
from csindex.kernels.linalg import SMALLEST_PIVOT, solve_positive
from csindex.kernels.scores import block_slices

Scheme = Literal["path", "factorial", "centroid"]

# stacks of at most so many members are estimated one by one, on plain matrices: fewer
# calls per iteration outweigh the loop
_FEW = 3
# members that have ended leave the stack when they are this share of it: earlier,
# copying costs more than it saves
_ENDED_SHARE = 0.3


@dataclass(frozen=True, eq=False)
class OuterWeights:
    """Outer weights that PLS found.

    Attributes
    ----------
    weights : ndarray of shape (..., p, j)
        Weights of scores with variance one; zero outside each block.
    converged : ndarray of bool of shape (...)
        Whether the weights changed less than the tolerance.
    iterations : ndarray of int of shape (...)
        Iterations used.
    """

    weights: FloatArray
    converged: BoolArray
    iterations: IntArray


@dataclass(frozen=True, eq=False)
class _Design:
    """Index lists of a model.

    Attributes
    ----------
    blocks : tuple of slice
        Items of each construct.
    sources, neighbours : tuple of ndarray of int
        Causes of each construct, and its causes and effects.
    mode_b : tuple of bool
        Whether each construct's weights are of regressions.
    scheme : str
        Inner weighting scheme.
    regressed : ndarray of int of shape (m,)
        Constructs with more than one cause.
    causal : ndarray of shape (m, j)
        One for the causes of each of them.
    causes : ndarray of bool of shape (m, j, j)
        Pairs of these causes.
    """

    blocks: tuple[slice, ...]
    sources: tuple[IntArray, ...]
    neighbours: tuple[IntArray, ...]
    mode_b: tuple[bool, ...]
    scheme: Scheme
    regressed: IntArray
    causal: FloatArray
    causes: BoolArray


@dataclass(frozen=True, eq=False)
class _Found:
    """Weights (p, b), convergence (b,) and iterations (b,) of a slab's members."""

    weights: FloatArray
    converged: BoolArray
    iterations: IntArray


@dataclass(frozen=True, eq=False)
class _State:
    """Weights of a slab's members, and what the next iteration needs of them.

    Attributes
    ----------
    weights : ndarray of shape (p, b)
        Weights of scores with variance one.
    projections : ndarray of shape (j, p, b)
        Covariances of the unscaled scores with every item.
    factors : ndarray of shape (j, b)
        What scales the scores to variance one.
    """

    weights: FloatArray
    projections: FloatArray
    factors: FloatArray


def pls(
    matrix: FloatArray,
    blocks: FloatArray,
    structure: FloatArray,
    mode_b: BoolArray,
    scheme: Scheme,
    tolerance: float,
    max_iterations: int,
) -> OuterWeights:
    r"""Return the outer weights of every member of a stack.

    Parameters
    ----------
    matrix : ndarray of shape (..., p, p)
        Correlations (standardised metric) or covariances (raw metric).
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j; the items of one construct
        follow each other.
    structure : ndarray of shape (j, j)
        One where the column's construct drives the row's.
    mode_b : ndarray of bool of shape (j,)
        True for regression weights (mode B), False for correlation weights (A).
    scheme : {"path", "factorial", "centroid"}
        Inner weighting scheme.
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
    With :math:`S` the matrix, :math:`W` the weights and :math:`C = W'SW` the score
    correlations, one iteration is: inner weights :math:`E` from :math:`C`; covariances
    of the items with the inner proxies, :math:`V = SWE`; new weights
    :math:`w_j \propto V_j` (mode A) or :math:`S_{jj}^{-1}V_j` (mode B), scaled to
    :math:`w_j'S_{jj}w_j = 1`. Finished members leave the stack.

    References
    ----------
    Wold (1982), in Joreskog & Wold, Systems under Indirect Observation, part 2;
    Tenenhaus, Esposito Vinzi, Chatelin & Lauro (2005), Computational Statistics &
    Data Analysis 48(1).
    """
    design = _design(blocks, structure, mode_b, scheme)
    slab = to_slab(matrix, 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        solve = _one_by_one if slab.shape[-1] <= _FEW else _together
        found = solve(slab, design, tolerance, max_iterations)
    weights = np.where(blocks[:, :, None] > 0, found.weights[:, None, :], 0.0)
    batch = matrix.shape[:-2]
    return OuterWeights(
        from_slab(weights, batch),
        from_slab(found.converged, batch),
        from_slab(found.iterations, batch),
    )


def _design(
    blocks: FloatArray, structure: FloatArray, mode_b: BoolArray, scheme: Scheme
) -> _Design:
    regressed = np.flatnonzero(structure.sum(axis=1) > 1)
    causal = structure[regressed]
    return _Design(
        tuple(block_slices(blocks)),
        tuple(np.flatnonzero(row) for row in structure),
        tuple(np.flatnonzero(row) for row in structure + structure.T),
        tuple((mode_b & (blocks.sum(axis=0) > 1)).tolist()),
        scheme,
        regressed,
        causal,
        causal[:, :, None] * causal[:, None, :] > 0,
    )


def _together(
    slab: FloatArray, design: _Design, tolerance: float, max_iterations: int
) -> _Found:
    """Iterate all members at once; those that have ended leave the slab."""
    found = _nothing(slab)
    inverses = _block_inverses(slab, design)
    live = np.arange(slab.shape[-1])
    ended = np.zeros(slab.shape[-1], dtype=np.bool_)
    state = _scaled(np.ones(slab.shape[1:]), slab, design)
    for step in range(1, max_iterations + 1):
        previous = state.weights
        state = _scaled(_proxies(state, inverses, design), slab, design)
        change = np.abs(state.weights - previous).sum(axis=0)
        # a NaN never converges: its member has ended, without convergence
        fresh = ~ended & (~(change >= tolerance) | (step == max_iterations))
        found.weights[:, live[fresh]] = state.weights[:, fresh]
        found.converged[live[fresh]] = change[fresh] < tolerance
        found.iterations[live[fresh]] = step
        ended |= fresh
        if ended.all():
            return found
        if ended.mean() > _ENDED_SHARE:
            keep = ~ended
            slab = np.compress(keep, slab, axis=2)
            inverses = {j: np.compress(keep, i, axis=2) for j, i in inverses.items()}
            state = _State(
                np.compress(keep, state.weights, axis=1),
                np.compress(keep, state.projections, axis=2),
                np.compress(keep, state.factors, axis=1),
            )
            live, ended = live[keep], ended[keep]
    return found


def _nothing(slab: FloatArray) -> _Found:
    """Return weights that have not been found yet."""
    return _Found(
        np.full(slab.shape[1:], np.nan),
        np.zeros(slab.shape[-1], dtype=np.bool_),
        np.zeros(slab.shape[-1], dtype=np.int64),
    )


def _block_inverses(slab: FloatArray, design: _Design) -> dict[int, FloatArray]:
    """Return the inverse of each mode B block, shape (k, k, b)."""
    inverses: dict[int, FloatArray] = {}
    for j, block in enumerate(design.blocks):
        if design.mode_b[j]:
            own = slab[block, block]
            unit = np.broadcast_to(np.eye(len(own))[:, :, None], own.shape)
            inverses[j] = solve_positive(own, unit)
    return inverses


def _proxies(
    state: _State, inverses: dict[int, FloatArray], design: _Design
) -> FloatArray:
    """Return unscaled new weights of shape (p, b) from the constructs' neighbours."""
    inner = _inner_weights(state, design)
    inner *= state.factors[:, None]
    fresh = np.zeros_like(state.weights)
    for j, block in enumerate(design.blocks):
        proxy = fresh[block]
        for i in design.neighbours[j]:
            proxy += inner[i, j] * state.projections[i, block]
        if j in inverses:
            fresh[block] = np.einsum("hkb,kb->hb", inverses[j], proxy)
    return fresh


def _inner_weights(state: _State, design: _Design) -> FloatArray:
    """Return inner weights of shape (j, j, b): column j weighs its neighbours."""
    size = len(design.blocks)
    # the score correlations, C = W'SW
    scores = np.empty((size, size, state.weights.shape[-1]))
    for j, block in enumerate(design.blocks):
        np.einsum(
            "ihb,hb->ib",
            state.projections[:, block],
            state.weights[block],
            out=scores[:, j],
        )
    scores *= state.factors[:, None]
    if design.scheme == "centroid":
        return np.sign(scores)
    if design.scheme == "path":
        inner = scores.copy()
        for j, sources in enumerate(design.sources):
            if sources.size > 1:
                inner[sources, j] = solve_positive(
                    scores[np.ix_(sources, sources)], scores[sources, j]
                )
        return inner
    return scores


def _scaled(weights: FloatArray, slab: FloatArray, design: _Design) -> _State:
    """Return weights scaled to scores of variance one, with their projections."""
    projections = np.empty((len(design.blocks), *weights.shape))
    factors = np.empty((len(design.blocks), weights.shape[-1]))
    scaled = np.empty_like(weights)
    for j, block in enumerate(design.blocks):
        np.einsum("khb,kb->hb", slab[block], weights[block], out=projections[j])
        np.einsum("hb,hb->b", projections[j, block], weights[block], out=factors[j])
    np.divide(1.0, np.sqrt(factors), out=factors)
    for j, block in enumerate(design.blocks):
        np.multiply(weights[block], factors[j], out=scaled[block])
    return _State(scaled, projections, factors)


def _one_by_one(
    slab: FloatArray, design: _Design, tolerance: float, max_iterations: int
) -> _Found:
    """Iterate one member after the other, on matrices W of shape (p, j)."""
    found = _nothing(slab)
    blocks = np.zeros((slab.shape[0], len(design.blocks)))
    near = np.zeros((len(design.blocks), len(design.blocks)))
    for j, (block, neighbours) in enumerate(
        zip(design.blocks, design.neighbours, strict=True)
    ):
        blocks[block, j] = 1.0
        near[neighbours, j] = 1.0
    for member in range(slab.shape[-1]):
        matrix = np.ascontiguousarray(slab[:, :, member])
        fresh, weights = blocks, np.full(blocks.shape, np.nan)
        for step in range(max_iterations + 1):
            projections = matrix @ fresh
            factor = 1.0 / np.sqrt((fresh * projections).sum(axis=0))
            previous, weights = weights, fresh * factor
            change = np.abs(weights - previous).sum()
            if (step and change < tolerance) or not np.isfinite(factor).all():
                break
            projections *= factor
            inner = _single_inner_weights(weights.T @ projections, design)
            fresh = (projections @ (inner * near)) * blocks
            for j, block in enumerate(design.blocks):
                if design.mode_b[j]:
                    fresh[block, j] = _solved(matrix[block, block], fresh[block, j])
        found.weights[:, member] = weights.sum(axis=1)
        found.converged[member] = change < tolerance
        found.iterations[member] = step
    return found


def _single_inner_weights(scores: FloatArray, design: _Design) -> FloatArray:
    """Return inner weights of shape (j, j) from score correlations."""
    if design.scheme == "centroid":
        return np.sign(scores)
    if design.scheme == "path" and len(design.regressed):
        # regressions of all targets at once, padded with ones to one size
        inner = scores.copy()
        padded = np.where(design.causes, scores, np.eye(len(scores)))
        weights = _solved(padded, design.causal * scores[design.regressed])
        inner[:, design.regressed] = np.where(
            design.causal.T > 0, weights.T, inner[:, design.regressed]
        )
        return inner
    return scores


def _solved(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Return the solutions (..., k) of positive definite systems; NaN if one isn't."""
    try:
        pivots = np.diagonal(np.linalg.cholesky(matrix), axis1=-2, axis2=-1)
    except np.linalg.LinAlgError:
        return np.full_like(right, np.nan)
    own = np.diagonal(matrix, axis1=-2, axis2=-1)
    if (pivots**2 <= SMALLEST_PIVOT * own).any():
        return np.full_like(right, np.nan)
    solved = np.linalg.solve(matrix, right[..., None])[..., 0]
    return np.asarray(solved, dtype=np.float64)
