"""Reading tables row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd


def records(table: pd.DataFrame) -> Iterator[Any]:
    """Yield a table's rows as tuples with the columns' names.

    Parameters
    ----------
    table : DataFrame
        A table whose column names are Python names.

    Yields
    ------
    namedtuple
        A row. What its fields hold is said where the table is made, not in their
        type.

    Examples
    --------
    >>> [row.score for row in records(pd.DataFrame({"score": [72.5]}))]
    [72.5]
    """
    yield from table.itertuples(index=False)
