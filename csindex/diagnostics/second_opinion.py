"""The same covariance structure fitted by semopy, an independent program."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from csindex.errors import DataError, SpecificationError
from csindex.estimation.cbsem import CovarianceEstimates
from csindex.estimation.cbsem.standardizing import standardized
from csindex.estimation.cbsem.table import ParameterTable, Row, row_values
from csindex.kernels.threads import one_thread
from csindex.results import Results, one_fit
from csindex.results.parameters import covariance_structure
from csindex.results.printing import Page, Printed

_OBJECTIVES = {"ML": "MLW", "ULS": "ULS", "GLS": "GLS"}
# semopy stops early; it goes on from where it stopped until nothing is gained
_RESTARTS, _GAIN = 20, 1e-10
_DEFECTS = (
    (
        "convergence",
        "stops early: estimates are off by 1e-3 to 1e-2 after one run, and on a ridge "
        "it reports success far from the minimum",
        "restarted here until its objective no longer falls",
    ),
    ("AIC, BIC, log likelihood", "made of the discrepancy, not the likelihood", "no"),
    ("GFI, AGFI", "the formula of NFI", "no"),
    ("RMSEA", "divides by n - 1 a chi-square with factor n", "no"),
    ("chi-square of ULS and GLS", "lacks the factor 1/2", "no"),
    ("standard errors of ULS", "those of ML", "no"),
    ("robust standard errors", "other than Huber and White's", "no"),
    (
        "WLS, DWLS",
        "covariances with divisor n; with too few respondents a chi-square of any sign",
        "refused",
    ),
    (
        "CFI and TLI with a residual variance fixed",
        "its baseline model keeps the fixed value",
        "left out",
    ),
    (
        "standardised residual covariances",
        "divided by total, not residual variances",
        "no",
    ),
    ("means and missing answers", "fit measures of other models", "refused"),
    ("constraints", "without their degrees of freedom and errors", "refused"),
    ("defined parameters", "don't exist", "left out"),
    ("ordered items", "stop with an error", "refused"),
    ("latent variances fixed at one", "a loading stays fixed besides", "refused"),
)


@dataclass(frozen=True, eq=False, repr=False)
class SecondOpinion(Printed):
    """Two programs' fits of one model; made by `second_opinion`.

    Attributes
    ----------
    parameters : DataFrame
        Coefficients but those of constructs that are their one item: lhs, op, rhs,
        estimate, semopy, difference; for loadings and paths also
        standardized, semopy_standardized and difference_standardized.
    measures : DataFrame
        By measure (df; of maximum likelihood chisq, and cfi and tli unless a residual
        variance is fixed): estimate, semopy, difference.
    defects : DataFrame
        What semopy 2.3.11 is known to compute wrongly: what, how, and whether it is
        compared here.
    runs : int
        How often semopy was started again.
    told : tuple of str
        Warnings that semopy gave.
    """

    parameters: pd.DataFrame
    measures: pd.DataFrame
    defects: pd.DataFrame
    runs: int
    told: tuple[str, ...]

    @property
    def largest(self) -> float:
        """Largest difference of standardised loadings and paths."""
        return float(self.parameters["difference_standardized"].abs().max())

    def _page(self) -> Page:
        size = self.parameters["difference"].abs()
        worst = self.parameters.loc[size.sort_values(ascending=False).index[:3]]
        columns = ["lhs", "op", "rhs", "estimate", "semopy", "difference"]
        wrong = self.defects.loc[self.defects["compared"] == "no", "what"]
        notes = [
            "Not compared, because semopy is known to be wrong there: "
            f"{', '.join(wrong)}."
        ]
        if told := "; ".join(dict.fromkeys(self.told)):
            notes.append(f"semopy warned: {told}")
        return Page(
            "csindex and semopy: largest difference of standardised loadings and paths "
            f"{self.largest:.2g}, of estimates {size.max():.2g}",
            {
                "Largest differences of estimates": worst[columns],
                "Measures": self.measures.reset_index(),
            },
            notes,
            digits=4,
            formats={"difference": "{:.2g}".format},
        )


def second_opinion(results: Results) -> SecondOpinion:
    """Fit the same covariance structure with semopy, and compare.

    Parameters
    ----------
    results : Results
        A fit by `CBSEM`, by ML (corrected or not), ULS or GLS.

    Returns
    -------
    SecondOpinion
        Both programs' estimates and, for ML, chi-square, CFI and TLI, with the
        differences, and a list of what semopy is known to compute wrongly.

    Raises
    ------
    SpecificationError
        If another estimator made the fit, or semopy can't fit such a model rightly:
        constraints, means, missing answers, weighted least squares, latent variances
        fixed at one.
    DataError
        If semopy fails, or reads another model.

    Notes
    -----
    semopy gets the covariances that were fitted, so that divisors and treatments of
    gaps don't matter. Two programs that agree can be wrong together; two that differ
    show, first, where the likelihood is flat: see `explain`.

    References
    ----------
    Igolkina & Meshcheryakov (2020), Structural Equation Modeling 27(6).

    Examples
    --------
    >>> import csindex as csi
    >>> from csindex.moments import Moments
    >>> model = csi.Model("m", [csi.reflective("quality", "q1", "q2", "q3", "q4")])
    >>> cov = [[4, 2, 2, 1], [2, 4, 2, 1], [2, 2, 4, 1], [1, 1, 1, 4]]
    >>> made = Moments(model.items, [8, 7, 8, 7], cov, 250)
    >>> results = csi.fit(model, made, estimator=csi.CBSEM())
    >>> second_opinion(results).largest < 1e-3
    True
    """
    fit = one_fit(results, "second_opinion")
    made = covariance_structure(fit.estimates, "second_opinion")
    _check(made)
    told: list[str] = []
    with _listening(told), one_thread():
        other = _semopy(made)
    return SecondOpinion(
        _parameters(made, other),
        _measures(made, fit.fit_measures, other),
        pd.DataFrame(_DEFECTS, columns=["what", "how", "compared"]),
        other.runs,
        tuple(told),
    )


@dataclass(frozen=True, eq=False)
class _Other:
    """Semopy's fit: estimates by coefficient, also standardised, and fit measures.

    ``alias`` has the names under which it knows the variables.
    """

    alias: dict[str, str]
    estimate: dict[tuple[str, str, str], float]
    standard: dict[tuple[str, str, str], float]
    measures: dict[str, float]
    runs: int


def _check(made: CovarianceEstimates) -> None:
    fit = made.fit
    table, method = fit.table, fit.method
    relations = [r for r in table.relations if r.op != ":="]
    known = {"=~", "~", "~~"}
    free = [
        name
        for name in table.latent
        if not any(
            r.op == "=~" and r.lhs == name and not r.free and r.value != 0
            for r in table.rows
        )
    ]
    checks = [
        (
            method.discrepancy not in _OBJECTIVES,
            f"{method.words}, which it does with other covariances",
        ),
        (method.missing != "listwise", "gaps in answers, which it doesn't centre"),
        (table.means, "means, whose fit it measures otherwise"),
        (bool(relations), "constraints; fix or label parameters in additions= instead"),
        (
            bool({row.op for row in table.rows} - known - {"~1"}),
            "ordered items, which stop it with an error",
        ),
        (
            bool(free),
            "latent variables without a fixed loading; fit with scaling='marker'",
        ),
    ]
    if found := [text for wrong, text in checks if wrong]:
        raise SpecificationError(
            [f"second_opinion: semopy can't be asked about {text}" for text in found]
        )


def _semopy(made: CovarianceEstimates) -> _Other:
    from semopy import Model, calc_stats

    fit = made.fit
    table = fit.table
    alias = _aliases(table)
    names = [alias[name] for name in table.observed]
    cov = pd.DataFrame(
        fit.samples[0].used_cov(fit.method)[0], index=names, columns=names
    )
    n = round(float(fit.n[0]))
    try:
        model: Any = Model(_text(table, alias))
        runs = _minimised(model, cov, n, _OBJECTIVES[fit.method.discrepancy])
        frame = model.inspect(std_est=True)
        stats = calc_stats(model).iloc[0]
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as why:
        raise DataError(
            f"second_opinion: semopy could not fit this model: {why}"
        ) from why
    if len(model.param_vals) != table.size:
        raise DataError(
            f"second_opinion: semopy reads a model of {len(model.param_vals)} "
            f"parameters, not {table.size}; it can't be compared"
        )
    estimate, standard = {}, {}
    for row in frame.itertuples():
        key = (row.lval, row.op, row.rval)
        for turned in {key, (key[2], key[1], key[0])} if row.op == "~~" else {key}:
            estimate[turned] = float(row.Estimate)
            standard[turned] = float(row[frame.columns.get_loc("Est. Std") + 1])
    measures = {
        "chisq": float(stats["chi2"]),
        "df": float(stats["DoF"]),
        "cfi": float(stats["CFI"]),
        "tli": float(stats["TLI"]),
    }
    return _Other(alias, estimate, standard, measures, runs)


def _minimised(model: Any, cov: pd.DataFrame, n: int, objective: str) -> int:
    """Let semopy go on until nothing is gained, and return how often it went on."""
    last = np.inf
    for run in range(1, _RESTARTS):
        value = float(model.fit(cov=cov, n_samples=n, obj=objective).fun)
        if not value < last - _GAIN:
            return run
        last = value
    return _RESTARTS


class _Collecting(logging.Handler):
    """Keeps what semopy logs."""

    def __init__(self, told: list[str]) -> None:
        super().__init__()
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        self._told.append(record.getMessage())


@contextmanager
def _listening(told: list[str]) -> Iterator[None]:
    """Return a context that notes semopy's warnings, which aren't the user's."""
    handler, root = _Collecting(told), logging.getLogger()
    root.addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        root.removeHandler(handler)
    told += [f"{w.category.__name__}: {w.message}" for w in caught]


