"""Large text files are read as small ones, and files that differ are read as one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import csindex as csi
from csindex.moments import batches, files, texts
from csindex.moments.buckets import cluster_keys
from csindex.moments.labels import unified

ITEMS = ["a1", "a2"]
N = 60
RNG = np.random.default_rng(2)
VALUES = RNG.integers(1, 10, size=(N, 2))
LABELS = np.array(["x", "y"])[np.arange(N) % 2]


def table(
    cells: np.ndarray | None = None,
    labels: Any = LABELS,
    header: str = "a1,a2,g",
    delimiter: str = ",",
) -> str:
    """Return a text file of answers and labels, cell by cell as given."""
    values = VALUES.astype(str) if cells is None else cells
    rows = (
        delimiter.join([*own, str(label)])
        for own, label in zip(values.tolist(), labels, strict=True)
    )
    return "\n".join([header.replace(",", delimiter), *rows, ""])


def changed(*texts: str) -> np.ndarray:
    """Return the cells with other texts in the first rows of the first item."""
    cells = VALUES.astype(str).astype(object)
    cells[: len(texts), 0] = texts
    return cells


# the file, and the answers to the first item in its first rows, by hand
SAME: dict[str, tuple[bytes | str, list[float]]] = {
    "plain": (table(), VALUES[:3, 0].tolist()),
    "gaps": (table(changed("", "NA", "n/a", "#N/A", "None")), [np.nan] * 5),
    "a space is a gap": (table(changed(" ", " 5", "6 ")), [np.nan, 5, 6]),
    "truths": (table(changed("TRUE", "false", "True")), [1, 0, 1]),
    "groups named as gaps": (
        table(labels=np.array(["NA", "None", "null"])[np.arange(N) % 3]),
        VALUES[:2, 0].tolist(),
    ),
    "decimal commas": (table(changed("7,5", "2,25"), delimiter=";"), [7.5, 2.25]),
    "decimal points": (table(changed("7.5", "2.25"), delimiter=";"), [7.5, 2.25]),
    "spaces in the header": (table(header=" a1 ,a2, g"), VALUES[:2, 0].tolist()),
    "columns without a name": (
        table(labels=[f"{label},," for label in LABELS], header="a1,a2,g,,"),
        VALUES[:2, 0].tolist(),
    ),
    "a date": (
        table(labels=np.array(["2026-01-01", "2026-04-01"])[np.arange(N) % 2]),
        VALUES[:2, 0].tolist(),
    ),
    "numbers with zeros": (
        table(labels=np.array(["001", "002"])[np.arange(N) % 2]),
        VALUES[:2, 0].tolist(),
    ),
    "groups of truths": (
        table(labels=np.array(["True", "False"])[np.arange(N) % 2]),
        VALUES[:2, 0].tolist(),
    ),
    "groups without a name": (
        table(labels=np.array(["", "z", "y"])[np.arange(N) % 3]),
        VALUES[:2, 0].tolist(),
    ),
    "lines above the header": ("\n\n" + table(), VALUES[:2, 0].tolist()),
    "lines of Windows": (table().replace("\n", "\r\n"), VALUES[:2, 0].tolist()),
    "line breaks in cells": (
        table(labels=np.array(['"a\nb"', '"c,d"'])[np.arange(N) % 2]),
        VALUES[:2, 0].tolist(),
    ),
    "marked UTF-8": (table().encode("utf-8-sig"), VALUES[:2, 0].tolist()),
    "UTF-16": (table().encode("utf-16"), VALUES[:2, 0].tolist()),
    "Western": (
        table(labels=np.array(["é", "ü"])[np.arange(N) % 2]).encode("cp1252"),
        VALUES[:2, 0].tolist(),
    ),
    "Western words": (
        table(labels=np.array(["Qualität", "Größe"])[np.arange(N) % 2]).encode(
            "cp1252"
        ),
        VALUES[:2, 0].tolist(),
    ),
    "Chinese": (
        table(labels=np.array(["质量", "价值"])[np.arange(N) % 2]).encode("gb18030"),
        VALUES[:2, 0].tolist(),
    ),
}


def written(folder: Path, content: bytes | str) -> Path:
    path = folder / "answers.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("case", SAME)
def test_both_readers_read_the_same(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, first = SAME[case]
    path = written(tmp_path, content)
    values = VALUES.astype(float)
    values[: len(first), 0] = first
    known = values[~np.isnan(values).any(axis=1)]
    small = csi.moments(path, ITEMS, by="g")
    monkeypatch.setattr(files, "WHOLE_FILE", 0)
    large, everyone = csi.moments(path, ITEMS, by="g"), csi.moments(path, ITEMS)
    assert_allclose(everyone.mean, known.mean(axis=0), rtol=1e-12)
    assert_allclose(everyone.cov, np.cov(known, rowvar=False), rtol=1e-12)
    assert [repr(label) for label in large.labels] == [repr(k) for k in small.labels]
    assert_allclose(large.mean, small.mean, rtol=1e-12)
    assert_allclose(large.cov, small.cov, rtol=1e-12)
    assert_array_equal(large.n, small.n)
    assert large.flow == small.flow
    for mine, theirs in zip(large, small, strict=True):
        assert mine.flow == theirs.flow


REFUSED: dict[str, tuple[bytes | str, str]] = {
    "a word": (table(changed("good")), "column 'a1' must hold numbers but has 'good'"),
    "two columns of one name": (
        table(header="a1,a2,a1"),
        "'answers.csv' has more than one column named 'a1'",
    ),
    "commas and points": (
        table(changed("7,5", "2.5"), delimiter=";"),
        "decimal commas and decimal points|must hold numbers",
    ),
    "points, and later commas": (
        table(changed("2.5", *["3"] * 40, "7,5"), delimiter=";"),
        "decimal commas and decimal points|must hold numbers",
    ),
    "a long row": (table() + "1,2,x,y\n", "4 cells|Expected 3 columns, got 4"),
    "infinite": (table(changed("inf")), "1 infinite values"),
    "nothing": ("\n \n", "is empty: it has no header"),
    "no text": (b"a1,a2,g\n1,2,\x00\n" * 9, "is not a text file"),
}


@pytest.mark.parametrize("limit", [files.WHOLE_FILE, 0])
@pytest.mark.parametrize("case", REFUSED)
def test_both_readers_refuse_the_same(
    case: str, limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WHOLE_FILE", limit)
    content, fragment = REFUSED[case]
    with pytest.raises(csi.DataError, match=fragment):
        csi.moments(written(tmp_path, content), ITEMS)


def test_an_encoding_that_changes_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WHOLE_FILE", 0)
    monkeypatch.setattr(texts, "_HEAD", 40)
    path = written(tmp_path, table().encode() + "1,2,é\n".encode("cp1252"))
    with pytest.raises(csi.DataError, match=r"begins as UTF-8, .*save it as UTF-8"):
        csi.moments(path, ITEMS, by="g")


def as_parquet(path: Path, labels: Any, first: int) -> Path:
    frame = pd.DataFrame(VALUES[first : first + len(labels)], columns=ITEMS)
    frame.assign(g=labels).to_parquet(path)
    return path


def as_csv(path: Path, labels: Any, first: int) -> Path:
    rows = slice(first, first + len(labels))
    path.write_text(table(VALUES[rows].astype(str), labels))
    return path


HALF = N // 2
# labels of the first half and of the second, as they are written; and of all
MIXED: dict[str, tuple[Any, Any, Any, Any]] = {
    "texts and whole numbers": (
        (as_parquet, ["1", "2"] * 15),
        (as_parquet, [2, 3] * 15),
        [1, 2, 3],
        [15, 30, 15],
    ),
    "texts with zeros and whole numbers": (
        (as_parquet, ["001", "002"] * 15),
        (as_parquet, [1, 2] * 15),
        [1, 2],
        [30, 30],
    ),
    "names and whole numbers": (
        (as_parquet, ["A", "2"] * 15),
        (as_parquet, [2.0, 3.0] * 15),
        ["2", "3", "A"],
        [30, 15, 15],
    ),
    "texts throughout": (
        (as_parquet, ["001", "002"] * 15),
        (as_csv, ["001", "002"] * 15),
        ["001", "002"],
        [30, 30],
    ),
    "numbers and a text file": (
        (as_parquet, [1, 2] * 15),
        (as_csv, ["2", "3"] * 15),
        [1, 2, 3],
        [15, 30, 15],
    ),
    "text files": (
        (as_csv, ["001", "002"] * 15),
        (as_csv, ["A1", "002"] * 15),
        ["001", "002", "A1"],
        [15, 30, 15],
    ),
    "text files of numbers": (
        (as_csv, ["1", "2"] * 15),
        (as_csv, ["02", "3"] * 15),
        [1, 2, 3],
        [15, 30, 15],
    ),
}


@pytest.mark.parametrize("limit", [files.WHOLE_FILE, 0])
@pytest.mark.parametrize("case", MIXED)
def test_labels_of_several_files_are_one_column(
    case: str, limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WHOLE_FILE", limit)
    first, second, labels, sizes = MIXED[case]
    paths = [
        write(tmp_path / f"part{k}", held, k * HALF)
        for k, (write, held) in enumerate((first, second))
    ]
    made = csi.moments(paths, ITEMS, by="g")
    assert [repr(label) for label in made.labels] == [repr(label) for label in labels]
    assert made.n.tolist() == sizes
    spelled = [
        str(int(float(label))) if not str(label)[0].isalpha() else label
        for label in [*first[1], *second[1]]
    ]
    for member, label in zip(made, labels, strict=True):
        wanted = str(label).lstrip("0")
        own = VALUES[[text == wanted for text in spelled]]
        assert_allclose(member.mean, own.mean(axis=0), rtol=1e-12)
        assert_allclose(member.cov, np.cov(own, rowvar=False), rtol=1e-12)


def test_truths_stay_truths_and_dates_become_texts() -> None:
    assert unified(["TRUE", "false"], True) == {"TRUE": True, "false": False}
    assert unified(["TRUE", "false"], False) == {"TRUE": "TRUE", "false": "false"}
    day = pd.Timestamp(2026, 1, 2).date()
    assert unified(["2026-01-01", day], True)[day] == "2026-01-02"


CLUSTERS: list[Callable[[], Any]] = [
    lambda: pd.Series([7, 8]),
    lambda: pd.Series([7, 8], dtype="int8"),
    lambda: pd.Series([7.0, 8.0]),
    lambda: pd.Series([7.0, 8.5]),
    lambda: pd.Series(["7", "8"]),
    lambda: pd.Series([7, "x"], dtype=object),
    lambda: pd.Series(["007", "7.0"]),
]


@pytest.mark.parametrize("make", CLUSTERS)
def test_a_cluster_has_one_number_however_it_is_held(make: Callable[[], Any]) -> None:
    assert cluster_keys(make())[0] == cluster_keys(pd.Series([7]))[0]
    assert len(set(cluster_keys(pd.Series([*range(99), 1.5, -7])))) == 101


def test_long_whole_numbers_of_polars(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a1": VALUES[:, 0], "a2": VALUES[:, 1]})
    long = frame.cast(pl.Int128).with_columns(g=pl.Series([1, 2] * 30, dtype=pl.Int128))
    made = csi.moments(long, ITEMS, by="g")
    assert made.labels == (1, 2)
    assert_allclose(made[1].mean, VALUES[1::2].mean(axis=0), rtol=1e-12)
    assert_allclose(made[1].cov, np.cov(VALUES[1::2], rowvar=False), rtol=1e-12)


@pytest.mark.parametrize("source", [pl.Series("a1", [1, 2]), pd.Series([1, 2])])
def test_one_column_is_no_source(source: Any) -> None:
    with pytest.raises(csi.DataError, match="cannot read answers from Series"):
        csi.moments(source, ITEMS)


def test_an_interrupt_says_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 100)
    schema = pa.schema([("a1", pa.int64()), ("a2", pa.int64())])

    def stopped() -> Any:
        for _ in range(90):
            yield pa.record_batch([np.arange(100) % 7, np.arange(100) % 5], schema)
        raise KeyboardInterrupt

    reader = pa.RecordBatchReader.from_batches(schema, stopped())
    with pytest.raises(KeyboardInterrupt) as caught:
        csi.moments(reader, ITEMS)
    found = re.match(r"interrupted after ([\d,]+) rows of Record", str(caught.value))
    assert found is not None
    # some of the last are still at work
    assert 8000 < int(found.group(1).replace(",", "")) <= 9000


@pytest.mark.parametrize("limit", [files.WHOLE_FILE, 0])
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_files_are_known_by_their_content(
    suffix: str, limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WHOLE_FILE", limit)
    frame = pd.DataFrame(np.tile(VALUES, (9, 1)), columns=ITEMS)
    (tmp_path / "elsewhere").mkdir()
    paths = [tmp_path / f"q{k}.{suffix}" for k in range(3)]
    for k, path in enumerate(paths):
        if suffix == "csv":
            frame[k::3].to_csv(path, index=False)
        else:
            pq.write_table(pa.Table.from_pandas(frame[k::3]), path, row_group_size=50)
    moved = tmp_path / "elsewhere" / "renamed"
    moved.write_bytes(paths[1].read_bytes())
    year = csi.moments(str(tmp_path / f"*.{suffix}"), ITEMS, buckets=20)
    left = year - csi.moments(moved, ITEMS, buckets=20)
    direct = csi.moments([paths[0], paths[2]], ITEMS, buckets=20)
    assert left.buckets is not None
    assert direct.buckets is not None
    assert_array_equal(left.buckets.count, direct.buckets.count)
    assert_allclose(left.buckets.total().cov(), direct.cov, rtol=1e-12)
    assert_allclose(left.buckets.mean(), direct.buckets.mean(), rtol=1e-12)
    # another file of that place and name is not the one that was read
    frame[::-1][1::3].to_csv(moved, index=False)
    other = csi.moments(moved, ITEMS, buckets=20)
    with pytest.warns(csi.errors.SpecificationWarning, match="has no buckets"):
        assert (year - other).buckets is None
