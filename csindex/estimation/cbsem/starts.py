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
class _Measured:
    """Rough loadings and (co)variances of the latent variables of a group.

    They are in the metric in which the model fixes the latent variables' scales.

    Attributes
    ----------
    rows : list of Row
        The group's rows.
    place : mapping of str to int
        Position of each variable, items first.
    size : int
        Number p of items.
    loadings : ndarray of shape (p, j)
        Loadings, zero where an item belongs to another latent variable.
    owners : ndarray of shape (p, j)
        One where an item belongs to a latent variable.
    cov : ndarray of shape (j, j)
        Covariances; NaN for latent variables without items.
    paths : mapping of str to mapping of str to float
        Paths to each latent variable, by source.
    """

    rows: list[Row]
    place: Mapping[str, int]
    size: int
    loadings: FloatArray
    owners: FloatArray
    cov: FloatArray
    paths: Mapping[str, Mapping[str, float]]


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
        made = _measured(table, rows, cov)
        for row in rows:
            if row.free:
                unknown = row.start != row.start
                value = _start(made, row, cov, mean) if unknown else row.start
                sums[row.parameter] += value
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


def _measured(table: ParameterTable, rows: list[Row], cov: FloatArray) -> _Measured:
    place, p, j = table.positions, len(table.observed), len(table.latent)
    owners = np.zeros((p, j))
    heads: dict[int, int] = {}
    marks: dict[int, tuple[int, float]] = {}
    units: dict[int, float] = {}
    for row in rows:
        if row.op == "=~" and (item := place[row.rhs]) < p:
            latent = place[row.lhs] - p
            owners[item, latent] = 1.0
            heads.setdefault(latent, item)
            if not row.free and row.value:
                marks.setdefault(latent, (item, row.value))
        elif row.op == "~~" and row.lhs == row.rhs and row.lhs in table.latent:
            units[place[row.lhs] - p] = np.nan if row.free else row.value
    first = [heads.get(k, 0) for k in range(j)]
    loadings, variance = _fabin(cov, owners, first)
    for k in heads:
        factor = 1.0
        if k in marks:
            item, value = marks[k]
            factor = value / (float(loadings[item, k]) or 1.0)
        elif units.get(k, np.nan) > 0:
            factor = float(np.sqrt(variance[k] / units[k]))
        loadings[:, k] *= factor
        variance[k] /= factor**2
    latent_cov = _latent_cov(loadings, owners, variance, cov)
    paths = _paths(table, rows, latent_cov)
    return _Measured(rows, place, p, loadings, owners, latent_cov, paths)


def _fabin(
    cov: FloatArray, owners: FloatArray, first: Sequence[int]
) -> tuple[FloatArray, FloatArray]:
    """Return loadings relative to the first item, and the variance they leave.

    Of latent variables with ``owners`` (p, j): loadings are (p, j), variances (j,),
    NaN without items.
    """
    columns = np.arange(len(first))
    own = cov[first, first]
    others = owners.copy()
    others[first, columns] = 0.0
    pull = cov[:, first] * others
    # of each item, with all others but the first as instruments
    squares = pull**2
    weight = squares.sum(axis=0) - squares
    across = cov @ pull - np.diagonal(cov)[:, None] * pull
    usable = weight > 0
    rough = np.where(pull < 0, -1.0, 1.0)
    ratios = np.where(usable, across / np.where(usable, weight, 1.0), rough)
    ratios = np.clip(ratios, -10, 10) * others
    length = (ratios**2).sum(axis=0)
    share = (pull * ratios).sum(axis=0) / np.where(length > 0, length, 1.0)
    variance = np.clip(share, 0.1 * own, 0.9 * own)
    count = owners.sum(axis=0)
    variance = np.where(count == 1, own, np.where(count > 0, variance, np.nan))
    ratios[first, columns] = owners[first, columns]
    return ratios, variance


def _latent_cov(
    loadings: FloatArray, owners: FloatArray, variance: FloatArray, cov: FloatArray
) -> FloatArray:
    """Return rough covariances of the latent variables; NaN without items."""
    size = (loadings**2).sum(axis=0)
    both = size[:, None] * size
    apart = (owners.T @ owners == 0) & (both > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        rough = np.where(apart, loadings.T @ cov @ loadings / both, 0.0)
        most = _FARTHEST * np.sqrt(variance[:, None] * variance)
    found = np.clip(rough, -most, most)
    np.fill_diagonal(found, variance)
    empty = ~owners.any(axis=0)
    found[empty] = found[:, empty] = np.nan
    return found


def _paths(
    table: ParameterTable, rows: Sequence[Row], latent: FloatArray
) -> dict[str, dict[str, float]]:
    """Return rough paths to each latent variable from others, by source."""
    place, p = table.positions, len(table.observed)
    sources: dict[str, list[str]] = {}
    for row in rows:
        if row.op != "~" or place[row.lhs] < p or place[row.rhs] < p:
            continue
        # those without items say nothing
        if not np.isnan(latent[place[row.rhs] - p]).all():
            sources.setdefault(row.lhs, []).append(row.rhs)
    found: dict[str, dict[str, float]] = {}
    for target, names in sources.items():
        on = [place[name] - p for name in names]
        right = latent[on, place[target] - p]
        if not np.isnan(right).any():
            matrix = latent[np.ix_(on, on)]
            matrix = matrix + 0.2 * np.diag(np.diagonal(matrix))
            values = np.linalg.solve(matrix, right).tolist()
            found[target] = dict(zip(names, values, strict=True))
    return found


def _start(made: _Measured, row: Row, cov: FloatArray, mean: FloatArray) -> float:
    p, left = made.size, made.place[row.lhs]
    if row.op == "=~":
        return _loading_start(made, made.place[row.rhs], left - p)
    if row.op == "~1":
        return float(mean[left]) if left < p else 0.0
    if row.op == "~":
        return made.paths.get(row.lhs, {}).get(row.rhs, 0.0)
    right = made.place[row.rhs]
    if left != right:
        if left < p or right < p:
            return 0.0
        value = float(made.cov[left - p, right - p])
        return 0.0 if np.isnan(value) else value
    if left < p:
        return float(cov[left, left]) / 2
    return _variance_start(made, row.lhs)


def _loading_start(made: _Measured, item: int, latent: int) -> float:
    if item >= made.size:
        return 1.0
    value = float(made.loadings[item, latent])
    owners = np.flatnonzero(made.owners[item])
    if len(owners) > 1:
        # an item of two latent variables starts with the smaller one's
        counts = made.owners[:, owners].sum(axis=0)
        return value if owners[np.argmin(counts)] == latent else 0.3 * value
    return value


def _variance_start(made: _Measured, name: str) -> float:
    variances, p = np.diagonal(made.cov), made.size
    own = float(variances[made.place[name] - p])
    if np.isnan(own):
        below = [
            float(variances[made.place[r.rhs] - p])
            for r in made.rows
            if r.lhs == name and r.op == "=~" and made.place[r.rhs] >= p
        ]
        rough = float(np.nanmean(below)) if np.isfinite(below).any() else 1.0
        return rough / 2
    caused = any(
        (r.op == "~" and r.lhs == name) or (r.op == "=~" and r.rhs == name)
        for r in made.rows
    )
    return own / 2 if caused else own
