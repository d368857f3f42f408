"""Reports in Chinese speak Chinese; reports name who was asked and who was not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

import csindex as csi
from csindex.catalog import find_model
from csindex.inference.intervals import Interval
from csindex.language import Language, words
from csindex.report.asking import asked_parts, hypothetical
from csindex.report.blocks import (
    Bullets,
    Figure,
    Formula,
    Graded,
    Number,
    Page,
    Paragraph,
    Table,
    shown,
)
from csindex.report.report import page as page_of
from csindex.report.subject import Subject
from csindex.survey.gaps import Incomplete

# names that stay as they are: of measures, methods, people and of the package
NAMES = (
    *("csindex", "PLS", "AVE", "HTMT", "SRMR", "VIF", "EM", "Cronbach", "ULS", "BC"),
    *("Frobenius", "RATER", "pandas", "Rao", "Wu", "II", "III", "IV", "read_survey"),
    *("Moments", "scale", "low", "high", "incomplete", "pairwise", "mean", "target"),
    *(
        "CB",
        "SEM",
        "MLR",
        "WLSMV",
        "GLS",
        "PLSc",
        "GSCA",
        "csi",
        "results",
        "additions",
    ),
    *("CFI", "TLI", "NFI", "IFI", "RMSEA", "AIC", "BIC", "Huber", "White", "FIML"),
    *(
        "Yuan",
        "Bentler",
        "Satorra",
        "delta",
        "theta",
        "fit_measures",
        "ADF",
        "additions",
    ),
    *("Holm", "Fornell", "Larcker", "ACSI", "NCSI", "ECSI", "TCSI", "HKCSI"),
)


def texts(page: Page) -> Iterator[str]:
    """Yield every text of a page but the publications."""
    head = page.headline
    yield from (page.title, page.subtitle, page.eyebrow, page.contents, page.unit)
    yield from (page.footer, *page.warnings, head.label, head.interval_label)
    yield from (*head.facts, *head.sentences)
    for section in page.sections:
        yield section.title
        for block in section.blocks:
            match block:
                case Table():
                    yield from (block.caption, block.note)
                    yield from (column.title for column in block.columns)
                    source = words("zh")("report.source")
                    for row in block.rows:
                        for column, cell in zip(block.columns, row, strict=True):
                            if column.title != source:
                                yield shown(cell)
                case Figure():
                    yield from (block.caption, block.alt)
                case Bullets() if block.title != words("zh")("report.references"):
                    yield from (block.title, *block.entries)
                case Formula():
                    yield from (block.caption, block.note)
                case Paragraph():
                    yield block.text


def content(
    results: csi.Results | csi.GroupResults,
    language: Language = "zh",
    boot: csi.Bootstrap | None = None,
) -> Page:
    if isinstance(results, csi.GroupResults):
        subject = Subject(results.overall, None, results, None, words(language))
    else:
        subject = Subject(results, boot, None, None, words(language))
    return page_of(subject)


def table_of(page: Page, name: str) -> Table:
    """Return a table of a page."""
    blocks = [block for section in page.sections for block in section.blocks]
    return next(b for b in blocks if isinstance(b, Table) and b.name == name)


def english(page: Page, results: csi.Results | csi.GroupResults) -> list[str]:
    """Return the texts with Latin words that aren't names."""
    overall = results.overall if isinstance(results, csi.GroupResults) else results
    own = {*overall.model.items, *overall.model.construct_names}
    if isinstance(overall.estimator, csi.SecondOrder):
        own |= {*overall.estimator.indicators}
    if overall.survey is not None:
        book = overall.survey.codebook
        own |= {*book.groups, str(book.weights), overall.survey.source, *book.by_name}
    if isinstance(results, csi.GroupResults):
        own |= {str(label) for label in results.labels} | {results.by}
    known = {
        part.lower() for name in {*own, *NAMES} for part in re.split(r"[\W_]+", name)
    }
    found: list[str] = []
    for text in texts(page):
        letters = re.findall(r"[A-Za-z]{2,}[0-9]*", text)
        if any(word.lower() not in known for word in letters):
            found.append(text)
    return found


def bank_model() -> csi.Model:
    """Return the Norwegian model with the bank survey's items."""
    book = csi.load_dataset("bank").codebook
    blocks: dict[str, list[str]] = {}
    for item in book.items:
        blocks.setdefault(item.construct, []).append(item.name)
    return find_model("ncsb_2001").with_items(
        **{k: v for k, v in blocks.items() if k != "complaints"}
    )


