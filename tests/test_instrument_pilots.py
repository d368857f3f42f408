"""Small and faulty pilots: what can be said of every item is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.diagnostics.instrument import InstrumentValidation, validate_instrument
from csindex.kernels.agreement import intraclass

MODEL = csi.Model(
    "pilot",
    [
        csi.reflective("quality", "q1", "q2", "q3"),
        csi.reflective("satisfaction", "s1", "s2", "s3"),
        csi.reflective("loyalty", "l1"),
    ],
    [("quality", "satisfaction"), ("satisfaction", "loyalty")],
    index="satisfaction",
)


def frame(n: int, seed: int = 1) -> pd.DataFrame:
    """Return answers of n respondents to all items, in whole steps from 1 to 10."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, 1))
    values = 6 + 1.5 * common + rng.normal(size=(n, 7))
    table = pd.DataFrame(np.clip(np.round(values), 1, 10), columns=MODEL.items)
    return table.assign(person=np.arange(n), sex=np.where(np.arange(n) % 3, "f", "m"))


def survey(table: pd.DataFrame, **options: Any) -> csi.Survey:
    return csi.read_survey(table, scale=(1, 10), **options)


def validated(table: pd.DataFrame, **options: Any) -> InstrumentValidation:
    return validate_instrument(survey(table), MODEL, draws=100, **options)


