"""The strokes of a four-level tree: boxes, branches, dots on a scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from csindex.plotting import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Strip:
    """A scale from 0 to 100: where it begins, how wide and how tall it is."""

    left: float
    width: float
    top: float
    bottom: float

    def at(self, score: float) -> float:
        """Return where a score stands."""
        return self.left + self.width * score / 100


@dataclass(frozen=True)
class TreePen:
    """Draws in points, y downwards, on axes whose unit is ``scale`` points."""

    ax: Axes
    scale: float
    families: list[str]

    def write(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        align: str = "center",
        bold: bool = False,
        head: bool = False,
        colour: str = style.INK,
    ) -> None:
        """Write a text; a head is grey and bold."""
        self.ax.text(
            x,
            y,
            text,
            fontsize=size * self.scale,
            fontfamily=self.families,
            ha=align,
            va="center",
            color=style.GREY if head else colour,
            fontweight="bold" if bold or head else "normal",
            zorder=5,
            **style.PLAIN,
        )

    def box(
        self, left: float, top: float, width: float, height: float, strong: bool
    ) -> None:
        """Draw a box."""
        from matplotlib.patches import FancyBboxPatch

        self.ax.add_patch(
            FancyBboxPatch(
                (left, top),
                width,
                height,
                boxstyle="round,pad=0,rounding_size=5",
                facecolor=style.NAVY if strong else "white",
                edgecolor=style.NAVY,
                linewidth=1.0 * self.scale,
                zorder=4,
            )
        )

    def edge(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        impact: float | None = None,
    ) -> None:
        """Draw a branch; one with an impact is as wide as that is large."""
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        middle = (start[0] + end[0]) / 2
        corners = [start, (middle, start[1]), (middle, end[1]), end]
        colour, width = style.LIGHT, 1.0
        if impact:
            colour = style.BLUE if impact > 0 else style.VERMILION
            width = 0.8 + 4.0 * min(abs(impact), 1.0)
        self.ax.add_patch(
            PathPatch(
                Path(corners, [Path.MOVETO, *[Path.CURVE4] * 3]),
                facecolor="none",
                edgecolor=colour,
                linewidth=width * self.scale,
                linestyle=(0, (3, 2)) if impact == 0 else "solid",
                zorder=0.5 if impact == 0 else 1,
            )
        )

    def scale_of(self, strip: Strip) -> None:
        """Draw the lines of a scale and write its numbers above and below."""
        for score in (0, 50, 100):
            x = strip.at(score)
            self.ax.plot(
                [x, x],
                [strip.top - 2, strip.bottom - 10],
                color="#E3E8ED",
                lw=0.8 * self.scale,
                zorder=0,
            )
            for y in (strip.top - 8, strip.bottom - 4):
                self.write(x, y, str(score), 7.5, colour=style.GREY)

    def dot(
        self, strip: Strip, y: float, score: float, ends: tuple[float, float]
    ) -> None:
        """Draw a score on a scale, with its interval where there is one."""
        if score != score:
            return
        low, high = ends
        if low == low:
            self.ax.plot(
                [strip.at(low), strip.at(high)],
                [y, y],
                color=style.BLUE,
                alpha=0.35,
                lw=4.0 * self.scale,
                solid_capstyle="butt",
                zorder=2,
            )
        self.ax.plot(
            strip.at(score),
            y,
            "o",
            color=style.BLUE,
            ms=5.0 * self.scale,
            mec="white",
            mew=0.8 * self.scale,
            zorder=3,
        )
