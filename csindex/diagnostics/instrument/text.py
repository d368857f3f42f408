"""What is printed of a validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from csindex.results.printing import Page

if TYPE_CHECKING:
    from csindex.diagnostics.instrument.validation import InstrumentValidation

_ITEMS = ["item", "item_total", "expected", "found", "loading", "msa", "verdict"]
_ITEMS_CAPTION = "Items (found: the factor, where it isn't the expected one)"
_FACTORS = [
    *("factor", "found", "items", "items_found", "others_found"),
    *("congruence", "verdict"),
]
_TRACES = ["trace", "flagged", "share", "index", "index_without", "change"]
_AGREEMENT = ["icc_2_1", "low", "high"]
# reasons that are told; the rest is in the table
_REASONS = 10


def page(found: InstrumentValidation) -> Page:
    """Return what is printed of a validation.

    Parameters
    ----------
    found : InstrumentValidation
        The validation.

    Returns
    -------
    Page
        The verdicts and their reasons first.
    """
    items, factors = found.items, found.factors
    elsewhere = items["found"].where(items["found"] != items["expected"], "")
    tables = {_ITEMS_CAPTION: items.assign(found=elsewhere)[_ITEMS]}
    if len(found.sampling):
        tables |= {
            "Can the items be factored?": found.sampling[
                ["measure", "value", "df", "p", "verdict"]
            ],
            "Number of factors": found.suggested[["rule", "factors"]],
            "Expected and found factors": factors.assign(
                found=factors["found"].where(factors["found"] != factors["factor"], "")
            )[_FACTORS],
        }
    tables["Traces of careless answers"] = found.careless_effect[_TRACES]
    return Page(
        "\n".join([_headline(found), *_reasons(found)]),
        tables | _further(found),
        found.notes,
        formats={"value": _value},
    )


def _value(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _headline(found: InstrumentValidation) -> str:
    counts = found.items["verdict"].value_counts()
    told = ", ".join(
        f"{counts.get(verdict, 0)} to {verdict}"
        for verdict in ("keep", "revise", "drop")
    )
    return (
        f"{len(found.items)} items: {told} | n = {len(found.careless)}\n"
        f"{found.model.title or found.model.name}"
    )


def _reasons(found: InstrumentValidation) -> list[str]:
    judged = found.items.sort_values("verdict", kind="stable")
    faults = judged[judged["verdict"] != "keep"]
    lines = [
        f"{row.verdict} {row.item}: {row.reason}"
        for row in faults.head(_REASONS).itertuples()
    ]
    if len(faults) > _REASONS:
        lines.append(f"and {len(faults) - _REASONS} more, see .verdicts")
    return lines


def _further(found: InstrumentValidation) -> dict[str, pd.DataFrame]:
    tables: dict[str, pd.DataFrame] = {}
    if found.nonresponse is not None:
        tables |= found.nonresponse.printed_tables()
    if found.retest is not None:
        columns = ["kind", "name", "n", "change", "r", *_AGREEMENT, "verdict"]
        tables["Test and retest (icc_2_1 from low to high: 95 %)"] = (
            found.retest.rename(columns={"icc_2_1_low": "low", "icc_2_1_high": "high"})[
                columns
            ]
        )
    if found.experts is not None and found.content_validity is not None:
        columns = ["item", "experts", "agreeing", "i_cvi", "kappa", "verdict"]
        average = found.content_validity["s_cvi_ave"]
        tables[f"Experts (S-CVI/Ave {average:.3f})"] = found.experts[columns]
    return tables
