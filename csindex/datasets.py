"""The example surveys that are shipped with the package."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import pandas as pd

from csindex.codebook import read_codebook
from csindex.errors import SpecificationError, unknown
from csindex.survey import Survey, read_survey


def datasets() -> pd.DataFrame:
    """List the example surveys.

    Returns
    -------
    DataFrame
        One row per survey: name, title, respondents, columns.

    Examples
    --------
    >>> "retail" in set(datasets()["name"])
    True
    """
    rows: list[dict[str, object]] = []
    for name in _names():
        survey = load_dataset(name)
        rows.append(
            {
                "name": name,
                "title": survey.codebook.title,
                "respondents": len(survey),
                "columns": survey.frame.shape[1],
            }
        )
    return pd.DataFrame(rows)


def load_dataset(name: str) -> Survey:
    """Load an example survey with its codebook.

    Parameters
    ----------
    name : str
        A name that `datasets` lists.

    Returns
    -------
    Survey
        The survey: scales, missing codes, weights and groups are set.

    Raises
    ------
    SpecificationError
        For a name that isn't there.

    Examples
    --------
    >>> load_dataset("retail")
    Survey(4000 respondents, 22 columns, retail)
    """
    if problems := unknown("dataset", [name], _names(), "in csindex"):
        raise SpecificationError(problems)
    folder = Path(str(_root() / name))
    survey = read_survey(
        folder / "data.csv", codebook=read_codebook(folder / "codebook.toml")
    )
    return Survey(survey.frame, survey.codebook, name)


def _names() -> list[str]:
    return sorted(
        folder.name for folder in _root().iterdir() if (folder / "data.csv").is_file()
    )


def _root() -> Traversable:
    """Return the folder of the data sets, in a wheel or in a checkout."""
    installed = files("csindex") / "_datasets"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "datasets"
