"""Rotations of factors to a simple structure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import FloatArray

# smallest slope, of a criterion that is a sum of products of squared loadings
_SLOPE = 1e-7
_MOST_STEPS = 5000
# halvings of one step
_HALVINGS = 12


@dataclass(frozen=True, eq=False)
class Rotated:
    """Rotated factors.

    Attributes
    ----------
    pattern : ndarray of shape (p, k)
        Loadings as regression weights of the factors.
    correlations : ndarray of shape (k, k)
        Correlations of the factors.
    criterion : float
        The value that was made small.
    converged : bool
        Whether it is a minimum.
    """

    pattern: FloatArray
    correlations: FloatArray
    criterion: float
    converged: bool


def varimax(loadings: FloatArray) -> FloatArray:
    """Rotate factors orthogonally so that the squared loadings vary most.

    Parameters
    ----------
    loadings : ndarray of shape (p, k)
        Loadings of uncorrelated factors.

    Returns
    -------
    ndarray of shape (p, k)
        Rotated loadings; no row normalisation.

    References
    ----------
    Kaiser (1958), Psychometrika 23(3).
    """
    turn, before = np.eye(loadings.shape[1]), 0.0
    for _ in range(_MOST_STEPS):
        turned = loadings @ turn
        target = turned**3 - turned * (turned**2).mean(axis=0)
        left, sizes, right = np.linalg.svd(loadings.T @ target)
        turn = left @ right
        if sizes.sum() < before * (1 + 1e-14):
            break
        before = sizes.sum()
    return np.asarray(loadings @ turn)


def promax(loadings: FloatArray) -> Rotated:
    """Rotate factors obliquely towards the fourth powers of varimax loadings.

    Parameters
    ----------
    loadings : ndarray of shape (p, k)
        Loadings of uncorrelated factors.

    Returns
    -------
    Rotated
        As in R's stats, varimax is done on rows of length one (Kaiser's
        normalisation).

    References
    ----------
    Hendrickson & White (1964), British Journal of Statistical Psychology 17(1).
    """
    lengths = np.sqrt((loadings**2).sum(axis=1, keepdims=True))
    simple = varimax(loadings / lengths) * lengths
    target = simple * np.abs(simple) ** 3
    turn = np.linalg.lstsq(simple, target, rcond=None)[0]
    turn = turn * np.sqrt(np.diagonal(np.linalg.inv(turn.T @ turn)))
    pattern = simple @ turn
    return Rotated(
        pattern,
        np.asarray(np.linalg.inv(turn.T @ turn)),
        float(((pattern - target) ** 2).sum()),
        True,
    )


def quartimin(loadings: FloatArray) -> Rotated:
    r"""Rotate factors obliquely so that no item loads on several of them.

    Parameters
    ----------
    loadings : ndarray of shape (p, k)
        Loadings of uncorrelated factors.

    Returns
    -------
    Rotated
        The better of two local minima, from the loadings as they are and from their
        varimax.

    Notes
    -----
    Direct oblimin with gamma zero,

    .. math:: f = \frac{1}{4} \sum_i \sum_{j \ne l} \lambda_{ij}^2 \lambda_{il}^2

    made small by projected gradients over factors of variance one.

    References
    ----------
    Jennrich & Sampson (1966), Psychometrika 31(3); Jennrich (2002), Psychometrika 67(1)
    (the algorithm).
    """
    starts = (loadings, varimax(loadings))
    return min((_descended(start) for start in starts), key=lambda r: r.criterion)


@dataclass(frozen=True, eq=False)
class _Point:
    """A turn (k, k) of the factors, what it gives, and the criterion's slope."""

    turn: FloatArray
    pattern: FloatArray
    value: float
    slope: FloatArray


def _descended(loadings: FloatArray) -> Rotated:
    point = _at(loadings, np.eye(loadings.shape[1]))
    step, steep = 1.0, np.inf
    for _ in range(_MOST_STEPS):
        # along the surface of factors with variance one
        along = point.slope - point.turn * (point.turn * point.slope).sum(axis=0)
        steep = float(np.sqrt((along**2).sum()))
        if steep < _SLOPE:
            break
        step *= 2
        for _ in range(_HALVINGS):
            moved = point.turn - step * along
            found = _at(loadings, moved / np.sqrt((moved**2).sum(axis=0)))
            if point.value - found.value > 0.5 * steep**2 * step:
                break
            step /= 2
        point = found
    correlations = point.turn.T @ point.turn
    return Rotated(point.pattern, correlations, point.value, steep < _SLOPE)


def _at(loadings: FloatArray, turn: FloatArray) -> _Point:
    inverse = np.linalg.inv(turn)
    pattern = loadings @ inverse.T
    squares = pattern**2
    others = squares.sum(axis=1, keepdims=True) - squares
    slope = -(pattern.T @ (pattern * others) @ inverse).T
    return _Point(turn, pattern, float((squares * others).sum() / 4), slope)
