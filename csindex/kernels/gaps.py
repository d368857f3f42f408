"""Means and covariances of rows with gaps: from the answers that exist."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import FloatArray
from csindex.kernels.linalg import correlation
from csindex.kernels.moments import ROUNDING

# bytes of the products of the rows that are held at once
BLOCK_BYTES = 32_000_000
# correlations with an eigenvalue below this cannot be those of any answers
INDEFINITE = -1e-10
# the least eigenvalue of a nearest correlation matrix, so that it can be inverted
LEAST_EIGENVALUE = 1e-6
# alternating projections stop when no correlation changes by more than this
PROJECTION_TOLERANCE = 1e-10
PROJECTIONS = 5000


@dataclass(frozen=True, eq=False)
class PairSums:
    """Weighted sums over the rows where two items are both answered.

    The weights of each member are scaled to sum to one.

    Attributes
    ----------
    share : ndarray of shape (b, p, p)
        Weight of the rows where i and k are answered.
    level : ndarray of shape (b, p, p)
        Sum of item i over those rows.
    cross : ndarray of shape (b, p, p)
        Sum of the products of i and k over those rows.
    """

    share: FloatArray
    level: FloatArray
    cross: FloatArray

    @property
    def mean(self) -> FloatArray:
        """Means of the answers to each item, shape (b, p)."""
        return _diagonal(self.level) / _diagonal(self.share)

    def about(self, centre: FloatArray) -> FloatArray:
        """Return the sums of products of deviations from a centre.

        Parameters
        ----------
        centre : ndarray of shape (b, p)
            The centre.

        Returns
        -------
        ndarray of shape (b, p, p)
            The sums over the rows where both items are answered.
        """
        shifted = self.level * centre[:, None, :]
        both = centre[:, :, None] * centre[:, None, :] * self.share
        return np.asarray(self.cross - shifted - np.swapaxes(shifted, 1, 2) + both)


def pair_sums(values: FloatArray, weights: FloatArray) -> PairSums:
    """Return the sums that every treatment of gaps begins with.

    Three matrix products of weights and of products of the answers.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Rows with NaN for gaps; centred somewhere near their means.
    weights : ndarray of shape (b, n)
        One row of weights, or of counts, per resample.

    Returns
    -------
    PairSums
        The sums.
    """
    n, p = values.shape
    known = ~np.isnan(values)
    filled, answered = np.where(known, values, 0.0), known.astype(np.float64)
    first, second = np.triu_indices(p)
    share = np.zeros((len(weights), first.size))
    cross = np.zeros((len(weights), first.size))
    level = np.zeros((len(weights), p * p))
    step = max(64, BLOCK_BYTES // (16 * p * p))
    for start in range(0, n, step):
        block = weights[:, start : start + step]
        x, m = filled[start : start + step], answered[start : start + step]
        share += block @ (m[:, first] * m[:, second])
        cross += block @ (x[:, first] * x[:, second])
        level += block @ (x[:, :, None] * m[:, None, :]).reshape(len(x), p * p)
    total = weights.sum(axis=1)[:, None]
    position = np.empty((p, p), dtype=np.intp)
    position[first, second] = position[second, first] = np.arange(first.size)
    return PairSums(
        (share / total)[:, position],
        (level / total).reshape(-1, p, p),
        (cross / total)[:, position],
    )


def mean_replaced(sums: PairSums) -> FloatArray:
    r"""Return covariances after every gap is filled with its item's mean.

    Parameters
    ----------
    sums : PairSums
        The sums.

    Returns
    -------
    ndarray of shape (b, p, p)
        Covariances with divisor n; the means are those of the answers.

    Notes
    -----
    .. math:: s_{ik} = \sum_{r:\, both} \tilde w_r (x_{ri} - m_i)(x_{rk} - m_k)

    because a row with a gap in i or k adds nothing.
    """
    return _without_rounding(sums.about(sums.mean), sums)


def pairwise(sums: PairSums, size: FloatArray) -> FloatArray:
    r"""Return the covariance of every two items over the rows that have both.

    Parameters
    ----------
    sums : PairSums
        The sums.
    size : ndarray of shape (b,)
        Number of rows of each member.

    Returns
    -------
    ndarray of shape (b, p, p)
        Covariances with divisor :math:`n_{ik} - 1`, where :math:`n_{ik}` is n times
        the share of the weight that has both; NaN where that is one row or less.

    Notes
    -----
    .. math:: s_{ik} = \frac{n_{ik}}{n_{ik}-1} \left(\overline{x_i x_k}
        - \bar x_i \bar x_k\right)

    with every mean taken over the rows where i and k are both answered.
    """
    own = sums.level / sums.share
    spread = sums.cross / sums.share - own * np.swapaxes(own, 1, 2)
    counts = sums.share * size[:, None, None]
    factor = np.where(counts > 1, counts / (counts - 1), np.nan)
    return _without_rounding(spread, sums) * factor


def harmonic_size(sums: PairSums, size: FloatArray) -> FloatArray:
    """Return the harmonic mean of the numbers of rows that have two items.

    Parameters
    ----------
    sums : PairSums
        The sums.
    size : ndarray of shape (b,)
        Number of rows of each member.

    Returns
    -------
    ndarray of shape (b,)
        The mean over all pairs of different items.
    """
    p = sums.share.shape[-1]
    first, second = np.triu_indices(p, k=1 if p > 1 else 0)
    return np.asarray(size / (1.0 / sums.share[:, first, second]).mean(axis=1))


def smallest_eigenvalues(cov: FloatArray) -> FloatArray:
    """Return the smallest eigenvalue of every matrix of correlations.

    Parameters
    ----------
    cov : ndarray of shape (b, p, p)
        Covariances.

    Returns
    -------
    ndarray of shape (b,)
        The eigenvalues; NaN where the correlations aren't finite.
    """
    corr = correlation(cov)[0]
    finite = np.isfinite(corr).all(axis=(1, 2))
    smallest = np.full(len(cov), np.nan)
    smallest[finite] = np.linalg.eigvalsh(corr[finite])[:, 0]
    return smallest


def nearest_correlation(
    corr: FloatArray, least: float = LEAST_EIGENVALUE
) -> FloatArray:
    r"""Return the nearest correlation matrices, by alternating projections.

    Parameters
    ----------
    corr : ndarray of shape (b, p, p)
        Symmetric matrices.
    least : float
        The least eigenvalue that the result may have.

    Returns
    -------
    ndarray of shape (b, p, p)
        The matrices with unit diagonal and such eigenvalues that are nearest in the
        Frobenius norm; NaN where the projections did not settle.

    Notes
    -----
    The projection on the matrices whose eigenvalues are at least ``least`` (with
    Dykstra's correction) and that on the matrices of unit diagonal take turns.

    References
    ----------
    Higham (2002), IMA Journal of Numerical Analysis 22, algorithm 3.3.
    """
    size = corr.shape[-1]
    found = np.full(corr.shape, np.nan)
    active = np.flatnonzero(np.isfinite(corr).all(axis=(1, 2)))
    current, correction = corr[active], np.zeros((len(active), size, size))
    diagonal = np.arange(size)
    for _ in range(PROJECTIONS):
        if not active.size:
            break
        shifted = current - correction
        roots, vectors = np.linalg.eigh(shifted)
        raised = np.maximum(roots, least)[:, None, :]
        projected = (vectors * raised) @ np.swapaxes(vectors, 1, 2)
        correction = projected - shifted
        before, current = current, (projected + np.swapaxes(projected, 1, 2)) / 2
        current[:, diagonal, diagonal] = 1.0
        done = np.abs(current - before).max(axis=(1, 2)) < PROJECTION_TOLERANCE
        found[active[done]] = current[done]
        active, current, correction = active[~done], current[~done], correction[~done]
    return found


def _without_rounding(cov: FloatArray, sums: PairSums) -> FloatArray:
    """Return covariances (b, p, p) where a constant item has no variance at all."""
    diagonal = np.arange(cov.shape[-1])
    least = ROUNDING * _diagonal(sums.cross)
    variances = _diagonal(cov)
    cov[:, diagonal, diagonal] = np.where(variances > least, variances, 0.0)
    return cov


def _diagonal(stack: FloatArray) -> FloatArray:
    return np.diagonal(stack, axis1=1, axis2=2)
