"""Estimators: from a model and moments to estimates."""

from csindex.estimation.estimates import (
    Estimates,
    Estimator,
    RowEstimator,
    row_estimator,
)
from csindex.estimation.pls import PLS

__all__ = ["PLS", "Estimates", "Estimator", "RowEstimator", "row_estimator"]
