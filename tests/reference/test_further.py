"""More figures of seminr, semPLS and cSEM on mobi: evaluation, mediation, BCa, items.

seminr 2.5.0 evaluates four small models: composites one of which has mode B (m1), PLSc
(m3), an interaction of items' products (m4pi) and a second-order construct (m5).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.kernels.pls import Scheme

Table = Callable[[str, str], pd.DataFrame]
Reader = Callable[[str], pd.DataFrame]
Theirs = Callable[[str, str], pd.Series]
Sempls = Callable[[str], pd.DataFrame]
Fitted = Callable[[str], csi.Results]
Fits = dict[str, Callable[[csi.Survey], csi.Results]]

TERM = csi.interaction("image", "expectation", on="satisfaction")
BLOCKS = {
    "image": [f"IMAG{k}" for k in range(1, 6)],
    "expectation": [f"CUEX{k}" for k in range(1, 4)],
    "quality": [f"PERQ{k}" for k in range(1, 8)],
    "value": ["PERV1", "PERV2"],
    "satisfaction": [f"CUSA{k}" for k in range(1, 4)],
    "complaints": ["CUSCO"],
    "loyalty": [f"CUSL{k}" for k in range(1, 4)],
}
DRIVERS = ("image", "expectation", "value")
SPECIFIC = {name: BLOCKS[name] for name in ("image", "value")}
CROSS, BETWEEN = "crossLoadings", "descriptives.constructCorrelations"
OURS = ["alpha_standardized", "rho_a", "rho_c", "ave"]
MEASURES = dict(zip(["alpha", "rhoA", "rhoC", "AVE"], OURS, strict=True))


def small(measured: Callable[..., csi.Construct] = csi.composite) -> csi.Model:
    """Return the model of m1, m3 and m4pi: three drivers of satisfaction."""
    return csi.Model(
        "three drivers",
        [measured(name, *BLOCKS[name]) for name in (*DRIVERS, "satisfaction")],
        [(name, "satisfaction") for name in DRIVERS],
        index="satisfaction",
    )


def second_order() -> csi.Model:
    """Return the model of m5: satisfaction consists of image and value."""
    items = {
        name: [*BLOCKS["image"], *BLOCKS["value"]] if name == "satisfaction" else block
        for name, block in BLOCKS.items()
        if name not in SPECIFIC
    }
    return csi.Model(
        "second order",
        [csi.composite(name, *block) for name, block in items.items()],
        [(name, "satisfaction") for name in ("expectation", "quality")]
        + [("satisfaction", name) for name in ("complaints", "loyalty")],
        index="satisfaction",
    )


def first_stage(mobi: csi.Survey) -> csi.Results:
    """Return m5's first stage: image and value in the place of satisfaction."""
    model = second_order()
    moments = csi.fit(model, mobi).moments
    stages = csi.SecondOrder(SPECIFIC).stages(model, moments)
    return csi.fit(stages.first.model, mobi)


def second_stage(mobi: csi.Survey) -> csi.Results:
    """Return m5's second stage: the scores of image and value are items."""
    first = first_stage(mobi)
    values = mobi.frame[list(first.model.items)]
    scores = (values - values.mean()) / values.std() @ first.estimates.weights
    scores.columns = first.model.construct_names
    frame = mobi.frame.assign(**{name: scores[name] for name in SPECIFIC})
    return csi.fit(second_order().with_items(satisfaction=[*SPECIFIC]), frame)


FITS: Fits = {
    "m1": lambda mobi: csi.fit(small(), mobi, csi.PLS(mode={"value": "B"})),
    "m3": lambda mobi: csi.fit(small(csi.reflective), mobi, csi.PLSc()),
    "m3 uncorrected": lambda mobi: csi.fit(small(csi.reflective), mobi, csi.PLS()),
    "m4pi": lambda mobi: csi.fit(small(), mobi, csi.Moderated((TERM,), "product")),
    "m5": lambda mobi: csi.fit(second_order(), mobi, csi.SecondOrder(SPECIFIC)),
    "m5 first": first_stage,
    "m5 second": second_stage,
}


@pytest.fixture(scope="module")
def fitted(mobi: csi.Survey) -> Fitted:
    kept: dict[str, csi.Results] = {}

    def fit(name: str) -> csi.Results:
        if name not in kept:
            kept[name] = FITS[name](mobi)
        return kept[name]

    return fit


