"""Moments of whole sources whose missing answers are treated."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from csindex.errors import DataError
from csindex.kernels.arrays import FloatArray
from csindex.kernels.gaps import pairwise
from csindex.moments.cautions import gap_cautions, pair_cautions, pair_refusal
from csindex.moments.incomplete import (
    Treated,
    answer_problems,
    pair_stack,
    stack_moments,
    treated,
)
from csindex.moments.moments import Moments
from csindex.moments.pairs import PairTotals, total_problems
from csindex.moments.samples import check_groups, ordered, split, stacked
from csindex.moments.tally import Request, Tally
from csindex.survey import Incomplete, Survey


def treated_survey(
    survey: Survey, items: Sequence[str], by: str | None, incomplete: Incomplete
) -> Moments:
    """Return the moments of a survey's answers with gaps.

    Parameters
    ----------
    survey : Survey
        The survey.
    items : sequence of str
        The items.
    by : str, optional
        A column; one member of the stack per group.
    incomplete : str
        How gaps are treated; not listwise.

    Returns
    -------
    Moments
        The moments.

    Raises
    ------
    DataError
        With every problem of the answers, or of those in a group.

    Warns
    -----
    ConvergenceWarning, InadmissibleWarning, AnswersWarning
        As `csindex.fit` does.
    """
    answers = survey.answers(items, incomplete=incomplete)
    if by is None:
        if problems := answer_problems(answers):
            raise DataError(problems)
        return _told(treated(answers))
    groups = split(answers, survey.labels(by))
    check_groups([(label, answer_problems(own)) for label, own in groups], by)
    members = [
        _told(treated(own), f"group {label!r} of {by!r}: ") for label, own in groups
    ]
    return stacked(members, groups)


def treated_tally(tally: Tally, request: Request) -> Moments:
    """Return the moments of a source that was read with gaps.

    Parameters
    ----------
    tally : Tally
        What was read; some rows with any answer.
    request : Request
        What was asked.

    Returns
    -------
    Moments
        The moments.

    Raises
    ------
    DataError
        With every problem of the answers, or of those in a group.

    Warns
    -----
    InadmissibleWarning, AnswersWarning
        As `csindex.fit` does.
    """
    names, by, how = request.names, request.by, request.incomplete
    ends = np.array([item.scale or (np.nan, np.nan) for item in request.items])
    flow = [("read", tally.read)]
    if request.weights is not None:
        flow.append(("with weight", tally.weighted))
    flow += [("with any answer", tally.some), ("complete", tally.complete)]
    flow.append(("used", tally.some))
    labels = ordered(tally.pairs)
    if by is None:
        totals = tally.pairs[None]
        if problems := total_problems(totals, names, how):
            raise DataError(problems)
        return _told(_treated_totals(totals, names, ends, flow, how))
    found = [
        (label, total_problems(tally.pairs[label], names, how)) for label in labels
    ]
    check_groups(found, by)
    members = [
        _told(
            _treated_totals(tally.pairs[label], names, ends, (), how),
            f"group {label!r} of {by!r}: ",
        )
        for label in labels
    ]
    return stacked(members, [(label, None) for label in labels])


def _told(made: Treated, where: str = "") -> Moments:
    """Return the moments after warning of what has to be told about them."""
    for caution in made.cautions:
        warnings.warn(f"{where}{caution}", type(caution), stacklevel=4)
    return made.moments


def _treated_totals(
    totals: PairTotals,
    names: Sequence[str],
    ends: FloatArray,
    flow: Sequence[tuple[str, int]],
    incomplete: Incomplete,
) -> Treated:
    """Return the moments that the sums of a sample tell, and what is to be said."""
    # about the means, so that the sums lose no digits
    means = totals.centre + np.diagonal(totals.level) / np.diagonal(totals.share)
    sums, size = totals.about(means).sums(), totals.count[:1]
    stack = pair_stack(sums, means, size, incomplete)
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = pairwise(sums, size)
    if np.isnan(stack.cov).any():
        raise DataError(pair_refusal(observed, incomplete))
    cautions = gap_cautions(names, 1 - np.diagonal(totals.together) / totals.count[0])
    if incomplete == "pairwise_nearest":
        cautions += pair_cautions(observed)
    made = stack_moments(names, stack, ends, totals.count[1:], flow)
    return Treated(made, cautions=tuple(cautions))
