"""Simulation studies on moments: samples drawn from a population and estimated."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from threading import Event

import numpy as np

from csindex import scoring
from csindex.estimation import Estimates, Estimator
from csindex.inference.planning.populations import Population
from csindex.inference.resampling import CHUNK, STREAM_BLOCK
from csindex.inference.stack import THREADS
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.simulation import normal_means, wishart_covariances
from csindex.kernels.threads import one_thread
from csindex.moments import Moments
from csindex.results import statistics


@dataclass(frozen=True, eq=False)
class Study:
    """A simulation study but for its sample size.

    Attributes
    ----------
    truth : Population
        What samples are drawn from.
    limit : Estimates
        What the estimator finds in the whole population; signs are aligned with it.
    estimator : Estimator
        The method.
    seed : int
        Seed of all draws.
    inner : int
        Samples drawn from each sample, for its own standard errors; zero: none.
    """

    truth: Population
    limit: Estimates
    estimator: Estimator
    seed: int
    inner: int

    @cached_property
    def root(self) -> FloatArray:
        """Cholesky factor (p, p) of the population's covariances."""
        return np.asarray(np.linalg.cholesky(self.truth.moments.cov), dtype=np.float64)

    @property
    def has_index(self) -> bool:
        """Whether there is an index to speak of."""
        scaled = np.isfinite(self.truth.moments.high - self.truth.moments.low).all()
        return self.truth.model.index is not None and bool(scaled)

    def estimates(self, mean: FloatArray, cov: FloatArray, n: int) -> Estimates:
        """Return the estimates of drawn moments.

        Parameters
        ----------
        mean : ndarray of shape (b, p)
            Means.
        cov : ndarray of shape (b, p, p)
            Covariances.
        n : int
            Respondents of each sample.

        Returns
        -------
        Estimates
            The estimates, signs as in the population.
        """
        base = self.truth.moments
        drawn = Moments(base.names, mean, cov, n, base.low, base.high)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = self.estimator.estimate(self.truth.model, drawn)
            return found.aligned(self.limit)


@dataclass(frozen=True, eq=False)
class Sampled:
    """What was found in b samples of one size.

    Attributes
    ----------
    paths : ndarray of shape (b, k)
        The paths, in the model's order.
    errors : ndarray of shape (b, k), optional
        Each sample's own standard errors; None if none were made.
    index : ndarray of shape (b,), optional
        The index; None if there is none.
    converged, admissible : ndarray of bool of shape (b,)
        Whether each estimate converged, and whether everything could be computed.
    improper : ndarray of bool of shape (b,)
        Whether it was computed, but no population could be so.
    """

    paths: FloatArray
    errors: FloatArray | None
    index: FloatArray | None
    converged: BoolArray
    admissible: BoolArray
    improper: BoolArray


def sampled(study: Study, size: int, replications: int) -> Sampled:
    """Draw samples of one size and estimate them.

    Parameters
    ----------
    study : Study
        The study.
    size : int
        Respondents of each sample.
    replications : int
        Number of samples; blocks of them have their own random streams.

    Returns
    -------
    Sampled
        What was found, failed samples included.

    Notes
    -----
    If it is interrupted, or one block fails, blocks that wait are given up, and those
    at work after the samples that they are estimating.
    """
    counts = [
        min(STREAM_BLOCK, replications - start)
        for start in range(0, replications, STREAM_BLOCK)
    ]
    stop = Event()
    with one_thread(), ThreadPoolExecutor(THREADS) as pool:
        try:
            work = partial(_block, study, size, stop)
            parts = list(pool.map(work, range(len(counts)), counts))
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return Sampled(
        np.concatenate([part.paths for part in parts]),
        _joined([part.errors for part in parts]),
        _joined([part.index for part in parts]),
        np.concatenate([part.converged for part in parts]),
        np.concatenate([part.admissible for part in parts]),
        np.concatenate([part.improper for part in parts]),
    )


def _joined(parts: Sequence[FloatArray | None]) -> FloatArray | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known else None


def _block(study: Study, size: int, stop: Event, block: int, count: int) -> Sampled:
    _go_on(stop)
    sequence = np.random.SeedSequence(study.seed, spawn_key=(size, block))
    generator = np.random.default_rng(sequence)
    cov = wishart_covariances(study.root, size, count, generator)
    mean = normal_means(study.truth.moments.mean, study.root, size, count, generator)
    found = study.estimates(mean, cov, size)
    return Sampled(
        statistics.PATHS.compute(found),
        _errors(study, cov, size, generator, stop) if study.inner else None,
        scoring.index_score(found) if study.has_index else None,
        found.converged,
        found.admissible,
        found.improper,
    )


def _errors(
    study: Study,
    cov: FloatArray,
    size: int,
    generator: np.random.Generator,
    stop: Event,
) -> FloatArray:
    """Return each sample's own standard errors (b, k), by samples drawn from it."""
    together, inner = max(1, CHUNK // study.inner), study.inner
    mean = np.broadcast_to(study.truth.moments.mean, (together * inner, cov.shape[-1]))
    errors = []
    for start in range(0, len(cov), together):
        _go_on(stop)
        chosen = cov[start : start + together]
        roots = np.asarray(np.linalg.cholesky(chosen), dtype=np.float64)
        drawn = wishart_covariances(roots, size, inner, generator)
        flat = drawn.reshape(-1, *drawn.shape[2:])
        found = study.estimates(mean[: len(flat)], flat, size)
        values = statistics.PATHS.compute(found)
        usable = found.converged & found.admissible
        errors.append(_spread(values, usable, len(roots)))
    return np.concatenate(errors)


def _go_on(stop: Event) -> None:
    if stop.is_set():
        raise CancelledError


def _spread(values: FloatArray, usable: BoolArray, groups: int) -> FloatArray:
    """Return standard deviations (groups, k) of the usable of consecutive groups."""
    known = usable.reshape(groups, -1, 1)
    split = values.reshape(groups, known.shape[1], -1)
    count = known.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, split, 0.0).sum(axis=1) / count
        apart = np.where(known, split - mean[:, None], 0.0)
        return np.asarray(np.sqrt((apart**2).sum(axis=1) / (count - 1)))
