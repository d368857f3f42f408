"""The items of terms, made of answers: also of respondents whom no fit has seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.estimation.terms import TermLayout
from csindex.kernels.arrays import BoolArray, FloatArray, IntArray, from_slab, to_slab
from csindex.kernels.linalg import solve_positive


@dataclass(frozen=True, eq=False)
class TermParts:
    """What the items of terms are made with, besides the moments of the items.

    Attributes
    ----------
    weights : ndarray of shape (..., p, j), optional
        With two stages: the weights of the standardised items in the scores that are
        multiplied.
    crossed : ndarray of shape (..., p, q), optional
        With orthogonal terms: covariances of the items with the products of
        standardised items, from which the items' effects haven't been taken yet.
    level : ndarray of shape (..., q), optional
        Means of these products.
    """

    weights: FloatArray | None = None
    crossed: FloatArray | None = None
    level: FloatArray | None = None

    def __getitem__(self, position: int) -> TermParts:
        """Return those of one member of a stack."""
        return TermParts(
            *(
                None if values is None else values[position]
                for values in (self.weights, self.crossed, self.level)
            )
        )


@dataclass(frozen=True, eq=False)
class TermItems:
    """How the items of terms follow from answers, by one sample or a stack of them.

    Attributes
    ----------
    layout : TermLayout
        The terms.
    mean, sd : ndarray of shape (..., p)
        Means and standard deviations that items are standardised by.
    weights : ndarray of shape (..., p, j), optional
        With two stages: weights in the scores that are multiplied.
    slopes : ndarray of shape (..., p, q), optional
        With orthogonal terms: what the items, as deviations from their means, explain
        of the products.
    level : ndarray of shape (..., q), optional
        Means of the products.
    """

    layout: TermLayout
    mean: FloatArray
    sd: FloatArray
    weights: FloatArray | None
    slopes: FloatArray | None
    level: FloatArray | None

    def __getitem__(self, position: int) -> TermItems:
        """Return those of one member of a stack."""
        weights, slopes, level = (
            None if values is None else values[position]
            for values in (self.weights, self.slopes, self.level)
        )
        return TermItems(
            self.layout, self.mean[position], self.sd[position], weights, slopes, level
        )

    def beside(self, answers: FloatArray) -> FloatArray:
        """Return answers with the items of the terms behind them.

        Parameters
        ----------
        answers : ndarray of shape (n, p)
            Answers to the items of the model without terms, from anyone; of a stack,
            choose a member first.

        Returns
        -------
        ndarray of shape (n, p + q)
            The items of the model with the terms. Whatever is estimated is that of
            the sample.
        """
        apart = answers - self.mean
        z = apart / self.sd
        first, second = self.layout.first, self.layout.second
        if self.weights is not None:
            scores = z @ self.weights
            first, second = self._ends()
            made = scores[:, first] * scores[:, second]
        else:
            made = z[:, first] * z[:, second]
        if self.slopes is not None and self.level is not None:
            made = made - self.level - apart @ self.slopes
        return np.hstack([answers, made])

    def _ends(self) -> tuple[IntArray, IntArray]:
        """Return the positions of the constructs whose scores are multiplied."""
        home = self.layout.base.blocks.argmax(axis=1)
        _, chosen = np.unique(self.layout.owner, return_index=True)
        ends = (self.layout.first[chosen], self.layout.second[chosen])
        return home[ends[0]], home[ends[1]]


def term_items(
    layout: TermLayout,
    parts: TermParts,
    mean: FloatArray,
    sd: FloatArray,
    cov: FloatArray,
) -> TermItems:
    """Return how the items of terms follow from answers.

    Parameters
    ----------
    layout : TermLayout
        The terms.
    parts : TermParts
        What their items are made with.
    mean, sd : ndarray of shape (..., p)
        Means and standard deviations of the items of the model without terms.
    cov : ndarray of shape (..., p, p)
        Their covariances.

    Returns
    -------
    TermItems
        The rule, with the same batch axes.
    """
    slopes = None
    if parts.crossed is not None:
        slopes = residual_slopes(cov, parts.crossed, layout.sources(), layout.owner)
    return TermItems(layout, mean, sd, parts.weights, slopes, parts.level)


def residual_slopes(
    cov: FloatArray, crossed: FloatArray, sources: BoolArray, owner: IntArray
) -> FloatArray:
    """Return the coefficients of regressions of products on items.

    Parameters
    ----------
    cov : ndarray of shape (..., p, p)
        Covariances of the items.
    crossed : ndarray of shape (..., p, q)
        Covariances of the items with the products.
    sources : ndarray of bool of shape (p, t)
        The items that the products of each term are regressed on.
    owner : ndarray of int of shape (q,)
        The term of each product.

    Returns
    -------
    ndarray of shape (..., p, q)
        Coefficients; NaN where the items depend on each other.
    """
    left, right = to_slab(cov, 2), to_slab(crossed, 2)
    found = np.zeros_like(right)
    for term, chosen in enumerate(sources.T):
        items, own = np.flatnonzero(chosen), np.flatnonzero(owner == term)
        found[np.ix_(items, own)] = solve_positive(
            left[np.ix_(items, items)], right[np.ix_(items, own)]
        )
    return from_slab(found, cov.shape[:-2])