def _aliases(table: ParameterTable) -> dict[str, str]:
    """Return names that semopy can read, whatever the variables are called.

    An endogenous construct that is its one item goes by the item's name.
    """
    names = {name: f"y{k}" for k, name in enumerate(table.observed, 1)}
    names |= {name: f"f{k}" for k, name in enumerate(table.latent, 1)}
    return names | {name: names[item] for name, item in _items(table).items()}


def _items(table: ParameterTable) -> dict[str, str]:
    """Return the item of each endogenous construct that is nothing but its item."""
    loadings = [row for row in table.rows if row.op == "=~"]
    caused = {row.lhs for row in table.rows if row.op == "~"}
    exact = {
        row.lhs
        for row in table.rows
        if row.op == "~~" and row.lhs == row.rhs and not row.free and row.value == 0
    }
    return {
        row.lhs: row.rhs
        for row in loadings
        if row.lhs in caused
        and row.rhs in exact
        and not row.free
        and row.value == 1
        and sum(row.lhs == r.lhs or row.rhs == r.rhs for r in loadings) == 1
    }


def _text(table: ParameterTable, alias: dict[str, str]) -> str:
    """Return the model with every coefficient, fixed or free, as semopy reads it."""
    shared = {
        row.parameter
        for row in table.rows
        if row.free and sum(r.parameter == row.parameter for r in table.rows) > 1
    }
    lines = []
    whole = _items(table)
    for row in table.rows:
        if _given(row, whole):
            continue
        if row.free:
            told = f"p{row.parameter}*" if row.parameter in shared else ""
        else:
            told = f"{row.value:.17g}*"
        lines.append(f"{alias[row.lhs]} {row.op} {told}{alias[row.rhs]}")
    present = {frozenset((r.lhs, r.rhs)) for r in table.rows if r.op == "~~"}
    # it lets latent variables covary of itself
    lines += [
        f"{alias[one]} ~~ 0*{alias[other]}"
        for k, one in enumerate(table.latent)
        for other in table.latent[k + 1 :]
        if frozenset((one, other)) not in present
    ]
    return "\n".join(lines)


