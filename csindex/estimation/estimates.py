"""What every estimator takes and returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from csindex.estimation import admissibility
from csindex.kernels import implied
from csindex.kernels import paths as effects
from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.scores import agreement
from csindex.kernels.spectral import geodesic_distance
from csindex.model import Model
from csindex.moments import Moments
from csindex.survey import Answers, Incomplete

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Estimates:
    """Estimates of one model from one set of moments, or from a stack of them.

    Attributes
    ----------
    model : Model
        The model, with p items and j constructs.
    moments : Moments
        The moments of its items.
    weights : ndarray of shape (..., p, j)
        Weights of the standardised items in scores of variance one; zero outside
        each construct's block.
    loadings : ndarray of shape (..., p, j)
        Loadings; zero outside each construct's block.
    construct_corr : ndarray of shape (..., j, j)
        Correlations of the constructs.
    paths : ndarray of shape (..., j, j)
        Standardised path coefficients, row = target, column = source.
    converged : ndarray of bool of shape (...)
        Whether the estimator converged.
    iterations : ndarray of int of shape (...)
        Iterations it used.
    formative : tuple of bool
        For each construct, whether its weights are regression weights (mode B);
        its items then need not agree, and have no internal consistency.
    """

    model: Model
    moments: Moments
    weights: FloatArray
    loadings: FloatArray
    construct_corr: FloatArray
    paths: FloatArray
    converged: BoolArray
    iterations: IntArray
    formative: tuple[bool, ...]

    def __post_init__(self) -> None:
        """Lock the arrays: one statistic must not change what others are made of."""
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                object.__setattr__(self, name, _locked(value))

    @cached_property
    def total_effects(self) -> FloatArray:
        """Total effects, shape (..., j, j), row = target."""
        return _locked(effects.total_effects(self.paths, self.model.structure))

    @cached_property
    def r_squared(self) -> FloatArray:
        """Explained variance of each construct, shape (..., j)."""
        return _locked(effects.r_squared(self.paths, self.construct_corr))

    @cached_property
    def admissible(self) -> BoolArray:
        """Whether everything could be computed, shape (...)."""
        return np.asarray(
            np.isfinite(self.weights).all(axis=(-2, -1))
            & np.isfinite(self.paths).all(axis=(-2, -1))
        )

    @property
    def composites(self) -> BoolArray:
        """Which constructs were estimated as composites of their items, shape (j,).

        Their loadings are the items' correlations with the score, and what the items
        share beyond it is free. All are, whatever the model calls them, unless the
        estimator corrects for the error in the scores or fits common factors.
        """
        return np.ones(len(self.model.constructs), dtype=np.bool_)

    @cached_property
    def improper(self) -> BoolArray:
        """Whether it was computed but no population could be so, shape (...).

        A loading or a correlation beyond one, or construct correlations without a
        positive semidefinite matrix, as disattenuation may give them; see
        `csindex.estimation.admissibility` for the checks one by one.
        """
        checks = [check.passed for check in admissibility.proper(self)]
        return np.asarray(self.admissible & ~np.logical_and.reduce(checks))

    def failure(self) -> str:
        """Return why one set of estimates can't be used; empty if it can.

        Returns
        -------
        str
            The reason, and what to do.
        """
        return "" if self.admissible else admissibility.dependence(self)

    def implied_construct_corr(self, saturated: bool = False) -> FloatArray:
        """Return the construct correlations that the model implies.

        Parameters
        ----------
        saturated : bool
            True: all constructs are correlated freely. False: only as the paths say.

        Returns
        -------
        ndarray of shape (..., j, j)
            Correlations.
        """
        if saturated:
            return self.construct_corr
        return implied.construct_correlations(
            self.paths, self.construct_corr, self.model.structure
        )

    def implied_corr(self, saturated: bool = False) -> FloatArray:
        """Return the item correlations that the model implies.

        Composites leave the correlations of their own items free; common factors imply
        them. See `composites`.

        Parameters
        ----------
        saturated : bool
            True: all constructs are correlated freely. False: only as the paths say.

        Returns
        -------
        ndarray of shape (..., p, p)
            Correlations.
        """
        return implied.item_correlations(
            self.moments.corr,
            self.loadings,
            self.implied_construct_corr(saturated),
            self.model.blocks,
            self.composites,
        )

    def fit_measures(self) -> Mapping[str, FloatArray]:
        r"""Return measures of how well the model fits the item correlations.

        Returns
        -------
        mapping of str to ndarray of shape (...)
            ``srmr``, ``d_uls`` and ``d_g`` of the estimated model, in which
            constructs correlate as the paths say, and with the ending
            ``_saturated`` those of the model in which they correlate freely. The
            first three judge structure and measurement together, the others
            measurement alone.

        Notes
        -----
        With item correlations :math:`S`, implied ones :math:`\Sigma` of `implied_corr`
        and the eigenvalues :math:`\varphi` of :math:`S^{-1}\Sigma`:

        .. math:: \mathrm{SRMR} = \sqrt{\frac{2}{p(p+1)}
            \sum_{h \ge k} (s_{hk} - \sigma_{hk})^2}, \quad
            d_{ULS} = \frac{1}{2} \operatorname{tr} (S - \Sigma)^2, \quad
            d_G = \frac{1}{2} \sum (\ln \varphi)^2

        :math:`d_G` is NaN where one of the matrices isn't positive definite; its
        logarithms have base ten, as in cSEM.

        References
        ----------
        Dijkstra & Henseler (2015), Computational Statistics & Data Analysis 81.
        """
        corr = self.moments.corr
        size = corr.shape[-1]
        found: dict[str, FloatArray] = {}
        for ending, saturated in (("", False), ("_saturated", True)):
            expected = self.implied_corr(saturated)
            distance = implied.d_uls(corr, expected)
            found[f"srmr{ending}"] = np.sqrt(2 * distance / (size * (size + 1)))
            found[f"d_uls{ending}"] = distance
            found[f"d_g{ending}"] = geodesic_distance(corr, expected)
        return found

    def __getitem__(self, position: int) -> Estimates:
        """Return one member of a stack."""
        return replace(
            self,
            moments=self.moments[position],
            weights=self.weights[position],
            loadings=self.loadings[position],
            construct_corr=self.construct_corr[position],
            paths=self.paths[position],
            converged=self.converged[position],
            iterations=self.iterations[position],
        )

    def turned(self, signs: FloatArray) -> Estimates:
        """Return the estimates with some constructs turned round.

        Parameters
        ----------
        signs : ndarray of shape (..., j)
            Minus one for each construct to turn, else one.

        Returns
        -------
        Estimates
            The same fit, seen from the other side.
        """
        if (signs == 1).all():
            return self
        columns = signs[..., None, :]
        both = signs[..., :, None] * columns
        return replace(
            self,
            weights=self.weights * columns,
            loadings=self.loadings * columns,
            construct_corr=self.construct_corr * both,
            paths=self.paths * both,
        )

    def aligned(self, reference: Estimates) -> Estimates:
        """Return the estimates with each construct's sign as in a reference.

        Parameters
        ----------
        reference : Estimates
            Estimates of the same model, without batch axes.

        Returns
        -------
        Estimates
            A construct is turned round if its score correlates negatively, in
            these moments, with the score by the reference's weights. It is done
            once, before any statistic is computed.
        """
        found = agreement(
            self.moments.corr, self.weights, reference.weights, self.model.blocks
        )
        return self.turned(np.where(found < 0, -1.0, 1.0))


def _locked(values: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return an array that can't be written to, of the same memory."""
    seen = values.view()
    seen.setflags(write=False)
    return seen


