"""Sources of any size: the same moments from every one of them, in one pass."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import csindex as csi
from csindex.moments import adding, batches, files
from csindex.moments.buckets import bucket_of, file_origin, salt_of

ITEMS = ["a", "b", "c"]
CODE = 99
N = 700


def answers() -> pd.DataFrame:
    """Return whole numbers with codes, and weights, clusters and groups."""
    rng = np.random.default_rng(11)
    common = rng.normal(size=(N, 1))
    values = np.clip(np.rint(6 + 2 * common + rng.normal(size=(N, 3))), 1, 10)
    values[rng.random(values.shape) < 0.05] = CODE
    frame = pd.DataFrame(values.astype(np.int64), columns=ITEMS)
    return frame.assign(
        w=np.where(rng.random(N) < 0.1, 0, rng.integers(1, 40, N) / 8),
        g=rng.integers(0, 3, N),
        k=np.arange(N) // 7,
    )


FRAME = answers()
COMPLETE = (FRAME[ITEMS] != CODE).all(axis=1).to_numpy()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut even these answers into many batches."""
    monkeypatch.setattr(batches, "BATCH", 128)
    monkeypatch.setattr(batches, "SORTED_BATCH", 192)
    monkeypatch.setattr(adding, "_BLOCK", 50)
    monkeypatch.setattr(adding, "_SORTED", 100)
    monkeypatch.setattr(adding, "_PAIRED", 100)


def holed() -> pd.DataFrame:
    """Return the answers with gaps in the place of codes."""
    return FRAME.assign(
        **{item: FRAME[item].mask(FRAME[item] == CODE) for item in ITEMS}
    )


def arrow() -> pa.Table:
    return pa.Table.from_pandas(FRAME, preserve_index=False)


def as_files(folder: Path, pieces: int) -> list[Path]:
    """Write Parquet files with small row groups."""
    table, step = arrow(), N // pieces
    paths = [folder / f"part{k}.parquet" for k in range(pieces)]
    for k, path in enumerate(paths):
        pq.write_table(table.slice(k * step, step), path, row_group_size=90)
    return paths


def as_text(folder: Path, delimiter: str, gaps: bool = False) -> Path:
    path = folder / "answers.csv"
    (holed() if gaps else FRAME).to_csv(path, sep=delimiter, index=False)
    return path


def duckdb(_: Path) -> Any:
    engine = pytest.importorskip("duckdb", reason="needs DuckDB")
    return engine.connect().from_arrow(arrow())


SOURCES: dict[str, Callable[[Path], Any]] = {
    "pandas": lambda _: FRAME,
    "pandas with gaps": lambda _: holed(),
    "pandas nullable": lambda _: holed().convert_dtypes(),
    "pandas texts": lambda _: FRAME.assign(a=FRAME["a"].astype(str).astype(object)),
    "Polars": lambda _: pl.from_pandas(FRAME),
    "Polars with gaps": lambda _: pl.from_pandas(holed()),
    "Polars small numbers": lambda _: pl.from_pandas(FRAME).cast(
        dict.fromkeys(ITEMS, pl.UInt8)
    ),
    "Polars lazy": lambda folder: pl.scan_parquet(as_files(folder, 1)[0]),
    "Arrow table": lambda _: arrow(),
    "Arrow table in chunks": lambda _: pa.concat_tables(
        [arrow().slice(start, 7) for start in range(0, N, 7)]
    ),
    "Arrow batch": lambda _: arrow().combine_chunks().to_batches()[0],
    "Arrow reader": lambda _: arrow().to_reader(max_chunksize=31),
    "Arrow dataset": lambda folder: pa.dataset.dataset(as_files(folder, 2)),
    "Parquet": lambda folder: str(as_files(folder, 1)[0]),
    "Parquet files": lambda folder: as_files(folder, 2),
    "Parquet pattern": lambda folder: (as_files(folder, 2), folder / "*.parquet")[1],
    "text": lambda folder: as_text(folder, ";"),
    "DuckDB": duckdb,
}


def expected(rows: np.ndarray, weights: np.ndarray | None = None) -> csi.Moments:
    """Return the moments of some rows, by NumPy."""
    values = FRAME.loc[rows, ITEMS].to_numpy(dtype=float)
    own = np.ones(len(values)) if weights is None else weights[rows]
    n = len(values)
    cov = np.cov(values, rowvar=False, aweights=own, ddof=0) * n / (n - 1)
    return csi.Moments(
        ITEMS, np.average(values, axis=0, weights=own), cov, n, weight=own.sum()
    )


def same(made: csi.Moments, by_hand: csi.Moments) -> None:
    assert made.n == by_hand.n
    assert_allclose(made.mean, by_hand.mean, rtol=1e-12)
    assert_allclose(made.cov, by_hand.cov, rtol=1e-12)
    assert_allclose(made.weight, by_hand.weight, rtol=1e-12)


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_the_same(kind: str, tmp_path: Path) -> None:
    made = csi.moments(SOURCES[kind](tmp_path), ITEMS, missing=CODE)
    same(made, expected(COMPLETE))
    assert dict(made.flow) == {
        "read": N,
        "complete": COMPLETE.sum(),
        "used": COMPLETE.sum(),
    }


