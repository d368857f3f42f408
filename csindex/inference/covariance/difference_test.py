"""Difference tests of nested covariance structures, plain and scaled."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol, get_args

import numpy as np

from csindex.errors import (
    DataError,
    InadmissibleWarning,
    SpecificationError,
    quoted,
)
from csindex.estimation.cbsem.fitted import CovarianceFit
from csindex.estimation.cbsem.groups import positions
from csindex.estimation.cbsem.noncentral import chi_square_tail
from csindex.estimation.cbsem.ordinal_fit import OrdinalFit
from csindex.estimation.cbsem.ordinal_linear import group_moments, linear_in_all
from csindex.estimation.cbsem.robust import (
    Parts,
    corrected,
    scaled_test,
    stacked_parts,
)
from csindex.estimation.cbsem.table import row_values
from csindex.inference.covariance.nesting import fitted_to_implied, nesting
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.fourth import Cases, residual_weight
from csindex.results import Results
from csindex.results.parameters import covariance_structure
from csindex.results.printing import Page, Printed

Scaling = Literal["2001", "2010"]
# corrections that are a factor of chi-square, so that their difference has one, too
_FACTORS = ("satorra.bentler", "yuan.bentler.mplus")
# corrections of more than that, whose differences are corrected by their own law
SATORRA_2000 = ("scaled.shifted", "mean.var.adjusted")
_WORDS = {
    "": "difference of the two chi-squares",
    "2001": "scaled (Satorra & Bentler 2001)",
    "2010": "scaled, strictly positive (Satorra & Bentler 2010)",
    "2000": "scaled and shifted (Satorra 2000)",
}


class Structure(Protocol):
    """A fitted covariance structure with its fit measures."""

    @property
    def fit(self) -> CovarianceFit:
        """The parameters."""
        ...

    @property
    def cases(self) -> list[Cases] | None:
        """The respondents, where tests are corrected."""
        ...

    @property
    def measures(self) -> Mapping[str, float]:
        """Fit measures by name."""
        ...


class HasStructure(Protocol):
    """A result that holds a fitted covariance structure."""

    @property
    def structure(self) -> Structure:
        """The structure."""
        ...


@dataclass(frozen=True, repr=False)
class DifferenceTest(Printed):
    """A difference test of two nested models; made by `difference_test`.

    Attributes
    ----------
    chisq : float
        The difference of their chi-squares, scaled where these are.
    df : int
        Degrees of freedom: how many more the restricted model has.
    p : float
        Probability of such a difference if the restriction holds.
    scaling : float
        What the difference was divided by; one without scaling.
    method : str
        How it was computed.
    """

    chisq: float
    df: int
    p: float
    scaling: float
    method: str

    def _page(self) -> Page:
        told = "< .001" if self.p < 0.001 else f"= {self.p:.3f}"
        return Page(
            f"Difference test: chi-square {self.chisq:.3f}, df {self.df}, p {told}",
            {},
            (self.method,),
        )


@dataclass(frozen=True, eq=False)
class _Single:
    """One group's fit as a structure."""

    fit: CovarianceFit
    cases: list[Cases] | None
    measures: Mapping[str, float]


