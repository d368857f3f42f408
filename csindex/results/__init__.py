"""Results: fits as labelled tables, and the statistics behind them."""

from csindex.results.fitting import fit
from csindex.results.groups import GroupResults, one_fit
from csindex.results.results import Results
from csindex.results.statistics import Statistic

__all__ = ["GroupResults", "Results", "Statistic", "fit", "one_fit"]