@pytest.fixture(scope="module")
def theirs(seminr: Table) -> Theirs:
    """Return a reader of one part of a model's evaluation, by row and column."""

    def read(name: str, part: str) -> pd.Series:
        table = seminr(f"M7_evaluation_{name.split()[0]}", part).dropna(subset="value")
        names = {"Image*Expectation": TERM.name}
        # with one outcome, R wrote its row once for each letter of its name
        table = table.replace({"row": names, "col": names})
        table = table.drop_duplicates(["row", "col"])
        return table.set_index(["row", "col"])["value"]

    return read


def factor(fit: csi.Results) -> float:
    """Return what seminr multiplies the scores of an interaction by."""
    own = fit.model.blocks[:, fit.model.construct_names.index(TERM.name)] > 0
    sizes = np.abs(fit.estimates.loadings[own, -1])
    return float((sizes * fit.moments.sd[own]).sum() / sizes.sum())


@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        ("m1", ["value"]),
        ("m3", []),
        ("m4pi", [TERM.name]),
        ("m5 first", ["expectation", "quality", "complaints", "loyalty"]),
        ("m5 second", []),
    ],
)
@pytest.mark.parametrize("measure", MEASURES)
def test_reliability(
    fitted: Fitted, theirs: Theirs, name: str, left_out: list[str], measure: str
) -> None:
    found = csi.assess(fitted(name)).reliability[MEASURES[measure]]
    expected = theirs(name, "reliability").xs(measure, level="col")
    # alpha doesn't depend on how the weights were estimated
    names = [n for n in found.index if measure == "alpha" or n not in left_out]
    assert len(names) >= 2
    assert_allclose(found[names], expected[names], atol=1e-9)


def test_reliability_of_the_products(fitted: Fitted, theirs: Theirs) -> None:
    fit = fitted("m4pi")
    loadings = fit.loadings.set_index("construct").loc[TERM.name, "estimate"]
    scaled = loadings.to_numpy() * factor(fit)
    shared, unique = scaled.sum() ** 2, (1 - scaled**2).sum()
    expected = theirs("m4pi", "reliability")[TERM.name]
    ave = csi.assess(fit).reliability.loc[TERM.name, "ave"]
    assert_allclose(ave * factor(fit) ** 2, expected["AVE"], atol=1e-9)
    assert_allclose(shared / (shared + unique), expected["rhoC"], atol=1e-9)


@pytest.mark.parametrize(
    ("part", "counts"),
    [
        ("htmt", {"m1": 6, "m3": 6, "m4pi": 10, "m5 first": 15, "m5 second": 10}),
        ("flCriteria", {"m1": 9, "m4pi": 14, "m5 second": 15}),
        (CROSS, {"m1": 52, "m3": 52, "m4pi": 140, "m5": 105, "m5 second": 80}),
        (BETWEEN, {"m1": 16, "m3 uncorrected": 16, "m4pi": 25, "m5": 25}),
    ],
)
def test_cells(
    fitted: Fitted, theirs: Theirs, part: str, counts: dict[str, int]
) -> None:
    for name, count in counts.items():
        fit = fitted(name)
        assessment = csi.assess(fit)
        found = {
            "htmt": assessment.htmt,
            "flCriteria": assessment.fornell_larcker,
            CROSS: assessment.cross_loadings,
        }.get(part, fit.construct_correlations)
        # mode B has no AVE; that of the products is compared above
        undefined = {"m1": "value", "m4pi": TERM.name}.get(name)
        compared = 0
        for (row, column), value in theirs(name, part).items():
            known = row in found.index and column in found.columns
            if known and not (part == "flCriteria" and row == column == undefined):
                assert_allclose(found.loc[row, column], value, atol=1e-9)
                compared += 1
        assert compared == count


def test_correlations_are_corrected(fitted: Fitted, theirs: Theirs) -> None:
    # of PLSc, seminr reports the scores' correlations, csindex the constructs'
    expected = theirs("m3", BETWEEN).unstack()
    rho = theirs("m3", "reliability").xs("rhoA", level="col")[expected.index]
    corrected = (expected / np.sqrt(np.outer(rho, rho))).to_numpy(copy=True)
    np.fill_diagonal(corrected, 1)
    found = fitted("m3").construct_correlations.loc[rho.index, rho.index]
    assert_allclose(found, corrected, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "count"),
    [*zip(FITS, (16, 13, 16, 32, 16, 21, 18), strict=True)],
)
def test_inflation(fitted: Fitted, seminr: Table, name: str, count: int) -> None:
    table = csi.assess(fitted(name)).vif
    if name == "m3":  # seminr's of the antecedents are the scores'
        table = table[table["kind"] == "outer"]
    compared = 0
    for row in table.itertuples():
        part = {"inner": "antecedentVifs", "outer": "itemVifs"}[row.kind]
        title = row.construct.title()
        expected = seminr(f"M7_evaluation_{name.split()[0]}", f"{part}.{title}")
        found = expected["row"].str.lower() == row.name.lower()
        value = expected.loc[found, "value"].dropna()
        if len(value):
            assert_allclose(row.vif, value.item(), atol=1e-9)
            compared += 1
    assert compared == count


