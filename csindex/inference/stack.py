"""The stack of resampled estimates, and the statistics computed on it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from csindex.estimation import Estimates, row_estimator
from csindex.inference.buckets import (
    NormalLaw,
    bucket_stack,
    drawn_moments,
    without_each,
)
from csindex.inference.collecting import Chunk as Chunk
from csindex.inference.collecting import Collected as Collected
from csindex.inference.collecting import check_batch
from csindex.inference.collecting import collected as collected
from csindex.inference.leaving_out import leaving_out
from csindex.inference.resampling import (
    Plan,
    WeightDraw,
    balanced_size,
    chunk_size,
    counts_of,
    panel_size,
    sampling_units,
    weight_draws,
    whole_chunks,
)
from csindex.inference.stopping import (
    check_stopped,
    current_run,
    in_order,
    interruptible,
)
from csindex.kernels.arrays import FloatArray, IntArray, SingleArray
from csindex.kernels.threads import one_thread
from csindex.moments import Moments, Sums
from csindex.moments.incomplete import (
    MomentStack,
    moment_stack,
    moments_reweighted,
)
from csindex.results import Results, Statistic
from csindex.survey import Answers

# NumPy leaves Python free while it computes, but not always: more threads gain little
THREADS = min(4, os.cpu_count() or 1)
# bytes that sums by pattern of gaps may take at once, on each thread
PATTERN_BYTES = 64_000_000
_SHORTER = (
    "for a run of that length ask for as many, the first numbers will be the same"
)


@dataclass(frozen=True, eq=False)
class Draws:
    """Everything that fixes the resamples of one fit.

    Attributes
    ----------
    results : Results
        The fit.
    answers : Answers
        The respondents that are drawn from; or buckets, one row each.
    plan : Plan
        Number of resamples and random stream.
    indices : ndarray of int of shape (b, m), optional
        The respondents of each resample, where they were given.
    buckets : Sums of shape (g,), optional
        The buckets that are drawn from, where there are no respondents.
    law : NormalLaw, optional
        The law that moments are drawn from, where nothing is resampled.
    """

    results: Results
    answers: Answers
    plan: Plan
    indices: IntArray | None
    buckets: Sums | None = None
    law: NormalLaw | None = None


def collect(chunks: Iterable[Chunk], chosen: Sequence[Statistic]) -> Collected:
    """Compute statistics of a stack of estimates that comes in chunks.

    The chunks are estimated on several threads and kept in their order, so that the
    number of threads changes no number.

    Parameters
    ----------
    chunks : iterable of callable
        Each makes a part of the stack: `Estimates` with one batch axis.
    chosen : sequence of Statistic
        What is computed.

    Returns
    -------
    Collected
        Values of all members; what can't be computed is NaN.

    Raises
    ------
    SpecificationError
        If a statistic loses the batch axis.
    KeyboardInterrupt
        If the user stops it; it says how many members were estimated.
    """
    with one_thread(), interruptible():
        parts = list(in_order(partial(collected, chosen), chunks, THREADS))
    return Collected(
        {
            # the values of one statistic lie side by side, as quantiles want them
            statistic.name: np.concatenate(
                [part.values[statistic.name].T for part in parts], axis=1
            ).T
            for statistic in chosen
        },
        np.concatenate([part.converged for part in parts]),
        np.concatenate([part.admissible for part in parts]),
    )


def resampled(draws: Draws, chosen: Sequence[Statistic]) -> Collected:
    """Compute statistics of every resample.

    Parameters
    ----------
    draws : Draws
        The resamples.
    chosen : sequence of Statistic
        What is computed.

    Returns
    -------
    Collected
        Values of the resamples; see `collect` for the errors.
    """
    with interruptible(advice=_SHORTER):
        found = collect(_resampled_estimates(draws), chosen)
    n = draws.plan.n if draws.indices is None else len(draws.indices)
    if len(found.converged) == n:
        return found
    return Collected(
        {name: values[:n] for name, values in found.values.items()},
        found.converged[:n],
        found.admissible[:n],
    )


def _resampled_estimates(draws: Draws) -> Iterator[Chunk]:
    """Yield the estimates of every resample, and of more that fill the last chunk."""
    if draws.law is not None:
        for drawn in drawn_moments(draws.law, draws.plan, chunk_size(draws.answers)):
            yield partial(_estimated, draws, drawn)
        return
    plan = draws.plan
    if row_estimator(draws.results.estimator) is None:
        plan = replace(plan, n=whole_chunks(plan.n, panel_size(draws.answers)))
    for draw in _weights(draws, plan):
        yield partial(_redrawn_estimates, draws, draw)


def members_at_once(draws: Draws) -> int:
    """Return how many members of a stack are estimated at once.

    Parameters
    ----------
    draws : Draws
        The fit and its respondents.

    Returns
    -------
    int
        What `chunk_size` says; fewer where the estimator sums up rows with gaps by
        pattern, for each member.
    """
    size, known = chunk_size(draws.answers), ~np.isnan(draws.answers.values)
    if row_estimator(draws.results.estimator) is None or known.all():
        return size
    patterns, p = len(np.unique(known, axis=0)), len(known.T)
    # shares, sums and products of each pattern
    return max(1, min(size, PATTERN_BYTES // (8 * patterns * (p * p + p + 1))))


def left_out_estimates(draws: Draws) -> Iterator[Chunk]:
    """Yield the estimates without each sampling unit, chunk by chunk.

    Parameters
    ----------
    draws : Draws
        The fit and its respondents; its plan doesn't matter.

    Yields
    ------
    callable
        Makes `Estimates` with one batch axis, signs as in the fit; the units are the
        respondents, whole clusters, or buckets. With strata, the other units of the
        stratum take the unit's place.
    """
    if draws.buckets is not None:
        for left in without_each(draws.buckets):
            yield partial(_estimated, draws, left)
        return
    answers = draws.answers
    size = members_at_once(draws)
    units = sampling_units(answers)
    n = len(answers.values)
    if not units.designed:
        for start in range(0, n, size):
            rows = slice(start, min(start + size, n))
            yield partial(_changed, draws, rows, -1.0)
        return
    left_out = leaving_out(answers, units)
    moments_do = row_estimator(draws.results.estimator) is None
    if moments_do and answers.incomplete == "listwise":
        for left in left_out.moments(size):
            yield partial(_estimated, draws, left)
        return
    for kept in left_out.weights(size):
        yield partial(_reweighted, draws, kept)


def nudged_estimates(draws: Draws, step: float) -> Iterator[Chunk]:
    """Yield the estimates after a change of each respondent's weight.

    Parameters
    ----------
    draws : Draws
        The fit and its respondents; its plan doesn't matter.
    step : float
        Relative change of the weight.

    Yields
    ------
    callable
        Makes `Estimates` with one batch axis, signs as in the fit.
    """
    size, n = members_at_once(draws), len(draws.answers.values)
    for start in range(0, n, size):
        rows = slice(start, min(start + size, n))
        yield partial(_changed, draws, rows, step)


def weighted_estimates(draws: Draws, chunks: Iterable[FloatArray]) -> Iterator[Chunk]:
    """Yield the estimates by other weights of the respondents.

    Parameters
    ----------
    draws : Draws
        The fit and its respondents; its plan doesn't matter.
    chunks : iterable of ndarray of shape (b, n)
        Weights.

    Yields
    ------
    callable
        Makes `Estimates` with one batch axis, signs as in the fit.
    """
    for weights in chunks:
        yield partial(_reweighted, draws, weights)


def inner_errors(
    draws: Draws, chosen: Sequence[Statistic], inner: int
) -> dict[str, FloatArray]:
    """Return standard errors within every resample, by a second bootstrap.

    Parameters
    ----------
    draws : Draws
        The resamples.
    chosen : sequence of Statistic
        What is computed.
    inner : int
        Resamples drawn from each resample.

    Returns
    -------
    mapping of str to ndarray of shape (b, k)
        Standard errors; NaN where fewer than two inner resamples could be used.
    """
    answers = draws.answers
    own = answers.row_weights
    found: dict[str, list[FloatArray]] = {statistic.name: [] for statistic in chosen}
    stream = np.random.SeedSequence(
        draws.plan.seed, spawn_key=(*draws.plan.stream, 0, 0)
    )
    generator = np.random.default_rng(stream)
    together = max(1, members_at_once(draws) // inner)
    done = 0
    with (
        one_thread(),
        interruptible(
            lambda: f"{done} of {draws.plan.n} resamples have a standard error"
        ),
    ):
        for draw in _weights(draws, draws.plan):
            outer = draw()
            for start in range(0, len(outer), together):
                check_stopped()
                counts = np.rint(outer[start : start + together] / own)
                drawn = [
                    _redrawn(row, inner, generator) for row in counts.astype(np.int64)
                ]
                chunk = _reweighted(draws, np.concatenate(drawn) * own)
                current_run().count(chunk.converged, chunk.admissible)
                with np.errstate(invalid="ignore", divide="ignore"):
                    for statistic in chosen:
                        values = _usable_values(statistic, chunk)
                        found[statistic.name].append(_errors(values, len(counts)))
                done += len(counts)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _redrawn(
    counts: IntArray, inner: int, generator: np.random.Generator
) -> FloatArray:
    """Return counts (inner, n) of resamples of a resample."""
    rows = np.repeat(np.arange(len(counts)), counts)
    picked = generator.integers(0, len(rows), size=(inner, len(rows)))
    return counts_of(rows[picked], len(counts))


def _usable_values(statistic: Statistic, chunk: Estimates) -> FloatArray:
    """Return a statistic's values (b, k), NaN where an estimate can't be used."""
    found = statistic.compute(chunk)
    check_batch(found, chunk)
    usable = chunk.converged & chunk.admissible
    flat = found.reshape(len(usable), -1)
    return np.where(usable[:, None], flat, np.nan)


def _errors(values: FloatArray, groups: int) -> FloatArray:
    """Return standard deviations (groups, k) of consecutive groups, without NaN."""
    split = values.reshape(groups, len(values) // groups, values.shape[-1])
    known = np.isfinite(split)
    count = known.sum(axis=1)
    mean = np.where(known, split, 0.0).sum(axis=1) / count
    apart = np.where(known, split - mean[:, None], 0.0)
    return np.asarray(np.sqrt((apart**2).sum(axis=1) / (count - 1)))


def _reweighted(draws: Draws, weights: FloatArray | SingleArray) -> Estimates:
    """Return the estimates by other weights (b, n) of the respondents or buckets."""
    rows = row_estimator(draws.results.estimator)
    if draws.buckets is not None:
        counts = weights.astype(np.float64, copy=False)
        return _estimated(draws, bucket_stack(draws.buckets, counts))
    if rows is None:
        return _estimated(draws, _panels(draws.answers, weights))
    precise = weights.astype(np.float64, copy=False)
    found = rows.estimate_answers(draws.results.model, draws.answers, precise)
    return found.aligned(draws.results.estimates)


def _panels(answers: Answers, weights: FloatArray | SingleArray) -> MomentStack:
    """Return moments by weights (b, n), always so many at once."""
    # complete answers are multiplied in panels anyway
    size = len(weights) if answers.incomplete == "listwise" else panel_size(answers)
    parts = [
        moment_stack(answers, weights[start : start + size])
        for start in range(0, len(weights), size)
    ]
    if len(parts) == 1:
        return parts[0]
    mean = np.concatenate([part.mean.T for part in parts], axis=-1)
    cov = [np.moveaxis(part.cov, 0, -1) for part in parts]
    return MomentStack(
        mean.T,
        np.moveaxis(np.concatenate(cov, axis=-1), -1, 0),
        np.concatenate([part.n for part in parts]),
        np.concatenate([part.converged for part in parts]),
    )


def _changed(draws: Draws, rows: slice, change: float) -> Estimates:
    """Return the estimates after a change of each of some respondents' weights."""
    answers = draws.answers
    if row_estimator(draws.results.estimator) is None:
        return _estimated(draws, moments_reweighted(answers, rows, change))
    n = len(answers.values)
    own = answers.row_weights
    chosen = np.arange(n) == np.arange(n)[rows][:, None]
    return _reweighted(draws, np.where(chosen, (1.0 + change) * own, own))


