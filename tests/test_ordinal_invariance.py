"""Invariance of ordinal items between groups: against lavaan, and against theory."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.errors import (
    ConvergenceWarning,
    DataError,
    InadmissibleWarning,
    SpecificationError,
)
from csindex.estimation.cbsem import CBSEM
from csindex.estimation.cbsem.fitted import Sample
from csindex.estimation.cbsem.groups import Equal
from csindex.estimation.cbsem.linked_fit import linked_fit, linked_objective
from csindex.estimation.cbsem.linked_table import LinkedTable, linked_table
from csindex.estimation.cbsem.methods import METHODS, EstimatorName
from csindex.estimation.cbsem.ordinal_data import single_data
from csindex.estimation.cbsem.ordinal_fit import OrdinalData
from csindex.estimation.cbsem.ordinal_table import Parameterization
from csindex.estimation.ordinal import coded_answers, item_categories
from csindex.inference.covariance.difference_test import difference_test
from csindex.inference.covariance.ladder import InvarianceLadder, invariance
from csindex.inference.covariance.steps import Level
from csindex.kernels.arrays import FloatArray

FOLDER = Path(__file__).parent / "reference" / "lavaan"
PARAMETERS = pd.read_csv(FOLDER / "hsordinv_parameters.csv", keep_default_na=False)
MEASURES = pd.read_csv(FOLDER / "hsordinv_fit.csv").set_index("tag")
DIFFERENCES = pd.read_csv(FOLDER / "hsordinv_differences.csv").set_index("tag")
KEY = ["lhs", "op", "rhs", "group"]
HS = csi.Model(
    "hs",
    [
        csi.reflective("visual", "x1", "x2", "x3"),
        csi.reflective("textual", "x4", "x5", "x6"),
        csi.reflective("speed", "x7", "x8", "x9"),
    ],
)
ONE = csi.Model("one", [csi.reflective("f", "y1", "y2", "y3", "y4")])
MIXED = tuple(f"x{k}" for k in (2, 3, 5, 6, 7, 8, 9))
PARTIAL = ("x3 | t2", "textual =~ x5", "x8 ~ 1")
# which estimator and parameterisation, items and levels stand behind the references
FITS: Mapping[str, tuple[EstimatorName, Parameterization, tuple[Level, ...]]] = {
    "ord_delta": ("WLSMV", "delta", ("scalar", "means")),
    "ord_theta": ("WLSMV", "theta", ("strict",)),
    "ord_ulsmv": ("ULSMV", "delta", ("scalar",)),
    "ord_dwls": ("DWLS", "delta", ("scalar",)),
    "ord_wls": ("WLS", "delta", ("scalar",)),
    "ord_wlsm": ("WLSM", "delta", ("scalar",)),
    "mixed_delta": ("WLSMV", "delta", ("scalar",)),
    "part_delta": ("WLSMV", "delta", ("scalar",)),
}
MIXTURES = {"mixed_delta": MIXED}
NAMES = {
    "chisq.scaling.factor": "scaling_factor",
    "baseline.chisq.scaling.factor": "baseline_scaling_factor",
    # lavaan has thresholds in what it calls rmr and crmr
    "rmr_nomean": "rmr",
    "crmr_nomean": "crmr",
}
# by theta the first two levels have no minimum: x1 has a negative residual variance
LAVAANS = ("metric", "scalar", "strict")


@cache
def pupils(mixed: bool = False) -> pd.DataFrame:
    """Return the tests cut as in the script behind the reference numbers."""
    spec = find_spec("semopy")
    assert spec is not None
    assert spec.origin is not None
    file = Path(spec.origin).parent / "examples" / "holzinger_swineford39_data.csv"
    frame = pd.read_csv(file)
    data = frame[["school"]].copy()
    for item in HS.items:
        cuts = frame[item].quantile([0.15, 0.5, 0.85]).to_numpy()
        data[item] = np.searchsorted(cuts, frame[item]) + 1
    return data.assign(x1=frame["x1"], x4=frame["x4"]) if mixed else data


@cache
def ladder(name: str) -> InvarianceLadder:
    kind, parameterization, levels = FITS[name]
    estimator = CBSEM(
        kind,
        ordinal=MIXTURES.get(name, True),
        parameterization=parameterization,
        # the levels by theta that have a minimum take ten steps
        max_iterations=40 if parameterization == "theta" else 500,
    )
    with warnings.catch_warnings():
        # x1 has a negative residual variance in one school
        warnings.simplefilter("ignore", InadmissibleWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        return invariance(
            HS,
            pupils(name == "mixed_delta"),
            by="school",
            estimator=estimator,
            partial=PARTIAL if name == "part_delta" else (),
            levels=levels,
            reference="Pasteur",
        )


def parts(tag: str) -> tuple[str, Level]:
    name, _, level = tag.rpartition("_")
    return name, level  # type: ignore[return-value]


@pytest.mark.parametrize("tag", PARAMETERS["tag"].unique())
def test_estimates_and_errors_are_lavaans(tag: str) -> None:
    name, level = parts(tag)
    fit = ladder(name).fits[level]
    theirs = PARAMETERS[PARAMETERS["tag"] == tag].copy()
    theirs["group"] = theirs["group"].map({1: "Pasteur", 2: "Grant-White"})
    both = theirs.merge(fit.parameters, on=KEY, suffixes=("_theirs", ""))
    assert len(both) == len(theirs) > 80
    errors = both["se_theirs"].to_numpy()
    # lavaan's search stops up to 1e-4 of an error before the minimum
    apart = np.abs(both["estimate"] - both["estimate_theirs"])
    assert (apart < 1e-6 + 1.2e-4 * errors).all()
    assert_allclose(both["se"], errors, rtol=1e-4 if level == "strict" else 3e-5)
    assert_allclose(
        both["standardized"], both["standardized_theirs"], rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("tag", MEASURES.index.unique())
def test_fit_measures_are_lavaans(tag: str) -> None:
    name, level = parts(tag)
    mine = ladder(name).fits[level].fit_measures
    theirs = MEASURES.loc[tag].set_index("measure")["value"]
    found = [mine[NAMES.get(k, k.replace(".", "_"))] for k in theirs.index]
    labels = str(theirs.index.tolist())
    assert len(found) >= 14
    assert_allclose(found, theirs, rtol=3e-6, atol=2e-6, err_msg=labels)


@pytest.mark.parametrize("tag", DIFFERENCES.index)
def test_differences_are_lavaans(tag: str) -> None:
    """Satorra's (2000) of WLSMV and ULSMV, a quotient of WLSM, plain of others."""
    name, level = parts(tag)
    row, theirs = ladder(name).ladder.loc[level], DIFFERENCES.loc[tag]
    assert row["delta_df"] == theirs["df"]
    # a quotient of differences enlarges where lavaan stops
    rtol = 1e-5 if name == "ord_wlsm" else 2e-6
    assert_allclose(row["delta_chisq"], theirs["chisq"], rtol=rtol)
    assert_allclose(row["delta_p"], theirs["p"], rtol=1e-4)
    fits = ladder(name).fits
    test = difference_test(fits[level], fits[row["compared_with"]])
    assert (test.chisq, test.p) == (row["delta_chisq"], row["delta_p"])


