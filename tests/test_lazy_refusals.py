"""Sources of any size: what is refused, naming the column, the rows and the way out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import csindex as csi
from csindex.moments import batches, files, lazy

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


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut even these answers into many batches."""
    monkeypatch.setattr(batches, "BATCH", 128)
    monkeypatch.setattr(batches, "SORTED_BATCH", 192)


def arrow() -> pa.Table:
    return pa.Table.from_pandas(FRAME, preserve_index=False)


def as_files(folder: Path, pieces: int) -> list[Path]:
    """Write Parquet files with small row groups."""
    table, step = arrow(), N // pieces
    paths = [folder / f"part{k}.parquet" for k in range(pieces)]
    for k, path in enumerate(paths):
        pq.write_table(table.slice(k * step, step), path, row_group_size=90)
    return paths


def infinite() -> pd.DataFrame:
    frame = FRAME.astype({"a": float})
    frame.loc[5, "a"] = np.inf
    return frame


REFUSED: dict[str, tuple[Callable[[Path], Any], dict[str, Any], list[str]]] = {
    "columns": (
        lambda _: pl.from_pandas(FRAME).lazy(),
        {"items": ["a", "bb"], "weights": "ww", "by": "gg", "scale": (5, 1)},
        [
            "4 problems",
            "unknown column 'bb' in items; did you mean 'b'?",
            "unknown column 'ww' as weights; did you mean 'w'?",
            "unknown column 'gg' in by; did you mean 'g'?",
            "must rise",
        ],
    ),
    "codes outside the scale": (
        lambda folder: as_files(folder, 1)[0],
        {"scale": (1, 10)},
        [
            "3 problems",
            "column 'a' has answers outside its scale 1 to 10: 99",
            "say missing=(99,) (first seen in rows 1 to 90)",
        ],
    ),
    "text": (
        lambda _: pa.table({**FRAME.assign(b="good").to_dict("list")}),
        {},
        ["column 'b' must hold numbers but has 'good'", "first seen in rows 1 to 128"],
    ),
    "infinite": (lambda _: infinite(), {}, ["column 'a' has 1 infinite values"]),
    "negative weights": (
        lambda _: FRAME.assign(w=-1.0),
        {"weights": "w"},
        ["weights column 'w' has 128 negative values"],
    ),
    "missing weights": (
        lambda _: pl.from_pandas(FRAME.assign(w=np.nan)),
        {"weights": "w"},
        ["weights column 'w' has 128 missing values"],
    ),
    "no weight": (
        lambda _: FRAME.assign(w=0),
        {"weights": "w"},
        ["weights column 'w' is zero for every respondent"],
    ),
    "no answers": (
        lambda _: FRAME.assign(c=CODE),
        {"missing": CODE},
        ["column 'c' has no answers at all"],
    ),
    "no complete rows": (
        lambda _: FRAME.assign(b=[CODE] * (N - 2) + [1, 2]),
        {"missing": CODE},
        ["only 2 of 700 respondents answered all 3 items", "'b' (698)"],
    ),
    "constant": (
        lambda _: FRAME.assign(c=4),
        {"missing": CODE},
        ["column 'c' is constant: every answer is 4"],
    ),
    "empty": (lambda _: arrow().slice(0, 0), {}, ["the source is empty"]),
    "small groups": (
        lambda _: FRAME[:4].assign(g=[1, 1, 2, 2]),
        {"by": "g"},
        ["group 1 of 'g': 2 complete answers to 3 items", "group 2 of 'g': 2 complete"],
    ),
    "constant in all groups": (
        lambda _: arrow().set_column(2, "c", pa.array(FRAME["g"])),
        {"by": "g", "missing": CODE},
        ["group 0 of 'g': item 'c' is constant", "group 1 of 'g'", "group 2 of 'g'"],
    ),
    "no group": (
        lambda _: FRAME.assign(g=None),
        {"by": "g", "missing": CODE},
        ["column 'g' has no groups"],
    ),
    "no group in a survey": (
        lambda _: csi.read_survey(FRAME.assign(g=None), missing=CODE),
        {"by": "g", "buckets": 20},
        ["column 'g' has no groups"],
    ),
    "lists as groups": (
        lambda _: FRAME.assign(g=[[1]] * N),
        {"by": "g"},
        ["column 'g' can't divide the sample: it holds values as [1]"],
    ),
    "few buckets": (lambda _: FRAME, {"buckets": 5}, ["number of 20 or more, not 5"]),
    "no number of buckets": (lambda _: FRAME, {"buckets": "many"}, ["not 'many'"]),
    "clusters alone": (lambda _: FRAME, {"clusters": "k"}, ["say buckets= too"]),
    "clusters with gaps": (
        lambda _: FRAME.assign(k=FRAME["k"].mask(FRAME["k"] == 3)),
        {"clusters": "k", "buckets": 20},
        ["clusters column 'k' has 7 missing values"],
    ),
    "scales of a survey": (
        lambda _: csi.read_survey(FRAME),
        {"scale": (1, 10)},
        ["a survey has its own weights, scales"],
    ),
    "strata": (
        lambda _: csi.read_survey(FRAME, missing=CODE, strata="g"),
        {"buckets": 20},
        ["which strata forbid"],
    ),
    "no file": (
        lambda folder: [folder / "x.parquet", folder / "y.parquet"],
        {},
        ["2 problems", "x.parquet", "y.parquet", "No such file"],
    ),
    "nothing matches": (
        lambda folder: str(folder / "*.parquet"),
        {},
        ["no file matches", "check the pattern"],
    ),
    "a folder": (lambda folder: folder, {}, ["is a folder", "*.parquet"]),
    "no files": (lambda _: [], {}, ["there are no files"]),
    "numbers": (lambda _: [1], {}, ["1 is not the name of a file"]),
    "nothing": (lambda _: 5, {}, ["cannot read answers from int"]),
    "an array": (lambda _: pa.array([1]), {}, ["from a PyArrow Int64Array"]),
    "a damaged file": (
        lambda folder: _written(folder / "x.parquet", b"PAR1 and no more"),
        {},
        ["x.parquet' is a damaged Parquet file"],
    ),
}


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, tmp_path: Path) -> None:
    source, options, fragments = REFUSED[name]
    with pytest.raises(csi.CsindexError) as caught:
        csi.moments(source(tmp_path), **{"items": ITEMS, **options})
    assert [f for f in fragments if f not in str(caught.value)] == [], caught.value


