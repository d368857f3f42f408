"""Minimising under nonlinear equalities and inequalities, one sample at a time.

References
----------
Nocedal & Wright (2006), Numerical Optimization, chapter 18 (sequential quadratic
programming).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.cbsem.objective import Objective
from csindex.kernels.cbsem.optimise import Optimum

# where constraints hold, and where the objective can't get lower
_FEASIBLE, _STATIONARY = 1e-9, 1e-11
_SHORTEST = 1e-10
# a search is given up if so many steps haven't brought the constraints nearer by 1 %
_PATIENCE, _NEARER = 25, 0.99


@dataclass(frozen=True, eq=False)
class Constraints:
    """Constraints at one parameter vector.

    Attributes
    ----------
    values : ndarray of shape (c,)
        Values of the constraints.
    slopes : ndarray of shape (c, t)
        Their derivatives.
    equal : ndarray of bool of shape (c,)
        Whether each must be zero; else it mustn't be negative.
    """

    values: FloatArray
    slopes: FloatArray
    equal: BoolArray

    @property
    def violation(self) -> float:
        """Sum of what the constraints lack."""
        lacking = np.where(
            self.equal, np.abs(self.values), np.maximum(-self.values, 0.0)
        )
        return float(lacking.sum())


def minimise_constrained(
    objective: Objective,
    start: FloatArray,
    constraints: Callable[[FloatArray], Constraints],
    most: int = 200,
) -> Optimum:
    """Minimise a stack of objectives under constraints.

    Parameters
    ----------
    objective : Objective
        The objectives of b samples.
    start : ndarray of shape (b, t)
        Where to start.
    constraints : callable
        From a parameter vector (t,) to the constraints there.
    most : int
        Steps at most.

    Returns
    -------
    Optimum
        The minima. A search that doesn't get nearer to what the constraints ask for,
        as when they contradict each other, ends early and hasn't converged.
    """
    members = [
        _search(objective.chosen(np.array([k])), start[k], constraints, most)
        for k in range(len(start))
    ]
    return Optimum(
        np.concatenate([member.theta for member in members]),
        np.concatenate([member.value for member in members]),
        np.concatenate([member.converged for member in members]),
        np.concatenate([member.iterations for member in members]),
    )


def _search(
    objective: Objective,
    start: FloatArray,
    constraints: Callable[[FloatArray], Constraints],
    most: int,
) -> Optimum:
    theta, penalty = start.copy(), 1.0
    point, held = objective.at(theta[None]), constraints(theta)
    converged, iteration = False, 0
    nearest, waited = held.violation, 0
    if not np.isfinite(point.value[0]):
        theta = np.full_like(theta, np.nan)
    while np.isfinite(theta).all() and iteration < most and not converged:
        iteration += 1
        hessian, slope = point.expected()[0], point.gradient()[0]
        step, forces = _quadratic(hessian, slope, held)
        penalty = max(penalty, 2 * float(np.abs(forces).max(initial=0.0)))
        merit = float(point.value[0]) + penalty * held.violation
        drop = float(slope @ step) - penalty * held.violation
        length, moved = 1.0, False
        while length > _SHORTEST and not moved:
            trial = theta + length * step
            there, lacking = objective.at(trial[None]), constraints(trial)
            after = float(there.value[0]) + penalty * lacking.violation
            slack = 1e-13 * (1 + abs(merit))
            moved = bool(after <= merit + 1e-4 * length * min(drop, 0.0) + slack)
            length /= 2
        if not moved:
            break
        size = float(step @ hessian @ step)
        theta, point, held = trial, there, lacking
        converged = size < _STATIONARY**2 / 1e-6 and held.violation < _FEASIBLE
        if held.violation < max(_NEARER * nearest, _FEASIBLE):
            nearest, waited = held.violation, 0
        waited += 1
        if waited > _PATIENCE and held.violation > _FEASIBLE:
            break
    return Optimum(
        theta[None],
        point.value,
        np.array([converged]),
        np.array([iteration]),
    )


def _quadratic(
    hessian: FloatArray, slope: FloatArray, held: Constraints
) -> tuple[FloatArray, FloatArray]:
    """Return the step of the quadratic model, and the constraints' multipliers.

    Inequalities join the active set while the step violates them, and leave it where
    they would pull instead of push.
    """
    active = held.equal | (held.values < 0)
    step, forces = np.zeros_like(slope), np.zeros(len(held.values))
    for _ in range(4 * len(held.values) + 4):
        step, multipliers = _saddle(hessian, slope, held, active)
        forces = np.zeros(len(held.values))
        forces[active] = multipliers
        wrong = active & ~held.equal & (forces < -1e-12)
        ahead = held.values + held.slopes @ step
        violated = ~active & ~held.equal & (ahead < -1e-12)
        if violated.any():
            active[np.argmin(np.where(violated, ahead, np.inf))] = True
        elif wrong.any():
            active[np.argmin(np.where(wrong, forces, np.inf))] = False
        else:
            break
    return step, forces


def _saddle(
    hessian: FloatArray, slope: FloatArray, held: Constraints, active: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Return the step on the active constraints, and their multipliers."""
    t, c = len(slope), int(active.sum())
    system = np.zeros((t + c, t + c))
    system[:t, :t] = hessian
    system[:t, t:] = -held.slopes[active].T
    system[t:, :t] = held.slopes[active]
    right = np.concatenate([-slope, -held.values[active]])
    try:
        found = np.linalg.solve(system, right)
    except np.linalg.LinAlgError:
        found = np.linalg.lstsq(system, right, rcond=None)[0]
    return found[:t], found[t:]
