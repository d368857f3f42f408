"""Results: labelled views of one set of estimates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd

from csindex import scoring
from csindex.codebook import maps
from csindex.errors import DataError, SpecificationError, quoted
from csindex.estimation import Estimates, Estimator
from csindex.language.frames import Listing
from csindex.model import Model
from csindex.moments import Moments
from csindex.moments.incomplete import filled_values, in_words
from csindex.results import statistics
from csindex.results.asking import Restriction, eligible, restrictions
from csindex.results.grouping import with_eligible
from csindex.results.hierarchy import Indicators, Reference, Resampled, hierarchy
from csindex.results.parameters import parameter_frame, standardized_frame
from csindex.results.summary import Summary, card, summary_text
from csindex.survey import Answers, Survey


@dataclass(frozen=True, eq=False, repr=False)
class Results:
    """The results of one model fitted to one sample; made by `csindex.fit`.

    ``scores`` are means of the sample; `respondent_scores` gives those of every
    respondent, `hierarchy` those of every question.

    Attributes
    ----------
    estimates : Estimates
        The arrays behind the tables.
    estimator : Estimator
        What made them.
    survey : Survey, optional
        The survey, when the fit was made from one.
    answers : Answers, optional
        The answers that were used.
    group : str
        The group, for one of several.
    """

    estimates: Estimates
    estimator: Estimator
    survey: Survey | None = None
    answers: Answers | None = None
    group: str = ""

    def __repr__(self) -> str:
        return summary_text(self)

    def _repr_html_(self) -> str:
        return card(self)

    @property
    def model(self) -> Model:
        """The model."""
        return self.estimates.model

    @property
    def moments(self) -> Moments:
        """The moments of the model's items."""
        return self.estimates.moments

    @property
    def converged(self) -> bool:
        """Whether the estimator converged."""
        return bool(self.estimates.converged)

    @property
    def n(self) -> int:
        """Number of respondents used, the last step of `sample_flow`.

        Respondents whose answers are complete, or, where gaps are treated, who gave
        any answer. Pairwise covariances stand on fewer, on ``moments.n``: the harmonic
        mean of the numbers who answered two items, over all pairs.
        """
        flow = self.moments.flow if self.answers is None else self.answers.flow
        return dict(flow).get("used", int(self.moments.n))

    @property
    def effective_n(self) -> float:
        r"""Respondents of equal weight that would tell as much.

        :math:`(\sum w)^2 / \sum w^2`, after Kish (1965); n without weights, and no
        more than ``moments.n`` with pairwise covariances. It allows for weights only,
        not for clusters and strata: the design effect, by which n is to be divided for
        these, differs from estimate to estimate; it is the column ``design_effect`` of
        the tables of `csindex.linearized`.
        """
        if self.answers is None or self.answers.incomplete.startswith("pairwise"):
            return float(self.moments.effective_n)
        weights = self.answers.weights
        if weights is None:
            return float(self.n)
        return float(weights.sum() ** 2 / (weights**2).sum())

    @property
    def index(self) -> float:
        """The index: the 0-100 score of the model's index construct.

        Raises
        ------
        SpecificationError
            If the model names no index, a scale is unknown, or a weight of the
            index is negative.
        """
        name = self.model.required_index()
        row = self.scores.set_index("construct").loc[name]
        if row["note"]:
            raise SpecificationError(
                f"there is no index: {name} has no 0-100 score, because {row['note']}"
            )
        return float(row["score"])

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Mean 0-100 scores: construct, score, sd (of respondents), n, note.

        n counts the respondents used who answered any item of the construct. Sampling
        weights count in proportion, and the variance's divisor is n - 1 for n
        respondents, not for their weights: of N rows repeated as often as whole weights
        say, the sd is smaller by the square root of (1 - 1/n) / (1 - 1/N). The note
        says why a construct has no score: an item without a scale, or a negative
        weight.
        """
        notes = self._score_notes()
        given = np.array([not note for note in notes])
        return pd.DataFrame(
            {
                "construct": self.model.construct_names,
                "score": np.where(
                    given, scoring.construct_scores(self.estimates), np.nan
                ),
                "sd": np.where(given, scoring.score_sds(self.estimates), np.nan),
                "n": self._answered(),
                "note": notes,
            }
        )

    @cached_property
    def paths(self) -> pd.DataFrame:
        """Standardised path coefficients: source, target, estimate, sign (expected)."""
        signs = [path.sign for path in self.model.paths]
        return statistics.PATHS.table(self.estimates, sign=signs)

    @cached_property
    def total_effects(self) -> pd.DataFrame:
        """Standardised total effects: source, target, estimate."""
        return statistics.TOTAL_EFFECTS.table(self.estimates)

    @cached_property
    def indirect_effects(self) -> pd.DataFrame:
        """Standardised effects by detours: source, target, estimate."""
        return statistics.INDIRECT_EFFECTS.table(self.estimates)

    @cached_property
    def specific_indirect_effects(self) -> pd.DataFrame:
        """Standardised effects along each route: source, target, route, estimate."""
        return statistics.SPECIFIC_INDIRECT_EFFECTS.table(self.estimates)

    @cached_property
    def loadings(self) -> pd.DataFrame:
        """Loadings: construct, item, estimate."""
        return statistics.LOADINGS.table(self.estimates)

    @cached_property
    def weights(self) -> pd.DataFrame:
        """Outer weights: construct, item, estimate (standardised), share in score."""
        shares = statistics.SHARES.compute(self.estimates)
        return statistics.WEIGHTS.table(self.estimates, share=shares)

    @cached_property
    def r_squared(self) -> pd.Series:
        """Explained variance of each endogenous construct."""
        values = statistics.R_SQUARED.compute(self.estimates)
        return pd.Series(
            values, index=pd.Index(self.model.endogenous, name="construct"), name="r2"
        )

    @cached_property
    def fit_measures(self) -> pd.Series:
        """How well the model fits the item correlations, measure by measure."""
        found = self.estimates.fit_measures()
        values = np.array([float(value) for value in found.values()])
        return Listing(values, index=_names(tuple(found)).view(), name="fit")

    @cached_property
    def parameters(self) -> pd.DataFrame:
        """Parameters of a covariance-based fit, in lavaan's order.

        Columns lhs, op, rhs, group, label, estimate, se, z, p, low, high (95 %),
        standardized (all variables) and standardized_latent (latent ones only).

        Raises
        ------
        SpecificationError
            If another estimator made the fit.
        """
        return parameter_frame(self.estimates)

    @cached_property
    def standardized(self) -> pd.DataFrame:
        """Standardised parameters of a covariance-based fit, with their own errors.

        Raises
        ------
        SpecificationError
            If another estimator made the fit.
        """
        return standardized_frame(self.estimates)

    @cached_property
    def cross_loadings(self) -> pd.DataFrame:
        """Correlations of every item (rows) with every construct's score."""
        values = self.moments.corr @ self.estimates.weights
        return self._square(values, self.model.items, "item")

    @cached_property
    def construct_correlations(self) -> pd.DataFrame:
        """Correlations of the constructs."""
        return self._square(
            self.estimates.construct_corr, self.model.construct_names, "construct"
        )

    @cached_property
    def settings(self) -> pd.Series:
        """Every option that shaped the numbers."""
        book = self.survey.codebook if self.survey is not None else None
        entries = {
            "model": self.model.title or self.model.name,
            "data": self.survey.source if self.survey is not None else "moments",
            **({"group": self.group} if self.group else {}),
            **dict(self.estimator.settings()),
            "missing answers": in_words(self.answers)
            if self.answers is not None
            else "as the moments were made",
            "missing codes": ", ".join(f"{code:g}" for code in book.missing) or "none"
            if book is not None
            else "as the moments were made",
            "weights": (book.weights or "none") if book is not None else "as given",
            "covariances": "divisor n - 1",
            "0-100 scores": "weights w/s scaled to sum 1, theoretical scale ends",
            **({"score maps": line} if (line := self._score_maps()) else {}),
            "iterations": f"{int(self.estimates.iterations)}"
            + ("" if self.converged else " (not converged)"),
        }
        return Listing(entries, name="setting")

    @property
    def sample_flow(self) -> pd.Series:
        """How many respondents were read, eligible, complete, and are used.

        Eligible are those with a sampling weight above zero who, where every answer is
        needed, were asked every item of the model. There are two steps more where they
        tell something: respondents ``with weight``, and ``with any answer``. Moments
        that were given know those used only.
        """
        flow = self.moments.flow if self.answers is None else self.answers.flow
        steps = dict(flow)
        if "read" in steps and "eligible" not in steps:
            count = steps.get("with weight", steps["read"])
            if self.survey is not None and self.answers is not None:
                could = eligible(self.survey, self.answers, self.model.instrument)
                count = int(could.sum())
            flow = with_eligible(flow, count)
        return pd.Series(dict(flow) or {"used": self.n}, name="respondents")

    def respondent_scores(self) -> pd.DataFrame:
        """Return every respondent's 0-100 scores.

        Returns
        -------
        DataFrame of shape (n, constructs)
            Scores of the respondents used; the row labels are the survey's.
            Constructs without a score are NaN throughout. A gap counts as the item's
            mean or, with EM, as what the other answers let expect; with pairwise
            moments a construct with a gap has no score.

        Raises
        ------
        DataError
            If the fit was made from moments, which have no respondents.
        """
        if self.answers is None or self.survey is None:
            raise DataError(
                "respondents' scores need respondents; this fit was made from moments"
            )
        asked = self.answers.names
        answered = np.full((len(self.answers.values), len(self.model.items)), np.nan)
        columns = [self.model.items.index(name) for name in asked]
        answered[:, columns] = filled_values(self.answers, self.moments.select(asked))
        values = scoring.respondent_scores(self.estimates, answered)
        values[:, [bool(note) for note in self._score_notes()]] = np.nan
        return pd.DataFrame(
            values,
            index=self.survey.frame.index[self.answers.rows],
            columns=list(self.model.construct_names),
        )

    def hierarchy(
        self,
        indicators: Indicators | None = None,
        boot: Resampled | None = None,
        target: Reference | None = None,
        benchmark: Reference | None = None,
    ) -> pd.DataFrame:
        """Return every node from the index down to the questions.

        Parameters
        ----------
        indicators : mapping of str to sequence of str, optional
            The specific indicators (level 3), each with its items; None: those of the
            survey's codebook or of the estimator.
        boot : Bootstrap, optional
            A bootstrap of this fit, for intervals.
        target, benchmark : float or mapping of str to float, optional
            Scores to compare with.

        Returns
        -------
        DataFrame
            Level, node, parent, share, global_weight, score, impact, note and more:
            see `csindex.results.hierarchy.hierarchy`.
        """
        return hierarchy(self, indicators, boot, target, benchmark)

    def summary(self) -> Summary:
        """Return the main tables as text.

        Returns
        -------
        Summary
            Prints in at most 80 columns.
        """
        return Summary(summary_text(self))

    @cached_property
    def restrictions(self) -> tuple[Restriction, ...]:
        """Constructs that leave few or special respondents, as complainers only.

        Of the fit to everyone who answered everything; empty where gaps are treated.
        """
        if self.survey is None or self.answers is None or self.group:
            return ()
        return restrictions(self.survey, self.model, self.answers)

    def _answered(self) -> list[int]:
        """Return how many of the respondents used answered any item of constructs."""
        counts = [self.n] * len(self.model.constructs)
        if self.answers is None or self.answers.incomplete == "listwise":
            return counts
        known = ~np.isnan(self.answers.values)
        for position, construct in enumerate(self.model.constructs):
            own = [name in construct.items for name in self.answers.names]
            if any(own):
                counts[position] = int(known[:, own].any(axis=1).sum())
        return counts

    def _score_maps(self) -> str:
        """Return which items are scored otherwise than evenly, and how."""
        if self.survey is None:
            return ""
        published = {item.name: item for item in self.model.instrument}
        book = self.survey.codebook
        return maps.settings_line(
            book.item(name, published.get(name)) for name in self.model.items
        )

    def _score_notes(self) -> list[str]:
        unknown_scale = np.isnan(self.moments.high - self.moments.low)
        items = np.array(self.model.items)
        asked = None if self.answers is None else {*self.answers.names}
        notes: list[str] = []
        for block, negative in zip(
            self.model.blocks.T > 0,
            scoring.negative_weights(self.estimates),
            strict=True,
        ):
            no_scale = items[block & unknown_scale].tolist()
            if asked is not None and not asked & set(items[block].tolist()):
                notes.append(
                    "it is a product of other constructs, which no scale belongs to"
                )
            elif no_scale:
                notes.append(
                    f"the answer scale of {quoted(no_scale)} is unknown; say "
                    "scale=(1, 10) in read_survey, or low= and high= in Moments"
                )
            elif negative:
                notes.append(
                    f"the weight of {quoted(negative)} is negative; reverse the item "
                    "or leave it out"
                )
            else:
                notes.append("")
        return notes

    def _square(
        self, values: np.ndarray, rows: tuple[str, ...], name: str
    ) -> pd.DataFrame:
        return pd.DataFrame(
            values,
            index=pd.Index(rows, name=name),
            columns=pd.Index(self.model.construct_names, name="construct"),
        )


@lru_cache(maxsize=64)
def _names(names: tuple[str, ...]) -> pd.Index:
    """Return an index of names, which takes longer to make than all measures."""
    return pd.Index(names)
