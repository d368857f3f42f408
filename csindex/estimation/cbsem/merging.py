"""Putting categories of ordinal items together that nobody of some group chose."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from csindex.errors import DataError
from csindex.kernels.arrays import FloatArray
from csindex.survey import Answers


@dataclass(frozen=True)
class Merging:
    """The categories of an ordinal item after some were put together.

    Attributes
    ----------
    item : str
        The item.
    categories : tuple of tuple of float
        The answers in each category, in rising order.
    """

    item: str
    categories: tuple[tuple[float, ...], ...]

    @property
    def words(self) -> str:
        """The item with the categories that are several answers, as ``q1: 1+2``."""
        several = [part for part in self.categories if len(part) > 1]
        told = ", ".join("+".join(f"{value:g}" for value in part) for part in several)
        return f"{self.item}: {told}"


@dataclass(frozen=True, eq=False)
class MergedGroups:
    """Groups in which every category of every ordinal item has answers.

    Attributes
    ----------
    groups : mapping of label to Answers
        The groups; answers that were put together are the lowest one of them.
    merged : tuple of Merging
        The items of which categories were put together.
    """

    groups: Mapping[Hashable, Answers]
    merged: tuple[Merging, ...]


def merged_groups(
    groups: Mapping[Hashable, Answers], ordinal: Sequence[str]
) -> MergedGroups:
    """Put categories together that nobody of some group chose.

    Parameters
    ----------
    groups : mapping of label to Answers
        Complete answers of each group.
    ordinal : sequence of str
        The ordinal items.

    Returns
    -------
    MergedGroups
        The groups, with the same categories in all of them.

    Raises
    ------
    DataError
        With every item of which one category is left.

    Notes
    -----
    The lowest category that some group lacks joins the next higher or lower one,
    whichever has fewer answers in all groups; of equals the higher one. So on, until
    no group lacks any.
    """
    parts = list(groups.values())
    values = [part.values.copy() for part in parts]
    merged: list[Merging] = []
    problems: list[str] = []
    for i, name in enumerate(parts[0].names):
        columns = [own[:, i] for own in values]
        if name not in ordinal:
            continue
        categories = _categories(columns)
        if len(categories) < 2:
            problems.append(
                f"no two categories of {name!r} were chosen in every group, so that "
                "nothing is left to compare; leave the item or a group out"
            )
        elif any(len(part) > 1 for part in categories):
            merged.append(Merging(name, categories))
            for own in values:
                own[:, i] = _recoded(own[:, i], categories)
    if problems:
        raise DataError(problems)
    made = [replace(p, values=v) for p, v in zip(parts, values, strict=True)]
    return MergedGroups(dict(zip(groups, made, strict=True)), tuple(merged))


def _categories(columns: Sequence[FloatArray]) -> tuple[tuple[float, ...], ...]:
    """Return categories that all columns have, each as its answers."""
    levels = np.unique(np.concatenate(columns))
    counts = [[int((own == level).sum()) for level in levels] for own in columns]
    table = np.array(counts).reshape(len(columns), len(levels))
    found: list[tuple[float, ...]] = [(float(level),) for level in levels]
    while len(found) > 1 and (lacking := np.flatnonzero((table == 0).any(axis=0))).size:
        k = int(lacking[0])
        sums = table.sum(axis=0)
        below = k > 0 and (k + 1 == len(found) or sums[k - 1] < sums[k + 1])
        at = k - 1 if below else k
        found[at : at + 2] = [found[at] + found[at + 1]]
        table[:, at] += table[:, at + 1]
        table = np.delete(table, at + 1, axis=1)
    return tuple(found)


def _recoded(column: FloatArray, categories: Sequence[tuple[float, ...]]) -> FloatArray:
    lowest = np.array([part[0] for part in categories])
    return np.asarray(lowest[np.searchsorted(lowest, column, side="right") - 1])
