"""What estimators of composites share: from weights to estimates."""

from __future__ import annotations

import numpy as np

from csindex.estimation.estimates import Estimates
from csindex.kernels.arrays import FloatArray
from csindex.kernels.paths import regressions
from csindex.kernels.pls import OuterWeights
from csindex.kernels.scores import score_moments
from csindex.model import Model
from csindex.moments import Moments


def composite_estimates(
    model: Model,
    moments: Moments,
    weights: FloatArray,
    found: OuterWeights | None = None,
    formative: tuple[bool, ...] = (),
) -> Estimates:
    """Return the estimates that follow from outer weights.

    Parameters
    ----------
    model : Model
        The model.
    moments : Moments
        Moments of exactly the model's items, one set or a stack.
    weights : ndarray of shape (..., p, j)
        Weights of standardised items in scores of variance one.
    found : OuterWeights, optional
        The iteration they come from; None: they were computed in one step.
    formative : tuple of bool
        For each construct, whether its weights are regression weights; none if empty.

    Returns
    -------
    Estimates
        Loadings, correlations and paths of the scores, in the order of the weights'
        batch axes.
    """
    scores = score_moments(moments.corr, weights, model.blocks)
    done = np.asarray(np.isfinite(weights).all(axis=(-2, -1)))
    return Estimates(
        model,
        moments,
        weights,
        scores.loadings,
        scores.corr,
        regressions(scores.corr, model.structure),
        done if found is None else found.converged,
        np.asarray(done, dtype=np.int64) if found is None else found.iterations,
        formative or (False,) * len(model.constructs),
    )


def oriented(estimates: Estimates) -> Estimates:
    """Return the estimates with constructs whose loadings have a positive sum.

    Parameters
    ----------
    estimates : Estimates
        Estimates, one set or a stack.

    Returns
    -------
    Estimates
        The same fit.
    """
    sums = estimates.loadings.sum(axis=-2)
    return estimates.turned(np.where(sums < 0, -1.0, 1.0))


def iteration_problems(tolerance: float, max_iterations: int) -> list[str]:
    """Return what is wrong with the options of an iteration.

    Parameters
    ----------
    tolerance : float
        Where it ends.
    max_iterations : int
        Where it ends in any case.

    Returns
    -------
    list of str
        The problems; empty if there are none.
    """
    problems: list[str] = []
    if not tolerance > 0:
        problems.append(f"tolerance must be positive, not {tolerance}")
    if max_iterations < 1:
        problems.append(f"max_iterations must be 1 or more, not {max_iterations}")
    return problems
