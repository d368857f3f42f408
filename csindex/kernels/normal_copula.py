"""Normal copulas: scores with given margins that hang together as normal ones do."""

from __future__ import annotations

import numpy as np

from csindex.kernels.arrays import FloatArray

# terms of the series, and halvings of the bracket
_TERMS = 300
_HALVINGS = 50


def latent_correlation(x: FloatArray, y: FloatArray) -> float:
    r"""Return the correlation of normal variables that gives scores their own.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
        Scores of the same observations; both vary.

    Returns
    -------
    float
        The correlation of two normal variables that, given the distributions of the
        scores, correlate as these do; -1 or 1 where they correlate as much as they can.

    Notes
    -----
    With the quantile functions :math:`F_x^{-1}` and normalised Hermite polynomials
    :math:`h_k`,

    .. math:: r(\rho) = \sum_{k \ge 1} \frac{a_k b_k}{s_x s_y} \rho^k, \quad
        a_k = \int F_x^{-1}(\Phi(z)) h_k(z) \varphi(z) \, dz,

    which rises with :math:`\rho`; for scores, whose quantiles are steps at
    :math:`t_i = \Phi^{-1}(i / n)`,
    :math:`a_k = \sum_i (x_{(i+1)} - x_{(i)}) h_{k-1}(t_i) \varphi(t_i) / \sqrt k`.

    References
    ----------
    Cario & Nelson (1997), Modeling and generating random vectors with arbitrary
    marginal distributions and correlation matrix, Northwestern University.
    """
    wanted = float(np.corrcoef(x, y)[0, 1])
    shares = _coefficients(x) * _coefficients(y)
    powers = np.arange(1, _TERMS + 1)
    low, high = -1.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = float(shares @ middle**powers) < wanted
        low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2


def related(
    y: FloatArray, rho: float, rows: int, generator: np.random.Generator
) -> FloatArray:
    """Return samples of scores, each as it goes with the rising order of another one.

    Parameters
    ----------
    y : ndarray of shape (n,)
        The scores; each sample is a permutation of them.
    rho : float
        The correlation of the normal variables behind.
    rows : int
        Number of samples.
    generator : Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (rows, n)
        The scores of y in the order in which the other score rises.
    """
    drawn = generator.standard_normal((rows, 2, len(y)))
    first = np.sort(drawn[:, 0], axis=-1)
    order = np.argsort(rho * first + np.sqrt(1 - rho**2) * drawn[:, 1], axis=-1)
    found = np.empty(order.shape)
    np.put_along_axis(found, order, np.broadcast_to(np.sort(y), found.shape), axis=-1)
    return found


def _coefficients(scores: FloatArray) -> FloatArray:
    """Return Hermite coefficients (k,) of the standardised scores' quantiles."""
    from scipy.special import ndtri

    steps = np.diff(np.sort(scores)) / scores.std()
    cuts = ndtri(np.arange(1, len(scores)) / len(scores))
    density = np.exp(-(cuts**2) / 2) / np.sqrt(2 * np.pi)
    found = np.empty(_TERMS)
    before, now = np.zeros_like(cuts), density
    for k in range(1, _TERMS + 1):
        found[k - 1] = steps @ now / np.sqrt(k)
        before, now = now, (cuts * now - np.sqrt(k - 1) * before) / np.sqrt(k)
    return found
