"""The published index models, one short file each."""

from __future__ import annotations

import pandas as pd

from csindex.catalog.acsi import ACSI
from csindex.catalog.ecsi import ECSI, ECSI_MOBI
from csindex.errors import SpecificationError, unknown
from csindex.model import Model

CATALOG: dict[str, Model] = {model.name: model for model in (ACSI, ECSI, ECSI_MOBI)}


def acsi() -> Model:
    """Return the American Customer Satisfaction Index.

    Returns
    -------
    Model
        Six constructs and nine paths. Its items are the columns of the ACSI
        file; price tolerance, PTOL, is computed from HIGHPTOL and LOWPTOL where
        the file has no such column.
    """
    return ACSI


def ecsi() -> Model:
    """Return the European Customer Satisfaction Index.

    Returns
    -------
    Model
        Six constructs and ten paths; its items are named as in the mobile phone
        survey.
    """
    return ECSI


def ecsi_mobi() -> Model:
    """Return the European index with complaint handling.

    Returns
    -------
    Model
        Seven constructs and twelve paths; its items are the columns of the
        mobile phone survey, IMAG1 to CUSL3.
    """
    return ECSI_MOBI


def models() -> pd.DataFrame:
    """List the index models.

    Returns
    -------
    DataFrame
        One row per model: name, title, year, constructs, paths (their numbers),
        origin, reference.
    """
    return pd.DataFrame(
        {
            "name": model.name,
            "title": model.title,
            "year": model.year,
            "constructs": len(model.constructs),
            "paths": len(model.paths),
            "origin": model.origin,
            "reference": model.reference,
        }
        for model in CATALOG.values()
    )


def find_model(name: str) -> Model:
    """Return the index model of a name.

    Parameters
    ----------
    name : str
        A name that `models` lists.

    Returns
    -------
    Model
        The model.

    Raises
    ------
    SpecificationError
        For a name that isn't in the catalogue.
    """
    if problems := unknown("model", [name], CATALOG, "in the catalogue"):
        raise SpecificationError(problems)
    return CATALOG[name]
