"""The answers that a validation works with, and the options it was asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from csindex.errors import DataError
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.raking import effective_size
from csindex.model import Model
from csindex.moments import Moments
from csindex.moments.incomplete import answer_problems, treated
from csindex.survey import Answers, Survey


@dataclass(frozen=True, eq=False)
class Sample:
    """The answers to a model's items, and what they are made of.

    Attributes
    ----------
    survey : Survey
        The survey.
    model : Model
        The model, with p items.
    answers : Answers
        Everyone who answered any item; gaps are NaN.
    routed : ndarray of bool of shape (p,)
        Items that only some respondents were asked.
    moments : Moments
        Means and covariances of the items that everyone was asked, by maximum
        likelihood where answers are missing.
    notes : tuple of str
        What is to be told about them.
    """

    survey: Survey
    model: Model
    answers: Answers
    routed: BoolArray
    moments: Moments
    notes: tuple[str, ...]

    @property
    def weights(self) -> FloatArray:
        """Weights of the respondents, one each where there are none."""
        own = self.answers.weights
        return np.ones(len(self.answers.values)) if own is None else own

    @property
    def effective_n(self) -> float:
        """Respondents of equal weight that would tell as much (Kish)."""
        return effective_size(self.weights)

    def position(self, item: str) -> int:
        """Return where an item's column is."""
        return self.answers.names.index(item)


def sample_of(survey: Survey, model: Model) -> Sample:
    """Return the answers to a model's items and their moments.

    Parameters
    ----------
    survey : Survey
        The survey.
    model : Model
        The model.

    Returns
    -------
    Sample
        The sample.

    Raises
    ------
    DataError
        With every problem of the answers, as when a model is fitted; if two items
        were never answered by the same respondent.
    """
    answers = survey.answers(model.items, model.instrument, "em")
    published = {item.name: item for item in model.instrument}
    routed = np.array(
        [
            survey.codebook.item(name, published.get(name)).asked_if is not None
            for name in model.items
        ]
    ) & np.isnan(answers.values).any(axis=0)
    common = _columns(answers, ~routed)
    if problems := answer_problems(common):
        raise DataError(problems)
    made = treated(common)
    left_out = [n for n, r in zip(model.items, routed, strict=True) if r]
    notes = [
        f"only some respondents are asked {', '.join(left_out)}: no place in the "
        "factor analysis and in the distances"
    ] * bool(left_out)
    notes += [str(caution) for caution in made.cautions]
    return Sample(survey, model, answers, routed, made.moments, tuple(notes))


def _columns(answers: Answers, chosen: BoolArray) -> Answers:
    """Return the answers to some items, of those who answered any of them."""
    values = answers.values[:, chosen]
    rows = np.flatnonzero(~np.isnan(values).all(axis=1))
    part = replace(
        answers,
        names=tuple(n for n, kept in zip(answers.names, chosen, strict=True) if kept),
        values=values,
        low=answers.low[chosen],
        high=answers.high[chosen],
    )
    return part.subset(rows)
