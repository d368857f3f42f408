"""The public function: segments that nobody observed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from csindex.diagnostics.options import whole_problems
from csindex.errors import (
    ConvergenceWarning,
    DataError,
    SpecificationError,
    quoted,
)
from csindex.inference.segments.closest import (
    closest,
    refusals,
    tree_recommendations,
)
from csindex.inference.segments.finite import equations, mixtures, recommendations
from csindex.inference.segments.predictive import (
    advice,
    mixture_starts,
    pos_refusals,
    predictive,
    with_gains,
)
from csindex.inference.segments.sample import (
    Division,
    Sample,
    criteria_table,
    sample_of,
)
from csindex.inference.segments.segmentation import Segmentation, segmentation
from csindex.model import Model
from csindex.results import Results, one_fit

Method = Literal["fimix", "rebus", "pos"]
WORDS = {"fimix": "FIMIX-PLS", "rebus": "REBUS-PLS", "pos": "PLS-POS"}
_OBJECTIVES = {
    "fimix": "log likelihood of the scores of the fit to everyone, normal errors",
    "rebus": "group quality index of classes that are closest to their own models",
    "pos": "sum of R2 of the driven constructs, each segment by its share",
}
ALWAYS = (
    "This method finds segments in any sample, also where there are none: "
    "method='fimix' has criteria that say whether there are."
)
NO_CRITERION = (
    "PLS-POS raises explained variance in any sample, also where there are no "
    "segments, and more with each segment; it has no criterion for their number. "
    "Whether there are any is a question for method='fimix'."
)
# respondents for each path that leads to one construct: a floor, no plan
_EACH_PATH = 10


def segments(
    results: Results,
    k: int | Iterable[int] = 2,
    method: Method = "fimix",
    seed: int = 1,
    starts: int = 10,
    smallest: int | None = None,
) -> Segmentation:
    r"""Divide respondents into segments in which the model holds differently.

    Start with ``segments(results, range(1, 6))``: FIMIX-PLS says whether there are
    segments, and how many. `Segmentation.profile` then says who is in them.

    Parameters
    ----------
    results : Results
        A fit to a survey.
    k : int or iterable of int
        The number of segments; or several, as ``range(1, 6)``, of which published
        rules choose one. One segment is always tried beside them.
    method : {"fimix", "rebus", "pos"}
        How respondents are divided:

        - FIMIX-PLS, a finite mixture of the inner model's regressions: the only one
          with criteria for the number of segments, one among them;
        - REBUS-PLS, classes of respondents that are closest to a local model, for
          reflective models;
        - PLS-POS, segments in which the driven constructs are predicted best, for
          formative models, too: it also finds segments that differ in weights.
    seed : int
        Seed of the starts.
    starts : int
        Starts for each number of segments: random ones, of which the best is kept;
        the first one of REBUS-PLS is a tree of the residuals, as published, and that
        of PLS-POS the division by FIMIX-PLS.
    smallest : int, optional
        Respondents that a segment needs. None: ten for each path that leads to one
        construct, and more than there are items.

    Returns
    -------
    Segmentation
        Sizes, paths, scores and memberships; the largest segment is the first.

    Raises
    ------
    DataError
        If the fit was made from moments; if there are too few respondents for so many
        segments; if respondents have gaps and no scores; if no mixture can be
        estimated.
    SpecificationError
        If it isn't given the results of one fit, an option can't be used, nothing is
        driven in the model, the estimates have no scores, or the method can't divide
        by such a model.

    Warns
    -----
    ConvergenceWarning
        If the best start, or the fit to a segment, did not converge.

    Notes
    -----
    *FIMIX-PLS* divides the scores of the fit to everyone by EM: with the paths
    :math:`\beta_{kj}` and error variances of segment k, a respondent's likelihood is

    .. math:: \sum_k \rho_k \prod_j N(\eta_{ij} \mid \xi_{ij}'\beta_{kj}, \omega_{kj})

    over the equations j of the inner model. A construct whose score takes fewer than
    five values, as a complaint, has no normal errors: its equation is left out, with a
    note. Skewed answers, too, can look like segments, and those who give one answer to
    all questions often are one: see `csindex.validate_instrument`. *REBUS-PLS* gives
    each respondent to the local model with the least closeness measure, a product of
    standardised residuals of items and of constructs, until fewer than .5 % move.
    *PLS-POS* climbs to the largest

    .. math:: \sum_g \pi_g \sum_j R_{jg}^2

    with the explained variances of the driven constructs, estimated anew in each
    segment, and the segments' shares, without which few respondents who agree by
    chance would be a segment. Respondents move in blocks as long as that raises the
    objective, and then one by one: in the end, no move of one respondent to any other
    segment raises it by more than 1e-7, but for segments of the smallest size and
    those whose model can't be estimated. That is a local optimum, and a stricter one
    than the published rule's, which tries only respondents who are closer to another
    segment; those who are tried first are told by the objective's derivative, which
    leads higher in less time than the published distance. Explained variance rises in
    any sample so: for the number of segments FIMIX-PLS is asked.

    The whole model is fitted to each segment anew. Sampling weights count everywhere
    but in the tree; they are scaled to sum to the effective number of respondents
    (Kish), so that criteria don't count more than there is. Gaps in the answers are
    filled as the fit's treatment fills them, and treated anew in the segments' fits.
    Draws don't depend on the order of the rows.

    References
    ----------
    Hahn, Johnson, Herrmann & Huber (2002), Schmalenbach Business Review 54(3);
    Sarstedt, Becker, Ringle & Schwaiger (2011), ibid. 63(1); Hair, Sarstedt, Matthews
    & Ringle (2016), European Business Review 28(1). Esposito Vinzi, Trinchera,
    Squillacciotti & Tenenhaus (2008), Applied Stochastic Models in Business and
    Industry 24(5). Becker, Rai, Ringle & Voelckner (2013), MIS Quarterly 37(3);
    Sarstedt, Ringle & Hair (2017), in Latan & Noonan, Partial Least Squares Path
    Modeling, chapter 9.

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> found = segments(results, k=2, starts=2)
    >>> int(found.segments["n"].sum()) == results.n
    True
    >>> print(found.segments[["segment", "n"]].to_string(index=False))
     segment    n
           1 1961
           2 1290
    """
    fit = one_fit(results, "segments")
    numbers = _numbers(k)
    _check_call(numbers, k, method, seed, starts, smallest)
    sample = sample_of(fit)
    least = needed(fit.model) if smallest is None else int(smallest)
    _check_size(fit, max(numbers), least, smallest is None)
    search = _Search(sample, numbers, seed, starts, least)
    found = _FINDERS[method](search)
    chosen = found.chosen
    best = chosen.starts[chosen.starts["kept"]].iloc[0]
    if not best["converged"]:
        warnings.warn(
            f"the search for {chosen.k} segments did not settle in "
            f"{best['iterations']} iterations; don't report these numbers as they "
            "stand",
            ConvergenceWarning,
            stacklevel=2,
        )
    settings = {
        "method": WORDS[method],
        "objective": _OBJECTIVES[method],
        "numbers of segments": ", ".join(map(str, numbers)),
        "smallest segment": f"{least} respondents",
        "starts": str(starts),
        "seed": str(seed),
    }
    notes = [*found.notes, *_size_cautions(chosen, least)]
    return segmentation(
        sample, method, found.tried, chosen, found.rules, settings, notes
    )


@dataclass(frozen=True, eq=False)
class _Search:
    """What is asked for: numbers of segments, seed, starts, smallest segment."""

    sample: Sample
    numbers: list[int]
    seed: int
    starts: int
    least: int


@dataclass(frozen=True, eq=False)
class _Found:
    """The divisions tried, the one chosen, the rules that chose it, and notes."""

    tried: list[Division]
    chosen: Division
    rules: pd.DataFrame
    notes: list[str]


def needed(model: Model) -> int:
    """Return how many respondents a segment needs at least.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    int
        Ten for each path that leads to one construct, and more than there are items.
        This is a floor; see `csindex.plan` for the number that finds an effect.

    Examples
    --------
    >>> from csindex.catalog import acsi
    >>> needed(acsi())
    30
    """
    arrows = int(model.structure.sum(axis=1).max())
    return max(len(model.items) + 1, _EACH_PATH * arrows)


def _by_mixture(search: _Search) -> _Found:
    numbers = search.numbers
    chosen = equations(search.sample)
    notes: list[str] = []
    if left := chosen.left_out:
        notes.append(
            f"the equation of {quoted(left)} has no part in dividing, because its "
            "scores take so few values that segments would be these values"
        )
    tried: list[Division] = []
    for number in sorted({1, *numbers}):
        try:
            tried += mixtures(
                search.sample,
                chosen,
                [number],
                search.seed,
                search.starts,
                search.least,
            )
        except DataError as error:
            if numbers == [number]:
                raise
            notes += error.problems
    rules = recommendations(criteria_table(tried), search.least)
    advised = int(rules["k"].iloc[-1])
    verdict = rules["note"].iloc[-1]
    if len(numbers) > 1:
        notes.append(f"{advised} is the recommended number of segments: {verdict}")
    elif advised != numbers[0]:
        notes.append(f"the published rules ask for {advised}, not {numbers[0]}")
    wanted = numbers[0] if len(numbers) == 1 else advised
    return _Found(tried, _of(tried, wanted), rules, notes)


def _by_closeness(search: _Search) -> _Found:
    numbers, sample = search.numbers, search.sample
    problems = refusals(sample.results, len(sample.values))
    if max(numbers) == 1:
        problems.append("rebus divides into two segments or more; k=1 asks for none")
    if problems:
        raise SpecificationError([f"segments: {problem}" for problem in problems])
    tried = closest(sample, sorted({1, *numbers}), search.seed, search.starts)
    asked = [one for one in tried if one.k in numbers]
    rules = tree_recommendations(criteria_table(asked))
    wanted = numbers[0] if len(numbers) == 1 else int(rules["k"].iloc[-1])
    none = rules.iloc[:0]
    return _Found(
        tried, _of(tried, wanted), none if len(numbers) == 1 else rules, [ALWAYS]
    )


def _by_prediction(search: _Search) -> _Found:
    numbers, sample = search.numbers, search.sample
    problems = pos_refusals(sample.results)
    if max(numbers) == 1:
        problems.append("pos divides into two segments or more; k=1 asks for none")
    if problems:
        raise SpecificationError([f"segments: {problem}" for problem in problems])
    options = (search.seed, search.starts, search.least)
    ks = sorted({1, *numbers})
    first = mixture_starts(sample, ks, *options)
    notes = [NO_CRITERION, *first.notes]
    tried: list[Division] = []
    for number in ks:
        try:
            tried.append(predictive(sample, number, first, *options))
        except DataError as error:
            if number == 1 or numbers == [number]:
                raise
            notes += error.problems
    rules = advice(first, search.least)
    found = with_gains(tried)
    told = [int(k) for k in rules["k"]]
    wanted = numbers[0]
    if len(numbers) > 1:
        # without mixtures nothing tells, and the fewest segments are shown
        wanted = told[0] if told else next(one.k for one in found if one.k > 1)
    elif told and told[0] != wanted:
        notes.append(f"the criteria of FIMIX-PLS ask for {told[0]}, not {wanted}")
    chosen = _of(found, wanted)
    if len(chosen.starts) > 1 and chosen.measures["reached"] == 1:
        notes.append(
            f"one of {len(chosen.starts)} starts reached the best objective: there may "
            "be a better one; ask for more starts"
        )
    return _Found(found, chosen, rules, notes)


def _of(tried: list[Division], k: int) -> Division:
    return next(one for one in tried if one.k == k)


def _size_cautions(chosen: Division, least: int) -> list[str]:
    size = int(np.bincount(chosen.codes, minlength=chosen.k).min())
    if size >= least:
        return []
    return [f"the smallest segment has {size} respondents; {least} are needed"]


def _numbers(k: object) -> list[int]:
    """Return the numbers of segments; empty if they are none."""
    if isinstance(k, (bool, str)):
        return []
    given = [k] if isinstance(k, (int, np.integer)) else k
    if not isinstance(given, Iterable):
        return []
    listed = list(given)
    whole = all(
        isinstance(one, (int, np.integer)) and not isinstance(one, bool) and one >= 1
        for one in listed
    )
    return sorted({int(one) for one in listed}) if whole else []


def _check_call(
    numbers: list[int],
    k: object,
    method: object,
    seed: object,
    starts: object,
    smallest: object,
) -> None:
    problems: list[str] = []
    if not numbers:
        problems.append(
            f"k must be a number of segments of 1 or more, or several, as range(1, 6), "
            f"not {k!r}"
        )
    if method not in get_args(Method):
        problems.append(
            f"unknown method {method!r}; there are {quoted(get_args(Method))}"
        )
    problems += whole_problems(0, seed=seed)
    problems += whole_problems(1, starts=starts)
    if smallest is not None:
        problems += whole_problems(1, smallest=smallest)
    if problems:
        raise SpecificationError([f"segments: {problem}" for problem in problems])


def _check_size(results: Results, k: int, least: int, own: bool) -> None:
    if k * least <= results.n or k == 1:
        return
    reason = (
        "ten for each path that leads to one construct, and more than there are items"
        if own
        else "as you said with smallest="
    )
    most = max(1, results.n // least)
    raise DataError(
        f"{k} segments need {k * least} respondents, {least} each ({reason}); there "
        f"are {results.n}, enough for {most}"
    )


_FINDERS: dict[str, Callable[[_Search], _Found]] = {
    "fimix": _by_mixture,
    "rebus": _by_closeness,
    "pos": _by_prediction,
}
