r"""Parameter tables of ordinal items in several groups that share thresholds.

A group's answers tell where its thresholds lie on the standardised variable behind an
item. Groups that share the thresholds themselves may differ in the location and the
scale of that variable: its intercept and its factor (by delta) or residual variance (by
theta) are free in all groups but the first, as far as thresholds identify them. Two
equal thresholds of an item identify both; one identifies the intercept alone, unless
the item's loading is equal, too. The loading and the scale of a binary item can't be
told apart, so that its equal loading restricts nothing by itself: intercepts must be
equal with it.

References
----------
Wu & Estabrook (2016), Psychometrika 81(4); Millsap & Yun-Tein (2004), Multivariate
Behavioral Research 39(3).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from csindex.errors import SpecificationError, unknown
from csindex.estimation.cbsem.groups import Equal
from csindex.estimation.cbsem.groups import kind_of as parameter_kind
from csindex.estimation.cbsem.ordinal_table import (
    OrdinalTable,
    Parameterization,
    ordinal_table,
    single_items,
)
from csindex.estimation.cbsem.syntax import read_additions
from csindex.estimation.cbsem.table import ParameterTable, Row, kind_of
from csindex.kernels.cbsem.ram import ARROW, MEAN, Ram
from csindex.kernels.ordinal.linked import Levels

Key = tuple[str, str, str]
_THRESHOLD = re.compile(r"\s*([\w.]+)\s*\|\s*(t\d+)\s*")
# the place of an element that is derived, until it gets a number
_DERIVED = -2


@dataclass(frozen=True, eq=False)
class LinkedTable(OrdinalTable):
    """Every coefficient of several groups that share thresholds.

    Thresholds, intercepts, means and, by delta, factors are among the structural
    parameters; derived elements come last. Each ordinal item is a multiple of the
    variable behind it, by delta too.
    """

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """All variables: observed, latent, and those behind ordinal items."""
        behind = (f"{name}*" for name in self.ordinal)
        return (*self.observed, *self.latent, *behind)

    @cached_property
    def _positions(self) -> Mapping[str, int]:
        found = {name: k for k, name in enumerate(self.variables)}
        found.update({name: found[f"{name}*"] for name in self.ordinal})
        return found

    @cached_property
    def core(self) -> ParameterTable:
        """The structural part, thresholds included; derived elements are fixed."""
        rows = [
            row if row.parameter < self.structural else replace(row, parameter=-1)
            for row in self.rows
        ]
        return ParameterTable(
            tuple(rows), self.observed, self.latent, self.relations, False, self.groups
        )

    def group_levels(self, group: int) -> Levels:
        """Return what the thresholds and means of a group are made of."""
        factor = {
            row.lhs: row.parameter
            for row in self.rows
            if row.op == "~*~" and row.group == group
        }
        cuts = {
            (row.lhs, row.rhs): row.parameter
            for row in self.rows
            if row.op == "|" and row.group == group
        }
        # item by item, as samples tell them
        made = [
            (i, cuts[name, f"t{k}"], factor[name]) if size else (i, -1, -1)
            for i, (name, size) in enumerate(
                zip(self.observed, self.sizes, strict=True)
            )
            for k in range(1, max(size, 2))
        ]
        return Levels(*(np.array(part, np.int64) for part in zip(*made, strict=True)))

    def separated(self) -> LinkedTable:
        """Return a table in which no two coefficients share a parameter."""
        end = self.structural + self.derived
        rows: list[Row] = []
        count = 0
        for row in self.rows:
            own = 0 <= row.parameter < self.structural
            rows.append(replace(row, parameter=count) if own else row)
            count += own
        more = count - self.structural
        rows = [
            replace(row, parameter=row.parameter + more)
            if self.structural <= old.parameter < end
            else row
            for row, old in zip(rows, self.rows, strict=True)
        ]
        return replace(self, rows=tuple(rows), relations=(), structural=count)

    def _ram(self, group: int) -> Ram:
        q = len(self.variables)
        arrows, joint, levels = np.zeros((q, q)), np.zeros((q, q)), np.zeros(q)
        slots: list[tuple[int, int, int, int]] = []
        for row in self.rows:
            if row.group != group or row.op == "|":
                continue
            r, c = self.place(row)
            kind = ARROW if row.op == "~*~" else kind_of(row)
            if row.free:
                slots.append((row.parameter, kind, r, c))
            elif kind == ARROW:
                arrows[r, c] = row.value
            elif kind == MEAN:
                levels[r] = row.value
            else:
                joint[r, c] = joint[c, r] = row.value
        table = np.array(sorted(slots), np.int64).reshape(-1, 4)
        parameters, kinds, places, columns = table.T
        return Ram(
            len(self.observed),
            arrows,
            joint,
            levels,
            kinds,
            places,
            columns,
            parameters,
            True,
        )


def linked_table(
    core: ParameterTable,
    sizes: Sequence[int],
    parameterization: Parameterization,
    count: int,
    equal: Collection[Equal],
    partial: Collection[str] = (),
) -> LinkedTable:
    """Return the parameter table of several groups that share thresholds.

    Parameters
    ----------
    core : ParameterTable
        The table of one group, as if all items were continuous, without means.
    sizes : sequence of int
        Number of categories of each observed variable; zero for continuous ones.
    parameterization : {"delta", "theta"}
        See `OrdinalTable`.
    count : int
        Number of groups.
    equal : collection of str
        What is equal between groups, ``"thresholds"`` among it. With intercepts, latent
        means are free but in the first group, unless ``"means"`` are equal.
    partial : collection of str
        Parameters that may differ all the same, as ``"x3 | t2"``, ``"a =~ x2"`` or
        ``"x3 ~ 1"``.

    Returns
    -------
    LinkedTable
        The rows group by group.

    Raises
    ------
    SpecificationError
        With every partial parameter that isn't in the model, constructs without an
        equal intercept, and residual variances to be equal by delta.
    """
    base = ordinal_table(core, sizes, parameterization)
    rows = [
        *base.rows,
        *(Row(name, "~1", "") for name in (*base.ordinal, *base.latent)),
    ]
    plan = _Plan(base, frozenset(equal), _partial_keys(base, partial))
    plan.check()
    end = base.structural + base.derived
    first: dict[int, int] = {}
    made: list[Row] = []
    size = 0
    for group in range(count):
        own: dict[int, int] = {}
        for row in rows:
            if base.structural <= row.parameter < end:
                made.append(replace(row, group=group, parameter=_DERIVED))
                continue
            number = -1
            if row.free:
                known = first if group == 0 or plan.shared(row) else own
                number = known.setdefault(row.parameter, size)
            elif group > 0 and plan.released(row):
                number = size
            size = max(size, number + 1)
            start = {"~*~": 1.0, "|": 0.0}.get(row.op, row.start)
            made.append(replace(row, group=group, parameter=number, start=start))
    numbers = iter(range(size, size + len(made)))
    made = [
        replace(row, parameter=next(numbers)) if row.parameter == _DERIVED else row
        for row in made
    ]
    return LinkedTable(
        tuple(made),
        base.observed,
        base.latent,
        base.relations,
        False,
        count,
        base.sizes,
        parameterization,
        size,
        next(numbers) - size,
    )


@dataclass(frozen=True, eq=False)
class _Plan:
    """What later groups share with the first, and what is free there alone."""

    base: OrdinalTable
    equal: frozenset[Equal]
    apart: frozenset[Key]

    def shared(self, row: Row) -> bool:
        """Return whether a free coefficient is equal in all groups."""
        if row.label:
            return True
        if _key(row) in self.apart:
            return False
        if row.op == "|":
            return "thresholds" in self.equal
        if row.op == "=~" and row.lhs not in self.anchored:
            return False
        return parameter_kind(self.base, row) in self.equal

    def released(self, row: Row) -> bool:
        """Return whether a fixed coefficient is free in all groups but the first."""
        ordinal = row.lhs in self.base.ordinal
        if row.op == "~1":
            return self._moves(row.lhs) if ordinal else self._has_mean(row.lhs)
        if row.op == "~*~":
            return self._stretches(row.lhs)
        if row.op != "~~" or row.lhs != row.rhs or row.value == 0:
            return False
        if ordinal:
            return self._stretches(row.lhs) and not self._equal_residual(row)
        if row.lhs in self._single:
            stretched = self._stretches(self._single[row.lhs])
            return stretched and "variances" not in self.equal
        marked = any(
            r.op == "=~" and r.lhs == row.lhs and not r.free and r.value != 0
            for r in self.base.rows
        )
        free = row.lhs in self.anchored and "variances" not in self.equal
        return free and row.lhs not in self.base.observed and not marked

    def check(self) -> None:
        """Refuse what groups can't be compared by."""
        problems = [
            f"partial frees the intercepts or thresholds of all items of {name!r}, so "
            "that its means can't be compared; leave at least one of them equal"
            for name in self.base.latent
            if "intercepts" in self.equal and self._items(name)
            if not any(self._equal_intercept(item) for item in self._items(name))
        ]
        if "residuals" in self.equal and self.base.parameterization == "delta":
            problems.append(
                "residual variances of ordinal items are no parameters by "
                "parameterization='delta'; use CBSEM(parameterization='theta')"
            )
        if problems:
            raise SpecificationError(problems)

    @cached_property
    def anchored(self) -> frozenset[str]:
        """Latent variables whose equal loadings say something."""
        if "loadings" not in self.equal:
            return frozenset()
        if "intercepts" in self.equal:
            return frozenset(self.base.latent)
        return frozenset(
            row.lhs
            for row in self._loadings
            if _key(row) not in self.apart
            and (row.rhs not in self.base.ordinal or self._thresholds(row.rhs) > 1)
        )

    @cached_property
    def _loadings(self) -> list[Row]:
        return [row for row in self.base.rows if row.op == "=~"]

    @cached_property
    def _single(self) -> Mapping[str, str]:
        return single_items(self.base, self.base.ordinal)

    def _items(self, name: str) -> list[str]:
        observed = self.base.observed
        return [r.rhs for r in self._loadings if r.lhs == name and r.rhs in observed]

    def _thresholds(self, item: str) -> int:
        """Return how many thresholds of an item are equal."""
        size = self.base.sizes[self.base.observed.index(item)]
        return sum((item, "|", f"t{k}") not in self.apart for k in range(1, size))

    def _stretches(self, item: str) -> bool:
        """Return whether the scale of an ordinal item is free in later groups."""
        return self._thresholds(item) > 1 or any(
            row.rhs == item and row.lhs in self.anchored
            for row in self._loadings
            if _key(row) not in self.apart
        )

    def _moves(self, item: str) -> bool:
        """Return whether the intercept of an ordinal item is free in later groups."""
        free = "intercepts" not in self.equal or (item, "~1", "") in self.apart
        return free and self._thresholds(item) > 0

    def _has_mean(self, name: str) -> bool:
        equal = "intercepts" in self.equal and "means" not in self.equal
        return equal and bool(self._items(name))

    def _equal_residual(self, row: Row) -> bool:
        return "residuals" in self.equal and _key(row) not in self.apart

    def _equal_intercept(self, item: str) -> bool:
        known = item not in self.base.ordinal or self._thresholds(item) > 0
        return known and (item, "~1", "") not in self.apart


