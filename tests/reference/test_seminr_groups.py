"""Two groups of mobi equal R seminr 2.5.0: paths, resamples, and Henseler's p-value.

The groups are those whose CUEX1 lies below 8, and the others. seminr's p-value has one
tail and depends on which group is first; ours is twice the smaller of the two tails.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.inference.groups.comparing import compare_groups
from csindex.kernels.differences import exceedance

FIRST, SECOND = "first", "second"


@pytest.fixture(scope="module")
def grouped(mobi: csi.Survey) -> csi.Results:
    frame = mobi.frame.copy()
    frame["half"] = np.where(frame["CUEX1"] < 8, FIRST, SECOND)
    return csi.fit(csi.ecsi_mobi(), csi.read_survey(frame, scale=(1, 10)))


@pytest.fixture(scope="module")
def theirs(folder: Path) -> pd.DataFrame:
    table = pd.read_csv(folder / "seminr" / "M9_mga_ecsi.csv", dtype=str)
    columns = {
        name.removesuffix(".0"): part["value"].to_numpy()
        for name, part in table[table["table"] != "settings"].groupby("table")
        if len(part) == 12
    }
    table = pd.DataFrame(columns).apply(
        lambda column: (
            column.str.lower()
            if column.name in ("source", "target")
            else column.astype(float)
        )
    )
    # in our order of the paths
    ours = [(path.source, path.target) for path in csi.ecsi_mobi().paths]
    return table.set_index(["source", "target"]).loc[ours].reset_index()


@pytest.fixture(scope="module")
def resampled(grouped: csi.Results, folder: Path) -> list[np.ndarray]:
    """Return the paths of both groups in seminr's own resamples."""
    text = (folder / "seminr" / "mga_indices.json").read_text(encoding="utf-8")
    drawn = json.loads(text)
    assert grouped.survey is not None
    fits = csi.fit(grouped.model, grouped.survey, by="half")
    return [
        csi.bootstrap(fits[label], indices=np.array(drawn[name]) - 1).replicates(
            "paths"
        )
        for label, name in ((FIRST, "group1"), (SECOND, "group2"))
    ]


def test_paths_of_the_groups(grouped: csi.Results, theirs: pd.DataFrame) -> None:
    found = compare_groups(grouped, by="half", n=40)
    assert found.sample["n"].tolist() == [108, 142]
    paths = found.differences[found.differences["statistic"] == "paths"]
    ours = theirs.merge(paths, on=["source", "target"], validate="1:1")
    assert len(ours) == 12
    for mine, other in (
        ("estimate_1", "group1Beta"),
        ("estimate_2", "group2Beta"),
        ("difference", "diff"),
    ):
        assert_allclose(ours[mine], ours[other], atol=1e-8)


def test_resampled_paths(resampled: list[np.ndarray], theirs: pd.DataFrame) -> None:
    for values, name in zip(resampled, ("group1", "group2"), strict=True):
        assert values.shape == (100, 12)
        assert_allclose(values.mean(axis=0), theirs[f"{name}BetaMean"], atol=1e-8)


def test_one_tailed_p(resampled: list[np.ndarray], theirs: pd.DataFrame) -> None:
    # shares of 100 x 100 comparisons, so that one of them would already be seen
    assert_allclose(exceedance(*resampled), theirs["plsMgaP"], atol=1e-9)


def test_the_other_order_has_the_other_tail(
    resampled: list[np.ndarray], theirs: pd.DataFrame
) -> None:
    other = exceedance(*resampled[::-1])
    assert_allclose(other, 1 - theirs["plsMgaP"], atol=1e-9)
    # the two-sided p-value is the same in both orders, unlike seminr's (issue 291)
    p = [2 * np.minimum(tail, 1 - tail) for tail in (exceedance(*resampled), other)]
    assert_allclose(p[0], p[1], atol=1e-12)
    assert (np.abs(theirs["plsMgaP"] - other) > 0.5).any()