def test_difference_over_several_levels_is_lavaans() -> None:
    """As lavTestLRT has it of the configural and what it calls equal loadings."""
    fits = ladder("ord_delta").fits
    test = difference_test(fits["scalar"], fits["configural"])
    assert test.df == 21
    assert_allclose(test.chisq, 64.525084848193856, rtol=5e-6)
    assert "Satorra 2000" in repr(test)


def test_score_tests_are_lavaans() -> None:
    """But for N / (N - g): lavaan multiplies derivatives by N, and chi-square not."""
    theirs = pd.read_csv(FOLDER / "hsordinv_score_tests.csv")
    mine = ladder("ord_delta").score_tests("scalar")
    mine["parameter"] = mine["lhs"] + " " + mine["op"] + " " + mine["rhs"]
    both = theirs.merge(mine, on="parameter", suffixes=("_theirs", ""))
    assert len(both) == len(theirs) == 33
    assert_allclose(both["chisq"], both["chisq_theirs"] * 301 / 299, rtol=2e-3)
    total = ladder("ord_delta").total_score_test("scalar")
    assert_allclose(total.chisq, 57.013 * 301 / 299, rtol=2e-5)
    # 33 equalities set nine scales and three means free
    assert total.df == 21


def table_of(
    parameterization: Parameterization, groups: int = 3
) -> tuple[LinkedTable, FloatArray]:
    """Return a scalar model of four items, and parameters that groups may have."""
    core = CBSEM().parameter_table(ONE)
    equal: tuple[Equal, ...] = ("thresholds", "loadings", "intercepts")
    table = linked_table(core, [4, 3, 2, 5], parameterization, groups, equal)
    rng = np.random.default_rng(5)
    theta = np.zeros((1, table.structural))
    for row in table.core.rows:
        if row.free:
            usual = {"=~": 0.8, "~~": 0.5, "~*~": 1.1, "~1": 0.4, "|": 0.0}[row.op]
            theta[0, row.parameter] = usual + 0.2 * rng.uniform(-1, 1)
            if row.op == "|":
                theta[0, row.parameter] = 0.7 * int(row.rhs[1:]) - 1.3
    return table, theta


