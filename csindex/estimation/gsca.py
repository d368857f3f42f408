"""Generalised structured component analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from csindex.errors import SpecificationError
from csindex.estimation.composites import (
    composite_estimates,
    iteration_problems,
    oriented,
)
from csindex.estimation.estimates import Estimates
from csindex.kernels.components import gsca
from csindex.model import Model
from csindex.moments import Moments


@dataclass(frozen=True)
class GSCA:
    r"""Generalised structured component analysis, on standardised items.

    Weights that explain the items of reflective constructs and the endogenous
    constructs together as well as possible, by least squares; constructs stay
    components. The items of composites are not explained, so that their weights
    serve the paths alone.

    Parameters
    ----------
    tolerance : float
        Iteration ends when the sum of absolute changes of the weights is below it.
    max_iterations : int
        Iteration ends there in any case, with a warning.

    Raises
    ------
    SpecificationError
        For an option that doesn't make sense.

    Notes
    -----
    The criterion is in `csindex.kernels.components.gsca`. cSEM leaves the items of
    all components out of it, as here for a model of composites.

    References
    ----------
    Hwang & Takane (2004), Psychometrika 69(1).

    Examples
    --------
    >>> GSCA(max_iterations=0)
    Traceback (most recent call last):
        ...
    csindex.errors.SpecificationError: GSCA: max_iterations must be 1 or more, not 0
    """

    tolerance: float = 1e-7
    max_iterations: int = 1000

    def __post_init__(self) -> None:
        if problems := iteration_problems(self.tolerance, self.max_iterations):
            raise SpecificationError([f"GSCA: {p}" for p in problems])

    def estimate(self, model: Model, moments: Moments) -> Estimates:
        """Estimate a model from moments.

        Parameters
        ----------
        model : Model
            A model where every composite has a path to or from another construct.
        moments : Moments
            Moments of exactly the model's items, one set or a stack.

        Returns
        -------
        Estimates
            Weights, loadings and paths; each construct is oriented so that its
            loadings have a positive sum.

        Raises
        ------
        SpecificationError
            If a composite has no path, so that nothing determines its weights.
        """
        sizes = model.blocks.sum(axis=0)
        measured = np.array(
            [c.measurement == "reflective" for c in model.constructs]
        ) | (sizes == 1)
        linked = (model.structure + model.structure.T).any(axis=1)
        problems = [
            f"GSCA: composite {name!r} has no path to or from another construct, so "
            "that nothing determines its weights; add one, or leave it out with "
            "model.without"
            for name, known in zip(
                model.construct_names, measured | linked, strict=True
            )
            if not known
        ]
        if problems:
            raise SpecificationError(problems)
        found = gsca(
            moments.corr,
            model.blocks,
            model.structure,
            measured,
            self.tolerance,
            self.max_iterations,
        )
        formative = tuple((~measured).tolist())
        return oriented(
            composite_estimates(model, moments, found.weights, found, formative)
        )

    def settings(self) -> Mapping[str, str]:
        """Return every option that shapes the numbers, in words.

        Returns
        -------
        mapping of str to str
            Option and its value.
        """
        return {
            "estimator": "GSCA",
            "outer weights": "least squares of the items of reflective constructs and "
            "of the endogenous constructs",
            "metric": "standardised items",
            "initial weights": "1 for every item",
            "tolerance": f"{self.tolerance:g}, sum of absolute changes of the weights",
            "maximum of iterations": str(self.max_iterations),
            "orientation": "loadings of each construct have a positive sum",
        }
