"""Necessary conditions: what no high satisfaction goes without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from csindex.diagnostics.importance import Cut, checked_target, importance_performance
from csindex.diagnostics.options import whole_problems
from csindex.diagnostics.statistics import drivers, importance
from csindex.errors import DataError, SpecificationError, quoted
from csindex.kernels.arrays import FloatArray
from csindex.kernels.ceiling import Ceilings, Scope, ceilings, required_by_steps
from csindex.kernels.normal_copula import latent_correlation, related
from csindex.results import Results, one_fit
from csindex.results.printing import Page, Printed, named

Extent = Literal["empirical", "theoretical"]
Ceiling = Literal["CE-FDH", "CR-FDH"]

# Dul (2016): an effect below the first is small, below the next medium, large
SIZES = {"small": 0.1, "medium": 0.3, "large": 0.5, "very large": np.inf}
# Dul, van der Laan & Kuik (2020): necessary if d reaches the first and p stays below
# the second
LEAST_EFFECT = 0.1
LARGEST_P = 0.05
NECESSARY, CORRELATION, NOT_SHOWN = "necessary", "correlation only", "not shown"
_CAUTION = (
    "p asks whether the empty corner could come about if the driver had nothing to do "
    "with the target. Any correlation leaves one, without anything being necessary: "
    "d_linear is what linear relations of the same strength leave, and p_linear asks "
    "whether d goes beyond it (Sorjonen & Melin 2019)."
)
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
class NecessaryConditions(Printed):
    """Which drivers are necessary for a target; made by `necessary_conditions`.

    Attributes
    ----------
    results : Results
        The fit.
    target : str
        The outcome.
    effects : DataFrame
        driver, direction (what is necessary of it: ``"high"`` or ``"low"``), ceiling,
        d (effect size, 0 to 1), size (in words), p (of the permutation test),
        d_linear (the effect size to be expected if nothing but the correlation were
        behind it) and p_linear (of a larger d there), verdict, accuracy (share of
        respondents on or below the line), slope and intercept of the regression line,
        n. The verdict is ``"necessary"`` if d and both p-values say so, ``"correlation
        only"`` if all but p_linear do, else ``"not shown"``.
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

    @property
    def notes(self) -> tuple[str, ...]:
        """How the p-values are to be read."""
        return (_CAUTION,)

    def _page(self) -> Page:
        columns = ["driver", "direction", "ceiling", "d", "p", "d_linear", "p_linear"]
        table = self.effects
        lines = [f"Necessary for {self.target}: {_told(table, NECESSARY)}"]
        if (table["verdict"] == CORRELATION).any():
            lines.append(
                f"No more than the correlation explains: {_told(table, CORRELATION)}"
            )
        return Page("\n".join(lines), {"": table[[*columns, "verdict"]]}, self.notes)

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
        wanted = np.atleast_1d(np.asarray(asked, dtype=object)).ravel()
        if not len(wanted) or not all(map(_is_score, wanted)):
            raise SpecificationError(
                f"bottlenecks: levels are scores from 0 to 100, not {levels!r}"
            )
        wanted = wanted.astype(np.float64)
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
        if not _is_score(outcome):
            raise SpecificationError(
                f"combined: outcome is a score from 0 to 100, not {outcome!r}"
            )
        needs = self.bottlenecks([outcome], ceiling)
        table = importance_performance(self.results, self.target, cut)
        own = self.effects[self.effects["ceiling"] == ceiling]
        wide = table.merge(own[["driver", "d", "p", "verdict"]], on="driver").merge(
            needs[["driver", "required", "short", "note"]], on="driver"
        )
        wide.attrs.update(table.attrs, outcome=float(outcome))
        return wide


