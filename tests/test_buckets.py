"""The bootstrap without rows: buckets, and the normal law of moments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import csindex as csi
from csindex.inference.buckets import (
    bucket_stack,
    drawn_moments,
    filled_buckets,
    law_of_answers,
    law_of_buckets,
    without_each,
)
from csindex.inference.resampling import Plan
from csindex.moments.buckets import bucket_of

ITEMS = ["a", "b", "c", "d"]
# two single items and a construct of two; its paths are correlations of the scores
MODEL = csi.Model(
    "small",
    (
        csi.reflective("x", "a"),
        csi.reflective("y", "b"),
        csi.reflective("z", "c", "d"),
    ),
    [("x", "y"), ("y", "z")],
    index="y",
)
CORR = np.array(
    [[1, 0.5, 0.3, 0.3], [0.5, 1, 0.4, 0.4], [0.3, 0.4, 1, 0.6], [0.3, 0.4, 0.6, 1]]
)


def normal_frame(n: int, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    values = 5 + rng.normal(size=(n, 4)) @ np.linalg.cholesky(CORR).T
    return pd.DataFrame(values, columns=ITEMS)


SMALL = normal_frame(600)
WEIGHTS = np.random.default_rng(5).uniform(0.5, 2, 600)


def bucketed(frame: pd.DataFrame, g: int, **options: Any) -> csi.Results:
    return csi.fit(MODEL, csi.moments(frame, ITEMS, buckets=g, **options))


def rows_of(counts: np.ndarray, g: int) -> np.ndarray:
    """Return the rows of resampled buckets, by brute force."""
    members = bucket_of(np.arange(len(SMALL)), g)
    drawn = [
        np.tile(np.flatnonzero(members == bucket), int(count))
        for bucket, count in enumerate(counts)
    ]
    return np.concatenate(drawn)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_resample_of_buckets_is_one_of_their_rows(weighted: bool) -> None:
    frame, own = SMALL.assign(w=WEIGHTS), WEIGHTS if weighted else np.ones(600)
    made = csi.moments(frame, ITEMS, buckets=25, weights="w" if weighted else None)
    counts = np.random.default_rng(1).multinomial(25, np.full(25, 1 / 25), size=6)
    stack = bucket_stack(filled_buckets(made), counts.astype(float))
    for k, row in enumerate(counts):
        rows = rows_of(row, 25)
        values = SMALL.to_numpy()[rows]
        share = own[rows] / own[rows].sum()
        assert_allclose(stack.mean[k], share @ values, rtol=1e-12)
        cov = np.cov(values, rowvar=False, aweights=own[rows], ddof=0) * 600 / 599
        assert_allclose(stack.cov[k], cov, rtol=1e-11, atol=1e-12)


def test_every_bucket_once_is_the_sample() -> None:
    made = csi.moments(SMALL, ITEMS, buckets=25)
    stack = bucket_stack(filled_buckets(made), np.ones((1, 25)))
    assert_allclose(stack.mean[0], SMALL.mean(), rtol=1e-12)
    assert_allclose(stack.cov[0], SMALL.cov(), rtol=1e-12)


def test_leaving_a_bucket_out_leaves_its_rows_out() -> None:
    made = csi.moments(SMALL, ITEMS, buckets=25)
    (stack,) = without_each(filled_buckets(made))
    members = bucket_of(np.arange(600), 25)
    for k in range(25):
        left = SMALL[members != k]
        assert stack.n[k] == len(left)
        assert_allclose(stack.mean[k], left.mean(), rtol=1e-12)
        assert_allclose(stack.cov[k], left.cov(), rtol=1e-11)


def test_the_law_of_rows_has_the_textbook_covariances() -> None:
    n = 600
    law = law_of_answers(csi.read_survey(SMALL).answers(ITEMS))
    spread = law.root.T @ law.root
    centred = SMALL.to_numpy() - SMALL.to_numpy().mean(axis=0)
    i, k = np.triu_indices(4)
    products = centred[:, i] * centred[:, k]
    everything = np.cov(np.column_stack([np.ones(n), centred, products]), rowvar=False)
    assert_allclose(spread, everything / n, atol=1e-15)
    assert_allclose(law.expected[5:], products.mean(axis=0), rtol=1e-12)


def test_the_law_of_few_rows_needs_no_root() -> None:
    few = SMALL[:12]  # 12 rows, 15 moments
    law = law_of_answers(csi.read_survey(few).answers(ITEMS))
    assert law.root.shape == (12, 15)
    assert_allclose((law.root.T @ law.root)[1:5, 1:5], few.cov() / 12, rtol=1e-12)


def test_one_row_per_bucket_gives_the_law_of_rows() -> None:
    clusters = SMALL.assign(k=np.arange(600))
    made = csi.moments(clusters, ITEMS, buckets=50_000, clusters="k")
    buckets = filled_buckets(made)
    assert len(buckets.count) > 590
    found = law_of_buckets(buckets)
    rows = law_of_answers(csi.read_survey(SMALL).answers(ITEMS))
    by_bucket, by_row = (law.root.T @ law.root for law in (found, rows))
    assert_allclose(np.diag(by_bucket)[1:], np.diag(by_row)[1:], rtol=0.05)
    assert_allclose(found.expected, rows.expected, rtol=1e-9, atol=1e-12)


def test_weighted_laws_have_the_variance_of_a_weighted_mean() -> None:
    survey = csi.read_survey(SMALL.assign(w=WEIGHTS), weights="w")
    law = law_of_answers(survey.answers(ITEMS))
    share = WEIGHTS / WEIGHTS.sum()
    apart = SMALL["a"].to_numpy() - share @ SMALL["a"].to_numpy()
    expected = 600 / 599 * (share**2 * apart**2).sum()
    assert_allclose((law.root.T @ law.root)[1, 1], expected, rtol=1e-10)


def test_draws_have_the_law_and_do_not_depend_on_chunks() -> None:
    law = law_of_answers(csi.read_survey(SMALL).answers(ITEMS))
    whole, pieces = (
        list(drawn_moments(law, Plan(4000, 3), size)) for size in (10**6, 256)
    )
    means = np.concatenate([part.mean for part in whole])
    assert_allclose(means, np.concatenate([part.mean for part in pieces]), atol=1e-13)
    assert len(pieces) > len(whole) == 1
    assert_allclose(np.cov(means, rowvar=False), SMALL.cov() / 600, atol=2.5e-4)


N = 100_000
BIG = normal_frame(N)
TABLES = ("paths", "loadings", "weights", "total_effects", "r_squared")


@pytest.fixture(scope="module")
def by_rows() -> csi.Bootstrap:
    """Return the row bootstrap that the other ways shall agree with."""
    fitted = csi.fit(MODEL, csi.read_survey(BIG, scale=(0, 10)))
    return csi.bootstrap(fitted, n=400, seed=2)


def boots() -> dict[str, csi.Bootstrap]:
    buckets = bucketed(BIG, 2000, scale=(0, 10))
    rows = csi.fit(MODEL, csi.read_survey(BIG, scale=(0, 10)))
    return {
        "buckets": csi.bootstrap(buckets, n=2000),
        "normal, buckets": csi.bootstrap(buckets, n=2000, method="normal"),
        "normal, rows": csi.bootstrap(rows, n=2000, method="normal"),
    }


@pytest.fixture(scope="module")
def all_boots() -> dict[str, csi.Bootstrap]:
    return boots()


KINDS = ["buckets", "normal, buckets", "normal, rows"]


@pytest.mark.parametrize("kind", KINDS)
def test_errors_agree_with_the_row_bootstrap(
    kind: str, by_rows: csi.Bootstrap, all_boots: dict[str, csi.Bootstrap]
) -> None:
    boot = all_boots[kind]
    assert boot.counts["used"] == 2000
    for table in (*TABLES, "scores"):
        mine, other = (getattr(b, table)["se"].to_numpy() for b in (boot, by_rows))
        varies = other > 1e-9  # single items have loadings of one
        # errors of both: 1 / sqrt(2 * 400), 1 / sqrt(2 * 2000) twice: 4.2 percent
        assert_allclose(mine[varies] / other[varies], 1, atol=4 * 0.042)
        assert_allclose(np.mean(mine[varies] / other[varies]), 1, atol=3 * 0.042)


@pytest.mark.parametrize("kind", KINDS)
def test_errors_are_those_of_theory(
    kind: str, all_boots: dict[str, csi.Bootstrap]
) -> None:
    boot = all_boots[kind]
    r = np.corrcoef(BIG["a"], BIG["b"])[0, 1]
    # of a correlation of normal variables, and of a mean on 0-100
    assert_allclose(boot.paths["se"][0], (1 - r**2) / np.sqrt(N), rtol=4 * 0.022)
    assert_allclose(boot.index["se"], 10 * BIG["b"].std() / np.sqrt(N), rtol=4 * 0.022)
    half = 1.959964 * 10 * BIG["b"].std() / np.sqrt(N)
    assert_allclose(
        [boot.index["low"], boot.index["high"]],
        10 * BIG["b"].mean() + half * np.array([-1, 1]),
        atol=0.2 * half,
    )


@pytest.mark.parametrize("interval", ["basic", "normal", "bc", "bca", "studentized"])
def test_every_kind_of_interval(interval: Any) -> None:
    fitted = bucketed(BIG[:20_000], 200, scale=(0, 10))
    boot = csi.bootstrap(fitted, n=600, interval=interval, inner=20)
    mean, se = BIG["b"][:20_000].mean(), BIG["b"][:20_000].std() / np.sqrt(20_000)
    found = (boot.index[["low", "high"]].to_numpy(dtype=float) / 10 - mean) / se
    # 200 buckets tell the error to 5 percent, 600 resamples a quantile to 11
    assert_allclose(found, [-1.96, 1.96], atol=0.6)


def test_clusters_share_buckets() -> None:
    rng = np.random.default_rng(8)
    shops = np.repeat(np.arange(2000), 10)
    frame = normal_frame(20_000, seed=9)
    frame = frame.add(2 * rng.normal(size=2000)[shops], axis=0).assign(k=shops)
    fitted = bucketed(frame, 500, clusters="k", scale=(-10, 20))
    found = csi.bootstrap(fitted, n=2000).index["se"] * 30 / 100
    by_shop = frame.groupby("k")["b"].mean()
    assert_allclose(found, by_shop.std() / np.sqrt(2000), rtol=4 * 0.036)
    ignored = bucketed(frame, 500, scale=(-10, 20))
    assert csi.bootstrap(ignored, n=2000).index["se"] * 30 / 100 < 0.6 * found


def test_added_moments_are_bootstrapped_together() -> None:
    halves = [csi.moments(part, ITEMS, buckets=500) for part in (BIG[::2], BIG[1::2])]
    fitted = csi.fit(MODEL, halves[0] + halves[1])
    r = np.corrcoef(BIG["a"], BIG["b"])[0, 1]
    assert_allclose(fitted.paths["estimate"][0], r, rtol=1e-10)
    se = csi.bootstrap(fitted, n=2000).paths["se"][0]
    assert_allclose(se, (1 - r**2) / np.sqrt(N), rtol=4 * 0.036)


def quarters(folder: Path) -> list[Path]:
    """Write four files; one item's variance grows from quarter to quarter."""
    paths = [folder / f"q{k}.parquet" for k in range(4)]
    for k, path in enumerate(paths):
        part = BIG[k * 5000 : (k + 1) * 5000]
        part.assign(b=part["b"] * (1 + k)).to_parquet(path, row_group_size=999)
    return paths


