"""Diagnostics of covariance-based fits: residuals, modification, scores, omega."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Protocol, get_args

import numpy as np
import pandas as pd

from csindex.errors import DataError, SpecificationError, quoted
from csindex.estimation.cbsem.cautions import Caution, cautions
from csindex.estimation.cbsem.fitted import CovarianceFit, objective
from csindex.estimation.cbsem.noncentral import chi_square_tail
from csindex.estimation.cbsem.robust import slopes, weights
from csindex.estimation.cbsem.table import Row
from csindex.kernels.arrays import FloatArray
from csindex.kernels.cbsem.fourth import normal_gamma
from csindex.kernels.cbsem.ram import matrices
from csindex.kernels.em import completed
from csindex.kernels.linalg import correlation
from csindex.results import Results
from csindex.results.parameters import covariance_structure

ResidualKind = Literal["raw", "correlation", "normalized", "standardized"]
ScoreMethod = Literal["regression", "bartlett"]
# a fixed coefficient says nothing where the others leave it no information
_NOTHING = 1e-8


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
    made = covariance_structure(results.estimates, "modification_indices")
    fit = made.fit
    t = fit.table.size
    added = [
        replace(row, parameter=t + k) for k, row in enumerate(_candidates(results))
    ]
    table = replace(fit.table, rows=(*fit.table.rows, *added), relations=())
    theta = np.concatenate([fit.theta, np.zeros((1, len(added)))], axis=1)
    point = objective(table, fit.method, fit.samples).at(theta)
    slope, information = point.gradient()[0, t:], point.expected()[0]
    inverse = fit.inverse(information[None, :t, :t])[0]
    cross = information[t:, :t]
    whole = np.diagonal(information)[t:]
    left = whole - ((cross @ inverse) * cross).sum(axis=1)
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
    made = covariance_structure(results.estimates, "residuals")
    if kind not in get_args(ResidualKind):
        raise SpecificationError(
            f"unknown kind {kind!r} of residuals; there are "
            f"{quoted(get_args(ResidualKind))}"
        )
    names = list(made.fit.table.observed)
    return pd.DataFrame(_residuals(made.fit, kind), index=names, columns=names)


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
        If another estimator made the fit, or there is no such method; if loadings
        alone don't tell latent variables apart, as of second order.
    DataError
        If the fit was made from moments, or answers are missing: those of a fit with
        ``missing="fiml"`` or ``"two_stage"`` have regression scores only.

    References
    ----------
    Thurstone (1935); Bartlett (1937), British Journal of Psychology 28.
    """
    made = covariance_structure(results.estimates, "factor_scores")
    if method not in get_args(ScoreMethod):
        raise SpecificationError(
            f"unknown method {method!r}; there are {quoted(get_args(ScoreMethod))}"
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


def model_reliability(results: Results) -> pd.DataFrame:
    r"""Return reliability by the fitted model: omega and average variance extracted.

    Parameters
    ----------
    results : Results
        A fit by `CBSEM`.

    Returns
    -------
    DataFrame
        construct, omega (of the sum of its items) and ave, in the items' own units.

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
    McDonald (1999), Test Theory; Fornell & Larcker (1981).
    """
    made = covariance_structure(results.estimates, "model_reliability")
    model, p = made.model, len(made.model.items)
    implied = made.fit.implied[0]
    arrows = matrices(made.fit.table.rams[0], made.fit.theta)[0][0]
    rows = []
    for k, name in enumerate(model.construct_names):
        items = np.flatnonzero(model.blocks[:, k])
        loadings, phi = arrows[items, p + k], implied.total[0, p + k, p + k]
        cov = implied.cov[0][np.ix_(items, items)]
        omega = loadings.sum() ** 2 * phi / cov.sum()
        rows.append((name, omega, (loadings**2).sum() * phi / np.trace(cov)))
    return pd.DataFrame(rows, columns=["construct", "omega", "ave"])


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
    made = covariance_structure(results.estimates, "explain")
    columns = ["finding", "where", "value", "threshold", "improper", "ways_out"]
    found = cautions(made)
    if boot is not None:
        found += _failed_resamples(boot)
    return pd.DataFrame(
        [[getattr(caution, c) for c in columns] for caution in found], columns=columns
    )


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
    made = covariance_structure(results.estimates, "modification_indices")
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


def _residuals(fit: CovarianceFit, kind: ResidualKind) -> FloatArray:
    cov, implied = fit.samples[0].used_cov(fit.method)[0], fit.implied[0].cov[0]
    if kind == "correlation":
        return np.asarray(correlation(cov)[0] - correlation(implied)[0])
    raw = cov - implied
    if kind == "raw":
        return np.asarray(raw)
    p = len(cov)
    i, j = np.triu_indices(p)
    if kind == "normalized":
        variance = normal_gamma(cov, means=False).diagonal().copy()
    else:
        # what estimation takes away from the sample moments' law
        slope, joint = slopes(fit)[0], fit.inverse(fit.expected)[0]
        kept = np.eye(len(slope)) - slope @ joint @ slope.T @ weights(fit)[0]
        law = kept @ normal_gamma(cov, fit.table.means) @ kept.T
        variance = np.diagonal(law)[-len(i) :]
    # where the model fits an element exactly there is nothing to divide
    size = np.sqrt(np.diagonal(cov))
    error = np.sqrt(np.maximum(variance, 0) / fit.factor[0])
    exact = error < 1e-6 * size[i] * size[j]
    found = np.zeros((p, p))
    found[i, j] = np.where(exact, 0.0, raw[i, j] / np.where(exact, 1.0, error))
    found[j, i] = found[i, j]
    return found
