"""Ordinal CB-SEM of clustered samples, and of groups that lack some answers."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.errors import DataError, SpecificationError
from csindex.estimation.cbsem import CBSEM
from csindex.estimation.cbsem.merging import merged_groups
from csindex.inference.covariance.ladder import invariance
from csindex.kernels.arrays import FloatArray
from csindex.survey import Answers

ONE = csi.Model("one", [csi.reflective("f", "y1", "y2", "y3", "y4")])
ITEMS = list(ONE.items)


def drawn(seed: int, n: int = 300, clusters: int = 0) -> pd.DataFrame:
    """Return answers of one to four; clusters share half of the construct."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((n, 1))
    frame = pd.DataFrame(index=range(n))
    if clusters:
        frame["c"] = np.arange(n) % clusters
        shared = rng.standard_normal((clusters, 1))[frame["c"]]
        factor = np.sqrt(0.5) * (factor + shared)
    values = factor + 0.8 * rng.standard_normal((n, 4))
    frame[ITEMS] = np.digitize(values, [-1.2, 0.0, 1.2]) + 1
    return frame


def fitted(frame: pd.DataFrame, estimator: CBSEM, **design: Any) -> csi.Results:
    survey = csi.read_survey(frame, **design)
    return csi.fit(ONE, survey, estimator=estimator)


