"""Weights that give a sample known margins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import FloatArray, IntArray

# largest difference of a margin's share from its target
_TOLERANCE = 1e-10
_MOST_ROUNDS = 1000


@dataclass(frozen=True, eq=False)
class Raked:
    """Weights by iterative proportional fitting.

    Attributes
    ----------
    weights : ndarray of shape (n,)
        Weights with mean one.
    rounds : int
        Rounds over all margins.
    difference : float
        Largest difference of a margin's share from its target.
    converged : bool
        Whether every margin is met.
    """

    weights: FloatArray
    rounds: int
    difference: float
    converged: bool


def rake(
    codes: Sequence[IntArray], targets: Sequence[FloatArray], weights: FloatArray
) -> Raked:
    """Scale weights until every margin has its known shares.

    Parameters
    ----------
    codes : sequence of ndarray of int of shape (n,)
        For each variable, the category of every respondent.
    targets : sequence of ndarray of shape (c,)
        For each variable, the positive shares of its categories, which sum to one;
        each category has respondents.
    weights : ndarray of shape (n,)
        Weights to begin with.

    Returns
    -------
    Raked
        The weights.

    References
    ----------
    Deming & Stephan (1940), Annals of Mathematical Statistics 11(4).
    """
    weights = weights / weights.sum()
    difference, rounds = np.inf, 0
    while difference > _TOLERANCE and rounds < _MOST_ROUNDS:
        for code, target in zip(codes, targets, strict=True):
            weights = weights * (target / np.bincount(code, weights))[code]
        rounds += 1
        difference = max(
            float(np.abs(np.bincount(code, weights) - target).max())
            for code, target in zip(codes, targets, strict=True)
        )
    return Raked(
        weights * len(weights), rounds, difference, bool(difference <= _TOLERANCE)
    )


def effective_size(weights: FloatArray) -> float:
    r"""Return how many respondents of equal weight would tell as much.

    Parameters
    ----------
    weights : ndarray of shape (n,)
        Weights.

    Returns
    -------
    float
        :math:`(\sum w)^2 / \sum w^2`.

    References
    ----------
    Kish (1965), Survey Sampling.
    """
    return float(weights.sum() ** 2 / (weights**2).sum())
