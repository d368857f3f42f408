"""The bivariate normal distribution, exact also for correlations near one."""

from __future__ import annotations

from functools import cache

import numpy as np

from csindex.kernels.arrays import FloatArray

# beyond it a standard normal tail is zero in floating point; a threshold of an empty
# category is moved here
FAR = 38.0
_NODES = 24
# nodes that give 15 digits for correlations of at most such a size; zero: those near
# one are integrated from one downwards, not from zero upwards
_TIERS = ((0.3, 6), (0.5, 8), (0.7, 12), (0.925, _NODES), (1.0, 0))


@cache
def nodes(count: int) -> tuple[FloatArray, FloatArray]:
    """Return the nodes and weights of Gauss-Legendre quadrature on (0, 1).

    Parameters
    ----------
    count : int
        Number of nodes.

    Returns
    -------
    x : ndarray of shape (count,)
        Nodes.
    w : ndarray of shape (count,)
        Weights; they sum to one.
    """
    x, w = np.polynomial.legendre.leggauss(count)
    return (x + 1) / 2, w / 2


def normal_cdf(x: FloatArray) -> FloatArray:
    """Return the standard normal distribution function.

    Parameters
    ----------
    x : ndarray
        Points.

    Returns
    -------
    ndarray of the same shape
        Probabilities.
    """
    from scipy.special import ndtr

    return np.asarray(ndtr(x), dtype=np.float64)


def normal_quantile(p: FloatArray) -> FloatArray:
    """Return the standard normal quantiles.

    Parameters
    ----------
    p : ndarray
        Probabilities.

    Returns
    -------
    ndarray of the same shape
        Quantiles, at most `FAR` from zero.
    """
    from scipy.special import ndtri

    return np.clip(np.asarray(ndtri(p), dtype=np.float64), -FAR, FAR)


def normal_pdf(x: FloatArray) -> FloatArray:
    """Return the standard normal density.

    Parameters
    ----------
    x : ndarray
        Points.

    Returns
    -------
    ndarray of the same shape
        Densities.
    """
    return np.asarray(np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi))


def bivariate_pdf(h: FloatArray, k: FloatArray, rho: FloatArray) -> FloatArray:
    """Return the standard bivariate normal density.

    Parameters
    ----------
    h, k : ndarray
        Points.
    rho : ndarray
        Correlations between minus one and one; the three broadcast.

    Returns
    -------
    ndarray of the broadcast shape
        Densities; they are also the derivatives of `bivariate_cdf` by rho.
    """
    left = 1 - rho * rho
    exponent = (h * k * rho - (h * h + k * k) / 2) / left
    return np.asarray(np.exp(exponent) / (2 * np.pi * np.sqrt(left)))


def bivariate_cdf(h: FloatArray, k: FloatArray, rho: FloatArray) -> FloatArray:
    r"""Return the standard bivariate normal distribution function.

    Parameters
    ----------
    h, k : ndarray
        Points; infinity is allowed.
    rho : ndarray
        Correlations from minus one to one; the three broadcast.

    Returns
    -------
    ndarray of the broadcast shape
        Probabilities that both variables lie below their points; the absolute error
        is below 1e-14.

    Notes
    -----
    .. math:: \Phi_2(h, k; \rho) = \Phi(h)\Phi(k) + \frac{1}{2\pi}
        \int_0^{\arcsin\rho} \exp\left(\frac{hk \sin\theta - (h^2 + k^2)/2}
        {\cos^2\theta}\right) d\theta

    by up to 24 Gauss-Legendre nodes. For correlations beyond .925 in size the integral
    runs from one downwards in :math:`\sqrt{1 - \rho^2}`, its singular part in closed
    form.

    References
    ----------
    Drezner & Wesolowsky (1990), Journal of Statistical Computation and Simulation 35.
    Genz (2004), Statistics and Computing 14(3).

    Examples
    --------
    >>> float(bivariate_cdf(np.array(0.0), np.array(0.0), np.array(0.5))).__round__(12)
    0.333333333333
    """
    h, k = np.broadcast_arrays(np.clip(h, -FAR, FAR), np.clip(k, -FAR, FAR))
    rho = np.asarray(rho, dtype=np.float64)
    if rho.ndim == 1 and h.shape[-1:] == rho.shape:
        return _by_size(h, k, rho)
    h, k, rho = np.broadcast_arrays(h, k, rho)
    return _by_size(h.ravel(), k.ravel(), rho.ravel()).reshape(h.shape)


