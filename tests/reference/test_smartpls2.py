"""ECSI on mobi equals SmartPLS 2.0.M3 in three inner weighting schemes.

Tolerance 1e-6: eight decimals are printed, and both programs stop when the weights
change by less than 1e-7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.kernels.pls import Scheme

Reader = Callable[[str], pd.DataFrame]
Case = tuple[csi.Results, Reader]


@pytest.fixture(scope="module", params=get_args(Scheme))
def case(
    request: pytest.FixtureRequest,
    mobi: csi.Survey,
    smartpls: Callable[[str, str], pd.DataFrame],
) -> Case:
    scheme = request.param
    results = csi.fit(csi.ecsi_mobi(), mobi, csi.PLS(scheme=scheme))
    return results, lambda name: smartpls(scheme, name)


def test_weights(case: Case) -> None:
    results, table = case
    expected = table("outerWeights")
    for row in results.weights.itertuples():
        assert_allclose(row.estimate, expected.loc[row.item, row.construct], atol=1e-6)


def test_cross_loadings(case: Case) -> None:
    results, table = case
    expected = table("crossLoadings")
    found = results.cross_loadings.loc[expected.index, expected.columns]
    assert_allclose(found, expected, atol=1e-6)


def test_loadings(case: Case) -> None:
    results, table = case
    expected = table("crossLoadings")
    for row in results.loadings.itertuples():
        assert_allclose(row.estimate, expected.loc[row.item, row.construct], atol=1e-6)


@pytest.mark.parametrize(
    ("attribute", "name"),
    [("paths", "pathCoefficients"), ("total_effects", "totalEffects")],
)
def test_effects(case: Case, attribute: str, name: str) -> None:
    results, table = case
    expected = table(name)
    found = getattr(results, attribute)
    for row in found.itertuples():
        assert_allclose(row.estimate, expected.loc[row.source, row.target], atol=1e-6)
    # and there is no effect in the reference that csindex doesn't list
    assert len(found) == int((expected != 0).to_numpy().sum())
