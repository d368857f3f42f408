"""What data files hold in place of an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from csindex.kernels.arrays import FloatArray

# texts that mean "no answer" in a column of numbers
MISSING_TEXTS = frozenset(
    {"", "na", "n/a", "nan", "null", "none", "#n/a", "#null!", ".", "<na>", "nat"}
)
# numbers that do, beside the scale
USUAL_CODES = frozenset(
    {-99.0, -98.0, -9.0, -8.0, -7.0, -1.0, 77.0, 88.0, 96.0, 97.0, 98.0, 99.0}
    | {888.0, 997.0, 998.0, 999.0, 9998.0, 9999.0}
)
_WITH_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
_WITH_POINT = re.compile(r"\s*[-+]?\d*\.\d+\s*")
# a comma that may part the thousands
_THOUSANDS = re.compile(r"\s*[-+]?[1-9]\d{0,2},\d{3}\s*")


def with_points(texts: Sequence[str]) -> Sequence[str]:
    """Return the texts of a column with decimal points for decimal commas.

    Parameters
    ----------
    texts : sequence of str
        The texts.

    Returns
    -------
    sequence of str
        The same texts if a number has a decimal point, or if every comma may part
        thousands.

    Examples
    --------
    >>> with_points(["2,5", "3", "NA"])
    ['2.5', '3', 'NA']
    >>> with_points(["1,500", "2,000"])
    ['1,500', '2,000']
    """
    found = [text for text in texts if _WITH_COMMA.fullmatch(text)]
    if all(_THOUSANDS.fullmatch(text) for text in found):
        return texts
    if any(_WITH_POINT.fullmatch(text) for text in texts):
        return texts
    return [
        text.replace(",", ".") if _WITH_COMMA.fullmatch(text) else text
        for text in texts
    ]


def stray_codes(answers: FloatArray) -> tuple[float, ...]:
    """Return the usual codes that stand apart from the other answers.

    Parameters
    ----------
    answers : ndarray of shape (n,)
        Answers without gaps.

    Returns
    -------
    tuple of float
        Usual codes above the other answers by more than these spread, and negative
        ones where no other answer is negative; in rising order.

    Examples
    --------
    >>> stray_codes(np.array([1.0, 5.0, 10.0, 98.0, 99.0]))
    (98.0, 99.0)
    >>> stray_codes(np.array([18.0, 44.0, 71.0, 99.0]))
    ()
    """
    levels = np.unique(answers)
    usual = np.array([level in USUAL_CODES for level in levels], dtype=np.bool_)
    kept = levels[~usual]
    if not kept.size:
        return ()
    reach = max(1.0, float(kept[-1] - kept[0]))
    apart = (levels > kept[-1] + reach) | ((levels < 0) & (kept[0] >= 0))
    return tuple(float(level) for level in levels[usual & apart])