def _by_size(h: FloatArray, k: FloatArray, rho: FloatArray) -> FloatArray:
    """Return the distribution function (..., m), by the size of correlations (m,)."""
    found = np.full(h.shape, np.nan)
    size, least = np.abs(rho), -1.0
    for most, count in _TIERS:
        chosen = (size > least) & (size <= most)
        least = most
        if not chosen.any():
            continue
        a, b, r = h[..., chosen], k[..., chosen], rho[chosen]
        if not count:
            found[..., chosen] = _from_one(a, b, r)
            continue
        halves, start = (a * a + b * b) / 2, np.zeros_like(r)
        rise = arc_integral(a * b, halves, start, np.arcsin(r), count)
        found[..., chosen] = normal_cdf(a) * normal_cdf(b) + rise
    return found


def arc_integral(
    product: FloatArray,
    halves: FloatArray,
    start: FloatArray,
    end: FloatArray,
    count: int,
) -> FloatArray:
    r"""Return how the distribution function grows between two correlations.

    Parameters
    ----------
    product : ndarray of shape (..., m)
        The points' products hk.
    halves : ndarray of shape (..., m)
        Their :math:`(h^2 + k^2) / 2`.
    start, end : ndarray of shape (m,)
        Arcs of the two correlations.
    count : int
        Number of nodes; the shorter the arc, the fewer are needed.

    Returns
    -------
    ndarray of shape (..., m)
        Differences of probabilities.
    """
    total = np.zeros_like(product)
    work = np.empty_like(product)
    for x, w in zip(*nodes(count), strict=True):
        arc = start + x * (end - start)
        inverse = np.cos(arc) ** -2.0
        np.multiply(product, np.sin(arc), out=work)
        work -= halves
        work *= inverse
        np.exp(work, out=work)
        work *= w
        total += work
    total *= (end - start) / (2 * np.pi)
    return total


def _from_one(h: FloatArray, k: FloatArray, rho: FloatArray) -> FloatArray:
    """Return the distribution function for correlations near one or minus one."""
    sign = np.where(rho < 0, -1.0, 1.0)
    k = sign * k
    product, gap = h * k, np.abs(h - k)
    # 1 - rho^2, without loss near one
    end = np.sqrt((1 - np.abs(rho)) * (1 + np.abs(rho)))
    lost = _singular_part(product, gap, end)
    lost = lost + _smooth_part(product, gap, end)
    above = np.clip(lost / (2 * np.pi), 0.0, None)
    positive = normal_cdf(np.minimum(h, k)) - above
    # P(X < h, Y < -k) = P(X < h) - P(X < h, -Y < k)
    return np.clip(np.where(sign > 0, positive, normal_cdf(h) - positive), 0.0, 1.0)


def _singular_part(product: FloatArray, gap: FloatArray, end: FloatArray) -> FloatArray:
    r"""Return the part in closed form.

    :math:`\int_0^A e^{-b^2 / 2x^2 - hk/2} (1 + c x^2 + c d x^4) dx` with b the gap, A
    the end, c = (4 - hk) / 8 and d = (12 - hk) / 16.
    """
    from scipy.special import erfcx

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.where(end > 0, gap / end, np.inf)
        top = np.where(end > 0, np.exp(-0.5 * (ratio * ratio + product)), 0.0)
        tail = np.where(top > 0, np.sqrt(np.pi / 2) * erfcx(ratio / np.sqrt(2)), 0.0)
        zero = np.where(top > 0, top * (end - gap * tail), 0.0)
    squared = gap * gap
    two = (end**3 * top - squared * zero) / 3
    four = (end**5 * top - squared * two) / 5
    c, d = (4 - product) / 8, (12 - product) / 16
    return np.asarray(zero + c * two + c * d * four)


def _smooth_part(product: FloatArray, gap: FloatArray, end: FloatArray) -> FloatArray:
    """Return the rest of the integral, by quadrature."""
    c, d = (4 - product) / 8, (12 - product) / 16
    total = np.zeros_like(product)
    for x, w in zip(*nodes(_NODES), strict=True):
        square = (x * end) ** 2
        rho = np.sqrt(1 - square)
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = np.where(square > 0, -0.5 * gap * gap / square, -np.inf)
        whole = np.exp(apart - product / (1 + rho)) / rho
        series = np.exp(apart - product / 2) * (1 + c * square * (1 + d * square))
        total += w * (whole - series)
    return total * end
