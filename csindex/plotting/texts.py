"""How much room a text takes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

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
