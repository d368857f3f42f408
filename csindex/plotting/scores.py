"""Scores and indices as dots with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from csindex.errors import SpecificationError
from csindex.inference import Bootstrap, GroupBootstrap
from csindex.language import Language, Words, words
from csindex.plotting import style
from csindex.plotting.frames import records
from csindex.plotting.subjects import (
    index_and_interval,
    product_names,
    results_and_boot,
)
from csindex.plotting.texts import text_size, wrapped
from csindex.results import GroupResults, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _ROW, _FRAME, _LABEL, _VALUE = 7.2, 0.36, 0.9, 10.0, 9.5
_TWO_LINES = 8.6  # font size of names that take two lines
_LONGEST = 180.0  # room for a name, in points


@dataclass(frozen=True)
class _Row:
    """One dot: its name, value and interval; NaN where there is none."""

    name: str
    value: float
    low: float
    high: float
    note: str = ""
    strong: bool = False


def plot_scores(
    subject: Results | Bootstrap,
    boot: Bootstrap | None = None,
    language: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw the 0-100 score of every construct, with its interval.

    Parameters
    ----------
    subject : Results or Bootstrap
        What to draw.
    boot : Bootstrap, optional
        Adds the intervals.
    language : {"en", "zh"}
        Language of the texts.
    ax : Axes, optional
        Where to draw; a new pyplot figure if None.

    Returns
    -------
    Axes
        One row per construct, in the model's order; the index is emphasised.
        Products of constructs, which have no scores, are left out.

    Raises
    ------
    SpecificationError
        If the subject isn't one fit.

    Examples
    --------
    >>> import csindex as csi
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> ax = plot_scores(csi.fit(csi.acsi(), csi.load_dataset("retail")))
    """
    results, boot = results_and_boot(subject, boot, "plot_scores")
    table = results.scores if boot is None else boot.scores
    table = table[~table["construct"].isin(product_names(results))]
    text, families = style.drawable(words(language), table["construct"])
    rows = [
        _Row(
            text.construct(row.construct),
            row.score,
            getattr(row, "low", np.nan),
            getattr(row, "high", np.nan),
            text("plot.no_result") if row.note else "",
            row.construct == results.model.index,
        )
        for row in records(table)
    ]
    ax = _axes(ax, len(rows))
    ax.set_xlim(0, 100)
    ax.set_xticks(range(0, 101, 20))
    _draw(ax, rows, families, text("plot.score"))
    return ax


