"""Segments of respondents: the tables that a search for them ends in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from csindex.errors import DataError
from csindex.inference.segments.profile import (
    Membership,
    SegmentProfile,
    profile,
)
from csindex.inference.segments.refits import (
    Refits,
    difference_table,
    path_table,
    r_squared_table,
    refits,
    score_table,
    segment_table,
)
from csindex.inference.segments.sample import Division, Sample, criteria_table
from csindex.results import Results
from csindex.results.printing import Formats, Page, Printed
from csindex.survey import Survey

# what is printed of the criteria
_SHOWN = {
    "fimix": ("k", "n_smallest", "aic3", "aic4", "bic", "caic", "en"),
    "rebus": ("k", "n_smallest", "gqi", "height", "fall"),
    "pos": ("k", "n_smallest", "objective", "r2", "gain", "reached"),
}
_FORMATS: Formats = {
    **dict.fromkeys(("aic3", "aic4", "bic", "caic"), "{:.1f}".format),
    "index": "{:.2f}".format,
}
# mean adjusted Rand index of the starts below which a division is told to be unstable
STABLE = 0.8
CAUTION = (
    "Segments were formed so that they differ: permutation tests and bootstraps of "
    "their differences on the same answers are not valid. Confirm them on new ones."
)


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation(Printed):
    """Respondents divided into segments that nobody observed; made by `segments`.

    Attributes
    ----------
    results : Results
        The fit to everyone.
    method : str
        ``"fimix"``, ``"rebus"`` or ``"pos"``.
    k : int
        Number of segments; segment 1 is the largest.
    segments : DataFrame
        segment, n, share (weighted), index, note: why there is no index.
    criteria : DataFrame
        One row for each number of segments tried: k, n_smallest, what judges it. With
        PLS-POS: objective (explained variances, summed), r2 (their mean) and gain
        (of r2 over one segment), reached (starts that came to the best objective), and
        r2_ with the name of each driven construct; segments count by their shares.
    recommendation : DataFrame
        rule, k, note, source; how many segments the published rules ask for.
    memberships : DataFrame
        One row per respondent of the survey: segment (missing for those not used),
        and with a mixture the probability of each segment.
    paths : DataFrame
        segment, source, target, estimate: of the model fitted to the segment; with a
        mixture also the mixture's own path.
    scores : DataFrame
        segment, construct, score, sd, n, note.
    r_squared : DataFrame
        segment, construct, r2.
    starts : DataFrame
        start, objective (log likelihood, group quality index, or explained variances,
        summed), iterations (moves of several respondents at once with PLS-POS),
        converged, adjusted_rand (with the division kept), note, kept.
    members : mapping of int to Results
        The fit to each segment, as `csindex.fit` gives it.
    failures : mapping of int to str
        Segments that could not be estimated, with reasons.
    notes : tuple of str
        What limits the numbers.
    settings : Series
        Every option that shaped them.
    """

    results: Results
    method: str
    k: int
    segments: pd.DataFrame
    criteria: pd.DataFrame
    recommendation: pd.DataFrame
    memberships: pd.DataFrame
    paths: pd.DataFrame
    scores: pd.DataFrame
    r_squared: pd.DataFrame
    starts: pd.DataFrame
    members: Mapping[int, Results]
    failures: Mapping[int, str]
    notes: tuple[str, ...]
    settings: pd.Series

    def __getitem__(self, segment: int) -> Results:
        """Return the fit to one segment."""
        if segment in self.members:
            return self.members[segment]
        if segment in self.failures:
            raise DataError(f"segment {segment}: {self.failures[segment]}")
        raise DataError(f"there are segments 1 to {self.k}, not {segment!r}")

    @cached_property
    def differences(self) -> pd.DataFrame:
        """Differences of paths and scores, without tests: see `notes`.

        Columns segment_1, segment_2, kind (``"path"`` or ``"score"``), source,
        target, estimate_1, estimate_2, difference.
        """
        return difference_table(self.paths, self.scores)

    @property
    def stability(self) -> float:
        """Mean adjusted Rand index of the starts with the division that is kept.

        One if all starts end in the same division; NaN with a single start.
        """
        return stability(self.starts)

    def profile(
        self, survey: Survey | None = None, by: str | Sequence[str] | None = None
    ) -> SegmentProfile:
        """Return who is in the segments, by other columns of the survey.

        Parameters
        ----------
        survey : Survey, optional
            The same respondents in the same order; None: the survey of the fit.
        by : str or sequence of str, optional
            Columns; None: the groups that the survey's codebook names.

        Returns
        -------
        SegmentProfile
            Shares or means within the segments, and how strongly each column goes
            with them: chi square and Cramer's V of categories, F and eta squared of
            numbers with more than twelve values.

        Raises
        ------
        DataError
            For unknown columns, or a survey of other respondents.
        SpecificationError
            If there are no columns.
        """
        own = self.results.survey if survey is None else survey
        if own is None or len(own) != len(self.memberships):
            raise DataError(
                f"profile needs the survey of the {len(self.memberships)} respondents "
                "that were divided, in the same order"
            )
        columns = own.codebook.groups if by is None else by
        chosen = [columns] if isinstance(columns, str) else list(columns)
        return profile(own, self._membership(), chosen)

    def _membership(self) -> Membership:
        known = self.memberships["segment"].notna().to_numpy()
        codes = self.memberships["segment"].to_numpy(dtype=float, na_value=np.nan)
        weights = np.ones(len(known))
        answers = self.results.answers
        if answers is not None and answers.weights is not None:
            weights[answers.rows] = answers.weights
        inside = weights[known]
        return Membership(
            np.flatnonzero(known),
            codes[known].astype(np.int64) - 1,
            inside * (self.results.effective_n / inside.sum()),
            self.k,
        )

    def _page(self) -> Page:
        title = (
            f"{self.k} segment{'s' if self.k > 1 else ''} of {self.results.n} "
            f"respondents by {self.settings['method']}; model "
            f"{self.settings['model']}"
        )
        tables = {
            "Segments": self.segments,
            "Numbers of segments": self._printed_criteria(),
        }
        if len(self.recommendation):
            tables["Rules"] = self.recommendation[["rule", "k"]]
        if len(self.r_squared):
            tables["Explained variances"] = _wide(self.r_squared, ["construct"], "r2")
        if len(self.paths):
            tables["Paths"] = _wide(self.paths, ["source", "target"], "estimate")
        return Page(title, tables, self.notes, formats=_FORMATS)

    def _printed_criteria(self) -> pd.DataFrame:
        shown = [name for name in _SHOWN[self.method] if name in self.criteria]
        chosen = np.where(self.criteria["k"] == self.k, "this one", "")
        return self.criteria[shown].assign(chosen=chosen)


def _wide(table: pd.DataFrame, rows: list[str], values: str) -> pd.DataFrame:
    """Return a table with one column for each segment."""
    wide = table.pivot_table(index=rows, columns="segment", values=values, sort=False)
    wide.columns = pd.Index([f"segment {k}" for k in wide.columns])
    return wide.reset_index()


def segmentation(
    sample: Sample,
    method: str,
    tried: Sequence[Division],
    chosen: Division,
    recommendation: pd.DataFrame,
    settings: Mapping[str, str],
    notes: Sequence[str],
) -> Segmentation:
    """Return the tables of a division.

    Parameters
    ----------
    sample : Sample
        The respondents.
    method : str
        What divided them.
    tried : sequence of Division
        Divisions into all numbers of segments that were tried.
    chosen : Division
        The one to report.
    recommendation : DataFrame
        Which number the published rules ask for.
    settings : mapping of str to str
        The method's options in words.
    notes : sequence of str
        What limits the numbers.

    Returns
    -------
    Segmentation
        The tables.
    """
    fits = refits(sample, chosen)
    return Segmentation(
        sample.results,
        method,
        chosen.k,
        segment_table(sample, chosen, fits),
        criteria_table(tried),
        recommendation,
        _memberships(sample, chosen),
        path_table(chosen, fits),
        score_table(fits),
        r_squared_table(fits),
        chosen.starts,
        fits.members,
        fits.failures,
        (*notes, *_notes(sample, chosen, fits)),
        pd.Series(
            {**sample.results.settings.drop("iterations").to_dict(), **settings},
            name="setting",
        ),
    )


def stability(starts: pd.DataFrame) -> float:
    """Return how far the other starts agree with the division that is kept.

    Parameters
    ----------
    starts : DataFrame
        The starts.

    Returns
    -------
    float
        Mean adjusted Rand index; NaN with a single start.
    """
    return float(starts.loc[~starts["kept"], "adjusted_rand"].mean())


def _memberships(sample: Sample, chosen: Division) -> pd.DataFrame:
    survey = sample.survey
    rows = sample.answers.rows
    segment = np.full(len(survey), np.nan)
    segment[rows] = chosen.codes + 1
    table = pd.DataFrame(
        {"segment": pd.Series(segment, index=survey.frame.index, dtype="Int64")}
    )
    if chosen.probabilities is not None:
        for k in range(chosen.k):
            column = np.full(len(survey), np.nan)
            column[rows] = chosen.probabilities[:, k]
            table[f"probability_{k + 1}"] = column
    return table


def _notes(sample: Sample, chosen: Division, fits: Refits) -> list[str]:
    notes: list[str] = []
    if chosen.k > 1:
        notes.append(CAUTION)
    notes += [
        f"segment {segment} could not be estimated: {why}"
        for segment, why in fits.failures.items()
    ]
    if (mean := stability(chosen.starts)) < STABLE:
        notes.append(
            f"other starts end in other segments: their mean adjusted Rand index with "
            f"these is {mean:.2f}, below {STABLE:g}"
        )
    reasons = chosen.starts.loc[chosen.starts["note"] != "", "note"]
    notes += [
        f"{count} of {len(chosen.starts)} starts were left out: {reason}"
        for reason, count in reasons.value_counts().items()
    ]
    if sample.answers.clusters is not None:
        notes.append(
            "the respondents of a cluster count as if they were independent, so that "
            "criteria favour too many segments"
        )
    return notes
