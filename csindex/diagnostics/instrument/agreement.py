"""Agreement over time and among experts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from csindex.diagnostics.instrument import criteria
from csindex.diagnostics.instrument.sample import (
    Sample,
    read_answers,
    silent_items,
)
from csindex.errors import DataError, SpecificationError, quoted, unknown
from csindex.kernels.agreement import (
    IntraclassCorrelation,
    chance_corrected,
    intraclass,
)
from csindex.kernels.arrays import FloatArray
from csindex.survey import Survey

# fewest respondents who answered twice
_FEWEST = 3
# an expert's rating, from not relevant (1) to highly relevant (4)
_RATINGS = (1, 2, 3, 4)
_RELEVANT = 3


@dataclass(frozen=True, eq=False)
class Retest:
    """Agreement of the answers of those who were asked twice.

    Attributes
    ----------
    table : DataFrame
        One row per item and construct.
    notes : tuple of str
        Items that the second survey lacks.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]


def retest_of(sample: Sample, again: Survey, identity: str) -> Retest:
    """Compare the answers of those who were asked twice.

    Parameters
    ----------
    sample : Sample
        The answers.
    again : Survey
        The second survey of the same people.
    identity : str
        The column that tells who is who, in both surveys.

    Returns
    -------
    Retest
        One row per item that both surveys have, and per construct (mean of these items
        on 0-100): kind, name, n, first, second, change, change_sd, r, icc_2_1 with its
        95 % interval (icc_2_1_low, icc_2_1_high), icc_3_1 with its own, threshold,
        verdict, source.

    Raises
    ------
    DataError
        If the column is missing or names someone twice, too few answered twice, or the
        surveys have no item in common.

    References
    ----------
    McGraw & Wong (1996), Psychological Methods 1(1) (intervals).
    """
    problems = [
        *unknown("column", [identity], sample.survey.frame.columns, "in id"),
        *unknown("column", [identity], again.frame.columns, "in id, of retest"),
    ]
    if problems:
        raise DataError(problems)
    names, notes = _common_items(sample, again)
    answers = read_answers(again, names, sample.model.instrument)
    first = _identified(sample.survey, sample.answers.rows, identity, "the survey")
    second = _identified(again, answers.rows, identity, "retest")
    both = first.index.intersection(second.index, sort=False)
    if len(both) < _FEWEST:
        raise DataError(_few_twice(first.index, second.index, len(both), identity))
    columns = [sample.position(name) for name in names]
    before = sample.answers.values[first[both].to_numpy()][:, columns]
    after = answers.values[second[both].to_numpy()]
    rows = [
        _compared("item", name, before[:, k], after[:, k])
        for k, name in enumerate(names)
    ]
    ends = (sample.answers.low, sample.answers.high)
    for construct in sample.model.constructs:
        positions = [names.index(item) for item in construct.items if item in names]
        low, high = (
            side[[sample.position(names[k]) for k in positions]] for side in ends
        )
        if len(positions) > 1 and not np.isnan(high - low).any():
            points = [
                (100 * (v[:, positions] - low) / (high - low)).mean(axis=1)
                for v in (before, after)
            ]
            rows.append(_compared("construct", construct.name, *points))
    return Retest(pd.DataFrame(rows), tuple(notes))


def _common_items(sample: Sample, again: Survey) -> tuple[list[str], list[str]]:
    """Return the items that the second survey has too, and why others are left out."""
    names, instrument = sample.answers.names, sample.model.instrument
    silent = silent_items(again, names, instrument)
    common = [name for name in names if name not in silent]
    absent = [name for name, told in silent.items() if not told]
    notes = [f"retest: {told}" for told in silent.values() if told]
    if absent:
        notes.append(f"retest: the second survey lacks {quoted(absent)}")
    if not common:
        raise DataError(notes)
    return common, notes


def _few_twice(first: pd.Index, second: pd.Index, count: int, identity: str) -> str:
    """Return that hardly anyone answered twice, and why that may be."""
    told = (
        f"only {count} respondents have the same {identity!r} in both surveys; at "
        f"least {_FEWEST} are needed"
    )
    if first.dtype != second.dtype:
        told += (
            f". The survey's are of type {first.dtype} ({quoted(first[:2])}), those of "
            f"retest of type {second.dtype} ({quoted(second[:2])}); give both the same"
        )
    return told


