"""Samples of complete answers, and their moments."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from csindex.errors import AnswersWarning, DataError, quoted
from csindex.kernels.arrays import IntArray
from csindex.kernels.moments import mean_and_cov
from csindex.moments.division import Division, Flow
from csindex.moments.moments import Moments
from csindex.moments.tally import plain
from csindex.survey import Answers, Survey
from csindex.survey.columns import constant_columns, sampling_weights


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
    codes, uniques = _coded(labels.iloc[answers.rows].reset_index(drop=True))
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(uniques) + 1))
    return [
        (plain(label), answers.subset(order[ends[code] : ends[code + 1]]))
        for code, label in enumerate(uniques)
    ]


def survey_flows(
    survey: Survey, labels: pd.Series, groups: Sequence[tuple[Hashable, Answers]]
) -> dict[Hashable, Flow]:
    """Return the sample flow of each group of a survey.

    Parameters
    ----------
    survey : Survey
        The survey.
    labels : Series
        Group of every respondent.
    groups : sequence of (label, Answers)
        The answers of each group that are used.

    Returns
    -------
    mapping of label to flow
        The flows, also of groups of which no answers are used.
    """
    codes, uniques = _coded(labels)
    read = np.bincount(codes[codes >= 0], minlength=len(uniques))
    counts = [("read", read)]
    if (name := survey.codebook.weights) is not None:
        weights, _ = sampling_weights(survey.frame[name], name)
        inside = (codes >= 0) & (weights > 0)
        counts.append(
            ("with weight", np.bincount(codes[inside], minlength=len(uniques)))
        )
    used = dict(groups)
    flows: dict[Hashable, Flow] = {}
    for code, label in enumerate(map(plain, uniques)):
        first = tuple((step, int(count[code])) for step, count in counts)
        own: Flow = used[label].flow if label in used else (("used", 0),)
        if "complete" not in dict(own):
            own = (("complete", own[-1][1]), *own)
        flows[label] = (*first, *own)
    return flows


def stacked(
    members: Sequence[Moments],
    groups: Sequence[tuple[Hashable, object]],
    division: Division | None = None,
) -> Moments:
    """Return a stack of moments.

    Parameters
    ----------
    members : sequence of Moments
        Moments of the same items.
    groups : sequence of (label, object)
        The groups they belong to; only the labels matter.
    division : Division, optional
        How the sample was divided.

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
        flow=() if division is None else division.overall.flow,
        division=division,
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


def failures_of(
    groups: Iterable[tuple[Hashable, Sequence[str]]], by: str
) -> dict[Hashable, str]:
    """Return which groups can't be used, and refuse a sample without any that can.

    Parameters
    ----------
    groups : iterable of (label, sequence of str)
        The groups, each with its problems.
    by : str
        The column that divides the sample.

    Returns
    -------
    mapping of label to str
        Groups with problems, and these.

    Raises
    ------
    DataError
        With every problem of every group, if all have some, or if there is none.
    """
    found = list(groups)
    if not found:
        raise DataError(f"column {by!r} has no groups; name one that has labels")
    failures = {label: "; ".join(problems) for label, problems in found if problems}
    if len(failures) == len(found):
        raise DataError(
            [f"group {label!r} of {by!r}: {why}" for label, why in failures.items()]
        )
    return failures


def tell_failures(failures: Mapping[Hashable, str], by: str, depth: int) -> None:
    """Warn of groups that are left out.

    Parameters
    ----------
    failures : mapping of label to str
        The groups, each with the reason.
    by : str
        The column that divides the sample.
    depth : int
        How far above the caller of this function the user's call is.

    Warns
    -----
    AnswersWarning
        With all of them, if there are any.
    """
    if failures:
        listed = "; ".join(f"{label!r}: {why}" for label, why in failures.items())
        warnings.warn(
            f"groups of {by!r} without moments: {listed}",
            AnswersWarning,
            stacklevel=depth + 2,
        )


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


def _coded(labels: pd.Series) -> tuple[IntArray, Sequence[Hashable]]:
    """Return each respondent's position among the labels, minus one for none."""
    try:
        codes, uniques = pd.factorize(labels, sort=True)
    except TypeError:  # labels of several kinds have no order
        codes, uniques = pd.factorize(labels)
    return np.asarray(codes, dtype=np.int64), uniques
