"""Second-order measurement: constructs measured by indicators that have own items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Literal, get_args

import numpy as np

from csindex.errors import SpecificationError, quoted
from csindex.estimation import PLS, Estimates, Estimator
from csindex.kernels.arrays import FloatArray
from csindex.kernels.scores import score_moments
from csindex.model import Construct, Model
from csindex.moments import Moments
from csindex.scoring.tree import Indicators, Tree, model_tree

Way = Literal["two-stage", "repeated"]
# separates an item's name from the second use of it
_SECOND = "@"


@dataclass(frozen=True)
class Stages:
    """Both estimates of a two-stage fit.

    Attributes
    ----------
    first : Estimates
        The model with the specific indicators in place of their constructs, each
        with its items and with the paths of its construct.
    second : Estimates
        The model itself, whose items are the specific indicators' scores where a
        construct has such indicators.
    """

    first: Estimates
    second: Estimates


@dataclass(frozen=True)
class SecondOrder:
    r"""Constructs measured by specific indicators, which have items of their own.

    The estimates are those of the model with all its items: weights and loadings say
    what each item contributes to, and shares with, its construct. Whatever is computed
    from estimates (scores, the index, the hierarchy, a bootstrap, groups) therefore
    holds for them.

    Parameters
    ----------
    indicators : mapping of str to sequence of str
        The specific indicators, each with its items; those of a construct replace
        it in the first stage. An item of such a construct that is in none of them is
        an indicator of its own.
    way : {"two-stage", "repeated"}
        ``"two-stage"``: scores of the indicators, estimated in the construct's
        place, are its items in a second estimate. ``"repeated"``: each item measures
        its indicator and, a second time, the construct. (The third way, items
        straight to the construct, is the plain estimator; the hierarchy then adds up
        the items' shares.)
    estimator : Estimator
        What estimates each stage.

    Raises
    ------
    SpecificationError
        For an unknown way; when estimating, for indicators that don't fit the model.

    Notes
    -----
    Two-stage scores are linear in the items, :math:`\eta = \sum_g W_g \sum_h w_{gh}
    z_h`, so that the second stage needs moments only and the product
    :math:`W_g w_{gh}` is the item's weight. With repeated items, a reflective
    construct has paths to its indicators, and a composite one paths from them; then
    they explain it completely, and nothing else can drive it.

    References
    ----------
    Wold (1982), in Joreskog & Wold, Systems under Indirect Observation II; Becker,
    Klein & Wetzels (2012), Long Range Planning 45(5-6); Sarstedt, Hair, Cheah, Becker
    & Ringle (2019), Australasian Marketing Journal 27(3).

    Examples
    --------
    >>> import csindex as csi
    >>> goods = {"core": ["OVERALLQ", "CUSTOMQ"], "faults": ["WRONGQ"]}
    >>> estimator = SecondOrder(goods)
    >>> survey = csi.load_dataset("retail")
    >>> 60 < csi.fit(csi.acsi(), survey, estimator).index < 90
    True
    """

    indicators: Indicators
    way: Way = "two-stage"
    estimator: Estimator = field(default_factory=PLS)

    def __post_init__(self) -> None:
        if self.way not in get_args(Way):
            raise SpecificationError(
                f"SecondOrder: unknown way {self.way!r}; there are "
                f"{quoted(get_args(Way))}"
            )

    def estimate(self, model: Model, moments: Moments) -> Estimates:
        """Estimate a model from moments.

        Parameters
        ----------
        model : Model
            The model, its items those of the questionnaire.
        moments : Moments
            Moments of exactly these items, one set or a stack.

        Returns
        -------
        Estimates
            Estimates of the model with all its items.

        Raises
        ------
        SpecificationError
            If the indicators don't fit the model, or the estimator can't estimate a
            stage.
        """
        if self.way == "repeated":
            return self._repeated(model, moments)
        stages = self.stages(model, moments)
        return _composed(model, moments, stages)

    def stages(self, model: Model, moments: Moments) -> Stages:
        """Estimate both stages of a two-stage fit.

        Parameters
        ----------
        model : Model
            The model, its items those of the questionnaire.
        moments : Moments
            Moments of exactly these items, one set or a stack.

        Returns
        -------
        Stages
            The estimates of each stage.

        Raises
        ------
        SpecificationError
            If the indicators don't fit the model, or the estimator can't estimate a
            stage.
        """
        parts = _parts(model, self.indicators)
        first_model = _first_model(model, parts)
        first = self.estimator.estimate(first_model, moments.select(first_model.items))
        second_model = replace(
            model,
            constructs=tuple(
                replace(c, items=tuple(parts[c.name])) if c.name in parts else c
                for c in model.constructs
            ),
        )
        made = _score_moments_of(first, second_model, parts)
        return Stages(first, self.estimator.estimate(second_model, made))

    def settings(self) -> Mapping[str, str]:
        """Return every option that shapes the numbers, in words.

        Returns
        -------
        mapping of str to str
            Option and its value.
        """
        listed = "; ".join(
            f"{name}: {', '.join(items)}" for name, items in self.indicators.items()
        )
        return {
            **self.estimator.settings(),
            "second-order measurement": {
                "two-stage": "two-stage, indicators' scores as items",
                "repeated": "repeated indicators, each item used twice",
            }[self.way],
            "specific indicators": listed,
        }

    def _repeated(self, model: Model, moments: Moments) -> Estimates:
        parts = _parts(model, self.indicators)
        if problems := _repeated_problems(model, parts):
            raise SpecificationError(problems)
        wide = _repeated_model(model, parts)
        places = [model.items.index(i.removesuffix(_SECOND)) for i in wide.items]
        twice = Moments(
            wide.items,
            moments.mean[..., places],
            moments.cov[..., places, :][..., places],
            moments.n,
            moments.low[places],
            moments.high[places],
        )
        found = self.estimator.estimate(wide, twice)
        items = [wide.items.index(item) for item in model.items]
        constructs = [
            wide.construct_names.index(name) for name in model.construct_names
        ]
        return replace(
            found,
            model=model,
            moments=moments,
            weights=found.weights[..., items, :][..., constructs],
            loadings=found.loadings[..., items, :][..., constructs],
            construct_corr=found.construct_corr[..., constructs, :][..., constructs],
            paths=found.paths[..., constructs, :][..., constructs],
            formative=tuple(found.formative[k] for k in constructs),
        )


def _parts(model: Model, indicators: Indicators) -> dict[str, dict[str, list[str]]]:
    """Return, for each construct with indicators, these and their items."""
    tree: Tree = model_tree(model, indicators)
    parts: dict[str, dict[str, list[str]]] = {}
    for construct in model.constructs:
        names = tree.children[construct.name]
        if any(name in indicators for name in names):
            parts[construct.name] = {
                _plain(name, indicators, tree): list(tree.children[name])
                for name in names
            }
    if not parts:
        raise SpecificationError(
            "second-order measurement needs specific indicators, as "
            "{'staff': ['q1', 'q2']}; without any, use the plain estimator"
        )
    return parts


def _plain(name: str, indicators: Indicators, tree: Tree) -> str:
    """Return an indicator's name; the item's, where it is its only question."""
    return name if name in indicators else tree.children[name][0]


def _first_model(model: Model, parts: Mapping[str, Mapping[str, list[str]]]) -> Model:
    """Return the model with each construct's indicators in its place."""
    constructs = chain.from_iterable(
        [
            Construct(name, tuple(items), c.measurement)
            for name, items in parts[c.name].items()
        ]
        if c.name in parts
        else [c]
        for c in model.constructs
    )
    paths = [
        (source, target, path.sign)
        for path in model.paths
        for source in parts.get(path.source, (path.source,))
        for target in parts.get(path.target, (path.target,))
    ]
    return Model(f"{model.name}, first stage", tuple(constructs), paths)


def _score_moments_of(
    first: Estimates, second: Model, parts: Mapping[str, Mapping[str, list[str]]]
) -> Moments:
    """Return the moments of the second stage's items: scores and single items."""
    given, moments = first.model, first.moments
    raw = first.weights / moments.sd[..., :, None]
    columns: list[FloatArray] = []
    scores = {name for names in parts.values() for name in names}
    for item in second.items:
        if item in scores:
            columns.append(raw[..., given.construct_names.index(item)])
        else:
            own = np.zeros(moments.mean.shape)
            own[..., given.items.index(item)] = 1.0
            columns.append(own)
    maps = np.stack(columns, axis=-1)
    cov = np.swapaxes(maps, -1, -2) @ moments.cov @ maps
    mean = (moments.mean[..., None, :] @ maps)[..., 0, :]
    return Moments(second.items, mean, (cov + np.swapaxes(cov, -1, -2)) / 2, moments.n)


def _composed(model: Model, moments: Moments, stages: Stages) -> Estimates:
    """Return the second stage's estimates in terms of the questionnaire's items."""
    first, second = stages.first, stages.second
    weights = np.zeros((*moments.mean.shape, len(model.constructs)))
    for column, construct in enumerate(second.model.constructs):
        for item in construct.items:
            upper = second.weights[..., second.model.items.index(item), column]
            if item in first.model.construct_names:
                inner = first.model.construct_names.index(item)
                members = first.model.constructs[inner].items
            else:
                inner, members = -1, (item,)
            for member in members:
                lower = (
                    first.weights[..., first.model.items.index(member), inner]
                    if inner >= 0
                    else 1.0
                )
                weights[..., model.items.index(member), column] = upper * lower
    return replace(
        second,
        model=model,
        moments=moments,
        weights=weights,
        loadings=score_moments(moments.corr, weights, model.blocks).loadings,
        converged=first.converged & second.converged,
        iterations=first.iterations + second.iterations,
    )


def _repeated_model(
    model: Model, parts: Mapping[str, Mapping[str, list[str]]]
) -> Model:
    """Return the model and, for some constructs, indicators with the items again."""
    specific = [
        Construct(_again(name), tuple(map(_again, items)), construct.measurement)
        for construct in model.constructs
        for name, items in parts.get(construct.name, {}).items()
    ]
    links: list[tuple[str, str]] = []
    for construct in model.constructs:
        for name in parts.get(construct.name, {}):
            pair = (construct.name, _again(name))
            ends = pair if construct.measurement == "reflective" else pair[::-1]
            links.append(ends)
    return Model(
        f"{model.name}, repeated items",
        (*model.constructs, *specific),
        (*model.paths, *links),
    )


def _again(name: str) -> str:
    return f"{name}{_SECOND}"


def _repeated_problems(
    model: Model, parts: Mapping[str, Mapping[str, list[str]]]
) -> list[str]:
    problems = [
        f"the name {name!r} ends in {_SECOND!r}, which marks the second use of an "
        "item; rename it"
        for name in (*model.items, *model.construct_names)
        if name.endswith(_SECOND)
    ]
    for construct in model.constructs:
        driven = [path.source for path in model.paths if path.target == construct.name]
        composite = construct.measurement == "composite"
        if construct.name in parts and composite and driven:
            problems.append(
                f"repeated indicators explain the composite {construct.name!r} "
                f"completely, so that the paths from {quoted(driven)} would vanish; "
                "use way='two-stage', or make it reflective"
            )
    return problems
