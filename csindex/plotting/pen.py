"""The strokes of a path diagram: boxes, arrows, labels, legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from csindex.kernels.arrays import FloatArray
from csindex.plotting import style
from csindex.plotting.layout import Box, Edge
from csindex.plotting.texts import text_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# font sizes and distances, in points
NAME, SCORE, SMALL, TAG, LABEL, SIGN = 10.5, 17.0, 8.5, 8.0, 9.5, 13.0
PAD, LINE, TALL, FLAT = 11.0, 13.0, 56.0, 36.0
NAME_LINE = 12.5


@dataclass(frozen=True)
class Node:
    """What stands in one box; a long name has several lines."""

    name: str
    score: str
    note: str
    tags: tuple[tuple[str, str], ...]
    is_index: bool


@dataclass(frozen=True)
class Arrow:
    """What one arrow says."""

    edge: Edge
    label: str
    size: float
    strength: float
    colour: str
    uncertain: bool


@dataclass(frozen=True)
class Pen:
    """Draws in points on axes whose unit is ``scale`` points."""

    ax: Axes
    scale: float
    families: list[str]

    def write(self, x: float, y: float, text: str, size: float, **options: Any) -> None:
        """Write a text."""
        options = {"ha": "center", "va": "center", "color": style.INK, **options}
        self.ax.text(
            x,
            y,
            text,
            fontsize=size * self.scale,
            fontfamily=self.families,
            **style.PLAIN,
            **options,
        )

    def node(self, node: Node, box: Box) -> None:
        """Draw a box with its texts."""
        from matplotlib.patches import FancyBboxPatch

        fill, ink, soft = (
            (style.NAVY, "white", "#C5D5E8")
            if node.is_index
            else ("white", style.INK, style.GREY)
        )
        self.ax.add_patch(
            FancyBboxPatch(
                (box.x - box.width / 2, box.y - box.height / 2),
                box.width,
                box.height,
                boxstyle="round,pad=0,rounding_size=7",
                facecolor=fill,
                edgecolor=style.NAVY,
                linewidth=1.1 * self.scale,
                zorder=4,
            )
        )
        top = box.y + box.height / 2
        bare = not (node.score or node.note)
        lines = node.name.split("\n")
        y = top - (18 if bare else 16)
        for k, line in enumerate(lines):
            self.write(
                *(box.x, y - NAME_LINE * k, line, NAME),
                weight="bold",
                color=ink,
                zorder=5,
            )
        top -= NAME_LINE * (len(lines) - 1)
        if bare:
            self._tags(node, box, top - 36, ink, soft)
            return
        self._numbers(node, box, top - 39, ink, soft)
        self._tags(node, box, top - 58, ink, soft)

    def _numbers(self, node: Node, box: Box, y: float, ink: str, soft: str) -> None:
        wide = text_size(node.score, SCORE, self.families)[0] if node.score else 0.0
        narrow = text_size(node.note, SMALL, self.families)[0] if node.note else 0.0
        gap = 7.0 if node.score and node.note else 0.0
        left = box.x - (wide + gap + narrow) / 2
        base = {"ha": "left", "va": "baseline", "zorder": 5}
        self.write(left, y - 6, node.score, SCORE, color=ink, **base)
        self.write(left + wide + gap, y - 6, node.note, SMALL, color=soft, **base)

    def _tags(self, node: Node, box: Box, y: float, ink: str, soft: str) -> None:
        if not node.tags:
            return
        left, right = box.x - box.width / 2 + 10, box.x + box.width / 2 - 10
        self.ax.plot(
            [left, right], [y, y], color=soft, lw=0.5 * self.scale, zorder=5, alpha=0.6
        )
        for k, (item, loading) in enumerate(node.tags):
            line = y - 4 - LINE * (k + 0.5)
            self.write(left, line, item, TAG, ha="left", color=soft, zorder=5)
            self.write(right, line, loading, TAG, ha="right", color=ink, zorder=5)

    def arrow(self, arrow: Arrow, curve: FloatArray) -> None:
        """Draw an arrow."""
        from matplotlib.patches import PathPatch, Polygon
        from matplotlib.path import Path

        width = 0.9 + 4.0 * arrow.strength
        head = 7.0 + 1.9 * width
        to_tip = np.hypot(*(curve - curve[-1]).T)
        shaft = curve[: max(1, int(np.argmax(to_tip < head * 0.7)))]
        back = curve[max(0, int(np.argmax(to_tip < head)) - 1)]
        ahead = (curve[-1] - back) / np.hypot(*(curve[-1] - back))
        base = curve[-1] - ahead * head
        aside = np.array([-ahead[1], ahead[0]]) * head * 0.42
        self.ax.add_patch(
            PathPatch(
                Path(np.vstack([shaft, base + ahead * head * 0.3])),
                facecolor="none",
                edgecolor=arrow.colour,
                linewidth=width * self.scale,
                linestyle=(0, (2.6, 1.6)) if arrow.uncertain else "solid",
                capstyle="butt",
                joinstyle="round",
                zorder=2,
            )
        )
        self.ax.add_patch(
            Polygon(
                np.array(
                    [curve[-1], base + aside, base + ahead * head * 0.2, base - aside]
                ),
                closed=True,
                facecolor=arrow.colour,
                edgecolor="none",
                zorder=3,
            )
        )

    def label(self, arrow: Arrow, place: tuple[float, float]) -> None:
        """Write an arrow's label on it."""
        from matplotlib.patheffects import withStroke

        halo = withStroke(linewidth=4.5 * self.scale, foreground="white")
        self.write(
            *place,
            arrow.label,
            arrow.size,
            color=arrow.colour,
            weight="bold",
            path_effects=[halo],
            zorder=6,
        )

    def legend(self, entries: Sequence[tuple[str, str, bool]], y: float) -> None:
        """Draw a line of samples: colour, meaning, and whether it is dashed."""
        lengths = [
            26 + text_size(entry[1], SMALL, self.families)[0] for entry in entries
        ]
        x = (sum(self.ax.get_xlim()) - sum(lengths) - 22 * (len(entries) - 1)) / 2
        for (colour, meaning, dashed), length in zip(entries, lengths, strict=True):
            self.ax.plot(
                [x, x + 20],
                [y, y],
                color=colour,
                lw=2.2 * self.scale,
                ls=(0, (2.2, 1.3)) if dashed else "solid",
                solid_capstyle="butt",
                zorder=2,
            )
            self.write(x + 26, y, meaning, SMALL, ha="left", color=style.GREY)
            x += length + 22
