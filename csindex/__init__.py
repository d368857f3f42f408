"""Customer satisfaction indices: models, estimates, scores, inference and reports."""

from csindex.catalog import (
    acsi,
    ccsi,
    ecsi,
    ecsi_mobi,
    epsi,
    hkcsi,
    improved,
    models,
    ncsb,
    ncsb_2001,
    ncsi,
    scsb,
    swics,
    tcsi,
    tcsi_2006,
    with_complaint_handling,
    with_image_consequence,
    with_loyalty_facets,
    with_price,
    with_rater,
)
from csindex.codebook import Codebook, Indicator, read_codebook
from csindex.codebook import draft as draft_codebook
from csindex.datasets import datasets, load_dataset
from csindex.diagnostics import Assessment, assess, importance_performance, q_squared
from csindex.diagnostics.asymmetry import impact_asymmetry
from csindex.diagnostics.common_method import CommonMethod, Marker, common_method
from csindex.diagnostics.covariance import (
    explain,
    factor_scores,
    model_reliability,
    modification_indices,
    residuals,
)
from csindex.diagnostics.endogeneity import (
    CopulaCheck,
    Instrumented,
    gaussian_copula,
    two_stage_least_squares,
)
from csindex.diagnostics.instrument import (
    InstrumentValidation,
    NonResponse,
    validate_instrument,
)
from csindex.diagnostics.kano import kano
from csindex.diagnostics.necessity import NecessaryConditions, necessary_conditions
from csindex.diagnostics.second_opinion import SecondOpinion, second_opinion
from csindex.diagnostics.shares import relative_importance, relative_weights
from csindex.diagnostics.slopes import SimpleSlopes, simple_slopes
from csindex.diagnostics.tetrads import Tetrads, tetrad_statistic, tetrads
from csindex.errors import (
    AnswersWarning,
    ConvergenceWarning,
    CsindexError,
    DataError,
    InadmissibleWarning,
    OutputError,
    SpecificationError,
)
from csindex.estimation import GSCA, PCA, PLS, Estimates, Estimator, PLSc, UnitWeights
from csindex.estimation.cbsem import CBSEM
from csindex.estimation.moderated import Moderated
from csindex.estimation.terms import Term, interaction, quadratic
from csindex.inference import (
    Bootstrap,
    Comparison,
    ExactFit,
    GroupBootstrap,
    Imputation,
    SamplingErrors,
    bootstrap,
    compare,
    exact_fit,
    hypotheses,
    jackknife,
    linearized,
    multiple_imputation,
    replicate_weights,
)
from csindex.inference.budget import Investment, best_investment
from csindex.inference.covariance.bollen_stine import BollenStine, bollen_stine
from csindex.inference.covariance.difference_test import DifferenceTest, difference_test
from csindex.inference.covariance.ladder import InvarianceLadder, invariance
from csindex.inference.groups.comparing import compare_groups
from csindex.inference.groups.differences import GroupComparison
from csindex.inference.multiplicity import benjamini_hochberg, holm
from csindex.inference.planning.planning import SamplePlan, plan
from csindex.inference.planning.sample_sizes import sample_size_rules
from csindex.inference.prediction.plspredict import Prediction, predict
from csindex.inference.regions import region_probabilities
from csindex.inference.segments import Segmentation, SegmentProfile, segments
from csindex.inference.waves import IndexChange, index_change, index_changes
from csindex.model import (
    Construct,
    Item,
    Model,
    Path,
    composite,
    read_model,
    reflective,
)
from csindex.moments import Moments, moments
from csindex.plotting import (
    plot_changes,
    plot_groups,
    plot_hierarchy,
    plot_importance_performance,
    plot_model,
    plot_power,
    plot_scores,
    plot_scree,
)
from csindex.plotting.slopes import plot_slopes
from csindex.report import report
from csindex.results import GroupResults, Results, Statistic, fit
from csindex.results.hierarchy import check_principles, sem_index
from csindex.scoring import (
    Benchmarks,
    CompositeIndex,
    Level,
    SecondOrder,
    Weighting,
    aggregate,
    ahp_weights,
    component_weights,
    composite_index,
    constant_sum_weights,
    critic_weights,
    direct_weights,
    entropy_weights,
    equal_weights,
    weight_sensitivity,
)
from csindex.scoring.rules import kcsi_score, ukcsi_score
from csindex.survey import Survey, read_survey

