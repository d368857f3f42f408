"""The partial least squares algorithm on a stack of moment matrices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations
from typing import Literal

import numpy as np

from csindex.kernels.arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    from_slab,
    to_slab,
)
from csindex.kernels.linalg import (
    are_definite,
    solve_correlations,
    solve_positive,
)
from csindex.kernels.scores import block_slices

Scheme = Literal["path", "factorial", "centroid"]

# stacks of at most so many members are estimated one by one, on plain matrices: fewer
# calls per iteration outweigh the loop
_FEW = 3
# members that have ended leave the stack when they are this share of it: earlier,
# copying costs more than it saves
_ENDED_SHARE = 0.3
# the slab never gets narrower than this by itself: sums over few columns are added in
# another order, and a member's last digits would depend on its company
_NARROWEST = 32
# index lists that are kept, because the same model is fitted many times
_DESIGNS = 64


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
    items : ndarray of shape (p, j)
        One where item p belongs to construct j.
    blocks : tuple of slice
        Items of each construct.
    sources, neighbours : tuple of ndarray of int
        Causes of each construct; its causes, and behind them its effects.
    mode_b : tuple of bool
        Whether each construct's weights are of regressions.
    scheme : str
        Inner weighting scheme.
    regressed : ndarray of int of shape (m,)
        Constructs with more than one cause.
    causal : ndarray of shape (m, j)
        One for the causes of each of them.
    causes : ndarray of shape (m, j, j)
        One for the pairs of these causes.
    rivals : tuple of (int, int)
        Causes of a common effect that no path joins, the smaller position first.
    owners : ndarray of int of shape (p,)
        Construct of each item.
    """

    items: FloatArray
    blocks: tuple[slice, ...]
    sources: tuple[IntArray, ...]
    neighbours: tuple[IntArray, ...]
    mode_b: tuple[bool, ...]
    scheme: Scheme
    regressed: IntArray
    causal: FloatArray
    causes: FloatArray
    rivals: tuple[tuple[int, int], ...]
    owners: IntArray

    @cached_property
    def plain(self) -> FloatArray:
        """One where an inner weight is a plain correlation of scores, (j, j)."""
        near = np.zeros((len(self.blocks), len(self.blocks)))
        for j, neighbours in enumerate(self.neighbours):
            near[neighbours, j] = 1.0
        if self.scheme == "path":
            near[:, self.regressed] *= 1.0 - self.causal.T
        return near

    @cached_property
    def padding(self) -> FloatArray:
        """What brings the causes' correlations to one size, shape (m, j, j)."""
        return np.eye(len(self.blocks)) * (1.0 - self.causes)


@dataclass(frozen=True, eq=False)
class _Found:
    """Weights (p, b), convergence (b,) and iterations (b,) of a slab's members."""

    weights: FloatArray
    converged: BoolArray
    iterations: IntArray


@dataclass(frozen=True, eq=False)
class _Parts:
    """The parts of a slab that the iteration needs.

    Attributes
    ----------
    own : tuple of ndarray of shape (k, k, b)
        Covariances within each construct's block.
    between : mapping of (int, int) to ndarray of shape (k, m, b)
        Covariances between two blocks, once for each pair of constructs that a path
        joins or that have an effect in common.
    inverses : mapping of int to ndarray of shape (k, k, b)
        The inverse of each mode B block.
    """

    own: tuple[FloatArray, ...]
    between: dict[tuple[int, int], FloatArray]
    inverses: dict[int, FloatArray]

    def of(self, i: int, j: int) -> FloatArray:
        """Return the covariances of block i (rows) with block j."""
        if i < j:
            return self.between[i, j]
        return self.between[j, i].swapaxes(0, 1)

    def kept(self, chosen: IntArray) -> _Parts:
        """Return the parts of some members only."""
        return _Parts(
            tuple(part.take(chosen, axis=2) for part in self.own),
            {pair: part.take(chosen, axis=2) for pair, part in self.between.items()},
            {j: part.take(chosen, axis=2) for j, part in self.inverses.items()},
        )


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
    design = _design(
        np.ascontiguousarray(blocks, dtype=np.float64).tobytes(),
        np.ascontiguousarray(structure, dtype=np.float64).tobytes(),
        tuple(mode_b.tolist()),
        scheme,
    )
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


