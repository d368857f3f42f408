"""Sampling without rows: buckets drawn anew, or moments from their normal law."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from csindex.errors import DataError, SpecificationError
from csindex.inference.resampling import CHUNK, STREAM_BLOCK, Plan
from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.moments import ROUNDING, ROW_BLOCK, block_product
from csindex.moments import FEWEST_BUCKETS, Moments, Sums
from csindex.moments.incomplete import MomentStack
from csindex.moments.sums import packed_positions
from csindex.survey import Answers

Method = Literal["resample", "normal"]

# bytes that the root of a covariance matrix of moments may take
ROOT_BYTES = 1_000_000_000


@dataclass(frozen=True, eq=False)
class NormalLaw:
    """The asymptotic normal law of means and second moments.

    Attributes
    ----------
    centre : ndarray of shape (p,)
        The means, about which the moments are taken.
    expected : ndarray of shape (1 + p + p (p + 1) / 2,)
        One, means and second moments of the sample.
    root : ndarray of shape (r, 1 + p + p (p + 1) / 2)
        A root of their covariance matrix: ``root.T @ root``.
    n : int
        Number of respondents.
    """

    centre: FloatArray
    expected: FloatArray
    root: FloatArray
    n: int


def filled_buckets(made: Moments) -> Sums:
    """Return the buckets that hold respondents.

    Parameters
    ----------
    made : Moments
        One set of moments.

    Returns
    -------
    Sums of shape (g,)
        The buckets.

    Raises
    ------
    DataError
        If there are no buckets, or too few.
    """
    if made.buckets is None:
        raise DataError(
            "the bootstrap draws respondents; this fit was made from moments, so fit "
            "the survey itself, or make the moments with csi.moments(..., buckets=2000)"
        )
    parts = made.buckets
    filled: BoolArray = parts.count > 0
    if filled.sum() < FEWEST_BUCKETS:
        raise DataError(
            f"only {int(filled.sum())} buckets hold respondents, and {FEWEST_BUCKETS} "
            "are needed; there are too few respondents or clusters for a bootstrap of "
            "buckets"
        )
    return Sums(
        parts.centre,
        parts.count[filled],
        parts.weight[filled],
        parts.squares[filled],
        parts.first[filled],
        parts.second[filled],
    )


def as_units(buckets: Sums, made: Moments) -> Answers:
    """Return the buckets as the units that are drawn, each with its mean answers.

    Parameters
    ----------
    buckets : Sums of shape (g,)
        The buckets.
    made : Moments
        The moments they belong to.

    Returns
    -------
    Answers
        One row per bucket.
    """
    return Answers(
        names=made.names,
        values=buckets.mean(),
        rows=np.arange(len(buckets.count)),
        low=made.low,
        high=made.high,
        flow=made.flow,
    )


def bucket_stack(buckets: Sums, weights: FloatArray) -> MomentStack:
    """Return the moments of many reweightings of the same buckets.

    Parameters
    ----------
    buckets : Sums of shape (g,)
        The buckets.
    weights : ndarray of shape (b, g)
        How often each bucket is in each resample.

    Returns
    -------
    MomentStack
        The moments; every resample counts as many respondents as the sample.
    """
    n = np.full(len(weights), buckets.count.sum())
    sums = _product(_table(buckets).T, weights.T)
    return moments_of_sums(buckets.centre, sums, n)


def without_each(buckets: Sums) -> Iterator[MomentStack]:
    """Yield the moments without each bucket.

    Parameters
    ----------
    buckets : Sums of shape (g,)
        The buckets.

    Yields
    ------
    MomentStack
        A chunk of the g sets of moments.
    """
    table = _table(buckets)
    total, n = table.sum(axis=0), buckets.count.sum()
    for start in range(0, len(table), CHUNK):
        gone = slice(start, start + CHUNK)
        left = (total - table[gone]).T
        yield moments_of_sums(buckets.centre, left, n - buckets.count[gone])


def law_of_buckets(buckets: Sums) -> NormalLaw:
    r"""Return the normal law of moments, from the differences between buckets.

    Parameters
    ----------
    buckets : Sums of shape (g,)
        The buckets.

    Returns
    -------
    NormalLaw
        The law.

    Notes
    -----
    With the sums :math:`t_g` of ones, centred answers and their products in bucket g,
    weights :math:`W_g` and the sample's moments :math:`\bar t`, the covariance matrix
    of the moments is

    .. math:: \frac{G}{G - 1} \sum_g u_g u_g', \quad
        u_g = (t_g - W_g \bar t) / \textstyle\sum_g W_g

    References
    ----------
    Wolter (2007), Introduction to Variance Estimation, chapter 2 (random groups).
    """
    g = len(buckets.count)
    table = _table(buckets.about(buckets.total().mean()))
    weight = buckets.weight.sum()
    expected = table.sum(axis=0) / weight
    apart = (table - buckets.weight[:, None] * expected) / weight
    apart *= np.sqrt(g / (g - 1))
    if g > len(expected) and len(expected) ** 2 * 8 <= ROOT_BYTES:
        apart = _symmetric_root(apart.T @ apart)
    return NormalLaw(buckets.total().mean(), expected, apart, int(buckets.count.sum()))


def law_of_answers(answers: Answers) -> NormalLaw:
    """Return the normal law of moments, from the differences between respondents.

    Parameters
    ----------
    answers : Answers
        Complete answers of respondents who were drawn independently.

    Returns
    -------
    NormalLaw
        The law.

    Raises
    ------
    SpecificationError
        If the sample has strata or clusters, or gaps that are treated; or if there
        are too many items.
    """
    problems: list[str] = []
    if answers.strata is not None or answers.clusters is not None:
        problems.append("strata or clusters, which it doesn't know")
    if answers.incomplete != "listwise":
        problems.append("missing answers, whose treatment isn't part of it")
    if problems:
        raise SpecificationError(
            "the normal law of moments is that of complete answers; this sample has "
            f"{' and '.join(problems)}; use method='resample'"
        )
    n, p = answers.values.shape
    size = 1 + p + p * (p + 1) // 2
    if min(n, size) * size * 8 > ROOT_BYTES:
        raise SpecificationError(
            f"the normal law of the moments of {p} items takes more than "
            f"{ROOT_BYTES // 10**9} GB; use method='resample'"
        )
    share = np.full(n, 1 / n) if answers.weights is None else answers.weights
    share = share / share.sum()
    centre = share @ answers.values
    scaled = share * np.sqrt(n / (n - 1))
    expected, crossed = np.zeros(size), np.zeros((size, size))
    units: list[FloatArray] = []
    for start in range(0, n, ROW_BLOCK):
        rows = slice(start, start + ROW_BLOCK)
        products = products_of((answers.values[rows] - centre).T)
        expected += products @ share[rows]
        products *= scaled[rows]
        if n <= size:
            units.append(products.T)
        else:
            crossed += products @ products.T
    if n <= size:
        root = np.concatenate(units) - np.outer(scaled, expected)
    else:
        # the first row holds the squared shares times the products
        mixed = np.outer(expected, crossed[0])
        own = crossed[0, 0] * np.outer(expected, expected)
        root = _symmetric_root(crossed - mixed - mixed.T + own)
    return NormalLaw(centre, expected, root, n)


def drawn_moments(law: NormalLaw, plan: Plan, size: int) -> Iterator[MomentStack]:
    """Yield moments drawn from their normal law, chunk by chunk.

    Parameters
    ----------
    law : NormalLaw
        The law.
    plan : Plan
        Number of draws and random stream.
    size : int
        Draws per chunk; it does not change any number.

    Yields
    ------
    MomentStack
        The draws, and more that fill the last block of the random stream.
    """
    pieces: list[FloatArray] = []
    blocks = -(-plan.n // STREAM_BLOCK)
    for block in range(blocks):
        sequence = np.random.SeedSequence(plan.seed, spawn_key=(*plan.stream, block))
        shape = STREAM_BLOCK, len(law.root)
        pieces.append(np.random.default_rng(sequence).normal(size=shape))
        if len(pieces) * STREAM_BLOCK >= size or block == blocks - 1:
            drawn = _product(law.root.T, np.concatenate(pieces).T)
            drawn += law.expected[:, None]
            yield moments_of_sums(law.centre, drawn, np.full(drawn.shape[1], law.n))
            pieces = []


def _product(left: FloatArray, right: FloatArray) -> FloatArray:
    found = np.empty((len(left), right.shape[1]))
    block_product(left, right, found)
    return found


def _table(buckets: Sums) -> FloatArray:
    """Return weights, sums and sums of products (g, 1 + p + p (p + 1) / 2)."""
    return np.column_stack([buckets.weight, buckets.first, buckets.second])


def products_of(centred: FloatArray) -> FloatArray:
    """Return ones, answers and their products, as the rows of a table.

    Parameters
    ----------
    centred : ndarray of shape (p, n)
        Answers, without a centre.

    Returns
    -------
    ndarray of shape (1 + p + p (p + 1) / 2, n)
        The table.
    """
    i, k = np.triu_indices(len(centred))
    ones = np.ones((1, centred.shape[1]))
    return np.concatenate([ones, centred, centred[i] * centred[k]])


def _symmetric_root(matrix: FloatArray) -> FloatArray:
    """Return the only symmetric root, so that draws don't depend on the machine."""
    values, vectors = np.linalg.eigh(matrix)
    root: FloatArray = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root


