"""From moments and answers to what covariance structures are fitted to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from csindex.estimation.cbsem.fitted import Sample
from csindex.estimation.cbsem.methods import Method
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.fourth import Cases
from csindex.moments import Moments
from csindex.survey import Answers


def sample_of(moments: Moments) -> Sample:
    """Return moments as one group's sample.

    Parameters
    ----------
    moments : Moments
        Moments with batch axes (...).

    Returns
    -------
    Sample
        A stack of as many members; at least one.
    """
    p = len(moments.names)
    return Sample(
        moments.cov.reshape((-1, p, p)),
        moments.mean.reshape((-1, p)),
        moments.n.reshape(-1).astype(np.float64),
    )


def cases_of(answers: Answers, means: bool, weights: FloatArray | None = None) -> Cases:
    """Return answers as the respondents of a sample.

    Parameters
    ----------
    answers : Answers
        Complete answers.
    means : bool
        Whether means are modelled.
    weights : ndarray of shape (n,), optional
        Weights of a resample, the answers' own times how often each was drawn.

    Returns
    -------
    Cases
        Weights have the sum n.
    """
    n = len(answers.values)
    own = answers.row_weights
    if weights is None:
        return Cases(answers.values, own * n / own.sum(), answers.clusters, None, means)
    counts = weights / own
    return Cases(
        answers.values, weights * counts.sum() / weights.sum(), None, counts, means
    )


def moment_weights(cases: Sequence[Cases], method: Method) -> FloatArray:
    """Return the weight of stacked moments in weighted least squares.

    Parameters
    ----------
    cases : sequence of Cases
        The respondents of b samples.
    method : Method
        WLS or DWLS.

    Returns
    -------
    ndarray of shape (b, s, s) or (b, s)
        Inverses of the asymptotic covariance of the moments, or of its diagonal; NaN
        where it can't be inverted.
    """
    if method.discrepancy == "DWLS":
        spread = np.stack([np.diagonal(case.gamma) for case in cases])
        with np.errstate(divide="ignore"):
            return np.where(spread > 0, 1 / spread, np.nan)
    found = []
    for case in cases:
        gamma = case.gamma
        try:
            np.linalg.cholesky(gamma)
            found.append(np.linalg.inv(gamma))
        except np.linalg.LinAlgError:
            found.append(np.full_like(gamma, np.nan))
    return np.stack(found)
