"""Latent means of several groups."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from csindex.estimation.cbsem.groups import GroupEstimates
from csindex.estimation.cbsem.noncentral import normal_quantile, two_sided
from csindex.estimation.cbsem.standardizing import slopes
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.ram import implied
from csindex.results.parameters import LEVEL

# an error that is nothing but rounding belongs to a constant
_CONSTANT = 1e-9


def latent_means(made: GroupEstimates, groups: Sequence[Hashable]) -> pd.DataFrame:
    """Return the means of the constructs in every group.

    Parameters
    ----------
    made : GroupEstimates
        A fit with equal intercepts.
    groups : sequence of labels
        The groups, the reference group first.

    Returns
    -------
    DataFrame
        construct, group, mean, se, z, p, low, high and standardized.
    """
    table, theta = made.fit.table, made.fit.theta
    latent = slice(len(table.observed), len(table.observed) + len(table.latent))

    def levels(points: FloatArray) -> FloatArray:
        made_of = [implied(ram, points).levels[:, latent] for ram in table.rams]
        return np.concatenate(made_of, axis=1)

    value = levels(theta)[0]
    slope = slopes(levels, theta[0])
    errors = np.sqrt(np.maximum(((slope @ made.covariance) * slope).sum(axis=1), 0.0))
    errors[errors < _CONSTANT] = 0.0
    spread = np.concatenate(
        [np.sqrt(np.diagonal(made_of.total[0])[latent]) for made_of in made.fit.implied]
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(errors > 0, value / errors, np.nan)
    reach = normal_quantile((1 + LEVEL) / 2) * errors
    return pd.DataFrame(
        {
            "construct": list(table.latent) * len(groups),
            "group": np.repeat(np.array(groups, dtype=object), len(table.latent)),
            "mean": value,
            "se": errors,
            "z": z,
            "p": two_sided(z),
            "low": value - reach,
            "high": value + reach,
            "standardized": value / spread,
        }
    )
