"""Necessary conditions: the R package's example, closed forms, brute force."""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.diagnostics.necessity import NecessaryConditions, necessary_conditions
from csindex.kernels.ceiling import Scope, ceilings, required_by_steps
from csindex.kernels.normal_copula import latent_correlation, related

MODEL = csi.Model(
    "workshops",
    (
        csi.reflective("training", "training"),
        csi.reflective("tools", "tools"),
        csi.reflective("output", "output"),
    ),
    [("training", "output"), ("tools", "output")],
    index="output",
)
# the theoretical scope of the reference
SCALE = {"training": (0, 120), "tools": (0, 120), "output": (0, 240)}


@pytest.fixture(scope="module")
def workshops(root: Path) -> csi.Results:
    frame = pd.read_csv(root / "tests" / "reference" / "nca" / "nca_example.csv")
    return csi.fit(MODEL, csi.read_survey(frame, scale=SCALE))


@pytest.fixture(scope="module")
def retail() -> csi.Results:
    return csi.fit(csi.acsi(), csi.load_dataset("retail"))


@pytest.mark.parametrize("scope", ["empirical", "theoretical"])
def test_effects_are_those_of_the_r_package(
    root: Path, workshops: csi.Results, scope: str
) -> None:
    table = pd.read_csv(root / "tests" / "reference" / "nca" / "nca_summary.csv")
    reference = table[table["scope"] == scope].set_index(["condition", "ceiling"])
    found = necessary_conditions(workshops, n=9, scope=scope)  # type: ignore[arg-type]
    effects = found.effects.set_index(["driver", "ceiling"]).loc[reference.index]
    assert_allclose(effects["d"], reference["effect"], rtol=1e-12)
    assert_allclose(100 * effects["accuracy"], reference["accuracy"], rtol=1e-12)
    # scores are points of 0-100, of scales up to 120 and 240
    assert_allclose(effects["slope"] * 2, reference["slope"], rtol=1e-10)
    assert_allclose(effects["intercept"] * 2.4, reference["intercept"], rtol=1e-10)


@pytest.mark.parametrize("ceiling", ["CE-FDH", "CR-FDH"])
def test_bottlenecks_are_those_of_the_r_package(
    root: Path, workshops: csi.Results, ceiling: str
) -> None:
    table = pd.read_csv(root / "tests" / "reference" / "nca" / "nca_bottlenecks.csv")
    reference = table[table["ceiling"] == ceiling]
    found = necessary_conditions(workshops, n=9)
    levels = np.arange(40, 201, 20) / 2.4
    needs = found.bottlenecks(levels, ceiling)  # type: ignore[arg-type]
    for driver, part in reference.groupby("condition"):
        mine = needs[needs["driver"] == driver]
        assert_allclose(mine["required"] * 1.2, part["required"], atol=5.1e-4)
        free = np.isnan(part["required"].to_numpy())
        assert ((mine["note"] == "not necessary") == free).all()


def test_the_share_that_is_short_is_counted(workshops: csi.Results) -> None:
    scores = workshops.respondent_scores()
    row = necessary_conditions(workshops, n=9).bottlenecks([75]).iloc[0]
    assert row["driver"] == "training"
    # 75 points are 180, which nobody reached with less than 47
    assert_allclose(row["required"] * 1.2, 47)
    assert_allclose(row["short"], (scores["training"] * 1.2 < 46.999).mean())


@pytest.mark.parametrize(
    ("x", "y", "zone", "line"),
    [
        # one point in the upper left corner: nothing is empty
        ([0.0, 1, 2], [1.0, 0, 1], 0, 0),
        # a staircase of three corners; the line through them is y = x
        ([0.0, 0.5, 1.0], [0.0, 0.5, 1.0], 0.5 * 1 + 0.5 * 0.5, 0.5),
        # ties: only the highest outcome of a score is a corner
        ([0.0, 0, 1, 1], [0.2, 0.0, 0.4, 1.0], 0.8, 0.8 / 2),
    ],
)
def test_zones_in_closed_form(
    x: list[float], y: list[float], zone: float, line: float
) -> None:
    own, outcome = np.array(x), np.array(y)
    scope = Scope(own[0], own[-1], 0.0, 1.0)
    found = ceilings(own, outcome, scope)
    assert_allclose([found.step_zone, found.line_zone], [zone, line], atol=1e-14)


