"""Scores as plain means of the items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from csindex.estimation.composites import composite_estimates
from csindex.estimation.estimates import Estimates
from csindex.kernels.components import equal_weights
from csindex.model import Model
from csindex.moments import Moments


@dataclass(frozen=True)
class UnitWeights:
    """Equal weights of all items of a construct, and regressions of the scores.

    Parameters
    ----------
    scaled : bool
        True: standardised items have equal weights. False: raw items have, so that a
        score is the plain mean of the answers.

    References
    ----------
    McDonald (1996), Multivariate Behavioral Research 31(2).

    Examples
    --------
    >>> UnitWeights(scaled=False).settings()["outer weights"]
    'equal for raw items'
    """

    scaled: bool = True

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
            Weights, loadings and paths; every weight is positive.
        """
        sd = np.ones_like(moments.sd) if self.scaled else moments.sd
        weights = equal_weights(moments.corr, sd, model.blocks)
        return composite_estimates(model, moments, weights)

    def settings(self) -> Mapping[str, str]:
        """Return every option that shapes the numbers, in words.

        Returns
        -------
        mapping of str to str
            Option and its value.
        """
        return {
            "estimator": "unit weights",
            "outer weights": "equal for "
            + ("standardised items" if self.scaled else "raw items"),
            "paths": "least squares of the scores",
        }
