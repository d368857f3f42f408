"""Readers: a file or any data frame becomes a pandas frame, column by column."""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from csindex.errors import DataError, quoted

_ENCODINGS = ("utf-8-sig", "gb18030", "cp1252")
# the longer marks first: one of UTF-32 begins with one of UTF-16
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_DELIMITERS = (",", ";", "\t", "|")
# how files that aren't text begin, whatever their name says
_SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"$FL2": "an SPSS file",
    b"$FL3": "an SPSS file",
    b"<stata_dta": "a Stata file",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF document",
}
# characters in which a delimiter is looked for
_HEAD = 65_536


def read_frame(source: Any) -> tuple[pd.DataFrame, str]:
    """Return the answers of a source as a frame, and the source's name.

    Parameters
    ----------
    source : str, path or data frame
        A delimited text file, or any frame that narwhals knows: pandas, Polars,
        PyArrow and others.

    Returns
    -------
    frame : DataFrame
        The answers, untouched.
    name : str
        File name, or kind of frame.

    Raises
    ------
    DataError
        If nothing can be read, or two columns have one name.
    """
    if isinstance(source, str | PathLike):
        path = Path(source)
        return _read_text(path), path.name
    if isinstance(source, pd.DataFrame):
        _check_names([str(column) for column in source.columns], "the data frame")
        if source.empty:
            raise DataError("the data frame is empty: it has no rows or no columns")
        names = [str(column) for column in source.columns]
        return source.set_axis(names, axis=1), "pandas data frame"
    return _from_narwhals(source)


def _from_narwhals(source: Any) -> tuple[pd.DataFrame, str]:
    import narwhals as nw

    try:
        native = nw.from_native(source)
    except TypeError as error:
        raise DataError(
            f"cannot read answers from {type(source).__name__}; give a file name or a "
            "data frame (pandas, Polars, PyArrow ...)"
        ) from error
    except ValueError as error:
        names = [str(name) for name in getattr(source, "column_names", ())]
        _check_names(names, "the data frame")
        raise DataError(f"cannot read the data frame: {error}") from error
    eager = native.collect() if isinstance(native, nw.LazyFrame) else native
    names = list(eager.columns)
    _check_names(names, "the data frame")
    if eager.is_empty():
        raise DataError("the data frame is empty: it has no rows or no columns")
    frame = pd.DataFrame(
        {
            name: column.to_numpy() if column.dtype.is_numeric() else column.to_list()
            for name, column in ((name, eager[name]) for name in names)
        }
    )
    kind = str(native.implementation).lower()
    return frame, f"{kind} data frame"


def _read_text(path: Path) -> pd.DataFrame:
    text = _decoded(_bytes(path), path).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise DataError(f"{str(path)!r} is empty: it has no header and no answers")
    blank = re.match(r"(?:[ \t]*\n)*", text)
    skipped = blank.group() if blank else ""
    text = text[len(skipped) :]
    delimiter = _delimiter(text)
    try:
        header = next(csv.reader(io.StringIO(text), delimiter=delimiter))
        frame = _parsed(text, delimiter)
    except (pd.errors.ParserError, pd.errors.ParserWarning, csv.Error) as error:
        raise DataError(
            f"cannot read {str(path)!r} as a table: "
            f"{_explained(str(error), skipped.count(chr(10)))}"
        ) from error
    if frame.empty:
        raise DataError(f"{str(path)!r} has a header but no answers below it")
    frame.columns = pd.Index([name.strip() for name in header])
    # spreadsheets write empty columns after the last one
    named = [bool(name) for name in frame.columns]
    frame = frame.loc[:, named | frame.notna().any().to_numpy()]
    _check_names(list(frame.columns), repr(path.name))
    # a copy has its columns in one memory, from where they are taken at once
    return frame.copy()


def _bytes(path: Path) -> bytes:
    try:
        folder = path.is_dir()
        raw = b"" if folder else path.read_bytes()
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


def _decoded(raw: bytes, path: Path) -> str:
    for signature, kind in _SIGNATURES.items():
        if raw.startswith(signature):
            raise DataError(
                f"{str(path)!r} is {kind}, not a text file; export the answers as CSV"
            )
    marked = [code for mark, code in _BYTE_ORDER_MARKS.items() if raw.startswith(mark)]
    for encoding in marked[:1] or _ENCODINGS:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            raise DataError(
                f"{str(path)!r} is not a text file; export the answers as CSV"
            )
        return text
    raise DataError(f"cannot tell the encoding of {str(path)!r}; save it as UTF-8")


def _delimiter(text: str) -> str:
    header = re.sub(r'"[^"]*"', "", text[:_HEAD]).split("\n", 1)[0]
    return max(_DELIMITERS, key=header.count)


def _parsed(text: str, delimiter: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        # pandas cuts rows that are longer than the header, and only warns
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(
            io.StringIO(text),
            sep=delimiter,
            decimal="," if _has_comma_decimals(text, delimiter) else ".",
            index_col=False,
            keep_default_na=False,
            na_values=[""],
            low_memory=False,
        )


def _has_comma_decimals(text: str, delimiter: str) -> bool:
    """Return whether some cells are numbers with a comma and none with a point."""
    if delimiter == ",":
        return False
    edge = re.escape(delimiter)
    cell = rf'(?:^|{edge})[" ]*[-+]?\d+%s\d+[" ]*(?={edge}|$)'
    with_comma, with_point = (
        re.search(cell % mark, text, re.MULTILINE) is not None for mark in (",", r"\.")
    )
    return with_comma and not with_point


def _explained(message: str, skipped: int) -> str:
    """Return in plain words why a table couldn't be read."""
    if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", message):
        expected, line, seen = (int(number) for number in found.groups())
        return (
            f"line {line + skipped} has {seen} cells, the header has {expected}; put "
            "double quotes round a cell that holds the delimiter"
        )
    if found := re.search(r"EOF inside string starting at row (\d+)", message):
        return (
            f"a double quote that opens in row {found.group(1)} of the answers is "
            "never closed; close or remove it"
        )
    if "Length of header" in message:
        return "rows have more cells than the header; name every column"
    return f"{message}; save it as CSV, one row per respondent"


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
