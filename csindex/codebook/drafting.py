"""Drafting a codebook from a file of answers: guesses for a person to mend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from csindex.codebook.codebook import Codebook
from csindex.codebook.codes import MISSING_TEXTS, stray_codes, with_points
from csindex.errors import DataError
from csindex.kernels.arrays import FloatArray
from csindex.model import Item

Kind = Literal["item", "group", "weights", "number", "text", "constant", "empty"]

# usual scales, from the narrowest
_SCALES = ((0, 1), (1, 5), (1, 7), (1, 10), (0, 10), (0, 100))
# answers on 0-100 use this much of it; an age or a percentage does not
_HUNDRED = (10.0, 60.0)
# with at most so many whole numbers off every scale, a column divides the sample
_MOST_NUMBERS = 12
# a column of texts with at most so many of them divides the sample
_MOST_GROUPS = 30
_WEIGHTS = frozenset({"weight", "weights", "wt", "w", "pweight", "权重"})
_TRUTHS = {"true": "1", "false": "0"}
_NOTHING = Codebook()


@dataclass(frozen=True)
class ColumnGuess:
    """What a column of answers seems to be.

    Attributes
    ----------
    name : str
        Name of the column.
    kind : str
        "item" (answers on a scale), "group" (few labels), "weights", "number" (as an
        age or an identifier), "text", "constant" or "empty".
    scale : tuple of float, optional
        Of an item: lowest and highest possible answer.
    missing : tuple of float
        Of an item: codes that stand apart from its scale.
    reason : str
        Why it is taken for that.
    """

    name: str
    kind: Kind
    scale: tuple[float, float] | None
    missing: tuple[float, ...]
    reason: str


def draft(frame: pd.DataFrame, known: Codebook = _NOTHING) -> Codebook:
    """Draft the codebook of a data frame.

    Parameters
    ----------
    frame : DataFrame
        The answers as they were read, one column per question.
    known : Codebook
        What the file says about its columns, as those of SPSS do; it comes before
        every guess.

    Returns
    -------
    Codebook
        Scales and missing codes of the columns that seem to be items, columns that
        divide the sample, and the column of weights. Guesses: read them before use.

    Raises
    ------
    DataError
        If no column seems to be an item.

    Examples
    --------
    >>> book = draft(pd.DataFrame({"q1": [1, 5, 99, 10], "shop": list("abab")}))
    >>> book.scale, book.missing, book.groups
    ((1.0, 10.0), (99.0,), ('shop',))
    """
    guesses = guess_columns(frame, known)
    items = [guess for guess in guesses if guess.kind == "item"]
    if not items:
        seen = ", ".join(f"{guess.name} ({guess.kind})" for guess in guesses[:12])
        raise DataError(
            f"no column seems to hold answers on a scale: {seen or 'there are none'}; "
            "give the file of answers, one row per respondent"
        )
    general = _commonest([guess.scale for guess in items if guess.scale])
    codes = _general_codes(items)
    described = [
        replace(
            known.by_name.get(guess.name, Item(guess.name)),
            scale=None if guess.scale == general else guess.scale,
            missing=tuple(code for code in guess.missing if code not in codes),
        )
        for guess in items
    ]
    weights = [guess.name for guess in guesses if guess.kind == "weights"]
    return Codebook(
        described,
        scale=general,
        missing=codes,
        weights=weights[0] if len(weights) == 1 else None,
        groups=tuple(guess.name for guess in guesses if guess.kind == "group"),
    )


def guess_columns(
    frame: pd.DataFrame, known: Codebook = _NOTHING
) -> tuple[ColumnGuess, ...]:
    """Guess what each column of a data frame is.

    Parameters
    ----------
    frame : DataFrame
        The answers as they were read.
    known : Codebook
        What the file says about its columns.

    Returns
    -------
    tuple of ColumnGuess
        One guess per column.

    Notes
    -----
    A code for "no answer" is one of the usual numbers (99, -9 ...) that lies further
    from the other answers than these from each other. A column whose answers all lie
    on a narrow scale is taken for one on the commonest scale, where that holds them
    too: few customers use the low end.

    Examples
    --------
    >>> frame = pd.DataFrame({"q1": [1, 5, 99, 10], "age": [18, 35, 70, 55]})
    >>> [(guess.name, guess.kind, guess.missing) for guess in guess_columns(frame)]
    [('q1', 'item', (99.0,)), ('age', 'number', ())]
    """
    items = [known.by_name.get(str(name), Item(str(name))) for name in frame]
    guesses = [_guess(item, frame.iloc[:, k]) for k, item in enumerate(items)]
    wide = _commonest(
        [g.scale for g in guesses if g.scale is not None and g.scale != (0.0, 1.0)]
    )
    return tuple(
        _widened(guess, wide) if item.scale is None else guess
        for guess, item in zip(guesses, items, strict=True)
    )


def _guess(known: Item, column: pd.Series) -> ColumnGuess:
    values, texts = _numbers(column)
    said = known.missing
    guess = _guessed(known.name, np.where(np.isin(values, said), np.nan, values), texts)
    missing = (*said, *(code for code in guess.missing if code not in said))
    if known.scale is not None and guess.kind in ("item", "group", "constant"):
        low, high = known.scale
        if high - low > 1 or guess.kind == "item":
            reason = f"its labels go from {low:g} to {high:g}"
            return ColumnGuess(known.name, "item", known.scale, missing, reason)
    return replace(guess, missing=missing)


def _guessed(name: str, values: FloatArray, texts: Sequence[str]) -> ColumnGuess:
    """Return what a column seems to be, by what is in it."""
    seen = values[~np.isnan(values)]
    if texts:
        return _guess_texts(name, texts, len(seen), len(values))
    if not seen.size:
        return ColumnGuess(name, "empty", None, (), "no answers")
    missing = stray_codes(seen)
    kept = np.unique(seen[~np.isin(seen, missing)])
    if len(kept) <= 1:
        only = f"every answer is {kept[0]:g}" if len(kept) else "no answers but codes"
        return ColumnGuess(name, "constant", None, missing, only)
    if name.strip().lower() in _WEIGHTS and (seen >= 0).all():
        return ColumnGuess(name, "weights", None, (), "its name")
    whole = bool((kept % 1 == 0).all())
    found = f"{len(kept)} different values from {kept[0]:g} to {kept[-1]:g}"
    if whole and len(kept) == 2 and tuple(kept) != (0.0, 1.0) and len(seen) >= 20:
        return ColumnGuess(name, "group", None, missing, f"two codes: {found}")
    scale = next(
        (s for s in _SCALES if s[0] <= kept[0] and kept[-1] <= s[1] and whole), None
    )
    if scale == (0, 100) and (kept[0] > _HUNDRED[0] or kept[-1] < _HUNDRED[1]):
        return ColumnGuess(name, "number", None, (), found)
    if scale is None:
        few = whole and len(kept) <= min(_MOST_NUMBERS, len(seen) / 10)
        return ColumnGuess(name, "group" if few else "number", None, (), found)
    ends = (float(scale[0]), float(scale[1]))
    reason = f"whole numbers from {kept[0]:g} to {kept[-1]:g}"
    return ColumnGuess(name, "item", ends, missing, reason)


def _guess_texts(
    name: str, texts: Sequence[str], numbers: int, rows: int
) -> ColumnGuess:
    different = len(set(texts))
    if numbers:
        shown = ", ".join(repr(text) for text in list(dict.fromkeys(texts))[:3])
        reason = f"{numbers} numbers and texts, as {shown}"
        return ColumnGuess(name, "text", None, (), reason)
    if different == 1:
        return ColumnGuess(name, "constant", None, (), f"always {texts[0]!r}")
    few = different <= _MOST_GROUPS and different <= max(2, rows / 2)
    kind: Kind = "group" if few else "text"
    return ColumnGuess(name, kind, None, (), f"{different} different texts")


def _numbers(column: pd.Series) -> tuple[FloatArray, list[str]]:
    """Return a column as numbers, NaN for no answer, and the texts in it."""
    kinds = pd.api.types
    if kinds.is_numeric_dtype(column.dtype) and not kinds.is_complex_dtype(
        column.dtype
    ):
        plain = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isinf(plain), np.nan, plain), []
    cells = [
        "" if pd.isna(cell) else str(cell).strip() for cell in column.astype(object)
    ]
    cells = [_TRUTHS.get(cell.lower(), cell) for cell in with_points(cells)]
    values = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce")
    found = values.to_numpy(dtype=np.float64)
    found = np.where(np.isinf(found), np.nan, found)
    texts = [
        cell
        for cell, value in zip(cells, found, strict=True)
        if np.isnan(value) and cell.lower() not in MISSING_TEXTS
    ]
    return found, texts


def _general_codes(items: Sequence[ColumnGuess]) -> tuple[float, ...]:
    """Return the codes that no item's scale holds, most frequent first."""
    counts = Counter(code for guess in items for code in guess.missing)
    ends = [guess.scale for guess in items if guess.scale is not None]
    return tuple(
        sorted(
            code
            for code in counts
            if not any(low <= code <= high for low, high in ends)
        )
    )


def _commonest(
    scales: Sequence[tuple[float, float]],
) -> tuple[float, float] | None:
    """Return the commonest scale; of equals, the widest."""
    counts = Counter(scales)
    return max(counts, key=lambda s: (counts[s], s[1] - s[0]), default=None)


def _widened(guess: ColumnGuess, wide: tuple[float, float] | None) -> ColumnGuess:
    if guess.scale is None or wide is None or guess.scale == (0.0, 1.0):
        return guess
    low, high = guess.scale
    if wide[0] <= low and high <= wide[1]:
        return ColumnGuess(guess.name, guess.kind, wide, guess.missing, guess.reason)
    return guess
