"""Simple slopes: lines of a construct's effect at levels of its moderator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from csindex.diagnostics.slopes import Moderation, predictions, simple_slopes
from csindex.errors import SpecificationError, quoted, unknown
from csindex.estimation.terms import Term
from csindex.inference import Bootstrap
from csindex.kernels.arrays import FloatArray
from csindex.language import Language, Words, words
from csindex.plotting import style
from csindex.plotting.subjects import results_and_boot
from csindex.plotting.texts import fitted
from csindex.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _HEIGHT, _LABEL = 6.4, 4.4, 9.5
_LONGEST = 230.0  # room for a name, in points
_REACH, _STEPS = 2.0, 41
_IN_A_ROW = 3  # entries of the legend
_COLOURS = (style.BLUE, style.GREEN, style.VERMILION, style.ORANGE, style.NAVY)
_DASHES: tuple[Any, ...] = ((0, (4, 2)), (0, (1.2, 1.2)), "solid", (0, (6, 1, 1, 1)))


@dataclass(frozen=True)
class _Scale:
    """Where a construct's levels, in standard deviations, stand on an axis."""

    label: str
    centre: float
    unit: float
    in_points: bool

    def at(self, levels: FloatArray) -> FloatArray:
        return self.centre + self.unit * levels

    def range(self) -> FloatArray:
        """Return levels that its answers can have."""
        low, high = -_REACH, _REACH
        if self.in_points:
            low = max(low, -self.centre / self.unit)
            high = min(high, (100.0 - self.centre) / self.unit)
        return np.linspace(low, high, _STEPS)


