"""CB-SEM: theory, constraints, stacks, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.diagnostics.covariance import explain
from csindex.errors import (
    AnswersWarning,
    DataError,
    InadmissibleWarning,
    SpecificationError,
)
from csindex.estimation.cbsem import CBSEM, CovarianceEstimates
from csindex.estimation.cbsem.estimator import Scaling
from csindex.estimation.cbsem.expressions import read_formula
from csindex.estimation.cbsem.fitted import Sample
from csindex.estimation.cbsem.fitting import fitted
from csindex.estimation.cbsem.methods import METHODS, EstimatorName
from csindex.estimation.cbsem.noncentral import noncentrality
from csindex.estimation.cbsem.solution import block_weights
from csindex.estimation.cbsem.syntax import read_additions
from csindex.kernels.arrays import FloatArray
from csindex.moments import Moments

MODEL = csi.Model(
    "three",
    [
        csi.reflective("a", "a1", "a2", "a3"),
        csi.reflective("b", "b1", "b2", "b3"),
        csi.reflective("c", "c1"),
    ],
    [("a", "b"), ("b", "c"), ("a", "c")],
)
LOADINGS = np.array([1.0, 0.8, 1.3, 1.0, 0.6, 1.1, 1.0])
PATHS = (0.5, 0.4, -0.2)


def population() -> FloatArray:
    """Return covariances by MODEL: latent variances 2, 1 and 1.5 are residual."""
    effects = np.eye(3)
    effects[1, 0], effects[2, 1] = PATHS[0], PATHS[1]
    effects[2, 0] = PATHS[2] + PATHS[0] * PATHS[1]
    latent = effects @ np.diag([2.0, 1.0, 1.5]) @ effects.T
    lam = MODEL.blocks * LOADINGS[:, None]
    return np.asarray(lam @ latent @ lam.T + np.diag([1, 2, 1.5, 0.5, 1, 0.7, 0.0]))


def moments(cov: FloatArray, n: int = 300) -> Moments:
    return Moments(MODEL.items, np.arange(cov.shape[-1]) + 1.0, cov, n)


def noisy(seed: int, count: int = 1, n: int = 300) -> FloatArray:
    """Return covariances (count, p, p) of normal samples of n."""
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(population())
    draws = rng.standard_normal((count, n, len(root))) @ root.T
    return np.stack([np.cov(draw.T) for draw in draws])


def theta(made: CovarianceEstimates) -> dict[str, float]:
    names = made.fit.table.names
    return dict(zip(names, made.fit.theta[0].tolist(), strict=True))


@pytest.mark.parametrize("estimator", ["ML", "GLS", "ULS"])
@pytest.mark.parametrize("scaling", ["marker", "standardized"])
def test_population_moments_give_the_parameters(
    estimator: EstimatorName, scaling: Scaling
) -> None:
    made = CBSEM(estimator, scaling).estimate(MODEL, moments(population()))
    sd = np.sqrt(np.diagonal(population()))
    latent = np.sqrt([2.0, 1.5, population()[6, 6]])
    assert_allclose(
        made.loadings.sum(axis=1), LOADINGS * (MODEL.blocks @ latent) / sd, atol=1e-12
    )
    assert_allclose(made.paths[1, 0], PATHS[0] * latent[0] / latent[1], atol=1e-12)
    assert_allclose(made.paths[2, 0], PATHS[2] * latent[0] / latent[2], atol=1e-12)
    assert_allclose(made.fit_measures()["chisq"], 0.0, atol=1e-9)
    assert made.converged


def test_a_stack_is_its_members() -> None:
    covs = noisy(1, 6)
    stack = Moments(MODEL.items, np.zeros((6, 7)), covs, 300)
    many = CBSEM().estimate(MODEL, stack)
    for k in range(6):
        one = CBSEM().estimate(MODEL, moments(covs[k]))
        assert_allclose(many.loadings[k], one.loadings, atol=1e-7)
        member = many[k]
        assert_allclose(member.paths, one.paths, atol=1e-7)
        assert_allclose(member.fit.theta, one.fit.theta, atol=1e-6)
        for name, value in one.fit_measures().items():
            assert_allclose(many.fit_measures()[name][k], value, atol=1e-6)


def test_member_without_covariances_is_inadmissible_alone() -> None:
    covs = noisy(2, 3)
    covs[1] = np.nan
    made = CBSEM().estimate(MODEL, Moments(MODEL.items, np.zeros((3, 7)), covs, 300))
    assert made.admissible.tolist() == [True, False, True]
    assert made.converged.tolist() == [True, False, True]


def test_units_of_items_change_nothing_standardised() -> None:
    cov, unit = noisy(3)[0], np.array([1, 10, 0.1, 5, 1, 2, 100])
    one = CBSEM().estimate(MODEL, moments(cov))
    other = CBSEM().estimate(MODEL, moments(cov * unit * unit[:, None]))
    assert_allclose(one.loadings, other.loadings, atol=1e-8)
    assert_allclose(one.fit.chisq, other.fit.chisq, rtol=1e-9)


def test_turning_keeps_what_is_implied() -> None:
    made = CBSEM(scaling="standardized").estimate(MODEL, moments(noisy(4)[0]))
    turned = made.turned(np.array([-1.0, 1.0, 1.0]))
    assert_allclose(turned.loadings[:3, 0], -made.loadings[:3, 0])
    assert_allclose(turned.fit.implied[0].cov, made.fit.implied[0].cov, atol=1e-12)
    assert not np.allclose(turned.fit.theta, made.fit.theta)
    assert_allclose(turned.aligned(made).loadings, made.loadings)


@pytest.mark.parametrize(
    ("constraint", "equal"),
    [
        ("k > 1.6", "a =~ 1.6*a3"),
        ("k^2 == 2.25", "a =~ 1.5*a3"),
        ("log(k) == 0", "a =~ 1*a3"),
        ("2*k == 3", "a =~ 1.5*a3"),
        ("k < 1", "a =~ 1*a3"),
        ("k < 5", ""),
    ],
)
def test_constraints_equal_what_they_fix(constraint: str, equal: str) -> None:
    data = moments(noisy(5)[0])
    made = CBSEM(additions=f"a =~ k*a3\n{constraint}").estimate(MODEL, data)
    other = CBSEM(additions=equal).estimate(MODEL, data)
    assert made.converged
    assert_allclose(made.fit.chisq, other.fit.chisq, rtol=1e-9)
    assert_allclose(made.loadings, other.loadings, atol=1e-6)
    # bounds leave the degrees of freedom as they are
    assert made.fit.df == (13 if "==" in constraint else 12)


def test_nonlinear_constraint_is_stationary() -> None:
    text = "a =~ j*a2 + k*a3\nj*k == 1"
    made = CBSEM(additions=text).estimate(MODEL, moments(noisy(6)[0]))
    found = theta(made)
    assert_allclose(found["j"] * found["k"], 1.0, atol=1e-9)
    slope = made.fit.point.gradient()[0]
    names = list(made.fit.table.names)
    j, k = names.index("j"), names.index("k")
    # the gradient stands upright on the constraint, and vanishes elsewhere
    assert_allclose(slope[j] / found["k"], slope[k] / found["j"], rtol=1e-5)
    assert_allclose(np.delete(slope, [j, k]), 0, atol=1e-8)


def test_shared_labels_are_equal() -> None:
    data = moments(noisy(7)[0])
    made = CBSEM(additions="a =~ k*a2 + k*a3").estimate(MODEL, data)
    linear = CBSEM(additions="a =~ j*a2 + k*a3; j == k").estimate(MODEL, data)
    assert_allclose(made.loadings, linear.loadings, atol=1e-8)
    assert made.fit.df == linear.fit.df == 13


def test_two_equal_groups_are_one_sample_twice() -> None:
    estimator = CBSEM()
    table = estimator.parameter_table(MODEL)
    rows = tuple(
        row if row.group == group else type(row)(**{**row.__dict__, "group": group})
        for group in (0, 1)
        for row in table.rows
    )
    both = type(table)(rows, table.observed, table.latent, groups=2)
    sample = Sample(noisy(8), np.zeros((1, 7)), np.array([300.0]))
    one = fitted(table, METHODS["ML"], [sample])
    two = fitted(both, METHODS["ML"], [sample, sample])
    assert_allclose(two.theta, one.theta, atol=1e-8)
    assert_allclose(two.chisq, 2 * one.chisq, rtol=1e-9)


def test_bootstrap_has_every_statistic() -> None:
    rng = np.random.default_rng(9)
    root = np.linalg.cholesky(population())
    values = 5 + rng.standard_normal((200, 7)) @ root.T
    survey = csi.read_survey(pd.DataFrame(values, columns=list(MODEL.items)))
    results = csi.fit(MODEL, survey, estimator=CBSEM())
    boot = csi.bootstrap(results, n=100, seed=1)
    assert boot.counts["used"] > 90
    # of 200 normal respondents: the delta method's error, within Monte Carlo error
    own = results.standardized
    path = own[(own["lhs"] == "b") & (own["op"] == "~")]["se"].iloc[0]
    drawn = boot.paths.set_index(["source", "target"]).loc[("a", "b"), "se"]
    assert 0.7 < drawn / path < 1.4


def test_defined_parameter_has_the_delta_method_error() -> None:
    text = "b ~ p*a\nc ~ q*b\nind := p*q"
    made = CBSEM(additions=text).estimate(MODEL, moments(noisy(10)[0]))
    table = csi.Results(made, CBSEM(additions=text)).parameters.set_index("lhs")
    names = list(made.fit.table.names)
    p, q = names.index("p"), names.index("q")
    values, joint = made.fit.theta[0], made.covariance
    variance = (
        values[q] ** 2 * joint[p, p]
        + values[p] ** 2 * joint[q, q]
        + 2 * values[p] * values[q] * joint[p, q]
    )
    assert_allclose(table.loc["ind", "estimate"], values[p] * values[q])
    assert_allclose(table.loc["ind", "se"], np.sqrt(variance))


def test_item_without_residual_has_the_weight_alone() -> None:
    loadings = np.array([[[0.7], [0.9], [1.0]]])
    weights = block_weights(
        loadings, np.array([[0.5, 0.2, -0.1]]), np.eye(3)[None], np.ones((3, 1))
    )
    assert_allclose(weights[0, :, 0], [0, 0, 1])


def test_weights_are_those_of_regression() -> None:
    lam = np.array([0.7, 0.9, 0.6])
    corr = np.outer(lam, lam) + np.diag(1 - lam**2)
    weights = block_weights(
        lam[None, :, None], (1 - lam**2)[None], corr[None], np.ones((3, 1))
    )[0, :, 0]
    expected = np.linalg.solve(corr, lam)
    assert_allclose(weights, expected / np.sqrt(expected @ corr @ expected))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a1 ~~ z9", "unknown name 'z9'"),
        ("a =~ k*a2", "label 'k' is used once"),
        ("a ~ c", "is not in the model"),
        ("a1 ~~ b1; b1 ~~ a1", "given twice"),
        ("x := k*2", "unknown label 'k'"),
        ("a1 =~ b1", "is an item"),
        ("a =~", "lacks one of its two sides"),
        ("a <~ b1", "composites"),
        ("a =~ ?*a2", "modifier"),
        ("nothing", "no operator"),
        ("a =~ NA*a1", "not identified: .*a =~ a1"),
        ("a =~ k*a1; b =~ k*b2", "sets the scale"),
        ("a =~ k*a2; k == 1 +", "no formula"),
    ],
)
def test_additions_that_cannot_be(text: str, message: str) -> None:
    with pytest.raises(SpecificationError, match=message):
        CBSEM(additions=text).estimate(MODEL, moments(noisy(11)[0]))


def test_too_few_moments() -> None:
    two = csi.Model("two", [csi.reflective("a", "a1", "a2")])
    with pytest.raises(SpecificationError, match=r"4 parameters.*3 moments"):
        CBSEM().estimate(two, moments(population()).select(["a1", "a2"]))


def test_dependent_items() -> None:
    cov = population()
    mix = np.eye(7)
    mix[2] = mix[0] + mix[1]
    with pytest.raises(DataError, match=r"not positive definite.*'a1', 'a2', 'a3'"):
        CBSEM().estimate(MODEL, moments(mix @ cov @ mix.T))


def test_wls_needs_rows() -> None:
    values = np.random.default_rng(1).standard_normal((25, 7))
    survey = csi.read_survey(pd.DataFrame(values, columns=list(MODEL.items)))
    with pytest.raises(DataError, match="covariance of 28 moments"):
        csi.fit(MODEL, survey, estimator=CBSEM("WLS"))
    with pytest.raises(SpecificationError, match="needs the answers"):
        csi.fit(MODEL, moments(population()), estimator=CBSEM("WLSMV"))


def test_composites_are_refused() -> None:
    model = csi.Model("m", [csi.composite("a", "a1", "a2", "a3")])
    with pytest.raises(SpecificationError, match="'a' is a composite"):
        CBSEM().estimate(model, moments(population()).select(model.items))


def test_parameters_of_another_estimator() -> None:
    results = csi.fit(MODEL, moments(population()))
    with pytest.raises(SpecificationError, match=r"estimator=csi\.CBSEM"):
        _ = results.parameters


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2*3", 7.0),
        ("-2^2", -4.0),
        ("(1+2)*3/4 - .5", 1.75),
        ("2^-1", 0.5),
        ("sqrt(16) + exp(0)*log(1)", 4.0),
        ("1e2 - abs(-3)", 97.0),
    ],
)
def test_formulas(text: str, value: float) -> None:
    table = CBSEM().parameter_table(MODEL)
    known = table.known(np.zeros((1, table.size)))
    assert read_formula(text, "here").at(known).value[0] == pytest.approx(value)


def test_statements_go_on_after_an_operator() -> None:
    found = read_additions("a1 ~~ # first\n b1 +\n b2\n + b3 ; a2 ~ 1")
    assert [e.key for e in found.entries] == [
        ("a1", "~~", "b1"),
        ("a1", "~~", "b2"),
        ("a1", "~~", "b3"),
        ("a2", "~1", ""),
    ]


def test_members_far_from_the_average_are_found_too() -> None:
    covs = np.concatenate([noisy(11, 30, 60), noisy(12, 4) * 400, noisy(13, 4) / 900])
    covs[30:34, :3, 3:] *= 0.2
    covs[30:34, 3:, :3] *= 0.2
    stack = Moments(MODEL.items, np.zeros((38, 7)), covs, 60)
    many = CBSEM().estimate(MODEL, stack)
    for k in (0, 7, 30, 33, 34, 37):
        one = CBSEM().estimate(MODEL, moments(covs[k], 60))
        assert one.converged
        assert many.converged[k]
        assert_allclose(many.fit.chisq[k], one.fit.chisq[0], rtol=1e-9, atol=1e-9)
        assert_allclose(many.loadings[k], one.loadings, atol=1e-6)


def test_stack_under_linear_constraints_is_its_members() -> None:
    estimator = CBSEM(additions="a =~ j*a2 + k*a3\nj + k == 2")
    covs = noisy(14, 30)
    many = estimator.estimate(MODEL, Moments(MODEL.items, np.zeros((30, 7)), covs, 300))
    names = list(many.fit.table.names)
    j, k = many.fit.theta[:, names.index("j")], many.fit.theta[:, names.index("k")]
    assert_allclose(j + k, 2.0, atol=1e-12)
    one = estimator.estimate(MODEL, moments(covs[17]))
    assert_allclose(many.fit.theta[17], one.fit.theta[0], atol=1e-6)


def test_bound_of_the_condition_of_the_information() -> None:
    fit = CBSEM().estimate(MODEL, moments(noisy(23)[0])).fit
    condition = np.linalg.cond(fit.unitless)
    assert condition <= fit.condition_bound < 1e3 * condition


def test_equal_models_share_a_table_and_no_estimates() -> None:
    other = csi.Model(MODEL.name, MODEL.constructs, MODEL.paths)
    one = CBSEM().estimate(MODEL, moments(population()))
    two = CBSEM().estimate(other, moments(2 * population()))
    assert one.fit.table is two.fit.table
    assert_allclose(two.fit.chisq, one.fit.chisq, atol=1e-9)
    variances = [row.op == "~~" for row in one.fit.table.rows if row.free]
    factor = np.where(variances, 2.0, 1.0)
    assert_allclose(two.fit.theta[0], factor * one.fit.theta[0], atol=1e-7)
    assert CBSEM().parameter_table(csi.Model("two", MODEL.constructs)).size == 16


def test_changing_a_table_of_results_changes_no_other() -> None:
    first = csi.fit(MODEL, moments(population()), estimator=CBSEM())
    first.parameters.index.name = first.parameters.columns.name = "changed"
    first.fit_measures.index.name = "changed"
    first.parameters.loc[0, "lhs"] = "changed"
    first.parameters.loc[0, "estimate"] = 7.0
    first.fit_measures.loc["cfi"] = -1.0
    second = csi.fit(MODEL, moments(population()), estimator=CBSEM())
    assert second.parameters.loc[0, "lhs"] == "a"
    assert second.parameters.loc[0, "estimate"] == 1.0
    assert_allclose(second.fit_measures["cfi"], 1.0)
    names = {second.parameters.index.name, second.parameters.columns.name}
    assert {*names, second.fit_measures.index.name} == {None}


@pytest.mark.parametrize("df", [1, 24, 241])
@pytest.mark.parametrize("below", [0.05, 0.95])
def test_noncentrality_has_its_probability(df: int, below: float) -> None:
    from scipy import stats

    values = df * np.array([0.1, 0.9, 1.0, 1.4, 5.0, 40.0])
    found = noncentrality(values, df, below)
    chance = stats.ncx2(df, np.maximum(found, 1e-12)).cdf(values)
    none = stats.chi2(df).cdf(values) <= below
    assert (found[none] == 0).all()
    assert_allclose(chance[~none], below, rtol=1e-9)
    assert np.isnan(noncentrality(np.array([np.nan]), df, below)).all()


def grouped(rows: dict[str, FloatArray], **columns: FloatArray) -> csi.Survey:
    values = pd.DataFrame(np.concatenate([*rows.values()]), columns=list(MODEL.items))
    labels = [name for name, part in rows.items() for _ in part]
    return csi.read_survey(
        values.assign(firm=labels, **columns),
        groups="firm",
        weights="w" if "w" in columns else None,
    )


def draws(seed: int, n: int = 250, residual: float = 1.0) -> FloatArray:
    """Return answers by MODEL; the variance that a leaves of a1 may be negative."""
    cov = population()
    cov[0, 0] += residual - 1.0
    root = np.linalg.cholesky(cov)
    return 5 + np.random.default_rng(seed).standard_normal((n, 7)) @ root.T


def test_group_with_dependent_items_gets_its_reason() -> None:
    broken = draws(21)
    broken[:, 2] = broken[:, 0] + broken[:, 1]
    survey = grouped({"good": draws(22), "broken": broken, "fine": draws(23)})
    with pytest.warns(AnswersWarning, match="'broken': .* not positive definite"):
        found = csi.fit(MODEL, survey, estimator=CBSEM(), by="firm")
    assert list(found.members) == ["fine", "good"]


def test_improper_group_is_named() -> None:
    heywood = draws(24, 2000, residual=-0.4)
    survey = grouped({"good": draws(25, 2000), "heywood": heywood})
    with pytest.warns(InadmissibleWarning) as told:
        csi.fit(MODEL, survey, estimator=CBSEM(), by="firm")
    assert len(told) == 1
    assert str(told[0].message).startswith("firm heywood: the solution is improper")
    assert "negative variance" in str(told[0].message)


def test_group_whose_items_disagree_has_the_reason_of_plsc() -> None:
    # items that disagree, though each goes with b
    opposed = np.random.default_rng(1).standard_normal((250, 3))
    turned = draws(26)
    turned[:, :3] = 0.3 * turned[:, [3]] + opposed - 0.9 * opposed.mean(axis=1)[:, None]
    survey = grouped({"good": draws(27, 3000), "turned": turned})
    with pytest.warns(AnswersWarning, match="'turned': PLSc: .*rho_A of 'a'"):
        csi.fit(MODEL, survey, estimator=csi.PLSc(), by="firm")


def test_errors_that_ignore_weights_are_told() -> None:
    weights = np.random.default_rng(2).uniform(0.5, 2, 250)
    survey = grouped({"one": draws(28)}, w=weights)
    with pytest.warns(AnswersWarning, match=r"weights.*csi.CBSEM\('MLR'\)"):
        naive = csi.fit(MODEL, survey, estimator=CBSEM())
    assert "simple random sample" in naive.settings["standard errors"]
    robust = csi.fit(MODEL, survey, estimator=CBSEM("MLR"))
    assert "allow for weights" in robust.settings["standard errors"]
    assert_allclose(naive.parameters["estimate"], robust.parameters["estimate"])
    even = grouped({"one": draws(28)}, w=np.ones(250))
    assert csi.fit(MODEL, even, estimator=CBSEM()).converged


def test_failed_resamples_are_explained() -> None:
    results = csi.fit(MODEL, moments(noisy(29)[0]), estimator=CBSEM())

    class Boot:
        counts = pd.Series(
            {"requested": 100, "used": 90, "not_converged": 8, "inadmissible": 2}
        )

    assert explain(results).empty
    row = explain(results, Boot()).iloc[0]
    assert row["finding"] == "resamples without a solution"
    assert_allclose(row["value"], 0.1)
    assert row["where"] == "10 of 100: 8 not converged, 2 inadmissible"
    Boot.counts = pd.Series(
        {"requested": 100, "used": 100, "not_converged": 0, "inadmissible": 0}
    )
    assert explain(results, Boot()).empty


def test_a_plan_for_covariance_structures() -> None:
    effects = {("a", "b"): 0.5, ("b", "c"): 0.3, ("a", "c"): 0.1}
    found = csi.plan(
        MODEL, effects, n=[150, 600], replications=100, inner=0, estimator=CBSEM()
    )
    table = found.power.set_index(["n", "source", "target"])
    # of disattenuated paths: no bias beyond Monte Carlo error
    assert (table["bias"].abs() < 4 * table["se"] / np.sqrt(100) + 0.01).all()
    power = table["power"].unstack("n")
    assert (power[600] >= power[150]).all()
    assert power.loc[("a", "b"), 600] > 0.99


@pytest.mark.filterwarnings("ignore:the survey has weights")
@pytest.mark.filterwarnings("ignore:the solution is improper or fragile")
def test_unlike_units_are_no_near_singularity() -> None:
    """Price tolerance runs from 0 to 50, the other items from 1 to 10."""
    results = csi.fit(csi.acsi(), csi.load_dataset("retail"), csi.CBSEM())
    findings = explain(results)["finding"]
    assert "latent correlation" in set(findings)
    assert "information nearly singular" not in set(findings)
