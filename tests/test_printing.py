"""What prints: 80 columns, no name that is not escaped, no digit that misleads."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import csindex as csi
from csindex.diagnostics import thresholds
from csindex.diagnostics.instrument import criteria
from csindex.diagnostics.thresholds import Criterion, told_apart
from csindex.language.visible import visible
from csindex.results.printing import (
    Page,
    Printed,
    filled,
    named,
    table_html,
    table_text,
    width_of,
)

# names as long and as nasty as any
LONG = "<b>overall quality</b> & of all services in all shops, as perceived"
NAMES = (LONG, "<i>value</i>", "满意<br>", "loyalty & more")
N = 160


def _frame() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    latent = np.empty((N, 4))
    latent[:, 0] = rng.normal(size=N)
    for k in (1, 2, 3):
        latent[:, k] = 0.6 * latent[:, k - 1] + 0.8 * rng.normal(size=N)
    columns = {
        f"<u>{name[:6]}{item}": np.clip(
            np.round(6 + 1.6 * latent[:, k] + rng.normal(size=N)), 1, 10
        )
        for k, name in enumerate(NAMES)
        for item in range(4)
    }
    frame = pd.DataFrame(columns)
    frame["<p>who"] = np.where(np.arange(N) % 2, "<em>a</em>", "b")
    frame["day"], frame["person"] = np.arange(N), np.arange(N)
    frame["other"] = rng.normal(size=N)
    return frame


FRAME = _frame()
ITEMS = [str(name) for name in FRAME.columns[:16]]
MODEL = csi.Model(
    "<h1>m</h1>",
    [csi.reflective(n, *ITEMS[4 * k : 4 * k + 4]) for k, n in enumerate(NAMES)],
    [
        (NAMES[0], NAMES[1]),
        (NAMES[0], NAMES[2]),
        (NAMES[1], NAMES[2]),
        (NAMES[2], NAMES[3]),
    ],
    index=NAMES[2],
    title="<h1>Model</h1> " * 8,
)
SURVEY = csi.read_survey(FRAME, scale=dict.fromkeys(ITEMS, (1, 10)))
RESULTS = csi.fit(MODEL, SURVEY)


def _validation() -> csi.InstrumentValidation:
    return csi.validate_instrument(
        SURVEY,
        MODEL,
        order="day",
        margins={"<p>who": {"<em>a</em>": 0.6, "b": 0.4}},
        retest=SURVEY,
        id="person",
        experts=pd.DataFrame({name: [4, 4, 1] for name in ITEMS}),
        draws=100,
    )


def _slopes() -> csi.SimpleSlopes:
    term = csi.interaction(NAMES[0], NAMES[1], on=NAMES[2])
    results = csi.fit(MODEL, SURVEY, csi.Moderated((term,)))
    return csi.simple_slopes(results, term, boot=csi.bootstrap(results, n=100))


def _gaps() -> csi.Survey:
    frame = FRAME.copy()
    frame.loc[frame.index[:9], ITEMS[3]] = np.nan
    return csi.read_survey(frame, scale=dict.fromkeys(ITEMS, (1, 10)))


def _covariances() -> csi.Results:
    return csi.fit(MODEL, SURVEY, estimator=csi.CBSEM())


def _difference() -> csi.DifferenceTest:
    fits = csi.invariance(MODEL, SURVEY, by="<p>who").fits
    return csi.difference_test(fits["metric"], fits["configural"])


MAKERS: dict[str, Callable[[], object]] = {
    "Results": lambda: RESULTS,
    "Summary": RESULTS.summary,
    "GroupResults": lambda: csi.fit(MODEL, SURVEY, by="<p>who"),
    "Assessment": lambda: csi.assess(RESULTS),
    "NecessaryConditions": lambda: csi.necessary_conditions(RESULTS, n=49),
    "Tetrads": lambda: csi.tetrads(RESULTS),
    "CommonMethod": lambda: csi.common_method(RESULTS, "other"),
    "Marker": lambda: csi.common_method(RESULTS, NAMES[0]).marker,
    "CopulaCheck": lambda: csi.gaussian_copula(RESULTS, n=20),
    "Instrumented": lambda: csi.two_stage_least_squares(
        RESULTS, {NAMES[3]: [NAMES[0], NAMES[1]]}
    ),
    "SecondOpinion": lambda: csi.second_opinion(_covariances()),
    "SimpleSlopes": _slopes,
    "InstrumentValidation": _validation,
    "NonResponse": lambda: _validation().nonresponse,
    "Bootstrap": lambda: csi.bootstrap(RESULTS, n=50),
    "GroupBootstrap": lambda: csi.bootstrap(csi.fit(MODEL, SURVEY, by="<p>who"), n=50),
    "SamplingErrors": lambda: csi.linearized(RESULTS),
    "Imputation": lambda: csi.multiple_imputation(MODEL, _gaps(), m=2, resamples=20),
    "IndexChange": lambda: csi.index_change(RESULTS, RESULTS),
    "Comparison": lambda: csi.compare(
        {"<b>one": RESULTS, "two": csi.fit(MODEL.without(NAMES[3]), SURVEY)}
    ),
    "GroupComparison": lambda: csi.compare_groups(RESULTS, by="<p>who", n=40),
    "Prediction": lambda: csi.predict(RESULTS, repeats=1),
    "RowPredictions": lambda: csi.predict_rows(RESULTS, FRAME[:9]),
    "Investment": lambda: csi.best_investment(RESULTS, budget=5),
    "SamplePlan": lambda: csi.plan(MODEL, RESULTS, n=100, replications=100),
    "ExactFit": lambda: csi.exact_fit(RESULTS, n=40),
    "BollenStine": lambda: csi.bollen_stine(_covariances(), n=40),
    "DifferenceTest": _difference,
    "InvarianceLadder": lambda: csi.invariance(MODEL, SURVEY, by="<p>who"),
    "Segmentation": lambda: csi.segments(RESULTS, starts=1),
    "SegmentProfile": lambda: csi.segments(RESULTS, starts=1).profile(by="<p>who"),
}


# they print numbers only
NAMELESS = ("BollenStine", "DifferenceTest")


@pytest.mark.parametrize("name", MAKERS)
def test_results_print_in_80_columns_and_escape_names(name: str) -> None:
    made: Any = MAKERS[name]()
    assert type(made).__name__ == name
    text, html = repr(made), made._repr_html_()
    assert max(map(width_of, text.splitlines())) <= 80
    # a validation with all its parts is long
    assert len(text.splitlines()) < (90 if name != "InstrumentValidation" else 160)
    assert "DataFrame" not in text
    for tag in ("<b>o", "<i>v", "<br>", "<u>", "<h1>", "<em>", "<p>who"):
        assert tag not in html
    escaped = any(escape(tag) in html for tag in ("<b>o", "<br>", "<h1>", "<em>"))
    assert escaped or name in NAMELESS
    assert not text.splitlines()[0].isspace()


def test_every_result_is_looked_at() -> None:
    rooms = ("csindex.results", "csindex.diagnostics")
    public = {
        name
        for name in csi.__all__
        if inspect.isclass(found := getattr(csi, name))
        and (found.__module__.startswith(rooms) or issubclass(found, Printed))
    }
    assert public - {"Statistic"} <= set(MAKERS)


def test_a_page_has_its_parts_in_order() -> None:
    table = pd.DataFrame({"driver": ["a", "b"], "d": [0.25, -0.00001], "n": [3.0, 40]})
    page = Page("Answer: a\nmore", {"Effects": table, "": table[:0]}, ("A note.",))
    assert page.text().split("\n") == [
        "Answer: a",
        "more",
        "",
        "Effects",
        "driver     d  n",
        "     a 0.250  3",
        "     b 0.000 40",
        "",
        "none",
        "",
        "A note.",
    ]
    html = page.html()
    assert html.index("Answer") < html.index("Effects") < html.index("A note.")
    assert html.startswith("<div><h4>Answer: a</h4><p>more</p>")


def test_what_a_printed_object_shows_is_its_page() -> None:
    class Found(Printed):
        def _page(self) -> Page:
            return Page("<found>", {})

    assert repr(Found()) == "<found>"
    assert Found()._repr_html_() == "<div><h4>&lt;found&gt;</h4></div>"


@pytest.mark.parametrize(
    ("values", "column", "cells"),
    [
        ([0.0004, 0.04999, 1.0], "p", ["<0.001", "0.050", "1.000"]),
        ([0.0, 0.5], "p_holm", ["<0.001", "0.500"]),
        ([0.0004, 0.5], "share", ["0.000", "0.500"]),
        ([-0.0002, 12.3456], "d", ["0.000", "12.346"]),
        ([3.0, np.nan], "df", ["3", ""]),
        ([np.inf, -1.5], "low", ["inf", "-1.500"]),
        ([True, False], "passed", ["yes", "no"]),
        (["two\nlines", None], "note", ["two lines", ""]),
        ([10**7, 5], "n", ["10000000", "5"]),
    ],
)
def test_cells(values: list[object], column: str, cells: list[str]) -> None:
    lines = table_text(pd.DataFrame({"k": [1, 2, 3][: len(values)], column: values}))
    assert [line[2:].strip() for line in lines.split("\n")[1:]] == cells


def test_columns_without_values_are_left_out() -> None:
    table = pd.DataFrame({"a": ["x"], "b": [""], "c": [np.nan], "d": [None], "e": [0]})
    assert table_text(table).split() == ["a", "e", "x", "0"]
    assert ">b<" not in table_html(table)
    # the table keeps them
    assert list(table) == ["a", "b", "c", "d", "e"]


@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(st.text(min_size=1, max_size=90), min_size=1, max_size=12),
    numbers=st.integers(0, 12),
    labels=st.booleans(),
)
def test_every_table_fits(names: list[str], numbers: int, labels: bool) -> None:
    table = pd.DataFrame(
        [[*names, *(np.arange(numbers) + 0.5) / 7, "end"]],
        columns=[*(f"column {k}" for k in range(len(names) + numbers)), "last"],
    )
    lines = table_text(table, index=labels).split("\n")
    assert max(map(width_of, lines)) <= 80
    assert lines[-1].endswith("end")
    for k, value in enumerate((np.arange(numbers) + 0.5) / 7):
        assert any(f"column {len(names) + k}" in line for line in lines)
        assert any(f"{value:.3f}" in line for line in lines)


def test_long_texts_are_cut_and_long_tables_go_on_below() -> None:
    table = pd.DataFrame({"name": ["x" * 100], "value": [0.5]})
    text = table_text(table)
    assert "…" in text
    assert text.endswith("0.500")
    assert "x" * 100 in table_html(table)
    wide = pd.DataFrame({"name": ["a"], **{f"measure {k}": [k / 7] for k in range(20)}})
    blocks = table_text(wide).split("\n\n")
    assert len(blocks) == 3
    assert all(block.split()[0] == "name" for block in blocks)


def test_labels_of_rows_are_printed_on_demand() -> None:
    table = pd.DataFrame({"v": [0.5]}, index=pd.Index(["a"], name="measure"))
    assert table_text(table, index=True).split() == ["measure", "v", "a", "0.500"]
    assert table_text(table).split() == ["v", "0.500"]


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300))
def test_filled_lines_fit_and_lose_nothing(text: str) -> None:
    lines = filled(text, 30).split("\n")
    assert all(width_of(line) <= 30 for line in lines)
    kept = "".join("".join(lines).split())
    assert kept == "".join(visible(text).split())


def test_names_in_sentences() -> None:
    assert named(["a"]) == "a"
    assert named([str(k) for k in range(8)], 3) == "0, 1, 2 and 5 more"


BOUNDS = [
    criterion
    for module in (thresholds, criteria)
    for criterion in vars(module).values()
    if isinstance(criterion, Criterion)
]


@pytest.mark.parametrize("criterion", BOUNDS, ids=lambda c: c.name)
@pytest.mark.parametrize("apart", [-0.0049, -1e-5, -1e-9, 0.0, 1e-9, 1e-5, 0.0049])
def test_printed_values_have_the_grade_of_the_value(
    criterion: Criterion, apart: float
) -> None:
    for bound in {criterion.good, criterion.acceptable}:
        value = bound + apart
        told = float(criterion.shown(value))
        assert criterion.verdict(told) == criterion.verdict(value)
        assert (told == bound) == (value == bound)


def test_numbers_that_differ_are_told_apart() -> None:
    assert told_apart(0.5, 0.5) == ("0.50", "0.50")
    assert told_apart(0.80001, 0.80002) == ("0.80001", "0.80002")
    assert criteria.CEILING.shortfall(0.1502) == (
        "ceiling 0.1502 (not < 0.15; Terwee et al. (2007))"
    )
