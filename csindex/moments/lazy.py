"""Sources of any size: files, frames and engines, read batch by batch."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from csindex.errors import DataError
from csindex.kernels.threads import one_thread
from csindex.moments.batches import (
    Part,
    arrow_batches,
    arrow_module,
    batch_rows,
    frame_batch,
    table_parts,
)
from csindex.moments.clusters import dask_tallies, spark_tallies
from csindex.moments.files import (
    files_of,
    first_place,
    header,
    is_small_text,
    parts_of,
)
from csindex.moments.labels import unified
from csindex.moments.tally import Batch, Place, Request, Tally, tallied
from csindex.survey.reading import read_frame

# what the sums of all groups and buckets may take
SUMS_BYTES = 2_000_000_000


@dataclass(frozen=True, eq=False)
class Source:
    """Answers that have not been read yet.

    Attributes
    ----------
    name : str
        What they are, for messages.
    columns : tuple of str
        Names of the columns.
    tallies : callable
        From a request to the tallies of the parts of the source, in their order.
    partial : mapping of str to str
        Columns that only some of several files have, and a file that lacks them.
    frame : data frame, optional
        The answers themselves, where they are in memory.
    paths : tuple of Path
        The files, if it is one of files.
    texts : frozenset of str, optional
        Columns that some file knows to hold texts; None where all labels of a column
        are of one type.
    """

    name: str
    columns: tuple[str, ...]
    tallies: Callable[[Request], Iterator[Tally]]
    partial: Mapping[str, str] = field(default_factory=dict)
    frame: Any = None
    paths: tuple[Path, ...] = ()
    texts: frozenset[str] | None = None

    def tally(self, request: Request) -> Tally:
        """Return counts, sums and problems of the whole source, in one pass.

        Parameters
        ----------
        request : Request
            What is asked; its columns exist.

        Returns
        -------
        Tally
            The tally; it ends with the first part that has problems.

        Raises
        ------
        KeyboardInterrupt
            If the user stops it, with the number of rows that had been read.
        """
        whole = Tally(np.zeros(len(request.items), dtype=np.int64))
        try:
            self._add_parts(whole, request)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(
                f"interrupted after {whole.read:,} rows of {self.name}; no moments "
                "were made"
            ) from stop
        if self.texts is None or request.by is None or whole.problems:
            return whole
        names = unified(whole.flows, request.by not in self.texts)
        return whole.renamed({None: None, **names})

    def _add_parts(self, whole: Tally, request: Request) -> None:
        """Add the parts of the source, up to the first that has problems."""
        for part in self.tallies(request):
            whole.add(part)
            if whole.bytes > SUMS_BYTES:
                whole.problems.append(
                    f"{len(whole.groups)} groups with {request.buckets or 1} buckets "
                    f"take more than {SUMS_BYTES // 10**9} GB; ask for fewer buckets "
                    "or items, or divide by another column"
                )
            if whole.problems:
                break


def open_source(source: Any) -> Source:
    """Return a source that can be read batch by batch.

    Parameters
    ----------
    source : path, sequence of paths, or data frame
        Parquet or text files, globs of them, a frame or lazy frame that narwhals
        knows, or anything with PyArrow record batches.

    Returns
    -------
    Source
        The source.

    Raises
    ------
    DataError
        If there is nothing that can be read.
    """
    if isinstance(source, str | PathLike | list | tuple):
        return _files(files_of(source))
    if isinstance(source, pd.DataFrame):
        frame, name = read_frame(source)
        return _in_memory(nw.from_native(frame, eager_only=True), name)
    library = type(source).__module__.split(".")[0]
    if library == "pyarrow":
        return _arrow(source)
    if library in ("dask", "dask_expr"):
        columns = tuple(map(str, source.columns))
        return Source(
            "dask data frame", columns, lambda request: dask_tallies(source, request)
        )
    return _narwhals(source)


def _narwhals(source: Any) -> Source:
    try:
        frame = nw.from_native(source)
    except (TypeError, ValueError) as error:
        reader = _stream(source)
        if reader is not None:
            return _arrow(reader)
        raise DataError(
            f"cannot read answers from {type(source).__name__}; give a file name, a "
            "data frame (pandas, Polars, PyArrow, DuckDB, Dask, PySpark ...), or "
            "PyArrow record batches"
        ) from error
    name = f"{str(frame.implementation).lower()} data frame"
    if isinstance(frame, nw.DataFrame):
        return _in_memory(frame, name)
    columns = tuple(frame.collect_schema().names())
    engines = {
        "pyspark": spark_tallies,
        "polars": _streamed_tallies,
        "duckdb": _streamed_tallies,
        "ibis": _streamed_tallies,
    }
    engine = engines.get(str(frame.implementation).lower())
    if engine is None:
        raise DataError(
            f"cannot stream a {name}; give its answers as PyArrow record batches, as a "
            "Parquet file, or as a Polars, DuckDB, Dask or PySpark frame"
        )
    return Source(name, columns, lambda request: engine(frame, request))


def _stream(source: Any) -> Any:
    """Return a reader of any library's Arrow batches; None if it gives none."""
    if not hasattr(source, "__arrow_c_stream__"):
        return None
    try:
        return arrow_module().RecordBatchReader.from_stream(source)
    except ValueError:  # a single column
        return None


