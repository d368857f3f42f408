"""Agreement of measurements and of experts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class IntraclassCorrelations:
    """Agreement of k measurements of the same n subjects.

    Attributes
    ----------
    absolute : float
        ICC(2,1): agreement of the values; the measurements are a sample of many.
    consistent : float
        ICC(3,1): agreement of the order; the measurements are all there are.
    """

    absolute: float
    consistent: float


def intraclass(values: FloatArray) -> IntraclassCorrelations:
    r"""Return intraclass correlations from a two-way analysis of variance.

    Parameters
    ----------
    values : ndarray of shape (n, k)
        One row per subject, one column per measurement, no gaps.

    Returns
    -------
    IntraclassCorrelations
        NaN where nothing varies.

    Notes
    -----
    With the mean squares of subjects B, of measurements J and of the rest E,

    .. math:: ICC(2,1) = \frac{B - E}{B + (k - 1) E + k (J - E) / n}, \quad
        ICC(3,1) = \frac{B - E}{B + (k - 1) E}

    References
    ----------
    Shrout & Fleiss (1979), Psychological Bulletin 86(2).
    """
    n, k = values.shape
    grand = values.mean()
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    between = k * ((rows - grand) ** 2).sum() / (n - 1)
    judges = n * ((columns - grand) ** 2).sum() / (k - 1)
    rest = ((values - rows[:, None] - columns + grand) ** 2).sum()
    error = rest / ((n - 1) * (k - 1))
    spread = between + (k - 1) * error
    total = spread + k * (judges - error) / n
    return IntraclassCorrelations(
        float((between - error) / total) if total > 0 else np.nan,
        float((between - error) / spread) if spread > 0 else np.nan,
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
