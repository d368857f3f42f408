"""Generalised canonical correlations of blocks of items, on stacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray, from_slab, to_slab
from csindex.kernels.linalg import solve_correlations
from csindex.kernels.pls import OuterWeights
from csindex.kernels.scores import block_slices
from csindex.kernels.spectral import roots

CanonicalCriterion = Literal["sumcorr", "maxvar", "ssqcorr", "minvar", "genvar"]

# places of the eigenvectors, in ascending order, from which the search starts
_STARTS: dict[CanonicalCriterion, tuple[int, ...]] = {
    "sumcorr": (-1, -2, -3),
    "maxvar": (-1,),
    "ssqcorr": (-1, -2, -3),
    "minvar": (0,),
    "genvar": (-1, -2, 0),
}
# a direction of a shorter length is one of rounding
_SHORTEST = 1e-10
# a later start is better only beyond rounding
_BETTER = 1e-9


@dataclass(frozen=True, eq=False)
class _Found:
    """Directions, and how the search for them ended.

    Attributes
    ----------
    directions : ndarray of shape (p, b)
        Weights of the whitened items, of length one in each block.
    converged : ndarray of bool of shape (b,)
        Whether the last round changed every score less than the tolerance.
    iterations : ndarray of int of shape (b,)
        Rounds.
    """

    directions: FloatArray
    converged: BoolArray
    iterations: IntArray


def gcca(
    corr: FloatArray,
    blocks: FloatArray,
    criterion: CanonicalCriterion,
    tolerance: float,
    max_iterations: int,
) -> OuterWeights:
    r"""Return the weights whose scores are canonical by a criterion of Kettenring.

    Parameters
    ----------
    corr : ndarray of shape (..., p, p)
        Item correlations.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j; the items of one construct follow
        each other.
    criterion : {"sumcorr", "maxvar", "ssqcorr", "minvar", "genvar"}
        What the correlations of the scores shall do.
    tolerance : float
        Iteration ends when the change of no score has a standard deviation beyond it.
    max_iterations : int
        Iteration ends there in any case, as not converged.

    Returns
    -------
    OuterWeights
        Weights of scores with variance one, with the signs that the criterion gives
        them; NaN where items of a construct depend on each other, or where the
        criterion doesn't depend on a construct. ``maxvar`` and ``minvar`` take one
        step.

    Notes
    -----
    With :math:`S_{ij}` the correlations between the items of two constructs and
    :math:`R_{ij} = S_{ii}^{-1/2} S_{ij} S_{jj}^{-1/2}`, the scores of :math:`w_j =
    S_{jj}^{-1/2} y_j`, :math:`y_j'y_j = 1`, have the correlations :math:`\phi_{ij} =
    y_i' R_{ij} y_j`. The first eigenvector of :math:`R`, block by block, makes the
    largest eigenvalue of :math:`\Phi` largest (``maxvar``), the last one the smallest
    eigenvalue smallest (``minvar``). For the others, construct by construct,

    .. math:: y_j \propto \sum_{i \ne j} m_{ij} R_{ji} y_i

    with :math:`m_{ij} = 1` for the largest :math:`\sum \phi_{ij}` (``sumcorr``),
    :math:`\phi_{ij}` for the largest :math:`\sum \phi_{ij}^2` (``ssqcorr``), and the
    coefficients of the regression of score j on the others for the smallest
    :math:`\det \Phi` (``genvar``). No step makes the criterion worse, but the end may
    be a local optimum: the search starts from three eigenvectors of :math:`R`, and the
    best end is returned.

    References
    ----------
    Kettenring (1971), Biometrika 58(3).
    """
    slices = block_slices(blocks)
    flat = corr.reshape((-1, *corr.shape[-2:]))
    with np.errstate(invalid="ignore", divide="ignore"):
        turning = _turning(flat, slices)
        whitened = turning @ flat @ turning
        starts = _starts(whitened, criterion)
        found = (
            _closed_form(starts[:, 0], slices)
            if starts.shape[1] == 1
            else _best(whitened, slices, criterion, starts, tolerance, max_iterations)
        )
    own = np.einsum("bhk,kb->hb", turning, found.directions)
    own[:, ~np.isfinite(own).all(axis=0)] = np.nan
    weights = np.where(blocks[:, :, None] > 0, own[:, None, :], 0.0)
    batch = corr.shape[:-2]
    return OuterWeights(
        from_slab(weights, batch),
        from_slab(found.converged, batch),
        from_slab(found.iterations, batch),
    )


def _turning(flat: FloatArray, slices: list[slice]) -> FloatArray:
    """Return the inverse roots of the blocks of correlations (b, p, p)."""
    turning = np.zeros_like(flat)
    for block in slices:
        turning[:, block, block] = roots(flat[:, block, block]).inverse
    return turning


def _starts(whitened: FloatArray, criterion: CanonicalCriterion) -> FloatArray:
    """Return the eigenvectors (p, s, b) that the criterion starts from."""
    known = np.isfinite(whitened).all(axis=(-2, -1), keepdims=True)
    unit = np.eye(whitened.shape[-1])
    vectors = np.linalg.eigh(np.where(known, whitened, unit))[1]
    places = [max(place, -len(unit)) for place in _STARTS[criterion]]
    return np.moveaxis(np.where(known, vectors[..., places], np.nan), 0, -1)


def _closed_form(vectors: FloatArray, slices: list[slice]) -> _Found:
    """Return the directions of eigenvectors (p, b)."""
    directions = np.concatenate([_scaled(vectors[block]) for block in slices])
    done = np.isfinite(directions).all(axis=0)
    return _Found(directions, done, done.astype(np.int64))


def _best(
    whitened: FloatArray,
    slices: list[slice],
    criterion: CanonicalCriterion,
    starts: FloatArray,
    tolerance: float,
    max_iterations: int,
) -> _Found:
    """Return the best end of all searches, one from each start (p, s, b)."""
    _, count, size = starts.shape
    slab = np.tile(to_slab(whitened, 2), count)
    directions = starts.reshape(len(starts), -1).copy()
    for block in slices:
        # a start may leave a construct out; the search must not
        begun = _scaled(directions[block])
        level = np.full_like(begun, 1 / np.sqrt(len(begun)))
        absent = np.isfinite(directions[block]) & ~np.isfinite(begun)
        directions[block] = np.where(absent, level, begun)
    found = _search(slab, slices, criterion, directions, tolerance, max_iterations)
    values = _value(slab, slices, criterion, found.directions).reshape(count, size)
    values = np.where(np.isfinite(values), values, -np.inf)
    # the first of those that are equally good but for rounding
    chosen = np.argmax(values >= values.max(axis=0) - _BETTER, axis=0)
    places = chosen * size + np.arange(size)
    return _Found(
        found.directions[:, places], found.converged[places], found.iterations[places]
    )


def _search(
    slab: FloatArray,
    slices: list[slice],
    criterion: CanonicalCriterion,
    directions: FloatArray,
    tolerance: float,
    max_iterations: int,
) -> _Found:
    """Return what the rounds lead to; finished members leave the slab (p, p, b)."""
    size = slab.shape[-1]
    found = _Found(
        np.full_like(directions, np.nan),
        np.zeros(size, dtype=np.bool_),
        np.zeros(size, dtype=np.int64),
    )
    live, current = np.arange(size), directions.copy()
    for step in range(1, max_iterations + 1):
        previous = current.copy()
        _round(current, slab, slices, criterion)
        moved = (current - previous) ** 2
        change = np.sqrt(np.max([moved[block].sum(axis=0) for block in slices], axis=0))
        # a NaN never converges: its member has ended, without convergence
        ended = ~(change > tolerance) | (step == max_iterations)
        if not ended.any():
            continue
        found.directions[:, live[ended]] = current[:, ended]
        found.converged[live[ended]] = change[ended] <= tolerance
        found.iterations[live[ended]] = step
        if ended.all():
            break
        live, current = live[~ended], current[:, ~ended]
        slab = np.compress(~ended, slab, axis=2)
    return found


def _round(
    directions: FloatArray,
    slab: FloatArray,
    slices: list[slice],
    criterion: CanonicalCriterion,
) -> None:
    """Renew the directions (p, b) of one construct after the other, in place."""
    covs = _covariances(directions, slab, slices)
    scores = _score_correlations(covs, directions, slices)
    for j, block in enumerate(slices):
        others = [i for i in range(len(slices)) if i != j]
        asked = covs[others, block]
        if criterion != "sumcorr":
            inner = scores[others, j]
            if criterion == "genvar":
                inner = solve_correlations(scores[np.ix_(others, others)], inner)
            asked = asked * inner[:, None]
        directions[block] = _scaled(asked.sum(axis=0))
        np.einsum("khb,kb->hb", slab[block], directions[block], out=covs[j])
        scores[j] = scores[:, j] = _block_sums(covs[j] * directions, slices)


def _covariances(
    directions: FloatArray, slab: FloatArray, slices: list[slice]
) -> FloatArray:
    """Return the covariances (j, p, b) of every score with every whitened item."""
    return np.stack(
        [np.einsum("khb,kb->hb", slab[block], directions[block]) for block in slices]
    )


def _score_correlations(
    covs: FloatArray, directions: FloatArray, slices: list[slice]
) -> FloatArray:
    """Return the correlations (j, j, b) of the scores."""
    return np.stack([_block_sums(cov * directions, slices) for cov in covs])


def _block_sums(values: FloatArray, slices: list[slice]) -> FloatArray:
    """Return the sums (j, b) of the values (p, b) of each block."""
    return np.asarray(np.add.reduceat(values, [block.start for block in slices]))


def _value(
    slab: FloatArray,
    slices: list[slice],
    criterion: CanonicalCriterion,
    directions: FloatArray,
) -> FloatArray:
    """Return what the search makes large, shape (b,)."""
    covs = _covariances(directions, slab, slices)
    scores = _score_correlations(covs, directions, slices)
    if criterion == "genvar":
        return -np.asarray(np.linalg.det(np.moveaxis(scores, -1, 0)))
    power = {"sumcorr": 1, "ssqcorr": 2}[criterion]
    return np.asarray((scores**power).sum(axis=(0, 1)))


def _scaled(vectors: FloatArray) -> FloatArray:
    """Return vectors (k, b) of length one; NaN where there is only rounding."""
    length = np.sqrt((vectors**2).sum(axis=0))
    return vectors / np.where(length > _SHORTEST, length, np.nan)
