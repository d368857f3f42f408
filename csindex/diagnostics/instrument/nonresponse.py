"""Who didn't answer: early against late answers, and known margins."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from csindex.diagnostics.instrument.careless import Index, index_of
from csindex.diagnostics.instrument.early_late import COLUMNS, early_late_table
from csindex.diagnostics.instrument.sample import Sample
from csindex.errors import DataError, quoted, unknown
from csindex.estimation import Estimator
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.raking import effective_size, rake
from csindex.results.printing import Page, Printed
from csindex.survey import Survey
from csindex.survey.columns import sampling_weights

Margins = Mapping[str, Mapping[Any, float] | pd.Series]

_LEVEL = 0.05
# a column that no survey has
_WEIGHT = "raking weight of csindex"


@dataclass(frozen=True, eq=False, repr=False)
class NonResponse(Printed):
    """What is known about those who didn't answer.

    Attributes
    ----------
    early_late : DataFrame
        One row per item and construct: kind, name, n_early, n_late, early, late,
        difference (late minus early), d (in standard deviations), t, df, p, p_holm.
        Empty without an order.
    margins : DataFrame
        One row per category: variable, category, population, sample, raked.
        Empty without margins.
    weights : Series
        A weight with mean one for every respondent; empty without margins.
    summary : Series
        Design effect of the weights, effective number of respondents, rounds,
        smallest and largest weight, the index by the survey's own weights and by
        these.
    notes : tuple of str
        Why there is no index.
    """

    early_late: pd.DataFrame
    margins: pd.DataFrame
    weights: pd.Series
    summary: pd.Series
    notes: tuple[str, ...] = ()

    def printed_tables(self) -> dict[str, pd.DataFrame]:
        """Return what is printed: by caption the tables that there are.

        Returns
        -------
        dict of str to DataFrame
            Late answers that differ, the shares of the margins, and what weights cost.
        """
        tables: dict[str, pd.DataFrame] = {}
        if len(self.early_late):
            differing = self.early_late[self.early_late["p_holm"] < _LEVEL]
            columns = ["kind", "name", "early", "late", "d", "p_holm"]
            caption = f"Late against early answers (Holm's p below {_LEVEL:g})"
            tables[caption] = differing[columns]
        if len(self.summary):
            tables["Raking"] = self.summary.to_frame().T
            tables["Known margins"] = self.margins
        return tables

    def _page(self) -> Page:
        told = []
        if len(self.early_late):
            count = int((self.early_late["p_holm"] < _LEVEL).sum())
            told.append(
                f"{count} of {len(self.early_late)} items and constructs differ "
                "between late and early answers"
            )
        if len(self.summary):
            told.append(
                f"raking changes the index by {self.summary['change']:.2f}, at a "
                f"design effect of {self.summary['design_effect']:.2f}"
            )
        return Page(
            f"Non-response: {'; '.join(told)}", self.printed_tables(), self.notes
        )


def non_response(
    sample: Sample,
    order: str | None,
    margins: Margins | None,
    estimator: Estimator | None,
) -> NonResponse | None:
    """Look for signs that those who didn't answer differ.

    Parameters
    ----------
    sample : Sample
        The answers.
    order : str, optional
        A column that says when an answer came: a date, a number, a wave.
    margins : mapping of str to mapping, optional
        For each column, the population's share of each category.
    estimator : Estimator, optional
        The method of the index; PLS if None.

    Returns
    -------
    NonResponse or None
        The tables; None if nothing is asked for.

    Raises
    ------
    DataError
        If a column is not there or can't be ordered, respondents have no category,
        shares are not positive or don't sum to one, or the margins contradict each
        other.
    """
    if order is None and not margins:
        return None
    columns = [*([order] if order is not None else []), *(margins or {})]
    where = "in order and margins"
    if problems := unknown("column", columns, sample.survey.frame.columns, where):
        raise DataError(problems)
    early_late = (
        early_late_table(sample, order)
        if order is not None
        else pd.DataFrame(columns=COLUMNS)
    )
    if not margins:
        nothing = pd.Series(dtype=np.float64)
        table = pd.DataFrame(
            columns=["variable", "category", "population", "sample", "raked"]
        )
        return NonResponse(early_late, table, nothing, nothing)
    return _raked(sample, margins, estimator, early_late)


@dataclass(frozen=True, eq=False)
class _Margin:
    variable: str
    categories: list[Hashable]
    codes: IntArray
    shares: FloatArray


def _raked(
    sample: Sample,
    margins: Margins,
    estimator: Estimator | None,
    early_late: pd.DataFrame,
) -> NonResponse:
    survey = sample.survey
    own = _own_weights(survey)
    used = np.flatnonzero(own > 0)
    prepared = _prepared(survey, margins, used)
    found = rake([m.codes for m in prepared], [m.shares for m in prepared], own[used])
    if not found.converged:
        raise DataError(
            f"the margins of {quoted(margins)} contradict each other in these answers: "
            f"after {found.rounds} rounds a share is still {found.difference:.1e} off; "
            "merge small categories or leave a variable out"
        )
    weights = np.zeros(len(survey))
    weights[used] = found.weights
    whole = index_of(survey, sample.model, estimator)
    raked = _reweighted_index(sample, weights, estimator)
    size = effective_size(found.weights)
    summary = pd.Series(
        {
            "respondents": float(len(used)),
            "design_effect": len(used) / size,
            "effective_n": size,
            "smallest_weight": float(found.weights.min()),
            "largest_weight": float(found.weights.max()),
            "rounds": float(found.rounds),
            "index": whole.value,
            "index_raked": raked.value,
            "change": raked.value - whole.value,
        },
        name="raking",
    )
    return NonResponse(
        early_late,
        _margin_table(prepared, own[used], found.weights),
        pd.Series(weights, index=survey.frame.index, name="weight"),
        summary,
        tuple(dict.fromkeys(n for n in (whole.note, raked.note, *raked.told) if n)),
    )


def _own_weights(survey: Survey) -> FloatArray:
    name = survey.codebook.weights
    if name is None:
        return np.ones(len(survey))
    weights, problems = sampling_weights(survey.frame[name], name)
    if problems:
        raise DataError(problems)
    return weights


def _prepared(survey: Survey, margins: Margins, used: IntArray) -> list[_Margin]:
    problems: list[str] = []
    found: list[_Margin] = []
    for variable, given in margins.items():
        shares = given.to_dict() if isinstance(given, pd.Series) else given
        if not isinstance(shares, Mapping):
            problems.append(
                f"margins of {variable!r} must be a mapping of categories to shares, "
                f"as {{'f': 0.52, 'm': 0.48}}, not {shares!r}"
            )
            continue
        try:
            values = np.array([float(v) for v in shares.values()])
        except (TypeError, ValueError):
            values = np.array([np.nan])
        problems += _share_problems(variable, values)
        labels = survey.labels(variable).iloc[used]
        codes, faults = _coded(labels, list(shares), variable)
        problems += faults
        found.append(_Margin(variable, list(shares), codes, values / values.sum()))
    if problems:
        raise DataError(problems)
    return found


def _share_problems(variable: str, values: FloatArray) -> list[str]:
    if not (values > 0).all() or not np.isfinite(values).all():
        return [f"margins of {variable!r}: shares must be numbers above zero"]
    total = float(values.sum())
    if min(abs(total - 1), abs(total / 100 - 1)) > 1e-3:
        return [
            f"margins of {variable!r} sum to {total:g}; give shares that sum to 1 or "
            "percentages that sum to 100"
        ]
    return []


def _coded(
    labels: pd.Series, categories: list[Hashable], variable: str
) -> tuple[IntArray, list[str]]:
    """Return each respondent's category, and what is wrong with them."""
    # a file's 1.0 is a user's 1 and "1"
    texts = [_text(label) for label in labels]
    places = {_text(category): k for k, category in enumerate(categories)}
    codes = np.array([places.get(text, -1) for text in texts], dtype=np.int64)
    problems = []
    if (codes < 0).any():
        seen = list(dict.fromkeys(t for t in texts if t not in places))
        problems.append(
            f"margins of {variable!r} name {quoted(categories)}, but "
            f"{int((codes < 0).sum())} respondents have {quoted(seen)}; give their "
            "share, recode them, or leave them out"
        )
    absent = [c for k, c in enumerate(categories) if not (codes == k).any()]
    if absent:
        problems.append(
            f"margins of {variable!r}: no respondent is in {quoted(absent)}; merge the "
            "category with another one"
        )
    return codes, problems


def _text(label: object) -> str:
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    return str(label)


def _reweighted_index(
    sample: Sample, weights: FloatArray, estimator: Estimator | None
) -> Index:
    survey = sample.survey
    weighted = Survey(
        survey.frame.assign(**{_WEIGHT: weights}),
        replace(survey.codebook, weights=_WEIGHT),
        survey.source,
    )
    return index_of(weighted, sample.model, estimator)


def _margin_table(
    prepared: list[_Margin], own: FloatArray, raked: FloatArray
) -> pd.DataFrame:
    rows = []
    for margin in prepared:
        before = np.bincount(margin.codes, own) / own.sum()
        after = np.bincount(margin.codes, raked) / raked.sum()
        rows += [
            {
                "variable": margin.variable,
                "category": category,
                "population": margin.shares[k],
                "sample": before[k],
                "raked": after[k],
            }
            for k, category in enumerate(margin.categories)
        ]
    return pd.DataFrame(rows)
