"""Questions for some respondents only, and who is left when all are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csindex.codebook import rules
from csindex.errors import quoted
from csindex.estimation import Estimator, row_estimator
from csindex.estimation.cbsem import CBSEM
from csindex.kernels.arrays import BoolArray
from csindex.model import Item, Model
from csindex.survey import Answers, Survey
from csindex.survey.columns import sampling_weights
from csindex.survey.items import ItemReader

# a construct that lacks more than this share of its respondents is told of
_MANY = 0.5


@dataclass(frozen=True)
class Restriction:
    """A construct whose questions decide who is left of the respondents.

    Attributes
    ----------
    construct : str
        The construct.
    items : tuple of str
        Its items that were asked of some respondents only; all, if no rule says so.
    rules : tuple of str
        Who was asked, as ``"COMP == 1"``; empty if no rule says so.
    answered : int
        How many respondents answered all items of the construct.
    asked : int
        How many respondents answered any item of the model.
    """

    construct: str
    items: tuple[str, ...]
    rules: tuple[str, ...]
    answered: int
    asked: int

    def __str__(self) -> str:
        """Return the construct, its items, and who answered them."""
        condition = ""
        if self.rules:
            condition = f", asked only if {' or '.join(self.rules)}"
        return (
            f"{self.construct!r} ({', '.join(self.items)}{condition}) was answered by "
            f"{self.answered} of {self.asked}"
        )


def eligible(survey: Survey, answers: Answers, instrument: Sequence[Item]) -> BoolArray:
    """Return which respondents could have been used.

    Parameters
    ----------
    survey : Survey
        The survey, of n respondents.
    answers : Answers
        The answers that are used, and how their gaps are treated.
    instrument : sequence of Item
        What the model's publication says about its items.

    Returns
    -------
    ndarray of bool of shape (n,)
        Who has a weight above zero and, where every answer is needed, was asked every
        item; also who answered without being asked.
    """
    book = survey.codebook
    found = np.ones(len(survey), dtype=np.bool_)
    if book.weights is not None:
        weights, _ = sampling_weights(survey.frame[book.weights], book.weights)
        found &= np.asarray(weights > 0)
    if answers.incomplete == "listwise":
        reader = _reader(survey, instrument)
        for rule in dict.fromkeys(_rules(survey, reader, answers.names).values()):
            found &= _asked(reader, rule)
        found[answers.rows] = True
    return found


def restrictions(
    survey: Survey, model: Model, answers: Answers
) -> tuple[Restriction, ...]:
    """Return the constructs that leave few or special respondents, used listwise.

    Parameters
    ----------
    survey : Survey
        The survey.
    model : Model
        The model.
    answers : Answers
        The answers that are used.

    Returns
    -------
    tuple of Restriction
        Constructs with items that some weren't asked, or that more than half didn't
        answer; empty unless respondents are dropped for it.
    """
    flow = dict(answers.flow)
    asked, used = flow.get("with any answer", 0), flow["used"]
    if answers.incomplete != "listwise" or used >= asked:
        return ()
    reader = _reader(survey, model.instrument)
    ruled = _rules(survey, reader, answers.names)
    if not ruled and used >= (1 - _MANY) * asked:
        return ()
    everyone = survey.answers(answers.names, model.instrument, "pairwise")
    gaps = np.isnan(everyone.values)
    known = {rule: _asked(reader, rule)[everyone.rows] for rule in {*ruled.values()}}
    found: list[Restriction] = []
    for construct in model.constructs:
        own = [name for name in construct.items if name in answers.names]
        lacking = gaps[:, [answers.names.index(name) for name in own]]
        skipped = tuple(
            name
            for name, gap in zip(own, lacking.T, strict=True)
            if name in ruled and (gap & ~known[ruled[name]]).any()
        )
        lost: BoolArray = np.any(lacking, axis=1)
        if skipped or lost.mean() > _MANY:
            found.append(
                Restriction(
                    construct.name,
                    skipped or tuple(own),
                    tuple(dict.fromkeys(ruled[name] for name in skipped)),
                    int((~lost).sum()),
                    len(lost),
                )
            )
    return tuple(found)


def restriction_caution(
    model: Model, survey: Survey, answers: Answers, estimator: Estimator
) -> str:
    """Return that the numbers describe some respondents only; empty if they don't.

    Parameters
    ----------
    model : Model
        The model.
    survey : Survey
        The survey.
    answers : Answers
        The answers that are used.
    estimator : Estimator
        The method, which decides what else can be done about gaps.

    Returns
    -------
    str
        The constructs, the numbers and the ways out.
    """
    found = restrictions(survey, model, answers)
    if not found:
        return ""
    used = len(answers.rows)
    ways: list[str] = []
    if isinstance(estimator, CBSEM):
        ways += [] if estimator.ordinal else ["use CBSEM(missing='fiml')"]
    elif row_estimator(estimator) is None:
        ways.append("use incomplete='em' or 'pairwise'")
    # the index construct can't be left out
    names = [part.construct for part in found if part.construct != model.index]
    if names:
        ways.append(f"leave {quoted(names)} out with model.without")
    told = "; ".join(map(str, found))
    out = f"; to keep everyone, {' or '.join(ways)}" if ways else ""
    return (
        f"{used} of {found[0].asked} respondents are used, those who answered "
        f"everything: {told}. All numbers, the index too, describe these respondents "
        f"only{out}"
    )


def _reader(survey: Survey, instrument: Sequence[Item]) -> ItemReader:
    published = {item.name: item for item in instrument}
    everyone = np.ones(len(survey), dtype=np.bool_)
    return ItemReader(survey.frame, survey.codebook, published, everyone)


def _rules(survey: Survey, reader: ItemReader, names: Sequence[str]) -> dict[str, str]:
    """Return the rules of items that weren't asked of everyone, as far as known."""
    found = {name: reader.item(name).asked_if for name in names}
    columns = {*survey.frame.columns}
    return {
        name: rule
        for name, rule in found.items()
        if rule is not None and columns.issuperset(rules.names(rule))
    }


def _asked(reader: ItemReader, rule: str) -> BoolArray:
    known = {name: reader.column(name) for name in rules.names(rule)}
    return np.asarray(rules.evaluate(rule, known) == 1)
