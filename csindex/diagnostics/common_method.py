"""Common method variance: whether answers agree because of how they were asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from csindex.diagnostics import thresholds
from csindex.diagnostics.thresholds import Criterion
from csindex.errors import DataError, SpecificationError, unknown
from csindex.kernels import reliability as kernels
from csindex.kernels.arrays import FloatArray
from csindex.kernels.moments import mean_and_cov
from csindex.kernels.paths import regressions
from csindex.moments.incomplete import filled_values
from csindex.results import Results, one_fit
from csindex.results.printing import Page, Printed, named
from csindex.survey.columns import numbers

_SINGLE_FACTOR = Criterion(
    "single_factor", 0.5, 0.5, False, "Podsakoff, MacKenzie, Lee & Podsakoff (2003)"
)
# fewest respondents with a marker
_FEWEST = 10


@dataclass(frozen=True, eq=False, repr=False)
class Marker(Printed):
    """Correlations and paths without what a marker shares with everything.

    Attributes
    ----------
    name : str
        The marker.
    correlations : Series
        Correlation of the marker with every construct.
    shared : float
        The correlation that is taken for common method variance: the smallest.
    shared_second : float
        The second smallest, a more cautious choice.
    corrected : DataFrame
        One row per pair of constructs: first, second, r, r_corrected, t, df, p,
        r_corrected_second, p_second.
    paths : DataFrame
        One row per path: source, target, estimate, corrected, corrected_second.
    turned : tuple of str
        Constructs that were turned round for the correction, and back after it.
    """

    name: str
    correlations: pd.Series
    shared: float
    shared_second: float
    corrected: pd.DataFrame
    paths: pd.DataFrame
    turned: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done about constructs that point the other way, and what is left."""
        notes = []
        if self.turned:
            notes.append(
                "Turned round for the correction, so that constructs point the same "
                f"way: {named(self.turned)}"
            )
        if (self.corrected["r"] * self.corrected["r_corrected"] < 0).any():
            notes.append(
                "Correlations smaller than what the marker shares change their sign; "
                "read them as none."
            )
        return tuple(notes)

    def _page(self) -> Page:
        tables = {"Paths": self.paths, "Pairs": self.corrected}
        return Page(self._told(), tables, self.notes)

    def _told(self) -> str:
        """Return what is taken for common method variance, in words."""
        return (
            f"Without what {self.name} shares with every construct: correlations less "
            f"{self.shared:.3f} (or {self.shared_second:.3f}, the second smallest)"
        )


@dataclass(frozen=True, eq=False, repr=False)
class CommonMethod(Printed):
    """Checks for common method variance; made by `common_method`.

    Attributes
    ----------
    single_factor : Series
        Harman's check: share of all items' variance in the first principal component,
        threshold, verdict, source, note (why it is weak).
    collinearity : DataFrame
        One row per construct: construct, vif (full collinearity), threshold, verdict,
        source.
    marker : Marker, optional
        The correction by a marker, if one was named.
    """

    single_factor: pd.Series
    collinearity: pd.DataFrame
    marker: Marker | None

    def _page(self) -> Page:
        one = self.single_factor
        flagged = self.collinearity["verdict"] == "flagged"
        share = _SINGLE_FACTOR.shown(float(one["share"]))
        lines = [
            "Signs of common method variance, by full collinearity: "
            f"{named(self.collinearity.loc[flagged, 'construct'].tolist())}",
            f"First component's share {share} (rule: {one['threshold']}): "
            f"{one['verdict']}, a weak check",
        ]
        table = self.collinearity[["construct", "vif", "threshold", "verdict"]]
        criterion = thresholds.FULL_COLLINEARITY
        shown = table.assign(vif=[criterion.shown(v, 3) for v in table["vif"]])
        tables = {"Full collinearity": shown}
        notes = [f"full_vif: {criterion.meaning}"] if flagged.any() else []
        if self.marker is not None:
            tables[self.marker._told()] = self.marker.paths
            notes += self.marker.notes
        return Page("\n".join(lines), tables, notes)


