"""Careless answers: who may not have read the questions, and what they change."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from csindex.diagnostics.instrument import criteria
from csindex.diagnostics.instrument.sample import Sample
from csindex.diagnostics.thresholds import Criterion
from csindex.errors import CsindexError, DataError, unknown
from csindex.estimation import Estimator
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.careless import distances, longest_runs, row_correlations
from csindex.model import Model
from csindex.results import fit
from csindex.survey import Survey
from csindex.survey.columns import numbers

# shorter questionnaires have equal answers by chance
_FEWEST_ITEMS = 5


@dataclass(frozen=True, eq=False)
class Carelessness:
    """Traces of careless answers.

    Attributes
    ----------
    respondents : DataFrame
        One row per respondent.
    effect : DataFrame
        One row per trace: how many show it, and the index without them.
    notes : tuple of str
        What couldn't be looked at.
    """

    respondents: pd.DataFrame
    effect: pd.DataFrame
    notes: tuple[str, ...]


def careless_answers(
    sample: Sample, duration: str | None, estimator: Estimator | None
) -> Carelessness:
    """Look for careless answers.

    Parameters
    ----------
    sample : Sample
        The answers.
    duration : str, optional
        A column with the time that the questionnaire took, in any unit.
    estimator : Estimator, optional
        The method of the index; PLS if None.

    Returns
    -------
    Carelessness
        The traces by respondent, and their effect on the index.

    Raises
    ------
    DataError
        If the duration is no column of numbers.
    """
    traces, notes = _traces(sample, duration)
    flags = {
        criterion.name: np.array(
            [criterion.verdict(float(v)) == "flagged" for v in traces[criterion.name]],
            dtype=np.bool_,
        )
        for criterion in _criteria(traces)
    }
    count = np.sum([*flags.values(), np.zeros(len(traces))], axis=0).astype(np.int64)
    table = traces.assign(
        **{f"flag_{name}": flag for name, flag in flags.items()}, flags=count
    )
    kinds = [(c.name, c.rule, c.source, flags[c.name]) for c in _criteria(traces)]
    kinds += [
        ("any", "one flag or more", "", count >= 1),
        ("several", "two flags or more", "Meade & Craig (2012)", count >= 2),
    ]
    whole = index_of(sample.survey, sample.model, estimator)
    effect = _effects(sample, kinds, estimator, whole)
    notes += [f"index: {told}" for told in whole.told]
    notes += [
        f"no index {'at all' if np.isnan(row.index_) else f'without {row.trace}'}: "
        f"{row.note}"
        for row in effect.rename(columns={"index": "index_"}).itertuples()
        if row.note
    ]
    return Carelessness(table, effect, tuple(dict.fromkeys(notes)))


def _criteria(traces: pd.DataFrame) -> list[Criterion]:
    known = (criteria.LONG_STRING, criteria.DISTANCE, criteria.SPEED)
    return [c for c in known if traces[c.name].notna().any()]


def _traces(sample: Sample, duration: str | None) -> tuple[pd.DataFrame, list[str]]:
    rows, notes = sample.answers.rows, []
    raw = _as_given(sample)
    answered = (~np.isnan(raw)).sum(axis=1)
    nothing = np.full(len(rows), np.nan)
    run = longest_runs(raw).astype(np.float64)
    if raw.shape[1] < _FEWEST_ITEMS:
        notes.append(
            f"no long strings: fewer than {_FEWEST_ITEMS} questions share one scale"
        )
    enough = answered >= _FEWEST_ITEMS
    distance, probability = _distances(sample)
    if sample.moments is not None and np.isnan(distance).all():
        notes.append("no distances: one item is a sum of others")
    speed = nothing if duration is None else _speed(sample, duration)
    table = pd.DataFrame(
        {
            "answered": answered,
            "longest_run": run,
            # of a share of one all answers are the same, a straight line
            "long_string": np.where(enough, run / np.maximum(answered, 1), np.nan),
            "spread": np.where(enough, _spread(raw), np.nan),
            "distance": distance,
            "distance_p": probability,
            "even_odd": _even_odd(sample),
            "speed": speed,
        },
        index=sample.survey.frame.index[rows],
    )
    return table, notes


def _as_given(sample: Sample) -> FloatArray:
    """Return answers as they were ticked, in the order of the file's columns.

    Of items with the scale that most of them share; derived items were not ticked.
    """
    frame, book = sample.survey.frame, sample.survey.codebook
    published = {item.name: item for item in sample.model.instrument}
    items = [
        book.item(str(name), published.get(str(name)))
        for name in frame.columns
        if name in sample.answers.names
    ]
    scales = pd.Series([repr(item.scale) for item in items], dtype=object)
    shared = scales.mode()
    chosen = [
        item for item, s in zip(items, scales, strict=True) if s in shared[:1].tolist()
    ]
    columns = [numbers(frame[i.name], replace(i, reversed=False))[0] for i in chosen]
    values = np.column_stack(columns) if columns else np.empty((len(frame), 0))
    return values[sample.answers.rows]


def _spread(values: FloatArray) -> FloatArray:
    """Return the standard deviation of each respondent's answers."""
    known = ~np.isnan(values)
    size = np.maximum(known.sum(axis=1), 2)
    mean = np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    squares = np.where(known, (values - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return np.asarray(np.sqrt(squares / (size - 1)))


def _distances(sample: Sample) -> tuple[FloatArray, FloatArray]:
    """Return squared Mahalanobis distances and their probabilities."""
    from scipy.special import gammaincc

    values = sample.answers.values[:, ~sample.routed]
    nothing = np.full(len(values), np.nan)
    if sample.moments is None:
        return nothing, nothing
    cov = sample.moments.cov
    roots = np.linalg.eigvalsh(cov / np.sqrt(np.outer(cov.diagonal(), cov.diagonal())))
    if roots[0] < 1e-10:
        return nothing, nothing
    distance = distances(values, sample.moments.mean, cov)
    answered = (~np.isnan(values)).sum(axis=1)
    return distance, np.where(
        answered > 0, gammaincc(np.maximum(answered, 1) / 2, distance / 2), np.nan
    )


def _even_odd(sample: Sample) -> FloatArray:
    """Return the agreement of each respondent's halves, stepped up to full length."""
    ends = np.column_stack([sample.answers.low, sample.answers.high])
    width = ends[:, 1] - ends[:, 0]
    points = (sample.answers.values - ends[:, 0]) / width
    halves: tuple[list[FloatArray], list[FloatArray]] = ([], [])
    for construct in sample.model.constructs:
        positions = [sample.position(item) for item in construct.items]
        if len(positions) < 2 or np.isnan(width[positions]).any():
            continue
        for half, start in zip(halves, (0, 1), strict=True):
            half.append(points[:, positions[start::2]].mean(axis=1))
    if len(halves[0]) < 3:
        return np.full(len(points), np.nan)
    r = row_correlations(np.column_stack(halves[0]), np.column_stack(halves[1]))
    stepped = 2 * r / np.maximum(1 + r, 1e-12)
    return np.where(np.isnan(r), np.nan, np.maximum(stepped, -1.0))


def _speed(sample: Sample, duration: str) -> FloatArray:
    """Return the median duration over each respondent's."""
    frame = sample.survey.frame
    if problems := unknown("column", [duration], frame.columns, "in duration"):
        raise DataError(problems)
    column = pd.to_numeric(frame[duration], errors="coerce").to_numpy(np.float64)
    given = frame[duration].notna().to_numpy()
    if (given & ~(column > 0)).any() or not given.any():
        seen = frame[duration][given & ~(column > 0)].head(3).tolist()
        raise DataError(
            f"duration: column {duration!r} must hold times above zero, in any unit, "
            f"but has {seen or 'no values'}"
        )
    column = column[sample.answers.rows]
    return np.asarray(np.nanmedian(column) / column)


def _effects(
    sample: Sample,
    kinds: list[tuple[str, str, str, BoolArray]],
    estimator: Estimator | None,
    whole: Index,
) -> pd.DataFrame:
    rows = []
    for name, rule, source, flagged in kinds:
        kept = np.ones(len(sample.survey), dtype=np.bool_)
        kept[sample.answers.rows[flagged]] = False
        part = replace(sample.survey, frame=sample.survey.frame[kept])
        same = not flagged.any() or np.isnan(whole.value)
        left = whole if same else index_of(part, sample.model, estimator)
        rows.append(
            {
                "trace": name,
                "threshold": rule,
                "source": source,
                "flagged": int(flagged.sum()),
                "share": float(flagged.mean()),
                "index": whole.value,
                "index_without": left.value,
                "change": left.value - whole.value,
                "note": left.note,
            }
        )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Index:
    """The index of a survey, or why there is none.

    Attributes
    ----------
    value : float
        The index; NaN if there is none.
    note : str
        The reason then.
    told : tuple of str
        Warnings of the fit.
    """

    value: float
    note: str = ""
    told: tuple[str, ...] = ()


def index_of(survey: Survey, model: Model, estimator: Estimator | None) -> Index:
    """Return the index of a survey.

    Parameters
    ----------
    survey : Survey
        The survey.
    model : Model
        The model.
    estimator : Estimator, optional
        The method; PLS if None.

    Returns
    -------
    Index
        The index, or the reason why it can't be computed.
    """
    try:
        model.required_index()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            value = fit(model, survey, estimator).index
    except CsindexError as error:
        return Index(np.nan, str(error))
    return Index(value, told=tuple(str(told.message) for told in caught))
