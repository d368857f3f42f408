"""Standard errors of complex samples without resampling at random.

Linearisation, the jackknife of sampling units, and replicate weights that came with the
data; each needs only as many fits as there are respondents, units or replicates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from csindex.diagnostics.options import share_problems
from csindex.errors import DataError, SpecificationError, quoted, unknown
from csindex.inference.resampling import Plan, Units, check_strata, sampling_units
from csindex.inference.sampling_errors import Errors
from csindex.inference.sampling_errors import SamplingErrors as SamplingErrors
from csindex.inference.stack import (
    Collected,
    Draws,
    collect,
    left_out_estimates,
    nudged_estimates,
    weighted_estimates,
)
from csindex.kernels.arrays import FloatArray
from csindex.language.options import canonical
from csindex.results import Results, Statistic, one_fit
from csindex.survey.columns import sampling_weights

Replication = Literal["jackknife", "jkn", "brr", "fay", "bootstrap"]

# relative change of a weight whose effect stands for the derivative
_STEP = 1e-4


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
    draws = _draws(results, level, "linearized")
    designed = sampling_units(draws.answers).designed
    method = "linearised standard errors" + (", by design" if designed else "")
    return _errors(draws, method, level, partial(_linearized, draws))


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

    where :math:`\theta_{(hc)}` is the estimate without unit c of stratum h, whose other
    :math:`n_h - 1` units have :math:`n_h / (n_h - 1)` times their weight.

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
    draws = _draws(results, level, "jackknife")
    units = sampling_units(draws.answers)
    what = "clusters" if units.of_rows is not None else "respondents"
    if len(np.unique(units.strata)) > 1:
        what += " within strata"
    return _errors(draws, f"jackknife of {what}", level, partial(_left_out, draws))


def replicate_weights(
    results: Results,
    columns: Sequence[str],
    method: Replication,
    fay: float = 0.5,
    level: float = 0.95,
    scale: float | None = None,
    rscales: ArrayLike | None = None,
) -> SamplingErrors:
    r"""Return standard errors from replicate weights that came with the data.

    Parameters
    ----------
    results : Results
        A fit made from a survey that has these columns.
    columns : sequence of str
        Columns of replicate weights, R of them.
    method : {"jackknife", "jkn", "brr", "fay", "bootstrap"}
        How the replicates were made; it sets the scale of the variance. ``"jkn"`` is
        the jackknife within strata, which needs ``rscales``.
    fay : float
        Fay's factor, for ``"fay"``: the share of weight that is kept.
    level : float
        Confidence level of the normal intervals.
    scale : float, optional
        The factor of all replicates, instead of the method's.
    rscales : float or array_like of shape (R,), optional
        A factor of each replicate, one if None; for ``"jkn"`` :math:`(n_h - 1) / n_h`,
        where the replicate leaves out one of the :math:`n_h` units of stratum h.

    Returns
    -------
    SamplingErrors
        Standard errors of every statistic.

    Raises
    ------
    DataError
        If a column is missing, occurs twice or holds bad weights, or a replicate's
        estimate failed.
    SpecificationError
        For an unknown method, a factor outside 0 to 1, scales that are no positive
        numbers or not one for each column, or none where the method needs them.

    Notes
    -----
    .. math:: V = c \sum_r c_r (\theta_r - \hat\theta)^2, \quad
        c = \frac{R-1}{R},\ 1,\ \frac1R,\ \frac{1}{R(1-f)^2},\ \frac1R

    for the jackknife of one stratum, the jackknife within strata, BRR, Fay's BRR and
    the bootstrap; :math:`c` is ``scale`` and :math:`c_r` are ``rscales``, as in most
    software for surveys.

    References
    ----------
    Wolter (2007), Introduction to Variance Estimation, chapters 3 to 5; Rust & Rao
    (1996), Statistical Methods in Medical Research 5(3).
    """
    method = canonical(method, get_args(Replication))
    problems = _scale_problems(method, fay, scale, rscales)
    draws = _draws(results, level, "replicate_weights", problems)
    weights = _replicates(results, columns)
    count = len(weights)
    factors = np.ones(count) if rscales is None else np.asarray(rscales, np.float64)
    if factors.shape not in ((), (count,)):
        raise SpecificationError(
            f"replicate_weights: rscales must be one number, or one for each of the "
            f"{count} columns, not an array of shape {factors.shape}"
        )
    if scale is None:
        scale = {
            "jackknife": (count - 1) / count,
            "jkn": 1.0,
            "brr": 1 / count,
            "fay": 1 / (count * (1 - fay) ** 2),
            "bootstrap": 1 / count,
        }[method]
    replication = _Replicates(draws, weights, np.broadcast_to(scale * factors, count))
    how = f"{count} replicate weights ({method})"
    return _errors(draws, how, level, replication.errors)


def _scale_problems(
    method: str, fay: object, scale: object, rscales: object
) -> list[str]:
    """Return why a variance can't be scaled so."""
    known = get_args(Replication)
    problems: list[str] = []
    if method not in known:
        problems.append(f"unknown method {method!r}; there are {quoted(known)}")
    if not (_numbers(fay, 0) and 0 <= float(fay) < 1):  # type: ignore[arg-type]
        problems.append(f"Fay's factor must be from 0 to below 1, not {fay!r}")
    if scale is not None and not (_numbers(scale, 0) and float(scale) > 0):  # type: ignore[arg-type]
        problems.append(f"scale must be a positive number, not {scale!r}")
    if rscales is None and method == "jkn":
        problems.append(
            "method 'jkn' needs rscales=, (n_h - 1) / n_h for each replicate: one half "
            "for strata of two units"
        )
    good = _numbers(rscales, 0) or _numbers(rscales, 1)
    if rscales is not None and not (good and (np.asarray(rscales) >= 0).all()):
        problems.append(
            "rscales must be a number of 0 or more, or one for each column, not "
            f"{rscales!r}"
        )
    return problems


