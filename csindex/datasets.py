"""The example surveys that are shipped with the package."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import pandas as pd

from csindex.catalog import CATALOG
from csindex.catalog.rater import with_rater
from csindex.codebook import read_codebook, rules
from csindex.errors import SpecificationError, unknown
from csindex.model import Model
from csindex.survey import Survey, read_survey


def datasets() -> pd.DataFrame:
    """List the example surveys.

    Returns
    -------
    DataFrame
        One row per survey: name, title, respondents, columns, and models: the
        index models whose items it has, ``"all"`` if it has those of every one, which
        can be fitted to it as they are; where it has items of its own, the models
        whose constructs it asks for, which ``model.with_items_of(survey)`` fits to it
        (``improved_rater`` is ``csi.with_rater(csi.improved())``). Others need
        `Model.with_items`.

    Examples
    --------
    >>> datasets().set_index("name").loc["retail", "models"]
    'acsi'
    >>> datasets().set_index("name").loc["bank", "models"]
    'ncsb_2001, improved_rater'
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
                "models": _fitting(survey),
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


def _fitting(survey: Survey) -> str:
    """Return the models whose items are columns, or are computed from columns.

    If there are none, those whose constructs the survey's own items belong to.
    """
    columns = set(survey.frame.columns)

    def present(name: str, model: Model) -> bool:
        published = {item.name: item for item in model.instrument}
        item = survey.codebook.item(name, published.get(name))
        used = {c for pair in item.derive for rule in pair for c in rules.names(rule)}
        return name in columns or (bool(used) and used <= columns)

    names = [
        model.name
        for model in CATALOG.values()
        if all(present(name, model) for name in model.items)
    ]
    if not names:
        asked = {item.construct for item in survey.codebook.items}
        published = [*CATALOG.values(), with_rater(CATALOG["improved"])]
        names = [m.name for m in published if asked.issuperset(m.construct_names)]
    return "all" if len(names) == len(CATALOG) else ", ".join(names)


def _names() -> list[str]:
    return sorted(
        folder.name for folder in _root().iterdir() if (folder / "data.csv").is_file()
    )


def _root() -> Traversable:
    """Return the folder of the data sets, in a wheel or in a checkout."""
    installed = files("csindex") / "_datasets"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "datasets"
