"""Missing answers in sources that are read once: against brute force on all rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.moments import adding, batches
from csindex.results.statistics import SPECIFIC_INDIRECT_EFFECTS

ITEMS = ["a", "b", "c", "d"]
N = 500


def answers() -> pd.DataFrame:
    """Return answers with gaps and codes, and weights and groups."""
    rng = np.random.default_rng(5)
    drawn = 6 + 1.5 * rng.normal(size=(N, 1)) + rng.normal(size=(N, 4))
    frame = pd.DataFrame(np.clip(np.rint(drawn), 1, 10), columns=ITEMS)
    frame = frame.mask(rng.random(frame.shape) < 0.15)
    frame.loc[::9, "b"] = 99
    frame.loc[3:6, ITEMS] = np.nan
    weights = np.where(rng.random(N) < 0.1, 0.0, rng.uniform(0.3, 3, N))
    return frame.assign(w=weights, g=np.arange(N) % 3)


FRAME = answers()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut even these answers into many batches."""
    monkeypatch.setattr(batches, "BATCH", 90)
    monkeypatch.setattr(batches, "SORTED_BATCH", 110)
    monkeypatch.setattr(adding, "_PAIRED", 40)


def parquet(folder: Path) -> Path:
    FRAME.to_parquet(folder / "all.parquet")
    return folder / "all.parquet"


def two_files(folder: Path) -> str:
    FRAME[:123].to_parquet(folder / "part1.parquet")
    FRAME[123:].to_parquet(folder / "part2.parquet")
    return str(folder / "part*.parquet")


SOURCES: dict[str, Callable[[Path], Any]] = {
    "pandas": lambda _: FRAME,
    "polars": lambda _: pl.from_pandas(FRAME),
    "polars, lazy": lambda _: pl.from_pandas(FRAME).lazy(),
    "Arrow": lambda _: pa.Table.from_pandas(FRAME),
    "Parquet": parquet,
    "two files": two_files,
}


