"""Improper solutions of covariance structures, in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.estimation.cbsem.checks import UNLIKE_UNITS
from csindex.estimation.cbsem.fitted import REACHED
from csindex.estimation.cbsem.ordinal_fit import (
    NO_RESIDUAL_SHARE,
    OrdinalFit,
    vanished,
)
from csindex.estimation.cbsem.solution import CovarianceEstimates
from csindex.kernels.threads import one_thread

# beyond these constructs, paths and information can't be told apart or trusted
HIGH_CORRELATION, LARGEST_CONDITION = 0.95, 1e6
_ROUNDING = 1e-9
# a variance is zero up to this share of its variable's whole variance
_NO_SHARE = 1e-7
_MERGE = (
    "put the two into one construct, drop one, make their paths equal or zero with "
    "additions=, or use csi.PLS"
)
_VARIANCE = (
    "fix it at zero as 'x ~~ 0*x' or bound it as 'x ~~ v*x; v > 0' in additions=, drop "
    "the item, or collect more respondents"
)
_ZERO = (
    "nothing of it is left unexplained, as is hardly true of an item or a construct: "
    "drop the item, or collect more respondents"
)
_BOUND = (
    "the answers would have it beyond its bound, so that its error is none, and the "
    "others' errors and the p of chi-square are those of a model that fixes it there: "
    "say so in a report, and see what becomes of it without the bound"
)
_UNITS = (
    "unweighted least squares fits items in large units alone: divide them, or use "
    "estimator='ML'"
)
_DERIVED = (
    "the residual variance of an ordinal item follows from its loading and can't be "
    "fixed: drop the item, make loadings equal with additions=, or collect more "
    "respondents"
)
_THETA = (
    "by theta a residual variance can't be zero or less, so that the search has no "
    "end: parameterization='delta' shows how far below zero it is; drop the item, or "
    "collect more respondents"
)
_SINGULAR = "put the constructs that correlate most into one, or use csi.PLS"


@dataclass(frozen=True)
class Caution:
    """Something that makes a solution hard or impossible to interpret.

    Attributes
    ----------
    finding : str
        What it is.
    where : str
        The constructs, items or parameters.
    value, threshold : float
        What was found, and from where on it is told.
    improper : bool
        Whether no population has such parameters.
    ways_out : str
        What can be done.
    """

    finding: str
    where: str
    value: float
    threshold: float
    improper: bool
    ways_out: str


def cautions(made: CovarianceEstimates) -> list[Caution]:
    """Return what is improper or fragile about one solution.

    Parameters
    ----------
    made : CovarianceEstimates
        Estimates without batch axes.

    Returns
    -------
    list of Caution
        Negative variances, those of zero, vanishing ones of ordinal items by theta,
        bounds that were reached, unlike units in unweighted least squares, latent
        correlations beyond .95, a latent matrix that isn't positive definite,
        standardised loadings and paths beyond one, information of condition beyond
        1e6, also after scaling to a unit diagonal.
    """
    return [
        *_variances(made),
        *_zeros(made),
        *_limits(made),
        *_bounds(made),
        *_units(made),
        *_correlations(made),
        *_sizes(made),
        *_condition(made),
    ]


def _variances(made: CovarianceEstimates) -> list[Caution]:
    table = made.fit.table
    values = table.values(made.fit.theta)[0]
    ways = _DERIVED if isinstance(made.fit, OrdinalFit) else _VARIANCE
    negative = [(table.rows[k], values[k]) for k in np.flatnonzero(values < -_ROUNDING)]
    return [
        Caution("negative variance", row.lhs, float(value), 0.0, True, ways)
        for row, value in negative
        if row.op == "~~" and row.lhs == row.rhs
    ]


def _zeros(made: CovarianceEstimates) -> list[Caution]:
    """Return variances that were estimated and are zero."""
    table = made.fit.table
    values = table.values(made.fit.theta)[0]
    whole = np.diagonal(made.fit.implied[0].total[0])
    return [
        Caution("variance of zero", row.lhs, float(value), 0.0, False, _ZERO)
        for row, value in zip(table.rows, values, strict=True)
        if row.free
        and row.op == "~~"
        and row.lhs == row.rhs
        and -_ROUNDING <= value <= _NO_SHARE * whole[table.place(row)[0]]
    ]


def _bounds(made: CovarianceEstimates) -> list[Caution]:
    """Return the bounds that parameters are at."""
    table = made.fit.table
    known = table.known(made.fit.theta)
    whose = {row.label: row.name for row in table.rows if row.label}
    found: list[Caution] = []
    for bound in table.bounds:
        left = float(bound.formula.at(known).value[0])
        if abs(left) < REACHED:
            names = [whose[name] for name in bound.formula.names if name in whose]
            where = f"{bound.text}: {', '.join(names)}" if names else bound.text
            found.append(Caution("bound reached", where, left, 0.0, False, _BOUND))
    return found


def _units(made: CovarianceEstimates) -> list[Caution]:
    """Return that unweighted least squares have items in unlike units."""
    if made.fit.method.discrepancy != "ULS" or isinstance(made.fit, OrdinalFit):
        return []
    sd = np.sqrt(np.diagonal(made.fit.samples[0].cov[0]))
    ratio = float(sd.max() / sd.min())
    if ratio < UNLIKE_UNITS:
        return []
    names = made.fit.table.observed
    where = f"{names[int(sd.argmin())]} - {names[int(sd.argmax())]}"
    return [Caution("unlike units", where, ratio, UNLIKE_UNITS, False, _UNITS)]


def _limits(made: CovarianceEstimates) -> list[Caution]:
    """Return ordinal items that theta leaves all but no residual variance."""
    if not isinstance(made.fit, OrdinalFit):
        return []
    return [
        Caution("no residual variance", item, share, NO_RESIDUAL_SHARE, True, _THETA)
        for item, _, share in vanished(made.fit)
    ]


def _correlations(made: CovarianceEstimates) -> list[Caution]:
    """Return what is told of the correlations of all latent variables."""
    table = made.fit.table
    total = made.fit.implied[0].total[0]
    p = len(table.observed)
    latent = slice(p, p + len(table.latent))
    joint = total[latent, latent]
    sd = np.sqrt(np.diagonal(joint))
    corr = joint / np.outer(sd, sd)
    found = [
        Caution(
            "latent correlation",
            f"{table.latent[i]} - {table.latent[j]}",
            float(corr[i, j]),
            HIGH_CORRELATION,
            bool(abs(corr[i, j]) > 1 + _ROUNDING),
            _MERGE,
        )
        for i, j in zip(*np.nonzero(np.abs(corr) > HIGH_CORRELATION), strict=True)
        if i < j
    ]
    lowest, vectors = np.linalg.eigh(corr)
    if lowest[0] < -_ROUNDING:
        part = np.abs(vectors[:, 0])
        names = [
            n for n, w in zip(table.latent, part, strict=True) if w > part.max() / 3
        ]
        found.append(
            Caution(
                "latent correlations not positive definite",
                ", ".join(names),
                float(lowest[0]),
                0.0,
                True,
                _SINGULAR,
            )
        )
    return found


def _sizes(made: CovarianceEstimates) -> list[Caution]:
    """Return loadings beyond one, which are improper, and paths, which are fragile."""
    table = made.fit.table
    rows = table.rows
    values = made.fit.standardized[0, : len(rows)]
    large = [(rows[k], values[k]) for k in np.flatnonzero(np.abs(values) > 1 + 1e-6)]
    owners = [row.rhs for row in rows if row.op == "=~"] if large else []
    return [
        Caution(
            "standardised loading" if row.op == "=~" else "standardised path",
            row.name,
            float(value),
            1.0,
            row.op == "=~" and owners.count(row.rhs) == 1,
            _VARIANCE if row.op == "=~" else _MERGE,
        )
        for row, value in large
        if row.op in ("=~", "~")
    ]


def _condition(made: CovarianceEstimates) -> list[Caution]:
    fit = made.fit
    if fit.condition_bound <= LARGEST_CONDITION:
        return []
    information = fit.turned(fit.expected[:1])[0]
    values, vectors = np.linalg.eigh(information)
    ratio = float(values[-1] / max(values[0], 1e-300))
    # items of unlike units make the ratio large; of unit diagonal it has no units
    unitless = np.linalg.eigvalsh(fit.unitless)
    lowest = max(float(unitless[0]), 1e-300)
    if min(ratio, float(unitless[-1]) / lowest) <= LARGEST_CONDITION:
        return []
    part = np.abs(fit.basis @ vectors[:, 0])
    names = [n for n, w in zip(fit.table.names, part, strict=True) if w > 0.2]
    return [
        Caution(
            "information nearly singular",
            ", ".join(names),
            ratio,
            LARGEST_CONDITION,
            False,
            _MERGE,
        )
    ]


@one_thread(lapack=True)
def warning_of(made: CovarianceEstimates) -> str:
    """Return what a fit warns of: what is improper, and information near none.

    Parameters
    ----------
    made : CovarianceEstimates
        Estimates without batch axes.

    Returns
    -------
    str
        What was found, and the ways out; empty if there is nothing.
    """
    told_of = cautions(made)
    found = [c for c in told_of if c.improper or c.value > LARGEST_CONDITION]
    if found:
        causes = ("latent correlation", "unlike units")
        found += [c for c in told_of if c.finding in causes]
    found = list(dict.fromkeys(found))
    if not found:
        return ""
    told = "; ".join(f"{c.finding} {c.where} ({c.value:.3g})" for c in found)
    ways = " -- ".join(dict.fromkeys(caution.ways_out for caution in found))
    return (
        f"the solution is improper or fragile: {told}. Don't interpret it as it "
        f"stands: {ways}. "
        "csi.explain(results) tells more"
    )