__version__ = "0.1.0"

__all__ = [
    "CBSEM",
    "GSCA",
    "PCA",
    "PLS",
    "AnswersWarning",
    "Assessment",
    "Benchmarks",
    "BollenStine",
    "Bootstrap",
    "Codebook",
    "CommonMethod",
    "Comparison",
    "CompositeIndex",
    "Construct",
    "ConvergenceWarning",
    "CopulaCheck",
    "CsindexError",
    "DataError",
    "DifferenceTest",
    "Estimates",
    "Estimator",
    "ExactFit",
    "GroupBootstrap",
    "GroupComparison",
    "GroupResults",
    "Imputation",
    "InadmissibleWarning",
    "IndexChange",
    "Indicator",
    "InstrumentValidation",
    "Instrumented",
    "InvarianceLadder",
    "Investment",
    "Item",
    "Level",
    "Marker",
    "Model",
    "Moderated",
    "Moments",
    "NecessaryConditions",
    "NonResponse",
    "OutputError",
    "PLSc",
    "Path",
    "Prediction",
    "Results",
    "SamplePlan",
    "SamplingErrors",
    "SecondOpinion",
    "SecondOrder",
    "SegmentProfile",
    "Segmentation",
    "SimpleSlopes",
    "SpecificationError",
    "Statistic",
    "Survey",
    "Term",
    "Tetrads",
    "UnitWeights",
    "Weighting",
    "acsi",
    "aggregate",
    "ahp_weights",
    "assess",
    "benjamini_hochberg",
    "best_investment",
    "bollen_stine",
    "bootstrap",
    "ccsi",
    "check_principles",
    "common_method",
    "compare",
    "compare_groups",
    "component_weights",
    "composite",
    "composite_index",
    "constant_sum_weights",
    "critic_weights",
    "datasets",
    "difference_test",
    "direct_weights",
    "draft_codebook",
    "ecsi",
    "ecsi_mobi",
    "entropy_weights",
    "epsi",
    "equal_weights",
    "exact_fit",
    "explain",
    "factor_scores",
    "fit",
    "gaussian_copula",
    "hkcsi",
    "holm",
    "hypotheses",
    "impact_asymmetry",
    "importance_performance",
    "improved",
    "index_change",
    "index_changes",
    "interaction",
    "invariance",
    "jackknife",
    "kano",
    "kcsi_score",
    "linearized",
    "load_dataset",
    "model_reliability",
    "models",
    "modification_indices",
    "moments",
    "multiple_imputation",
    "ncsb",
    "ncsb_2001",
    "ncsi",
    "necessary_conditions",
    "plan",
    "plot_changes",
    "plot_groups",
    "plot_hierarchy",
    "plot_importance_performance",
    "plot_model",
    "plot_power",
    "plot_scores",
    "plot_scree",
    "plot_slopes",
    "predict",
    "q_squared",
    "quadratic",
    "read_codebook",
    "read_model",
    "read_survey",
    "reflective",
    "region_probabilities",
    "relative_importance",
    "relative_weights",
    "replicate_weights",
    "report",
    "residuals",
    "sample_size_rules",
    "scsb",
    "second_opinion",
    "segments",
    "sem_index",
    "simple_slopes",
    "swics",
    "tcsi",
    "tcsi_2006",
    "tetrad_statistic",
    "tetrads",
    "two_stage_least_squares",
    "ukcsi_score",
    "validate_instrument",
    "weight_sensitivity",
    "with_complaint_handling",
    "with_image_consequence",
    "with_loyalty_facets",
    "with_price",
    "with_rater",
]