def _given(row: Row, items: dict[str, str]) -> bool:
    """Return whether a coefficient only says that a construct is its item."""
    if row.op == "=~":
        return row.lhs in items
    return row.op == "~~" and row.lhs == row.rhs and row.lhs in items.values()


def _key(row: Row, alias: dict[str, str]) -> tuple[str, str, str]:
    """Return how semopy lists a coefficient: loadings are regressions of items."""
    if row.op == "=~":
        return alias[row.rhs], "~", alias[row.lhs]
    return alias[row.lhs], row.op, alias[row.rhs]


def _parameters(made: CovarianceEstimates, other: _Other) -> pd.DataFrame:
    table, theta = made.fit.table, made.fit.theta
    keys = [_key(row, other.alias) for row in table.rows]
    given = [_given(row, _items(table)) for row in table.rows]
    frame = pd.DataFrame(
        {
            "lhs": [row.lhs for row in table.rows],
            "op": [row.op for row in table.rows],
            "rhs": [row.rhs for row in table.rows],
            "estimate": row_values(table.rows, theta[0]),
            "semopy": [other.estimate.get(key, np.nan) for key in keys],
            "standardized": standardized(table, theta)[0, : len(keys)],
            "semopy_standardized": [other.standard.get(key, np.nan) for key in keys],
        }
    )
    frame = frame[~np.array(given)].reset_index(drop=True)
    frame.insert(5, "difference", frame["semopy"] - frame["estimate"])
    # it standardises residual covariances wrongly
    arrow = frame["op"] != "~~"
    names = ["standardized", "semopy_standardized"]
    frame[names] = frame[names].where(arrow)
    gap = frame["semopy_standardized"] - frame["standardized"]
    return frame.assign(difference_standardized=gap)


def _measures(made: CovarianceEstimates, own: pd.Series, other: _Other) -> pd.DataFrame:
    table = made.fit.table
    fixed = [
        row
        for row in table.rows
        if row.op == "~~" and row.lhs == row.rhs and not row.free
    ]
    names = ["df"]
    if made.fit.method.likelihood:
        names.append("chisq")
        if all(_given(row, _items(table)) for row in fixed):
            names += ["cfi", "tli"]
    frame = pd.DataFrame(
        {
            "estimate": own[names].to_numpy(np.float64),
            "semopy": [other.measures[name] for name in names],
        },
        index=pd.Index(names, name="measure"),
    )
    return frame.assign(difference=frame["semopy"] - frame["estimate"])
