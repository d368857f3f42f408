"""Hypotheses: verdicts on signs, from a population where they are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import csindex as csi
from csindex.inference.hypotheses import hypotheses
from csindex.model import Sign

# loyalty = .6 quality - .5 price + 0 image + error, seen through three items each
EFFECTS = {"quality": 0.6, "price": -0.5, "image": 0.0}


@pytest.fixture(scope="module")
def survey() -> csi.Survey:
    """Return 500 answers from the population."""
    rng = np.random.default_rng(11)
    true = rng.normal(size=(500, 3))
    loyalty = true @ list(EFFECTS.values()) + 0.6 * rng.normal(size=500)
    columns = {
        f"{name}{k}": score + 0.5 * rng.normal(size=500)
        for name, score in zip([*EFFECTS, "loyalty"], [*true.T, loyalty], strict=True)
        for k in (1, 2, 3)
    }
    return csi.read_survey(pd.DataFrame(columns))


def bootstrapped(survey: csi.Survey, **signs: Sign) -> csi.Bootstrap:
    names = [*EFFECTS, "loyalty"]
    model = csi.Model(
        "m",
        [csi.reflective(name, *(f"{name}{k}" for k in (1, 2, 3))) for name in names],
        [(source, "loyalty", sign) for source, sign in signs.items()],
    )
    return csi.bootstrap(csi.fit(model, survey), n=400, seed=3)


@pytest.mark.parametrize(
    ("sign", "verdicts"),
    [
        ("+", ["supported", "contradicted", "undecided"]),
        ("-", ["contradicted", "supported", "undecided"]),
        ("?", ["open", "open", "open"]),
    ],
)
def test_verdicts(survey: csi.Survey, sign: Sign, verdicts: list[str]) -> None:
    table = hypotheses(bootstrapped(survey, quality=sign, price=sign, image=sign))
    assert table["verdict"].tolist() == verdicts
    assert table["found"].tolist() == ["+", "-", ""]
    columns = "source target sign estimate low high found verdict"
    assert table.columns.tolist() == columns.split()


def test_the_level_is_the_user_s(survey: csi.Survey) -> None:
    boot = bootstrapped(survey, quality="+", price="-", image="?")
    narrow, default = hypotheses(boot, level=0.5), hypotheses(boot)
    # percentile limits by numpy, from the paths in the resamples
    expected = np.quantile(boot.replicates("paths"), [0.25, 0.75], axis=0)
    np.testing.assert_allclose(narrow[["low", "high"]].T, expected, rtol=1e-12)
    assert (narrow["low"] > default["low"]).all()
    assert boot.level == 0.95


@pytest.mark.parametrize(
    ("boot", "level", "told"),
    [
        ("results", None, "needs the bootstrap of one fit"),
        (None, 1.5, "level must lie between 0 and 1, not 1.5"),
        (None, "high", "level must lie between 0 and 1, not 'high'"),
    ],
)
def test_refuses(boot: Any, level: Any, told: str) -> None:
    with pytest.raises(csi.SpecificationError) as caught:
        hypotheses(boot, level)
    assert told in str(caught.value)
