"""The sections on the sample, the options, the formula and the references."""

from __future__ import annotations

import re

from csindex.report.blocks import (
    Bullets,
    Formula,
    Number,
    Section,
    Table,
    Text,
    columns,
)
from csindex.report.measurement import sources
from csindex.report.subject import Subject

_REFERENCES = (
    "Fornell, Johnson, Anderson, Cha & Bryant (1996), Journal of Marketing 60(4)",
    "Efron & Tibshirani (1993), An Introduction to the Bootstrap",
    "Martilla & James (1977), Journal of Marketing 41(1)",
    "Ringle & Sarstedt (2016), Industrial Management & Data Systems 116(9)",
)
_READING = ("score", "interval", "path", "r_squared", "flag")


def sample_section(subject: Subject) -> Section:
    """Return the section on the sample.

    Parameters
    ----------
    subject : Subject
        What the report is about.

    Returns
    -------
    Section
        How many respondents were read, left out and used.
    """
    text = subject.words
    answers = subject.results.answers
    flow = dict(subject.results.sample_flow if answers is None else answers.flow)
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
    return Section("sample", text("report.sample"), (table,))


def method_section(subject: Subject) -> Section:
    """Return the section on how the numbers were made.

    Parameters
    ----------
    subject : Subject
        What the report is about.

    Returns
    -------
    Section
        How to read the report, the formula, every option, the references.
    """
    text, model = subject.words, subject.results.model
    source = subject.results if subject.boot is None else subject.boot
    options = Table(
        "settings",
        text("report.settings_caption"),
        columns(
            text("report.setting"), text("report.choice"), wide=text("report.choice")
        ),
        tuple(
            (
                Text(text.term("settings", str(option))),
                Text(_choice(subject, str(choice))),
            )
            for option, choice in source.settings.items()
        ),
    )
    reading = tuple(text(f"report.read_{key}") for key in _READING)
    cited = [model.reference] if model.reference else []
    cited += sorted({*_REFERENCES, *sources(subject)} - set(cited))
    blocks = (
        Bullets(text("report.reading"), reading),
        Formula(text("report.formula_caption"), text("report.formula_note")),
        options,
        Bullets(text("report.references"), tuple(cited)),
    )
    return Section("method", text("report.method"), blocks)


def _choice(subject: Subject, choice: str) -> str:
    """Return an option's value in the report's language, part by part."""
    whole = subject.words.term("values", choice)
    if whole != choice:
        return whole
    return ", ".join(_part(subject, part) for part in choice.split(", "))


def _part(subject: Subject, part: str) -> str:
    counted = re.fullmatch(r"(\d+) (.+)", part)
    if counted is None:
        return subject.words.term("values", part)
    return f"{counted[1]} {subject.words.term('values', counted[2])}"
