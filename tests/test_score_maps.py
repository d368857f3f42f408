"""Score maps and ladders of satisfaction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.codebook import maps
from csindex.codebook.ladders import LADDERS

UNEVEN = (100, 80, 60, 30, 0)


@pytest.mark.reference
@pytest.mark.parametrize(
    ("name", "scale", "formula", "kind"),
    [
        ("five_even", (1, 5), lambda x: (x - 1) / 4 * 100, "linear"),
        ("five_signed", (1, 5), lambda x: (x - 3 + 2) / 4 * 100, "linear"),
        ("five_from_20", (1, 5), lambda x: x * 20, "affine"),
        (
            "seven_signed",
            (1, 7),
            lambda x: (20 * (x - 4) + 60) / 120 * 100,
            "linear",
        ),
        ("seven_even", (1, 7), lambda x: (x - 1) / 6 * 100, "linear"),
        ("seven_top_two", (1, 7), lambda x: 100.0 * (x >= 6), "non-linear"),
        ("ten_by_ten", (1, 10), lambda x: x * 10, "affine"),
        (
            "five_uneven",
            (1, 5),
            lambda x: np.array([0, 30, 60, 80, 100])[x.astype(int) - 1],
            "non-linear",
        ),
    ],
)
def test_named_maps_are_the_conventions(
    name: str, scale: tuple[float, float], formula: Any, kind: str
) -> None:
    answers = np.arange(scale[0], scale[1] + 1.0)
    item = csi.Item("q", scale=scale, score_map=name)
    assert_allclose(maps.scored(answers, item), formula(answers))
    assert maps.kind_of(maps.level_points(item)) == kind
    turned = csi.Item("q", scale=scale, score_map=name, reversed=True)
    assert_allclose(maps.scored(answers, turned), formula(answers)[::-1])


def test_every_named_map_is_tested() -> None:
    marks = test_named_maps_are_the_conventions.pytestmark
    tested = {case[0] for mark in marks if mark.args for case in mark.args[1]}
    assert tested == set(maps.MAPS)


def test_a_listed_map() -> None:
    item = csi.Item("q", score_map=UNEVEN)
    answers = np.array([1.0, 2, 3, 4, 5, np.nan, 2.5, 6])
    expected = [100, 80, 60, 30, 0, np.nan, np.nan, np.nan]
    assert_allclose(maps.scored(answers, item), expected)
    assert maps.scale_of(item) == (1, 5)
    assert maps.score_scale(item) == (0, 100)
    (problem,) = maps.answer_problems(answers, item)
    assert "no points for: 2.5, 6" in problem
    assert maps.answer_problems(answers[:6], item) == []


def test_without_a_map_answers_stay() -> None:
    item = csi.Item("q", scale=(1, 7))
    answers = np.array([1.0, 6.5, np.nan])
    assert_allclose(maps.scored(answers, item), answers)
    assert maps.score_scale(item) == maps.scale_of(item) == (1, 7)
    assert maps.problems_of(item) == []
    assert maps.answer_problems(answers, item) == []


@pytest.mark.parametrize(
    ("fields", "fragment"),
    [
        ({"score_map": "five_unevn"}, "did you mean 'five_uneven'"),
        (
            {"score_map": (100, 80, 60), "scale": (1, 5)},
            "3 points for a scale of 1 to 5",
        ),
        ({"score_map": (120, 50, 0)}, "between 0 and 100"),
        ({"score_map": (0, 50, 20)}, "must rise, or fall"),
        ({"score_map": (50, 50)}, "must rise, or fall"),
        ({"score_map": UNEVEN, "reversed": True}, "says the direction itself"),
        ({"score_map": (5,)}, "score_map is (5,)"),
        ({"score_map": ("a", "b")}, "score_map is ('a', 'b')"),
    ],
)
def test_faulty_maps(fields: Any, fragment: str) -> None:
    with pytest.raises(csi.SpecificationError) as caught:
        csi.Codebook((csi.Item("q", **fields),))
    assert fragment in str(caught.value)


def test_the_map_decides_the_scale_in_a_codebook() -> None:
    book = csi.Codebook(
        (csi.Item("q", score_map=UNEVEN), csi.Item("r", score_map="ten_by_ten")),
        scale=(1, 10),
    )
    assert book.item("q").scale == (1, 5)
    assert book.item("r").scale == (1, 10)
    published = csi.Item("s", score_map="five_uneven", parent="staff")
    assert book.item("s", published).scale == (1, 5)
    assert book.item("s", published).parent == "staff"


def test_settings_name_what_cannot_be_compared() -> None:
    items = [
        csi.Item("a", score_map=UNEVEN),
        csi.Item("b", score_map="five_even"),
        csi.Item("c", score_map=UNEVEN),
        csi.Item("d", scale=(1, 10)),
    ]
    assert maps.settings_line(items) == (
        "a, c: 100/80/60/30/0 (non-linear); not comparable with indices on evenly "
        "spaced answers"
    )
    assert maps.settings_line(items[1::2]) == ""


@pytest.mark.parametrize("size", [5, 7])
def test_ladders(size: int) -> None:
    ladder = LADDERS[size]
    assert len(ladder) == size
    assert len({level.zh for level in ladder}) == size
    assert (ladder[0].zh, ladder[-1].zh) == ("很不满意", "很满意")
    assert ladder[size // 2].zh == "一般"
    assert "愤慨" in ladder[0].state_zh
    assert "感谢" in ladder[-1].state_zh
    assert all(level.en and level.state_en for level in ladder)


def _mapped_survey() -> tuple[pd.DataFrame, csi.Codebook]:
    """Return five-level answers to six items, and a codebook that maps three."""
    rng = np.random.default_rng(1)
    opinion = rng.normal(size=(300, 1))
    answers = np.rint(3 + 0.8 * opinion + 0.6 * rng.normal(size=(300, 6))).clip(1, 5)
    frame = pd.DataFrame(answers, columns=["q1", "q2", "q3", "s1", "s2", "s3"])
    frame[["q1", "s1"]] = 6 - frame[["q1", "s1"]]  # five is bad in these two
    book = csi.Codebook(
        (
            csi.Item("s1", score_map=UNEVEN),
            csi.Item("q1", scale=(1, 5), score_map="five_uneven", reversed=True),
            csi.Item("s2", scale=(1, 5), score_map="five_even"),
        ),
        scale=(1, 5),
    )
    return frame, book


MAPPED = csi.Model(
    "mapped",
    (
        csi.reflective("quality", "q1", "q2", "q3"),
        csi.reflective("satisfaction", "s1", "s2", "s3"),
    ),
    (("quality", "satisfaction"),),
    index="satisfaction",
)


def test_answers_are_mapped_as_they_are_read() -> None:
    frame, book = _mapped_survey()
    survey = csi.read_survey(frame, codebook=book)
    values = survey.answers(MAPPED.items).values
    points = np.array([np.nan, *UNEVEN])
    assert_allclose(values[:, 3], points[frame["s1"].astype(int)])
    assert_allclose(values[:, 0], points[frame["q1"].astype(int)])
    assert_allclose(values[:, 4], (frame["s2"] - 1) * 25)
    results = csi.fit(MAPPED, survey)
    assert "not comparable" in results.settings["score maps"]
    assert_allclose(results.hierarchy()["score"].iloc[0], results.index)


def test_an_answer_without_points_is_refused() -> None:
    frame, book = _mapped_survey()
    frame.loc[0, "s1"] = 2.5
    with pytest.raises(csi.DataError, match=r"'s1' has answers .* no points for: 2.5"):
        csi.fit(MAPPED, csi.read_survey(frame, codebook=book))
