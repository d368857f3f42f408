"""One pass over answers that come in batches: checks, and sums."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.model import Item
from csindex.moments.sums import Sums
from csindex.survey.columns import numbers, sampling_weights

# columns of one batch; a mapping, so that every library's columns fit
Batch = Mapping[str, NDArray[np.generic]]

# rows multiplied at once: their answers stay in the processor's cache
_BLOCK = 8192
# rows sorted by group and bucket at once: enough for some rows in each
_SORTED = 262_144
# the least finite answer
_LEAST = float(np.finfo(np.float64).min)
# first rows from which the centre is taken
_FIRST = 1001
# increment and factors of the hash: Steele, Lea & Flood (2014), OOPSLA, splitmix64
_GAMMA = 0x9E3779B97F4A7C15
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))


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
    """

    items: tuple[Item, ...]
    weights: str | None = None
    by: str | None = None
    clusters: str | None = None
    buckets: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The items' names."""
        return tuple(item.name for item in self.items)

    @property
    def columns(self) -> list[str]:
        """The columns that are read, each once."""
        extra = [name for name in (self.weights, self.by, self.clusters) if name]
        return list(dict.fromkeys([*self.names, *extra]))


@dataclass
class Tally:
    """Counts and sums of what has been read; it grows from batch to batch.

    Attributes
    ----------
    read, weighted, complete : int
        Rows read, with a positive weight, and of these those without gaps.
    answered : ndarray of int of shape (p,)
        Answers to each item in rows with a positive weight.
    groups : mapping of label to Sums of shape (g,)
        The sums of each group, by bucket.
    problems : list of str
        What is wrong with the answers; nothing is read after the first problems.
    """

    answered: IntArray
    read: int = 0
    weighted: int = 0
    complete: int = 0
    groups: dict[Hashable, Sums] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """What the sums take in memory."""
        return sum(sums.second.nbytes for sums in self.groups.values())

    def add(self, other: Tally) -> None:
        """Add what was read elsewhere.

        Parameters
        ----------
        other : Tally
            A tally of other rows.
        """
        self.read += other.read
        self.weighted += other.weighted
        self.complete += other.complete
        self.answered = self.answered + other.answered
        self.problems += other.problems
        for label, sums in other.groups.items():
            known = self.groups.get(label)
            self.groups[label] = sums if known is None else known.combined(sums)


def tallied(batches: Iterable[Batch], request: Request, start: int) -> Tally:
    """Return the tally of some batches.

    Parameters
    ----------
    batches : iterable of Batch
        The batches.
    request : Request
        What is asked.
    start : int
        Position of the first row, which decides the buckets.

    Returns
    -------
    Tally
        Counts, sums and problems.
    """
    tally = Tally(np.zeros(len(request.items), dtype=np.int64))
    adder: _Adder | None = None
    for batch in batches:
        rows = _checked(batch, request, start + tally.read, tally)
        if tally.problems:
            break
        if rows is None:
            continue
        if adder is None:
            adder = _Adder(request, rows)
        adder.add(rows)
    if adder is not None:
        tally.groups = adder.groups()
    return tally


@dataclass(frozen=True, eq=False)
class _Rows:
    """The usable rows of one batch, column by column.

    Attributes
    ----------
    columns : list of ndarray of shape (n,)
        The answers, of the type they came in.
    weights : ndarray of shape (n,), optional
        Positive weights.
    groups : ndarray of int of shape (n,), optional
        Position of each row's label.
    labels : list
        The labels.
    buckets : ndarray of int of shape (n,), optional
        Bucket of each row.
    """

    columns: list[NDArray[np.generic]]
    weights: FloatArray | None
    groups: IntArray | None
    labels: list[Hashable]
    buckets: IntArray | None


def _checked(batch: Batch, request: Request, start: int, tally: Tally) -> _Rows | None:
    """Return the rows of a batch that are used, and note counts and problems."""
    size = len(batch[request.names[0]])
    if size == 0:
        return None
    problems: list[str] = []
    weights, used = _weights(batch, request, problems)
    columns: list[NDArray[np.generic]] = []
    complete = None if used is None else used.copy()
    for position, item in enumerate(request.items):
        column, gaps = _answers(batch[item.name], item, used, problems)
        columns.append(column)
        known = size if used is None else int(used.sum())
        if gaps is not None:
            known -= int((gaps if used is None else gaps & used).sum())
            complete = ~gaps if complete is None else complete & ~gaps
        tally.answered[position] += known
    buckets = _buckets(batch, request, start, size, problems)
    groups, labels = _groups(batch, request, problems)
    tally.problems += [_located(problem, start, size) for problem in problems]
    tally.read += size
    tally.weighted += size if used is None else int(used.sum())
    tally.complete += size if complete is None else int(complete.sum())
    if groups is not None and (groups < 0).any():
        complete = groups >= 0 if complete is None else complete & (groups >= 0)
    if problems or (complete is not None and not complete.any()):
        return None
    return _Rows(
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
    """Return each row's position among the labels, minus one for none."""
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
    return np.asarray(codes, dtype=np.int64), [plain(label) for label in labels]


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
    batch: Batch, request: Request, start: int, size: int, problems: list[str]
) -> IntArray | None:
    if request.buckets is None:
        return None
    if request.clusters is None:
        return bucket_of(np.arange(start, start + size), request.buckets)
    column = pd.Series(batch[request.clusters])
    if gaps := int(column.isna().sum()):
        problems.append(
            f"clusters column {request.clusters!r} has {gaps} missing values; every "
            "respondent needs a cluster"
        )
        return np.zeros(size, dtype=np.int64)
    return bucket_of(_keys(column), request.buckets)


