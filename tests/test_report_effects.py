"""Tests of what reports say of changes between waves and of moderated effects."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.diagnostics.slopes import simple_slopes
from csindex.estimation.terms import interaction, quadratic
from csindex.inference.waves import index_change
from csindex.language import Language, words
from csindex.report.blocks import Figure, Number, Page, Paragraph, Table, shown
from csindex.report.excel import excel
from csindex.report.markdown import markdown
from csindex.report.report import page as page_of
from csindex.report.subject import Subject

TERMS = (
    interaction("expectation", "quality", "satisfaction"),
    quadratic("value", "satisfaction"),
)


@pytest.fixture(scope="module")
def waves() -> csi.GroupBootstrap:
    survey = csi.load_dataset("retail")
    fits = csi.fit(csi.acsi(), survey, by="wave")
    made = csi.bootstrap(fits, n=60, seed=2)
    assert isinstance(made, csi.GroupBootstrap)
    return made


@pytest.fixture(scope="module")
def moderated() -> csi.Bootstrap:
    results = csi.fit(csi.acsi(), csi.load_dataset("retail"), csi.Moderated(TERMS))
    return csi.bootstrap(results, n=60, seed=2)


def of_waves(boot: csi.GroupBootstrap, language: Language = "en") -> Page:
    overall = boot.overall
    return page_of(
        Subject(overall.results, overall, boot.results, boot, words(language), True)
    )


def of_fit(boot: csi.Bootstrap, language: Language = "en") -> Page:
    return page_of(Subject(boot.results, boot, None, None, words(language)))


def table_of(page: Page, name: str) -> Table:
    blocks = [block for section in page.sections for block in section.blocks]
    return next(b for b in blocks if isinstance(b, Table) and b.name == name)


def figures_of(page: Page) -> dict[str, Figure]:
    blocks = [block for section in page.sections for block in section.blocks]
    return {block.name: block for block in blocks if isinstance(block, Figure)}


def test_changes_are_those_of_the_waves(waves: csi.GroupBootstrap) -> None:
    page = of_waves(waves)
    table = table_of(page, "changes")
    members = list(waves.members.items())
    assert len(table.rows) == len(members) - 1
    for row, ((a, first), (b, second)) in zip(
        table.rows, pairwise(members), strict=True
    ):
        change = index_change(first, second)
        assert shown(row[0]).replace("\N{NO-BREAK SPACE}", " ") == f"{a} \u2192 {b}"
        numbers = [cell.value for cell in row if isinstance(cell, Number)]
        estimate, p, _, from_means, from_weights = numbers
        assert_allclose([estimate, p], [change.estimate, change.p])
        assert_allclose(from_means + from_weights, estimate)
    assert b"<svg" in figures_of(page)["changes"].picture.svg


def test_only_waves_have_changes(waves: csi.GroupBootstrap) -> None:
    overall = waves.overall
    subject = Subject(overall.results, overall, waves.results, waves, words("en"))
    assert "changes" not in [section.name for section in page_of(subject).sections]


def test_a_wave_without_index_says_why(waves: csi.GroupBootstrap) -> None:
    results = waves.results
    last = list(results.members)[-1]
    one = replace(results, members={last: results.members[last]})
    subject = Subject(results.overall, None, one, None, words("en"), True)
    section = next(s for s in page_of(subject).sections if s.name == "changes")
    assert isinstance(section.blocks[0], Paragraph)
    assert "can't be compared" in section.blocks[0].text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_slopes_are_those_of_the_terms(
    moderated: csi.Bootstrap, language: Language
) -> None:
    page = of_fit(moderated, language)
    table = table_of(page, "slopes")
    expected = [
        row.estimate
        for term in TERMS
        for row in simple_slopes(moderated.results, term).slopes.itertuples()
    ]
    found = [row[4].value for row in table.rows if isinstance(row[4], Number)]
    assert_allclose(found, expected)
    assert {"slopes-1", "slopes-2"} <= set(figures_of(page))
    levels = [shown(row[3]) for row in table.rows]
    assert f"({words(language)('report.at_mean')})" in levels[1]


def test_products_of_items_have_no_slopes_and_say_so() -> None:
    results = csi.fit(
        csi.acsi(),
        csi.load_dataset("retail"),
        csi.Moderated(TERMS[:1], method="product"),
    )
    page = page_of(Subject(results, None, None, None, words("en")))
    told = [b.text for s in page.sections for b in s.blocks if isinstance(b, Paragraph)]
    assert words("en")("report.no_slopes") in told
    assert not [name for name in figures_of(page) if name.startswith("slopes")]


def test_measures_that_no_construct_of_several_items_has_are_left_out() -> None:
    results = csi.fit(csi.acsi(), csi.load_dataset("retail"), csi.CBSEM("MLR"))
    page = page_of(Subject(results, None, None, None, words("en")))
    titles = [column.title for column in table_of(page, "reliability").columns]
    assert words("en")("measures.rho_a") not in titles
    assert words("en")("measures.rho_c") in titles
    # a p-value that is rounded to nothing is below something
    rows = {shown(row[0]): shown(row[1]) for row in table_of(page, "fit").rows}
    assert rows["p (χ²)"] == "< 0.001"


def test_numbers_scales_and_verdicts_stay_in_one_line(
    waves: csi.GroupBootstrap,
) -> None:
    text = markdown(of_waves(waves), "pictures").text
    intervals = [part for part in text.splitlines() if part.startswith("| ")]
    assert any("\\[" in line for line in intervals)
    assert not any(", " in cell for line in intervals for cell in _intervals(line))
    assert "1\u2060\u2013\u206010" in text
    assert "\u25cf\N{NO-BREAK SPACE}as\N{NO-BREAK SPACE}expected" in text


def _intervals(line: str) -> list[str]:
    return [cell for cell in line.split(" | ") if cell.startswith("\\[")]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_sheet_has_a_name_in_the_language(
    waves: csi.GroupBootstrap, moderated: csi.Bootstrap, language: Language
) -> None:
    named = words(language).sections["sheets"]
    for page in (of_waves(waves, language), of_fit(moderated, language)):
        tables = [b for s in page.sections for b in s.blocks if isinstance(b, Table)]
        assert not {table.name for table in tables} - set(named)
    assert excel(of_fit(moderated, language))
