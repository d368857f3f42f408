"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex

from csindex.errors import OutputError, SpecificationError, quoted


def checked_path(path: str | os.PathLike[str], suffixes: Sequence[str]) -> Path:
    """Return a path that a file can be written to.

    Parameters
    ----------
    path : str or path
        Where to write.
    suffixes : sequence of str
        The endings that are supported.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    SpecificationError
        For another ending.
    OutputError
        If the folder doesn't exist or can't be written to, or a folder has the
        name.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise SpecificationError(
            f"report needs a path to write to, as 'report.html', not {path!r}"
        )
    target = Path(path)
    if target.is_dir():
        raise OutputError(
            f"{str(target)!r} is a folder; name a file in it, as "
            f"{str(target / ('report' + suffixes[0]))!r}"
        )
    if target.suffix.lower() not in suffixes:
        raise SpecificationError(
            f"a report cannot be written as {target.name!r}; supported is "
            f"{quoted(suffixes)}, as {target.stem + suffixes[0]!r}"
        )
    folder = target.parent
    if not folder.is_dir():
        raise OutputError(
            f"folder {str(folder)!r} does not exist; create it or choose another"
        )
    if not os.access(folder, os.W_OK):
        raise OutputError(f"no permission to write in folder {str(folder)!r}")
    return target


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and then move it there.

    Parameters
    ----------
    path : Path
        Where it belongs. What was there stays untouched if writing fails.
    content : bytes
        What it says.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    place = Path(os.path.realpath(path))
    draft = place.with_name(f".{place.name[:80]}.{token_hex(4)}.tmp")
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(place)
    except OSError as error:
        raise OutputError(
            f"cannot write {str(path)!r} ({len(content):,} bytes): {error.strerror}"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
