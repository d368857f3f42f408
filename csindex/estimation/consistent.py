"""Consistent partial least squares: common factors without their attenuation."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from csindex.errors import DataError, InadmissibleWarning, SpecificationError, quoted
from csindex.estimation.admissibility import explanation
from csindex.estimation.estimates import Estimates
from csindex.estimation.pls import PLS, Mode
from csindex.kernels import consistency
from csindex.kernels.arrays import BoolArray
from csindex.kernels.paths import regressions
from csindex.kernels.pls import Scheme
from csindex.model import Model
from csindex.moments import Moments


@dataclass(frozen=True, eq=False)
class ConsistentEstimates(Estimates):
    """Estimates by `PLSc`, which know why a correction can't be made."""

    @property
    def composites(self) -> BoolArray:
        """Which constructs were estimated as composites of their items, shape (j,).

        All that the model doesn't call reflective; single items count as factors.
        """
        return np.array([c.measurement == "composite" for c in self.model.constructs])

    def failure(self) -> str:
        """Return why one set of estimates can't be used; empty if it can.

        Returns
        -------
        str
            The reason, and what to do.
        """
        if self.admissible or not np.isfinite(self.weights).all():
            return super().failure()
        return "; ".join(_problems(self)) or super().failure()


@dataclass(frozen=True)
class PLSc:
    r"""Consistent partial least squares, on standardised items.

    The scores are those of `PLS`. Of constructs that the model calls reflective, the
    loadings and correlations are corrected for the error that is in the scores, so
    that they are consistent estimates of a model of common factors. Composites and
    single items stay as they are.

    Parameters
    ----------
    scheme : {"path", "factorial", "centroid"}
        Inner weighting scheme.
    mode : {"A", "B"} or mapping of construct to {"A", "B"}
        Outer weights of composites, as in `PLS`; reflective constructs of several
        items must have mode A.
    tolerance : float
        Iteration ends when the sum of absolute changes of the weights is below it.
    max_iterations : int
        Iteration ends there in any case, with a warning.

    Raises
    ------
    SpecificationError
        For an option that doesn't exist.

    Notes
    -----
    .. math:: \rho_A = (w'w)^2
        \frac{w'(S - \operatorname{diag} S)w}{w'(ww' - \operatorname{diag} ww')w},
        \quad \lambda = w \frac{\sqrt{\rho_A}}{w'w}, \quad
        \phi_{ik} = \frac{r_{ik}}{\sqrt{\rho_i \rho_k}}

    with weights w of scores with variance one and item correlations S from
    covariances with divisor n - 1. A correlation matrix of disattenuated correlations
    need not be one that exists: such estimates are ``improper`` and come with an
    `InadmissibleWarning`.

    References
    ----------
    Dijkstra & Henseler (2015), MIS Quarterly 39(2).

    Examples
    --------
    >>> PLSc().settings()["estimator"]
    'PLSc'
    """

    scheme: Scheme = "path"
    mode: Mode | Mapping[str, Mode] = "A"
    tolerance: float = 1e-7
    max_iterations: int = 300

    def __post_init__(self) -> None:
        try:
            made = self._pls()
        except SpecificationError as error:
            raise SpecificationError(_renamed(error)) from None
        object.__setattr__(self, "scheme", made.scheme)
        object.__setattr__(self, "mode", made.mode)

    def estimate(self, model: Model, moments: Moments) -> Estimates:
        """Estimate a model from moments.

        Parameters
        ----------
        model : Model
            A model where every construct has a path to or from another.
        moments : Moments
            Moments of exactly the model's items, one set or a stack.

        Returns
        -------
        Estimates
            Weights of the scores; loadings, correlations and paths of the constructs.
            NaN where a reliability isn't positive.

        Raises
        ------
        SpecificationError
            If a construct has no path, a mode is given for an unknown one, or mode B
            for a reflective one.
        DataError
            Of one set of moments: if a reliability isn't positive, or the causes of
            some construct have no positive definite correlations.

        Warns
        -----
        InadmissibleWarning
            Of one set of moments: if the solution is improper.
        """
        factor = _factors(model)
        try:
            scores = self._pls().estimate(model, moments)
        except SpecificationError as error:
            raise SpecificationError(_renamed(error)) from None
        _check_modes(scores, factor)
        reliability = consistency.reliabilities(scores.weights, model.blocks, factor)
        corr = consistency.disattenuated(scores.construct_corr, reliability)
        estimates = ConsistentEstimates(
            **{part.name: getattr(scores, part.name) for part in fields(scores)}
        )
        estimates = replace(
            estimates,
            loadings=consistency.consistent_loadings(
                scores.weights, scores.loadings, reliability, factor
            ),
            construct_corr=corr,
            paths=regressions(corr, model.structure),
        )
        if not moments.batch and scores.admissible:
            _check_solution(estimates)
        return estimates

    def settings(self) -> Mapping[str, str]:
        """Return every option that shapes the numbers, in words.

        Returns
        -------
        mapping of str to str
            Option and its value.
        """
        return {
            **self._pls().settings(),
            "estimator": "PLSc",
            "correction": "reflective constructs of several items, by rho_A",
        }

    def _pls(self) -> PLS:
        return PLS(
            self.scheme,
            self.mode,
            tolerance=self.tolerance,
            max_iterations=self.max_iterations,
        )


def _renamed(error: SpecificationError) -> list[str]:
    return [problem.replace("PLS", "PLSc", 1) for problem in error.problems]


def _factors(model: Model) -> BoolArray:
    """Return which constructs are common factors of several items."""
    return np.array(
        [c.measurement == "reflective" and len(c.items) > 1 for c in model.constructs]
    )


def _check_modes(scores: Estimates, factor: BoolArray) -> None:
    wrong = [
        name
        for name, formative, reflective in zip(
            scores.model.construct_names, scores.formative, factor, strict=True
        )
        if formative and reflective
    ]
    if wrong:
        raise SpecificationError(
            f"PLSc: mode B for the reflective constructs {quoted(wrong)}; consistent "
            "loadings come from mode A, so give mode B to composites only, or declare "
            "these with csi.composite"
        )


def _check_solution(estimates: ConsistentEstimates) -> None:
    """Refuse one set of estimates that isn't there, and warn of an improper one."""
    if problems := _problems(estimates):
        raise DataError(problems)
    if estimates.improper:
        warnings.warn(
            f"PLSc: {explanation(estimates)}", InadmissibleWarning, stacklevel=3
        )


def _problems(estimates: ConsistentEstimates) -> list[str]:
    """Return why the scores' correlations can't be corrected."""
    model = estimates.model
    names = model.construct_names
    reliability = consistency.reliabilities(
        estimates.weights, model.blocks, _factors(model)
    )
    if low := [
        f"PLSc: the reliability rho_A of {name!r} is {value:.3f}; a correlation can't "
        "be corrected by it. Its items don't agree: reverse or leave out an item, "
        "declare the construct with csi.composite, or use csi.PLS"
        for name, value in zip(names, reliability, strict=True)
        if not value > 0
    ]:
        return low
    if lacking := [
        name
        for name, row in zip(names, estimates.paths, strict=True)
        if not np.isfinite(row).all()
    ]:
        return [
            f"PLSc: the corrected correlations of the causes of {quoted(lacking)} are "
            "beyond what correlations can be, so that there are no paths; "
            f"{explanation(estimates) or 'use csi.PLS'}"
        ]
    return []
