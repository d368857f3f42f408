"""Results of several groups that were fitted at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from csindex.errors import DataError, SpecificationError, unknown
from csindex.results.printing import Page, Printed
from csindex.results.results import Results
from csindex.results.summary import restricted_lines, sample_text


def one_fit(subject: object, caller: str) -> Results:
    """Return results, or refuse what isn't the results of one fit.

    Parameters
    ----------
    subject : object
        What the user gave.
    caller : str
        Name of the public function, for the message.

    Returns
    -------
    Results
        The results.

    Raises
    ------
    SpecificationError
        If it is something else.
    """
    if isinstance(subject, Results):
        return subject
    if isinstance(subject, GroupResults):
        label = next(iter(subject.members), "")
        raise SpecificationError(
            f"{caller} takes one fit; choose a group, as results[{label!r}], or "
            "results.overall for everyone"
        )
    raise SpecificationError(
        f"{caller} needs results, as csi.fit(model, survey), not "
        f"{type(subject).__name__}"
    )


@dataclass(frozen=True, eq=False, repr=False)
class GroupResults(Printed):
    """The results of every group; made by ``csindex.fit(..., by=...)``.

    Attributes
    ----------
    by : str
        The column that divides the sample.
    overall : Results
        The fit to everyone.
    members : mapping of label to Results
        The groups that could be estimated, in order.
    failures : mapping of label to str
        The other groups, each with the reason.
    flows : mapping of label to tuple of (str, int)
        The sample flow of every group, as far as known.
    """

    by: str
    overall: Results
    members: Mapping[Hashable, Results]
    failures: Mapping[Hashable, str]
    flows: Mapping[Hashable, tuple[tuple[str, int], ...]] = field(default_factory=dict)

    def __getitem__(self, label: Hashable) -> Results:
        """Return the results of one group."""
        if label in self.members:
            return self.members[label]
        if label in self.failures:
            raise DataError(f"group {label!r} of {self.by!r}: {self.failures[label]}")
        labels = [str(known) for known in self.labels]
        by_text = {str(known): known for known in self.members}
        if str(label) in by_text:
            return self.members[by_text[str(label)]]
        raise DataError(unknown("group", [str(label)], labels, f"of {self.by!r}"))

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self.members)

    def _page(self) -> Page:
        model = self.overall.model
        failed = [f"{label}: {reason}" for label, reason in self.failures.items()]
        restricted = restricted_lines(self.overall)
        if model.index is None:
            sizes = [f"{label}: n = {fit.n}" for label, fit in self.members.items()]
            title = [f"{model.name} by {self.by}", sample_text(self.overall)]
            return Page("\n".join([*title, *restricted, *sizes, *failed]), {})
        table = pd.DataFrame(
            {
                self.by: [str(label) for label in self.members],
                "index": [self.index.loc[label] for label in self.members],
                "n": [fit.n for fit in self.members.values()],
            }
        )
        low, high = table["index"].min(), table["index"].max()
        span = f", from {low:.2f} to {high:.2f}" if len(table) > 1 else ""
        return Page(
            f"{model.name}: index {self.overall.index:.2f}, by {self.by}{span}\n"
            f"{sample_text(self.overall)}",
            {"": table},
            [*restricted, *failed],
            digits=2,
        )

    @property
    def labels(self) -> list[Hashable]:
        """Labels of all groups, also of those that failed."""
        return [*self.members, *self.failures]

    @cached_property
    def index(self) -> pd.Series:
        """The index of each group; NaN for a group that failed or has none.

        Raises
        ------
        SpecificationError
            If the model names no index.
        """
        model = self.overall.model
        position = model.construct_names.index(model.required_index())
        values = [
            float(result.scores["score"].iloc[position])
            for result in self.members.values()
        ]
        values += [np.nan] * len(self.failures)
        return pd.Series(
            values, index=pd.Index(self.labels, name=self.by), name="index"
        )

    @property
    def sample_flow(self) -> pd.DataFrame:
        """How many respondents of each group were read, could be used, are used.

        One row per group, in the order of `labels`, and the steps of
        `Results.sample_flow` as columns; NA for a group that failed before its
        respondents were counted.
        """
        flows = {label: dict(self.flows.get(label, ())) for label in self.failures}
        for label, member in self.members.items():
            flows[label] = member.sample_flow.to_dict()
        table = pd.DataFrame([flows[label] for label in self.labels])
        counts = table.astype(np.int64 if table.notna().all(axis=None) else "Int64")
        return counts.set_axis(pd.Index(self.labels, name=self.by))

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Scores of every group: the group, and the columns of `Results.scores`."""
        return self._all("scores")

    @cached_property
    def paths(self) -> pd.DataFrame:
        """Paths of every group: the group, and the columns of `Results.paths`."""
        return self._all("paths")

    @cached_property
    def total_effects(self) -> pd.DataFrame:
        """Total effects of every group."""
        return self._all("total_effects")

    @cached_property
    def loadings(self) -> pd.DataFrame:
        """Loadings of every group."""
        return self._all("loadings")

    @cached_property
    def weights(self) -> pd.DataFrame:
        """Weights of every group."""
        return self._all("weights")

    def _all(self, table: str) -> pd.DataFrame:
        frames = {
            label: getattr(member, table) for label, member in self.members.items()
        }
        return (
            pd.concat(frames, names=[self.by])
            .reset_index(level=0)
            .reset_index(drop=True)
        )
