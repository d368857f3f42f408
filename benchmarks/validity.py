"""Are tests and intervals what they say? Surveys simulated from known populations.

In each population the model is true and its parameters are known: composites, whose
weights PLS finds in mode A as well as in mode B, and common factors, for PLSc. Answers
are normal, or on scales of ten points with a ceiling and a 0/1 item, with exactly the
same correlations. Printed are, for each number of respondents, how often true null
hypotheses are rejected at 5 %, and how often intervals of 95 % have the true value.

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
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

import csindex as csi

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "datasets"))

import norta

Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Answers = Literal["normal", "ten points"]
Reader: TypeAlias = Callable[[pd.DataFrame, "Case"], csi.Survey]

LOADINGS = {
    "expectation": (0.85, 0.80, 0.75),
    "quality": (0.90, 0.85, 0.80),
    "value": (0.90, 0.90),
    "satisfaction": (0.90, 0.80, 0.75),
    "complaints": (1.0,),
    "loyalty": (0.85, 0.85),
}
PATHS = {
    ("expectation", "quality"): 0.55,
    ("expectation", "value"): 0.10,
    ("expectation", "satisfaction"): 0.05,
    ("quality", "value"): 0.65,
    ("quality", "satisfaction"): 0.55,
    ("value", "satisfaction"): 0.35,
    ("satisfaction", "complaints"): -0.45,
    ("satisfaction", "loyalty"): 0.60,
    ("complaints", "loyalty"): -0.10,
}
# answers on ten points: latent mean and standard deviation, by item in turn
MEANS, SD = (8.2, 7.9, 7.6), 1.9
COMPLAIN = 0.25
# normal answers: mean and standard deviation in a scale that none leaves
NORMAL_MEAN, NORMAL_SD, NORMAL_SCALE = 70.0, 3.0, (0.0, 100.0)
SINGLE = [name for name, own in LOADINGS.items() if len(own) == 1]
FIRST_GROUP = 0.4
LEVEL = 0.95
# tests of one statistic are exact with any number of draws k for which (k + 1) / 20 is
# whole; more draws give power, which isn't studied here
DRAWS = 99
# of each interval: with fewer, the ends of percentile intervals lie too far inside; BCa
# needs more than there are respondents
RESAMPLES, RESAMPLES_BEYOND_N = 1999, 99
TABLES = ("paths", "total_effects", "loadings", "weights")
KINDS: tuple[Literal["percentile", "bca"], ...] = ("percentile", "bca")
# surveys that one task draws
BLOCK = 20
# half widths of Monte Carlo bands in standard errors; with 1,000 surveys +- 1.4 and
# +- 2.3 per cent
BAND_95, BAND_999 = 1.96, 3.29


@dataclass(frozen=True, eq=False)
class Case:
    """A population, and the estimator whose model holds in it.

    ``corr`` (p, p) are the correlations of the items, ``known`` the parameters that
    follow from the population by formula, by statistic. ``selective``: the satisfied
    are more often among the respondents, and sampling weights make up for it; with
    answers on ten points only.
    """

    name: str
    model: csi.Model
    estimator: csi.Estimator
    corr: Floats
    known: Mapping[str, Floats]
    answers: Answers
    selective: bool = False

    @property
    def scale(self) -> dict[str, tuple[float, float]]:
        if self.answers == "normal":
            return {"*": NORMAL_SCALE}
        return {"*": (1, 10), "COMP": (0, 1)}

    @cached_property
    def lowest(self) -> Floats:
        return np.array([self.scale.get(i, (1, 10))[0] for i in self.model.items])

    @cached_property
    def cuts(self) -> Floats:
        """Thresholds (p, 9) of answers on ten points, and of the 0/1 item."""
        sizes = [len(construct.items) for construct in self.model.constructs]
        means = np.concatenate([MEANS[:size] for size in sizes])
        cuts = (np.arange(1.5, 10) - means[:, None]) / SD
        cuts[self.model.items.index("COMP")] = norta.binary_cuts(COMPLAIN)[0]
        return np.asarray(cuts)

    @cached_property
    def cut_series(self) -> norta.Series:
        return norta.series(np.ones(1), self.cuts[None])

    @cached_property
    def latent(self) -> Floats:
        """Correlations (p, p) of the normal variables behind the answers."""
        if self.answers == "normal":
            return self.corr
        return norta.latent_correlations(self.cut_series, self.corr)

    @cached_property
    def root(self) -> Floats:
        return np.asarray(np.linalg.cholesky(self.latent))

    @cached_property
    def moments(self) -> csi.Moments:
        """The moments of everyone."""
        names = self.model.items
        if self.answers == "normal":
            mean, cov = np.full(len(names), NORMAL_MEAN), self.corr * NORMAL_SD**2
            return csi.Moments(names, mean, cov, 10**6, *NORMAL_SCALE)
        made = self.cut_series.moments(self.latent)
        low = self.lowest
        high = np.where(low == 0, 1.0, 10.0)
        return csi.Moments(names, made.mean + low, made.cov, 10**6, low, high)

    @cached_property
    def limit(self) -> csi.Results:
        """What the estimator finds in the whole population."""
        found = csi.fit(self.model, self.moments, estimator=self.estimator)
        for statistic, values in self.known.items():
            table = getattr(found, statistic)["estimate"]
            # ten points: the solved latent correlations are rounded
            np.testing.assert_allclose(table, values, atol=2e-4)
        return found

    @cached_property
    def truth(self) -> dict[str, Floats]:
        """Parameters of the population, by statistic."""
        return {
            **{
                name: getattr(self.limit, name)["estimate"].to_numpy()
                for name in TABLES
            },
            "index": np.array([self.limit.index]),
        }

    def draw(self, n: int, rng: np.random.Generator) -> pd.DataFrame:
        """Return a survey of n respondents, with a random group and their weight."""
        asked = 3 * n if self.selective else n
        latent = rng.standard_normal((asked, len(self.root))) @ self.root.T
        if self.answers == "normal":
            values = NORMAL_MEAN + NORMAL_SD * latent
        else:
            values = norta.answers(latent, self.cuts) + self.lowest
        frame = pd.DataFrame(values, columns=list(self.model.items)).assign(weight=1.0)
        if self.selective:
            chance = (5 + frame["SATIS"]) / 15
            frame["weight"] = 1 / chance
            frame = frame[rng.random(asked) < chance].head(n).reset_index(drop=True)
        return frame.assign(group=np.arange(n) >= FIRST_GROUP * n)


def read(frame: pd.DataFrame, case: Case) -> csi.Survey:
    """Return the survey that a study analyses."""
    weights = "weight" if case.selective else None
    return csi.read_survey(frame, scale=case.scale, weights=weights)


def composites(mode: Literal["A", "B"], answers: Answers) -> Case:
    """Return composites whose weights are eigenvectors of their blocks.

    Weights that are proportional to the loadings are those of both modes. With loadings
    l of a block of correlations S that is so if S l = (l'l) l, hence for three items
    s12 = (l'l - 1) (l1^2 + l2^2 - l3^2) / (2 l1 l2).
    """
    model = _model(csi.composite)
    corr = _between(model)
    weights = []
    for construct, columns in zip(model.constructs, model.blocks.T, strict=True):
        l = np.array(LOADINGS[construct.name])  # noqa: E741
        place = np.flatnonzero(columns)
        weights.append(l / (l @ l))
        if len(l) == 2:
            corr[place, place[::-1]] = l @ l - 1
        elif len(l) == 3:
            for k in range(3):
                i, j = (m for m in range(3) if m != k)
                shared = (l @ l - 1) * (l @ l - 2 * l[k] ** 2) / (2 * l[i] * l[j])
                corr[place[i], place[j]] = corr[place[j], place[i]] = shared
    known = {**_known(model), "weights": np.concatenate(weights)}
    name = f"composites, PLS mode {mode}"
    return Case(name, model, csi.PLS(mode=mode), corr, known, answers)


def factors(answers: Answers) -> Case:
    """Return common factors, which PLSc estimates."""
    model = _model(csi.reflective)
    corr, known = _between(model), _known(model)
    return Case("factors, PLSc", model, csi.PLSc(), corr, known, answers)


def _model(measured: Callable[..., csi.Construct]) -> csi.Model:
    usual = {construct.name: construct.items for construct in csi.acsi().constructs}
    constructs = [measured(name, *usual[name]) for name in LOADINGS]
    return csi.Model("acsi", constructs, list(PATHS), index="satisfaction")


def _between(model: csi.Model) -> Floats:
    """Return the products loading x correlation x loading (p, p), diagonal one."""
    loadings = np.concatenate(list(LOADINGS.values()))
    owner = model.blocks.argmax(axis=1)
    between = norta.construct_correlations(list(LOADINGS), {}, PATHS)
    corr = np.outer(loadings, loadings) * between[np.ix_(owner, owner)]
    np.fill_diagonal(corr, 1.0)
    return np.asarray(corr)


def _known(model: csi.Model) -> dict[str, Floats]:
    names = model.construct_names
    paths = [PATHS[path.source, path.target] for path in model.paths]
    return {
        "paths": np.array(paths),
        "loadings": np.concatenate([LOADINGS[name] for name in names]),
    }


CASES: Mapping[str, Callable[[Answers], Case]] = {
    "composites, PLS mode A": partial(composites, "A"),
    "composites, PLS mode B": partial(composites, "B"),
    "the same, sampling weights": lambda answers: replace(
        composites("A", answers), selective=True
    ),
    "factors, PLSc": factors,
}


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

    PLSc and mode B find estimates again in the correlations that these imply, which the
    test draws from. Mode A doesn't, but nearly, and so rejects less often.
    """
    table = csi.exact_fit(results, n=DRAWS, seed=seed, level=LEVEL).table
    yield Hits("exact fit", "distances", table, _rejected(table["p"]))


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
    """Return one row per measure and statistic, with the rates in per cent."""
    by = table.assign(percent=100 * table["rate"], off=table["off"].abs()).groupby(
        ["measure", "statistic"], sort=False
    )
    return pd.DataFrame(
        {
            "k": by.size(),
            "used": by["used"].min(),
            "mean": by["percent"].mean(),
            "min": by["percent"].min(),
            "max": by["percent"].max(),
            "beyond 95": by["off"].agg(lambda off: (off > BAND_95).sum()),
            "beyond 99.9": by["off"].agg(lambda off: (off > BAND_999).sum()),
        }
    ).reset_index()


# --- the whole study ------------------------------------------------------------------

COMPOSITES, MODE_B, WEIGHTED, FACTORS = CASES
TWO = ("intervals", "exact fit")
UNITS = [
    *(Unit(COMPOSITES, "normal", n, tuple(PARTS)) for n in (250, 1000)),
    *(Unit(COMPOSITES, "ten points", n, tuple(PARTS)) for n in (250, 1000)),
    *(Unit(FACTORS, "normal", n, TWO) for n in (250, 1000)),
    *(Unit(FACTORS, "ten points", n, ("exact fit",)) for n in (250, 1000)),
    *(Unit(MODE_B, "normal", n, TWO) for n in (250, 1000)),
    Unit(WEIGHTED, "ten points", 250, ("intervals",)),
    *(Unit(COMPOSITES, "ten points", n, tuple(PARTS)) for n in (50, 100)),
    *(Unit(FACTORS, "ten points", n, TWO) for n in (50, 100)),
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
    parser.add_argument("--surveys", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes) as pool:
        for unit in UNITS:
            sized = replace(unit, surveys=options.surveys, seed=options.seed)
            begin = time.perf_counter()
            table = studied(sized, pool)
            _tell(sized, table, time.perf_counter() - begin)


def _tell(unit: Unit, table: pd.DataFrame, took: float) -> None:
    print(f"\n{unit.case}, {unit.answers}, n = {unit.n} ({took:.0f} s)")
    told = summary(table).to_string(index=False, float_format="{:.1f}".format)
    print(told, flush=True)
    beyond = table[table["off"].abs() > BAND_999].drop(columns="part")
    if len(beyond):
        print(beyond.to_string(index=False, float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
