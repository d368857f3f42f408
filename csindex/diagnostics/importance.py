"""The importance-satisfaction matrix: what moves the index, and how well it is done."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd

from csindex.diagnostics.statistics import drivers, importance
from csindex.errors import SpecificationError, quoted, unknown
from csindex.results import Results, one_fit

Cut = Literal["mean", "median", "midpoint"]

# region: (importance is high, satisfaction is high)
REGIONS = {
    "I": ("urgent improvement", True, False),
    "II": ("advantage", True, True),
    "III": ("opportunity", False, False),
    "IV": ("maintain", False, True),
}


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
        ``attrs`` holds the target and the two cuts. A driver with a negative
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
    target = _checked(one_fit(results, "importance_performance"), target, cut)
    names = drivers(results.model, target)
    effect = importance(target).compute(results.estimates)
    scores = results.scores.set_index("construct").loc[names, "score"].to_numpy()
    # what lowers the target is the better the lower its score is
    lowers = effect < 0
    strength, merit = np.abs(effect), np.where(lowers, 100 - scores, scores)
    centre = np.median if cut == "median" else np.mean
    cuts = (
        float(centre(strength)),
        50.0 if cut == "midpoint" else float(centre(merit)),
    )
    regions = [region_of(i, p, cuts) for i, p in zip(strength, merit, strict=True)]
    table = pd.DataFrame(
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
    table.attrs.update(target=target, cuts=cuts)
    return table


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


def _checked(results: Results, target: str | None, cut: str) -> str:
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
