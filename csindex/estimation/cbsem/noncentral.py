"""The noncentral chi-square distribution, and its noncentrality by Newton's steps."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import FloatArray

# steps at most, each at least a halving of the interval that holds the noncentrality
_STEPS = 60
# Newton's error after a step is of the order of its square
_DONE = 1e-9


def chi_square_tail(values: FloatArray, df: float) -> FloatArray:
    """Return the probability of larger values of chi-square.

    Parameters
    ----------
    values : ndarray of shape (b,)
        Values.
    df : float
        Degrees of freedom.

    Returns
    -------
    ndarray of shape (b,)
        Probabilities; NaN without degrees of freedom.
    """
    from scipy.special import chdtrc

    if df <= 0:
        return np.full_like(values, np.nan)
    return np.asarray(chdtrc(df, np.maximum(values, 0.0)))


def noncentral_below(
    values: FloatArray, df: float, noncentral: FloatArray
) -> FloatArray:
    """Return the probability of smaller values of noncentral chi-square.

    Parameters
    ----------
    values : ndarray of shape (b,)
        Values.
    df : float
        Degrees of freedom.
    noncentral : ndarray of shape (b,)
        Noncentrality.

    Returns
    -------
    ndarray of shape (b,)
        Probabilities.
    """
    from scipy.special import chdtr, chndtr

    values = np.maximum(values, 0.0)
    central = chdtr(df, values)
    shifted = chndtr(values, df, np.maximum(noncentral, 1e-300))
    return np.asarray(np.where(noncentral > 0, shifted, central))


def noncentrality(
    values: FloatArray, df: float, below: float | FloatArray
) -> FloatArray:
    """Return the noncentrality under which a share of values is smaller.

    Parameters
    ----------
    values : ndarray of shape (b,)
        Values.
    df : float
        Degrees of freedom.
    below : float or ndarray of shape (m, 1)
        The share, or several.

    Returns
    -------
    ndarray of shape (b,) or (m, b)
        Noncentralities; zero where none is so small.

    Notes
    -----
    Newton's steps, kept inside an interval that holds the noncentrality, solve for the
    normal quantile of the share, which is nearly a straight line.
    """
    from scipy.special import chdtr, chndtr, ndtri

    values = values + np.zeros_like(below)
    over, quantile = values - df, ndtri(below)
    found = over - quantile * np.sqrt(2 * (df + 2 * np.maximum(over, 0.0)))
    found = np.maximum(found, 0.1)
    there = chdtr(df, np.maximum(values, 0.0)) > below
    low, high = np.zeros_like(values), 1.0 + 4 * np.abs(values) + 20 * df
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(_STEPS):
            under = chndtr(values, df, found)
            slope = (chndtr(values, df + 2, found) - under) / 2
            more = under > below
            low, high = np.where(more, found, low), np.where(more, high, found)
            place = ndtri(under)
            steep = slope * np.sqrt(2 * np.pi) * np.exp(place**2 / 2)
            step = found - (place - quantile) / steep
            inside = (step >= low) & (step <= high)
            step = np.where(inside, step, (low + high) / 2)
            step = np.where(there, step, found)
            moved, found = np.abs(step - found), step
            if not (moved > _DONE * (1.0 + found)).any():
                break
    found = np.where(there, found, 0.0)
    return np.where(np.isfinite(values), found, np.nan)


def two_sided(z: FloatArray) -> FloatArray:
    """Return two-sided p-values of standard normal statistics."""
    from scipy.special import ndtr

    return np.asarray(2 * ndtr(-np.abs(z)))


def normal_quantile(below: float) -> float:
    """Return the standard normal quantile of a probability."""
    from scipy.special import ndtri

    return float(ndtri(below))