def test_a_stack_of_ceilings_is_brute_force() -> None:
    generator = np.random.default_rng(8)
    x = np.sort(generator.integers(0, 12, 40) / 12)
    y = generator.integers(0, 10, size=(5, 40)) / 10
    y[:, x == x[0]] = 0.1
    scope = Scope(-0.2, 1.3, -0.1, 1.1)
    found = ceilings(x, y, scope)
    grid = np.linspace(scope.x_low, scope.x_high, 40_001)
    middle = (grid[1:] + grid[:-1]) / 2
    for k, outcome in enumerate(y):
        seen = [outcome[x <= at].max(initial=scope.y_low) for at in middle[::20]]
        area = (scope.y_high - np.array(seen)).mean() * 1.5
        assert_allclose(found.step_zone[k], area, atol=2e-3)
        corners = found.peers[k]
        slope, intercept = np.polyfit(x[corners], outcome[corners], 1)
        assert_allclose([found.slope[k], found.intercept[k]], [slope, intercept])
        above = scope.y_high - np.clip(intercept + slope * middle, -0.1, 1.1)
        assert_allclose(found.line_zone[k], above.mean() * 1.5, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_a_corner_that_is_full_has_no_zone_at_all(seed: int) -> None:
    # scores as they come, with rounding, and the highest outcome at the lowest score
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 100, 40) / 3)
    y = rng.uniform(0, 100, (3, 40)) / 3
    y[:, 0] = 100 / 3
    scope = Scope(float(x[0]), float(x[-1]), float(y.min()), 100 / 3)
    found = ceilings(x, y, scope)
    assert (found.step_zone == 0).all()
    assert (found.line_zone >= 0).all()


def test_required_by_steps() -> None:
    x, step = np.array([1.0, 2, 2, 5]), np.array([3.0, 4, 4, 9])
    found = required_by_steps(x, step, np.array([0.0, 3.5, 4, 4.1, 10]))
    assert_allclose(found, [1, 2, 2, 5, np.nan])


def test_the_permutation_test_is_brute_force(workshops: csi.Results) -> None:
    found = necessary_conditions(workshops, n=999, seed=3)
    scores = workshops.respondent_scores()
    generator = np.random.default_rng(1)
    x = np.sort(scores["training"].to_numpy())
    y = scores["output"].to_numpy()
    d = found.effects.loc[0, "d"] * (x[-1] - x[0]) * np.ptp(y)
    count = 0
    for _ in range(2000):
        highest = np.maximum.accumulate(generator.permutation(y))
        # the last of tied scores has the ceiling of all of them
        empty = (y.max() - highest[:-1]) * np.diff(x)
        count += empty.sum() >= d
    p = (1 + count) / 2001
    # four standard errors of the two shares
    error = 4 * np.sqrt(p * (1 - p) * (1 / 999 + 1 / 2000)) + 1e-3
    assert abs(found.effects.loc[0, "p"] - p) < error


def test_unrelated_scores_are_rarely_necessary() -> None:
    generator = np.random.default_rng(5)
    small = []
    for _ in range(60):
        frame = pd.DataFrame(
            generator.integers(1, 11, size=(60, 3)), columns=list(MODEL.items)
        )
        results = csi.fit(MODEL, csi.read_survey(frame, scale=(1, 10)))
        small += (necessary_conditions(results, n=99).effects["p"] <= 0.05).tolist()
    # 240 p-values; two drivers and two ceilings of a survey hang together
    assert np.mean(small) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 60)


GRID = np.array([NormalDist().inv_cdf((k + 0.5) / 4000) for k in range(4000)])


