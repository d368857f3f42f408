"""Scores as first principal components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from csindex.estimation.composites import composite_estimates, oriented
from csindex.estimation.estimates import Estimates
from csindex.kernels.components import principal_weights
from csindex.model import Model
from csindex.moments import Moments


@dataclass(frozen=True)
class PCA:
    """First principal component of each construct's items, and regressions.

    The components are those of the standardised items.

    References
    ----------
    Hotelling (1933), Journal of Educational Psychology 24.

    Examples
    --------
    >>> PCA().settings()["estimator"]
    'principal components'
    """

    def estimate(self, model: Model, moments: Moments) -> Estimates:
        """Estimate a model from moments.

        Parameters
        ----------
        model : Model
            The model.
        moments : Moments
            Moments of exactly the model's items, one set or a stack.

        Returns
        -------
        Estimates
            Weights, loadings and paths; each construct is oriented so that its
            loadings have a positive sum.
        """
        weights = principal_weights(moments.corr, model.blocks)
        return oriented(composite_estimates(model, moments, weights))

    def settings(self) -> Mapping[str, str]:
        """Return every option that shapes the numbers, in words.

        Returns
        -------
        mapping of str to str
            Option and its value.
        """
        return {
            "estimator": "principal components",
            "outer weights": "first principal component of each construct's items",
            "metric": "standardised items",
            "paths": "least squares of the scores",
            "orientation": "loadings of each construct have a positive sum",
        }
