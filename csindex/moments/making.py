"""Ways to make moments from answers."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from csindex.errors import (
    CsindexError,
    DataError,
    SpecificationError,
    quoted,
    unknown,
)
from csindex.kernels.moments import mean_and_cov
from csindex.model import Item
from csindex.moments.lazy import Source, open_source
from csindex.moments.moments import Moments, name_problems
from csindex.moments.sums import Sums
from csindex.moments.tally import Request, Tally, plain, tallied
from csindex.survey import Answers, Survey, read_survey
from csindex.survey.columns import constant_columns, sampling_weights, silences
from csindex.survey.survey import Scale

# fewer buckets tell standard errors too roughly, at one part in sqrt(2 G)
FEWEST_BUCKETS = 20
_TOLD_TWICE = (
    "a survey has its own weights, scales, missing codes and clusters; give them to "
    "read_survey, not to moments"
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
) -> Moments:
    r"""Return the moments of some items, from answers of any number.

    The answers are read once, batch by batch, and never held together: memory does
    not grow with their number. Respondents who answered all items are used.

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
        If a scale or a code isn't one, the number of buckets can't be used, or a
        survey is told what it knows.

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
    if isinstance(source, Survey):
        coded = isinstance(missing, float | int) or len(list(missing)) > 0
        own = (weights, scale, clusters) == (None, None, None) and not coded
        _check_buckets(buckets, None if own else _TOLD_TWICE)
        return _of_survey(source, items, by, buckets)
    alone = clusters is not None and buckets is None
    _check_buckets(buckets, _CLUSTERS_ALONE if alone else None)
    opened = open_source(source)
    asked = Request((), weights, by, clusters, buckets)
    header = _Header(opened, asked, items)
    request = replace(asked, items=header.items(scale, missing))
    tally = opened.tally(request)
    if problems := tally.problems or _sample_problems(tally, request):
        raise DataError(problems)
    return _made(tally, request, by)


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
        weight=None if answers.weights is None else answers.weights.sum(),
        squares=None if answers.weights is None else (answers.weights**2).sum(),
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
    return _part_problems(n, p, constant)


def _part_problems(n: int, p: int, constant: Sequence[str]) -> list[str]:
    if n <= p:
        return [f"{n} complete answers to {p} items; more than {p} are needed"]
    return [f"item {quoted(constant)} is constant"] if constant else []


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


def _of_survey(
    survey: Survey, items: Sequence[str], by: str | None, buckets: int | None
) -> Moments:
    answers = survey.answers(items)
    if buckets is not None:
        return _in_buckets(survey, answers, by, buckets)
    if by is None:
        return moments_of(answers)
    groups = split(answers, survey.labels(by))
    _check_groups([(label, group_problems(own)) for label, own in groups], by)
    return stacked([moments_of(members) for _, members in groups], groups)


def _check_groups(groups: Sequence[tuple[Hashable, list[str]]], by: str) -> None:
    """Refuse groups with problems, and none at all."""
    if not groups:
        raise DataError(f"column {by!r} has no groups; name one that has labels")
    if problems := [
        f"group {label!r}: {problem}" for label, own in groups for problem in own
    ]:
        raise DataError(problems)


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
    request = Request(items, buckets=buckets, **given)
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
    labels = _ordered(tally.groups)
    if by is not None and not labels:
        _check_groups([], by)
    members = [tally.groups[label] for label in labels]
    parts = members[0] if by is None else _stacked_sums(members)
    whole = parts.total()
    mean, cov = whole.mean(), whole.cov()
    if by is not None:
        variances = np.diagonal(cov, axis1=-2, axis2=-1)
        problems = [
            _part_problems(
                int(n),
                len(request.names),
                [request.names[k] for k in np.flatnonzero(own <= 0)],
            )
            for n, own in zip(whole.count, variances, strict=True)
        ]
        _check_groups(list(zip(labels, problems, strict=True)), by)
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


def _ordered(groups: Mapping[Hashable, Sums]) -> list[Hashable]:
    """Return labels in their order; as they came, if they have none."""
    labels: list[Any] = list(groups)
    try:
        return sorted(labels)
    except TypeError:  # labels of several kinds
        return labels


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
