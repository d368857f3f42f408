"""Multiple imputation: several completed samples, pooled by Rubin's rules."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from csindex.diagnostics import HTMT, RELIABILITY
from csindex.diagnostics.options import share_problems, whole_problems
from csindex.errors import DataError, SpecificationError, unknown
from csindex.estimation import Estimates, Estimator
from csindex.inference.resampling import Plan, drawn_weights
from csindex.inference.stack import Draws, resampled
from csindex.inference.standard import standard_statistics
from csindex.inference.stopping import interruptible
from csindex.inference.telling import index_line
from csindex.kernels.arrays import FloatArray
from csindex.kernels.em import completed, em
from csindex.kernels.moments import mean_and_cov
from csindex.language.options import canonical
from csindex.model import Model
from csindex.moments import Moments
from csindex.results import Results, Statistic, fit, statistics
from csindex.results.printing import Page, Printed
from csindex.survey import Answers, Survey, read_survey

# values that differ by less than this share of themselves are the same
_ROUNDING = 1e-12


@dataclass(frozen=True)
class _Plan:
    """What fixes an imputation."""

    m: int
    seed: int
    resamples: int
    level: float
    # one entry for each completed sample whose resamples are estimated
    done: list[int]


@dataclass(frozen=True, eq=False)
class Pool:
    """Values of k statistics in m imputations, pooled by Rubin's rules.

    Attributes
    ----------
    estimate : ndarray of shape (k,)
        Means of the estimates.
    within, between : ndarray of shape (k,)
        Mean of their sampling variances, and variance among them.
    m : int
        Number of imputations.
    """

    estimate: FloatArray
    within: FloatArray
    between: FloatArray
    m: int

    @property
    def extra(self) -> FloatArray:
        """Variance that the missing answers add, shape (k,)."""
        return np.asarray((1 + 1 / self.m) * self.between)

    @property
    def se(self) -> FloatArray:
        """Total standard errors, shape (k,)."""
        return np.sqrt(self.within + self.extra)

    @property
    def df(self) -> FloatArray:
        """Degrees of freedom, shape (k,); infinite where nothing was missing."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.within / self.extra
            known = (self.m - 1) * (1 + ratio) ** 2
        return np.where(self.extra == 0, np.inf, known)

    @property
    def missing_information(self) -> FloatArray:
        """Fraction of missing information, shape (k,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            increase = self.extra / self.within
            share = (increase + 2 / (self.df + 3)) / (increase + 1)
        return np.where(self.extra == 0, 0.0, share)


@dataclass(frozen=True, eq=False, repr=False)
class Imputation(Printed):
    """Estimates pooled over imputed samples; made by `multiple_imputation`.

    Every table has the labels of the table of the same name in `Results`, and the
    columns estimate, within and between (variances), se (total), df, low, high and
    missing_information.

    Attributes
    ----------
    reference : Results
        The fit with EM: the model, the answers, and the signs of the constructs.
    pools : mapping of str to Pool
        The pooled values of each statistic.
    settings : Series
        Every option that shaped the numbers.
    level : float
        Confidence level.
    members : mapping of label to Imputation
        The groups, if the sample was divided; imputed each by itself.
    """

    reference: Results
    pools: Mapping[str, Pool]
    settings: pd.Series
    level: float
    members: Mapping[Hashable, Imputation]

    def __getitem__(self, label: Hashable) -> Imputation:
        """Return one group."""
        if label in self.members:
            return self.members[label]
        known = [str(name) for name in self.members]
        raise DataError(unknown("group", [str(label)], known, "in the imputation"))

    def _page(self) -> Page:
        shown = ["estimate", "se", "low", "high", "missing_information"]
        tables = {
            "Scores": self.scores[["construct", *shown]],
            "Paths": self.paths[["source", "target", *shown]],
        }
        return Page(
            f"{index_line(self.reference, self.scores, self.level)}\n"
            f"{self.settings['missing answers']}; {self.settings['imputation']}",
            {caption: table for caption, table in tables.items() if len(table)},
        )

    @cached_property
    def paths(self) -> pd.DataFrame:
        """Standardised path coefficients."""
        return self._table(statistics.PATHS)

    @cached_property
    def total_effects(self) -> pd.DataFrame:
        """Standardised total effects."""
        return self._table(statistics.TOTAL_EFFECTS)

    @cached_property
    def loadings(self) -> pd.DataFrame:
        """Loadings."""
        return self._table(statistics.LOADINGS)

    @cached_property
    def weights(self) -> pd.DataFrame:
        """Outer weights, standardised."""
        return self._table(statistics.WEIGHTS)

    @cached_property
    def r_squared(self) -> pd.DataFrame:
        """Explained variance of each endogenous construct."""
        return self._table(statistics.R_SQUARED)

    @cached_property
    def indirect_effects(self) -> pd.DataFrame:
        """Standardised indirect effects."""
        return self._table(statistics.INDIRECT_EFFECTS)

    @cached_property
    def specific_indirect_effects(self) -> pd.DataFrame:
        """Standardised indirect effects of each chain of paths."""
        return self._table(statistics.SPECIFIC_INDIRECT_EFFECTS)

    @cached_property
    def reliability(self) -> pd.DataFrame:
        """Reliability of each construct, by each measure."""
        return self._table(RELIABILITY)

    @cached_property
    def htmt(self) -> pd.DataFrame:
        """Heterotrait-monotrait ratios."""
        return self._table(HTMT)

    def of(self, statistic: str) -> pd.DataFrame:
        """Return a standard statistic by its name.

        Parameters
        ----------
        statistic : str
            Its name, as ``"paths"`` or ``"HTMT"``.

        Returns
        -------
        DataFrame
            Its labels and the columns of all tables.

        Raises
        ------
        SpecificationError
            For a name that isn't a standard statistic.
        """
        known = {own.name: own for own in standard_statistics(self.reference)}
        name = canonical(statistic, known)
        if problems := unknown("statistic", [name], known, "in the imputation"):
            raise SpecificationError(problems)
        return self.scores if name == "scores" else self._table(known[name])

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Mean 0-100 scores; NaN where a score is refused, as in `Results.scores`."""
        table = self._table(statistics.SCORES)
        refused = (self.reference.scores["note"] != "").to_numpy()
        table.loc[refused, table.columns[1:]] = np.nan
        return table

    @property
    def index(self) -> pd.Series:
        """The index, with the columns of the tables.

        Raises
        ------
        SpecificationError
            If the model names no index, or its score is refused.
        """
        _ = self.reference.index
        row = self.scores.set_index("construct").loc[self.reference.model.index]
        return row.rename("index")

    @property
    def sample_flow(self) -> pd.Series:
        """How many respondents were read, answered anything or everything, are used."""
        return self.reference.sample_flow

    def _table(self, statistic: Statistic) -> pd.DataFrame:
        from scipy.special import stdtrit

        pool = self.pools[statistic.name]
        finite = np.minimum(pool.df, 1e9)
        half = stdtrit(finite, (1 + self.level) / 2) * pool.se
        return statistic.labels(self.reference.model).assign(
            estimate=pool.estimate,
            within=pool.within,
            between=pool.between,
            se=pool.se,
            df=pool.df,
            low=pool.estimate - half,
            high=pool.estimate + half,
            missing_information=pool.missing_information,
        )


