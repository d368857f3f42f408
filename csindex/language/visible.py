"""Labels of surveys as text that is safe to show."""

from __future__ import annotations

import unicodedata

_MARK = "\N{REPLACEMENT CHARACTER}"


def visible(label: object) -> str:
    r"""Return a label as text in which nothing is hidden.

    Parameters
    ----------
    label : object
        A label, as it came from a file.

    Returns
    -------
    str
        The text: line breaks and tabs are spaces; other control characters, marks
        that turn the writing direction and halves of surrogate pairs, which break
        files or mislead readers, are shown as the replacement character.

    Examples
    --------
    >>> visible("two\nlines"), visible("a\x00b") == "a\ufffdb"
    ('two lines', True)
    """
    text = str(label)
    if text.isprintable():
        return text
    return "".join(
        " " if c in "\t\n\r\f\v" else _MARK if _is_hidden(c) else c for c in text
    )


def shortened(label: object, longest: int) -> str:
    """Return a label in at most some number of characters.

    Parameters
    ----------
    label : object
        A label.
    longest : int
        The number.

    Returns
    -------
    str
        The visible label, with an ellipsis where something was left out.

    Examples
    --------
    >>> shortened("satisfaction", 6)
    'satis…'
    """
    text = visible(label)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _is_hidden(character: str) -> bool:
    if unicodedata.category(character) in ("Cc", "Cs"):
        return True
    return unicodedata.bidirectional(character) in (
        *("LRE", "RLE", "LRO", "RLO", "PDF"),
        *("LRI", "RLI", "FSI", "PDI"),
    )