def plot_slopes(
    subject: Results | Bootstrap,
    term: str | Term,
    at: Sequence[float] = (-1.0, 0.0, 1.0),
    boot: Bootstrap | None = None,
    target: str | None = None,
    language: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw the effect of a construct at levels of the one that moderates it.

    Parameters
    ----------
    subject : Results or Bootstrap
        A fit by `Moderated` with ``method="two_stage"``.
    term : str or Term
        The term; as a text the construct to the right comes first, as
        ``"image*value"`` for lines of image at levels of value.
    at : sequence of float
        Levels of the moderator, in standard deviations from its mean: one line each.
        Of a quadratic effect, which is one curve, they are marked on it.
    boot : Bootstrap, optional
        Adds the intervals of the lines.
    target : str, optional
        The construct that is explained; may be left out if the term has one.
    language : {"en", "zh"}
        Language of the texts.
    ax : Axes, optional
        Where to draw; a new pyplot figure if None.

    Returns
    -------
    Axes
        The focal construct to the right, two standard deviations either way but not
        beyond the scale; the prediction of the target upwards. Both are 0-100 scores,
        or standard deviations where one of the constructs has no score.

    Raises
    ------
    SpecificationError
        As `simple_slopes` does; for an unknown target, or several without a choice.

    Examples
    --------
    >>> import csindex as csi
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from csindex.estimation.moderated import Moderated
    >>> from csindex.estimation.terms import interaction
    >>> term = interaction("expectation", "quality", on="satisfaction")
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"), Moderated((term,)))
    >>> ax = plot_slopes(results, "quality*expectation")
    """
    results, boot = results_and_boot(subject, boot, "plot_slopes")
    found = simple_slopes(results, term, at)
    about = found.moderation
    aim = _chosen(about.term, target)
    levels = found.slopes.loc[found.slopes["target"] == aim, "at"].to_numpy()
    text, families = style.drawable(
        words(language), [about.focal, about.moderator, aim]
    )
    right, beside, up = _scales(
        results, [about.focal, about.moderator, aim], text, families
    )
    ax = style.new_axes(_WIDTH, _HEIGHT) if ax is None else ax
    style.quiet_axes(ax, families)
    ax.grid(color=style.LIGHT, lw=0.6)
    options: dict[str, Any] = {
        "fontfamily": families,
        "fontsize": _LABEL,
        "color": style.INK,
        "labelpad": 8,
        **style.PLAIN,
    }
    ax.set_xlabel(right.label, **options)
    ax.set_ylabel(up.label, **options)
    if about.term.quadratic:
        _draw_curve(ax, results, boot, about, aim, levels, (right, up))
        return ax
    for k, level in enumerate(levels):
        reach = right.range()
        line = _predicted(results, boot, about, aim, reach, np.full(len(reach), level))
        colour = _COLOURS[k % len(_COLOURS)]
        _draw_line(ax, right.at(reach), up, line, colour)
        ax.lines[-1].set(
            label=_level_label(beside, float(level), text),
            linestyle=_DASHES[k % len(_DASHES)],
        )
    _legend(
        ax,
        fitted(text.construct(about.moderator), _LONGEST, _LABEL, families),
        families,
    )
    return ax


def _chosen(term: Term, target: str | None) -> str:
    """Return the target that is drawn."""
    if target is None and len(term.on) > 1:
        raise SpecificationError(
            f"plot_slopes: {term.name!r} explains {quoted(term.on)}; choose one with "
            f"target={term.on[0]!r}"
        )
    name = term.on[0] if target is None else target
    if problems := unknown("target", [name], term.on, f"of {term.name!r}"):
        raise SpecificationError([f"plot_slopes: {p}" for p in problems])
    return name


def _scales(
    results: Results, names: Sequence[str], text: Words, families: list[str]
) -> list[_Scale]:
    """Return the axes of constructs: scores, if all of them have one."""
    table = results.scores.set_index("construct").loc[[*dict.fromkeys(names)]]
    in_points = bool((table["note"] == "").all())
    unit = text("plot.score") if in_points else text("plot.sd")
    made: list[_Scale] = []
    for name in names:
        shown = fitted(text.construct(name), _LONGEST, _LABEL, families)
        made.append(
            _Scale(
                text("plot.measured", name=shown, unit=unit),
                float(table.loc[name, "score"]) if in_points else 0.0,
                float(table.loc[name, "sd"]) if in_points else 1.0,
                in_points,
            )
        )
    return made


def _predicted(
    results: Results,
    boot: Bootstrap | None,
    about: Moderation,
    target: str,
    focal: FloatArray,
    moderator: FloatArray,
) -> pd.DataFrame:
    """Return predictions, with their intervals where there is a bootstrap."""
    statistic = predictions(about, target, focal, moderator)
    if boot is None:
        return statistic.table(results.estimates)
    return boot.of(statistic)


def _draw_line(
    ax: Axes, x: FloatArray, up: _Scale, line: pd.DataFrame, colour: str
) -> None:
    if "low" in line:
        ax.fill_between(
            x,
            up.at(line["low"].to_numpy()),
            up.at(line["high"].to_numpy()),
            color=colour,
            alpha=0.13,
            lw=0,
            zorder=2,
        )
    ax.plot(x, up.at(line["estimate"].to_numpy()), color=colour, lw=2.0, zorder=3)


def _draw_curve(
    ax: Axes,
    results: Results,
    boot: Bootstrap | None,
    about: Moderation,
    target: str,
    levels: FloatArray,
    scales: tuple[_Scale, _Scale],
) -> None:
    """Draw the curve of a quadratic effect, with some of its levels marked."""
    right, up = scales
    reach = right.range()
    line = _predicted(results, boot, about, target, reach, reach)
    _draw_line(ax, right.at(reach), up, line, style.BLUE)
    marks = _predicted(results, None, about, target, levels, levels)
    ax.plot(
        right.at(levels),
        up.at(marks["estimate"].to_numpy()),
        "o",
        color=style.BLUE,
        mec="white",
        ms=7,
        zorder=4,
    )


def _level_label(scale: _Scale, level: float, text: Words) -> str:
    """Return how a level of the moderator is called, as "62 (+1 SD)"."""
    sign = "+" if level > 0 else style.MINUS if level < 0 else ""
    apart = text("plot.apart", value=f"{sign}{abs(level):g}")
    if not scale.in_points:
        return apart
    return f"{style.number(float(scale.at(np.array(level))), 0)} ({apart})"


def _legend(ax: Axes, title: str, families: list[str]) -> None:
    """Tell the lines apart, above the axes, where no line runs."""
    legend = ax.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=_IN_A_ROW,
        borderaxespad=0.2,
        columnspacing=1.6,
        title=title,
        frameon=False,
        alignment="left",
        prop={"family": families, "size": 9},
        title_fontproperties={"family": families, "size": 9},
        labelcolor=style.INK,
        handlelength=3.0,
    )
    for entry in (*legend.get_texts(), legend.get_title()):
        entry.set_parse_math(False)
