"""Codebooks: scales, missing codes, wording, skip rules and derived items."""

from csindex.codebook.codebook import Codebook, read_codebook

__all__ = ["Codebook", "read_codebook"]
