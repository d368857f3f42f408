"""The baseline model: items with variances of their own, and nothing in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.estimation.cbsem.fitted import CovarianceFit, Sample
from csindex.estimation.cbsem.incomplete import baseline_moments, pattern_sums
from csindex.estimation.cbsem.methods import Method
from csindex.kernels.arrays import FloatArray
from csindex.kernels.inverse import log_determinant


@dataclass(frozen=True, eq=False)
class Reference:
    """The baseline model's chi-square.

    Attributes
    ----------
    chisq : ndarray of shape (b,)
        Chi-square.
    df : int
        Degrees of freedom.
    """

    chisq: FloatArray
    df: float


def baseline(fit: CovarianceFit) -> Reference:
    """Return the baseline model that a fit is compared with.

    Parameters
    ----------
    fit : CovarianceFit
        A fit.

    Returns
    -------
    Reference
        Fitted by the same method to the same moments, each group on its own.
    """
    p = len(fit.table.observed)
    parts = [
        _discrepancy(sample, fit.method, fit.table.means) for sample in fit.samples
    ]
    lost = 0 if fit.method.likelihood else 1
    chisq = sum(
        2 * (sample.n - lost) * part
        for sample, part in zip(fit.samples, parts, strict=True)
    )
    return Reference(np.asarray(chisq), len(fit.samples) * p * (p - 1) // 2)


def baseline_variances(sample: Sample, method: Method, means: bool) -> FloatArray:
    """Return the variances (b, p) of the baseline model.

    The discrepancies of least squares are quadratic in the variances, so that one
    linear system gives them.

    Parameters
    ----------
    sample : Sample
        Moments.
    method : Method
        The method.
    means : bool
        Whether means are among the moments that weights are for.

    Returns
    -------
    ndarray of shape (b, p)
        Variances.
    """
    cov = sample.used_cov(method)
    own = np.diagonal(cov, axis1=1, axis2=2)
    if method.discrepancy == "GLS":
        weight = np.linalg.inv(cov)
        right = np.diagonal(weight, axis1=1, axis2=2)
        return np.asarray(np.linalg.solve(weight**2, right[:, :, None])[:, :, 0])
    if sample.weight is not None and sample.weight.ndim == 3:
        p = cov.shape[-1]
        i, j = np.triu_indices(p)
        shift = p if means else 0
        weight = sample.weight[:, shift:, shift:]
        # variances of ordinal items have no weight, and are one
        weighed = np.diagonal(weight, axis1=1, axis2=2).any(axis=0)
        on = np.flatnonzero((i == j) & weighed)
        slopes = weight[:, on]
        gap = (cov - own[:, :, None] * np.eye(p))[:, i, j]
        right = (slopes @ gap[:, :, None])[:, :, 0]
        found = own.copy()
        found[:, i[on]] += np.linalg.solve(slopes[:, :, on], right[:, :, None])[:, :, 0]
        return found
    return np.asarray(own)


def _discrepancy(sample: Sample, method: Method, means: bool) -> FloatArray:
    """Return the minimum (b,) of the baseline model, half of the usual one."""
    cov = sample.used_cov(method)
    if method.missing == "fiml":
        sums = pattern_sums(sample)
        return sums.value(*baseline_moments(sample)) - sums.value(sample.mean, cov)
    variances = baseline_variances(sample, method, means)
    if method.likelihood:
        return np.asarray(0.5 * (np.log(variances).sum(axis=1) - log_determinant(cov)))
    apart = cov - variances[:, :, None] * np.eye(cov.shape[-1])
    if method.discrepancy in ("GLS", "ULS"):
        ratio = apart if method.discrepancy == "ULS" else np.linalg.solve(cov, apart)
        return np.asarray(0.25 * (ratio * ratio.transpose(0, 2, 1)).sum(axis=(1, 2)))
    i, j = np.triu_indices(cov.shape[-1])
    gap = apart[:, i, j]
    if sample.weight is None:
        raise ValueError("weighted least squares needs weights")
    shift = cov.shape[-1] if means else 0
    if sample.weight.ndim == 2:
        return np.asarray(0.5 * (sample.weight[:, shift:] * gap**2).sum(axis=1))
    weight = sample.weight[:, shift:, shift:]
    return np.asarray(0.5 * (gap * (weight @ gap[:, :, None])[:, :, 0]).sum(axis=1))
