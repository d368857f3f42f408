"""Frames that a cluster holds: every partition is summed where it lies."""

from __future__ import annotations

import importlib
import io
from collections.abc import Hashable, Iterator
from dataclasses import fields
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from csindex.kernels.arrays import IntArray
from csindex.moments.batches import arrow_batches, frame_batch
from csindex.moments.pairs import PairTotals
from csindex.moments.sums import Sums
from csindex.moments.tally import Request, Tally, tallied

# partitions whose sums are fetched at once
PARTITIONS = 64
# a partition's rows have positions of their own, far from those of the others
PARTITION_ROWS = 1 << 40
# a group's counts of rows, beside the fields of its sums
_FLOW = "flow"


def dask_tallies(frame: Any, request: Request) -> Iterator[Tally]:
    """Yield the tallies of a Dask frame, partition by partition.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        The frame.
    request : Request
        What is asked.

    Yields
    ------
    Tally
        One partition each; Dask's scheduler says where it is made.
    """
    dask = importlib.import_module("dask")
    partitions = frame[request.columns].to_delayed()
    tasks = [
        dask.delayed(_partition_tally)(partition, request, number)
        for number, partition in enumerate(partitions)
    ]
    for first in range(0, len(tasks), PARTITIONS):
        yield from dask.compute(*tasks[first : first + PARTITIONS])


def spark_tallies(frame: nw.LazyFrame[Any], request: Request) -> Iterator[Tally]:
    """Yield the tallies of a Spark frame, partition by partition.

    Parameters
    ----------
    frame : narwhals.LazyFrame
        The frame.
    request : Request
        What is asked.

    Yields
    ------
    Tally
        One partition each; made by Spark's workers, which need csindex and PyArrow.
    """
    types = importlib.import_module("pyspark.sql.types")
    arrow_types = importlib.import_module("pyspark.sql.pandas.types")
    native = frame.select(request.columns).to_native()
    label = (
        types.IntegerType()
        if request.by is None
        else native.schema[request.by].dataType
    )
    schema = types.StructType(
        [
            types.StructField("partition", types.IntegerType()),
            types.StructField("label", label),
            types.StructField("sums", types.BinaryType()),
        ]
    )
    label_type = arrow_types.to_arrow_type(label)

    def packed(batches: Iterator[Any]) -> Iterator[Any]:
        number = importlib.import_module("pyspark").TaskContext.get().partitionId()
        arrays = arrow_batches(batches, request)
        tally = tallied(arrays, request, number * PARTITION_ROWS)
        arrow = importlib.import_module("pyarrow")
        parts: dict[Hashable, Sums | PairTotals] = {**tally.groups, **tally.pairs}
        labels = list(dict.fromkeys([*parts, *tally.flows]))
        sums = [
            _packed_counts(tally),
            *(_packed_sums(parts.get(own), tally.flows.get(own)) for own in labels),
        ]
        columns = [
            arrow.array([number] * len(sums), arrow.int32()),
            arrow.array([None, *labels], label_type),
            arrow.array(sums, arrow.binary()),
        ]
        yield arrow.record_batch(columns, ["partition", "label", "sums"])

    rows = native.mapInArrow(packed, schema).collect()
    for number in sorted({row["partition"] for row in rows}):
        counts, *groups = (row for row in rows if row["partition"] == number)
        tally = _unpacked_counts(counts["sums"])
        for row in groups:
            with np.load(io.BytesIO(row["sums"]), allow_pickle=False) as arrays:
                found = {name: arrays[name] for name in arrays.files}
            if (flow := found.pop(_FLOW, None)) is not None:
                tally.flows[row["label"]] = flow
            if not found:
                continue
            if request.incomplete == "listwise":
                tally.groups[row["label"]] = Sums(**found)
            else:
                tally.pairs[row["label"]] = PairTotals(**found)
        yield tally


def _partition_tally(partition: pd.DataFrame, request: Request, number: int) -> Tally:
    batch = frame_batch(nw.from_native(partition, eager_only=True), request)
    return tallied([batch], request, number * PARTITION_ROWS)


def _packed_counts(tally: Tally) -> bytes:
    buffer = io.BytesIO()
    np.savez(
        buffer,
        answered=tally.answered,
        rows=np.array([tally.read, tally.weighted, tally.some, tally.complete]),
        problems=np.array(tally.problems, dtype=np.str_),
    )
    return buffer.getvalue()


def _unpacked_counts(packed: bytes) -> Tally:
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        read, weighted, some, complete = (int(count) for count in arrays["rows"])
        problems = [str(problem) for problem in arrays["problems"]]
        answered = arrays["answered"]
        return Tally(answered, read, weighted, some, complete, problems=problems)


def _packed_sums(sums: Sums | PairTotals | None, flow: IntArray | None) -> bytes:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {} if flow is None else {_FLOW: flow}
    if sums is not None:
        arrays |= {field.name: getattr(sums, field.name) for field in fields(sums)}
    np.savez(buffer, **arrays)
    return buffer.getvalue()
