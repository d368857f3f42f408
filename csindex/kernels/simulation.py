"""Populations of standardised items, and stacks of sample moments drawn from them."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import FloatArray
from csindex.kernels.paths import causal_order


def population_correlations(
    paths: FloatArray, exogenous: FloatArray, structure: FloatArray
) -> FloatArray:
    r"""Return the correlations of constructs of variance one in a population.

    Parameters
    ----------
    paths : ndarray of shape (j, j)
        Standardised path coefficients, row = target.
    exogenous : ndarray of shape (j, j)
        Correlations of the constructs that no path leads to; the rest is not read.
    structure : ndarray of shape (j, j)
        One where the column's construct drives the row's.

    Returns
    -------
    ndarray of shape (j, j)
        Correlations. The explained variance of construct t is the product of its
        paths with their correlations; above one, no population has such paths.

    Notes
    -----
    Construct by construct in causal order, :math:`\phi_{ts} = \sum_k b_{tk} \phi_{ks}`
    for every s before t; errors are uncorrelated.
    """
    correlations = np.where(np.eye(len(paths)) > 0, 1.0, exogenous)
    done = [k for k in range(len(paths)) if not structure[k].any()]
    for target in causal_order(structure):
        if not structure[target].any():
            continue
        implied = paths[target] @ correlations[:, done]
        correlations[target, done] = correlations[done, target] = implied
        done.append(target)
    return correlations


def factor_correlations(loadings: FloatArray, constructs: FloatArray) -> FloatArray:
    r"""Return the correlations of items that measure common factors.

    Parameters
    ----------
    loadings : ndarray of shape (p, j)
        Standardised loadings; zero outside each construct's block.
    constructs : ndarray of shape (j, j)
        Construct correlations.

    Returns
    -------
    ndarray of shape (p, p)
        :math:`\Lambda \Phi \Lambda'` with a diagonal of ones.
    """
    implied = loadings @ constructs @ loadings.T
    np.fill_diagonal(implied, 1.0)
    return np.asarray(implied)


def wishart_covariances(
    roots: FloatArray, n: int, count: int, generator: np.random.Generator
) -> FloatArray:
    r"""Return covariance matrices of normal samples, without drawing respondents.

    Parameters
    ----------
    roots : ndarray of shape (..., p, p)
        Lower Cholesky factors of the populations' covariances.
    n : int
        Respondents of each sample, more than p.
    count : int
        Number of samples from each population.
    generator : Generator
        Random numbers.

    Returns
    -------
    ndarray of shape (..., count, p, p)
        Sample covariances with divisor n - 1.

    Notes
    -----
    Bartlett's decomposition: with :math:`\Sigma = LL'` and a lower triangular A of
    standard normal variables and :math:`a_{ii}^2 \sim \chi^2_{n-i}` (i from 1),
    :math:`(n - 1) S = L A A' L'`.

    References
    ----------
    Bartlett (1933), Proceedings of the Royal Society of Edinburgh 53; Smith & Hocking
    (1972), Applied Statistics 21(3).
    """
    batch, p = (*roots.shape[:-2], count), roots.shape[-1]
    factor = np.zeros((*batch, p, p))
    row, column = np.tril_indices(p, -1)
    factor[..., row, column] = generator.standard_normal((*batch, len(row)))
    freedom = (n - 1) - np.arange(p)
    diagonal = np.sqrt(generator.chisquare(freedom, size=(*batch, p)))
    factor[..., np.arange(p), np.arange(p)] = diagonal
    root = roots[..., None, :, :] @ factor
    return np.asarray(root @ np.swapaxes(root, -1, -2) / (n - 1))


def normal_means(
    mean: FloatArray,
    root: FloatArray,
    n: int,
    count: int,
    generator: np.random.Generator,
) -> FloatArray:
    """Return means of normal samples; they are independent of the covariances.

    Parameters
    ----------
    mean : ndarray of shape (p,)
        The population's means.
    root : ndarray of shape (p, p)
        Lower Cholesky factor of the population's covariances.
    n : int
        Respondents of each sample.
    count : int
        Number of samples.
    generator : Generator
        Random numbers.

    Returns
    -------
    ndarray of shape (count, p)
        Sample means.
    """
    normal = generator.standard_normal((count, len(mean)))
    return np.asarray(mean + normal @ root.T / np.sqrt(n))
