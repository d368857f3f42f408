r"""Structures in which the variables behind ordinal items have variance one.

What makes them so is not a parameter but follows from the parameters: the residual
variance of such an item, or the factor that scales it. With :math:`\psi(\theta)` these
*derived* elements, :math:`h_i = \Sigma_{ii} - 1 = 0` the condition of item i, A and B
the derivatives of h by derived elements and by parameters:

.. math:: d\psi/d\theta = -A^{-1} B, \quad T = (I, d\psi/d\theta)'

The gradient is then T'g, and the Hessian :math:`T'(H - \sum_i \lambda_i H_i)T` with
:math:`\lambda = A'^{-1} g_\psi` and :math:`H_i` the Hessian of :math:`h_i`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.cbsem import derivatives
from csindex.kernels.cbsem.objective import Objective, ObjectivePoint, by_parameter
from csindex.kernels.cbsem.ram import (
    Implied,
    Ram,
    implied,
    intercepts,
    matrices,
    total_effects,
)


@dataclass(frozen=True, eq=False)
class Units:
    """What gives some items of a group variance one.

    Attributes
    ----------
    items : ndarray of int of shape (u,)
        The items, as positions among the observed variables.
    sources : ndarray of int of shape (u,)
        For each the variable whose residual variance is derived; or, where items are
        scaled, the variable that the item is a multiple of.
    derived : ndarray of int of shape (u,)
        Positions of the derived elements in the long parameter vector.
    scaled : bool
        Whether the factor from source to item is derived, not a variance.
    """

    items: IntArray
    sources: IntArray
    derived: IntArray
    scaled: bool

    def complete(self, ram: Ram, theta: FloatArray) -> Implied:
        """Fill in derived elements, and return what all of them imply.

        Parameters
        ----------
        ram : Ram
            The structure; derived elements are slots of it.
        theta : ndarray of shape (b, t)
            Long parameter vectors; derived elements are written into them.

        Returns
        -------
        Implied
            Moments, in which the items have variance one.
        """
        if not len(self.items):
            return implied(ram, theta)
        theta[:, self.derived] = 0.0
        arrows, joint = matrices(ram, theta)
        effects = total_effects(arrows, ram.depth)
        total = effects @ joint @ effects.transpose(0, 2, 1)
        if self.scaled:
            own = np.diagonal(total, axis1=1, axis2=2)[:, self.sources]
            with np.errstate(invalid="ignore", divide="ignore"):
                theta[:, self.derived] = 1 / np.sqrt(own)
            return implied(ram, theta)
        left = 1.0 - np.diagonal(total, axis1=1, axis2=2)[:, self.items]
        reach = effects[:, self.items[:, None], self.sources] ** 2
        finite = np.asarray(np.isfinite(reach).all(axis=(1, 2)))
        safe = np.where(finite[:, None, None], reach, np.eye(len(self.items)))
        variances = np.linalg.solve(safe, left[:, :, None])[:, :, 0]
        theta[:, self.derived] = np.where(finite[:, None], variances, np.nan)
        spread = effects[:, :, self.sources]
        total += (spread * theta[:, None, self.derived]) @ spread.transpose(0, 2, 1)
        levels = np.zeros(effects.shape[:2])
        if ram.means:
            levels = (effects @ intercepts(ram, theta)[:, :, None])[:, :, 0]
        return Implied(ram, effects, total, levels)

    def slopes(self, made: Implied, size: int) -> FloatArray:
        """Return derivatives of the items' variances, shape (b, u, t).

        Parameters
        ----------
        made : Implied
            Implied moments.
        size : int
            Length t of the long parameter vector.
        """
        ram = made.ram
        both = made.both[:, self.items]
        by_slot = 2 * ram.scale * both[:, :, ram.row] * both[:, :, ram.second]
        return np.asarray(by_slot @ ram.spread(size))


@dataclass(frozen=True, eq=False)
class UnitObjective(Objective):
    """An objective whose parameters have others derived from them.

    ``size`` is the length of the long vector: ``free`` parameters, then derived
    elements.

    Attributes
    ----------
    units : sequence of Units
        The derived elements of each group.
    free : int
        Number of parameters.
    """

    units: Sequence[Units] = ()
    free: int = 0

    def at(self, theta: FloatArray) -> UnitPoint:
        """Return the objective at parameters.

        Parameters
        ----------
        theta : ndarray of shape (b, free)
            Parameters, one vector per sample.

        Returns
        -------
        UnitPoint
            Value and, on demand, derivatives.
        """
        long, made = self.completed(theta)
        points = [s.at(i) for s, i in zip(self.samples, made, strict=True)]
        return UnitPoint(self, theta, points, self.shares, long, made)

    def completed(self, theta: FloatArray) -> tuple[FloatArray, list[Implied]]:
        """Return long parameter vectors (b, size), and what they imply by group."""
        long = np.zeros((len(theta), self.size))
        long[:, : self.free] = theta
        made = [
            units.complete(ram, long)
            for units, ram in zip(self.units, self.groups, strict=True)
        ]
        return long, made

    def chosen(self, members: BoolArray | IntArray) -> UnitObjective:
        """Return the objective of some of the samples."""
        return replace(
            self,
            samples=[sample.chosen(members) for sample in self.samples],
            shares=self.shares[members],
        )


@dataclass(frozen=True, eq=False)
class UnitPoint(ObjectivePoint):
    """The objective at parameters, with derivatives by parameter.

    Attributes
    ----------
    long : ndarray of shape (b, size)
        Parameters and derived elements.
    made : sequence of Implied
        What they imply, by group.
    """

    objective: UnitObjective
    long: FloatArray
    made: Sequence[Implied]

    def chosen(self, members: BoolArray | IntArray) -> Self:
        """Return some members of the stack."""
        return replace(
            self,
            theta=self.theta[members],
            points=[point.chosen(members) for point in self.points],
            shares=self.shares[members],
            long=self.long[members],
            made=[made.chosen(members) for made in self.made],
        )

    @cached_property
    def _conditions(self) -> list[tuple[FloatArray, FloatArray]]:
        """The matrices (A, B) of each group, (b, u, u) and (b, u, free)."""
        found = []
        for units, made in zip(self.objective.units, self.made, strict=True):
            slopes = units.slopes(made, self.objective.size)
            found.append(
                (slopes[:, :, units.derived], slopes[:, :, : self.objective.free])
            )
        return found

    @cached_property
    def turn(self) -> FloatArray:
        """Derivatives T (b, size, free) of the long vector by the parameters."""
        size, free = self.objective.size, self.objective.free
        found = np.zeros((len(self.theta), size, free))
        found[:, np.arange(free), np.arange(free)] = 1.0
        for units, (own, other) in zip(
            self.objective.units, self._conditions, strict=True
        ):
            if len(units.items):
                found[:, units.derived] = -np.linalg.solve(own, other)
        return found

    def gradient(self) -> FloatArray:
        """Return first derivatives, shape (b, free)."""
        return np.asarray((self._long_gradient[:, None] @ self.turn)[:, 0])

    def expected(self) -> FloatArray:
        """Return the Hessian of a true model, shape (b, free, free)."""
        return self._turned(super().expected())

    def observed(self) -> FloatArray:
        """Return the Hessian, shape (b, free, free)."""
        hessian = super().observed()
        for g, (units, made) in enumerate(
            zip(self.objective.units, self.made, strict=True)
        ):
            if not len(units.items):
                continue
            own = self._conditions[g][0].transpose(0, 2, 1)
            slope = self._long_gradient[:, units.derived, None]
            price = np.linalg.solve(own, slope)[:, :, 0]
            p = made.ram.observed
            omega = np.zeros((len(price), p, p))
            omega[:, units.items, units.items] = -2 * price
            none = np.zeros((len(price), p))
            hessian = hessian + by_parameter(
                made.ram,
                derivatives.bent(made, omega @ made.both, none),
                self.objective.size,
            )
        return self._turned(hessian)

    @cached_property
    def _long_gradient(self) -> FloatArray:
        """The gradient (b, size) by all elements of the long vector."""
        return super().gradient()

    def _turned(self, hessian: FloatArray) -> FloatArray:
        return np.asarray(self.turn.transpose(0, 2, 1) @ hessian @ self.turn)
