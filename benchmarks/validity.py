"""Are tests and intervals what they say? Surveys simulated from known populations.

In each population the model is true and its parameters are known: composites, whose
weights PLS finds in mode A as well as in mode B, and common factors, for PLSc. Answers
are normal, or on scales of ten points with a ceiling and a 0/1 item, with exactly the
same correlations. Printed are, for each population and number of respondents, how often
true null hypotheses are rejected at 5 %, and how often intervals of 95 % have the true
value: the mean over all parameters, and in brackets the least and the greatest.

A value outside its Monte Carlo band may be one of the many that have to be outside by
chance; such parts of the study run again with another seed, and what counts is what is
outside both times. The design is that of Morris, White & Crowther (2019), Statistics in
Medicine 38(11).

Run from the checkout with OPENBLAS_NUM_THREADS=1: ``python benchmarks/validity.py``.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

import csindex as csi

# neither a script's folder nor a package, where the tests load it
sys.path.insert(0, str(Path(__file__).resolve().parent))

from populations import CASES, SINGLE, TABLES, Answers, Case, Floats, read

Flags: TypeAlias = npt.NDArray[np.bool_]
Reader: TypeAlias = Callable[[pd.DataFrame, Case], csi.Survey]

LEVEL = 0.95
# tests of one statistic are exact with any number of draws k for which (k + 1) / 20 is
# whole; more draws give power, which isn't studied here. The double bootstrap of exact
# fit rejects 4.98 % then, by its formula
DRAWS = 99
# of each interval: with fewer, the ends of percentile intervals lie too far inside; BCa
# needs more than there are respondents
RESAMPLES, RESAMPLES_BEYOND_N = 1999, 99
KINDS: tuple[Literal["percentile", "bca"], ...] = ("percentile", "bca")
# surveys that one task draws
BLOCK = 20
# half widths of Monte Carlo bands in standard errors; with 1,000 surveys +- 1.4 and
# +- 2.3 per cent
BAND_95, BAND_999 = 1.96, 3.29


# --- what is measured in one survey ---------------------------------------------------


@dataclass(frozen=True, eq=False)
class Hits:
    """Hits of one kind in a survey: intervals that have the true value, or rejections.

    ``table`` names the parameters, a row each; ``hits`` (k,) says which were hit.
    """

    measure: str
    statistic: str
    table: pd.DataFrame
    hits: Flags

    def labels(self) -> pd.DataFrame:
        """Return measure, statistic, parameter, and whether it is a constant.

        Constants are the weight, the loading and the agreement of a single item.
        """
        named = self.table[[name for name in _NAMES if name in self.table]]
        joined = [" ".join(filter(None, row)) for row in named.astype(str).to_numpy()]
        constant = False
        if self.statistic in ("loadings", "weights", "c"):
            constant = self.table["construct"].isin(SINGLE).to_numpy()
        return pd.DataFrame(
            {
                "measure": self.measure,
                "statistic": self.statistic,
                "parameter": joined,
                "constant": constant,
            }
        )


# columns that name a parameter
_NAMES = ("source", "target", "construct", "item", "model", "measure")


def intervals(case: Case, results: csi.Results, seed: int) -> Iterator[Hits]:
    """Say which percentile and BCa intervals have the parameters of the population."""
    size = max(RESAMPLES, results.n + RESAMPLES_BEYOND_N)
    boot = csi.bootstrap(results, n=size, seed=seed, level=LEVEL)
    for kind in KINDS:
        own = replace(boot, options=replace(boot.options, interval=kind))
        for statistic in TABLES:
            table = getattr(own, statistic)
            yield Hits(kind, statistic, table, _inside(table, case.truth[statistic]))
        index = own.index.to_frame().T
        yield Hits(kind, "index", index, _inside(index, case.truth["index"]))


def exact_fit(case: Case, results: csi.Results, seed: int) -> Iterator[Hits]:
    """Say which measures reject the model, which is true.

    d_ULS is left out: it orders models as SRMR does. PLSc and mode B find estimates
    again in the correlations that these imply, which the test draws from; mode A
    doesn't, but nearly.
    """
    table = csi.exact_fit(results, n=DRAWS, seed=seed, level=LEVEL).table
    for measure in ("srmr", "d_g"):
        own = table[table["measure"] == measure]
        yield Hits("exact fit", measure, own, _rejected(own["p"]))


def groups(case: Case, results: csi.Results, seed: int) -> Iterator[Hits]:
    """Say which differences of two random groups are found, where there are none."""
    found = csi.compare_groups(results, by="group", n=DRAWS, seed=seed, level=LEVEL)
    for step in ("c", "mean", "variance"):
        rejected = _rejected(found.micom[f"p_{step}"])
        yield Hits("MICOM", step, found.micom, rejected)
    for name, table in found.differences.groupby("statistic", sort=False):
        for test in ("permutation", "henseler", "parametric", "welch"):
            rejected = _rejected(table[f"p_{test}"])
            yield Hits(f"MGA {test}", str(name), table, rejected)
    omnibus = found.omnibus.rename(columns={"statistic": "measure"})
    yield Hits("MGA omnibus", "distances", omnibus, _rejected(omnibus["p"]))


PARTS: Mapping[str, Callable[[Case, csi.Results, int], Iterator[Hits]]] = {
    "intervals": intervals,
    "exact fit": exact_fit,
    "groups": groups,
}


def _inside(table: pd.DataFrame, truth: Floats) -> Flags:
    low, high = table["low"].to_numpy(), table["high"].to_numpy()
    return np.asarray((low <= truth) & (truth <= high))


def _rejected(p: pd.Series) -> Flags:
    return np.asarray(p.to_numpy() <= 1 - LEVEL + 1e-9)


# --- many surveys ---------------------------------------------------------------------


@dataclass(frozen=True)
class Unit:
    """Surveys of one size from one population, and what is measured in each."""

    case: str
    answers: Answers
    n: int
    parts: tuple[str, ...]
    surveys: int = 1000
    seed: int = 1
    read: Reader = read


@cache
def case_of(name: str, answers: Answers) -> Case:
    return CASES[name](answers)


def rates(unit: Unit, pool: Executor | None = None) -> pd.DataFrame:
    """Return how often everything was hit, and whether that is near what it should be.

    One row per parameter: part, measure, statistic, parameter, used (surveys), rate,
    off (standard errors from the nominal rate).
    """
    starts = range(0, unit.surveys, BLOCK)
    blocks = [range(k, min(k + BLOCK, unit.surveys)) for k in starts]
    mapped = map if pool is None else pool.map
    counted = list(mapped(partial(_counted, unit), blocks))
    keys = ["part", "measure", "statistic", "parameter"]
    table = pd.concat(counted).groupby(keys, sort=False).sum().reset_index()
    nominal = np.where(table["part"] == "intervals", LEVEL, 1 - LEVEL)
    error = np.sqrt(LEVEL * (1 - LEVEL) / table["used"])
    rate = table["hits"] / table["used"]
    return table.assign(rate=rate, off=(rate - nominal) / error).drop(columns="hits")


def _counted(unit: Unit, block: Iterable[int]) -> pd.DataFrame:
    """Return measure, statistic, parameter, hits and used of some surveys."""
    case = case_of(unit.case, unit.answers)
    hits: dict[str, Floats] = {}
    used: Counter[str] = Counter()
    labels: dict[str, pd.DataFrame] = {}
    for number in block:
        place = [*unit.case.encode(), *unit.answers.encode(), unit.n, number]
        rng = np.random.default_rng([unit.seed, *place])
        survey = unit.read(case.draw(unit.n, rng), case)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", csi.ConvergenceWarning)
            warnings.simplefilter("ignore", csi.InadmissibleWarning)
            results = csi.fit(case.model, survey, case.estimator)
            for part in unit.parts:
                try:
                    found = list(PARTS[part](case, results, number))
                except csi.DataError:
                    continue
                if part not in labels:
                    labels[part] = pd.concat([each.labels() for each in found])
                    hits[part] = np.zeros(len(labels[part]))
                hits[part] += np.concatenate([each.hits for each in found])
                used[part] += 1
    found = pd.concat(
        table.assign(part=part, hits=hits[part], used=used[part])
        for part, table in labels.items()
    )
    return found[~found["constant"]].drop(columns="constant")


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per measure and one column per statistic, rates in per cent."""
    names = ["measure", "statistic"]
    told = (100 * table.set_index(names)["rate"]).groupby(names).agg(_range)
    return told.unstack().loc[table["measure"].unique(), table["statistic"].unique()]


