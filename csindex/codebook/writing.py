"""Codebooks as TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from numbers import Integral
from typing import TYPE_CHECKING

from csindex.codebook.indicators import Indicator
from csindex.model import Item

if TYPE_CHECKING:
    from csindex.codebook.codebook import Codebook

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TABLES = ("items", "indicators")


def codebook_toml(codebook: Codebook) -> str:
    """Return a codebook as TOML.

    Parameters
    ----------
    codebook : Codebook
        The codebook.

    Returns
    -------
    str
        The text of a file that `read_codebook` reads as the same codebook; what is
        as it would be without being said is left out.
    """
    lines = [
        f"{field.name} = {_value(value)}"
        for field in fields(codebook)
        if field.name not in _TABLES
        and (value := getattr(codebook, field.name)) != field.default
    ]
    tables: tuple[Sequence[Item | Indicator], ...] = (
        codebook.indicators,
        codebook.items,
    )
    blocks = ["\n".join(lines)] if lines else []
    for kind, entries in zip(reversed(_TABLES), tables, strict=True):
        blocks += ["\n".join(_table(kind, entry)) for entry in entries]
    return "\n\n".join(blocks) + "\n"


def item_lines(item: Item) -> list[str]:
    """Return the lines of an item's table.

    Parameters
    ----------
    item : Item
        The item.

    Returns
    -------
    list of str
        The heading, and a line per field that says something.
    """
    return list(_table("items", item))


def _table(kind: str, entry: Item | Indicator) -> Iterable[str]:
    yield f"[{kind}.{_key(entry.name)}]"
    for field in fields(entry):
        value = getattr(entry, field.name)
        if field.name != "name" and value != field.default:
            yield f"{field.name} = {_value(value)}"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, Mapping):
        raise TypeError(f"a codebook holds no tables of {value!r}")
    number = float(value)  # type: ignore[arg-type]
    return str(int(number)) if number.is_integer() else repr(number)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
