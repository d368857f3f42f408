"""The bootstrap: against a plain loop, and what must not change its numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import csindex as csi
from csindex.diagnostics.statistics import MEASURES
from csindex.inference import packs, resampling, stack
from csindex.inference.resampling import STREAM_BLOCK, Plan, drawn_weights
from csindex.results.statistics import PATHS

SMALL = csi.Model(
    "small",
    (
        csi.reflective("quality", "OVERALLQ", "CUSTOMQ", "WRONGQ"),
        csi.reflective("value", "PQ", "QP"),
        csi.reflective("satisfaction", "SATIS", "CONFIRM", "IDEAL"),
    ),
    (("quality", "value"), ("quality", "satisfaction"), ("value", "satisfaction")),
    index="satisfaction",
)


def _survey(
    n: int = 120,
    weights: bool = False,
    strata: str | None = None,
    clusters: str | None = None,
) -> csi.Survey:
    frame = csi.load_dataset("retail").frame.iloc[:n]
    return csi.read_survey(
        frame,
        scale=(1, 10),
        missing=(98, 99),
        weights="weight" if weights else None,
        strata=strata,
        clusters=clusters,
    )


@pytest.fixture(scope="module")
def results() -> csi.Results:
    return csi.fit(SMALL, _survey())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("mode", ["A", "B"])
@pytest.mark.parametrize("scaled", [True, False])
def test_equals_a_loop(weighted: bool, mode: str, scaled: bool) -> None:
    estimator = csi.PLS(mode="A" if mode == "A" else "B", scaled=scaled)
    results = csi.fit(SMALL, _survey(weights=weighted), estimator)
    answers = results.answers
    assert answers is not None
    n = results.n
    indices = np.random.default_rng(5).integers(0, n, size=(40, n))
    boot = csi.bootstrap(results, indices=indices)
    weights = np.ones(n) if answers.weights is None else answers.weights
    for row, drawn in enumerate(indices):
        values, own = answers.values[drawn], weights[drawn]
        mean = np.average(values, axis=0, weights=own)
        cov = np.cov(values.T, aweights=own, ddof=0) * n / (n - 1)
        made = csi.Moments(SMALL.items, mean, cov, n, 1, 10)
        one = csi.fit(SMALL, made, estimator)
        assert_allclose(boot.replicates("paths")[row], one.paths["estimate"], atol=1e-9)
        # a negative weight refuses a score in a resample as it does in a fit
        scores = one.scores["score"]
        assert_allclose(boot.replicates("scores")[row], scores, atol=1e-7)
        found = csi.assess(one).reliability[list(MEASURES)].to_numpy().ravel()
        assert_allclose(boot.replicates("reliability")[row], found, atol=1e-9)
    used = boot.replicates("paths")
    assert_allclose(boot.paths["se"], used.std(axis=0, ddof=1))
    assert_allclose(boot.paths["low"], np.quantile(used, 0.025, axis=0))
    assert_allclose(boot.paths["high"], np.quantile(used, 0.975, axis=0))


def test_the_sample_itself_gives_the_estimate(results: csi.Results) -> None:
    indices = np.tile(np.arange(results.n), (40, 1))
    boot = csi.bootstrap(results, indices=indices)
    assert_allclose(boot.paths["low"], results.paths["estimate"], atol=1e-12)
    assert_allclose(boot.index["high"], results.index, atol=1e-9)
    assert_allclose(boot.index["se"], 0, atol=1e-9)


@pytest.mark.parametrize("size", [1, 7, 250, STREAM_BLOCK, 1024])
@pytest.mark.parametrize(
    ("strata", "clusters"), [(None, None), ("wave", None), (None, "region")]
)
def test_chunks_change_no_draw(
    size: int, strata: str | None, clusters: str | None
) -> None:
    survey = _survey(60, strata=strata, clusters=clusters)
    answers = survey.answers(SMALL.items)
    plan = Plan(600, 3)
    whole = np.concatenate(list(drawn_weights(answers, plan)))
    pieces = np.concatenate(list(drawn_weights(answers, plan, size)))
    assert whole.shape == (600, len(answers.values))
    assert_array_equal(whole, pieces)


def test_a_seed_fixes_every_number(results: csi.Results) -> None:
    first = csi.bootstrap(results, n=300, seed=9)
    again = csi.bootstrap(results, n=300, seed=9)
    other = csi.bootstrap(results, n=300, seed=10)
    pd.testing.assert_frame_equal(first.paths, again.paths, check_exact=True)
    assert (first.paths["se"] != other.paths["se"]).all()
    # a longer bootstrap begins with the shorter one
    longer = csi.bootstrap(results, n=512, seed=9).replicates("paths")
    assert_array_equal(longer[:256], first.replicates("paths")[:256])


def test_without_a_seed_the_drawn_one_is_kept(results: csi.Results) -> None:
    boot = csi.bootstrap(results, n=100, seed=None)
    again = csi.bootstrap(results, n=100, seed=int(boot.settings["seed"]))
    pd.testing.assert_frame_equal(boot.paths, again.paths, check_exact=True)


def test_strata_keep_their_sizes() -> None:
    answers = _survey(200, strata="region").answers(SMALL.items)
    counts = np.concatenate(list(drawn_weights(answers, Plan(50, 1))))
    assert answers.strata is not None
    for stratum in np.unique(answers.strata):
        members = answers.strata == stratum
        assert_allclose(counts[:, members].sum(axis=1), members.sum())


def test_clusters_are_drawn_whole() -> None:
    frame = (
        csi.load_dataset("retail")
        .frame.iloc[:200]
        .assign(shop=lambda f: np.arange(len(f)) // 5)
    )
    survey = csi.read_survey(frame, scale=(1, 10), missing=(98, 99), clusters="shop")
    answers = survey.answers(SMALL.items)
    counts = np.concatenate(list(drawn_weights(answers, Plan(50, 1))))
    assert answers.clusters is not None
    for shop in np.unique(answers.clusters):
        members = counts[:, answers.clusters == shop]
        assert (members == members[:, :1]).all()
    assert (
        "whole clusters"
        in csi.bootstrap(csi.fit(SMALL, survey), 100).settings["resamples"]
    )


def test_equal_weights_change_nothing(results: csi.Results) -> None:
    frame = csi.load_dataset("retail").frame.iloc[:120].assign(same=2.5)
    survey = csi.read_survey(frame, scale=(1, 10), missing=(98, 99), weights="same")
    weighted = csi.bootstrap(csi.fit(SMALL, survey), n=200)
    plain = csi.bootstrap(results, n=200)
    assert_allclose(weighted.paths["se"], plain.paths["se"], atol=1e-12)


def test_signs_are_aligned_once_per_construct(results: csi.Results) -> None:
    estimates = results.estimates
    turned = estimates.turned(np.array([-1.0, 1.0, 1.0]))
    assert (turned.paths[1:, 0] == -estimates.paths[1:, 0]).all()
    back = turned.aligned(estimates)
    for name in ("weights", "loadings", "paths", "construct_corr"):
        assert_array_equal(getattr(back, name), getattr(estimates, name))


def test_intervals_of_weak_paths_contain_zero() -> None:
    # folding each statistic's sign would push them off zero, as a peer does
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd"))
    frame["b"] += frame["a"]
    frame["d"] += frame["c"]
    model = csi.Model(
        "weak",
        (csi.reflective("x", "a", "b"), csi.reflective("y", "c", "d")),
        (("x", "y"),),
    )
    results = csi.fit(model, csi.read_survey(frame))
    row = csi.bootstrap(results, n=2000).paths.iloc[0]
    assert row["low"] < 0 < row["high"]
    assert row["p"] > 0.05


def test_p_values_are_two_sided(results: csi.Results) -> None:
    boot = csi.bootstrap(results, n=999)
    values = boot.replicates("paths")
    for k, p in enumerate(boot.paths["p"]):
        beyond = min((values[:, k] <= 0).sum(), (values[:, k] >= 0).sum())
        assert_allclose(p, min(1.0, 2 * (beyond + 1) / 1000))


def test_lost_resamples_are_counted() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.integers(1, 11, size=(30, 3)), columns=list("abc"))
    frame["d"] = [1] + [0] * 29  # constant in (29/30)**30 = 36 % of the resamples
    model = csi.Model(
        "rare",
        (csi.reflective("x", "a", "b", "c"), csi.reflective("y", "d")),
        (("x", "y"),),
    )
    boot = csi.bootstrap(csi.fit(model, csi.read_survey(frame)), n=2000)
    counts = boot.counts
    assert counts["requested"] == 2000
    assert counts["used"] + counts["not_converged"] + counts["inadmissible"] == 2000
    assert 0.31 < counts["inadmissible"] / 2000 < 0.41
    assert len(boot.replicates("paths")) == counts["used"]
    assert f"{counts['inadmissible']} inadmissible" in boot.settings["failed resamples"]
    assert boot.paths[["se", "low", "high"]].notna().all().all()


def test_any_statistic(results: csi.Results) -> None:
    boot = csi.bootstrap(results, n=200)
    again = boot.of(lambda estimates: estimates.paths[..., 2, :2])
    both = boot.paths.iloc[1:][["estimate", "se", "t", "low", "high", "p"]]
    assert_allclose(again, both, atol=1e-12)
    labelled = boot.of(PATHS)
    assert labelled["target"].tolist() == boot.paths["target"].tolist()
    difference = boot.of(lambda e: e.paths[..., 2, 0] - e.paths[..., 2, 1])
    assert difference.shape == (1, 6)
    with pytest.raises(csi.SpecificationError, match="keep the batch axis"):
        boot.of(lambda e: e.paths[0])


def test_everything_has_an_interval(results: csi.Results) -> None:
    boot = csi.bootstrap(results, n=200)
    tables = [
        boot.paths, boot.total_effects, boot.indirect_effects, boot.loadings,
        boot.weights, boot.r_squared, boot.reliability, boot.htmt,
    ]  # fmt: skip
    for table in tables:
        inside = (table["low"] <= table["estimate"]) & (
            table["estimate"] <= table["high"]
        )
        assert inside.mean() > 0.9
    assert boot.importance.shape == (2, 11)
    assert boot.index.index.tolist() == ["estimate", "se", "low", "high"]
    assert {"score", "se", "low", "high"} <= set(boot.scores.columns)


def test_groups_draw_independently() -> None:
    survey = csi.load_dataset("retail")
    frame = pd.concat(
        [survey.frame.iloc[:120].assign(half=half) for half in ("a", "b")]
    )
    twins = csi.read_survey(frame, scale=(1, 10), missing=(98, 99))
    boot = csi.bootstrap(csi.fit(SMALL, twins, by="half"), n=200)
    table = boot.index
    assert table.index.tolist() == ["a", "b"]
    assert table["estimate"].iloc[0] == pytest.approx(table["estimate"].iloc[1])
    assert table["se"].iloc[0] != table["se"].iloc[1]
    assert_allclose(boot["a"].index["low"], table.loc["a", "low"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": "magic"}, "unknown interval 'magic'"),
        ({"level": 1.5}, "between 0 and 1"),
        ({"level": "x"}, "level must be a number"),
        ({"seed": -1}, "seed must be a whole number of 0 or more, not -1"),
        ({"n": 100.5}, "n must be a whole number"),
        ({"interval": "studentized", "inner": 2.5}, "inner must be a whole number"),
        ({"indices": np.zeros((0, 5), dtype=int)}, "whole numbers from 0 to"),
        ({"n": 20}, "20 resamples are too few for level 0.95; use at least 40"),
        ({"indices": np.full((50, 10), 500)}, "whole numbers from 0 to"),
        ({"indices": np.zeros((50, 10))}, "whole numbers"),
    ],
)
def test_options_are_checked(
    results: csi.Results, options: dict[str, object], message: str
) -> None:
    with pytest.raises(csi.SpecificationError, match=message):
        csi.bootstrap(results, **options)  # type: ignore[call-overload]


def test_moments_cannot_be_resampled(results: csi.Results) -> None:
    made = csi.fit(SMALL, results.moments)
    with pytest.raises(csi.DataError, match="fit the survey itself"):
        csi.bootstrap(made)


def test_a_refused_score_has_no_interval(results: csi.Results) -> None:
    unknown = replace(results.moments, high=np.full(8, np.nan))
    no_scale = replace(results, estimates=replace(results.estimates, moments=unknown))
    boot = csi.bootstrap(no_scale, n=100)
    assert boot.scores[["score", "se", "low", "high"]].isna().all().all()
    with pytest.raises(csi.SpecificationError, match="no index"):
        _ = boot.index


def _rare() -> csi.Results:
    """Return a fit where a third of the resamples has an item without variance."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.integers(1, 11, size=(30, 3)), columns=list("abc"))
    frame["d"] = [1] + [0] * 29
    model = csi.Model(
        "rare",
        (csi.reflective("x", "a", "b", "c"), csi.reflective("y", "d")),
        (("x", "y"),),
    )
    return csi.fit(model, csi.read_survey(frame))


