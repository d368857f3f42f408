"""One covariance structure in several groups, with parameters equal between them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from csindex.errors import SpecificationError, unknown
from csindex.estimation.cbsem.fitted import CovarianceFit
from csindex.estimation.cbsem.gap_measures import gap_measures
from csindex.estimation.cbsem.measures import fit_measures
from csindex.estimation.cbsem.robust import covariance_of
from csindex.estimation.cbsem.scaled import scaled_measures
from csindex.estimation.cbsem.syntax import read_additions
from csindex.estimation.cbsem.table import ParameterTable, Row
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.fourth import Cases

Equal = Literal[
    "thresholds",
    "loadings",
    "intercepts",
    "residuals",
    "means",
    "variances",
    "covariances",
    "regressions",
]


@dataclass(frozen=True, eq=False)
class GroupEstimates:
    """A covariance structure fitted to several groups at once.

    Attributes
    ----------
    fit : CovarianceFit
        The parameters of all groups.
    cases : list of Cases, optional
        The respondents of each group, where errors or tests need them.
    """

    fit: CovarianceFit
    cases: list[Cases] | None = None

    @cached_property
    def measures(self) -> Mapping[str, float]:
        """Chi-square, fit indices and information criteria by name."""
        found = dict(fit_measures(self.fit))
        if self.cases is not None and self.fit.method.test != "standard":
            found.update(scaled_measures(self.fit, self.cases))
        if self.fit.method.missing == "fiml":
            found.update(gap_measures(self.fit, self.cases))
        return {name: float(value[0]) for name, value in found.items()}

    @cached_property
    def covariance(self) -> FloatArray:
        """Covariances (t, t) of the parameters' estimates."""
        return covariance_of(self.fit, self.cases)


def grouped(
    table: ParameterTable,
    count: int,
    equal: Collection[Equal],
    partial: Collection[str] = (),
) -> ParameterTable:
    """Return the parameter table of several groups.

    Parameters
    ----------
    table : ParameterTable
        The table of one group, with means.
    count : int
        Number of groups.
    equal : collection of str
        What is equal between groups. With intercepts, latent means are free but in the
        first group, unless ``"means"`` are equal; with loadings, latent variances that
        are fixed to set the scale are free there, unless ``"variances"`` are.
    partial : collection of str
        Parameters that may differ all the same, as ``"x3 ~ 1"`` or ``"a =~ x2"``.

    Returns
    -------
    ParameterTable
        The rows group by group; parameters with labels are equal in any case.

    Raises
    ------
    SpecificationError
        With every partial parameter that isn't in the model, and constructs without
        an equal intercept, whose means the groups don't share a zero for.
    """
    apart = _partial_keys(table, partial)
    if "intercepts" in equal and "means" not in equal:
        _check_anchors(table, apart)
    rows = list(table.rows)
    size = table.size
    for group in range(1, count):
        numbers: dict[int, int] = {}
        for row in table.rows:
            made = replace(row, group=group)
            if _released(table, row, equal):
                made = replace(made, parameter=size, start=np.nan)
                size += 1
            elif row.free and not _shared(table, row, equal, apart):
                number = numbers.setdefault(row.parameter, size)
                size = max(size, number + 1)
                made = replace(made, parameter=number)
            rows.append(made)
    return replace(table, rows=tuple(rows), groups=count)


def kind_of(table: ParameterTable, row: Row) -> Equal | None:
    """Return what a parameter is called among those equal between groups."""
    observed = row.lhs in table.observed
    if row.op == "=~":
        return "loadings"
    if row.op == "~":
        return "regressions"
    if row.op == "~1":
        return "intercepts" if observed else "means"
    if row.lhs == row.rhs:
        return "residuals" if observed else "variances"
    return None if observed else "covariances"


def check_equal(equal: Collection[str]) -> None:
    """Refuse kinds of parameters that don't exist."""
    if problems := unknown("kind", equal, get_args(Equal), "of equal parameters"):
        raise SpecificationError(problems)


def _shared(
    table: ParameterTable,
    row: Row,
    equal: Collection[Equal],
    apart: Collection[tuple[str, str, str]],
) -> bool:
    if row.label:
        return True
    return kind_of(table, row) in equal and _key(row) not in apart


