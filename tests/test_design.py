"""Complex samples: textbook variances of means, and agreement between the ways."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.inference import intervals, jackknife, linearized, replicate_weights
from csindex.inference.resampling import Plan, sampling_units
from csindex.inference.stack import Draws, collect, left_out_estimates
from csindex.results import statistics
from csindex.survey import Incomplete

ONE = csi.Model(
    "one",
    (csi.reflective("x", "SATIS"), csi.reflective("y", "REPUR")),
    (("x", "y"),),
    index="x",
)
TREATED: tuple[Incomplete, ...] = ("listwise", "mean", "em")
FULL = csi.acsi().with_items(loyalty=["REPUR"])


def _frame(n: int = 400) -> pd.DataFrame:
    frame = csi.load_dataset("retail").frame.iloc[:n].reset_index(drop=True)
    return frame.assign(shop=np.arange(n) // 8, area=(np.arange(n) // 8) % 5)


def _survey(frame: pd.DataFrame, **design: str) -> csi.Survey:
    return csi.read_survey(frame, scale=(1, 10), missing=(98, 99), **design)


def _used(results: csi.Results) -> pd.DataFrame:
    assert results.survey is not None
    assert results.answers is not None
    return results.survey.frame.iloc[results.answers.rows]


def test_a_mean_of_a_simple_random_sample() -> None:
    results = csi.fit(ONE, _survey(_frame()))
    x = 100 * (_used(results)["SATIS"] - 1) / 9
    expected = x.std(ddof=1) / np.sqrt(len(x))
    for errors in (linearized(results), jackknife(results)):
        assert_allclose(errors.index["se"], expected, rtol=1e-3)
    assert_allclose(linearized(results).index["design_effect"], 1.0, rtol=1e-3)


def test_a_weighted_mean_by_strata_and_clusters() -> None:
    frame = _frame()
    survey = _survey(frame, weights="weight", strata="area", clusters="shop")
    results = csi.fit(ONE, survey)
    used = _used(results)
    w = used["weight"] / used["weight"].sum()
    x = 100 * (used["SATIS"] - 1) / 9
    # Taylor linearisation of a ratio mean, written out (Cochran 1977, chapter 6)
    z = (w * (x - (w * x).sum())).groupby([used["area"], used["shop"]]).sum()
    by_area = z.groupby(level=0)
    variance = (by_area.var(ddof=1) * by_area.size()).sum()
    assert_allclose(linearized(results).index["se"], np.sqrt(variance), rtol=1e-3)
    effect = linearized(results).index["design_effect"]
    simple = (w * (x - (w * x).sum()) ** 2).sum() / (len(x) - 1)
    assert_allclose(effect, variance / simple, rtol=2e-3)


@pytest.mark.parametrize(
    "design",
    [{}, {"weights": "weight"}, {"strata": "area", "clusters": "shop"}],
    ids=["plain", "weighted", "designed"],
)
def test_the_ways_agree(design: dict[str, str]) -> None:
    results = csi.fit(FULL, _survey(_frame(), **design))
    boot = csi.bootstrap(results, n=2000)
    for errors in (linearized(results), jackknife(results)):
        # different estimators of the same error: some percent apart at n = 350
        assert_allclose(errors.index["se"], boot.index["se"], rtol=0.1)
        assert_allclose(errors.paths["se"], boot.paths["se"], rtol=0.35)


def test_replicates_that_leave_one_out_are_the_jackknife() -> None:
    frame = _frame(80)
    complete = csi.fit(ONE, _survey(frame)).answers
    assert complete is not None
    frame = frame.iloc[complete.rows].reset_index(drop=True)
    n = len(frame)
    weights = pd.DataFrame(
        np.ones((n, n)) - np.eye(n), columns=[f"r{k}" for k in range(n)]
    )
    results = csi.fit(ONE, _survey(pd.concat([frame, weights], axis=1)))
    found = replicate_weights(results, list(weights), "jackknife")
    # around the estimate instead of the mean of the replicates: a second-order change
    assert_allclose(found.index["se"], jackknife(results).index["se"], rtol=1e-3)


def test_balanced_half_samples_of_a_mean() -> None:
    # two units per stratum: BRR of a mean gives the stratified variance exactly
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"SATIS": rng.integers(1, 11, 8).astype(float)})
    frame["REPUR"] = rng.integers(1, 11, 8).astype(float)
    half = np.array([[1, 1], [1, -1]])
    hadamard = np.kron(half, half)  # four strata
    for r, row in enumerate(hadamard):
        signs = np.repeat(row, 2) * np.tile([1, -1], 4)
        frame[f"b{r}"] = 1.0 + signs
        frame[f"f{r}"] = 1.0 + 0.5 * signs
    results = csi.fit(ONE, _survey(frame))
    d = np.diff(frame["SATIS"].to_numpy().reshape(4, 2), axis=1)
    expected = 100 / 9 * np.sqrt((d**2).sum()) / 8
    brr = replicate_weights(results, [f"b{r}" for r in range(4)], "brr")
    fay = replicate_weights(results, [f"f{r}" for r in range(4)], "fay", fay=0.5)
    assert_allclose(brr.scores["se"].iloc[0], expected, rtol=1e-10)
    assert_allclose(fay.scores["se"].iloc[0], expected, rtol=1e-10)


def test_every_table() -> None:
    results = csi.fit(FULL, _survey(_frame()))
    errors = linearized(results, level=0.9)
    for table in (errors.paths, errors.total_effects, errors.loadings, errors.weights):
        known = table["se"] > 1e-9
        assert (table["low"] < table["estimate"])[known].all()
        assert table["p"].between(0, 1)[known].all()
    assert "HTMT" not in str(errors)
    assert len(errors.of("HTMT")) == 15
    z = 1.6448536269514722
    width = errors.index["high"] - errors.index["low"]
    assert_allclose(width, 2 * z * errors.index["se"], rtol=1e-9)


def test_bad_calls() -> None:
    frame = _frame(100).assign(lone=lambda f: np.where(f.index == 3, 1, 0))
    results = csi.fit(ONE, _survey(frame))
    with pytest.raises(csi.SpecificationError, match="unknown method 'jk1'"):
        replicate_weights(results, ["weight"], "jk1")  # type: ignore[arg-type]
    with pytest.raises(csi.SpecificationError, match="Fay's factor"):
        replicate_weights(results, ["weight"], "fay", fay=1)
    with pytest.raises(csi.DataError, match="did you mean 'weight'"):
        replicate_weights(results, ["weigth", "weight"], "brr")
    with pytest.raises(csi.DataError, match="two columns or more"):
        replicate_weights(results, ["weight"], "brr")
    with pytest.raises(csi.DataError, match="made from moments"):
        jackknife(csi.fit(ONE, results.moments))
    with pytest.raises(csi.SpecificationError, match="between 0 and 1"):
        linearized(results, level=95)
    with pytest.raises(csi.SpecificationError, match="did you mean 'paths'"):
        linearized(results).of("path")
    with pytest.raises(csi.DataError, match="one sampling unit"):
        linearized(csi.fit(ONE, _survey(frame, strata="lone")))


def _strata(n_h: int, strata: int, clusters: int = 1) -> pd.DataFrame:
    """Return strata of n_h units, each of some respondents; of unlike weights."""
    rng = np.random.default_rng(n_h + 10 * clusters)
    n = n_h * strata * clusters
    unit = np.arange(n) // clusters
    return pd.DataFrame(
        {
            "SATIS": np.clip(rng.integers(1, 8, n) + (unit % 4), 1, 10).astype(float),
            "REPUR": rng.integers(1, 11, n).astype(float),
            "area": unit // n_h,
            "shop": unit,
            "w": rng.uniform(0.5, 2, strata)[unit // n_h],
        }
    )


def _stratified_se(frame: pd.DataFrame) -> float:
    """Return the textbook error of a mean by strata of equal weights within each.

    sum over strata of W_h^2 s_h^2 / n_h, with the stratum's share of the weight and
    the variance of its units' means (Cochran 1977, chapters 5 and 9).
    """
    x = 100 * (frame["SATIS"] - 1) / 9
    units = x.groupby([frame["area"], frame["shop"]]).mean().groupby(level=0)
    shares = frame.groupby("area")["w"].sum() / frame["w"].sum()
    return float(np.sqrt((shares**2 * units.var(ddof=1) / units.size()).sum()))


@pytest.mark.parametrize("n_h", [2, 3, 20])
@pytest.mark.parametrize("weights", [{}, {"weights": "w"}], ids=["plain", "weighted"])
@pytest.mark.parametrize("clusters", [1, 3])
def test_a_jackknife_by_strata(
    n_h: int, weights: dict[str, str], clusters: int
) -> None:
    frame = _strata(n_h, 8, clusters)
    units = {"clusters": "shop"} if clusters > 1 else {}
    survey = _survey(frame, strata="area", **units, **weights)
    expected = _stratified_se(frame if weights else frame.assign(w=1.0))
    results = csi.fit(ONE, survey)
    # a mean is linear in the weights, which the jackknife keeps within each stratum
    assert_allclose(jackknife(results).index["se"], expected, rtol=1e-9)
    assert_allclose(linearized(results).index["se"], expected, rtol=1e-3)


def test_a_jackknife_by_strata_of_unlike_sizes() -> None:
    frame = pd.concat([_strata(n_h, 3) for n_h in (2, 3, 20)], ignore_index=True)
    frame["area"] = np.repeat(np.arange(9), np.repeat([2, 3, 20], 3))
    frame["shop"] = np.arange(len(frame))
    frame["w"] = 1.0
    results = csi.fit(ONE, _survey(frame, strata="area"))
    assert_allclose(jackknife(results).index["se"], _stratified_se(frame), rtol=1e-9)


@pytest.mark.parametrize("incomplete", TREATED)
@pytest.mark.parametrize("weights", [{}, {"weights": "weight"}])
def test_units_left_out_are_fits_by_their_weights(
    incomplete: Incomplete, weights: dict[str, str]
) -> None:
    frame = _frame(90).drop(columns="area").assign(area=lambda f: f.index // 24)
    survey = _survey(frame, strata="area", clusters="shop", **weights)
    results = csi.fit(FULL, survey, incomplete=incomplete)
    answers = results.answers
    assert answers is not None
    draws = Draws(results, answers, Plan(0, 0), None)
    found = collect(left_out_estimates(draws), [statistics.PATHS]).values["paths"]
    used = frame.iloc[answers.rows]
    units = used[["area", "shop"]].drop_duplicates().sort_values(["area", "shop"])
    assert len(found) == len(units)
    for row in (0, 4, len(units) - 1):
        area, shop = units.iloc[row]
        many = int((units["area"] == area).sum())
        raised = np.where(frame["area"] == area, many / (many - 1), 1.0)
        own = frame["weight"] if weights else 1.0
        again = frame.assign(own=raised * own)[frame["shop"] != shop]
        fitted = csi.fit(
            FULL,
            _survey(again, weights="own"),
            incomplete=incomplete,
        )
        assert_allclose(fitted.paths["estimate"], found[row], atol=1e-6)


def test_the_acceleration_of_a_mean_by_strata() -> None:
    frame = pd.concat([_strata(n_h, 2) for n_h in (3, 20)], ignore_index=True)
    frame["area"] = np.repeat(np.arange(4), [3, 3, 20, 20])
    results = csi.fit(ONE, _survey(frame, strata="area"))
    answers = results.answers
    assert answers is not None
    draws = Draws(results, answers, Plan(0, 0), None)
    left = collect(left_out_estimates(draws), [statistics.SCORES]).values["scores"]
    found = intervals.acceleration(left, sampling_units(answers).strata)
    # empirical influences of a mean by strata (Davison & Hinkley 1997, section 5.3.2)
    x = 100 * (frame["SATIS"] - 1) / 9
    size = x.groupby(frame["area"]).transform("size")
    influence = size / len(x) * (x - x.groupby(frame["area"]).transform("mean"))
    cubes, squares = (influence**3 / size**3).sum(), (influence**2 / size**2).sum()
    assert_allclose(found[0], cubes / squares**1.5 / 6, rtol=1e-9)


def _replicated(frame: pd.DataFrame) -> tuple[csi.Results, list[str]]:
    """Return a fit and the columns of its jackknife weights within strata."""
    columns: dict[str, np.ndarray] = {}
    for unit in range(len(frame)):
        own = (frame["area"] == frame["area"].iloc[unit]).to_numpy()
        many = own.sum()
        kept = np.where(own, many / (many - 1), 1.0)
        kept[unit] = 0.0
        columns[f"r{unit}"] = kept
    wide = pd.concat([frame, pd.DataFrame(columns)], axis=1)
    return csi.fit(ONE, _survey(wide)), list(columns)


def test_replicates_of_the_jackknife_within_strata() -> None:
    frame = pd.concat([_strata(2, 5), _strata(3, 4)], ignore_index=True).assign(w=1.0)
    frame["area"] = np.repeat(np.arange(9), [2] * 5 + [3] * 4)
    frame["shop"] = np.arange(len(frame))
    results, columns = _replicated(frame)
    factors = np.repeat([1 / 2, 2 / 3], [10, 12])
    expected = _stratified_se(frame)
    found = replicate_weights(results, columns, "jkn", rscales=factors)
    assert_allclose(found.index["se"], expected, rtol=1e-9)
    # the same, as R's survey writes it: one scale and relative ones
    other = replicate_weights(
        results, columns, "bootstrap", scale=1 / 6, rscales=list(6 * factors)
    )
    assert_allclose(other.index["se"], expected, rtol=1e-9)
    halves = _strata(2, 10).assign(w=1.0)
    results, columns = _replicated(halves)
    found = replicate_weights(results, columns, "JKn", rscales=0.5)  # type: ignore[arg-type]
    assert_allclose(found.index["se"], _stratified_se(halves), rtol=1e-9)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"method": "jkn"}, "needs rscales="),
        ({"method": "jkn", "rscales": [0.5]}, "one for each of the 4 columns"),
        ({"rscales": "half"}, "not 'half'"),
        ({"rscales": [1.0, -1.0, 1.0, 1.0]}, "0 or more"),
        ({"rscales": [[1.0], [1.0, 2.0]]}, "0 or more"),
        ({"rscales": [1.0, np.nan, 1.0, 1.0]}, "0 or more"),
        ({"scale": 0}, "scale must be a positive number, not 0"),
        ({"scale": "1"}, "scale must be a positive number, not '1'"),
        ({"fay": "x"}, "Fay's factor must be from 0 to below 1, not 'x'"),
        ({"level": "a"}, "level must lie between 0 and 1, not 'a'"),
        ({"fay": 2, "level": 2, "scale": -1}, "(?s)3 problems.*level.*not 2"),
        ({"columns": 3}, "columns must be a list of names, not 3"),
    ],
)
def test_replicates_that_cannot_be_scaled(given: dict[str, Any], told: str) -> None:
    results, columns = _replicated(_strata(2, 2))
    call = {"columns": columns, "method": "jackknife", **given}
    with pytest.raises(csi.SpecificationError, match=told):
        replicate_weights(results, **call)


def test_columns_of_replicates() -> None:
    results, columns = _replicated(_strata(4, 3))
    with pytest.raises(csi.DataError, match="'r1' is given more than once"):
        replicate_weights(results, [*columns, "r1"], "brr")
    with pytest.raises(csi.DataError, match="two columns or more"):
        replicate_weights(results, "r0", "brr")
    whole = replicate_weights(results, pd.Index(columns), "brr")
    assert_allclose(
        whole.index["se"], replicate_weights(results, columns, "brr").index["se"]
    )


def test_statistics_of_ones_own() -> None:
    results = csi.fit(FULL, _survey(_frame(200)))
    names = results.model.construct_names
    for errors in (linearized(results), jackknife(results)):
        table = errors.of(lambda e: e.r_squared)
        expected = errors.r_squared
        places = [names.index(name) for name in expected["construct"]]
        for column in ("estimate", "se", "low", "high"):
            assert_allclose(table[column].iloc[places], expected[column], rtol=1e-9)
        renamed = replace(statistics.PATHS, name="scores")
        assert_allclose(errors.of(renamed)["se"], errors.paths["se"], rtol=1e-9)
        assert len(errors.of(lambda e: e.paths[..., 1, 0])) == 1
        every = errors.of(lambda e: e.loadings)
        assert_allclose(
            every.merge(errors.loadings, on=["construct", "item"])["se_x"],
            errors.loadings["se"],
            rtol=1e-9,
        )
        assert errors.of("f_squared")["se"].notna().any()
    with pytest.raises(csi.SpecificationError, match="batch axis"):
        linearized(results).of(lambda e: e.paths[0])
    with pytest.raises(csi.SpecificationError, match="not int"):
        linearized(results).of(3)  # type: ignore[arg-type]
    assert_allclose(
        linearized(results).of("PATHS")["p"], linearized(results).paths["p"]
    )


def test_only_what_may_be_zero_has_a_p_value() -> None:
    results = csi.fit(FULL, _survey(_frame(200)))
    errors, boot = linearized(results), csi.bootstrap(results, n=100)
    tables = ("paths", "total_effects", "indirect_effects", "loadings", "weights")
    for name in (*tables, "r_squared", "reliability", "htmt"):
        table, drawn = getattr(errors, name), getattr(boot, name)
        assert ("p" in table) == (name in tables)
        assert_allclose(table["estimate"], drawn["estimate"])
        labels = list(table.columns[: table.columns.get_loc("estimate")])
        assert table[labels].equals(drawn[labels])
    # a normal p-value: |z| = 1.96 at a limit that touches zero
    row = errors.paths.iloc[0]
    assert_allclose(
        row["p"], math.erfc(abs(row["estimate"] / row["se"]) / math.sqrt(2)), rtol=1e-9
    )
    single = errors.loadings["construct"] == "loyalty"
    assert errors.loadings.loc[single, "p"].isna().all()


def test_settings_of_errors() -> None:
    frame = _strata(3, 4)
    results = csi.fit(ONE, _survey(frame, strata="area"))
    level: Any = np.float32(0.9)
    settings = jackknife(results, level=level).settings
    assert settings["standard errors"] == "jackknife of respondents within strata"
    assert settings["level"] == "0.9"
    assert settings["estimator"] == results.settings["estimator"]


def test_refused_scores_have_no_errors() -> None:
    rng = np.random.default_rng(5)
    trait = rng.normal(size=(200, 1))
    values = np.clip(np.rint(5.5 + 1.5 * trait + rng.normal(size=(200, 4))), 1, 10)
    frame = pd.DataFrame(values, columns=["a1", "a2", "a3", "b1"])
    frame["a3"] = 11 - frame["a1"]
    model = csi.Model(
        "turned",
        (csi.reflective("a", "a1", "a2", "a3"), csi.reflective("b", "b1")),
        (("a", "b"),),
        index="b",
    )
    survey = csi.read_survey(frame, scale=(1, 10))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = csi.fit(model, survey)
    refused = results.scores["note"] != ""
    assert refused.tolist() == [True, False]
    for errors in (linearized(results), jackknife(results)):
        table = errors.scores
        numbers = table.drop(columns=["construct", "note"])
        assert numbers[refused].isna().all(axis=None)
        assert numbers[~refused].notna().all(axis=None)
        assert table["note"].tolist() == results.scores["note"].tolist()
        assert errors.of("scores")["se"].isna().tolist() == refused.tolist()
        assert table["note"].iloc[0].split()[0] in repr(errors)


@pytest.mark.parametrize("made", [linearized, jackknife])
def test_groups_are_refused_by_the_name_of_the_function(
    made: Callable[[Any], object],
) -> None:
    groups = csi.fit(ONE, _survey(_frame(100)), by="area")
    with pytest.raises(csi.SpecificationError, match=f"{made.__name__} takes one fit"):
        made(groups)