def test_lost_resamples_are_replaced() -> None:
    results = _rare()
    replaced = csi.bootstrap(results, n=600, failed="replace")
    assert replaced.counts["used"] == 600
    assert replaced.counts["inadmissible"] > 100
    # they are the first 600 that can be used of a longer bootstrap
    longer = csi.bootstrap(results, n=1500).replicates("paths")
    assert_array_equal(replaced.replicates("paths"), longer[:600])
    own = replaced.of(lambda e: e.paths[..., 1, 0])
    assert_allclose(own["se"], replaced.paths["se"])


def test_unconverged_resamples_are_kept_if_asked(results: csi.Results) -> None:
    hasty = replace(results, estimator=csi.PLS(max_iterations=3))
    with pytest.raises(
        csi.DataError, match=r"could be estimated; \d+ did not converge"
    ):
        csi.bootstrap(hasty, n=100)
    kept = csi.bootstrap(hasty, n=100, failed="keep")
    assert kept.counts["used"] == 100
    assert kept.counts["not_converged"] > 60


def test_a_hopeless_replacement_ends() -> None:
    results = _rare()
    hasty = replace(results, estimator=csi.PLS(max_iterations=1))
    with pytest.raises(csi.DataError, match="too unstable"):
        csi.bootstrap(hasty, n=100, failed="replace")


