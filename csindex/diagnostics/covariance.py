"""Diagnostics of covariance-based fits: residuals, modification, scores, omega."""

from __future__ import annotations

from typing import Literal, Protocol, get_args

import numpy as np
import pandas as pd

from csindex.diagnostics.covariance_residuals import ResidualKind, residual_matrix
from csindex.diagnostics.release import release_scores
from csindex.errors import DataError, SpecificationError, quoted
from csindex.estimation.cbsem import CovarianceEstimates
from csindex.estimation.cbsem.cautions import Caution, cautions
from csindex.estimation.cbsem.fitted import CovarianceFit
from csindex.estimation.cbsem.noncentral import chi_square_tail
from csindex.estimation.cbsem.ordinal import OrdinalEstimates
from csindex.estimation.cbsem.ordinal_reliability import (
    has_ordinal,
    ordinal_reliability,
)
from csindex.estimation.cbsem.table import Row
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.ram import matrices
from csindex.kernels.em import completed
from csindex.kernels.threads import one_thread
from csindex.language.frames import Table
from csindex.results import Results, one_fit
from csindex.results.parameters import covariance_structure

ScoreMethod = Literal["regression", "bartlett"]
# a fixed coefficient says nothing where the others leave it no information
_NOTHING = 1e-8


@one_thread(lapack=True)
def modification_indices(results: Results) -> pd.DataFrame:
    r"""Return what chi-square would fall by, were a further coefficient free.

    Parameters
    ----------
    results : Results
        A fit by `CBSEM`.

    Returns
    -------
    DataFrame
        lhs, op, rhs, mi (fall of chi-square, one degree of freedom), p, epc (expected
        value), epc_standardized; largest first. Candidates are further loadings,
        covariances of residuals and of latent variables, and paths.

    Raises
    ------
    SpecificationError
        If another estimator made the fit.

    Notes
    -----
    With gradient g and expected information I of one observation,
    :math:`MI = N g_k^2 / (I_{kk} - I_{k\theta} I_{\theta\theta}^{-1} I_{\theta k})` and
    :math:`EPC = -g_k` over the same. One look at the largest is exploration, not a
    test: free what theory allows, one at a time, and check with other data.

    References
    ----------
    Sorbom (1989), Psychometrika 54(3); Saris, Satorra & Sorbom (1987).
    """
    made = _structure(results, "modification_indices")
    fit = made.fit
    added = _candidates(results)
    score = release_scores(fit, added)
    slope, whole, left = score.slope, score.whole, score.left
    usable = left > _NOTHING * np.maximum(whole, 1e-300)
    left = np.where(usable, left, np.nan)
    frame = pd.DataFrame(
        {
            "lhs": [row.lhs for row in added],
            "op": [row.op for row in added],
            "rhs": [row.rhs for row in added],
            "mi": fit.factor[0] * slope**2 / left,
            "epc": -slope / left,
        }
    )
    frame.insert(4, "p", chi_square_tail(frame["mi"].to_numpy(), 1))
    frame["epc_standardized"] = frame["epc"] * _scales(fit, added)
    frame = frame[usable]
    return frame.sort_values("mi", ascending=False, ignore_index=True)


@one_thread(lapack=True)
def residuals(results: Results, kind: ResidualKind = "correlation") -> pd.DataFrame:
    """Return what the model leaves of the items' covariances.

    Parameters
    ----------
    results : Results
        A fit by `CBSEM`.
    kind : {"raw", "correlation", "normalized", "standardized"}
        Differences of covariances or of correlations; or differences of covariances
        divided by standard errors, of the covariance alone (normalized) or of the
        difference (standardized; beyond 2 is worth a look).

    Returns
    -------
    DataFrame
        Items by items.

    Raises
    ------
    SpecificationError
        If another estimator made the fit, or there is no such kind.

    References
    ----------
    Joreskog & Sorbom (1981); Maydeu-Olivares (2017), Psychometrika 82(3).
    """
    made = _structure(results, "residuals")
    if kind not in get_args(ResidualKind):
        raise SpecificationError(
            f"unknown kind {kind!r} of residuals; there are "
            f"{quoted(get_args(ResidualKind))}"
        )
    names = list(made.fit.table.observed)
    found = residual_matrix(made.fit, kind, made.cases)
    return pd.DataFrame(found, index=names, columns=names)


