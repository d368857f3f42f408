"""The standardised solution: the coefficients of standardised variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from csindex.estimation.cbsem.table import ParameterTable, Row, row_values
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.ram import implied

Kind = Literal["all", "latent"]


def standardized(
    table: ParameterTable, theta: FloatArray, kind: Kind = "all"
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

    Returns
    -------
    ndarray of shape (b, rows + definitions)
        Loadings :math:`\lambda \sigma_\eta / \sigma_y`, regressions alike, variances
        as shares of the total; covariances divided by the standard deviations of the
        two residuals. Definitions are those of the standardised coefficients.
    """
    rows, places = table.rows, table.places
    found = np.empty((len(theta), len(rows) + len(table.definitions)))
    found[:, : len(rows)] = row_values(rows, theta)
    ops = np.array([row.op for row in rows])
    owner = np.array([row.group for row in rows])
    for group in range(table.groups):
        spread, residual = _parts(table, theta, kind, group)
        for op in {*ops[owner == group].tolist()}:
            on = np.flatnonzero((ops == op) & (owner == group))
            r, c = places[on].T
            if op in ("=~", "~"):
                found[:, on] *= spread[:, c] / spread[:, r]
            elif op in ("~1", "|"):
                found[:, on] /= spread[:, r]
            elif op == "~*~":
                found[:, on] *= spread[:, c]
            else:
                unit = np.where(r == c, spread[:, r], residual[:, r])
                found[:, on] /= unit * np.where(r == c, spread[:, c], residual[:, c])
    if table.definitions:
        found[:, len(table.rows) :] = _definitions(table, theta, found)
    return found


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


def _parts(
    table: ParameterTable, theta: FloatArray, kind: Kind, group: int
) -> tuple[FloatArray, FloatArray]:
    """Return standard deviations (b, q) of variables and of residuals."""
    ram = table.rams[group]
    made = implied(ram, theta)
    with np.errstate(invalid="ignore"):
        spread = np.sqrt(np.diagonal(made.total, axis1=1, axis2=2)).copy()
    residual = np.ones_like(spread)
    own: list[Row] = [
        row
        for row in table.rows
        if row.op == "~~" and row.lhs == row.rhs and row.group == group
    ]
    places = [table.positions[row.lhs] for row in own]
    residual[:, places] = np.sqrt(np.abs(row_values(own, theta)))
    if kind == "latent":
        spread[:, : ram.observed] = 1.0
        residual[:, : ram.observed] = 1.0
    return spread, residual


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
    made: list[FloatArray] = []
    for relation in table.definitions:
        dual = relation.formula.at(known)
        known[relation.name] = dual
        made.append(dual.value)
    return np.stack(made, axis=1)
