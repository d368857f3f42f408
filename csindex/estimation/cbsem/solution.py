"""Estimates of a covariance structure, seen as every estimator's are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np

from csindex.estimation.cbsem.fitted import CovarianceFit
from csindex.estimation.cbsem.gap_measures import gap_measures
from csindex.estimation.cbsem.incomplete import gap_cases
from csindex.estimation.cbsem.measures import fit_measures
from csindex.estimation.cbsem.robust import covariance_of
from csindex.estimation.cbsem.samples import cases_of
from csindex.estimation.cbsem.scaled import scaled_measures
from csindex.estimation.estimates import Estimates
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.cbsem.fourth import Cases
from csindex.kernels.cbsem.ram import MEAN, matrices
from csindex.kernels.linalg import correlation
from csindex.kernels.threads import one_thread
from csindex.model import Model
from csindex.moments import Moments
from csindex.survey import Answers

# a residual share up to this is none: the item tells all about its construct
NO_RESIDUAL = 1e-8


@dataclass(frozen=True, eq=False)
class CovarianceEstimates(Estimates):
    """Estimates of a covariance structure, or a stack of them.

    The attributes of `Estimates` hold the standardised solution: loadings, paths and
    model-implied correlations of the constructs. Weights are those of regression
    scores within each construct's own items, loading / residual variance, scaled to
    scores of variance one in the sample; where an item has no residual variance, or
    a negative one, it has the weight alone.

    Attributes
    ----------
    fit : CovarianceFit
        The parameters and all that follows from them.
    answers : Answers, optional
        The answers, where robust errors or tests need them.
    """

    fit: CovarianceFit
    answers: Answers | None = None

    @one_thread(lapack=True)
    def fit_measures(self) -> Mapping[str, FloatArray]:
        """Return chi-square, fit indices and information criteria.

        Returns
        -------
        mapping of str to ndarray of shape (...)
            Each measure by its name; see `csindex.estimation.cbsem.measures`.
        """
        batch = self.moments.batch
        found = dict(fit_measures(self.fit))
        if self.cases is not None and self.fit.method.test != "standard":
            found.update(scaled_measures(self.fit, self.cases))
        if self.fit.method.missing == "fiml" and not batch:
            found.update(gap_measures(self.fit, self.cases))
        return {name: value.reshape(batch) for name, value in found.items()}

    @cached_property
    def cases(self) -> list[Cases] | None:
        """The respondents, where errors or tests need them."""
        if self.answers is None or not self.fit.method.robust:
            return None
        if self.fit.method.missing != "listwise":
            return [gap_cases(self.answers, self.fit.samples[0], self.fit.method)]
        return [cases_of(self.answers, self.fit.table.means)]

    @cached_property
    @one_thread(lapack=True)
    def covariance(self) -> FloatArray:
        """Covariances (t, t) of the parameters' estimates, of one fit."""
        return covariance_of(self.fit, self.cases)

    @property
    def defined(self) -> FloatArray:
        """Values (..., d) of what additions define, as ``ind := a*b``, in order.

        Not standardised. ``boot.of(lambda made: made.defined)`` has their bootstrap.
        """
        known = self.fit.table.known(self.fit.theta)
        values = [known[r.name].value for r in self.fit.table.definitions]
        found = np.array(values).reshape(len(values), len(self.fit.theta)).T
        return found.reshape(*self.moments.batch, len(values))

    @property
    def composites(self) -> BoolArray:
        """Which constructs were estimated as composites: none, shape (j,)."""
        return np.zeros(len(self.model.constructs), dtype=np.bool_)

    def implied_corr(self, saturated: bool = False) -> FloatArray:
        """Return the item correlations that the model implies.

        Parameters
        ----------
        saturated : bool
            True: as if constructs were correlated freely, which takes loadings and
            construct correlations alone. False: what the whole model implies.

        Returns
        -------
        ndarray of shape (..., p, p)
            Correlations.
        """
        if saturated:
            return super().implied_corr(saturated=True)
        found, _ = correlation(self.fit.implied[0].cov)
        return found.reshape(self.moments.cov.shape)

    def failure(self) -> str:
        """Return why one set of estimates can't be used; empty if it can."""
        if self.admissible:
            return ""
        return (
            "no solution was found: the search ended where the model implies no "
            "covariances; simplify the model, give starting values as "
            "'x =~ start(0.5)*x2' in additions=, or use csi.PLS"
        )

    def __getitem__(self, position: int) -> CovarianceEstimates:
        """Return one member of a stack."""
        made = cast("CovarianceEstimates", super().__getitem__(position))
        places = np.arange(self.converged.size).reshape(self.converged.shape)
        return replace(made, fit=self.fit.chosen(np.ravel(places[position])))

    def turned(self, signs: FloatArray) -> CovarianceEstimates:
        """Return the estimates with some constructs turned round.

        Parameters
        ----------
        signs : ndarray of shape (..., j)
            Minus one for each construct to turn, else one.

        Returns
        -------
        CovarianceEstimates
            The same fit. Parameters turn, too, where no fixed loading or path holds
            them.
        """
        made = cast("CovarianceEstimates", super().turned(signs))
        if made is self:
            return self
        return replace(made, fit=_turned(self.fit, signs))


