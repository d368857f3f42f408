"""Endogeneity without instruments: Gaussian copulas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from csindex.diagnostics.endogeneity.equations import Equation, equation_of
from csindex.diagnostics.options import named_list, whole_problems
from csindex.errors import DataError, SpecificationError, quoted, unknown
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.instruments import normal_scores
from csindex.kernels.linalg import correlation, solve_positive
from csindex.kernels.moments import mean_and_cov
from csindex.model import Model
from csindex.results import Results, one_fit
from csindex.results.printing import Page, Printed, named

# all sets of copula terms are tried up to so many sources of one construct
_ALL_SETS = 4
# below, copula terms find little (Becker, Proksch & Ringle 2022)
_ENOUGH = 1000
# the copula term of so few values is all but a linear function of them
_FEWEST_VALUES = 5
_DIGITS = 10
_LEVEL = 0.05
_COPULA = "copula of "
_COLUMNS = ["target", "copulas", "term", "estimate", "se", "p"]
_SHAPES = ["target", "source", "skewness", "kurtosis", "distance", "p"]


@dataclass(frozen=True, eq=False, repr=False)
class CopulaCheck(Printed):
    """Regressions with Gaussian copula terms; made by `gaussian_copula`.

    Attributes
    ----------
    coefficients : DataFrame
        One row per target, set of copula terms and term: target, copulas, term,
        estimate, se, p. No rows of a target whose sources all have too few values.
    normality : DataFrame
        One row per target and source: target, source, skewness, kurtosis (excess),
        distance (of Lilliefors), p. Copula terms identify nothing where a source is
        normal.
    n : int
        Respondents.
    used : int
        Resamples behind the standard errors: those asked for but those in which a
        regression can't be computed, because a source hardly varies there.
    cautions : tuple of str
        What limits the check.
    """

    coefficients: pd.DataFrame
    normality: pd.DataFrame
    n: int
    used: int
    cautions: tuple[str, ...]

    @property
    def signs(self) -> pd.DataFrame:
        """How often each source's copula term shows: one row per target and source.

        target, source, sets (of copula terms that have it), shown (of these, those in
        which its p is below .05), p_largest, and skewness and kurtosis of the source.
        """
        terms = self.coefficients["term"].astype(str)
        own = self.coefficients[terms.str.startswith(_COPULA)]
        found = (
            own.assign(
                source=own["term"].str.removeprefix(_COPULA),
                small=own["p"] < _LEVEL,
            )
            .groupby(["target", "source"], sort=False)
            .agg(sets=("p", "size"), shown=("small", "sum"), p_largest=("p", "max"))
            .reset_index()
        )
        shapes = self.normality[["target", "source", "skewness", "kurtosis"]]
        return found.merge(shapes, on=["target", "source"])

    def _page(self) -> Page:
        signs = self.signs
        shown = signs[signs["shown"] == signs["sets"]]
        told = [f"{row.source} -> {row.target}" for row in shown.itertuples()]
        where = f"p below {_LEVEL:g} in every set of copula terms"
        notes = [
            f"sets: regressions with the source's copula term; shown: those in which "
            f"its p is below {_LEVEL:g}. Every regression is in .coefficients.",
            *self.cautions,
        ]
        return Page(
            f"Signs of endogeneity ({where}): {named(told)}", {"": signs}, notes
        )


def gaussian_copula(
    results: Results, targets: Iterable[str] | None = None, n: int = 1000, seed: int = 1
) -> CopulaCheck:
    r"""Look for endogeneity without instruments, by Gaussian copulas.

    Parameters
    ----------
    results : Results
        A fit of a survey.
    targets : iterable of str, optional
        Endogenous constructs whose equations are looked at; all if None.
    n : int
        Resamples for the standard errors.
    seed : int
        Seed of the resamples.

    Returns
    -------
    CopulaCheck
        For each target, regressions with every set of copula terms (up to four
        sources; else each term alone and all together). A term with a small p says
        that its source goes together with the error.

    Raises
    ------
    SpecificationError
        For a target that nothing drives, no target at all, or fewer than two resamples.
    DataError
        If the fit was made from moments, which have no respondents, or answers have
        gaps; if the sources depend on each other, or fewer than two resamples can be
        estimated.

    Notes
    -----
    The copula term of a source is :math:`\Phi^{-1}(F(x))`, with the empirical
    distribution function of its score taken halfway up its steps. It identifies the
    bias only where the source isn't normal, and not at all where it has two values, as
    a complaint: any function of two values is linear. A source whose scores have fewer
    than five values stays in the regression without a term, with a caution.

    Resamples draw respondents and redo the terms and the regressions; the weights of
    the scores are held. Regressions have an intercept, and p is two-sided, from the
    normal distribution of estimate / se. Sampling weights count everywhere but in
    Lilliefors' test, which knows none and takes each respondent once.

    References
    ----------
    Park & Gupta (2012), Marketing Science 31(4); Hult, Hair, Proksch, Sarstedt,
    Pinkwart & Ringle (2018), Journal of International Marketing 26(3); Becker, Proksch
    & Ringle (2022), Journal of the Academy of Marketing Science 50.

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> check = gaussian_copula(results, ["loyalty"], n=50)
    >>> check.normality["source"].tolist()
    ['satisfaction', 'complaints']
    >>> check.signs["source"].tolist()
    ['satisfaction']
    """
    fitted = one_fit(results, "gaussian_copula")
    model = fitted.model
    chosen = _chosen(model, targets, n, seed)
    scores, weights = _scores(fitted)
    few = {k for k, own in enumerate(scores.T) if len(np.unique(own)) < _FEWEST_VALUES}
    found: list[_Regressions] = []
    normality: list[dict[str, object]] = []
    for target in chosen:
        equation = equation_of(model, target)
        found.append(_regressions(model, equation, scores, weights, few, seed, n))
        normality += _normality(model, equation, scores, weights)
    shapes = pd.DataFrame(normality, columns=_SHAPES)
    rows = [row for part in found for row in part.rows]
    used = min(part.used for part in found)
    names = [model.construct_names[k] for k in sorted(few)]
    return CopulaCheck(
        pd.DataFrame(rows, columns=_COLUMNS),
        shapes,
        len(scores),
        used,
        tuple(_cautions(len(scores), shapes, names, used, n)),
    )


def _chosen(
    model: Model, targets: Iterable[str] | None, n: object, seed: object
) -> list[str]:
    """Return the targets, or refuse the call."""
    if isinstance(targets, str):
        targets = [targets]
    given = model.endogenous if targets is None else named_list("targets", targets)
    chosen = list(dict.fromkeys(given))
    problems = unknown("endogenous construct", chosen, model.endogenous, "in targets")
    if not model.endogenous:
        problems = [
            f"model {model.name!r} has no paths, and so no construct whose error could "
            "go together with a source"
        ]
    elif not chosen:
        problems.append(
            "no target is named; take targets=None for all, or some of "
            f"{quoted(model.endogenous)}"
        )
    if list(whole_problems(2, n=n)):
        problems.append(
            f"n is {n!r}; standard errors need a whole number of two resamples or more"
        )
    problems += whole_problems(0, seed=seed)
    if problems:
        raise SpecificationError([f"gaussian_copula: {p}" for p in problems])
    return chosen


def _scores(fitted: Results) -> tuple[FloatArray, FloatArray]:
    """Return standardised scores (n, j) and sampling weights (n,)."""
    if fitted.answers is None:
        raise DataError(
            "copula terms need respondents' scores; this fit was made from moments, "
            "so fit the survey"
        )
    values = fitted.answers.values
    if fitted.answers.names != fitted.model.items:
        raise DataError(
            "copula terms need scores of answers, and products of constructs aren't "
            "answers; fit the model without its terms"
        )
    if np.isnan(values).any():
        raise DataError(
            "copula terms need every respondent's answers to all items; fit with "
            "incomplete='listwise'"
        )
    moments = fitted.moments
    scores = (values - moments.mean) / moments.sd @ fitted.estimates.weights
    # equal answers have equal scores, whatever the order of summation
    scores = np.round(scores, _DIGITS)
    own = fitted.answers.weights
    return scores, np.ones(len(values)) if own is None else own


@dataclass(frozen=True)
class _Regressions:
    """Rows of one target's regressions, and the resamples behind their errors."""

    rows: list[dict[str, object]]
    used: int


