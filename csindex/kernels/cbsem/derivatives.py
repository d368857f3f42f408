r"""First and second derivatives of implied moments, without Kronecker products.

The derivative of Sigma by slot k has rank two, :math:`s_k (a_k b_k' + b_k a_k')` with
a_k and b_k columns of W = (U, V): for an arrow from c to r, a = U_r and b = V_c; for a
covariance of r and c, a = U_r and b = U_c (s = 1/2 on the diagonal). That of the means
is :math:`t_k U_r`. Every trace that derivatives of a discrepancy need is then a
product of elements of Gram matrices W'MW.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.cbsem.ram import Implied


def gram(implied: Implied, product: FloatArray) -> FloatArray:
    """Return elements of W'MW at all pairs of slots.

    Parameters
    ----------
    implied : Implied
        Implied moments.
    product : ndarray of shape (b, p, 2 q)
        MW, for a symmetric M.

    Returns
    -------
    ndarray of shape (b, 3, k, k)
        a_k'M a_l, a_k'M b_l and b_k'M b_l.
    """
    ram = implied.ram
    flat = (implied.both.transpose(0, 2, 1) @ product).reshape(len(product), -1)
    size = len(ram.row)
    return flat.take(ram.places.gram, axis=1).reshape(len(flat), 3, size, size)


def gradient(implied: Implied, product: FloatArray, error: FloatArray) -> FloatArray:
    r"""Return the gradient :math:`\frac12 tr(\Omega\, d\Sigma_k) - e' d\mu_k`.

    Parameters
    ----------
    implied : Implied
        Implied moments.
    product : ndarray of shape (b, p, 2 q)
        :math:`\Omega W`, with the symmetric derivative of the discrepancy by Sigma.
    error : ndarray of shape (b, p)
        Minus its derivative by the means; not used without means.

    Returns
    -------
    ndarray of shape (b, k)
        By slot.
    """
    ram = implied.ram
    sources = implied.both[:, :, : ram.size].transpose(0, 2, 1)
    flat = (sources @ product).reshape(len(product), -1)
    slope = flat.take(ram.places.slope, axis=1)
    slope *= ram.scale
    if not ram.means:
        return np.asarray(slope)
    pull = (sources @ error[:, :, None])[:, :, 0]
    return np.asarray(slope - implied.moved * pull[:, ram.row])


def expected(implied: Implied, weight: FloatArray) -> FloatArray:
    r"""Return :math:`\frac12 tr(M d\Sigma_k M d\Sigma_l) + d\mu_k' M d\mu_l`.

    With M the inverse of Sigma it is the expected information of one observation.

    Parameters
    ----------
    implied : Implied
        Implied moments.
    weight : ndarray of shape (b, p, p)
        M.

    Returns
    -------
    ndarray of shape (b, k, k)
        By slots.
    """
    ram = implied.ram
    pairs = gram(implied, weight @ implied.both)
    aa, ab, bb = pairs[:, 0], pairs[:, 1], pairs[:, 2]
    found = aa * bb
    found += ab * ab.transpose(0, 2, 1)
    found *= ram.places.pairs
    if ram.means:
        found += aa * implied.moved[:, :, None] * implied.moved[:, None, :]
    return np.asarray(found)


def bent(implied: Implied, product: FloatArray, error: FloatArray) -> FloatArray:
    r"""Return what the curvature of the model adds to a Hessian.

    Parameters
    ----------
    implied : Implied
        Implied moments.
    product : ndarray of shape (b, p, 2 q)
        :math:`\Omega W`, as in `gradient`.
    error : ndarray of shape (b, p)
        Minus the derivative of the discrepancy by the means.

    Returns
    -------
    ndarray of shape (b, k, k)
        :math:`\frac12 tr(\Omega\, d^2\Sigma_{kl}) - e' d^2\mu_{kl}`.
    """
    half = _half_bent(implied, gram(implied, product), error)
    return np.asarray(half + half.transpose(0, 2, 1))


def _half_bent(implied: Implied, pairs: FloatArray, error: FloatArray) -> FloatArray:
    """Return a matrix (b, k, k) that is `bent` when its transpose is added."""
    ram, places = implied.ram, implied.ram.places
    b, size = len(pairs), len(ram.row)
    flat = implied.joined.reshape(b, -1)
    links = flat.take(places.bent, axis=1).reshape(b, 2, size, size)
    links *= places.curve
    half = pairs[:, 1] * links[:, 0]
    half += pairs[:, 0] * links[:, 1]
    if ram.means:
        sources = implied.both[:, :, : ram.size].transpose(0, 2, 1)
        pull = (sources @ error[:, :, None])[:, :, 0]
        onward = flat.take(places.bent[: size * size], axis=1).reshape(half.shape)
        pull = ram.is_arrow[:, None] * pull[:, ram.row, None]
        half -= pull * onward * implied.moved[:, None, :]
    return np.asarray(half)


def likelihood_hessian(
    implied: Implied, inverse: FloatArray, product: FloatArray, error: FloatArray
) -> FloatArray:
    r"""Return the Hessian of the likelihood.

    Parameters
    ----------
    implied : Implied
        Implied moments.
    inverse : ndarray of shape (b, p, p)
        Inverse of Sigma.
    product : ndarray of shape (b, p, 2 q)
        :math:`\Omega W` with :math:`\Omega = \Sigma^{-1} - \Sigma^{-1} S_*
        \Sigma^{-1}`, where S_* are covariances about the implied means.
    error : ndarray of shape (b, p)
        :math:`\Sigma^{-1} (m - \mu)`.

    Returns
    -------
    ndarray of shape (b, k, k)
        By slots.

    Notes
    -----
    First derivatives give :math:`\frac12 tr(\Sigma^{-1} d\Sigma_k (\Sigma^{-1} -
    2 \Omega) d\Sigma_l)`, second ones what `bent` returns.
    """
    ram = implied.ram
    one, two = gram(implied, inverse @ implied.both), gram(implied, product)
    half = _half_bent(implied, two, error)
    two *= -2.0
    two += one
    aa, ab, bb = one[:, 0], one[:, 1], one[:, 2]
    first = aa * two[:, 2]
    first += bb * two[:, 0]
    first *= 0.5
    first += ab.transpose(0, 2, 1) * two[:, 1]
    first *= 0.5 * ram.places.pairs
    half += first
    if ram.means:
        pull = (implied.both.transpose(0, 2, 1) @ error[:, :, None])[:, :, 0]
        # rows move the means, columns the covariances
        mixed = aa * pull[:, None, ram.second] + ab * pull[:, None, ram.row]
        mixed *= implied.moved[:, :, None] * ram.scale
        mixed += 0.5 * aa * implied.moved[:, :, None] * implied.moved[:, None, :]
        half += mixed
    return np.asarray(half + half.transpose(0, 2, 1))


def jacobian(implied: Implied) -> FloatArray:
    """Return the derivatives of all implied moments by the slots.

    Parameters
    ----------
    implied : Implied
        Implied moments.

    Returns
    -------
    ndarray of shape (b, p (p + 1) / 2, k) or (b, p + p (p + 1) / 2, k)
        Rows: the means, if the model has means; then the covariances (i, j), i <= j,
        row by row of the upper triangle.
    """
    ram, both = implied.ram, implied.both
    first, second = both[:, :, ram.row], both[:, :, ram.second]
    i, j = upper(ram.observed)
    slopes = first[:, i] * second[:, j] + second[:, i] * first[:, j]
    slopes *= ram.scale
    if not ram.means:
        return np.asarray(slopes)
    return np.concatenate([first * implied.moved[:, None, :], slopes], axis=1)


@cache
def upper(size: int) -> tuple[IntArray, IntArray]:
    """Return rows and columns of an upper triangle, row by row."""
    rows, columns = np.triu_indices(size)
    return rows, columns
