"""Means and covariances of rows, of weighted rows, and of resampled rows."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import FloatArray

# rows whose products are held at once; with 24 items they take 21 MB
ROW_BLOCK = 8192
# a variance below this share of the second moment is rounding
ROUNDING = 1e-12


def mean_and_cov(
    values: FloatArray, weights: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    r"""Return the mean and the covariance of weighted rows.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Rows without gaps.
    weights : ndarray of shape (n,), optional
        Positive weights; only their proportions matter.

    Returns
    -------
    mean : ndarray of shape (p,)
        Means.
    cov : ndarray of shape (p, p)
        Covariances.

    Notes
    -----
    .. math:: S = \frac{n}{n-1} \sum_i \tilde w_i (x_i - m)(x_i - m)',
        \quad \sum_i \tilde w_i = 1

    so that equal weights give the usual divisor n - 1.
    """
    n = len(values)
    share = np.full(n, 1.0 / n) if weights is None else weights / weights.sum()
    mean = share @ values
    centred = values - mean
    cov = (centred * share[:, None]).T @ centred * (n / (n - 1))
    return mean, (cov + cov.T) / 2


def resampled(values: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the means and covariances of many reweightings of the same rows.

    One matrix product of weights and products of the answers gives them all.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Rows without gaps.
    weights : ndarray of shape (b, n)
        One row of weights, or of counts, per resample.

    Returns
    -------
    mean : ndarray of shape (b, p)
        Means, in slab memory.
    cov : ndarray of shape (b, p, p)
        Covariances with divisor n - 1, in slab memory.
    """
    n, p = values.shape
    first, second = np.triu_indices(p)
    centre = values.mean(axis=0)
    sums = np.zeros((p + first.size, len(weights)))
    for start in range(0, n, ROW_BLOCK):
        rows = slice(start, start + ROW_BLOCK)
        centred = values[rows] - centre
        products = centred[:, first] * centred[:, second]
        block = weights[:, rows].T
        sums[:p] += centred.T @ block
        sums[p:] += products.T @ block
    sums /= weights.sum(axis=1)
    # everything is done on the packed triangle, before it is spread out
    shift, packed = sums[:p], sums[p:]
    diagonal = np.flatnonzero(first == second)
    least = ROUNDING * packed[diagonal]
    packed -= shift[first] * shift[second]
    # an item that is constant in a resample must not keep a variance of rounding
    packed[diagonal] = np.where(packed[diagonal] > least, packed[diagonal], 0.0)
    packed *= n / (n - 1)
    position = np.empty((p, p), dtype=np.intp)
    position[first, second] = position[second, first] = np.arange(first.size)
    cov = packed[position.ravel()].reshape(p, p, -1)
    mean = shift + centre[:, None]
    return np.moveaxis(mean, -1, 0), np.moveaxis(cov, -1, 0)


def reweighted(
    values: FloatArray, weights: FloatArray | None, rows: slice, change: float
) -> tuple[FloatArray, FloatArray]:
    r"""Return the means and covariances after changing the weight of one row.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Rows without gaps.
    weights : ndarray of shape (n,), optional
        Positive weights.
    rows : slice
        The b rows whose weights change, one at a time.
    change : float
        Relative change of the weight; minus one leaves the row out.

    Returns
    -------
    mean : ndarray of shape (b, p)
        Means, in slab memory.
    cov : ndarray of shape (b, p, p)
        Covariances, in slab memory; with divisor n - 1, or n - 2 without the row.

    Notes
    -----
    One update of rank one each. With shares :math:`w` that sum to one, mean m,
    covariance C (divisor 1), :math:`d = x_i - m` and :math:`g = w_i \cdot change`:

    .. math:: m_{(i)} = m + \frac{g}{1 + g} d, \quad
        C_{(i)} = \frac{1}{1 + g}\left(C + \frac{g}{1 + g} dd'\right)
    """
    n = len(values)
    left = n - 1 if change == -1 else n
    share = np.full(n, 1.0 / n) if weights is None else weights / weights.sum()
    mean = share @ values
    centred = values - mean
    cov = (centred * share[:, None]).T @ centred
    gain = share[rows] * change
    apart = centred[rows].T
    means = mean[:, None] + gain / (1 + gain) * apart
    covs = cov[:, :, None] + gain / (1 + gain) * (apart[:, None] * apart[None])
    # an item that only the row left out made vary must not keep a variance of rounding
    variances = np.einsum("kkb->kb", covs)
    variances[variances <= ROUNDING * np.diagonal(cov)[:, None]] = 0.0
    covs *= left / (left - 1) / (1 + gain)
    return np.moveaxis(means, -1, 0), np.moveaxis(covs, -1, 0)
