"""Minimising a stack of discrepancies: Fisher scoring, then Newton, with damping.

References
----------
Lee & Jennrich (1979), Psychometrika 44(1) (scoring); Nocedal & Wright (2006), Numerical
Optimization, chapters 4 and 10 (damping).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.cbsem.objective import Objective, ObjectivePoint
from csindex.kernels.inverse import FEW, solve_positive_few

# Newton steps begin where no parameter's score, in units of its information, is larger
_NEAR = 0.02
# squared distance to the optimum, in units of one observation's standard errors
_DONE, _DONE_SCORING = 1e-12, 1e-22
# a change of the objective that is nothing but rounding
_ROUNDING = 1e-13
_HARDEST = 1e12


@dataclass(frozen=True, eq=False)
class Optimum:
    """The minima of a stack of objectives.

    Attributes
    ----------
    theta : ndarray of shape (b, t)
        Parameters.
    value : ndarray of shape (b,)
        The objective.
    converged : ndarray of bool of shape (b,)
        Whether the minimum was reached.
    iterations : ndarray of int of shape (b,)
        Steps taken or tried.
    """

    theta: FloatArray
    value: FloatArray
    converged: BoolArray
    iterations: IntArray


def minimise(
    objective: Objective,
    start: FloatArray,
    basis: FloatArray | None = None,
    most: int = 200,
) -> Optimum:
    """Minimise a stack of objectives.

    Parameters
    ----------
    objective : Objective
        The objectives of b samples.
    start : ndarray of shape (b, t)
        Where to start.
    basis : ndarray of shape (t, m), optional
        Directions in which theta may move, where linear constraints hold.
    most : int
        Steps at most.

    Returns
    -------
    Optimum
        The minima; NaN where the objective isn't defined at the start.
    """
    b = len(start)
    found = Optimum(
        start.copy(), np.full(b, np.nan), np.zeros(b, np.bool_), np.full(b, most)
    )
    state = _State(
        objective,
        objective.at(start),
        np.zeros(b),
        np.zeros(b, np.bool_),
        np.arange(b),
        np.zeros((b, start.shape[1] if basis is None else basis.shape[1])),
    )
    usable = np.asarray(np.isfinite(state.point.value))
    found.theta[~usable] = np.nan
    state = _kept(state, usable)
    for iteration in range(1, most + 1):
        if not len(state.members):
            break
        state, done = _step(state, basis)
        left = done | (state.damping > _HARDEST)
        if left.any():
            found.iterations[state.members[left]] = iteration
            found.converged[state.members[done]] = True
            _note(found, state)
            state = _kept(state, ~left)
    _note(found, state)
    return found


def _note(found: Optimum, state: _State) -> None:
    """Note where the members are."""
    found.theta[state.members] = state.point.theta
    found.value[state.members] = state.point.value


@dataclass(frozen=True, eq=False)
class _State:
    """The members that are still moving.

    ``damping`` (b,) is Levenberg and Marquardt's; ``careful`` (b,) says where Newton's
    step failed, so that scoring takes over; ``members`` (b,) are their positions;
    ``scale`` (b, m) is the diagonal of the last expected Hessian, zero before.
    """

    objective: Objective
    point: ObjectivePoint
    damping: FloatArray
    careful: BoolArray
    members: IntArray
    scale: FloatArray


@dataclass(frozen=True, eq=False)
class _Steps:
    """Steps (b, m), and which of them (b,) are Newton's."""

    step: FloatArray
    newton: BoolArray


def _kept(state: _State, kept: BoolArray) -> _State:
    if kept.all():
        return state
    return _State(
        state.objective.chosen(kept),
        state.point.chosen(kept),
        state.damping[kept],
        state.careful[kept],
        state.members[kept],
        state.scale[kept],
    )


def _step(state: _State, basis: FloatArray | None) -> tuple[_State, BoolArray]:
    """Return the state after one step, and which members have arrived."""
    slope = _moved(state.point.gradient(), basis)
    steps, scale = _directions(state, slope, basis)
    step, newton = steps.step, steps.newton
    gain = -np.einsum("bm,bm->b", slope, step)
    change = step if basis is None else step @ basis.T
    theta = state.point.theta + change
    trial = state.objective.at(theta)
    before, after = state.point.value, trial.value
    slack = _ROUNDING * (1.0 + np.abs(before))
    better = after <= np.where(gain < 100 * slack, before + slack, before)
    damping = _next_damping(state.damping, better, np.isfinite(after))
    if better.all():
        point = trial
    elif not better.any():
        point = state.point
    else:
        point = state.objective.at(np.where(better[:, None], theta, state.point.theta))
    tiny = np.abs(gain) < np.where(newton, _DONE, _DONE_SCORING)
    done = better & tiny & (damping < 1.0)
    careful = ~better & newton
    moved = _State(state.objective, point, damping, careful, state.members, scale)
    return moved, done