def data_of(groups: int = 3) -> list[OrdinalData]:
    """Return statistics of answers that no model has made."""
    rng = np.random.default_rng(9)
    found = []
    for k in range(groups):
        values = np.stack(
            [rng.integers(0, size, 120 + 10 * k) for size in (4, 3, 2, 5)], axis=1
        )
        frame = pd.DataFrame(values, columns=list(ONE.items))
        answers = csi.read_survey(frame).answers(ONE.items)
        sample = coded_answers(answers, item_categories(answers, ONE.items))
        found.append(single_data(sample, METHODS["WLS"], None))
    return found


@pytest.mark.parametrize("parameterization", ["delta", "theta"])
@pytest.mark.parametrize("kind", ["WLS", "DWLS", "ULS"])
def test_derivatives(parameterization: Parameterization, kind: EstimatorName) -> None:
    table, theta = table_of(parameterization)
    goal = linked_objective(table, METHODS[kind], data_of())
    point, step = goal.at(theta), 1e-5
    moves = step * np.eye(theta.shape[1])
    ups = [goal.at(theta + move) for move in moves]
    downs = [goal.at(theta - move) for move in moves]
    slopes = [(u.value - d.value)[0] for u, d in zip(ups, downs, strict=True)]
    assert_allclose(point.gradient()[0], np.array(slopes) / (2 * step), atol=2e-6)
    bends = [u.gradient()[0] - d.gradient()[0] for u, d in zip(ups, downs, strict=True)]
    scale = np.abs(point.observed()).max()
    assert_allclose(
        point.observed()[0], np.array(bends) / (2 * step), atol=1e-7 * scale
    )


@pytest.mark.parametrize("parameterization", ["delta", "theta"])
def test_population_is_recovered(parameterization: Parameterization) -> None:
    """Thresholds and correlations that obey a scalar model give it back."""
    table, theta = table_of(parameterization)
    data = data_of()
    method = METHODS["DWLS"]
    point = linked_objective(table, method, data).at(theta)
    assert_allclose(np.diagonal(point.made[1].cov[0]), 1.0)
    exact = [
        OrdinalData(
            Sample(made.cov, part.sample.mean, part.sample.n, part.sample.weight),
            table.group_levels(k).implied(point.long, made.mean),
            part.moments,
        )
        for k, (made, part) in enumerate(zip(point.made, data, strict=True))
    ]
    fit = linked_fit(table, method, exact)
    assert fit.chisq[0] < 1e-12
    assert_allclose(fit.search.theta, theta, atol=1e-6)
    # 3 x (6 correlations + 10 thresholds); 3 loadings, 10 thresholds, 3 variances, and
    # four scales and a mean in two groups
    assert fit.df == 3 * 16 - (3 + 10 + 3 + 2 * (4 + 1))


def answers(
    seed: int, categories: int, n: int = 500, groups: tuple[str, ...] = ("a", "b")
) -> pd.DataFrame:
    """Return answers of groups that differ in mean and variance only."""
    rng = np.random.default_rng(seed)
    loadings = np.array([0.9, 0.6, 0.7, 0.8])
    cuts = [
        np.linspace(-0.9, 0.9, categories - 1) + shift
        if categories > 2
        else np.array([shift])
        for shift in (-0.5, 0.6, 0.1, -0.2)
    ]
    found = []
    for k, name in enumerate(groups):
        eta = rng.normal(size=(n, 1)) * (1 + 0.3 * k) + 0.5 * k
        values = eta * loadings + rng.normal(size=(n, 4)) * np.sqrt(1 - loadings**2)
        coded = [np.searchsorted(c, v) + 1 for c, v in zip(cuts, values.T, strict=True)]
        found.append(
            pd.DataFrame(dict(zip(ONE.items, coded, strict=True))).assign(g=name)
        )
    return pd.concat(found, ignore_index=True)


