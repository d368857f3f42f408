"""Surveys: from answers to numbers on a scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

import csindex as csi

# the same examples every time, however long a busy machine takes
STEADY = settings(deadline=None, derandomize=True)

ACSI = csi.acsi().instrument
ITEMS = ["q1", "q2", "s1", "s2"]
MODEL = csi.Model(
    "small",
    (csi.reflective("quality", "q1", "q2"), csi.reflective("satisfaction", "s1", "s2")),
    (("quality", "satisfaction"),),
    index="satisfaction",
)


def answers(n: int = 120, seed: int = 0) -> pd.DataFrame:
    """Return answers from 1 to 10 to four items of one kind."""
    rng = np.random.default_rng(seed)
    drawn = 6 + 2 * rng.normal(size=(n, 1)) + rng.normal(size=(n, 4))
    return pd.DataFrame(np.clip(np.round(drawn), 1, 10), columns=ITEMS)


@pytest.mark.parametrize("kind", ["float64", "Int64", "object", "string"])
def test_columns_of_any_kind_give_the_same_answers(kind: str) -> None:
    given = answers(n=30).astype(int)
    given.loc[3, "q1"], given.loc[4, "s2"], given.loc[5, "q2"] = 99, 98, 99
    book = csi.Codebook(
        [
            csi.Item("q1", scale=(1, 10), missing=(99,)),
            csi.Item("q2", scale=(0, 10), missing=(98, 99), reversed=True),
            csi.Item("s2", missing=(98,)),
        ]
    )
    survey = csi.read_survey(given.astype(kind).assign(name="Ann"), codebook=book)
    found = survey.answers(ITEMS, incomplete="pairwise")
    expected = given.astype(float)
    expected.loc[3, "q1"] = expected.loc[4, "s2"] = np.nan
    expected["q2"] = (10 - expected["q2"]).mask(expected["q2"] == 99)
    assert_array_equal(found.values, expected.to_numpy())
    # what was read is left as it was
    assert survey.frame["q1"].astype(int).tolist() == given["q1"].tolist()


# REPUR, HIGHPTOL, LOWPTOL and the price tolerance they give:
# 25 + min(HIGHPTOL, 25) if REPUR >= 6, 25 - min(LOWPTOL, 25) if REPUR <= 5
TOLERANCE = [
    (6, 0, np.nan, 25),
    (10, 10, np.nan, 35),
    (8, 25, np.nan, 50),
    (8, 26, np.nan, 50),  # 26: more than 25
    (5, np.nan, 0, 25),
    (1, np.nan, 10, 15),
    (3, np.nan, 25, 0),
    (3, np.nan, 26, 0),
    (9, 98, np.nan, None),  # don't know
    (9, 99, np.nan, None),  # refused
    (9, 101, np.nan, None),
    (2, np.nan, 98, None),
    (2, np.nan, 101, None),
    (98, 10, np.nan, None),  # nobody knows which question was to be asked
    (np.nan, 10, 10, None),
    (7, np.nan, 10, None),  # the other question was asked
    (4, 10, np.nan, None),
]
ROUTED = pd.DataFrame(TOLERANCE, columns=["REPUR", "HIGHPTOL", "LOWPTOL", "expected"])


def tolerance(frame: pd.DataFrame) -> pd.Series:
    """Return the price tolerance of those who have one."""
    survey = csi.read_survey(frame, scale=(1, 10), missing=(98, 99))
    made = survey.answers(["PTOL"], ACSI)
    assert (made.low[0], made.high[0]) == (0, 50)
    return pd.Series(made.values[:, 0], index=made.rows)


def test_price_tolerance_follows_the_two_questions() -> None:
    expected = ROUTED["expected"].astype(float).dropna()
    pd.testing.assert_series_equal(
        tolerance(ROUTED), expected, check_names=False, check_index_type=False
    )


def test_price_tolerance_of_the_file_comes_first() -> None:
    own = np.arange(len(ROUTED)) % 7
    assert_array_equal(tolerance(ROUTED.assign(PTOL=own)), own)


def test_one_question_may_stay_unasked() -> None:
    loyal = ROUTED[ROUTED["REPUR"].between(6, 10)].reset_index(drop=True)
    expected = loyal["expected"].astype(float).dropna()
    assert_array_equal(tolerance(loyal), expected)


def test_price_tolerance_without_its_questions() -> None:
    renamed = ROUTED.rename(columns={"HIGHPTOL": "HIPTOL", "REPUR": "repur"})
    with pytest.raises(csi.DataError, match="2 problems") as caught:
        csi.read_survey(renamed).answers(["PTOL"], ACSI)
    told = str(caught.value)
    assert "unknown column 'HIGHPTOL' in the rules that compute 'PTOL'" in told
    assert "did you mean 'HIPTOL'?; add it, or leave 'PTOL' out" in told
    assert "unknown column 'REPUR'" in told


def test_what_is_wrong_with_a_source_is_told_once() -> None:
    wrong = ROUTED.assign(HIGHPTOL=ROUTED["HIGHPTOL"].replace(10, 27))
    with pytest.raises(csi.DataError, match=r"^column 'HIGHPTOL' has .* 27 \(4 times"):
        csi.read_survey(wrong, missing=(98, 99)).answers(["PTOL"], ACSI)


def test_skip_rules_are_counted() -> None:
    frame = pd.DataFrame(
        {
            "COMP": [1, 1, 1, 0, 0, np.nan, 98],
            "HANDLE": [5, 98, np.nan, np.nan, 7, 3, np.nan],
            "REPUR": [6, 7, 5, 5, 1, 10, np.nan],
            "HIGHPTOL": [1, 98, 3, np.nan, np.nan, np.nan, 5],
        }
    )
    found = csi.read_survey(frame, missing=(98,)).skip_violations(ACSI)
    assert found.to_numpy().tolist() == [
        ["HANDLE", "COMP == 1", 3, 2, 2],
        ["HIGHPTOL", "REPUR >= 6", 3, 2, 2],
    ]
    assert found.columns.to_list()[2:] == [
        "asked",
        "answered_unasked",
        "asked_unanswered",
    ]


def test_no_skip_rules_give_an_empty_table() -> None:
    assert csi.read_survey(answers()).skip_violations().empty


def test_the_first_condition_that_holds_gives_the_value() -> None:
    derived = csi.Item(
        "d", derive=(("q1 >= 8", "100"), ("q1 >= 5", "q2 * 2"), ("q1 < 3", "-q2"))
    )
    frame = pd.DataFrame({"q1": [9, 5, 4, 1, np.nan, 8], "q2": [1, 2, 3, 4, 5, 6]})
    made = csi.read_survey(frame, codebook=csi.Codebook((derived,))).answers(["d"])
    assert_array_equal(made.values[:, 0], [100, 4, -4, 100])
    assert_array_equal(made.rows, [0, 1, 3, 5])


@STEADY
@given(
    hnp.arrays(np.int64, 12, elements=st.integers(1, 7)).filter(lambda x: np.ptp(x) > 0)
)
def test_reversed_items_are_turned_round(values: np.ndarray) -> None:
    frame = pd.DataFrame({"q": values})
    survey = csi.read_survey(frame, scale=(1, 7), reverse="q")
    assert_array_equal(survey.answers(["q"]).values[:, 0], 8 - values)


def test_reversing_an_item_in_the_data_and_in_the_survey_changes_nothing() -> None:
    frame = answers()
    turned = frame.assign(q2=11 - frame["q2"])
    plain = csi.fit(MODEL, csi.read_survey(frame, scale=(1, 10)))
    again = csi.fit(MODEL, csi.read_survey(turned, scale=(1, 10), reverse=["q2"]))
    assert_allclose(again.paths["estimate"], plain.paths["estimate"], rtol=1e-12)
    assert_allclose(again.scores["score"], plain.scores["score"], rtol=1e-12)


def test_missing_codes_are_no_answers() -> None:
    frame = pd.DataFrame({"q": [1, 98, 5, 99, np.nan, 10], "r": [1, 2, 98, 3, 4, 5]})
    book = csi.Codebook((csi.Item("q", missing=(99,)),), missing=(98,))
    survey = csi.read_survey(frame, scale=(1, 10), missing=10, codebook=book)
    assert_array_equal(survey.answers(["q"]).values[:, 0], [1, 5])
    assert_array_equal(survey.answers(["r"]).values[:, 0], [1, 2, 3, 4, 5])


def test_scales_by_name_and_for_the_rest() -> None:
    scale = {"*": (1, 10), "q2": [0, 20], "s2": (0, 10)}
    made = csi.read_survey(answers(), scale=scale).answers(ITEMS)
    assert_array_equal(made.low, [1, 0, 1, 0])
    assert_array_equal(made.high, [10, 20, 10, 10])
    assert np.isnan(csi.read_survey(answers()).answers(ITEMS).low).all()


def test_arguments_come_before_the_codebook() -> None:
    book = csi.Codebook(
        (csi.Item("q1", (1, 20)),), (1, 30), (97,), "q2", groups=("s1",), title="T"
    )
    frame = answers()
    own = csi.read_survey(frame, codebook=book).codebook
    assert own == book
    other = csi.read_survey(
        frame, (1, 10), weights="s2", groups=["q2"], codebook=book
    ).codebook
    assert other.scale == (1, 10)
    assert other.item("q1").scale == (1, 20)
    assert (other.weights, other.groups, other.title) == ("s2", ("q2",), "T")


def test_a_codebook_file_beside_the_answers(tmp_path: Path) -> None:
    path = tmp_path / "codebook.toml"
    path.write_text("scale = [1, 10]\n[items.q1]\nscale = [0, 10]\n")
    made = csi.read_survey(answers(), codebook=path).answers(ITEMS)
    assert_array_equal(made.low, [0, 1, 1, 1])


def test_the_sample_flow_tells_who_is_left_out() -> None:
    frame = answers(50).assign(w=1.0)
    frame.loc[:4, "w"] = 0
    frame.loc[3:9, "q1"] = 99
    survey = csi.read_survey(frame, scale=(1, 10), missing=(99,), weights="w")
    steps = ["read", "with weight", "with any answer", "complete", "used"]
    flow = dict(zip(steps, [50, 45, 45, 40, 40], strict=True))
    assert dict(survey.answers(ITEMS).flow) == flow
    found = csi.fit(MODEL, survey).sample_flow.to_dict()
    assert {step: found[step] for step in steps} == flow


def test_answers_of_weight_zero_are_not_looked_at() -> None:
    frame = answers(50).assign(w=1.0)
    frame.loc[0, ["q1", "w"]] = (55, 0)
    used = csi.read_survey(frame, scale=(1, 10), weights="w").answers(ITEMS)
    assert_array_equal(used.rows, np.arange(1, 50))


INDEXES: dict[str, pd.Index] = {
    "repeated": pd.Index([7] * 60),
    "texts": pd.Index([f"r{k % 9}" for k in range(60)], name="person"),
    "pairs": pd.MultiIndex.from_product(
        [range(6), range(10)], names=["shop", "person"]
    ),
    "backwards": pd.RangeIndex(60, 0, -1),
}


@pytest.mark.parametrize("kind", INDEXES)
def test_respondents_keep_their_labels(kind: str) -> None:
    frame = answers(60)
    plain = csi.fit(MODEL, csi.read_survey(frame, (1, 10))).respondent_scores()
    labelled = frame.set_axis(INDEXES[kind], axis=0)
    labelled.iloc[[3, 5], 0] = np.nan
    scores = csi.fit(MODEL, csi.read_survey(labelled, (1, 10))).respondent_scores()
    kept = np.delete(np.arange(60), [3, 5])
    pd.testing.assert_index_equal(scores.index, INDEXES[kind][kept])
    assert len(plain) == 60


def test_a_frame_goes_straight_into_a_fit() -> None:
    frame = answers()
    direct = csi.fit(MODEL, frame)
    read = csi.fit(MODEL, csi.read_survey(frame, scale=(1, 10)))
    assert_array_equal(direct.paths["estimate"], read.paths["estimate"])
    with pytest.raises(csi.SpecificationError, match=r"scale=\(1, 10\) in read_survey"):
        _ = direct.index


@pytest.mark.filterwarnings("ignore:30 of 120 respondents are in none of the groups")
@pytest.mark.parametrize(
    ("column", "labels"),
    [
        (["b", "a", None, "b"], ["a", "b"]),
        ([2, 10, 1, np.nan], [1, 2, 10]),
        ([2, "x", None, 2], [2, "x"]),
        (pd.Categorical(["lo", "hi", "lo", "hi"], ["lo", "hi"]), ["lo", "hi"]),
        ([True, False, True, False], [False, True]),
        (pd.array([3, 1, None, 3], dtype="Int64"), [1, 3]),
    ],
)
def test_groups_are_in_the_order_of_their_labels(
    column: Any, labels: list[Any]
) -> None:
    times = 30
    frame = answers(4 * times)
    frame["g"] = pd.concat([pd.Series(column)] * times, ignore_index=True)
    by = csi.fit(MODEL, csi.read_survey(frame, scale=(1, 10)), by="g")
    assert list(by) == labels
    for label in labels:
        own = frame[[g is not pd.NA and g == label for g in frame["g"]]]
        alone = csi.fit(MODEL, csi.read_survey(own, scale=(1, 10)))
        assert by[label].n == len(own)
        assert by[label].index == pytest.approx(alone.index, rel=1e-12)


def test_groups_that_fail_leave_the_others_alone() -> None:
    frame = answers(90).assign(g=["a"] * 40 + ["b"] * 44 + ["c"] * 4 + ["d"] * 2)
    frame.loc[40:83, "s1"] = 5
    survey = csi.read_survey(frame, scale=(1, 10))
    with pytest.warns(csi.AnswersWarning) as caught:
        by = csi.fit(MODEL, survey, by="g")
    told = str(caught[0].message)
    assert "groups of 'g' without results" in told
    for fragment in ("'b': item 's1' is constant", "'c': 4 ", "'d': 2 "):
        assert fragment in told
    alone = csi.fit(MODEL, csi.read_survey(frame[:40], scale=(1, 10)))
    assert by["a"].index == pytest.approx(alone.index, rel=1e-12)
    assert by.index.isna().to_dict() == {"a": False, "b": True, "c": True, "d": True}
    with pytest.raises(csi.DataError, match="group 'b' of 'g': item 's1' is constant"):
        by["b"]
    with pytest.raises(csi.DataError, match="unknown group 'e' of 'g'"):
        by["e"]


def test_a_survey_tells_what_it_is() -> None:
    survey = csi.read_survey(answers(7))
    assert repr(survey) == "Survey(7 respondents, 4 columns, pandas data frame)"
    assert len(survey) == 7


@pytest.mark.parametrize("role", ["strata", "clusters"])
@pytest.mark.parametrize("gap", [np.nan, None, "", "  "])
def test_respondents_of_no_stratum_or_cluster_are_refused(role: str, gap: Any) -> None:
    frame = answers()
    frame["unit"] = np.repeat([f"u{k}" for k in range(12)], 10)
    frame["unit"] = frame["unit"].astype(object)
    frame.loc[[3, 40, 41], "unit"] = gap
    design: dict[str, Any] = {role: "unit"}
    survey = csi.read_survey(frame, scale=(1, 10), **design)
    with pytest.raises(csi.DataError) as caught:
        csi.fit(MODEL, survey)
    told = f"column 'unit' tells the {role} of the sample, but is empty for 3 of 120"
    assert told in str(caught.value)
    # who isn't used needs none
    frame.loc[[3, 40, 41], "q1"] = np.nan
    used = csi.read_survey(frame, scale=(1, 10), **design).answers(ITEMS)
    codes = used.strata if role == "strata" else used.clusters
    assert codes is not None
    kept = frame["unit"].drop([3, 40, 41])
    assert_array_equal(codes[:, None] == codes, kept.to_numpy()[:, None] == [*kept])


def test_codes_of_no_stratum_are_missing_too() -> None:
    frame = answers().assign(unit=[1, 2, 9] * 40)
    book = csi.Codebook([csi.Item("unit", missing=(9,))], strata="unit")
    with pytest.raises(csi.DataError, match="empty for 40 of 120"):
        csi.read_survey(frame, codebook=book).answers(ITEMS)


def test_weights_that_lie_beside_the_answers() -> None:
    frame = answers()
    rng = np.random.default_rng(1)
    design = {
        "weights": rng.uniform(0.5, 2, 120),
        "strata": np.repeat([1, 2], 60),
        "clusters": np.arange(120) // 4,
    }
    named = csi.read_survey(frame.assign(**design), scale=(1, 10), **_same(design))
    expected = csi.fit(MODEL, named)
    kinds: dict[str, Any] = {
        "arrays": design,
        "lists": {role: values.tolist() for role, values in design.items()},
        "series": {role: pd.Series(values) for role, values in design.items()},
    }
    for beside in kinds.values():
        found = csi.fit(MODEL, csi.read_survey(frame, scale=(1, 10), **beside))
        assert found.index == expected.index
        assert found.survey is not None
        used, same = found.survey.answers(ITEMS), named.answers(ITEMS)
        assert_array_equal(used.row_weights, same.row_weights)
        assert_array_equal(used.strata, same.strata)
        assert_array_equal(used.clusters, same.clusters)
    # a column of that name stays as it is
    other = csi.read_survey(frame.assign(weights="x"), weights=design["weights"])
    assert other.codebook.weights == "weights_2"
    assert (other.frame["weights"] == "x").all()
    shuffled = frame.sample(frac=1, random_state=1)
    aligned = pd.Series(design["weights"])[shuffled.index]
    survey = csi.read_survey(shuffled, scale=(1, 10), weights=aligned)
    by_name = csi.read_survey(
        frame.assign(w=design["weights"]), scale=(1, 10), weights="w"
    )
    assert_allclose(csi.fit(MODEL, survey).index, csi.fit(MODEL, by_name).index)


def _same(names: Any) -> dict[str, Any]:
    return {name: name for name in names}


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        (np.ones(119), "weights= has 119 values for 120 respondents; name a column"),
        (pd.Series(np.ones(119)), "weights= has 119 values for 120 respondents"),
        ([], "weights= has 0 values for 120"),
        (np.ones((120, 1)), "weights= is a ndarray, not a column"),
        (pd.DataFrame({"w": np.ones(120)}), "weights= is a DataFrame, not a column"),
        (2, "weights= is a int, not a column"),
        (
            pd.Series(np.ones(120), index=range(1, 121)),
            "another index than the answers",
        ),
        (["a"] * 120, "weights column 'weights' must hold numbers but has 'a'"),
        (-np.ones(120), "weights column 'weights' has 120 negative values"),
    ],
)
def test_weights_that_fit_no_answers(weights: Any, told: str) -> None:
    with pytest.raises(csi.DataError) as caught:
        csi.read_survey(answers(), weights=weights).answers(ITEMS)
    assert told in str(caught.value)
