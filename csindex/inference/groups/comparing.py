"""Compare groups: invariance of measurement first, then differences."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable
from itertools import combinations

import numpy as np
import pandas as pd

from csindex.diagnostics.options import named_list, share_problems, whole_problems
from csindex.errors import (
    ConvergenceWarning,
    DataError,
    SpecificationError,
    quoted,
    unknown,
)
from csindex.estimation.cbsem import CovarianceEstimates
from csindex.inference.groups.differences import GroupComparison
from csindex.inference.groups.families import adjusted_within, resolution
from csindex.inference.groups.testing import (
    Groups,
    Pair,
    arranged,
    bootstraps,
    compared_labels,
    compared_values,
    least_permutations,
    omnibus_test,
    pair_tests,
    ranked,
)
from csindex.inference.multiplicity import adjusted
from csindex.inference.permutation import estimated
from csindex.inference.resampling import Plan
from csindex.kernels.arrays import FloatArray
from csindex.moments import split
from csindex.moments.incomplete import answer_problems
from csindex.results import Results, one_fit
from csindex.survey import Answers

_TESTS = ("p_permutation", "p_henseler", "p_parametric", "p_welch")
# problems of groups that an error lists
_TOLD = 12


def compare_groups(
    results: Results,
    by: str,
    n: int = 1000,
    seed: int = 1,
    level: float = 0.95,
    groups: Iterable[Hashable] | None = None,
) -> GroupComparison:
    r"""Say whether groups are measured alike, and how they differ.

    Parameters
    ----------
    results : Results
        A fit of everyone to a survey.
    by : str
        The column that divides the sample.
    n : int
        Number of permutations, and of resamples of each group.
    seed : int
        Seed of the random draws; equal seeds give equal numbers, whatever the order
        of the rows and the names of the groups.
    level : float
        Confidence level; invariance is tested at one minus it.
    groups : iterable, optional
        The groups to compare, two or more; all, if None.

    Returns
    -------
    GroupComparison
        Invariance, differences and their p-values.

    Raises
    ------
    SpecificationError
        If it isn't given the results of one fit, or an option can't be used; for
        covariance-based estimates, whose groups go through the invariance ladder.
    DataError
        If the fit was made from moments, the column or a group doesn't exist, there
        are fewer than two groups, or a group can't be estimated, with the reason.

    Warns
    -----
    ConvergenceWarning
        If a group's estimate did not converge.

    Notes
    -----
    Respondents are dealt anew into groups of the same sizes; two groups are compared
    by dealing out their own respondents only. If the groups come from one population,
    each such division is as likely as the one found, so that the permutation's
    p-values hold for every sample size. They are the share of divisions, the found
    one included, that differ as much in absolute value.

    Henseler's test counts in how many pairs of resamples the first group's value is
    not the larger one; twice the smaller share of the two sides is its p-value, which
    doesn't depend on which group comes first. The parametric test takes one variance
    of the estimates for both groups, Welch's one for each, from the bootstrap of each
    group; with sampling weights, from effective numbers of respondents.

    A model has dozens of parameters, of which one in twenty differs by chance. What is
    said to differ is therefore judged by ``p_adjusted``: the permutation's p-value,
    adjusted by Holm over all pairs of groups and all parameters of one statistic
    (paths, total effects, loadings, weights, scores; the index by itself). No
    p-value of ``n`` permutations is below 1 / (n + 1); a note tells where that is too
    coarse for any finding, and how many would do.

    `csindex.inference.groups.micom.micom` describes the tests of invariance,
    `csindex.inference.groups.testing.omnibus_test` that of all groups at once. The
    signs of all constructs are those of the fit to everyone. With strata, respondents
    change places within their stratum; clusters stay whole.

    References
    ----------
    Chin & Dibbern (2010), Handbook of Partial Least Squares, chapter 7; Henseler,
    Ringle & Sarstedt (2016), International Marketing Review 33(3); Holm (1979),
    Scandinavian Journal of Statistics 6(2); Sarstedt, Henseler & Ringle (2011),
    Advances in International Marketing 22.

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> found = compare_groups(results, by="wave", n=100)
    >>> found.micom.loc[found.micom["construct"] == "complaints", "c"].item()
    1.0
    """
    _check_call(results, by, n, seed, level)
    found = _groups(results, by, groups)
    plan, least = Plan(n, seed), least_permutations(level)
    resampled = bootstraps(found, plan, least)
    pairs = [
        pair_tests(found, pair, resampled, plan, level)
        for pair in combinations(range(len(found.labels)), 2)
    ]
    omnibus = pairs[0].omnibus
    if omnibus is None:
        omnibus = omnibus_test(found, plan, level)
    differences = _differences(found, pairs)
    used = min(pair.used for pair in pairs)
    settings = _settings(found, by, plan, level, used)
    told = resolution(differences, settings["index"], used, level)
    return GroupComparison(
        by,
        _sample(found),
        _pairwise(found, pairs),
        differences,
        omnibus,
        (*_notes(found, by), *([told] if told else [])),
        settings,
    )


def _check_call(results: object, by: object, n: int, seed: int, level: float) -> None:
    fit = one_fit(results, "compare_groups")
    if fit.survey is None or fit.answers is None:
        raise DataError(
            "compare_groups deals respondents into groups, and this fit was made from "
            "moments; fit the model to the survey"
        )
    problems: list[str] = []
    if isinstance(fit.estimates, CovarianceEstimates):
        problems.append(
            "covariance-based estimates compare groups by the invariance ladder "
            f"(configural, metric, scalar): use csi.invariance(model, survey, by={by!r}"
            "), or fit csi.PLS() here"
        )
    if not isinstance(by, str):
        problems.append(f"by must be the name of a column, not {by!r}")
    counted = [*whole_problems(1, n=n), *share_problems(level=level)]
    problems += [*counted, *whole_problems(0, seed=seed)]
    if not counted and n < (least := least_permutations(level)):
        problems.append(
            f"{n} permutations are too few for level {level:g}; use at least {least}, "
            "better 1000 or more"
        )
    if problems:
        raise SpecificationError([f"compare_groups: {p}" for p in problems])


def _groups(results: Results, by: str, chosen: Iterable[Hashable] | None) -> Groups:
    """Return the groups, each with its own fit."""
    survey, answers = results.survey, results.answers
    if survey is None or answers is None:
        raise DataError("groups need respondents")
    parts = dict(split(answers, survey.labels(by)))
    if chosen is not None:
        names = [chosen] if isinstance(chosen, str) else named_list("groups", chosen)
        by_text = {str(label): label for label in parts}
        if problems := unknown("group", map(str, names), by_text, f"of {by!r}"):
            raise DataError(problems)
        wanted = {by_text[str(name)] for name in names}
        parts = {label: own for label, own in parts.items() if label in wanted}
    if len(parts) < 2:
        where = f"column {by!r} has" if chosen is None else "groups= names"
        raise DataError(
            f"compare_groups needs two groups or more; {where} "
            + (f"only {quoted(parts)}" if parts else "none")
        )
    problems = [
        f"group {label!r} of {by!r}: {why}; leave it out with groups=, or put groups "
        "together"
        for label, own in parts.items()
        for why in answer_problems(own)
    ]
    if problems:
        left = len(problems) - _TOLD
        more = [f"and {left} more groups like these"] if left > 0 else []
        raise DataError(problems[:_TOLD] + more)
    place = {int(row): k for k, row in enumerate(answers.rows)}
    positions = [
        np.array([place[int(row)] for row in own.rows]) for own in parts.values()
    ]
    labels = tuple(parts)
    partition = arranged(answers, positions)
    members = tuple(
        _member(results, partition.group(k), f"{by} {label}")
        for k, label in enumerate(labels)
    )
    _check_members(members)
    ranks = ranked(partition)
    return Groups(results, labels, members, partition.renamed(ranks), ranks)


def _member(results: Results, answers: Answers, group: str) -> Results:
    """Return the fit of one group."""
    try:
        found = estimated(results, answers)
    except DataError as error:
        raise DataError([f"{group}: {problem}" for problem in error.problems]) from None
    return Results(found, results.estimator, results.survey, answers, group)


def _check_members(members: Iterable[Results]) -> None:
    failed = [member.group for member in members if not member.estimates.admissible]
    if failed:
        raise DataError(
            f"{quoted(failed)} can't be estimated: items say the same, or causes "
            "depend on each other; leave such groups out with groups="
        )
    lost = [member.group for member in members if not member.converged]
    if lost:
        warnings.warn(
            f"the estimates of {quoted(lost)} did not converge; don't report these "
            "numbers as they stand",
            ConvergenceWarning,
            stacklevel=4,
        )


def _sample(groups: Groups) -> pd.DataFrame:
    index = groups.pooled.model.index
    return pd.DataFrame(
        {
            "group": label,
            "n": member.n,
            "effective_n": member.effective_n,
            "index": np.nan
            if index is None
            else member.scores.set_index("construct").loc[index, "score"],
        }
        for label, member in zip(groups.labels, groups.members, strict=True)
    )


def _pairwise(groups: Groups, pairs: Iterable[Pair]) -> pd.DataFrame:
    tables: list[pd.DataFrame] = []
    for pair in pairs:
        table = pair.micom.copy()
        table.insert(0, "group_1", groups.labels[pair.first])
        table.insert(1, "group_2", groups.labels[pair.second])
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _differences(groups: Groups, pairs: list[Pair]) -> pd.DataFrame:
    labels = compared_labels(groups.pooled.model)
    values = [compared_values(member) for member in groups.members]
    by_pair = _over_pairs(np.stack([pair.p[0] for pair in pairs]))
    tables = [
        labels.assign(
            group_1=groups.labels[pair.first],
            group_2=groups.labels[pair.second],
            estimate_1=values[pair.first],
            estimate_2=values[pair.second],
            difference=values[pair.first] - values[pair.second],
            **dict(zip(_TESTS, pair.p, strict=True)),
            p_holm=own,
        )
        for pair, own in zip(pairs, by_pair, strict=True)
    ]
    table = pd.concat(tables, ignore_index=True)
    index = groups.pooled.model.index
    return table.assign(p_adjusted=adjusted_within(table, index, "holm"))


def _over_pairs(p: FloatArray) -> FloatArray:
    """Return p-values (pairs, k) adjusted over the pairs that have one."""
    return np.stack([adjusted(column, "holm") for column in p.T], axis=1)


def _notes(groups: Groups, by: str) -> tuple[str, ...]:
    notes = [
        f"{member.group} has no score of {row['construct']}: {row['note']}"
        for member in groups.members
        for _, row in member.scores.iterrows()
        if row["note"]
    ]
    left = groups.pooled.n - len(groups.partition.codes)
    if left:
        notes.append(
            f"{left} of {groups.pooled.n} respondents are in none of the groups of "
            f"{by!r} that are compared"
        )
    return tuple(notes)


def _settings(
    groups: Groups, by: str, plan: Plan, level: float, used: int
) -> pd.Series:
    entries = {
        **groups.pooled.settings.drop("iterations").to_dict(),
        "index": groups.pooled.model.index or "none",
        "groups": f"{quoted(groups.labels)} of {by!r}",
        "permutations": f"{used} of {plan.n}",
        "resamples of each group": str(plan.n),
        "seed": str(plan.seed),
        "level": f"{level:g}",
        "p_adjusted": "Holm, over all pairs and all parameters of one statistic",
        "signs": "as in the fit to everyone",
    }
    return pd.Series(entries, name="setting")