def difference_test(
    a: Results | HasStructure, b: Results | HasStructure, scaling: Scaling = "2001"
) -> DifferenceTest:
    r"""Test a covariance structure against one that it is a special case of.

    Parameters
    ----------
    a, b : Results or a fit of an `InvarianceLadder`
        Two fits to the same answers by the same estimator, in any order.
    scaling : {"2001", "2010"}
        How the difference is scaled if the estimator corrects its chi-square: by the
        two factors, or by the restricted model's and that of the other one at the
        restricted model's estimates, which can't be negative. Chi-squares that are
        corrected by more than a factor, as of WLSMV and MLMV, have a correction of
        their own (Satorra 2000).

    Returns
    -------
    DifferenceTest
        Chi-square, degrees of freedom and p.

    Raises
    ------
    SpecificationError
        If the fits are of different methods or other estimators, have the same degrees
        of freedom, can't be scaled as asked, or if neither model is a special case of
        the other.
    DataError
        If they are of different answers, or the scaled difference is negative.

    Warns
    -----
    InadmissibleWarning
        If it can't be found out whether one model is a special case of the other.

    Notes
    -----
    The freer model is fitted to the moments that the restricted one implies; it can
    have them exactly if and, but for chance, only if the latter is a special case of it
    (Bentler & Satorra 2010).

    With chi-squares :math:`T_0 > T_1`, degrees of freedom :math:`d_0 > d_1` and scaling
    factors :math:`c_0, c_1`, the difference is :math:`T_0 - T_1` divided by
    :math:`(d_0 c_0 - d_1 c_1) / (d_0 - d_1)`.

    References
    ----------
    Satorra & Bentler (2001), Psychometrika 66(4); (2010), Psychometrika 75(2).
    Bentler & Satorra (2010), Psychological Methods 15(2).
    Satorra (2000), in Heijmans et al. (eds), Innovations in Multivariate Statistical
    Analysis; Asparouhov & Muthen (2010), Simple second order chi-square correction.

    Examples
    --------
    >>> import csindex as csi
    >>> from csindex.estimation.cbsem import CBSEM
    >>> moments = csi.Moments(
    ...     ("q1", "q2", "q3", "q4"),
    ...     [8, 7, 8, 8],
    ...     [[4, 2, 2, 2], [2, 5, 3, 2], [2, 3, 4, 2], [2, 2, 2, 4]],
    ...     250,
    ... )
    >>> model = csi.Model("m", [csi.reflective("quality", *moments.names)])
    >>> free = csi.fit(model, moments, estimator=CBSEM())
    >>> equal = CBSEM(additions="quality =~ 1*q2 + 1*q3 + 1*q4")
    >>> difference_test(csi.fit(model, moments, estimator=equal), free).df
    3
    """
    if scaling not in get_args(Scaling):
        raise SpecificationError(
            f"unknown scaling {scaling!r}; there are {quoted(get_args(Scaling))}"
        )
    first, second = _structure(a), _structure(b)
    _check_pair(first, second)
    if first.fit.df < second.fit.df:
        first, second = second, first
    _check_nested(first.fit, second.fit)
    return difference(first, second, scaling)


def difference(
    restricted: Structure, free: Structure, scaling: Scaling = "2001"
) -> DifferenceTest:
    """Return the difference test of a restricted and a freer structure."""
    gap = float(restricted.fit.chisq[0] - free.fit.chisq[0])
    df = restricted.fit.df - free.fit.df
    method = restricted.fit.method
    ordinal = isinstance(restricted.fit, OrdinalFit)
    known = restricted.cases is not None or ordinal
    if not known or method.test == "standard":
        return _tested(max(gap, 0.0), df, 1.0, "")
    if method.test in SATORRA_2000:
        return _satorra_2000(gap, df, restricted, free)
    upper = restricted.fit.df * restricted.measures["scaling_factor"]
    if scaling == "2010" and ordinal:
        raise SpecificationError(
            "differences of fits to ordinal items are scaled by both factors; use "
            "scaling='2001', or estimator='WLSMV'"
        )
    if scaling == "2001" or free.cases is None:
        factor = free.measures.get("scaling_factor", np.nan)
    else:
        moved = _moved(restricted.fit, free.fit)
        factor = scaled_test(moved, free.cases).factor
    lower = free.fit.df * factor if free.fit.df else 0.0
    scale = (upper - lower) / df
    if scale <= 0:
        other = "scaling='2010'" if scaling == "2001" else "estimator='MLM'"
        other = "estimator='WLSMV'" if ordinal else other
        raise DataError(
            f"the scaled difference is negative (scaling {scale:.3g}), as happens in "
            f"small samples and far from what is restricted; use {other}"
        )
    return _tested(gap / scale, df, scale, scaling)


def _satorra_2000(
    gap: float, df: int, restricted: Structure, free: Structure
) -> DifferenceTest:
    r"""Return a difference corrected by the moments of its own law.

    With :math:`\Delta_1, \Delta_0` the slopes of the freer and of the restricted model
    and H the regression of the latter on the former, the difference is a quadratic
    form of the freer model's residual matrix at :math:`\Delta_1 H` less that at
    :math:`\Delta_1`.
    """
    upper, lower = _parts(free), _parts(restricted)
    turn = np.linalg.lstsq(upper.slopes, lower.slopes, rcond=None)[0]
    law = residual_weight(upper.weight, upper.slopes @ turn)
    law -= residual_weight(upper.weight, upper.slopes)
    # whatever the tests of the two fits, theirs is scaled and shifted
    method = replace(restricted.fit.method, test="scaled.shifted")
    made = corrected(method, gap, df, [law @ upper.gamma])
    p = float(chi_square_tail(np.array([made.chisq]), df)[0])
    return DifferenceTest(made.chisq, df, p, made.factor, _WORDS["2000"])


