"""Mean and covariance of a normal population from rows with gaps: the EM algorithm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray, to_slab
from csindex.kernels.gaps import PairSums, mean_replaced, pair_sums
from csindex.kernels.incomplete_rows import IncompleteRows
from csindex.kernels.leaps import (
    State,
    begun,
    definite,
    first_step,
    largest_move,
    second_step,
)
from csindex.kernels.linalg import solve_positive
from csindex.kernels.pattern_sums import Kinds, PatternSums

# iterations stop when no mean, variance or covariance changes by more than this, in
# standard deviations of the items
EM_TOLERANCE = 1e-9
EM_ITERATIONS = 1000
# bytes of the sums by pattern that are held at once
STACK_BYTES = 64_000_000
# members of a stack that are computed together, few enough for the cache
MEMBERS = 256
# few members with few patterns are computed with all patterns at once
FEW, FEW_FLOATS = 8, 4_000_000
# patterns with more rows than this many times their items are summed up
MANY_ROWS = 4
# samples with fewer rows per pattern than this are filled row by row
FEW_ROWS = 20


@dataclass(frozen=True, eq=False)
class Normal:
    """Estimates of normal populations.

    Attributes
    ----------
    mean : ndarray of shape (b, p)
        Means; NaN where the covariance matrix became singular.
    cov : ndarray of shape (b, p, p)
        Covariances, maximum likelihood: divisor n.
    converged : ndarray of bool of shape (b,)
        Whether the iterations settled.
    iterations : ndarray of int of shape (b,)
        How many there were.
    """

    mean: FloatArray
    cov: FloatArray
    converged: BoolArray
    iterations: IntArray


@dataclass(frozen=True, eq=False)
class Pattern:
    """Rows with the same gaps.

    Attributes
    ----------
    rows : ndarray of int
        Their positions.
    known, lost : ndarray of int
        Positions of the items that are answered, and of those that are not.
    """

    rows: IntArray
    known: IntArray
    lost: IntArray


@dataclass(frozen=True, eq=False)
class _Sums:
    """Weighted sums over the rows of one pattern, as slabs over the members.

    share (b,); level (o, b); cross (o, o, b), unless few rows, values (r, o) and
    weights (r, b), are faster.
    """

    share: FloatArray
    level: FloatArray
    cross: FloatArray | None
    values: FloatArray
    weights: FloatArray

    def chosen(self, kept: BoolArray) -> _Sums:
        cross = None if self.cross is None else self.cross[..., kept]
        return _Sums(
            self.share[kept],
            self.level[:, kept],
            cross,
            self.values,
            self.weights[:, kept],
        )

    def regressed(self, slopes: FloatArray) -> FloatArray:
        """Return the products (o, m, b) of cross and slopes (o, m, b)."""
        if self.cross is not None:
            columns = [
                (self.cross * slope[:, None]).sum(axis=0)
                for slope in np.moveaxis(slopes, 1, 0)
            ]
            return np.stack(columns, axis=1)
        o, m, b = slopes.shape
        said = (self.values @ slopes.reshape(o, m * b)).reshape(-1, m, b)
        said *= self.weights[:, None]
        return (self.values.T @ said.reshape(-1, m * b)).reshape(o, m, b)


@dataclass(frozen=True, eq=False)
class _Regression:
    """What the answered items (o) say about the others (m), per member."""

    slopes: FloatArray  # (o, m, b)
    residual: FloatArray  # (m, m, b)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Sums over the rows that have two items, slabs of shape (p, p, b)."""

    share: FloatArray
    level: FloatArray
    cross: FloatArray

    def chosen(self, kept: BoolArray) -> _Pairs:
        return _Pairs(
            self.share[..., kept], self.level[..., kept], self.cross[..., kept]
        )


