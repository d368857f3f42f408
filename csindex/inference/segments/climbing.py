"""Hill climbing: respondents move between segments as long as that helps."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from csindex.inference.segments.closest import local_models
from csindex.inference.segments.sample import Sample
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.closeness import LocalModels, influences
from csindex.kernels.cross_products import (
    cross_products,
    product_moments,
    products_by_part,
    row_products,
)
from csindex.moments import Moments

# a gain of explained variance below this is the tolerance of PLS
LEAST_GAIN = 1e-7
# rounds of moves in blocks, and of single moves through all respondents
MOST_BLOCKS, MOST_ROUNDS = 300, 100
# share of the respondents that is tried first, those who are pulled most
_NEAR = 0.1
# respondents whose moves are tried at once
_TRIED = 128
# segments that are estimated at once
_TOGETHER = 2048
# what a stack of models has one of for each member
_ARRAYS = ("mean", "sd", "weights", "loadings", "paths", "r_squared")


@dataclass(frozen=True, eq=False)
class Hill:
    """What is climbed: the explained variances of divisions into k segments.

    Attributes
    ----------
    sample : Sample
        The respondents.
    centred : ndarray of shape (n, p)
        Their answers, less the means.
    k : int
        Number of segments.
    least : int
        Respondents that a segment keeps.
    """

    sample: Sample
    centred: FloatArray
    k: int
    least: int


@dataclass(frozen=True, eq=False)
class Climb:
    """Where a start ended.

    Attributes
    ----------
    codes : ndarray of int of shape (n,)
        Segment of each respondent, from 0.
    history : tuple of float
        The objective at the start and after each block of moves; minus infinity, and
        nothing more, if the start can't be estimated.
    converged : bool
        Whether no single move of a respondent raises the objective.
    """

    codes: IntArray
    history: tuple[float, ...]
    converged: bool


@dataclass(frozen=True, eq=False)
class _Estimated:
    """Segments that were estimated: b models, and the sums (b,) of their R2."""

    models: LocalModels
    totals: FloatArray

    def part(self, start: int, stop: int) -> _Estimated:
        """Return some of them."""
        chosen = {name: getattr(self.models, name)[start:stop] for name in _ARRAYS}
        return _Estimated(replace(self.models, **chosen), self.totals[start:stop])


@dataclass(frozen=True, eq=False)
class _State:
    """A division: codes (n,), products (k, ...), models, and its objective."""

    codes: IntArray
    products: FloatArray
    made: _Estimated
    value: float


@dataclass(frozen=True, eq=False)
class _Pulls:
    """To which other segment (n,) each respondent is pulled, and how strongly (n,)."""

    target: IntArray
    gain: FloatArray


# asks for segments by their cross products (b, p + 1, p + 1)
_Asking = Generator[FloatArray, _Estimated, Climb]


def hill(sample: Sample, k: int, least: int) -> Hill:
    """Return what is climbed.

    Parameters
    ----------
    sample : Sample
        The respondents.
    k : int
        Number of segments.
    least : int
        Respondents that a segment keeps.

    Returns
    -------
    Hill
        The hill.
    """
    centre = np.average(sample.values, axis=0, weights=sample.weights)
    return Hill(sample, sample.values - centre, k, least)


def climbs(ground: Hill, starts: Sequence[IntArray]) -> list[Climb]:
    """Climb from every start, each as far up as it goes.

    Parameters
    ----------
    ground : Hill
        What is climbed.
    starts : sequence of ndarray of int of shape (n,)
        Segment of each respondent at the start, from 0.

    Returns
    -------
    list of Climb
        One for each start. All starts' segments are estimated in common stacks.
    """
    waiting = {place: _climb(ground, codes) for place, codes in enumerate(starts)}
    asked = {place: next(asking) for place, asking in waiting.items()}
    ended: dict[int, Climb] = {}
    while asked:
        made = _estimated(ground, list(asked.values()))
        for place, answer in zip(list(asked), made, strict=True):
            try:
                asked[place] = waiting[place].send(answer)
            except StopIteration as end:
                ended[place] = end.value
                del asked[place]
    return [ended[place] for place in range(len(starts))]


def explained(ground: Hill, codes: IntArray) -> FloatArray:
    r"""Return the explained variances in a division.

    Parameters
    ----------
    ground : Hill
        The respondents.
    codes : ndarray of int of shape (n,)
        Segment of each respondent, from 0.

    Returns
    -------
    ndarray of shape (j,)
        :math:`\sum_g \pi_g R_{jg}^2` with the shares of the segments. Their sum is the
        objective.
    """
    products = _products(ground, codes)
    made = _models(ground, products)
    size = products[:, 0, 0]
    return np.asarray(size @ made.models.r_squared / size.sum())


def _estimated(ground: Hill, asked: Sequence[FloatArray]) -> Iterator[_Estimated]:
    """Yield the segments that were asked for, estimated in common stacks."""
    products = np.concatenate(asked)
    made = [
        _models(ground, products[start : start + _TOGETHER])
        for start in range(0, len(products), _TOGETHER)
    ]
    everyone = _joined(made)
    ends = np.cumsum([len(part) for part in asked]).tolist()
    for start, stop in zip([0, *ends[:-1]], ends, strict=True):
        yield everyone.part(start, stop)


def _models(ground: Hill, products: FloatArray) -> _Estimated:
    results = ground.sample.results
    base = results.moments
    mean, cov = product_moments(products)
    moments = Moments(base.names, mean, cov, results.n, base.low, base.high)
    with np.errstate(invalid="ignore", divide="ignore"):
        made = results.estimator.estimate(results.model, moments)
        total = made.r_squared.sum(axis=1)
    usable = made.converged & np.isfinite(total)
    return _Estimated(local_models(made), np.where(usable, total, -np.inf))


def _joined(made: Sequence[_Estimated]) -> _Estimated:
    if len(made) == 1:
        return made[0]
    models = {
        name: np.concatenate([getattr(one.models, name) for one in made])
        for name in _ARRAYS
    }
    return _Estimated(
        replace(made[0].models, **models),
        np.concatenate([one.totals for one in made]),
    )


def _climb(ground: Hill, codes: IntArray) -> _Asking:
    """Climb in blocks of moves, then by single ones."""
    state = yield from _state(ground, codes)
    history = [state.value]
    if not np.isfinite(state.value) or ground.k == 1:
        return Climb(codes, tuple(history), bool(np.isfinite(state.value)))
    for _ in range(MOST_BLOCKS):
        pull = _pulls(ground, state)
        movers = np.argsort(-pull.gain, kind="stable")[: int((pull.gain > 0).sum())]
        moved = yield from _moved(ground, state, movers, pull.target[movers])
        if moved is None:
            break
        state = moved
        history.append(state.value)
    everyone = len(codes)
    near = min(everyone, max(_TRIED, int(_NEAR * everyone)))
    tried = near
    for _ in range(MOST_ROUNDS):
        before = len(history)
        state = yield from _round(ground, state, history, tried)
        settled = len(history) == before
        if settled and tried == everyone:
            return Climb(state.codes, tuple(history), True)
        # all respondents are tried only when those who are nearest stay
        tried = everyone if settled else near
    return Climb(state.codes, tuple(history), False)


def _state(ground: Hill, codes: IntArray) -> Generator[FloatArray, _Estimated, _State]:
    products = _products(ground, codes)
    made = yield products
    return _State(codes, products, made, _weighted(products, made.totals))


def _pulls(ground: Hill, state: _State) -> _Pulls:
    """Return where the objective's derivatives pull respondents."""
    pull = influences(ground.centred, state.made.models)
    rows = np.arange(len(state.codes))
    own = pull[state.codes, rows]
    pull[state.codes, rows] = -np.inf
    target = pull.argmax(axis=0)
    return _Pulls(target, pull[target, rows] - own)


