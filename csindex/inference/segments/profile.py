"""Who is in a segment: its respondents by other columns of the survey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from csindex.errors import DataError, SpecificationError, unknown
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.partitions import chi_square, eta_squared
from csindex.results.printing import Page, Printed
from csindex.survey import Survey

# numbers with more values than this are compared by their means
MOST_VALUES = 12


@dataclass(frozen=True, eq=False)
class Membership:
    """Which respondents of a survey belong to which segment.

    Attributes
    ----------
    rows : ndarray of int of shape (n,)
        Positions of the respondents in the survey.
    codes : ndarray of int of shape (n,)
        Their segments, from 0.
    weights : ndarray of shape (n,)
        Their weights; the sum is the effective number of respondents.
    k : int
        Number of segments.
    """

    rows: IntArray
    codes: IntArray
    weights: FloatArray
    k: int

    def where(self, chosen: np.ndarray) -> Membership:
        """Return some of the respondents."""
        return Membership(
            self.rows[chosen], self.codes[chosen], self.weights[chosen], self.k
        )


@dataclass(frozen=True, eq=False, repr=False)
class SegmentProfile(Printed):
    """Observed profile of segments; made by `Segmentation.profile`.

    Attributes
    ----------
    tests : DataFrame
        One row per column: column, kind (``"categories"`` or ``"number"``), effect
        (Cramer's V, or the square root of eta squared, 0 to 1), eta2 (of numbers),
        statistic (chi square, or F), df, df_within (of F), p, n, note.
    shares : DataFrame
        One row per category: column, value, segment_1 ... (shares within the
        segment), everyone.
    means : DataFrame
        One row per number: column, segment_1 ..., everyone.
    notes : tuple of str
        How to read them.
    """

    tests: pd.DataFrame
    shares: pd.DataFrame
    means: pd.DataFrame
    notes: tuple[str, ...]

    def _page(self) -> Page:
        tests = self.tests[["column", "kind", "effect", "statistic", "p", "n", "note"]]
        tables = {"Associations": tests}
        if len(self.shares):
            tables["Shares within the segments"] = self.shares
        if len(self.means):
            tables["Means"] = self.means
        return Page("Profile of the segments", tables, self.notes)


def profile(
    survey: Survey, membership: Membership, by: Sequence[str]
) -> SegmentProfile:
    """Return who is in the segments.

    Parameters
    ----------
    survey : Survey
        The survey.
    membership : Membership
        The segments.
    by : sequence of str
        Columns.

    Returns
    -------
    SegmentProfile
        The profile, the strongest associations first.

    Raises
    ------
    DataError
        For unknown columns, and columns of things that can't be labels.
    SpecificationError
        If there are no columns, or they are no list.
    """
    if isinstance(by, str):
        by = [by]
    if not by:
        raise SpecificationError(
            "profile needs columns: by=['region', 'age_group']; the survey's codebook "
            "names no groups"
        )
    if problems := unknown("column", map(str, by), survey.frame.columns, "in by"):
        raise DataError(problems)
    tests: list[dict[str, object]] = []
    shares: list[pd.DataFrame] = []
    means: list[pd.DataFrame] = []
    for name in dict.fromkeys(by):
        labels = _known(survey, name)
        chosen = labels.notna().to_numpy()[membership.rows]
        own = membership.where(chosen)
        values = labels.iloc[own.rows]
        numeric = pd.api.types.is_numeric_dtype(values.dtype)
        if numeric and values.nunique() > MOST_VALUES:
            numbers = values.to_numpy(dtype=np.float64)
            tests.append({"column": name, **_number_test(numbers, own)})
            means.append(_means(name, numbers, own))
        else:
            table = _counts(values, own)
            tests.append({"column": name, **_category_test(table, len(values))})
            shares.append(_shares(name, table))
    found = pd.DataFrame(tests).sort_values(
        "effect", ascending=False, kind="stable", ignore_index=True
    )
    return SegmentProfile(
        found,
        pd.concat(shares, ignore_index=True) if shares else pd.DataFrame(),
        pd.concat(means, ignore_index=True) if means else pd.DataFrame(),
        _notes(len(tests), survey),
    )


def _known(survey: Survey, name: str) -> pd.Series:
    """Return a column without codes of no answer."""
    labels = survey.labels(name)
    missing = survey.codebook.item(name).missing
    return labels.mask(labels.isin(missing)) if missing else labels


def _counts(values: pd.Series, own: Membership) -> pd.DataFrame:
    """Return sums of weights: one row per category, one column per segment."""
    table = (
        pd.Series(own.weights)
        .groupby([values.astype(object).to_numpy(), own.codes])
        .sum()
        .unstack(fill_value=0.0)
    )
    return table.reindex(columns=range(own.k), fill_value=0.0)


def _shares(name: str, table: pd.DataFrame) -> pd.DataFrame:
    with np.errstate(invalid="ignore"):
        within = table.to_numpy() / table.sum().to_numpy()
    found = pd.DataFrame({"column": name, "value": table.index})
    for k in range(table.shape[1]):
        found[f"segment_{k + 1}"] = within[:, k]
    everyone = table.sum(axis=1).to_numpy()
    return found.assign(everyone=everyone / everyone.sum())


def _category_test(table: pd.DataFrame, n: int) -> dict[str, object]:
    from scipy.special import chdtrc

    full = table.loc[:, (table.sum() > 0).to_numpy()].to_numpy()
    rows, columns = full.shape
    least = min(rows, columns) - 1
    if least < 1:
        what = "only one segment" if rows > 1 else "only one value" if n else "nobody"
        return _untested("categories", n, f"{what} with answers")
    df = (rows - 1) * (columns - 1)
    total = full.sum()
    statistic = chi_square(full)
    expected = np.outer(full.sum(axis=1), full.sum(axis=0)) / total
    # Cochran (1954)
    rare = (expected < 5).mean() > 0.2
    return {
        "kind": "categories",
        "effect": np.sqrt(statistic / (total * least)),
        "eta2": np.nan,
        "statistic": statistic,
        "df": float(df),
        "df_within": np.nan,
        "p": float(chdtrc(df, statistic)),
        "n": n,
        "note": "many cells are rare: p is rough" if rare else "",
    }


def _number_test(values: FloatArray, own: Membership) -> dict[str, object]:
    from scipy.special import fdtrc

    present = len(np.unique(own.codes))
    total = own.weights.sum()
    if present < 2:
        return _untested("number", len(values), "only one segment with answers")
    share = eta_squared(values, own.codes, own.weights)
    between, within = present - 1, total - present
    statistic = share / between / ((1 - share) / within)
    return {
        "kind": "number",
        "effect": np.sqrt(share),
        "eta2": share,
        "statistic": statistic,
        "df": float(between),
        "df_within": within,
        "p": float(fdtrc(between, within, statistic)),
        "n": len(values),
        "note": "",
    }


def _untested(kind: str, n: int, note: str) -> dict[str, object]:
    nothing = dict.fromkeys(
        ("effect", "eta2", "statistic", "df", "df_within", "p"), np.nan
    )
    return {"kind": kind, **nothing, "n": n, "note": note}


def _means(name: str, values: FloatArray, own: Membership) -> pd.DataFrame:
    row: dict[str, object] = {"column": name}
    for k in range(own.k):
        inside = own.codes == k
        row[f"segment_{k + 1}"] = (
            np.average(values[inside], weights=own.weights[inside])
            if inside.any()
            else np.nan
        )
    row["everyone"] = np.average(values, weights=own.weights)
    return pd.DataFrame([row])


def _notes(tests: int, survey: Survey) -> tuple[str, ...]:
    notes = [
        "Segments are estimated, so that p is an orientation; look at effect, and "
        "check a name for a segment on new respondents."
    ]
    if tests > 1:
        notes.append(
            f"{tests} columns were looked at; p is not adjusted for that (Holm: "
            f"the smallest p times {tests}, the next times {tests - 1} ...)."
        )
    if survey.codebook.weights is not None:
        notes.append(
            "Shares are weighted; tests count the effective number of respondents."
        )
    return tuple(notes)