FAULTS: dict[str, tuple[Any, str, str]] = {
    "constant": (lambda t: 7.0, "q2", "is constant: every answer is 7"),
    "empty": (lambda t: np.nan, "q2", "has no answers at all"),
    "one answer": (lambda t: [5.0] + [np.nan] * 199, "q2", "has one answer only"),
    "copy": (lambda t: t["q1"], "q2", "the same as those of 'q1'"),
    "mirror": (lambda t: 11 - t["q1"], "q2", "the same as those of 'q1'"),
    "only item": (lambda t: 3.0, "l1", "is constant"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_item_that_tells_nothing_is_to_be_dropped(fault: str) -> None:
    change, item, reason = FAULTS[fault]
    table = frame(200)
    found = validated(table.assign(**{item: change(table)}))
    assert found.verdicts["item"].tolist() == list(MODEL.items)
    row = found.verdicts.set_index("item").loc[item]
    assert row["verdict"] == "drop"
    assert reason in row["reason"]
    assert row["construct"] == ("loyalty" if item == "l1" else "quality")
    # the others are analysed as if it had never been asked
    rest = {"quality": ["q1", "q3"]} if item == "q2" else {}
    model = MODEL.with_items(**rest) if rest else MODEL.without("loyalty")
    alone = validate_instrument(survey(table), model, draws=100)
    pd.testing.assert_frame_equal(
        found.items[found.items["item"] != item].reset_index(drop=True), alone.items
    )
    pd.testing.assert_frame_equal(found.structure, alone.structure)
    pd.testing.assert_series_equal(
        found.careless_effect["index"], alone.careless_effect["index"]
    )
    assert f"drop {item}" in repr(found)
    assert "<table" in found._repr_html_()


def test_answers_of_dropped_items_are_counted() -> None:
    table = frame(50)
    table["q2"] = [5.0] * 40 + [np.nan] * 10
    row = validated(table).items.set_index("item").loc["q2"]
    assert row["n"] == 40
    assert_allclose(row["missing"], 0.2)


def test_nothing_that_varies_is_an_error() -> None:
    table = frame(30)
    table[list(MODEL.items)] = 4.0
    with pytest.raises(csi.DataError, match="'q1' is constant") as caught:
        validated(table)
    assert len(caught.value.problems) == 7
    with pytest.raises(csi.DataError, match="must hold numbers"):
        validated(frame(30).assign(q1="often", q2=5.0))


@pytest.mark.parametrize("n", [4, 7])
def test_a_small_pilot_has_all_but_factors(n: int) -> None:
    table = frame(n)
    ratings = pd.DataFrame({"q1": [4, 4, 3], "q2": [1, 1, 2]})
    found = validated(table, experts=ratings)
    assert found.structure.empty
    told = [note for note in found.notes if "no factor analysis and no dist" in note]
    assert len(told) == 1
    assert f"{n} respondents for 7 items" in told[0]
    items = found.items.set_index("item")
    assert_allclose(items["mean"], table[list(MODEL.items)].mean())
    assert_allclose(items["sd"], table[list(MODEL.items)].std())
    own = table[["q1", "q2", "q3"]]
    total = own.drop(columns="q1").sum(axis=1)
    assert_allclose(items.loc["q1", "item_total"], np.corrcoef(own["q1"], total)[0, 1])
    shares = (table[list(MODEL.items)] == 10).mean()
    several = table[list(MODEL.items)].nunique() > 2
    assert_allclose(items["ceiling"], shares.where(several))
    assert items.loc["q2", "verdict"] == "drop"
    assert "experts: kappa" in items.loc["q2", "reason"]
    assert found.careless["distance"].isna().all()
    assert sum(note.startswith("no index at all") for note in found.notes) == 1
    assert "no factor analysis" in repr(found)


def test_a_small_pilot_with_gaps_weights_and_strata() -> None:
    table = frame(6).assign(w=[0.0, 1, 2, 3, 1, 1], region=list("aabbab"))
    table.loc[1, "q1"] = np.nan
    found = validate_instrument(
        survey(table, weights="w", strata="region"), MODEL, draws=100
    )
    used = table.iloc[1:]
    items = found.items.set_index("item")
    assert items.loc["q1", "n"] == 4
    assert_allclose(items.loc["q2", "mean"], np.average(used["q2"], weights=used["w"]))
    known = used.dropna()
    assert_allclose(
        items.loc["q1", "mean"], np.average(known["q1"], weights=known["w"])
    )


def test_items_that_nobody_answered_together_have_no_factors() -> None:
    table = frame(60)
    table.loc[:29, "q1"] = np.nan
    table.loc[30:, "s1"] = np.nan
    found = validated(table)
    assert any("q1 and s1" in note and "no factor" in note for note in found.notes)
    assert found.items.set_index("item").loc["q1", "n"] == 30


def test_margins_as_a_series() -> None:
    shares = {"f": 0.5, "m": 0.5}
    tables = [
        validated(frame(60), margins={"sex": given})
        for given in (shares, pd.Series(shares))
    ]
    weights = [table.nonresponse.weights for table in tables if table.nonresponse]
    pd.testing.assert_series_equal(*weights)
    with pytest.raises(csi.SpecificationError, match="shares of the population by col"):
        validated(frame(60), margins=["sex"])


def test_retest_of_some_items() -> None:
    table = frame(80)
    again = table.drop(columns=["q3", "s3", "l1"]).sample(60, random_state=2)
    again["q1"] = np.clip(again["q1"] + np.resize([0, 1, -1], 60), 1, 10)
    again["s2"] = 5.0
    found = validated(table, retest=survey(again), id="person")
    assert found.retest is not None
    rows = found.retest.set_index("name")
    assert rows.index.tolist() == ["q1", "q2", "s1", "quality"]
    both = table.loc[again.index]
    expected = (both[["q1", "q2"]].mean(axis=1) - 1) * 100 / 9
    assert_allclose(rows.loc["quality", "first"], expected.mean())
    assert any("second survey lacks 'q3', 's3', 'l1'" in note for note in found.notes)
    assert any("'s2' is constant" in note for note in found.notes)
    with pytest.raises(csi.DataError, match="the second survey lacks"):
        validated(table, retest=survey(table[["person"]].assign(x=1)), id="person")


def test_retest_with_ids_of_another_type() -> None:
    table = frame(40)
    again = table.assign(person=table["person"].astype(str))
    with pytest.raises(
        csi.DataError, match=r"only 0 respondents .* type int64"
    ) as told:
        validated(table, retest=survey(again), id="person")
    assert "'0'" in str(told.value)


# Shrout & Fleiss (1979), table 2: six subjects, four judges
JUDGED = [
    [9.0, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
]


def test_intervals_of_agreement_are_those_of_the_r_package_psych() -> None:
    found = intraclass(np.array(JUDGED))
    absolute, consistent = found.absolute, found.consistent
    printed = [absolute.value, absolute.low, absolute.high]
    assert_allclose(printed, [0.29, 0.019, 0.76], atol=0.005)
    printed = [consistent.value, consistent.low, consistent.high]
    assert_allclose(printed, [0.71, 0.342, 0.95], atol=0.005)


def test_intervals_of_agreement_cover_the_truth() -> None:
    rng = np.random.default_rng(3)
    hits = np.zeros(2)
    for _ in range(1500):
        subjects = rng.normal(size=(15, 1)) * np.sqrt(0.6)
        found = intraclass(subjects + rng.normal(size=(15, 2)) * np.sqrt(0.4))
        hits += [
            found.absolute.low < 0.6 < found.absolute.high,
            found.consistent.low < 0.6 < found.consistent.high,
        ]
    # three standard errors of a share of .95
    assert_allclose(hits / 1500, 0.95, atol=3 * np.sqrt(0.05 * 0.95 / 1500))


@pytest.mark.parametrize(
    ("values", "absolute", "consistent"),
    [
        # the same answers twice
        ([[1, 1], [2, 2], [4, 4]], (1, 1, 1), (1, 1, 1)),
        # everyone one point higher: exact in order, not in value
        ([[1, 2], [2, 3], [4, 5]], None, (1, 1, 1)),
        # nothing varies
        ([[2, 2], [2, 2], [2, 2]], (np.nan,) * 3, (np.nan,) * 3),
        # no subject differs from any other
        ([[1, 2], [1, 2], [1, 2]], (0, np.nan, np.nan), (np.nan,) * 3),
    ],
)
def test_agreement_at_its_ends(
    values: list[list[float]], absolute: Any, consistent: Any
) -> None:
    found = intraclass(np.array(values, dtype=float))
    for one, expected in ((found.absolute, absolute), (found.consistent, consistent)):
        if expected is not None:
            assert_allclose([one.value, one.low, one.high], expected)


def test_retest_has_the_intervals() -> None:
    table = frame(40)
    noise = np.random.default_rng(5).integers(-1, 2, size=(40, 7))
    again = table.copy()
    again[list(MODEL.items)] = np.clip(table[list(MODEL.items)] + noise, 1, 10)
    found = validated(table, retest=survey(again), id="person").retest
    assert found is not None
    row = found.set_index("name").loc["s1"]
    own = intraclass(np.column_stack([table["s1"], again["s1"]]))
    assert_allclose(
        [row["icc_2_1_low"], row["icc_2_1"], row["icc_2_1_high"]],
        [own.absolute.low, own.absolute.value, own.absolute.high],
    )
    assert row["icc_3_1_low"] < row["icc_3_1"] < row["icc_3_1_high"] < 1
