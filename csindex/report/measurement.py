"""The sections on the questions and on how well they measure."""

from __future__ import annotations

from csindex.diagnostics import Assessment, assess
from csindex.errors import CsindexError
from csindex.estimation.cbsem import CovarianceEstimates
from csindex.estimation.cbsem.cautions import cautions
from csindex.plotting.frames import records
from csindex.plotting.hierarchy import tree_plan
from csindex.plotting.style import DASH
from csindex.report.blocks import (
    Badge,
    Block,
    Cell,
    Figure,
    Graded,
    Mood,
    Number,
    Paragraph,
    Section,
    Table,
    Text,
    columns,
)
from csindex.report.figures import Drawing
from csindex.report.subject import Subject

_MEASURES = ("alpha_standardized", "rho_a", "rho_c", "ave")
_COUNTS = ("df", "npar")
_MOODS: dict[str, Mood] = {
    "good": "good",
    "acceptable": "acceptable",
    "flagged": "flagged",
}


def items_section(subject: Subject) -> Section:
    """Return the section on the questions.

    Parameters
    ----------
    subject : Subject
        What the report is about.

    Returns
    -------
    Section
        The tree from the index to the questions, where there is an index, and a
        table: wording, mean answer, share in the score, loading of each item.
    """
    text, results = subject.words, subject.results
    moments = results.moments
    wordings = _wordings(subject)
    keys = ["construct", "item"] + (["wording"] if any(wordings.values()) else [])
    keys += ["mean", "scale", "share", "loading"]
    weights = results.weights.merge(
        results.loadings, on=["construct", "item"], suffixes=("", "_loading")
    )
    rows: list[tuple[Cell, ...]] = []
    previous = ""
    for row in records(weights[~weights["construct"].isin(subject.products)]):
        position = moments.names.index(row.item)
        low, high = float(moments.low[position]), float(moments.high[position])
        shown = subject.construct(row.construct) if row.construct != previous else ""
        previous = row.construct
        cells: list[Cell] = [Text(shown), Text(row.item)]
        if "wording" in keys:
            cells.append(Text(wordings[row.item], soft=True))
        cells += [
            Number(float(moments.mean[position]), 2),
            Text(DASH if low != low else f"{low:g}{DASH}{high:g}"),
            Number(row.share, 3),
            Number(row.estimate_loading, 3),
        ]
        rows.append(tuple(cells))
    titles = [text(f"report.{key}") for key in keys]
    numeric = [text(f"report.{key}") for key in ("mean", "scale", "share", "loading")]
    table = Table(
        "items",
        text("report.items_caption"),
        columns(*titles, numeric=numeric, wide=text("report.wording")),
        tuple(rows),
        text("report.items_note"),
    )
    blocks = (*_tree_figure(subject), table)
    return Section("items", text("report.items"), blocks)


def quality_section(subject: Subject) -> Section:
    """Return the section on measurement quality.

    Parameters
    ----------
    subject : Subject
        What the report is about.

    Returns
    -------
    Section
        Reliability, discriminant validity, measures of fit, and what is flagged with
        its threshold and source.
    """
    assessment = assess(subject.results)
    verdicts = {
        (row.criterion, row.where): row.verdict for row in records(assessment.verdicts)
    }
    blocks: list[Block] = [_reliability_table(subject, assessment, verdicts)]
    if len(subject.constructs) > 1:
        blocks.append(_htmt_table(subject, assessment, verdicts))
    blocks += _fit_tables(subject, assessment)
    blocks += _doubts(subject, assessment)
    blocks += _flags(subject, assessment)
    return Section("quality", subject.words("report.quality"), tuple(blocks))


def sources(subject: Subject) -> list[str]:
    """Return the publications of the thresholds.

    Parameters
    ----------
    subject : Subject
        What the report is about.

    Returns
    -------
    list of str
        Each publication once.
    """
    verdicts = assess(subject.results).verdicts
    return sorted(set(verdicts["source"][verdicts["verdict"] != "not applicable"]))


def _tree_figure(subject: Subject) -> list[Block]:
    text = subject.words
    try:
        plan = tree_plan(subject.results, subject.boot, language=text.language)
    except CsindexError:
        return []  # the head of the report says why there is no index
    picture = Drawing(plan.draw, plan.size, margins=False)
    caption, alt = text("report.tree_caption"), text("report.tree_alt")
    return [Figure("tree", caption, alt, picture)]


def _wordings(subject: Subject) -> dict[str, str]:
    survey, model = subject.results.survey, subject.results.model
    if survey is None:
        return dict.fromkeys(model.items, "")
    published = {item.name: item for item in model.instrument}
    wordings: dict[str, str] = {}
    for name in model.items:
        item = survey.codebook.item(name, published.get(name))
        first, second = item.en, item.zh
        if subject.words.language == "zh":
            first, second = second, first
        wordings[name] = first or second
    return wordings


def _graded(
    subject: Subject, value: float, verdict: str | None, digits: int = 3
) -> Cell:
    number = Number(value, digits)
    if verdict not in _MOODS or verdict == "good":
        return number
    return Graded(
        number, Badge(subject.words.term("verdicts", verdict), _MOODS[verdict])
    )


