"""Interactions and quadratic effects of constructs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np

from csindex.errors import DataError, SpecificationError, quoted
from csindex.estimation.cbsem import CBSEM
from csindex.estimation.consistent import PLSc
from csindex.estimation.estimates import Estimates, Estimator, row_estimator
from csindex.estimation.naming import called
from csindex.estimation.pls import PLS
from csindex.estimation.term_items import TermItems, TermParts, term_items
from csindex.estimation.term_moments import term_moments
from csindex.estimation.terms import Method, Term, TermLayout, term_layout
from csindex.kernels.arrays import FloatArray
from csindex.kernels.scores import agreement
from csindex.model import Model
from csindex.moments import Moments
from csindex.moments.incomplete import moment_stack, treated
from csindex.survey import Answers

_WORDS: dict[Method, str] = {
    "two_stage": "two-stage: the product of the scores of an estimate without terms",
    "product": "products of the items of both constructs",
    "orthogonal": "products of items, less what the items themselves explain",
}


@dataclass(frozen=True, eq=False)
class ModeratedEstimates(Estimates):
    """Estimates of a model with interactions and quadratic effects.

    Attributes
    ----------
    terms : tuple of Term
        The terms; each has a construct of its name, behind the others.
    method : {"two_stage", "product", "orthogonal"}
        How they are measured.
    layout : TermLayout
        The model without and with the terms, and the products of items.
    parts : TermParts
        What the items of the terms are made with.
    """

    terms: tuple[Term, ...]
    method: Method
    layout: TermLayout
    parts: TermParts

    @cached_property
    def term_items(self) -> TermItems:
        """How the items of the terms follow from answers, of anyone."""
        p = len(self.layout.base.items)
        made = self.moments
        return term_items(
            self.layout,
            self.parts,
            made.mean[..., :p],
            made.sd[..., :p],
            made.cov[..., :p, :p],
        )

    def __getitem__(self, position: int) -> Estimates:
        """Return one member of a stack."""
        member = super().__getitem__(position)
        changed: dict[str, Any] = {"parts": self.parts[position]}
        return replace(member, **changed)

    def turned(self, signs: FloatArray) -> Estimates:
        """Return the estimates with some constructs turned round.

        Parameters
        ----------
        signs : ndarray of shape (..., j)
            Minus one for each construct to turn, else one. The product of two scores
            turns as they do, whatever its own sign says.

        Returns
        -------
        Estimates
            The same fit, seen from the other side.
        """
        if self.method == "two_stage":
            signs = signs.copy()
            names = self.model.construct_names
            for term in self.terms:
                ends = [names.index(name) for name in (term.first, term.second)]
                signs[..., names.index(term.name)] = signs[..., ends].prod(axis=-1)
        return super().turned(signs)


@dataclass(frozen=True)
class Moderated:
    r"""Interactions and quadratic effects, added to a model of composites.

    The estimates are those of a larger model: each term is a construct of its own,
    named as ``"image*value"``, with a path to what it explains. Tables, bootstraps and
    plots show it like any other. It has no 0-100 score, and the index remains what it
    is without terms: a weighted mean of answers.

    Parameters
    ----------
    terms : sequence of Term
        Made by `interaction` and `quadratic`. The constructs of a term need paths to
        its target, too.
    method : {"two_stage", "product", "orthogonal"}
        ``"two_stage"``: the model is estimated without terms, and the products of
        the constructs' scores are single items in a second estimate. ``"product"``:
        the products of all items of the two constructs are the term's items.
        ``"orthogonal"``: the same, after what all items of both constructs explain of
        each product has been taken away, so that the other effects remain what they
        are without the term.
    estimator : Estimator
        What estimates the weights: `PLS`, or another estimator of composites, also
        one with second-order measurement. `PLSc` and `CBSEM` would need other
        corrections than they make, and are refused.

    Raises
    ------
    SpecificationError
        For options that don't exist and estimators that don't go with products; when
        estimating, with every term that doesn't fit the model.

    Notes
    -----
    Items and scores are standardised (divisor n - 1) before they are multiplied, anew
    in every resample. The coefficient of a term is standardised like every other path:
    by the standard deviation of the product. `simple_slopes` goes by the coefficient
    of the product itself, :math:`b_3` in

    .. math:: \eta = b_1 \xi + b_2 \mu + b_3\, \xi \mu + \zeta,

    which is the path divided by that standard deviation. Answers must be complete.

    References
    ----------
    Chin, Marcolin & Newsted (2003), Information Systems Research 14(2) (products).
    Henseler & Chin (2010), Structural Equation Modeling 17(1) (two stages).
    Little, Bovaird & Widaman (2006), Structural Equation Modeling 13(4) (orthogonal).
    Henseler, Fassott, Dijkstra & Wilson (2012), European Journal of Information
    Systems 21(1) (quadratic effects).

    Examples
    --------
    >>> import csindex as csi
    >>> from csindex.estimation.terms import interaction
    >>> term = interaction("expectation", "quality", on="satisfaction")
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"), Moderated((term,)))
    >>> results.paths["source"].iloc[-1]
    'expectation*quality'
    """

    terms: tuple[Term, ...]
    method: Method = "two_stage"
    estimator: Estimator = field(default_factory=PLS)

    def __post_init__(self) -> None:
        terms: Any = self.terms
        listed = (terms,) if isinstance(terms, Term) else terms
        problems: list[str] = []
        if not isinstance(listed, list | tuple) or not all(
            isinstance(term, Term) for term in listed
        ):
            problems.append(
                "terms are made by csi.interaction('image', 'value', on='satisfaction')"
                f" and csi.quadratic('image', on='satisfaction'), not {terms!r}"
            )
        elif not listed:
            problems.append("there are no terms; name one, or use the plain estimator")
        else:
            object.__setattr__(self, "terms", tuple(listed))
        if self.method not in get_args(Method):
            problems.append(
                f"unknown method {self.method!r}; there are {quoted(get_args(Method))}"
            )
        problems += _estimator_problems(self.estimator)
        if problems:
            raise SpecificationError([f"Moderated: {p}" for p in problems])

    @property
    def needs_answers(self) -> bool:
        """Whether it sees the answers: always, for the moments of products."""
        return True

    @property
    def incomplete(self) -> Literal["listwise"]:
        """The treatment of missing answers that products need."""
        return "listwise"

    @property
    def indicators(self) -> Any:
        """The specific indicators of an estimator with second-order measurement."""
        return getattr(self.estimator, "indicators", None)

    def estimate(self, model: Model, moments: Moments) -> Estimates:
        """Refuse moments, which don't tell those of products.

        Parameters
        ----------
        model : Model
            The model.
        moments : Moments
            Moments.

        Returns
        -------
        Estimates
            Never.

        Raises
        ------
        SpecificationError
            Always.
        """
        raise SpecificationError(
            "Moderated: interactions need the answers themselves, because means and "
            "covariances of items don't tell those of products, and this analysis goes "
            "by means and covariances; give csi.fit the survey, or leave the terms out"
        )

    def estimate_answers(
        self, model: Model, answers: Answers, weights: FloatArray | None = None
    ) -> Estimates:
        """Estimate a model with the terms from answers.

        Parameters
        ----------
        model : Model
            The model, without the terms, or already with them.
        answers : Answers
            Complete answers to exactly the items of the model without the terms.
        weights : ndarray of shape (b, n), optional
            Other weights of the respondents, one row for each member of a stack.
            None: the answers' own.

        Returns
        -------
        Estimates
            `ModeratedEstimates` of the model with the terms; with ``weights``, a
            stack of b.

        Raises
        ------
        DataError
            For gaps, and for products without variance.
        SpecificationError
            With every term that doesn't fit the model, or what the estimator says.
        """
        layout = term_layout(model, answers.names, self.terms, self.method)
        if np.isnan(answers.values).any():
            raise DataError(
                "Moderated: products need complete answers; use incomplete='listwise'"
            )
        base = _moments(answers, weights)
        first = (
            self.estimator.estimate(layout.base, base)
            if self.method == "two_stage"
            else None
        )
        wide = term_moments(
            layout, self.terms, self.method, base, first, answers, weights
        )
        made = wide.moments
        if weights is None and (problems := _constant(made)):
            raise DataError(problems)
        found = self.estimator.estimate(layout.wide, made)
        if first is not None:
            found = _joined(first, found, self.terms)
        given = {f.name: getattr(found, f.name) for f in fields(Estimates)}
        return ModeratedEstimates(
            **given,
            terms=self.terms,
            method=self.method,
            layout=layout,
            parts=wide.parts,
        )

    def settings(self) -> Mapping[str, str]:
        """Return every option that shapes the numbers, in words.

        Returns
        -------
        mapping of str to str
            Option and its value.
        """
        return {
            **self.estimator.settings(),
            "terms": "; ".join(
                f"{term.name} on {', '.join(term.on)}" for term in self.terms
            ),
            "measurement of terms": _WORDS[self.method],
            "metric of terms": "factors standardised in each sample, paths of the "
            "standardised product",
        }


def _estimator_problems(estimator: Any) -> list[str]:
    """Return why an estimator doesn't go with products."""
    if isinstance(estimator, type) or not hasattr(estimator, "estimate"):
        return [f"estimator must be one, as csi.PLS(), not {estimator!r}"]
    if isinstance(estimator, Moderated):
        return ["an estimator with terms inside another; put all terms into one"]
    if row_estimator(estimator) is not None:
        return [
            f"{called(estimator)} goes by the answers' categories, which products "
            "don't have; use csi.PLS()"
        ]
    inner = estimator
    while inner is not None:
        if isinstance(inner, PLSc | CBSEM):
            return [
                f"{type(inner).__name__} corrects for measurement error, and products "
                "of scores would need another correction than it makes; use csi.PLS()"
            ]
        inner = getattr(inner, "estimator", None)
    return []