def expert_table(ratings: object, items: tuple[str, ...]) -> pd.DataFrame:
    """Return how relevant experts find the items.

    Parameters
    ----------
    ratings : DataFrame
        One row per expert, one column per item; ratings from 1, not relevant, to 4,
        highly relevant; NaN where an expert gave none.
    items : tuple of str
        The model's items.

    Returns
    -------
    DataFrame
        One row per rated item: item, experts, agreeing, i_cvi, kappa, threshold,
        verdict, source.

    Raises
    ------
    SpecificationError
        If it isn't such a table.
    DataError
        If a column is no item, or a rating not one of 1 to 4.
    """
    if not isinstance(ratings, pd.DataFrame):
        raise SpecificationError(
            "experts is a data frame with one row per expert and one column per item, "
            f"not {type(ratings).__name__}"
        )
    problems = unknown("item", ratings.columns, items, "in experts")
    values = ratings.apply(pd.to_numeric, errors="coerce")
    wrong = ratings.notna() & ~values.isin(_RATINGS)
    problems += [
        f"experts: item {name!r} has ratings {quoted(ratings[name][wrong[name]])}; "
        "give 1 (not relevant) to 4 (highly relevant)"
        for name in ratings.columns[wrong.any()]
    ]
    few = values.columns[values.notna().sum() < 3]
    problems += [
        f"experts: item {name!r} is rated by fewer than three experts" for name in few
    ]
    if problems:
        raise DataError(problems)
    experts = values.notna().sum().to_numpy(np.int64)
    agreeing = (values >= _RELEVANT).sum().to_numpy(np.int64)
    kappa = chance_corrected(agreeing, experts)
    criterion = criteria.KAPPA
    return pd.DataFrame(
        {
            "item": values.columns.to_numpy(),
            "experts": experts,
            "agreeing": agreeing,
            "i_cvi": agreeing / experts,
            "kappa": kappa,
            "threshold": criterion.rule,
            "verdict": [criterion.verdict(float(value)) for value in kappa],
            "source": criterion.source,
        }
    )


def content_validity(experts: pd.DataFrame) -> pd.Series:
    """Return the content validity of all items together.

    Parameters
    ----------
    experts : DataFrame
        The table of `expert_table`.

    Returns
    -------
    Series
        s_cvi_ave, the mean of the items' indices; s_cvi_ua, the share of items that
        all experts call relevant; the verdict on the mean, with threshold and source.
    """
    average = float(experts["i_cvi"].mean())
    criterion = criteria.S_CVI
    return pd.Series(
        {
            "s_cvi_ave": average,
            "s_cvi_ua": float((experts["agreeing"] == experts["experts"]).mean()),
            "threshold": criterion.rule,
            "verdict": criterion.verdict(average),
            "source": criterion.source,
        },
        name="content validity",
        dtype=object,
    )


def _identified(
    survey: Survey, rows: np.ndarray, identity: str, where: str
) -> pd.Series:
    """Return the position of each respondent, by who it is."""
    who = survey.frame[identity].iloc[rows].reset_index(drop=True)
    known = who[who.notna()]
    twice = known[known.duplicated()].unique().tolist()
    if twice:
        raise DataError(
            f"id: column {identity!r} of {where} names {quoted(twice, 5)} more than "
            "once; keep one row of each respondent"
        )
    return pd.Series(known.index.to_numpy(), index=pd.Index(known.to_numpy()))


def _compared(
    kind: str, name: str, before: FloatArray, after: FloatArray
) -> dict[str, object]:
    known = ~(np.isnan(before) | np.isnan(after))
    x, y = before[known], after[known]
    n = len(x)
    absolute = consistent = IntraclassCorrelation(np.nan, np.nan, np.nan)
    r = np.nan
    if n >= _FEWEST:
        found = intraclass(np.column_stack([x, y]))
        absolute, consistent = found.absolute, found.consistent
        if x.std() > 0 and y.std() > 0:
            r = float(np.corrcoef(x, y)[0, 1])
    criterion = criteria.RETEST
    return {
        "kind": kind,
        "name": name,
        "n": n,
        "first": float(x.mean()) if n else np.nan,
        "second": float(y.mean()) if n else np.nan,
        "change": float((y - x).mean()) if n else np.nan,
        "change_sd": float((y - x).std(ddof=1)) if n > 1 else np.nan,
        "r": r,
        "icc_2_1": absolute.value,
        "icc_2_1_low": absolute.low,
        "icc_2_1_high": absolute.high,
        "icc_3_1": consistent.value,
        "icc_3_1_low": consistent.low,
        "icc_3_1_high": consistent.high,
        "threshold": criterion.rule,
        "verdict": criterion.verdict(absolute.value),
        "source": criterion.source,
    }
