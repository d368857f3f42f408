"""Confirmatory tetrad analysis: whether a construct's items are its effects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from csindex.diagnostics.options import share_problems
from csindex.diagnostics.thresholds import Criterion
from csindex.errors import SpecificationError
from csindex.estimation import Estimates
from csindex.kernels import tetrads as kernels
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.raking import effective_size
from csindex.model import Construct, Model
from csindex.results import Results, one_fit
from csindex.results.printing import Page, Printed, named
from csindex.results.statistics import Statistic

_FEWEST_ITEMS = 4
_LEVEL = 0.95
_TESTS = [
    *("construct", "items", "tetrads", "law", "chisq", "df", "p", "p_holm"),
    *("threshold", "verdict", "source"),
]
_TETRAD = Criterion("p", 0.05, 0.05, True, "Bollen & Ting (2000)")


class Resampled(Protocol):
    """What gives tetrads their intervals: a bootstrap of the same fit."""

    @property
    def results(self) -> Results:
        """The fit."""
        ...

    @property
    def options(self) -> Any:
        """How intervals are made, with a field ``level``."""
        ...

    def of(self, statistic: Statistic) -> pd.DataFrame:
        """Return estimate, se, low and high of each value."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class Tetrads(Printed):
    """Vanishing tetrads of the reflective constructs; made by `tetrads`.

    Attributes
    ----------
    tests : DataFrame
        One row per construct with four items or more: construct, items, tetrads, law
        (of the covariances: free or normal), chisq, df, p, p_holm, threshold, verdict,
        source. Flagged: one factor does not account for the items.
    values : DataFrame
        One row per tetrad: construct, tetrad (its four items), estimate, se, z, p,
        p_holm (among the construct's tetrads); with a bootstrap boot_se, low, high
        (Bonferroni's level within the construct) and differs (zero is outside).
    level : float
        Confidence level of all intervals of a construct together.
    notes : tuple of str
        Constructs that can't be tested, and why, and other limits.
    """

    tests: pd.DataFrame
    values: pd.DataFrame
    level: float
    notes: tuple[str, ...]

    def _page(self) -> Page:
        if self.tests.empty:
            return Page("Tetrads: no construct can be tested", {}, self.notes)
        flagged = self.tests["verdict"] == "flagged"
        broken = self.values[self.values["p_holm"] < _TETRAD.acceptable]
        columns = ["construct", "items", "chisq", "df", "p", "p_holm", "verdict"]
        title = (
            "One factor does not account for the items of: "
            f"{named(self.tests.loc[flagged, 'construct'].tolist())} "
            f"({len(self.tests)} tested)"
        )
        count = (
            f"{len(broken)} of {len(self.values)} single tetrads differ from zero "
            f"(Holm's p below {_TETRAD.acceptable:g}); see .values"
        )
        return Page(title, {"": self.tests[columns]}, (count, *self.notes))


