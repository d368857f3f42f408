"""How results print: as text of at most 80 columns, and as a card in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    title = filled(results.model.title or results.model.name)
    lines = [
        title,
        "=" * max(map(width_of, title.splitlines())),
        filled(headline(results)),
        *map(filled, restricted_lines(results)),
        *map(filled, fit_lines(results)),
    ]
    for section in _sections(results):
        lines += ["", *filter(None, [section.caption, section.text()])]
        lines += map(filled, section.notes)
    return "\n".join(lines)


def fit_lines(results: Results) -> list[str]:
    """Return the fit of a covariance structure in words.

    Parameters
    ----------
    results : Results
        The results.

    Returns
    -------
    list of str
        A line of the test and the measures and, where there is a likelihood, one of
        it; empty for other estimates, which have no chi-square.
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
    names = {"CFI": f"cfi{robust}", "TLI": f"tli{robust}", "RMSEA": f"rmsea{robust}"}
    parts += [f"{name} {found[key]:.3f}" for name, key in names.items()]
    ends = [found.get(f"rmsea_ci_{end}{robust}", np.nan) for end in ("lower", "upper")]
    if np.isfinite(ends).all():
        parts[-1] += f" [{ends[0]:.3f}, {ends[1]:.3f}]"
    lines = [" | ".join([*parts, f"SRMR {found['srmr']:.3f}"])]
    if "logl" in found:
        names = {"log-likelihood": "logl", "AIC": "aic", "BIC": "bic"}
        told = [f"{name} {found[key]:.2f}" for name, key in names.items()]
        lines.append(" | ".join([*told, f"{found['npar']:.0f} free parameters"]))
    return lines


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
    parts.append(sample_text(results))
    iterations = int(results.estimates.iterations)
    parts.append(
        f"{results.settings['estimator']}, "
        + ("converged in" if results.converged else "NOT converged in")
        + f" {iterations} iterations"
    )
    return " | ".join(parts)


def sample_text(results: Results) -> str:
    """Return how many respondents are used, and why the others aren't.

    Parameters
    ----------
    results : Results
        The results.

    Returns
    -------
    str
        As ``n = 180 of 250 (70 dropped: listwise)``.
    """
    flow = {name: int(size) for name, size in results.sample_flow.items()}
    used = flow["used"]
    asked = next(iter(flow.values()))
    if asked == used:
        return f"n = {used}"
    weighted = flow.get("with weight", asked)
    reasons = {"without weight": asked - weighted}
    listwise = flow.get("complete") == used < flow.get("with any answer", used + 1)
    if results.answers is not None:
        listwise = results.answers.incomplete == "listwise"
    gaps = "dropped: listwise" if listwise else "without any answer"
    reasons[gaps] = weighted - used
    told = ", ".join(f"{size} {why}" for why, size in reasons.items() if size)
    return f"n = {used} of {asked} ({told})"


def restricted_lines(results: Results) -> list[str]:
    """Return which questions decide who is described, if not all were asked them.

    Parameters
    ----------
    results : Results
        The results.

    Returns
    -------
    list of str
        One line, or none.
    """
    found = results.restrictions
    if not found:
        return []
    told = "; ".join(map(str, found))
    return [f"describes those {results.n} only who answered all: {told}"]


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
    title = escape(results.model.title or results.model.name)
    tables = "".join(
        (f"<p><b>{escape(section.caption)}</b></p>" if section.caption else "")
        + section.html()
        + "".join(f"<p>{escape(note)}</p>" for note in section.notes)
        for section in _sections(results)
        if section.on_card
    )
    lines = [*restricted_lines(results), *fit_lines(results)]
    return (
        f"<div><h4>{title}</h4><p><b>{escape(headline(results))}</b></p>"
        f"{''.join(f'<p>{escape(line)}</p>' for line in lines)}"
        f"{tables}</div>"
    )


@dataclass(frozen=True, eq=False)
class _Section:
    """A table of a summary with its caption, and the sentences below it."""

    caption: str
    table: pd.DataFrame | None
    digits: int = 4
    notes: Sequence[str] = ()
    on_card: bool = False

    def text(self) -> str:
        return "" if self.table is None else table_text(self.table, self.digits)

    def html(self) -> str:
        return "" if self.table is None else table_html(self.table, self.digits)


def _sections(results: Results) -> list[_Section]:
    """Return the tables in the order that users of the estimator expect."""
    table = results.scores.drop(columns="note")
    notes = [f"{r.construct}: {r.note}" for _, r in results.scores.iterrows() if r.note]
    scores = _Section("Scores (0-100)", table, 2, notes, on_card=True)
    if isinstance(results.estimates, CovarianceEstimates):
        return [*_parameter_sections(results), *_explained(results), scores]
    weights = results.weights.merge(
        results.loadings.rename(columns={"estimate": "loading"}),
        on=["construct", "item"],
    ).rename(columns={"estimate": "weight"})
    columns = ["construct", "item", "weight", "share", "loading"]
    sections = [scores]
    if len(results.paths):
        paths = _Section("Paths (standardised)", results.paths, on_card=True)
        sections += [paths, *_explained(results)]
    return [*sections, _Section("Items", weights[columns])]


def _explained(results: Results) -> list[_Section]:
    told = ", ".join(f"{name} {value:.4f}" for name, value in results.r_squared.items())
    return [_Section("", None, notes=[f"R squared: {told}"])] if told else []


def _parameter_sections(results: Results) -> Iterator[_Section]:
    """Yield the parameters of a covariance structure, kind by kind."""
    table = results.parameters
    own = table["lhs"] == table["rhs"]
    for caption, op, among, names in _KINDS:
        rows = table[(table["op"] == op) & (own == among if op == "~~" else True)]
        if rows.empty:
            continue
        numbers = {column: rows[column] for column in _NUMBERS}
        numbers["se"] = rows["se"].where(rows["se"] > 0)
        labels = {new: rows[old] for old, new in names.items()}
        if table["group"].max() > 1:
            labels["group"] = rows["group"]
        made = pd.DataFrame({**labels, "label": rows["label"], **numbers})
        if op == ":=":
            made = made.drop(columns="label")
        yield _Section(caption, made, 3, on_card=op in {"=~", "~"})


_NUMBERS = ("estimate", "se", "z", "p", "standardized")
_KINDS = (
    ("Loadings", "=~", False, {"lhs": "construct", "rhs": "item"}),
    ("Regressions", "~", False, {"lhs": "target", "rhs": "source"}),
    ("Covariances", "~~", False, {"lhs": "first", "rhs": "second"}),
    ("Intercepts", "~1", False, {"lhs": "of"}),
    ("Thresholds", "|", False, {"lhs": "item", "rhs": "threshold"}),
    ("Variances, residual ones of what is explained", "~~", True, {"lhs": "of"}),
    ("Scales", "~*~", False, {"lhs": "of"}),
    ("Defined", ":=", False, {"lhs": "name", "rhs": "formula"}),
)
