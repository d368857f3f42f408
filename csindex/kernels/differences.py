"""Differences between groups: their tests, and whether scores agree."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import FloatArray
from csindex.kernels.scores import block_means, block_spreads


def exceedance(first: FloatArray, second: FloatArray) -> FloatArray:
    r"""Return how likely a statistic isn't larger in the first of two groups.

    Parameters
    ----------
    first : ndarray of shape (b, k)
        Resampled values in one group.
    second : ndarray of shape (c, k)
        Resampled values in the other.

    Returns
    -------
    ndarray of shape (k,)
        One-tailed p-values; those of the groups the other way round are one minus
        them. NaN where a value is.

    Notes
    -----
    .. math:: 1 - \frac{1}{bc} \sum_i \sum_j
        \Theta(2\bar\theta_1 - \theta_{1i} - 2\bar\theta_2 + \theta_{2j})

    where :math:`\Theta` is one above zero, and one half at zero, so that neither group
    comes first. The sums take a sort, not b times c comparisons.

    References
    ----------
    Henseler, Ringle & Sinkovics (2009), Advances in International Marketing 20.
    """
    left = 2 * first.mean(axis=0) - first
    right = np.sort(2 * second.mean(axis=0) - second, axis=0)
    found = np.full(first.shape[1], np.nan)
    for k in np.flatnonzero(np.isfinite(left[0] + right[0])):
        slack = 1e-12 * max(1.0, float(np.abs(right[:, k]).max()))
        below = np.searchsorted(right[:, k], left[:, k] - slack, side="left")
        upto = np.searchsorted(right[:, k], left[:, k] + slack, side="right")
        found[k] = 1 - (below + upto).mean() / (2 * len(right))
    return found


def permutation_p(
    observed: FloatArray, permuted: FloatArray, larger: bool = True
) -> FloatArray:
    r"""Return the share of permutations as far out as the sample.

    Parameters
    ----------
    observed : ndarray of shape (k,)
        Statistics of the sample.
    permuted : ndarray of shape (b, k)
        Statistics of the permutations.
    larger : bool
        Whether large statistics speak against the hypothesis, or small ones.

    Returns
    -------
    ndarray of shape (k,)
        :math:`(1 + \#) / (1 + b)`, because the sample is one of the permutations; NaN
        where the sample's statistic is.

    References
    ----------
    Phipson & Smyth (2010), Statistical Applications in Genetics and Molecular Biology
    9(1).
    """
    slack = 1e-12 * np.maximum(1.0, np.abs(observed))
    # what can't be computed is as far out as can be
    inner = permuted < observed - slack if larger else permuted > observed + slack
    outer = (~inner).sum(axis=0)
    return np.where(np.isnan(observed), np.nan, (1 + outer) / (1 + len(permuted)))


def pooled_test(
    difference: FloatArray, errors: FloatArray, sizes: FloatArray
) -> FloatArray:
    r"""Return two-sided p-values of differences, with one variance for both groups.

    Parameters
    ----------
    difference : ndarray of shape (k,)
        Differences.
    errors : ndarray of shape (2, k)
        Standard errors in each group.
    sizes : ndarray of shape (2,)
        Respondents of each group.

    Returns
    -------
    ndarray of shape (k,)
        p-values; one where nothing differs.

    Notes
    -----
    .. math:: t = \frac{d}{\sqrt{\frac{(n_1 - 1)^2 s_1^2 + (n_2 - 1)^2 s_2^2}
        {n_1 + n_2 - 2}\left(\frac{1}{n_1} + \frac{1}{n_2}\right)}}, \quad
        df = n_1 + n_2 - 2

    References
    ----------
    Keil, Tan, Wei, Saarinen, Tuunainen & Wassenaar (2000), MIS Quarterly 24(2).
    """
    freedom = sizes.sum() - 2
    pooled = (((sizes - 1)[:, None] * errors) ** 2).sum(axis=0) / freedom
    spread = np.sqrt(pooled * (1 / sizes).sum())
    return _t_test(difference, spread, np.full(len(difference), freedom))


def welch_test(
    difference: FloatArray, errors: FloatArray, sizes: FloatArray
) -> FloatArray:
    r"""Return two-sided p-values of differences, with a variance for each group.

    Parameters
    ----------
    difference : ndarray of shape (k,)
        Differences.
    errors : ndarray of shape (2, k)
        Standard errors in each group.
    sizes : ndarray of shape (2,)
        Respondents of each group.

    Returns
    -------
    ndarray of shape (k,)
        p-values; one where nothing differs.

    Notes
    -----
    .. math:: t = \frac{d}{\sqrt{v_1 + v_2}}, \quad
        v_g = \frac{n_g - 1}{n_g} s_g^2, \quad
        df = \frac{(v_1 + v_2)^2}{v_1^2 / (n_1 - 1) + v_2^2 / (n_2 - 1)}

    the degrees of freedom being those of Welch and Satterthwaite.

    References
    ----------
    Sarstedt, Henseler & Ringle (2011), Advances in International Marketing 22; Welch
    (1947), Biometrika 34(1-2).
    """
    variances = ((sizes - 1) / sizes)[:, None] * errors**2
    total = variances.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = total**2 / (variances**2 / (sizes - 1)[:, None]).sum(axis=0)
    return _t_test(difference, np.sqrt(total), freedom)


def _t_test(
    difference: FloatArray, spread: FloatArray, freedom: FloatArray
) -> FloatArray:
    from scipy.special import stdtr

    with np.errstate(invalid="ignore", divide="ignore"):
        p = 2 * stdtr(freedom, -np.abs(difference / spread))
    # a parameter that can't vary, as a single item's weight, has no t
    return np.where((np.abs(difference) < 1e-12) & (spread < 1e-12), 1.0, p)


def score_agreement(
    first: FloatArray, second: FloatArray, corr: FloatArray, blocks: FloatArray
) -> FloatArray:
    r"""Return the correlation of scores by two sets of weights in the same sample.

    Parameters
    ----------
    first, second : ndarray of shape (..., p)
        Weights of the standardised items.
    corr : ndarray of shape (p, p)
        Item correlations in the sample.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.

    Returns
    -------
    ndarray of shape (..., j)
        :math:`c = w_1'Rw_2 / \sqrt{w_1'Rw_1 \, w_2'Rw_2}` of each block.

    References
    ----------
    Henseler, Ringle & Sarstedt (2016), International Marketing Review 33(3).
    """
    inside = np.where(blocks @ blocks.T > 0, corr, 0.0)
    by_first, by_second = first @ inside, second @ inside
    crossed = block_means(by_first, second, blocks)
    lengths = block_means(by_first, first, blocks) * block_means(
        by_second, second, blocks
    )
    return np.asarray(np.clip(crossed / np.sqrt(lengths), -1.0, 1.0))


def fixed_scores(
    mean: FloatArray, cov: FloatArray, raw: FloatArray, blocks: FloatArray
) -> FloatArray:
    """Return means and log variances of scores whose weights are given.

    Parameters
    ----------
    mean : ndarray of shape (..., p)
        Item means.
    cov : ndarray of shape (..., p, p)
        Item covariances.
    raw : ndarray of shape (p,)
        Weights of the raw items.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.

    Returns
    -------
    ndarray of shape (..., 2 j)
        Means, then logarithms of variances.
    """
    means = block_means(mean, raw, blocks)
    spreads = block_spreads(cov, np.broadcast_to(raw, mean.shape), blocks)
    with np.errstate(divide="ignore"):
        return np.concatenate([means, 2 * np.log(spreads)], axis=-1)
