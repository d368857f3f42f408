"""PLS-POS: simulated populations, brute force over moves and divisions, refits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.inference.segments import Segmentation, segments
from csindex.inference.segments.climbing import climbs, explained, hill
from csindex.inference.segments.sample import Sample, equal_parts, sample_of
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.closeness import LocalModels, influences
from csindex.kernels.cross_products import (
    cross_products,
    product_moments,
    products_by_part,
    row_products,
)
from csindex.kernels.partitions import adjusted_rand

DRIVEN = ("c", "d", "e", "f")
MODEL = csi.Model(
    "simulated",
    tuple(
        csi.reflective(x, *(f"{x}{k}" for k in (1, 2, 3))) for x in ("a", "b", *DRIVEN)
    ),
    [(source, target) for target in DRIVEN for source in ("a", "b")],
    index="c",
)
# paths from a and b to each driven construct, in two segments
FIRST = [[0.9, 0.1], [0.1, 0.9], [0.6, 0.6], [0.7, -0.5]]
SECOND = [[-0.1, -0.9], [0.9, -0.1], [0.6, -0.6], [-0.5, -0.7]]
# one cause of three items, whose weights differ between segments; two effects
FORMATIVE = csi.Model(
    "formative",
    (
        csi.composite("a", "a1", "a2", "a3"),
        csi.reflective("b", "b1", "b2", "b3"),
        csi.reflective("c", "c1", "c2", "c3"),
    ),
    [("a", "b"), ("a", "c")],
)
PAIR = csi.Model(
    "pair", (csi.reflective("x", "x1"), csi.reflective("y", "y1")), [("x", "y")]
)


def answers(n: int, paths: list[list[float]], rng: np.random.Generator) -> FloatArray:
    causes = rng.normal(size=(n, 2))
    driven = causes @ np.array(paths).T + 0.2 * rng.normal(size=(n, len(paths)))
    constructs = np.column_stack([causes, driven]).T
    return np.hstack([x[:, None] + 0.15 * rng.normal(size=(n, 3)) for x in constructs])


@cache
def population() -> tuple[pd.DataFrame, IntArray]:
    """Return answers of 240 and 160 respondents, mixed, and their true segments."""
    rng = np.random.default_rng(3)
    values = np.vstack([answers(240, FIRST, rng), answers(160, SECOND, rng)])
    order = rng.permutation(400)
    frame = pd.DataFrame(values[order], columns=list(MODEL.items))
    return frame, np.repeat([0, 1], [240, 160])[order]


def fitted(frame: pd.DataFrame) -> csi.Results:
    return csi.fit(MODEL, csi.read_survey(frame, scale=(-9, 9)))


def codes(found: Segmentation) -> IntArray:
    return np.asarray(found.memberships["segment"].to_numpy(dtype=np.int64)) - 1


def formative() -> tuple[csi.Results, IntArray]:
    """Return a fit to segments that differ in nothing but a composite's weights."""
    rng = np.random.default_rng(8)
    n = 300
    truth = np.asarray(rng.permutation(np.repeat([0, 1], [180, 120])), dtype=np.int64)
    items = rng.normal(size=(n, 3))
    weights = np.array([[0.95, 0.3, 0.0], [-0.3, 0.3, 0.9]])[truth]
    cause = (items * weights).sum(axis=1)
    blocks = [items]
    for _ in range(2):
        effect = 0.9 * cause + 0.25 * rng.normal(size=n)
        blocks.append(effect[:, None] + 0.2 * rng.normal(size=(n, 3)))
    frame = pd.DataFrame(np.hstack(blocks), columns=list(FORMATIVE.items))
    survey = csi.read_survey(frame, scale=(-9, 9))
    return csi.fit(FORMATIVE, survey, estimator=csi.PLS(mode={"a": "B"})), truth


