"""Moments of products of items, in stacks: standardised, residual, of scores.

The product of two standardised variables is a linear function of the raw variables and
of their raw product. The moments of the raw products of one sample therefore give those
of the standardised products of every resample, which has its own means and standard
deviations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray, from_slab, to_slab
from csindex.kernels.linalg import solve_positive
from csindex.kernels.moments import ROUNDING


@dataclass(frozen=True, eq=False)
class ProductMoments:
    """Means and covariances of p items, and of products behind them.

    Attributes
    ----------
    mean : ndarray of shape (..., p + q)
        Means.
    cov : ndarray of shape (..., p + q, p + q)
        Covariances; the variance of a product that is constant but for rounding is
        zero.
    """

    mean: FloatArray
    cov: FloatArray


def with_products(
    values: FloatArray, first: IntArray, second: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return centred values with their products behind them.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Rows without gaps.
    first, second : ndarray of int of shape (q,)
        The columns that are multiplied.

    Returns
    -------
    table : ndarray of shape (n, p + q)
        Centred values, and products of centred values.
    centre : ndarray of shape (p,)
        What they are centred at: means, and whole numbers for whole values, whose
        products then have exact sums.
    """
    mean = np.asarray(values.mean(axis=0))
    centre = np.rint(mean) if (values == np.rint(values)).all() else mean
    centred = values - centre
    return np.hstack([centred, centred[:, first] * centred[:, second]]), centre


def standardised_products(
    mean: FloatArray, cov: FloatArray, first: IntArray, second: IntArray
) -> ProductMoments:
    r"""Return the moments of items and of products of the standardised items.

    Parameters
    ----------
    mean : ndarray of shape (..., p + q)
        Means of p items and of q raw products.
    cov : ndarray of shape (..., p + q, p + q)
        Their covariances.
    first, second : ndarray of int of shape (q,)
        The items that are multiplied.

    Returns
    -------
    ProductMoments
        The items as they are, and :math:`z_i z_h` instead of :math:`x_i x_h`; NaN for
        products with a constant item.

    Notes
    -----
    .. math:: z_i z_h = (x_i x_h - m_i x_h - m_h x_i + m_i m_h) / (s_i s_h)

    with the mean :math:`m` and the standard deviation :math:`s` of each member of the
    stack.
    """
    means, covs = to_slab(mean, 1), to_slab(cov, 2)
    p = len(means) - len(first)
    sd = np.sqrt(np.einsum("kkb->kb", covs)[:p])
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = 1.0 / np.where(sd > 0, sd, np.nan)
        scale = scale[first] * scale[second]
    ahead, behind = means[first], means[second]
    made = covs.copy()
    made[p:] -= ahead[:, None] * covs[second] + behind[:, None] * covs[first]
    made[p:] *= scale[:, None]
    # what is left of the product's columns is as raw as its rows were
    made[:, p:] -= ahead * made[:, second] + behind * made[:, first]
    made[:, p:] *= scale
    centred = means.copy()
    centred[p:] = (means[p:] - ahead * behind) * scale
    _without_rounding(made, centred, p)
    batch = mean.shape[:-1]
    return ProductMoments(from_slab(centred, batch), from_slab(made, batch))


def residual_products(
    made: ProductMoments, sources: BoolArray, owner: IntArray
) -> ProductMoments:
    r"""Return the moments of items and of the products' residuals on items.

    Parameters
    ----------
    made : ProductMoments
        Moments of p items and of q products.
    sources : ndarray of bool of shape (p, t)
        The items that the products of each term are regressed on.
    owner : ndarray of int of shape (q,)
        The term of each product.

    Returns
    -------
    ProductMoments
        Moments of the items and of the residuals, whose means are zero; NaN where the
        items depend on each other.

    References
    ----------
    Little, Bovaird & Widaman (2006), Structural Equation Modeling 13(4).
    """
    means, covs = to_slab(made.mean, 1), to_slab(made.cov, 2)
    p = len(sources)
    found, slopes = covs.copy(), np.zeros((p, len(owner), covs.shape[-1]))
    for term, chosen in enumerate(sources.T):
        own, items = p + np.flatnonzero(owner == term), np.flatnonzero(chosen)
        slopes[np.ix_(items, own - p)] = solve_positive(
            covs[np.ix_(items, items)], covs[np.ix_(items, own)]
        )
    found[p:] -= np.einsum("kqb,kjb->qjb", slopes, covs[:p])
    found[:, p:] -= np.einsum("ikb,kqb->iqb", found[:, :p].copy(), slopes)
    means = np.concatenate([means[:p], np.zeros_like(means[p:])])
    _without_rounding(found, means, p)
    batch = made.mean.shape[:-1]
    return ProductMoments(from_slab(means, batch), from_slab(found, batch))


def score_products(
    made: ProductMoments, coefficients: FloatArray, owner: IntArray, terms: int
) -> ProductMoments:
    """Return the moments of items and of each term's sum of its products.

    Parameters
    ----------
    made : ProductMoments
        Moments of p items and of q products of standardised items.
    coefficients : ndarray of shape (..., q)
        What each product counts; the product of two scores is such a sum.
    owner : ndarray of int of shape (q,)
        The term of each product.
    terms : int
        Number t of terms.

    Returns
    -------
    ProductMoments
        Moments of p items and of t sums.
    """
    means, covs = to_slab(made.mean, 1), to_slab(made.cov, 2)
    weights = to_slab(coefficients, 1)
    p = len(means) - len(owner)
    size = p + terms
    rows = np.empty((size, *covs.shape[1:]))
    found, sums = (
        np.empty((size, size, covs.shape[-1])),
        np.empty((size, len(weights.T))),
    )
    rows[:p], sums[:p] = covs[:p], means[:p]
    for term in range(terms):
        own = np.flatnonzero(owner == term)
        np.einsum("qb,qjb->jb", weights[own], covs[p + own], out=rows[p + term])
        np.einsum("qb,qb->b", weights[own], means[p + own], out=sums[p + term])
    found[:, :p] = rows[:, :p]
    for term in range(terms):
        own = np.flatnonzero(owner == term)
        np.einsum("qb,iqb->ib", weights[own], rows[:, p + own], out=found[:, p + term])
    _without_rounding(found, sums, p)
    batch = made.mean.shape[:-1]
    return ProductMoments(from_slab(sums, batch), from_slab(found, batch))


def _without_rounding(cov: FloatArray, mean: FloatArray, p: int) -> None:
    """Clear the variances of products that are rounding only."""
    for k in range(p, len(cov)):
        constant = cov[k, k] <= ROUNDING * (1.0 + mean[k] ** 2)
        cov[k, k, constant] = 0.0