@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
def test_named_alternatives(results: csi.Results, alternative: str) -> None:
    boot = csi.bootstrap(results, n=199)
    values = boot.replicates("HTMT")
    p = boot.p_values("HTMT", alternative, null=0.9)  # type: ignore[arg-type]
    below = ((values <= 0.9).sum(axis=0) + 1) / 200
    above = ((values >= 0.9).sum(axis=0) + 1) / 200
    expected = {
        "greater": below,
        "less": above,
        "two-sided": np.minimum(1, 2 * np.minimum(below, above)),
    }[alternative]
    assert_allclose(p, expected)
    assert alternative in str(p.name)
    with pytest.raises(csi.SpecificationError, match="unknown alternative 'more'"):
        boot.p_values(alternative="more")  # type: ignore[arg-type]


def test_differences_of_groups() -> None:
    survey = csi.load_dataset("retail")
    boot = csi.bootstrap(csi.fit(SMALL, survey, by="wave"), n=400)
    row = boot.differences.iloc[0]
    index = boot.index
    assert [row["first"], row["second"]] == [2025, 2026]
    assert row["estimate"] == pytest.approx(-np.diff(index["estimate"]).item())
    # independent samples: variances add up, to Monte Carlo error
    assert row["se"] == pytest.approx(np.hypot(*index["se"]), rel=0.15)
    assert row["low"] < row["estimate"] < row["high"]


