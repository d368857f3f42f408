"""From a file's columns to the answers to items, derived ones too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from csindex.codebook import Codebook, maps, rules
from csindex.errors import unknown
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.model import Item
from csindex.survey.columns import numbers, silences

# the ends of a scale that isn't known
_ANY = (-np.inf, np.inf)


class ItemReader:
    """Reads columns once, derives what is derived, and collects the problems.

    Parameters
    ----------
    frame : DataFrame
        The answers as they were read.
    codebook : Codebook
        What the survey says about its items; it comes first.
    published : mapping of str to Item
        What a model's publication says about them.
    used : ndarray of bool of shape (n,)
        Rows whose answers are looked at for problems.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        codebook: Codebook,
        published: Mapping[str, Item],
        used: BoolArray,
    ) -> None:
        self._frame = frame
        self._codebook = codebook
        self._published = published
        self._used = used
        self._columns: dict[str, FloatArray] = {}
        self._failed: set[str] = set()
        self.absent: list[str] = []
        self.problems: list[str] = []

    def item(self, name: str) -> Item:
        """Return what is known about an item."""
        return self._codebook.item(name, self._published.get(name))

    def general(self, name: str) -> bool:
        """Return whether an item has the scale of all items, for want of its own."""
        known = (self._codebook.by_name.get(name), self._published.get(name))
        return not any(maps.scale_of(item) for item in known if item is not None)

    def values(self, names: Sequence[str]) -> FloatArray:
        """Return the answers (n, p) to the items of a model, which have to vary."""
        block = self._plain_block(names)
        if block is not None:
            return block
        return np.column_stack([self.item_column(name) for name in names])

    def _plain_block(self, names: Sequence[str]) -> FloatArray | None:
        """Return the answers (n, p) if there are numbers only, and nothing is wrong.

        All columns at once: the usual case, ruled out fast. Others are told at
        leisure, column by column.
        """
        items = [self.item(name) for name in names]
        block = _numbers_of(self._frame, names)
        if block is None or any(item.score_map for item in items):
            return None
        for codes in {item.missing for item in items if item.missing}:
            own = np.array([item.missing == codes for item in items])
            block[np.isin(block, codes) & own] = np.nan
        seen = block if self._used.all() else block[self._used]
        gaps = np.isnan(seen)
        some = bool(gaps.any())
        low = (np.where(gaps, np.inf, seen) if some else seen).min(axis=0)
        high = (np.where(gaps, -np.inf, seen) if some else seen).max(axis=0)
        ends = np.array([item.scale or _ANY for item in items]).T
        turned = np.array([item.reversed for item in items])
        usual = (ends[0] <= low) & (low < high) & (high <= ends[1])
        usual &= np.isfinite(low) & np.isfinite(high)
        if not usual.all() or np.isinf(ends[:, turned]).any():
            return None
        if turned.any():
            block[:, turned] = ends[:, turned].sum(axis=0) - block[:, turned]
        return block

    def item_column(self, name: str) -> FloatArray:
        """Return the answers to an item of a model, which have to vary."""
        answers, item = self.column(name), self.item(name)
        if name in self._failed:
            return answers
        self.problems += silences(answers[self._used], item)
        # the column is turned round already
        upright = replace(item, reversed=False) if item.reversed else item
        self.problems += maps.answer_problems(answers[self._used], upright)
        return maps.scored(answers, upright)

    def gaps(self, name: str) -> bool:
        """Return whether an item lacks answers in the rows that are looked at."""
        return bool(np.isnan(self.column(name)[self._used]).any())

    def column(self, name: str) -> FloatArray:
        """Return the answers in a column, be it an item or a rule's source."""
        if name not in self._columns:
            answers, problems = self._read(name)
            self._columns[name] = answers
            self.problems += problems
            if problems:
                self._failed.add(name)
        return self._columns[name]

    def _read(self, name: str) -> tuple[FloatArray, list[str]]:
        frame, item = self._frame, self.item(name)
        if name in frame.columns:
            return numbers(frame[name], item, self._used)
        unread = np.full(len(frame), np.nan)
        rules_of = (rule for pair in item.derive for rule in pair)
        sources = list(dict.fromkeys(n for rule in rules_of for n in rules.names(rule)))
        if frame.columns.intersection(sources).empty:
            self.absent.append(name)
            self._failed.add(name)
            return unread, []
        where = f"in the rules that compute {name!r}"
        if missing := unknown("column", sources, frame.columns, where):
            advice = f"add it, or leave {name!r} out with model.with_items"
            return unread, [f"{problem}; {advice}" for problem in missing]
        columns = {source: self.column(source) for source in sources}
        if not self._failed.isdisjoint(sources):
            self._failed.add(name)
            return unread, []
        derived = pd.Series(_derived(item, columns, len(frame)))
        return numbers(derived, replace(item, missing=()), self._used)


def _numbers_of(frame: pd.DataFrame, names: Sequence[str]) -> FloatArray | None:
    """Return a copy (n, p) of some columns, or None if one isn't of plain numbers."""
    if not (frame.columns.is_unique and len(frame)):
        return None
    place = {name: k for k, name in enumerate(frame.columns.tolist())}
    positions = [place.get(name, -1) for name in names]
    if min(positions) < 0:
        return None
    chosen = frame.take(positions, axis=1)
    plain = (
        isinstance(kind, np.dtype) and kind.kind in "iuf" for kind in chosen.dtypes
    )
    if not all(plain):
        return None
    return np.array(chosen.to_numpy(dtype=np.float64), order="C")


def _derived(item: Item, columns: Mapping[str, FloatArray], size: int) -> FloatArray:
    """Return an item's values: the first condition that holds gives the formula."""
    values = np.full(size, np.nan)
    waiting = np.ones(size, dtype=np.bool_)
    for condition, formula in item.derive:
        chosen = waiting & (rules.evaluate(condition, columns) == 1)
        values = np.where(chosen, rules.evaluate(formula, columns), values)
        waiting &= ~chosen
    return values
