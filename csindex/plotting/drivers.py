"""The importance-satisfaction map: what moves the index, and how well it is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from csindex.diagnostics import importance_performance
from csindex.inference import Bootstrap
from csindex.kernels.arrays import FloatArray
from csindex.language import Language, Words, words
from csindex.plotting import style
from csindex.plotting.frames import records
from csindex.plotting.layout import Box
from csindex.plotting.routing import overlap
from csindex.plotting.subjects import results_and_boot
from csindex.plotting.texts import fitted, text_size, wrapped
from csindex.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _HEIGHT, _LABEL, _REGION, _DOT = 7.2, 5.2, 10.0, 10.0, 11.0
_LONGEST, _LONGEST_TARGET = 150.0, 260.0  # room for a name, in points
_REACH = 0.95  # share of the figure's height that the vertical axis has for its name
_FAR = 9.0  # distance from its point, in points, from which a label is led to
# where a label may stand, from its point's centre to its own border, best first
_OFFSETS = (
    *((9, 5), (-9, 5), (9, -5), (-9, -5)),
    *((9, 0), (-9, 0), (0, 9), (0, -9)),
    *((12, 14), (-12, 14), (12, -14), (-12, -14)),
    *((12, 28), (-12, 28), (12, -28), (-12, -28)),
)
_TINTS = {"I": "#FBE9DF", "II": "#E2F3EC", "III": "#F3F4F6", "IV": "#E3EFF8"}
_INKS = {"I": "#B04A00", "II": "#00785A", "III": "#5F6B7A", "IV": "#005A8C"}


def plot_importance_performance(
    subject: Results | Bootstrap,
    boot: Bootstrap | None = None,
    target: str | None = None,
    language: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw the importance-satisfaction map of the drivers of a construct.

    Parameters
    ----------
    subject : Results or Bootstrap
        What to draw.
    boot : Bootstrap, optional
        Adds the intervals of importance and satisfaction, where the target is the
        model's index.
    target : str, optional
        The construct that is to rise; the model's index if None.
    language : {"en", "zh"}
        Language of the texts.
    ax : Axes, optional
        Where to draw; a new pyplot figure if None.

    Returns
    -------
    Axes
        The map: satisfaction to the right, importance upwards, divided at the
        drivers' means.

    Raises
    ------
    SpecificationError
        If nothing drives the target or a score can't be had.

    Examples
    --------
    >>> import csindex as csi
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> ax = plot_importance_performance(results)
    """
    results, boot = results_and_boot(subject, boot, "plot_importance_performance")
    table = importance_performance(results, target)
    if boot is not None and table.attrs["target"] == results.model.index:
        table = boot.importance
    text, families = style.drawable(
        words(language), [*table["driver"], str(table.attrs["target"])]
    )
    ax = style.new_axes(_WIDTH, _HEIGHT) if ax is None else ax
    style.quiet_axes(ax, families)
    _name_axes(ax, text, families, str(table.attrs["target"]))
    _limit(ax, table)
    _draw_regions(ax, table.attrs["cuts"])
    _draw_drivers(ax, table)
    _write(ax, table, text, families)
    return ax


def _name_axes(ax: Axes, text: Words, families: list[str], target: str) -> None:
    options: dict[str, Any] = {
        "fontfamily": families,
        "fontsize": 9.5,
        "color": style.INK,
    }
    ax.set_xlabel(text("plot.performance"), labelpad=8, **options)
    named = text(
        "plot.importance",
        target=fitted(text.construct(target), _LONGEST_TARGET, _LABEL, families),
    )
    height = ax.figure.figure.get_size_inches()[1] * 72 * _REACH
    ax.set_ylabel(wrapped(named, height, 9.5, families), labelpad=8, **options)


def _limit(ax: Axes, table: pd.DataFrame) -> None:
    """Set limits around the points and their intervals, with room for labels."""
    cuts = table.attrs["cuts"]
    for axis, column, cut in (
        ("y", "importance", cuts[0]),
        ("x", "performance", cuts[1]),
    ):
        columns = [c for c in (column, f"{column}_low", f"{column}_high") if c in table]
        values = np.append(table[columns].to_numpy(dtype=float), cut)
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        least = 6.0 if axis == "x" else 0.06
        margin = 0.22 * max(high - low, least)
        (ax.set_xlim if axis == "x" else ax.set_ylim)(low - margin, high + margin)


def _draw_regions(ax: Axes, cuts: tuple[float, float]) -> None:
    from matplotlib.patches import Rectangle

    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    y, x = cuts
    corners = {
        "I": (left, y, x - left, top - y),
        "II": (x, y, right - x, top - y),
        "III": (left, bottom, x - left, y - bottom),
        "IV": (x, bottom, right - x, y - bottom),
    }
    for region, (x0, y0, width, height) in corners.items():
        ax.add_patch(
            Rectangle((x0, y0), width, height, color=_TINTS[region], lw=0, zorder=0)
        )
    ax.axhline(y, color="white", lw=2.0, zorder=1)
    ax.axvline(x, color="white", lw=2.0, zorder=1)