@pytest.mark.parametrize("rho", [-0.6, 0.0, 0.3, 0.8])
@pytest.mark.parametrize("kind", ["normal", "lognormal", "halves"])
def test_latent_correlations_in_closed_form(kind: str, rho: float) -> None:
    scores = {
        "normal": GRID,
        "lognormal": np.exp(0.5 * GRID),
        "halves": (GRID > 0).astype(float),
    }[kind]
    noise = np.random.default_rng(3).standard_normal(len(GRID))
    order = np.argsort(np.argsort(rho * GRID + np.sqrt(1 - rho**2) * noise))
    y = scores[order]
    found = latent_correlation(scores, y)
    expected = {
        "normal": found,
        "lognormal": (np.exp(0.25 * found) - 1) / (np.exp(0.25) - 1),
        # orthants of the bivariate normal distribution
        "halves": 2 / np.pi * np.arcsin(found),
    }[kind]
    # the grid has no tails beyond 3.7
    assert_allclose(expected, np.corrcoef(scores, y)[0, 1], atol=3e-3)


def test_the_same_scores_have_the_latent_correlation_one() -> None:
    scores = np.random.default_rng(1).integers(1, 11, 80).astype(float)
    assert latent_correlation(scores, scores) > 0.999
    assert latent_correlation(scores, -scores) < -0.9


def test_related_samples_are_permutations_that_correlate() -> None:
    generator = np.random.default_rng(2)
    x = generator.integers(1, 11, 500).astype(float)
    y = np.exp(generator.normal(size=500) + x / 4)
    drawn = related(y, latent_correlation(x, y), 300, generator)
    assert (np.sort(drawn, axis=-1) == np.sort(y)).all()
    found = [np.corrcoef(np.sort(x), row)[0, 1] for row in drawn]
    assert abs(np.mean(found) - np.corrcoef(x, y)[0, 1]) < 0.02


def test_the_comparison_with_linear_relations_is_brute_force(
    workshops: csi.Results,
) -> None:
    found = necessary_conditions(workshops, n=999, seed=3).effects.iloc[0]
    scores = workshops.respondent_scores()
    x, y = (scores[name].to_numpy() for name in ("training", "output"))
    rho = latent_correlation(x, y)
    generator = np.random.default_rng(1)
    own, outcome = np.sort(x), np.sort(y)
    effects = []
    for _ in range(2000):
        first, noise = generator.standard_normal((2, len(x)))
        second = rho * first + np.sqrt(1 - rho**2) * noise
        row = np.argsort(np.argsort(second[np.argsort(first)]))
        highest = np.maximum.accumulate(outcome[row])
        empty = ((outcome[-1] - highest[:-1]) * np.diff(own)).sum()
        effects.append(empty / np.ptp(x) / np.ptp(y))
    error = 4 * np.std(effects) * np.sqrt(1 / 999 + 1 / 2000)
    assert abs(found["d_linear"] - np.mean(effects)) < error
    p = (1 + np.sum(np.array(effects) >= found["d"] - 1e-12)) / 2001
    assert abs(found["p_linear"] - p) < 4 * np.sqrt(0.25 * (1 / 999 + 1 / 2000))


def test_linear_normal_data_show_correlation_only() -> None:
    generator = np.random.default_rng(6)
    loud, beyond, named = [], [], []
    for _ in range(40):
        good = generator.normal(size=(120, 3))
        good[:, 2] = 0.7 * good[:, 0] + 0.5 * good[:, 1] + 0.5 * good[:, 2]
        frame = pd.DataFrame(50 + 10 * good, columns=list(MODEL.items))
        survey = csi.read_survey(frame.clip(0, 100), scale=(0, 100))
        table = necessary_conditions(csi.fit(MODEL, survey), n=49).effects
        first = table[table["ceiling"] == "CE-FDH"]
        loud += ((first["d"] >= 0.1) & (first["p"] < 0.05)).tolist()
        beyond += (first["p_linear"] < 0.05).tolist()
        named += (first["verdict"] == "necessary").tolist()
    # the test of no association calls nearly all of it necessary
    assert np.mean(loud) > 0.9
    assert np.mean(beyond) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 40)
    assert np.mean(named) <= np.mean(beyond)


