"""Traces that careless answering leaves in the rows of a survey."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.em import patterns


def longest_runs(values: FloatArray) -> IntArray:
    """Return the longest run of equal answers in each row.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Answers in the order of the questionnaire; NaN for gaps, which are passed over.

    Returns
    -------
    ndarray of int of shape (n,)
        Lengths; zero for a row without answers.

    References
    ----------
    Johnson (2005), Journal of Research in Personality 39(1).
    """
    before = np.full(len(values), np.nan)
    run = np.zeros(len(values), dtype=np.int64)
    longest = run.copy()
    for column in values.T:
        known = ~np.isnan(column)
        run = np.where(known, np.where(column == before, run + 1, 1), run)
        before = np.where(known, column, before)
        longest = np.maximum(longest, run)
    return longest


def distances(values: FloatArray, mean: FloatArray, cov: FloatArray) -> FloatArray:
    r"""Return the squared Mahalanobis distance of each row from the centre.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Answers; NaN for gaps. A row's distance is that of its answered items, which
        among normal answers has a chi-squared law with their number of degrees.
    mean : ndarray of shape (p,)
        Means.
    cov : ndarray of shape (p, p)
        Covariances, positive definite.

    Returns
    -------
    ndarray of shape (n,)
        :math:`(x - m)' S^{-1} (x - m)`; zero for a row without answers.

    References
    ----------
    Mahalanobis (1936), Proceedings of the National Institute of Sciences of India
    2(1).
    """
    found = np.zeros(len(values))
    complete = ~np.isnan(values).any(axis=1)
    centred = values - mean
    whole = centred[complete]
    found[complete] = (whole * np.linalg.solve(cov, whole.T).T).sum(axis=1)
    for kind in patterns(values):
        known = np.ix_(kind.rows, kind.known)
        part = centred[known]
        own = cov[np.ix_(kind.known, kind.known)]
        found[kind.rows] = (part * np.linalg.solve(own, part.T).T).sum(axis=1)
    return found


def row_correlations(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the correlation of two rows of values for each respondent.

    Parameters
    ----------
    first, second : ndarray of shape (n, k)
        Two values of each respondent on each of k things; NaN for gaps.

    Returns
    -------
    ndarray of shape (n,)
        Correlations over the pairs without gaps; NaN for fewer than three pairs, or if
        either side doesn't vary.
    """
    known = ~(np.isnan(first) | np.isnan(second))
    count = known.sum(axis=1)
    size = np.maximum(count, 1)[:, None]
    x, y = (np.where(known, side, 0.0) for side in (first, second))
    x, y = (
        np.where(known, side - side.sum(axis=1, keepdims=True) / size, 0.0)
        for side in (x, y)
    )
    spread = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    usable = (count >= 3) & (spread > 1e-12)
    return np.where(usable, (x * y).sum(axis=1) / np.where(usable, spread, 1.0), np.nan)