def _draw_drivers(ax: Axes, table: pd.DataFrame) -> None:
    for row in records(table):
        if "importance_low" in table:
            cross: dict[str, Any] = {
                "color": _INKS[row.region],
                "lw": 1.1,
                "alpha": 0.75,
                "zorder": 3,
            }
            ax.plot(
                [row.performance_low, row.performance_high],
                [row.importance] * 2,
                **cross,
            )
            ax.plot(
                [row.performance] * 2,
                [row.importance_low, row.importance_high],
                **cross,
            )
        ax.plot(
            row.performance,
            row.importance,
            "o",
            ms=9,
            color=_INKS[row.region],
            mec="white",
            mew=1.3,
            zorder=4,
        )


def _write(ax: Axes, table: pd.DataFrame, text: Words, families: list[str]) -> None:
    """Write the regions into their corners and the drivers beside their points."""
    width, height = style.size_in_points(ax)
    size = np.array([width, height])
    obstacles: list[Box] = []
    for region, corner in {
        "I": (0, 1),
        "II": (1, 1),
        "III": (0, 0),
        "IV": (1, 0),
    }.items():
        name = text(f"regions.{region}")
        extent = text_size(name, _REGION, families, bold=True)
        inward = np.where(np.array(corner) == 0, 1, -1)
        centre = np.array(corner) * size + inward * (np.array(extent) / 2 + 9)
        obstacles.append(_at(centre, extent))
        _text(ax, centre / size, name, _REGION, _INKS[region], families, weight="bold")
    span = np.array([np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim())])
    origin = np.array([ax.get_xlim()[0], ax.get_ylim()[0]])
    points = (table[["performance", "importance"]].to_numpy() - origin) / span * size
    names = [
        wrapped(text.construct(name), _LONGEST, _LABEL, families)
        for name in table["driver"]
    ]
    extents = [_extent(name, families) for name in names]
    obstacles += [_at(point, (_DOT, _DOT)) for point in points]
    arms = _arms(table, origin, span, size)
    places = _places(points, extents, obstacles, arms, size)
    for name, place, extent, point in zip(names, places, extents, points, strict=True):
        _lead(ax, point, place, extent, size)
        _text(ax, place / size, name, _LABEL, style.INK, families, zorder=6)


def _extent(name: str, families: Sequence[str]) -> tuple[float, float]:
    """Return width and height of a label of one or two lines."""
    sizes = [text_size(line, _LABEL, families) for line in name.split("\n")]
    return max(width for width, _ in sizes), sum(height for _, height in sizes)


def _lead(
    ax: Axes,
    point: FloatArray,
    place: FloatArray,
    extent: tuple[float, float],
    size: FloatArray,
) -> None:
    """Draw a thin line from a point to its label, where that stands apart."""
    half = np.array(extent) / 2
    nearest = np.clip(point, place - half, place + half)
    if np.hypot(*(nearest - point)) < _FAR + _DOT / 2:
        return
    line = np.array([point, nearest]) / size
    ax.plot(
        *line.T, color=style.GREY, lw=0.7, alpha=0.7, transform=ax.transAxes, zorder=3
    )


def _arms(
    table: pd.DataFrame, origin: FloatArray, span: FloatArray, size: FloatArray
) -> list[Box]:
    """Return the boxes that the intervals' crosses take."""
    if "importance_low" not in table:
        return []
    boxes: list[Box] = []
    ends = ["performance_low", "importance_low", "performance_high", "importance_high"]
    for row in table[ends].to_numpy(dtype=float):
        low, high = (row[:2] - origin) / span * size, (row[2:] - origin) / span * size
        middle = (low + high) / 2
        boxes.append(Box(middle[0], middle[1], high[0] - low[0], 3.0))
        boxes.append(Box(middle[0], middle[1], 3.0, high[1] - low[1]))
    return boxes


def _places(
    points: FloatArray,
    extents: Sequence[tuple[float, float]],
    obstacles: Sequence[Box],
    arms: Sequence[Box],
    size: FloatArray,
) -> list[FloatArray]:
    """Return a centre for each label: near its point, free of everything else."""
    frame = Box(size[0] / 2, size[1] / 2, size[0] - 8, size[1] - 8)
    chosen: dict[int, Box] = {}
    for _ in range(3):
        for k, (point, (width, height)) in enumerate(zip(points, extents, strict=True)):
            best = np.inf
            for rank, (dx, dy) in enumerate(_OFFSETS):
                centre = point + np.array(
                    [
                        np.sign(dx) * (width / 2 + abs(dx)),
                        np.sign(dy) * (height / 2 + abs(dy)),
                    ]
                )
                box = _at(centre, (width, height)).grown(2.0)
                taken = [b for j, b in chosen.items() if j != k]
                cost = 0.6 * rank
                cost += sum(overlap(box, other) for other in (*obstacles, *taken))
                cost += sum(overlap(box, arm) for arm in arms) * 0.12
                cost += (box.width * box.height - overlap(box, frame)) * 2
                if cost < best:
                    best, chosen[k] = cost, box
    return [np.array(chosen[k][:2]) for k in range(len(points))]


def _at(centre: FloatArray, size: tuple[float, float]) -> Box:
    return Box(float(centre[0]), float(centre[1]), *size)


def _text(
    ax: Axes,
    place: FloatArray,
    text: str,
    size: float,
    colour: str,
    families: list[str],
    weight: str = "normal",
    zorder: int = 2,
) -> None:
    ax.text(
        float(place[0]),
        float(place[1]),
        text,
        transform=ax.transAxes,
        ha="center",
        va="center",
        fontsize=size,
        fontfamily=families,
        color=colour,
        fontweight=weight,
        zorder=zorder,
        **style.PLAIN,
    )