def _threaded(parts: Iterable[Part], request: Request) -> Iterator[Tally]:
    """Yield the tallies of parts in their order, a few of them at work at a time."""
    workers = min(4, os.cpu_count() or 1)
    waiting: deque[Future[Tally]] = deque()
    # products of a batch are small: threads do better on batches than within them
    with one_thread(), ThreadPoolExecutor(workers) as pool:
        for part in parts:
            waiting.append(
                pool.submit(tallied, part.batches, request, part.start, part.place)
            )
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _one_by_one(batches: Iterable[Batch], place: Place | None = None) -> Iterator[Part]:
    """Yield every batch of a stream as a part of its own."""
    start, place = 0, Place(0) if place is None else place
    for batch in batches:
        stop = start + len(next(iter(batch.values())))
        yield Part(start, stop, [batch], place.after(start))
        start = stop


def _files(paths: list[Path]) -> Source:
    if len(paths) == 1 and is_small_text(paths[0]):
        frame, name = read_frame(paths[0])
        held = nw.from_native(frame, eager_only=True)
        return _in_memory(held, name, tuple(paths))
    head = header(paths)
    return Source(
        paths[0].name if len(paths) == 1 else f"{len(paths)} files",
        head.columns,
        lambda request: _threaded(parts_of(paths, request), request),
        head.partial,
        paths=tuple(paths),
        texts=head.texts,
    )


def _arrow(source: Any) -> Source:
    """Return a table, a reader of batches or a dataset of PyArrow as a source."""
    kind = type(source).__name__
    if not hasattr(source, "schema"):
        raise DataError(
            f"cannot read answers from a PyArrow {kind}; give a Table, a Dataset or a "
            "RecordBatchReader"
        )
    columns = tuple(source.schema.names)
    if hasattr(source, "slice"):  # Table and RecordBatch
        table = arrow_module().table(source)
        return Source(
            kind,
            columns,
            lambda request: _threaded(table_parts(table, request), request),
            frame=table,
        )

    def tallies(request: Request) -> Iterator[Tally]:
        batches = source
        if hasattr(source, "to_batches"):  # Dataset
            batches = source.to_batches(
                columns=request.columns,
                batch_size=batch_rows(request),
                batch_readahead=2,
                fragment_readahead=1,
            )
        return _threaded(_one_by_one(arrow_batches(batches, request)), request)

    return Source(kind, columns, tallies)


def _in_memory(
    frame: nw.DataFrame[Any], name: str, paths: tuple[Path, ...] = ()
) -> Source:
    if frame.is_empty() or not frame.columns:
        raise DataError("the data frame is empty: it has no rows or no columns")

    def tallies(request: Request) -> Iterator[Tally]:
        batch = frame_batch(frame, request)
        size, step = len(frame), batch_rows(request)
        slices = (slice(start, start + step) for start in range(0, size, step))
        pieces = (
            {column: values[rows] for column, values in batch.items()}
            for rows in slices
        )
        place = first_place(paths[0], request) if paths else None
        return _threaded(_one_by_one(pieces, place), request)

    columns = tuple(frame.columns)
    return Source(name, columns, tallies, frame=frame.to_native(), paths=paths)


def _streamed_tallies(frame: nw.LazyFrame[Any], request: Request) -> Iterator[Tally]:
    """Yield tallies of what an engine on this machine delivers in batches."""
    native = frame.select(request.columns).to_native()
    if frame.implementation.is_polars():
        if not hasattr(native, "collect_batches"):
            raise DataError(
                "this version of Polars doesn't deliver batches; update it, or name "
                "the files that the frame reads"
            )
        batches = native.collect_batches(
            chunk_size=batch_rows(request), maintain_order=True
        )
        return _threaded(
            _one_by_one(
                frame_batch(nw.from_native(batch, eager_only=True), request)
                for batch in batches
            ),
            request,
        )
    arrow_module()
    if hasattr(native, "to_pyarrow_batches"):  # Ibis
        reader = native.to_pyarrow_batches()
    else:  # DuckDB
        known = hasattr(native, "to_arrow_reader")  # not in DuckDB 1
        name = "to_arrow_reader" if known else "fetch_arrow_reader"
        reader = getattr(native, name)(batch_rows(request))
    return _threaded(_one_by_one(arrow_batches(reader, request)), request)
