"""How the arrows of a path diagram run, and where their labels stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from math import prod

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.plotting.layout import Box, Edge

_CLEARANCE, _TIP = 8.0, 3.0
_BULGES = (0.06, -0.06, 0.13, -0.13, 0.22, -0.22, 0.34, -0.34, 0.5, -0.5)
_PLACES = (0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73, 0.2, 0.8)
_POINTS, _SPARSE = 121, 4
# ways through columns: all up to so many, else so many
_MOST_WAYS, _FEWER = 81, 24
_ARROWHEAD = 13.0
# room around labels; what it costs a label to lie on a box or another one
_AIR, _HIDES = 2.0, 8.0
# what a curve is judged by
_HITS_BOX, _CROSSES, _DETOUR, _TOUCHES, _OUTSIDE, _ONE_TIP = (
    60.0,
    3.0,
    14.0,
    4.0,
    0.08,
    1.2,
)


def routes(boxes: Sequence[Box], edges: Sequence[Edge]) -> list[FloatArray]:
    """Return a curve for each edge that runs through no other box.

    Parameters
    ----------
    boxes : sequence of Box
        The nodes, in columns.
    edges : sequence of (source, target)
        Positions of nodes.

    Returns
    -------
    list of ndarray of shape (points, 2)
        The curves, from border to border. Short edges choose first; each takes the
        straightest curve that hits no box and crosses few others: a line, an arc, or
        a way through the gaps of the columns between.
    """
    length = {edge: _distance(boxes[edge[0]], boxes[edge[1]]) for edge in edges}
    options = {
        edge: [_cut(c, boxes[edge[0]], boxes[edge[1]]) for c in _curves(edge, boxes)]
        for edge in edges
    }
    own_cost = {
        edge: _own_costs(np.stack(options[edge]), edge, boxes) for edge in edges
    }
    drawn: dict[Edge, FloatArray] = {}
    for _ in range(2):  # the second round knows the curves of all others
        for edge in sorted(edges, key=lambda e: (length[e], e)):
            others = [curve for e, curve in drawn.items() if e != edge]
            drawn[edge] = _cheapest(options[edge], own_cost[edge], others)
    return [drawn[edge] for edge in edges]


def label_places(
    curves: Sequence[FloatArray],
    sizes: Sequence[tuple[float, float]],
    boxes: Sequence[Box],
) -> list[tuple[float, float]]:
    """Return the centre of each curve's label.

    Parameters
    ----------
    curves : sequence of ndarray of shape (points, 2)
        The curves.
    sizes : sequence of (width, height)
        Sizes of the labels.
    boxes : sequence of Box
        What labels must not touch.

    Returns
    -------
    list of (x, y)
        Points on the curves, away from boxes, other labels and other curves.
    """
    if not curves:
        return []
    lines = np.stack(curves)
    places = [round(place * (lines.shape[1] - 1)) for place in _PLACES]
    points, half = lines[:, places], np.array(sizes)[:, None] / 2
    fixed = _label_costs(points, half + _AIR, lines, boxes)
    chosen = np.zeros(len(lines), dtype=int)
    every = np.arange(len(lines))
    for _ in range(3):
        for k in every:
            others = points[every, chosen]
            room = half[k] + _AIR + half[:, 0]
            near = (np.abs(points[k][:, None] - others) < room).all(axis=-1)
            near[:, k] = False
            chosen[k] = int(np.argmin(fixed[k] + _HIDES * near.sum(axis=-1)))
    return [(float(x), float(y)) for x, y in points[every, chosen]]


def overlap(first: Box, second: Box) -> float:
    """Return the area that two boxes share.

    Parameters
    ----------
    first, second : Box
        The boxes.

    Returns
    -------
    float
        The area; zero when they are apart.
    """
    width = min(
        (first.width + second.width) / 2 - abs(first.x - second.x),
        first.width,
        second.width,
    )
    height = min(
        (first.height + second.height) / 2 - abs(first.y - second.y),
        first.height,
        second.height,
    )
    return max(0.0, width) * max(0.0, height)


def _distance(first: Box, second: Box) -> float:
    return float(np.hypot(first.x - second.x, first.y - second.y))


def _curves(edge: Edge, boxes: Sequence[Box]) -> Iterator[FloatArray]:
    """Yield curves from centre to centre."""
    source, target = boxes[edge[0]], boxes[edge[1]]
    start, end = np.array(source[:2]), np.array(target[:2])
    share = np.linspace(0.0, 1.0, _POINTS)[:, None]
    yield start + share * (end - start)
    normal = np.array([start[1] - end[1], end[0] - start[0]])
    around = (source.width / 2 + 3 * _CLEARANCE) / float(np.hypot(*normal) or 1.0)
    past_neighbours = [side * around / f for f in (0.85, 0.6) for side in (1, -1)]
    for bulge in (*_BULGES, *(past_neighbours if source.x == target.x else ())):
        yield start + share * (end - start) + 4 * bulge * share * (1 - share) * normal
    if source.x + 1 < target.x:  # leaves to the right, arrives from the left
        sides = (source.x + source.width / 2, target.x - target.width / 2)
        for lift in (0.0, 0.28, -0.28):
            arrival = target.y + lift * target.height
            level = [(sides[0], source.y), (sides[1], arrival), (target.x, arrival)]
            yield _through(np.array([start, *level]))
    between = sorted({b.x for b in boxes if source.x + 1 < b.x < target.x - 1})
    gaps = [_gaps(x, boxes, source, target) for x in between]
    for heights in _ways(gaps, source.y) if between else ():
        width = max(box.width for box in boxes) / 2 + 6
        stops = [
            (x + side * width, y)
            for x, y in zip(between, heights, strict=True)
            for side in (-1, 1)
        ]
        yield _through(np.array([start, *stops, end]))


def _gaps(x: float, boxes: Sequence[Box], source: Box, target: Box) -> list[float]:
    """Return the heights nearest to the straight line at which a column is open."""
    share = (x - source.x) / (target.x - source.x)
    straight = source.y + share * (target.y - source.y)
    column = sorted((b for b in boxes if abs(b.x - x) < 1), key=lambda b: b.y)
    borders = [(b.y - b.height / 2, b.y + b.height / 2) for b in column]
    room = _CLEARANCE + 5
    open_at = [borders[0][0] - room, borders[-1][1] + room]
    open_at += [(below[1] + above[0]) / 2 for below, above in pairwise(borders)]
    if all(not low - room < straight < high + room for low, high in borders):
        open_at.append(straight)
    return sorted(open_at, key=lambda y: abs(y - straight))[:3]


def _ways(gaps: Sequence[Sequence[float]], start: float) -> list[tuple[float, ...]]:
    """Return ways through the columns' gaps; of very many, those that turn least."""
    if prod(map(len, gaps)) <= _MOST_WAYS:
        return list(product(*gaps))
    ways: list[tuple[float, ...]] = [()]
    for heights in gaps:
        longer = [(*way, height) for way in ways for height in heights]
        ways = sorted(longer, key=lambda way: _turns(start, way))[:_FEWER]
    return ways


