"""Moments of whole sources whose missing answers are treated."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import reduce

import numpy as np

from csindex.errors import DataError
from csindex.kernels.arrays import FloatArray
from csindex.kernels.gaps import pairwise
from csindex.moments.cautions import gap_cautions, pair_cautions, pair_refusal
from csindex.moments.division import Division, Flow
from csindex.moments.incomplete import (
    Treated,
    answer_problems,
    pair_stack,
    stack_moments,
    treated,
)
from csindex.moments.moments import Moments
from csindex.moments.pairs import PairTotals, total_problems
from csindex.moments.samples import (
    failures_of,
    ordered,
    split,
    stacked,
    survey_flows,
    tell_failures,
)
from csindex.moments.summing import flow_of
from csindex.moments.tally import Request, Tally
from csindex.survey import Incomplete, Survey


def treated_survey(survey: Survey, asked: Request) -> Moments:
    """Return the moments of a survey's answers with gaps.

    Parameters
    ----------
    survey : Survey
        The survey.
    asked : Request
        The items, the groups, and how gaps are treated; not listwise.

    Returns
    -------
    Moments
        The moments.

    Raises
    ------
    DataError
        With every problem of the answers, or if no group can be used.

    Warns
    -----
    ConvergenceWarning, InadmissibleWarning, AnswersWarning
        As `csindex.fit` does.
    """
    answers = survey.answers(asked.names, incomplete=asked.incomplete)
    if problems := answer_problems(answers):
        raise DataError(problems)
    overall = _told(treated(answers))
    if asked.by is None:
        return overall
    labels = survey.labels(asked.by)
    groups = dict(split(answers, labels))
    flows = survey_flows(survey, labels, list(groups.items()))
    nobody = [f"0 respondents for {len(asked.names)} items; more are needed"]
    return _by_group(
        overall,
        asked.by,
        flows,
        lambda label: answer_problems(groups[label]) if label in groups else nobody,
        lambda label: treated(groups[label]),
    )


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
        With every problem of the answers, or if no group can be used.

    Warns
    -----
    InadmissibleWarning, AnswersWarning
        As `csindex.fit` does.
    """
    names, how, pairs = request.names, request.incomplete, tally.pairs
    ends = np.array([item.scale or (np.nan, np.nan) for item in request.items])
    everyone = reduce(PairTotals.combined, pairs.values())
    if problems := total_problems(everyone, names, how):
        raise DataError(problems)
    counts = (tally.read, tally.weighted, tally.some, tally.complete)
    flow = flow_of(counts, request)
    overall = _told(_treated_totals(everyone, names, ends, flow, how))
    if request.by is None:
        return overall
    flows = {
        label: flow_of(tally.flows[label].tolist(), request)
        for label in ordered(tally.flows)
    }
    nobody = [f"0 respondents for {len(names)} items; more are needed"]
    return _by_group(
        overall,
        request.by,
        flows,
        lambda own: total_problems(pairs[own], names, how) if own in pairs else nobody,
        lambda own: _treated_totals(pairs[own], names, ends, flows[own], how),
    )


def _by_group(
    overall: Moments,
    by: str,
    flows: Mapping[Hashable, Flow],
    problems_of: Callable[[Hashable], list[str]],
    treated_group: Callable[[Hashable], Treated],
) -> Moments:
    """Return the stack of the groups whose gaps can be treated."""
    made: dict[Hashable, Treated] = {}
    found: dict[Hashable, Sequence[str]] = {}
    for label in flows:
        found[label] = problems_of(label)
        if not found[label]:
            try:
                made[label] = treated_group(label)
            except DataError as error:
                found[label] = error.problems
    failures = failures_of(found.items(), by)
    tell_failures(failures, by, 3)
    members: list[Moments] = []
    for label, own in made.items():
        members.append(_told(own, f"group {label!r} of {by!r}: ", 5))
    division = Division(by, overall, tuple(flows[label] for label in made), failures)
    return stacked(members, [(label, None) for label in made], division)


def _told(made: Treated, where: str = "", depth: int = 4) -> Moments:
    """Return the moments after warning of what has to be told about them."""
    for caution in made.cautions:
        warnings.warn(f"{where}{caution}", type(caution), stacklevel=depth)
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
