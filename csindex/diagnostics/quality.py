"""Statistics of validity, collinearity, explanation and fit, each with an interval."""

from __future__ import annotations

import numpy as np
import pandas as pd

from csindex.diagnostics.statistics import formative, htmt_positions
from csindex.estimation import Estimates
from csindex.estimation.cbsem.ordinal import OrdinalEstimates
from csindex.estimation.cbsem.ordinal_reliability import has_ordinal, ordinal_omegas
from csindex.kernels import reliability, validity
from csindex.kernels.arrays import FloatArray
from csindex.model import Model
from csindex.results.statistics import (
    Statistic,
    item_positions,
    pair_labels,
    path_positions,
)

FIT_MEASURES = ("srmr", "d_uls", "d_g")


def omegas(estimates: Estimates) -> FloatArray:
    """Return McDonald's omega of every construct.

    Parameters
    ----------
    estimates : Estimates
        Estimates, one set or a stack.

    Returns
    -------
    ndarray of shape (..., j)
        Of one common factor of the construct's own items; NaN for constructs with
        regression weights. Of ordinal items that of the sum of answers, by thresholds
        and the model's correlations (Green & Yang 2009); NaN for constructs of ordinal
        and continuous items.
    """
    found = validity.omega(estimates.moments.corr, estimates.model.blocks)
    if isinstance(estimates, OrdinalEstimates):
        found = np.where(has_ordinal(estimates), ordinal_omegas(estimates), found)
    return np.asarray(np.where(formative(estimates), np.nan, found))


def fornell_larcker_margins(estimates: Estimates) -> FloatArray:
    r"""Return how far each construct is from the Fornell-Larcker bound.

    Parameters
    ----------
    estimates : Estimates
        Estimates, one set or a stack.

    Returns
    -------
    ndarray of shape (..., j)
        :math:`\sqrt{AVE_j} - \max_k |r_{jk}|`; negative where a construct shares more
        with another one than with its own items.
    """
    model = estimates.model
    own = reliability.average_variance_extracted(estimates.loadings, model.blocks)
    own = np.where(formative(estimates), np.nan, np.sqrt(own))
    if len(model.constructs) == 1:
        return np.asarray(own)
    others = np.abs(estimates.construct_corr) * (1 - np.eye(len(model.constructs)))
    return np.asarray(own - others.max(axis=-1))


def adjusted_r_squared(estimates: Estimates) -> FloatArray:
    """Return the adjusted explained share of each endogenous construct.

    Parameters
    ----------
    estimates : Estimates
        Estimates, one set or a stack.

    Returns
    -------
    ndarray of shape (..., k)
        Shares.
    """
    model = estimates.model
    shares = validity.adjusted_share(
        estimates.r_squared, estimates.moments.n, model.structure.sum(axis=1)
    )
    return shares[..., [model.construct_names.index(name) for name in model.endogenous]]


def inner_inflation(estimates: Estimates) -> FloatArray:
    """Return the inflation of each path's variance by the target's other causes.

    Parameters
    ----------
    estimates : Estimates
        Estimates, one set or a stack.

    Returns
    -------
    ndarray of shape (..., k)
        Factors, in the order of the model's paths; NaN where the correlations of the
        causes aren't positive definite.
    """
    model = estimates.model
    square = np.full((*estimates.moments.batch, *model.structure.shape), np.nan)
    for target, row in enumerate(model.structure):
        sources = np.flatnonzero(row)
        if sources.size:
            own = estimates.construct_corr[..., sources[:, None], sources]
            square[..., target, sources] = reliability.inverse_diagonal(own)
    return square[(..., *path_positions(model))]


def outer_inflation(estimates: Estimates) -> FloatArray:
    """Return the inflation of each item by the other items of its construct.

    Parameters
    ----------
    estimates : Estimates
        Estimates, one set or a stack.

    Returns
    -------
    ndarray of shape (..., p)
        Factors.
    """
    corr, model = estimates.moments.corr, estimates.model
    blocks = [np.flatnonzero(column) for column in model.blocks.T]
    return np.concatenate(
        [reliability.inverse_diagonal(corr[..., own[:, None], own]) for own in blocks],
        axis=-1,
    )


def effect_sizes(estimates: Estimates) -> FloatArray:
    r"""Return Cohen's effect size of each path.

    Parameters
    ----------
    estimates : Estimates
        Estimates, one set or a stack.

    Returns
    -------
    ndarray of shape (..., k)
        :math:`f^2 = (R^2 - R^2_{without}) / (1 - R^2)`, in the order of the paths.

    References
    ----------
    Cohen (1988), Statistical Power Analysis for the Behavioral Sciences.
    """
    positions = path_positions(estimates.model)
    share = estimates.paths[(..., *positions)] ** 2 / inner_inflation(estimates)
    return np.asarray(share / (1 - estimates.r_squared[..., positions[0]]))


