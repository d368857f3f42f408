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
from csindex.kernels.cbsem.ram import Implied, Ram


def gram(implied: Implied, matrix: FloatArray) -> FloatArray:
    """Return W'MW, shape (b, 2 q, 2 q), for symmetric M (b, p, p)."""
    both = implied.both
    return np.asarray(both.transpose(0, 2, 1) @ (matrix @ both))


def gradient(implied: Implied, omega: FloatArray, error: FloatArray) -> FloatArray:
    r"""Return the gradient :math:`\frac12 tr(\Omega\, d\Sigma_k) - e' d\mu_k`.

    Parameters
    ----------
    implied : Implied
        Implied moments.
    omega : ndarray of shape (b, p, p)
        Symmetric derivative of the discrepancy by Sigma.
    error : ndarray of shape (b, p)
        Minus its derivative by the means; not used without means.

    Returns
    -------
    ndarray of shape (b, k)
        By slot.
    """
    ram = implied.ram
    both = implied.both
    sources = both[:, :, : ram.size].transpose(0, 2, 1)
    products = sources @ (omega @ both)
    slope = products.reshape(len(products), -1).take(ram.places.slope, axis=1)
    slope *= ram.scale
    if not ram.means:
        return np.asarray(slope)
    pull = (sources @ error[:, :, None])[:, :, 0]
    return np.asarray(slope - implied.moved * pull[:, ram.row])


class Pairs:
    """Elements of Gram matrices at all pairs of slots.

    Parameters
    ----------
    ram : Ram
        The structure.
    products : ndarray of shape (b, 2 q, 2 q)
        A Gram matrix.
    """

    def __init__(self, ram: Ram, products: FloatArray) -> None:
        self._flat = products.reshape(len(products), -1)
        self._ram = ram

    def _at(self, places: IntArray) -> FloatArray:
        size = len(self._ram.row)
        return self._flat.take(places, axis=1).reshape(len(self._flat), size, size)

    @property
    def aa(self) -> FloatArray:
        """a_k'M a_l, shape (b, k, k)."""
        return self._at(self._ram.places.aa)

    @property
    def bb(self) -> FloatArray:
        """b_k'M b_l, shape (b, k, k)."""
        return self._at(self._ram.places.bb)

    @property
    def ab(self) -> FloatArray:
        """a_k'M b_l, shape (b, k, k)."""
        return self._at(self._ram.places.ab)


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
    pairs = Pairs(ram, gram(implied, weight))
    aa, ab = pairs.aa, pairs.ab
    found = aa * pairs.bb + ab * ab.transpose(0, 2, 1)
    found *= ram.places.pairs
    if ram.means:
        found += aa * implied.moved[:, :, None] * implied.moved[:, None, :]
    return found


def bent(implied: Implied, omega: FloatArray, error: FloatArray) -> FloatArray:
    r"""Return what the curvature of the model adds to a Hessian.

    Parameters
    ----------
    implied : Implied
        Implied moments.
    omega : ndarray of shape (b, p, p)
        Derivative of the discrepancy by Sigma, as in `gradient`.
    error : ndarray of shape (b, p)
        Minus its derivative by the means.

    Returns
    -------
    ndarray of shape (b, k, k)
        :math:`\frac12 tr(\Omega\, d^2\Sigma_{kl}) - e' d^2\mu_{kl}`.
    """
    ram, places = implied.ram, implied.ram.places
    size = len(ram.row)
    effects = implied.effects.reshape(len(implied.effects), -1)
    total = implied.total.reshape(len(effects), -1)
    onward, back, other = (
        matrix.take(place, axis=1).reshape(len(effects), size, size)
        for matrix, place in (
            (effects, places.onward),
            (effects, places.back),
            (total, places.back),
        )
    )
    pairs = Pairs(ram, gram(implied, omega))
    back *= places.joint
    other *= places.both
    back += other
    back *= pairs.aa
    half = pairs.ab * onward
    half *= places.arrow
    half += back
    if ram.means:
        sources = implied.both[:, :, : ram.size].transpose(0, 2, 1)
        pull = (sources @ error[:, :, None])[:, :, 0]
        arrow = ram.is_arrow[:, None]
        half -= arrow * pull[:, ram.row, None] * onward * implied.moved[:, None, :]
    return np.asarray(half + half.transpose(0, 2, 1))


def likelihood_curvature(
    implied: Implied, inverse: FloatArray, data: FloatArray, error: FloatArray
) -> FloatArray:
    r"""Return the part of the likelihood's Hessian that first derivatives give.

    Parameters
    ----------
    implied : Implied
        Implied moments.
    inverse : ndarray of shape (b, p, p)
        Inverse of Sigma.
    data : ndarray of shape (b, p, p)
        :math:`2 \Sigma^{-1} S_* \Sigma^{-1} - \Sigma^{-1}`, where S_* are covariances
        about the implied means.
    error : ndarray of shape (b, p)
        :math:`\Sigma^{-1} (m - \mu)`.

    Returns
    -------
    ndarray of shape (b, k, k)
        By slots; `bent` adds the rest.
    """
    ram = implied.ram
    one, two = (
        Pairs(ram, gram(implied, inverse)),
        Pairs(ram, gram(implied, data)),
    )
    aa, ab = one.aa, one.ab
    turned = ab.transpose(0, 2, 1)
    other = two.ab
    found = aa * two.bb + one.bb * two.aa
    found += turned * other
    found += ab * other.transpose(0, 2, 1)
    found *= 0.5 * ram.places.pairs
    if ram.means:
        pull = (implied.both.transpose(0, 2, 1) @ error[:, :, None])[:, :, 0]
        # rows move the means, columns the covariances
        half = aa * pull[:, None, ram.second] + ab * pull[:, None, ram.row]
        half *= implied.moved[:, :, None] * ram.scale
        found += half + half.transpose(0, 2, 1)
        found += aa * implied.moved[:, :, None] * implied.moved[:, None, :]
    return np.asarray(found)


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
