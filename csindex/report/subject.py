"""What a report is about: a fit, its bootstrap, its groups, and the words."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from csindex.errors import SpecificationError
from csindex.estimation import row_estimator
from csindex.inference import Bootstrap, GroupBootstrap, bootstrap
from csindex.language import Words
from csindex.plotting.subjects import product_names
from csindex.results import GroupResults, Results

# resamples of a report: of moments, and of estimators that see every answer, some of
# which take milliseconds for each
MANY, FEWER = 10_000, 1_000


@dataclass(frozen=True, eq=False)
class Subject:
    """What a report is about.

    Attributes
    ----------
    results : Results
        The fit to everyone.
    boot : Bootstrap or None
        Its bootstrap.
    groups : GroupResults or None
        The groups.
    group_boot : GroupBootstrap or None
        Their bootstraps.
    words : Words
        The words.
    waves : bool
        Whether the groups are waves in their order.
    """

    results: Results
    boot: Bootstrap | None
    groups: GroupResults | None
    group_boot: GroupBootstrap | None
    words: Words
    waves: bool = False

    @property
    def level(self) -> str:
        """The confidence level as text."""
        return "" if self.boot is None else f"{100 * self.boot.level:g}%"

    @property
    def interval_title(self) -> str:
        """Title of a column of intervals."""
        return self.words("report.interval", level=self.level)

    @property
    def labels(self) -> list[str]:
        """The names that the figures show."""
        groups = [] if self.groups is None else self.groups.labels
        model = self.results.model
        return [*model.construct_names, *model.items, *map(str, groups)]

    @property
    def products(self) -> frozenset[str]:
        """The products of constructs, which no question asks about."""
        return product_names(self.results)

    @property
    def constructs(self) -> list[str]:
        """The constructs that have questions."""
        names = self.results.model.construct_names
        return [name for name in names if name not in self.products]

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the results, with intervals where there are some."""
        source = self.results if self.boot is None else self.boot
        table: pd.DataFrame = getattr(source, name)
        return table

    def construct(self, name: str) -> str:
        """Return the display name of a construct."""
        return self.words.construct(name)


def subject_of(
    results: object,
    boot: Bootstrap | GroupBootstrap | None,
    words: Words,
    resamples: int | None,
    seed: int,
    waves: bool = False,
) -> Subject:
    """Return what a report is about, bootstrapped where there are respondents.

    Parameters
    ----------
    results : Results, Bootstrap, GroupResults or GroupBootstrap
        What the user gave.
    boot : Bootstrap or GroupBootstrap, optional
        What the user gave beside it.
    words : Words
        The words.
    resamples : int, optional
        For a bootstrap that the user didn't give; None: as many as don't take long.
    seed : int
        For that bootstrap.
    waves : bool
        Whether the groups are waves in their order.

    Returns
    -------
    Subject
        The subject.

    Raises
    ------
    SpecificationError
        If the results are something else, or the bootstrap is of another fit.
    """
    if isinstance(results, (Bootstrap, GroupBootstrap)):
        boot = results if boot is None else boot
        results = results.results
    if not isinstance(results, (Results, GroupResults)):
        raise SpecificationError(
            "report needs results, as csi.fit(model, survey), not "
            f"{type(results).__name__}"
        )
    if waves and not isinstance(results, GroupResults):
        raise SpecificationError(
            "report: waves=True needs the waves' fits, as csi.fit(model, survey, "
            f"by='wave'), not {type(results).__name__}"
        )
    if boot is None and _respondents(results):
        usual = _usual_resamples(results) if resamples is None else resamples
        boot = bootstrap(results, n=usual, seed=seed)
    if boot is not None and getattr(boot, "results", None) is not results:
        raise SpecificationError(
            "report: boot belongs to another fit; make it with csi.bootstrap(results) "
            "from the same results"
        )
    if isinstance(boot, GroupBootstrap):
        overall = boot.overall
        return Subject(overall.results, overall, boot.results, boot, words, waves)
    if isinstance(results, GroupResults):
        return Subject(results.overall, None, results, None, words, waves)
    return Subject(results, boot, None, None, words)


def _usual_resamples(results: Results | GroupResults) -> int:
    """Return how many resamples a report draws that isn't told."""
    fit = results.overall if isinstance(results, GroupResults) else results
    return MANY if row_estimator(fit.estimator) is None else FEWER


def _respondents(results: Results | GroupResults) -> bool:
    fit = results.overall if isinstance(results, GroupResults) else results
    return fit.answers is not None or fit.moments.buckets is not None
