"""Where the boxes of a path diagram stand: columns from causes to effects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import permutations, product
from math import factorial, prod
from typing import NamedTuple

import numpy as np

from csindex.kernels.arrays import FloatArray

Columns = tuple[tuple[int, ...], ...]
Edge = tuple[int, int]

# between columns; within one, with and without room for an arrow's label
_GAP_X, _GAP_ARROW, _GAP = 80.0, 56.0, 30.0
_MOST_IN_A_COLUMN = 4
_MOST_ORDERS = 400
_FINALISTS = 6
# what a drawing is judged by, in units of one crossing
_BLOCKED, _PAST_NEIGHBOUR, _TOO_LARGE, _LENGTH = 2.0, 8.0, 1.0, 1 / 900
_SAME_COLUMN = 0.4
_COMFORTABLE_WIDTH, _WIDTH_PER_NODE, _COMFORTABLE_HEIGHT = 770.0, 85.0, 330.0


class Box(NamedTuple):
    """A rectangle: its centre and its size, in points, y upwards."""

    x: float
    y: float
    width: float
    height: float

    def grown(self, by: float) -> Box:
        """Return the box with a margin."""
        return Box(self.x, self.y, self.width + 2 * by, self.height + 2 * by)


def arrange(sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]) -> list[Box]:
    """Return a box for each node of an acyclic graph.

    Parameters
    ----------
    sizes : sequence of (width, height)
        The nodes' sizes, in points.
    edges : sequence of (source, target)
        Positions of nodes.

    Returns
    -------
    list of Box
        The boxes. No edge leads to the left.

    Notes
    -----
    Nodes stand in layers by their longest path from a cause. Neighbouring layers may
    share a column. Among all such columns and all orders within them, the drawing
    with the fewest crossings, hidden boxes and detours is taken; beyond a few hundred
    orders, only those that the neighbours' mean position suggests.
    """
    layers = _layers(len(sizes), edges)
    candidates = [
        ordered for columns in _merged(layers) for ordered in _orders(columns, edges)
    ]
    costs = [_cost(_placed(c, sizes, edges), c, edges) for c in candidates]
    best = sorted(range(len(candidates)), key=lambda k: (costs[k], k))[:_FINALISTS]
    shifted = [
        (_placed(candidates[k], sizes, edges, shifts), candidates[k])
        for k in best
        for shifts in _shifts(candidates[k])
    ]
    return min(shifted, key=lambda pair: _cost(pair[0], pair[1], edges, shifted=True))[
        0
    ]


def _layers(count: int, edges: Sequence[Edge]) -> Columns:
    causes: Mapping[int, list[int]] = {
        node: [s for s, t in edges if t == node] for node in range(count)
    }

    @cache
    def depth(node: int) -> int:
        return max((depth(cause) + 1 for cause in causes[node]), default=0)

    layer = [depth(node) for node in range(count)]
    for node in range(count):  # a cause stands just before its first effect
        effects = [layer[t] for s, t in edges if s == node]
        if effects and not causes[node]:
            layer[node] = min(effects) - 1
    return tuple(
        tuple(node for node in range(count) if layer[node] == level)
        for level in range(max(layer) + 1)
    )


def _merged(layers: Columns) -> Iterator[Columns]:
    """Yield the ways to put neighbouring layers into one column."""
    limit = max(_MOST_IN_A_COLUMN, *(len(layer) for layer in layers))
    if len(layers) > 10:
        yield layers
        return
    for cuts in product((True, False), repeat=len(layers) - 1):
        columns = [list(layers[0])]
        for layer, cut in zip(layers[1:], cuts, strict=True):
            if cut:
                columns.append(list(layer))
            else:
                columns[-1] += layer
        if max(map(len, columns)) <= limit:
            yield tuple(map(tuple, columns))


def _orders(columns: Columns, edges: Sequence[Edge]) -> Iterator[Columns]:
    if prod(factorial(len(column)) for column in columns) <= _MOST_ORDERS:
        yield from product(*(tuple(permutations(column)) for column in columns))
        return
    order = list(columns)
    for sweep in range(16):
        for k in range(len(order)) if sweep % 2 else reversed(range(len(order))):
            order[k] = _by_neighbours(order[k], order, edges)
        yield tuple(order)


def _by_neighbours(
    column: tuple[int, ...], order: Sequence[tuple[int, ...]], edges: Sequence[Edge]
) -> tuple[int, ...]:
    height = {
        member: k - (len(members) - 1) / 2
        for members in order
        for k, member in enumerate(members)
    }

    def mean_height(node: int) -> float:
        near = [height[t] for s, t in edges if s == node]
        near += [height[s] for s, t in edges if t == node]
        return sum(near) / len(near) if near else height[node]

    return tuple(sorted(column, key=mean_height))


def _shifts(columns: Columns) -> Iterator[tuple[float, ...]]:
    """Yield vertical shifts of the columns, in half steps."""
    choices = (0.0, 0.5, -0.5) if len(columns) <= 5 else (0.0,)
    yield from product(choices, repeat=len(columns))


def _placed(
    columns: Columns,
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[Edge],
    shifts: Sequence[float] | None = None,
) -> list[Box]:
    boxes: dict[int, Box] = {}
    left = 0.0
    step = max(height for _, height in sizes) + _GAP_ARROW
    for column, shift in zip(columns, shifts or [0.0] * len(columns), strict=True):
        width = max(sizes[node][0] for node in column)
        inner = any(s in column and t in column for s, t in edges)
        gap = _GAP_ARROW if inner else _GAP
        total = sum(sizes[node][1] for node in column) + gap * (len(column) - 1)
        top = total / 2 + shift * step
        for node in column:
            box_width, height = sizes[node]
            boxes[node] = Box(left + width / 2, top - height / 2, box_width, height)
            top -= height + gap
        left += width + _GAP_X
    return [boxes[node] for node in range(len(sizes))]


def _cost(
    boxes: Sequence[Box],
    columns: Columns,
    edges: Sequence[Edge],
    shifted: bool = False,
) -> float:
    centre = np.array([(box.x, box.y) for box in boxes])
    start, end = centre[[s for s, _ in edges]], centre[[t for _, t in edges]]
    if not len(edges):
        start = end = np.empty((0, 2))
    width = max(b.x + b.width / 2 for b in boxes) - min(
        b.x - b.width / 2 for b in boxes
    )
    height = max(b.y + b.height / 2 for b in boxes) - min(
        b.y - b.height / 2 for b in boxes
    )
    comfortable = max(_COMFORTABLE_WIDTH, _WIDTH_PER_NODE * len(boxes))
    return float(
        _crossings(start, end)
        + _BLOCKED * _blocked(start, end, boxes, edges)
        + _within_columns(columns, edges)
        + _LENGTH * np.hypot(*(end - start).T).sum()
        + _TOO_LARGE * max(0.0, width - comfortable) / 150
        + _TOO_LARGE * max(0.0, height - _COMFORTABLE_HEIGHT) / 150
        + (0.15 * np.ptp([b.y for b in boxes]) / 100 if shifted else 0.0)
    )


def _within_columns(columns: Columns, edges: Sequence[Edge]) -> float:
    """Return what edges within columns cost; they can't pass a neighbour."""
    cost = 0.0
    for members in columns:
        for source, target in edges:
            if source in members and target in members:
                steps = abs(members.index(source) - members.index(target))
                cost += _SAME_COLUMN if steps == 1 else _PAST_NEIGHBOUR
    return cost


