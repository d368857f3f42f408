"""The levels of measurement invariance: what is equal at each, and below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from csindex.errors import quoted, unknown
from csindex.estimation.cbsem import CBSEM
from csindex.estimation.cbsem.groups import Equal
from csindex.model import Model

Level = Literal[
    "configural",
    "thresholds",
    "metric",
    "scalar",
    "strict",
    "paths",
    "means",
    "full",
]


@dataclass(frozen=True)
class Steps:
    """The levels of a ladder.

    Attributes
    ----------
    equal : mapping of str to tuple of str
        What is equal between groups at each level, in order.
    below : mapping of str to str
        What each level but the first is compared with.
    """

    equal: Mapping[Level, tuple[Equal, ...]]
    below: Mapping[Level, Level]

    def needed(self, levels: Sequence[Level]) -> list[Level]:
        """Return levels with all that they are compared with, in order."""
        found: set[Level] = set()
        for level in levels:
            below: Level | None = level
            while below is not None:
                found.add(below)
                below = self.below.get(below)
        return [level for level in self.equal if level in found]


def steps_of(estimator: CBSEM) -> Steps:
    """Return the levels that an estimator can tell apart.

    Parameters
    ----------
    estimator : CBSEM
        The estimator. Ordinal items have thresholds to compare, and residual variances
        to compare by theta only.

    Returns
    -------
    Steps
        The levels.
    """
    first: tuple[Equal, ...] = ("thresholds",) if estimator.ordinal else ()
    metric: tuple[Equal, ...] = (*first, "loadings")
    scalar: tuple[Equal, ...] = (*metric, "intercepts")
    strict: tuple[Equal, ...] = (*scalar, "residuals")
    rest: tuple[Equal, ...] = ("regressions", "means", "variances", "covariances")
    equal: dict[Level, tuple[Equal, ...]] = {
        "configural": (),
        "thresholds": first,
        "metric": metric,
        "scalar": scalar,
        "strict": strict,
        "paths": (*metric, "regressions"),
        "means": (*scalar, "means"),
        "full": (*strict, *rest),
    }
    below: dict[Level, Level] = {
        "thresholds": "configural",
        "metric": "thresholds",
        "scalar": "metric",
        "strict": "scalar",
        "paths": "metric",
        "means": "scalar",
        "full": "strict",
    }
    if not estimator.ordinal:
        del equal["thresholds"], below["thresholds"]
        below["metric"] = "configural"
    elif estimator.parameterization == "delta":
        del equal["strict"], equal["full"]
    return Steps(equal, below)


def usual_levels(model: Model, steps: Steps) -> list[Level]:
    """Return all levels, equal paths only where the model has paths."""
    joined = bool(getattr(model, "paths", ()))
    return [level for level in steps.equal if joined or level != "paths"]


def level_problems(levels: object, estimator: CBSEM) -> list[str]:
    """Return why levels can't be fitted, one text each.

    Parameters
    ----------
    levels : object
        The levels asked for.
    estimator : CBSEM
        The estimator.

    Returns
    -------
    list of str
        Empty if they can be.
    """
    known = steps_of(estimator).equal
    if isinstance(levels, str) or not isinstance(levels, Sequence) or not levels:
        return [
            f"levels are a list, as ['metric', 'scalar'], not {levels!r}; there are "
            f"{quoted(known, 9)}"
        ]
    if estimator.ordinal and estimator.parameterization == "delta":
        theta = [level for level in levels if level in ("strict", "full")]
        if theta:
            return [
                f"{quoted(theta)}: residual variances of ordinal items can be equal "
                "by parameterization='theta' only; use csi.CBSEM(parameterization="
                "'theta')"
            ]
    return unknown("level", levels, known, "in levels")