def multiple_imputation(
    model: Model,
    data: Any,
    m: int = 20,
    seed: int | None = 1,
    estimator: Estimator | None = None,
    by: str | None = None,
    resamples: int = 200,
    level: float = 0.95,
) -> Imputation:
    r"""Fit a model to several completed samples and pool the estimates.

    The pooled estimates are means over the samples and no function of one set of means
    and covariances, so that they are not a `Results`.

    Parameters
    ----------
    model : Model
        The model.
    data : Survey or anything `read_survey` reads
        The answers.
    m : int
        Number of imputations.
    seed : int, optional
        Seed of all draws. None draws one, which the settings tell.
    estimator : Estimator, optional
        The method; `PLS` with its defaults if None.
    by : str, optional
        A column that divides the sample; every group is imputed by itself.
    resamples : int
        Bootstrap resamples of each completed sample, for the variance within.
    level : float
        Confidence level.

    Returns
    -------
    Imputation
        The pooled tables; with ``by``, those of everyone and of every group.

    Raises
    ------
    SpecificationError
        If an option can't be carried out.
    DataError
        With every problem of the answers, or if completed samples or their resamples
        can't be estimated.

    Notes
    -----
    Each imputation draws the parameters of the normal model as the EM estimate of a
    bootstrap resample, and then every gap given its respondent's answers. Imputed
    answers are not rounded to the scale. With the estimates :math:`q_l` and their
    bootstrap variances :math:`u_l`,

    .. math:: T = \bar u + (1 + 1/m) b, \quad b = \frac{\sum_l (q_l - \bar q)^2}{m - 1},
        \quad \nu = (m - 1)\left(1 + \frac{\bar u}{(1 + 1/m) b}\right)^2

    The limits are :math:`\bar q \mp t_\nu \sqrt T`.

    References
    ----------
    Rubin (1987), Multiple Imputation for Nonresponse in Surveys, chapter 3.
    Honaker & King (2010), American Journal of Political Science 54(2) (EM with
    bootstrapping).

    Examples
    --------
    >>> import csindex as csi
    >>> retail = csi.load_dataset("retail")
    >>> pooled = multiple_imputation(csi.acsi(), retail, m=5, resamples=50)
    >>> bool(pooled.index["low"] < 73.2 < pooled.index["high"])
    True
    """
    _check_options(data, m, seed, resamples, level)
    survey = data if isinstance(data, Survey) else read_survey(data)
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    plan = _Plan(int(m), int(seed), int(resamples), float(level), [])
    samples = plan.m

    def done() -> str:
        return f"{len(plan.done)} of {samples} completed samples are finished"

    with interruptible(done):
        if by is None:
            fitted = fit(model, survey, estimator, incomplete="em")
            return _imputation(fitted, plan, 0, {})
        groups = fit(model, survey, estimator, by=by, incomplete="em")
        samples *= len(groups.members) + 1
        members = {
            label: _imputation(member, plan, k, {})
            for k, (label, member) in enumerate(groups.members.items(), start=1)
        }
        return _imputation(groups.overall, plan, 0, members)


