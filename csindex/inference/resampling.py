"""Drawing respondents: counts of every respondent in every resample."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from csindex.errors import DataError
from csindex.inference.stopping import check_stopped
from csindex.kernels.arrays import FloatArray, IntArray, SingleArray
from csindex.survey import Answers

# draws the weights (b, n) of a chunk
WeightDraw = Callable[[], FloatArray | SingleArray]

# resamples that share one random stream; part of what a seed means, so that numbers
# don't depend on how many resamples are computed at once
STREAM_BLOCK = 256
# resamples computed at once: enough to outweigh Python, few enough for the cache
CHUNK = 5120
# bytes of one array of a panel, the resamples whose moments are always computed
# together; part of what a seed means, to the last digit
PANEL_BYTES = 128_000_000
# resamples of the smallest panel
_NARROWEST = 32
# resamples that are worth a thread of their own
_THREAD_LEAST = 1024
# bytes of one array in a chunk: of matrices, and of weights; large samples or models
# get smaller chunks, down to one panel
CHUNK_BYTES = 64_000_000
WEIGHT_BYTES = 128_000_000
# units beyond which the draws of one resample are counted at a time, in the cache
_MANY_UNITS = 2048


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
        The number; a panel, twice, four times ... as many, up to a block of the
        random stream, or more than one block.
    """
    n, p = answers.values.shape
    panel = panel_size(answers)
    fitting = min(CHUNK, WEIGHT_BYTES // (_bytes_of(answers) * n))
    fitting = min(fitting, CHUNK_BYTES // (8 * p * p))
    return fitting if fitting >= STREAM_BLOCK else panel


def panel_size(answers: Answers) -> int:
    """Return how many resamples of these answers are always computed together.

    Sums over few columns are added in another order than over many. Resamples are
    therefore computed in panels of one width, so that the last digits of one don't
    depend on how many come with it.

    Parameters
    ----------
    answers : Answers
        The answers.

    Returns
    -------
    int
        A block of the random stream; half of it, a quarter or an eighth for very many
        respondents or items.
    """
    n, p = answers.values.shape
    fitting = PANEL_BYTES // max(_bytes_of(answers) * n, 8 * p * p)
    size = STREAM_BLOCK
    while size > max(fitting, _NARROWEST):
        size //= 2
    return size


def _bytes_of(answers: Answers) -> int:
    """Return the bytes of a respondent's weight in a resample."""
    return np.dtype(np.float32 if _whole_numbers(answers) else np.float64).itemsize


def whole_chunks(n: int, size: int = STREAM_BLOCK) -> int:
    """Return the least number from n on that fills chunks of one size.

    Parameters
    ----------
    n : int
        Number of resamples.
    size : int
        Resamples per chunk; those of a block of the random stream, if not given.

    Returns
    -------
    int
        The number.

    Examples
    --------
    >>> whole_chunks(257), whole_chunks(257, 32)
    (512, 288)
    """
    return -(-n // size) * size


def _whole_numbers(answers: Answers) -> bool:
    """Return whether resamples of these answers are counts, and not weights."""
    plain = answers.strata is None and answers.clusters is None
    return plain and answers.weights is None


def balanced_size(n: int, most: int, threads: int) -> int:
    """Return a number of resamples per chunk that gives all threads equal work.

    Parameters
    ----------
    n : int
        Number of resamples.
    most : int
        Resamples per chunk at most.
    threads : int
        Number of threads.

    Returns
    -------
    int
        The number; several whole blocks of the random stream where ``most`` allows.
    """
    if most < STREAM_BLOCK:
        return most
    threads = max(1, min(threads, n // _THREAD_LEAST))
    rounds = math.ceil(n / (threads * most))
    blocks = math.ceil(n / (rounds * threads) / STREAM_BLOCK)
    return max(1, min(blocks, most // STREAM_BLOCK)) * STREAM_BLOCK


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
    for draw in weight_draws(answers, plan, size):
        yield draw().astype(np.float64, copy=False)


def weight_draws(answers: Answers, plan: Plan, size: int) -> Iterator[WeightDraw]:
    """Yield what draws the weights of `drawn_weights`, chunk by chunk.

    Parameters
    ----------
    answers : Answers
        The answers.
    plan : Plan
        Number of resamples and random stream.
    size : int
        Resamples per chunk; it does not change any number.

    Yields
    ------
    callable
        Gives weights (b, n); counts without sampling weights in single precision.
        Chunks of whole blocks of the stream can be drawn in any order, smaller ones
        are drawn already.
    """
    units = sampling_units(answers)
    strata = [np.flatnonzero(units.strata == code) for code in np.unique(units.strata)]
    source = _Source(answers, plan, units, strata)
    if size % STREAM_BLOCK == 0:
        for start in range(0, plan.n, size):
            yield partial(source.drawn, start, min(start + size, plan.n))
        return
    pieces: list[FloatArray | SingleArray] = []
    for piece in source.pieces(size):
        pieces.append(piece)
        if sum(map(len, pieces)) >= size:
            yield partial(np.concatenate, pieces)
            pieces = []
    if pieces:
        yield partial(np.concatenate, pieces)


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
    return _whole_counts(indices, n).astype(np.float64)


def _whole_counts(indices: IntArray, n: int) -> IntArray:
    offset = np.arange(len(indices), dtype=np.int64)[:, None] * n
    counts = np.bincount((indices + offset).ravel(), minlength=len(indices) * n)
    return counts.reshape(len(indices), n)


@dataclass(frozen=True, eq=False)
class _Source:
    """What weights are drawn from: answers, a plan, units, those of each stratum."""

    answers: Answers
    plan: Plan
    units: Units
    strata: list[IntArray]

    def drawn(self, start: int, stop: int) -> FloatArray | SingleArray:
        """Return the weights of some resamples; the first one begins a block."""
        found = np.empty((stop - start, len(self.answers.values)), self._dtype)
        for first in range(start, stop, STREAM_BLOCK):
            check_stopped()
            rows = min(STREAM_BLOCK, stop - first)
            found[first - start :][:rows] = self._piece(
                self._generator(first // STREAM_BLOCK), rows
            )
        return found

    def pieces(self, size: int) -> Iterator[FloatArray | SingleArray]:
        """Yield weights in pieces that never cross a stream's block."""
        for block, start in enumerate(range(0, self.plan.n, STREAM_BLOCK)):
            generator = self._generator(block)
            left = min(STREAM_BLOCK, self.plan.n - start)
            while left > 0:
                rows = min(left, size)
                yield self._piece(generator, rows)
                left -= rows

    @property
    def _dtype(self) -> type[np.floating]:
        return np.float32 if _whole_numbers(self.answers) else np.float64

    def _generator(self, block: int) -> np.random.Generator:
        key = (*self.plan.stream, block)
        return np.random.default_rng(
            np.random.SeedSequence(self.plan.seed, spawn_key=key)
        )

    def _piece(
        self, generator: np.random.Generator, rows: int
    ) -> FloatArray | SingleArray:
        """Return weights of some resamples, one resample after the other."""
        drawn = _drawn(generator, rows, self.strata, self.units.designed)
        if self.units.of_rows is not None:
            drawn = drawn[:, self.units.of_rows]
        if self.answers.weights is not None:
            return drawn * self.answers.weights
        return drawn.astype(self._dtype, copy=False)


def _drawn(
    generator: np.random.Generator, rows: int, strata: list[IntArray], designed: bool
) -> FloatArray | SingleArray | IntArray:
    """Return counts of units in some resamples, one resample after the other."""
    total = sum(map(len, strata))
    if not designed:
        if total <= _MANY_UNITS:
            return _whole_counts(
                generator.integers(0, total, size=(rows, total)), total
            )
        counts = np.empty((rows, total), dtype=np.float32)
        for k in range(rows):
            picked = generator.integers(0, total, size=total)
            counts[k] = np.bincount(picked, minlength=total)
        return counts
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
