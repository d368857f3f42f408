"""Workbooks: Excel's, old and new, and OpenDocument's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from csindex.errors import DataError, quoted, unknown
from csindex.survey.cells import column_of
from csindex.survey.frames import installed


def read_workbook(path: Path, sheet: str | int | None = None) -> pd.DataFrame:
    """Return the table in a sheet of a workbook.

    Parameters
    ----------
    path : Path
        The file: .xlsx, .xlsm, .xlsb, .xls or .ods.
    sheet : str or int, optional
        Name or position, from 0, of the sheet. None: the only one that isn't empty.

    Returns
    -------
    DataFrame
        The answers: the first row that isn't empty has the names. Empty rows, and
        columns without name and content, are left out; cells with an error of Excel's
        are empty.

    Raises
    ------
    DataError
        If it is no workbook or has a password; if there is no such sheet, or several
        without saying which; if the sheet is empty.
    """
    calamine = installed("python_calamine", "workbooks", "python-calamine")
    try:
        with calamine.CalamineWorkbook.from_path(path) as workbook:
            name, rows = _sheet(workbook, path, sheet)
    except calamine.PasswordError as error:
        raise DataError(
            f"{str(path)!r} has a password; save it without, or as CSV"
        ) from error
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise DataError(
            f"{str(path)!r} is a damaged workbook, or another kind of archive: "
            f"{error}; save it again, or export the answers as CSV"
        ) from error
    if not rows:
        raise DataError(
            f"sheet {name!r} of {str(path)!r} is empty: it has no header and no answers"
        )
    return _table(rows)


def _sheet(
    workbook: Any, path: Path, sheet: str | int | None
) -> tuple[str, list[list[Any]]]:
    """Return the name and the rows of the sheet that is meant."""
    names = workbook.sheet_names
    if isinstance(sheet, int) and 0 <= sheet < len(names):
        return names[sheet], _rows(workbook, names[sheet])
    if sheet is not None:
        if sheet in names:
            return str(sheet), _rows(workbook, str(sheet))
        raise DataError(unknown("sheet", [str(sheet)], names, f"in {path.name}"))
    shown = [
        entry.name
        for entry in workbook.sheets_metadata
        if str(entry.visible).endswith("Visible")
    ]
    full = {
        name: rows for name in shown or names if (rows := _rows(workbook, str(name)))
    }
    if len(full) > 1:
        raise DataError(
            f"{str(path)!r} has more than one sheet: {quoted(full)}; say which has the "
            f"answers, as sheet={next(iter(full))!r}"
        )
    if not names:
        raise DataError(f"{str(path)!r} is a workbook without sheets")
    return next(iter(full.items()), (str((shown or names)[0]), []))


def _rows(workbook: Any, name: str) -> list[list[Any]]:
    """Return the rows of a sheet that aren't empty."""
    rows = workbook.get_sheet_by_name(name).to_python()
    return [row for row in rows if any(cell != "" for cell in row)]


def _table(rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    names = [
        "" if name is None else str(name) for name in column_of(["", *rows[0]])[1:]
    ]
    columns = [column_of(cells) for cells in zip(*rows[1:], strict=True)]
    kept = [
        k
        for k, name in enumerate(names)
        if name.strip() or (columns and columns[k].notna().any())
    ]
    frame = pd.DataFrame(
        {k: columns[k] for k in kept} if columns else {}, index=range(len(rows) - 1)
    )
    labels = [names[k].strip() for k in kept]
    return frame.set_axis(labels, axis=1) if columns else pd.DataFrame(columns=labels)