def common_method(results: Results, marker: str | None = None) -> CommonMethod:
    r"""Check whether the answers share variance because of how they were asked.

    Parameters
    ----------
    results : Results
        A fit.
    marker : str, optional
        A construct of the model, or a column of the survey, that has nothing to do with
        the constructs in theory: what it shares with them is due to the method.

    Returns
    -------
    CommonMethod
        Harman's single factor, full collinearity and, with a marker, corrected
        correlations and paths.

    Raises
    ------
    SpecificationError
        If it isn't given one fit, or too few constructs are left beside the marker.
    DataError
        If the marker is neither a construct nor a column of numbers that vary, or the
        fit was made from moments and the marker is no construct.

    Notes
    -----
    Harman's check is *weak*: a small share doesn't rule out method variance, and a
    large one may be a real common cause, as where all items are about one company. Full
    collinearity regresses each construct's score on all others. With the smallest
    correlation :math:`r_M` of the marker with a construct,

    .. math:: r_c = \frac{r - r_M}{1 - r_M}, \quad
        t_{n-3} = \frac{r_c}{\sqrt{(1 - r_c^2) / (n - 3)}}

    and the paths are estimated again from the corrected correlations. :math:`r_M` is
    the smallest absolute value. Corrections take positive correlations down, so
    constructs that point the other way, as complaints do, are turned round before
    (by the signs of the first principal component) and back after it.

    References
    ----------
    Podsakoff, MacKenzie, Lee & Podsakoff (2003), Journal of Applied Psychology 88(5);
    Kock (2015), International Journal of e-Collaboration 11(4); Lindell & Whitney
    (2001), Journal of Applied Psychology 86(1).

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> common_method(results).collinearity["construct"].tolist()[:2]
    ['expectation', 'quality']
    """
    fit = one_fit(results, "common_method")
    return CommonMethod(
        _single_factor(fit),
        _collinearity(fit),
        None if marker is None else _marker(fit, marker),
    )


def _single_factor(fit: Results) -> pd.Series:
    roots = np.linalg.eigvalsh(fit.moments.corr)
    share = float(roots[-1] / roots.sum())
    return pd.Series(
        {
            "share": share,
            "threshold": _SINGLE_FACTOR.rule,
            "verdict": _SINGLE_FACTOR.verdict(share),
            "source": _SINGLE_FACTOR.source,
            "note": "weak: it neither proves nor rules out common method variance",
        },
        name="single factor",
        dtype=object,
    )


def _collinearity(fit: Results) -> pd.DataFrame:
    criterion = thresholds.FULL_COLLINEARITY
    inflation = kernels.inverse_diagonal(fit.estimates.construct_corr)
    return pd.DataFrame(
        {
            "construct": fit.model.construct_names,
            "vif": inflation,
            "threshold": criterion.rule,
            "verdict": [criterion.verdict(float(value)) for value in inflation],
            "source": criterion.source,
        }
    )


def _marker(fit: Results, marker: str) -> Marker:
    names = list(fit.model.construct_names)
    kept = [k for k, name in enumerate(names) if name != marker]
    if len(kept) < 2:
        raise SpecificationError(
            f"marker {marker!r}: the model needs two constructs beside it"
        )
    corr = fit.estimates.construct_corr[np.ix_(kept, kept)]
    if marker in names:
        own, n = (
            fit.estimates.construct_corr[names.index(marker), kept],
            fit.effective_n,
        )
    else:
        own, n = _column_correlations(fit, marker)
    smallest, second = (float(v) for v in np.sort(np.abs(own))[:2])
    labels = [names[k] for k in kept]
    structure = fit.model.structure[np.ix_(kept, kept)]
    return Marker(
        marker,
        pd.Series(own, index=pd.Index(labels, name="construct"), name="r"),
        smallest,
        second,
        _corrected_pairs(corr, labels, (smallest, second), n),
        _corrected_paths(corr, structure, labels, (smallest, second)),
        tuple(
            label for label, sign in zip(labels, _signs(corr), strict=True) if sign < 0
        ),
    )


