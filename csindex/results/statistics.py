"""Statistics: labelled, pure functions of estimates.

A statistic is computed from one set of estimates for a result, and from a stack of
them for its sampling distribution. Whatever is written as a statistic therefore has
an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pandas as pd

from csindex import scoring
from csindex.estimation import Estimates
from csindex.kernels.arrays import FloatArray, IntArray, from_slab, to_slab
from csindex.kernels.paths import reachable
from csindex.model import Model

# frames of labels that are kept
_FRAMES = 512


@dataclass(frozen=True)
class Labels:
    """Labels that depend on the model only, made once for each model.

    Attributes
    ----------
    make : callable
        From a `Model` to a frame of k rows that names the values.
    """

    make: Callable[[Model], pd.DataFrame]

    def __call__(self, model: Model) -> pd.DataFrame:
        """Return the labels, as the caller's own."""
        return _made(self.make, _Known.of(model), ()).copy()

    def blank(self, model: Model, columns: tuple[str, ...]) -> pd.DataFrame:
        """Return the labels and empty columns, which pandas is slow to add.

        Parameters
        ----------
        model : Model
            The model.
        columns : tuple of str
            Names of the empty columns.

        Returns
        -------
        DataFrame
            The caller's own.
        """
        return _made(self.make, _Known.of(model), columns).copy()


@dataclass(frozen=True)
class _Known:
    """A model that equals others with the same names, in the same places.

    A model itself can be without a hash, as when its items were given as lists.
    """

    names: tuple[str, ...]
    items: tuple[str, ...]
    blocks: bytes
    paths: tuple[tuple[str, str], ...]
    index: str | None
    model: Model = field(compare=False)

    @classmethod
    def of(cls, model: Model) -> _Known:
        paths = tuple((path.source, path.target) for path in model.paths)
        blocks = model.blocks.tobytes()
        return cls(
            model.construct_names, model.items, blocks, paths, model.index, model
        )


@lru_cache(maxsize=_FRAMES)
def _made(
    make: Callable[[Model], pd.DataFrame], known: _Known, columns: tuple[str, ...]
) -> pd.DataFrame:
    return make(known.model).assign(**dict.fromkeys(columns, np.nan))


@dataclass(frozen=True)
class Statistic:
    """A labelled, pure function of estimates.

    Attributes
    ----------
    name : str
        What it is, as ``"paths"``.
    compute : callable
        From `Estimates` with batch axes (...) to an array of shape (..., k).
    labels : callable
        From a `Model` to a frame of k rows that names the values.
    tested : bool
        Whether a value of zero is a hypothesis worth a p-value.
    """

    name: str
    compute: Callable[[Estimates], FloatArray]
    labels: Callable[[Model], pd.DataFrame]
    tested: bool = True

    def table(
        self, estimates: Estimates, **further: Sequence[object] | FloatArray
    ) -> pd.DataFrame:
        """Return the values of one set of estimates with their labels.

        Parameters
        ----------
        estimates : Estimates
            Estimates without batch axes.
        **further : sequence of length k
            Further columns.

        Returns
        -------
        DataFrame
            The labels, a column ``estimate`` and the further columns.
        """
        columns = {"estimate": self.compute(estimates), **further}
        if not isinstance(self.labels, Labels):
            return self.labels(estimates.model).assign(**columns)
        table = self.labels.blank(estimates.model, tuple(columns))
        for position, values in enumerate(columns.values(), -len(columns)):
            table.isetitem(table.shape[1] + position, values)
        return table


def path_positions(model: Model) -> tuple[IntArray, IntArray]:
    """Return the target's and the source's position of each path.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    targets, sources : ndarray of int
        Positions among the constructs, in the order of the model's paths.
    """
    names = model.construct_names
    targets = [names.index(path.target) for path in model.paths]
    sources = [names.index(path.source) for path in model.paths]
    return np.array(targets, dtype=np.int64), np.array(sources, dtype=np.int64)


def effect_positions(model: Model) -> tuple[IntArray, IntArray]:
    """Return target and source of each pair that a directed path joins.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    targets, sources : ndarray of int
        Positions among the constructs, source by source.
    """
    sources, targets = np.nonzero(reachable(model.structure).T)
    return targets, sources


def indirect_positions(model: Model) -> tuple[IntArray, IntArray]:
    """Return target and source of each pair that a detour joins.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    targets, sources : ndarray of int
        Positions among the constructs, source by source.
    """
    reach = reachable(model.structure)
    sources, targets = np.nonzero((model.structure @ reach).T)
    return targets, sources


