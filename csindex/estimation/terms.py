"""Interactions and quadratic effects: their parts, and the models that have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement, product
from typing import Literal

import numpy as np

from csindex.errors import SpecificationError, quoted, unknown
from csindex.kernels.arrays import BoolArray, IntArray
from csindex.model import Construct, Model, Path

Method = Literal["two_stage", "product", "orthogonal"]
TIMES = "*"


@dataclass(frozen=True)
class Term:
    """A product of two constructs that explains others; see `interaction`.

    Parameters
    ----------
    first, second : str
        The constructs; the same one twice for a quadratic effect.
    on : tuple of str
        The constructs that it explains.

    Examples
    --------
    >>> Term("image", "value", ("satisfaction",)).name
    'image*value'
    """

    first: str
    second: str
    on: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the construct that the product becomes, as ``"image*value"``."""
        return f"{self.first}{TIMES}{self.second}"

    @property
    def item(self) -> str:
        """Name of its only item where scores are multiplied."""
        return f"{self.name} (scores)"

    @property
    def quadratic(self) -> bool:
        """Whether it is a square."""
        return self.first == self.second


def interaction(first: str, second: str, on: str | Sequence[str]) -> Term:
    """Return an interaction: the effect of one construct depends on another's level.

    Parameters
    ----------
    first, second : str
        The constructs that interact; in their numbers it doesn't matter which of them
        is called the moderator.
    on : str or sequence of str
        The construct, or constructs, on which they have an effect.

    Returns
    -------
    Term
        The interaction, for `Moderated`.

    Raises
    ------
    SpecificationError
        For something that isn't a name, one construct twice, or no target.

    Examples
    --------
    >>> interaction("image", "value", on="satisfaction").name
    'image*value'
    """
    if first == second:
        raise SpecificationError(
            f"interaction of {first!r} with itself; write csi.quadratic({first!r}, "
            "on=...)"
        )
    return _term("interaction", first, second, on)


def quadratic(construct: str, on: str | Sequence[str]) -> Term:
    """Return a quadratic effect: an effect that grows or fades with the level itself.

    Parameters
    ----------
    construct : str
        The construct that is squared.
    on : str or sequence of str
        The construct, or constructs, on which it has an effect.

    Returns
    -------
    Term
        The effect, for `Moderated`.

    Raises
    ------
    SpecificationError
        For something that isn't a name, or no target.

    Examples
    --------
    >>> quadratic("image", on="satisfaction").name
    'image*image'
    """
    return _term("quadratic", construct, construct, on)


@dataclass(frozen=True, eq=False)
class TermLayout:
    """A model with terms, and the products of items that they are made of.

    Attributes
    ----------
    base, wide : Model
        The model without and with the terms' constructs, which come last.
    first, second : ndarray of int of shape (q,)
        The items of the base model that are multiplied.
    owner : ndarray of int of shape (q,)
        The term of each product.
    """

    base: Model
    wide: Model
    first: IntArray
    second: IntArray
    owner: IntArray

    def product_names(self) -> tuple[str, ...]:
        """Return the names of the q products, as ``"IMAG1*PERV1"``."""
        items = self.base.items
        return tuple(
            f"{items[i]}{TIMES}{items[k]}"
            for i, k in zip(self.first, self.second, strict=True)
        )

    def sources(self) -> BoolArray:
        """Return, in shape (p, t), the items of each term's constructs."""
        found = np.zeros((len(self.base.items), int(self.owner.max()) + 1), dtype=bool)
        found[self.first, self.owner] = found[self.second, self.owner] = True
        return found


def term_layout(
    model: Model, items: Sequence[str], terms: Sequence[Term], method: Method
) -> TermLayout:
    """Return a model with terms.

    Parameters
    ----------
    model : Model
        The model, without the terms or already with them.
    items : sequence of str
        The items of the model without the terms.
    terms : sequence of Term
        The terms.
    method : {"two_stage", "product", "orthogonal"}
        Whether the items of a term are one, of scores, or the products of items.

    Returns
    -------
    TermLayout
        Both models and the products.

    Raises
    ------
    SpecificationError
        With every term that doesn't fit the model.
    """
    known = model.items == tuple(items)
    base = model if known else model.without(*(term.name for term in terms))
    if problems := _problems(base, terms):
        raise SpecificationError([f"Moderated: {problem}" for problem in problems])
    place = {item: k for k, item in enumerate(base.items)}
    own = {c.name: [place[item] for item in c.items] for c in base.constructs}
    pairs = [
        list(combinations_with_replacement(own[term.first], 2))
        if term.quadratic
        else list(product(own[term.first], own[term.second]))
        for term in terms
    ]
    flat = np.array([pair for members in pairs for pair in members], dtype=np.int64)
    owner = np.repeat(np.arange(len(terms)), [len(members) for members in pairs])
    layout = TermLayout(base, base, flat[:, 0], flat[:, 1], owner)
    names = np.array(layout.product_names(), dtype=object)
    constructs = [
        Construct(
            term.name,
            (term.item,) if method == "two_stage" else tuple(names[owner == k]),
            "composite",
        )
        for k, term in enumerate(terms)
    ]
    wide = replace(
        base,
        constructs=(*base.constructs, *constructs),
        paths=(*base.paths, *(Path(t.name, aim, "?") for t in terms for aim in t.on)),
    )
    return replace(layout, wide=wide)


def _term(kind: str, first: str, second: str, on: str | Sequence[str]) -> Term:
    aims = (on,) if isinstance(on, str) else on
    named = isinstance(aims, Iterable) and all(isinstance(a, str) and a for a in aims)
    if not named or not all(isinstance(name, str) and name for name in (first, second)):
        raise SpecificationError(
            f"{kind} needs names of constructs, as csi.interaction('image', 'value', "
            f"on='satisfaction'), not {first!r}, {second!r}, on={on!r}"
        )
    aims = tuple(aims)
    if not aims or len(set(aims)) < len(aims):
        raise SpecificationError(
            f"{kind}: on={on!r} must name each construct that is explained once"
        )
    return Term(first, second, aims)


def _problems(base: Model, terms: Sequence[Term]) -> list[str]:
    """Return why terms don't fit a model."""
    names, driven = base.construct_names, base.endogenous
    links = {(path.source, path.target) for path in base.paths}
    pairs = Counter(frozenset((term.first, term.second)) for term in terms)
    problems = [
        f"term {TIMES.join(sorted(pair) * (2 // len(pair)))!r} is given {count} times; "
        "keep one, and name all its targets in on="
        for pair, count in pairs.items()
        if count > 1
    ]
    for term in terms:
        where = f"in term {term.name!r}"
        factors = list(dict.fromkeys((term.first, term.second)))
        problems += unknown("construct", [*factors, *term.on], names, where)
        if term.name in names:
            problems.append(
                f"the model has a construct {term.name!r} already; rename it"
            )
        for aim in term.on:
            if aim in factors:
                problems.append(f"{term.name!r} can't explain {aim!r}, a part of it")
            elif aim in names and aim not in driven:
                problems.append(
                    f"no path leads to {aim!r}, the target of {term.name!r}; an "
                    "interaction changes effects that are in the model, so choose one "
                    f"of {quoted(driven)}, or add paths"
                )
            elif {aim, *factors} <= {*names} and (
                lacking := [f for f in factors if (f, aim) not in links]
            ):
                problems.append(
                    f"{term.name!r} on {aim!r} needs the effects of its constructs "
                    "beside it, or it takes their place; add the path "
                    + ", ".join(f"({f!r}, {aim!r})" for f in lacking)
                )
    return problems
