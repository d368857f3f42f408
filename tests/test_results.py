"""Results: the index and its conventions, labels, groups, and how they print."""

from __future__ import annotations

from html import escape
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.scoring import item_shares

ITEMS = csi.acsi().items


@pytest.fixture(scope="module")
def retail() -> csi.Survey:
    return csi.load_dataset("retail")


@pytest.fixture(scope="module")
def results(retail: csi.Survey) -> csi.Results:
    return csi.fit(csi.acsi(), retail)


@pytest.fixture(scope="module")
def by_company(retail: csi.Survey) -> csi.GroupResults:
    return csi.fit(csi.acsi(), retail, by="company")


def _two_blocks(cov: np.ndarray, mean: list[float]) -> csi.Results:
    """Fit two constructs of three items and one."""
    model = csi.Model(
        "two",
        (csi.reflective("a", "x", "y", "z"), csi.reflective("b", "w")),
        (("a", "b"),),
        index="a",
    )
    return csi.fit(model, csi.Moments(["x", "y", "z", "w"], mean, cov, 100, 1, 10))


def test_index_by_hand() -> None:
    # weights in proportion .4, .3, .3: 100 (.4 * 7 + .3 * 6 + .3 * 6.5) / 9
    target = np.array([0.4, 0.3, 0.3])
    cov = np.eye(4)
    cov[3, :3] = cov[:3, 3] = target  # mode A weights follow these covariances
    results = _two_blocks(cov, [8, 7, 7.5, 5])
    assert_allclose(results.weights["share"][:3], target, atol=1e-12)
    assert_allclose(results.index, 100 * 6.55 / 9, atol=1e-10)
    assert_allclose(results.index, 72.778, atol=5e-4)


def test_weights_are_divided_by_standard_deviations() -> None:
    cov = np.eye(4)
    cov[3, :3] = cov[:3, 3] = 0.3
    spread = np.array([1.0, 2.0, 4.0, 1.0])
    results = _two_blocks(cov * np.outer(spread, spread), [5, 5, 5, 5])
    assert_allclose(results.weights["estimate"][:3], np.full(3, 3**-0.5), atol=1e-9)
    assert_allclose(results.weights["share"][:3], np.array([4, 2, 1]) / 7, atol=1e-9)


def test_scores_are_the_weighted_means_of_respondents(
    retail: csi.Survey, results: csi.Results
) -> None:
    own = results.respondent_scores()
    assert results.answers is not None
    weights = results.answers.weights
    assert weights is not None
    means = np.average(own, axis=0, weights=weights)
    scores = results.scores.set_index("construct")
    assert_allclose(means, scores["score"], atol=1e-10)
    n = len(own)
    variance = np.average((own - means) ** 2, axis=0, weights=weights) * n / (n - 1)
    assert_allclose(np.sqrt(variance), scores["sd"], atol=1e-10)
    assert own.index.isin(retail.frame.index).all()
    assert own.to_numpy().min() >= 0
    assert own.to_numpy().max() <= 100


def test_shares_sum_to_one(results: csi.Results) -> None:
    sums = results.weights.groupby("construct")["share"].sum()
    assert_allclose(sums, 1.0, atol=1e-12)
    assert_allclose(item_shares(results.estimates).sum(), 6, atol=1e-12)


def test_a_negative_weight_refuses_the_score() -> None:
    cov = np.eye(4)
    cov[3, :3] = cov[:3, 3] = [0.5, 0.4, -0.2]
    results = _two_blocks(cov, [8, 7, 7.5, 5])
    with pytest.raises(csi.SpecificationError, match=r"weight of 'z' is negative.*rev"):
        _ = results.index
    scores = results.scores.set_index("construct")
    assert np.isnan(scores.loc["a", "score"])
    assert not np.isnan(scores.loc["b", "score"])


