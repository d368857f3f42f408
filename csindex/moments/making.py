"""Ways to make moments from answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from csindex.errors import (
    CsindexError,
    DataError,
    SpecificationError,
    unknown,
)
from csindex.model import Item
from csindex.moments.checks import name_problems
from csindex.moments.lazy import Source, open_source
from csindex.moments.moments import Moments
from csindex.moments.samples import (
    check_groups,
    group_problems,
    moments_of,
    ordered,
    part_problems,
    split,
    stacked,
)
from csindex.moments.sums import Sums
from csindex.moments.tally import Request, Tally, tallied
from csindex.moments.treating import treated_survey, treated_tally
from csindex.survey import (
    Answers,
    Incomplete,
    Survey,
    check_treatment,
    read_survey,
)
from csindex.survey.columns import sampling_weights, silences
from csindex.survey.survey import Scale

# fewer buckets tell standard errors too roughly, at one part in sqrt(2 G)
FEWEST_BUCKETS = 20
_TOLD_TWICE = (
    "a survey has its own weights, scales, missing codes and clusters; give them to "
    "read_survey, not to moments"
)
_BUCKETS_COMPLETE = (
    "buckets= keeps sums of complete answers, with which incomplete={!r} doesn't go; "
    "leave buckets out, or use incomplete='listwise'"
)
_CLUSTERS_ALONE = (
    "clusters decide which answers share a bucket; say buckets= too, or leave them out"
)


def moments(
    source: Any,
    items: Sequence[str],
    by: str | None = None,
    weights: str | None = None,
    buckets: int | None = None,
    scale: Scale | Mapping[str, Scale] | None = None,
    missing: Iterable[float] | float = (),
    clusters: str | None = None,
    incomplete: Incomplete = "listwise",
) -> Moments:
    r"""Return the moments of some items, from answers of any number.

    The answers are read once, batch by batch, and never held together: memory does
    not grow with their number.

    Parameters
    ----------
    source : Survey, path, sequence of paths, or data frame
        A survey; Parquet or text files, also as patterns such as ``"2026/*.parquet"``;
        a frame of pandas, Polars, PyArrow, DuckDB, Dask or PySpark, lazy ones too; or
        PyArrow record batches. Frames of a cluster are summed where they lie.
    items : sequence of str
        The items.
    by : str, optional
        A column; one member of the stack per group.
    weights : str, optional
        Column of sampling weights.
    buckets : int, optional
        Number of random parts of the sample whose sums are kept, so that
        `csindex.bootstrap` can draw them later: 1,000 to 2,000 are usual.
    scale : (low, high) or mapping of str to (low, high), optional
        Ends of the answer scale: one for all items, or per item with ``"*"`` for
        the rest.
    missing : float or iterable of float
        Codes that mean "no answer", as ``(98, 99)``.
    clusters : str, optional
        Column of sampling clusters, which are never divided between buckets.
    incomplete : {"listwise", "pairwise", "pairwise_nearest", "mean", "em"}
        How missing answers are treated, as `csindex.fit` does: respondents with all
        items only; every two items from those who answered both; the item's mean in
        every gap; the normal model. ``"em"`` sees the answers again and again, so
        that they must be in memory; buckets need listwise.

    Returns
    -------
    Moments
        The moments; ``labels`` are the groups.

    Raises
    ------
    DataError
        If a source can't be read, a column is unknown or its answers can't be used,
        or a group has too few respondents or a constant item.
    SpecificationError
        If a scale or a code isn't one, the number of buckets can't be used, a
        survey is told what it knows, or missing answers can't be treated so.

    Warns
    -----
    ConvergenceWarning, InadmissibleWarning, AnswersWarning
        What is to be told about treated gaps, as `csindex.fit` does.

    Notes
    -----
    Each respondent's bucket is a hash of the position in the source, or of the
    cluster: as good as random, and the same each time. Moments of several sources add
    up to those of all of them, ``a + b``, buckets included.

    Small text files are read as `read_survey` reads them; those of more than 50 MB,
    Parquet and what an engine delivers by PyArrow.

    Examples
    --------
    >>> frame = pd.DataFrame({"q1": [1, 2, 3, 5], "q2": [2, 2, 5, 4]})
    >>> moments(frame, ["q1", "q2"]).mean
    array([2.75, 3.25])
    """
    check_treatment(incomplete)
    if buckets is not None and incomplete != "listwise":
        raise SpecificationError(_BUCKETS_COMPLETE.format(incomplete))
    if isinstance(source, Survey):
        coded = isinstance(missing, float | int) or len(list(missing)) > 0
        own = (weights, scale, clusters) == (None, None, None) and not coded
        _check_buckets(buckets, None if own else _TOLD_TWICE)
        if incomplete != "listwise":
            return treated_survey(source, items, by, incomplete)
        return _of_survey(source, items, by, buckets)
    alone = clusters is not None and buckets is None
    _check_buckets(buckets, _CLUSTERS_ALONE if alone else None)
    opened = open_source(source)
    asked = Request((), weights, by, clusters, buckets, incomplete)
    header = _Header(opened, asked, items)
    request = replace(asked, items=header.items(scale, missing))
    if incomplete == "em":
        survey = _in_memory(opened, scale, missing, weights)
        return treated_survey(survey, items, by, incomplete)
    tally = opened.tally(request)
    if problems := tally.problems or _sample_problems(tally, request):
        raise DataError(problems)
    if incomplete != "listwise":
        return treated_tally(tally, request)
    return _made(tally, request, by)


def _check_buckets(buckets: int | None, problem: str | None) -> None:
    """Refuse numbers of buckets that can't be used, and what else is wrong."""
    problems = [] if problem is None else [problem]
    whole = isinstance(buckets, int) and not isinstance(buckets, bool)
    if buckets is not None and not (whole and buckets >= FEWEST_BUCKETS):
        problems.append(
            f"buckets must be a whole number of {FEWEST_BUCKETS} or more, not "
            f"{buckets!r}; standard errors are good to one part in sqrt(2 buckets), so "
            "take 1000 or 2000"
        )
    if problems:
        raise SpecificationError(problems)


