"""Delimited text files, in any usual delimiter and encoding."""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
from pathlib import Path

import pandas as pd

from csindex.errors import DataError

_ENCODINGS = ("utf-8-sig", "gb18030", "cp1252")
# the longer marks first: one of UTF-32 begins with one of UTF-16
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_DELIMITERS = (",", ";", "\t", "|")
# characters in which a delimiter is looked for
_HEAD = 65_536
# bytes in which it is looked for how other letters than English ones are written
_SAMPLE = 1_000_000
# one or two other letters inside a word of English ones; Chinese comes in longer runs,
# or stands by itself
_FOREIGN = re.compile(rb"([A-Za-z]?)([\x80-\xff]+)([A-Za-z]?)")


def read_text(raw: bytes, path: Path) -> pd.DataFrame:
    """Return the table in a delimited text.

    Parameters
    ----------
    raw : bytes
        The content of the file.
    path : Path
        The file, for messages.

    Returns
    -------
    DataFrame
        The answers; names without the spaces round them, perhaps not unique.

    Raises
    ------
    DataError
        If it is no text, of an unknown encoding, empty, or no table.
    """
    _, text = decoded(raw, path)
    if "\x00" in text:
        raise DataError(f"{str(path)!r} is not a text file; export the answers as CSV")
    text, skipped = without_empty_lines(text, path)
    delimiter = delimiter_of(text)
    try:
        header = next(csv.reader(io.StringIO(text), delimiter=delimiter))
        frame = _parsed(text, delimiter)
    except (pd.errors.ParserError, pd.errors.ParserWarning, csv.Error) as error:
        raise DataError(
            f"cannot read {str(path)!r} as a table: {_explained(str(error), skipped)}"
        ) from error
    if frame.empty:
        raise DataError(f"{str(path)!r} has a header but no answers below it")
    frame.columns = pd.Index([name.strip() for name in header])
    # spreadsheets write empty columns after the last one
    named = [bool(name) for name in frame.columns]
    frame = frame.loc[:, named | frame.notna().any().to_numpy()]
    # a copy has its columns in one memory, from where they are taken at once
    return frame.copy()


def decoded(raw: bytes, path: Path, whole: bool = True) -> tuple[str, str]:
    """Return the encoding of a text, and the text.

    Parameters
    ----------
    raw : bytes
        The content of the file, or its beginning.
    path : Path
        The file, for messages.
    whole : bool
        Whether it is the whole file; else the last character may be cut.

    Returns
    -------
    encoding, text : str
        The encoding, as Python names it, and the text.

    Raises
    ------
    DataError
        If it has none of the usual encodings.
    """
    marked = [code for mark, code in _BYTE_ORDER_MARKS.items() if raw.startswith(mark)]
    for encoding in marked[:1] or _ENCODINGS:
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(raw, final=whole)
        except UnicodeDecodeError:
            continue
        if encoding == "gb18030" and is_western(raw):
            continue
        return encoding, text
    raise DataError(f"cannot tell the encoding of {str(path)!r}; save it as UTF-8")


def is_western(raw: bytes) -> bool:
    """Return whether bytes are cp1252, of which much is Chinese in GB 18030, too.

    Parameters
    ----------
    raw : bytes
        A text in one of the two, and not in UTF-8.

    Returns
    -------
    bool
        Whether most of its other letters than English ones stand, alone or in twos,
        inside words of English ones.

    Examples
    --------
    >>> is_western("Qualität,1".encode("cp1252")), is_western("满意,1".encode("gbk"))
    (True, False)
    """
    western = other = 0
    for match in _FOREIGN.finditer(raw[:_SAMPLE]):
        before, run, after = match.groups()
        if len(run) <= 2 and (before or after):
            western += 1
        else:
            other += 1
    if western <= other:
        return False
    try:
        raw.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return True


def without_empty_lines(text: str, path: Path) -> tuple[str, int]:
    """Return a text from its header on, and the number of empty lines above it.

    Parameters
    ----------
    text : str
        The text, with the line ends of any system.
    path : Path
        The file, for messages.

    Returns
    -------
    text : str
        The text, each line ended by a line feed.
    skipped : int
        How many lines were left out.

    Raises
    ------
    DataError
        If nothing is left.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise DataError(f"{str(path)!r} is empty: it has no header and no answers")
    blank = re.match(r"(?:[ \t]*\n)*", text)
    skipped = blank.group() if blank else ""
    return text[len(skipped) :], skipped.count("\n")


def delimiter_of(text: str) -> str:
    """Return the character between the cells of a table.

    Parameters
    ----------
    text : str
        The table, from its header on.

    Returns
    -------
    str
        The one that the header has most of, outside quotes.
    """
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
