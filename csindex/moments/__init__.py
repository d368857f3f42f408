"""Moments: the means and covariances that every estimate is made from."""

from csindex.moments.making import FEWEST_BUCKETS, moments
from csindex.moments.moments import Moments, value_problems
from csindex.moments.samples import group_problems, moments_of, split, stacked
from csindex.moments.sums import Sums

__all__ = [
    "FEWEST_BUCKETS",
    "Moments",
    "Sums",
    "group_problems",
    "moments",
    "moments_of",
    "split",
    "stacked",
    "value_problems",
]