def covariance_estimates(
    model: Model, moments: Moments, fit: CovarianceFit, answers: Answers | None = None
) -> CovarianceEstimates:
    """Return the estimates that a fit gives.

    Parameters
    ----------
    model : Model
        The model.
    moments : Moments
        The moments, with batch axes (...).
    fit : CovarianceFit
        The fit to them, of one group.
    answers : Answers, optional
        The answers behind them.

    Returns
    -------
    CovarianceEstimates
        The standardised solution and the fit.
    """
    batch, p, j = moments.batch, len(model.items), len(model.constructs)
    ram = fit.table.rams[0]
    arrows, joint = matrices(ram, fit.theta)
    total = fit.implied[0].total
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(np.diagonal(total, axis1=1, axis2=2))
        arrows = arrows * spread[:, None, :] / spread[:, :, None]
        corr = total / (spread[:, None, :] * spread[:, :, None])
        residual = np.diagonal(joint, axis1=1, axis2=2) / spread**2
        loadings = arrows[:, :p, p : p + j] * model.blocks
        items = moments.corr.reshape((-1, p, p))
        weights = block_weights(loadings, residual[:, :p], items, model.blocks)
    return CovarianceEstimates(
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
        answers=answers,
    )


def block_weights(
    loadings: FloatArray, residual: FloatArray, corr: FloatArray, blocks: FloatArray
) -> FloatArray:
    r"""Return weights of standardised items, by regression within each block.

    Parameters
    ----------
    loadings : ndarray of shape (b, p, j)
        Standardised loadings.
    residual : ndarray of shape (b, p)
        Residual shares :math:`\theta` of the items' variances.
    corr : ndarray of shape (b, p, p)
        Correlations of the items.
    blocks : ndarray of shape (p, j)
        One where item p belongs to construct j.

    Returns
    -------
    ndarray of shape (b, p, j)
        :math:`w \propto \lambda / \theta`, for scores of variance one. In a block with
        residuals of zero or less, the limit: only these items count.
    """
    free: BoolArray = residual <= NO_RESIDUAL
    alone = (free.astype(np.float64) @ blocks) > 0
    usual = loadings / np.where(free, 1.0, residual)[:, :, None]
    weights = np.where(alone[:, None, :], loadings * free[:, :, None], usual)
    variance = (weights * (corr @ weights)).sum(axis=1)
    return np.asarray(weights / np.sqrt(variance)[:, None, :])


def _turned(fit: CovarianceFit, signs: FloatArray) -> CovarianceFit:
    """Return the fit with constructs turned, where the fixed values allow it."""
    ram, table = fit.table.rams[0], fit.table
    p = ram.observed
    flips = np.ones((len(fit.theta), ram.size))
    flips[:, p : p + signs.shape[-1]] = signs.reshape((len(fit.theta), -1))
    both = flips[:, :, None] * flips[:, None, :]
    held = ((ram.arrows != 0) * (both < 0)).any(axis=(1, 2))
    held |= ((ram.covariances != 0) * (both < 0)).any(axis=(1, 2))
    factor = np.ones_like(fit.theta)
    slot = both[:, ram.row, ram.column]
    slot[:, ram.kind == MEAN] = flips[:, ram.row[ram.kind == MEAN]]
    factor[:, ram.parameter] = slot
    tied = (factor[:, ram.parameter] != slot).any(axis=1)
    kept = (held | tied) | bool(table.equalities or table.bounds)
    return replace(fit, theta=np.where(kept[:, None], fit.theta, fit.theta * factor))


def residual_variances(fit: CovarianceFit) -> FloatArray:
    """Return the residual variance (b, q) of each variable of the first group."""
    _, joint = matrices(fit.table.rams[0], fit.theta)
    return np.diagonal(joint, axis1=1, axis2=2).copy()
