"""From answers to the statistics that models with ordinal items are fitted to."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from csindex.errors import DataError
from csindex.estimation.cbsem.fitted import Sample
from csindex.estimation.cbsem.methods import Method
from csindex.estimation.cbsem.ordinal_fit import OrdinalData
from csindex.estimation.ordinal import coded_answers, item_categories
from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.moments import resampled
from csindex.kernels.ordinal.correlations import mixed_correlations
from csindex.kernels.ordinal.influence import pair_influence, univariate_influence
from csindex.kernels.ordinal.moments import (
    OrdinalMoments,
    Triangle,
    elements,
    ordinal_moments,
    triangle,
)
from csindex.kernels.ordinal.sample import OrdinalSample, coded, thresholds
from csindex.survey import Answers


def ordinal_items(names: Sequence[str], ordinal: bool | Sequence[str]) -> list[str]:
    """Return the ordinal items: all of them if ``ordinal`` is True."""
    if ordinal is True:
        return list(names)
    return [] if ordinal is False else list(ordinal)


def group_samples(
    groups: Mapping[Hashable, Answers], ordinal: Sequence[str]
) -> list[OrdinalSample]:
    """Return the coded sample of each group, by categories that all groups share.

    Parameters
    ----------
    groups : mapping of label to Answers
        Complete answers of each group, by its label; that of a single one isn't
        told.
    ordinal : sequence of str
        The ordinal items.

    Returns
    -------
    list of OrdinalSample
        The samples.

    Raises
    ------
    DataError
        With every item that isn't there or has one category; with every group, item
        and category that nobody of the group chose.
    """
    parts = list(groups.values())
    first = parts[0]
    if len(parts) == 1:
        return [coded_answers(first, item_categories(first, ordinal))]
    together = replace(
        first,
        values=np.concatenate([part.values for part in parts]),
        rows=np.concatenate([part.rows for part in parts]),
        weights=None,
        strata=None,
        clusters=None,
    )
    categories = item_categories(together, ordinal)
    found: list[OrdinalSample] = []
    problems: list[str] = []
    for label, part in groups.items():
        try:
            found.append(coded_answers(part, categories))
        except DataError as error:
            problems += [f"group {label!r}: {problem}" for problem in error.problems]
    if problems:
        raise DataError(problems)
    return found


def single_data(
    sample: OrdinalSample,
    method: Method,
    weights: FloatArray | None,
    clusters: IntArray | None = None,
) -> OrdinalData:
    """Return the statistics of one sample.

    Parameters
    ----------
    sample : OrdinalSample
        The respondents.
    method : Method
        What they are weighted for.
    weights : ndarray of shape (n,), optional
        Sampling weights.
    clusters : ndarray of int of shape (n,), optional
        Clusters, which errors and tests allow for.

    Returns
    -------
    OrdinalData
        A stack of one, with the covariance of the statistics.

    Raises
    ------
    DataError
        If the weight of WLS can't be made of so few respondents.
    """
    moments = ordinal_moments(sample, weights, clusters)
    part = triangle(moments)
    rank = int(part.estimated.sum())
    if method.discrepancy == "WLS" and moments.n <= len(moments.statistics):
        raise DataError(
            f"WLS inverts the covariance of {rank} correlations, beside "
            f"{len(moments.statistics) - rank} thresholds and means, which needs more "
            f"than {len(moments.statistics)} respondents, and there are {moments.n}; "
            "use estimator='WLSMV'"
        )
    weight = _weight(part, method)
    made = Sample(
        moments.cov[None],
        moments.mean[None],
        np.array([float(moments.n)]),
        weight[None],
    )
    levels = moments.statistics[~moments.elements.is_covariance]
    return OrdinalData(made, levels[None], moments)


def stacked_data(
    sample: OrdinalSample,
    method: Method,
    weights: FloatArray,
    own: FloatArray | None,
) -> OrdinalData:
    """Return the statistics of resamples.

    Parameters
    ----------
    sample : OrdinalSample
        The respondents.
    method : Method
        What they are weighted for.
    weights : ndarray of shape (b, n)
        Counts of each resample times sampling weights.
    own : ndarray of shape (n,), optional
        Sampling weights.

    Returns
    -------
    OrdinalData
        A stack of b; NaN where an item has one category in a resample.
    """
    base = np.ones(weights.shape[1]) if own is None else own
    counts = weights / base
    corr = mixed_correlations(sample, weights)
    mean, cov = resampled(sample.values, weights)
    n = counts.sum(axis=1)
    variance = np.diagonal(cov, axis1=1, axis2=2) * ((n - 1) / n)[:, None]
    sd = np.sqrt(np.where(sample.ordinal, 1.0, variance))
    mean = np.where(sample.ordinal, 0.0, mean)
    diagonal = np.where(np.isnan(np.diagonal(corr, axis1=1, axis2=2)), np.nan, 1.0)
    places = np.arange(len(sample.sizes))
    corr[:, places, places] = diagonal
    made = Sample(
        corr * sd[:, :, None] * sd[:, None, :],
        mean,
        n,
        _stacked_weights(sample, method, counts, base, corr),
    )
    cuts = thresholds(sample, weights)
    levels = [
        cuts[:, i, : size - 1] if size else mean[:, [i]]
        for i, size in enumerate(sample.sizes)
    ]
    return OrdinalData(made, np.concatenate(levels, axis=1))


def _weight(part: Triangle, method: Method) -> FloatArray:
    """Return the diagonal (s,) or the whole (s, s) of the weight of a triangle."""
    if method.discrepancy == "ULS":
        return np.asarray(part.estimated, np.float64)
    kept = np.flatnonzero(part.estimated)
    if method.discrepancy == "WLS":
        weight = np.zeros_like(part.gamma)
        weight[np.ix_(kept, kept)] = np.linalg.inv(part.gamma[np.ix_(kept, kept)])
        return weight
    weight = np.zeros(len(part.values))
    weight[kept] = 1 / np.diagonal(part.gamma)[kept]
    return weight


def _stacked_weights(
    sample: OrdinalSample,
    method: Method,
    counts: FloatArray,
    own: FloatArray,
    corr: FloatArray,
) -> FloatArray:
    """Return the weights of each resample's triangle, (b, s) or (b, s, s)."""
    size = len(sample.sizes)
    first, second = np.triu_indices(size)
    s = len(first)
    if method.discrepancy == "ULS":
        free = (first != second) | ~sample.ordinal[first]
        return np.tile(np.asarray(free, np.float64), (len(counts), 1))
    whole = (len(counts), s, s)
    found = np.full(whole if method.discrepancy == "WLS" else whole[:2], np.nan)
    usable: BoolArray = np.asarray(np.isfinite(corr).all(axis=(1, 2)))
    for k in np.flatnonzero(usable):
        found[k] = _weight(_resample(sample, counts[k], own, corr[k]), method)
    return found


