"""Polyserial correlations of continuous with ordinal items, by Newton's method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.ordinal.normal import FAR, normal_cdf, normal_pdf
from csindex.kernels.ordinal.polychoric import BOUND

_LEAST = 1e-300
_ITERATIONS = 60
_PRECISION = 1e-8


@dataclass(frozen=True, eq=False)
class CaseSlopes:
    """Casewise derivatives of the log probabilities of ordinal answers.

    Attributes
    ----------
    rho, rho_twice : ndarray of shape (n, m)
        First and second derivative by the correlation.
    upper, lower : ndarray of shape (n, m)
        Derivatives by the threshold above and below the answer.
    z : ndarray of shape (n, m)
        Derivative by the standardised continuous answer.
    """

    rho: FloatArray
    rho_twice: FloatArray
    upper: FloatArray
    lower: FloatArray
    z: FloatArray


def polyserial(
    z: FloatArray, codes: IntArray, cuts: FloatArray, weights: FloatArray
) -> FloatArray:
    r"""Return the polyserial correlations of m pairs, given the thresholds.

    Parameters
    ----------
    z : ndarray of shape (n, m)
        Standardised continuous answers.
    codes : ndarray of int of shape (n, m)
        Categories, from 0.
    cuts : ndarray of shape (K - 1, m)
        Thresholds, `FAR` where there is none.
    weights : ndarray of shape (n, m)
        Weights of the respondents.

    Returns
    -------
    ndarray of shape (m,)
        Correlations that maximise :math:`\sum_i w_i \log P(y_i \mid z_i)`, at most
        `BOUND` in size; NaN where the ordinal or the continuous item is constant.

    References
    ----------
    Olsson, Drasgow & Dorans (1982), Psychometrika 47(3), two-step estimator.
    """
    upper, lower = limits(codes, cuts)
    rho = _start(z, upper, lower, weights)
    found = np.full(rho.shape, np.nan)
    active = np.flatnonzero(np.isfinite(rho))
    low, high = np.full(rho.shape, -BOUND), np.full(rho.shape, BOUND)
    for _ in range(_ITERATIONS):
        if not active.size:
            break
        own, at = weights[:, active], rho[active]
        slopes = case_slopes(z[:, active], upper[:, active], lower[:, active], at)
        score = (own * slopes.rho).sum(axis=0)
        observed = -(own * slopes.rho_twice).sum(axis=0)
        below, above = low[active], high[active]
        below = np.where(score > 0, at, below)
        above = np.where(score > 0, above, at)
        with np.errstate(divide="ignore"):
            proposal = np.where(observed > 0, at + score / observed, np.inf)
        inside = (proposal > below) & (proposal < above)
        end = np.where(score > 0, above, below)
        proposal = np.where(inside, proposal, (at + end) / 2)
        low[active], high[active], rho[active] = below, above, proposal
        found[active] = proposal
        moving = np.abs(proposal - at) > _PRECISION * (1 - at * at)
        active = active[moving]
    return found


def limits(codes: IntArray, cuts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the thresholds around each answer.

    Parameters
    ----------
    codes : ndarray of int of shape (n, m)
        Categories, from 0.
    cuts : ndarray of shape (K - 1, m)
        Thresholds.

    Returns
    -------
    upper, lower : ndarray of shape (n, m)
        The thresholds above and below, ``FAR`` and ``-FAR`` at the ends.
    """
    edge = np.full((1, cuts.shape[1]), FAR)
    bounds = np.concatenate([-edge, cuts, edge])
    return (
        np.take_along_axis(bounds, codes + 1, axis=0),
        np.take_along_axis(bounds, codes, axis=0),
    )


def case_slopes(
    z: FloatArray, upper: FloatArray, lower: FloatArray, rho: FloatArray
) -> CaseSlopes:
    r"""Return the casewise derivatives of the log probabilities.

    Parameters
    ----------
    z : ndarray of shape (n, m)
        Standardised continuous answers.
    upper, lower : ndarray of shape (n, m)
        Thresholds above and below the ordinal answers.
    rho : ndarray of shape (m,)
        Correlations.

    Returns
    -------
    CaseSlopes
        The derivatives.

    Notes
    -----
    .. math:: P(y = a \mid z) = \Phi(u_a) - \Phi(u_{a-1}), \quad
        u_a = \frac{\tau_a - \rho z}{\sqrt{1 - \rho^2}}
    """
    spread = np.sqrt(1 - rho * rho)
    u, v = (upper - rho * z) / spread, (lower - rho * z) / spread
    # the tail that is small is taken, so that the difference keeps its digits
    flip = v > 0
    p = normal_cdf(np.where(flip, -v, u)) - normal_cdf(np.where(flip, -u, v))
    p = np.maximum(p, _LEAST)
    f, g = normal_pdf(u) / p, normal_pdf(v) / p
    turn = 1 / spread**3
    du, dv = (upper * rho - z) * turn, (lower * rho - z) * turn
    bend = 3 * rho / spread**2
    d2u, d2v = upper * turn + bend * du, lower * turn + bend * dv
    first = f * du - g * dv
    second = f * (d2u - u * du * du) - g * (d2v - v * dv * dv) - first * first
    return CaseSlopes(first, second, f / spread, -g / spread, (g - f) * rho / spread)


def _start(
    z: FloatArray, upper: FloatArray, lower: FloatArray, weights: FloatArray
) -> FloatArray:
    """Return correlations with the categories' mean scores, as from continuous ones."""
    share = normal_cdf(upper) - normal_cdf(lower)
    score = (normal_pdf(lower) - normal_pdf(upper)) / np.maximum(share, _LEAST)
    spread = (weights * score * score).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        start = (weights * score * z).sum(axis=0) / np.where(spread > 0, spread, np.nan)
    return np.asarray(np.clip(start, -0.9, 0.9))
