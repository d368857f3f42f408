"""Where the nodes of a four-level tree stand: levels to the right, leaves below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# between the constructs' branches, and between those of indicators, in points
_APART = {2: 9.0, 3: 5.0}


@dataclass(frozen=True)
class Branch:
    """A node with what stands below it.

    Attributes
    ----------
    name : str
        The node.
    level : int
        1 index, 2 construct, 3 specific indicator, 4 item.
    height : float
        What its own box needs, in points.
    below : tuple of Branch
        The branches below it.
    """

    name: str
    level: int
    height: float
    below: tuple[Branch, ...] = ()


def room(branch: Branch) -> float:
    """Return the height that a branch needs.

    Parameters
    ----------
    branch : Branch
        The branch.

    Returns
    -------
    float
        Its own height or that of all below it, whichever is more, in points.
    """
    return max(branch.height, _needed(branch.below))


def rows(branch: Branch, top: float = 0.0) -> dict[str, float]:
    """Return where the nodes of a branch stand.

    Parameters
    ----------
    branch : Branch
        The branch.
    top : float
        Where it begins, in points, downwards.

    Returns
    -------
    dict of str to float
        The centre of each node. A node stands in the middle of its room, and so do
        the nodes below it when they need less of it.

    Examples
    --------
    >>> leaves = Branch("a", 4, 10.0), Branch("b", 4, 10.0)
    >>> rows(Branch("top", 2, 10.0, leaves))
    {'top': 10.0, 'a': 5.0, 'b': 15.0}
    """
    whole = room(branch)
    places = {branch.name: top + whole / 2}
    at = top + (whole - _needed(branch.below)) / 2
    for child in branch.below:
        places |= rows(child, at)
        at += room(child) + _gap(branch.below)
    return places


def branches(
    nodes: Sequence[tuple[str, str, int]], heights: Mapping[str, float]
) -> Branch:
    """Return the tree of nodes.

    Parameters
    ----------
    nodes : sequence of (node, parent, level)
        The nodes, the root first.
    heights : mapping of str to float
        The height that each node's own box needs, in points.

    Returns
    -------
    Branch
        The root's branch.
    """

    def grown(name: str, level: int) -> Branch:
        below = tuple(
            grown(node, depth) for node, parent, depth in nodes if parent == name
        )
        return Branch(name, level, heights[name], below)

    root, _, level = nodes[0]
    return grown(root, level)


def _needed(below: Sequence[Branch]) -> float:
    return sum(map(room, below)) + _gap(below) * max(0, len(below) - 1)


def _gap(below: Sequence[Branch]) -> float:
    return max((_APART.get(child.level, 0.0) for child in below), default=0.0)
