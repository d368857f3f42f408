"""Sums over pairs of items, for answers with gaps that are never held together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csindex.errors import quoted
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.gaps import PairSums
from csindex.kernels.moments import ROUNDING
from csindex.moments.cautions import pair_messages
from csindex.survey import Incomplete


@dataclass(frozen=True, eq=False)
class PairTotals:
    """Sums over the respondents who answered two items, for every pair of p items.

    Attributes
    ----------
    centre : ndarray of shape (p,)
        What is subtracted from the answers before they are summed.
    count : ndarray of shape (3,)
        Respondents with any answer, their weights, and the squares of these.
    together, share : ndarray of shape (p, p)
        Respondents with both items, and their weights.
    level, square : ndarray of shape (p, p)
        Weighted sums of the row's item and of its square over these respondents.
    cross : ndarray of shape (p, p)
        Weighted sums of the products of both items.
    """

    centre: FloatArray
    count: FloatArray
    together: FloatArray
    share: FloatArray
    level: FloatArray
    square: FloatArray
    cross: FloatArray

    @staticmethod
    def of(columns: FloatArray, weights: FloatArray, centre: FloatArray) -> PairTotals:
        """Return the sums of some respondents.

        Parameters
        ----------
        columns : ndarray of shape (p, n)
            Answers, with NaN for gaps.
        weights : ndarray of shape (n,)
            Weights.
        centre : ndarray of shape (p,)
            What is subtracted from the answers.

        Returns
        -------
        PairTotals
            The sums.
        """
        known = ~np.isnan(columns)
        x = np.where(known, columns - centre[:, None], 0.0)
        m = known.astype(np.float64)
        weighted = x * weights
        return PairTotals(
            centre,
            np.array([float(len(weights)), weights.sum(), weights @ weights]),
            m @ m.T,
            (m * weights) @ m.T,
            weighted @ m.T,
            (weighted * x) @ m.T,
            weighted @ x.T,
        )

    @property
    def nbytes(self) -> int:
        """What the sums take in memory."""
        return 5 * self.cross.nbytes

    def combined(self, other: PairTotals) -> PairTotals:
        """Return the sums of these respondents and of others, about this centre."""
        moved = other.about(self.centre)
        return PairTotals(
            self.centre,
            self.count + moved.count,
            self.together + moved.together,
            self.share + moved.share,
            self.level + moved.level,
            self.square + moved.square,
            self.cross + moved.cross,
        )

    def about(self, centre: FloatArray) -> PairTotals:
        """Return the same sums about another centre."""
        shift = (self.centre - centre)[:, None]
        if not shift.any():
            return self
        across = self.level * shift.T
        return PairTotals(
            centre,
            self.count,
            self.together,
            self.share,
            self.level + self.share * shift,
            self.square + 2 * self.level * shift + self.share * shift**2,
            self.cross + across + across.T + self.share * (shift * shift.T),
        )

    def sums(self) -> PairSums:
        """Return the sums as shares of the weight of all, a stack of one."""
        total = self.count[1]
        return PairSums(
            (self.share / total)[None],
            (self.level / total)[None],
            (self.cross / total)[None],
        )

    def flat(self) -> BoolArray:
        """Return whether the row's item is constant where both are answered."""
        with np.errstate(invalid="ignore", divide="ignore"):
            apart = self.square - self.level**2 / self.share
        return np.asarray(~(apart > ROUNDING * self.square))


def total_problems(
    totals: PairTotals, names: Sequence[str], incomplete: Incomplete
) -> list[str]:
    """Return why the moments of a sample can't be made from its sums.

    Parameters
    ----------
    totals : PairTotals
        The sums.
    names : sequence of str
        The items.
    incomplete : {"mean", "pairwise", "pairwise_nearest"}
        How gaps are treated.

    Returns
    -------
    list of str
        As `csindex.moments.incomplete.answer_problems` tells of answers.
    """
    n, p = int(totals.count[0]), len(names)
    if n <= p:
        return [f"{n} respondents for {p} items; more than {p} are needed"]
    flat, together = totals.flat(), totals.together
    answered = np.diagonal(together) > 0
    silent = [name for name, known in zip(names, answered, strict=True) if not known]
    constant = [
        name
        for name, known, dull in zip(names, answered, np.diagonal(flat), strict=True)
        if known and dull
    ]
    problems = [f"item {quoted(silent)} has no answers"] if silent else []
    problems += [f"item {quoted(constant)} is constant"] if constant else []
    if problems:
        return problems
    never: list[str] = []
    dull: list[str] = []
    for i, k in zip(*np.nonzero(np.triu(together < n, k=1)), strict=True):
        pair = f"{names[i]} and {names[k]}"
        if together[i, k] < 2:
            never.append(pair)
        elif incomplete != "mean":
            still = [names[a] for a, b in ((i, k), (k, i)) if flat[a, b]]
            dull += [f"{pair} ({name})" for name in still]
    return pair_messages(never, dull)
