"""The result of comparing groups, and how it prints."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from html import escape

import pandas as pd

from csindex.errors import SpecificationError
from csindex.inference.groups.micom import CONFIGURAL

# columns of a terminal
_WIDTH = 80
# columns that name what differs
_NAMES = ("source", "target", "construct", "item")
# letters of a group's label at the head of a column, in print
_LABEL = 12
_SHORT = {
    "p_permutation": "p",
    "mean_difference": "mean",
    "p_variance": "p_var",
    "variance_log_ratio": "log_var",
    "c_quantile": "quantile",
    "estimate_1": "first",
    "estimate_2": "second",
}


@dataclass(frozen=True, eq=False, repr=False)
class GroupComparison:
    """Whether groups are measured alike, and how they differ; see `compare_groups`.

    Attributes
    ----------
    by : str
        The column that divides the sample.
    sample : DataFrame
        One row per group: group, n, effective_n, index.
    micom : DataFrame
        Invariance, one row per pair of groups and construct: group_1, group_2,
        construct, c, c_quantile, p_c, mean_difference, p_mean, variance_log_ratio,
        p_variance, verdict (``"full"``, ``"partial"`` or ``"none"``).
    differences : DataFrame
        One row per pair of groups and parameter: statistic, source, target,
        construct, item, group_1, group_2, estimate_1, estimate_2, difference (of the
        first minus the second), p_permutation, p_henseler, p_parametric, p_welch, and
        p_holm, the permutation's p adjusted for the number of pairs. All p-values are
        two-sided.
    omnibus : DataFrame
        Whether any group differs from any other: statistic, distance, p.
    notes : tuple of str
        What limits the comparison.
    settings : Series
        Every option that shaped the numbers.
    """

    by: str
    sample: pd.DataFrame
    micom: pd.DataFrame
    differences: pd.DataFrame
    omnibus: pd.DataFrame
    notes: tuple[str, ...]
    settings: pd.Series

    @property
    def index(self) -> pd.DataFrame:
        """Differences of the index: groups, estimates, difference and p-values.

        Empty for a model without an index.
        """
        table = self.differences
        rows = (table["statistic"] == "scores") & (
            table["construct"] == self.settings["index"]
        )
        kept = table.columns.drop(["statistic", *_NAMES])
        return table.loc[rows, kept].reset_index(drop=True)

    def significant(self, level: float = 0.95) -> pd.DataFrame:
        """Return the differences whose adjusted p-value lies below one minus a level.

        Parameters
        ----------
        level : float
            Confidence level.

        Returns
        -------
        DataFrame
            Rows of `differences`, the smallest p-value first.

        Raises
        ------
        SpecificationError
            If the level doesn't lie between 0 and 1.
        """
        if not 0 < level < 1:
            raise SpecificationError(f"level must lie between 0 and 1, not {level}")
        found = self.differences[self.differences["p_holm"] < 1 - level]
        return found.sort_values("p_holm", kind="stable").reset_index(drop=True)

    def __repr__(self) -> str:
        lines: list[str] = [self._headline()]
        for title, table in self._tables().items():
            shown = table.to_string(index=False, na_rep="") if len(table) else "none"
            lines += ["", title, shown]
        told = [CONFIGURAL, *self.notes]
        wrapped = [textwrap.fill(t, _WIDTH, subsequent_indent="  ") for t in told]
        return "\n".join([*lines, "", *wrapped])

    def _repr_html_(self) -> str:
        parts = [f"<h4>{escape(self._headline())}</h4>"]
        for title, table in self._tables().items():
            shown = table.to_html(index=False, na_rep="") if len(table) else "none"
            parts.append(f"<p><b>{escape(title)}</b></p>{shown}")
        parts += [f"<p>{escape(note)}</p>" for note in (CONFIGURAL, *self.notes)]
        return f"<div>{''.join(parts)}</div>"

    def _headline(self) -> str:
        used = self.settings["permutations"]
        title = textwrap.fill(f"{self.settings['model']} by {self.by}", _WIDTH)
        return f"{title}\n{used} permutations"

    def _tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables that are printed, in at most 80 columns."""
        level = float(self.settings["level"])
        many = len(self.sample) > 2
        groups = ["group_1", "group_2"]
        short = _SHORT if many else _SHORT | self._names()
        estimates = ["estimate_1", "estimate_2"]
        apart = _named(self.significant(level))
        kept = ["statistic", "of", *groups, *estimates, "p_permutation", "p_holm"]
        tables = {
            "Invariance (MICOM)": _verdicts(self.micom) if many else self.micom,
            "Index": self.index.drop(columns="p_parametric"),
            f"Parameters and scores that differ (p < {1 - level:.2g})": apart[kept],
        }
        dropped = [] if many else [*groups, "p_holm"]
        return {
            "Groups": self.sample.round(2),
            **{
                title: table.drop(columns=dropped, errors="ignore")
                .round(3)
                .rename(columns=short)
                for title, table in tables.items()
            },
            "All groups at once": self.omnibus.round(4),
        }

    def _names(self) -> dict[str, str]:
        """Return what the columns of estimates are called if there are two groups."""
        first, second = (str(label)[:_LABEL] for label in self.sample["group"])
        return {"estimate_1": first, "estimate_2": second}


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Return differences with one column that says what differs."""
    paths = table["source"] + " -> " + table["target"]
    others = table["item"].where(table["item"] != "", table["construct"])
    return table.assign(of=paths.where(table["source"] != "", others))


def _verdicts(micom: pd.DataFrame) -> pd.DataFrame:
    """Return how many constructs of each pair of groups have which invariance."""
    counted = micom.groupby(["group_1", "group_2"], sort=False)["verdict"]
    table = counted.value_counts().unstack(fill_value=0)
    table = table.reindex(columns=["none", "partial", "full"], fill_value=0)
    return table.rename_axis(columns=None).reset_index()