def routes(model: Model) -> list[tuple[str, ...]]:
    """Return every route of two or more paths, source by source.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    list of tuple of str
        The constructs that each route passes, from its source to its target.

    Examples
    --------
    >>> from csindex.catalog import acsi
    >>> routes(acsi())[0]
    ('expectation', 'quality', 'value')
    """
    onward: dict[str, list[str]] = {name: [] for name in model.construct_names}
    for path in model.paths:
        onward[path.source].append(path.target)
    found: list[tuple[str, ...]] = []
    for source in model.construct_names:
        growing: list[tuple[str, ...]] = [(source,)]
        while growing:
            growing = [(*way, step) for way in growing for step in onward[way[-1]]]
            found += [way for way in growing if len(way) > 2]
    return found


def item_positions(model: Model) -> tuple[IntArray, IntArray]:
    """Return item and construct of each loading.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    items, constructs : ndarray of int
        Positions, construct by construct.
    """
    constructs, items = np.nonzero(model.blocks.T)
    return items, constructs


def pair_labels(model: Model, positions: tuple[IntArray, IntArray]) -> pd.DataFrame:
    """Return source and target names of pairs of constructs.

    Parameters
    ----------
    model : Model
        The model.
    positions : tuple of ndarray of int
        Targets and sources.

    Returns
    -------
    DataFrame
        Columns source and target.
    """
    targets, sources = positions
    names = np.array(model.construct_names)
    return pd.DataFrame({"source": names[sources], "target": names[targets]})


def _path_labels(model: Model) -> pd.DataFrame:
    return pair_labels(model, path_positions(model))


def _item_labels(model: Model) -> pd.DataFrame:
    items, constructs = item_positions(model)
    return pd.DataFrame(
        {
            "construct": np.array(model.construct_names)[constructs],
            "item": np.array(model.items)[items],
        }
    )


def _construct_labels(model: Model) -> pd.DataFrame:
    return pd.DataFrame({"construct": model.construct_names})


def _indirect(estimates: Estimates) -> FloatArray:
    return np.asarray(estimates.total_effects - estimates.paths)


def _along_routes(estimates: Estimates) -> FloatArray:
    """Return the product of the paths along each route, shape (..., k).

    A route is the route to its last but one construct, and one path more.
    """
    position = {n: k for k, n in enumerate(estimates.model.construct_names)}
    ways = routes(estimates.model)
    row = {way: k for k, way in enumerate(ways)}
    paths = to_slab(estimates.paths, 2)
    effects = np.empty((len(ways), paths.shape[-1]))
    for way, effect in zip(ways, effects, strict=True):
        before, last, target = (position[name] for name in way[-3:])
        known = row.get(way[:-1])
        begun = paths[last, before] if known is None else effects[known]
        np.multiply(begun, paths[target, last], out=effect)
    return from_slab(effects, estimates.moments.batch)


def _route_labels(model: Model) -> pd.DataFrame:
    ways = routes(model)
    return pd.DataFrame(
        {
            "source": [way[0] for way in ways],
            "target": [way[-1] for way in ways],
            "route": [" -> ".join(way) for way in ways],
        }
    )


_EFFECT_LABELS = Labels(lambda model: pair_labels(model, effect_positions(model)))
_ITEM_LABELS = Labels(_item_labels)
PATHS = Statistic(
    "paths",
    lambda e: e.paths[(..., *path_positions(e.model))],
    Labels(_path_labels),
)
TOTAL_EFFECTS = Statistic(
    "total effects",
    lambda e: e.total_effects[(..., *effect_positions(e.model))],
    _EFFECT_LABELS,
)
INDIRECT_EFFECTS = Statistic(
    "indirect effects",
    lambda e: _indirect(e)[(..., *indirect_positions(e.model))],
    Labels(lambda model: pair_labels(model, indirect_positions(model))),
)
SPECIFIC_INDIRECT_EFFECTS = Statistic(
    "specific indirect effects",
    _along_routes,
    Labels(_route_labels),
)
LOADINGS = Statistic(
    "loadings",
    lambda e: e.loadings[(..., *item_positions(e.model))],
    _ITEM_LABELS,
)
WEIGHTS = Statistic(
    "weights",
    lambda e: e.weights[(..., *item_positions(e.model))],
    _ITEM_LABELS,
)
SHARES = Statistic(
    "shares",
    lambda e: scoring.item_shares(e)[..., item_positions(e.model)[0]],
    _ITEM_LABELS,
    tested=False,
)
R_SQUARED = Statistic(
    "R squared",
    lambda e: e.r_squared[
        ..., [e.model.construct_names.index(name) for name in e.model.endogenous]
    ],
    Labels(lambda model: pd.DataFrame({"construct": model.endogenous})),
    tested=False,
)
SCORES = Statistic(
    "scores", scoring.construct_scores, Labels(_construct_labels), tested=False
)
INDEX = Statistic(
    "index",
    lambda e: scoring.index_score(e)[..., None],
    Labels(lambda model: pd.DataFrame({"construct": [model.index]})),
    tested=False,
)
POINT_EFFECTS = Statistic(
    "total effects in points",
    lambda e: scoring.point_effects(e)[(..., *effect_positions(e.model))],
    _EFFECT_LABELS,
)