def reversed_item() -> csi.Results:
    """Return a fit in which an item has a negative weight."""
    survey = csi.load_dataset("retail")
    codes = survey.frame["WRONGX"]
    frame = survey.frame.assign(WRONGX=11 - codes.where(codes < 90))
    return csi.fit(csi.acsi(), csi.read_survey(frame, codebook=survey.codebook))


def without_scale() -> csi.Results:
    frame = csi.load_dataset("retail").frame
    model = csi.acsi().without("complaints", "loyalty")
    return csi.fit(model, csi.read_survey(frame, missing=(98, 99)))


def tiny_group() -> csi.GroupResults:
    survey = csi.load_dataset("retail")
    frame = survey.frame.assign(G=np.where(np.arange(len(survey)) < 12, "b", "a"))
    answers = csi.read_survey(frame, codebook=survey.codebook)
    with pytest.warns(csi.errors.AnswersWarning):
        return csi.fit(csi.acsi(), answers, by="G")


def bank_fit(incomplete: Incomplete) -> csi.Results:
    """Return a fit with complaint handling, which complainers were asked about."""
    dimensions = ("tangibles", "empathy", "responsiveness", "assurance")
    return fitted(
        bank_model().without(*dimensions), csi.load_dataset("bank"), incomplete
    )


def fitted(model: csi.Model, survey: csi.Survey, incomplete: Incomplete) -> csi.Results:
    told = "All numbers" if incomplete == "listwise" else "more than half"
    with pytest.warns(csi.AnswersWarning, match=told):
        return csi.fit(model, survey, incomplete=incomplete)


@pytest.mark.parametrize("make", [reversed_item, without_scale, tiny_group])
def test_reasons_are_in_chinese(make: object) -> None:
    results = make()  # type: ignore[operator]
    assert english(content(results), results) == []


@pytest.mark.parametrize(
    "incomplete", ["listwise", "pairwise", "pairwise_nearest", "em"]
)
def test_treatments_of_gaps_are_in_chinese(incomplete: Incomplete) -> None:
    results = bank_fit(incomplete)
    assert english(content(results), results) == []


@pytest.mark.parametrize(
    "estimator",
    [
        csi.CBSEM("MLR"),
        csi.CBSEM("GLS", scaling="standardized"),
        csi.CBSEM("WLSMV", ordinal=("OVERALLQ", "CUSTOMQ", "WRONGQ")),
        csi.PLSc(),
        csi.GSCA(),
        csi.PLS(correlations="polychoric"),
        csi.Moderated((csi.interaction("expectation", "quality", on="satisfaction"),)),
        csi.SecondOrder({"goods": ("OVERALLQ", "CUSTOMQ")}),
        csi.SecondOrder({"goods": ("OVERALLQ", "CUSTOMQ")}, way="repeated"),
    ],
    ids=[
        *("MLR", "GLS", "WLSMV", "PLSc", "GSCA", "polychoric", "moderated"),
        *("two-stage", "repeated"),
    ],
)
@pytest.mark.filterwarnings("ignore:the solution is improper or fragile")
@pytest.mark.filterwarnings("ignore:the survey has weights")
def test_other_estimators_are_in_chinese(estimator: csi.Estimator) -> None:
    results = csi.fit(csi.acsi(), csi.load_dataset("retail"), estimator)
    assert english(content(results), results) == []


def test_a_report_on_groups_is_in_chinese() -> None:
    results = csi.fit(csi.hkcsi(), csi.load_dataset("national"), by="sector")
    assert english(content(results), results) == []


def test_changes_of_waves_are_in_chinese() -> None:
    results = csi.fit(csi.acsi(), csi.load_dataset("retail"), by="wave")
    made = csi.bootstrap(results, n=40, seed=1)
    subject = Subject(
        results.overall, made.overall, results, made, words("zh"), waves=True
    )
    page = page_of(subject)
    assert table_of(page, "changes").rows
    assert english(page, results) == []


def test_products_of_items_are_in_chinese() -> None:
    terms = (csi.interaction("expectation", "quality", "satisfaction"),)
    moderated = csi.Moderated(terms, method="product")
    results = csi.fit(csi.acsi(), csi.load_dataset("retail"), moderated)
    assert english(content(results), results) == []


