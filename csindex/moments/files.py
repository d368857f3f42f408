"""Parquet and text files, read in parts."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import narwhals as nw

from csindex.errors import DataError
from csindex.moments.batches import (
    Part,
    arrow_batches,
    arrow_module,
    batch_rows,
    frame_batch,
)
from csindex.moments.tally import Batch, Request
from csindex.survey.columns import MISSING_TEXTS
from csindex.survey.reading import read_frame

# text files up to this many bytes are read whole, by the reader of surveys
WHOLE_FILE = 50_000_000
_DELIMITERS = (",", ";", "\t", "|")
_PARQUET = b"PAR1"
# characters in which the delimiter is looked for
_LONGEST_HEADER = 1_000_000


def files_of(source: str | PathLike[str] | Sequence[str | PathLike[str]]) -> list[Path]:
    """Return the files that a path, a pattern or a list of them means.

    Parameters
    ----------
    source : path, or sequence of paths
        File names; ``*``, ``?`` and ``**`` stand for others.

    Returns
    -------
    list of Path
        The files; those of a pattern are in the order of their names.

    Raises
    ------
    DataError
        With every file that can't be read.
    """
    entries = [source] if isinstance(source, str | PathLike) else list(source)
    paths: list[Path] = []
    problems: list[str] = []
    for entry in entries:
        if not isinstance(entry, str | PathLike):
            problems.append(f"{entry!r} is not the name of a file")
            continue
        path, found = Path(entry), []
        if glob.has_magic(str(entry)) and not path.exists():
            found = _matching(str(entry))
            if not found:
                problems.append(f"no file matches {str(entry)!r}; check the pattern")
        paths += found if found or problems else [path]
    problems += [problem for path in paths for problem in _unreadable(path)]
    if not (paths or problems):
        problems.append("there are no files; name one")
    if problems:
        raise DataError(problems)
    return paths


@dataclass(frozen=True)
class Header:
    """The columns of some files.

    Attributes
    ----------
    columns : tuple of str
        Columns that all files have, in the order of the first.
    partial : mapping of str to str
        Columns that only some files have, and one that lacks them.
    """

    columns: tuple[str, ...]
    partial: Mapping[str, str]


def _matching(pattern: str) -> list[Path]:
    """Return the files that match, in the order of their names."""
    names = glob.glob(pattern, recursive=True)  # noqa: PTH207, Path refuses absolute ones
    return sorted(path for path in map(Path, names) if path.is_file())


def header(paths: Sequence[Path]) -> Header:
    """Return the columns of some files.

    Parameters
    ----------
    paths : sequence of Path
        The files.

    Returns
    -------
    Header
        The columns.

    Raises
    ------
    DataError
        With every file that isn't what its beginning says.
    """
    found: list[tuple[str, list[str]]] = []
    problems: list[str] = []
    for path in paths:
        try:
            found.append((path.name, _columns(path)))
        except DataError as error:
            problems += error.problems
    if problems:
        raise DataError(problems)
    every = dict.fromkeys(name for _, columns in found for name in columns)
    partial = {
        name: file
        for file, columns in reversed(found)
        for name in every
        if name not in columns
    }
    return Header(tuple(name for name in every if name not in partial), partial)


def parts_of(paths: Sequence[Path], request: Request) -> Iterator[Part]:
    """Yield the parts of files: row groups, or batches of text.

    Parameters
    ----------
    paths : sequence of Path
        The files.
    request : Request
        What is asked.

    Yields
    ------
    Part
        One part each, in the order of the rows.
    """
    start = 0
    for path in paths:
        parts = _parquet_parts if _is_parquet(path) else _text_parts
        for part in parts(path, request, start):
            yield part
            start = part.stop


def is_small_text(path: Path) -> bool:
    """Return whether a file is read whole, by the reader of surveys.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    bool
        True for small files that aren't Parquet.
    """
    return not _is_parquet(path) and path.stat().st_size <= WHOLE_FILE


def _unreadable(path: Path) -> list[str]:
    """Return why a file can't be read."""
    try:
        with path.open("rb") as file:
            file.read(1)
    except IsADirectoryError:
        return [
            f"{str(path)!r} is a folder; give its files, as {str(path / '*.parquet')!r}"
        ]
    except OSError as error:
        return [
            f"cannot read {str(path)!r}: {error.strerror}; give the name of a file of "
            "answers that you may read"
        ]
    except ValueError:
        return [f"{str(path)!r} is not the name of a file"]
    return []


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_PARQUET)) == _PARQUET


def _columns(path: Path) -> list[str]:
    if _is_parquet(path):
        return list(_parquet(path).schema_arrow.names)
    if is_small_text(path):
        return list(read_frame(path)[0].columns)
    with _text(path, None) as reader:
        return list(reader.schema.names)


def _parquet(path: Path) -> Any:
    parquet = arrow_module("pyarrow.parquet")
    try:
        return parquet.ParquetFile(path)
    except (OSError, ValueError) as error:  # Arrow's errors are children of these
        raise DataError(
            f"{str(path)!r} is a damaged Parquet file: {error}; write it again"
        ) from error


def _parquet_parts(path: Path, request: Request, start: int) -> Iterator[Part]:
    layout = _parquet(path).metadata
    for group in range(layout.num_row_groups):
        size = layout.row_group(group).num_rows
        yield Part(start, start + size, _row_group(path, group, request))
        start += size


def _row_group(path: Path, group: int, request: Request) -> Iterator[Batch]:
    """Yield the batches of one row group; read in the thread that asks for them."""
    with _parquet(path) as file:
        batches = file.iter_batches(
            batch_rows(request),
            row_groups=[group],
            columns=request.columns,
            use_threads=False,
        )
        yield from arrow_batches(batches, request)


def _text_parts(path: Path, request: Request, start: int) -> Iterator[Part]:
    if is_small_text(path):
        frame = nw.from_native(read_frame(path)[0], eager_only=True)
        batch = frame_batch(frame, request)
        yield Part(start, start + len(frame), [batch])
        return
    with _text(path, request) as reader:
        try:
            for batch in arrow_batches(reader, request):
                size = len(next(iter(batch.values())))
                yield Part(start, start + size, [batch])
                start += size
        except ValueError as error:
            raise _unreadable_text(path, error) from error


def _text(path: Path, request: Request | None) -> Any:
    """Return a reader of a large text file."""
    reading, arrow = arrow_module("pyarrow.csv"), arrow_module()
    numeric = [] if request is None else list(request.names)
    if request is not None and request.weights is not None:
        numeric.append(request.weights)
    try:
        return reading.open_csv(
            path,
            parse_options=reading.ParseOptions(delimiter=_delimiter(path)),
            convert_options=reading.ConvertOptions(
                include_columns=None if request is None else request.columns,
                # a first block of whole numbers must not decide for what follows
                column_types=dict.fromkeys(numeric, arrow.float64()),
                null_values=_missing_texts(),
                strings_can_be_null=True,
            ),
        )
    except ValueError as error:
        raise _unreadable_text(path, error) from error


def _unreadable_text(path: Path, error: ValueError) -> DataError:
    return DataError(
        f"cannot read {str(path)!r} as a table of numbers: {error}; large text files "
        "must be UTF-8, with decimal points"
    )


def _missing_texts() -> list[str]:
    return [
        spelled
        for text in sorted(MISSING_TEXTS)
        for spelled in dict.fromkeys([text, text.upper(), text.title()])
    ]


def _delimiter(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        line = file.readline(_LONGEST_HEADER)
    plain = re.sub(r'"[^"]*"', "", line)
    return max(_DELIMITERS, key=plain.count)
