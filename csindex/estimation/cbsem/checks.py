"""What can't be estimated, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from csindex.errors import DataError, SpecificationError, quoted
from csindex.estimation.cbsem.fitted import CovarianceFit, Sample
from csindex.estimation.cbsem.methods import METHODS, Method
from csindex.estimation.cbsem.starts import starting_values
from csindex.estimation.cbsem.table import ParameterTable
from csindex.kernels.cbsem.fourth import Cases
from csindex.kernels.inverse import inverse_positive
from csindex.kernels.linalg import are_definite, correlation
from csindex.survey import Answers

# a share of an eigenvalue of the information that is taken for zero
_FLAT = 1e-11
# standard deviations that are so many times others are in unlike units
UNLIKE_UNITS = 100.0
# what a constraint may lack where a search ended
_UNMET = 1e-6
# the smallest eigenvalue of correlations that can be inverted
_SINGULAR = 1e-10


def check_samples(
    table: ParameterTable,
    method: Method,
    samples: Sequence[Sample],
    items: Sequence[str],
) -> None:
    """Refuse samples that a method can't do with, and too many parameters.

    Parameters
    ----------
    table : ParameterTable
        The structure.
    method : Method
        The method.
    samples : sequence of Sample
        The groups' moments; the first member of each stack counts.
    items : sequence of str
        Names of the items.

    Raises
    ------
    DataError
        If covariances can't be inverted.
    SpecificationError
        If there are more parameters than moments.
    """
    for sample in samples:
        if method.discrepancy not in ("ML", "GLS"):
            continue
        corr, _ = correlation(sample.cov[0])
        size, inverse = inverse_positive(corr[None])
        # the smallest eigenvalue isn't below the inverse of this norm
        if np.isfinite(size[0]) and np.linalg.norm(inverse[0]) < 1e-3 / _SINGULAR:
            continue
        values, vectors = np.linalg.eigh(corr)
        if values[0] < _SINGULAR:
            part = np.abs(vectors[:, 0])
            names = [n for n, size in zip(items, part, strict=True) if size > 0.1]
            raise DataError(
                "the covariance matrix of the items is not positive definite "
                f"(smallest eigenvalue of the correlations {values[0]:.2g}): "
                f"{quoted(names)} depend on each other linearly; leave one of them "
                "out, or use estimator='ULS'"
            )
    p = len(table.observed)
    moments = table.groups * (p * (p + 1) // 2 + (p if table.means else 0))
    free = table.flat[1].shape[1] if table.linear else table.size
    if free > moments and not table.equalities:
        raise SpecificationError(
            f"the model has {free} parameters, but {p} items have only {moments} "
            "moments; add items, or fix parameters or make them equal with additions="
        )


def check_identified(fit: CovarianceFit) -> None:
    """Refuse a model whose parameters no data can tell apart, or no constraints let be.

    Parameters
    ----------
    fit : CovarianceFit
        A fit; its first member counts.

    Raises
    ------
    SpecificationError
        With the parameters that the information says nothing about; with constraints
        that no parameters were found for.
    DataError
        If it is the solution's fault, and not the model's, or that of the items' units.
    """
    _check_constraints(fit)
    if not fit.converged[0] and not np.isfinite(fit.theta[0]).all():
        return
    if fit.condition_bound < 1e-3 / _FLAT or not np.isfinite(fit.unitless).all():
        return
    scale = np.sqrt(np.maximum(np.diagonal(fit.turned(fit.expected[:1])[0]), 1e-300))
    values, vectors = np.linalg.eigh(fit.unitless)
    flat = values < _FLAT * values[-1]
    if not flat.any():
        return
    moved = np.abs(fit.basis @ (vectors[:, flat] / scale[:, None])).max(axis=1)
    size = np.abs(fit.basis @ np.diag(1 / scale)).max(axis=1)
    names = [
        name
        for name, share in zip(fit.table.names, moved / size, strict=True)
        if share > 0.05
    ]
    if told := _unit_problem(fit):
        raise DataError(told)
    if _identified_at_start(fit):
        raise DataError(
            f"these answers don't identify the model: the search ended where "
            f"{quoted(names)} can change together with hardly any change of the "
            "implied covariances, as by items that are almost sums of others, or by "
            "few respondents; leave such items out, bound variances as 'x ~~ v*x; "
            "v > 0' in additions=, or use csi.PLS"
        )
    raise SpecificationError(
        f"the model is not identified: {quoted(names)} can change together without any "
        "change of the implied covariances; fix one of them, add items, or make "
        "parameters equal with additions="
    )


def _unit_problem(fit: CovarianceFit) -> str:
    """Return that the items' units are too unlike for unweighted least squares.

    Empty if they aren't, or a method without units can't tell parameters apart either.
    """
    definite = all(are_definite(sample.cov[0]) for sample in fit.samples)
    if fit.method.discrepancy != "ULS" or not definite:
        return ""
    sd = np.sqrt(np.diagonal(fit.samples[0].cov[0]))
    ratio = float(sd.max() / sd.min())
    if ratio < UNLIKE_UNITS:
        return ""
    other = replace(fit, method=METHODS["GLS"]).unitless
    values = np.linalg.eigvalsh(other) if np.isfinite(other).all() else np.zeros(1)
    if values[0] < _FLAT * values[-1] or values[0] <= 0:
        return ""
    names = fit.table.observed
    low, high = int(sd.argmin()), int(sd.argmax())
    return (
        f"the items' units differ by a factor of {ratio:.3g}, from {names[low]!r} with "
        f"a standard deviation of {sd[low]:.3g} to {names[high]!r} with "
        f"{sd[high]:.3g}: unweighted least squares fits the covariances of items in "
        f"large units alone; divide {names[high]!r}, so that all items have like "
        "standard deviations, or use estimator='ML', which doesn't depend on units"
    )


def _check_constraints(fit: CovarianceFit) -> None:
    """Refuse parameters that don't satisfy the constraints."""
    constraints = [r for r in fit.table.relations if r.op != ":="]
    if fit.converged[0] or not constraints or not np.isfinite(fit.theta[0]).all():
        return
    held = fit.table.held(fit.theta[0])
    # equalities come first there, in their order
    ordered = sorted(constraints, key=lambda r: r.op != "==")
    lacking = [
        f"{r.left} {r.op} {r.right} ({r.place}; it lacks {abs(gap):.3g})"
        for r, gap, equal in zip(ordered, held.values, held.equal, strict=True)
        if (abs(gap) if equal else -gap) > _UNMET
    ]
    if lacking:
        raise SpecificationError(
            f"no solution satisfies all constraints: the search ended after "
            f"{fit.iterations[0]} steps without {'; '.join(lacking)}; see whether the "
            "constraints contradict each other or the model, or give starting values "
            "that satisfy them, as 'x =~ start(0.5)*x2' in additions="
        )


