"""Regressions with instruments, and with copula terms, from correlations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Regression:
    """A regression with an intercept, from moments of standardised variables.

    Attributes
    ----------
    coefficients, errors : ndarray of shape (..., k)
        Coefficients and their standard errors for residuals of one variance.
    unexplained : ndarray of shape (...)
        Variance of the residuals as a share of the target's, divisor n - 1.
    """

    coefficients: FloatArray
    errors: FloatArray
    unexplained: FloatArray


@dataclass(frozen=True, eq=False)
class InstrumentTests:
    """Tests of a regression with instruments.

    Attributes
    ----------
    first_stage : ndarray of shape (..., e)
        F statistic of the excluded instruments for each endogenous source.
    hausman : ndarray of shape (...)
        F statistic of the first stages' residuals in the ordinary regression.
    sargan : ndarray of shape (...)
        n times the share of the residuals that the instruments explain; NaN where
        there are no more instruments than sources.
    """

    first_stage: FloatArray
    hausman: FloatArray
    sargan: FloatArray


def ordinary(corr: FloatArray, n: int, target: int, sources: IntArray) -> Regression:
    """Return a least squares regression.

    Parameters
    ----------
    corr : ndarray of shape (..., j, j)
        Correlations.
    n : int
        Number of respondents.
    target : int
        Position of the dependent variable.
    sources : ndarray of int of shape (k,)
        Positions of the others.

    Returns
    -------
    Regression
        Coefficients, standard errors and unexplained share.
    """
    return two_stage(corr, n, target, sources, sources)


def two_stage(
    corr: FloatArray, n: int, target: int, sources: IntArray, instruments: IntArray
) -> Regression:
    r"""Return a two-stage least squares regression.

    Parameters
    ----------
    corr : ndarray of shape (..., j, j)
        Correlations.
    n : int
        Number of respondents.
    target : int
        Position of the dependent variable.
    sources : ndarray of int of shape (k,)
        Positions of its sources.
    instruments : ndarray of int of shape (m,)
        Positions of the instruments; sources among them are their own.

    Returns
    -------
    Regression
        Coefficients, standard errors and unexplained share.

    Notes
    -----
    .. math:: b = (S_{xz} S_{zz}^{-1} S_{zx})^{-1} S_{xz} S_{zz}^{-1} s_{zy}

    References
    ----------
    Wooldridge (2010), Econometric Analysis of Cross Section and Panel Data, chapter 5.
    """
    among, with_target = _block(corr, sources, sources), corr[..., sources, target]
    projection = np.linalg.solve(
        _block(corr, instruments, instruments), _block(corr, instruments, sources)
    )
    projected = np.swapaxes(projection, -1, -2)
    explained = projected @ _block(corr, instruments, sources)
    slopes = np.linalg.solve(
        explained, projected @ corr[..., instruments, target, None]
    )[..., 0]
    unexplained = np.asarray(
        1
        - 2 * (slopes * with_target).sum(axis=-1)
        + np.einsum("...k,...kl,...l->...", slopes, among, slopes)
    )
    variance = unexplained / (n - len(sources) - 1)
    inverse = np.linalg.inv(explained)
    errors = np.sqrt(np.einsum("...kk->...k", inverse) * variance[..., None])
    return Regression(np.asarray(slopes, dtype=np.float64), errors, unexplained)


def instrument_tests(
    corr: FloatArray, n: int, target: int, sources: IntArray, instruments: IntArray
) -> InstrumentTests:
    """Return the tests of a two-stage least squares regression.

    Parameters
    ----------
    corr : ndarray of shape (..., j, j)
        Correlations.
    n : int
        Number of respondents.
    target : int
        Position of the dependent variable.
    sources : ndarray of int of shape (k,)
        Positions of its sources, some of which aren't instruments.
    instruments : ndarray of int of shape (m,)
        Positions of the instruments.

    Returns
    -------
    InstrumentTests
        First-stage F, Wu-Hausman F and Sargan's statistic.

    References
    ----------
    Wu (1973), Econometrica 41(4); Hausman (1978), Econometrica 46(6); Sargan (1958),
    Econometrica 26(3).
    """
    own = np.array([k for k in sources if k in instruments], dtype=np.int64)
    endogenous = np.array([k for k in sources if k not in instruments], dtype=np.int64)
    m, k = len(instruments), len(sources)
    left = np.stack(
        [ordinary(corr, n, e, instruments).unexplained for e in endogenous], axis=-1
    )
    restricted = np.stack(
        [
            ordinary(corr, n, e, own).unexplained
            if own.size
            else np.ones(corr.shape[:-2])
            for e in endogenous
        ],
        axis=-1,
    )
    first = (restricted - left) / (m - own.size) / (left / (n - m - 1))
    slopes = two_stage(corr, n, target, sources, instruments)
    return InstrumentTests(
        first,
        _hausman(corr, n, target, sources, instruments, endogenous),
        _sargan(corr, n, target, sources, instruments, slopes)
        if m > k
        else np.full(corr.shape[:-2], np.nan),
    )


def _hausman(
    corr: FloatArray,
    n: int,
    target: int,
    sources: IntArray,
    instruments: IntArray,
    endogenous: IntArray,
) -> FloatArray:
    """Return the F statistic of the first stages' residuals, shape (...)."""
    j, added = corr.shape[-1], len(endogenous)
    maps = np.zeros((*corr.shape[:-2], j, j + added))
    maps[..., :j] = np.eye(j)
    for position, source in enumerate(endogenous):
        fitted = ordinary(corr, n, int(source), instruments).coefficients
        maps[..., source, j + position] = 1.0
        maps[..., instruments, j + position] = -fitted
    wide = np.swapaxes(maps, -1, -2) @ corr @ maps
    together = np.concatenate([sources, np.arange(j, j + added)])
    small = ordinary(wide, n, target, sources).unexplained
    large = ordinary(wide, n, target, together).unexplained
    return np.asarray(
        (small - large) / added / (large / (n - len(sources) - added - 1))
    )


def _sargan(
    corr: FloatArray,
    n: int,
    target: int,
    sources: IntArray,
    instruments: IntArray,
    found: Regression,
) -> FloatArray:
    """Return n times the share of the residuals that the instruments explain."""
    joint = (
        corr[..., instruments, target]
        - (_block(corr, instruments, sources) @ found.coefficients[..., :, None])[
            ..., 0
        ]
    )
    weights = np.linalg.solve(
        _block(corr, instruments, instruments), joint[..., :, None]
    )[..., 0]
    return np.asarray(n * (joint * weights).sum(axis=-1) / found.unexplained)


def normal_scores(values: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    r"""Return the normal quantiles of the empirical distribution.

    Parameters
    ----------
    values : ndarray of shape (n, k)
        Values, variable by variable.
    weights : ndarray of shape (n,), optional
        Sampling weights; one each if None.

    Returns
    -------
    ndarray of shape (n, k)
        :math:`\Phi^{-1}(F)` with the distribution function halfway up its steps:
        the sum of the smaller values' weights and half of the equal ones', over the
        sum of all.
    """
    from scipy.special import ndtri

    own = np.ones(len(values)) if weights is None else weights
    scores = np.empty_like(values, dtype=np.float64)
    for column, data in enumerate(values.T):
        _, where = np.unique(data, return_inverse=True)
        mass = np.bincount(where, weights=own)
        below = np.cumsum(mass) - mass / 2
        scores[:, column] = ndtri(below / mass.sum())[where]
    return scores


def _block(corr: FloatArray, rows: IntArray, columns: IntArray) -> FloatArray:
    return np.asarray(corr[..., rows[:, None], columns[None, :]])
