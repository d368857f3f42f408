"""The result of comparing groups, and how it prints."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from csindex.diagnostics.options import share_problems
from csindex.errors import SpecificationError
from csindex.inference.groups.families import adjusted_within, families
from csindex.inference.groups.micom import CONFIGURAL
from csindex.inference.multiplicity import Adjustment
from csindex.inference.telling import chance
from csindex.results.printing import Page, Printed

# columns that name what differs
_NAMES = ("source", "target", "construct", "item")
_PAIR = ["group_1", "group_2"]
_ESTIMATES = ["estimate_1", "estimate_2"]
# columns of MICOM that are printed
_MICOM = ["construct", "c", "c_quantile", "p_c", "p_mean", "p_variance", "verdict"]


@dataclass(frozen=True, eq=False, repr=False)
class GroupComparison(Printed):
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
        the permutation's p adjusted by Holm: p_holm for the number of pairs, and
        p_adjusted for the number of pairs and of parameters of the same statistic.
        The index is a statistic of its own. All p-values are two-sided. p_henseler is
        a share of the pairs of resamples, zero where those of one group are all larger:
        that is no certainty, but less than one pair among all of them.
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

    @property
    def level(self) -> float:
        """Confidence level."""
        return float(self.settings["level"])

    def significant(
        self, level: float | None = None, adjust: Adjustment = "holm"
    ) -> pd.DataFrame:
        """Return the differences whose adjusted p-value lies below one minus a level.

        Parameters
        ----------
        level : float, optional
            Confidence level; the comparison's if None.
        adjust : {"holm", "bh", "none"}
            How the permutation's p-values are adjusted, over all pairs of groups and
            all parameters of one statistic: paths, loadings, weights and so on, and
            the index. Holm bounds the chance of any false finding among them,
            Benjamini-Hochberg the share of false ones among those found; without
            adjustment one of twenty that are equal is found at level .95.

        Returns
        -------
        DataFrame
            Rows of `differences`, the smallest p-value first.

        Raises
        ------
        SpecificationError
            If the level doesn't lie between 0 and 1, or the adjustment is unknown.
        """
        level = self.level if level is None else level
        if problems := list(share_problems(level=level)):
            raise SpecificationError(problems)
        p = adjusted_within(self.differences, self.settings["index"], adjust)
        found = self.differences.assign(_p=p)
        found = found[found["_p"] < 1 - level]
        sorted_by = found.sort_values(["_p", "p_permutation"], kind="stable")
        return sorted_by.drop(columns="_p").reset_index(drop=True)

    def _page(self) -> Page:
        return Page(
            "\n".join(self._answers()),
            self._tables(),
            (CONFIGURAL, *self.notes),
            formats={"effective_n": "{:.1f}".format, "index": "{:.2f}".format},
        )

    def _answers(self) -> list[str]:
        """Return what was found, in a few sentences."""
        verdicts = self.micom["verdict"].value_counts()
        full, partial, none = (
            int(verdicts.get(verdict, 0)) for verdict in ("full", "partial", "none")
        )
        what = (
            "constructs"
            if len(self.sample) == 2
            else "comparisons of a construct in two groups"
        )
        family = families(self.differences, self.settings["index"])
        tested = int((self.differences["p_permutation"].notna() & (family != "")).sum())
        lines = [self._index_answer()] if len(self.index) else []
        return [
            *lines,
            f"Measured alike (MICOM): {full} of {len(self.micom)} {what} in full, "
            f"{partial} in part, {none} not",
            f"Parameters and scores that differ: {len(self.significant())} of {tested} "
            f"({self._rule}, Holm within each statistic)",
            f"{self.settings['model']} by {self.by}; "
            f"{self.settings['permutations']} permutations",
        ]

    def _index_answer(self) -> str:
        table = self.index
        differ = table["p_adjusted"] < 1 - self.level
        if len(table) > 1:
            return (
                f"The index differs between {int(differ.sum())} of {len(table)} pairs "
                f"of {self.by} ({self._rule})"
            )
        (row,) = table.itertuples()
        if pd.isna(row.p_permutation):
            return f"The index can't be compared by {self.by}: a group has none"
        start = (
            f"The index differs by {self.by}"
            if differ.all()
            else f"No difference of the index by {self.by} is shown"
        )
        return (
            f"{start}: {row.group_1} {row.estimate_1:.2f}, {row.group_2} "
            f"{row.estimate_2:.2f} ({chance(row.p_permutation, 'p_permutation')})"
        )

    @property
    def _rule(self) -> str:
        return f"p_adjusted < {1 - self.level:.2g}"

    def _tables(self) -> dict[str, pd.DataFrame]:
        many = len(self.sample) > 2
        named = {} if many else self._names()
        sides = [*_PAIR, "difference"] if many else _ESTIMATES
        tests = ["p_permutation", "p_henseler", "p_welch"]
        index = self.index[[*sides, *tests, *(["p_adjusted"] if many else [])]]
        found = _named(self.significant())
        apart = found[["statistic", "of", *sides, "p_permutation", "p_adjusted"]]
        return {
            "Groups": self.sample,
            "Invariance (MICOM)": _verdicts(self.micom) if many else self.micom[_MICOM],
            "Index": index.rename(columns=named),
            f"Parameters and scores that differ ({self._rule})": apart.rename(
                columns=named
            ),
            "All groups at once": self.omnibus,
        }

    def _names(self) -> dict[str, str]:
        """Return what the columns of estimates are called if there are two groups."""
        first, second = (str(label) for label in self.sample["group"])
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
