"""Predictions of items and scores as linear functions of the items, in stacks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, from_slab, to_slab
from csindex.kernels.linalg import solve_positive
from csindex.kernels.paths import reachable, total_effects


@dataclass(frozen=True, eq=False)
class Predictors:
    """What is predicted from the deviations x of a respondent's items from the means.

    Attributes
    ----------
    scores : ndarray of shape (..., p, j)
        Standardised scores as they are, :math:`x'U`.
    expected : ndarray of shape (..., p, j)
        Standardised scores as the model predicts them; zero for constructs without
        causes.
    items : ndarray of shape (..., p, p)
        Deviations of the items from their means, as the model predicts them, in the
        columns; zero for items of constructs without causes.
    """

    scores: FloatArray
    expected: FloatArray
    items: FloatArray


def path_predictors(
    weights: FloatArray,
    loadings: FloatArray,
    paths: FloatArray,
    sd: FloatArray,
    structure: FloatArray,
    earliest: bool,
) -> Predictors:
    r"""Return how a path model predicts scores and items.

    Parameters
    ----------
    weights, loadings : ndarray of shape (..., p, j)
        Weights of the standardised items in scores of variance one, and loadings;
        zero outside each construct's block.
    paths : ndarray of shape (..., j, j)
        Path coefficients, row = target.
    sd : ndarray of shape (..., p)
        Standard deviations of the items.
    structure : ndarray of shape (j, j)
        One where the column's construct drives the row's.
    earliest : bool
        Whether scores are predicted from exogenous constructs only, along all paths;
        else from the scores of their direct causes.

    Returns
    -------
    Predictors
        The coefficients.

    Notes
    -----
    With the standard deviations :math:`D`, the weights :math:`W`, the loadings
    :math:`\Lambda` and the direct effects :math:`B` (or the total effects of the
    exogenous constructs):

    .. math:: U = D^{-1} W, \quad \hat{z} = B U'x, \quad
        \hat{x} = D \Lambda \hat{z}

    References
    ----------
    Shmueli, Ray, Velasquez Estrada & Chatla (2016), Journal of Business Research
    69(10).
    """
    effects = paths
    if earliest:
        exogenous = ~structure.any(axis=1)
        effects = total_effects(paths, structure) * exogenous
    scores = weights / sd[..., :, None]
    expected = scores @ np.swapaxes(effects, -1, -2)
    items = expected @ np.swapaxes(loadings * sd[..., :, None], -1, -2)
    return Predictors(scores, expected, items)


def linear_predictors(cov: FloatArray, inputs: BoolArray) -> FloatArray:
    r"""Return how linear regressions predict items from other items.

    Parameters
    ----------
    cov : ndarray of shape (..., p, p)
        Item covariances.
    inputs : ndarray of bool of shape (p, p)
        True where the row's item helps to predict the column's.

    Returns
    -------
    ndarray of shape (..., p, p)
        Coefficients of the deviations from the means,
        :math:`S_{xx}^{-1} S_{xy}` in each column; zero for items without inputs, NaN
        where the inputs depend on each other.
    """
    slab = to_slab(cov, 2)
    found = np.zeros_like(slab)
    kinds, kind_of = np.unique(inputs, axis=1, return_inverse=True)
    for kind, column in enumerate(kinds.T):
        sources = np.flatnonzero(column)
        targets = np.flatnonzero(kind_of.ravel() == kind)
        if sources.size:
            found[np.ix_(sources, targets)] = solve_positive(
                slab[np.ix_(sources, sources)], slab[np.ix_(sources, targets)]
            )
    return from_slab(found, cov.shape[:-2])


def input_items(blocks: FloatArray, structure: FloatArray, earliest: bool) -> BoolArray:
    """Return which items a path model predicts which items from.

    Parameters
    ----------
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.
    structure : ndarray of shape (j, j)
        One where the column's construct drives the row's.
    earliest : bool
        Whether only exogenous constructs count, of all that lead to the item's.

    Returns
    -------
    ndarray of bool of shape (p, p)
        True where the row's item helps to predict the column's.
    """
    causes = structure
    if earliest:
        exogenous = ~structure.any(axis=1)
        causes = np.where(exogenous, reachable(structure), 0.0)
    return np.asarray(blocks @ causes.T @ blocks.T > 0)
