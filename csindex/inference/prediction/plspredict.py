"""PLSpredict: how well a model predicts answers that it hasn't seen."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from csindex.diagnostics.options import whole_problems
from csindex.errors import ConvergenceWarning, DataError, SpecificationError, quoted
from csindex.inference.permutation import drawn_folds
from csindex.inference.prediction.conventions import (
    CAUSES,
    Antecedents,
    driven_factors,
    made_with,
    refusal,
)
from csindex.inference.prediction.cvpat import loss_test
from csindex.inference.prediction.forecasts import (
    Forecasts,
    Losses,
    cross_validated,
    in_sample,
)
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.results import Results, one_fit
from csindex.results.printing import Page, Printed
from csindex.survey import Answers

# what a loss of zero is at the size of another, as a share
_ROUNDING = 1e-9
POWER = "Shmueli, Sarstedt, Hair, Cheah, Ting, Vaithilingam & Ringle (2019)"


@dataclass(frozen=True, eq=False, repr=False)
class Prediction(Printed):
    """How well a model predicts out of sample; made by `predict`.

    Attributes
    ----------
    items : DataFrame
        One row per item of a construct that is driven: construct, item, rmse, mae and
        q2_predict of the model; rmse_lm, mae_lm of linear regressions on the items
        that the model predicts from; rmse_mean, mae_mean of the mean; and those of
        the model and the regressions in the sample: rmse_in_sample, mae_in_sample,
        rmse_lm_in_sample, mae_lm_in_sample. In units of the item's scale.
    constructs : DataFrame
        One row per construct that is driven: construct, rmse, mae, q2_predict,
        rmse_in_sample, mae_in_sample, of its standardised score.
    verdicts : DataFrame
        How many items the model predicts better than the regressions: measure (rmse
        or mae), items, better, verdict (all, majority, minority or none), power
        (high, medium, low or none), source.
    cvpat : DataFrame
        Tests of the model's loss against the benchmarks: construct (``"all"`` for all
        items), benchmark (mean or lm), items, loss, loss_other, difference (negative
        if the model predicts better), se, low, high, t, p (two-sided).
    predicted : DataFrame of shape (n, items)
        Out-of-sample predictions of the answers, mean over the repeats.
    predicted_scores : DataFrame of shape (n, constructs)
        Those of the standardised scores.
    losses : Losses
        Squared errors of every respondent.
    notes : tuple of str
        What limits the numbers.
    settings : Series
        Every option that shaped them.
    """

    items: pd.DataFrame
    constructs: pd.DataFrame
    verdicts: pd.DataFrame
    cvpat: pd.DataFrame
    predicted: pd.DataFrame
    predicted_scores: pd.DataFrame
    losses: Losses
    notes: tuple[str, ...]
    settings: pd.Series

    def _page(self) -> Page:
        items = ["item", "q2_predict", "rmse", "rmse_lm", "rmse_mean", "mae", "mae_lm"]
        tests = ["construct", "benchmark", "loss", "loss_other", "difference", "p"]
        kept = ["measure", "items", "better", "verdict", "power"]
        folds, causes = (self.settings[name] for name in ("folds", "antecedents"))
        return Page(
            f"{self._answer}\nPrediction by {self.settings['model']}; {folds}; from "
            f"{causes}",
            {
                "Items predicted better than by linear models": self.verdicts[kept],
                "Items, out of sample": self.items[items],
                "Standardised scores": self.constructs,
                "Differences of loss (CVPAT)": self.cvpat[tests],
            },
            self.notes,
        )

    @property
    def _answer(self) -> str:
        count = len(self.items)
        above = int((self.items["q2_predict"] > 0).sum())
        mean = f"{above} of {count} better than by their mean"
        verdict = self.verdicts.set_index("measure").loc["rmse"]
        if not verdict["items"]:
            return f"Predictive power is unknown: {mean}"
        return (
            f"Predictive power is {verdict['power']}: {verdict['better']} of "
            f"{verdict['items']} items are predicted better than by linear models "
            f"(RMSE), {mean}"
        )


def predict(
    results: Results,
    folds: int = 10,
    repeats: int = 10,
    seed: int = 1,
    antecedents: Antecedents = "direct",
    level: float = 0.95,
    assignment: ArrayLike | None = None,
) -> Prediction:
    r"""Say how well a model predicts answers that it hasn't seen.

    Parameters
    ----------
    results : Results
        A fit of composites to a survey, also one with interactions.
    folds : int
        Number of parts that the respondents are divided into; each part is predicted
        by the model fitted to the others.
    repeats : int
        How often they are divided anew.
    seed : int
        Seed of the divisions.
    antecedents : {"direct", "earliest"}
        Whether a construct is predicted from the scores of its direct causes, or from
        those of the exogenous constructs along all paths. The linear benchmark has
        the items of the same constructs.
    level : float
        Confidence level of the intervals of CVPAT.
    assignment : array_like of int of shape (r, n) or (n,), optional
        The fold of each respondent used, from 0, in each repeat; nothing is drawn
        then, and folds and repeats are those given here.

    Returns
    -------
    Prediction
        Errors of prediction beside those of the benchmarks.

    Raises
    ------
    SpecificationError
        If it isn't given the results of one fit, an option can't be used, or nothing
        is driven in the model; for covariance-based estimates, which have no weights
        that scores are predicted by.
    DataError
        If the fit was made from moments, there are more folds than respondents, or
        too few respondents are left without a fold.

    Warns
    -----
    ConvergenceWarning
        If the estimate without some fold did not converge.

    Notes
    -----
    .. math:: RMSE = \sqrt{\frac{1}{n} \sum_i e_i^2}, \quad
        MAE = \frac{1}{n} \sum_i |e_i|, \quad
        Q^2_{predict} = 1 - \frac{\sum_i e_i^2}{\sum_i (x_i - \bar x_{train})^2}

    with sampling weights as weighted means; squared and absolute errors are averaged
    over the repeats. A respondent is predicted by moments without his or her fold:
    those of everyone less those of the fold.

    Of a fit with interactions and quadratic effects, everything that the items of a
    term are made with comes from those who are left: means and standard deviations,
    first-stage weights (two stages), what items explain of their products (orthogonal).
    A term is predicted from like any exogenous construct, and the linear benchmark has
    its items, too. With `PLSc` the scores are those of composites, and paths and
    loadings those corrected for attenuation.

    The verdict counts the items that the model predicts better than linear regression:
    all of them speak for high predictive power, a majority or half of them for medium,
    a minority for low power.

    References
    ----------
    Shmueli, Ray, Velasquez Estrada & Chatla (2016), Journal of Business Research
    69(10); Shmueli, Sarstedt, Hair, Cheah, Ting, Vaithilingam & Ringle (2019), European
    Journal of Marketing 53(11).

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> found = predict(results, folds=5, repeats=1)
    >>> bool((found.items["q2_predict"] > 0).all())
    True
    """
    answers = _checked(results, folds, repeats, seed, antecedents, level)
    divided = (
        drawn_folds(answers, folds, repeats, seed)
        if assignment is None
        else _assigned(assignment, len(answers.values))
    )
    earliest = antecedents == "earliest"
    outside = cross_validated(results, answers, divided, earliest)
    inside = in_sample(results, answers, earliest)
    if outside.unconverged:
        warnings.warn(
            f"{outside.unconverged} of {divided.shape[0] * (divided.max() + 1)} "
            "estimates without a fold did not converge; don't report these numbers as "
            "they stand",
            ConvergenceWarning,
            stacklevel=2,
        )
    items = _items(results, answers, outside, inside)
    return Prediction(
        items,
        _constructs(results, answers, outside, inside),
        _verdicts(items),
        _cvpat(results, answers, outside.losses, level),
        _frame(results, answers, outside.predicted, items["item"].tolist()),
        _frame(results, answers, outside.scores, list(results.model.endogenous)),
        outside.losses,
        _notes(results, outside.losses, antecedents),
        _settings(results, divided, seed, antecedents, assignment is None),
    )


def _checked(
    results: object,
    folds: object,
    repeats: object,
    seed: object,
    antecedents: object,
    level: object,
) -> Answers:
    fit = one_fit(results, "predict")
    problems = [
        *whole_problems(2, folds=folds),
        *whole_problems(1, repeats=repeats),
        *whole_problems(0, seed=seed),
    ]
    if antecedents not in get_args(Antecedents):
        problems.append(
            f"unknown antecedents {antecedents!r}; there are "
            f"{quoted(get_args(Antecedents))}"
        )
    if not isinstance(level, (int, float)) or not 0 < level < 1:
        problems.append(f"level must lie between 0 and 1, not {level!r}")
    if refused := refusal(fit):
        problems.append(refused)
    if problems:
        raise SpecificationError([f"predict: {p}" for p in problems])
    if fit.answers is None:
        raise DataError(
            "predict leaves respondents out, and this fit was made from moments; fit "
            "the model to the survey"
        )
    return fit.answers


def _assigned(assignment: ArrayLike, n: int) -> IntArray:
    table = np.atleast_2d(np.asarray(assignment))
    whole = np.issubdtype(table.dtype, np.integer)
    if table.shape[1:] != (n,) or not whole or not table.size or table.min() < 0:
        raise SpecificationError(
            f"predict: assignment must be a table of whole numbers from 0, one row "
            f"per repeat and one column for each of the {n} respondents used"
        )
    count = int(table.max()) + 1
    if count < 2 or any(len(np.unique(row)) < count for row in table):
        raise SpecificationError(
            f"predict: assignment must have two folds or more, and in every repeat "
            f"some respondent in each of the folds 0 to {count - 1}"
        )
    return table.astype(np.int64)


def _items(
    results: Results, answers: Answers, outside: Forecasts, inside: Forecasts
) -> pd.DataFrame:
    model, losses = results.model, outside.losses
    names = {
        item: construct.name
        for construct in model.constructs
        for item in construct.items
    }
    items = [model.items[k] for k in losses.targets]
    mean = _mean(answers, losses.used, losses.mean)
    own = _mean(answers, losses.used, losses.model)
    columns: dict[str, object] = {
        "construct": [names[item] for item in items],
        "item": items,
        "rmse": np.sqrt(own),
        "mae": _mean(answers, losses.used, losses.model_absolute),
        "q2_predict": 1 - own / mean,
        "rmse_lm": np.sqrt(_mean(answers, losses.used, losses.linear)),
        "mae_lm": _mean(answers, losses.used, losses.linear_absolute),
        "rmse_mean": np.sqrt(mean),
        "mae_mean": _mean(answers, losses.used, losses.mean_absolute),
    }
    fitted = inside.losses
    for name, squared, absolute in (
        ("", fitted.model, fitted.model_absolute),
        ("_lm", fitted.linear, fitted.linear_absolute),
    ):
        ending = f"{name}_in_sample"
        columns[f"rmse{ending}"] = np.sqrt(_mean(answers, fitted.used, squared))
        columns[f"mae{ending}"] = _mean(answers, fitted.used, absolute)
    return pd.DataFrame(columns)


def _constructs(
    results: Results, answers: Answers, outside: Forecasts, inside: Forecasts
) -> pd.DataFrame:
    made, fitted = outside.losses, inside.losses
    squared = _mean(answers, made.used, made.scores)
    return pd.DataFrame(
        {
            "construct": results.model.endogenous,
            "rmse": np.sqrt(squared),
            "mae": _mean(answers, made.used, made.scores_absolute),
            "q2_predict": 1 - squared / _mean(answers, made.used, made.scores_mean),
            "rmse_in_sample": np.sqrt(_mean(answers, fitted.used, fitted.scores)),
            "mae_in_sample": _mean(answers, fitted.used, fitted.scores_absolute),
        }
    )


def _mean(answers: Answers, used: np.ndarray, values: FloatArray) -> FloatArray:
    """Return (weighted) means over the respondents that are predicted."""
    own = None if answers.weights is None else answers.weights[used]
    return np.asarray(np.average(values[used], axis=0, weights=own))


def _verdicts(items: pd.DataFrame) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    for measure in ("rmse", "mae"):
        own, other = items[measure], items[f"{measure}_lm"]
        known = other.notna()
        better = int((own < other * (1 - _ROUNDING)).sum())
        count = int(known.sum())
        verdict, power = "not applicable", "not applicable"
        if count:
            verdict, power = _verdict(better, count)
        rows.append(
            {
                "measure": measure,
                "items": count,
                "better": better,
                "verdict": verdict,
                "power": power,
                "source": POWER,
            }
        )
    return pd.DataFrame(rows)


def _verdict(better: int, count: int) -> tuple[str, str]:
    """Return how many items are predicted better, and what power that means."""
    if better == count:
        return "all", "high"
    if better == 0:
        return "none", "none"
    return ("majority", "medium") if 2 * better >= count else ("minority", "low")


def _cvpat(
    results: Results, answers: Answers, losses: Losses, level: float
) -> pd.DataFrame:
    """Return the tests against both benchmarks, of all items and of each construct."""
    model = results.model
    blocks = model.blocks[losses.targets] > 0
    parts = {"all": np.ones(len(losses.targets), dtype=np.bool_)}
    for name in model.endogenous:
        parts[name] = blocks[:, model.construct_names.index(name)]
    rows: list[dict[str, object]] = []
    for benchmark, others in (("mean", losses.mean), ("lm", losses.linear)):
        for name, chosen in parts.items():
            found = loss_test(
                answers, losses.model[:, chosen], others[:, chosen], losses.used, level
            )
            rows.append(
                {
                    "construct": name,
                    "benchmark": benchmark,
                    "items": int(chosen.sum()),
                    **asdict(found),
                }
            )
    return pd.DataFrame(rows)


def _frame(
    results: Results, answers: Answers, values: FloatArray, columns: list[str]
) -> pd.DataFrame:
    index = None
    if results.survey is not None:
        index = results.survey.frame.index[answers.rows]
    return pd.DataFrame(values, index=index, columns=columns)


def _notes(
    results: Results, losses: Losses, antecedents: Antecedents
) -> tuple[str, ...]:
    notes: list[str] = []
    made = results.moments
    widths = (made.high - made.low)[losses.targets]
    if len(set(widths[np.isfinite(widths)])) > 1:
        notes.append(
            "losses are in units of the items, so that those on wide scales count most "
            "where items are taken together"
        )
    left = int((~losses.used).sum())
    if left:
        notes.append(
            f"{left} of {len(losses.used)} respondents lack answers and are not "
            "predicted; they count in the moments"
        )
    if np.isnan(losses.linear[losses.used]).any():
        notes.append(
            "linear models of some items have no single solution, because the items "
            "they predict from depend on each other"
        )
    return (*notes, *driven_factors(results.estimates, antecedents))


def _settings(
    results: Results,
    divided: IntArray,
    seed: int,
    antecedents: Antecedents,
    drawn: bool,
) -> pd.Series:
    repeats, folds = len(divided), int(divided.max()) + 1
    entries = {
        **results.settings.drop("iterations").to_dict(),
        **made_with(results.estimates),
        "folds": f"{folds} folds, {repeats} repeat{'s' if repeats > 1 else ''}",
        "antecedents": CAUSES[antecedents],
        "seed": str(seed) if drawn else "none; the folds were given",
    }
    return pd.Series(entries, name="setting")