def _regressions(
    model: Model,
    equation: Equation,
    scores: FloatArray,
    weights: FloatArray,
    few: set[int],
    seed: int,
    n: int,
) -> _Regressions:
    """Return the regressions of one target with every set of copula terms.

    ``few`` are the constructs whose scores have too few values for a term.
    """
    from scipy.special import ndtr

    names = [model.construct_names[k] for k in equation.sources]
    target, k = model.construct_names[equation.target], len(names)
    chosen_sets = _sets([p for p, own in enumerate(equation.sources) if own not in few])
    if not chosen_sets:
        return _Regressions([], n)
    data = scores[:, [*equation.sources, equation.target]]
    generator = np.random.default_rng(seed)
    draws = (generator.integers(0, len(data), len(data)) for _ in range(n))
    drawn = np.stack([_with_terms(data[rows], weights[rows]) for rows in draws])
    observed = _with_terms(data, weights)[None]
    members = [np.array([*range(k), *(k + 1 + c for c in s)]) for s in chosen_sets]
    estimates = [_slopes(observed, own, k)[0] for own in members]
    if not all(np.isfinite(estimate).all() for estimate in estimates):
        raise DataError(
            f"gaussian_copula: the sources of {target!r} ({quoted(names)}) and their "
            "copula terms depend on each other; leave a source out of the model"
        )
    resampled = [_slopes(drawn, own, k) for own in members]
    usable = np.all([np.isfinite(own).all(axis=1) for own in resampled], axis=0)
    if usable.sum() < 2:
        raise DataError(
            f"gaussian_copula: {int(usable.sum())} of {n} resamples of {target!r} can "
            f"be estimated, because a source of {quoted(names)} hardly varies; ask for "
            "more resamples, or leave it out of the model"
        )
    rows: list[dict[str, object]] = []
    for chosen, estimate, own in zip(chosen_sets, estimates, resampled, strict=True):
        errors = own[usable].std(axis=0, ddof=1)
        terms = [*names, *(f"{_COPULA}{names[c]}" for c in chosen)]
        rows += [
            {
                "target": target,
                "copulas": " + ".join(names[c] for c in chosen),
                "term": term,
                "estimate": float(value),
                "se": float(se),
                "p": float(2 * ndtr(-abs(value / se))),
            }
            for term, value, se in zip(terms, estimate, errors, strict=True)
        ]
    return _Regressions(rows, int(usable.sum()))


