"""Many differences at once: adjusted p-values, and how a comparison prints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from statsmodels.stats.multitest import multipletests

import csindex as csi
from csindex.inference.groups.differences import GroupComparison

NAMES = ["source", "target", "construct", "item"]


@pytest.fixture(scope="module")
def retail() -> csi.Results:
    return csi.fit(csi.acsi(), csi.load_dataset("retail"))


@pytest.fixture(scope="module")
def three(retail: csi.Results) -> GroupComparison:
    """Return three companies, one with better quality and one with worse value."""
    return csi.compare_groups(
        retail, by="company", n=60, groups=["Alder", "Medlar", "Yarrow"]
    )


@pytest.fixture(scope="module")
def waves(retail: csi.Results) -> GroupComparison:
    return csi.compare_groups(retail, by="wave", n=500)


def families(found: GroupComparison) -> dict[str, np.ndarray]:
    """Return the rows of each family of tests, told by hand for the ACSI."""
    table = found.differences
    single = table["construct"].isin(["complaints"]) & (table["item"] != "")
    index = (table["statistic"] == "scores") & (table["construct"] == "satisfaction")
    return {
        "index": np.flatnonzero(index),
        **{
            name: np.flatnonzero((table["statistic"] == name) & ~single & ~index)
            for name in table["statistic"].unique()
        },
    }


@pytest.mark.parametrize(("adjust", "method"), [("holm", "holm"), ("bh", "fdr_bh")])
def test_p_is_adjusted_within_each_statistic(
    three: GroupComparison, adjust: str, method: str
) -> None:
    p = three.differences["p_permutation"].to_numpy()
    expected = np.ones(len(p))
    sizes = {}
    for name, rows in families(three).items():
        expected[rows] = multipletests(p[rows], method=method)[1]
        sizes[name] = len(rows)
    # three pairs of nine paths, of fourteen items but that of complaints ...
    assert sizes["paths"] == 3 * 9
    assert sizes["loadings"] == sizes["weights"] == 3 * 13
    assert (sizes["scores"], sizes["index"]) == (3 * 5, 3)
    if adjust == "holm":
        assert_allclose(three.differences["p_adjusted"], expected)
    chosen = three.significant(0.7, adjust=adjust)  # type: ignore[arg-type]
    rows = np.flatnonzero(expected < 0.3)
    assert len(rows) > 2
    keys = [*NAMES, "statistic", "group_1", "group_2"]
    found = {tuple(row) for row in chosen[keys].to_numpy().tolist()}
    wanted = three.differences.iloc[rows][keys].to_numpy().tolist()
    assert found == {tuple(row) for row in wanted}


def test_the_level_of_the_comparison_decides(waves: GroupComparison) -> None:
    at_once = waves.significant(adjust="none")
    assert (at_once["p_permutation"] < 0.05).all()
    assert len(at_once) == (waves.differences["p_permutation"] < 0.05).sum()
    strict = replace(waves, settings=waves.settings.replace({"0.95": "0.999"}))
    assert strict.significant(adjust="none").empty
    with pytest.raises(csi.SpecificationError, match="unknown adjustment 'bonferroni'"):
        waves.significant(adjust="bonferroni")  # type: ignore[arg-type]


def test_the_index_is_a_question_of_its_own(three: GroupComparison) -> None:
    expected = multipletests(three.index["p_permutation"], method="holm")[1]
    assert_allclose(three.index["p_adjusted"], expected)
    assert_allclose(three.index["p_holm"], expected)


def test_too_few_permutations_are_told(
    three: GroupComparison, waves: GroupComparison
) -> None:
    (note,) = [n for n in three.notes if "permutations" in n]
    # 39 loadings: 39 / 61 is the least adjusted p; 45 total effects need 45 / .05
    assert "no adjusted p-value below" in note
    assert "loadings (0.64)" in note
    assert "n=900" in note
    # of the index there are three tests: 3 / 61 is below .05
    assert "index" not in note
    assert not any("permutations" in n for n in waves.notes)
    # 9 paths, 15 total effects, 13 loadings and weights, 6 scores; not the one of COMP
    assert "differ: 0 of 56 (" in repr(waves)


def test_columns_have_the_names_of_the_tables(
    three: GroupComparison, waves: GroupComparison
) -> None:
    lines = repr(waves).splitlines()
    start = next(k for k, line in enumerate(lines) if line == "Invariance (MICOM)")
    header = lines[start + 1].split()
    assert header[0] == "construct"
    assert set(header) <= set(waves.micom.columns)
    assert {"p_c", "p_mean", "p_variance", "verdict"} <= set(header)
    assert "p_adjusted" in repr(three)
    assert "p_adjusted" in repr(waves)


def test_the_answer_comes_first(three: GroupComparison, waves: GroupComparison) -> None:
    first = repr(waves).splitlines()[0]
    p = waves.index["p_permutation"].item()
    assert first.startswith("No difference of the index by wave is shown: 2025 72.96")
    assert f"(p_permutation = {p:.3f})" in " ".join(repr(waves).splitlines()[:2])
    count = int((three.index["p_adjusted"] < 0.05).sum())
    assert count > 0
    first = repr(three).splitlines()[0]
    assert first.startswith(f"The index differs between {count} of 3 pairs of company")


@pytest.mark.parametrize("name", ["three", "waves"])
def test_prints_narrow_in_text_and_html(
    name: str, request: pytest.FixtureRequest
) -> None:
    found = request.getfixturevalue(name)
    assert max(map(len, repr(found).splitlines())) <= 80
    assert found._repr_html_().count("<table") >= 3
