"""From a model and additions to its parameter table, by lavaan's rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from csindex.errors import SpecificationError, quoted, unknown
from csindex.estimation.cbsem.contradictions import contradictions
from csindex.estimation.cbsem.syntax import Additions, Entry, Modifier, Relation
from csindex.estimation.cbsem.table import ParameterTable, Row
from csindex.model import Model


def parameter_table(
    model: Model,
    additions: Additions,
    standardized: bool = False,
    orthogonal: bool = False,
    means: bool = False,
) -> ParameterTable:
    """Return the parameter table of a model.

    Parameters
    ----------
    model : Model
        Constructs with their items, and paths.
    additions : Additions
        What is said beyond the model.
    standardized : bool
        Whether latent variances, not loadings of first items, are fixed at one.
    orthogonal : bool
        Whether latent variables don't covary unless that is said.
    means : bool
        Whether intercepts are estimated.

    Returns
    -------
    ParameterTable
        User's rows first, then what the rules add: variances, covariances of exogenous
        latent variables and of pure outcomes, intercepts.

    Raises
    ------
    SpecificationError
        With every name and label that is unknown or can't be used.
    """
    problems = _model_problems(model)
    entries, found = _entries(model, additions)
    problems += found
    latent = _latent(model, additions)
    problems += _name_problems(model, entries, latent)
    means = means or any(entry.op == "~1" for entry in entries)
    rows = [_row(entry) for entry in entries]
    rows = _scaled(rows, entries, latent, standardized)
    rows += _automatic(rows, model.items, latent, standardized, orthogonal)
    if means:
        rows += _intercepts(rows, model.items, latent)
    problems += _label_problems(rows, additions)
    problems += _relation_problems(rows, additions.relations)
    if problems:
        raise SpecificationError(problems)
    table = ParameterTable(
        tuple(_numbered(rows)), model.items, latent, additions.relations, means
    )
    if len(table.observed) == 0 or table.size == 0:
        raise SpecificationError(
            f"CBSEM: there is nothing to estimate in {quoted(table.variables)}"
        )
    return table


def _model_problems(model: Model) -> list[str]:
    problems = [
        f"construct {c.name!r} is a composite, which covariances don't estimate; "
        f"write csi.reflective({c.name!r}, ...), or use csi.PLS"
        for c in model.constructs
        if c.measurement == "composite" and len(c.items) > 1
    ]
    problems += [
        f"{name!r} is a construct and an item; rename one of them"
        for name in model.construct_names
        if name in model.items
    ]
    return [f"CBSEM, model {model.name!r}: {p}" for p in problems]


def _entries(model: Model, additions: Additions) -> tuple[list[Entry], list[str]]:
    """Return what the model and the additions say, in order, and what is wrong."""
    made = [Entry(c.name, "=~", item) for c in model.constructs for item in c.items]
    made += [
        Entry(target, "~", path.source)
        for target in model.endogenous
        for path in model.paths
        if path.target == target
    ]
    known = {entry.key: entry for entry in made}
    own = set(known)
    problems: list[str] = []
    for entry in additions.entries:
        if entry.key in known and entry.key not in own:
            problems.append(
                f"{entry.place}: {entry.lhs} {entry.op} {entry.rhs} is given twice; "
                "keep one of them"
            )
        own.discard(entry.key)
        known[entry.key] = replace(
            known.get(entry.key, entry), modifier=entry.modifier, place=entry.place
        )
    constructs = model.construct_names
    problems += [
        f"{entry.place}: the path {entry.rhs} -> {entry.lhs} is not in the model; put "
        f"it there, as Model(paths=[..., ({entry.rhs!r}, {entry.lhs!r})])"
        for entry in known.values()
        if entry.op == "~"
        and entry.place
        and entry.lhs in constructs
        and entry.rhs in constructs
        and (entry.rhs, entry.lhs) not in {path[:2] for path in model.paths}
    ]
    return list(known.values()), problems


def _latent(model: Model, additions: Additions) -> tuple[str, ...]:
    added = [entry.lhs for entry in additions.entries if entry.op == "=~"]
    return tuple(dict.fromkeys([*model.construct_names, *added]))


def _name_problems(
    model: Model, entries: Iterable[Entry], latent: Sequence[str]
) -> list[str]:
    names = [*model.items, *latent]
    problems: list[str] = []
    for entry in entries:
        if entry.op == "=~" and entry.lhs in model.items:
            problems.append(
                f"{entry.place}: {entry.lhs!r} is an item and can't have items; "
                "give the latent variable another name"
            )
        used = [name for name in (entry.lhs, entry.rhs) if name]
        problems += unknown("name", used, names, f"in {entry.place}")
    return problems


def _row(entry: Entry) -> Row:
    modifier = entry.modifier
    names = (entry.lhs, entry.op, entry.rhs, modifier.label)
    if modifier.value is not None:
        return Row(*names, value=modifier.value)
    start = np.nan if modifier.start is None else modifier.start
    return Row(*names, parameter=0, start=start)


def _scaled(
    rows: Sequence[Row],
    entries: Sequence[Entry],
    latent: Sequence[str],
    standardized: bool,
) -> list[Row]:
    """Return the rows with one loading of each latent variable fixed at one."""
    rows = list(rows)
    if standardized:
        return rows
    for name in latent:
        first = next(
            k for k, row in enumerate(rows) if row.op == "=~" and row.lhs == name
        )
        modifier: Modifier = entries[first].modifier
        if not modifier.free and modifier.value is None:
            rows[first] = replace(rows[first], parameter=-1, value=1.0)
    return rows


def _automatic(
    rows: Sequence[Row],
    observed: Sequence[str],
    latent: Sequence[str],
    standardized: bool,
    orthogonal: bool,
) -> list[Row]:
    """Return the variances and covariances that nobody has to write."""
    given = {frozenset((row.lhs, row.rhs)) for row in rows if row.op == "~~"}
    counts = Counter(row.lhs for row in rows if row.op == "=~")
    alone = {row.rhs for row in rows if row.op == "=~" and counts[row.lhs] == 1}
    shared = Counter(row.rhs for row in rows if row.op == "=~")
    made: list[Row] = []
    for name in (*observed, *latent):
        if name in alone and shared[name] == 1:
            made.append(Row(name, "~~", name, value=0.0))
        elif name in latent and standardized:
            made.append(Row(name, "~~", name, value=1.0))
        else:
            made.append(Row(name, "~~", name, parameter=0))
    measured = {row.rhs for row in rows if row.op == "=~"}
    caused = {row.lhs for row in rows if row.op == "~"}
    causes = {row.rhs for row in rows if row.op == "~"}
    exogenous = [n for n in latent if n not in measured and n not in caused]
    outcomes = [
        name
        for name in (*latent, *observed)
        if name in caused and name not in causes and name not in measured
    ]
    for one, other in (*combinations(exogenous, 2), *combinations(outcomes, 2)):
        fixed = orthogonal and one in latent and other in latent
        made.append(Row(one, "~~", other, parameter=-1 if fixed else 0))
    return [row for row in made if frozenset((row.lhs, row.rhs)) not in given]


def _intercepts(
    rows: Sequence[Row], observed: Sequence[str], latent: Sequence[str]
) -> list[Row]:
    given = {row.lhs for row in rows if row.op == "~1"}
    return [
        Row(name, "~1", "", parameter=-1 if name in latent else 0)
        for name in (*observed, *latent)
        if name not in given
    ]


def _numbered(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with parameters numbered, one per label."""
    numbers: dict[str, int] = {}
    made: list[Row] = []
    count = 0
    for row in rows:
        if not row.free:
            made.append(row)
            continue
        number = numbers.get(row.label, count) if row.label else count
        if row.label:
            numbers[row.label] = number
        count = max(count, number + 1)
        names = (row.lhs, row.op, row.rhs, row.label)
        made.append(Row(*names, parameter=number, start=row.start))
    return made


