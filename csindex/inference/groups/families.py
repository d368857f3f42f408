"""Families of differences that are tested together, and their adjusted p-values."""

from __future__ import annotations

import numpy as np
import pandas as pd

from csindex.inference.multiplicity import Adjustment, adjusted
from csindex.kernels.arrays import FloatArray

# a family of its own, because it is asked about first
INDEX = "index"


def families(differences: pd.DataFrame, index: str | None) -> pd.Series:
    """Say which family of tests every difference belongs to.

    Parameters
    ----------
    differences : DataFrame
        The table of `GroupComparison`: statistic, construct, item and further columns.
    index : str, optional
        The index construct.

    Returns
    -------
    Series of str
        The statistic, over all pairs of groups; ``"index"`` for the index; empty for
        what can't differ, as the loading of a single item.
    """
    table = differences
    of_item = table["item"] != ""
    keys = ["statistic", "group_1", "group_2", "construct"]
    block = table.groupby(keys, sort=False)["item"].transform("size")
    family = table["statistic"].where(~(of_item & (block == 1)), "")
    is_index = (table["statistic"] == "scores") & (table["construct"] == index)
    return family.where(~is_index, INDEX)


def adjusted_within(
    differences: pd.DataFrame, index: str | None, adjust: Adjustment
) -> FloatArray:
    """Return permutation p-values adjusted within each family of tests.

    Parameters
    ----------
    differences : DataFrame
        The table of `GroupComparison`.
    index : str, optional
        The index construct.
    adjust : {"holm", "bh", "none"}
        How.

    Returns
    -------
    ndarray of shape (rows,)
        Adjusted p-values; one for what can't differ, NaN where there is no test.
    """
    p = differences["p_permutation"].to_numpy(dtype=np.float64)
    family = families(differences, index).to_numpy()
    found = np.where(np.isnan(p), np.nan, 1.0)
    for name in dict.fromkeys(family[family != ""]):
        own = family == name
        found[own] = adjusted(p[own], adjust)
    return found


def resolution(
    differences: pd.DataFrame, index: str | None, used: int, level: float
) -> str:
    """Say which families have too few permutations for any finding.

    Parameters
    ----------
    differences : DataFrame
        The table of `GroupComparison`.
    index : str, optional
        The index construct.
    used : int
        Number of permutations; no p-value is below one of their number and one.
    level : float
        Confidence level.

    Returns
    -------
    str
        A note; empty if all can find something.
    """
    alpha = 1 - level
    tested = families(differences, index)[differences["p_permutation"].notna()]
    sizes = tested[tested != ""].value_counts(sort=False)
    lost = sizes[sizes / (used + 1) >= alpha - 1e-12]
    if not len(lost):
        return ""
    least = ", ".join(
        f"{name} ({min(1.0, size / (used + 1)):.2g})" for name, size in lost.items()
    )
    return (
        f"{used} permutations can show no adjusted p-value below that of {least}, so "
        f"that none of these can be found to differ at level {level:g}; "
        f"n={int(np.ceil(lost.max() / alpha - 1e-9))} or more permutations can"
    )
