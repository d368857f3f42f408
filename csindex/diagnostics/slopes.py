"""Simple slopes: the effect of a construct at levels of the one that moderates it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np
import pandas as pd

from csindex.diagnostics.quality import F_SQUARED
from csindex.errors import SpecificationError, quoted, unknown
from csindex.estimation import Estimates
from csindex.estimation.moderated import ModeratedEstimates
from csindex.estimation.terms import Term
from csindex.kernels.arrays import FloatArray
from csindex.model import Model
from csindex.results import Results, Statistic, one_fit
from csindex.results.hierarchy import Resampled
from csindex.results.printing import Page, Printed


class Bootstrapped(Resampled, Protocol):
    """A bootstrap, and the level of its intervals."""

    @property
    def level(self) -> float:
        """Confidence level."""
        ...


@dataclass(frozen=True)
class Moderation:
    """A term of a fit, read from the side of one of its constructs.

    Attributes
    ----------
    term : Term
        The term.
    focal, moderator : str
        The construct whose effect is looked at, and the one at whose levels; the same
        for a quadratic effect.
    """

    term: Term
    focal: str
    moderator: str

    @property
    def steepness(self) -> float:
        """Change of the slope per unit of the moderator and of the coefficient."""
        return 2.0 if self.term.quadratic else 1.0


@dataclass(frozen=True, eq=False, repr=False)
class SimpleSlopes(Printed):
    """Effects of a construct at levels of its moderator; made by `simple_slopes`.

    Attributes
    ----------
    moderation : Moderation
        The term and its sides.
    slopes : DataFrame
        target; at, the moderator's level in standard deviations from its mean, and
        moderator_score, the same on 0-100 (NaN without a scale); estimate, the slope
        in standard deviations of the target per standard deviation; points, in 0-100
        points per point. With a bootstrap se, low, high and p of the estimate.
    effects : DataFrame
        target; path, the standardised coefficient of the term; coefficient, that of
        the product itself; f_squared. With a bootstrap se, low, high and p of the
        coefficient.
    regions : DataFrame
        target, low, high: the levels of the moderator, in standard deviations, between
        which the slope differs from zero (Johnson and Neyman), and sign, the slope's
        there. Empty without a bootstrap, and where there are none.
    level : float, optional
        Confidence level; None without a bootstrap.
    """

    moderation: Moderation
    slopes: pd.DataFrame
    effects: pd.DataFrame
    regions: pd.DataFrame
    level: float | None

    def _page(self) -> Page:
        about = self.moderation
        tables = {
            f"Slopes of {about.focal} at levels of {about.moderator}": self.slopes,
            f"Coefficient of {about.term.name}": self.effects,
        }
        notes: list[str] = []
        if self.level is None:
            notes.append("No intervals and regions: give boot=csi.bootstrap(results)")
        elif self.regions.empty:
            notes.append(
                f"Nowhere does the effect differ from 0 ({self.level:g}), whatever the "
                f"level of {about.moderator}"
            )
        else:
            caption = f"Levels where the effect differs from 0 ({self.level:g})"
            levels = [_in_words(row.low, row.high) for row in self.regions.itertuples()]
            told = self.regions.drop(columns=["low", "high"])
            told.insert(1, about.moderator, levels)
            tables[caption] = told
        return Page("\n".join(self._answers()), tables, notes)

    def _answers(self) -> Iterator[str]:
        """Yield a sentence on each target: how the slope changes."""
        about = self.moderation
        for target, rows in self.slopes.groupby("target", sort=False):
            ordered = rows.sort_values("at")
            first, last = ordered.iloc[0], ordered.iloc[-1]
            told = (
                f"Effect of {about.focal} on {target}: {first['estimate']:.3f} with "
                f"{about.moderator} at {first['at']:g} sd"
            )
            if len(rows) > 1:
                told += f", {last['estimate']:.3f} at {last['at']:g} sd"
            if self.level is not None:
                own = self.effects.set_index("target").loc[target]
                sure = own["low"] > 0 or own["high"] < 0
                told += f"; the change {'differs' if sure else 'may not differ'} from 0"
            yield told


def simple_slopes(
    results: Results,
    term: str | Term,
    at: Sequence[float] = (-1.0, 0.0, 1.0),
    boot: Bootstrapped | None = None,
) -> SimpleSlopes:
    r"""Return the effect of a construct at levels of the one that moderates it.

    Parameters
    ----------
    results : Results
        A fit by `Moderated` with ``method="two_stage"``: only there is the term the
        product of the two scores.
    term : str or Term
        The term. As a text the construct whose effect is wanted comes first:
        ``"image*value"`` gives effects of image at levels of value, ``"value*image"``
        effects of value at levels of image; ``"image*image"`` those of image at its
        own levels.
    at : sequence of float
        Levels of the moderator, in standard deviations from its mean.
    boot : Bootstrap, optional
        A bootstrap of this fit, for intervals and for the region of significance.

    Returns
    -------
    SimpleSlopes
        The slopes, the term's coefficients with their effect sizes, and the regions.

    Raises
    ------
    SpecificationError
        If the fit has no such term or measures it otherwise, a level is no number, or
        the bootstrap is of another fit.

    Notes
    -----
    With standardised scores and the coefficient :math:`b_3` of their product, the
    slope of :math:`\xi` is :math:`\theta(\mu) = b_1 + b_3 \mu`, and
    :math:`b_1 + 2 b_3 \xi` where the term is a square; other terms are taken at the
    mean. The region holds all levels with

    .. math:: \theta(\mu)^2 > z^2 \left(v_{11} + 2 v_{13} \mu + v_{33} \mu^2\right),

    where v is the bootstrap covariance of the two coefficients and z the normal
    quantile of the bootstrap's level. It says where each single slope differs from
    zero, not that all of them together do. :math:`f^2` compares the explained variance
    with that of the same scores without the term; in practice it is small: .005, .01
    and .025 have been called small, medium and large.

    References
    ----------
    Johnson & Fay (1950), Psychometrika 15(4); Bauer & Curran (2005), Multivariate
    Behavioral Research 40(3).
    Kenny (2018), Moderation (the sizes of f squared).

    Examples
    --------
    >>> import csindex as csi
    >>> from csindex.estimation.moderated import Moderated
    >>> from csindex.estimation.terms import interaction
    >>> term = interaction("expectation", "quality", on="satisfaction")
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"), Moderated((term,)))
    >>> found = simple_slopes(results, "quality*expectation")
    >>> found.slopes["at"].tolist()
    [-1.0, 0.0, 1.0]
    """
    results = one_fit(results, "simple_slopes")
    moderation = moderation_of(results, term, "simple_slopes")
    levels = _levels(at)
    if boot is not None and getattr(boot, "results", None) is not results:
        raise SpecificationError(
            "simple_slopes: boot belongs to another fit; make it with "
            "csi.bootstrap(results) from the same results"
        )
    slopes, effects = _slopes_at(moderation, levels), _coefficients(moderation)
    regions = pd.DataFrame(columns=["target", "low", "high", "sign"])
    if boot is None:
        table, sizes = slopes.table(results.estimates), effects.table(results.estimates)
    else:
        table, sizes = boot.of(slopes), boot.of(effects)
        regions = _regions(boot.of(_slopes_at(moderation, [-1.0, 0.0, 1.0])), boot)
    return SimpleSlopes(
        moderation,
        _with_scores(table, moderation, results),
        _with_sizes(sizes, moderation, results),
        regions,
        None if boot is None else boot.level,
    )


def moderation_of(results: Results, term: str | Term, caller: str) -> Moderation:
    """Return a term of a fit and its sides.

    Parameters
    ----------
    results : Results
        The fit.
    term : str or Term
        The term; as a text the focal construct comes first.
    caller : str
        Name of the public function, for messages.

    Returns
    -------
    Moderation
        The term.

    Raises
    ------
    SpecificationError
        If the fit has no such term, or measures it otherwise than by scores.
    """
    made = results.estimates
    if not isinstance(made, ModeratedEstimates):
        raise SpecificationError(
            f"{caller}: this fit has no interactions; fit with estimator="
            "csi.Moderated(terms=(csi.interaction('image', 'value', "
            "on='satisfaction'),))"
        )
    known = {
        name: Moderation(own, *ends)
        for own in made.terms
        for ends in ((own.second, own.first), (own.first, own.second))
        for name in [f"{ends[0]}*{ends[1]}"]
    }
    name = term.name if isinstance(term, Term) else term
    if problems := unknown("term", [name], known, f"in {caller}"):
        raise SpecificationError(problems)
    if made.method != "two_stage":
        raise SpecificationError(
            f"{caller}: with method={made.method!r} a term is a construct of products "
            "of items, not the product of two scores, and has no slopes; fit with "
            "method='two_stage'"
        )
    return known[name]


def product_coefficients(estimates: Estimates, term: Term) -> FloatArray:
    """Return the coefficients of the product of two standardised scores.

    Parameters
    ----------
    estimates : Estimates
        Estimates with the term, measured by scores; one set or a stack.
    term : Term
        The term.

    Returns
    -------
    ndarray of shape (..., k)
        One for each target: the path, divided by the product's standard deviation.
    """
    model = estimates.model
    own, item = model.construct_names.index(term.name), model.items.index(term.item)
    aims = [model.construct_names.index(aim) for aim in term.on]
    sd = estimates.moments.sd[..., item]
    return np.asarray(estimates.paths[..., aims, own] / sd[..., None])


def focal_paths(estimates: Estimates, moderation: Moderation) -> FloatArray:
    """Return the paths of the focal construct to the term's targets.

    Parameters
    ----------
    estimates : Estimates
        Estimates with the term, one set or a stack.
    moderation : Moderation
        The term.

    Returns
    -------
    ndarray of shape (..., k)
        One for each target.
    """
    names = estimates.model.construct_names
    aims = [names.index(aim) for aim in moderation.term.on]
    return np.asarray(estimates.paths[..., aims, names.index(moderation.focal)])


def predictions(
    moderation: Moderation, target: str, focal: FloatArray, moderator: FloatArray
) -> Statistic:
    r"""Return the statistic of what a term and its constructs predict of a target.

    Parameters
    ----------
    moderation : Moderation
        The term.
    target : str
        One of its targets.
    focal, moderator : ndarray of shape (k,)
        Levels of the focal construct and of the moderator, in standard deviations from
        their means; of a quadratic effect only the first counts.

    Returns
    -------
    Statistic
        Standard deviations of the target from its mean, everything else at the mean.

    Notes
    -----
    .. math:: b_1 \xi + b_2 \mu + b_3 \left(\xi\mu - \overline{\xi\mu}\right)
    """
    term = moderation.term
    column = term.on.index(target)

    def compute(estimates: Estimates) -> FloatArray:
        model = estimates.model
        own, item = model.construct_names.index(term.name), model.items.index(term.item)
        unit = estimates.weights[..., item, own]
        centre = (unit * estimates.moments.mean[..., item])[..., None]
        ahead = focal_paths(estimates, moderation)[..., column, None]
        bend = product_coefficients(estimates, term)[..., column, None]
        if term.quadratic:
            return np.asarray(ahead * focal + bend * (focal**2 - centre))
        names = model.construct_names
        ends = names.index(target), names.index(moderation.moderator)
        aside = estimates.paths[(..., *ends)][..., None]
        product = focal * moderator - centre
        return np.asarray(ahead * focal + aside * moderator + bend * product)

    def labels(_: Model) -> pd.DataFrame:
        return pd.DataFrame({"focal": focal, "moderator": moderator})

    return Statistic(f"predictions of {target} by {term.name}", compute, labels)


def _slopes_at(moderation: Moderation, levels: Sequence[float]) -> Statistic:
    """Return the statistic of the slopes, target by target and level by level."""
    aims = moderation.term.on
    steps = moderation.steepness * np.array(levels)

    def compute(estimates: Estimates) -> FloatArray:
        ahead = focal_paths(estimates, moderation)
        change = product_coefficients(estimates, moderation.term)
        found = ahead[..., None] + change[..., None] * steps
        return np.asarray(found.reshape(*found.shape[:-2], -1))

    def labels(_: Model) -> pd.DataFrame:
        return pd.DataFrame(
            {"target": np.repeat(aims, len(steps)), "at": np.tile(levels, len(aims))}
        )

    name = f"slopes of {moderation.focal} by {moderation.moderator} at {levels}"
    return Statistic(name, compute, labels)


def _coefficients(moderation: Moderation) -> Statistic:
    term = moderation.term
    return Statistic(
        f"coefficient of {term.name}",
        lambda estimates: product_coefficients(estimates, term),
        lambda _: pd.DataFrame({"target": term.on}),
    )


def _regions(table: pd.DataFrame, boot: Bootstrapped) -> pd.DataFrame:
    """Return where slopes differ from zero, from those at -1, 0 and 1.

    The variance of a slope is a quadratic function of the level, which three levels
    tell: no covariance matrix is needed beside them.
    """
    z = NormalDist().inv_cdf((1 + boot.level) / 2)
    rows: list[tuple[str, float, float, str]] = []
    for target, part in table.groupby("target", sort=False):
        below, middle, above = part["estimate"].to_numpy()
        variances = part["se"].to_numpy() ** 2
        line = np.array([middle, (above - below) / 2])
        spread = np.array(
            [
                variances[1],
                (variances[2] - variances[0]) / 2,
                (variances[2] + variances[0]) / 2 - variances[1],
            ]
        )
        square = np.array([line[0] ** 2, 2 * line[0] * line[1], line[1] ** 2])
        for low, high in _positive(square - z**2 * spread):
            inside = _inside(low, high)
            sign = "+" if line[0] + line[1] * inside > 0 else "-"
            rows.append((str(target), low, high, sign))
    return pd.DataFrame(rows, columns=["target", "low", "high", "sign"])


def _positive(curve: FloatArray) -> list[tuple[float, float]]:
    """Return where ``c + b x + a x^2`` is positive, from its coefficients (c, b, a)."""
    c, b, a = map(float, curve)
    everywhere = [(-math.inf, math.inf)]
    if a == 0:
        if b == 0:
            return everywhere if c > 0 else []
        return [(-c / b, math.inf)] if b > 0 else [(-math.inf, -c / b)]
    inner = b * b - 4 * a * c
    if inner <= 0:
        return everywhere if a > 0 else []
    # the form without cancellation
    q = -(b + math.copysign(math.sqrt(inner), b)) / 2
    low, high = sorted((q / a, c / q))
    return [(-math.inf, low), (high, math.inf)] if a > 0 else [(low, high)]


def _in_words(low: float, high: float) -> str:
    """Return a range of levels in words, in standard deviations from the mean."""
    if math.isinf(low):
        return "everywhere" if math.isinf(high) else f"below {high:.2f} sd"
    return f"above {low:.2f} sd" if math.isinf(high) else f"{low:.2f} to {high:.2f} sd"


def _inside(low: float, high: float) -> float:
    """Return a number between two, of which each may be infinite."""
    if math.isinf(low):
        return 0.0 if math.isinf(high) else high - 1
    return low + 1 if math.isinf(high) else (low + high) / 2


def _with_scores(
    table: pd.DataFrame, moderation: Moderation, results: Results
) -> pd.DataFrame:
    """Return the slopes with the moderator's levels and the slopes on 0-100."""
    scores = results.scores.set_index("construct")
    own = scores.loc[moderation.moderator]
    spread = scores["sd"]
    level = float(own["score"]) + table["at"] * float(own["sd"])
    factor = table["target"].map(spread) / float(spread.loc[moderation.focal])
    made = table.copy()
    made.insert(2, "moderator_score", level)
    made.insert(4, "points", table["estimate"] * factor)
    return made


def _with_sizes(
    table: pd.DataFrame, moderation: Moderation, results: Results
) -> pd.DataFrame:
    """Return the coefficients with the standardised paths and f squared."""
    name = moderation.term.name
    paths = results.paths[results.paths["source"] == name].set_index("target")
    sizes = F_SQUARED.table(results.estimates)
    sizes = sizes[sizes["source"] == name].set_index("target")
    made = table.rename(columns={"estimate": "coefficient"})
    made.insert(1, "path", made["target"].map(paths["estimate"]))
    made.insert(3, "f_squared", made["target"].map(sizes["estimate"]))
    return made


def _levels(at: Sequence[float]) -> list[float]:
    levels = np.atleast_1d(np.asarray(at, dtype=object))
    wrong = [
        level
        for level in levels
        if isinstance(level, bool)
        or not isinstance(level, int | float | np.number)
        or not np.isfinite(level)
    ]
    if wrong or not len(levels):
        raise SpecificationError(
            "simple_slopes: at= lists levels of the moderator in standard deviations, "
            f"as (-1, 0, 1), not {quoted(wrong) if wrong else 'nothing'}"
        )
    return [float(level) for level in levels]
