"""The bootstrap: sampling distributions of every statistic from one stack."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import get_args, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from csindex.errors import DataError, SpecificationError, quoted
from csindex.estimation import row_estimator
from csindex.inference.buckets import (
    Method,
    as_units,
    filled_buckets,
    law_of_answers,
    law_of_buckets,
)
from csindex.inference.distributions import (
    Bootstrap,
    Failed,
    Options,
    standard_statistics,
)
from csindex.inference.group_bootstrap import GroupBootstrap
from csindex.inference.intervals import Interval
from csindex.inference.packs import collect_together, packs
from csindex.inference.resampling import Plan, check_strata, sampling_units
from csindex.inference.stack import (
    THREADS,
    Collected,
    Draws,
    resampled,
)
from csindex.kernels.arrays import IntArray
from csindex.kernels.threads import one_thread
from csindex.results import GroupResults, Results, one_fit
from csindex.survey import Answers

# resamples drawn at most, per resample asked for, when failed ones are replaced
_MOST = 10


@overload
def bootstrap(
    results: Results,
    n: int = ...,
    seed: int | None = ...,
    interval: Interval = ...,
    level: float = ...,
    inner: int = ...,
    failed: Failed = ...,
    indices: ArrayLike | None = ...,
    method: Method = ...,
) -> Bootstrap: ...
@overload
def bootstrap(
    results: GroupResults,
    n: int = ...,
    seed: int | None = ...,
    interval: Interval = ...,
    level: float = ...,
    inner: int = ...,
    failed: Failed = ...,
    indices: None = ...,
    method: Method = ...,
) -> GroupBootstrap: ...
def bootstrap(
    results: Results | GroupResults,
    n: int = 10_000,
    seed: int | None = 1,
    interval: Interval = "percentile",
    level: float = 0.95,
    inner: int = 50,
    failed: Failed = "drop",
    indices: ArrayLike | None = None,
    method: Method = "resample",
) -> Bootstrap | GroupBootstrap:
    """Bootstrap a fit: draw respondents anew and estimate everything again.

    Parameters
    ----------
    results : Results or GroupResults
        A fit made from a survey, or from moments with buckets, which are then drawn
        in the place of respondents.
    n : int
        Number of resamples.
    seed : int, optional
        Seed of the random draws; equal seeds give equal numbers on every machine.
        None draws one and keeps it.
    interval : {"percentile", "basic", "normal", "bc", "bca", "studentized"}
        Kind of interval; `csindex.inference.intervals` has the formulas. ``"bca"``
        takes its acceleration from the jackknife; ``"studentized"`` draws resamples
        from each resample and takes ``inner`` times as long.
    level : float
        Confidence level.
    inner : int
        Resamples within each resample, for studentized intervals.
    failed : {"drop", "keep", "replace"}
        What becomes of resamples whose estimate did not converge or could not be
        computed: they are left out; kept, if they could be computed; or left out and
        others drawn until there are n. They are counted in any case.
    indices : array_like of int of shape (b, m), optional
        The respondents of each resample, as positions among those used; nothing
        is drawn then.
    method : {"resample", "normal"}
        Whether respondents or buckets are drawn anew; or means and covariances from
        their asymptotic normal law, which takes the same time for every number of
        respondents.

    Returns
    -------
    Bootstrap or GroupBootstrap
        Standard errors, intervals and two-sided p-values.

    Raises
    ------
    SpecificationError
        If an option doesn't exist, n is too small for the level or the kind of
        interval, or studentized intervals are asked for with strata or clusters;
        if a method can't be used with the other options or such a sample.
    DataError
        If the fit has neither respondents nor buckets, or too few resamples could be
        estimated.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap.

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> boot = bootstrap(results, n=200, seed=1)
    >>> bool(boot.index["low"] < results.index < boot.index["high"])
    True
    """
    drawn = None if indices is None else _checked_indices(indices, results)
    n = n if drawn is None else len(drawn)
    options = Options(interval, level, inner, failed, method)
    _check_options(n, seed, options)
    entropy = (
        seed if seed is not None else int(np.random.SeedSequence().generate_state(1)[0])
    )
    if not isinstance(results, GroupResults):
        fit = one_fit(results, "bootstrap")
        return _bootstrap(fit, Plan(n, entropy), options, drawn)
    fits = [results.overall, *results.members.values()]
    # everyone has the stream of a fit alone; each group has its own
    plans = [Plan(n, entropy), *(Plan(n, entropy, (k,)) for k in range(1, len(fits)))]
    overall, *members = _bootstraps(fits, plans, options)
    return GroupBootstrap(
        results, overall, dict(zip(results.members, members, strict=True))
    )


def _check_options(n: int, seed: int | None, options: Options) -> None:
    kinds = get_args(Interval)
    problems = [
        f"{name} must be a whole number of 0 or more, not {value!r}"
        for name, value in (("n", n), ("seed", seed), ("inner", options.inner))
        if value is not None
        and not (isinstance(value, (int, np.integer)) and value >= 0)
    ]
    if not isinstance(options.level, (int, float)):
        problems.append(f"level must be a number, not {options.level!r}")
    if problems:
        raise SpecificationError([f"bootstrap: {p}" for p in problems])
    if options.interval not in kinds:
        problems.append(
            f"unknown interval {options.interval!r}; there are {quoted(kinds)}"
        )
    if not 0 < options.level < 1:
        problems.append(f"level must lie between 0 and 1, not {options.level}")
    elif n < (least := _least(options.level)):
        problems.append(
            f"{n} resamples are too few for level {options.level:g}; use at least "
            f"{least}, better 1000 or more"
        )
    if options.failed not in get_args(Failed):
        problems.append(
            f"unknown treatment failed={options.failed!r}; there are "
            f"{quoted(get_args(Failed))}"
        )
    if options.method not in get_args(Method):
        problems.append(
            f"unknown method {options.method!r}; there are {quoted(get_args(Method))}"
        )
    if options.method == "normal" and options.interval == "studentized":
        problems.append(
            "studentized intervals resample the resamples, which method='normal' "
            "doesn't have; take another interval"
        )
    if options.inner < 2:
        problems.append(f"inner must be 2 or more, not {options.inner}")
    if problems:
        raise SpecificationError([f"bootstrap: {p}" for p in problems])


def _bootstraps(
    fits: Sequence[Results], plans: Sequence[Plan], options: Options
) -> list[Bootstrap]:
    """Bootstrap several fits, small ones in stacks of several."""
    draws = [
        _draws(fit, plan, options, None) for fit, plan in zip(fits, plans, strict=True)
    ]
    for own in draws:
        _check_design(own.answers, own.plan, options)
    done: list[Bootstrap] = []
    with one_thread():
        pool = ThreadPoolExecutor(THREADS)
        try:
            for boots in pool.map(partial(_pack_bootstraps, options), packs(draws)):
                done.extend(boots)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(
                f"interrupted after the bootstraps of {len(done)} of {len(draws)} "
                "fits, everyone's first; none is kept"
            ) from stop
        finally:
            pool.shutdown(cancel_futures=True)
    return done


def _pack_bootstraps(options: Options, pack: Sequence[Draws]) -> list[Bootstrap]:
    if len(pack) == 1:
        chosen = standard_statistics(pack[0].results)
        found = [resampled(pack[0], chosen)]
    else:
        found = collect_together(pack, standard_statistics(pack[0].results))
    return [
        _settled(draws, own, options) for draws, own in zip(pack, found, strict=True)
    ]


def _bootstrap(
    results: Results, plan: Plan, options: Options, indices: IntArray | None = None
) -> Bootstrap:
    draws = _draws(results, plan, options, indices)
    _check_design(draws.answers, plan, options)
    found = resampled(draws, standard_statistics(results))
    return _settled(draws, found, options)


def _settled(draws: Draws, found: Collected, options: Options) -> Bootstrap:
    """Return a bootstrap of the resamples that can be used, or refuse too few."""
    plan = draws.plan
    if options.failed == "replace" and draws.indices is None:
        draws, found = _enlarged(draws, found)
    usable = found.admissible & (found.converged | (options.failed == "keep"))
    if options.failed == "replace":
        usable &= usable.cumsum() <= plan.n
    used = int(usable.sum())
    counts = pd.Series(
        {
            "requested": plan.n,
            "used": used,
            "not_converged": int((found.admissible & ~found.converged).sum()),
            "inadmissible": int((~found.admissible).sum()),
        },
        name="resamples",
    )
    least = _least(options.level)
    if used < least:
        raise DataError(
            f"only {used} of {plan.n} resamples could be estimated; "
            f"{counts['not_converged']} did not converge, "
            f"{counts['inadmissible']} had an item without variance or items that "
            f"depend on each other; at least {least} are needed"
        )
    values = {
        name: part if usable.all() else part.T[:, usable].T
        for name, part in found.values.items()
    }
    return Bootstrap(draws, options, values, usable, counts)


def _draws(
    results: Results, plan: Plan, options: Options, indices: IntArray | None
) -> Draws:
    """Return what is drawn: respondents, buckets, or moments."""
    answers, buckets, law = results.answers, None, None
    if answers is None:
        buckets = filled_buckets(results.moments)
        answers = as_units(buckets, results.moments)
    if indices is not None and (buckets is not None or options.method == "normal"):
        raise SpecificationError(
            "bootstrap: indices name respondents, and none are drawn here; leave them "
            "out"
        )
    if options.method == "normal" and row_estimator(results.estimator) is not None:
        raise SpecificationError(
            "bootstrap: method='normal' draws means and covariances, and "
            f"{type(results.estimator).__name__} needs the answers themselves; leave "
            "method= out"
        )
    if options.method == "normal":
        with one_thread():
            law = (
                law_of_answers(answers) if buckets is None else law_of_buckets(buckets)
            )
    return Draws(results, answers, plan, indices, buckets, law)


def _enlarged(draws: Draws, found: Collected) -> tuple[Draws, Collected]:
    """Draw more until as many resamples as were asked for can be used."""
    asked, statistics = draws.plan.n, standard_statistics(draws.results)
    while (lost := asked - int((found.converged & found.admissible).sum())) > 0:
        size = draws.plan.n + 2 * lost
        if size > _MOST * asked:
            raise DataError(
                f"{lost} of {asked} resamples are still missing after {draws.plan.n} "
                "draws; the model is too unstable for these data"
            )
        draws = replace(draws, plan=replace(draws.plan, n=size))
        found = resampled(draws, statistics)
    return draws, found


def _check_design(answers: Answers, plan: Plan, options: Options) -> None:
    """Refuse intervals that the design or the number of resamples rules out."""
    units = sampling_units(answers)
    if options.interval == "bca" and plan.n <= len(units.strata):
        raise SpecificationError(
            f"BCa intervals need more resamples than the {len(units.strata)} units "
            f"that are drawn, not {plan.n}; ask for more, or for another interval"
        )
    check_strata(units)
    if options.interval == "studentized" and units.designed:
        raise SpecificationError(
            "studentized intervals draw single respondents a second time, which "
            "strata and clusters forbid; use 'percentile' or 'bca'"
        )


def _checked_indices(indices: ArrayLike, results: Results | GroupResults) -> IntArray:
    table = np.asarray(indices)
    if not isinstance(results, Results):
        raise SpecificationError(
            "bootstrap: indices belong to one sample, not to groups"
        )
    whole = np.issubdtype(table.dtype, np.integer)
    n = results.n if results.answers is None else len(results.answers.values)
    if (
        table.ndim != 2
        or not whole
        or not table.size
        or table.min() < 0
        or table.max() >= n
    ):
        raise SpecificationError(
            f"bootstrap: indices must be a table of whole numbers from 0 to "
            f"{n - 1}, one row per resample"
        )
    return table.astype(np.int64)


def _least(level: float) -> int:
    """Return the least number of resamples that has a quantile in each tail."""
    return math.ceil(2 / (1 - level) - 1e-9)
