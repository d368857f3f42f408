"""The composite index: a weighted tree over everything that was asked.

It is another number than the index of a satisfaction model, which is the score of the
satisfaction construct, and carries another name: composite, never that of a published
index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd

from csindex.errors import CsindexError, DataError, SpecificationError, quoted, unknown
from csindex.estimation import Estimates
from csindex.kernels.arrays import FloatArray
from csindex.model import Model
from csindex.scoring.scores import item_shares
from csindex.scoring.tree import ROOT, Tree, read_tree
from csindex.scoring.weighting import (
    Weighting,
    component_weights,
    critic_weights,
    entropy_weights,
    equal_weights,
)
from csindex.survey import Survey

# a parent's score needs at least this part of its children
_PRESENT = 0.5
# sources that need nothing but the scores
SOURCES = ("equal", "pls", "entropy", "critic")

Weights = str | Mapping[str, "str | Weighting"]


class Fitted(Protocol):
    """What item weights can be taken from: a fit."""

    @property
    def estimates(self) -> Estimates:
        """The estimates."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class CompositeIndex:
    """A composite index; made by `composite_index`.

    Attributes
    ----------
    score : float
        The index, 0-100.
    se : float
        Its standard error with the weights as given, from the respondents' spread.
    n : int
        Respondents with a score.
    nodes : DataFrame
        Level, node, parent, share, global_weight, score (0-100, after reversing),
        reversed, source of the weight.
    weightings : mapping of str to Weighting
        The weights below each parent.
    respondents : ndarray of shape (n_read,)
        Every respondent's index; NaN where too much is missing.
    label : str
        What the number has to be called.
    """

    score: float
    se: float
    n: int
    nodes: pd.DataFrame
    weightings: Mapping[str, Weighting]
    respondents: FloatArray = field(repr=False)
    label: str = "composite index"

    def __repr__(self) -> str:
        sources = dict.fromkeys(w.source for w in self.weightings.values())
        table = self.nodes.drop(columns="source").round(3)
        return (
            f"{self.label}: {self.score:.2f} (se {self.se:.2f}, n = {self.n}, "
            f"weights: {', '.join(sources)})\n"
            f"{table.to_string(index=False)}"
        )


def composite_index(
    data: Survey | pd.DataFrame,
    tree: Model | Tree | Mapping[str, Sequence[str]],
    weights: Weights = "equal",
    fit: Fitted | None = None,
    reverse: Sequence[str] | None = None,
) -> CompositeIndex:
    r"""Compute a composite index: a weighted tree of scores.

    Parameters
    ----------
    data : Survey or DataFrame
        A survey whose items have scales, or item scores on 0-100, one row per
        respondent.
    tree : Model, Tree or mapping of str to sequence of str
        Who is whose parent: for each parent its children, down to items. A model
        gives its constructs and their items.
    weights : str, or mapping of str to (str or Weighting)
        Where the weights of siblings come from: ``"equal"``, ``"pls"``,
        ``"entropy"``, ``"critic"``, or a `Weighting` from `ahp_weights`,
        `direct_weights`, `constant_sum_weights`; one source for all parents, or by
        parent with ``"*"`` for the rest.
    fit : Results, optional
        The fit whose weights ``"pls"`` takes for the constructs of its model and the
        nodes below them.
        Elsewhere ``"pls"`` is that of a single block, the first component.
    reverse : sequence of str, optional
        Nodes of which more is worse: 100 minus the scores of the items under them
        counts. None: ``complaints``, if there is such a node.

    Returns
    -------
    CompositeIndex
        The index and every node's share, global weight and score.

    Raises
    ------
    SpecificationError
        With every problem found: no tree, an unknown source or parent, weights that
        don't fit a parent's children.
    DataError
        If an item has no column or no scale, scores are off 0-100, or a source can't
        weight these scores.

    Notes
    -----
    .. math:: U_p = \sum_c v_c U_c, \quad \sum_c v_c = 1

    A respondent's missing child leaves its weight to the others, as long as half of
    the children are there. Without missing answers the global weights times the
    items' mean scores give the index.

    Examples
    --------
    >>> import pandas as pd
    >>> scores = pd.DataFrame({"q1": [80, 60], "q2": [40, 60], "p1": [50, 70]})
    >>> tree = {"index": ["staff", "p1"], "staff": ["q1", "q2"]}
    >>> composite_index(scores, tree).score
    60.0
    """
    shape = _as_tree(tree)
    turned = _reversed(shape, reverse)
    sources = _sources(shape, weights)
    base = _item_scores(data, shape, tree)
    shares = {} if fit is None else _fit_shares(fit, shape)
    values = {
        name: 100.0 - column if name in turned else column
        for name, column in base.columns.items()
    }
    weightings: dict[str, Weighting] = {}
    for node in reversed(shape.nodes):
        if node.name not in shape.children:
            continue
        names = shape.children[node.name]
        scores = np.column_stack([values[name] for name in names])
        source = sources[node.name]
        weightings[node.name] = made = _weighting(
            node.name, source, names, scores, shares
        )
        values[node.name] = _aggregated(scores, np.array(made.weights))
    means = {name: _mean(values[name], base.weights) for name in shape.names}
    root = values[shape.root]
    nodes = _node_table(shape, weightings, means, turned)
    given = ~np.isnan(root)
    if not given.any():
        raise DataError(
            "no respondent answered enough for a composite index: each parent needs "
            "half of its children"
        )
    return CompositeIndex(
        means[shape.root],
        _standard_error(root, base.weights),
        int(given.sum()),
        nodes,
        {name: weightings[name] for name in shape.children},
        root,
    )


