"""Surveys: answers, their codebook, and the readers of files and frames."""

from csindex.survey.gaps import Incomplete, check_treatment
from csindex.survey.survey import Answers, Survey, read_survey

__all__ = ["Answers", "Incomplete", "Survey", "check_treatment", "read_survey"]
