"""Plots of models, scores, drivers, groups and the hierarchy."""

from csindex.plotting.diagram import plot_model
from csindex.plotting.drivers import plot_importance_performance
from csindex.plotting.hierarchy import plot_hierarchy
from csindex.plotting.scores import plot_groups, plot_scores

__all__ = [
    "plot_groups",
    "plot_hierarchy",
    "plot_importance_performance",
    "plot_model",
    "plot_scores",
]
