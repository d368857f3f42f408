"""The bootstrap test of exact fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from csindex.diagnostics.options import (
    share_problems,
    truth_problems,
    whole_problems,
)
from csindex.diagnostics.thresholds import SRMR
from csindex.errors import DataError, SpecificationError, quoted
from csindex.estimation import Estimates, row_estimator
from csindex.estimation.moderated import ModeratedEstimates
from csindex.estimation.naming import called
from csindex.inference.double_bootstrap import (
    BootstrapTest,
    bootstrap_test,
    can_redraw,
)
from csindex.inference.null_model import (
    MEASURES,
    NullDistances,
    distances,
    null_distances,
    null_model,
)
from csindex.inference.resampling import Plan, check_strata, sampling_units
from csindex.kernels.arrays import FloatArray
from csindex.results import Results, one_fit
from csindex.results.printing import Page, Printed

_MODELS = ("estimated", "saturated")
# respondents from which on a test finds misfit that doesn't matter
_LARGE = 1000
_NOT_DOUBLE = (
    "Some strata have two sampling units only, too few for resamples of resamples: "
    "the test is the plain bootstrap, which rejects true models too seldom in small "
    "samples"
)


@dataclass(frozen=True, eq=False, repr=False)
class ExactFit(Printed):
    """A bootstrap test of exact fit; made by `exact_fit`.

    Attributes
    ----------
    table : DataFrame
        One row per model (estimated, saturated) and measure: model, measure,
        statistic, critical (what it doesn't exceed at the level if the model is
        right), p and verdict, ``"rejected"`` or ``"not rejected"``.
    counts : DataFrame
        By model: resamples requested and used, and how many resamples of resamples
        were used (redrawn), zero without the double bootstrap.
    level : float
        Level of the critical values.
    seed : int
        Seed of the draws.
    notes : tuple of str
        What limits the test, and what a rejection says.
    """

    table: pd.DataFrame
    counts: pd.DataFrame
    level: float
    seed: int
    notes: tuple[str, ...] = ()

    def _page(self) -> Page:
        used = ", ".join(
            f"{row.used} of {row.requested} ({name})"
            for name, row in self.counts.iterrows()
        )
        redrawn = ", ".join(
            f"{row.redrawn} ({name})" for name, row in self.counts.iterrows()
        )
        again = f"; of the samples drawn from each of these: {redrawn}"
        if not self.counts["redrawn"].any():
            again = ""
        return Page(
            f"{self._answer}\nBootstrap test of exact fit, level {self.level:g}",
            {"": self.table},
            (f"Resamples used: {used}{again}.", *self.notes),
            digits=4,
        )

    @property
    def _answer(self) -> str:
        rejected = self.table[self.table["verdict"] == "rejected"]
        if not len(rejected):
            return "No measure rejects the model"
        told = [
            f"{', '.join(own['measure'])} ({name})"
            for name, own in rejected.groupby("model", sort=False)
        ]
        return f"The model is rejected by {' and '.join(told)}"


def exact_fit(
    results: Results,
    n: int = 1000,
    seed: int = 1,
    level: float = 0.95,
    double: bool = True,
) -> ExactFit:
    r"""Test whether a model fits the item correlations exactly.

    Parameters
    ----------
    results : Results
        A fit made from a survey, or from moments with buckets.
    n : int
        Number of resamples.
    seed : int
        Seed of the random draws.
    level : float
        Level of the critical values: one minus the error of the first kind.
    double : bool
        Whether each resample is resampled once more, which corrects the test. False:
        the bootstrap as it is, in a third of the time, as in other software; it
        rejects true models too seldom.

    Returns
    -------
    ExactFit
        Statistic, critical value and p of SRMR, d_ULS and d_G, for the estimated and
        the saturated model.

    Raises
    ------
    SpecificationError
        If n or the level can't be, or the estimator has a test of its own.
    DataError
        If there is nothing to draw from, the item correlations are singular, the model
        implies correlations that don't exist, or too few resamples could be
        estimated.

    Notes
    -----
    Resamples are drawn from answers :math:`Y = X S^{-1/2} \Sigma^{1/2}`, in which the
    model is true: their correlations are :math:`\Sigma`, the implied ones. The
    covariances of a resample of Y are :math:`\Sigma^{1/2} S^{-1/2} S^* S^{-1/2}
    \Sigma^{1/2}` with those of the same resample of X, so that only moments are
    transformed. The model is estimated anew in each. p is
    :math:`(1 + \#\{d^* \ge d\}) / (1 + B)`.

    This p is too large: the law of d depends on the fourth moments of the answers, and
    those of a sample differ more from each other than those of the population, so that
    d* varies more than d: true models were rejected in 2 to 4.6 % instead of 5 % of
    simulated surveys of 250. The fast double bootstrap measures that where it is known.
    From each resample one more is drawn, after its answers are turned in the same way,
    so that the model fitted to the resample is true in it: :math:`Y^* S^{*-1/2}
    \Sigma^{*1/2}`. Its distance is to d* as d* is to d; see
    `csindex.inference.double_bootstrap.bootstrap_test`. In the same surveys 3.6 to
    6.1 % were rejected (`benchmarks/validity.py`). A model is rejected where p is at
    most one minus the level.

    What is tested depends on what was estimated. Constructs estimated as composites, by
    PLS all of them whatever the model calls them, leave the correlations of their own
    items free; the model is that items of different constructs correlate by one number
    for each pair of constructs, times the items' loadings. So they do where common
    factors are behind them, and then composites with regression weights (mode B) fit
    exactly, too. Weights of mode A leave a misfit unless a construct's weights are
    proportional to its loadings, as with equal loadings: in a population of common
    factors with loadings of .6 to .85 it has an SRMR of .014, and about an eighth of
    samples of 250 reject it. The restrictions of common factors, on the correlations of
    a construct's own items, are tested with `csindex.PLSc`.

    References
    ----------
    Beran & Srivastava (1985), Annals of Statistics 13(1); Dijkstra & Henseler (2015),
    Computational Statistics & Data Analysis 81; Davidson & MacKinnon (2007),
    Computational Statistics & Data Analysis 51(7).

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> exact_fit(results, n=200).table["measure"].tolist()[:3]
    ['srmr', 'd_uls', 'd_g']
    """
    results = one_fit(results, "exact_fit")
    _check_call(results, n, seed, level, double)
    tables: list[pd.DataFrame] = []
    counts: list[tuple[int, int, int]] = []
    for model in _MODELS:
        null = null_model(results, saturated=model == "saturated")
        check_strata(sampling_units(null.units))
        twice = double and can_redraw(null.units)
        found = null_distances(null, Plan(n, seed), twice)
        _check_count(found, n, level)
        observed = distances(results.estimates, null.saturated)
        test = bootstrap_test(observed, found.first, found.second, level)
        tables.append(_tested(observed, test, level).assign(model=model))
        second = 0 if found.second is None else len(found.second)
        counts.append((n, len(found.first), second))
    columns = ["model", "measure", "statistic", "critical", "p", "verdict"]
    table = pd.concat(tables, ignore_index=True)[columns]
    counted = pd.DataFrame(
        counts,
        columns=["requested", "used", "redrawn"],
        index=pd.Index(_MODELS, name="model"),
    )
    notes = (*_notes(results), *_size_notes(results, table))
    if double and not twice:
        notes = (_NOT_DOUBLE, *notes)
    return ExactFit(table, counted, float(level), int(seed), notes)


def _notes(results: Results) -> Iterator[str]:
    several = results.model.blocks.sum(axis=0) > 1
    composites = results.estimates.composites & several
    factors = [
        construct.name
        for construct, composite in zip(
            results.model.constructs, composites, strict=True
        )
        if composite and construct.measurement == "reflective"
    ]
    if factors:
        yield (
            f"{quoted(factors)} are reflective in the model, but estimated as "
            "composites, which leave the correlations of a construct's own items free: "
            "the model of composites is tested. csi.PLSc() tests common factors"
        )
    regressed = np.array(results.estimates.formative)
    if (composites & ~regressed).any():
        yield (
            "Without regression weights (mode B) composites have a small misfit of "
            "their own, unless a construct's weights are proportional to its loadings: "
            "a rejection may be due to it. Composites by mode='B' have none"
        )


def _size_notes(results: Results, table: pd.DataFrame) -> Iterator[str]:
    """Say how large a misfit is that a large sample has found."""
    rejected = table.loc[table["verdict"] == "rejected", "model"].unique()
    if results.n < _LARGE or not len(rejected):
        return
    sizes = table[table["measure"] == SRMR.name].set_index("model")["statistic"]
    told = ", ".join(f"{sizes[model]:.3f} ({model})" for model in rejected)
    yield (
        f"Rejected means that the model isn't exactly true, and among {results.n} "
        "respondents also a misfit that is too small to matter is found. Its size is "
        "SRMR, how far item correlations typically are from those of the model: "
        f"{told}; {SRMR.rule} counts as a good fit ({SRMR.source})"
    )


def _check_call(
    results: Results, n: object, seed: object, level: object, double: object
) -> None:
    problems = [
        *whole_problems(20, n=n),
        *whole_problems(0, seed=seed),
        *share_problems(level=level),
        *truth_problems(double=double),
    ]
    if type(results.estimates).fit_measures is not Estimates.fit_measures:
        problems.append(
            f"{results.settings['estimator']} has tests of fit of its own, in "
            "results.fit_measures; this one is for PLS, PLSc and composites"
        )
    elif isinstance(results.estimates, ModeratedEstimates):
        problems.append(
            "products of constructs aren't answers whose correlations the model "
            "implies; fit the model without its terms"
        )
    elif row_estimator(results.estimator) is not None:
        problems.append(
            f"{called(results.estimator)} sees the answers, which have no transform "
            "that makes its model true; use correlations of the answers as they are"
        )
    if problems:
        raise SpecificationError([f"exact_fit: {p}" for p in problems])


def _check_count(found: NullDistances, n: int, level: float) -> None:
    """Refuse a test from fewer resamples than its level needs."""
    least = max(int(np.ceil(1 / (1 - level) - 1e-9)), n // 10)
    if len(found.first) < least:
        raise DataError(
            f"exact_fit: only {len(found.first)} of {n} resamples could be estimated; "
            "the model is too unstable for these data, or ask for more resamples"
        )
    if found.second is not None and len(found.second) < least:
        raise DataError(
            f"exact_fit: only {len(found.second)} of {n} resamples of resamples could "
            "be estimated; double=False does without them, and rejects too seldom"
        )


def _tested(observed: FloatArray, test: BootstrapTest, level: float) -> pd.DataFrame:
    verdicts = np.where(test.p <= 1 - level + 1e-12, "rejected", "not rejected")
    return pd.DataFrame(
        {
            "measure": MEASURES,
            "statistic": observed,
            "critical": test.critical,
            "p": test.p,
            "verdict": np.where(np.isnan(observed), "not applicable", verdicts),
        }
    )
