"""Fit a model to a survey, to moments, or to every group of a survey."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any, get_args, overload

import numpy as np

from csindex.errors import (
    AnswersWarning,
    ConvergenceWarning,
    DataError,
    InadmissibleWarning,
    SpecificationError,
)
from csindex.estimation import PLS, Estimates, Estimator, row_estimator
from csindex.estimation.admissibility import explanation
from csindex.estimation.cbsem import CBSEM, CovarianceEstimates
from csindex.estimation.cbsem.cautions import warning_of
from csindex.estimation.cbsem.checks import check_identified, check_samples
from csindex.estimation.cbsem.ordinal_fit import OrdinalFit
from csindex.estimation.consistent import ConsistentEstimates
from csindex.estimation.naming import called
from csindex.kernels.linalg import correlation
from csindex.kernels.threads import one_thread
from csindex.language.options import canonical
from csindex.model import Model
from csindex.moments import Moments, stacked, value_problems
from csindex.moments.cautions import copy_cautions, have_copies
from csindex.moments.incomplete import Treated, answer_problems, treated
from csindex.results.asking import restriction_caution
from csindex.results.grouping import (
    check_by,
    group_answers,
    group_labels,
    unlabelled,
)
from csindex.results.groups import GroupResults
from csindex.results.results import Results
from csindex.survey import Answers, Incomplete, Survey, check_treatment, read_survey


@overload
def fit(
    model: Model,
    data: Any,
    estimator: Estimator | None = ...,
    by: None = ...,
    incomplete: Incomplete = ...,
) -> Results: ...
@overload
def fit(
    model: Model,
    data: Any,
    estimator: Estimator | None = ...,
    *,
    by: str,
    incomplete: Incomplete = ...,
) -> GroupResults: ...
def fit(
    model: Model,
    data: Any,
    estimator: Estimator | None = None,
    by: str | None = None,
    incomplete: Incomplete = "listwise",
) -> Results | GroupResults:
    """Fit a model.

    Parameters
    ----------
    model : Model
        The model, as ``csi.acsi()``.
    data : Survey, Moments, or anything `read_survey` reads
        The answers, or moments of them; moments by group give results by group, with
        or without ``by``. A file or frame that wasn't read with
        `read_survey` has no scales, so its fit has no 0-100 scores.
    estimator : Estimator, optional
        The method; `PLS` with its defaults if None.
    by : str, optional
        A column that divides the sample: everyone and all groups are fitted
        in one batch.
    incomplete : {"listwise", "pairwise", "pairwise_nearest", "mean", "em"}
        How missing answers are treated: respondents with all items only; every two
        items from those who answered both, and if no answers have such
        correlations, on request the nearest ones that answers can have; the item's
        mean in every gap; maximum likelihood for a normal population. The bootstrap
        redoes the treatment in every resample. Multiple imputation is
        `multiple_imputation`.

    Returns
    -------
    Results or GroupResults
        The results; with ``by``, those of every group and of everyone.

    Raises
    ------
    DataError
        With every problem of the answers; pairwise correlations that no answers
        have.
    SpecificationError
        If the estimator can't estimate such a model; if ``by`` has the name of a
        column of the tables of results, as ``"n"``.

    Warns
    -----
    ConvergenceWarning
        If the estimator, or EM, did not converge.
    InadmissibleWarning
        If the nearest correlation matrix takes the place of the pairwise one; if a
        solution of `CBSEM` or `PLSc` is improper, with the group it belongs to.
    AnswersWarning
        If a group could not be estimated, with the reason, or respondents are in none;
        if only those are used who were asked some construct's questions, as how a
        complaint was handled; if an item lacks most of its answers; if items are copies
        of each other; if a survey has weights or clusters that the standard errors of
        `CBSEM` don't allow for.

    Notes
    -----
    All covariances have the divisor n - 1, those of EM after scaling by n / (n - 1),
    pairwise ones by their own numbers of respondents; the n of pairwise results is the
    harmonic mean of these numbers. Without missing answers all treatments agree.

    References
    ----------
    Little & Rubin (2019), Statistical Analysis with Missing Data.
    Higham (2002), IMA Journal of Numerical Analysis 22 (nearest correlations).

    Examples
    --------
    >>> import csindex as csi
    >>> survey = csi.load_dataset("retail")
    >>> results = csi.fit(csi.acsi(), survey)
    >>> 60 < results.index < 90
    True
    """
    estimator = PLS() if estimator is None else estimator
    _check_call(model, estimator)
    incomplete = canonical(incomplete, get_args(Incomplete))
    check_treatment(incomplete)
    if isinstance(data, Moments):
        if by is not None and (data.division is None or data.division.by != by):
            raise SpecificationError(
                f"by={by!r} needs a survey, or moments that were made by it, as by "
                f"csi.moments(..., by={by!r})"
            )
        if incomplete != "listwise":
            raise SpecificationError(
                "incomplete= needs a survey: moments have no gaps any more"
            )
        chosen = _chosen_moments(model, data, estimator)
        if chosen.batch:
            with one_thread():
                return _fit_stack(model, chosen, estimator)
        estimates = _usable(estimator.estimate(model, chosen))
        _warn_copies([chosen], [""], depth=3)
        return Results(estimates, estimator)
    incomplete = _treatment(estimator, incomplete)
    survey = data if isinstance(data, Survey) else read_survey(data)
    answers = survey.answers(model.items, model.instrument, incomplete)
    if incomplete != "listwise" and (problems := answer_problems(answers)):
        raise DataError(problems)
    if told := restriction_caution(model, survey, answers, estimator):
        warnings.warn(told, AnswersWarning, stacklevel=2)
    if by is not None:
        with one_thread():
            return _fit_groups(model, survey, answers, estimator, by)
    made = treated(answers)
    _warn_cautions([made], [""], depth=3)
    estimates = _usable(_sample_estimates(model, answers, made, estimator))
    if row_estimator(estimator) is None:
        _warn_copies([made.moments], [""], depth=3)
    if _is_plain(estimates) and (told := design_caution(answers)):
        warnings.warn(told, AnswersWarning, stacklevel=2)
    return Results(_settled(estimates, made), estimator, survey, answers)


def _check_call(model: object, estimator: object) -> None:
    problems: list[str] = []
    if not isinstance(model, Model):
        problems.append(
            f"fit needs a model first, as csi.acsi(), not {type(model).__name__}"
        )
    if isinstance(estimator, type) or not hasattr(estimator, "estimate"):
        problems.append(f"fit needs an estimator, as csi.PLS(), not {estimator!r}")
    if problems:
        raise SpecificationError(problems)


def _treatment(estimator: Estimator, incomplete: Incomplete) -> Incomplete:
    """Return how missing answers are treated, which some estimators decide."""
    rows = row_estimator(estimator)
    own = None if rows is None else rows.incomplete
    if own is not None and incomplete not in ("listwise", own):
        raise SpecificationError(
            f"{called(estimator)} treats missing answers itself; leave "
            f"incomplete={incomplete!r} out"
        )
    return incomplete if own is None else own


def _chosen_moments(model: Model, made: Moments, estimator: Estimator) -> Moments:
    """Return the moments of the model's items, or refuse what can't be fitted."""
    if row_estimator(estimator) is not None:
        raise SpecificationError(
            f"{called(estimator)} needs the answers themselves: give fit the survey, "
            "not its moments"
        )
    chosen = made.select(model.items)
    if not chosen.batch and (problems := value_problems(chosen)):
        raise DataError(problems)
    return chosen


def _fit_groups(
    model: Model, survey: Survey, answers: Answers, estimator: Estimator, by: str
) -> GroupResults:
    labels = group_labels(survey, by)
    failures: dict[Hashable, str] = {}
    groups: list[tuple[Hashable, Answers]] = []
    samples = [treated(answers)]
    divided = group_answers(survey, model, answers, labels)
    for label, members in divided.items():
        problems: Sequence[str] = answer_problems(members)
        if not problems:
            try:
                samples.append(treated(members))
            except DataError as error:
                problems = error.problems
        if problems:
            failures[label] = "; ".join(problems)
        else:
            groups.append((label, members))
    if not groups:
        reasons = [
            f"group {label!r} of {by!r}: {why}" for label, why in failures.items()
        ]
        raise DataError(reasons or [f"column {by!r} has no groups"])
    parts: list[tuple[Hashable, Answers]] = [("", answers), *groups]
    wheres = [f"{by} {label}" if k else "" for k, (label, _) in enumerate(parts)]
    _warn_cautions(samples, wheres)
    batch = _group_estimates(model, parts, samples, estimator)
    sound = _sound(batch, [label for label, _ in parts], wheres, by, failures)
    fitted: list[tuple[Hashable, Results]] = []
    for k, member in sound.items():
        label, members = parts[k]
        estimates = _settled(member, samples[k])
        fitted.append(
            (label, Results(estimates, estimator, survey, members, wheres[k]))
        )
    if told := unlabelled(answers, labels):
        warnings.warn(told, AnswersWarning, stacklevel=3)
    if _is_plain(sound[0]) and (told := design_caution(answers)):
        warnings.warn(told, AnswersWarning, stacklevel=3)
    if row_estimator(estimator) is None:
        _warn_copies([samples[k].moments for k in sound], [wheres[k] for k in sound])
    _warn_unconverged(list(sound.values()))
    flows = {label: members.flow for label, members in divided.items()}
    return GroupResults(by, fitted[0][1], dict(fitted[1:]), failures, flows)


def _fit_stack(model: Model, made: Moments, estimator: Estimator) -> GroupResults:
    """Fit the groups of a stack of moments, and everyone, in one batch."""
    division = made.division
    if division is None:
        raise SpecificationError(
            f"these moments are a stack of {made.batch[0]}, and nothing says how "
            "everyone was divided; fit one of them, as moments[0], or make them by "
            "csi.moments(..., by=)"
        )
    check_by(division.by)
    failures = dict(division.failures)
    parts: list[tuple[Hashable, Moments]] = [("", division.overall)]
    for label, member in zip(made.labels, made, strict=True):
        if problems := value_problems(member):
            failures[label] = "; ".join(problems)
        else:
            parts.append((label, member))
    if problems := value_problems(division.overall):
        raise DataError(problems)
    stack = estimator.estimate(model, stacked([own for _, own in parts], parts))
    batch = [replace(stack[k], moments=own) for k, (_, own) in enumerate(parts)]
    wheres = [
        f"{division.by} {label}" if k else "" for k, (label, _) in enumerate(parts)
    ]
    labels = [label for label, _ in parts]
    sound = _sound(batch, labels, wheres, division.by, failures)
    _warn_copies([parts[k][1] for k in sound], [wheres[k] for k in sound])
    _warn_unconverged(list(sound.values()))
    fitted = {
        labels[k]: Results(member, estimator, group=wheres[k])
        for k, member in sound.items()
    }
    overall = fitted.pop("")
    flows = dict(zip(made.labels, division.flows, strict=True))
    return GroupResults(division.by, overall, fitted, failures, flows)


def _sound(
    batch: Sequence[Estimates | str],
    labels: Sequence[Hashable],
    wheres: Sequence[str],
    by: str,
    failures: dict[Hashable, str],
) -> dict[int, Estimates]:
    """Return the estimates that can be used, by position; everyone's is the first.

    Groups that failed are added to ``failures``, and warned of with those before.
    """
    found: dict[int, Estimates] = {}
    for position, (label, member) in enumerate(zip(labels, batch, strict=True)):
        reason = member if isinstance(member, str) else _group_failure(member, position)
        if reason or isinstance(member, str):
            if position == 0:
                raise DataError(f"the fit to everyone failed: {reason}")
            failures[label] = reason
            continue
        found[position] = member
        if told := _caution(member):
            where = wheres[position]
            told = f"{where}: {told}" if where else told
            warnings.warn(told, InadmissibleWarning, stacklevel=4)
    if failures:
        listed = "; ".join(f"{label!r}: {why}" for label, why in failures.items())
        warnings.warn(
            f"groups of {by!r} without results: {listed}", AnswersWarning, stacklevel=4
        )
    return found


def _group_estimates(
    model: Model,
    parts: Sequence[tuple[Hashable, Answers]],
    samples: Sequence[Treated],
    estimator: Estimator,
) -> list[Estimates | str]:
    """Return the estimates of each part, or why there are none."""
    if row_estimator(estimator) is None:
        stack = stacked([made.moments for made in samples], parts)
        batch = estimator.estimate(model, stack)
        return [batch[position] for position in range(len(parts))]
    found: list[Estimates | str] = []
    for (_, members), made in zip(parts, samples, strict=True):
        try:
            found.append(_sample_estimates(model, members, made, estimator))
        except (DataError, SpecificationError) as error:
            if not found:
                raise
            found.append("; ".join(error.problems))
    return found


def _sample_estimates(
    model: Model, answers: Answers, made: Treated, estimator: Estimator
) -> Estimates:
    """Return the estimates of one sample, from its moments if they are enough."""
    rows = row_estimator(estimator)
    if rows is None:
        return estimator.estimate(model, made.moments)
    if isinstance(rows, CBSEM) and rows.missing != "listwise":
        # the moments by EM are known already
        return rows.estimate_treated(model, answers, made.moments)
    return rows.estimate_answers(model, answers)


def _usable(estimates: Estimates) -> Estimates:
    """Return the estimates if they can be used, with a warning where due."""
    if reason := estimates.failure():
        raise DataError(reason)
    _warn_unconverged([estimates])
    # PLSc has told of itself
    if isinstance(estimates, CovarianceEstimates) and (told := _caution(estimates)):
        warnings.warn(told, InadmissibleWarning, stacklevel=3)
    return estimates


def _settled(estimates: Estimates, made: Treated) -> Estimates:
    """Return estimates that converged only if their moments did."""
    if made.converged:
        return estimates
    return replace(estimates, converged=np.zeros((), dtype=np.bool_))


def _warn_cautions(
    samples: Sequence[Treated], wheres: Sequence[str], depth: int = 4
) -> None:
    for made, where in zip(samples, wheres, strict=True):
        for caution in made.cautions:
            told = f"{where}: {caution}" if where else str(caution)
            warnings.warn(told, type(caution), stacklevel=depth)


def _warn_copies(
    samples: Sequence[Moments], wheres: Sequence[str], depth: int = 4
) -> None:
    """Warn of items that say the same: of everyone's once, not in every group.

    Estimators that see the answers tell of them, or refuse them, themselves.
    """
    corr = samples[0].corr[None]
    if len(samples) > 1:
        corr, _ = correlation(np.stack([made.cov for made in samples]))
    first = [str(told) for told in copy_cautions(samples[0].names, corr[0])]
    for k in np.flatnonzero(have_copies(corr)).tolist():
        where = wheres[k]
        for caution in copy_cautions(samples[k].names, corr[k]):
            if not where or str(caution) not in first:
                told = f"{where}: {caution}" if where else str(caution)
                warnings.warn(told, type(caution), stacklevel=depth)


def _group_failure(estimates: Estimates, position: int) -> str:
    """Return why one part of a batch can't be used; what holds for all is raised."""
    if isinstance(estimates, CovarianceEstimates):
        made = estimates.fit
        # thresholds are saturated: what must be identified is the rest
        fit = made.search if isinstance(made, OrdinalFit) else made
        try:
            check_samples(fit.table, fit.method, fit.samples, estimates.model.items)
            check_identified(fit)
        except (DataError, SpecificationError) as error:
            if position == 0:
                raise
            return "; ".join(error.problems)
    return estimates.failure()


