"""SERVQUAL's five dimensions of service quality, RATER, in the place of quality."""

from __future__ import annotations

from dataclasses import replace

from csindex.catalog.building import measured
from csindex.errors import SpecificationError
from csindex.model import Construct, Model

# 22 statements: 5, 4, 4, 5 and 4 (Parasuraman, Zeithaml & Berry 1988)
RATER: tuple[Construct, ...] = (
    measured("reliability", 5),
    measured("assurance", 4),
    measured("tangibles", 4),
    measured("empathy", 5),
    measured("responsiveness", 4),
)


def with_rater(model: Model) -> Model:
    """Return the model with SERVQUAL's five dimensions for quality.

    Parameters
    ----------
    model : Model
        A model with ``quality``.

    Returns
    -------
    Model
        Reliability, assurance, tangibles, empathy and responsiveness take the
        place of quality in every path, each with quality's sign and status. Their
        items have general names, 22 in all, as ``reliability_1``.

    Raises
    ------
    SpecificationError
        If the model has no ``quality``, or has one of the dimensions already.

    References
    ----------
    Parasuraman, Zeithaml & Berry (1988), Journal of Retailing 64(1); as the quality
    drivers of an index: Johnson, Gustafsson, Andreassen, Lervik & Cha (2001), Journal
    of Economic Psychology 22(2).

    Examples
    --------
    >>> from csindex.catalog import improved, ncsb_2001
    >>> set(with_rater(improved()).construct_names) == set(ncsb_2001().construct_names)
    True
    """
    names = [dimension.name for dimension in RATER]
    problems = [
        f"with_rater: model {model.name!r} already has {name!r}"
        for name in names
        if name in model.construct_names
    ]
    if "quality" not in model.construct_names:
        problems.append(
            f"with_rater replaces 'quality', which model {model.name!r} does not have; "
            f"its constructs are {', '.join(map(repr, model.construct_names))}"
        )
    if problems:
        raise SpecificationError(problems)
    return replace(
        model,
        name=f"{model.name}_rater",
        constructs=tuple(
            block
            for construct in model.constructs
            for block in (RATER if construct.name == "quality" else (construct,))
        ),
        paths=tuple(
            path._replace(source=source, target=target)
            for path in model.paths
            for source in (names if path.source == "quality" else [path.source])
            for target in (names if path.target == "quality" else [path.target])
        ),
        index=None if model.index == "quality" else model.index,
        title=f"{model.title or model.name}, with RATER",
        year=None,
        reference=(
            f"{model.reference}; quality after Parasuraman, Zeithaml & Berry (1988), "
            "Journal of Retailing 64(1)"
        ).removeprefix("; "),
    )
