"""Ways to make moments from answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any, SupportsIndex, get_args

import numpy as np
import pandas as pd

from csindex.errors import DataError, SpecificationError
from csindex.language.options import canonical
from csindex.moments.asking import (
    asking,
    check_alone,
    check_own,
    known_items,
    listed_codes,
)
from csindex.moments.buckets import file_origin
from csindex.moments.lazy import Source, open_source
from csindex.moments.moments import Moments
from csindex.moments.summing import made_of, of_survey
from csindex.moments.sums import Sums
from csindex.moments.tally import Request, Tally
from csindex.moments.treating import treated_survey, treated_tally
from csindex.survey import (
    Incomplete,
    Survey,
    check_treatment,
    read_survey,
)
from csindex.survey.columns import sampling_weights, silences
from csindex.survey.survey import Scale

_BUCKETS_COMPLETE = (
    "buckets= keeps sums of complete answers, with which incomplete={!r} doesn't go; "
    "leave buckets out, or use incomplete='listwise'"
)


def moments(
    source: Any,
    items: Iterable[str],
    by: str | None = None,
    weights: str | None = None,
    buckets: SupportsIndex | None = None,
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
    items : iterable of str
        The items, as ``model.items``.
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
        The moments. With ``by``, ``labels`` are the groups, ``failures`` those that
        can't be used, with the reasons, and ``division`` has everyone's moments and
        each group's sample flow.

    Raises
    ------
    DataError
        If a source can't be read, a column is unknown or its answers can't be used,
        or no group can.
    SpecificationError
        If a scale or a code isn't one, the number of buckets can't be used, a
        survey is told what it knows, or missing answers can't be treated so.
    KeyboardInterrupt
        If the user stops it, with the number of rows that had been read.

    Warns
    -----
    AnswersWarning
        If some groups have too few respondents or a constant item; the others are
        returned.
    ConvergenceWarning, InadmissibleWarning, AnswersWarning
        What is to be told about treated gaps, as `csindex.fit` does.

    Notes
    -----
    Each respondent's bucket is a hash of the position in the source or, of files, of
    the file's content and the position in it; or of the cluster's label: as good as
    random, and the same each time. Moments of several sources add up to those of all
    of them, ``a + b``, buckets included; ``a - b`` keeps the buckets where each
    respondent's is known to be the same in both, as for a folder without one of its
    files, and leaves them out with a warning elsewhere.

    Small text files are read as `read_survey` reads them; those of more than 50 MB,
    Parquet and what an engine delivers by PyArrow, with the same results. Where the
    files hold labels of groups differently, as numbers and as texts, they are read as
    numbers if all are, else as texts.

    Weights count as shares of their sum, so that weights times a constant change
    nothing, while n stays the number of respondents. A weight of 2 then equals a
    repeated row in all correlations, but for pairwise deletion: there every two items
    have their own divisor, n times their share of the weights less one, and the
    repetition would make the n larger. Correlations differ by about 1 / n; both laws
    can't hold for divisors that differ between pairs.

    Examples
    --------
    >>> frame = pd.DataFrame({"q1": [1, 2, 3, 5], "q2": [2, 2, 5, 4]})
    >>> moments(frame, ["q1", "q2"]).mean
    array([2.75, 3.25])
    """
    incomplete = canonical(incomplete, get_args(Incomplete))
    check_treatment(incomplete)
    if buckets is not None and incomplete != "listwise":
        raise SpecificationError(_BUCKETS_COMPLETE.format(incomplete))
    asked = asking(items, by, weights, buckets, clusters, incomplete)
    codes = listed_codes(missing)
    if isinstance(source, Survey):
        check_own(asked, scale is not None or codes != ())
        if incomplete != "listwise":
            return treated_survey(source, asked)
        return of_survey(source, asked)
    check_alone(asked)
    opened = open_source(source)
    request = replace(asked, items=known_items(opened, asked, scale, codes))
    if incomplete == "em":
        survey = _in_memory(opened, scale, codes, weights)
        return treated_survey(survey, request)
    tally = opened.tally(request)
    if problems := tally.problems or _sample_problems(tally, request):
        raise DataError(problems)
    if incomplete != "listwise":
        return treated_tally(tally, request)
    origins = tuple(map(file_origin, opened.paths))
    return made_of(tally, request, origins)


def _in_memory(
    opened: Source,
    scale: Scale | Mapping[str, Scale] | None,
    missing: Any,
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
    if request.by is not None and not tally.flows:
        return [f"column {request.by!r} has no groups; name one that has labels"]
    if request.incomplete != "listwise":
        return []
    if tally.complete <= p:
        return [_too_few(tally, request.names)]
    everyone = reduce(Sums.combined, tally.groups.values()).total()
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