@pytest.mark.parametrize(
    ("name", "total", "indirect"),
    [("m1", 3, 0), ("m3", 3, 0), ("m4pi", 4, 0), ("m5", 8, 4), ("m5 second", 8, 4)],
)
def test_explained_and_effects(
    fitted: Fitted, theirs: Theirs, name: str, total: int, indirect: int
) -> None:
    fit = fitted(name)
    report = theirs(name, "pathsReport")
    for row in csi.assess(fit).r_squared.itertuples():
        column = row.construct if "m5" in name else "S"
        assert_allclose(row.r2, report["R^2", column], atol=1e-9)
        assert_allclose(row.r2_adjusted, report["AdjR^2", column], atol=1e-9)
    for part, table, count in (
        ("totalEffects", fit.total_effects, total),
        ("totalIndirectEffects", fit.indirect_effects, indirect),
    ):
        expected = theirs(name, part)
        found = table.set_index(["source", "target"])["estimate"].copy()
        if name == "m4pi" and part == "totalEffects":
            found[TERM.name] /= factor(fit)
        expected = expected[expected != 0]
        assert len(expected) == count
        assert_allclose(found[expected.index], expected, atol=1e-9)


def test_effect_size_without_the_path(
    ecsi: csi.Results, mobi: csi.Survey, theirs: Theirs
) -> None:
    # seminr estimates everything again without the path, csindex the regression only
    expected = theirs("m2", "fSquare")
    expected = expected[expected != 0]
    assert len(expected) == 12
    paths = [(path.source, path.target) for path in ecsi.model.paths]
    for removed, value in expected.items():
        left = tuple(path for path in paths if path != removed)
        model = csi.Model("less", ecsi.model.constructs, left, index="satisfaction")
        target = removed[1]
        full = ecsi.r_squared[target]
        less = csi.fit(model, mobi).r_squared.get(target, 0.0)
        assert_allclose((full - less) / (1 - full), value, atol=1e-9)


def resampled(fit: csi.Results, path: Path) -> csi.Bootstrap:
    """Return the bootstrap of a fit in seminr's own resamples."""
    drawn = json.loads(path.read_text(encoding="utf-8"))["indices"]
    found = csi.bootstrap(fit, indices=np.array(drawn) - 1)
    assert isinstance(found, csi.Bootstrap)
    return found


@pytest.fixture(scope="module")
def small_boot(fitted: Fitted, folder: Path) -> csi.Bootstrap:
    return resampled(fitted("m1"), folder / "seminr" / "boot_indices.json")


@pytest.mark.parametrize(
    ("part", "statistic", "columns", "count"),
    [
        ("paths", "paths", ["source", "target"], 3),
        ("totalPaths", "total effects", ["source", "target"], 3),
        ("loadings", "loadings", ["item", "construct"], 13),
        ("weights", "weights", ["item", "construct"], 13),
        ("htmt", "HTMT", ["first", "second"], 6),
    ],
)
def test_bootstrap_with_mode_b(
    small_boot: csi.Bootstrap,
    seminr: Table,
    part: str,
    statistic: str,
    columns: list[str],
    count: int,
) -> None:
    table = seminr("M6_bootstrap", f"bootSummary.{part}")
    wide = table.pivot(index="row", columns="col", values="value")
    values = small_boot.replicates(statistic)
    labels = getattr(small_boot, statistic.lower().replace(" ", "_"))
    assert values.shape == (200, count)
    assert len(labels) == len(wide) == count
    # HTMT's hypothesis is one
    null = 1.0 if statistic == "HTMT" else 0.0
    wide = wide.loc[arrows(labels, columns, "  ->  ")]
    for k, row in enumerate(labels.itertuples()):
        check_interval(row, values[:, k], wide.iloc[k], null)
    # seminr doubles the share beyond; csindex counts the estimate as a draw, too
    beyond = wide["Bootstrap P Val"] * 200 / 2
    p = small_boot.p_values(statistic, null=null)
    assert_allclose(p, np.minimum(2 * (beyond + 1) / 201, 1), atol=1e-9)