def _key(row: Row) -> Key:
    if row.op == "~~" and row.rhs < row.lhs:
        return row.rhs, row.op, row.lhs
    return row.lhs, row.op, row.rhs


def _words(key: Key) -> str:
    return f"{key[0]} ~ 1" if key[1] == "~1" else " ".join(key)


def _partial_keys(base: OrdinalTable, partial: Collection[str]) -> frozenset[Key]:
    """Return the keys of parameters that may differ."""
    if isinstance(partial, str):
        raise SpecificationError(
            f"partial is a list of parameters, as ({partial!r},), not one text"
        )
    intercepts = [(name, "~1", "") for name in base.ordinal]
    own = [
        _key(row)
        for row in base.rows
        if (row.free and row.op != "~*~")
        or (row.op == "~~" and row.lhs == row.rhs and row.lhs in base.ordinal)
    ]
    known = {_words(key): key for key in (*own, *intercepts)}
    found: set[Key] = set()
    problems: list[str] = []
    for text in partial:
        try:
            keys = _read_keys(text)
        except SpecificationError as error:
            problems += [f"partial {text!r}: {why}" for why in error.problems]
            continue
        if not keys:
            problems.append(f"partial {text!r} names no parameter; write 'x3 | t1'")
        problems += unknown("parameter", map(_words, keys), known, "in partial")
        found.update(keys)
    if problems:
        raise SpecificationError(problems)
    return frozenset(found)


def _read_keys(text: str) -> list[Key]:
    if match := _THRESHOLD.fullmatch(text):
        return [(match[1], "|", match[2])]
    return [entry.key for entry in read_additions(text).entries]
