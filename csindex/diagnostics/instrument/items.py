"""Classical item analysis: how each question is answered, and with which others."""

from __future__ import annotations

import numpy as np
import pandas as pd

from csindex.diagnostics.instrument.sample import Sample
from csindex.kernels.arrays import FloatArray
from csindex.kernels.item_analysis import alpha_if_deleted, corrected_item_total
from csindex.kernels.moments import mean_and_cov
from csindex.kernels.reliability import cronbach_alpha
from csindex.model import Construct, Model
from csindex.survey.items import ItemReader

# share of respondents in the upper and in the lower group, after Kelley (1939)
_GROUP = 0.27
# fewest respondents with all items of a construct
_FEWEST = 3


def item_table(sample: Sample) -> pd.DataFrame:
    """Return the item analysis.

    Parameters
    ----------
    sample : Sample
        The answers.

    Returns
    -------
    DataFrame
        One row per item: item, construct, measurement, n, missing, mean, sd, skew,
        kurtosis, floor, ceiling, item_total, alpha, alpha_if_deleted,
        discrimination, discrimination_r.
    """
    missing = _missing(sample)
    rows: list[dict[str, object]] = [
        {
            "item": item,
            "construct": construct.name,
            "measurement": construct.measurement,
            **_described(sample, item, missing[item]),
        }
        for construct in sample.model.constructs
        for item in construct.items
    ]
    scales = [_scale_rows(sample, c) for c in sample.model.constructs]
    return pd.concat([pd.DataFrame(rows), pd.concat(scales, ignore_index=True)], axis=1)


def with_left_out(items: pd.DataFrame, sample: Sample, model: Model) -> pd.DataFrame:
    """Return the item analysis with the items that can't be analysed, in order.

    Parameters
    ----------
    items : DataFrame
        The item analysis of the others.
    sample : Sample
        The answers.
    model : Model
        The whole model.

    Returns
    -------
    DataFrame
        One row per item of the model; of those left out only item, construct,
        measurement, n and missing are known.
    """
    if not sample.left_out:
        return items
    rows = [
        {
            "item": item,
            "construct": construct.name,
            "measurement": construct.measurement,
            **_answered(sample, item),
        }
        for construct in model.constructs
        for item in construct.items
        if item in sample.left_out
    ]
    places = {item: k for k, item in enumerate(model.items)}
    whole = pd.concat([items, pd.DataFrame(rows)], ignore_index=True)
    order = whole["item"].map(places).argsort(kind="stable")
    return whole.iloc[order].reset_index(drop=True)


def _answered(sample: Sample, item: str) -> dict[str, float]:
    """Return how many answered an item that isn't analysed."""
    survey, rows = sample.survey, sample.answers.rows
    published = {known.name: known for known in sample.model.instrument}
    everyone = np.ones(len(survey), dtype=np.bool_)
    reader = ItemReader(survey.frame, survey.codebook, published, everyone)
    answers = reader.column(item)[rows]
    return {
        "n": int((~np.isnan(answers)).sum()),
        "missing": float(np.isnan(answers).mean()),
    }


def _missing(sample: Sample) -> dict[str, float]:
    """Return the share of missing answers among those who were asked."""
    shares = np.isnan(sample.answers.values).mean(axis=0)
    found = dict(zip(sample.answers.names, shares.astype(float), strict=True))
    asked = sample.survey.skip_violations(sample.model.instrument)
    for row in asked.itertuples():
        if row.item in found and row.asked:
            found[row.item] = row.asked_unanswered / row.asked
    return found


def _described(sample: Sample, item: str, missing: float) -> dict[str, float]:
    position = sample.position(item)
    column = sample.answers.values[:, position]
    known = ~np.isnan(column)
    x, n = column[known], int(known.sum())
    share = sample.weights[known] / sample.weights[known].sum()
    mean = float(share @ x)
    second, third, fourth = (float(share @ (x - mean) ** k) for k in (2, 3, 4))
    low, high = sample.answers.low[position], sample.answers.high[position]
    # who answers yes or no can't help to be at an end
    ends = len(np.unique(x)) > 2
    return {
        "n": n,
        "missing": missing,
        "mean": mean,
        "sd": float(np.sqrt(second * n / (n - 1))),
        "skew": third / second**1.5,
        "kurtosis": fourth / second**2 - 3,
        "floor": float(share @ np.isclose(x, low)) if ends and low < high else np.nan,
        "ceiling": float(share @ np.isclose(x, high))
        if ends and low < high
        else np.nan,
    }


def _scale_rows(sample: Sample, construct: Construct) -> pd.DataFrame:
    """Return what an item has to do with the others of its construct."""
    positions = [sample.position(item) for item in construct.items]
    values = sample.answers.values[:, positions]
    complete = ~np.isnan(values).any(axis=1)
    size = len(positions)
    nothing = np.full(size, np.nan)
    table = {
        "item_total": nothing,
        "alpha": nothing,
        "alpha_if_deleted": nothing,
        "discrimination": nothing,
        "discrimination_r": nothing,
    }
    if size > 1 and complete.sum() >= _FEWEST:
        weights = sample.weights[complete]
        _, cov = mean_and_cov(values[complete], weights)
        width = (sample.answers.high - sample.answers.low)[positions]
        upper, lower = _groups(values[complete].sum(axis=1), weights)
        table = {
            "item_total": corrected_item_total(cov),
            "alpha": np.repeat(cronbach_alpha(cov, np.ones((size, 1))), size),
            "alpha_if_deleted": alpha_if_deleted(cov),
            "discrimination": _difference(values[complete], upper, lower) / width,
            "discrimination_r": _group_correlation(values[complete], upper, lower),
        }
    return pd.DataFrame(table)


def _groups(total: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the weights of respondents in the upper and in the lower group.

    Respondents with the total at the border belong to their group, too.
    """
    order = np.argsort(total, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    low = total[order][np.searchsorted(reached, _GROUP)]
    high = total[order][np.searchsorted(reached, 1 - _GROUP)]
    if low == high:
        return np.zeros_like(weights), np.zeros_like(weights)
    return weights * (total >= high), weights * (total <= low)


def _difference(values: FloatArray, upper: FloatArray, lower: FloatArray) -> FloatArray:
    if not upper.any() or not lower.any():
        return np.full(values.shape[1], np.nan)
    means = (group @ values / group.sum() for group in (upper, lower))
    return np.asarray(np.subtract(*means))


def _group_correlation(
    values: FloatArray, upper: FloatArray, lower: FloatArray
) -> FloatArray:
    """Return the point-biserial correlation of each item with the two groups."""
    both = upper + lower
    if not upper.any() or not lower.any():
        return np.full(values.shape[1], np.nan)
    chosen = both > 0
    joint = np.column_stack([values[chosen], (upper > 0)[chosen]])
    _, cov = mean_and_cov(joint, both[chosen])
    with np.errstate(invalid="ignore", divide="ignore"):
        r = cov[:-1, -1] / np.sqrt(np.diagonal(cov)[:-1] * cov[-1, -1])
    return np.asarray(r)
