"""Moments given with the items' names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from csindex.errors import quoted


def in_order(
    what: str, values: object, names: Sequence[str], problems: list[str]
) -> object:
    """Return values in the order of the items, where they carry the items' names.

    Parameters
    ----------
    what : str
        What they are, as the user calls it.
    values : object
        A Series, a frame or a mapping by items, or values without names. Of a frame
        of means the columns are items; of covariances the rows, too.
    names : sequence of str
        The items.
    problems : list of str
        Gets what is wrong with the names.

    Returns
    -------
    object
        The values in order; those without names as they are.

    Examples
    --------
    >>> in_order("mean", {"b": 7.0, "a": 8.0}, ["a", "b"], []).tolist()
    [8.0, 7.0]
    """
    if isinstance(values, Mapping):
        values = pd.Series(dict(values))
    if isinstance(values, pd.Series):
        return _chosen(what, values, ("index",), names, problems)
    if isinstance(values, pd.DataFrame):
        sides = ("index", "columns") if what == "cov" else ("columns",)
        return _chosen(what, values, sides, names, problems)
    return values


def _chosen(
    what: str,
    values: pd.Series | pd.DataFrame,
    sides: Sequence[str],
    names: Sequence[str],
    problems: list[str],
) -> object:
    for side in sides:
        labels = getattr(values, side)
        # a frame that was made of plain rows has numbers for names
        if isinstance(labels, pd.RangeIndex):
            continue
        if not labels.is_unique:
            twice = labels[labels.duplicated()].unique()
            problems.append(f"{what} names {quoted(twice)} more than once")
        elif missing := [name for name in names if name not in labels]:
            problems.append(
                f"{what} has nothing for the items {quoted(missing)}; it has "
                f"{quoted(labels)}"
            )
        else:
            axis = 1 if side == "columns" else 0
            values = values.reindex(list(names), axis=axis)
    return values