@pytest.mark.parametrize("kind", SOURCES)
def test_weights_groups_and_buckets(kind: str, tmp_path: Path) -> None:
    made = csi.moments(
        SOURCES[kind](tmp_path),
        ITEMS,
        by="g",
        weights="w",
        buckets=20,
        missing=[CODE],
        scale=(1, 10),
    )
    weights = FRAME["w"].to_numpy()
    positions = bucket_of(row_numbers(kind, tmp_path), 20)
    assert made.labels == (0, 1, 2)
    assert made.buckets is not None
    assert_array_equal(made.low, [1, 1, 1])
    for label in made.labels:
        rows = COMPLETE & (weights > 0) & (FRAME["g"] == label).to_numpy()
        same(made[int(label)], expected(rows, weights))
        counts = np.bincount(positions[rows], minlength=20)
        assert_array_equal(made.buckets.count[label], counts)
        by_bucket = np.bincount(positions[rows], weights[rows], minlength=20)
        assert_allclose(made.buckets.weight[label], by_bucket, rtol=1e-13)


def row_numbers(kind: str, folder: Path) -> np.ndarray:
    """Return what each row's bucket is a hash of: its place, in files of their own."""
    files_read = sorted(folder.iterdir())
    if kind == "Polars lazy" or kind == "Arrow dataset" or not files_read:
        return np.arange(N, dtype=np.uint64)
    size = N // len(files_read)
    keys = [salt_of(file_origin(path)) + np.arange(size) for path in files_read]
    assert len(set(np.concatenate(keys))) == N
    return np.concatenate(keys).astype(np.uint64)


LARGE_TEXTS = [(",", False), (";", False), ("\t", True), ("|", True)]


