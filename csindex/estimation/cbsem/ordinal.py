"""Covariance structures of ordinal items: from answers to estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from csindex.errors import DataError
from csindex.estimation.cbsem.methods import Method
from csindex.estimation.cbsem.ordinal_data import (
    group_samples,
    single_data,
    stacked_data,
)
from csindex.estimation.cbsem.ordinal_errors import ordinal_covariance, ordinal_measures
from csindex.estimation.cbsem.ordinal_fit import OrdinalData, OrdinalFit, ordinal_fit
from csindex.estimation.cbsem.ordinal_linear import group_moments
from csindex.estimation.cbsem.ordinal_table import (
    OrdinalTable,
    Parameterization,
    ordinal_table,
)
from csindex.estimation.cbsem.solution import CovarianceEstimates, block_weights
from csindex.estimation.cbsem.table import ParameterTable
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.ram import matrices
from csindex.kernels.linalg import correlation
from csindex.model import Model
from csindex.moments import Moments
from csindex.moments.incomplete import moment_stack, treated
from csindex.survey import Answers


@dataclass(frozen=True, eq=False)
class OrdinalEstimates(CovarianceEstimates):
    """Estimates of a covariance structure of ordinal items, or a stack of them.

    Moments have the means and standard deviations of the answers, and polychoric
    correlations. Loadings and weights are those of the variables behind the items.

    Attributes
    ----------
    fit : OrdinalFit
        The parameters and all that follows from them.
    """

    fit: OrdinalFit

    def fit_measures(self) -> Mapping[str, FloatArray]:
        """Return chi-square and fit indices.

        Returns
        -------
        mapping of str to ndarray of shape (...)
            Each measure by its name; see `csindex.estimation.cbsem.measures`.
        """
        found = ordinal_measures(self.fit, group_moments(self.fit))
        batch = self.moments.batch
        return {name: value.reshape(batch) for name, value in found.items()}

    @cached_property
    def cases(self) -> None:
        """None: what errors and tests need is in the fit."""
        return None

    @cached_property
    def covariance(self) -> FloatArray:
        """Covariances (t, t) of the parameters' estimates, of one fit."""
        moments = group_moments(self.fit)
        if moments is None:
            raise DataError(
                "a resample has no errors of its own; take them from the bootstrap"
            )
        return ordinal_covariance(self.fit, moments)


def estimate_ordinal(
    model: Model,
    core: ParameterTable,
    method: Method,
    answers: Answers,
    ordinal: Sequence[str],
    parameterization: Parameterization = "delta",
    weights: FloatArray | None = None,
    most: int = 500,
) -> OrdinalEstimates:
    """Estimate a model with ordinal items.

    Parameters
    ----------
    model : Model
        The model.
    core : ParameterTable
        Its parameters, as if all items were continuous.
    method : Method
        What is minimised, and how errors and tests are corrected.
    answers : Answers
        Complete answers to the model's items.
    ordinal : sequence of str
        The ordinal items.
    parameterization : {"delta", "theta"}
        See `OrdinalTable`.
    weights : ndarray of shape (b, n), optional
        Other weights of the respondents, for a stack.
    most : int
        Steps at most.

    Returns
    -------
    OrdinalEstimates
        The estimates.

    Raises
    ------
    DataError
        For ordinal items with one category, or too few respondents for WLS.
    SpecificationError
        If the model isn't identified.
    """
    sample = group_samples({"": answers}, ordinal)[0]
    table = ordinal_table(core, sample.sizes.tolist(), parameterization)
    if weights is None:
        data = single_data(sample, method, answers.weights, answers.clusters)
        base = treated(answers).moments
    else:
        data = stacked_data(sample, method, weights, answers.weights)
        stack = moment_stack(answers, weights)
        base = Moments(
            answers.names, stack.mean, stack.cov, stack.n, answers.low, answers.high
        )
    fit = ordinal_fit(table, method, [data], most)
    return ordinal_estimates(model, _correlated(base, data), fit)


def ordinal_estimates(
    model: Model, moments: Moments, fit: OrdinalFit
) -> OrdinalEstimates:
    """Return the estimates that a fit gives.

    Parameters
    ----------
    model : Model
        The model.
    moments : Moments
        The moments, with batch axes (...).
    fit : OrdinalFit
        The fit to them, of one group.

    Returns
    -------
    OrdinalEstimates
        The standardised solution and the fit.
    """
    batch, p, j = moments.batch, len(model.items), len(model.constructs)
    table: OrdinalTable = fit.table
    behind = [table.behind(name) for name in table.observed]
    arrows, joint = matrices(table.rams[0], fit.theta)
    total = fit.implied[0].total
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(np.diagonal(total, axis1=1, axis2=2))
        arrows = arrows * spread[:, None, :] / spread[:, :, None]
        corr = total / (spread[:, None, :] * spread[:, :, None])
        residual = np.diagonal(joint, axis1=1, axis2=2) / spread**2
        loadings = arrows[:, behind, p : p + j] * model.blocks
        items = moments.corr.reshape((-1, p, p))
        weights = block_weights(loadings, residual[:, behind], items, model.blocks)
    return OrdinalEstimates(
        model=model,
        moments=moments,
        weights=weights.reshape((*batch, p, j)),
        loadings=loadings.reshape((*batch, p, j)),
        construct_corr=corr[:, p : p + j, p : p + j].reshape((*batch, j, j)),
        paths=(arrows[:, p : p + j, p : p + j] * model.structure).reshape(
            (*batch, j, j)
        ),
        converged=fit.converged.reshape(batch),
        iterations=fit.iterations.reshape(batch),
        formative=(False,) * j,
        fit=fit,
    )


def _correlated(base: Moments, data: OrdinalData) -> Moments:
    """Return moments with the polychoric correlations in their covariances."""
    corr, _ = correlation(data.sample.cov)
    sd = np.sqrt(np.diagonal(base.cov, axis1=-2, axis2=-1))
    return Moments(
        base.names,
        base.mean,
        corr.reshape(base.cov.shape) * sd[..., :, None] * sd[..., None, :],
        base.n,
        base.low,
        base.high,
        flow=base.flow,
        weight=base.weight,
    )
