"""The matrix of bad inputs: each message names what, where, and how to mend it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import csindex as csi
from csindex.errors import quoted, unknown

ITEMS = ["q1", "q2", "s1", "s2"]
MODEL = csi.Model(
    "small",
    (csi.reflective("quality", "q1", "q2"), csi.reflective("satisfaction", "s1", "s2")),
    (("quality", "satisfaction"),),
    index="satisfaction",
)
N = 60


def frame(**columns: Any) -> pd.DataFrame:
    """Return good answers, except for some columns."""
    rng = np.random.default_rng(3)
    drawn = 6 + 2 * rng.normal(size=(N, 1)) + rng.normal(size=(N, 4))
    good = pd.DataFrame(np.clip(np.round(drawn), 1, 10), columns=ITEMS)
    return good.assign(**columns)


def first(value: Any) -> list[Any]:
    """Return a column of good answers below one other value."""
    return [value, *(k % 10 + 1 for k in range(1, N))]


def fit(data: Any, by: str | None = None, **said: Any) -> object:
    """Fit the model to a survey of this data, of which this is said."""
    survey = csi.read_survey(data, **{"scale": (1, 10), **said})
    return csi.fit(MODEL, survey) if by is None else csi.fit(MODEL, survey, by=by)


def gaps(rows: int) -> pd.DataFrame:
    """Return answers of which this many rows are complete."""
    holes = [*range(1, rows + 1), *[np.nan] * (N - rows)]
    return frame(q1=[k % 10 for k in holes])


def codebook(**fields: Any) -> dict[str, Any]:
    """Return the argument that gives a codebook."""
    return {"codebook": csi.Codebook(**fields)}


Case = tuple[Callable[[], object], list[str]]

COLUMNS: dict[str, Case] = {
    "missing column": (
        lambda: fit(frame().rename(columns={"q1": "Q_1"})),
        ["unknown column 'q1' in the model", "did you mean 'Q_1'?"],
    ),
    "missing column, none near": (
        lambda: fit(frame().rename(columns={"q1": "age"})),
        ["unknown column 'q1'", "there are 'age', 'q2', 's1', 's2'"],
    ),
    "column without answers": (
        lambda: fit(frame(q1=np.nan)),
        ["column 'q1' has no answers at all", "leave the item out"],
    ),
    "codes only": (
        lambda: fit(frame(q1=99), missing=(99,)),
        ["column 'q1' has no answers at all"],
    ),
    "constant": (
        lambda: fit(frame(q1=7)),
        ["column 'q1' is constant: every answer is 7", "leave it out"],
    ),
    "constant and reversed": (
        lambda: fit(frame(q1=7), reverse="q1"),
        ["column 'q1' is constant: every answer is 7"],
    ),
    "constant among those with weight": (
        lambda: fit(
            frame(q1=first(3)[:1] + [5] * (N - 1), w=[0] + [1] * (N - 1)), weights="w"
        ),
        ["column 'q1' is constant: every answer is 5"],
    ),
    "text": (
        lambda: fit(frame(q1=first("very good"))),
        ["column 'q1' must hold numbers but has 'very good'", "recode"],
    ),
    "long texts": (
        lambda: fit(frame(q1=[f"{k} " + "blah " * 99 for k in range(N)])),
        ["'0 blah blah", "...'", "and 55 more"],
    ),
    "almost a number": (
        lambda: fit(frame(q1=first("1_0"), q2=first("7,5"), s1=first("1;3"))),
        ["2 problems", "'1_0'", "'1;3'"],
    ),
    "dates": (
        lambda: fit(frame(q1=pd.Timestamp("2025-01-31"))),
        ["column 'q1' must hold numbers but has '2025-01-31"],
    ),
    "complex": (lambda: fit(frame(q1=1j)), ["column 'q1' must hold numbers", "1j"]),
    "lists": (
        lambda: fit(frame(q1=[[1, 2]] * N)),
        ["column 'q1' must hold numbers but has '[1, 2]'"],
    ),
    "infinite": (
        lambda: fit(frame(q1=first(np.inf))),
        ["column 'q1' has 1 infinite values", "mend or recode"],
    ),
    "outside": (
        lambda: fit(frame(q1=[0.5, *first(11)[:-1]])),
        [
            "column 'q1' has answers outside its scale 1 to 10",
            "11 (1 time)",
            "0.5 (1 time)",
            "scale={'q1': (low, high)}",
            "missing=(...)",
        ],
    ),
    "codes of no answer": (
        lambda: fit(frame(q1=[98, 98, *first(99)[:-2]])),
        [
            "98 (2 times), 99 (1 time)",
            "if 98, 99 mean 'no answer', say missing=(98, 99)",
        ],
    ),
    "one code of no answer": (
        lambda: fit(frame(q1=first(-9))),
        ["-9 (1 time); if -9 means 'no answer', say missing=(-9,)"],
    ),
    "many values outside": (
        lambda: fit(frame(q1=range(N)), scale={"q1": (0, 9), "*": (1, 10)}),
        ["outside its scale 0 to 9", "and 45 other values"],
    ),
    "all at once": (
        lambda: fit(frame(q1="x", q2=5, s1=first(99), w=-1), weights="w"),
        [
            "4 problems:",
            "1. weights column 'w'",
            "2. column 'q1'",
            "3. column 'q2'",
            "4. column 's1'",
        ],
    ),
    "everything missing": (
        lambda: fit(frame()[[]].assign(x=1)),
        ["none of the model's 4 items", "'q1', 'q2', 's1', 's2'", "columns are 'x'"],
    ),
}

ROWS: dict[str, Case] = {
    "too few complete": (
        lambda: fit(gaps(4)),
        [
            "only 4 of 60 respondents answered all 4 items",
            "more than 4 are needed",
            "missing in 'q1' (56)",
            "leave such items out",
        ],
    ),
    "nobody complete": (
        lambda: fit(
            frame(
                q1=[*range(1, 11)] * 3 + [np.nan] * 30,
                q2=[np.nan] * 30 + [*range(1, 11)] * 3,
            )
        ),
        ["only 0 of 60 respondents", "'q1' (30), 'q2' (30)"],
    ),
    "one respondent": (lambda: fit(frame()[:1]), ["only 1 of 1 respondents"]),
    "four respondents": (
        lambda: fit(frame()[:4].assign(q1=[1, 2, 3, 4])),
        ["only 4 of 4 respondents"],
    ),
}

WEIGHTS: dict[str, Case] = {
    "negative": (
        lambda: fit(frame(w=first(-1)), weights="w"),
        ["weights column 'w' has 1 negative values", "zero or more"],
    ),
    "missing": (
        lambda: fit(frame(w=[np.nan, -2, *first(-1)[:-2]]), weights="w"),
        ["weights column 'w' has 2 negative and 1 missing values"],
    ),
    "infinite": (
        lambda: fit(frame(w=first(np.inf)), weights="w"),
        ["weights column 'w' has 1 infinite values"],
    ),
    "all missing": (
        lambda: fit(frame(w=np.nan), weights="w"),
        ["weights column 'w' has 60 missing values"],
    ),
    "all zero": (
        lambda: fit(frame(w=0), weights="w"),
        ["weights column 'w' is zero for every respondent"],
    ),
    "text": (
        lambda: fit(frame(constant=first("heavy")), weights="constant"),
        ["weights column 'constant' must hold numbers but has 'heavy'"],
    ),
}

SAID: dict[str, Case] = {
    "unknown names": (
        lambda: fit(
            frame(),
            weights="q11",
            strata="x",
            clusters="y",
            groups=["firm"],
            reverse=["S1"],
            scale={"s22": (1, 5)},
        ),
        [
            "6 problems",
            "'q11' as weights; did you mean 'q1'?",
            "'x' as strata",
            "'y' as clusters",
            "'firm' in groups",
            "'S1' in reverse; did you mean 's1'?",
            "'s22' in scale; did you mean 's2'?",
        ],
    ),
    "unknown names of a codebook": (
        lambda: fit(frame(), **codebook(weights="w", groups=("firm",))),
        ["2 problems", "'w' as weights", "'firm' in groups"],
    ),
    "computed weights": (
        lambda: fit(frame(), weights="PTOL"),
        ["unknown column 'PTOL' as weights"],
    ),
    "names that are not texts": (
        lambda: fit(frame(), weights=["q1"], groups=[["q1"]]),
        ["2 problems", "weights= has 1 values for 60", "['q1'] in groups"],
    ),
    "number of a scale": (
        lambda: fit(frame(), scale=10),
        ["scale of all items is 10", "as (1, 10)"],
    ),
    "text of a scale": (
        lambda: fit(frame(), scale="1-10"),
        ["is '1-10'", "as (1, 10)"],
    ),
    "falling scale": (
        lambda: fit(frame(), scale={"q1": (5, 1), "q2": (1, np.inf), "*": (np.nan, 1)}),
        ["3 problems", "'q1' is (5, 1)", "'q2' is (1, inf)", "all items is (nan, 1)"],
    ),
    "missing codes": (
        lambda: fit(frame(), missing="99", scale=(1, 1)),
        ["2 problems", "missing is '99'; give numbers", "(1, 1)"],
    ),
    "missing code of text": (
        lambda: fit(frame(), missing=(99, "DK"), groups="g"),
        ["2 problems", "missing is (99, 'DK')", "unknown column 'g'"],
    ),
    "reversed without scale": (
        lambda: fit(frame(), reverse="q1", scale=None),
        ["column 'q1' is reversed but has no scale", "scale={'q1': (1, 10)}"],
    ),
    "codebook of another kind": (
        lambda: fit(frame(), codebook={"scale": (1, 10)}),
        ["a codebook is the name of a TOML file", "not dict"],
    ),
    "rule on a column that is not there": (
        lambda: csi.read_survey(
            frame(), **codebook(items=[csi.Item("d", derive=(("q1 > Q9", "w"),))])
        ).answers(["d"]),
        ["2 problems", "unknown column 'Q9' in the rules that compute 'd'", "'w'"],
    ),
    "rule on a bad column": (
        lambda: csi.read_survey(
            frame(q1="x"), **codebook(items=[csi.Item("d", derive=(("q1 > 1", "q2"),))])
        ).answers(["d"]),
        ["column 'q1' must hold numbers"],
    ),
    "rule that computes infinity": (
        lambda: csi.read_survey(
            frame(), **codebook(items=[csi.Item("d", derive=(("q1 > 1", "q2 / 0"),))])
        ).answers(["d"]),
        ["column 'd' has", "infinite values"],
    ),
}

CALLS: dict[str, Case] = {
    "by unknown": (
        lambda: fit(frame(company="A"), by="compny"),
        ["unknown column 'compny' in by", "did you mean 'company'?"],
    ),
    "by two columns": (
        lambda: fit(frame(g=1), by=["g"]),  # type: ignore[arg-type]
        ["unknown column ['g'] in by"],
    ),
    "by lists": (
        lambda: fit(frame(g=[[1]] * N), by="g"),
        ["column 'g' can't divide the sample", "[1]"],
    ),
    "by nothing": (lambda: fit(frame(g=None), by="g"), ["column 'g' has no groups"]),
    "by respondents": (
        lambda: fit(frame(g=range(N)), by="g"),
        ["60 problems", "group 7 of 'g'", "more than 4 are needed"],
    ),
    "no model": (
        lambda: csi.fit(csi.acsi, frame()),  # type: ignore[call-overload]
        ["fit needs a model first, as csi.acsi(), not function"],
    ),
    "no data": (lambda: csi.fit(MODEL, None), ["answers from NoneType"]),
    "groups of moments": (
        lambda: csi.fit(MODEL, csi.moments(frame(), ITEMS), by="g"),
        ["by='g' needs a survey", "csi.moments(..., by='g')"],
    ),
    "a stack of moments": (
        lambda: csi.fit(
            MODEL, csi.Moments(ITEMS, [[5] * 4] * 2, [np.eye(4)] * 2, [60, 60])
        ),
        ["these moments are a stack of 2", "moments[0]", "csi.moments(..., by=)"],
    ),
    "items as text": (
        lambda: csi.moments(frame(), "q1"),
        ["items are a list of columns, as ['q1', 'q2'], not 'q1'"],
    ),
    "no items": (lambda: csi.moments(frame(), []), ["items are a list of columns"]),
    "an item twice": (
        lambda: csi.moments(frame(), ["q1", "q1"]),
        ["several items have the name 'q1'"],
    ),
    "weights twice": (
        lambda: csi.moments(csi.read_survey(frame()), ITEMS, weights="w"),
        ["a survey has its own weights", "read_survey"],
    ),
    "moments by nothing": (
        lambda: csi.moments(frame(g=np.nan), ITEMS, by="g"),
        ["column 'g' has no groups"],
    ),
    "moments of small groups": (
        lambda: csi.moments(frame(g=[*range(20)] * 3), ITEMS, by="g"),
        ["20 problems", "group 2 of 'g': 3 ", "more than 4 are needed"],
    ),
    "data set": (lambda: csi.load_dataset("retial"), ["unknown dataset", "'retail'?"]),
}

CASES = {
    f"{part}: {name}": case
    for part, cases in {
        "columns": COLUMNS,
        "rows": ROWS,
        "weights": WEIGHTS,
        "said": SAID,
        "calls": CALLS,
    }.items()
    for name, case in cases.items()
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_explained(case: str) -> None:
    call, fragments = CASES[case]
    with pytest.raises(csi.CsindexError) as caught:
        call()
    assert [f for f in fragments if f not in str(caught.value)] == []
    assert len(caught.value.problems) == max(
        [int(f.split()[0]) for f in fragments if "problems" in f] or [1]
    )


@pytest.mark.parametrize("case", CASES)
def test_no_problem_is_told_in_the_words_of_a_library(case: str) -> None:
    with pytest.raises(csi.CsindexError) as caught:
        CASES[case][0]()
    told = str(caught.value).lower()
    for word in ("pandas.", "numpy", "traceback", "object has no", "dtype", "array("):
        assert word not in told


def test_problems_are_counted_and_kept_apart() -> None:
    error = csi.DataError(["one thing", "another"])
    assert str(error) == "2 problems:\n1. one thing\n2. another"
    assert error.problems == ("one thing", "another")
    assert str(csi.SpecificationError("one thing")) == "one thing"


@pytest.mark.parametrize(
    "kind", [csi.SpecificationError, csi.DataError, csi.OutputError]
)
def test_errors_are_of_one_family(kind: type[csi.CsindexError]) -> None:
    assert issubclass(kind, csi.CsindexError)
    assert issubclass(kind, ValueError)


@pytest.mark.parametrize(
    ("name", "known", "told"),
    [
        ("SATIZ", ["SATIS", "IDEAL"], "did you mean 'SATIS'?"),
        ("satis", ["SATIS", "IDEAL"], "did you mean 'SATIS'?"),
        ("SATIS ", ["SATIS"], "did you mean 'SATIS'?"),
        ("age", ["SATIS", "IDEAL"], "there are 'SATIS', 'IDEAL'"),
        ("age", [f"q{k}" for k in range(20)], "'q11' and 8 more"),
        ("age", [], "there are none"),
        (7, ["7"], "did you mean '7'?"),
        (["q1"], ["x"], "unknown column ['q1'] here"),
        (None, ["x"], "unknown column None here"),
    ],
)
def test_the_nearest_name_is_suggested(name: Any, known: list[str], told: str) -> None:
    (problem,) = unknown("column", [name, name], known, "here")
    assert told in problem


def test_known_names_are_no_problem() -> None:
    assert unknown("column", ["a", "b"], iter(["b", "a"]), "here") == []


def test_long_lists_are_cut() -> None:
    assert quoted(range(3), limit=3) == "0, 1, 2"
    assert quoted("abcd", limit=2) == "'a', 'b' and 2 more"
