"""Fitting models with ordinal items to polychoric correlations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np

from csindex.estimation.cbsem.checks import check_identified
from csindex.estimation.cbsem.fitted import CovarianceFit, Sample
from csindex.estimation.cbsem.methods import Method
from csindex.estimation.cbsem.ordinal_table import OrdinalTable
from csindex.estimation.cbsem.starts import cautious, starting_values
from csindex.estimation.cbsem.table import row_values
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.cbsem.constrained import minimise_constrained
from csindex.kernels.cbsem.discrepancy import WeightedSquares, stacked
from csindex.kernels.cbsem.optimise import Optimum, minimise
from csindex.kernels.cbsem.unit import UnitObjective, UnitPoint
from csindex.kernels.ordinal.moments import OrdinalMoments

# a share of residual variance that is all but none
NO_RESIDUAL_SHARE = 1e-3


@dataclass(frozen=True, eq=False)
class OrdinalData:
    """One group's statistics, in a stack of b.

    Attributes
    ----------
    sample : Sample
        Polychoric covariances with their weight, a diagonal (b, s) or full
        (b, s, s), in least squares; zero at variances of ordinal items.
    levels : ndarray of shape (b, m)
        Thresholds of ordinal and means of continuous items, item by item.
    moments : OrdinalMoments, optional
        All statistics with their covariance, of a stack of one.
    """

    sample: Sample
    levels: FloatArray
    moments: OrdinalMoments | None = None

    @property
    def known(self) -> OrdinalMoments:
        """The statistics with their covariance, which a stack of resamples lacks."""
        if self.moments is None:
            raise ValueError("resamples have no covariance of their statistics")
        return self.moments

    def chosen(self, members: IntArray) -> OrdinalData:
        """Return some members of the stack."""
        return OrdinalData(self.sample.chosen(members), self.levels[members])


@dataclass(frozen=True, eq=False)
class OrdinalSearch(CovarianceFit):
    """The structural part of a fit: its table has the structural parameters only.

    Attributes
    ----------
    whole : OrdinalTable
        The whole table.
    """

    whole: OrdinalTable

    @cached_property
    def objective(self) -> UnitObjective:
        """What was minimised."""
        return unit_objective(self.whole, self.samples)

    @cached_property
    def point(self) -> UnitPoint:
        """The objective at the parameters."""
        return self.objective.at(self.theta)


@dataclass(frozen=True, eq=False)
class OrdinalFit(CovarianceFit):
    """A model with ordinal items fitted to g groups, b times over.

    Parameters are those of an `OrdinalTable`.

    Attributes
    ----------
    search : OrdinalSearch
        The fit of the structural parameters.
    data : tuple of OrdinalData
        The groups' statistics.
    """

    table: OrdinalTable
    search: OrdinalSearch
    data: tuple[OrdinalData, ...]

    @cached_property
    def point(self) -> UnitPoint:
        """The objective at the structural parameters."""
        return self.search.point

    @cached_property
    def expected(self) -> FloatArray:
        """Expected information (b, t, t); zero but for structural parameters."""
        return self._padded(self.search.expected)

    @cached_property
    def observed(self) -> FloatArray:
        """Observed information (b, t, t); zero but for structural parameters."""
        return self._padded(self.search.observed)

    @cached_property
    def basis(self) -> FloatArray:
        """Directions (t, m) of structural parameters that the constraints leave."""
        own = self.search.basis
        rest = np.zeros((self.table.size - len(own), own.shape[1]))
        return np.concatenate([own, rest])

    def _padded(self, information: FloatArray) -> FloatArray:
        more = self.table.size - information.shape[-1]
        return np.pad(information, ((0, 0), (0, more), (0, more)))

    @cached_property
    def free(self) -> int:
        """Number of free parameters, thresholds and means included."""
        return self.search.free + self.table.levels

    @cached_property
    def moments(self) -> int:
        """Number of sample statistics, thresholds and means included."""
        p = len(self.table.observed)
        continuous = p - len(self.table.ordinal)
        levels = sum(max(size - 1, 1) for size in self.table.sizes)
        return self.table.groups * (p * (p - 1) // 2 + continuous + levels)

    def chosen(self, members: IntArray) -> OrdinalFit:
        """Return some members of the stack."""
        search = cast("OrdinalSearch", self.search.chosen(members))
        data = tuple(part.chosen(members) for part in self.data)
        made = cast("OrdinalFit", super().chosen(members))
        return replace(made, search=search, data=data)


def ordinal_fit(
    table: OrdinalTable,
    method: Method,
    data: Sequence[OrdinalData],
    most: int = 500,
) -> OrdinalFit:
    """Fit a model with ordinal items.

    Parameters
    ----------
    table : OrdinalTable
        The structure.
    method : Method
        What is minimised: WLS, DWLS or ULS.
    data : sequence of OrdinalData
        The statistics of each group, stacks of b.
    most : int
        Steps at most.

    Returns
    -------
    OrdinalFit
        The fit; members of a stack start from the fit to their average.

    Raises
    ------
    SpecificationError
        If one sample can't identify the parameters.
    """
    samples = [part.sample for part in data]
    b = len(samples[0].n)
    if b == 1:
        found = _from_rough_values(table, samples, most)
    else:
        middle = [_average(sample) for sample in samples]
        start = _from_rough_values(table, middle, most).theta
        found = _searched(table, samples, np.repeat(start, b, axis=0), most)
    search = OrdinalSearch(
        table.core,
        method,
        tuple(samples),
        found.theta,
        found.value,
        found.converged,
        found.iterations,
        table,
    )
    if b == 1:
        check_identified(search)
    return OrdinalFit(
        table,
        method,
        tuple(samples),
        _whole_theta(search, data),
        found.value,
        found.converged,
        found.iterations,
        search,
        tuple(data),
    )


def vanished(fit: OrdinalFit) -> list[tuple[str, int, float]]:
    """Return ordinal items whose residual variance vanishes by theta.

    Parameters
    ----------
    fit : OrdinalFit
        A fit; its first member counts.

    Returns
    -------
    list of (str, int, float)
        The item, its group, and the share of its residual variance, less than
        `NO_RESIDUAL_SHARE`: a variance of zero or less can't be reached by theta, so
        that the share shrinks until the search is given up.
    """
    if fit.table.parameterization == "delta":
        return []
    rows = fit.table.rows
    values = row_values(rows, fit.theta[0])
    residual = {
        (row.lhs, row.group): float(value)
        for row, value in zip(rows, values, strict=True)
        if row.op == "~~" and row.lhs == row.rhs
    }
    shares = [
        (row.lhs, row.group, residual[row.lhs, row.group] * float(factor) ** 2)
        for row, factor in zip(rows, values, strict=True)
        if row.op == "~*~" and residual[row.lhs, row.group] != 0
    ]
    return [one for one in shares if one[2] < NO_RESIDUAL_SHARE]


def unit_objective(table: OrdinalTable, samples: Sequence[Sample]) -> UnitObjective:
    """Return the least squares that are minimised.

    Parameters
    ----------
    table : OrdinalTable
        The structure.
    samples : sequence of Sample
        Each group's polychoric covariances and weights.

    Returns
    -------
    UnitObjective
        The objective of all groups, by structural parameters.
    """
    sizes = np.stack([sample.n - 1 for sample in samples], axis=1)
    squares = []
    for sample in samples:
        if sample.weight is None:
            raise ValueError("ordinal least squares need weights")
        moments = stacked(sample.cov, sample.mean, means=False)
        squares.append(WeightedSquares(moments, sample.weight))
    return UnitObjective(
        table.rams,
        squares,
        sizes / sizes.sum(axis=1, keepdims=True),
        table.structural + table.derived,
        table.units,
        table.structural,
    )


def _from_rough_values(
    table: OrdinalTable, samples: Sequence[Sample], most: int
) -> Optimum:
    # by theta about half of the variance is residual, which is one
    larger = np.ones(len(table.observed))
    if table.parameterization == "theta":
        larger[np.array(table.sizes) > 0] = np.sqrt(2.0)
    covs = [sample.cov[0] * larger * larger[:, None] for sample in samples]
    rough = starting_values(table.core, covs, [sample.mean[0] for sample in samples])
    found = _searched(table, samples, rough[None], most)
    if not found.converged[0]:
        other = _searched(table, samples, cautious(table.core, rough)[None], most)
        if other.converged[0] or not found.value[0] <= other.value[0]:
            return other
    return found


def _searched(
    table: OrdinalTable, samples: Sequence[Sample], start: FloatArray, most: int
) -> Optimum:
    goal, core = unit_objective(table, samples), table.core
    if not core.linear:
        return minimise_constrained(goal, start, core.held, most)
    point, basis = core.flat
    start = point + (start - point) @ basis @ basis.T
    return minimise(goal, start, None if basis.shape[1] == core.size else basis, most)


def _average(sample: Sample) -> Sample:
    """Return the average of a stack of samples, as a stack of one."""
    if sample.weight is None:
        raise ValueError("ordinal least squares need weights")
    flat = sample.weight.reshape(len(sample.weight), -1)
    known = np.isfinite(sample.cov).all(axis=(1, 2))
    usable = np.asarray(known & np.isfinite(flat).all(axis=1))
    if not usable.any():
        usable[:1] = True
    return Sample(
        sample.cov[usable].mean(axis=0)[None],
        sample.mean[usable].mean(axis=0)[None],
        sample.n[usable].mean()[None],
        sample.weight[usable].mean(axis=0)[None],
    )


def _whole_theta(search: OrdinalSearch, data: Sequence[OrdinalData]) -> FloatArray:
    """Return structural parameters, derived elements, thresholds and means."""
    table = search.whole
    long, made = search.point.long, search.point.made
    levels = []
    for group, (part, implied) in enumerate(zip(data, made, strict=True)):
        level = part.levels
        if search.method.discrepancy == "WLS" and part.moments is not None:
            gap = statistics(part.moments)[None] - _fitted(part.moments, implied.cov)
            level = level - gap @ regression(part.moments).T
        factor = np.ones(level.shape)
        places, factors = scale_places(table, group)
        if len(places):
            factor[:, places] = long[:, factors]
        levels.append(level / factor)
    return np.concatenate([long, *levels], axis=1)


def statistics(moments: OrdinalMoments) -> FloatArray:
    """Return the variances and covariances among the statistics, shape (r,)."""
    return moments.statistics[moments.elements.is_covariance]


def triangle_places(moments: OrdinalMoments) -> IntArray:
    """Return the places (r,) of variances and covariances in an upper triangle."""
    p = len(moments.sizes)
    place = np.zeros((p, p), np.int64)
    first, second = np.triu_indices(p)
    place[first, second] = np.arange(len(first))
    elements = moments.elements
    kept = elements.is_covariance
    return np.asarray(place[elements.first[kept], elements.second[kept]])


def regression(moments: OrdinalMoments) -> FloatArray:
    """Return the regression (m, r) of levels' errors on those of covariances."""
    kept = moments.elements.is_covariance
    gamma = moments.gamma
    across = gamma[np.ix_(~kept, kept)]
    return np.asarray(np.linalg.solve(gamma[np.ix_(kept, kept)], across.T).T)


def scale_places(table: OrdinalTable, group: int) -> tuple[IntArray, IntArray]:
    """Return which levels of a group are scaled, and the factors' parameters.

    Parameters
    ----------
    table : OrdinalTable
        The structure.
    group : int
        The group.

    Returns
    -------
    places, factors : ndarray of int of shape (k,)
        Positions among the group's levels, and in theta; none by delta.
    """
    if table.parameterization == "delta":
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    factor = {
        row.lhs: row.parameter
        for row in table.rows
        if row.op == "~*~" and row.group == group
    }
    rows = [r for r in table.rows if r.op in ("|", "~1") and r.group == group]
    places = [k for k, row in enumerate(rows) if row.op == "|"]
    return np.array(places), np.array([factor[rows[k].lhs] for k in places])


def _fitted(moments: OrdinalMoments, cov: FloatArray) -> FloatArray:
    """Return implied variances and covariances (b, r), in the statistics' order."""
    elements = moments.elements
    kept = elements.is_covariance
    return np.asarray(cov[:, elements.first[kept], elements.second[kept]])