def _turns(start: float, way: Sequence[float]) -> float:
    return sum(abs(b - a) for a, b in pairwise((start, *way)))


def _through(stops: FloatArray) -> FloatArray:
    """Return a smooth curve through points that runs level at the inner ones."""
    pieces = []
    for k, (a, b) in enumerate(pairwise(stops)):
        reach = (b[0] - a[0]) / 2
        level = np.array([reach, 0.0])
        first, last = k == 0, k == len(stops) - 2
        one = a + (0.5 * (b - level - a) if first else level)
        two = b - (0.5 * (b - a - level) if last else level)
        t = np.linspace(0.0, 1.0, 61)[:, None]
        pieces.append(
            (1 - t) ** 3 * a
            + 3 * t * (1 - t) ** 2 * one
            + 3 * t**2 * (1 - t) * two
            + t**3 * b
        )
    return np.vstack(pieces)


def _cut(curve: FloatArray, source: Box, target: Box) -> FloatArray:
    """Return the part between two boxes, as equally spaced points."""
    fine = _spaced(curve, 6 * _POINTS)
    outside = ~_inside(fine, source) & ~_inside(fine, target.grown(_TIP))
    free = np.flatnonzero(outside)
    kept = fine[free[0] : free[-1] + 1] if free.size > 1 else fine
    return _spaced(kept, _POINTS)


def _spaced(curve: FloatArray, count: int) -> FloatArray:
    steps = np.hypot(*np.diff(curve, axis=0).T)
    way = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.linspace(0.0, way[-1], count)
    return np.column_stack(
        [np.interp(at, way, curve[:, 0]), np.interp(at, way, curve[:, 1])]
    )


def _inside(points: FloatArray, box: Box) -> BoolArray:
    away = np.abs(points - np.array(box[:2]))
    return np.asarray((away < np.array(box[2:]) / 2).all(axis=-1))