def test_a_column_that_one_file_lacks(tmp_path: Path) -> None:
    first, second = as_files(tmp_path, 2)
    pq.write_table(pq.read_table(second).drop(["b"]), second)
    with pytest.raises(csi.DataError, match=r"'b' in items is missing in 'part1.par"):
        csi.moments([first, second], ITEMS)


def test_a_word_in_a_large_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WHOLE_FILE", 0)
    path = tmp_path / "answers.csv"
    FRAME.assign(b="good").to_csv(path, index=False)
    with pytest.raises(csi.DataError, match=r"column 'b' must hold numbers .*'good'"):
        csi.moments(path, ITEMS)


def test_groups_and_buckets_that_take_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lazy, "SUMS_BYTES", 10**4)
    with pytest.raises(csi.DataError, match="3 groups with 200 buckets take more"):
        csi.moments(FRAME, ITEMS, by="g", buckets=200, missing=CODE)


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = as_files(tmp_path, 1)[0]
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(csi.DataError, match=r"pip install 'csindex\[bigdata\]'"):
        csi.moments(path, ITEMS)


def test_nothing_is_read_after_the_first_problems(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "BATCH", 16)
    read = []

    def noted() -> Any:
        for batch in arrow().to_batches(max_chunksize=16):
            read.append(batch.num_rows)
            yield batch

    reader = pa.RecordBatchReader.from_batches(arrow().schema, noted())
    with pytest.raises(csi.DataError, match="outside its scale"):
        csi.moments(reader, ITEMS, scale=(1, 3))
    # those at work, one that waits, and Arrow's own
    assert len(read) < N // 16 // 2
