"""What can be wrong with moments that are given."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from csindex.errors import quoted
from csindex.kernels.arrays import FloatArray

# rounding of a sum of squared weights, as a share
UNEQUAL = 1e-6


def name_problems(names: Sequence[str]) -> list[str]:
    """Return what is wrong with names of items.

    Parameters
    ----------
    names : sequence of str
        The names.

    Returns
    -------
    list of str
        Something that isn't a list of texts, no items, or one item twice.
    """
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        return [f"names must be a list of texts, as ['q1', 'q2'], not {names!r}"]
    if len(names) == 0:
        return ["there are no items; give their names"]
    if len(set(names)) < len(names):
        listed = list(names)
        repeated = [name for name in dict.fromkeys(names) if listed.count(name) > 1]
        return [f"several items have the name {quoted(repeated)}; name each once"]
    return []


def shape_problems(
    size: int,
    means: FloatArray,
    covs: FloatArray,
    sizes: FloatArray,
    labels: Sequence[Hashable],
) -> list[str]:
    """Return what doesn't fit in the shapes of moments.

    Parameters
    ----------
    size : int
        Number of items.
    means, covs, sizes : ndarray
        Means, covariances and numbers of respondents.
    labels : sequence
        Labels of the stack's members.

    Returns
    -------
    list of str
        Shapes that differ, numbers of respondents that aren't, too many labels.
    """
    problems: list[str] = []
    batch = means.shape[:-1]
    if means.shape[-1:] != (size,):
        problems.append(
            f"mean has shape {means.shape}; {size} names need (..., {size})"
        )
    if covs.shape != (*batch, size, size):
        problems.append(
            f"cov has shape {covs.shape}; {size} names and such a mean need "
            f"{(*batch, size, size)}"
        )
    if sizes.shape not in ((), batch):
        problems.append(
            f"n has shape {sizes.shape}; give one number, or one per set of moments"
        )
    if not ((sizes >= 2) & (sizes % 1 == 0)).all():
        problems.append("n is the number of respondents: a whole number of 2 or more")
    if len(labels) > 0 and (len(labels),) != batch[:1]:
        problems.append(f"there are {len(labels)} labels; give one per set of moments")
    return problems


def weight_problems(total: FloatArray, batch: tuple[int, ...]) -> list[str]:
    """Return what is wrong with sums of weights.

    Parameters
    ----------
    total : ndarray
        Sums of weights.
    batch : tuple of int
        Shape of the stack.

    Returns
    -------
    list of str
        A wrong shape, or sums that aren't positive.
    """
    if total.shape not in ((), batch):
        return [
            f"weight has shape {total.shape}; give one sum, or one per set of moments"
        ]
    if not ((total > 0) & np.isfinite(total)).all():
        return ["weight is a sum of weights: a number above zero"]
    return []


def square_problems(
    squares: FloatArray, total: FloatArray, sizes: FloatArray, batch: tuple[int, ...]
) -> list[str]:
    """Return what is wrong with sums of squared weights.

    Parameters
    ----------
    squares, total, sizes : ndarray
        Sums of squared weights, of weights, and numbers of respondents.
    batch : tuple of int
        Shape of the stack.

    Returns
    -------
    list of str
        A wrong shape, or sums that no weights have.
    """
    if squares.shape not in ((), batch):
        return [
            f"squares has shape {squares.shape}; give one sum, or one per set of "
            "moments"
        ]
    least = (1 - UNEQUAL) * total**2 / sizes
    if not ((squares >= least) & np.isfinite(squares)).all():
        return [
            "squares is the sum of squared weights: n weights of that sum have squares "
            "of weight**2 / n or more"
        ]
    return []


def scale_problems(
    names: Sequence[str], lows: FloatArray, highs: FloatArray
) -> list[str]:
    """Return what is wrong with the ends of scales.

    Parameters
    ----------
    names : sequence of str
        Names of the items.
    lows, highs : ndarray
        The ends.

    Returns
    -------
    list of str
        A wrong shape, and scales that don't rise.
    """
    size = len(names)
    if not {lows.shape, highs.shape} <= {(), (size,)}:
        return [f"low and high must be one number or {size}, one per name"]
    if not ((lows >= highs) | np.isinf(lows) | np.isinf(highs)).any():
        return []
    lows, highs, _ = np.broadcast_arrays(lows, highs, np.empty(size))
    return [
        f"the scale of {name!r} must rise from one number to another; {low:g} to "
        f"{high:g} doesn't"
        for name, low, high in zip(names, lows, highs, strict=True)
        if low >= high or np.isinf([low, high]).any()
    ]
