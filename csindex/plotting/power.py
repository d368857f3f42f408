"""The power curve of a sample plan: which effects a sample of each size finds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from csindex.errors import SpecificationError
from csindex.inference.planning.planning import SamplePlan
from csindex.inference.planning.sample_sizes import USUAL_POWER
from csindex.kernels.arrays import FloatArray
from csindex.language import Language, Words, words
from csindex.plotting import style
from csindex.plotting.texts import apart, fitted, text_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _HEIGHT, _ROW, _FRAME = 8.6, 4.4, 0.21, 0.9
_LABEL, _NAME, _STEP = 9.5, 8.5, 13.0
_LONGEST = 120.0  # room for the name of a construct, in points
_COLOURS = (style.BLUE, style.VERMILION, style.GREEN, style.ORANGE, style.NAVY)
_MARKS = ("o", "s", "D", "^", "v")


@dataclass(frozen=True, eq=False)
class _Curve:
    """The power of one path."""

    name: str
    n: FloatArray
    power: FloatArray
    needed: str
    is_null: bool


def plot_power(
    plan: SamplePlan,
    power: float = USUAL_POWER,
    language: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw the power curve of every path over the sample size.

    Parameters
    ----------
    plan : SamplePlan
        A plan, from `csindex.plan`.
    power : float
        The wanted power, drawn as a line.
    language : {"en", "zh"}
        Language of the texts.
    ax : Axes, optional
        Where to draw; a new pyplot figure if None.

    Returns
    -------
    Axes
        Sample size to the right, power upwards; one curve per path, with the sample
        size that it needs for the wanted power beside its name. A path without a
        true effect is grey: what it shows is the share of false alarms.

    Raises
    ------
    SpecificationError
        If the plan is something else, or the power is none.

    Examples
    --------
    >>> import csindex as csi
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> model = csi.Model(
    ...     "two",
    ...     (csi.reflective("a", "a1", "a2"), csi.reflective("b", "b1", "b2")),
    ...     [("a", "b")],
    ... )
    >>> plan = csi.plan(model, {("a", "b"): 0.3}, n=[50, 100, 200], seed=1)
    >>> ax = plot_power(plan)
    """
    if not isinstance(plan, SamplePlan):
        raise SpecificationError(
            f"plot_power needs a plan, as csi.plan(model, results), not "
            f"{type(plan).__name__}"
        )
    text, families = style.drawable(words(language), plan.model.construct_names)
    curves = _curves(plan, power, text, families)
    height = max(_HEIGHT, _FRAME + _ROW * len(curves))
    ax = style.new_axes(_WIDTH, height) if ax is None else ax
    style.quiet_axes(ax, families)
    ax.grid(color="#E3E8ED", lw=0.8)
    _name_axes(ax, text, families)
    sizes = sorted(set(plan.power["n"]))
    ax.set_ylim(-0.02, 1.02)
    ax.set_yticks(np.arange(0, 1.01, 0.2))
    margin = 0.04 * (sizes[-1] - sizes[0]) or 1.0
    ax.set_xlim(sizes[0] - margin, sizes[-1] + margin)
    if len(sizes) <= 8:
        ax.set_xticks(sizes)
    ax.axhline(power, color=style.ORANGE, lw=1.4, ls=(0, (4, 2)), zorder=2)
    for curve, pen in zip(curves, _pens(curves), strict=True):
        ax.plot(curve.n, curve.power, lw=1.8, mec="white", mew=0.8, zorder=3, **pen)
    _write_names(ax, curves, text("plot.needed", power=f"{power:g}"), families)
    return ax