def pair(n: int, seed: int = 3) -> csi.Results:
    """Return a fit of one item to another, whose R2 is a squared correlation."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 2)), columns=["x1", "y1"])
    return csi.fit(PAIR, csi.read_survey(frame, scale=(-9, 9)))


def plain_objective(sample: Sample, divided: IntArray) -> float:
    """Return the objective by one fit to each segment's own weighted covariances."""
    results = sample.results
    total = 0.0
    for g in np.unique(divided):
        own = divided == g
        cov = np.cov(sample.values[own].T, aweights=sample.weights[own], ddof=0)
        mean = np.zeros(len(cov))
        moments = csi.Moments(results.moments.names, mean, cov, int(own.sum()))
        made = results.estimator.estimate(results.model, moments)
        total += sample.weights[own].sum() * float(made.r_squared.sum())
    return total / float(sample.weights.sum())


def weighted_sample(n: int) -> Sample:
    frame = population()[0].iloc[:n]
    frame = frame.assign(w=np.random.default_rng(4).uniform(0.3, 2.5, n))
    survey = csi.read_survey(frame, scale=(-9, 9), weights="w")
    return sample_of(csi.fit(MODEL, survey))


@pytest.fixture(scope="module")
def mixed() -> csi.Results:
    return fitted(population()[0])


@pytest.fixture(scope="module")
def found(mixed: csi.Results) -> Segmentation:
    return segments(mixed, 2, method="pos", starts=5)


def test_moved_rows_leave_the_sums_of_those_who_stay() -> None:
    rng = np.random.default_rng(1)
    values, weights = rng.normal(size=(50, 6)), rng.uniform(0.2, 3, 50)
    parts = rng.integers(0, 3, 50)
    sums = products_by_part(values, weights, parts, 3)
    rows = row_products(values, weights)
    for row in (0, 17, 49):
        for target in range(3):
            moved = parts.copy()
            moved[row] = target
            updated = sums.copy()
            updated[parts[row]] -= rows[row]
            updated[target] += rows[row]
            made = product_moments(updated)
            for part in range(3):
                own = moved == part
                mean = np.average(values[own], axis=0, weights=weights[own])
                cov = np.cov(values[own].T, aweights=weights[own], ddof=0)
                assert_allclose(made[0][part], mean, atol=1e-12)
                assert_allclose(made[1][part], cov, atol=1e-12)


def test_what_is_constant_keeps_no_variance() -> None:
    values = np.array([[0.3, 1.0], [0.3, 2.0], [0.3, 4.0], [2.0, 1.0]])
    sums = cross_products(values, np.full(4, 0.1))
    left = sums - row_products(values[3:], np.array([0.1]))[0]
    cov = product_moments(left[None])[1][0]
    assert cov[0, 0] == 0.0
    assert_allclose(cov[1, 1], np.var([1.0, 2, 4]))


def test_influences_are_derivatives() -> None:
    """Of R2 by a respondent's weight, times the sum of weights, weights held."""
    rng = np.random.default_rng(2)
    n, step = 40, 1e-6
    scores = rng.normal(size=(n, 3))
    scores[:, 1] += scores[:, 0]
    scores[:, 2] += scores[:, 0] - 0.5 * scores[:, 1]
    structure = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0]])

    def total(weights: FloatArray) -> float:
        cov = np.atleast_2d(np.cov(scores.T, aweights=weights, ddof=0))
        one = cov[1, 0] ** 2 / cov[0, 0] / cov[1, 1]
        fitted_part = cov[2, :2] @ np.linalg.solve(cov[:2, :2], cov[:2, 2])
        return float(weights.sum() * (one + fitted_part / cov[2, 2]))

    sd = scores.std(axis=0)
    corr = np.atleast_2d(np.corrcoef(scores.T))
    paths = np.zeros((3, 3))
    paths[1, 0] = corr[1, 0]
    paths[2, :2] = np.linalg.solve(corr[:2, :2], corr[:2, 2])
    unit = np.eye(3)[None]
    models = LocalModels(
        scores.mean(axis=0)[None],
        sd[None],
        unit,
        unit,
        paths[None],
        (paths * corr).sum(axis=1)[None],
        structure,
    )
    expected = [
        (total(np.ones(n) + step * row) - total(np.ones(n) - step * row)) / (2 * step)
        for row in np.eye(n)
    ]
    assert_allclose(influences(scores, models)[0], expected, rtol=1e-5, atol=1e-6)


