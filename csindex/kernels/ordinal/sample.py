"""A coded sample of ordinal and continuous items: margins, tables, thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.ordinal.normal import FAR, normal_quantile

# a cumulative share from here on is everyone, but for rounding
_ALL = 1 - 1e-13
# places in tables that are held at once, 34 MB
_PLACES = 1 << 22


@dataclass(frozen=True, eq=False)
class OrdinalSample:
    """Answers to ordinal and continuous items, without gaps.

    Attributes
    ----------
    values : ndarray of shape (n, p)
        The answers; those to ordinal items aren't used.
    codes : ndarray of int of shape (n, p)
        Categories of ordinal items, from 0; zero for continuous items.
    sizes : ndarray of int of shape (p,)
        Number of categories; zero for continuous items.
    """

    values: FloatArray
    codes: IntArray
    sizes: IntArray

    @property
    def ordinal(self) -> BoolArray:
        """Which items are ordinal, shape (p,)."""
        return np.asarray(self.sizes > 0)

    @property
    def largest(self) -> int:
        """The largest number of categories; 2 or more."""
        return max(2, int(self.sizes.max(initial=2)))

    @cached_property
    def pairs(self) -> IntArray:
        """All pairs of items, shape (2, p (p - 1) / 2), the first item slowest."""
        return np.stack(np.triu_indices(len(self.sizes), 1)).astype(np.int64)


def coded(values: FloatArray, categories: Sequence[FloatArray | None]) -> OrdinalSample:
    """Return answers as a sample with coded categories.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Answers without gaps.
    categories : sequence of ndarray or None
        For each item its categories in rising order, every answer among them; None
        for continuous items.

    Returns
    -------
    OrdinalSample
        The sample.
    """
    codes = np.zeros(values.shape, dtype=np.int64)
    for i, known in enumerate(categories):
        if known is not None:
            codes[:, i] = np.searchsorted(known, values[:, i])
    sizes = [0 if known is None else len(known) for known in categories]
    return OrdinalSample(values, codes, np.array(sizes, dtype=np.int64))


def ordinal_pairs(sample: OrdinalSample) -> IntArray:
    """Return the pairs of two ordinal items.

    Parameters
    ----------
    sample : OrdinalSample
        The sample.

    Returns
    -------
    ndarray of int of shape (2, pairs)
        First and second items.
    """
    return np.asarray(sample.pairs[:, sample.ordinal[sample.pairs].all(axis=0)])


def thresholds(sample: OrdinalSample, weights: FloatArray) -> FloatArray:
    r"""Return the thresholds of ordinal items, from their margins.

    Parameters
    ----------
    sample : OrdinalSample
        The sample, with at most K categories.
    weights : ndarray of shape (b, n)
        Weights of the respondents.

    Returns
    -------
    ndarray of shape (b, p, K - 1)
        Thresholds, `FAR` after an item's last one, and everywhere for a continuous
        item. Those of an empty category coincide.

    Notes
    -----
    .. math:: \tau_a = \Phi^{-1}(P(y \le a))
    """
    p, most = len(sample.sizes), sample.largest
    places = sample.codes.T + np.arange(p)[:, None] * most
    found = np.full((len(weights), p, most - 1), FAR)
    real = np.arange(1, most) < sample.sizes[:, None]
    for row, own in zip(found, weights, strict=True):
        margin = np.bincount(places.ravel(), np.tile(own, p), p * most)
        sums = np.cumsum(margin.reshape(p, most), axis=1)
        share = sums / sums[:, -1:]
        row[real] = normal_quantile(np.where(share > _ALL, 1.0, share)[:, :-1])[real]
    return found


def pair_tables(sample: OrdinalSample, weights: FloatArray) -> FloatArray:
    """Return the tables of all pairs of ordinal items.

    Parameters
    ----------
    sample : OrdinalSample
        The sample, with at most K categories.
    weights : ndarray of shape (b, n)
        Weights of the respondents, used in proportion: a table's sum is n.

    Returns
    -------
    ndarray of shape (K, K, b, pairs)
        Tables, zero beyond an item's last category.
    """
    (b, n), most, pairs = weights.shape, sample.largest, ordinal_pairs(sample)
    tables = np.empty((most * most, b, pairs.shape[1]))
    scaled = weights * (n / weights.sum(axis=1, keepdims=True))
    step = max(1, _PLACES // n)
    for start in range(0, pairs.shape[1], step):
        part = pairs[:, start : start + step]
        size = part.shape[1]
        places = table_places(sample, part).ravel()
        for k, own in enumerate(scaled):
            counted = np.bincount(places, np.tile(own, size), most * most * size)
            tables[:, k, start : start + size] = counted.reshape(-1, size)
    return tables.reshape(most, most, b, pairs.shape[1])


def table_places(sample: OrdinalSample, pairs: IntArray) -> IntArray:
    """Return the place of each respondent in the tables of some pairs.

    Parameters
    ----------
    sample : OrdinalSample
        The sample, with at most K categories.
    pairs : ndarray of int of shape (2, m)
        First and second items.

    Returns
    -------
    ndarray of int of shape (m, n)
        Positions in tables of shape (K, K, m), flattened.
    """
    by_item = np.ascontiguousarray(sample.codes.T)
    first, second = pairs
    cell = by_item[first] * sample.largest + by_item[second]
    cell *= len(first)
    cell += np.arange(len(first))[:, None]
    return np.asarray(cell)


def filled_fourfold(tables: FloatArray, sizes: IntArray, pairs: IntArray) -> FloatArray:
    """Return tables where fourfold ones with one empty cell have half an answer there.

    The other three cells change so that the margins stay; larger tables, and those
    with two empty cells, are left as they are.

    Parameters
    ----------
    tables : ndarray of shape (K, K, b, pairs)
        Tables; changed in place.
    sizes : ndarray of int of shape (p,)
        Number of categories of each item.
    pairs : ndarray of int of shape (2, pairs)
        First and second items.

    Returns
    -------
    ndarray of shape (K, K, b, pairs)
        The same tables.

    Notes
    -----
    The rule of lavaan (``zero.add = c(0.5, 0)``, ``zero.keep.margins = TRUE``).
    """
    fourfold = (sizes[pairs] == 2).all(axis=0)
    corner = tables[:2, :2][..., fourfold]
    empty = corner == 0
    one = empty.sum(axis=(0, 1)) == 1
    on_diagonal = empty[0, 0] | empty[1, 1]
    half = np.where(one, np.where(on_diagonal, 0.5, -0.5), 0.0)
    corner += np.array([[1.0, -1.0], [-1.0, 1.0]])[:, :, None, None] * half
    tables[:2, :2][..., fourfold] = corner
    return tables
