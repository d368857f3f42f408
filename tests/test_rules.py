"""Scoring rules against counts by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import csindex as csi
from csindex.scoring.rules import Version, kcsi_score, ukcsi_score

NAN = float("nan")
# tops (6 or 7): overall 2 of 4; elements 3 of 4 and 1 of 4; repurchase 4 of 4
OVERALL = [7, 6, 5, 1]
ELEMENTS = [[6, 1], [7, 2], [7, 6], [5, 5]]
REPURCHASE = [7, 7, 6, 6]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("current", 100 * (0.3 * 0.5 + 0.5 * 0.5 + 0.2 * 1)),
        ("2002", 100 * (0.4 * 0.5 + 0.4 * 0.5 + 0.2 * 1)),
    ],
)
def test_kcsi_is_a_sum_of_top_two_shares(version: Version, expected: float) -> None:
    found = kcsi_score(OVERALL, ELEMENTS, REPURCHASE, version)
    assert found == pytest.approx(expected)


def test_kcsi_runs_from_0_to_100() -> None:
    assert kcsi_score([5, 1], [4, 4], [1, 5]) == 0
    assert kcsi_score([6, 7], [6, 7], [7, 7]) == pytest.approx(100)


def test_who_did_not_answer_does_not_count() -> None:
    # of three answers to overall one is a top: 1/3
    found = kcsi_score([7, 5, 5, NAN], ELEMENTS, REPURCHASE)
    assert found == pytest.approx(100 * (0.3 / 3 + 0.5 * 0.5 + 0.2))


def test_weights_are_repeated_rows() -> None:
    repeats = [1, 3, 2, 1]
    found = kcsi_score(OVERALL, ELEMENTS, REPURCHASE, weights=repeats)
    rows = np.repeat(np.arange(4), repeats)
    again = [np.array(a)[rows] for a in (OVERALL, ELEMENTS, REPURCHASE)]
    # tops by hand: overall 4/7; elements 6/7, 2/7; repurchase all
    assert found == pytest.approx(100 * (0.3 * 4 / 7 + 0.5 * 4 / 7 + 0.2))
    assert found == pytest.approx(kcsi_score(again[0], again[1], again[2]))


@pytest.mark.parametrize(
    ("ratings", "expected"),
    [
        ([1, 1], 10),
        ([10, 10], 100),
        ([[8, 7], [9, 6]], 75),
        # a mean of the aspects' means: (8.5 + 6) / 2
        ([[8, NAN], [9, 6]], 72.5),
    ],
)
def test_ukcsi_is_ten_times_the_mean(ratings: Any, expected: float) -> None:
    assert ukcsi_score(ratings) == pytest.approx(expected)


def test_ukcsi_weights() -> None:
    assert ukcsi_score([10, 5], weights=[3, 1]) == pytest.approx(10 * 35 / 4)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((["a"], [1], [1]), ["overall must be numbers"]),
        (([8], [0], [1]), ["overall has answers outside 1 to 7, as 8", "elements has"]),
        (([1, 2], [1], [1]), ["the answers are of [1, 2] respondents"]),
        (([NAN], [1], [1]), ["overall has a question that nobody answered"]),
        (([], [1], [1]), ["overall has shape (0,)"]),
        (([1], [1], [1], "current", [-1.0]), ["weights must be positive"]),
        (([1], [1], [1], "current", [1.0, 1.0]), ["weights must be positive"]),
    ],
)
def test_answers_are_refused(arguments: Any, told: list[str]) -> None:
    with pytest.raises(csi.DataError) as caught:
        kcsi_score(*arguments)
    assert [part for part in told if part not in str(caught.value)] == []


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(csi.SpecificationError, match="unknown version '2020'"):
        kcsi_score([1], [1], [1], "2020")  # type: ignore[arg-type]