def known(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the answers of respondents with any, without codes."""
    own = frame[ITEMS].mask(frame[ITEMS] == 99)
    return own[own.notna().any(axis=1)]


def brute(
    frame: pd.DataFrame, weights: np.ndarray, incomplete: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return means and covariances, pair by pair."""
    values, n = frame.to_numpy(), len(frame)
    total = weights.sum()
    mean = np.array(
        [np.average(x[~np.isnan(x)], weights=weights[~np.isnan(x)]) for x in values.T]
    )
    cov = np.empty((4, 4))
    for i in range(4):
        for k in range(4):
            x, y = values[:, i], values[:, k]
            both = ~np.isnan(x) & ~np.isnan(y)
            x, y, w = x[both], y[both], weights[both]
            if incomplete == "mean":
                apart = (w * (x - mean[i]) * (y - mean[k])).sum() / total
                cov[i, k] = apart * n / (n - 1)
                continue
            share = w.sum() / total * n
            centred = (x - np.average(x, weights=w)) * (y - np.average(y, weights=w))
            cov[i, k] = np.average(centred, weights=w) * share / (share - 1)
    return mean, cov


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("incomplete", ["pairwise", "mean"])
@pytest.mark.parametrize("source", SOURCES)
def test_one_pass_follows_the_definition(
    source: str, incomplete: Any, weighted: bool, tmp_path: Path
) -> None:
    made = csi.moments(
        SOURCES[source](tmp_path),
        ITEMS,
        weights="w" if weighted else None,
        scale=(1, 10),
        missing=99,
        incomplete=incomplete,
    )
    used = known(FRAME[FRAME["w"] > 0] if weighted else FRAME)
    w = FRAME.loc[used.index, "w"].to_numpy() if weighted else np.ones(len(used))
    mean, cov = brute(used, w, incomplete)
    assert_allclose(made.mean, mean, rtol=1e-12)
    assert_allclose(made.cov, cov, rtol=1e-12, atol=1e-12)
    assert_allclose(made.weight, w.sum(), rtol=1e-12)
    flow = dict(made.flow)
    assert flow["used"] == flow["with any answer"] == len(used)
    assert flow["complete"] == len(used.dropna())
    if incomplete == "mean":
        assert made.n == len(used)
    else:
        pairs = [
            w[used[[i, k]].notna().all(axis=1)].sum() / w.sum() * len(used)
            for p, i in enumerate(ITEMS)
            for k in ITEMS[p + 1 :]
        ]
        assert made.n == round(1 / np.mean(1 / np.array(pairs)))


def test_unweighted_pairs_are_those_of_pandas(tmp_path: Path) -> None:
    made = csi.moments(parquet(tmp_path), ITEMS, missing=99, incomplete="pairwise")
    assert_allclose(made.cov, known(FRAME).cov().to_numpy(), rtol=1e-12)


@pytest.mark.parametrize("incomplete", ["pairwise", "mean"])
def test_groups_are_read_at_once(incomplete: Any, tmp_path: Path) -> None:
    made = csi.moments(
        parquet(tmp_path), ITEMS, by="g", missing=99, incomplete=incomplete
    )
    assert made.labels == (0, 1, 2)
    for label, member in zip(made.labels, range(3), strict=True):
        used = known(FRAME[FRAME["g"] == label])
        mean, cov = brute(used, np.ones(len(used)), incomplete)
        assert_allclose(made[member].mean, mean, rtol=1e-12)
        assert_allclose(made[member].cov, cov, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("incomplete", ["pairwise", "pairwise_nearest", "mean", "em"])
@pytest.mark.parametrize("kind", ["survey", "pandas", "Arrow"])
def test_a_fit_treats_gaps_likewise(incomplete: Any, kind: str) -> None:
    model = csi.Model(
        "pair",
        (csi.reflective("x", "a", "b"), csi.reflective("y", "c", "d")),
        [("x", "y")],
    )
    survey = csi.read_survey(FRAME, scale=(1, 10), missing=99, weights="w")
    fit = csi.fit(model, survey, incomplete=incomplete)
    if kind == "survey":
        made = csi.moments(survey, ITEMS, incomplete=incomplete)
    else:
        made = csi.moments(
            FRAME if kind == "pandas" else pa.Table.from_pandas(FRAME),
            ITEMS,
            weights="w",
            scale=(1, 10),
            missing=99,
            incomplete=incomplete,
        )
    assert_allclose(made.mean, fit.moments.mean, rtol=1e-12)
    assert_allclose(made.cov, fit.moments.cov, rtol=0, atol=1e-12)
    assert made.n == fit.moments.n
    assert made.flow == fit.moments.flow


def test_a_nearest_matrix_is_told(tmp_path: Path) -> None:
    """Three items, every two of which were answered by others: 1, 1 and -1."""
    up = np.tile([1.0, 2, 3, 4], 6)
    none = np.full(24, np.nan)
    frame = pd.DataFrame(
        {
            "a": np.concatenate([up, up, none]),
            "b": np.concatenate([up, none, up]),
            "c": np.concatenate([none, up, 5 - up]),
        }
    )
    frame.to_parquet(tmp_path / "odd.parquet")
    path, items = tmp_path / "odd.parquet", ["a", "b", "c"]
    with pytest.raises(csi.errors.DataError, match="smallest eigenvalue is -1"):
        csi.moments(path, items, incomplete="pairwise")
    with pytest.warns(csi.errors.InadmissibleWarning, match="Frobenius distance"):
        made = csi.moments(path, items, incomplete="pairwise_nearest")
    assert np.linalg.eigvalsh(made.corr)[0] > 0
    frame["c"] = np.concatenate([none, up, np.full(24, 2.0)])
    with pytest.raises(csi.errors.DataError, match=re.escape("b and c (c)")):
        csi.moments(pl.from_pandas(frame).lazy(), items, incomplete="pairwise")
    frame["c"] = np.concatenate([none, none, up])
    with pytest.raises(csi.errors.DataError, match="'a and c' were not answered"):
        csi.moments(pl.from_pandas(frame).lazy(), items, incomplete="mean")


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"incomplete": "em"}, "is read once; use incomplete='pairwise'"),
        ({"incomplete": "mean", "buckets": 50}, "buckets= keeps sums of complete"),
        ({"incomplete": "median"}, "unknown treatment 'median'"),
    ],
)
def test_what_a_single_pass_cannot_do(
    options: dict[str, Any], fragment: str, tmp_path: Path
) -> None:
    with pytest.raises(csi.errors.SpecificationError, match=re.escape(fragment)):
        csi.moments(parquet(tmp_path), ITEMS, **options)


