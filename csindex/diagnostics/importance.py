"""The importance-satisfaction matrix: what moves the index, and how well it is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd

from csindex.diagnostics.statistics import drivers, importance
from csindex.errors import SpecificationError, quoted, unknown
from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.language.frames import Table
from csindex.results import Results, one_fit

Cut = Literal["mean", "median", "midpoint"]

# region: (importance is high, satisfaction is high)
REGIONS = {
    "I": ("urgent improvement", True, False),
    "II": ("advantage", True, True),
    "III": ("opportunity", False, False),
    "IV": ("maintain", False, True),
}
# regions of fewer drivers than this say little
_FEW = 4


def importance_performance(
    results: Results, target: str | None = None, cut: Cut = "mean"
) -> pd.DataFrame:
    r"""Place every driver in the importance-satisfaction matrix.

    Parameters
    ----------
    results : Results
        A fit with 0-100 scores.
    target : str, optional
        The construct that is to rise; the model's index if None.
    cut : {"mean", "median", "midpoint"}
        Where high begins: at the drivers' mean (or median) importance and
        performance; ``"midpoint"`` takes 50 points for performance and the mean for
        importance. A value equal to the cut is high.

    Returns
    -------
    DataFrame
        One row per driver: driver, importance (points of the target per point of
        the driver), performance (0-100 score), region (I to IV) and its meaning.
        ``attrs`` holds the target, the two cuts and notes. A driver with a negative
        effect, as complaints on loyalty, is placed by the size of its effect and by
        100 minus its score.

    Raises
    ------
    SpecificationError
        If the target is unknown, nothing drives it, or a score can't be had.

    Notes
    -----
    Importance is the unstandardised total effect on 0-100 scores,
    :math:`T \sigma_{target} / \sigma_{driver}`. Regions: I urgent improvement (high
    importance, low satisfaction), II advantage (high, high), III opportunity (low,
    low), IV maintain (low importance, high satisfaction).

    References
    ----------
    Martilla & James (1977), Journal of Marketing 41(1); Ringle & Sarstedt (2016),
    Industrial Management & Data Systems 116(9).

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> importance_performance(results)["driver"].tolist()
    ['expectation', 'quality', 'value']
    """
    target = checked_target(one_fit(results, "importance_performance"), target, cut)
    names = drivers(results.model, target)
    effect = importance(target).compute(results.estimates)
    scores = results.scores.set_index("construct").loc[names, "score"].to_numpy()
    lowers = effect < 0
    strength, merit = turned(effect, scores, lowers)
    cuts = cut_points(strength, merit, cut)
    regions = [region_of(i, p, cuts) for i, p in zip(strength, merit, strict=True)]
    table = Table(
        {
            "driver": names,
            "importance": effect,
            "performance": scores,
            "region": regions,
            "meaning": [
                REGIONS[region][0] + (" (the lower the better)" if turned else "")
                for region, turned in zip(regions, lowers, strict=True)
            ],
        }
    )
    table.attrs.update(target=target, cuts=cuts, notes=_few_drivers(names))
    return table


def _few_drivers(names: Sequence[str]) -> list[str]:
    """Return what to think of regions that so few drivers are divided into."""
    if len(names) >= _FEW:
        return []
    return [
        f"Drivers: {len(names)}. Cuts in the middle of so few put some above and some "
        "below, however little they differ; see csi.region_probabilities"
    ]


def region_of(effect: float, score: float, cuts: tuple[float, float]) -> str:
    """Return the region of one driver.

    Parameters
    ----------
    effect, score : float
        Importance and performance.
    cuts : tuple of float
        Where high importance and high performance begin.

    Returns
    -------
    str
        I, II, III or IV.
    """
    place = (bool(effect >= cuts[0]), bool(score >= cuts[1]))
    return next(name for name, (_, *high) in REGIONS.items() if tuple(high) == place)


def turned(
    effect: FloatArray, scores: FloatArray, lowers: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Return importance and merit, both the higher the better.

    Parameters
    ----------
    effect, scores : ndarray of shape (..., d)
        Importance and performance of the drivers.
    lowers : ndarray of bool of shape (d,)
        Whether a driver lowers the target, so that it is the better the lower its
        score is.

    Returns
    -------
    strength, merit : ndarray of shape (..., d)
        Importance and performance of what raises the target; importance times minus
        one and 100 minus performance of what lowers it.
    """
    return np.where(lowers, -effect, effect), np.where(lowers, 100 - scores, scores)


def cut_points(
    strength: FloatArray, merit: FloatArray, cut: Cut
) -> tuple[float, float]:
    """Return where high importance and high performance begin.

    Parameters
    ----------
    strength, merit : ndarray of shape (d,)
        Importance and performance, as from `turned`.
    cut : {"mean", "median", "midpoint"}
        The rule of `importance_performance`.

    Returns
    -------
    tuple of float
        The two cuts.
    """
    centre = np.median if cut == "median" else np.mean
    return (
        float(centre(strength)),
        50.0 if cut == "midpoint" else float(centre(merit)),
    )


def placed(strength: FloatArray, merit: FloatArray, cut: Cut) -> IntArray:
    """Return the region of each driver in each member of a stack.

    Parameters
    ----------
    strength, merit : ndarray of shape (..., d)
        Importance and performance, as from `turned`.
    cut : {"mean", "median", "midpoint"}
        The rule of `importance_performance`, applied to each member by itself.

    Returns
    -------
    ndarray of int of shape (..., d)
        Positions among `REGIONS`.
    """
    centre = np.median if cut == "median" else np.mean
    important = strength >= centre(strength, axis=-1, keepdims=True)
    limit = 50.0 if cut == "midpoint" else centre(merit, axis=-1, keepdims=True)
    good = merit >= limit
    regions = np.empty(strength.shape, dtype=np.int64)
    for position, (_, high, satisfied) in enumerate(REGIONS.values()):
        regions[(important == high) & (good == satisfied)] = position
    return regions


def checked_target(results: Results, target: str | None, cut: str = "mean") -> str:
    """Return the target of an importance-satisfaction matrix, or refuse it.

    Parameters
    ----------
    results : Results
        A fit.
    target : str, optional
        A construct; the model's index if None.
    cut : str
        The rule for the cuts.

    Returns
    -------
    str
        The target's name.

    Raises
    ------
    SpecificationError
        If it is unknown, nothing drives it, or a score can't be had.
    """
    model = results.model
    if cut not in get_args(Cut):
        raise SpecificationError(
            f"unknown cut {cut!r}; there are {quoted(get_args(Cut))}"
        )
    name = model.index if target is None else target
    if name is None:
        raise SpecificationError(
            f"model {model.name!r} names no index; say target='...'"
        )
    if problems := unknown("construct", [name], model.construct_names, "as target"):
        raise SpecificationError(problems)
    names = drivers(model, name)
    if not names:
        raise SpecificationError(
            f"nothing drives {name!r} in model {model.name!r}; choose another target"
        )
    notes = results.scores.set_index("construct").loc[[*names, name], "note"]
    if lacking := [
        f"{n} has no 0-100 score: {note}" for n, note in notes.items() if note
    ]:
        raise SpecificationError(lacking)
    return name
