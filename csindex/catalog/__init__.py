"""The published index models, one short file each."""

from __future__ import annotations

from typing import get_args

import pandas as pd

from csindex.catalog.acsi import ACSI
from csindex.catalog.ccsi import CCSI
from csindex.catalog.ecsi import ECSI, ECSI_MOBI
from csindex.catalog.epsi import EPSI
from csindex.catalog.hkcsi import HKCSI
from csindex.catalog.improved import IMPROVED
from csindex.catalog.improvements import (
    with_complaint_handling,
    with_image_consequence,
    with_loyalty_facets,
    with_price,
)
from csindex.catalog.ncsb import NCSB, NCSB_2001
from csindex.catalog.ncsi import NCSI
from csindex.catalog.rater import with_rater
from csindex.catalog.scsb import SCSB
from csindex.catalog.swics import SWICS
from csindex.catalog.tcsi import TCSI, TCSI_2006
from csindex.errors import SpecificationError, unknown
from csindex.language.frames import Table
from csindex.model import Model, Status

# the order is fixed: new models come before the improved one
CATALOG: dict[str, Model] = {
    model.name: model
    for model in (
        SCSB,
        ACSI,
        NCSI,
        NCSB,
        NCSB_2001,
        ECSI,
        ECSI_MOBI,
        EPSI,
        CCSI,
        TCSI,
        TCSI_2006,
        HKCSI,
        SWICS,
        IMPROVED,
    )
}

__all__ = [
    "CATALOG",
    "acsi",
    "ccsi",
    "ecsi",
    "ecsi_mobi",
    "epsi",
    "find_model",
    "hkcsi",
    "improved",
    "models",
    "ncsb",
    "ncsb_2001",
    "ncsi",
    "scsb",
    "swics",
    "tcsi",
    "tcsi_2006",
    "with_complaint_handling",
    "with_image_consequence",
    "with_loyalty_facets",
    "with_price",
    "with_rater",
]


def scsb() -> Model:
    """Return the Swedish Customer Satisfaction Barometer.

    Returns
    -------
    Model
        Five constructs and six paths; value is what the model calls perceived
        performance. Its items have general names, as ``satisfaction_1``; say the
        survey's with `Model.with_items`.
    """
    return SCSB


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


def ncsi() -> Model:
    """Return the National Customer Satisfaction Index of Korea.

    Returns
    -------
    Model
        The American model's six constructs and nine paths, which Singapore's CSISG and
        NCSI-UK have, too. Its items have general names, as ``satisfaction_1``; say the
        survey's with `Model.with_items`.
    """
    return NCSI


def ncsb() -> Model:
    """Return the Norwegian Customer Satisfaction Barometer in its first form.

    Returns
    -------
    Model
        Seven constructs and eleven paths: the American ones and image. Its items have
        general names, as ``satisfaction_1``; say the survey's with `Model.with_items`.
    """
    return NCSB


def ncsb_2001() -> Model:
    """Return the Norwegian Customer Satisfaction Barometer of 2001.

    Returns
    -------
    Model
        Twelve constructs and sixteen paths: SERVQUAL's dimensions, price, complaint
        handling, image as a result, affective and calculative commitment. Its items
        have general names, as ``satisfaction_1``; say the survey's with
        `Model.with_items`.
    """
    return NCSB_2001


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


def epsi() -> Model:
    """Return the European Performance Satisfaction Index.

    Returns
    -------
    Model
        Seven constructs and fourteen paths; quality is that of the product and that of
        the service. Its items have general names, as ``satisfaction_1``; say the
        survey's with `Model.with_items`.
    """
    return EPSI


def ccsi() -> Model:
    """Return the China Customer Satisfaction Index.

    Returns
    -------
    Model
        Six constructs and eleven paths, all of them inferred. Its items have general
        names, as ``satisfaction_1``; say the survey's with `Model.with_items`.
    """
    return CCSI


def tcsi() -> Model:
    """Return the Telecommunications Customer Satisfaction Index of China.

    Returns
    -------
    Model
        Seven constructs and twelve paths, all of them inferred; image is the brand
        impression. Its items have general names, as ``satisfaction_1``; say the
        survey's with `Model.with_items`.
    """
    return TCSI


def tcsi_2006() -> Model:
    """Return the Telecommunications Customer Satisfaction Index with fairness.

    Returns
    -------
    Model
        Eight constructs and thirteen paths. The notice of 2006 names perceived fairness
        but no path of it; the one to satisfaction is an assumption. Its items have
        general names, as ``satisfaction_1``; say the survey's with `Model.with_items`.
    """
    return TCSI_2006


def hkcsi() -> Model:
    """Return the Hong Kong Consumer Satisfaction Index.

    Returns
    -------
    Model
        Seven constructs and eleven paths, recalled; customer_characteristics is a
        composite of age, education and income. Its items have general names, as
        ``satisfaction_1``; say the survey's with `Model.with_items`.
    """
    return HKCSI


def swics() -> Model:
    """Return the Swiss Index of Customer Satisfaction.

    Returns
    -------
    Model
        Three constructs and three paths, recalled. Its items have general names, as
        ``satisfaction_1``; say the survey's with `Model.with_items`.
    """
    return SWICS


def improved() -> Model:
    """Return the improved model.

    Returns
    -------
    Model
        Eight constructs and twelve paths: the American model with price for value,
        image as a result of satisfaction for expectation, complaint handling for
        complaints, and more drivers of loyalty. Quality, satisfaction and loyalty have
        the American items, the other constructs general names, as ``price_1``, and
        the commitments ten relationship ties, as ``tie_legal``.
    """
    return IMPROVED


def models() -> pd.DataFrame:
    """List the index models.

    Returns
    -------
    DataFrame
        One row per model: name, title, year, constructs, paths (their numbers),
        origin, reference; and how many of the paths are verified (read in a source),
        inferred from what was read, recalled without having been read again, and
        assumed.

    Notes
    -----
    The example survey ``"national"`` has the items of every one of them; to other
    surveys a model is fitted after `Model.with_items`.
    """
    statuses = [status for status in get_args(Status) if status]
    table = Table(
        {
            "name": model.name,
            "title": model.title,
            "year": model.year,
            "constructs": len(model.constructs),
            "paths": len(model.paths),
            "origin": model.origin,
            "reference": model.reference,
            **{
                status: sum(path.status == status for path in model.paths)
                for status in statuses
            },
        }
        for model in CATALOG.values()
    )
    table.attrs["below"] = ["title", "origin", "reference"]
    return table


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
