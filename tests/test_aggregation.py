"""From companies to nations, and benchmarks with their method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.scoring import Benchmarks, Level, aggregate, rounded

COMPANIES = pd.DataFrame(
    {
        "company": ["A", "B", "C", "D", "all others"],
        "score": [70.0, 80.0, 64.5, 75.0, 60.0],
        "se": [1.0, 2.0, 1.5, 1.0, 3.0],
        "n": [250, 250, 250, 40, 100],
        "industry": ["air", "air", "bus", "bank", "bank"],
        "sector": ["transport", "transport", "transport", "finance", "finance"],
        "nation": "land",
        "revenue": [30.0, 10.0, 20.0, 5.0, np.nan],
    }
)
LEVELS = [
    Level("industry", "revenue", totals={"bank": 20.0, "air": 50.0}),
    Level("sector", "revenue"),
    Level("nation", {"transport": 0.25, "finance": 0.75}, decimals=1),
]


def made(**options: Any) -> pd.DataFrame:
    frame = COMPANIES.assign(revenue=COMPANIES["revenue"].fillna(15.0))
    return aggregate(frame, LEVELS, **options).set_index(["level", "unit"])


def test_aggregation_by_hand() -> None:
    table = made()
    air, bank = 0.75 * 70 + 0.25 * 80, 0.25 * 75 + 0.75 * 60
    transport = (40 * air + 20 * 64.5) / 60
    expected = {
        ("industry", "air"): air,
        ("industry", "bus"): 64.5,
        ("industry", "bank"): bank,
        ("sector", "transport"): transport,
        ("sector", "finance"): bank,
        ("nation", "land"): 0.25 * transport + 0.75 * bank,
    }
    found = table.loc[list(expected), "score"]
    assert_allclose(found, list(expected.values()))
    assert table.loc[("nation", "land"), "n"] == 890
    assert table.loc[("sector", "transport"), "members"] == 2
    below = table[table["parent"] != ""]
    assert_allclose(below.groupby(["level", "parent"])["weight"].sum(), 1)


def test_standard_errors_are_carried_up_exactly() -> None:
    """Var = sum a^2 SE^2 with the product of the weights on each company's way up."""
    table = made()
    ways = {
        "A": 0.25 * (40 / 60) * 0.75,
        "B": 0.25 * (40 / 60) * 0.25,
        "C": 0.25 * (20 / 60),
        "D": 0.75 * 0.25,
        "all others": 0.75 * 0.75,
    }
    errors = COMPANIES.set_index("company")["se"]
    variance = sum(a**2 * errors[name] ** 2 for name, a in ways.items())
    row = table.loc[("nation", "land")]
    assert_allclose(row["se"], np.sqrt(variance))
    assert_allclose(row["high"] - row["low"], 2 * 1.959964 * row["se"], rtol=1e-6)
    score = sum(
        a * COMPANIES.set_index("company")["score"][name] for name, a in ways.items()
    )
    assert_allclose(row["score"], score)


def test_standard_errors_by_simulation() -> None:
    rng = np.random.default_rng(4)
    draws = rng.normal(COMPANIES["score"], COMPANIES["se"], size=(4000, 5))
    weights = np.array([0.125, 1 / 24, 1 / 12, 0.1875, 0.5625])
    found = made().loc[("nation", "land"), "se"]
    # Monte Carlo error of a standard deviation from 4000 draws: 1.1 percent
    assert_allclose((draws @ weights).std(ddof=1), found, rtol=0.04)


def test_all_others_take_the_rest_of_a_known_total() -> None:
    table = aggregate(COMPANIES, LEVELS[:1]).set_index("unit")
    assert_allclose(table.loc[["D", "all others"], "weight"], [0.25, 0.75])
    # air covers 40 of 50; of bus no total is known
    assert_allclose(table.loc[["air", "bank", "bus"], "coverage"], [0.8, 1, np.nan])


def test_small_samples_count_but_are_not_published() -> None:
    table = made(minimum_n=100)
    row = table.loc[("company", "D")]
    assert np.isnan(row["published"])
    assert row["note"] == "n = 40 is below 100: not published"
    assert row["weight"] == 0.25
    assert_allclose(table.loc[("industry", "bank"), "score"], 63.75)


def test_published_scores_are_rounded_half_up() -> None:
    table = made()
    assert table.loc[("company", "C"), "published"] == 65
    assert table.loc[("industry", "bank"), "published"] == 64
    assert table.loc[("nation", "land"), "published"] == 65.3
    # 72.5 as a sum of floats
    assert rounded(0.1 * 725) == 73
    # 1.005 is a hair less as a float
    assert rounded(1.005, 2) == 1.01
    assert rounded(73.04, 1) == 73.0
    assert np.isnan(rounded(np.nan))


