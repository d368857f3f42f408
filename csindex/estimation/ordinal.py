"""Ordinal items among answers, and moments with their polychoric correlations."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np

from csindex.errors import DataError, InadmissibleWarning, quoted, unknown
from csindex.kernels.arrays import FloatArray
from csindex.kernels.ordinal.correlations import mixed_correlations
from csindex.kernels.ordinal.sample import OrdinalSample, coded
from csindex.moments import Moments
from csindex.moments.incomplete import moment_stack, treated
from csindex.survey import Answers

Correlations = Literal["pearson", "polychoric"]
# scales of 0 to 10 count as ordinal, wider ones as continuous, unless told otherwise
CATEGORIES = 11
# tables of more categories are all but empty
MOST_CATEGORIES = 25
# polychoric correlations beyond this are at, or on the way to, their bound
_PERFECT = 0.999
# a smallest eigenvalue below it isn't rounding
_INDEFINITE = -1e-10


def item_categories(
    answers: Answers,
    ordinal: Sequence[str] | None = None,
    categories: int = CATEGORIES,
) -> tuple[FloatArray | None, ...]:
    """Return which items are ordinal, and their categories.

    Parameters
    ----------
    answers : Answers
        Complete answers.
    ordinal : sequence of str, optional
        The ordinal items. None: the items whose answers are whole numbers on a scale
        of at most ``categories`` points; the scale is the survey's or, where none is
        known, runs from the lowest to the highest answer.
    categories : int
        The most points of an ordinal scale, where ``ordinal`` isn't given.

    Returns
    -------
    tuple of (ndarray or None)
        For each item the answers that occur, in rising order; None if it is continuous.

    Raises
    ------
    DataError
        With every ordinal item that isn't there, or has one category or more than 25;
        for gaps; if no item is ordinal.
    """
    problems = _gap_problems(answers)
    if ordinal is not None:
        problems += unknown("item", ordinal, answers.names, "in ordinal")
    if problems:
        raise DataError(problems)
    found: list[FloatArray | None] = []
    for i, name in enumerate(answers.names):
        levels = np.unique(answers.values[:, i])
        chosen = (
            _points(levels, float(answers.high[i] - answers.low[i])) <= categories
            if ordinal is None
            else name in ordinal
        )
        found.append(levels if chosen else None)
        problems += _level_problems(name, levels) if chosen else []
    if all(levels is None for levels in found):
        problems.append(
            f"no item is ordinal: none has whole numbers on a scale of at most "
            f"{categories} points; name them with ordinal=, or use "
            "correlations='pearson'"
        )
    if problems:
        raise DataError(problems)
    return tuple(found)


def coded_answers(
    answers: Answers, categories: Sequence[FloatArray | None]
) -> OrdinalSample:
    """Return the answers of a sample, or of a group, coded by given categories.

    Parameters
    ----------
    answers : Answers
        Complete answers.
    categories : sequence of ndarray or None
        The categories of each item, as from `item_categories` of all groups together.

    Returns
    -------
    OrdinalSample
        The coded sample, in which every category has some answers.

    Raises
    ------
    DataError
        With every item where a category has no answers, or an answer is none of the
        categories; for gaps.
    """
    if problems := _gap_problems(answers):
        raise DataError(problems)
    for i, (name, known) in enumerate(zip(answers.names, categories, strict=True)):
        if known is None:
            continue
        seen = np.unique(answers.values[:, i])
        lacking, other = np.setdiff1d(known, seen), np.setdiff1d(seen, known)
        if lacking.size:
            problems.append(
                f"nobody in this group gave {name!r} the answer "
                f"{_numbers(lacking)}, so that its thresholds can't be compared with "
                "other groups'; put it together with the next answer in all groups by "
                "csi.invariance(..., merge=True), or leave the item or the group out"
            )
        if other.size:
            problems.append(
                f"item {name!r} has the answer {_numbers(other)}, which is none of its "
                f"categories {_numbers(known)}; take the categories from all answers"
            )
    if problems:
        raise DataError(problems)
    return coded(answers.values, categories)


def polychoric_moments(
    answers: Answers,
    weights: FloatArray | None = None,
    ordinal: Sequence[str] | None = None,
    categories: int = CATEGORIES,
) -> Moments:
    """Return moments with polychoric correlations.

    Parameters
    ----------
    answers : Answers
        Complete answers.
    weights : ndarray of shape (b, n), optional
        Other weights of the respondents, for a stack of b; None: the answers' own.
    ordinal : sequence of str, optional
        The ordinal items; see `item_categories`.
    categories : int
        The most points of an ordinal scale, where ``ordinal`` isn't given.

    Returns
    -------
    Moments
        Means and standard deviations of the answers as they are; polychoric
        correlations of two ordinal items, polyserial ones of an ordinal with a
        continuous item, Pearson's of two continuous ones. NaN for an item that is
        constant in a member of the stack.

    Raises
    ------
    DataError
        As `item_categories` does.

    Warns
    -----
    InadmissibleWarning
        Without ``weights``: if two items order the respondents all but alike, or no
        variables can have such correlations.

    References
    ----------
    Olsson (1979), Psychometrika 44(4).
    Olsson, Drasgow & Dorans (1982), Psychometrika 47(3).
    """
    sample = coded_answers(answers, item_categories(answers, ordinal, categories))
    if weights is not None:
        stack = moment_stack(answers, weights)
        corr = mixed_correlations(sample, weights)
        cov = _covariances(corr, stack.cov)
        return Moments(
            answers.names, stack.mean, cov, stack.n, answers.low, answers.high
        )
    own = answers.row_weights
    corr = mixed_correlations(sample, own[None])[0]
    for caution in _cautions(answers.names, corr):
        warnings.warn(caution, InadmissibleWarning, stacklevel=5)
    base = treated(answers).moments
    return Moments(
        base.names,
        base.mean,
        _covariances(corr, base.cov),
        base.n,
        base.low,
        base.high,
        flow=base.flow,
        weight=base.weight,
    )


def _gap_problems(answers: Answers) -> list[str]:
    gaps = np.isnan(answers.values).any(axis=0)
    if not gaps.any():
        return []
    names = np.array(answers.names)[gaps].tolist()
    return [
        f"gaps in {quoted(names)}: polychoric correlations need complete answers; use "
        "incomplete='listwise', or leave the items out"
    ]


def _points(levels: FloatArray, width: float) -> float:
    """Return the points of a scale of whole numbers; infinite if it isn't one.

    The width is the scale's, NaN where it isn't known.
    """
    if (levels % 1 != 0).any():
        return np.inf
    return float(levels[-1] - levels[0] if np.isnan(width) else width) + 1


def _level_problems(name: str, levels: FloatArray) -> list[str]:
    """Return why an item with such answers has no polychoric correlations."""
    if len(levels) < 2:
        return [
            f"item {name!r} has one category only, {_numbers(levels)}; leave it out of "
            "the model"
        ]
    if len(levels) > MOST_CATEGORIES:
        return [
            f"item {name!r} has {len(levels)} categories, and at most "
            f"{MOST_CATEGORIES} are allowed; treat it as continuous by leaving it out "
            "of ordinal=, or put categories together"
        ]
    return []


def _numbers(values: FloatArray) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:12])
    return shown if len(values) <= 12 else f"{shown} and {len(values) - 12} more"


def _covariances(corr: FloatArray, cov: FloatArray) -> FloatArray:
    """Return covariances with other correlations (..., p, p)."""
    sd = np.sqrt(np.diagonal(cov, axis1=-2, axis2=-1))
    return np.asarray(corr * sd[..., None] * sd[..., None, :])


def _cautions(names: Sequence[str], corr: FloatArray) -> list[str]:
    """Return why polychoric correlations have to be used with care."""
    cautions: list[str] = []
    alike = np.argwhere(np.triu(np.abs(corr) > _PERFECT, k=1))
    if alike.size:
        pairs = [f"{names[int(i)]} and {names[int(k)]}" for i, k in alike]
        cautions.append(
            f"items {quoted(pairs)} order the respondents all but alike: their "
            f"polychoric correlation is beyond {_PERFECT}; leave one of each pair out"
        )
    smallest = float(np.linalg.eigvalsh(corr)[0])
    if smallest < _INDEFINITE:
        cautions.append(
            "no variables have such polychoric correlations, which are estimated pair "
            f"by pair: their smallest eigenvalue is {smallest:.3g}; use fewer items, "
            "fewer categories, or correlations='pearson'"
        )
    return cautions