def test_one_unit_in_a_stratum_has_no_variance() -> None:
    frame = (
        csi.load_dataset("retail")
        .frame.iloc[:60]
        .assign(stratum=lambda f: np.where(np.arange(len(f)) == 7, "lone", "rest"))
    )
    survey = csi.read_survey(frame, scale=(1, 10), missing=(98, 99), strata="stratum")
    with pytest.raises(csi.DataError, match="1 of 2 strata have one sampling unit"):
        csi.bootstrap(csi.fit(SMALL, survey), n=100)


def test_rescaling_makes_variances_of_means_unbiased() -> None:
    # thirty strata of two clusters: without rescaling, half of the variance is lost
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"stratum": np.repeat(np.arange(30), 20), "shop": np.repeat(np.arange(60), 10)}
    )
    effect = rng.normal(0, 1, 60)[frame["shop"]]
    frame["a"] = effect + rng.normal(size=600)
    frame["b"] = frame["a"] + rng.normal(size=600)
    model = csi.Model(
        "m", (csi.reflective("x", "a"), csi.reflective("y", "b")), (("x", "y"),), "x"
    )
    survey = csi.read_survey(frame, scale=(-20, 20), strata="stratum", clusters="shop")
    boot = csi.bootstrap(csi.fit(model, survey), n=4000)
    totals = frame.groupby(["stratum", "shop"])["a"].sum().to_numpy().reshape(30, 2)
    # the textbook's variance of a stratified mean of cluster totals
    variance = (np.diff(totals, axis=1) ** 2).sum() / 600**2
    # 4000 resamples: 1.1 % Monte Carlo error of a standard error
    assert_allclose(boot.index["se"], 100 / 40 * np.sqrt(variance), rtol=0.05)


