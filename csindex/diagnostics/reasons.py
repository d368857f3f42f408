"""Why a measure can't be had: values with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from csindex.kernels.arrays import FloatArray
from csindex.model import Model

Reason = tuple[str, str, str]


def htmt(ratios: pd.DataFrame) -> Iterator[Reason]:
    """Yield why heterotrait-monotrait ratios are undefined.

    Parameters
    ----------
    ratios : DataFrame
        The ratios.

    Yields
    ------
    tuple of str
        Measure, pair of constructs, reason.
    """
    for first, second in combinations(ratios.index, 2):
        if np.isnan(ratios.loc[first, second]):
            yield (
                "htmt",
                f"{first} - {second}",
                "the items of one of the two have no positive mean correlation",
            )


def htmt2(model: Model, corr: FloatArray) -> Iterator[Reason]:
    """Yield why ratios of geometric means are undefined.

    Parameters
    ----------
    model : Model
        The model.
    corr : ndarray of shape (p, p)
        Item correlations.

    Yields
    ------
    tuple of str
        Measure, pair of constructs, reason with the items that disagree.
    """
    for first, second in combinations(model.constructs, 2):
        told = [
            f"not all items of {construct.name!r} correlate positively: "
            + ", ".join(below)
            for construct in (first, second)
            if (below := _negative(model, corr, construct.items, construct.items))
        ]
        between = _negative(model, corr, first.items, second.items)
        if 0 < len(between) < len(first.items) * len(second.items):
            told.append(
                "a geometric mean needs correlations of one sign, and those between "
                f"the two are mixed: {', '.join(between)}"
            )
        if told:
            yield "htmt2", f"{first.name} - {second.name}", "; ".join(told)


def collinearity(factors: pd.DataFrame) -> Iterator[Reason]:
    """Yield why the full collinearity of the constructs is undefined.

    Parameters
    ----------
    factors : DataFrame
        Variance inflation by construct.

    Yields
    ------
    tuple of str
        Measure, place, reason.
    """
    if factors["vif"].isna().any():
        yield (
            "full_vif",
            "model",
            "the construct correlations have no positive definite matrix; see "
            "admissibility",
        )


def _negative(
    model: Model, corr: FloatArray, rows: tuple[str, ...], columns: tuple[str, ...]
) -> list[str]:
    """Return the pairs of items without a positive correlation."""
    place = {name: k for k, name in enumerate(model.items)}
    pairs = (
        combinations(rows, 2)
        if rows == columns
        else ((row, column) for row in rows for column in columns)
    )
    return [
        f"{row} with {column} {corr[place[row], place[column]]:.3f}"
        for row, column in pairs
        if not corr[place[row], place[column]] > 0
    ]
