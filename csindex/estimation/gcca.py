"""Generalised canonical correlation analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from csindex.errors import SpecificationError, quoted
from csindex.estimation.composites import (
    composite_estimates,
    iteration_problems,
    oriented,
)
from csindex.estimation.estimates import Estimates
from csindex.kernels.gcca import CanonicalCriterion, gcca
from csindex.language.options import canonical
from csindex.model import Model
from csindex.moments import Moments

# the correlations of the scores have, of all weights
_MEANINGS: dict[CanonicalCriterion, str] = {
    "maxvar": "largest first eigenvalue",
    "minvar": "smallest last eigenvalue",
    "sumcorr": "largest sum",
    "ssqcorr": "largest sum of squares",
    "genvar": "smallest determinant",
}
_CLOSED_FORM: tuple[CanonicalCriterion, ...] = ("maxvar", "minvar")


@dataclass(frozen=True)
class GCCA:
    r"""Generalised canonical correlation analysis, and regressions of the scores.

    Weights that make the scores of all constructs correlate as much as possible,
    whatever the paths between them are; these are then regressions of the scores. It is
    a second opinion on PLS with mode B: a structure that holds only for weights that
    the structure itself has shaped shows as a difference between the two.

    Parameters
    ----------
    criterion : {"maxvar", "sumcorr", "ssqcorr", "minvar", "genvar"}
        What the correlations of the scores shall have: the largest first eigenvalue,
        the largest sum, the largest sum of squares, the smallest last eigenvalue, or
        the smallest determinant.
    tolerance : float
        Iteration ends when the change of no score has a standard deviation beyond it,
        scores having one of 1. "maxvar" and "minvar" have a closed form.
    max_iterations : int
        Iteration ends there in any case, with a warning.

    Raises
    ------
    SpecificationError
        For an option that doesn't make sense.

    Notes
    -----
    With the items' correlations :math:`S`, the weights :math:`W` of scores with
    variance one and the scores' correlations :math:`\Phi = W'SW`:

    ======= =========================================
    maxvar  :math:`\max \lambda_{max}(\Phi)`
    sumcorr :math:`\max \sum_{ij} \phi_{ij}`
    ssqcorr :math:`\max \sum_{ij} \phi_{ij}^2`
    minvar  :math:`\min \lambda_{min}(\Phi)`
    genvar  :math:`\min \det \Phi`
    ======= =========================================

    All of them give the canonical correlation of two constructs, and the same weights
    in a population of composites, where the items of different constructs correlate
    only as far as their scores do. Scores don't change when the items of a construct
    are replaced by linear combinations of them. As with mode B, items of a construct
    that correlate highly make weights imprecise. The computation is in
    `csindex.kernels.gcca.gcca`: "sumcorr", "ssqcorr" and "genvar" may have several
    optima, and the best end of three searches is taken.

    References
    ----------
    Kettenring (1971), Biometrika 58(3).
    Schuberth, Henseler & Dijkstra (2018), Frontiers in Psychology 9:2541 (MAXVAR in
    models of composites).

    Examples
    --------
    >>> GCCA("sumcorr").settings()["outer weights"]
    'SUMCORR: scores with correlations of the largest sum'
    >>> GCCA("pca")
    Traceback (most recent call last):
        ...
    csindex.errors.SpecificationError: GCCA: unknown criterion 'pca'; there are
    'maxvar', 'minvar', 'sumcorr', 'ssqcorr', 'genvar'
    """

    criterion: CanonicalCriterion = "maxvar"
    tolerance: float = 1e-7
    max_iterations: int = 1000

    def __post_init__(self) -> None:
        known = get_args(CanonicalCriterion)
        object.__setattr__(self, "criterion", canonical(self.criterion, known))
        problems: list[str] = []
        if self.criterion not in known:
            problems.append(
                f"unknown criterion {self.criterion!r}; there are {quoted(_MEANINGS)}"
            )
        problems += iteration_problems(self.tolerance, self.max_iterations)
        if problems:
            raise SpecificationError([f"GCCA: {p}" for p in problems])

    def estimate(self, model: Model, moments: Moments) -> Estimates:
        """Estimate a model from moments.

        Parameters
        ----------
        model : Model
            A model of two constructs or more.
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
            If there is one construct alone, which nothing determines.
        """
        if len(model.constructs) < 2:
            raise SpecificationError(
                f"GCCA: model {model.name!r} has one construct, and its weights come "
                "from the correlations with others; add one, or use csi.PCA()"
            )
        found = gcca(
            moments.corr,
            model.blocks,
            self.criterion,
            self.tolerance,
            self.max_iterations,
        )
        regressed = tuple((model.blocks.sum(axis=0) > 1).tolist())
        return oriented(
            composite_estimates(model, moments, found.weights, found, regressed)
        )

    def settings(self) -> Mapping[str, str]:
        """Return every option that shapes the numbers, in words.

        Returns
        -------
        mapping of str to str
            Option and its value.
        """
        name = self.criterion.upper()
        return {
            "estimator": "GCCA",
            "outer weights": f"{name}: scores with correlations of the "
            + _MEANINGS[self.criterion],
            "metric": "standardised items",
            **self._iteration(),
            "paths": "least squares of the scores",
            "orientation": "loadings of each construct have a positive sum",
        }

    def _iteration(self) -> dict[str, str]:
        """Return in words how the weights are found."""
        if self.criterion in _CLOSED_FORM:
            return {"computation": "closed form, an eigenvector"}
        return {
            "computation": "construct by construct; the best of three starts, which "
            "are eigenvectors",
            "tolerance": f"{self.tolerance:g}, standard deviation of the change of a "
            "score",
            "maximum of iterations": str(self.max_iterations),
        }
