"""The index over waves, and what its changes come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from csindex.errors import SpecificationError
from csindex.inference import Bootstrap, GroupBootstrap
from csindex.inference.waves import Fit, IndexChange, index_change
from csindex.language import Language, Words, words
from csindex.plotting import style
from csindex.plotting.subjects import index_and_interval
from csindex.plotting.texts import text_size, wrapped
from csindex.results import GroupResults, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _WAVE, _HEIGHT = 7.2, 1.75, 4.6
_LABEL, _VALUE, _CHANGE, _PART = 10.0, 9.5, 10.0, 8.5
_LEADING = 14.0
_LEAST = 4.0  # points of the index that the axis spans at least, waves apart or not
_NAME = 110.0  # room for a wave's name, in points


@dataclass(frozen=True)
class _Wave:
    """The index of one wave; NaN for what there isn't."""

    name: str
    value: float
    low: float
    high: float


def plot_changes(
    waves: GroupResults | GroupBootstrap | Mapping[str, Fit],
    boot: GroupBootstrap | None = None,
    level: float = 0.95,
    language: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw the index wave by wave, with each change and what it comes from.

    Parameters
    ----------
    waves : GroupResults, GroupBootstrap or mapping of str to fit
        The waves in their order: fits ``by`` the column that tells them apart, their
        bootstrap, or fits of one model to independent samples, each with its name.
    boot : GroupBootstrap, optional
        The bootstrap of the fits: it adds the intervals of the indices, and is what
        the tests of the changes take their standard errors from.
    level : float
        Confidence level of the changes; the indices have that of the bootstrap.
    language : {"en", "zh"}
        Language of the texts.
    ax : Axes, optional
        Where to draw; a new pyplot figure if None.

    Returns
    -------
    Axes
        The index of each wave with its interval; between two waves the change with
        its interval, green or red where that is apart from zero, and its parts: from
        changed answers and from changed weights, as `csindex.index_change` has them.

    Raises
    ------
    SpecificationError
        For anything else, fewer than two waves, or indices that can't be compared.
    DataError
        For fits without a bootstrap whose samples have strata or clusters.

    Examples
    --------
    >>> import csindex as csi
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> waves = csi.fit(csi.acsi(), csi.load_dataset("retail"), by="wave")
    >>> ax = plot_changes(waves)
    """
    fits = _fits(waves, boot)
    changes = [
        index_change(before, after, level) for before, after in pairwise(fits.values())
    ]
    points = [_wave(name, fit) for name, fit in fits.items()]
    text, families = style.drawable(words(language), fits)
    ax = style.new_axes(changes_width(len(points)), _HEIGHT) if ax is None else ax
    style.quiet_axes(ax, families)
    ax.grid(axis="y", color="#E3E8ED", lw=0.8)
    ax.set_xlim(-0.5, len(points) - 0.5)
    ax.set_xticks(range(len(points)))
    ax.set_xticklabels(
        [wrapped(point.name, _NAME, _LABEL, families) for point in points],
        fontsize=_LABEL,
        fontfamily=families,
        color=style.INK,
        **style.PLAIN,
    )
    ax.set_ylabel(
        text("plot.index"),
        fontsize=9.5,
        fontfamily=families,
        color=style.INK,
        labelpad=8,
        **style.PLAIN,
    )
    _draw(ax, points, changes)
    for k, change in enumerate(changes):
        _tell(ax, k, change, text, families)
    return ax


def changes_width(waves: int) -> float:
    """Return how wide a figure of so many waves is, in inches."""
    return max(_WIDTH, _WAVE * waves)


def _fits(waves: object, boot: GroupBootstrap | None) -> dict[str, Fit]:
    """Return the waves' fits, or their bootstraps, by name."""
    if isinstance(waves, GroupBootstrap):
        boot = waves if boot is None else boot
        waves = waves.results
    if not isinstance(waves, (GroupResults, Mapping)):
        raise SpecificationError(
            "plot_changes needs the waves' fits, as csi.fit(model, survey, by='wave'), "
            f"or a mapping of names to fits, not {type(waves).__name__}"
        )
    if boot is not None and getattr(boot, "results", None) is not waves:
        raise SpecificationError(
            "plot_changes: boot belongs to other fits; make it with csi.bootstrap from "
            "the same results"
        )
    problems: list[str] = []
    if isinstance(waves, GroupResults):
        problems += [f"wave {w!r}: {why}" for w, why in waves.failures.items()]
        members: Mapping[Any, Fit] = waves.members
    else:
        members = waves
    if len(members) < 2:
        problems.append(f"a change needs two waves or more, not {len(members)}")
    if problems:
        raise SpecificationError([f"plot_changes: {p}" for p in problems])
    if boot is not None:
        members = boot.members
    return {str(name): fit for name, fit in members.items()}


def _wave(name: str, fit: Fit) -> _Wave:
    results = fit if isinstance(fit, Results) else fit.results
    own = fit if isinstance(fit, Bootstrap) else None
    return _Wave(name, *index_and_interval(results, own))


def _draw(ax: Axes, points: Sequence[_Wave], changes: Sequence[IndexChange]) -> None:
    at = np.arange(len(points))
    values = np.array([point.value for point in points])
    for k, change in enumerate(changes):
        ax.plot(at[k : k + 2], values[k : k + 2], color=_colour(change), lw=2.0)
    for k, point in enumerate(points):
        if point.low == point.low:
            ax.plot(
                [k, k],
                [point.low, point.high],
                color=style.BLUE,
                lw=5.0,
                alpha=0.35,
                solid_capstyle="butt",
                zorder=3,
            )
    ax.plot(at, values, "o", color=style.BLUE, ms=8, mec="white", mew=1.0, zorder=4)
    ends = np.array([[p.low, p.high, p.value] for p in points])
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    reach = max(high - low, _LEAST)
    # the changes are told above the waves
    ax.set_ylim(low - 0.35 * reach, high + 0.75 * reach)
    most = min(100.0, high + 0.1 * reach)  # no lines behind what is told above
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= most])
    ax.set_ylim(low - 0.35 * reach, high + 0.75 * reach)
    for k, point in enumerate(points):
        _beside(ax, k, point)


