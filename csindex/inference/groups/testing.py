"""Tests of differences between groups, on one stack of permutations."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from csindex.errors import DataError
from csindex.estimation import Estimates
from csindex.inference.groups import micom
from csindex.inference.permutation import (
    Partition,
    estimated,
    ordered,
    permuted_estimates,
)
from csindex.inference.resampling import Plan, check_strata, sampling_units
from csindex.inference.stack import (
    Collected,
    Draws,
    collect,
    resampled,
)
from csindex.kernels import differences as tests
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.implied import d_uls
from csindex.kernels.spectral import geodesic_distance
from csindex.model import Model
from csindex.results import Results, Statistic, statistics
from csindex.survey import Answers

# what is compared, in the order of the table
COMPARED = (
    statistics.PATHS,
    statistics.TOTAL_EFFECTS,
    statistics.LOADINGS,
    statistics.WEIGHTS,
    statistics.SCORES,
)
_DISTANCES = ("squared Euclidean distance", "geodesic distance")


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of a sample, each with its own fit.

    Attributes
    ----------
    pooled : Results
        The fit to everyone.
    labels : tuple
        Names of the groups, in order.
    members : tuple of Results
        Their fits, signs as in the pooled one.
    partition : Partition
        Their respondents, by an order of groups that depends on answers only.
    ranks : ndarray of int of shape (g,)
        Position of each group in that order.
    """

    pooled: Results
    labels: tuple[Hashable, ...]
    members: tuple[Results, ...]
    partition: Partition
    ranks: IntArray


@dataclass(frozen=True, eq=False)
class Pair:
    """The tests of two groups.

    Attributes
    ----------
    first, second : int
        Positions of the groups among the labels.
    micom : DataFrame
        Their invariance, construct by construct.
    p : ndarray of shape (4, k)
        p-values of every difference: by permutation, Henseler's, parametric, Welch's.
    used : int
        Permutations that could be estimated.
    omnibus : DataFrame, optional
        The tests of all differences at once, if there are two groups only.
    """

    first: int
    second: int
    micom: pd.DataFrame
    p: FloatArray
    used: int
    omnibus: pd.DataFrame | None


def arranged(answers: Answers, positions: Sequence[IntArray]) -> Partition:
    """Return the respondents of the groups in an order that depends on answers only.

    Parameters
    ----------
    answers : Answers
        The respondents of the fit to everyone.
    positions : sequence of ndarray of int
        Positions of each group's respondents among them.

    Returns
    -------
    Partition
        The groups, in the order given.
    """
    codes = np.full(len(answers.values), -1)
    for code, own in enumerate(positions):
        codes[own] = code
    order = ordered(answers)
    order = order[codes[order] >= 0]
    return Partition(answers.subset(order), codes[order], len(positions))


def ranked(partition: Partition) -> IntArray:
    """Return the position of each group in an order that depends on answers only."""
    keys = [
        (len(own.values), *np.nansum(own.values, axis=0), code)
        for code, own in enumerate(map(partition.group, range(partition.size)))
    ]
    ranks = np.empty(len(keys), dtype=np.int64)
    ranks[[key[-1] for key in sorted(keys)]] = np.arange(len(keys))
    return ranks


def bootstraps(groups: Groups, plan: Plan, least: int) -> list[FloatArray]:
    """Return the resampled statistics of each group.

    Parameters
    ----------
    groups : Groups
        The groups.
    plan : Plan
        Number of resamples of each group, and random stream.
    least : int
        Resamples that each group must have.

    Returns
    -------
    list of ndarray of shape (used, k)
        The values of `COMPARED`, group by group.

    Raises
    ------
    DataError
        If too few resamples of a group could be estimated.
    """
    found: list[FloatArray] = []
    for label, rank in zip(groups.labels, groups.ranks, strict=True):
        answers = groups.partition.group(int(rank))
        check_strata(sampling_units(answers))
        own = Plan(plan.n, plan.seed, (*plan.stream, 2, int(rank)))
        draws = Draws(groups.pooled, answers, own, None)
        made = resampled(draws, COMPARED)
        values = _together(made)[made.converged & made.admissible]
        if len(values) < least:
            raise DataError(
                f"only {len(values)} of {plan.n} resamples of group {label!r} could be "
                f"estimated, and {least} are needed; its answers vary too little"
            )
        found.append(values)
    return found