@pytest.mark.parametrize("interval", ["basic", "normal", "bc"])
def test_designs_and_intervals_are_in_chinese(interval: Interval) -> None:
    survey = csi.load_dataset("telecom")
    frame = survey.frame.assign(unit=np.arange(len(survey)) // 5)
    designed = csi.read_survey(
        frame, codebook=survey.codebook, clusters="unit", strata="operator"
    )
    book = survey.codebook
    blocks: dict[str, list[str]] = {}
    for item in book.items:
        blocks.setdefault(item.construct, []).append(item.name)
    chosen = {k: v for k, v in blocks.items() if k in csi.tcsi().construct_names}
    results = csi.fit(csi.tcsi().with_items(**chosen), designed)
    boot = csi.bootstrap(results, n=40, seed=1, interval=interval)
    known = english(content(results, boot=boot), results)
    assert known == []


def test_english_reports_say_the_same_as_results() -> None:
    results = reversed_item()
    (reason,) = [note for note in results.scores["note"] if note]
    page = content(results, "en")
    assert any(reason in warning for warning in page.warnings)


@pytest.mark.parametrize(
    ("incomplete", "treatment"),
    [
        ("listwise", "they are left out"),
        ("pairwise", "comes from those who answered them"),
        ("em", "missing at random"),
    ],
)
def test_reports_name_the_treatment_of_complaints(
    incomplete: Incomplete, treatment: str
) -> None:
    results = bank_fit(incomplete)
    page = content(results, "en")
    table = table_of(page, "asked")
    frame = csi.load_dataset("bank").frame
    asked = int((frame["COMP"] == 1).sum())
    given = frame[["HANDLE1", "HANDLE2"]]
    answered = int((given.notna() & (given < 90)).all(axis=1).sum())
    assert [shown(cell) for cell in table.rows[0]] == [
        "Complaint handling",
        "HANDLE1, HANDLE2",
        "COMP == 1",
        f"{asked:,}",
        f"{answered:,}",
    ]
    assert treatment in table.note
    left_out = [w for w in page.warnings if "everyone else is left out" in w]
    assert bool(left_out) == (incomplete == "listwise")


def test_few_complainers_are_warned_of() -> None:
    survey = csi.load_dataset("national")
    some = csi.Survey(survey.frame.iloc[::5], survey.codebook, "national")
    model = csi.improved().without("affective_commitment", "calculative_commitment")
    results = fitted(model, some, "pairwise_nearest")
    (part,) = asked_parts(results)
    given = some.frame[["complaint_handling_1", "complaint_handling_2"]]
    assert part.answered == (given.notna() & (given < 90)).all(axis=1).sum() < 100
    warned = [w for w in content(results, "en").warnings if "rests on" in w]
    assert warned
    assert f"{part.answered} respondents" in warned[0]


def test_small_groups_are_warned_of() -> None:
    survey = csi.load_dataset("retail")
    labels = pd.Series("large", index=survey.frame.index)
    labels.iloc[:80] = "small"
    answers = csi.read_survey(
        survey.frame.assign(size=labels), codebook=survey.codebook
    )
    results = csi.fit(csi.acsi(), answers, by="size")
    warnings = content(results, "en").warnings
    assert [w for w in warnings if "Fewer than 150" in w and w.count("small") >= 1]
    assert not any("large" in w for w in warnings)


def test_hypothetical_questions_are_named() -> None:
    survey = csi.load_dataset("national")
    assert hypothetical(csi.fit(csi.ecsi_mobi(), survey)) == "complaints"
    assert hypothetical(csi.fit(csi.acsi(), survey)) == ""
    with pytest.warns(csi.AnswersWarning, match="369 of 2000 respondents are used"):
        improved = csi.fit(csi.improved(), survey)
    assert hypothetical(improved) == ""
    page = content(csi.fit(csi.ecsi_mobi(), survey), "en")
    sample = next(s for s in page.sections if s.name == "sample")
    told = [block.text for block in sample.blocks if isinstance(block, Paragraph)]
    assert any("hypothetical" in text for text in told)


def test_measures_of_fit_are_those_of_the_results() -> None:
    results = csi.fit(csi.swics(), csi.load_dataset("national"))
    table = table_of(content(results, "en"), "fit")
    values: list[float] = []
    for _, cell in table.rows:
        number = cell.number if isinstance(cell, Graded) else cell
        assert isinstance(number, Number)
        values.append(number.value)
    assert len(values) > 0
    assert values == results.fit_measures.to_list()
