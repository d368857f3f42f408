"""Planning: drawn moments against theory, power against brute force, the rules."""

from __future__ import annotations

import signal
import sys
import threading
from dataclasses import dataclass, field, replace
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.estimation import PLS, Estimates, PLSc
from csindex.inference.planning import studies
from csindex.inference.planning.planning import SamplePlan, plan
from csindex.inference.planning.sample_sizes import sample_size_rules
from csindex.kernels.paths import r_squared
from csindex.kernels.simulation import (
    factor_correlations,
    normal_means,
    population_correlations,
    wishart_covariances,
)

COV = np.array([[4.0, 1.0, 0.5], [1.0, 2.0, -0.3], [0.5, -0.3, 1.0]])
TWO = csi.Model(
    "two",
    (csi.reflective("a", "a1", "a2"), csi.reflective("b", "b1", "b2")),
    [("a", "b")],
    index="b",
)
SINGLE = TWO.with_items(a=["a1"], b=["b1"])
CHAIN = csi.Model(
    "chain",
    (
        csi.reflective("a", "a1", "a2", "a3"),
        csi.reflective("b", "b1", "b2"),
        csi.reflective("c", "c1", "c2"),
        csi.reflective("d", "d1", "d2", "d3"),
    ),
    [("a", "c"), ("b", "c"), ("b", "d"), ("c", "d")],
)
EFFECTS = {("a", "c"): 0.4, ("b", "c"): -0.3, ("b", "d"): 0.2, ("c", "d"): 0.5}


def test_drawn_moments_have_the_laws_of_normal_samples() -> None:
    n, count = 12, 40_000
    generator = np.random.default_rng(3)
    root = np.linalg.cholesky(COV)
    drawn = wishart_covariances(root, n, count, generator)
    variance = (COV**2 + np.outer(np.diag(COV), np.diag(COV))) / (n - 1)
    # five standard errors of a mean, and of a variance, of so many draws
    assert_allclose(drawn.mean(axis=0), COV, atol=5 * np.sqrt(variance.max() / count))
    assert_allclose(drawn.var(axis=0), variance, rtol=0.08)
    # E log det S = log det Sigma + sum of E log chi2, by Bartlett
    chi2 = [generator.chisquare(n - 1 - k, 200_000) for k in range(3)]
    expected = np.linalg.slogdet(COV)[1] + sum(np.log(c / (n - 1)).mean() for c in chi2)
    assert_allclose(np.linalg.slogdet(drawn)[1].mean(), expected, atol=0.03)
    means = normal_means(np.array([1.0, 2, 3]), root, n, count, generator)
    assert_allclose(np.cov(means.T), COV / n, atol=0.01)
    assert_allclose(means.mean(axis=0), [1, 2, 3], atol=0.02)


def test_the_population_has_its_paths() -> None:
    structure = CHAIN.structure
    paths = np.zeros((4, 4))
    paths[2, 0], paths[2, 1], paths[3, 1], paths[3, 2] = 0.4, -0.3, 0.2, 0.5
    exogenous = np.array([[1, 0.25], [0.25, 1]])
    given = np.eye(4)
    given[:2, :2] = exogenous
    found = population_correlations(paths, given, structure)
    errors = np.diag([0, 0, *(1 - r_squared(paths, found)[2:])])
    errors[:2, :2] = exogenous
    inverse = np.linalg.inv(np.eye(4) - paths)
    assert_allclose(found, inverse @ errors @ inverse.T, atol=1e-14)
    assert_allclose(np.diag(found), 1)


def test_two_items_correlate_by_the_product_of_their_loadings() -> None:
    loadings = np.array([[0.8, 0], [0.5, 0], [0, 0.9]])
    corr = factor_correlations(loadings, np.array([[1, 0.3], [0.3, 1]]))
    assert_allclose(corr[0, 1], 0.4)
    assert_allclose(corr[1, 2], 0.5 * 0.3 * 0.9)
    assert_allclose(np.diag(corr), 1)


def test_a_consistent_estimator_finds_the_truth_in_the_population() -> None:
    found = plan(
        CHAIN,
        EFFECTS,
        n=[300],
        replications=100,
        loadings={"a": 0.7, "d2": 0.6},
        estimator=PLSc(),
        correlations={("a", "b"): 0.3},
    )
    assert_allclose(found.power["limit"], list(EFFECTS.values()), atol=1e-6)
    assert list(zip(found.power["source"], found.power["target"], strict=True)) == list(
        EFFECTS
    )
    assert len(found.index) == 0