def test_segments_of_other_paths_are_found(found: Segmentation) -> None:
    truth = population()[1]
    assert adjusted_rand(codes(found), truth) > 0.9
    # chance alone would put 60 % right
    assert (codes(found) == truth).mean() > 0.97
    for segment, paths in ((1, FIRST), (2, SECOND)):
        own = found.paths[found.paths["segment"] == segment]
        spread = np.sqrt((np.array(paths) ** 2).sum(axis=1) + 0.04)
        expected = (np.array(paths) / spread[:, None]).ravel()
        assert_allclose(own["estimate"], expected, atol=0.12)


def test_segments_of_other_weights_are_found() -> None:
    results, truth = formative()
    found = segments(results, 2, method="pos", starts=4)
    assert (codes(found) == truth).mean() > 0.85
    assert adjusted_rand(codes(found), truth) > 0.5
    first, second = (found[g].weights.set_index("item")["estimate"] for g in (1, 2))
    assert first["a1"] > 0.7 > 0.3 > second["a1"]
    assert second["a3"] > 0.7 > 0.3 > first["a3"]


def test_objective_is_that_of_the_segments_fits(found: Segmentation) -> None:
    row = found.criteria.set_index("k").loc[2]
    table = found.r_squared.pivot(index="construct", columns="segment", values="r2")
    mean = (table * found.segments.set_index("segment")["share"]).sum(axis=1)
    assert_allclose(row["objective"], mean.sum(), atol=1e-6)
    assert_allclose(row["r2"], mean.mean(), atol=1e-6)
    for name in DRIVEN:
        assert_allclose(row[f"r2_{name}"], mean[name], atol=1e-6)
    alone = found.results.r_squared.mean()
    assert_allclose(found.criteria["r2"].iloc[0], alone, atol=1e-6)
    assert_allclose(row["gain"], mean.mean() - alone, atol=1e-6)
    assert row["reached"] == (found.starts["objective"] > row["objective"] - 1e-6).sum()


@pytest.mark.parametrize("k", [2, 3])
def test_objective_never_falls_and_ends_where_no_move_helps(k: int) -> None:
    sample = weighted_sample(90)
    least = 20
    ended = climbs(hill(sample, k, least), list(equal_parts(sample, k, 1, 2)))
    for climb in ended:
        assert climb.converged
        assert (np.diff(climb.history) > 0).all()
        best = plain_objective(sample, climb.codes)
        assert_allclose(climb.history[-1], best, atol=1e-6)
        sizes = np.bincount(climb.codes, minlength=k)
        assert sizes.min() >= least
        for row in range(0, 90, 2):
            for target in range(k):
                own = climb.codes[row]
                if target == own or sizes[own] == least:
                    continue
                moved = climb.codes.copy()
                moved[row] = target
                assert plain_objective(sample, moved) < best + 1e-6


def test_explained_variances_are_weighted_by_shares() -> None:
    sample = weighted_sample(90)
    divided = equal_parts(sample, 3, 1, 1)[0]
    found = explained(hill(sample, 3, 20), divided)
    assert_allclose(found.sum(), plain_objective(sample, divided), atol=1e-6)


def test_all_divisions_of_a_few_respondents() -> None:
    """Of 1,254 divisions of 12 respondents, the best one is found."""
    results = pair(12)
    sample = sample_of(results)
    x, y = sample.values.T
    best, rows = -np.inf, np.arange(12)
    for size in (5, 6):
        for inside in combinations(rows, size):
            own = np.isin(rows, inside)
            squares = [np.corrcoef(x[part], y[part])[0, 1] ** 2 for part in (own, ~own)]
            best = max(best, (size * squares[0] + (12 - size) * squares[1]) / 12)
    found = segments(results, 2, method="pos", starts=40, smallest=5)
    assert_allclose(found.criteria["objective"].iloc[-1], best, rtol=1e-9)
    assert found.starts["objective"].max() < best + 1e-9
    assert found.segments["n"].min() >= 5


def test_segments_keep_their_size(mixed: csi.Results) -> None:
    found = segments(mixed, 2, method="pos", starts=2, smallest=190)
    assert found.segments["n"].tolist() == [210, 190]


