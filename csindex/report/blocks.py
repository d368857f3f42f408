"""What a report is made of, whatever its format: sections of tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol
from unicodedata import east_asian_width

from csindex.plotting.style import MINUS, number

Mood = Literal["good", "acceptable", "flagged", "neutral"]

# letters from which a name needs room of its own
_LONG_NAME = 24


@dataclass(frozen=True)
class Text:
    """A cell of words."""

    kind: ClassVar[str] = "text"
    text: str
    soft: bool = False


@dataclass(frozen=True)
class Number:
    """A cell with a number; the page shows it rounded and carries all its digits."""

    kind: ClassVar[str] = "number"
    value: float
    digits: int = 2
    least: float = 0.0

    @property
    def shown(self) -> str:
        """The rounded number; below the least one, that it is less."""
        if 0 <= self.value < self.least:
            return f"< {number(self.least, self.digits)}"
        return number(self.value, self.digits)


@dataclass(frozen=True)
class Interval:
    """A cell with an interval."""

    kind: ClassVar[str] = "interval"
    low: Number
    high: Number


def interval(low: float, high: float, digits: int = 2) -> Interval:
    """Return a cell with an interval.

    Parameters
    ----------
    low, high : float
        Its ends.
    digits : int
        Digits after the point.

    Returns
    -------
    Interval
        The cell.
    """
    return Interval(Number(low, digits), Number(high, digits))


@dataclass(frozen=True)
class Badge:
    """A cell with a verdict, told by sign, word and colour."""

    kind: ClassVar[str] = "badge"
    text: str
    mood: Mood

    @property
    def sign(self) -> str:
        """A sign for readers who don't see the colour."""
        return {"good": "●", "acceptable": "▲", "flagged": "◆", "neutral": "○"}[
            self.mood
        ]


@dataclass(frozen=True)
class Graded:
    """A cell with a number and its verdict."""

    kind: ClassVar[str] = "graded"
    number: Number
    badge: Badge


Cell = Text | Number | Interval | Badge | Graded


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    title: str
    numeric: bool = False
    wide: bool = False


@dataclass(frozen=True)
class Table:
    """A table with its caption and a note below it."""

    kind: ClassVar[str] = "table"
    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    @property
    def narrow(self) -> bool:
        """Whether it would look lost across the whole page."""
        return len(self.columns) <= 4 and not any(c.wide for c in self.columns)

    @property
    def wordy(self) -> bool:
        """Whether names in its first column would be squeezed to a word a line."""
        return any(letters(shown(row[0])) > _LONG_NAME for row in self.rows)

    @property
    def short(self) -> bool:
        """Whether it belongs on one printed page."""
        return len(self.rows) <= 12


class Picture(Protocol):
    """What can be shown as SVG and as PNG."""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        ...

    @property
    def svg(self) -> bytes:
        """The picture as SVG."""
        ...

    @property
    def png(self) -> bytes:
        """The picture as PNG."""
        ...


@dataclass(frozen=True)
class Figure:
    """A picture, a caption, and words for those who can't see it."""

    kind: ClassVar[str] = "figure"
    name: str
    caption: str
    alt: str
    picture: Picture

    @property
    def width(self) -> float:
        """Its width in inches."""
        return self.picture.size[0]


@dataclass(frozen=True)
class Paragraph:
    """A paragraph, or a warning."""

    kind: ClassVar[str] = "paragraph"
    text: str
    warning: bool = False


@dataclass(frozen=True)
class Bullets:
    """A list."""

    kind: ClassVar[str] = "bullets"
    title: str
    entries: tuple[str, ...]


@dataclass(frozen=True)
class Formula:
    """The formula of the index and what its letters mean."""

    kind: ClassVar[str] = "formula"
    caption: str
    note: str


# the formula as a line of text, for formats without mathematics
FORMULA = (
    f"100 · Σₕ vₕ (x̄ₕ {MINUS} lₕ) / (uₕ {MINUS} lₕ),   vₕ = (wₕ / sₕ) / Σₖ (wₖ / sₖ)"
)

Block = Table | Figure | Paragraph | Bullets | Formula


@dataclass(frozen=True)
class Section:
    """A part of the report."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Headline:
    """What is said first: the index, how sure it is, and what that means."""

    label: str
    value: Number
    interval: Interval | None
    interval_label: str
    facts: tuple[str, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """A whole report."""

    title: str
    subtitle: str
    eyebrow: str
    language: str
    contents: str
    unit: str
    headline: Headline
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]
    footer: str


def columns(
    *titles: str, numeric: Sequence[str] = (), wide: str = ""
) -> tuple[Column, ...]:
    """Return the columns of a table.

    Parameters
    ----------
    *titles : str
        Their titles.
    numeric : sequence of str
        The titles of columns of numbers.
    wide : str
        The title of the column that takes the room that is left.

    Returns
    -------
    tuple of Column
        The columns.
    """
    return tuple(Column(title, title in numeric, title == wide) for title in titles)


def shown(cell: Cell) -> str:
    """Return a cell as text.

    Parameters
    ----------
    cell : Cell
        The cell.

    Returns
    -------
    str
        Numbers rounded, a dash for what there isn't, verdicts with their sign.

    Examples
    --------
    >>> shown(interval(0.25, 0.5)), shown(Badge("good", "good"))
    ('[0.25, 0.50]', '● good')
    """
    match cell:
        case Text():
            return cell.text
        case Number():
            return cell.shown
        case Interval():
            ends = f"[{cell.low.shown}, {cell.high.shown}]"
            return ends if cell.low.value == cell.low.value else cell.low.shown
        case Badge():
            return f"{cell.sign} {cell.text}"
        case Graded():
            return f"{shown(cell.badge)} {cell.number.shown}"


def letters(text: str) -> int:
    """Return how wide a text is, in Latin letters.

    Parameters
    ----------
    text : str
        The text.

    Returns
    -------
    int
        Its length; Chinese letters count twice.

    Examples
    --------
    >>> letters("index"), letters("\u6307\u6570")
    (5, 4)
    """
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
