"""Predictions of new rows, and with interactions, equal those of R seminr 2.5.0.

seminr multiplies the scores of a term by the mean standard deviation of its items and
divides its path by that, but predicts by the divided path and the scores as they were:
the effect of a term is too small by that factor, so that its predictions of the rows
it was fitted to aren't the fitted values of its own regression. With two stages its
left-out rows have the product of scores by the weights of everyone, themselves
included, and so have its linear models. Both are written out
here, to reach its numbers from csindex's, which does neither.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.estimation.moderated import Moderated
from csindex.estimation.terms import Method, interaction
from csindex.inference.prediction.conventions import Antecedents
from csindex.inference.prediction.plspredict import predict
from csindex.inference.prediction.rows import predict_rows
from csindex.kernels.arrays import FloatArray, IntArray

Table = Callable[[str, str], pd.DataFrame]
TERM = interaction("image", "expectation", on="satisfaction")
CASES: dict[Method, str] = {
    "product": "m4pi",
    "orthogonal": "m4ortho",
    "two_stage": "m4ts",
}
BLOCKS = {
    "image": [f"IMAG{k}" for k in range(1, 6)],
    "expectation": [f"CUEX{k}" for k in range(1, 4)],
    "value": ["PERV1", "PERV2"],
    "satisfaction": [f"CUSA{k}" for k in range(1, 4)],
}
MODEL = csi.Model(
    "mobi, one outcome",
    [csi.composite(name, *items) for name, items in BLOCKS.items()],
    [(name, "satisfaction") for name in list(BLOCKS)[:3]],
    index="satisfaction",
)
OUTCOMES = BLOCKS["satisfaction"]
PRINTED = 1e-9


def wide(seminr: Table, name: str, part: str) -> pd.DataFrame:
    table = seminr(name, part).replace({"col": {"Image*Expectation": TERM.name}})
    table = table.assign(row=table["row"].astype(int))
    return table.pivot(index="row", columns="col", values="value")


def factor(fit: csi.Results) -> float:
    """Return what seminr multiplies the term's scores by."""
    own = fit.model.blocks[:, -1] > 0
    sizes = np.abs(fit.estimates.loadings[own, -1])
    return float((sizes * fit.moments.sd[own]).sum() / sizes.sum())


def lacking(fit: csi.Results) -> float:
    """Return how much of the term's effect seminr's predictions lack."""
    path = fit.paths.set_index("source")["estimate"].iloc[-1]
    return float(path - path / factor(fit))


def slopes(fit: csi.Results) -> FloatArray:
    """Return how the outcomes rise with the predicted score."""
    loadings = fit.loadings.set_index("item")["estimate"][OUTCOMES]
    own = [fit.model.items.index(item) for item in OUTCOMES]
    return np.asarray(loadings * fit.moments.sd[own])


@pytest.mark.parametrize(
    ("case", "antecedents"), [("Da", "direct"), ("Ea", "earliest")]
)
def test_new_rows(
    mobi: csi.Survey, seminr: Table, case: str, antecedents: Antecedents
) -> None:
    fit = csi.fit(csi.ecsi_mobi(), mobi)
    found = predict_rows(fit, mobi.frame.head(20), antecedents)
    for part, table in (
        ("predictedItems", found.predicted),
        ("predictedCompositeScores", found.predicted_scores),
        ("actualStar", found.scores),
    ):
        expected = wide(seminr, "M12_direct_predict", f"m2{case}.{part}")
        assert len(expected) == len(table) == 20
        # what nothing drives seminr rebuilds from itself
        assert_allclose(table, expected[table.columns], rtol=0, atol=PRINTED)


@pytest.mark.parametrize("method", CASES)
def test_new_rows_with_a_term(mobi: csi.Survey, seminr: Table, method: Method) -> None:
    fit = csi.fit(MODEL, mobi, Moderated((TERM,), method))
    found = predict_rows(fit, mobi.frame.head(20))
    table = f"{CASES[method]}Da"
    actual = wide(seminr, "M12_direct_predict", f"{table}.actualStar")
    actual[TERM.name] /= factor(fit)
    assert_allclose(found.scores, actual[found.scores.columns], atol=PRINTED)
    less = lacking(fit) * found.scores[TERM.name].to_numpy()
    scores = wide(seminr, "M12_direct_predict", f"{table}.predictedCompositeScores")
    assert_allclose(
        found.predicted_scores["satisfaction"] - less,
        scores["satisfaction"],
        atol=PRINTED,
    )
    items = wide(seminr, "M12_direct_predict", f"{table}.predictedItems")
    assert_allclose(
        found.predicted - np.outer(less, slopes(fit)), items[OUTCOMES], atol=PRINTED
    )


