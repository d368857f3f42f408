"""Items that are no columns of the answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from csindex.errors import quoted, unknown

# with as many, one line tells of all of them
_MANY = 3
# items and columns that the line names
_SHOWN = 30


def absent_problems(
    absent: Sequence[str], items: Sequence[str], columns: Iterable[str], source: str
) -> list[str]:
    """Return what to do about items that are no columns.

    Parameters
    ----------
    absent : sequence of str
        The items that are no columns, nor computed from any.
    items : sequence of str
        All items that are asked for.
    columns : iterable of str
        The columns that there are.
    source : str
        What the answers are, as a file's name.

    Returns
    -------
    list of str
        One problem per item with its nearest column; one for all of them if they are
        many, with the ways to say which column is which.

    Examples
    --------
    >>> absent_problems(["SATIZ"], ["SATIZ", "PQ"], ["SATIS", "PQ"], "a.csv")
    ["unknown column 'SATIZ' in the model; did you mean 'SATIS'?"]
    """
    columns = list(columns)
    if len(absent) < _MANY:
        return unknown("column", absent, columns, "in the model")
    count = (
        f"none of the model's {len(items)} items is a column"
        if len(absent) == len(items)
        else f"{len(absent)} of the model's {len(items)} items are no columns"
    )
    near = {name: found for name in absent if (found := _near(name, columns))}
    pairs = ", ".join(f"{column!r} for {name!r}" for name, column in near.items())
    return [
        f"{count} of {source}: {quoted(absent, _SHOWN)}; its columns are "
        f"{quoted(columns, _SHOWN)}"
        + (f". Did you mean {pairs}?" if pairs else ".")
        + " If your columns have names of their own, say what they ask: "
        "model.with_items(satisfaction=['q1', 'q2'], ...), or a codebook with the "
        "construct of each item and model.with_items_of(survey); 'csindex codebook "
        "answers.csv --model NAME' writes one to fill in"
    ]


def _near(name: str, columns: Sequence[str]) -> str:
    """Return the column of nearly the same name, or an empty text."""
    by_lower = {column.lower(): column for column in reversed(columns)}
    near = get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.75)
    return by_lower[near[0]] if near else ""
