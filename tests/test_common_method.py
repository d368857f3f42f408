"""Common method variance: closed forms, and a method that was planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.diagnostics.common_method import common_method

MODEL = csi.Model(
    "method",
    [
        csi.reflective("quality", "q1", "q2", "q3"),
        csi.reflective("value", "v1", "v2", "v3"),
        csi.reflective("satisfaction", "s1", "s2", "s3"),
    ],
    [("quality", "satisfaction"), ("value", "satisfaction")],
    index="satisfaction",
)
SHARED = 0.25


@pytest.fixture(scope="module")
def survey() -> csi.Survey:
    """Return answers with a method factor, and a marker with nothing else in it."""
    rng = np.random.default_rng(12)
    n = 4000
    quality, value = rng.standard_normal((2, n))
    satisfaction = 0.6 * quality + 0.8 * rng.standard_normal(n)
    method = rng.standard_normal(n)
    frame = pd.DataFrame({"w": rng.integers(1, 4, n)})
    for name, latent in (("q", quality), ("v", value), ("s", satisfaction)):
        for k in (1, 2, 3):
            own = np.sqrt(1 - SHARED) * latent + np.sqrt(SHARED) * method
            frame[f"{name}{k}"] = own + 0.3 * rng.standard_normal(n)
    own = np.sqrt(1 - SHARED) * rng.standard_normal(n)
    frame["marker"] = own + np.sqrt(SHARED) * method
    frame["text"] = "a"
    frame["same"] = 3
    return csi.read_survey(frame)


@pytest.fixture(scope="module")
def results(survey: csi.Survey) -> csi.Results:
    return csi.fit(MODEL, survey)


def test_a_planted_method_is_taken_out(results: csi.Results) -> None:
    found = common_method(results, "marker").marker
    assert found is not None
    pairs = found.corrected.set_index(["first", "second"])
    # in truth quality and value have nothing in common but the method
    assert pairs.loc[("quality", "value"), "r"] > 0.15
    assert abs(pairs.loc[("quality", "value"), "r_corrected"]) < 0.06
    paths = found.paths.set_index("source")
    assert abs(paths.loc["value", "corrected"]) < 0.06
    assert paths.loc["value", "estimate"] > 0.04


def test_marker_is_plain_arithmetic(results: csi.Results, survey: csi.Survey) -> None:
    from scipy import stats

    found = common_method(results, "marker").marker
    assert found is not None
    values = survey.frame[list(MODEL.items)].to_numpy()
    scores = (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)
    scores = scores @ results.estimates.weights
    own = [np.corrcoef(s, survey.frame["marker"])[0, 1] for s in scores.T]
    assert_allclose(found.correlations, own)
    first, second = np.sort(np.abs(own))[:2]
    assert_allclose([found.shared, found.shared_second], [first, second])
    row = found.corrected.iloc[0]
    r = (row["r"] - first) / (1 - first)
    t = r / np.sqrt((1 - r**2) / (4000 - 3))
    assert_allclose(row[["r_corrected", "t"]].astype(float), [r, t])
    assert_allclose(row["p"], 2 * stats.t.sf(abs(t), 3997))
    assert_allclose(row["r_corrected_second"], (row["r"] - second) / (1 - second))
    corr = (results.estimates.construct_corr - first) / (1 - first)
    np.fill_diagonal(corr, 1.0)
    paths = np.linalg.solve(corr[:2, :2], corr[:2, 2])
    assert_allclose(found.paths["corrected"], paths)
    assert_allclose(found.paths["estimate"], results.paths["estimate"])


def test_a_construct_can_be_the_marker(results: csi.Results) -> None:
    found = common_method(results, "value").marker
    assert found is not None
    corr = results.construct_correlations
    assert found.correlations.index.tolist() == ["quality", "satisfaction"]
    assert_allclose(found.correlations, corr.loc[["quality", "satisfaction"], "value"])
    assert found.paths[["source", "target"]].to_numpy().tolist() == [
        ["quality", "satisfaction"]
    ]


def test_whole_weights_are_repetitions(survey: csi.Survey) -> None:
    frame = survey.frame
    weighted = csi.fit(MODEL, csi.read_survey(frame, weights="w"))
    again = frame.loc[np.repeat(frame.index, frame["w"])]
    repeated = csi.fit(MODEL, csi.read_survey(again))
    one, other = (common_method(r, "marker").marker for r in (weighted, repeated))
    assert one is not None
    assert other is not None
    assert_allclose(one.correlations, other.correlations, rtol=1e-6)


def test_full_collinearity_is_one_regression_each(results: csi.Results) -> None:
    table = common_method(results).collinearity.set_index("construct")
    corr = results.estimates.construct_corr
    for k, name in enumerate(MODEL.construct_names):
        others = [j for j in range(3) if j != k]
        r = corr[k, others]
        share = r @ np.linalg.solve(corr[np.ix_(others, others)], r)
        assert_allclose(table.loc[name, "vif"], 1 / (1 - share))
    assert set(table["source"]) == {"Kock (2015)"}


def test_single_factor(results: csi.Results) -> None:
    found = common_method(results)
    roots = np.linalg.eigvalsh(results.moments.corr)
    assert_allclose(found.single_factor["share"], roots[-1] / 9)
    assert "weak" in found.single_factor["note"]
    assert "weak" in repr(found)
    assert found.marker is None
    assert "corrected" in repr(common_method(results, "marker"))


def test_one_common_cause_is_flagged() -> None:
    corr = np.full((9, 9), 0.8) + 0.2 * np.eye(9)
    moments = csi.Moments(list(MODEL.items), np.zeros(9), corr, 200)
    found = common_method(csi.fit(MODEL, moments))
    assert_allclose(found.single_factor["share"], (1 + 8 * 0.8) / 9)
    assert found.single_factor["verdict"] == "flagged"
    assert (found.collinearity["verdict"] == "flagged").all()


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("makrer", "did you mean 'marker'"),
        ("q1", "is an item of the model"),
        ("text", "must hold numbers"),
        ("same", "have to vary"),
    ],
)
def test_errors_name_what_is_wrong(
    results: csi.Results, marker: str, message: str
) -> None:
    with pytest.raises(csi.DataError, match=message):
        common_method(results, marker)


def test_constructs_that_point_the_other_way_are_turned() -> None:
    signs = np.repeat([1.0, -1.0, 1.0], 3)
    corr = np.full((9, 9), 0.5) + 0.5 * np.eye(9)
    names = list(MODEL.items)

    def marked(matrix: np.ndarray) -> csi.Marker:
        rows = np.random.default_rng(1).standard_normal((300, 10))
        rows = rows - rows.mean(axis=0)
        rows = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows.T))).T
        frame = pd.DataFrame(rows[:, :9] @ np.linalg.cholesky(matrix).T, columns=names)
        # a marker that goes with everything alike
        frame["m"] = (frame * np.sign(matrix[0])).sum(axis=1) + 20 * rows[:, 9]
        found = common_method(csi.fit(MODEL, frame), "m").marker
        assert found is not None
        return found

    plain, turned = marked(corr), marked(corr * np.outer(signs, signs))
    assert plain.turned == ()
    assert turned.turned == (MODEL.construct_names[1],)
    both = plain.corrected["r_corrected"], turned.corrected["r_corrected"]
    assert_allclose(np.abs(both[0]), np.abs(both[1]), rtol=1e-6)
    assert (np.abs(both[1]) < turned.corrected["r"].abs()).all()
    assert "Turned round" in repr(turned)


def test_columns_need_respondents() -> None:
    corr = np.full((9, 9), 0.5) + 0.5 * np.eye(9)
    fit = csi.fit(MODEL, csi.Moments(list(MODEL.items), np.zeros(9), corr, 200))
    with pytest.raises(csi.DataError, match="made from moments"):
        common_method(fit, "marker")
    assert common_method(fit, "value").marker is not None


def test_two_constructs_are_needed_beside_the_marker() -> None:
    model = MODEL.without("value")
    corr = np.full((6, 6), 0.5) + 0.5 * np.eye(6)
    fit = csi.fit(model, csi.Moments(list(model.items), np.zeros(6), corr, 200))
    with pytest.raises(csi.SpecificationError, match="two constructs beside it"):
        common_method(fit, "quality")
