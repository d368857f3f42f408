"""The path diagram: constructs, scores and effects in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from csindex.errors import SpecificationError
from csindex.inference import Bootstrap
from csindex.kernels.arrays import FloatArray
from csindex.language import Language, Words, words
from csindex.model import Model
from csindex.plotting import style
from csindex.plotting.layout import Box, arrange
from csindex.plotting.pen import (
    FLAT,
    LABEL,
    LINE,
    NAME,
    NAME_LINE,
    PAD,
    SIGN,
    TAG,
    TALL,
    Arrow,
    Node,
    Pen,
)
from csindex.plotting.routing import label_places, routes
from csindex.plotting.subjects import results_and_boot
from csindex.plotting.texts import fitted, text_size, wrapped
from csindex.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARGIN, _LEGEND = 12.0, 30.0
_LEAST_WIDTH = 330.0
_LONGEST = 165.0  # room for a name, in points


@dataclass(frozen=True, eq=False)
class Diagram:
    """A path diagram that is laid out and not drawn yet; made by `diagram`.

    Attributes
    ----------
    nodes : tuple of Node
        What stands in the boxes.
    boxes : tuple of Box
        Where they stand.
    arrows : tuple of Arrow
        What the arrows say.
    curves : tuple of ndarray of shape (points, 2)
        Where they run.
    legend : tuple of (colour, meaning, dashed)
        The legend.
    families : list of str
        Font families.
    """

    nodes: tuple[Node, ...]
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    curves: tuple[FloatArray, ...]
    legend: tuple[tuple[str, str, bool], ...]
    families: list[str]

    @cached_property
    def limits(self) -> FloatArray:
        """Lowest and highest x and y, in points: array of shape (2, 2)."""
        corners = [
            (box.x + side * box.width / 2, box.y + side * box.height / 2)
            for box in self.boxes
            for side in (-1, 1)
        ]
        points = np.vstack([np.array(corners), *self.curves])
        low, high = points.min(axis=0) - _MARGIN, points.max(axis=0) + _MARGIN
        low[1] -= _LEGEND if self.legend else 0.0
        lacking = max(0.0, _LEAST_WIDTH - (high[0] - low[0]))
        low[0], high[0] = low[0] - lacking / 2, high[0] + lacking / 2
        return np.array([low, high])

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches at which its fonts have their own size."""
        width, height = (self.limits[1] - self.limits[0]) / 72
        return float(width), float(height)

    def draw(self, ax: Axes) -> Axes:
        """Draw the diagram, as large as the axes allow."""
        (left, bottom), (right, top) = self.limits
        room = style.size_in_points(ax)
        ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
        ax.set_axis_off()
        scale = min(room[0] / (right - left), room[1] / (top - bottom))
        pen = Pen(ax, scale, self.families)
        for arrow, curve in zip(self.arrows, self.curves, strict=True):
            pen.arrow(arrow, curve)
        for node, box in zip(self.nodes, self.boxes, strict=True):
            pen.node(node, box)
        sizes = [text_size(a.label, a.size, self.families) for a in self.arrows]
        places = label_places(self.curves, sizes, self.boxes)
        for arrow, place in zip(self.arrows, places, strict=True):
            pen.label(arrow, place)
        pen.legend(self.legend, bottom + _MARGIN)
        return ax