def weight_sensitivity(
    data: Survey | pd.DataFrame,
    tree: Model | Tree | Mapping[str, Sequence[str]],
    sources: Mapping[str, Weights] | None = None,
    fit: Fitted | None = None,
    reverse: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Compute the composite index under every source of weights.

    Parameters
    ----------
    data : Survey or DataFrame
        As in `composite_index`.
    tree : Model, Tree or mapping of str to sequence of str
        As in `composite_index`.
    sources : mapping of str to weights, optional
        Further sources by name, each as ``weights`` in `composite_index`. Equal, PLS,
        entropy and CRITIC weights are always compared.
    fit : Results, optional
        As in `composite_index`.
    reverse : sequence of str, optional
        As in `composite_index`.

    Returns
    -------
    DataFrame
        One row per source: source, index, se, difference (from equal weights),
        heaviest (the item with the largest global weight), weight, and note (why a
        source could not be used).

    Raises
    ------
    SpecificationError
        If the tree or a given source is faulty.

    Examples
    --------
    >>> import csindex as csi
    >>> table = weight_sensitivity(csi.load_dataset("retail"), csi.acsi())
    >>> table["source"].tolist()
    ['equal', 'pls', 'entropy', 'critic']
    """
    equal = composite_index(data, tree, "equal", fit, reverse)
    rows = [_compared("equal", equal)]
    for name, weights in {**{s: s for s in SOURCES[1:]}, **(sources or {})}.items():
        try:
            made = composite_index(data, tree, weights, fit, reverse)
        except DataError as error:
            rows.append({"source": name, "note": str(error)})
        else:
            rows.append(_compared(name, made))
    columns = ["source", "index", "se", "difference", "heaviest", "weight", "note"]
    table = pd.DataFrame(rows).reindex(columns=columns)
    return table.assign(difference=table["index"] - equal.score)


def _compared(source: str, made: CompositeIndex) -> dict[str, object]:
    leaves = made.nodes[~made.nodes["node"].isin(made.nodes["parent"])]
    heaviest = leaves.loc[leaves["global_weight"].idxmax()]
    return {
        "source": source,
        "index": made.score,
        "se": made.se,
        "heaviest": heaviest["node"],
        "weight": heaviest["global_weight"],
        "note": "",
    }


@dataclass(frozen=True, eq=False)
class _ItemScores:
    """Item scores (n,) by name, and sampling weights (n,)."""

    columns: Mapping[str, FloatArray]
    weights: FloatArray


def _as_tree(tree: Model | Tree | Mapping[str, Sequence[str]]) -> Tree:
    if isinstance(tree, Tree):
        return tree
    if isinstance(tree, Model):
        return read_tree(
            {ROOT: tree.construct_names, **{c.name: c.items for c in tree.constructs}}
        )
    return read_tree(tree)


def _reversed(tree: Tree, reverse: Sequence[str] | None) -> frozenset[str]:
    """Return the nodes that are turned round: those named, and all below them."""
    if reverse is None:
        reverse = [name for name in ("complaints",) if name in tree.names]
    if problems := unknown("node", reverse, tree.names, "in reverse"):
        raise SpecificationError([f"composite index: {p}" for p in problems])
    turned = set(reverse)
    for node in tree.nodes:
        if node.parent in turned:
            turned.add(node.name)
    return frozenset(turned)


def _sources(tree: Tree, weights: Weights) -> dict[str, str | Weighting]:
    """Return the source of the weights below each parent."""
    given: Mapping[str, str | Weighting] = (
        weights if isinstance(weights, Mapping) else {"*": weights}
    )
    parents = tree.children
    problems = unknown("parent", [n for n in given if n != "*"], parents, "in weights")
    found: dict[str, str | Weighting] = {}
    for name, children in parents.items():
        source = given.get(name, given.get("*", "equal"))
        found[name] = source
        if isinstance(source, Weighting):
            if set(source.names) != set(children):
                problems.append(
                    f"the {source.source} weights of {quoted(source.names)} don't fit "
                    f"{name!r}, whose children are {quoted(children)}"
                )
        elif source not in SOURCES:
            problems.append(
                f"weights of {name!r}: {source!r} is no source; there are "
                f"{quoted(SOURCES)}, and ahp_weights, direct_weights and "
                "constant_sum_weights make one"
            )
    if problems:
        raise SpecificationError(
            [f"composite index: {problem}" for problem in problems]
        )
    return found


def _item_scores(
    data: Survey | pd.DataFrame, tree: Tree, source: object
) -> _ItemScores:
    if isinstance(data, Survey):
        instrument = source.instrument if isinstance(source, Model) else ()
        return _survey_scores(data, tree, instrument)
    if not isinstance(data, pd.DataFrame):
        raise SpecificationError(
            "composite index: data is a survey, or a data frame of item scores on "
            f"0-100, not {type(data).__name__}"
        )
    if problems := unknown("column", tree.leaves, data.columns, "in the scores"):
        raise DataError([f"composite index: {problem}" for problem in problems])
    columns: dict[str, FloatArray] = {}
    problems = []
    for name in tree.leaves:
        try:
            values = data[name].to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError):
            problems.append(f"column {name!r} must hold numbers")
            continue
        columns[name] = values
        if (values < 0).any() or (values > 100).any():
            problems.append(
                f"column {name!r} has scores off 0-100; give a survey with scales, or "
                "rescale it"
            )
    if problems:
        raise DataError([f"composite index: {problem}" for problem in problems])
    return _ItemScores(columns, np.ones(len(data)))


def _survey_scores(
    survey: Survey, tree: Tree, instrument: Sequence[object]
) -> _ItemScores:
    answers = survey.answers(
        tree.leaves,
        instrument,  # type: ignore[arg-type]
        incomplete="pairwise",
    )
    lacking = [
        name
        for name, low in zip(answers.names, answers.low, strict=True)
        if np.isnan(low)
    ]
    if lacking:
        raise DataError(
            f"composite index: the answer scale of {quoted(lacking)} is unknown; say "
            "scale=(1, 10) in read_survey"
        )
    position = 100.0 * (answers.values - answers.low) / (answers.high - answers.low)
    weights = answers.row_weights
    return _ItemScores(dict(zip(answers.names, position.T, strict=True)), weights)


def _fit_shares(fit: Fitted, tree: Tree) -> dict[str, Weighting]:
    """Return the weights that a fit has for its constructs and what is below them."""
    estimates = fit.estimates
    shares = dict(zip(estimates.model.items, item_shares(estimates), strict=True))
    found: dict[str, Weighting] = {}
    for construct in estimates.model.constructs:
        if construct.name not in tree.children:
            continue
        if set(_leaves(tree, construct.name)) != set(construct.items):
            continue
        for parent in _parents(tree, construct.name):
            names = tree.children[parent]
            sums = [sum(shares[leaf] for leaf in _leaves(tree, n)) for n in names]
            weights = tuple(float(part / sum(sums)) for part in sums)
            found[parent] = Weighting(names, weights, "PLS")
    return found


def _leaves(tree: Tree, name: str) -> list[str]:
    """Return the leaves under a node; the node itself if it is one."""
    if name not in tree.children:
        return [name]
    return [leaf for child in tree.children[name] for leaf in _leaves(tree, child)]


def _parents(tree: Tree, name: str) -> list[str]:
    """Return the nodes with children, from a node downwards."""
    if name not in tree.children:
        return []
    below = [node for child in tree.children[name] for node in _parents(tree, child)]
    return [name, *below]


_BY_SCORES: Mapping[str, Callable[[FloatArray, Sequence[str]], Weighting]] = {
    "equal": lambda scores, names: equal_weights(names),
    "entropy": entropy_weights,
    "critic": critic_weights,
    "pls": component_weights,
}


def _weighting(
    parent: str,
    source: str | Weighting,
    names: tuple[str, ...],
    scores: FloatArray,
    shares: Mapping[str, Weighting],
) -> Weighting:
    """Return the weights of the children, in their order."""
    if isinstance(source, Weighting):
        ordered = tuple(source.of(name) for name in names)
        return Weighting(names, ordered, source.source, source.consistency)
    if source == "pls" and parent in shares:
        made = shares[parent]
        negative = [n for n, w in zip(names, made.weights, strict=True) if w < 0]
        if negative:
            raise DataError(
                f"PLS weights: {quoted(negative)} has a negative weight in the fit; "
                "reverse it, or take another source"
            )
        return made
    if len(names) == 1:
        return Weighting(names, (1.0,), source)
    try:
        return _BY_SCORES[source](scores, names)
    except CsindexError as error:
        raise DataError(
            [f"{parent}: {problem}" for problem in error.problems]
        ) from error


def _aggregated(scores: FloatArray, weights: FloatArray) -> FloatArray:
    """Return weighted means (n,) over the children that are there."""
    known = ~np.isnan(scores)
    enough = known.sum(axis=1) >= _PRESENT * scores.shape[1]
    present = known @ weights
    enough &= present > 0
    sums = np.where(known, scores, 0.0) @ weights
    return np.where(enough, sums / np.where(enough, present, 1.0), np.nan)


def _mean(values: FloatArray, weights: FloatArray) -> float:
    known = ~np.isnan(values)
    total = weights[known].sum()
    return float((weights[known] * values[known]).sum() / total) if total else np.nan


def _standard_error(values: FloatArray, weights: FloatArray) -> float:
    """Return the standard error of a weighted mean of independent respondents."""
    known = ~np.isnan(values)
    own, seen = weights[known] / weights[known].sum(), values[known]
    n = len(seen)
    if n < 2:
        return np.nan
    apart = seen - own @ seen
    return float(np.sqrt((own**2 * apart**2).sum() * n / (n - 1)))


def _node_table(
    tree: Tree,
    weightings: Mapping[str, Weighting],
    means: Mapping[str, float],
    turned: frozenset[str],
) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    total: dict[str, float] = {}
    for node in tree.nodes:
        share = weightings[node.parent].of(node.name) if node.parent else 1.0
        total[node.name] = total.get(node.parent, 1.0) * share
        rows.append(
            {
                "level": node.level,
                "node": node.name,
                "parent": node.parent,
                "share": share,
                "global_weight": total[node.name],
                "score": means[node.name],
                "reversed": node.name in turned,
                "source": weightings[node.parent].source if node.parent else "",
            }
        )
    return pd.DataFrame(rows)
