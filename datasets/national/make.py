"""Make ``data.csv`` and ``truth.toml``, a simulated national survey, beside this file.

Five sectors of an invented country, 400 customers each, asked all that any index model
of the catalogue needs.  No respondent is real: answers come from one structural model
with the parameters below; ``README.md`` explains.  The draw depends on ``SEED`` alone,
so running the script again writes the same bytes.
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
from norta import Floats, Item

SEED = 1
PER_SECTOR = 400

# The true standardised paths; constructs that nothing drives come first.
CONSTRUCTS = (
    "age",
    "education",
    "income",
    "image",
    "fairness",
    "price",
    "expectation",
    "service_quality",
    "product_quality",
    "quality",
    "reliability",
    "assurance",
    "tangibles",
    "empathy",
    "responsiveness",
    "complaint_handling",
    "value",
    "satisfaction",
    "complaints",
    "complaint_response",
    "dialogue",
    "affective_commitment",
    "calculative_commitment",
    "loyalty",
)
EXOGENOUS = {
    ("age", "education"): -0.10,
    ("age", "income"): 0.20,
    ("education", "income"): 0.40,
    ("age", "image"): 0.08,
    ("income", "image"): 0.06,
    ("image", "fairness"): 0.40,
    ("image", "price"): 0.25,
    ("fairness", "price"): 0.45,
}
PATHS = {
    ("age", "expectation"): 0.12,
    ("education", "expectation"): 0.06,
    ("income", "expectation"): 0.08,
    ("image", "expectation"): 0.46,
    ("image", "service_quality"): 0.24,
    ("expectation", "service_quality"): 0.42,
    ("age", "product_quality"): 0.10,
    ("expectation", "product_quality"): 0.34,
    ("service_quality", "product_quality"): 0.36,
    ("product_quality", "quality"): 0.50,
    ("service_quality", "quality"): 0.40,
    ("service_quality", "reliability"): 0.74,
    ("service_quality", "assurance"): 0.70,
    ("service_quality", "tangibles"): 0.58,
    ("service_quality", "empathy"): 0.72,
    ("service_quality", "responsiveness"): 0.76,
    ("service_quality", "complaint_handling"): 0.50,
    ("expectation", "value"): 0.08,
    ("quality", "value"): 0.48,
    ("price", "value"): 0.36,
    ("image", "satisfaction"): 0.14,
    ("fairness", "satisfaction"): 0.12,
    ("expectation", "satisfaction"): 0.05,
    ("quality", "satisfaction"): 0.40,
    ("value", "satisfaction"): 0.24,
    ("complaint_handling", "satisfaction"): 0.18,
    ("satisfaction", "complaints"): -0.42,
    ("satisfaction", "complaint_response"): 0.55,
    ("satisfaction", "dialogue"): 0.50,
    ("satisfaction", "affective_commitment"): 0.62,
    ("satisfaction", "calculative_commitment"): 0.32,
    ("image", "loyalty"): 0.12,
    ("price", "loyalty"): 0.08,
    ("complaint_handling", "loyalty"): 0.12,
    ("satisfaction", "loyalty"): 0.30,
    ("complaint_response", "loyalty"): 0.06,
    ("dialogue", "loyalty"): 0.10,
    ("affective_commitment", "loyalty"): 0.20,
    ("calculative_commitment", "loyalty"): 0.12,
    ("complaints", "loyalty"): -0.05,
}

# Answers to what isn't asked on 1-10: the shares of 1, 2, 3, ...
SHARES = {
    "age": (0.16, 0.18, 0.20, 0.19, 0.16, 0.11),
    "education": (0.10, 0.28, 0.30, 0.22, 0.10),
    "income": (0.08, 0.12, 0.16, 0.18, 0.17, 0.13, 0.10, 0.06),
}
COMPLAINING = 0.20  # share of 1 in complaints_1, at shift zero

# Construct, loading, then mean, sd and skewness at shift zero, then missing rates.
ITEMS = {
    "age": Item("age", 1.00, 0.0, 0.0, 0.0, 0.0, 0.002),
    "education": Item("education", 1.00, 0.0, 0.0, 0.0, 0.0, 0.004),
    "income": Item("income", 1.00, 0.0, 0.0, 0.0, 0.004, 0.012),
    "image_1": Item("image", 0.84, 7.3, 1.9, -0.9),
    "image_2": Item("image", 0.80, 7.0, 2.0, -0.7),
    "image_3": Item("image", 0.78, 7.1, 2.1, -0.8),
    "image_4": Item("image", 0.72, 6.7, 2.1, -0.6, 0.008),
    "image_5": Item("image", 0.74, 6.6, 2.3, -0.5, 0.006),
    "expectation_1": Item("expectation", 0.86, 7.9, 1.7, -1.0, 0.005),
    "expectation_2": Item("expectation", 0.82, 7.8, 1.8, -1.0),
    "expectation_3": Item("expectation", 0.72, 7.4, 2.2, -0.9, 0.005),
    "quality_1": Item("quality", 0.92, 7.6, 1.8, -1.1),
    "quality_2": Item("quality", 0.88, 7.4, 2.0, -1.0),
    "quality_3": Item("quality", 0.76, 7.3, 2.3, -0.9),
    "product_quality_1": Item("product_quality", 0.88, 7.7, 1.8, -1.1),
    "product_quality_2": Item("product_quality", 0.84, 7.4, 1.9, -0.9),
    "product_quality_3": Item("product_quality", 0.78, 7.2, 2.1, -0.8),
    "service_quality_1": Item("service_quality", 0.88, 7.2, 2.1, -0.8),
    "service_quality_2": Item("service_quality", 0.84, 7.3, 2.1, -0.9),
    "service_quality_3": Item("service_quality", 0.80, 6.9, 2.2, -0.7),
    "value_1": Item("value", 0.86, 6.8, 2.1, -0.6),
    "value_2": Item("value", 0.90, 7.1, 2.0, -0.8),
    "value_3": Item("value", 0.78, 6.6, 2.1, -0.5, 0.012),
    "satisfaction_1": Item("satisfaction", 0.93, 7.5, 1.9, -1.0),
    "satisfaction_2": Item("satisfaction", 0.88, 6.9, 2.0, -0.7),
    "satisfaction_3": Item("satisfaction", 0.87, 6.8, 2.2, -0.7, 0.004),
    "complaints_1": Item("complaints", 1.00, COMPLAINING, 0.0, 0.0, 0.0, 0.0),
    "complaint_response_1": Item("complaint_response", 1.00, 6.4, 2.4, -0.5, 0.006),
    "complaint_handling_1": Item("complaint_handling", 0.92, 5.9, 2.7, -0.3, 0.004),
    "complaint_handling_2": Item("complaint_handling", 0.88, 5.6, 2.7, -0.2, 0.004),
    "loyalty_1": Item("loyalty", 0.90, 7.7, 2.2, -1.2),
    "loyalty_2": Item("loyalty", 0.74, 5.7, 2.6, -0.1, 0.006),
    "loyalty_3": Item("loyalty", 0.88, 7.2, 2.3, -0.9),
    "fairness_1": Item("fairness", 0.86, 6.6, 2.3, -0.6),
    "fairness_2": Item("fairness", 0.84, 6.8, 2.2, -0.7),
    "fairness_3": Item("fairness", 0.78, 6.4, 2.3, -0.4, 0.006),
    "dialogue_1": Item("dialogue", 0.86, 6.5, 2.3, -0.5),
    "dialogue_2": Item("dialogue", 0.82, 6.2, 2.4, -0.4, 0.008),
    "dialogue_3": Item("dialogue", 0.78, 6.4, 2.4, -0.4, 0.008),
    "price_1": Item("price", 0.86, 6.5, 2.1, -0.5),
    "price_2": Item("price", 0.78, 6.3, 2.1, -0.4, 0.012),
    "price_3": Item("price", 0.82, 6.1, 2.4, -0.3, 0.004),
    "reliability_1": Item("reliability", 0.84, 7.6, 1.9, -1.1),
    "reliability_2": Item("reliability", 0.80, 7.4, 2.0, -0.9),
    "reliability_3": Item("reliability", 0.82, 7.3, 2.1, -0.9),
    "reliability_4": Item("reliability", 0.80, 7.2, 2.1, -0.8),
    "reliability_5": Item("reliability", 0.72, 7.7, 2.1, -1.1, 0.006),
    "assurance_1": Item("assurance", 0.84, 7.3, 2.0, -0.8),
    "assurance_2": Item("assurance", 0.80, 7.8, 1.9, -1.1),
    "assurance_3": Item("assurance", 0.78, 7.7, 1.9, -1.1),
    "assurance_4": Item("assurance", 0.82, 7.4, 2.0, -0.9),
    "tangibles_1": Item("tangibles", 0.80, 7.3, 1.9, -0.8),
    "tangibles_2": Item("tangibles", 0.78, 7.2, 1.9, -0.7),
    "tangibles_3": Item("tangibles", 0.72, 7.6, 1.8, -0.9),
    "tangibles_4": Item("tangibles", 0.74, 7.0, 2.0, -0.6, 0.006),
    "empathy_1": Item("empathy", 0.84, 6.7, 2.3, -0.6),
    "empathy_2": Item("empathy", 0.70, 6.9, 2.3, -0.6),
    "empathy_3": Item("empathy", 0.84, 6.6, 2.3, -0.6),
    "empathy_4": Item("empathy", 0.80, 6.5, 2.4, -0.5, 0.004),
    "empathy_5": Item("empathy", 0.82, 6.6, 2.3, -0.5),
    "responsiveness_1": Item("responsiveness", 0.76, 6.8, 2.3, -0.6),
    "responsiveness_2": Item("responsiveness", 0.84, 7.0, 2.2, -0.7),
    "responsiveness_3": Item("responsiveness", 0.86, 7.2, 2.1, -0.9),
    "responsiveness_4": Item("responsiveness", 0.78, 6.8, 2.3, -0.6),
    "tie_knowledge": Item("affective_commitment", 0.76, 6.6, 2.2, -0.6),
    "tie_social": Item("affective_commitment", 0.72, 5.9, 2.5, -0.3),
    "tie_cultural": Item("affective_commitment", 0.70, 6.2, 2.3, -0.4, 0.006),
    "tie_values": Item("affective_commitment", 0.80, 6.2, 2.3, -0.4, 0.006),
    "tie_psychological": Item("affective_commitment", 0.84, 6.7, 2.2, -0.6),
    "tie_legal": Item("calculative_commitment", 0.64, 4.9, 2.8, 0.1, 0.004),
    "tie_economic": Item("calculative_commitment", 0.78, 5.4, 2.6, -0.1, 0.004),
    "tie_technical": Item("calculative_commitment", 0.72, 5.6, 2.6, -0.1),
    "tie_geographic": Item("calculative_commitment", 0.56, 6.4, 2.6, -0.4),
    "tie_time": Item("calculative_commitment", 0.76, 5.9, 2.6, -0.2),
}
HANDLING = ("complaint_handling_1", "complaint_handling_2")
SATISFACTION = ("satisfaction_1", "satisfaction_2", "satisfaction_3")

# Own shifts of the sectors in latent sd units, before the paths act.
SECTORS = {
    "banking": {"image": 0.10, "assurance": 0.15, "price": -0.10, "fairness": -0.15},
    "energy": {
        "image": -0.20,
        "price": -0.40,
        "service_quality": -0.10,
        "calculative_commitment": 0.30,
    },
    "food retail": {
        "image": 0.20,
        "price": 0.25,
        "product_quality": 0.25,
        "complaints": -0.25,
        "calculative_commitment": -0.40,
    },
    "telecommunications": {
        "service_quality": -0.25,
        "fairness": -0.30,
        "complaints": 0.20,
        "calculative_commitment": 0.20,
    },
    "transport": {
        "tangibles": -0.20,
        "service_quality": -0.35,
        "product_quality": -0.20,
        "price": -0.05,
    },
}

# Population shares, response propensities, and own shifts (of both qualities).
REGIONS = {
    "North": (0.28, 1.05, 0.02),
    "East": (0.22, 0.85, -0.05),
    "South": (0.31, 1.10, 0.03),
    "West": (0.19, 0.95, -0.02),
}
AREAS = {
    "city": (0.45, 0.85, -0.04),
    "town": (0.35, 1.10, 0.02),
    "village": (0.20, 1.15, 0.06),
}


def construct_correlations() -> Floats:
    """Return the true correlations of the constructs."""
    return norta.construct_correlations(CONSTRUCTS, EXOGENOUS, PATHS)


def segments() -> pd.DataFrame:
    """Return region x area cells: shares in population and sample, shift."""
    return norta.segments(REGIONS, AREAS).rename(columns={"age_group": "area"})


def item_shifts(sector: str, segment: float) -> list[float]:
    """Return the latent shift of every answer of a cell."""
    total: dict[str, float] = {}
    for name in CONSTRUCTS:
        moved = sum(b * total[a] for (a, to), b in PATHS.items() if to == name)
        own = segment if name in ("service_quality", "product_quality") else 0.0
        total[name] = SECTORS[sector].get(name, 0.0) + own + moved
    return [item.loading * total[item.construct] for item in ITEMS.values()]


@cache
def population() -> norta.Population:
    """Return the population: everyone's answers follow the structural model exactly."""
    cells = layout.crossed(segments(), sector=SECTORS)
    target = norta.implied_correlations(ITEMS, CONSTRUCTS, construct_correlations())
    cuts = layout.thresholds(ITEMS, {"complaints_1": COMPLAINING}, SHARES)
    binary = [list(ITEMS).index("complaints_1")]
    return layout.population(cells, ["sector"], item_shifts, cuts, target, binary)