def _curves(
    plan: SamplePlan, power: float, text: Words, families: Sequence[str]
) -> list[_Curve]:
    """Return the curves, the one that is found most easily first."""
    needed = plan.required_n(power).set_index(["source", "target"])
    curves: list[_Curve] = []
    for (source, target), part in plan.power.groupby(["source", "target"], sort=False):
        ends = [
            fitted(text.construct(str(name)), _LONGEST, _NAME, families)
            for name in (source, target)
        ]
        n = part["n"].to_numpy(dtype=np.float64)
        found = part["power"].to_numpy(dtype=np.float64)
        is_null = bool((part["effect"] == 0).all())
        told = _needed(needed.loc[(source, target)], n, found, power, is_null)
        curves.append(_Curve(" → ".join(ends), n, found, told, is_null))
    return sorted(curves, key=lambda c: (c.is_null, -float(c.power.mean())))


def _needed(
    row: pd.Series, n: FloatArray, found: FloatArray, power: float, is_null: bool
) -> str:
    """Return the sample size that a path needs, as far as it is known."""
    if is_null:
        return style.DASH
    size = float(row["n"])
    if not math.isnan(size):
        return style.number(size, 0)
    if found[0] >= power:
        return f"≤ {style.number(n[0], 0)}"
    return f"> {style.number(n[-1], 0)}"


def _pens(curves: Sequence[_Curve]) -> list[dict[str, Any]]:
    """Return how each curve is drawn: colour and mark, and dashes for false alarms."""
    pens: list[dict[str, Any]] = []
    for k, curve in enumerate(curves):
        turn = k // len(_COLOURS)
        pens.append(
            {
                "color": style.GREY if curve.is_null else _COLOURS[k % len(_COLOURS)],
                "marker": _MARKS[(k + turn) % len(_MARKS)],
                "ms": 5.5,
                "ls": (0, (1.2, 1.2)) if curve.is_null else "solid",
            }
        )
    return pens


def _name_axes(ax: Axes, text: Words, families: list[str]) -> None:
    options: dict[str, Any] = {
        "fontfamily": families,
        "fontsize": _LABEL,
        "color": style.INK,
        "labelpad": 8,
        **style.PLAIN,
    }
    ax.set_xlabel(text("plot.respondents"), **options)
    ax.set_ylabel(text("plot.power"), **options)


def _write_names(
    ax: Axes, curves: Sequence[_Curve], title: str, families: list[str]
) -> None:
    """Write each curve's name and needed size at the right, led to by a thin line."""
    shown = [text_size(curve.name, _NAME, families)[0] for curve in curves]
    told = [text_size(curve.needed, _NAME, families)[0] for curve in curves]
    head = text_size(title, _NAME, families, bold=True)[0]
    right = 34 + max([max(shown) + 20 + max(told), head])
    place: dict[str, Any] = {
        "xycoords": ("axes fraction", "data"),
        "textcoords": "offset points",
        "va": "center",
        "fontsize": _NAME,
        "fontfamily": families,
        "annotation_clip": False,
        **style.PLAIN,
    }
    # room at the right, so that the layout is known before names are put apart
    ax.annotate(
        title,
        (1.0, 1.02),
        xytext=(right, 12),
        ha="right",
        color=style.GREY,
        fontweight="bold",
        **place,
    )
    height = style.size_in_points(ax)[1]
    low, high = ax.get_ylim()
    unit = height / (high - low)
    ends = [float(curve.power[-1]) * unit for curve in curves]
    levels = apart(ends, _STEP, -0.02 * unit, (high - 0.01) * unit)
    for curve, pen, level in zip(curves, _pens(curves), levels, strict=True):
        y = float(curve.power[-1])
        off = level - y * unit
        ax.annotate(
            "",
            (1.0, y),
            xytext=(30, off),
            arrowprops={"arrowstyle": "-", "color": pen["color"], "lw": 0.7},
            **place,
        )
        name: dict[str, Any] = {"color": pen["color"], "ha": "left"}
        ax.annotate(curve.name, (1.0, y), xytext=(34, off), **name, **place)
        size: dict[str, Any] = {"color": style.INK, "ha": "right"}
        ax.annotate(curve.needed, (1.0, y), xytext=(right, off), **size, **place)
