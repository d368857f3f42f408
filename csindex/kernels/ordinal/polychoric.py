"""Polychoric correlations of all pairs of items at once, by scoring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.ordinal.normal import (
    FAR,
    arc_integral,
    bivariate_cdf,
    bivariate_pdf,
    normal_cdf,
    normal_pdf,
)

# no correlation is estimated beyond; a table without contradictions has none
BOUND = 0.9999
# cells whose probability is rounding
_LEAST = 1e-16
_ITERATIONS = 60
_PRECISION = 1e-7
# numbers held at once in each of a dozen arrays; 256 kB stay near the processor
_BLOCK = 1 << 15


@dataclass(frozen=True, eq=False)
class Cells:
    """Probabilities of all cells of m tables, and their derivatives by correlation.

    Attributes
    ----------
    probability, first, second : ndarray of shape (K, L, m)
        Probabilities, at least 1e-16, and their two derivatives.
    """

    probability: FloatArray
    first: FloatArray
    second: FloatArray


def polychoric(tables: FloatArray, rows: FloatArray, columns: FloatArray) -> FloatArray:
    r"""Return the polychoric correlations of m tables, given their thresholds.

    Parameters
    ----------
    tables : ndarray of shape (K, L, m)
        Tables of (weighted) counts.
    rows : ndarray of shape (K - 1, m)
        Thresholds of the rows' variable, `FAR` where there is none.
    columns : ndarray of shape (L - 1, m)
        Thresholds of the columns' variable.

    Returns
    -------
    ndarray of shape (m,)
        Maximum likelihood correlations, at most `BOUND` in size; NaN where a variable
        has one category only.

    Notes
    -----
    The second of two steps: the likelihood of the table is maximised over the
    correlation, thresholds as the margins give them. Scoring, by the observed
    information once it is positive, is kept between the correlations whose score is
    known to be positive and negative. The cells' probabilities are carried along: from
    one correlation to the next only the difference is integrated.

    References
    ----------
    Olsson (1979), Psychometrika 44(4).

    Examples
    --------
    Margins at the median: the correlation is the sine of an angle.

    >>> table = np.array([[2.0, 1.0], [1.0, 2.0]])[:, :, None]
    >>> polychoric(table, np.zeros((1, 1)), np.zeros((1, 1))).round(12)
    array([0.5])
    """
    size = tables.shape[-1]
    found = np.empty(size)
    step = max(1, _BLOCK // (tables.shape[0] * tables.shape[1]))
    for start in range(0, size, step):
        part = slice(start, start + step)
        found[part] = _solved(tables[..., part], rows[:, part], columns[:, part])
    return found


def cells(rows: FloatArray, columns: FloatArray, rho: FloatArray) -> Cells:
    """Return the cells' probabilities of m tables.

    Parameters
    ----------
    rows : ndarray of shape (K - 1, m)
        Thresholds of the rows' variable.
    columns : ndarray of shape (L - 1, m)
        Thresholds of the columns' variable.
    rho : ndarray of shape (m,)
        Correlations.

    Returns
    -------
    Cells
        Probabilities and derivatives.
    """
    corners = bivariate_cdf(rows[:, None], columns[None], rho)
    return _cells(_Grid.of(rows, columns), corners, rho)


@dataclass(frozen=True, eq=False)
class _Grid:
    """What the corners (K - 1, L - 1, m) of m tables keep at every correlation."""

    rows: FloatArray
    columns: FloatArray
    row_shares: FloatArray
    column_shares: FloatArray
    product: FloatArray
    halves: FloatArray

    @classmethod
    def of(cls, rows: FloatArray, columns: FloatArray) -> _Grid:
        halves = (rows * rows)[:, None] / 2 + (columns * columns)[None] / 2
        return cls(
            rows,
            columns,
            normal_cdf(rows),
            normal_cdf(columns),
            rows[:, None] * columns[None],
            halves,
        )

    def some(self, chosen: BoolArray) -> _Grid:
        return _Grid(
            self.rows[:, chosen],
            self.columns[:, chosen],
            self.row_shares[:, chosen],
            self.column_shares[:, chosen],
            self.product[..., chosen],
            self.halves[..., chosen],
        )


def _solved(tables: FloatArray, rows: FloatArray, columns: FloatArray) -> FloatArray:
    """Return the correlations of a block of tables."""
    found = _start(tables, rows, columns)
    active = np.flatnonzero(np.isfinite(found))
    tables = tables[..., active]
    grid = _Grid.of(rows[:, active], columns[:, active])
    rho = found[active]
    low, high = np.full(rho.shape, -BOUND), np.full(rho.shape, BOUND)
    corners = bivariate_cdf(grid.rows[:, None], grid.columns[None], rho)
    for _ in range(_ITERATIONS):
        score, information, newton = _score(tables, _cells(grid, corners, rho), rho)
        low, high = np.where(score > 0, rho, low), np.where(score > 0, high, rho)
        proposal = rho + score / information
        inside = (proposal > low) & (proposal < high)
        # outside its bracket: half way to the bracket's end
        end = np.where(score > 0, high, low)
        proposal = np.where(inside, proposal, (rho + end) / 2)
        change = np.abs(proposal - rho)
        done = (change <= _PRECISION * (1 - rho * rho)) & (newton | ~inside)
        found[active] = proposal
        if done.all():
            break
        left = ~done
        if done.any():
            active, tables, grid = active[left], tables[..., left], grid.some(left)
            corners, rho, proposal = corners[..., left], rho[left], proposal[left]
            low, high = low[left], high[left]
        corners = _moved(grid, corners, rho, proposal)
        rho = proposal
    return found


def _start(tables: FloatArray, rows: FloatArray, columns: FloatArray) -> FloatArray:
    """Return correlations to start from: those of the categories' mean scores."""
    a, first = _mean_scores(rows)
    b, second = _mean_scores(columns)
    cross = np.einsum("klm,km,lm->m", tables, a, b, optimize=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        start = (
            cross
            / tables.sum(axis=(0, 1))
            / np.where((first > 0) & (second > 0), first * second, np.nan)
        )
    return np.asarray(np.clip(start, -0.9, 0.9))


def _mean_scores(cuts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean normal scores (K, m) of the categories, and their variances (m,)."""
    edge = np.full((1, cuts.shape[1]), FAR)
    bounds = np.concatenate([-edge, cuts, edge])
    share = np.diff(normal_cdf(bounds), axis=0)
    density = -np.diff(normal_pdf(bounds), axis=0)
    filled = share > _LEAST
    scores = np.where(filled, density / np.where(filled, share, 1.0), 0.0)
    return scores, np.asarray((scores * scores * share).sum(axis=0))


def _cells(grid: _Grid, corners: FloatArray, rho: FloatArray) -> Cells:
    """Return the cells between corners whose distribution function is known."""
    edges = grid.row_shares, grid.column_shares
    probability = np.maximum(_between(corners, edges), _LEAST)
    h, k = grid.rows[:, None], grid.columns[None]
    left = 1 - rho * rho
    density = bivariate_pdf(h, k, rho)
    slope = grid.product * ((1 + rho * rho) / left**2)
    slope += rho / left
    slope -= grid.halves * (2 * rho / left**2)
    slope *= density
    return Cells(probability, _between(density), _between(slope))


def _between(
    corners: FloatArray, edges: tuple[FloatArray, FloatArray] | None = None
) -> FloatArray:
    """Return the second differences (K, L, m) of a function on corners.

    On its edges the function is zero; on the far ones it is ``edges``, one at the end
    of both, or zero too.
    """
    r, c, m = corners.shape
    padded = np.zeros((r + 2, c + 2, m))
    padded[1:-1, 1:-1] = corners
    if edges is not None:
        padded[1:-1, -1], padded[-1, 1:-1] = edges
        padded[-1, -1] = 1.0
    return np.diff(np.diff(padded, axis=0), axis=1)


def _score(
    tables: FloatArray, found: Cells, rho: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return the score, an information, and whether that is the observed one."""
    relative = found.first / found.probability
    weighted = tables * relative
    score = weighted.sum(axis=(0, 1))
    observed = (weighted * relative).sum(axis=(0, 1)) - (
        tables * found.second / found.probability
    ).sum(axis=(0, 1))
    expected = tables.sum(axis=(0, 1)) * (found.first * relative).sum(axis=(0, 1))
    newton = observed > 0.3 * expected
    # answers in a cell that can hardly be reached: the correlation is too large
    impossible = ((tables > 0) & (found.probability <= _LEAST)).any(axis=(0, 1))
    score = np.where(impossible, np.where(rho > 0, -np.inf, np.inf), score)
    return score, np.where(newton, observed, np.maximum(expected, _LEAST)), newton


def _moved(
    grid: _Grid, corners: FloatArray, rho: FloatArray, target: FloatArray
) -> FloatArray:
    """Return the distribution function at other correlations."""
    start, end = np.arcsin(rho), np.arcsin(target)
    way = np.abs(end - start) / np.minimum(np.cos(start), np.cos(end))
    far = way > 0.1
    longest = np.max(way, where=~far, initial=0.0)
    count = 3 if longest < 0.005 else 4 if longest < 0.02 else 7
    moved = corners + arc_integral(grid.product, grid.halves, start, end, count)
    if far.any():
        moved[..., far] = bivariate_cdf(
            grid.rows[:, None, far], grid.columns[None][..., far], target[far]
        )
    return moved
