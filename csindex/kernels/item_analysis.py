"""Classical item analysis of one scale, on stacks of covariances."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import FloatArray


def corrected_item_total(cov: FloatArray) -> FloatArray:
    r"""Return the correlation of each item with the sum of the others.

    Parameters
    ----------
    cov : ndarray of shape (..., k, k)
        Covariances of the items of one scale.

    Returns
    -------
    ndarray of shape (..., k)
        Correlations; NaN for a single item.

    Notes
    -----
    .. math:: r_h = \frac{\sum_{l \ne h} s_{hl}}
        {\sqrt{s_{hh}} \sqrt{\sum_{l \ne h} \sum_{m \ne h} s_{lm}}}

    References
    ----------
    Churchill (1979), Journal of Marketing Research 16(1); Nunnally (1978).
    """
    own = np.diagonal(cov, axis1=-2, axis2=-1)
    rows = cov.sum(axis=-1)
    rest = rows.sum(axis=-1)[..., None] - 2 * rows + own
    with np.errstate(invalid="ignore", divide="ignore"):
        r = (rows - own) / np.sqrt(own * rest)
    return np.full_like(own, np.nan) if cov.shape[-1] < 2 else r


def alpha_if_deleted(cov: FloatArray) -> FloatArray:
    r"""Return Cronbach's alpha of a scale without each of its items.

    Parameters
    ----------
    cov : ndarray of shape (..., k, k)
        Covariances of the items of one scale; correlations for standardised alpha.

    Returns
    -------
    ndarray of shape (..., k)
        Reliabilities of the k - 1 others; NaN where fewer than two remain.

    References
    ----------
    Cronbach (1951), Psychometrika 16(3).
    """
    own = np.diagonal(cov, axis1=-2, axis2=-1)
    left = cov.shape[-1] - 1
    if left < 2:
        return np.full_like(own, np.nan)
    rows = cov.sum(axis=-1)
    rest = rows.sum(axis=-1)[..., None] - 2 * rows + own
    variances = own.sum(axis=-1)[..., None] - own
    return np.asarray(left / (left - 1) * (1 - variances / rest))
