"""A fitted covariance structure: parameters, information and chi-square as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from csindex.estimation.cbsem.methods import Method
from csindex.estimation.cbsem.standardizing import standardized
from csindex.estimation.cbsem.table import ParameterTable, null_space
from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.cbsem.discrepancy import (
    Discrepancy,
    Likelihood,
    MatrixSquares,
    WeightedSquares,
    stacked,
)
from csindex.kernels.cbsem.fiml import PatternLikelihood
from csindex.kernels.cbsem.objective import Objective, ObjectivePoint
from csindex.kernels.cbsem.ram import Implied, implied
from csindex.kernels.inverse import FEW, inverse_positive
from csindex.kernels.pattern_sums import PatternSums

# a bound is reached within this
REACHED = 1e-7


@dataclass(frozen=True, eq=False)
class Sample:
    """One group's moments, in a stack of b.

    Attributes
    ----------
    cov : ndarray of shape (b, p, p)
        Covariances with divisor n - 1.
    mean : ndarray of shape (b, p)
        Means.
    n : ndarray of shape (b,)
        Numbers of respondents.
    weight : ndarray of shape (b, s, s) or (b, s), optional
        Weight of the stacked moments, for weighted least squares.
    patterns : PatternSums, optional
        The rows by pattern of gaps, where answers are missing; the moments are then
        those of the unrestricted model.
    """

    cov: FloatArray
    mean: FloatArray
    n: FloatArray
    weight: FloatArray | None = None
    patterns: PatternSums | None = None

    def chosen(self, members: BoolArray | IntArray) -> Sample:
        """Return some members of the stack."""
        weight = None if self.weight is None else self.weight[members]
        patterns = None if self.patterns is None else self.patterns.chosen(members)
        return Sample(
            self.cov[members], self.mean[members], self.n[members], weight, patterns
        )

    def used_cov(self, method: Method) -> FloatArray:
        """Return the covariances that a method fits, shape (b, p, p)."""
        if not method.likelihood:
            return self.cov
        return np.asarray(self.cov * ((self.n - 1) / self.n)[:, None, None])

    def discrepancy(self, method: Method, means: bool) -> Discrepancy:
        """Return what a method minimises."""
        cov = self.used_cov(method)
        if self.patterns is not None and method.missing == "fiml":
            return PatternLikelihood(self.patterns, self.patterns.value(self.mean, cov))
        if method.discrepancy == "ML":
            return Likelihood.of(cov, self.mean)
        if method.weighted:
            assert_weight = np.empty(0) if self.weight is None else self.weight
            return WeightedSquares(stacked(cov, self.mean, means), assert_weight)
        if method.discrepancy == "GLS":
            return MatrixSquares(cov, self.mean, np.asarray(np.linalg.inv(cov)))
        one = np.broadcast_to(np.eye(cov.shape[-1]), cov.shape)
        return MatrixSquares(cov, self.mean, np.ascontiguousarray(one))


@dataclass(frozen=True, eq=False)
class CovarianceFit:
    """A structure fitted to the samples of g groups, b times over.

    Attributes
    ----------
    table : ParameterTable
        The structure.
    method : Method
        What was minimised, and how errors and tests are corrected.
    samples : tuple of Sample
        The groups' moments.
    theta : ndarray of shape (b, t)
        Parameters.
    value : ndarray of shape (b,)
        The minimum, half of the usual discrepancy.
    converged : ndarray of bool of shape (b,)
        Whether it was reached.
    iterations : ndarray of int of shape (b,)
        Steps that were taken.
    """

    table: ParameterTable
    method: Method
    samples: tuple[Sample, ...]
    theta: FloatArray
    value: FloatArray
    converged: BoolArray
    iterations: IntArray

    def chosen(self, members: IntArray) -> CovarianceFit:
        """Return some members of the stack."""
        return replace(
            self,
            samples=tuple(sample.chosen(members) for sample in self.samples),
            theta=self.theta[members],
            value=self.value[members],
            converged=self.converged[members],
            iterations=self.iterations[members],
        )

    @cached_property
    def n(self) -> FloatArray:
        """Respondents in all groups, shape (b,)."""
        return np.asarray(sum(sample.n for sample in self.samples), np.float64)

    @cached_property
    def factor(self) -> FloatArray:
        """What twice the minimum is multiplied by to be chi-square, shape (b,)."""
        lost = 0 if self.method.likelihood else len(self.samples)
        return np.asarray(self.n - lost)

    @cached_property
    def objective(self) -> Objective:
        """What was minimised."""
        return objective(self.table, self.method, self.samples)

    @cached_property
    def point(self) -> ObjectivePoint:
        """The objective at the parameters."""
        return self.objective.point(self.theta, self.implied)

    @cached_property
    def implied(self) -> tuple[Implied, ...]:
        """What the parameters imply for each group."""
        return tuple(implied(ram, self.theta) for ram in self.table.rams)

    @cached_property
    def expected(self) -> FloatArray:
        """Expected information of one observation, shape (b, t, t)."""
        return self.point.expected()

    @cached_property
    def observed(self) -> FloatArray:
        """Observed information of one observation, shape (b, t, t)."""
        return self.point.observed()

    @property
    def information(self) -> FloatArray:
        """The information of one observation that errors are made of, (b, t, t)."""
        observed = self.method.information == "observed"
        return self.observed if observed else self.expected

    @cached_property
    def basis(self) -> FloatArray:
        """Directions (t, m) that the constraints leave, at the first member."""
        return directions(self.table, self.theta[:1])

    @cached_property
    def free(self) -> int:
        """Number of parameters that equalities leave; bounds take none away."""
        return int(directions(self.table, self.theta[:1], bounded=False).shape[1])

    @cached_property
    def moments(self) -> int:
        """Number of sample moments."""
        p = len(self.table.observed)
        each = p * (p + 1) // 2 + (p if self.table.means else 0)
        return each * len(self.samples)

    @cached_property
    def standardized(self) -> FloatArray:
        """The standardised solution, shape (b, rows + definitions)."""
        return standardized(self.table, self.theta, made=self.implied)

    @property
    def df(self) -> int:
        """Degrees of freedom."""
        return self.moments - self.free

    @cached_property
    def chisq(self) -> FloatArray:
        """Chi-square, shape (b,)."""
        return np.asarray(2 * self.factor * self.value)

    @cached_property
    def unitless(self) -> FloatArray:
        """Expected information of the first member, scaled to a unit diagonal.

        Of shape (m, m), in the directions that the constraints leave.
        """
        information = self.turned(self.expected[:1])[0]
        scale = np.sqrt(np.maximum(np.diagonal(information), 1e-300))
        return np.asarray(information / (scale * scale[:, None]))

    @cached_property
    def condition_bound(self) -> float:
        """A number that the condition of `unitless` doesn't exceed.

        The largest eigenvalue is at most the trace, the inverse of the smallest one at
        most the norm of the inverse; infinite unless the matrix is positive definite.
        """
        size, inverse = inverse_positive(self.unitless[None])
        if not np.isfinite(size[0]):
            return np.inf
        return float(len(inverse[0]) * np.linalg.norm(inverse[0]))

    def turned(self, information: FloatArray) -> FloatArray:
        """Return an information matrix (b, m, m) in the directions of `basis`."""
        if self.basis.shape[1] == len(self.basis):
            return information
        return np.asarray(self.basis.T @ information @ self.basis)

    def inverse(self, information: FloatArray) -> FloatArray:
        """Return the inverse of an information matrix under the constraints.

        Parameters
        ----------
        information : ndarray of shape (b, t, t)
            The matrix.

        Returns
        -------
        ndarray of shape (b, t, t)
            The inverse; a generalised one where it is singular.
        """
        if self.basis.shape[1] == self.table.size:
            return _inverse(information)
        left = _inverse(self.turned(information))
        return np.asarray(self.basis @ left @ self.basis.T)


def objective(
    table: ParameterTable, method: Method, samples: Sequence[Sample]
) -> Objective:
    """Return what a method minimises.

    Parameters
    ----------
    table : ParameterTable
        The structure.
    method : Method
        The method.
    samples : sequence of Sample
        The groups' moments.

    Returns
    -------
    Objective
        The objective of all groups.
    """
    lost = 0 if method.likelihood else 1
    sizes = np.stack([sample.n - lost for sample in samples], axis=1)
    return Objective(
        table.rams,
        [sample.discrepancy(method, table.means) for sample in samples],
        sizes / sizes.sum(axis=1, keepdims=True),
        table.size,
    )


def directions(
    table: ParameterTable, theta: FloatArray, bounded: bool = True
) -> FloatArray:
    """Return the directions that equalities and reached bounds leave.

    Parameters
    ----------
    table : ParameterTable
        The structure.
    theta : ndarray of shape (1, t)
        Parameters.
    bounded : bool
        Whether reached bounds count.

    Returns
    -------
    ndarray of shape (t, m)
        An orthonormal basis.
    """
    if not table.equalities and not table.bounds:
        return np.eye(table.size)
    known = table.known(theta)
    slopes = [formula.at(known).slope for formula in table.equalities]
    for bound in table.bounds if bounded else ():
        dual = bound.formula.at(known)
        if abs(float(dual.value[0])) < REACHED:
            slopes.append(dual.slope)
    if not slopes:
        return np.eye(table.size)
    return null_space(np.concatenate(slopes))


def _inverse(matrices: FloatArray) -> FloatArray:
    if len(matrices) < FEW:
        size, found = inverse_positive(matrices)
        if np.isfinite(size).all():
            return found
    finite = np.asarray(np.isfinite(matrices).all(axis=(1, 2)))
    safe = np.where(finite[:, None, None], matrices, np.eye(matrices.shape[-1]))
    try:
        found = np.linalg.inv(safe)
    except np.linalg.LinAlgError:
        found = np.linalg.pinv(safe, hermitian=True)
    return np.where(finite[:, None, None], found, np.nan)