def _caution(estimates: Estimates) -> str:
    """Return what is improper about estimates, and the ways out; empty if nothing."""
    if isinstance(estimates, CovarianceEstimates):
        return warning_of(estimates)
    if isinstance(estimates, ConsistentEstimates) and estimates.improper:
        return f"PLSc: {explanation(estimates)}"
    return ""


def _is_plain(estimates: Estimates) -> bool:
    """Return whether standard errors are those of simple random samples."""
    return (
        isinstance(estimates, CovarianceEstimates) and not estimates.fit.method.robust
    )


def design_caution(answers: Answers) -> str:
    """Return what uncorrected errors don't allow for; empty if there is nothing.

    Parameters
    ----------
    answers : Answers
        The answers.

    Returns
    -------
    str
        That there are weights, or clusters, and what to do.
    """
    weights = answers.weights
    parts = [
        ("weights", weights is not None and np.ptp(weights) > 0),
        ("clusters", answers.clusters is not None),
    ]
    found = " and ".join(name for name, there in parts if there)
    if not found:
        return ""
    return (
        f"the survey has {found}, which this estimator's standard errors and "
        "chi-square don't allow for: they hold for simple random samples only. Use "
        "csi.CBSEM('MLR'), or csi.bootstrap(results)"
    )


def _warn_unconverged(fits: Sequence[Estimates]) -> None:
    lost = sum(not bool(estimates.converged) for estimates in fits)
    if lost:
        steps = int(max(estimates.iterations for estimates in fits))
        structure = any(isinstance(e, CovarianceEstimates) for e in fits)
        instead = "a simpler model" if structure else "another scheme"
        which = "the estimate" if len(fits) == 1 else f"{lost} of {len(fits)} estimates"
        warnings.warn(
            f"{which} did not converge in {steps} iterations; try {instead} or more "
            "iterations, and don't report these numbers as they stand",
            ConvergenceWarning,
            stacklevel=4,
        )
