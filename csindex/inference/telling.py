"""Sentences that results of inference begin with."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from csindex.language.tables import floored
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


def floor_notes(
    tables: Iterable[pd.DataFrame], floor: float, resamples: int, digits: int = 3
) -> list[str]:
    """Return what the p-values mean that can't be smaller.

    Parameters
    ----------
    tables : iterable of DataFrame
        Tables that are printed, some with a column p.
    floor : float
        The least p-value that can be had.
    resamples : int
        How many resamples there are.
    digits : int
        Decimals that are printed.

    Returns
    -------
    list of str
        One sentence; none where no p-value prints at the floor.

    Examples
    --------
    >>> table = pd.DataFrame({"p": [2 / 201, 0.5]})
    >>> print(*floor_notes([table], 2 / 201, 200))
    p marked ≤: no resample lies beyond zero; 200 resamples can't show a smaller p
    >>> floor_notes([pd.DataFrame({"p": [2 / 10001]})], 2 / 10001, 10_000)
    []
    """
    told = floored(floor, digits)["p"]
    printed = (told(p) for table in tables if "p" in table for p in table["p"])
    if not any(text.startswith("≤") for text in printed):
        return []
    return [
        "p marked ≤: no resample lies beyond zero; "
        f"{resamples} resamples can't show a smaller p"
    ]


def resample_notes(counts: pd.Series, failed: str) -> list[str]:
    """Return what has to be said of improper resamples, and of those without a score.

    Parameters
    ----------
    counts : Series
        What became of the resamples.
    failed : str
        What becomes of those that failed.

    Returns
    -------
    list of str
        Sentences; none where there is nothing to say.
    """
    told: list[str] = []
    improper, dropped = int(counts["improper"]), failed == "drop_improper"
    if improper and dropped:
        told.append(
            f"{improper} improper resamples, with loadings or correlations that no "
            "population can have, are left out"
        )
    if improper and not dropped:
        told.append(
            f"{improper} of the {counts['used']} resamples used are improper, with "
            "loadings or correlations that no population can have; "
            'failed="drop_improper" leaves them out'
        )
    if counts["no_score"]:
        told.append(
            f"{counts['no_score']} of the {counts['used']} resamples used give some "
            "construct a negative weight, and so no 0-100 score"
        )
    return told