def _with_terms(data: FloatArray, weights: FloatArray) -> FloatArray:
    """Return covariances of sources, target and the sources' copula terms."""
    return mean_and_cov(
        np.hstack([data, normal_scores(data[:, :-1], weights)]), weights
    )[1]


def _slopes(cov: FloatArray, members: IntArray, target: int) -> FloatArray:
    """Return slopes (b, k) of stacked covariances; NaN where members are dependent."""
    among, sd = correlation(cov[:, members[:, None], members[None, :]])
    with_target = cov[:, members, target] / np.where(sd > 0, sd, np.nan)
    found = solve_positive(np.moveaxis(among, 0, -1), with_target.T)
    return np.asarray(found.T / sd, dtype=np.float64)


def _sets(positions: list[int]) -> list[tuple[int, ...]]:
    """Return the sets of copula terms that are tried."""
    k = len(positions)
    sizes = range(1, k + 1) if k <= _ALL_SETS else (1, k)
    return [chosen for size in sizes for chosen in combinations(positions, size)]


def _normality(
    model: Model, equation: Equation, scores: FloatArray, weights: FloatArray
) -> Iterator[dict[str, object]]:
    from statsmodels.stats.diagnostic import lilliefors

    share = weights / weights.sum()
    for source in equation.sources:
        values = scores[:, source]
        centred = values - share @ values
        spread = np.sqrt(share @ centred**2)
        distance, p = lilliefors(values)
        yield {
            "target": model.construct_names[equation.target],
            "source": model.construct_names[source],
            "skewness": float(share @ centred**3 / spread**3),
            "kurtosis": float(share @ centred**4 / spread**4 - 3),
            "distance": float(distance),
            "p": float(p),
        }


def _cautions(
    n: int, shapes: pd.DataFrame, few: list[str], used: int, asked: int
) -> Iterator[str]:
    sources = shapes["source"].drop_duplicates()
    if own := sources[sources.isin(few)].tolist():
        yield (
            f"The scores of {quoted(own)} have fewer than {_FEWEST_VALUES} values, of "
            "which a copula term is all but a linear function: it identifies nothing "
            "and is left out. An instrument can tell, see two_stage_least_squares."
        )
    normal = shapes.loc[
        (shapes["p"] >= _LEVEL) & ~shapes["source"].isin(few), "source"
    ].drop_duplicates()
    if len(normal):
        yield (
            f"The scores of {quoted(normal.tolist())} may be normal; their copula "
            "terms then identify nothing."
        )
    if used < asked:
        yield (
            f"{asked - used} of {asked} resamples were left out, because a source "
            "hardly varies there and a regression can't be computed."
        )
    if n < _ENOUGH:
        yield (
            f"{n} respondents are few: beside an intercept, copula terms find what "
            f"they look for from about {_ENOUGH:,} on (Becker, Proksch & Ringle 2022)."
        )
