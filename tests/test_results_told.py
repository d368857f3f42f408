"""What printed results tell: the sample, the tests, the parameters, cautions."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.diagnostics.slopes import Moderation, SimpleSlopes
from csindex.estimation.moderated import Moderated
from csindex.estimation.terms import Method, interaction
from csindex.results.printing import Page, Printed, width_of

MODEL = csi.Model(
    "small",
    (
        csi.reflective("image", "i1", "i2", "i3"),
        csi.reflective("value", "v1", "v2", "v3"),
        csi.reflective("satisfaction", "s1", "s2", "s3"),
    ),
    (("image", "value"), ("image", "satisfaction"), ("value", "satisfaction")),
    index="satisfaction",
)
TERM = interaction("image", "value", on="satisfaction")


@cache
def frame(n: int = 250, seed: int = 4) -> pd.DataFrame:
    """Return answers from 1 to 10 that all go together."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=n)
    value = 0.5 * image + 0.8 * rng.normal(size=n)
    satisfaction = 0.4 * image + 0.3 * value + 0.6 * rng.normal(size=n)
    latent = {"i": image, "v": value, "s": satisfaction}
    return pd.DataFrame(
        {
            name: np.clip(
                np.rint(6 + 1.8 * latent[name[0]] + rng.normal(size=n)), 1, 10
            )
            for name in MODEL.items
        }
    )


def survey(**columns: object) -> csi.Survey:
    return csi.read_survey(frame().assign(**columns), scale=(1, 10))


def with_gaps(empty: int = 0) -> pd.DataFrame:
    """Return answers where 70 respondents lack one, and some lack all."""
    made = frame().copy()
    made.loc[:69, "i2"] = np.nan
    made.loc[69 - empty + 1 : 69, :] = np.nan
    return made


def flat(shown: object) -> str:
    """Return what is printed without line breaks."""
    return " ".join(repr(shown).split())


# --- the sample ---------------------------------------------------------------------


def test_dropped_respondents_are_told_first() -> None:
    read = csi.read_survey(with_gaps(), scale=(1, 10))
    results = csi.fit(MODEL, read)
    told = "n = 180 of 250 (70 dropped: listwise)"
    assert told in " ".join(repr(results).split()[:20])
    assert told in results._repr_html_()
    assert told in "\n".join(repr(csi.bootstrap(results, n=40)).splitlines()[:4])
    moments = csi.moments(with_gaps(), list(MODEL.items))
    assert told in flat(csi.fit(MODEL, moments))


def test_dropped_respondents_of_groups_are_told_first() -> None:
    grouped = with_gaps().assign(half=np.arange(250) % 2)
    by_half = csi.fit(MODEL, csi.read_survey(grouped, scale=(1, 10)), by="half")
    told = "n = 180 of 250 (70 dropped: listwise)"
    assert told in repr(by_half).splitlines()[:3]
    assert told in repr(csi.bootstrap(by_half, n=40)).splitlines()[:5]


@pytest.mark.parametrize("incomplete", ["mean", "em", "pairwise"])
def test_other_treatments_drop_who_answered_nothing(incomplete: Any) -> None:
    read = csi.read_survey(with_gaps(empty=10), scale=(1, 10))
    results = csi.fit(MODEL, read, incomplete=incomplete)
    assert "n = 240 of 250 (10 without any answer)" in flat(results)


def test_respondents_without_weight_are_told_apart() -> None:
    weight = np.where(np.arange(250) < 240, 1.0, 0.0)
    read = csi.read_survey(with_gaps().assign(w=weight), scale=(1, 10), weights="w")
    told = "n = 170 of 250 (10 without weight, 70 dropped: listwise)"
    assert told in flat(csi.fit(MODEL, read))


def test_whole_samples_are_told_shortly() -> None:
    assert "| n = 250 |" in flat(csi.fit(MODEL, survey()))


# --- tests --------------------------------------------------------------------------