def _reliability_table(
    subject: Subject, assessment: Assessment, verdicts: dict[tuple[str, str], str]
) -> Table:
    text = subject.words
    values = assessment.reliability.loc[subject.constructs]
    # an estimator may have no weights that a measure is made of
    several = values[[len(_items(subject, name)) > 1 for name in values.index]]
    measures = [m for m in _MEASURES if several.empty or several[m].notna().any()]
    titles = [text(f"measures.{measure}") for measure in measures]
    rows: list[tuple[Cell, ...]] = []
    for name, row in values.iterrows():
        cells = [
            _graded(subject, float(row[m]), verdicts.get((m, str(name))))
            for m in measures
        ]
        rows.append((Text(subject.construct(str(name))), *cells))
    return Table(
        "reliability",
        text("report.reliability_caption"),
        columns(text("report.construct"), *titles, numeric=titles),
        tuple(rows),
        text("report.reliability_note"),
    )


def _items(subject: Subject, name: object) -> tuple[str, ...]:
    """Return the items of a construct."""
    return next(c.items for c in subject.results.model.constructs if c.name == name)


def _htmt_table(
    subject: Subject, assessment: Assessment, verdicts: dict[tuple[str, str], str]
) -> Table:
    """Return the lower triangle of the ratios."""
    text, names = subject.words, subject.constructs
    rows: list[tuple[Cell, ...]] = []
    for i, second in enumerate(names[1:], start=1):
        cells: list[Cell] = [Text(subject.construct(second))]
        for first in names[:-1][:i]:
            value = float(assessment.htmt[first][second])
            verdict = verdicts.get(("htmt", f"{first} - {second}"))
            cells.append(_graded(subject, value, verdict))
        cells += [Text("")] * (len(names) - 1 - i)
        rows.append(tuple(cells))
    titles = [subject.construct(name) for name in names[:-1]]
    return Table(
        "htmt",
        text("report.htmt_caption"),
        columns("", *titles, numeric=titles),
        tuple(rows),
        text("report.htmt_note"),
    )


def _fit_tables(subject: Subject, assessment: Assessment) -> list[Block]:
    """Return a table of the usual measures of fit that the results have."""
    text = subject.words
    named = text.sections["measures"]
    values = {str(k): v for k, v in subject.results.fit_measures.items()}
    left_out = set(values) - set(named)
    graded = assessment.verdicts.drop_duplicates("criterion").set_index("criterion")
    rows: list[tuple[Cell, ...]] = []
    for name in (name for name in values if name in named):
        value, verdict = values[name], graded["verdict"].get(name)
        # counts, as degrees of freedom, have no digits after the point
        digits = 0 if name.split("_")[0] in _COUNTS else 3
        cell = _graded(subject, float(value), verdict, digits)
        if "pvalue" in name:
            cell = Number(float(value), 3, least=0.001)
        rows.append((Text(named[name]), cell))
    if not rows:
        return []
    titles = [text("report.measure"), text("report.value")]
    caption = text("report.fit_caption")
    shown = columns(*titles, numeric=titles[1:])
    note = text("report.fit_note", attribute="results.fit_measures") if left_out else ""
    return [Table("fit", caption, shown, tuple(rows), note)]


def _doubts(subject: Subject, assessment: Assessment) -> list[Block]:
    """Return a table of what makes the solution improper or fragile, if anything."""
    text, estimates = subject.words, subject.results.estimates
    checks = assessment.admissibility
    found = [(row.check, row.where) for row in records(checks) if not row.passed]
    if isinstance(estimates, CovarianceEstimates):
        found += [(caution.finding, caution.where) for caution in cautions(estimates)]
    if not found:
        return []
    rows = tuple(
        (
            Text(text.term("findings", name)),
            Text(_where(subject, where)),
            Text(text.term("ways_out", name)),
        )
        for name, where in found
    )
    titles = [text(f"report.{key}") for key in ("finding", "where", "ways_out")]
    caption = text("report.doubts_caption")
    return [Table("doubts", caption, columns(*titles, wide=titles[-1]), rows)]


def _flags(subject: Subject, assessment: Assessment) -> list[Block]:
    text = subject.words
    flagged = assessment.verdicts[assessment.verdicts["verdict"] == "flagged"]
    if flagged.empty:
        return [Paragraph(text("report.no_flags"))]
    keys = ("criterion", "where", "value", "threshold", "source")
    rows = tuple(
        (
            Text(text.term("measures", row.criterion)),
            Text(_where(subject, row.where)),
            Number(row.value, 3),
            Text(_threshold(subject, row.threshold)),
            Text(row.source),
        )
        for row in records(flagged)
    )
    titles = [text(f"report.{key}") for key in keys]
    return [
        Table(
            "flags",
            text("report.flags_caption"),
            columns(*titles, numeric=[text("report.value")]),
            rows,
            text("report.flags_note"),
        ),
        *(
            Paragraph(
                text(
                    "report.explained",
                    measure=text.term("measures", name),
                    meaning=text.term("explanations", name),
                )
            )
            for name in dict.fromkeys(flagged["criterion"])
        ),
    ]


def _where(subject: Subject, where: str) -> str:
    """Return the place of a verdict with the constructs' display names."""
    names = subject.results.model.construct_names
    if where == "model" and where not in names:
        return subject.words("report.whole_model")
    for first in names:
        if where == first:
            return subject.construct(first)
        for second in names:
            if where == f"{first} - {second}":
                return f"{subject.construct(first)} {DASH} {subject.construct(second)}"
        for inner in (*names, *subject.results.model.items):
            if where == f"{inner} ({first})":
                shown = subject.construct(inner) if inner in names else inner
                return f"{shown} ({subject.construct(first)})"
    return where


def _threshold(subject: Subject, rule: str) -> str:
    shown = rule.replace(">=", "≥").replace(", ", subject.words("marks.comma"))
    for verdict in ("good", "acceptable"):
        shown = shown.replace(verdict, subject.words.term("verdicts", verdict))
    return shown
