"""How a validation prints: as text of at most 80 columns, and as a card."""

from __future__ import annotations

import textwrap
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from csindex.diagnostics.instrument.validation import InstrumentValidation

# columns of a terminal
_WIDTH = 80
_ITEMS = ["item", "item_total", "expected", "found", "loading", "msa", "verdict"]
# reasons that are told; the rest is in the table
_REASONS = 10


def summary_text(found: InstrumentValidation) -> str:
    """Return the main tables as text.

    Parameters
    ----------
    found : InstrumentValidation
        The validation.

    Returns
    -------
    str
        Lines of at most 80 characters, as far as names allow.
    """
    title = _title(found)
    lines = [title, "=" * len(title), _headline(found), "", "Items"]
    lines.append(_table(found.items[_ITEMS]))
    lines += _reasons(found)
    if len(found.sampling):
        lines += ["", "Can the items be factored?"]
        columns = ["measure", "value", "df", "p", "verdict"]
        lines.append(_table(found.sampling[columns], "{:.4g}"))
        lines += ["", "Number of factors"]
        lines.append(_table(found.suggested[["rule", "factors"]]))
        lines += ["", "Expected and found factors"]
        columns = ["factor", "items", "items_found", "others_found", "congruence"]
        lines.append(_table(found.factors[[*columns, "verdict"]]))
    lines += ["", "Traces of careless answers"]
    columns = ["trace", "flagged", "share", "index", "index_without", "change"]
    lines.append(_table(found.careless_effect[columns]))
    lines += _further(found)
    lines += ["", *(_filled(note) for note in found.notes)] if found.notes else []
    return "\n".join(lines)


def card(found: InstrumentValidation) -> str:
    """Return a validation as a small piece of HTML for notebooks.

    Parameters
    ----------
    found : InstrumentValidation
        The validation.

    Returns
    -------
    str
        HTML; every name in it is escaped.
    """
    tables = [found.items[[*_ITEMS, "reason"]], found.factors, found.careless_effect]
    body = "".join(
        str(table.to_html(index=False, float_format="{:.3f}".format, na_rep=""))
        for table in tables
        if len(table)
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in found.notes)
    return (
        f"<div><h4>{escape(_title(found))}</h4>"
        f"<p><b>{escape(_headline(found))}</b></p>{body}{notes}</div>"
    )


def _title(found: InstrumentValidation) -> str:
    return f"Instrument: {found.model.title or found.model.name}"


def _headline(found: InstrumentValidation) -> str:
    counts = found.items["verdict"].value_counts()
    told = ", ".join(
        f"{counts.get(verdict, 0)} to {verdict}"
        for verdict in ("keep", "revise", "drop")
    )
    return f"{len(found.items)} items: {told} | n = {len(found.careless)}"


def _reasons(found: InstrumentValidation) -> list[str]:
    judged = found.items.sort_values("verdict", kind="stable")
    faults = judged[judged["verdict"] != "keep"]
    lines = [
        _filled(f"{row.verdict} {row.item}: {row.reason}")
        for row in faults.head(_REASONS).itertuples()
    ]
    if len(faults) > _REASONS:
        lines.append(f"and {len(faults) - _REASONS} more, see .verdicts")
    return lines


def _further(found: InstrumentValidation) -> list[str]:
    lines: list[str] = []
    if found.nonresponse is not None:
        table = found.nonresponse.early_late
        if len(table):
            differing = table[table["p_holm"] < 0.05]
            columns = ["kind", "name", "early", "late", "d", "p_holm"]
            lines += ["", "Late against early answers (Holm's p below .05)"]
            lines.append(_table(differing[columns]) if len(differing) else "none")
        if len(summary := found.nonresponse.summary):
            lines += ["", "Raking", _table(summary.to_frame().T)]
    if found.retest is not None:
        columns = ["kind", "name", "n", "change", "r", "icc_2_1", "verdict"]
        lines += ["", "Test and retest", _table(found.retest[columns])]
    if found.experts is not None and found.content_validity is not None:
        columns = ["item", "experts", "agreeing", "i_cvi", "kappa", "verdict"]
        lines += ["", "Experts", _table(found.experts[columns])]
        lines.append(f"S-CVI/Ave {found.content_validity['s_cvi_ave']:.3f}")
    return lines


def _filled(text: str) -> str:
    return textwrap.fill(text, _WIDTH, subsequent_indent="  ")


def _table(frame: pd.DataFrame, form: str = "{:.3f}") -> str:
    return str(frame.to_string(index=False, float_format=form.format, na_rep=""))
