"""Estimators: from a model and moments to estimates."""

from csindex.estimation.estimates import Estimates, Estimator
from csindex.estimation.pls import PLS

__all__ = ["PLS", "Estimates", "Estimator"]
