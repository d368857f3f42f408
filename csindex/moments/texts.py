"""Large delimited text files, batch by batch, as small ones are read whole."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from csindex.errors import DataError, quoted
from csindex.model import Item
from csindex.moments.batches import arrow_module, batch_rows
from csindex.moments.tally import Batch, Request
from csindex.survey.columns import numbers
from csindex.survey.texts import decoded, delimiter_of, without_empty_lines

# bytes in which encoding, delimiter and header are looked for
_HEAD = 1_000_000
_WITH_COMMA = re.compile(r"[-+]?\d*,\d+")
_WITH_POINT = re.compile(r"[-+]?\d*\.\d+")


@dataclass(frozen=True)
class Layout:
    """How a delimited text file is written.

    Attributes
    ----------
    encoding, delimiter : str
        The encoding, as Python names it, and the character between cells.
    skipped : int
        Empty lines above the header.
    columns : mapping of str to str
        Names of the columns, and how they stand in the file.
    """

    encoding: str
    delimiter: str
    skipped: int
    columns: Mapping[str, str]


def layout_of(path: Path) -> Layout:
    """Return how a delimited text file is written, from its beginning.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Layout
        Its layout.

    Raises
    ------
    DataError
        If the file isn't text, has no header, or two columns have one name.
    """
    with path.open("rb") as file:
        raw = file.read(_HEAD)
        whole = not file.read(1)
    encoding, text = decoded(raw, path, whole)
    if "\x00" in text:
        raise DataError(
            f"{str(path)!r} is not a text file; export the answers as CSV or Parquet"
        )
    text, skipped = without_empty_lines(text, path)
    delimiter = delimiter_of(text)
    written = next(csv.reader(io.StringIO(text), delimiter=delimiter))
    names = [name.strip() for name in written]
    # spreadsheets write columns without a name after the last one
    known = [name for name in names if name]
    if repeated := [name for name in dict.fromkeys(known) if known.count(name) > 1]:
        raise DataError(
            f"{path.name!r} has more than one column named {quoted(repeated)}; give "
            "every column its own name"
        )
    columns = dict(zip(names, written, strict=True))
    columns.pop("", None)
    return Layout(encoding, delimiter, skipped, columns)


def text_batches(path: Path, request: Request) -> Iterator[Batch]:
    """Yield the columns of a large text file.

    Parameters
    ----------
    path : Path
        The file.
    request : Request
        What is asked; its columns exist.

    Yields
    ------
    Batch
        Answers and weights as numbers, where they are; labels as texts.

    Raises
    ------
    DataError
        If the file can't be read to its end.
    """
    arrow, layout = arrow_module(), layout_of(path)
    cells = _Cells(path, layout)
    numeric = {*request.names, *([request.weights] if request.weights else [])}
    step, waiting, held = batch_rows(request), [], 0

    def made(waiting: list[Any]) -> Batch:
        table = arrow.Table.from_batches(waiting)
        return {
            name: cells.numbers(table.column(position))
            if name in numeric
            else cells.labels(table.column(position))
            for position, name in enumerate(request.columns)
        }

    try:
        with _reader(path, layout, request.columns) as reader:
            for batch in reader:
                waiting.append(batch)
                held += batch.num_rows
                if held >= step:
                    yield made(waiting)
                    waiting, held = [], 0
        if held:
            yield made(waiting)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{str(path)!r} begins as {layout.encoding.upper()}, but doesn't go on so: "
            f"{error.reason} at {error.start}; save it as UTF-8"
        ) from error
    except DataError:
        raise
    except ValueError as error:  # Arrow's errors are children of it
        raise DataError(_unreadable(path, str(error))) from error


def label_texts(path: Path, names: Sequence[str]) -> dict[str, NDArray[np.object_]]:
    """Return labels of a small text file as they are written.

    Parameters
    ----------
    path : Path
        The file.
    names : sequence of str
        The columns.

    Returns
    -------
    mapping of str to ndarray of shape (n,)
        The labels; None where there is none.
    """
    layout = layout_of(path)
    frame = pd.read_csv(
        path,
        sep=layout.delimiter,
        encoding=layout.encoding,
        usecols=[layout.columns[name] for name in names],
        dtype=str,
        index_col=False,
        keep_default_na=False,
        na_values=[""],
    )
    found = frame.astype(object).where(frame.notna(), None)
    return {name: found[layout.columns[name]].to_numpy() for name in names}


class _Cells:
    """The cells of one file, which writes its numbers in one way."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self._path = path
        self._commas = layout.delimiter != ","
        self._compute = arrow_module("pyarrow.compute")
        self._invalid: type[ValueError] = arrow_module("pyarrow").ArrowInvalid
        self._marks: dict[str, str] = {}

    def numbers(self, column: Any) -> NDArray[Any]:
        """Return a column as numbers; as it is written, if it holds other texts."""
        column = column.combine_chunks()
        try:
            values: NDArray[Any] = self._compute.cast(column, "float64").to_numpy()
        except self._invalid:
            return self._spelled(column)
        if self._commas and "." not in self._marks:
            pointed = self._compute.match_substring(column, ".")
            if (place := self._compute.index(pointed, True).as_py()) >= 0:
                self._note(".", column[place].as_py())
        return values

    def labels(self, column: Any) -> NDArray[Any]:
        """Return a column of labels; None where the cell is empty."""
        encoded = column.combine_chunks().dictionary_encode()
        words = np.array([*encoded.dictionary.to_pylist(), None], dtype=np.object_)
        words[words == ""] = None
        return np.asarray(words[encoded.indices.to_numpy()])

    def _spelled(self, column: Any) -> NDArray[Any]:
        """Return cells that aren't all plain numbers, each text looked at once."""
        encoded = column.dictionary_encode()
        codes = encoded.indices.to_numpy()
        texts = [text.strip() for text in encoded.dictionary.to_pylist()]
        words = np.array([self._plain(text) for text in texts], dtype=np.object_)
        values, problems = numbers(pd.Series(words, dtype=object), Item("cells"))
        if not problems:
            return np.asarray(values[codes])
        # what is wrong is told where the answers are checked
        return np.asarray(words[codes])

    def _plain(self, text: str) -> str:
        if self._commas and _WITH_COMMA.fullmatch(text):
            self._note(",", text)
            return text.replace(",", ".")
        if self._commas and _WITH_POINT.fullmatch(text):
            self._note(".", text)
        return text

    def _note(self, mark: str, text: str) -> None:
        self._marks.setdefault(mark, text)
        if len(self._marks) > 1:
            raise DataError(
                f"{str(self._path)!r} has decimal commas and decimal points, as "
                f"{quoted(sorted(self._marks.values()))}; write all numbers alike"
            )


def _reader(path: Path, layout: Layout, columns: Sequence[str]) -> Any:
    """Return a reader of batches that keeps every cell as it is written."""
    reading, arrow = arrow_module("pyarrow.csv"), arrow_module()
    wanted = [layout.columns[name] for name in columns]
    return reading.open_csv(
        path,
        read_options=reading.ReadOptions(
            encoding="utf8" if layout.encoding == "utf-8-sig" else layout.encoding,
            skip_rows=layout.skipped,
        ),
        parse_options=reading.ParseOptions(
            delimiter=layout.delimiter, newlines_in_values=True
        ),
        convert_options=reading.ConvertOptions(
            include_columns=wanted,
            column_types=dict.fromkeys(wanted, arrow.string()),
            strings_can_be_null=False,
        ),
    )


def _unreadable(path: Path, why: str) -> str:
    if "UTF8" in why:
        return (
            f"{str(path)!r} begins as UTF-8, but doesn't go on so ({why}); save it as "
            "UTF-8"
        )
    return (
        f"cannot read {str(path)!r} as a table: {why}; every row needs as many cells "
        "as the header, in double quotes where a cell holds the delimiter"
    )
