"""Missing answers: each treatment is a way to make moments, also of resamples.

A treatment takes answers with gaps and a stack of weights, and gives a stack of means
and covariances. A bootstrap therefore redoes the treatment in every resample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from csindex.errors import (
    ConvergenceWarning,
    DataError,
    quoted,
)
from csindex.kernels.arrays import BoolArray, FloatArray, IntArray, SingleArray
from csindex.kernels.em import EM_ITERATIONS, completed, em
from csindex.kernels.gaps import (
    INDEFINITE,
    PairSums,
    harmonic_size,
    mean_replaced,
    nearest_correlation,
    pair_sums,
    pairwise,
    smallest_eigenvalues,
)
from csindex.kernels.linalg import correlation
from csindex.kernels.moments import resampled, reweighted
from csindex.moments.cautions import (
    gap_cautions,
    nearest_distance,
    pair_cautions,
    pair_messages,
    pair_refusal,
)
from csindex.moments.dependence import dependent_items
from csindex.moments.moments import Moments
from csindex.moments.samples import group_problems, moments_of
from csindex.survey import Answers, Incomplete


@dataclass(frozen=True, eq=False)
class MomentStack:
    """Means and covariances of many reweightings of the same answers.

    Attributes
    ----------
    mean : ndarray of shape (b, p)
        Means.
    cov : ndarray of shape (b, p, p)
        Covariances with divisor n - 1; NaN where the treatment failed.
    n : ndarray of int of shape (b,)
        Numbers of respondents; for pairwise moments the harmonic mean of the numbers
        who answered two items, over all pairs of items.
    converged : ndarray of bool of shape (b,)
        Whether the treatment's iterations settled.
    """

    mean: FloatArray
    cov: FloatArray
    n: IntArray
    converged: BoolArray


Treat = Callable[[FloatArray, FloatArray, FloatArray], MomentStack]


@dataclass(frozen=True)
class Treatment:
    """A treatment of missing answers.

    Attributes
    ----------
    words : str
        What it does, for print.
    stack : callable
        From values (n, p) with NaN, weights (b, n) and the numbers of respondents
        (b,) to a `MomentStack`.
    """

    words: str
    stack: Treat


@dataclass(frozen=True, eq=False)
class Treated:
    """The moments of one sample, and what its treatment has to tell.

    Attributes
    ----------
    moments : Moments
        The moments.
    converged : bool
        Whether the treatment's iterations settled.
    cautions : tuple of Warning
        Why they have to be used with care.
    """

    moments: Moments
    converged: bool = True
    cautions: tuple[Warning, ...] = ()


def moment_stack(
    answers: Answers, weights: FloatArray | SingleArray, size: float | None = None
) -> MomentStack:
    """Return the moments of many reweightings of the same respondents.

    Parameters
    ----------
    answers : Answers
        The answers, and how their gaps are treated.
    weights : ndarray of shape (b, n)
        One row of weights, or of counts times sampling weights, per resample; whole
        numbers, if they have single precision.
    size : float, optional
        Number of respondents that each row of weights stands for; all, if None.

    Returns
    -------
    MomentStack
        The moments, treated anew in each member.
    """
    n = float(len(answers.values) if size is None else size)
    sizes = np.full(len(weights), n)
    if answers.incomplete == "listwise":
        return _listwise(answers.values, weights, sizes)
    precise = weights.astype(np.float64, copy=False)
    return TREATMENTS[answers.incomplete].stack(answers.values, precise, sizes)


def moments_reweighted(answers: Answers, rows: slice, change: float) -> MomentStack:
    """Return the moments after changing the weight of each one of some respondents.

    Parameters
    ----------
    answers : Answers
        The answers, and how their gaps are treated.
    rows : slice
        The b respondents whose weights change, one at a time.
    change : float
        Relative change of the weight; minus one leaves the respondent out.

    Returns
    -------
    MomentStack
        The moments.
    """
    n = len(answers.values)
    left = n - 1 if change == -1 else n
    if answers.incomplete == "listwise":
        mean, cov = reweighted(answers.values, answers.weights, rows, change)
        return _whole(mean, cov, np.full(len(mean), float(left)))
    changed = np.arange(n)[rows]
    own = answers.row_weights
    weights = np.where(np.arange(n) == changed[:, None], (1.0 + change) * own, own)
    return moment_stack(answers, weights, size=left)


def treated(answers: Answers) -> Treated:
    """Return the moments of answers that may have gaps.

    Parameters
    ----------
    answers : Answers
        The answers, and how their gaps are treated; without `answer_problems`.

    Returns
    -------
    Treated
        The moments, and what is to be told about them.

    Raises
    ------
    DataError
        If the treatment gives no correlations that answers can have.
    """
    if answers.incomplete == "listwise":
        return Treated(moments_of(answers))
    own = answers.row_weights
    stack = moment_stack(answers, own[None])
    if problem := _problem(answers, stack):
        raise DataError(problem)
    ends = np.column_stack([answers.low, answers.high])
    weights = np.array([own.sum(), (own**2).sum()])
    return Treated(
        stack_moments(answers.names, stack, ends, weights, answers.flow),
        bool(stack.converged[0]),
        (*_many_gaps(answers), *_cautions(answers, stack)),
    )


def stack_moments(
    names: Sequence[str],
    stack: MomentStack,
    ends: FloatArray,
    weights: FloatArray,
    flow: Sequence[tuple[str, int]],
) -> Moments:
    """Return the moments of a stack of one.

    Parameters
    ----------
    names : sequence of str
        The items.
    stack : MomentStack
        The stack.
    ends : ndarray of shape (p, 2)
        Ends of the answer scales; NaN where they aren't known.
    weights : ndarray of shape (2,)
        Sum of the respondents' weights, and of their squares.
    flow : sequence of (str, int)
        The sample flow.

    Returns
    -------
    Moments
        The moments; with pairwise ones, no more effective respondents than their n.
    """
    total, squares = weights
    n = stack.n[0]
    return Moments(
        names,
        stack.mean[0],
        stack.cov[0],
        n,
        ends[:, 0],
        ends[:, 1],
        flow=flow,
        weight=total,
        squares=max(squares, total**2 / n),
    )


def answer_problems(answers: Answers) -> list[str]:
    """Return why the moments of a sample can't be made.

    Parameters
    ----------
    answers : Answers
        The answers, and how their gaps are treated.

    Returns
    -------
    list of str
        Too few respondents, constant items, and pairs of items that nobody, or
        nobody whose answers vary, answered both of; empty when all is well.
    """
    if answers.incomplete == "listwise":
        return group_problems(answers)
    n, p = answers.values.shape
    if n <= p:
        return [f"{n} respondents for {p} items; more than {p} are needed"]
    known = ~np.isnan(answers.values)
    low = np.where(known, answers.values, np.inf).min(axis=0)
    high = np.where(known, answers.values, -np.inf).max(axis=0)
    silent = _named(answers, low > high)
    constant = _named(answers, low == high)
    problems = [f"item {quoted(silent)} has no answers"] if silent else []
    problems += [f"item {quoted(constant)} is constant"] if constant else []
    return problems or _pair_problems(answers)


def in_words(answers: Answers) -> str:
    """Return what was done about missing answers.

    Parameters
    ----------
    answers : Answers
        The answers, and how their gaps are treated.

    Returns
    -------
    str
        The treatment; with the distance of a nearest correlation matrix.
    """
    words = TREATMENTS[answers.incomplete].words
    if answers.incomplete != "pairwise_nearest":
        return words
    distance = nearest_distance(_observed_pairs(answers))
    return f"{words}, Frobenius distance {distance:.3g}" if distance else words


def filled_values(answers: Answers, moments: Moments) -> FloatArray:
    """Return the answers that a respondent's score is computed from.

    Parameters
    ----------
    answers : Answers
        The answers, and how their gaps are treated.
    moments : Moments
        Their moments.

    Returns
    -------
    ndarray of shape (n, p)
        Gaps hold the item's mean (mean replacement) or the expectation given the
        respondent's other answers (EM); pairwise deletion leaves them NaN.
    """
    values = answers.values
    if answers.incomplete == "mean":
        return np.where(np.isnan(values), moments.mean, values)
    if answers.incomplete == "em":
        return completed(values, moments.mean, moments.cov)
    return values


def _listwise(
    values: FloatArray, weights: FloatArray | SingleArray, size: FloatArray
) -> MomentStack:
    mean, cov = resampled(values, weights)
    return _whole(mean, cov, size)


def pair_stack(
    sums: PairSums, centre: FloatArray, size: FloatArray, incomplete: Incomplete
) -> MomentStack:
    """Return the moments that sums over pairs of items tell.

    Parameters
    ----------
    sums : PairSums of shape (b, p, p)
        The sums.
    centre : ndarray of shape (p,)
        What was subtracted from the answers before they were summed.
    size : ndarray of shape (b,)
        Numbers of respondents.
    incomplete : {"mean", "pairwise", "pairwise_nearest"}
        How gaps are treated.

    Returns
    -------
    MomentStack
        The moments; NaN covariances where no answers can have the pairwise ones.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        if incomplete == "mean":
            cov = mean_replaced(sums) * _unbiased(size)
            return _whole(sums.mean + centre, cov, size)
        made = _whole(sums.mean + centre, pairwise(sums, size), _harmonic(sums, size))
    smallest = smallest_eigenvalues(made.cov)
    if incomplete == "pairwise":
        made.cov[~(smallest >= INDEFINITE)] = np.nan
    else:
        _mend(made.cov, np.flatnonzero(smallest < INDEFINITE))
    return made


