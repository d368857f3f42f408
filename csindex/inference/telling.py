"""Sentences that results of inference begin with."""

from __future__ import annotations

import pandas as pd

from csindex.results import Results


def index_line(results: Results, scores: pd.DataFrame, level: float) -> str:
    """Return the index and its interval in words.

    Parameters
    ----------
    results : Results
        The fit.
    scores : DataFrame
        One row per construct: construct, low and high.
    level : float
        Confidence level.

    Returns
    -------
    str
        One line; that there is no index, and why, where there is none.
    """
    name = results.model.index
    if name is None:
        return f"The model {results.model.name!r} names no index"
    told = results.scores.set_index("construct").loc[name]
    if told["note"]:
        return f"The index can't be told: {told['note']}"
    row = scores.set_index("construct").loc[name]
    value = float(row["score" if "score" in row.index else "estimate"])
    return (
        f"Index {value:.2f}, {100 * level:g} % interval "
        f"[{float(row['low']):.2f}, {float(row['high']):.2f}]"
    )


def chance(p: float, name: str = "p") -> str:
    """Return a p-value in words.

    Parameters
    ----------
    p : float
        The p-value.
    name : str
        What it is called.

    Returns
    -------
    str
        With three decimals; "below" where they would all be zero.

    Examples
    --------
    >>> chance(0.0124), chance(1e-5, "p_permutation")
    ('p = 0.012', 'p_permutation < 0.001')
    """
    return f"{name} < 0.001" if p < 0.0005 else f"{name} = {p:.3f}"
