"""The rows of an invariance ladder: measures, differences and verdicts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from csindex.diagnostics.thresholds import Criterion
from csindex.estimation.cbsem.groups import GroupEstimates
from csindex.estimation.cbsem.ordinal_structure import OrdinalStructure
from csindex.inference.covariance.difference_test import difference
from csindex.inference.covariance.steps import Level

CFI_FALL = Criterion("fall of CFI", 0.01, 0.01, False, "Cheung & Rensvold (2002)")
RMSEA_RISE = Criterion("rise of RMSEA", 0.015, 0.015, False, "Chen (2007)")
CFI = Criterion("CFI", 0.95, 0.90, True, "Hu & Bentler (1999); Bentler (1990)")
RMSEA = Criterion("RMSEA", 0.06, 0.08, False, "Hu & Bentler (1999); Browne & Cudeck")
# the tests of differences are made at this level
ALPHA = 0.05


def ladder_row(
    fits: Mapping[Level, GroupEstimates], level: Level, below: Level | None
) -> dict[str, object]:
    """Return one level's row of the table of an `InvarianceLadder`.

    Parameters
    ----------
    fits : mapping of str to GroupEstimates
        The fit of each level.
    level : str
        The level.
    below : str, optional
        What it is compared with; None: nothing.

    Returns
    -------
    dict of str to object
        Fit measures, their differences from the level below, and the verdict.
    """
    own = _measures(fits[level])
    if below is None:
        passed = sum(
            c.verdict(own[name]) != "flagged"
            for name, c in (("cfi", CFI), ("rmsea", RMSEA))
        )
        verdict = ("rejected", "doubtful", "holds")[passed]
        nothing = dict.fromkeys(
            ["delta_chisq", "delta_df", "delta_p", "delta_cfi"], np.nan
        )
        rest = {"delta_rmsea": np.nan, "delta_srmr": np.nan, "verdict": verdict}
        return {**own, "compared_with": "", **nothing, **rest}
    other = _measures(fits[below])
    change = {
        f"delta_{name}": own[name] - other[name] for name in ("cfi", "rmsea", "srmr")
    }
    close = (
        CFI_FALL.verdict(-change["delta_cfi"]) != "flagged"
        and RMSEA_RISE.verdict(change["delta_rmsea"]) != "flagged"
    )
    if fits[level].fit.df == fits[below].fit.df:
        test = {"delta_chisq": 0.0, "delta_df": 0, "delta_p": np.nan}
        told = "equivalent"
    else:
        made = difference(fits[level], fits[below])
        test = {"delta_chisq": made.chisq, "delta_df": made.df, "delta_p": made.p}
        passed = int(close) + int(made.p >= ALPHA)
        told = ("rejected", "doubtful", "holds")[passed]
    return {**own, "compared_with": below, **test, **change, "verdict": told}


def _measures(fit: GroupEstimates) -> dict[str, float]:
    """Return the ladder's fit measures, corrected ones where there are."""
    found = fit.measures
    corrected = "_scaled" if "chisq_scaled" in found else ""
    indices = "_robust" if has_robust(fit) else corrected
    names = {
        "chisq": f"chisq{corrected}",
        "df": f"df{corrected}",
        "p": f"pvalue{corrected}",
        **{name: f"{name}{indices}" for name in ("cfi", "tli", "rmsea")},
        "srmr": "srmr",
    }
    return {name: found[place] for name, place in names.items()}


def has_robust(made: GroupEstimates) -> bool:
    """Return whether all levels have indices of the population; ordinal items don't."""
    return "cfi_robust" in made.measures and not isinstance(made, OrdinalStructure)
