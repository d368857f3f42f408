"""Differences of the index between groups, from the bootstraps of the groups."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd

from csindex.errors import DataError
from csindex.inference import intervals
from csindex.inference.distributions import Bootstrap
from csindex.inference.refused import without_scores
from csindex.inference.resampling import (
    chunk_size,
    drawn_weights,
    sampling_units,
)
from csindex.inference.spreads import Beside, Spread, spread
from csindex.inference.stack import Collected, collect, weighted_estimates
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.language.frames import Table
from csindex.results.statistics import SCORES, WEIGHTS

_COLUMNS = ["first", "second", "estimate", "se", "low", "high", "p"]


@dataclass(frozen=True, eq=False)
class Sides:
    """The groups whose indices are compared, all with an index.

    Attributes
    ----------
    overall : Bootstrap
        Everyone.
    members : mapping of label to Bootstrap
        The groups.
    position : int
        The index' position among the constructs.
    """

    overall: Bootstrap
    members: Mapping[Hashable, Bootstrap]
    position: int

    @cached_property
    def divided(self) -> int:
        """How many clusters have respondents of several groups."""
        answers = self.overall.draws.answers
        units = sampling_units(answers).of_rows
        if units is None:
            return 0
        found = [np.unique(units[self._rows(label)]) for label in self.members]
        counts = np.bincount(np.concatenate([np.empty(0, np.int64), *found]))
        return int((counts > 1).sum())

    @cached_property
    def drawn(self) -> Mapping[Hashable, FloatArray]:
        """The index of each group in every resample, NaN where there is none.

        The groups' own resamples are drawn independently; where groups share clusters,
        whole clusters are drawn for all groups at once.
        """
        if not self.divided:
            return {
                label: boot.replicates(SCORES.name)[:, self.position]
                for label, boot in self.members.items()
            }
        plan, answers = self.overall.draws.plan, self.overall.draws.answers
        return {
            label: self._jointly(label, drawn_weights(answers, plan))
            for label in self.members
        }

    @cached_property
    def left_out(self) -> Mapping[Hashable, FloatArray]:
        """The index of each group without each of everyone's clusters."""
        return {
            label: self._jointly(label, _without_each(self.overall))
            for label in self.members
        }

    def skewness(self, label: Hashable) -> intervals.Skewness:
        """Return what a group's own units add to an acceleration."""
        boot = self.members[label]
        left = boot.left_out(SCORES)[:, self.position, None]
        return intervals.skewness(left, sampling_units(boot.draws.answers).strata)

    def acceleration(self, first: Hashable, second: Hashable) -> FloatArray:
        """Return the acceleration of a difference, shape (1,)."""
        if self.divided:
            apart = (self.left_out[first] - self.left_out[second])[:, None]
            strata = sampling_units(self.overall.draws.answers).strata
            return intervals.acceleration(apart, strata)
        one, other = self.skewness(first), self.skewness(second)
        # independent samples; the second one counts negatively
        cubes, squares = one.cubes - other.cubes, one.squares + other.squares
        return intervals.accelerated(cubes, squares, np.array([100.0]))

    def inner(self, first: Hashable, second: Hashable, size: int) -> FloatArray:
        """Return standard errors of a difference within resamples, shape (size, 1)."""
        errors = [
            self.members[label].inner_errors(SCORES)[:size, self.position, None]
            for label in (first, second)
        ]
        return np.hypot(*errors)

    def _rows(self, label: Hashable) -> IntArray:
        """Return the positions of a group's respondents among everyone."""
        everyone = self.overall.draws.answers.rows
        order = np.argsort(everyone)
        own = self.members[label].draws.answers.rows
        return np.asarray(order[np.searchsorted(everyone, own, sorter=order)])

    def _jointly(self, label: Hashable, weights: Iterator[FloatArray]) -> FloatArray:
        """Return a group's index by weights (b, n) of everyone, shape (b,)."""
        boot, rows = self.members[label], self._rows(label)
        own = (np.ascontiguousarray(chunk[:, rows]) for chunk in weights)
        found = collect(weighted_estimates(boot.draws, own), [SCORES, WEIGHTS])
        return _usable_scores(boot, found)[:, self.position]


def differences(sides: Sides, told: Mapping[Hashable, float]) -> pd.DataFrame:
    """Return the differences of all pairs of groups.

    Parameters
    ----------
    sides : Sides
        The groups.
    told : mapping of label to float
        Their indices.

    Returns
    -------
    DataFrame
        first, second, estimate, se, low, high and p; ``attrs["notes"]`` says what has
        to be said of single pairs.
    """
    rows: list[list[object]] = []
    notes: list[str] = []
    for first, second in combinations(told, 2):
        estimate = told[first] - told[second]
        try:
            found = _difference(sides, first, second, estimate)
        except DataError as error:
            rows.append([first, second, estimate, *[np.nan] * 4])
            notes += [f"{first} - {second}: {problem}" for problem in error.problems]
            continue
        ends = [found.errors, found.low, found.high, found.p]
        rows.append([first, second, estimate, *(float(end[0]) for end in ends)])
        notes += found.notes([f"{first} - {second}"])
    if sides.divided:
        notes.append(
            f"{sides.divided} clusters have respondents of several groups: for the "
            "differences, whole clusters are drawn for all groups at once"
        )
    made = Table(rows, columns=_COLUMNS)
    made.attrs["notes"] = notes
    return made


def _difference(
    sides: Sides, first: Hashable, second: Hashable, estimate: float
) -> Spread:
    size = min(len(sides.drawn[first]), len(sides.drawn[second]))
    values = sides.drawn[first][:size] - sides.drawn[second][:size]
    return spread(
        values[:, None],
        np.array([estimate]),
        sides.overall.interval,
        sides.overall.level,
        Beside(
            lambda: sides.acceleration(first, second),
            lambda: sides.inner(first, second, size),
        ),
    )


def _usable_scores(boot: Bootstrap, found: Collected) -> FloatArray:
    """Return scores (b, j), NaN where an estimate failed or gives no score."""
    usable = found.converged | (boot.options.failed == "keep")
    lost = ~(usable & found.admissible)[:, None]
    refused = without_scores(boot.results, found.values[WEIGHTS.name])
    return np.where(lost | refused, np.nan, found.values[SCORES.name])


def _without_each(boot: Bootstrap) -> Iterator[FloatArray]:
    """Yield everyone's weights (b, n) without each sampling unit.

    The others of its stratum stand for it.
    """
    answers = boot.draws.answers
    units = sampling_units(answers)
    rows = np.arange(len(answers.values)) if units.of_rows is None else units.of_rows
    sizes = np.bincount(units.strata)
    size = chunk_size(answers)
    for start in range(0, len(units.strata), size):
        gone = np.arange(start, min(start + size, len(units.strata)))[:, None]
        stratum = units.strata[gone]
        beside = units.strata[rows] == stratum
        factor = np.where(beside, sizes[stratum] / (sizes[stratum] - 1), 1.0)
        yield answers.row_weights * np.where(rows == gone, 0.0, factor)
