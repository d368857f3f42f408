"""Rows with gaps, summed by pattern, and the normal population behind them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.inverse import log_determinant

# numbers that products of all rows may take at once
_AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False)
class Kinds:
    """The patterns of gaps in some rows.

    Attributes
    ----------
    known : ndarray of bool of shape (g, p)
        Which items each of g patterns has.
    of_rows : ndarray of int of shape (n,)
        The pattern of each row.
    """

    known: BoolArray
    of_rows: IntArray

    @staticmethod
    def of(values: FloatArray) -> Kinds:
        """Return the patterns of rows (n, p) with NaN for gaps."""
        known, of_rows = np.unique(~np.isnan(values), axis=0, return_inverse=True)
        return Kinds(known, of_rows.ravel())


@dataclass(frozen=True, eq=False)
class PatternSums:
    """Sums of reweighted rows by pattern of gaps, divided by the weight of all rows.

    Attributes
    ----------
    known : ndarray of bool of shape (g, p)
        Which items each pattern has.
    centre : ndarray of shape (p,)
        What was subtracted from the rows.
    share : ndarray of shape (b, g)
        Sums of the weights.
    level : ndarray of shape (b, g, p)
        Sums of the rows; zero at gaps.
    cross : ndarray of shape (b, g, p, p)
        Sums of their products; zero at gaps.
    """

    known: BoolArray
    centre: FloatArray
    share: FloatArray
    level: FloatArray
    cross: FloatArray

    @staticmethod
    def of(values: FloatArray, weights: FloatArray, kinds: Kinds) -> PatternSums:
        """Return the sums of rows.

        Parameters
        ----------
        values : ndarray of shape (n, p)
            Rows with NaN for gaps.
        weights : ndarray of shape (b, n)
            Weights of the rows, one row of them per member of the stack.
        kinds : Kinds
            The patterns of the rows.

        Returns
        -------
        PatternSums
            The sums.
        """
        known = ~np.isnan(values)
        count = np.maximum(known.sum(axis=0), 1)
        centre = np.where(known, values, 0.0).sum(axis=0) / count
        apart = np.where(known, values - centre, 0.0)
        parts = weights / weights.sum(axis=1, keepdims=True)
        b, (g, p) = len(weights), kinds.known.shape
        if b * apart.size * p <= _AT_ONCE:
            return PatternSums(kinds.known, centre, *_sums(apart, parts, kinds))
        share, level = np.empty((b, g)), np.empty((b, g, p))
        cross = np.empty((b, g, p, p))
        for kind in range(g):
            rows = np.flatnonzero(kinds.of_rows == kind)
            own, drawn = apart[rows], parts[:, rows]
            share[:, kind], level[:, kind] = drawn.sum(axis=1), drawn @ own
            products = (own[:, :, None] * own[:, None, :]).reshape(len(rows), p * p)
            cross[:, kind] = (drawn @ products).reshape(b, p, p)
        return PatternSums(kinds.known, centre, share, level, cross)

    def chosen(self, members: BoolArray | IntArray) -> PatternSums:
        """Return some members of the stack."""
        return PatternSums(
            self.known,
            self.centre,
            self.share[members],
            self.level[members],
            self.cross[members],
        )

    def averaged(self, members: BoolArray) -> PatternSums:
        """Return the average of some members, as a stack of one."""
        return PatternSums(
            self.known,
            self.centre,
            self.share[members].mean(axis=0)[None],
            self.level[members].mean(axis=0)[None],
            self.cross[members].mean(axis=0)[None],
        )

    @cached_property
    def both(self) -> FloatArray:
        """One where a pattern has two items, shape (g, p, p)."""
        return np.asarray(self.known[:, :, None] & self.known[:, None], np.float64)

    @property
    def answers(self) -> FloatArray:
        """Mean number of answers per row, shape (b,)."""
        return np.asarray(self.share @ self.known.sum(axis=1))

    def inverses(self, cov: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return inverses of covariances at each pattern's items.

        Parameters
        ----------
        cov : ndarray of shape (b, p, p)
            Covariances.

        Returns
        -------
        inverses : ndarray of shape (b, g, p, p)
            Zero at gaps; of no meaning where the log determinant is NaN.
        log_determinants : ndarray of shape (b, g)
            NaN where the matrix isn't positive definite.
        """
        b, (g, p) = len(cov), self.known.shape
        gaps = np.zeros((g, p, p))
        gaps[:, np.arange(p), np.arange(p)] = ~self.known
        blocks = (cov[:, None] * self.both + gaps).reshape(-1, p, p)
        size = log_determinant(blocks)
        usable = np.isfinite(size)
        if not usable.all():
            blocks = np.where(usable[:, None, None], blocks, np.eye(p))
        inverse = np.linalg.inv(blocks).reshape(b, g, p, p) - gaps
        return inverse, size.reshape(b, g)

    def about(self, mean: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return sums of deviations from means, and of their products.

        Parameters
        ----------
        mean : ndarray of shape (b, p)
            Means.

        Returns
        -------
        level : ndarray of shape (b, g, p)
            Sums of deviations.
        cross : ndarray of shape (b, g, p, p)
            Sums of products of deviations.
        """
        shift = (mean - self.centre)[:, None] * self.known
        own = self.share[:, :, None] * shift
        mixed = self.level[..., None] * shift[:, :, None]
        cross = self.cross - mixed - mixed.swapaxes(2, 3)
        cross += own[..., None] * shift[:, :, None]
        return self.level - own, cross

    def value(self, mean: FloatArray, cov: FloatArray) -> FloatArray:
        """Return half the discrepancy (b,) of means and covariances, without f_1."""
        inverse, size = self.inverses(cov)
        _, cross = self.about(mean)
        return half_deviance(self.share, size, inverse, cross)


def _sums(apart: FloatArray, parts: FloatArray, kinds: Kinds) -> tuple[FloatArray, ...]:
    """Return share, level and cross of few rows (n, p), weighted by parts (b, n)."""
    (g, p), b = kinds.known.shape, len(parts)
    order = np.argsort(kinds.of_rows, kind="stable")
    starts = np.searchsorted(kinds.of_rows[order], np.arange(g))
    own, drawn = apart[order], parts[:, order]
    weighted = drawn[:, :, None] * own
    products = (weighted[:, :, :, None] * own[:, None]).reshape(b, len(own), p * p)
    return (
        np.add.reduceat(drawn, starts, axis=1),
        np.add.reduceat(weighted, starts, axis=1),
        np.add.reduceat(products, starts, axis=1).reshape(b, g, p, p),
    )


def half_deviance(
    share: FloatArray, size: FloatArray, inverse: FloatArray, cross: FloatArray
) -> FloatArray:
    """Return half the discrepancy (b,); NaN where a pattern in use has no inverse."""
    size = np.where(share > 0, size, 0.0)
    fitted = (inverse * cross).sum(axis=(1, 2, 3))
    return np.asarray(0.5 * ((share * size).sum(axis=1) + fitted))