@pytest.mark.parametrize("gone", [0, 3])
def test_a_year_without_a_quarter_has_the_errors_of_the_rest(
    gone: int, tmp_path: Path
) -> None:
    paths = quarters(tmp_path)
    options: dict[str, Any] = {"buckets": 500, "scale": (-40, 60)}
    year = csi.moments(str(tmp_path / "*.parquet"), ITEMS, **options)
    left = year - csi.moments(paths[gone], ITEMS, **options)
    rest = pd.concat([pd.read_parquet(path) for path in paths if path != paths[gone]])
    fitted = csi.fit(MODEL, left)
    assert_allclose(fitted.moments.mean, rest[ITEMS].mean(), rtol=1e-10)
    # the standard error of a mean, on 0-100
    expected = rest["b"].std() / np.sqrt(len(rest))
    assert_allclose(csi.bootstrap(fitted, n=1000).index["se"], expected, rtol=4 * 0.04)


def test_what_lies_in_other_buckets_leaves_none(tmp_path: Path) -> None:
    paths = quarters(tmp_path)
    year = csi.moments(pd.concat(map(pd.read_parquet, paths)), ITEMS, buckets=100)
    with pytest.warns(csi.errors.SpecificationWarning, match="other buckets"):
        left = year - csi.moments(paths[1], ITEMS, buckets=100)
    with pytest.raises(csi.DataError, match="buckets=2000"):
        csi.bootstrap(csi.fit(MODEL, left), n=100)


