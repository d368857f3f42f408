"""Tetrads of covariances, which vanish if one factor is behind the items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class JointTest:
    """A test of several tetrads at once.

    Attributes
    ----------
    chisq : float
        Wald's statistic.
    df : int
        Number of tetrads.
    p : float
        Probability of a larger statistic if all of them vanish.
    """

    chisq: float
    df: int
    p: float


def nonredundant(size: int) -> IntArray:
    r"""Return tetrads of which none follows from the others.

    Parameters
    ----------
    size : int
        Number of items of one construct, k.

    Returns
    -------
    ndarray of int of shape (k (k - 3) / 2, 4)
        Positions g, h, i, j of :math:`\tau_{ghij}`; none for fewer than four items.

    Notes
    -----
    One factor leaves :math:`k (k - 1) / 2 - k` constraints. The covariances of item 1
    with all others and of items 2 and 3 determine k loadings; every other covariance
    then gives one tetrad.

    References
    ----------
    Bollen & Ting (2000), Psychological Methods 5(1).
    """
    rows = [(0, 2, k, 1) for k in range(3, size)]
    rows += [(0, 1, k, 2) for k in range(3, size)]
    rows += [(0, 1, k, m) for k in range(3, size) for m in range(k + 1, size)]
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def tetrads(cov: FloatArray, positions: IntArray) -> FloatArray:
    r"""Return tetrads.

    Parameters
    ----------
    cov : ndarray of shape (..., k, k)
        Covariances, or correlations.
    positions : ndarray of int of shape (m, 4)
        Positions g, h, i, j.

    Returns
    -------
    ndarray of shape (..., m)
        :math:`\tau_{ghij} = \sigma_{gh} \sigma_{ij} - \sigma_{gi} \sigma_{hj}`.
    """
    g, h, i, j = positions.T
    return np.asarray(cov[..., g, h] * cov[..., i, j] - cov[..., g, i] * cov[..., h, j])


def slopes(cov: FloatArray, positions: IntArray) -> FloatArray:
    """Return the derivatives of tetrads in the covariances.

    Parameters
    ----------
    cov : ndarray of shape (k, k)
        Covariances.
    positions : ndarray of int of shape (m, 4)
        Positions g, h, i, j.

    Returns
    -------
    ndarray of shape (m, k (k - 1) / 2)
        One column per pair of items, in the order of ``np.triu_indices(k, 1)``.
    """
    k = len(cov)
    first, second = np.triu_indices(k, 1)
    place = np.zeros((k, k), dtype=np.int64)
    place[first, second] = place[second, first] = np.arange(first.size)
    g, h, i, j = positions.T
    rows = np.arange(len(positions))
    found = np.zeros((len(positions), first.size))
    for pair, other, sign in (
        ((g, h), (i, j), 1.0),
        ((i, j), (g, h), 1.0),
        ((g, i), (h, j), -1.0),
        ((h, j), (g, i), -1.0),
    ):
        np.add.at(found, (rows, place[pair]), sign * cov[other])
    return found


def normal_law(cov: FloatArray) -> FloatArray:
    r"""Return the asymptotic covariances of covariances of normal answers.

    Parameters
    ----------
    cov : ndarray of shape (k, k)
        Covariances.

    Returns
    -------
    ndarray of shape (q, q)
        n times the covariances of the q pairs of ``np.triu_indices(k, 1)``:
        :math:`\sigma_{eg} \sigma_{fh} + \sigma_{eh} \sigma_{fg}`.
    """
    e, f = np.triu_indices(len(cov), 1)
    return np.asarray(
        cov[np.ix_(e, e)] * cov[np.ix_(f, f)] + cov[np.ix_(e, f)] * cov[np.ix_(f, e)]
    )


def free_law(values: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    r"""Return the asymptotic covariances of covariances, whatever the distribution.

    Parameters
    ----------
    values : ndarray of shape (n, k)
        Answers without gaps.
    weights : ndarray of shape (n,), optional
        Positive weights.

    Returns
    -------
    ndarray of shape (q, q)
        n times the covariances of the q pairs of ``np.triu_indices(k, 1)``:
        :math:`\sigma_{efgh} - \sigma_{ef} \sigma_{gh}`.

    References
    ----------
    Browne (1984), British Journal of Mathematical and Statistical Psychology 37(1).
    """
    n = len(values)
    share = np.full(n, 1.0 / n) if weights is None else weights / weights.sum()
    centred = values - share @ values
    first, second = np.triu_indices(values.shape[1], 1)
    products = centred[:, first] * centred[:, second]
    products = products - share @ products
    return np.asarray((products * share[:, None]).T @ products)


def joint_test(values: FloatArray, law: FloatArray, n: float) -> JointTest:
    r"""Test whether all tetrads vanish.

    Parameters
    ----------
    values : ndarray of shape (m,)
        Tetrads, of which none follows from the others.
    law : ndarray of shape (m, m)
        n times their asymptotic covariances.
    n : float
        Number of respondents.

    Returns
    -------
    JointTest
        :math:`T = n \, t' \Sigma_{tt}^{-1} t`.

    References
    ----------
    Bollen (1990), Sociological Methods & Research 19(1).
    """
    from scipy.special import gammaincc

    chisq = float(n * values @ np.linalg.solve(law, values))
    return JointTest(chisq, len(values), float(gammaincc(len(values) / 2, chisq / 2)))
