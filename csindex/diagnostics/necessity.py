"""Necessary conditions: what no high satisfaction goes without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, get_args

import numpy as np
import pandas as pd

from csindex.diagnostics.importance import Cut, checked_target, importance_performance
from csindex.diagnostics.statistics import drivers, importance
from csindex.errors import DataError, SpecificationError, quoted
from csindex.kernels.arrays import FloatArray
from csindex.kernels.ceiling import Ceilings, Scope, ceilings, required_by_steps
from csindex.results import Results, one_fit

Extent = Literal["empirical", "theoretical"]
Ceiling = Literal["CE-FDH", "CR-FDH"]

# Dul (2016): an effect below the first is small, below the next medium, large
SIZES = {"small": 0.1, "medium": 0.3, "large": 0.5, "very large": np.inf}
# Dul, van der Laan & Kuik (2020): necessary if d reaches the first and p stays below
# the second
LEAST_EFFECT = 0.1
LARGEST_P = 0.05
# numbers of one chunk of permutations
_CHUNK = 2_000_000
# permuted effects that are equal but for rounding count as equal
_ROUNDED = 1e-12
# a score that misses a level by so little reaches it
_TOUCHING = 1e-9


@dataclass(frozen=True, eq=False)
class _Condition:
    """One driver: its sorted scores, their order, and its ceilings.

    ``lowers`` says that the driver lowers the target; its scores are then turned
    round, to 100 minus the score. ``outcome`` (n,) and ``weight`` (n,) are in the
    order of ``x`` (n,).
    """

    driver: str
    lowers: bool
    x: FloatArray
    outcome: FloatArray
    weight: FloatArray
    scope: Scope
    found: Ceilings


@dataclass(frozen=True, eq=False, repr=False)
class NecessaryConditions:
    """Which drivers are necessary for a target; made by `necessary_conditions`.

    Attributes
    ----------
    results : Results
        The fit.
    target : str
        The outcome.
    effects : DataFrame
        driver, direction (what is necessary of it: ``"high"`` or ``"low"``), ceiling,
        d (effect size, 0 to 1), size (in words), p (of the permutation test), verdict
        (``"necessary"`` or ``"not shown"``), accuracy (share of respondents on or
        below the line), slope and intercept of the regression line, n.
    settings : Series
        Every option that shaped the numbers.
    conditions : tuple
        What the tables are made from.
    """

    results: Results
    target: str
    effects: pd.DataFrame
    settings: pd.Series
    conditions: tuple[_Condition, ...]

    def __repr__(self) -> str:
        columns = ["driver", "direction", "ceiling", "d", "size", "p", "verdict"]
        table = self.effects[columns].round(3).to_string(index=False)
        return f"Necessary conditions of {self.target}\n{table}"

    def _repr_html_(self) -> str:
        table = self.effects.to_html(
            index=False, na_rep="", float_format="{:.3f}".format
        )
        return (
            f"<div><h4>Necessary conditions of {escape(self.target)}</h4>{table}</div>"
        )

    def bottlenecks(
        self, levels: Sequence[float] | None = None, ceiling: Ceiling = "CE-FDH"
    ) -> pd.DataFrame:
        """Return which score of each driver is necessary for levels of the target.

        Parameters
        ----------
        levels : sequence of float, optional
            Scores of the target; None: eleven from the lowest to the highest.
        ceiling : {"CE-FDH", "CR-FDH"}
            The ceiling line.

        Returns
        -------
        DataFrame
            outcome, driver, direction, required (the least score of the driver, or
            the highest one where low scores are necessary), short (share of the
            respondents who don't have it, weighted) and note: why nothing is
            required.

        Raises
        ------
        SpecificationError
            For an unknown ceiling, or levels that aren't scores.
        """
        if ceiling not in get_args(Ceiling):
            raise SpecificationError(
                f"unknown ceiling {ceiling!r}; there are {quoted(get_args(Ceiling))}"
            )
        scope = self.conditions[0].scope
        asked = np.linspace(scope.y_low, scope.y_high, 11) if levels is None else levels
        wanted = np.atleast_1d(np.asarray(asked, dtype=np.float64))
        if not ((wanted >= 0) & (wanted <= 100)).all():
            raise SpecificationError(
                f"bottlenecks: levels are scores from 0 to 100, not {levels!r}"
            )
        parts = [_bottleneck(one, wanted, ceiling) for one in self.conditions]
        table = pd.concat(parts, ignore_index=True)
        return table.sort_values("outcome", kind="stable", ignore_index=True)

    def combined(
        self, outcome: float, ceiling: Ceiling = "CE-FDH", cut: Cut = "mean"
    ) -> pd.DataFrame:
        """Return the importance-performance map with the necessary conditions in it.

        Importance says what lifts the average; necessity says without what a wanted
        score is not seen at all. A driver that is necessary and short comes first,
        whatever its importance.

        Parameters
        ----------
        outcome : float
            The wanted score of the target, 0 to 100.
        ceiling : {"CE-FDH", "CR-FDH"}
            The ceiling line.
        cut : {"mean", "median", "midpoint"}
            Where high begins, as in `csindex.importance_performance`.

        Returns
        -------
        DataFrame
            The columns of `csindex.importance_performance`; d, p and verdict of the
            condition; required, short and note for the wanted outcome.

        Raises
        ------
        SpecificationError
            For an unknown ceiling or cut, or an outcome that is no score.

        References
        ----------
        Hauff, Richter, Sarstedt & Ringle (2024), Journal of Retailing and Consumer
        Services 78.
        """
        needs = self.bottlenecks([outcome], ceiling)
        table = importance_performance(self.results, self.target, cut)
        own = self.effects[self.effects["ceiling"] == ceiling]
        wide = table.merge(own[["driver", "d", "p", "verdict"]], on="driver").merge(
            needs[["driver", "required", "short", "note"]], on="driver"
        )
        wide.attrs.update(table.attrs, outcome=float(outcome))
        return wide


def necessary_conditions(
    results: Results,
    target: str | None = None,
    n: int = 1000,
    seed: int = 1,
    scope: Extent = "empirical",
) -> NecessaryConditions:
    r"""Test which drivers are necessary for a high score of the target.

    Regression says what raises the average; necessary condition analysis says what
    a high score is never seen without: an empty corner above the points, where the
    driver is low and the target high.

    Parameters
    ----------
    results : Results
        A fit made from a survey, with 0-100 scores.
    target : str, optional
        The outcome; the model's index if None.
    n : int
        Permutations of the test.
    seed : int
        Seed of the permutations.
    scope : {"empirical", "theoretical"}
        The rectangle that the empty corner is compared with: from the lowest to the
        highest scores that were seen, or from 0 to 100.

    Returns
    -------
    NecessaryConditions
        Effect sizes with p-values, and bottleneck tables.

    Raises
    ------
    SpecificationError
        If an option doesn't exist, the target is unknown, nothing drives it, or a
        score can't be had.
    DataError
        If the fit was made from moments, or everyone has one score.

    Notes
    -----
    :math:`d = C / S`, with the empty zone C above the ceiling line and the scope S.
    CE-FDH is the step function over all points; CR-FDH the least-squares line through
    its corners. The test permutes the outcome over the respondents:
    :math:`p = (1 + \#\{d^* \ge d\}) / (1 + n)`. Sampling weights move neither
    ceilings nor test, which know only which scores occur; they enter the shares of
    respondents. A driver that lowers the target is turned round: its low scores are
    then what may be necessary.

    References
    ----------
    Dul (2016), Organizational Research Methods 19(1); Dul, van der Laan & Kuik (2020),
    Organizational Research Methods 23(2) (test); Richter, Schubring, Hauff, Ringle &
    Sarstedt (2020), Industrial Management & Data Systems 120(12) (with PLS).

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> found = necessary_conditions(results, n=99)
    >>> found.effects[["driver", "ceiling"]].drop_duplicates().shape
    (6, 2)
    >>> found.combined(outcome=80)["driver"].tolist()
    ['expectation', 'quality', 'value']
    """
    fit = one_fit(results, "necessary_conditions")
    name = checked_target(fit, target)
    problems = [
        f"{what} must be a whole number of {least} or more, not {value!r}"
        for what, value, least in (("n", n, 1), ("seed", seed, 0))
        if not (isinstance(value, int) and value >= least)
    ]
    if scope not in get_args(Extent):
        problems.append(
            f"unknown scope {scope!r}; there are {quoted(get_args(Extent))}"
        )
    if problems:
        raise SpecificationError([f"necessary_conditions: {p}" for p in problems])
    conditions = _conditions(fit, name, scope)
    rows = [row for one in conditions for row in _effects(one, n, seed)]
    settings = {
        "outcome": name,
        "scope": f"{scope}, "
        + ("lowest to highest score" if scope == "empirical" else "0 to 100"),
        "test": f"{n} permutations of the outcome, seed {seed}",
        "necessary": f"d of {LEAST_EFFECT:g} or more and p below {LARGEST_P:g} "
        "(Dul et al. 2020)",
    }
    return NecessaryConditions(
        fit,
        name,
        pd.DataFrame(rows),
        pd.Series(settings, name="setting"),
        tuple(conditions),
    )


def _conditions(results: Results, target: str, extent: Extent) -> list[_Condition]:
    scores = results.respondent_scores()
    outcome = scores[target].to_numpy()
    weights = None if results.answers is None else results.answers.weights
    weights = np.ones(len(scores)) if weights is None else weights
    effects = importance(target).compute(results.estimates)
    names = drivers(results.model, target)
    if flat := [
        name for name in [*names, target] if np.ptp(scores[name].dropna()) == 0
    ]:
        raise DataError(
            f"necessary_conditions: everyone has the same score of {quoted(flat)}, "
            "which can't be a condition of anything"
        )
    found = []
    for name, effect in zip(names, effects, strict=True):
        own = scores[name].to_numpy()
        turned = 100 - own if effect < 0 else own
        known = np.flatnonzero(np.isfinite(turned) & np.isfinite(outcome))
        order = known[np.argsort(turned[known], kind="stable")]
        x, y = turned[order], outcome[order]
        ends = (
            Scope(float(x[0]), float(x[-1]), float(y.min()), float(y.max()))
            if extent == "empirical"
            else Scope(0.0, 100.0, 0.0, 100.0)
        )
        lines = ceilings(x, y, ends)
        found.append(
            _Condition(name, bool(effect < 0), x, y, weights[order], ends, lines)
        )
    return found


def _effects(one: _Condition, n: int, seed: int) -> Iterator[dict[str, object]]:
    """Yield the rows of one driver, one for each ceiling."""
    lines, area = one.found, one.scope.area
    zones = np.array([lines.step_zone, lines.line_zone])
    reached = np.zeros(2)
    for drawn in _permuted(one.outcome, n, seed):
        permuted = ceilings(one.x, drawn, one.scope)
        stacked = np.stack([permuted.step_zone, permuted.line_zone])
        reached += (stacked >= zones[:, None] - _ROUNDED * area).sum(axis=1)
    on_line = one.outcome <= lines.intercept + lines.slope * one.x + _ROUNDED
    no_line = bool(np.isnan(lines.slope))
    share = 1.0 if no_line else float(np.average(on_line, weights=one.weight))
    regression = (share, float(lines.slope), float(lines.intercept))
    shapes = [(1.0, np.nan, np.nan), regression]
    for k, ceiling in enumerate(get_args(Ceiling)):
        d, p = float(zones[k] / area), float((1 + reached[k]) / (1 + n))
        necessary = d >= LEAST_EFFECT and p < LARGEST_P
        yield {
            "driver": one.driver,
            "direction": "low" if one.lowers else "high",
            "ceiling": ceiling,
            "d": d,
            "size": next(word for word, end in SIZES.items() if d < end),
            "p": p,
            "verdict": "necessary" if necessary else "not shown",
            "accuracy": shapes[k][0],
            "slope": shapes[k][1],
            "intercept": shapes[k][2],
            "n": len(one.x),
        }


def _permuted(outcome: FloatArray, n: int, seed: int) -> Iterator[FloatArray]:
    """Yield permutations (b, n) of the outcome; the chunks change no number."""
    generator = np.random.default_rng(seed)
    size = max(1, _CHUNK // len(outcome))
    for start in range(0, n, size):
        rows = np.tile(outcome, (min(size, n - start), 1))
        yield generator.permuted(rows, axis=1)


def _bottleneck(one: _Condition, levels: FloatArray, ceiling: Ceiling) -> pd.DataFrame:
    lines, scope = one.found, one.scope
    if ceiling == "CE-FDH":
        needed = required_by_steps(one.x, lines.step, levels - _TOUCHING)
        free, out = needed <= one.x[0], np.isnan(needed)
    else:
        needed = (levels - lines.intercept) / lines.slope
        free = (needed <= scope.x_low) | np.isnan(needed)
        out = needed > scope.x_high
    notes = np.where(free, "not necessary", np.where(out, "not seen at any score", ""))
    required = np.where(free | out, np.nan, needed)
    below = one.x < np.where(out, np.inf, np.where(free, -np.inf, needed))[:, None]
    return pd.DataFrame(
        {
            "outcome": levels,
            "driver": one.driver,
            "direction": "low" if one.lowers else "high",
            "required": 100 - required if one.lowers else required,
            "short": np.average(below, axis=1, weights=one.weight),
            "note": notes,
        }
    )
