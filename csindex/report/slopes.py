"""What a report says of effects that depend on another construct."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from csindex.diagnostics.slopes import SimpleSlopes, simple_slopes
from csindex.errors import CsindexError
from csindex.estimation.moderated import ModeratedEstimates
from csindex.estimation.terms import Term
from csindex.plotting.frames import records
from csindex.plotting.slopes import plot_slopes
from csindex.plotting.style import MINUS, number
from csindex.report.blocks import (
    Block,
    Cell,
    Figure,
    Number,
    Paragraph,
    Table,
    Text,
    columns,
    interval,
)
from csindex.report.figures import Drawing
from csindex.report.subject import Subject

_SIZE = (6.4, 4.0)


def slopes_blocks(subject: Subject) -> tuple[Block, ...]:
    """Return figures and a table of the effects that depend on another construct.

    Parameters
    ----------
    subject : Subject
        What the report is about.

    Returns
    -------
    tuple of Block
        How to read the products' paths, a figure for each product and target, and a
        table of the slopes; nothing for a fit without products.
    """
    text, estimates = subject.words, subject.results.estimates
    if not isinstance(estimates, ModeratedEstimates):
        return ()
    reading = Paragraph(text("report.slopes_reading"))
    try:
        found = [
            simple_slopes(subject.results, term, boot=subject.boot)
            for term in estimates.terms
        ]
    except CsindexError:
        # products of items have other units than scores have
        return (reading, Paragraph(text("report.no_slopes")))
    figures = [
        _figure(subject, term, target, f"slopes-{k}")
        for k, (term, target) in enumerate(_drawn(estimates.terms), start=1)
    ]
    return (reading, *figures, _table(subject, found))


def _drawn(terms: Sequence[Term]) -> Iterator[tuple[Term, str]]:
    """Yield each term with each construct that it explains."""
    for term in terms:
        yield from ((term, target) for target in term.on)


def _figure(subject: Subject, term: Term, target: str, name: str) -> Figure:
    text = subject.words
    caption = text(
        "report.curve_caption" if term.quadratic else "report.slopes_caption",
        focal=subject.construct(term.first),
        moderator=subject.construct(term.second),
        target=subject.construct(target),
    )
    drawing = Drawing(
        lambda ax: plot_slopes(
            subject.results,
            term,
            boot=subject.boot,
            target=target,
            language=text.language,
            ax=ax,
        ),
        _SIZE,
    )
    return Figure(name, caption, text("report.slopes_alt"), drawing)


def _table(subject: Subject, found: list[SimpleSlopes]) -> Table:
    text = subject.words
    titles = [text(f"report.{key}") for key in ("effect_of", "path_to", "moderator")]
    titles += [text("report.level"), text("report.slope")]
    numeric = [text("report.slope"), subject.interval_title, text("report.p")]
    if subject.boot is not None:
        titles += [subject.interval_title, text("report.p")]
    rows: list[tuple[Cell, ...]] = []
    for slopes in found:
        about = slopes.moderation
        for row in records(slopes.slopes):
            cells: list[Cell] = [
                Text(subject.construct(about.focal)),
                Text(subject.construct(row.target)),
                Text(subject.construct(about.moderator)),
                Text(_level(subject, row.at, row.moderator_score)),
                Number(row.estimate, 3),
            ]
            if subject.boot is not None:
                cells += [interval(row.low, row.high, 3)]
                cells += [Number(row.p, 3, least=0.001)]
            rows.append(tuple(cells))
    return Table(
        "slopes",
        text("report.slopes_table_caption"),
        columns(*titles, numeric=numeric),
        tuple(rows),
        text("report.slopes_note"),
    )


def _level(subject: Subject, at: float, score: float) -> str:
    """Return a level of the moderator: its score and its distance from the mean."""
    text = subject.words
    sign = "+" if at > 0 else MINUS if at < 0 else ""
    apart = text("report.at_mean")
    if at:
        apart = text("plot.apart", value=f"{sign}{abs(at):g}")
    return apart if score != score else f"{number(score, 0)} ({apart})"