def test_without_a_scale_there_is_no_index() -> None:
    frame = csi.load_dataset("retail").frame
    survey = csi.read_survey(frame, missing=(98, 99))
    results = csi.fit(csi.acsi(), survey)
    with pytest.raises(csi.SpecificationError, match=r"scale of 'SATIS'.*scale="):
        _ = results.index
    # complaints have the scale of the instrument
    assert results.scores["score"].notna().tolist() == [False] * 4 + [True, False]


def test_a_model_without_index() -> None:
    model = csi.Model(
        "m",
        (csi.reflective("a", "SATIS"), csi.reflective("b", "REPUR")),
        (("a", "b"),),
    )
    results = csi.fit(model, csi.load_dataset("retail"))
    with pytest.raises(csi.SpecificationError, match="names no index"):
        _ = results.index
    assert len(str(results.summary())) > 0


def test_total_effects_are_sums_over_routes(results: csi.Results) -> None:
    paths = results.paths.set_index(["source", "target"])["estimate"]
    total = results.total_effects.set_index(["source", "target"])["estimate"]
    indirect = results.indirect_effects.set_index(["source", "target"])["estimate"]
    by_value = paths["quality", "value"] * paths["value", "satisfaction"]
    assert_allclose(indirect["quality", "satisfaction"], by_value, atol=1e-12)
    direct = paths["quality", "satisfaction"]
    assert_allclose(total["quality", "satisfaction"], direct + by_value, atol=1e-12)
    assert ("quality", "value") not in indirect.index


def test_groups_are_fitted_as_if_alone(
    retail: csi.Survey, by_company: csi.GroupResults
) -> None:
    book = retail.codebook
    for company, fitted in by_company.members.items():
        alone = csi.read_survey(
            retail.frame[retail.frame["company"] == company], codebook=book
        )
        expected = csi.fit(csi.acsi(), alone)
        assert_allclose(fitted.index, expected.index, atol=1e-9)
        assert_allclose(fitted.paths["estimate"], expected.paths["estimate"], atol=1e-9)


def test_group_views(by_company: csi.GroupResults, results: csi.Results) -> None:
    assert len(by_company) == 8
    assert by_company.index.index.name == "company"
    assert by_company.index.is_monotonic_decreasing is False
    assert_allclose(by_company.overall.index, results.index, atol=1e-9)
    assert len(by_company.paths) == 8 * 9
    assert by_company["Alder"].group == "company Alder"
    with pytest.raises(csi.DataError, match="did you mean 'Alder'"):
        by_company["Aldr"]


def test_a_numeric_group_is_found_by_its_text(retail: csi.Survey) -> None:
    waves = csi.fit(csi.acsi(), retail, by="wave")
    assert waves["2025"] is waves[2025]


def test_index_and_settings_of_raw_and_standardised(retail: csi.Survey) -> None:
    raw = csi.fit(csi.acsi(), retail, csi.PLS(scaled=False, scheme="centroid"))
    assert raw.settings["metric"] == "raw items"
    assert raw.settings["inner weighting scheme"] == "centroid"
    assert raw.settings["weights"] == "weight"
    assert raw.settings["missing codes"] == "98, 99"


def test_sample_flow(results: csi.Results) -> None:
    assert results.sample_flow["read"] == 4000
    assert results.sample_flow["used"] == results.n == 3251


@pytest.mark.parametrize("name", ["acsi", "ecsi_mobi"])
def test_summary_fits_a_terminal(name: str, results: csi.Results) -> None:
    if name == "ecsi_mobi":
        model = csi.ecsi_mobi()
        p = len(model.items)
        cov = np.full((p, p), 0.5) + 0.5 * np.eye(p)
        results = csi.fit(model, csi.Moments(model.items, np.full(p, 7.0), cov, 250))
    text = str(results.summary())
    assert max(map(len, text.splitlines())) <= 80
    assert repr(results.summary()) == text


