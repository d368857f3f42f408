"""Construct and item correlations that a model implies, and their misfit."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.paths import r_squared, total_effects


def construct_correlations(
    paths: FloatArray, corr: FloatArray, structure: FloatArray
) -> FloatArray:
    r"""Return the construct correlations that a structural model implies.

    Parameters
    ----------
    paths, corr : ndarray of shape (..., j, j)
        Path coefficients (row = target) and construct correlations.
    structure : ndarray of shape (j, j)
        One where the column's construct drives the row's.

    Returns
    -------
    ndarray of shape (..., j, j)
        Implied correlations.

    Notes
    -----
    With exogenous constructs correlated as they are and errors of variance
    :math:`1 - R^2`, uncorrelated,

    .. math:: (I - B)^{-1} V (I - B)^{-\prime}

    with a diagonal set to one. :math:`R^2` is that of the regressions on the actual
    correlations, as in cSEM.

    References
    ----------
    Bollen (1989), Structural Equations with Latent Variables, chapter 4.
    """
    size = len(structure)
    endogenous = structure.any(axis=1)
    errors = np.where(endogenous, 1 - r_squared(paths, corr), 0.0)
    exogenous = np.outer(~endogenous, ~endogenous)
    variance = np.where(exogenous, corr, 0.0) + errors[..., None] * np.eye(size)
    effects = total_effects(paths, structure) + np.eye(size)
    implied = effects @ variance @ np.swapaxes(effects, -1, -2)
    return np.asarray(np.where(np.eye(size) > 0, 1.0, implied))


def item_correlations(
    corr: FloatArray,
    loadings: FloatArray,
    constructs: FloatArray,
    blocks: FloatArray,
    composite: BoolArray,
) -> FloatArray:
    r"""Return the item correlations that a model implies.

    Parameters
    ----------
    corr : ndarray of shape (..., p, p)
        Item correlations.
    loadings : ndarray of shape (..., p, j)
        Loadings; zero outside each construct's block.
    constructs : ndarray of shape (..., j, j)
        Construct correlations: the actual ones for the saturated model, those of
        `construct_correlations` for the estimated one.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.
    composite : ndarray of bool of shape (j,)
        True for composites, which leave the correlations of their own items free;
        False for common factors, which imply them.

    Returns
    -------
    ndarray of shape (..., p, p)
        Implied correlations, :math:`\Lambda \Phi \Lambda' + \Theta`.

    References
    ----------
    Dijkstra & Henseler (2015), Computational Statistics & Data Analysis 81.
    """
    implied = loadings @ constructs @ np.swapaxes(loadings, -1, -2)
    own = (blocks * composite) @ blocks.T + np.eye(len(blocks)) > 0
    return np.asarray(np.where(own, corr, implied))


def srmr(
    corr: FloatArray,
    loadings: FloatArray,
    constructs: FloatArray,
    blocks: FloatArray,
    composite: BoolArray,
) -> FloatArray:
    r"""Return the standardised root mean square residual of item correlations.

    Parameters
    ----------
    corr : ndarray of shape (..., p, p)
        Item correlations.
    loadings : ndarray of shape (..., p, j)
        Loadings; zero outside each construct's block.
    constructs : ndarray of shape (..., j, j)
        Construct correlations, as in `item_correlations`.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.
    composite : ndarray of bool of shape (j,)
        True for composites, False for common factors, as in `item_correlations`.

    Returns
    -------
    ndarray of shape (...)
        The measure.

    Notes
    -----
    .. math:: \sqrt{\frac{2}{p(p+1)} \sum_{h \ge k} (s_{hk} - \sigma_{hk})^2}

    References
    ----------
    Henseler, Dijkstra, Sarstedt et al. (2014), Organizational Research Methods 17(2).
    """
    implied = item_correlations(corr, loadings, constructs, blocks, composite)
    size = len(blocks)
    return np.asarray(np.sqrt(2 * d_uls(corr, implied) / (size * (size + 1))))


def d_uls(corr: FloatArray, implied: FloatArray) -> FloatArray:
    r"""Return the squared Euclidean distance of correlations from implied ones.

    Parameters
    ----------
    corr, implied : ndarray of shape (..., p, p)
        Correlations, with diagonals of one.

    Returns
    -------
    ndarray of shape (...)
        :math:`\frac{1}{2} \operatorname{tr} (S - \Sigma)^2`.

    References
    ----------
    Dijkstra & Henseler (2015), Computational Statistics & Data Analysis 81.
    """
    return np.asarray(((corr - implied) ** 2).sum(axis=(-2, -1)) / 2)
