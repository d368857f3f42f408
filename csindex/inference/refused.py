"""Resamples in which some construct has no 0-100 score."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from csindex.diagnostics import drivers, importance
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.results import Results, statistics


def without_scores(results: Results, weights: FloatArray) -> BoolArray:
    """Return which resamples give a construct a negative weight, and so no score.

    Parameters
    ----------
    results : Results
        The fit.
    weights : ndarray of shape (b, k)
        Resampled weights, in the order of `csindex.results.statistics.WEIGHTS`.

    Returns
    -------
    ndarray of bool of shape (b, j)
        True where a score would leave the range from 0 to 100.
    """
    _, constructs = statistics.item_positions(results.model)
    found = np.zeros((len(weights), len(results.model.constructs)), dtype=np.bool_)
    rows, columns = np.nonzero(weights < 0)
    found[rows, constructs[columns]] = True
    return found


def with_gaps(
    results: Results, values: Mapping[str, FloatArray], refused: BoolArray
) -> dict[str, FloatArray]:
    """Return resampled statistics without the scores that there aren't.

    Parameters
    ----------
    results : Results
        The fit.
    values : mapping of str to ndarray of shape (b, k)
        Resampled values of the standard statistics.
    refused : ndarray of bool of shape (b, j)
        As from `without_scores`.

    Returns
    -------
    dict of str to ndarray
        The same values; NaN for scores that are refused, and for the importance of or
        for constructs without one.
    """
    made = dict(values)
    if not refused.any():
        return made
    name = statistics.SCORES.name
    made[name] = np.where(refused, np.nan, values[name])
    model = results.model
    if model.index is None or importance(model.index).name not in values:
        return made
    own = [model.construct_names.index(n) for n in drivers(model, model.index)]
    target = refused[:, [model.construct_names.index(model.index)]]
    name = importance(model.index).name
    made[name] = np.where(refused[:, own] | target, np.nan, values[name])
    return made


def whole_rows(
    effects: FloatArray, scores: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the resamples in which all drivers have both numbers.

    Parameters
    ----------
    effects, scores : ndarray of shape (b, d)
        Importance and performance of the drivers.

    Returns
    -------
    effects, scores : ndarray of shape (m, d)
        The rows without NaN; all if there is no such row.
    """
    known = np.isfinite(effects).all(axis=1) & np.isfinite(scores).all(axis=1)
    if known.all() or not known.any():
        return effects, scores
    return effects[known], scores[known]
