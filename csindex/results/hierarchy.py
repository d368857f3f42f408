"""The four-level hierarchy as a table: from the index to the question that moves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from csindex.errors import SpecificationError, quoted, unknown
from csindex.estimation import Estimates
from csindex.estimation.moderated import ModeratedEstimates
from csindex.kernels.arrays import FloatArray
from csindex.model import Model
from csindex.results.statistics import Statistic
from csindex.scoring.hierarchy import node_items, node_values
from csindex.scoring.principles import Facts, checked
from csindex.scoring.tree import Indicators, Tree, model_tree

if TYPE_CHECKING:
    from csindex.results.results import Results

__all__ = [
    "Indicators",
    "Reference",
    "Resampled",
    "check_principles",
    "hierarchy",
    "hierarchy_tree",
    "node_statistic",
    "sem_index",
]


class Resampled(Protocol):
    """What gives a statistic its interval: a bootstrap."""

    @property
    def results(self) -> Results:
        """The fit."""
        ...

    def of(self, statistic: Statistic) -> pd.DataFrame:
        """Return estimate, se, low and high of each value.

        Parameters
        ----------
        statistic : Statistic
            The statistic.

        Returns
        -------
        DataFrame
            One row per value.
        """
        ...


Reference = float | Mapping[str, float]


def hierarchy(
    results: Results,
    indicators: Indicators | None = None,
    boot: Resampled | None = None,
    target: Reference | None = None,
    benchmark: Reference | None = None,
) -> pd.DataFrame:
    r"""Return every node from the index down to the questions.

    Parameters
    ----------
    results : Results
        A fit of a model that names its index.
    indicators : mapping of str to sequence of str, optional
        The specific indicators (level 3), each with its items. None: those of the
        survey's codebook or of the estimator. An item in none of them is the only
        question of an indicator called ``construct.item``.
    boot : Bootstrap, optional
        A bootstrap of the same fit, for intervals of scores and impacts.
    target, benchmark : float or mapping of str to float, optional
        Scores to compare with: one for all nodes, or by node.

    Returns
    -------
    DataFrame
        One row per node, from the root downwards: level (1 index, 2 construct, 3
        specific indicator, 4 item), node, parent, share (in the parent's score),
        global_weight (in the index), score (0-100), impact (points of the index per
        point of the node) and note (why there is no score). With ``boot`` also
        score_low, score_high, impact_low, impact_high; with ``target`` or
        ``benchmark`` target, target_gap, benchmark, benchmark_gap: what is still
        missing, reference minus score.

    Raises
    ------
    SpecificationError
        If the model names no index or the index has no 0-100 score; for a second
        parent, a node without parent, an indicator without items, an unknown node
        in a reference, or a bootstrap of another fit.

    Notes
    -----
    Each score is the share-weighted sum of the scores below it, and the global
    weights times the items' scores add up to the index. The index is the score of
    its construct, which has share one on level 2: the other constructs act on it by
    their total effects, the impact, and are no addends. Interactions and quadratic
    effects, which no question asks about, have no place in it.

    References
    ----------
    Fornell, Johnson, Anderson, Cha & Bryant (1996), Journal of Marketing 60(4).

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> table = hierarchy(results, {"goods": ["OVERALLQ", "CUSTOMQ"]}, target=80)
    >>> table.loc[table["node"] == "goods", ["level", "parent"]].values.tolist()
    [[3, 'quality']]
    """
    index = results.index  # refuses what has none
    tree = hierarchy_tree(results, indicators)
    values = node_values(results.estimates, tree)
    notes = _notes(results, tree)
    given = np.array([not note for note in notes])
    score, impact = values.score, values.impact
    table = pd.DataFrame(
        {
            "level": [node.level for node in tree.nodes],
            "node": tree.names,
            "parent": [node.parent for node in tree.nodes],
            "share": np.where(given, values.share, np.nan),
            "global_weight": values.global_weight,
            "score": np.where(given, score, np.nan),
            "impact": np.where(given, impact, np.nan),
            "note": notes,
        }
    )
    table.loc[0, "score"] = index
    if boot is not None:
        table = pd.concat([table, _intervals(results, tree, boot, given)], axis=1)
    references = {"target": target, "benchmark": benchmark}
    problems: list[str] = []
    for name, reference in references.items():
        if reference is not None:
            points = _reference(reference, tree, name, problems)
            table[name] = points
            table[f"{name}_gap"] = points - table["score"]
    if problems:
        raise SpecificationError([f"hierarchy: {problem}" for problem in problems])
    asked = ~np.isin(_construct_names(results, tree), _terms(results.estimates))
    return table[asked].reset_index(drop=True)


def sem_index(results: Results) -> float:
    """Return the index of a satisfaction model: its index construct's 0-100 score.

    This is what published indices report. A weighted tree over everything that was
    asked is another number, see `csindex.scoring.composite_index`.

    Parameters
    ----------
    results : Results
        A fit of a model that names its index.

    Returns
    -------
    float
        The index, 0-100.

    Raises
    ------
    SpecificationError
        If the model names no index, or it has no 0-100 score.

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> sem_index(results) == results.index
    True
    """
    return results.index


def hierarchy_tree(results: Results, indicators: Indicators | None = None) -> Tree:
    """Return the tree of a fit's hierarchy.

    Parameters
    ----------
    results : Results
        A fit.
    indicators : mapping of str to sequence of str, optional
        The specific indicators, each with its items; None: those of the survey's
        codebook or of the estimator.

    Returns
    -------
    Tree
        Index, constructs, specific indicators and items.

    Raises
    ------
    SpecificationError
        For a second parent, a node without parent or an indicator without items.
    """
    if indicators is None:
        indicators = _known_indicators(results)
    return model_tree(results.model, indicators)


def node_statistic(tree: Tree) -> Statistic:
    """Return the scores and the impacts of all nodes, to be bootstrapped.

    Parameters
    ----------
    tree : Tree
        The tree, with k nodes.

    Returns
    -------
    Statistic
        k scores, then k impacts, in the tree's order.
    """

    def compute(estimates: Estimates) -> FloatArray:
        values = node_values(estimates, tree)
        return np.concatenate([values.score, values.impact], axis=-1)

    def labels(model: Model) -> pd.DataFrame:
        del model
        quantities = np.repeat(["score", "impact"], len(tree.names))
        return pd.DataFrame({"node": [*tree.names] * 2, "quantity": quantities})

    return Statistic("nodes", compute, labels, tested=False)


def check_principles(
    results: Results,
    indicators: Indicators | None = None,
    benchmark: Reference | None = None,
    controllable: Mapping[str, bool] | None = None,
) -> pd.DataFrame:
    """Check the specific indicators against the four principles of an indicator system.

    They should be important to customers, controllable by the company, measurable, and
    chosen with the competitors in view.

    Parameters
    ----------
    results : Results
        A fit to a survey.
    indicators : mapping of str to sequence of str, optional
        The specific indicators, each with its items; as in `hierarchy`.
    benchmark : float or mapping of str to float, optional
        Competitors' scores, for all indicators or by indicator, construct or item.
    controllable : mapping of str to bool, optional
        Whether the company can change an indicator or an item; it comes before what
        the codebook says.

    Returns
    -------
    DataFrame
        One row per specific indicator of the index's drivers and principle: node,
        principle, value, threshold, verdict ("met", "not met", "not known") and
        reason.

    Raises
    ------
    SpecificationError
        If the hierarchy can't be had, or for an unknown node.

    Notes
    -----
    *Important*: an impact of at least half the mean of the indicators'.
    *Controllable*: said so of the indicator, or of all its items. *Measurable*: of no
    item are more than 15 percent of the answers missing, or more than half at one end
    of the scale. *Competitors considered*: there is a benchmark. The numbers are rules
    of thumb, kept in `csindex.scoring.principles`; they flag and don't gate.

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> table = check_principles(results, benchmark=75)
    >>> sorted(table["principle"].unique())
    ['competitors considered', 'controllable', 'important', 'measurable']
    """
    tree = hierarchy_tree(results, indicators)
    table = hierarchy(results, indicators, benchmark=benchmark)
    return checked(table, _facts(results, tree, controllable or {}))


def _known_indicators(results: Results) -> Indicators:
    given: Any = getattr(results.estimator, "indicators", None)
    if given is not None:
        return dict(given)
    if results.survey is None:
        return {}
    members = results.survey.codebook.indicator_items
    used = set(results.model.items)
    return {
        name: chosen
        for name, items in members.items()
        if (chosen := [item for item in items if item in used])
    }


def _notes(results: Results, tree: Tree) -> list[str]:
    """Return why a node has no score: the note of its construct."""
    notes = results.scores.set_index("construct")["note"]
    owner = dict(zip(tree.names, _construct_names(results, tree), strict=True))
    return [
        "" if node.level == 1 else str(notes[owner[node.name]]) for node in tree.nodes
    ]


def _terms(estimates: Estimates) -> list[str]:
    """Return the constructs that are products of others."""
    if not isinstance(estimates, ModeratedEstimates):
        return []
    return [term.name for term in estimates.terms]


def _construct_names(results: Results, tree: Tree) -> list[str]:
    names: list[str] = []
    for node in tree.nodes:
        names.append(node.name if node.level <= 2 else names[_place(tree, node.parent)])
    return names


def _place(tree: Tree, name: str) -> int:
    return tree.names.index(name)


def _intervals(
    results: Results, tree: Tree, boot: Resampled, given: np.ndarray
) -> pd.DataFrame:
    if getattr(boot, "results", None) is not results:
        raise SpecificationError(
            "hierarchy: this is the bootstrap of another fit; give boot="
            "csi.bootstrap(results)"
        )
    limits = boot.of(node_statistic(tree))
    columns = {
        f"{name}_{end}": np.where(
            given, limits.loc[limits["quantity"] == name, end], np.nan
        )
        for name in ("score", "impact")
        for end in ("low", "high")
    }
    return pd.DataFrame(columns)


def _reference(
    reference: Reference, tree: Tree, name: str, problems: list[str]
) -> FloatArray:
    """Return the reference score of every node, NaN where there is none."""
    if isinstance(reference, Mapping):
        problems += unknown("node", reference, tree.names, f"in {name}")
        points = [reference.get(node, np.nan) for node in tree.names]
    else:
        points = [reference] * len(tree.names)
    numbers = pd.to_numeric(pd.Series(points, dtype=object), errors="coerce")
    values = numbers.to_numpy(dtype=np.float64)
    wrong = [
        point
        for point, value in zip(points, values, strict=True)
        if (value < 0 or value > 100) or (np.isnan(value) and point == point)
    ]
    if wrong:
        problems.append(
            f"{name} has {quoted(dict.fromkeys(wrong))}; scores run from 0 to 100"
        )
    return np.asarray(values)


def _facts(results: Results, tree: Tree, controllable: Mapping[str, bool]) -> Facts:
    """Return what the check needs to know of each node beside its scores."""
    book = None if results.survey is None else results.survey.codebook
    said = {} if book is None else book.controllable
    if problems := unknown("node", controllable, tree.names, "in controllable"):
        raise SpecificationError(problems)
    members = node_items(results.model, tree) > 0
    items = np.array(results.model.items)
    under = {
        name: tuple(items[row].tolist())
        for name, row in zip(tree.names, members, strict=True)
    }
    return Facts(under, {**said, **controllable}, *_answer_shares(results))


def _answer_shares(
    results: Results,
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Return each item's share of missing answers and of answers at one end."""
    if results.survey is None or results.answers is None:
        return {}, {}
    model, survey, names = results.model, results.survey, results.answers.names
    rules = survey.skip_violations(model.instrument).set_index("item")
    answers = survey.answers(names, model.instrument, incomplete="pairwise")
    known = ~np.isnan(answers.values)
    missing = dict(zip(names, map(float, 1 - known.mean(axis=0)), strict=True))
    for item in rules.index[rules["asked"] > 0].intersection(names):
        row = rules.loc[item]
        missing[item] = float(row["asked_unanswered"] / row["asked"])
    at_ends = [(answers.values == end) & known for end in (answers.low, answers.high)]
    counts = np.maximum(*(end.sum(axis=0) for end in at_ends))
    ends = counts / known.sum(axis=0)
    return missing, dict(zip(names, map(float, ends), strict=True))
