"""Validate a questionnaire: whether each item measures what the model says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from csindex.diagnostics.instrument.agreement import (
    Retest,
    content_validity,
    expert_table,
    retest_of,
)
from csindex.diagnostics.instrument.careless import careless_answers
from csindex.diagnostics.instrument.exploration import Rotation
from csindex.diagnostics.instrument.items import item_table, with_left_out
from csindex.diagnostics.instrument.nonresponse import (
    Margins,
    NonResponse,
    non_response,
)
from csindex.diagnostics.instrument.sample import sample_of
from csindex.diagnostics.instrument.structure import Structure, structure_of
from csindex.diagnostics.instrument.text import page
from csindex.diagnostics.instrument.verdicts import flag_table, judged
from csindex.diagnostics.options import whole_problems
from csindex.errors import SpecificationError, quoted
from csindex.estimation import Estimator
from csindex.model import Model
from csindex.results.printing import Page, Printed
from csindex.survey import Survey

# what the factor analysis tells about an item
_FOUND = (
    "expected",
    "found",
    "nearest",
    "loading",
    "own_loading",
    "cross_loading",
    "communality",
    "msa",
)


@dataclass(frozen=True, eq=False, repr=False)
class InstrumentValidation(Printed):
    """How well a questionnaire measures; made by `validate_instrument`.

    Attributes
    ----------
    survey : Survey
        The survey.
    model : Model
        The model whose items are judged.
    items : DataFrame
        One row per item: item, construct, measurement, n, missing (share of
        those asked), mean, sd, skew, kurtosis (zero for normal answers), floor and
        ceiling (shares at the ends of the scale), item_total (correlation with the sum
        of the construct's other items), alpha (of the construct), alpha_if_deleted,
        discrimination (mean difference of the 27 % with the highest and the 27 % with
        the lowest total of the construct, as a share of the scale), discrimination_r
        (correlation with these two groups), expected (the factor it should load on: its
        construct or, where the codebook divides the construct, its specific
        indicator), found (the factor it loads most on, named after an expected one only
        if their congruence is .85 or more, else by a number), nearest (the expected
        factor which that one resembles most, whatever the congruence), loading (on the
        found factor), own_loading (on the factor nearest to the expected one),
        cross_loading (largest other one), communality, msa, verdict (keep, revise or
        drop), reason; with experts' ratings i_cvi and kappa.
    flags : DataFrame
        One row per item and criterion: item, criterion, value, threshold, verdict,
        source.
    sampling : DataFrame
        Kaiser-Meyer-Olkin measure, Bartlett's sphericity, determinant, Mardia's
        skewness (on its chi-squared scale) and kurtosis (on its z scale): measure,
        value, df, p, threshold, verdict, source.
    dimensionality : DataFrame
        One row per possible factor: factor, eigenvalue, share, random_mean and
        random_95 (of eigenvalues of uncorrelated answers), map and map_fourth (average
        partial correlations once so many components are taken out).
    suggested : DataFrame
        Number of factors by several rules, of the model and of this analysis: rule,
        factors, source.
    structure : DataFrame
        One row per item: item, expected, found, nearest, loadings; a column per factor,
        named as in found.
    factors : DataFrame
        One row per expected factor: factor, found (the factor that resembles it most,
        all taken together), items, items_found (its items that load most on that one),
        others_found (items of others that do), congruence of the two, threshold,
        verdict, source.
    factor_correlations : DataFrame
        Correlations of the factors.
    structure_fit : Series
        Bartlett's test of the number of factors: factors, chisq, df, pvalue, rmsea.
    careless : DataFrame
        One row per respondent, labelled as in the survey: answered, longest_run,
        long_string (its share of the answers), spread (sd of the answers), distance
        (squared, of Mahalanobis), distance_p, even_odd (agreement of halves; told, not
        flagged: with few constructs it's mostly noise), speed (median time over
        respondent's), a flag of each, and their number.
    careless_effect : DataFrame
        One row per trace: trace, threshold, source, flagged, share, index,
        index_without, change, note.
    nonresponse : NonResponse, optional
        Early against late answers, raking weights; with ``order`` or ``margins``.
    retest : DataFrame, optional
        Agreement with the second survey, by item and construct: means, change,
        correlation, and both intraclass correlations with their 95 % intervals.
    experts : DataFrame, optional
        Content validity by item.
    content_validity : Series, optional
        That of all items together.
    notes : tuple of str
        What limits these numbers.
    """

    survey: Survey
    model: Model
    items: pd.DataFrame
    flags: pd.DataFrame
    sampling: pd.DataFrame
    dimensionality: pd.DataFrame
    suggested: pd.DataFrame
    structure: pd.DataFrame
    factors: pd.DataFrame
    factor_correlations: pd.DataFrame
    structure_fit: pd.Series
    careless: pd.DataFrame
    careless_effect: pd.DataFrame
    nonresponse: NonResponse | None
    retest: pd.DataFrame | None
    experts: pd.DataFrame | None
    content_validity: pd.Series | None
    notes: tuple[str, ...]

    @property
    def verdicts(self) -> pd.DataFrame:
        """One verdict per item: item, construct, verdict, reason."""
        return self.items[["item", "construct", "verdict", "reason"]]

    def _page(self) -> Page:
        return page(self)


def validate_instrument(
    survey: Survey,
    model: Model,
    *,
    duration: str | None = None,
    order: str | None = None,
    margins: Margins | None = None,
    retest: Survey | None = None,
    id: str | None = None,
    experts: pd.DataFrame | None = None,
    factors: int | None = None,
    rotation: Rotation = "oblimin",
    draws: int = 1000,
    estimator: Estimator | None = None,
    seed: int = 1,
) -> InstrumentValidation:
    """Say of every item whether to keep, revise or drop it, and why.

    Parameters
    ----------
    survey : Survey
        The answers, of a pilot or of the whole survey.
    model : Model
        Constructs and their items.
    duration : str, optional
        A column with the time that each respondent took, in any unit.
    order : str, optional
        A column that says when answers came (date, number or wave): the last quarter
        is compared with the first, because late answers resemble those that never came.
    margins : mapping of str to mapping or Series, optional
        Known shares of the population, ``{"sex": {"f": .52, "m": .48}}``: weights that
        give the sample these shares, and what they cost.
    retest : Survey, optional
        A second survey of the same people, with all items or some.
    id : str, optional
        The column that tells in both surveys who is who.
    experts : DataFrame, optional
        Ratings of relevance from 1 to 4: one row per expert, one column per item.
    factors : int, optional
        Number of factors to extract; as many as are expected if None: one for each
        reflective construct with several items, or for each of its specific indicators.
    rotation : {"oblimin", "promax"}
        Oblique rotation of the factors.
    draws : int
        Random samples of the parallel analysis.
    estimator : Estimator, optional
        The method of the index, for the effect of careless answers and of weights;
        `PLS` if None.
    seed : int
        Seed of the random samples.

    Returns
    -------
    InstrumentValidation
        The tables; one verdict per item.

    Raises
    ------
    SpecificationError
        If an option can't be used as it is, or one of ``retest`` and ``id`` is missing.
    DataError
        With every problem of the answers that can't be read; if no item varies; if a
        named column isn't there or doesn't hold what it should.

    Notes
    -----
    Items are analysed with everyone who answered them, scales with everyone who
    answered all of a construct's items; correlations of all items are maximum
    likelihood where answers are missing. Items that only some were asked stay out of
    the factor analysis, and so do single items and composites, whose items need not
    have anything in common. Sampling weights count everywhere; tests and random
    samples take Kish's effective number of respondents. A pilot with no more
    respondents than items has no factor analysis and no distances; all else is given.

    An item without two different answers, or with the same answers as an earlier item,
    is to be dropped, and the others are analysed without it.

    An item is to be *dropped* if its correlation with the rest is below .30 and alpha
    rises without it or no factor explains it, or if experts agree that it isn't
    relevant; to be *revised* if a flag is up, if it loads most on another construct's
    factor, or runs against its own construct. Floor, ceiling and communality are told
    but change no verdict: satisfied customers do give the highest mark. So is the case
    where most items of a construct go with others' factors, which is a question about
    the model. Published index models have such flags; they ask for a look.

    A trace of careless answers is no proof: who is content with everything may honestly
    give the same mark throughout, and leaving such people out lowers the index.

    References
    ----------
    Churchill (1979), Journal of Marketing Research 16(1); Kaiser (1974), Psychometrika
    39(1); Horn (1965), Psychometrika 30(2); Velicer (1976), Psychometrika 41(3); Meade
    & Craig (2012), Psychological Methods 17(3); Armstrong & Overton (1977), Journal of
    Marketing Research 14(3).

    Examples
    --------
    >>> import csindex as csi
    >>> found = validate_instrument(csi.load_dataset("retail"), csi.acsi())
    >>> found.items.set_index("item").loc["OVERALLQ", "construct"]
    'quality'
    >>> sorted(set(found.verdicts["verdict"]) - {"keep", "revise", "drop"})
    []
    """
    _check_call(survey, model, retest, id, rotation, draws, seed, margins)
    sample = sample_of(survey, model)
    rated = None if experts is None else expert_table(experts, model.items)
    structure = structure_of(sample, factors, rotation, draws, seed)
    analysed = with_left_out(item_table(sample), sample, model)
    items = judged(_joined(analysed, structure, rated), sample.left_out)
    traces = careless_answers(sample, duration, estimator)
    missed = non_response(sample, order, margins, estimator)
    again: Retest | None = None
    if retest is not None and id is not None:
        again = retest_of(sample, retest, id)
    return InstrumentValidation(
        survey=survey,
        model=model,
        items=items,
        flags=flag_table(items),
        sampling=structure.sampling,
        dimensionality=structure.dimensionality,
        suggested=structure.suggested,
        structure=structure.pattern,
        factors=structure.factors,
        factor_correlations=structure.factor_correlations,
        structure_fit=structure.fit,
        careless=traces.respondents,
        careless_effect=traces.effect,
        nonresponse=missed,
        retest=None if again is None else again.table,
        experts=rated,
        content_validity=None if rated is None else content_validity(rated),
        notes=(
            *sample.notes,
            *structure.notes,
            *traces.notes,
            *(() if missed is None else missed.notes),
            *(() if again is None else again.notes),
        ),
    )


def _check_call(
    survey: object,
    model: object,
    retest: object,
    identity: object,
    rotation: object,
    draws: object,
    seed: object,
    margins: object,
) -> None:
    problems: list[str] = []
    if not isinstance(survey, Survey):
        problems.append(
            "validate_instrument needs a survey first, as csi.read_survey(...), not "
            f"{type(survey).__name__}"
        )
    if not isinstance(model, Model):
        problems.append(
            "validate_instrument needs a model second, as csi.acsi(), not "
            f"{type(model).__name__}"
        )
    if retest is not None and not isinstance(retest, Survey):
        problems.append(
            f"retest is a second survey, as csi.read_survey(...), not "
            f"{type(retest).__name__}"
        )
    if (retest is None) != (identity is None):
        problems.append(
            "retest and id go together: a second survey, and the column that tells in "
            "both who is who"
        )
    if rotation not in (known := ("oblimin", "promax")):
        problems.append(f"rotation={rotation!r}: there are {quoted(known)}")
    if list(whole_problems(100, draws=draws)):
        problems.append(f"draws={draws!r}: at least 100 random samples are needed")
    problems += whole_problems(0, seed=seed)
    if margins is not None and not isinstance(margins, Mapping):
        problems.append(
            "margins are the shares of the population by column, as {'sex': {'f': .52, "
            f"'m': .48}}}}, not {margins!r}"
        )
    if problems:
        raise SpecificationError(problems)


def _joined(
    items: pd.DataFrame, structure: Structure, rated: pd.DataFrame | None
) -> pd.DataFrame:
    """Return the item analysis beside what factors and experts say."""
    found = structure.pattern[["item", *_FOUND]]
    joined = items.merge(found, on="item", how="left")
    for name in set(_FOUND) - {"expected", "found", "nearest"}:
        joined[name] = joined[name].astype(np.float64)
    if rated is None:
        return joined
    return joined.merge(rated[["item", "i_cvi", "kappa"]], on="item", how="left")
