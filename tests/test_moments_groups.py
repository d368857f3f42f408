"""Stacks of groups: flows, everyone, and groups that can't be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose

import csindex as csi

ITEMS = ["a", "b", "c"]
N = 240


def answers() -> pd.DataFrame:
    """Return answers with gaps, weights, and groups of which three can't be used."""
    rng = np.random.default_rng(3)
    common = rng.normal(size=(N, 1))
    values = np.clip(np.rint(5.5 + common + rng.normal(size=(N, 3))), 1, 10)
    frame = pd.DataFrame(values, columns=ITEMS).mask(rng.random((N, 3)) < 0.08)
    labels = np.array(["east", "west", None], dtype=object)[rng.integers(0, 3, N)]
    labels[:3], labels[10:30], labels[30:33] = "solo", "dull", "silent"
    frame.loc[10:29, "b"] = 7.0
    frame.loc[0:3, ITEMS] = [[1.0, 2, 3], [2, 5, 4], [np.nan, 3, 4], [7, 6, 4]]
    frame.loc[30:32, "a"] = np.nan
    return frame.assign(g=labels, w=np.where(rng.random(N) < 0.1, 0.0, 1.5))


FRAME = answers()
LABELS = FRAME["g"]


def parquet(folder: Path) -> Path:
    FRAME.to_parquet(folder / "all.parquet")
    return folder / "all.parquet"


def text(folder: Path) -> Path:
    FRAME.to_csv(folder / "all.csv", index=False)
    return folder / "all.csv"


SOURCES: dict[str, Callable[[Path], Any]] = {
    "survey": lambda _: csi.read_survey(FRAME, weights="w"),
    "pandas": lambda _: FRAME,
    "Polars": lambda _: pl.from_pandas(FRAME),
    "Parquet": parquet,
    "text": text,
}
TREATED = ["listwise", "pairwise", "mean", "em"]


@pytest.mark.parametrize("incomplete", TREATED)
@pytest.mark.parametrize("kind", SOURCES)
def test_groups_that_cannot_be_used_are_named(
    kind: str, incomplete: Any, tmp_path: Path
) -> None:
    if kind == "Parquet" and incomplete == "em":
        pytest.skip("EM needs the answers in memory")
    source = SOURCES[kind](tmp_path)
    options: dict[str, Any] = {"incomplete": incomplete}
    if kind != "survey":
        options["weights"] = "w"
    with pytest.warns(csi.errors.AnswersWarning, match="without moments") as caught:
        made = csi.moments(source, ITEMS, by="g", **options)
    (told,) = [w for w in caught if "without moments" in str(w.message)]
    assert told.filename == __file__
    assert made.labels == ("east", "west")
    assert set(made.failures) == {"dull", "silent", "solo"}
    assert "'b' is constant" in made.failures["dull"]
    assert "more" in made.failures["solo"]
    assert all(repr(label) in str(told.message) for label in made.failures)
    assert made.division is not None
    assert made.division.by == "g"
    alone = csi.moments(source, ITEMS, **options)
    everyone = made.division.overall
    assert_allclose(everyone.mean, alone.mean, rtol=1e-12)
    assert_allclose(everyone.cov, alone.cov, rtol=1e-12)
    assert made.flow == alone.flow
    for member, label in zip(made, made.labels, strict=True):
        own = FRAME[[own == label for own in LABELS]]
        weighted = own[own["w"] > 0]
        complete = len(weighted[ITEMS].dropna())
        some = len(weighted[ITEMS].dropna(how="all"))
        flow = {"read": len(own), "with weight": len(weighted), "complete": complete}
        if incomplete == "listwise":
            assert dict(member.flow) == {**flow, "used": complete}
        else:
            assert dict(member.flow) == {**flow, "with any answer": some, "used": some}


def test_the_sums_of_everyone_include_who_has_no_group() -> None:
    with pytest.warns(csi.errors.AnswersWarning):
        made = csi.moments(FRAME, ITEMS, by="g", buckets=20)
    assert made.division is not None
    whole = made.division.overall.buckets
    alone = csi.moments(FRAME, ITEMS, buckets=20).buckets
    assert whole is not None
    assert alone is not None
    assert_allclose(whole.total().mean(), FRAME[ITEMS].dropna().mean(), rtol=1e-12)
    assert_allclose(whole.count, alone.count)
    assert_allclose(whole.weight, alone.weight)
    survey = csi.read_survey(FRAME)
    with pytest.warns(csi.errors.AnswersWarning):
        twin = csi.moments(survey, ITEMS, by="g", buckets=20)
    assert twin.buckets is not None
    assert twin.division is not None
    assert twin.division.overall.buckets is not None
    assert_allclose(twin.buckets.total().cov(), made.cov, rtol=1e-12)
    assert twin.failures == made.failures


def test_stacks_add_up_with_everyone_and_their_flows() -> None:
    usable = FRAME[LABELS.isin(["east", "west"]) | LABELS.isna()]
    parts = [usable[:100], usable[100:]]
    first, second, whole = (
        csi.moments(part, ITEMS, by="g") for part in (*parts, usable)
    )
    for made, wanted in ((first + second, whole), (whole - second, first)):
        assert made.division is not None
        assert wanted.division is not None
        assert_allclose(made.division.overall.cov, wanted.division.overall.cov)
        assert made.flow == wanted.flow
        for mine, theirs in zip(made, wanted, strict=True):
            assert mine.flow == theirs.flow
    fewer = whole.select(["c", "a"])
    assert fewer.division is not None
    assert fewer.division.overall.names == ("c", "a")
    assert fewer[0].flow == whole[0].flow


