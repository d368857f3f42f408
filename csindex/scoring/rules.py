"""Indices that are scoring rules, not models: KCSI and UKCSI."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from csindex.errors import DataError, SpecificationError, unknown
from csindex.kernels.arrays import FloatArray

Version = Literal["current", "2002"]

# shares of overall satisfaction, elements and repurchase intention
_KCSI: dict[Version, tuple[float, float, float]] = {
    "current": (0.30, 0.50, 0.20),
    "2002": (0.40, 0.40, 0.20),
}
# answers of the seven that count as satisfied
_TOP_TWO = 6


def kcsi_score(
    overall: ArrayLike,
    elements: ArrayLike,
    repurchase: ArrayLike,
    version: Version = "current",
    weights: ArrayLike | None = None,
) -> float:
    r"""Return the Korean Customer Satisfaction Index of KMAC.

    Parameters
    ----------
    overall : array_like of shape (n,)
        Overall satisfaction, 1 to 7; NaN for no answer.
    elements : array_like of shape (n,) or (n, k)
        Satisfaction with k elements, 1 to 7.
    repurchase : array_like of shape (n,)
        Intention to buy again, 1 to 7.
    version : {"current", "2002"}
        Which shares: 30, 50 and 20 percent now; 40, 40 and 20 percent in 2002.
    weights : array_like of shape (n,), optional
        Sampling weights.

    Returns
    -------
    float
        The index, 0 to 100.

    Raises
    ------
    DataError
        With every problem of the answers: values outside 1 to 7, shapes that don't
        fit each other, a question without answers.
    SpecificationError
        For an unknown version.

    Notes
    -----
    .. math:: 100 \left(.3\,t_{overall} + .5\,\frac{1}{k}\sum_e t_e
        + .2\,t_{repurchase}\right)

    with t the share of answers 6 and 7 among those who answered. That all elements
    count alike is inferred; the rule as published only names their sum.

    References
    ----------
    KMAC, Korean Customer Satisfaction Index, structure of the survey.

    Examples
    --------
    >>> round(kcsi_score([7, 6, 5, 4], [6, 6, 6, 1], [7, 7, 7, 7]), 6)
    72.5
    """
    if problems := unknown("version", [version], get_args(Version), "of KCSI"):
        raise SpecificationError(problems)
    given = {"overall": overall, "elements": elements, "repurchase": repurchase}
    tables, share = _answers(given, weights, 1, 7)
    parts = [
        _means(np.where(np.isnan(t), np.nan, t >= _TOP_TWO), share).mean()
        for t in tables
    ]
    return float(100 * np.dot(_KCSI[version], parts))


def ukcsi_score(ratings: ArrayLike, weights: ArrayLike | None = None) -> float:
    r"""Return the UK Customer Satisfaction Index.

    Parameters
    ----------
    ratings : array_like of shape (n,) or (n, k)
        Ratings of k aspects, 1 to 10; NaN for no answer.
    weights : array_like of shape (n,), optional
        Sampling weights.

    Returns
    -------
    float
        The index. It runs from 10 to 100, so that it can't be compared with an index
        from 0 to 100.

    Raises
    ------
    DataError
        With every problem of the answers: values outside 1 to 10, shapes that don't
        fit each other, a question without answers.

    Notes
    -----
    .. math:: 10 \, \frac{1}{k} \sum_a \bar x_a

    References
    ----------
    Institute of Customer Service, UK Customer Satisfaction Index.

    Examples
    --------
    >>> ukcsi_score([[8, 7], [9, 6]])
    75.0
    """
    (table,), share = _answers({"ratings": ratings}, weights, 1, 10)
    return float(10 * _means(table, share).mean())


def _answers(
    given: dict[str, ArrayLike], weights: ArrayLike | None, low: int, high: int
) -> tuple[list[FloatArray], FloatArray]:
    """Return answers as tables (n, k), and weights (n,), or refuse them."""
    problems: list[str] = []
    tables: list[FloatArray] = []
    for name, values in given.items():
        try:
            table = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            problems.append(f"{name} must be numbers, one row per respondent")
            continue
        if table.ndim not in (1, 2) or not table.size:
            problems.append(
                f"{name} has shape {table.shape}; give one row per respondent"
            )
            continue
        table = table.reshape(len(table), -1)
        tables.append(table)
        if np.isnan(table).all(axis=0).any():
            problems.append(f"{name} has a question that nobody answered; leave it out")
        wrong = table[~np.isnan(table) & ~((table >= low) & (table <= high))]
        if wrong.size:
            problems.append(
                f"{name} has answers outside {low} to {high}, as {wrong[0]:g}; mend "
                "them, or set codes of no answer to NaN"
            )
    sizes = {len(table) for table in tables}
    if len(sizes) > 1:
        problems.append(f"the answers are of {sorted(sizes)} respondents; give all")
    share = np.ones(max(sizes, default=1))
    if weights is not None:
        share = np.asarray(weights, dtype=np.float64)
        if share.shape != (max(sizes, default=1),) or not (share > 0).all():
            problems.append("weights must be positive, one per respondent")
    if problems:
        raise DataError(problems)
    return tables, share


def _means(table: FloatArray, share: FloatArray) -> FloatArray:
    """Return the weighted mean of each column's answers, shape (k,)."""
    known = ~np.isnan(table)
    total = (known * share[:, None]).sum(axis=0)
    sums = (np.where(known, table, 0.0) * share[:, None]).sum(axis=0)
    return np.asarray(sums / total)
