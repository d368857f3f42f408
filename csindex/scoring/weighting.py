"""Weights of siblings in a tree, and where they come from."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from csindex.errors import (
    DataError,
    InadmissibleWarning,
    SpecificationError,
    quoted,
)
from csindex.kernels.arrays import FloatArray

# Saaty's mean consistency index of random matrices of order 3 to 10
RANDOM_INDEX = (0.58, 0.90, 1.12, 1.24, 1.32, 1.41, 1.45, 1.49)
# comparisons up to this consistency ratio are taken as they are
CONSISTENT = 0.10
# how far a comparison may be from the reciprocal of its opposite
_RECIPROCAL = 0.01
# constant-sum points may miss 100 by rounding
_ROUNDING = 0.5


@dataclass(frozen=True)
class Weighting:
    """Weights of siblings, which sum to one.

    Attributes
    ----------
    names : tuple of str
        The siblings.
    weights : tuple of float
        Their weights.
    source : str
        Where the weights come from.
    consistency : Consistency, optional
        Of pairwise comparisons.
    """

    names: tuple[str, ...]
    weights: tuple[float, ...]
    source: str
    consistency: Consistency | None = None

    def of(self, name: str) -> float:
        """Return one sibling's weight.

        Parameters
        ----------
        name : str
            The sibling.

        Returns
        -------
        float
            Its weight.
        """
        return self.weights[self.names.index(name)]


@dataclass(frozen=True)
class Consistency:
    r"""How far pairwise comparisons agree with each other.

    Attributes
    ----------
    eigenvalue : float
        Principal eigenvalue; the order n of the matrix if they agree completely.
    index : float
        :math:`CI = (\lambda - n) / (n - 1)`.
    ratio : float
        CI by that of random comparisons; more than .10 asks for another look. NaN
        beyond order 10, for which no random index is kept.
    """

    eigenvalue: float
    index: float
    ratio: float


def equal_weights(names: Sequence[str]) -> Weighting:
    """Give every sibling the same weight.

    Parameters
    ----------
    names : sequence of str
        The siblings.

    Returns
    -------
    Weighting
        Equal weights.

    Examples
    --------
    >>> equal_weights(["staff", "price"]).weights
    (0.5, 0.5)
    """
    return _weighting(names, np.ones(len(names)), "equal")


def direct_weights(ratings: Mapping[str, float]) -> Weighting:
    r"""Weight siblings by the importance that people gave them.

    Parameters
    ----------
    ratings : mapping of str to float
        Mean importance of each sibling.

    Returns
    -------
    Weighting
        Ratings by their sum. Ratings differ little, and so do such weights.

    Raises
    ------
    SpecificationError
        For ratings that are negative, or nothing but zero.

    Examples
    --------
    >>> direct_weights({"staff": 8, "price": 2}).weights
    (0.8, 0.2)
    """
    return _weighting(list(ratings), _numbers(ratings), "direct rating")


def constant_sum_weights(points: Mapping[str, float]) -> Weighting:
    """Weight siblings by 100 points that people shared out among them.

    Parameters
    ----------
    points : mapping of str to float
        Mean points of each sibling.

    Returns
    -------
    Weighting
        Points by their sum.

    Raises
    ------
    SpecificationError
        If the points aren't 100 together, or some are negative.

    Examples
    --------
    >>> constant_sum_weights({"staff": 70, "price": 30}).weights
    (0.7, 0.3)
    """
    values = _numbers(points)
    if abs(values.sum() - 100) > _ROUNDING:
        raise SpecificationError(
            f"constant sum: the points of {quoted(points)} are {values.sum():g} "
            "together; they must be 100, or use direct_weights"
        )
    return _weighting(list(points), values, "constant sum")


def ahp_weights(
    comparisons: ArrayLike, names: Sequence[str], check: bool = True
) -> Weighting:
    r"""Weight siblings by pairwise comparisons: the analytic hierarchy process.

    Parameters
    ----------
    comparisons : array_like of shape (k, k) or (m, k, k)
        How many times as important the row is as the column, positive and
        reciprocal; of several judges, the geometric mean is taken.
    names : sequence of str
        The k siblings.
    check : bool
        Whether a consistency ratio above .10 warns.

    Returns
    -------
    Weighting
        The principal eigenvector, and the consistency of the comparisons.

    Raises
    ------
    SpecificationError
        If the matrix isn't square, positive and reciprocal, or doesn't fit the
        names.

    Warns
    -----
    InadmissibleWarning
        If the consistency ratio is above .10.

    Notes
    -----
    .. math:: A w = \lambda_{max} w, \quad CI = \frac{\lambda_{max} - n}{n - 1},
        \quad CR = CI / RI_n

    References
    ----------
    Saaty (1980), The Analytic Hierarchy Process; Aczel & Saaty (1983), Journal of
    Mathematical Psychology 27(1), for the geometric mean.

    Examples
    --------
    >>> made = ahp_weights([[1, 2], [0.5, 1]], ["staff", "price"])
    >>> [round(weight, 3) for weight in made.weights]
    [0.667, 0.333]
    """
    matrix = _comparisons(comparisons, names)
    size = len(names)
    values, vectors = np.linalg.eig(matrix)
    first = int(np.argmax(values.real))
    eigenvalue = float(values[first].real)
    found = _weighting(names, np.abs(vectors[:, first].real), "AHP")
    index = max(0.0, (eigenvalue - size) / (size - 1)) if size > 1 else 0.0
    if size <= 2:
        ratio = 0.0
    elif size - 3 < len(RANDOM_INDEX):
        ratio = index / RANDOM_INDEX[size - 3]
    else:
        ratio = math.nan
    if check and ratio > CONSISTENT:
        warnings.warn(
            f"AHP: the comparisons of {quoted(names)} contradict each other, "
            f"consistency ratio {ratio:.2f} > {CONSISTENT:.2f}; ask again before these "
            "weights are used",
            InadmissibleWarning,
            stacklevel=2,
        )
    return Weighting(
        found.names, found.weights, "AHP", Consistency(eigenvalue, index, ratio)
    )


def entropy_weights(scores: ArrayLike, names: Sequence[str]) -> Weighting:
    r"""Weight siblings by how unevenly their scores are spread: entropy weights.

    Parameters
    ----------
    scores : array_like of shape (n, k)
        Scores of n respondents (or companies) on the k siblings, none negative.
        Rows with a missing score are left out.
    names : sequence of str
        The k siblings.

    Returns
    -------
    Weighting
        The weights; zero for scores that don't vary. On respondents they reward noisy
        items.

    Raises
    ------
    DataError
        If scores are negative, fewer than two rows are complete, or nothing varies.

    Notes
    -----
    .. math:: p_{ij} = u_{ij} / \sum_i u_{ij}, \quad
        e_j = -\frac{1}{\ln n} \sum_i p_{ij} \ln p_{ij}, \quad
        v_j = (1 - e_j) / \sum_k (1 - e_k)

    References
    ----------
    Shannon (1948), Bell System Technical Journal 27; Hwang & Yoon (1981), Multiple
    Attribute Decision Making.

    Examples
    --------
    >>> entropy_weights([[1, 1], [1, 0]], ["a", "b"]).weights
    (0.0, 1.0)
    """
    values = _complete(scores, names, "entropy")
    if (values < 0).any():
        raise DataError("entropy weights need scores of zero or more")
    sums = values.sum(axis=0)
    parts = np.divide(
        values, sums, out=np.full(values.shape, 1 / len(values)), where=sums > 0
    )
    logs = np.log(parts, out=np.zeros(parts.shape), where=parts > 0)
    entropy = -(parts * logs).sum(axis=0) / np.log(len(values))
    spread = np.maximum(1 - entropy, 0.0)
    spread[np.ptp(values, axis=0) == 0] = 0.0
    return _varying(names, spread, "entropy")


def critic_weights(scores: ArrayLike, names: Sequence[str]) -> Weighting:
    r"""Weight siblings by spread and disagreement with the others: CRITIC weights.

    Parameters
    ----------
    scores : array_like of shape (n, k)
        Scores of n respondents (or companies) on the k siblings; rows with a
        missing score are left out.
    names : sequence of str
        The k siblings.

    Returns
    -------
    Weighting
        The weights; zero for scores that don't vary.

    Raises
    ------
    DataError
        If fewer than two rows are complete, or nothing varies.

    Notes
    -----
    .. math:: C_j = \sigma_j \sum_k (1 - r_{jk}), \quad v_j = C_j / \sum_k C_k

    with standard deviations of the scores on 0-100, which are already on one scale.

    References
    ----------
    Diakoulaki, Mavrotas & Papayannakis (1995), Computers & Operations Research 22(7).

    Examples
    --------
    >>> critic_weights([[0, 0], [0, 2], [1, 0], [1, 2]], ["a", "b"]).weights
    (0.333..., 0.666...)
    """
    values = _complete(scores, names, "CRITIC")
    sd = values.std(axis=0, ddof=1)
    varying = sd > 0
    conflict = np.zeros(len(sd))
    if varying.any():
        corr = np.atleast_2d(np.corrcoef(values[:, varying], rowvar=False))
        conflict[varying] = (1 - corr).sum(axis=1)
    content = sd * np.maximum(conflict, 0.0)
    if len(names) == 1 or (varying.sum() == 1):
        content = sd
    return _varying(names, content, "CRITIC")


def component_weights(scores: ArrayLike, names: Sequence[str]) -> Weighting:
    r"""Weight siblings by their first principal component: PLS of a single block.

    Parameters
    ----------
    scores : array_like of shape (n, k)
        Scores of n respondents on the k siblings, all pointing the same way; rows
        with a missing score are left out.
    names : sequence of str
        The k siblings.

    Returns
    -------
    Weighting
        Component weights by the scores' standard deviations, scaled to sum one.

    Raises
    ------
    DataError
        If a score doesn't vary or has a negative weight.

    Notes
    -----
    .. math:: v_j = \frac{a_j / s_j}{\sum_k a_k / s_k}

    with the first eigenvector a of the correlations and standard deviations s: what
    mode A of a block that is connected to nothing else converges to.

    References
    ----------
    Wold (1966), in Krishnaiah, Multivariate Analysis.

    Examples
    --------
    >>> component_weights([[1, 2], [2, 4], [4, 8]], ["a", "b"]).weights
    (0.666..., 0.333...)
    """
    values = _complete(scores, names, "PLS")
    sd = values.std(axis=0, ddof=1)
    if (sd == 0).any():
        constant = [name for name, s in zip(names, sd, strict=True) if s == 0]
        raise DataError(f"PLS weights: the scores of {quoted(constant)} don't vary")
    corr = np.atleast_2d(np.corrcoef(values, rowvar=False))
    first = np.linalg.eigh(corr)[1][:, -1]
    first = first * (-1.0 if first.sum() < 0 else 1.0)
    negative = [name for name, a in zip(names, first, strict=True) if a < 0]
    if negative:
        raise DataError(
            f"PLS weights: {quoted(negative)} would have a negative weight; reverse "
            "it, or take another source"
        )
    return _weighting(names, first / sd, "PLS")


def _weighting(names: Sequence[str], values: FloatArray, source: str) -> Weighting:
    if not names:
        raise SpecificationError(f"{source}: there is nothing to weight; name siblings")
    wrong = [
        f"{name} ({value:g})"
        for name, value in zip(names, values, strict=True)
        if not (np.isfinite(value) and value >= 0)
    ]
    if wrong or values.sum() == 0:
        raise SpecificationError(
            f"{source}: weights must be zero or more, and not all zero; "
            f"seen {quoted(wrong or names)}"
        )
    shares = values / values.sum()
    return Weighting(tuple(names), tuple(map(float, shares)), source)


def _varying(names: Sequence[str], content: FloatArray, source: str) -> Weighting:
    if content.sum() == 0:
        raise DataError(
            f"{source} weights: the scores of {quoted(names)} don't vary, or say all "
            "the same; take another source"
        )
    return _weighting(names, content, source)


def _numbers(values: Mapping[str, float]) -> FloatArray:
    if not isinstance(values, Mapping):
        raise SpecificationError(
            f"weights must be given by name, as {{'staff': 60, 'price': 40}}, not "
            f"{values!r}"
        )
    try:
        return np.array([float(value) for value in values.values()])
    except (TypeError, ValueError) as error:
        raise SpecificationError(
            f"weights must be numbers, not {list(values.values())!r}"
        ) from error


def _complete(scores: ArrayLike, names: Sequence[str], source: str) -> FloatArray:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(names):
        raise DataError(
            f"{source} weights need one column of scores per sibling; there are "
            f"{len(names)} names and scores of shape {values.shape}"
        )
    kept = values[~np.isnan(values).any(axis=1)]
    if len(kept) < 2:
        raise DataError(
            f"{source} weights need two complete rows of scores or more, not "
            f"{len(kept)}"
        )
    return kept


def _comparisons(comparisons: ArrayLike, names: Sequence[str]) -> FloatArray:
    try:
        given = np.asarray(comparisons, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SpecificationError(
            "AHP: comparisons must be numbers, in rows of one length"
        ) from error
    size = len(names)
    if given.ndim not in (2, 3) or given.shape[-2:] != (size, size) or not given.size:
        raise SpecificationError(
            f"AHP: comparisons have shape {given.shape}; {size} names need "
            f"({size}, {size}), or that for each judge"
        )
    if not (np.isfinite(given) & (given > 0)).all():
        raise SpecificationError("AHP: comparisons must be positive numbers, as 1/3")
    products = given * np.swapaxes(given, -1, -2)
    worst = np.unravel_index(np.abs(products - 1).argmax(), products.shape)
    if abs(products[worst] - 1) > _RECIPROCAL:
        row, column = (int(place) for place in worst[-2:])
        raise SpecificationError(
            f"AHP: {names[row]} by {names[column]} is {given[worst]:g}, so that the "
            f"opposite must be {1 / given[worst]:.3g}, not "
            f"{np.swapaxes(given, -1, -2)[worst]:g}"
        )
    return np.exp(np.log(given).mean(axis=0)) if given.ndim == 3 else given
