"""Standard errors, intervals and p-values of resampled statistics, with reasons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from csindex.inference import intervals
from csindex.inference.intervals import Interval, Limits
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.language.tables import named

# an estimate with fewer or more of the resamples beside it is at their edge
_EDGE = 0.001
# rows that a sentence names
_NAMED = 6


@dataclass(frozen=True, eq=False)
class Beside:
    """What some kinds of intervals need beside the resampled values.

    Attributes
    ----------
    acceleration : callable
        Makes the accelerations of BCa intervals, shape (k,).
    inner : callable
        Makes the standard errors within the resamples, shape (b, k), for studentized
        intervals.
    """

    acceleration: Callable[[], FloatArray]
    inner: Callable[[], FloatArray]


@dataclass(frozen=True, eq=False)
class Spread:
    """How k statistics spread over b resamples.

    Attributes
    ----------
    estimate, errors, low, high : ndarray of shape (k,)
        Estimates, their standard errors and the ends of their intervals; NaN without
        an estimate, or without enough resamples.
    p : ndarray of shape (k,)
        Two-sided p-values of zero; NaN where that is no hypothesis.
    defined : ndarray of shape (k,)
        Share of the resamples where the statistic is defined.
    below : ndarray of shape (k,)
        Share of those up to the estimate.
    resamples, least : int
        How many there are, and have to define a statistic.
    """

    estimate: FloatArray
    errors: FloatArray
    low: FloatArray
    high: FloatArray
    p: FloatArray
    defined: FloatArray
    below: FloatArray
    resamples: int
    least: int

    def columns(self, tested: bool, with_p: bool) -> pd.DataFrame:
        """Return se, t, low, high and p; and defined, where some values aren't.

        Parameters
        ----------
        tested : bool
            Whether zero is a hypothesis, which t belongs to.
        with_p : bool
            Whether there is a column p, though it may be empty.

        Returns
        -------
        DataFrame
            One row per statistic.
        """
        made: dict[str, FloatArray] = {"se": self.errors}
        if tested:
            made["t"] = intervals.ratios(self.estimate, self.errors)
        made |= {"low": self.low, "high": self.high}
        if with_p:
            made["p"] = self.p
        if (self._known & (self.defined < 1)).any():
            made["defined"] = self.defined
        return pd.DataFrame(made)

    def notes(self, rows: Sequence[str]) -> list[str]:
        """Return why statistics have no interval, or one that misleads.

        Parameters
        ----------
        rows : sequence of str
            What the k statistics are called; an empty name says nothing of one.

        Returns
        -------
        list of str
            Sentences; none where there is nothing to say.
        """
        few = self._known & (self.defined * self.resamples < self.least - 0.5)
        part = self._known & ~few & (self.defined < 1)
        drawn = self._known & ~few
        told = [
            (
                ~self._known & (self.defined > 0),
                "No interval without an estimate in the sample: {}",
            ),
            (
                few,
                f"No interval where fewer than {self.least} of the {self.resamples} "
                "resamples define the value: {}",
            ),
            (
                part,
                "Defined in a part of the resamples, which se, interval and p are of: "
                "{}",
            ),
            (
                drawn & np.isnan(self.low + self.high),
                "No such interval where all resamples lie on one side of the estimate "
                "or there is no estimate without some respondent; take another "
                "interval=: {}",
            ),
            (
                self._astray,
                "Resamples shift the value away from the estimate, which is at or "
                "beyond the edge of its interval, so that the interval misleads: {}",
            ),
        ]
        named_rows = np.array([row != "" for row in rows], dtype=np.bool_)
        return [
            sentence.format(named(self._named(rows, which, flags is part), _NAMED))
            for flags, sentence in told
            if (which := flags & named_rows).any()
        ]

    @property
    def _known(self) -> BoolArray:
        return np.isfinite(self.estimate)

    @property
    def _astray(self) -> BoolArray:
        """Which estimates are at the edge of the resamples, or outside of limits."""
        varies = ~np.isnan(intervals.ratios(self.estimate, self.errors))
        edge = (self.below < _EDGE) | (self.below > 1 - _EDGE)
        outside = (self.estimate < self.low) | (self.estimate > self.high)
        return np.asarray(varies & (edge | outside))

    def _named(self, rows: Sequence[str], flags: BoolArray, shares: bool) -> list[str]:
        return [
            f"{rows[k]} ({100 * self.defined[k]:.3g} %)" if shares else rows[k]
            for k in np.flatnonzero(flags).tolist()
        ]


def spread(
    values: FloatArray,
    estimate: FloatArray,
    interval: Interval,
    level: float,
    beside: Beside,
    tested: bool = True,
) -> Spread:
    """Return how statistics spread over the resamples that define them.

    Parameters
    ----------
    values : ndarray of shape (b, k)
        Resampled values; what isn't finite isn't defined.
    estimate : ndarray of shape (k,)
        Estimates.
    interval : str
        Kind of interval.
    level : float
        Confidence level.
    beside : Beside
        What some kinds need.
    tested : bool
        Whether zero is a hypothesis.

    Returns
    -------
    Spread
        NaN where there is no estimate, or fewer resamples define a statistic than the
        level needs.
    """
    known = np.isfinite(values)
    if not known.all():
        values = np.where(known, values, np.nan)
    least = intervals.least(level)
    told = np.isfinite(estimate) & (known.sum(axis=0) >= least)
    limits = limits_by(interval, values, estimate, level, beside)
    p = intervals.p_values(values) if tested else np.full(len(estimate), np.nan)
    return Spread(
        estimate,
        np.where(told, intervals.errors(values), np.nan),
        np.where(told, limits.low, np.nan),
        np.where(told, limits.high, np.nan),
        np.where(told, p, np.nan),
        known.mean(axis=0),
        intervals.shares_below(values, estimate),
        len(values),
        least,
    )


def limits_by(
    interval: Interval,
    values: FloatArray,
    estimate: FloatArray,
    level: float,
    beside: Beside,
) -> Limits:
    """Return limits of one kind.

    Parameters
    ----------
    interval : str
        Kind of interval.
    values : ndarray of shape (b, k)
        Resampled values; NaN where one isn't defined.
    estimate : ndarray of shape (k,)
        Estimates.
    level : float
        Confidence level.
    beside : Beside
        What some kinds need.

    Returns
    -------
    Limits
        Both ends.
    """
    match interval:
        case "percentile":
            return intervals.percentile(values, level)
        case "basic":
            return intervals.basic(values, estimate, level)
        case "normal":
            return intervals.normal(values, estimate, level)
        case "bc":
            return intervals.corrected(values, estimate, level)
        case "bca":
            rate = beside.acceleration()
            return intervals.corrected(values, estimate, level, rate)
        case "studentized":
            return intervals.studentized(values, estimate, beside.inner(), level)


def row_names(labels: pd.DataFrame) -> list[str]:
    """Return what the rows of a table are called, by its first columns of text.

    Parameters
    ----------
    labels : DataFrame
        A table, with or without columns of numbers.

    Returns
    -------
    list of str
        Names; numbers where there is no text.

    Examples
    --------
    >>> row_names(pd.DataFrame({"source": ["a"], "target": ["b"], "estimate": [1.0]}))
    ['a, b']
    """
    texts: list[pd.Series] = []
    for name in labels:
        if pd.api.types.is_float_dtype(labels[name]):
            break
        texts.append(labels[name].astype(str))
    if not texts:
        return [f"row {k}" for k in range(len(labels))]
    return [", ".join(row) for row in zip(*texts, strict=True)]
