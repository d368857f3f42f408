"""Read models: from a file or from the text itself, TOML or lavaan's syntax."""

from __future__ import annotations

import re
from dataclasses import replace
from os import PathLike
from pathlib import Path

from csindex.errors import DataError, SpecificationError
from csindex.model.lavaan import read_lavaan
from csindex.model.model import Model
from csindex.model.toml import read_toml

# a model of 200 items with their wording in two languages has half of it
MAX_CHARACTERS = 200_000
_TOML_LINE = re.compile(r"\[|([\w.\s-]|\"[^\"]*\"|'[^']*')+=(?![~=])")


def read_model(source: str | PathLike[str], index: str | None = None) -> Model:
    """Read a model, written in TOML or in lavaan's syntax.

    Parameters
    ----------
    source : str or path
        A file, or the text itself; text of one line is taken for a file if there is
        one of that name or if it has no ``=`` and no ``~``. Which of the two languages
        it is, its first line tells.
    index : str, optional
        The index construct; it comes before that of the text. Lavaan's syntax names
        none, but csindex's comments in it do.

    Returns
    -------
    Model
        The model; without paths it is a measurement model. One that was read in
        lavaan's syntax has what comments of `Model.to_lavaan` tell; without them open
        signs, and the file's name, or ``"model"``.

    Raises
    ------
    DataError
        If the file can't be read, or the text is too long.
    SpecificationError
        If the text says something that can't be read, with its place.

    Warns
    -----
    SpecificationWarning
        If a text in lavaan's syntax says more than a model holds: labels and other
        modifiers, covariances, intercepts, defined parameters, constraints. The
        message has them as they are given to `CBSEM`, in its additions.

    Examples
    --------
    >>> model = read_model("quality =~ q1 + q2; loyalty =~ l1; loyalty ~ quality")
    >>> model.items
    ('q1', 'q2', 'l1')
    """
    if not isinstance(source, str | PathLike):
        raise SpecificationError(
            "read_model needs the name of a file, or the text of a model, not "
            f"{type(source).__name__}"
        )
    text, where, name = _content(source)
    if len(text) > MAX_CHARACTERS:
        raise DataError(
            f"{where} has {len(text)} characters; a model has at most "
            f"{MAX_CHARACTERS}: is it another file?"
        )
    line = _first_line(text)
    if not line:
        raise SpecificationError(
            f"{where} is empty; write a model, as 'quality =~ q1 + q2'"
        )
    if _TOML_LINE.match(line):
        model = read_toml(text, where)
        return model if index is None else replace(model, index=index)
    return read_lavaan(text, name, index, where)


def _content(source: str | PathLike[str]) -> tuple[str, str, str]:
    """Return the text, what it is in words, and a name for the model."""
    if isinstance(source, str) and _is_text(source):
        return source.removeprefix("\ufeff"), "the text", "model"
    path = Path(source)
    where = repr(path.name)
    try:
        with path.open("rb") as file:
            content = file.read(4 * MAX_CHARACTERS + 4)
        return content.decode("utf-8-sig"), where, path.stem
    except UnicodeDecodeError as error:
        raise DataError(f"{where} is not UTF-8 text; save it as UTF-8") from error
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or "it can't be the name of a file"
        raise DataError(
            f"cannot read the model {str(source)[:80]!r}: {told}; give the name of a "
            "file, or the text of a model"
        ) from error


def _is_text(source: str) -> bool:
    """Return whether a string is a model's text, not the name of a file."""
    if "\n" in source or not source.strip():
        return True
    try:
        if Path(source).is_file():
            return False
    except (OSError, ValueError):
        return True
    return "=" in source or "~" in source


def _first_line(text: str) -> str:
    """Return the first line that isn't empty or a comment."""
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and line[0] not in "#!"), "")
