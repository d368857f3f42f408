"""Which statistic is meant: by its name, as a statistic, or as a user's function."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from csindex import scoring
from csindex.diagnostics import (
    CROSS_LOADINGS,
    F_SQUARED,
    FIT,
    FORNELL_LARCKER,
    FULL_COLLINEARITY,
    GOF,
    HTMT,
    HTMT2,
    INDICATOR_RELIABILITY,
    OMEGA,
    R_SQUARED_ADJUSTED,
    RELIABILITY,
    VIF,
)
from csindex.errors import SpecificationError, quoted
from csindex.estimation import Estimates
from csindex.kernels.arrays import FloatArray
from csindex.model import Model
from csindex.results import Results, Statistic, statistics


def _point_effects(estimates: Estimates) -> FloatArray:
    """Return effects in points, NaN where either construct has no 0-100 score."""
    refused = np.asarray((estimates.weights < 0).any(axis=-2))
    either = refused[..., :, None] | refused[..., None, :]
    found = np.where(either, np.nan, scoring.point_effects(estimates))
    return found[(..., *statistics.effect_positions(estimates.model))]


# what users call statistics; those without a table of their own are drawn again
NAMES: Mapping[str, Statistic] = {
    "paths": statistics.PATHS,
    "total_effects": statistics.TOTAL_EFFECTS,
    "indirect_effects": statistics.INDIRECT_EFFECTS,
    "specific_indirect_effects": statistics.SPECIFIC_INDIRECT_EFFECTS,
    "point_effects": replace(statistics.POINT_EFFECTS, compute=_point_effects),
    "loadings": statistics.LOADINGS,
    "weights": statistics.WEIGHTS,
    "shares": statistics.SHARES,
    "scores": statistics.SCORES,
    "r_squared": statistics.R_SQUARED,
    "r_squared_adjusted": R_SQUARED_ADJUSTED,
    "f_squared": F_SQUARED,
    "reliability": RELIABILITY,
    "omega": OMEGA,
    "indicator_reliability": INDICATOR_RELIABILITY,
    "htmt": HTMT,
    "htmt2": HTMT2,
    "fornell_larcker": FORNELL_LARCKER,
    "cross_loadings": CROSS_LOADINGS,
    "vif": VIF,
    "full_collinearity": FULL_COLLINEARITY,
    "fit": FIT,
    "gof": GOF,
}


def chosen(
    statistic: Statistic | str | Callable[[Estimates], ArrayLike], results: Results
) -> Statistic:
    """Return the statistic that is meant.

    Parameters
    ----------
    statistic : Statistic, str or callable
        A statistic, one of `NAMES`, or a function of `Estimates`.
    results : Results
        The fit, whose estimates tell the shape of a function's values.

    Returns
    -------
    Statistic
        With labels that its shape tells, if it is a function.

    Raises
    ------
    SpecificationError
        For anything else, an unknown name, or a function whose values aren't real
        numbers with the batch axes of the estimates.
    """
    if isinstance(statistic, Statistic):
        return statistic
    if isinstance(statistic, str):
        name = "_".join(statistic.casefold().replace("-", " ").split())
        if name not in NAMES:
            raise SpecificationError(
                f"unknown statistic {statistic!r}; there are "
                f"{quoted(NAMES, len(NAMES))}"
            )
        return NAMES[name]
    if not callable(statistic):
        raise SpecificationError(
            "a statistic is a function of Estimates, as lambda e: e.paths[..., 1, 0], "
            f"a Statistic, or a name, as 'f_squared', not {type(statistic).__name__}"
        )
    return _adopted(statistic, results)


def _adopted(function: Callable[[Estimates], ArrayLike], results: Results) -> Statistic:
    """Return a user's function as a statistic of values in one row each."""
    # what isn't defined is NaN and told in the table's notes
    with np.errstate(invalid="ignore", divide="ignore"):
        shape = _numbers(function(_guarded(results.estimates))).shape
    labels = _labels(results.model, shape)

    def compute(estimates: Estimates) -> FloatArray:
        batch = estimates.moments.batch
        found = _numbers(function(_guarded(estimates)))
        if found.shape != (*batch, *shape):
            raise SpecificationError(
                f"the statistic gave shape {found.shape} for {batch} resamples, and "
                f"{shape} for the sample; it must keep the batch axis first and the "
                "others as they are, as in estimates.paths[..., 1, 0]"
            )
        return found.reshape((*batch, math.prod(shape)))

    return Statistic("own statistic", compute, lambda _: labels)


def _numbers(found: ArrayLike) -> FloatArray:
    """Return a function's values as numbers, or refuse them."""
    try:
        values = np.asarray(found)
    except ValueError as error:
        raise SpecificationError(
            f"the statistic's values aren't an array of numbers: {error}"
        ) from error
    if values.dtype.kind not in "buif":
        raise SpecificationError(
            "the statistic's values must be an array of real numbers, not "
            f"{type(found).__name__} of {values.dtype}"
        )
    return values.astype(np.float64)


def _guarded(estimates: Estimates) -> Estimates:
    """Return the estimates with moments that can't be written to, either."""
    moments = copy(estimates.moments)
    for name, value in vars(moments).items():
        if isinstance(value, np.ndarray):
            view = value.view()
            view.setflags(write=False)
            object.__setattr__(moments, name, view)
    return replace(estimates, moments=moments)


def _labels(model: Model, shape: tuple[int, ...]) -> pd.DataFrame:
    """Return labels of values of some shape: constructs and items where it tells."""
    places = np.indices(shape).reshape(len(shape), math.prod(shape))
    constructs, items = np.array(model.construct_names), np.array(model.items)
    j, p = len(constructs), len(items)
    if shape == (p, j) and p != j:
        rows, columns = places
        return pd.DataFrame({"construct": constructs[columns], "item": items[rows]})
    if shape == (j, j) and p != j:
        targets, sources = places
        return pd.DataFrame(
            {"source": constructs[sources], "target": constructs[targets]}
        )
    if len(shape) < 2:
        return pd.DataFrame(index=range(places.shape[-1]))
    return pd.DataFrame({f"axis_{k}": axis for k, axis in enumerate(places)})
