"""Populations for planning: a model with effects, loadings, means and variances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from csindex.errors import SpecificationError, quoted, unknown
from csindex.estimation.cbsem import CovarianceEstimates
from csindex.estimation.consistent import ConsistentEstimates
from csindex.estimation.moderated import ModeratedEstimates
from csindex.kernels.arrays import FloatArray
from csindex.kernels.paths import r_squared
from csindex.kernels.simulation import factor_correlations, population_correlations
from csindex.model import Model
from csindex.moments import Moments
from csindex.results import Results

Effects = Mapping[tuple[str, str], float]

# what items look like in satisfaction surveys, where nobody says otherwise: loading,
# and mean and standard deviation in points of 0-100
USUAL_LOADING = 0.8
USUAL_MEAN = 70.0
USUAL_SD = 20.0
# the Moments of a population need a number of respondents, which no estimate depends on
_ANY_N = 1_000_000
_SINGULAR = 1e-10


@dataclass(frozen=True, eq=False)
class Population:
    """What samples are drawn from.

    Attributes
    ----------
    model : Model
        The model, with p items and j constructs.
    paths : ndarray of shape (j, j)
        Standardised effects, row = target.
    moments : Moments
        Means and covariances of the items.
    origin : str
        Where they come from, in words.
    """

    model: Model
    paths: FloatArray
    moments: Moments
    origin: str


def population(
    model: Model,
    effects: Effects | Results,
    loadings: float | Mapping[str, float] | None,
    correlations: Effects | None,
) -> Population:
    """Return the population that a model and effects describe.

    Parameters
    ----------
    model : Model
        A model with paths.
    effects : mapping of (source, target) to float, or Results
        Standardised effect of every path.
    loadings : float or mapping of str to float, optional
        Standardised loadings by construct or item.
    correlations : mapping of (construct, construct) to float, optional
        Correlations of the constructs that no path leads to.

    Returns
    -------
    Population
        The population; its items measure common factors.

    Raises
    ------
    SpecificationError
        With everything that no population can have.
    """
    if isinstance(effects, Results):
        return _observed(model, effects, loadings, correlations)
    if correlations is not None and not isinstance(correlations, Mapping):
        raise SpecificationError(
            "plan: correlations must be a mapping, as {('image', 'value'): 0.3}, not "
            f"{correlations!r}"
        )
    exogenous, problems = _correlations(model, correlations or {})
    problems += _effect_problems(model, effects)
    lambdas, found = _loadings(model, loadings)
    if problems := problems + found:
        raise SpecificationError([f"plan: {p}" for p in problems])
    position = model.construct_names.index
    paths = np.zeros_like(model.structure)
    for (source, target), value in effects.items():
        paths[position(target), position(source)] = value
    ones = np.ones(len(model.items))
    return _assembled(
        model,
        (paths, exogenous, lambdas),
        (USUAL_MEAN * ones, USUAL_SD * ones, 0 * ones, 100 * ones),
        f"effects as given, items of mean {USUAL_MEAN:g} and standard deviation "
        f"{USUAL_SD:g} on 0-100",
    )


def product_names(model: Model) -> list[str]:
    """Return the constructs of a model that are products of others of them.

    Parameters
    ----------
    model : Model
        A model, as that of a fit with `csindex.Moderated`.

    Returns
    -------
    list of str
        Their names, as ``"expectation*quality"``.
    """
    names = set(model.construct_names)
    return [
        name
        for name in model.construct_names
        if "*" in name and names.issuperset(name.split("*"))
    ]


def _observed(
    model: Model,
    results: Results,
    loadings: float | Mapping[str, float] | None,
    correlations: Effects | None,
) -> Population:
    """Return the population in which a fit's estimates are the truth.

    Composites of PLS are no common factors: drawn as such, their paths would come out
    other than they were. The population that gives them back has the sample's moments.
    """
    problems = []
    if isinstance(results.estimates, ModeratedEstimates):
        problems.append(
            "the effects are those of a model with products of constructs, which have "
            "no normal distribution, and only normal samples are drawn; give a fit "
            "without terms, and take csi.sample_size_rules(effect) for their own "
            "effects"
        )
    elif model != results.model:
        problems.append(
            f"the effects are those of model {results.model.name!r}, which is another "
            f"one than {model.name!r}; give results.model"
        )
    if correlations is not None:
        problems.append("correlations come from the results, too; leave them out")
    lambdas, found = _loadings(model, loadings)
    if problems := problems + found:
        raise SpecificationError([f"plan: {p}" for p in problems])
    estimates, moments = results.estimates, results.moments
    factors = isinstance(estimates, (CovarianceEstimates, ConsistentEstimates))
    if loadings is None and not factors:
        return _as_sampled(results)
    return _assembled(
        model,
        (
            estimates.paths,
            estimates.construct_corr,
            estimates.loadings if loadings is None else lambdas,
        ),
        (moments.mean, moments.sd, moments.low, moments.high),
        "effects, means and variances as estimated",
    )


def _as_sampled(results: Results) -> Population:
    moments = results.moments
    if np.linalg.eigvalsh(moments.corr).min() < _SINGULAR:
        raise SpecificationError(
            "plan: items of the fit depend on each other, so that no samples can be "
            "drawn from their covariances; leave items out"
        )
    made = Moments(
        moments.names, moments.mean, moments.cov, _ANY_N, moments.low, moments.high
    )
    return Population(
        results.model,
        results.estimates.paths,
        made,
        "means and covariances of the items as in the fit's sample",
    )


def _assembled(
    model: Model,
    standardised: tuple[FloatArray, FloatArray, FloatArray],
    raw: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    origin: str,
) -> Population:
    paths, exogenous, loadings = standardised
    constructs = population_correlations(paths, exogenous, model.structure)
    explained = r_squared(paths, constructs)
    problems = [
        f"the effects on {name!r} would explain {share:.0%} of its variance; make "
        "them smaller"
        for name, share in zip(model.construct_names, explained, strict=True)
        if share >= 1
    ]
    if not problems:
        corr = factor_correlations(loadings, constructs)
        if np.linalg.eigvalsh(corr).min() < _SINGULAR:
            problems.append(
                "no population has such correlations; make loadings or correlations "
                "smaller"
            )
    if problems:
        raise SpecificationError([f"plan: {p}" for p in problems])
    mean, sd, low, high = raw
    cov = corr * np.outer(sd, sd)
    made = Moments(model.items, mean, cov, _ANY_N, low, high)
    return Population(model, paths, made, origin)


def _effect_problems(model: Model, effects: object) -> list[str]:
    if not isinstance(effects, Mapping):
        return [
            "effects must be a mapping, as {('quality', 'satisfaction'): .3}, or "
            f"Results, not {type(effects).__name__}"
        ]
    known = [(path.source, path.target) for path in model.paths]
    problems = [
        f"{key!r} is no path of model {model.name!r}; its paths are {quoted(known)}"
        for key in effects
        if key not in known
    ]
    lacking = [pair for pair in known if pair not in effects]
    if lacking:
        problems.append(
            f"effects say nothing of the paths {quoted(lacking)}; give each a value, "
            "0 if there is no effect"
        )
    problems += [
        f"the effect of {key!r} must be a number, not {value!r}"
        for key, value in effects.items()
        if not _is_number(value)
    ]
    if not known:
        problems.append(f"model {model.name!r} has no paths, so no effects to plan for")
    return problems


def _correlations(model: Model, given: Effects) -> tuple[FloatArray, list[str]]:
    exogenous = [n for n in model.construct_names if n not in model.endogenous]
    corr, problems = np.eye(len(model.constructs)), []
    for pair, value in given.items():
        if (
            not isinstance(pair, tuple)
            or len(pair) != 2
            or pair[0] == pair[1]
            or not {*pair} <= {*exogenous}
        ):
            problems.append(
                f"correlations: {pair!r} are not two constructs that no path leads to; "
                f"these are {quoted(exogenous)}"
            )
        elif not (_is_number(value) and -1 < value < 1):
            problems.append(
                f"correlations: that of {pair!r} must lie between -1 and 1, not "
                f"{value!r}"
            )
        else:
            first, second = (model.construct_names.index(name) for name in pair)
            corr[first, second] = corr[second, first] = value
    return corr, problems


def _loadings(
    model: Model, given: float | Mapping[str, float] | None
) -> tuple[FloatArray, list[str]]:
    """Return loadings (p, j): the item's, else its construct's, else the usual one."""
    by_name = given if isinstance(given, Mapping) else {}
    usual = USUAL_LOADING if given is None or isinstance(given, Mapping) else given
    problems = unknown(
        "construct or item",
        by_name,
        [*model.construct_names, *model.items],
        "in loadings",
    )
    problems += [
        f"a loading must lie above 0 and not above 1, not {value!r}"
        for value in [usual, *by_name.values()]
        if not (_is_number(value) and 0 < value <= 1)
    ]
    if problems:
        return model.blocks, problems
    values = [
        by_name.get(item, by_name.get(c.name, usual if len(c.items) > 1 else 1.0))
        for c in model.constructs
        for item in c.items
    ]
    return model.blocks * np.array(values)[:, None], []


def _is_number(value: object) -> bool:
    return (
        isinstance(value, (int, float, np.integer, np.floating))
        and not isinstance(value, bool)
        and bool(np.isfinite(value))
    )
