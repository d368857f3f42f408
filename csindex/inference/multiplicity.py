"""Many tests at once: p-values adjusted for their number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from csindex.errors import SpecificationError, quoted
from csindex.kernels.arrays import FloatArray

Adjustment = Literal["holm", "bh", "none"]


def adjusted(p: ArrayLike, adjust: Adjustment) -> FloatArray:
    """Adjust those of some p-values that are known.

    Parameters
    ----------
    p : array_like of shape (k,)
        p-values; NaN where there is none, which counts as no test.
    adjust : {"holm", "bh", "none"}
        Holm bounds the chance of any false finding, Benjamini-Hochberg the share of
        false ones among those found.

    Returns
    -------
    ndarray of shape (k,)
        Adjusted p-values; NaN stays NaN.

    Raises
    ------
    SpecificationError
        For an unknown adjustment, or anything but numbers from 0 to 1.

    Examples
    --------
    >>> adjusted([0.01, float("nan"), 0.03], "holm")
    array([0.02,  nan, 0.03])
    """
    check_adjustment(adjust)
    values = np.asarray(p, dtype=np.float64)
    known = ~np.isnan(values)
    found = np.full(values.shape, np.nan)
    found[known] = _ADJUSTMENTS[adjust](values[known])
    return found


def check_adjustment(adjust: object) -> None:
    """Refuse an unknown way to adjust p-values.

    Parameters
    ----------
    adjust : str
        Its name.

    Raises
    ------
    SpecificationError
        If it isn't known.
    """
    if adjust not in get_args(Adjustment):
        raise SpecificationError(
            f"unknown adjustment {adjust!r}; there are {quoted(get_args(Adjustment))}"
        )


def holm(p: ArrayLike) -> FloatArray:
    r"""Adjust p-values by Holm's step-down rule.

    Parameters
    ----------
    p : array_like of shape (k,)
        p-values.

    Returns
    -------
    ndarray of shape (k,)
        Adjusted p-values.

    Raises
    ------
    SpecificationError
        For anything but numbers from 0 to 1.

    Notes
    -----
    .. math:: \tilde p_{(i)} = \min(1, \max_{j \le i} (k - j + 1) p_{(j)})

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6(2).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    values, order = _ordered(p)
    factors = len(values) - np.arange(len(values))
    stepped = np.maximum.accumulate(values[order] * factors)
    return _returned(np.minimum(stepped, 1.0), order)


def benjamini_hochberg(p: ArrayLike) -> FloatArray:
    r"""Adjust p-values by the step-up rule of Benjamini and Hochberg.

    Parameters
    ----------
    p : array_like of shape (k,)
        p-values.

    Returns
    -------
    ndarray of shape (k,)
        Adjusted p-values.

    Raises
    ------
    SpecificationError
        For anything but numbers from 0 to 1.

    Notes
    -----
    .. math:: \tilde p_{(i)} = \min(1, \min_{j \ge i} (k / j) p_{(j)})

    References
    ----------
    Benjamini & Hochberg (1995), Journal of the Royal Statistical Society B 57(1).

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03])
    array([0.03, 0.04, 0.04])
    """
    values, order = _ordered(p)
    factors = len(values) / (1.0 + np.arange(len(values)))
    stepped = np.minimum.accumulate((values[order] * factors)[::-1])[::-1]
    return _returned(np.minimum(stepped, 1.0), order)


_ADJUSTMENTS: Mapping[str, Callable[[ArrayLike], FloatArray]] = {
    "holm": holm,
    "bh": benjamini_hochberg,
    "none": lambda p: np.asarray(p, dtype=np.float64),
}


def _ordered(p: ArrayLike) -> tuple[FloatArray, np.ndarray]:
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise SpecificationError("p-values are a list of numbers from 0 to 1")
    return values, np.argsort(values, kind="stable")


def _returned(stepped: FloatArray, order: np.ndarray) -> FloatArray:
    found = np.empty(len(stepped))
    found[order] = stepped
    return found
