"""What predictions are made with, in words, and which fits can make them."""

from __future__ import annotations

from typing import Literal

from csindex.errors import quoted
from csindex.estimation import Estimates
from csindex.estimation.cbsem import CovarianceEstimates
from csindex.estimation.consistent import ConsistentEstimates
from csindex.estimation.moderated import ModeratedEstimates
from csindex.results import Results

Antecedents = Literal["direct", "earliest"]
CAUSES = {"direct": "direct antecedents", "earliest": "earliest antecedents"}


def refusal(results: Results) -> str:
    """Return why a fit can't predict; empty if it can.

    Parameters
    ----------
    results : Results
        The fit.

    Returns
    -------
    str
        The reason.
    """
    if isinstance(results.estimates, CovarianceEstimates):
        return (
            "covariance-based estimates have no weights that scores are predicted "
            "by; fit the model with csi.PLS()"
        )
    if not results.model.endogenous:
        return (
            f"nothing is driven in model {results.model.name!r}, so that it predicts "
            "nothing; give it paths"
        )
    return ""


def made_with(estimates: Estimates) -> dict[str, str]:
    """Return in words what predictions are made with, where that isn't plain.

    Parameters
    ----------
    estimates : Estimates
        The estimates of the fit.

    Returns
    -------
    dict of str to str
        Entries of the settings: of terms, and of corrected estimates.
    """
    if isinstance(estimates, ModeratedEstimates):
        made = {
            "two_stage": "means, standard deviations and first-stage weights",
            "product": "means and standard deviations",
            "orthogonal": "means, standard deviations and regressions",
        }[estimates.method]
        return {
            "terms in predictions": f"made and standardised by the {made} of those who "
            "were estimated from; their items are predictors of linear models, too"
        }
    if isinstance(estimates, ConsistentEstimates):
        return {
            "predictions": "by the scores of composites, with paths and loadings "
            "corrected for attenuation"
        }
    return {}


def driven_factors(estimates: Estimates, antecedents: Antecedents) -> list[str]:
    """Return a note on terms that earliest antecedents can't do without.

    Parameters
    ----------
    estimates : Estimates
        The estimates of the fit.
    antecedents : {"direct", "earliest"}
        What scores are predicted from.

    Returns
    -------
    list of str
        The note, or nothing.
    """
    if antecedents == "direct" or not isinstance(estimates, ModeratedEstimates):
        return []
    driven = estimates.model.endogenous
    names = [
        term.name
        for term in estimates.terms
        if term.first in driven or term.second in driven
    ]
    if not names:
        return []
    return [
        f"{quoted(names)} counts as an earliest antecedent although the model drives a "
        "part of it: it is made of the answers to that part"
    ]
