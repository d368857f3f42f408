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
from dataclasses import dataclass

import numpy as np

from csindex.estimation.cbsem.baseline import Reference, baseline
from csindex.estimation.cbsem.measures import fit_measures, incremental, rmsea
from csindex.estimation.cbsem.noncentral import chi_square_tail
from csindex.estimation.cbsem.ordinal_fit import (
    OrdinalFit,
    regression,
    scale_places,
    triangle_places,
)
from csindex.estimation.cbsem.robust import ScaledTest, corrected
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
        Which statistics are variances or covariances.
    slopes : ndarray of shape (r, t)
        Their derivatives by structural parameters.
    weight : ndarray of shape (r, r)
        Their weight.
    gamma : ndarray of shape (s, s)
        Covariance of all statistics, times N.
    """

    kept: BoolArray
    slopes: FloatArray
    weight: FloatArray
    gamma: FloatArray

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
    sizes = np.array([part.n for part in moments], np.float64)
    shares = sizes / sizes.sum()
    slopes, weights, gammas = [], [], []
    point = fit.search.point
    for made, part, share in zip(point.made, moments, shares, strict=True):
        by_slot = jacobian(made)[0][triangle_places(part)]
        long = by_slot @ made.ram.spread(point.objective.size)
        slopes.append(long @ point.turn[0] @ fit.basis)
        weights.append(share * group_weight(fit, part))
        gammas.append(part.gamma / share)
    return Linear(
        np.concatenate([part.elements.is_covariance for part in moments]),
        np.concatenate(slopes),
        _blocks(weights),
        _blocks(gammas),
    )


def group_weight(fit: OrdinalFit, moments: OrdinalMoments) -> FloatArray:
    """Return the weight (r, r) of a group's variances and covariances."""
    kept = moments.elements.is_covariance
    gamma = moments.gamma[np.ix_(kept, kept)]
    if fit.method.discrepancy == "WLS":
        return np.asarray(np.linalg.inv(gamma))
    if fit.method.discrepancy == "DWLS":
        return np.diag(1 / np.diagonal(gamma))
    return np.eye(len(gamma))


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
    estimate = fit.basis @ np.linalg.solve(pulled @ made.slopes, pulled)
    turn = fit.search.point.turn[0]
    change = np.zeros((fit.table.size, len(made.kept)))
    long = fit.table.structural + fit.table.derived
    change[:long, made.kept] = turn @ estimate
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
        fitted = made.slopes @ np.linalg.pinv(fit.basis) @ estimate
        gap = np.eye(len(fitted)) - fitted
        change[:, made.kept] -= _blocks([regression(m) for m in moments]) @ gap
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
    product = linear(fit, moments).residual_product
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
    law = (fit.chisq, float(np.trace(product))) if plain else (chisq, own.df)
    made = {
        **incremental(chisq, own.df, base),
        **rmsea(*law, fit.factor, len(fit.samples)),
    }
    found.update({f"{name}_scaled": value for name, value in made.items()})
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
        products.append(weight @ part.gamma[np.ix_(kept, kept)])
    return corrected(fit.method, float(base.chisq[0]), int(base.df), products)


def _blocks(parts: list[FloatArray]) -> FloatArray:
    """Return matrices as the diagonal blocks of one."""
    shape = np.sum([part.shape for part in parts], axis=0)
    found, row, column = np.zeros(shape), 0, 0
    for part in parts:
        end = row + part.shape[0], column + part.shape[1]
        found[row : end[0], column : end[1]] = part
        row, column = end
    return found
