"""Bootstraps of several groups, and the differences between them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd

from csindex.inference import intervals
from csindex.inference.distributions import Bootstrap
from csindex.results import GroupResults
from csindex.results.printing import Page, Printed


@dataclass(frozen=True, eq=False, repr=False)
class GroupBootstrap(Printed):
    """Bootstraps of every group and of everyone; made by `bootstrap`.

    Attributes
    ----------
    results : GroupResults
        The fits.
    overall : Bootstrap
        Everyone.
    members : mapping of label to Bootstrap
        The groups, drawn independently of each other.
    """

    results: GroupResults
    overall: Bootstrap
    members: Mapping[Hashable, Bootstrap]

    def __getitem__(self, label: Hashable) -> Bootstrap:
        """Return the bootstrap of one group."""
        fitted = self.results[label]
        return next(boot for boot in self.members.values() if boot.results is fitted)

    def _page(self) -> Page:
        if self.results.overall.model.index is None:
            used = {label: boot.counts["used"] for label, boot in self.members.items()}
            table = pd.DataFrame(
                {self.results.by: list(used), "resamples used": used.values()}
            )
            return Page(f"Bootstrap by {self.results.by}", {"": table})
        return Page(
            f"{self._answer}\nBootstrap by {self.results.by}; "
            f"{self.overall.interval} intervals, level {self.overall.level:g}",
            {
                "Index": self.index.reset_index(),
                "Differences": self.differences,
            },
        )

    @property
    def _answer(self) -> str:
        known = self.index["estimate"].dropna()
        if not len(known):
            return f"The index can't be told for any {self.results.by}"
        apart = int((self.differences["p"] < 1 - self.overall.level).sum())
        return (
            f"Index by {self.results.by}: from {known.min():.2f} ({known.idxmin()}) to "
            f"{known.max():.2f} ({known.idxmax()}); {apart} of {len(self.differences)} "
            f"pairs differ (p < {1 - self.overall.level:.2g}, not adjusted)"
        )

    @cached_property
    def index(self) -> pd.DataFrame:
        """The index of every group: estimate, se, low, high, n, note.

        NaN for a group whose index is refused and for one that could not be
        estimated, whose n is zero; the note says why.

        Raises
        ------
        SpecificationError
            If the model names no index.
        """
        model = self.results.overall.model
        position = model.construct_names.index(model.required_index())
        rows = [
            [
                member.results.scores["score"].iloc[position],
                *member.spread_of_score(position),
                member.results.n,
                member.results.scores["note"].iloc[position],
            ]
            for member in self.members.values()
        ]
        columns = ["estimate", "se", "low", "high", "n", "note"]
        table = pd.DataFrame(rows, index=list(self.members), columns=columns)
        failures = self.results.failures
        lost = pd.DataFrame(
            [[np.nan] * 4 + [0, reason] for reason in failures.values()],
            index=list(failures),
            columns=table.columns,
        )
        whole = pd.concat([table, lost]) if failures else table
        return whole.rename_axis(self.results.by)

    @cached_property
    def differences(self) -> pd.DataFrame:
        """Differences of the index: first, second, estimate, se, low, high, p.

        Every pair of groups once. The groups are drawn independently, so that the
        differences of their resamples are resamples of the difference; the intervals
        are percentiles.

        Raises
        ------
        SpecificationError
            If the model names no index.
        """
        table, model = self.index, self.results.overall.model
        position = model.construct_names.index(model.required_index())
        drawn = {
            label: boot.replicates("scores")[:, position]
            for label, boot in self.members.items()
            if np.isfinite(table.loc[label, "low"])
        }
        rows: list[dict[str, object]] = []
        for first, second in combinations(drawn, 2):
            size = min(len(drawn[first]), len(drawn[second]))
            values = (drawn[first][:size] - drawn[second][:size])[:, None]
            limits = intervals.percentile(values, self.overall.level)
            estimates = table.loc[[first, second], "estimate"]
            rows.append(
                {
                    "first": first,
                    "second": second,
                    "estimate": estimates.iloc[0] - estimates.iloc[1],
                    "se": values.std(ddof=1),
                    "low": limits.low.item(),
                    "high": limits.high.item(),
                    "p": intervals.p_values(values).item(),
                }
            )
        columns = ["first", "second", "estimate", "se", "low", "high", "p"]
        return pd.DataFrame(rows, columns=columns)
