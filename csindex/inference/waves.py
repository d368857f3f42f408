"""Change between waves: its test, and what it comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from csindex import scoring
from csindex.diagnostics.options import share_problems
from csindex.errors import DataError, SpecificationError, quoted
from csindex.inference.design import SamplingErrors
from csindex.inference.distributions import Bootstrap
from csindex.inference.group_bootstrap import GroupBootstrap
from csindex.inference.multiplicity import Adjustment, adjusted, check_adjustment
from csindex.inference.telling import chance
from csindex.kernels.arrays import FloatArray
from csindex.results import GroupResults, Results
from csindex.results.printing import Page, Printed

Fit = Results | Bootstrap | SamplingErrors

_NORMAL = NormalDist()


@dataclass(frozen=True, eq=False, repr=False)
class IndexChange(Printed):
    """The change of an index between two fits; made by `index_change`.

    Attributes
    ----------
    before, after : float
        The indices.
    estimate : float
        After minus before, in points.
    se : float
        Standard error of the difference.
    low, high : float
        Interval of the difference.
    z, p : float
        Test of no change, two-sided.
    from_means, from_weights : float
        The parts of the change that come from changed answers and from changed
        weights; their sum is the estimate.
    items : DataFrame
        Item, and before, after (0-100 scores), share_before, share_after,
        from_means, from_weights.
    se_source : str
        Where the standard errors come from.
    """

    before: float
    after: float
    estimate: float
    se: float
    low: float
    high: float
    z: float
    p: float
    from_means: float
    from_weights: float
    items: pd.DataFrame
    se_source: str

    def _page(self) -> Page:
        return Page(
            f"{self._answer}\nFrom changed answers {self.from_means:+.2f}, from "
            f"changed weights {self.from_weights:+.2f}; standard errors: "
            f"{self.se_source}",
            {"Items of the index": self.items},
        )

    @property
    def _answer(self) -> str:
        verb = "rose" if self.estimate > 0 else "fell"
        start = f"The index {verb}"
        if not (self.low > 0 or self.high < 0):
            start = "No change of the index is shown"
        return (
            f"{start}: {self.estimate:+.2f} points, from {self.before:.2f} to "
            f"{self.after:.2f}, interval [{self.low:.2f}, {self.high:.2f}], "
            f"z = {self.z:.2f}, {chance(self.p)}"
        )


def index_change(before: Fit, after: Fit, level: float = 0.95) -> IndexChange:
    r"""Test the change of the index between two independent samples.

    Parameters
    ----------
    before, after : Results, Bootstrap or SamplingErrors
        Fits of one model to two waves, or their bootstraps or other sampling errors.
        Of fits alone, the standard errors take the weights as given.
    level : float
        Confidence level.

    Returns
    -------
    IndexChange
        The change with its interval, its test and its parts.

    Raises
    ------
    SpecificationError
        If the index of the two fits isn't made of the same items on the same scales,
        a fit has no index, or the level isn't between 0 and 1.
    DataError
        For fits alone whose samples have strata or clusters: bootstrap them.

    Notes
    -----
    .. math:: z = \frac{I_2 - I_1}{\sqrt{SE_1^2 + SE_2^2}}, \quad
        I_2 - I_1 = \sum_h \bar v_h \Delta x_h + \sum_h \bar x_h \Delta v_h

    with the items' mean scores x on 0-100 and shares v; bars are means of the two
    waves. The identity is exact. Standard errors of fits alone are
    :math:`s / \sqrt{n}` with the respondents' standard deviation s and the effective
    number n (Kish).

    References
    ----------
    Bennet (1920), Journal of the Royal Statistical Society 83(3), for the symmetric
    decomposition.

    Examples
    --------
    >>> import csindex as csi
    >>> waves = csi.fit(csi.acsi(), csi.load_dataset("retail"), by="wave")
    >>> change = index_change(waves["2025"], waves["2026"])
    >>> bool(abs(change.from_means + change.from_weights - change.estimate) < 1e-9)
    True
    """
    if problems := list(share_problems(level=level)):
        raise SpecificationError([f"index change: {problem}" for problem in problems])
    fits = (_results(before), _results(after))
    _check_alike(*fits)
    first, second = (fit.index for fit in fits)
    errors = [_standard_error(fit) for fit in (before, after)]
    estimate, se = second - first, math.hypot(*errors)
    half = _NORMAL.inv_cdf(0.5 + float(level) / 2) * se
    z = estimate / se if se > 0 else np.nan
    items = _decomposed(*fits)
    kinds = dict.fromkeys(map(_source, (before, after)))
    return IndexChange(
        first,
        second,
        estimate,
        se,
        estimate - half,
        estimate + half,
        z,
        float(two_sided(np.array([z]))[0]),
        float(items["from_means"].sum()),
        float(items["from_weights"].sum()),
        items,
        ", ".join(kinds),
    )


def index_changes(
    before: GroupResults | GroupBootstrap | Mapping[str, Fit],
    after: GroupResults | GroupBootstrap | Mapping[str, Fit],
    adjust: Adjustment = "holm",
    level: float = 0.95,
) -> pd.DataFrame:
    """Test the changes of many companies' indices between two waves.

    Parameters
    ----------
    before, after : GroupResults, GroupBootstrap or mapping of str to fit
        The companies' fits in each wave.
    adjust : {"holm", "bh", "none"}
        How p-values are adjusted for their number: Holm bounds the chance of any
        false change, Benjamini-Hochberg the share of false ones among those found.
    level : float
        Confidence level of the intervals, which aren't adjusted.

    Returns
    -------
    DataFrame
        One row per company of either wave: company, before, after, estimate, se, low,
        high, z, p, p_adjusted, from_means, from_weights, note (why a company has no
        change).

    Raises
    ------
    SpecificationError
        For an unknown adjustment, or waves without a common company.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6(2); Benjamini & Hochberg (1995),
    Journal of the Royal Statistical Society B 57(1).

    Examples
    --------
    >>> import csindex as csi
    >>> survey = csi.load_dataset("retail")
    >>> waves = {
    ...     year: csi.read_survey(
    ...         survey.frame[survey.frame["wave"] == year], codebook=survey.codebook
    ...     )
    ...     for year in (2025, 2026)
    ... }
    >>> fits = [csi.fit(csi.acsi(), wave, by="company") for wave in waves.values()]
    >>> table = index_changes(*fits)
    >>> bool((table["p_adjusted"] >= table["p"]).all())
    True
    """
    check_adjustment(adjust)
    first, second = _members(before), _members(after)
    if not set(first) & set(second):
        raise SpecificationError(
            f"the waves have no company in common: {quoted(first)} and {quoted(second)}"
        )
    kept = ("before", "after", "estimate", "se", "low", "high", "z", "p")
    parts = ("from_means", "from_weights")
    rows: list[dict[str, object]] = []
    for name in dict.fromkeys([*first, *second]):
        if name not in first or name not in second:
            wave = "first" if name not in first else "second"
            rows.append({"company": name, "note": f"no fit in the {wave} wave"})
            continue
        if refused := _refusals(first[name], second[name]):
            rows.append({"company": name, "note": refused})
            continue
        found = index_change(first[name], second[name], level)
        values = {key: getattr(found, key) for key in (*kept, *parts)}
        rows.append({"company": name, **values, "note": ""})
    columns = ["company", *kept, *parts, "note"]
    table = pd.DataFrame(rows).reindex(columns=columns)
    place = int(table.columns.get_loc("p")) + 1
    p = table["p"].to_numpy(dtype=np.float64)
    table.insert(place, "p_adjusted", adjusted(p, adjust))
    return table


def two_sided(z: FloatArray) -> FloatArray:
    """Return the two-sided p-values of standard normal values.

    Parameters
    ----------
    z : ndarray of shape (k,)
        Values.

    Returns
    -------
    ndarray of shape (k,)
        p-values; NaN stays NaN.
    """
    return np.array([math.erfc(abs(value) / math.sqrt(2)) for value in z])


def _results(fit: Fit) -> Results:
    if isinstance(fit, Bootstrap | SamplingErrors):
        return fit.results
    if isinstance(fit, Results):
        return fit
    raise SpecificationError(
        f"index change: give fits or their bootstraps, not {type(fit).__name__}"
    )


def _source(fit: Fit) -> str:
    if isinstance(fit, Results):
        return "weights as given, s / sqrt(n)"
    return "bootstrap" if isinstance(fit, Bootstrap) else fit.method


def _members(
    groups: GroupResults | GroupBootstrap | Mapping[str, Fit],
) -> dict[str, Fit]:
    if not isinstance(groups, Mapping | GroupResults | GroupBootstrap):
        raise SpecificationError(
            "index changes: give fits by company, as csi.fit(..., by='company'), or a "
            f"mapping of names to fits, not {type(groups).__name__}"
        )
    members = groups if isinstance(groups, Mapping) else groups.members
    return {str(label): fit for label, fit in members.items()}


def _refusals(*fits: Fit) -> str:
    """Return why a company has no index in one of the waves; empty if it has both."""
    reasons = []
    for wave, fit in zip(("first", "second"), map(_results, fits), strict=True):
        name = fit.model.required_index()
        note = fit.scores.set_index("construct").loc[name, "note"]
        reasons += [f"no index in the {wave} wave: {note}"] if note else []
    return "; ".join(reasons)


def _check_alike(first: Results, second: Results) -> None:
    """Refuse indices that aren't measured by the same ruler."""
    rulers = []
    for fit in (first, second):
        name = fit.model.required_index()
        items = next(c.items for c in fit.model.constructs if c.name == name)
        made = fit.moments.select(items)
        order = np.argsort(items)
        ends = np.stack([made.low, made.high], axis=1)[order]
        rulers.append((tuple(sorted(items)), ends, fit.settings["estimator"]))
    problems: list[str] = []
    if rulers[0][0] != rulers[1][0]:
        problems.append(
            f"the index has items {quoted(rulers[0][0])} before and "
            f"{quoted(rulers[1][0])} after"
        )
    elif not np.array_equal(rulers[0][1], rulers[1][1]):
        problems.append(f"the scales of {quoted(rulers[0][0])} differ")
    if rulers[0][2] != rulers[1][2]:
        problems.append(
            f"the estimator is {rulers[0][2]} before and {rulers[1][2]} after"
        )
    if problems:
        raise SpecificationError(
            [f"index change: {p}; compare like with like" for p in problems]
        )