@one_thread(lapack=True)
def factor_scores(results: Results, method: ScoreMethod = "regression") -> pd.DataFrame:
    r"""Return every respondent's scores on the latent variables.

    Parameters
    ----------
    results : Results
        A fit by `CBSEM` to a survey.
    method : {"regression", "bartlett"}
        Least error, :math:`C_{\eta y} \Sigma^{-1} (y - \mu)`; or without bias,
        :math:`(\Lambda'\Sigma^{-1}\Lambda)^{-1} \Lambda'\Sigma^{-1} (y - \mu)`.

    Returns
    -------
    DataFrame
        Respondents by latent variables, with the survey's row labels.

    Raises
    ------
    SpecificationError
        If another estimator made the fit, or there is no such method; if items are
        ordinal; if loadings alone don't tell latent variables apart, as of second
        order.
    DataError
        If the fit was made from moments, or answers are missing: those of a fit with
        ``missing="fiml"`` or ``"two_stage"`` have regression scores only.

    References
    ----------
    Thurstone (1935); Bartlett (1937), British Journal of Psychology 28.
    """
    made = _structure(results, "factor_scores")
    if method not in get_args(ScoreMethod):
        raise SpecificationError(
            f"unknown method {method!r}; there are {quoted(get_args(ScoreMethod))}"
        )
    if isinstance(made, OrdinalEstimates):
        raise SpecificationError(
            "factor scores are linear in the answers, which ordinal items are not; "
            "use results.respondent_scores()"
        )
    if results.answers is None or results.survey is None:
        raise DataError("factor scores need respondents; fit to a survey")
    table, p = made.fit.table, len(made.fit.table.observed)
    implied = made.fit.implied[0]
    values = results.answers.values
    if np.isnan(values).any():
        if method != "regression" or made.fit.method.missing == "listwise":
            raise DataError(
                "factor scores of answers with gaps need method='regression', and a "
                "fit by csi.CBSEM(missing='fiml')"
            )
        # what the model expects adds nothing to what is answered
        values = completed(values, implied.mean[0], implied.cov[0])
    inverse = np.linalg.inv(implied.cov[0])
    if method == "regression":
        scoring = np.asarray(implied.total[0, p:, :p] @ inverse)
    else:
        loadings = matrices(table.rams[0], made.fit.theta)[0][0, :p, p:]
        middle = loadings.T @ inverse @ loadings
        if np.linalg.cond(middle) > 1 / np.finfo(float).eps:
            raise SpecificationError(
                "Bartlett's scores need items of every latent variable; use "
                "method='regression'"
            )
        scoring = np.asarray(np.linalg.solve(middle, loadings.T @ inverse))
    centre = implied.mean[0] if table.means else made.moments.mean
    levels = implied.levels[0, p:]
    return pd.DataFrame(
        levels + (values - centre) @ scoring.T,
        index=results.survey.frame.index[results.answers.rows],
        columns=list(table.latent),
    )


@one_thread(lapack=True)
def model_reliability(results: Results) -> pd.DataFrame:
    r"""Return reliability by the fitted model: omega and average variance extracted.

    Parameters
    ----------
    results : Results
        A fit by `CBSEM`.

    Returns
    -------
    DataFrame
        construct, omega (of the sum of its items) and ave, in the items' own units. Of
        ordinal items omega is that of the sum of answers, ``ave`` that of the variables
        behind them, and there is ``alpha``, ordinal alpha, too; NaN for constructs of
        ordinal and continuous items, whose sum has no such thresholds.

    Raises
    ------
    SpecificationError
        If another estimator made the fit.

    Notes
    -----
    :math:`\omega = (\sum\lambda)^2\phi / 1'\Sigma 1` over the construct's items, so
    that covarying residuals and other loadings count as error;
    :math:`AVE = \sum\lambda^2\phi / \sum\sigma_{ii}`.

    References
    ----------
    McDonald (1999), Test Theory; Fornell & Larcker (1981); Green & Yang (2009),
    Psychometrika 74(1); Zumbo, Gadermann & Zeisser (2007), Journal of Modern Applied
    Statistical Methods 6(1).
    """
    made = _structure(results, "model_reliability")
    model, p = made.model, len(made.model.items)
    implied = made.fit.implied[0]
    table = made.fit.table
    behind = np.array([table.place(Row(n, "~~", n))[0] for n in table.observed])
    arrows = matrices(table.rams[0], made.fit.theta)[0][0]
    rows = []
    for k, name in enumerate(model.construct_names):
        items = np.flatnonzero(model.blocks[:, k])
        loadings = arrows[behind[items], p + k]
        phi = implied.total[0, p + k, p + k]
        cov = implied.cov[0][np.ix_(items, items)]
        omega = loadings.sum() ** 2 * phi / cov.sum()
        rows.append((name, omega, (loadings**2).sum() * phi / np.trace(cov)))
    frame = pd.DataFrame(rows, columns=["construct", "omega", "ave"])
    if not isinstance(made, OrdinalEstimates):
        return frame
    own, here = ordinal_reliability(made), has_ordinal(made)
    return frame.assign(
        omega=np.where(here, own.omega, frame["omega"]),
        ave=np.where(here, own.ave, frame["ave"]),
        alpha=own.alpha,
    )


