"""Codebooks: scales, missing codes, wording, skip rules and derived items."""

from csindex.codebook.codebook import Codebook, read_codebook
from csindex.codebook.drafting import ColumnGuess, draft, guess_columns
from csindex.codebook.indicators import Indicator

__all__ = [
    "Codebook",
    "ColumnGuess",
    "Indicator",
    "draft",
    "guess_columns",
    "read_codebook",
]
