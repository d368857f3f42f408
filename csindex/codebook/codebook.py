"""A codebook: what each column of a survey means."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import Any

from csindex.codebook import maps, rules
from csindex.codebook.indicators import Indicator
from csindex.codebook.writing import codebook_toml
from csindex.errors import DataError, SpecificationError, quoted, unknown
from csindex.model import Item


@dataclass(frozen=True)
class Codebook:
    """What the columns of a survey mean.

    Parameters
    ----------
    items : sequence of Item
        The questions that something is said about.
    scale : tuple of float, optional
        Lowest and highest answer of items for which no other scale is given.
    missing : tuple of float
        Codes that mean "no answer" in every item.
    weights : str, optional
        Column of sampling weights.
    strata, clusters : str, optional
        Columns of the sampling design.
    groups : tuple of str
        Columns that divide the sample, as company and wave.
    title : str
        Title of the survey.
    indicators : sequence of Indicator
        The specific indicators that items name as their parent.

    Raises
    ------
    SpecificationError
        With every problem found: a value of the wrong kind, an item or indicator given
        twice, a scale that doesn't rise, a rule or score map that cannot be read, an
        item whose parent isn't there or belongs to another construct, an indicator
        without items.
    """

    items: Sequence[Item] = ()
    scale: tuple[float, float] | None = None
    missing: tuple[float, ...] = ()
    weights: str | None = None
    strata: str | None = None
    clusters: str | None = None
    groups: tuple[str, ...] = ()
    title: str = ""
    indicators: Sequence[Indicator] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", tuple(self.items))
        object.__setattr__(self, "indicators", tuple(self.indicators))
        problems = _kind_problems("", self)
        seen: set[str] = set()
        for item in self.items:
            if not isinstance(item, Item):
                problems.append(f"{item!r} is not an item; write csi.Item('q1', ...)")
                continue
            if item.name in seen:
                problems.append(f"item {item.name!r} is given twice; keep one of them")
            seen.add(item.name)
            problems += _item_problems(item)
        if not problems:
            problems = _indicator_problems(self)
        if problems:
            raise SpecificationError([f"codebook: {p}" for p in problems])

    @cached_property
    def by_name(self) -> Mapping[str, Item]:
        """The items by name."""
        return {item.name: item for item in self.items}

    @cached_property
    def indicator_items(self) -> Mapping[str, tuple[str, ...]]:
        """The items of each specific indicator, in the order of the indicators."""
        return {
            indicator.name: tuple(
                item.name for item in self.items if item.parent == indicator.name
            )
            for indicator in self.indicators
        }

    @cached_property
    def controllable(self) -> Mapping[str, bool]:
        """Whether the company can change an indicator or item; where that is said."""
        entries: tuple[Item | Indicator, ...] = (*self.items, *self.indicators)
        return {
            entry.name: entry.controllable
            for entry in entries
            if entry.controllable is not None
        }

    def to_toml(self) -> str:
        """Return the codebook as TOML.

        Returns
        -------
        str
            The text of a file that `read_codebook` reads as the same codebook.

        Examples
        --------
        >>> print(Codebook([Item("q1", en="How was it?")], scale=(1, 10)).to_toml())
        scale = [1, 10]
        <BLANKLINE>
        [items.q1]
        en = "How was it?"
        <BLANKLINE>
        """
        return codebook_toml(self)

    def item(self, name: str, published: Item | None = None) -> Item:
        """Return all that is known about an item.

        Parameters
        ----------
        name : str
            Name of the item.
        published : Item, optional
            What the model's publication says; used where the codebook is silent.

        Returns
        -------
        Item
            The item; its scale is this codebook's own, else the published one,
            else the general one; with a score map, else the number of its levels.
            Missing codes of all three add up.
        """
        known = self._known.get(name)
        if known is None or known[0] is not published:
            known = self._known[name] = published, self._described(name, published)
        return known[1]

    @cached_property
    def _known(self) -> dict[str, tuple[Item | None, Item]]:
        """What has been told of each item, and which publication it was told for."""
        return {}

    def _described(self, name: str, published: Item | None) -> Item:
        own = self.by_name.get(name, Item(name))
        other = published or Item(name)
        missing = (*self.missing, *own.missing, *other.missing)
        known = maps.scale_of(own) or maps.scale_of(other)
        return replace(
            own,
            scale=known or self.scale,
            missing=tuple(dict.fromkeys(missing)),
            reversed=own.reversed or other.reversed,
            asked_if=own.asked_if or other.asked_if,
            derive=own.derive or other.derive,
            en=own.en or other.en,
            zh=own.zh or other.zh,
            parent=own.parent or other.parent,
            score_map=own.score_map or other.score_map,
            labels=own.labels or other.labels,
            controllable=other.controllable
            if own.controllable is None
            else own.controllable,
        )

    def updated(self, items: Mapping[str, Mapping[str, object]]) -> Codebook:
        """Return the codebook with some fields of some items replaced.

        Parameters
        ----------
        items : mapping of str to mapping
            For each item's name, the fields of `Item` that change.

        Returns
        -------
        Codebook
            A new codebook.

        Raises
        ------
        SpecificationError
            For a field that items don't have, or a value that doesn't fit it.
        """
        if problems := [
            problem
            for name, values in items.items()
            for problem in unknown("field", values, _keys(Item), f"of item {name!r}")
        ]:
            raise SpecificationError(problems)
        changed = dict(self.by_name)
        for name, values in items.items():
            changed[name] = replace(
                changed.get(name, Item(name)),
                **values,  # type: ignore[arg-type]
            )
        return replace(self, items=tuple(changed.values()))


def read_codebook(source: str | PathLike[str]) -> Codebook:
    """Read a codebook from a TOML file.

    Parameters
    ----------
    source : str or path
        The file. Top-level keys are the fields of `Codebook`; each table
        ``[items.NAME]`` has fields of `Item`, each table ``[indicators.NAME]`` fields
        of `Indicator`.

    Returns
    -------
    Codebook
        The codebook.

    Raises
    ------
    DataError
        If the file cannot be read.
    SpecificationError
        If it says something that a codebook cannot say.
    """
    if not isinstance(source, str | PathLike):
        raise SpecificationError(
            "a codebook is the name of a TOML file, or a csi.Codebook, not "
            f"{type(source).__name__}"
        )
    path = Path(source)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(
            f"cannot read codebook {str(path)!r}: {error.strerror}; give the name of a "
            "TOML file"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"codebook {str(path)!r} is not UTF-8 text; save it as UTF-8"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(
            f"codebook {str(path)!r} is not a TOML file: {error}; mend it there, its "
            "lines look like scale = [1, 10] and its tables like [items.q1]"
        ) from error
    except ValueError as error:
        raise DataError(f"{str(source)!r} is not the name of a file") from error
    return _codebook(content, path.name)


def _codebook(content: Mapping[str, object], name: str) -> Codebook:
    known = [field.name for field in fields(Codebook)]
    problems = unknown("key", content, known, f"in {name}")
    kinds: dict[str, type[Item] | type[Indicator]] = {
        "items": Item,
        "indicators": Indicator,
    }
    for kind, described in kinds.items():
        tables = content.get(kind, {})
        if not isinstance(tables, Mapping) or not all(
            isinstance(table, Mapping) for table in tables.values()
        ):
            problems.append(f"{name}: write {kind} as tables, [{kind}.NAME]")
            continue
        for entry, table in tables.items():
            where = f"in [{kind}.{entry}] of {name}"
            problems += unknown("key", table, _keys(described), where)
    if problems:
        raise SpecificationError(problems)
    values = {key: _frozen(value) for key, value in content.items() if key not in kinds}
    for kind, described in kinds.items():
        entries: Any = content.get(kind, {})
        values[kind] = tuple(
            described(str(entry), **_frozen_table(table))
            for entry, table in entries.items()
        )
    return Codebook(**values)  # type: ignore[arg-type]


def _frozen_table(table: Mapping[str, object]) -> dict[str, Any]:
    return {key: _frozen(value) for key, value in table.items()}


def _frozen(value: object) -> object:
    if isinstance(value, list):
        return tuple(_frozen(entry) for entry in value)
    return value


def _keys(described: type[Item] | type[Indicator]) -> list[str]:
    return [field.name for field in fields(described) if field.name != "name"]


def _item_problems(item: Item) -> list[str]:
    where = f"item {item.name!r}: "
    problems = _kind_problems(where, item)
    if problems:
        return problems
    rule_texts = [rule for pair in item.derive for rule in pair]
    for rule in [item.asked_if, *rule_texts] if item.asked_if else rule_texts:
        try:
            rules.names(rule)
        except SpecificationError as error:
            problems.append(f"{where}{error}")
    return problems + [f"{where}{problem}" for problem in maps.problems_of(item)]


def _indicator_problems(book: Codebook) -> list[str]:
    """Return what is wrong with the specific indicators and their items."""
    problems: list[str] = []
    for indicator in book.indicators:
        if not isinstance(indicator, Indicator):
            problems.append(
                f"{indicator!r} is not an indicator; write csi.Indicator('staff', ...)"
            )
            continue
        problems += _kind_problems(f"indicator {indicator.name!r}: ", indicator)
    if problems:
        return problems
    names = [indicator.name for indicator in book.indicators]
    problems += [
        f"indicator {name!r} is given twice; keep one of them"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    construct = {indicator.name: indicator.construct for indicator in book.indicators}
    for item in book.items:
        if not item.parent:
            continue
        if item.parent not in construct:
            problems += [
                f"item {item.name!r}: {problem}; describe it in [indicators."
                f"{item.parent}]"
                for problem in unknown("indicator", [item.parent], names, "as parent")
            ]
        elif item.construct and construct[item.parent] not in ("", item.construct):
            problems.append(
                f"item {item.name!r} has two parents: its construct is "
                f"{item.construct!r}, and its indicator {item.parent!r} belongs to "
                f"{construct[item.parent]!r}"
            )
    empty = [name for name, items in book.indicator_items.items() if not items]
    if empty:
        problems.append(
            f"indicators {quoted(empty)} have no items; say parent = ... in an item, "
            "or leave them out"
        )
    return problems


def _kind_problems(where: str, described: Codebook | Item | Indicator) -> list[str]:
    """Return one problem per field whose value is of the wrong kind."""
    return [
        f"{where}{name} is {getattr(described, name)!r}; it must be {expected}"
        for name, (fits, expected) in _KINDS.items()
        if name in vars(described) and not fits(getattr(described, name))
    ]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_flag_or_none(value: object) -> bool:
    return value is None or isinstance(value, bool)


def _is_map(value: object) -> bool:
    return isinstance(value, str) or (
        _are_numbers(value) and isinstance(value, tuple | list) and len(value) != 1
    )


def _are_texts(value: object) -> bool:
    return isinstance(value, tuple | list) and all(map(_is_text, value))


def _are_numbers(value: object) -> bool:
    return isinstance(value, tuple | list) and all(
        isinstance(number, Real)
        and not isinstance(number, bool)
        and math.isfinite(number)
        for number in value
    )


def _is_scale(value: object) -> bool:
    if value is None:
        return True
    return (
        isinstance(value, tuple | list)
        and len(value) == 2
        and _are_numbers(value)
        and bool(value[0] < value[1])
    )


def _are_rules(value: object) -> bool:
    return isinstance(value, tuple | list) and all(
        _are_texts(pair) and len(pair) == 2 for pair in value
    )


def _are_labels(value: object) -> bool:
    return isinstance(value, tuple | list) and all(
        isinstance(pair, tuple | list)
        and len(pair) == 2
        and _are_numbers(pair[:1])
        and _is_text(pair[1])
        for pair in value
    )


# what the fields of codebooks and items hold: a check, and how to write it
_KINDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "scale": (_is_scale, "the lowest and the highest answer, as [1, 10]"),
    "missing": (_are_numbers, "numbers, as [98, 99]"),
    "reversed": (_is_flag, "true or false"),
    "asked_if": (_is_text_or_none, "a rule, as 'COMP == 1'"),
    "derive": (
        _are_rules,
        "pairs of a condition and a formula, as [['A >= 6', 'B + 1']]",
    ),
    "construct": (_is_text, "the name of a construct"),
    "en": (_is_text, "text"),
    "zh": (_is_text, "text"),
    "weights": (_is_text_or_none, "the name of a column"),
    "strata": (_is_text_or_none, "the name of a column"),
    "clusters": (_is_text_or_none, "the name of a column"),
    "groups": (_are_texts, "names of columns, as ['company', 'wave']"),
    "title": (_is_text, "text"),
    "parent": (_is_text, "the name of an indicator"),
    "score_map": (_is_map, "points, as [100, 80, 60, 30, 0], or a map's name"),
    "controllable": (_is_flag_or_none, "true or false"),
    "labels": (_are_labels, "pairs of a code and a text, as [[1, 'north']]"),
}
