"""Whether estimates can be those of any population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from csindex.errors import quoted
from csindex.kernels.arrays import BoolArray
from csindex.kernels.spectral import smallest_eigenvalue
from csindex.moments.cautions import IDENTICAL, copied_pairs

if TYPE_CHECKING:
    from csindex.estimation.estimates import Estimates

# how far beyond its limit a number may be from rounding
_ROUNDING = 1e-9

WAYS_OUT = (
    "use csi.PLS, which leaves scores as they are; declare constructs of low "
    "reliability composites; put constructs that correlate near one together; or "
    "collect more, or better, items"
)


@dataclass(frozen=True, eq=False)
class Check:
    """A property that estimates of a population have.

    Attributes
    ----------
    name : str
        The property, as ``"loadings <= 1"``.
    violation : str
        What it means not to have it.
    passed : ndarray of bool of shape (...)
        Whether the estimates have it; NaN has not.
    where : str
        Of one set of estimates: what violates it.
    """

    name: str
    violation: str
    passed: BoolArray
    where: str = ""


def proper(estimates: Estimates) -> list[Check]:
    """Return what every population's parameters fulfil.

    Parameters
    ----------
    estimates : Estimates
        Estimates, one set or a stack.

    Returns
    -------
    list of Check
        Loadings and construct correlations of at most one, construct correlations
        with a positive semidefinite matrix.
    """
    model, corr = estimates.model, estimates.construct_corr
    single = not estimates.moments.batch
    large = ~(np.abs(estimates.loadings) <= 1 + _ROUNDING)
    high = ~(np.abs(corr) <= 1 + _ROUNDING)
    lowest = smallest_eigenvalue(corr)
    return [
        Check(
            "loadings at most 1",
            "loadings beyond 1",
            np.asarray(~large.any(axis=(-2, -1))),
            _names(model.items, np.asarray(large.any(axis=-1))) if single else "",
        ),
        Check(
            "construct correlations at most 1",
            "construct correlations beyond 1",
            np.asarray(~high.any(axis=(-2, -1))),
            _pairs(model.construct_names, high) if single else "",
        ),
        Check(
            "construct correlations positive semidefinite",
            "construct correlations that no constructs can have",
            lowest >= -_ROUNDING,
            _collinear(estimates) if single and not lowest >= -_ROUNDING else "",
        ),
    ]


def explanation(estimates: Estimates) -> str:
    """Return why one set of estimates is improper, and what can be done.

    Parameters
    ----------
    estimates : Estimates
        Estimates without batch axes.

    Returns
    -------
    str
        A sentence for each violated property; empty if there is none.
    """
    broken = [
        f"{check.violation} ({check.where})"
        for check in proper(estimates)
        if not check.passed
    ]
    if not broken:
        return ""
    return (
        f"the solution is improper: {'; '.join(broken)}. Its paths can't be "
        f"interpreted as they stand; {WAYS_OUT}"
    )


def dependence(estimates: Estimates) -> str:
    """Return why weights or paths of one set of estimates have no single solution.

    Parameters
    ----------
    estimates : Estimates
        Estimates that aren't admissible, without batch axes.

    Returns
    -------
    str
        Items that say the same, or whose correlations are singular; else the causes
        of some construct.
    """
    model, corr = estimates.model, estimates.moments.corr
    if pairs := copied_pairs(model.items, corr):
        return (
            f"items {quoted(pairs)} say the same (|r| > {IDENTICAL}), so that weights "
            "or paths have no single solution; leave one of each pair out"
        )
    names = [
        construct.name
        for construct, block in zip(model.constructs, model.blocks.T > 0, strict=True)
        if np.linalg.eigvalsh(corr[np.ix_(block, block)])[0] < 1 - IDENTICAL
    ]
    what = f"the items of {quoted(names)}" if names else "the causes of some construct"
    return (
        f"{what} are linearly dependent, so that weights or paths have no single "
        "solution; leave an item or a path out"
    )


def _names(names: tuple[str, ...], flags: BoolArray) -> str:
    return quoted([n for n, flag in zip(names, flags, strict=True) if flag])


def _pairs(names: tuple[str, ...], flags: BoolArray) -> str:
    first, second = np.nonzero(np.triu(flags, k=1))
    return quoted(
        [f"{names[i]} - {names[k]}" for i, k in zip(first, second, strict=True)]
    )


def _collinear(estimates: Estimates) -> str:
    """Return the constructs that the most negative direction consists of."""
    corr = estimates.construct_corr
    if not np.isfinite(corr).all():
        return "not all could be computed"
    values, vectors = np.linalg.eigh(corr)
    weight = np.abs(vectors[:, 0])
    names = np.array(estimates.model.construct_names)
    involved = names[weight > weight.max() / 3].tolist()
    return f"smallest eigenvalue {values[0]:.3f}, made of {quoted(involved)}"
