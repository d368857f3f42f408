"""The simulated surveys: csindex finds the parameters they were made from."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.catalog import CATALOG, find_model
from csindex.codebook.rules import names as columns_of

ROOT = Path(__file__).parents[1]

# the PLS iteration of csindex ends at changes of 1e-7; truth.toml has six decimals
ROUNDED = 2e-6


class Case(NamedTuple):
    """A section of a truth.toml: a model, and the moments of a population."""

    survey: str
    section: str

    def __str__(self) -> str:
        return f"{self.survey}-{self.section}"


CASES = [
    Case("bank", "everyone"),
    Case("bank", "asked_all"),
    Case("bank", "complainers"),
    Case("telecom", "everyone"),
]


@cache
def script(survey: str) -> Any:
    """Return the module make.py of a survey."""
    path = ROOT / "datasets" / survey / "make.py"
    spec = importlib.util.spec_from_file_location(f"make_{survey}", path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def truth(survey: str) -> dict[str, Any]:
    """Return the content of truth.toml."""
    text = (ROOT / "datasets" / survey / "truth.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def model_of(case: Case, only: Sequence[str] = ()) -> csi.Model:
    """Return the model of a section of truth.toml, or a part of it."""
    section = truth(case.survey)[case.section]
    blocks: dict[str, list[str]] = {}
    for row in section["items"]:
        blocks.setdefault(row["construct"], []).append(row["item"])
    chosen = [name for name in blocks if not only or name in only]
    return csi.Model(
        str(case),
        constructs=[csi.reflective(name, *blocks[name]) for name in chosen],
        paths=[
            (row["source"], row["target"])
            for row in section["paths"]
            if row["source"] in chosen and row["target"] in chosen
        ],
        index="satisfaction",
    )


def moments_of(case: Case) -> csi.Moments:
    """Return the exact moments of a population."""
    made = script(case.survey)
    found = made.complainers()[1] if case.section == "complainers" else made.moments()
    low = [0.0 if name == "COMP" else 1.0 for name in made.ITEMS]
    high = [1.0 if name == "COMP" else 10.0 for name in made.ITEMS]
    return csi.Moments(list(made.ITEMS), found.mean, found.cov, 10**6, low, high)


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    """Return each section of each truth.toml."""
    chosen: Case = request.param
    return chosen


@pytest.mark.parametrize(
    ("case", "published"), [(CASES[2], "ncsb_2001"), (CASES[3], "tcsi")], ids=str
)
def test_surveys_were_made_from_published_models(case: Case, published: str) -> None:
    paths = {(path.source, path.target) for path in find_model(published).paths}
    assert {(path.source, path.target) for path in model_of(case).paths} == paths


@pytest.mark.parametrize("name", ["bank", "national", "retail", "telecom"])
def test_the_script_makes_the_file(name: str) -> None:
    stored = pd.read_csv(ROOT / "datasets" / name / "data.csv")
    made = script(name).make_survey()
    assert list(made.columns) == list(stored.columns)
    assert_allclose(
        made.select_dtypes("number").to_numpy(dtype=np.float64, na_value=np.nan),
        stored.select_dtypes("number").to_numpy(dtype=np.float64),
    )
    for column in stored.select_dtypes(exclude="number"):
        assert (made[column] == stored[column]).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bank", "national", "telecom"])
def test_the_script_makes_the_truth(name: str) -> None:
    made = tomllib.loads(script(name).truth())
    assert _numbers(made) == pytest.approx(_numbers(truth(name)), abs=ROUNDED)


@pytest.mark.parametrize("case", [CASES[1], CASES[3]], ids=str)
def test_answers_have_the_correlations_of_the_structural_model(case: Case) -> None:
    """Cutting into 1-10 and mixing banks leave loading x correlation x loading."""
    model = model_of(case)
    rows = {row["item"]: row for row in truth(case.survey)[case.section]["items"]}
    loadings = np.array([rows[item]["latent"] for item in model.items])
    owners = model.blocks.argmax(axis=1)
    implied = np.outer(loadings, loadings)
    implied *= _structural_correlations(case)[np.ix_(owners, owners)]
    corr = moments_of(case).select(model.items).corr
    # items of one indicator of quality have more in common than quality
    quality = model.blocks[:, [name == "quality" for name in model.construct_names]]
    apart = ~np.eye(len(owners), dtype=bool) & ~(quality @ quality.T > 0)
    assert_allclose(corr[apart], implied[apart], atol=2e-5)


def test_exact_moments_are_those_of_a_large_sample(case: Case) -> None:
    made = script(case.survey)
    rng = np.random.default_rng(5)
    share = made.population().cells["population"].to_numpy()
    cells = rng.choice(len(share), size=60_000, p=share)
    answers = made.population().draw(rng, cells)
    if case.section == "complainers":
        chance = made.CHANCES[answers[:, list(made.ITEMS).index(made.REASON)] - 1]
        answers = answers[rng.random(len(answers)) < chance]
    exact = moments_of(case)
    centred = answers - exact.mean
    assert _largest_z(centred) < 5
    products = centred[:, :, None] * centred[:, None, :]
    assert _largest_z(products - exact.cov) < 5


def test_the_share_of_complainers() -> None:
    made = script("bank")
    survey = made.make_survey(3, per_bank=20_000)
    found = np.average(survey["COMP"], weights=survey["weight"])
    assert found == pytest.approx(truth("bank")["complainers"]["share"], abs=0.006)
    assert found == pytest.approx(made.complainers()[0], abs=0.006)


def test_population_estimates_are_those_of_the_truth_file(case: Case) -> None:
    """Two implementations of PLS agree: csindex, and that of datasets/plim.py."""
    results = csi.fit(model_of(case), moments_of(case))
    section = truth(case.survey)[case.section]
    paths = [row["pls"] for row in section["paths"]]
    assert_allclose(results.paths["estimate"], paths, atol=ROUNDED)
    rows = pd.DataFrame(section["items"])
    assert results.weights["item"].tolist() == rows["item"].tolist()
    assert_allclose(results.loadings["estimate"], rows["loading"], atol=ROUNDED)
    assert_allclose(results.weights["estimate"], rows["weight"], atol=ROUNDED)
    assert results.index == pytest.approx(section["index"], abs=1e-4)


@pytest.mark.filterwarnings(
    "ignore:.*respondents are used, those:csindex.AnswersWarning"
)
@pytest.mark.parametrize("case", [CASES[0], *CASES[2:]], ids=str)
def test_shipped_surveys_give_sensible_results(case: Case) -> None:
    survey = csi.load_dataset(case.survey)
    results = csi.fit(model_of(case), survey)
    section = truth(case.survey)[case.section]
    assert results.converged
    assert (results.weights["estimate"] > 0).all()
    assert results.index == pytest.approx(section["index"], abs=2.5)
    limits = [row["pls"] for row in section["paths"]]
    errors = csi.bootstrap(results, n=500, seed=1).paths["se"]
    z = (results.paths["estimate"] - limits) / errors
    assert np.abs(z).max() < 3
    if case.section == "complainers":
        used = survey.frame.iloc[_used_rows(results)]
        assert (used["COMP"] == 1).all()


def test_banks_differ_as_designed() -> None:
    survey = csi.load_dataset("bank")
    found = csi.fit(model_of(CASES[0]), survey, by="bank").index
    for row in truth("bank")["banks"]:
        assert found[row["bank"]] == pytest.approx(row["index"], abs=2.5)
    assert found[["Basalt", "Jasper"]].min() > found[["Opal", "Slate"]].max()


def test_operators_rise_and_fall_as_designed() -> None:
    survey = csi.load_dataset("telecom")
    answers = survey.answers(["SATIS", "CONFIRM", "IDEAL"])
    frame = survey.frame.iloc[answers.rows][["operator", "wave"]].assign(
        score=(answers.values.mean(axis=1) - 1) / 9 * 100, weight=answers.weights
    )
    found = {
        key: np.average(cell["score"], weights=cell["weight"])
        for key, cell in frame.groupby(["operator", "wave"])
    }
    for row in truth("telecom")["operators"]:
        key = row["operator"], row["wave"]
        assert found[key] == pytest.approx(row["index"], abs=2), key
    assert found["Lapwing", 2026] - found["Lapwing", 2024] > 4
    assert found["Plover", 2026] - found["Plover", 2024] < -3


@pytest.mark.parametrize(
    "name", [name for name in CATALOG if name not in ("improved", "ncsb_2001")]
)
def test_models_on_the_national_survey_are_near_their_limits(name: str) -> None:
    """Each model is another look at one population, whose moments are known."""
    made = script("national")
    model, survey = find_model(name), csi.load_dataset("national")
    moments, whose = made.moments(), _sources(survey, model)
    chosen = [list(made.ITEMS).index(source) for source in whose.values()]
    owners = {item: c.name for c in model.constructs for item in c.items}
    items = {
        item: made.ITEMS[source]._replace(construct=owners[item])
        for item, source in whose.items()
    }
    part = made.norta.Moments(moments.mean[chosen], moments.cov[np.ix_(chosen, chosen)])
    scales = {item: survey.codebook.item(whose[item]).scale for item in items}
    paths = {(path.source, path.target): 0.0 for path in model.paths}
    names = list(model.construct_names)
    true = made.plim.limits(items, names, paths, part, scales)
    results = csi.fit(model, survey)
    boot = csi.bootstrap(results, n=200, seed=1)
    estimates = results.paths["estimate"].to_numpy()
    limits = np.array([true.path(p.source, p.target) for p in model.paths])
    assert np.abs((estimates - limits) / boot.paths["se"]).max() < 4
    index = true.scores[names.index("satisfaction")]
    assert abs(results.index - index) < 3.5 * boot.index["se"]


def test_sectors_differ_as_designed() -> None:
    found = csi.fit(find_model("ncsi"), csi.load_dataset("national"), by="sector").index
    for row in truth("national")["sectors"]:
        assert found[row["sector"]] == pytest.approx(row["index"], abs=2.5)


class Study(NamedTuple):
    """A simulation: which paths, how many surveys, of which size."""

    case: Case
    constructs: tuple[str, ...]
    surveys: int
    size: Mapping[str, int]


STUDIES = [
    Study(
        CASES[0],
        ("reliability", "price", "satisfaction", "image", "loyalty"),
        100,
        {"per_bank": 100},
    ),
    Study(
        CASES[2],
        ("reliability", "complaint_handling", "satisfaction", "loyalty"),
        100,
        {"per_bank": 400},
    ),
    Study(
        CASES[3],
        ("image", "value", "satisfaction", "complaints", "loyalty"),
        100,
        {"per_cell": 40},
    ),
]


@pytest.mark.filterwarnings(
    "ignore:.*respondents are used, those:csindex.AnswersWarning"
)
@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES, ids=lambda study: str(study.case))
def test_true_values_lie_in_their_intervals_as_often_as_they_should(
    study: Study,
) -> None:
    """Coverage lies in the band that 99.9 of 100 such simulations reach.

    The true values are limits of PLS in the population. Intervals of half the length,
    made of the same draws, would be found out.
    """
    model, true = model_of(study.case, study.constructs), _limits(study)
    codebook = csi.load_dataset(study.case.survey).codebook
    inside, inside_short = np.zeros((2, len(true)))
    for seed in range(study.surveys):
        frame = script(study.case.survey).make_survey(1000 + seed, **study.size)
        results = csi.fit(model, csi.read_survey(frame, codebook=codebook))
        boot = csi.bootstrap(results, n=200, seed=seed)
        table = pd.concat([boot.paths, boot.index.to_frame().T], ignore_index=True)
        middle, low, high = table[["estimate", "low", "high"]].to_numpy(float).T
        inside += (low <= true) & (true <= high)
        nearer = middle + (true - middle) * 2
        inside_short += (low <= nearer) & (nearer <= high)
    least, most = _band(study.surveys)
    assert (inside >= least).all(), inside
    assert (inside <= most).all(), inside
    assert (inside_short < least).all(), inside_short


def _limits(study: Study) -> np.ndarray:
    """Return the limits of the paths of a part of the model, and of its index."""
    made = script(study.case.survey)
    items = made.model_items() if study.case.survey == "telecom" else made.ITEMS
    every = {(r["source"], r["target"]): 0.0 for r in _paths(study.case)}
    found = made.plim.limits(
        items,
        study.constructs,
        every,
        made.complainers()[1]
        if study.case.section == "complainers"
        else made.moments(),
        {"COMP": (0.0, 1.0)},
    )
    index = found.scores[study.constructs.index("satisfaction")]
    inner = [pair for pair in every if set(pair) <= set(study.constructs)]
    return np.array([*(found.path(*pair) for pair in inner), index])


def _band(surveys: int) -> tuple[int, int]:
    """Return the counts that 99.9 % of binomial draws with chance .95 lie between."""
    from scipy.stats import binom

    low, high = binom.ppf([0.0005, 0.9995], surveys, 0.95)
    return int(low), int(high)


def _paths(case: Case) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = truth(case.survey)[case.section]["paths"]
    return rows


def _structural_correlations(case: Case) -> np.ndarray:
    """Return the correlations of the constructs that the true paths imply."""
    names = list(model_of(case).construct_names)
    corr = np.eye(len(names))
    for row in truth(case.survey).get("correlations", []):
        i, j = names.index(row["first"]), names.index(row["second"])
        corr[i, j] = corr[j, i] = row["latent"]
    for k, name in enumerate(names):
        causes = [row for row in _paths(case) if row["target"] == name]
        if causes:
            sources = [names.index(row["source"]) for row in causes]
            slopes = np.array([row["latent"] for row in causes])
            corr[k, :k] = corr[:k, k] = slopes @ corr[sources, :k]
    return corr


def _largest_z(values: np.ndarray) -> float:
    """Return how far the means of columns are from zero, in standard errors."""
    error = values.std(axis=0) / np.sqrt(len(values))
    return float(np.abs(values.mean(axis=0) / error).max())


def _sources(survey: csi.Survey, model: csi.Model) -> dict[str, str]:
    """Return the column of every item: a second name's rule ends in it."""
    found: dict[str, str] = {}
    for name in model.items:
        derive = survey.codebook.item(name).derive
        found[name] = columns_of(derive[0][0])[0] if derive else name
    return found


def _used_rows(results: csi.Results) -> np.ndarray:
    assert results.answers is not None
    return results.answers.rows


def _numbers(content: Any, at: str = "") -> dict[str, float]:
    """Return all numbers of a TOML file by their place."""
    if isinstance(content, Mapping):
        entries = list(content.items())
    elif isinstance(content, list):
        entries = list(enumerate(content))
    else:
        return {at: content} if isinstance(content, int | float) else {}
    parts = [_numbers(value, f"{at}/{key}") for key, value in entries]
    return {place: value for part in parts for place, value in part.items()}
