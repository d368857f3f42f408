"""Texts of one language, read from the TOML files beside this module."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

from csindex.errors import SpecificationError, unknown
from csindex.language.visible import visible

Language = Literal["en", "zh"]
LANGUAGES: tuple[str, ...] = get_args(Language)

# a place for a name or number in a text that re.escape has gone over
_PLACE = re.compile(r"\\\{(\w+)\\\}")


@dataclass(frozen=True, eq=False, repr=False)
class Words:
    """The texts of one language; made by `words`.

    Attributes
    ----------
    language : {"en", "zh"}
        The language.
    sections : mapping of str to mapping
        The texts by section and key.
    """

    language: Language
    sections: Mapping[str, Mapping[str, str]]

    def __repr__(self) -> str:
        return f"Words({self.language!r})"

    def __call__(self, key: str, **values: object) -> str:
        """Return a text.

        Parameters
        ----------
        key : str
            Section and key, as ``"plot.score"``.
        **values : object
            What the text's braces stand for.

        Returns
        -------
        str
            The text.

        Examples
        --------
        >>> words("en")("plot.overall", value="72.9")
        'Overall 72.9'
        """
        section, _, name = key.partition(".")
        text = self.sections[section][name]
        return text.format(**values) if values else text

    def construct(self, name: str) -> str:
        """Return the display name of a construct.

        Parameters
        ----------
        name : str
            The construct.

        Returns
        -------
        str
            Its name in this language; a construct that isn't known keeps its own
            name, with spaces for underscores and a capital. A product of two, as
            ``"image*value"``, has both names.

        Examples
        --------
        >>> words("zh").construct("satisfaction")
        '顾客满意'
        >>> words("en").construct("brand_trust")
        'Brand trust'
        """
        if name in self.sections["constructs"]:
            return self.sections["constructs"][name]
        if all(parts := name.split("*")) and len(parts) > 1:
            return " \u00d7 ".join(map(self.construct, parts))
        plain = visible(name).replace("_", " ").strip() or visible(name)
        return plain[:1].upper() + plain[1:]

    def term(self, section: str, text: str) -> str:
        """Return a text of the package in this language, or as it is.

        Parameters
        ----------
        section : str
            Where its translations are: ``"settings"``, ``"flow"``.
        text : str
            A text that a result carries, as ``"outer weights"``.

        Returns
        -------
        str
            Its translation; the text itself when there is none.

        Examples
        --------
        >>> words("en").term("flow", "used")
        'Used in the estimate'
        """
        return self.sections[section].get(text, text)

    def phrase(self, section: str, text: str) -> str:
        """Return a text of the package, with names or numbers in it, in this language.

        Parameters
        ----------
        section : str
            Where its translations are: ``"values"``, ``"titles"``.
        text : str
            A text that a result carries, as ``"1000, of respondents"``.

        Returns
        -------
        str
            The translation: of the whole text, else part by part between semicolons,
            then between commas. What has none stays as it is.

        Examples
        --------
        >>> words("zh").phrase("values", "7 not converged")
        '7次未收敛'
        """
        if text in self.sections[section]:
            return self.sections[section][text]
        for template in _templates(self.language, section):
            if found := template.pattern.fullmatch(text):
                return template.told(found)
        for mark, joint in (("; ", "marks.semicolon"), (", ", "marks.comma")):
            if mark in text:
                parts = [self.phrase(section, part) for part in text.split(mark)]
                return self(joint).join(parts)
        return text

    def reason(self, text: str) -> str:
        """Return a reason that the package gives in this language.

        Parameters
        ----------
        text : str
            One or several sentences without a capital, as a result's notes.

        Returns
        -------
        str
            The text with every sentence translated that has a translation; the names
            in it stay as they are.

        Examples
        --------
        >>> words("zh").reason("item 'q1' is constant")
        "题项 'q1' 的回答没有变化"
        """
        for template in _templates(self.language, "reasons"):
            text = template.pattern.sub(template.told, text)
        return text.replace("; ", self("marks.semicolon"))


@dataclass(frozen=True)
class _Template:
    """A text with places for names and numbers, and its translation."""

    pattern: re.Pattern[str]
    text: str

    def told(self, found: re.Match[str]) -> str:
        """Return the translation of what the pattern found."""
        return self.text.format(**found.groupdict())


@cache
def _templates(language: Language, section: str) -> tuple[_Template, ...]:
    """Return the templates of a section, the longest first."""
    texts = words(language).sections[section]
    # reasons hold lists of names; the parts of a value are told apart by commas
    filler = r"(?P<\1>[^;]+?)" if section == "reasons" else r"(?P<\1>[^;,]+?)"
    return tuple(
        _Template(re.compile(_PLACE.sub(filler, re.escape(key))), texts[key])
        for key in sorted(texts, key=len, reverse=True)
        if section == "reasons" or "{" in key
    )


def words(language: Language = "en") -> Words:
    """Return the texts of a language.

    Parameters
    ----------
    language : {"en", "zh"}
        English or Chinese.

    Returns
    -------
    Words
        The texts.

    Raises
    ------
    SpecificationError
        For a language that isn't there.

    Examples
    --------
    >>> words("en").construct("complaint_handling")
    'Complaint handling'
    """
    if language not in LANGUAGES:
        raise SpecificationError(
            unknown("language", [str(language)], LANGUAGES, "in language=")
        )
    return _read(language)


@cache
def _read(language: Language) -> Words:
    source = files("csindex.language") / f"{language}.toml"
    return Words(language, tomllib.loads(source.read_text(encoding="utf-8")))