def moments_of_sums(centre: FloatArray, sums: FloatArray, n: IntArray) -> MomentStack:
    """Return moments from sums of weights, answers and products.

    Parameters
    ----------
    centre : ndarray of shape (p,)
        What was subtracted from the answers.
    sums : ndarray of shape (1 + p + p (p + 1) / 2, b)
        The sums, one column per set of moments.
    n : ndarray of int of shape (b,)
        Numbers of respondents.

    Returns
    -------
    MomentStack
        The moments.
    """
    p = len(centre)
    shares = sums[1:] / sums[0]
    shift, packed = shares[:p], shares[p:]
    i, k = np.triu_indices(p)
    diagonal = np.flatnonzero(i == k)
    least = ROUNDING * packed[diagonal]
    packed -= shift[i] * shift[k]
    # an item that is constant in a resample must not keep a variance of rounding
    packed[diagonal] = np.where(packed[diagonal] > least, packed[diagonal], 0.0)
    packed *= n / (n - 1)
    cov = packed[packed_positions(p).ravel()].reshape(p, p, -1)
    mean = shift + centre[:, None]
    settled = np.ones(len(n), dtype=np.bool_)
    return MomentStack(np.moveaxis(mean, -1, 0), np.moveaxis(cov, -1, 0), n, settled)
