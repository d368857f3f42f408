"""Statistics of measurement quality and of importance, each with an interval."""

from __future__ import annotations

import numpy as np
import pandas as pd

from csindex import scoring
from csindex.estimation import Estimates
from csindex.estimation.cbsem import CovarianceEstimates
from csindex.estimation.cbsem.ordinal import OrdinalEstimates
from csindex.estimation.cbsem.ordinal_reliability import has_ordinal
from csindex.estimation.terms import TIMES
from csindex.kernels import reliability as kernels
from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.paths import reachable
from csindex.model import Model
from csindex.results.statistics import Statistic, pair_labels

MEASURES = ("alpha", "alpha_standardized", "rho_a", "rho_c", "ave")


def reliabilities(estimates: Estimates) -> FloatArray:
    """Return the reliability measures of every construct.

    Parameters
    ----------
    estimates : Estimates
        Estimates, one set or a stack.

    Returns
    -------
    ndarray of shape (..., j, 5)
        The columns are `MEASURES`; for constructs with regression weights (mode B)
        the last three are NaN, because such items need not agree, and so is rho_a for
        covariance-based estimates, whose weights aren't those of mode A. Of ordinal
        items both alphas are ordinal alpha (Zumbo, Gadermann & Zeisser 2007).
    """
    blocks, moments = estimates.model.blocks, estimates.moments
    by_weights = [
        weights_reliability(estimates),
        kernels.rho_c(estimates.loadings, blocks),
        kernels.average_variance_extracted(estimates.loadings, blocks),
    ]
    regressed = formative(estimates)
    standardized = kernels.cronbach_alpha(moments.corr, blocks)
    raw = kernels.cronbach_alpha(moments.cov, blocks)
    return np.stack(
        [
            np.where(has_ordinal(estimates), standardized, raw)
            # the variables behind ordinal items have no units
            if isinstance(estimates, OrdinalEstimates)
            else raw,
            standardized,
            *(np.where(regressed, np.nan, measure) for measure in by_weights),
        ],
        axis=-1,
    )


def formative(estimates: Estimates) -> BoolArray:
    """Return which constructs of several items have regression weights.

    Parameters
    ----------
    estimates : Estimates
        Estimates.

    Returns
    -------
    ndarray of bool of shape (j,)
        Their items need not agree, and have no internal consistency.
    """
    several = estimates.model.blocks.sum(axis=0) > 1
    return np.asarray(np.array(estimates.formative) & several)


def weights_reliability(estimates: Estimates) -> FloatArray:
    """Return rho_A, which is a function of mode A weights.

    Parameters
    ----------
    estimates : Estimates
        Estimates, one set or a stack.

    Returns
    -------
    ndarray of shape (..., j)
        The reliabilities; NaN for covariance-based estimates, one for single items.
    """
    blocks = estimates.model.blocks
    found = kernels.rho_a(estimates.weights, blocks)
    if not isinstance(estimates, CovarianceEstimates):
        return found
    return np.where(blocks.sum(axis=0) > 1, np.nan, found)


def htmt_positions(model: Model) -> tuple[IntArray, IntArray]:
    """Return the pairs of constructs of the ratios, each pair once.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    first, second : ndarray of int
        Positions among the constructs, the second one later in the model.
    """
    first, second = np.triu_indices(len(model.constructs), k=1)
    return first, second


def _reliability_labels(model: Model) -> pd.DataFrame:
    names = np.array(model.construct_names)
    return pd.DataFrame(
        {
            "construct": np.repeat(names, len(MEASURES)),
            "measure": np.tile(np.array(MEASURES), len(names)),
        }
    )


def _htmt_labels(model: Model) -> pd.DataFrame:
    first, second = htmt_positions(model)
    return pair_labels(model, (second, first)).set_axis(["first", "second"], axis=1)


RELIABILITY = Statistic(
    "reliability",
    lambda e: reliabilities(e).reshape((*e.moments.batch, -1)),
    _reliability_labels,
    tested=False,
)
HTMT = Statistic(
    "HTMT",
    lambda e: kernels.htmt(e.moments.corr, e.model.blocks)[
        (..., *htmt_positions(e.model))
    ],
    _htmt_labels,
    tested=False,
)


def drivers(model: Model, target: str) -> list[str]:
    """Return the constructs that some directed path leads from to the target.

    Parameters
    ----------
    model : Model
        The model.
    target : str
        A construct.

    Returns
    -------
    list of str
        The drivers, in the model's order. Products of constructs, which have no score
        of their own to raise, are none.
    """
    row = reachable(model.structure)[model.construct_names.index(target)]
    return [
        name
        for name, flag in zip(model.construct_names, row, strict=True)
        if flag and not is_product(model, name)
    ]


def is_product(model: Model, name: str) -> bool:
    """Return whether a construct is the product of two others.

    Parameters
    ----------
    model : Model
        The model, as fitted.
    name : str
        The construct.

    Returns
    -------
    bool
        Whether its name is that of an interaction or a quadratic effect.
    """
    return any(
        mark == TIMES and {name[:k], name[k + 1 :]} <= {*model.construct_names}
        for k, mark in enumerate(name)
    )


def importance(target: str) -> Statistic:
    """Return the statistic of the drivers' importance for a target.

    Parameters
    ----------
    target : str
        A construct.

    Returns
    -------
    Statistic
        Points of the target's score per point of each driver's score.
    """
    return Statistic(
        f"importance for {target}",
        lambda e: scoring.point_effects(e)[
            ...,
            e.model.construct_names.index(target),
            [e.model.construct_names.index(name) for name in drivers(e.model, target)],
        ],
        lambda model: pd.DataFrame({"driver": drivers(model, target)}),
    )
