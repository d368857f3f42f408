"""One pass over answers that come in batches: checks, and sums."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.model import Item
from csindex.moments.adding import Adder, Rows, pair_parts
from csindex.moments.buckets import bucket_of, cluster_keys, row_keys
from csindex.moments.pairs import PairTotals
from csindex.moments.sums import Sums
from csindex.survey import Incomplete
from csindex.survey.columns import numbers, sampling_weights

# columns of one batch; a mapping, so that every library's columns fit
Batch = Mapping[str, NDArray[np.generic]]

# which rows each of the four counts is about; None for all
Chosen = Sequence[BoolArray | None]

# the least finite answer
_LEAST = float(np.finfo(np.float64).min)


@dataclass(frozen=True)
class Request:
    """What is asked of a pass.

    Attributes
    ----------
    items : tuple of Item
        The p items, with their scales and missing codes.
    weights, by, clusters : str, optional
        Columns of sampling weights, of groups, and of clusters.
    buckets : int, optional
        Number of buckets.
    incomplete : str
        How gaps are treated: listwise, or by sums over pairs of items.
    """

    items: tuple[Item, ...]
    weights: str | None = None
    by: str | None = None
    clusters: str | None = None
    buckets: int | None = None
    incomplete: Incomplete = "listwise"

    @property
    def names(self) -> tuple[str, ...]:
        """The items' names."""
        return tuple(item.name for item in self.items)

    @property
    def columns(self) -> list[str]:
        """The columns that are read, each once."""
        extra = [name for name in (self.weights, self.by, self.clusters) if name]
        return list(dict.fromkeys([*self.names, *extra]))


@dataclass(frozen=True)
class Place:
    """Where rows stand in their file.

    Attributes
    ----------
    start : int
        Position of the first of them.
    salt : int
        Number of the file.
    """

    start: int
    salt: int = 0

    def after(self, rows: int) -> Place:
        """Return the place so many rows later."""
        return Place(self.start + rows, self.salt)


@dataclass
class Tally:
    """Counts and sums of what has been read; it grows from batch to batch.

    Attributes
    ----------
    read, weighted, some, complete : int
        Rows read, with a positive weight, and of these those with any answer and
        those without gaps.
    answered : ndarray of int of shape (p,)
        Answers to each item in rows with a positive weight.
    groups : mapping of label to Sums of shape (g,)
        The sums of each group, by bucket; none where gaps are treated. Respondents
        without a label are under None, like everyone where there are no groups.
    pairs : mapping of label to PairTotals
        The sums of each group over pairs of items, where gaps are treated.
    flows : mapping of label to ndarray of int of shape (4,)
        The four counts of rows in each group, as those of all rows above.
    problems : list of str
        What is wrong with the answers; nothing is read after the first problems.
    """

    answered: IntArray
    read: int = 0
    weighted: int = 0
    some: int = 0
    complete: int = 0
    groups: dict[Hashable, Sums] = field(default_factory=dict)
    pairs: dict[Hashable, PairTotals] = field(default_factory=dict)
    flows: dict[Hashable, IntArray] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """What the sums take in memory."""
        own = sum(sums.second.nbytes for sums in self.groups.values())
        return own + sum(totals.nbytes for totals in self.pairs.values())

    def add(self, other: Tally) -> None:
        """Add what was read elsewhere.

        Parameters
        ----------
        other : Tally
            A tally of other rows.
        """
        self.read += other.read
        self.weighted += other.weighted
        self.some += other.some
        self.complete += other.complete
        self.answered = self.answered + other.answered
        self.problems += other.problems
        for label, sums in other.groups.items():
            self._add_sums(label, sums)
        for label, totals in other.pairs.items():
            self.add_pairs(label, totals)
        for label, counts in other.flows.items():
            self._add_flow(label, counts)

    def add_pairs(self, label: Hashable, totals: PairTotals) -> None:
        """Add sums over pairs of items of one group.

        Parameters
        ----------
        label : hashable
            The group.
        totals : PairTotals
            The sums.
        """
        before = self.pairs.get(label)
        self.pairs[label] = totals if before is None else before.combined(totals)

    def count(self, codes: IntArray, labels: Sequence[Hashable], rows: Chosen) -> None:
        """Count the rows of each group.

        Parameters
        ----------
        codes : ndarray of int of shape (n,)
            Position of each row's label.
        labels : sequence of hashable
            The labels.
        rows : sequence of four ndarray of bool of shape (n,), or None
            Which rows the four counts are about; None for all.
        """
        counts = [
            np.bincount(codes if own is None else codes[own], minlength=len(labels))
            for own in rows
        ]
        for label, found in zip(labels, np.stack(counts, axis=1), strict=True):
            if label is not None:
                self._add_flow(label, found)

    def renamed(self, names: Mapping[Hashable, Hashable]) -> Tally:
        """Return the same counts and sums under other labels.

        Parameters
        ----------
        names : mapping of hashable to hashable
            The new label of each; groups with one label become one.

        Returns
        -------
        Tally
            The tally.
        """
        made = replace(self, groups={}, pairs={}, flows={})
        for label, sums in self.groups.items():
            made._add_sums(names[label], sums)
        for label, totals in self.pairs.items():
            made.add_pairs(names[label], totals)
        for label, counts in self.flows.items():
            made._add_flow(names[label], counts)
        return made

    def _add_sums(self, label: Hashable, sums: Sums) -> None:
        known = self.groups.get(label)
        self.groups[label] = sums if known is None else known.combined(sums)

    def _add_flow(self, label: Hashable, counts: IntArray) -> None:
        known = self.flows.get(label)
        self.flows[label] = counts if known is None else known + counts


