r"""Measures of fit of covariance structures.

With :math:`T` the chi-square, N respondents in g groups, and the baseline model of
uncorrelated items (subscript 0):

- ``chisq``: 2 N f for likelihood, 2 (N - g) f for least squares, f the minimum;
- ``cfi`` :math:`1 - \max(T - df, 0) / \max(T_0 - df_0, T - df, 0)`;
  ``tli`` :math:`1 - (T - df)\, df_0 / ((T_0 - df_0)\, df)`; ``nfi``, ``rfi``, ``ifi``,
  ``rni``, ``pnfi`` alike;
- ``rmsea`` :math:`\sqrt{\max(T - df, 0)\, g / (N df)}`, with N - g in the place of N
  for least squares, its 90 % interval, and the p-values of .05 or less
  (``rmsea_pvalue``) and of .08 or more;
- ``srmr``: root mean square of :math:`(s_{ij} - \sigma_{ij}) / \sqrt{s_{ii} s_{jj}}` on
  and below the diagonal, with means :math:`(m_i - \mu_i) / \sqrt{s_{ii}}` (Bentler);
  ``rmr`` the same of raw residuals; ``crmr`` of correlations, without the diagonal;
- ``aic`` -2 logl + 2 q; ``bic`` with q log N; ``bic2`` with q log((N + 2) / 24).

``gfi_joreskog`` and ``agfi_joreskog`` are Joreskog and Sorbom's (1984), as lavaan 0.6
has them; later versions of lavaan define GFI otherwise.

References
----------
Hu & Bentler (1999), Structural Equation Modeling 6(1); Browne & Cudeck (1993).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from csindex.estimation.cbsem.baseline import Reference, baseline
from csindex.estimation.cbsem.fitted import CovarianceFit
from csindex.estimation.cbsem.incomplete import pattern_sums
from csindex.estimation.cbsem.noncentral import (
    chi_square_tail,
    noncentral_below,
    noncentrality,
)
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.derivatives import upper
from csindex.kernels.inverse import log_determinant

# RMSEA of close and of poor fit, and the level of its interval
CLOSE, POOR, LEVEL = 0.05, 0.08, 0.90


def fit_measures(fit: CovarianceFit) -> Mapping[str, FloatArray]:
    """Return all measures that moments give.

    Parameters
    ----------
    fit : CovarianceFit
        A fit, b times over.

    Returns
    -------
    mapping of str to ndarray of shape (b,)
        Each measure by its name.
    """
    ones = np.ones_like(fit.value)
    base = baseline(fit)
    found: dict[str, FloatArray] = {
        "npar": ones * fit.free,
        "fmin": fit.chisq / (2 * fit.n),
        "chisq": fit.chisq,
        "df": ones * fit.df,
        "pvalue": chi_square_tail(fit.chisq, fit.df),
        "baseline_chisq": base.chisq,
        "baseline_df": ones * base.df,
        "baseline_pvalue": chi_square_tail(base.chisq, base.df),
    }
    found.update(incremental(fit.chisq, fit.df, base))
    found.update(rmsea(fit.chisq, fit.df, fit.factor, len(fit.samples)))
    found.update(residual_sizes(fit))
    if fit.method.likelihood:
        found.update(information_criteria(fit))
    return found


def incremental(
    chisq: FloatArray, df: float, base: Reference
) -> Mapping[str, FloatArray]:
    """Return fit measures relative to the baseline model.

    Parameters
    ----------
    chisq : ndarray of shape (b,)
        Chi-square.
    df : float
        Its degrees of freedom.
    base : Reference
        The baseline model's.

    Returns
    -------
    mapping of str to ndarray of shape (b,)
        CFI, TLI, NFI, RFI, IFI, RNI and PNFI.
    """
    own, other = chisq - df, base.chisq - base.df
    larger = np.maximum(np.maximum(own, other), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = base.chisq / base.df
        cfi = np.where(larger > 0, 1 - np.maximum(own, 0) / larger, 1.0)
        tli = 1 - own * base.df / (other * df) if df > 0 else np.ones_like(chisq)
        nfi = 1 - chisq / base.chisq
        rfi = 1 - chisq / df / ratio if df > 0 else np.ones_like(chisq)
        ifi = (base.chisq - chisq) / (base.chisq - df)
        rni = 1 - own / other
    return {
        "cfi": cfi,
        "tli": tli,
        "nfi": nfi,
        "rfi": rfi,
        "ifi": ifi,
        "rni": rni,
        "pnfi": nfi * df / base.df,
    }


def rmsea(
    chisq: FloatArray, df: float, n: FloatArray, groups: int = 1, scale: float = 1.0
) -> Mapping[str, FloatArray]:
    """Return the root mean square error of approximation.

    Parameters
    ----------
    chisq : ndarray of shape (b,)
        Chi-square.
    df : float
        Its degrees of freedom.
    n : ndarray of shape (b,)
        Respondents; for least squares less one per group.
    groups : int
        Number of groups.
    scale : float
        Factor of the squared error, for robust versions.

    Returns
    -------
    mapping of str to ndarray of shape (b,)
        Value, interval, and p-values of close and of poor fit.
    """
    if df == 0:
        zero = np.zeros_like(chisq)
        return {"rmsea": zero, "rmsea_ci_lower": zero, "rmsea_ci_upper": zero}
    unit = groups * scale / (n * df)
    tail = (1 - LEVEL) / 2
    ends = noncentrality(chisq, df, np.array([[1 - tail], [tail]])) * unit
    low, high = np.sqrt(ends)
    return {
        "rmsea": np.sqrt(np.maximum(chisq - df, 0) * unit),
        "rmsea_ci_lower": low,
        "rmsea_ci_upper": high,
        "rmsea_pvalue": 1 - noncentral_below(chisq, df, CLOSE**2 / unit),
        "rmsea_notclose_pvalue": noncentral_below(chisq, df, POOR**2 / unit),
    }


def residual_sizes(fit: CovarianceFit) -> Mapping[str, FloatArray]:
    """Return root mean square residuals, and Joreskog and Sorbom's GFI.

    Parameters
    ----------
    fit : CovarianceFit
        A fit.

    Returns
    -------
    mapping of str to ndarray of shape (b,)
        SRMR, RMR and CRMR, groups weighted by their sizes; GFI of likelihood.
    """
    names = ("srmr", "rmr", "crmr")
    total = {name: np.zeros_like(fit.value) for name in names}
    explained, whole = np.zeros_like(fit.value), np.zeros_like(fit.value)
    for sample, made in zip(fit.samples, fit.implied, strict=True):
        cov, share = sample.used_cov(fit.method), sample.n / fit.n
        i, j = upper(cov.shape[-1])
        sd, own = (
            np.sqrt(np.diagonal(matrix, axis1=1, axis2=2)) for matrix in (cov, made.cov)
        )
        raw = (cov - made.cov)[:, i, j]
        parts = {"srmr": raw / (sd[:, i] * sd[:, j]), "rmr": raw}
        corr = cov / (sd[:, :, None] * sd[:, None, :])
        corr = corr - made.cov / (own[:, :, None] * own[:, None, :])
        parts["crmr"] = corr[:, i[i != j], j[i != j]]
        if fit.table.means:
            apart = sample.mean - made.mean
            for name, unit in (("srmr", sd), ("rmr", 1.0)):
                parts[name] = np.concatenate([parts[name], apart / unit], axis=1)
            both = apart / sd if fit.table.means else apart
            parts["crmr"] = np.concatenate([parts["crmr"], both], axis=1)
        for name, values in parts.items():
            total[name] += share * np.sqrt((values**2).mean(axis=1))
        if fit.method.likelihood:
            ratio = np.linalg.solve(made.cov, cov)
            one = np.eye(cov.shape[-1])
            gap = ratio - one
            explained += share * (gap * gap.transpose(0, 2, 1)).sum(axis=(1, 2))
            whole += share * (ratio * ratio.transpose(0, 2, 1)).sum(axis=(1, 2))
    if fit.method.likelihood and not fit.table.means:
        gfi = 1 - explained / whole
        total["gfi_joreskog"] = gfi
        if fit.df > 0:
            total["agfi_joreskog"] = 1 - fit.moments / fit.df * (1 - gfi)
    return total


def information_criteria(fit: CovarianceFit) -> Mapping[str, FloatArray]:
    """Return the log likelihood and what is made of it.

    Parameters
    ----------
    fit : CovarianceFit
        A fit by maximum likelihood.

    Returns
    -------
    mapping of str to ndarray of shape (b,)
        logl, unrestricted_logl, aic, bic and bic2.
    """
    full = np.zeros_like(fit.value)
    for sample in fit.samples:
        cov = sample.used_cov(fit.method)
        p = cov.shape[-1]
        if fit.method.missing == "fiml":
            sums = pattern_sums(sample)
            size = sums.answers * np.log(2 * np.pi) + 2 * sums.value(sample.mean, cov)
        else:
            size = p * np.log(2 * np.pi) + log_determinant(cov) + p
        full -= 0.5 * sample.n * size
    logl = full - fit.chisq / 2
    # the means count as parameters of the likelihood only where they are modelled
    q = fit.free
    return {
        "logl": logl,
        "unrestricted_logl": full,
        "aic": -2 * logl + 2 * q,
        "bic": -2 * logl + q * np.log(fit.n),
        "bic2": -2 * logl + q * np.log((fit.n + 2) / 24),
    }
