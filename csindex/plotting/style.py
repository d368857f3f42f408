"""How plots look: colours, fonts, axes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csindex.language import Words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito's palette, told apart by colour-blind readers
BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
NAVY, INK, GREY, LIGHT, PALE = "#12375E", "#1F2933", "#5F6B7A", "#C9D1DA", "#F3F6F9"

# what numbers are written with
MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"
# what survey labels need: "$" and "\" are letters in them, not markup
PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}

_FONTS_WITH_CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "SimHei",
    "Noto Sans CJK JP",
    "Noto Serif CJK SC",
    "Arial Unicode MS",
)
_FILES_WITH_CHINESE = (
    "cjk",
    "notosanssc",
    "sourcehan",
    "msyh",
    "pingfang",
    "hiragino",
    "wqy",
    "simhei",
)
# from here on characters need such a font (CJK radicals and everything East Asian)
_FIRST_EAST_ASIAN = 0x2E80


class FontWarning(UserWarning):
    """No installed font has the characters of a plot."""


def drawable(words: Words, labels: Iterable[str] = ()) -> tuple[Words, list[str]]:
    """Return words and font families that can draw a plot's texts.

    Parameters
    ----------
    words : Words
        The plot's own words.
    labels : iterable of str
        Names of groups, items and constructs that the plot shows.

    Returns
    -------
    words : Words
        The words; English ones where no font has the wanted language's characters.
    families : list of str
        Font families, in order of preference.

    Warns
    -----
    FontWarning
        Once, when the labels or the language need a font that isn't installed.
    """
    from csindex.language import words as words_of

    needed = words.language == "zh" or any(map(_is_east_asian, labels))
    if not needed:
        return words, ["DejaVu Sans"]
    if family := _family_with_chinese():
        return words, ["DejaVu Sans", family]
    warnings.warn(
        "no font with Chinese characters is installed, so they are drawn as boxes and "
        "the plot's own words are English; install one, as Noto Sans CJK (Debian and "
        "Ubuntu: apt install fonts-noto-cjk)",
        FontWarning,
        stacklevel=3,
    )
    return words_of("en"), ["DejaVu Sans"]


def new_axes(width: float, height: float, margins: bool = True) -> Axes:
    """Return the axes of a new pyplot figure.

    Parameters
    ----------
    width, height : float
        Size in inches.
    margins : bool
        Whether there is room for axis labels; without, the axes fill the figure.

    Returns
    -------
    Axes
        The axes.
    """
    import matplotlib.pyplot as plt

    if margins:
        return plt.figure(figsize=(width, height), layout="constrained").add_subplot()
    return plt.figure(figsize=(width, height)).add_axes((0, 0, 1, 1))


def size_in_points(ax: Axes) -> tuple[float, float]:
    """Return the size of axes, once the figure's layout has been carried out.

    Parameters
    ----------
    ax : Axes
        The axes.

    Returns
    -------
    tuple of float
        Width and height.
    """
    figure = ax.figure.figure
    if engine := figure.get_layout_engine():
        engine.execute(figure)
    room, dots = ax.get_window_extent(), figure.dpi / 72
    return float(room.width / dots), float(room.height / dots)


def quiet_axes(ax: Axes, families: list[str]) -> None:
    """Take the frame off axes and set their ticks in grey.

    Parameters
    ----------
    ax : Axes
        The axes.
    families : list of str
        Font families.
    """
    for side in ("top", "right", "left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.tick_params(
        length=0, labelsize=9, labelcolor=GREY, labelfontfamily=families, pad=6
    )
    ax.set_axisbelow(True)


def number(value: float, digits: int = 2) -> str:
    """Return a number as text, with a real minus sign.

    Parameters
    ----------
    value : float
        The number.
    digits : int
        Digits after the point.

    Returns
    -------
    str
        The text; a dash for NaN.

    Examples
    --------
    >>> number(-0.004, 2), number(3251.2, 0), number(-1.3, 1) == f"{MINUS}1.3"
    ('0.00', '3,251', True)
    """
    if value != value:  # NaN
        return DASH
    text = f"{value:,.{digits}f}"
    if not float(text.replace(",", "")):
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def _is_east_asian(text: str) -> bool:
    return any(ord(character) >= _FIRST_EAST_ASIAN for character in text)


def _family_with_chinese() -> str:
    """Return an installed family; matplotlib's cached list may lack a new font."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    for attempt in range(2):
        installed = {font.name for font in manager.ttflist}
        for family in _FONTS_WITH_CHINESE:
            if family in installed:
                return family
        if attempt:
            break
        known = {font.fname for font in manager.ttflist}
        for path in sorted(set(font_manager.findSystemFonts()) - known):
            if any(part in Path(path).name.lower() for part in _FILES_WITH_CHINESE):
                manager.addfont(path)
    return ""
