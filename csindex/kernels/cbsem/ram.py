"""The reticular action model: from parameters to implied means and covariances.

All variables of a group, p observed ones first and the latent ones after them, are
joined by arrows A, covariances S and intercepts alpha:

    E = (I - A)^-1,  C = E S E',  Sigma = C[:p, :p],  mu = (E alpha)[:p].

References
----------
McArdle & McDonald (1984), British Journal of Mathematical and Statistical Psychology
37(2).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray

# what a slot is an element of
ARROW, COVARIANCE, MEAN = 0, 1, 2
# longer paths are summed by squares of A, shorter ones arrow by arrow
_SHORT = 5


@dataclass(frozen=True, eq=False)
class Ram:
    """The structure of one group: fixed values, and where the parameters stand.

    A *slot* is a free element of A, S (given once for its two places) or alpha. Slots
    that have the same parameter are equal.

    Attributes
    ----------
    observed : int
        Number p of observed variables, which come first among the q variables.
    arrows : ndarray of shape (q, q)
        Fixed values of A, row = target; zero at slots.
    covariances : ndarray of shape (q, q)
        Fixed values of S.
    intercepts : ndarray of shape (q,)
        Fixed values of alpha.
    kind, row, column : ndarray of int of shape (k,)
        For each slot, whether it is an ``ARROW``, ``COVARIANCE`` or ``MEAN``, and its
        place; the column of a mean is 0 and means nothing.
    parameter : ndarray of int of shape (k,)
        The parameter of each slot, as its position in theta.
    means : bool
        Whether the model says something about means.
    """

    observed: int
    arrows: FloatArray
    covariances: FloatArray
    intercepts: FloatArray
    kind: IntArray
    row: IntArray
    column: IntArray
    parameter: IntArray
    means: bool = False

    @property
    def size(self) -> int:
        """Number q of variables."""
        return len(self.arrows)

    @cached_property
    def depth(self) -> int | None:
        """Number of arrows on the longest directed path; None with a loop."""
        joined = self.arrows != 0
        chosen = self.kind == ARROW
        joined[self.row[chosen], self.column[chosen]] = True
        reach = joined.astype(np.float64)
        step, length = reach.copy(), 0
        while step.any():
            length += 1
            if length > self.size:
                return None
            step = ((step @ reach) > 0).astype(np.float64)
        return length

    @cached_property
    def is_arrow(self) -> FloatArray:
        """One for each slot that is an arrow, shape (k,)."""
        return np.asarray(self.kind == ARROW, np.float64)

    @cached_property
    def is_mean(self) -> FloatArray:
        """One for each slot that is a mean, shape (k,)."""
        return np.asarray(self.kind == MEAN, np.float64)

    @cached_property
    def scale(self) -> FloatArray:
        """Factor of each slot's derivative a b' + b a', shape (k,)."""
        half = np.where(self.row == self.column, 0.5, 1.0)
        return np.where(self.kind == ARROW, 1.0, np.where(self.kind == MEAN, 0.0, half))

    @cached_property
    def second(self) -> IntArray:
        """Position of each slot's b among the columns of (U, V), shape (k,)."""
        shift = np.where(self.kind == ARROW, self.size, 0)
        return np.where(self.kind == MEAN, 0, self.column + shift)

    @cached_property
    def identity(self) -> bool:
        """Whether the slots are the parameters, in their order."""
        return np.array_equal(self.parameter, np.arange(len(self.parameter)))

    @cached_property
    def filling(self) -> Filling:
        """Where parameters stand in A and S, flat."""
        return Filling.of(self)

    @cached_property
    def places(self) -> Places:
        """Where the slots' elements stand in matrices, flat."""
        return Places.of(self)

    def spread(self, count: int) -> FloatArray:
        """Return the 0/1 matrix (k, count) from parameters to slots."""
        return np.asarray(self.parameter[:, None] == np.arange(count), np.float64)


@dataclass(frozen=True, eq=False)
class Filling:
    """Where parameters stand in A and S, laid flat behind each other.

    Attributes
    ----------
    fixed : ndarray of shape (2 q q,)
        Fixed values.
    places : ndarray of int of shape (arrows + 2 covariances,)
        Positions of parameters; those of covariances on both sides of the diagonal.
    parameters : ndarray of int of shape (arrows + 2 covariances,)
        Which parameters they are.
    """

    fixed: FloatArray
    places: IntArray
    parameters: IntArray

    @staticmethod
    def of(ram: Ram) -> Filling:
        """Return the positions of a structure."""
        q = ram.size
        arrow, joint = ram.kind == ARROW, ram.kind == COVARIANCE
        here, mirrored = ram.row * q + ram.column, ram.column * q + ram.row
        own = ram.parameter
        return Filling(
            np.concatenate([ram.arrows.ravel(), ram.covariances.ravel()]),
            np.concatenate([here[arrow], q * q + here[joint], q * q + mirrored[joint]]),
            np.concatenate([own[arrow], own[joint], own[joint]]),
        )