WLSMV = CBSEM("WLSMV", ordinal=True)
KINDS = {
    "delta": WLSMV,
    "theta": CBSEM("WLSMV", ordinal=True, parameterization="theta"),
    "ULSMV": CBSEM("ULSMV", ordinal=True),
    "WLSM": CBSEM("WLSM", ordinal=True),
    "mixed": CBSEM("WLSMV", ordinal=("y1", "y2")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_everybody_a_cluster_is_no_clusters(kind: str) -> None:
    frame = drawn(1)
    plain = fitted(frame, KINDS[kind])
    alone = fitted(frame.assign(c=np.arange(300)), KINDS[kind], clusters="c")
    assert_allclose(alone.parameters["estimate"], plain.parameters["estimate"])
    # c clusters have the factor c / (c - 1)
    ratio = np.sqrt(300 / 299)
    assert_allclose(alone.parameters["se"], ratio * plain.parameters["se"], rtol=1e-9)


@pytest.mark.parametrize("kind", ["delta", "theta", "ULSMV", "mixed"])
def test_doubled_rows_of_one_cluster_tell_nothing_more(kind: str) -> None:
    frame = drawn(2).assign(c=np.arange(300))
    one = fitted(frame, KINDS[kind], clusters="c")
    twice = pd.concat([frame, frame], ignore_index=True)
    two = fitted(twice, KINDS[kind], clusters="c")
    assert_allclose(two.parameters["estimate"], one.parameters["estimate"], atol=1e-7)
    # divisors are n - 1 of the rows
    ratio = np.sqrt((2 * 299) / 599)
    assert_allclose(two.parameters["se"], ratio * one.parameters["se"], rtol=1e-5)
    naive = fitted(twice, KINDS[kind])
    shrunk = naive.parameters["se"] / one.parameters["se"]
    assert_allclose(shrunk.dropna(), np.sqrt(0.5), atol=0.01)
    # the same chi-square of half as many, so that the test doesn't double either
    for name in ("chisq_scaled", "pvalue_scaled"):
        assert_allclose(two.fit_measures[name], one.fit_measures[name], rtol=0.01)


def test_errors_of_clusters_are_those_of_resampled_clusters() -> None:
    frame = drawn(3, 600, clusters=60)
    results = fitted(frame, WLSMV, clusters="c")
    boot = csi.bootstrap(results, n=150, seed=2)
    theory = results.standardized.query("op == '=~'")["se"].to_numpy()
    # an error of 150 draws has a standard deviation of 6 %
    assert_allclose(boot.loadings["se"].to_numpy() / theory, 1, atol=0.3)


def test_thresholds_have_errors_of_clusters() -> None:
    """A threshold's error is that of a mean, which clusters make larger."""
    frame = drawn(4, 600, clusters=30)
    table = fitted(frame, WLSMV, clusters="c").parameters
    found = table[(table["lhs"] == "y1") & (table["rhs"] == "t2")].iloc[0]
    below = (frame["y1"] <= 2).to_numpy(float)
    sums = np.bincount(frame["c"], below - below.mean())
    share = np.sqrt(30 / 29 * (sums**2).sum()) / 600
    # by the density of the normal law there
    density = np.exp(-0.5 * found["estimate"] ** 2) / np.sqrt(2 * np.pi)
    assert_allclose(found["se"], share / density * np.sqrt(600 / 599), rtol=1e-6)
    assert found["se"] > 1.5 * np.sqrt(below.var() / 600) / density


def test_clusters_of_groups() -> None:
    frame = drawn(5, 400).assign(c=np.arange(400), g=["a", "b"] * 200)
    plain = invariance(ONE, frame, "g", WLSMV, levels=["metric"])
    survey = csi.read_survey(frame, clusters="c")
    made = invariance(ONE, survey, "g", WLSMV, levels=["metric"])
    ratio = made.fits["metric"].parameters["se"] / plain.fits["metric"].parameters["se"]
    known = ratio[np.isfinite(ratio)]
    assert len(known) > 20
    assert_allclose(known, np.sqrt(200 / 199), rtol=1e-6)


@pytest.mark.parametrize("estimator", [WLSMV, CBSEM("MLR")], ids=["WLSMV", "MLR"])
def test_one_cluster_is_refused(estimator: CBSEM) -> None:
    frame = drawn(6).assign(c=1, g=["a", "b"] * 150)
    with pytest.raises(DataError, match="all respondents are of one cluster"):
        fitted(frame, estimator, clusters="c")
    frame["c"] = np.where(frame["g"] == "a", 1, np.arange(300))
    with pytest.raises(DataError, match="group 'a' of 'g': all respondents are of one"):
        invariance(ONE, csi.read_survey(frame, clusters="c"), "g", estimator)


def grouped() -> pd.DataFrame:
    """Return ten-point answers of two groups, the second without some."""
    rng = np.random.default_rng(8)
    values = rng.standard_normal((900, 1)) + 0.8 * rng.standard_normal((900, 4))
    cuts = np.linspace(-1.7, 1.7, 9)
    frame = pd.DataFrame(np.digitize(values, cuts) + 1, columns=ITEMS)
    frame["g"] = np.where(np.arange(900) < 450, "a", "b")
    rest = frame["g"] == "b"
    frame.loc[rest, "y1"] = frame.loc[rest, "y1"].clip(3, 10).replace(9, 8)
    frame.loc[rest, "y2"] = frame.loc[rest, "y2"].replace(5, 6)
    return frame


def test_answers_that_a_group_lacks_are_refused_or_put_together() -> None:
    frame = grouped()
    with pytest.raises(DataError) as caught:
        invariance(ONE, frame, "g", WLSMV)
    told = caught.value.problems
    assert told[0].startswith(
        "group 'b': nobody in this group gave 'y1' the answer 1, 2, 9"
    )
    assert told[1].startswith("group 'b': nobody in this group gave 'y2' the answer 5")
    assert all("merge=True" in one for one in told)
    made = invariance(ONE, frame, "g", WLSMV, merge=True, levels=["metric"])
    counts = frame["y1"].value_counts()
    assert counts[10] > counts[8] or counts[8] > counts[10]
    end = "9+10" if counts[10] < counts[8] else "8+9"
    assert made.merged[0] == f"y1: 1+2+3, {end}"
    other = frame["y2"].value_counts()
    assert made.merged[1] == ("y2: 4+5" if other[4] < other[6] else "y2: 5+6")
    assert any("put together in all groups" in note for note in made.notes)
    # as if the answers had been put together before
    by_hand = frame.copy()
    by_hand["y1"] = by_hand["y1"].replace({1: 3, 2: 3, 9: 10 if end[0] == "9" else 8})
    by_hand["y2"] = by_hand["y2"].replace({5: 4 if other[4] < other[6] else 6})
    same = invariance(ONE, by_hand, "g", WLSMV, levels=["metric"])
    assert same.merged == ()
    assert_allclose(
        made.ladder["chisq"].to_numpy(float), same.ladder["chisq"].to_numpy(float)
    )


def test_nothing_is_put_together_without_need() -> None:
    frame = drawn(9).assign(g=["a", "b"] * 150)
    made = invariance(ONE, frame, "g", WLSMV, merge=True, levels=["metric"])
    assert made.merged == ()
    assert not any("put together" in note for note in made.notes)


def answers(*columns: list[float]) -> Answers:
    values: FloatArray = np.array(columns, float).T
    p = values.shape[1]
    ends = np.full(p, np.nan)
    return Answers(tuple(ITEMS[:p]), values, np.arange(len(values)), ends, ends)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1, 2, 3], [2, 3, 3], "1+2"),
        ([1, 2, 3], [1, 2, 2], "2+3"),
        # 2 is lacking; 1 has fewer answers than 3
        ([1, 2, 3, 3], [1, 3, 3], "1+2"),
        ([1, 1, 2, 3], [1, 1, 1, 3], "2+3"),
        # of equals the higher one
        ([1, 2, 3], [1, 3], "2+3"),
        # a group that has but two of five
        ([1, 2, 3, 4, 5], [2, 4], "1+2, 3+4+5"),
    ],
)
def test_what_joins_what(
    first: list[float], second: list[float], expected: str
) -> None:
    made = merged_groups({"a": answers(first), "b": answers(second)}, ["y1"])
    (one,) = made.merged
    assert one.words == f"y1: {expected}"
    kept = [np.unique(part.values) for part in made.groups.values()]
    assert_allclose(kept[0], kept[1])
    assert len(kept[0]) == len(one.categories)


def test_nothing_left_to_compare() -> None:
    groups: dict[Hashable, Answers] = {
        "a": answers([1, 1, 2], [1, 2, 3]),
        "b": answers([3, 3, 3], [2, 2, 2]),
    }
    with pytest.raises(DataError) as caught:
        merged_groups(groups, ["y1", "y2"])
    assert [problem.split("'")[1] for problem in caught.value.problems] == ["y1", "y2"]


def test_numbers_are_not_put_together() -> None:
    frame = drawn(10).assign(g=["a", "b"] * 150)
    with pytest.raises(SpecificationError, match="ordinal=True"):
        invariance(ONE, frame, "g", CBSEM(), merge=True)
