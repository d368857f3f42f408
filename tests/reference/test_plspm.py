"""Raw items in two schemes equal R plspm 0.5.1, and mixed modes R seminr.

seminr's fits to mobi have quality in mode B; in one of them satisfaction is made of
image and value in two stages.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.kernels.pls import Scheme

Reader = Callable[[str], pd.DataFrame]

BLOCKS = {
    "image": [f"IMAG{k}" for k in range(1, 6)],
    "expectation": [f"CUEX{k}" for k in range(1, 4)],
    "quality": [f"PERQ{k}" for k in range(1, 8)],
    "value": ["PERV1", "PERV2"],
    "complaints": ["CUSCO"],
    "loyalty": [f"CUSL{k}" for k in range(1, 4)],
}
SPECIFIC = {name: BLOCKS[name] for name in ("image", "value")}
MODES = csi.PLS(mode={"quality": "B"})


@pytest.fixture(scope="module")
def table(folder: Path) -> Reader:
    """Return a reader of the tables; names of constructs without capitals."""

    def read(name: str) -> pd.DataFrame:
        found = pd.read_csv(folder / "plspm" / f"{name}.csv", index_col=0)
        names = {n.title(): n for n in (*BLOCKS, "satisfaction")}
        return found.rename(index=names, columns=names)

    return read


@pytest.mark.parametrize("scheme", ["centroid", "path"])
def test_raw_metric(mobi: csi.Survey, table: Reader, scheme: Scheme) -> None:
    results = csi.fit(csi.ecsi_mobi(), mobi, csi.PLS(scheme=scheme, scaled=False))
    short = ["IMAG", "EXPE", "QUAL", "VAL", "SAT", "COMP", "LOY"]
    names = dict(zip(results.model.construct_names, short, strict=True))
    # plspm divides by n, not n - 1, in the weights' start, and stops at 1e-6
    paths = table(f"mobile_ecsi_unscaled_{scheme}_paths")
    for row in results.paths.itertuples():
        expected = paths.loc[names[row.target], names[row.source]]
        assert_allclose(row.estimate, expected, atol=5e-5)
    outer = table(f"mobile_ecsi_unscaled_{scheme}_outer")
    assert outer["block"].tolist() == [names[c] for c in results.loadings["construct"]]
    assert_allclose(results.loadings["estimate"], outer["loading"], atol=5e-5)
    # weights of raw items, in scores of variance one there and of sum one here
    shares = outer["weight"] / outer.groupby("block")["weight"].transform("sum")
    assert_allclose(results.weights["share"], shares, atol=5e-5)


def check(
    items: pd.DataFrame, paths: pd.DataFrame, outer: pd.DataFrame, inner: pd.DataFrame
) -> None:
    """Compare weights and loadings by item, and paths from row to column."""
    outer = outer[outer["weight"] != 0]
    assert sorted(items.index) == sorted(outer.index)
    for column in ("weight", "loading"):
        assert_allclose(items.loc[outer.index, column], outer[column], atol=1e-9)
    assert len(paths) == int((inner != 0).to_numpy().sum())
    for row in paths.itertuples():
        assert_allclose(row.estimate, inner.loc[row.source, row.target], atol=1e-9)


def test_mixed_modes(mobi: csi.Survey, table: Reader) -> None:
    names = ("expectation", "quality", "image", "complaints", "loyalty")
    model = csi.Model(
        "mixed modes",
        [csi.composite(name, *BLOCKS[name]) for name in names],
        [
            ("image", "expectation"),
            *((name, "loyalty") for name in ("expectation", "quality", "complaints")),
        ],
        index="loyalty",
    )
    results = csi.fit(model, mobi, MODES)
    items = pd.DataFrame(
        {
            "weight": results.weights.set_index("item")["estimate"],
            "loading": results.loadings.set_index("item")["estimate"],
        }
    )
    check(items, results.paths, table("mixed_modes_outer"), table("mixed_modes_paths"))


def test_higher_order(mobi: csi.Survey, table: Reader) -> None:
    names = ("expectation", "quality", "complaints", "loyalty")
    whole = csi.composite("satisfaction", *(i for b in SPECIFIC.values() for i in b))
    model = csi.Model(
        "higher order",
        [*(csi.composite(name, *BLOCKS[name]) for name in names), whole],
        [
            *((name, "satisfaction") for name in ("expectation", "quality")),
            *(("satisfaction", name) for name in ("complaints", "loyalty")),
        ],
        index="satisfaction",
    )
    estimator = csi.SecondOrder(SPECIFIC, estimator=MODES)
    results = csi.fit(model, mobi, estimator)
    second = estimator.stages(model, results.moments).second
    items = pd.DataFrame(
        {"weight": second.weights.sum(axis=1), "loading": second.loadings.sum(axis=1)},
        index=list(second.model.items),
    )
    check(
        items, results.paths, table("higher_order_outer"), table("higher_order_paths")
    )
    assert set(SPECIFIC) < set(items.index)
