"""Penalty-reward contrasts: what low and high scores of drivers do to an outcome."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import FloatArray
from csindex.kernels.linalg import solve_positive


def contrasts(
    low: FloatArray, high: FloatArray, outcome: FloatArray, weights: FloatArray
) -> FloatArray:
    r"""Return the regression of an outcome on low and high scores of drivers.

    Parameters
    ----------
    low, high : ndarray of shape (n, d)
        One where a respondent's score of the driver is low, or high.
    outcome : ndarray of shape (n,)
        The outcome.
    weights : ndarray of shape (b, n)
        Weights of the respondents, one row for each member of a stack.

    Returns
    -------
    ndarray of shape (b, 2, d)
        Penalties and rewards; NaN where they can't be told apart.

    Notes
    -----
    .. math:: y = b_0 + \sum_j (P_j \, low_j + R_j \, high_j) + e

    by weighted least squares, so that scores between are the reference.

    References
    ----------
    Brandt (1987), Add Value to Your Service (AMA), 61-65.
    """
    design = np.column_stack([np.ones(len(outcome)), low, high])
    size = design.shape[1]
    first, second = np.triu_indices(size)
    products = design[:, first] * design[:, second]
    # a matrix is positive definite up to scale; shares keep it near one
    shares = weights / weights.sum(axis=1, keepdims=True)
    packed = (shares @ products).T
    normal = np.empty((size, size, len(weights)))
    normal[first, second] = normal[second, first] = packed
    joint = (shares @ (design * outcome[:, None])).T
    slopes = solve_positive(normal, np.ascontiguousarray(joint))[1:]
    return np.moveaxis(slopes.reshape(2, low.shape[1], -1), -1, 0)


def asymmetry(penalty: FloatArray, reward: FloatArray) -> FloatArray:
    r"""Return the asymmetry of impacts.

    Parameters
    ----------
    penalty, reward : ndarray of shape (...)
        Effects of low and of high scores.

    Returns
    -------
    ndarray of shape (...)
        From -1, where only low scores matter, to 1, where only high ones do.

    Notes
    -----
    .. math:: IA = \frac{R - |P|}{R + |P|}

    with R and P taken for zero where they have the wrong sign.

    References
    ----------
    Mikulic & Prebezac (2008), Managing Service Quality 18(6).
    """
    lost, won = np.maximum(-penalty, 0.0), np.maximum(reward, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((won - lost) / (won + lost))
