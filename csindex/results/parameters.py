"""The parameters of a covariance structure as tables."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pandas as pd

from csindex.errors import SpecificationError
from csindex.estimation import Estimates
from csindex.estimation.cbsem import CovarianceEstimates
from csindex.estimation.cbsem.fitted import CovarianceFit
from csindex.estimation.cbsem.noncentral import normal_quantile, two_sided
from csindex.estimation.cbsem.standardizing import (
    Kind,
    standardized,
    standardized_slopes,
)
from csindex.estimation.cbsem.table import row_values
from csindex.kernels.arrays import FloatArray

# level of the intervals
LEVEL = 0.95
# an error that is nothing but rounding belongs to a constant
_CONSTANT = 1e-9


class Fitted(Protocol):
    """Parameters of a covariance structure with the covariances of their estimates."""

    @property
    def fit(self) -> CovarianceFit:
        """The parameters, of one or more groups."""
        ...

    @property
    def covariance(self) -> FloatArray:
        """Covariances (t, t) of their estimates."""
        ...


def parameter_frame(estimates: Estimates) -> pd.DataFrame:
    """Return all parameters with errors, tests and standardised values.

    Parameters
    ----------
    estimates : Estimates
        Estimates of a covariance structure.

    Returns
    -------
    DataFrame
        lhs, op, rhs, group, label, estimate, se, z, p, low, high, standardized,
        standardized_latent; fixed parameters have no z. Definitions come last.

    Raises
    ------
    SpecificationError
        If another estimator made them.
    """
    return parameters_of(covariance_structure(estimates, "results.parameters"))


def parameters_of(made: Fitted) -> pd.DataFrame:
    """Return all parameters of a fit, as `parameter_frame`, of all groups.

    Parameters
    ----------
    made : Fitted
        A fit, once.

    Returns
    -------
    DataFrame
        The columns of `parameter_frame`; groups are numbered from one.
    """
    fit = made.fit
    estimate = np.concatenate(
        [row_values(fit.table.rows, fit.theta[0]), _defined(made)]
    )
    return pd.DataFrame(
        {
            **_labels(made),
            **_tested(estimate, _errors(made)),
            "standardized": fit.standardized[0],
            "standardized_latent": standardized(fit.table, fit.theta, "latent")[0],
        }
    )


def standardized_frame(estimates: Estimates, kind: Kind = "all") -> pd.DataFrame:
    """Return the standardised solution with errors by the delta method.

    Parameters
    ----------
    estimates : Estimates
        Estimates of a covariance structure.
    kind : {"all", "latent"}
        Which variables are standardised: all, or the latent ones only.

    Returns
    -------
    DataFrame
        lhs, op, rhs, group, label, estimate, se, z, p, low, high.

    Raises
    ------
    SpecificationError
        If another estimator made them.
    """
    return standardized_of(
        covariance_structure(estimates, "results.standardized"), kind
    )


def standardized_of(made: Fitted, kind: Kind = "all") -> pd.DataFrame:
    """Return the standardised solution of a fit, as `standardized_frame`.

    Parameters
    ----------
    made : Fitted
        A fit, once.
    kind : {"all", "latent"}
        Which variables are standardised.

    Returns
    -------
    DataFrame
        The columns of `standardized_frame`; groups are numbered from one.
    """
    fit = made.fit
    slopes = standardized_slopes(fit.table, fit.theta[0], kind)
    variance = ((slopes @ made.covariance) * slopes).sum(axis=1)
    errors = np.sqrt(np.where(variance > 0, variance, 0.0))
    errors[errors < _CONSTANT] = 0.0
    estimate = standardized(fit.table, fit.theta, kind)[0]
    return pd.DataFrame({**_labels(made), **_tested(estimate, errors)})


def covariance_structure(estimates: Estimates, what: str) -> CovarianceEstimates:
    """Return estimates if they are those of a covariance structure.

    Parameters
    ----------
    estimates : Estimates
        Any estimates.
    what : str
        What needs them, for the message.

    Returns
    -------
    CovarianceEstimates
        The same.

    Raises
    ------
    SpecificationError
        If another estimator made them.
    """
    if isinstance(estimates, CovarianceEstimates):
        return estimates
    raise SpecificationError(
        f"{what} belongs to covariance-based models: fit with estimator=csi.CBSEM(); "
        "these estimates have results.paths, .loadings and .weights"
    )


def _labels(made: Fitted) -> dict[str, list[object]]:
    rows: list[tuple[object, ...]] = [
        (row.lhs, row.op, row.rhs, row.group + 1, row.label)
        for row in made.fit.table.rows
    ]
    rows += [
        (r.name, r.op, r.formula.text, 0, r.name) for r in made.fit.table.definitions
    ]
    names = ("lhs", "op", "rhs", "group", "label")
    return {name: [row[k] for row in rows] for k, name in enumerate(names)}


def _defined(made: Fitted) -> FloatArray:
    known = made.fit.table.known(made.fit.theta)
    names = [relation.name for relation in made.fit.table.definitions]
    return np.array([known[name].value[0] for name in names])


def _errors(made: Fitted) -> FloatArray:
    """Return standard errors of rows and definitions; zero for what is fixed."""
    table, joint = made.fit.table, made.covariance
    own = np.sqrt(np.maximum(np.diagonal(joint), 0.0))
    errors = [own[row.parameter] if row.free else 0.0 for row in table.rows]
    known = table.known(made.fit.theta)
    for relation in table.definitions:
        slope = known[relation.name].slope[0]
        errors.append(float(np.sqrt(max(slope @ joint @ slope, 0.0))))
    return np.array(errors)


def _tested(estimate: FloatArray, errors: FloatArray) -> dict[str, FloatArray]:
    """Return estimates with z, p and intervals; none for what has no error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(errors > 0, estimate / errors, np.nan)
    reach = normal_quantile((1 + LEVEL) / 2) * errors
    return {
        "estimate": estimate,
        "se": errors,
        "z": z,
        "p": two_sided(z),
        "low": estimate - reach,
        "high": estimate + reach,
    }