def _keys(column: pd.Series) -> NDArray[np.uint64]:
    """Return a number per cluster that depends on nothing but its label."""
    values = column.to_numpy()
    if values.dtype.kind == "f" and (values % 1 == 0).all():
        values = values.astype(np.int64)  # a label has one number in every file
    hashed: NDArray[np.uint64] = pd.util.hash_array(values)
    return hashed


def bucket_of(keys: NDArray[np.generic], buckets: int) -> IntArray:
    """Return the bucket of each key.

    Parameters
    ----------
    keys : ndarray of int of shape (n,)
        Row positions, or numbers of clusters.
    buckets : int
        Number of buckets.

    Returns
    -------
    ndarray of int of shape (n,)
        Buckets from zero; as good as random, and the same on every machine.

    References
    ----------
    Steele, Lea & Flood (2014), Fast splittable pseudorandom number generators,
    OOPSLA.
    """
    mixed = (keys.astype(np.uint64) + np.uint64(1)) * np.uint64(_GAMMA)
    for shift, factor in _MIX:
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    high = mixed >> np.uint64(32)
    return ((high * np.uint64(buckets)) >> np.uint64(32)).astype(np.int64)


class _Adder:
    """Sums of the rows of one part of the source."""

    def __init__(self, request: Request, rows: _Rows) -> None:
        self._parts = request.buckets or 1
        self._centre = np.array([_middle(column) for column in rows.columns])
        self._groups: dict[Hashable, Sums] = {}

    def groups(self) -> dict[Hashable, Sums]:
        return self._groups

    def add(self, rows: _Rows) -> None:
        """Add the sums of some rows."""
        divided = rows.groups is not None or rows.buckets is not None
        step = _SORTED if divided else _BLOCK
        for start in range(0, len(rows.columns[0]), step):
            chosen = slice(start, start + step)
            if divided:
                self._add_divided(rows, chosen)
            else:
                self._add_block(rows, chosen)

    def _cells(self, label: Hashable) -> Sums:
        if label not in self._groups:
            p, g = len(self._centre), self._parts
            self._groups[label] = Sums(
                self._centre,
                np.zeros(g, dtype=np.int64),
                np.zeros(g),
                np.zeros(g),
                np.zeros((g, p)),
                np.zeros((g, p * (p + 1) // 2)),
            )
        return self._groups[label]

    def _add_block(self, rows: _Rows, chosen: slice) -> None:
        """Add rows that all go to one place."""
        block = self._centred(rows, chosen)
        weighted, weight = block, float(block.shape[1])
        squares = weight
        if rows.weights is not None:
            own = rows.weights[chosen]
            weighted, weight, squares = block * own, float(own.sum()), float(own @ own)
        cells = self._cells(None)
        cells.count[0] += block.shape[1]
        cells.weight[0] += weight
        cells.squares[0] += squares
        cells.first[0] += weighted.sum(axis=1)
        cells.second[0] += (weighted @ block.T)[np.triu_indices(len(block))]

    def _add_divided(self, rows: _Rows, chosen: slice) -> None:
        """Add rows that go to many groups or buckets: sorted, then piece by piece."""
        size = len(rows.columns[0][chosen])
        codes = np.zeros(size, dtype=np.int64)
        if rows.groups is not None:
            codes += rows.groups[chosen] * self._parts
        if rows.buckets is not None:
            codes += rows.buckets[chosen]
        order = _sorting(codes, len(rows.labels) * self._parts)
        codes = codes[order]
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
        ends = np.append(starts[1:], size)
        block = self._centred(rows, chosen, order)
        weights = np.ones(size)
        weighted = block
        if rows.weights is not None:
            weights = rows.weights[chosen][order]
            weighted = block * weights
        p = len(block)
        products = np.empty((len(starts), p, p))
        for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
            np.matmul(
                weighted[:, start:end], block[:, start:end].T, out=products[place]
            )
        i, k = np.triu_indices(p)
        found = Sums(
            self._centre,
            ends - starts,
            np.add.reduceat(weights, starts),
            np.add.reduceat(weights**2, starts),
            np.add.reduceat(weighted, starts, axis=1).T,
            products[:, i, k],
        )
        self._spread(found, codes[starts], rows.labels)

    def _spread(self, found: Sums, codes: IntArray, labels: list[Hashable]) -> None:
        """Add sums to the groups and buckets they belong to."""
        groups, buckets = np.divmod(codes, self._parts)
        edges = np.searchsorted(groups, np.arange(len(labels) + 1))
        for label, start, end in zip(labels, edges[:-1], edges[1:], strict=True):
            if start == end:
                continue
            cells, own, to = self._cells(label), slice(start, end), buckets[start:end]
            cells.count[to] += found.count[own]
            cells.weight[to] += found.weight[own]
            cells.squares[to] += found.squares[own]
            cells.first[to] += found.first[own]
            cells.second[to] += found.second[own]

    def _centred(
        self, rows: _Rows, chosen: slice, order: IntArray | None = None
    ) -> FloatArray:
        """Return the answers (p, n) about the centre."""
        size = len(rows.columns[0][chosen])
        block = np.empty((len(self._centre), size))
        for row, column, centre in zip(block, rows.columns, self._centre, strict=True):
            part = column[chosen] if order is None else column[chosen][order]
            np.subtract(part, centre, out=row)
        return block


def _middle(column: NDArray[np.generic]) -> float:
    """Return an answer in the middle of the first ones.

    Being an answer itself, it leaves whole numbers whole, and a constant item without
    any rounding.
    """
    first = np.sort(column[:_FIRST])
    return float(first[len(first) // 2])


def _sorting(codes: IntArray, top: int) -> IntArray:
    """Return the order that sorts codes below ``top``, equal ones as they stand."""
    small = codes.astype(np.uint16) if top <= np.iinfo(np.uint16).max else codes
    return np.argsort(small, kind="stable")