def _parts(made: Structure) -> Parts:
    fit = made.fit
    if isinstance(fit, OrdinalFit):
        moments = group_moments(fit)
        if moments is not None:
            whole = linear_in_all(fit, moments)
            return Parts(whole.slopes, whole.weight, whole.gamma)
    if made.cases is None:
        raise DataError("a corrected difference needs respondents; fit to a survey")
    return stacked_parts(fit, made.cases)


def _tested(chisq: float, df: int, scale: float, scaling: str) -> DifferenceTest:
    p = float(chi_square_tail(np.array([chisq]), df)[0])
    return DifferenceTest(chisq, df, p, scale, _WORDS[scaling])


def _structure(fitted: object) -> Structure:
    if isinstance(fitted, Results):
        made = covariance_structure(fitted.estimates, "difference_test")
        return _Single(made.fit, made.cases, fitted.fit_measures.to_dict())
    found = getattr(fitted, "structure", None)
    if found is None:
        raise SpecificationError(
            "difference_test compares fits by csi.CBSEM, or ladder.fits of "
            f"csi.invariance, not {type(fitted).__name__}"
        )
    made_of: Structure = found
    return made_of


def _check_pair(a: Structure, b: Structure) -> None:
    one, other = a.fit, b.fit
    if one.method != other.method:
        raise SpecificationError(
            f"the fits are of different methods, {one.method.words} and "
            f"{other.method.words}; fit both by the same"
        )
    same = len(one.samples) == len(other.samples) and (
        one.table.observed == other.table.observed
    )
    if not same or not all(
        np.array_equal(x.n, y.n) and np.allclose(x.cov, y.cov)
        for x, y in zip(one.samples, other.samples, strict=True)
    ):
        raise DataError(
            "the fits are of different answers, items or groups; nested models are "
            "fitted to the same"
        )
    if one.table.means != other.table.means:
        raise SpecificationError(
            "only one of the fits has means; fit both with means=True"
        )
    if one.df == other.df:
        raise SpecificationError(
            f"both models have {one.df} degrees of freedom, so that none is a special "
            "case of the other; compare AIC or BIC in results.fit_measures"
        )


def _check_nested(restricted: CovarianceFit, free: CovarianceFit) -> None:
    """Refuse a model that isn't a special case of the other; warn if nobody knows."""
    found = nesting(restricted, free)
    if found.holds:
        return
    pair = (
        f"the model with {restricted.df} degrees of freedom is no special case of that "
        f"with {free.df}"
    )
    if not found.decided:
        warnings.warn(
            f"it could not be found out whether {pair}: the latter's search for what "
            "the former implies did not end; test them only if you know that it is one",
            InadmissibleWarning,
            stacklevel=3,
        )
        return
    apart = (
        f"; only the former estimates {quoted(found.apart, 6)}" if found.apart else ""
    )
    raise SpecificationError(
        f"{pair}: the latter can't imply the moments that the former does (it misses "
        f"them by a discrepancy of {found.discrepancy:.3g}){apart}. Their difference "
        "has no chi-square law; compare AIC or BIC in results.fit_measures"
    )


def _moved(restricted: CovarianceFit, free: CovarianceFit) -> CovarianceFit:
    """Return the freer structure with the moments that the restricted one implies."""
    made = replace(free, theta=_by_name(restricted, free))
    if all(
        np.allclose(one.cov, other.cov) and np.allclose(one.mean, other.mean)
        for one, other in zip(made.implied, restricted.implied, strict=True)
    ):
        return made
    # the parameters have other names, or latent variables other scales
    return replace(free, theta=fitted_to_implied(restricted, free).theta)


def _by_name(restricted: CovarianceFit, free: CovarianceFit) -> FloatArray:
    """Return the parameters (1, t) of the freer table, of the restricted estimates."""
    rows = restricted.table.rows
    places = positions(rows)
    values = row_values(rows, restricted.theta[0])
    found = free.theta.copy()
    for key, k in positions(free.table.rows).items():
        row = free.table.rows[k]
        if row.free:
            found[0, row.parameter] = values[places[key]] if key in places else 0.0
    return found
