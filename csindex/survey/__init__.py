"""Surveys: answers, their codebook, and the readers of files and frames."""

from csindex.survey.survey import Answers, Survey, read_survey

__all__ = ["Answers", "Survey", "read_survey"]
