"""Permuted groups and folds: other ways to fill the stack of moments.

A permutation deals the respondents anew into groups of the same sizes; a fold leaves
some of them out. Both are rows of weights, as a resample is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from csindex.errors import DataError
from csindex.estimation import Estimates, row_estimator
from csindex.inference.resampling import (
    STREAM_BLOCK,
    Plan,
    chunk_size,
    sampling_units,
)
from csindex.inference.stack import Chunk, Draws, weighted_estimates
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.moments.incomplete import treated
from csindex.results import Results
from csindex.survey import Answers


@dataclass(frozen=True, eq=False)
class Partition:
    """Respondents, and the group that each belongs to.

    Attributes
    ----------
    answers : Answers
        The respondents of all groups.
    codes : ndarray of int of shape (n,)
        Position of each respondent's group.
    size : int
        Number of groups.
    """

    answers: Answers
    codes: IntArray
    size: int

    @property
    def counts(self) -> IntArray:
        """Respondents of each group."""
        return np.bincount(self.codes, minlength=self.size).astype(np.int64)

    def group(self, position: int) -> Answers:
        """Return the respondents of one group."""
        return self.answers.subset(np.flatnonzero(self.codes == position))

    def renamed(self, codes: IntArray) -> Partition:
        """Return the same groups at other positions."""
        return Partition(self.answers, codes[self.codes], self.size)

    def only(self, positions: Sequence[int]) -> Partition:
        """Return some of the groups, in the order given."""
        place = np.full(self.size, -1)
        place[list(positions)] = np.arange(len(positions))
        kept = np.flatnonzero(place[self.codes] >= 0)
        return Partition(
            self.answers.subset(kept), place[self.codes[kept]], len(positions)
        )


def ordered(answers: Answers) -> IntArray:
    """Return the respondents' positions in an order that depends on answers only.

    Draws go by position. In this order they don't depend on the order of the rows.

    Parameters
    ----------
    answers : Answers
        The answers.

    Returns
    -------
    ndarray of int of shape (n,)
        Positions, by stratum, cluster, answers and weight.
    """
    design = (answers.weights, answers.clusters, answers.strata)
    keys = [*answers.values.T[::-1], *(own for own in design if own is not None)]
    return np.lexsort(keys).astype(np.int64)


def estimated(results: Results, answers: Answers) -> Estimates:
    """Return the estimates of a part of a fit's respondents.

    Parameters
    ----------
    results : Results
        The fit.
    answers : Answers
        The part.

    Returns
    -------
    Estimates
        Estimates without batch axes, signs as in the fit.
    """
    rows = row_estimator(results.estimator)
    with np.errstate(invalid="ignore", divide="ignore"):
        if rows is None:
            made = treated(answers).moments
            found = results.estimator.estimate(results.model, made)
        else:
            found = rows.estimate_answers(results.model, answers)
        return found.aligned(results.estimates)


def permuted_estimates(
    results: Results, partition: Partition, plan: Plan
) -> Iterator[Chunk]:
    """Yield the estimates of every group of every permutation, chunk by chunk.

    Parameters
    ----------
    results : Results
        The fit to everyone.
    partition : Partition
        The groups.
    plan : Plan
        Number of permutations and random stream.

    Yields
    ------
    callable
        Makes `Estimates` with one batch axis: group by group, permutation after
        permutation; signs as in the fit. No chunk divides a permutation.
    """
    draws = Draws(results, partition.answers, plan, None)
    for codes in permuted_codes(partition, plan):
        yield from weighted_estimates(draws, [_group_weights(partition, codes)])


def permuted_codes(
    partition: Partition, plan: Plan, size: int | None = None
) -> Iterator[IntArray]:
    """Yield the groups of the respondents in every permutation, chunk by chunk.

    Sampling units change places within their stratum; clusters stay whole.

    Parameters
    ----------
    partition : Partition
        The groups.
    plan : Plan
        Number of permutations and random stream.
    size : int, optional
        Permutations per chunk at most; it does not change any number.

    Yields
    ------
    ndarray of int of shape (b, n)
        Positions of groups.

    Raises
    ------
    DataError
        If a cluster has members of several groups, or every stratum one group only.
    """
    if size is None:
        # one stream's block at most, so that threads share the work
        fitting = chunk_size(partition.answers) // partition.size
        size = max(1, min(STREAM_BLOCK, fitting))
    units = sampling_units(partition.answers)
    own = _unit_codes(partition, units.of_rows)
    strata = units.strata
    _check_exchangeable(own, strata)
    # units stratum by stratum, and in each group by group
    order = np.lexsort((own, strata))
    dealt = own[order].astype(np.int16 if partition.size < 2**15 else np.int64)
    places = np.argsort(strata, kind="stable")
    parts = np.split(
        np.arange(len(places)), np.flatnonzero(np.diff(strata[places])) + 1
    )
    waiting: list[np.ndarray] = []
    for block, start in enumerate(range(0, plan.n, STREAM_BLOCK)):
        sequence = np.random.SeedSequence(plan.seed, spawn_key=(*plan.stream, block))
        generator = np.random.default_rng(sequence)
        drawn = np.tile(dealt, (STREAM_BLOCK, 1))
        for part in parts:
            drawn[:, part] = generator.permuted(drawn[:, part], axis=1)
        codes = np.empty_like(drawn)
        codes[:, places] = drawn
        waiting.append(codes[: plan.n - start])
        while sum(map(len, waiting)) >= size:
            ready = np.concatenate(waiting)
            yield _of_rows(ready[:size], units.of_rows)
            waiting = [ready[size:]]
    if sum(map(len, waiting)):
        yield _of_rows(np.concatenate(waiting), units.of_rows)


def fold_estimates(draws: Draws, folds: IntArray) -> Iterator[Chunk]:
    """Yield the estimates without each fold, chunk by chunk.

    Parameters
    ----------
    draws : Draws
        The fit and its respondents; its plan doesn't matter.
    folds : ndarray of int of shape (r, n)
        Fold of each respondent, from 0, in every repeat; as many in each repeat.

    Yields
    ------
    callable
        Makes `Estimates` with one batch axis: fold by fold, repeat after repeat;
        signs as in the fit.
    """
    answers = draws.answers
    count = int(folds.max()) + 1
    own = answers.row_weights
    repeats, left_out = np.divmod(np.arange(len(folds) * count), count)
    together = chunk_size(answers)
    for start in range(0, len(left_out), together):
        rows = slice(start, start + together)
        gone = folds[repeats[rows]] == left_out[rows, None]
        yield from weighted_estimates(draws, [np.where(gone, 0.0, own)])


def drawn_folds(answers: Answers, folds: int, repeats: int, seed: int) -> IntArray:
    """Return random folds of equal sizes; clusters stay whole.

    Parameters
    ----------
    answers : Answers
        The respondents.
    folds : int
        Number of folds.
    repeats : int
        How often they are drawn.
    seed : int
        Seed of the draws.

    Returns
    -------
    ndarray of int of shape (repeats, n)
        Fold of each respondent, from 0.

    Raises
    ------
    DataError
        If there are fewer sampling units than folds.
    """
    units = sampling_units(answers)
    size = len(units.strata)
    if folds > size:
        what = "respondents" if units.of_rows is None else "clusters"
        raise DataError(
            f"{folds} folds of {size} {what} leave some folds empty; ask for at most "
            f"{size} folds"
        )
    found = np.empty((repeats, len(answers.values)), dtype=np.int64)
    equal = np.arange(size) * folds // size
    order = ordered(answers) if units.of_rows is None else np.arange(size)
    for repeat in range(repeats):
        sequence = np.random.SeedSequence(seed, spawn_key=(repeat,))
        drawn = np.empty(size, dtype=np.int64)
        drawn[order] = np.random.default_rng(sequence).permutation(equal)
        found[repeat] = drawn if units.of_rows is None else drawn[units.of_rows]
    return found


def _group_weights(partition: Partition, codes: IntArray) -> FloatArray:
    """Return the weights (b * g, n) of the respondents in each permuted group."""
    inside = codes[:, None, :] == np.arange(partition.size)[:, None]
    own = partition.answers.weights
    weights = np.where(inside, 1.0 if own is None else own, 0.0)
    return weights.reshape(-1, codes.shape[-1])


def _of_rows(codes: np.ndarray, of_rows: IntArray | None) -> IntArray:
    return codes if of_rows is None else codes[:, of_rows]


def _unit_codes(partition: Partition, of_rows: IntArray | None) -> IntArray:
    """Return the group of each sampling unit."""
    if of_rows is None:
        return partition.codes
    pairs = np.unique(np.column_stack([of_rows, partition.codes]), axis=0)
    divided = len(pairs) - len(np.unique(pairs[:, 0]))
    if divided:
        raise DataError(
            f"{divided} clusters have respondents of several groups, so that whole "
            "clusters can't change places; compare groups that consist of clusters, "
            "or read the survey without clusters="
        )
    return np.asarray(pairs[:, 1])


def _check_exchangeable(codes: IntArray, strata: IntArray) -> None:
    pairs = np.unique(np.column_stack([strata, codes]), axis=0)
    if len(pairs) == len(np.unique(strata)):
        raise DataError(
            "every stratum has sampling units of one group only, so that none can "
            "change places within its stratum; compare the groups' bootstraps "
            "instead, as csi.bootstrap(csi.fit(model, survey, by=...)).differences"
        )
