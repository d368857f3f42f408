"""Whatever inference returns prints within 80 columns, and safely as HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pandas as pd
import pytest

import csindex as csi
from csindex.results.printing import width_of

LONG = "<i>satisfaction with everything that was bought here</i>"
MODEL = csi.Model(
    "<b>a model</b>",
    (
        csi.reflective(
            "服务质量与产品质量", "<q1>", "q2 <with a name that goes on>", "q3"
        ),
        csi.reflective("value", "v1"),
        csi.reflective(LONG, "s1", "s2", "s3"),
    ),
    (("服务质量与产品质量", "value"), ("value", LONG), ("服务质量与产品质量", LONG)),
    index=LONG,
)
GROUPS = ("<u>the first of the groups that were asked</u>", "second")


@cache
def survey() -> csi.Survey:
    rng = np.random.default_rng(3)
    common = rng.normal(size=(240, 1))
    values = 6 + 1.5 * common + 0.9 * rng.normal(size=(240, 7))
    frame = pd.DataFrame(values, columns=MODEL.items).clip(1, 10)
    group = np.repeat(GROUPS, 120)
    return csi.read_survey(frame.assign(group=group), scale=(1, 10))


@cache
def fit() -> csi.Results:
    return csi.fit(MODEL, survey())


@cache
def groups() -> csi.GroupResults:
    return csi.fit(MODEL, survey(), by="group")


def comparison() -> object:
    paths = MODEL.paths[:2]
    short = csi.Model("short", MODEL.constructs, paths, index=LONG)
    fits = {"<s>whole</s>": fit(), "short": csi.fit(short, survey())}
    return csi.compare(fits, n=40, folds=3, repeats=1)


def plan() -> object:
    return csi.plan(MODEL, fit(), n=[50, 100], replications=100, inner=0)


def imputation() -> object:
    return csi.multiple_imputation(MODEL, survey(), m=3, resamples=20)


MADE: Mapping[str, Callable[[], object]] = {
    "Bootstrap": lambda: csi.bootstrap(fit(), n=40),
    "GroupBootstrap": lambda: csi.bootstrap(groups(), n=40),
    "IndexChange": lambda: csi.index_change(groups()[GROUPS[0]], groups()[GROUPS[1]]),
    "SamplingErrors": lambda: csi.linearized(fit()),
    "Imputation": imputation,
    "SamplePlan": plan,
    "Prediction": lambda: csi.predict(fit(), folds=3, repeats=1),
    "Investment": lambda: csi.best_investment(fit(), 5, {"value": 2}),
    "Comparison": comparison,
    "GroupComparison": lambda: csi.compare_groups(fit(), by="group", n=60),
}


@pytest.mark.parametrize("kind", MADE)
def test_prints_narrow_and_safe(kind: str) -> None:
    made = MADE[kind]()
    assert type(made).__name__ == kind
    lines = repr(made).splitlines()
    assert max(map(width_of, lines)) <= 80
    # the answer comes first: a sentence, not the name of a class
    assert lines[0][0].isupper() or lines[0].startswith(("<i>", "<s>"))
    assert kind not in lines[0]
    html = made._repr_html_()  # type: ignore[attr-defined]
    assert "<table" in html
    assert not any(tag in html for tag in ("<i>", "<u>", "<s>", "<q1>", "<b>a"))


def test_a_fit_without_index_says_so() -> None:
    short = csi.Model("no index", MODEL.constructs, MODEL.paths)
    results = csi.fit(short, survey())
    told = "The model 'no index' names no index"
    assert repr(csi.bootstrap(results, n=40)).splitlines()[0] == told
    assert repr(csi.linearized(results)).splitlines()[0] == told
    several = csi.bootstrap(csi.fit(short, survey(), by="group"), n=40)
    assert repr(several).splitlines()[0] == "Bootstrap by group"
    unscaled = csi.fit(MODEL, survey().frame)
    first = repr(csi.bootstrap(unscaled, n=40)).splitlines()[0]
    assert first.startswith("The index can't be told: the answer scale of")
