"""Inference: how sure the numbers are."""

from csindex.inference.bootstrap import bootstrap
from csindex.inference.comparison import compare
from csindex.inference.design import (
    SamplingErrors,
    jackknife,
    linearized,
    replicate_weights,
)
from csindex.inference.distributions import Bootstrap
from csindex.inference.exact_fit import ExactFit, exact_fit
from csindex.inference.group_bootstrap import GroupBootstrap
from csindex.inference.hypotheses import hypotheses
from csindex.inference.imputation import Imputation, multiple_imputation
from csindex.inference.preferences import Comparison

__all__ = [
    "Bootstrap",
    "Comparison",
    "ExactFit",
    "GroupBootstrap",
    "Imputation",
    "SamplingErrors",
    "bootstrap",
    "compare",
    "exact_fit",
    "hypotheses",
    "jackknife",
    "linearized",
    "multiple_imputation",
    "replicate_weights",
]
