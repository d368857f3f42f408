"""Impact asymmetry: whether a driver mainly prevents anger or mainly delights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from csindex.diagnostics.importance import checked_target
from csindex.diagnostics.options import named_list, share_problems, whole_problems
from csindex.diagnostics.shares import direct_drivers
from csindex.diagnostics.statistics import is_product
from csindex.diagnostics.thresholds import CERTAINTY
from csindex.errors import DataError, SpecificationError, unknown
from csindex.kernels.arrays import FloatArray
from csindex.kernels.contrast import asymmetry, contrasts
from csindex.results import Results, one_fit

# Mikulic & Prebezac (2008): within these bounds of the asymmetry a driver acts evenly
EVEN = 0.1
UNDECIDED = "undecided"
# fewer respondents than this with low, middling or high scores say nothing
FEWEST = 10
_THIRDS = (1 / 3, 2 / 3)
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class _Contrast:
    """Respondents' scores as dummies: ``low`` and ``high`` (n, d), ``outcome`` (n,)."""

    low: FloatArray
    high: FloatArray
    outcome: FloatArray
    weights: FloatArray
    cuts: list[tuple[float, float]]


def impact_asymmetry(
    results: Results,
    target: str | None = None,
    low: float | None = None,
    high: float | None = None,
    predictors: Sequence[str] | None = None,
    n: int = 1000,
    seed: int = 1,
    level: float = 0.95,
    certain: float = CERTAINTY,
) -> pd.DataFrame:
    r"""Compare what low scores of a driver cost with what high scores bring.

    Parameters
    ----------
    results : Results
        A fit made from a survey, with 0-100 scores.
    target : str, optional
        The construct whose score is lost or won; the model's index if None.
    low, high : float, optional
        A score up to ``low`` is low, from ``high`` on high; both None: the lowest and
        the highest third of each driver's scores.
    predictors : sequence of str, optional
        Constructs; None: those with a path to the target.
    n : int
        Resamples of respondents for the intervals; the scores' weights stay as fitted.
    seed : int
        Seed of the resamples.
    level : float
        Confidence level.
    certain : float
        Least share of resamples that must agree before a factor is named.

    Returns
    -------
    DataFrame
        driver; factor, or ``"undecided"`` where fewer resamples than ``certain`` agree;
        certainty, the share of resamples with the class that the answers themselves
        show, and that class, leaning; asymmetry (-1 to 1), low, high (its interval);
        penalty and reward (points of the target by a low and by a high score, against
        one between), penalty_se, reward_se; range (the sum of their sizes); low_score
        and high_score, the cuts. A class is ``"basic"`` where the asymmetry is below
        -.1, ``"performance"`` within, ``"excitement"`` above .1, and ``"unclear"``
        where a low score seems to help or a high one to harm.

    Raises
    ------
    SpecificationError
        If an option doesn't exist, a name is unknown, or a score can't be had.
    DataError
        If the fit was made from moments, or too few respondents have low, middling
        or high scores of a driver.

    Notes
    -----
    Regression on dummies, :math:`y = b_0 + \sum_j (P_j low_j + R_j high_j)`; range
    :math:`|P| + |R|` and asymmetry :math:`(R - |P|) / (R + |P|)`. The factors say how
    impacts lie in these data. They resemble Kano's classes but are not a substitute
    for his questions (`kano`); Mikulic & Prebezac (2011) doubt that they could be. A
    driver that lowers the target is turned round, so that its low scores count as
    high. The resamples draw single respondents, whatever the survey's strata and
    clusters.

    References
    ----------
    Brandt (1987), Add Value to Your Service (AMA), 61-65; Mikulic & Prebezac (2008),
    Managing Service Quality 18(6), and (2011), Managing Service Quality 21(1).

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> found = impact_asymmetry(results, n=100)
    >>> bool((found["penalty"] < 0).all() and (found["reward"] > 0).all())
    True
    """
    fit = one_fit(results, "impact_asymmetry")
    name = checked_target(fit, target)
    if predictors is None:
        # products of constructs have no scores that could be low or high
        named = direct_drivers(fit.model, name)
        names = [n for n in named if not is_product(fit.model, n)]
    else:
        names = named_list("predictors", predictors)
    problems = _problems(fit, name, names, low, high)
    problems += _number_problems(n, seed, level, certain)
    if problems:
        raise SpecificationError([f"impact_asymmetry: {p}" for p in problems])
    made = _contrast(fit, name, names, low, high)
    own = contrasts(made.low, made.high, made.outcome, made.weights[None])[0]
    drawn = np.concatenate(
        [
            contrasts(made.low, made.high, made.outcome, weights)
            for weights in _resampled(made.weights, n, seed)
        ]
    )
    return _table(names, own, drawn, made, level, certain)


def _number_problems(n: int, seed: int, level: float, certain: float) -> list[str]:
    problems = [
        *whole_problems(1, n=n),
        *whole_problems(0, seed=seed),
        *share_problems(level=level),
    ]
    if not problems and n * (1 - level) < 2:
        problems.append(
            f"n={n!r} resamples and level={level!r} don't go together; use n=1000 and "
            "level=.95"
        )
    share = isinstance(certain, (int, float, np.number))
    if isinstance(certain, bool) or not (share and 0 <= certain <= 1):
        problems.append(f"certain is a share of resamples, 0 to 1, not {certain!r}")
    return problems


