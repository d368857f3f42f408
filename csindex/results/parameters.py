"""The parameters of a covariance structure as tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
import pandas as pd

from csindex.errors import SpecificationError
from csindex.estimation import Estimates
from csindex.estimation.cbsem import CovarianceEstimates
from csindex.estimation.cbsem.expressions import Dual
from csindex.estimation.cbsem.fitted import CovarianceFit
from csindex.estimation.cbsem.noncentral import normal_quantile, two_sided
from csindex.estimation.cbsem.standardizing import (
    Kind,
    standardized,
    standardized_slopes,
)
from csindex.estimation.cbsem.table import ParameterTable
from csindex.kernels.arrays import FloatArray
from csindex.kernels.threads import one_thread
from csindex.language.frames import Table

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


@one_thread(lapack=True)
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
    defined = _defined(fit)
    estimate = fit.table.values(fit.theta[0])
    if defined:
        estimate = np.append(estimate, [dual.value[0] for dual in defined])
    latent = standardized(fit.table, fit.theta, "latent", fit.implied)[0]
    return _frame(
        fit,
        {
            **_tested(estimate, _errors(made, defined)),
            "standardized": fit.standardized[0],
            "standardized_latent": latent,
        },
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


@one_thread(lapack=True)
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
    return _frame(fit, _tested(estimate, errors))


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


def _frame(fit: CovarianceFit, numbers: dict[str, FloatArray]) -> pd.DataFrame:
    """Return columns of numbers beside what they belong to."""
    values = np.stack([*numbers.values()], axis=1)
    columns = pd.DataFrame(values, columns=_names(tuple(numbers)))
    return pd.concat([_labels(fit.table), columns], axis=1)


@lru_cache(maxsize=8)
def _names(names: tuple[str, ...]) -> pd.Index:
    """Return an index of names, which takes longer to make than the numbers."""
    return pd.Index(names)


# by the identity of a table; concatenating copies
@lru_cache(maxsize=64)
def _labels(table: ParameterTable) -> pd.DataFrame:
    rows = [(row.lhs, row.op, row.rhs, row.label) for row in table.rows]
    rows += [(r.name, r.op, r.formula.text, r.name) for r in table.definitions]
    groups = [row.group + 1 for row in table.rows] + [0] * len(table.definitions)
    # pandas takes its time over texts, column by column
    texts = pd.Series([text for column in zip(*rows, strict=True) for text in column])
    size = len(rows)
    lhs, op, rhs, label = (texts.array[k * size : (k + 1) * size] for k in range(4))
    columns = {"lhs": lhs, "op": op, "rhs": rhs, "group": groups, "label": label}
    return Table(columns)


def _defined(fit: CovarianceFit) -> list[Dual]:
    """Return the definitions' values with their derivatives."""
    if not fit.table.definitions:
        return []
    known = fit.table.known(fit.theta)
    return [known[relation.name] for relation in fit.table.definitions]


def _errors(made: Fitted, defined: Sequence[Dual]) -> FloatArray:
    """Return standard errors of rows and definitions; zero for what is fixed."""
    table, joint = made.fit.table, made.covariance
    own = np.sqrt(np.maximum(np.diagonal(joint), 0.0))
    errors = table.values(own) * table.is_free
    slopes = [dual.slope[0] for dual in defined]
    others = [float(np.sqrt(max(slope @ joint @ slope, 0.0))) for slope in slopes]
    return np.append(errors, others) if others else errors


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
