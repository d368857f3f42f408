"""More rows than memory: moments of 1e6 and 1e7 rows, and their bootstrap.

csindex beside a plain pass of NumPy over the same numbers in memory, in one process and
one run; medians. The pass over the Parquet file runs in a process of its own, which
tells its peak of memory.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import csindex as csi

MODEL = csi.ecsi_mobi()
ITEMS = list(MODEL.items)
# rows that are made, and written, at once
PIECE = 1_000_000


def _answers(rows: int, seed: int) -> np.ndarray:
    """Return answers from 1 to 10 that have causes in common."""
    rng = np.random.default_rng(seed)
    position = [k for k, c in enumerate(MODEL.constructs) for _ in c.items]
    common = rng.normal(size=(rows, 1))
    own = 0.7 * common + 0.7 * rng.normal(size=(rows, len(MODEL.constructs)))
    values = 7 + 1.5 * own[:, position] + 1.2 * rng.normal(size=(rows, len(ITEMS)))
    return np.clip(np.rint(values), 1, 10).astype(np.uint8)


def _write(path: Path, rows: int) -> None:
    """Write a Parquet file, piece by piece."""
    schema = pa.schema([(item, pa.uint8()) for item in ITEMS])
    with pq.ParquetWriter(path, schema) as writer:
        for seed in range(0, max(1, rows // PIECE)):
            values = _answers(min(rows, PIECE), seed)
            columns = [np.ascontiguousarray(column) for column in values.T]
            writer.write_table(pa.table(columns, schema=schema))


def _plain(values: np.ndarray) -> np.ndarray:
    """Return means and products of numbers in memory, as plainly as NumPy can."""
    first, second = np.zeros(values.shape[1]), np.zeros((values.shape[1],) * 2)
    for start in range(0, len(values), 16_384):
        block = values[start : start + 16_384].astype(np.float64)
        first += block.sum(axis=0)
        second += block.T @ block
    return second


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _alone(path: str) -> None:
    """Fit a file twice; print seconds of the second pass, and the peak of memory."""
    csi.fit(MODEL, csi.moments(path, ITEMS, scale=(1, 10)))
    seconds = _seconds(lambda: csi.fit(MODEL, csi.moments(path, ITEMS, scale=(1, 10))))
    print(seconds, _peak())


def _peak() -> float:
    """Return the peak of this process's memory in GB.

    Linux keeps it per program; what getrusage tells begins with the parent's.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return float(line.split()[1]) / 1e6


def _from_a_process(path: Path) -> tuple[float, float]:
    run = subprocess.run(  # noqa: S603, this script
        [sys.executable, __file__, "--alone", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, memory = map(float, run.stdout.split())
    return seconds, memory


def _errors(boot: csi.Bootstrap) -> np.ndarray:
    tables = (boot.paths, boot.loadings, boot.weights, boot.total_effects, boot.scores)
    found = np.concatenate([table["se"].to_numpy() for table in tables])
    return found[found > 1e-9]


def _in_memory(runs: int, exact: int, compared: int) -> None:
    values = _answers(1_000_000, 0)
    frame = pd.DataFrame(values, columns=ITEMS)
    made = csi.moments(frame, ITEMS, scale=(1, 10), buckets=2000)
    results = csi.fit(MODEL, made)
    works: dict[str, Callable[[], object]] = {
        "plain NumPy": lambda: _plain(values),
        "fit": lambda: csi.fit(MODEL, csi.moments(frame, ITEMS, scale=(1, 10))).index,
        "pass with 2,000 buckets": lambda: csi.moments(frame, ITEMS, buckets=2000),
        "bootstrap, 2,000 resamples of buckets": lambda: csi.bootstrap(results, n=2000),
        "bootstrap, 2,000 normal moments": lambda: csi.bootstrap(
            results, n=2000, method="normal"
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            times[name].append(_seconds(work))
    print(f"1e6 rows in memory, {len(ITEMS)} items, {runs} runs, medians")
    floor = statistics.median(times["plain NumPy"])
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"  {name:40s} {middle:6.3f} s, {middle / floor:5.2f} times NumPy")
    _compare_errors(frame[:compared], exact)


def _compare_errors(frame: pd.DataFrame, exact: int) -> None:
    """Print standard errors of the fast ways beside those of the row bootstrap.

    With 1e6 rows and ``--compared 1000000`` the exact ones take minutes.
    """
    rows = csi.fit(MODEL, csi.read_survey(frame, scale=(1, 10)))
    n = len(frame)
    made = csi.moments(frame, ITEMS, scale=(1, 10), buckets=2000)
    buckets = csi.fit(MODEL, made)
    wanted = _errors(csi.bootstrap(rows, n=exact, seed=3))
    again = _errors(csi.bootstrap(rows, n=exact, seed=4))
    print(f"standard errors at {n:,} rows over those of {exact:,} resamples of rows")
    for name, found in {
        "rows, another seed": again,
        "buckets": _errors(csi.bootstrap(buckets, n=2000)),
        "normal moments": _errors(csi.bootstrap(buckets, n=2000, method="normal")),
    }.items():
        ratio = found / wanted
        print(f"  {name:20s} mean {ratio.mean():.4f}, rms from it {ratio.std():.4f}")


def _from_a_file(runs: int, rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.parquet"
        _write(path, rows)
        sample = _answers(min(rows, PIECE), 0)
        _plain(sample)
        found, plain = [], []
        for _ in range(runs):
            plain.append(_seconds(lambda: _plain(sample)) * rows / len(sample))
            found.append(_from_a_process(path))
        size = path.stat().st_size / 1e6
    seconds = statistics.median(seconds for seconds, _ in found)
    memory = max(memory for _, memory in found)
    floor = statistics.median(plain)
    print(f"one fit of {rows:,} rows of Parquet ({size:.0f} MB), {runs} runs, medians")
    print(
        f"  {seconds:.2f} s, {seconds / floor:.2f} times plain NumPy in memory "
        f"({floor:.2f} s); at most {memory:.2f} GB of memory"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--exact", type=int, default=2000)
    parser.add_argument("--compared", type=int, default=100_000)
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        _alone(options.alone)
        return
    _in_memory(options.runs, options.exact, options.compared)
    _from_a_file(options.runs, options.rows)


if __name__ == "__main__":
    main()
