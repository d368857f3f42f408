r"""Full-information maximum likelihood: rows with gaps, summed by pattern of gaps.

With :math:`K_j` the inverse of Sigma at the items that pattern j has, and zero
elsewhere, :math:`w_j` the pattern's share of the rows and :math:`X_j` its mean square
about the implied means, times :math:`w_j`,

.. math:: f = \tfrac12 \sum_j (w_j \log|\Sigma_j| + tr K_j X_j) - f_1,

where :math:`f_1` is the value of the unrestricted model. Derivatives are those of
complete data, with K in the place of the inverse of Sigma. Second ones are needed
summed over patterns only, and so are one product of two matrices with a row per
pattern, turned from moments to slots.

References
----------
Arbuckle (1996), in Advanced Structural Equation Modeling; Savalei (2010),
Psychological Methods 15(4) (expected and observed information).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.cbsem import derivatives
from csindex.kernels.cbsem.ram import COVARIANCE, MEAN, Implied, Ram
from csindex.kernels.pattern_sums import Kinds, PatternSums, half_deviance


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
    def _product(self) -> FloatArray:
        """The derivative by Sigma times W, shape (b, p, 2 q)."""
        weighted = self.share[:, :, None, None] * self.inverse
        return np.asarray((weighted - self._whitened).sum(axis=1) @ self.implied.both)

    def gradient(self) -> FloatArray:
        """Return first derivatives, shape (b, k)."""
        return derivatives.gradient(
            self.implied, self._product, self._pulls.sum(axis=1)
        )

    def expected(self) -> FloatArray:
        """Return the information of one row if gaps are random, shape (b, k, k)."""
        weighted = self.share[:, :, None, None] * self.inverse
        return self._by_slots(weighted, None)

    def observed(self) -> FloatArray:
        """Return the observed information of one row, shape (b, k, k)."""
        weighted = self.share[:, :, None, None] * self.inverse
        return self._by_slots(2 * self._whitened - weighted, self._pulls) + (
            derivatives.bent(self.implied, self._product, self._pulls.sum(axis=1))
        )

    def _by_slots(self, data: FloatArray, pulls: FloatArray | None) -> FloatArray:
        """Return the Hessian by moments, turned into one by slots.

        ``data`` (b, g, p, p) is what K meets in the part of the covariances, ``pulls``
        (b, g, p) what it meets where means meet covariances.
        """
        ram, p = self.implied.ram, self.implied.ram.observed
        slopes = derivatives.jacobian(self.implied)
        i, j = np.triu_indices(p)
        known = self.inverse[:, :, i, j].transpose(0, 2, 1)
        found = _covariance_part(known @ data[:, :, i, j], p)
        if not ram.means:
            return np.asarray(slopes.transpose(0, 2, 1) @ (found @ slopes))
        whole = np.zeros((len(found), p + len(i), p + len(i)))
        whole[:, p:, p:] = found
        whole[:, :p, :p] = (self.share[:, :, None, None] * self.inverse).sum(axis=1)
        if pulls is not None:
            whole[:, :p, p:] = _mixed_part(known @ pulls, p)
            whole[:, p:, :p] = whole[:, :p, p:].transpose(0, 2, 1)
        return np.asarray(slopes.transpose(0, 2, 1) @ (whole @ slopes))

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


def _covariance_part(products: FloatArray, p: int) -> FloatArray:
    """Return the Hessian by covariances (b, s, s) of traces of products.

    ``products`` (b, s, s) are sums over patterns of elements of K times elements of
    another symmetric matrix, upper triangles row by row.
    """
    i, j = np.triu_indices(p)
    place = _places(p)
    both = (products + products.transpose(0, 2, 1)) / 2
    found = both[:, place[i[:, None], i], place[j[:, None], j]]
    found += both[:, place[i[:, None], j], place[j[:, None], i]]
    half = np.where(i == j, 0.5, 1.0)
    return np.asarray(found * half[:, None] * half)


def _mixed_part(products: FloatArray, p: int) -> FloatArray:
    """Return the Hessian by means and covariances (b, p, s).

    ``products`` (b, s, p) are sums over patterns of elements of K times pulls.
    """
    i, j = np.triu_indices(p)
    place, rows = _places(p), np.arange(p)[:, None]
    found = products[:, place[rows, i], j] + products[:, place[rows, j], i]
    return np.asarray(found * np.where(i == j, 0.5, 1.0))


def _places(p: int) -> IntArray:
    """Return where each element (p, p) stands in the upper triangle row by row."""
    i, j = np.triu_indices(p)
    found = np.empty((p, p), np.int64)
    found[i, j] = found[j, i] = np.arange(len(i))
    return found