def _standard_error(fit: Fit) -> float:
    if isinstance(fit, Bootstrap | SamplingErrors):
        return float(fit.index["se"])
    answers = fit.answers
    if answers is not None and (
        answers.strata is not None or answers.clusters is not None
    ):
        raise DataError(
            "index change: this sample has strata or clusters, which s / sqrt(n) "
            "doesn't know; give csi.bootstrap(results)"
        )
    row = fit.scores.set_index("construct").loc[fit.model.required_index()]
    return float(row["sd"] / np.sqrt(fit.effective_n))


def _decomposed(first: Results, second: Results) -> pd.DataFrame:
    """Return the parts of the change by item of the index."""
    name = first.model.required_index()
    names = next(c.items for c in first.model.constructs if c.name == name)
    x, v = zip(
        *(_positions(fit, names) for fit in (first, second)),
        strict=True,
    )
    return pd.DataFrame(
        {
            "item": names,
            "before": x[0],
            "after": x[1],
            "share_before": v[0],
            "share_after": v[1],
            "from_means": (v[0] + v[1]) / 2 * (x[1] - x[0]),
            "from_weights": (x[0] + x[1]) / 2 * (v[1] - v[0]),
        }
    )


def _positions(fit: Results, names: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
    """Return mean 0-100 scores and shares of some items."""
    chosen = [fit.model.items.index(name) for name in names]
    made = fit.moments
    position = 100.0 * (made.mean - made.low) / (made.high - made.low)
    return position[chosen], scoring.item_shares(fit.estimates)[chosen]
