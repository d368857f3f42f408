"""How much room a text takes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from unicodedata import east_asian_width

from csindex.language import shortened


def text_size(
    text: str, size: float, families: Sequence[str], bold: bool = False
) -> tuple[float, float]:
    """Return width and height of a text in points.

    Parameters
    ----------
    text : str
        The text; no markup.
    size : float
        Font size in points.
    families : sequence of str
        Font families, in order of preference.
    bold : bool
        Whether it is bold.

    Returns
    -------
    tuple of float
        Width and line height; zeros for an empty text.

    Examples
    --------
    >>> text_size("", 10, ["DejaVu Sans"])
    (0.0, 0.0)
    """
    if not text:
        return 0.0, 0.0
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(
        family=list(families), size=size, weight="bold" if bold else "normal"
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        width, _, _ = text_to_path.get_text_width_height_descent(text, font, False)
    return float(width), size * 1.2


def fitted(label: object, room: float, size: float, families: Sequence[str]) -> str:
    """Return a label that is not wider than some room.

    Parameters
    ----------
    label : object
        A label.
    room : float
        Width in points.
    size : float
        Font size in points.
    families : sequence of str
        Font families, in order of preference.

    Returns
    -------
    str
        The visible label, cut with an ellipsis if it must be.

    Examples
    --------
    >>> fitted("satisfaction", 500, 10, ["DejaVu Sans"])
    'satisfaction'
    """
    # no letter is narrower than a twelfth of its size, so longer texts can't fit
    text = shortened(label, max(2, int(12 * room / size)))
    longest = len(text)
    while longest > 2 and text_size(text, size, families, bold=True)[0] > room:
        longest = max(2, int(longest * 0.9))
        text = shortened(label, longest)
    return text


def wrapped(
    label: object, room: float, size: float, families: Sequence[str], lines: int = 2
) -> str:
    """Return a label in at most so many lines, none of them wider than some room.

    Parameters
    ----------
    label : object
        A label.
    room : float
        Width in points.
    size : float
        Font size in points.
    families : sequence of str
        Font families, in order of preference.
    lines : int
        How many lines there may be.

    Returns
    -------
    str
        The visible label, broken at spaces, underscores and between Chinese letters,
        and cut with an ellipsis if it must be.

    Examples
    --------
    >>> wrapped("overall satisfaction", 90, 10, ["DejaVu Sans"]).splitlines()
    ['overall', 'satisfaction']
    """
    # no letter is narrower than a twelfth of its size, so longer texts can't fit
    text = shortened(label, max(2, int(12 * room * lines / size)))
    made: list[str] = []
    rest = text
    while rest and len(made) < lines - 1 and _wide(rest, room, size, families):
        line = _first_line(rest, room, size, families)
        made.append(line.strip())
        rest = rest[len(line) :].lstrip()
    if rest:
        made.append(fitted(rest, room, size, families))
    return "\n".join(made)


def _wide(text: str, room: float, size: float, families: Sequence[str]) -> bool:
    return text_size(text, size, families, bold=True)[0] > room


def _first_line(text: str, room: float, size: float, families: Sequence[str]) -> str:
    """Return as much of a text as fits into a line, up to where it may be broken."""
    end = len(text)
    while end > 1 and _wide(text[:end], room, size, families):
        end -= 1
    for at in range(end, end // 3, -1):
        before, after = text[at - 1], text[at : at + 1]
        if before in " _-/" or after == " " or _east_asian(before) or not after:
            return text[:at]
    return text[:end]


def _east_asian(letter: str) -> bool:
    return east_asian_width(letter) in "WF"


def apart(levels: Sequence[float], step: float, low: float, high: float) -> list[float]:
    """Return levels moved as little as needed to be some distance from each other.

    Parameters
    ----------
    levels : sequence of float
        Where labels would like to stand.
    step : float
        The least distance of two of them.
    low, high : float
        The room, which is left if it is too small for all.

    Returns
    -------
    list of float
        Where they stand, in the same order; equal levels keep their order downwards.

    Examples
    --------
    >>> apart([0.0, 1.0, 50.0], 10, 0, 100)
    [0.0, 10.0, 50.0]
    """
    order = sorted(range(len(levels)), key=lambda k: (levels[k], -k))
    placed: list[float] = []
    for k in order:
        least = placed[-1] + step if placed else low
        placed.append(max(levels[k], least))
    top = high
    for at in reversed(range(len(placed))):
        placed[at] = min(placed[at], top)
        top = placed[at] - step
    found = dict(zip(order, placed, strict=True))
    return [found[k] for k in range(len(levels))]