def patterns(values: FloatArray) -> list[Pattern]:
    """Return the patterns of gaps.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Rows with NaN for gaps.

    Returns
    -------
    list of Pattern
        The patterns that have a gap; rows without gaps are in none.
    """
    gaps = np.isnan(values)
    kinds, of_rows = np.unique(gaps, axis=0, return_inverse=True)
    order = np.argsort(of_rows.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(of_rows.ravel(), minlength=len(kinds)))
    return [
        Pattern(rows, np.flatnonzero(~kind), np.flatnonzero(kind))
        for kind, rows in zip(kinds, np.split(order, ends[:-1]), strict=True)
        if kind.any()
    ]


def em(values: FloatArray, weights: FloatArray) -> Normal:
    r"""Return the maximum likelihood mean and covariance of reweighted rows.

    The rows are summed once per pattern of gaps; an iteration takes the time of the
    patterns, whatever the number of rows.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Rows with NaN for gaps; every row has an answer, every item varies.
    weights : ndarray of shape (b, n)
        One row of weights, or of counts, per resample.

    Returns
    -------
    Normal
        The estimates.

    Notes
    -----
    With o and m the items of a pattern that are answered and that are not,

    .. math:: \hat x_m = \mu_m + \Sigma_{mo}\Sigma_{oo}^{-1}(x_o - \mu_o), \quad
        \mu = \sum_r \tilde w_r \hat x_r, \quad
        \Sigma = \sum_r \tilde w_r \left[(\hat x_r - \mu)(\hat x_r - \mu)'
        + \Sigma_{mm \cdot o}\right]

    The regressions come from one inverse per iteration:
    :math:`\Sigma_{mo}\Sigma_{oo}^{-1} = -K_{mm}^{-1}K_{mo}` and
    :math:`\Sigma_{mm \cdot o} = K_{mm}^{-1}` with :math:`K = \Sigma^{-1}`. It starts
    from the means and variances of the answers that exist, with the covariances of
    mean replacement, which keep the matrix positive definite. After every two steps
    there is a leap along them (squared extrapolation), which is taken back where it
    leads astray; a step alone decides whether the iterations have settled.

    References
    ----------
    Dempster, Laird & Rubin (1977), Journal of the Royal Statistical Society B 39(1).
    Little & Rubin (2019), Statistical Analysis with Missing Data, section 11.2.
    Varadhan & Roland (2008), Scandinavian Journal of Statistics 35(2).
    """
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    centre = np.where(known, values, 0.0).sum(axis=0) / count
    apart = values - centre
    scale = np.sqrt(np.where(known, apart**2, 0.0).sum(axis=0) / count)
    standard = apart / scale
    kinds = patterns(values)
    floats = sum(min(4 * kind.known.size, len(kind.rows)) for kind in kinds)
    floats += sum(kind.known.size**2 for kind in kinds if _summed(kind))
    floats += 8 * values.shape[1] ** 2
    size = max(1, min(MEMBERS, STACK_BYTES // (8 * floats)))
    parts = [
        _em(standard, kinds, weights[start : start + size])
        for start in range(0, len(weights), size)
    ]
    return Normal(
        np.concatenate([part.mean for part in parts]) * scale + centre,
        np.concatenate([part.cov for part in parts]) * scale * scale[:, None],
        np.concatenate([part.converged for part in parts]),
        np.concatenate([part.iterations for part in parts]),
    )


def completed(
    values: FloatArray,
    mean: FloatArray,
    cov: FloatArray,
    noise: FloatArray | None = None,
) -> FloatArray:
    """Return rows whose gaps are filled from a normal population.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Rows with NaN for gaps.
    mean : ndarray of shape (p,)
        Mean of the population.
    cov : ndarray of shape (p, p)
        Its covariance.
    noise : ndarray of shape (n, p), optional
        Standard normal draws; with them the gaps are drawn given a row's answers,
        without them they get their conditional expectations.

    Returns
    -------
    ndarray of shape (n, p)
        Rows without gaps.
    """
    filled = values.copy()
    precision = np.moveaxis(_inverse(cov[None]), 0, -1)
    for kind in patterns(values):
        regression = _regression(precision, kind)
        apart = values[np.ix_(kind.rows, kind.known)] - mean[kind.known]
        expected = mean[kind.lost] + apart @ regression.slopes[..., 0]
        if noise is not None:
            root = np.linalg.cholesky(regression.residual[..., 0])
            expected = expected + noise[np.ix_(kind.rows, kind.lost)] @ root.T
        filled[np.ix_(kind.rows, kind.lost)] = expected
    return filled


def _em(values: FloatArray, kinds: Sequence[Pattern], weights: FloatArray) -> Normal:
    b, p = len(weights), values.shape[1]
    found = Normal(
        np.full((b, p), np.nan),
        np.full((b, p, p), np.nan),
        np.zeros(b, dtype=np.bool_),
        np.zeros(b, dtype=np.int64),
    )
    sums = pair_sums(values, weights)
    pairs = _Pairs(*(to_slab(part, 2) for part in (sums.share, sums.level, sums.cross)))
    whole = _whole(values, kinds, weights)
    rows = None if whole else _rows(values, kinds, weights)
    parts = [] if whole or rows else [_sums(values, kind, weights) for kind in kinds]
    path = begun(_start(sums))
    active = np.arange(b)
    for iteration in range(1, EM_ITERATIONS + 1):
        # singular members keep NaN
        kept = definite(path.state)
        if not kept.all():
            active, path, pairs = active[kept], path.chosen(kept), pairs.chosen(kept)
            parts = [part.chosen(kept) for part in parts]
            whole = whole and whole.chosen(kept)
            rows = rows and rows.chosen(kept)
        if not active.size:
            break
        if whole:
            after = _step_at_once(path.state, whole)
        elif rows:
            after = _step_by_rows(path.state, rows)
        else:
            after = _step(path.state, pairs, kinds, parts)
        moved = largest_move(path.state, after)
        done = moved < EM_TOLERANCE
        last = done | (iteration == EM_ITERATIONS)
        found.mean[active[last]] = after.mean[:, last].T
        found.cov[active[last]] = np.moveaxis(after.cov[..., last], -1, 0)
        found.converged[active[done]] = True
        found.iterations[active] = iteration
        path = (
            first_step(path, after, moved)
            if iteration % 2
            else second_step(path, after)
        )
        if last.any():
            kept = ~last
            active, path, pairs = active[kept], path.chosen(kept), pairs.chosen(kept)
            parts = [part.chosen(kept) for part in parts]
            whole = whole and whole.chosen(kept)
            rows = rows and rows.chosen(kept)
    return found


def _rows(
    values: FloatArray, kinds: Sequence[Pattern], weights: FloatArray
) -> IncompleteRows | None:
    """Return the rows, if summing them up by pattern would not spare much."""
    gapped = sum(len(kind.rows) for kind in kinds)
    if gapped > FEW_ROWS * len(kinds):
        return None
    return IncompleteRows.of(values, weights)


def _step_by_rows(state: State, rows: IncompleteRows) -> State:
    """Return the next state, as `_step`, from the rows one by one."""
    mean, cov = rows.step(
        np.ascontiguousarray(state.mean.T),
        np.ascontiguousarray(np.moveaxis(state.cov, -1, 0)),
    )
    return State(to_slab(mean, 1), to_slab(cov, 2))


def _whole(
    values: FloatArray, kinds: Sequence[Pattern], weights: FloatArray
) -> PatternSums | None:
    """Return the sums by pattern, if all fit in at once."""
    floats = len(weights) * (len(kinds) + 1) * values.shape[1] ** 2
    if len(weights) > FEW or floats > FEW_FLOATS:
        return None
    return PatternSums.of(values, weights, Kinds.of(values))


def _step_at_once(state: State, sums: PatternSums) -> State:
    r"""Return the next state, as `_step`, by the likelihood's derivatives.

    :math:`\mu + \Sigma g` and :math:`\Sigma - \Sigma\Omega\Sigma` less the
    square of the step, with g and half of :math:`\Omega` the gradients by mean and
    covariances.
    """
    mean, cov = state.mean.T, np.moveaxis(state.cov, -1, 0)
    inverse, _ = sums.inverses(cov)
    level, cross = sums.about(mean)
    omega = sums.share[:, :, None, None] * inverse - inverse @ cross @ inverse
    pull = (inverse @ level[..., None]).sum(axis=1)
    shift = (cov @ pull)[..., 0]
    after = cov - cov @ omega.sum(axis=1) @ cov - shift[:, :, None] * shift[:, None]
    return State((mean + shift).T, np.moveaxis(after, 0, -1))


def _summed(kind: Pattern) -> bool:
    """Return whether a pattern's rows are summed up, or are too few for that."""
    return len(kind.rows) > MANY_ROWS * kind.known.size


def _sums(values: FloatArray, kind: Pattern, weights: FloatArray) -> _Sums:
    own = values[np.ix_(kind.rows, kind.known)]
    drawn = np.ascontiguousarray((weights[:, kind.rows] / weights.sum(1)[:, None]).T)
    share, level = drawn.sum(axis=0), own.T @ drawn
    if not _summed(kind):
        return _Sums(share, level, None, own, drawn)
    width = kind.known.size
    products = (own[:, :, None] * own[:, None, :]).reshape(len(own), width**2)
    cross = (products.T @ drawn).reshape(width, width, -1)
    return _Sums(share, level, cross, own[:0], drawn[:0])


def _start(sums: PairSums) -> State:
    cov = mean_replaced(sums)
    diagonal = np.arange(cov.shape[-1])
    # the answers that exist have 1 / share times the variance of mean replacement
    cov[:, diagonal, diagonal] /= sums.share[:, diagonal, diagonal]
    return State(to_slab(sums.mean, 1), to_slab(cov, 2))


def _step(
    state: State, pairs: _Pairs, kinds: Sequence[Pattern], parts: Sequence[_Sums]
) -> State:
    """Return the next state: expectations given the answers, then their moments."""
    mean = state.mean
    precision = to_slab(_inverse(np.moveaxis(state.cov, -1, 0)), 2)
    shift = np.einsum("iib->ib", pairs.level) - mean * np.einsum("iib->ib", pairs.share)
    shifted = pairs.level * mean[:, None].swapaxes(0, 1)
    second = pairs.cross - shifted - shifted.swapaxes(0, 1)
    second += mean[:, None] * mean[None] * pairs.share
    for kind, own in zip(kinds, parts, strict=True):
        o, m = kind.known, kind.lost
        found = _regression(precision, kind)
        of_level = (found.slopes * own.level[:, None]).sum(axis=0)
        of_mean = (found.slopes * mean[o, None]).sum(axis=0)
        apart = own.level - own.share * mean[o]
        shift[m] += of_level - own.share * of_mean
        mixed = own.regressed(found.slopes)
        mixed -= of_level[None] * mean[o, None]
        mixed -= of_mean[None] * apart[:, None]
        second[o[:, None], m] += mixed
        second[m[:, None], o] += mixed.swapaxes(0, 1)
        for row, column in zip(m, mixed.swapaxes(0, 1), strict=True):
            second[row, m] += (column[:, None] * found.slopes).sum(axis=0)
        second[m[:, None], m] += own.share * found.residual
    cov = second - shift[:, None] * shift[None]
    return State(mean + shift, (cov + cov.swapaxes(0, 1)) / 2)


def _regression(precision: FloatArray, kind: Pattern) -> _Regression:
    o, m = kind.known, kind.lost
    block = precision[m[:, None], m]
    if m.size == 1:
        residual = 1.0 / block
        return _Regression(-precision[o[:, None], m] * residual[0], residual)
    identity = np.broadcast_to(np.eye(m.size)[..., None], block.shape)
    residual = solve_positive(block, identity)
    across = precision[o[:, None], m]
    slopes = np.zeros_like(across)
    for k in range(m.size):
        slopes -= across[:, k, None] * residual[k]
    return _Regression(slopes, residual)


def _inverse(matrices: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.inv(matrices), dtype=np.float64)