def _estimated(draws: Draws, stack: MomentStack) -> Estimates:
    return aligned_estimates(draws.results, stack, draws.results.estimates)


def aligned_estimates(
    results: Results, stack: MomentStack, reference: Estimates
) -> Estimates:
    """Return the estimates of a stack of moments, with the signs of a reference.

    Parameters
    ----------
    results : Results
        The fit that is repeated.
    stack : MomentStack
        The moments.
    reference : Estimates
        Estimates whose signs count, one set or one for each member.

    Returns
    -------
    Estimates
        The estimates, with one batch axis.
    """
    base = results.moments
    with np.errstate(invalid="ignore", divide="ignore"):
        made = Moments(base.names, stack.mean, stack.cov, stack.n, base.low, base.high)
        estimates = results.estimator.estimate(results.model, made)
        settled = replace(estimates, converged=estimates.converged & stack.converged)
        return settled.aligned(reference)


def _redrawn_estimates(draws: Draws, draw: WeightDraw) -> Estimates:
    """Return the estimates by weights that are drawn only now, in whole panels.

    Sums over few columns are added in another order than over many: a narrow last
    chunk would make a resample's last digits depend on how many come with it.
    """
    weights = draw()
    if row_estimator(draws.results.estimator) is None:
        whole = whole_chunks(len(weights), panel_size(draws.answers))
        more = np.repeat(weights[-1:], whole - len(weights), axis=0)
        weights = np.concatenate([weights, more]) if len(more) else weights
    return _reweighted(draws, weights)


def _weights(draws: Draws, plan: Plan) -> Iterator[WeightDraw]:
    """Yield what draws the weights (b, n) of each chunk."""
    size = members_at_once(draws)
    if draws.indices is None:
        size = balanced_size(plan.n, size, THREADS)
        yield from weight_draws(draws.answers, plan, size)
        return
    panel = panel_size(draws.answers)
    size = max(size // panel * panel, min(size, panel))
    for start in range(0, len(draws.indices), size):
        chunk = draws.indices[start : start + size]
        yield partial(_weights_of, draws.answers, chunk)


def _weights_of(answers: Answers, indices: IntArray) -> FloatArray:
    counts = counts_of(indices, len(answers.values))
    return counts if answers.weights is None else counts * answers.weights
