"""What has to be told about moments of answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from csindex.errors import AnswersWarning, InadmissibleWarning, quoted
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.gaps import INDEFINITE, nearest_correlation, smallest_eigenvalues
from csindex.kernels.linalg import correlation
from csindex.survey import Incomplete

# an item without more than this share of its answers is warned of
MANY_GAPS = 0.5
# items that correlate beyond this are taken for one item given twice
IDENTICAL = 0.999999


def pair_refusal(observed: FloatArray, incomplete: Incomplete) -> str:
    """Return why pairwise covariances can't be used.

    Parameters
    ----------
    observed : ndarray of shape (1, p, p)
        The covariances as they were observed.
    incomplete : {"pairwise", "pairwise_nearest"}
        The treatment that gave none.

    Returns
    -------
    str
        The reason.
    """
    if incomplete == "pairwise_nearest":
        return "no nearest correlation matrix was found; use incomplete='em'"
    smallest = float(smallest_eigenvalues(observed)[0])
    return (
        "the pairwise correlations are not positive definite: no answers have "
        f"such correlations, their smallest eigenvalue is {smallest:.3g}; use "
        "incomplete='em' or 'mean', leave items with many gaps out, or take "
        "the nearest matrix with incomplete='pairwise_nearest'"
    )


def pair_cautions(observed: FloatArray) -> list[Warning]:
    """Return the warning that a nearest correlation matrix was taken, if it was.

    Parameters
    ----------
    observed : ndarray of shape (1, p, p)
        The pairwise covariances as they were observed.

    Returns
    -------
    list of Warning
        One or none, with the distance.
    """
    if not (distance := nearest_distance(observed)):
        return []
    return [
        InadmissibleWarning(
            "the pairwise correlations are not positive definite; the nearest "
            f"correlation matrix, at Frobenius distance {distance:.3g}, takes "
            "their place"
        )
    ]


def nearest_distance(observed: FloatArray) -> float:
    """Return how far the nearest correlation matrix is.

    Parameters
    ----------
    observed : ndarray of shape (1, p, p)
        The pairwise covariances as they were observed.

    Returns
    -------
    float
        Frobenius distance of the correlations; zero if no nearest one was needed.
    """
    if not smallest_eigenvalues(observed)[0] < INDEFINITE:
        return 0.0
    corr, _ = correlation(observed)
    return float(np.linalg.norm((nearest_correlation(corr) - corr)[0]))


def gap_cautions(names: Sequence[str], share: FloatArray) -> list[Warning]:
    """Return the warning that items lack most of their answers, if some do.

    Parameters
    ----------
    names : sequence of str
        The items.
    share : ndarray of shape (p,)
        Share of the respondents without an answer.

    Returns
    -------
    list of Warning
        One or none.
    """
    told = [
        f"{name!r} ({part:.0%})"
        for name, part in zip(names, share, strict=True)
        if part > MANY_GAPS
    ]
    if not told:
        return []
    return [
        AnswersWarning(
            f"more than half of the answers are missing in {', '.join(told)}; what is "
            "said about them rests on the rest"
        )
    ]


def have_copies(corr: FloatArray) -> BoolArray:
    """Return which samples have items that are copies of each other.

    Parameters
    ----------
    corr : ndarray of shape (..., p, p)
        Correlations of the items.

    Returns
    -------
    ndarray of bool of shape (...)
        Whether `copied_pairs` finds any.
    """
    # every item is a copy of itself
    alike = (np.abs(corr) > IDENTICAL).sum(axis=(-2, -1))
    return np.asarray(alike > corr.shape[-1])


def copied_pairs(names: Sequence[str], corr: FloatArray) -> list[str]:
    """Return the pairs of items that are copies of each other.

    Parameters
    ----------
    names : sequence of str
        The items.
    corr : ndarray of shape (p, p)
        Their correlations.

    Returns
    -------
    list of str
        Each pair, as ``"a and b"``.
    """
    first, second = np.nonzero(np.triu(np.abs(corr) > IDENTICAL, k=1))
    alike = zip(first.tolist(), second.tolist(), strict=True)
    return [f"{names[i]} and {names[k]}" for i, k in alike]


def copy_cautions(names: Sequence[str], corr: FloatArray) -> list[Warning]:
    """Return the warning that items are copies of each other, if some are.

    Parameters
    ----------
    names : sequence of str
        The items.
    corr : ndarray of shape (p, p)
        Their correlations.

    Returns
    -------
    list of Warning
        One or none, with every pair.

    Examples
    --------
    >>> corr = np.array([[1.0, 0.3, -1.0], [0.3, 1.0, -0.3], [-1.0, -0.3, 1.0]])
    >>> [str(told)[:31] for told in copy_cautions(["a", "b", "c"], corr)]
    ["items 'a and c' say the same (|"]
    """
    pairs = copied_pairs(names, corr)
    if not pairs:
        return []
    return [
        AnswersWarning(
            f"items {quoted(pairs)} say the same (|r| > {IDENTICAL}), so that one "
            "answer counts twice, in weights, reliabilities and paths; leave one of "
            "each pair out, or look whether a column was made from the other"
        )
    ]


def pair_messages(never: Sequence[str], dull: Sequence[str]) -> list[str]:
    """Return why nothing is known about the covariance of some pairs of items.

    Parameters
    ----------
    never, dull : sequence of str
        Pairs that fewer than two respondents answered both of, and pairs with an
        item that doesn't vary among those who did.

    Returns
    -------
    list of str
        The reasons; empty when there is none.
    """
    problems: list[str] = []
    if never:
        problems.append(
            f"items {quoted(never)} were not answered together by two respondents or "
            "more, so that nothing is known about their covariance; leave one of each "
            "pair out"
        )
    if dull:
        problems.append(
            f"among those who answered both of {quoted(dull)} the item in brackets "
            "is constant, so that nothing is known about their covariance; leave one "
            "of each pair out"
        )
    return problems
