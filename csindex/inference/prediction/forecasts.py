"""Errors of prediction, respondent by respondent, in and out of sample."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from csindex.errors import DataError
from csindex.estimation import Estimates
from csindex.estimation.moderated import ModeratedEstimates
from csindex.estimation.term_items import TermItems
from csindex.inference.permutation import fold_estimates
from csindex.inference.resampling import Plan
from csindex.inference.stack import Draws
from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.prediction import (
    input_items,
    linear_predictors,
    path_predictors,
)
from csindex.kernels.threads import one_thread
from csindex.model import Model
from csindex.results import Results
from csindex.survey import Answers


@dataclass(frozen=True, eq=False)
class Losses:
    """Errors of prediction of n respondents, mean over the repeats.

    Attributes
    ----------
    targets : ndarray of int of shape (q,)
        Positions of the predicted items among the model's.
    used : ndarray of bool of shape (n,)
        Respondents with all answers, who are predicted.
    model, linear, mean : ndarray of shape (n, q)
        Squared errors of the items: of the model, of linear regressions, of the mean.
    model_absolute, linear_absolute, mean_absolute : ndarray of shape (n, q)
        Absolute errors.
    scores, scores_mean : ndarray of shape (n, k)
        Squared errors of the standardised scores of the constructs that are driven:
        of the model, and of the mean.
    scores_absolute : ndarray of shape (n, k)
        Absolute errors of the model.
    """

    targets: IntArray
    used: BoolArray
    model: FloatArray
    linear: FloatArray
    mean: FloatArray
    model_absolute: FloatArray
    linear_absolute: FloatArray
    mean_absolute: FloatArray
    scores: FloatArray
    scores_mean: FloatArray
    scores_absolute: FloatArray


@dataclass(frozen=True, eq=False)
class Forecasts:
    """Predictions, and their errors.

    Attributes
    ----------
    predicted : ndarray of shape (n, q)
        Predicted answers, mean over the repeats.
    scores : ndarray of shape (n, k)
        Predicted standardised scores.
    losses : Losses
        The errors.
    unconverged : int
        Estimates that did not converge.
    """

    predicted: FloatArray
    scores: FloatArray
    losses: Losses
    unconverged: int = 0


@dataclass(frozen=True, eq=False)
class _Rules:
    """How f training samples predict, from deviations of p items from their means.

    The items of terms are among the p; they follow from answers by the training sample.

    Attributes
    ----------
    mean : ndarray of shape (f, p)
        Means of the items.
    items, linear : ndarray of shape (f, p, q)
        Coefficients of the q predicted items: of the model, and of regressions.
    scores, expected : ndarray of shape (f, p, k)
        Coefficients of the scores of the constructs that are driven: as they are, and
        as the model predicts them.
    terms : tuple of TermItems
        How the items of terms follow from answers, one rule for each sample; empty in
        a model without terms.
    """

    mean: FloatArray
    items: FloatArray
    linear: FloatArray
    scores: FloatArray
    expected: FloatArray
    terms: tuple[TermItems, ...]

    def stacked(self) -> _Rules:
        """Return the rule of one sample, without batch axes, as a stack of one."""
        return _Rules(
            self.mean[None],
            self.items[None],
            self.linear[None],
            self.scores[None],
            self.expected[None],
            self.terms,
        )

    def items_of(self, answers: FloatArray, rule: int) -> FloatArray:
        """Return all items of some respondents, as one sample makes them."""
        return self.terms[rule].beside(answers) if self.terms else answers


def cross_validated(
    results: Results, answers: Answers, folds: IntArray, earliest: bool
) -> Forecasts:
    """Return predictions of every respondent by the others.

    Parameters
    ----------
    results : Results
        The fit.
    answers : Answers
        Its n respondents.
    folds : ndarray of int of shape (r, n)
        Fold of each respondent, from 0, in every repeat.
    earliest : bool
        Whether scores are predicted from exogenous constructs only.

    Returns
    -------
    Forecasts
        The predictions.

    Raises
    ------
    DataError
        If too few respondents are left without a fold, or some can't be estimated.
    """
    count = int(folds.max()) + 1
    _check_training(len(results.model.items), folds, count)
    draws = Draws(results, answers, Plan(0, 0), None)
    parts: list[_Rules] = []
    unconverged = lost = done = 0
    with one_thread():
        for chunk in fold_estimates(draws, folds):
            made = chunk()
            unconverged += int((~made.converged).sum())
            lost += int((~made.admissible).sum())
            members = np.arange(done, done + len(made.converged))
            parts.append(_rules(made, earliest, _rescaled(folds, members, count)))
            done += len(members)
    if lost:
        raise DataError(
            f"{lost} of {done} parts of the sample can't be estimated: without a fold "
            "some item is constant, or items say the same; ask for more folds, or "
            "leave such items out"
        )
    rules = _together(parts)
    members = folds + count * np.arange(len(folds))[:, None]
    found = _forecasts(results.model, answers, rules, members)
    return replace(found, unconverged=unconverged)


def in_sample(results: Results, answers: Answers, earliest: bool) -> Forecasts:
    """Return predictions of every respondent by everyone.

    Parameters
    ----------
    results : Results
        The fit.
    answers : Answers
        Its n respondents.
    earliest : bool
        Whether scores are predicted from exogenous constructs only.

    Returns
    -------
    Forecasts
        The predictions.
    """
    made = _rules(results.estimates, earliest, np.ones(()))
    members = np.zeros((1, len(answers.values)), dtype=np.int64)
    return _forecasts(results.model, answers, made, members)


def _check_training(p: int, folds: IntArray, count: int) -> None:
    n = folds.shape[1]
    largest = max(int(np.bincount(row, minlength=count).max()) for row in folds)
    if n - largest <= p:
        raise DataError(
            f"{n - largest} respondents are left to fit {p} items to without the "
            f"largest fold; more than {p} are needed, so ask for more folds"
        )


def _rescaled(folds: IntArray, members: IntArray, count: int) -> FloatArray:
    """Return what standard deviations have to be multiplied with, by member.

    The stack's covariances have the divisor of everyone, not of the training sample.
    """
    n = folds.shape[1]
    sizes = np.stack([n - np.bincount(row, minlength=count) for row in folds])
    own = sizes.ravel()[members]
    return np.asarray(np.sqrt(own / (own - 1) * (n - 1) / n))


def _rules(made: Estimates, earliest: bool, factor: FloatArray) -> _Rules:
    """Return the rules of a stack of estimates, or of one set as a stack of one."""
    model, moments = made.model, made.moments
    found = path_predictors(
        made.weights, made.loadings, made.paths, moments.sd, model.structure, earliest
    )
    targets, driven = target_items(model), driven_constructs(model)
    linear = linear_predictors(
        moments.cov, input_items(model.blocks, model.structure, earliest)
    )
    scale = factor[..., None, None]
    rules = _Rules(
        moments.mean,
        found.items[..., targets],
        linear[..., targets],
        found.scores[..., driven] / scale,
        found.expected[..., driven] / scale,
        _terms(made),
    )
    return rules if moments.batch else rules.stacked()


def _terms(made: Estimates) -> tuple[TermItems, ...]:
    """Return how each member of a stack, or the only one, makes the items of terms."""
    if not isinstance(made, ModeratedEstimates):
        return ()
    every = made.term_items
    if not made.moments.batch:
        return (every,)
    return tuple(every[position] for position in range(len(made.converged)))


def _together(parts: list[_Rules]) -> _Rules:
    """Return the rules of several stacks as those of one."""
    return _Rules(
        np.concatenate([part.mean for part in parts]),
        np.concatenate([part.items for part in parts]),
        np.concatenate([part.linear for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.expected for part in parts]),
        tuple(own for part in parts for own in part.terms),
    )


def _forecasts(
    model: Model, answers: Answers, rules: _Rules, members: IntArray
) -> Forecasts:
    """Return the forecasts, given the rule (r, n) that predicts each respondent."""
    targets, driven = target_items(model), driven_constructs(model)
    used = np.asarray(~np.isnan(answers.values).any(axis=1))
    n, q, k = len(used), len(targets), len(driven)
    sums = {
        name: np.zeros((n, k if name.startswith("scores") else q))
        for name in Losses.__dataclass_fields__
        if name not in ("targets", "used")
    }
    predicted, scores = np.zeros((n, q)), np.zeros((n, k))
    for row in members:
        order = np.argsort(row, kind="stable")
        ends = np.flatnonzero(np.diff(row[order])) + 1
        for own in np.split(order, ends):
            rule = row[own[0]]
            apart = rules.items_of(answers.values[own], rule) - rules.mean[rule]
            by_model = apart @ rules.items[rule]
            expected = apart @ rules.expected[rule]
            predicted[own] += rules.mean[rule, targets] + by_model
            scores[own] += expected
            observed = apart[:, targets]
            actual = apart @ rules.scores[rule]
            for name, errors in (
                ("model", observed - by_model),
                ("linear", observed - apart @ rules.linear[rule]),
                ("mean", observed),
                ("scores", actual - expected),
            ):
                sums[name][own] += errors**2
                sums[f"{name}_absolute"][own] += np.abs(errors)
            sums["scores_mean"][own] += actual**2
    repeats = len(members)
    means = {name: total / repeats for name, total in sums.items()}
    losses = Losses(targets, used, **means)
    return Forecasts(predicted / repeats, scores / repeats, losses)


def target_items(model: Model) -> IntArray:
    """Return the positions of the items of constructs that are driven.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    ndarray of int of shape (q,)
        Positions among the model's items.
    """
    return np.flatnonzero(model.blocks[:, driven_constructs(model)].any(axis=1))


def driven_constructs(model: Model) -> IntArray:
    """Return the positions of the constructs that are driven.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    ndarray of int of shape (k,)
        Positions among the model's constructs.
    """
    names = model.construct_names
    return np.array([names.index(name) for name in model.endogenous], dtype=np.int64)
