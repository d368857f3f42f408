"""Modification indices, residuals and reliability of ordinal items and of gaps."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.diagnostics.covariance import (
    factor_scores,
    model_reliability,
    modification_indices,
    residuals,
)
from csindex.diagnostics.covariance_residuals import ResidualKind
from csindex.errors import SpecificationError
from csindex.estimation.cbsem import CBSEM

FOLDER = Path(__file__).parent / "reference" / "lavaan"
INDICES = pd.read_csv(FOLDER / "hsord_modindices.csv")
RESIDUALS = pd.read_csv(FOLDER / "hsord_residuals.csv")
HS = csi.Model(
    "hs",
    [
        csi.reflective("visual", "x1", "x2", "x3"),
        csi.reflective("textual", "x4", "x5", "x6"),
        csi.reflective("speed", "x7", "x8", "x9"),
    ],
)
MIXED = ("x2", "x3", "x5", "x6", "x7", "x8", "x9")
ESTIMATORS = {
    "hsord_wlsmv": CBSEM("WLSMV", ordinal=True),
    "hsord_wls": CBSEM("WLS", ordinal=True),
    "hsmixed_wlsmv": CBSEM("WLSMV", ordinal=MIXED),
    "hsmiss_fiml": CBSEM("ML", missing="fiml"),
    "hsmiss_fiml_mlr": CBSEM("MLR", missing="fiml"),
    "hs_mlm": CBSEM("MLM"),
}


@cache
def pupils(kind: str) -> pd.DataFrame:
    """Return the tests as they are, cut as in the reference's script, or with gaps."""
    spec = find_spec("semopy")
    assert spec is not None
    assert spec.origin is not None
    file = Path(spec.origin).parent / "examples" / "holzinger_swineford39_data.csv"
    frame = pd.read_csv(file)[list(HS.items)]
    if kind == "hsmiss":
        cells = pd.read_csv(FOLDER / "missing_cells.csv")
        for row, item in cells.loc[cells["data"] == "hs", ["row", "item"]].to_numpy():
            frame.loc[row, item] = np.nan
    for item in {"hsord": HS.items, "hsmixed": MIXED}.get(kind, ()):
        cuts = frame[item].quantile([0.15, 0.5, 0.85]).to_numpy()
        frame[item] = np.searchsorted(cuts, frame[item]) + 1
    return frame


@cache
def fitted(tag: str) -> csi.Results:
    survey = csi.read_survey(pupils(tag.partition("_")[0]))
    return csi.fit(HS, survey, estimator=ESTIMATORS[tag])


@pytest.mark.parametrize("tag", INDICES["tag"].unique())
def test_modification_indices_of_ordinal_items(tag: str) -> None:
    """Lavaan's derivatives are (N - 1) / N of those that its chi-square has."""
    theirs = INDICES[INDICES["tag"] == tag]
    both = theirs.merge(
        modification_indices(fitted(tag)),
        on=["lhs", "op", "rhs"],
        suffixes=("_theirs", ""),
    )
    assert len(both) == len(theirs) == 54
    # lavaan's gradient isn't quite zero
    assert_allclose(both["mi"], both["mi_theirs"] * 301 / 300, rtol=1e-3, atol=1e-4)
    for name in ("epc", "epc_standardized"):
        assert_allclose(both[name], both[f"{name}_theirs"] * 301 / 300, rtol=4e-4)


@pytest.mark.parametrize("parameterization", ["delta", "theta"])
def test_modification_indices_foretell_the_fall_of_chi_square(
    parameterization: str,
) -> None:
    """Freed, a small coefficient takes the value foretold; by theta in other units."""
    base = CBSEM("WLSMV", ordinal=True, parameterization=parameterization)  # type: ignore[arg-type]
    survey = csi.read_survey(pupils("hsord"))
    before = csi.fit(HS, survey, estimator=base)
    told = modification_indices(before)
    small = told[(told["op"] == "=~") & (told["mi"] < 0.5)].iloc[0]
    more = CBSEM(
        "WLSMV",
        ordinal=True,
        parameterization=parameterization,  # type: ignore[arg-type]
        additions=f"{small['lhs']} =~ {small['rhs']}",
    )
    after = csi.fit(HS, survey, estimator=more)
    fall = before.fit_measures["chisq"] - after.fit_measures["chisq"]
    assert_allclose(small["mi"], fall, rtol=0.1)
    found = after.parameters.set_index(["lhs", "op", "rhs"])["estimate"]
    expected = found[small["lhs"], "=~", small["rhs"]]
    assert_allclose(small["epc"], expected, rtol=0.1)