def pair_tests(
    groups: Groups,
    pair: tuple[int, int],
    resampled: Sequence[FloatArray],
    plan: Plan,
    level: float,
) -> Pair:
    """Return the tests of two groups.

    Parameters
    ----------
    groups : Groups
        All groups.
    pair : tuple of int
        Positions of two of them.
    resampled : sequence of ndarray of shape (b, k)
        The values of `bootstraps`.
    plan : Plan
        Number of permutations and random stream.
    level : float
        Confidence level.

    Returns
    -------
    Pair
        The tests.

    Raises
    ------
    DataError
        If too few permutations could be estimated.
    """
    ranks = sorted(int(groups.ranks[k]) for k in pair)
    members = [groups.members[k] for k in pair]
    partition = groups.partition.only(ranks)
    both = estimated(groups.pooled, partition.answers)
    scores = micom.pooled_scores(both)
    alone = len(groups.labels) == 2
    chosen = [*COMPARED, scores, *([_distances(2)] if alone else [])]
    own = Plan(plan.n, plan.seed, (*plan.stream, 1, *ranks))
    made = _permuted(groups.pooled, partition, own, chosen, level)
    weights = made.values[statistics.WEIGHTS.name].reshape(-1, 2, len(both.model.items))
    permuted = micom.contrast(
        both,
        weights,
        made.values[scores.name].reshape(len(weights), 2, -1),
        # the stack's variances have the divisor of both groups together
        partition.counts / (partition.counts - 1.0),
    )
    fits = [member.estimates for member in members]
    observed = micom.contrast(
        both,
        np.stack([statistics.WEIGHTS.compute(fit) for fit in fits]),
        np.stack([scores.compute(fit) for fit in fits]),
        np.ones(2),
    )
    values = _together(made).reshape(len(weights), 2, -1)
    return Pair(
        *pair,
        micom.micom(both.model, observed, permuted, level),
        _p_values(members, [resampled[k] for k in pair], values[:, 0] - values[:, 1]),
        len(weights),
        _omnibus(groups, made) if alone else None,
    )


def omnibus_test(groups: Groups, plan: Plan, level: float) -> pd.DataFrame:
    r"""Test whether any of the groups differs from any other.

    Parameters
    ----------
    groups : Groups
        Three groups or more.
    plan : Plan
        Number of permutations and random stream.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Statistic, distance and p.

    Notes
    -----
    Distances of the item correlations that the model implies in two groups, and sums
    of squared differences of parameters, each the mean over all pairs of groups.

    References
    ----------
    Klesel, Schuberth, Henseler & Niehaves (2019), Internet Research 29(3).
    """
    size = len(groups.labels)
    chosen = [*COMPARED, _distances(size)]
    own = Plan(plan.n, plan.seed, (*plan.stream, 0))
    return _omnibus(
        groups, _permuted(groups.pooled, groups.partition, own, chosen, level)
    )


def compared_values(member: Results) -> FloatArray:
    """Return the statistics of one group, shape (k,); NaN for a score with a note."""
    given = member.scores["score"].to_numpy(dtype=np.float64)
    parts = [statistic.compute(member.estimates) for statistic in COMPARED[:-1]]
    return np.concatenate([*parts, given])


def compared_labels(model: Model) -> pd.DataFrame:
    """Return the names of the statistics.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    DataFrame
        Statistic, source, target, construct and item; empty where there is none.
    """
    tables = [
        statistic.labels(model).assign(statistic=statistic.name)
        for statistic in COMPARED
    ]
    columns = ["statistic", "source", "target", "construct", "item"]
    return pd.concat(tables, ignore_index=True).reindex(columns=columns).fillna("")


