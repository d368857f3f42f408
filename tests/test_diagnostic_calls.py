"""Diagnostics and group comparisons refuse what they can't take, and say why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import csindex as csi
from csindex.diagnostics import q_squared
from csindex.diagnostics.asymmetry import impact_asymmetry
from csindex.diagnostics.options import (
    share_problems,
    truth_problems,
    whole_problems,
)
from csindex.diagnostics.shares import relative_importance, relative_weights
from csindex.diagnostics.tetrads import tetrads
from csindex.inference.exact_fit import exact_fit
from csindex.inference.groups.comparing import compare_groups
from csindex.inference.planning.planning import plan
from csindex.inference.planning.sample_sizes import sample_size_rules

ONE_FIT: list[Callable[..., object]] = [
    csi.explain,
    csi.modification_indices,
    csi.residuals,
    csi.second_opinion,
    csi.factor_scores,
    csi.model_reliability,
    csi.assess,
    csi.necessary_conditions,
    csi.gaussian_copula,
    csi.importance_performance,
    csi.exact_fit,
]


@pytest.fixture(scope="module")
def results() -> csi.Results:
    return csi.fit(csi.acsi(), csi.load_dataset("retail"))


@pytest.fixture(scope="module")
def by_wave() -> csi.GroupResults:
    return csi.fit(csi.acsi(), csi.load_dataset("retail"), by="wave")


@pytest.mark.parametrize("function", ONE_FIT, ids=lambda f: f.__name__)
def test_one_fit_is_needed(
    function: Callable[..., object], by_wave: csi.GroupResults
) -> None:
    name = getattr(function, "__name__", "")
    with pytest.raises(csi.SpecificationError, match=rf"^{name} takes one fit; choose"):
        function(by_wave)
    for wrong in (csi.load_dataset("retail"), None, "results"):
        kind = type(wrong).__name__
        with pytest.raises(
            csi.SpecificationError, match=rf"^{name} needs results, .*, not {kind}$"
        ):
            function(wrong)


def test_relative_weights_need_a_model(results: csi.Results) -> None:
    for wrong in (results, None, "acsi"):
        with pytest.raises(
            csi.SpecificationError, match=r"takes a model, as .*results"
        ):
            relative_weights(wrong)  # type: ignore[arg-type]


CALLS: dict[str, tuple[Callable[[csi.Results], object], list[str]]] = {
    "saturated": (
        lambda r: csi.assess(r).implied_correlations("estimated"),  # type: ignore
        ["saturated must be True or False, not 'estimated'"],
    ),
    "residuals": (
        lambda r: csi.assess(r).residual_correlations(1),  # type: ignore
        ["saturated must be True or False, not 1"],
    ),
    "htmt": (
        lambda r: csi.assess(r, htmt_absolute="no"),  # type: ignore
        ["htmt_absolute must be True or False, not 'no'"],
    ),
    "double": (
        lambda r: exact_fit(r, double="no", seed=True, level=None),  # type: ignore
        ["seed must be", "level must lie between 0 and 1, not None", "double must be"],
    ),
    "necessary": (
        lambda r: csi.necessary_conditions(r, n=True, seed=False),
        ["n must be a whole number of 1 or more, not True", "seed must be"],
    ),
    "q squared": (lambda r: q_squared(r, True), ["distance must be a whole number"]),
    "groups": (
        lambda r: compare_groups(r, by="wave", n=-1),
        ["n must be a whole number of 1 or more, not -1"],
    ),
    "few permutations": (
        lambda r: compare_groups(r, by="wave", n=10),
        ["10 permutations are too few for level 0.95; use at least 40"],
    ),
    "plan": (
        lambda r: plan(r.model, r, n=100, seed=True, replications=True, inner=True),
        ["replications must be 100 or more", "seed must be", "inner must be 0, or 20"],
    ),
    "asymmetry": (
        lambda r: impact_asymmetry(r, n=True, seed=-1, level="a", certain=True),  # type: ignore
        ["n must be", "seed must be", "level must lie", "certain is a share"],
    ),
    "asymmetry of a few": (
        lambda r: impact_asymmetry(r, n=30),
        ["n=30 resamples and level=0.95 don't go together"],
    ),
    "asymmetry of none": (
        lambda r: impact_asymmetry(r, predictors=[]),
        ["no predictors of 'satisfaction' are left"],
    ),
    "asymmetry of a text": (
        lambda r: impact_asymmetry(r, predictors="quality"),
        ["predictors must be a list of names, as ['quality']"],
    ),
    "tetrads": (
        lambda r: tetrads(r, level="a"),  # type: ignore
        ["level must lie between 0 and 1, not 'a'"],
    ),
    "tetrads without intervals": (
        lambda r: tetrads(r, level=0.9),
        ["level=0.9 is that of intervals, which need a bootstrap"],
    ),
    "shares of none": (
        lambda r: relative_importance(r, predictors=[]),
        ["predictors names none; name constructs or items, or take None"],
    ),
    "shares of a number": (
        lambda r: relative_importance(r, predictors=5),  # type: ignore
        ["predictors must be a list of names, not 5"],
    ),
}


FEATURE = pd.DataFrame({"f": [1], "d": [5]})
WHATEVER: dict[str, Callable[[csi.Results, Any], object]] = {
    "levels": lambda r, v: _necessary(r).bottlenecks([v]),
    "outcome": lambda r, v: _necessary(r).combined(v),
    "low": lambda r, v: impact_asymmetry(r, low=v, high=80, n=50),
    "certain": lambda r, v: impact_asymmetry(r, n=50, certain=v),
    "instruments": lambda r, v: csi.two_stage_least_squares(r, {"loyalty": v}),
    "targets": lambda r, v: csi.gaussian_copula(r, v, n=5),
    "correlations": lambda r, v: plan(
        csi.acsi(), {}, n=50, replications=100, correlations=v
    ),
    "smallest effect": lambda r, v: sample_size_rules(v),
    "level of rules": lambda r, v: sample_size_rules(0.2, level=v),
    "model of rules": lambda r, v: sample_size_rules(0.2, v),
    "groups": lambda r, v: compare_groups(r, by="wave", n=40, groups=v),
    "level of groups": lambda r, v: compare_groups(r, by="wave", n=40, level=v),
    "pairs": lambda r, v: csi.kano(FEATURE, {"x": v}),
    "codes": lambda r, v: csi.kano(FEATURE, {"x": ("f", "d")}, v),
    "margins": lambda r, v: csi.validate_instrument(
        csi.load_dataset("retail"), csi.acsi(), margins=v, draws=100
    ),
}


def _necessary(results: csi.Results) -> csi.NecessaryConditions:
    return csi.necessary_conditions(results, n=1)


@pytest.mark.parametrize("call", WHATEVER)
@pytest.mark.parametrize("value", [True, "a", object], ids=str)
def test_whatever_is_given_is_refused_in_words(
    results: csi.Results, call: str, value: object
) -> None:
    with pytest.raises(csi.CsindexError):
        WHATEVER[call](results, value)


@pytest.mark.parametrize("case", CALLS)
def test_each_fault_is_one_problem(results: csi.Results, case: str) -> None:
    call, messages = CALLS[case]
    with pytest.raises(csi.SpecificationError) as caught:
        call(results)
    problems = caught.value.problems
    assert len(problems) == len(messages)
    for problem, message in zip(problems, messages, strict=True):
        assert message in problem


@pytest.mark.parametrize(
    ("problems", "count"),
    [
        (whole_problems(2, n=2, k=np.int64(3)), 0),
        (whole_problems(2, n=1, k=2.0, m="2", t=True), 4),
        (share_problems(level=0.5, other=np.float64(0.1)), 0),
        (share_problems(level=1, other=float("nan"), third=True, last=None), 4),
        (truth_problems(a=True, b=np.bool_(False)), 0),
        (truth_problems(a=1, b="no", c=None), 3),
    ],
)
def test_options(problems: Any, count: int) -> None:
    assert len(list(problems)) == count
