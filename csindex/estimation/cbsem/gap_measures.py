r"""CFI, TLI and RMSEA of full-information likelihood, as complete answers would give.

With gaps, the likelihood weighs misfit less where answers are missing, and the usual
measures flatter the model. Here the implied moments are compared with the unrestricted
ones by the discrepancy of complete answers, T, less what sampling alone adds to it:

.. math:: c = tr (I - P)'W(I - P)\Gamma, \quad P = \Delta(\Delta'A\Delta)^{-1}\Delta'A,

with W the weight of complete answers, A the observed information of the unrestricted
model from the answers there are, and :math:`\Gamma` the covariance of its moments,
the inverse of A or, robust, the sandwich. RMSEA is
:math:`\sqrt{\max(T - c, 0) / (N df)}`, CFI and TLI have :math:`T - c` and that of the
baseline model in the places of chi-square minus degrees of freedom.

References
----------
Zhang & Savalei (2023), Psychological Methods 28(2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from csindex.estimation.cbsem.fitted import CovarianceFit, Sample
from csindex.estimation.cbsem.incomplete import (
    baseline_moments,
    unrestricted_information,
    unrestricted_meat,
)
from csindex.estimation.cbsem.measures import rmsea
from csindex.estimation.cbsem.robust import blocks, slopes
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.discrepancy import Likelihood
from csindex.kernels.cbsem.fiml import unrestricted
from csindex.kernels.cbsem.fourth import Cases, normal_weight


@dataclass(frozen=True, eq=False)
class _Group:
    """Matrices of one group, each of shape (s, s), and its share in the sample."""

    weight: FloatArray
    information: FloatArray
    gamma: FloatArray
    share: float


def gap_measures(
    fit: CovarianceFit, cases: list[Cases] | None
) -> Mapping[str, FloatArray]:
    """Return CFI, TLI and RMSEA corrected for gaps.

    Parameters
    ----------
    fit : CovarianceFit
        A fit by full-information likelihood, once.
    cases : list of Cases, optional
        The respondents of each group, for robust versions.

    Returns
    -------
    mapping of str to ndarray of shape (1,)
        Each measure by its name.
    """
    if fit.df == 0:
        return {}
    groups = _groups(fit, cases)
    own, part = _complete_chisq(fit), _added(groups, fit)
    p, g = len(fit.table.observed), len(fit.samples)
    lower_df = g * p * (p - 1) // 2
    lower, lower_part = 0.0, 0.0
    for sample, group in zip(fit.samples, groups, strict=True):
        mean, cov = baseline_moments(sample)
        made = Likelihood.of(sample.used_cov(fit.method), sample.mean).at(
            unrestricted(mean, cov)
        )
        lower += float(2 * sample.n[0] * made.value[0])
        lower_part += _excess(
            _baseline_slopes(p), group.weight, group.information, group.gamma
        )
    above, lower_above = own - part, lower - lower_part
    largest = max(above, lower_above, 0.0)
    scale = part / fit.df
    errors = rmsea(np.array([own / scale]), fit.df, fit.factor, g, scale)
    return {
        "cfi_robust": np.array([1 - max(above, 0.0) / largest if largest else 1.0]),
        "tli_robust": np.array([1 - above * lower_df / (lower_above * fit.df)]),
        **{f"{name}_robust": value for name, value in errors.items()},
    }


def _groups(fit: CovarianceFit, cases: list[Cases] | None) -> list[_Group]:
    method = replace(fit.method, information="observed")
    found: list[_Group] = []
    for k, sample in enumerate(fit.samples):
        information = unrestricted_information(sample, method)
        gamma = np.asarray(np.linalg.inv(information))
        if cases is not None:
            gamma = gamma @ unrestricted_meat(sample, cases[k], method) @ gamma
        weight = _weight(sample, fit)
        share = float(sample.n[0] / fit.n[0])
        found.append(_Group(weight, information, gamma, share))
    return found


def _weight(sample: Sample, fit: CovarianceFit) -> FloatArray:
    cov = sample.used_cov(fit.method)[0]
    return normal_weight(np.asarray(np.linalg.inv(cov)), True)


def _complete_chisq(fit: CovarianceFit) -> float:
    """Return the chi-square of complete answers at the implied moments."""
    total = 0.0
    for sample, made in zip(fit.samples, fit.implied, strict=True):
        cov = sample.used_cov(fit.method)
        point = Likelihood.of(cov, sample.mean).at(made)
        total += float(2 * sample.n[0] * point.value[0])
    return total


def _added(groups: list[_Group], fit: CovarianceFit) -> float:
    """Return what sampling adds to the chi-square of complete answers."""
    return _excess(
        np.concatenate(slopes(fit)) @ fit.basis,
        blocks([group.share * group.weight for group in groups]),
        blocks([group.share * group.information for group in groups]),
        blocks([group.gamma / group.share for group in groups]),
    )


def _excess(
    slope: FloatArray, weight: FloatArray, information: FloatArray, gamma: FloatArray
) -> float:
    pulled = information @ slope
    kept = slope @ np.linalg.pinv(slope.T @ pulled, hermitian=True) @ pulled.T
    apart = np.eye(len(kept)) - kept
    return float(np.trace(apart.T @ weight @ apart @ gamma))


def _baseline_slopes(p: int) -> FloatArray:
    """Return derivatives (s, 2 p) of moments by means and variances."""
    i, j = np.triu_indices(p)
    free = np.concatenate([np.arange(p), p + np.flatnonzero(i == j)])
    return np.eye(p + len(i))[:, free]