def _check_options(
    data: object, m: object, seed: object, resamples: object, level: object
) -> None:
    problems: list[str] = []
    if isinstance(data, Moments):
        problems.append("moments have no gaps any more; give the survey itself")
    problems += [f"{told}; better 20" for told in whole_problems(2, m=m)]
    if seed is not None:
        problems += whole_problems(0, seed=seed)
    told = whole_problems(20, resamples=resamples)
    problems += [f"{problem}; better 200" for problem in told]
    problems += share_problems(level=level)
    if problems:
        raise SpecificationError([f"multiple_imputation: {p}" for p in problems])


def _imputation(
    reference: Results,
    plan: _Plan,
    stream: int,
    members: Mapping[Hashable, Imputation],
) -> Imputation:
    answers = reference.answers
    if answers is None:
        raise DataError("multiple imputation needs respondents, not moments")
    samples = _completed_samples(answers, plan, stream)
    fits = _fits(reference, samples)
    pooled = standard_statistics(reference)
    within: dict[str, list[FloatArray]] = {s.name: [] for s in pooled}
    for k, sample in enumerate(samples, start=1):
        draws = Draws(
            reference, sample, Plan(plan.resamples, plan.seed, (stream, k)), None
        )
        for name, variances in _variances(draws, plan, pooled).items():
            within[name].append(variances)
        plan.done.append(k)
    pools: dict[str, Pool] = {}
    for statistic in pooled:
        values = np.asarray(statistic.compute(fits))
        pools[statistic.name] = Pool(
            values.mean(axis=0),
            np.mean(within[statistic.name], axis=0),
            _variance(values),
            plan.m,
        )
    settings = reference.settings.copy()
    settings["missing answers"] = (
        f"{plan.m} multiple imputations, normal model, pooled by Rubin's rules"
    )
    settings["imputation"] = (
        f"seed {plan.seed}, {plan.resamples} resamples of each, level {plan.level:g}"
    )
    return Imputation(reference, pools, settings, plan.level, members)


def _completed_samples(answers: Answers, plan: _Plan, stream: int) -> list[Answers]:
    """Return m samples without gaps."""
    drawn = Plan(plan.m, plan.seed, (stream, 0))
    weights = np.concatenate(list(drawn_weights(answers, drawn)))
    with np.errstate(invalid="ignore", divide="ignore"):
        normal = em(answers.values, weights)
    lost = int((~normal.converged).sum())
    if lost:
        raise DataError(
            f"EM failed in {lost} of {plan.m} resamples that the imputations start "
            "from; too many answers are missing: leave items out"
        )
    samples: list[Answers] = []
    for k in range(plan.m):
        sequence = np.random.SeedSequence(plan.seed, spawn_key=(stream, 0, 0, k))
        noise = np.random.default_rng(sequence).normal(size=answers.values.shape)
        values = completed(answers.values, normal.mean[k], normal.cov[k], noise)
        samples.append(replace(answers, values=values, incomplete="listwise"))
    return samples


def _fits(reference: Results, samples: list[Answers]) -> Estimates:
    """Return the estimates of the completed samples, one batch."""
    base = reference.moments
    pairs = [mean_and_cov(sample.values, sample.weights) for sample in samples]
    made = Moments(
        base.names,
        np.stack([mean for mean, _ in pairs]),
        np.stack([cov for _, cov in pairs]),
        len(samples[0].values),
        base.low,
        base.high,
    )
    fits = reference.estimator.estimate(reference.model, made)
    lost = int((~(fits.converged & fits.admissible)).sum())
    if lost:
        raise DataError(
            f"{lost} of {len(samples)} completed samples could not be estimated; try "
            "another scheme, or leave items out"
        )
    return fits.aligned(reference.estimates)


def _variances(
    draws: Draws, plan: _Plan, pooled: Sequence[Statistic]
) -> dict[str, FloatArray]:
    """Return the bootstrap variances (k,) of each statistic in a completed sample."""
    found = resampled(draws, pooled)
    usable = found.converged & found.admissible
    if usable.sum() < plan.resamples / 2:
        raise DataError(
            f"only {int(usable.sum())} of {plan.resamples} resamples of a completed "
            "sample could be estimated"
        )
    return {name: _variance(values[usable]) for name, values in found.values.items()}


def _variance(values: FloatArray) -> FloatArray:
    """Return variances (k,) of values (b, k), none where they differ by rounding."""
    least = (_ROUNDING * np.abs(values).max(axis=0)) ** 2
    found = values.var(axis=0, ddof=1)
    return np.where(found > least, found, 0.0)
