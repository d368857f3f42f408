"""What several tests share."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-notebooks",
        action="store_true",
        help="keep the outputs of the notebooks instead of comparing them",
    )


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the checkout."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def holzinger() -> pd.DataFrame:
    """Return the tests of Holzinger & Swineford (1939), with weights.

    The file comes with semopy, under the MIT licence; the weights are those of the
    scripts behind the reference numbers.
    """
    spec = find_spec("semopy")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "examples"
    frame = pd.read_csv(folder / "holzinger_swineford39_data.csv")
    return frame.assign(weight=0.5 + (np.arange(1, len(frame) + 1) * 7 % 11) / 10)