def plot_groups(
    subject: GroupResults | GroupBootstrap,
    boot: GroupBootstrap | None = None,
    language: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw the groups' indices as a league table, the best on top.

    Parameters
    ----------
    subject : GroupResults or GroupBootstrap
        What to draw.
    boot : GroupBootstrap, optional
        Adds the intervals.
    language : {"en", "zh"}
        Language of the texts.
    ax : Axes, optional
        Where to draw; a new pyplot figure if None.

    Returns
    -------
    Axes
        One row per group, and a line at everyone's index.

    Raises
    ------
    SpecificationError
        If the subject isn't the fit of several groups, or has no index.

    Examples
    --------
    >>> import csindex as csi
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> survey = csi.load_dataset("retail")
    >>> ax = plot_groups(csi.fit(csi.acsi(), survey, by="company"))
    """
    if isinstance(subject, GroupBootstrap):
        boot = subject if boot is None else boot
        subject = subject.results
    if not isinstance(subject, GroupResults):
        raise SpecificationError(
            "plot_groups needs the results of several groups, as csi.fit(model, "
            f"survey, by='company'), not {type(subject).__name__}"
        )
    if boot is not None and getattr(boot, "results", None) is not subject:
        raise SpecificationError(
            "plot_groups: boot belongs to another fit; make it with csi.bootstrap from "
            "the same results"
        )
    text, families = style.drawable(words(language), map(str, subject.labels))
    rows = _group_rows(subject, boot, text)
    ax = _axes(ax, len(rows))
    overall = subject.overall.index
    ax.axvline(overall, color=style.ORANGE, lw=1.4, ls=(0, (4, 2)), zorder=2)
    ax.set_xlim(*_span([*rows, _Row("", overall, np.nan, np.nan)]))
    _draw(ax, rows, families, text("plot.index"))
    ax.text(
        overall,
        -0.72,
        text("plot.overall", value=style.number(overall, 1)),
        ha="center",
        va="bottom",
        fontsize=8.5,
        fontfamily=families,
        color="#9A6A00",
        **style.PLAIN,
    )
    return ax


def _group_rows(
    groups: GroupResults, boot: GroupBootstrap | None, text: Words
) -> list[_Row]:
    rows: list[_Row] = []
    for label, member in groups.members.items():
        own = None if boot is None else boot.members.get(label)
        value, low, high = index_and_interval(member, own)
        note = "" if value == value else text("plot.no_result")
        rows.append(_Row(str(label), value, low, high, note))
    rows += [
        _Row(str(label), np.nan, np.nan, np.nan, text("plot.no_result"))
        for label in groups.failures
    ]
    return sorted(
        rows, key=lambda row: -row.value if row.value == row.value else np.inf
    )


def _axes(ax: Axes | None, rows: int) -> Axes:
    return style.new_axes(_WIDTH, _FRAME + _ROW * rows) if ax is None else ax


def _span(rows: Sequence[_Row]) -> tuple[float, float]:
    """Return limits around all values, within 0-100."""
    values = [v for row in rows for v in (row.value, row.low, row.high) if v == v]
    margin = max(1.5, 0.08 * (max(values) - min(values)))
    return max(0.0, min(values) - margin), min(100.0, max(values) + margin)


def _draw(ax: Axes, rows: Sequence[_Row], families: list[str], title: str) -> None:
    style.quiet_axes(ax, families)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(axis="x", color="#E3E8ED", lw=0.8)
    ax.set_xlabel(
        title, fontsize=9, fontfamily=families, color=style.GREY, **style.PLAIN
    )
    ax.set_yticks(range(len(rows)))
    ax.set_yticklabels(
        [wrapped(row.name, _LONGEST, _LABEL, families) for row in rows],
        fontsize=_LABEL,
        linespacing=0.95,
        fontfamily=families,
        color=style.INK,
        **style.PLAIN,
    )
    for k, (row, tick) in enumerate(zip(rows, ax.get_yticklabels(), strict=True)):
        tick.set_fontweight("bold" if row.strong else "normal")
        if "\n" in tick.get_text():
            tick.set_fontsize(_TWO_LINES)
        colour = style.NAVY if row.strong else style.BLUE
        if row.low == row.low:
            ax.plot(
                [row.low, row.high],
                [k, k],
                color=colour,
                lw=4.5,
                alpha=0.35,
                solid_capstyle="butt",
                zorder=3,
            )
        ax.plot(
            row.value,
            k,
            "D" if row.strong else "o",
            color=colour,
            ms=8 if row.strong else 7,
            mec="white",
            mew=1.0,
            zorder=4,
        )
    _write_values(ax, rows, families)


def _write_values(ax: Axes, rows: Sequence[_Row], families: list[str]) -> None:
    """Write the values in a column at the right."""
    texts = [_value(row) for row in rows]
    widest = max(text_size(text, _VALUE, families, bold=True)[0] for text in texts)
    for k, (row, text) in enumerate(zip(rows, texts, strict=True)):
        ax.annotate(
            text,
            (1.0, k),
            xycoords=("axes fraction", "data"),
            xytext=(16 + widest, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=_VALUE,
            fontfamily=families,
            fontweight="bold" if row.strong else "normal",
            color=style.GREY if row.note else style.INK,
            annotation_clip=False,
            **style.PLAIN,
        )


def _value(row: _Row) -> str:
    if row.value != row.value:
        return row.note or style.DASH
    if row.low != row.low:
        return style.number(row.value, 1)
    ends = f"{style.number(row.low, 1)}{style.DASH}{style.number(row.high, 1)}"
    return f"{style.number(row.value, 1)}  ({ends})"
