"""Ways to make moments from answers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from csindex.errors import DataError, SpecificationError, quoted
from csindex.kernels.moments import mean_and_cov
from csindex.moments.moments import Moments
from csindex.survey import Answers, Survey, read_survey
from csindex.survey.columns import constant_columns


def moments(
    source: Any,
    items: Sequence[str],
    by: str | None = None,
    weights: str | None = None,
) -> Moments:
    """Return the moments of some items of a survey or a data frame.

    Parameters
    ----------
    source : Survey, data frame or path
        The answers.
    items : sequence of str
        The items; respondents who answered all of them are used.
    by : str, optional
        A column; one member of the stack per group.
    weights : str, optional
        Column of sampling weights, where the source isn't a survey that has them.

    Returns
    -------
    Moments
        The moments; ``labels`` are the groups.

    Raises
    ------
    DataError
        If a column is unknown or its answers can't be used, or a group has too few
        respondents or a constant item.

    Examples
    --------
    >>> frame = pd.DataFrame({"q1": [1, 2, 3, 5], "q2": [2, 2, 5, 4]})
    >>> moments(frame, ["q1", "q2"]).mean
    array([2.75, 3.25])
    """
    if isinstance(source, Survey) and weights is not None:
        raise SpecificationError(
            "a survey has its own weights; give them to read_survey, not to moments"
        )
    survey = (
        source if isinstance(source, Survey) else read_survey(source, weights=weights)
    )
    answers = survey.answers(items)
    if by is None:
        return moments_of(answers)
    groups = split(answers, survey.labels(by))
    if not groups:
        raise DataError(f"column {by!r} has no groups; name one that has labels")
    problems = [
        f"group {label!r}: {problem}"
        for label, members in groups
        for problem in group_problems(members)
    ]
    if problems:
        raise DataError(problems)
    return stacked([moments_of(members) for _, members in groups], groups)


def moments_of(answers: Answers) -> Moments:
    """Return the moments of complete answers.

    Parameters
    ----------
    answers : Answers
        Complete answers.

    Returns
    -------
    Moments
        Their (weighted) moments.
    """
    mean, cov = mean_and_cov(answers.values, answers.weights)
    return Moments(
        answers.names,
        mean,
        cov,
        len(answers.values),
        answers.low,
        answers.high,
        flow=answers.flow,
    )


def split(answers: Answers, labels: pd.Series) -> list[tuple[Hashable, Answers]]:
    """Return the answers of each group.

    Parameters
    ----------
    answers : Answers
        Complete answers.
    labels : Series
        Group of every respondent of the survey.

    Returns
    -------
    list of (label, Answers)
        The groups in the order of their labels; respondents without a label are
        in none.
    """
    own = labels.iloc[answers.rows].reset_index(drop=True)
    try:
        codes, uniques = pd.factorize(own, sort=True)
    except TypeError:  # labels of several kinds have no order
        codes, uniques = pd.factorize(own)
    return [
        (_plain(label), answers.subset(codes == code))
        for code, label in enumerate(uniques)
    ]


def stacked(
    members: Sequence[Moments], groups: Sequence[tuple[Hashable, Answers]]
) -> Moments:
    """Return a stack of moments.

    Parameters
    ----------
    members : sequence of Moments
        Moments of the same items.
    groups : sequence of (label, Answers)
        The groups they belong to.

    Returns
    -------
    Moments
        The stack.
    """
    return Moments(
        members[0].names,
        np.stack([member.mean for member in members]),
        np.stack([member.cov for member in members]),
        np.stack([member.n for member in members]),
        members[0].low,
        members[0].high,
        labels=tuple(label for label, _ in groups),
    )


def group_problems(answers: Answers) -> list[str]:
    """Return why a group of respondents can't be estimated.

    Parameters
    ----------
    answers : Answers
        Their complete answers.

    Returns
    -------
    list of str
        The reasons; empty when there is none.
    """
    n, p = answers.values.shape
    if n <= p:
        return [f"{n} complete answers to {p} items; more than {p} are needed"]
    if constant := constant_columns(answers.values, answers.names):
        return [f"item {quoted(constant)} is constant"]
    return []


def _plain(label: Any) -> Hashable:
    """Return a label as a plain Python value, so that it prints as it is written."""
    plain: Hashable = label.item() if isinstance(label, np.generic) else label
    return plain
