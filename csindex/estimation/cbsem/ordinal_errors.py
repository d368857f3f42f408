r"""Standard errors and corrected tests of models with ordinal items.

With :math:`\Gamma` the covariance of thresholds, means, variances and covariances, W
the weight of the latter two in the fit, :math:`\Delta` the derivatives of implied ones
by structural parameters and :math:`E = (\Delta'W\Delta)^{-1}\Delta'W`, every estimate
is a linear function M of the errors of the statistics: structural parameters through E,
derived elements through them, thresholds directly. Its covariance is
:math:`M \Gamma M' / (N - g)`, whatever the method: for WLS it is that of the expected
information, and errors of DWLS and ULS that aren't robust suppose that correlations
are independent of each other.

References
----------
Muthen (1993), in Bollen & Long (eds), Testing Structural Equation Models.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from csindex.estimation.cbsem.baseline import Reference, baseline
from csindex.estimation.cbsem.linked_fit import LinkedFit
from csindex.estimation.cbsem.measures import fit_measures, incremental, rmsea
from csindex.estimation.cbsem.noncentral import chi_square_tail
from csindex.estimation.cbsem.ordinal_fit import OrdinalFit, regression, scale_places
from csindex.estimation.cbsem.ordinal_linear import Linear, blocks, group_weight, linear
from csindex.estimation.cbsem.ordinal_robust import robust_measures
from csindex.estimation.cbsem.robust import ScaledTest, corrected
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.fourth import residual_weight
from csindex.kernels.ordinal.moments import OrdinalMoments


def ordinal_covariance(fit: OrdinalFit, moments: list[OrdinalMoments]) -> FloatArray:
    """Return the covariances of all parameters' estimates.

    Parameters
    ----------
    fit : OrdinalFit
        A fit, once.
    moments : list of OrdinalMoments
        The statistics of each group.

    Returns
    -------
    ndarray of shape (t, t)
        Covariances, of derived elements and thresholds, too.
    """
    made = linear(fit, moments)
    pulled = made.slopes.T @ made.weight
    estimate = fit.search.basis @ np.linalg.solve(pulled @ made.slopes, pulled)
    turn = fit.search.point.turn[0]
    change = np.zeros((fit.table.size, len(made.kept)))
    long = fit.table.structural + fit.table.derived
    change[:long, made.kept] = turn @ estimate
    if len(change) > long:
        change[long:] = _level_changes(fit, moments, made, estimate, change[:long])
    return np.asarray(change @ made.gamma @ change.T / fit.factor[0])


def _level_changes(
    fit: OrdinalFit,
    moments: list[OrdinalMoments],
    made: Linear,
    estimate: FloatArray,
    long: FloatArray,
) -> FloatArray:
    """Return how thresholds and means change with all statistics, shape (m, s)."""
    change = np.zeros((fit.table.levels, len(made.kept)))
    change[np.arange(len(change)), np.flatnonzero(~made.kept)] = 1.0
    if fit.method.discrepancy == "WLS":
        fitted = made.slopes @ np.linalg.pinv(fit.search.basis) @ estimate
        gap = np.eye(len(fitted)) - fitted
        change[:, made.kept] -= blocks([regression(m) for m in moments]) @ gap
    start = 0
    for group, part in enumerate(moments):
        places, factors = scale_places(fit.table, group)
        if len(places):
            at = start + places
            factor = fit.theta[0, factors][:, None]
            level = fit.theta[0, fit.table.size - fit.table.levels + at][:, None]
            change[at] = (change[at] - level * long[factors]) / factor
        start += int((~part.elements.is_covariance).sum())
    return change


def ordinal_measures(
    fit: OrdinalFit, moments: list[OrdinalMoments] | None
) -> Mapping[str, FloatArray]:
    """Return chi-square, fit indices, and their corrected versions.

    Parameters
    ----------
    fit : OrdinalFit
        A fit.
    moments : list of OrdinalMoments, optional
        The statistics of each group, for corrected tests.

    Returns
    -------
    mapping of str to ndarray of shape (b,)
        Each measure by its name, see `csindex.estimation.cbsem.measures`.
    """
    found = dict(fit_measures(fit))
    if moments is None or fit.method.test == "standard" or fit.df == 0:
        return found
    function = linear(fit, moments)
    product = function.residual_product
    own = corrected(fit.method, float(fit.chisq[0]), fit.df, [product])
    other = scaled_baseline(fit, moments, baseline(fit))
    tests = {
        "chisq_scaled": own.chisq,
        "df_scaled": own.df,
        "pvalue_scaled": float(chi_square_tail(np.array([own.chisq]), own.df)[0]),
        "scaling_factor": own.factor,
        "shift": own.shift,
        "baseline_chisq_scaled": other.chisq,
        "baseline_df_scaled": other.df,
        "baseline_scaling_factor": other.factor,
    }
    found.update({name: np.array([value]) for name, value in tests.items()})
    chisq = np.array([own.chisq])
    base = Reference(np.array([other.chisq]), other.df)
    # without a shift the law is that of chi-square times tr(U gamma) / df
    plain = fit.method.test != "scaled.shifted"
    law = fit.chisq if plain else chisq
    degrees = float(np.trace(product)) if plain else own.df
    made = {
        **incremental(chisq, own.df, base),
        **rmsea(law, degrees, fit.factor, len(fit.samples)),
    }
    found.update({f"{name}_scaled": value for name, value in made.items()})
    if fit.method.test != "mean.var.adjusted" and not isinstance(fit, LinkedFit):
        found.update(robust_measures(fit, moments, function))
    return found


def scaled_baseline(
    fit: OrdinalFit, moments: list[OrdinalMoments], base: Reference
) -> ScaledTest:
    """Return the corrected chi-square of uncorrelated items.

    Parameters
    ----------
    fit : OrdinalFit
        A fit, once.
    moments : list of OrdinalMoments
        The statistics of each group.
    base : Reference
        The baseline model's chi-square.

    Returns
    -------
    ScaledTest
        Corrected as that of the fit.
    """
    products = []
    for part in moments:
        kept = part.elements.is_covariance
        alone = (part.elements.first == part.elements.second)[kept]
        weight = group_weight(fit, part)
        if alone.any():
            weight = residual_weight(weight, np.eye(len(alone))[:, alone])
        products.append(weight @ part.design_gamma[np.ix_(kept, kept)])
    return corrected(fit.method, float(base.chisq[0]), int(base.df), products)
