"""Cells of files that aren't text, made what they'd be in a text file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import pandas as pd

_MIDNIGHT = time()
# whole numbers up to here are exact in a float
_EXACT = 2.0**53


def column_of(cells: Sequence[Any]) -> pd.Series:
    """Return cells as the column that a text file would give.

    Parameters
    ----------
    cells : sequence of length n
        Numbers, texts, dates, truths; None, NaN or an empty text where there is
        nothing.

    Returns
    -------
    Series of length n
        Whole numbers as such; dates as texts, with their time if any of them has one;
        None where there is nothing.

    Examples
    --------
    >>> column_of([1.0, 2.0]).to_list(), column_of([1.5, ""]).to_list()
    ([1, 2], [1.5, nan])
    >>> column_of([date(2024, 5, 31), None]).to_list()
    ['2024-05-31', None]
    """
    plain = [None if _is_nothing(cell) else cell for cell in cells]
    seen = [cell for cell in plain if cell is not None]
    if seen and all(isinstance(cell, bool | np.bool_) for cell in seen):
        return pd.Series(plain, dtype=bool if len(seen) == len(plain) else object)
    if all(_is_number(cell) for cell in seen):
        return whole(pd.Series(plain, dtype=np.float64))
    dated = [cell for cell in seen if isinstance(cell, datetime)]
    timed = any(cell.time() != _MIDNIGHT for cell in dated)
    return pd.Series([_plain(cell, timed) for cell in plain], dtype=object)


def whole(numbers: pd.Series) -> pd.Series:
    """Return a column of numbers as whole ones if all of them are.

    Parameters
    ----------
    numbers : Series of float
        The numbers; NaN for gaps, which keep the column as it is.

    Returns
    -------
    Series
        The column.
    """
    values = numbers.to_numpy()
    if not np.isfinite(values).all() or (np.abs(values) > _EXACT).any():
        return numbers
    rounded = values.astype(np.int64)
    return pd.Series(rounded) if (rounded == values).all() else numbers


def _is_nothing(cell: object) -> bool:
    if cell is None or cell is pd.NaT or cell is pd.NA:
        return True
    return cell == "" if isinstance(cell, str) else bool(cell != cell)


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float | np.integer | np.floating) and not isinstance(
        cell, bool
    )


def _plain(cell: Any, timed: bool) -> object:
    """Return a cell of a column that doesn't hold numbers only."""
    if isinstance(cell, datetime):
        return cell.isoformat(" ") if timed else cell.date().isoformat()
    if isinstance(cell, date):
        return f"{cell.isoformat()} {_MIDNIGHT}" if timed else cell.isoformat()
    if isinstance(cell, time | timedelta):
        return str(cell)
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return int(cell)  # 2.0 beside texts would be another label than 2
    return cell
