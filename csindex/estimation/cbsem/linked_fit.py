"""Fitting models with ordinal items to groups that share thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from csindex.estimation.cbsem.checks import check_identified
from csindex.estimation.cbsem.linked_table import LinkedTable
from csindex.estimation.cbsem.methods import Method
from csindex.estimation.cbsem.ordinal_fit import (
    OrdinalData,
    OrdinalFit,
    OrdinalSearch,
    triangle_places,
)
from csindex.estimation.cbsem.starts import cautious, starting_values
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.cbsem.constrained import minimise_constrained
from csindex.kernels.cbsem.discrepancy import stacked
from csindex.kernels.cbsem.optimise import Optimum, minimise
from csindex.kernels.ordinal.linked import LevelSquares, LinkedObjective, LinkedPoint
from csindex.kernels.ordinal.moments import OrdinalMoments


@dataclass(frozen=True, eq=False)
class LinkedSearch(OrdinalSearch):
    """The fit of the parameters of groups that share thresholds.

    Attributes
    ----------
    whole : LinkedTable
        The whole table.
    data : tuple of OrdinalData
        The groups' statistics.
    """

    whole: LinkedTable
    data: tuple[OrdinalData, ...]

    @cached_property
    def objective(self) -> LinkedObjective:
        """What was minimised."""
        return linked_objective(self.whole, self.method, self.data)

    @cached_property
    def point(self) -> LinkedPoint:
        """The objective at the parameters."""
        return self.objective.at(self.theta)


@dataclass(frozen=True, eq=False)
class LinkedFit(OrdinalFit):
    """A model with ordinal items fitted to groups that share thresholds, once."""

    table: LinkedTable
    search: LinkedSearch


def linked_fit(
    table: LinkedTable,
    method: Method,
    data: Sequence[OrdinalData],
    most: int = 500,
) -> LinkedFit:
    """Fit a model with ordinal items to groups that share thresholds.

    Parameters
    ----------
    table : LinkedTable
        The structure.
    method : Method
        What is minimised: WLS, DWLS or ULS.
    data : sequence of OrdinalData
        The statistics of each group, once, with their covariances.
    most : int
        Steps at most.

    Returns
    -------
    LinkedFit
        The fit.

    Raises
    ------
    SpecificationError
        If the parameters aren't identified.
    """
    found = _from_rough_values(table, method, data, most)
    samples = tuple(part.sample for part in data)
    search = LinkedSearch(
        table.core,
        method,
        samples,
        found.theta,
        found.value,
        found.converged,
        found.iterations,
        table,
        tuple(data),
    )
    check_identified(search)
    return LinkedFit(
        table,
        method,
        samples,
        search.point.long,
        found.value,
        found.converged,
        found.iterations,
        search,
        tuple(data),
    )


def linked_objective(
    table: LinkedTable, method: Method, data: Sequence[OrdinalData]
) -> LinkedObjective:
    """Return the least squares that are minimised.

    Parameters
    ----------
    table : LinkedTable
        The structure.
    method : Method
        What statistics are weighted by.
    data : sequence of OrdinalData
        The statistics of each group, once.

    Returns
    -------
    LinkedObjective
        The objective of all groups.
    """
    sizes = np.array([[float(part.sample.n[0]) - 1 for part in data]])
    squares = [
        LevelSquares(
            np.concatenate(
                [
                    part.levels,
                    stacked(part.sample.cov, part.sample.mean, means=False),
                ],
                axis=1,
            ),
            _placed_weight(part.known, method)[None],
            table.group_levels(group),
        )
        for group, part in enumerate(data)
    ]
    return LinkedObjective(
        table.rams,
        [],
        sizes / sizes.sum(axis=1, keepdims=True),
        table.structural + table.derived,
        table.units,
        table.structural,
        squares,
    )


def statistic_places(moments: OrdinalMoments) -> IntArray:
    """Return the places (q,) of statistics among levels and an upper triangle."""
    m = int((~moments.elements.is_covariance).sum())
    return np.concatenate([np.arange(m), m + triangle_places(moments)])


def statistic_weight(moments: OrdinalMoments, method: Method) -> FloatArray:
    """Return the weight (q,) or (q, q) of all statistics of a group."""
    if method.discrepancy == "WLS":
        return np.asarray(np.linalg.inv(moments.gamma))
    spread = np.diagonal(moments.gamma)
    return np.ones(len(spread)) if method.discrepancy == "ULS" else 1 / spread


def _placed_weight(moments: OrdinalMoments, method: Method) -> FloatArray:
    """Return the weight of levels and an upper triangle, zero at fixed variances."""
    p = len(moments.sizes)
    places, weight = statistic_places(moments), statistic_weight(moments, method)
    m = len(places) - int(moments.elements.is_covariance.sum())
    size = m + p * (p + 1) // 2
    found = np.zeros((size,) * weight.ndim)
    found[np.ix_(*[places] * weight.ndim)] = weight
    return found


def _from_rough_values(
    table: LinkedTable, method: Method, data: Sequence[OrdinalData], most: int
) -> Optimum:
    rough = _rough_values(table, data)
    found = _searched(table, method, data, rough[None], most)
    if not found.converged[0]:
        start = cautious(table.core, rough)[None]
        other = _searched(table, method, data, start, most)
        if other.converged[0] or not found.value[0] <= other.value[0]:
            return other
    return found


def _rough_values(table: LinkedTable, data: Sequence[OrdinalData]) -> FloatArray:
    """Return starting values; thresholds are the average of the groups'."""
    larger = np.ones(len(table.observed))
    # by theta about half of the variance is residual, which is one
    if table.parameterization == "theta":
        larger[np.array(table.sizes) > 0] = np.sqrt(2.0)
    covs = [part.sample.cov[0] * larger * larger[:, None] for part in data]
    core = table.core
    found = starting_values(core, covs, [part.sample.mean[0] for part in data])
    sums, counts = np.zeros_like(found), np.zeros_like(found)
    for group, part in enumerate(data):
        levels = table.group_levels(group)
        on = levels.thresholds[levels.cut]
        np.add.at(sums, on, (part.levels[0] * larger[levels.items])[levels.cut])
        np.add.at(counts, on, 1.0)
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1.0), found))


def _searched(
    table: LinkedTable,
    method: Method,
    data: Sequence[OrdinalData],
    start: FloatArray,
    most: int,
) -> Optimum:
    goal, core = linked_objective(table, method, data), table.core
    if not core.linear:
        return minimise_constrained(goal, start, core.held, most)
    point, basis = core.flat
    start = point + (start - point) @ basis @ basis.T
    return minimise(goal, start, None if basis.shape[1] == core.size else basis, most)
