"""ECSI on mobi equals cSEM 0.6.1.9000: importance and bootstrap; mode B's validity."""

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


def test_mode_b_has_no_internal_consistency(mode_b: csi.Results) -> None:
    table = csi.assess(mode_b).reliability.drop(index="complaints")
    assert table[["rho_a", "rho_c", "ave"]].isna().all().all()


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
