"""Moments of complete answers, from the sums of one pass or from a survey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from csindex.errors import SpecificationError
from csindex.moments.buckets import cluster_origin, sums_origin
from csindex.moments.division import Division, Flow
from csindex.moments.moments import Moments
from csindex.moments.samples import (
    failures_of,
    group_problems,
    moments_of,
    ordered,
    part_problems,
    split,
    stacked,
    survey_flows,
    tell_failures,
)
from csindex.moments.sums import Sums
from csindex.moments.tally import Request, Tally, tallied
from csindex.survey import Survey


def of_survey(survey: Survey, asked: Request) -> Moments:
    """Return the moments of a survey's complete answers.

    Parameters
    ----------
    survey : Survey
        The survey.
    asked : Request
        The items, groups and buckets.

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
    AnswersWarning
        If some groups can't be used, with the reasons.
    """
    answers = survey.answers(asked.names)
    made = moments_of(answers)
    if asked.by is not None:
        labels = survey.labels(asked.by)
        groups = split(answers, labels)
        flows = survey_flows(survey, labels, groups)
        nobody = part_problems(0, len(asked.names), [])
        known = {label: group_problems(own) for label, own in groups}
        found = ((label, known.get(label, nobody)) for label in flows)
        failures = failures_of(found, asked.by)
        tell_failures(failures, asked.by, 2)
        kept = [(label, own) for label, own in groups if label not in failures]
        own_flows = tuple(flows[label] for label, _ in kept)
        division = Division(asked.by, made, own_flows, failures)
        made = stacked([moments_of(own) for _, own in kept], kept, division)
    return made if asked.buckets is None else _in_buckets(survey, asked, made)


def made_of(tally: Tally, request: Request, origins: tuple[str, ...] = ()) -> Moments:
    """Return the moments that the sums of one pass tell.

    Parameters
    ----------
    tally : Tally
        What was read.
    request : Request
        What was asked.
    origins : tuple of str
        The files that were read, if they were files.

    Returns
    -------
    Moments
        The moments.

    Raises
    ------
    DataError
        If no group can be used.

    Warns
    -----
    AnswersWarning
        If some groups can't be used, with the reasons.
    """
    if request.clusters is not None:
        origins = (cluster_origin(request.clusters),)
    everyone = reduce(Sums.combined, tally.groups.values())
    if request.buckets is None:
        origins = ()
    elif not origins:
        origins = (sums_origin(everyone),)
    counts = (tally.read, tally.weighted, tally.some, tally.complete)
    overall = _of_sums(everyone, request, origins, counts)
    if request.by is None:
        return overall
    labels = ordered(tally.flows)
    found = {label: _problems(tally.groups.get(label), request) for label in labels}
    failures = failures_of(found.items(), request.by)
    tell_failures(failures, request.by, 2)
    kept = [label for label in labels if label not in failures]
    members = [
        _of_sums(tally.groups[label], request, origins, tally.flows[label].tolist())
        for label in kept
    ]
    division = Division(
        request.by, overall, tuple(member.flow for member in members), failures
    )
    stack = stacked(members, [(label, None) for label in kept], division)
    if request.buckets is None:
        return stack
    parts = _stacked_sums([tally.groups[label] for label in kept])
    return stack.with_buckets(parts, origins)


def flow_of(counts: Sequence[int], request: Request) -> Flow:
    """Return the sample flow of what was read.

    Parameters
    ----------
    counts : sequence of four int
        Respondents who were read, with a positive weight, and of these those with any
        answer and without gaps.
    request : Request
        What was asked.

    Returns
    -------
    flow
        The steps that matter.
    """
    read, weighted, some, complete = counts
    flow = [("read", read)]
    if request.weights is not None:
        flow.append(("with weight", weighted))
    if request.incomplete != "listwise":
        flow.append(("with any answer", some))
    used = complete if request.incomplete == "listwise" else some
    return (*flow, ("complete", complete), ("used", used))


def _in_buckets(survey: Survey, asked: Request, made: Moments) -> Moments:
    """Return the moments of a survey's answers with their buckets."""
    answers = survey.answers(asked.names)
    if answers.strata is not None:
        raise SpecificationError(
            "buckets divide a sample at random, which strata forbid; bootstrap a fit "
            "of the survey itself"
        )
    clusters = survey.codebook.clusters
    # these columns stand beside the items, whose names a group's column may share
    batch: dict[str, Any] = dict(zip(answers.names, answers.values.T, strict=True))
    roles: dict[str, Any] = {"weights": answers.weights}
    for role, column in (("by", asked.by), ("clusters", clusters)):
        if column is not None:
            roles[role] = survey.labels(column).iloc[answers.rows].to_numpy()
    roles = {role: column for role, column in roles.items() if column is not None}
    given = {role: f"{role} of the survey" for role in roles}
    batch |= {given[role]: column for role, column in roles.items()}
    request = replace(
        asked,
        weights=given.get("weights"),
        by=given.get("by"),
        clusters=given.get("clusters"),
    )
    sums = tallied([batch], request, 0).groups
    everyone = reduce(Sums.combined, sums.values())
    origin = sums_origin(everyone) if clusters is None else cluster_origin(clusters)
    if made.division is None:
        return made.with_buckets(everyone, (origin,))
    overall = made.division.overall.with_buckets(everyone, (origin,))
    parts = _stacked_sums([sums[label] for label in made.labels])
    division = replace(made.division, overall=overall)
    return made.with_buckets(parts, (origin,), division)


def _of_sums(
    parts: Sums, request: Request, origins: tuple[str, ...], counts: Sequence[int]
) -> Moments:
    """Return the moments of one sample from its sums by bucket."""
    whole = parts.total()
    ends = np.array([item.scale or (np.nan, np.nan) for item in request.items])
    return Moments(
        request.names,
        whole.mean(),
        whole.cov(),
        whole.count,
        ends[:, 0],
        ends[:, 1],
        flow=flow_of(counts, request),
        weight=whole.weight,
        squares=whole.squares,
        buckets=None if request.buckets is None else parts,
        origins=origins,
    )


def _problems(parts: Sums | None, request: Request) -> list[str]:
    """Return why a group can't be used, from its sums by bucket."""
    p = len(request.names)
    if parts is None:
        return part_problems(0, p, [])
    whole = parts.total()
    flat = np.flatnonzero(np.diagonal(whole.cov()) <= 0)
    return part_problems(int(whole.count), p, [request.names[k] for k in flat])


def _stacked_sums(members: Sequence[Sums]) -> Sums:
    """Return sums of several groups as a stack."""
    moved = [member.about(members[0].centre) for member in members]
    return Sums(
        members[0].centre,
        np.stack([member.count for member in moved]),
        np.stack([member.weight for member in moved]),
        np.stack([member.squares for member in moved]),
        np.stack([member.first for member in moved]),
        np.stack([member.second for member in moved]),
    )