def test_a_rare_answer_does_not_end_alone() -> None:
    """Segments where an item is constant have no model, and no move leads there."""
    frame, _ = population()
    rare = np.zeros(400)
    rare[::80] = 1.0
    model = csi.Model(
        "rare",
        (*MODEL.constructs, csi.reflective("rare", "rare")),
        [*((p.source, p.target) for p in MODEL.paths), ("c", "rare")],
    )
    survey = csi.read_survey(
        frame.assign(rare=rare), scale={"*": (-9, 9), "rare": (0, 1)}
    )
    found = segments(csi.fit(model, survey), 2, method="pos", starts=2)
    assert not found.failures
    assert [found[g].answers.values[:, -1].std() > 0 for g in (1, 2)] == [True, True]  # type: ignore[union-attr]


def test_one_answer_that_differs_can_not_be_divided() -> None:
    frame = population()[0]
    lone = np.zeros(400)
    lone[7] = 1.0
    model = csi.Model(
        "lone",
        (*MODEL.constructs, csi.reflective("lone", "lone")),
        [*((p.source, p.target) for p in MODEL.paths), ("lone", "c")],
    )
    survey = csi.read_survey(
        frame.assign(lone=lone), scale={"*": (-9, 9), "lone": (0, 1)}
    )
    with pytest.raises(csi.DataError, match="no division into 2 segments can be"):
        segments(csi.fit(model, survey), 2, method="pos", starts=2)


def test_mixtures_tell_the_number(mixed: csi.Results) -> None:
    found = segments(mixed, [2, 3], method="pos", starts=3)
    assert found.k == 2
    assert found.criteria["k"].tolist() == [1, 2, 3]
    assert found.recommendation["k"].tolist() == [2]
    advised = segments(mixed, [2, 3], starts=3).recommendation["k"].iloc[-1]
    assert found.recommendation["k"].item() == advised
    assert any("no criterion for their number" in note for note in found.notes)


def test_explained_variance_rises_without_segments() -> None:
    """Which the result says: one population, and a gain that looks like segments."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(answers(300, FIRST, rng), columns=list(MODEL.items))
    noisy = frame + rng.normal(0, 0.7, frame.shape)
    results = csi.fit(MODEL, csi.read_survey(noisy, scale=(-9, 9)))
    found = segments(results, range(1, 4), method="pos", starts=2)
    assert found.k == 1
    assert (found.criteria["gain"].diff().dropna() > 0.02).all()
    asked = segments(results, 2, method="pos", starts=2)
    assert any("ask for 1, not 2" in note for note in asked.notes)


def test_it_prints(found: Segmentation) -> None:
    text = repr(found)
    assert "PLS-POS" in text
    assert "objective" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "<table" in found._repr_html_()
    assert found.settings["objective"].startswith("sum of R2")


def test_a_mixture_that_fails_is_told() -> None:
    results = pair(60)
    values = np.sign(results.survey.frame.to_numpy())  # type: ignore[union-attr]
    frame = pd.DataFrame(values, columns=["x1", "y1"])
    flat = csi.fit(PAIR, csi.read_survey(frame, scale=(-1, 1)))
    found = segments(flat, [2, 3], method="pos", starts=3, smallest=12)
    assert found.k == 2
    assert found.recommendation.empty
    assert any("no start from FIMIX-PLS: " in note for note in found.notes)


REFUSED: dict[str, tuple[Callable[[csi.Results], object], str]] = {
    "one": (lambda r: segments(r, 1, method="pos"), "k=1 asks for none"),
    "consistent": (
        lambda r: segments(replace(r, estimator=csi.PLSc()), 2, method="pos"),
        "PLSc's explained variances are those of constructs without error",
    ),
    "polychoric": (
        lambda r: segments(
            replace(r, estimator=csi.PLS(correlations="polychoric")), 2, method="pos"
        ),
        "estimates by PLS are not made of the answers' own moments",
    ),
    "many": (
        lambda r: segments(r, 30, method="pos"),
        "30 segments need 600 respondents",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(mixed: csi.Results, name: str) -> None:
    call, told = REFUSED[name]
    with pytest.raises(csi.CsindexError, match=told):
        call(mixed)
