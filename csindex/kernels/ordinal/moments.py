"""Sample statistics of ordinal and continuous items, with their covariance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.cbsem.fourth import cluster_products
from csindex.kernels.ordinal.correlations import mixed_correlations
from csindex.kernels.ordinal.influence import pair_influence, univariate_influence
from csindex.kernels.ordinal.sample import OrdinalSample, thresholds


@dataclass(frozen=True, eq=False)
class Elements:
    """What each of q sample statistics is, in the order of lavaan.

    First, item by item, the thresholds of an ordinal or the mean of a continuous one;
    then the variances of the continuous items; then the covariances of all pairs, the
    first item slowest.

    Attributes
    ----------
    first, second : ndarray of int of shape (q,)
        Items; the same one twice but for covariances.
    level : ndarray of int of shape (q,)
        Number of a threshold, from 1; zero for a mean, -1 for a variance or covariance.
    """

    first: IntArray
    second: IntArray
    level: IntArray

    @property
    def is_threshold(self) -> BoolArray:
        """Which elements are thresholds, shape (q,)."""
        return np.asarray(self.level > 0)

    @property
    def is_mean(self) -> BoolArray:
        """Which elements are means, shape (q,)."""
        return np.asarray(self.level == 0)

    @property
    def is_covariance(self) -> BoolArray:
        """Which elements are variances or covariances, shape (q,)."""
        return np.asarray(self.level < 0)

    def labels(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the elements as lavaan writes them.

        Parameters
        ----------
        names : sequence of str
            Names of the items.

        Returns
        -------
        tuple of str
            As ``x1|t1``, ``x2~1``, ``x2~~x2`` and ``x1~~x2``.
        """
        return tuple(
            f"{names[i]}|t{level}"
            if level > 0
            else f"{names[i]}~1"
            if level == 0
            else f"{names[i]}~~{names[k]}"
            for i, k, level in zip(self.first, self.second, self.level, strict=True)
        )


@dataclass(frozen=True, eq=False)
class OrdinalMoments:
    """Thresholds, means and covariances of p items, ordinal or continuous.

    The variable behind an ordinal item has mean zero and variance one.

    Attributes
    ----------
    n : int
        Number of respondents.
    sizes : ndarray of int of shape (p,)
        Number of categories; zero for continuous items.
    thresholds : ndarray of shape (p, K - 1)
        Thresholds; NaN where an item has no such one.
    mean : ndarray of shape (p,)
        Means; zero for ordinal items.
    cov : ndarray of shape (p, p)
        Covariances; variances of continuous items have the divisor n.
    elements : Elements
        What each of the q statistics is.
    statistics : ndarray of shape (q,)
        Thresholds, means, variances and covariances in one vector, s.
    influence : ndarray of shape (n, q)
        What each respondent contributes to the errors of s, weight included:
        their mean over the respondents is the error.
    clusters : ndarray of int of shape (n,), optional
        Codes of the clusters within which respondents depend on each other.
    """

    n: int
    sizes: IntArray
    thresholds: FloatArray
    mean: FloatArray
    cov: FloatArray
    elements: Elements
    statistics: FloatArray
    influence: FloatArray
    clusters: IntArray | None = None

    @cached_property
    def corr(self) -> FloatArray:
        """Polychoric, polyserial and Pearson correlations, shape (p, p)."""
        sd = np.sqrt(np.diagonal(self.cov))
        return np.asarray(self.cov / sd / sd[:, None])

    @cached_property
    def gamma(self) -> FloatArray:
        r"""Covariance of :math:`\sqrt n s`, shape (q, q), as if without clusters.

        It is what least squares are weighted by, so that estimates are the same with
        clusters and without.
        """
        return np.asarray(self.influence.T @ self.influence / self.n)

    @cached_property
    def design_gamma(self) -> FloatArray:
        r"""Covariance of :math:`\sqrt n s`, shape (q, q), with clusters."""
        if self.clusters is None:
            return self.gamma
        return cluster_products(self.influence, self.clusters)


