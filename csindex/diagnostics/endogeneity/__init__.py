"""Endogeneity: whether a construct's error goes together with what drives it."""

from csindex.diagnostics.endogeneity.copulas import CopulaCheck, gaussian_copula
from csindex.diagnostics.endogeneity.two_stage import (
    Instrumented,
    two_stage_least_squares,
)

__all__ = [
    "CopulaCheck",
    "Instrumented",
    "gaussian_copula",
    "two_stage_least_squares",
]
