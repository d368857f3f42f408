"""The answers to some items, as numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from csindex.kernels.arrays import FloatArray, IntArray
from csindex.survey.gaps import Incomplete, group_flow


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers to some items, ready for computing.

    Attributes
    ----------
    names : tuple of str
        The p items.
    values : ndarray of shape (n, p)
        Answers on their scales; NaN for gaps, which listwise answers don't have.
    rows : ndarray of int of shape (n,)
        Positions of these respondents in the survey.
    low, high : ndarray of shape (p,)
        Scale ends; NaN where no scale is known.
    weights : ndarray of shape (n,), optional
        Sampling weights.
    strata, clusters : ndarray of int of shape (n,), optional
        Codes of the sampling design.
    flow : tuple of (str, int)
        How many respondents were read, left out and used.
    incomplete : str
        How gaps are treated when moments are made.
    """

    names: tuple[str, ...]
    values: FloatArray
    rows: IntArray
    low: FloatArray
    high: FloatArray
    weights: FloatArray | None = None
    strata: IntArray | None = None
    clusters: IntArray | None = None
    flow: tuple[tuple[str, int], ...] = ()
    incomplete: Incomplete = "listwise"

    @property
    def row_weights(self) -> FloatArray:
        """Sampling weights, or one for each respondent, shape (n,)."""
        return np.ones(len(self.values)) if self.weights is None else self.weights

    def subset(self, chosen: IntArray) -> Answers:
        """Return some of the respondents.

        Parameters
        ----------
        chosen : ndarray of int of shape (m,)
            Positions of those to keep.

        Returns
        -------
        Answers
            Their answers.
        """
        values = self.values[chosen]
        return replace(
            self,
            values=values,
            rows=self.rows[chosen],
            weights=None if self.weights is None else self.weights[chosen],
            strata=None if self.strata is None else self.strata[chosen],
            clusters=None if self.clusters is None else self.clusters[chosen],
            flow=group_flow(values, self.incomplete),
        )
