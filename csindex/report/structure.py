"""The sections on scores, effects and drivers."""

from __future__ import annotations

from csindex.diagnostics import importance_performance
from csindex.errors import CsindexError
from csindex.plotting import plot_importance_performance, plot_scores
from csindex.plotting.diagram import diagram
from csindex.plotting.frames import records
from csindex.plotting.style import MINUS, number
from csindex.report.blocks import (
    Badge,
    Block,
    Cell,
    Figure,
    Mood,
    Number,
    Paragraph,
    Section,
    Table,
    Text,
    columns,
    interval,
)
from csindex.report.figures import Drawing
from csindex.report.slopes import slopes_blocks
from csindex.report.subject import Subject

_MAP_SIZE = (7.2, 5.0)
_MOODS: dict[str, Mood] = {
    "I": "flagged",
    "II": "good",
    "III": "acceptable",
    "IV": "neutral",
}


def scores_section(subject: Subject) -> Section:
    """Return the section on the constructs' scores.

    Parameters
    ----------
    subject : Subject
        What the report is about.

    Returns
    -------
    Section
        A dot plot and a table.
    """
    text = subject.words
    table = subject.table("scores")
    table = table[~table["construct"].isin(subject.products)]
    with_interval = "low" in table
    numeric = [text(f"report.{key}") for key in ("score", "sd", "n")]
    numeric += [text("report.se"), subject.interval_title]
    titles = [text("report.construct"), text("report.score")]
    titles += [subject.interval_title, text("report.se")] if with_interval else []
    titles += [text("report.sd"), text("report.n")]
    rows: list[tuple[Cell, ...]] = []
    for row in records(table):
        cells: list[Cell] = [
            Text(subject.construct(row.construct)),
            Number(row.score, 1),
        ]
        if with_interval:
            cells += [interval(row.low, row.high, 1), Number(row.se, 2)]
        rows.append((*cells, Number(row.sd, 1), Number(row.n, 0)))
    blocks: list[Block] = []
    if table["score"].notna().any():
        blocks.append(_scores_figure(subject, len(table)))
    caption = text("report.scores_table_caption")
    blocks.append(
        Table("scores", caption, columns(*titles, numeric=numeric), tuple(rows))
    )
    return Section("scores", text("report.scores"), tuple(blocks))


def model_section(subject: Subject) -> Section:
    """Return the section on the structural model.

    Parameters
    ----------
    subject : Subject
        What the report is about; its model has paths.

    Returns
    -------
    Section
        The path diagram, the direct effects, those that depend on another construct,
        and the explained variance.
    """
    text = subject.words
    plan = diagram(subject.results, subject.boot, text.language)
    picture = Figure(
        "model",
        text("report.model_caption"),
        text("report.model_alt"),
        Drawing(plan.draw, plan.size, margins=False),
    )
    blocks = (
        picture,
        _paths_table(subject),
        *slopes_blocks(subject),
        _r_squared_table(subject),
    )
    return Section("model", text("report.model"), blocks)


def drivers_section(subject: Subject) -> Section:
    """Return the section on what to improve first.

    Parameters
    ----------
    subject : Subject
        What the report is about.

    Returns
    -------
    Section
        The importance-satisfaction map and its table with advice; or the reason
        why there is none.
    """
    text = subject.words
    title = text("report.drivers")
    try:
        importance_performance(subject.results)
    except CsindexError as error:
        missing = (subject.results.scores["note"] != "").any()
        why = text.reason("; ".join(error.problems))
        why = text("report.scores_missing") if missing else why
        paragraph = Paragraph(text("report.no_drivers", reason=why))
        return Section("drivers", title, (paragraph,))
    picture = Figure(
        "drivers",
        text("report.drivers_caption", target=_target(subject)),
        text("report.drivers_alt"),
        Drawing(
            lambda ax: plot_importance_performance(
                subject.results, subject.boot, language=text.language, ax=ax
            ),
            _MAP_SIZE,
        ),
    )
    return Section("drivers", title, (picture, _drivers_table(subject)))


def _scores_figure(subject: Subject, rows: int) -> Figure:
    text = subject.words
    size = (7.2, 0.75 + 0.34 * rows)
    return Figure(
        "scores",
        text("report.scores_caption"),
        text("report.scores_alt"),
        Drawing(
            lambda ax: plot_scores(subject.results, subject.boot, text.language, ax=ax),
            size,
        ),
    )


