"""Measurement invariance of latent variables between groups, step by step."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pandas as pd

from csindex.errors import SpecificationError, unknown
from csindex.estimation.cbsem import CBSEM
from csindex.estimation.cbsem.groups import Equal, GroupEstimates
from csindex.inference.covariance.cautious import checked
from csindex.inference.covariance.difference_test import (
    SATORRA_2000,
    DifferenceTest,
)
from csindex.inference.covariance.ladder_rows import (
    ALPHA,
    CFI,
    CFI_FALL,
    RMSEA,
    RMSEA_RISE,
    has_robust,
    ladder_row,
)
from csindex.inference.covariance.latent_means import latent_means
from csindex.inference.covariance.samples import group_samples
from csindex.inference.covariance.score_tests import score_tests, total_score_test
from csindex.inference.covariance.steps import (
    Level,
    level_problems,
    steps_of,
    usual_levels,
)
from csindex.kernels.threads import one_thread
from csindex.model import Model
from csindex.results.parameters import parameters_of, standardized_of
from csindex.results.printing import Page, Printed
from csindex.survey import Survey, read_survey

# levels that are about items, not about constructs
_MEASUREMENT = ("thresholds", "metric", "scalar", "strict")


@dataclass(frozen=True, eq=False, repr=False)
class LadderFit(Printed):
    """One step of an `InvarianceLadder`: a model fitted to all groups at once.

    Attributes
    ----------
    level : str
        Its name.
    equal : tuple of str
        What is equal between groups.
    groups : tuple
        The groups' labels, the reference group first.
    structure : GroupEstimates
        The fit.
    """

    level: Level
    equal: tuple[Equal, ...]
    groups: tuple[Hashable, ...]
    structure: GroupEstimates = field(repr=False)

    def _page(self) -> Page:
        title = f"{self.level} model, {self._equal_words()}"
        return Page(title, {"": self.parameters})

    def _equal_words(self) -> str:
        return f"equal: {', '.join(self.equal)}" if self.equal else "nothing equal"

    @property
    def fit_measures(self) -> pd.Series:
        """Chi-square, fit indices and information criteria by name."""
        return pd.Series(dict(self.structure.measures), name=self.level)

    @cached_property
    def parameters(self) -> pd.DataFrame:
        """Every coefficient of every group, as `Results.parameters`."""
        return self._labelled(parameters_of(self.structure))

    @cached_property
    def standardized(self) -> pd.DataFrame:
        """The standardised solution of every group, as `Results.standardized`."""
        return self._labelled(standardized_of(self.structure))

    def _labelled(self, frame: pd.DataFrame) -> pd.DataFrame:
        names = dict(enumerate(self.groups, start=1))
        # definitions belong to no group
        return frame.assign(group=frame["group"].map(lambda k: names.get(k, "")))


@dataclass(frozen=True, eq=False, repr=False)
class InvarianceLadder(Printed):
    """Measurement invariance between groups; made by `invariance`.

    Attributes
    ----------
    by : str
        The column that divides the sample.
    ladder : DataFrame
        One row per level: chisq, df, p, cfi, tli, rmsea, srmr, compared_with, and the
        differences from that level: delta_chisq, delta_df, delta_p, delta_cfi,
        delta_rmsea, delta_srmr; verdict, ``"holds"``, ``"doubtful"``, ``"rejected"``,
        or ``"equivalent"`` where a level restricts nothing.
    fits : mapping of str to LadderFit
        The fit of each level, with ``.parameters``, ``.standardized`` and
        ``.fit_measures``.
    sizes : Series
        Respondents by group, the reference group first.
    partial : tuple of str
        Parameters that may differ all the same.
    estimator : CBSEM
        The estimator.
    merged : tuple of str
        Ordinal items of which answers were put together, as ``"q1: 1+2"``, because
        nobody of some group gave one of them.
    """

    by: str
    ladder: pd.DataFrame
    fits: Mapping[Level, LadderFit]
    sizes: pd.Series
    partial: tuple[str, ...]
    estimator: CBSEM
    merged: tuple[str, ...] = ()

    def _page(self) -> Page:
        return Page(self._headline(), {"": self._shown()}, self.notes, index=True)

    def _headline(self) -> str:
        sizes = ", ".join(f"{label} {n}" for label, n in self.sizes.items())
        free = f"; free: {', '.join(self.partial)}" if self.partial else ""
        return f"Measurement invariance by {self.by} ({sizes}){free}"

    def _shown(self) -> pd.DataFrame:
        columns = ["chisq", "df", "cfi", "rmsea", "delta_chisq", "delta_df", "delta_p"]
        table = self.ladder[[*columns, "delta_cfi", "delta_rmsea", "verdict"]].copy()
        for name in ("df", "delta_df"):
            # degrees of freedom of adjusted tests aren't whole
            if (table[name].dropna() % 1 == 0).all():
                table[name] = table[name].astype("Int64")
        short = {name: name.replace("delta_", "d_") for name in table.columns}
        return table.round(3).rename(columns=short)

    @property
    def notes(self) -> tuple[str, ...]:
        """How the verdicts are made, and what to do where a step is rejected."""
        told = [
            f"holds: CFI falls by less than {CFI_FALL.good:g} ({CFI_FALL.source}), "
            f"RMSEA rises by less than {RMSEA_RISE.good:g} ({RMSEA_RISE.source}), and "
            f"the difference test has p of {ALPHA:g} or more; doubtful: indices and "
            "test disagree; rejected: both are against it. The configural model is "
            f"judged by CFI {CFI.acceptable:g} or more and RMSEA below "
            f"{RMSEA.acceptable:g}."
        ]
        if self.merged:
            told.append(
                "answers put together in all groups, because nobody of some group gave "
                f"one of them (merge=True): {'; '.join(self.merged)}."
            )
        told += self._corrections()
        verdicts = self.ladder["verdict"]
        lost = [k for k in verdicts.index if verdicts[k] == "rejected"]
        if "configural" in lost:
            told.append(
                "the configural model is rejected: the model fits badly within groups, "
                "and equalities say little; look at csi.modification_indices first"
            )
        if measured := [k for k in lost if k in _MEASUREMENT]:
            told.append(
                f"{measured[0]} is rejected, and levels above it rest on it: look at "
                f"score_tests({measured[0]!r}) for what differs, and free it with "
                "partial="
            )
        if "means" in lost:
            told.append("means is rejected: the groups differ in latent_means.")
        return tuple(told)

    def _corrections(self) -> list[str]:
        """Return which chi-squares and indices the table has, in words."""
        method, told = self.estimator.method, []
        if method.test != "standard":
            own = method.test in SATORRA_2000
            how = "Satorra (2000)" if own else "Satorra & Bentler (2001)"
            made = [fit.structure for fit in self.fits.values()]
            kind = "robust" if all(map(has_robust, made)) else "scaled"
            told.append(
                f"Chi-squares are scaled, their differences by {how}; CFI, TLI and "
                f"RMSEA are the {kind} ones."
            )
        elif method.discrepancy in ("DWLS", "ULS"):
            told.append(
                f"Chi-squares of {method.discrepancy} don't have a chi-square law, so "
                "that their p-values say nothing; use WLSMV or ULSMV."
            )
        if "equivalent" in set(self.ladder["verdict"]):
            told.append(
                "equivalent: the level restricts nothing; thresholds of items of up to "
                "three categories, and loadings of binary ones, can't be tested apart "
                "from what is equal with them at the next level (Wu & Estabrook 2016)."
            )
        return told

    @cached_property
    def latent_means(self) -> pd.DataFrame:
        """Means of the constructs against the reference group's.

        construct, group, mean (zero in the reference group), se, z, p, low, high and
        standardized (mean in standard deviations of the construct in that group), of
        the strictest level that doesn't fix them and isn't above a rejected one; the
        scalar level if all are rejected. Comparable as far as that level holds.
        """
        found = [k for k in ("strict", "scalar") if k in self.fits]
        if not found:
            raise SpecificationError(
                "latent means need equal intercepts: ask for the level 'scalar'"
            )
        verdicts = self.ladder["verdict"]
        chosen = found[-1]
        if "strict" in found and (verdicts[found] != "rejected").all():
            chosen = "strict"
        fit = self.fits[chosen]  # type: ignore[index]
        return latent_means(fit.structure, fit.groups)

    def score_tests(self, level: Level = "scalar") -> pd.DataFrame:
        """Return what chi-square would fall by, were a parameter not equal.

        Parameters
        ----------
        level : str
            The level whose equalities are tested one by one.

        Returns
        -------
        DataFrame
            lhs, op, rhs, group, chisq (one degree of freedom), p, and epc, the
            expected difference from the other groups; largest first.

        Raises
        ------
        SpecificationError
            If there is no such level, or nothing is equal at it.

        Notes
        -----
        Lagrange multiplier tests of released equalities, from the expected
        information; they aren't corrected for non-normality, nor for the law of
        diagonally weighted least squares. Free what theory allows,
        one at a time.

        References
        ----------
        Yuan & Chan (2016), Psychological Methods 21(3).
        """
        fit = self._level(level)
        return score_tests(fit.structure, fit.groups)

    def total_score_test(self, level: Level = "scalar") -> DifferenceTest:
        """Return the score test of all equalities of a level at once.

        Parameters
        ----------
        level : str
            The level.

        Returns
        -------
        DifferenceTest
            Degrees of freedom are those the equalities really take away: means that
            were set free with the intercepts' equality count against them.

        Raises
        ------
        SpecificationError
            If there is no such level, or nothing is equal at it.
        """
        return total_score_test(self._level(level).structure)

    def _level(self, level: str) -> LadderFit:
        if problems := unknown("level", [level], self.fits, "in the ladder"):
            raise SpecificationError(problems)
        fit = self.fits[level]  # type: ignore[index]
        if not fit.equal:
            raise SpecificationError(
                f"nothing is equal in the {level} model; take a level above it"
            )
        return fit


def invariance(
    model: Model,
    data: Any,
    by: str,
    estimator: CBSEM | None = None,
    partial: Collection[str] = (),
    levels: Sequence[Level] | None = None,
    reference: Hashable | None = None,
    merge: bool = False,
) -> InvarianceLadder:
    """Test whether a model measures the same in several groups.

    The same items measure the constructs in every group (configural); loadings are
    equal, too (metric), so that paths can be compared; intercepts are (scalar), so that
    latent means can; residual variances are (strict). Then the constructs themselves
    are compared: equal path coefficients (on the metric level), equal means (on the
    scalar level), and everything equal (full). With ``CBSEM(ordinal=)`` thresholds are
    equal before loadings are, and stay so (thresholds); strict and full need
    ``parameterization="theta"``.

    Parameters
    ----------
    model : Model
        The model; without paths, all constructs correlate.
    data : Survey, or anything `read_survey` reads
        The answers.
    by : str
        The column that divides the sample into two or more groups.
    estimator : CBSEM, optional
        The estimator; ``CBSEM()`` if None. Means are estimated in any case.
        Parameters with a label in its additions are equal in all groups.
    partial : list of str
        Parameters that may differ all the same, as ``"x3 ~ 1"`` (an intercept),
        ``"visual =~ x2"``, ``"x1 ~~ x1"`` or, of ordinal items, ``"x3 | t2"``, on every
        level that makes them equal.
    levels : list of str, optional
        Levels to fit; what they are compared with is fitted, too. All if None,
        ``"paths"`` only if the model has paths.
    reference : label, optional
        The group whose latent means are zero; the first one if None.
    merge : bool
        What happens with answers to ordinal items that nobody of some group gave. Such
        a category has no threshold there: False refuses it, True puts it together with
        its neighbour that has fewer answers, in all groups; ``.merged`` and the notes
        tell which.

    Returns
    -------
    InvarianceLadder
        The table of all levels, the fits, latent means and score tests.

    Raises
    ------
    SpecificationError
        For unknown levels, labels or parameters; an estimator that isn't CBSEM.
    DataError
        With every group that is too small, has a constant item, or lacks a category of
        an ordinal item; if there are fewer than two groups.

    Warns
    -----
    ConvergenceWarning, InadmissibleWarning
        With every level whose search didn't end, or whose variances are negative.
    AnswersWarning
        If the survey has weights or clusters that the estimator's tests don't allow
        for; ``CBSEM("MLR")`` does.

    Notes
    -----
    The variables behind ordinal items have intercept zero and scale one in the
    reference group. Equal thresholds let intercepts and scales of the others be free;
    equal loadings the constructs' variances; equal intercepts, which are zero then,
    the constructs' means. Scales stay free, so that the scalar level is that of
    lavaan 0.6's ``group.equal = c("thresholds", "loadings")``. A level that restricts
    nothing, as equal thresholds of items of three categories do, is ``"equivalent"``.

    Sampling weights are divided by their mean within each group: a group counts by its
    respondents, whatever the sum of their weights.

    Large samples reject every equality: indices and their changes tell whether it
    matters. Thresholds were found in simulations of models with few constructs, and
    flag rather than decide.

    References
    ----------
    Meredith (1993), Psychometrika 58(4); Vandenberg & Lance (2000), Organizational
    Research Methods 3(1); Cheung & Rensvold (2002), Structural Equation Modeling 9(2);
    Chen (2007), Structural Equation Modeling 14(3); Byrne, Shavelson & Muthen (1989),
    Psychological Bulletin 105(3) (partial invariance); Wu & Estabrook (2016),
    Psychometrika 81(4) (ordinal items).

    Examples
    --------
    >>> import numpy as np
    >>> import csindex as csi
    >>> model = csi.Model("one", [csi.reflective("quality", "q1", "q2", "q3", "q4")])
    >>> rng = np.random.default_rng(1)
    >>> values = 6 + rng.normal(size=(400, 1)) + rng.normal(size=(400, 4))
    >>> answers = pd.DataFrame(values, columns=model.items)
    >>> answers["region"] = ["north", "south"] * 200
    >>> ladder = invariance(model, answers, by="region")
    >>> ladder.ladder["df"].astype(int).tolist()
    [4, 7, 10, 14, 11, 16]
    >>> list(ladder.fits["scalar"].parameters["group"].unique())
    ['north', 'south']
    """
    estimator = CBSEM() if estimator is None else estimator
    _check_call(model, estimator, levels)
    if merge and not estimator.ordinal:
        raise SpecificationError(
            "merge=True puts categories of ordinal items together; use "
            "estimator=csi.CBSEM('WLSMV', ordinal=True), or leave it out"
        )
    if not estimator.ordinal:
        estimator = replace(estimator, means=True)
    steps = steps_of(estimator)
    survey = data if isinstance(data, Survey) else read_survey(data)
    samples = group_samples(model, survey, by, estimator, reference, merge)
    fits: dict[Level, LadderFit] = {}
    for level in steps.needed(usual_levels(model, steps) if levels is None else levels):
        equal = steps.equal[level]
        with one_thread(lapack=True):
            one = samples.fitted(model, estimator, equal, partial)
        one = checked(one, samples.labels, level)
        fits[level] = LadderFit(level, equal, samples.labels, one)
    made = {level: fit.structure for level, fit in fits.items()}
    return InvarianceLadder(
        by,
        pd.DataFrame(
            [ladder_row(made, level, steps.below.get(level)) for level in made],
            index=list(made),
        ),
        fits,
        pd.Series(dict(zip(samples.labels, samples.sizes, strict=True)), name="n"),
        tuple(partial),
        estimator,
        tuple(one.words for one in samples.merged),
    )


def _check_call(model: object, estimator: object, levels: object) -> None:
    problems: list[str] = []
    if not isinstance(model, Model):
        problems.append(f"invariance needs a model first, not {type(model).__name__}")
    if not isinstance(estimator, CBSEM):
        problems.append(
            "invariance of latent variables needs estimator=csi.CBSEM(), not "
            f"{estimator!r}; composites of PLS are compared by csi.compare_groups"
        )
    elif levels is not None:
        problems += level_problems(levels, estimator)
    if problems:
        raise SpecificationError(problems)
