"""Shares of correlated predictors in explained variance, in stacks."""

from __future__ import annotations

from functools import lru_cache
from math import factorial

import numpy as np

from csindex.kernels.arrays import FloatArray, from_slab, to_slab
from csindex.kernels.linalg import SMALLEST_PIVOT

# all subsets of so many predictors are computed: 4096 regressions
MOST_PREDICTORS = 12


def lmg(corr: FloatArray, target: FloatArray) -> FloatArray:
    r"""Return each predictor's mean gain in R squared over all orders (LMG, Shapley).

    Parameters
    ----------
    corr : ndarray of shape (..., k, k)
        Correlations of the predictors, at most `MOST_PREDICTORS`.
    target : ndarray of shape (..., k)
        Their correlations with what is explained.

    Returns
    -------
    ndarray of shape (..., k)
        Shares; their sum is R squared. NaN where predictors depend on each other.

    Notes
    -----
    .. math:: \sum_{S \not\ni j} \frac{|S|! (k - |S| - 1)!}{k!}
        \left[ R^2(S \cup j) - R^2(S) \right]

    All :math:`2^k` values of :math:`R^2` come from one tree of eliminations: each
    subset sweeps one predictor more out of its parent's correlations.

    References
    ----------
    Lindeman, Merenda & Gold (1980), Introduction to Bivariate and Multivariate
    Analysis; Gromping (2007), The American Statistician 61(2).
    """
    k = corr.shape[-1]
    augmented = np.concatenate([corr, target[..., None, :]], axis=-2)
    slab = to_slab(augmented, 2)
    explained = np.zeros((1 << k, slab.shape[-1]))
    with np.errstate(invalid="ignore", divide="ignore"):
        _sweep(slab, 0, 0, explained)
    shares = _shapley_weights(k) @ explained
    return from_slab(shares, corr.shape[:-2])


def johnson(corr: FloatArray, target: FloatArray) -> FloatArray:
    r"""Return Johnson's relative weight of each predictor.

    Parameters
    ----------
    corr : ndarray of shape (..., k, k)
        Correlations of the predictors.
    target : ndarray of shape (..., k)
        Their correlations with what is explained.

    Returns
    -------
    ndarray of shape (..., k)
        Weights; their sum is R squared. NaN where predictors depend on each other.

    Notes
    -----
    With the symmetric root :math:`\Lambda = R^{1/2}` and
    :math:`b = \Lambda^{-1} r`, the weights are
    :math:`\sum_k \lambda_{jk}^2 b_k^2`: the target regressed on the orthogonal
    variables nearest to the predictors, and each share of these handed back.

    References
    ----------
    Johnson (2000), Multivariate Behavioral Research 35(1).
    """
    finite = np.asarray(
        np.isfinite(corr).all(axis=(-2, -1)) & np.isfinite(target).all(axis=-1)
    )
    safe = np.where(finite[..., None, None], corr, np.eye(corr.shape[-1]))
    values, vectors = np.linalg.eigh(safe)
    usable = np.asarray(finite & (values[..., 0] > SMALLEST_PIVOT))
    roots = np.sqrt(np.where(usable[..., None], values, np.nan))
    back = np.swapaxes(vectors, -1, -2)
    root = (vectors * roots[..., None, :]) @ back
    slopes = (vectors / roots[..., None, :]) @ back @ target[..., None]
    return np.asarray((root**2 @ slopes**2)[..., 0])


def _sweep(slab: FloatArray, first: int, subset: int, explained: FloatArray) -> None:
    """Fill in R squared of every subset that adds predictors from ``first`` on.

    The slab (m + 1, m, b) holds what is left of the correlations of predictors
    ``first`` and after, and in its last row those with the target.
    """
    for own in range(slab.shape[1]):
        pivot = slab[own, own].copy()
        pivot[~(pivot > SMALLEST_PIVOT)] = np.nan
        member = subset | 1 << (first + own)
        explained[member] = explained[subset] + slab[-1, own] ** 2 / pivot
        if own + 1 == slab.shape[1]:
            continue
        rest = slab[own + 1 :, own + 1 :]
        column = slab[own + 1 :, own]
        swept = rest - column[:, None] * (slab[own + 1 : -1, own] / pivot)[None]
        _sweep(swept, first + own + 1, member, explained)


@lru_cache(maxsize=MOST_PREDICTORS)
def _shapley_weights(k: int) -> FloatArray:
    """Return the weight (k, 2^k) of each subset's R squared in each share."""
    subsets = np.arange(1 << k)
    inside = np.asarray((subsets[:, None] >> np.arange(k)) & 1, dtype=np.bool_)
    size = inside.sum(axis=1)
    orders = np.array([factorial(s) * factorial(k - s - 1) for s in range(k)])
    share = orders / factorial(k)
    joined = share[np.maximum(size - 1, 0)]
    left = share[np.minimum(size, k - 1)]
    weights = np.where(inside, joined[:, None], -left[:, None])
    return np.ascontiguousarray(weights.T)
