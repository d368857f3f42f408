"""The standardised solution: the coefficients of standardised variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from csindex.estimation.cbsem.table import ParameterTable
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.cbsem.ram import Implied, implied

Kind = Literal["all", "latent"]


@dataclass(frozen=True, eq=False)
class _Units:
    """What coefficients are multiplied and divided by to be standardised.

    Positions count in what `_spreads` returns: of each group the standard deviations
    of all variables, then those of their residuals; one comes last.

    Attributes
    ----------
    times, over, by : ndarray of int of shape (rows,)
        Position of the factor, and of the two divisors.
    residual : ndarray of int of shape (residuals,)
        Positions of residual standard deviations that the model has.
    variances : ndarray of int of shape (residuals,)
        The rows that say them.
    observed : ndarray of int of shape (groups 2 p,)
        Positions of observed variables and of their residuals.
    """

    times: IntArray
    over: IntArray
    by: IntArray
    residual: IntArray
    variances: IntArray
    observed: IntArray


# by the identity of a table, which its cached properties are of, too
@lru_cache(maxsize=64)
def _units(table: ParameterTable) -> _Units:
    q = len(table.variables)
    one = 2 * q * table.groups
    times, over, by = (np.full(len(table.rows), one) for _ in range(3))
    residual, variances = [], []
    for k, (row, (r, c)) in enumerate(zip(table.rows, table.places, strict=True)):
        at = 2 * q * row.group
        if row.op in ("=~", "~"):
            times[k], over[k] = at + c, at + r
        elif row.op in ("~1", "|"):
            over[k] = at + r
        elif row.op == "~*~":
            times[k] = at + c
        else:
            shift = at if r == c else at + q
            over[k], by[k] = shift + r, shift + c
        if row.op == "~~" and row.lhs == row.rhs:
            residual.append(at + q + r)
            variances.append(k)
    starts = q * np.arange(2 * table.groups)
    # variables behind ordinal items come after the latent ones
    p, more = len(table.observed), len(table.observed) + len(table.latent)
    observed = starts[:, None] + np.r_[:p, more:q]
    return _Units(
        times,
        over,
        by,
        np.array(residual, np.int64),
        np.array(variances, np.int64),
        observed.ravel(),
    )


def standardized(
    table: ParameterTable,
    theta: FloatArray,
    kind: Kind = "all",
    made: Sequence[Implied] | None = None,
) -> FloatArray:
    r"""Return the standardised value of every coefficient and definition.

    Parameters
    ----------
    table : ParameterTable
        The structure.
    theta : ndarray of shape (b, t)
        Parameters.
    kind : {"all", "latent"}
        Which variables are standardised: all, or the latent ones only.
    made : sequence of Implied, optional
        What the parameters imply for each group, where that is known.

    Returns
    -------
    ndarray of shape (b, rows + definitions)
        Loadings :math:`\lambda \sigma_\eta / \sigma_y`, regressions alike, variances
        as shares of the total; covariances divided by the standard deviations of the
        two residuals. Definitions are those of the standardised coefficients.
    """
    if made is None:
        made = [implied(ram, theta) for ram in table.rams]
    units, values = _units(table), table.values(theta)
    spreads = _spreads(units, values, kind, made)
    found = values * spreads.take(units.times, axis=1)
    found /= spreads.take(units.over, axis=1) * spreads.take(units.by, axis=1)
    if not table.definitions:
        return found
    return np.concatenate([found, _definitions(table, theta, found)], axis=1)


def standardized_slopes(
    table: ParameterTable, theta: FloatArray, kind: Kind = "all"
) -> FloatArray:
    """Return derivatives of the standardised solution.

    Parameters
    ----------
    table : ParameterTable
        The structure.
    theta : ndarray of shape (t,)
        Parameters.
    kind : {"all", "latent"}
        Which variables are standardised.

    Returns
    -------
    ndarray of shape (rows + definitions, t)
        Derivatives, by central differences of fourth order.
    """
    return slopes(lambda points: standardized(table, points, kind), theta)


def slopes(function: Callable[[FloatArray], FloatArray], at: FloatArray) -> FloatArray:
    """Return derivatives of a function of a stack, by central differences.

    Parameters
    ----------
    function : callable
        From arrays (b, t) to arrays (b, k).
    at : ndarray of shape (t,)
        Where.

    Returns
    -------
    ndarray of shape (k, t)
        Derivatives; errors of the fourth order of the step.
    """
    size = len(at)
    step = 1e-3 * np.maximum(np.abs(at), 0.1)
    moves = np.concatenate([np.diag(s * step) for s in (1.0, -1.0, 2.0, -2.0)])
    values = function(at + moves).reshape(4, size, -1)
    found = (8 * (values[0] - values[1]) - (values[2] - values[3])) / 12
    return np.asarray((found / step[:, None]).T)


def _spreads(
    units: _Units, values: FloatArray, kind: Kind, made: Sequence[Implied]
) -> FloatArray:
    """Return standard deviations (b, 2 q groups + 1) of variables and residuals."""
    q = made[0].ram.size
    found = np.ones((len(values), 2 * q * len(made) + 1))
    for group, one in enumerate(made):
        with np.errstate(invalid="ignore"):
            sd = np.sqrt(np.diagonal(one.total, axis1=1, axis2=2))
        found[:, 2 * q * group : 2 * q * group + q] = sd
    found[:, units.residual] = np.sqrt(np.abs(values[:, units.variances]))
    if kind == "latent":
        found[:, units.observed] = 1.0
    return found


def _definitions(
    table: ParameterTable, theta: FloatArray, values: FloatArray
) -> FloatArray:
    """Return definitions (b, d) of standardised coefficients."""
    known = table.known(theta)
    for k, row in enumerate(table.rows):
        if row.label:
            # parameters that share a label differ when standardised: the first counts
            first = next(i for i, r in enumerate(table.rows) if r.label == row.label)
            if first == k:
                dual = known[row.label]
                known[row.label] = type(dual)(values[:, k], dual.slope)
    table.define(known)
    return np.stack([known[r.name].value for r in table.definitions], axis=1)