def _crossings(start: FloatArray, end: FloatArray) -> int:
    """Return how many pairs of segments without a common end cross."""
    first, second = np.triu_indices(len(start), k=1)
    a, b, c, d = start[first], end[first], start[second], end[second]
    apart = _side(a, b, c) * _side(a, b, d) < 0
    return int((apart & (_side(c, d, a) * _side(c, d, b) < 0)).sum())


def _side(a: FloatArray, b: FloatArray, point: FloatArray) -> FloatArray:
    """Return on which side of the lines from a to b the points are."""
    cross = (b[:, 0] - a[:, 0]) * (point[:, 1] - a[:, 1])
    cross -= (b[:, 1] - a[:, 1]) * (point[:, 0] - a[:, 0])
    return np.where(np.abs(cross) < 1e-6, 0.0, np.sign(cross))


def _blocked(
    start: FloatArray, end: FloatArray, boxes: Sequence[Box], edges: Sequence[Edge]
) -> int:
    """Return how often a straight edge runs through the box of another node."""
    share = np.linspace(0.0, 1.0, 33)[:, None, None]
    points = start + share * (end - start)
    centre = np.array([(box.x, box.y) for box in boxes])
    half = np.array([(box.width, box.height) for box in boxes]) / 2 + 8.0
    inside = (np.abs(points[:, :, None] - centre) < half).all(axis=-1).any(axis=0)
    for k, (source, target) in enumerate(edges):
        inside[k, [source, target]] = False
    return int(inside.sum())