def tetrads(
    results: Results, boot: Resampled | None = None, level: float | None = None
) -> Tetrads:
    r"""Test whether the items of each reflective construct have one cause.

    Parameters
    ----------
    results : Results
        A fit.
    boot : Bootstrap, optional
        A bootstrap of this fit, for intervals of every tetrad; it knows strata and
        clusters, which the other tests don't. ``interval="bc"`` is what Gudergan et
        al. use.
    level : float, optional
        Confidence level of all intervals of one construct together, .95 if None. Only
        with a bootstrap, because only that gives intervals.

    Returns
    -------
    Tetrads
        A joint test for each construct, and every tetrad.

    Raises
    ------
    SpecificationError
        If it isn't given one fit, the bootstrap is of another one, the level is no
        share, or there is one without a bootstrap.

    Notes
    -----
    If one factor is behind the items, then all
    :math:`\tau_{ghij} = \sigma_{gh} \sigma_{ij} - \sigma_{gi} \sigma_{hj}` are zero. Of
    k items, :math:`k (k - 3) / 2` tetrads suffice, and four items are the least. With
    D the tetrads' derivatives in the covariances and :math:`\Sigma_{ss}` the law of
    these, from the answers' fourth moments (free) or, without answers, that of normal
    ones,

    .. math:: T = n \, t' (D \Sigma_{ss} D')^{-1} t \sim \chi^2_{k(k-3)/2}

    A tetrad that differs from zero speaks against effect indicators, or for a second
    factor or correlated errors among them; vanishing ones don't prove the model.

    References
    ----------
    Bollen & Ting (2000), Psychological Methods 5(1); Gudergan, Ringle, Wende & Will
    (2008), Journal of Business Research 61(12).

    Examples
    --------
    >>> import csindex as csi
    >>> survey = csi.load_dataset("bank")
    >>> image = ["IMAGE1", "IMAGE2", "IMAGE3", "IMAGE4"]
    >>> model = csi.Model(
    ...     "image",
    ...     [csi.reflective("image", *image), csi.reflective("loyalty", "STAY")],
    ...     [("image", "loyalty")],
    ... )
    >>> tetrads(csi.fit(model, survey)).tests[["construct", "df"]].values.tolist()
    [['image', 2]]
    """
    fit = one_fit(results, "tetrads")
    _check_call(fit, boot, level)
    share = _LEVEL if level is None else level
    tested = _tested(fit.model)
    frames = [_construct_values(fit, construct) for construct in tested]
    values = pd.concat(frames, ignore_index=True) if frames else _no_values()
    if boot is not None and frames:
        values = _with_intervals(values, tested, boot, share)
    tests = pd.DataFrame([_construct_test(fit, c) for c in tested], columns=_TESTS)
    tests["p_holm"] = _holm(tests["p"].to_numpy(np.float64))
    tests["verdict"] = [_TETRAD.verdict(float(p)) for p in tests["p_holm"]]
    return Tetrads(tests, values, share, _notes(fit, tested))


def tetrad_statistic(construct: str) -> Statistic:
    """Return the statistic of a construct's tetrads, for `bootstrap`.

    Parameters
    ----------
    construct : str
        A construct.

    Returns
    -------
    Statistic
        The tetrads that don't follow from each other.
    """

    def compute(estimates: Estimates) -> FloatArray:
        block = _positions(estimates.model, construct)
        cov = estimates.moments.cov[..., block[:, None], block]
        return kernels.tetrads(cov, kernels.nonredundant(len(block)))

    def labels(model: Model) -> pd.DataFrame:
        items = np.array(model.items)[_positions(model, construct)]
        return pd.DataFrame(
            {"tetrad": _names(items.tolist(), kernels.nonredundant(len(items)))}
        )

    return Statistic("tetrads", compute, labels, tested=False)


def _check_call(fit: Results, boot: Resampled | None, level: object) -> None:
    problems: list[str] = []
    if level is not None:
        problems += [f"tetrads: {p}" for p in share_problems(level=level)]
    if level is not None and boot is None and not problems:
        problems.append(
            f"tetrads: level={level!r} is that of intervals, which need a bootstrap, "
            "as boot=csi.bootstrap(results); the tests are judged by "
            f"p {_TETRAD.rule}"
        )
    if boot is not None and not hasattr(boot, "of"):
        problems.append(
            "tetrads: boot is a bootstrap of the fit, as csi.bootstrap(results), not "
            f"{type(boot).__name__}"
        )
    elif boot is not None and boot.results is not fit:
        problems.append("tetrads: boot is the bootstrap of another fit")
    if problems:
        raise SpecificationError(problems)


def _tested(model: Model) -> list[Construct]:
    return [
        construct
        for construct in model.constructs
        if construct.measurement == "reflective"
        and len(construct.items) >= _FEWEST_ITEMS
    ]


