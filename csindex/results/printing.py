"""How results print: as text of at most 80 columns, and as HTML for a notebook."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import pandas as pd

from csindex.language.tables import (
    WIDTH,
    Formats,
    filled,
    floored,
    named,
    table_html,
    table_text,
    width_of,
)
from csindex.language.visible import visible

__all__ = [
    "WIDTH",
    "Formats",
    "Page",
    "Printed",
    "filled",
    "floored",
    "named",
    "table_html",
    "table_text",
    "width_of",
]


@dataclass(frozen=True, eq=False)
class Page:
    """What is printed of a result.

    Attributes
    ----------
    title : str
        The first lines, the first one with the answer; each is wrapped by itself.
    tables : mapping of str to DataFrame
        Tables by caption, an empty caption for none. Columns without any value are
        left out; a table without rows prints "none".
    notes : sequence of str
        Sentences below the tables.
    digits : int
        Decimals of numbers; whole columns have none, and a p-value that rounds to zero
        says so, as "<0.001".
    formats : mapping of str to callable
        Columns that are printed otherwise.
    index : bool
        Whether rows' labels are printed.
    """

    title: str
    tables: Mapping[str, pd.DataFrame]
    notes: Sequence[str] = ()
    digits: int = 3
    formats: Formats = field(default_factory=dict)
    index: bool = False

    def text(self) -> str:
        """Return the page as text."""
        parts = ["\n".join(filled(line) for line in self.title.splitlines())]
        for caption, table in self.tables.items():
            shown = table_text(table, self.digits, self.formats, self.index)
            parts.append(f"{filled(caption)}\n{shown}" if caption else shown)
        parts.append("\n".join(filled(note) for note in self.notes))
        return "\n\n".join(part for part in parts if part)

    def html(self) -> str:
        """Return the page as HTML, for a notebook; every name in it is escaped."""
        first, *further = self.title.splitlines() or [""]
        parts = [f"<h4>{escape(visible(first))}</h4>"] if first else []
        parts += [f"<p>{escape(visible(line))}</p>" for line in further if line]
        for caption, table in self.tables.items():
            if caption:
                parts.append(f"<p><b>{escape(visible(caption))}</b></p>")
            parts.append(table_html(table, self.digits, self.formats, self.index))
        parts += [f"<p>{escape(visible(note))}</p>" for note in self.notes]
        return f"<div>{''.join(parts)}</div>"


class Printed(ABC):
    """Something that prints as the page that its method ``_page`` returns."""

    @abstractmethod
    def _page(self) -> Page:
        """Return what is printed."""

    def __repr__(self) -> str:
        return self._page().text()

    def _repr_html_(self) -> str:
        return self._page().html()