def arrows(labels: pd.DataFrame, columns: list[str], arrow: str = " -> ") -> list[str]:
    """Return the names of a table's rows that R prints."""
    pairs = labels[columns].itertuples(index=False)
    return [arrow.join(n if n.isupper() else n.title() for n in pair) for pair in pairs]


def check_interval(
    row: object, values: np.ndarray, expected: pd.Series, null: float = 0.0
) -> None:
    columns = ("estimate", "se", "low", "high")
    estimate, se, low, high = (float(getattr(row, name)) for name in columns)
    assert_allclose(estimate, expected["Original Est."], atol=1e-8)
    assert_allclose(values.mean(), expected["Bootstrap Mean"], atol=1e-8)
    assert_allclose(se, expected["Bootstrap SD"], atol=1e-8)
    assert_allclose(low, expected["2.5% CI"], atol=1e-8)
    assert_allclose(high, expected["97.5% CI"], atol=1e-8)
    assert_allclose(abs(estimate - null) / se, expected["T Stat."], rtol=1e-6)


COLUMNS = [
    "Original Est.", "Bootstrap Mean", "Bootstrap SD", "T Stat.", "2.5% CI", "97.5% CI",
    "Bootstrap P Val",
]  # fmt: skip


@pytest.fixture(scope="module")
def boot(ecsi: csi.Results, folder: Path) -> csi.Bootstrap:
    return resampled(ecsi, folder / "seminr" / "boot_indices_m2.json")


@pytest.mark.parametrize(
    ("part", "chain"),
    [
        ("direct", "image loyalty"),
        ("one", "image satisfaction loyalty"),
        ("two", "image expectation satisfaction loyalty"),
        ("three", "image expectation satisfaction complaints loyalty"),
        ("four", "image expectation quality satisfaction complaints loyalty"),
    ],
)
def test_mediation(boot: csi.Bootstrap, seminr: Table, part: str, chain: str) -> None:
    table = seminr("M11_mediation", f"specificEffects.{part}.values")
    expected = pd.Series(table["value"].to_numpy(), index=COLUMNS)
    statistic = "paths" if part == "direct" else "specific indirect effects"
    labels = getattr(boot, statistic.replace(" ", "_"))
    # the only effect of image on loyalty without a route is the direct one
    found = labels["source"] + " -> " + labels["target"]
    routes = labels.get("route", found)
    [k] = np.flatnonzero(routes == " -> ".join(chain.split()))
    values = boot.replicates(statistic)[:, k]
    row = next(labels.iloc[[k]].itertuples())
    check_interval(row, values, expected)
    # seminr doubles the share beyond zero; csindex counts the estimate as a draw, too
    beyond = expected["Bootstrap P Val"] * 100 / 2
    assert_allclose(row.p, 2 * (beyond + 1) / 101, atol=1e-9)


@pytest.mark.parametrize(
    ("part", "source", "target"),
    [
        ("imageLoyalty", "image", "loyalty"),
        ("expectationSatisfaction", "expectation", "satisfaction"),
    ],
)
def test_total_indirect(
    boot: csi.Bootstrap, seminr: Table, part: str, source: str, target: str
) -> None:
    expected = seminr("M11_mediation", f"totalIndirectCis.{part}.values")["value"]
    found = boot.indirect_effects.set_index(["source", "target"])
    limits = found.loc[(source, target), ["low", "high"]].astype(float)
    assert_allclose(limits, expected, atol=1e-8)


def test_paths_of_every_resample(boot: csi.Bootstrap, seminr: Table) -> None:
    table = seminr("M11_mediation", "bootPathsDf")
    wide = table.assign(row=table["row"].astype(int)).pivot(
        index="row", columns="col", values="value"
    )
    assert wide.shape == (100, 12)
    names = arrows(boot.paths, ["source", "target"])
    assert_allclose(boot.replicates("paths"), wide[names], atol=1e-8)


SCHEMES: dict[Scheme, str] = {
    "path": "ecsi_mobi_pathWeighting",
    "factorial": "ecsi_mobi_factorial",
    "centroid": "ecsi_mobi_centroid",
}


@pytest.fixture(scope="module")
def sempls(folder: Path) -> Sempls:
    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(folder / "sempls" / f"{name}.csv", index_col=0)

    return read


