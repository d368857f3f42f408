"""The budget question: which drivers to raise, by how much, for the largest gain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from csindex import scoring
from csindex.diagnostics import drivers
from csindex.diagnostics.importance import checked_target
from csindex.errors import DataError, SpecificationError, unknown
from csindex.inference import intervals
from csindex.inference.distributions import Bootstrap
from csindex.inference.regions import driver_replicates
from csindex.kernels.arrays import FloatArray
from csindex.results import Results, one_fit
from csindex.results.printing import Page, Printed

# steps below a millionth of a point are rounding of the solver
_ROUNDED = 1e-6


@dataclass(frozen=True, eq=False, repr=False)
class Investment(Printed):
    """The best use of a budget; made by `best_investment`.

    Attributes
    ----------
    target : str
        The construct that is to rise.
    plan : DataFrame
        driver, effect (points of the target per point), score, step (points by which
        it is moved directly), new_score (with what other drivers' steps bring it),
        cost (per point), spent and gain (points of the target).
    budget, spent : float
        What may be, and what is, spent.
    score, gain : float
        The target's score before, and the points that it gains.
    shadow_price : float
        Points that one more unit of budget would bring; zero if money is left over.
    interval : Series, optional
        estimate, se, low and high of the gain by this plan, where a bootstrap was
        given.
    notes : tuple of str
        Drivers that can't be moved, and why: past their cap, or without a cost.
    """

    target: str
    plan: pd.DataFrame
    budget: float
    spent: float
    score: float
    gain: float
    shadow_price: float
    interval: pd.Series | None = None
    notes: tuple[str, ...] = ()

    def _page(self) -> Page:
        more = f"one more unit brings {self.shadow_price:.4f} points"
        return Page(
            f"{self._answer}\nSpent {self.spent:.4g} of {self.budget:g}; "
            f"{more if self.shadow_price > 0 else 'more would bring nothing'}",
            {"": self.plan},
            self.notes,
        )

    @property
    def _answer(self) -> str:
        moved = self.plan[self.plan["step"] != 0].sort_values("gain", ascending=False)
        if not len(moved):
            return (
                f"{self.target} stays at {self.score:.2f}: no step is possible within "
                "these costs and caps"
            )
        between = ""
        if self.interval is not None:
            low, high = self.interval["low"], self.interval["high"]
            between = f" [{low:.2f}, {high:.2f}]"
        steps = ", ".join(f"{row.driver} {row.step:+.2f}" for row in moved.itertuples())
        return (
            f"{self.target} rises by {self.gain:.2f}{between} points, from "
            f"{self.score:.2f} to {self.score + self.gain:.2f}: {steps}"
        )


def best_investment(
    results: Results,
    budget: float,
    costs: float | Mapping[str, float] = 1.0,
    caps: float | Mapping[str, float] = 100.0,
    target: str | None = None,
    boot: Bootstrap | None = None,
) -> Investment:
    r"""Find the steps that raise the target most for a budget.

    Parameters
    ----------
    results : Results
        A fit with 0-100 scores.
    budget : float
        What may be spent, in any unit.
    costs : float or mapping of str to float
        What one point of a driver costs, in that unit; above zero. A driver that
        isn't in a mapping stays as it is.
    caps : float or mapping of str to float
        The score that a driver can reach at most; 100 unless named. For a driver
        that lowers the target, as complaints do, the score is pressed down, to 100
        minus the cap at the least. A driver that is past its cap stays, and so does
        what moves it further; the notes name it.
    target : str, optional
        The construct that is to rise; the model's index if None.
    boot : Bootstrap, optional
        A bootstrap of this fit, for the interval of the gain.

    Returns
    -------
    Investment
        The steps, the gain, and what one more unit of budget is worth.

    Raises
    ------
    SpecificationError
        With every problem: a budget, cost or cap that is none, unknown drivers, a
        target that can't be had, a bootstrap of another fit.
    DataError
        If the solver fails.

    Notes
    -----
    With point effects :math:`e_j` of the drivers on the target, point effects
    :math:`T_{kj}` among the drivers, scores s, costs c and caps u, the steps x solve
    the linear programme

    .. math:: \max_x \sum_j e_j x_j, \quad \sum_j c_j x_j \le b, \quad
        s_k + x_k + \sum_j T_{kj} x_j \le u_k, \quad x \ge 0

    where the target's own score is capped at 100, too. Effects are total effects, so
    that a step of one driver reaches the target, and other drivers, by all routes.
    They hold for small steps of a linear model whose arrows are causes. The interval
    is that of the gain by these steps; choosing the steps anew in each resample would
    only show the optimist's side.

    References
    ----------
    Dantzig (1963), Linear Programming and Extensions; solved by HiGHS (Huangfu & Hall
    2018, Mathematical Programming Computation 10).

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> best = best_investment(results, budget=5)
    >>> best.plan.loc[best.plan["step"] > 0, "driver"].tolist()
    ['quality']
    """
    fit = one_fit(results, "best_investment")
    name = checked_target(fit, target)
    names = drivers(fit.model, name)
    problems = _problems(fit, budget, costs, caps, boot, names)
    if problems:
        raise SpecificationError([f"best_investment: {p}" for p in problems])
    price = _by_driver(costs, names, np.nan)
    top = _by_driver(caps, names, 100.0)
    task = _task(fit, name, names, price, top, budget)
    steps, shadow = _solved(task)
    gain = float(task.effect @ (task.sign * steps))
    moved = task.sign * steps
    table = pd.DataFrame(
        {
            "driver": names,
            "effect": task.effect,
            "score": task.score[:-1],
            "step": moved,
            "new_score": task.score[:-1] + task.spread[:-1] @ moved,
            "cost": price,
            "spent": np.where(np.isnan(price), 0.0, price) * steps,
            "gain": task.effect * moved,
        }
    )
    return Investment(
        name,
        table,
        float(budget),
        float(table["spent"].sum()),
        float(task.score[-1]),
        gain,
        shadow,
        None if boot is None else _interval(boot, name, moved, gain),
        tuple(_notes(task, names, top)),
    )


@dataclass(frozen=True, eq=False)
class _Task:
    """A linear programme: d drivers, and the target as the last of the scores.

    ``spread`` (d + 1, d) is what one point of each driver brings to each score,
    ``sign`` (d,) the direction in which a driver is moved, ``ceiling`` (d + 1,) the
    bound that each score is moved towards.
    """

    effect: FloatArray
    spread: FloatArray
    sign: FloatArray
    score: FloatArray
    ceiling: FloatArray
    price: FloatArray
    budget: float


def _task(
    results: Results,
    target: str,
    names: list[str],
    price: FloatArray,
    top: FloatArray,
    budget: float,
) -> _Task:
    position = results.model.construct_names.index
    own, aim = [position(name) for name in names], position(target)
    points = scoring.point_effects(results.estimates)
    scores = scoring.construct_scores(results.estimates)[[*own, aim]]
    effect = points[aim, own]
    among = points[np.ix_(own, own)] + np.eye(len(own))
    sign = np.where(effect < 0, -1.0, 1.0)
    ceiling = np.append(np.where(sign < 0, 100 - top, top), 100.0)
    # a score that is past its cap already stays where it is
    toward = np.append(sign, 1.0)
    room = np.maximum(toward * (ceiling - scores), 0.0)
    return _Task(
        effect,
        np.vstack([among, effect]),
        sign,
        scores,
        scores + toward * room,
        price,
        budget,
    )


def _solved(task: _Task) -> tuple[FloatArray, float]:
    """Return the steps (d,), none negative, and the worth of one more unit."""
    from scipy.optimize import linprog

    toward = np.append(task.sign, 1.0)
    bounds = task.spread * task.sign * toward[:, None]
    offered = ~np.isnan(task.price)
    found = linprog(
        -(task.effect * task.sign),
        A_ub=np.vstack([np.where(offered, task.price, 0.0), bounds]),
        b_ub=np.append(task.budget, toward * (task.ceiling - task.score)),
        bounds=[(0, None if may else 0) for may in offered],
        method="highs",
    )
    if not found.success:
        raise DataError(
            f"best_investment: the programme has no solution: {found.message}"
        )
    steps = np.where(found.x < _ROUNDED, 0.0, found.x)
    return steps, float(-found.ineqlin.marginals[0])


def _notes(task: _Task, names: list[str], top: FloatArray) -> list[str]:
    """Return which drivers stay where they are, and why."""
    offered = ~np.isnan(task.price)
    notes = [
        note
        for k in range(len(names))
        if (note := _past_cap(task, names, k, float(top[k])))
    ]
    lacking = [name for name, there in zip(names, offered, strict=True) if not there]
    if lacking:
        notes.append(
            f"no cost is named for {', '.join(lacking)}, so that these are not moved "
            "themselves"
        )
    return notes


def _past_cap(task: _Task, names: list[str], k: int, cap: float) -> str:
    """Return that a driver is past its cap, and what that stops; empty if nothing."""
    up, score = task.sign[k] > 0, float(task.score[k])
    bound = cap if up else 100 - cap
    # what a step of each driver, in its direction, brings this one in its own
    moved = task.spread[k] * task.sign * task.sign[k]
    causes = [
        name
        for j, name in enumerate(names)
        if j != k and moved[j] > 0 and not np.isnan(task.price[j])
    ]
    stopped = causes or not np.isnan(task.price[k])
    if not stopped or (score <= bound if up else score >= bound):
        return ""
    where = f"above its cap of {cap:g}"
    if not up:
        where = f"below {bound:g}, which is 100 less its cap of {cap:g}"
    told = f"{names[k]} scores {score:.2f}, {where}; it stays"
    if not causes:
        return told
    verb, ending = "raise" if up else "lower", "s" if len(causes) == 1 else ""
    return (
        f"{told}, so that {', '.join(causes)}, which {verb}{ending} it, stay{ending}, "
        "too"
    )


def _interval(
    boot: Bootstrap, target: str, moved: FloatArray, gain: float
) -> pd.Series:
    effects, _ = driver_replicates(boot, target)
    gains = (effects @ moved)[:, None]
    limits = intervals.percentile(gains, boot.level)
    values = {
        "estimate": gain,
        "se": float(gains.std(ddof=1)),
        "low": limits.low.item(),
        "high": limits.high.item(),
    }
    return pd.Series(values, name="gain")


def _by_driver(
    given: float | Mapping[str, float], names: list[str], missing: float
) -> FloatArray:
    if isinstance(given, Mapping):
        return np.array([float(given.get(name, missing)) for name in names])
    return np.full(len(names), float(given))


def _problems(
    results: Results,
    budget: object,
    costs: object,
    caps: object,
    boot: object,
    names: list[str],
) -> list[str]:
    problems: list[str] = []
    if not 0 < _number(budget) < np.inf:
        problems.append(f"the budget must be a number above 0, not {budget!r}")
    for what, given, low, high in (
        ("cost", costs, 0.0, np.finfo(float).max),
        ("cap", caps, 0.0, 100.0),
    ):
        values = list(given.values()) if isinstance(given, Mapping) else [given]
        if isinstance(given, Mapping):
            problems += unknown("driver", given, names, f"in {what}s")
            if what == "cost" and not given:
                problems.append("costs name no driver; name those that can be moved")
        problems += [
            f"a {what} must be a number above {low:g}"
            + (" and at most 100" if what == "cap" else "")
            + f", not {value!r}"
            for value in values
            if not low < _number(value) <= high
        ]
    if boot is not None and not (
        isinstance(boot, Bootstrap) and boot.results is results
    ):
        problems.append("boot must be a bootstrap of these results")
    return problems


def _number(value: object) -> float:
    """Return a number as it is, and NaN for anything else."""
    if isinstance(value, (int, float, np.integer, np.floating)):
        return np.nan if isinstance(value, bool) else float(value)
    return np.nan
