"""Drawing respondents: counts of every respondent in every resample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from csindex.errors import DataError
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.survey import Answers

# resamples that share one random stream; part of what a seed means, so that numbers
# don't depend on how many resamples are computed at once
STREAM_BLOCK = 256
# resamples computed at once: enough to outweigh Python, few enough for the cache
CHUNK = 2048
# bytes of one array in a chunk; large samples or models get smaller chunks
CHUNK_BYTES = 64_000_000


@dataclass(frozen=True)
class Plan:
    """How many resamples are drawn, from which random stream.

    Attributes
    ----------
    n : int
        Number of resamples.
    seed : int
        Seed; together with the stream it fixes every draw.
    stream : tuple of int
        Number of the stream, so that several samples draw independently.
    """

    n: int
    seed: int
    stream: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Units:
    """What is drawn: respondents, or whole clusters.

    Attributes
    ----------
    strata : ndarray of int of shape (u,)
        Stratum of each unit.
    of_rows : ndarray of int of shape (n,), optional
        Unit of each respondent; None if each respondent is one.
    designed : bool
        Whether there are strata or clusters.
    """

    strata: IntArray
    of_rows: IntArray | None
    designed: bool


def sampling_units(answers: Answers) -> Units:
    """Return the units that are drawn, with their strata.

    Parameters
    ----------
    answers : Answers
        The answers.

    Returns
    -------
    Units
        The units.
    """
    n = len(answers.values)
    strata = np.zeros(n, dtype=np.int64) if answers.strata is None else answers.strata
    if answers.clusters is None:
        return Units(strata, None, answers.strata is not None)
    pairs = np.column_stack([strata, answers.clusters])
    unique, inverse = np.unique(pairs, axis=0, return_inverse=True)
    return Units(unique[:, 0], inverse.ravel().astype(np.int64), True)


def check_strata(units: Units) -> None:
    """Refuse strata of one unit, which have no variance.

    Parameters
    ----------
    units : Units
        The units that are drawn.

    Raises
    ------
    DataError
        With the number of such strata.
    """
    lone = int((np.bincount(units.strata) == 1).sum())
    if lone and units.designed:
        raise DataError(
            f"{lone} of {len(np.unique(units.strata))} strata have one sampling unit "
            "only, which has no variance; put such strata together with others"
        )


def chunk_size(answers: Answers) -> int:
    """Return how many resamples of these answers are computed at once.

    Parameters
    ----------
    answers : Answers
        The answers.

    Returns
    -------
    int
        The number.
    """
    n, p = answers.values.shape
    fitting: int = CHUNK_BYTES // (8 * max(n, p * p))
    return max(1, min(CHUNK, fitting))


def drawn_weights(
    answers: Answers, plan: Plan, size: int | None = None
) -> Iterator[FloatArray]:
    """Yield the weights of every respondent in every resample, chunk by chunk.

    Respondents are drawn with replacement; with strata, within each stratum; with
    clusters, whole clusters. Sampling weights go with the respondents. With strata or
    clusters it is the rescaled bootstrap of Rao & Wu: of :math:`n_h` units of a stratum
    :math:`n_h - 1` are drawn, each with weight :math:`n_h / (n_h - 1)`, so that
    variances of means are unbiased also where strata have few units.

    Parameters
    ----------
    answers : Answers
        The answers.
    plan : Plan
        Number of resamples and random stream.
    size : int, optional
        Resamples per chunk; it does not change any number.

    Yields
    ------
    ndarray of shape (b, n)
        Counts times weights.

    References
    ----------
    Rao & Wu (1988), Journal of the American Statistical Association 83(401).
    """
    size = chunk_size(answers) if size is None else size
    pieces: list[FloatArray] = []
    for counts in _counts(answers, plan, size):
        pieces.append(counts)
        if sum(map(len, pieces)) >= size:
            yield _weighted(pieces, answers)
            pieces = []
    if pieces:
        yield _weighted(pieces, answers)


def counts_of(indices: IntArray, n: int) -> FloatArray:
    """Return how often each respondent is in each resample.

    Parameters
    ----------
    indices : ndarray of int of shape (b, m)
        Respondents drawn.
    n : int
        Number of respondents.

    Returns
    -------
    ndarray of shape (b, n)
        Counts.
    """
    offset = np.arange(len(indices), dtype=np.int64)[:, None] * n
    counts = np.bincount((indices + offset).ravel(), minlength=len(indices) * n)
    return counts.reshape(len(indices), n).astype(np.float64)


def _weighted(pieces: list[FloatArray], answers: Answers) -> FloatArray:
    counts = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return counts if answers.weights is None else counts * answers.weights


def _counts(answers: Answers, plan: Plan, size: int) -> Iterator[FloatArray]:
    """Yield counts of respondents in pieces that never cross a stream's block."""
    units = sampling_units(answers)
    strata = [np.flatnonzero(units.strata == code) for code in np.unique(units.strata)]
    for block, start in enumerate(range(0, plan.n, STREAM_BLOCK)):
        sequence = np.random.SeedSequence(plan.seed, spawn_key=(*plan.stream, block))
        generator = np.random.default_rng(sequence)
        left = min(STREAM_BLOCK, plan.n - start)
        while left > 0:
            rows = min(left, size)
            drawn = _drawn(generator, rows, strata, units.designed)
            yield drawn if units.of_rows is None else drawn[:, units.of_rows]
            left -= rows


def _drawn(
    generator: np.random.Generator, rows: int, strata: list[IntArray], designed: bool
) -> FloatArray:
    """Return counts of units in some resamples, one resample after the other."""
    total = sum(map(len, strata))
    if not designed:
        return counts_of(generator.integers(0, total, size=(rows, total)), total)
    drawn = np.empty((rows, total - len(strata)), dtype=np.int64)
    rescaled = np.empty(total)
    for members in strata:
        rescaled[members] = len(members) / (len(members) - 1)
    for row in drawn:
        start = 0
        for members in strata:
            size = len(members) - 1
            picked = generator.integers(0, len(members), size=size)
            row[start : start + size] = members[picked]
            start += size
    return counts_of(drawn, total) * rescaled