def test_a_bootstrap_by_company_can_be_aggregated() -> None:
    survey = csi.load_dataset("retail")
    boot = csi.bootstrap(csi.fit(csi.acsi(), survey, by="company"), n=60)
    table = boot.index.reset_index().assign(industry="shops", revenue=1.0)
    row = aggregate(table, [Level("industry", "revenue")]).iloc[-1]
    assert_allclose(row["score"], boot.index["estimate"].mean())
    size = len(boot.index)
    assert_allclose(row["se"], np.sqrt((boot.index["se"] ** 2).sum()) / size)


REVENUE = Level("industry", "revenue")


@pytest.mark.parametrize(
    ("change", "levels", "fragments"),
    [
        ({}, [], ["levels is a list"]),
        ({}, ["industry"], ["levels is a list"]),
        ({}, [Level("industri", "revenu")], ["'industri'", "'revenu'", "'revenue'?"]),
        ({}, [REVENUE], ["bank", "missing for 'all others'", "totals="]),
        ({"score": np.nan}, [REVENUE], ["score is missing for 'A', 'B'"]),
        ({"se": "small"}, [REVENUE], ["must hold numbers"]),
        ({"se": -1.0}, [REVENUE], ["zero or more"]),
        ({"company": "A"}, [REVENUE], ["company 'A' is given twice"]),
        ({"revenue": -1.0}, [REVENUE], ["are negative", "'A', 'B'"]),
        ({"revenue": 0.0}, [REVENUE], ["weigh nothing"]),
        ({"revenue": "much"}, [REVENUE], ["'revenue' must hold numbers"]),
        (
            {"revenue": 1.0},
            [Level("industry", "revenue", {"air": 1.5})],
            ["weigh 2, more than its known total 1.5"],
        ),
        (
            {},
            [Level("industry", "revenue", {"bank": 4.0})],
            ["nothing is left for 'all others'"],
        ),
        (
            {"revenue": 1.0, "sector": list("ababa")},
            [REVENUE, Level("sector", "revenue")],
            ["industry 'air' belongs to several of sector"],
        ),
        ({}, [Level("industry", {"AA": 1.0})], ["unknown member 'AA' of industry"]),
    ],
)
def test_faulty_aggregations(
    change: dict[str, Any], levels: Any, fragments: list[str]
) -> None:
    with pytest.raises(csi.CsindexError) as caught:
        aggregate(COMPANIES.assign(**change), levels)
    assert [f for f in fragments if f not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("companies", "level", "fragment"),
    [([1], 0.95, "not list"), (COMPANIES, 95, "level must lie between 0 and 1")],
)
def test_what_cannot_be_aggregated(companies: Any, level: float, fragment: str) -> None:
    with pytest.raises(csi.SpecificationError, match=fragment):
        aggregate(companies, LEVELS, level=level)


# published national scores; the last two are on a revised series with larger samples
ACSI = pd.DataFrame(
    {
        "unit": "nation",
        "period": ["2022Q1", "2022Q4", "2023Q2", "2023Q4", "2024Q1"],
        "score": [73.2, 73.4, 74.1, 77.8, 78.0],
        "method": ["1994", "1994", "1994", "revised 2023", "revised 2023"],
    }
)


def test_two_methods_never_meet_in_a_trend() -> None:
    table = Benchmarks(ACSI)
    with pytest.raises(csi.SpecificationError, match="several methods, '1994', 'rev"):
        table.trend("nation")
    assert table.methods("nation") == ("1994", "revised 2023")
    changes = table.trend("nation", "1994")["change"]
    assert_allclose(changes[1:], [0.2, 0.7])
    assert_allclose(table.trend("nation", "revised 2023")["change"][1:], 0.2)


def test_gaps_need_the_same_method() -> None:
    table = Benchmarks(ACSI)
    assert_allclose(table.gap(70, "nation", "revised 2023"), 8)
    assert_allclose(table.gap(70, "nation", "1994", "2022Q1"), 3.2)
    with pytest.raises(csi.SpecificationError, match="not by 'mine'; scores of two"):
        table.gap(70, "nation", "mine")
    assert table.of_units(["nation"], "1994") == {"nation": 74.1}


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        ({"score": 120}, "scores must lie on 0-100, not 120"),
        ({"score": "good"}, "scores must lie on 0-100, not 'good'"),
        ({"method": None}, "method is missing in 5 rows"),
        ({"period": 2022, "method": "x"}, "'nation' has two scores for 2022"),
    ],
)
def test_faulty_benchmarks(change: dict[str, Any], fragment: str) -> None:
    with pytest.raises(csi.DataError, match=fragment):
        Benchmarks(ACSI.assign(**change))


def test_what_benchmarks_do_not_have() -> None:
    table = Benchmarks(ACSI)
    with pytest.raises(csi.DataError, match="unknown unit 'natoin'"):
        table.trend("natoin")
    with pytest.raises(csi.DataError, match="unknown period '2022Q3'"):
        table.gap(70, "nation", "1994", "2022Q3")
    with pytest.raises(csi.DataError, match="unknown column 'method'"):
        Benchmarks(ACSI.drop(columns="method"))
    with pytest.raises(csi.SpecificationError, match="not list"):
        Benchmarks([1])