def test_a_correlation_has_its_textbook_power() -> None:
    rho, n = 0.2, 150
    found = plan(SINGLE, {("a", "b"): rho}, n=n, replications=5000, seed=4)
    row = found.power.iloc[0]
    se = (1 - rho**2) / np.sqrt(n - 1)
    assert_allclose(row["se"], se, rtol=0.04)
    expected = 1 - NormalDist().cdf(1.959964 - rho / se)
    assert_allclose(row["power"], expected, atol=0.03)
    # with one item the index is its mean
    assert_allclose(found.index.loc[0, "sd"], 20 / np.sqrt(n), rtol=0.04)
    assert_allclose(
        found.index.loc[0, "width"], 2 * 1.959964 * found.index.loc[0, "sd"], rtol=1e-6
    )


def test_without_an_effect_alarms_are_as_rare_as_the_level_says() -> None:
    found = plan(SINGLE, {("a", "b"): 0}, n=100, replications=4000, level=0.9)
    assert abs(found.power["power"].iloc[0] - 0.1) < 4 * np.sqrt(0.09 / 4000)
    note = found.required_n().loc[0, "note"]
    assert note == "there is no effect to find"


def test_power_is_what_bootstraps_of_respondents_find() -> None:
    effect, n, samples, resamples = 0.35, 80, 300, 150
    loadings = np.kron(np.eye(2), np.full((2, 1), 0.8))
    corr = factor_correlations(loadings, np.array([[1, effect], [effect, 1]]))
    generator = np.random.default_rng(11)
    covs = np.empty((samples, 1 + resamples, 4, 4))
    for cov in covs:
        answers = generator.multivariate_normal(np.zeros(4), corr, size=n)
        rows = generator.integers(0, n, size=(resamples, n))
        drawn = np.concatenate([answers[None], answers[rows]])
        centred = drawn - drawn.mean(axis=1, keepdims=True)
        cov[:] = np.einsum("bni,bnj->bij", centred, centred) / (n - 1)
    flat = covs.reshape(-1, 4, 4)
    made = csi.Moments(TWO.items, np.zeros((len(flat), 4)), flat, n)
    values = csi.PLS().estimate(TWO, made).paths[:, 1, 0].reshape(samples, -1)
    brute = values[:, 0] > 1.959964 * values[:, 1:].std(axis=1, ddof=1)
    found = plan(TWO, {("a", "b"): effect}, n=n, replications=1000, inner=100)
    # four standard errors of a share of 300 samples
    assert abs(found.power["power"].iloc[0] - brute.mean()) < 0.1
    # one standard error for all samples misses that small estimates have large ones
    fast = plan(TWO, {("a", "b"): effect}, n=n, replications=1000, inner=0)
    assert fast.power["power"].iloc[0] - brute.mean() > 0.1


def test_improper_solutions_are_counted() -> None:
    weak = plan(CHAIN, EFFECTS, 40, 200, loadings=0.5, estimator=PLSc(), inner=20)
    row = weak.improper.iloc[0]
    assert max(row["not_converged"], row["inadmissible"]) <= row["share"]
    # unreliable items of few respondents: most corrections for them overshoot
    assert row["share"] > 0.4
    strong = plan(CHAIN, EFFECTS, 2000, 100, estimator=PLSc(), inner=0)
    assert strong.improper["share"].iloc[0] == 0


@pytest.mark.parametrize("estimator", [PLSc(), csi.CBSEM()])
def test_improper_solutions_are_as_many_as_in_samples_of_respondents(
    estimator: csi.Estimator,
) -> None:
    # two constructs that correlate .95, by two weak items each
    lambdas, n, samples = TWO.blocks * 0.6, 100, 400
    corr = factor_correlations(lambdas, np.array([[1, 0.95], [0.95, 1]]))
    normal = np.random.default_rng(8).normal(size=(samples, n, 4))
    answers = normal @ np.linalg.cholesky(corr).T
    cov = np.stack([np.cov(rows, rowvar=False) for rows in answers])
    moments = csi.Moments(TWO.items, np.zeros((samples, 4)), cov, n)
    found = estimator.estimate(TWO, moments)
    beyond = (np.abs(found.loadings).max(axis=(1, 2)) > 1) | (
        np.abs(found.construct_corr[:, 0, 1]) > 1
    )
    lost = ~found.converged | ~found.admissible | beyond
    row = plan(
        TWO, {("a", "b"): 0.95}, n, 800, 1, 0.6, estimator=estimator, inner=0
    ).improper.iloc[0]
    # four standard errors of the difference of two shares
    assert lost.mean() > 0.2
    assert abs(row["share"] - lost.mean()) < 4 * np.sqrt(0.25 * (1 / 400 + 1 / 800))
    assert row["improper"] > 0.1


