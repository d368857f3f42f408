"""One step of the EM algorithm over rows with gaps, for many members of a stack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray

# bytes of the rows of the members that are filled at once: they stay in the cache
CACHE_BYTES = 2_000_000


@dataclass(frozen=True, eq=False)
class _Gaps:
    """The rows that lack m items each.

    Attributes
    ----------
    rows : ndarray of int of shape (r, 1)
        Their positions.
    lost : ndarray of int of shape (g, m)
        The items that each of their g patterns lacks.
    of_rows : ndarray of int of shape (r,)
        The pattern of each row.
    places : ndarray of int of shape (g * m * m,)
        Where the pairs of lost items stand in a flattened matrix (p, p).
    """

    rows: IntArray
    lost: IntArray
    of_rows: IntArray
    places: IntArray


@dataclass(frozen=True, eq=False)
class IncompleteRows:
    """Reweighted rows, those with gaps one by one and the others as sums.

    Attributes
    ----------
    values : ndarray of shape (r, p)
        The rows with gaps; zero at gaps.
    known : ndarray of shape (r, p)
        One where there is an answer.
    gaps : sequence of _Gaps
        The gaps, by their number in a row.
    weights : ndarray of shape (b, r)
        Weights of the rows with gaps; those of all rows sum to one.
    share : ndarray of shape (b,)
        Sum of the weights of the rows without gaps.
    level : ndarray of shape (b, p)
        Weighted sums of these rows.
    cross : ndarray of shape (b, p, p)
        Weighted sums of their products.
    """

    values: FloatArray
    known: FloatArray
    gaps: Sequence[_Gaps]
    weights: FloatArray
    share: FloatArray
    level: FloatArray
    cross: FloatArray

    @staticmethod
    def of(values: FloatArray, weights: FloatArray) -> IncompleteRows:
        """Return the rows of a stack of samples.

        Parameters
        ----------
        values : ndarray of shape (n, p)
            Rows with NaN for gaps.
        weights : ndarray of shape (b, n)
            One row of weights, or of counts, per member.

        Returns
        -------
        IncompleteRows
            The rows.
        """
        lost = np.isnan(values)
        gapped = lost.any(axis=1)
        parts = weights / weights.sum(axis=1, keepdims=True)
        whole, drawn = values[~gapped], parts[:, ~gapped]
        p = values.shape[1]
        first, second = np.triu_indices(p)
        packed = drawn @ (whole[:, first] * whole[:, second])
        cross = np.empty((len(weights), p, p))
        cross[:, first, second] = cross[:, second, first] = packed
        return IncompleteRows(
            np.where(lost, 0.0, values)[gapped],
            (~lost[gapped]).astype(np.float64),
            tuple(_by_number(lost[gapped])),
            np.ascontiguousarray(parts[:, gapped]),
            drawn.sum(axis=1),
            drawn @ whole,
            cross,
        )

    def chosen(self, members: BoolArray | slice) -> IncompleteRows:
        """Return some members of the stack."""
        return replace(
            self,
            weights=self.weights[members],
            share=self.share[members],
            level=self.level[members],
            cross=self.cross[members],
        )

    def step(self, mean: FloatArray, cov: FloatArray) -> tuple[FloatArray, FloatArray]:
        r"""Return the next means and covariances.

        Parameters
        ----------
        mean : ndarray of shape (b, p)
            Means.
        cov : ndarray of shape (b, p, p)
            Covariances, positive definite.

        Returns
        -------
        mean : ndarray of shape (b, p)
            The next means.
        cov : ndarray of shape (b, p, p)
            The next covariances.

        Notes
        -----
        With a row's deviations d, zero at its gaps m, and :math:`K = \Sigma^{-1}`, the
        expected deviations at the gaps are :math:`-K_{mm}^{-1} (Kd)_m`: one product of
        all rows, and systems as small as the gaps.
        """
        size = max(1, CACHE_BYTES // max(1, 8 * self.values.size))
        parts = [slice(start, start + size) for start in range(0, len(mean), size)]
        found = [self.chosen(part)._stepped(mean[part], cov[part]) for part in parts]
        means, covs = zip(*found, strict=True)
        return np.concatenate(means), np.concatenate(covs)

    def _stepped(
        self, mean: FloatArray, cov: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        precision = np.asarray(np.linalg.inv(cov), dtype=np.float64)
        apart = self.values - self.known * mean[:, None]
        said = apart @ precision
        after = np.zeros_like(cov)
        for gaps in self.gaps:
            residual = _inverses(precision, gaps.lost)
            own = gaps.lost[gaps.of_rows]
            pull = said[:, gaps.rows, own]
            apart[:, gaps.rows, own] = -np.einsum(
                "brij,brj->bri", residual[:, gaps.of_rows], pull
            )
            after += self._left(residual, gaps)
        weighted = apart * self.weights[:, :, None]
        after += weighted.swapaxes(1, 2) @ apart
        level = self.level - self.share[:, None] * mean
        shift = weighted.sum(axis=1) + level
        mixed = self.level[:, :, None] * mean[:, None]
        after += self.cross - mixed
        after -= mean[:, :, None] * level[:, None]
        after -= shift[:, :, None] * shift[:, None]
        return mean + shift, (after + after.swapaxes(1, 2)) / 2

    def _left(self, residual: FloatArray, gaps: _Gaps) -> FloatArray:
        """Return the sums (b, p, p) of the variances that gaps keep."""
        b, g = residual.shape[:2]
        p = self.values.shape[1]
        drawn = self.weights[:, gaps.rows[:, 0]]
        rows = np.arange(b)[:, None]
        share = np.bincount(
            (rows * g + gaps.of_rows).ravel(), drawn.ravel(), minlength=b * g
        )
        parts = residual * share.reshape(b, g, 1, 1)
        places = (rows * (p * p) + gaps.places).ravel()
        left = np.bincount(places, parts.ravel(), minlength=b * p * p)
        return np.asarray(left, dtype=np.float64).reshape(b, p, p)


def _by_number(lost: BoolArray) -> Iterator[_Gaps]:
    """Yield the gaps of rows (r, p) by their number in a row."""
    number, p = lost.sum(axis=1), lost.shape[1]
    for m in np.unique(number):
        rows = np.flatnonzero(number == m)
        kinds, of_rows = np.unique(lost[rows], axis=0, return_inverse=True)
        items = np.nonzero(kinds)[1].reshape(len(kinds), m)
        places = (items[:, :, None] * p + items[:, None, :]).ravel()
        yield _Gaps(rows[:, None], items, of_rows.ravel(), places)


def _inverses(precision: FloatArray, lost: IntArray) -> FloatArray:
    """Return the inverses (b, g, m, m) of a matrix's blocks; NaN where one has none."""
    blocks = precision[:, lost[:, :, None], lost[:, None, :]]
    m = lost.shape[1]
    if m == 1:
        return np.asarray(1.0 / blocks)
    slab = np.ascontiguousarray(np.moveaxis(blocks.reshape(-1, m, m), 0, -1))
    work = np.empty_like(slab)
    # swept row by row, the matrix becomes its inverse with another sign
    for k in range(m):
        pivot = 1.0 / slab[k, k]
        pivot[~(pivot > 0)] = np.nan
        column = slab[:, k].copy()
        share = column * pivot
        slab -= np.multiply(column[:, None], share, out=work)
        slab[:, k] = slab[k] = share
        np.negative(pivot, out=slab[k, k])
    np.negative(slab, out=slab)
    return np.moveaxis(slab, -1, 0).reshape(blocks.shape)