def tallied(
    batches: Iterable[Batch], request: Request, start: int, place: Place | None = None
) -> Tally:
    """Return the tally of some batches.

    Parameters
    ----------
    batches : iterable of Batch
        The batches.
    request : Request
        What is asked.
    start : int
        Position of the first row in the source.
    place : Place, optional
        Position of the first row in its file, which decides the buckets; that in the
        source, if None.

    Returns
    -------
    Tally
        Counts, sums and problems.
    """
    tally = Tally(np.zeros(len(request.items), dtype=np.int64))
    adder: Adder | None = None
    place = Place(start) if place is None else place
    for batch in batches:
        rows = _checked(batch, request, start + tally.read, place, tally)
        if tally.problems:
            break
        if rows is None:
            continue
        if request.incomplete != "listwise":
            for label, totals in pair_parts(rows):
                tally.add_pairs(label, totals)
            continue
        if adder is None:
            adder = Adder(request.buckets, rows)
        adder.add(rows)
    if adder is not None:
        tally.groups = adder.groups()
    return tally


def _checked(
    batch: Batch, request: Request, start: int, place: Place, tally: Tally
) -> Rows | None:
    """Return the rows of a batch that are used, and note counts and problems."""
    size = len(batch[request.names[0]])
    if size == 0:
        return None
    problems: list[str] = []
    weights, used = _weights(batch, request, problems)
    columns: list[NDArray[np.generic]] = []
    complete = None if used is None else used.copy()
    silent: BoolArray | None = np.ones(size, dtype=np.bool_)
    for position, item in enumerate(request.items):
        column, gaps = _answers(batch[item.name], item, used, problems)
        columns.append(column)
        known = size if used is None else int(used.sum())
        if gaps is not None:
            known -= int((gaps if used is None else gaps & used).sum())
            complete = ~gaps if complete is None else complete & ~gaps
        silent = None if gaps is None or silent is None else silent & gaps
        if gaps is not None and request.incomplete != "listwise":
            columns[-1] = np.where(gaps, np.nan, column)
        tally.answered[position] += known
    buckets = _buckets(batch, request, place.after(tally.read), size, problems)
    groups, labels = _groups(batch, request, problems)
    tally.problems += [_located(problem, start, size) for problem in problems]
    tally.read += size
    tally.weighted += size if used is None else int(used.sum())
    tally.complete += size if complete is None else int(complete.sum())
    some = used if silent is None else ~silent & (True if used is None else used)
    tally.some += size if some is None else int(some.sum())
    if groups is not None:
        tally.count(groups, labels, (None, used, some, complete))
    if request.incomplete != "listwise":
        complete = some
    if problems or (complete is not None and not complete.any()):
        return None
    return Rows(
        [_kept(column, complete) for column in columns],
        None if weights is None else _kept(weights, complete),
        None if groups is None else _kept(groups, complete),
        labels,
        None if buckets is None else _kept(buckets, complete),
    )


