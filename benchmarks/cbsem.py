"""CB-SEM: one fit with everything, and 1,000 refits, beside lavaan and semopy.

Run from the checkout, on a quiet machine: ``python benchmarks/cbsem.py``. lavaan is
timed when Rscript and its package are installed, semopy when it is.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import numpy as np
import pandas as pd

import csindex as csi
from csindex.estimation.cbsem import CBSEM
from csindex.moments import Moments

HS = csi.Model(
    "hs",
    [
        csi.reflective("visual", "x1", "x2", "x3"),
        csi.reflective("textual", "x4", "x5", "x6"),
        csi.reflective("speed", "x7", "x8", "x9"),
    ],
)
SYNTAX = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
LAVAAN = f"""
suppressPackageStartupMessages(library(lavaan))
m <- '{SYNTAX}'
one <- function() {{ f <- cfa(m, HolzingerSwineford1939)
  fitMeasures(f); parameterEstimates(f, standardized = TRUE) }}
invisible(one())
cat(median(replicate(20, system.time(one())[["elapsed"]])), "\\n")
f <- cfa(m, HolzingerSwineford1939)
cat(system.time(bootstrapLavaan(f, R = 100))[["elapsed"]] * 10, "\\n")
"""


def holzinger() -> pd.DataFrame:
    spec = find_spec("semopy")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "examples"
    return pd.read_csv(folder / "holzinger_swineford39_data.csv")


def median(work: Callable[[], object], times: int = 20) -> float:
    """Return the median time of some work in seconds, after a first run."""
    work()
    took = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        took.append(time.perf_counter() - begin)
    return float(np.median(took))


def full_fit(data: csi.Survey) -> None:
    results = csi.fit(HS, data, estimator=CBSEM())
    _ = results.parameters, results.fit_measures


def refits(frame: pd.DataFrame, n: int = 1000) -> float:
    """Return the time of n refits from resampled moments, in seconds."""
    values = frame[list(HS.items)].to_numpy(float)
    rows = len(values)
    counts = np.random.default_rng(1).multinomial(rows, np.full(rows, 1 / rows), n)
    mean = counts @ values / rows
    square = np.einsum("bn,ni,nj->bij", counts, values, values, optimize=True) / rows
    cov = (square - mean[:, :, None] * mean[:, None]) * rows / (rows - 1)
    stack = Moments(HS.items, mean, cov, rows)
    return median(lambda: CBSEM().estimate(HS, stack), 3)


def main() -> None:
    frame = holzinger()
    survey = csi.read_survey(frame)
    print(
        f"csindex: full fit {1e3 * median(lambda: full_fit(survey)):.1f} ms, ", end=""
    )
    print(f"1,000 refits {refits(frame):.2f} s")
    if find_spec("semopy") is not None:
        from semopy import Model

        took = median(lambda: Model(SYNTAX).fit(frame), 5)
        print(f"semopy: fit without errors and measures {1e3 * took:.1f} ms")
    if which("Rscript") is not None:
        done = subprocess.run(  # noqa: S603
            ["Rscript", "-e", LAVAAN],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            one, many = (float(part) for part in done.stdout.split())
            print(f"lavaan: full fit {1e3 * one:.1f} ms, 1,000 refits {many:.1f} s")
        else:
            print("lavaan: not installed")


if __name__ == "__main__":
    main()
