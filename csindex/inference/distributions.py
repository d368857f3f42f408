"""Bootstrap distributions as tables."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from csindex.diagnostics import (
    FIT,
    HTMT,
    RELIABILITY,
    importance,
    importance_performance,
)
from csindex.errors import DataError, SpecificationError, quoted
from csindex.estimation import Estimates
from csindex.inference import intervals
from csindex.inference.choosing import chosen
from csindex.inference.intervals import Alternative, Interval
from csindex.inference.options import Options, draw_settings
from csindex.inference.places import with_certainty
from csindex.inference.refused import whole_rows
from csindex.inference.resampling import sampling_units
from csindex.inference.spreads import Beside, Spread, row_names, spread
from csindex.inference.stack import (
    Collected,
    Draws,
    collect,
    inner_errors,
    left_out_estimates,
    resampled,
)
from csindex.inference.standard import standard_statistics as standard_statistics
from csindex.inference.telling import floor_notes, index_line, resample_notes
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.language.frames import Table
from csindex.language.options import canonical
from csindex.language.tables import floored
from csindex.results import Results, Statistic, statistics
from csindex.results.printing import Page, Printed
from csindex.results.summary import sample_text


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap(Printed):
    """Bootstrap distributions of everything in a fit; made by `bootstrap`.

    Its tables have t and p where zero is a hypothesis. Of scores p is empty, and R
    squared, reliabilities and HTMT have none; `p_values` tests them against any value.

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
        Resamples requested, used, not_converged and inadmissible; improper, of those
        that could be used, ones that no population could have; and no_score, of
        those used, ones where a construct lacks the 0-100 score that it has in the
        fit.
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

    @property
    def p_floor(self) -> float:
        """The least two-sided p-value that so many resamples can show, 2 / (b + 1)."""
        return 2 / (int(self.counts["used"]) + 1)

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
        notes = floor_notes(tables.values(), self.p_floor, int(self.counts["used"]))
        for table in tables.values():
            notes += table.attrs["notes"]
        notes += resample_notes(self.counts, self.options.failed)
        title = "\n".join([answer, told, sample_text(self.results)])
        return Page(title, tables, notes, formats=floored(self.p_floor))

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
        """The columns of `Results.scores`, and se, low, high and p, which is NaN.

        A resample with a negative weight has no score, as a fit with one has none;
        ``defined`` is the share of resamples with a score, where some have none.
        """
        table = self.results.scores
        found = self.spread(statistics.SCORES)
        made = self._joined(table, statistics.SCORES, found)
        # of a refused score the table's own note says why
        names = table["construct"].where(table["note"] == "", "")
        made.attrs["notes"] = found.notes(names.tolist())
        return made

    @cached_property
    def paths(self) -> pd.DataFrame:
        """The columns of `Results.paths`, and se, t, low, high, p."""
        return self._beside(self.results.paths, statistics.PATHS)

    @cached_property
    def total_effects(self) -> pd.DataFrame:
        """The columns of `Results.total_effects`, and se, t, low, high, p."""
        return self._beside(self.results.total_effects, statistics.TOTAL_EFFECTS)

    @cached_property
    def indirect_effects(self) -> pd.DataFrame:
        """The columns of `Results.indirect_effects`, and se, t, low, high, p."""
        return self._beside(self.results.indirect_effects, statistics.INDIRECT_EFFECTS)

    @cached_property
    def specific_indirect_effects(self) -> pd.DataFrame:
        """The columns of `Results.specific_indirect_effects`, se, t, low, high, p."""
        return self._table(statistics.SPECIFIC_INDIRECT_EFFECTS)

    @cached_property
    def loadings(self) -> pd.DataFrame:
        """The columns of `Results.loadings`, and se, t, low, high, p."""
        return self._beside(self.results.loadings, statistics.LOADINGS)

    @cached_property
    def weights(self) -> pd.DataFrame:
        """The columns of `Results.weights`, and se, t, low, high, p; share is last."""
        table = self.results.weights
        made = self._beside(table.drop(columns="share"), statistics.WEIGHTS)
        return made.assign(share=table["share"])

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

        The columns of `importance_performance`; importance_low, importance_high,
        performance_low and performance_high; probability, the share of resamples that
        place the driver in its region; and verdict, ``"uncertain"`` where no region
        has .80 of them.
        """
        table = importance_performance(self.results)
        own_name = importance(str(table.attrs["target"])).name
        statistic = next(s for s in self._standard if s.name == own_name)
        effect = self.spread(statistic)
        scores = self.scores.set_index("construct").loc[table["driver"]]
        wide = table.assign(
            importance_low=effect.low,
            importance_high=effect.high,
            performance_low=scores["low"].to_numpy(),
            performance_high=scores["high"].to_numpy(),
        )
        own = [self.results.model.construct_names.index(n) for n in table["driver"]]
        drawn = self.values[statistic.name], self.values["scores"][:, own]
        return with_certainty(wide, *whole_rows(*drawn))

    @cached_property
    def settings(self) -> pd.Series:
        """Every option that shaped the numbers."""
        own = draw_settings(self.draws, self.options, self.counts)
        return pd.concat([self.results.settings, own])

    def replicates(self, statistic: str) -> FloatArray:
        """Return the values of a standard statistic in the resamples used.

        Parameters
        ----------
        statistic : str
            Its name, as ``"paths"``.

        Returns
        -------
        ndarray of shape (used, k)
            One row per resample, in the order of the statistic's table; NaN where a
            resample doesn't define it, as a score by negative weights.

        Raises
        ------
        SpecificationError
            For a name that isn't a standard statistic.
        """
        statistic = canonical(statistic, self.values)
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
            alternative; NaN without an estimate, or enough resamples that have one.

        Raises
        ------
        SpecificationError
            For an unknown statistic or alternative, or if the value isn't a number.
        """
        alternative = canonical(alternative, get_args(Alternative))
        if alternative not in get_args(Alternative):
            raise SpecificationError(
                f"unknown alternative {alternative!r}; there are "
                f"{quoted(get_args(Alternative))}"
            )
        if not isinstance(null, numbers.Real) or isinstance(null, bool):
            raise SpecificationError(f"null must be a number, not {null!r}")
        values = self.replicates(statistic)
        named = next(
            s for s in self._standard if s.name == canonical(statistic, self.values)
        )
        enough = np.isfinite(values).sum(axis=0) >= intervals.least(self.level)
        told = enough & np.isfinite(self._estimate(named))
        p = intervals.p_values(values, alternative, float(null))
        return pd.Series(np.where(told, p, np.nan), name=f"p ({alternative})")

    def of(
        self, statistic: Statistic | str | Callable[[Estimates], ArrayLike]
    ) -> pd.DataFrame:
        """Return the bootstrap of any statistic.

        The same resamples are drawn again, so that the result goes together with
        the other tables.

        Parameters
        ----------
        statistic : Statistic, str or callable
            A function from `Estimates` with batch axes (...) to an array of real
            numbers of shape (...), (..., k) or with more axes; it must not loop over
            or mix the members of a stack. Or the name of a statistic: paths,
            total_effects, indirect_effects, specific_indirect_effects, point_effects
            (of 0-100 scores), loadings, weights, shares, scores, r_squared,
            r_squared_adjusted, f_squared, reliability, omega, indicator_reliability,
            htmt, htmt2, fornell_larcker, cross_loadings, vif, full_collinearity, fit
            or gof.

        Returns
        -------
        DataFrame
            One row per value: labels if the statistic has them, estimate, se, low,
            high, and t and p where zero is a hypothesis.
            Of a function, values of shape (..., p, j) are labelled by item and
            construct, those of shape (..., j, j) by target (row) and source, unless
            p is j; others of several axes by position, axis_0, axis_1 and so on.
            ``defined`` is the share of the resamples that define a value, where some
            don't.

        Raises
        ------
        SpecificationError
            If the function's result isn't an array of real numbers with the batch
            axes of the estimates, or there is no statistic of that name.

        Notes
        -----
        Resampling adds misfit of its own, so that intervals of fit measures lie too
        high: `csindex.exact_fit` has the test of a model's fit.

        Examples
        --------
        >>> import csindex as csi
        >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
        >>> boot = csi.bootstrap(results, n=200)
        >>> boot.of(lambda e: e.r_squared[..., 3] - e.r_squared[..., 2]).shape
        (1, 6)
        >>> boot.of("f_squared").columns.tolist()
        ['source', 'target', 'estimate', 'se', 'low', 'high']
        """
        return self._table(chosen(statistic, self.results))

    def left_out(self, statistic: Statistic) -> FloatArray:
        """Return a statistic without each unit that is drawn.

        Parameters
        ----------
        statistic : Statistic
            Any statistic; standard ones are kept together.

        Returns
        -------
        ndarray of shape (u, k)
            One row per respondent, cluster or bucket.

        Raises
        ------
        DataError
            If one of those estimates failed.
        """
        if self._is_standard(statistic):
            return self._left_out_standard.values[statistic.name]
        found = collect(left_out_estimates(self.draws), [statistic])
        return self._all_estimated(found).values[statistic.name]

    def inner_errors(self, statistic: Statistic) -> FloatArray:
        """Return the standard errors of a statistic within each resample used.

        Parameters
        ----------
        statistic : Statistic
            Any statistic; standard ones are kept together.

        Returns
        -------
        ndarray of shape (used, k)
            Standard errors.
        """
        if self._is_standard(statistic):
            return self._inner_standard[statistic.name][self.usable]
        found = inner_errors(self.draws, [statistic], self.options.inner)
        return found[statistic.name][self.usable]

    def spread(self, statistic: Statistic, column: int | None = None) -> Spread:
        """Return standard errors, intervals and p-values of a statistic.

        Parameters
        ----------
        statistic : Statistic
            Any statistic.
        column : int, optional
            The position of one of its k values; all if None.

        Returns
        -------
        Spread
            In arrays; see `Spread.columns`. Scores that the fit refuses are NaN.
        """
        columns = slice(None) if column is None else slice(column, column + 1)
        if self._is_standard(statistic):
            values = self.values[statistic.name]
        else:
            drawn = resampled(self.draws, [statistic]).values[statistic.name]
            values = drawn[self.usable]
        strata = sampling_units(self.draws.answers).strata
        return spread(
            values[:, columns],
            self._estimate(statistic)[columns],
            self.interval,
            self.level,
            Beside(
                lambda: intervals.acceleration(
                    self.left_out(statistic)[:, columns], strata
                ),
                lambda: self.inner_errors(statistic)[:, columns],
            ),
            statistic.tested,
        )

    def _estimate(self, statistic: Statistic) -> FloatArray:
        """Return a statistic's estimates, NaN for scores that the fit refuses."""
        with np.errstate(invalid="ignore", divide="ignore"):
            computed = statistic.compute(self.results.estimates)
        found = np.ravel(computed).astype(np.float64)
        if statistic is statistics.SCORES:
            return np.where(self.results.scores["note"] == "", found, np.nan)
        return found

    def _table(self, statistic: Statistic) -> pd.DataFrame:
        found = self.spread(statistic)
        labels = statistic.labels(self.results.model)
        if len(labels) != len(found.estimate):
            raise SpecificationError(
                f"the statistic {statistic.name!r} has {len(labels)} labels for "
                f"{len(found.estimate)} values"
            )
        return self._joined(labels.assign(estimate=found.estimate), statistic, found)

    def _beside(self, table: pd.DataFrame, statistic: Statistic) -> pd.DataFrame:
        return self._joined(table, statistic, self.spread(statistic))

    def _joined(
        self, table: pd.DataFrame, statistic: Statistic, found: Spread
    ) -> pd.DataFrame:
        """Return a table with a statistic's spread, and what has to be said of it."""
        with_p = statistic.tested or statistic is statistics.SCORES
        columns = found.columns(statistic.tested, with_p)
        made = Table(pd.concat([table, columns], axis=1))
        notes = found.notes(row_names(table))
        if statistic is FIT:
            notes.append(
                "Resampling adds misfit of its own; csi.exact_fit(results) tests the "
                "fit"
            )
        made.attrs["notes"] = notes
        if statistic.tested:
            made.attrs["p_floor"] = self.p_floor
        return made

    @cached_property
    def _left_out_standard(self) -> Collected:
        found = collect(left_out_estimates(self.draws), self._standard)
        return self._all_estimated(found)

    def _all_estimated(self, found: Collected) -> Collected:
        lost = int((~(found.converged & found.admissible)).sum())
        if lost:
            raise DataError(
                f"BCa intervals need the estimate without each unit, and {lost} of "
                f"{len(found.converged)} of those failed; use interval='percentile'"
            )
        return found

    @cached_property
    def _inner_standard(self) -> Mapping[str, FloatArray]:
        return inner_errors(self.draws, self._standard, self.options.inner)

    @cached_property
    def _standard(self) -> list[Statistic]:
        return standard_statistics(self.results)

    def _is_standard(self, statistic: Statistic) -> bool:
        return any(statistic is known for known in self._standard)
