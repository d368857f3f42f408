"""Groups of a survey: their labels, their answers, and how these came about."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

import numpy as np
import pandas as pd

from csindex.errors import DataError, SpecificationError
from csindex.model import Model
from csindex.moments import split
from csindex.moments.samples import survey_flows
from csindex.results.asking import eligible
from csindex.survey import Answers, Survey

# columns of the tables that a group's label stands before
TAKEN = frozenset(
    {"construct", "item", "source", "target", "route", "estimate", "sign", "share"}
    | {"score", "sd", "n", "note", "index", "se", "low", "high", "p"}
)


def check_by(by: object) -> None:
    """Refuse names of a column that can't name groups in tables of results.

    Parameters
    ----------
    by : object
        What divides the sample.

    Raises
    ------
    SpecificationError
        If it is no name, or a column of these tables has it already.
    """
    if not isinstance(by, str):
        raise SpecificationError(
            f"unknown column {by!r} in by, which is the name of one column, as "
            "by='region'; to divide by several, put them together in one first"
        )
    if by in TAKEN:
        raise SpecificationError(
            f"by={by!r}: tables of results have a column {by!r} already; rename the "
            f"survey's, as frame.rename(columns={{{by!r}: {by + '_group'!r}}}), before "
            "read_survey"
        )


def group_labels(survey: Survey, by: str) -> pd.Series:
    """Return the group of every respondent.

    Parameters
    ----------
    survey : Survey
        The survey.
    by : str
        The column that divides the sample.

    Returns
    -------
    Series
        The labels; missing where there is none.

    Raises
    ------
    SpecificationError
        As by `check_by`.
    DataError
        If there is no such column, or its values can't be labels.
    """
    check_by(by)
    labels = survey.labels(by)
    several = [label for label in labels.unique() if isinstance(label, tuple)]
    if several:
        raise DataError(
            f"column {by!r} can't divide the sample: it holds values as "
            f"{several[0]!r}; give every respondent one text or number, as "
            f"{' / '.join(map(str, several[0]))!r}"
        )
    return labels


def group_answers(
    survey: Survey, model: Model, answers: Answers, labels: pd.Series
) -> dict[Hashable, Answers]:
    """Return the answers of every group, each with its own sample flow.

    Parameters
    ----------
    survey : Survey
        The survey.
    model : Model
        The model.
    answers : Answers
        The answers of everyone that are used.
    labels : Series
        Group of every respondent.

    Returns
    -------
    mapping of label to Answers
        In the order of the labels; also of groups of which no answers are used.
    """
    used = split(answers, labels)
    rows = np.flatnonzero(eligible(survey, answers, model.instrument))
    blank = np.empty((len(rows), 0))
    could = replace(
        answers, values=blank, rows=rows, weights=None, strata=None, clusters=None
    )
    counts = {label: len(part.rows) for label, part in split(could, labels)}
    known = dict(used)
    nobody = answers.subset(np.empty(0, dtype=np.int64))
    return {
        label: replace(
            known.get(label, nobody), flow=with_eligible(flow, counts.get(label, 0))
        )
        for label, flow in survey_flows(survey, labels, used).items()
    }


def with_eligible(
    flow: tuple[tuple[str, int], ...], count: int
) -> tuple[tuple[str, int], ...]:
    """Return a sample flow with the number of those who could have been used.

    Parameters
    ----------
    flow : tuple of (str, int)
        How many respondents were read, left out and used.
    count : int
        How many could have been used.

    Returns
    -------
    tuple of (str, int)
        The flow, where they come after those with a weight, and before steps that no
        more respondents have taken.
    """
    first = ("read", "with weight")
    before = tuple(step for step in flow if step[0] in first or step[1] > count)
    return (*before, ("eligible", count), *flow[len(before) :])


def unlabelled(answers: Answers, labels: pd.Series) -> str:
    """Return how many respondents are in no group; empty if all are in one.

    Parameters
    ----------
    answers : Answers
        The answers that are used.
    labels : Series
        Group of every respondent.

    Returns
    -------
    str
        The sentence.
    """
    lost = int(labels.iloc[answers.rows].isna().sum())
    if not lost:
        return ""
    return (
        f"{lost} of {len(answers.rows)} respondents are in none of the groups of "
        f"{labels.name!r}, for want of a label; they count in the overall results only"
    )
