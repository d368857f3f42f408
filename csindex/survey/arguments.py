"""What a survey is read with: scales, codes, names of columns, weights beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from numbers import Real
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from csindex.catalog import CATALOG
from csindex.codebook import Codebook, read_codebook
from csindex.errors import unknown

Scale = tuple[float, float] | Sequence[float]
# a column's name, or one value per respondent
Column = str | Sequence[Any] | NDArray[Any] | None
Roles = Mapping[str, Column]


@dataclass(frozen=True, eq=False)
class Design:
    """The answers with the columns of a sampling design, and what is wrong with it.

    Attributes
    ----------
    frame : DataFrame
        The answers; with columns for what was given as arrays.
    names : mapping of str to str or None
        Columns of weights, strata and clusters.
    problems : list of str
        Arrays that don't fit the answers.
    """

    frame: pd.DataFrame
    names: Mapping[str, str | None]
    problems: list[str]


def codebook_of(codebook: str | PathLike[str] | Codebook | None) -> Codebook:
    """Return a codebook, read from a file if it is one; an empty one without."""
    if isinstance(codebook, Codebook):
        return codebook
    return Codebook() if codebook is None else read_codebook(codebook)


def scales_of(
    scale: Scale | Mapping[str, Scale] | None,
) -> tuple[dict[str, tuple[float, float]], list[str]]:
    """Return the scale of each item that is named, and of ``"*"``; and problems."""
    if scale is None:
        return {}, []
    named = scale if isinstance(scale, Mapping) else {"*": scale}
    problems: list[str] = []
    pairs: dict[str, tuple[float, float]] = {}
    for name, ends in named.items():
        whose = "all items" if name == "*" else repr(name)
        try:
            low, high = (float(end) for end in ends)
        except (TypeError, ValueError):
            problems.append(
                f"scale of {whose} is {ends!r}; give its lowest and highest answer, "
                "as (1, 10)"
            )
            continue
        if not low < high or np.isinf([low, high]).any():
            problems.append(
                f"scale of {whose} is ({low:g}, {high:g}); it must rise from one "
                "number to another, as (1, 10)"
            )
        pairs[str(name)] = (low, high)
    return pairs, problems


def codes_of(missing: Iterable[float] | float | None) -> tuple[list[float], list[str]]:
    """Return the codes that mean "no answer", and what is wrong with them."""
    codes: Any = () if missing is None else missing
    codes = [codes] if isinstance(codes, str | Real) else codes
    if not isinstance(codes, Iterable):
        codes = [codes]
    codes = list(codes)
    if all(isinstance(code, Real) for code in codes):
        return [float(code) for code in codes], []
    return [], [f"missing is {missing!r}; give numbers, as missing=(98, 99)"]


def names_of(names: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return names, be they one or several."""
    if names is None:
        return ()
    if isinstance(names, Iterable) and not isinstance(names, str):
        return tuple(names)
    return (names,)


def computed_items(book: Codebook) -> set[str]:
    """Return the items with rules; what is said of them needs no column."""
    published = (item for model in CATALOG.values() for item in model.instrument)
    return {item.name for item in (*book.items, *published) if item.derive}


def unknown_columns(
    frame: pd.DataFrame,
    used: Mapping[str, Iterable[str]],
    computed: Collection[str] = (),
) -> list[str]:
    """Return one problem per name, by where it was used, that isn't a column."""
    columns = {*frame.columns, *computed}
    return [
        problem
        for where, names in used.items()
        for problem in unknown(
            "column",
            [name for name in names if str(name) not in columns],
            frame.columns,
            where,
        )
    ]


def with_file(book: Codebook, file: Codebook) -> Codebook:
    """Return a codebook with what a file says where the codebook is silent.

    Parameters
    ----------
    book : Codebook
        The codebook; it comes first.
    file : Codebook
        What the file says.

    Returns
    -------
    Codebook
        All that is known. Missing codes of one item add up.
    """
    if not file.items:
        return book
    own = replace(book, scale=None, missing=())
    names = dict.fromkeys([*book.by_name, *file.by_name])
    items = [own.item(name, file.by_name.get(name)) for name in names]
    return replace(book, items=items)


def designed(frame: pd.DataFrame, roles: Roles, index: pd.Index | None) -> Design:
    """Return the columns of a sampling design; arrays become columns.

    Parameters
    ----------
    frame : DataFrame of n rows
        The answers.
    roles : mapping of str to str, array of length n, or None
        What is given as weights, strata and clusters.
    index : Index, optional
        That of a data frame of pandas, which a series has to share.

    Returns
    -------
    Design
        The answers with the new columns, and their names.
    """
    added: dict[str, Any] = {}
    names: dict[str, str | None] = {}
    problems: list[str] = []
    for role, given in roles.items():
        if given is None or isinstance(given, str):
            names[role] = given
            continue
        values, found = _one_each(role, given, len(frame), index)
        problems += found
        free = (f"{role}_{k}" for k in count(2))
        names[role] = (
            role
            if role not in frame.columns
            else next(name for name in free if name not in frame.columns)
        )
        added[str(names[role])] = values
    if problems:
        names = dict.fromkeys(roles)
    elif added:
        new = pd.DataFrame(added).set_axis(frame.index)
        frame = pd.concat([frame, new], axis=1)
    return Design(frame, names, problems)


def _one_each(
    role: str, given: Any, size: int, index: pd.Index | None
) -> tuple[Any, list[str]]:
    """Return one value per respondent, and what is wrong with them."""
    advice = f"name a column, as {role}={role!r}, or give one value per respondent"
    if np.ndim(given) != 1:
        return None, [f"{role}= is a {type(given).__name__}, not a column; {advice}"]
    values = pd.Series(given.array if isinstance(given, pd.Series) else list(given))
    if len(values) != size:
        return None, [
            f"{role}= has {len(values)} values for {size} respondents; {advice}"
        ]
    if (
        isinstance(given, pd.Series)
        and index is not None
        and not given.index.equals(index)
    ):
        return None, [
            f"{role}= is a series with another index than the answers, so that it is "
            f"not clear whose values these are; {advice}, as {role}=series.to_numpy() "
            "if they are in the order of the answers"
        ]
    return values, []
