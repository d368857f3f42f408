"""Moments: the means and covariances that every estimate is made from."""

from csindex.moments.making import (
    group_problems,
    moments,
    moments_of,
    split,
    stacked,
)
from csindex.moments.moments import Moments, value_problems

__all__ = [
    "Moments",
    "group_problems",
    "moments",
    "moments_of",
    "split",
    "stacked",
    "value_problems",
]
