"""Options of a call: what is wrong with a number, a share or a yes or no."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from csindex.errors import SpecificationError

_NUMBERS = (int, float, np.integer, np.floating)


def whole_problems(least: int, **options: object) -> Iterator[str]:
    """Yield what is wrong with options that are whole numbers.

    Parameters
    ----------
    least : int
        The least of them.
    **options : object
        What was given, by name. A bool is no number.

    Yields
    ------
    str
        One problem for each that isn't such a number.

    Examples
    --------
    >>> list(whole_problems(0, n=5, seed=True))
    ['seed must be a whole number of 0 or more, not True']
    """
    for name, value in options.items():
        number = isinstance(value, int | np.integer) and int(value) >= least
        if not number or isinstance(value, bool):
            yield f"{name} must be a whole number of {least} or more, not {value!r}"


def share_problems(**options: object) -> Iterator[str]:
    """Yield what is wrong with options that lie between zero and one.

    Parameters
    ----------
    **options : object
        What was given, by name.

    Yields
    ------
    str
        One problem for each that isn't such a number.

    Examples
    --------
    >>> list(share_problems(level="a"))
    ["level must lie between 0 and 1, not 'a'"]
    """
    for name, value in options.items():
        number = float(value) if isinstance(value, _NUMBERS) else np.nan
        if not 0 < number < 1:
            yield f"{name} must lie between 0 and 1, not {value!r}"


def named_list(name: str, value: object) -> list[Any]:
    """Return an option that lists names.

    Parameters
    ----------
    name : str
        The option.
    value : object
        What was given.

    Returns
    -------
    list
        The names.

    Raises
    ------
    SpecificationError
        If it is one text, or no list.

    Examples
    --------
    >>> named_list("predictors", ("quality", "value"))
    ['quality', 'value']
    """
    if isinstance(value, str):
        raise SpecificationError(
            f"{name} must be a list of names, as [{value!r}], not a text"
        )
    if not isinstance(value, Iterable) or isinstance(value, type):
        raise SpecificationError(f"{name} must be a list of names, not {value!r}")
    return list(value)


def truth_problems(**options: object) -> Iterator[str]:
    """Yield what is wrong with options that are yes or no.

    Parameters
    ----------
    **options : object
        What was given, by name. Any text and any number count as true in Python,
        ``"no"`` among them.

    Yields
    ------
    str
        One problem for each that is neither.

    Examples
    --------
    >>> list(truth_problems(double="no"))
    ["double must be True or False, not 'no'"]
    """
    for name, value in options.items():
        if not isinstance(value, (bool, np.bool_)):
            yield f"{name} must be True or False, not {value!r}"
