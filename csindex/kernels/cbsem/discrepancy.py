r"""Discrepancies between sample moments and implied ones.

Each is a function f of implied moments, for a stack of b samples, scaled so that its
Hessian at a true model is the information of one observation:

- maximum likelihood, :math:`\frac12 (\log|\Sigma| + tr S_* \Sigma^{-1} - \log|S| - p)`
  with :math:`S_* = S + (m - \mu)(m - \mu)'`;
- generalised least squares with a matrix M, :math:`\frac14 tr (M(S - \Sigma))^2 +
  \frac12 (m - \mu)'M(m - \mu)`: M is the inverse of S for GLS, and I for ULS;
- weighted least squares :math:`\frac12 (s - \sigma)'W(s - \sigma)` of stacked means and
  covariances, with a full W or only its diagonal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.cbsem import derivatives
from csindex.kernels.cbsem.ram import Implied
from csindex.kernels.inverse import inverse_positive, log_determinant


class Point(Protocol):
    """A discrepancy at implied moments; everything by slots of the structure.

    Attributes
    ----------
    value : ndarray of shape (b,)
        The discrepancy; infinite where it isn't defined.
    """

    @property
    def value(self) -> FloatArray:
        """The discrepancy, shape (b,)."""
        ...

    def chosen(self, members: BoolArray | IntArray) -> Point:
        """Return some members of the stack."""
        ...

    def gradient(self) -> FloatArray:
        """Return first derivatives, shape (b, k)."""
        ...

    def expected(self) -> FloatArray:
        """Return the Hessian that a true model has, shape (b, k, k)."""
        ...

    def observed(self) -> FloatArray:
        """Return the Hessian, shape (b, k, k)."""
        ...


class Discrepancy(Protocol):
    """A discrepancy from a stack of samples."""

    def at(self, implied: Implied) -> Point:
        """Return the discrepancy at implied moments of as many members."""
        ...

    def chosen(self, members: BoolArray | IntArray) -> Discrepancy:
        """Return the discrepancy from some of the samples."""
        ...


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Maximum likelihood for normal populations.

    Attributes
    ----------
    cov : ndarray of shape (b, p, p)
        Covariances with divisor n.
    mean : ndarray of shape (b, p)
        Means.
    offset : ndarray of shape (b,)
        log |S| + p.
    """

    cov: FloatArray
    mean: FloatArray
    offset: FloatArray

    @staticmethod
    def of(cov: FloatArray, mean: FloatArray) -> Likelihood:
        """Return the discrepancy from samples; see the attributes."""
        return Likelihood(cov, mean, log_determinant(cov) + cov.shape[-1])

    def at(self, implied: Implied) -> LikelihoodPoint:
        """Return the discrepancy at implied moments."""
        cov = self.cov
        error = self.mean - implied.mean
        if implied.ram.means:
            cov = cov + error[:, :, None] * error[:, None, :]
        size, inverse = inverse_positive(implied.cov)
        value = np.einsum("bij,bij->b", inverse, cov)
        value += size
        value -= self.offset
        value *= 0.5
        value[~np.isfinite(size)] = np.inf
        return LikelihoodPoint(implied, cov, error, inverse, value)

    def chosen(self, members: BoolArray | IntArray) -> Likelihood:
        """Return the discrepancy from some of the samples."""
        return Likelihood(self.cov[members], self.mean[members], self.offset[members])


