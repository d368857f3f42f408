"""Constraints that no parameters can satisfy together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from csindex.estimation.cbsem.expressions import Dual
from csindex.estimation.cbsem.syntax import Relation
from csindex.estimation.cbsem.table import Row
from csindex.kernels.arrays import FloatArray

# a distance that is nothing but rounding
_ROUNDING = 1e-8


def contradictions(rows: Sequence[Row], relations: Sequence[Relation]) -> list[str]:
    r"""Return which linear constraints contradict each other.

    Parameters
    ----------
    rows : sequence of Row
        The coefficients, for their labels; fixed ones are constants.
    relations : sequence of Relation
        Definitions and constraints; every name in them is a label or is defined.

    Returns
    -------
    list of str
        At most one problem, with a smallest set of constraints that can't hold
        together. What is defined counts as a parameter of its own, and constraints
        that aren't linear are left to the search.

    Notes
    -----
    By Farkas' lemma :math:`Ax + b \ge 0` has no solution exactly if there is
    :math:`y \ge 0` with :math:`A'y = 0` and :math:`b'y = -1`, which is looked for by
    least squares; only constraints that contradict each other have :math:`y > 0`.

    References
    ----------
    Lawson & Hanson (1974), Solving Least Squares Problems, chapter 23.
    """
    fixed = {row.label: row.value for row in rows if row.label and not row.free}
    linear = [r for r in relations if r.op != ":=" and r.formula.linear]
    names = [n for r in linear for n in r.formula.names]
    if len(names) == len(set(names)) and not fixed.keys() & set(names):
        # constraints without a common parameter can't contradict each other
        return []
    found = _certificate(linear, fixed)
    if not found:
        return []
    told = ", ".join(f"{r.left} {r.op} {r.right} ({r.place})" for r in found)
    if len(found) == 1:
        return [
            f"no parameters satisfy {told}, with the labels that are fixed; leave it "
            "out, or free them"
        ]
    return [f"these constraints contradict each other: {told}; leave one of them out"]


def _certificate(linear: Sequence[Relation], fixed: dict[str, float]) -> list[Relation]:
    """Return constraints that have no common solution; none if all have one."""
    from scipy.optimize import nnls

    names = [n for r in linear for n in r.formula.names if n not in fixed]
    places = {name: k for k, name in enumerate(dict.fromkeys(names))}
    rows: list[FloatArray] = []
    owners: list[Relation] = []
    for relation in linear:
        row = _coefficients(relation, places, fixed)
        signs = {"==": (1.0, -1.0), ">": (1.0,), "<": (-1.0,)}[relation.op]
        rows += [sign * row for sign in signs]
        owners += [relation] * len(signs)
    if not rows:
        return []
    target = np.zeros(len(places) + 1)
    target[-1] = -1.0
    weights, distance = nnls(np.stack(rows, axis=1), target)
    if distance > _ROUNDING:
        return []
    used = [r for r, weight in zip(owners, weights, strict=True) if weight > 0]
    return list(dict.fromkeys(used))


def _coefficients(
    relation: Relation, places: dict[str, int], fixed: dict[str, float]
) -> FloatArray:
    """Return slopes and constant of a linear formula, at unit length if it has slopes.

    Of shape (names + 1,).
    """
    flat = np.zeros((1, len(places)))
    known = {"": Dual(np.zeros(1), flat)}
    known |= {n: Dual(np.array([value]), flat) for n, value in fixed.items()}
    known |= {n: Dual(np.zeros(1), np.eye(len(places))[[k]]) for n, k in places.items()}
    dual = relation.formula.at(known)
    length = float(np.linalg.norm(dual.slope)) or 1.0
    return np.append(dual.slope[0], dual.value[0]) / length