def _range(rate: pd.Series) -> str:
    lone = len(rate) == 1
    ends = "" if lone else f" ({rate.min():.1f}-{rate.max():.1f})"
    return f"{rate.mean():.1f}{ends}"


# --- the whole study ------------------------------------------------------------------

COMPOSITES, MODE_B, WEIGHTED, FACTORS = CASES
# surveys where tests and intervals have to be right, and where they are only reported
MANY, FEW = 1000, 200
ALL, BOTH = tuple(PARTS), ("intervals", "exact fit")
EXACT, INTERVALS = ("exact fit",), ("intervals",)
UNITS = [
    *(Unit(COMPOSITES, "ten points", n, ALL) for n in (250, 1000)),
    *(Unit(FACTORS, "normal", n, BOTH) for n in (250, 1000)),
    Unit(COMPOSITES, "normal", 250, EXACT),
    Unit(FACTORS, "ten points", 250, EXACT),
    Unit(MODE_B, "normal", 250, EXACT),
    Unit(COMPOSITES, "normal", 1000, ALL, FEW),
    Unit(FACTORS, "ten points", 1000, EXACT, FEW),
    Unit(MODE_B, "normal", 1000, BOTH, FEW),
    Unit(WEIGHTED, "ten points", 250, INTERVALS, FEW),
    *(Unit(COMPOSITES, "ten points", n, ALL, FEW) for n in (50, 100)),
    *(Unit(FACTORS, "ten points", n, BOTH, FEW) for n in (50, 100)),
]
NOMINAL_FROM = 250  # smaller samples are reported as they come