def test_html_card_escapes_names() -> None:
    frame = pd.DataFrame(np.random.default_rng(1).normal(size=(50, 2)))
    frame.columns = pd.Index(["<script>", "b"])
    model = csi.Model(
        "<b>m</b>",
        (csi.reflective("<i>a</i>", "<script>"), csi.reflective("b", "b")),
        (("<i>a</i>", "b"),),
    )
    html = csi.fit(model, frame)._repr_html_()
    assert "<script>" not in html
    assert "<i>a" not in html
    assert "<b>m" not in html


def test_moments_give_results_without_respondents() -> None:
    results = _two_blocks(np.eye(4) + 0.3, [8, 7, 7.5, 5])
    with pytest.raises(csi.DataError, match="made from moments"):
        results.respondent_scores()
    assert results.settings["data"] == "moments"


def test_not_converged_is_a_warning(retail: csi.Survey) -> None:
    with pytest.warns(csi.ConvergenceWarning, match="did not converge in 1 iteration"):
        results = csi.fit(csi.acsi(), retail, csi.PLS(max_iterations=1))
    assert not results.converged
    assert "NOT converged" in str(results.summary())


def test_identical_items_are_named() -> None:
    frame = csi.load_dataset("retail").frame.assign(AGAIN=lambda f: f["SATIS"])
    survey = csi.read_survey(frame, scale=(1, 10), missing=(98, 99))
    model = csi.acsi().with_items(satisfaction=["SATIS", "AGAIN", "IDEAL"])
    with pytest.raises(csi.DataError, match=r"SATIS and AGAIN.*say the same"):
        csi.fit(model, survey, csi.PLS(mode="B"))
    # mode A has weights all the same
    with pytest.warns(csi.AnswersWarning, match="SATIS and AGAIN' say the same"):
        assert csi.fit(model, survey).converged


def test_a_group_without_an_index_leaves_the_others_theirs() -> None:
    survey = csi.load_dataset("retail")
    frame = survey.frame.iloc[:400].assign(half=lambda f: np.arange(len(f)) % 2)
    # in the second half one item of satisfaction runs against the others
    second = frame["half"] == 1
    frame.loc[second, "CONFIRM"] = 11 - frame.loc[second, "SATIS"].clip(1, 10)
    halves = csi.read_survey(frame, codebook=survey.codebook)
    with pytest.warns(csi.AnswersWarning, match="half 1: items 'SATIS and CONFIRM'"):
        fitted = csi.fit(csi.acsi(), halves, by="half")
    assert fitted.index.notna().tolist() == [True, False]
    boot = csi.bootstrap(fitted, n=100)
    assert boot.index["low"].notna().tolist() == [True, False]
    with pytest.raises(csi.SpecificationError, match="weight of 'CONFIRM' is negative"):
        _ = fitted[1].index


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e4])
def test_dependent_items_are_found_in_any_unit(factor: float) -> None:
    frame = csi.load_dataset("retail").frame.query("COMP < 2").iloc[:300]
    frame = frame[["SATIS", "CONFIRM", "REPUR"]].where(lambda f: f < 11).dropna()
    frame = frame.assign(BOTH=frame["SATIS"] + frame["CONFIRM"]) * factor
    model = csi.Model(
        "m",
        (
            csi.reflective("satisfaction", "SATIS", "CONFIRM", "BOTH"),
            csi.reflective("loyalty", "REPUR"),
        ),
        (("satisfaction", "loyalty"),),
    )
    for scaled in (True, False):
        with pytest.raises(csi.DataError, match="items of 'satisfaction' are linearly"):
            csi.fit(model, frame, csi.PLS(mode="B", scaled=scaled))
    fine = model.with_items(satisfaction=["SATIS", "CONFIRM"])
    assert csi.fit(fine, frame, csi.PLS(mode="B", scaled=False)).converged


@pytest.mark.parametrize("estimator", [csi.PLS, "PLS"])
def test_an_estimator_must_be_one(estimator: object) -> None:
    with pytest.raises(csi.SpecificationError, match=r"an estimator, as csi.PLS\(\)"):
        csi.fit(csi.acsi(), csi.load_dataset("retail"), estimator)  # type: ignore[call-overload]