def _moved(
    ground: Hill, state: _State, movers: IntArray, target: IntArray
) -> Generator[FloatArray, _Estimated, _State | None]:
    """Move the first of some respondents, as many as help most; None if none do."""
    sizes = _sizes(len(movers))
    trials = [_after(ground, state, movers[:size], target[:size]) for size in sizes]
    kept = [trial for trial in trials if trial is not None]
    if not kept:
        return None
    made = yield np.concatenate([trial.products for trial in kept])
    k = ground.k
    own = [made.part(k * place, k * place + k) for place in range(len(kept))]
    values = [_weighted(t.products, o.totals) for t, o in zip(kept, own, strict=True)]
    best = int(np.argmax(values))
    if not values[best] > state.value + LEAST_GAIN:
        return None
    return replace(kept[best], made=own[best], value=values[best])


def _sizes(most: int) -> list[int]:
    """Return how many moves are tried together: all, half of them ... one."""
    found: list[int] = []
    while most:
        found.append(most)
        most //= 2
    return found


def _after(
    ground: Hill, state: _State, movers: IntArray, target: IntArray
) -> _State | None:
    """Return a division after moves, not estimated; None if a segment is too small."""
    codes = state.codes.copy()
    codes[movers] = target
    if np.bincount(codes, minlength=ground.k).min() < ground.least:
        return None
    products = state.products.copy()
    weights = ground.sample.weights
    for segment in range(ground.k):
        came = movers[target == segment]
        left = movers[state.codes[movers] == segment]
        products[segment] += cross_products(ground.centred[came], weights[came])
        products[segment] -= cross_products(ground.centred[left], weights[left])
    return replace(state, codes=codes, products=products)


