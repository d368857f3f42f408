"""What can be wrong with the values of moments."""

from __future__ import annotations

import numpy as np

from csindex.errors import quoted
from csindex.kernels.linalg import are_definite
from csindex.moments.moments import Moments

# negative eigenvalues up to this are taken for rounding of printed correlations
_ROUNDING = 1e-3
# the halves of a covariance matrix may differ by this, and by this share
_SYMMETRIC = 1e-10
_ALIKE = 1e-8


def value_problems(made: Moments) -> list[str]:
    """Return what is wrong with the values of moments.

    Parameters
    ----------
    made : Moments
        One set of moments or a stack.

    Returns
    -------
    list of str
        Values that aren't finite, asymmetry, constant items, correlations that no
        answers can have.
    """
    cov = made.cov
    if not (np.isfinite(cov).all() and np.isfinite(made.mean).all()):
        return ["the moments have values that are not finite; mend mean and cov"]
    problems = _scale_breaches(made)
    mirrored = np.swapaxes(cov, -1, -2)
    if (np.abs(cov - mirrored) > _SYMMETRIC + _ALIKE * np.abs(mirrored)).any():
        problems.append(
            "the covariance matrix is not symmetric; give both of its halves"
        )
    variances = np.diagonal(cov, axis1=-2, axis2=-1)
    dull = (variances <= 0).reshape(-1, len(made.names)).any(axis=0)
    constant = [made.names[k] for k in np.flatnonzero(dull)]
    if constant:
        problems.append(
            f"item {quoted(constant)} has no variance; leave it out of the model"
        )
    if not problems and not are_definite(made.corr).all():
        smallest = float(np.linalg.eigvalsh(made.corr).min())
        if smallest < -_ROUNDING:
            problems.append(
                "no answers have such correlations: their smallest eigenvalue is "
                f"{smallest:.3g}, and must not be negative; check cov, or drop items"
            )
    return problems


def _scale_breaches(made: Moments) -> list[str]:
    """Return which means lie outside their items' scales."""
    slack = 1e-6 * (np.abs(made.low) + np.abs(made.high))
    outside = (made.mean < made.low - slack) | (made.mean > made.high + slack)
    if not outside.any():
        return []
    flat, means = (a.reshape(-1, len(made.names)).T for a in (outside, made.mean))
    return [
        f"the mean of {name!r}, {own[lost][0]:g}, lies outside its scale {low:g} to "
        f"{high:g}; mend the mean or the scale"
        for name, own, low, high, lost in zip(
            made.names, means, made.low, made.high, flat, strict=True
        )
        if lost.any()
    ]
