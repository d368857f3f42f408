"""Which of several models predicts the items that they share better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from csindex.errors import DataError
from csindex.inference.permutation import drawn_folds
from csindex.inference.prediction.conventions import refusal
from csindex.inference.prediction.cvpat import loss_test
from csindex.inference.prediction.forecasts import Losses, cross_validated
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.moments import mean_and_cov
from csindex.results import Results
from csindex.survey import Answers

_COLUMNS = [
    "first",
    "second",
    "items",
    "loss_first",
    "loss_second",
    "difference",
    "se",
    "low",
    "high",
    "p",
    "better",
]


@dataclass(frozen=True, eq=False)
class SharedItems:
    """Losses of models on the items that each pair of them predicts.

    Attributes
    ----------
    table : DataFrame
        One row per pair: first, second, items, loss_first, loss_second (mean squared
        errors out of sample, of items of variance one), difference, se, low, high, p,
        better (the model with the lower loss, ``"neither"`` if they don't differ at
        the level).
    notes : list of str
        Why a pair or a model isn't there.
    """

    table: pd.DataFrame
    notes: list[str]


def shared_items(
    fits: Mapping[str, Results], folds: int, repeats: int, seed: int, level: float
) -> SharedItems:
    """Test which of several models predicts the items that they share better.

    Parameters
    ----------
    fits : mapping of str to Results
        Fits to the same respondents, in the same order.
    folds, repeats, seed : int
        The folds, the same ones for all models.
    level : float
        Confidence level.

    Returns
    -------
    SharedItems
        CVPAT of every pair.

    Notes
    -----
    A squared error is divided by the variance of its item, so that an item on 0-50
    counts no more than one on 1-10. The authors of the test scale the items before
    they fit anything, which comes to the same.

    References
    ----------
    Liengaard, Sharma, Hult, Jensen, Sarstedt, Hair & Ringle (2021), Decision Sciences
    52(2), and their code.
    """
    notes: list[str] = []
    losses: dict[str, Losses] = {}
    divided = None
    for name, fit in fits.items():
        reason, answers = refusal(fit), fit.answers
        if not reason and answers is not None:
            try:
                if divided is None:
                    divided = drawn_folds(answers, folds, repeats, seed)
                made = cross_validated(fit, answers, divided, earliest=False)
            except DataError as error:
                reason = "; ".join(error.problems)
            else:
                losses[name] = made.losses
                if made.unconverged:
                    notes.append(
                        f"{made.unconverged} estimates of {name} without a fold did "
                        "not converge"
                    )
        if reason:
            notes.append(f"{name} is not compared by its predictions: {reason}")
    rows: list[dict[str, object]] = []
    for first, second in combinations(losses, 2):
        row = _row(fits, losses, (first, second), level)
        if row:
            rows.append(row)
        else:
            notes.append(f"{first} and {second} predict no item in common")
    return SharedItems(pd.DataFrame(rows, columns=_COLUMNS), notes)


def _row(
    fits: Mapping[str, Results],
    losses: Mapping[str, Losses],
    pair: tuple[str, str],
    level: float,
) -> dict[str, object]:
    """Return the test of a pair; empty if no item is predicted by both."""
    first, second = pair
    positions = [
        {fits[name].model.items[k]: at for at, k in enumerate(losses[name].targets)}
        for name in pair
    ]
    shared = [item for item in positions[0] if item in positions[1]]
    if not shared:
        return {}
    own, other = (
        losses[name].model[:, [where[item] for item in shared]]
        for name, where in zip(pair, positions, strict=True)
    )
    used = losses[first].used & losses[second].used
    answers = _answers(fits[first])
    chosen = [fits[first].model.items.index(item) for item in shared]
    variance = _variances(answers, chosen, used)
    found = loss_test(answers, own / variance, other / variance, used, level)
    winner = first if found.difference < 0 else second
    return {
        "first": first,
        "second": second,
        "items": len(shared),
        "loss_first": found.loss,
        "loss_second": found.loss_other,
        "difference": found.difference,
        "se": found.se,
        "low": found.low,
        "high": found.high,
        "p": found.p,
        "better": winner if found.p < 1 - level else "neither",
    }


def _variances(answers: Answers, items: list[int], used: BoolArray) -> FloatArray:
    """Return the variances (q,) of items among the respondents that are predicted."""
    values = answers.values[used][:, items]
    _, cov = mean_and_cov(
        values, None if answers.weights is None else answers.weights[used]
    )
    return np.asarray(np.diag(cov))


def _answers(fit: Results) -> Answers:
    if fit.answers is None:
        raise DataError("this fit was made from moments, which have no respondents")
    return fit.answers
