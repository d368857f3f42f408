"""Make ``data.csv`` and ``truth.toml``, a simulated bank survey, beside this file.

Six invented banks, one wave, 500 customers each.  No respondent is real: answers come
from the structural model of the improved index with the parameters below, so that the
truth behind every estimate is known; ``README.md`` explains.  The draw depends on
``SEED`` alone, so running the script again writes the same bytes.
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

SEED = 2  # see README.md, "Choice of the seed"
PER_BANK = 500

# Constructs in causal order: the first seven are exogenous.
EXOGENOUS = (
    "reliability",
    "assurance",
    "tangibles",
    "empathy",
    "responsiveness",
    "price",
    "complaint_handling",
)
CONSTRUCTS = (
    *EXOGENOUS,
    "satisfaction",
    "image",
    "affective_commitment",
    "calculative_commitment",
    "loyalty",
)

# The true standardised paths, for all customers.
PATHS = {
    ("reliability", "satisfaction"): 0.26,
    ("assurance", "satisfaction"): 0.13,
    ("tangibles", "satisfaction"): 0.05,
    ("empathy", "satisfaction"): 0.14,
    ("responsiveness", "satisfaction"): 0.19,
    ("price", "satisfaction"): 0.20,
    ("complaint_handling", "satisfaction"): 0.15,
    ("satisfaction", "image"): 0.72,
    ("satisfaction", "affective_commitment"): 0.64,
    ("satisfaction", "calculative_commitment"): 0.30,
    ("price", "loyalty"): 0.10,
    ("complaint_handling", "loyalty"): 0.08,
    ("satisfaction", "loyalty"): 0.30,
    ("image", "loyalty"): 0.20,
    ("affective_commitment", "loyalty"): 0.22,
    ("calculative_commitment", "loyalty"): 0.12,
}

# Correlations of the exogenous constructs, lower triangle in their order.
CORRELATIONS = """
.58
.40 .44
.50 .56 .42
.56 .52 .38 .58
.34 .30 .22 .32 .34
.40 .38 .24 .46 .50 .20
"""

# Construct, loading, then mean, sd and skewness at shift zero, then missing rates.
ITEMS = {
    "RELI1": Item("reliability", 0.86, 7.9, 1.9, -1.2),
    "RELI2": Item("reliability", 0.80, 8.1, 2.0, -1.3),
    "RELI3": Item("reliability", 0.84, 7.7, 1.9, -1.0),
    "RELI4": Item("reliability", 0.78, 7.6, 2.1, -1.0),
    "ASSU1": Item("assurance", 0.84, 7.8, 1.9, -1.0),
    "ASSU2": Item("assurance", 0.82, 8.2, 1.8, -1.2),
    "ASSU3": Item("assurance", 0.76, 7.4, 2.0, -0.8, 0.008),
    "TANG1": Item("tangibles", 0.80, 7.3, 1.9, -0.7),
    "TANG2": Item("tangibles", 0.74, 7.6, 1.9, -0.9),
    "TANG3": Item("tangibles", 0.76, 7.5, 2.0, -0.9),
    "EMPA1": Item("empathy", 0.84, 6.9, 2.3, -0.7),
    "EMPA2": Item("empathy", 0.86, 6.8, 2.3, -0.6),
    "EMPA3": Item("empathy", 0.80, 6.6, 2.4, -0.5, 0.006),
    "EMPA4": Item("empathy", 0.70, 6.9, 2.4, -0.6),
    "RESP1": Item("responsiveness", 0.84, 7.0, 2.2, -0.7),
    "RESP2": Item("responsiveness", 0.86, 7.3, 2.1, -0.9),
    "RESP3": Item("responsiveness", 0.74, 6.7, 2.4, -0.6),
    "PRICE1": Item("price", 0.86, 6.7, 2.1, -0.6),
    "PRICE2": Item("price", 0.76, 6.4, 2.1, -0.4, 0.020),
    "PRICE3": Item("price", 0.82, 6.2, 2.4, -0.4, 0.006),
    "HANDLE1": Item("complaint_handling", 0.92, 5.9, 2.7, -0.3, 0.004),
    "HANDLE2": Item("complaint_handling", 0.88, 5.6, 2.7, -0.2, 0.006),
    "SATIS": Item("satisfaction", 0.92, 7.6, 1.9, -1.1),
    "CONFIRM": Item("satisfaction", 0.88, 6.9, 2.0, -0.7),
    "IDEAL": Item("satisfaction", 0.86, 6.8, 2.2, -0.7, 0.006),
    "IMAGE1": Item("image", 0.86, 7.6, 1.9, -1.0),
    "IMAGE2": Item("image", 0.82, 7.5, 2.1, -1.0, 0.005),
    "IMAGE3": Item("image", 0.78, 7.1, 2.1, -0.7, 0.005),
    "IMAGE4": Item("image", 0.70, 6.7, 2.2, -0.5, 0.012),
    "KNOWLEDGE": Item("affective_commitment", 0.76, 6.9, 2.1, -0.6),
    "SOCIAL": Item("affective_commitment", 0.74, 6.3, 2.5, -0.5),
    "CULTURAL": Item("affective_commitment", 0.68, 6.4, 2.3, -0.4, 0.006),
    "VALUES": Item("affective_commitment", 0.80, 6.3, 2.2, -0.4, 0.008),
    "PSYCHOLOGICAL": Item("affective_commitment", 0.84, 6.8, 2.2, -0.7),
    "LEGAL": Item("calculative_commitment", 0.62, 5.2, 2.7, 0.0, 0.005),
    "ECONOMIC": Item("calculative_commitment", 0.74, 5.6, 2.6, -0.1, 0.006),
    "TECHNICAL": Item("calculative_commitment", 0.70, 6.1, 2.6, -0.3),
    "GEOGRAPHIC": Item("calculative_commitment", 0.52, 6.9, 2.5, -0.7),
    "TIME": Item("calculative_commitment", 0.76, 6.3, 2.6, -0.4),
    "STAY": Item("loyalty", 0.88, 7.9, 2.1, -1.3),
    "RECOMMEND": Item("loyalty", 0.90, 7.2, 2.3, -0.9),
    "EXTEND": Item("loyalty", 0.78, 6.8, 2.3, -0.7, 0.006),
}
HANDLING = ("HANDLE1", "HANDLE2")
SATISFACTION = ("SATIS", "CONFIRM", "IDEAL")

# Who complains: the chance by the answer to RELI2 (freedom from mistakes), 1 to 10.
# It depends on nothing else, so that the handling items are missing at random.
REASON = "RELI2"
CHANCES = np.array([0.72, 0.66, 0.60, 0.52, 0.43, 0.34, 0.25, 0.17, 0.11, 0.07])

# Own shifts of the banks in latent sd units, before the paths act.
BANKS = {
    "Basalt": {
        "reliability": 0.42,
        "assurance": 0.40,
        "tangibles": 0.45,
        "empathy": 0.25,
        "responsiveness": 0.35,
        "price": -0.30,
        "complaint_handling": 0.35,
        "image": 0.15,
    },
    "Flint": {
        "reliability": 0.15,
        "tangibles": -0.35,
        "empathy": -0.25,
        "responsiveness": 0.15,
        "price": 0.55,
        "calculative_commitment": -0.35,
    },
    "Garnet": {"tangibles": 0.05, "price": 0.05},
    "Jasper": {
        "reliability": 0.10,
        "assurance": 0.20,
        "empathy": 0.50,
        "responsiveness": 0.20,
        "complaint_handling": 0.40,
        "affective_commitment": 0.20,
    },
    "Opal": {
        "assurance": -0.10,
        "tangibles": 0.15,
        "empathy": -0.20,
        "responsiveness": -0.50,
        "price": -0.05,
        "complaint_handling": -0.45,
        "calculative_commitment": 0.25,
    },
    "Slate": {
        "reliability": -0.50,
        "assurance": -0.35,
        "tangibles": -0.20,
        "empathy": -0.20,
        "responsiveness": -0.25,
        "price": -0.15,
        "complaint_handling": -0.20,
        "image": -0.10,
    },
}

# Population shares, response propensities, and own shifts (of every RATER dimension).
REGIONS = {
    "North": (0.24, 0.90, 0.02),
    "East": (0.31, 1.10, -0.04),
    "South": (0.27, 1.15, 0.03),
    "West": (0.18, 0.80, 0.00),
}
AGE_GROUPS = {
    "18-29": (0.18, 0.60, -0.14),
    "30-44": (0.26, 0.85, -0.06),
    "45-59": (0.27, 1.10, 0.02),
    "60-74": (0.20, 1.35, 0.10),
    "75+": (0.09, 1.10, 0.16),
}


def exogenous_correlations() -> dict[tuple[str, str], float]:
    """Return the correlations written in ``CORRELATIONS`` by pair."""
    rows = [line.split() for line in CORRELATIONS.strip().splitlines()]
    return {
        (EXOGENOUS[i], EXOGENOUS[j]): float(value)
        for i, row in enumerate(rows, start=1)
        for j, value in enumerate(row)
    }


def construct_correlations() -> Floats:
    """Return the true correlations of the constructs."""
    return norta.construct_correlations(CONSTRUCTS, exogenous_correlations(), PATHS)


def item_shifts(bank: str, segment: float) -> list[float]:
    """Return the latent shift of every answer of a cell."""
    total: dict[str, float] = {}
    for name in CONSTRUCTS:
        moved = sum(b * total[a] for (a, to), b in PATHS.items() if to == name)
        rater = segment if name in EXOGENOUS[:5] else 0.0
        total[name] = BANKS[bank].get(name, 0.0) + rater + moved
    return [item.loading * total[item.construct] for item in ITEMS.values()]


@cache
def population() -> norta.Population:
    """Return the population: everyone's answers follow the structural model exactly."""
    cells = layout.crossed(norta.segments(REGIONS, AGE_GROUPS), bank=BANKS)
    target = norta.implied_correlations(ITEMS, CONSTRUCTS, construct_correlations())
    cuts = layout.thresholds(ITEMS)
    return layout.population(cells, ["bank"], item_shifts, cuts, target)


