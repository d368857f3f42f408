"""The four principles of an indicator system, as checks of a hierarchy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

# an indicator is important from this part of the mean impact of all indicators
IMPORTANT = 0.5
# measurable: largest share of missing answers, and of answers at one end of the scale
MISSING = 0.15
ONE_END = 0.5

PRINCIPLES = (
    "important",
    "controllable",
    "measurable",
    "competitors considered",
)


@dataclass(frozen=True)
class Facts:
    """What is known of the nodes of a hierarchy beside their scores.

    Attributes
    ----------
    items : mapping of str to tuple of str
        The items under each node.
    controllable : mapping of str to bool
        Whether the company can change an indicator or what an item asks about.
    missing, ends : mapping of str to float
        For each item, the share of those asked who gave no answer, and the larger
        share of answers at one end of the scale; without a survey nothing is known.
    """

    items: Mapping[str, tuple[str, ...]]
    controllable: Mapping[str, bool]
    missing: Mapping[str, float]
    ends: Mapping[str, float]


@dataclass(frozen=True)
class _Finding:
    principle: str
    value: float
    threshold: str
    verdict: str
    reason: str


def checked(table: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """Check the specific indicators of the index's drivers against the principles.

    Parameters
    ----------
    table : DataFrame
        A hierarchy, from ``Results.hierarchy``.
    facts : Facts
        What else is known.

    Returns
    -------
    DataFrame
        One row per indicator and principle: node, principle, value, threshold,
        verdict, reason.
    """
    level = table.set_index("node")["level"]
    driver = table["parent"].map(level).eq(2) & (table["impact"].fillna(0.0) != 0)
    chosen = table[driver & (table["global_weight"] == 0)]
    mean = float(chosen["impact"].mean())
    rows = [
        {"node": row["node"], **vars(finding)}
        for _, row in chosen.iterrows()
        for finding in _findings(row, mean, facts)
    ]
    columns = ["node", "principle", "value", "threshold", "verdict", "reason"]
    return pd.DataFrame(rows, columns=columns)


def _findings(row: pd.Series, mean: float, facts: Facts) -> Iterator[_Finding]:
    cut = IMPORTANT * mean
    impact = float(row["impact"])
    yield _Finding(
        "important",
        impact,
        f">= {cut:.3g}",
        "met" if impact >= cut else "not met",
        f"points of the index per point; {IMPORTANT:g} of the indicators' mean",
    )
    items = facts.items[row["node"]]
    yield _controllable(str(row["node"]), items, facts.controllable)
    yield _measurable(items, facts)
    benchmark = float(row.get("benchmark", np.nan))
    known = not np.isnan(benchmark)
    yield _Finding(
        "competitors considered",
        benchmark,
        "a benchmark",
        "met" if known else "not met",
        "competitors' score" if known else "no benchmark for it; give benchmark=...",
    )


def _controllable(
    node: str, items: tuple[str, ...], said: Mapping[str, bool]
) -> _Finding:
    answers = [said[node]] if node in said else [said[i] for i in items if i in said]
    if node not in said and len(answers) < len(items) and all(answers):
        verdict, reason = (
            "not known",
            "say controllable = true or false in the codebook",
        )
    elif all(answers):
        verdict, reason = "met", "as the codebook or the call says"
    else:
        verdict, reason = "not met", "as the codebook or the call says"
    value = float(np.mean(answers)) if answers else np.nan
    return _Finding("controllable", value, "said so", verdict, reason)


def _measurable(items: tuple[str, ...], facts: Facts) -> _Finding:
    rule = f"missing <= {MISSING:.0%}, one end of the scale <= {ONE_END:.0%}"
    if not all(item in facts.missing for item in items):
        reason = "a fit from moments has no answers to look at"
        return _Finding("measurable", np.nan, rule, "not known", reason)
    missing = max(facts.missing[item] for item in items)
    faults = [
        f"{item}: {facts.missing[item]:.0%} of answers missing"
        for item in items
        if facts.missing[item] > MISSING
    ] + [
        f"{item}: {facts.ends[item]:.0%} of answers at one end of the scale"
        for item in items
        if facts.ends[item] > ONE_END
    ]
    return _Finding(
        "measurable",
        missing,
        rule,
        "not met" if faults else "met",
        "; ".join(faults) or "largest share of missing answers among its items",
    )
