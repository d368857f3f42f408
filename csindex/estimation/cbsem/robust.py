r"""Standard errors and tests that don't rest on normality.

With :math:`\Gamma` the asymptotic covariance of the sample moments, W the weight of
the discrepancy, :math:`\Delta` the derivatives of implied moments and H the
information of one observation:

- errors ``robust.sem``: :math:`H^{-1} \Delta'W \Gamma W\Delta H^{-1} / N`;
- errors ``huber.white``: H observed, and the mean square of the respondents' scores
  between its inverses;
- tests divide chi-square by :math:`c = tr(U\Gamma)/df` (Satorra-Bentler), by the
  difference of :math:`tr(B A^{-1})` of the unrestricted and the fitted model
  (Yuan-Bentler, as in Mplus), adjust the degrees of freedom, too (mean and variance),
  or scale and shift, so that mean and variance are those of chi-square.

References
----------
Satorra & Bentler (1994); Yuan & Bentler (2000), Sociological Methodology 30;
Asparouhov & Muthen (2010), Simple second order chi-square correction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.estimation.cbsem.baseline import baseline_variances
from csindex.estimation.cbsem.fitted import CovarianceFit, Sample
from csindex.estimation.cbsem.incomplete import (
    baseline_trace,
    fitted_meat,
    unrestricted_information,
    unrestricted_meat,
)
from csindex.estimation.cbsem.methods import Method
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.derivatives import jacobian
from csindex.kernels.cbsem.discrepancy import stacked
from csindex.kernels.cbsem.fourth import (
    Cases,
    identity_weight,
    normal_gamma,
    normal_weight,
    residual_weight,
)


@dataclass(frozen=True)
class ScaledTest:
    """A corrected chi-square.

    Attributes
    ----------
    chisq : float
        The corrected value.
    df : float
        Its degrees of freedom.
    factor : float
        What chi-square was divided by.
    shift : float
        What was added then.
    """

    chisq: float
    df: float
    factor: float
    shift: float = 0.0


@dataclass(frozen=True, eq=False)
class Parts:
    """What the law of a fit is made of, all groups together.

    Attributes
    ----------
    slopes : ndarray of shape (s, t)
        Derivatives of the statistics by free parameters.
    weight : ndarray of shape (s, s)
        Their weight in the fit.
    gamma : ndarray of shape (s, s)
        Their covariance times N.
    """

    slopes: FloatArray
    weight: FloatArray
    gamma: FloatArray


def slopes(fit: CovarianceFit) -> list[FloatArray]:
    """Return derivatives of each group's moments by theta, shape (s, t)."""
    found = []
    for ram, made in zip(fit.table.rams, fit.implied, strict=True):
        by_slot = jacobian(made)[0]
        if ram.identity and len(ram.parameter) == fit.table.size:
            found.append(by_slot)
        else:
            found.append(by_slot @ ram.spread(fit.table.size))
    return found


def weights(fit: CovarianceFit) -> list[FloatArray]:
    """Return the weight (s, s) of each group's moments in the discrepancy."""
    return [
        weight_matrix(fit.method, sample, fit.table.means, made.cov[0])
        for sample, made in zip(fit.samples, fit.implied, strict=True)
    ]


def weight_matrix(
    method: Method, sample: Sample, means: bool, cov: FloatArray
) -> FloatArray:
    """Return the weight of stacked moments in a discrepancy.

    Parameters
    ----------
    method : Method
        The method.
    sample : Sample
        The moments.
    means : bool
        Whether means are among them.
    cov : ndarray of shape (p, p)
        Implied covariances, which likelihood is evaluated at; but in two stages at
        the unrestricted ones.

    Returns
    -------
    ndarray of shape (s, s)
        W.
    """
    if method.missing == "two_stage":
        cov = sample.used_cov(method)[0]
    if method.discrepancy == "ML":
        return normal_weight(np.asarray(np.linalg.inv(cov)), means)
    if method.discrepancy == "GLS":
        return normal_weight(np.asarray(np.linalg.inv(sample.cov[0])), means)
    if method.discrepancy == "ULS":
        return identity_weight(cov.shape[-1], means)
    if sample.weight is None:
        raise ValueError("weighted least squares needs weights")
    weight = sample.weight[0]
    return np.diag(weight) if weight.ndim == 1 else weight