def _numbers(given: object, axes: int) -> bool:
    """Return whether something is a number, or a list of finite numbers."""
    try:
        found = np.asarray(given)
    except ValueError:
        # a list of lists of several lengths
        return False
    number = found.ndim == axes and found.dtype.kind in "iuf"
    return bool(number and np.isfinite(found).all())


def _errors(
    draws: Draws,
    method: str,
    level: float,
    made: Callable[[Sequence[Statistic]], Errors],
) -> SamplingErrors:
    """Return sampling errors whose standard statistics are computed."""
    errors = SamplingErrors(draws.results, method, float(level), made)
    _ = errors.errors
    return errors


def _draws(
    results: Results, level: float, caller: str, problems: Iterable[str] = ()
) -> Draws:
    """Return the fit with its respondents, checked."""
    problems = [*problems, *share_problems(level=level)]
    if problems:
        raise SpecificationError([f"{caller}: {problem}" for problem in problems])
    one_fit(results, caller)
    if results.answers is None:
        raise DataError(
            f"{caller}: standard errors need respondents; this fit was made from "
            "moments, so fit the survey itself"
        )
    check_strata(sampling_units(results.answers))
    return Draws(results, results.answers, Plan(0, 0), None)


def _linearized(draws: Draws, statistics: Sequence[Statistic]) -> Errors:
    """Return errors from the effect of each respondent's weight."""
    units = sampling_units(draws.answers)
    found = collect(nudged_estimates(draws, _STEP), statistics)
    own = draws.answers.weights
    n = len(draws.answers.values)
    share = np.full(n, 1 / n) if own is None else own / own.sum()
    errors: dict[str, FloatArray] = {}
    simple: dict[str, FloatArray] = {}
    for statistic in statistics:
        estimate = _estimate(statistic, draws.results)
        change = (found.values[statistic.name] - estimate) / _STEP
        errors[statistic.name] = np.sqrt(_between_units(change, units))
        spread = (change**2 / share[:, None]).sum(axis=0)
        simple[statistic.name] = np.sqrt(spread / (n - 1))
    return Errors(errors, simple)


def _left_out(draws: Draws, statistics: Sequence[Statistic]) -> Errors:
    """Return errors from the estimates without each unit."""
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
    return Errors(errors, {})


@dataclass(frozen=True, eq=False)
class _Replicates:
    """Replicate weights (R, n) of a fit's respondents, and their factors (R,)."""

    draws: Draws
    weights: FloatArray
    factors: FloatArray

    def errors(self, statistics: Sequence[Statistic]) -> Errors:
        """Return errors from the estimates by each replicate's weights."""
        count = len(self.weights)
        chunks = (self.weights[start : start + 256] for start in range(0, count, 256))
        found = _all_usable(
            collect(weighted_estimates(self.draws, chunks), statistics), "replicate"
        )
        errors: dict[str, FloatArray] = {}
        for statistic in statistics:
            estimate = _estimate(statistic, self.draws.results)
            apart = found.values[statistic.name] - estimate
            errors[statistic.name] = np.sqrt(self.factors @ apart**2)
        return Errors(errors, {})


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
    if not isinstance(columns, Iterable):
        raise SpecificationError(
            f"replicate_weights: columns must be a list of names, not {columns!r}"
        )
    # a text is one column
    columns = [columns] if isinstance(columns, str) else list(columns)
    problems = unknown("column", columns, frame.columns, "as replicate weights")
    twice = [name for name in dict.fromkeys(columns) if columns.count(name) > 1]
    problems += [f"column {name!r} is given more than once" for name in twice]
    if not problems and len(columns) < 2:
        problems.append("replicate weights need two columns or more")
    rows: list[FloatArray] = []
    for name in () if problems else columns:
        values, bad = sampling_weights(frame[name], name)
        problems += bad
        rows.append(values[answers.rows])
    if problems:
        raise DataError(problems)
    return np.array(rows)
