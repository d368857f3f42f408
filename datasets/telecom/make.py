"""Make ``data.csv`` and ``truth.toml``, a simulated telecom survey, beside this file.

Five invented operators, three waves, 300 customers each.  No respondent is real: the
answers come from the structural model of the telecom index with the parameters below,
where eight specific indicators make up quality; ``README.md`` explains.  The draw
depends on ``SEED`` alone, so running the script again writes the same bytes.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import layout
import norta
import plim
from norta import Item

SEED = 7  # see README.md, "Choice of the seed"
PER_CELL = 300
WAVES = (2024, 2025, 2026)

# The specific indicators of quality: share of each in quality (they sum to 1), and how
# strongly it hangs together with the others.
INDICATORS = {
    "network": (0.24, 0.78),
    "tariff_clarity": (0.16, 0.68),
    "billing": (0.14, 0.74),
    "shop": (0.07, 0.62),
    "hotline": (0.12, 0.72),
    "value_added": (0.06, 0.58),
    "data": (0.15, 0.74),
    "repair": (0.06, 0.70),
}

# The constructs of the model, and its true standardised paths.
CONSTRUCTS = (
    "image",
    "expectation",
    "quality",
    "value",
    "satisfaction",
    "complaints",
    "loyalty",
)
PATHS = {
    ("image", "expectation"): 0.52,
    ("expectation", "quality"): 0.55,
    ("expectation", "value"): 0.10,
    ("quality", "value"): 0.60,
    ("image", "satisfaction"): 0.14,
    ("expectation", "satisfaction"): 0.06,
    ("quality", "satisfaction"): 0.46,
    ("value", "satisfaction"): 0.28,
    ("satisfaction", "complaints"): -0.40,
    ("satisfaction", "complaint_handling"): 0.50,
    ("image", "loyalty"): 0.18,
    ("satisfaction", "loyalty"): 0.52,
    ("complaints", "loyalty"): -0.10,
}
# Quality is no more than its indicators, which stand for it here; handling is no part
# of the model.
CAUSAL_ORDER = (
    "image",
    "expectation",
    *INDICATORS,
    "value",
    "satisfaction",
    "complaints",
    "complaint_handling",
    "loyalty",
)

# Construct or indicator, loading, then mean, sd and skewness at shift zero, missing
# rates; COMP has the share of complainers at shift zero.
ITEMS = {
    "IMAGE1": Item("image", 0.84, 7.4, 1.9, -0.9),
    "IMAGE2": Item("image", 0.80, 7.0, 2.1, -0.7, 0.005),
    "IMAGE3": Item("image", 0.76, 7.2, 2.0, -0.8),
    "EXPECT1": Item("expectation", 0.84, 7.9, 1.7, -1.0, 0.006),
    "EXPECT2": Item("expectation", 0.82, 7.8, 1.8, -1.0, 0.004),
    "EXPECT3": Item("expectation", 0.72, 7.4, 2.1, -0.9, 0.005),
    "NETWORK1": Item("network", 0.86, 7.8, 2.0, -1.2),
    "NETWORK2": Item("network", 0.84, 7.9, 1.9, -1.2),
    "NETWORK3": Item("network", 0.78, 7.5, 2.2, -1.0),
    "TARIFF1": Item("tariff_clarity", 0.86, 6.3, 2.4, -0.5),
    "TARIFF2": Item("tariff_clarity", 0.82, 5.9, 2.4, -0.3, 0.005),
    "BILLING1": Item("billing", 0.84, 7.6, 2.2, -1.1),
    "BILLING2": Item("billing", 0.80, 7.2, 2.2, -0.8),
    "SHOP1": Item("shop", 0.84, 7.5, 1.9, -0.9, 0.008),
    "SHOP2": Item("shop", 0.74, 6.4, 2.3, -0.4, 0.008),
    "HOTLINE1": Item("hotline", 0.78, 5.9, 2.5, -0.3, 0.006),
    "HOTLINE2": Item("hotline", 0.84, 6.8, 2.2, -0.6, 0.006),
    "HOTLINE3": Item("hotline", 0.86, 6.6, 2.4, -0.6, 0.006),
    "ADDED1": Item("value_added", 0.78, 6.5, 2.1, -0.4, 0.010),
    "ADDED2": Item("value_added", 0.80, 6.1, 2.5, -0.4, 0.010),
    "DATA1": Item("data", 0.88, 7.3, 2.1, -0.9),
    "DATA2": Item("data", 0.86, 7.2, 2.1, -0.9),
    "DATA3": Item("data", 0.80, 6.6, 2.3, -0.6),
    "REPAIR1": Item("repair", 0.84, 6.7, 2.2, -0.6, 0.012),
    "REPAIR2": Item("repair", 0.82, 6.8, 2.2, -0.6, 0.012),
    "VALUE1": Item("value", 0.88, 6.7, 2.1, -0.6),
    "VALUE2": Item("value", 0.90, 7.0, 2.0, -0.7),
    "SATIS": Item("satisfaction", 0.92, 7.4, 1.9, -1.0),
    "CONFIRM": Item("satisfaction", 0.88, 6.8, 2.0, -0.7),
    "IDEAL": Item("satisfaction", 0.86, 6.6, 2.2, -0.6),
    "COMP": Item("complaints", 1.00, 0.17, 0.0, 0.0, 0.0, 0.0),
    "HANDLE": Item("complaint_handling", 1.00, 5.6, 2.7, -0.2, 0.004),
    "STAY": Item("loyalty", 0.90, 7.6, 2.2, -1.1),
    "RECOMMEND": Item("loyalty", 0.88, 7.0, 2.3, -0.8),
    "RESIST": Item("loyalty", 0.74, 5.6, 2.6, -0.1, 0.006),
}
SATISFACTION = ("SATIS", "CONFIRM", "IDEAL")

# Own shifts of the operators in latent sd units, before the paths act, and what is
# added to indicators with every wave after the first.
OPERATORS = {
    "Dunlin": {
        "image": 0.35,
        "network": 0.50,
        "data": 0.45,
        "repair": 0.25,
        "tariff_clarity": -0.20,
        "value": -0.35,
    },
    "Heron": {
        "image": 0.05,
        "network": -0.10,
        "tariff_clarity": 0.50,
        "billing": 0.35,
        "shop": -0.15,
        "value": 0.40,
    },
    "Lapwing": {
        "image": -0.10,
        "network": -0.30,
        "tariff_clarity": -0.20,
        "billing": -0.35,
        "hotline": -0.40,
        "data": -0.30,
    },
    "Plover": {
        "image": 0.15,
        "network": 0.30,
        "billing": 0.20,
        "hotline": 0.35,
        "data": 0.20,
        "shop": 0.20,
    },
    "Siskin": {
        "image": -0.15,
        "network": -0.10,
        "shop": 0.30,
        "value_added": 0.25,
        "data": -0.15,
        "complaints": 0.10,
    },
}
TRENDS = {
    "Lapwing": {
        "network": 0.24,
        "billing": 0.34,
        "hotline": 0.40,
        "data": 0.28,
        "tariff_clarity": 0.14,
    },
    "Plover": {
        "network": -0.26,
        "data": -0.34,
        "hotline": -0.36,
        "repair": -0.30,
        "billing": -0.10,
    },
}

# Population shares, response propensities, and own shifts (of every indicator).
REGIONS = {
    "North": (0.22, 1.00, -0.05),
    "East": (0.34, 0.85, 0.06),
    "South": (0.29, 1.15, 0.00),
    "West": (0.15, 1.05, -0.12),
}
AGE_GROUPS = {
    "18-29": (0.24, 0.75, -0.10),
    "30-44": (0.30, 0.95, -0.04),
    "45-59": (0.25, 1.15, 0.03),
    "60-74": (0.16, 1.25, 0.12),
    "75+": (0.05, 0.90, 0.16),
}


@cache
def composition() -> pd.DataFrame:
    """Return the indicators' weights in quality of variance one, and loadings on it."""
    shares, linked = np.array(list(INDICATORS.values())).T
    corr = np.outer(linked, linked)
    np.fill_diagonal(corr, 1.0)
    weights = shares / np.sqrt(shares @ corr @ shares)
    columns = {"share": shares, "weight": weights, "loading": corr @ weights}
    return pd.DataFrame(columns, index=list(INDICATORS))


