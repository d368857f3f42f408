"""Published scores to compare with, each with the version of its method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from csindex.errors import DataError, SpecificationError, quoted, unknown

_COLUMNS = ("unit", "period", "score", "method")


@dataclass(frozen=True, eq=False, repr=False)
class Benchmarks:
    """Scores of other companies, industries or nations, by period and method.

    Scores of two versions of a method never meet in one trend or gap: a series that was
    restated on a new method has changed its ruler, not its level.

    Parameters
    ----------
    scores : DataFrame
        Columns unit, period, score (0-100) and method (its version, as
        ``"ACSI, revised 2023"``); others are kept.

    Raises
    ------
    DataError
        With every problem found: a missing column or value, a score off 0-100, two
        scores of one unit, period and method.

    Examples
    --------
    >>> import pandas as pd
    >>> table = Benchmarks(
    ...     pd.DataFrame(
    ...         {
    ...             "unit": "nation",
    ...             "period": [2022, 2023],
    ...             "score": [73.2, 77.8],
    ...             "method": ["phone", "panel"],
    ...         }
    ...     )
    ... )
    >>> table.methods("nation")
    ('phone', 'panel')
    """

    scores: pd.DataFrame

    def __post_init__(self) -> None:
        table = self.scores
        if not isinstance(table, pd.DataFrame):
            raise SpecificationError(
                f"benchmarks are a data frame with columns {quoted(_COLUMNS)}, not "
                f"{type(table).__name__}"
            )
        problems = unknown("column", _COLUMNS, table.columns, "in the benchmarks")
        if problems:
            raise DataError([f"benchmarks: {problem}" for problem in problems])
        points = pd.to_numeric(table["score"], errors="coerce")
        problems = [
            f"{column} is missing in {int(table[column].isna().sum())} rows"
            for column in _COLUMNS
            if table[column].isna().any()
        ]
        off = table["score"].notna() & ~points.between(0, 100)
        if off.any():
            problems.append(
                f"scores must lie on 0-100, not {quoted(table.loc[off, 'score'])}"
            )
        twice = table.duplicated(["unit", "period", "method"])
        problems += [
            f"{row.unit!r} has two scores for {row.period!r} by method {row.method!r}"
            for row in table[twice].itertuples()
        ]
        if problems:
            raise DataError([f"benchmarks: {problem}" for problem in problems])
        kept = table.reset_index(drop=True).assign(score=points.to_numpy())
        object.__setattr__(self, "scores", kept)

    def __repr__(self) -> str:
        return f"Benchmarks\n{self.scores.to_string(index=False)}"

    def methods(self, unit: str) -> tuple[str, ...]:
        """Return the methods by which a unit was scored, in order of appearance.

        Parameters
        ----------
        unit : str
            The unit.

        Returns
        -------
        tuple of str
            The methods.

        Raises
        ------
        DataError
            For an unknown unit.
        """
        return tuple(map(str, self._of(unit)["method"].unique()))

    def trend(self, unit: str, method: str | None = None) -> pd.DataFrame:
        """Return the scores of a unit over time, by one method.

        Parameters
        ----------
        unit : str
            The unit.
        method : str, optional
            The version of the method; needed if there are several.

        Returns
        -------
        DataFrame
            The unit's rows and, in ``change``, the difference from the row before.

        Raises
        ------
        SpecificationError
            If the scores are by several methods and none is chosen.
        DataError
            For an unknown unit or method.
        """
        chosen = self._by(self._of(unit), unit, method)
        return chosen.assign(change=chosen["score"].diff()).reset_index(drop=True)

    def gap(
        self, score: float, unit: str, method: str, period: object | None = None
    ) -> float:
        """Return how far a score of one's own is from a benchmark.

        Parameters
        ----------
        score : float
            The own score, 0-100.
        unit : str
            The unit to compare with.
        method : str
            The version of the method that the own score was made by.
        period : object, optional
            The period; the last one if None.

        Returns
        -------
        float
            Benchmark minus score: the points that are missing.

        Raises
        ------
        SpecificationError
            If the benchmark is by another method.
        DataError
            For an unknown unit or period.
        """
        rows = self._by(self._of(unit), unit, method)
        if period is not None:
            known = rows["period"].tolist()
            if period not in known:
                raise DataError(
                    unknown("period", [str(period)], map(str, known), f"of {unit!r}")
                )
            rows = rows[rows["period"] == period]
        return float(rows["score"].iloc[-1]) - score

    def of_units(
        self, units: Sequence[str], method: str, period: object | None = None
    ) -> dict[str, float]:
        """Return the scores of several units, as the benchmark of a hierarchy.

        Parameters
        ----------
        units : sequence of str
            The units, as names of nodes.
        method : str
            The version of the method that the own scores were made by.
        period : object, optional
            The period; the last one of each unit if None.

        Returns
        -------
        dict of str to float
            A score per unit.

        Raises
        ------
        SpecificationError
            If a benchmark is by another method.
        DataError
            For an unknown unit or period.
        """
        return {unit: self.gap(0.0, unit, method, period) for unit in units}

    def _of(self, unit: str) -> pd.DataFrame:
        known = self.scores["unit"].unique()
        if problems := unknown("unit", [unit], known, "in the benchmarks"):
            raise DataError(problems)
        return self.scores[self.scores["unit"] == unit]

    def _by(self, rows: pd.DataFrame, unit: str, method: str | None) -> pd.DataFrame:
        methods = list(map(str, rows["method"].unique()))
        if method is None:
            if len(methods) > 1:
                raise SpecificationError(
                    f"scores of {unit!r} are by several methods, {quoted(methods)}, "
                    f"and can't form one trend; choose one, as method={methods[-1]!r}"
                )
            return rows
        if method not in methods:
            raise SpecificationError(
                f"the benchmarks of {unit!r} are by {quoted(methods)}, not by "
                f"{method!r}; scores of two methods can't be compared"
            )
        return rows[rows["method"].astype(str) == method]