def _in_memory(
    opened: Source,
    scale: Scale | Mapping[str, Scale] | None,
    missing: Iterable[float] | float,
    weights: str | None,
) -> Survey:
    """Return a source whose answers are in memory as a survey."""
    if opened.frame is None:
        raise SpecificationError(
            "incomplete='em' reads the answers again and again, but this source "
            f"({opened.name}) is read once; use incomplete='pairwise' or 'mean', or "
            "load the answers into a data frame"
        )
    return read_survey(opened.frame, scale=scale, missing=missing, weights=weights)


def _of_survey(
    survey: Survey, items: Sequence[str], by: str | None, buckets: int | None
) -> Moments:
    answers = survey.answers(items)
    if buckets is not None:
        return _in_buckets(survey, answers, by, buckets)
    if by is None:
        return moments_of(answers)
    groups = split(answers, survey.labels(by))
    check_groups([(label, group_problems(own)) for label, own in groups], by)
    return stacked([moments_of(members) for _, members in groups], groups)


def _in_buckets(
    survey: Survey, answers: Answers, by: str | None, buckets: int
) -> Moments:
    """Return the moments of a survey's answers, with buckets."""
    if answers.strata is not None:
        raise SpecificationError(
            "buckets divide a sample at random, which strata forbid; bootstrap a fit "
            "of the survey itself"
        )
    ends = zip(answers.low.tolist(), answers.high.tolist(), strict=True)
    items = tuple(
        Item(name, scale=None if np.isnan(low) else (low, high))
        for name, (low, high) in zip(answers.names, ends, strict=True)
    )
    # these columns stand beside the items, whose names a group's column may share
    batch: dict[str, Any] = dict(zip(answers.names, answers.values.T, strict=True))
    roles: dict[str, Any] = {"weights": answers.weights, "clusters": answers.clusters}
    if by is not None:
        roles["by"] = survey.labels(by).iloc[answers.rows].to_numpy()
    roles = {role: column for role, column in roles.items() if column is not None}
    given = {role: f"{role} of the survey" for role in roles}
    batch |= {given[role]: column for role, column in roles.items()}
    request = Request(
        items,
        given.get("weights"),
        given.get("by"),
        given.get("clusters"),
        buckets,
    )
    return replace(
        _made(tallied([batch], request, 0), request, by),
        flow=() if by is not None else answers.flow,
    )


