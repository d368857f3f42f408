"""The head of a report: the index in words, and what readers must be warned of."""

from __future__ import annotations

from csindex.diagnostics import importance_performance
from csindex.errors import CsindexError
from csindex.plotting.frames import records
from csindex.plotting.style import number
from csindex.report.asking import asked_parts
from csindex.report.blocks import Headline, Number, interval
from csindex.report.subject import Subject

# below this, bootstrap intervals of paths cover clearly less than they promise
_FEW = 150


def headline(subject: Subject) -> Headline:
    """Return the headline.

    Parameters
    ----------
    subject : Subject
        What the report is about.

    Returns
    -------
    Headline
        The index with its interval, the sample, and the index in sentences.
    """
    text, name = subject.words, subject.results.model.index
    label = text("report.index") if name is None else subject.construct(name)
    try:
        value = subject.results.index
    except CsindexError as error:
        reason = text("report.no_index_in_model")
        if name is not None:
            notes = subject.results.scores.set_index("construct")["note"]
            reason = text(
                "report.no_index", reason=text.reason(notes[name] or str(error))
            )
        nothing = Number(float("nan"), 1)
        return Headline(label, nothing, None, "", _facts(subject), (reason,))
    span = None
    sentences = [text("report.sentence", construct=label, index=number(value, 1))]
    if subject.boot is not None:
        low, high = (float(subject.boot.index[end]) for end in ("low", "high"))
        span = interval(low, high, 1)
        sentences.append(
            text(
                "report.sentence_interval",
                low=number(low, 1),
                high=number(high, 1),
                level=subject.level,
            )
        )
    sentences += _driver_sentence(subject)
    title = subject.interval_title if span else ""
    return Headline(
        label, Number(value, 1), span, title, _facts(subject), tuple(sentences)
    )


def warnings(subject: Subject) -> tuple[str, ...]:
    """Return what readers must be warned of.

    Parameters
    ----------
    subject : Subject
        What the report is about.

    Returns
    -------
    tuple of str
        The warnings; empty when there is none.
    """
    text, results = subject.words, subject.results
    found: list[str] = []
    if not results.converged:
        found.append(text("report.not_converged"))
    if subject.boot is None:
        found.append(text("report.no_intervals"))
    for row in records(results.scores):
        if row.note and row.construct not in subject.products:
            name = subject.construct(row.construct)
            reason = text.reason(row.note)
            found.append(text("report.no_score", construct=name, reason=reason))
    if subject.boot is not None:
        counts = {str(key): int(count) for key, count in subject.boot.counts.items()}
        dropped = counts["requested"] - counts["used"]
        if dropped:
            found.append(text("report.dropped", dropped=dropped, **counts))
    return (*found, *_sample_warnings(subject))


def _sample_warnings(subject: Subject) -> list[str]:
    """Return what is said about few respondents, and about those who weren't asked."""
    text, results = subject.words, subject.results
    found = [text("report.few", n=results.n)] if results.n < _FEW else []
    if subject.groups is not None:
        small = [str(g) for g, m in subject.groups.members.items() if m.n < _FEW]
        if small:
            names = text("marks.list").join(small)
            found.append(text("report.few_groups", groups=names, least=_FEW))
    listwise = results.answers is not None and results.answers.incomplete == "listwise"
    for part in asked_parts(results):
        name = subject.construct(part.construct)
        if listwise:
            counts = {"n": f"{results.n:,}", "rule": part.rule}
            found.append(text("asking.only", construct=name, **counts))
        elif part.answered < _FEW:
            found.append(text("asking.few", construct=name, n=part.answered))
    return found


def _facts(subject: Subject) -> tuple[str, ...]:
    text, results = subject.words, subject.results
    read = int(results.sample_flow.get("read", results.n))
    used = results.n
    key = "report.respondents" if read == used else "report.respondents_of"
    facts = [text(key, n=f"{used:,}", read=f"{read:,}")]
    if subject.groups is not None:
        facts.append(text("report.group_count", n=len(subject.groups.labels)))
    return tuple(facts)


def _driver_sentence(subject: Subject) -> list[str]:
    try:
        table = importance_performance(subject.results)
    except CsindexError:
        return []
    row = max(records(table), key=lambda row: row.importance)
    return [
        subject.words(
            "report.sentence_driver",
            driver=subject.construct(row.driver),
            importance=number(row.importance),
        )
    ]
