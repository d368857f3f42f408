"""Minimising many discrepancies whose minima lie near one point, by gradients alone.

Resamples, groups and simulated samples differ little from their average. From the
minimum and the Hessian of that average, quasi-Newton steps need gradients only; what
each step learns of the curvature is kept as pairs of vectors, not as matrices.

References
----------
Nocedal & Wright (2006), Numerical Optimization, algorithms 7.4 and 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.cbsem.objective import Objective
from csindex.kernels.cbsem.optimise import Optimum, minimise

# squared distance to the optimum before the last step, in units of one observation's
# standard errors; that step is too short to be seen in the objective
_DONE = 1e-15
_ROUNDING = 1e-13
# share of the promised decrease that a step must keep, and the shortest step
_KEPT, _SHORTEST = 1e-4, 1e-3
# steps at most, before scoring and Newton take over, and steps remembered
_STEPS, _MEMORY = 24, 24
# members that have arrived leave the stack when so many of them wait
_CROWDED = 0.1


def minimise_nearby(
    objective: Objective,
    start: FloatArray,
    hessian: FloatArray,
    basis: FloatArray | None = None,
    most: int = 200,
) -> Optimum:
    """Minimise a stack of objectives that resemble each other.

    Parameters
    ----------
    objective : Objective
        The objectives of b samples.
    start : ndarray of shape (b, t)
        Where to start, as the minimum of their average.
    hessian : ndarray of shape (t, t)
        The Hessian of their average there, positive definite in the directions of
        ``basis``.
    basis : ndarray of shape (t, m), optional
        Directions in which theta may move, where linear constraints hold.
    most : int
        Steps at most.

    Returns
    -------
    Optimum
        The minima. Members that don't arrive soon are left to `minimise`.
    """
    b = len(start)
    turn = np.eye(start.shape[1]) if basis is None else basis
    found = Optimum(
        start.copy(), np.full(b, np.nan), np.zeros(b, np.bool_), np.zeros(b, np.int64)
    )
    point = objective.at(start)
    usable = np.asarray(np.isfinite(point.value))
    found.theta[~usable] = np.nan
    found.iterations[~usable] = most
    search = _Search(
        objective,
        start,
        point.value,
        np.ascontiguousarray((point.gradient() @ turn).T),
        np.ones(b),
        np.arange(b),
    ).kept(usable)
    inverse: FloatArray = np.asarray(np.linalg.inv(turn.T @ hessian @ turn), float)
    pairs: list[_Pair] = []
    for _ in range(min(most, _STEPS)):
        step = _direction(search.slope, pairs, inverse)
        gain = -(search.slope * step).sum(axis=0)
        found.iterations[search.members[~found.converged[search.members]]] += 1
        done = (gain < _DONE) & (gain >= 0)
        _arrived(found, search, search.theta + (turn @ step).T, done)
        open_ = ~(done | (search.length < _SHORTEST) | (gain < 0))
        if not open_.any():
            break
        if open_.mean() < 1 - _CROWDED:
            search, step, gain = search.kept(open_), step[:, open_], gain[open_]
            pairs = [pair.kept(open_) for pair in pairs]
        else:
            # they wait, at rest
            step[:, ~open_] = 0.0
        search, pair = _moved(search, step, gain, turn)
        pairs = [*pairs[-_MEMORY + 1 :], pair]
    left = usable & ~found.converged
    if left.any():
        other = minimise(objective.chosen(left), found.theta[left], basis, most)
        found.theta[left] = other.theta
        found.value[left] = other.value
        found.converged[left] = other.converged
        found.iterations[left] += other.iterations
    return found


@dataclass(frozen=True, eq=False)
class _Pair:
    """A step (m, b), the change (m, b) of the slope by it, and 1 / their product.

    The inverse product (b,) is zero where a step taught nothing.
    """

    step: FloatArray
    change: FloatArray
    weight: FloatArray

    def kept(self, kept: BoolArray) -> _Pair:
        return _Pair(self.step[:, kept], self.change[:, kept], self.weight[kept])


@dataclass(frozen=True, eq=False)
class _Search:
    """Where the members are.

    ``theta`` is (b, t), ``slope`` (m, b), and ``length`` (b,) the share of a step that
    they try.
    """

    objective: Objective
    theta: FloatArray
    value: FloatArray
    slope: FloatArray
    length: FloatArray
    members: IntArray

    def kept(self, kept: BoolArray) -> _Search:
        if kept.all():
            return self
        return _Search(
            self.objective.chosen(kept),
            self.theta[kept],
            self.value[kept],
            self.slope[:, kept],
            self.length[kept],
            self.members[kept],
        )


def _direction(
    slope: FloatArray, pairs: Sequence[_Pair], inverse: FloatArray
) -> FloatArray:
    """Return quasi-Newton steps (m, b), by the two loops of limited memory."""
    left, work = slope.copy(), np.empty_like(slope)
    shares: list[FloatArray] = []
    for pair in reversed(pairs):
        share = pair.weight * np.multiply(pair.step, left, out=work).sum(axis=0)
        left -= np.multiply(share, pair.change, out=work)
        shares.append(share)
    step = inverse @ left
    for pair, share in zip(pairs, reversed(shares), strict=True):
        product = np.multiply(pair.change, step, out=work).sum(axis=0)
        share = share - pair.weight * product
        step += np.multiply(share, pair.step, out=work)
    return np.asarray(-step)


def _moved(
    search: _Search, step: FloatArray, gain: FloatArray, turn: FloatArray
) -> tuple[_Search, _Pair]:
    """Return the search after trying steps, and what they taught."""
    step = search.length * step
    theta = search.theta + (turn @ step).T
    point = search.objective.at(theta)
    value, slope = point.value, np.ascontiguousarray((point.gradient() @ turn).T)
    slack = _ROUNDING * (1.0 + np.abs(search.value))
    better = value <= search.value - _KEPT * search.length * gain + slack
    step = np.where(better, step, 0.0)
    change = np.where(better, slope - search.slope, 0.0)
    product = (step * change).sum(axis=0)
    taught = product > 0
    weight = np.where(taught, 1.0 / np.where(taught, product, 1.0), 0.0)
    moved = _Search(
        search.objective,
        np.where(better[:, None], theta, search.theta),
        np.where(better, value, search.value),
        np.where(better, slope, search.slope),
        np.where(better, 1.0, search.length / 4),
        search.members,
    )
    return moved, _Pair(step, change, weight)


def _arrived(
    found: Optimum, search: _Search, theta: FloatArray, done: BoolArray
) -> None:
    """Note who has arrived, once, and where everyone is."""
    new = done & ~found.converged[search.members]
    on = ~found.converged[search.members]
    found.theta[search.members[on]] = search.theta[on]
    found.value[search.members[on]] = search.value[on]
    found.theta[search.members[new]] = theta[new]
    found.converged[search.members[new]] = True