def moments(**groups: object) -> norta.Moments:
    """Return the moments of all answers, of everyone or of a sector or region."""
    return population().moments(**groups)


def make_survey(seed: int = SEED, per_sector: int = PER_SECTOR) -> pd.DataFrame:
    """Return the survey as written to ``data.csv``."""
    rng = np.random.default_rng(seed)
    cells = segments()
    size = per_sector * len(SECTORS)
    pick = layout.picked(rng, cells, size)
    sector = np.repeat(np.arange(len(SECTORS)), per_sector)
    given = population().draw(rng, sector * len(cells) + pick)
    complained = given[:, list(ITEMS).index("complaints_1")] == 1
    coded = norta.with_missing(rng, given, ITEMS)
    data = layout.respondents(cells, pick, sector=np.array(list(SECTORS))[sector])
    data.insert(0, "respondent", np.arange(1, size + 1))
    answers = layout.columns(ITEMS, coded, complained, HANDLING)
    return pd.concat([data, pd.DataFrame(answers)], axis=1)


@cache
def complainers(**groups: object) -> tuple[float, norta.Moments]:
    """Return share, and moments of all answers, of those who complain."""
    chances = np.ones(10)
    chances[0] = 0.0
    return population().selected(list(ITEMS).index("complaints_1"), chances, **groups)