def _round(
    ground: Hill, state: _State, history: list[float], most: int
) -> Generator[FloatArray, _Estimated, _State]:
    """Try the moves of so many respondents, those first who are pulled most."""
    # sums that were updated are added anew
    state = replace(state, products=_products(ground, state.codes))
    order = np.argsort(-_pulls(ground, state).gain, kind="stable")[:most]
    for start in range(0, len(order), _TRIED):
        tried = order[start : start + _TRIED]
        gains = yield from _gains(ground, state, tried)
        gain = gains.max(axis=0)
        ranked = np.argsort(-gain, kind="stable")[: int((gain > LEAST_GAIN).sum())]
        target = gains.argmax(axis=0)[ranked]
        moved = yield from _moved(ground, state, tried[ranked], target)
        if moved is not None:
            state = moved
            history.append(state.value)
    return state


def _gains(
    ground: Hill, state: _State, tried: IntArray
) -> Generator[FloatArray, _Estimated, FloatArray]:
    """Return what single moves of respondents to each segment gain, (k, b)."""
    weights = ground.sample.weights[tried]
    rows = row_products(ground.centred[tried], weights)
    own = state.codes[tried]
    k, b = ground.k, len(tried)
    # with each respondent, or without where the segment is the own
    sign = np.where(own == np.arange(k)[:, None], -1.0, 1.0)
    changed = state.products[:, None] + sign[:, :, None, None] * rows
    made = yield changed.reshape(k * b, *rows.shape[1:])
    size = changed[:, :, 0, 0]
    change = size * made.totals.reshape(k, b)
    change -= (state.products[:, 0, 0] * state.made.totals)[:, None]
    gains = (change + change[own, np.arange(b)]) / state.products[:, 0, 0].sum()
    count = np.bincount(state.codes, minlength=k)
    gains[:, count[own] <= ground.least] = -np.inf
    gains[own, np.arange(b)] = -np.inf
    return np.where(np.isnan(gains), -np.inf, gains)


def _products(ground: Hill, codes: IntArray) -> FloatArray:
    return products_by_part(ground.centred, ground.sample.weights, codes, ground.k)


def _weighted(products: FloatArray, totals: FloatArray) -> float:
    """Return the objective of a division from its segments' (k,)."""
    size = products[:, 0, 0]
    return float(size @ totals / size.sum())
