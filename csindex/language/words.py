"""Texts of one language, read from the TOML files beside this module."""

from __future__ import annotations

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
            name, with spaces for underscores and a capital.

        Examples
        --------
        >>> words("zh").construct("satisfaction")
        '顾客满意'
        >>> words("en").construct("brand_trust")
        'Brand trust'
        """
        if name in self.sections["constructs"]:
            return self.sections["constructs"][name]
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
