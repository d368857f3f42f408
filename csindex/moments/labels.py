"""Labels of groups that come from several files, which may hold them differently."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from numbers import Real

import numpy as np
import pandas as pd

_TRUTHS = {"true": True, "false": False}


def unified(labels: Iterable[Hashable], delimited: bool) -> dict[Hashable, Hashable]:
    """Return one way to write the labels of a column that files hold differently.

    Parameters
    ----------
    labels : iterable of hashable
        The labels of all files; those of text files are texts.
    delimited : bool
        Whether all texts come from text files, which don't say what is a number.

    Returns
    -------
    mapping of hashable to hashable
        The label that takes the place of each: numbers where all are numbers, as a
        text file would be read alone; else texts, if some are. Labels of one type
        that some file knows stay as they are.

    Examples
    --------
    >>> unified(["001", 1, 2], delimited=True)
    {'001': 1, 1: 1, 2: 2}
    >>> unified(["A", 1, 2.0], delimited=True)
    {'A': 'A', 1: '1', 2.0: '2'}
    """
    known = list(labels)
    texts = [label for label in known if isinstance(label, str)]
    others = [label for label in known if not isinstance(label, str)]
    same: dict[Hashable, Hashable] = dict(zip(known, known, strict=True))
    if not texts or not (others or delimited):
        return same
    numeric = all(isinstance(label, Real) for label in others)
    if numeric and (read := _as_numbers(texts)) is not None:
        return same | dict(zip(texts, read, strict=True))
    truths = {text: text.lower() for text in texts}
    if not others and set(truths.values()) <= set(_TRUTHS):
        return {text: _TRUTHS[word] for text, word in truths.items()}
    return {label: _spelled(label) for label in known}


def _as_numbers(texts: list[str]) -> list[int | float] | None:
    """Return texts as numbers; None if one of them isn't."""
    read = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy()
    if np.isnan(read.astype(np.float64)).any():
        return None
    found: list[int | float] = read.tolist()
    return found


def _spelled(label: Hashable) -> str:
    """Return a label as a text, whole numbers without a fraction."""
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    return str(label)