def _moments(answers: Answers, weights: FloatArray | None) -> Moments:
    """Return the moments of the items, one set or a stack."""
    if weights is None:
        return treated(answers).moments
    stack = moment_stack(answers, weights)
    return Moments(
        answers.names, stack.mean, stack.cov, stack.n, answers.low, answers.high
    )


def _constant(made: Moments) -> list[str]:
    """Return which products are the same for everyone."""
    names = np.array(made.names)[~(made.sd > 0)].tolist()
    return [
        f"Moderated: {quoted(names)} has no variance: the product is the same for "
        "everyone, as the square of an item with two answers may be; leave the term out"
        for names in [names]
        if names
    ]


def _joined(first: Estimates, second: Estimates, terms: tuple[Term, ...]) -> Estimates:
    """Return the second stage's estimates, with products of that stage's signs."""
    names = first.model.construct_names
    p, j = first.model.blocks.shape
    same = agreement(
        first.moments.corr,
        second.weights[..., :p, :j],
        first.weights,
        first.model.blocks,
    )
    signs = np.ones((*second.moments.batch, j + len(terms)))
    for k, term in enumerate(terms, start=j):
        ends = [names.index(end) for end in (term.first, term.second)]
        signs[..., k] = np.where(same[..., ends].prod(axis=-1) < 0, -1.0, 1.0)
    return replace(
        second.turned(signs),
        converged=first.converged & second.converged,
        iterations=first.iterations + second.iterations,
    )
