"""Ceiling lines: the highest outcome that each level of a condition allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray


class Scope(NamedTuple):
    """The rectangle that observations could fill.

    Attributes
    ----------
    x_low, x_high : float
        Ends of the condition.
    y_low, y_high : float
        Ends of the outcome.
    """

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    @property
    def area(self) -> float:
        """Its area."""
        return (self.x_high - self.x_low) * (self.y_high - self.y_low)


@dataclass(frozen=True, eq=False)
class Ceilings:
    """Two ceiling lines and the empty zones above them.

    Attributes
    ----------
    step : ndarray of shape (..., n)
        The step function (CE-FDH) at each observation, in the order of the condition.
    step_zone : ndarray of shape (...)
        Area above it within the scope.
    slope, intercept : ndarray of shape (...)
        The regression line (CR-FDH) through the corners of the steps; NaN with one
        corner, where there is no line.
    line_zone : ndarray of shape (...)
        Area above it within the scope; zero where there is no line.
    peers : ndarray of bool of shape (..., n)
        Which observations are corners, in the order of the condition.
    """

    step: FloatArray
    step_zone: FloatArray
    slope: FloatArray
    intercept: FloatArray
    line_zone: FloatArray
    peers: BoolArray


def ceilings(x: FloatArray, y: FloatArray, scope: Scope) -> Ceilings:
    r"""Return the ceiling lines in the upper left corner.

    Parameters
    ----------
    x : ndarray of shape (n,)
        The condition, in rising order.
    y : ndarray of shape (..., n)
        The outcome of the same observations, one order or a stack of permutations.
    scope : Scope
        What both could reach; no observation lies outside.

    Returns
    -------
    Ceilings
        The lines and their zones.

    Notes
    -----
    Ceiling envelopment, free disposal hull (CE-FDH): at each x the highest outcome so
    far. Its corners are the observations that raise it. Ceiling regression (CR-FDH):
    least squares through the corners, each observation that is one counted; some
    observations may lie above.

    References
    ----------
    Dul (2016), Organizational Research Methods 19(1).
    """
    first, last = _ties(x)
    highest = np.maximum.accumulate(y, axis=-1)
    step = highest[..., last]
    before = np.where(first > 0, highest[..., np.maximum(first - 1, 0)], -np.inf)
    peers = (y == step) & (step > before)
    # to the left of the first observation nothing was seen, and all is empty; sums of
    # what is above the steps make an empty corner of nothing exactly zero
    width = np.diff(np.append(x, scope.x_high))
    unseen = (x[0] - scope.x_low) * (scope.y_high - scope.y_low)
    step_zone = unseen + ((scope.y_high - step) * width).sum(axis=-1)
    slope, intercept = _regression(x, y, peers)
    return Ceilings(
        step, step_zone, slope, intercept, _zone(slope, intercept, scope), peers
    )


def required_by_steps(
    x: FloatArray, step: FloatArray, levels: FloatArray
) -> FloatArray:
    """Return the condition that the step function requires for levels of the outcome.

    Parameters
    ----------
    x : ndarray of shape (n,)
        The condition, in rising order.
    step : ndarray of shape (n,)
        The step function at each of them.
    levels : ndarray of shape (m,)
        Levels of the outcome.

    Returns
    -------
    ndarray of shape (m,)
        The lowest condition with such an outcome; NaN where none has it.
    """
    position = np.searchsorted(step, levels, side="left")
    return np.where(position < len(x), x[np.minimum(position, len(x) - 1)], np.nan)


def _ties(x: FloatArray) -> tuple[IntArray, IntArray]:
    """Return the first and the last position (n,) of each value's ties."""
    starts = np.flatnonzero(np.append(True, x[1:] > x[:-1]))
    group = np.cumsum(np.append(True, x[1:] > x[:-1])) - 1
    ends = np.append(starts[1:], len(x)) - 1
    return starts[group].astype(np.int64), ends[group].astype(np.int64)


def _regression(
    x: FloatArray, y: FloatArray, peers: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Return slope and intercept (...) of the line through the corners."""
    count = peers.sum(axis=-1)
    mean_x = np.where(peers, x, 0.0).sum(axis=-1) / count
    mean_y = np.where(peers, y, 0.0).sum(axis=-1) / count
    apart = np.where(peers, x - mean_x[..., None], 0.0)
    spread = (apart**2).sum(axis=-1)
    joint = (apart * np.where(peers, y - mean_y[..., None], 0.0)).sum(axis=-1)
    # several observations at one corner have no spread but for rounding
    line = spread > 1e-12 * np.maximum(mean_x**2, 1.0)
    slope = np.where(line, joint / np.where(line, spread, 1.0), np.nan)
    return slope, np.asarray(mean_y - slope * mean_x)


def _zone(slope: FloatArray, intercept: FloatArray, scope: Scope) -> FloatArray:
    """Return the area (...) above rising lines within the scope."""
    x_low, x_high, y_low, y_high = scope
    with np.errstate(divide="ignore"):
        entering = np.clip((y_low - intercept) / slope, x_low, x_high)
        leaving = np.clip((y_high - intercept) / slope, x_low, x_high)
    below = (entering - x_low) * (y_high - y_low)
    middle = intercept + slope * (entering + leaving) / 2
    above = (leaving - entering) * (y_high - middle)
    return np.where(np.isnan(slope), 0.0, np.maximum(below + above, 0.0))
