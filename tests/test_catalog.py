"""The catalogue against a table of what was published, and the improvements."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex import catalog
from csindex.catalog import (
    CATALOG,
    find_model,
    with_complaint_handling,
    with_image_consequence,
    with_loyalty_facets,
    with_price,
    with_rater,
)
from csindex.kernels.arrays import FloatArray

# the table's names of the variants, in the order of the catalogue
VARIANTS = {
    "scsb": "SCSB1989",
    "acsi": "ACSI1996",
    "ncsi": "NCSI_KR / CSISG / NCSI-UK",
    "ncsb": "NCSB_original",
    "ncsb_2001": "NCSB2001",
    "ecsi": "ECSI_1999",
    "ecsi_mobi": "ECSI_mobi2005",
    "epsi": "EPSI",
    "ccsi": "CCSI",
    "tcsi": "TCSI_CN",
    "hkcsi": "HKCSI",
    "swics": "SWICS",
    "improved": "CSINDEX_improved (seed)",
}
NAMES = {
    "EXP": "expectation",
    "PERF": "value",
    "QUAL": "quality",
    "QPROD": "product_quality",
    "QSERV": "service_quality",
    "VAL": "value",
    "SAT": "satisfaction",
    "COMP": "complaints",
    "LOY": "loyalty",
    "IMG": "image",
    "PRICE": "price",
    "CHAND": "complaint_handling",
    "AFF": "affective_commitment",
    "CALC": "calculative_commitment",
    "TANG": "tangibles",
    "RELI": "reliability",
    "RESP": "responsiveness",
    "ASSU": "assurance",
    "EMPA": "empathy",
    "DIALOGUE": "dialogue",
    "CCHAR": "customer_characteristics",
}
STATUS = {"V": "verified", "I": "inferred", "R": "recalled"}

IMPROVEMENTS = (
    with_price,
    with_image_consequence,
    with_complaint_handling,
    with_loyalty_facets,
)


@pytest.fixture(scope="module")
def edges() -> pd.DataFrame:
    """Return the paths of all variants with sign and status."""
    path = Path(__file__).parent / "reference" / "method" / "variants_edges.csv"
    columns = ["variant", "source", "target", "sign", "status", "provenance"]
    return pd.read_csv(path, header=0, names=columns)


def pairs(model: csi.Model) -> set[tuple[str, str, str]]:
    return {(path.source, path.target, path.sign) for path in model.paths}


@pytest.mark.parametrize("name", VARIANTS)
def test_paths_are_the_published_ones(edges: pd.DataFrame, name: str) -> None:
    published = {
        (NAMES[row.source], NAMES[row.target], row.sign, STATUS[row.status])
        for row in edges[edges["variant"] == VARIANTS[name]].itertuples()
    }
    assert {tuple(path) for path in find_model(name).paths} == published


def test_fairness_is_the_eighth_construct_and_its_path_is_assumed() -> None:
    model = find_model("tcsi_2006")
    seven = find_model("tcsi")
    assert set(model.construct_names) - set(seven.construct_names) == {"fairness"}
    (added,) = set(model.paths) - set(seven.paths)
    assert added == ("fairness", "satisfaction", "+", "assumed")


# blocks: columns of the public ACSI file of 2015; items of the mobile phone survey
@pytest.mark.parametrize(
    ("make", "blocks"),
    [
        (
            csi.acsi,
            {
                "expectation": "OVERALLX CUSTOMX WRONGX",
                "quality": "OVERALLQ CUSTOMQ WRONGQ",
                "value": "PQ QP",
                "satisfaction": "SATIS CONFIRM IDEAL",
                "complaints": "COMP",
                "loyalty": "REPUR PTOL",
            },
        ),
        (
            csi.ecsi_mobi,
            {
                "image": "IMAG1 IMAG2 IMAG3 IMAG4 IMAG5",
                "expectation": "CUEX1 CUEX2 CUEX3",
                "quality": "PERQ1 PERQ2 PERQ3 PERQ4 PERQ5 PERQ6 PERQ7",
                "value": "PERV1 PERV2",
                "satisfaction": "CUSA1 CUSA2 CUSA3",
                "complaints": "CUSCO",
                "loyalty": "CUSL1 CUSL2 CUSL3",
            },
        ),
    ],
)
def test_items_are_the_published_ones(
    make: Callable[[], csi.Model], blocks: dict[str, str]
) -> None:
    assert {c.name: " ".join(c.items) for c in make().constructs} == blocks


def drawn(model: csi.Model, n: int) -> FloatArray:
    """Draw answers from a population of parallel items, shape (n, p), mean 7.

    Two items of a construct correlate .64, two of different constructs .32.
    """
    same = model.blocks @ model.blocks.T
    corr = np.where(same > 0, 0.64, 0.32)
    np.fill_diagonal(corr, 1.0)
    root = np.linalg.cholesky(corr)
    normal = np.random.default_rng(5).normal(size=(n, len(corr)))
    return np.clip(np.rint(7 + 1.5 * normal @ root.T), 1, 10)


@pytest.mark.parametrize("name", CATALOG)
def test_every_model_fits_a_survey(name: str) -> None:
    model = find_model(name)
    assert getattr(catalog, name)() == model
    assert model.index == "satisfaction"
    assert model.title
    assert model.origin
    assert model.reference
    frame = pd.DataFrame(drawn(model, 600), columns=list(model.items))
    for item in model.instrument:
        if item.scale == (0, 1) and item.name in frame:
            frame[item.name] = (frame[item.name] > 7).astype(float)
    results = csi.fit(model, csi.read_survey(frame, scale=(1, 10)))
    assert results.converged
    # parallel items have equal weights in the population, so that the index is near
    # the plain mean; its standard error is some 2 % of the items' spread of 5 points
    items = next(c.items for c in model.constructs if c.name == model.index)
    plain = 100 * (frame[list(items)].to_numpy().mean() - 1) / 9
    assert results.index == pytest.approx(plain, abs=0.1)


def test_the_list_of_models() -> None:
    table = csi.models().set_index("name")
    assert list(table.index) == [
        *list(VARIANTS)[:10],
        "tcsi_2006",
        *list(VARIANTS)[10:],
    ]
    assert {"title", "year", "origin", "reference"} <= set(table.columns)
    known = table[["verified", "inferred", "recalled", "assumed"]].sum(axis=1)
    assert (known == table["paths"]).all()
    sizes = table.loc[["acsi", "ecsi", "ecsi_mobi"], ["constructs", "paths"]]
    assert sizes.to_numpy().tolist() == [[6, 9], [6, 10], [7, 12]]


@pytest.mark.parametrize(
    ("name", "told"),
    [("asci", "did you mean 'acsi'?"), ("Q", "there are 'scsb', 'acsi', 'ncsi'")],
)
def test_an_unknown_model_is_told(name: str, told: str) -> None:
    with pytest.raises(csi.SpecificationError) as caught:
        find_model(name)
    assert f"unknown model {name!r}" in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_all_four_improvements_give_the_improved_model(order: tuple[int, ...]) -> None:
    model = csi.acsi()
    for k in order:
        model = IMPROVEMENTS[k](model)
    improved = find_model("improved")
    assert set(model.paths) == set(improved.paths)
    assert set(model.constructs) == set(improved.constructs)
    assert model.index == "satisfaction"


# what each change does to the American model by itself, by hand
@pytest.mark.parametrize(
    ("change", "gone", "come"),
    [
        (
            with_price,
            "expectation>value quality>value value>satisfaction",
            "price>satisfaction",
        ),
        (
            with_image_consequence,
            "expectation>quality expectation>value expectation>satisfaction",
            "satisfaction>image",
        ),
        (
            with_complaint_handling,
            "satisfaction>complaints complaints>loyalty",
            "complaint_handling>satisfaction complaint_handling>loyalty",
        ),
        (
            with_loyalty_facets,
            "",
            "satisfaction>affective_commitment satisfaction>calculative_commitment "
            "affective_commitment>loyalty calculative_commitment>loyalty",
        ),
    ],
)
def test_each_improvement_of_the_american_model(
    change: Callable[[csi.Model], csi.Model], gone: str, come: str
) -> None:
    before = {f"{a}>{b}" for a, b, _ in pairs(csi.acsi())}
    changed = change(csi.acsi())
    after = {f"{a}>{b}" for a, b, _ in pairs(changed)}
    assert before - after == set(gone.split())
    assert after - before == set(come.split())
    assert changed.title != csi.acsi().title
    assert "Johnson, Gustafsson" in changed.reference


def test_the_european_image_turns_into_a_consequence() -> None:
    model = with_image_consequence(csi.ecsi())
    touching = {(a, b) for a, b, _ in pairs(model) if "image" in (a, b)}
    assert touching == {("satisfaction", "image"), ("image", "loyalty")}
    items = {c.name: c.items for c in model.constructs}["image"]
    assert items == ("IMAG1", "IMAG2", "IMAG3", "IMAG4", "IMAG5")


def test_ten_ties_make_two_commitments() -> None:
    items = {c.name: c.items for c in with_loyalty_facets(csi.acsi()).constructs}
    inner = "knowledge social cultural values psychological"
    outer = "legal economic technical geographic time"
    assert items["affective_commitment"] == tuple(f"tie_{t}" for t in inner.split())
    assert items["calculative_commitment"] == tuple(f"tie_{t}" for t in outer.split())


def test_rater_in_the_improved_model_is_the_new_barometer() -> None:
    model = with_rater(find_model("improved"))
    assert pairs(model) == pairs(find_model("ncsb_2001"))
    sizes = {c.name: len(c.items) for c in model.constructs}
    statements = [sizes[n] for n in ("tangibles", "reliability", "responsiveness")]
    # Parasuraman, Zeithaml & Berry (1988): 4, 5, 4, 4 and 5 of 22 statements
    assert [*statements, sizes["assurance"], sizes["empathy"]] == [4, 5, 4, 4, 5]


def test_rater_takes_over_all_paths_of_quality() -> None:
    model = with_rater(csi.acsi())
    # three paths of quality become fifteen
    assert len(model.paths) == 9 - 3 + 15
    assert ("expectation", "empathy", "+") in pairs(model)
    assert ("tangibles", "value", "+") in pairs(model)


@pytest.mark.parametrize(
    ("change", "model", "told"),
    [
        (with_price, csi.acsi().without("value"), "with_price needs 'value'"),
        (with_price, with_price(csi.acsi()), "already has 'price'"),
        (with_image_consequence, find_model("swics"), "needs 'expectation'"),
        (
            with_image_consequence,
            csi.Model(
                "m",
                [
                    csi.reflective(n, n[0])
                    for n in ("expectation", "satisfaction", "image")
                ],
                [("expectation", "satisfaction"), ("satisfaction", "image")],
            ),
            "satisfaction drives image already",
        ),
        (with_complaint_handling, csi.ecsi(), "needs 'complaints'"),
        (with_loyalty_facets, find_model("improved"), "has 'affective_commitment'"),
        (with_loyalty_facets, csi.acsi().without("loyalty"), "needs 'loyalty'"),
        (with_rater, find_model("swics"), "replaces 'quality', which model 'swics'"),
        (with_rater, find_model("ncsb_2001"), "already has 'reliability'"),
    ],
)
def test_an_improvement_without_its_object_is_refused(
    change: Callable[[csi.Model], csi.Model], model: csi.Model, told: str
) -> None:
    with pytest.raises(csi.SpecificationError) as caught:
        change(model)
    assert told in str(caught.value)


def test_an_improved_model_fits_population_moments() -> None:
    model = with_price(csi.ecsi_mobi())
    same = model.blocks @ model.blocks.T
    corr = np.where(same > 0, 0.64, 0.32)
    np.fill_diagonal(corr, 1.0)
    moments = csi.Moments(model.items, [7.0] * len(corr), corr, 200, low=1, high=10)
    results = csi.fit(model, moments)
    # parallel items: equal shares; equal means: (7 - 1) / 9 of the way
    sizes = results.weights.groupby("construct")["share"].transform("size")
    assert_allclose(results.weights["share"], 1 / sizes, atol=1e-9)
    assert results.index == pytest.approx(100 * 6 / 9)