class _Header:
    """The columns of a source, and what is asked of them."""

    def __init__(self, source: Source, asked: Request, items: Sequence[str]) -> None:
        if isinstance(items, str) or len(items) == 0:
            raise SpecificationError(
                f"items are a list of columns, as ['q1', 'q2'], not {items!r}"
            )
        self._source, self._items = source, items
        used: dict[str, list[str | None]] = {
            "in items": list(items),
            "in by": [asked.by],
            "as weights": [asked.weights],
            "as clusters": [asked.clusters],
        }
        self._problems = name_problems(items)
        for where, names in used.items():
            self._problems += self._absent([n for n in names if n is not None], where)

    def _absent(self, names: Sequence[str], where: str) -> list[str]:
        """Return the names that not all files have, or that are no columns."""
        partial = self._source.partial
        known = [*self._source.columns, *partial]
        return [
            *unknown("column", names, known, where),
            *(
                f"column {name!r} {where} is missing in {partial[name]!r}"
                for name in names
                if name in partial
            ),
        ]

    def items(
        self,
        scale: Scale | Mapping[str, Scale] | None,
        missing: Iterable[float] | float,
    ) -> tuple[Item, ...]:
        """Return the items with their scales and missing codes."""
        # a survey without respondents knows what scales and codes can be
        columns = [*self._source.columns, *self._source.partial]
        blank = pd.DataFrame([[np.nan] * len(columns)], columns=columns)
        error: type[CsindexError] = DataError
        try:
            book = read_survey(blank, scale=scale, missing=missing).codebook
        except CsindexError as found:
            self._problems += found.problems
            error = type(found)
        if self._problems:
            raise error(self._problems)
        return tuple(book.item(name) for name in self._items)


def _sample_problems(tally: Tally, request: Request) -> list[str]:
    """Return why a source as a whole tells nothing."""
    if tally.read == 0:
        return ["the source is empty: it has no rows"]
    if request.weights is not None and tally.weighted == 0:
        return sampling_weights(pd.Series([0.0]), request.weights)[1]
    problems = [
        problem
        for item, known in zip(request.items, tally.answered, strict=True)
        for problem in silences(np.zeros(int(known > 0)), item)
    ]
    if problems:
        return problems
    p = len(request.items)
    if request.incomplete != "listwise":
        if request.by is not None and not tally.pairs:
            return [f"column {request.by!r} has no groups; name one that has labels"]
        return []
    if tally.complete <= p:
        return [_too_few(tally, request.names)]
    if not tally.groups:
        return [f"column {request.by!r} has no groups; name one that has labels"]
    everyone = _stacked_sums(list(tally.groups.values())).total().total()
    return [
        problem
        for item, mean, variance in zip(
            request.items, everyone.mean(), np.diagonal(everyone.cov()), strict=True
        )
        if variance == 0
        for problem in silences(np.array([mean, mean]), item)
    ]


def _too_few(tally: Tally, names: Sequence[str]) -> str:
    gaps = pd.Series(tally.weighted - tally.answered, index=list(names))
    worst = gaps[gaps > 0].sort_values(ascending=False).head(3)
    told = ", ".join(f"{name!r} ({count})" for name, count in worst.items())
    cause = f"; most answers are missing in {told}" if told else ""
    return (
        f"only {tally.complete} of {tally.weighted} respondents answered all "
        f"{len(names)} items, and more than {len(names)} are needed{cause}; leave such "
        "items out or get more answers"
    )


def _made(tally: Tally, request: Request, by: str | None) -> Moments:
    """Return what was read as moments."""
    labels = ordered(tally.groups)
    if by is not None and not labels:
        check_groups([], by)
    members = [tally.groups[label] for label in labels]
    parts = members[0] if by is None else _stacked_sums(members)
    whole = parts.total()
    mean, cov = whole.mean(), whole.cov()
    if by is not None:
        variances = np.diagonal(cov, axis1=-2, axis2=-1)
        problems = [
            part_problems(
                int(n),
                len(request.names),
                [request.names[k] for k in np.flatnonzero(own <= 0)],
            )
            for n, own in zip(whole.count, variances, strict=True)
        ]
        check_groups(list(zip(labels, problems, strict=True)), by)
    ends = np.array([item.scale or (np.nan, np.nan) for item in request.items])
    flow = [("read", tally.read)]
    if request.weights is not None:
        flow.append(("with weight", tally.weighted))
    flow += [("complete", tally.complete), ("used", tally.complete)]
    return Moments(
        request.names,
        mean,
        cov,
        whole.count,
        ends[:, 0],
        ends[:, 1],
        labels=() if by is None else labels,
        flow=flow if by is None else (),
        weight=whole.weight,
        squares=whole.squares,
        buckets=None if request.buckets is None else parts,
    )


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