def _table(
    names: list[str],
    own: FloatArray,
    drawn: FloatArray,
    made: _Contrast,
    level: float,
    certain: float,
) -> pd.DataFrame:
    penalty, reward = own
    resampled = asymmetry(drawn[:, 0], drawn[:, 1])
    tails = [(1 - level) / 2, (1 + level) / 2]
    ends = np.nanquantile(resampled, tails, axis=0)
    leaning = _factors(penalty, reward)
    certainty = (_factors(drawn[:, 0], drawn[:, 1]) == leaning).mean(axis=0)
    errors = np.nanstd(drawn, axis=0, ddof=1)
    return pd.DataFrame(
        {
            "driver": names,
            "factor": np.where(certainty >= certain, leaning, UNDECIDED),
            "certainty": certainty,
            "leaning": leaning,
            "asymmetry": asymmetry(penalty, reward),
            "low": ends[0],
            "high": ends[1],
            "penalty": penalty,
            "reward": reward,
            "penalty_se": errors[0],
            "reward_se": errors[1],
            "range": np.abs(penalty) + np.abs(reward),
            "low_score": [cut[0] for cut in made.cuts],
            "high_score": [cut[1] for cut in made.cuts],
        }
    )


def _factors(penalty: FloatArray, reward: FloatArray) -> np.ndarray:
    found = asymmetry(penalty, reward)
    wrong = (penalty > 0) | (reward < 0) | np.isnan(found)
    return np.select(
        [wrong, found < -EVEN, found > EVEN],
        ["unclear", "basic", "excitement"],
        "performance",
    )


def _contrast(
    results: Results,
    target: str,
    names: list[str],
    low: float | None,
    high: float | None,
) -> _Contrast:
    scores = results.respondent_scores()[[*names, target]]
    known = scores.notna().all(axis=1).to_numpy()
    weights = None if results.answers is None else results.answers.weights
    weights = np.ones(len(scores)) if weights is None else weights
    values, weights = scores.to_numpy()[known], weights[known]
    aim = results.model.construct_names.index(target)
    effects = results.estimates.total_effects[
        aim, [results.model.construct_names.index(name) for name in names]
    ]
    own = np.where(effects < 0, 100 - values[:, :-1], values[:, :-1])
    cuts = [
        (low, high)
        if low is not None and high is not None
        else _thirds(column, weights)
        for column in own.T
    ]
    lows = own <= np.array([cut[0] for cut in cuts])
    highs = own >= np.array([cut[1] for cut in cuts])
    sizes = np.stack([lows, ~lows & ~highs, highs]).sum(axis=1)
    problems = [
        f"{name}: only {size.min()} respondents have "
        f"{('low', 'middling', 'high')[int(size.argmin())]} scores, up to {cut[0]:.4g} "
        f"or from {cut[1]:.4g} on; {FEWEST} are needed, so give other low= and high=, "
        "or leave it out of predictors"
        for name, size, cut in zip(names, sizes.T, cuts, strict=True)
        if size.min() < FEWEST
    ]
    if problems:
        raise DataError([f"impact_asymmetry: {p}" for p in problems])
    return _Contrast(
        lows.astype(np.float64),
        highs.astype(np.float64),
        values[:, -1],
        weights,
        cuts,
    )


def _thirds(scores: FloatArray, weights: FloatArray) -> tuple[float, float]:
    """Return the scores that a third, and two thirds, of the weight don't exceed."""
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    first, second = np.searchsorted(reached, _THIRDS)
    return float(scores[order[first]]), float(scores[order[second]])


def _resampled(weights: FloatArray, n: int, seed: int) -> Iterator[FloatArray]:
    """Yield counts times weights (b, respondents) of resamples of the respondents."""
    size = len(weights)
    for block, start in enumerate(range(0, n, _BLOCK)):
        sequence = np.random.SeedSequence(seed, spawn_key=(block,))
        generator = np.random.default_rng(sequence)
        rows = min(_BLOCK, n - start)
        picked = generator.integers(0, size, size=(rows, size))
        offset = np.arange(rows)[:, None] * size
        counts = np.bincount((picked + offset).ravel(), minlength=rows * size)
        yield counts.reshape(rows, size) * weights


def _are_cuts(low: object, high: object) -> bool:
    number = (int, float, np.number)
    if not (isinstance(low, number) and isinstance(high, number)):
        return False
    return bool(0 <= low < high <= 100)


def _problems(
    results: Results,
    target: str,
    names: list[str],
    low: float | None,
    high: float | None,
) -> list[str]:
    problems = unknown(
        "construct", names, results.model.construct_names, "in predictors"
    )
    if not names:
        problems.append(
            f"no predictors of {target!r} are left; name some, or take None for the "
            "constructs with a path to it"
        )
    if target in names:
        problems.append(f"{target!r} can't be a predictor of itself")
    if (low is None) != (high is None):
        problems.append("give both low= and high=, or none of them")
    elif low is not None and high is not None and not _are_cuts(low, high):
        problems.append(
            f"low must lie below high, both from 0 to 100, not {low!r} and {high!r}"
        )
    if not problems:
        notes = results.scores.set_index("construct").loc[names, "note"]
        problems += [f"{k} has no 0-100 score: {v}" for k, v in notes.items() if v]
    return problems
