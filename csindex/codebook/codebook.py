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

from csindex.codebook import rules
from csindex.errors import DataError, SpecificationError, unknown
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

    Raises
    ------
    SpecificationError
        With every problem found: a value of the wrong kind, an item given twice, a
        scale that doesn't rise, a rule that cannot be read.
    """

    items: Sequence[Item] = ()
    scale: tuple[float, float] | None = None
    missing: tuple[float, ...] = ()
    weights: str | None = None
    strata: str | None = None
    clusters: str | None = None
    groups: tuple[str, ...] = ()
    title: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", tuple(self.items))
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
        if problems:
            raise SpecificationError([f"codebook: {p}" for p in problems])

    @cached_property
    def by_name(self) -> Mapping[str, Item]:
        """The items by name."""
        return {item.name: item for item in self.items}

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
            else the general one. Missing codes of all three add up.
        """
        own = self.by_name.get(name, Item(name))
        other = published or Item(name)
        missing = (*self.missing, *own.missing, *other.missing)
        return replace(
            own,
            scale=own.scale or other.scale or self.scale,
            missing=tuple(dict.fromkeys(missing)),
            reversed=own.reversed or other.reversed,
            asked_if=own.asked_if or other.asked_if,
            derive=own.derive or other.derive,
            en=own.en or other.en,
            zh=own.zh or other.zh,
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
            for problem in unknown("field", values, _item_keys(), f"of item {name!r}")
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
        ``[items.NAME]`` has fields of `Item`.

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
    tables = content.get("items", {})
    known = [field.name for field in fields(Codebook)]
    problems = unknown("key", content, known, f"in {name}")
    if not isinstance(tables, Mapping) or not all(
        isinstance(table, Mapping) for table in tables.values()
    ):
        problems.append(f"{name}: write items as tables, [items.NAME]")
        raise SpecificationError(problems)
    for item, table in tables.items():
        problems += unknown("key", table, _item_keys(), f"in [items.{item}] of {name}")
    if problems:
        raise SpecificationError(problems)
    top = {key: _frozen(value) for key, value in content.items() if key != "items"}
    items = tuple(_item(str(item), table) for item, table in tables.items())
    return Codebook(items=items, **top)  # type: ignore[arg-type]


def _item(name: str, table: Mapping[str, object]) -> Item:
    values = {key: _frozen(value) for key, value in table.items()}
    return Item(name, **values)  # type: ignore[arg-type]


def _frozen(value: object) -> object:
    if isinstance(value, list):
        return tuple(_frozen(entry) for entry in value)
    return value


def _item_keys() -> list[str]:
    return [field.name for field in fields(Item) if field.name != "name"]


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
    return problems


def _kind_problems(where: str, described: Codebook | Item) -> list[str]:
    """Return one problem per field whose value is of the wrong kind."""
    return [
        f"{where}{name} is {getattr(described, name)!r}; it must be {expected}"
        for name, (fits, expected) in _KINDS.items()
        if hasattr(described, name) and not fits(getattr(described, name))
    ]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


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
}
