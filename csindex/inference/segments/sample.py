"""What a search for segments starts from, and what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from csindex.errors import DataError, SpecificationError
from csindex.estimation import Estimates
from csindex.estimation.cbsem import CovarianceEstimates
from csindex.inference.permutation import ordered
from csindex.inference.resampling import Plan
from csindex.inference.stack import Draws, weighted_estimates
from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.moments.incomplete import filled_values
from csindex.results import Results
from csindex.survey import Answers, Survey


@dataclass(frozen=True, eq=False)
class Sample:
    """The respondents of a fit, in an order that depends on their answers only.

    Attributes
    ----------
    results : Results
        The fit to everyone.
    survey : Survey
        Its survey.
    answers : Answers
        The respondents.
    values : ndarray of shape (n, p)
        Their answers, gaps filled.
    scores : ndarray of shape (n, j)
        Their standardised construct scores.
    weights : ndarray of shape (n,)
        Their weights; the sum is the effective number of respondents.
    """

    results: Results
    survey: Survey
    answers: Answers
    values: FloatArray
    scores: FloatArray
    weights: FloatArray

    def local(self, weights: FloatArray) -> Estimates:
        """Return the estimates by other weights of the respondents.

        Parameters
        ----------
        weights : ndarray of shape (b, n)
            Weights.

        Returns
        -------
        Estimates
            A stack of b; signs as in the fit to everyone.
        """
        draws = Draws(self.results, self.answers, Plan(0, 0), None)
        with np.errstate(invalid="ignore", divide="ignore"):
            return next(iter(weighted_estimates(draws, [weights])))()


@dataclass(frozen=True, eq=False)
class Division:
    """Respondents divided into k segments; the largest segment comes first.

    Attributes
    ----------
    k : int
        Number of segments.
    codes : ndarray of int of shape (n,)
        Segment of each respondent, from 0.
    probabilities : ndarray of shape (n, k), optional
        Probability of each respondent to belong to each segment.
    paths : ndarray of shape (k, j, j), optional
        Path coefficients by the method itself, row = target.
    measures : Series
        What judges the division.
    starts : DataFrame
        start, objective, iterations, converged, adjusted_rand (with this division),
        note, kept (whether it is this division).
    """

    k: int
    codes: IntArray
    probabilities: FloatArray | None
    paths: FloatArray | None
    measures: pd.Series
    starts: pd.DataFrame


def sample_of(results: Results) -> Sample:
    """Return what a search for segments starts from.

    Parameters
    ----------
    results : Results
        A fit to a survey.

    Returns
    -------
    Sample
        The respondents and their scores.

    Raises
    ------
    DataError
        If the fit was made from moments, or respondents with gaps have no scores.
    SpecificationError
        If the estimates have no scores, or nothing is driven.
    """
    if results.answers is None or results.survey is None:
        raise DataError(
            "segments divides respondents, and this fit was made from moments; fit the "
            "model to the survey"
        )
    if problems := _refusals(results):
        raise SpecificationError([f"segments: {problem}" for problem in problems])
    answers = results.answers.subset(ordered(results.answers))
    values = filled_values(answers, results.moments)
    gaps = int(np.isnan(values).any(axis=1).sum())
    if gaps:
        raise DataError(
            f"{gaps} of {len(values)} respondents have gaps, and pairwise moments give "
            "them no scores; fit with incomplete='em', or 'listwise' to leave them out"
        )
    own = answers.row_weights
    weights = own * (results.effective_n / own.sum())
    moments = results.moments
    scores = (values - moments.mean) / moments.sd @ results.estimates.weights
    scores = scores - np.average(scores, axis=0, weights=weights)
    spread = np.sqrt(np.average(scores**2, axis=0, weights=weights))
    return Sample(results, results.survey, answers, values, scores / spread, weights)


def _refusals(results: Results) -> list[str]:
    """Return why a fit's respondents can't be divided; empty if they can."""
    problems: list[str] = []
    if isinstance(results.estimates, CovarianceEstimates):
        problems.append(
            "covariance-based estimates have no weights that scores are made with; "
            "fit the model with csi.PLS()"
        )
    if not results.model.endogenous:
        problems.append(
            f"nothing is driven in model {results.model.name!r}, so that segments "
            "can't differ in it; give it paths"
        )
    if results.answers is not None and results.answers.names != results.model.items:
        problems.append(
            f"{type(results.estimator).__name__} adds items that nobody answered; "
            "fit the model without them"
        )
    return problems


def equal_parts(sample: Sample, k: int, seed: int, starts: int) -> IntArray:
    """Return random segments of equal sizes.

    Parameters
    ----------
    sample : Sample
        The respondents.
    k : int
        Number of segments.
    seed : int
        Seed; the draws for one number don't depend on those for others.
    starts : int
        Number of divisions.

    Returns
    -------
    ndarray of int of shape (starts, n)
        Segment of each respondent, from 0.
    """
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(k,)))
    n = len(sample.values)
    equal = np.tile(np.arange(n) * k // n, (starts, 1))
    return np.asarray(generator.permuted(equal, axis=1), dtype=np.int64)


def ranks_by_size(codes: IntArray, weights: FloatArray, k: int) -> IntArray:
    """Return the rank of each segment, the largest first.

    Parameters
    ----------
    codes : ndarray of int of shape (n,)
        Segment of each respondent.
    weights : ndarray of shape (n,)
        Weights of the respondents.
    k : int
        Number of segments.

    Returns
    -------
    ndarray of int of shape (k,)
        Ranks, from 0; of equal segments, the one with the first respondent leads.
    """
    size = np.bincount(codes, weights, minlength=k)
    first = np.full(k, len(codes))
    np.minimum.at(first, codes, np.arange(len(codes)))
    ranks = np.empty(k, dtype=np.int64)
    ranks[np.lexsort([first, -np.round(size, 9)])] = np.arange(k)
    return ranks


def starts_table(
    objective: FloatArray,
    iterations: IntArray,
    converged: BoolArray,
    agreement: FloatArray,
    lost: str,
) -> pd.DataFrame:
    """Return what became of each start.

    Parameters
    ----------
    objective : ndarray of shape (s,)
        What is maximised; NaN where a start came to nothing.
    iterations : ndarray of int of shape (s,)
        Iterations.
    converged : ndarray of bool of shape (s,)
        Whether it settled.
    agreement : ndarray of shape (s,)
        Adjusted Rand index with the division that is kept.
    lost : str
        Why a start comes to nothing.

    Returns
    -------
    DataFrame
        start, objective, iterations, converged, adjusted_rand, note.
    """
    usable = np.isfinite(objective)
    return pd.DataFrame(
        {
            "start": np.arange(1, len(objective) + 1),
            "objective": objective,
            "iterations": iterations,
            "converged": converged & usable,
            "adjusted_rand": np.where(usable, agreement, np.nan),
            "note": np.where(usable, "", lost),
        }
    )


def criteria_table(tried: Sequence[Division]) -> pd.DataFrame:
    """Return what judges the numbers of segments.

    Parameters
    ----------
    tried : sequence of Division
        A division into each number.

    Returns
    -------
    DataFrame
        k, n_smallest (respondents of the smallest segment), and the measures.
    """
    rows = [
        {
            "k": one.k,
            "n_smallest": int(np.bincount(one.codes, minlength=one.k).min()),
            **one.measures.to_dict(),
        }
        for one in tried
    ]
    return pd.DataFrame(rows)
