"""The statistics whose sampling errors every fit has."""

from __future__ import annotations

from csindex.diagnostics import HTMT, RELIABILITY, drivers, importance
from csindex.results import Results, Statistic, statistics

_STANDARD = (
    statistics.PATHS,
    statistics.TOTAL_EFFECTS,
    statistics.INDIRECT_EFFECTS,
    statistics.SPECIFIC_INDIRECT_EFFECTS,
    statistics.LOADINGS,
    statistics.WEIGHTS,
    statistics.R_SQUARED,
    statistics.SCORES,
    RELIABILITY,
    HTMT,
)


def standard_statistics(results: Results) -> list[Statistic]:
    """Return the statistics that every bootstrap has.

    Parameters
    ----------
    results : Results
        The fit.

    Returns
    -------
    list of Statistic
        The statistics; with importance, if the model has an index that is driven.
    """
    index = results.model.index
    if index is None or not drivers(results.model, index):
        return list(_STANDARD)
    return [*_STANDARD, importance(index)]