@lru_cache(maxsize=_DESIGNS)
def _design(
    items: bytes, arrows: bytes, modes: tuple[bool, ...], scheme: Scheme
) -> _Design:
    """Return the index lists of a model, given as the memory of its two arrays."""
    blocks = np.frombuffer(items).reshape(-1, len(modes))
    structure = np.frombuffer(arrows).reshape(len(modes), len(modes))
    regressed = np.flatnonzero(structure.sum(axis=1) > 1)
    causal = structure[regressed]
    apart = (structure.T @ structure > 0) & (structure + structure.T == 0)
    first, second = np.nonzero(np.triu(apart, k=1))
    rivals = zip(first.tolist(), second.tolist(), strict=True)
    return _Design(
        blocks,
        tuple(block_slices(blocks)),
        tuple(np.flatnonzero(row) for row in structure),
        tuple(
            np.concatenate([np.flatnonzero(row), np.flatnonzero(column)])
            for row, column in zip(structure, structure.T, strict=True)
        ),
        tuple((np.array(modes) & (blocks.sum(axis=0) > 1)).tolist()),
        scheme,
        regressed,
        causal,
        causal[:, :, None] * causal[:, None, :],
        tuple(rivals) if scheme == "path" else (),
        np.argmax(blocks, axis=1),
    )


def _together(
    slab: FloatArray, design: _Design, tolerance: float, max_iterations: int
) -> _Found:
    """Iterate all members at once; those that have ended leave the slab."""
    found = _nothing(slab)
    parts = _parts(slab, design)
    live = np.arange(slab.shape[-1])
    ended = np.zeros(slab.shape[-1], dtype=np.bool_)
    weights = _scaled(np.ones(slab.shape[1:]), parts, design)
    # covariances of each construct's items with the neighbours' scores, in one memory
    room = [
        np.empty((len(near), block.stop - block.start, slab.shape[-1]))
        for near, block in zip(design.neighbours, design.blocks, strict=True)
    ]
    for step in range(1, max_iterations + 1):
        previous = weights
        weights = _scaled(_proxies(previous, parts, design, room), parts, design)
        np.subtract(weights, previous, out=previous)
        change = np.abs(previous, out=previous).sum(axis=0)
        # a NaN never converges: its member has ended, without convergence
        fresh = ~ended & (~(change >= tolerance) | (step == max_iterations))
        if not fresh.any():
            continue
        found.weights[:, live[fresh]] = weights[:, fresh]
        found.converged[live[fresh]] = change[fresh] < tolerance
        found.iterations[live[fresh]] = step
        ended |= fresh
        if ended.all():
            break
        lasting = ended.size - int(ended.sum())
        if lasting < (1 - _ENDED_SHARE) * ended.size and lasting >= _NARROWEST:
            kept = np.flatnonzero(~ended)
            parts = parts.kept(kept)
            weights = weights.take(kept, axis=1)
            room = [near[:, :, : kept.size] for near in room]
            live, ended = live[kept], ended[kept]
    return found


def _nothing(slab: FloatArray) -> _Found:
    """Return weights that have not been found yet."""
    return _Found(
        np.full(slab.shape[1:], np.nan),
        np.zeros(slab.shape[-1], dtype=np.bool_),
        np.zeros(slab.shape[-1], dtype=np.int64),
    )


def _parts(slab: FloatArray, design: _Design) -> _Parts:
    """Return the parts of a slab (p, p, b), without copying them."""
    blocks = design.blocks
    joined = {
        (min(i, j), max(i, j))
        for j, neighbours in enumerate(design.neighbours)
        for i in neighbours.tolist()
    }
    return _Parts(
        tuple(slab[block, block] for block in blocks),
        {(i, j): slab[blocks[i], blocks[j]] for i, j in joined.union(design.rivals)},
        _inverses(slab, design),
    )


def _inverses(slab: FloatArray, design: _Design) -> dict[int, FloatArray]:
    """Return the inverse (k, k, b) of each mode B block."""
    found: dict[int, FloatArray] = {}
    for j, block in enumerate(design.blocks):
        if design.mode_b[j]:
            part = slab[block, block]
            unit = np.broadcast_to(np.eye(len(part))[:, :, None], part.shape)
            found[j] = solve_positive(part, unit)
    return found


def _scaled(weights: FloatArray, parts: _Parts, design: _Design) -> FloatArray:
    """Return weights (p, b) scaled to scores of variance one."""
    factors = np.empty((len(design.blocks), weights.shape[-1]))
    for j, block in enumerate(design.blocks):
        own = weights[block]
        projected = np.einsum("khb,kb->hb", parts.own[j], own)
        np.einsum("hb,hb->b", projected, own, out=factors[j])
    np.divide(1.0, np.sqrt(factors, out=factors), out=factors)
    weights *= factors.take(design.owners, axis=0)
    return weights


