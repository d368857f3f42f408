"""Covariance-based structural equation modelling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from csindex.errors import DataError, SpecificationError, quoted
from csindex.estimation.cbsem.building import parameter_table
from csindex.estimation.cbsem.checks import (
    check_cases,
    check_identified,
    check_samples,
    cluster_problems,
)
from csindex.estimation.cbsem.fitted import Sample
from csindex.estimation.cbsem.fitting import fitted
from csindex.estimation.cbsem.incomplete import gap_moments, gap_sample
from csindex.estimation.cbsem.methods import (
    METHODS,
    MISSING_WORDS,
    EstimatorName,
    Information,
    Method,
    Missing,
)
from csindex.estimation.cbsem.ordinal import estimate_ordinal
from csindex.estimation.cbsem.ordinal_data import ordinal_items
from csindex.estimation.cbsem.ordinal_table import Parameterization
from csindex.estimation.cbsem.samples import cases_of, moment_weights, sample_of
from csindex.estimation.cbsem.solution import CovarianceEstimates, covariance_estimates
from csindex.estimation.cbsem.syntax import read_additions
from csindex.estimation.cbsem.table import ParameterTable
from csindex.kernels.arrays import FloatArray
from csindex.kernels.threads import one_thread
from csindex.language.options import canonical
from csindex.model import Model
from csindex.moments import Moments, moments_of
from csindex.moments.incomplete import moment_stack
from csindex.survey import Answers, Incomplete

Scaling = Literal["marker", "standardized"]
# options that are names, which may be written in any case
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "estimator": tuple(METHODS),
    "scaling": get_args(Scaling),
    "missing": get_args(Missing),
    "information": get_args(Information),
    "parameterization": get_args(Parameterization),
}


@dataclass(frozen=True)
class CBSEM:
    r"""Covariance-based structural equation modelling.

    The model's constructs are latent variables with their items as effects; paths
    join them. Exogenous constructs covary, and so do the residuals of constructs that
    drive nothing. A construct with one item is that item. Without paths the model is a
    confirmatory factor analysis.

    Names of options may be written in any case, as ``CBSEM("wlsmv")``.

    Parameters
    ----------
    estimator : str
        ``"ML"``, ``"GLS"`` and ``"ULS"`` need moments only. The others need answers:
        ``"MLR"``, ``"MLM"``, ``"MLMV"``, ``"MLMVS"`` correct the errors and the test of
        ML; ``"WLS"`` weighs moments by their asymptotic covariances, ``"DWLS"`` by its
        diagonal, ``"WLSM"``, ``"WLSMV"``, ``"ULSM"``, ``"ULSMV"`` with corrected
        errors and tests. All take answers as numbers on a scale, unless ``ordinal``
        says otherwise; then ``"WLSMV"`` is the usual choice.
    scaling : {"marker", "standardized"}
        What sets the scale of a latent variable: the loading of its first item, or
        its (residual) variance, fixed at one.
    additions : str
        What the model can't say, in lavaan's syntax: ``"y1 ~~ y5"`` lets residuals
        covary, ``"g =~ visual + speed"`` adds a latent variable, ``"x =~ a*x2 + a*x3"``
        makes loadings equal, ``"x1 ~~ 0*x2"`` fixes, ``"ind := a*b"`` defines,
        ``"b + c == 2"`` and ``"a > 0"`` constrain, ``"x1 ~ 1"`` is an intercept.
    means : bool
        Whether intercepts are estimated, too.
    orthogonal : bool
        Whether latent variables don't covary, unless additions say so.
    missing : {"listwise", "fiml", "two_stage"}
        What is done about missing answers: respondents with all items only; the
        likelihood of what each respondent answered (full information); or means and
        covariances by EM first, and errors and test corrected for the gaps. The last
        two are for ``"ML"`` and ``"MLR"``, estimate intercepts, and need answers.
    information : {"expected", "observed"}, optional
        Which information standard errors are made of. None: expected for complete
        answers, observed for MLR and for ``missing="fiml"``, whose expected errors
        hold only if answers are missing completely at random.
    ordinal : bool or tuple of str
        The items whose answers are ordered categories; True: all of them. Behind each
        stands a normal variable, cut at thresholds, and the model is one of polychoric
        correlations. Needs answers, and WLS, DWLS or ULS in one of their versions, all
        of which have robust errors then.
    parameterization : {"delta", "theta"}
        Whether the variables behind ordinal items have variance one, or residual
        variance one. Standardised, both are the same.
    max_iterations : int
        The search ends there in any case, with a warning.

    Raises
    ------
    SpecificationError
        For an option that doesn't exist, or additions that can't be read.

    Notes
    -----
    ML has covariances with divisor n and chi-square n F; least squares have divisor
    n - 1 and chi-square (n - 1) F. Sampling weights count in proportion: they are
    divided by their mean, within each group where `invariance` fits several, so that a
    group's share is that of its respondents, and not of their weights.

    Standard errors: ML, GLS and WLS from the expected information; ULS without answers
    as in a normal population; DWLS, and every method that is corrected, robust to
    non-normality; MLR from the observed information and respondents' scores, which
    respects sampling weights and clusters. So do errors and corrected tests of ordinal
    items; their estimates are the same with clusters and without.

    References
    ----------
    Bollen (1989), Structural Equations with Latent Variables; Rosseel (2012), Journal
    of Statistical Software 48(2).

    Examples
    --------
    >>> from csindex.model import Model, reflective
    >>> model = Model("m", (reflective("quality", "q1", "q2", "q3"),))
    >>> made = Moments(model.items, [8, 7, 8], [[4, 2, 2], [2, 4, 2], [2, 2, 4]], 250)
    >>> CBSEM(scaling="standardized").estimate(model, made).loadings.ravel().round(4)
    array([0.7071, 0.7071, 0.7071])
    """

    estimator: EstimatorName = "ML"
    scaling: Scaling = "marker"
    additions: str = ""
    means: bool = False
    orthogonal: bool = False
    max_iterations: int = 500
    missing: Missing = "listwise"
    information: Information | None = None
    ordinal: bool | tuple[str, ...] = False
    parameterization: Parameterization = "delta"

    def __post_init__(self) -> None:
        for name, known in _OPTIONS.items():
            object.__setattr__(self, name, canonical(getattr(self, name), known))
        problems: list[str] = []
        if self.estimator not in METHODS:
            problems.append(
                f"unknown estimator {self.estimator!r}; there are {quoted(METHODS, 20)}"
            )
        if self.scaling not in get_args(Scaling):
            problems.append(
                f"unknown scaling {self.scaling!r}; there are "
                f"{quoted(get_args(Scaling))}"
            )
        if not isinstance(self.additions, str):
            problems.append(
                f"additions are one text, as 'y1 ~~ y5', not {self.additions!r}"
            )
        if self.max_iterations < 1:
            problems.append(
                f"max_iterations must be 1 or more, not {self.max_iterations}"
            )
        problems += self._option_problems()
        problems = [f"CBSEM: {p}" for p in problems]
        if isinstance(self.additions, str):
            try:
                read_additions(self.additions)
            except SpecificationError as error:
                problems += error.problems
        if problems:
            raise SpecificationError(problems)

    def _option_problems(self) -> list[str]:
        problems: list[str] = []
        for name, value, known in (
            ("missing", self.missing, get_args(Missing)),
            ("information", self.information, (*get_args(Information), None)),
        ):
            if value not in known:
                problems.append(
                    f"unknown {name} {value!r}; there are {quoted(map(str, known))}"
                )
        if self.parameterization not in get_args(Parameterization):
            problems.append(
                f"unknown parameterization {self.parameterization!r}; there are "
                f"{quoted(get_args(Parameterization))}"
            )
        if isinstance(self.ordinal, str):
            problems.append(
                f"ordinal= takes True or several names, as ({self.ordinal!r},), not "
                f"one name {self.ordinal!r}"
            )
        known_method = METHODS.get(self.estimator)
        if self.ordinal and known_method and not known_method.least_squares:
            problems.append(
                f"ordinal items need least squares: use estimator='WLSMV', not "
                f"{self.estimator!r}"
            )
        if self.missing != "listwise" and self.estimator not in ("ML", "MLR"):
            problems.append(
                f"missing={self.missing!r} goes with estimator 'ML' or 'MLR', not "
                f"{self.estimator!r}"
            )
        return problems

    @property
    def method(self) -> Method:
        """What the estimator's name stands for."""
        made = METHODS[self.estimator]
        if self.missing == "fiml":
            made = replace(made, missing="fiml", information="observed")
        elif self.missing == "two_stage":
            robust = made.robust
            made = replace(
                made,
                errors="huber.white" if robust else "robust.sem",
                test="satorra.bentler",
                missing="two_stage",
            )
        if self.information is None:
            return made
        return replace(made, information=self.information)

    @property
    def needs_answers(self) -> bool:
        """Whether moments are not enough."""
        method = self.method
        own = method.robust or method.weighted or method.missing != "listwise"
        return own or bool(self.ordinal)

    @property
    def incomplete(self) -> Incomplete | None:
        """Methods that see answers take complete ones, or do without by EM."""
        if self.missing != "listwise":
            return "em"
        return "listwise" if self.needs_answers else None

    def parameter_table(self, model: Model) -> ParameterTable:
        """Return every coefficient of a model, fixed or free.

        Parameters
        ----------
        model : Model
            The model.

        Returns
        -------
        ParameterTable
            The coefficients, in lavaan's order.

        Raises
        ------
        SpecificationError
            With everything in the additions that doesn't fit the model.
        """
        return _table(
            model,
            self.additions,
            self.scaling == "standardized",
            self.orthogonal,
            self.means or self.missing != "listwise",
        )

    def estimate(self, model: Model, moments: Moments) -> CovarianceEstimates:
        """Estimate a model from moments.

        Parameters
        ----------
        model : Model
            The model.
        moments : Moments
            Moments of its items, one set or a stack.

        Returns
        -------
        CovarianceEstimates
            The estimates.

        Raises
        ------
        SpecificationError
            If the model isn't identified, or the method needs answers.
        DataError
            If the covariances can't be inverted.
        """
        if self.method.weighted or self.missing != "listwise" or self.ordinal:
            raise SpecificationError(
                f"{self.estimator} needs the answers themselves, not moments"
            )
        return self._estimated(model, moments, sample_of(moments))

    def estimate_answers(
        self, model: Model, answers: Answers, weights: FloatArray | None = None
    ) -> CovarianceEstimates:
        """Estimate a model from answers.

        Parameters
        ----------
        model : Model
            The model.
        answers : Answers
            Complete answers to its items.
        weights : ndarray of shape (b, n), optional
            Other weights of the respondents; errors and tests of such a stack aren't
            corrected.

        Returns
        -------
        CovarianceEstimates
            The estimates.

        Raises
        ------
        SpecificationError
            If the model isn't identified.
        DataError
            If answers are missing, or too few for the method.
        """
        own = self.method.robust or bool(self.ordinal)
        if weights is None and (problems := cluster_problems(answers, own)):
            raise DataError(problems)
        if self.missing != "listwise":
            moments = gap_moments(answers, weights)
            if weights is None:
                return self.estimate_treated(model, answers, moments)
            sample = gap_sample(answers, moments, weights)
            return self._estimated(model, moments, sample)
        if np.isnan(answers.values).any():
            raise DataError(
                f"{self.estimator} needs complete answers; leave incomplete= out"
            )
        if self.ordinal:
            return self._ordinal(model, answers, weights)
        if weights is None:
            moments = moments_of(answers)
            sample = sample_of(moments)
            if self.method.weighted:
                case = cases_of(answers, self.parameter_table(model).means)
                check_cases(case, self.method)
                sample = replace(sample, weight=moment_weights([case], self.method))
            return self._estimated(model, moments, sample, answers)
        stack = moment_stack(answers, weights)
        moments = Moments(
            answers.names, stack.mean, stack.cov, stack.n, answers.low, answers.high
        )
        sample = sample_of(moments)
        if self.method.weighted:
            means = self.parameter_table(model).means
            cases = [cases_of(answers, means, row) for row in weights]
            sample = replace(sample, weight=moment_weights(cases, self.method))
        return self._estimated(model, moments, sample)

    def estimate_treated(
        self, model: Model, answers: Answers, moments: Moments
    ) -> CovarianceEstimates:
        """Estimate a model from answers with gaps whose moments are known.

        Parameters
        ----------
        model : Model
            The model.
        answers : Answers
            Answers to its items, for ``missing="fiml"`` or ``"two_stage"``.
        moments : Moments
            Their unrestricted moments by EM.

        Returns
        -------
        CovarianceEstimates
            The estimates, as of `estimate_answers`.
        """
        return self._estimated(model, moments, gap_sample(answers, moments), answers)

    def settings(self) -> Mapping[str, str]:
        """Return every option that shapes the numbers, in words."""
        lost = "n" if self.method.likelihood else "n - 1"
        said = [line.strip() for line in self.additions.splitlines() if line.strip()]
        return {
            "estimator": f"CB-SEM ({self.estimator})",
            "method": self.method.words,
            "scaling": "first loading of each construct is 1"
            if self.scaling == "marker"
            else "(residual) variance of each construct is 1",
            "additions": "; ".join(said) or "none",
            "means": "estimated"
            if self.means or self.missing != "listwise"
            else "not modelled",
            "missing answers": MISSING_WORDS[self.missing],
            "information": self.method.information,
            "standard errors": "robust; they allow for weights and clusters"
            if self.method.robust
            else "as of a simple random sample, whatever its weights and clusters",
            "weights": "sampling weights have mean 1, in every group",
            "latent covariances": "none" if self.orthogonal else "of exogenous ones",
            "chi-square": f"divisor of covariances and factor {lost}",
            "weights of scores": "loading / residual variance within each construct; "
            "an item without residual variance has the weight alone",
            "max. iterations": f"{self.max_iterations}",
            **self._items_settings(),
        }

    def _items_settings(self) -> Mapping[str, str]:
        """Return how the answers are taken, in words."""
        if not self.ordinal:
            return {"items": "answers are numbers on a scale"}
        which = quoted(self.ordinal, 20) if isinstance(self.ordinal, tuple) else "all"
        return {
            "items": f"ordinal: {which}; polychoric correlations, thresholds free",
            "parameterization": "delta: variables behind items have variance 1"
            if self.parameterization == "delta"
            else "theta: variables behind items have residual variance 1",
            "means": "saturated, as thresholds are",
            "standard errors": "robust; they allow for weights and clusters",
            "chi-square": "factor n - 1",
        }

    def _ordinal(
        self, model: Model, answers: Answers, weights: FloatArray | None
    ) -> CovarianceEstimates:
        with one_thread(lapack=True):
            return estimate_ordinal(
                model,
                self.parameter_table(model),
                self.method,
                answers,
                ordinal_items(answers.names, self.ordinal),
                self.parameterization,
                weights,
                self.max_iterations,
            )

    def _estimated(
        self,
        model: Model,
        moments: Moments,
        sample: Sample,
        answers: Answers | None = None,
    ) -> CovarianceEstimates:
        table = self.parameter_table(model)
        with one_thread(lapack=True):
            if not moments.batch:
                check_samples(table, self.method, [sample], model.items)
            fit = fitted(table, self.method, [sample], self.max_iterations)
            if not moments.batch:
                check_identified(fit)
            return covariance_estimates(model, moments, fit, answers)


# by value: equal models, additions and options have the same table
@lru_cache(maxsize=64)
def _table(
    model: Model, additions: str, standardized: bool, orthogonal: bool, means: bool
) -> ParameterTable:
    return parameter_table(
        model, read_additions(additions), standardized, orthogonal, means
    )
