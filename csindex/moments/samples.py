"""Samples of complete answers, and their moments."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from csindex.errors import DataError, quoted
from csindex.kernels.moments import mean_and_cov
from csindex.moments.moments import Moments
from csindex.moments.tally import plain
from csindex.survey import Answers
from csindex.survey.columns import constant_columns


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
    return Moments._unchecked(
        answers.names,
        mean,
        cov,
        len(answers.values),
        (answers.low, answers.high),
        answers.flow,
        answers.weights,
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
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(uniques) + 1))
    return [
        (plain(label), answers.subset(order[ends[code] : ends[code + 1]]))
        for code, label in enumerate(uniques)
    ]


def stacked(
    members: Sequence[Moments], groups: Sequence[tuple[Hashable, object]]
) -> Moments:
    """Return a stack of moments.

    Parameters
    ----------
    members : sequence of Moments
        Moments of the same items.
    groups : sequence of (label, object)
        The groups they belong to; only the labels matter.

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
        weight=np.stack([member.weight for member in members]),
        squares=np.stack([member.squares for member in members]),
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
    constant = constant_columns(answers.values, answers.names) if n > p else []
    return part_problems(n, p, constant)


def part_problems(n: int, p: int, constant: Sequence[str]) -> list[str]:
    """Return why so many respondents can't be estimated.

    Parameters
    ----------
    n, p : int
        Number of respondents with complete answers, and of items.
    constant : sequence of str
        Items without variance.

    Returns
    -------
    list of str
        The reasons; empty when there is none.
    """
    if n <= p:
        return [f"{n} complete answers to {p} items; more than {p} are needed"]
    return [f"item {quoted(constant)} is constant"] if constant else []


def check_groups(groups: Sequence[tuple[Hashable, list[str]]], by: str) -> None:
    """Refuse groups with problems, and none at all.

    Parameters
    ----------
    groups : sequence of (label, list of str)
        The groups, each with its problems.
    by : str
        The column that divides the sample.

    Raises
    ------
    DataError
        With every problem of every group.
    """
    if not groups:
        raise DataError(f"column {by!r} has no groups; name one that has labels")
    if problems := [
        f"group {label!r}: {problem}" for label, own in groups for problem in own
    ]:
        raise DataError(problems)


def ordered(groups: Iterable[Hashable]) -> list[Hashable]:
    """Return labels in their order; as they came, if they have none.

    Parameters
    ----------
    groups : iterable of hashable
        The labels.

    Returns
    -------
    list
        The labels.
    """
    labels: list[Any] = list(groups)
    try:
        return sorted(labels)
    except TypeError:  # labels of several kinds
        return labels
