"""Inference of covariance structures: difference tests and the invariance ladder."""
