"""Structural models on construct correlations: regressions and effects."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import FloatArray, from_slab, to_slab
from csindex.kernels.linalg import are_definite, solve_positive


def regressions(corr: FloatArray, structure: FloatArray) -> FloatArray:
    """Return the path coefficients of every equation by least squares.

    Parameters
    ----------
    corr : ndarray of shape (..., j, j)
        Construct correlations.
    structure : ndarray of shape (j, j)
        One where the column's construct drives the row's.

    Returns
    -------
    ndarray of shape (..., j, j)
        Coefficients, row = target, column = source; zero without a path.
    """
    if corr.shape[:-2] == () and (single := _single(corr, structure)) is not None:
        return single
    slab = to_slab(corr, 2)
    paths = np.zeros_like(slab)
    for target, row in enumerate(structure):
        sources = np.flatnonzero(row)
        if sources.size:
            paths[target, sources] = solve_positive(
                slab[np.ix_(sources, sources)], slab[sources, target]
            )
    return from_slab(paths, corr.shape[:-2])


def _single(corr: FloatArray, structure: FloatArray) -> FloatArray | None:
    """Return the coefficients of one member, or None if an equation has none.

    All equations at once, padded with ones to one size: fewer calls, where there is
    no stack that they are for.
    """
    targets = np.flatnonzero(structure.any(axis=1))
    causal = structure[targets]
    pairs = causal[:, :, None] * causal[:, None, :]
    padded = pairs * corr + (1.0 - pairs) * np.eye(len(corr))
    paths = np.zeros_like(corr)
    if targets.size:
        if not are_definite(padded).all():
            return None
        right = causal * corr[targets]
        paths[targets] = np.linalg.solve(padded, right[:, :, None])[:, :, 0]
    return paths


def r_squared(paths: FloatArray, corr: FloatArray) -> FloatArray:
    """Return the explained share of each construct's variance.

    Parameters
    ----------
    paths, corr : ndarray of shape (..., j, j)
        Path coefficients (row = target) and construct correlations.

    Returns
    -------
    ndarray of shape (..., j)
        R squared; zero for exogenous constructs.
    """
    return np.asarray((paths * corr).sum(axis=-1))


def total_effects(paths: FloatArray, structure: FloatArray) -> FloatArray:
    r"""Return the total effects of an acyclic structural model.

    Parameters
    ----------
    paths : ndarray of shape (..., j, j)
        Path coefficients, row = target.
    structure : ndarray of shape (j, j)
        One where the column's construct drives the row's.

    Returns
    -------
    ndarray of shape (..., j, j)
        Total effects, row = target; zero on the diagonal.

    Notes
    -----
    .. math:: T = \sum_{k \ge 1} B^k = (I - B)^{-1} - I

    summed row by row in causal order: the total effects on a construct are its
    direct effects plus those that pass through its direct causes.
    """
    slab = to_slab(paths, 2)
    total = np.zeros_like(slab)
    for target in causal_order(structure):
        sources = np.flatnonzero(structure[target])
        for source in sources:
            total[target, source] += slab[target, source]
            total[target] += slab[target, source] * total[source]
    return from_slab(total, paths.shape[:-2])


def reachable(structure: FloatArray) -> FloatArray:
    """Return one where some directed path leads from the column to the row.

    Parameters
    ----------
    structure : ndarray of shape (j, j)
        One where the column's construct drives the row's.

    Returns
    -------
    ndarray of shape (j, j)
        Ones and zeros.
    """
    return (total_effects(structure, structure) > 0).astype(np.float64)


def causal_order(structure: FloatArray) -> list[int]:
    """Return the constructs' positions, causes before effects.

    Parameters
    ----------
    structure : ndarray of shape (j, j)
        One where the column's construct drives the row's; without cycles.

    Returns
    -------
    list of int
        The positions.
    """
    order: list[int] = []
    waiting = list(range(len(structure)))
    while waiting:
        ready = [k for k in waiting if not structure[k, waiting].any()]
        order += ready
        waiting = [k for k in waiting if k not in ready]
    return order
