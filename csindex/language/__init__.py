"""The words of plots and reports, in each language."""

from csindex.language.visible import shortened, visible
from csindex.language.words import LANGUAGES, Language, Words, words

__all__ = ["LANGUAGES", "Language", "Words", "shortened", "visible", "words"]
