"""Assess a fit: reliability, validity and collinearity, with graded verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from csindex.diagnostics import thresholds
from csindex.diagnostics.statistics import MEASURES, reliabilities
from csindex.diagnostics.thresholds import Criterion
from csindex.kernels import reliability as kernels
from csindex.results import Results, one_fit


@dataclass(frozen=True, eq=False, repr=False)
class Assessment:
    """Measurement quality of a fit; made by `assess`.

    Attributes
    ----------
    results : Results
        The fit.
    htmt_absolute : bool
        Whether the heterotrait-monotrait ratio takes correlations without signs.
    """

    results: Results
    htmt_absolute: bool = True

    def __repr__(self) -> str:
        flagged = self.verdicts[self.verdicts["verdict"] == "flagged"]
        text = self.reliability.round(4).to_string(na_rep="")
        if flagged.empty:
            return f"{text}\n\nNothing is flagged."
        listed = flagged[["criterion", "where", "value", "threshold"]]
        return f"{text}\n\nFlagged (a look is due, not a failure):\n" + str(
            listed.to_string(index=False, float_format="{:.3f}".format)
        )

    @cached_property
    def reliability(self) -> pd.DataFrame:
        """Reliability by construct: alpha, alpha_standardized, rho_a, rho_c, ave.

        ``alpha`` is of the raw items, ``alpha_standardized`` of the standardised
        ones. Constructs with mode B weights have no rho_a, rho_c and ave.
        """
        return pd.DataFrame(
            reliabilities(self.results.estimates),
            index=self._constructs,
            columns=list(MEASURES),
        )

    @cached_property
    def htmt(self) -> pd.DataFrame:
        """Heterotrait-monotrait ratios of the constructs."""
        ratios = kernels.htmt(
            self.results.moments.corr, self.results.model.blocks, self.htmt_absolute
        )
        return self._square(ratios)

    @cached_property
    def fornell_larcker(self) -> pd.DataFrame:
        """Construct correlations, with the root of the AVE on the diagonal."""
        table = self.results.estimates.construct_corr.copy()
        np.fill_diagonal(table, np.sqrt(self.reliability["ave"].to_numpy()))
        return self._square(table)

    @property
    def cross_loadings(self) -> pd.DataFrame:
        """Correlations of every item with every construct's score."""
        return self.results.cross_loadings

    @cached_property
    def vif(self) -> pd.DataFrame:
        """Variance inflation: kind (inner or outer), construct, name, vif.

        Inner: a construct's causes among each other. Outer: a construct's items
        among each other.
        """
        return pd.DataFrame(
            [*self._inner_vif(), *self._outer_vif()],
            columns=["kind", "construct", "name", "vif"],
        )

    @cached_property
    def f_squared(self) -> pd.DataFrame:
        r"""Effect size of each path: source, target, f_squared.

        :math:`f^2 = (R^2 - R^2_{without}) / (1 - R^2)`, after Cohen (1988).
        """
        inflation = self.vif[self.vif["kind"] == "inner"].set_index(
            ["name", "construct"]
        )["vif"]
        rows: list[dict[str, object]] = []
        for path in self.results.paths.itertuples():
            share = path.estimate**2 / inflation.loc[(path.source, path.target)]
            unexplained = 1 - self.results.r_squared[path.target]
            rows.append(
                {
                    "source": path.source,
                    "target": path.target,
                    "f_squared": share / unexplained,
                }
            )
        return pd.DataFrame(rows, columns=["source", "target", "f_squared"])

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """Grades: criterion, where, value, threshold, verdict, source.

        A flag asks for a look; it doesn't reject a model.
        """
        rows = [
            {
                "criterion": criterion.name,
                "where": where,
                "value": value,
                "threshold": criterion.rule,
                "verdict": criterion.verdict(value),
                "source": criterion.source,
            }
            for criterion, where, value in self._judged()
        ]
        columns = ["criterion", "where", "value", "threshold", "verdict", "source"]
        return pd.DataFrame(rows, columns=columns)

    def _judged(self) -> Iterable[tuple[Criterion, str, float]]:
        """Yield what is judged, by which criterion; single items are not."""
        sizes = {c.name: len(c.items) for c in self.results.model.constructs}
        several = [name for name, size in sizes.items() if size > 1]
        for row in self.results.loadings.itertuples():
            if sizes[row.construct] > 1:
                yield thresholds.LOADING, row.item, float(row.estimate)
        for criterion in (
            thresholds.ALPHA,
            thresholds.RHO_A,
            thresholds.RHO_C,
            thresholds.AVE,
        ):
            for name in several:
                value = self.reliability.loc[name, criterion.name]
                yield criterion, name, float(value)
        names = self.results.model.construct_names
        for i, first in enumerate(names):
            for second in names[i + 1 :]:
                ratio = float(self.htmt.loc[first, second])
                yield thresholds.HTMT, f"{first} - {second}", ratio
        for row in self.vif.itertuples():
            yield thresholds.VIF, f"{row.name} ({row.construct})", float(row.vif)

    def _inner_vif(self) -> Iterable[tuple[str, str, str, float]]:
        model = self.results.model
        corr = self.results.estimates.construct_corr
        for position, target in enumerate(model.construct_names):
            sources = np.flatnonzero(model.structure[position])
            if not sources.size:
                continue
            values = kernels.inverse_diagonal(corr[np.ix_(sources, sources)])
            for source, value in zip(sources, values, strict=True):
                yield "inner", target, model.construct_names[source], float(value)

    def _outer_vif(self) -> Iterable[tuple[str, str, str, float]]:
        model, corr = self.results.model, self.results.moments.corr
        for construct, block in zip(model.constructs, model.blocks.T > 0, strict=True):
            values = kernels.inverse_diagonal(corr[np.ix_(block, block)])
            for item, value in zip(construct.items, values, strict=True):
                yield "outer", construct.name, item, float(value)

    @property
    def _constructs(self) -> pd.Index:
        return pd.Index(self.results.model.construct_names, name="construct")

    def _square(self, values: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(values, index=self._constructs, columns=self._constructs)


def assess(results: Results, htmt_absolute: bool = True) -> Assessment:
    """Assess how well a fit measures what it should.

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
        Tables of reliability, validity and collinearity, and graded verdicts.

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> assess(results).reliability.columns.tolist()
    ['alpha', 'alpha_standardized', 'rho_a', 'rho_c', 'ave']
    """
    return Assessment(one_fit(results, "assess"), htmt_absolute)