class Estimator(Protocol):
    """A way to estimate models from moments."""

    def estimate(self, model: Model, moments: Moments) -> Estimates:
        """Estimate a model.

        Parameters
        ----------
        model : Model
            The model.
        moments : Moments
            Moments of exactly the model's items, one set or a stack.

        Returns
        -------
        Estimates
            The estimates, with the batch axes of the moments.

        Raises
        ------
        SpecificationError
            If the estimator can't estimate such a model.
        """
        ...

    def settings(self) -> Mapping[str, str]:
        """Return every option that shapes the numbers, in words."""
        ...


@runtime_checkable
class RowEstimator(Estimator, Protocol):
    """An estimator that can't do with means and covariances: it sees the answers."""

    @property
    def needs_answers(self) -> bool:
        """Whether it does so with its present options."""
        ...

    @property
    def incomplete(self) -> Incomplete | None:
        """The treatment of missing answers that it brings itself; None: any."""
        ...

    def estimate_answers(
        self, model: Model, answers: Answers, weights: FloatArray | None = None
    ) -> Estimates:
        """Estimate a model from answers.

        Parameters
        ----------
        model : Model
            The model.
        answers : Answers
            Answers to exactly the model's items.
        weights : ndarray of shape (b, n), optional
            Other weights of the respondents (counts of a resample times sampling
            weights), one row for each member of a stack. None: the answers' own.

        Returns
        -------
        Estimates
            The estimates; with ``weights``, a stack of b.

        Raises
        ------
        DataError
            If such answers can't be estimated from.
        SpecificationError
            If the estimator can't estimate such a model.
        """
        ...


def row_estimator(estimator: Estimator) -> RowEstimator | None:
    """Return the estimator if it has to see the answers.

    Parameters
    ----------
    estimator : Estimator
        Any estimator.

    Returns
    -------
    RowEstimator or None
        The same estimator, or None if moments are enough for it.
    """
    # the protocol's own check takes longer than a small fit should wait
    if not getattr(estimator, "needs_answers", False):
        return None
    return estimator if isinstance(estimator, RowEstimator) else None
