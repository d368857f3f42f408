"""Standard errors of complex samples as tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from csindex.diagnostics import HTMT, RELIABILITY
from csindex.errors import SpecificationError, unknown
from csindex.estimation import Estimates
from csindex.inference.choosing import NAMES, chosen
from csindex.inference.standard import standard_statistics
from csindex.inference.telling import index_line
from csindex.kernels.arrays import FloatArray
from csindex.language.options import canonical
from csindex.results import Results, Statistic, statistics
from csindex.results.printing import Page, Printed

# a standard error below this share of its estimate is rounding
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Errors:
    """Standard errors of some statistics.

    Attributes
    ----------
    se : mapping of str to ndarray of shape (k,)
        Standard errors of each statistic.
    simple : mapping of str to ndarray of shape (k,)
        Those that a simple random sample of the same size would have; empty where the
        method doesn't tell.
    """

    se: Mapping[str, FloatArray]
    simple: Mapping[str, FloatArray]


# computes the standard errors of any statistics of one fit
Method = Callable[[Sequence[Statistic]], Errors]


@dataclass(frozen=True, eq=False, repr=False)
class SamplingErrors(Printed):
    """Standard errors of everything in a fit; made by `linearized` and its like.

    Attributes
    ----------
    results : Results
        The fit.
    method : str
        How the errors were made.
    level : float
        Confidence level of the intervals.
    made : callable
        Computes the errors of statistics.
    """

    results: Results
    method: str
    level: float
    made: Method

    @cached_property
    def errors(self) -> Mapping[str, FloatArray]:
        """Standard errors of each standard statistic, each of shape (k,)."""
        return self._standard.se

    @cached_property
    def simple(self) -> Mapping[str, FloatArray]:
        """Standard errors that a simple random sample of the same size would have.

        Empty where the method doesn't tell.
        """
        return self._standard.simple

    def _page(self) -> Page:
        answer = index_line(self.results, self.scores, self.level)
        scores = self.scores
        if (scores["note"] == "").all():
            scores = scores.drop(columns="note")
        tables = {"Scores": scores, "Paths": self.paths}
        return Page(
            f"{answer}\n{self.method[:1].upper()}{self.method[1:]}, level "
            f"{self.level:g}",
            {caption: table for caption, table in tables.items() if len(table)},
        )

    @property
    def index(self) -> pd.Series:
        """The index: estimate, se, low, high, and design_effect where it is known."""
        name = self.results.model.required_index()
        row = self.scores.set_index("construct").loc[name]
        columns = [c for c in ("se", "low", "high", "design_effect") if c in row.index]
        numbers = {"estimate": self.results.index, **row[columns].to_dict()}
        return pd.Series(numbers, name="index", dtype=float)

    @property
    def scores(self) -> pd.DataFrame:
        """Scores: construct, estimate, se, low, high, (design_effect,) note.

        The numbers are NaN where a score is refused, and note tells why, as in
        `Results.scores`.
        """
        return self.of(statistics.SCORES).assign(
            note=self.results.scores["note"].to_numpy()
        )

    @property
    def paths(self) -> pd.DataFrame:
        """Paths: source, target, estimate, se, low, high, p ..."""
        return self.of(statistics.PATHS)

    @property
    def total_effects(self) -> pd.DataFrame:
        """Total effects: source, target, estimate, se, low, high, p ..."""
        return self.of(statistics.TOTAL_EFFECTS)

    @property
    def indirect_effects(self) -> pd.DataFrame:
        """Indirect effects: source, target, estimate, se, low, high, p ..."""
        return self.of(statistics.INDIRECT_EFFECTS)

    @property
    def specific_indirect_effects(self) -> pd.DataFrame:
        """Indirect effects of each chain of paths: estimate, se, low, high, p ..."""
        return self.of(statistics.SPECIFIC_INDIRECT_EFFECTS)

    @property
    def loadings(self) -> pd.DataFrame:
        """Loadings: construct, item, estimate, se, low, high, p ..."""
        return self.of(statistics.LOADINGS)

    @property
    def weights(self) -> pd.DataFrame:
        """Outer weights: construct, item, estimate, se, low, high, p ..."""
        return self.of(statistics.WEIGHTS)

    @property
    def r_squared(self) -> pd.DataFrame:
        """R squared: construct, estimate, se, low, high ..."""
        return self.of(statistics.R_SQUARED)

    @property
    def reliability(self) -> pd.DataFrame:
        """Reliability: construct, measure, estimate, se, low, high ..."""
        return self.of(RELIABILITY)

    @property
    def htmt(self) -> pd.DataFrame:
        """Heterotrait-monotrait ratios: first, second, estimate, se, low, high ..."""
        return self.of(HTMT)

    @property
    def settings(self) -> pd.Series:
        """Every option that shaped the numbers."""
        entries = {
            "standard errors": self.method,
            "interval": "normal",
            "level": f"{self.level:g}",
            "p-values": "two-sided, normal",
        }
        return pd.concat(
            [self.results.settings, pd.Series(entries, name="setting", dtype=object)]
        )

    def of(
        self, statistic: str | Statistic | Callable[[Estimates], ArrayLike]
    ) -> pd.DataFrame:
        """Return a statistic with its errors.

        Parameters
        ----------
        statistic : str, Statistic or callable
            A name, as ``"HTMT"`` or ``"f_squared"``; or a function from `Estimates`
            with batch axes (...) to an array of shape (...), (..., k) or deeper, which
            must not loop over or mix the members of a stack.

        Returns
        -------
        DataFrame
            Labels, if the statistic has them, estimate, se, normal limits low and
            high, two-sided p where zero is a hypothesis, and design_effect where it is
            known.

        Raises
        ------
        SpecificationError
            For an unknown name, anything that is no statistic, or a function whose
            result isn't real numbers with the batch axes of the estimates.

        Examples
        --------
        >>> import csindex as csi
        >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
        >>> errors = csi.linearized(results)
        >>> errors.of(lambda e: e.r_squared[..., 3] - e.r_squared[..., 2]).shape
        (1, 6)
        """
        named = self._named(statistic)
        made = self._standard if self._known(named) else self.made([named])
        estimate = np.ravel(named.compute(self.results.estimates))
        table = named.labels(self.results.model)
        if len(table) != len(estimate):
            table = pd.DataFrame(index=range(len(estimate)))
        se = made.se[named.name]
        half = NormalDist().inv_cdf((1 + self.level) / 2) * se
        table = table.assign(
            estimate=estimate, se=se, low=estimate - half, high=estimate + half
        )
        if named.tested:
            vary = se > _ROUNDING * np.maximum(1.0, np.abs(estimate))
            z = np.where(vary, np.abs(estimate) / np.where(vary, se, 1.0), np.nan)
            table["p"] = [math.erfc(value / math.sqrt(2)) for value in z]
        if made.simple:
            with np.errstate(invalid="ignore", divide="ignore"):
                table["design_effect"] = (se / made.simple[named.name]) ** 2
        if named is statistics.SCORES:
            refused = (self.results.scores["note"] != "").to_numpy()
            table.loc[refused, table.columns[1:]] = np.nan
        return table

    @cached_property
    def _standard(self) -> Errors:
        return self.made(standard_statistics(self.results))

    def _known(self, statistic: Statistic) -> bool:
        return any(statistic is own for own in standard_statistics(self.results))

    def _named(
        self, statistic: str | Statistic | Callable[[Estimates], ArrayLike]
    ) -> Statistic:
        if not isinstance(statistic, str):
            return chosen(statistic, self.results)
        known = {own.name: own for own in standard_statistics(self.results)}
        known = {**NAMES, **known}
        name = canonical(statistic, known)
        if problems := unknown("statistic", [name], known, "in these errors"):
            raise SpecificationError(problems)
        return known[name]
