"""Means and covariances of rows, of weighted rows, and of resampled rows."""

from __future__ import annotations

from functools import partial, reduce

import numpy as np

from csindex.kernels.arrays import FloatArray, SingleArray

# rows whose products are held at once
ROW_BLOCK = 8192
# pairs of items whose products are held at once
PAIR_BLOCK = 512
# columns that are multiplied at once: BLAS adds up products of another shape in another
# order, and a resample's last digits would depend on how many are computed with it
COLUMN_BLOCK = 256
# a variance below this share of the second moment is rounding
ROUNDING = 1e-12
# single precision has all whole numbers up to this
_WHOLE_SINGLE = 2.0**24


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


def resampled(
    values: FloatArray, weights: FloatArray | SingleArray
) -> tuple[FloatArray, FloatArray]:
    """Return the means and covariances of many reweightings of the same rows.

    One matrix product of weights and products of the answers gives them all.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Rows without gaps.
    weights : ndarray of shape (b, n)
        One row of weights, or of counts, per resample. In single precision they must
        be whole numbers: the products of whole answers are then added in single
        precision too, where all sums are exact.

    Returns
    -------
    mean : ndarray of shape (b, p)
        Means, in slab memory.
    cov : ndarray of shape (b, p, p)
        Covariances with divisor n - 1, in slab memory.
    """
    n, p = values.shape
    centre = _centre(values)
    total = weights.sum(axis=1, dtype=np.float64)
    sums = _weighted_sums(values, centre, weights, float(total.max()))
    shift = sums[:p] / total
    unbiased = shift * (n / (n - 1))
    total *= (n - 1) / n
    cov = np.empty((p, p, len(weights)))
    work = np.empty_like(shift)
    start = p
    # row by row of the packed triangle, so that each stays in the cache
    for i in range(p):
        row = np.divide(sums[start : start + p - i], total, out=cov[i, i:])
        least = ROUNDING * row[0]
        row -= np.multiply(shift[i], unbiased[i:], out=work[i:])
        # an item that is constant in a resample must not keep a variance of rounding
        row[0] = np.where(row[0] > least, row[0], 0.0)
        cov[i + 1 :, i] = row[1:]
        start += p - i
    mean = shift + centre[:, None]
    return np.moveaxis(mean, -1, 0), np.moveaxis(cov, -1, 0)


def _centre(values: FloatArray) -> FloatArray:
    """Return what values are centred at: means, and whole numbers for whole values.

    The sums of whole numbers are exact, in whatever order they are added.
    """
    mean = np.asarray(values.mean(axis=0))
    return np.rint(mean) if (values == np.rint(values)).all() else mean


def _weighted_sums(
    values: FloatArray,
    centre: FloatArray,
    weights: FloatArray | SingleArray,
    largest: float,
) -> FloatArray | SingleArray:
    """Return sums (p + p(p+1)/2, b) of centred values and of their products.

    ``largest`` is the greatest sum of the weights of one resample.
    """
    blocks = (
        _product_sums(*_precise(values[rows] - centre, weights[:, rows], largest))
        for rows in (
            slice(start, start + ROW_BLOCK)
            for start in range(0, len(values), ROW_BLOCK)
        )
    )
    return reduce(partial(np.add, dtype=np.float64), blocks)


def _product_sums(
    centred: FloatArray | SingleArray, weights: FloatArray | SingleArray
) -> FloatArray | SingleArray:
    """Return sums of values (p, n) and of their products by weights (n, b)."""
    p = len(centred)
    first, second = np.triu_indices(p)
    sums = np.empty((p + first.size, weights.shape[1]), dtype=centred.dtype)
    block_product(centred, weights, sums[:p])
    for start in range(0, first.size, PAIR_BLOCK):
        pairs = slice(start, start + PAIR_BLOCK)
        products = centred[first[pairs]] * centred[second[pairs]]
        block_product(products, weights, sums[p:][pairs])
    return sums


def block_product(
    left: FloatArray | SingleArray,
    right: FloatArray | SingleArray,
    out: FloatArray | SingleArray,
) -> None:
    """Multiply two matrices, so many columns at once that their sums don't vary.

    Parameters
    ----------
    left : ndarray of shape (m, n)
        The first matrix.
    right : ndarray of shape (n, b)
        The second one.
    out : ndarray of shape (m, b)
        Takes the product. Each `COLUMN_BLOCK` columns from the first one on are the
        same to the last bit, whatever columns come after them.
    """
    for start in range(0, right.shape[1], COLUMN_BLOCK):
        columns = slice(start, start + COLUMN_BLOCK)
        np.matmul(left, right[:, columns], out=out[:, columns])


def _precise(
    centred: FloatArray, weights: FloatArray | SingleArray, largest: float
) -> tuple[FloatArray | SingleArray, FloatArray | SingleArray]:
    """Return values (p, n) and weights (n, b) in a precision that keeps their sums."""
    highest = max(float(np.abs(centred).max()), 1.0)
    exact = highest**2 * largest < _WHOLE_SINGLE and (centred == np.rint(centred)).all()
    if exact and weights.dtype == np.float32:
        return np.ascontiguousarray(centred.T, dtype=np.float32), weights.T
    return np.ascontiguousarray(centred.T), weights.T.astype(np.float64, copy=False)


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
