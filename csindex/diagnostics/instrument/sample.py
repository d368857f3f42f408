"""The answers that a validation works with, and the options it was asked for."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from csindex.errors import DataError
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.raking import effective_size
from csindex.model import Item, Model
from csindex.moments import Moments
from csindex.moments.dependence import dependent_items
from csindex.moments.incomplete import answer_problems, treated
from csindex.survey import Answers, Survey
from csindex.survey.columns import sampling_weights, silences
from csindex.survey.items import ItemReader

# fewer respondents may give two items the same answers by chance
_FEWEST_COPIED = 10
# respondents after whom most pairs of items are told apart
_HEAD = 1000


@dataclass(frozen=True, eq=False)
class Sample:
    """The answers to a model's items, and what they are made of.

    Attributes
    ----------
    survey : Survey
        The survey.
    model : Model
        The model with the p items that can be analysed.
    answers : Answers
        Everyone who answered any item; gaps are NaN.
    routed : ndarray of bool of shape (p,)
        Items that only some respondents were asked.
    moments : Moments, optional
        Means and covariances of the items that everyone was asked, by maximum
        likelihood where answers are missing; None if they can't be had.
    notes : tuple of str
        What is to be told about them.
    left_out : mapping of str to str
        The other items of the model, each with the reason.
    """

    survey: Survey
    model: Model
    answers: Answers
    routed: BoolArray
    moments: Moments | None
    notes: tuple[str, ...]
    left_out: Mapping[str, str]

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
        The sample; without moments if these can't be had, with the reason among the
        notes.

    Raises
    ------
    DataError
        If answers can't be read, with every problem, as when a model is fitted; if no
        item varies.
    """
    left_out = silent_items(survey, model.items, model.instrument)
    left_out = {name: told for name, told in left_out.items() if told}
    rest = [name for name in model.items if name not in left_out]
    if not rest:
        raise DataError(list(left_out.values()))
    answers = read_answers(survey, rest, model.instrument)
    copies = _copies(answers)
    if copies:
        answers = _columns(answers, np.array([n not in copies for n in rest]))
        left_out |= copies
    kept = _without(model, left_out)
    published = {item.name: item for item in model.instrument}
    routed = np.array(
        [
            survey.codebook.item(name, published.get(name)).asked_if is not None
            for name in answers.names
        ]
    ) & np.isnan(answers.values).any(axis=0)
    asked_of_few = [n for n, r in zip(answers.names, routed, strict=True) if r]
    notes = [
        f"only some respondents are asked {', '.join(asked_of_few)}: no place in the "
        "factor analysis and in the distances"
    ] * bool(asked_of_few)
    made = _moments(_columns(answers, ~routed)) if not routed.all() else _Made(None)
    notes += made.notes
    return Sample(survey, kept, answers, routed, made.moments, tuple(notes), left_out)


def silent_items(
    survey: Survey, items: Sequence[str], instrument: Sequence[Item]
) -> dict[str, str]:
    """Return which items have no answers that could tell anything.

    Parameters
    ----------
    survey : Survey
        The survey.
    items : sequence of str
        The items.
    instrument : sequence of Item
        What a model's publication says about them.

    Returns
    -------
    dict of str to str
        The items that aren't in the survey, with an empty reason, and those without
        two different answers, with the reason. Items whose answers can't be read are
        none of these.
    """
    used = np.ones(len(survey), dtype=np.bool_)
    if survey.codebook.weights is not None:
        weights, problems = sampling_weights(
            survey.frame[survey.codebook.weights], survey.codebook.weights
        )
        used = used if problems else weights > 0
    published = {item.name: item for item in instrument}
    reader = ItemReader(survey.frame, survey.codebook, published, used)
    found: dict[str, str] = {}
    for name in items:
        before = len(reader.problems)
        answers = reader.column(name)[used]
        if name in reader.absent:
            found[name] = ""
        elif len(reader.problems) > before:
            continue
        elif told := silences(answers, reader.item(name)):
            found[name] = "; ".join(told)
        elif (~np.isnan(answers)).sum() < 2:
            found[name] = f"column {name!r} has one answer only"
    return found