def test_each_size_has_its_own_stream() -> None:
    effects = {("a", "b"): 0.3}
    both = plan(TWO, effects, n=[60, 90], replications=300, seed=5, inner=20)
    again = plan(TWO, effects, n=[90], replications=300, seed=5, inner=20)
    other = plan(TWO, effects, n=[90], replications=300, seed=6, inner=20)
    mine = both.power[both.power["n"] == 90].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, again.power)
    assert again.power["se"].iloc[0] != other.power["se"].iloc[0]


@pytest.fixture(scope="module")
def observed() -> SamplePlan:
    results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    return plan(csi.acsi(), results, n=[150, 600, 300], replications=600, inner=20)


def test_a_fit_is_planned_from(observed: SamplePlan) -> None:
    results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    first = observed.power.iloc[: len(results.paths)]
    assert_allclose(first["effect"], results.paths["estimate"])
    # the index is a mean of the observed means, by whichever weights
    assert_allclose(observed.index["mean"], results.index, atol=0.5)
    # four times the respondents, half the spread
    sd = observed.index.set_index("n")["sd"]
    assert_allclose(sd[150] / sd[600], 2, rtol=0.15)
    assert observed.improper["share"].max() == 0


def test_what_prints(observed: SamplePlan) -> None:
    first = repr(observed).splitlines()[0]
    lacking = observed.power.query("n == 600 and power < 0.8")
    assert 0 < len(lacking) < 9
    told = (
        f"Power 0.80 isn't reached with 600 respondents for {len(lacking)} of 9 paths"
    )
    assert first == told or first.startswith(f"{told}: ")
    assert max(map(len, repr(observed).splitlines())) <= 80
    assert "expectation -> quality" in repr(observed)
    assert "<table" in observed._repr_html_()
    assert observed.rules["rule"].tolist()[-1] == "ten times (obsolete)"
    assert observed.rules["n"].iloc[-1] == 30


def test_required_sizes_lie_between_the_simulated_ones(observed: SamplePlan) -> None:
    table = observed.required_n(0.8).set_index(["source", "target"])
    for (source, target), part in observed.power.groupby(["source", "target"]):
        n, note = table.loc[(source, target), ["n", "note"]]
        enough = part.loc[part["power"] >= 0.8, "n"]
        if np.isnan(n):
            assert note == ("above 600" if enough.empty else "150 or fewer")
        else:
            below = part.loc[part["n"] < enough.min(), "n"].max()
            assert below <= n <= enough.min()


def test_required_size_of_a_correlation_is_the_textbook_one() -> None:
    effects = {("a", "b"): 0.25}
    found = plan(SINGLE, effects, n=[80, 200], replications=3000).required_n(0.8)
    # r is significant from r sqrt(n - 1) / (1 - r^2) = 1.96 on; Fisher's z has its law
    sizes = np.arange(80, 201)
    share = 1.959964 / np.sqrt(sizes - 1)
    critical = (np.sqrt(1 + 4 * share**2) - 1) / (2 * share)
    apart = (np.arctanh(0.25) - np.arctanh(critical)) * np.sqrt(sizes - 3)
    expected = sizes[np.searchsorted(apart, 0.841621)]
    assert_allclose(found["n"].iloc[0], expected, rtol=0.06)


def test_published_sizes_by_rules_of_thumb() -> None:
    # Kock & Hadaya (2018): the smallest effect .197, level .05, power .8
    table = sample_size_rules(0.197)
    assert table["n"].tolist() == [160, 146]
    # the constants of the inverse square root method at 5 %, one-sided
    sizes = [sample_size_rules(b)["n"].iloc[0] for b in (0.2, 0.15, 0.1)]
    assert sizes == [155, 275, 619]
    strong = sample_size_rules(0.5)
    assert np.isnan(strong["n"].iloc[1])
    assert "correction" in strong["note"].iloc[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"effects": {("a", "x"): 0.3}}, "is no path of model 'two'"),
        ({"effects": {}}, "say nothing of the paths"),
        ({"effects": {("a", "b"): "much"}}, "must be a number"),
        ({"effects": {("a", "b"): 1.0}}, "would explain 100% of its variance"),
        ({"effects": 3}, "must be a mapping"),
        ({"n": 4}, "above the number of items"),
        ({"n": "many"}, "whole numbers"),
        ({"replications": 10}, "100 or more"),
        ({"level": 95}, "between 0 and 1"),
        ({"seed": -1}, "seed"),
        ({"inner": 3}, "inner must be 0, or 20 or more"),
        ({"loadings": 1.2}, "above 0 and not above 1"),
        ({"loadings": {"aa": 0.7}}, "did you mean"),
        ({"loadings": 1.0}, "no population has such correlations"),
        ({"correlations": {("a", "b"): 0.3}}, "that no path leads to"),
        ({"estimator": csi.PLS}, "must be one, as csi.PLS"),
    ],
)
def test_refused_plans(changes: dict[str, object], message: str) -> None:
    call: dict[str, object] = {"effects": {("a", "b"): 0.3}, "n": 50, **changes}
    with pytest.raises(csi.SpecificationError, match=message):
        plan(TWO, **call)  # type: ignore[arg-type]


