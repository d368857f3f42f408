"""Hypotheses: whether the paths have the signs that the model expects."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real

import numpy as np
import pandas as pd

from csindex.errors import SpecificationError
from csindex.inference.distributions import Bootstrap


def hypotheses(boot: Bootstrap, level: float | None = None) -> pd.DataFrame:
    """Say of every path whether it has the sign that the model expects.

    Parameters
    ----------
    boot : Bootstrap
        The bootstrap of a fit.
    level : float, optional
        Confidence level of the two-sided intervals; the bootstrap's if None.

    Returns
    -------
    DataFrame
        One row per path: source, target, sign (expected), estimate, low, high, found
        and verdict. Found is the sign of an interval that leaves zero out, ``"+"``
        or ``"-"``, else empty. The verdict is ``"supported"`` if that is the
        expected sign, ``"contradicted"`` if it is the other one, ``"undecided"`` if
        the interval contains zero, and ``"open"`` where the model expects neither.

    Raises
    ------
    SpecificationError
        If it isn't given the bootstrap of one fit, or the level is no share.

    Notes
    -----
    Each verdict is one test at the level 1 - ``level``; of many true hypotheses of
    no effect, that share is found to have one.

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> table = hypotheses(csi.bootstrap(results, n=200))
    >>> table.loc[0, "verdict"]
    'supported'
    """
    problems: list[str] = []
    if not isinstance(boot, Bootstrap):
        problems.append(
            "hypotheses needs the bootstrap of one fit, as csi.bootstrap(results) or "
            f"boot['A'] for a group, not {type(boot).__name__}"
        )
    if level is not None and not (isinstance(level, Real) and 0 < level < 1):
        problems.append(f"hypotheses: level must lie between 0 and 1, not {level!r}")
    if problems:
        raise SpecificationError(problems)
    if level is not None:
        boot = replace(boot, options=replace(boot.options, level=level))
    table = boot.paths[["source", "target", "sign", "estimate", "low", "high"]]
    found = np.select([table["low"] > 0, table["high"] < 0], ["+", "-"], "")
    sign = table["sign"].to_numpy()
    verdict = np.select(
        [sign == "?", found == "", found == sign],
        ["open", "undecided", "supported"],
        "contradicted",
    )
    return table.assign(found=found.astype(object), verdict=verdict.astype(object))
