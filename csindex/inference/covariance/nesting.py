"""Whether one covariance structure is a special case of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from csindex.errors import DataError, SpecificationError
from csindex.estimation.cbsem.fitted import CovarianceFit, Sample
from csindex.estimation.cbsem.fitting import fitted
from csindex.estimation.cbsem.groups import positions
from csindex.estimation.cbsem.linked_fit import LinkedFit, linked_fit
from csindex.estimation.cbsem.ordinal_fit import OrdinalData, OrdinalFit, ordinal_fit
from csindex.kernels.arrays import FloatArray
from csindex.kernels.linalg import are_definite
from csindex.kernels.threads import one_thread

# a discrepancy that is nothing but rounding and the end of a search
_NONE = 1e-6


@dataclass(frozen=True)
class Nesting:
    """How well a structure implies what another one does.

    Attributes
    ----------
    discrepancy : float
        The least one between the moments that the restricted structure implies and
        those that the freer one can; zero if the former is a special case of the
        latter.
    decided : bool
        Whether the search for it ended.
    apart : tuple of str
        Coefficients that the restricted structure estimates, and the freer one fixes
        or doesn't have.
    """

    discrepancy: float
    decided: bool
    apart: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether one is a special case of the other."""
        return self.discrepancy < _NONE


@one_thread(lapack=True)
def nesting(restricted: CovarianceFit, free: CovarianceFit) -> Nesting:
    """Return whether a structure is a special case of another.

    Parameters
    ----------
    restricted : CovarianceFit
        The structure with more degrees of freedom, fitted once.
    free : CovarianceFit
        The other one, fitted to the same answers.

    Returns
    -------
    Nesting
        The discrepancy of the freer structure fitted to the moments that the
        restricted one implies: thresholds, means and covariances of all groups.

    References
    ----------
    Bentler & Satorra (2010), Psychological Methods 15(2) (the NET procedure).
    """
    apart = _apart(restricted, free)
    try:
        made = fitted_to_implied(restricted, free)
    except (DataError, SpecificationError):
        # the freer structure isn't identified at such moments
        return Nesting(np.inf, False, apart)
    size = 2 * float(made.value[0])
    known = np.isfinite(size) and bool(made.converged[0] or size < _NONE)
    return Nesting(size if known else np.inf, known, apart)


def fitted_to_implied(restricted: CovarianceFit, free: CovarianceFit) -> CovarianceFit:
    """Return a structure fitted to the moments that another one implies.

    Parameters
    ----------
    restricted : CovarianceFit
        A fit, whose implied moments are taken.
    free : CovarianceFit
        A fit, whose structure is taken.

    Returns
    -------
    CovarianceFit
        By maximum likelihood where these moments allow it; by the method of ``free``
        for ordinal items.

    Raises
    ------
    DataError, SpecificationError
        If such moments of ordinal items don't identify the parameters.
    """
    samples = _implied_samples(restricted)
    if not isinstance(free, OrdinalFit):
        definite = all(are_definite(sample.cov[0]) for sample in samples)
        method = replace(free.method, missing="listwise")
        # the same for every discrepancy, and likelihood has no units
        method = replace(method, discrepancy="ML") if definite else method
        return fitted(free.table, method, samples)
    data = [
        OrdinalData(sample, levels, part.moments)
        for sample, levels, part in zip(
            samples, _implied_levels(restricted), free.data, strict=True
        )
    ]
    if isinstance(free, LinkedFit):
        return linked_fit(free.table, free.method, data)
    return ordinal_fit(free.table, free.method, data)


def _implied_samples(fit: CovarianceFit) -> list[Sample]:
    found: list[Sample] = []
    for sample, implied in zip(fit.samples, fit.implied, strict=True):
        n = sample.n[0]
        # likelihood takes covariances with the divisor n, and so do samples by gaps
        cov = implied.cov * (n / (n - 1) if fit.method.likelihood else 1.0)
        mean = implied.mean if fit.table.means else sample.mean
        found.append(Sample(cov, mean, sample.n, sample.weight))
    return found


def _implied_levels(fit: CovarianceFit) -> Sequence[FloatArray]:
    """Return the thresholds and means (1, m) of each group that a fit implies."""
    if isinstance(fit, LinkedFit):
        point = fit.search.point
        return [
            one.levels.implied(point.long, made.mean)
            for one, made in zip(point.points, point.made, strict=True)
        ]
    if not isinstance(fit, OrdinalFit):
        raise TypeError("only ordinal items have thresholds")
    return [part.levels for part in fit.data]


def _apart(restricted: CovarianceFit, free: CovarianceFit) -> tuple[str, ...]:
    rows = free.table.rows
    places = positions(rows)
    return tuple(
        row.name
        for key, k in positions(restricted.table.rows).items()
        if (row := restricted.table.rows[k]).free
        and (key not in places or not rows[places[key]].free)
    )
