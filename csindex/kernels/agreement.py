"""Agreement of measurements and of experts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class IntraclassCorrelation:
    """Agreement of k measurements of the same n subjects, with its interval.

    Attributes
    ----------
    value, low, high : float
        The correlation, and the ends of its interval.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class IntraclassCorrelations:
    """Two kinds of agreement of k measurements of the same n subjects.

    Attributes
    ----------
    absolute : IntraclassCorrelation
        ICC(2,1): agreement of the values; the measurements are a sample of many.
    consistent : IntraclassCorrelation
        ICC(3,1): agreement of the order; the measurements are all there are.
    """

    absolute: IntraclassCorrelation
    consistent: IntraclassCorrelation


@dataclass(frozen=True)
class _Squares:
    """Mean squares of subjects, of measurements and of the rest, (n, k) values."""

    subjects: float
    measurements: float
    rest: float
    n: int
    k: int


def intraclass(values: FloatArray, level: float = 0.95) -> IntraclassCorrelations:
    r"""Return intraclass correlations from a two-way analysis of variance.

    Parameters
    ----------
    values : ndarray of shape (n, k)
        One row per subject, one column per measurement, no gaps.
    level : float
        Confidence level of the intervals.

    Returns
    -------
    IntraclassCorrelations
        NaN where nothing varies.

    Notes
    -----
    With the mean squares of subjects B, of measurements J and of the rest E,

    .. math:: ICC(2,1) = rac{B - E}{B + (k - 1) E + k (J - E) / n}, \quad
        ICC(3,1) = rac{B - E}{B + (k - 1) E}

    The interval of ICC(3,1) is exact for normal values, from :math:`B / E \sim F` with
    :math:`n - 1` and :math:`(n - 1)(k - 1)` degrees of freedom times the population's
    ratio; that of ICC(2,1) takes Satterthwaite's degrees of freedom.

    References
    ----------
    Shrout & Fleiss (1979), Psychological Bulletin 86(2); McGraw & Wong (1996),
    Psychological Methods 1(1), table 7.
    """
    n, k = values.shape
    grand = values.mean()
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    between = k * ((rows - grand) ** 2).sum() / (n - 1)
    judges = n * ((columns - grand) ** 2).sum() / (k - 1)
    rest = ((values - rows[:, None] - columns + grand) ** 2).sum()
    error = rest / ((n - 1) * (k - 1))
    made = _Squares(float(between), float(judges), float(error), n, k)
    spread = between + (k - 1) * error
    total = spread + k * (judges - error) / n
    absolute = float((between - error) / total) if total > 0 else np.nan
    consistent = float((between - error) / spread) if spread > 0 else np.nan
    tail = (1 + level) / 2
    return IntraclassCorrelations(
        IntraclassCorrelation(absolute, *_absolute_ends(made, absolute, tail)),
        IntraclassCorrelation(consistent, *_consistent_ends(made, consistent, tail)),
    )


def _consistent_ends(made: _Squares, value: float, tail: float) -> tuple[float, float]:
    """Return the ends of the interval of ICC(3,1)."""
    from scipy.special import fdtri

    if np.isnan(value) or made.rest == 0:
        return value, value
    one, other = made.n - 1, (made.n - 1) * (made.k - 1)
    ratio = made.subjects / made.rest
    low, high = ratio / fdtri(one, other, tail), ratio * fdtri(other, one, tail)
    return (
        float((low - 1) / (low + made.k - 1)),
        float((high - 1) / (high + made.k - 1)),
    )


def _absolute_ends(made: _Squares, value: float, tail: float) -> tuple[float, float]:
    """Return the ends of the interval of ICC(2,1)."""
    from scipy.special import fdtri

    n, k, b, j, e = made.n, made.k, made.subjects, made.measurements, made.rest
    if np.isnan(value) or (e == 0 and j == 0):
        return value, value
    # of value one this is the limit of Satterthwaite's degrees of freedom
    a = k * value * j
    c = (n * (1 - value) + k * value * (n - 1)) * e
    if a == 0 and c == 0:
        return np.nan, np.nan
    freedom = (a + c) ** 2 / (a**2 / (k - 1) + c**2 / ((n - 1) * (k - 1)))
    noise = k * j + (k * n - k - n) * e
    upper, lower = fdtri(n - 1, freedom, tail), fdtri(freedom, n - 1, tail)
    return (
        float(n * (b - upper * e) / (upper * noise + n * b)),
        float(n * (lower * b - e) / (noise + n * lower * b)),
    )


def chance_corrected(agreeing: IntArray, experts: IntArray) -> FloatArray:
    r"""Return the share of experts who call an item relevant, without chance.

    Parameters
    ----------
    agreeing : ndarray of int of shape (p,)
        Experts who call each item relevant.
    experts : ndarray of int of shape (p,)
        Experts who rated it.

    Returns
    -------
    ndarray of shape (p,)
        The modified kappa.

    Notes
    -----
    .. math:: P_c = \binom{N}{A} .5^N, \quad
        \kappa^* = \frac{A / N - P_c}{1 - P_c}

    References
    ----------
    Polit, Beck & Owen (2007), Research in Nursing & Health 30(4).
    """
    from scipy.special import comb

    chance = comb(experts, agreeing) * 0.5**experts
    return np.asarray((agreeing / experts - chance) / (1 - chance))