def plot_model(
    subject: Results | Bootstrap | Model,
    boot: Bootstrap | None = None,
    language: Language = "en",
    items: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw the path diagram of a model or of its results.

    Parameters
    ----------
    subject : Results, Bootstrap or Model
        What to draw. Of a model without results, the expected signs are shown.
    boot : Bootstrap, optional
        Draws an arrow dashed where its interval contains zero.
    language : {"en", "zh"}
        Language of the construct names and the legend.
    items : bool
        Whether to list each construct's items, with their loadings.
    ax : Axes, optional
        Where to draw; a new pyplot figure if None.

    Returns
    -------
    Axes
        The drawing: in each box the construct's name, 0-100 score and explained
        variance, on each arrow the standardised path coefficient.

    Raises
    ------
    SpecificationError
        If the subject is something else, as the results of several groups.

    Examples
    --------
    >>> import csindex as csi
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> ax = plot_model(csi.acsi())
    """
    plan = diagram(subject, boot, language, items)
    return plan.draw(ax or style.new_axes(*plan.size, margins=False))


def diagram(
    subject: Results | Bootstrap | Model,
    boot: Bootstrap | None = None,
    language: Language = "en",
    items: bool = False,
) -> Diagram:
    """Lay out the path diagram of a model or of its results.

    Parameters
    ----------
    subject, boot, language, items
        As in `plot_model`.

    Returns
    -------
    Diagram
        The diagram; it knows its size and can be drawn.
    """
    model, results, boot = _subject(subject, boot)
    text, families = style.drawable(
        words(language), [*model.construct_names, *(model.items if items else ())]
    )
    nodes = [
        _node(name, model, results, text, items, families)
        for name in model.construct_names
    ]
    arrows = _arrows(model, results, boot)
    edges = [arrow.edge for arrow in arrows]
    boxes = arrange(_sizes(nodes, families), edges)
    return Diagram(
        tuple(nodes),
        tuple(boxes),
        tuple(arrows),
        tuple(routes(boxes, edges)),
        tuple(_legend(arrows, text)),
        families,
    )


def _subject(
    subject: object, boot: Bootstrap | None
) -> tuple[Model, Results | None, Bootstrap | None]:
    if isinstance(subject, Model):
        if boot is not None:
            raise SpecificationError(
                "a model has no estimates to be uncertain about; give the results, as "
                "plot_model(boot.results, boot)"
            )
        return subject, None, None
    results, boot = results_and_boot(subject, boot, "plot_model")
    return results.model, results, boot


def _node(
    name: str,
    model: Model,
    results: Results | None,
    text: Words,
    items: bool,
    families: Sequence[str],
) -> Node:
    own = next(c for c in model.constructs if c.name == name)
    tags = tuple((item, "") for item in own.items) if items else ()
    score = note = ""
    if results is not None:
        position = model.construct_names.index(name)
        value = float(results.scores["score"].iloc[position])
        score = "" if np.isnan(value) else style.number(value, 1)
        if name in results.r_squared.index:
            note = f"R² {style.number(results.r_squared[name])}"
        loadings = results.loadings.set_index(["construct", "item"])["estimate"]
        tags = tuple((i, style.number(loadings[name, i])) for i, _ in tags)
    room = _LONGEST - 30
    shown = tuple((fitted(i, room, TAG, families), value) for i, value in tags)
    title = wrapped(text.construct(name), _LONGEST, NAME, families)
    return Node(title, score, note, shown, name == model.index)


def _arrows(
    model: Model, results: Results | None, boot: Bootstrap | None
) -> list[Arrow]:
    position = {name: k for k, name in enumerate(model.construct_names)}
    arrows: list[Arrow] = []
    for k, path in enumerate(model.paths):
        edge = position[path.source], position[path.target]
        if results is None:
            value = {"+": 1.0, "-": -1.0, "?": 0.0}[path.sign]
            label, strength = path.sign.replace("-", style.MINUS), 0.3
        else:
            value = float(results.paths["estimate"].iloc[k])
            label, strength = style.number(value), min(abs(value), 1.0)
        size = LABEL if results is not None else SIGN
        colour = (
            style.BLUE if value > 0 else style.VERMILION if value < 0 else style.GREY
        )
        uncertain = False
        if boot is not None:
            low, high = boot.paths["low"].iloc[k], boot.paths["high"].iloc[k]
            uncertain = bool(low <= 0 <= high)
        arrows.append(Arrow(edge, label, size, strength, colour, uncertain))
    return arrows


def _sizes(nodes: Sequence[Node], families: Sequence[str]) -> list[tuple[float, float]]:
    """Return one width for all boxes, and each box's height."""
    widths = [96.0]
    widths += [
        text_size(line, NAME, families, bold=True)[0] + 2 * PAD
        for node in nodes
        for line in node.name.split("\n")
    ]
    widths += [
        text_size(f"{item}   {loading}", TAG, families)[0] + 2 * PAD
        for node in nodes
        for item, loading in node.tags
    ]
    return [
        (
            max(widths),
            (TALL if node.score or node.note else FLAT)
            + NAME_LINE * node.name.count("\n")
            + (LINE * len(node.tags) + 8.0 if node.tags else 0.0),
        )
        for node in nodes
    ]


def _legend(arrows: Sequence[Arrow], text: Words) -> list[tuple[str, str, bool]]:
    meanings = {style.BLUE: "positive", style.VERMILION: "negative", style.GREY: "open"}
    used = {arrow.colour for arrow in arrows}
    entries = [
        (colour, text(f"plot.{key}"), False)
        for colour, key in meanings.items()
        if colour in used
    ]
    if any(arrow.uncertain for arrow in arrows):
        entries.append((style.GREY, text("plot.uncertain"), True))
    return entries
