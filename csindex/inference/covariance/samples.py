"""The groups of a survey as samples for one covariance structure."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Hashable
from dataclasses import dataclass, replace
from typing import Protocol

from csindex.errors import AnswersWarning, DataError, quoted
from csindex.estimation.cbsem import CBSEM
from csindex.estimation.cbsem.checks import (
    check_cases,
    check_identified,
    check_samples,
    cluster_problems,
)
from csindex.estimation.cbsem.fitted import Sample
from csindex.estimation.cbsem.fitting import fitted
from csindex.estimation.cbsem.groups import Equal, GroupEstimates, grouped
from csindex.estimation.cbsem.incomplete import gap_cases, gap_moments, gap_sample
from csindex.estimation.cbsem.merging import MergedGroups, Merging, merged_groups
from csindex.estimation.cbsem.ordinal_data import ordinal_items
from csindex.estimation.cbsem.ordinal_structure import (
    OrdinalGroups,
    ordinal_groups_of,
)
from csindex.estimation.cbsem.samples import cases_of, moment_weights, sample_of
from csindex.kernels.cbsem.fourth import Cases
from csindex.kernels.threads import one_thread
from csindex.model import Model
from csindex.moments import moments_of, split
from csindex.moments.incomplete import answer_problems
from csindex.results.fitting import design_caution
from csindex.survey import Answers, Survey


class Samples(Protocol):
    """The groups of a survey, to be fitted level by level."""

    @property
    def labels(self) -> tuple[Hashable, ...]:
        """The groups, the reference group first."""
        ...

    @property
    def sizes(self) -> tuple[int, ...]:
        """Respondents of each."""
        ...

    @property
    def merged(self) -> tuple[Merging, ...]:
        """The items of which categories were put together."""
        ...

    def fitted(
        self,
        model: Model,
        estimator: CBSEM,
        equal: Collection[Equal],
        partial: Collection[str],
    ) -> GroupEstimates:
        """Return the fit of a model to all groups.

        Parameters
        ----------
        model : Model
            The model.
        estimator : CBSEM
            The estimator.
        equal : collection of str
            What is equal between groups.
        partial : collection of str
            Parameters that may differ all the same.
        """
        ...


@dataclass(frozen=True, eq=False)
class _Groups:
    """The groups of a survey.

    Attributes
    ----------
    labels : tuple
        The groups, the reference group first.
    sizes : tuple of int
        Respondents of each.
    merged : tuple of Merging
        The items of which categories were put together.
    """

    labels: tuple[Hashable, ...]
    sizes: tuple[int, ...]
    merged: tuple[Merging, ...]


@dataclass(frozen=True, eq=False)
class GroupSamples(_Groups):
    """The groups of a survey, by their moments.

    Attributes
    ----------
    samples : tuple of Sample
        Their moments.
    cases : list of Cases, optional
        Their respondents, where errors or tests need them.
    """

    samples: tuple[Sample, ...]
    cases: list[Cases] | None

    def fitted(
        self,
        model: Model,
        estimator: CBSEM,
        equal: Collection[Equal],
        partial: Collection[str],
    ) -> GroupEstimates:
        """Return the fit of a model to all groups; see `Samples`."""
        one = estimator.parameter_table(model)
        table = grouped(one, len(self.labels), equal, partial)
        check_samples(table, estimator.method, self.samples, model.items)
        fit = fitted(table, estimator.method, self.samples, estimator.max_iterations)
        check_identified(fit)
        return GroupEstimates(fit, self.cases)


@dataclass(frozen=True, eq=False)
class OrdinalSamples(_Groups):
    """The groups of a survey with ordinal items.

    Attributes
    ----------
    groups : OrdinalGroups
        Their statistics.
    """

    groups: OrdinalGroups

    def fitted(
        self,
        model: Model,
        estimator: CBSEM,
        equal: Collection[Equal],
        partial: Collection[str],
    ) -> GroupEstimates:
        """Return the fit of a model to all groups; see `Samples`."""
        return self.groups.fitted(
            estimator.parameter_table(model),
            estimator.method,
            estimator.parameterization,
            equal,
            partial,
            estimator.max_iterations,
        )


def group_samples(
    model: Model,
    survey: Survey,
    by: str,
    estimator: CBSEM,
    reference: Hashable | None,
    merge: bool = False,
) -> Samples:
    """Return the groups of a survey as samples.

    Parameters
    ----------
    model : Model
        The model.
    survey : Survey
        The answers.
    by : str
        The column that divides them.
    estimator : CBSEM
        The estimator.
    reference : label, optional
        The group that comes first.
    merge : bool
        Whether categories that nobody of some group chose are put together with the
        next ones.

    Returns
    -------
    GroupSamples or OrdinalSamples
        The groups.

    Raises
    ------
    DataError
        If there are fewer than two groups, or the reference isn't among them; with
        every group that is too small, has a constant item, or lacks a category of an
        ordinal one.

    Warns
    -----
    AnswersWarning
        If the survey has weights or clusters that the estimator's tests don't allow
        for.
    """
    treatment = estimator.incomplete or "listwise"
    answers = survey.answers(model.items, model.instrument, treatment)
    groups = split(answers, survey.labels(by))
    labels = [label for label, _ in groups]
    robust = estimator.method.robust or bool(estimator.ordinal)
    problems = [
        f"group {label!r} of {by!r}: {why}"
        for label, members in groups
        for why in (*answer_problems(members), *cluster_problems(members, robust))
    ]
    if len(groups) < 2:
        problems.append(
            f"column {by!r} has {len(groups)} group with answers ({quoted(labels)}); "
            "invariance compares two or more"
        )
    if reference is not None and reference not in labels:
        problems.append(
            f"reference group {reference!r} is not in {by!r}; there are "
            f"{quoted(labels)}"
        )
    if problems:
        raise DataError(problems)
    if not estimator.method.robust and (told := design_caution(answers)):
        warnings.warn(told, AnswersWarning, stacklevel=3)
    groups.sort(key=lambda group: reference is not None and group[0] != reference)
    labels = [label for label, _ in groups]
    sizes = tuple(len(members.values) for _, members in groups)
    if estimator.ordinal:
        ordinal = ordinal_items(model.items, estimator.ordinal)
        shared = MergedGroups(dict(groups), ())
        if merge:
            shared = merged_groups(shared.groups, ordinal)
        with one_thread(lapack=True):
            made_of = ordinal_groups_of(shared.groups, ordinal, estimator.method)
        return OrdinalSamples(tuple(labels), sizes, shared.merged, made_of)
    means = estimator.parameter_table(model).means
    made = [_sample(members, estimator, means) for _, members in groups]
    return GroupSamples(
        tuple(labels),
        sizes,
        (),
        tuple(sample for sample, _ in made),
        [case for _, case in made if case is not None] if robust else None,
    )


def _sample(
    answers: Answers, estimator: CBSEM, means: bool
) -> tuple[Sample, Cases | None]:
    method = estimator.method
    if method.missing != "listwise":
        sample = gap_sample(answers, gap_moments(answers, None))
        case = gap_cases(answers, sample, method) if method.robust else None
        return sample, case
    sample = sample_of(moments_of(answers))
    if not (method.robust or method.weighted):
        return sample, None
    case = cases_of(answers, means)
    if method.weighted:
        check_cases(case, method)
        sample = replace(sample, weight=moment_weights([case], method))
    return sample, case