def front_correlations() -> dict[tuple[str, str], float]:
    """Return the correlations of image, expectation and the indicators.

    Expectation goes with the indicators by way of quality alone.
    """
    first = PATHS["image", "expectation"]
    found = {("image", "expectation"): first}
    names = list(INDICATORS)
    for k, name in enumerate(names):
        second = PATHS["expectation", "quality"] * composition().loc[name, "loading"]
        found["expectation", name] = second
        found["image", name] = first * second
        for other in names[:k]:
            found[other, name] = INDICATORS[name][1] * INDICATORS[other][1]
    return found


def indicator_paths() -> dict[tuple[str, str], float]:
    """Return the true paths with the indicators in place of quality."""
    found: dict[tuple[str, str], float] = {}
    for (source, target), value in PATHS.items():
        if source == "quality":
            weights = composition()["weight"].items()
            found |= {(name, target): value * w for name, w in weights}
        elif target not in ("expectation", "quality"):
            found[source, target] = value
    return found


def item_shifts(operator: str, wave: int, segment: float) -> list[float]:
    """Return the latent shift of every answer of a cell."""
    own = OPERATORS[operator]
    trend = TRENDS.get(operator, {})
    total: dict[str, float] = {"image": own.get("image", 0.0)}
    total["expectation"] = PATHS["image", "expectation"] * total["image"]
    paths = indicator_paths()
    for name in CAUSAL_ORDER[2:]:
        shift = own.get(name, 0.0) + trend.get(name, 0.0) * WAVES.index(wave)
        if name in INDICATORS:
            loading = composition().loc[name, "loading"]
            slope = PATHS["expectation", "quality"] * loading
            shift += segment + slope * total["expectation"]
        moved = sum(b * total[a] for (a, to), b in paths.items() if to == name)
        total[name] = shift + moved
    return [item.loading * total[item.construct] for item in ITEMS.values()]


