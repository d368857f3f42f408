"""The catalogue against a table of what was published."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import csindex as csi
from csindex.catalog import CATALOG, find_model

# Sources of the edges: ACSI1996, the B0 matrix of PsycheMatrica/PLSPM.Basic_Prime's
# Run_Example; ECSI_1999, van-haaften.nl after Johnson et al. (2001) and the
# satisfaction example of plspm; ECSI_mobi2005, table D of the semPLS vignette and
# SmartPLS's example. Each was seen in its source (status "verified").
ACSI = """
expectation -> quality +
expectation -> value +
expectation -> satisfaction +
quality -> value +
quality -> satisfaction +
value -> satisfaction +
satisfaction -> complaints -
satisfaction -> loyalty +
complaints -> loyalty ?
"""
ECSI = """
image -> expectation +
image -> satisfaction +
image -> loyalty +
expectation -> quality +
expectation -> value +
expectation -> satisfaction +
quality -> value +
quality -> satisfaction +
value -> satisfaction +
satisfaction -> loyalty +
"""
# CUSCO asks how well complaints are handled, so that high is good
MOBI = ECSI + "satisfaction -> complaints +\ncomplaints -> loyalty +\n"


@pytest.mark.parametrize(
    ("make", "edges"), [(csi.acsi, ACSI), (csi.ecsi, ECSI), (csi.ecsi_mobi, MOBI)]
)
def test_paths_are_the_published_ones(
    make: Callable[[], csi.Model], edges: str
) -> None:
    found = {f"{path.source} -> {path.target} {path.sign}" for path in make().paths}
    assert found == set(edges.strip().splitlines())


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


@pytest.mark.parametrize("name", CATALOG)
def test_every_model_gives_an_index(name: str) -> None:
    model = find_model(name)
    assert getattr(csi, name)() == model
    assert model.index == "satisfaction"
    assert model.title
    assert model.reference
    assert model.year
    draws = np.random.default_rng(1).normal(size=(200, len(model.items)))
    factor = np.random.default_rng(2).normal(size=(200, 1))
    cov = np.cov(draws + factor, rowvar=False)
    moments = csi.Moments(model.items, [7.0] * len(cov), cov, 200, low=1, high=10)
    # all means are 7: so is the weighted mean, (7 - 1) / 9 of the way
    assert csi.fit(model, moments).index == pytest.approx(100 * 6 / 9)


def test_the_list_of_models() -> None:
    table = csi.models().set_index("name")
    assert list(table.index) == list(CATALOG)
    sizes = table[["constructs", "paths"]].to_numpy().tolist()
    assert sizes == [[6, 9], [6, 10], [7, 12]]
    assert {"year", "origin", "reference"} <= set(table.columns)


@pytest.mark.parametrize(
    ("name", "told"),
    [("asci", "did you mean 'acsi'?"), ("Q", "there are 'acsi', 'ecsi', 'ecsi_mobi'")],
)
def test_an_unknown_model_is_told(name: str, told: str) -> None:
    with pytest.raises(csi.SpecificationError) as caught:
        find_model(name)
    assert f"unknown model {name!r}" in str(caught.value)
    assert told in str(caught.value)