WLSMV = CBSEM("WLSMV", ordinal=True)


def test_groups_that_differ_in_means_and_variances() -> None:
    made = invariance(ONE, answers(1, 5, 4000), by="g", estimator=WLSMV)
    table = made.ladder
    assert list(table.index) == [
        "configural",
        "thresholds",
        "metric",
        "scalar",
        "means",
    ]
    # four thresholds and four correlations fewer than items in the table of one group
    assert table["delta_df"].tolist()[1:] == [8, 3, 3, 1]
    assert table["verdict"].tolist() == ["holds"] * 4 + ["rejected"]
    found = made.latent_means.set_index(["construct", "group"]).loc[("f", "b")]
    # by delta the marker's loading sets the unit of f: its variance in a is .81
    assert found["low"] < 0.5 * 0.9 < found["high"]
    assert_allclose(found["standardized"], 0.5 / 1.3, atol=3 * found["se"])


def test_scalings_and_parameterizations_fit_alike() -> None:
    found = [
        invariance(ONE, answers(2, 4), by="g", estimator=estimator, levels=["means"])
        for estimator in (
            WLSMV,
            replace(WLSMV, scaling="standardized"),
            replace(WLSMV, parameterization="theta"),
        )
    ]
    columns = ["chisq", "df", "cfi", "delta_chisq", "delta_df"]
    for other in found[1:]:
        assert_allclose(
            other.ladder[columns].iloc[1:], found[0].ladder[columns].iloc[1:], rtol=1e-5
        )


def test_three_categories_have_no_thresholds_to_test() -> None:
    """Two thresholds and an item's location and scale say the same."""
    made = invariance(ONE, answers(3, 3), by="g", estimator=WLSMV)
    table = made.ladder
    assert table.loc["thresholds", "verdict"] == "equivalent"
    assert_allclose(
        table.loc["thresholds", "chisq"], table.loc["configural", "chisq"], rtol=1e-6
    )
    assert table["delta_df"].tolist()[1:] == [0, 3, 3, 1]
    assert "restricts nothing" in repr(made)


def test_binary_items_are_tested_all_at_once() -> None:
    """Of p thresholds and loadings a group keeps the construct's mean and variance."""
    made = invariance(ONE, answers(4, 2, 2000), by="g", estimator=WLSMV)
    table = made.ladder
    assert table.loc[["thresholds", "metric"], "verdict"].tolist() == ["equivalent"] * 2
    assert table["delta_df"].tolist()[1:] == [0, 0, 4 - 2, 1]
    assert table.loc["scalar", "verdict"] == "holds"


def test_binary_item_among_others_restricts_nothing_below_scalar() -> None:
    frame = answers(5, 4)
    frame["y1"] = 1 + (frame["y1"] > 2)
    made = invariance(ONE, frame, by="g", estimator=WLSMV, levels=["scalar"])
    # three items of four categories; y1 can't be told from its scale
    assert made.ladder["delta_df"].tolist()[1:] == [3 * (3 - 2), 2, 3]


def test_what_may_differ() -> None:
    """An item of group b with other thresholds, and another loading."""
    frame = answers(6, 5, 1500)
    chance = np.random.default_rng(1).uniform(size=len(frame))
    lower = ((frame["y2"] == 2) & (chance < 0.6)) | (
        (frame["y2"] == 4) & (chance < 0.3)
    )
    upper = (frame["y2"] == 3) & (chance < 0.5)
    moved = frame["y2"] - lower.astype(int) + upper.astype(int)
    frame["y2"] = frame["y2"].where(frame["g"] == "a", moved)
    strict = invariance(ONE, frame, by="g", estimator=WLSMV, levels=["scalar"])
    keys = ("y2 | t1", "y2 | t2", "y2 | t3", "y2 | t4", "f =~ y2")
    free = invariance(
        ONE, frame, by="g", estimator=WLSMV, levels=["scalar"], partial=keys
    )
    assert strict.ladder.loc["thresholds", "delta_p"] < 1e-6
    assert (free.ladder["delta_p"].dropna() > 0.01).all()
    # nothing of y2 is equal: 3 x 2, then 2, then 2
    assert free.ladder["delta_df"].tolist()[1:] == [6, 2, 2]
    found = strict.score_tests("thresholds")
    assert found["lhs"].iloc[0] == "y2"


