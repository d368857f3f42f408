"""Exploratory factor analysis by maximum likelihood, rotated obliquely."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np

from csindex.kernels.arrays import FloatArray
from csindex.kernels.rotation import Rotated, promax, quartimin

Rotation = Literal["oblimin", "promax"]

_OPTIONS = {
    "gtol": 1e-7,
    "ftol": 1e-15,
    "maxcor": 50,
    "maxiter": 5000,
    "maxfun": 20_000,
}
# largest gradient of a solution that counts as found
_GRADIENT = 1e-4


@dataclass(frozen=True, eq=False)
class Exploration:
    """Factors of a set of correlations.

    Attributes
    ----------
    pattern : ndarray of shape (p, k)
        Loadings as regression weights of the factors.
    correlations : ndarray of shape (k, k)
        Correlations of the factors.
    uniqueness : ndarray of shape (p,)
        Variance of each item that no factor explains.
    objective : float
        The minimum of the maximum likelihood function.
    problems : tuple of str
        Why the solution needs care.
    """

    pattern: FloatArray
    correlations: FloatArray
    uniqueness: FloatArray
    objective: float
    problems: tuple[str, ...]


def degrees_of_freedom(p: int, k: int) -> int:
    """Return how many correlations k factors of p items leave to be tested."""
    return ((p - k) ** 2 - p - k) // 2


def explore(corr: FloatArray, k: int, rotation: Rotation = "oblimin") -> Exploration:
    """Find the factors of a set of correlations.

    Parameters
    ----------
    corr : ndarray of shape (p, p)
        Correlations, positive definite.
    k : int
        Number of factors, with `degrees_of_freedom` not below zero.
    rotation : {"oblimin", "promax"}
        Oblimin with gamma zero (quartimin), or promax with power four.

    Returns
    -------
    Exploration
        The factors, in no order.

    References
    ----------
    Joreskog (1967), Psychometrika 32(4).
    """
    from statsmodels.multivariate.factor import Factor

    with warnings.catch_warnings():
        # its verdicts are judged below: the gradient and the uniquenesses
        warnings.simplefilter("ignore")
        fit = Factor(corr=corr, n_factor=k, method="ml").fit(
            start=_start(corr, k),
            opt_method="L-BFGS-B",
            opt=_OPTIONS,
        )
    uniqueness = np.asarray(fit.uniqueness, dtype=np.float64)
    unrotated = np.asarray(fit.loadings, dtype=np.float64)
    slope = float(np.abs(fit.mle_retvals.jac).max())
    problems = []
    if slope > _GRADIENT:
        problems.append(f"the factors were not found exactly: the slope is {slope:.1e}")
    rotated = _rotated(unrotated, rotation)
    if not rotated.converged:
        problems.append("the rotation of the factors did not converge")
    return Exploration(
        rotated.pattern,
        rotated.correlations,
        uniqueness,
        _objective(corr, unrotated, uniqueness),
        tuple(problems),
    )


def _start(corr: FloatArray, k: int) -> tuple[FloatArray, FloatArray]:
    """Return loadings and uniquenesses of principal factors."""
    uniqueness = 1 / np.diagonal(np.linalg.inv(corr))
    roots, vectors = np.linalg.eigh(corr - np.diag(uniqueness))
    loadings = vectors[:, -k:] * np.sqrt(np.maximum(roots[-k:], 0.01))
    return loadings, uniqueness


def _rotated(loadings: FloatArray, rotation: Rotation) -> Rotated:
    if loadings.shape[1] == 1:
        return Rotated(loadings, np.eye(1), 0.0, True)
    return promax(loadings) if rotation == "promax" else quartimin(loadings)


def _objective(corr: FloatArray, loadings: FloatArray, uniqueness: FloatArray) -> float:
    implied = loadings @ loadings.T + np.diag(uniqueness)
    spread = np.linalg.slogdet(implied)[1] - np.linalg.slogdet(corr)[1]
    return float(spread + np.trace(np.linalg.solve(implied, corr)) - len(corr))