@dataclass(frozen=True, eq=False)
class Places:
    """Flat positions of the elements that derivatives by slots are made of.

    Attributes
    ----------
    gram : ndarray of int of shape (3 k k,)
        Elements (a_k, a_l), then (a_k, b_l), then (b_k, b_l), of Gram matrices
        (2 q, 2 q).
    slope : ndarray of int of shape (k,)
        Elements (row, second) of matrices (q, 2 q).
    pairs : ndarray of shape (k, k)
        Product of the slots' scales.
    bent : ndarray of int of shape (2 k k,)
        Elements of (E, C), a matrix (q, 2 q), that second derivatives by k and l take:
        E at (column of k, row of l); then C at (column of k, column of l), or E there
        where l is a covariance.
    curve : ndarray of shape (2, k, k)
        Their factors: l's scale where k is an arrow, half of it in the second part
        where l is one, too; else zero.
    """

    gram: IntArray
    slope: IntArray
    pairs: FloatArray
    bent: IntArray
    curve: FloatArray

    @staticmethod
    def of(ram: Ram) -> Places:
        """Return the positions of a structure."""
        q, arrow = ram.size, ram.is_arrow
        row, column, second = ram.row, ram.column, ram.second
        grams = [
            (left[:, None] * (2 * q) + right).ravel()
            for left, right in ((row, row), (row, second), (second, second))
        ]
        onward = column[:, None] * (2 * q) + row
        back = column[:, None] * (2 * q) + column + q * (ram.kind == ARROW)
        return Places(
            np.concatenate(grams),
            row * (2 * q) + second,
            ram.scale[:, None] * ram.scale,
            np.concatenate([onward.ravel(), back.ravel()]),
            arrow[:, None]
            * np.stack([ram.scale, np.where(arrow > 0, 0.5, ram.scale)])[:, None],
        )


@dataclass(frozen=True, eq=False)
class Implied:
    """What a group's structure implies for a stack of b parameter vectors.

    Attributes
    ----------
    ram : Ram
        The structure.
    effects : ndarray of shape (b, q, q)
        Total effects E, row = target.
    total : ndarray of shape (b, q, q)
        Covariances C of all variables.
    levels : ndarray of shape (b, q)
        Means of all variables.
    """

    ram: Ram
    effects: FloatArray
    total: FloatArray
    levels: FloatArray

    @cached_property
    def cov(self) -> FloatArray:
        """Implied covariances Sigma of the observed variables, shape (b, p, p)."""
        p = self.ram.observed
        return np.ascontiguousarray(self.total[:, :p, :p])

    @property
    def mean(self) -> FloatArray:
        """Implied means of the observed variables, shape (b, p)."""
        return self.levels[:, : self.ram.observed]

    @cached_property
    def joined(self) -> FloatArray:
        """(E, C), shape (b, q, 2 q)."""
        return np.concatenate([self.effects, self.total], axis=2)

    @property
    def both(self) -> FloatArray:
        """(U, V) = (E, C), rows of the observed variables, shape (b, p, 2 q)."""
        return self.joined[:, : self.ram.observed]

    @cached_property
    def moved(self) -> FloatArray:
        """Factor t of each slot's derivative of the means, t U_row, shape (b, k)."""
        ram = self.ram
        return ram.is_arrow * self.levels[:, ram.column] + ram.is_mean

    def chosen(self, members: BoolArray | IntArray) -> Implied:
        """Return some members of the stack."""
        return Implied(
            self.ram, self.effects[members], self.total[members], self.levels[members]
        )


def matrices(ram: Ram, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the arrows and the covariances of a stack of parameters.

    Parameters
    ----------
    ram : Ram
        The structure.
    theta : ndarray of shape (b, t)
        Parameters.

    Returns
    -------
    arrows, covariances : ndarray of shape (b, q, q)
        A and S.
    """
    q, filling = ram.size, ram.filling
    found = np.empty((len(theta), 2 * q * q))
    found[:] = filling.fixed
    found[:, filling.places] = theta.take(filling.parameters, axis=1)
    both = found.reshape(-1, 2, q, q)
    return both[:, 0], both[:, 1]


def intercepts(ram: Ram, theta: FloatArray) -> FloatArray:
    """Return the intercepts alpha (b, q) of a stack of parameters (b, t)."""
    alpha = np.empty((len(theta), ram.size))
    alpha[:] = ram.intercepts
    here = ram.kind == MEAN
    alpha[:, ram.row[here]] = theta[:, ram.parameter[here]]
    return alpha


def implied(ram: Ram, theta: FloatArray) -> Implied:
    """Return what a stack of parameters implies.

    Parameters
    ----------
    ram : Ram
        The structure.
    theta : ndarray of shape (b, t)
        Parameters.

    Returns
    -------
    Implied
        Effects, covariances and means.
    """
    arrows, joint = matrices(ram, theta)
    effects = total_effects(arrows, ram.depth)
    total = effects @ joint @ effects.transpose(0, 2, 1)
    if ram.means:
        levels = (effects @ intercepts(ram, theta)[:, :, None])[:, :, 0]
    else:
        levels = np.zeros(effects.shape[:2])
    return Implied(ram, effects, total, levels)


def total_effects(arrows: FloatArray, depth: int | None) -> FloatArray:
    """Return (I - A)^-1.

    Parameters
    ----------
    arrows : ndarray of shape (b, q, q)
        Arrows A.
    depth : int or None
        Length of the longest path; None: there are loops.

    Returns
    -------
    ndarray of shape (b, q, q)
        Total effects E = I + A + A^2 ...; NaN where loops have no sum.
    """
    one = _one(arrows.shape[-1])
    if depth is None:
        try:
            return np.asarray(np.linalg.inv(one - arrows))
        except np.linalg.LinAlgError:
            singular = np.linalg.det(one - arrows) == 0
            safe = np.where(singular[:, None, None], one, one - arrows)
            return np.where(singular[:, None, None], np.nan, np.linalg.inv(safe))
    effects = one + arrows
    if depth <= _SHORT:
        for _ in range(depth - 1):
            effects = one + arrows @ effects
        return effects
    power, reached = arrows, 1
    while reached < depth:
        power = power @ power
        effects = effects + effects @ power
        reached = 2 * reached + 1
    return effects


@cache
def _one(size: int) -> FloatArray:
    """Return the identity."""
    found = np.eye(size)
    found.flags.writeable = False
    return found
