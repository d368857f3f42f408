"""Sums of the rows of a batch."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csindex.kernels.arrays import FloatArray, IntArray
from csindex.moments.pairs import PairTotals
from csindex.moments.sums import Sums

# rows multiplied at once: their answers stay in the processor's cache
_BLOCK = 8192
# rows sorted by group and bucket at once: enough for some rows in each
_SORTED = 262_144
# rows with gaps multiplied at once
_PAIRED = 32_768
# first rows from which the centre is taken
_FIRST = 1001


@dataclass(frozen=True, eq=False)
class Rows:
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


def pair_parts(rows: Rows) -> Iterator[tuple[Hashable, PairTotals]]:
    """Yield the sums over pairs of items of some rows, group by group.

    Parameters
    ----------
    rows : Rows
        The rows; answers with gaps are NaN.

    Yields
    ------
    label, totals : hashable, PairTotals
        A group, which may come again, and sums of some of its rows.
    """
    size = len(rows.columns[0])
    weights = np.ones(size) if rows.weights is None else rows.weights
    codes = np.zeros(size, dtype=np.int64) if rows.groups is None else rows.groups
    centre = np.array([_middle(column) for column in rows.columns])
    for start in range(0, size, _PAIRED):
        part = slice(start, start + _PAIRED)
        order = _sorting(codes[part], len(rows.labels))
        sorted_codes = codes[part][order]
        columns = np.stack([column[part][order] for column in rows.columns])
        starts = np.flatnonzero(np.diff(sorted_codes, prepend=-1))
        ends = np.append(starts[1:], len(order))
        for first, last in zip(starts.tolist(), ends.tolist(), strict=True):
            own = weights[part][order[first:last]]
            totals = PairTotals.of(
                columns[:, first:last].astype(np.float64), own, centre
            )
            yield rows.labels[sorted_codes[first]], totals


class Adder:
    """Sums of the rows of one part of the source.

    Parameters
    ----------
    buckets : int, optional
        Number of buckets.
    rows : Rows
        The first rows, which decide the centre.
    """

    def __init__(self, buckets: int | None, rows: Rows) -> None:
        self._parts = buckets or 1
        self._centre = np.array([_middle(column) for column in rows.columns])
        self._groups: dict[Hashable, Sums] = {}

    def groups(self) -> dict[Hashable, Sums]:
        """Return the sums of each group, by bucket."""
        return self._groups

    def add(self, rows: Rows) -> None:
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

    def _add_block(self, rows: Rows, chosen: slice) -> None:
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

    def _add_divided(self, rows: Rows, chosen: slice) -> None:
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
        self, rows: Rows, chosen: slice, order: IntArray | None = None
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
    first = column[:_FIRST]
    if column.dtype.kind == "f" and np.isnan(first).any():
        known = column[~np.isnan(column)]
        if not known.size:
            return 0.0
        first = known[:_FIRST]
    first = np.sort(first)
    return float(first[len(first) // 2])


def _sorting(codes: IntArray, top: int) -> IntArray:
    """Return the order that sorts codes below ``top``, equal ones as they stand."""
    small = codes.astype(np.uint16) if top <= np.iinfo(np.uint16).max else codes
    return np.argsort(small, kind="stable")
