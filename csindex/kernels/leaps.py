"""Squared extrapolation of fixed-point iterations on means and covariances.

Varadhan & Roland (2008), Scandinavian Journal of Statistics 35(2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray

# a leap goes at most this many times as far as a step, and is taken back if the next
# step is this many times as long as the one before
LONGEST_LEAP = 16.0
ASTRAY = 4.0


@dataclass(frozen=True, eq=False)
class State:
    """Means (p, b) and covariances (p, p, b)."""

    mean: FloatArray
    cov: FloatArray

    def chosen(self, kept: BoolArray) -> State:
        """Return some members."""
        return State(self.mean[:, kept], self.cov[..., kept])


@dataclass(frozen=True, eq=False)
class Path:
    """Where the iterations are, and where the last two steps began.

    After each two steps there is a leap along them; ``safe`` is the state before the
    leap and ``moved`` (b,) the length of the first step after the leap before it.
    """

    state: State
    start: State
    safe: State
    moved: FloatArray

    def chosen(self, kept: BoolArray) -> Path:
        """Return some members."""
        return Path(
            self.state.chosen(kept),
            self.start.chosen(kept),
            self.safe.chosen(kept),
            self.moved[kept],
        )


def begun(state: State) -> Path:
    """Return the beginning of a path.

    Parameters
    ----------
    state : State
        Where it begins.

    Returns
    -------
    Path
        No steps yet.
    """
    return Path(state, state, state, np.full(state.mean.shape[-1], np.inf))


def definite(state: State) -> BoolArray:
    """Return whether covariances can be inverted.

    Parameters
    ----------
    state : State
        The states.

    Returns
    -------
    ndarray of bool of shape (b,)
        True where the matrix is of full rank and its variances positive.
    """
    variances = np.einsum("iib->ib", state.cov)
    known = np.moveaxis(np.nan_to_num(state.cov), -1, 0)
    return np.asarray((np.linalg.slogdet(known)[0] > 0) & (variances > 0).all(axis=0))


def largest_move(before: State, after: State) -> FloatArray:
    """Return the largest change of a mean or covariance.

    Parameters
    ----------
    before, after : State
        The states.

    Returns
    -------
    ndarray of shape (b,)
        Changes.
    """
    means = np.abs(after.mean - before.mean).max(axis=0)
    return np.asarray(
        np.maximum(means, np.abs(after.cov - before.cov).max(axis=(0, 1)))
    )


def first_step(path: Path, after: State, moved: FloatArray) -> Path:
    """Go the first step of two; or go back, if the last leap led astray.

    Parameters
    ----------
    path : Path
        Where the iterations are.
    after : State
        The state after the step.
    moved : ndarray of shape (b,)
        Length of the step.

    Returns
    -------
    Path
        Where they go on.
    """
    astray = ~(moved <= ASTRAY * path.moved)
    start = _either(astray, path.safe, path.state)
    state = _either(astray, path.safe, after)
    return Path(state, start, path.safe, np.where(astray, path.moved, moved))


def second_step(path: Path, after: State) -> Path:
    """Go the second step, and leap where both of them point to.

    Parameters
    ----------
    path : Path
        Where the iterations are.
    after : State
        The state after the step.

    Returns
    -------
    Path
        Where they go on.
    """
    first = _difference(path.state, path.start)
    bend = _difference(_difference(after, path.state), first)
    with np.errstate(invalid="ignore", divide="ignore"):
        length = np.nan_to_num(np.sqrt(_norm(first) / _norm(bend)), nan=1.0)
    length = np.clip(length, 1.0, LONGEST_LEAP)
    leap = State(
        path.start.mean + 2 * length * first.mean + length**2 * bend.mean,
        path.start.cov + 2 * length * first.cov + length**2 * bend.cov,
    )
    state = _either(definite(leap), leap, after)
    return Path(state, state, after, path.moved)


def _difference(one: State, other: State) -> State:
    return State(one.mean - other.mean, one.cov - other.cov)


def _norm(state: State) -> FloatArray:
    return np.asarray((state.mean**2).sum(axis=0) + (state.cov**2).sum(axis=(0, 1)))


def _either(chosen: BoolArray, one: State, other: State) -> State:
    return State(
        np.where(chosen, one.mean, other.mean), np.where(chosen, one.cov, other.cov)
    )
