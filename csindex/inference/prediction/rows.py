"""Predict respondents whom a fit hasn't seen."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, fields
from typing import Any, get_args

import numpy as np
import pandas as pd

from csindex import scoring
from csindex.errors import DataError, SpecificationError, quoted
from csindex.estimation import Estimates
from csindex.estimation.moderated import ModeratedEstimates
from csindex.inference.prediction.conventions import (
    CAUSES,
    Antecedents,
    driven_factors,
    made_with,
    refusal,
)
from csindex.inference.prediction.forecasts import driven_constructs, target_items
from csindex.inference.prediction.newrows import NewRows, new_rows
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.paths import reachable
from csindex.kernels.prediction import path_predictors
from csindex.results import GroupResults, Results, one_fit
from csindex.results.printing import Page, Printed


@dataclass(frozen=True, eq=False, repr=False)
class RowPredictions(Printed):
    """What a fit predicts of new respondents; made by `predict_rows`.

    The rows of all tables are those of the new answers, with their labels.

    Attributes
    ----------
    predicted : DataFrame of shape (n, items)
        Predicted answers to the items of the constructs that are driven, on the items'
        scales; NaN for who lacks an answer that it takes. A prediction isn't bound to
        the scale.
    residuals : DataFrame of shape (n, items)
        Answers less predictions; NaN where there is no answer.
    predicted_scores : DataFrame of shape (n, constructs)
        Predicted standardised scores of the constructs that are driven.
    scores : DataFrame of shape (n, constructs)
        Standardised scores of all constructs, by the answers themselves; of a term,
        the product, standardised as in the fit.
    predicted_respondent_scores : DataFrame of shape (n, constructs)
        The predicted scores on 0-100; NaN for a construct without such a score.
    notes : tuple of str
        What limits the numbers.
    settings : Series
        Every option that shaped them.
    """

    predicted: pd.DataFrame
    residuals: pd.DataFrame
    predicted_scores: pd.DataFrame
    scores: pd.DataFrame
    predicted_respondent_scores: pd.DataFrame
    notes: tuple[str, ...]
    settings: pd.Series

    def _page(self) -> Page:
        told = int(self.predicted.notna().any(axis=1).sum())
        errors = self.residuals
        table = pd.DataFrame(
            {
                "item": self.predicted.columns,
                "predicted": self.predicted.mean().to_numpy(),
                "lowest": self.predicted.min().to_numpy(),
                "highest": self.predicted.max().to_numpy(),
                "answered": errors.notna().sum().to_numpy(),
                "rmse": np.sqrt((errors**2).mean()).to_numpy(),
            }
        )
        return Page(
            f"{told} of {len(self.predicted)} respondents predicted by "
            f"{self.settings['model']}; from {self.settings['antecedents']}",
            {"Predictions (means, ends) and their errors": table},
            self.notes,
        )


def predict_rows(
    results: Results | GroupResults, rows: Any, antecedents: Antecedents = "direct"
) -> RowPredictions:
    r"""Predict the answers and scores of respondents whom a fit hasn't seen.

    Parameters
    ----------
    results : Results or GroupResults
        A fit of composites, also of moments, and also with interactions. Of a fit by
        groups, each row is predicted by the fit of its own group, and needs the column
        of the groups.
    rows : Survey, or anything `read_survey` reads
        The new answers, in any order of columns; further columns don't matter. A frame
        or file is read by the codebook of the fit: scales, missing codes, reversed
        items. Only the items that something is predicted from have to be there.
    antecedents : {"direct", "earliest"}
        Whether a construct is predicted from the scores of its direct causes, or from
        those of the exogenous constructs along all paths.

    Returns
    -------
    RowPredictions
        Predicted items and scores, and the scores by the answers themselves.

    Raises
    ------
    SpecificationError
        If it isn't given results; for covariance-based estimates, which have no
        weights that scores are predicted by; if nothing is driven in the model.
    DataError
        With every problem of the new answers: items without a column, text, answers
        outside the scale or on another than the fit's, groups that have no fit.

    Notes
    -----
    With the means :math:`\bar x` and standard deviations :math:`D` of the fit, its
    weights :math:`W`, loadings :math:`\Lambda` and direct effects :math:`B` (or the
    total effects of the exogenous constructs):

    .. math:: z = W' D^{-1} (x - \bar x), \quad \hat z = B z, \quad
        \hat x = \bar x + D \Lambda \hat z

    Nothing is estimated from the new answers. The items of terms are products by the
    fit's means and standard deviations, less what the fit's regressions explain
    (orthogonal), or products of scores by the fit's first-stage weights (two stages),
    and are standardised by the fit's moments like all items. With `PLSc` the scores
    are those of composites, and paths and loadings those corrected for attenuation.
    Answers aren't imputed: who lacks one isn't predicted from it.

    References
    ----------
    Shmueli, Ray, Velasquez Estrada & Chatla (2016), Journal of Business Research
    69(10).

    Examples
    --------
    >>> import csindex as csi
    >>> survey = csi.load_dataset("retail")
    >>> results = csi.fit(csi.acsi(), survey)
    >>> made = predict_rows(results, survey.frame.head(3))
    >>> made.predicted_scores.shape, made.predicted.columns[0]
    ((3, 5), 'OVERALLQ')
    """
    overall = _checked(results, antecedents)
    estimates, earliest = overall.estimates, antecedents == "earliest"
    needs = _needs(estimates, earliest)
    read = new_rows(
        overall, rows, _base_items(estimates), np.asarray(needs.driven.any(axis=1))
    )
    if isinstance(results, GroupResults):
        found = _by_group(results, read, needs, earliest)
    else:
        found = _predicted(results, read.values, needs, earliest)
    return _labelled(results, read, found, antecedents)


@dataclass(frozen=True, eq=False)
class _Needs:
    """Which of p answers each of j actual, and each of k predicted scores, takes."""

    actual: BoolArray
    driven: BoolArray


@dataclass(frozen=True, eq=False)
class _Found:
    """Predictions of n respondents: q items, k driven and j constructs."""

    predicted: FloatArray
    residuals: FloatArray
    predicted_scores: FloatArray
    scores: FloatArray
    points: FloatArray


def _checked(results: object, antecedents: object) -> Results:
    """Return the fit, or the one to everyone."""
    overall = (
        results.overall
        if isinstance(results, GroupResults)
        else one_fit(results, "predict_rows")
    )
    problems: list[str] = []
    if antecedents not in get_args(Antecedents):
        problems.append(
            f"unknown antecedents {antecedents!r}; there are "
            f"{quoted(get_args(Antecedents))}"
        )
    if refused := refusal(overall):
        problems.append(refused)
    if problems:
        raise SpecificationError([f"predict_rows: {p}" for p in problems])
    return overall


def _base_items(estimates: Estimates) -> tuple[str, ...]:
    """Return the items that are asked, without those of terms."""
    if isinstance(estimates, ModeratedEstimates):
        return estimates.layout.base.items
    return estimates.model.items


def _needs(estimates: Estimates, earliest: bool) -> _Needs:
    model, structure = estimates.model, estimates.model.structure
    own = model.blocks[: len(_base_items(estimates))] > 0
    if isinstance(estimates, ModeratedEstimates):
        names = [term.name for term in estimates.terms]
        own[:, [model.construct_names.index(n) for n in names]] = (
            estimates.layout.sources()
        )
    causes = structure > 0
    if earliest:
        causes = (reachable(structure) > 0) & ~causes.any(axis=1)
    driven = causes[driven_constructs(model)]
    return _Needs(own, np.asarray((own.astype(float) @ driven.T) > 0))


def _predicted(
    results: Results, values: FloatArray, needs: _Needs, earliest: bool
) -> _Found:
    """Return predictions by one fit from answers (n, p)."""
    estimates = results.estimates
    model, moments = results.model, results.moments
    gaps = np.isnan(values)
    answers = np.where(gaps, moments.mean[: values.shape[1]], values)
    if isinstance(estimates, ModeratedEstimates):
        answers = estimates.term_items.beside(answers)
    rule = path_predictors(
        estimates.weights,
        estimates.loadings,
        estimates.paths,
        moments.sd,
        model.structure,
        earliest,
    )
    apart = answers - moments.mean
    targets, driven = target_items(model), driven_constructs(model)
    unknown_scores = (gaps.astype(float) @ needs.actual) > 0
    unknown_causes = (gaps.astype(float) @ needs.driven) > 0
    scores = np.where(unknown_scores, np.nan, apart @ rule.scores)
    expected = np.where(unknown_causes, np.nan, apart @ rule.expected[:, driven])
    home = model.blocks[targets][:, driven].argmax(axis=1)
    items = moments.mean[targets] + apart @ rule.items[:, targets]
    items[unknown_causes[:, home]] = np.nan
    return _Found(
        items, values[:, targets] - items, expected, scores, _points(results, expected)
    )


def _points(results: Results, expected: FloatArray) -> FloatArray:
    """Return predicted standardised scores (n, k) on 0-100."""
    driven = driven_constructs(results.model)
    given = (results.scores["note"] == "").to_numpy()[driven]
    mean = scoring.construct_scores(results.estimates)[driven]
    sd = scoring.score_sds(results.estimates)[driven]
    return np.where(given, mean + sd * expected, np.nan)


def _by_group(
    results: GroupResults, read: NewRows, needs: _Needs, earliest: bool
) -> _Found:
    """Return predictions of each row by the fit of its group."""
    labels = read.survey.labels(results.by)
    members: dict[Hashable, Results] = {}
    problems: list[str] = []
    if without := int(labels.isna().sum()):
        problems.append(
            f"{without} of {len(labels)} rows have no {results.by!r}, so that no "
            "group's fit belongs to them; leave them out, or predict by "
            "results.overall"
        )
    for label in labels.dropna().unique():
        try:
            members[label] = results[label]
        except DataError as error:
            problems += error.problems
    if problems:
        raise DataError(problems)
    parts: list[_Found] = []
    positions: list[np.ndarray] = []
    for label, member in members.items():
        own = np.flatnonzero((labels == label).to_numpy())
        parts.append(_predicted(member, read.values[own], needs, earliest))
        positions.append(own)
    back = np.argsort(np.concatenate(positions))
    return _Found(
        *(
            np.concatenate([getattr(part, field.name) for part in parts])[back]
            for field in fields(_Found)
        )
    )


def _labelled(
    results: Results | GroupResults,
    read: NewRows,
    found: _Found,
    antecedents: Antecedents,
) -> RowPredictions:
    fit = results.overall if isinstance(results, GroupResults) else results
    model, index = fit.model, read.survey.frame.index
    items = [model.items[k] for k in target_items(model)]
    driven = list(model.endogenous)
    return RowPredictions(
        pd.DataFrame(found.predicted, index, items),
        pd.DataFrame(found.residuals, index, items),
        pd.DataFrame(found.predicted_scores, index, driven),
        pd.DataFrame(found.scores, index, list(model.construct_names)),
        pd.DataFrame(found.points, index, driven),
        _notes(fit, read, found, antecedents),
        _settings(results, fit, read, antecedents),
    )


def _notes(
    fit: Results, read: NewRows, found: _Found, antecedents: Antecedents
) -> tuple[str, ...]:
    notes: list[str] = []
    n = len(read.values)
    if read.absent:
        notes.append(
            f"no columns {quoted(read.absent)}: predictions don't take them, and there "
            "are no residuals of them and no scores by them"
        )
    if left := int(np.isnan(found.predicted_scores).any(axis=1).sum()):
        notes.append(
            f"{left} of {n} respondents lack answers that some construct is predicted "
            "from; they have no prediction of it"
        )
    scales = fit.moments
    targets = target_items(fit.model)
    beyond = (found.predicted < scales.low[targets]) | (
        found.predicted > scales.high[targets]
    )
    if beyond.any():
        notes.append(
            f"{int(beyond.sum())} of {beyond.size} predicted answers lie beyond the "
            "scale, which a linear model doesn't know"
        )
    return (*notes, *driven_factors(fit.estimates, antecedents))


def _settings(
    results: Results | GroupResults,
    fit: Results,
    read: NewRows,
    antecedents: Antecedents,
) -> pd.Series:
    entries = {
        **fit.settings.drop("iterations").to_dict(),
        **made_with(fit.estimates),
        "new answers": read.survey.source,
        "standardised by": "means and standard deviations of the fit",
        "antecedents": CAUSES[antecedents],
    }
    if isinstance(results, GroupResults):
        entries["predicted by"] = f"the fit of each row's {results.by}"
    return pd.Series(entries, name="setting")