@pytest.mark.parametrize(("delimiter", "gaps"), LARGE_TEXTS)
def test_large_texts_are_streamed(
    delimiter: str, gaps: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WHOLE_FILE", 0)
    path = as_text(tmp_path, delimiter, gaps)
    made = csi.moments(path, ITEMS, weights="w", missing=CODE)
    weights = FRAME["w"].to_numpy()
    same(made, expected(COMPLETE & (weights > 0), weights))


def test_text_and_parquet_together(tmp_path: Path) -> None:
    first, second = as_files(tmp_path, 2)
    path = as_text(tmp_path, ",")
    FRAME[N // 2 :].to_csv(path, index=False)
    assert second.exists()
    same(csi.moments([first, path], ITEMS, missing=CODE), expected(COMPLETE))


def test_surveys_have_buckets() -> None:
    survey = csi.read_survey(FRAME, missing=CODE, weights="w", scale=(1, 10))
    made = csi.moments(survey, ITEMS, buckets=25)
    weights = FRAME["w"].to_numpy()
    same(made, expected(COMPLETE & (weights > 0), weights))
    assert made.buckets is not None
    assert made.buckets.count.sum() == made.n
    assert_allclose(made.buckets.total().cov(), made.cov, rtol=1e-12)
    assert dict(made.flow)["read"] == N
    groups = csi.moments(survey, ITEMS, by="g", buckets=25)
    assert_allclose(groups.cov, csi.moments(survey, ITEMS, by="g").cov, rtol=1e-12)


def test_groups_with_gaps_keep_their_labels() -> None:
    labels = FRAME["g"].astype("Int64").mask(FRAME["g"] == 2)
    for source in (
        FRAME.assign(g=labels),
        pl.from_pandas(FRAME.assign(g=labels)),
        pa.Table.from_pandas(FRAME.assign(g=labels)),
    ):
        made = csi.moments(source, ITEMS, by="g", missing=CODE)
        assert [repr(label) for label in made.labels] == ["0", "1"]
        assert made.n.sum() == (COMPLETE & (FRAME["g"] != 2)).sum()


@pytest.mark.parametrize("offset", [0.0, 1e6, 1e9])
def test_far_from_zero_no_digit_is_lost(offset: float) -> None:
    values = np.random.default_rng(3).normal(size=(N, 3)).round(3) + offset
    made = csi.moments(pd.DataFrame(values, columns=ITEMS), ITEMS, buckets=20)
    near = values - offset
    assert_allclose(made.cov, np.cov(near, rowvar=False), rtol=1e-9, atol=1e-12)
    assert made.buckets is not None
    assert_allclose(made.buckets.total().cov(), made.cov, rtol=1e-10, atol=1e-12)


def test_batches_change_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for rows in (64, 128, 5000):
        monkeypatch.setattr(batches, "SORTED_BATCH", rows)
        made = csi.moments(FRAME, ITEMS, missing=CODE, buckets=40)
        assert made.buckets is not None
        found.append((made.mean, made.cov, made.buckets.second, made.buckets.count))
    for other in found[1:]:
        for mine, theirs in zip(found[0], other, strict=True):
            assert_array_equal(mine, theirs)


# the generator's first numbers from seed 0, as its authors publish them
SPLITMIX64 = [
    0xE220A8397B1DCDAF,
    0x6E789E6AA1B965F4,
    0x06C45D188009454F,
    0xF88BB8A8724C81EC,
]


@pytest.mark.parametrize("buckets", [20, 1000, 1 << 31])
def test_the_hash_is_splitmix64(buckets: int) -> None:
    wanted = [(number >> 32) * buckets >> 32 for number in SPLITMIX64]
    assert bucket_of(np.arange(4), buckets).tolist() == wanted


def test_buckets_are_as_good_as_random() -> None:
    n, g = 200_000, 100
    drawn = bucket_of(np.arange(n), g)
    spread = ((np.bincount(drawn, minlength=g) - n / g) ** 2).sum() / (n / g)
    assert 62 < spread < 146  # chi squared with 99 degrees: .001 and .999
    # neighbours meet no more often than by chance
    assert abs((drawn[1:] == drawn[:-1]).mean() - 1 / g) < 5 * np.sqrt(1 / g / n)


@pytest.mark.parametrize("kind", ["whole numbers", "texts", "fractions"])
def test_clusters_stay_together(kind: str) -> None:
    # sizes are powers of two, so that a bucket's size tells its clusters
    sizes = 2 ** np.arange(9)
    labels: Any = np.repeat(np.arange(9), sizes)
    if kind == "texts":
        labels = np.array([f"shop {label}" for label in labels], dtype=object)
    elif kind == "fractions":
        labels = labels.astype(float)
    frame = FRAME[: len(labels)].assign(k=labels, **dict.fromkeys(ITEMS, 1))
    frame[ITEMS] = np.random.default_rng(1).integers(1, 9, size=(len(labels), 3))
    made = csi.moments(frame, ITEMS, buckets=1000, clusters="k")
    assert made.buckets is not None
    held = made.buckets.count[made.buckets.count > 0].tolist()
    assert sum(held) == sizes.sum()
    assert np.bitwise_xor.reduce(held) == sizes.sum()
    if kind == "fractions":
        whole = csi.moments(
            frame.assign(k=labels.astype(int)), ITEMS, buckets=1000, clusters="k"
        )
        assert whole.buckets is not None
        assert_array_equal(whole.buckets.count, made.buckets.count)


@pytest.mark.slow
def test_dask_sums_every_partition() -> None:
    dask = pytest.importorskip("dask.dataframe", reason="needs Dask")
    made = csi.moments(
        dask.from_pandas(FRAME, npartitions=5),
        ITEMS,
        by="g",
        weights="w",
        buckets=20,
        missing=CODE,
    )
    weights = FRAME["w"].to_numpy()
    for label in (0, 1, 2):
        rows = COMPLETE & (weights > 0) & (FRAME["g"] == label).to_numpy()
        same(made[label], expected(rows, weights))
    assert made.buckets is not None
    assert_allclose(made.buckets.total().cov(), made.cov, rtol=1e-12)
    pairs = csi.moments(
        dask.from_pandas(FRAME, npartitions=5),
        ITEMS,
        missing=CODE,
        incomplete="pairwise",
    )
    assert_allclose(pairs.cov, holed()[ITEMS].cov().to_numpy(), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning")
def test_spark_sums_every_partition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spark = pytest.importorskip("pyspark.sql", reason="needs PySpark and Java")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    session = (
        spark.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    try:
        frame = session.read.parquet(*map(str, as_files(tmp_path, 2)))
        made = csi.moments(
            frame.repartition(3), ITEMS, by="g", weights="w", buckets=20, missing=CODE
        )
        whole = csi.moments(frame, ITEMS, missing=CODE)
        pairs = csi.moments(frame, ITEMS, missing=CODE, incomplete="pairwise")
        means = csi.moments(frame, ITEMS, by="g", missing=CODE, incomplete="mean")
        with pytest.raises(csi.DataError, match="outside its scale"):
            csi.moments(frame, ITEMS, scale=(1, 10))
    finally:
        session.stop()
    weights = FRAME["w"].to_numpy()
    same(whole, expected(COMPLETE))
    assert_allclose(pairs.cov, holed()[ITEMS].cov().to_numpy(), rtol=1e-12)
    for label in (0, 1, 2):
        own = holed().loc[FRAME["g"] == label, ITEMS].dropna(how="all")
        filled = own.fillna(own.mean())
        assert_allclose(means[label].cov, filled.cov().to_numpy(), rtol=1e-12)
    for label in (0, 1, 2):
        rows = COMPLETE & (weights > 0) & (FRAME["g"] == label).to_numpy()
        same(made[label], expected(rows, weights))
