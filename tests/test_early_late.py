"""Late answers are told from early ones however dates are written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import csindex as csi
from csindex.diagnostics.instrument import validate_instrument

N = 240
MODEL = csi.Model(
    "pilot",
    (csi.reflective("a", "a1", "a2", "a3"), csi.reflective("b", "b1")),
    [("a", "b")],
    index="b",
)
DAYS = pd.Series(pd.date_range("2024-01-01", periods=N))


def _early_late(order: pd.Series) -> pd.DataFrame:
    generator = np.random.default_rng(2)
    values = generator.integers(1, 11, size=(N, 4)).astype(float)
    values[-N // 4 :] = np.clip(values[-N // 4 :] + 2, 1, 10)
    frame = pd.DataFrame(values, columns=list(MODEL.items)).assign(day=order.to_numpy())
    survey = csi.read_survey(frame, scale=(1, 10))
    found = validate_instrument(survey, MODEL, order="day", draws=100)
    assert found.nonresponse is not None
    return found.nonresponse.early_late


@pytest.mark.parametrize(
    "written",
    [
        lambda days: days.dt.strftime("%Y-%m-%d"),
        lambda days: days.dt.strftime("%d.%m.%Y"),
        lambda days: days.dt.strftime("%d/%m/%Y"),
        lambda days: days.dt.strftime("%m/%d/%Y"),
        lambda days: days.dt.strftime("%d %B %Y"),
        lambda days: days.dt.date,
        lambda days: days.dt.tz_localize("Asia/Shanghai"),
    ],
)
def test_the_way_dates_are_written_changes_nothing(
    written: Callable[[pd.Series], pd.Series],
) -> None:
    expected = _early_late(pd.Series(np.arange(N)))
    assert expected["n_late"].iloc[0] == N // 4
    pd.testing.assert_frame_equal(_early_late(written(DAYS)), expected)


def test_quarters_are_ordered() -> None:
    # the waves of 2023 in the order of their quarters
    waves = pd.Series(np.repeat(["2023Q1", "2023Q2", "2023Q3", "2023Q4"], N // 4))
    expected = _early_late(pd.Series(np.repeat(np.arange(4), N // 4)))
    pd.testing.assert_frame_equal(_early_late(waves), expected)


@pytest.mark.parametrize(
    "dates",
    [
        # the first of February, or the second of January
        ["01.02.2024", "01.03.2024"],
        ["13.02.2024", "02.13.2024"],
        ["13.02.2024", "2024-02-14"],
    ],
)
def test_dates_that_can_be_read_in_two_ways_are_refused(dates: list[str]) -> None:
    with pytest.raises(csi.DataError, match="day and month can't be told apart"):
        _early_late(pd.Series(dates * (N // 2)))
