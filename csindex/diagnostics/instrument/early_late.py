"""Late answers against early ones: late ones resemble those that never came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from csindex.diagnostics.instrument.sample import Sample
from csindex.errors import DataError
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.kernels.raking import effective_size

COLUMNS = [
    *("kind", "name", "n_early", "n_late", "early", "late"),
    *("difference", "d", "t", "df", "p", "p_holm"),
]
# share of respondents in the early and in the late group
_GROUP = 0.25
# a date whose first two numbers may be day and month, or month and day
_SHORT_DATE = r"^\s*(\d{1,2})[./-](\d{1,2})[./-]\d{2,4}"
_LAST_MONTH = 12
_QUARTER = r"^\s*(\d{4})[- ]?[Qq]([1-4])\s*$"


def early_late_table(sample: Sample, order: str) -> pd.DataFrame:
    """Compare late answers with early ones.

    Parameters
    ----------
    sample : Sample
        The answers.
    order : str
        A column that says when an answer came.

    Returns
    -------
    DataFrame
        One row per item and construct, with `COLUMNS`.

    Raises
    ------
    DataError
        If the column can't be ordered, or has hardly two values.

    References
    ----------
    Armstrong & Overton (1977), Journal of Marketing Research 14(3).
    """
    time = _times(sample.survey.frame[order], order)[sample.answers.rows]
    first, last = np.nanquantile(time, [_GROUP, 1 - _GROUP])
    early, late = time <= first, time >= last
    if first >= last:
        raise DataError(
            f"order: column {order!r} can't tell early from late answers: most "
            "respondents have one and the same value"
        )
    rows = [
        {"kind": kind, "name": name, **_contrast(values, sample.weights, early, late)}
        for kind, name, values in _measures(sample)
    ]
    table = pd.DataFrame(rows)
    table["p_holm"] = np.nan
    for _, part in table.groupby("kind"):
        table.loc[part.index, "p_holm"] = _holm(part["p"].to_numpy())
    return table[COLUMNS]


def _times(column: pd.Series, name: str) -> FloatArray:
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.notna().sum() < column.notna().sum():
        dates = _dates(column, name)
        if dates.notna().sum() < column.notna().sum():
            seen = column[dates.isna() & column.notna()].head(3).tolist()
            raise DataError(
                f"order: column {name!r} must hold numbers or dates, but has {seen}"
            )
        numbers = (dates - dates.min()).dt.total_seconds()
    if not numbers.notna().any():
        raise DataError(f"order: column {name!r} is empty")
    return np.asarray(numbers.to_numpy(np.float64, na_value=np.nan))


def _dates(column: pd.Series, name: str) -> pd.Series:
    """Return dates; NaT for what is none."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return column
    texts = column.astype(str).where(column.notna())
    # a quarter is its first day
    texts = texts.str.replace(
        _QUARTER, lambda found: f"{found[1]}-{3 * int(found[2]) - 2:02d}-01", regex=True
    )
    return pd.to_datetime(
        texts, errors="coerce", format="mixed", dayfirst=_day_first(texts, name)
    )


def _day_first(texts: pd.Series, name: str) -> bool:
    """Return whether dates as 01.02.2024 begin with the day."""
    short = texts.str.extract(_SHORT_DATE).dropna().astype(int)
    if not len(short):
        return False
    first, second = (short.max() > _LAST_MONTH).tolist()
    if first == second or len(short) < texts.notna().sum():
        seen = texts[short.index].head(3).tolist()
        raise DataError(
            f"order: column {name!r} has dates as {seen}, in which day and month can't "
            "be told apart; write all of them as 2024-12-31"
        )
    return bool(first)


def _measures(sample: Sample) -> list[tuple[str, str, FloatArray]]:
    """Return the answers to every item, and the mean of every construct's."""
    values = sample.answers.values
    width = sample.answers.high - sample.answers.low
    points = 100 * (values - sample.answers.low) / width
    found = [
        ("item", name, column)
        for name, column in zip(sample.answers.names, values.T, strict=True)
    ]
    for construct in sample.model.constructs:
        positions = [sample.position(item) for item in construct.items]
        if not np.isnan(width[positions]).any():
            found.append(
                ("construct", construct.name, points[:, positions].mean(axis=1))
            )
    return found


@dataclass(frozen=True)
class _Group:
    """Respondents, how many they are worth, their mean and their variance."""

    count: int
    size: float
    mean: float
    variance: float


def _group(values: FloatArray, weights: FloatArray) -> _Group:
    if len(values) < 2:
        return _Group(len(values), np.nan, np.nan, np.nan)
    size = effective_size(weights)
    share = weights / weights.sum()
    mean = float(share @ values)
    spread = float(share @ (values - mean) ** 2)
    return _Group(len(values), size, mean, spread * size / (size - 1))


def _contrast(
    values: FloatArray, weights: FloatArray, early: BoolArray, late: BoolArray
) -> dict[str, float]:
    """Return Welch's test of late against early answers."""
    from scipy.special import stdtr

    known = ~np.isnan(values)
    first, last = (
        _group(values[chosen & known], weights[chosen & known])
        for chosen in (early, late)
    )
    errors = np.array([g.variance / g.size for g in (first, last)])
    sizes = np.array([first.size, last.size])
    difference, total = last.mean - first.mean, errors.sum()
    pooled = np.sqrt((first.variance + last.variance) / 2)
    found = {
        "n_early": first.count,
        "n_late": last.count,
        "early": first.mean,
        "late": last.mean,
        "difference": difference,
    }
    if not total > 0:
        return found | dict.fromkeys(("d", "t", "df", "p"), np.nan)
    t = difference / np.sqrt(total)
    df = total**2 / (errors**2 / (sizes - 1)).sum()
    p = float(2 * stdtr(df, -abs(t)))
    return found | {"d": difference / pooled, "t": t, "df": df, "p": p}


def _holm(p: FloatArray) -> FloatArray:
    """Return Holm's p-values; tests without a p-value don't count."""
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    stepped = np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1))
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
