"""The discrepancy of all groups as a function of one parameter vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.cbsem.discrepancy import Discrepancy, Point
from csindex.kernels.cbsem.ram import Implied, Ram, implied


@dataclass(frozen=True, eq=False)
class Objective:
    r"""A weighted sum of the groups' discrepancies.

    Attributes
    ----------
    groups : sequence of Ram
        The structure of each group; all slots point into one theta.
    samples : sequence of Discrepancy
        The discrepancy of each group, from a stack of b samples.
    shares : ndarray of shape (b, g)
        Share of each group in the sample size, :math:`n_g / N`.
    size : int
        Length t of theta.
    """

    groups: Sequence[Ram]
    samples: Sequence[Discrepancy]
    shares: FloatArray
    size: int

    def at(self, theta: FloatArray) -> ObjectivePoint:
        """Return the objective at parameters.

        Parameters
        ----------
        theta : ndarray of shape (b, t)
            Parameters, one vector per sample.

        Returns
        -------
        ObjectivePoint
            Value and, on demand, derivatives.
        """
        return self.point(theta, [implied(ram, theta) for ram in self.groups])

    def point(self, theta: FloatArray, made: Sequence[Implied]) -> ObjectivePoint:
        """Return the objective at parameters whose implied moments are known.

        Parameters
        ----------
        theta : ndarray of shape (b, t)
            Parameters, one vector per sample.
        made : sequence of Implied
            What they imply for each group.

        Returns
        -------
        ObjectivePoint
            Value and, on demand, derivatives.
        """
        points = [s.at(i) for s, i in zip(self.samples, made, strict=True)]
        return ObjectivePoint(self, theta, points, self.shares)

    def chosen(self, members: BoolArray | IntArray) -> Objective:
        """Return the objective of some of the samples."""
        return Objective(
            self.groups,
            [sample.chosen(members) for sample in self.samples],
            self.shares[members],
            self.size,
        )


@dataclass(frozen=True, eq=False)
class ObjectivePoint:
    """The objective at parameters, with derivatives by parameter.

    Attributes
    ----------
    objective : Objective
        Where it comes from.
    theta : ndarray of shape (b, t)
        The parameters.
    points : sequence of Point
        The groups' discrepancies.
    shares : ndarray of shape (b, g)
        The groups' shares.
    """

    objective: Objective
    theta: FloatArray
    points: Sequence[Point]
    shares: FloatArray

    @cached_property
    def value(self) -> FloatArray:
        """The objective, shape (b,)."""
        if len(self.points) == 1:
            return self.points[0].value
        return np.asarray(
            sum(
                share * point.value
                for share, point in zip(self.shares.T, self.points, strict=True)
            )
        )

    def chosen(self, members: BoolArray | IntArray) -> ObjectivePoint:
        """Return some members of the stack."""
        return ObjectivePoint(
            self.objective,
            self.theta[members],
            [point.chosen(members) for point in self.points],
            self.shares[members],
        )

    def gradient(self) -> FloatArray:
        """Return first derivatives, shape (b, t)."""
        return self._gradient

    def expected(self) -> FloatArray:
        """Return the Hessian of a true model, shape (b, t, t)."""
        return self._expected

    def observed(self) -> FloatArray:
        """Return the Hessian, shape (b, t, t)."""
        return self._summed(lambda point: point.observed(), 2)

    # a step that fails is followed by another from the same point
    @cached_property
    def _gradient(self) -> FloatArray:
        return self._summed(lambda point: point.gradient(), 1)

    @cached_property
    def _expected(self) -> FloatArray:
        return self._summed(lambda point: point.expected(), 2)

    def _summed(self, part: Callable[[Point], FloatArray], axes: int) -> FloatArray:
        size = self.objective.size
        if len(self.points) == 1:
            return by_parameter(self.objective.groups[0], part(self.points[0]), size)
        total = np.zeros((len(self.theta), *[size] * axes))
        for ram, point, share in zip(
            self.objective.groups, self.points, self.shares.T, strict=True
        ):
            by_slot = part(point)
            total += share.reshape((-1, *[1] * axes)) * by_parameter(ram, by_slot, size)
        return total


def by_parameter(ram: Ram, by_slot: FloatArray, size: int) -> FloatArray:
    """Return derivatives by parameter from those by slot.

    Parameters
    ----------
    ram : Ram
        The structure.
    by_slot : ndarray of shape (b, k) or (b, k, k)
        Derivatives by slot.
    size : int
        Number t of parameters.

    Returns
    -------
    ndarray of shape (b, t) or (b, t, t)
        Derivatives by parameter.
    """
    if ram.identity and len(ram.parameter) == size:
        return by_slot
    spread = ram.spread(size)
    if by_slot.ndim == 2:
        return np.asarray(by_slot @ spread)
    return np.asarray(spread.T @ by_slot @ spread)