def folds_of(seminr: Table, name: str) -> IntArray:
    order = seminr(name, "shuffleOrder.0")["value"].astype(int)
    folds = np.empty(250, dtype=np.int64)
    folds[order - 1] = np.arange(250) // 25
    return folds


def with_scores_of_everyone(mobi: csi.Survey) -> tuple[csi.Model, pd.DataFrame]:
    """Return a model with the product of everyone's scores as an item, and answers."""
    plain = csi.fit(MODEL, mobi)
    z = predict_rows(plain, mobi).scores
    model = csi.Model(
        "product of everyone's scores",
        [*MODEL.constructs, csi.composite(TERM.name, TERM.item)],
        [*MODEL.paths, (TERM.name, "satisfaction")],
    )
    return model, mobi.frame.assign(**{TERM.item: z["image"] * z["expectation"]})


@pytest.mark.parametrize("method", CASES)
def test_left_out_rows_with_a_term(
    mobi: csi.Survey, seminr: Table, method: Method
) -> None:
    name = f"M8_predict_{CASES[method]}_da"
    folds = folds_of(seminr, name)
    frame = mobi.frame
    scores = wide(seminr, name, "compositesOutOfSample")
    items = pd.DataFrame(np.nan, frame.index, OUTCOMES)
    everyone = with_scores_of_everyone(mobi)[1]
    for fold in range(10):
        out = folds == fold
        fit = csi.fit(MODEL, frame[~out], Moderated((TERM,), method))
        found = predict_rows(fit, frame[out])
        own = term = found.scores[TERM.name].to_numpy()
        if method == "two_stage":
            # the product by everyone's weights, in units of those who are left
            product = everyone[out][TERM.item].to_numpy()
            term = (product - fit.moments.mean[-1]) / fit.moments.sd[-1]
        theirs = scores[out][TERM.name].to_numpy()
        # a term has either sign in their folds
        assert_allclose(np.sign(term @ theirs) * term, theirs, atol=PRINTED)
        path = fit.paths["estimate"].iloc[-1]
        less = path * own - path / factor(fit) * term
        assert_allclose(
            found.predicted_scores["satisfaction"] - less,
            scores[out]["satisfaction"],
            atol=PRINTED,
        )
        items[out] = found.predicted - np.outer(less, slopes(fit))
    errors = frame[OUTCOMES] - items
    metrics = seminr(name, "plsMetricsOutOfSample").set_index(["row", "col"])["value"]
    assert_allclose(
        np.sqrt((errors**2).mean()), metrics["RMSE"][OUTCOMES], atol=PRINTED
    )
    assert_allclose(errors.abs().mean(), metrics["MAE"][OUTCOMES], atol=PRINTED)


@pytest.mark.parametrize("method", CASES)
def test_linear_models_have_the_items_of_the_term(
    mobi: csi.Survey, seminr: Table, method: Method
) -> None:
    name = f"M8_predict_{CASES[method]}_da"
    if method == "two_stage":
        fit = csi.fit(*with_scores_of_everyone(mobi))
    else:
        fit = csi.fit(MODEL, mobi, Moderated((TERM,), method))
    found = predict(fit, assignment=folds_of(seminr, name)).items.set_index("item")
    table = seminr(name, "lmMetricsOutOfSample").set_index(["row", "col"])["value"]
    assert_allclose(found["rmse_lm"], table["RMSE"][OUTCOMES], atol=PRINTED)
    assert_allclose(found["mae_lm"], table["MAE"][OUTCOMES], atol=PRINTED)


@pytest.mark.parametrize("method", CASES)
def test_predictions_of_the_fitted_rows_are_the_regression_s(
    mobi: csi.Survey, seminr: Table, method: Method
) -> None:
    # least squares leaves nothing that its predictors explain; seminr's leaves some
    fit = csi.fit(MODEL, mobi, Moderated((TERM,), method))
    found = predict_rows(fit, mobi)
    z = found.scores
    ours = z["satisfaction"] - found.predicted_scores["satisfaction"]
    assert_allclose(z[TERM.name] @ ours / 250, 0, atol=1e-12)
    table = wide(
        seminr, "M12_direct_predict", f"{CASES[method]}Da.predictedCompositeScores"
    )
    theirs = found.predicted_scores["satisfaction"] - lacking(fit) * z[TERM.name]
    assert_allclose(theirs[:20], table["satisfaction"], atol=PRINTED)
    left = z[TERM.name] @ (z["satisfaction"] - theirs) / 249
    assert_allclose(left, lacking(fit), atol=1e-12)
    assert abs(left) > 0.005