def read_answers(
    survey: Survey, items: Sequence[str], instrument: Sequence[Item]
) -> Answers:
    """Return the answers to some items, of however few respondents.

    Parameters
    ----------
    survey : Survey
        The survey.
    items : sequence of str
        The items, none of them among `silent_items`.
    instrument : sequence of Item
        What a model's publication says about them.

    Returns
    -------
    Answers
        The answers of everyone who answered any of them.

    Raises
    ------
    DataError
        With every problem of the answers.
    """
    try:
        return survey.answers(items, instrument, "em")
    except DataError:
        # too few for all of them together are enough for one
        parts = [_alone(survey, name, instrument) for name in items]
        told = [part for part in parts if part is not None]
        if len(told) < len(parts):
            raise
    return _joined(survey, told)


def _alone(survey: Survey, item: str, instrument: Sequence[Item]) -> Answers | None:
    """Return the answers to one item; None if there is something wrong with them."""
    try:
        return survey.answers([item], instrument, "em")
    except DataError:
        return None


def _joined(survey: Survey, parts: Sequence[Answers]) -> Answers:
    """Return the answers to several items that were read one by one."""
    size = len(survey)
    values = np.full((size, len(parts)), np.nan)
    weights = np.zeros(size)
    codes = np.zeros((2, size), dtype=np.int64)
    for k, part in enumerate(parts):
        values[part.rows, k] = part.values[:, 0]
        weights[part.rows] = part.row_weights
        for line, own in zip(codes, (part.strata, part.clusters), strict=True):
            line[part.rows] = 0 if own is None else own
    first = parts[0]
    rows = np.unique(np.concatenate([part.rows for part in parts]))
    gaps = np.isnan(values[rows])
    return replace(
        first,
        names=tuple(part.names[0] for part in parts),
        values=values[rows],
        rows=rows,
        low=np.concatenate([part.low for part in parts]),
        high=np.concatenate([part.high for part in parts]),
        weights=None if first.weights is None else weights[rows],
        strata=None if first.strata is None else codes[0, rows],
        clusters=None if first.clusters is None else codes[1, rows],
        flow=(
            ("read", size),
            ("with any answer", len(rows)),
            ("complete", int((~gaps.any(axis=1)).sum())),
            ("used", len(rows)),
        ),
    )


def _copies(answers: Answers) -> dict[str, str]:
    """Return items with the same answers as an earlier one, each with the reason."""
    values, names = answers.values, answers.names
    found: dict[str, str] = {}
    for k, name in enumerate(names):
        for other in range(k):
            if names[other] in found:
                continue
            pair = values[:, [other, k]]
            both = pair[~np.isnan(pair).any(axis=1)]
            if len(both) >= _FEWEST_COPIED and _same(both):
                found[name] = (
                    f"its answers say the same as those of {names[other]!r}, of all "
                    f"{len(both)} who answered both; one of the two is enough"
                )
                break
    return found


def _same(pair: FloatArray) -> bool:
    """Return whether two columns (n, 2) are linear functions of each other."""
    head = pair[:_HEAD]
    if np.ptp(head, axis=0).all() and not dependent_items(head, ["a", "b"]):
        return False
    return bool(dependent_items(pair, ["a", "b"]))


def _without(model: Model, items: Container[str]) -> Model:
    """Return the model without some items, and without constructs of these alone."""
    kept = {c.name: [i for i in c.items if i not in items] for c in model.constructs}
    empty = [name for name, own in kept.items() if not own]
    rest = {name: own for name, own in kept.items() if own}
    return (model.without(*empty) if empty else model).with_items(**rest)


@dataclass(frozen=True, eq=False)
class _Made:
    """Moments, or None, and what is to be told."""

    moments: Moments | None
    notes: tuple[str, ...] = ()


def _moments(common: Answers) -> _Made:
    """Return the moments of items that everyone was asked, or why there are none."""
    problems: Sequence[str] = answer_problems(common)
    if not problems:
        try:
            made = treated(common)
        except DataError as error:
            problems = error.problems
        else:
            return _Made(made.moments, tuple(str(told) for told in made.cautions))
    told = "no factor analysis and no distances"
    return _Made(None, tuple(f"{told}: {why}" for why in problems))


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
