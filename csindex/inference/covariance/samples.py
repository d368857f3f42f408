"""The groups of a survey as samples for one covariance structure."""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from dataclasses import dataclass, replace

from csindex.errors import ConvergenceWarning, DataError, quoted
from csindex.estimation.cbsem import CBSEM
from csindex.estimation.cbsem.checks import check_cases, check_identified, check_samples
from csindex.estimation.cbsem.fitted import Sample
from csindex.estimation.cbsem.fitting import fitted
from csindex.estimation.cbsem.groups import GroupEstimates
from csindex.estimation.cbsem.incomplete import gap_cases, gap_moments, gap_sample
from csindex.estimation.cbsem.samples import cases_of, moment_weights, sample_of
from csindex.estimation.cbsem.table import ParameterTable
from csindex.kernels.cbsem.fourth import Cases
from csindex.kernels.threads import one_thread
from csindex.model import Model
from csindex.moments import moments_of, split
from csindex.moments.incomplete import answer_problems
from csindex.survey import Answers, Survey


@dataclass(frozen=True, eq=False)
class GroupSamples:
    """The groups of a survey.

    Attributes
    ----------
    items : tuple of str
        The items.
    labels : tuple
        The groups, the reference group first.
    sizes : tuple of int
        Respondents of each.
    samples : tuple of Sample
        Their moments.
    cases : list of Cases, optional
        Their respondents, where errors or tests need them.
    """

    items: tuple[str, ...]
    labels: tuple[Hashable, ...]
    sizes: tuple[int, ...]
    samples: tuple[Sample, ...]
    cases: list[Cases] | None

    def fitted(
        self, table: ParameterTable, estimator: CBSEM, what: str
    ) -> GroupEstimates:
        """Return the fit of a table to all groups.

        Parameters
        ----------
        table : ParameterTable
            The structure of as many groups.
        estimator : CBSEM
            The estimator.
        what : str
            The model's name, for messages.

        Returns
        -------
        GroupEstimates
            The fit.

        Raises
        ------
        SpecificationError
            If the model isn't identified.
        DataError
            If covariances can't be inverted, or no solution exists.
        """
        with one_thread():
            check_samples(table, estimator.method, self.samples, self.items)
            fit = fitted(
                table, estimator.method, self.samples, estimator.max_iterations
            )
            check_identified(fit)
        if not fit.value[0] < float("inf"):
            raise DataError(
                f"the {what} model found no solution; simplify the model, or fit the "
                "groups one by one with csi.fit(by=)"
            )
        if not fit.converged[0]:
            warnings.warn(
                f"the {what} model did not converge in {fit.iterations[0]} iterations; "
                "don't report its numbers as they stand",
                ConvergenceWarning,
                stacklevel=5,
            )
        return GroupEstimates(fit, self.cases)


def group_samples(
    model: Model,
    survey: Survey,
    by: str,
    estimator: CBSEM,
    reference: Hashable | None,
) -> GroupSamples:
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

    Returns
    -------
    GroupSamples
        The groups.

    Raises
    ------
    DataError
        If there are fewer than two groups, or the reference isn't among them; with
        every group that is too small, or has a constant item.
    """
    treatment = estimator.incomplete or "listwise"
    answers = survey.answers(model.items, model.instrument, treatment)
    groups = split(answers, survey.labels(by))
    labels = [label for label, _ in groups]
    problems = [
        f"group {label!r} of {by!r}: {why}"
        for label, members in groups
        for why in answer_problems(members)
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
    groups.sort(key=lambda group: reference is not None and group[0] != reference)
    means = estimator.parameter_table(model).means
    made = [_sample(members, estimator, means) for _, members in groups]
    robust = estimator.method.robust
    return GroupSamples(
        model.items,
        tuple(label for label, _ in groups),
        tuple(len(members.values) for _, members in groups),
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