def _positions(model: Model, construct: str) -> IntArray:
    column = model.construct_names.index(construct)
    return np.flatnonzero(model.blocks[:, column])


def _names(items: list[str], positions: IntArray) -> list[str]:
    return [", ".join(items[k] for k in row) for row in positions]


@dataclass(frozen=True, eq=False)
class _Block:
    """Tetrads of one construct, and n times their covariances by a law."""

    positions: IntArray
    values: FloatArray
    covariances: FloatArray
    law: str
    n: float


def _block(fit: Results, construct: Construct) -> _Block:
    block = _positions(fit.model, construct.name)
    cov = fit.moments.cov[np.ix_(block, block)]
    positions = kernels.nonredundant(len(block))
    slopes = kernels.slopes(cov, positions)
    law, kind, n = kernels.normal_law(cov), "normal", fit.effective_n
    if fit.answers is not None:
        rows = fit.answers.values[:, block]
        complete = ~np.isnan(rows).any(axis=1)
        own = fit.answers.weights
        weights = np.ones(len(rows)) if own is None else own
        law, kind = kernels.free_law(rows[complete], weights[complete]), "free"
        n = effective_size(weights[complete])
    values = kernels.tetrads(cov, positions)
    return _Block(positions, values, slopes @ law @ slopes.T, kind, n)


def _construct_test(fit: Results, construct: Construct) -> dict[str, object]:
    block = _block(fit, construct)
    found = kernels.joint_test(block.values, block.covariances, block.n)
    return {
        "construct": construct.name,
        "items": len(construct.items),
        "tetrads": found.df,
        "law": block.law,
        "chisq": found.chisq,
        "df": found.df,
        "p": found.p,
        "threshold": _TETRAD.rule,
        "source": _TETRAD.source,
    }


def _construct_values(fit: Results, construct: Construct) -> pd.DataFrame:
    from scipy.special import ndtr

    block = _block(fit, construct)
    se = np.sqrt(np.diagonal(block.covariances) / block.n)
    z = block.values / se
    p = 2 * ndtr(-np.abs(z))
    return pd.DataFrame(
        {
            "construct": construct.name,
            "tetrad": _names(list(construct.items), block.positions),
            "estimate": block.values,
            "se": se,
            "z": z,
            "p": p,
            "p_holm": _holm(p),
        }
    )


def _no_values() -> pd.DataFrame:
    return pd.DataFrame(
        columns=["construct", "tetrad", "estimate", "se", "z", "p", "p_holm"]
    )


def _with_intervals(
    values: pd.DataFrame, tested: list[Construct], boot: Any, level: float
) -> pd.DataFrame:
    found = []
    for construct in tested:
        count = len(kernels.nonredundant(len(construct.items)))
        single = replace(boot.options, level=1 - (1 - level) / count)
        table = replace(boot, options=single).of(tetrad_statistic(construct.name))
        found.append(table[["se", "low", "high"]])
    table = pd.concat(found, ignore_index=True)
    return values.assign(
        boot_se=table["se"],
        low=table["low"],
        high=table["high"],
        differs=(table["low"] > 0) | (table["high"] < 0),
    )


def _holm(p: FloatArray) -> FloatArray:
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def _notes(fit: Results, tested: list[Construct]) -> tuple[str, ...]:
    left = [
        f"{construct.name} ({_counted(len(construct.items))}"
        + (")" if construct.measurement == "reflective" else ", a composite)")
        for construct in fit.model.constructs
        if construct not in tested
    ]
    notes = [
        f"Not tested, because tetrads need a reflective construct of {_FEWEST_ITEMS} "
        f"items or more: {', '.join(left)}"
    ] * bool(left)
    answers = fit.answers
    if answers is not None and answers.clusters is not None:
        notes.append(
            "the tests take respondents for independent; for clusters give a bootstrap"
        )
    return tuple(notes)


def _counted(items: int) -> str:
    return "1 item" if items == 1 else f"{items} items"
