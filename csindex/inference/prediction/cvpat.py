"""CVPAT: tests of differences in predictive ability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.inference.resampling import sampling_units
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.survey import Answers


@dataclass(frozen=True)
class LossTest:
    """The test that two predictions lose the same.

    Attributes
    ----------
    loss, loss_other : float
        Mean squared errors of the two predictions.
    difference : float
        The first minus the second; negative if the first predicts better.
    se : float
        Standard error of the difference.
    low, high : float
        Interval of the difference.
    t, p : float
        Test of no difference, two-sided.
    """

    loss: float
    loss_other: float
    difference: float
    se: float
    low: float
    high: float
    t: float
    p: float


def loss_test(
    answers: Answers,
    losses: FloatArray,
    others: FloatArray,
    used: BoolArray,
    level: float,
) -> LossTest:
    r"""Test whether two predictions of the same respondents lose the same.

    Parameters
    ----------
    answers : Answers
        The respondents.
    losses, others : ndarray of shape (n, q)
        Squared errors of q items, by the first and the second prediction.
    used : ndarray of bool of shape (n,)
        The respondents that both predict.
    level : float
        Confidence level of the interval.

    Returns
    -------
    LossTest
        The test.

    Notes
    -----
    With a respondent's loss :math:`L_i` the mean squared error of the items, and
    :math:`D_i` the difference of the two losses,

    .. math:: t = \frac{\bar D}{\sqrt{S_D^2 / n}}, \quad df = n - 1

    With sampling weights means are weighted, and the standard error is that of a
    weighted mean; with clusters it is made from the clusters' sums, and df is their
    number less one.

    References
    ----------
    Liengaard, Sharma, Hult, Jensen, Sarstedt, Hair & Ringle (2021), Decision Sciences
    52(2); Sharma, Liengaard, Hair, Sarstedt & Ringle (2023), European Journal of
    Marketing 57(6).
    """
    from scipy.special import stdtr, stdtrit

    own = answers.row_weights
    share = np.where(used, own, 0.0)
    share = share / share.sum()
    # the others' losses may be unknown; their share is zero
    first = np.where(used, losses.mean(axis=1), 0.0)
    second = np.where(used, others.mean(axis=1), 0.0)
    apart = first - second
    difference = float(share @ apart)
    spread = share * (apart - difference)
    units = sampling_units(answers).of_rows
    if units is None:
        spread = spread[used]
    else:
        spread = np.bincount(units, spread)[np.bincount(units, used) > 0]
    freedom = len(spread) - 1
    se = float(np.sqrt((spread**2).sum() * len(spread) / freedom))
    # equal predictions differ by rounding only
    same = se <= 1e-12 * max(1.0, float(share @ first))
    t = 0.0 if same else difference / se
    half = float(stdtrit(freedom, (1 + level) / 2)) * se
    return LossTest(
        float(share @ first),
        float(share @ second),
        difference,
        se,
        difference - half,
        difference + half,
        t,
        float(2 * stdtr(freedom, -abs(t))),
    )