def test_group_without_a_category() -> None:
    frame = answers(7, 4)
    lost = frame[~((frame["g"] == "b") & (frame["y3"] == 4))]
    with pytest.raises(DataError, match=r"group 'b': nobody.*'y3' the answer 4"):
        invariance(ONE, lost, by="g", estimator=WLSMV)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"levels": ["strict"]}, "parameterization='theta'"),
        ({"levels": ["metrics"]}, "did you mean 'metric'"),
        ({"partial": ["y2 | t9"]}, r"'y2 \| t9' in partial; did you mean"),
        ({"partial": "y2 | t1"}, "a list of parameters"),
        ({"partial": ["k := 2"]}, "names no parameter"),
        ({"partial": [f"y{k} ~ 1" for k in range(1, 5)]}, "all items of 'f'"),
    ],
)
def test_calls_that_can_not_be(options: dict[str, object], told: str) -> None:
    with pytest.raises(SpecificationError, match=told):
        invariance(ONE, answers(8, 4), by="g", estimator=WLSMV, **options)  # type: ignore[arg-type]


def test_thresholds_are_for_ordinal_items() -> None:
    with pytest.raises(SpecificationError, match="unknown level 'thresholds'"):
        invariance(ONE, answers(8, 4), by="g", levels=["thresholds"])


def test_heywood_cases_are_told() -> None:
    """Delta shows the negative variance; theta can't reach it and says so."""
    with pytest.warns(InadmissibleWarning, match="negative variance of x1 in group"):
        invariance(HS, pupils(), by="school", estimator=WLSMV, levels=["configural"])
    theta = replace(WLSMV, parameterization="theta", max_iterations=300)
    with (
        pytest.warns(ConvergenceWarning, match="configural model did not converge"),
        pytest.warns(InadmissibleWarning, match="no residual variance of x1 in group"),
    ):
        invariance(HS, pupils(), by="school", estimator=theta, levels=["configural"])
    survey = csi.read_survey(pupils())
    with (
        pytest.warns(ConvergenceWarning),
        pytest.warns(InadmissibleWarning, match="no residual variance x1"),
    ):
        csi.fit(HS, survey, estimator=theta, by="school")


def test_fit_by_group_is_the_fit_of_each() -> None:
    frame = answers(10, 4)
    by_group = csi.fit(ONE, csi.read_survey(frame), estimator=WLSMV, by="g")
    made = invariance(ONE, frame, by="g", estimator=WLSMV, levels=["configural"])
    parameters = made.fits["configural"].parameters
    total = 0.0
    for name in ("a", "b"):
        own = parameters[parameters["group"] == name].reset_index(drop=True)
        assert_allclose(
            by_group[name].parameters["estimate"], own["estimate"], atol=1e-6
        )
        assert_allclose(by_group[name].parameters["se"], own["se"], rtol=1e-5)
        total += by_group[name].fit_measures["chisq"]
    assert_allclose(made.ladder.loc["configural", "df"], 4)
    assert_allclose(made.fits["configural"].fit_measures["chisq"], total, rtol=1e-6)


def test_what_is_printed() -> None:
    made = ladder("ord_delta")
    shown = repr(made)
    assert "Satorra (2000)" in shown
    assert "are the scaled ones" in " ".join(shown.split())
    assert "score_tests('scalar')" in shown
    assert "thresholds" in made._repr_html_()
    told = repr(made.fits["metric"])
    assert told.startswith("metric model, equal: thresholds, loadings")


@pytest.mark.parametrize("parameterization", ["delta", "theta"])
def test_standardized_latent_variables_leave_items_in_their_units(
    parameterization: Parameterization,
) -> None:
    """By theta a variable behind an item has its own standard deviation."""
    estimator = replace(WLSMV, parameterization=parameterization)
    rows = csi.fit(ONE, answers(12, 4), estimator=estimator).parameters
    loadings = rows[rows["op"] == "=~"]
    variance = rows.loc[(rows["lhs"] == "f") & (rows["op"] == "~~"), "estimate"]
    assert_allclose(
        loadings["standardized_latent"],
        loadings["estimate"] * np.sqrt(variance.iloc[0]),
        rtol=1e-10,
    )


def test_groups_may_have_any_labels() -> None:
    frame = answers(11, 4)
    labels: dict[str, Hashable] = {"a": 1, "b": 2}
    made = invariance(
        ONE, frame.assign(g=frame["g"].map(labels)), by="g", estimator=WLSMV
    )
    assert list(made.sizes.index) == [1, 2]
