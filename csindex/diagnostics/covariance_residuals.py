r"""What a covariance structure leaves of the items' covariances.

With S the sample covariances in one vector, :math:`\Gamma` their covariance times N, W
their weight in the fit and :math:`\Delta` the derivatives of implied ones, residuals
have the covariance :math:`Q \Gamma Q' / N`, :math:`Q = I - \Delta (\Delta'W\Delta)^{-1}
\Delta'W`. Of normal answers :math:`\Gamma` follows from S. Of answers with gaps it is
the inverse of the information on unrestricted moments, means among them; of ordinal
ones that of thresholds and polychoric correlations.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from csindex.estimation.cbsem.fitted import CovarianceFit
from csindex.estimation.cbsem.incomplete import (
    unrestricted_information,
    unrestricted_meat,
)
from csindex.estimation.cbsem.ordinal_fit import OrdinalFit, triangle_places
from csindex.estimation.cbsem.ordinal_linear import group_moments, linear
from csindex.estimation.cbsem.robust import slopes, weights
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.fourth import Cases, normal_gamma
from csindex.kernels.linalg import correlation

ResidualKind = Literal["raw", "correlation", "normalized", "standardized"]
# a share of an item's variance that is taken for no error
_EXACT = 1e-6


def residual_matrix(
    fit: CovarianceFit, kind: ResidualKind, cases: list[Cases] | None = None
) -> FloatArray:
    """Return what a fit leaves of the covariances.

    Parameters
    ----------
    fit : CovarianceFit
        A fit of one group, once.
    kind : {"raw", "correlation", "normalized", "standardized"}
        Differences of covariances or of correlations; or differences of covariances
        divided by standard errors, of the covariance alone or of the difference.
    cases : list of Cases, optional
        The respondents, for errors that don't suppose normality.

    Returns
    -------
    ndarray of shape (p, p)
        Residuals; zero where the model fits an element exactly.
    """
    cov, implied = fit.samples[0].used_cov(fit.method)[0], fit.implied[0].cov[0]
    if kind == "correlation":
        return np.asarray(correlation(cov)[0] - correlation(implied)[0])
    raw = np.asarray(cov - implied)
    if kind == "raw":
        return raw
    p = len(cov)
    i, j = np.triu_indices(p)
    size = np.sqrt(np.diagonal(cov))
    error = np.sqrt(np.maximum(_law(fit, kind, cases), 0) / fit.n[0])
    exact = error < _EXACT * size[i] * size[j]
    found = np.zeros((p, p))
    found[i, j] = np.where(exact, 0.0, raw[i, j] / np.where(exact, 1.0, error))
    found[j, i] = found[i, j]
    return found


def _law(
    fit: CovarianceFit, kind: ResidualKind, cases: list[Cases] | None
) -> FloatArray:
    """Return N times the variances of an upper triangle, or of its residuals."""
    if isinstance(fit, OrdinalFit):
        return _ordinal_law(fit, kind)
    gamma = _gamma(fit, cases)
    p = len(fit.table.observed)
    count = p * (p + 1) // 2
    if kind == "normalized":
        return np.asarray(np.diagonal(gamma)[-count:])
    slope, weight = slopes(fit)[0], weights(fit)[0]
    if fit.method.missing == "fiml":
        made, sample = fit.implied[0], fit.samples[0]
        cov = made.cov * (fit.n / (fit.n - 1))[:, None, None]
        weight = unrestricted_information(
            replace(sample, cov=cov, mean=made.mean), fit.method
        )
    joint = fit.inverse((slope.T @ weight @ slope)[None])[0]
    kept = np.eye(len(slope)) - slope @ joint @ slope.T @ weight
    return np.asarray(np.diagonal(kept @ gamma @ kept.T)[-count:])


def _gamma(fit: CovarianceFit, cases: list[Cases] | None) -> FloatArray:
    """Return N times the covariance of means and covariances."""
    sample, method = fit.samples[0], fit.method
    if method.missing == "fiml":
        inverse = np.linalg.inv(unrestricted_information(sample, method))
        if cases is not None:
            inverse = inverse @ unrestricted_meat(sample, cases[0], method) @ inverse
        return np.asarray(inverse)
    if cases is not None:
        return cases[0].gamma
    return normal_gamma(sample.used_cov(method)[0], fit.table.means)


def _ordinal_law(fit: OrdinalFit, kind: ResidualKind) -> FloatArray:
    moments = group_moments(fit)
    if moments is None:
        raise ValueError("resamples have no covariance of their statistics")
    made = linear(fit, moments)
    gamma = made.gamma[np.ix_(made.kept, made.kept)]
    turn = np.eye(len(gamma)) if kind == "normalized" else made.residual_map
    p = len(fit.table.observed)
    found = np.zeros(p * (p + 1) // 2)
    found[triangle_places(moments[0])] = np.diagonal(turn @ gamma @ turn.T)
    return found
