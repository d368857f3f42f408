"""Answers that can be read as they stand, but hardly were meant so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from csindex.codebook.codes import USUAL_CODES, stray_codes
from csindex.errors import quoted
from csindex.kernels.arrays import FloatArray
from csindex.model import Item

# fewer answers than these leave much of a scale unused by chance
_FEWEST = 30
# fewer items than these may all be extreme
_FEWEST_ITEMS = 3
# the steps of a scale that two answers can't stand for
_STEPS = 4
# how yes-no questions are coded
_YES_NO = ((0.0, 1.0), (1.0, 2.0))
# where narrower scales end
_TOPS = (5.0, 7.0, 10.0)
# items that a message describes one by one
_SHOWN = 6


def doubts(
    items: Sequence[Item], general: Sequence[bool], values: FloatArray
) -> list[str]:
    """Return what looks wrong about answers that fit their scales.

    Parameters
    ----------
    items : sequence of Item
        The p items.
    general : sequence of bool
        Whether an item's scale is that of all items, for want of one of its own.
    values : ndarray of shape (n, p)
        The answers, reversed items turned round; NaN for gaps.

    Returns
    -------
    list of str
        Numbers that seem to be codes of "no answer" in items without a scale; items
        of two answers, or all items, that use the lower part of a general scale only.

    Examples
    --------
    >>> answers = np.array([[1.0], [2.0]] * 20)
    >>> doubts([Item("COMP", scale=(1, 10))], [True], answers)[0][:48]
    "column 'COMP' has two answers only, 1 and 2, and"
    """
    told = _codes(items, values)
    shared = [k for k, flag in enumerate(general) if flag and items[k].scale]
    if not shared:
        return told
    tops = np.fmax.reduce(values if len(shared) == len(items) else values[:, shared])
    ends = [items[k].scale or (np.nan, np.nan) for k in shared]
    turned = [items[k].reversed for k in shared]
    if not any(turned) and (tops == ends[0][1]).all():
        return told
    asked = np.where(
        turned, np.sum(ends, axis=1) - values[:, shared], values[:, shared]
    )
    chosen = [items[k] for k in shared]
    return [*told, *_two_answers(chosen, asked), *_narrow(chosen, asked)]


def _codes(items: Sequence[Item], values: FloatArray) -> list[str]:
    """Return which items without a scale have answers that seem to be codes."""
    scaleless = [k for k, item in enumerate(items) if item.scale is None]
    if not scaleless:
        return []
    part = values[:, scaleless]
    low, high = np.fmin.reduce(part, axis=0), np.fmax.reduce(part, axis=0)
    found: dict[str, dict[float, int]] = {}
    lowest = min(code for code in USUAL_CODES if code > 0)
    for k in np.flatnonzero((low < 0) | (high >= lowest)):
        seen = part[~np.isnan(part[:, k]), k]
        codes = stray_codes(seen)
        kept = seen[~np.isin(seen, codes)]
        # -1, 0 and 1 are answers
        if codes and (kept % 1 == 0).all() and (codes != (-1.0,) or kept.max() > 1):
            counts = {code: int((seen == code).sum()) for code in codes}
            found[items[scaleless[k]].name] = counts
    if not found:
        return []
    every = sorted({code for counts in found.values() for code in counts})
    listed = ", ".join(f"{code:g}" for code in every)
    told = "; ".join(
        f"{name!r} has "
        + ", ".join(f"{code:g} ({_times(count)})" for code, count in counts.items())
        for name, counts in list(found.items())[:_SHOWN]
    )
    more = f"; and {len(found) - _SHOWN} more columns" if len(found) > _SHOWN else ""
    comma = "," if len(every) == 1 else ""
    return [
        f"numbers far from the other answers count as answers: {told}{more}. If they "
        f"mean 'no answer', read the survey with missing=({listed}{comma}); if not, "
        f"give the scale, as scale={{{next(iter(found))!r}: (low, high)}}"
    ]


def _two_answers(items: Sequence[Item], asked: FloatArray) -> list[str]:
    """Return which items seem to be yes-no questions on a scale of many steps."""
    found: dict[tuple[float, float], list[str]] = {}
    for item, column in zip(items, asked.T, strict=True):
        low, high = item.scale or (0.0, 1.0)
        first, last = float(np.fmin.reduce(column)), float(np.fmax.reduce(column))
        if last == high or high - low < _STEPS:
            continue
        if last - first == 1 and (first, last) not in _YES_NO:
            continue
        seen = column[~np.isnan(column)]
        if len(seen) >= _FEWEST and ((seen == first) | (seen == last)).all():
            found.setdefault((first, last), []).append(item.name)
    return [_two_told(items, names, pair) for pair, names in found.items()]


def _two_told(
    items: Sequence[Item], names: Sequence[str], pair: tuple[float, float]
) -> str:
    scale = next(item.scale for item in items if item.name == names[0])
    low, high = scale or (np.nan, np.nan)
    one = len(names) == 1
    which = f"column {names[0]!r} has" if one else f"columns {quoted(names)} have"
    own = ", ".join(f"{name!r}: ({pair[0]:g}, {pair[1]:g})" for name in names[:_SHOWN])
    return (
        f"{which} two answers only, {pair[0]:g} and {pair[1]:g}, and "
        f"{'is' if one else 'are'} scored on the general scale {low:g} to {high:g}; if "
        f"it is a yes-no question, give it a scale of its own: scale={{'*': ({low:g}, "
        f"{high:g}), {own}{', ...' if len(names) > _SHOWN else ''}}}, and name it in "
        "reverse= if the higher code is the worse answer"
    )


def _narrow(items: Sequence[Item], asked: FloatArray) -> list[str]:
    """Return whether all items of the general scale end where a narrower one does."""
    low, high = items[0].scale or (np.nan, np.nan)
    tops = np.fmax.reduce(asked, axis=0)
    top, bottom = float(tops.max()), float(np.fmin.reduce(asked, axis=None))
    if top not in _TOPS or top > high - 2 or (tops == top).mean() < 0.5:
        return []
    seen = ~np.isnan(asked)
    enough = len(items) >= _FEWEST_ITEMS and seen.sum(axis=0).min() >= _FEWEST
    if not enough or (asked[seen] % 1 != 0).any():
        return []
    first = min(bottom, 1.0)
    return [
        f"no answer to any of the {len(items)} items on the general scale {low:g} to "
        f"{high:g} is above {top:g}; if {first:g} to {top:g} were offered, say "
        f"scale=({first:g}, {top:g})"
    ]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
