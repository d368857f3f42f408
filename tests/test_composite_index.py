"""Weights of siblings by every source, and the composite index."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.scoring import (
    CompositeIndex,
    Weighting,
    ahp_weights,
    component_weights,
    composite_index,
    constant_sum_weights,
    critic_weights,
    direct_weights,
    entropy_weights,
    equal_weights,
    model_tree,
    weight_sensitivity,
)

# pairwise comparisons of the literature, with the numbers printed there
Matrix = list[list[float]]

DRINKS: Matrix = [
    [1, 9, 5, 2, 1, 1, 1 / 2],
    [1 / 9, 1, 1 / 3, 1 / 9, 1 / 9, 1 / 9, 1 / 9],
    [1 / 5, 3, 1, 1 / 3, 1 / 4, 1 / 3, 1 / 9],
    [1 / 2, 9, 3, 1, 1 / 2, 1, 1 / 3],
    [1, 9, 4, 2, 1, 2, 1 / 2],
    [1, 9, 3, 1, 1 / 2, 1, 1 / 3],
    [2, 9, 9, 3, 2, 3, 1],
]
CITIES: Matrix = [
    [1, 1 / 3, 8, 3, 3, 7],
    [3, 1, 9, 3, 3, 9],
    [1 / 8, 1 / 9, 1, 1 / 6, 1 / 5, 2],
    [1 / 3, 1 / 3, 6, 1, 1 / 3, 6],
    [1 / 3, 1 / 3, 5, 3, 1, 6],
    [1 / 7, 1 / 9, 1 / 2, 1 / 6, 1 / 6, 1],
]
HOUSE: Matrix = [
    [1, 5, 3, 7, 6, 6, 1 / 3, 1 / 4],
    [1 / 5, 1, 1 / 3, 5, 3, 3, 1 / 5, 1 / 7],
    [1 / 3, 3, 1, 6, 3, 4, 6, 1 / 5],
    [1 / 7, 1 / 5, 1 / 6, 1, 1 / 3, 1 / 4, 1 / 7, 1 / 8],
    [1 / 6, 1 / 3, 1 / 3, 3, 1, 1 / 2, 1 / 5, 1 / 6],
    [1 / 6, 1 / 3, 1 / 4, 4, 2, 1, 1 / 5, 1 / 6],
    [3, 5, 1 / 6, 7, 5, 5, 1, 1 / 2],
    [4, 7, 5, 8, 6, 6, 2, 1],
]


@pytest.mark.reference
@pytest.mark.parametrize(
    ("matrix", "weights", "ratio"),
    [
        # Saaty (2008), Int. J. Services Sciences 1(1): drink consumption in the USA
        (DRINKS, [0.177, 0.019, 0.042, 0.116, 0.190, 0.129, 0.327], 0.022),
        # Saaty (1990), EJOR 48(1): buying a house, eigenvalue 9.669
        (HOUSE, [0.173, 0.054, 0.188, 0.018, 0.031, 0.036, 0.167, 0.333], 0.169),
    ],
)
def test_ahp_is_saatys(
    matrix: list[list[float]], weights: list[float], ratio: float
) -> None:
    names = [f"c{k}" for k in range(len(matrix))]
    made = ahp_weights(matrix, names, check=False)
    assert made.consistency is not None
    # three printed decimals
    assert_allclose(made.weights, weights, atol=6e-4)
    assert_allclose(made.consistency.ratio, ratio, atol=6e-4)


@pytest.mark.reference
def test_ahp_of_distances_is_saatys() -> None:
    """Saaty (1980), chapter 1: distances from Philadelphia, eigenvalue 6.45."""
    made = ahp_weights(CITIES, list("abcdef"))
    assert made.consistency is not None
    printed = [0.262, 0.397, 0.033, 0.116, 0.164, 0.027]
    assert_allclose(made.weights, printed, atol=1e-3)
    assert_allclose(made.consistency.eigenvalue, 6.45, atol=5e-3)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 10])
def test_consistent_comparisons_give_their_weights(size: int) -> None:
    weights = np.arange(1.0, size + 1) / np.arange(1.0, size + 1).sum()
    made = ahp_weights(weights[:, None] / weights, [f"c{k}" for k in range(size)])
    assert made.consistency is not None
    assert_allclose(made.weights, weights)
    assert_allclose(made.consistency.eigenvalue, size)
    assert_allclose(made.consistency.ratio, 0, atol=1e-12)


def test_several_judges_are_averaged_geometrically() -> None:
    made = ahp_weights(
        np.array([[[1, 2], [1 / 2, 1]], [[1, 8], [1 / 8, 1]]]), ["a", "b"]
    )
    assert_allclose(made.weights, (0.8, 0.2))


def test_contradicting_comparisons_warn() -> None:
    circle: Matrix = [[1, 5, 1 / 5], [1 / 5, 1, 5], [5, 1 / 5, 1]]
    with pytest.warns(csi.InadmissibleWarning, match="consistency ratio 2.76 > 0.10"):
        made = ahp_weights(circle, ["a", "b", "c"])
    assert made.consistency is not None
    # eigenvalue 1 + 5 + 1/5 of this circulant; RI .58
    assert_allclose(made.consistency.eigenvalue, 6.2)
    assert_allclose(made.consistency.ratio, 1.6 / 0.58)


def test_no_ratio_beyond_the_table() -> None:
    made = ahp_weights(np.ones((11, 11)), [f"c{k}" for k in range(11)])
    assert made.consistency is not None
    assert np.isnan(made.consistency.ratio)


@pytest.mark.parametrize(
    ("matrix", "fragment"),
    [
        ([[1, 2], [2, 1]], "a by b is 2, so that the opposite must be 0.5, not 2"),
        ([[2, 2], [0.5, 2]], "a by a is 2"),
        ([[1, -2], [-0.5, 1]], "positive numbers"),
        ([[1, 2, 3]], r"shape \(1, 3\); 2 names need \(2, 2\)"),
        ([[1, 2], [1]], "rows of one length"),
    ],
)
def test_what_are_no_comparisons(matrix: Any, fragment: str) -> None:
    with pytest.raises(csi.SpecificationError, match=fragment):
        ahp_weights(matrix, ["a", "b"])


def test_entropy_by_hand() -> None:
    """Columns (1/2, 1/4, 1/4), uniform and (1, 0, 0): entropies 1.5 ln2/ln3, 1, 0."""
    scores = np.array([[50.0, 20.0, 60.0], [25.0, 20.0, 0.0], [25.0, 20.0, 0.0]])
    first = 1 - 1.5 * np.log(2) / np.log(3)
    made = entropy_weights(scores, ["a", "b", "c"])
    assert_allclose(made.weights, [first / (first + 1), 0, 1 / (first + 1)])


def test_critic_by_hand() -> None:
    """Two that agree completely and one unrelated: conflicts 1, 1 and 2."""
    base = np.array([1.0, 1.0, -1.0, -1.0])
    other = np.array([1.0, -1.0, 1.0, -1.0])
    scores = 50 + np.column_stack([base, 2 * base, 3 * other])
    made = critic_weights(scores, ["a", "b", "c"])
    assert_allclose(made.weights, np.array([1, 2, 6]) / 9)


def test_component_weights_by_power_iteration() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(80, 1)) * [1, 2, 3] + rng.normal(size=(80, 3))
    z = (scores - scores.mean(axis=0)) / scores.std(axis=0, ddof=1)
    w = np.ones(3)
    for _ in range(500):
        w = z.T @ (z @ w)
        w /= np.linalg.norm(w)
    raw = w / scores.std(axis=0, ddof=1)
    made = component_weights(scores, ["a", "b", "c"])
    assert_allclose(made.weights, raw / raw.sum())


def test_constant_scores_get_no_weight() -> None:
    scores = [[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]]
    for made in (entropy_weights(scores, "ab"), critic_weights(scores, "ab")):
        assert_allclose(made.weights, (1, 0))
    for source in (entropy_weights, critic_weights):
        with pytest.raises(csi.DataError, match="don't vary"):
            source(np.ones((3, 2)), ["a", "b"])
    with pytest.raises(csi.DataError, match="scores of 'b' don't vary"):
        component_weights(scores, ["a", "b"])


@pytest.mark.parametrize(
    ("make", "fragment"),
    [
        (lambda: direct_weights({"a": -1, "b": 2}), "zero or more"),
        (lambda: direct_weights({"a": 0, "b": 0}), "not all zero"),
        (lambda: direct_weights({"a": "high"}), "must be numbers"),  # type: ignore[dict-item]
        (lambda: direct_weights([1, 2]), "given by name"),  # type: ignore[arg-type]
        (lambda: direct_weights({}), "nothing to weight"),
        (lambda: constant_sum_weights({"a": 60, "b": 60}), "are 120 together"),
        (lambda: entropy_weights([[1, -1], [1, 2]], "ab"), "zero or more"),
        (lambda: critic_weights([[1, 2, 3]], "ab"), "one column of scores per"),
        (
            lambda: critic_weights(np.array([[1, np.nan], [1, 2]]), "ab"),
            "two complete rows",
        ),
        (lambda: component_weights([[1, 2], [2, 1], [3, 0]], "ab"), "negative weight"),
    ],
)
def test_what_gives_no_weights(make: Any, fragment: str) -> None:
    with pytest.raises(csi.CsindexError, match=fragment):
        make()


SCORES = pd.DataFrame(
    {
        "q1": [80.0, 60.0, 40.0, 90.0],
        "q2": [70.0, 50.0, 60.0, 80.0],
        "p1": [50.0, 70.0, 20.0, 60.0],
        "c1": [0.0, 100.0, 100.0, 0.0],
    }
)
TREE = {"index": ["staff", "p1", "complaints"], "staff": ["q1", "q2"]}
TREE |= {"complaints": ["c1"]}


def test_a_composite_by_hand() -> None:
    top = constant_sum_weights({"p1": 30, "complaints": 20, "staff": 50})
    made = composite_index(SCORES, TREE, {"index": top, "staff": "equal"})
    rows = 0.5 * (SCORES["q1"] + SCORES["q2"]) / 2 + 0.3 * SCORES["p1"]
    rows += 0.2 * (100 - SCORES["c1"])
    assert_allclose(made.respondents, rows)
    assert_allclose(made.score, rows.mean())
    assert_allclose(made.se, rows.std() / 2)
    assert made.n == 4
    nodes = made.nodes.set_index("node")
    assert nodes["global_weight"].to_dict() == pytest.approx(
        {"index": 1, "staff": 0.5, "q1": 0.25, "q2": 0.25, "p1": 0.3}
        | {"complaints": 0.2, "c1": 0.2}
    )
    assert nodes["reversed"].to_dict() == {
        name: name in {"complaints", "c1"} for name in nodes.index
    }
    assert made.label == "composite index"
    assert "ACSI" not in repr(made)


@pytest.mark.parametrize("weights", ["equal", "pls", "entropy", "critic"])
def test_identities_of_a_composite(weights: str) -> None:
    survey = csi.load_dataset("retail")
    answered = csi.acsi().without("complaints")
    frame = survey.frame[survey.frame[["PQ", "QP"]].le(10).all(axis=1)]
    model = csi.Model("price", [csi.reflective("value", "PQ", "QP")])
    complete = csi.read_survey(frame, codebook=survey.codebook)
    made = composite_index(complete, model, weights)
    _check_sums(made)
    whole = composite_index(survey, answered, weights).nodes
    assert_allclose(whole.groupby("parent")["share"].sum(), 1)


def _check_sums(made: CompositeIndex) -> None:
    nodes = made.nodes
    leaves = nodes[~nodes["node"].isin(nodes["parent"])]
    assert_allclose((leaves["global_weight"] * leaves["score"]).sum(), made.score)
    below = nodes[nodes["parent"] != ""]
    sums = (below["share"] * below["score"]).groupby(below["parent"]).sum()
    assert_allclose(nodes.set_index("node").loc[sums.index, "score"], sums)


def test_pls_weights_are_the_fits() -> None:
    survey = csi.load_dataset("retail")
    fit = csi.fit(csi.acsi(), survey)
    made = composite_index(survey, csi.acsi(), "pls", fit=fit)
    shares = fit.weights.set_index("item")["share"]
    found = made.nodes.set_index("node")["share"]
    assert_allclose(found[shares.index], shares)
    # the satisfaction construct's score is in both; the indices are two numbers
    assert abs(made.score - fit.index) > 1


def test_pls_weights_reach_through_four_levels() -> None:
    survey = csi.load_dataset("retail")
    fit = csi.fit(csi.acsi(), survey)
    tree = model_tree(csi.acsi(), {"goods": ["OVERALLQ", "CUSTOMQ"]})
    made = composite_index(survey, csi.acsi(), "pls", fit=fit)
    deep = composite_index(survey, tree, "pls", fit=fit).nodes.set_index("node")
    item = fit.weights.set_index("item")["share"]
    goods = item["OVERALLQ"] + item["CUSTOMQ"]
    assert_allclose(deep.loc["goods", "share"], goods)
    assert_allclose(deep.loc["CUSTOMQ", "share"], item["CUSTOMQ"] / goods)
    assert made.weightings["quality"].source == "PLS"


def test_missing_children_leave_their_weight_to_the_others() -> None:
    scores = pd.DataFrame(
        {"a": [10.0, np.nan, np.nan], "b": [20.0, 30.0, np.nan], "c": [60.0, 60.0, 9.0]}
    )
    weights = {"r": direct_weights({"a": 50, "b": 30, "c": 20})}
    made = composite_index(scores, {"r": ["a", "b", "c"]}, weights)
    assert_allclose(made.respondents[:2], [23, 0.6 * 30 + 0.4 * 60])
    half = composite_index(scores[["a", "b"]], {"r": ["a", "b"]})
    assert_allclose(half.respondents[:2], [15, 30])
    # one of three is less than half
    assert np.isnan(made.respondents[2])
    assert made.n == 2


# shares of the weights and scores of the three respondents with a weight
SHARED = [(0.125, 25), (0.75, 100), (0.125, 25)]


def test_sampling_weights_count() -> None:
    answers = {"q1": [1, 5, 3, 1], "q2": [3, 5, 1, 3], "w": [0.5, 3.0, 0.0, 0.5]}
    frame = pd.DataFrame(answers)
    survey = csi.read_survey(frame, scale=(1, 5), weights="w")
    made = composite_index(survey, {"r": ["q1", "q2"]})
    assert_allclose(made.score, (25 + 3 * 100) / 4)
    squares = [(share * (x - 81.25)) ** 2 for share, x in SHARED]
    assert_allclose(made.se, np.sqrt(1.5 * sum(squares)))


def test_sensitivity() -> None:
    rated = {"index": direct_weights({"staff": 5, "p1": 3, "complaints": 2})}
    table = weight_sensitivity(SCORES, TREE, {"rated": rated}).set_index("source")
    assert table.index.tolist() == ["equal", "pls", "entropy", "critic", "rated"]
    for source in ("equal", "critic"):
        expected = composite_index(SCORES, TREE, source).score
        assert_allclose(table.loc[source, "index"], expected)
    rated_score = composite_index(SCORES, TREE, rated).score
    difference = rated_score - composite_index(SCORES, TREE).score
    assert_allclose(table.loc["rated", "difference"], difference)
    assert (table["note"] == "").all()


def test_a_source_that_cannot_weight_says_why() -> None:
    scores = SCORES.assign(q2=100 - SCORES["q1"])
    table = weight_sensitivity(scores, TREE).set_index("source")
    note = table.loc["pls", "note"]
    assert note.startswith("staff: PLS weights: 'q")
    assert "would have a negative weight; reverse it" in note
    assert np.isnan(table.loc["pls", "index"])
    assert np.isfinite(table.loc["entropy", "index"])


@pytest.mark.parametrize(
    ("data", "options", "fragment"),
    [
        (SCORES, {"weights": "anova"}, "'anova' is no source"),
        (SCORES, {"weights": {"stuff": "equal"}}, "unknown parent 'stuff'"),
        (
            SCORES,
            {"weights": {"staff": equal_weights(["q1", "p1"])}},
            "the equal weights of 'q1', 'p1' don't fit 'staff'",
        ),
        (SCORES, {"reverse": ["complaint"]}, "unknown node 'complaint' in reverse"),
        (SCORES.drop(columns="q2"), {}, "unknown column 'q2'"),
        (SCORES + 50, {}, "'q1' has scores off 0-100"),
        (SCORES.astype(str) + "x", {}, "'q1' must hold numbers"),
        (SCORES * np.nan, {}, "no respondent answered enough"),
        (
            csi.read_survey(pd.concat([SCORES] * 2)),
            {},
            "scale of 'q1', 'q2', 'p1', 'c1' is unknown",
        ),
        ([1, 2], {}, "not list"),
    ],
)
def test_faulty_composites(data: Any, options: dict[str, Any], fragment: str) -> None:
    with pytest.raises(csi.CsindexError, match=fragment):
        composite_index(data, TREE, **options)


def test_weightings_are_kept_with_their_consistency() -> None:
    circle: Matrix = [[1, 2, 4], [1 / 2, 1, 2], [1 / 4, 1 / 2, 1]]
    top = ahp_weights(circle, ["complaints", "p1", "staff"])
    made = composite_index(SCORES, TREE, {"index": top, "*": "entropy"})
    kept = made.weightings["index"]
    assert isinstance(kept, Weighting)
    assert kept.consistency == top.consistency
    assert_allclose(kept.of("complaints"), 4 / 7)
    assert made.weightings["staff"].source == "entropy"
