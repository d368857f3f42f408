"""Every table that R seminr 2.5.0 made of two fits to mobi, a small one and ECSI.

seminr stops at tolerance 1e-7, as csindex does. Scores are standardised there, and
those of the first five respondents and the mean of all absolute ones are given.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi

Table = Callable[[str, str], pd.DataFrame]

DRIVERS = {
    "image": [f"IMAG{k}" for k in range(1, 6)],
    "expectation": [f"CUEX{k}" for k in range(1, 4)],
    "value": ["PERV1", "PERV2"],
}
SMALL = csi.Model(
    "three drivers",
    [
        *(csi.composite(name, *items) for name, items in DRIVERS.items()),
        csi.composite("satisfaction", "CUSA1", "CUSA2", "CUSA3"),
    ],
    [(name, "satisfaction") for name in DRIVERS],
    index="satisfaction",
)
FITS = {
    "M1_basic_composite": (SMALL, csi.PLS(mode={"value": "B"})),
    "M2_full_ecsi": (csi.ecsi_mobi(), csi.PLS()),
}


Case = tuple[csi.Results, Callable[[str], pd.DataFrame]]


@pytest.fixture(scope="module", params=FITS)
def case(request: pytest.FixtureRequest, mobi: csi.Survey, seminr: Table) -> Case:
    """Return a fit, and a reader of its tables that makes them wide."""
    model, estimator = FITS[request.param]

    def read(part: str) -> pd.DataFrame:
        table = seminr(request.param, part)
        # with one outcome, R wrote its column once for each letter of its name
        table = table.replace({"col": {"S": "satisfaction"}}).dropna(subset="value")
        table = table.drop_duplicates(["row", "col"])
        return table.pivot(index="row", columns="col", values="value")

    return csi.fit(model, mobi, estimator), read


@pytest.mark.parametrize("part", ["pathCoef", "outerLoadings", "outerWeights"])
def test_estimates(case: Case, part: str) -> None:
    fit, read = case
    names = list(fit.model.construct_names)
    items = list(fit.model.items)
    table, rows, index, columns = {
        "pathCoef": (fit.paths, names, "source", "target"),
        "outerLoadings": (fit.loadings, items, "item", "construct"),
        "outerWeights": (fit.weights, items, "item", "construct"),
    }[part]
    found = table.pivot(index=index, columns=columns, values="estimate")
    found = found.reindex(index=rows, columns=names).fillna(0.0)
    expected = read(part)
    assert expected.shape == found.shape
    assert_allclose(found, expected.loc[rows, names], atol=1e-9)


def test_explained(case: Case) -> None:
    fit, read = case
    found = csi.assess(fit).r_squared.set_index("construct")
    expected = read("rSquared")
    assert_allclose(found["r2"], expected.loc["Rsq", found.index], atol=1e-9)
    adjusted = expected.loc["AdjRsq", found.index]
    assert_allclose(found["r2_adjusted"], adjusted, atol=1e-9)


def test_scores(case: Case) -> None:
    fit, read = case
    names = list(fit.model.construct_names)
    values = fit.respondent_scores()[names]
    found = (values - values.mean()) / values.std()
    first = read("constructScoresHead")
    assert first.index.tolist() == ["1", "2", "3", "4", "5"]
    assert_allclose(found.iloc[:5], first[names], atol=1e-9)
    sizes = found.abs().mean()
    expected = read("constructScoresAbsMean").reset_index()
    assert len(expected) == len(names)
    assert_allclose(sizes, expected.set_index("row").iloc[:, 0][names], atol=1e-9)


def test_total_effects(mobi: csi.Survey, seminr: Table) -> None:
    fit = csi.fit(csi.ecsi_mobi(), mobi)
    table = seminr("M2_full_ecsi", "totalEffects")
    assert len(table) == 49
    expected = table.set_index(["row", "col"])["value"]
    expected = expected[expected != 0]
    found = fit.total_effects.set_index(["source", "target"])["estimate"]
    assert len(found) == len(expected)
    assert_allclose(found[expected.index], expected, atol=1e-9)
