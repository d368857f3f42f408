"""How a bootstrap is made: its options, and what its settings say of them."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from csindex.errors import SpecificationError, quoted
from csindex.inference.buckets import Method
from csindex.inference.intervals import Interval, least
from csindex.inference.stack import Draws

Failed = Literal["drop", "keep", "replace", "drop_improper"]
_FAILED = {
    "drop": "left out",
    "keep": "kept unless inadmissible",
    "replace": "left out, others drawn for them",
    "drop_improper": "left out, improper ones too",
}


@dataclass(frozen=True)
class Options:
    """How intervals are made from resampled values.

    Attributes
    ----------
    interval : str
        Kind of interval.
    level : float
        Confidence level.
    inner : int
        Resamples within each resample, for studentized intervals.
    failed : str
        What becomes of resamples that failed.
    method : str
        Whether resamples or moments are drawn.
    """

    interval: Interval
    level: float
    inner: int
    failed: Failed
    method: Method = "resample"


def check_options(n: int, seed: int | None, options: Options) -> None:
    """Refuse options that a bootstrap can't have.

    Parameters
    ----------
    n : int
        Number of resamples.
    seed : int, optional
        Seed.
    options : Options
        The others.

    Raises
    ------
    SpecificationError
        With all problems.
    """
    kinds = get_args(Interval)
    problems = [
        f"{name} must be a whole number of 0 or more, not {value!r}"
        for name, value in (("n", n), ("seed", seed), ("inner", options.inner))
        if value is not None
        and not (isinstance(value, (int, np.integer)) and value >= 0)
    ]
    if not isinstance(options.level, numbers.Real):
        problems.append(f"level must be a number, not {options.level!r}")
    if problems:
        raise SpecificationError([f"bootstrap: {p}" for p in problems])
    if options.interval not in kinds:
        problems.append(
            f"unknown interval {options.interval!r}; there are {quoted(kinds)}"
        )
    if not 0 < options.level < 1:
        problems.append(f"level must lie between 0 and 1, not {options.level}")
    elif n < (fewest := least(options.level)):
        problems.append(
            f"{n} resamples are too few for level {options.level:g}; use at least "
            f"{fewest}, better 1000 or more"
        )
    if options.failed not in get_args(Failed):
        problems.append(
            f"unknown treatment failed={options.failed!r}; there are "
            f"{quoted(get_args(Failed))}"
        )
    if options.method not in get_args(Method):
        problems.append(
            f"unknown method {options.method!r}; there are {quoted(get_args(Method))}"
        )
    if options.method == "normal" and options.interval == "studentized":
        problems.append(
            "studentized intervals resample the resamples, which method='normal' "
            "doesn't have; take another interval"
        )
    if options.inner < 2:
        problems.append(f"inner must be 2 or more, not {options.inner}")
    if problems:
        raise SpecificationError([f"bootstrap: {p}" for p in problems])


def draw_settings(draws: Draws, options: Options, counts: pd.Series) -> pd.Series:
    """Return what the settings of a bootstrap say beside those of the fit.

    Parameters
    ----------
    draws : Draws
        The resamples.
    options : Options
        How intervals are made.
    counts : Series
        What became of the resamples.

    Returns
    -------
    Series
        Settings by name.
    """
    survey = draws.results.survey
    book = None if survey is None else survey.codebook
    drawn = "whole clusters" if book and book.clusters else "respondents"
    if draws.buckets is not None:
        drawn = f"{len(draws.buckets.count)} buckets"
    if draws.law is not None:
        drawn = "moments from their asymptotic normal law"
    within = ", within strata" if book and book.strata else ""
    designed = book and (book.strata or book.clusters)
    rescaled = ", rescaled (Rao & Wu)" if designed else ""
    entries = {
        "resamples": f"{counts['requested']}, of {drawn}{within}{rescaled}",
        "seed": "given indices" if draws.indices is not None else f"{draws.plan.seed}",
        "interval": options.interval
        + (
            f", {options.inner} resamples within each"
            if options.interval == "studentized"
            else ""
        ),
        "level": f"{options.level:g}",
        "p-values": "two-sided, share of resamples beyond zero",
        "signs": "aligned once per construct and resample with the estimate",
        "failed resamples": f"{_FAILED[options.failed]}; "
        f"{counts['not_converged']} not converged, "
        f"{counts['inadmissible']} inadmissible",
    }
    if counts["improper"]:
        entries["failed resamples"] += f", {counts['improper']} improper"
    if counts["no_score"]:
        entries["resamples without a score"] = (
            f"{counts['no_score']}, by negative weights; left out of the score's spread"
        )
    return pd.Series(entries, name="setting", dtype=object)