@pytest.mark.parametrize("kind", ["constant", "silent"])
def test_items_that_tell_nothing(kind: str) -> None:
    frame = FRAME.assign(c=5.0 if kind == "constant" else np.nan)
    with pytest.raises(csi.errors.DataError, match="'c'"):
        csi.moments(pl.from_pandas(frame).lazy(), ITEMS, incomplete="pairwise")
    partly = frame.assign(c=frame["c"].where(frame["g"] == 0, FRAME["c"]))
    for source in (partly, csi.read_survey(partly, missing=99)):
        told: Any = {"missing": 99} if source is partly else {}
        with pytest.warns(csi.errors.AnswersWarning, match="of 'g' without moments: 0"):
            made = csi.moments(source, ITEMS, by="g", incomplete="mean", **told)
        assert made.labels == (1, 2)
        assert list(made.failures) == [0]
        assert "item 'c'" in made.failures[0]


def test_routes_are_products_of_their_paths() -> None:
    survey = csi.load_dataset("retail")
    fit = csi.fit(csi.acsi(), survey)
    paths = fit.paths.set_index(["source", "target"])["estimate"]
    table = SPECIFIC_INDIRECT_EFFECTS.table(fit.estimates)
    assert table["route"].str.count("->").max() > 2
    for row in table.itertuples():
        way = row.route.split(" -> ")
        expected = np.prod([paths[pair] for pair in pairwise(way)])
        assert_allclose(row.estimate, expected, rtol=1e-12)


DEPENDENT: dict[str, tuple[dict[str, Callable[[pd.DataFrame], pd.Series]], str]] = {
    "a second name": (
        {"e": lambda frame: frame["a"]},
        "items 'a', 'e' say the same; leave one of them out",
    ),
    "turned round": (
        {"e": lambda frame: 11 - frame["c"], "f": lambda frame: 2 * frame["d"]},
        "items 'c', 'e' say the same; leave one of them out; items 'd', 'f' say the",
    ),
    "a sum": (
        {"e": lambda frame: frame["a"] + frame["b"]},
        "items 'a', 'b', 'e' depend on each other; leave one of them out",
    ),
}


@pytest.mark.parametrize("case", DEPENDENT)
def test_items_that_make_em_singular_are_named(case: str) -> None:
    made, told = DEPENDENT[case]
    frame = FRAME[ITEMS].replace(99, np.nan)
    frame = frame.assign(**{name: rule(frame) for name, rule in made.items()})
    model = csi.Model("m", [csi.reflective("x", *frame.columns)])
    with pytest.raises(csi.DataError) as caught:
        csi.fit(model, frame, incomplete="em")
    assert f"became singular: {told}" in str(caught.value)


def test_second_names_of_the_national_survey_are_named() -> None:
    survey = csi.load_dataset("national")
    columns = ["satisfaction_1", "satisfaction_2", "SATIS"]
    model = csi.acsi().with_items(satisfaction=columns)
    with pytest.raises(csi.DataError, match="items 'satisfaction_1', 'SATIS' say the"):
        csi.fit(model, survey, incomplete="em")


@pytest.mark.parametrize("incomplete", ["listwise", "mean", "em", "pairwise"])
def test_a_weight_of_two_is_a_row_given_twice(incomplete: Any) -> None:
    """In correlations; but pairs of items have divisors of their own."""
    rows = known(FRAME).reset_index(drop=True)
    counts = np.random.default_rng(6).integers(1, 4, len(rows))
    weighted = csi.moments(
        rows.assign(w=counts), ITEMS, weights="w", incomplete=incomplete
    )
    repeated = csi.moments(
        rows.loc[rows.index.repeat(counts)].reset_index(drop=True),
        ITEMS,
        incomplete=incomplete,
    )
    pairs = incomplete == "pairwise"
    assert_allclose(weighted.mean, repeated.mean, rtol=1e-7)
    assert_allclose(weighted.corr, repeated.corr, atol=1 / len(rows) if pairs else 1e-9)
    if pairs:
        assert np.abs(weighted.corr - repeated.corr).max() > 1e-6
