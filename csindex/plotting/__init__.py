"""Plots of models, scores, drivers, groups, waves, plans and the hierarchy."""

from csindex.plotting.changes import plot_changes
from csindex.plotting.diagram import plot_model
from csindex.plotting.drivers import plot_importance_performance
from csindex.plotting.hierarchy import plot_hierarchy
from csindex.plotting.power import plot_power
from csindex.plotting.scores import plot_groups, plot_scores
from csindex.plotting.scree import plot_scree

__all__ = [
    "plot_changes",
    "plot_groups",
    "plot_hierarchy",
    "plot_importance_performance",
    "plot_model",
    "plot_power",
    "plot_scores",
    "plot_scree",
]
