"""Sample sizes by published rules of thumb."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pandas as pd

from csindex.diagnostics.options import share_problems
from csindex.errors import SpecificationError
from csindex.model import Model

# the power that the published rules, and most research plans, ask for
USUAL_POWER = 0.8
# below it the gamma-exponential method has a correction that is not made here
_GAMMA_NEEDED = 100


def sample_size_rules(
    smallest: float, model: Model | None = None, level: float = 0.95
) -> pd.DataFrame:
    r"""Return sample sizes by published rules of thumb, for a power of .80.

    Parameters
    ----------
    smallest : float
        The smallest effect that is to be found, in absolute value.
    model : Model, optional
        The model, for the rule that counts its arrows.
    level : float
        Confidence level; the rules test one-sided.

    Returns
    -------
    DataFrame
        rule, n, basis and note; NaN where a rule can't be applied.

    Raises
    ------
    SpecificationError
        If the effect is no number, the level no share, or the model none.

    Notes
    -----
    With :math:`k = z_{level} + z_{.80}`, which is 2.486 at level .95: the inverse
    square root method asks for :math:`|\beta| \sqrt n > k`, the gamma-exponential one
    for :math:`|\beta| \sqrt n \, e^{e |\beta| / \sqrt n} > k`. The latter's gamma
    correction acts below 100 respondents and is not made here.

    References
    ----------
    Kock & Hadaya (2018), Information Systems Journal 28(1).

    Examples
    --------
    >>> sample_size_rules(0.197)["n"].astype(int).tolist()
    [160, 146]
    """
    problems = list(share_problems(level=level))
    number = isinstance(smallest, (int, float, np.number))
    if not number or isinstance(smallest, bool):
        problems.append(
            f"the smallest effect must be a number, as 0.2, not {smallest!r}"
        )
    if not (model is None or isinstance(model, Model)):
        problems.append(
            f"the model must be one, as csi.acsi(), not {type(model).__name__}"
        )
    if problems:
        raise SpecificationError([f"sample_size_rules: {p}" for p in problems])
    normal = NormalDist()
    needed = normal.inv_cdf(level) + normal.inv_cdf(USUAL_POWER)
    basis = f"smallest effect {smallest:.3g}"
    root = gamma = math.nan
    if smallest > 0:
        root = float(math.floor((needed / smallest) ** 2) + 1)
        gamma = _exponential(smallest, needed)
    small = gamma < _GAMMA_NEEDED
    rows: list[dict[str, object]] = [
        {"rule": "inverse square root", "n": root, "basis": basis, "note": ""},
        {
            "rule": "gamma-exponential",
            "n": math.nan if small else gamma,
            "basis": basis,
            "note": "its correction for fewer than 100 is not made" if small else "",
        },
    ]
    if model is not None and model.paths:
        arrows = int(model.structure.sum(axis=1).max())
        rows.append(
            {
                "rule": "ten times (obsolete)",
                "n": 10.0 * arrows,
                "basis": f"{arrows} paths lead to one construct",
                "note": "knows neither effect nor power; do not plan by it",
            }
        )
    return pd.DataFrame(rows)


def _exponential(smallest: float, needed: float) -> float:
    """Return the least n with |b| sqrt(n) exp(e |b| / sqrt(n)) above what is needed."""
    n = max(2, math.floor(((needed - math.e * smallest**2) / smallest) ** 2 * 0.9))
    while (
        smallest * math.sqrt(n) * math.exp(math.e * smallest / math.sqrt(n)) <= needed
    ):
        n += 1
    return float(n)