@pytest.mark.parametrize("tag", RESIDUALS["tag"].unique())
@pytest.mark.parametrize("kind", ["normalized", "standardized"])
def test_residuals_are_lavaans(tag: str, kind: ResidualKind) -> None:
    theirs = RESIDUALS[(RESIDUALS["tag"] == tag) & (RESIDUALS["kind"] == kind)]
    mine = residuals(fitted(tag), kind)
    found = [
        mine.loc[a, b] for a, b in zip(theirs["one"], theirs["other"], strict=True)
    ]
    assert len(found) == 45
    assert_allclose(found, theirs["value"], atol=1e-4)


def test_raw_residuals_of_ordinal_items_are_those_of_polychoric_correlations() -> None:
    results = fitted("hsord_wlsmv")
    raw = residuals(results, "raw")
    assert_allclose(np.diagonal(raw), 0.0, atol=1e-12)
    assert_allclose(raw, residuals(results, "correlation"), atol=1e-12)
    srmr = np.sqrt((raw.to_numpy()[np.triu_indices(9)] ** 2).mean())
    assert_allclose(srmr, results.fit_measures["srmr"], rtol=1e-10)


def test_reliability_of_ordinal_items() -> None:
    """Numbers of semTools 0.5-6, compRelSEM(ord.scale = TRUE) and reliability()."""
    results = fitted("hsord_wlsmv")
    found = model_reliability(results).set_index("construct")
    omega = [0.59702932609769832, 0.86298212950906716, 0.64097173753718872]
    alpha = [0.63079933074002403, 0.90093344886286719, 0.67814641212805116]
    ave = [0.39213475721317287, 0.75658060453794451, 0.42966872414884505]
    for name, values in (("omega", omega), ("alpha", alpha), ("ave", ave)):
        assert_allclose(found[name], values, rtol=2e-6, err_msg=name)
    assessed = csi.assess(results).reliability
    for name, values in (
        ("omega", omega),
        ("alpha", alpha),
        ("alpha_standardized", alpha),
        ("ave", ave),
    ):
        assert_allclose(assessed[name], values, rtol=2e-6, err_msg=name)


def test_reliability_by_either_parameterization() -> None:
    survey = csi.read_survey(pupils("hsord"))
    theta = CBSEM("WLSMV", ordinal=True, parameterization="theta")
    other = model_reliability(csi.fit(HS, survey, estimator=theta))
    assert_allclose(
        other[["omega", "ave", "alpha"]],
        model_reliability(fitted("hsord_wlsmv"))[["omega", "ave", "alpha"]],
        rtol=1e-5,
    )


def test_reliability_of_ordinal_and_continuous_items() -> None:
    """One construct of each kind: speed is cut, the others are as they are."""
    frame, cut = pupils("hs").copy(), ["x7", "x8", "x9"]
    frame[cut] = pupils("hsord")[cut]
    estimator = CBSEM("WLSMV", ordinal=tuple(cut))
    results = csi.fit(HS, csi.read_survey(frame), estimator=estimator)
    found = model_reliability(results).set_index("construct")
    assert found["alpha"].isna().tolist() == [True, True, False]
    own = results.parameters
    loadings = own.loc[(own["op"] == "=~") & (own["lhs"] == "visual"), "estimate"]
    variance = own.loc[(own["lhs"] == "visual") & (own["rhs"] == "visual"), "estimate"]
    errors = own.loc[(own["op"] == "~~") & (own["lhs"] == own["rhs"])]
    errors = errors.set_index("lhs").loc[["x1", "x2", "x3"], "estimate"]
    true = loadings.sum() ** 2 * variance.iloc[0]
    assert_allclose(found.loc["visual", "omega"], true / (true + errors.sum()))
    raw = frame[["x1", "x2", "x3"]].cov().to_numpy()
    alpha = 1.5 * (1 - np.trace(raw) / raw.sum())
    # correlations of normal items are as estimated, with the answers' deviations
    assessed = csi.assess(results).reliability
    assert_allclose(assessed.loc["visual", "alpha"], alpha, rtol=1e-6)
    mixed = csi.assess(fitted("hsmixed_wlsmv")).reliability["omega"]
    assert mixed.isna().tolist() == [True, True, False]


@pytest.mark.parametrize("tag", ["hsord_wlsmv", "hsmixed_wlsmv"])
def test_ordinal_items_have_no_linear_factor_scores(tag: str) -> None:
    with pytest.raises(SpecificationError, match="respondent_scores"):
        factor_scores(fitted(tag))
