"""Which items depend on each other, so that their covariances are singular."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from csindex.errors import quoted
from csindex.kernels.arrays import FloatArray

# shares of a variance below this are rounding
_ROUNDING = 1e-8


def dependent_items(values: FloatArray, names: Sequence[str]) -> list[str]:
    """Say which items are linear functions of each other.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Answers, with NaN for gaps.
    names : sequence of str
        The p items.

    Returns
    -------
    list of str
        One message per pair of items that say the same to everyone who answered both;
        without such pairs, one with all items that depend on each other among
        respondents without gaps. Empty if none do, or too few have no gaps.

    Examples
    --------
    >>> answers = np.array([[1.0, 2, 1], [2, 4, 5], [3, 6, 2], [5, 10, 3]])
    >>> dependent_items(answers, ["a", "b", "c"])
    ["items 'a', 'b' say the same; leave one of them out"]
    """
    found: list[str] = []
    for i in range(len(names)):
        for k in range(i + 1, len(names)):
            both = values[~np.isnan(values[:, [i, k]]).any(axis=1)][:, [i, k]]
            if len(both) > 2 and _rank_lost(both).any():
                pair = quoted([names[i], names[k]])
                found.append(f"items {pair} say the same; leave one of them out")
    if found:
        return found
    complete = values[~np.isnan(values).any(axis=1)]
    if len(complete) <= len(names):
        return []
    chosen = _rank_lost(complete)
    if not chosen.any():
        return []
    listed = quoted([name for name, own in zip(names, chosen, strict=True) if own])
    return [f"items {listed} depend on each other; leave one of them out"]


def _rank_lost(values: FloatArray) -> np.ndarray:
    """Return which items (p,) have a part in what is constant of answers (n, p)."""
    apart = values - values.mean(axis=0)
    spread = np.sqrt((apart**2).sum(axis=0))
    if not spread.all():
        return np.zeros(len(spread), dtype=np.bool_)
    roots, vectors = np.linalg.eigh((apart / spread).T @ (apart / spread))
    lost = vectors[:, roots < _ROUNDING]
    return np.asarray((np.abs(lost) > np.sqrt(_ROUNDING)).any(axis=1))
