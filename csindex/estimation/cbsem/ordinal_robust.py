r"""Fit indices of a population of continuous variables behind ordinal items.

Chi-squares of least squares depend on the weights, so that CFI and RMSEA made of them
look better than those of the same misfit in continuous variables. Instead, at the
estimates, with polychoric correlations R and implied ones :math:`\Sigma`:

- :math:`T = N (\log|\Sigma| + tr R \Sigma^{-1} - \log|R| - p)`, of likelihood;
- :math:`c = tr(H'VH\Gamma) / df`, with V the weight of likelihood at
  :math:`\Sigma` and :math:`H = I - \Delta E` the residuals' part of errors;
- CFI and TLI of :math:`T - c\,df` and the same of uncorrelated items,
  :math:`RMSEA = \sqrt{\max(T - c\,df, 0)\, g / (N df)}`.

References
----------
Savalei (2021), Multivariate Behavioral Research 56(3).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from csindex.estimation.cbsem.measures import rmsea
from csindex.estimation.cbsem.ordinal_fit import OrdinalFit, triangle_places
from csindex.estimation.cbsem.ordinal_linear import Linear, blocks
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.fourth import normal_weight
from csindex.kernels.inverse import log_determinant
from csindex.kernels.ordinal.moments import OrdinalMoments


def robust_measures(
    fit: OrdinalFit, moments: list[OrdinalMoments], made: Linear
) -> Mapping[str, FloatArray]:
    """Return CFI, TLI and RMSEA as the population behind ordinal items has them.

    Parameters
    ----------
    fit : OrdinalFit
        A fit, once.
    moments : list of OrdinalMoments
        The statistics of each group.
    made : Linear
        The fit as a linear function of them.

    Returns
    -------
    mapping of str to ndarray of shape (1,)
        Measures ending with ``_robust``; none where some items are continuous, or
        correlations have no likelihood because no variables could have them.
    """
    implied = [one.cov[0] for one in fit.implied]
    observed = log_determinant(np.stack([part.corr for part in moments]))
    fitted = log_determinant(np.stack(implied))
    if 0 in fit.table.sizes or not np.isfinite(observed + fitted).all():
        return {}
    shares = np.array([part.n for part in moments]) / float(fit.n[0])
    chisq, weights = 0.0, []
    for k, (part, cov) in enumerate(zip(moments, implied, strict=True)):
        distance = float(np.trace(np.linalg.solve(cov, part.corr))) - len(cov)
        chisq += part.n * (float(fitted[k] - observed[k]) + distance)
        places = triangle_places(part)
        whole = normal_weight(np.asarray(np.linalg.inv(cov)), means=False)
        weights.append(shares[k] * whole[np.ix_(places, places)])
    gamma = made.gamma[np.ix_(made.kept, made.kept)]
    residual = made.residual_map
    weight = residual.T @ blocks(weights) @ residual
    factor = float((weight * gamma).sum()) / fit.df
    base = len(gamma)
    # without correlations the weight of likelihood is the share of the group
    lower = float(np.repeat(shares, base // len(shares)) @ np.diagonal(gamma))
    own = chisq - factor * fit.df
    other = -float(fit.n[0] * (shares @ observed)) - lower
    larger = max(own, other, 0.0)
    errors = rmsea(np.array([chisq / factor]), fit.df, fit.n, len(moments), factor)
    return {
        "cfi_robust": np.array([1 - max(own, 0.0) / larger if larger > 0 else 1.0]),
        "tli_robust": np.array([1 - own * base / (other * fit.df)]),
        **{f"{name}_robust": value for name, value in errors.items()},
    }
