"""The model fitted to every segment, and how segments differ."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from csindex.errors import ConvergenceWarning, DataError
from csindex.estimation import Estimates, row_estimator
from csindex.inference.permutation import estimated
from csindex.inference.segments.sample import Division, Sample
from csindex.moments import stacked
from csindex.moments.incomplete import Treated, answer_problems, treated
from csindex.results import Results
from csindex.survey import Answers

INADMISSIBLE = (
    "can't be estimated: items say the same there, or causes depend on each other"
)


@dataclass(frozen=True, eq=False)
class Refits:
    """The fits to the segments.

    Attributes
    ----------
    members : mapping of int to Results
        The segments that could be estimated, from 1.
    failures : mapping of int to str
        The others, each with the reason.
    """

    members: Mapping[int, Results]
    failures: Mapping[int, str]


def refits(sample: Sample, division: Division) -> Refits:
    """Fit the model to every segment, all in one batch.

    Parameters
    ----------
    sample : Sample
        The respondents.
    division : Division
        The segments.

    Returns
    -------
    Refits
        The fits; signs as in the fit to everyone.

    Warns
    -----
    ConvergenceWarning
        If some of them did not converge.
    """
    failures: dict[int, str] = {}
    parts: dict[int, Answers] = {}
    made: list[Treated] = []
    for segment in range(1, division.k + 1):
        inside = np.flatnonzero(division.codes == segment - 1)
        inside = inside[np.argsort(sample.answers.rows[inside])]
        if not inside.size:
            failures[segment] = "no respondent belongs to it more than to the others"
            continue
        own = sample.answers.subset(inside)
        problems = answer_problems(own)
        if not problems:
            try:
                made.append(treated(own))
            except DataError as error:
                problems = list(error.problems)
        if problems:
            failures[segment] = "; ".join(problems)
        else:
            parts[segment] = own
    fits = _estimates(sample, parts, made)
    members: dict[int, Results] = {}
    base = sample.results
    for (segment, own), estimates in zip(parts.items(), fits, strict=True):
        if not estimates.admissible:
            failures[segment] = INADMISSIBLE
            continue
        group = f"segment {segment}"
        members[segment] = Results(estimates, base.estimator, base.survey, own, group)
    lost = [str(segment) for segment, fit in members.items() if not fit.converged]
    if lost:
        warnings.warn(
            f"the estimates of segment {', '.join(lost)} did not converge; don't "
            "report these numbers as they stand",
            ConvergenceWarning,
            stacklevel=5,
        )
    return Refits(members, dict(sorted(failures.items())))


def _estimates(
    sample: Sample, parts: Mapping[int, Answers], made: list[Treated]
) -> list[Estimates]:
    if not parts:
        return []
    base = sample.results
    if row_estimator(base.estimator) is not None:
        return [estimated(base, own) for own in parts.values()]
    stack = stacked([one.moments for one in made], list(parts.items()))
    with np.errstate(invalid="ignore", divide="ignore"):
        batch = base.estimator.estimate(base.model, stack).aligned(base.estimates)
    return [batch[position] for position in range(len(parts))]


def segment_table(sample: Sample, division: Division, fits: Refits) -> pd.DataFrame:
    """Return size and index of every segment.

    Parameters
    ----------
    sample : Sample
        The respondents.
    division : Division
        The segments.
    fits : Refits
        Their fits.

    Returns
    -------
    DataFrame
        segment, n, share (weighted), index, note.
    """
    sizes = np.bincount(division.codes, minlength=division.k)
    shares = np.bincount(division.codes, sample.weights, minlength=division.k)
    name = sample.results.model.index
    rows: list[dict[str, object]] = []
    for segment in range(1, division.k + 1):
        index, note = np.nan, fits.failures.get(segment, "")
        if not note and name is not None:
            scores = fits.members[segment].scores.set_index("construct")
            index, note = scores.loc[name, "score"], scores.loc[name, "note"]
        rows.append(
            {
                "segment": segment,
                "n": int(sizes[segment - 1]),
                "share": shares[segment - 1] / shares.sum(),
                "index": index,
                "note": note,
            }
        )
    return pd.DataFrame(rows)


def path_table(division: Division, fits: Refits) -> pd.DataFrame:
    """Return the paths of every segment.

    Parameters
    ----------
    division : Division
        The segments.
    fits : Refits
        Their fits.

    Returns
    -------
    DataFrame
        segment, source, target, estimate; mixture, where the method has paths of its
        own.
    """
    tables: list[pd.DataFrame] = []
    for segment, fit in fits.members.items():
        table = fit.paths.drop(columns="sign")
        table.insert(0, "segment", segment)
        if division.paths is not None:
            place = {name: k for k, name in enumerate(fit.model.construct_names)}
            targets = table["target"].map(place).to_numpy()
            sources = table["source"].map(place).to_numpy()
            table["mixture"] = division.paths[segment - 1][targets, sources]
        tables.append(table)
    columns = ["segment", "source", "target", "estimate"]
    return _joined(tables, columns)


def score_table(fits: Refits) -> pd.DataFrame:
    """Return the 0-100 scores of every segment.

    Parameters
    ----------
    fits : Refits
        The fits.

    Returns
    -------
    DataFrame
        segment and the columns of `Results.scores`.
    """
    tables = {segment: fit.scores for segment, fit in fits.members.items()}
    return _by_segment(tables, ["segment", "construct", "score", "sd", "n", "note"])


def r_squared_table(fits: Refits) -> pd.DataFrame:
    """Return the explained variances of every segment.

    Parameters
    ----------
    fits : Refits
        The fits.

    Returns
    -------
    DataFrame
        segment, construct, r2.
    """
    members = fits.members.items()
    tables = {segment: fit.r_squared.reset_index() for segment, fit in members}
    return _by_segment(tables, ["segment", "construct", "r2"])


def _by_segment(tables: Mapping[int, pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Return the segments' tables below each other, with their number in front."""
    made: list[pd.DataFrame] = []
    for segment, table in tables.items():
        own = table.copy()
        own.insert(0, "segment", segment)
        made.append(own)
    return _joined(made, columns)


def difference_table(paths: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the differences between all pairs of segments.

    Parameters
    ----------
    paths, scores : DataFrame
        Paths and scores of the segments.

    Returns
    -------
    DataFrame
        segment_1, segment_2, kind ("path" or "score"), source (empty for scores),
        target, estimate_1, estimate_2, difference.
    """
    both = pd.concat(
        [
            paths.assign(kind="path"),
            scores.rename(columns={"construct": "target", "score": "estimate"}).assign(
                kind="score", source=""
            ),
        ],
        ignore_index=True,
    )
    keys = ["kind", "source", "target"]
    tables: list[pd.DataFrame] = []
    for first, second in combinations(dict.fromkeys(both["segment"]), 2):
        one = both[both["segment"] == first].reset_index(drop=True)
        other = both[both["segment"] == second].reset_index(drop=True)
        table = one[keys].assign(
            estimate_1=one["estimate"],
            estimate_2=other["estimate"],
            difference=one["estimate"] - other["estimate"],
        )
        table.insert(0, "segment_1", first)
        table.insert(1, "segment_2", second)
        tables.append(table)
    columns = ["segment_1", "segment_2", *keys, "estimate_1", "estimate_2"]
    return _joined(tables, [*columns, "difference"])


def _joined(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    if not tables:
        return pd.DataFrame(columns=columns)
    return pd.concat(tables, ignore_index=True)
