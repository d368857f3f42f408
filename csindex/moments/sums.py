"""Sums of answers and of their products, from which moments are made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.moments import ROUNDING


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over respondents, for one sample or for each of many parts of it.

    Sums of parts of one sample add up to those of the sample, whoever made them.

    Attributes
    ----------
    centre : ndarray of shape (p,)
        What is subtracted from the answers before they are summed, so that answers
        far from zero lose no digits.
    count : ndarray of int of shape (...)
        Respondents.
    weight, squares : ndarray of shape (...)
        Sums of their weights, and of the squares of these.
    first : ndarray of shape (..., p)
        Weighted sums of the centred answers.
    second : ndarray of shape (..., p (p + 1) / 2)
        Weighted sums of their products, the upper triangle row by row.
    """

    centre: FloatArray
    count: IntArray
    weight: FloatArray
    squares: FloatArray
    first: FloatArray
    second: FloatArray

    def __getitem__(self, position: int) -> Sums:
        """Return the sums of one member of a stack."""
        return replace(
            self,
            count=self.count[position],
            weight=self.weight[position],
            squares=self.squares[position],
            first=self.first[position],
            second=self.second[position],
        )

    def combined(self, other: Sums, sign: int = 1) -> Sums:
        """Return the sums of two samples together, or of one without the other.

        Parameters
        ----------
        other : Sums
            Sums of the same items, of the same shape.
        sign : int
            One to add, minus one to take away.

        Returns
        -------
        Sums
            The sums, about this centre.
        """
        moved = other.about(self.centre)
        return replace(
            self,
            count=self.count + sign * moved.count,
            weight=self.weight + sign * moved.weight,
            squares=self.squares + sign * moved.squares,
            first=self.first + sign * moved.first,
            second=self.second + sign * moved.second,
        )

    def about(self, centre: FloatArray) -> Sums:
        """Return the same sums about another centre.

        Parameters
        ----------
        centre : ndarray of shape (p,)
            The new centre.

        Returns
        -------
        Sums
            The sums.
        """
        shift = self.centre - centre
        if not shift.any():
            return self
        i, k = np.triu_indices(len(centre))
        weight = self.weight[..., None]
        crossed = self.first[..., i] * shift[k] + self.first[..., k] * shift[i]
        return replace(
            self,
            centre=centre,
            first=self.first + weight * shift,
            second=self.second + crossed + weight * (shift[i] * shift[k]),
        )

    def select(self, chosen: IntArray) -> Sums:
        """Return the sums of some items.

        Parameters
        ----------
        chosen : ndarray of int of shape (k,)
            Positions of the items.

        Returns
        -------
        Sums
            Their sums.
        """
        i, k = np.triu_indices(len(chosen))
        packed = packed_positions(len(self.centre))
        return replace(
            self,
            centre=self.centre[chosen],
            first=self.first[..., chosen],
            second=self.second[..., packed[chosen[i], chosen[k]]],
        )

    def total(self) -> Sums:
        """Return the sums over the last axis of parts.

        Returns
        -------
        Sums
            The sums, with one batch axis less.
        """
        return replace(
            self,
            count=self.count.sum(axis=-1),
            weight=self.weight.sum(axis=-1),
            squares=self.squares.sum(axis=-1),
            first=self.first.sum(axis=-2),
            second=self.second.sum(axis=-2),
        )

    def mean(self) -> FloatArray:
        """Return the means, shape (..., p); NaN without respondents."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.centre + self.first / self.weight[..., None])

    def cov(self) -> FloatArray:
        r"""Return the covariances.

        Returns
        -------
        ndarray of shape (..., p, p)
            Covariances; NaN for fewer than two respondents.

        Notes
        -----
        .. math:: S = \frac{n}{n-1} \frac{1}{W} \sum_i w_i (x_i - m)(x_i - m)'

        with the sum of weights W, so that equal weights give the divisor n - 1.
        """
        i, k = np.triu_indices(len(self.centre))
        n = np.asarray(self.count, dtype=np.float64)[..., None]
        with np.errstate(invalid="ignore", divide="ignore"):
            shift = self.first / self.weight[..., None]
            packed = self.second / self.weight[..., None]
            least = ROUNDING * packed[..., i == k]
            packed = packed - shift[..., i] * shift[..., k]
            # a constant item must not keep a variance of rounding
            own = packed[..., i == k]
            packed[..., i == k] = np.where(own > least, own, 0.0)
            packed *= n / (n - 1)
        return np.asarray(packed[..., packed_positions(len(self.centre))])


def packed_positions(size: int) -> IntArray:
    """Return where each element of a symmetric matrix stands in its packed triangle.

    Parameters
    ----------
    size : int
        Number of rows.

    Returns
    -------
    ndarray of int of shape (size, size)
        Positions.
    """
    i, k = np.triu_indices(size)
    positions = np.empty((size, size), dtype=np.int64)
    positions[i, k] = positions[k, i] = np.arange(len(i))
    return positions


@dataclass(frozen=True, eq=False)
class Pooled:
    """Moments of two samples together, or of one without the other.

    Attributes
    ----------
    mean : ndarray of shape (..., p)
        Means.
    cov : ndarray of shape (..., p, p)
        Covariances with divisor n - 1.
    n : ndarray of int of shape (...)
        Numbers of respondents.
    weight, squares : ndarray of shape (...)
        Sums of weights, and of their squares.
    """

    mean: FloatArray
    cov: FloatArray
    n: IntArray
    weight: FloatArray
    squares: FloatArray


def pooled(a: Pooled, b: Pooled, sign: int) -> Pooled:
    r"""Return the moments of two samples together, or of the first without the second.

    Parameters
    ----------
    a, b : Pooled
        The moments of both.
    sign : int
        One to add, minus one to take away.

    Returns
    -------
    Pooled
        The moments; not finite where no weight or a single respondent is left.

    Notes
    -----
    With :math:`C = W S (n - 1) / n`, the sums of squares about the mean,

    .. math:: W = W_a \pm W_b, \quad m = m_a \pm \frac{W_b}{W} d, \quad
        C = C_a \pm C_b \pm \frac{W_a W_b}{W} dd', \quad d = m_b - m_a

    References
    ----------
    Chan, Golub & LeVeque (1983), The American Statistician 37(3).
    """
    n, weight = a.n + sign * b.n, a.weight + sign * b.weight
    apart = b.mean - a.mean
    between = apart[..., :, None] * apart[..., None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = sign * b.weight / weight
        products = (
            _squares(a)
            + sign * _squares(b)
            + (a.weight * share)[..., None, None] * between
        )
        factor = n / (n - 1) / weight
        cov = products * factor[..., None, None]
        mean = a.mean + share[..., None] * apart
    return Pooled(mean, cov, n, weight, a.squares + sign * b.squares)


def _squares(part: Pooled) -> FloatArray:
    factor = part.weight * (part.n - 1) / part.n
    return np.asarray(part.cov * factor[..., None, None])