def _label_problems(rows: Sequence[Row], additions: Additions) -> list[str]:
    counts = Counter(row.label for row in rows if row.label)
    used = {name for r in additions.relations for name in r.formula.names}
    defined = {r.name for r in additions.relations if r.op == ":="}
    problems = [
        f"label {label!r} is used once, so that nothing equals it; give it to a second "
        "parameter, use it in a formula, or leave it out"
        for label, count in counts.items()
        if count == 1 and label not in used
    ]
    problems += [
        f"label {row.label!r} is shared by {row.name!r}, which is fixed at "
        f"{row.value:g} because it sets the scale; free it with "
        "scaling='standardized', or label another parameter"
        for row in rows
        if row.label and not row.free and counts[row.label] > 1
    ]
    problems += [
        f"{name!r} is defined with ':=' and is a label, too; rename one of them"
        for name in defined
        if name in counts
    ]
    return [f"CBSEM: {p}" for p in problems]


def _relation_problems(rows: Sequence[Row], relations: Sequence[Relation]) -> list[str]:
    """Return which formulas have names that nothing has, or contradict each other.

    Definitions come in order.
    """
    known = [row.label for row in rows if row.label]
    problems: list[str] = []
    later = {r.name for r in relations if r.op == ":="}
    for relation in relations:
        names = relation.formula.names
        here = [*known, *(later if relation.op != ":=" else [])]
        problems += unknown("label", names, here, f"in {relation.place}")
        if not names and relation.op != ":=":
            problems.append(f"{relation.place}: a constraint needs labels")
        if relation.op == ":=":
            if relation.name in known:
                problems.append(f"{relation.place}: {relation.name!r} is defined twice")
            known.append(relation.name)
    if not problems:
        problems = contradictions(rows, relations)
    return [f"CBSEM: {p}" for p in problems]
