"""Whom results describe: skipped questions, gaps, weights, and groups."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.results.grouping import with_eligible

MODEL = csi.Model(
    "calls",
    (
        csi.reflective("quality", "q1", "q2"),
        csi.reflective("handling", "h1", "h2"),
        csi.reflective("satisfaction", "s1", "s2"),
    ),
    (("quality", "satisfaction"), ("handling", "satisfaction")),
    index="satisfaction",
)
NO_RULE = csi.Codebook(
    items=(csi.Item("comp", scale=(0, 1)),), scale=(1, 10), weights="w"
)
RULE = NO_RULE.updated({name: {"asked_if": "comp == 1"} for name in ("h1", "h2")})
N, COMPLAINERS, SILENT = 300, 120, 8


@cache
def _frame() -> pd.DataFrame:
    """Return answers of whom 120 complained, who are less satisfied."""
    rng = np.random.default_rng(5)
    comp = (np.arange(N) < COMPLAINERS).astype(float)
    quality, handling, satisfaction = rng.normal(size=(3, N)) - comp
    satisfaction += 0.6 * quality + 0.4 * handling
    latent = {"q": quality, "h": handling, "s": satisfaction}
    frame = pd.DataFrame(
        {
            name: np.clip(
                np.rint(6 + 1.5 * latent[name[0]] + rng.normal(size=N)), 1, 10
            )
            for name in MODEL.items
        }
    )
    frame["comp"], frame["w"] = comp, 1.0
    frame["region"] = np.where(np.arange(N) % 2, "north", "south")
    # not asked, and asked in vain
    frame.loc[comp == 0, ["h1", "h2"]] = np.nan
    frame.loc[: SILENT - 1, "h2"] = np.nan
    return frame


def survey(frame: pd.DataFrame | None = None, book: csi.Codebook = RULE) -> csi.Survey:
    """Return the answers as a survey."""
    given = _frame() if frame is None else frame
    return csi.read_survey(given.copy(), codebook=book)


def told(*args: Any, **options: Any) -> tuple[Any, list[str]]:
    """Return a fit, and what its warnings say."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        results = csi.fit(*args, **options)
    assert all(w.filename == __file__ for w in caught)
    kinds = (csi.AnswersWarning, csi.InadmissibleWarning)
    assert all(issubclass(w.category, kinds) for w in caught)
    return results, [str(w.message) for w in caught if w.category is kinds[0]]


def likewise(n: int) -> np.ndarray:
    """Return answers of the first n, shape (n, 2), that go with those on quality."""
    answers = _frame()[["q1", "q2"]].to_numpy()[:n]
    made = answers + np.random.default_rng(6).integers(-1, 2, answers.shape)
    return np.asarray(np.clip(made, 1, 10))


def test_a_fit_to_complainers_alone_says_so() -> None:
    results, messages = told(MODEL, survey())
    used = COMPLAINERS - SILENT
    assert len(messages) == 1
    for part in (
        f"{used} of {N} respondents are used",
        f"'handling' (h1, h2, asked only if comp == 1) was answered by {used} of {N}",
        "describe these respondents only",
        "use incomplete='em' or 'pairwise'",
        "leave 'handling' out with model.without",
    ):
        assert part in messages[0]
    flow = {"read": N, "with weight": N, "with any answer": N}
    flow |= {"eligible": COMPLAINERS, "complete": used, "used": used}
    assert results.sample_flow.to_dict() == flow
    line = f"describes those {used} only who answered all: 'handling' (h1, h2, asked"
    assert line in " ".join(str(results.summary()).split())
    assert f"describes those {used} only" in results._repr_html_()
    [part] = results.restrictions
    assert (part.construct, part.items, part.rules) == (
        "handling",
        ("h1", "h2"),
        ("comp == 1",),
    )
    assert (part.answered, part.asked) == (used, N)


@pytest.mark.parametrize("incomplete", ["em", "pairwise", "mean"])
def test_treatments_that_keep_everyone_do_not(incomplete: Any) -> None:
    # without the rule, as means can't replace what wasn't asked
    results, messages = told(MODEL, survey(book=NO_RULE), incomplete=incomplete)
    assert not [text for text in messages if "respondents are used" in text]
    assert results.restrictions == ()
    assert "describes those" not in str(results.summary())


