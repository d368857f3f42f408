"""Bootstraps of groups: differences of every kind, shared clusters, failures."""

from __future__ import annotations

from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.inference.intervals import Interval

MODEL = csi.Model(
    "single", (csi.reflective("x", "x"), csi.reflective("y", "y")), (("x", "y"),), "x"
)
# points of 0-100 per point of the scale
POINTS = 100 / 9


@cache
def _frame() -> pd.DataFrame:
    """Return 60 clusters of four, half of each in either group."""
    rng = np.random.default_rng(1)
    cluster = np.repeat(np.arange(60), 4)
    x = 5.5 + 1.4 * rng.normal(size=60)[cluster] + 0.7 * rng.normal(size=240)
    y = x + rng.normal(size=240)
    frame = pd.DataFrame({"x": x.clip(1, 10), "y": y.clip(1, 10), "cluster": cluster})
    frame["half"] = np.tile(["u", "u", "v", "v"], 60)
    frame["whole"] = np.where(cluster < 25, "u", "v")
    frame["stratum"] = np.where(cluster % 3, "big", "small")
    return frame


def _groups(by: str, **design: Any) -> csi.GroupResults:
    survey = csi.read_survey(
        _frame(), scale={"x": (1, 10), "y": (1, 10)}, groups=(by,), **design
    )
    return csi.fit(MODEL, survey, by=by)


def _textbook(by: str, strata: str | None = None) -> float:
    """Return the standard error of the difference of means, from cluster totals."""
    frame = _frame()
    ratio = pd.Series(0.0, index=frame.index)
    for label, sign in (("u", 1), ("v", -1)):
        own = frame[by] == label
        ratio[own] = sign * (frame["x"] - frame["x"][own].mean())[own] / own.sum()
    keys = ["cluster"] if strata is None else [strata, "cluster"]
    totals = ratio.groupby([frame[key] for key in keys]).sum()
    parts = [totals] if strata is None else [own for _, own in totals.groupby(level=0)]
    variance = sum(len(t) / (len(t) - 1) * ((t - t.mean()) ** 2).sum() for t in parts)
    return POINTS * float(np.sqrt(variance))


@pytest.mark.parametrize("strata", [None, "stratum"])
@pytest.mark.parametrize("kind", ["percentile", "bca"])
def test_shared_clusters_are_drawn_once(kind: Interval, strata: str | None) -> None:
    fits = _groups("half", clusters="cluster", strata=strata)
    boot = csi.bootstrap(fits, n=4000, interval=kind)
    row = boot.differences.iloc[0]
    # 4000 resamples: 1.1 % Monte Carlo error of a standard error
    assert row["se"] == pytest.approx(_textbook("half", strata), rel=0.05)
    half = NormalDist().inv_cdf(0.975) * row["se"]
    limits = [row["estimate"] - half, row["estimate"] + half]
    assert_allclose([row["low"], row["high"]], limits, atol=0.12 * half)
    # drawn by themselves, the groups would vary more than two times as much
    assert np.hypot(*boot.index["se"]) > 2 * row["se"]
    assert "60 clusters have respondents of several groups" in repr(boot)


@pytest.mark.parametrize("by", ["half", "whole"])
def test_differences_of_independent_groups(by: str) -> None:
    clusters = "cluster" if by == "whole" else None
    boot = csi.bootstrap(_groups(by, clusters=clusters), n=4000)
    row = boot.differences.iloc[0]
    assert row["se"] == pytest.approx(np.hypot(*boot.index["se"]), rel=0.05)
    assert "several groups" not in repr(boot)


@pytest.mark.parametrize("kind", ["percentile", "basic", "normal", "bc", "bca"])
def test_differences_have_the_interval_asked_for(kind: Interval) -> None:
    boot = csi.bootstrap(_groups("half"), n=1000, interval=kind)
    apart = [boot[label].replicates("scores")[:, 0] for label in "uv"]
    values = apart[0] - apart[1]
    means = {k: own.to_numpy() for k, own in _frame().groupby("half")["x"]}
    estimate = POINTS * (means["u"].mean() - means["v"].mean())
    # influence of each respondent on a difference of two means
    u, v = (means[k] - means[k].mean() for k in "uv")
    influence = np.concatenate([u / len(u), -v / len(v)])
    rate = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)
    normal = NormalDist()
    z0 = normal.inv_cdf(float((values <= estimate).mean()))
    ends: list[float] = []
    for tail in (0.025, 0.975):
        z = normal.inv_cdf(tail)
        at = z0 + (z0 + z) / (1 - rate * (z0 + z))
        ends.append(
            float(
                {
                    "percentile": np.quantile(values, tail),
                    "basic": 2 * estimate - np.quantile(values, 1 - tail),
                    "normal": estimate + z * values.std(ddof=1),
                    "bc": np.quantile(values, normal.cdf(2 * z0 + z)),
                    "bca": np.quantile(values, normal.cdf(at)),
                }[kind]
            )
        )
    row = boot.differences.iloc[0]
    assert row["estimate"] == pytest.approx(estimate)
    assert_allclose([row["low"], row["high"]], ends, rtol=1e-6)
    assert f"{kind} intervals" in repr(boot)


