r"""Full-information maximum likelihood: rows with gaps, summed by pattern of gaps.

With :math:`K_j` the inverse of Sigma at the items that pattern j has, and zero
elsewhere, :math:`w_j` the pattern's share of the rows and :math:`X_j` its mean square
about the implied means, times :math:`w_j`,

.. math:: f = \tfrac12 \sum_j (w_j \log|\Sigma_j| + tr K_j X_j) - f_1,

where :math:`f_1` is the value of the unrestricted model. Derivatives are those of
complete data, pattern by pattern, with K in the place of the inverse of Sigma.

References
----------
Arbuckle (1996), in Advanced Structural Equation Modeling; Savalei (2010),
Psychological Methods 15(4) (expected and observed information).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.cbsem import derivatives
from csindex.kernels.cbsem.ram import COVARIANCE, MEAN, Implied, Ram
from csindex.kernels.pattern_sums import Kinds, PatternSums, half_deviance

# numbers that derivatives by two slots of several patterns may take at once
_AT_ONCE = 2_000_000


@dataclass(frozen=True, eq=False)
class PatternLikelihood:
    """The likelihood of rows with gaps.

    Attributes
    ----------
    sums : PatternSums
        The rows, in a stack of b.
    offset : ndarray of shape (b,)
        Value of the unrestricted model.
    """

    sums: PatternSums
    offset: FloatArray

    def at(self, implied: Implied) -> PatternPoint:
        """Return the discrepancy at implied moments."""
        inverse, size = self.sums.inverses(implied.cov)
        level, cross = self.sums.about(implied.mean)
        value = half_deviance(self.sums.share, size, inverse, cross) - self.offset
        value = np.where(np.isfinite(value), value, np.inf)
        return PatternPoint(implied, self.sums.share, level, cross, inverse, value)

    def chosen(self, members: BoolArray | IntArray) -> PatternLikelihood:
        """Return the discrepancy from some of the samples."""
        return PatternLikelihood(self.sums.chosen(members), self.offset[members])


@dataclass(frozen=True, eq=False)
class PatternPoint:
    """The likelihood of rows with gaps at implied moments.

    Attributes
    ----------
    implied : Implied
        The implied moments.
    share : ndarray of shape (b, g)
        Shares of the patterns.
    level : ndarray of shape (b, g, p)
        Sums of deviations from the implied means.
    cross : ndarray of shape (b, g, p, p)
        Sums of their products.
    inverse : ndarray of shape (b, g, p, p)
        K.
    value : ndarray of shape (b,)
        The discrepancy.
    """

    implied: Implied
    share: FloatArray
    level: FloatArray
    cross: FloatArray
    inverse: FloatArray
    value: FloatArray

    def chosen(self, members: BoolArray | IntArray) -> PatternPoint:
        """Return some members of the stack."""
        return PatternPoint(
            self.implied.chosen(members),
            self.share[members],
            self.level[members],
            self.cross[members],
            self.inverse[members],
            self.value[members],
        )

    @cached_property
    def _whitened(self) -> FloatArray:
        return self.inverse @ self.cross @ self.inverse

    @cached_property
    def _pulls(self) -> FloatArray:
        return np.asarray((self.inverse @ self.level[..., None])[..., 0])

    @cached_property
    def _omega(self) -> FloatArray:
        weighted = self.share[:, :, None, None] * self.inverse
        return np.asarray((weighted - self._whitened).sum(axis=1))

    def gradient(self) -> FloatArray:
        """Return first derivatives, shape (b, k)."""
        return derivatives.gradient(self.implied, self._omega, self._pulls.sum(axis=1))

    def expected(self) -> FloatArray:
        """Return the information of one row if gaps are random, shape (b, k, k)."""

        def part(implied: Implied, chosen: slice) -> FloatArray:
            return derivatives.expected(implied, _flat(self.inverse[:, chosen]))

        return self._summed(part)

    def observed(self) -> FloatArray:
        """Return the observed information of one row, shape (b, k, k)."""
        with np.errstate(divide="ignore"):
            each = np.where(self.share > 0, 1 / self.share, 0.0)
        data = 2 * each[:, :, None, None] * self._whitened - self.inverse
        pulls = each[:, :, None] * self._pulls

        def part(implied: Implied, chosen: slice) -> FloatArray:
            return derivatives.likelihood_curvature(
                implied,
                _flat(self.inverse[:, chosen]),
                _flat(data[:, chosen]),
                pulls[:, chosen].reshape(-1, pulls.shape[-1]),
            )

        return self._summed(part) + derivatives.bent(
            self.implied, self._omega, self._pulls.sum(axis=1)
        )

    def _summed(self, part: Callable[[Implied, slice], FloatArray]) -> FloatArray:
        """Return the sum over patterns of their shares times a matrix by slots."""
        b, g = self.share.shape
        k = len(self.implied.ram.parameter)
        total = np.zeros((b, k, k))
        for chosen in _slices(g, max(1, _AT_ONCE // (b * k * k))):
            count = len(range(*chosen.indices(g)))
            members = np.repeat(np.arange(b), count)
            found = part(self.implied.chosen(members), chosen)
            weights = self.share[:, None, chosen]
            total += (weights @ found.reshape(b, count, k * k)).reshape(b, k, k)
        return total

    def scores(self, values: FloatArray, kinds: Kinds) -> FloatArray:
        """Return the derivatives of each row's part, of the first member.

        Parameters
        ----------
        values : ndarray of shape (n, p)
            The rows, NaN for gaps.
        kinds : Kinds
            Their patterns.

        Returns
        -------
        ndarray of shape (n, k)
            By slot; their weighted mean is the gradient.
        """
        ram, both = self.implied.ram, self.implied.both[0]
        apart = np.nan_to_num(values - self.implied.mean[0])
        inverse = self.inverse[0]
        pulls = np.empty_like(apart)
        for kind in range(len(inverse)):
            rows = kinds.of_rows == kind
            pulls[rows] = apart[rows] @ inverse[kind]
        pulled = pulls @ both
        grams = (both.T @ inverse @ both)[:, ram.row, ram.second]
        products = pulled[:, ram.row] * pulled[:, ram.second]
        found = ram.scale * (grams[kinds.of_rows] - products)
        if ram.means:
            found = found - self.implied.moved[0] * pulled[:, ram.row]
        return np.asarray(found)


def unrestricted(mean: FloatArray, cov: FloatArray) -> Implied:
    """Return means and covariances as what a structure implies.

    Parameters
    ----------
    mean : ndarray of shape (b, p)
        Means.
    cov : ndarray of shape (b, p, p)
        Covariances.

    Returns
    -------
    Implied
        Its slots are the means and the upper triangle of the covariances row by row.
    """
    b, p = mean.shape
    i, j = np.triu_indices(p)
    kind = np.concatenate([np.full(p, MEAN), np.full(len(i), COVARIANCE)])
    row = np.concatenate([np.arange(p), i])
    column = np.concatenate([np.zeros(p, np.int64), j])
    none = np.zeros((p, p))
    ram = Ram(p, none, none, np.zeros(p), kind, row, column, np.arange(len(kind)), True)
    return Implied(ram, np.broadcast_to(np.eye(p), (b, p, p)), cov, mean)


def _flat(stack: FloatArray) -> FloatArray:
    """Return matrices (b, g, p, p) as one stack (b g, p, p)."""
    return stack.reshape(-1, *stack.shape[2:])


def _slices(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, start + size)