def _identified_at_start(fit: CovarianceFit) -> bool:
    """Return whether the parameters can be told apart where a search starts."""
    covs = [sample.used_cov(fit.method)[0] for sample in fit.samples]
    means = [sample.mean[0] for sample in fit.samples]
    theta = starting_values(fit.table, covs, means)[None]
    found = replace(fit, theta=theta).unitless
    if not np.isfinite(found).all():
        return False
    values = np.linalg.eigvalsh(found)
    return bool(values[0] >= _FLAT * values[-1])


def check_cases(case: Cases, method: Method) -> None:
    """Refuse too few respondents for weighted least squares.

    Parameters
    ----------
    case : Cases
        The respondents.
    method : Method
        WLS or DWLS.

    Raises
    ------
    DataError
        If the asymptotic covariance of the moments can't be inverted.
    """
    n, s = case.products.shape
    if method.discrepancy == "WLS" and n <= s:
        raise DataError(
            f"WLS inverts the covariance of {s} moments, which needs more than {s} "
            f"respondents, and there are {n}; use estimator='WLSMV' or 'MLR'"
        )


def cluster_problems(answers: Answers, robust: bool) -> list[str]:
    """Return why errors can't allow for clusters.

    Parameters
    ----------
    answers : Answers
        The answers.
    robust : bool
        Whether errors are made of respondents' contributions.

    Returns
    -------
    list of str
        Empty if they can, or needn't.
    """
    clusters = answers.clusters
    if clusters is None or not robust or len(np.unique(clusters)) > 1:
        return []
    return [
        "all respondents are of one cluster, and errors by cluster are made of the "
        "differences between two or more; leave clusters= out"
    ]
