"""The noncentral chi-square distribution, and its noncentrality found by bisection."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import FloatArray

# halvings of the interval that holds the noncentrality
_HALVINGS = 60


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


def noncentrality(values: FloatArray, df: float, below: float) -> FloatArray:
    """Return the noncentrality under which a share of values is smaller.

    Parameters
    ----------
    values : ndarray of shape (b,)
        Values.
    df : float
        Degrees of freedom.
    below : float
        The share.

    Returns
    -------
    ndarray of shape (b,)
        Noncentralities; zero where none is so small.
    """
    low = np.zeros_like(values)
    high = np.full_like(values, 1.0) + 4 * np.abs(values) + 20 * df
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        under = noncentral_below(values, df, middle) > below
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    found = np.where(noncentral_below(values, df, low * 0) > below, (low + high) / 2, 0)
    return np.where(np.isfinite(values), found, np.nan)


def two_sided(z: FloatArray) -> FloatArray:
    """Return two-sided p-values of standard normal statistics."""
    from scipy.special import ndtr

    return np.asarray(2 * ndtr(-np.abs(z)))


def normal_quantile(below: float) -> float:
    """Return the standard normal quantile of a probability."""
    from scipy.special import ndtri

    return float(ndtri(below))
