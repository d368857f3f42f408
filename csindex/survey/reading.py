"""Readers: a file or any data frame becomes a table of answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from csindex.codebook import Codebook
from csindex.errors import DataError, SpecificationError, quoted
from csindex.survey.frames import read_feather, read_native, read_parquet
from csindex.survey.labelled import SPSS, STATA, Labelled, read_labelled
from csindex.survey.texts import read_text
from csindex.survey.workbooks import read_workbook

# how files begin, whatever their names say
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_LABELLED: Mapping[tuple[bytes, ...], Labelled] = {
    (b"$FL2", b"$FL3"): SPSS,
    # formats before 117 begin with their number, the order of bytes, and a 1
    (
        b"<stata_dta",
        *(bytes([n, order, 1]) for n in range(104, 116) for order in (1, 2)),
    ): STATA,
}
_COLUMNAR: Mapping[bytes, Callable[[Path], pd.DataFrame]] = {
    b"PAR1": read_parquet,
    b"ARROW1": read_feather,
}
_REFUSED = {
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF document",
    b"FEA1": "a Feather file of the first version",
}
_LONGEST = 16
_NO_BOOK = Codebook()


@dataclass(frozen=True, eq=False)
class Table:
    """The answers of a source, and what it says about them.

    Attributes
    ----------
    frame : DataFrame
        The answers, untouched.
    name : str
        File name, or kind of frame.
    codebook : Codebook
        Question texts, scales and missing codes that the file holds; empty where
        files hold none.
    """

    frame: pd.DataFrame
    name: str
    codebook: Codebook = field(default=_NO_BOOK)


def read_frame(source: Any) -> tuple[pd.DataFrame, str]:
    """Return the answers of a source as a frame, and the source's name.

    Parameters
    ----------
    source : str, path or data frame
        As for `read_table`.

    Returns
    -------
    frame : DataFrame
        The answers; NaN for codes that the file calls missing.
    name : str
        File name, or kind of frame.

    Raises
    ------
    DataError
        If nothing can be read, or two columns have one name.
    """
    table = read_table(source)
    gaps = {
        item.name: table.frame[item.name].replace(list(item.missing), np.nan)
        for item in table.codebook.items
        if item.missing
    }
    return table.frame.assign(**gaps) if gaps else table.frame, table.name


def read_table(source: Any, sheet: str | int | None = None) -> Table:
    """Return the answers of a source, and what it says about them.

    Parameters
    ----------
    source : str, path, data frame or mapping of str to columns
        A file: delimited text, an Excel or OpenDocument workbook, SPSS (.sav, .zsav),
        Stata (.dta), Parquet or Feather; which of them, its first bytes tell. Or any
        frame that narwhals knows: pandas, Polars, PyArrow and others.
    sheet : str or int, optional
        Name or position, from 0, of a workbook's sheet. None: the only one with
        answers.

    Returns
    -------
    Table
        The answers. Dates in files are texts, as ``"2024-05-31"``.

    Raises
    ------
    DataError
        If nothing can be read, or two columns have one name.
    SpecificationError
        If a sheet is given for something that has none.
    """
    if isinstance(source, str | PathLike):
        return _read_file(Path(source), sheet)
    _refuse_sheet(sheet, f"a {type(source).__name__}")
    if isinstance(source, Mapping):
        source = _columns(source)
    if isinstance(source, pd.DataFrame):
        _check_names([str(column) for column in source.columns], "the data frame")
        if source.empty:
            raise DataError("the data frame is empty: it has no rows or no columns")
        names = [str(column) for column in source.columns]
        return Table(source.set_axis(names, axis=1), "pandas data frame")
    frame, kind = read_native(source, lambda n: _check_names(n, "the data frame"))
    return Table(frame, f"{kind} data frame")


def _read_file(path: Path, sheet: str | int | None) -> Table:
    """Return the table in a file, which is known by how it begins."""
    head = _opened(path, lambda: _head(path))
    if head.startswith(_WORKBOOKS):
        table = Table(read_workbook(path, sheet), path.name)
    else:
        _refuse_sheet(sheet, repr(path.name))
        table = _read_other(head, path)
    _check_names(list(table.frame.columns), repr(path.name))
    if table.frame.empty:
        raise DataError(f"{str(path)!r} has a header but no answers below it")
    return table


def _read_other(head: bytes, path: Path) -> Table:
    """Return the table in a file that is no workbook."""
    for signatures, kind in _LABELLED.items():
        if head.startswith(signatures):
            frame, book = read_labelled(path, kind)
            return Table(frame, path.name, book)
    for signature, read in _COLUMNAR.items():
        if head.startswith(signature):
            return Table(read(path), path.name)
    for signature, what in _REFUSED.items():
        if head.startswith(signature):
            raise DataError(
                f"{str(path)!r} is {what}, not a file of answers; export them as CSV"
            )
    return Table(read_text(_opened(path, path.read_bytes), path), path.name)


def _columns(columns: Mapping[Any, Any]) -> pd.DataFrame:
    """Return a mapping of names to columns as a frame."""
    try:
        return pd.DataFrame(dict(columns))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"cannot read answers from a mapping: {error}; give one list of answers "
            "per column, all of the same length, as {'q1': [1, 5], 'q2': [2, 4]}"
        ) from error


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LONGEST)


def _opened(path: Path, read: Callable[[], bytes]) -> bytes:
    """Return what is read of a file, if there is one that may be read."""
    try:
        folder = path.is_dir()
        raw = b"" if folder else read()
    except OSError as error:
        raise DataError(
            f"cannot read {_short(path)!r}: {error.strerror}; give the name of a file "
            "of answers that you may read"
        ) from error
    except ValueError as error:
        raise DataError(f"{_short(path)!r} is not the name of a file") from error
    if folder:
        raise DataError(f"{str(path)!r} is a folder; give a file of answers")
    return raw


def _refuse_sheet(sheet: str | int | None, what: str) -> None:
    if sheet is not None:
        raise SpecificationError(
            f"sheet={sheet!r} names a sheet of a workbook, and {what} has none; leave "
            "it out"
        )


def _check_names(names: list[str], where: str) -> None:
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        raise DataError(
            f"{where} has more than one column named {quoted(repeated)}; give every "
            "column its own name"
        )


def _short(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 200 else f"{text[:200]}..."