def test_a_ceiling_is_more_than_a_correlation() -> None:
    generator = np.random.default_rng(7)
    x, tools = generator.uniform(1, 10, (2, 400))
    output = 1 + (x - 1) * generator.uniform(0, 1, 400)
    frame = pd.DataFrame({"training": x, "tools": tools, "output": output})
    results = csi.fit(MODEL, csi.read_survey(frame, scale=(1, 10)))
    table = necessary_conditions(results, n=199).effects.set_index("driver")
    assert (table.loc["training", "verdict"] == "necessary").all()
    assert (table.loc["training", "d"] > 1.3 * table.loc["training", "d_linear"]).all()
    # half of the square, but for the strip at its edge
    assert_allclose(table.loc["training", "d"], 0.5, atol=0.05)
    assert (table.loc["tools", "verdict"] == "not shown").all()
    text = repr(necessary_conditions(results, n=99))
    assert text.splitlines()[0] == "Necessary for output: training"


def test_what_lowers_the_target_is_necessary_when_it_is_low() -> None:
    generator = np.random.default_rng(2)
    bad = generator.uniform(1, 10, 300)
    good = generator.uniform(1, 10, 300)
    answer = np.clip(10.5 - bad, 1, 10) * generator.uniform(0.97, 1, 300)
    frame = pd.DataFrame({"training": bad, "tools": good, "output": answer.clip(1)})
    results = csi.fit(MODEL, csi.read_survey(frame, scale=(1, 10)))
    found = necessary_conditions(results, n=99, scope="theoretical")
    row = found.effects.iloc[0]
    # nearly a straight line: there is no more than a correlation
    assert (row["direction"], row["verdict"]) == ("low", "correlation only")
    # above y = 10.5 - x, of a square of 9 answers: a strip of half an answer, and
    # what a line leaves of the rest
    empty = 0.5 * 9 + 8.5 * 0.5 + 8.5**2 / 2
    assert_allclose(row["d"], empty / 81, atol=0.03)
    need = found.bottlenecks([50]).iloc[0]
    # 50 points are 5.5, which no answer beyond 5 allows
    assert need["required"] <= 100 * (5 - 1) / 9
    shares = 100 * (bad - 1) / 9 > need["required"] + 1e-9
    assert_allclose(need["short"], shares.mean())


def test_the_combined_map(retail: csi.Results) -> None:
    found = necessary_conditions(retail, n=49)
    table = found.combined(80)
    plain = csi.importance_performance(retail)
    pd.testing.assert_frame_equal(table[plain.columns], plain)
    needs = found.bottlenecks([80]).set_index("driver").loc[table["driver"]]
    assert_allclose(table["required"], needs["required"])
    assert table.attrs["outcome"] == 80
    # survey weights count in the shares
    assert retail.answers is not None
    weights = retail.answers.weights
    scores = retail.respondent_scores()["quality"]
    need = float(needs.loc["quality", "required"])
    short = np.average(scores < need - 1e-9, weights=weights)
    assert_allclose(needs.loc["quality", "short"], short)


def test_what_prints(retail: csi.Results) -> None:
    found = necessary_conditions(retail, "loyalty", n=19)
    assert isinstance(found, NecessaryConditions)
    assert "satisfaction" in repr(found)
    assert "<table" in found._repr_html_()
    assert "complaints" in set(found.effects["driver"])


def test_levels_that_nobody_reached(workshops: csi.Results) -> None:
    found = necessary_conditions(workshops, n=9)
    top = found.bottlenecks([99])
    assert (top["note"] == "not seen at any score").all()
    assert_allclose(top["short"], 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"n": 0}, "n must be a whole number of 1 or more"),
        ({"seed": -1}, "seed must be"),
        ({"scope": "seen"}, "unknown scope"),
        ({"target": "training"}, "nothing drives"),
    ],
)
def test_refused_calls(
    workshops: csi.Results, call: dict[str, object], message: str
) -> None:
    with pytest.raises(csi.SpecificationError, match=message):
        necessary_conditions(workshops, **call)  # type: ignore[arg-type]


def test_refused_tables(workshops: csi.Results) -> None:
    found = necessary_conditions(workshops, n=9)
    with pytest.raises(csi.SpecificationError, match="unknown ceiling"):
        found.bottlenecks(ceiling="OLS")  # type: ignore[arg-type]
    with pytest.raises(csi.SpecificationError, match="from 0 to 100"):
        found.combined(120)
    made = csi.fit(MODEL, workshops.moments)
    with pytest.raises(csi.DataError, match="need respondents"):
        necessary_conditions(made, n=9)
