"""Bollen and Stine's bootstrap of chi-square."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from csindex.errors import DataError, SpecificationError
from csindex.estimation import Estimates
from csindex.estimation.cbsem import CBSEM, CovarianceEstimates
from csindex.inference.resampling import (
    Plan,
    check_strata,
    drawn_weights,
    sampling_units,
)
from csindex.inference.stack import Chunk, Collected, collect
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.spectral import roots
from csindex.moments import Moments
from csindex.moments.incomplete import moment_stack
from csindex.results import Results, Statistic, one_fit
from csindex.results.parameters import covariance_structure
from csindex.results.printing import Page, Printed
from csindex.survey import Answers

# the least share of resamples with a solution from which a p is made
_LEAST = 0.5
# resamples computed at once
_AT_ONCE = 512


@dataclass(frozen=True, eq=False, repr=False)
class BollenStine(Printed):
    """Bollen and Stine's test of a covariance structure; made by `bollen_stine`.

    Attributes
    ----------
    chisq : float
        Chi-square of the fit.
    p : float
        Share of resamples of a population in which the model is true whose chi-square
        is as large.
    values : ndarray of shape (used,)
        Chi-square of these resamples, without those that have no solution.
    counts : Series
        Resamples: requested, used, not_converged, inadmissible.
    seed : int
        Seed of the draws.
    """

    chisq: float
    p: float
    values: FloatArray
    counts: pd.Series
    seed: int

    def _page(self) -> Page:
        mean, high = self.values.mean(), np.quantile(self.values, 0.95)
        lost = self.counts["requested"] - self.counts["used"]
        told = (
            f"Under the model: mean {mean:.3f}, 95 % quantile {high:.3f}, from "
            f"{self.counts['used']} of {self.counts['requested']} resamples; {lost} "
            "had no solution and don't count."
        )
        answer = f"chi-square {self.chisq:.3f}, p {self.p:.4f}"
        return Page(f"Bollen-Stine bootstrap: {answer}", {}, (told,))


@dataclass(frozen=True, eq=False)
class _Null:
    """A fit, its respondents, and the map under which the model is true in them.

    Attributes
    ----------
    estimator : CBSEM
        What refits; it needs moments only.
    made : CovarianceEstimates
        The fit.
    units : Answers
        The respondents.
    transform : ndarray of shape (p, p)
        From answers to answers whose covariances are those the model implies.
    """

    estimator: CBSEM
    made: CovarianceEstimates
    units: Answers
    transform: FloatArray


def bollen_stine(results: Results, n: int = 1000, seed: int = 1) -> BollenStine:
    r"""Test a covariance structure by Bollen and Stine's bootstrap.

    Chi-square's own law holds for normal answers and many respondents; this test needs
    neither.

    Parameters
    ----------
    results : Results
        A fit by `CBSEM` to a survey, by ML, GLS or ULS, corrected or not.
    n : int
        Number of resamples.
    seed : int
        Seed of the random draws.

    Returns
    -------
    BollenStine
        Chi-square, its p, and what became of the resamples.

    Raises
    ------
    SpecificationError
        If n or the seed can't be, another estimator made the fit, or its weights need
        the answers (WLS, DWLS, FIML).
    DataError
        If the fit was made from moments, or more than half of the resamples have no
        solution.

    Notes
    -----
    Resamples are drawn from answers :math:`Y = (X - \bar x) S^{-1/2}
    \hat\Sigma^{1/2} + \hat\mu`, whose moments are those that the model implies. The
    model is estimated anew in each; p is :math:`(1 + \#\{T^* \ge T\}) / (1 + B)`.
    Corrected methods are tested by their uncorrected chi-square.

    References
    ----------
    Bollen & Stine (1992), Sociological Methods & Research 21(2).

    Examples
    --------
    >>> import csindex as csi
    >>> from csindex.estimation.cbsem import CBSEM
    >>> model = csi.Model(
    ...     "two",
    ...     [
    ...         csi.reflective("quality", "OVERALLX", "CUSTOMX"),
    ...         csi.reflective("satisfaction", "SATIS", "CONFIRM"),
    ...     ],
    ... )
    >>> results = csi.fit(model, csi.load_dataset("retail"), estimator=CBSEM("MLR"))
    >>> made = bollen_stine(results, n=50)
    >>> int(made.counts["requested"])
    50
    """
    results = one_fit(results, "bollen_stine")
    made = covariance_structure(results.estimates, "bollen_stine")
    null = _null(results, made, n, seed)
    check_strata(sampling_units(null.units))
    statistic = Statistic("chisq", _chisq, _label, tested=False)
    found = collect(_refits(null, Plan(n, seed)), [statistic])
    values = found.values["chisq"][:, 0]
    used = found.converged & found.admissible & np.isfinite(values)
    counts = _counts(found, used)
    if used.mean() < _LEAST:
        raise DataError(
            f"bollen_stine: {n - used.sum()} of {n} resamples have no solution; the "
            "model can't be tested so: csi.explain(results) says what is fragile in it"
        )
    chisq = float(made.fit.chisq[0])
    larger = int((values[used] >= chisq).sum())
    p = (1 + larger) / (1 + int(used.sum()))
    return BollenStine(chisq, p, values[used], counts, int(seed))


def _null(results: Results, made: CovarianceEstimates, n: int, seed: int) -> _Null:
    problems = [
        f"{name} must be a whole number of {least} or more, not {value!r}"
        for name, value, least in (("n", n, 20), ("seed", seed, 0))
        if not (isinstance(value, (int, np.integer)) and value >= least)
    ]
    estimator, method = results.estimator, made.fit.method
    moments_enough = method.discrepancy in ("ML", "GLS", "ULS")
    if not isinstance(estimator, CBSEM) or not moments_enough:
        problems.append("it is for ML, GLS and ULS; WLS and DWLS weigh by the answers")
    elif method.missing != "listwise":
        problems.append("it needs complete answers; fit with missing='listwise'")
    elif made.fit.df == 0:
        problems.append(
            "the model has no degrees of freedom, so that nothing is tested"
        )
    if problems or not isinstance(estimator, CBSEM):
        raise SpecificationError([f"bollen_stine: {p}" for p in problems])
    if results.answers is None or np.isnan(results.answers.values).any():
        raise DataError(
            "bollen_stine draws respondents with complete answers; fit to a survey, "
            "and leave incomplete= out"
        )
    inverse = roots(made.moments.cov).inverse
    root = roots(made.fit.implied[0].cov[0]).root
    if method.likelihood:
        # the model is fitted to covariances with divisor n
        root = root * np.sqrt(made.fit.n[0] / (made.fit.n[0] - 1))
    if not (np.isfinite(inverse).all() and np.isfinite(root).all()):
        raise DataError(
            "bollen_stine: the covariances of the items, or those that the model "
            "implies, are not positive definite; csi.explain(results) tells more"
        )
    refitting = replace(estimator, estimator=method.discrepancy, information=None)
    return _Null(refitting, made, results.answers, np.asarray(inverse @ root))


def _refits(null: _Null, plan: Plan) -> Iterator[Chunk]:
    for weights in drawn_weights(null.units, plan, _AT_ONCE):
        yield partial(_estimated, null, weights)


def _estimated(null: _Null, weights: FloatArray) -> Estimates:
    """Return the estimates of resamples of the transformed answers."""
    made, onto = null.made, null.transform
    stack = moment_stack(null.units, weights)
    centre = made.fit.implied[0].mean[0] if made.fit.table.means else 0.0
    mean = (stack.mean - made.moments.mean) @ onto + centre
    drawn = Moments(made.moments.names, mean, onto.T @ stack.cov @ onto, stack.n)
    return null.estimator.estimate(made.model, drawn)


def _chisq(estimates: Estimates) -> FloatArray:
    """Return chi-square, shape (..., 1)."""
    made = covariance_structure(estimates, "bollen_stine")
    return made.fit.chisq.reshape(*made.moments.batch, 1)


def _label(_: object) -> pd.DataFrame:
    return pd.DataFrame({"measure": ["chisq"]})


def _counts(found: Collected, used: BoolArray) -> pd.Series:
    return pd.Series(
        {
            "requested": len(used),
            "used": int(used.sum()),
            "not_converged": int((found.admissible & ~found.converged).sum()),
            "inadmissible": int((~found.admissible).sum()),
        }
    )