@cache
def population() -> norta.Population:
    """Return the population: all answers together follow the model exactly."""
    segments = norta.segments(REGIONS, AGE_GROUPS)
    cells = layout.crossed(segments, wave=WAVES, operator=OPERATORS)
    corr = norta.construct_correlations(
        CAUSAL_ORDER, front_correlations(), indicator_paths()
    )
    target = norta.implied_correlations(ITEMS, CAUSAL_ORDER, corr)
    cuts = layout.thresholds(ITEMS, {"COMP": ITEMS["COMP"].mean})
    binary = [list(ITEMS).index("COMP")]
    keys = ["operator", "wave"]
    return layout.population(cells, keys, item_shifts, cuts, target, binary)


def moments(**groups: object) -> norta.Moments:
    """Return the moments of all answers, of everyone or of an operator or wave."""
    return population().moments(**groups)


def make_survey(seed: int = SEED, per_cell: int = PER_CELL) -> pd.DataFrame:
    """Return the survey as written to ``data.csv``."""
    rng = np.random.default_rng(seed)
    cells = norta.segments(REGIONS, AGE_GROUPS)
    size = per_cell * len(OPERATORS)
    parts: list[pd.DataFrame] = []
    place: list[np.ndarray] = []
    for k, wave in enumerate(WAVES):
        pick = layout.picked(rng, cells, size)
        operator = np.repeat(np.arange(len(OPERATORS)), per_cell)
        labels = np.array(list(OPERATORS))[operator]
        parts.append(layout.respondents(cells, pick, operator=labels, wave=wave))
        place.append((k * len(OPERATORS) + operator) * len(cells) + pick)
    data = pd.concat(parts, ignore_index=True)
    data.insert(0, "respondent", np.arange(1, len(data) + 1))
    given = population().draw(rng, np.concatenate(place))
    complained = given[:, list(ITEMS).index("COMP")] == 1
    coded = norta.with_missing(rng, given, ITEMS)
    for name, column in layout.columns(ITEMS, coded, complained, ["HANDLE"]).items():
        data[name] = column
    return data


