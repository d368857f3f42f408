"""Parquet and text files, read in parts."""

from __future__ import annotations

import glob
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
from csindex.moments.buckets import file_origin, salt_of
from csindex.moments.tally import Batch, Place, Request
from csindex.moments.texts import label_texts, layout_of, text_batches
from csindex.survey.reading import read_frame

# text files up to this many bytes are read whole, by the reader of surveys
WHOLE_FILE = 50_000_000
_PARQUET = b"PAR1"


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
    texts : frozenset of str
        Columns that some file knows to hold texts, which text files don't.
    """

    columns: tuple[str, ...]
    partial: Mapping[str, str]
    texts: frozenset[str]


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
    return Header(
        tuple(name for name in every if name not in partial),
        partial,
        frozenset().union(*map(_texts, paths)),
    )


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
        for part in parts(path, request, start, first_place(path, request)):
            yield part
            start = part.stop


def first_place(path: Path, request: Request) -> Place:
    """Return where the first row of a file stands.

    Parameters
    ----------
    path : Path
        The file.
    request : Request
        What is asked.

    Returns
    -------
    Place
        The place; the file's number matters where rows are put in buckets.
    """
    by_row = request.buckets is not None and request.clusters is None
    return Place(0, salt_of(file_origin(path)) if by_row else 0)


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
    return list(layout_of(path).columns)


def _texts(path: Path) -> set[str]:
    """Return the columns that a file knows to hold texts."""
    if not _is_parquet(path):
        return set()
    types = arrow_module("pyarrow.types")
    held: set[str] = set()
    for column in _parquet(path).schema_arrow:
        kind = column.type
        if types.is_dictionary(kind):
            kind = kind.value_type
        if types.is_string(kind) or types.is_large_string(kind):
            held.add(column.name)
    return held


def _parquet(path: Path) -> Any:
    parquet = arrow_module("pyarrow.parquet")
    try:
        return parquet.ParquetFile(path)
    except (OSError, ValueError) as error:  # Arrow's errors are children of these
        raise DataError(
            f"{str(path)!r} is a damaged Parquet file: {error}; write it again"
        ) from error


def _parquet_parts(
    path: Path, request: Request, start: int, place: Place
) -> Iterator[Part]:
    layout = _parquet(path).metadata
    for group in range(layout.num_row_groups):
        size = layout.row_group(group).num_rows
        yield Part(start, start + size, _row_group(path, group, request), place)
        start, place = start + size, place.after(size)


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


def _text_parts(
    path: Path, request: Request, start: int, place: Place
) -> Iterator[Part]:
    if is_small_text(path):
        frame = nw.from_native(read_frame(path)[0], eager_only=True)
        batch = frame_batch(frame, request)
        names = dict.fromkeys(name for name in (request.by, request.clusters) if name)
        labels = [name for name in names if name not in request.names]
        if labels:
            # other files may hold texts where this one has numbers only
            batch = {**batch, **label_texts(path, labels)}
        yield Part(start, start + len(frame), [batch], place)
        return
    for batch in text_batches(path, request):
        size = len(next(iter(batch.values())))
        yield Part(start, start + size, [batch], place)
        start, place = start + size, place.after(size)
