"""Fitting a parameter table to samples: starts, search, constraints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from csindex.estimation.cbsem.fitted import CovarianceFit, Sample, objective
from csindex.estimation.cbsem.methods import Method
from csindex.estimation.cbsem.starts import cautious, starting_values
from csindex.estimation.cbsem.table import ParameterTable
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.constrained import minimise_constrained
from csindex.kernels.cbsem.nearby import minimise_nearby
from csindex.kernels.cbsem.optimise import Optimum, minimise

# share of the largest eigenvalue below which the smallest is taken for rounding
_ROUNDING = 1e-12
# numbers by pattern of gaps that a stack may have to be fitted at once
_PATTERN_FLOATS = 4_000_000


def fitted(
    table: ParameterTable,
    method: Method,
    samples: Sequence[Sample],
    most: int = 500,
) -> CovarianceFit:
    """Fit a parameter table to samples.

    Parameters
    ----------
    table : ParameterTable
        The structure.
    method : Method
        What is minimised.
    samples : sequence of Sample
        The moments of each group, stacks of b.
    most : int
        Steps at most.

    Returns
    -------
    CovarianceFit
        The fit; members of a stack start from the fit to their average.
    """
    b = len(samples[0].n)
    if b == 1:
        found = _from_rough_values(table, method, samples, most)
    else:
        middle = [_average(sample) for sample in samples]
        start = _from_rough_values(table, method, middle, most)
        found = _in_parts(table, method, samples, middle, start, most)
    return CovarianceFit(
        table,
        method,
        tuple(samples),
        found.theta,
        found.value,
        found.converged,
        found.iterations,
    )


def _from_rough_values(
    table: ParameterTable, method: Method, samples: Sequence[Sample], most: int
) -> Optimum:
    """Return the fit to one sample, from two starting points if need be."""
    rough = starting_values(
        table,
        [sample.used_cov(method)[0] for sample in samples],
        [sample.mean[0] for sample in samples],
    )
    found = _searched(table, method, samples, rough[None], most)
    if not found.converged[0]:
        other = _searched(table, method, samples, cautious(table, rough)[None], most)
        if other.converged[0] or not found.value[0] <= other.value[0]:
            return other
    return found


def _searched(
    table: ParameterTable,
    method: Method,
    samples: Sequence[Sample],
    start: FloatArray,
    most: int,
) -> Optimum:
    goal = objective(table, method, samples)
    if not table.linear:
        return minimise_constrained(goal, start, table.held, most)
    point, basis = table.flat
    start = point + (start - point) @ basis @ basis.T
    return minimise(goal, start, None if basis.shape[1] == table.size else basis, most)


def _in_parts(
    table: ParameterTable,
    method: Method,
    samples: Sequence[Sample],
    middle: Sequence[Sample],
    start: Optimum,
    most: int,
) -> Optimum:
    """Return what `_spread_out` does, few members at once if they are large."""
    b = len(samples[0].n)
    held = (sample.patterns for sample in samples if method.missing == "fiml")
    floats = sum(sums.both.size for sums in held if sums is not None)
    size = max(1, _PATTERN_FLOATS // floats) if floats else b
    parts = [
        _spread_out(
            table,
            method,
            [sample.chosen(np.arange(at, min(at + size, b))) for sample in samples],
            middle,
            start,
            most,
        )
        for at in range(0, b, size)
    ]
    return Optimum(
        np.concatenate([part.theta for part in parts]),
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.converged for part in parts]),
        np.concatenate([part.iterations for part in parts]),
    )


def _spread_out(
    table: ParameterTable,
    method: Method,
    samples: Sequence[Sample],
    middle: Sequence[Sample],
    start: Optimum,
    most: int,
) -> Optimum:
    """Return the fits to a stack of samples from the fit to their average."""
    starts = np.repeat(start.theta, len(samples[0].n), axis=0)
    if table.linear and start.converged[0]:
        basis = table.flat[1]
        point = objective(table, method, middle).at(start.theta)
        for hessian in (point.observed()[0], point.expected()[0]):
            if _definite(basis.T @ hessian @ basis):
                goal = objective(table, method, samples)
                free = None if basis.shape[1] == table.size else basis
                return minimise_nearby(goal, starts, hessian, free, most)
    return _searched(table, method, samples, starts, most)


def _definite(matrix: FloatArray) -> bool:
    """Return whether a symmetric matrix is positive definite beyond rounding."""
    if not np.isfinite(matrix).all():
        return False
    values = np.linalg.eigvalsh(matrix)
    return bool(len(values) and values[0] > _ROUNDING * values[-1])


def _average(sample: Sample) -> Sample:
    """Return the average of a stack of samples, as a stack of one."""
    known = np.isfinite(sample.cov).all(axis=(1, 2))
    usable = np.asarray(known & np.isfinite(sample.mean).all(axis=1))
    if not usable.any():
        usable[:1] = True
    weight, patterns = sample.weight, sample.patterns
    return Sample(
        sample.cov[usable].mean(axis=0)[None],
        sample.mean[usable].mean(axis=0)[None],
        sample.n[usable].mean()[None],
        None if weight is None else weight[usable].mean(axis=0)[None],
        None if patterns is None else patterns.averaged(usable),
    )