def _proxies(
    weights: FloatArray, parts: _Parts, design: _Design, room: list[FloatArray]
) -> FloatArray:
    """Return unscaled new weights of shape (p, b) from the constructs' neighbours.

    ``room`` is overwritten, with one array of shape (n, k, b) for each construct.
    """
    own = [weights[block] for block in design.blocks]
    scores: dict[tuple[int, int], FloatArray] = {}
    for j, (neighbours, near) in enumerate(zip(design.neighbours, room, strict=True)):
        for slot, i in zip(near, neighbours.tolist(), strict=True):
            np.einsum("khb,kb->hb", parts.of(i, j), own[i], out=slot)
        sources = design.sources[j].tolist()
        found = np.einsum("nhb,hb->nb", near[: len(sources)], own[j])
        for i, score in zip(sources, found, strict=True):
            scores[i, j] = scores[j, i] = score
    for i, j in design.rivals:
        across = np.einsum("khb,kb->hb", parts.of(i, j), own[i])
        scores[i, j] = scores[j, i] = np.einsum("hb,hb->b", across, own[j])
    fresh = np.empty_like(weights)
    for j, (block, near) in enumerate(zip(design.blocks, room, strict=True)):
        inner = _inner_weights(scores, j, design)
        proxy = fresh[block]
        np.einsum("nb,nhb->hb", inner, near, out=proxy)
        if j in parts.inverses:
            fresh[block] = np.einsum("hkb,kb->hb", parts.inverses[j], proxy)
    return fresh


def _inner_weights(
    scores: dict[tuple[int, int], FloatArray], j: int, design: _Design
) -> FloatArray:
    """Return the weights (n, b) of a construct's neighbours in its inner proxy.

    The score correlations are those of neighbours, and of causes of one construct.
    """
    inner = np.stack([scores[i, j] for i in design.neighbours[j].tolist()])
    if design.scheme == "centroid":
        return np.sign(inner, out=inner)
    sources = design.sources[j].tolist()
    size = len(sources)
    if design.scheme == "path" and size > 1:
        corr = np.ones((size, size, inner.shape[-1]))
        for (k, first), (m, second) in combinations(enumerate(sources), 2):
            corr[k, m] = corr[m, k] = scores[first, second]
        inner[:size] = solve_correlations(corr, inner[:size])
    return inner


def _one_by_one(
    slab: FloatArray, design: _Design, tolerance: float, max_iterations: int
) -> _Found:
    """Iterate one member after the other, on matrices W of shape (p, j)."""
    found = _nothing(slab)
    blocks, inverses = design.items, _inverses(slab, design)
    for member in range(slab.shape[-1]):
        matrix = np.ascontiguousarray(slab[:, :, member])
        fresh, weights = blocks, np.full(blocks.shape, np.nan)
        for step in range(max_iterations + 1):
            projections = matrix @ fresh
            factor = 1.0 / np.sqrt((fresh * projections).sum(axis=0))
            projections *= factor
            previous, weights = weights, fresh * factor
            change = np.abs(weights - previous).sum()
            # a NaN never converges; there is no change before the first step
            if step and not change >= tolerance:
                break
            scores = weights.T @ projections
            fresh = (projections @ _single_inner_weights(scores, design)) * blocks
            for j, inverse in inverses.items():
                block = design.blocks[j]
                fresh[block, j] = inverse[:, :, member] @ fresh[block, j]
        # causes that depend on each other have no regression, whatever it looked like
        if _is_regressed(design) and not _are_apart(weights.T @ projections, design):
            weights, change = np.full(blocks.shape, np.nan), np.nan
        found.weights[:, member] = weights.sum(axis=1)
        found.converged[member] = change < tolerance
        found.iterations[member] = step
    return found


def _is_regressed(design: _Design) -> bool:
    """Return whether some inner weights are those of a multiple regression."""
    return design.scheme == "path" and design.regressed.size > 0


def _are_apart(scores: FloatArray, design: _Design) -> bool:
    """Return whether no cause of a construct depends on its other causes."""
    return bool(are_definite(design.causes * scores + design.padding).all())


def _single_inner_weights(scores: FloatArray, design: _Design) -> FloatArray:
    """Return inner weights of shape (j, j) from score correlations."""
    if design.scheme == "centroid":
        return np.sign(scores) * design.plain
    inner = scores * design.plain
    if _is_regressed(design):
        # regressions of all targets at once, padded with ones to one size
        padded = design.causes * scores + design.padding
        right = design.causal * scores[design.regressed]
        try:
            weights = np.linalg.solve(padded, right[:, :, None])[:, :, 0]
        except np.linalg.LinAlgError:
            weights = np.full_like(right, np.nan)
        inner[:, design.regressed] += weights.T
    return inner
