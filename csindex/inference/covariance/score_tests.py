"""Score tests of parameters that are equal between groups."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from csindex.estimation.cbsem.fitted import CovarianceFit, objective
from csindex.estimation.cbsem.groups import released, separated
from csindex.estimation.cbsem.linked_fit import LinkedFit, linked_objective
from csindex.estimation.cbsem.noncentral import chi_square_tail
from csindex.inference.covariance.difference_test import DifferenceTest, Structure
from csindex.kernels.arrays import FloatArray

# a share of information that is taken for none
_NOTHING = 1e-9


def score_tests(made: Structure, groups: Sequence[Hashable]) -> pd.DataFrame:
    r"""Return the score test of every parameter that is equal between groups.

    Parameters
    ----------
    made : Structure
        A fit of several groups.
    groups : sequence of labels
        The groups.

    Returns
    -------
    DataFrame
        lhs, op, rhs, group, chisq, p and epc, largest first; chisq is NaN where a
        released parameter wouldn't be identified.

    Notes
    -----
    With gradient g and information I of the model without equalities, R the directions
    that they leave, and d the one that is released,
    :math:`X^2 = N (d'g)^2 / (d'Id - d'IR(R'IR)^{-1}R'Id)`.
    """
    fit = made.fit
    slope, information, left = _free(fit)
    inverse = np.linalg.pinv(left.T @ information @ left, hermitian=True)
    cross = information @ left
    rows = []
    table = fit.table.core if isinstance(fit, LinkedFit) else fit.table
    for row, move in released(table):
        whole = float(move @ information @ move)
        rest = whole - float(move @ cross @ inverse @ cross.T @ move)
        known = rest > _NOTHING * whole
        pull = float(move @ slope)
        chisq = float(fit.factor[0]) * pull**2 / rest if known else np.nan
        change = -pull / rest if known else np.nan
        label = groups[row.group]
        rows.append((row.lhs, row.op, row.rhs, label, chisq, change))
    columns = ["lhs", "op", "rhs", "group", "chisq", "epc"]
    frame = pd.DataFrame(rows, columns=columns)
    frame.insert(5, "p", chi_square_tail(frame["chisq"].to_numpy(), 1))
    return frame.sort_values("chisq", ascending=False, ignore_index=True)


def total_score_test(made: Structure) -> DifferenceTest:
    """Return the score test of all equalities between parameters at once.

    Parameters
    ----------
    made : Structure
        A fit of several groups.

    Returns
    -------
    DifferenceTest
        The degrees of freedom are how much more the model could move without them.
    """
    fit = made.fit
    slope, information, left = _free(fit)
    scale = 1 / np.sqrt(np.diagonal(information))
    values, vectors = np.linalg.eigh(information * np.outer(scale, scale))
    kept = values > _NOTHING * values[-1]
    turned = vectors[:, kept].T @ (scale * slope)
    chisq = float(fit.factor[0] * (turned**2 / values[kept]).sum())
    df = int(kept.sum()) - left.shape[1]
    p = float(chi_square_tail(np.array([chisq]), df)[0])
    return DifferenceTest(chisq, df, p, 1.0, "score test of all equalities")


def _free(fit: CovarianceFit) -> tuple[FloatArray, ...]:
    """Return gradient, information, and directions left, without equalities."""
    if isinstance(fit, LinkedFit):
        _, spread = separated(fit.table.core)
        goal = linked_objective(fit.table.separated(), fit.method, fit.data)
        place = goal.at(fit.search.theta @ spread.T)
        return place.gradient()[0], place.expected()[0], spread @ fit.search.basis
    table, spread = separated(fit.table)
    theta = fit.theta @ spread.T
    point = objective(table, fit.method, fit.samples).at(theta)
    return point.gradient()[0], point.expected()[0], spread @ fit.basis