def _located(problem: str, start: int, size: int) -> str:
    return f"{problem} (first seen in rows {start + 1:,} to {start + size:,})"


def _kept(column: NDArray[np.generic], rows: BoolArray | None) -> NDArray[Any]:
    return column if rows is None else column[rows]


def _weights(
    batch: Batch, request: Request, problems: list[str]
) -> tuple[FloatArray | None, BoolArray | None]:
    """Return the weights, and whose are positive."""
    if request.weights is None:
        return None, None
    weights, found = sampling_weights(
        pd.Series(batch[request.weights]), request.weights
    )
    # zeros throughout are wrong in a whole sample, not in a batch of it
    if not (weights == 0).all():
        problems += found
    return weights, weights > 0


def _answers(
    raw: NDArray[np.generic],
    item: Item,
    used: BoolArray | None,
    problems: list[str],
) -> tuple[NDArray[np.generic], BoolArray | None]:
    """Return the answers in a column, and which of them are missing, if any are."""
    if raw.dtype.kind == "b":
        raw = raw.view(np.uint8)
    if raw.dtype.kind not in "iuf":
        values, found = numbers(pd.Series(raw), item, used)
        problems += found
        return values, np.isnan(values)
    gaps = None
    low, high = _ends(raw, gaps)
    if np.isnan(low):
        gaps = np.isnan(raw)
        low, high = _ends(raw, gaps)
    for code in item.missing:
        if low <= code <= high:
            coded = raw == code
            gaps = coded if gaps is None else gaps | coded
            low, high = _ends(raw, gaps)
    bottom, top = item.scale or (-np.inf, np.inf)
    if low <= high and not (max(bottom, _LEAST) <= low and high <= min(top, -_LEAST)):
        # the usual case has been ruled out fast; this one is told at leisure
        problems += numbers(pd.Series(raw), item, used)[1]
    return raw, gaps


def _ends(raw: NDArray[np.generic], gaps: BoolArray | None) -> tuple[float, float]:
    """Return the smallest and the largest answer; nothing lies between for none."""
    seen = raw if gaps is None else raw[~gaps]
    if seen.size == 0:
        return np.inf, -np.inf
    return float(seen.min()), float(seen.max())


def _groups(
    batch: Batch, request: Request, problems: list[str]
) -> tuple[IntArray | None, list[Hashable]]:
    """Return each row's position among the labels; that of None, if it has no label."""
    if request.by is None:
        return None, [None]
    try:
        codes, labels = pd.factorize(pd.Series(batch[request.by]))
    except TypeError:
        problems.append(
            f"column {request.by!r} can't divide the sample: it holds values as "
            f"{batch[request.by][0]!r}; give every respondent one text or number"
        )
        return None, [None]
    found: list[Hashable] = [*map(plain, labels), None]
    return np.where(codes < 0, len(labels), codes).astype(np.int64), found


def plain(label: object) -> Hashable:
    """Return a label as a plain Python value, so that it prints as it is written.

    Parameters
    ----------
    label : object
        The label.

    Returns
    -------
    hashable
        Itself, or the Python value of a NumPy scalar.
    """
    value: Hashable = label.item() if isinstance(label, np.generic) else label
    return value


def _buckets(
    batch: Batch, request: Request, place: Place, size: int, problems: list[str]
) -> IntArray | None:
    if request.buckets is None:
        return None
    if request.clusters is None:
        return bucket_of(row_keys(place.start, size, place.salt), request.buckets)
    column = pd.Series(batch[request.clusters])
    if gaps := int(column.isna().sum()):
        problems.append(
            f"clusters column {request.clusters!r} has {gaps} missing values; every "
            "respondent needs a cluster"
        )
        return np.zeros(size, dtype=np.int64)
    return bucket_of(cluster_keys(column), request.buckets)
