"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from secrets import token_hex
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

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
        If the folder doesn't exist or can't be written to, a folder has the name, or
        no file can have it.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise SpecificationError(
            f"report needs a path to write to, as 'report.html', not {path!r}"
        )
    target = Path(path)
    try:
        target.exists()
        place = Path(os.path.realpath(target))
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise OutputError(
            f"{str(path)[:80]!r} can't be the name of a file: {told}"
        ) from error
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
    folder = place.parent  # of what a link leads to
    if not folder.is_dir():
        raise OutputError(
            f"folder {str(folder)!r} does not exist; create it or choose another"
        )
    if not os.access(folder, os.W_OK):
        raise OutputError(f"no permission to write in folder {str(folder)!r}")
    return target


def settled_archive(content: bytes) -> bytes:
    """Return a ZIP archive without the time at which it was made.

    Parameters
    ----------
    content : bytes
        The archive.

    Returns
    -------
    bytes
        The same files in the same order, all of one date.
    """
    settled = BytesIO()
    with ZipFile(BytesIO(content)) as made, ZipFile(settled, "w") as archive:
        for entry in made.infolist():
            plain = ZipInfo(entry.filename, date_time=(1980, 1, 1, 0, 0, 0))
            plain.compress_type, plain.create_system = ZIP_DEFLATED, 0
            archive.writestr(plain, made.read(entry))
    return settled.getvalue()


def pictures_folder(path: Path) -> Path:
    """Return the folder of a report's pictures, if it may be written.

    Parameters
    ----------
    path : Path
        The report.

    Returns
    -------
    Path
        The folder beside it, as ``report_files``.

    Raises
    ------
    OutputError
        If something else has the name, or the folder holds files of others.
    """
    folder = path.with_name(f"{path.stem}_files")
    if folder.exists() and not folder.is_dir():
        raise OutputError(
            f"the pictures of {path.name!r} belong into the folder {folder.name!r}, "
            "but a file has that name; rename the report"
        )
    others = (
        [f.name for f in folder.iterdir() if f.suffix != ".png"]
        if folder.is_dir()
        else []
    )
    if others:
        raise OutputError(
            f"folder {str(folder)!r} would be replaced by the report's pictures, but "
            f"holds other files, as {quoted(sorted(others)[:3])}; rename the report or "
            "move them"
        )
    return folder


def write_with_pictures(
    path: Path, content: bytes, folder: Path, pictures: Sequence[tuple[str, bytes]]
) -> None:
    """Write a file and the folder of its pictures, both or neither.

    Parameters
    ----------
    path : Path
        Where the file belongs.
    content : bytes
        What it says.
    folder : Path
        The folder; one that exists is replaced.
    pictures : sequence of (str, bytes)
        File names and contents.

    Raises
    ------
    OutputError
        If they can't be written; what was there is still there.
    """
    mark = token_hex(4)
    draft, old = (
        folder.with_name(f".{folder.name[:80]}.{mark}.{k}") for k in ("tmp", "old")
    )
    moved = placed = False
    try:
        draft.mkdir()
        for name, picture in pictures:
            (draft / name).write_bytes(picture)
        if folder.exists():
            folder.rename(old)
            moved = True
        draft.rename(folder)
        placed = True
        write_whole(path, content)
    except (OSError, OutputError) as error:
        if placed:
            shutil.rmtree(folder, ignore_errors=True)
        if moved:
            old.rename(folder)
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"cannot write the pictures of {str(path)!r}: {error.strerror}"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


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
