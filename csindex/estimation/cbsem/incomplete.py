r"""Covariance structures from answers with gaps: samples, and what respondents add.

``fiml``: the likelihood of what each respondent answered. ``two_stage``: means and
covariances of the unrestricted model (EM) are fitted by maximum likelihood; their
asymptotic covariance, which knows of the gaps, corrects errors and test.

References
----------
Savalei & Bentler (2009), Structural Equation Modeling 16(3) (two stages);
Yuan & Bentler (2000), Sociological Methodology 30 (scores and the scaled test).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from csindex.estimation.cbsem.fitted import CovarianceFit, Sample
from csindex.estimation.cbsem.methods import Method
from csindex.estimation.cbsem.samples import cases_of, sample_of
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.fiml import (
    PatternLikelihood,
    PatternPoint,
    unrestricted,
)
from csindex.kernels.cbsem.fourth import Cases
from csindex.kernels.cbsem.objective import by_parameter
from csindex.kernels.pattern_sums import Kinds, PatternSums
from csindex.moments import Moments
from csindex.moments.incomplete import moment_stack, treated
from csindex.survey import Answers


@dataclass(frozen=True, eq=False)
class GapCases(Cases):
    """The respondents of one sample with gaps.

    Attributes
    ----------
    known_gamma : ndarray of shape (s, s)
        Asymptotic covariance of root n times the unrestricted moments by EM.
    """

    known_gamma: FloatArray = field(default_factory=lambda: np.empty((0, 0)))

    @cached_property
    def gamma(self) -> FloatArray:
        """Asymptotic covariance (s, s) of the unrestricted moments."""
        return self.known_gamma


def gap_moments(answers: Answers, weights: FloatArray | None) -> Moments:
    """Return the unrestricted moments of answers with gaps, by EM.

    Parameters
    ----------
    answers : Answers
        The answers.
    weights : ndarray of shape (b, n), optional
        Weights of resamples.

    Returns
    -------
    Moments
        One set; with weights a stack of b.
    """
    answers = replace(answers, incomplete="em")
    if weights is None:
        return treated(answers).moments
    stack = moment_stack(answers, weights)
    return Moments(
        answers.names, stack.mean, stack.cov, stack.n, answers.low, answers.high
    )


def gap_sample(
    answers: Answers, moments: Moments, weights: FloatArray | None = None
) -> Sample:
    """Return answers with gaps as one group's sample.

    Parameters
    ----------
    answers : Answers
        The answers.
    moments : Moments
        Their unrestricted moments, of `gap_moments`.
    weights : ndarray of shape (b, n), optional
        Weights of resamples.

    Returns
    -------
    Sample
        Unrestricted moments, and the rows by pattern.
    """
    if weights is None:
        own = answers.weights
        weights = (np.ones(len(answers.values)) if own is None else own)[None]
    values = answers.values
    sums = PatternSums.of(values, weights, Kinds.of(values))
    return replace(sample_of(moments), patterns=sums)


def gap_cases(answers: Answers, sample: Sample, method: Method) -> Cases:
    """Return answers with gaps as the respondents of a sample.

    Parameters
    ----------
    answers : Answers
        The answers.
    sample : Sample
        Their sample.
    method : Method
        How gaps are treated; two stages need the covariance of the moments.

    Returns
    -------
    Cases
        The respondents.
    """
    case = cases_of(answers, means=True)
    if method.missing == "fiml":
        return case
    inverse = np.linalg.inv(_unrestricted_point(sample, method).observed()[0])
    if method.errors == "huber.white":
        inverse = inverse @ unrestricted_meat(sample, case, method) @ inverse
    return GapCases(
        case.values,
        case.weights,
        case.clusters,
        case.counts,
        True,
        np.asarray(inverse),
    )


def pattern_sums(sample: Sample) -> PatternSums:
    """Return the rows of a sample by pattern; only for samples with gaps."""
    if sample.patterns is None:
        raise ValueError("this sample has no rows by pattern")
    return sample.patterns


def unrestricted_information(sample: Sample, method: Method) -> FloatArray:
    """Return the information (s, s) of one respondent on unrestricted moments."""
    point = _unrestricted_point(sample, method)
    observed = method.information == "observed"
    return np.asarray((point.observed() if observed else point.expected())[0])


def unrestricted_meat(sample: Sample, case: Cases, method: Method) -> FloatArray:
    """Return the mean square (s, s) of scores on unrestricted moments."""
    point = _unrestricted_point(sample, method)
    return case.summed(point.scores(case.values, Kinds.of(case.values)))


def fitted_meat(fit: CovarianceFit, cases: list[Cases]) -> FloatArray:
    """Return the mean square of the respondents' scores.

    Parameters
    ----------
    fit : CovarianceFit
        A fit, once.
    cases : list of Cases
        The respondents of each group.

    Returns
    -------
    ndarray of shape (t, t)
        By parameter; groups are weighted by their sizes.
    """
    meat = np.zeros((fit.table.size, fit.table.size))
    for ram, point, case, share in zip(
        fit.table.rams, fit.point.points, cases, fit.point.shares[0], strict=True
    ):
        if not isinstance(point, PatternPoint):
            raise TypeError("scores of complete answers are made of their moments")
        scores = point.scores(case.values, Kinds.of(case.values))
        by_slot = case.summed(scores)
        meat += share * by_parameter(ram, by_slot[None], fit.table.size)[0]
    return meat


def baseline_moments(sample: Sample) -> tuple[FloatArray, FloatArray]:
    """Return means (b, p) and covariances (b, p, p) of items without relations."""
    sums = pattern_sums(sample)
    share = sums.share @ sums.known
    mean = sums.level.sum(axis=1) / share
    squares = np.einsum("bgii->bi", sums.cross) / share
    variances = squares - mean**2
    cov = variances[:, :, None] * np.eye(mean.shape[1])
    return mean + sums.centre, cov


def baseline_trace(sample: Sample, case: Cases) -> float:
    """Return tr(B A^-1) of the baseline model, A observed."""
    mean, cov = baseline_moments(sample)
    made = unrestricted(mean[:1], cov[:1])
    free = np.flatnonzero((made.ram.row == made.ram.column) | (made.ram.is_mean > 0))
    sums = pattern_sums(sample)
    point = PatternLikelihood(sums, np.zeros(len(sums.share))).at(made)
    scores = point.scores(case.values, Kinds.of(case.values))[:, free]
    bread = point.observed()[0][np.ix_(free, free)]
    return float(np.trace(np.linalg.solve(bread, case.summed(scores))))


def _unrestricted_point(sample: Sample, method: Method) -> PatternPoint:
    sums = pattern_sums(sample)
    made = unrestricted(sample.mean, sample.used_cov(method))
    return PatternLikelihood(sums, np.zeros(len(sums.share))).at(made)
