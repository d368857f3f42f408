"""Batches: columns of frames and of Arrow data as NumPy arrays."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from csindex.errors import DataError
from csindex.moments.tally import Batch, Place, Request

# rows of one batch; several are held at once, one per thread and one that waits
BATCH = 65_536
# with groups or buckets, so that each has some rows in a batch
SORTED_BATCH = 262_144


@dataclass(frozen=True, eq=False)
class Part:
    """Some batches of a source that are read one after the other.

    Attributes
    ----------
    start, stop : int
        Positions of the first row in the source, and after the last.
    batches : iterable of Batch
        The batches.
    place : Place, optional
        Where the first row stands in its file, if the source is one of files.
    """

    start: int
    stop: int
    batches: Iterable[Batch]
    place: Place | None = None


def batch_rows(request: Request) -> int:
    """Return how many rows a batch should have.

    Parameters
    ----------
    request : Request
        What is asked.

    Returns
    -------
    int
        The number of rows.
    """
    divided = request.by is not None or request.buckets is not None
    return SORTED_BATCH if divided else BATCH


def arrow_module(name: str = "pyarrow") -> Any:
    """Return a module of PyArrow.

    Parameters
    ----------
    name : str
        The module, as ``"pyarrow.parquet"``.

    Returns
    -------
    module
        The module.

    Raises
    ------
    DataError
        If PyArrow isn't installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DataError(
            "reading this source needs PyArrow; install it, as with "
            "pip install 'csindex[bigdata]'"
        ) from error


def frame_batch(frame: nw.DataFrame[Any], request: Request) -> Batch:
    """Return the columns of a frame that a request needs.

    Parameters
    ----------
    frame : narwhals.DataFrame
        The frame.
    request : Request
        What is asked.

    Returns
    -------
    Batch
        The columns; not copied where the frame holds plain numbers.
    """
    labels = {request.by, request.clusters}
    return {name: _column(frame[name], name in labels) for name in request.columns}


def arrow_batch(table: Any, request: Request) -> Batch:
    """Return the columns of Arrow data that a request needs.

    Parameters
    ----------
    table : pyarrow.Table or pyarrow.RecordBatch
        The data.
    request : Request
        What is asked.

    Returns
    -------
    Batch
        The columns; not copied where there are plain numbers without gaps.
    """
    labels = {request.by, request.clusters}
    return {
        name: table.column(name).to_pandas(integer_object_nulls=True).to_numpy()
        if name in labels
        else _arrow_numbers(table.column(name))
        for name in request.columns
    }


def arrow_batches(batches: Iterable[Any], request: Request) -> Iterator[Batch]:
    """Yield the columns of record batches, small batches put together.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        The batches.
    request : Request
        What is asked.

    Yields
    ------
    Batch
        The columns; the number of rows is about what the request is best served by.
    """
    arrow = arrow_module()
    step = batch_rows(request)
    waiting: list[Any] = []
    for batch in batches:
        waiting.append(batch.select(request.columns))
        if sum(part.num_rows for part in waiting) >= step:
            yield from _sliced(arrow.Table.from_batches(waiting), request)
            waiting = []
    if waiting:
        yield from _sliced(arrow.Table.from_batches(waiting), request)


def table_parts(table: Any, request: Request) -> Iterator[Part]:
    """Yield the slices of a table in memory.

    Parameters
    ----------
    table : pyarrow.Table
        The table.
    request : Request
        What is asked.

    Yields
    ------
    Part
        One slice each.
    """
    step = batch_rows(request)
    for start in range(0, table.num_rows, step):
        piece = table.slice(start, step)
        yield Part(start, start + piece.num_rows, [arrow_batch(piece, request)])


def _sliced(table: Any, request: Request) -> Iterator[Batch]:
    for part in table_parts(table, request):
        yield from part.batches


def _column(column: nw.Series[Any], is_label: bool) -> NDArray[np.generic]:
    long = column.dtype in (nw.Int128, nw.UInt128)  # NumPy has none
    if is_label and (long or column.null_count()):
        return _listed(column)
    return (column.cast(nw.Float64) if long else column).to_numpy()


def _listed(column: nw.Series[Any]) -> NDArray[np.generic]:
    """Return labels with gaps as they are; whole numbers would become fractions."""
    values = np.empty(len(column), dtype=np.object_)
    values[:] = column.to_list()
    return values


def _arrow_numbers(column: Any) -> NDArray[np.generic]:
    if hasattr(column, "num_chunks"):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    values: NDArray[np.generic] = column.to_numpy(zero_copy_only=False)
    return values