def _next_damping(
    damping: FloatArray, better: BoolArray, finite: BoolArray
) -> FloatArray:
    """Return the damping (b,) after steps that made things better or not.

    A step beyond where the objective is defined was much too long.
    """
    if better.all() and not damping.any():
        return damping
    less = np.where(damping < 1e-6, 0.0, damping / 8)
    further = np.maximum(16 * damping, 0.016)
    more = np.where(finite, np.maximum(4 * damping, 1e-3), further)
    return np.where(better, less, more)


def _directions(
    state: _State, slope: FloatArray, basis: FloatArray | None
) -> tuple[_Steps, FloatArray]:
    """Return the steps, and the scale (b, m) of damping, renewed where scored.

    Newton's Hessian alone is computed where the last expected one says that the
    optimum is near.
    """
    near = _near(slope, state.scale) & ~state.careful
    if near.all():
        step = _newton_steps(state, slope, state.scale, near, basis)
        down = np.asarray((slope * step).sum(axis=1) < 0)
        if down.all():
            return _Steps(step, down), state.scale
    scale = state.scale.copy()
    newton = np.zeros(len(slope), np.bool_)
    step = np.zeros_like(slope)
    if near.any():
        step[near] = _newton_steps(state, slope, scale, near, basis)
        # uphill, where the Hessian isn't positive definite
        newton[near] = (slope[near] * step[near]).sum(axis=1) < 0
    rest = ~newton
    if rest.any():
        point = state.point if rest.all() else state.point.chosen(rest)
        hessian = _turned(point.expected(), basis)
        fresh = np.diagonal(hessian, axis1=1, axis2=2).copy()
        fresh[fresh <= 0] = 1.0
        scale[rest] = fresh
        damped = _damped(hessian, state.damping[rest], fresh)
        step[rest] = -solved(damped, slope[rest])
        close = rest & ~near & _near(slope, scale) & ~state.careful
        if close.any():
            exact = _newton_steps(state, slope, scale, close, basis)
            down = (slope[close] * exact).sum(axis=1) < 0
            step[close] = np.where(down[:, None], exact, step[close])
            newton[close] = down
    return _Steps(step, newton), scale


def _near(slope: FloatArray, scale: FloatArray) -> BoolArray:
    return np.asarray((np.abs(slope) < _NEAR * np.sqrt(scale)).all(axis=1))


def _newton_steps(
    state: _State,
    slope: FloatArray,
    scale: FloatArray,
    members: BoolArray,
    basis: FloatArray | None,
) -> FloatArray:
    """Return Newton's steps (b, m) of some members."""
    point = state.point if members.all() else state.point.chosen(members)
    exact = _turned(point.observed(), basis)
    damped = _damped(exact, state.damping[members], scale[members])
    return -solved(damped, slope[members])


def _damped(hessian: FloatArray, damping: FloatArray, scale: FloatArray) -> FloatArray:
    """Return Hessians (b, m, m) with a share of a scale (b, m) on their diagonals."""
    if not damping.any():
        return hessian
    found = hessian.copy()
    places = np.arange(hessian.shape[1])
    found[:, places, places] += damping[:, None] * scale
    return found


def solved(matrices: FloatArray, right: FloatArray) -> FloatArray:
    """Return solutions (b, m) of symmetric systems, the least ones if singular.

    Parameters
    ----------
    matrices : ndarray of shape (b, m, m)
        The matrices.
    right : ndarray of shape (b, m)
        The right-hand sides.

    Returns
    -------
    ndarray of shape (b, m)
        The solutions.
    """
    if len(matrices) < FEW:
        quick = solve_positive_few(matrices, right)
        if np.isfinite(quick).all():
            return quick
    try:
        found = np.linalg.solve(matrices, right[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        found = np.full_like(right, np.nan)
    lost = ~np.isfinite(found).all(axis=1)
    if lost.any():
        finite = lost & np.isfinite(matrices).all(axis=(1, 2))
        inverse = np.linalg.pinv(matrices[finite], hermitian=True)
        found[finite] = (inverse @ right[finite][:, :, None])[:, :, 0]
    return np.asarray(found)


def _moved(slope: FloatArray, basis: FloatArray | None) -> FloatArray:
    return slope if basis is None else np.asarray(slope @ basis)


def _turned(hessian: FloatArray, basis: FloatArray | None) -> FloatArray:
    return hessian if basis is None else np.asarray(basis.T @ hessian @ basis)