def _is_score(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        return False
    return bool(0 <= value <= 100)


def _told(effects: pd.DataFrame, verdict: str) -> str:
    """Return which drivers have a verdict, and by which ceiling if not by all."""
    names = []
    for driver, rows in effects.groupby("driver", sort=False):
        own = rows.loc[rows["verdict"] == verdict, "ceiling"].tolist()
        if own:
            by = "" if len(own) == len(rows) else f" (by {' and '.join(own)})"
            names.append(f"{driver}{by}")
    return named(names)


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
        Permutations of the test, and samples of the comparison with linear relations.
    seed : int
        Seed of both.
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
    :math:`p = (1 + \#\{d^* \ge d\}) / (1 + n)`.

    A small p says that driver and target hang together, no more: data that are normal,
    with a plain linear relation, leave the corner empty too, the more so the stronger
    the correlation. Therefore d is compared with samples of such data: the same scores
    of driver and target, put together by a normal copula whose correlation gives the
    scores that of the sample. d_linear is their mean d, and p_linear the share that
    reaches d, counted as above. Only what goes beyond is called necessary here; Dul
    et al. (2019) hold that d and p are enough where theory expects a necessity, and
    that verdict can be read from d and p.

    d has no interval. A ceiling lies on the outermost respondents, and no resample has
    any beyond them: within one scope the step function of a resample is never above
    that of the sample, and its d never smaller, so that a bootstrap's interval begins
    at d itself, as that of any extreme (Bickel & Freedman 1981). Dul et al. (2020) test
    by permutations, which need no law of d.

    Sampling weights move neither ceilings nor test, which know only which scores occur;
    they enter the shares of respondents. A driver that lowers the target is turned
    round: its low scores are then what may be necessary.

    References
    ----------
    Bickel & Freedman (1981), Annals of Statistics 9(6) (extremes); Dul (2016),
    Organizational Research Methods 19(1); Dul, van der Laan & Kuik (2020),
    Organizational Research Methods 23(2) (test); Sorjonen, Wikstrom Alex & Melin
    (2017), Frontiers in Psychology 8:2192, and Sorjonen & Melin (2019), Frontiers in
    Psychology 10:283 (criticism); Dul, van der Laan, Kuik & Karwowski (2019),
    Frontiers in Psychology 10:1493 (reply); Richter, Schubring, Hauff, Ringle &
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
    problems = [*whole_problems(1, n=n), *whole_problems(0, seed=seed)]
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
        "comparison": f"{n} samples with the same scores and correlation, and a normal "
        f"copula, seed {seed}",
        "necessary": f"d of {LEAST_EFFECT:g} or more and p below {LARGEST_P:g} "
        f"(Dul et al. 2020), and p_linear below {LARGEST_P:g}",
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
    unrelated = _compared(one, _permuted(one.outcome, n, seed))
    linear = _compared(one, _linear(one, n, seed))
    on_line = one.outcome <= lines.intercept + lines.slope * one.x + _ROUNDED
    no_line = bool(np.isnan(lines.slope))
    share = 1.0 if no_line else float(np.average(on_line, weights=one.weight))
    regression = (share, float(lines.slope), float(lines.intercept))
    shapes = [(1.0, np.nan, np.nan), regression]
    for k, ceiling in enumerate(get_args(Ceiling)):
        d, p, p_linear = float(zones[k] / area), unrelated.p[k], linear.p[k]
        yield {
            "driver": one.driver,
            "direction": "low" if one.lowers else "high",
            "ceiling": ceiling,
            "d": d,
            "size": next(word for word, end in SIZES.items() if d < end),
            "p": float(p),
            "d_linear": float(linear.mean[k] / area),
            "p_linear": float(p_linear),
            "verdict": _verdict(d, p, p_linear),
            "accuracy": shapes[k][0],
            "slope": shapes[k][1],
            "intercept": shapes[k][2],
            "n": len(one.x),
        }


def _verdict(d: float, p: float, p_linear: float) -> str:
    if d < LEAST_EFFECT or p >= LARGEST_P:
        return NOT_SHOWN
    return NECESSARY if p_linear < LARGEST_P else CORRELATION


@dataclass(frozen=True, eq=False)
class _Compared:
    """Zones of samples: their means (2,), and p of those that were found (2,)."""

    mean: FloatArray
    p: FloatArray


def _compared(one: _Condition, samples: Iterator[FloatArray]) -> _Compared:
    """Compare the zones of one driver with those of samples of the outcome."""
    zones = np.array([one.found.step_zone, one.found.line_zone])
    total, reached, count = np.zeros(2), np.zeros(2), 0
    for outcome in samples:
        drawn = ceilings(one.x, outcome, one.scope)
        stacked = np.stack([drawn.step_zone, drawn.line_zone])
        reached += (stacked >= zones[:, None] - _ROUNDED * one.scope.area).sum(axis=1)
        total += stacked.sum(axis=1)
        count += len(outcome)
    return _Compared(total / count, (1 + reached) / (1 + count))


def _permuted(outcome: FloatArray, n: int, seed: int) -> Iterator[FloatArray]:
    """Yield permutations (b, n) of the outcome; the chunks change no number."""
    generator = np.random.default_rng(seed)
    size = max(1, _CHUNK // len(outcome))
    for start in range(0, n, size):
        rows = np.tile(outcome, (min(size, n - start), 1))
        yield generator.permuted(rows, axis=1)


def _linear(one: _Condition, n: int, seed: int) -> Iterator[FloatArray]:
    """Yield outcomes (b, n) that go with the driver as linearly related ones do.

    Chunks change no number here either.
    """
    rho = latent_correlation(one.x, one.outcome)
    generator = np.random.default_rng([seed, 1])
    size = max(1, _CHUNK // (4 * len(one.x)))
    for start in range(0, n, size):
        yield related(one.outcome, rho, min(size, n - start), generator)


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
