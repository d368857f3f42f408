"""The four-level hierarchy of a satisfaction model, as pure functions of estimates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.estimation import Estimates
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.model import Model
from csindex.scoring.scores import construct_scores, item_shares, point_effects
from csindex.scoring.tree import Tree


@dataclass(frozen=True, eq=False)
class NodeValues:
    """What the hierarchy says about each of its k nodes.

    Attributes
    ----------
    share : ndarray of shape (..., k)
        Weight of the node in its parent's score; the siblings' sum is one.
    global_weight : ndarray of shape (..., k)
        Weight of the node in the index: the product of the shares above it.
    score : ndarray of shape (..., k)
        0-100 score.
    impact : ndarray of shape (..., k)
        Points of the index per point of the node.
    """

    share: FloatArray
    global_weight: FloatArray
    score: FloatArray
    impact: FloatArray


def node_values(estimates: Estimates, tree: Tree) -> NodeValues:
    r"""Return share, global weight, score and impact of every node.

    Parameters
    ----------
    estimates : Estimates
        Estimates of a model that names its index, one set or a stack.
    tree : Tree
        The hierarchy of that model, from `csindex.scoring.tree.model_tree`.

    Returns
    -------
    NodeValues
        Arrays with the batch axes of the estimates.

    Notes
    -----
    With the shares :math:`v_h` of the items in their construct's score and the items'
    positions :math:`u_h` on 0-100, a node below a construct has

    .. math:: V_n = \sum_{h \in n} v_h, \quad U_n = \sum_{h \in n} v_h u_h / V_n,
        \quad \mathrm{impact}_n = T_{c(n)} V_n

    with the total effect :math:`T_c` of its construct on the index construct in points
    (one for the index construct itself, zero for what has no way to it). The index is
    the score of its construct, which therefore has share one among the constructs;
    the others act on it by their effects and are no addends.
    """
    model, moments = estimates.model, estimates.moments
    shares, members = item_shares(estimates), node_items(model, tree)
    level = np.array([node.level for node in tree.nodes])
    sums = shares @ members.T
    position = 100.0 * (moments.mean - moments.low) / (moments.high - moments.low)
    below = level > 2
    owners = _owners(model, tree)[below]
    score = np.empty(sums.shape)
    score[..., level == 1] = construct_scores(estimates)[..., [_index(model)]]
    score[..., level == 2] = construct_scores(estimates)
    # each node's own sum, so that a construct without scale leaves the others alone
    for k in np.flatnonzero(below):
        own = members[k] > 0
        points = (shares * position)[..., own].sum(axis=-1)
        score[..., k] = points / sums[..., k]
    effects = _effects(estimates)
    impact = np.empty(sums.shape)
    impact[..., level == 1] = 1.0
    impact[..., level == 2] = effects
    impact[..., below] = effects[..., owners] * sums[..., below]
    return NodeValues(*_shares(sums, tree, model), score, impact)


def node_items(model: Model, tree: Tree) -> FloatArray:
    """Return which items stand under which node.

    Parameters
    ----------
    model : Model
        A model with p items.
    tree : Tree
        Its hierarchy, with k nodes.

    Returns
    -------
    ndarray of shape (k, p)
        One where the item is the node or stands below it.
    """
    place = {name: k for k, name in enumerate(tree.names)}
    members = np.zeros((len(tree.names), len(model.items)))
    for column, item in enumerate(model.items):
        node = place[item]
        while node >= 0:
            members[node, column] = 1.0
            node = tree.parents[node]
    return members


def _index(model: Model) -> int:
    return model.construct_names.index(model.required_index())


def _owners(model: Model, tree: Tree) -> IntArray:
    """Return the construct's position of each node; zero for the root."""
    members = node_items(model, tree)
    first = members.argmax(axis=1)
    return np.asarray(model.blocks[first].argmax(axis=1), dtype=np.int64)


def _effects(estimates: Estimates) -> FloatArray:
    """Return the points of the index per point of each construct, shape (..., j)."""
    index = _index(estimates.model)
    reached = estimates.total_effects[..., index, :] != 0
    effects = np.where(reached, point_effects(estimates)[..., index, :], 0.0)
    effects[..., index] = 1.0
    return effects


def _shares(
    sums: FloatArray, tree: Tree, model: Model
) -> tuple[FloatArray, FloatArray]:
    """Return shares and global weights from the sums of item shares under nodes."""
    share, total = np.empty(sums.shape), np.empty(sums.shape)
    for k, (node, parent) in enumerate(zip(tree.nodes, tree.parents, strict=True)):
        if node.level == 1:
            share[..., k] = total[..., k] = 1.0
            continue
        if node.level == 2:
            share[..., k] = float(node.name == model.index)
        else:
            share[..., k] = sums[..., k] / sums[..., parent]
        total[..., k] = total[..., parent] * share[..., k]
    return share, total
