"""Segments of respondents: the tables that a search for them ends in."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

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
from csindex.inference.segments.sample import Division, Sample
from csindex.results import Results
from csindex.survey import Survey

# columns of a terminal
_WIDTH = 80
# mean adjusted Rand index of the starts below which a division is told to be unstable
STABLE = 0.8
CAUTION = (
    "Segments were formed so that they differ: permutation tests and bootstraps of "
    "their differences on the same answers are not valid. Confirm them on new ones."
)


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation:
    """Respondents divided into segments that nobody observed; made by `segments`.

    Attributes
    ----------
    results : Results
        The fit to everyone.
    method : str
        ``"fimix"`` or ``"rebus"``.
    k : int
        Number of segments; segment 1 is the largest.
    segments : DataFrame
        segment, n, share (weighted), index, note: why there is no index.
    criteria : DataFrame
        One row for each number of segments tried: k, n_smallest, what judges it.
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
        start, objective (log likelihood, or group quality index), iterations,
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

    def __repr__(self) -> str:
        lines = [*textwrap.wrap(self._headline(), _WIDTH)]
        for title, table in self._tables().items():
            lines += ["", title, table.to_string(index=False, na_rep="")]
        wrapped = [textwrap.fill(t, _WIDTH, subsequent_indent="  ") for t in self.notes]
        return "\n".join([*lines, "", *wrapped])

    def _repr_html_(self) -> str:
        parts = [f"<h4>{escape(self._headline())}</h4>"]
        for title, table in self._tables().items():
            shown = table.to_html(index=False, na_rep="")
            parts.append(f"<p><b>{escape(title)}</b></p>{shown}")
        parts += [f"<p>{escape(note)}</p>" for note in self.notes]
        return f"<div>{''.join(parts)}</div>"

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

    def _headline(self) -> str:
        return (
            f"{self.k} segment{'s' if self.k > 1 else ''} of {self.results.n} "
            f"respondents by {self.settings['method']}; model "
            f"{self.settings['model']}"
        )

    def _tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables that are printed."""
        found = {"Segments": self.segments.round({"share": 3, "index": 2})}
        shown = ["k", "n_smallest", "aic3", "aic4", "bic", "caic", "en"]
        columns = [name for name in shown if name in self.criteria]
        if "aic3" not in columns:
            columns = list(self.criteria.columns)
        found["Numbers of segments"] = self.criteria[columns].round(
            {**dict.fromkeys(columns, 1), "en": 3, "gqi": 3}
        )
        if len(self.recommendation):
            found["Rules"] = self.recommendation[["rule", "k"]]
        if len(self.paths):
            wide = self.paths.pivot_table(
                index=["source", "target"],
                columns="segment",
                values="estimate",
                sort=False,
            )
            wide.columns = pd.Index([f"segment {k}" for k in wide.columns])
            found["Paths"] = wide.reset_index().round(3)
        return found


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


def criteria_table(tried: Sequence[Division]) -> pd.DataFrame:
    """Return what judges the numbers of segments.

    Parameters
    ----------
    tried : sequence of Division
        A division into each number.

    Returns
    -------
    DataFrame
        k, n_smallest (respondents of the smallest segment), and the measures.
    """
    rows = [
        {
            "k": one.k,
            "n_smallest": int(np.bincount(one.codes, minlength=one.k).min()),
            **one.measures.to_dict(),
        }
        for one in tried
    ]
    return pd.DataFrame(rows)


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
