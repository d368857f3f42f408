"""The section on the changes of the index from wave to wave."""

from __future__ import annotations

from itertools import pairwise

from csindex.errors import CsindexError
from csindex.inference.waves import Fit, index_changes
from csindex.plotting import plot_changes
from csindex.plotting.changes import changes_width
from csindex.plotting.frames import records
from csindex.report.blocks import (
    Block,
    Cell,
    Column,
    Figure,
    Number,
    Paragraph,
    Section,
    Table,
    Text,
    columns,
    interval,
)
from csindex.report.figures import Drawing
from csindex.report.subject import Subject
from csindex.results import GroupResults

_HEIGHT = 4.2
_JOINT = "\N{NO-BREAK SPACE}\N{RIGHTWARDS ARROW} "


def waves_section(subject: Subject, waves: GroupResults) -> Section:
    """Return the section on the changes of the index.

    Parameters
    ----------
    subject : Subject
        What the report is about.
    waves : GroupResults
        Its groups, which are waves in their order.

    Returns
    -------
    Section
        A figure of the waves and a table of the changes from each to the next; or the
        reason why the indices can't be compared.
    """
    text = subject.words
    title = text("report.changes")
    blocks: list[Block] = []
    try:
        table = _table(subject, waves)
    except CsindexError as error:
        reason = text.reason("; ".join(error.problems))
        told = Paragraph(text("report.no_changes", reason=reason))
        return Section("changes", title, (told,))
    if not waves.failures and all(isinstance(row[1], Number) for row in table.rows):
        blocks.append(_figure(subject, waves))
    return Section("changes", title, (*blocks, table))


def _figure(subject: Subject, waves: GroupResults) -> Figure:
    text = subject.words
    return Figure(
        "changes",
        text("report.changes_caption"),
        text("report.changes_alt"),
        Drawing(
            lambda ax: plot_changes(
                waves, subject.group_boot, language=text.language, ax=ax
            ),
            (changes_width(len(waves.members)), _HEIGHT),
        ),
    )


def _table(subject: Subject, waves: GroupResults) -> Table:
    text = subject.words
    fits: dict[str, Fit] = {str(k): fit for k, fit in waves.members.items()}
    if subject.group_boot is not None:
        fits = {str(k): fit for k, fit in subject.group_boot.members.items()}
    steps = {f"{a}{_JOINT}{b}": (fits[a], fits[b]) for a, b in pairwise(fits)}
    made = index_changes(
        {name: pair[0] for name, pair in steps.items()},
        {name: pair[1] for name, pair in steps.items()},
    )
    rows: list[tuple[Cell, ...]] = []
    for row in records(made):
        if row.note:
            reason = Text(text.reason(row.note), soft=True)
            rows.append((Text(row.company), reason, *[Text("")] * 6))
            continue
        rows.append(
            (
                Text(row.company),
                Text(""),
                Number(row.estimate, 1),
                interval(row.low, row.high, 1),
                Number(row.p, 3, least=0.001),
                Number(row.p_adjusted, 3, least=0.001),
                Number(row.from_means, 1),
                Number(row.from_weights, 1),
            )
        )
    noted = any(row.note for row in records(made))
    level = subject.interval_title or text("report.interval", level="95%")
    titles = [text("report.step_of_waves"), text("report.reason")]
    titles += [text("report.change"), level, text("report.p"), text("report.p_holm")]
    titles += [text("report.by_answers"), text("report.by_weights")]
    shown: tuple[Column, ...] = columns(*titles, numeric=titles[2:])
    if not noted:
        # nothing to explain
        shown = (shown[0], *shown[2:])
        rows = [(cells[0], *cells[2:]) for cells in rows]
    return Table(
        "changes",
        text("report.changes_table_caption"),
        shown,
        tuple(rows),
        text("report.changes_note"),
    )
