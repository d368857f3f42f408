"""Populations in which a model is true, for the study of validity.

Composites, whose weights PLS finds in mode A as well as in mode B, and common factors,
for PLSc. Answers are normal, or on scales of ten points with a ceiling and a 0/1 item,
with exactly the same correlations.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

import csindex as csi

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "datasets"))

import norta

Floats: TypeAlias = npt.NDArray[np.float64]
Answers = Literal["normal", "ten points"]

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
# statistics that are compared with those of the population
TABLES = ("paths", "total_effects", "loadings", "weights")


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
