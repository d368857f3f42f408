"""Improvements of an index model: each takes a model and returns a model.

They can be applied in any order. All four, applied to the American model, give the
improved one.

References
----------
Johnson, Gustafsson, Andreassen, Lervik & Cha (2001), The evolution and future of
national customer satisfaction index models, Journal of Economic Psychology 22(2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from csindex.catalog.building import known
from csindex.catalog.improved import (
    AFFECTIVE,
    CALCULATIVE,
    COMPLAINT_HANDLING,
    IMAGE,
    PRICE,
)
from csindex.errors import SpecificationError, quoted
from csindex.model import Construct, Model, Path

_SOURCE = (
    "changed after Johnson, Gustafsson, Andreassen, Lervik & Cha (2001), Journal of "
    "Economic Psychology 22(2)"
)
# what drives loyalty besides satisfaction, where the commitments are in the model
_FACETS = ("price", "complaint_handling", "image")


def with_price(model: Model) -> Model:
    """Return the model with price in the place of value.

    Parameters
    ----------
    model : Model
        A model with ``value`` and ``satisfaction``.

    Returns
    -------
    Model
        Price drives satisfaction, and loyalty where `with_loyalty_facets` is
        applied, too; nothing drives price. Value overlaps with quality, price
        doesn't. The items are ``price_1`` to ``price_3``.

    Raises
    ------
    SpecificationError
        If the model lacks a construct, or has ``price`` already.

    Examples
    --------
    >>> from csindex.catalog import acsi
    >>> "price" in with_price(acsi()).construct_names
    True
    """
    _check("with_price", model, ("value", "satisfaction"), ("price",))
    changed = _put(model, PRICE, "value")
    return _improved(
        changed, known("verified", ("price", "satisfaction")), "price for value"
    )


def with_image_consequence(model: Model) -> Model:
    """Return the model with image, as a result of satisfaction, for expectation.

    Parameters
    ----------
    model : Model
        A model with ``expectation`` and ``satisfaction``; image may be among the
        drivers.

    Returns
    -------
    Model
        Satisfaction drives image. Of the paths that an image had before, the one to
        loyalty stays; it comes where `with_loyalty_facets` is applied, too.
        Expectations are asked after the purchase and say little. The items of a new
        image are ``image_1`` to ``image_3``.

    Raises
    ------
    SpecificationError
        If the model lacks a construct, or image is a result of satisfaction already.

    Examples
    --------
    >>> from csindex.catalog import acsi
    >>> [p.source for p in with_image_consequence(acsi()).paths if p.target == "image"]
    ['satisfaction']
    """
    _check("with_image_consequence", model, ("expectation", "satisfaction"), ())
    pairs = {(path.source, path.target) for path in model.paths}
    if ("satisfaction", "image") in pairs:
        raise SpecificationError(
            f"with_image_consequence: in model {model.name!r} satisfaction drives "
            "image already"
        )
    own = {c.name: c for c in model.constructs}.get("image", IMAGE)
    later = [p for p in model.paths if p.source == "image" and p.target == "loyalty"]
    gone = {"image", "expectation"} & set(model.construct_names)
    changed = model.without(*gone)
    place = changed.construct_names.index("satisfaction") + 1
    changed = replace(
        changed,
        constructs=(*changed.constructs[:place], own, *changed.constructs[place:]),
    )
    arrows = (*known("verified", ("satisfaction", "image")), *later)
    return _improved(changed, arrows, "image for expectation")


def with_complaint_handling(model: Model) -> Model:
    """Return the model with complaint handling in the place of complaints.

    Parameters
    ----------
    model : Model
        A model with ``complaints``, ``satisfaction`` and ``loyalty``.

    Returns
    -------
    Model
        How well complaints are handled drives satisfaction and loyalty, both
        upwards. The items are ``complaint_handling_1`` and ``complaint_handling_2``.
        Only who complained can answer them.

    Raises
    ------
    SpecificationError
        If the model lacks a construct, or has ``complaint_handling`` already.

    Examples
    --------
    >>> from csindex.catalog import acsi
    >>> "complaints" in with_complaint_handling(acsi()).construct_names
    False
    """
    needed = ("complaints", "satisfaction", "loyalty")
    _check("with_complaint_handling", model, needed, ("complaint_handling",))
    changed = _put(model, COMPLAINT_HANDLING, "complaints")
    arrows = known(
        "verified",
        ("complaint_handling", "satisfaction"),
        ("complaint_handling", "loyalty"),
    )
    return _improved(changed, arrows, "complaint handling for complaints")


def with_loyalty_facets(model: Model) -> Model:
    """Return the model with more drivers of loyalty.

    Parameters
    ----------
    model : Model
        A model with ``satisfaction`` and ``loyalty``.

    Returns
    -------
    Model
        Affective and calculative commitment, which satisfaction drives, drive
        loyalty; so do price, complaint handling and image, as far as the model has
        them or gets them later. The commitments' items are ten relationship ties:
        ``tie_knowledge``, ``tie_social``, ``tie_cultural``, ``tie_values`` and
        ``tie_psychological``; ``tie_legal``, ``tie_economic``, ``tie_technical``,
        ``tie_geographic`` and ``tie_time``.

    Raises
    ------
    SpecificationError
        If the model lacks a construct, or has a commitment already.

    Examples
    --------
    >>> from csindex.catalog import acsi
    >>> len(with_loyalty_facets(acsi()).construct_names)
    8
    """
    new = (AFFECTIVE, CALCULATIVE)
    _check(
        "with_loyalty_facets",
        model,
        ("satisfaction", "loyalty"),
        [construct.name for construct in new],
    )
    place = model.construct_names.index("loyalty")
    changed = replace(
        model, constructs=(*model.constructs[:place], *new, *model.constructs[place:])
    )
    arrows = known(
        "inferred",
        *(("satisfaction", construct.name) for construct in new),
        *((construct.name, "loyalty") for construct in new),
    )
    return _improved(changed, arrows, "more drivers of loyalty")


def _check(
    what: str, model: Model, needed: Sequence[str], absent: Sequence[str]
) -> None:
    names = model.construct_names
    problems = [
        f"{what} needs {name!r}, which model {model.name!r} does not have; its "
        f"constructs are {quoted(names)}"
        for name in needed
        if name not in names
    ]
    problems += [
        f"{what}: model {model.name!r} already has {name!r}"
        for name in absent
        if name in names
    ]
    if problems:
        raise SpecificationError(problems)


def _put(model: Model, new: Construct, old: str) -> Model:
    """Return the model with a construct without paths in the place of another."""
    place = model.construct_names.index(old)
    left = model.without(old)
    return replace(
        left, constructs=(*left.constructs[:place], new, *left.constructs[place:])
    )


def _improved(model: Model, arrows: Sequence[Path], change: str) -> Model:
    """Return the model with new paths, those of the loyalty facets, and its story."""
    facets: tuple[Path, ...] = ()
    if AFFECTIVE.name in model.construct_names:
        present = [name for name in _FACETS if name in model.construct_names]
        facets = known("verified", *((name, "loyalty") for name in present))
    paths = {(p.source, p.target): p for p in (*model.paths, *arrows)}
    for path in facets:
        paths.setdefault((path.source, path.target), path)
    told = model.reference.removesuffix(_SOURCE).removesuffix("; ")
    return replace(
        model,
        name=f"{model.name}+" if not model.name.endswith("+") else model.name,
        paths=tuple(paths.values()),
        title=f"{model.title or model.name}, {change}",
        year=None,
        reference=f"{told}; {_SOURCE}" if told else _SOURCE,
    )
