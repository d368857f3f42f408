"""What is asked of a source: the arguments of a call, held against its columns."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from csindex.errors import CsindexError, DataError, SpecificationError, unknown
from csindex.model import Item, Model
from csindex.moments.checks import name_problems
from csindex.moments.lazy import Source
from csindex.moments.tally import Request
from csindex.survey import Incomplete, read_survey

# fewer buckets tell standard errors too roughly, at one part in sqrt(2 G)
FEWEST_BUCKETS = 20
_TOLD_TWICE = (
    "a survey has its own weights, scales, missing codes and clusters; give them to "
    "read_survey, not to moments"
)
_CLUSTERS_ALONE = (
    "clusters decide which answers share a bucket; say buckets= too, or leave them out"
)
_ADVICE = {
    "by": "to divide by several columns, put them together in one first",
    "weights": "add the weights to the answers as a column",
    "clusters": "add the clusters to the answers as a column",
}


def asking(
    items: Any,
    by: Any,
    weights: Any,
    buckets: Any,
    clusters: Any,
    incomplete: Incomplete,
) -> Request:
    """Return what a call asks for, before it is known which columns there are.

    Parameters
    ----------
    items : iterable of str
        The items.
    by, weights, clusters : str, optional
        Columns.
    buckets : int, optional
        Number of buckets.
    incomplete : str
        How gaps are treated.

    Returns
    -------
    Request
        The request; its items have no scales and codes yet.

    Raises
    ------
    SpecificationError
        With everything that is of another kind.
    """
    problems: list[str] = []
    names = _names(items, problems)
    for role, column in (("by", by), ("weights", weights), ("clusters", clusters)):
        if column is not None and not isinstance(column, str):
            given = repr(column) if isinstance(column, list) else type(column).__name__
            problems.append(
                f"{role} is the name of a column, as {role}='g', not {given}; "
                f"{_ADVICE[role]}"
            )
    number = _bucket_number(buckets, problems)
    if problems:
        raise SpecificationError(problems)
    nameless = tuple(Item(name) for name in names)
    return Request(nameless, weights, by, clusters, number, incomplete)


def listed_codes(missing: Any) -> Any:
    """Return codes of missing answers as a tuple, which can be read twice.

    Parameters
    ----------
    missing : float or iterable of float
        The codes.

    Returns
    -------
    tuple
        The codes; what can't be one is left as it is, to be refused with the scales.
    """
    if isinstance(missing, Real) or (
        isinstance(missing, np.ndarray) and missing.ndim == 0
    ):
        return (float(missing),)
    if isinstance(missing, str | Mapping) or not isinstance(missing, Iterable):
        return missing
    return tuple(missing)


def check_own(asked: Request, told: bool) -> None:
    """Refuse to tell a survey what it knows.

    Parameters
    ----------
    asked : Request
        What is asked.
    told : bool
        Whether scales or codes were given.

    Raises
    ------
    SpecificationError
        If something was told.
    """
    if told or asked.weights is not None or asked.clusters is not None:
        raise SpecificationError(_TOLD_TWICE)


def check_alone(asked: Request) -> None:
    """Refuse clusters without buckets.

    Parameters
    ----------
    asked : Request
        What is asked.

    Raises
    ------
    SpecificationError
        If there are no buckets that clusters could share.
    """
    if asked.clusters is not None and asked.buckets is None:
        raise SpecificationError(_CLUSTERS_ALONE)


def known_items(
    source: Source, asked: Request, scale: Any, missing: Any
) -> tuple[Item, ...]:
    """Return the items with their scales and codes.

    Parameters
    ----------
    source : Source
        The source.
    asked : Request
        What is asked of it.
    scale, missing
        Scales and codes, as `read_survey` takes them.

    Returns
    -------
    tuple of Item
        The items.

    Raises
    ------
    CsindexError
        With every column that isn't there, and what is wrong with scales and codes.
    """
    used: dict[str, list[str | None]] = {
        "in items": list(asked.names),
        "in by": [asked.by],
        "as weights": [asked.weights],
        "as clusters": [asked.clusters],
    }
    problems = name_problems(asked.names)
    for where, names in used.items():
        problems += _absent(source, [n for n in names if n is not None], where)
    # a survey without respondents knows what scales and codes can be
    columns = [*source.columns, *source.partial]
    blank = pd.DataFrame([[np.nan] * len(columns)], columns=columns)
    error: type[CsindexError] = DataError
    try:
        book = read_survey(blank, scale=scale, missing=missing).codebook
    except CsindexError as found:
        problems += found.problems
        error = type(found)
    if problems:
        raise error(problems)
    return tuple(book.item(name) for name in asked.names)


def _names(items: Any, problems: list[str]) -> Sequence[str]:
    if isinstance(items, Model):
        problems.append(
            "items are a list of columns; for those of a model say items=model.items"
        )
        return ()
    if isinstance(items, Iterable) and not isinstance(items, str | Mapping):
        names = list(items)
        if names and all(isinstance(name, str) for name in names):
            return names
        items = names
    problems.append(f"items are a list of columns, as ['q1', 'q2'], not {items!r}")
    return ()


def _bucket_number(buckets: Any, problems: list[str]) -> int | None:
    if buckets is None:
        return None
    whole = hasattr(buckets, "__index__") and not isinstance(buckets, bool)
    if whole and operator.index(buckets) >= FEWEST_BUCKETS:
        return operator.index(buckets)
    problems.append(
        f"buckets must be a whole number of {FEWEST_BUCKETS} or more, not {buckets!r}; "
        "standard errors are good to one part in sqrt(2 buckets), so take 1000 or 2000"
    )
    return None


def _absent(source: Source, names: Sequence[str], where: str) -> list[str]:
    """Return the names that not all files have, or that are no columns."""
    partial = source.partial
    return [
        *unknown("column", names, [*source.columns, *partial], where),
        *(
            f"column {name!r} {where} is missing in {partial[name]!r}"
            for name in names
            if name in partial
        ),
    ]
