"""Difference tests of structures none of which is a special case of the other."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.errors import DataError, InadmissibleWarning, SpecificationError
from csindex.estimation.cbsem import CBSEM, CovarianceEstimates
from csindex.inference.covariance.difference_test import difference_test
from csindex.inference.covariance.ladder import LadderFit, invariance
from csindex.inference.covariance.nesting import Nesting, nesting

ITEMS = tuple(f"{name}{k}" for name in "ab" for k in (1, 2, 3))
TWO = csi.Model(
    "two", [csi.reflective("a", *ITEMS[:3]), csi.reflective("b", *ITEMS[3:])]
)
ONE = csi.Model("one", [csi.reflective("f", *ITEMS)])


@cache
def answers(kind: str = "whole", n: int = 400) -> pd.DataFrame:
    """Return answers of two correlated constructs, ordinal ones, or with gaps."""
    rng = np.random.default_rng(7)
    factors = rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], n)
    values = np.repeat(factors, 3, axis=1) + 0.8 * rng.standard_normal((n, 6))
    if kind == "ordinal":
        values = np.searchsorted([-0.8, 0.7], values).astype(float)
    if kind == "gaps":
        values[rng.random(values.shape) < 0.08] = np.nan
    frame = pd.DataFrame(values, columns=list(ITEMS))
    return frame.assign(g=np.where(np.arange(n) % 2, "x", "y"))


def kinds(kind: str, **more: Any) -> CBSEM:
    known: dict[str, dict[str, Any]] = {
        "FIML": {"missing": "fiml"},
        "two stages": {"missing": "two_stage"},
        "ordinal": {"estimator": "WLSMV", "ordinal": True},
        "theta": {"estimator": "WLSMV", "ordinal": True, "parameterization": "theta"},
    }
    return CBSEM(**known.get(kind, {"estimator": kind}), **more)


def fit(kind: str, model: csi.Model = TWO, **more: Any) -> csi.Results:
    data = {"FIML": "gaps", "two stages": "gaps", "ordinal": "ordinal"}
    frame = answers(data.get(kind, "ordinal" if kind == "theta" else "whole"))
    return csi.fit(model, frame[list(ITEMS)], estimator=kinds(kind, **more))


ALL = ["ML", "MLR", "GLS", "ULS", "WLS", "WLSMV", "FIML", "two stages", "ordinal"]


@pytest.mark.parametrize("kind", [*ALL, "theta"])
def test_models_that_are_not_nested_are_refused(kind: str) -> None:
    more = fit(kind, additions="a1 ~~ b1; a2 ~~ b2")
    less = fit(kind, additions="a3 ~~ b3")
    with pytest.raises(SpecificationError) as caught:
        difference_test(more, less)
    assert "with 7 degrees of freedom is no special case of that with 6" in str(
        caught.value
    )
    assert "only the former estimates 'a3 ~~ b3'" in str(caught.value)
    # either is a special case of the model with all three
    whole = fit(kind, additions="a1 ~~ b1; a2 ~~ b2; a3 ~~ b3")
    assert difference_test(less, whole).df == 2
    assert difference_test(more, whole).df == 1


@pytest.mark.parametrize("kind", [k for k in ALL if k not in ("WLS", "MLR")])
def test_models_that_are_nested_under_other_names(kind: str) -> None:
    """One construct is two that correlate perfectly, whatever their scales."""
    two = fit(kind, scaling="standardized")
    one = fit(kind, ONE)
    test = difference_test(one, two)
    assert test.df == 1
    if kind in ("ML", "GLS", "ULS"):
        gap = one.fit_measures["chisq"] - two.fit_measures["chisq"]
        assert_allclose(test.chisq, gap)


def test_strictly_positive_scaling_does_not_depend_on_scales() -> None:
    free = fit("MLM")
    marked = fit("MLM", orthogonal=True)
    unit = fit("MLM", orthogonal=True, scaling="standardized")
    one, other = (difference_test(m, free, "2010") for m in (marked, unit))
    assert_allclose(unit.fit_measures["chisq"], marked.fit_measures["chisq"])
    assert_allclose((one.chisq, one.scaling), (other.chisq, other.scaling), rtol=1e-5)


def test_negative_scaling_names_what_is_left_to_do() -> None:
    """The observed information of MLR needn't be positive far from an optimum."""
    free, apart = fit("MLR"), fit("MLR", orthogonal=True)
    with pytest.raises(DataError, match="use estimator='MLM'"):
        difference_test(free, apart, "2010")
    assert difference_test(fit("MLM"), fit("MLM", orthogonal=True), "2010").chisq > 0


def test_constraints_are_nested_in_what_they_constrain() -> None:
    free = fit("ML", additions="a =~ p*a2 + q*a3\nr := p*q")
    equal = fit("ML", additions="a =~ p*a2 + q*a3\np*q == 1")
    assert difference_test(free, equal).df == 1
    other = fit("ML", additions="a =~ 0.9*a2 + 0.9*a3")
    with pytest.raises(SpecificationError, match="no special case"):
        difference_test(equal, other)


@pytest.mark.parametrize("kind", ["ML", "ordinal"])
def test_levels_with_other_partial_parameters(kind: str) -> None:
    ordinal = kind == "ordinal"
    frame = answers("ordinal" if ordinal else "whole", 600)

    def scalar(partial: tuple[str, ...]) -> LadderFit:
        made = invariance(TWO, frame, "g", kinds(kind), partial, ["scalar"])
        return made.fits["scalar"]

    one = ("a2 ~ 1",) if not ordinal else ("a =~ a2",)
    others = ("b2 ~ 1", "b3 ~ 1") if not ordinal else ("b =~ b2", "b =~ b3")
    first, second = scalar(one), scalar(others)
    with pytest.raises(SpecificationError, match="no special case"):
        difference_test(first, second)
    both = scalar((*one, *others))
    assert difference_test(first, both).df == 2
    assert difference_test(second, both).df == 1
    assert difference_test(scalar(()), both).df == 3


def test_what_cannot_be_found_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the search of the freer model doesn't end."""
    monkeypatch.setattr(
        "csindex.inference.covariance.difference_test.nesting",
        lambda restricted, free: Nesting(np.inf, False, ()),
    )
    with pytest.warns(InadmissibleWarning, match="could not be found out whether"):
        assert difference_test(fit("ML"), fit("ML", orthogonal=True)).df == 1


def test_items_that_nothing_joins() -> None:
    """They don't identify the loadings of the freer model, which implies them."""
    free = fit("ordinal", ONE, additions="b2 ~~ b3")
    assert free.answers is not None
    estimator = kinds("ordinal", additions=_APART)
    made = estimator.estimate_answers(ONE, free.answers)
    assert isinstance(free.estimates, CovarianceEstimates)
    found = nesting(made.fit, free.estimates.fit)
    assert found.holds
    assert found.decided


def test_ordinal_items_with_nothing_to_estimate() -> None:
    with pytest.raises(SpecificationError, match="nothing to estimate but thresholds"):
        fit("ordinal", ONE, additions=_APART.replace("\nb2 ~~ b3", ""))


_APART = "f =~ 1*a2 + 1*a3 + 1*b1 + 1*b2 + 1*b3\nf ~~ 0*f\nb2 ~~ b3"