def _beside(ax: Axes, k: int, point: _Wave) -> None:
    """Write the index below its dot and interval."""
    ax.annotate(
        style.number(point.value, 1),
        (k, np.nanmin([point.low, point.value])),
        xytext=(0, -8),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=_VALUE,
        color=style.INK,
        fontweight="bold",
        zorder=5,
        **style.PLAIN,
    )


def _tell(
    ax: Axes, k: int, change: IndexChange, text: Words, families: list[str]
) -> None:
    """Write a change and its parts, midway between its waves at the top."""
    ends = f"[{_signed(change.low)}, {_signed(change.high)}]"
    lines = [
        (_signed(change.estimate), _CHANGE, _colour(change)),
        (ends, _PART, style.GREY),
        (text("plot.from_means", value=_signed(change.from_means)), _PART, style.INK),
        (
            text("plot.from_weights", value=_signed(change.from_weights)),
            _PART,
            style.INK,
        ),
    ]
    y = -4.0
    for line, size, colour in lines:
        y -= text_size(line, size, families)[1] / 2
        ax.annotate(
            line,
            (k + 0.5, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, y),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=size,
            fontfamily=families,
            fontweight="bold" if size == _CHANGE else "normal",
            color=colour,
            zorder=6,
            **style.PLAIN,
        )
        y -= _LEADING / 2 + 0.5


def _colour(change: IndexChange) -> str:
    """Return the colour of a rise or fall that is apart from zero, else grey."""
    if change.low > 0:
        return style.GREEN
    return style.VERMILION if change.high < 0 else style.GREY


def _signed(value: float) -> str:
    shown = style.number(value, 1)
    return f"+{shown}" if value > 0 and float(shown.replace(",", "")) else shown