def _column_correlations(fit: Results, marker: str) -> tuple[FloatArray, float]:
    """Return a column's correlations with the scores, and the number of answers."""
    if fit.answers is None or fit.survey is None:
        raise DataError(
            f"marker {marker!r} is no construct, and a column needs respondents; this "
            "fit was made from moments"
        )
    frame = fit.survey.frame
    known = [*fit.model.construct_names, *frame.columns]
    if problems := unknown("construct or column", [marker], known, "as marker"):
        raise DataError(problems)
    if marker in fit.model.items:
        raise DataError(
            f"marker {marker!r} is an item of the model; take a construct or a column "
            "that no construct is measured by"
        )
    column, problems = numbers(frame[marker], fit.survey.codebook.item(marker))
    if problems:
        raise DataError(problems)
    values = filled_values(fit.answers, fit.moments) / fit.moments.sd
    scores = values @ fit.estimates.weights
    joint = np.column_stack([scores, column[fit.answers.rows]])
    complete = ~np.isnan(joint).any(axis=1)
    own = fit.answers.weights
    weights = np.ones(len(joint)) if own is None else own
    if complete.sum() < _FEWEST or np.ptp(joint[complete, -1]) == 0:
        raise DataError(
            f"marker {marker!r} has {int(complete.sum())} usable answers, which have "
            f"to vary and be at least {_FEWEST}"
        )
    _, cov = mean_and_cov(joint[complete], weights[complete])
    sd = np.sqrt(np.diagonal(cov))
    share = weights[complete] / weights[complete].sum()
    return cov[:-1, -1] / sd[:-1] / sd[-1], float(1 / (share**2).sum())


def _corrected(corr: FloatArray, shared: float) -> FloatArray:
    signs = _signs(corr)
    turn = np.outer(signs, signs)
    found = (turn * corr - shared) / (1 - shared)
    np.fill_diagonal(found, 1.0)
    return np.asarray(turn * found)


def _signs(corr: FloatArray) -> FloatArray:
    """Return which way the constructs point, 1 or -1: the most of them 1."""
    first = np.linalg.eigh(corr)[1][:, -1]
    signs = np.where(first < 0, -1.0, 1.0)
    return -signs if signs.sum() < 0 else signs


def _corrected_pairs(
    corr: FloatArray, labels: list[str], shared: tuple[float, float], n: float
) -> pd.DataFrame:
    from scipy.special import stdtr

    first, second = np.triu_indices(len(labels), 1)
    columns: dict[str, object] = {
        "first": [labels[k] for k in first],
        "second": [labels[k] for k in second],
        "r": corr[first, second],
    }
    df = n - 3
    for value, end in zip(shared, ("", "_second"), strict=True):
        r = _corrected(corr, value)[first, second]
        t = r / np.sqrt((1 - r**2) / df)
        columns[f"r_corrected{end}"] = r
        if not end:
            columns |= {"t": t, "df": df}
        columns[f"p{end}"] = 2 * stdtr(df, -np.abs(t))
    return pd.DataFrame(columns)


def _corrected_paths(
    corr: FloatArray,
    structure: FloatArray,
    labels: list[str],
    shared: tuple[float, float],
) -> pd.DataFrame:
    targets, sources = np.nonzero(structure)
    table: dict[str, object] = {
        "source": [labels[k] for k in sources],
        "target": [labels[k] for k in targets],
    }
    for name, value in (
        ("estimate", 0.0),
        ("corrected", shared[0]),
        ("corrected_second", shared[1]),
    ):
        paths = regressions(_corrected(corr, value), structure)
        table[name] = paths[targets, sources]
    return pd.DataFrame(table)