def _released(table: ParameterTable, row: Row, equal: Collection[Equal]) -> bool:
    """Return whether a fixed parameter is free in all groups but the first."""
    if row.free or row.lhs in table.observed:
        return False
    if row.op == "~1":
        measured = {
            r.lhs for r in table.rows if r.op == "=~" and r.rhs in table.observed
        }
        return (
            "intercepts" in equal
            and "means" not in equal
            and row.value == 0
            and row.lhs in measured
        )
    if row.op != "~~" or row.lhs != row.rhs or row.value == 0:
        return False
    marked = any(
        r.op == "=~" and r.lhs == row.lhs and not r.free and r.value != 0
        for r in table.rows
    )
    return "loadings" in equal and "variances" not in equal and not marked


def _key(row: Row) -> tuple[str, str, str]:
    if row.op == "~~" and row.rhs < row.lhs:
        return row.rhs, row.op, row.lhs
    return row.lhs, row.op, row.rhs


def _partial_keys(
    table: ParameterTable, partial: Collection[str]
) -> set[tuple[str, str, str]]:
    if isinstance(partial, str):
        raise SpecificationError(
            f"partial is a list of parameters, as ({partial!r},), not one text"
        )
    known = {_key(row): _words(*_key(row)) for row in table.rows if row.free}
    found: set[tuple[str, str, str]] = set()
    problems: list[str] = []
    for text in partial:
        try:
            entries = read_additions(text).entries
        except SpecificationError as error:
            problems += [f"partial {text!r}: {why}" for why in error.problems]
            continue
        if not entries:
            problems.append(f"partial {text!r} names no parameter; write 'x3 ~ 1'")
        for entry in entries:
            if entry.key in known:
                found.add(entry.key)
            else:
                told = _words(*entry.key)
                problems += unknown("parameter", [told], known.values(), "in partial")
    if problems:
        raise SpecificationError(problems)
    return found


def _words(lhs: str, op: str, rhs: str) -> str:
    return f"{lhs} ~ 1" if op == "~1" else f"{lhs} {op} {rhs}"


def _check_anchors(
    table: ParameterTable, apart: Collection[tuple[str, str, str]]
) -> None:
    """Refuse constructs all of whose intercepts differ between groups."""
    problems: list[str] = []
    for name in table.latent:
        items = [
            row.rhs
            for row in table.rows
            if row.op == "=~" and row.lhs == name and row.rhs in table.observed
        ]
        if items and all((item, "~1", "") in apart for item in items):
            problems.append(
                f"partial frees the intercepts of all items of {name!r}, so that its "
                "means can't be compared; leave at least one of them equal"
            )
    if problems:
        raise SpecificationError(problems)


def released(table: ParameterTable) -> list[tuple[Row, FloatArray]]:
    """Return what would free each parameter that is equal between groups.

    Parameters
    ----------
    table : ParameterTable
        A table of several groups.

    Returns
    -------
    list of (Row, ndarray of shape (rows,))
        For each row of a later group that shares the parameter of the first group's
        row: that row, and one at its place among the free rows of the table. With
        three groups or more the first group's rows come, too.
    """
    free = [row for row in table.rows if row.free]
    found: list[tuple[Row, FloatArray]] = []
    for k, row in enumerate(free):
        others = [r for r in free if r.parameter == row.parameter and r is not row]
        elsewhere = [r for r in others if r.group != row.group]
        if elsewhere and (row.group > 0 or table.groups > 2):
            found.append((row, np.asarray(np.arange(len(free)) == k, np.float64)))
    return found


def separated(table: ParameterTable) -> tuple[ParameterTable, FloatArray]:
    """Return a table in which every free row has a parameter of its own.

    Parameters
    ----------
    table : ParameterTable
        A table.

    Returns
    -------
    table : ParameterTable
        The same rows, without relations.
    spread : ndarray of shape (rows, t)
        One where a free row has a parameter of the original table.
    """
    rows: list[Row] = []
    parameters: list[int] = []
    for row in table.rows:
        if row.free:
            rows.append(replace(row, parameter=len(parameters)))
            parameters.append(row.parameter)
        else:
            rows.append(row)
    spread = np.asarray(
        np.array(parameters)[:, None] == np.arange(table.size), np.float64
    )
    return replace(table, rows=tuple(rows), relations=()), spread


def positions(rows: Sequence[Row]) -> Mapping[tuple[str, str, str, int], int]:
    """Return the position of each coefficient among rows, by its name and group."""
    return {(*_key(row), row.group): k for k, row in enumerate(rows)}