def studied(unit: Unit, pool: Executor) -> pd.DataFrame:
    """Return the rates of a unit; beyond their band, those of another seed, too."""
    table = rates(unit, pool)
    beyond = table["off"].abs() > BAND_999
    parts = tuple(table.loc[beyond, "part"].unique())
    if not parts or unit.n < NOMINAL_FROM:
        return table.assign(again=np.nan)
    second = rates(replace(unit, parts=parts, seed=unit.seed + 1), pool)
    keys = ["part", "measure", "statistic", "parameter"]
    again = second.rename(columns={"rate": "again"})[[*keys, "again"]]
    return table.merge(again, how="left", on=keys)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--surveys", type=int, default=MANY, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rates", help="CSV file that gets every rate as it comes")
    options = parser.parse_args()
    begin = time.perf_counter()
    tables: list[pd.DataFrame] = []
    with ProcessPoolExecutor(options.processes) as pool:
        for unit in UNITS:
            surveys = max(2, unit.surveys * options.surveys // MANY)
            sized = replace(unit, surveys=surveys, seed=options.seed)
            name = f"{unit.case}, {unit.answers}, n = {unit.n}"
            tables.append(studied(sized, pool).assign(unit=name))
            if options.rates:
                pd.concat(tables).to_csv(options.rates, index=False)
            took = time.perf_counter() - begin
            print(f"{took:5.0f} s: {name}, {surveys} surveys", file=sys.stderr)
    whole = pd.concat(tables, ignore_index=True)
    for part, table in whole.groupby("part", sort=False):
        _tell(str(part), table)
    print(f"\n{time.perf_counter() - begin:.0f} s")


def _tell(part: str, table: pd.DataFrame) -> None:
    """Print the rates of all units, then each that is far from where it should be."""
    share = LEVEL if part == "intervals" else 1 - LEVEL
    print(f"\n{part.upper()}: per cent, of which {100 * share:.0f} are right")
    blocks = {
        f"{unit} ({own['used'].min()})": summary(own)
        for unit, own in table.groupby("unit", sort=False)
    }
    print(pd.concat(blocks, names=["population (surveys)"]).to_string(na_rep=""))
    off = table["off"].abs()
    beyond = table[off > BAND_999]
    columns = ["unit", "measure", "statistic", "parameter", "used", "rate", "again"]
    print(
        f"of {len(table)} rates {(off > BAND_95).sum()} are beyond the band of 95 %, "
        f"{len(beyond)} beyond that of 99.9 %"
    )
    if len(beyond):
        print(beyond[columns].to_string(index=False, float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
