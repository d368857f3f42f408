"""Endogeneity without instruments: Gaussian copulas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from csindex.diagnostics.endogeneity.equations import Equation, equation_of
from csindex.errors import DataError, SpecificationError, quoted, unknown
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.instruments import normal_scores
from csindex.model import Model
from csindex.results import Results, one_fit
from csindex.results.printing import Page, Printed, named

# all sets of copula terms are tried up to so many sources of one construct
_ALL_SETS = 4
# below, copula terms find little (Becker, Proksch & Ringle 2022)
_ENOUGH = 1000
_LEVEL = 0.05
_COPULA = "copula of "


@dataclass(frozen=True, eq=False, repr=False)
class CopulaCheck(Printed):
    """Regressions with Gaussian copula terms; made by `gaussian_copula`.

    Attributes
    ----------
    coefficients : DataFrame
        One row per target, set of copula terms and term: target, copulas, term,
        estimate, se, p.
    normality : DataFrame
        One row per target and source: target, source, skewness, kurtosis (excess),
        distance (of Lilliefors), p. Copula terms identify nothing where a source is
        normal.
    n : int
        Respondents.
    used : int
        Resamples behind the standard errors.
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
        own = self.coefficients[self.coefficients["term"].str.startswith(_COPULA)]
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
        For a target that nothing drives, or fewer than two resamples.
    DataError
        If the fit was made from moments, which have no respondents, or answers have
        gaps.

    Notes
    -----
    The copula term of a source is :math:`\Phi^{-1}(F(x))`, with the empirical
    distribution function of its score taken halfway up its steps. It identifies the
    bias only where the source isn't normal. Resamples draw respondents and redo the
    terms and the regressions; the weights of the scores are held. Regressions have
    an intercept, and p is two-sided, from the normal distribution of estimate / se.

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
    """
    fitted = one_fit(results, "gaussian_copula")
    model = fitted.model
    if isinstance(targets, str):
        targets = [targets]
    chosen = list(model.endogenous if targets is None else targets)
    problems = unknown("endogenous construct", chosen, model.endogenous, "in targets")
    if isinstance(n, bool) or not (isinstance(n, (int, np.integer)) and n >= 2):
        problems.append(
            f"n is {n!r}; standard errors need a whole number of two resamples or more"
        )
    if problems:
        raise SpecificationError([f"gaussian_copula: {p}" for p in problems])
    scores, weights = _scores(fitted)
    tables, normality = [], []
    for target in chosen:
        equation = equation_of(model, target)
        tables.append(_copula_table(model, equation, scores, weights, seed, n))
        normality.append(_normality(model, equation, scores))
    shapes = pd.concat(normality, ignore_index=True)
    return CopulaCheck(
        pd.concat(tables, ignore_index=True),
        shapes,
        len(scores),
        n,
        tuple(_cautions(len(scores), shapes)),
    )


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
    own = fitted.answers.weights
    return scores, np.ones(len(values)) if own is None else own


def _copula_table(
    model: Model,
    equation: Equation,
    scores: FloatArray,
    weights: FloatArray,
    seed: int,
    n: int,
) -> pd.DataFrame:
    """Return the regressions of one target with every set of copula terms."""
    from scipy.special import ndtr

    names = [model.construct_names[k] for k in equation.sources]
    data = scores[:, [*equation.sources, equation.target]]
    observed = _with_terms(data, weights)
    generator = np.random.default_rng(seed)
    draws = (generator.integers(0, len(data), len(data)) for _ in range(n))
    stack = np.stack([_with_terms(data[drawn], weights[drawn]) for drawn in draws])
    k = len(names)
    rows: list[dict[str, object]] = []
    for chosen in _sets(k):
        members = np.array([*range(k), *(k + 1 + c for c in chosen)])
        estimate = _slopes(observed, members, k)
        errors = _slopes(stack, members, k).std(axis=0, ddof=1)
        terms = [*names, *(f"{_COPULA}{names[c]}" for c in chosen)]
        label = " + ".join(names[c] for c in chosen)
        rows += [
            {
                "target": model.construct_names[equation.target],
                "copulas": label,
                "term": term,
                "estimate": float(value),
                "se": float(se),
                "p": float(2 * ndtr(-abs(value / se))),
            }
            for term, value, se in zip(terms, estimate, errors, strict=True)
        ]
    return pd.DataFrame(rows)


def _with_terms(data: FloatArray, weights: FloatArray) -> FloatArray:
    """Return covariances of sources, target and the sources' copula terms."""
    wide = np.hstack([data, normal_scores(data[:, :-1], weights)])
    return np.cov(wide, rowvar=False, aweights=weights)


def _slopes(cov: FloatArray, members: IntArray, target: int) -> FloatArray:
    among = cov[..., members[:, None], members[None, :]]
    found = np.linalg.solve(among, cov[..., members, target, None])
    return np.asarray(found[..., 0], dtype=np.float64)


def _sets(k: int) -> list[tuple[int, ...]]:
    """Return the sets of copula terms that are tried."""
    sizes = range(1, k + 1) if k <= _ALL_SETS else (1, k)
    return [chosen for size in sizes for chosen in combinations(range(k), size)]


def _normality(model: Model, equation: Equation, scores: FloatArray) -> pd.DataFrame:
    from statsmodels.stats.diagnostic import lilliefors

    rows: list[dict[str, object]] = []
    for source in equation.sources:
        values = scores[:, source] - scores[:, source].mean()
        spread = values.std()
        distance, p = lilliefors(values)
        rows.append(
            {
                "target": model.construct_names[equation.target],
                "source": model.construct_names[source],
                "skewness": float((values**3).mean() / spread**3),
                "kurtosis": float((values**4).mean() / spread**4 - 3),
                "distance": float(distance),
                "p": float(p),
            }
        )
    return pd.DataFrame(rows)


def _cautions(n: int, shapes: pd.DataFrame) -> Iterator[str]:
    normal = shapes.loc[shapes["p"] >= _LEVEL, "source"].drop_duplicates().tolist()
    if normal:
        yield (
            f"The scores of {quoted(normal)} may be normal; their copula terms then "
            "identify nothing."
        )
    if n < _ENOUGH:
        yield (
            f"{n} respondents are few: beside an intercept, copula terms find what "
            f"they look for from about {_ENOUGH:,} on (Becker, Proksch & Ringle 2022)."
        )