def sandwich(
    fit: CovarianceFit, bread: FloatArray, gammas: list[FloatArray]
) -> FloatArray:
    """Return the covariance matrix of theta between two slices of bread.

    Parameters
    ----------
    fit : CovarianceFit
        A fit, once.
    bread : ndarray of shape (t, t)
        The information of one observation.
    gammas : list of ndarray of shape (s, s)
        Asymptotic covariance of each group's moments.

    Returns
    -------
    ndarray of shape (t, t)
        Covariances of the estimates.
    """
    meat = np.zeros_like(bread)
    shares = _shares(fit)
    for share, slope, weight, gamma in zip(
        shares, slopes(fit), weights(fit), gammas, strict=True
    ):
        pulled = weight @ slope
        meat += share * pulled.T @ gamma @ pulled
    inverse = fit.inverse(bread[None])[0]
    return np.asarray(inverse @ meat @ inverse / fit.factor[0])


def covariance_of(fit: CovarianceFit, cases: list[Cases] | None) -> FloatArray:
    """Return the covariance matrix of the estimates, as the method has it.

    Parameters
    ----------
    fit : CovarianceFit
        A fit, once.
    cases : list of Cases, optional
        The respondents of each group, for robust errors.

    Returns
    -------
    ndarray of shape (t, t)
        Covariances. Unweighted least squares without respondents have the errors of
        a normal population.
    """
    method = fit.method
    if cases is not None and method.missing == "fiml":
        inverse = fit.inverse(fit.information)[0]
        meat = fitted_meat(fit, cases)
        return np.asarray(inverse @ meat @ inverse / fit.factor[0])
    if cases is not None and method.missing == "two_stage":
        return sandwich(fit, _bread(fit), [case.gamma for case in cases])
    if cases is not None and method.errors == "robust.sem":
        return sandwich(fit, fit.expected[0], [case.gamma for case in cases])
    if cases is not None and method.errors == "huber.white":
        abouts = [
            case.about(_implied_moments(made.cov[0], made.mean[0], case))
            for case, made in zip(cases, fit.implied, strict=True)
        ]
        return sandwich(fit, fit.information[0], abouts)
    if method.discrepancy == "ULS":
        normal = [normal_gamma(made.cov[0], fit.table.means) for made in fit.implied]
        return sandwich(fit, fit.expected[0], normal)
    return np.asarray(fit.inverse(fit.information)[0] / fit.factor[0])


def scaled_test(fit: CovarianceFit, cases: list[Cases]) -> ScaledTest:
    """Return the corrected chi-square of a fit.

    Parameters
    ----------
    fit : CovarianceFit
        A fit, once.
    cases : list of Cases
        The respondents of each group.

    Returns
    -------
    ScaledTest
        Corrected as the method has it.
    """
    chisq, df = float(fit.chisq[0]), fit.df
    if df == 0:
        return ScaledTest(chisq, df, np.nan)
    if fit.method.test == "yuan.bentler.mplus":
        factor = (_unrestricted_trace(fit, cases) - _fitted_trace(fit, cases)) / df
        return ScaledTest(chisq / factor, df, factor)
    return corrected(fit.method, chisq, df, [_residual_product(fit, cases)])


def scaled_baseline(fit: CovarianceFit, cases: list[Cases], chisq: float) -> ScaledTest:
    """Return the corrected chi-square of the baseline model.

    Parameters
    ----------
    fit : CovarianceFit
        A fit, once.
    cases : list of Cases
        The respondents of each group.
    chisq : float
        The baseline model's chi-square.

    Returns
    -------
    ScaledTest
        Corrected as that of the fit.
    """
    p = len(fit.table.observed)
    df = len(cases) * p * (p - 1) // 2
    means = fit.table.means
    shift = p if means else 0
    i, j = np.triu_indices(p)
    slope = np.zeros((shift + len(i), shift + p))
    slope[np.arange(shift), np.arange(shift)] = 1.0
    slope[shift + np.flatnonzero(i == j), shift + np.arange(p)] = 1.0
    products, trace = [], 0.0
    for sample, case in zip(fit.samples, cases, strict=True):
        cov = np.diag(baseline_variances(sample, fit.method, means)[0])
        weight = weight_matrix(fit.method, sample, means, cov)
        if fit.method.missing == "fiml":
            trace += baseline_trace(sample, case)
        elif fit.method.test == "yuan.bentler.mplus":
            about = case.about(_implied_moments(cov, sample.mean[0], case))
            pulled = weight @ slope
            # the observed information of uncorrelated items: the means' is expected
            bread = slope.T @ pulled
            meat = pulled.T @ about @ pulled
            trace += float(np.trace(np.linalg.solve(bread, meat)))
        else:
            products.append(residual_weight(weight, slope) @ case.gamma)
    if fit.method.test == "yuan.bentler.mplus":
        factor = (_unrestricted_trace(fit, cases) - trace) / df
        return ScaledTest(chisq / factor, df, factor)
    return corrected(fit.method, chisq, df, products)


