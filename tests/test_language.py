"""Tests of the texts in each language."""

from __future__ import annotations

import re
import string

import pytest

from csindex.catalog import CATALOG
from csindex.diagnostics import thresholds
from csindex.diagnostics.thresholds import Criterion
from csindex.errors import SpecificationError
from csindex.language import LANGUAGES, Language, Words, shortened, visible, words


def keys(text: Words) -> set[tuple[str, str]]:
    return {
        (section, key) for section in text.sections for key in text.sections[section]
    }


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_keys(language: Language) -> None:
    assert keys(words(language)) == keys(words("en"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_takes_the_same_values(language: Language) -> None:
    english = words("en")
    for section, key in keys(english):
        text = words(language).sections[section][key]
        assert text.strip(), (section, key)
        # a language may leave a value out, but must not ask for another one
        assert placeholders(text) <= placeholders(english.sections[section][key])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_construct_of_the_catalogue_has_a_name(language: Language) -> None:
    for model in CATALOG.values():
        for name in model.construct_names:
            assert name in words(language).sections["constructs"], name


def test_an_unknown_construct_keeps_its_name() -> None:
    assert words("zh").construct("brand_trust") == "Brand trust"
    assert words("en").construct("eWOM") == "EWOM"
    assert words("en").construct("_") == "_"


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(SpecificationError, match=r"unknown language 'de'.*'en', 'zh'"):
        words("de")  # type: ignore[arg-type]


def test_values_with_braces_are_not_templates() -> None:
    assert words("en")("plot.overall", value="{x.__class__}") == "Overall {x.__class__}"


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("a\nb\tc", "a b c"),
        ("a\x00b", "a\ufffdb"),
        ("a\u202eb", "a\ufffdb"),
        ("\ud800", "\ufffd"),
        (7, "7"),
        ("感知质量", "感知质量"),
    ],
)
def test_labels_hide_nothing(label: object, shown: str) -> None:
    assert visible(label) == shown


def test_long_labels_are_cut() -> None:
    assert shortened("x" * 50, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("left out; 0 not converged", "舍去\N{FULLWIDTH SEMICOLON}0次未收敛"),
        ("60, of whole clusters", "60\N{FULLWIDTH COMMA}按整群"),
        ("A for q2; A for the rest", "q2为模式A\N{FULLWIDTH SEMICOLON}其余为模式A"),
        ("a text of nobody", "a text of nobody"),
    ],
)
def test_phrases_are_translated_part_by_part(text: str, told: str) -> None:
    assert words("zh").phrase("values", text) == told
    assert words("en").phrase("values", text) == text


def test_reasons_keep_the_names_in_them() -> None:
    both = "item 'q1', 'q2' is constant; item 'q3' has no answers"
    told = words("zh").reason(both)
    assert all(f"'{name}'" in told for name in ("q1", "q2", "q3"))
    assert "constant" not in told
    assert "answers" not in told
    assert words("en").reason(both) == both


@pytest.mark.parametrize("name", CATALOG)
def test_titles_of_models_are_translated(name: str) -> None:
    title = CATALOG[name].title
    assert words("en").phrase("titles", title) == title
    told = words("zh").phrase("titles", title)
    assert any("\u4e00" <= character <= "\u9fff" for character in told)


# measures as they are printed, where the thresholds name them as tables do
PRINTED = {
    "rho_a": "\N{GREEK SMALL LETTER RHO}A",
    "rho_c": "\N{GREEK SMALL LETTER RHO}C",
    "omega": "ω",
    "ratios of htmt": "HTMT ratios",
    "srmr_saturated": "the SRMR of the measurement model",
}


def test_explanations_are_those_of_the_thresholds() -> None:
    criteria = [c for c in vars(thresholds).values() if isinstance(c, Criterion)]
    expected = {c.name: c.meaning for c in criteria}
    for name, printed in PRINTED.items():
        expected = {k: v.replace(name, printed) for k, v in expected.items()}
    assert words("en").sections["explanations"] == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_explanations_use_no_names_of_columns(language: Language) -> None:
    columns = re.compile(r"[a-z]+_[a-z]+|\bhtmt\b|\bomega\b")
    texts = words(language).sections["explanations"].values()
    assert not [text for text in texts if columns.search(text)]