def _resample(
    sample: OrdinalSample,
    counts: FloatArray,
    own: FloatArray,
    corr: FloatArray,
) -> Triangle:
    """Return the triangle of one resample, with the covariance of its statistics."""
    drawn = counts > 0
    often, values = counts[drawn], sample.values[drawn]
    size, total = len(often), often.sum()
    weights = often * own[drawn]
    weights *= size / weights.sum()
    ordinal = sample.ordinal
    # a resample may lack some category
    categories = [
        np.unique(column) if known else None
        for column, known in zip(values.T, ordinal, strict=True)
    ]
    part = coded(values, categories)
    cuts = thresholds(part, weights[None])[0]
    mean = np.where(ordinal, 0.0, weights @ values / size)
    centred = np.where(ordinal, 0.0, values - mean)
    variance = np.where(ordinal, 1.0, weights @ centred**2 / size)
    sd = np.sqrt(variance)
    single = univariate_influence(part, weights, cuts, centred, variance)
    pairs = pair_influence(part, weights, cuts, centred / sd, sd, corr, single)
    # a respondent drawn twice is two respondents, not one of weight two
    scale = weights * (total / size) / np.sqrt(often)
    influence = np.concatenate([single.all, pairs], axis=1) * scale[:, None]
    made = OrdinalMoments(
        int(total),
        part.sizes,
        cuts,
        mean,
        corr * sd * sd[:, None],
        elements(part),
        np.zeros(influence.shape[1]),
        influence,
    )
    return triangle(made)
