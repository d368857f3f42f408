"""How results print: as text of at most 80 columns, and as a card in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from csindex.estimation.cbsem import CovarianceEstimates
from csindex.results.printing import filled, table_html, table_text, width_of

if TYPE_CHECKING:
    from csindex.results.results import Results


@dataclass(frozen=True, repr=False)
class Summary:
    """A text that shows itself as it is.

    Attributes
    ----------
    text : str
        The text.
    """

    text: str

    def __repr__(self) -> str:
        return self.text

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.text)}</pre>"


def summary_text(results: Results) -> str:
    """Return the main tables of results as text.

    Parameters
    ----------
    results : Results
        The results.

    Returns
    -------
    str
        Lines of at most 80 characters.
    """
    scores = results.scores.drop(columns="note")
    weights = results.weights.merge(
        results.loadings.rename(columns={"estimate": "loading"}),
        on=["construct", "item"],
    ).rename(columns={"estimate": "weight"})
    shares = results.r_squared.items()
    title = filled(results.model.title or results.model.name)
    lines = [
        title,
        "=" * max(map(width_of, title.splitlines())),
        filled(headline(results)),
        *fit_line(results),
        "",
        "Scores (0-100)",
        table_text(scores, 2),
    ]
    lines += [filled(f"{row.construct}: {row.note}") for row in _noted(results)]
    if len(results.paths):
        lines += [
            "",
            "Paths (standardised)",
            table_text(results.paths, 4),
            "",
            filled("R squared: " + ", ".join(f"{k} {v:.4f}" for k, v in shares)),
        ]
    lines += [
        "",
        "Items",
        table_text(weights[["construct", "item", "weight", "share", "loading"]], 4),
    ]
    return "\n".join(lines)


def fit_line(results: Results) -> list[str]:
    """Return the fit of a covariance structure in one line.

    Parameters
    ----------
    results : Results
        The results.

    Returns
    -------
    list of str
        The line; empty for other estimates, which have no chi-square.
    """
    if not isinstance(results.estimates, CovarianceEstimates):
        return []
    found = results.fit_measures
    scaled = "_scaled" if "chisq_scaled" in found else ""
    robust = "_robust" if found.get("cfi_robust", np.nan) > 0 else scaled
    p = found[f"pvalue{scaled}"]
    shown = "< 0.001" if p < 0.001 else f"{p:.3f}"
    words = "scaled chi-square" if scaled else "chi-square"
    parts = [f"{words} {found[f'chisq{scaled}']:.2f}, df {found['df']:.0f}, p {shown}"]
    names = {"CFI": f"cfi{robust}", "RMSEA": f"rmsea{robust}", "SRMR": "srmr"}
    parts += [f"{name} {found[key]:.3f}" for name, key in names.items()]
    return [filled(" | ".join(parts))]


def headline(results: Results) -> str:
    """Return the index, the sample and the convergence in one line.

    Parameters
    ----------
    results : Results
        The results.

    Returns
    -------
    str
        The line.
    """
    parts = []
    if results.model.index is not None:
        table = results.scores.set_index("construct")
        score = table.loc[results.model.index, "score"]
        parts.append("no index" if pd.isna(score) else f"index {score:.2f}")
    if results.group:
        parts.append(results.group)
    asked, used = (int(results.sample_flow.iloc[k]) for k in (0, -1))
    read = f" of {asked}" if asked != used else ""
    parts.append(f"n = {used}{read}")
    iterations = int(results.estimates.iterations)
    parts.append(
        f"{results.settings['estimator']}, "
        + ("converged in" if results.converged else "NOT converged in")
        + f" {iterations} iterations"
    )
    return " | ".join(parts)


def card(results: Results) -> str:
    """Return results as a small piece of HTML for notebooks.

    Parameters
    ----------
    results : Results
        The results.

    Returns
    -------
    str
        HTML; every name in it is escaped.
    """
    scores = results.scores.drop(columns="note")
    title = escape(results.model.title or results.model.name)
    notes = "".join(
        f"<p>{escape(str(row.construct))}: {escape(str(row.note))}</p>"
        for row in _noted(results)
    )
    return (
        f"<div><h4>{title}</h4><p><b>{escape(headline(results))}</b></p>"
        f"{''.join(f'<p>{escape(line)}</p>' for line in fit_line(results))}"
        f"{table_html(scores, 2)}{notes}"
        f"{table_html(results.paths)}</div>"
    )


def _noted(results: Results) -> list[pd.Series]:
    return [row for _, row in results.scores.iterrows() if row["note"]]
