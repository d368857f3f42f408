"""PLSpredict with interactions and quadratic effects: refits, benchmarks, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.estimation.moderated import Moderated
from csindex.estimation.terms import Method, interaction, quadratic
from csindex.inference.prediction.conventions import Antecedents
from csindex.inference.prediction.plspredict import predict
from csindex.inference.prediction.rows import predict_rows
from csindex.kernels.arrays import FloatArray, IntArray

METHODS: tuple[Method, ...] = ("two_stage", "product", "orthogonal")
BOTH = interaction("a", "b", on="y")
SQUARE = quadratic("a", on="y")
MODEL = csi.Model(
    "moderated",
    constructs=(
        csi.reflective("a", "a1", "a2"),
        csi.reflective("b", "b1", "b2", "b3"),
        csi.reflective("y", "y1", "y2"),
    ),
    paths=(("a", "b"), ("a", "y"), ("b", "y")),
    index="y",
)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    a, b = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], size=200).T
    y = 0.4 * a + 0.3 * b + 0.3 * a * b - 0.1 * a**2 + 0.6 * rng.normal(size=200)
    latent = {"a1": a, "a2": a, "b1": b, "b2": b, "b3": b, "y1": y, "y2": y}
    table = pd.DataFrame(
        {
            name: 5.5 + 1.5 * value + 0.8 * rng.normal(size=200)
            for name, value in latent.items()
        }
    )
    return table.clip(1, 10).assign(weight=rng.uniform(0.5, 2, size=200))


def folds_of(n: int, count: int) -> IntArray:
    rng = np.random.default_rng(2)
    return np.stack([rng.permutation(np.arange(n) % count) for _ in range(2)])


@pytest.mark.parametrize(
    ("antecedents", "weights"), [("direct", None), ("earliest", "weight")]
)
@pytest.mark.parametrize("method", METHODS)
def test_errors_are_those_of_refits(
    frame: pd.DataFrame, method: Method, antecedents: Antecedents, weights: str | None
) -> None:
    def fitted(rows: np.ndarray) -> csi.Results:
        survey = csi.read_survey(frame[rows], scale=(1, 10), weights=weights)
        return csi.fit(MODEL, survey, Moderated((BOTH, SQUARE), method))

    folds = folds_of(200, 4)
    found = predict(
        fitted(np.ones(200, dtype=bool)),
        assignment=folds,
        antecedents=antecedents,
    )
    items = ["b1", "b2", "b3", "y1", "y2"]
    assert found.items["item"].tolist() == items
    squares = np.zeros((200, 5))
    total = np.zeros((200, 5))
    scores = np.zeros((200, 2))
    for row in folds:
        for fold in range(4):
            out = row == fold
            alone = predict_rows(
                fitted(~out),
                frame[out],
                antecedents,
            )
            squares[out] += (frame.loc[out, items] - alone.predicted) ** 2 / 2
            total[out] += alone.predicted / 2
            own = alone.scores[["b", "y"]] - alone.predicted_scores
            scores[out] += own**2 / 2
    assert_allclose(found.predicted, total, atol=1e-8)
    assert_allclose(found.losses.model, squares, atol=1e-7)
    assert_allclose(found.losses.scores, scores, atol=1e-7)
    every = None if weights is None else frame["weight"]
    rmse = np.sqrt(np.average(squares, axis=0, weights=every))
    assert_allclose(found.items["rmse"], rmse, rtol=1e-8)


def products(values: FloatArray, moments: FloatArray) -> FloatArray:
    """Return products of the items of a and b, and squares, in units of a sample."""
    z = (values - moments.mean(axis=0)) / moments.std(axis=0, ddof=1)
    pairs = [(i, k) for i in (0, 1) for k in (2, 3, 4)] + [(0, 0), (0, 1), (1, 1)]
    return np.column_stack([z[:, i] * z[:, k] for i, k in pairs])


@pytest.mark.parametrize("method", ["product", "orthogonal"])
def test_linear_models_have_products_too(frame: pd.DataFrame, method: Method) -> None:
    fit = csi.fit(MODEL, frame, Moderated((BOTH, SQUARE), method))
    folds = folds_of(200, 5)[0]
    found = predict(fit, assignment=folds).items.set_index("item")
    x = frame[["a1", "a2", "b1", "b2", "b3"]].to_numpy()
    y = frame[["y1", "y2"]].to_numpy()
    errors = np.empty_like(y)
    for fold in range(5):
        out = folds == fold
        # regressions span the same whether products or their residuals are inputs
        inputs = np.column_stack([np.ones(200), x, products(x, x[~out])])
        slopes = np.linalg.lstsq(inputs[~out], y[~out], rcond=None)[0]
        errors[out] = y[out] - inputs[out] @ slopes
    assert_allclose(
        found.loc[["y1", "y2"], "rmse_lm"], np.sqrt((errors**2).mean(axis=0)), rtol=1e-8
    )
    # nothing but a drives b
    plain = predict(csi.fit(MODEL, frame), assignment=folds).items.set_index("item")
    items = ["b1", "b2", "b3"]
    assert_allclose(found.loc[items, "rmse_lm"], plain.loc[items, "rmse_lm"], rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_the_sample_s_errors_are_the_fit_s(frame: pd.DataFrame, method: Method) -> None:
    fit = csi.fit(MODEL, frame, Moderated((BOTH, SQUARE), method))
    found = predict(fit, folds=5, repeats=1)
    # with divisor n
    expected = np.sqrt((1 - fit.r_squared) * 199 / 200)
    own = found.constructs.set_index("construct")["rmse_in_sample"]
    assert_allclose(own[expected.index], expected, rtol=1e-9)
    inside = predict_rows(fit, frame)
    assert_allclose(
        np.sqrt((inside.residuals**2).mean()),
        found.items.set_index("item")["rmse_in_sample"],
        rtol=1e-9,
    )


def test_an_interaction_that_exists_predicts(frame: pd.DataFrame) -> None:
    plain = predict(csi.fit(MODEL, frame), folds=5, repeats=2)
    with_it = predict(csi.fit(MODEL, frame, Moderated((BOTH,))), folds=5, repeats=2)
    items = ["y1", "y2"]
    own, other = (
        found.items.set_index("item").loc[items, "rmse"] for found in (with_it, plain)
    )
    assert (own < 0.97 * other).all()
    tested = csi.compare(
        {
            "plain": csi.fit(MODEL, frame),
            "moderated": csi.fit(MODEL, frame, Moderated((BOTH,))),
        }
    ).prediction
    assert tested["better"].tolist() == ["moderated"]


def test_conventions_are_told(frame: pd.DataFrame) -> None:
    fit = csi.fit(MODEL, frame, Moderated((BOTH,)))
    found = predict(fit, folds=5, repeats=1)
    told = found.settings["terms in predictions"]
    assert "first-stage weights of those who were estimated from" in told
    assert "predictors of linear models, too" in told
    assert not any("a*b" in note for note in found.notes)
    earliest = predict(fit, folds=5, repeats=1, antecedents="earliest")
    assert any("'a*b' counts as an earliest" in note for note in earliest.notes)
    square = csi.fit(MODEL, frame, Moderated((SQUARE,)))
    other = predict(square, folds=5, repeats=1, antecedents="earliest")
    assert not any("earliest" in note for note in other.notes)


def test_folds_too_large_for_the_products(frame: pd.DataFrame) -> None:
    fit = csi.fit(MODEL, frame, Moderated((BOTH, SQUARE), "product"))
    few = np.where(np.arange(200) < 185, 0, 1)
    # 7 items and 9 products
    with pytest.raises(csi.DataError, match="15 respondents are left to fit 16 items"):
        predict(fit, assignment=few)
