"""Ordinal covariance structures: WLSMV of Holzinger and Swineford, beside lavaan.

Nine tests cut into four categories. A full report is fit, parameters with errors, the
standardised solution with errors, and fit measures. lavaan is run by Rscript, which
times itself, so that its start doesn't count; the runs are interleaved, and times are
those of the processor, all threads together. Without Rscript or lavaan only csindex is
measured.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

import csindex as csi
from csindex.estimation.cbsem import CBSEM

ITEMS = [f"x{k}" for k in range(1, 10)]
MODEL = csi.Model(
    "hs",
    (
        csi.reflective("visual", *ITEMS[:3]),
        csi.reflective("textual", *ITEMS[3:6]),
        csi.reflective("speed", *ITEMS[6:]),
    ),
)
SCRIPT = """
suppressMessages(library(lavaan))
arguments <- commandArgs(TRUE)
data <- read.csv(arguments[1]); items <- paste0("x", 1:9)
model <- "visual =~ x1+x2+x3\\ntextual =~ x4+x5+x6\\nspeed =~ x7+x8+x9"
fit <- function() cfa(model, data, ordered = items, estimator = "WLSMV")
report <- function() {
  f <- fit(); parameterEstimates(f); standardizedSolution(f); fitMeasures(f)
}
resamples <- function() for (k in 1:5) {
  i <- sample(nrow(data), replace = TRUE)
  try(cfa(model, data[i, ], ordered = items, estimator = "WLSMV", se = "none",
    test = "none"), silent = TRUE)
}
seconds <- function(f) { t <- sum(proc.time()[1:2]); f(); sum(proc.time()[1:2]) - t }
many <- function(f) median(replicate(3, seconds(f)))
invisible(report())
cat(many(fit), many(report), seconds(resamples) / 5, fitMeasures(fit(), "chisq"))
"""


def holzinger_cut() -> pd.DataFrame:
    """Return the tests, cut at the quantiles .15, .5 and .85."""
    spec = find_spec("semopy")
    if spec is None or spec.origin is None:
        raise SystemExit("this benchmark needs semopy's example data")
    folder = Path(spec.origin).parent / "examples"
    frame = pd.read_csv(folder / "holzinger_swineford39_data.csv")[ITEMS]
    shares = [0.15, 0.5, 0.85]
    return frame.apply(
        lambda column: np.searchsorted(np.quantile(column, shares), column) + 1
    )


def _seconds(function: Callable[[], object], repeats: int = 1) -> float:
    """Return the median of some runs."""
    found = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        found.append(time.process_time() - start)
    return statistics.median(found)


def _own(survey: csi.Survey, resamples: int) -> list[float]:
    """Return seconds of a fit, of a full report, and of one bootstrap refit."""
    estimator = CBSEM("WLSMV", ordinal=True)

    def report() -> None:
        results = csi.fit(MODEL, survey, estimator=estimator)
        _ = results.parameters, results.standardized, results.fit_measures

    results = csi.fit(MODEL, survey, estimator=estimator)
    return [
        _seconds(lambda: csi.fit(MODEL, survey, estimator=estimator), 7),
        _seconds(report, 7),
        _seconds(lambda: csi.bootstrap(results, n=resamples, seed=1)) / resamples,
    ]


def _peer(script: Path, data: Path) -> list[float] | None:
    """Return lavaan's seconds for the same, and its chi-square."""
    program = shutil.which("Rscript")
    if program is None:
        return None
    command = [program, str(script), str(data)]
    done = subprocess.run(  # noqa: S603, this script
        command, capture_output=True, text=True, check=False
    )
    return (
        [float(part) for part in done.stdout.split()] if not done.returncode else None
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--resamples", type=int, default=100)
    options = parser.parse_args()
    frame = holzinger_cut()
    survey = csi.read_survey(frame)
    _own(survey, 40)
    own: list[list[float]] = []
    peer: list[list[float]] = []
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "data.csv", Path(folder) / "time.R"
        frame.to_csv(data, index=False)
        script.write_text(SCRIPT, encoding="utf-8")
        for _ in range(options.rounds):
            own.append(_own(survey, options.resamples))
            if (times := _peer(script, data)) is not None:
                peer.append(times)
    results = csi.fit(MODEL, survey, estimator=CBSEM("WLSMV", ordinal=True))
    print(f"chi-square: csindex {results.fit_measures['chisq']:.6f}", end="")
    print(f", lavaan {peer[0][3]:.6f}" if peer else "")
    for k, what in enumerate(("fit", "full report", "bootstrap refit")):
        mine = statistics.median(times[k] for times in own)
        line = f"{what:16} csindex {1e3 * mine:8.1f} ms"
        if peer:
            other = statistics.median(times[k] for times in peer)
            line += f"  lavaan {1e3 * other:8.1f} ms  ratio {other / mine:6.1f}"
        print(line)


if __name__ == "__main__":
    main()
