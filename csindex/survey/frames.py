"""Data frames of other libraries, and the columnar files that hold them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from csindex.errors import DataError
from csindex.survey.cells import column_of

_ARROW = ("__arrow_c_stream__", "__arrow_c_array__")


def read_native(
    source: Any, check_names: Callable[[list[str]], None]
) -> tuple[pd.DataFrame, str]:
    """Return the answers of a frame of any library.

    Parameters
    ----------
    source : object
        A frame that narwhals knows, eager or lazy, or what speaks Arrow's C interface,
        as PyArrow's batches do.
    check_names : callable
        Refuses names of columns that aren't unique.

    Returns
    -------
    frame : DataFrame
        The answers.
    library : str
        Where the frame came from.

    Raises
    ------
    DataError
        If it is no frame, or holds nothing.
    """
    import narwhals as nw

    try:
        native = nw.from_native(_framed(source))
    except TypeError as error:
        raise DataError(
            f"cannot read answers from {type(source).__name__}; give a file name or a "
            "data frame (pandas, Polars, PyArrow ...)"
        ) from error
    except ValueError as error:
        check_names([str(name) for name in getattr(source, "column_names", ())])
        raise DataError(f"cannot read the data frame: {error}") from error
    eager = native.collect() if isinstance(native, nw.LazyFrame) else native
    names = list(eager.columns)
    check_names(names)
    if eager.is_empty():
        raise DataError("the data frame is empty: it has no rows or no columns")
    frame = pd.DataFrame(
        {
            name: column.to_numpy() if column.dtype.is_numeric() else column.to_list()
            for name, column in ((name, eager[name]) for name in names)
        }
    )
    return frame, str(native.implementation).lower()


def read_parquet(path: Path) -> pd.DataFrame:
    """Return the table in a Parquet file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    DataFrame
        The answers.

    Raises
    ------
    DataError
        If the file is damaged, or PyArrow isn't installed.
    """
    return _columnar(path, "pyarrow.parquet", "Parquet")


def read_feather(path: Path) -> pd.DataFrame:
    """Return the table in a Feather file, which is one of Arrow.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    DataFrame
        The answers.

    Raises
    ------
    DataError
        If the file is damaged, or PyArrow isn't installed.
    """
    return _columnar(path, "pyarrow.feather", "Feather")


def installed(module: str, what: str, extra: str) -> Any:
    """Return a module that a kind of file needs.

    Parameters
    ----------
    module : str
        The module.
    what : str
        The kind of file, for the message.
    extra : str
        What is to be installed.

    Returns
    -------
    module
        The module.

    Raises
    ------
    DataError
        If it isn't installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise DataError(
            f"{what} need the package {module.split('.', 1)[0]}; install it, as with "
            f"pip install {extra!r}, or export the answers as CSV"
        ) from error


def _framed(source: Any) -> Any:
    """Return what speaks Arrow's interface, and isn't a frame itself, as a table."""
    # asked of the class: a lazy frame would look for its columns
    known = {name for name in (*_ARROW, "columns") if hasattr(type(source), name)}
    if known.isdisjoint(_ARROW) or known == {"columns", "__arrow_c_stream__"}:
        return source
    arrow = installed("pyarrow", "batches of Arrow", "csindex[bigdata]")
    try:
        return arrow.table(source)
    except (TypeError, ValueError):  # as an array of numbers, which has no columns
        return source


def _columnar(path: Path, module: str, kind: str) -> pd.DataFrame:
    reader = installed(module, f"{kind} files", "csindex[bigdata]")
    try:
        table = reader.read_table(path, memory_map=False)
        table.validate(full=True)
    # Arrow's errors are children of these; damaged files ask for any memory
    except (OSError, ValueError, MemoryError) as error:
        raise DataError(
            f"{str(path)!r} is a damaged {kind} file: {error}; write it again"
        ) from error
    frames = [column_of_arrow(column) for column in table.columns]
    frame = pd.DataFrame(dict(enumerate(frames)), index=range(table.num_rows))
    return frame.set_axis([name.strip() for name in table.column_names], axis=1)


def column_of_arrow(column: Any) -> pd.Series:
    """Return a column of Arrow's as a text file would give it.

    Parameters
    ----------
    column : pyarrow.ChunkedArray of length n
        The column.

    Returns
    -------
    Series of length n
        Numbers as they are, the rest as by `csindex.survey.cells.column_of`.
    """
    kinds = import_module("pyarrow.types")
    if kinds.is_floating(column.type) or kinds.is_integer(column.type):
        return column.to_pandas()
    return column_of(column.to_pylist())
