"""What factors a set of items may have: adequacy, number, likeness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import FloatArray
from csindex.kernels.linalg import SMALLEST_PIVOT, correlation

# rows whose products are held at once
_ROW_BLOCK = 4096


@dataclass(frozen=True)
class MultivariateNormality:
    """Mardia's measures of multivariate skewness and kurtosis.

    Attributes
    ----------
    skewness : float
        The measure b1, zero for normal answers.
    skewness_chisq, skewness_chisq_small : float
        Its test statistic, and that with the correction for small samples.
    skewness_df : int
        Degrees of freedom of both.
    skewness_p : float
        Probability of a larger statistic under normality.
    kurtosis : float
        The measure b2, p (p + 2) for normal answers.
    kurtosis_z : float
        Its standardised distance from normality.
    kurtosis_p : float
        Two-sided probability of a larger distance.
    """

    skewness: float
    skewness_chisq: float
    skewness_chisq_small: float
    skewness_df: int
    skewness_p: float
    kurtosis: float
    kurtosis_z: float
    kurtosis_p: float


def kmo(corr: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""Return the Kaiser-Meyer-Olkin measure of sampling adequacy.

    Parameters
    ----------
    corr : ndarray of shape (..., p, p)
        Correlations.

    Returns
    -------
    overall : ndarray of shape (...)
        The measure of all items; NaN where correlations are singular.
    items : ndarray of shape (..., p)
        That of each item.

    Notes
    -----
    With correlations r and partial correlations a given all other items,

    .. math:: MSA_h = \frac{\sum_{l \ne h} r_{hl}^2}
        {\sum_{l \ne h} r_{hl}^2 + \sum_{l \ne h} a_{hl}^2}

    and the sums over all pairs for the overall measure.

    References
    ----------
    Kaiser & Rice (1974), Educational and Psychological Measurement 34(1).
    """
    inverse = _inverse(corr)
    scale = np.sqrt(np.diagonal(inverse, axis1=-2, axis2=-1))
    partial = inverse / scale[..., :, None] / scale[..., None, :]
    off = 1.0 - np.eye(corr.shape[-1])
    ordinary = (corr**2 * off).sum(axis=-1)
    left = (partial**2 * off).sum(axis=-1)
    total = ordinary.sum(axis=-1)
    return total / (total + left.sum(axis=-1)), ordinary / (ordinary + left)


def sphericity(corr: FloatArray, n: float) -> tuple[FloatArray, FloatArray]:
    r"""Test whether items are uncorrelated.

    Parameters
    ----------
    corr : ndarray of shape (..., p, p)
        Correlations.
    n : float
        Number of respondents.

    Returns
    -------
    chisq : ndarray of shape (...)
        Bartlett's statistic, with p (p - 1) / 2 degrees of freedom.
    p : ndarray of shape (...)
        Probability of a larger one when there is no correlation.

    Notes
    -----
    .. math:: \chi^2 = -\left(n - 1 - \frac{2p + 5}{6}\right) \ln |R|

    References
    ----------
    Bartlett (1951), Biometrika 38(3/4).
    """
    from scipy.special import gammaincc

    p = corr.shape[-1]
    chisq = -(n - 1 - (2 * p + 5) / 6) * np.linalg.slogdet(corr)[1]
    return chisq, gammaincc(p * (p - 1) / 4, np.maximum(chisq, 0.0) / 2)


def mardia(
    values: FloatArray, weights: FloatArray | None = None
) -> MultivariateNormality:
    r"""Test whether answers are multivariate normal.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        Answers without gaps, no item a combination of others.
    weights : ndarray of shape (n,), optional
        Positive weights; the number of respondents is then Kish's effective one.

    Returns
    -------
    MultivariateNormality
        Measures and tests; NaN where the covariances are singular.

    Notes
    -----
    With :math:`z = S^{-1/2} (x - m)` and S of divisor n - 1, as R's psych takes it
    (Mardia's own has divisor n),

    .. math:: b_1 = \sum_{abc} \overline{z_a z_b z_c}^2, \quad
        b_2 = \overline{(z'z)^2}, \quad \chi^2 = n b_1 / 6, \quad
        z = \frac{b_2 - p(p + 2)}{\sqrt{8 p (p + 2) / n}}

    The sum over triples equals Mardia's double sum over respondents and takes a time
    proportional to n.

    References
    ----------
    Mardia (1970), Biometrika 57(3).
    """
    from scipy.special import gammaincc, ndtr

    n, p = values.shape
    share = np.full(n, 1.0 / n) if weights is None else weights / weights.sum()
    size = float(1.0 / (share**2).sum())
    centred = values - share @ values
    root = _inverse_root((centred * share[:, None]).T @ centred * (n / (n - 1)))
    z = centred @ root
    first, second = np.triu_indices(p)
    times = np.where(first == second, 1.0, 2.0)
    third = np.zeros((first.size, p))
    for start in range(0, n, _ROW_BLOCK):
        rows = slice(start, start + _ROW_BLOCK)
        third += (z[rows][:, first] * z[rows][:, second] * share[rows, None]).T @ z[
            rows
        ]
    b1 = float((times[:, None] * third**2).sum())
    b2 = float(share @ (z**2).sum(axis=1) ** 2)
    small = (p + 1) * (size + 1) * (size + 3) / (size * ((size + 1) * (p + 1) - 6))
    df = p * (p + 1) * (p + 2) // 6
    distance = (b2 - p * (p + 2)) / np.sqrt(8 * p * (p + 2) / size)
    return MultivariateNormality(
        skewness=b1,
        skewness_chisq=size * b1 / 6,
        skewness_chisq_small=size * small * b1 / 6,
        skewness_df=df,
        skewness_p=float(gammaincc(df / 2, size * b1 / 12)),
        kurtosis=b2,
        kurtosis_z=float(distance),
        kurtosis_p=float(2 * ndtr(-abs(distance))),
    )


