"""Covariance-based structural equation modelling, on the same models as PLS."""

from csindex.estimation.cbsem.estimator import CBSEM
from csindex.estimation.cbsem.solution import CovarianceEstimates

__all__ = ["CBSEM", "CovarianceEstimates"]
