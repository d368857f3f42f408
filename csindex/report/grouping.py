"""The section on the groups: a league with intervals, and all their scores."""

from __future__ import annotations

from collections.abc import Hashable

from csindex.language import visible
from csindex.plotting import plot_groups
from csindex.plotting.subjects import index_and_interval
from csindex.report.blocks import (
    Block,
    Cell,
    Figure,
    Number,
    Section,
    Table,
    Text,
    columns,
    interval,
)
from csindex.report.figures import Drawing
from csindex.report.subject import Subject
from csindex.results import GroupResults

_League = list[tuple[Hashable, tuple[float, float, float]]]


def groups_section(subject: Subject, groups: GroupResults) -> Section:
    """Return the section on the groups.

    Parameters
    ----------
    subject : Subject
        What the report is about.
    groups : GroupResults
        Its groups.

    Returns
    -------
    Section
        The league of the groups' indices, their scores, and the groups without a
        result with the reasons.
    """
    text = subject.words
    league = _league(subject, groups)
    blocks: list[Block] = []
    if any(row[1][0] == row[1][0] for row in league):
        blocks.append(_league_figure(subject, groups))
        blocks.append(_league_table(subject, groups, league))
    blocks.append(_scores_table(subject, groups, [label for label, _ in league]))
    if groups.failures:
        rows = tuple(
            (Text(str(g)), Text(text.reason(why))) for g, why in groups.failures.items()
        )
        titles = columns(
            text("report.group"), text("report.reason"), wide=text("report.reason")
        )
        blocks.append(Table("failures", text("report.failures_caption"), titles, rows))
    return Section("groups", text("report.groups"), tuple(blocks))


def _league(subject: Subject, groups: GroupResults) -> _League:
    """Return each group's index with its interval, the best first."""
    boots = {} if subject.group_boot is None else subject.group_boot.members
    rows = [
        (label, index_and_interval(member, boots.get(label)))
        for label, member in groups.members.items()
    ]
    return sorted(rows, key=lambda r: -r[1][0] if r[1][0] == r[1][0] else float("inf"))


def _league_figure(subject: Subject, groups: GroupResults) -> Figure:
    text = subject.words
    size = (7.2, 0.85 + 0.34 * len(groups.labels))
    return Figure(
        "groups",
        text("report.groups_caption", by=visible(groups.by)),
        text("report.groups_alt"),
        Drawing(
            lambda ax: plot_groups(groups, subject.group_boot, text.language, ax=ax),
            size,
        ),
    )


def _league_table(subject: Subject, groups: GroupResults, league: _League) -> Table:
    text = subject.words
    titles = [text("report.group"), text("report.index")]
    titles += [subject.interval_title] if subject.group_boot is not None else []
    rows: list[tuple[Cell, ...]] = []
    for label, (index, low, high) in league:
        cells: list[Cell] = [Text(str(label)), Number(index, 1)]
        if subject.group_boot is not None:
            cells.append(interval(low, high, 1))
        rows.append((*cells, Number(groups.members[label].n, 0)))
    return Table(
        "league",
        text("report.league_caption"),
        columns(*titles, text("report.n"), numeric=[*titles[1:], text("report.n")]),
        tuple(rows),
        text("report.groups_note") if subject.group_boot is not None else "",
    )


def _scores_table(
    subject: Subject, groups: GroupResults, labels: list[Hashable]
) -> Table:
    text, names = subject.words, subject.results.model.construct_names
    titles = [subject.construct(name) for name in names]
    rows: list[tuple[Cell, ...]] = []
    for label in labels:
        scores = groups.members[label].scores.set_index("construct")["score"]
        cells = [Number(float(scores[name]), 1) for name in names]
        rows.append((Text(str(label)), *cells))
    return Table(
        "group-scores",
        text("report.group_scores_caption", by=visible(groups.by)),
        columns(text("report.group"), *titles, numeric=titles),
        tuple(rows),
    )