def test_all_problems_come_at_once() -> None:
    with pytest.raises(csi.SpecificationError) as caught:
        plan(TWO, {("a", "b"): 0.3}, n=3, replications=5, level=2)
    assert len(caught.value.problems) == 3
    results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    with pytest.raises(csi.SpecificationError, match=r"give results\.model"):
        plan(TWO, results)


@dataclass(frozen=True)
class _Interrupted(PLS):
    """An estimator in whose fourth call the user presses Ctrl-C."""

    stop: threading.Event = field(default_factory=threading.Event, compare=False)
    calls: list[int] = field(default_factory=list, compare=False)

    def estimate(self, model: csi.Model, moments: csi.Moments) -> Estimates:
        self.calls.append(1)
        if len(self.calls) == 4:
            main = threading.main_thread().ident
            assert main is not None
            signal.pthread_kill(main, signal.SIGINT)
            self.stop.wait(10)
        return super().estimate(model, moments)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of threads")
def test_an_interrupted_plan_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    estimator = _Interrupted()
    # a shell's background jobs ignore the signal
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(studies, "THREADS", 1)
    monkeypatch.setattr(studies, "Event", lambda: estimator.stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            plan(TWO, {("a", "b"): 0.3}, n=50, replications=20_000, estimator=estimator)
    finally:
        signal.signal(signal.SIGINT, usual)
    # neither the rest of the block nor the blocks that wait are estimated
    assert estimator.stop.is_set()
    assert len(estimator.calls) == 4


def test_products_of_constructs_are_refused_by_name() -> None:
    terms = (csi.interaction("expectation", "quality", "satisfaction"),)
    survey = csi.load_dataset("retail")
    results = csi.fit(csi.acsi(), survey, csi.Moderated(terms))
    effects = {(path.source, path.target): 0.1 for path in results.model.paths}
    for model, truth in (
        (results.model, results),
        (results.model, effects),
        (csi.acsi(), results),
    ):
        with pytest.raises(csi.SpecificationError, match=r"sample_size_rules") as found:
            plan(model, truth)
        assert "give results.model" not in str(found.value)
    # the fit in the model's place is named by its kind, not printed whole
    with pytest.raises(csi.SpecificationError, match=r"not Results$"):
        plan(results, effects)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("effect", "power", "told"),
    [
        (
            0.3,
            (0.4, 0.9),
            "Power 0.80 of every path needs 168 respondents; a",
        ),
        (
            0.3,
            (0.85, 0.9),
            "Power 0.80 of every path is reached with 100 respond",
        ),
        (0.3, (0.4, 0.5), "Power 0.80 isn't reached with 200 respondents for 1 of 1"),
        (0.0, (0.05, 0.05), "No path has an effect to be found"),
    ],
)
def test_the_answer_comes_first(
    effect: float, power: tuple[float, float], told: str, observed: SamplePlan
) -> None:
    rows = {"source": "a", "target": "b", "effect": effect, "limit": effect}
    table = pd.DataFrame({"n": [100, 200], **rows, "power": power, "se": 0.1})
    assert repr(replace(observed, power=table.assign(bias=0.0))).startswith(told)


def test_a_fit_of_composites_is_aimed_at() -> None:
    """PLS finds its own estimates in the population of an earlier fit, without bias."""
    results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    made = plan(csi.acsi(), results, n=[600], replications=200, inner=0)
    assert_allclose(made.power["limit"], results.paths["estimate"], atol=1e-9)
    assert_allclose(made.power["bias"], 0, atol=0.02)
    assert "aims at other values" not in repr(made)
    # as strong as the bootstrap of that sample says, at its size and at another
    errors = (
        csi.bootstrap(results, n=1000, seed=1).paths["se"] * (results.n / 600) ** 0.5
    )
    assert_allclose(made.power["se"], errors, rtol=0.35)


def test_effects_that_the_method_does_not_aim_at_are_told() -> None:
    model = csi.Model(
        "pair",
        [csi.reflective("x", "a", "b"), csi.reflective("y", "c", "d")],
        [("x", "y")],
    )
    made = plan(model, {("x", "y"): 0.4}, n=[200], replications=120, inner=0)
    told = " ".join(repr(made).split())
    # two items of loading .8: reliability .64 * 2 / 1.64
    assert f"x -> y {0.4 * 0.64 * 2 / 1.64:.3f} for 0.400" in told
    consistent = plan(
        model,
        {("x", "y"): 0.4},
        n=[200],
        replications=120,
        inner=0,
        estimator=csi.PLSc(),
    )
    assert "aims at" not in repr(consistent)
