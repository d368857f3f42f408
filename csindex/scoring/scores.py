"""Scores on 0-100: of constructs, of the index, of respondents."""

from __future__ import annotations

import numpy as np

from csindex.estimation import Estimates
from csindex.kernels import scores as kernels
from csindex.kernels.arrays import FloatArray
from csindex.moments import Moments


def item_shares(estimates: Estimates) -> FloatArray:
    r"""Return each item's share in its construct's 0-100 score.

    Parameters
    ----------
    estimates : Estimates
        Estimates, one set or a stack.

    Returns
    -------
    ndarray of shape (..., p)
        Shares; they sum to one in each construct.

    Notes
    -----
    .. math:: v_h = \frac{w_h / s_h}{\sum_k w_k / s_k}

    with the standardised weights w and the items' standard deviations s.

    References
    ----------
    Fornell, Johnson, Anderson, Cha & Bryant (1996), Journal of Marketing 60(4).
    """
    return kernels.shares(
        estimates.weights, estimates.moments.sd, estimates.model.blocks
    )


def construct_scores(estimates: Estimates) -> FloatArray:
    r"""Return the mean 0-100 score of each construct.

    Parameters
    ----------
    estimates : Estimates
        Estimates, one set or a stack.

    Returns
    -------
    ndarray of shape (..., j)
        Scores; NaN where a scale is unknown.

    Notes
    -----
    .. math:: 100 \sum_h v_h \frac{\bar x_h - l_h}{u_h - l_h}

    with the shares v of `item_shares` and the theoretical scale ends l and u, never
    the extremes of a sample.
    """
    moments = estimates.moments
    position = (moments.mean - moments.low) * _points(moments)
    return kernels.block_means(position, item_shares(estimates), estimates.model.blocks)


def score_sds(estimates: Estimates) -> FloatArray:
    """Return the standard deviation of the respondents' 0-100 scores.

    Parameters
    ----------
    estimates : Estimates
        Estimates, one set or a stack.

    Returns
    -------
    ndarray of shape (..., j)
        Standard deviations; NaN where a scale is unknown.
    """
    moments = estimates.moments
    spread = item_shares(estimates) * moments.sd * _points(moments)
    return kernels.block_spreads(moments.corr, spread, estimates.model.blocks)


def index_score(estimates: Estimates) -> FloatArray:
    """Return the index: the 0-100 score of the model's index construct.

    Parameters
    ----------
    estimates : Estimates
        Estimates of a model that names its index, one set or a stack.

    Returns
    -------
    ndarray of shape (...)
        The index.
    """
    model = estimates.model
    return construct_scores(estimates)[
        ..., model.construct_names.index(str(model.index))
    ]


def point_effects(estimates: Estimates) -> FloatArray:
    r"""Return total effects in points of the target per point of the source.

    Parameters
    ----------
    estimates : Estimates
        Estimates, one set or a stack.

    Returns
    -------
    ndarray of shape (..., j, j)
        Unstandardised total effects on 0-100 scores, row = target.

    Notes
    -----
    .. math:: T_{ji}\, \frac{\sigma_j}{\sigma_i}

    with the standardised total effects T and the standard deviations of the 0-100
    scores.
    """
    sd = score_sds(estimates)
    return np.asarray(estimates.total_effects * sd[..., :, None] / sd[..., None, :])


def respondent_scores(estimates: Estimates, values: FloatArray) -> FloatArray:
    """Return every respondent's 0-100 scores.

    Parameters
    ----------
    estimates : Estimates
        One set of estimates.
    values : ndarray of shape (n, p)
        Answers to the model's items.

    Returns
    -------
    ndarray of shape (n, j)
        Scores; their (weighted) means are the construct scores.
    """
    moments = estimates.moments
    position = (values - moments.low) * _points(moments)
    scores = kernels.block_means(
        position, item_shares(estimates), estimates.model.blocks
    )
    # rounding must not leave the scale
    return np.clip(scores, 0.0, 100.0)


def negative_weights(estimates: Estimates) -> list[list[str]]:
    """Return the items of each construct whose weight is negative.

    Parameters
    ----------
    estimates : Estimates
        One set of estimates.

    Returns
    -------
    list of list of str
        Names of the items, one list per construct.
    """
    items = np.array(estimates.model.items)
    return [items[column < 0].tolist() for column in estimates.weights.T]


def _points(moments: Moments) -> FloatArray:
    """Return points of 0-100 per unit of each item, shape (p,)."""
    return 100.0 / (moments.high - moments.low)
