"""Out-of-sample predictions of mobi equal those of R seminr 2.5.0 and of cSEM.

seminr's tables hold the order that it drew, so that the folds are the same; cSEM's
folds are unknown, so that its numbers have the error of one division into folds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.inference.prediction.conventions import Antecedents
from csindex.inference.prediction.plspredict import Prediction, predict

Table = Callable[[str, str], pd.DataFrame]

BASIC = csi.Model(
    "basic",
    constructs=(
        csi.reflective("image", *(f"IMAG{k}" for k in range(1, 6))),
        csi.reflective("expectation", *(f"CUEX{k}" for k in range(1, 4))),
        csi.reflective("value", "PERV1", "PERV2"),
        csi.reflective("satisfaction", *(f"CUSA{k}" for k in range(1, 4))),
    ),
    paths=tuple(
        (source, "satisfaction") for source in ("image", "expectation", "value")
    ),
)
CASES: dict[str, tuple[csi.Model, csi.PLS, Antecedents]] = {
    "m1_da": (BASIC, csi.PLS(mode={"value": "B"}), "direct"),
    "m2_da": (csi.ecsi_mobi(), csi.PLS(), "direct"),
    "m2_ea": (csi.ecsi_mobi(), csi.PLS(), "earliest"),
}


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def predicted(case: str, mobi: csi.Survey, seminr: Table) -> Prediction:
    model, estimator, antecedents = CASES[case]
    order = seminr(f"M8_predict_{case}", "shuffleOrder.0")["value"].astype(int)
    folds = np.empty(250, dtype=np.int64)
    folds[order - 1] = np.arange(250) // 25
    fit = csi.fit(model, mobi, estimator)
    return predict(fit, assignment=folds, antecedents=antecedents)


@pytest.mark.parametrize(
    ("part", "measure", "column"),
    [
        ("plsMetricsOutOfSample", "RMSE", "rmse"),
        ("plsMetricsOutOfSample", "MAE", "mae"),
        ("lmMetricsOutOfSample", "RMSE", "rmse_lm"),
        ("lmMetricsOutOfSample", "MAE", "mae_lm"),
    ],
)
def test_errors_of_items(
    case: str,
    predicted: Prediction,
    seminr: Table,
    part: str,
    measure: str,
    column: str,
) -> None:
    table = seminr(f"M8_predict_{case}", part)
    expected = table[table["row"] == measure].set_index("col")["value"]
    found = predicted.items.set_index("item")[column]
    assert set(found.index) == set(expected.index)
    assert_allclose(found[expected.index], expected, atol=1e-8)


@pytest.mark.parametrize("antecedents", ["direct", "earliest"])
def test_errors_of_constructs(
    mobi: csi.Survey, seminr: Table, antecedents: Antecedents
) -> None:
    # seminr takes scores by the weights of everyone for the true ones
    name = f"M8_predict_m2_{antecedents[0]}a"
    order = seminr(name, "shuffleOrder.0")["value"].astype(int)
    folds = np.empty(250, dtype=np.int64)
    folds[order - 1] = np.arange(250) // 25
    fit = csi.fit(csi.ecsi_mobi(), mobi)
    found = predict(fit, assignment=folds, antecedents=antecedents)
    made = fit.moments
    answers = mobi.frame[list(made.names)].to_numpy()
    scores = (answers - made.mean) / made.sd @ fit.estimates.weights
    table = seminr(name, "constructError").pivot(
        index="col", columns="row", values="value"
    )
    assert len(table) == 6
    for construct, row in table.iterrows():
        position = fit.model.construct_names.index(str(construct))
        errors = scores[:, position] - found.predicted_scores[construct]
        assert_allclose((errors**2).mean(), row["OOS_MSE"], atol=1e-8)
        assert_allclose(np.abs(errors).mean(), row["OOS_MAE"], atol=1e-8)


def test_csem_s_errors(mobi: csi.Survey, csem: Callable[[str], pd.DataFrame]) -> None:
    # cSEM's linear models have other predictors than the earliest antecedents' items
    table = csem("mobi_modeA_predict_lm_cv10").set_index("Name")
    found = predict(csi.fit(csi.ecsi_mobi(), mobi), antecedents="earliest", repeats=20)
    ours = found.items.set_index("item").loc[table.index]
    assert len(ours) == 19
    assert_allclose(ours["rmse"], table["RMSE_target"], rtol=0.01)
    assert_allclose(ours["mae"], table["MAE_target"], rtol=0.01)
    assert_allclose(ours["q2_predict"], table["Q2_predict"], atol=0.01)
