"""The sample without each of its units, by strata: moments, and weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from csindex.inference.buckets import moments_of_sums, products_of
from csindex.inference.resampling import Units
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.moments import ROW_BLOCK
from csindex.moments.incomplete import MomentStack
from csindex.survey import Answers


@dataclass(frozen=True, eq=False)
class LeavingOut:
    r"""What becomes of the weights when a unit is left out.

    The other :math:`n_h - 1` units of its stratum take its place, each with
    :math:`n_h / (n_h - 1)` times its weight, so that every stratum keeps its share of
    the sample.

    Attributes
    ----------
    answers : Answers
        The answers.
    strata : ndarray of int of shape (u,)
        Stratum of each unit, counted from zero.
    of_rows : ndarray of int of shape (n,)
        Unit of each respondent.

    References
    ----------
    Wolter (2007), Introduction to Variance Estimation, chapter 4 (section 4.5).
    """

    answers: Answers
    strata: IntArray
    of_rows: IntArray

    @property
    def sizes(self) -> FloatArray:
        """Number of units of each stratum."""
        return np.bincount(self.strata).astype(np.float64)

    def weights(self, size: int) -> Iterator[FloatArray]:
        """Yield the weights without each unit.

        Parameters
        ----------
        size : int
            Units per chunk.

        Yields
        ------
        ndarray of shape (b, n)
            Weights of the respondents.
        """
        own = self.answers.row_weights
        of_rows = self.strata[self.of_rows]
        gain = self.sizes / np.maximum(self.sizes - 1, 1)
        for gone in _chunks(len(self.strata), size):
            stratum = self.strata[gone]
            factor = np.where(of_rows == stratum[:, None], gain[stratum][:, None], 1.0)
            factor[self.of_rows == gone[:, None]] = 0.0
            yield factor * own

    def moments(self, size: int) -> Iterator[MomentStack]:
        r"""Yield the moments without each unit, of complete answers.

        Parameters
        ----------
        size : int
            Units per chunk.

        Yields
        ------
        MomentStack
            The moments.

        Notes
        -----
        With sums :math:`t_c` of weights, answers and products over a unit, and
        :math:`T_h`, T over its stratum and over everyone,

        .. math:: T_{(hc)} = T + \frac{T_h - n_h t_c}{n_h - 1} .
        """
        centre = self.answers.row_weights @ self.answers.values
        centre = centre / self.answers.row_weights.sum()
        order = np.argsort(self.of_rows, kind="stable")
        starts = np.searchsorted(self.of_rows[order], np.arange(len(self.strata) + 1))
        chunks = list(_chunks(len(self.strata), size))

        def sums(gone: IntArray) -> FloatArray:
            rows = order[starts[gone[0]] : starts[gone[-1] + 1]]
            return _unit_sums(self.answers, centre, rows, self.of_rows[rows], gone)

        of_strata = np.zeros((len(self.sizes), _count_sums(len(centre))))
        for gone in chunks:
            np.add.at(of_strata, self.strata[gone], sums(gone))
        total = of_strata.sum(axis=0)
        for gone in chunks:
            stratum = self.strata[gone]
            many = self.sizes[stratum][:, None]
            left = total + (of_strata[stratum] - many * sums(gone)) / (many - 1)
            n = np.full(len(gone), len(self.answers.values))
            yield moments_of_sums(centre, left.T, n)


def leaving_out(answers: Answers, units: Units) -> LeavingOut:
    """Return what leaves out units of a sample.

    Parameters
    ----------
    answers : Answers
        The answers.
    units : Units
        Their units; every stratum has two or more.

    Returns
    -------
    LeavingOut
        What leaves them out.
    """
    rows = np.arange(len(answers.values))
    codes = np.unique(units.strata, return_inverse=True)[1].ravel()
    return LeavingOut(answers, codes, rows if units.of_rows is None else units.of_rows)


def _chunks(units: int, size: int) -> Iterator[IntArray]:
    for start in range(0, units, size):
        yield np.arange(start, min(start + size, units))


def _count_sums(p: int) -> int:
    """Return how many sums p items have: of weights, answers and products."""
    return 1 + p + p * (p + 1) // 2


def _unit_sums(
    answers: Answers, centre: FloatArray, rows: IntArray, unit: IntArray, gone: IntArray
) -> FloatArray:
    """Return sums of weights, answers and products of some units (b, k)."""
    found = np.zeros((len(gone), _count_sums(len(centre))))
    own = answers.row_weights
    for start in range(0, len(rows), ROW_BLOCK):
        part = rows[start : start + ROW_BLOCK]
        products = products_of((answers.values[part] - centre).T) * own[part]
        np.add.at(found, unit[start : start + ROW_BLOCK] - gone[0], products.T)
    return found
