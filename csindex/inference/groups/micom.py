"""Measurement invariance of composites (MICOM) between two groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from csindex.estimation import Estimates
from csindex.kernels.arrays import FloatArray
from csindex.kernels.differences import fixed_scores, permutation_p, score_agreement
from csindex.model import Model
from csindex.results import Statistic

# MICOM's first step, which the call itself fulfils
CONFIGURAL = (
    "configural invariance is given: every group has the same items, model, estimator, "
    "settings and treatment of missing answers"
)


@dataclass(frozen=True, eq=False)
class Contrast:
    """How the composites of two groups differ, in the sample or in permutations.

    Attributes
    ----------
    c : ndarray of shape (..., j)
        Correlation of the scores by the two groups' weights.
    mean : ndarray of shape (..., j)
        Mean score of the first group minus that of the second, in standard deviations
        of both together.
    variance : ndarray of shape (..., j)
        Logarithm of the ratio of the two groups' variances of scores.
    """

    c: FloatArray
    mean: FloatArray
    variance: FloatArray


def pooled_scores(pooled: Estimates) -> Statistic:
    """Return the statistic of scores by the weights of both groups together.

    Parameters
    ----------
    pooled : Estimates
        Estimates of both groups together.

    Returns
    -------
    Statistic
        Means and log variances of the scores, shape (..., 2 j).
    """
    made = pooled.moments
    raw = pooled.weights.sum(axis=-1) / made.sd
    blocks = pooled.model.blocks

    def compute(estimates: Estimates) -> FloatArray:
        moments = estimates.moments
        return fixed_scores(moments.mean - made.mean, moments.cov, raw, blocks)

    return Statistic("pooled scores", compute, _two_of_each, tested=False)


def contrast(
    pooled: Estimates, weights: FloatArray, scores: FloatArray, sizes: FloatArray
) -> Contrast:
    """Return how the composites of two groups differ.

    Parameters
    ----------
    pooled : Estimates
        Estimates of both groups together, with p items and j constructs.
    weights : ndarray of shape (..., 2, p)
        Weights of the standardised items in each group.
    scores : ndarray of shape (..., 2, 2 j)
        The values of `pooled_scores` in each group.
    sizes : ndarray of shape (2,)
        What each group's variances are to be multiplied with.

    Returns
    -------
    Contrast
        The differences.
    """
    model = pooled.model
    c = score_agreement(
        weights[..., 0, :], weights[..., 1, :], pooled.moments.corr, model.blocks
    )
    apart = scores[..., 0, :] - scores[..., 1, :]
    j = len(model.constructs)
    return Contrast(c, apart[..., :j], apart[..., j:] + np.log(sizes[0] / sizes[1]))


def micom(
    model: Model, observed: Contrast, permuted: Contrast, level: float
) -> pd.DataFrame:
    r"""Return the second and third step of MICOM.

    Parameters
    ----------
    model : Model
        The model, with j constructs.
    observed : Contrast
        The sample, shape (j,).
    permuted : Contrast
        The permutations, shape (b, j).
    level : float
        Confidence level; tests are made at one minus it.

    Returns
    -------
    DataFrame
        Construct, c, c_quantile, p_c, mean_difference, p_mean, variance_log_ratio,
        p_variance and verdict.

    Notes
    -----
    Step 2: :math:`c` is the correlation of a construct's scores by the weights of the
    first and of the second group, in both groups together; invariance is rejected if
    it lies below the lower quantile of its values in permuted groups. A single item
    always agrees with itself. Step 3: means and variances of the scores by the weights
    of both groups together are equal; two-sided tests.

    The verdict is ``"none"`` without compositional invariance, ``"partial"`` with it,
    so that paths can be compared, and ``"full"`` if means and variances are equal
    besides, so that the groups can be pooled.

    References
    ----------
    Henseler, Ringle & Sarstedt (2016), International Marketing Review 33(3).
    """
    alpha = 1 - level
    p_c = permutation_p(observed.c, permuted.c, larger=False)
    p_mean = permutation_p(np.abs(observed.mean), np.abs(permuted.mean))
    p_variance = permutation_p(np.abs(observed.variance), np.abs(permuted.variance))
    equal = (p_mean >= alpha) & (p_variance >= alpha)
    verdict = np.where(p_c < alpha, "none", np.where(equal, "full", "partial"))
    return pd.DataFrame(
        {
            "construct": model.construct_names,
            "c": observed.c,
            "c_quantile": np.quantile(permuted.c, alpha, axis=0),
            "p_c": p_c,
            "mean_difference": observed.mean,
            "p_mean": p_mean,
            "variance_log_ratio": observed.variance,
            "p_variance": p_variance,
            "verdict": verdict,
        }
    )


def _two_of_each(model: Model) -> pd.DataFrame:
    names = model.construct_names
    kinds = ["mean"] * len(names) + ["log variance"] * len(names)
    return pd.DataFrame({"construct": [*names, *names], "kind": kinds})