def model_items() -> dict[str, Item]:
    """Return the items with those of the indicators under quality."""
    items = dict(ITEMS)
    for name, item in ITEMS.items():
        if item.construct in INDICATORS:
            loading = item.loading * composition().loc[item.construct, "loading"]
            items[name] = item._replace(construct="quality", loading=float(loading))
    return items


def model_paths() -> dict[tuple[str, str], float]:
    """Return the true paths of the model, which has no complaint handling."""
    return {pair: b for pair, b in PATHS.items() if pair[1] != "complaint_handling"}


def limits(made: norta.Moments) -> plim.Limits:
    """Return what PLS estimates of the telecom model tend to."""
    scales = {"COMP": (0.0, 1.0)}
    return plim.limits(model_items(), CONSTRUCTS, model_paths(), made, scales)


def score(made: norta.Moments, names: list[str]) -> float:
    """Return the 0-100 score of some items with equal weights."""
    return round(layout.score(made, ITEMS, names), 3)


def operator_table() -> pd.DataFrame:
    """Return true index, complainers (percent) and scores by operator and wave."""
    rows: list[dict[str, object]] = []
    for operator in OPERATORS:
        for wave in WAVES:
            made = moments(operator=operator, wave=wave)
            complaining = 100 * float(made.mean[list(ITEMS).index("COMP")])
            row: dict[str, object] = {"operator": operator, "wave": wave}
            row["index"] = score(made, list(SATISFACTION))
            row["complaining"] = round(complaining, 3)
            for indicator in INDICATORS:
                own = [k for k, item in ITEMS.items() if item.construct == indicator]
                row[indicator] = score(made, own)
            rows.append(row)
    return pd.DataFrame(rows)


TRUTH = """\
# Made by make.py: the parameters that data.csv was drawn from, and what estimates tend
# to as the sample grows. latent: the structural model; pls, loading, weight: PLS (mode
# A, path scheme, standardised items) on the exact moments of the population, computed
# by Mehler's formula, not by simulation (../norta.py). The index weighs by w/s on 1-10.
"""


def truth() -> str:
    """Return the text of ``truth.toml``."""
    found = limits(moments())
    index = found.scores[CONSTRUCTS.index("satisfaction")]
    table = composition().reset_index(names="indicator")
    parts = [
        TRUTH,
        "# what makes up quality: shares sum to 1; weights are those of quality with",
        "# variance 1, loadings the indicators' correlations with it",
        plim.toml_rows("indicators", table.to_dict("records")),
        "\n# 0-100 scores with equal weights, and percentages of complainers",
        plim.toml_rows("operators", operator_table().to_dict("records")),
        "\n# all operators and waves together",
        "[everyone]",
        f"index = {plim.toml_value(index)}",
        plim.toml_rows("paths", plim.path_rows(found, model_paths())),
        plim.toml_rows("items", plim.item_rows(found, model_items())),
    ]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Write ``data.csv`` and ``truth.toml`` beside this file and print the truth."""
    layout.write(Path(__file__).parent, make_survey(), truth())
    print(operator_table().to_string(index=False))


if __name__ == "__main__":
    main()
