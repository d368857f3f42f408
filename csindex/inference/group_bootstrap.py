"""Bootstraps of several groups, and the differences between them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from csindex.errors import DataError
from csindex.inference.distributions import Bootstrap
from csindex.inference.group_differences import Sides, differences
from csindex.inference.spreads import Spread
from csindex.inference.telling import floor_notes
from csindex.language.frames import Table
from csindex.language.tables import floored, named
from csindex.results import GroupResults
from csindex.results.printing import Page, Printed
from csindex.results.statistics import SCORES
from csindex.results.summary import sample_text

# below this, a group's intervals and differences are rough
_FEW = 100


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
    failures : mapping of label to str
        Groups that were fitted, but whose bootstrap failed, each with the reason.
    """

    results: GroupResults
    overall: Bootstrap
    members: Mapping[Hashable, Bootstrap]
    failures: Mapping[Hashable, str] = field(default_factory=dict)

    def __getitem__(self, label: Hashable) -> Bootstrap:
        """Return the bootstrap of one group."""
        fitted = self.results[label]
        for boot in self.members.values():
            if boot.results is fitted:
                return boot
        by_text = {str(known): reason for known, reason in self.failures.items()}
        raise DataError(
            f"group {label!r} of {self.results.by!r}: {by_text[str(label)]}"
        )

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self.members)

    def __contains__(self, label: object) -> bool:
        return label in self.members

    def _page(self) -> Page:
        if self.results.overall.model.index is None:
            used = {label: boot.counts["used"] for label, boot in self.members.items()}
            table = pd.DataFrame(
                {self.results.by: list(used), "resamples used": used.values()}
            )
            lost = [f"{label}: {why}" for label, why in self.failures.items()]
            return Page(f"Bootstrap by {self.results.by}", {"": table}, lost)
        boots = [self.overall, *self.members.values()]
        least = min(int(boot.counts["used"]) for boot in boots)
        floor = 2 / (least + 1)
        return Page(
            f"{self._answer}\nBootstrap by {self.results.by}; "
            f"{self.overall.interval} intervals, level {self.overall.level:g}\n"
            f"{sample_text(self.results.overall)}",
            {
                "Index": self.index.drop(columns="note").reset_index(
                    allow_duplicates=True
                ),
                "Differences": self.differences,
            },
            [
                *floor_notes([self.differences], floor, least),
                *(
                    f"{label}: {why}"
                    for label, why in self.index["note"].items()
                    if why
                ),
                *self.index.attrs["notes"],
                *self.differences.attrs["notes"],
                *self._cautions(),
            ],
            formats=floored(floor),
        )

    def _cautions(self) -> list[str]:
        """Return which groups are so small that their intervals are rough."""
        small = [
            f"{label} (n = {boot.results.n})"
            for label, boot in self.members.items()
            if boot.results.n < _FEW
        ]
        if not small:
            return []
        return [
            f"Fewer than {_FEW} respondents, so that intervals may cover less than "
            f"they promise: {named(small, 12)}"
        ]

    @property
    def _answer(self) -> str:
        known = self.index["estimate"].dropna()
        if not len(known):
            return f"The index can't be told for any {self.results.by}"
        span = (
            f"Index by {self.results.by}: from {known.min():.2f} ({known.idxmin()}) to "
            f"{known.max():.2f} ({known.idxmax()})"
        )
        if not len(self.differences):
            return span
        apart = int((self.differences["p"] < 1 - self.overall.level).sum())
        return (
            f"{span}; {apart} of {len(self.differences)} pairs differ "
            f"(p < {1 - self.overall.level:.2g}, not adjusted)"
        )

    @cached_property
    def index(self) -> pd.DataFrame:
        """The index of every group: estimate, se, low, high, n, note.

        NaN for a group whose index is refused, for one that could not be estimated,
        whose n is zero, and beside the estimate of one whose bootstrap failed; the
        note says why.

        Raises
        ------
        SpecificationError
            If the model names no index.
        """
        model = self.results.overall.model
        position = model.construct_names.index(model.required_index())
        rows: list[list[object]] = []
        notes: list[str] = []
        for label, fit in self.results.members.items():
            told = fit.scores.iloc[position]
            ends, note = [np.nan] * 3, str(told["note"])
            if not note:
                found = self._spread(label, position)
                if isinstance(found, str):
                    note = found
                else:
                    parts = (found.errors, found.low, found.high)
                    ends = [float(part[0]) for part in parts]
                    notes += found.notes([str(label)])
            rows.append([told["score"], *ends, fit.n, note])
        failures = self.results.failures
        rows += [[np.nan] * 4 + [0, reason] for reason in failures.values()]
        labels = [*self.results.members, *failures]
        columns = ["estimate", "se", "low", "high", "n", "note"]
        table = Table(
            rows, index=pd.Index(labels, name=self.results.by), columns=columns
        )
        table.attrs["notes"] = notes
        return table

    @cached_property
    def differences(self) -> pd.DataFrame:
        """Differences of the index: first, second, estimate, se, low, high, p.

        Every pair of groups once, with intervals of the kind asked for. The groups
        are drawn independently, so that the differences of their resamples are
        resamples of the difference; but where clusters have respondents of several
        groups, whole clusters are drawn anew for all groups at once.

        Raises
        ------
        SpecificationError
            If the model names no index.
        """
        model = self.results.overall.model
        position = model.construct_names.index(model.required_index())
        estimates = self.index["estimate"]
        known = {
            label: float(estimates.iloc[k])
            for k, label in enumerate(self.results.members)
            if label in self.members and np.isfinite(estimates.iloc[k])
        }
        boots = {label: self.members[label] for label in known}
        return differences(Sides(self.overall, boots, position), known)

    def _spread(self, label: Hashable, position: int) -> Spread | str:
        """Return how a group's index spreads, or why that isn't known."""
        if label in self.failures:
            return self.failures[label]
        try:
            return self.members[label].spread(SCORES, position)
        except DataError as error:
            return "; ".join(error.problems)
