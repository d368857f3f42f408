"""The fast double bootstrap: each resample is resampled once more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.inference.resampling import counts_of, sampling_units
from csindex.kernels.arrays import FloatArray, IntArray, SingleArray
from csindex.survey import Answers

# p-values are whole multiples of 1 / (1 + b)
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class BootstrapTest:
    """Tests of statistics that are large where a hypothesis is wrong.

    Attributes
    ----------
    p : ndarray of shape (k,)
        p-values; NaN where there is no statistic.
    critical : ndarray of shape (k,)
        What a statistic has to exceed to be rejected.
    """

    p: FloatArray
    critical: FloatArray


def bootstrap_test(
    observed: FloatArray,
    first: FloatArray,
    second: FloatArray | None = None,
    level: float = 0.95,
) -> BootstrapTest:
    r"""Test statistics against those of resamples in which the hypothesis is true.

    Parameters
    ----------
    observed : ndarray of shape (k,)
        The statistics T.
    first : ndarray of shape (b, k)
        Those of resamples, :math:`T^*`.
    second : ndarray of shape (c, k), optional
        Those of one resample of each resample, :math:`T^{**}`, in which the hypothesis
        is true as it is in the resamples; some may be missing. None: the bootstrap as
        it is.
    level : float
        One minus the error of the first kind.

    Returns
    -------
    BootstrapTest
        p-values and critical values.

    Notes
    -----
    Of b resamples k have :math:`T^* \ge T`. The p-value of the bootstrap is

    .. math:: p^* = \frac{1 + k}{1 + B}

    A test is right if p is uniform where the hypothesis is true. Whether it is can be
    seen in the resamples, where it is true: T* relates to T** as T relates to T*. The
    p-value of the fast double bootstrap is the share of resamples with a p as small as
    that of the sample,

    .. math:: p = \frac{1 + \#\{T^*_b \ge Q^{**}\}}{1 + B}

    where :math:`Q^{**}` is the value that k of the T** exceed (the k + 1-st in falling
    order), and infinity for k = 0. If T, T* and T** have one law, p is at most a in a
    share a of all samples, up to a share of 1 / B. The correction takes T* and the law
    of T** for independent.

    References
    ----------
    Davidson & MacKinnon (2007), Computational Statistics & Data Analysis 51(7);
    Davison & Hinkley (1997), Bootstrap Methods and their Application, chapter 4.

    Examples
    --------
    >>> first = np.arange(1.0, 20.0)[:, None]
    >>> bootstrap_test(np.array([18.5]), first).p
    array([0.1])
    >>> bootstrap_test(np.array([18.5]), first, 1.1 * first).p
    array([0.05])
    """
    falling = -np.sort(-first, axis=0)
    steps = _p_values(falling, None if second is None else -np.sort(-second, axis=0))
    place = (first >= observed).sum(axis=0)
    columns = np.arange(len(place))
    p = np.where(np.isnan(observed), np.nan, steps[place, columns])
    # the largest count of larger values that is still rejected
    last = (steps <= 1 - level + _ROUNDING).sum(axis=0) - 1
    critical = np.where(last < 0, np.inf, falling[last, columns])
    return BootstrapTest(p, critical)


def _p_values(falling: FloatArray, second: FloatArray | None) -> FloatArray:
    """Return p (b + 1, k) by how many of the resampled statistics are as large."""
    b = len(falling)
    plain = (1.0 + np.arange(b + 1)) / (1 + b)
    if second is None:
        return np.repeat(plain[:, None], falling.shape[1], axis=1)
    c = len(second)
    places = np.arange(1, b) * (c - 1) / (b - 1)
    found = np.empty((b + 1, falling.shape[1]))
    found[0], found[b] = plain[0], 1.0
    for column, (own, again) in enumerate(zip(falling.T, second.T, strict=True)):
        limits = np.interp(places, np.arange(c), again)
        beyond = np.searchsorted(-own, -limits, side="right")
        found[1:b, column] = (1 + beyond) / (1 + b)
    return found


def can_redraw(answers: Answers) -> bool:
    """Return whether resamples can be resampled.

    Parameters
    ----------
    answers : Answers
        The respondents, or buckets.

    Returns
    -------
    bool
        Without strata and clusters always; with them if every stratum has three units
        or more, for each level of the rescaled bootstrap draws one unit less.
    """
    units = sampling_units(answers)
    sizes = np.bincount(units.strata)
    return not units.designed or bool(sizes[sizes > 0].min() >= 3)


def redrawn_weights(
    answers: Answers,
    weights: FloatArray | SingleArray,
    generator: np.random.Generator,
) -> FloatArray | SingleArray:
    """Draw one resample from each resample.

    Respondents of a resample are drawn as often as they are in it, and as
    `csindex.inference.resampling.drawn_weights` draws those of the sample: within
    strata, whole clusters, with the rescaled bootstrap where there are such.

    Parameters
    ----------
    answers : Answers
        The respondents, or buckets.
    weights : ndarray of shape (b, n)
        Weights in resamples, as drawn.
    generator : Generator
        The random stream.

    Returns
    -------
    ndarray of shape (b, n)
        Weights in the resamples of resamples.
    """
    units = sampling_units(answers)
    own = answers.row_weights
    lead = np.arange(len(own))
    if units.of_rows is not None:
        lead = np.unique(units.of_rows, return_index=True)[1]
    counts: FloatArray = weights[:, lead] / own[lead]
    for code in np.unique(units.strata):
        members = np.flatnonzero(units.strata == code)
        again = _redrawn(counts[:, members], int(units.designed), generator)
        counts[:, members] = again
    rows = counts if units.of_rows is None else counts[:, units.of_rows]
    found = rows if answers.weights is None else rows * own
    if weights.dtype == np.float32:
        return found.astype(np.float32)
    return found


def _redrawn(
    rescaled: FloatArray, fewer: int, generator: np.random.Generator
) -> FloatArray:
    """Return counts (b, m) in resamples of resamples of one stratum, rescaled."""
    b, size = rescaled.shape
    drawn = size - fewer
    counts = np.rint(rescaled * (drawn / size)).astype(np.int64)
    who: IntArray = np.repeat(np.tile(np.arange(size), b), counts.ravel()).reshape(
        b, drawn
    )
    picked = generator.integers(0, drawn, size=(b, drawn - fewer))
    again = np.take_along_axis(who, picked, axis=1)
    found: FloatArray = counts_of(again, size) * (size / (drawn - fewer))
    return found
