"""Estimators: from a model and moments to estimates."""

from csindex.estimation.component import PCA
from csindex.estimation.consistent import PLSc
from csindex.estimation.estimates import (
    Estimates,
    Estimator,
    RowEstimator,
    row_estimator,
)
from csindex.estimation.gcca import GCCA
from csindex.estimation.gsca import GSCA
from csindex.estimation.pls import PLS
from csindex.estimation.unit import UnitWeights

__all__ = [
    "GCCA",
    "GSCA",
    "PCA",
    "PLS",
    "Estimates",
    "Estimator",
    "PLSc",
    "RowEstimator",
    "UnitWeights",
    "row_estimator",
]
