"""What each respondent contributes to the errors of thresholds and correlations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.ordinal.correlations import serial_pairs
from csindex.kernels.ordinal.normal import normal_cdf, normal_pdf
from csindex.kernels.ordinal.polychoric import cells
from csindex.kernels.ordinal.polyserial import case_slopes, limits
from csindex.kernels.ordinal.sample import (
    OrdinalSample,
    ordinal_pairs,
    pair_tables,
    table_places,
)


@dataclass(frozen=True, eq=False)
class Single:
    """Contributions to the statistics of single items.

    Attributes
    ----------
    all : ndarray of shape (n, t + v)
        Contributions to t thresholds and means, item by item, then v variances.
    start : ndarray of int of shape (p,)
        Column of each item's first threshold, or of its mean.
    variance : ndarray of int of shape (p,)
        Column of each continuous item's variance; -1 for ordinal items.
    """

    all: FloatArray
    start: IntArray
    variance: IntArray


@dataclass(frozen=True, eq=False)
class _Scores:
    """Casewise scores of some pairs' correlations.

    Attributes
    ----------
    places : ndarray of int of shape (m,)
        Positions among all pairs.
    rho : ndarray of shape (n, m)
        Scores.
    crossed : ndarray of shape (m, t + v)
        Mean products of them with the pair's scores for statistics of single items.
    """

    places: IntArray
    rho: FloatArray
    crossed: FloatArray


def univariate_influence(
    sample: OrdinalSample,
    weights: FloatArray,
    cuts: FloatArray,
    centred: FloatArray,
    variance: FloatArray,
) -> Single:
    """Return the contributions to thresholds, means and variances.

    Parameters
    ----------
    sample : OrdinalSample
        The sample.
    weights : ndarray of shape (n,)
        Weights with mean one.
    cuts : ndarray of shape (p, K - 1)
        Thresholds.
    centred : ndarray of shape (n, p)
        Continuous answers without their means.
    variance : ndarray of shape (p,)
        Variances of continuous items.

    Returns
    -------
    Single
        The contributions.
    """
    ordinal, sizes = sample.ordinal, sample.sizes
    columns: list[FloatArray] = []
    variances = np.zeros((len(centred), 0))
    for i, size in enumerate(sizes):
        if not size:
            both = _normal_influence(centred[:, i], float(variance[i]), weights)
            columns.append(both[:, :1])
            variances = np.concatenate([variances, both[:, 1:]], axis=1)
            continue
        own = cuts[i, : size - 1]
        below = sample.codes[:, [i]] <= np.arange(size - 1)
        columns.append((below - normal_cdf(own)) / normal_pdf(own))
    widths = np.maximum(sizes - 1, 1)
    return Single(
        np.concatenate([*columns, variances], axis=1),
        np.cumsum(widths) - widths,
        np.where(ordinal, -1, widths.sum() + np.cumsum(~ordinal) - 1),
    )


def _normal_influence(
    centred: FloatArray, variance: float, weights: FloatArray
) -> FloatArray:
    """Return the contributions (n, 2) to a mean and a variance.

    Scores of the normal likelihood, by the inverse of their mean products.
    """
    by_mean = centred / variance
    by_variance = (centred * by_mean - 1) / (2 * variance)
    scores = np.stack([by_mean, by_variance], axis=1)
    information = (scores * weights[:, None]).T @ scores / len(centred)
    return np.asarray(np.linalg.solve(information, scores.T).T)


def pair_influence(
    sample: OrdinalSample,
    weights: FloatArray,
    cuts: FloatArray,
    z: FloatArray,
    sd: FloatArray,
    corr: FloatArray,
    single: Single,
) -> FloatArray:
    """Return the contributions to the covariances of all pairs.

    Parameters
    ----------
    sample : OrdinalSample
        The sample.
    weights : ndarray of shape (n,)
        Weights with mean one.
    cuts : ndarray of shape (p, K - 1)
        Thresholds.
    z : ndarray of shape (n, p)
        Standardised continuous answers.
    sd : ndarray of shape (p,)
        Standard deviations; one for ordinal items.
    corr : ndarray of shape (p, p)
        Correlations.
    single : Single
        Contributions to the statistics of single items.

    Returns
    -------
    ndarray of shape (n, pairs)
        The contributions, weights not yet applied.
    """
    first, second = sample.pairs
    found = np.empty((len(z), len(first)))
    for scores in (
        _polychoric_scores(sample, weights, cuts, corr, single),
        _polyserial_scores(sample, weights, cuts, z, sd, corr, single),
        _pearson_scores(sample, weights, z, sd, corr, single),
    ):
        information = weights @ scores.rho**2 / len(z)
        rest = scores.rho - single.all @ scores.crossed.T
        found[:, scores.places] = rest / information
    found *= sd[first] * sd[second]
    # a covariance moves with the standard deviations too
    rho = corr[first, second]
    for own, other in ((first, second), (second, first)):
        moving = np.flatnonzero(~sample.ordinal[own])
        ratio = rho[moving] * sd[other[moving]] / (2 * sd[own[moving]])
        found[:, moving] += single.all[:, single.variance[own[moving]]] * ratio
    return found


def _places(sample: OrdinalSample, ordinal: int) -> IntArray:
    """Return the positions of the pairs with so many ordinal items."""
    return np.flatnonzero(sample.ordinal[sample.pairs].sum(axis=0) == ordinal)


def _polychoric_scores(
    sample: OrdinalSample,
    weights: FloatArray,
    cuts: FloatArray,
    corr: FloatArray,
    single: Single,
) -> _Scores:
    pairs = ordinal_pairs(sample)
    first, second = pairs
    rows, columns, rho = cuts[first].T, cuts[second].T, corr[first, second]
    found = cells(rows, columns, rho)
    relative = found.first / found.probability
    tables = pair_tables(sample, weights[None])[:, :, 0]
    product = tables * relative / found.probability / weights.sum()
    crossed = np.zeros((len(first), single.all.shape[1]))
    by_row = _row_slopes(rows, columns, rho) * -np.diff(product, axis=0)
    _spread(crossed, by_row.sum(axis=1), first, sample, single)
    turned = _row_slopes(columns, rows, rho) * -np.diff(product, axis=1).swapaxes(0, 1)
    _spread(crossed, turned.sum(axis=1), second, sample, single)
    scores = relative.ravel()[table_places(sample, pairs)].T
    return _Scores(_places(sample, 2), scores, crossed)


def _row_slopes(rows: FloatArray, columns: FloatArray, rho: FloatArray) -> FloatArray:
    """Return how the cells above and left of a threshold grow with it.

    Shape (K - 1, L, m): the derivative by a row's threshold of the probability to lie
    below it and in a column.
    """
    spread = np.sqrt(1 - rho * rho)
    below = normal_cdf((columns[None] - rho * rows[:, None]) / spread)
    edge = np.zeros((len(rows), 1, len(rho)))
    within = np.diff(np.concatenate([edge, below, edge + 1], axis=1), axis=1)
    return np.asarray(normal_pdf(rows)[:, None] * within)


def _spread(
    crossed: FloatArray,
    values: FloatArray,
    items: IntArray,
    sample: OrdinalSample,
    single: Single,
) -> None:
    """Put values (K - 1, m) of items' thresholds into their columns."""
    level, pair = np.nonzero(np.arange(len(values))[:, None] < sample.sizes[items] - 1)
    crossed[pair, single.start[items[pair]] + level] += values[level, pair]