def moments(**groups: object) -> norta.Moments:
    """Return the moments of all answers, of all customers or those of one bank."""
    return population().moments(**groups)


@cache
def complainers(**groups: object) -> tuple[float, norta.Moments]:
    """Return share, and moments of all answers, of those who complain."""
    return population().selected(list(ITEMS).index(REASON), CHANCES, **groups)


def make_survey(seed: int = SEED, per_bank: int = PER_BANK) -> pd.DataFrame:
    """Return the survey as written to ``data.csv``."""
    rng = np.random.default_rng(seed)
    cells = norta.segments(REGIONS, AGE_GROUPS)
    size = per_bank * len(BANKS)
    pick = layout.picked(rng, cells, size)
    bank = np.repeat(np.arange(len(BANKS)), per_bank)
    given = population().draw(rng, bank * len(cells) + pick)
    reason = given[:, list(ITEMS).index(REASON)]
    complained = rng.random(size) < CHANCES[reason - 1]
    coded = norta.with_missing(rng, given, ITEMS)
    data = layout.respondents(cells, pick, bank=np.array(list(BANKS))[bank])
    data.insert(0, "respondent", np.arange(1, size + 1))
    for name, column in layout.columns(ITEMS, coded, complained, HANDLING).items():
        data[name] = column
    data.insert(data.columns.get_loc(HANDLING[0]), "COMP", complained.astype(np.int64))
    return data