def _p_values(
    members: Sequence[Results], resampled: Sequence[FloatArray], permuted: FloatArray
) -> FloatArray:
    """Return p-values (4, k): by permutation, Henseler's, parametric, Welch's."""
    first, second = (compared_values(member) for member in members)
    difference = first - second
    errors = np.stack([values.std(axis=0, ddof=1) for values in resampled])
    sizes = np.array([member.effective_n for member in members])
    one_tailed = tests.exceedance(*resampled)
    p = np.stack(
        [
            tests.permutation_p(np.abs(difference), np.abs(permuted)),
            2 * np.minimum(one_tailed, 1 - one_tailed),
            tests.pooled_test(difference, errors, sizes),
            tests.welch_test(difference, errors, sizes),
        ]
    )
    p[:, np.isnan(difference)] = np.nan
    return p


def _permuted(
    pooled: Results,
    partition: Partition,
    plan: Plan,
    chosen: Sequence[Statistic],
    level: float,
) -> Collected:
    """Return statistics of the permutations all of whose groups could be estimated."""
    made = collect(permuted_estimates(pooled, partition, plan), chosen)
    size = partition.size
    usable = (made.converged & made.admissible).reshape(-1, size).all(axis=1)
    least = least_permutations(level)
    if usable.sum() < least:
        raise DataError(
            f"only {int(usable.sum())} of {plan.n} permutations could be estimated, "
            f"and {least} are needed; groups of {partition.counts.tolist()} "
            "respondents are too small for the model"
        )
    kept = np.repeat(usable, size)
    return Collected(
        {name: values[kept] for name, values in made.values.items()},
        made.converged[kept],
        made.admissible[kept],
    )


def least_permutations(level: float) -> int:
    """Return the least number of permutations that can reject at a level."""
    return math.ceil(2 / (1 - level) - 1e-9)


def _distances(size: int) -> Statistic:
    """Return the statistic of distances among the groups of each permutation.

    Its values, shape (b * g, 2), are the same for all groups of a permutation.
    """

    def compute(estimates: Estimates) -> FloatArray:
        implied = estimates.implied_corr()
        grouped = implied.reshape(-1, size, *implied.shape[-2:])
        return np.repeat(_mean_distances(grouped), size, axis=0)

    return Statistic(
        "distances",
        compute,
        lambda model: pd.DataFrame({"distance": _DISTANCES}),
        tested=False,
    )


def _mean_distances(implied: FloatArray) -> FloatArray:
    """Return mean distances (b, 2) over all pairs of matrices (b, g, p, p)."""
    pairs = list(combinations(range(implied.shape[1]), 2))
    found = np.zeros((len(implied), 2))
    for a, b in pairs:
        first, second = implied[:, a], implied[:, b]
        found[:, 0] += d_uls(first, second)
        found[:, 1] += geodesic_distance(first, second)
    return found / len(pairs)


def _omnibus(groups: Groups, made: Collected) -> pd.DataFrame:
    """Return the tests of all groups at once."""
    size = len(groups.labels)
    fits = [member.estimates for member in groups.members]
    distances = _mean_distances(np.stack([fit.implied_corr() for fit in fits])[None])
    rows: list[dict[str, object]] = []
    for k, name in enumerate(_DISTANCES):
        permuted = made.values["distances"][::size, k, None]
        rows.append(_tested(f"implied correlations, {name}", distances[:, k], permuted))
    for statistic in COMPARED:
        own = np.stack([statistic.compute(fit) for fit in fits])
        drawn = made.values[statistic.name]
        known = np.isfinite(own).all(axis=0)
        if known.any():
            sample = _apart(own[None, :, known])
            permuted = _apart(drawn[:, known].reshape(-1, size, int(known.sum())))
            rows.append(_tested(statistic.name, sample, permuted[:, None]))
    return pd.DataFrame(rows)


def _tested(name: str, sample: FloatArray, permuted: FloatArray) -> dict[str, object]:
    return {
        "statistic": name,
        "distance": float(sample[0]),
        "p": float(tests.permutation_p(sample, permuted)[0]),
    }


def _apart(values: FloatArray) -> FloatArray:
    """Return sums of squared differences, mean over pairs, of values (b, g, k)."""
    size = values.shape[1]
    # the squared differences of all pairs add up to g times the squares about the mean
    squares = ((values - values.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2))
    return np.asarray(2 * squares / (size - 1))


def _together(made: Collected) -> FloatArray:
    """Return the values of `COMPARED` side by side, shape (b, k)."""
    return np.concatenate([made.values[s.name] for s in COMPARED], axis=1)