def _own_costs(curves: FloatArray, edge: Edge, boxes: Sequence[Box]) -> FloatArray:
    """Return what curves cost by themselves: boxes they hit, and their detours.

    The curves are an array of shape (curves, points, 2).
    """
    centre, half = _centres(boxes)
    away = np.abs(curves[:, :, None] - centre) - half
    away = np.maximum(away[..., 0], away[..., 1])  # below zero inside a box
    own = np.isin(np.arange(len(boxes)), edge)

    # leave the own box at once
    cost = 8.0 * (away[..., own] < 0.0).mean(axis=1).sum(axis=-1)
    away = away[..., ~own]
    cost += _HITS_BOX * (away < _CLEARANCE).any(axis=1).sum(axis=-1)
    cost += 2.0 * (away < 2.5 * _CLEARANCE).mean(axis=1).sum(axis=-1)
    steps = np.diff(curves, axis=1)
    way = np.hypot(steps[..., 0], steps[..., 1]).sum(axis=1)
    chord = np.hypot(*(curves[:, -1] - curves[:, 0]).T)
    chord[chord == 0] = 1.0
    angles = np.unwrap(np.arctan2(steps[..., 1], steps[..., 0]), axis=1)
    turns = np.abs(np.diff(angles, axis=1)).sum(axis=1)
    cost += _OUTSIDE * _excursions(curves, centre, half)
    return np.asarray(cost + _DETOUR * (way / chord - 1.0) + 0.6 * turns)


def _centres(boxes: Sequence[Box]) -> tuple[FloatArray, FloatArray]:
    """Return the boxes' centres and half their sizes, each of shape (boxes, 2)."""
    corners = np.array(boxes)
    return corners[:, :2], corners[:, 2:] / 2


def _excursions(curves: FloatArray, centre: FloatArray, half: FloatArray) -> FloatArray:
    """Return how far curves leave the heights that the boxes take."""
    lowest, highest = (centre - half)[:, 1].min(), (centre + half)[:, 1].max()
    below = lowest - curves[..., 1].min(axis=1)
    above = curves[..., 1].max(axis=1) - highest
    return np.asarray(np.maximum(0.0, below) + np.maximum(0.0, above))


def _cheapest(
    options: Sequence[FloatArray],
    own_cost: FloatArray,
    others: Sequence[FloatArray],
) -> FloatArray:
    best, best_cost = options[0], np.inf
    for k in np.argsort(own_cost, kind="stable"):
        if own_cost[k] >= best_cost:
            break
        cost = own_cost[k]
        cost += _conflicts(options[k], np.stack(others)) if others else 0.0
        if cost < best_cost:
            best, best_cost = options[k], cost
    return best


def _conflicts(curve: FloatArray, others: FloatArray) -> float:
    """Return what it costs that a curve crosses others or runs close to them.

    The others are an array of shape (curves, points, 2).
    """
    a, b = curve[::_SPARSE], others[:, ::_SPARSE]
    low = np.maximum(a.min(axis=0), b.min(axis=1))
    high = np.minimum(a.max(axis=0), b.max(axis=1))
    near = (low <= high + 10).all(axis=1)
    if not near.any():
        return 0.0
    b = b[near]
    away = np.hypot(*(a[:, None] - b[:, None]).transpose(3, 0, 1, 2))
    touching = (away.min(axis=-1) < 9.0).mean(axis=-1)
    one_tip = np.hypot(*(curve[-1] - others[near, -1]).T) < _ARROWHEAD
    costs = _CROSSES * _crosses(a, b) + _TOUCHES * touching + _ONE_TIP * one_tip
    return float(costs.sum())


def _crosses(first: FloatArray, second: FloatArray) -> BoolArray:
    """Return which of the second curves the first one crosses."""
    a, b = first[:-1, None], first[1:, None]
    c, d = second[:, None, :-1], second[:, None, 1:]
    one = _turn(a, b, c) * _turn(a, b, d) < 0
    both = one & (_turn(c, d, a) * _turn(c, d, b) < 0)
    return np.asarray(both.any(axis=(-2, -1)))


def _turn(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    return np.asarray(
        (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1])
        - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])
    )


def _label_costs(
    points: FloatArray, half: FloatArray, lines: FloatArray, boxes: Sequence[Box]
) -> FloatArray:
    """Return what it costs to put each label at each place, other labels apart.

    Places are an array of shape (labels, places, 2), half the labels' sizes one of
    shape (labels, 1, 2), lines one of shape (labels, points, 2).
    """
    centre, half_boxes = _centres(boxes)
    hidden = np.abs(points[:, :, None] - centre) < half[:, None] + half_boxes
    cost = _HIDES * hidden.all(axis=-1).sum(axis=-1) + 0.3 * np.arange(len(_PLACES))
    for k in range(len(lines)):
        away = np.abs(np.delete(lines, k, axis=0) - points[k][:, None, None])
        crossed = (away < half[k]).all(axis=-1).any(axis=-1)
        cost[k] += 3.0 * crossed.sum(axis=-1)
    return np.asarray(cost)
