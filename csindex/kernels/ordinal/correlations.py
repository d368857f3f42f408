"""Correlations of ordinal and continuous items, each pair by its kind."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.linalg import correlation
from csindex.kernels.moments import resampled
from csindex.kernels.ordinal.polychoric import polychoric
from csindex.kernels.ordinal.polyserial import polyserial
from csindex.kernels.ordinal.sample import (
    OrdinalSample,
    filled_fourfold,
    ordinal_pairs,
    pair_tables,
    thresholds,
)

# numbers that the tables, and the cases of polyserial pairs, hold at once
_TABLES = 1 << 20
_CASES = 1 << 18


def mixed_correlations(sample: OrdinalSample, weights: FloatArray) -> FloatArray:
    """Return the correlations of the variables behind ordinal and continuous items.

    Parameters
    ----------
    sample : OrdinalSample
        Answers of n respondents to p items.
    weights : ndarray of shape (b, n)
        Weights of the respondents, one row per member of the stack.

    Returns
    -------
    ndarray of shape (b, p, p)
        Polychoric correlations of two ordinal items, polyserial ones of an ordinal and
        a continuous item, Pearson's of two continuous ones. NaN in the rows and
        columns of an item that is constant in a member.
    """
    n, p = sample.codes.shape
    tables = sample.largest**2 * ordinal_pairs(sample).shape[1]
    cases = n * serial_pairs(sample).shape[1]
    step = max(1, min(_TABLES // max(tables, 1), _CASES // max(cases, 1)))
    found = np.empty((len(weights), p, p))
    for start in range(0, len(weights), step):
        rows = slice(start, start + step)
        found[rows] = _correlations(sample, weights[rows])
    return found


def table_correlations(
    tables: FloatArray, cuts: FloatArray, pairs: IntArray
) -> FloatArray:
    """Return the polychoric correlations of all pairs of ordinal items.

    Parameters
    ----------
    tables : ndarray of shape (K, K, b, pairs)
        Tables of the pairs.
    cuts : ndarray of shape (b, p, K - 1)
        Thresholds.
    pairs : ndarray of int of shape (2, pairs)
        First and second items.

    Returns
    -------
    ndarray of shape (b, pairs)
        Correlations.
    """
    most, _, b, size = tables.shape
    slab = np.moveaxis(cuts, -1, 0)
    rows, columns = (slab[:, :, side].reshape(most - 1, b * size) for side in pairs)
    flat = tables.reshape(most, most, b * size)
    return polychoric(flat, rows, columns).reshape(b, size)


def serial_pairs(sample: OrdinalSample) -> IntArray:
    """Return the pairs of a continuous and an ordinal item.

    Parameters
    ----------
    sample : OrdinalSample
        The sample.

    Returns
    -------
    ndarray of int of shape (2, pairs)
        Continuous and ordinal items, in the order of `OrdinalSample.pairs`.
    """
    first, second = sample.pairs[:, sample.ordinal[sample.pairs].sum(axis=0) == 1]
    turned = sample.ordinal[first]
    return np.stack([np.where(turned, second, first), np.where(turned, first, second)])


def _correlations(sample: OrdinalSample, weights: FloatArray) -> FloatArray:
    """Return the correlations of a few members."""
    mean, cov = resampled(sample.values, weights)
    found, sd = correlation(cov)
    cuts = thresholds(sample, weights)
    if (pairs := ordinal_pairs(sample)).size:
        tables = filled_fourfold(pair_tables(sample, weights), sample.sizes, pairs)
        _put(found, pairs, table_correlations(tables, cuts, pairs))
    if (pairs := serial_pairs(sample)).size:
        n = len(sample.values)
        # the likelihood's standard deviations have the divisor n
        scale = np.where(sd > 0, sd, np.nan) * np.sqrt((n - 1) / n)
        _put(found, pairs, _serial(sample, pairs, mean, scale, cuts, weights))
    return found


def _put(found: FloatArray, pairs: IntArray, values: FloatArray) -> None:
    """Write the correlations (b, pairs) into matrices (b, p, p), both halves."""
    first, second = pairs
    found[:, first, second] = found[:, second, first] = values


def _serial(
    sample: OrdinalSample,
    pairs: IntArray,
    mean: FloatArray,
    scale: FloatArray,
    cuts: FloatArray,
    weights: FloatArray,
) -> FloatArray:
    """Return the polyserial correlations (b, pairs) of a few members."""
    (b, n), size = weights.shape, pairs.shape[1]
    z = (sample.values.T - mean[..., None]) / scale[..., None]
    found = np.empty((b, size))
    step = max(1, _CASES // (b * n))
    for start in range(0, size, step):
        continuous, ordinal = pairs[:, start : start + step]
        many = len(ordinal)
        own = np.repeat(weights.T, many, axis=1)
        flat = np.moveaxis(z[:, continuous], -1, 0).reshape(n, b * many)
        codes = np.tile(sample.codes[:, ordinal], (1, b))
        rows = np.moveaxis(cuts[:, ordinal], -1, 0).reshape(-1, b * many)
        solved = polyserial(flat, codes, rows, own).reshape(b, many)
        found[:, start : start + step] = solved
    return found
