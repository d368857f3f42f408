"""Models with ordinal items as linear functions of their statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.estimation.cbsem.linked_fit import (
    LinkedFit,
    statistic_places,
    statistic_weight,
)
from csindex.estimation.cbsem.ordinal_fit import OrdinalFit, triangle_places
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.cbsem.derivatives import jacobian
from csindex.kernels.cbsem.fourth import residual_weight
from csindex.kernels.ordinal.moments import OrdinalMoments


@dataclass(frozen=True, eq=False)
class Linear:
    """A fit as a linear function of its statistics, those of all groups together.

    Attributes
    ----------
    kept : ndarray of bool of shape (s,)
        Which statistics are fitted: variances and covariances; all of them where
        groups share thresholds.
    slopes : ndarray of shape (r, t)
        Their derivatives by structural parameters.
    weight : ndarray of shape (r, r)
        Their weight.
    gamma : ndarray of shape (s, s)
        Covariance of all statistics, times N; clusters are allowed for.
    """

    kept: BoolArray
    slopes: FloatArray
    weight: FloatArray
    gamma: FloatArray

    @property
    def residual_map(self) -> FloatArray:
        """How residuals change with the statistics fitted, shape (r, r)."""
        pulled = self.slopes.T @ self.weight
        fitted = self.slopes @ np.linalg.solve(pulled @ self.slopes, pulled)
        return np.asarray(np.eye(len(fitted)) - fitted)

    @property
    def residual_product(self) -> FloatArray:
        """The product of U, the weight of residuals, with their gamma."""
        gamma = self.gamma[np.ix_(self.kept, self.kept)]
        return np.asarray(residual_weight(self.weight, self.slopes) @ gamma)


def group_moments(fit: OrdinalFit) -> list[OrdinalMoments] | None:
    """Return the statistics of each group; None for a stack of fits."""
    found = [part.moments for part in fit.data if part.moments is not None]
    return found if len(found) == len(fit.data) else None


def linear(fit: OrdinalFit, moments: list[OrdinalMoments]) -> Linear:
    """Return one fit as a linear function of its statistics.

    Parameters
    ----------
    fit : OrdinalFit
        The fit.
    moments : list of OrdinalMoments
        The statistics of each group.

    Returns
    -------
    Linear
        Derivatives along constraints only.
    """
    if isinstance(fit, LinkedFit):
        return _linked(fit, moments)
    shares = _shares(moments)
    slopes, weights, gammas = [], [], []
    point = fit.search.point
    for made, part, share in zip(point.made, moments, shares, strict=True):
        by_slot = jacobian(made)[0][triangle_places(part)]
        long = by_slot @ made.ram.spread(point.objective.size)
        slopes.append(long @ point.turn[0] @ fit.search.basis)
        weights.append(share * group_weight(fit, part))
        gammas.append(part.design_gamma / share)
    return Linear(
        np.concatenate([part.elements.is_covariance for part in moments]),
        np.concatenate(slopes),
        blocks(weights),
        blocks(gammas),
    )


def linear_in_all(fit: OrdinalFit, moments: list[OrdinalMoments]) -> Linear:
    """Return one fit as a function of all statistics, saturated ones included.

    Parameters
    ----------
    fit : OrdinalFit
        The fit.
    moments : list of OrdinalMoments
        The statistics of each group.

    Returns
    -------
    Linear
        With thresholds and means among the parameters, whatever their scale is.
    """
    made = linear(fit, moments)
    if made.kept.all():
        return made
    levels = int((~made.kept).sum())
    own, t = made.slopes.shape
    slopes = np.zeros((own + levels, t + levels))
    slopes[np.ix_(made.kept, np.arange(t))] = made.slopes
    slopes[np.ix_(~made.kept, np.arange(t, t + levels))] = np.eye(levels)
    return Linear(
        np.ones_like(made.kept), slopes, _whole_weight(fit, moments), made.gamma
    )


def _linked(fit: LinkedFit, moments: list[OrdinalMoments]) -> Linear:
    point = fit.search.point
    turn = point.turn[0] @ fit.search.basis
    slopes = [
        one.slopes[0][statistic_places(part)] @ turn
        for one, part in zip(point.points, moments, strict=True)
    ]
    gammas = [
        part.design_gamma / share
        for part, share in zip(moments, _shares(moments), strict=True)
    ]
    gamma = blocks(gammas)
    return Linear(
        np.ones(len(gamma), np.bool_),
        np.concatenate(slopes),
        _whole_weight(fit, moments),
        gamma,
    )


def _whole_weight(fit: OrdinalFit, moments: list[OrdinalMoments]) -> FloatArray:
    """Return the weight of all statistics of all groups."""
    found = []
    for part, share in zip(moments, _shares(moments), strict=True):
        weight = share * statistic_weight(part, fit.method)
        found.append(np.diag(weight) if weight.ndim == 1 else weight)
    return blocks(found)


def _shares(moments: list[OrdinalMoments]) -> FloatArray:
    sizes = np.array([part.n for part in moments], np.float64)
    return np.asarray(sizes / sizes.sum())


def group_weight(fit: OrdinalFit, moments: OrdinalMoments) -> FloatArray:
    """Return the weight (r, r) of a group's variances and covariances."""
    kept = moments.elements.is_covariance
    gamma = moments.gamma[np.ix_(kept, kept)]
    if fit.method.discrepancy == "WLS":
        return np.asarray(np.linalg.inv(gamma))
    if fit.method.discrepancy == "DWLS":
        return np.diag(1 / np.diagonal(gamma))
    return np.eye(len(gamma))


def blocks(parts: list[FloatArray]) -> FloatArray:
    """Return matrices as the diagonal blocks of one.

    Parameters
    ----------
    parts : list of ndarray of shape (r, c)
        The blocks.

    Returns
    -------
    ndarray of shape (sum of r, sum of c)
        Zero elsewhere.
    """
    shape = np.sum([part.shape for part in parts], axis=0)
    found, row, column = np.zeros(shape), 0, 0
    for part in parts:
        end = row + part.shape[0], column + part.shape[1]
        found[row : end[0], column : end[1]] = part
        row, column = end
    return found