def _mend(cov: FloatArray, mended: IntArray) -> None:
    """Put the nearest covariances that answers can have in the place of some."""
    if mended.size:
        corr, sd = correlation(cov[mended])
        spread = sd[:, :, None] * sd[:, None, :]
        cov[mended] = nearest_correlation(corr) * spread


def _by_pairs(incomplete: Incomplete) -> Treat:
    def stack(values: FloatArray, weights: FloatArray, size: FloatArray) -> MomentStack:
        centre = _centre(values)
        with np.errstate(invalid="ignore", divide="ignore"):
            sums = pair_sums(values - centre, weights)
        return pair_stack(sums, centre, size, incomplete)

    return stack


def _em(values: FloatArray, weights: FloatArray, size: FloatArray) -> MomentStack:
    with np.errstate(invalid="ignore", divide="ignore"):
        found = em(values, weights)
    made = _whole(found.mean, found.cov * _unbiased(size), size)
    return MomentStack(made.mean, made.cov, made.n, found.converged)


def _harmonic(sums: PairSums, size: FloatArray) -> FloatArray:
    return np.nan_to_num(harmonic_size(sums, size))


def _whole(mean: FloatArray, cov: FloatArray, n: FloatArray) -> MomentStack:
    counts = np.maximum(np.rint(n), 2).astype(np.int64)
    return MomentStack(mean, cov, counts, np.ones(len(mean), dtype=np.bool_))


