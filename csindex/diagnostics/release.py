"""What would happen, were further coefficients of a covariance structure free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from csindex.estimation.cbsem.fitted import CovarianceFit, objective
from csindex.estimation.cbsem.ordinal_fit import OrdinalFit, unit_objective
from csindex.estimation.cbsem.ordinal_table import OrdinalTable
from csindex.estimation.cbsem.table import Row
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.objective import ObjectivePoint


@dataclass(frozen=True, eq=False)
class Scores:
    """Derivatives of a discrepancy by k coefficients that are zero, each by itself.

    Attributes
    ----------
    slope : ndarray of shape (k,)
        First derivatives.
    whole : ndarray of shape (k,)
        Information on each, were all other parameters known.
    left : ndarray of shape (k,)
        Information that the free parameters leave.
    """

    slope: FloatArray
    whole: FloatArray
    left: FloatArray


def release_scores(fit: CovarianceFit, rows: Sequence[Row]) -> Scores:
    """Return the scores of coefficients that a structure fixes at zero.

    Parameters
    ----------
    fit : CovarianceFit
        A fit of one group, once.
    rows : sequence of Row
        The coefficients.

    Returns
    -------
    Scores
        First derivatives and information.
    """
    search = fit.search if isinstance(fit, OrdinalFit) else fit
    t = search.theta.shape[1]
    point = _point(fit, rows)
    slope, information = point.gradient()[0, t:], point.expected()[0]
    inverse = search.inverse(information[None, :t, :t])[0]
    cross = information[t:, :t]
    whole = np.diagonal(information)[t:]
    return Scores(slope, whole, whole - ((cross @ inverse) * cross).sum(axis=1))


def _point(fit: CovarianceFit, rows: Sequence[Row]) -> ObjectivePoint:
    """Return the objective with the coefficients among the parameters, at zero."""
    k = len(rows)
    if not isinstance(fit, OrdinalFit):
        added = [replace(r, parameter=fit.table.size + i) for i, r in enumerate(rows)]
        table = replace(fit.table, rows=(*fit.table.rows, *added), relations=())
        theta = np.concatenate([fit.theta, np.zeros((1, k))], axis=1)
        return objective(table, fit.method, fit.samples).at(theta)
    theta = np.concatenate([fit.search.theta, np.zeros((1, k))], axis=1)
    return unit_objective(_longer(fit.table, rows), fit.samples).at(theta)


def _longer(table: OrdinalTable, rows: Sequence[Row]) -> OrdinalTable:
    """Return a table with further structural parameters, before derived elements."""
    first, k = table.structural, len(rows)
    moved = [
        replace(row, parameter=row.parameter + k) if row.parameter >= first else row
        for row in table.rows
    ]
    added = [replace(row, parameter=first + i) for i, row in enumerate(rows)]
    return replace(table, rows=(*moved, *added), relations=(), structural=first + k)