def test_many_gaps_of_a_construct_say_so_without_a_rule() -> None:
    used = COMPLAINERS - SILENT
    _, messages = told(MODEL, survey(book=NO_RULE))
    assert f"'handling' (h1, h2) was answered by {used} of {N}" in messages[0]
    # more than half have answered: no matter for a warning
    frame = _frame().copy()
    frame.loc[: N // 2 + 20, ["h1", "h2"]] = likewise(N // 2 + 21)
    results, messages = told(MODEL, survey(frame, NO_RULE))
    assert results.n == N // 2 + 21
    assert messages == []


def test_a_rule_that_selects_everyone_says_nothing() -> None:
    frame = _frame().assign(comp=1.0)
    frame[["h1", "h2"]] = likewise(N)
    frame.loc[:9, "h1"] = np.nan
    results, messages = told(MODEL, survey(frame))
    assert messages == []
    assert results.n == N - 10


def test_other_estimators_name_their_own_ways_out() -> None:
    _, messages = told(MODEL, survey(), csi.CBSEM(scaling="standardized"))
    assert "use CBSEM(missing='fiml')" in messages[0]
    assert "incomplete=" not in messages[0]


def test_respondents_who_answered_each_construct_are_counted() -> None:
    expected = {"quality": N, "handling": COMPLAINERS, "satisfaction": N}
    frame = _frame().copy()
    frame.loc[200:204, "s1"] = np.nan
    frame.loc[200:202, "s2"] = np.nan
    expected["satisfaction"] -= 3
    for incomplete in ("pairwise", "em"):
        results, _ = told(MODEL, survey(frame), incomplete=incomplete)
        assert dict(results.scores[["construct", "n"]].to_numpy()) == expected
        assert results.n == results.sample_flow["used"] == N
        assert f"n = {N} |" in str(results.summary())
    listwise, _ = told(MODEL, survey(frame))
    assert set(listwise.scores["n"]) == {COMPLAINERS - SILENT}


def test_pairwise_covariances_stand_on_fewer() -> None:
    results, _ = told(MODEL, survey(), incomplete="pairwise")
    known = _frame()[list(MODEL.items)].notna().to_numpy(dtype=float)
    pairs = (known.T @ known)[np.triu_indices(6, 1)]
    assert_allclose(results.moments.n, np.rint(1 / np.mean(1 / pairs)), atol=1)
    assert results.n == N
    assert results.effective_n == results.moments.n
    again = csi.fit(MODEL, results.moments)
    assert (again.n, again.effective_n) == (results.n, results.effective_n)


def test_groups_that_nobody_is_left_of_are_named() -> None:
    frame = _frame().copy()
    model = MODEL.without("handling")
    frame.loc[:19, ["region", "q1"]] = ["east", np.nan]
    frame.loc[20:49, ["region", "w"]] = ["west", 0]
    frame.loc[50:64, "region"] = np.nan
    with pytest.warns(csi.AnswersWarning) as caught:
        groups = csi.fit(model, survey(frame), by="region")
    texts = [str(w.message) for w in caught]
    assert any("without results: 'east': 0 complete" in text for text in texts)
    assert any(
        f"15 of {N - 50} respondents are in none of the groups of 'region'" in text
        for text in texts
    )
    assert list(groups.index.index) == ["north", "south", "east", "west"]
    assert groups.index.isna().tolist() == [False, False, True, True]
    for label in ("east", "west"):
        assert "0 complete answers to 4 items" in groups.failures[label]
        with pytest.raises(csi.DataError, match="0 complete answers"):
            groups[label]
    flow = groups.sample_flow
    sizes = frame.groupby("region").size()
    assert flow["read"].to_dict() == sizes.to_dict()
    left = {"east": 20, "west": 0}
    assert flow["eligible"].to_dict() == {**sizes.to_dict(), **left}
    assert flow["used"].to_dict() == {**sizes.to_dict(), "east": 0, "west": 0}
    assert flow.index.name == "region"


def test_a_groups_flow_is_that_of_a_fit_to_it() -> None:
    frame = _frame().copy()
    frame.loc[5:20, "w"] = 0
    frame.loc[30:33, list(MODEL.items)] = np.nan
    for incomplete in ("listwise", "em"):
        groups, _ = told(MODEL, survey(frame), by="region", incomplete=incomplete)
        for label, member in groups.members.items():
            alone, _ = told(
                MODEL, survey(frame[frame["region"] == label]), incomplete=incomplete
            )
            flow = alone.sample_flow.to_dict()
            if incomplete == "listwise":
                flow.pop("with any answer")
            else:
                # of a group, respondents without any answer are not known
                assert flow["read"] > flow["eligible"] > flow["used"]
            assert member.sample_flow.to_dict() == flow
            assert groups.sample_flow.loc[label].to_dict() == flow


def test_groups_of_complainers_alone_say_so_once() -> None:
    groups, messages = told(MODEL, survey(), by="region")
    assert len(messages) == 1
    assert "asked only if comp == 1" in messages[0]
    assert "only who answered all" in " ".join(repr(groups).split())


def test_steps_of_a_flow_never_rise() -> None:
    flow = (("read", 50), ("with weight", 40), ("with any answer", 38))
    full = (*flow, ("complete", 20), ("used", 20))
    for count, place in ((40, 2), (38, 2), (30, 3), (20, 3)):
        made = with_eligible(full, count)
        assert made[place] == ("eligible", count)
        sizes = [size for _, size in made]
        assert sizes == sorted(sizes, reverse=True)
    assert with_eligible((("read", 3), ("used", 3)), 3)[1] == ("eligible", 3)


@pytest.mark.parametrize("by", ["construct", "source", "n", "estimate", "index"])
def test_names_of_the_tables_own_columns_are_refused(by: str) -> None:
    frame = _frame().rename(columns={"region": by})
    with pytest.raises(csi.SpecificationError, match="rename the survey's"):
        csi.fit(MODEL.without("handling"), survey(frame), by=by)


def test_groups_of_moments_are_told_likewise() -> None:
    frame = _frame().copy()
    frame.loc[:29, "q1"] = np.nan
    frame.loc[30:34, "w"] = 0
    model = MODEL.without("handling")
    rows = csi.fit(model, survey(frame), by="region")
    stack = csi.moments(survey(frame), model.items, by="region")
    made = csi.fit(model, stack)
    pd.testing.assert_frame_equal(made.sample_flow, rows.sample_flow)
    told = f"n = {N - 35} of {N} (5 without weight, 30 dropped: listwise)"
    assert told in repr(made)
    assert told in repr(rows)
    named = csi.moments(survey(frame.rename(columns={"region": "n"})), model.items, "n")
    with pytest.raises(csi.SpecificationError, match="rename the survey's"):
        csi.fit(model, named)


def test_labels_have_to_be_single_values() -> None:
    frame = _frame().copy()
    frame["pair"] = [("north", k % 2) for k in range(N)]
    model = MODEL.without("handling")
    with pytest.raises(csi.DataError, match=r"holds values as \('north', 0\)"):
        csi.fit(model, survey(frame), by="pair")
    several: Any = ["region", "comp"]
    with pytest.raises(csi.SpecificationError, match="put them together in one"):
        csi.fit(model, survey(frame), by=several)


def test_weights_are_no_frequencies() -> None:
    """Means agree with repeated rows; variances but for their divisors."""
    model = MODEL.without("handling")
    frame = _frame()[:100].assign(w=1.0 + np.arange(100) % 3)
    weighted = csi.fit(model, survey(frame))
    rows = frame.loc[frame.index.repeat(frame["w"].astype(int))]
    repeated = csi.fit(model, survey(rows.reset_index(drop=True).assign(w=1.0)))
    n, total = 100, len(rows)
    assert_allclose(repeated.scores["score"], weighted.scores["score"], rtol=1e-12)
    factor = np.sqrt((1 - 1 / n) / (1 - 1 / total))
    assert_allclose(repeated.scores["sd"], weighted.scores["sd"] * factor, rtol=1e-12)
    assert_allclose(weighted.effective_n, total**2 / (frame["w"] ** 2).sum())


def test_models_without_a_hash_have_tables() -> None:
    items: Any = ["s1", "s2"]
    blocks = (MODEL.constructs[0], csi.Construct("satisfaction", items))
    model = csi.Model("lists", blocks, [("quality", "satisfaction")])
    with pytest.raises(TypeError, match="unhashable"):
        hash(model)
    other = csi.fit(MODEL.without("handling"), survey())
    pd.testing.assert_frame_equal(csi.fit(model, survey()).loadings, other.loadings)


def test_tables_are_the_callers_own() -> None:
    """Labels are kept between fits; what is done to a table isn't."""
    model = MODEL.without("handling")
    first = csi.fit(model, survey())
    tables = ("paths", "weights", "loadings", "total_effects", "scores")
    before = {name: getattr(first, name).copy() for name in tables}
    for name in tables:
        table = getattr(first, name)
        table.iloc[:, 0] = "changed"
        table["estimate"] = -1.0
        table["more"] = 0
    second = csi.fit(model, survey())
    for name in tables:
        pd.testing.assert_frame_equal(getattr(second, name), before[name])