def _unbiased(size: FloatArray) -> FloatArray:
    return np.asarray(size / (size - 1))[:, None, None]


def _centre(values: FloatArray) -> FloatArray:
    """Return means of the answers that exist, shape (p,)."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(known.sum(axis=0), 1))


def _problem(answers: Answers, stack: MomentStack) -> str:
    """Return why the moments of one sample can't be used; empty if they can."""
    if not np.isnan(stack.cov).any():
        return ""
    if answers.incomplete.startswith("pairwise"):
        return pair_refusal(_observed_pairs(answers), answers.incomplete)
    reasons = dependent_items(answers.values, answers.names)
    return "the covariance matrix of the normal model became singular: " + (
        "; ".join(reasons) or "too many answers are missing; leave items out"
    )


def _cautions(answers: Answers, stack: MomentStack) -> list[Warning]:
    """Return why the moments of one sample have to be used with care."""
    if not stack.converged[0]:
        return [
            ConvergenceWarning(
                f"EM did not converge in {EM_ITERATIONS} iterations: too many answers "
                "are missing, or items depend on each other; leave items out, and "
                "don't report these numbers as they stand"
            )
        ]
    if answers.incomplete == "pairwise_nearest":
        return pair_cautions(_observed_pairs(answers))
    return []


def _observed_pairs(answers: Answers) -> FloatArray:
    """Return pairwise covariances (1, p, p) as they come, whatever their roots."""
    n = len(answers.values)
    own = answers.row_weights
    with np.errstate(invalid="ignore", divide="ignore"):
        sums = pair_sums(answers.values - _centre(answers.values), own[None])
        return pairwise(sums, np.array([float(n)]))


def _many_gaps(answers: Answers) -> list[Warning]:
    return gap_cautions(answers.names, np.isnan(answers.values).mean(axis=0))


def _pair_problems(answers: Answers) -> list[str]:
    """Return the pairs of items about whose covariance the answers say nothing."""
    values = answers.values
    known = ~np.isnan(values)
    together = known.T.astype(np.float64) @ known
    names = answers.names
    never: list[str] = []
    dull: list[str] = []
    for i, k in zip(*np.nonzero(np.triu(together < len(values), k=1)), strict=True):
        both = known[:, i] & known[:, k]
        pair = f"{names[i]} and {names[k]}"
        if together[i, k] < 2:
            never.append(pair)
            continue
        if answers.incomplete != "mean":
            spread = np.ptp(values[both][:, [i, k]], axis=0)
            dull += [
                f"{pair} ({names[item]})"
                for item, width in zip((i, k), spread, strict=True)
                if width == 0
            ]
    return pair_messages(never, dull)


def _named(answers: Answers, chosen: BoolArray) -> list[str]:
    return [
        name for name, flag in zip(answers.names, chosen, strict=True) if bool(flag)
    ]


TREATMENTS: Mapping[Incomplete, Treatment] = {
    "listwise": Treatment("respondents with all items (listwise)", _listwise),
    "pairwise": Treatment(
        "every two items from those who answered both (pairwise)",
        _by_pairs("pairwise"),
    ),
    "pairwise_nearest": Treatment(
        "every two items from those who answered both (pairwise), nearest correlation "
        "matrix",
        _by_pairs("pairwise_nearest"),
    ),
    "mean": Treatment("replaced by the item's mean", _by_pairs("mean")),
    "em": Treatment("normal model, maximum likelihood (EM)", _em),
}
