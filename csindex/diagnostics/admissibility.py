"""Whether a solution is admissible, check by check."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from csindex.diagnostics.quality import inner_inflation
from csindex.diagnostics.statistics import formative, weights_reliability
from csindex.errors import quoted
from csindex.estimation import Estimates
from csindex.estimation.admissibility import WAYS_OUT, proper
from csindex.kernels import reliability
from csindex.kernels.spectral import smallest_eigenvalue

# causes that inflate a path's variance by more can't be told apart
INSEPARABLE = 10.0
# how far beyond its limit a number may be from rounding
_ROUNDING = 1e-9


def admissibility(estimates: Estimates) -> pd.DataFrame:
    """Return the checks of one set of estimates.

    Parameters
    ----------
    estimates : Estimates
        Estimates without batch axes.

    Returns
    -------
    DataFrame
        check, passed, where (what violates it) and explanation (what that means, and
        what can be done).

    Notes
    -----
    The checks are: convergence; loadings and construct correlations of at most one;
    construct correlations, and the item correlations that the model implies, with a
    positive semidefinite matrix; reliabilities of at most one; and causes that can be
    told apart, with variance inflation below 10, because disattenuated correlations
    near one pass the others and still make paths of 2 and -2.
    """
    rows = [_converged(estimates)]
    for check in proper(estimates):
        where = check.where if not check.passed else ""
        told = f"{check.violation}; {WAYS_OUT}"
        rows.append((check.name, bool(check.passed), where, told))
    rows += [_reliabilities(estimates), _implied(estimates), _separable(estimates)]
    return pd.DataFrame(
        [
            (name, passed, where, "" if passed else told)
            for name, passed, where, told in rows
        ],
        columns=["check", "passed", "where", "explanation"],
    )


def _converged(estimates: Estimates) -> tuple[str, bool, str, str]:
    steps = int(estimates.iterations)
    return (
        "converged",
        bool(estimates.converged),
        "" if estimates.converged else f"{steps} iterations",
        "the numbers depend on where the iteration stopped; try another scheme or "
        "more iterations",
    )


def _reliabilities(estimates: Estimates) -> tuple[str, bool, str, str]:
    model = estimates.model
    free = formative(estimates)
    values = {
        "rho_a": weights_reliability(estimates),
        "rho_c": reliability.rho_c(estimates.loadings, model.blocks),
    }
    beyond = [
        f"{measure} of {name}"
        for measure, row in values.items()
        for name, value, apart in zip(model.construct_names, row, free, strict=True)
        if not apart and value > 1 + _ROUNDING
    ]
    return (
        "reliabilities at most 1",
        not beyond,
        quoted(beyond) if beyond else "",
        "no share of a variance is beyond 1: the items don't agree as one construct's "
        "do; reverse or leave out an item, or declare the construct a composite",
    )


def _implied(estimates: Estimates) -> tuple[str, bool, str, str]:
    lowest = float(smallest_eigenvalue(estimates.implied_corr()))
    passed = lowest >= -_ROUNDING
    return (
        "implied item correlations positive semidefinite",
        passed,
        "" if passed else f"smallest eigenvalue {lowest:.3f}",
        "no answers have the correlations that the model implies; measures of fit "
        "can't be had of all of them",
    )


def _separable(estimates: Estimates) -> tuple[str, bool, str, str]:
    factors = inner_inflation(estimates)
    where = list(_inseparable(estimates, factors))
    return (
        f"causes distinguishable (VIF < {INSEPARABLE:g})",
        not where,
        quoted(where) if where else "",
        "such causes say nearly the same, so that their paths are large, of opposite "
        "sign and unstable; put them together, leave one out, or use csi.PLS, whose "
        "scores correlate less",
    )


def _inseparable(estimates: Estimates, factors: np.ndarray) -> Iterable[str]:
    for path, factor in zip(estimates.model.paths, factors, strict=True):
        if not factor < INSEPARABLE:
            shown = "none" if np.isnan(factor) else f"{factor:.1f}"
            yield f"{path.source} -> {path.target}: {shown}"