def coefficients(loadings: pd.DataFrame, paths: pd.DataFrame) -> pd.DataFrame:
    """Return both tables, named as semPLS names them."""
    items = arrows(loadings, ["construct", "item"])
    effects = arrows(paths, ["source", "target"])
    return pd.concat([loadings.set_axis(items), paths.set_axis(effects)])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_sempls_estimates(mobi: csi.Survey, sempls: Sempls, scheme: Scheme) -> None:
    results = csi.fit(csi.ecsi_mobi(), mobi, csi.PLS(scheme=scheme))
    expected = sempls(f"{SCHEMES[scheme]}_coefficients").set_index("Path")["Estimate"]
    found = coefficients(results.loadings, results.paths)["estimate"]
    assert len(expected) == len(found) == 36
    assert_allclose(found[expected.index], expected, atol=1e-9)
    weights = sempls(f"{SCHEMES[scheme]}_weights")
    assert len(results.weights) == len(weights) == 24
    for row in results.weights.itertuples():
        theirs = weights.loc[row.item, row.construct.title()]
        assert_allclose(row.estimate, theirs, atol=1e-9)


def printed(text: str, heading: str) -> pd.Series:
    """Return the last table of semPLS's output whose heading has these words."""
    lines = [line.strip() for line in text.splitlines()]
    [*_, start] = [k for k, line in enumerate(lines) if line.startswith(heading)]
    rows = [line.split() for line in lines[start + 1 : start + 8]]
    return pd.Series({r[0].lower(): float(r[1]) for r in rows if r[1] != "."})


@pytest.mark.parametrize("scheme", SCHEMES)
def test_sempls_quality(mobi: csi.Survey, folder: Path, scheme: Scheme) -> None:
    text = (folder / "sempls" / f"{SCHEMES[scheme]}.txt").read_text(encoding="utf-8")
    results = csi.fit(csi.ecsi_mobi(), mobi, csi.PLS(scheme=scheme))
    found = csi.assess(results)
    share = results.r_squared
    ave, rho = found.reliability["ave"], found.reliability["rho_c"]
    for heading, ours, count in (
        ("R-squared", share, 6),
        ("Q-Squared", found.q_squared.set_index("construct")["q2"], 6),
        ("Dillon-Goldstein's rho", rho, 6),
        ("communality reflective", ave, 6),
        ("redundancy", share * ave[share.index], 5),
    ):
        expected = printed(text, heading)
        assert len(expected) == count
        # two printed decimals
        assert_allclose(ours[expected.index], expected, atol=5.1e-3, err_msg=heading)
    assert round(found.gof, 2) == 0.47


def test_sempls_bca_limits(mobi: csi.Survey, sempls: Sempls) -> None:
    results = csi.fit(csi.ecsi_mobi(), mobi, csi.PLS(scheme="centroid"))
    boot = csi.bootstrap(results, n=5000, seed=1, interval="bca", level=0.9)
    assert isinstance(boot, csi.Bootstrap)
    names = sempls("ecsi_mobi_centroid_coefficients")["Path"]
    expected = sempls("ecsi_mobi_centroid_bootsummary_bca90").set_axis(names)
    expected = expected.dropna()  # the loading of a single item is always one
    found = coefficients(boot.loadings, boot.paths).loc[expected.index]
    assert len(found) == 35
    assert_allclose(found["estimate"], expected["Estimate"], atol=1e-6)
    # semPLS drew 500. In 40 sets of 500 the standard errors vary by 3 % and the limits
    # by .2 (lower) and .1 (upper) of a standard error: four of these, and their mean
    assert_allclose(found["se"], expected["Std.Error"], rtol=0.13)
    for ours, other, most in (("low", "Lower", 0.8), ("high", "Upper", 0.4)):
        apart = (found[ours] - expected[other]) / found["se"]
        assert apart.abs().max() < most
        # percentile limits are .16 and .08 above these on average
        assert abs(apart.mean()) < 0.07


@pytest.mark.parametrize("target", [name for name in BLOCKS if name != "image"])
def test_importance_of_items(mobi: csi.Survey, csem: Reader, target: str) -> None:
    importance = csem("mobi_IPMA_indicator_importance").loc[target]
    performance = csem("mobi_IPMA_indicator_performance")["x"]
    results = csi.fit(replace(csi.ecsi_mobi(), index=target), mobi)
    tree = results.hierarchy().drop_duplicates("node").set_index("node")
    assert len(performance) == len(importance) == 24
    assert_allclose(tree.loc[performance.index, "score"], performance, atol=1e-9)
    driving = importance[importance != 0].index
    assert_allclose(tree.loc[driving, "impact"], importance[driving], atol=1e-9)
