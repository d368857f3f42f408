"""Resamples of several fits in one stack: fewer, larger calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from csindex.estimation import Estimates, row_estimator
from csindex.inference.resampling import chunk_size, weight_draws, whole_chunks
from csindex.inference.stack import (
    Collected,
    Draws,
    aligned_estimates,
    collected,
)
from csindex.inference.stopping import check_stopped
from csindex.kernels.threads import one_thread
from csindex.moments.incomplete import MomentStack, moment_stack
from csindex.results import Statistic


def packs(draws: Sequence[Draws]) -> list[list[Draws]]:
    """Return fits in stacks that one chunk has room for; large ones alone.

    Parameters
    ----------
    draws : sequence of Draws
        The resamples of each fit.

    Returns
    -------
    list of list of Draws
        The same, in their order.
    """
    found: list[list[Draws]] = []
    open_pack: list[Draws] = []
    for own in draws:
        if not fits_together(own):
            found.append([own])
            continue
        if (len(open_pack) + 1) * own.plan.n > chunk_size(own.answers):
            open_pack = []
        if not open_pack:
            found.append(open_pack)
        open_pack.append(own)
    return found


def fits_together(draws: Draws) -> bool:
    """Return whether resamples can be estimated in one stack with those of others.

    Parameters
    ----------
    draws : Draws
        The resamples of one fit.

    Returns
    -------
    bool
        True for respondents that are drawn anew, few enough for one chunk, and an
        estimator that needs their moments only.
    """
    alone = draws.indices is not None or draws.law is not None or draws.buckets
    rows = row_estimator(draws.results.estimator)
    return not alone and rows is None and draws.plan.n <= chunk_size(draws.answers)


def collect_together(
    many: Sequence[Draws], chosen: Sequence[Statistic]
) -> list[Collected]:
    """Compute statistics of the resamples of several fits in one stack.

    Parameters
    ----------
    many : sequence of Draws
        The resamples of fits by one estimator of one model, as `fits_together`.
    chosen : sequence of Statistic
        What is computed.

    Returns
    -------
    list of Collected
        Values of each fit, the same as those of `collect` up to rounding.
    """
    with one_thread():
        whole = collected(chosen, partial(_estimated_together, many))
    ends = np.cumsum([draws.plan.n for draws in many])[:-1]
    columns = {name: np.split(part, ends) for name, part in whole.values.items()}
    return [
        Collected(
            {name: np.array(parts[k], order="F") for name, parts in columns.items()},
            converged,
            admissible,
        )
        for k, (converged, admissible) in enumerate(
            zip(
                np.split(whole.converged, ends),
                np.split(whole.admissible, ends),
                strict=True,
            )
        )
    ]


def _estimated_together(many: Sequence[Draws]) -> Estimates:
    """Return the estimates of the resamples of several fits, each with its signs."""
    results, base = many[0].results, many[0].results.moments
    sizes = [draws.plan.n for draws in many]
    ends = np.cumsum(sizes).tolist()
    p = len(base.names)
    mean, cov = np.empty((p, ends[-1])), np.empty((p, p, ends[-1]))
    n, settled = np.empty(ends[-1]), np.empty(ends[-1], dtype=np.bool_)
    for draws, end in zip(many, ends, strict=True):
        check_stopped()
        (draw,) = weight_draws(draws.answers, draws.plan, whole_chunks(draws.plan.n))
        stack = moment_stack(draws.answers, draw())
        own = slice(end - draws.plan.n, end)
        mean[:, own] = np.moveaxis(stack.mean, 0, -1)
        cov[:, :, own] = np.moveaxis(stack.cov, 0, -1)
        n[own], settled[own] = stack.n, stack.converged
    weights = [draws.results.estimates.weights for draws in many]
    reference = np.repeat(np.stack(weights, axis=-1), sizes, axis=-1)
    made = MomentStack(
        np.moveaxis(mean, -1, 0), np.moveaxis(cov, -1, 0), n.astype(np.int64), settled
    )
    known = replace(results.estimates, weights=np.moveaxis(reference, -1, 0))
    return aligned_estimates(results, made, known)
