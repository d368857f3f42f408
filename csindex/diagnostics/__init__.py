"""Diagnostics: measurement quality, and what moves the index."""

from csindex.diagnostics.assessment import Assessment, assess
from csindex.diagnostics.importance import REGIONS, importance_performance, region_of
from csindex.diagnostics.statistics import HTMT, RELIABILITY, drivers, importance

__all__ = [
    "HTMT",
    "REGIONS",
    "RELIABILITY",
    "Assessment",
    "assess",
    "drivers",
    "importance",
    "importance_performance",
    "region_of",
]
