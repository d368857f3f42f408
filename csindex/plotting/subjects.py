"""What plots are made of: results, with or without a bootstrap."""

from __future__ import annotations

from csindex.errors import CsindexError, SpecificationError
from csindex.estimation.moderated import ModeratedEstimates
from csindex.inference import Bootstrap, GroupBootstrap
from csindex.results import Results, one_fit


def index_and_interval(
    member: Results, boot: Bootstrap | None
) -> tuple[float, float, float]:
    """Return the index of one fit with the ends of its interval.

    Parameters
    ----------
    member : Results
        The fit.
    boot : Bootstrap or None
        Its bootstrap.

    Returns
    -------
    tuple of float
        The index, low and high; NaN for what there isn't.
    """
    nothing = float("nan")
    try:
        index = member.index
    except CsindexError:
        return nothing, nothing, nothing
    if boot is None:
        return index, nothing, nothing
    return index, float(boot.index["low"]), float(boot.index["high"])


def product_names(results: Results) -> frozenset[str]:
    """Return the products of constructs in a model, which have no scale and no score.

    Parameters
    ----------
    results : Results
        A fit.

    Returns
    -------
    frozenset of str
        Names of its interactions and quadratic effects; empty for most fits.
    """
    estimates = results.estimates
    if not isinstance(estimates, ModeratedEstimates):
        return frozenset()
    return frozenset(term.name for term in estimates.terms)


def results_and_boot(
    subject: object, boot: Bootstrap | None, caller: str
) -> tuple[Results, Bootstrap | None]:
    """Return the results to draw and their bootstrap.

    Parameters
    ----------
    subject : Results or Bootstrap
        What the user gave.
    boot : Bootstrap, optional
        What the user gave beside it.
    caller : str
        Name of the public function, for messages.

    Returns
    -------
    results : Results
        The results.
    boot : Bootstrap or None
        Their bootstrap.

    Raises
    ------
    SpecificationError
        If the subject is something else, or the bootstrap is of another fit.
    """
    if isinstance(subject, Bootstrap):
        boot = subject if boot is None else boot
    if isinstance(subject, (Bootstrap, GroupBootstrap)):
        subject = subject.results
    results = one_fit(subject, caller)
    if boot is not None and not isinstance(boot, Bootstrap):
        raise SpecificationError(
            f"{caller}: boot must be made by csi.bootstrap(results), not "
            f"{type(boot).__name__}"
        )
    if boot is not None and boot.results is not results:
        raise SpecificationError(
            f"{caller}: boot belongs to another fit; make it with "
            "csi.bootstrap(results) from the same results"
        )
    return results, boot