def _polyserial_scores(
    sample: OrdinalSample,
    weights: FloatArray,
    cuts: FloatArray,
    z: FloatArray,
    sd: FloatArray,
    corr: FloatArray,
    single: Single,
) -> _Scores:
    continuous, ordinal = serial_pairs(sample)
    own, codes = z[:, continuous], sample.codes[:, ordinal]
    upper, lower = limits(codes, cuts[ordinal].T)
    slopes = case_slopes(own, upper, lower, corr[continuous, ordinal])
    share = (weights / len(z))[:, None] * slopes.rho
    crossed = np.zeros((len(continuous), single.all.shape[1]))
    above, below = share * slopes.upper, share * slopes.lower
    by_level = [
        np.where(codes == k, above, np.where(codes == k + 1, below, 0.0)).sum(axis=0)
        for k in range(sample.largest - 1)
    ]
    _spread(crossed, np.stack(by_level), ordinal, sample, single)
    scale = sd[continuous]
    by_mean = (own - slopes.z) / scale
    by_variance = (own * (own - slopes.z) - 1) / (2 * scale**2)
    _cross_continuous(crossed, share, by_mean, by_variance, continuous, single)
    return _Scores(_places(sample, 1), slopes.rho, crossed)


def _pearson_scores(
    sample: OrdinalSample,
    weights: FloatArray,
    z: FloatArray,
    sd: FloatArray,
    corr: FloatArray,
    single: Single,
) -> _Scores:
    places = _places(sample, 0)
    first, second = sample.pairs[:, places]
    rho = corr[first, second]
    a, b, left = z[:, first], z[:, second], 1 - rho * rho
    square = a * a - 2 * rho * a * b + b * b
    scores = (rho + a * b - rho * square / left) / left
    share = (weights / len(z))[:, None] * scores
    crossed = np.zeros((len(places), single.all.shape[1]))
    for own, other, items in ((a, b, first), (b, a, second)):
        by_mean = (own - rho * other) / left / sd[items]
        by_variance = (own * by_mean / sd[items] - 1 / sd[items] ** 2) / 2
        _cross_continuous(crossed, share, by_mean, by_variance, items, single)
    return _Scores(places, scores, crossed)


def _cross_continuous(
    crossed: FloatArray,
    share: FloatArray,
    by_mean: FloatArray,
    by_variance: FloatArray,
    items: IntArray,
    single: Single,
) -> None:
    """Put products with the scores (n, m) of items' means and variances in place."""
    pair = np.arange(len(items))
    crossed[pair, single.start[items]] += (share * by_mean).sum(axis=0)
    crossed[pair, single.variance[items]] += (share * by_variance).sum(axis=0)
