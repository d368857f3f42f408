"""Published and independently computed figures of indices.

The raw metric of Tenenhaus et al. (2005), index values and importance on mobi, and the
ACSI with price tolerance on 774 cases.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.kernels.pls import Scheme

RAW = csi.PLS(scheme="centroid", scaled=False)
# Tenenhaus, Esposito Vinzi, Chatelin & Lauro (2005): three printed decimals
PATHS = [
    0.493, 0.545, 0.066, 0.540, 0.153, 0.037, 0.544, 0.200, 0.540, 0.212, 0.465, 0.050,
]  # fmt: skip
R_SQUARED = [0.243, 0.297, 0.335, 0.672, 0.292, 0.432]
# plspm 0.5.1, rescaled scores of the raw metric: three printed decimals
RAW_SCORES = [72.685, 72.325, 74.584, 61.584, 71.250, 67.423, 69.292]


@pytest.fixture(scope="module")
def raw(mobi: csi.Survey) -> csi.Results:
    return csi.fit(csi.ecsi_mobi(), mobi, RAW)


def test_raw_metric_paths(raw: csi.Results) -> None:
    assert_allclose(raw.paths["estimate"], PATHS, atol=0.0006)
    assert_allclose(raw.r_squared, R_SQUARED, atol=0.0006)


def test_raw_metric_scores(raw: csi.Results) -> None:
    # plspm divides by n, not n - 1, in the weights' start, and stops at 1e-6
    assert_allclose(raw.scores["score"], RAW_SCORES, atol=0.002)


def test_raw_metric_of_plspm(raw: csi.Results, folder: Path) -> None:
    names = dict(
        zip(
            ["IMAG", "EXPE", "QUAL", "VAL", "SAT", "COMP", "LOY"],
            raw.model.construct_names,
            strict=True,
        )
    )
    table = pd.read_csv(
        folder / "plspm" / "mobile_ecsi_unscaled_centroid_paths.csv", index_col=0
    ).rename(columns=names, index=names)
    for row in raw.paths.itertuples():
        assert_allclose(row.estimate, table.loc[row.target, row.source], atol=5e-5)
    outer = pd.read_csv(
        folder / "plspm" / "mobile_ecsi_unscaled_centroid_outer.csv", index_col=0
    )
    assert_allclose(raw.loadings["estimate"], outer["loading"], atol=5e-5)


def _conventions(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "ipma" / name)


@pytest.mark.parametrize("scheme", ["path", "factorial", "centroid"])
@pytest.mark.parametrize("target", ["Satisfaction", "Loyalty"])
def test_index_and_importance(
    mobi: csi.Survey, folder: Path, scheme: Scheme, target: str
) -> None:
    results = csi.fit(csi.ecsi_mobi(), mobi, csi.PLS(scheme=scheme))
    table = _conventions(folder, "mobi_ipma.csv").replace({"factor": "factorial"})
    expected = table[(table["scheme"] == scheme) & (table["target"] == target)]
    expected = expected.assign(lv=expected["lv"].str.lower()).set_index("lv")
    found = csi.importance_performance(results, target.lower()).set_index("driver")
    scores = results.scores.set_index("construct")
    assert_allclose(
        found["importance"], expected.loc[found.index, "total_unstd"], atol=1e-5
    )
    assert_allclose(
        found["performance"], expected.loc[found.index, "performance"], atol=1e-4
    )
    assert_allclose(scores.loc[expected.index, "sd"], expected["sd_perf"], atol=1e-4)
    assert_allclose(
        scores.loc[target.lower(), "score"], expected["target_perf"].iloc[0], atol=1e-4
    )


def test_index_convention(ecsi: csi.Results, folder: Path) -> None:
    # three conventions are in use and differ; ours is the ACSI's, w/s
    table = _conventions(folder, "mobi_index_conventions.csv")
    expected = table.assign(lv=table["lv"].str.lower()).set_index("lv").iloc[:, 0]
    scores = ecsi.scores.set_index("construct")["score"]
    assert_allclose(scores[expected.index], expected, atol=1e-4)
    assert_allclose(ecsi.index, 72.4541, atol=1e-4)


def _replica(folder: Path) -> csi.Moments:
    corr = pd.read_csv(folder / "acsi774" / "acsi774_replica_corr.csv", index_col=0)
    moments = pd.read_csv(
        folder / "acsi774" / "acsi774_replica_moments.csv", index_col=0
    )
    sd = moments["sd"].to_numpy()
    ends = {"CC1": (0, 1), "CL2": (0, 50)}
    low, high = zip(
        *(ends.get(str(name), (1, 10)) for name in corr.columns), strict=True
    )
    return csi.Moments(
        list(corr.columns),
        moments["mean"],
        corr.to_numpy() * np.outer(sd, sd),
        774,
        low,
        high,
    )


@pytest.mark.parametrize("scheme", ["path", "factorial", "centroid"])
def test_acsi_of_774_cases(folder: Path, scheme: Scheme) -> None:
    model = csi.acsi().with_items(
        expectation=["CE1", "CE2", "CE3"],
        quality=["PQ1", "PQ2", "PQ3"],
        value=["PV1", "PV2"],
        satisfaction=["CS1", "CS2", "CS3"],
        complaints=["CC1"],
        loyalty=["CL1", "CL2"],
    )
    results = csi.fit(model, _replica(folder), csi.PLS(scheme=scheme))
    table = pd.read_csv(folder / "acsi774" / "acsi774_replica_pls_modeA.csv")
    table = table[table["scheme"].replace({"factor": "factorial"}) == scheme]
    items = table[table["kind"] == "mv"]
    assert_allclose(results.weights["estimate"], items["weight"], atol=2e-6)
    assert_allclose(results.loadings["estimate"], items["loading"], atol=2e-6)
    paths = table[table["kind"] == "path"]["weight"]
    assert_allclose(results.paths["estimate"], paths, atol=2e-6)
    assert_allclose(
        results.r_squared, table[table["kind"] == "R2"]["weight"], atol=2e-6
    )
    # complaints and loyalty have no figure there
    given = items.drop_duplicates("a")["index100"].to_numpy()
    found = results.scores["score"].to_numpy()
    assert_allclose(found[~np.isnan(given)], given[~np.isnan(given)], atol=1e-4)
