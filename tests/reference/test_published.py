"""Published and independently computed figures of indices.

The raw metric of Tenenhaus et al. (2005), index values and importance on mobi, the
ACSI with price tolerance on 774 cases, mode B on the ACSI of 2015, and SERVQUAL.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.diagnostics.instrument import adequacy
from csindex.kernels.pls import Scheme

RAW = csi.PLS(scheme="centroid", scaled=False)
# plspm 0.5.1, rescaled scores of the raw metric: three printed decimals
RAW_SCORES = [72.685, 72.325, 74.584, 61.584, 71.250, 67.423, 69.292]


@pytest.fixture(scope="module")
def raw(mobi: csi.Survey) -> csi.Results:
    return csi.fit(csi.ecsi_mobi(), mobi, RAW)


def test_raw_metric_of_the_article(raw: csi.Results, folder: Path) -> None:
    table = pd.read_csv(folder / "method" / "tenenhaus2005_ecsi_raw.csv")
    table.columns = ["item", "statistic", "value"]
    paths = raw.paths["source"].str.title() + "->" + raw.paths["target"].str.title()
    found = {
        "R2": raw.r_squared.rename(index=str.title),
        "beta": raw.paths.set_index(paths)["estimate"],
        "mean LV score 0-100 (weights sum to 1)": raw.scores.set_index(
            raw.scores["construct"].str.title()
        )["score"],
    }
    assert table.groupby("statistic").size().sort_values().tolist() == [6, 7, 12]
    for row in table.itertuples():
        # three printed decimals
        assert_allclose(found[row.statistic][row.item], row.value, atol=5.1e-4)


def test_raw_metric_scores(raw: csi.Results) -> None:
    # plspm divides by n, not n - 1, in the weights' start, and stops at 1e-6
    assert_allclose(raw.scores["score"], RAW_SCORES, atol=0.002)


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


@pytest.fixture(scope="module")
def acsi_2015(folder: Path) -> csi.Results:
    """Return composites of mode B, from correlations of 7,422 complete answers."""
    corr = pd.read_csv(folder / "method" / "acsi2015_correlations.csv", index_col=0)
    model = csi.Model(
        "total customer-perceived value, satisfaction",
        [
            csi.composite("E", "OVERALLX", "CUSTOMX", "WRONGX"),
            csi.composite("Q", "OVERALLQ", "CUSTOMQ", "WRONGQ"),
            csi.composite("V", "PQ", "QP"),
            csi.composite("S", "SATIS", "CONFIRM", "IDEAL"),
            csi.composite("L", "REPUR"),
        ],
        [
            ("E", "Q"),
            ("E", "V"),
            ("Q", "V"),
            ("E", "S"),
            ("Q", "S"),
            ("V", "S"),
            ("S", "L"),
        ],
        index="S",
    )
    values = corr.loc[list(model.items), list(model.items)].to_numpy()
    moments = csi.Moments(model.items, np.zeros(12), values, 7422)
    return csi.fit(model, moments, csi.PLS(mode="B"))


def test_mode_b_of_the_acsi(acsi_2015: csi.Results, folder: Path) -> None:
    table = pd.read_csv(folder / "method" / "tcpvss_measurement.csv")
    loadings = acsi_2015.loadings.set_index("item")["estimate"]
    assert len(table) == 12
    # three printed decimals
    assert_allclose(loadings[table["Indicator"]], table["Loading"], atol=5.1e-4)
    printed = table.dropna(subset="Construct").set_index("Construct").drop(index="L")
    found = csi.assess(acsi_2015).reliability["alpha_standardized"]
    assert_allclose(found[printed.index], printed["Alpha"].astype(float), atol=5.1e-4)
    # rho_C and AVE from loadings of mode B, which csindex doesn't call reliability
    for name, row in printed.iterrows():
        own = acsi_2015.loadings.set_index("construct").loc[name, "estimate"]
        shared, unique = own.sum() ** 2, (1 - own**2).sum()
        assert_allclose(shared / (shared + unique), float(row["rhoC"]), atol=5.1e-4)
        assert_allclose((own**2).mean(), float(row["AVE"]), atol=5.1e-4)


def test_validity_of_the_acsi(acsi_2015: csi.Results, folder: Path) -> None:
    assessment = csi.assess(acsi_2015)
    expected = pd.read_csv(folder / "method" / "tcpvss_htmt.csv", index_col=0)
    found = assessment.htmt.loc[expected.index, expected.columns]
    # four printed decimals
    assert_allclose(found, expected, atol=5.1e-5)
    larcker = pd.read_csv(folder / "method" / "tcpvss_fornell_larcker.csv", index_col=0)
    ours = assessment.fornell_larcker.loc[larcker.index, larcker.columns].to_numpy(
        copy=True
    )
    # csindex has no AVE for mode B; the table has it on its diagonal
    assert np.isnan(np.diag(ours)).all()
    sizes = acsi_2015.loadings.groupby("construct")["estimate"]
    roots = np.sqrt(sizes.apply(lambda own: (own**2).mean()))[larcker.index]
    np.fill_diagonal(ours, roots)
    assert_allclose(ours, larcker, atol=5.1e-5)


def test_service_quality(folder: Path) -> None:
    given = pd.read_csv(folder / "method" / "sq_servqual_items.csv", index_col=0)
    sd, corr = given.pop("sd").to_numpy(), given.to_numpy()
    alphas = pd.read_csv(folder / "method" / "sq_servqual_alpha.csv", index_col=0)
    ends = np.cumsum([4, 5, 4, 4, 5])
    blocks = [
        slice(end - size, end) for end, size in zip(ends, [4, 5, 4, 4, 5], strict=True)
    ]
    model = csi.Model(
        "servqual",
        [
            csi.composite(name, *given.columns[block])
            for name, block in zip(alphas.index, blocks, strict=True)
        ],
        [],
    )
    cov = corr * np.outer(sd, sd)
    moments = csi.Moments(model.items, np.full(22, 75.0), cov, 411, low=0, high=100)
    table = csi.assess(csi.fit(model, moments, csi.PCA())).reliability
    # six printed decimals
    assert_allclose(table["alpha"][alphas.index], alphas["alpha"], atol=5.1e-7)
    path = folder / "method" / "sq_servqual_eigenvalues.csv"
    expected = pd.read_csv(path, index_col=0)["eigenvalue"]
    dimensions, suggested = adequacy.dimensions(corr, 411, draws=200, seed=1)
    assert_allclose(dimensions["eigenvalue"], expected, atol=1.1e-6)
    # 95 % limits of random answers, by independent NumPy code: 1.51 and 1.42
    assert_allclose(dimensions["random_95"][:2], [1.51, 1.42], atol=0.03)
    factors = suggested.set_index("rule").loc["parallel analysis", "factors"]
    assert factors in (1, 2)
