r"""Confidence limits from resampled values, by six definitions.

With the estimate :math:`\hat\theta`, resampled values of quantiles :math:`q`, standard
deviation :math:`s` and tail :math:`t = (1 - level) / 2`:

=============  ==================================================================
percentile     :math:`q_t, q_{1-t}`
basic          :math:`2\hat\theta - q_{1-t}, 2\hat\theta - q_t`
normal         :math:`\hat\theta \mp z_{1-t} s`
bc             :math:`q_{\Phi(2z_0 \mp z_{1-t})}`
bca            :math:`q_{\Phi(z_0 + (z_0 \mp z_{1-t}) / (1 - a(z_0 \mp z_{1-t})))}`
studentized    :math:`\hat\theta - q^*_{1-t} s, \hat\theta - q^*_t s`
=============  ==================================================================

:math:`z_0` is the normal quantile of the share of resampled values up to the estimate,
:math:`a` the acceleration from the jackknife, :math:`q^*` quantiles of the resampled
:math:`(\theta^* - \hat\theta) / s^*`. Quantiles interpolate linearly (R's type 7).

Resamples where a statistic isn't defined, which is NaN there, are left out of its
distribution; `csindex.inference.spreads` says how many there must be.

References
----------
Davison & Hinkley (1997), Bootstrap Methods and their Application, chapter 5; Efron
(1987), Journal of the American Statistical Association 82(397).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from csindex.kernels.arrays import FloatArray, IntArray

Alternative = Literal["two-sided", "greater", "less"]
Interval = Literal["percentile", "basic", "normal", "bc", "bca", "studentized"]

_NORMAL = NormalDist()


@dataclass(frozen=True, eq=False)
class Limits:
    """Both ends of the intervals of k statistics.

    Attributes
    ----------
    low, high : ndarray of shape (k,)
        Ends.
    """

    low: FloatArray
    high: FloatArray


def percentile(values: FloatArray, level: float) -> Limits:
    """Return the quantiles of the resampled values.

    Parameters
    ----------
    values : ndarray of shape (b, k)
        Resampled values.
    level : float
        Confidence level.

    Returns
    -------
    Limits
        The ends.
    """
    tail = (1 - level) / 2
    if np.isnan(values).any():
        ordered, known = np.sort(values, axis=0), _known(values)
        shares = np.where(known > 0, [[tail], [1 - tail]], np.nan)
        return Limits(*(_at(ordered, share, known) for share in shares))
    columns = values.T.copy()
    places = [share * (len(values) - 1) for share in (tail, 1 - tail)]
    below = [math.floor(place) for place in places]
    above = [min(k + 1, len(values) - 1) for k in below]
    columns.partition(sorted({*below, *above}), axis=1)
    ends = [
        columns[:, k] + (place - k) * (columns[:, m] - columns[:, k])
        for place, k, m in zip(places, below, above, strict=True)
    ]
    return Limits(*ends)


def errors(values: FloatArray) -> FloatArray:
    """Return the standard deviations of the resampled values.

    Parameters
    ----------
    values : ndarray of shape (b, k)
        Resampled values.

    Returns
    -------
    ndarray of shape (k,)
        Standard errors; NaN where fewer than two values are known.

    Examples
    --------
    >>> errors(np.array([[1.0], [3.0], [np.nan]]))
    array([1.41421356])
    """
    unknown = np.isnan(values)
    if not unknown.any():
        return np.asarray(values.std(axis=0, ddof=1))
    known = _known(values)
    enough = known > 1
    mean = np.where(unknown, 0.0, values).sum(axis=0) / np.maximum(known, 1)
    squares = np.where(unknown, 0.0, values - mean) ** 2
    variance = squares.sum(axis=0) / np.where(enough, known - 1, 1)
    return np.where(enough, np.sqrt(variance), np.nan)


def basic(values: FloatArray, estimate: FloatArray, level: float) -> Limits:
    """Return the percentile limits mirrored at the estimate.

    Parameters
    ----------
    values : ndarray of shape (b, k)
        Resampled values.
    estimate : ndarray of shape (k,)
        Estimates.
    level : float
        Confidence level.

    Returns
    -------
    Limits
        The ends.
    """
    mirrored = percentile(values, level)
    return Limits(2 * estimate - mirrored.high, 2 * estimate - mirrored.low)


def normal(values: FloatArray, estimate: FloatArray, level: float) -> Limits:
    """Return the estimate plus and minus a multiple of its standard error.

    Parameters
    ----------
    values : ndarray of shape (b, k)
        Resampled values.
    estimate : ndarray of shape (k,)
        Estimates.
    level : float
        Confidence level.

    Returns
    -------
    Limits
        The ends.
    """
    half = _NORMAL.inv_cdf((1 + level) / 2) * errors(values)
    return Limits(estimate - half, estimate + half)


def corrected(
    values: FloatArray,
    estimate: FloatArray,
    level: float,
    acceleration: FloatArray | None = None,
) -> Limits:
    """Return bias-corrected limits, with an acceleration the BCa limits.

    Parameters
    ----------
    values : ndarray of shape (b, k)
        Resampled values.
    estimate : ndarray of shape (k,)
        Estimates.
    level : float
        Confidence level.
    acceleration : ndarray of shape (k,), optional
        Accelerations; zero if None.

    Returns
    -------
    Limits
        The ends; NaN where all resampled values lie on one side of the estimate, so
        that the bias is unknown.
    """
    a = np.zeros(len(estimate)) if acceleration is None else acceleration
    # a statistic that never varies, as a single item's weight, has no bias to correct
    shares = shares_below(values, estimate)
    ordered, known = np.sort(values, axis=0), _known(values)
    last = ordered[np.maximum(known - 1, 0), np.arange(ordered.shape[1])]
    z0 = _quantiles(np.where(last - ordered[0] <= _tiny(estimate), 0.5, shares))
    ends: list[FloatArray] = []
    for z in (-_NORMAL.inv_cdf((1 + level) / 2), _NORMAL.inv_cdf((1 + level) / 2)):
        shifted = z0 + (z0 + z) / (1 - a * (z0 + z))
        ends.append(_at(ordered, _probabilities(shifted), known))
    return Limits(*ends)


def shares_below(values: FloatArray, estimate: FloatArray) -> FloatArray:
    """Return the share of resampled values up to each estimate.

    Parameters
    ----------
    values : ndarray of shape (b, k)
        Resampled values.
    estimate : ndarray of shape (k,)
        Estimates.

    Returns
    -------
    ndarray of shape (k,)
        Shares of the known values; NaN where none is known.
    """
    known = _known(values)
    below = (values <= estimate + _tiny(estimate)).sum(axis=0)
    return np.where(known > 0, below / np.maximum(known, 1), np.nan)


def studentized(
    values: FloatArray, estimate: FloatArray, inner: FloatArray, level: float
) -> Limits:
    """Return limits from resampled t statistics.

    Parameters
    ----------
    values : ndarray of shape (b, k)
        Resampled values.
    estimate : ndarray of shape (k,)
        Estimates.
    inner : ndarray of shape (b, k)
        Standard error of each resampled value.
    level : float
        Confidence level.

    Returns
    -------
    Limits
        The ends.
    """
    apart, vary = values - estimate, inner > 0
    # without a spread there is a t statistic only for what never varies
    still = np.where((inner == 0) & (np.abs(apart) <= _tiny(estimate)), 0.0, np.nan)
    t = percentile(np.where(vary, apart / np.where(vary, inner, 1.0), still), level)
    se = errors(values)
    return Limits(estimate - t.high * se, estimate - t.low * se)


def acceleration(left_out: FloatArray, strata: IntArray | None = None) -> FloatArray:
    r"""Return the accelerations of BCa intervals from jackknife values.

    Parameters
    ----------
    left_out : ndarray of shape (u, k)
        Statistics without each of the u units.
    strata : ndarray of int of shape (u,), optional
        Stratum of each unit.

    Returns
    -------
    ndarray of shape (k,)
        Accelerations; zero for a statistic that doesn't vary.

    Notes
    -----
    .. math:: a = \frac{1}{6} \frac{\sum_s n_s^{-3} \sum_i l_{si}^3}
        {(\sum_s n_s^{-2} \sum_i l_{si}^2)^{3/2}}, \quad
        l_{si} = (n_s - 1)(\bar\theta_{s\cdot} - \theta_{(si)})

    References
    ----------
    Davison & Hinkley (1997), Bootstrap Methods and their Application, section 5.3.2.
    """
    parts = skewness(left_out, strata)
    return accelerated(parts.cubes, parts.squares, left_out.mean(axis=0))


@dataclass(frozen=True, eq=False)
class Skewness:
    """Sums that an acceleration is made of; those of independent samples add up.

    Attributes
    ----------
    cubes, squares : ndarray of shape (k,)
        Sums over strata of third and second powers of the units' influence.
    """

    cubes: FloatArray
    squares: FloatArray


def skewness(left_out: FloatArray, strata: IntArray | None = None) -> Skewness:
    """Return the sums that an acceleration is made of.

    Parameters
    ----------
    left_out : ndarray of shape (u, k)
        Statistics without each of the u units.
    strata : ndarray of int of shape (u,), optional
        Stratum of each unit.

    Returns
    -------
    Skewness
        The sums; NaN for a statistic that isn't defined without some unit.
    """
    codes = np.zeros(len(left_out), dtype=np.int64) if strata is None else strata
    cubes = np.zeros(left_out.shape[1])
    squares = np.zeros(left_out.shape[1])
    for stratum in np.unique(codes):
        own = left_out[codes == stratum]
        n = len(own)
        influence = (n - 1) * (own.mean(axis=0) - own)
        cubes += (influence**3).sum(axis=0) / n**3
        squares += (influence**2).sum(axis=0) / n**2
    return Skewness(cubes, squares)


def accelerated(cubes: FloatArray, squares: FloatArray, size: FloatArray) -> FloatArray:
    """Return accelerations from the sums that they are made of.

    Parameters
    ----------
    cubes, squares : ndarray of shape (k,)
        The sums, of one sample or of independent ones: a difference of two has the
        first one's cubes less the second one's, and the sum of their squares.
    size : ndarray of shape (k,)
        The statistics' size, which tells rounding from variation.

    Returns
    -------
    ndarray of shape (k,)
        Accelerations; zero for a statistic that doesn't vary, NaN for NaN.
    """
    still = squares <= _tiny(size) ** 2
    return np.where(still, 0.0, cubes / (6 * np.where(still, 1.0, squares) ** 1.5))


def p_values(
    values: FloatArray, alternative: Alternative = "two-sided", null: float = 0.0
) -> FloatArray:
    """Return the p-values of a hypothesis about each statistic.

    Parameters
    ----------
    values : ndarray of shape (b, k)
        Resampled values.
    alternative : {"two-sided", "greater", "less"}
        What the statistic is if the hypothesis is wrong.
    null : float
        The value of the hypothesis.

    Returns
    -------
    ndarray of shape (k,)
        Share of resampled values on the hypothesis' side; two-sided, twice the
        smaller share. Never zero, because the sample itself counts as one resample;
        NaN where no value is known, or the hypothesis isn't.
    """
    known = _known(values)
    told = np.where((known > 0) & ~np.isnan(null), 1.0, np.nan)
    below = told * ((values <= null).sum(axis=0) + 1) / (known + 1)
    above = told * ((values >= null).sum(axis=0) + 1) / (known + 1)
    if alternative == "greater":
        return np.asarray(below)
    if alternative == "less":
        return np.asarray(above)
    return np.asarray(np.minimum(1.0, 2 * np.minimum(below, above)))


def ratios(estimate: FloatArray, errors: FloatArray) -> FloatArray:
    """Return the t statistics that zero is tested by.

    Parameters
    ----------
    estimate, errors : ndarray of shape (k,)
        Estimates and their standard errors.

    Returns
    -------
    ndarray of shape (k,)
        Estimates over standard errors; NaN for what never varies.

    Examples
    --------
    >>> ratios(np.array([0.5, 1.0]), np.array([0.1, 0.0])).tolist()
    [5.0, nan]
    """
    vary = errors > _tiny(estimate)
    return np.where(vary, estimate / np.where(vary, errors, 1.0), np.nan)


def least(level: float) -> int:
    """Return the least number of resamples that has a quantile in each tail.

    Parameters
    ----------
    level : float
        Confidence level.

    Returns
    -------
    int
        The number.

    Examples
    --------
    >>> least(0.95), least(0.99)
    (40, 200)
    """
    return math.ceil(2 / (1 - level) - 1e-9)


def _known(values: FloatArray) -> IntArray:
    """Return how many values of each column (b, k) are known, shape (k,)."""
    return np.asarray(len(values) - np.isnan(values).sum(axis=0))


def _tiny(estimate: FloatArray) -> FloatArray:
    """Return what is only rounding at the size of the estimates."""
    return np.asarray(1e-12 * np.maximum(1.0, np.abs(estimate)))


def _quantiles(shares: FloatArray) -> FloatArray:
    """Return normal quantiles; NaN for shares of zero and one."""
    return np.array([_NORMAL.inv_cdf(p) if 0 < p < 1 else np.nan for p in shares])


def _probabilities(z: FloatArray) -> FloatArray:
    return np.array(
        [_NORMAL.cdf(value) if np.isfinite(value) else np.nan for value in z]
    )


def _at(ordered: FloatArray, shares: FloatArray, known: IntArray) -> FloatArray:
    """Return each column's own quantile of sorted columns (b, k), interpolated.

    The first values of each column are known, as many as ``known`` (k,) says.
    """
    place = shares * (known - 1)
    told = np.isfinite(place)
    below = np.floor(np.where(told, place, 0)).astype(np.int64)
    above = np.clip(below + 1, 0, np.maximum(known - 1, 0))
    columns = np.arange(ordered.shape[1])
    low, high = ordered[below, columns], ordered[above, columns]
    return np.where(told, low + (place - below) * (high - low), np.nan)