def test_clusters_are_taken_from_their_buckets() -> None:
    shops = BIG[:6000].assign(k=np.arange(6000) // 12)
    part = shops[1200:2400].assign(k=lambda frame: frame["k"].astype(str))
    whole, gone, rest = (
        csi.moments(frame, ITEMS, buckets=60, clusters="k")
        for frame in (shops, part, shops.drop(part.index))
    )
    left = (whole - gone).buckets
    assert left is not None
    assert rest.buckets is not None
    assert_array_equal(left.count, rest.buckets.count)
    assert_allclose(left.mean(), rest.buckets.mean(), rtol=1e-9)


def test_clusters_of_a_survey_are_those_of_its_frame() -> None:
    frame = SMALL.assign(k=[f"shop {k}" for k in np.arange(600)[::-1] // 6])
    survey = csi.moments(csi.read_survey(frame, clusters="k"), ITEMS, buckets=40)
    rows = csi.moments(frame, ITEMS, buckets=40, clusters="k")
    assert survey.buckets is not None
    assert rows.buckets is not None
    assert_array_equal(survey.buckets.count, rows.buckets.count)
    holed = frame.assign(k=frame["k"].where(frame.index > 5))
    with pytest.raises(csi.DataError, match=r"column 'k' .* 6 of 600"):
        csi.moments(csi.read_survey(holed, clusters="k"), ITEMS, buckets=40)


def test_what_was_added_can_be_taken_away() -> None:
    parts = [SMALL[:200], SMALL[200:350], SMALL[350:]]
    first, second, third = (csi.moments(part, ITEMS, buckets=20) for part in parts)
    left = (first + second + third - second).buckets
    wanted = (first + third).buckets
    assert left is not None
    assert wanted is not None
    assert_array_equal(left.count, wanted.count)
    assert_allclose(left.mean(), wanted.mean(), rtol=1e-10)
    with pytest.warns(csi.errors.SpecificationWarning, match="has no buckets"):
        assert (first + third - csi.moments(parts[2][9:], ITEMS, buckets=20)).n == 209


def test_one_group_of_a_stack_is_bootstrapped() -> None:
    frame = BIG[:20_000].assign(g=np.arange(20_000) % 2)
    stack = csi.moments(frame, ITEMS, by="g", buckets=300)
    for label in (0, 1):
        own = frame[frame["g"] == label]
        r = np.corrcoef(own["a"], own["b"])[0, 1]
        boot = csi.bootstrap(csi.fit(MODEL, stack[label]), n=1000)
        assert_allclose(boot.paths["estimate"][0], r, rtol=1e-10)
        assert_allclose(boot.paths["se"][0], (1 - r**2) / 100, rtol=4 * 0.047)


def test_settings_say_what_was_drawn() -> None:
    fitted = bucketed(SMALL, 50)
    assert csi.bootstrap(fitted, n=100).settings["resamples"] == "100, of 50 buckets"
    normal = csi.bootstrap(fitted, n=100, method="normal")
    assert "asymptotic normal law" in normal.settings["resamples"]


def test_seeds_decide() -> None:
    fitted = bucketed(SMALL, 50)
    for method in ("resample", "normal"):
        first, again, other = (
            csi.bootstrap(fitted, n=300, seed=seed, method=method) for seed in (1, 1, 2)
        )
        assert_array_equal(first.replicates("paths"), again.replicates("paths"))
        assert (first.replicates("paths") != other.replicates("paths")).any()


def strata() -> csi.Results:
    frame = SMALL.assign(s=np.arange(600) % 3)
    return csi.fit(MODEL, csi.read_survey(frame, strata="s"))


REFUSED: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "no buckets": (
        lambda: csi.fit(MODEL, csi.moments(SMALL, ITEMS)),
        {},
        ["this fit was made from moments", "csi.moments(..., buckets=2000)"],
    ),
    "few clusters": (
        lambda: bucketed(SMALL.assign(k=np.arange(600) % 9), 100, clusters="k"),
        {},
        ["buckets hold respondents, and 20 are needed"],
    ),
    "indices": (
        lambda: bucketed(SMALL, 50),
        {"indices": np.zeros((100, 600), dtype=int)},
        ["indices name respondents, and none are drawn"],
    ),
    "an unknown method": (
        lambda: bucketed(SMALL, 50),
        {"method": "gauss"},
        ["unknown method 'gauss'; there are 'resample', 'normal'"],
    ),
    "studentized": (
        lambda: bucketed(SMALL, 50),
        {"method": "normal", "interval": "studentized"},
        ["studentized intervals resample the resamples"],
    ),
    "strata": (strata, {"method": "normal"}, ["this sample has strata or clusters"]),
    "few resamples for BCa": (
        lambda: bucketed(SMALL, 50),
        {"interval": "bca", "n": 45},
        ["more resamples than the 50 units"],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    make, options, fragments = REFUSED[name]
    fitted = make()
    with pytest.raises(csi.CsindexError) as caught:
        csi.bootstrap(fitted, **{"n": 100, **options})
    assert [f for f in fragments if f not in str(caught.value)] == [], caught.value
