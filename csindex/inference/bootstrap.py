"""The bootstrap: sampling distributions of every statistic from one stack."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import get_args, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from csindex.diagnostics import IMPROPER
from csindex.errors import (
    AnswersWarning,
    CsindexError,
    DataError,
    SpecificationError,
)
from csindex.estimation import row_estimator
from csindex.inference.buckets import (
    Method,
    as_units,
    filled_buckets,
    law_of_answers,
    law_of_buckets,
)
from csindex.inference.distributions import Bootstrap
from csindex.inference.group_bootstrap import GroupBootstrap
from csindex.inference.intervals import Interval, least
from csindex.inference.options import Failed, Options, check_options
from csindex.inference.packs import collect_together, packs
from csindex.inference.refused import with_gaps, without_scores
from csindex.inference.resampling import Plan, check_strata, sampling_units
from csindex.inference.stack import (
    THREADS,
    Collected,
    Draws,
    resampled,
)
from csindex.inference.standard import standard_statistics
from csindex.inference.stopping import in_order, interruptible
from csindex.kernels.arrays import IntArray
from csindex.kernels.threads import one_thread
from csindex.language.options import canonical
from csindex.results import GroupResults, Results, Statistic, one_fit
from csindex.results.statistics import WEIGHTS
from csindex.survey import Answers

# resamples drawn at most, per resample asked for, when failed ones are replaced
_MOST = 10
# resamples without n=
_DEFAULT = 10_000


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
    n: int = _DEFAULT,
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
    failed : {"drop", "keep", "replace", "drop_improper"}
        What becomes of resamples whose estimate did not converge or could not be
        computed: they are left out; kept, if they could be computed; left out and
        others drawn until there are n; or left out together with improper ones, as
        consistent PLS has with loadings beyond one. They are counted in any case.
    indices : array_like of int of shape (b, m), optional
        The respondents of each resample, as positions among those used; nothing
        is drawn then, and n is b.
    method : {"resample", "normal"}
        Whether respondents or buckets are drawn anew; or means and covariances from
        their asymptotic normal law, which takes the same time for every number of
        respondents.

    Returns
    -------
    Bootstrap or GroupBootstrap
        Standard errors, intervals and two-sided p-values. A group whose bootstrap
        fails is among the failures, with the reason.

    Raises
    ------
    SpecificationError
        If an option doesn't exist, n is too small for the level or the kind of
        interval, or studentized intervals are asked for with strata or clusters;
        if a method can't be used with the other options or such a sample.
    DataError
        If the fit has neither respondents nor buckets, or too few resamples could be
        estimated.

    Warns
    -----
    AnswersWarning
        If the bootstrap of a group fails.

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
    drawn = None
    if indices is not None:
        drawn = _checked_indices(indices, results)
        _check_given(n, len(drawn), failed)
        n = len(drawn)
    options = Options(
        canonical(interval, get_args(Interval)),
        level,
        inner,
        canonical(failed, get_args(Failed)),
        canonical(method, get_args(Method)),
    )
    check_options(n, seed, options)
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
    if isinstance(overall, CsindexError):
        problems = [f"everyone: {problem}" for problem in overall.problems]
        raise type(overall)(problems) from overall
    labelled = dict(zip(results.members, members, strict=True))
    made = {k: boot for k, boot in labelled.items() if isinstance(boot, Bootstrap)}
    failures = {
        label: "; ".join(lost.problems)
        for label, lost in labelled.items()
        if isinstance(lost, CsindexError)
    }
    if failures:
        listed = "; ".join(f"{label!r}: {why}" for label, why in failures.items())
        warnings.warn(
            f"groups of {results.by!r} without a bootstrap: {listed}",
            AnswersWarning,
            stacklevel=2,
        )
    return GroupBootstrap(results, overall, made, failures)


def _bootstraps(
    fits: Sequence[Results], plans: Sequence[Plan], options: Options
) -> list[Bootstrap | CsindexError]:
    """Bootstrap several fits, small ones in stacks of several; or say why not."""
    found: dict[int, Bootstrap | CsindexError] = {}
    draws: dict[int, Draws] = {}
    for k, (fit, plan) in enumerate(zip(fits, plans, strict=True)):
        try:
            draws[k] = _draws(fit, plan, options, None)
            _check_design(draws[k].answers, plan, options)
        except CsindexError as error:
            draws.pop(k, None)
            found[k] = error
            if not k:
                return [error]
    done: list[Bootstrap | CsindexError] = []
    work, together = partial(_pack_bootstraps, options), packs(list(draws.values()))
    with (
        one_thread(),
        interruptible(
            lambda: (
                f"after the bootstraps of {len(done)} of {len(draws)} fits, "
                "everyone's first"
            )
        ),
    ):
        for boots in in_order(work, together, THREADS):
            done.extend(boots)
    found |= dict(zip(draws, done, strict=True))
    return [found[k] for k in range(len(fits))]


def _pack_bootstraps(
    options: Options, pack: Sequence[Draws]
) -> list[Bootstrap | CsindexError]:
    chosen = _collected_statistics(pack[0].results)
    if len(pack) == 1:
        try:
            return [_settled(pack[0], resampled(pack[0], chosen), options)]
        except CsindexError as error:
            return [error]
    made: list[Bootstrap | CsindexError] = []
    for draws, own in zip(pack, collect_together(pack, chosen), strict=True):
        try:
            made.append(_settled(draws, own, options))
        except CsindexError as error:
            made.append(error)
    return made


def _collected_statistics(results: Results) -> list[Statistic]:
    """Return what every resample tells: the standard statistics, if it is improper."""
    return [*standard_statistics(results), IMPROPER]


def _bootstrap(
    results: Results, plan: Plan, options: Options, indices: IntArray | None = None
) -> Bootstrap:
    draws = _draws(results, plan, options, indices)
    _check_design(draws.answers, plan, options)
    found = resampled(draws, _collected_statistics(results))
    return _settled(draws, found, options)


def _settled(draws: Draws, found: Collected, options: Options) -> Bootstrap:
    """Return a bootstrap of the resamples that can be used, or refuse too few."""
    plan = draws.plan
    if options.failed == "replace":
        draws, found = _enlarged(draws, found)
    usable = found.admissible & (found.converged | (options.failed == "keep"))
    if options.failed == "replace":
        usable &= usable.cumsum() <= plan.n
    improper = usable & (found.values[IMPROPER.name][:, 0] > 0)
    if options.failed == "drop_improper":
        usable = usable & ~improper
    used = int(usable.sum())
    values = {
        name: part if usable.all() else part.T[:, usable].T
        for name, part in found.values.items()
        if name != IMPROPER.name
    }
    refused = without_scores(draws.results, values[WEIGHTS.name])
    had = draws.results.scores["note"].to_numpy() == ""
    counts = pd.Series(
        {
            "requested": plan.n,
            "used": used,
            "not_converged": int((found.admissible & ~found.converged).sum()),
            "inadmissible": int((~found.admissible).sum()),
            "improper": int(improper.sum()),
            "no_score": int((refused & had).any(axis=1).sum()),
        },
        name="resamples",
    )
    fewest = least(options.level)
    if used < fewest:
        improper_too = options.failed == "drop_improper"
        left = f", {counts['improper']} were improper" if improper_too else ""
        raise DataError(
            f"only {used} of {plan.n} resamples could be estimated; "
            f"{counts['not_converged']} did not converge, "
            f"{counts['inadmissible']} had an item without variance or items that "
            f"depend on each other{left}; at least {fewest} are needed"
        )
    known = with_gaps(draws.results, values, refused)
    return Bootstrap(draws, options, known, usable, counts)


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
    asked, statistics = draws.plan.n, _collected_statistics(draws.results)
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


def _check_given(n: int, rows: int, failed: str) -> None:
    """Refuse options that mean nothing beside given indices."""
    problems: list[str] = []
    if n not in (_DEFAULT, rows):
        problems.append(
            f"n={n} beside indices of {rows} resamples; leave n out, each row is one"
        )
    if canonical(failed, get_args(Failed)) == "replace":
        problems.append(
            "failed='replace' draws others for resamples that failed, and nothing is "
            "drawn beside indices; use 'drop', and see counts"
        )
    if problems:
        raise SpecificationError([f"bootstrap: {p}" for p in problems])


def _checked_indices(indices: ArrayLike, results: Results | GroupResults) -> IntArray:
    if not isinstance(results, Results):
        raise SpecificationError(
            "bootstrap: indices belong to one sample, not to groups"
        )
    try:
        table = np.asarray(indices)
    except ValueError as error:
        raise SpecificationError(
            "bootstrap: indices must be a table, with equally many respondents in "
            f"every row: {error}"
        ) from error
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
