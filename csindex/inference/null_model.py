"""Resamples of a survey in which a model is true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from csindex.errors import DataError
from csindex.estimation import Estimates
from csindex.inference.buckets import as_units, bucket_stack, filled_buckets
from csindex.inference.double_bootstrap import redrawn_weights
from csindex.inference.resampling import (
    STREAM_BLOCK,
    Plan,
    WeightDraw,
    weight_draws,
)
from csindex.inference.stack import Chunk, collect
from csindex.kernels import implied
from csindex.kernels.arrays import FloatArray, SingleArray
from csindex.kernels.spectral import geodesic_distance, roots
from csindex.moments import Moments, Sums
from csindex.moments.incomplete import MomentStack, moment_stack
from csindex.results import Results, Statistic
from csindex.survey import Answers

# the columns of distances, in their order
MEASURES = ("srmr", "d_uls", "d_g")
# bytes of the weights of the resamples that are computed at once
_BYTES = 256_000_000
# squared distances of models that fit exactly are rounding
_EXACT = 1e-20
# the random stream of resamples of resamples
_SECOND = 1


@dataclass(frozen=True, eq=False)
class NullModel:
    """A fit, what is drawn, and the map that makes its model true in the sample.

    Attributes
    ----------
    results : Results
        The fit.
    units : Answers
        The respondents, or buckets.
    buckets : Sums, optional
        The buckets, where there are no respondents.
    saturated : bool
        Whether the model lets all constructs correlate freely.
    onto : ndarray of shape (p, p)
        From answers to answers whose correlations are those that the model implies.
    """

    results: Results
    units: Answers
    buckets: Sums | None
    saturated: bool
    onto: FloatArray


@dataclass(frozen=True, eq=False)
class NullDistances:
    """Distances of models that are true, by chance alone.

    Attributes
    ----------
    first : ndarray of shape (b, 3)
        SRMR, d_ULS and d_G in the resamples that could be estimated.
    second : ndarray of shape (c, 3), optional
        In those resamples of resamples that could be estimated.
    """

    first: FloatArray
    second: FloatArray | None


def null_model(results: Results, saturated: bool) -> NullModel:
    """Return a survey's answers turned so that a model is true.

    Parameters
    ----------
    results : Results
        A fit made from a survey, or from moments with buckets.
    saturated : bool
        Whether the model lets all constructs correlate freely.

    Returns
    -------
    NullModel
        The map, and what it maps.

    Raises
    ------
    DataError
        If there is nothing to draw from, the item correlations are singular or the
        model implies correlations that don't exist.
    """
    units, buckets = results.answers, None
    if units is None:
        buckets = filled_buckets(results.moments)
        units = as_units(buckets, results.moments)
    estimates = results.estimates
    onto = _onto(estimates, saturated)
    if not np.isfinite(onto).all():
        raise DataError(_no_map(results, saturated))
    return NullModel(results, units, buckets, saturated, onto)


def null_distances(null: NullModel, plan: Plan, double: bool) -> NullDistances:
    """Return the distances of resamples, in which the model is true.

    Parameters
    ----------
    null : NullModel
        The model, and what is drawn.
    plan : Plan
        Number of resamples and random stream.
    double : bool
        Whether one resample is drawn from each resample, too.

    Returns
    -------
    NullDistances
        The distances.
    """
    statistic = Statistic(
        "distances",
        partial(distances, saturated=null.saturated),
        _labels,
        tested=False,
    )
    found = collect(_chunks(null, plan, double), [statistic])
    values = found.values[statistic.name]
    usable = found.converged & found.admissible & np.isfinite(values).all(axis=-1)
    if not double:
        return NullDistances(values[usable], None)
    # resample, its own resample, next resample, ...
    return NullDistances(values[::2][usable[::2]], values[1::2][usable[1::2]])


def distances(estimates: Estimates, saturated: bool) -> FloatArray:
    """Return the distances of item correlations from those that a model implies.

    Parameters
    ----------
    estimates : Estimates
        The estimates, one set or a stack.
    saturated : bool
        Whether the model lets all constructs correlate freely.

    Returns
    -------
    ndarray of shape (..., 3)
        SRMR, d_ULS and d_G; zero where a model leaves nothing but rounding, as that
        of single items that correlate freely.
    """
    corr = estimates.moments.corr
    expected = estimates.implied_corr(saturated)
    squared = _rounded(implied.d_uls(corr, expected))
    size = corr.shape[-1]
    residual = np.sqrt(2 * squared / (size * (size + 1)))
    geodesic = _rounded(geodesic_distance(corr, expected))
    return np.stack([residual, squared, geodesic], axis=-1)


def _rounded(squared: FloatArray) -> FloatArray:
    return np.where(squared < _EXACT, 0.0, squared)


def _labels(_: object) -> pd.DataFrame:
    return pd.DataFrame({"measure": MEASURES})


def _onto(estimates: Estimates, saturated: bool) -> FloatArray:
    """Return maps (..., p, p) from answers to such that a model implies exactly."""
    inverse = roots(estimates.moments.corr).inverse
    root = roots(estimates.implied_corr(saturated)).root
    # answers have a standard deviation, the correlations that are mapped haven't
    return np.asarray((inverse / estimates.moments.sd[..., :, None]) @ root)


def _no_map(results: Results, saturated: bool) -> str:
    """Return why there are no answers that a model implies."""
    if not np.isfinite(roots(results.moments.corr).inverse).all():
        return (
            "exact_fit: the item correlations are singular, because items depend on "
            f"each other or {results.n} respondents are too few for "
            f"{len(results.model.items)} items; leave items out"
        )
    return (
        "exact_fit: no answers have the correlations that the "
        f"{'saturated' if saturated else 'estimated'} model implies; see "
        "csi.assess(results).admissibility"
    )


def _chunks(null: NullModel, plan: Plan, double: bool) -> Iterator[Chunk]:
    # eigenvalues gain more from several threads than from larger stacks
    size = max(1, min(STREAM_BLOCK, _BYTES // (8 * len(null.units.values))))
    for number, draw in enumerate(weight_draws(null.units, plan, size)):
        if double:
            stream = np.random.SeedSequence(
                plan.seed, spawn_key=(*plan.stream, number, _SECOND)
            )
            yield partial(_both, null, draw, np.random.default_rng(stream))
        else:
            yield partial(_once, null, draw)


def _once(null: NullModel, draw: WeightDraw) -> Estimates:
    """Return the estimates of resamples."""
    return _estimated(null, _stack(null, draw()), null.onto)


def _both(
    null: NullModel, draw: WeightDraw, generator: np.random.Generator
) -> Estimates:
    """Return the estimates of resamples, each followed by that of its own resample."""
    weights = draw()
    first = _estimated(null, _stack(null, weights), null.onto)
    again = redrawn_weights(null.units, weights, generator)
    onto = null.onto @ _onto(first, null.saturated)
    second = _estimated(null, _stack(null, again), onto)
    return _alternating(first, second)


def _stack(null: NullModel, weights: FloatArray | SingleArray) -> MomentStack:
    """Return the moments of the answers as they are, in resamples."""
    if null.buckets is None:
        return moment_stack(null.units, weights)
    return bucket_stack(null.buckets, weights.astype(np.float64, copy=False))


def _estimated(null: NullModel, stack: MomentStack, onto: FloatArray) -> Estimates:
    """Return the estimates of answers that are turned by maps ([b,] p, p)."""
    results = null.results
    cov = np.swapaxes(onto, -1, -2) @ stack.cov @ onto
    made = Moments(results.moments.names, np.zeros_like(stack.mean), cov, stack.n)
    found = results.estimator.estimate(results.model, made)
    return replace(found, converged=found.converged & stack.converged)


def _alternating(first: Estimates, second: Estimates) -> Estimates:
    """Return two stacks as one, in which their members alternate."""
    changed: dict[str, Any] = {}
    for part in fields(first):
        one, other = getattr(first, part.name), getattr(second, part.name)
        if isinstance(one, np.ndarray):
            changed[part.name] = _merged(one, other)
    one, other = first.moments, second.moments
    moments = Moments(
        one.names,
        _merged(one.mean, other.mean),
        _merged(one.cov, other.cov),
        _merged(one.n, other.n),
    )
    return replace(first, moments=moments, **changed)


def _merged(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.stack([first, second], axis=1).reshape(-1, *first.shape[1:])
