"""Endogeneity: two-stage least squares, its tests, and Gaussian copulas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.linalg import lstsq

import csindex as csi
from csindex.diagnostics.endogeneity import gaussian_copula, two_stage_least_squares
from csindex.kernels.arrays import FloatArray
from csindex.kernels.instruments import normal_scores


def simulated(n: int, confounded: float, skewed: bool, seed: int) -> pd.DataFrame:
    """Single items: z and w drive x, x drives y by .5, a hidden cause drives both."""
    rng = np.random.default_rng(seed)
    z, w = rng.normal(size=(2, n))
    hidden, noise = rng.normal(size=(2, n))
    own = rng.exponential(size=n) - 1 if skewed else rng.normal(size=n)
    x = 0.6 * z + 0.5 * w + confounded * hidden + own
    y = 0.5 * x + confounded * hidden + noise
    return pd.DataFrame({"z": z, "w": w, "x": x, "y": y})


MODEL = csi.Model(
    "chain",
    [csi.reflective(name.upper(), name) for name in "zwxy"],
    [("Z", "X"), ("W", "X"), ("X", "Y"), ("Z", "Y")],
)


def fitted(frame: pd.DataFrame) -> csi.Results:
    return csi.fit(MODEL, frame)


def standardised(frame: pd.DataFrame) -> dict[str, FloatArray]:
    scaled = (frame - frame.mean()) / frame.std()
    return {name: scaled[name].to_numpy() for name in frame}


def residuals(y: FloatArray, x: FloatArray) -> FloatArray:
    return np.asarray(y - x @ lstsq(x, y, rcond=None)[0])


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return simulated(400, 0.7, skewed=False, seed=3)


def test_two_stage_least_squares_on_rows(frame: pd.DataFrame) -> None:
    data, n = standardised(frame), len(frame)
    one = np.ones(n)
    instruments = np.column_stack([one, data["z"], data["w"]])
    sources = np.column_stack([one, data["z"], data["x"]])
    fits = instruments @ lstsq(instruments, sources, rcond=None)[0]
    slopes = lstsq(fits, data["y"], rcond=None)[0]
    left = data["y"] - sources @ slopes
    errors = np.sqrt(left @ left / (n - 3) * np.diag(np.linalg.inv(fits.T @ fits)))
    found = two_stage_least_squares(fitted(frame), {"Y": ["Z", "W"]})
    table = found.coefficients.set_index("source").loc[["Z", "X"]]
    np.testing.assert_allclose(table["estimate"], slopes[1:], atol=1e-12)
    np.testing.assert_allclose(table["se"], errors[1:], atol=1e-12)
    assert table["endogenous"].tolist() == [False, True]


def test_tests_on_rows(frame: pd.DataFrame) -> None:
    data, n = standardised(frame), len(frame)
    one = np.ones(n)
    exogenous = np.column_stack([one, data["z"]])
    instruments = np.column_stack([exogenous, data["w"]])
    left, short = residuals(data["x"], instruments), residuals(data["x"], exogenous)
    first = (short @ short - left @ left) / (left @ left / (n - 3))
    plain = np.column_stack([exogenous, data["x"]])
    small = residuals(data["y"], plain)
    large = residuals(data["y"], np.column_stack([plain, left]))
    hausman = (small @ small - large @ large) / (large @ large / (n - 4))
    tests = two_stage_least_squares(fitted(frame), {"Y": ["Z", "W"]}).tests
    found = tests.set_index("test")["statistic"]
    assert found["first stage"] == pytest.approx(first, rel=1e-10)
    assert found["Wu-Hausman"] == pytest.approx(hausman, rel=1e-10)
    assert "Sargan" not in found


def test_sargan_on_rows(frame: pd.DataFrame) -> None:
    model = csi.Model("m", MODEL.constructs, [("Z", "X"), ("W", "X"), ("X", "Y")])
    data, n = standardised(frame), len(frame)
    instruments = np.column_stack([np.ones(n), data["z"], data["w"]])
    fits = data["x"] - residuals(data["x"], instruments)
    left = data["y"] - data["x"] * (fits @ data["y"]) / (fits @ fits)
    explained = left - residuals(left, instruments)
    found = two_stage_least_squares(csi.fit(model, frame), {"Y": ["Z", "W"]}).tests
    sargan = found.set_index("test").loc["Sargan"]
    assert sargan["statistic"] == pytest.approx(
        n * (explained @ explained) / (left @ left), rel=1e-10
    )
    assert sargan["df1"] == 1


def _three(n: int, apart: float, seed: int) -> pd.DataFrame:
    """Return two sources of y that the instruments hardly tell apart."""
    rng = np.random.default_rng(seed)
    z, w, v = rng.normal(size=(3, n))
    hidden, first, second, noise = rng.normal(size=(4, n))
    x = z + w + 0.5 * v + hidden + first
    u = z + w + (0.5 + apart) * v + hidden + second
    return pd.DataFrame(
        {"z": z, "w": w, "v": v, "x": x, "u": u, "y": 0.5 * x + hidden + noise}
    )


THREE = csi.Model(
    "two sources",
    [csi.reflective(name.upper(), name) for name in "zwvxuy"],
    [(source, target) for source in "ZWV" for target in "XU"]
    + [("X", "Y"), ("U", "Y"), ("Z", "Y")],
)


@pytest.mark.parametrize(("apart", "weak"), [(0.0, True), (0.8, False)])
def test_several_sources_need_instruments_that_tell_them_apart(
    apart: float, weak: bool
) -> None:
    frame = _three(1500, apart, seed=2)
    data, n = standardised(frame), len(frame)
    exogenous = np.column_stack([np.ones(n), data["z"]])
    instruments = np.column_stack([exogenous, data["w"], data["v"]])
    found = two_stage_least_squares(csi.fit(THREE, frame), {"Y": ["Z", "W", "V"]})
    tests = found.tests.set_index(["test", "source"])
    # each by itself is explained well
    assert (tests.loc["first stage", "statistic"] > 100).all()
    for name, other in (("x", "u"), ("u", "x")):
        sources = np.column_stack([exogenous, data[other]])
        fits = instruments @ lstsq(instruments, sources, rcond=None)[0]
        left = data[name] - sources @ lstsq(fits, data[name], rcond=None)[0]
        full, short = residuals(left, instruments), residuals(left, exogenous)
        f = (short @ short - full @ full) / (full @ full / (n - 4))
        row = tests.loc[("first stage given the others", name.upper())]
        assert row["statistic"] == pytest.approx(f, rel=1e-8)
        assert (row["df1"], row["df2"]) == (1, n - 4)
        assert row["meaning"].startswith("weak") == weak
    assert repr(found).startswith("Y: weak instruments") == weak


def test_instruments_mend_what_is_biased() -> None:
    frame = simulated(40_000, 0.7, skewed=False, seed=1)
    found = two_stage_least_squares(fitted(frame), {"Y": ["Z", "W"]})
    row = found.coefficients.set_index("source").loc["X"]
    truth = 0.5 * frame["x"].std() / frame["y"].std()
    assert abs(row["estimate"] - truth) < 4 * row["se"] < 0.05
    assert row["ols"] - truth > 0.1
    tests = found.tests.set_index("test")
    assert tests.loc["Wu-Hausman", "p"] < 1e-6
    assert tests.loc["first stage", "meaning"] == "instruments are strong"


def test_without_endogeneity_nothing_is_found() -> None:
    found = two_stage_least_squares(
        fitted(simulated(2000, 0.0, skewed=False, seed=5)), {"Y": ["Z", "W"]}
    )
    assert found.tests.set_index("test").loc["Wu-Hausman", "p"] > 0.05


def test_normal_scores_by_hand() -> None:
    from statistics import NormalDist

    values = np.array([[3.0], [1.0], [3.0], [8.0]])
    quantile = NormalDist().inv_cdf
    expected = [quantile(q) for q in (0.5, 0.125, 0.5, 0.875)]
    np.testing.assert_allclose(normal_scores(values)[:, 0], expected, atol=1e-12)
    doubled = normal_scores(values, np.array([1.0, 2.0, 1.0, 1.0]))[:, 0]
    repeated = normal_scores(np.array([[3.0], [1.0], [1.0], [3.0], [8.0]]))[:, 0]
    np.testing.assert_allclose(doubled, repeated[[0, 1, 3, 4]], atol=1e-12)


def test_copula_finds_and_mends_a_skewed_source() -> None:
    rng = np.random.default_rng(11)
    n = 20_000
    latent, noise = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=n).T
    x = np.exp(latent)
    frame = pd.DataFrame({"x": x, "y": 0.5 * x + noise})
    model = csi.Model(
        "m", [csi.reflective("X", "x"), csi.reflective("Y", "y")], [("X", "Y")]
    )
    check = gaussian_copula(csi.fit(model, frame), n=40)
    table = check.coefficients.set_index("term")
    truth = 0.5 * frame["x"].std() / frame["y"].std()
    ordinary = np.corrcoef(frame["x"], frame["y"])[0, 1]
    assert ordinary - truth > 0.05
    assert abs(table.loc["X", "estimate"] - truth) < 4 * table.loc["X", "se"] < 0.05
    assert table.loc["copula of X", "p"] < 1e-6
    assert check.normality.loc[0, "p"] < 0.05
    assert check.cautions == ()
    assert repr(check).splitlines()[0].endswith("terms): X -> Y")


def test_copula_cautions_with_a_normal_source(frame: pd.DataFrame) -> None:
    check = gaussian_copula(fitted(frame), ["Y"], n=20)
    assert check.coefficients["copulas"].unique().tolist() == ["Z", "X", "Z + X"]
    assert "may be normal" in check.cautions[0]
    assert "400 respondents are few" in check.cautions[1]
    # X has a term in two of the three sets
    signs = check.signs.set_index("source")
    assert signs["sets"].to_dict() == {"Z": 2, "X": 2}
    own = check.coefficients.query("term == 'copula of X'")
    assert signs.loc["X", "shown"] == (own["p"] < 0.05).sum()
    assert repr(check).startswith("Signs of endogeneity (p below 0.05 in every set")
    assert "<table" in check._repr_html_()


def _regressed(frame: pd.DataFrame, names: list[str], terms: list[str]) -> FloatArray:
    """Return the slopes of Y on some columns and the copula terms of some of them."""
    copulas = [normal_scores(frame[[name]].to_numpy(float)) for name in terms]
    design = np.column_stack([np.ones(len(frame)), frame[names].to_numpy(), *copulas])
    return np.asarray(lstsq(design, frame["Y"], rcond=None)[0][1:])


@pytest.mark.parametrize("values", [2, 4])
def test_sources_of_few_values_have_no_copula_term(values: int) -> None:
    rng = np.random.default_rng(3)
    scores = rng.exponential(size=150)
    few = np.minimum(rng.geometric(0.8, size=150), values).astype(float)
    outcome = 0.5 * scores - 0.3 * few + rng.standard_normal(150)
    frame = pd.DataFrame({"X": scores, "D": few, "Y": outcome})
    check = gaussian_copula(_single(frame), ["Y"], n=30)
    table = check.coefficients
    assert table["copulas"].unique().tolist() == ["X"]
    assert table["term"].tolist() == ["X", "D", "copula of X"]
    expected = _regressed((frame - frame.mean()) / frame.std(), ["X", "D"], ["X"])
    np.testing.assert_allclose(table["estimate"], expected, atol=1e-8)
    assert check.normality["source"].tolist() == ["X", "D"]
    assert "'D' have fewer than 5 values" in check.cautions[0]
    assert "'D'" not in "".join(check.cautions[1:])


def _single(frame: pd.DataFrame) -> csi.Results:
    """Return a fit of single items, the last of which the others drive."""
    *sources, target = frame
    constructs = [csi.reflective(name, name.lower()) for name in frame]
    paths = [(source, target) for source in sources]
    model = csi.Model("single", constructs, paths)
    return csi.fit(model, frame.rename(columns=str.lower))


def test_only_sources_of_few_values_leave_no_regression() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"D": rng.integers(0, 2, 80), "Y": rng.standard_normal(80)})
    check = gaussian_copula(_single(frame), n=20)
    assert check.coefficients.empty
    assert check.signs.empty
    assert "copula term" in repr(check)


def test_resamples_in_which_a_source_hardly_varies_are_counted() -> None:
    rng = np.random.default_rng(5)
    rare = np.array([*range(5), *[0.0] * 45])
    frame = pd.DataFrame({"X": rare, "Y": rng.standard_normal(50)})
    check = gaussian_copula(_single(frame), n=200, seed=7)
    generator = np.random.default_rng(7)
    # of two values the copula term is a linear function
    varying = [len(set(rare[generator.integers(0, 50, 50)])) > 2 for _ in range(200)]
    assert 150 < sum(varying) < 200
    assert check.used == sum(varying)
    left = 200 - sum(varying)
    assert any(f"{left} of 200 resamples were left out" in c for c in check.cautions)
    assert np.isfinite(check.coefficients["se"]).all()


def test_shapes_of_whole_weights_are_those_of_repetitions() -> None:
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"x": rng.exponential(size=60), "y": rng.normal(size=60)})
    frame["w"] = rng.integers(1, 4, 60)
    model = csi.Model(
        "m", [csi.reflective("X", "x"), csi.reflective("Y", "y")], [("X", "Y")]
    )
    weighted = csi.fit(model, csi.read_survey(frame, weights="w"))
    repeated = csi.fit(model, frame.loc[frame.index.repeat(frame["w"])])
    for column in ("skewness", "kurtosis"):
        values = [
            gaussian_copula(fit, n=5).normality[column].item()
            for fit in (weighted, repeated)
        ]
        np.testing.assert_allclose(values[0], values[1], rtol=1e-8)


@pytest.mark.parametrize(
    ("instruments", "words"),
    [
        ({}, "name instruments"),
        ({"z": ["W"]}, "unknown endogenous construct 'z'"),
        ({"Y": ["Z", "Q"]}, "'Q'"),
        ({"Y": "Z"}, r"\['Z'\]"),
        ({"Y": ["Z", "Y"]}, "its own instrument"),
        ({"X": ["Y", "Z"]}, "'X' drives 'Y'"),
        ({"Y": ["Z", "X"]}, "none is endogenous"),
        ({"Y": ["W"]}, "2 sources"),
        ({"Y": ["W", "W"]}, "given twice"),
    ],
)
def test_errors_of_instruments(
    frame: pd.DataFrame, instruments: dict[str, list[str]], words: str
) -> None:
    with pytest.raises(csi.SpecificationError, match=words):
        two_stage_least_squares(fitted(frame), instruments)


def test_instruments_belong_to_a_construct(frame: pd.DataFrame) -> None:
    with pytest.raises(csi.SpecificationError, match=r"by the construct they are for"):
        two_stage_least_squares(fitted(frame), ["Z"])  # type: ignore[arg-type]


def test_errors_of_copulas(frame: pd.DataFrame) -> None:
    with pytest.raises(csi.SpecificationError, match="endogenous construct"):
        gaussian_copula(fitted(frame), ["Z"])
    for n in (1, 2.5):
        with pytest.raises(csi.SpecificationError, match="two resamples"):
            gaussian_copula(fitted(frame), n=n)  # type: ignore[arg-type]
    with pytest.raises(csi.SpecificationError, match="no target is named"):
        gaussian_copula(fitted(frame), [])
    with pytest.raises(csi.SpecificationError, match="seed must be a whole number"):
        gaussian_copula(fitted(frame), seed=True)
    # the copula term of an exactly normal source is the source itself
    quantiles = normal_scores(np.arange(50.0)[:, None])[:, 0]
    normal = pd.DataFrame({"X": quantiles, "Y": np.random.default_rng(1).random(50)})
    with pytest.raises(csi.DataError, match="depend on each other"):
        gaussian_copula(_single(normal), n=5)
    factors = [csi.reflective("a", "a1", "a2", "a3")]
    population = csi.Moments(["a1", "a2", "a3"], [0, 0, 0], 0.5 + 0.5 * np.eye(3), 100)
    alone = csi.fit(csi.Model("cfa", factors), population, estimator=csi.CBSEM())
    with pytest.raises(csi.SpecificationError, match="'cfa' has no paths"):
        gaussian_copula(alone)
    with pytest.raises(csi.SpecificationError, match="construct 'YZ'"):
        gaussian_copula(fitted(frame), "YZ")
    moments = csi.fit(MODEL, fitted(frame).moments)
    with pytest.raises(csi.DataError, match="made from moments"):
        gaussian_copula(moments)