def index_of(made: norta.Moments) -> float:
    """Return the 0-100 satisfaction index with equal weights."""
    return layout.score(made, ITEMS, SATISFACTION)


def sector_table() -> pd.DataFrame:
    """Return true index and percentage of complainers by sector."""
    place = list(ITEMS).index("complaints_1")
    rows: list[dict[str, object]] = []
    for sector in SECTORS:
        made = moments(sector=sector)
        complaining = round(100 * float(made.mean[place]), 3)
        index = round(index_of(made), 3)
        rows.append({"sector": sector, "index": index, "complaining": complaining})
    return pd.DataFrame(rows)


TRUTH = """\
# Made by make.py: the parameters that data.csv was drawn from. correlations and paths:
# the structural model; loading: the item's correlation with its construct; mean, sd:
# of the item in the whole population, computed exactly (../norta.py).
"""


def truth() -> str:
    """Return the text of ``truth.toml``."""
    made = moments()
    spread = np.sqrt(np.diag(made.cov))
    pairs = [{"first": a, "second": b, "latent": v} for (a, b), v in EXOGENOUS.items()]
    paths = [{"source": a, "target": b, "latent": v} for (a, b), v in PATHS.items()]
    items = [
        {"construct": i.construct, "item": n, "loading": i.loading, "mean": m, "sd": s}
        for (n, i), m, s in zip(ITEMS.items(), made.mean, spread, strict=True)
    ]
    parts = [
        TRUTH,
        "# the satisfaction index with equal weights, of everyone",
        f"index = {plim.toml_value(index_of(made))}",
        plim.toml_rows("correlations", pairs),
        plim.toml_rows("paths", paths),
        plim.toml_rows("items", items),
        "\n# indices with equal weights, and percentages of complainers",
        plim.toml_rows("sectors", sector_table().to_dict("records")),
    ]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Write ``data.csv`` and ``truth.toml`` beside this file and print the truth."""
    layout.write(Path(__file__).parent, make_survey(), truth())
    print(sector_table().to_string(index=False))


if __name__ == "__main__":
    main()
