"""Whether items can be factored, and how many factors they may have."""

from __future__ import annotations

import numpy as np
import pandas as pd

from csindex.diagnostics.instrument import criteria
from csindex.diagnostics.instrument.sample import Sample
from csindex.diagnostics.thresholds import Criterion
from csindex.kernels import factors as kernels
from csindex.kernels.arrays import FloatArray

# share of random samples whose eigenvalue an item's has to exceed
_PERCENTILE = 95


def sampling_table(sample: Sample, items: list[str], corr: FloatArray) -> pd.DataFrame:
    """Return measures of whether items can be factored.

    Parameters
    ----------
    sample : Sample
        The answers.
    items : list of str
        The items.
    corr : ndarray of shape (p, p)
        Their correlations.

    Returns
    -------
    DataFrame
        One row per measure: measure, value, df, p, threshold, verdict, source.
    """
    n, p = sample.effective_n, len(items)
    chisq, probability = kernels.sphericity(corr, n)
    positions = [sample.position(item) for item in items]
    values = sample.answers.values[:, positions]
    complete = ~np.isnan(values).any(axis=1)
    normal = kernels.mardia(values[complete], sample.weights[complete])
    rows: list[tuple[str, float, float, float, Criterion, float]] = [
        ("kmo", float(kernels.kmo(corr)[0]), np.nan, np.nan, criteria.KMO, np.nan),
        (
            "bartlett",
            float(chisq),
            p * (p - 1) / 2,
            float(probability),
            criteria.SPHERICITY,
            float(probability),
        ),
        (
            "determinant",
            float(np.linalg.det(corr)),
            np.nan,
            np.nan,
            criteria.DETERMINANT,
            np.nan,
        ),
        (
            "mardia skewness",
            normal.skewness_chisq,
            normal.skewness_df,
            normal.skewness_p,
            criteria.NORMALITY,
            normal.skewness_p,
        ),
        (
            "mardia skewness (small sample)",
            normal.skewness_chisq_small,
            normal.skewness_df,
            float(upper_tail(normal.skewness_chisq_small, normal.skewness_df)),
            criteria.NORMALITY,
            float(upper_tail(normal.skewness_chisq_small, normal.skewness_df)),
        ),
        (
            "mardia kurtosis",
            normal.kurtosis_z,
            np.nan,
            normal.kurtosis_p,
            criteria.NORMALITY,
            normal.kurtosis_p,
        ),
    ]
    return pd.DataFrame(
        {
            "measure": measure,
            "value": value,
            "df": df,
            "p": p_value,
            "threshold": criterion.rule,
            "verdict": criterion.verdict(value if np.isnan(judged) else judged),
            "source": criterion.source,
        }
        for measure, value, df, p_value, criterion, judged in rows
    )


def upper_tail(chisq: float, df: int) -> float:
    """Return the probability of a larger value of chi-squared."""
    from scipy.special import gammaincc

    return float(gammaincc(df / 2, chisq / 2))


def dimensions(
    corr: FloatArray, n: float, draws: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return how many factors correlations may have.

    Parameters
    ----------
    corr : ndarray of shape (p, p)
        Correlations.
    n : float
        Number of respondents.
    draws : int
        Random samples of the parallel analysis.
    seed : int
        Their seed.

    Returns
    -------
    table : DataFrame
        Eigenvalues beside random ones, and average partial correlations.
    suggested : DataFrame
        The number of factors by each rule.
    """
    p = len(corr)
    observed = np.linalg.eigvalsh(corr)[::-1]
    random = kernels.random_eigenvalues(p, n, draws, seed)
    limit = np.percentile(random, _PERCENTILE, axis=0)
    squared, fourth = (kernels.average_partials(corr, power) for power in (2, 4))
    table = pd.DataFrame(
        {
            "factor": np.arange(1, p + 1),
            "eigenvalue": observed,
            "share": observed / p,
            "random_mean": random.mean(axis=0),
            "random_95": limit,
            # given so many components; the last one would leave nothing
            "map": [*squared[1:], np.nan, np.nan],
            "map_fourth": [*fourth[1:], np.nan, np.nan],
        }
    )
    exceeding = np.append(observed > limit, False)
    suggested = pd.DataFrame(
        [
            ("parallel analysis", int(np.argmin(exceeding)), "Horn (1965)"),
            ("average partials", int(np.argmin(squared)), "Velicer (1976)"),
            (
                "average partials, fourth power",
                int(np.argmin(fourth)),
                "Velicer, Eaton & Fava (2000)",
            ),
            ("eigenvalues above one", int((observed > 1).sum()), "Kaiser (1960)"),
        ],
        columns=["rule", "factors", "source"],
    )
    return table, suggested