def latent_paths(constructs: list[str]) -> dict[tuple[str, str], float]:
    """Return the true paths of the model that has only some of the constructs."""
    chosen = [CONSTRUCTS.index(name) for name in constructs]
    corr = construct_correlations()[np.ix_(chosen, chosen)]
    found = plim.regressions(corr, plim.structure(constructs, PATHS))
    return {
        (a, b): float(found[constructs.index(b), constructs.index(a)])
        for a, b in PATHS
        if a in constructs and b in constructs
    }


def limits(constructs: list[str], made: norta.Moments) -> plim.Limits:
    """Return what PLS estimates of the model with these constructs tend to."""
    return plim.limits(ITEMS, constructs, PATHS, made)


def section(name: str, constructs: list[str], made: norta.Moments) -> str:
    """Return a table of ``truth.toml``: one model, one population."""
    found = limits(constructs, made)
    index = found.scores[constructs.index("satisfaction")]
    parts = [
        f"[{name}]",
        f"index = {plim.toml_value(index)}",
        plim.toml_rows("paths", plim.path_rows(found, latent_paths(constructs))),
        plim.toml_rows("items", plim.item_rows(found, ITEMS)),
    ]
    return "\n".join(parts)


def index_of(made: norta.Moments) -> float:
    """Return the 0-100 satisfaction index with equal weights."""
    return layout.score(made, ITEMS, SATISFACTION)


def bank_table() -> pd.DataFrame:
    """Return true index and percentage of complainers by bank."""
    rows = [
        (
            bank,
            round(index_of(moments(bank=bank)), 3),
            round(100 * complainers(bank=bank)[0], 3),
        )
        for bank in BANKS
    ]
    return pd.DataFrame(rows, columns=["bank", "index", "complaining"])


TRUTH = """\
# Made by make.py: the parameters that data.csv was drawn from, and what estimates tend
# to as the sample grows. latent: the structural model; pls, loading, weight: PLS (mode
# A, path scheme, standardised items) on the exact moments of the population, computed
# by Mehler's formula, not by simulation (../norta.py). Indices weigh by w/s on 1-10.
"""


def truth() -> str:
    """Return the text of ``truth.toml``."""
    everyone = [name for name in CONSTRUCTS if name != "complaint_handling"]
    share, those = complainers()
    names = exogenous_correlations().items()
    pairs = [{"first": b, "second": a, "latent": value} for (a, b), value in names]
    banks = bank_table().to_dict("records")
    parts = [
        TRUTH,
        plim.toml_rows("correlations", pairs),
        "\n# indices with equal weights, and percentages of complainers",
        plim.toml_rows("banks", banks),
        "\n# all customers, the model without complaint handling",
        section("everyone", everyone, moments()),
        "\n# all customers, as if every one of them had been asked about handling",
        section("asked_all", list(CONSTRUCTS), moments()),
        "\n# those who complained; latent: as for all customers",
        section("complainers", list(CONSTRUCTS), those),
        f"share = {plim.toml_value(share)}",
    ]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Write ``data.csv`` and ``truth.toml`` beside this file and print the truth."""
    layout.write(Path(__file__).parent, make_survey(), truth())
    print(bank_table().to_string(index=False))


if __name__ == "__main__":
    main()
