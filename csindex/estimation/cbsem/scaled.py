r"""Fit measures of corrected chi-squares.

With the chi-square T, its Satorra-Bentler (or Yuan-Bentler) factor c, and those of the
baseline model:

- ``_scaled``: the usual formulas with corrected chi-squares in their places; but RMSEA
  and its interval are those of T with :math:`c\,df` degrees of freedom, unless T is
  shifted, too: RMSEA itself is the same either way, its interval not quite;
- ``_robust``: estimates of the population's values,
  :math:`RMSEA = \sqrt{\max(T - c\,df, 0) / (N df)}` and CFI and TLI with
  :math:`T - c\,df` and :math:`T_0 - c_0 df_0` in the places of :math:`T - df` and
  :math:`T_0 - df_0`.

References
----------
Brosseau-Liard, Savalei & Li (2012), Multivariate Behavioral Research 47(6);
Brosseau-Liard & Savalei (2014), Multivariate Behavioral Research 49(5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from csindex.estimation.cbsem.baseline import Reference, baseline
from csindex.estimation.cbsem.fitted import CovarianceFit
from csindex.estimation.cbsem.measures import incremental, rmsea
from csindex.estimation.cbsem.noncentral import chi_square_tail
from csindex.estimation.cbsem.robust import ScaledTest, scaled_baseline, scaled_test
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.fourth import Cases


def scaled_measures(fit: CovarianceFit, cases: list[Cases]) -> Mapping[str, FloatArray]:
    """Return the corrected chi-square and the measures made of it.

    Parameters
    ----------
    fit : CovarianceFit
        A fit, once, by a method with a corrected test.
    cases : list of Cases
        The respondents of each group.

    Returns
    -------
    mapping of str to ndarray of shape (1,)
        Each measure by its name.
    """
    base = baseline(fit)
    own = scaled_test(fit, cases)
    other = scaled_baseline(fit, cases, float(base.chisq[0]))
    found = {
        "chisq_scaled": own.chisq,
        "df_scaled": own.df,
        "pvalue_scaled": _tail(own),
        "scaling_factor": own.factor,
        "shift": own.shift,
        "baseline_chisq_scaled": other.chisq,
        "baseline_df_scaled": other.df,
        "baseline_scaling_factor": other.factor,
    }
    made = {name: np.array([value]) for name, value in found.items()}
    if fit.df == 0:
        return made
    made.update(_scaled(fit, own, other))
    if fit.method.test != "mean.var.adjusted" and fit.method.missing != "fiml":
        made.update(_robust(fit, cases, base, own, other.factor))
    return made


def _tail(test: ScaledTest) -> float:
    return float(chi_square_tail(np.array([test.chisq]), test.df)[0])


def _scaled(
    fit: CovarianceFit, own: ScaledTest, other: ScaledTest
) -> Mapping[str, FloatArray]:
    """Return measures with corrected chi-squares in the places of the usual ones."""
    chisq = np.array([own.chisq])
    base = Reference(np.array([other.chisq]), other.df)
    found = {
        f"{name}_scaled": value
        for name, value in incremental(chisq, own.df, base).items()
    }
    if fit.method.test == "scaled.shifted":
        errors = rmsea(chisq, own.df, fit.factor, len(fit.samples))
    else:
        # T itself has the law of chi-square with tr(U Gamma) degrees of freedom
        errors = rmsea(fit.chisq, own.df * own.factor, fit.factor, len(fit.samples))
    return {**found, **{f"{name}_scaled": value for name, value in errors.items()}}


def _robust(
    fit: CovarianceFit,
    cases: list[Cases],
    base: Reference,
    test: ScaledTest,
    lower: float,
) -> Mapping[str, FloatArray]:
    """Return CFI, TLI and RMSEA as the population has them."""
    factor = test.factor
    if fit.method.test == "scaled.shifted":
        method = replace(fit.method, test="satorra.bentler")
        simple = replace(fit, method=method)
        factor = scaled_test(simple, cases).factor
        lower = scaled_baseline(simple, cases, float(base.chisq[0])).factor
    own = fit.chisq - factor * fit.df
    other = base.chisq - lower * base.df
    larger = np.maximum(np.maximum(own, other), 0.0)
    cfi = np.where(larger > 0, 1 - np.maximum(own, 0) / larger, 1.0)
    errors = dict(
        rmsea(fit.chisq / factor, fit.df, fit.factor, len(fit.samples), factor)
    )
    if fit.method.test == "scaled.shifted":
        # the law of the shifted statistic is nearer to chi-square's
        shifted = np.array([test.chisq])
        value = errors["rmsea"]
        errors.update(rmsea(shifted, fit.df, fit.factor, len(fit.samples), test.factor))
        errors["rmsea"] = value
    return {
        "cfi_robust": cfi,
        "tli_robust": 1 - own * base.df / (other * fit.df),
        **{f"{name}_robust": value for name, value in errors.items()},
    }
