"""How close respondents are to local models, by their residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import FloatArray


@dataclass(frozen=True, eq=False)
class LocalModels:
    """A stack of b models, each estimated from other respondents.

    Attributes
    ----------
    mean, sd : ndarray of shape (b, p)
        Means and standard deviations of the items.
    weights, loadings : ndarray of shape (b, p, j)
        Weights and loadings of the standardised items.
    paths : ndarray of shape (b, j, j)
        Path coefficients, row = target.
    r_squared : ndarray of shape (b, j)
        Explained variances.
    structure : ndarray of shape (j, j)
        One where the column's construct drives the row's.
    """

    mean: FloatArray
    sd: FloatArray
    weights: FloatArray
    loadings: FloatArray
    paths: FloatArray
    r_squared: FloatArray
    structure: FloatArray


@dataclass(frozen=True, eq=False)
class Residuals:
    """Residuals of all respondents from one model.

    Attributes
    ----------
    items : ndarray of shape (n, p)
        Answers less what the score lets expect, items standardised.
    constructs : ndarray of shape (n, e)
        Scores of the e driven constructs less what their causes let expect.
    """

    items: FloatArray
    constructs: FloatArray


def residuals(values: FloatArray, models: LocalModels, position: int) -> Residuals:
    r"""Return the residuals of all respondents from one of the models.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Answers.
    models : LocalModels
        The models.
    position : int
        Which of them.

    Returns
    -------
    Residuals
        :math:`e = z - \lambda \hat\xi` and :math:`f = \hat\xi_j - \sum \beta \hat\xi`,
        with items standardised by the model's own means and standard deviations.
    """
    z = (values - models.mean[position]) / models.sd[position]
    scores = z @ models.weights[position]
    driven = np.flatnonzero(models.structure.any(axis=1))
    items = z - scores @ models.loadings[position].T
    return Residuals(
        items, scores[:, driven] - scores @ models.paths[position, driven].T
    )


def closeness(
    values: FloatArray, models: LocalModels, membership: FloatArray
) -> FloatArray:
    r"""Return the distance of each respondent from each local model.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Answers.
    models : LocalModels
        The models.
    membership : ndarray of shape (b, n)
        Weight of each respondent in the class that a model was estimated from; zero
        outside.

    Returns
    -------
    ndarray of shape (b, n)
        Distances; NaN where a model could not be estimated.

    Notes
    -----
    With the communalities :math:`\lambda^2` and sums over the class g below:

    .. math:: CM_{ig} = \sqrt{
        \frac{\sum_p e_{ipg}^2 / \lambda_{pg}^2}
             {\sum_i \sum_p e_{ipg}^2 / \lambda_{pg}^2 / (n_g - 2)} \cdot
        \frac{\sum_j f_{ijg}^2 / R_{jg}^2}
             {\sum_i \sum_j f_{ijg}^2 / R_{jg}^2 / (n_g - 2)}}

    References
    ----------
    Esposito Vinzi, Trinchera, Squillacciotti & Tenenhaus (2008), Applied Stochastic
    Models in Business and Industry 24(5).
    """
    driven = np.flatnonzero(models.structure.any(axis=1))
    found = np.empty(membership.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        for g, own in enumerate(membership):
            apart = residuals(values, models, g)
            communality = (models.loadings[g] ** 2).sum(axis=1)
            outer = (apart.items**2 / communality).sum(axis=1)
            inner = (apart.constructs**2 / models.r_squared[g, driven]).sum(axis=1)
            left = own.sum() - 2
            scale = (own @ outer / left) * (own @ inner / left)
            found[g] = np.sqrt(outer * inner / scale)
    return found


def influences(values: FloatArray, models: LocalModels) -> FloatArray:
    r"""Return what each respondent would do to each model's explained variances.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Answers.
    models : LocalModels
        The models.

    Returns
    -------
    ndarray of shape (b, n)
        Derivatives :math:`d_{ig}` of a model's explained variances, summed and times
        the sum :math:`N_g` of its respondents' weights, by a respondent's weight; NaN
        where a model could not be estimated.

    Notes
    -----
    With the scores :math:`\hat\xi`, of variance one in the model's own respondents, the
    outer weights held, and the residuals f of the inner model:

    .. math:: d_{ig} = \sum_j \left[R_{jg}^2 + (1 - R_{jg}^2) \hat\xi_{ijg}^2 -
        f_{ijg}^2\right]

    Coefficients need no derivative, as least squares has chosen them.
    """
    driven = np.flatnonzero(models.structure.any(axis=1))
    found = np.empty((len(models.mean), len(values)))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for g, explained in enumerate(models.r_squared[:, driven]):
            z = (values - models.mean[g]) / models.sd[g]
            scores = z @ models.weights[g]
            own = scores[:, driven]
            apart = own - scores @ models.paths[g, driven].T
            found[g] = (explained + (1 - explained) * own**2 - apart**2).sum(axis=1)
    return found
