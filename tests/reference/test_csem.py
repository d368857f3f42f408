"""ECSI on mobi equals cSEM 0.6.1.9000: mode B, validity, importance, bootstrap."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi

Reader = Callable[[str], pd.DataFrame]


@pytest.fixture(scope="module")
def mode_b(mobi: csi.Survey) -> csi.Results:
    return csi.fit(csi.ecsi_mobi(), mobi, csi.PLS(mode="B"))


@pytest.mark.parametrize("attribute", ["weights", "loadings"])
def test_mode_b_items(mode_b: csi.Results, csem: Reader, attribute: str) -> None:
    expected = csem(f"mobi_modeB_path_{attribute}")
    for row in getattr(mode_b, attribute).itertuples():
        assert_allclose(row.estimate, expected.loc[row.item, row.construct], atol=1e-6)


def test_mode_b_paths(mode_b: csi.Results, csem: Reader) -> None:
    expected = csem("mobi_modeB_path_paths")
    for row in mode_b.paths.itertuples():
        assert_allclose(row.estimate, expected.loc[row.target, row.source], atol=1e-6)


@pytest.mark.parametrize("mode", ["A", "B"])
def test_r_squared(
    ecsi: csi.Results, mode_b: csi.Results, csem: Reader, mode: str
) -> None:
    expected = csem(f"mobi_mode{mode}_path_R2")["x"]
    found = (ecsi if mode == "A" else mode_b).r_squared
    assert_allclose(found[expected.index], expected, atol=1e-6)


@pytest.mark.parametrize("mode", ["A", "B"])
def test_htmt(ecsi: csi.Results, mode_b: csi.Results, csem: Reader, mode: str) -> None:
    expected = csem(f"mobi_mode{mode}_path_HTMT")
    # cSEM keeps the signs of correlations, which matters for quality and loyalty
    results = ecsi if mode == "A" else mode_b
    found = csi.assess(results, htmt_absolute=False).htmt
    for k, row in enumerate(expected.index):
        for column in expected.columns[: k + 1]:
            assert_allclose(
                found.loc[row, column], expected.loc[row, column], atol=1e-6
            )


def test_mode_b_has_no_internal_consistency(mode_b: csi.Results) -> None:
    table = csi.assess(mode_b).reliability.drop(index="complaints")
    assert table[["rho_a", "rho_c", "ave"]].isna().all().all()


def test_f_squared(ecsi: csi.Results, csem: Reader) -> None:
    expected = csem("mobi_modeA_path_f2")
    for row in csi.assess(ecsi).f_squared.itertuples():
        assert_allclose(row.f_squared, expected.loc[row.target, row.source], atol=1e-6)


@pytest.mark.parametrize("target", ["satisfaction", "complaints", "loyalty"])
def test_importance(ecsi: csi.Results, csem: Reader, target: str) -> None:
    effects = csem("mobi_IPMA_importance_unstd_total").loc[target]
    scores = csem("mobi_IPMA_performance")["x"]
    table = csi.importance_performance(ecsi, target).set_index("driver")
    assert set(table.index) == set(effects[effects != 0].index)
    assert_allclose(table["importance"], effects[table.index], atol=1e-5)
    assert_allclose(table["performance"], scores[table.index], atol=1e-4)


def test_bootstrap_standard_errors(ecsi: csi.Results, csem: Reader) -> None:
    # 999 resamples: a standard error has a Monte Carlo error of 1/sqrt(2 * 999), 2.2 %,
    # so that 8 % is 3.4 of them; the largest of twelve stays below
    expected = csem("mobi_modeA_path_boot999_seed42_paths")["sd"]
    paths = csi.bootstrap(ecsi, n=10_000, seed=1).paths
    names = {name.lower() for name in expected.index}
    for row in paths.itertuples():
        name = f"{row.target} ~ {row.source}"
        assert name in names
        reference = expected[[n.lower() == name for n in expected.index]].item()
        assert_allclose(row.se, reference, rtol=0.08)
