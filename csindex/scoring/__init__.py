"""Scores on 0-100: of a model, of trees of indicators, of companies and nations."""

from csindex.scoring.aggregation import Level, aggregate, rounded
from csindex.scoring.benchmarks import Benchmarks
from csindex.scoring.composite import (
    CompositeIndex,
    composite_index,
    weight_sensitivity,
)
from csindex.scoring.scores import (
    construct_scores,
    index_score,
    item_shares,
    negative_weights,
    point_effects,
    respondent_scores,
    score_sds,
)
from csindex.scoring.second_order import SecondOrder
from csindex.scoring.tree import Tree, model_tree, read_tree
from csindex.scoring.weighting import (
    Weighting,
    ahp_weights,
    component_weights,
    constant_sum_weights,
    critic_weights,
    direct_weights,
    entropy_weights,
    equal_weights,
)

__all__ = [
    "Benchmarks",
    "CompositeIndex",
    "Level",
    "SecondOrder",
    "Tree",
    "Weighting",
    "aggregate",
    "ahp_weights",
    "component_weights",
    "composite_index",
    "constant_sum_weights",
    "construct_scores",
    "critic_weights",
    "direct_weights",
    "entropy_weights",
    "equal_weights",
    "index_score",
    "item_shares",
    "model_tree",
    "negative_weights",
    "point_effects",
    "read_tree",
    "respondent_scores",
    "rounded",
    "score_sds",
    "weight_sensitivity",
]
