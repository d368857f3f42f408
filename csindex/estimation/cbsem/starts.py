"""Where the search for the parameters starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from csindex.estimation.cbsem.table import ParameterTable, Row
from csindex.kernels.arrays import FloatArray

# latent correlations aren't started beyond this, where the latent matrix gets singular
_FARTHEST = 0.8


@dataclass(frozen=True, eq=False)
class _Block:
    """A latent variable's items, and its rough loadings and variance.

    The loadings are in the metric in which the model fixes its scale.
    """

    items: list[int]
    loadings: FloatArray
    variance: float


def starting_values(
    table: ParameterTable, covs: Sequence[FloatArray], means: Sequence[FloatArray]
) -> FloatArray:
    """Return rough values of the parameters.

    Loadings and variances by instrumental variables within each latent variable's
    items; latent covariances and paths from sums of its items.

    Parameters
    ----------
    table : ParameterTable
        The parameters.
    covs : sequence of ndarray of shape (p, p)
        Covariances, one per group.
    means : sequence of ndarray of shape (p,)
        Means.

    Returns
    -------
    ndarray of shape (t,)
        The values; constraints between them needn't hold.

    References
    ----------
    Hagglund (1982), Psychometrika 47(2).
    """
    sums, counts = np.zeros(table.size), np.zeros(table.size)
    for group, (cov, mean) in enumerate(zip(covs, means, strict=True)):
        rows = [row for row in table.rows if row.group == group]
        blocks = {name: _block(table, rows, name, cov) for name in table.latent}
        latent = _latent_cov(table, blocks, cov)
        for row in rows:
            if row.free:
                value = _start(table, row, blocks, latent, cov, mean, rows)
                sums[row.parameter] += value if np.isnan(row.start) else row.start
                counts[row.parameter] += 1
    return np.asarray(sums / np.maximum(counts, 1))


def cautious(table: ParameterTable, theta: FloatArray) -> FloatArray:
    """Return starting values without paths and covariances of latent variables."""
    found = theta.copy()
    for row in table.rows:
        if row.free and np.isnan(row.start):
            apart = row.op == "~~" and row.lhs != row.rhs
            if row.op == "~" or apart:
                found[row.parameter] = 0.0
    return found


def _block(
    table: ParameterTable, rows: Sequence[Row], name: str, cov: FloatArray
) -> _Block:
    own = [r for r in rows if r.op == "=~" and r.lhs == name]
    mine = [r for r in own if r.rhs in table.observed]
    items = [table.observed.index(r.rhs) for r in mine]
    if not items:
        return _Block([], np.ones(0), np.nan)
    ratios, variance = _fabin(cov[np.ix_(items, items)])
    fixed = next((k for k, r in enumerate(mine) if not r.free and r.value), None)
    variances = [r for r in rows if r.op == "~~" and r.lhs == r.rhs == name]
    if fixed is not None:
        factor = mine[fixed].value / (ratios[fixed] or 1.0)
    elif variances and not variances[0].free and variances[0].value > 0:
        factor = float(np.sqrt(variance / variances[0].value))
    else:
        factor = 1.0
    return _Block(items, ratios * factor, variance / factor**2)


def _fabin(cov: FloatArray) -> tuple[FloatArray, float]:
    """Return loadings relative to the first, and the variance they leave."""
    size = len(cov)
    ratios = np.ones(size)
    first, others = cov[0, 1:], cov[1:, 1:]
    # of each item, with all others but the first as instruments
    weight = first @ first - first**2
    own = others @ first - np.diagonal(others) * first
    usable = weight > 0
    rough = np.where(first < 0, -1.0, 1.0)
    ratios[1:] = np.where(usable, own / np.where(usable, weight, 1.0), rough)
    ratios[1:] = np.clip(ratios[1:], -10, 10)
    if size == 1:
        return ratios, float(cov[0, 0])
    length = float(ratios[1:] @ ratios[1:])
    share = float(first @ ratios[1:]) / length if length > 0 else 0.0
    return ratios, min(max(share, 0.1 * cov[0, 0]), 0.9 * cov[0, 0])


def _latent_cov(
    table: ParameterTable, blocks: Mapping[str, _Block], cov: FloatArray
) -> FloatArray:
    """Return rough covariances of the latent variables; NaN without items."""
    own = [blocks[name] for name in table.latent]
    loadings = np.zeros((len(cov), len(own)))
    for k, block in enumerate(own):
        loadings[block.items, k] = block.loadings[: len(block.items)]
    size = (loadings**2).sum(axis=0)
    variance = np.array([block.variance for block in own])
    apart = (loadings != 0).astype(np.float64)
    apart = (apart.T @ apart == 0) & (size[:, None] * size > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        rough = np.where(apart, loadings.T @ cov @ loadings / np.outer(size, size), 0.0)
        most = _FARTHEST * np.sqrt(np.outer(variance, variance))
    found = np.clip(rough, -most, most)
    np.fill_diagonal(found, variance)
    empty = np.array([not block.items for block in own], np.bool_)
    found[empty] = found[:, empty] = np.nan
    return found


def _start(
    table: ParameterTable,
    row: Row,
    blocks: Mapping[str, _Block],
    latent: FloatArray,
    cov: FloatArray,
    mean: FloatArray,
    rows: Sequence[Row],
) -> float:
    if row.op == "=~":
        return _loading_start(table, row, blocks)
    if row.op == "~1":
        known = row.lhs in table.observed
        return float(mean[table.observed.index(row.lhs)]) if known else 0.0
    if row.op == "~":
        return _path_start(table, row, rows, latent).get(row.rhs, 0.0)
    if row.lhs != row.rhs:
        if row.lhs in table.latent and row.rhs in table.latent:
            i, j = table.latent.index(row.lhs), table.latent.index(row.rhs)
            return float(np.nan_to_num(latent[i, j]))
        return 0.0
    if row.lhs in table.observed:
        k = table.observed.index(row.lhs)
        return float(cov[k, k]) / 2
    return _variance_start(table, row, rows, blocks, latent)


def _loading_start(
    table: ParameterTable, row: Row, blocks: Mapping[str, _Block]
) -> float:
    if row.rhs not in table.observed:
        return 1.0
    block, item = blocks[row.lhs], table.observed.index(row.rhs)
    # an item of two latent variables starts with the smaller one's
    owners = [b for b in blocks.values() if item in b.items]
    if len(owners) > 1 and min(owners, key=lambda b: len(b.items)) is not block:
        return 0.3 * float(block.loadings[block.items.index(item)])
    return float(block.loadings[block.items.index(item)])


def _path_start(
    table: ParameterTable, row: Row, rows: Sequence[Row], latent: FloatArray
) -> dict[str, float]:
    """Return rough paths to one latent variable, by source."""
    if row.lhs not in table.latent:
        return {}
    sources = [
        r.rhs
        for r in rows
        if r.op == "~" and r.lhs == row.lhs and r.rhs in table.latent
    ]
    known = [s for s in sources if not np.isnan(latent[table.latent.index(s)]).all()]
    place = [table.latent.index(s) for s in known]
    target = table.latent.index(row.lhs)
    right = latent[place, target]
    if not known or np.isnan(right).any():
        return {}
    matrix = latent[np.ix_(place, place)]
    matrix = matrix + 0.2 * np.diag(np.diagonal(matrix))
    return dict(zip(known, np.linalg.solve(matrix, right).tolist(), strict=True))


def _variance_start(
    table: ParameterTable,
    row: Row,
    rows: Sequence[Row],
    blocks: Mapping[str, _Block],
    latent: FloatArray,
) -> float:
    own = blocks[row.lhs].variance
    if np.isnan(own):
        below = [
            blocks[r.rhs].variance
            for r in rows
            if r.lhs == row.lhs != r.rhs and r.op == "=~" and r.rhs in blocks
        ]
        rough = float(np.nanmean(below)) if np.isfinite(below).any() else 1.0
        return rough / 2
    caused = any(
        (r.op == "~" and r.lhs == row.lhs) or (r.op == "=~" and r.rhs == row.lhs)
        for r in rows
    )
    return own / 2 if caused else own
