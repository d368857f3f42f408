"""Codebooks: scales, missing codes, wording, skip rules and derived items."""

from csindex.codebook.codebook import Codebook, read_codebook
from csindex.codebook.drafting import ColumnGuess, draft, guess_columns
from csindex.codebook.indicators import Indicator
from csindex.codebook.template import codebook_template

__all__ = [
    "Codebook",
    "ColumnGuess",
    "Indicator",
    "codebook_template",
    "draft",
    "guess_columns",
    "read_codebook",
]
