"""Surveys: answers, their codebook, and the readers of files and frames."""

from csindex.survey.answers import Answers
from csindex.survey.drafting import draft_codebook
from csindex.survey.gaps import Incomplete, check_treatment
from csindex.survey.survey import Survey, read_survey

__all__ = [
    "Answers",
    "Incomplete",
    "Survey",
    "check_treatment",
    "draft_codebook",
    "read_survey",
]
