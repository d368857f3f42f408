"""Scores on 0-100, as pure functions of estimates."""

from csindex.scoring.scores import (
    construct_scores,
    index_score,
    item_shares,
    negative_weights,
    point_effects,
    respondent_scores,
    score_sds,
)

__all__ = [
    "construct_scores",
    "index_score",
    "item_shares",
    "negative_weights",
    "point_effects",
    "respondent_scores",
    "score_sds",
]
