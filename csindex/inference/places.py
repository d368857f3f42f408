"""The regions of the importance-satisfaction matrix in resamples."""

from __future__ import annotations

import numpy as np
import pandas as pd

from csindex.diagnostics.importance import REGIONS, Cut, placed, turned
from csindex.kernels.arrays import FloatArray

# a driver whose most likely region has less than this is called uncertain
SURE = 0.80


def region_shares(
    table: pd.DataFrame, effects: FloatArray, scores: FloatArray, cut: Cut = "mean"
) -> pd.DataFrame:
    """Return how often resamples place each driver in each region.

    Parameters
    ----------
    table : DataFrame
        The drivers, as `csindex.importance_performance` lists them.
    effects, scores : ndarray of shape (b, d)
        Their importance and performance in every resample.
    cut : {"mean", "median", "midpoint"}
        Where high begins, in each resample by itself.

    Returns
    -------
    DataFrame
        One row per driver: I, II, III and IV, shares of the resamples; and verdict,
        ``"uncertain"`` where none reaches .80, else ``"sure"``.

    Notes
    -----
    A driver that lowers the target in the sample is turned round in all resamples.
    """
    lowers = table["importance"].to_numpy() < 0
    regions = placed(*turned(effects, scores, lowers), cut)
    shares = pd.DataFrame(
        {
            region: (regions == position).mean(axis=0)
            for position, region in enumerate(REGIONS)
        },
        index=table.index,
    )
    surest = shares.max(axis=1).to_numpy()
    return shares.assign(verdict=np.where(surest < SURE, "uncertain", "sure"))


def with_certainty(
    table: pd.DataFrame, effects: FloatArray, scores: FloatArray
) -> pd.DataFrame:
    """Return the drivers with how sure their regions are.

    Parameters
    ----------
    table : DataFrame
        The drivers with their regions, cut at the mean.
    effects, scores : ndarray of shape (b, d)
        Their importance and performance in every resample.

    Returns
    -------
    DataFrame
        The same with probability, the share of resamples that place a driver in its
        region, and verdict; ``attrs["notes"]`` names the uncertain ones.
    """
    shares = region_shares(table, effects, scores)
    own = [shares.loc[row, region] for row, region in table["region"].items()]
    wide = table.assign(probability=own, verdict=shares["verdict"])
    wide.attrs["notes"] = [*table.attrs["notes"], *uncertain_note(table, shares)]
    return wide


def uncertain_note(table: pd.DataFrame, shares: pd.DataFrame) -> list[str]:
    """Return which drivers' regions aren't certain.

    Parameters
    ----------
    table : DataFrame
        The drivers with their regions.
    shares : DataFrame
        As from `region_shares`.

    Returns
    -------
    list of str
        One sentence; none where all are sure.
    """
    told = [
        f"{driver} ({region} in {shares.loc[row, region]:.0%})"
        for row, driver, region in zip(
            table.index, table["driver"], table["region"], strict=True
        )
        if shares.loc[row, "verdict"] == "uncertain"
    ]
    if not told:
        return []
    return [
        f"Uncertain, in no region in {SURE:.0%} of the resamples: {', '.join(told)}"
    ]
