"""Names of options, in whatever case they are written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def canonical(value: T, known: Iterable[T]) -> T:
    """Return an option's name as it is known, in whatever case it was written.

    Parameters
    ----------
    value : object
        What was given; anything but a text is left as it is.
    known : iterable
        The names that exist.

    Returns
    -------
    object
        The name; the value itself if there is no such one, or several that differ in
        their case.

    Examples
    --------
    >>> canonical("wlsmv", ["ML", "WLSMV"]), canonical("magic", ["ML", "WLSMV"])
    ('WLSMV', 'magic')
    """
    if not isinstance(value, str):
        return value
    names = [name for name in known if isinstance(name, str)]
    same = [name for name in names if name.casefold() == value.casefold()]
    return same[0] if len(same) == 1 and value not in names else value