def test_studentized_differences() -> None:
    boot = csi.bootstrap(_groups("half"), n=600, interval="studentized", inner=60)
    row = boot.differences.iloc[0]
    frame = _frame()
    u, v = (frame["x"][frame["half"] == k] for k in "uv")
    se = POINTS * np.sqrt(u.var() / len(u) + v.var() / len(v))
    # of a difference of means t is close to normal for 120 respondents each
    half = NormalDist().inv_cdf(0.975) * se
    limits = [row["estimate"] - half, row["estimate"] + half]
    assert_allclose([row["low"], row["high"]], limits, atol=0.15 * half)


@pytest.fixture(scope="module")
def lonely() -> csi.GroupBootstrap:
    """Return bootstraps of three groups, one with a stratum of one respondent."""
    frame = _frame().assign(
        part=np.repeat(["a", "b", "c"], 80), layer=np.tile(["p", "q"], 120)
    )
    frame.loc[[0, 1, 80], "layer"] = "rare"
    scale = {"x": (1, 10), "y": (1, 10)}
    survey = csi.read_survey(frame, scale=scale, strata="layer")
    fits = csi.fit(MODEL, survey, by="part")
    with pytest.warns(csi.AnswersWarning, match="groups of 'part' without a bootstrap"):
        return csi.bootstrap(fits, n=200)


def test_a_group_that_fails_ends_no_other(lonely: csi.GroupBootstrap) -> None:
    assert [*lonely.failures] == ["b"]
    reason = lonely.failures["b"]
    assert reason.startswith("1 of 3 strata have one sampling unit only")
    table = lonely.index
    assert [*table.index] == ["a", "b", "c"]
    assert table.loc["b", "note"] == reason
    assert table.loc["b", ["se", "low", "high"]].isna().all()
    mean = _frame()["x"].iloc[80:160].mean()
    assert table.loc["b", "estimate"] == pytest.approx(POINTS * (mean - 1))
    assert table.loc["b", "n"] == 80
    assert table.loc[["a", "c"], ["se", "low", "high"]].notna().all(axis=None)
    assert lonely.differences[["first", "second"]].to_numpy().tolist() == [["a", "c"]]
    assert f"b: {reason}" in " ".join(repr(lonely).split())
    with pytest.raises(csi.DataError, match="group 'b' of 'part': 1 of 3 strata"):
        lonely["b"]


def test_it_is_a_mapping(lonely: csi.GroupBootstrap) -> None:
    assert [*lonely] == ["a", "c"]
    assert len(lonely) == 2
    assert "a" in lonely
    assert "b" not in lonely
    assert "nobody" not in lonely
    with pytest.raises(csi.DataError, match="unknown group 'nobody'"):
        lonely["nobody"]


def test_everyone_is_named() -> None:
    fits = _groups("half")
    told = "everyone: BCa intervals need more resamples than the 240 units"
    with pytest.raises(csi.SpecificationError, match=told):
        csi.bootstrap(fits, n=200, interval="bca")


def test_a_group_without_an_estimate_for_each_unit() -> None:
    # without its one respondent of another opinion, group c doesn't vary
    frame = _frame().assign(part=np.repeat(["a", "b", "c"], 80))
    frame.loc[frame["part"] == "c", "y"] = 3.0
    frame.loc[200, "y"] = 4.0
    survey = csi.read_survey(frame, scale={"x": (1, 10), "y": (1, 10)})
    boot = csi.bootstrap(csi.fit(MODEL, survey, by="part"), n=400, interval="bca")
    told = boot.index.loc["c", "note"]
    assert "without each unit, and 1 of 80 of those failed" in told
    assert np.isnan(boot.index.loc["c", "low"])
    assert boot.index.loc[["a", "b"], ["low", "high"]].notna().all(axis=None)
    pairs = boot.differences.set_index(["first", "second"])
    assert np.isfinite(pairs.loc[("a", "b"), "low"])
    assert " ".join(repr(boot).split()).count("1 of 80 of those failed") >= 1