def test_without_a_group_that_can_be_used() -> None:
    frame = FRAME[LABELS.isin(["solo", "silent"])].assign(a=[1, 4, 2, 3, 5, 2])
    for source in (frame.fillna(2), csi.read_survey(frame.fillna(2))):
        with pytest.raises(csi.DataError) as caught:
            csi.moments(source, ITEMS, by="g")
        assert "group 'silent' of 'g': 3 complete answers to 3" in str(caught.value)


def test_a_stack_of_many_is_printed_short() -> None:
    frame = pd.DataFrame(
        np.random.default_rng(1).normal(size=(4000, 2)), columns=["a", "b"]
    ).assign(g=np.minimum(np.arange(4000) // 10, 398))
    made = csi.moments(frame, ["a", "b"], by="g")
    assert repr(made) == "Moments(2 items, n=10 to 20, a stack of 399)"
    assert len(list(made)) == 399


@pytest.mark.parametrize("position", [2, -3, np.int64(9)])
def test_a_member_that_is_not_there(position: Any) -> None:
    frame = FRAME[LABELS.isin(["east", "west"])]
    made = csi.moments(frame, ITEMS, by="g")
    with pytest.raises(csi.SpecificationError, match="has 2 members, 0 to 1; its labe"):
        made[position]
    assert made[-1].n == made[np.int64(1)].n == made.n[1]


ASKED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no items": ({"items": None}, ["items are a list of columns", "not None"]),
    "a model": ({"items": csi.acsi()}, ["say items=model.items"]),
    "one text": ({"items": "a"}, ["as ['q1', 'q2'], not 'a'"]),
    "numbers": ({"items": [1, 2]}, ["not [1, 2]"]),
    "two columns": (
        {"by": ["g", "w"]},
        ["by is the name of a column, as by='g', not ['g', 'w']", "in one first"],
    ),
    "weights themselves": (
        {"weights": FRAME["w"], "clusters": FRAME["g"].to_numpy()},
        ["2 problems", "weights is the name of a column", "not Series", "not ndarray"],
    ),
    "half a bucket": ({"buckets": 30.5}, ["20 or more, not 30.5"]),
    "true": ({"buckets": True}, ["not True"]),
    "everything": ({"items": None, "by": 3, "buckets": 3}, ["3 problems"]),
    "a word as code": ({"missing": "98"}, ["missing"]),
}


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("kind", ["survey", "pandas"])
def test_arguments_of_another_kind(kind: str, name: str, tmp_path: Path) -> None:
    options, fragments = ASKED[name]
    with pytest.raises(csi.SpecificationError) as caught:
        csi.moments(SOURCES[kind](tmp_path), **{"items": ITEMS, **options})
    if not (kind == "survey" and name == "a word as code"):
        assert [f for f in fragments if f not in str(caught.value)] == []


@pytest.mark.parametrize("incomplete", TREATED)
def test_what_can_be_read_once_is_read_once(incomplete: Any) -> None:
    coded = FRAME[ITEMS].fillna(99)
    made = csi.moments(
        coded,
        (item for item in ITEMS),
        missing=(code for code in (98, 99)),
        incomplete=incomplete,
    )
    wanted = csi.moments(FRAME, ITEMS, incomplete=incomplete)
    assert_allclose(made.mean, wanted.mean, rtol=1e-12)
    assert_allclose(made.cov, wanted.cov, rtol=1e-12)
    assert made.mean.max() < 10


def test_numbers_of_numpy() -> None:
    coded = FRAME[ITEMS].fillna(99)
    wanted = FRAME[ITEMS].dropna().mean().to_numpy(dtype=float)
    codes: list[Any] = [np.int64(99), np.float32(99), np.array(99), {99}]
    for code in [*codes, np.array([99.0])]:
        assert_allclose(csi.moments(coded, ITEMS, missing=code).mean, wanted)
    made = csi.moments(coded, ITEMS, missing=99, buckets=np.int64(40))
    assert made.buckets is not None
    assert made.buckets.count.shape == (40,)
    with pytest.raises(csi.SpecificationError, match="a survey has its own"):
        csi.moments(csi.read_survey(FRAME), ITEMS, missing=codes[0])


@pytest.mark.filterwarnings("ignore::csindex.AnswersWarning")
def test_a_fit_of_moments_by_group_is_that_of_the_survey() -> None:
    model = csi.Model(
        "m",
        [csi.reflective("x", "a", "b"), csi.reflective("y", "c")],
        [("x", "y")],
        index="y",
    )
    frame = FRAME.drop(columns="w")
    survey = csi.read_survey(frame, scale=dict.fromkeys(ITEMS, (1, 10)))
    expected = csi.fit(model, survey, by="g")
    stack = csi.moments(frame, ITEMS, by="g", scale=(1, 10), buckets=40)
    found: Any = csi.fit(model, stack)
    assert list(found.members) == list(expected.members)
    assert set(found.failures) == set(expected.failures)
    for mine, theirs in [
        (found.overall, expected.overall),
        *((found[label], expected[label]) for label in expected.members),
    ]:
        assert_allclose(mine.paths["estimate"], theirs.paths["estimate"], atol=1e-12)
        assert_allclose(mine.index, theirs.index, atol=1e-10)
        assert mine.n == theirs.n
    boot = csi.bootstrap(csi.fit(model, stack, by="g"), n=100, seed=1)
    assert (boot.index.loc[list(found.members), "se"] > 0).all()


def test_moments_by_another_column_are_refused() -> None:
    frame = FRAME[FRAME["g"].isin(["east", "west"])]
    stack = csi.moments(frame, ITEMS, by="g", scale=(1, 10))
    model = csi.Model("m", [csi.reflective("x", *ITEMS)])
    with pytest.raises(csi.SpecificationError, match="made by it, as by"):
        csi.fit(model, stack, by="w")
