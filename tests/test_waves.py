"""Change between waves, and many tests at once."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.inference.multiplicity import benjamini_hochberg, holm
from csindex.inference.waves import index_change, index_changes, two_sided
from csindex.survey import Survey

# Benjamini & Hochberg (1995), section 3.2: 15 p-values in order
PUBLISHED = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
PUBLISHED += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]


@pytest.fixture(scope="module")
def retail() -> csi.Survey:
    return csi.load_dataset("retail")


def wave(survey: csi.Survey, year: int) -> csi.Survey:
    frame = survey.frame[survey.frame["wave"] == year]
    return Survey(frame.reset_index(drop=True), survey.codebook, f"wave {year}")


@pytest.fixture(scope="module")
def fits(retail: csi.Survey) -> tuple[csi.Results, csi.Results]:
    first, second = (csi.fit(csi.acsi(), wave(retail, y)) for y in (2025, 2026))
    return first, second


def moments(mean: list[float], sd: list[float], r: float) -> csi.Moments:
    """Return moments of four items: two of satisfaction, two of loyalty."""
    corr = np.full((4, 4), 0.4)
    corr[:2, :2], corr[2:, 2:] = r, 0.6
    np.fill_diagonal(corr, 1)
    spread = np.array(sd)
    cov = corr * spread[:, None] * spread
    return csi.Moments(["s1", "s2", "l1", "l2"], mean, cov, 300, low=1, high=10)


SMALL = csi.Model(
    "small",
    (csi.reflective("satisfaction", "s1", "s2"), csi.reflective("loyalty", "l1", "l2")),
    (("satisfaction", "loyalty"),),
    index="satisfaction",
)


def test_a_change_by_hand() -> None:
    """Equal correlations: weights are alike, so shares go with 1 / sd."""
    before = csi.fit(SMALL, moments([7, 6, 5, 5], [2, 2, 2, 2], 0.7))
    after = csi.fit(SMALL, moments([7.9, 6, 5, 5], [1, 3, 2, 2], 0.7))
    change = index_change(before, after)
    x = np.array([[600, 500], [690, 500]]) / 9
    v = np.array([[1 / 2, 1 / 2], [3 / 4, 1 / 4]])
    assert_allclose(change.before, 550 / 9)
    assert_allclose(change.after, (v[1] * x[1]).sum())
    assert_allclose(change.from_means, 0.625 * 10)
    assert_allclose(change.from_weights, 0.25 * (645 - 500) / 9)
    # the score's sd: half points of two items with r = .7, over sqrt(300)
    points = 100 / 9 * np.array([[1, 1], [0.75, 0.75]])
    errors = [np.sqrt((p**2).sum() + 2 * 0.7 * p.prod()) for p in points]
    assert_allclose(change.se, np.hypot(*errors) / np.sqrt(300))
    assert_allclose(change.z, change.estimate / change.se)
    assert "weights as given" in change.se_source


def test_the_parts_add_up(fits: tuple[csi.Results, csi.Results]) -> None:
    change = index_change(*fits)
    assert_allclose(change.from_means + change.from_weights, change.estimate)
    assert_allclose(change.estimate, fits[1].index - fits[0].index)
    variances = []
    for fit in fits:
        assert fit.answers is not None
        own = fit.answers.weights
        assert own is not None
        score = fit.respondent_scores()["satisfaction"].to_numpy()
        spread = (own * (score - fit.index) ** 2).sum() / own.sum()
        variances.append(spread * (own**2).sum() / own.sum() ** 2)
    # the variance's divisor n - 1 is all that differs
    assert_allclose(change.se, np.sqrt(sum(variances)), rtol=1e-3)
    back = index_change(*fits[::-1])
    assert_allclose([back.estimate, back.z], [-change.estimate, -change.z])
    assert_allclose(back.from_weights, -change.from_weights)
    assert index_change(fits[0], fits[0]).p == 1


def test_z_test_has_the_right_level() -> None:
    """Two samples of one population: about 5 percent of p-values below .05."""
    rng = np.random.default_rng(11)
    made = moments([7, 6, 5, 5], [2, 2, 2, 2], 0.7)
    p_values = []
    for _ in range(300):
        drawn = rng.multivariate_normal(made.mean, made.cov, size=(2, 200))
        first, second = (
            csi.fit(
                SMALL,
                csi.Moments(
                    made.names, x.mean(axis=0), np.cov(x.T), 200, low=1, high=10
                ),
            )
            for x in drawn
        )
        p_values.append(index_change(first, second).p)
    rejected = np.mean(np.array(p_values) < 0.05)
    # binomial error of 300 tests: 1.3 percent
    assert 0.015 < rejected < 0.09


def test_bootstrapped_errors(fits: tuple[csi.Results, csi.Results]) -> None:
    first, second = (csi.bootstrap(f, n=300, seed=k) for k, f in enumerate(fits))
    change = index_change(first, second, level=0.9)
    assert_allclose(change.se, np.hypot(first.index["se"], second.index["se"]))
    assert_allclose(change.high - change.low, 2 * 1.644854 * change.se, rtol=1e-6)
    assert change.se_source == "bootstrap"
    # the weights add little to the uncertainty
    assert_allclose(change.se, index_change(*fits).se, rtol=0.2)


def test_other_sampling_errors(fits: tuple[csi.Results, csi.Results]) -> None:
    errors = [csi.linearized(fit) for fit in fits]
    change = index_change(errors[0], fits[1])
    own = index_change(*fits)
    assert_allclose(change.se, own.se, rtol=0.1)
    assert change.se_source == f"{errors[0].method}, weights as given, s / sqrt(n)"


def test_many_companies(retail: csi.Survey) -> None:
    first, second = (
        csi.fit(csi.acsi(), wave(retail, year), by="company") for year in (2025, 2026)
    )
    table = index_changes(first, second, adjust="bh")
    assert table["company"].tolist() == [str(label) for label in first.members]
    name = table["company"].iloc[0]
    alone = index_change(first[name], second[name])
    row = table.iloc[0]
    assert_allclose(row[["estimate", "p"]].astype(float), [alone.estimate, alone.p])
    assert_allclose(table["p_adjusted"], benjamini_hochberg(table["p"]))
    assert_allclose(index_changes(first, second)["p_adjusted"], holm(table["p"]))
    assert_allclose(
        index_changes(first, second, adjust="none")["p_adjusted"], table["p"]
    )
    gone = dict(list(second.members.items())[1:])
    short = index_changes(first, {str(k): fit for k, fit in gone.items()})
    assert short["note"].tolist()[0] == "no fit in the second wave"
    assert short.loc[0, ["estimate", "p_adjusted"]].isna().all()
    assert_allclose(short["p_adjusted"][1:], holm(table["p"][1:]))


def test_a_company_without_index_says_why(
    fits: tuple[csi.Results, csi.Results],
) -> None:
    bare = csi.fit(csi.acsi(), csi.Moments(*_scaleless(fits[0].moments)))
    table = index_changes({"A": fits[0], "B": fits[0]}, {"A": fits[1], "B": bare})
    assert table["note"].tolist()[0] == ""
    assert table["note"].tolist()[1].startswith("no index in the second wave: the ans")
    assert_allclose(table["p_adjusted"][:1], table["p"][:1])


def _scaleless(made: csi.Moments) -> tuple[Any, ...]:
    return made.names, made.mean, made.cov, made.n


@pytest.mark.reference
def test_published_rejections() -> None:
    """At .05 Benjamini-Hochberg finds four, Holm three of the 15 published tests."""
    assert int((benjamini_hochberg(PUBLISHED) <= 0.05).sum()) == 4
    assert int((holm(PUBLISHED) <= 0.05).sum()) == 3


@pytest.mark.parametrize("rule", [holm, benjamini_hochberg])
def test_adjusted_values_by_their_definition(rule: Any) -> None:
    """The smallest level at which the stepwise procedure rejects each hypothesis."""
    p = np.random.default_rng(2).uniform(size=6) ** 3
    levels = np.linspace(0, 1, 20001)[1:]
    expected = np.ones(6)
    order = np.argsort(p)
    for level in levels[::-1]:
        for position in _rejected(rule, p[order], level):
            expected[order[position]] = level
    assert_allclose(rule(p), expected, atol=1e-4)


def _rejected(rule: Any, ordered: np.ndarray, level: float) -> range:
    size = len(ordered)
    if rule is holm:
        passed = ordered <= level / (size - np.arange(size))
        return range(size if passed.all() else int(np.argmin(passed)))
    passed = ordered <= level * np.arange(1, size + 1) / size
    return range(int(np.flatnonzero(passed).max()) + 1 if passed.any() else 0)


@pytest.mark.reference
@pytest.mark.parametrize(
    ("rule", "name"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")]
)
def test_adjustments_are_statsmodels(rule: Any, name: str) -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    for p in (PUBLISHED, [0.04, 0.01, 0.01, 0.9], [0.3]):
        assert_allclose(rule(p), multitest.multipletests(p, method=name)[1])


@pytest.mark.parametrize("p", [[1.2], [-0.1], [np.nan], [[0.1]]])
def test_what_are_no_p_values(p: Any) -> None:
    with pytest.raises(csi.SpecificationError, match="numbers from 0 to 1"):
        holm(p)


def test_unlike_indices_are_refused(
    fits: tuple[csi.Results, csi.Results], retail: csi.Survey
) -> None:
    fit = fits[0]
    fewer = csi.acsi().with_items(satisfaction=["SATIS", "CONFIRM"])
    frame = retail.frame.assign(stratum=retail.frame["region"])
    strata = csi.read_survey(frame, codebook=replace(retail.codebook, strata="stratum"))
    wide = csi.read_survey(
        retail.frame, scale={"SATIS": (0, 10)}, codebook=retail.codebook
    )
    cases: list[tuple[Any, str]] = [
        (csi.fit(fewer, retail), "the index has items"),
        (csi.fit(csi.acsi(), wide), "the scales of"),
        (csi.fit(csi.acsi(), strata), "give csi.bootstrap"),
        (5, "not int"),
    ]
    for other, fragment in cases:
        with pytest.raises(csi.CsindexError, match=fragment):
            index_change(fit, other)
    with pytest.raises(csi.SpecificationError, match="level must lie"):
        index_change(fit, fit, level=95)
    with pytest.raises(csi.SpecificationError, match="not 'a'"):
        index_change(fit, fit, level="a")  # type: ignore[arg-type]
    single: Any = np.float32(0.9)
    found, wanted = (index_change(fit, fit, level=value) for value in (single, 0.9))
    assert_allclose(found.low, wanted.low, rtol=1e-6)

    with pytest.raises(csi.SpecificationError, match="unknown adjustment 'fdr'"):
        index_changes({"A": fit}, {"A": fit}, adjust="fdr")  # type: ignore[arg-type]
    with pytest.raises(csi.SpecificationError, match="not Results"):
        index_changes(fit, fit)  # type: ignore[arg-type]
    with pytest.raises(csi.SpecificationError, match="no company in common"):
        index_changes({"A": fit}, {"B": fit})


def test_a_change_prints() -> None:
    before = csi.fit(SMALL, moments([7, 6, 5, 5], [2, 2, 2, 2], 0.7))
    change = index_change(before, before)
    text = repr(change)
    start = "No change of the index is shown: +0.00 points, from 61.11 to 61.11"
    assert text.startswith(start)
    assert max(map(len, text.splitlines())) <= 80
    assert change._repr_html_().count("<table") == 1
    after = csi.fit(SMALL, moments([9, 8, 5, 5], [2, 2, 2, 2], 0.7))
    # items of equal shares: up by two of nine points each
    assert repr(index_change(before, after)).startswith("The index rose: +22.22 points")
    assert repr(index_change(after, before)).startswith("The index fell: -22.22 points")
    assert isinstance(index_change(before, before).items, pd.DataFrame)


def test_small_p_values_are_not_zero() -> None:
    # twice the upper tail of the normal distribution, from its asymptotic series
    z = 12.0
    tail = math.exp(-(z**2) / 2) / (z * math.sqrt(2 * math.pi))
    series = 1 - z**-2 + 3 * z**-4 - 15 * z**-6 + 105 * z**-8
    found = two_sided(np.array([z, -z, 0.0, np.nan]))
    assert_allclose(found, [2 * tail * series, 2 * tail * series, 1, np.nan], rtol=1e-6)
