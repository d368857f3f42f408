"""Parameter tables of models with ordinal items: thresholds, and unit variances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from csindex.errors import SpecificationError, quoted
from csindex.estimation.cbsem.table import ParameterTable, Row, kind_of
from csindex.kernels.cbsem.ram import ARROW, Ram
from csindex.kernels.cbsem.unit import Units

Parameterization = Literal["delta", "theta"]


@dataclass(frozen=True, eq=False)
class OrdinalTable(ParameterTable):
    """Every coefficient of a model with ordinal items.

    The parameters come in three parts: structural ones; elements derived from them,
    so that the variables behind ordinal items have variance one; thresholds of ordinal
    and means of continuous items, which are saturated. By ``"delta"`` these variables
    have variance one themselves, and their residual variances are derived. By
    ``"theta"`` they have residual variances of one, and what is derived is the factor
    (``~*~``) that standardises them.

    Attributes
    ----------
    sizes : tuple of int
        Number of categories of each observed variable; zero for continuous ones.
    parameterization : {"delta", "theta"}
        See above.
    structural, derived : int
        Number of parameters in the first and in the second part.
    """

    sizes: tuple[int, ...] = ()
    parameterization: Parameterization = "delta"
    structural: int = 0
    derived: int = 0

    @property
    def ordinal(self) -> tuple[str, ...]:
        """The ordinal items."""
        return tuple(n for n, k in zip(self.observed, self.sizes, strict=True) if k)

    @property
    def levels(self) -> int:
        """Number of thresholds and means in all groups."""
        return self.size - self.structural - self.derived

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """All variables: observed, latent, and by theta those behind ordinal items."""
        behind = self.ordinal if self.parameterization == "theta" else ()
        return (*self.observed, *self.latent, *(f"{name}*" for name in behind))

    def place(self, row: Row) -> tuple[int, int]:
        """Return row and column of a coefficient in its matrix."""
        behind = self._positions
        if row.op in ("|", "~1"):
            return behind[row.lhs], 0
        if row.op == "~*~":
            return self.variables.index(row.lhs), behind[row.lhs]
        if row.op == "=~":
            return behind[row.rhs], behind[row.lhs]
        return behind[row.lhs], behind[row.rhs]

    def behind(self, name: str) -> int:
        """Return the position of a variable, or of that behind an ordinal item."""
        return self._positions[name]

    @cached_property
    def _positions(self) -> Mapping[str, int]:
        found = {name: k for k, name in enumerate(self.variables)}
        if self.parameterization == "theta":
            found.update({name: found[f"{name}*"] for name in self.ordinal})
        return found

    @cached_property
    def units(self) -> tuple[Units, ...]:
        """What gives the ordinal items of each group variance one."""
        return tuple(self._units(group) for group in range(self.groups))

    @cached_property
    def core(self) -> ParameterTable:
        """The structural part; derived elements have no value there."""
        rows = [
            row if row.parameter < self.structural else replace(row, parameter=-1)
            for row in self.rows
            if row.op not in ("|", "~1", "~*~")
        ]
        return ParameterTable(
            tuple(rows),
            self.observed,
            self.latent,
            self.relations,
            False,
            self.groups,
        )

    def _units(self, group: int) -> Units:
        scaled = self.parameterization == "theta"
        items, sources, derived = [], [], []
        end = self.structural + self.derived
        for row in self.rows:
            if row.group != group or not self.structural <= row.parameter < end:
                continue
            name = row.lhs if row.lhs in self.observed else _only_item(self.rows, row)
            items.append(self.observed.index(name))
            sources.append(self.behind(name if scaled else row.lhs))
            derived.append(row.parameter)
        return Units(
            np.array(items, np.int64),
            np.array(sources, np.int64),
            np.array(derived, np.int64),
            scaled,
        )

    def _ram(self, group: int) -> Ram:
        q = len(self.variables)
        arrows, joint = np.zeros((q, q)), np.zeros((q, q))
        slots: list[tuple[int, int, int, int]] = []
        for row in self.rows:
            scale = row.op == "~*~"
            if row.group != group or row.op in ("|", "~1") or (scale and not row.free):
                continue
            r, c = self.place(row)
            kind = ARROW if scale else kind_of(row)
            if row.free:
                slots.append((row.parameter, kind, r, c))
            elif kind == ARROW:
                arrows[r, c] = row.value
            else:
                joint[r, c] = joint[c, r] = row.value
        table = np.array(sorted(slots), np.int64).reshape(-1, 4)
        parameters, kinds, places, columns = table.T
        return Ram(
            len(self.observed),
            arrows,
            joint,
            np.zeros(q),
            kinds,
            places,
            columns,
            parameters,
        )


def ordinal_table(
    core: ParameterTable, sizes: Sequence[int], parameterization: Parameterization
) -> OrdinalTable:
    """Return the parameter table of a model with ordinal items.

    Parameters
    ----------
    core : ParameterTable
        The model's table, as if all items were continuous.
    sizes : sequence of int
        Number of categories of each observed variable; zero for continuous ones.
    parameterization : {"delta", "theta"}
        See `OrdinalTable`.

    Returns
    -------
    OrdinalTable
        Structural rows, thresholds (``|``), scales (``~*~``) and means (``~1``).

    Raises
    ------
    SpecificationError
        If intercepts, or residual variances of ordinal items, were specified; if
        everything but thresholds is fixed.
    """
    ordinal = [n for n, k in zip(core.observed, sizes, strict=True) if k]
    _check(core, ordinal)
    single = single_items(core, ordinal)
    fixed = 1.0 if parameterization == "theta" else np.nan
    rows = [_structural(row, ordinal, single, fixed) for row in core.rows]
    numbers = {k: i for i, k in enumerate(sorted({r.parameter for r in rows} - {-1}))}
    numbers[-1] = -1
    rows = [replace(row, parameter=numbers[row.parameter]) for row in rows]
    structural = len(numbers) - 1
    if not structural:
        raise SpecificationError(
            f"CBSEM: there is nothing to estimate but thresholds in "
            f"{quoted(core.variables)}; leave a loading or a covariance free"
        )
    rows += _levels(core, sizes)
    # derived: residual variances that have no value yet, or scales
    theta = parameterization == "theta"
    count, made = structural, []
    for row in (*rows, *_scales(core, ordinal, theta)):
        missing = not row.free and np.isnan(row.value)
        made.append(replace(row, parameter=count, value=0.0) if missing else row)
        count += missing
    derived = count - structural
    for k, row in enumerate(made):
        if row.op in ("|", "~1"):
            made[k] = replace(row, parameter=count)
            count += 1
    return OrdinalTable(
        tuple(made),
        core.observed,
        core.latent,
        core.relations,
        False,
        core.groups,
        tuple(sizes),
        parameterization,
        structural,
        derived,
    )


def _levels(core: ParameterTable, sizes: Sequence[int]) -> list[Row]:
    """Return thresholds and means, free, to be numbered."""
    return [
        Row(name, "|" if size else "~1", f"t{k}" if size else "", "", 0, group=group)
        for group in range(core.groups)
        for name, size in zip(core.observed, sizes, strict=True)
        for k in range(1, max(size, 2))
    ]


def _scales(core: ParameterTable, ordinal: Sequence[str], theta: bool) -> list[Row]:
    return [
        Row(name, "~*~", name, value=np.nan if theta else 1.0, group=group)
        for group in range(core.groups)
        for name in ordinal
    ]


def _structural(
    row: Row, ordinal: Sequence[str], single: Mapping[str, str], fixed: float
) -> Row:
    """Return a row with what gives an ordinal item its variance fixed, or NaN."""
    if row.op == "=~" and single.get(row.lhs) == row.rhs:
        return replace(row, parameter=-1, value=1.0)
    if row.op != "~~" or row.lhs != row.rhs:
        return row
    alone = row.lhs in single.values()
    if row.lhs in single or (row.lhs in ordinal and not alone):
        return replace(row, parameter=-1, value=fixed)
    return row


def single_items(core: ParameterTable, ordinal: Sequence[str]) -> dict[str, str]:
    """Return latent variables that are one ordinal item, with that item.

    Parameters
    ----------
    core : ParameterTable
        A table; its first group counts.
    ordinal : sequence of str
        The ordinal items.

    Returns
    -------
    dict of str to str
        The item of each such variable.
    """
    loadings = [row for row in core.rows if row.op == "=~" and row.group == 0]
    items = Counter(row.lhs for row in loadings)
    owners = Counter(row.rhs for row in loadings)
    return {
        row.lhs: row.rhs
        for row in loadings
        if items[row.lhs] == 1 and owners[row.rhs] == 1 and row.rhs in ordinal
    }


def _only_item(rows: Sequence[Row], variance: Row) -> str:
    """Return the item that is a latent variable's only one."""
    return next(row.rhs for row in rows if row.op == "=~" and row.lhs == variance.lhs)


def _check(core: ParameterTable, ordinal: Sequence[str]) -> None:
    single = single_items(core, ordinal)
    problems: list[str] = []
    if core.means:
        problems.append(
            "with ordinal items, thresholds and means are free and no intercepts are "
            "modelled; leave means= and 'x ~ 1' in additions= out"
        )
    for row in core.rows:
        if row.op != "~~" or row.lhs != row.rhs:
            continue
        own = row.lhs in ordinal and row.lhs not in single.values()
        if (own and (row.label or not row.free)) or (row.lhs in single and row.label):
            problems.append(
                f"the residual variance of {row.lhs!r} is no parameter, because its "
                "item is ordinal and takes its variance from its thresholds; leave "
                f"'{row.name}' out of additions="
            )
    if problems:
        raise SpecificationError([f"CBSEM: {p}" for p in problems])
