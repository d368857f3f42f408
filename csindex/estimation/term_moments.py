"""Moments of a model's items and of the items of its terms, of samples in stacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from csindex.estimation.estimates import Estimates
from csindex.estimation.term_items import TermParts
from csindex.estimation.terms import Method, Term, TermLayout
from csindex.kernels.arrays import FloatArray
from csindex.kernels.products import (
    residual_products,
    score_products,
    standardised_products,
    with_products,
)
from csindex.kernels.scores import item_vectors
from csindex.moments import Moments
from csindex.moments.incomplete import MomentStack, moment_stack, treated
from csindex.survey import Answers

# numbers in the covariances of products that are held at once
_HELD = 4_000_000


@dataclass(frozen=True, eq=False)
class TermMoments:
    """Moments of the items of a model with terms, and what their items are made with.

    Attributes
    ----------
    moments : Moments
        Moments of the items, and of the terms' items behind them.
    parts : TermParts
        What the terms' items are made with.
    """

    moments: Moments
    parts: TermParts


def term_moments(
    layout: TermLayout,
    terms: Sequence[Term],
    method: Method,
    base: Moments,
    first: Estimates | None,
    answers: Answers,
    weights: FloatArray | None,
) -> TermMoments:
    """Return the moments of the items and of the terms' items.

    Parameters
    ----------
    layout : TermLayout
        The model with its terms.
    terms : sequence of Term
        The terms.
    method : {"two_stage", "product", "orthogonal"}
        How they are measured.
    base : Moments
        Moments of the items without terms, one set or a stack.
    first : Estimates, optional
        With two stages: the estimates without terms.
    answers : Answers
        Complete answers to the items.
    weights : ndarray of shape (b, n), optional
        Weights of the respondents of each member of a stack.

    Returns
    -------
    TermMoments
        The moments, with the batch axes of ``base``.
    """
    table, centre = with_products(answers.values, layout.first, layout.second)
    raw = _table_answers(answers, layout, table)
    known = None if first is None else item_vectors(first.weights, layout.base.blocks)
    if weights is None:
        made = [_terms_of(layout, terms, method, treated(raw).moments, known)]
    else:
        size = max(1, _HELD // table.shape[1] ** 2)
        made = [
            _terms_of(
                layout,
                terms,
                method,
                moment_stack(raw, weights[start : start + size]),
                None if known is None else known[:, start : start + size],
            )
            for start in range(0, len(weights), size)
        ]
    mean = _together([part.mean for part in made], base.batch)
    mean[..., : len(base.names)] += centre
    gap = np.full(len(layout.wide.items) - len(base.names), np.nan)
    moments = Moments(
        layout.wide.items,
        mean,
        _together([part.cov for part in made], base.batch),
        base.n,
        np.append(base.low, gap),
        np.append(base.high, gap),
        flow=base.flow,
        weight=base.weight,
    )
    parts = TermParts(
        None if first is None else first.weights,
        _all_together([part.crossed for part in made], base.batch),
        _all_together([part.level for part in made], base.batch),
    )
    return TermMoments(moments, parts)


@dataclass(frozen=True, eq=False)
class _Made:
    """Moments of items and of the terms' items, and of products before residuals.

    ``crossed`` (..., p, q) and ``level`` (..., q) are covariances with the items, and
    means, of the products.
    """

    mean: FloatArray
    cov: FloatArray
    crossed: FloatArray | None = None
    level: FloatArray | None = None


def _terms_of(
    layout: TermLayout,
    terms: Sequence[Term],
    method: Method,
    raw: Moments | MomentStack,
    weights: FloatArray | None,
) -> _Made:
    """Return moments of items and terms from those of raw products.

    ``weights`` (p, b) are those of the scores that are multiplied.
    """
    first, second, owner = layout.first, layout.second, layout.owner
    made = standardised_products(raw.mean, raw.cov, first, second)
    if method == "orthogonal":
        found = residual_products(made, layout.sources(), owner)
        p = len(layout.base.items)
        return _Made(found.mean, found.cov, made.cov[..., :p, p:], made.mean[..., p:])
    if weights is None:
        return _Made(made.mean, made.cov)
    # a square has each product of two different items twice
    twice = np.array([term.quadratic for term in terms])[owner]
    counts = np.where(twice & (first != second), 2.0, 1.0)
    each = (weights[first] * weights[second]).T * counts
    found = score_products(
        made, each.reshape((*raw.n.shape, len(owner))), owner, len(terms)
    )
    return _Made(found.mean, found.cov)


def _table_answers(answers: Answers, layout: TermLayout, table: FloatArray) -> Answers:
    """Return centred answers and products as if they had been asked for."""
    unknown = np.full(table.shape[1], np.nan)
    names = (*answers.names, *layout.product_names())
    return replace(answers, names=names, values=table, low=unknown, high=unknown)


def _together(parts: list[FloatArray], batch: tuple[int, ...]) -> FloatArray:
    """Return parts of a stack as one; a single set as a copy."""
    return np.concatenate(parts) if batch else parts[0].copy()


def _all_together(
    parts: list[FloatArray | None], batch: tuple[int, ...]
) -> FloatArray | None:
    """Return parts of a stack as one, or None if there are none."""
    known = [part for part in parts if part is not None]
    return _together(known, batch) if known else None
