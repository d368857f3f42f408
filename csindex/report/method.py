"""The section on the options, the formula and the references."""

from __future__ import annotations

import re

from csindex.report.blocks import (
    Bullets,
    Formula,
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
                Text(_choice(subject, str(option), str(choice))),
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


def _choice(subject: Subject, option: str, choice: str) -> str:
    """Return an option's value in the report's language; names stay as they are."""
    text = subject.words
    if option == "model":
        return text.phrase("titles", choice)
    if option == "terms":
        names = "|".join(map(re.escape, _longest_first(subject)))
        told = text.phrase("values", choice)
        whole = rf"(?<!\w)(?:{names})(?!\w)"
        return re.sub(whole, lambda found: subject.construct(found[0]), told)
    return choice if option == "group" else text.phrase("values", choice)


def _longest_first(subject: Subject) -> list[str]:
    """Return the constructs, so that a part of a name isn't taken for another."""
    return sorted(subject.results.model.construct_names, key=len, reverse=True)
