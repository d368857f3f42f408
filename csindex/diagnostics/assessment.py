"""Assess a fit: reliability, validity, collinearity and fit, with graded verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from csindex.diagnostics import quality, reasons, thresholds
from csindex.diagnostics.admissibility import admissibility
from csindex.diagnostics.blindfolding import q_squared
from csindex.diagnostics.options import truth_problems
from csindex.diagnostics.statistics import MEASURES, reliabilities
from csindex.diagnostics.thresholds import Criterion
from csindex.errors import SpecificationError
from csindex.estimation import Estimates
from csindex.kernels import reliability as kernels
from csindex.kernels import validity
from csindex.kernels.arrays import FloatArray
from csindex.model import Model
from csindex.results import Results, Statistic, one_fit
from csindex.results.printing import Page, Printed

# what is judged of every construct of several items
_BY_CONSTRUCT = (
    thresholds.ALPHA,
    thresholds.RHO_A,
    thresholds.RHO_C,
    thresholds.OMEGA,
    thresholds.AVE,
    thresholds.REDUNDANCY,
)


@dataclass(frozen=True, eq=False, repr=False)
class Assessment(Printed):
    """Measurement, structure and fit of a model; made by `assess`.

    Every table of numbers is a statistic of `csindex.diagnostics` (``OMEGA``,
    ``HTMT2``, ``VIF``, ``FIT`` ...) but ``q_squared``, so that
    ``csi.bootstrap(results).of(...)`` gives it intervals.

    Attributes
    ----------
    results : Results
        The fit.
    htmt_absolute : bool
        Whether the heterotrait-monotrait ratio takes correlations without signs.
    """

    results: Results
    htmt_absolute: bool = True

    def _page(self) -> Page:
        broken = self.admissibility[~self.admissibility["passed"]]
        flagged = self.verdicts[self.verdicts["verdict"] == "flagged"]
        criteria = ", ".join(flagged["criterion"].drop_duplicates()) or "none"
        count = f"{len(flagged)} of {len(self.verdicts)} values"
        lines = [f"Flagged: {count} ({criteria})"]
        for row in broken.itertuples():
            place = f" ({row.where})" if row.where else ""
            lines.append(f"Not so: {row.check}{place}. {row.explanation}")
        tables = {"Reliability": self.reliability.reset_index()}
        if len(flagged):
            shown = [
                thresholds.BY_NAME[row.criterion].shown(row.value, 3)
                for row in flagged.itertuples()
            ]
            columns = ["criterion", "where", "value", "threshold"]
            listed = flagged.assign(value=shown)[columns]
            tables["Flagged (a look is due, not a failure)"] = listed
        meanings = flagged.drop_duplicates("criterion")
        return Page(
            "\n".join(lines),
            tables,
            [f"{row.criterion}: {row.explanation}" for row in meanings.itertuples()],
            digits=4,
        )

    @cached_property
    def reliability(self) -> pd.DataFrame:
        """Reliability: alpha, alpha_standardized, rho_a, rho_c, ave, omega.

        One row per construct. ``alpha`` is of the items' covariances,
        ``alpha_standardized`` of their correlations; ``omega`` of one common factor of
        the correlations of the construct's own items. Constructs with mode B weights
        have no rho_a, rho_c, ave and omega.

        Of ordinal items (``PLS(correlations="polychoric")``, ``CBSEM(ordinal=True)``)
        the correlations are polychoric: ``alpha_standardized`` is ordinal alpha, of the
        variables behind the items. By `CBSEM` ``alpha`` is so, too, because these have
        no units, and ``omega`` is that of the sum of answers, from thresholds and the
        correlations that the model implies (Green & Yang 2009); it is missing where a
        construct has ordinal and continuous items. By `PLS` ``alpha`` is of polychoric
        correlations with the answers' standard deviations, and ``omega`` of the
        variables behind the items.
        """
        table = pd.DataFrame(
            reliabilities(self._estimates),
            index=self._constructs,
            columns=list(MEASURES),
        )
        return table.assign(omega=quality.omegas(self._estimates))

    @cached_property
    def indicator_reliability(self) -> pd.DataFrame:
        """Share of each item explained: construct, item, loading, reliability."""
        table = self.results.loadings.rename(columns={"estimate": "loading"})
        return table.assign(reliability=table["loading"] ** 2)

    @property
    def loadings(self) -> pd.DataFrame:
        """Loadings: construct, item, estimate."""
        return self.results.loadings

    @property
    def cross_loadings(self) -> pd.DataFrame:
        """Correlations of every item with every construct's score."""
        return self.results.cross_loadings

    @cached_property
    def htmt(self) -> pd.DataFrame:
        """Heterotrait-monotrait ratios of the constructs."""
        ratios = kernels.htmt(self._corr, self._model.blocks, self.htmt_absolute)
        return self._square(ratios)

    @cached_property
    def htmt2(self) -> pd.DataFrame:
        """Heterotrait-monotrait ratios of geometric means; NaN: see ``undefined``."""
        return self._square(validity.htmt2(self._corr, self._model.blocks))

    @cached_property
    def undefined(self) -> pd.DataFrame:
        """What can't be had of these data: measure, where, reason."""
        return pd.DataFrame(
            [
                *reasons.htmt(self.htmt),
                *reasons.htmt2(self._model, self._corr),
                *reasons.collinearity(self.full_collinearity),
            ],
            columns=["measure", "where", "reason"],
        )

    @cached_property
    def fornell_larcker(self) -> pd.DataFrame:
        """Construct correlations, with the root of the AVE on the diagonal."""
        table = self._estimates.construct_corr.copy()
        np.fill_diagonal(table, np.sqrt(self.reliability["ave"].to_numpy()))
        return self._square(table)

    @cached_property
    def vif(self) -> pd.DataFrame:
        """Variance inflation: kind (inner or outer), construct, name, vif.

        Inner: a construct's causes among each other. Outer: a construct's items
        among each other.
        """
        return self._named(quality.VIF, "vif")

    @cached_property
    def full_collinearity(self) -> pd.DataFrame:
        """Inflation of every construct by all the others: construct, vif.

        After Kock (2015), International Journal of e-Collaboration 11(4).
        """
        return self._named(quality.FULL_COLLINEARITY, "vif")

    @cached_property
    def r_squared(self) -> pd.DataFrame:
        """Explained variance: construct, r2, r2_adjusted, size."""
        adjusted = self._named(quality.R_SQUARED_ADJUSTED, "r2_adjusted")
        values = self.results.r_squared.to_numpy()
        table = adjusted.assign(r2=values)[["construct", "r2", "r2_adjusted"]]
        bounds = thresholds.R_SQUARED_SIZES
        return table.assign(size=[thresholds.size(v, bounds) for v in values])

    @cached_property
    def f_squared(self) -> pd.DataFrame:
        r"""Effect size of each path: source, target, f_squared, size.

        :math:`f^2 = (R^2 - R^2_{without}) / (1 - R^2)`, after Cohen (1988).
        """
        table = self._named(quality.F_SQUARED, "f_squared")
        bounds = thresholds.F_SQUARED_SIZES
        words = [thresholds.size(v, bounds) for v in table["f_squared"]]
        return table.assign(size=words)

    @cached_property
    def q_squared(self) -> pd.DataFrame:
        """Prediction of respondents left out: construct, q2, note.

        With distance 7; `csindex.diagnostics.q_squared` takes others.
        """
        return q_squared(self.results)

    @cached_property
    def fit(self) -> pd.DataFrame:
        """How well the model fits item correlations: measure, saturated, estimated.

        In the saturated model constructs correlate freely, which judges measurement
        alone; in the estimated one only as the paths say. `exact_fit` tests them.
        """
        found = self.results.fit_measures
        names = [name for name in found.index if not name.endswith("_saturated")]
        free = found.reindex([f"{name}_saturated" for name in names])
        return pd.DataFrame(
            {
                "measure": names,
                "saturated": free.to_numpy(),
                "estimated": found[names].to_numpy(),
            }
        )

    @property
    def gof(self) -> float:
        """Global goodness of fit of PLS, which is no test of fit."""
        return float(quality.goodness_of_fit(self._estimates)[0])

    @cached_property
    def admissibility(self) -> pd.DataFrame:
        """Whether the solution is admissible: check, passed, where, explanation."""
        return admissibility(self._estimates)

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """Grades: criterion, where, value, threshold, verdict, source, explanation.

        A flag asks for a look; it doesn't reject a model. The explanation says what a
        flag means, and what can be done.
        """
        rows = [
            {
                "criterion": criterion.name,
                "where": where,
                "value": value,
                "threshold": criterion.rule,
                "verdict": (verdict := criterion.verdict(value)),
                "source": criterion.source,
                "explanation": criterion.meaning if verdict == "flagged" else "",
            }
            for criterion, where, value in self._judged()
        ]
        columns = ["criterion", "where", "value", "threshold", "verdict", "source"]
        return pd.DataFrame(rows, columns=[*columns, "explanation"])

    def implied_correlations(self, saturated: bool = False) -> pd.DataFrame:
        """Return the item correlations that the model implies.

        Parameters
        ----------
        saturated : bool
            True: all constructs are correlated freely. False: only as the paths say.

        Returns
        -------
        DataFrame of shape (items, items)
            Correlations.

        Raises
        ------
        SpecificationError
            If ``saturated`` is neither True nor False.
        """
        _refuse("implied_correlations", truth_problems(saturated=saturated))
        items = pd.Index(self._model.items, name="item")
        values = self._estimates.implied_corr(saturated)
        return pd.DataFrame(values, index=items, columns=items)

    def residual_correlations(self, saturated: bool = False) -> pd.DataFrame:
        """Return what the model leaves of the item correlations.

        Parameters
        ----------
        saturated : bool
            As in `implied_correlations`.

        Returns
        -------
        DataFrame of shape (items, items)
            Correlations minus implied ones.

        Raises
        ------
        SpecificationError
            If ``saturated`` is neither True nor False.
        """
        _refuse("residual_correlations", truth_problems(saturated=saturated))
        expected = self.implied_correlations(saturated)
        return pd.DataFrame(self._corr, expected.index, expected.columns) - expected

    def implied_construct_correlations(self) -> pd.DataFrame:
        """Return the construct correlations that the paths imply.

        Returns
        -------
        DataFrame of shape (constructs, constructs)
            Correlations.
        """
        return self._square(self._estimates.implied_construct_corr())

    def _judged(self) -> Iterable[tuple[Criterion, str, float]]:
        """Yield what is judged, by which criterion; single items are not."""
        sizes = {c.name: len(c.items) for c in self._model.constructs}
        several = [name for name, size in sizes.items() if size > 1]
        for row in self.results.loadings.itertuples():
            if sizes[row.construct] > 1:
                yield thresholds.LOADING, row.item, float(row.estimate)
        for criterion in _BY_CONSTRUCT:
            for name in several:
                column = {"redundancy": "rho_c"}.get(criterion.name, criterion.name)
                yield criterion, name, float(self.reliability.loc[name, column])
        names = self._model.construct_names
        for i, first in enumerate(names):
            for second in names[i + 1 :]:
                ratio = float(self.htmt.loc[first, second])
                yield thresholds.HTMT, f"{first} - {second}", ratio
        margins = quality.fornell_larcker_margins(self._estimates)
        for name, margin in zip(names, margins, strict=True):
            if sizes[name] > 1 and len(names) > 1:
                yield thresholds.FORNELL_LARCKER, name, float(margin)
        for row in self.vif.itertuples():
            yield thresholds.VIF, f"{row.name} ({row.construct})", float(row.vif)
        yield from self._judged_structure()

    def _judged_structure(self) -> Iterable[tuple[Criterion, str, float]]:
        if len(self._model.constructs) > 2:
            for row in self.full_collinearity.itertuples():
                yield thresholds.FULL_COLLINEARITY, row.construct, float(row.vif)
        for row in self.q_squared.itertuples():
            yield thresholds.Q_SQUARED, row.construct, float(row.q2)
        measures = self.results.fit_measures
        for criterion in (thresholds.SRMR, thresholds.SRMR_SATURATED):
            if criterion.name in measures:
                yield criterion, "model", float(measures[criterion.name])

    def _named(self, statistic: Statistic, column: str) -> pd.DataFrame:
        """Return a statistic's table with its own name for the estimates."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return statistic.table(self._estimates).rename(columns={"estimate": column})

    @property
    def _estimates(self) -> Estimates:
        return self.results.estimates

    @property
    def _model(self) -> Model:
        return self.results.model

    @property
    def _corr(self) -> FloatArray:
        return self.results.moments.corr

    @property
    def _constructs(self) -> pd.Index:
        return pd.Index(self._model.construct_names, name="construct")

    def _square(self, values: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(values, index=self._constructs, columns=self._constructs)


def assess(results: Results, htmt_absolute: bool = True) -> Assessment:
    """Assess how well a fit measures what it should, and fits.

    Parameters
    ----------
    results : Results
        A fit.
    htmt_absolute : bool
        Whether the heterotrait-monotrait ratio takes correlations without their
        signs (seminr, SmartPLS 4) or with them (cSEM); the two differ only for a
        construct whose items correlate with mixed signs.

    Returns
    -------
    Assessment
        Tables of reliability, validity, collinearity, explanation, fit and
        admissibility, and graded verdicts, which flag and never reject.

    Raises
    ------
    SpecificationError
        If it isn't given one fit, or ``htmt_absolute`` is neither True nor False.

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> assess(results).reliability.columns.tolist()
    ['alpha', 'alpha_standardized', 'rho_a', 'rho_c', 'ave', 'omega']
    """
    fit = one_fit(results, "assess")
    _refuse("assess", truth_problems(htmt_absolute=htmt_absolute))
    return Assessment(fit, bool(htmt_absolute))


def _refuse(caller: str, problems: Iterable[str]) -> None:
    if found := [f"{caller}: {problem}" for problem in problems]:
        raise SpecificationError(found)
