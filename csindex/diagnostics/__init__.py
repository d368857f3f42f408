"""Diagnostics: measurement quality, fit, and what moves the index."""

from csindex.diagnostics.admissibility import admissibility
from csindex.diagnostics.assessment import Assessment, assess
from csindex.diagnostics.blindfolding import q_squared
from csindex.diagnostics.importance import REGIONS, importance_performance, region_of
from csindex.diagnostics.quality import (
    CROSS_LOADINGS,
    F_SQUARED,
    FIT,
    FORNELL_LARCKER,
    FULL_COLLINEARITY,
    GOF,
    HTMT2,
    IMPROPER,
    INDICATOR_RELIABILITY,
    OMEGA,
    R_SQUARED_ADJUSTED,
    VIF,
)
from csindex.diagnostics.statistics import HTMT, RELIABILITY, drivers, importance

__all__ = [
    "CROSS_LOADINGS",
    "FIT",
    "FORNELL_LARCKER",
    "FULL_COLLINEARITY",
    "F_SQUARED",
    "GOF",
    "HTMT",
    "HTMT2",
    "IMPROPER",
    "INDICATOR_RELIABILITY",
    "OMEGA",
    "REGIONS",
    "RELIABILITY",
    "R_SQUARED_ADJUSTED",
    "VIF",
    "Assessment",
    "admissibility",
    "assess",
    "drivers",
    "importance",
    "importance_performance",
    "q_squared",
    "region_of",
]
