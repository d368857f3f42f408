"""The scree of an instrument's answers beside that of answers without factors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from csindex.diagnostics.instrument import InstrumentValidation
from csindex.errors import SpecificationError
from csindex.language import Language, Words, words
from csindex.plotting import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _HEIGHT, _LABEL, _NOTE = 7.2, 4.4, 9.5, 9.0
# the rules that are told, as `InstrumentValidation.suggested` calls them
_RULES = {
    "parallel analysis": "rule_parallel",
    "average partials": "rule_partials",
    "expected by the model": "rule_model",
}
_MOST_TICKS = 30


def plot_scree(
    validation: InstrumentValidation,
    language: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw the eigenvalues of the items' correlations, with parallel analysis.

    Parameters
    ----------
    validation : InstrumentValidation
        A validation, from `csindex.validate_instrument`.
    language : {"en", "zh"}
        Language of the texts.
    ax : Axes, optional
        Where to draw; a new pyplot figure if None.

    Returns
    -------
    Axes
        The eigenvalues from the largest down, and the mean and the 95th percentile
        of those of uncorrelated answers. Filled dots are the factors that parallel
        analysis counts, up to the first that chance may give. Their number stands
        beside those of average partials and of the model.

    Raises
    ------
    SpecificationError
        If the validation is something else.

    References
    ----------
    Cattell (1966), Multivariate Behavioral Research 1(2); Horn (1965), Psychometrika
    30(2).

    Examples
    --------
    >>> import csindex as csi
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> model = csi.acsi()
    >>> ax = plot_scree(csi.validate_instrument(csi.load_dataset("retail"), model))
    """
    if not isinstance(validation, InstrumentValidation):
        raise SpecificationError(
            "plot_scree needs a validation, as csi.validate_instrument(survey, model), "
            f"not {type(validation).__name__}"
        )
    text, families = style.drawable(words(language))
    table = validation.dimensionality
    ax = style.new_axes(_WIDTH, _HEIGHT) if ax is None else ax
    style.quiet_axes(ax, families)
    ax.grid(axis="y", color="#E3E8ED", lw=0.8)
    _draw(ax, table, _counts(validation).get("parallel analysis", 0), text)
    _name_axes(ax, text, families)
    ax.set_ylim(bottom=0)
    if len(table) <= _MOST_TICKS:
        ax.set_xticks(table["factor"].to_numpy())
    _legend(ax, validation, text, families)
    return ax


def _counts(validation: InstrumentValidation) -> dict[str, int]:
    """Return the number of factors by each rule."""
    table = validation.suggested
    return dict(zip(table["rule"], map(int, table["factors"]), strict=True))


def _draw(ax: Axes, table: pd.DataFrame, kept: int, text: Words) -> None:
    at = table["factor"].to_numpy()
    for column, dashes, key in (
        ("random_95", (0, (4, 2)), "plot.random_95"),
        ("random_mean", (0, (1.2, 1.2)), "plot.random_mean"),
    ):
        ax.plot(
            at,
            table[column].to_numpy(),
            color=style.ORANGE if column == "random_95" else style.GREY,
            ls=dashes,
            lw=1.6,
            zorder=2,
            label=text(key),
        )
    values = table["eigenvalue"].to_numpy(dtype=np.float64)
    dots: dict[str, Any] = {"ms": 7, "mec": style.BLUE, "mew": 1.3, "zorder": 4}
    ax.plot(at, values, color=style.BLUE, lw=1.4, zorder=3)
    ax.plot(
        at[:kept],
        values[:kept],
        "o",
        color=style.BLUE,
        label=text("plot.factors_kept"),
        **dots,
    )
    ax.plot(
        at[kept:],
        values[kept:],
        "o",
        color="white",
        label=text("plot.factors_left"),
        **dots,
    )


def _name_axes(ax: Axes, text: Words, families: list[str]) -> None:
    options: dict[str, Any] = {
        "fontfamily": families,
        "fontsize": _LABEL,
        "color": style.INK,
        "labelpad": 8,
        **style.PLAIN,
    }
    ax.set_xlabel(text("plot.factor"), **options)
    ax.set_ylabel(text("plot.eigenvalue"), **options)


def _legend(
    ax: Axes, validation: InstrumentValidation, text: Words, families: list[str]
) -> None:
    """Write what the lines are, and how many factors there are by which rule."""
    counts = _counts(validation)
    told = [
        text(f"plot.{key}", count=counts[rule])
        for rule, key in _RULES.items()
        if rule in counts
    ]
    handles, labels = ax.get_legend_handles_labels()
    order = [2, 3, 0, 1]
    legend = ax.legend(
        [handles[k] for k in order],
        [labels[k] for k in order],
        title="\n".join(told),
        loc="upper right",
        frameon=False,
        alignment="left",
        prop={"family": families, "size": _NOTE},
        title_fontproperties={"family": families, "size": _NOTE},
        labelcolor=style.INK,
        handlelength=3.0,
        labelspacing=0.6,
    )
    legend.get_title().set(color=style.INK, linespacing=1.6)
