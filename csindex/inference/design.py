"""Standard errors of complex samples without resampling at random.

Linearisation, the jackknife of sampling units, and replicate weights that came with the
data; each needs only as many fits as there are respondents, units or replicates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, get_args

import numpy as np
import pandas as pd

from csindex.errors import DataError, SpecificationError, quoted, unknown
from csindex.inference.resampling import Plan, Units, check_strata, sampling_units
from csindex.inference.stack import (
    Collected,
    Draws,
    collect,
    left_out_estimates,
    nudged_estimates,
    weighted_estimates,
)
from csindex.inference.standard import standard_statistics
from csindex.inference.telling import index_line
from csindex.kernels.arrays import FloatArray
from csindex.results import Results, Statistic, one_fit
from csindex.results.printing import Page, Printed
from csindex.survey.columns import sampling_weights

Replication = Literal["jackknife", "brr", "fay", "bootstrap"]

# relative change of a weight whose effect stands for the derivative
_STEP = 1e-4


@dataclass(frozen=True, eq=False, repr=False)
class SamplingErrors(Printed):
    """Standard errors of everything in a fit; made by `linearized` and its like.

    Attributes
    ----------
    results : Results
        The fit.
    method : str
        How the errors were made.
    level : float
        Confidence level of the intervals.
    errors : mapping of str to ndarray of shape (k,)
        Standard errors of each standard statistic.
    simple : mapping of str to ndarray of shape (k,)
        Standard errors that a simple random sample of the same size would have;
        empty where the method doesn't tell.
    """

    results: Results
    method: str
    level: float
    errors: Mapping[str, FloatArray]
    simple: Mapping[str, FloatArray]

    def _page(self) -> Page:
        answer = index_line(self.results, self.scores, self.level)
        tables = {"Scores": self.scores, "Paths": self.paths}
        return Page(
            f"{answer}\n{self.method[:1].upper()}{self.method[1:]}, level "
            f"{self.level:g}",
            {caption: table for caption, table in tables.items() if len(table)},
        )

    @property
    def index(self) -> pd.Series:
        """The index: estimate, se, low, high, and design_effect where it is known."""
        name = self.results.model.required_index()
        row = self.scores.set_index("construct").loc[name]
        columns = [c for c in ("se", "low", "high", "design_effect") if c in row.index]
        numbers = {"estimate": self.results.index, **row[columns].to_dict()}
        return pd.Series(numbers, name="index", dtype=float)

    @property
    def scores(self) -> pd.DataFrame:
        """Scores of the constructs: construct, estimate, se, low, high ..."""
        return self.of("scores").drop(columns="p")

    @property
    def paths(self) -> pd.DataFrame:
        """Paths: source, target, estimate, se, low, high, p ..."""
        return self.of("paths")

    @property
    def total_effects(self) -> pd.DataFrame:
        """Total effects: source, target, estimate, se, low, high, p ..."""
        return self.of("total effects")

    @property
    def loadings(self) -> pd.DataFrame:
        """Loadings: construct, item, estimate, se, low, high, p ..."""
        return self.of("loadings")

    @property
    def weights(self) -> pd.DataFrame:
        """Outer weights: construct, item, estimate, se, low, high, p ..."""
        return self.of("weights")

    def of(self, statistic: str) -> pd.DataFrame:
        """Return a standard statistic with its errors.

        Parameters
        ----------
        statistic : str
            Its name, as ``"HTMT"``.

        Returns
        -------
        DataFrame
            Labels, estimate, se, normal limits low and high, two-sided p, and
            design_effect where it is known.

        Raises
        ------
        SpecificationError
            For a name that isn't a standard statistic.
        """
        known = {known.name: known for known in standard_statistics(self.results)}
        if problems := unknown("statistic", [statistic], known, "in these errors"):
            raise SpecificationError(problems)
        table = known[statistic].table(self.results.estimates)
        se, normal = self.errors[statistic], NormalDist()
        half = normal.inv_cdf((1 + self.level) / 2) * se
        with np.errstate(invalid="ignore", divide="ignore"):
            z = np.abs(table["estimate"].to_numpy() / se)
            effect = (se / self.simple.get(statistic, np.nan)) ** 2
        table = table.assign(
            se=se,
            low=table["estimate"] - half,
            high=table["estimate"] + half,
            p=[2 * (1 - normal.cdf(v)) if np.isfinite(v) else np.nan for v in z],
        )
        return table.assign(design_effect=effect) if self.simple else table


def linearized(results: Results, level: float = 0.95) -> SamplingErrors:
    r"""Return linearised standard errors of a (complex) sample.

    Parameters
    ----------
    results : Results
        A fit made from a survey; its weights, strata and clusters count.
    level : float
        Confidence level of the normal intervals.

    Returns
    -------
    SamplingErrors
        Standard errors and design effects of every statistic.

    Raises
    ------
    DataError
        If the fit has no respondents, or a stratum has one sampling unit.

    Notes
    -----
    With the derivative :math:`u_i` of a statistic in the i-th weight, relative to it,
    and its totals :math:`z_{hc}` over the units c of stratum h,

    .. math:: V = \sum_h \frac{n_h}{n_h - 1} \sum_c (z_{hc} - \bar z_h)^2 .

    The design effect is V over what the same formula gives without strata and
    clusters, for equal weights: :math:`\frac{n}{n-1} \sum_i w_i^{-1} u_i^2 / n` with
    shares w.

    References
    ----------
    Binder (1983), International Statistical Review 51(3); Kish (1965), Survey Sampling.

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> bool(0.3 < linearized(results).index["se"] < 0.6)
    True
    """
    draws = _draws(results, level)
    statistics = standard_statistics(results)
    units = sampling_units(draws.answers)
    found = collect(nudged_estimates(draws, _STEP), statistics)
    own = draws.answers.weights
    n = len(draws.answers.values)
    share = np.full(n, 1 / n) if own is None else own / own.sum()
    errors: dict[str, FloatArray] = {}
    simple: dict[str, FloatArray] = {}
    for statistic in statistics:
        change = (found.values[statistic.name] - _estimate(statistic, results)) / _STEP
        errors[statistic.name] = np.sqrt(_between_units(change, units))
        spread = (change**2 / share[:, None]).sum(axis=0)
        simple[statistic.name] = np.sqrt(spread / (n - 1))
    method = "linearised standard errors" + (", by design" if units.designed else "")
    return SamplingErrors(results, method, level, errors, simple)


def jackknife(results: Results, level: float = 0.95) -> SamplingErrors:
    r"""Return jackknife standard errors: every sampling unit is left out once.

    Parameters
    ----------
    results : Results
        A fit made from a survey; the units are clusters if it has them, else
        respondents, within strata.
    level : float
        Confidence level of the normal intervals.

    Returns
    -------
    SamplingErrors
        Standard errors of every statistic.

    Raises
    ------
    DataError
        If the fit has no respondents, a stratum has one unit, or an estimate without
        some unit failed.

    Notes
    -----
    .. math:: V = \sum_h \frac{n_h - 1}{n_h} \sum_c (\theta_{(hc)} - \bar\theta_h)^2

    References
    ----------
    Wolter (2007), Introduction to Variance Estimation, chapter 4.

    Examples
    --------
    >>> import csindex as csi
    >>> frame = csi.load_dataset("retail").frame.iloc[:300]
    >>> survey = csi.read_survey(frame, scale=(1, 10), missing=(98, 99))
    >>> errors = jackknife(csi.fit(csi.acsi(), survey))
    >>> bool(1 < errors.index["se"] < 3)
    True
    """
    draws = _draws(results, level)
    statistics = standard_statistics(results)
    found = _all_usable(collect(left_out_estimates(draws), statistics), "left out")
    units = sampling_units(draws.answers)
    errors: dict[str, FloatArray] = {}
    for statistic in statistics:
        values, total = found.values[statistic.name], 0.0
        for stratum in np.unique(units.strata):
            own = values[units.strata == stratum]
            apart = ((own - own.mean(axis=0)) ** 2).sum(axis=0)
            total = total + (len(own) - 1) / len(own) * apart
        errors[statistic.name] = np.sqrt(total)
    what = "clusters" if units.of_rows is not None else "respondents"
    return SamplingErrors(results, f"jackknife of {what}", level, errors, {})


def replicate_weights(
    results: Results,
    columns: Sequence[str],
    method: Replication,
    fay: float = 0.5,
    level: float = 0.95,
) -> SamplingErrors:
    r"""Return standard errors from replicate weights that came with the data.

    Parameters
    ----------
    results : Results
        A fit made from a survey that has these columns.
    columns : sequence of str
        Columns of replicate weights, R of them.
    method : {"jackknife", "brr", "fay", "bootstrap"}
        How the replicates were made; it sets the scale of the variance.
    fay : float
        Fay's factor, for ``"fay"``: the share of weight that is kept.
    level : float
        Confidence level of the normal intervals.

    Returns
    -------
    SamplingErrors
        Standard errors of every statistic.

    Raises
    ------
    DataError
        If a column is missing or holds bad weights, or a replicate's estimate failed.
    SpecificationError
        For an unknown method, or a factor outside 0 to 1.

    Notes
    -----
    .. math:: V = c \sum_r (\theta_r - \hat\theta)^2, \quad
        c = \frac{R-1}{R},\ \frac1R,\ \frac{1}{R(1-f)^2},\ \frac1R

    for the jackknife of one stratum, BRR, Fay's BRR and the bootstrap.

    References
    ----------
    Wolter (2007), Introduction to Variance Estimation, chapters 3 to 5.
    """
    draws = _draws(results, level)
    if method not in get_args(Replication):
        raise SpecificationError(
            f"unknown method {method!r}; there are {quoted(get_args(Replication))}"
        )
    if not 0 <= fay < 1:
        raise SpecificationError(f"Fay's factor must be from 0 to below 1, not {fay}")
    weights = _replicates(results, columns)
    count = len(weights)
    scale = {
        "jackknife": (count - 1) / count,
        "brr": 1 / count,
        "fay": 1 / (count * (1 - fay) ** 2),
        "bootstrap": 1 / count,
    }[method]
    statistics = standard_statistics(results)
    chunks = (weights[start : start + 256] for start in range(0, count, 256))
    found = _all_usable(
        collect(weighted_estimates(draws, chunks), statistics), "replicate"
    )
    errors = {
        statistic.name: np.sqrt(
            scale
            * ((found.values[statistic.name] - _estimate(statistic, results)) ** 2).sum(
                axis=0
            )
        )
        for statistic in statistics
    }
    return SamplingErrors(
        results, f"{count} replicate weights ({method})", level, errors, {}
    )


def _draws(results: Results, level: float) -> Draws:
    """Return the fit with its respondents, checked."""
    if not 0 < level < 1:
        raise SpecificationError(f"level must lie between 0 and 1, not {level}")
    one_fit(results, "standard errors")
    if results.answers is None:
        raise DataError(
            "standard errors need respondents; this fit was made from moments, so fit "
            "the survey itself"
        )
    check_strata(sampling_units(results.answers))
    return Draws(results, results.answers, Plan(0, 0), None)


def _estimate(statistic: Statistic, results: Results) -> FloatArray:
    return np.ravel(statistic.compute(results.estimates))


def _between_units(change: FloatArray, units: Units) -> FloatArray:
    """Return the variance of a sum of contributions (n, k), between units in strata."""
    totals = change
    if units.of_rows is not None:
        totals = np.zeros((len(units.strata), change.shape[1]))
        np.add.at(totals, units.of_rows, change)
    variance = np.zeros(change.shape[1])
    for stratum in np.unique(units.strata):
        own = totals[units.strata == stratum]
        apart = ((own - own.mean(axis=0)) ** 2).sum(axis=0)
        variance += len(own) / (len(own) - 1) * apart
    return variance


def _all_usable(found: Collected, what: str) -> Collected:
    lost = int((~(found.converged & found.admissible)).sum())
    if lost:
        raise DataError(
            f"{lost} of {len(found.converged)} estimates ({what}) failed, so that the "
            "variance is unknown; use csi.bootstrap, which counts failures"
        )
    return found


def _replicates(results: Results, columns: Sequence[str]) -> FloatArray:
    """Return replicate weights of shape (R, n) of the respondents used."""
    survey, answers = results.survey, results.answers
    if survey is None or answers is None:
        raise DataError("replicate weights need the survey that they belong to")
    frame = survey.frame
    problems = unknown("column", columns, frame.columns, "as replicate weights")
    if not problems and len(columns) < 2:
        problems.append("replicate weights need two columns or more")
    rows: list[FloatArray] = []
    for name in columns if not problems else ():
        values, bad = sampling_weights(frame[name], name)
        problems += bad
        rows.append(values[answers.rows])
    if problems:
        raise DataError(problems)
    return np.array(rows)