def corrected(
    method: Method, chisq: float, df: int, products: list[FloatArray]
) -> ScaledTest:
    r"""Return chi-square corrected by the moments of its law.

    Parameters
    ----------
    method : Method
        How.
    chisq : float
        Chi-square.
    df : int
        Its degrees of freedom.
    products : list of ndarray of shape (s, s)
        :math:`U\Gamma` of each group.

    Returns
    -------
    ScaledTest
        The corrected value.
    """
    first = sum(float(np.trace(product)) for product in products)
    second = sum(float((product * product.T).sum()) for product in products)
    if method.test == "mean.var.adjusted":
        return ScaledTest(chisq * first / second, first**2 / second, second / first)
    if method.test == "scaled.shifted":
        scale = np.sqrt(df / second)
        shift = df - scale * first
        return ScaledTest(chisq * scale + shift, df, 1 / scale, shift)
    return ScaledTest(chisq * df / first, df, first / df)


def _residual_product(fit: CovarianceFit, cases: list[Cases]) -> FloatArray:
    """Return U Gamma of all groups, which share the parameters."""
    made = stacked_parts(fit, cases)
    return residual_weight(made.weight, made.slopes) @ made.gamma


def stacked_parts(fit: CovarianceFit, cases: list[Cases]) -> Parts:
    """Return what the law of a fit is made of, all groups together.

    Parameters
    ----------
    fit : CovarianceFit
        A fit, once.
    cases : list of Cases
        The respondents of each group.

    Returns
    -------
    Parts
        Slopes, weight and gamma.
    """
    shares = _shares(fit)
    return Parts(
        np.concatenate(slopes(fit)) @ fit.basis,
        blocks([w * a for w, a in zip(weights(fit), shares, strict=True)]),
        blocks([c.gamma / a for c, a in zip(cases, shares, strict=True)]),
    )


def _bread(fit: CovarianceFit) -> FloatArray:
    """Return the information (t, t) that the weights of the moments give."""
    return np.asarray(
        sum(
            share * slope.T @ weight @ slope
            for share, slope, weight in zip(
                _shares(fit), slopes(fit), weights(fit), strict=True
            )
        )
    )


def blocks(parts: list[FloatArray]) -> FloatArray:
    """Return square matrices as the diagonal blocks of one."""
    size = sum(len(part) for part in parts)
    found, at = np.zeros((size, size)), 0
    for part in parts:
        found[at : at + len(part), at : at + len(part)] = part
        at += len(part)
    return found


def _unrestricted_trace(fit: CovarianceFit, cases: list[Cases]) -> float:
    """Return tr(B A^-1) of unrestricted moments."""
    total = 0.0
    for sample, case in zip(fit.samples, cases, strict=True):
        if fit.method.missing == "fiml":
            bread = unrestricted_information(sample, fit.method)
            meat = unrestricted_meat(sample, case, fit.method)
            total += float(np.trace(np.linalg.solve(bread, meat)))
            continue
        cov = sample.used_cov(fit.method)[0]
        weight = normal_weight(np.asarray(np.linalg.inv(cov)), case.means)
        total += float((weight * case.gamma).sum())
    return total


def _fitted_trace(fit: CovarianceFit, cases: list[Cases]) -> float:
    """Return tr(B A^-1) of the fitted model, A observed."""
    if fit.method.missing == "fiml":
        meat = fitted_meat(fit, cases)
        return float((fit.inverse(fit.information)[0] * meat).sum())
    meat = np.zeros_like(fit.observed[0])
    for share, slope, weight, case, made in zip(
        _shares(fit), slopes(fit), weights(fit), cases, fit.implied, strict=True
    ):
        pulled = weight @ slope
        about = case.about(_implied_moments(made.cov[0], made.mean[0], case))
        meat += share * pulled.T @ about @ pulled
    return float((fit.inverse(fit.observed)[0] * meat).sum())


def _shares(fit: CovarianceFit) -> FloatArray:
    """Return the groups' shares (g,) in the sample size."""
    sizes = np.array([sample.n[0] for sample in fit.samples])
    return np.asarray(sizes / sizes.sum())


def _implied_moments(cov: FloatArray, mean: FloatArray, case: Cases) -> FloatArray:
    """Return implied moments (s,), means as deviations from those of the cases."""
    centre = case.weights @ case.values / case.weights.sum()
    apart = mean - centre
    return np.asarray(stacked(cov[None], apart[None], case.means)[0])
