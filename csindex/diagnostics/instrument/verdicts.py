"""One verdict per item: keep, revise or drop, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from csindex.diagnostics.instrument import criteria
from csindex.diagnostics.thresholds import Criterion, told_apart

Verdict = Literal["keep", "revise", "drop"]

# what a flag asks for: another look at the item, or only to be known
_REVISE = (
    criteria.MISSING,
    criteria.ITEM_TOTAL,
    criteria.DISCRIMINATION,
    criteria.MSA,
    criteria.LOADING,
    criteria.CROSS_LOADING,
    criteria.KAPPA,
)
_FACTORS = (criteria.LOADING, criteria.CROSS_LOADING)
_TELL = (criteria.FLOOR, criteria.CEILING, criteria.COMMUNALITY)
# these suppose that items are effects of their construct
_REFLECTIVE = {"item_total", "discrimination"}


@dataclass(frozen=True)
class _Judgement:
    verdict: Verdict
    reason: str


def flag_table(items: pd.DataFrame) -> pd.DataFrame:
    """Grade every item by every criterion that applies to it.

    Parameters
    ----------
    items : DataFrame
        The item analysis.

    Returns
    -------
    DataFrame
        One row per item and criterion: item, criterion, value, threshold, verdict,
        source.
    """
    rows = [
        {
            "item": row.item,
            "criterion": criterion.name,
            "value": value,
            "threshold": criterion.rule,
            "verdict": criterion.verdict(value),
            "source": criterion.source,
        }
        for row in items.itertuples()
        for criterion, value in _judged(row)
    ]
    columns = ["item", "criterion", "value", "threshold", "verdict", "source"]
    return pd.DataFrame(rows, columns=columns)


def judged(items: pd.DataFrame, left_out: Mapping[str, str]) -> pd.DataFrame:
    """Add verdict and reason to the item analysis.

    Parameters
    ----------
    items : DataFrame
        The item analysis.
    left_out : mapping of str to str
        Items that can't be analysed, each with the reason; these are to be dropped.

    Returns
    -------
    DataFrame
        The same table with two more columns.
    """
    found = [
        _Judgement("drop", left_out[str(row.item)])
        if row.item in left_out
        else _judge(row)
        for row in items.assign(merged=_merged(items)).itertuples()
    ]
    return items.assign(
        verdict=pd.Series([j.verdict for j in found], index=items.index, dtype=object),
        reason=pd.Series([j.reason for j in found], index=items.index, dtype=object),
    )


def _merged(items: pd.DataFrame) -> pd.Series:
    """Return of which items most of the construct's go with other factors."""
    own = (items["nearest"] == items["expected"]).groupby(items["expected"].fillna(""))
    return own.transform("mean") < 0.5


def _judged(row: Any) -> Iterator[tuple[Criterion, float]]:
    for criterion in (*_REVISE, *_TELL):
        value = float(getattr(row, criterion.name, np.nan))
        if criterion is criteria.LOADING:
            value = abs(value)
        if criterion.name in _REFLECTIVE and row.measurement != "reflective":
            continue
        if not np.isnan(value):
            yield criterion, value


def _judge(row: Any) -> _Judgement:
    grounds = list(_grounds_to_drop(row))
    if grounds:
        return _Judgement("drop", "; ".join(grounds))
    faults = list(_grounds_to_revise(row))
    told = list(_told(row))
    if faults:
        return _Judgement("revise", "; ".join([*faults, *told]))
    if told:
        return _Judgement("keep", "known: " + "; ".join(told))
    return _Judgement("keep", "nothing is flagged")


def _grounds_to_drop(row: Any) -> Iterator[str]:
    reflective = row.measurement == "reflective"
    weak = _flagged(criteria.ITEM_TOTAL, row.item_total)
    if reflective and weak and row.item_total >= 0 and row.alpha_if_deleted > row.alpha:
        before, after = told_apart(row.alpha, row.alpha_if_deleted)
        yield (
            f"{criteria.ITEM_TOTAL.shortfall(row.item_total)}, and without it alpha "
            f"rises from {before} to {after}"
        )
    loading = abs(row.loading)
    poor = _flagged(criteria.POOR_LOADING, loading)
    if poor and weak and row.item_total >= 0:
        yield f"no factor explains it: {criteria.POOR_LOADING.shortfall(loading)}"
    kappa = getattr(row, "kappa", np.nan)
    if _flagged(criteria.POOR_KAPPA, kappa):
        yield f"experts: {criteria.POOR_KAPPA.shortfall(kappa)}"


def _grounds_to_revise(row: Any) -> Iterator[str]:
    if row.measurement == "reflective" and row.item_total < 0:
        yield (
            f"it runs against its construct (item_total {row.item_total:.2f}): if a "
            f"high answer is a bad one, say reverse=({row.item!r},)"
        )
    if isinstance(row.found, str) and row.nearest != row.expected and not row.merged:
        own = "" if np.isnan(row.own_loading) else f", {row.own_loading:.2f} on its own"
        yield (
            f"it goes with {_factor(row)} (loading {row.loading:.2f}{own}), expected "
            f"{row.expected}"
        )
    for criterion, value in _judged(row):
        explained = (criterion is criteria.ITEM_TOTAL and value < 0) or (
            row.merged and criterion in _FACTORS
        )
        if criterion in _REVISE and not explained and _flagged(criterion, value):
            yield criterion.shortfall(value)


def _told(row: Any) -> Iterator[str]:
    """Yield what is worth knowing but is no fault of the item."""
    if isinstance(row.found, str) and row.nearest != row.expected and row.merged:
        yield (
            f"most items of {row.expected} go with other factors, this one with "
            f"{_factor(row)} (loading {row.loading:.2f}): a question about the "
            "structure"
        )
    for criterion, value in _judged(row):
        told = criterion in _TELL or (row.merged and criterion in _FACTORS)
        if told and _flagged(criterion, value):
            yield criterion.shortfall(value)


def _flagged(criterion: Criterion, value: float) -> bool:
    return criterion.verdict(value) == "flagged"


def _factor(row: Any) -> str:
    """Return the factor's name, and what it is nearest to if it bears a number."""
    if row.found == row.nearest or not row.nearest:
        return str(row.found)
    return f"{row.found}, nearest to {row.nearest}"
