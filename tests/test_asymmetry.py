"""Impact asymmetry against least squares, and Kano's evaluation of pairs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.diagnostics.asymmetry import impact_asymmetry
from csindex.diagnostics.kano import kano
from csindex.kernels.contrast import asymmetry, contrasts

MODEL = csi.Model(
    "steps",
    (
        csi.reflective("basic", "b"),
        csi.reflective("even", "e"),
        csi.reflective("joy", "j"),
        csi.reflective("trouble", "t"),
        csi.reflective("satisfaction", "s"),
    ),
    [(name, "satisfaction") for name in ("basic", "even", "joy", "trouble")],
    index="satisfaction",
)
PENALTY = np.array([-12.0, -6, -2, -8])
REWARD = np.array([3.0, 6, 14, 1])


def _survey(noise: float = 0.0) -> csi.Survey:
    """Return answers whose satisfaction is an exact sum of penalties and rewards."""
    answers = np.array(list(product([1, 2, 3], repeat=4)), dtype=float)
    answers = np.tile(answers, (4, 1))
    # trouble lowers satisfaction: there a high answer is the low one
    good = np.column_stack([answers[:, :3], 4 - answers[:, 3]])
    score = 50 + (good == 1) @ PENALTY + (good == 3) @ REWARD
    generator = np.random.default_rng(0)
    score = score + noise * generator.standard_normal(len(score))
    frame = pd.DataFrame(answers, columns=["b", "e", "j", "t"]).assign(
        s=1 + 9 * score / 100, w=generator.uniform(0.5, 2, len(score))
    )
    scale = {"*": (1, 3), "s": (1, 10)}
    return csi.read_survey(frame, scale=scale, weights="w")


def test_exact_steps_are_found() -> None:
    table = impact_asymmetry(csi.fit(MODEL, _survey()), low=10, high=90, n=100)
    assert_allclose(table["penalty"], PENALTY, atol=1e-9)
    assert_allclose(table["reward"], REWARD, atol=1e-9)
    assert_allclose(table["range"], REWARD - PENALTY)
    expected = (REWARD + PENALTY) / (REWARD - PENALTY)
    assert_allclose(table["asymmetry"], expected, atol=1e-12)
    assert table["factor"].tolist() == ["basic", "performance", "excitement", "basic"]
    assert_allclose(table["certainty"], 1)
    assert_allclose(table[["penalty_se", "reward_se"]], 0, atol=1e-9)


def test_the_contrast_is_weighted_least_squares() -> None:
    survey = _survey(noise=8)
    results = csi.fit(MODEL, survey)
    table = impact_asymmetry(results, low=20, high=80, n=400, seed=3)
    scores = results.respondent_scores()
    assert results.answers is not None
    weights = results.answers.weights
    assert weights is not None
    own = scores[["basic", "even", "joy", "trouble"]].to_numpy().copy()
    own[:, 3] = 100 - own[:, 3]
    design = np.column_stack([np.ones(len(own)), own <= 20, own >= 80])
    root = np.sqrt(weights)
    y = scores["satisfaction"].to_numpy()
    slopes = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0]
    assert_allclose(table["penalty"], slopes[1:5], atol=1e-9)
    assert_allclose(table["reward"], slopes[5:], atol=1e-9)
    # the bootstrap's errors are the sandwich's, up to its Monte Carlo error
    bread = np.linalg.inv(design.T @ (design * weights[:, None]))
    residuals = y - design @ slopes
    meat = (design * (weights * residuals)[:, None]).T @ (
        design * (weights * residuals)[:, None]
    )
    sandwich = np.sqrt(np.diag(bread @ meat @ bread))
    assert_allclose(table["penalty_se"], sandwich[1:5], rtol=0.2)
    inside = (table["low"] <= table["asymmetry"]) & (
        table["asymmetry"] <= table["high"]
    )
    assert inside.all()


def test_a_stack_of_contrasts_is_each_by_itself() -> None:
    generator = np.random.default_rng(4)
    low = generator.integers(0, 2, size=(50, 2)).astype(float)
    high = (1 - low) * generator.integers(0, 2, size=(50, 2)).astype(float)
    y = generator.normal(size=50)
    weights = generator.uniform(0.2, 3, size=(4, 50))
    together = contrasts(low, high, y, weights)
    for k in range(4):
        alone = contrasts(low, high, y, weights[k : k + 1])
        assert_allclose(together[k], alone[0], atol=1e-12)
    # weights count by their shares
    assert_allclose(contrasts(low, high, y, 7 * weights), together, atol=1e-10)


def test_wrong_signs_are_no_impact() -> None:
    found = asymmetry(np.array([-2.0, 1, -1, 1]), np.array([2.0, 3, -1, -1]))
    assert_allclose(found, [0, 1, -1, np.nan])


def test_what_resamples_don_t_agree_on_is_undecided() -> None:
    few = _survey(noise=8).frame.sample(90, random_state=1)
    survey = csi.read_survey(few, scale={"*": (1, 3), "s": (1, 10)}, weights="w")
    results = csi.fit(MODEL, survey)
    table = impact_asymmetry(results, low=10, high=90, n=200)
    assert (table["certainty"] < 0.8).any()
    doubtful = table["certainty"] < 0.8
    assert (table.loc[doubtful, "factor"] == "undecided").all()
    assert (table.loc[~doubtful, "factor"] == table.loc[~doubtful, "leaning"]).all()
    known = ["basic", "performance", "excitement", "unclear"]
    assert set(table["leaning"]) <= {*known}
    bold = impact_asymmetry(results, low=10, high=90, n=200, certain=0)
    assert (bold["factor"] == table["leaning"]).all()
    bounds = pd.cut(table["asymmetry"], [-2, -0.1, 0.1, 2], labels=known[:3])
    wrong = (table["penalty"] > 0) | (table["reward"] < 0)
    expected = bounds.astype(object).where(~wrong, "unclear")
    assert table["leaning"].tolist() == expected.tolist()


def test_thirds_are_the_default() -> None:
    results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    table = impact_asymmetry(results, n=50)
    scores = results.respondent_scores()
    assert results.answers is not None
    weights = results.answers.weights
    for row in table.itertuples():
        own = scores[str(row.driver)].to_numpy()
        share = np.average(own <= row.low_score, weights=weights)
        above = np.average(own <= row.high_score, weights=weights)
        # a third is reached by the cut, and not by the next lower score
        assert share >= 1 / 3 > np.average(own < row.low_score, weights=weights)
        assert above >= 2 / 3 > np.average(own < row.high_score, weights=weights)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"low": 10}, "both low= and high="),
        ({"low": 90, "high": 10}, "below high"),
        ({"predictors": ["bacis"]}, "did you mean 'basic'"),
        ({"predictors": ["satisfaction"]}, "predictor of itself"),
        ({"n": 10}, "don't go together"),
        ({"certain": 80}, "share of resamples"),
        ({"target": "joy"}, "nothing drives"),
    ],
)
def test_refused_calls(call: dict[str, object], message: str) -> None:
    results = csi.fit(MODEL, _survey(noise=1))
    with pytest.raises(csi.SpecificationError, match=message):
        impact_asymmetry(results, **call)  # type: ignore[arg-type]


def test_two_levels_are_too_few() -> None:
    results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    with pytest.raises(csi.DataError, match="complaints: only 0 respondents"):
        impact_asymmetry(results, "loyalty")


# answers to the functional question (rows) and the dysfunctional one (columns)
TABLE = ["QAAAO", "RIIIM", "RIIIM", "RIIIM", "RRRRQ"]


@pytest.mark.parametrize("codes", [(1, 2, 3, 4, 5), ("L", "M", "N", "W", "D")])
def test_every_pair_of_answers_has_its_class(codes: tuple[object, ...]) -> None:
    for i, j in product(range(5), repeat=2):
        frame = pd.DataFrame({"f": [codes[i]], "d": [codes[j]]})
        row = kano(frame, {"x": ("f", "d")}, codes).iloc[0]
        assert row[TABLE[i][j]] == 1


def _answers(shares: dict[str, float]) -> pd.DataFrame:
    """Return a thousand pairs of answers with such percentages of classes."""
    pair = {
        "A": (1, 3),
        "O": (1, 5),
        "M": (3, 5),
        "I": (3, 3),
        "R": (3, 1),
        "Q": (1, 1),
    }
    rows = [pair[k] for k, share in shares.items() for _ in range(round(10 * share))]
    return pd.DataFrame(rows, columns=["f", "d"])


@pytest.mark.parametrize(
    ("shares", "category", "better", "worse"),
    [
        # edge grip and ease of turn of skis, as recalled from Sauerwein, Bailom,
        # Matzler & Hinterhuber (1996); coefficients to two printed decimals
        ((7, 32.3, 49.3, 9.5, 0.3, 1.5), "must-be", 0.40, -0.83),
        ((10.4, 45.1, 30.5, 11.5, 1.2, 1.2), "one-dimensional", 0.57, -0.78),
        # by hand: better 50 / 80, worse -30 / 80; M goes before A
        ((40, 10, 20, 10, 10, 10), "attractive", 0.625, -0.375),
        ((40, 0, 40, 20, 0, 0), "must-be", 0.4, -0.4),
    ],
)
def test_coefficients_of_known_tables(
    shares: tuple[float, ...], category: str, better: float, worse: float
) -> None:
    frame = _answers(dict(zip("AOMIRQ", shares, strict=True)))
    row = kano(frame, {"x": ("f", "d")}).iloc[0]
    assert row["category"] == category
    assert_allclose([row["better"], row["worse"]], [better, worse], atol=0.0051)
    total = sum(round(10 * share) for share in shares)
    assert row["n"] == total
    assert_allclose(row["total_strength"], 10 * sum(shares[:3]) / total, atol=2e-3)
    first, second, *_ = sorted(shares, reverse=True)
    assert_allclose(row["category_strength"], 10 * (first - second) / total, atol=2e-3)
    assert (row["note"] == "") == (first - second >= 6)


def test_missing_answers_don_t_count() -> None:
    frame = pd.DataFrame({"f": [1, 1, np.nan], "d": [5, np.nan, 5]})
    row = kano(frame, {"x": ("f", "d")}).iloc[0]
    assert (row["n"], row["O"], row["outside"]) == (1, 1, 0)
    with pytest.raises(csi.DataError, match="nobody gave answers"):
        kano(frame.iloc[1:], {"x": ("f", "d")})


def test_answers_outside_the_codes_are_counted_and_told() -> None:
    frame = pd.DataFrame(
        {"f": [1, 9, 9, 1, np.nan], "d": [5, 5, 0, 0, 9], "g": 1, "h": 5}
    )
    pairs = {"x": ("f", "d"), "y": ("g", "h")}
    with pytest.warns(csi.AnswersWarning) as told:
        table = kano(frame, pairs)
    assert table["outside"].tolist() == [4, 0]
    assert table["n"].tolist() == [1, 5]
    message = str(told[0].message)
    assert message.startswith("kano: 4 pairs of answers were left out")
    assert "1, 2, 3, 4, 5: f holds 9.0 (2); d holds 0 (2), 9 (1); say" in message
    # what a survey knows to be no answer needs no warning
    survey = csi.read_survey(frame, missing=(9, 0))
    assert kano(survey, pairs)["outside"].tolist() == [0, 0]
    with pytest.raises(csi.DataError, match=r"of 'x': f holds 9\.0 \(2\); say"):
        kano(frame[["f"]].iloc[1:3].assign(d=5), {"x": ("f", "d")})


def test_frames_of_other_libraries() -> None:
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    columns = {"f": [1, 1, 3, None], "d": [5, 3, 5, 5]}
    expected = kano(pd.DataFrame(columns), {"x": ("f", "d")})
    assert expected["n"].item() == 3
    for frame in (polars.DataFrame(columns), polars.LazyFrame(columns)):
        pd.testing.assert_frame_equal(kano(frame, {"x": ("f", "d")}), expected)
    pd.testing.assert_frame_equal(
        kano(arrow.table(columns), {"x": ("f", "d")}), expected
    )
    with pytest.warns(csi.AnswersWarning, match=r"d holds 3 \(1\)"):
        kano(polars.DataFrame(columns), {"x": ("f", "d")}, codes=(1, 2, 0, 4, 5))


def test_only_reversed_answers_have_no_coefficients() -> None:
    row = kano(pd.DataFrame({"f": [5], "d": [1]}), {"x": ("f", "d")}).iloc[0]
    assert row["category"] == "reverse"
    assert np.isnan(row["better"])
    assert np.isnan(row["worse"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"pairs": {}}, "pairs must name"),
        ({"pairs": {"x": ("f",)}}, "needs two columns"),
        ({"pairs": {"x": "fd"}}, "needs two columns"),
        ({"pairs": {"x": ("f", "dd")}}, "did you mean 'd'"),
        ({"codes": (1, 2, 3)}, "five different"),
        ({"answers": [1, 5]}, "a survey or a frame"),
        ({"answers": None}, "a survey or a frame"),
        ({"answers": "answers.csv"}, r"as csi.read_survey\('answers.csv'\)"),
    ],
)
def test_refused_questionnaires(call: dict[str, object], message: str) -> None:
    given: dict[str, object] = {
        "answers": pd.DataFrame({"f": [1], "d": [5]}),
        "pairs": {"x": ("f", "d")},
        **call,
    }
    with pytest.raises(csi.SpecificationError, match=message):
        kano(**given)  # type: ignore[arg-type]