def random_eigenvalues(p: int, n: float, draws: int, seed: int) -> FloatArray:
    """Return eigenvalues of correlations among answers that have nothing in common.

    Covariances are drawn from Wishart's distribution, so that the time doesn't depend
    on the number of respondents.

    Parameters
    ----------
    p : int
        Number of items.
    n : float
        Number of respondents, more than p.
    draws : int
        Number of samples.
    seed : int
        Seed of the draws.

    Returns
    -------
    ndarray of shape (draws, p)
        Eigenvalues, the largest first.

    References
    ----------
    Horn (1965), Psychometrika 30(2); Bartlett (1933), Proceedings of the Royal Society
    of Edinburgh 53 (the triangle that gives Wishart matrices).
    """
    rng = np.random.default_rng(seed)
    factor = np.tril(rng.standard_normal((draws, p, p)), k=-1)
    own = np.sqrt(rng.chisquare(n - 1 - np.arange(p), (draws, p)))
    factor[:, np.arange(p), np.arange(p)] = own
    corr, _ = correlation(factor @ np.swapaxes(factor, -1, -2))
    return np.asarray(np.linalg.eigvalsh(corr)[:, ::-1])


def average_partials(corr: FloatArray, power: int = 2) -> FloatArray:
    r"""Return Velicer's average partial correlations.

    Parameters
    ----------
    corr : ndarray of shape (..., p, p)
        Correlations.
    power : int
        2 for the original test, 4 for the revised one.

    Returns
    -------
    ndarray of shape (..., p - 1)
        The average power of the items' partial correlations given no, one, two ...
        principal components. The smallest one names the number of components. Infinite
        once components leave nothing of an item.

    References
    ----------
    Velicer (1976), Psychometrika 41(3); Velicer, Eaton & Fava (2000), in Problems and
    Solutions in Human Assessment (the fourth power).
    """
    p = corr.shape[-1]
    roots, vectors = np.linalg.eigh(corr)
    loadings = (vectors * np.sqrt(np.maximum(roots, 0.0))[..., None, :])[..., ::-1]
    off = 1.0 - np.eye(p)
    averages = []
    left = corr.copy()
    for components in range(p - 1):
        if components:
            column = loadings[..., :, components - 1]
            left = left - column[..., :, None] * column[..., None, :]
        own = np.diagonal(left, axis1=-2, axis2=-1)
        gone = (own < SMALLEST_PIVOT).any(axis=-1)
        scale = np.sqrt(np.where(own < SMALLEST_PIVOT, 1.0, own))
        partial = left / scale[..., :, None] / scale[..., None, :]
        mean = (np.abs(partial * off) ** power).sum(axis=(-2, -1)) / (p * (p - 1))
        averages.append(np.where(gone, np.inf, mean))
    return np.stack(averages, axis=-1)


def congruence(first: FloatArray, second: FloatArray) -> FloatArray:
    r"""Return Tucker's congruence of every two columns of loadings.

    Parameters
    ----------
    first : ndarray of shape (..., p, k)
        Loadings.
    second : ndarray of shape (..., p, m)
        Loadings.

    Returns
    -------
    ndarray of shape (..., k, m)
        :math:`x'y / \sqrt{x'x \, y'y}`; NaN where a column is zero.

    References
    ----------
    Tucker (1951), Personnel Research Section Report 984.
    """
    products = np.swapaxes(first, -1, -2) @ second
    lengths = (
        np.sqrt((first**2).sum(axis=-2))[..., :, None]
        * np.sqrt((second**2).sum(axis=-2))[..., None, :]
    )
    return products / np.where(lengths > 0, lengths, np.nan)


def _inverse(matrix: FloatArray) -> FloatArray:
    """Return inverses; NaN where a matrix is not positive definite."""
    roots, vectors = np.linalg.eigh(matrix)
    definite = roots[..., :1] > SMALLEST_PIVOT
    scaled = vectors / np.where(definite, roots, np.nan)[..., None, :]
    return np.asarray(scaled @ np.swapaxes(vectors, -1, -2))


def _inverse_root(matrix: FloatArray) -> FloatArray:
    roots, vectors = np.linalg.eigh(matrix)
    definite = roots[0] > SMALLEST_PIVOT * roots[-1]
    return np.asarray(vectors / np.sqrt(roots if definite else roots * np.nan))
