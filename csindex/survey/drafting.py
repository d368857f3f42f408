"""Drafts of codebooks, from whatever holds the answers."""

from __future__ import annotations

from typing import Any

from csindex.codebook import Codebook
from csindex.codebook.drafting import draft
from csindex.survey.reading import Table, read_table


def draft_codebook(source: Any, sheet: str | int | None = None) -> Codebook:
    """Draft the codebook of a survey.

    Parameters
    ----------
    source : str, path, data frame or mapping of str to columns
        The answers, one column per question, as for `read_survey`.
    sheet : str or int, optional
        Name or position, from 0, of a workbook's sheet; needed if it has several.

    Returns
    -------
    Codebook
        Scales and missing codes of the columns that seem to be items, columns that
        divide the sample, and the column of weights. Guesses: read them before use.
        What a file of SPSS or Stata says about its columns isn't guessed.

    Raises
    ------
    DataError
        If the source can't be read, or no column seems to be an item.
    SpecificationError
        If a sheet is given for something that has none.

    Examples
    --------
    >>> book = draft_codebook({"q1": [1, 5, 99, 10], "shop": list("abab")})
    >>> book.scale, book.missing, book.groups
    ((1.0, 10.0), (99.0,), ('shop',))
    """
    table = source if isinstance(source, Table) else read_table(source, sheet)
    return draft(table.frame, table.codebook)