def test_effects_along_routes_add_up_to_the_indirect_effects(
    results: csi.Results,
) -> None:
    specific = results.specific_indirect_effects
    sums = specific.groupby(["source", "target"])["estimate"].sum()
    indirect = results.indirect_effects.set_index(["source", "target"])["estimate"]
    assert len(sums) == len(indirect)
    assert_allclose(sums[indirect.index], indirect, atol=1e-12)
    # expectation reaches loyalty in eight ways, four of them by complaints
    ways = specific.query("source == 'expectation' and target == 'loyalty'")
    assert len(ways) == 8
    assert ways["route"].str.contains("complaints").sum() == 4


def test_the_effective_sample_of_weights(retail: csi.Survey) -> None:
    results = csi.fit(csi.acsi(), retail)
    assert results.answers is not None
    weights = results.answers.weights
    assert weights is not None
    cv = weights.std() / weights.mean()
    assert_allclose(results.effective_n, results.n / (1 + cv**2))
    again = csi.fit(csi.acsi(), results.moments)
    assert_allclose(again.effective_n, results.effective_n)


def test_moments_outside_their_scale_are_refused() -> None:
    with pytest.raises(csi.DataError, match=r"mean of 'w', 20, lies outside its scale"):
        _two_blocks(np.eye(4) + 0.3, [8, 7, 7.5, 20])


def test_grouped_fits_without_an_index_print(retail: csi.Survey) -> None:
    model = csi.Model(
        "m",
        (csi.reflective("a", "SATIS"), csi.reflective("b", "REPUR")),
        (("a", "b"),),
    )
    waves = csi.fit(model, retail, by="wave")
    assert "2025: n = " in repr(waves)
    assert "resamples used" in repr(csi.bootstrap(waves, n=50))


@pytest.mark.parametrize(
    "call", [csi.assess, csi.importance_performance, csi.linearized, csi.jackknife]
)
def test_one_fit_is_asked_for(call: object, by_company: csi.GroupResults) -> None:
    assert callable(call)
    with pytest.raises(csi.SpecificationError, match=r"results\['Alder'\]"):
        call(by_company)
    with pytest.raises(csi.SpecificationError, match="not NoneType"):
        call(None)


def test_everyone_of_a_pairwise_fit_is_counted(retail: csi.Survey) -> None:
    results = csi.fit(csi.acsi(), retail, incomplete="pairwise")
    assert results.sample_flow["used"] == 4000
    assert "n = 4000 |" in str(results.summary())


def test_pls_needs_paths(retail: csi.Survey) -> None:
    model = csi.read_model("quality =~ OVERALLQ + CUSTOMQ\nvalue =~ PQ + QP")
    with pytest.raises(csi.SpecificationError, match="has no paths; PLS cannot"):
        csi.fit(model, retail)


def test_bootstrap_asks_for_results() -> None:
    with pytest.raises(csi.SpecificationError, match="bootstrap needs results"):
        csi.bootstrap(None)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("estimator", "told"), [("ML", "chi-square "), ("MLR", "scaled chi-square ")]
)
def test_summary_of_a_covariance_structure(
    retail: csi.Survey, estimator: Literal["ML", "MLR"], told: str
) -> None:
    model = csi.acsi().without("quality", "complaints").with_items(loyalty=["REPUR"])
    frame = retail.frame[list(model.items)].query("SATIS <= 10")
    plain = csi.read_survey(frame, scale=(1, 10), missing=(98, 99))
    results = csi.fit(model, plain, csi.CBSEM(estimator))
    lines = str(results.summary()).splitlines()
    line = next(line for line in lines[3:5] if line.startswith(told))
    value = results.fit_measures["chisq" if estimator == "ML" else "chisq_scaled"]
    assert line.startswith(f"{told}{value:.2f}, df {results.fit_measures['df']:.0f}")
    assert max(map(len, lines)) <= 80
    assert escape(line.split(" |")[0]) in results._repr_html_()
