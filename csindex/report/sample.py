"""The section on the sample: who is in the numbers, and who was asked what."""

from __future__ import annotations

from csindex.report.asking import Asked, asked_parts, hypothetical
from csindex.report.blocks import (
    Block,
    Number,
    Paragraph,
    Section,
    Table,
    Text,
    columns,
)
from csindex.report.subject import Subject

# the treatments of missing answers whose meaning for skipped questions is told
_TOLD = ("listwise", "pairwise", "pairwise_nearest", "em")


def sample_section(subject: Subject) -> Section:
    """Return the section on the sample.

    Parameters
    ----------
    subject : Subject
        What the report is about.

    Returns
    -------
    Section
        How many respondents were read, left out and used; which questions were
        asked of some of them only, and what was done about that.
    """
    text = subject.words
    flow = dict(subject.results.sample_flow)
    table = Table(
        "sample",
        text("report.sample_caption"),
        columns(
            text("report.step"), text("report.count"), numeric=[text("report.count")]
        ),
        tuple(
            (Text(text.term("flow", str(step))), Number(int(count), 0))
            for step, count in flow.items()
        ),
    )
    blocks: list[Block] = [table]
    if parts := asked_parts(subject.results):
        blocks.append(_asked_table(subject, parts))
    if name := hypothetical(subject.results):
        told = text("asking.hypothetical", construct=subject.construct(name))
        blocks.append(Paragraph(told))
    return Section("sample", text("report.sample"), tuple(blocks))


def _asked_table(subject: Subject, parts: tuple[Asked, ...]) -> Table:
    text = subject.words
    titles = [text("report.construct"), text("report.items")]
    titles += [text(f"asking.{key}") for key in ("rule", "asked", "answered")]
    return Table(
        "asked",
        text("asking.caption"),
        columns(*titles, numeric=titles[3:], wide=titles[1]),
        tuple(
            (
                Text(subject.construct(part.construct)),
                Text(text("marks.list").join(part.items)),
                Text(part.rule),
                Number(part.asked, 0),
                Number(part.answered, 0),
            )
            for part in parts
        ),
        text("asking.treatment", treatment=_treatment(subject)),
    )


def _treatment(subject: Subject) -> str:
    """Return what was done about respondents who weren't asked."""
    answers = subject.results.answers
    name = "" if answers is None else str(answers.incomplete)
    if name in _TOLD:
        return subject.words(f"asking.{name}")
    done = str(subject.results.settings["missing answers"])
    return subject.words.phrase("values", done)
