"""Fourth-order moments: what robust errors and tests are made of.

Everything here is of one sample. Moments are stacked as in `derivatives.jacobian`:
means, where the model has some, then the upper triangle of the covariances row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from csindex.kernels.arrays import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Cases:
    """The respondents of one sample.

    Attributes
    ----------
    values : ndarray of shape (n, p)
        Their answers.
    weights : ndarray of shape (n,)
        Weights with sum n.
    clusters : ndarray of int of shape (n,), optional
        Codes of the clusters within which they depend on each other.
    counts : ndarray of shape (n,), optional
        How often each is in the sample, as in a resample; weights are theirs times
        these.
    means : bool
        Whether means are among the moments.
    """

    values: FloatArray
    weights: FloatArray
    clusters: IntArray | None = None
    counts: FloatArray | None = None
    means: bool = False

    @cached_property
    def products(self) -> FloatArray:
        """Each respondent's deviations and their products, shape (n, s)."""
        centre = self.weights @ self.values / self.weights.sum()
        apart = self.values - centre
        i, j = np.triu_indices(apart.shape[1])
        products = apart[:, i] * apart[:, j]
        if not self.means:
            return np.asarray(products)
        return np.concatenate([apart, products], axis=1)

    @cached_property
    def gamma(self) -> FloatArray:
        """Asymptotic covariance (s, s) of root n times the moments."""
        centred = self.products - self.weights @ self.products / self.weights.sum()
        return self.summed(centred)

    def about(self, moments: FloatArray) -> FloatArray:
        """Return second moments (s, s) of products about implied moments (s,)."""
        if not self.means:
            return self.summed(self.products - moments)
        p = self.values.shape[1]
        apart = self.products[:, :p] - moments[:p]
        i, j = np.triu_indices(p)
        products = apart[:, i] * apart[:, j] - moments[p:]
        return self.summed(np.concatenate([apart, products], axis=1))

    def summed(self, parts: FloatArray) -> FloatArray:
        """Return the mean of outer products of weighted parts, cluster by cluster.

        Parameters
        ----------
        parts : ndarray of shape (n, k)
            A row per respondent.

        Returns
        -------
        ndarray of shape (k, k)
            Sum of outer products, divided by n; with c clusters the products of their
            sums, times c / (c - 1).
        """
        weighted = parts * self.weights[:, None]
        if self.clusters is not None:
            return cluster_products(weighted, self.clusters)
        if self.counts is None:
            return np.asarray(weighted.T @ weighted / len(parts))
        once = weighted / np.where(self.counts > 0, self.counts, 1.0)[:, None]
        return np.asarray(weighted.T @ once / self.counts.sum())


def cluster_products(parts: FloatArray, clusters: IntArray) -> FloatArray:
    """Return the mean of outer products of parts, cluster by cluster.

    Parameters
    ----------
    parts : ndarray of shape (n, k)
        A row per respondent.
    clusters : ndarray of int of shape (n,)
        Codes of the clusters within which they depend on each other.

    Returns
    -------
    ndarray of shape (k, k)
        Products of the sums of c clusters, times c / (c - 1), divided by n.
    """
    codes, places = np.unique(clusters, return_inverse=True)
    sums = np.zeros((len(codes), parts.shape[1]))
    np.add.at(sums, places, parts)
    few = len(codes) / (len(codes) - 1)
    return np.asarray(few * (sums.T @ sums) / len(parts))


def normal_weight(inverse: FloatArray, means: bool) -> FloatArray:
    r"""Return the weight matrix of moments under normality.

    Parameters
    ----------
    inverse : ndarray of shape (p, p)
        Inverse of a covariance matrix.
    means : bool
        Whether means are among the moments.

    Returns
    -------
    ndarray of shape (s, s)
        :math:`\frac12 D'(\Sigma^{-1} \otimes \Sigma^{-1})D`, below the inverse for the
        means.
    """
    p = len(inverse)
    i, j = np.triu_indices(p)
    first, second = inverse.take(i, axis=0), inverse.take(j, axis=0)
    weight = first.take(i, axis=1) * second.take(j, axis=1)
    weight += first.take(j, axis=1) * second.take(i, axis=1)
    half = np.where(i == j, 0.5, 1.0)
    weight *= half[:, None] * half
    if not means:
        return np.asarray(weight)
    found = np.zeros((p + len(i), p + len(i)))
    found[:p, :p] = inverse
    found[p:, p:] = weight
    return found


def normal_gamma(cov: FloatArray, means: bool) -> FloatArray:
    """Return the asymptotic covariance of moments of a normal population.

    Parameters
    ----------
    cov : ndarray of shape (p, p)
        Covariances.
    means : bool
        Whether means are among the moments.

    Returns
    -------
    ndarray of shape (s, s)
        The inverse of `normal_weight`.
    """
    p = len(cov)
    i, j = np.triu_indices(p)
    gamma = cov[np.ix_(i, i)] * cov[np.ix_(j, j)]
    gamma += cov[np.ix_(i, j)] * cov[np.ix_(j, i)]
    if not means:
        return np.asarray(gamma)
    found = np.zeros((p + len(i), p + len(i)))
    found[:p, :p] = cov
    found[p:, p:] = gamma
    return found


def identity_weight(p: int, means: bool) -> FloatArray:
    """Return the weight matrix (s, s) of unweighted least squares."""
    return normal_weight(np.eye(p), means)


def residual_weight(weight: FloatArray, slopes: FloatArray) -> FloatArray:
    r"""Return the matrix U of the residuals of weighted least squares.

    Parameters
    ----------
    weight : ndarray of shape (s, s)
        W.
    slopes : ndarray of shape (s, t)
        Derivatives of the moments by free parameters.

    Returns
    -------
    ndarray of shape (s, s)
        :math:`U = W - W\Delta(\Delta'W\Delta)^{-1}\Delta'W`.

    References
    ----------
    Satorra & Bentler (1994).
    """
    pulled = weight @ slopes
    return np.asarray(weight - pulled @ np.linalg.pinv(slopes.T @ pulled) @ pulled.T)
