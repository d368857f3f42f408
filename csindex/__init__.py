"""Customer satisfaction indices: models, estimates, scores, inference and reports."""

from csindex.catalog import acsi, ecsi, ecsi_mobi, models
from csindex.codebook import Codebook, read_codebook
from csindex.datasets import datasets, load_dataset
from csindex.diagnostics import Assessment, assess, importance_performance
from csindex.errors import (
    AnswersWarning,
    ConvergenceWarning,
    CsindexError,
    DataError,
    InadmissibleWarning,
    OutputError,
    SpecificationError,
)
from csindex.estimation import PLS, Estimates, Estimator
from csindex.inference import Bootstrap, GroupBootstrap, bootstrap
from csindex.model import Construct, Item, Model, Path, composite, reflective
from csindex.moments import Moments, moments
from csindex.plotting import (
    plot_groups,
    plot_importance_performance,
    plot_model,
    plot_scores,
)
from csindex.report import report
from csindex.results import GroupResults, Results, Statistic, fit
from csindex.survey import Survey, read_survey

__version__ = "0.1.0"

__all__ = [
    "PLS",
    "AnswersWarning",
    "Assessment",
    "Bootstrap",
    "Codebook",
    "Construct",
    "ConvergenceWarning",
    "CsindexError",
    "DataError",
    "Estimates",
    "Estimator",
    "GroupBootstrap",
    "GroupResults",
    "InadmissibleWarning",
    "Item",
    "Model",
    "Moments",
    "OutputError",
    "Path",
    "Results",
    "SpecificationError",
    "Statistic",
    "Survey",
    "acsi",
    "assess",
    "bootstrap",
    "composite",
    "datasets",
    "ecsi",
    "ecsi_mobi",
    "fit",
    "importance_performance",
    "load_dataset",
    "models",
    "moments",
    "plot_groups",
    "plot_importance_performance",
    "plot_model",
    "plot_scores",
    "read_codebook",
    "read_survey",
    "reflective",
    "report",
]