def test_t_is_the_estimate_over_its_error() -> None:
    boot = csi.bootstrap(csi.fit(MODEL, survey()), n=50)
    for table in (boot.paths, boot.total_effects, boot.loadings, boot.weights):
        assert_allclose(table["t"], table["estimate"] / table["se"], rtol=1e-12)
        columns = [name for name in table.columns if name != "share"]
        assert columns[-5:] == ["se", "t", "low", "high", "p"]
    drawn = boot.replicates("paths")
    assert_allclose(boot.paths["se"], drawn.std(axis=0, ddof=1))
    assert "t" not in boot.r_squared


def test_what_never_varies_has_no_t() -> None:
    model = csi.Model(
        "one",
        (csi.reflective("a", "i1", "i2"), csi.reflective("b", "s1")),
        (("a", "b"),),
    )
    boot = csi.bootstrap(csi.fit(model, survey()), n=50)
    assert boot.loadings["t"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize(("n", "marked"), [(60, True), (2500, False)])
def test_p_values_at_their_floor_are_told(n: int, marked: bool) -> None:
    boot = csi.bootstrap(csi.fit(MODEL, survey()), n=n)
    assert_allclose(boot.p_floor, 2 / (n + 1))
    assert_allclose(boot.paths["p"].min(), boot.p_floor)
    note = f"{n} resamples can't show a smaller p"
    assert (note in flat(boot)) == marked
    assert (f"≤{2 / (n + 1):.3f}" in flat(boot)) == marked
    assert (f"≤{2 / (n + 1):.4f}" in flat(boot.total_effects)) == (n < 10_000)


# --- covariance structures ----------------------------------------------------------


def test_a_covariance_structure_prints_as_its_users_expect() -> None:
    additions = "satisfaction ~ b*value\nhalf := b / 2\ni1 ~~ v1"
    results = csi.fit(MODEL, survey(), csi.CBSEM(means=True, additions=additions))
    text = repr(results)
    told = text.splitlines()
    assert max(map(width_of, told)) <= 80
    captions = [
        "Loadings",
        "Regressions",
        "Covariances",
        "Intercepts",
        "Variances, residual ones of what is explained",
        "Defined",
        "Scores (0-100)",
    ]
    assert [line for line in told if line in captions] == captions
    assert "share" not in text
    found = results.fit_measures
    assert f"| CFI {found['cfi']:.3f} | TLI {found['tli']:.3f} |" in flat(results)
    ends = [found[f"rmsea_ci_{end}"] for end in ("lower", "upper")]
    assert f"[{ends[0]:.3f}, {ends[1]:.3f}] | SRMR {found['srmr']:.3f}" in flat(results)
    assert f"AIC {found['aic']:.2f} | BIC {found['bic']:.2f}" in flat(results)
    table = results.parameters
    fixed, free = table.iloc[0], table[table["label"] == "b"].iloc[0]
    line = next(line for line in told if line.split()[:2] == ["image", "i1"])
    assert line.split()[2:] == ["1.000", f"{fixed['standardized']:.3f}"]
    line = next(
        line for line in told if line.split()[:3] == ["satisfaction", "value", "b"]
    )
    numbers = [f"{free[name]:.3f}" for name in ("estimate", "se", "z")]
    assert line.split()[3:6] == numbers
    # each parameter has its line
    start, end = told.index("Loadings"), told.index("Scores (0-100)")
    blank = [line for line in told[start:end] if not line]
    rows = end - start - len(blank) - 2 * (len(captions) - 1) - 1
    assert rows == len(table)
    html = results._repr_html_()
    assert html.index("Loadings") < html.index("Regressions") < html.index("Scores")


def test_parameters_and_measures_print_whole() -> None:
    results = csi.fit(MODEL, survey(), csi.CBSEM())
    for shown in (results.parameters, results.standardized, results.settings):
        assert "..." not in repr(shown).split()
        assert max(map(width_of, repr(shown).splitlines())) <= 80
    for column in results.parameters.columns.drop("label"):
        assert column in repr(results.parameters).split()
    assert "e+0" not in repr(results.fit_measures)
    text = results.settings["weights of scores"]
    assert text in flat(results.settings)


def test_a_composite_prints_its_weights() -> None:
    assert "share loading" in flat(csi.fit(MODEL, survey()))


# --- cautions -----------------------------------------------------------------------


def test_small_groups_are_named() -> None:
    sizes = {"small": 60, "large": 190}
    group = np.repeat([*sizes], [*sizes.values()])
    by_group = csi.fit(MODEL, survey(group=group), by="group")
    told = flat(csi.bootstrap(by_group, n=40))
    assert "Fewer than 100 respondents" in told
    assert told.endswith("they promise: small (n = 60)")
    halves = csi.fit(MODEL, survey(group=np.arange(250) % 2), by="group")
    assert "Fewer than" not in flat(csi.bootstrap(halves, n=40))


def test_few_drivers_are_told() -> None:
    results = csi.fit(MODEL, survey())
    assert "Drivers: 2. Cuts in the middle" in flat(csi.importance_performance(results))
    many = csi.fit(csi.ecsi_mobi(), _mobi())
    assert "Cuts in the middle" not in flat(csi.importance_performance(many))


def _mobi() -> csi.Moments:
    """Return moments of the European model's items, all alike."""
    items = csi.ecsi_mobi().items
    p = len(items)
    return csi.Moments(items, [7.0] * p, np.full((p, p), 0.5) + np.eye(p), 250, 1, 10)


def test_uncertain_regions_are_marked() -> None:
    boot = csi.bootstrap(csi.fit(MODEL, survey()), n=200)
    table = boot.importance
    effects = boot.replicates("importance for satisfaction")
    scores = boot.replicates("scores")[:, :2]
    for k, row in enumerate(table.itertuples()):
        high = effects[:, k] >= effects.mean(axis=1)
        good = scores[:, k] >= scores.mean(axis=1)
        counts = {
            "I": high & ~good,
            "II": high & good,
            "III": ~high & ~good,
            "IV": ~high & good,
        }
        assert_allclose(row.probability, counts[row.region].mean())
        sure = max(count.mean() for count in counts.values()) >= 0.8
        assert row.verdict == ("sure" if sure else "uncertain")
        assert (f"{row.driver} ({row.region} in" in flat(table)) == (not sure)


# --- interactions -------------------------------------------------------------------


@pytest.mark.parametrize("method", ["two_stage", "product"])
def test_products_have_no_place_in_the_hierarchy(method: Method) -> None:
    fit = csi.fit(MODEL, survey(), Moderated((TERM,), method))
    plain = csi.fit(MODEL, survey()).hierarchy()
    table = fit.hierarchy(target=80)
    assert table["node"].tolist() == plain["node"].tolist()
    assert table.index.tolist() == list(range(len(plain)))
    boot = csi.bootstrap(fit, n=40)
    found = fit.hierarchy(boot=boot)
    assert found["node"].tolist() == plain["node"].tolist()
    assert ((found["score_low"] < found["score"]) == found["score"].notna()).all()


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ([(-np.inf, np.inf)], "everywhere"),
        ([(-np.inf, -0.5), (1.25, np.inf)], "below -0.50 sd|above 1.25 sd"),
        ([(-0.5, 1.25)], "-0.50 to 1.25 sd"),
        (
            [],
            "Nowhere does the effect differ from 0 (0.9), whatever the level of value",
        ),
    ],
)
def test_levels_without_limit_are_told_in_words(
    limits: list[tuple[float, float]], told: str
) -> None:
    rows = [("satisfaction", low, high, "+") for low, high in limits]
    slopes = pd.DataFrame({"target": ["satisfaction"], "at": [0.0], "estimate": [0.3]})
    effects = pd.DataFrame({"target": ["satisfaction"], "low": [0.1], "high": [0.2]})
    regions = pd.DataFrame(rows, columns=["target", "low", "high", "sign"])
    found = SimpleSlopes(
        Moderation(TERM, "image", "value"), slopes, effects, regions, 0.9
    )
    text = flat(found)
    assert all(part in text for part in told.split("|"))
    assert "inf" not in text.split()


# --- pages --------------------------------------------------------------------------


def test_what_prints_has_a_page() -> None:
    class Silent(Printed):
        pass

    class Told(Printed):
        def _page(self) -> Page:
            return Page("told", {})

    with pytest.raises(TypeError, match="abstract"):
        Silent()  # type: ignore[abstract]
    assert repr(Told()) == "told"
