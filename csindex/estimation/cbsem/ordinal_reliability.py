r"""Reliability of sums of ordinal items.

The sum of the category numbers of a construct's items has a true part, what two
independent sets of answers with the same latent variables share. With thresholds
:math:`\tau`, standardised loadings :math:`\lambda`, and correlations :math:`\rho` of
the variables behind the items,

.. math:: \omega = \frac{\sum_{ij} C_{ij}(\lambda_i \lambda_j)}{\sum_{ij}
    C_{ij}(\rho_{ij})}, \quad C_{ij}(r) = \sum_{ab} \Phi_2(\tau_{ia}, \tau_{jb}, r) -
    \Phi(\tau_{ia}) \Phi(\tau_{jb}).

References
----------
Green & Yang (2009), Psychometrika 74(1), eq. 21.
Zumbo, Gadermann & Zeisser (2007), Journal of Modern Applied Statistical Methods 6(1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.estimation.cbsem.ordinal import OrdinalEstimates
from csindex.estimation.cbsem.ordinal_fit import OrdinalFit, scale_places
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.ordinal.normal import FAR, bivariate_cdf, normal_cdf


@dataclass(frozen=True, eq=False)
class OrdinalReliability:
    """Reliability of each construct; NaN unless it has ordinal items, two or more.

    Attributes
    ----------
    omega : ndarray of shape (..., j)
        Of the sum of answers, correlations as the model implies them.
    omega_observed : ndarray of shape (..., j)
        The same with polychoric correlations in the total variance.
    alpha : ndarray of shape (..., j)
        Ordinal alpha, of the sum of the variables behind the items.
    ave : ndarray of shape (..., j)
        Average variance extracted, of the variables behind the items.
    """

    omega: FloatArray
    omega_observed: FloatArray
    alpha: FloatArray
    ave: FloatArray


def ordinal_reliability(estimates: OrdinalEstimates) -> OrdinalReliability:
    """Return the reliability of constructs of ordinal items.

    Parameters
    ----------
    estimates : OrdinalEstimates
        Estimates with batch axes (...).

    Returns
    -------
    OrdinalReliability
        The reliabilities.
    """
    model, fit = estimates.model, estimates.fit
    p, j = model.blocks.shape
    cuts = standard_thresholds(fit)
    b = len(cuts)
    implied = fit.implied[0].cov
    observed = estimates.moments.corr.reshape((b, p, p))
    loadings = estimates.loadings.reshape((b, p, j))
    found = np.full((4, b, j), np.nan)
    sizes = np.array(fit.table.sizes)
    for k in range(j):
        block = np.flatnonzero(model.blocks[:, k])
        if len(block) < 2 or not sizes[block].all():
            continue
        own, tau = loadings[:, block, k], cuts[:, block]
        at = np.ix_(np.arange(b), block, block)
        true = _variance(tau, own[:, :, None] * own[:, None, :])
        found[0, :, k] = true / _variance(tau, implied[at])
        found[1, :, k] = true / _variance(tau, observed[at])
        many = len(block)
        total = observed[at].sum(axis=(1, 2))
        found[2, :, k] = many / (many - 1) * (1 - many / total)
        found[3, :, k] = (own**2).mean(axis=1)
    shaped = found.reshape((4, *estimates.moments.batch, j))
    return OrdinalReliability(*shaped)


def has_ordinal(estimates: OrdinalEstimates) -> BoolArray:
    """Return which constructs of several items have ordinal ones, shape (j,)."""
    blocks = estimates.model.blocks
    ordinal = np.array(estimates.fit.table.sizes) > 0
    return np.asarray((blocks.sum(axis=0) > 1) & ((ordinal @ blocks) > 0))


def ordinal_omegas(estimates: OrdinalEstimates) -> FloatArray:
    """Return omega (..., j) of sums of ordinal answers; NaN for other constructs."""
    return ordinal_reliability(estimates).omega


def standard_thresholds(fit: OrdinalFit) -> FloatArray:
    """Return the thresholds of the standardised variables behind items.

    Parameters
    ----------
    fit : OrdinalFit
        A fit, b times over; its first group counts.

    Returns
    -------
    ndarray of shape (b, p, K - 1)
        Thresholds, `FAR` after an item's last one and for continuous items.
    """
    sizes = fit.table.sizes
    start = fit.table.structural + fit.table.derived
    count = sum(max(size - 1, 1) for size in sizes)
    levels = fit.theta[:, start : start + count].copy()
    places, factors = scale_places(fit.table, 0)
    levels[:, places] *= fit.theta[:, factors] if len(places) else 1.0
    found = np.full((len(levels), len(sizes), max(sizes) - 1), FAR)
    at = 0
    for i, size in enumerate(sizes):
        if size:
            found[:, i, : size - 1] = levels[:, at : at + size - 1]
        at += max(size - 1, 1)
    return found


def _variance(cuts: FloatArray, corr: FloatArray) -> FloatArray:
    """Return the variance (b,) of sums of items with thresholds (b, m, K - 1)."""
    h, k = np.broadcast_arrays(cuts[:, :, None, :, None], cuts[:, None, :, None, :])
    rho = np.broadcast_to(corr[..., None, None], h.shape)
    joint = bivariate_cdf(h, k, np.clip(rho, -1.0, 1.0))
    apart = normal_cdf(h) * normal_cdf(k)
    return np.asarray((joint - apart).sum(axis=(1, 2, 3, 4)))