@dataclass(frozen=True, eq=False)
class LikelihoodPoint:
    """The likelihood at implied moments.

    Attributes
    ----------
    implied : Implied
        The implied moments.
    cov : ndarray of shape (b, p, p)
        Covariances about the implied means.
    error : ndarray of shape (b, p)
        Means minus implied means.
    inverse : ndarray of shape (b, p, p)
        Inverse of Sigma.
    value : ndarray of shape (b,)
        The discrepancy.
    """

    implied: Implied
    cov: FloatArray
    error: FloatArray
    inverse: FloatArray
    value: FloatArray

    def chosen(self, members: BoolArray | IntArray) -> LikelihoodPoint:
        """Return some members of the stack."""
        return LikelihoodPoint(
            self.implied.chosen(members),
            self.cov[members],
            self.error[members],
            self.inverse[members],
            self.value[members],
        )

    @cached_property
    def _product(self) -> FloatArray:
        """The derivative by Sigma times W, shape (b, p, 2 q)."""
        omega = self.inverse - self.inverse @ self.cov @ self.inverse
        return np.asarray(omega @ self.implied.both)

    def _pull(self) -> FloatArray:
        if not self.implied.ram.means:
            return self.error
        return np.asarray((self.inverse @ self.error[:, :, None])[:, :, 0])

    def gradient(self) -> FloatArray:
        """Return first derivatives, shape (b, k)."""
        return derivatives.gradient(self.implied, self._product, self._pull())

    def expected(self) -> FloatArray:
        """Return the expected information of one observation, shape (b, k, k)."""
        return derivatives.expected(self.implied, self.inverse)

    def observed(self) -> FloatArray:
        """Return the observed information of one observation, shape (b, k, k)."""
        return derivatives.likelihood_hessian(
            self.implied, self.inverse, self._product, self._pull()
        )


@dataclass(frozen=True, eq=False)
class MatrixSquares:
    """Generalised least squares with a matrix M.

    Attributes
    ----------
    cov : ndarray of shape (b, p, p)
        Covariances.
    mean : ndarray of shape (b, p)
        Means.
    weight : ndarray of shape (b, p, p)
        M.
    """

    cov: FloatArray
    mean: FloatArray
    weight: FloatArray

    def at(self, implied: Implied) -> MatrixPoint:
        """Return the discrepancy at implied moments."""
        apart = self.weight @ (self.cov - implied.cov)
        value = 0.25 * (apart * apart.transpose(0, 2, 1)).sum(axis=(1, 2))
        error = self.mean - implied.mean
        if implied.ram.means:
            pull = (self.weight @ error[:, :, None])[:, :, 0]
            value = value + 0.5 * (pull * error).sum(axis=1)
        else:
            pull = error
        return MatrixPoint(
            implied,
            -(apart @ self.weight),
            pull,
            self.weight,
            np.where(np.isfinite(value), value, np.inf),
        )

    def chosen(self, members: BoolArray | IntArray) -> MatrixSquares:
        """Return the discrepancy from some of the samples."""
        return MatrixSquares(
            self.cov[members], self.mean[members], self.weight[members]
        )


@dataclass(frozen=True, eq=False)
class MatrixPoint:
    """Generalised least squares at implied moments.

    Attributes
    ----------
    implied : Implied
        The implied moments.
    omega : ndarray of shape (b, p, p)
        Derivative by Sigma.
    pull : ndarray of shape (b, p)
        Minus the derivative by the means.
    weight : ndarray of shape (b, p, p)
        M.
    value : ndarray of shape (b,)
        The discrepancy.
    """

    implied: Implied
    omega: FloatArray
    pull: FloatArray
    weight: FloatArray
    value: FloatArray

    def chosen(self, members: BoolArray | IntArray) -> MatrixPoint:
        """Return some members of the stack."""
        return MatrixPoint(
            self.implied.chosen(members),
            self.omega[members],
            self.pull[members],
            self.weight[members],
            self.value[members],
        )

    def gradient(self) -> FloatArray:
        """Return first derivatives, shape (b, k)."""
        return derivatives.gradient(self.implied, self._product, self.pull)

    def expected(self) -> FloatArray:
        """Return the Hessian of a true model, shape (b, k, k)."""
        return derivatives.expected(self.implied, self.weight)

    def observed(self) -> FloatArray:
        """Return the Hessian, shape (b, k, k)."""
        bent = derivatives.bent(self.implied, self._product, self.pull)
        return np.asarray(self.expected() + bent)

    @cached_property
    def _product(self) -> FloatArray:
        return np.asarray(self.omega @ self.implied.both)