def test_counts_of_many_respondents_are_as_of_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = _survey(60).answers(SMALL.items)
    few = np.concatenate(list(drawn_weights(answers, Plan(300, 3))))
    monkeypatch.setattr(resampling, "_MANY_UNITS", 10)
    many = np.concatenate(list(drawn_weights(answers, Plan(300, 3))))
    assert_array_equal(few, many)
    assert_array_equal(few.sum(axis=1), len(answers.values))


def test_an_interrupted_run_tells_how_far_it_came(
    results: csi.Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resampling, "CHUNK", STREAM_BLOCK)
    made = stack.collected
    calls = iter(range(10))

    def stopped(*given: object) -> stack.Collected:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return made(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(stack, "THREADS", 1)
    monkeypatch.setattr(stack, "collected", stopped)
    with pytest.raises(
        KeyboardInterrupt, match="interrupted after 512 estimates, of which 512 could"
    ):
        csi.bootstrap(results, n=2000)


def test_an_interrupted_run_of_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = csi.fit(SMALL, _survey(400), by="region")

    def stopped(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(packs, "collected", stopped)
    with pytest.raises(KeyboardInterrupt, match=r"after the bootstraps of 0 of \d"):
        csi.bootstrap(fitted, n=300)


def test_groups_that_failed_are_in_the_table() -> None:
    survey = _survey(400)
    frame = survey.frame.assign(branch=["a"] * 200 + ["b"] * 197 + ["c"] * 3)
    own = replace(survey, frame=frame)
    with pytest.warns(csi.AnswersWarning, match="without results"):
        fitted = csi.fit(SMALL, own, by="branch")
    table = csi.bootstrap(fitted, n=300).index
    assert list(table.index) == ["a", "b", "c"]
    assert table.index.name == "branch"
    assert table.loc[["a", "b"], "note"].eq("").all()
    assert table.loc["c", ["estimate", "se", "low", "high"]].isna().all()
    assert table.loc["c", "n"] == 0
    assert table.loc["c", "note"] == fitted.failures["c"]
    for label in ("a", "b"):
        alone = csi.bootstrap(fitted, n=300).members[label].scores.iloc[-1]
        assert_allclose(
            table.loc[label, ["estimate", "se", "low", "high"]].to_numpy(dtype=float),
            alone[["score", "se", "low", "high"]].to_numpy(dtype=float),
        )
