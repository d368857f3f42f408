"""Score maps: how many points of 0-100 each answer of a scale is worth.

Without a map answers are spaced evenly: 100 (x - low) / (high - low). Some conventions
space them otherwise. Their scores aren't linear in the answers, so that an index on
them can't be compared with an index on evenly spaced answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import isclose
from typing import Literal

import numpy as np

from csindex.errors import unknown
from csindex.kernels.arrays import FloatArray
from csindex.model import Item

Kind = Literal["linear", "affine", "non-linear"]


@dataclass(frozen=True)
class ScoreMap:
    """A convention of scoring the levels of a scale.

    Attributes
    ----------
    points : tuple of float
        Points of the levels, from the worst to the best.
    source : str
        Where it is used, and what is known of it.
    """

    points: tuple[float, ...]
    source: str


_RECALLED = "recalled from Chinese texts, not read in a source"

# the names that an item's score_map may have
MAPS: Mapping[str, ScoreMap] = {
    "five_uneven": ScoreMap(
        (0.0, 30.0, 60.0, 80.0, 100.0),
        "Chinese satisfaction surveys, 'do not know' left out",
    ),
    "five_from_20": ScoreMap((20.0, 40.0, 60.0, 80.0, 100.0), _RECALLED),
    "five_even": ScoreMap((0.0, 25.0, 50.0, 75.0, 100.0), _RECALLED),
    "five_signed": ScoreMap(
        (0.0, 25.0, 50.0, 75.0, 100.0),
        f"-2 to 2, brought to 0-100 by (m + 2) / 4 x 100; {_RECALLED}",
    ),
    "seven_signed": ScoreMap(
        tuple((points + 60) / 120 * 100 for points in range(-60, 61, 20)),
        f"-60 to 60, brought to 0-100 by (m + 60) / 120 x 100; {_RECALLED}",
    ),
    "seven_even": ScoreMap(tuple(100 * k / 6 for k in range(7)), _RECALLED),
    "ten_by_ten": ScoreMap(
        tuple(10.0 * k for k in range(1, 11)), "UKCSI: mean of 1 to 10 times 10"
    ),
    "seven_top_two": ScoreMap(
        (0.0, 0.0, 0.0, 0.0, 0.0, 100.0, 100.0), "KCSI: share of the two best of seven"
    ),
}


def scale_of(item: Item) -> tuple[float, float] | None:
    """Return the answers that an item's map is about.

    Parameters
    ----------
    item : Item
        The item.

    Returns
    -------
    tuple of float, optional
        Its own scale; with a map and without a scale, 1 to the number of levels.
    """
    if item.scale is not None or not item.score_map:
        return item.scale
    return 1.0, float(len(_listed(item)))


def score_scale(item: Item) -> tuple[float, float] | None:
    """Return the scale of the answers once they are scored.

    Parameters
    ----------
    item : Item
        The item.

    Returns
    -------
    tuple of float, optional
        0 to 100 with a map, else the item's own scale.
    """
    return (0.0, 100.0) if item.score_map else item.scale


def scored(answers: FloatArray, item: Item) -> FloatArray:
    """Return answers as points of the item's map.

    Parameters
    ----------
    answers : ndarray of shape (n,)
        Answers on the item's scale, as they were given; NaN is no answer.
    item : Item
        The item; without a map its answers stay as they are.

    Returns
    -------
    ndarray of shape (n,)
        Points from 0 to 100; NaN for no answer and for what isn't a level.

    Examples
    --------
    >>> item = Item("q1", scale=(1, 5), score_map=(100, 80, 60, 30, 0))
    >>> scored(np.array([1.0, 4.0, 5.0]), item)
    array([100.,  30.,   0.])
    """
    ends = scale_of(item)
    if not item.score_map or ends is None:
        return answers
    points = np.array(level_points(item))
    place = answers - ends[0]
    known = np.isin(place, np.arange(len(points)))
    found = np.full(answers.shape, np.nan)
    found[known] = points[place[known].astype(np.int64)]
    return found


def level_points(item: Item) -> tuple[float, ...]:
    """Return the points of each level, from the scale's low to its high end.

    Parameters
    ----------
    item : Item
        An item with a map.

    Returns
    -------
    tuple of float
        A list is taken as it is; a named map goes from the worst to the best level,
        and the other way round for a reversed item.
    """
    points = _listed(item)
    named = isinstance(item.score_map, str)
    return points[::-1] if named and item.reversed else points


def kind_of(points: tuple[float, ...]) -> Kind:
    """Return how a map's points relate to evenly spaced answers.

    Parameters
    ----------
    points : tuple of float
        Points of the levels in order.

    Returns
    -------
    {"linear", "affine", "non-linear"}
        Linear: evenly from 0 to 100, or back. Affine: evenly between other ends.

    Examples
    --------
    >>> kind_of((100, 80, 60, 30, 0))
    'non-linear'
    """
    steps = [b - a for a, b in pairwise(points)]
    if not all(isclose(step, steps[0], abs_tol=1e-9) for step in steps):
        return "non-linear"
    ends = sorted((points[0], points[-1]))
    whole = isclose(ends[0], 0, abs_tol=1e-9) and isclose(ends[1], 100)
    return "linear" if whole else "affine"


def settings_line(items: Iterable[Item]) -> str:
    """Return what a fit's settings must say about its items' score maps.

    Parameters
    ----------
    items : iterable of Item
        The items, as the codebook knows them.

    Returns
    -------
    str
        One line; empty if all answers are spaced evenly from 0 to 100.
    """
    used: dict[tuple[float, ...], list[str]] = {}
    for item in items:
        if item.score_map and kind_of(level_points(item)) != "linear":
            used.setdefault(level_points(item), []).append(item.name)
    parts = [
        f"{', '.join(names)}: {'/'.join(f'{value:g}' for value in points)} "
        f"({kind_of(points)})"
        for points, names in used.items()
    ]
    if not parts:
        return ""
    return "; ".join(parts) + "; not comparable with indices on evenly spaced answers"


def problems_of(item: Item) -> list[str]:
    """Return what is wrong with an item's score map.

    Parameters
    ----------
    item : Item
        The item.

    Returns
    -------
    list of str
        An unknown name, points off 0-100 or without a direction, a number of points
        that doesn't fit the scale, a list for a reversed item.
    """
    if not item.score_map:
        return []
    if isinstance(item.score_map, str):
        if found := unknown("score map", [item.score_map], MAPS, "in score_map"):
            return found
    elif item.reversed:
        return [
            "a list in score_map says the direction itself; turn the list round and "
            "leave reversed out"
        ]
    points = level_points(item)
    problems: list[str] = []
    if min(points) < 0 or max(points) > 100:
        problems.append(f"score_map {list(points)} must lie between 0 and 100")
    if points[0] == points[-1] or list(points) not in (
        sorted(points),
        sorted(points, reverse=True),
    ):
        problems.append(f"score_map {list(points)} must rise, or fall, all the way")
    low, high = scale_of(item) or (np.nan, np.nan)
    if high - low + 1 != len(points):
        problems.append(
            f"score_map has {len(points)} points for a scale of {low:g} to {high:g}; "
            "give one per answer"
        )
    return problems


def answer_problems(answers: FloatArray, item: Item) -> list[str]:
    """Return the answers that an item's map doesn't know.

    Parameters
    ----------
    answers : ndarray of shape (n,)
        Answers on the item's scale; NaN is no answer.
    item : Item
        The item.

    Returns
    -------
    list of str
        One problem if answers lie between the levels.
    """
    if not item.score_map:
        return []
    lost = ~np.isnan(answers) & np.isnan(scored(answers, item))
    if not lost.any():
        return []
    shown = ", ".join(f"{value:g}" for value in np.unique(answers[lost])[:5])
    return [
        f"column {item.name!r} has answers that its score_map has no points for: "
        f"{shown}; recode them, or name them as missing codes"
    ]


def _listed(item: Item) -> tuple[float, ...]:
    if isinstance(item.score_map, str):
        return MAPS[item.score_map].points
    return tuple(float(points) for points in item.score_map)
