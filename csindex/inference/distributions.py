"""Bootstrap distributions as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from csindex.diagnostics import (
    HTMT,
    RELIABILITY,
    importance,
    importance_performance,
)
from csindex.errors import DataError, SpecificationError, quoted
from csindex.estimation import Estimates
from csindex.inference import intervals
from csindex.inference.buckets import Method
from csindex.inference.intervals import Alternative, Interval, Limits
from csindex.inference.resampling import sampling_units
from csindex.inference.stack import (
    Collected,
    Draws,
    collect,
    inner_errors,
    left_out_estimates,
    resampled,
)
from csindex.inference.standard import standard_statistics as standard_statistics
from csindex.inference.telling import index_line
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.results import Results, Statistic, statistics
from csindex.results.printing import Page, Printed

Failed = Literal["drop", "keep", "replace"]
_FAILED = {
    "drop": "left out",
    "keep": "kept unless inadmissible",
    "replace": "left out, others drawn for them",
}


@dataclass(frozen=True)
class Options:
    """How intervals are made from resampled values.

    Attributes
    ----------
    interval : str
        Kind of interval.
    level : float
        Confidence level.
    inner : int
        Resamples within each resample, for studentized intervals.
    failed : str
        What becomes of resamples that failed.
    method : str
        Whether resamples or moments are drawn.
    """

    interval: Interval
    level: float
    inner: int
    failed: Failed
    method: Method = "resample"


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap(Printed):
    """Bootstrap distributions of everything in a fit; made by `bootstrap`.

    Attributes
    ----------
    draws : Draws
        The fit and its resamples.
    options : Options
        Kind of interval and level.
    values : mapping of str to ndarray of shape (used, k)
        Values of each standard statistic in the resamples used.
    usable : ndarray of bool of shape (b,)
        Which resamples are used.
    counts : Series
        Resamples requested, used, not_converged and inadmissible.
    """

    draws: Draws
    options: Options
    values: Mapping[str, FloatArray]
    usable: BoolArray
    counts: pd.Series

    @property
    def results(self) -> Results:
        """The fit."""
        return self.draws.results

    @property
    def interval(self) -> Interval:
        """Kind of interval."""
        return self.options.interval

    @property
    def level(self) -> float:
        """Confidence level."""
        return self.options.level

    def _page(self) -> Page:
        tables = {"Paths": self.paths} if self.results.model.paths else {}
        if self.results.model.index is not None:
            tables = {"Scores": self.scores, **tables}
        told = (
            f"Bootstrap of {self.results.model.name}: {self.counts['used']} of "
            f"{self.counts['requested']} resamples used, {self.interval} intervals, "
            f"level {self.level:g}"
        )
        answer = index_line(self.results, self.scores, self.level)
        return Page(f"{answer}\n{told}", tables)

    @property
    def index(self) -> pd.Series:
        """The index: estimate, se, low, high."""
        estimate = self.results.index
        row = self.scores.set_index("construct").loc[self.results.model.index]
        return pd.Series(
            {
                "estimate": estimate,
                "se": float(row["se"]),
                "low": float(row["low"]),
                "high": float(row["high"]),
            },
            name="index",
        )

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The columns of `Results.scores`, and se, low, high."""
        table = self.results.scores
        spread = self._spread(statistics.SCORES)
        spread[table["note"].to_numpy() != ""] = np.nan
        return pd.concat([table, spread], axis=1)

    def spread_of_score(self, position: int) -> list[float]:
        """Return se, low and high of one construct's score.

        Parameters
        ----------
        position : int
            The construct's position in the model.

        Returns
        -------
        list of float
            The three numbers; NaN where the score is refused.
        """
        if self.results.scores["note"].iloc[position]:
            return [np.nan] * 3
        values = self.values[statistics.SCORES.name]
        limits = self._limits(statistics.SCORES, values)
        return [
            float(values[:, position].std(ddof=1)),
            float(limits.low[position]),
            float(limits.high[position]),
        ]

    @cached_property
    def paths(self) -> pd.DataFrame:
        """The columns of `Results.paths`, and se, low, high, p."""
        return self._beside(self.results.paths, statistics.PATHS)

    @cached_property
    def total_effects(self) -> pd.DataFrame:
        """The columns of `Results.total_effects`, and se, low, high, p."""
        return self._beside(self.results.total_effects, statistics.TOTAL_EFFECTS)

    @cached_property
    def indirect_effects(self) -> pd.DataFrame:
        """The columns of `Results.indirect_effects`, and se, low, high, p."""
        return self._beside(self.results.indirect_effects, statistics.INDIRECT_EFFECTS)

    @cached_property
    def specific_indirect_effects(self) -> pd.DataFrame:
        """The columns of `Results.specific_indirect_effects`, and se, low, high, p."""
        return self._table(statistics.SPECIFIC_INDIRECT_EFFECTS)

    @cached_property
    def loadings(self) -> pd.DataFrame:
        """The columns of `Results.loadings`, and se, low, high, p."""
        return self._beside(self.results.loadings, statistics.LOADINGS)

    @cached_property
    def weights(self) -> pd.DataFrame:
        """The columns of `Results.weights`, and se, low, high, p of the estimate."""
        return self._beside(self.results.weights, statistics.WEIGHTS)

    @cached_property
    def r_squared(self) -> pd.DataFrame:
        """R squared: construct, estimate, se, low, high."""
        return self._table(statistics.R_SQUARED)

    @cached_property
    def reliability(self) -> pd.DataFrame:
        """Reliability: construct, measure, estimate, se, low, high."""
        return self._table(RELIABILITY)

    @cached_property
    def htmt(self) -> pd.DataFrame:
        """Heterotrait-monotrait ratios: first, second, estimate, se, low, high."""
        return self._table(HTMT)

    @cached_property
    def importance(self) -> pd.DataFrame:
        """The importance-performance table, with intervals of both.

        The columns of `importance_performance`, and importance_low,
        importance_high, performance_low, performance_high.
        """
        table = importance_performance(self.results)
        effect = self._spread(importance(str(table.attrs["target"])))
        scores = self.scores.set_index("construct").loc[table["driver"]]
        wide = table.assign(
            importance_low=effect["low"].to_numpy(),
            importance_high=effect["high"].to_numpy(),
            performance_low=scores["low"].to_numpy(),
            performance_high=scores["high"].to_numpy(),
        )
        wide.attrs.update(table.attrs)
        return wide

    @cached_property
    def settings(self) -> pd.Series:
        """Every option that shaped the numbers."""
        survey = self.results.survey
        book = None if survey is None else survey.codebook
        drawn = "whole clusters" if book and book.clusters else "respondents"
        if self.draws.buckets is not None:
            drawn = f"{len(self.draws.buckets.count)} buckets"
        if self.draws.law is not None:
            drawn = "moments from their asymptotic normal law"
        within = ", within strata" if book and book.strata else ""
        designed = book and (book.strata or book.clusters)
        rescaled = ", rescaled (Rao & Wu)" if designed else ""
        entries = {
            "resamples": f"{self.counts['requested']}, of {drawn}{within}{rescaled}",
            "seed": "given indices"
            if self.draws.indices is not None
            else f"{self.draws.plan.seed}",
            "interval": self.interval
            + (
                f", {self.options.inner} resamples within each"
                if self.interval == "studentized"
                else ""
            ),
            "level": f"{self.level:g}",
            "p-values": "two-sided, share of resamples beyond zero",
            "signs": "aligned once per construct and resample with the estimate",
            "failed resamples": f"{_FAILED[self.options.failed]}; "
            f"{self.counts['not_converged']} not converged, "
            f"{self.counts['inadmissible']} inadmissible",
        }
        return pd.concat(
            [self.results.settings, pd.Series(entries, name="setting", dtype=object)]
        )

    def replicates(self, statistic: str) -> FloatArray:
        """Return the values of a standard statistic in the resamples used.

        Parameters
        ----------
        statistic : str
            Its name, as ``"paths"``.

        Returns
        -------
        ndarray of shape (used, k)
            One row per resample, in the order of the statistic's table.

        Raises
        ------
        SpecificationError
            For a name that isn't a standard statistic.
        """
        if statistic not in self.values:
            raise SpecificationError(
                f"unknown statistic {statistic!r}; there are {quoted(self.values)}"
            )
        return self.values[statistic]

    def p_values(
        self,
        statistic: str = "paths",
        alternative: Alternative = "two-sided",
        null: float = 0.0,
    ) -> pd.Series:
        """Return the p-values of a hypothesis about a standard statistic.

        Parameters
        ----------
        statistic : str
            Its name, as ``"paths"`` or ``"HTMT"``.
        alternative : {"two-sided", "greater", "less"}
            What the statistic is if the hypothesis is wrong; for HTMT below .90
            that is ``"less"`` with ``null=0.9``.
        null : float
            The value of the hypothesis.

        Returns
        -------
        Series
            p-values in the order of the statistic's table, named after the
            alternative.

        Raises
        ------
        SpecificationError
            For an unknown statistic or alternative.
        """
        if alternative not in get_args(Alternative):
            raise SpecificationError(
                f"unknown alternative {alternative!r}; there are "
                f"{quoted(get_args(Alternative))}"
            )
        values = self.replicates(statistic)
        return pd.Series(
            intervals.p_values(values, alternative, null), name=f"p ({alternative})"
        )

    def of(
        self, statistic: Statistic | Callable[[Estimates], ArrayLike]
    ) -> pd.DataFrame:
        """Return the bootstrap of any statistic.

        The same resamples are drawn again, so that the result goes together with
        the other tables.

        Parameters
        ----------
        statistic : Statistic or callable
            A function from `Estimates` with batch axes (...) to an array of shape
            (...) or (..., k); it must not loop over or mix the members of a stack.

        Returns
        -------
        DataFrame
            One row per value: labels if the statistic has them, estimate, se, low,
            high, and p where zero is a hypothesis.

        Raises
        ------
        SpecificationError
            If the function's result doesn't have the batch axes of the estimates.

        Examples
        --------
        >>> import csindex as csi
        >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
        >>> boot = csi.bootstrap(results, n=200)
        >>> boot.of(lambda e: e.r_squared[..., 3] - e.r_squared[..., 2]).shape
        (1, 5)
        """
        named = statistic if isinstance(statistic, Statistic) else _adopted(statistic)
        return self._table(named)

    def _table(self, statistic: Statistic) -> pd.DataFrame:
        if statistic.name in self.values:
            table = statistic.table(self.results.estimates)
            return self._beside(table, statistic)
        estimate = np.atleast_1d(statistic.compute(self.results.estimates))
        labels = statistic.labels(self.results.model)
        if len(labels) != len(estimate):
            labels = pd.DataFrame(index=range(len(estimate)))
        return self._beside(labels.assign(estimate=estimate), statistic)

    def _beside(self, table: pd.DataFrame, statistic: Statistic) -> pd.DataFrame:
        spread = self._spread(statistic)
        if not statistic.tested:
            spread = spread.drop(columns="p", errors="ignore")
        return pd.concat([table, spread], axis=1)

    def _spread(self, statistic: Statistic) -> pd.DataFrame:
        """Return se, low, high (and p) of each value of a statistic."""
        values = self.values.get(statistic.name)
        if values is None:
            values = resampled(self.draws, [statistic]).values[statistic.name][
                self.usable
            ]
        limits = self._limits(statistic, values)
        columns = {
            "se": values.std(axis=0, ddof=1),
            "low": limits.low,
            "high": limits.high,
        }
        if statistic.tested:
            columns["p"] = intervals.p_values(values)
        return pd.DataFrame(columns)

    def _limits(self, statistic: Statistic, values: FloatArray) -> Limits:
        estimate = np.ravel(statistic.compute(self.results.estimates))
        match self.interval:
            case "percentile":
                return intervals.percentile(values, self.level)
            case "basic":
                return intervals.basic(values, estimate, self.level)
            case "normal":
                return intervals.normal(values, estimate, self.level)
            case "bc":
                return intervals.corrected(values, estimate, self.level)
            case "bca":
                rate = intervals.acceleration(
                    self._left_out(statistic),
                    sampling_units(self.draws.answers).strata,
                )
                return intervals.corrected(values, estimate, self.level, rate)
            case "studentized":
                inner = self._inner(statistic)[self.usable]
                return intervals.studentized(values, estimate, inner, self.level)

    def _left_out(self, statistic: Statistic) -> FloatArray:
        """Return a statistic without each unit; standard ones are kept together."""
        known = self._left_out_standard
        if statistic.name in known.values:
            return known.values[statistic.name]
        return collect(left_out_estimates(self.draws), [statistic]).values[
            statistic.name
        ]

    @cached_property
    def _left_out_standard(self) -> Collected:
        found = collect(left_out_estimates(self.draws), self._standard)
        lost = int((~(found.converged & found.admissible)).sum())
        if lost:
            raise DataError(
                f"BCa intervals need the estimate without each unit, and {lost} of "
                f"{len(found.converged)} of those failed; use interval='percentile'"
            )
        return found

    def _inner(self, statistic: Statistic) -> FloatArray:
        """Return the standard errors of a statistic within each resample."""
        if statistic.name in self._inner_standard:
            return self._inner_standard[statistic.name]
        return inner_errors(self.draws, [statistic], self.options.inner)[statistic.name]

    @cached_property
    def _inner_standard(self) -> Mapping[str, FloatArray]:
        return inner_errors(self.draws, self._standard, self.options.inner)

    @property
    def _standard(self) -> list[Statistic]:
        return standard_statistics(self.results)


def _adopted(function: Callable[[Estimates], ArrayLike]) -> Statistic:
    """Return a user's function as a statistic without labels."""

    def compute(estimates: Estimates) -> FloatArray:
        return np.asarray(function(estimates), dtype=np.float64)

    return Statistic("own statistic", compute, lambda _: pd.DataFrame())
