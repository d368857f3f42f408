"""Missing answers: the treatments there are, and samples that none can save."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd

from csindex.errors import DataError, SpecificationError, unknown
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.survey.items import ItemReader

Incomplete = Literal["listwise", "pairwise", "pairwise_nearest", "mean", "em"]


def check_treatment(incomplete: object) -> None:
    """Refuse a treatment of missing answers that doesn't exist.

    Parameters
    ----------
    incomplete : object
        What was asked for.

    Raises
    ------
    SpecificationError
        With the treatments that there are.
    """
    if incomplete == "mi":
        raise SpecificationError(
            "incomplete='mi': one fit can't hold several imputations, which have no "
            "means and covariances in common; use csi.multiple_imputation"
        )
    known = get_args(Incomplete)
    if incomplete not in known:
        raise SpecificationError(
            unknown("treatment", [str(incomplete)], known, "in incomplete")
        )


def group_flow(
    values: FloatArray, incomplete: Incomplete
) -> tuple[tuple[str, int], ...]:
    """Return the sample flow within a group.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Answers of the group; NaN for gaps.
    incomplete : str
        How the gaps are treated.

    Returns
    -------
    tuple of (str, int)
        How many respondents are used and, with gaps, how many are complete.
    """
    used = ("used", len(values))
    if incomplete == "listwise":
        return (used,)
    complete = int((~np.isnan(values).any(axis=1)).sum())
    return ("with any answer", len(values)), ("complete", complete), used


def unasked_items(reader: ItemReader, items: Sequence[str]) -> list[str]:
    """Return why the means of some items can't fill their gaps.

    Parameters
    ----------
    reader : ItemReader
        The answers.
    items : sequence of str
        The items.

    Returns
    -------
    list of str
        One problem per item that some respondents weren't asked.
    """
    return [
        f"item {name!r} is asked only if {reader.item(name).asked_if}: who wasn't "
        "asked has no answer that a mean could replace; use another treatment, or "
        "leave the item out"
        for name in items
        if reader.item(name).asked_if is not None and reader.gaps(name)
    ]


def check_enough(
    values: FloatArray,
    weighted: BoolArray,
    items: Sequence[str],
    used: int,
    incomplete: Incomplete,
) -> None:
    """Refuse a sample that is too small for its items.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Answers of all respondents; NaN for gaps.
    weighted : ndarray of bool of shape (n,)
        Respondents who count, by their weights.
    items : sequence of str
        The items.
    used : int
        How many respondents can be used.
    incomplete : str
        How gaps are treated.

    Raises
    ------
    DataError
        With the items that lack most answers.
    """
    if used > len(items):
        return
    values = values[weighted]
    gaps = pd.Series(np.isnan(values).sum(axis=0), index=list(items))
    worst = gaps[gaps > 0].sort_values(ascending=False).head(3)
    told = ", ".join(f"{name!r} ({count})" for name, count in worst.items())
    cause = f"; most answers are missing in {told}" if told else ""
    what = "all" if incomplete == "listwise" else "any of the"
    raise DataError(
        f"only {used} of {len(values)} respondents answered {what} {len(items)} "
        f"items, and more than {len(items)} are needed{cause}; leave such items out or "
        "get more answers"
    )
