"""Reports: everything about a fit on one page."""

from csindex.report.report import report

__all__ = ["report"]