class Resampled(Protocol):
    """A bootstrap: ``counts`` says what became of its resamples."""

    @property
    def counts(self) -> pd.Series:
        """Resamples: requested, used, not_converged, inadmissible."""
        ...


def explain(results: Results, boot: Resampled | None = None) -> pd.DataFrame:
    """Say what makes a covariance-based solution improper or fragile.

    Parameters
    ----------
    results : Results
        A fit by `CBSEM`.
    boot : Bootstrap, optional
        Its bootstrap; the share of resamples without a solution is then told, too.

    Returns
    -------
    DataFrame
        finding, where, value, threshold, improper (no population is so) and ways_out;
        empty if there is nothing to say.

    Raises
    ------
    SpecificationError
        If another estimator made the fit.
    """
    made = _structure(results, "explain")
    columns = ["finding", "where", "value", "threshold", "improper", "ways_out"]
    found = cautions(made)
    if boot is not None:
        found += _failed_resamples(boot)
    rows = [[getattr(caution, c) for c in columns] for caution in found]
    table = Table(rows, columns=columns)
    table.attrs["below"] = ["ways_out"]
    return table


def _structure(results: object, caller: str) -> CovarianceEstimates:
    """Return the covariance structure of one fit, or refuse what is none."""
    return covariance_structure(one_fit(results, caller).estimates, caller)


def _failed_resamples(boot: Resampled) -> list[Caution]:
    counts = boot.counts
    names = ("not_converged", "inadmissible")
    failed = sum(int(counts[name]) for name in names)
    if not failed:
        return []
    told = ", ".join(f"{counts[name]} {name.replace('_', ' ')}" for name in names)
    tried = failed + int(counts["used"])
    return [
        Caution(
            "resamples without a solution",
            f"{failed} of {tried}: {told}",
            failed / tried,
            0.0,
            False,
            "intervals come from the others and may be too narrow; make the model "
            "simpler, bound variances with additions=, or use csi.PLS",
        )
    ]


def _candidates(results: Results) -> list[Row]:
    """Return the coefficients that a model fixes at zero by leaving them out."""
    made = _structure(results, "modification_indices")
    table, model = made.fit.table, made.model
    given = {(row.lhs, row.op, row.rhs) for row in table.rows}
    given |= {(row.rhs, row.op, row.lhs) for row in table.rows if row.op == "~~"}
    items = {row.rhs for row in table.rows if row.op == "=~"} & {*table.observed}
    pairs = [(f, "=~", item) for f in table.latent for item in table.observed]
    pairs = [pair for pair in pairs if pair[2] in items]
    for names in (table.observed, table.latent):
        pairs += [
            (one, "~~", other)
            for k, one in enumerate(names)
            for other in names[k + 1 :]
        ]
    if model.paths:
        names = model.construct_names
        pairs += [(a, "~", b) for a in names for b in names if a != b]
    return [Row(*pair, parameter=0) for pair in pairs if pair not in given]


def _scales(fit: CovarianceFit, rows: list[Row]) -> FloatArray:
    """Return what standardises expected changes."""
    implied = fit.implied[0]
    sd = np.sqrt(np.diagonal(implied.total[0]))
    joint = matrices(fit.table.rams[0], fit.theta)[1][0]
    residual = np.sqrt(np.abs(np.diagonal(joint)))
    found = np.empty(len(rows))
    for k, row in enumerate(rows):
        r, c = fit.table.place(row)
        with np.errstate(divide="ignore"):
            found[k] = (
                1 / (residual[r] * residual[c]) if row.op == "~~" else sd[c] / sd[r]
            )
    return found