def goodness_of_fit(estimates: Estimates) -> FloatArray:
    r"""Return the global goodness of fit of PLS.

    Parameters
    ----------
    estimates : Estimates
        Estimates, one set or a stack.

    Returns
    -------
    ndarray of shape (..., 1)
        :math:`\sqrt{\overline{\lambda^2}\, \overline{R^2}}`, the first mean over the
        items of constructs with several; it is no test of fit.

    References
    ----------
    Tenenhaus, Esposito Vinzi, Chatelin & Lauro (2005), Computational Statistics &
    Data Analysis 48(1); Henseler & Sarstedt (2013), Computational Statistics 28(2).
    """
    model = estimates.model
    several = model.blocks @ (model.blocks.sum(axis=0) > 1) > 0
    if not several.any() or not model.endogenous:
        return np.full((*estimates.moments.batch, 1), np.nan)
    squares = (estimates.loadings**2).sum(axis=-1)[..., several].mean(axis=-1)
    chosen = [model.construct_names.index(name) for name in model.endogenous]
    shares = estimates.r_squared[..., chosen].mean(axis=-1)
    return np.asarray(np.sqrt(squares * shares))[..., None]


def _fit_values(estimates: Estimates) -> FloatArray:
    """Return the measures of the estimated, then of the saturated model."""
    found = estimates.fit_measures()
    nothing = np.full(estimates.moments.batch, np.nan)
    return np.stack([found.get(name, nothing) for name in _fit_names()], axis=-1)


def _fit_names() -> list[str]:
    return [*FIT_MEASURES, *(f"{name}_saturated" for name in FIT_MEASURES)]


def _fit_labels(model: Model) -> pd.DataFrame:
    return pd.DataFrame({"measure": _fit_names()})


def _constructs(model: Model) -> pd.DataFrame:
    return pd.DataFrame({"construct": model.construct_names})


def _paths(model: Model) -> pd.DataFrame:
    return pair_labels(model, path_positions(model))


def _pairs(model: Model) -> pd.DataFrame:
    first, second = htmt_positions(model)
    return pair_labels(model, (second, first)).set_axis(["first", "second"], axis=1)


def _items(model: Model) -> pd.DataFrame:
    items, constructs = item_positions(model)
    names = np.array(model.construct_names)
    return pd.DataFrame(
        {"construct": names[constructs], "item": np.array(model.items)[items]}
    )


def _inflation_labels(model: Model) -> pd.DataFrame:
    inner = _paths(model).rename(columns={"target": "construct", "source": "name"})
    outer = _items(model).rename(columns={"item": "name"})
    both = [inner.assign(kind="inner"), outer.assign(kind="outer")]
    return pd.concat(both, ignore_index=True)[["kind", "construct", "name"]]


def _cross_labels(model: Model) -> pd.DataFrame:
    names = model.construct_names
    return pd.DataFrame(
        {
            "item": np.repeat(np.array(model.items), len(names)),
            "construct": np.tile(np.array(names), len(model.items)),
        }
    )


OMEGA = Statistic("omega", omegas, _constructs, tested=False)
HTMT2 = Statistic(
    "HTMT2",
    lambda e: validity.htmt2(e.moments.corr, e.model.blocks)[
        (..., *htmt_positions(e.model))
    ],
    _pairs,
    tested=False,
)
FORNELL_LARCKER = Statistic(
    "Fornell-Larcker margin", fornell_larcker_margins, _constructs
)
INDICATOR_RELIABILITY = Statistic(
    "indicator reliability",
    lambda e: e.loadings[(..., *item_positions(e.model))] ** 2,
    _items,
    tested=False,
)
CROSS_LOADINGS = Statistic(
    "cross loadings",
    lambda e: (e.moments.corr @ e.weights).reshape((*e.moments.batch, -1)),
    _cross_labels,
)
VIF = Statistic(
    "variance inflation",
    lambda e: np.concatenate([inner_inflation(e), outer_inflation(e)], axis=-1),
    _inflation_labels,
    tested=False,
)
FULL_COLLINEARITY = Statistic(
    "full collinearity",
    lambda e: reliability.inverse_diagonal(e.construct_corr),
    _constructs,
    tested=False,
)
R_SQUARED_ADJUSTED = Statistic(
    "adjusted R squared",
    adjusted_r_squared,
    lambda model: pd.DataFrame({"construct": model.endogenous}),
    tested=False,
)
F_SQUARED = Statistic("f squared", effect_sizes, _paths, tested=False)
GOF = Statistic(
    "GoF", goodness_of_fit, lambda _: pd.DataFrame({"measure": ["gof"]}), tested=False
)
FIT = Statistic("fit", _fit_values, _fit_labels, tested=False)
IMPROPER = Statistic(
    "improper solutions",
    lambda e: e.improper[..., None].astype(np.float64),
    lambda _: pd.DataFrame({"measure": ["improper"]}),
    tested=False,
)
