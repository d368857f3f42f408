"""Blindfolding: how well respondents left out are predicted (Stone-Geisser's Q2)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from csindex.diagnostics.options import whole_problems
from csindex.errors import SpecificationError
from csindex.estimation import Estimates, row_estimator
from csindex.kernels.arrays import FloatArray
from csindex.moments import Moments
from csindex.moments.incomplete import filled_values, moment_stack
from csindex.results import Results, one_fit
from csindex.survey import Answers

DISTANCE = 7


def q_squared(results: Results, distance: int = DISTANCE) -> pd.DataFrame:
    r"""Return the cross-validated redundancy of each endogenous construct.

    Parameters
    ----------
    results : Results
        A fit made from a survey.
    distance : int
        Every so many respondents one is left out, beginning with each of the first
        ``distance`` in turn.

    Returns
    -------
    DataFrame
        construct, q2 and note; where there is no value, the note says why.

    Raises
    ------
    SpecificationError
        If the distance isn't a whole number of 2 or more.

    Notes
    -----
    With estimates from the other respondents, the standardised answers of those left
    out are predicted from their scores of the construct's causes, and in the
    benchmark by the others' mean:

    .. math:: Q^2 = 1 - \frac{\sum (x_{ih} - \lambda_h \sum_k b_k y_{ik})^2}
        {\sum x_{ih}^2}

    Whole respondents are left out, so that nothing of a predicted answer is in the
    estimates and no gap has to be filled. The distance should not divide n where
    neighbours in the data belong together.

    It has no interval. A resample holds respondents twice, of whom one could be left
    out while the other is estimated from, which makes predictions look better than they
    are; and without that flaw each resample would cost as many fits as there are parts.
    `csindex.predict` tests predictions of respondents left out.

    References
    ----------
    Stone (1974), Journal of the Royal Statistical Society B 36(2); Geisser (1975),
    Journal of the American Statistical Association 70(350); Chin (1998), in
    Marcoulides, Modern Methods for Business Research.

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> bool((q_squared(results)["q2"] > 0).all())
    True
    """
    results = one_fit(results, "q_squared")
    if problems := list(whole_problems(2, distance=distance)):
        raise SpecificationError([f"q_squared: {p}" for p in problems])
    names = results.model.endogenous
    reason = ""
    if results.answers is None:
        reason = "respondents are left out, and the fit was made from moments"
    elif results.answers.incomplete.startswith("pairwise"):
        reason = "pairwise moments have no scores of respondents with gaps"
    elif results.answers.names != results.model.items:
        reason = "products of constructs aren't answers that could be left out"
    elif (n := len(results.answers.values)) < 2 * distance:
        reason = (
            f"{n} respondents are too few for distance {distance}, which needs "
            f"{2 * distance}; take one of {n // 2} or less"
        )
    if reason or results.answers is None or not names:
        return pd.DataFrame({"construct": names, "q2": np.nan, "note": reason})
    values = _shares(results, results.answers, int(distance))
    chosen = [results.model.construct_names.index(name) for name in names]
    note = "" if np.isfinite(values[chosen]).all() else "a fold could not be estimated"
    return pd.DataFrame({"construct": names, "q2": values[chosen], "note": note})


def _shares(results: Results, answers: Answers, distance: int) -> FloatArray:
    """Return the measure of every construct, shape (j,)."""
    n = len(answers.values)
    own = answers.row_weights
    left_out = np.arange(n) % distance == np.arange(distance)[:, None]
    estimates = _without(results, answers, np.where(left_out, 0.0, own))
    values = filled_values(answers, results.moments)
    moments, model = estimates.moments, estimates.model
    errors = np.zeros(len(model.constructs))
    benchmark = np.zeros(len(model.constructs))
    # one prediction per item, as weights of all standardised items: (d, p, p)
    onto = np.swapaxes(estimates.paths, -1, -2)
    predicted = estimates.weights @ onto @ np.swapaxes(estimates.loadings, -1, -2)
    for fold, rows in enumerate(left_out):
        z = (values[rows] - moments.mean[fold]) / moments.sd[fold]
        weights = own[rows, None]
        # one unit in all folds: the whole sample's standard deviation
        unit = (moments.sd[fold] / results.moments.sd) ** 2
        missed = (z - z @ predicted[fold]) ** 2 * weights
        errors += (missed.sum(axis=0) * unit) @ model.blocks
        benchmark += ((z**2 * weights).sum(axis=0) * unit) @ model.blocks
    return np.asarray(1 - errors / benchmark)


def _without(results: Results, answers: Answers, weights: FloatArray) -> Estimates:
    """Return the estimates by other weights (d, n) of the respondents."""
    rows = row_estimator(results.estimator)
    if rows is not None:
        return rows.estimate_answers(results.model, answers, weights)
    kept = (weights > 0).sum(axis=1)
    stack = moment_stack(answers, weights)
    base = results.moments
    made = Moments(base.names, stack.mean, stack.cov, kept, base.low, base.high)
    with np.errstate(invalid="ignore", divide="ignore"):
        return results.estimator.estimate(results.model, made)
