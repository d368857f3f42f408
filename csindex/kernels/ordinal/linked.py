r"""Least squares of thresholds, means and covariances, where groups share thresholds.

The variable behind an ordinal item, :math:`y^*`, is scaled to variance one, :math:`y =
\delta y^*`. With the threshold :math:`\tau` of y* and the mean :math:`\mu` of y, the
threshold of a standard normal variable is :math:`\delta \tau - \mu`; that is what a
sample tells. Means of continuous items are :math:`\mu` themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.cbsem.derivatives import jacobian
from csindex.kernels.cbsem.discrepancy import WeightedPoint, stacked
from csindex.kernels.cbsem.ram import Implied
from csindex.kernels.cbsem.unit import UnitObjective, UnitPoint


@dataclass(frozen=True, eq=False)
class Levels:
    """What the m thresholds and means of a group are made of.

    Attributes
    ----------
    items : ndarray of int of shape (m,)
        The item of each, as its position among the observed variables.
    thresholds : ndarray of int of shape (m,)
        The threshold's position in the long parameter vector; -1 for a mean.
    factors : ndarray of int of shape (m,)
        That of the item's factor; -1 where it is one.
    """

    items: IntArray
    thresholds: IntArray
    factors: IntArray

    @cached_property
    def cut(self) -> BoolArray:
        """Which are thresholds, shape (m,)."""
        return np.asarray(self.thresholds >= 0)

    @cached_property
    def sign(self) -> FloatArray:
        """Minus one for thresholds, one for means, shape (m,)."""
        return np.where(self.cut, -1.0, 1.0)

    def parts(self, long: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return thresholds and factors (b, m); zero and one where there are none."""
        cuts = np.where(self.cut, long[:, self.thresholds], 0.0)
        return cuts, np.where(self.factors >= 0, long[:, self.factors], 1.0)

    def implied(self, long: FloatArray, mean: FloatArray) -> FloatArray:
        """Return implied thresholds and means.

        Parameters
        ----------
        long : ndarray of shape (b, size)
            Parameters and derived elements.
        mean : ndarray of shape (b, p)
            Implied means of the observed variables.

        Returns
        -------
        ndarray of shape (b, m)
            What a sample estimates.
        """
        cuts, factors = self.parts(long)
        return np.asarray(factors * cuts + self.sign * mean[:, self.items])

    def slopes(self, long: FloatArray, means: FloatArray) -> FloatArray:
        """Return derivatives of implied thresholds and means.

        Parameters
        ----------
        long : ndarray of shape (b, size)
            Parameters and derived elements.
        means : ndarray of shape (b, p, size)
            Derivatives of the implied means.

        Returns
        -------
        ndarray of shape (b, m, size)
            By the long parameter vector.
        """
        found = self.sign[:, None] * means[:, self.items]
        cuts, factors = self.parts(long)
        on, scaled = np.flatnonzero(self.cut), np.flatnonzero(self.factors >= 0)
        found[:, on, self.thresholds[on]] += factors[:, on]
        found[:, scaled, self.factors[scaled]] += cuts[:, scaled]
        return np.asarray(found)

    def bent(self, pull: FloatArray, size: int) -> FloatArray:
        """Return what products of factor and threshold add to a Hessian.

        Parameters
        ----------
        pull : ndarray of shape (b, m)
            Minus the derivative of the discrepancy by each implied value.
        size : int
            Length of the long parameter vector.

        Returns
        -------
        ndarray of shape (b, size, size)
            Zero but where thresholds meet factors.
        """
        found = np.zeros((len(pull), size, size))
        for k in np.flatnonzero(self.cut & (self.factors >= 0)):
            one, other = self.thresholds[k], self.factors[k]
            found[:, one, other] -= pull[:, k]
            found[:, other, one] -= pull[:, k]
        return found


@dataclass(frozen=True, eq=False)
class LevelSquares:
    """Weighted least squares of one group's thresholds, means and covariances.

    Attributes
    ----------
    values : ndarray of shape (b, m + s)
        Thresholds and means; then the upper triangle of the covariances, row by row.
    weight : ndarray of shape (b, m + s) or (b, m + s, m + s)
        Their weight W, or its diagonal; zero for variances of ordinal items.
    levels : Levels
        What the first m are.
    """

    values: FloatArray
    weight: FloatArray
    levels: Levels

    def chosen(self, members: BoolArray | IntArray) -> LevelSquares:
        """Return the discrepancy from some of the samples."""
        return LevelSquares(self.values[members], self.weight[members], self.levels)

    def at(self, implied: Implied, long: FloatArray) -> LevelPoint:
        """Return the discrepancy at parameters.

        Parameters
        ----------
        implied : Implied
            What the parameters imply.
        long : ndarray of shape (b, size)
            Parameters and derived elements.

        Returns
        -------
        LevelPoint
            Value and, on demand, derivatives by all of the vector.
        """
        fitted = np.concatenate(
            [
                self.levels.implied(long, implied.mean),
                stacked(implied.cov, implied.mean, means=False),
            ],
            axis=1,
        )
        apart = self.values - fitted
        if self.weight.ndim == 2:
            pull = self.weight * apart
        else:
            pull = (self.weight @ apart[:, :, None])[:, :, 0]
        value = 0.5 * (pull * apart).sum(axis=1)
        value = np.where(np.isfinite(value), value, np.inf)
        return LevelPoint(self.levels, implied, long, pull, self.weight, value)


