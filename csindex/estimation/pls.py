"""Partial least squares path modelling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from csindex.errors import SpecificationError, quoted, unknown
from csindex.estimation.composites import iteration_problems
from csindex.estimation.estimates import Estimates
from csindex.estimation.ordinal import (
    CATEGORIES,
    MOST_CATEGORIES,
    Correlations,
    polychoric_moments,
)
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.paths import regressions
from csindex.kernels.pls import Scheme, pls
from csindex.kernels.scores import score_moments
from csindex.language.options import canonical
from csindex.model import Model
from csindex.moments import Moments
from csindex.survey import Answers, Incomplete

Mode = Literal["A", "B"]


@dataclass(frozen=True)
class PLS:
    """Partial least squares path modelling.

    Parameters
    ----------
    scheme : {"path", "factorial", "centroid"}
        Inner weighting scheme.
    mode : {"A", "B"} or mapping of construct to {"A", "B"}
        Outer weights: by correlation (A) or by regression (B). In a mapping,
        constructs that aren't named have mode A.
    scaled : bool
        True: the algorithm runs on standardised items, as SmartPLS does. False: it
        runs on raw items, as the literature of satisfaction indices does.
    tolerance : float
        Iteration ends when the sum of absolute changes of the weights is below it.
    max_iterations : int
        Iteration ends there in any case, with a warning.
    correlations : {"pearson", "polychoric"}
        Correlations of the items. Polychoric: of the normal variables that are
        supposed behind ordinal answers; polyserial ones with continuous items. They
        need the answers themselves, complete, and are redone in every resample.
    ordinal : tuple of str, optional
        With polychoric correlations: the ordinal items. None: the items whose answers
        are whole numbers on a scale of at most ``categories`` points; the scale is the
        survey's or, where none is known, runs from the lowest to the highest answer.
    categories : int
        See ``ordinal``; the default takes scales up to 0 to 10 as ordinal.

    Raises
    ------
    SpecificationError
        For an option that doesn't exist.

    Notes
    -----
    With polychoric correlations 0-100 scores remain weighted means of the answers as
    they are; weights, loadings and paths, and the standard deviations of scores, are
    those of the variables behind the answers.

    References
    ----------
    Lohmoller (1989), Latent Variable Path Modeling with Partial Least Squares.
    Schuberth, Henseler & Dijkstra (2018), Quality & Quantity 52(1) (polychoric).

    Examples
    --------
    >>> PLS(scheme="centroid").scheme
    'centroid'
    """

    scheme: Scheme = "path"
    mode: Mode | Mapping[str, Mode] = "A"
    scaled: bool = True
    tolerance: float = 1e-7
    max_iterations: int = 300
    correlations: Correlations = "pearson"
    ordinal: tuple[str, ...] | None = None
    categories: int = CATEGORIES

    def __post_init__(self) -> None:
        self._adopt_names()
        problems: list[str] = []
        if self.scheme not in get_args(Scheme):
            problems.append(
                f"unknown scheme {self.scheme!r}; there are {quoted(get_args(Scheme))}"
            )
        modes = self.mode.values() if isinstance(self.mode, Mapping) else [self.mode]
        if not set(modes) <= set(get_args(Mode)):
            problems.append(
                f"mode is {self.mode!r}; use 'A', 'B', or one per construct"
            )
        problems += iteration_problems(self.tolerance, self.max_iterations)
        problems += self._correlation_problems()
        if problems:
            raise SpecificationError([f"PLS: {p}" for p in problems])

    @property
    def needs_answers(self) -> bool:
        """Whether it sees the answers: for polychoric correlations."""
        return self.correlations == "polychoric"

    @property
    def incomplete(self) -> Incomplete | None:
        """The treatment of missing answers that polychoric correlations need."""
        return "listwise" if self.needs_answers else None

    def estimate_answers(
        self, model: Model, answers: Answers, weights: FloatArray | None = None
    ) -> Estimates:
        """Estimate a model from the polychoric correlations of answers.

        Parameters
        ----------
        model : Model
            A model where every construct has a path to or from another.
        answers : Answers
            Complete answers to exactly the model's items.
        weights : ndarray of shape (b, n), optional
            Other weights of the respondents, one row for each member of a stack.
            None: the answers' own.

        Returns
        -------
        Estimates
            The estimates; with ``weights``, a stack of b.

        Raises
        ------
        DataError
            With every item that has no polychoric correlations.
        SpecificationError
            As `estimate` does.

        Warns
        -----
        InadmissibleWarning
            Without ``weights``: if two items order the respondents all but alike, or no
            variables can have such correlations.
        """
        made = polychoric_moments(answers, weights, self.ordinal, self.categories)
        return self._estimated(model, made)

    def estimate(self, model: Model, moments: Moments) -> Estimates:
        """Estimate a model from moments.

        Parameters
        ----------
        model : Model
            A model where every construct has a path to or from another.
        moments : Moments
            Moments of exactly the model's items, one set or a stack.

        Returns
        -------
        Estimates
            Weights, loadings and paths; each construct is oriented so that its
            loadings have a positive sum.

        Raises
        ------
        SpecificationError
            If a construct has no path, or a mode is given for an unknown one; with
            polychoric correlations, which moments don't tell.
        """
        if self.needs_answers:
            raise SpecificationError(
                "PLS(correlations='polychoric') needs the answers themselves, and this "
                "analysis goes by means and covariances; use correlations='pearson' "
                "here"
            )
        return self._estimated(model, moments)

    def settings(self) -> Mapping[str, str]:
        """Return every option that shapes the numbers, in words.

        Returns
        -------
        mapping of str to str
            Option and its value.
        """
        if isinstance(self.mode, Mapping):
            named = ", ".join(f"{mode} for {name}" for name, mode in self.mode.items())
            mode = f"{named}; A for the rest" if named else "A"
        else:
            mode = self.mode
        return {
            "estimator": "PLS",
            "inner weighting scheme": self.scheme,
            "outer weights": f"mode {mode}",
            "metric": "standardised items" if self.scaled else "raw items",
            **self._ordinal_words(),
            "initial weights": "1 for every item",
            "tolerance": f"{self.tolerance:g}, sum of absolute changes of the weights",
            "maximum of iterations": str(self.max_iterations),
            "orientation": "loadings of each construct have a positive sum",
        }

    def _estimated(self, model: Model, moments: Moments) -> Estimates:
        """Return the estimates from moments, whatever their correlations are."""
        mode_b = self._mode_b(model)
        corr, sd = moments.corr, moments.sd
        found = pls(
            corr if self.scaled else moments.cov,
            model.blocks,
            model.structure,
            mode_b,
            self.scheme,
            self.tolerance,
            self.max_iterations,
        )
        weights = found.weights if self.scaled else found.weights * sd[..., None]
        scores = score_moments(corr, weights, model.blocks)
        estimates = Estimates(
            model,
            moments,
            weights,
            scores.loadings,
            scores.corr,
            regressions(scores.corr, model.structure),
            found.converged,
            found.iterations,
            tuple(mode_b.tolist()),
        )
        sums = scores.loadings.sum(axis=-2)
        return estimates.turned(np.where(sums < 0, -1.0, 1.0))

    def _adopt_names(self) -> None:
        """Write the options as they are known, whatever their case was."""
        modes = get_args(Mode)
        mode = (
            {name: canonical(given, modes) for name, given in self.mode.items()}
            if isinstance(self.mode, Mapping)
            else canonical(self.mode, modes)
        )
        found = {
            "scheme": canonical(self.scheme, get_args(Scheme)),
            "mode": mode,
            "correlations": canonical(self.correlations, get_args(Correlations)),
        }
        for name, value in found.items():
            object.__setattr__(self, name, value)

    def _correlation_problems(self) -> list[str]:
        """Return what is wrong with the options of correlations."""
        problems: list[str] = []
        if self.correlations not in get_args(Correlations):
            problems.append(
                f"unknown correlations {self.correlations!r}; there are "
                f"{quoted(get_args(Correlations))}"
            )
        elif self.ordinal is not None and not self.needs_answers:
            problems.append("ordinal= goes with correlations='polychoric'; say so too")
        if isinstance(self.ordinal, str) or self.ordinal == ():
            problems.append(
                f"ordinal must be a tuple of items, as ('q1', 'q2'), not "
                f"{self.ordinal!r}"
            )
        if not (
            isinstance(self.categories, int) and 2 <= self.categories <= MOST_CATEGORIES
        ):
            problems.append(
                f"categories must be a whole number from 2 to {MOST_CATEGORIES}, not "
                f"{self.categories!r}"
            )
        return problems

    def _ordinal_words(self) -> dict[str, str]:
        """Return in words which items are ordinal; nothing for Pearson's."""
        if not self.needs_answers:
            return {}
        which = (
            f"items of whole numbers on scales of at most {self.categories} points"
            if self.ordinal is None
            else quoted(self.ordinal)
        )
        return {"item correlations": f"polychoric; ordinal are {which}"}

    def _mode_b(self, model: Model) -> BoolArray:
        if not model.paths:
            raise SpecificationError(
                f"PLS: model {model.name!r} has no paths; PLS cannot estimate a "
                "measurement model alone, so add the paths between its constructs"
            )
        structure = model.structure
        linked = np.asarray((structure + structure.T).any(axis=1)).tolist()
        problems = [
            f"PLS: construct {name!r} has no path to or from another construct; add "
            "one, or leave the construct out with model.without"
            for name, has_path in zip(model.construct_names, linked, strict=True)
            if not has_path
        ]
        modes: Mapping[str, Mode] = (
            self.mode
            if isinstance(self.mode, Mapping)
            else dict.fromkeys(model.construct_names, self.mode)
        )
        problems += unknown("construct", modes, model.construct_names, "in PLS(mode=)")
        if problems:
            raise SpecificationError(problems)
        return np.array([modes.get(name) == "B" for name in model.construct_names])