@dataclass(frozen=True, eq=False)
class WeightedSquares:
    """Weighted least squares of stacked moments.

    Attributes
    ----------
    moments : ndarray of shape (b, s)
        Means, if the model has some, and the upper triangle of the covariances, row
        by row.
    weight : ndarray of shape (b, s, s) or (b, s)
        W, or its diagonal.
    """

    moments: FloatArray
    weight: FloatArray

    def at(self, implied: Implied) -> WeightedPoint:
        """Return the discrepancy at implied moments."""
        apart = self.moments - stacked(implied.cov, implied.mean, implied.ram.means)
        if self.weight.ndim == 2:
            pull = self.weight * apart
        else:
            pull = (self.weight @ apart[:, :, None])[:, :, 0]
        value = 0.5 * (pull * apart).sum(axis=1)
        value = np.where(np.isfinite(value), value, np.inf)
        return WeightedPoint(implied, pull, self.weight, value)

    def chosen(self, members: BoolArray | IntArray) -> WeightedSquares:
        """Return the discrepancy from some of the samples."""
        return WeightedSquares(self.moments[members], self.weight[members])


@dataclass(frozen=True, eq=False)
class WeightedPoint:
    """Weighted least squares at implied moments.

    Attributes
    ----------
    implied : Implied
        The implied moments.
    pull : ndarray of shape (b, s)
        W times the residuals.
    weight : ndarray of shape (b, s, s) or (b, s)
        W, or its diagonal.
    value : ndarray of shape (b,)
        The discrepancy.
    """

    implied: Implied
    pull: FloatArray
    weight: FloatArray
    value: FloatArray

    def chosen(self, members: BoolArray | IntArray) -> WeightedPoint:
        """Return some members of the stack."""
        return WeightedPoint(
            self.implied.chosen(members),
            self.pull[members],
            self.weight[members],
            self.value[members],
        )

    def gradient(self) -> FloatArray:
        """Return first derivatives, shape (b, k)."""
        return derivatives.gradient(self.implied, *self._derivative)

    def expected(self) -> FloatArray:
        """Return the Hessian of a true model, shape (b, k, k)."""
        slopes = derivatives.jacobian(self.implied)
        if self.weight.ndim == 2:
            weighted = self.weight[:, :, None] * slopes
        else:
            weighted = self.weight @ slopes
        return np.asarray(slopes.transpose(0, 2, 1) @ weighted)

    def observed(self) -> FloatArray:
        """Return the Hessian, shape (b, k, k)."""
        bent = derivatives.bent(self.implied, *self._derivative)
        return np.asarray(self.expected() + bent)

    @cached_property
    def _derivative(self) -> tuple[FloatArray, FloatArray]:
        """The derivative by Sigma times W (b, p, 2 q); the pull of the means (b, p)."""
        ram = self.implied.ram
        p = ram.observed
        error = self.pull[:, :p] if ram.means else np.zeros((len(self.pull), p))
        i, j = derivatives.upper(p)
        omega = np.zeros((len(self.pull), p, p))
        omega[:, i, j] = -self.pull[:, p:] if ram.means else -self.pull
        omega = omega + omega.transpose(0, 2, 1)
        return omega @ self.implied.both, error


def stacked(cov: FloatArray, mean: FloatArray, means: bool) -> FloatArray:
    """Return moments as vectors.

    Parameters
    ----------
    cov : ndarray of shape (b, p, p)
        Covariances.
    mean : ndarray of shape (b, p)
        Means.
    means : bool
        Whether they are wanted.

    Returns
    -------
    ndarray of shape (b, s)
        Means first, then the upper triangle row by row.
    """
    i, j = derivatives.upper(cov.shape[-1])
    triangle = cov[:, i, j]
    return np.concatenate([mean, triangle], axis=1) if means else np.asarray(triangle)