@dataclass(frozen=True, eq=False)
class LevelPoint:
    """`LevelSquares` at parameters; derivatives are by the long vector.

    Attributes
    ----------
    levels : Levels
        What the thresholds and means are.
    implied : Implied
        What the parameters imply.
    long : ndarray of shape (b, size)
        Parameters and derived elements.
    pull : ndarray of shape (b, m + s)
        W times the residuals.
    weight : ndarray of shape (b, m + s) or (b, m + s, m + s)
        W, or its diagonal.
    value : ndarray of shape (b,)
        The discrepancy.
    """

    levels: Levels
    implied: Implied
    long: FloatArray
    pull: FloatArray
    weight: FloatArray
    value: FloatArray

    def chosen(self, members: BoolArray | IntArray) -> LevelPoint:
        """Return some members of the stack."""
        return LevelPoint(
            self.levels,
            self.implied.chosen(members),
            self.long[members],
            self.pull[members],
            self.weight[members],
            self.value[members],
        )

    @cached_property
    def slopes(self) -> FloatArray:
        """Derivatives of all implied statistics, shape (b, m + s, size)."""
        ram = self.implied.ram
        by_slot = jacobian(self.implied) @ ram.spread(self.long.shape[1])
        means, rest = by_slot[:, : ram.observed], by_slot[:, ram.observed :]
        return np.concatenate([self.levels.slopes(self.long, means), rest], axis=1)

    def gradient(self) -> FloatArray:
        """Return first derivatives, shape (b, size)."""
        return -np.asarray((self.pull[:, None] @ self.slopes)[:, 0])

    def expected(self) -> FloatArray:
        """Return the Hessian of a true model, shape (b, size, size)."""
        weighted = (
            self.weight[:, :, None] * self.slopes
            if self.weight.ndim == 2
            else self.weight @ self.slopes
        )
        return np.asarray(self.slopes.transpose(0, 2, 1) @ weighted)

    def observed(self) -> FloatArray:
        """Return the Hessian, shape (b, size, size)."""
        size, m = self.long.shape[1], len(self.levels.items)
        ram = self.implied.ram
        # thresholds pull at the means, too
        by_item = self.levels.items[:, None] == np.arange(ram.observed)
        means = (self.pull[:, :m] * self.levels.sign) @ by_item
        pull = np.concatenate([means, self.pull[:, m:]], axis=1)
        # without weight the Hessian of least squares is the model's curvature alone
        curved = WeightedPoint(self.implied, pull, np.zeros_like(pull), self.value)
        spread = ram.spread(size)
        bent = spread.T @ curved.observed() @ spread
        return self.expected() + bent + self.levels.bent(self.pull[:, :m], size)


@dataclass(frozen=True, eq=False)
class LinkedObjective(UnitObjective):
    """An objective of groups that share thresholds.

    Attributes
    ----------
    squares : sequence of LevelSquares
        The discrepancy of each group; ``samples``, of moments alone, are empty.
    """

    squares: Sequence[LevelSquares] = ()

    def at(self, theta: FloatArray) -> LinkedPoint:
        """Return the objective at parameters (b, free)."""
        long, made = self.completed(theta)
        points = [
            one.at(implied, long)
            for one, implied in zip(self.squares, made, strict=True)
        ]
        return LinkedPoint(self, theta, points, self.shares, long, made)

    def chosen(self, members: BoolArray | IntArray) -> LinkedObjective:
        """Return the objective of some of the samples."""
        return replace(
            self,
            squares=[one.chosen(members) for one in self.squares],
            shares=self.shares[members],
        )


@dataclass(frozen=True, eq=False)
class LinkedPoint(UnitPoint):
    """The objective at parameters; the groups' ``points`` know the long vector."""

    objective: LinkedObjective
    points: Sequence[LevelPoint]

    def _summed(
        self, part: Callable[[LevelPoint], FloatArray], axes: int
    ) -> FloatArray:
        total = np.zeros((len(self.theta), *[self.objective.size] * axes))
        for point, share in zip(self.points, self.shares.T, strict=True):
            total += share.reshape((-1, *[1] * axes)) * part(point)
        return total
