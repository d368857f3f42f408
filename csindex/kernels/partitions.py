"""Partitions of the same rows: how far they agree, and associations with others."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import FloatArray, IntArray


def adjusted_rand(first: IntArray, second: IntArray) -> float:
    r"""Return how far two partitions agree beyond chance.

    Parameters
    ----------
    first, second : ndarray of int of shape (n,)
        Codes of the parts, from 0.

    Returns
    -------
    float
        One for equal partitions, about zero for independent ones.

    Notes
    -----
    With the pairs of rows that are together in both partitions (a), in the first (b),
    in the second (c) and all (d): :math:`(a - bc/d) / ((b + c)/2 - bc/d)`.

    References
    ----------
    Hubert & Arabie (1985), Journal of Classification 2(1).
    """
    table = np.zeros((int(first.max()) + 1, int(second.max()) + 1))
    np.add.at(table, (first, second), 1.0)
    both, one, other = (
        _pairs(table),
        _pairs(table.sum(axis=1)),
        _pairs(table.sum(axis=0)),
    )
    chance = one * other / _pairs(table.sum())
    most = (one + other) / 2
    # both have one part, or each row is a part of its own
    return 1.0 if most == chance else float((both - chance) / (most - chance))


def _pairs(counts: FloatArray) -> float:
    return float((counts * (counts - 1) / 2).sum())


def chi_square(table: FloatArray) -> float:
    r"""Return Pearson's chi square of a table of counts.

    Parameters
    ----------
    table : ndarray of shape (a, b)
        Counts, or sums of weights, of which no row or column is zero.

    Returns
    -------
    float
        :math:`\sum (o - e)^2 / e` with the counts e expected if rows and columns
        were independent.
    """
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return float(((table - expected) ** 2 / expected).sum())


def eta_squared(values: FloatArray, codes: IntArray, weights: FloatArray) -> float:
    """Return the share of a variance that lies between parts.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Values.
    codes : ndarray of int of shape (n,)
        Codes of the parts, from 0.
    weights : ndarray of shape (n,)
        Weights of the rows.

    Returns
    -------
    float
        Share between 0 and 1; NaN if all values are equal.
    """
    centred = values - np.average(values, weights=weights)
    total = float(weights @ centred**2)
    size = np.bincount(codes, weights)
    sums = np.bincount(codes, weights * centred)
    between = float((sums[size > 0] ** 2 / size[size > 0]).sum())
    return between / total if total > 0 else float("nan")
