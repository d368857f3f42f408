"""A report as Markdown, with its pictures in a folder beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from csindex.language import visible
from csindex.plotting.style import DASH
from csindex.report.blocks import (
    Badge,
    Block,
    Bullets,
    Cell,
    Column,
    Figure,
    Formula,
    Page,
    Paragraph,
    Table,
    shown,
)

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~$])")
_JOINER = "\N{WORD JOINER}"
# what makes a list or a heading of a line that begins with it
_OPENING = re.compile(r"^(\s*(?:[-+=]|\d+(?=[.)])))")
_FORMULA = r"""$$
100 \sum_h v_h \frac{\bar{x}_h - l_h}{u_h - l_h}, \qquad
v_h = \frac{w_h / s_h}{\sum_k w_k / s_k}
$$"""


@dataclass(frozen=True, eq=False)
class Markdown:
    """A report as Markdown.

    Attributes
    ----------
    text : str
        The text, which names its pictures by the folder they belong into.
    pictures : tuple of (str, bytes)
        File name and content of each picture.
    """

    text: str
    pictures: tuple[tuple[str, bytes], ...]


def markdown(page: Page, folder: str) -> Markdown:
    """Return a report as Markdown.

    Parameters
    ----------
    page : Page
        The report.
    folder : str
        Name of the folder of its pictures.

    Returns
    -------
    Markdown
        GitHub's Markdown: tables with ``|``, a formula in LaTeX, pictures as PNG.
    """
    figures = [
        block
        for section in page.sections
        for block in section.blocks
        if isinstance(block, Figure)
    ]
    pictures = tuple((f"{figure.name}.png", figure.picture.png) for figure in figures)
    return Markdown("\n\n".join(_parts(page, folder)) + "\n", pictures)


def _parts(page: Page, folder: str) -> Iterator[str]:
    headline = page.headline
    yield f"# {_plain(page.title)}"
    if page.subtitle:
        yield _plain(page.subtitle)
    for warning in page.warnings:
        yield f"> **▲** {_plain(warning)}"
    yield f"**{_plain(headline.label)}: {headline.value.shown}** {_plain(page.unit)}"
    facts = list(headline.facts)
    if headline.interval is not None:
        facts.insert(0, f"{headline.interval_label} {shown(headline.interval)}")
    yield _plain(" · ".join(facts))
    for sentence in headline.sentences:
        yield _line(sentence)
    for number, section in enumerate(page.sections, start=1):
        yield f"## {number} {_plain(section.title)}"
        for block in section.blocks:
            yield from _block(block, folder)
    yield f"---\n\n{_plain(page.footer)}"


def _block(block: Block, folder: str) -> Iterator[str]:
    match block:
        case Table():
            yield f"**{_plain(block.caption)}**"
            yield _table(block)
            if block.note:
                yield _line(block.note)
        case Figure():
            yield f"**{_plain(block.caption)}**"
            yield f"![{_plain(block.alt)}]({quote(folder)}/{block.name}.png)"
        case Paragraph():
            yield ("> **▲** " if block.warning else "") + _line(block.text)
        case Bullets():
            yield f"### {_plain(block.title)}"
            yield "\n".join(f"- {_line(entry)}" for entry in block.entries)
        case Formula():
            yield f"### {_plain(block.caption)}"
            yield _FORMULA
            yield _line(block.note)


def _table(table: Table) -> str:
    heads = [_plain(column.title) for column in table.columns]
    rules = ["--:" if column.numeric else ":--" for column in table.columns]
    rows = [
        [
            _kept(_plain(shown(cell))) if _whole(cell, column) else _plain(shown(cell))
            for cell, column in zip(row, table.columns, strict=True)
        ]
        for row in table.rows
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, rules, *rows])


def _whole(cell: Cell, column: Column) -> bool:
    """Return whether a cell is never broken: numbers, scales and verdicts aren't."""
    return column.numeric or isinstance(cell, Badge)


def _kept(text: str) -> str:
    """Return a text that stays in one line, though the page breaks others."""
    joined = text.replace(DASH, f"{_JOINER}{DASH}{_JOINER}") if text != DASH else text
    return joined.replace(" ", "\N{NO-BREAK SPACE}")


def _plain(text: str) -> str:
    """Return a text whose letters are letters, not markup."""
    return _MARKS.sub(r"\\\1", visible(text).replace("&", "&amp;"))


def _line(text: str) -> str:
    """Return a text that begins a line and no list or heading."""
    return _OPENING.sub(_escaped, _plain(text))


def _escaped(found: re.Match[str]) -> str:
    opening = found[1]
    return f"{opening}\\" if opening[-1].isdigit() else f"{opening[:-1]}\\{opening[-1]}"
