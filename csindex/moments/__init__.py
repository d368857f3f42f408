"""Moments: the means and covariances that every estimate is made from."""

from csindex.moments.asking import FEWEST_BUCKETS
from csindex.moments.division import Division
from csindex.moments.making import moments
from csindex.moments.moments import Moments
from csindex.moments.samples import group_problems, moments_of, split, stacked
from csindex.moments.sums import Sums
from csindex.moments.values import value_problems

__all__ = [
    "FEWEST_BUCKETS",
    "Division",
    "Moments",
    "Sums",
    "group_problems",
    "moments",
    "moments_of",
    "split",
    "stacked",
    "value_problems",
]
