"""Measurement invariance of latent variables, and difference tests: lavaan, theory."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_less

import csindex as csi
from csindex.errors import DataError, SpecificationError
from csindex.estimation.cbsem import CBSEM
from csindex.inference.covariance.difference_test import Scaling, difference_test
from csindex.inference.covariance.ladder import (
    InvarianceLadder,
    invariance,
)
from csindex.inference.covariance.steps import Level
from csindex.kernels.arrays import FloatArray

FOLDER = Path(__file__).parent / "reference" / "lavaan"
KEY = ["lhs", "op", "rhs", "group"]
LEVELS: tuple[Level, ...] = (
    "configural",
    "metric",
    "scalar",
    "strict",
    "means",
    "full",
)
PARTIAL = ("x3 ~1", "x7 ~1")


def latent(name: str, prefix: str, *numbers: int) -> csi.Construct:
    return csi.reflective(name, *(f"{prefix}{k}" for k in numbers))


HS = csi.Model(
    "hs",
    [
        latent("visual", "x", 1, 2, 3),
        latent("textual", "x", 4, 5, 6),
        latent("speed", "x", 7, 8, 9),
    ],
)
ONE = csi.Model("one", [latent("f", "y", 1, 2, 3, 4)])


def package(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@cache
def pupils(gaps: bool = False) -> pd.DataFrame:
    file = package("semopy") / "examples" / "holzinger_swineford39_data.csv"
    frame = pd.read_csv(file)
    if gaps:
        cells = pd.read_csv(FOLDER / "missing_cells.csv")
        for row, item in cells.loc[cells["data"] == "hs", ["row", "item"]].to_numpy():
            frame.loc[row, item] = np.nan
    return frame


@cache
def ladder(estimator: str, partial: bool = False) -> InvarianceLadder:
    return invariance(
        HS,
        pupils(),
        by="school",
        estimator=CBSEM(estimator),  # type: ignore[arg-type]
        partial=PARTIAL if partial else (),
        reference="Pasteur",
    )


def reference(table: str, tag: str) -> pd.DataFrame:
    frame = pd.read_csv(FOLDER / f"{table}.csv", keep_default_na=False)
    return frame[frame["tag"] == tag].drop(columns="tag")


def both(table: pd.DataFrame, file: str, tag: str) -> pd.DataFrame:
    theirs = reference(file, tag)
    names = {1: "Pasteur", 2: "Grant-White"}
    theirs["group"] = theirs["group"].astype(int).map(names)
    mine = table.copy()
    for frame in (mine, theirs):
        turned = (frame["op"] == "~~") & (frame["lhs"] > frame["rhs"])
        frame.loc[turned, ["lhs", "rhs"]] = frame.loc[turned, ["rhs", "lhs"]].to_numpy()
    found = theirs.merge(mine, on=KEY, validate="one_to_one", suffixes=("_", ""))
    assert len(found) == len(theirs) == len(mine)
    return found


def numbers(column: Any) -> FloatArray:
    return np.asarray(pd.to_numeric(column), dtype=np.float64)


STEPS: list[tuple[str, Level, bool]] = [(level, level, False) for level in LEVELS]
STEPS += [("partial_scalar", "scalar", True), ("partial_strict", "strict", True)]


@pytest.mark.reference
@pytest.mark.parametrize("estimator", ["ML", "MLR"])
@pytest.mark.parametrize(("name", "level", "partial"), STEPS)
def test_fits_equal_lavaan(
    name: str, level: Level, partial: bool, estimator: str
) -> None:
    fit, tag = (
        ladder(estimator, partial).fits[level],
        f"hsinv_{estimator.lower()}_{name}",
    )
    found = both(fit.parameters, "hsinv_parameters", tag)
    expected, errors = numbers(found["est"]), numbers(found["se_"])
    slack = 1e-6 * np.abs(expected) + 1e-4 * errors + 1e-9
    assert_array_less(np.abs(found["estimate"].to_numpy() - expected), slack)
    assert_allclose(found["se"], errors, rtol=1e-4, atol=1e-9)
    found = both(fit.standardized, "hsinv_parameters", tag)
    assert_allclose(found["estimate"], numbers(found["std.all"]), rtol=3e-5, atol=1e-5)
    assert_allclose(found["se"], numbers(found["std.se"]), rtol=1e-4, atol=1e-6)


@pytest.mark.reference
@pytest.mark.parametrize("estimator", ["ML", "MLR"])
@pytest.mark.parametrize(("name", "level", "partial"), STEPS)
def test_fit_measures_equal_lavaan(
    name: str, level: Level, partial: bool, estimator: str
) -> None:
    made = ladder(estimator, partial)
    theirs = reference("hsinv_fit", f"hsinv_{estimator.lower()}_{name}")
    theirs = theirs.set_index("measure")["value"].replace("", "nan").astype(float)
    theirs.index = [label.replace(".", "_") for label in theirs.index]
    theirs = theirs.rename({"chisq_scaling_factor": "scaling_factor"})
    mine = made.fits[level].fit_measures
    # lavaan's interval of the scaled RMSEA is that of other degrees of freedom
    shared = [
        label
        for label in theirs.index
        if label in mine.index and not label.startswith("rmsea_") and label != "srmr_"
    ]
    # some versions leave NFI out where a model is worse than another
    shared = [label for label in shared if np.isfinite(theirs[label])]
    assert len(shared) >= 20
    for label in shared:
        assert_allclose(mine[label], theirs[label], rtol=2e-6, atol=2e-6, err_msg=label)
    row = made.ladder.loc[level]
    robust = estimator == "MLR"
    for column in ("cfi", "tli", "rmsea"):
        label = f"{column}_robust" if robust else column
        assert_allclose(row[column], theirs[label], rtol=3e-6)
    label = "chisq_scaled" if robust else "chisq"
    assert_allclose(row["chisq"], theirs[label], rtol=2e-6)
    assert_allclose(row["srmr"], theirs["srmr"], rtol=3e-6)


@pytest.mark.reference
@pytest.mark.parametrize("estimator", ["ML", "MLR"])
@pytest.mark.parametrize("partial", [False, True])
def test_differences_equal_lavaan(estimator: str, partial: bool) -> None:
    tag = f"{estimator.lower()}_{'partial' if partial else 'sequence'}"
    theirs = reference("hsinv_differences", tag).astype(float)
    mine = ladder(estimator, partial).ladder
    levels = ["scalar"] if partial else ["metric", "scalar", "strict"]
    # a scaled difference takes the errors of four numbers, and its tail enlarges them
    for column, rtol in (("df", 0), ("delta_chisq", 2e-5), ("delta_p", 2e-4)):
        assert_allclose(mine.loc[levels, column], theirs[column], rtol=rtol)


@pytest.mark.reference
@pytest.mark.parametrize("estimator", ["MLMV", "MLMVS"])
def test_shifted_differences_equal_lavaan(estimator: str) -> None:
    """Printed by lavTestLRT of lavaan 0.6-14, which has both scaled and shifted."""
    made = invariance(
        HS,
        pupils(),
        by="school",
        estimator=CBSEM(estimator),  # type: ignore[arg-type]
        levels=["scalar"],
        reference="Pasteur",
    )
    found = made.ladder.loc[["metric", "scalar"], ["delta_chisq", "delta_df"]]
    assert_allclose(found, [[7.725672813, 6], [38.96090569, 6]], rtol=5e-6)
    assert "Satorra (2000)" in repr(made)


def test_latent_means_and_score_tests_equal_lavaan() -> None:
    made = ladder("ML")
    means = made.latent_means.set_index(["group", "construct"])["mean"]
    assert (means["Pasteur"] == 0).all()
    # lavInspect(fit, "mean.lv")
    expected = [-0.1476990579809577, 0.57636315228410828, -0.17735024876716429]
    assert_allclose(means["Grant-White"], expected, rtol=2e-5)
    theirs = pd.read_csv(FOLDER / "hsinv_score_tests.csv", keep_default_na=False)
    found = theirs.merge(made.score_tests("scalar"), on=["lhs", "op", "rhs"])
    assert len(found) == len(theirs) == 15
    assert_allclose(found["chisq_y"], found["chisq_x"], rtol=2e-5, atol=2e-6)
    total = made.total_score_test("scalar")
    # lavaan counts 15 equalities; three of them set the means free
    assert_allclose(total.chisq, 46.956028973048959, rtol=2e-6)
    assert total.df == 12


@pytest.mark.reference
def test_equal_paths_equal_lavaan() -> None:
    paths = [("visual", "textual"), ("textual", "speed"), ("visual", "speed")]
    model = csi.Model("paths", HS.constructs, paths)
    made = invariance(model, pupils(), by="school")
    assert made.ladder.index.tolist() == [*LEVELS[:4], "paths", *LEVELS[4:]]
    theirs = reference("hsinv_differences", "ml_paths").astype(float).iloc[0]
    row = made.ladder.loc["paths"]
    assert row["compared_with"] == "metric"
    for column in ("df", "chisq", "delta_chisq", "delta_df", "delta_p"):
        assert_allclose(row[column], theirs[column], rtol=1e-5)
    # without restrictions on them, paths fit as covariances do
    alone = ladder("ML").ladder
    levels = ["configural", "metric", "scalar", "strict", "full"]
    assert_allclose(made.ladder["chisq"][levels], alone["chisq"][levels], rtol=1e-7)


@pytest.mark.reference
def test_scalar_model_with_gaps_equals_lavaan() -> None:
    made = invariance(
        HS,
        pupils(gaps=True),
        "school",
        CBSEM(missing="fiml"),
        levels=["scalar"],
        reference="Pasteur",
    )
    tag = "hsmiss_fiml_scalar"
    found = both(made.fits["scalar"].parameters, "hsmiss_parameters", tag)
    slack = 1e-4 * numbers(found["se_"]) + 1e-9
    gap = np.abs(found["estimate"].to_numpy() - numbers(found["est"]))
    assert_array_less(gap, slack)
    assert_allclose(found["se"], numbers(found["se_"]), rtol=3e-5, atol=1e-9)
    theirs = reference("hsmiss_fit", tag).set_index("measure")["value"].astype(float)
    mine = made.fits["scalar"].fit_measures
    for name in ("chisq", "cfi", "rmsea", "logl", "baseline.chisq"):
        assert_allclose(mine[name.replace(".", "_")], theirs[name], rtol=2e-6)
    for name in ("cfi.robust", "rmsea.robust", "srmr"):
        assert_allclose(mine[name.replace(".", "_")], theirs[name], rtol=2e-4)


@pytest.mark.reference
@pytest.mark.parametrize(
    ("estimator", "scaling", "tag"),
    [
        ("ML", "2001", "hs_ml_lrt_orth"),
        ("MLR", "2001", "hs_mlr_lrt_orth_satorra.bentler.2001"),
        ("MLR", "2010", "hs_mlr_lrt_orth_satorra.bentler.2010"),
    ],
)
def test_difference_tests_equal_lavaan(
    estimator: Any, scaling: Scaling, tag: str
) -> None:
    free = csi.fit(HS, pupils(), estimator=CBSEM(estimator))
    apart = csi.fit(HS, pupils(), estimator=CBSEM(estimator, orthogonal=True))
    theirs = reference("hsinv_differences", tag).iloc[0]
    for pair in ((free, apart), (apart, free)):
        test = difference_test(*pair, scaling=scaling)
        assert_allclose(test.chisq, float(theirs["delta_chisq"]), rtol=5e-5)
        assert test.df == int(theirs["delta_df"])
        assert_allclose(test.p, float(theirs["delta_p"]), rtol=1e-3)


def sampled(
    seed: int,
    n: int = 400,
    loading: float = 0.9,
    intercept: float = 0.0,
    mean: float = 0.0,
) -> pd.DataFrame:
    """Return answers of two groups, the second with other parameters of y2, y3."""
    rng = np.random.default_rng(seed)
    frames = []
    for group in ("a", "b"):
        other = group == "b"
        factor = rng.standard_normal(n) + (mean if other else 0.0)
        slopes = np.array([1.0, 0.8, loading if other else 0.9, 1.1])
        values = 5 + factor[:, None] * slopes + 0.6 * rng.standard_normal((n, 4))
        values[:, 1] += intercept if other else 0.0
        frame = pd.DataFrame(values, columns=ONE.items)
        frames.append(frame.assign(g=group))
    return pd.concat(frames, ignore_index=True)


def test_equal_groups_pass_every_level() -> None:
    made = invariance(ONE, sampled(1), by="g")
    assert (made.ladder["verdict"] == "holds").all()
    assert made.ladder["df"].astype(int).tolist() == [4, 7, 10, 14, 11, 16]
    assert made.ladder["compared_with"].tolist() == [
        "",
        "configural",
        "metric",
        "scalar",
        "scalar",
        "strict",
    ]


@pytest.mark.parametrize("scaling", ["marker", "standardized"])
def test_differences_are_found_where_they_are(scaling: Any) -> None:
    frame = sampled(27, 600, intercept=0.5, mean=0.4)
    estimator = CBSEM(scaling=scaling)
    made = invariance(ONE, frame, by="g", estimator=estimator)
    verdicts = made.ladder["verdict"]
    assert verdicts["metric"] == "holds"
    assert verdicts["scalar"] == "rejected"
    worst = made.score_tests("scalar").iloc[0]
    assert (worst["lhs"], worst["op"]) == ("y2", "~1")
    assert_allclose(worst["epc"], 0.5, atol=0.15)
    freed = invariance(ONE, frame, by="g", estimator=estimator, partial=("y2 ~ 1",))
    assert freed.ladder.loc["scalar", "verdict"] == "holds"
    assert freed.ladder.loc["means", "verdict"] != "holds"
    last = freed.latent_means.iloc[-1]
    assert last["low"] < 0.4 < last["high"]
    table = freed.fits["scalar"].parameters
    free = table[(table["lhs"] == "y2") & (table["op"] == "~1")]["estimate"]
    assert_allclose(free.iloc[1] - free.iloc[0], 0.5, atol=0.15)


def test_scaling_changes_nothing_that_is_tested() -> None:
    frame = sampled(3, loading=1.3)
    one = invariance(ONE, frame, by="g").ladder
    other = invariance(
        ONE, frame, by="g", estimator=CBSEM(scaling="standardized")
    ).ladder
    for column in ("chisq", "df", "cfi", "delta_chisq", "srmr"):
        assert_allclose(one[column], other[column], rtol=1e-6, atol=1e-7)


def test_configural_fit_is_that_of_the_groups() -> None:
    frame = sampled(4)
    made = invariance(ONE, frame, by="g", levels=["configural"]).fits["configural"]
    parts = [
        csi.fit(ONE, frame[frame["g"] == g].drop(columns="g"), estimator=CBSEM())
        for g in ("a", "b")
    ]
    total = sum(part.fit_measures["chisq"] for part in parts)
    assert_allclose(made.fit_measures["chisq"], total, rtol=1e-8)
    table = made.parameters
    for group, part in zip(("a", "b"), parts, strict=True):
        own = table[(table["group"] == group) & (table["op"] != "~1")]
        found = part.parameters
        assert_allclose(own["estimate"], found["estimate"], atol=1e-6)
        # errors by the expected information of the same covariances
        assert_allclose(own["se"], found["se"], atol=1e-6)


def test_the_order_of_groups_changes_the_sign_of_means_only() -> None:
    frame = sampled(5, mean=0.5)
    one = invariance(ONE, frame, by="g", levels=["scalar"])
    other = invariance(ONE, frame, by="g", levels=["scalar"], reference="b")
    assert_allclose(one.ladder["chisq"], other.ladder["chisq"], rtol=1e-8)
    means = [x.latent_means["mean"].iloc[-1] for x in (one, other)]
    assert_allclose(means[0], -means[1], rtol=1e-6)
    assert other.sizes.index.tolist() == ["b", "a"]


def test_three_groups() -> None:
    frame = sampled(6)
    frame = pd.concat([frame, sampled(7).replace({"g": {"a": "c", "b": "d"}})])
    frame = frame[frame["g"] != "d"].reset_index(drop=True)
    made = invariance(ONE, frame, by="g")
    assert made.ladder["df"].astype(int).tolist() == [6, 12, 18, 26, 20, 30]
    tests = made.score_tests("metric")
    assert sorted(tests["group"].unique()) == ["a", "b", "c"]
    # one of three groups' equalities says nothing beyond the other two
    total = made.total_score_test("metric")
    assert total.df == 6
    assert_allclose(total.chisq, made.ladder.loc["metric", "delta_chisq"], rtol=0.2)


def test_labels_are_equal_in_all_groups() -> None:
    estimator = CBSEM(additions="f =~ k*y2; k == 0.8")
    made = invariance(ONE, sampled(8), by="g", estimator=estimator)
    table = made.fits["configural"].parameters
    own = table[(table["rhs"] == "y2") & (table["op"] == "=~")]
    assert_allclose(own["estimate"], [0.8, 0.8])
    # the label is equal in both groups, and fixed
    assert made.ladder.loc["configural", "df"] == 6


def test_what_is_printed() -> None:
    made = invariance(ONE, sampled(9, intercept=1.0), by="g")
    told = repr(made)
    assert "Measurement invariance by g (a 400, b 400)" in told
    assert "Cheung & Rensvold (2002)" in told
    assert "score_tests('scalar')" in told
    assert max(len(line) for line in told.splitlines()) <= 90
    assert "<table" in made._repr_html_()
    assert "scalar model, equal: loadings, intercepts" in repr(made.fits["scalar"])
    assert "<table" in made.fits["scalar"]._repr_html_()
    robust = invariance(ONE, sampled(9), by="g", estimator=CBSEM("MLR"))
    assert "Satorra & Bentler" in repr(robust)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"levels": ["weak"]}, "unknown level 'weak'"),
        ({"levels": "metric"}, "levels are a list"),
        ({"partial": ["y2 ~ 1", "yy3 ~ 1"]}, "did you mean 'y3 ~ 1'"),
        ({"partial": "y2 ~ 1"}, "partial is a list"),
        ({"partial": ["k := 2"]}, "names no parameter"),
        ({"partial": [f"y{k} ~ 1" for k in range(1, 5)]}, "all items of 'f'"),
        ({"estimator": csi.PLS()}, r"needs estimator=csi\.CBSEM"),
        ({"estimator": CBSEM(additions="f =~ k*y2")}, "'k' is used once"),
        ({"levels": ["thresholds"]}, "unknown level 'thresholds'"),
    ],
)
def test_calls_that_can_not_be(options: dict[str, Any], told: str) -> None:
    with pytest.raises(SpecificationError, match=told):
        invariance(ONE, sampled(10), by="g", **options)


def test_groups_that_can_not_be_fitted_are_named() -> None:
    frame = sampled(11)
    frame.loc[frame["g"] == "b", "y3"] = 4.0
    frame.loc[:2, "g"] = "few"
    with pytest.raises(DataError) as caught:
        invariance(ONE, frame, by="g")
    told = " ".join(caught.value.problems)
    assert "group 'few' of 'g': 3 complete answers to 4 items" in told
    assert "group 'b' of 'g': item 'y3' is constant" in told


def test_one_group_is_not_enough() -> None:
    frame = sampled(12)
    with pytest.raises(DataError, match="compares two or more"):
        invariance(ONE, frame[frame["g"] == "a"], by="g")
    with pytest.raises(DataError, match="reference group 'z'"):
        invariance(ONE, frame, by="g", reference="z")
    with pytest.raises(DataError, match="unknown column 'h'"):
        invariance(ONE, frame, by="h")


def test_score_tests_need_equalities() -> None:
    made = invariance(ONE, sampled(13), by="g", levels=["metric"])
    with pytest.raises(SpecificationError, match="nothing is equal"):
        made.score_tests("configural")
    with pytest.raises(SpecificationError, match="unknown level 'strict'"):
        made.total_score_test("strict")
    with pytest.raises(SpecificationError, match="ask for the level 'scalar'"):
        _ = made.latent_means


def test_fits_that_are_not_nested() -> None:
    frame = sampled(14).drop(columns="g")
    one = csi.fit(ONE, frame, estimator=CBSEM())
    with pytest.raises(SpecificationError, match="both models have 2"):
        difference_test(one, csi.fit(ONE, frame, estimator=CBSEM()))
    with pytest.raises(SpecificationError, match="different methods"):
        difference_test(one, csi.fit(ONE, frame, estimator=CBSEM("MLR")))
    equal = CBSEM(additions="f =~ 1*y2")
    with pytest.raises(DataError, match="different answers"):
        difference_test(one, csi.fit(ONE, frame[:300], estimator=equal))
    with pytest.raises(SpecificationError, match="only one of the fits has means"):
        difference_test(one, csi.fit(ONE, frame, estimator=CBSEM(means=True)))
    with pytest.raises(SpecificationError, match="unknown scaling"):
        difference_test(one, one, scaling="2000")  # type: ignore[arg-type]
    with pytest.raises(SpecificationError, match=r"fits by csi\.CBSEM"):
        difference_test(one, "two")  # type: ignore[arg-type]


def test_steps_of_a_ladder_are_nested() -> None:
    made = invariance(ONE, sampled(15), by="g", levels=["scalar"])
    test = difference_test(made.fits["scalar"], made.fits["configural"])
    assert test.df == 6
    expected = made.ladder["delta_chisq"].sum()
    assert_allclose(test.chisq, expected, rtol=1e-8)
    assert repr(test).startswith("Difference test: chi-square")
