"""Models as TOML: written with everything they say, read with every problem at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from csindex.errors import SpecificationError, quoted, unknown
from csindex.model.model import Model
from csindex.model.parts import Construct, Item, Measurement, Path

# what a model says about itself, and how to write it
_TEXTS = ("name", "title", "origin", "index", "reference")
_ABOUT = (*_TEXTS, "year")
_KEYS = (*_ABOUT, "paths", "constructs", "instrument")
_ITEM_KINDS = {n: k for n, k in get_type_hints(Item).items() if n != "name"}
_DEFAULTS = {f.name: f.default for f in fields(Item) if f.default is not MISSING}
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
_UNWRITABLE = re.compile(r"[\ud800-\udfff]")


def toml_text(model: Model) -> str:
    """Return a model as TOML text.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    str
        The text; fields that have their default value are left out.

    Raises
    ------
    SpecificationError
        If a text has characters that no file can hold.
    """
    lines = _about_lines(model)
    if model.paths:
        lines += ["paths = [", *(f"  {_arrow(path)}," for path in model.paths), "]"]
    for construct in model.constructs:
        lines += ["", f"[constructs.{_key(construct.name)}]"]
        lines.append(f"{construct.measurement} = {_value(construct.items)}")
    lines += _instrument_lines(model)
    return _checked("\n".join([*lines, ""]), model)


def described(model: Model) -> str:
    """Return as TOML what a model says beside its constructs and paths.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    str
        Its name, its index, its titles and its instrument.

    Raises
    ------
    SpecificationError
        If a text has characters that no file can hold.
    """
    lines = [*_about_lines(model), *_instrument_lines(model)]
    return _checked("\n".join(lines), model)


def read_description(text: str, where: str) -> Mapping[str, Any]:
    """Return what `described` wrote, as arguments of `Model`.

    Parameters
    ----------
    text : str
        The TOML.
    where : str
        What it is, for messages.

    Returns
    -------
    mapping of str to object
        The arguments.

    Raises
    ------
    SpecificationError
        With every problem found.
    """
    content = _content(text, where)
    problems = unknown("key", content, (*_ABOUT, "instrument"), f"in {where}")
    problems += _about_problems(content, where)
    instrument = _instrument(content.get("instrument", {}), where, problems)
    if problems:
        raise SpecificationError(problems)
    said = {key: content[key] for key in _ABOUT if key in content}
    return {**said, "instrument": instrument}


def _about_lines(model: Model) -> list[str]:
    return [
        f"{key} = {_value(getattr(model, key))}"
        for key in _ABOUT
        if key == "name" or getattr(model, key) not in ("", None)
    ]


def _instrument_lines(model: Model) -> list[str]:
    lines: list[str] = []
    for item in model.instrument:
        lines += ["", f"[instrument.{_key(item.name)}]"]
        lines += [
            f"{name} = {_value(getattr(item, name))}"
            for name in _ITEM_KINDS
            if getattr(item, name) != _DEFAULTS[name]
        ]
    return lines


def _checked(text: str, model: Model) -> str:
    if found := _UNWRITABLE.search(text):
        raise SpecificationError(
            f"model {model.name!r} has the character {found.group()!r}, half of a "
            "pair, which no file can hold; take it out"
        )
    return text


def read_toml(text: str, where: str) -> Model:
    """Return the model that TOML text describes.

    Parameters
    ----------
    text : str
        The text.
    where : str
        What the text is, for messages.

    Returns
    -------
    Model
        The model.

    Raises
    ------
    SpecificationError
        With every problem found: text that isn't TOML, unknown keys, values of the
        wrong kind, and what `Model` refuses.
    """
    content = _content(text, where)
    problems = unknown("key", content, _KEYS, f"in {where}")
    problems += _about_problems(content, where)
    constructs = _constructs(content.get("constructs", {}), where, problems)
    instrument = _instrument(content.get("instrument", {}), where, problems)
    paths = content.get("paths", [])
    if not isinstance(paths, list):
        problems.append(f"{where}: write paths = [['quality', 'satisfaction'], ...]")
    if "name" not in content:
        problems.append(f"{where} has no name; begin it with name = 'my_model'")
    if problems:
        raise SpecificationError(problems)
    texts = {key: content[key] for key in _ABOUT if key in content}
    return Model(
        constructs=constructs,
        paths=[tuple(p) if isinstance(p, list) else p for p in paths],
        instrument=instrument,
        **texts,
    )


def _content(text: str, where: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        told = (
            "too many brackets"
            if isinstance(error, RecursionError)
            else _first_line(error)
        )
        raise SpecificationError(
            f"{where} is not TOML: {told}; mend it there"
        ) from error


def _about_problems(content: Mapping[str, Any], where: str) -> list[str]:
    problems: list[str] = []
    for key in _TEXTS:
        problems += _kind_problems(key, content.get(key, ""), str, f"in {where}")
    year = content.get("year")
    return problems + _kind_problems("year", year, int | None, f"in {where}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["it cannot be read"])[0]


def _constructs(tables: object, where: str, problems: list[str]) -> list[Construct]:
    """Return the constructs, and add what is wrong with them to the problems."""
    kinds = get_args(Measurement)
    constructs: list[Construct] = []
    for name, table in _tables(tables, "constructs", where, problems):
        problem = (
            f"{where}: write one line of items under [constructs.{name}], as "
            "reflective = ['q1', 'q2'] or composite = ['q1', 'q2']"
        )
        if len(table) != 1 or not set(table) <= set(kinds):
            problems += unknown("key", table, kinds, f"in [constructs.{name}]") or [
                problem
            ]
            continue
        ((kind, items),) = table.items()
        if isinstance(items, list) and all(isinstance(item, str) for item in items):
            constructs.append(Construct(name, tuple(items), kind))  # type: ignore[arg-type]
        else:
            problems.append(problem)
    return constructs


def _instrument(tables: object, where: str, problems: list[str]) -> list[Item]:
    """Return the items, and add what is wrong with them to the problems."""
    items: list[Item] = []
    for name, table in _tables(tables, "instrument", where, problems):
        values = {key: _frozen(value) for key, value in table.items()}
        place = f"in [instrument.{name}] of {where}"
        found = unknown("key", values, _ITEM_KINDS, place)
        for key, value in values.items():
            if key in _ITEM_KINDS:
                found += _kind_problems(key, value, _ITEM_KINDS[key], place)
        problems += found
        if not found:
            items.append(Item(name, **values))
    return items


def _tables(
    tables: object, key: str, where: str, problems: list[str]
) -> list[tuple[str, Mapping[str, Any]]]:
    if isinstance(tables, Mapping) and all(
        isinstance(table, Mapping) for table in tables.values()
    ):
        return list(tables.items())
    problems.append(f"{where}: write {key} as tables, [{key}.NAME]")
    return []


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _kind_problems(key: str, value: object, kind: Any, where: str) -> list[str]:
    if _fits(value, kind):
        return []
    return [f"{key} is {value!r} {where}; it must be {_in_words(kind)}"]


def _fits(value: object, kind: Any) -> bool:
    """Return whether a value is of an annotated kind of a field of `Item`."""
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        if not isinstance(value, tuple):
            return False
        if inner[-1] is Ellipsis:
            return all(_fits(part, inner[0]) for part in value)
        return len(value) == len(inner) and all(map(_fits, value, inner))
    if isinstance(kind, UnionType) or type(None) in get_args(kind):
        return any(_fits(value, part) for part in get_args(kind))
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind in (int, float):
        numbers = (int, float) if kind is float else int
        return isinstance(value, numbers) and not isinstance(value, bool)
    return isinstance(value, kind)


def _in_words(kind: Any) -> str:
    words = {str: "text", bool: "true or false", int: "a whole number"}
    words |= {float: "a number", type(None): "left out"}
    if get_origin(kind) is tuple:
        inner = [_in_words(part) for part in get_args(kind) if part is not Ellipsis]
        several = "a list of any length" if Ellipsis in get_args(kind) else "a list"
        return f"{several}, each entry {' and '.join(dict.fromkeys(inner))}"
    if get_origin(kind) is Literal:
        return f"one of {quoted(get_args(kind))}"
    if get_args(kind):
        return " or ".join(_in_words(part) for part in get_args(kind))
    return words.get(kind, str(kind))


def _arrow(path: Path) -> str:
    shown = [part for part in path if part]
    plain = not path.status and path.sign == "+"
    return _value(shown[:2] if plain else shown)


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _text(name)


def _value(value: object) -> str:
    """Return a value as TOML writes it."""
    match value:
        case str():
            return _text(value)
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case Sequence():
            return f"[{', '.join(map(_value, value))}]"
        case _:
            return repr(float(value))  # type: ignore[arg-type]


def _text(text: str) -> str:
    escaped = "".join(
        _ESCAPES.get(c) or (c if c.isprintable() else _escape(c)) for c in text
    )
    return f'"{escaped}"'


def _escape(character: str) -> str:
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        return character
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
