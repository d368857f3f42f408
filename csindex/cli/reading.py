"""From options to a fit."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pandas as pd

import csindex as csi
from csindex.catalog import CATALOG, find_model
from csindex.codebook import codebook_template
from csindex.errors import DataError, OutputError, SpecificationError, unknown
from csindex.survey.reading import Table

ESTIMATORS = ("pls", "plsc", "cbsem", "gsca", "pca", "unit-weights")
# the fewest respondents of the largest group of a column that divides a sample
_GROUP = 3


def fitted(
    answers: Path,
    model_name: str,
    scale: tuple[float, float] | None,
    missing: tuple[float, ...],
    reverse: tuple[str, ...],
    weights: str | None,
    codebook: Path | None,
    items: Path | None,
    sheet: str | None,
    by: str | None,
    estimator: str,
    scheme: str | None,
    incomplete: Any,
    raw: bool,
) -> csi.Results | csi.GroupResults:
    """Return the fit that the options ask for."""
    model = _model(model_name)
    method = _estimator(estimator, scheme, raw)
    own = {} if items is None else _read_items(items)
    survey = csi.read_survey(
        answers,
        scale=scale,
        missing=missing,
        reverse=reverse,
        weights=weights,
        codebook=codebook,
        sheet=sheet,
    )
    if by is not None:
        _check_groups(survey.frame, by)
        survey = replace(survey, codebook=replace(survey.codebook, groups=(by,)))
    model = _with_own_items(model, survey, own)
    if by is None:
        return csi.fit(model, survey, method, incomplete=incomplete)
    return csi.fit(model, survey, method, by=by, incomplete=incomplete)


def template(model_name: str, table: Table | None) -> str:
    """Return a codebook to fill in for a model."""
    model = _model(model_name)
    surveys = [csi.load_dataset(name) for name in csi.datasets()["name"]]

    def shared(survey: csi.Survey) -> tuple[int, int]:
        asked, columns = survey.codebook.by_name, survey.frame.columns
        return len({*model.items} & {*asked}), len({*model.items} & {*columns})

    nearest = max(surveys, key=shared)
    wording = nearest.codebook.by_name
    if table is None:
        return codebook_template(model, wording=wording)
    return codebook_template(model, table.frame, wording, table.codebook)


def write_table(results: csi.Results | csi.GroupResults, path: Path) -> None:
    """Write the index of every group, or the scores of one fit, as CSV."""
    if path.suffix.lower() != ".csv":
        raise OutputError(f"-o {str(path)!r} must end in .csv")
    if isinstance(results, csi.GroupResults):
        table = pd.DataFrame(
            {
                results.by: results.labels,
                "index": results.index.to_numpy(),
                "n": [
                    results[label].n if label in results.members else None
                    for label in results.labels
                ],
                "reason": [results.failures.get(label, "") for label in results.labels],
            }
        ).astype({"n": "Int64"})
    else:
        table = results.scores
    try:
        # spreadsheets tell UTF-8 by the mark
        table.to_csv(path, index=False, encoding="utf-8-sig")
    except OSError as error:
        raise OutputError(
            f"cannot write {str(path)!r}: {error.strerror or error}; give a file in a "
            "folder that exists"
        ) from error


def _model(name: str) -> csi.Model:
    """Return the model of the catalogue, or the one in a file."""
    if name not in CATALOG and Path(name).is_file():
        return csi.read_model(Path(name))
    return find_model(name)


def _estimator(name: str, scheme: str | None, raw: bool) -> csi.Estimator:
    problems: list[str] = []
    if scheme is not None and name not in ("pls", "plsc"):
        problems.append(f"--scheme belongs to pls and plsc, not to --estimator {name}")
    if raw and name not in ("pls", "unit-weights"):
        problems.append(
            f"--raw belongs to pls and unit-weights, not to --estimator {name}"
        )
    if problems:
        raise SpecificationError([f"{problem}; leave it out" for problem in problems])
    inner: Any = scheme or "path"
    made: Mapping[str, csi.Estimator] = {
        "pls": csi.PLS(scheme=inner, scaled=not raw),
        "plsc": csi.PLSc(scheme=inner),
        "cbsem": csi.CBSEM(),
        "gsca": csi.GSCA(),
        "pca": csi.PCA(),
        "unit-weights": csi.UnitWeights(scaled=not raw),
    }
    return made[name]


def _check_groups(frame: pd.DataFrame, by: str) -> None:
    """Refuse a column that isn't there, or that tells every respondent apart."""
    if problems := unknown("column", [by], frame.columns, "in --by"):
        raise DataError(problems)
    sizes = frame[by].value_counts()
    if len(sizes) and sizes.max() < _GROUP:
        raise DataError(
            f"--by {by}: the column has {len(sizes)} different values for "
            f"{len(frame)} respondents, so it tells them apart; name a column that "
            "divides them into groups"
        )


def _with_own_items(
    model: csi.Model, survey: csi.Survey, items: Mapping[str, list[str]]
) -> csi.Model:
    """Return the model with the user's items, by a file or by the codebook."""
    if items:
        return model.with_items(**items)
    described = survey.codebook.items
    if not any(item.construct in model.construct_names for item in described):
        return model
    found = {
        name: [item.name for item in described if item.construct == name]
        for name in model.construct_names
    }
    derived = {item.name for item in (*model.instrument, *described) if item.derive}
    there = {*survey.frame.columns, *derived}
    open_ = [c for c in model.constructs if not found[c.name]]
    if not all(there.issuperset(c.items) for c in open_):
        return model.with_items_of(survey)
    chosen = model.with_items(**{name: own for name, own in found.items() if own})
    if chosen != model:
        told = "; ".join(f"{c.name}: {', '.join(c.items)}" for c in chosen.constructs)
        click.echo(f"items as the codebook says: {told}", err=True)
    return chosen


def _read_items(path: Path) -> dict[str, list[str]]:
    """Return the columns of each construct from a TOML file."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"cannot read items {str(path)!r}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"items {str(path)!r} is not a TOML file: {error}") from error
    bad = [
        f"items {path.name}: {name} must be a list of columns, as {name} = ['q1', 'q2']"
        for name, columns in content.items()
        if not isinstance(columns, list) or not all(isinstance(c, str) for c in columns)
    ]
    if bad:
        raise SpecificationError(bad)
    return content
