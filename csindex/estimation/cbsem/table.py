"""The parameter table: every coefficient of a model, fixed or free, in one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from csindex.errors import SpecificationError
from csindex.estimation.cbsem.expressions import Dual, Formula
from csindex.estimation.cbsem.syntax import Relation
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.cbsem.constrained import Constraints
from csindex.kernels.cbsem.ram import ARROW, COVARIANCE, MEAN, Ram


@dataclass(frozen=True)
class Row:
    """One coefficient.

    Attributes
    ----------
    lhs, op, rhs : str
        ``=~`` loading, ``~`` regression, ``~~`` (co)variance, ``~1`` intercept.
    label : str
        Its label.
    parameter : int
        Position of its parameter in theta; -1 if it is fixed.
    value : float
        Its value, if it is fixed.
    start : float
        Where the search starts; NaN: chosen from the data.
    group : int
        Position of its group.
    """

    lhs: str
    op: str
    rhs: str
    label: str = ""
    parameter: int = -1
    value: float = 0.0
    start: float = np.nan
    group: int = 0

    @property
    def free(self) -> bool:
        """Whether it is estimated."""
        return self.parameter >= 0

    @property
    def name(self) -> str:
        """Its name among others."""
        told = f"{self.lhs} {self.op} {self.rhs}" if self.rhs else f"{self.lhs} ~ 1"
        return told if self.group == 0 else f"{told} (group {self.group + 1})"


@dataclass(frozen=True)
class Bound:
    """An inequality, ``sign * formula >= 0``.

    Attributes
    ----------
    formula : Formula
        Left minus right side.
    sign : float
        1 for ``>``, -1 for ``<``.
    text : str
        As it was written.
    """

    formula: Formula
    sign: float
    text: str


@dataclass(frozen=True, eq=False)
class ParameterTable:
    """Every coefficient of a model, and what joins the parameters.

    Attributes
    ----------
    rows : tuple of Row
        The coefficients, in lavaan's order.
    observed, latent : tuple of str
        The variables, in order; the model's constructs come first.
    relations : tuple of Relation
        Definitions and constraints.
    means : bool
        Whether the model says something about means.
    groups : int
        Number of groups.
    """

    rows: tuple[Row, ...]
    observed: tuple[str, ...]
    latent: tuple[str, ...]
    relations: tuple[Relation, ...] = ()
    means: bool = False
    groups: int = 1

    @cached_property
    def size(self) -> int:
        """Number t of parameters, before constraints."""
        return 1 + max((row.parameter for row in self.rows), default=-1)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Name of each parameter: its label, or its place in the model."""
        names: dict[int, str] = {}
        for row in self.rows:
            if row.free:
                names.setdefault(row.parameter, row.label or row.name)
        return tuple(names[k] for k in range(self.size))

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """All variables: observed, then latent ones."""
        return (*self.observed, *self.latent)

    @cached_property
    def rams(self) -> tuple[Ram, ...]:
        """The structure of each group."""
        return tuple(self._ram(group) for group in range(self.groups))

    @cached_property
    def positions(self) -> dict[str, int]:
        """Position of each variable."""
        return {name: k for k, name in enumerate(self.variables)}

    def values(self, theta: FloatArray) -> FloatArray:
        """Return the value of every coefficient, as `row_values` of all rows."""
        fixed, free, parameters = self._held
        found = np.empty((*theta.shape[:-1], len(fixed)))
        found[:] = fixed
        found[..., free] = theta[..., parameters]
        return found

    @cached_property
    def is_free(self) -> FloatArray:
        """One for each coefficient that is estimated, shape (rows,)."""
        return np.array([row.free for row in self.rows], np.float64)

    @cached_property
    def _held(self) -> tuple[FloatArray, IntArray, IntArray]:
        """Fixed values (rows,); which rows are free, and their parameters."""
        numbers = np.array([row.parameter for row in self.rows], np.int64)
        free = np.flatnonzero(numbers >= 0)
        return np.array([row.value for row in self.rows]), free, numbers[free]

    @cached_property
    def places(self) -> IntArray:
        """Row and column of every coefficient in its matrix, shape (rows, 2)."""
        return np.array([self.place(row) for row in self.rows], np.int64).reshape(-1, 2)

    def place(self, row: Row) -> tuple[int, int]:
        """Return row and column of a coefficient in its matrix."""
        position = self.positions
        if row.op == "=~":
            return position[row.rhs], position[row.lhs]
        if row.op == "~1":
            return position[row.lhs], 0
        return position[row.lhs], position[row.rhs]

    def _ram(self, group: int) -> Ram:
        q = len(self.variables)
        arrows, joint, levels = np.zeros((q, q)), np.zeros((q, q)), np.zeros(q)
        slots: list[tuple[int, int, int, int]] = []
        for row in self.rows:
            if row.group != group:
                continue
            r, c = self.place(row)
            kind = kind_of(row)
            if row.free:
                slots.append((kind, r, c, row.parameter))
            elif kind == ARROW:
                arrows[r, c] = row.value
            elif kind == COVARIANCE:
                joint[r, c] = joint[c, r] = row.value
            else:
                levels[r] = row.value
        table = np.array(sorted(slots, key=lambda slot: slot[3]), np.int64)
        table = table.reshape(-1, 4)
        kinds, places, columns, parameters = table.T
        return Ram(
            len(self.observed),
            arrows,
            joint,
            levels,
            kinds,
            places,
            columns,
            parameters,
            self.means,
        )

    @cached_property
    def definitions(self) -> tuple[Relation, ...]:
        """The defined parameters."""
        return tuple(r for r in self.relations if r.op == ":=")

    @cached_property
    def equalities(self) -> tuple[Formula, ...]:
        """Formulas that must be zero."""
        return tuple(r.formula for r in self.relations if r.op == "==")

    @cached_property
    def bounds(self) -> tuple[Bound, ...]:
        """Formulas that mustn't be negative (``>``) or positive (``<``)."""
        return tuple(
            Bound(r.formula, 1.0 if r.op == ">" else -1.0, f"{r.left} {r.op} {r.right}")
            for r in self.relations
            if r.op in ("<", ">")
        )

    def known(self, theta: FloatArray) -> dict[str, Dual]:
        """Return the value of every label and definition.

        Parameters
        ----------
        theta : ndarray of shape (b, t)
            Parameters.

        Returns
        -------
        dict of str to Dual
            Values with derivatives by theta.
        """
        known = self._labelled(theta)
        self.define(known)
        return known

    def define(self, known: dict[str, Dual]) -> None:
        """Add the value of every definition to those of labels.

        A definition without a value, as the logarithm of a negative estimate, is NaN.

        Parameters
        ----------
        known : dict of str to Dual
            Values of all labels; definitions are added, or take the place of others.
        """
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            for relation in self.definitions:
                known[relation.name] = relation.formula.at(known)

    def _labelled(self, theta: FloatArray) -> dict[str, Dual]:
        """Return the value of every label."""
        b, one = len(theta), np.eye(self.size)
        known: dict[str, Dual] = {
            "": Dual(np.zeros(b), np.zeros((b, self.size))),
        }
        for row in self.rows:
            if row.label and row.free:
                k = row.parameter
                slope = np.broadcast_to(one[k], (b, self.size))
                known[row.label] = Dual(theta[:, k], slope)
            elif row.label:
                known[row.label] = Dual(np.full(b, row.value), np.zeros((b, self.size)))
        return known

    @cached_property
    def linear(self) -> bool:
        """Whether all equalities are linear in the parameters, and no bounds exist."""
        defined = {r.name for r in self.definitions}
        return not self.bounds and all(
            formula.linear and not defined & {*formula.names}
            for formula in self.equalities
        )

    @cached_property
    def flat(self) -> tuple[FloatArray, FloatArray]:
        """Where linear equalities hold: a point (t,), and directions (t, m).

        Raises
        ------
        SpecificationError
            If they can't hold together.
        """
        zero = np.zeros((1, self.size))
        known = self._labelled(zero)
        duals = [formula.at(known) for formula in self.equalities]
        if not duals:
            return zero[0], np.eye(self.size)
        slopes = np.concatenate([dual.slope for dual in duals])
        values = np.concatenate([dual.value for dual in duals])
        point = -np.linalg.pinv(slopes) @ values
        if not np.allclose(slopes @ point + values, 0, atol=1e-9):
            raise SpecificationError(
                "CBSEM: the constraints contradict each other; leave one of them out"
            )
        return point, null_space(slopes)

    def held(self, theta: FloatArray) -> Constraints:
        """Return the constraints at a parameter vector (t,)."""
        known = self.known(theta[None])
        # a step to where a constraint has no value is cut short
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            duals = [formula.at(known) for formula in self.equalities]
            signs = [1.0] * len(duals) + [bound.sign for bound in self.bounds]
            duals += [bound.formula.at(known) for bound in self.bounds]
        values = np.array([s * d.value[0] for s, d in zip(signs, duals, strict=True)])
        slopes = np.array([s * d.slope[0] for s, d in zip(signs, duals, strict=True)])
        equal = np.arange(len(duals)) < len(self.equalities)
        return Constraints(values, slopes, equal)


def null_space(matrix: FloatArray) -> FloatArray:
    """Return an orthonormal basis (t, m) of the vectors that a matrix (r, t) kills."""
    _, values, right = np.linalg.svd(matrix)
    largest = values[0] if len(values) else 0.0
    rank = int((values > 1e-10 * max(largest, 1e-300)).sum())
    return np.asarray(right[rank:].T)


def kind_of(row: Row) -> int:
    """Return whether a coefficient is an arrow, a covariance or a mean."""
    return {"=~": ARROW, "~": ARROW, "~~": COVARIANCE, "~1": MEAN}[row.op]


def row_values(rows: Sequence[Row], theta: FloatArray) -> FloatArray:
    """Return the value of every coefficient.

    Parameters
    ----------
    rows : sequence of Row
        The coefficients.
    theta : ndarray of shape (..., t)
        Parameters.

    Returns
    -------
    ndarray of shape (..., rows)
        Their values.
    """
    position = np.array([row.parameter for row in rows])
    fixed = np.array([row.value for row in rows])
    found = np.empty((*theta.shape[:-1], len(rows)))
    found[:] = fixed
    found[..., position >= 0] = theta[..., position[position >= 0]]
    return found