def _paths_table(subject: Subject) -> Table:
    text = subject.words
    table = subject.table("paths")
    keys = ["path_from", "path_to", "expected", "estimate"]
    titles = [text(f"report.{key}") for key in keys]
    tested = "low" in table
    titles += [subject.interval_title, text("report.p")] if tested else []
    numeric = [text("report.estimate"), subject.interval_title, text("report.p")]
    rows: list[tuple[Cell, ...]] = []
    for row in records(table):
        ends = (row.low, row.high) if tested else None
        cells: list[Cell] = [
            Text(subject.construct(row.source)),
            Text(subject.construct(row.target)),
            Text(row.sign.replace("-", MINUS)),
            Number(row.estimate, 3),
        ]
        if ends:
            cells += [interval(*ends, 3), Number(row.p, 3, least=0.001)]
        rows.append((*cells, _finding(subject, row.sign, row.estimate, ends)))
    return Table(
        "paths",
        text("report.paths_caption"),
        columns(*titles, text("report.finding"), numeric=numeric),
        tuple(rows),
    )


def _finding(
    subject: Subject, sign: str, estimate: float, ends: tuple[float, float] | None
) -> Badge:
    text = subject.words
    if ends is not None and ends[0] <= 0 <= ends[1]:
        return Badge(text("report.unclear"), "neutral")
    if sign == "?":
        key = "found_positive" if estimate > 0 else "found_negative"
        return Badge(text(f"report.{key}"), "neutral")
    if (estimate > 0) == (sign == "+"):
        return Badge(text("report.supported"), "good")
    return Badge(text("report.against"), "flagged")


def _r_squared_table(subject: Subject) -> Table:
    text = subject.words
    titles = [text("report.construct"), text("report.r_squared")]
    numeric = [titles[1], subject.interval_title]
    rows: list[tuple[Cell, ...]] = []
    if subject.boot is None:
        for name, value in subject.results.r_squared.items():
            rows.append((Text(subject.construct(str(name))), Number(float(value), 3)))
    else:
        titles.append(subject.interval_title)
        for row in records(subject.boot.r_squared):
            label = Text(subject.construct(row.construct))
            rows.append(
                (label, Number(row.estimate, 3), interval(row.low, row.high, 3))
            )
    caption = text("report.r_squared_caption")
    return Table("r-squared", caption, columns(*titles, numeric=numeric), tuple(rows))


def _drivers_table(subject: Subject) -> Table:
    text = subject.words
    table = (
        importance_performance(subject.results)
        if subject.boot is None
        else subject.boot.importance
    )
    driver, importance, performance, region, advice = (
        text(f"report.{key}")
        for key in ("driver", "importance", "performance", "region", "advice")
    )
    # two interval columns need two titles: the second is told apart by its place
    between = [subject.interval_title] if subject.boot is not None else []
    titles = [driver, importance, *between, performance, *between, region, advice]
    rows: list[tuple[Cell, ...]] = []
    for row in records(table.sort_values("importance", ascending=False)):
        cells: list[Cell] = [
            Text(subject.construct(row.driver)),
            Number(row.importance),
        ]
        if between:
            cells.append(interval(row.importance_low, row.importance_high))
        cells.append(Number(row.performance, 1))
        if between:
            cells.append(interval(row.performance_low, row.performance_high, 1))
        mood = _MOODS[row.region]
        cells += [
            # numeral and meaning stay in one line
            Badge(
                f"{row.region}\N{NO-BREAK SPACE}{text(f'regions.{row.region}')}", mood
            ),
            Text(text(f"advice.{row.region}")),
        ]
        rows.append(tuple(cells))
    cuts = table.attrs["cuts"]
    note = text(
        "report.drivers_note",
        target=_target(subject),
        importance=number(cuts[0]),
        performance=number(cuts[1], 1),
    )
    caption = text("report.drivers_table_caption")
    numeric = [importance, performance, *between]
    return Table(
        "drivers",
        caption,
        columns(*titles, numeric=numeric, wide=advice),
        tuple(rows),
        note,
    )


def _target(subject: Subject) -> str:
    return subject.construct(str(subject.results.model.index))