def ordinal_moments(
    sample: OrdinalSample,
    weights: FloatArray | None = None,
    clusters: IntArray | None = None,
) -> OrdinalMoments:
    r"""Return thresholds, means and covariances, and what their errors are made of.

    Parameters
    ----------
    sample : OrdinalSample
        Answers of n respondents, every category with some.
    weights : ndarray of shape (n,), optional
        Sampling weights; only their proportions matter.
    clusters : ndarray of int of shape (n,), optional
        Codes of the clusters within which respondents depend on each other.

    Returns
    -------
    OrdinalMoments
        The statistics.

    Notes
    -----
    Three steps: thresholds, means and variances item by item; correlations pair by
    pair, given those; and the covariance of them all,

    .. math:: \Gamma = B^{-1} W B'^{-1}

    with W the mean products of the casewise scores g, and B their derivatives, as
    lavaan takes them: by products of scores too. It is computed from the respondents'
    contributions :math:`B^{-1} g_i`, so that no matrix of all statistics is inverted.
    For a continuous item this supposes that it is normal; covariances of two continuous
    items that are not have another covariance (Browne 1984).

    References
    ----------
    Muthen (1984), Psychometrika 49(1).

    Examples
    --------
    >>> from csindex.kernels.ordinal.sample import coded
    >>> answers = np.array([[1, 1], [1, 2], [2, 1], [2, 2], [1, 1], [2, 2.0]])
    >>> made = ordinal_moments(coded(answers, [np.array([1.0, 2.0])] * 2))
    >>> made.elements.labels(["a", "b"]), made.statistics.round(6)
    (('a|t1', 'b|t1', 'a~~b'), array([0. , 0. , 0.5]))
    """
    n = len(sample.values)
    own = np.ones(n) if weights is None else weights * (n / weights.sum())
    cuts = thresholds(sample, own[None])[0]
    corr = mixed_correlations(sample, own[None])[0]
    ordinal = sample.ordinal
    share = own / n
    mean = np.where(ordinal, 0.0, share @ sample.values)
    centred = np.where(ordinal, 0.0, sample.values - mean)
    variance = np.where(ordinal, 1.0, share @ centred**2)
    sd = np.sqrt(variance)
    single = univariate_influence(sample, own, cuts, centred, variance)
    pairs = pair_influence(sample, own, cuts, centred / sd, sd, corr, single)
    first, second = sample.pairs
    cov = corr * sd * sd[:, None]
    real = np.arange(1, sample.largest) < sample.sizes[:, None]
    return OrdinalMoments(
        n,
        sample.sizes,
        np.where(real, cuts, np.nan),
        mean,
        cov,
        elements(sample),
        np.concatenate(
            [
                *(
                    cuts[i, r] if o else mean[i : i + 1]
                    for i, (o, r) in enumerate(zip(ordinal, real, strict=True))
                ),
                variance[~ordinal],
                cov[first, second],
            ]
        ),
        np.concatenate([single.all, pairs], axis=1) * own[:, None],
        clusters,
    )


@dataclass(frozen=True, eq=False)
class Triangle:
    """Covariances as a least squares fit takes them: the upper triangle, row by row.

    Attributes
    ----------
    values : ndarray of shape (p (p + 1) / 2,)
        Variances and covariances; one for the variance of an ordinal item.
    gamma : ndarray of the same shape, squared
        Their covariance times n; zero for variances of ordinal items.
    estimated : ndarray of bool of the same shape
        False for the variances of ordinal items, which are no statistics: a fit gives
        them no weight.
    """

    values: FloatArray
    gamma: FloatArray
    estimated: BoolArray


def triangle(moments: OrdinalMoments) -> Triangle:
    """Return the covariances for a least squares fit with saturated thresholds.

    With thresholds and means saturated they leave the fit: diagonal weights are the
    inverse of gamma's diagonal here, and the full weight matrix is the inverse of gamma
    at the estimated places.

    Parameters
    ----------
    moments : OrdinalMoments
        The moments of p items.

    Returns
    -------
    Triangle
        The covariances and their own covariance.
    """
    p = len(moments.sizes)
    first, second = np.triu_indices(p)
    place = np.zeros((p, p), dtype=np.int64)
    place[first, second] = np.arange(len(first))
    kept = np.flatnonzero(moments.elements.is_covariance)
    at = place[moments.elements.first[kept], moments.elements.second[kept]]
    gamma = np.zeros((len(first), len(first)))
    gamma[np.ix_(at, at)] = moments.gamma[np.ix_(kept, kept)]
    estimated = np.zeros(len(first), dtype=np.bool_)
    estimated[at] = True
    return Triangle(moments.cov[first, second], gamma, estimated)


def elements(sample: OrdinalSample) -> Elements:
    """Return what the statistics of a sample are.

    Parameters
    ----------
    sample : OrdinalSample
        The sample.

    Returns
    -------
    Elements
        The elements in their order.
    """
    sizes = sample.sizes
    # a continuous item takes one place among the thresholds, for its mean
    repeats = np.maximum(sizes - 1, 1)
    items = np.repeat(np.arange(len(sizes)), repeats)
    levels = np.concatenate(
        [np.arange(1, size) if size else np.zeros(1, dtype=np.int64) for size in sizes]
    )
    varying = np.flatnonzero(~sample.ordinal)
    first, second = sample.pairs
    rest = len(varying) + len(first)
    return Elements(
        np.concatenate([items, varying, first]),
        np.concatenate([items, varying, second]),
        np.concatenate([levels, np.full(rest, -1)]).astype(np.int64),
    )
