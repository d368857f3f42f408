"""Multiple imputation: Rubin's rules, the bootstrap without gaps, and theory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.inference import imputation, stack
from csindex.inference.imputation import Imputation, Pool, multiple_imputation

ITEMS = ["a1", "a2", "b1", "b2", "c1"]
MODEL = csi.Model(
    "small",
    (
        csi.reflective("quality", "a1", "a2"),
        csi.reflective("satisfaction", "b1", "b2"),
        csi.reflective("loyalty", "c1"),
    ),
    (("quality", "satisfaction"), ("satisfaction", "loyalty")),
    index="satisfaction",
)


def frame_of(n: int = 150, gaps: float = 0.12, seed: int = 3) -> pd.DataFrame:
    """Return answers from 1 to 10, some missing at random, with weights and groups."""
    rng = np.random.default_rng(seed)
    drawn = 6 + 1.5 * rng.normal(size=(n, 1)) + rng.normal(size=(n, 5))
    frame = pd.DataFrame(np.clip(np.round(drawn), 1, 10), columns=ITEMS)
    frame = frame.mask(rng.uniform(size=frame.shape) < gaps)
    return frame.assign(w=rng.uniform(0.5, 2, size=n), group=np.arange(n) % 2)


def survey_of(frame: pd.DataFrame, weighted: bool = False) -> csi.Survey:
    return csi.read_survey(frame, scale=(1, 10), weights="w" if weighted else None)


def test_rubins_rules() -> None:
    # m = 5, u = 4, b = 1: T = 4 + 1.2, r = .3, df = 4 (1 + 1 / .3)^2
    one = np.ones(1)
    pool = Pool(one, 4 * one, one, 5)
    assert_allclose(pool.se, np.sqrt(5.2))
    assert_allclose(pool.df, 4 * (13 / 3) ** 2)
    assert_allclose(pool.missing_information, (0.3 + 2 / (4 * (13 / 3) ** 2 + 3)) / 1.3)


def test_imputation_without_gaps_is_the_bootstrap() -> None:
    survey = survey_of(frame_of(gaps=0))
    plain = csi.fit(MODEL, survey)
    pooled = multiple_imputation(MODEL, survey, m=4, resamples=400)
    assert_allclose(pooled.paths["estimate"], plain.paths["estimate"], atol=1e-10)
    assert_allclose(pooled.paths["between"], 0, atol=1e-20)
    assert_allclose(pooled.index["estimate"], plain.index)
    boot = csi.bootstrap(plain, n=2000, interval="normal")
    for column in ("se", "low", "high"):
        expected = boot.paths[column]
        assert_allclose(
            pooled.paths[column], expected, atol=0.1 * boot.paths["se"].max()
        )


def test_imputation_is_pooled_from_its_parts() -> None:
    pooled = multiple_imputation(MODEL, survey_of(frame_of()), m=15, resamples=100)
    again = multiple_imputation(MODEL, survey_of(frame_of()), m=15, resamples=100)
    pd.testing.assert_frame_equal(pooled.paths, again.paths, check_exact=True)
    other = multiple_imputation(
        MODEL, survey_of(frame_of()), m=15, seed=2, resamples=50
    )
    assert (pooled.paths["estimate"] != other.paths["estimate"]).all()
    table = pooled.loadings
    total = table["within"] + (1 + 1 / 15) * table["between"]
    assert_allclose(table["se"] ** 2, total)
    single = table["construct"] == "loyalty"
    assert_allclose(table.loc[single, ["se", "missing_information"]], 0, atol=1e-12)
    assert (table.loc[~single, "missing_information"].between(0.005, 0.6)).all()
    em_fit = csi.fit(MODEL, survey_of(frame_of()), incomplete="em")
    error = np.sqrt(pooled.paths["between"] / 15)
    apart = np.abs(pooled.paths["estimate"] - em_fit.paths["estimate"])
    assert (apart < 5 * error).all()
    boot = csi.bootstrap(em_fit, n=1000)
    assert_allclose(pooled.paths["se"], boot.paths["se"], rtol=0.25)
    assert pooled.sample_flow.to_dict() == em_fit.sample_flow.to_dict()
    assert pooled.settings["missing answers"].startswith("15 multiple imputations")


def test_imputation_by_group_and_with_weights() -> None:
    survey = survey_of(frame_of(200), weighted=True)
    pooled = multiple_imputation(MODEL, survey, m=5, by="group", resamples=40)
    fitted = csi.fit(MODEL, survey, by="group", incomplete="em")
    assert list(pooled.members) == [0, 1]
    for label in (0, 1):
        row = pooled[label].index
        assert abs(row["estimate"] - fitted[label].index) < row["se"]
        assert row["low"] < row["estimate"] < row["high"]
    with pytest.raises(csi.DataError, match="unknown group '7'"):
        _ = pooled[7]


def test_imputation_refuses_what_it_cannot_do() -> None:
    with pytest.raises(csi.SpecificationError, match="3 problems") as caught:
        multiple_imputation(MODEL, survey_of(frame_of()), m=1, resamples=2, level=2)
    assert "m must be a whole number of 2 or more, not 1" in str(caught.value)
    made = csi.fit(MODEL, survey_of(frame_of())).moments
    with pytest.raises(csi.SpecificationError, match="moments have no gaps"):
        multiple_imputation(MODEL, made)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"m": 2.5}, "m must be a whole number of 2 or more, not 2.5"),
        ({"m": "x"}, "m must be a whole number of 2 or more, not 'x'"),
        ({"seed": -1}, "seed must be a whole number of 0 or more, not -1"),
        ({"seed": "a"}, "seed must be a whole number of 0 or more, not 'a'"),
        ({"level": "x"}, "level must lie between 0 and 1, not 'x'"),
        ({"resamples": 20.5}, "resamples must be a whole number of 20 or more"),
        ({"m": "x", "seed": "a", "level": 1, "resamples": None}, "4 problems"),
    ],
)
def test_options_of_imputation(given: dict[str, Any], told: str) -> None:
    with pytest.raises(csi.SpecificationError, match=told):
        multiple_imputation(MODEL, survey_of(frame_of()), **given)


def test_an_imputation_tells_the_seed_that_it_drew() -> None:
    survey = survey_of(frame_of())
    pooled = multiple_imputation(MODEL, survey, m=2, seed=None, resamples=20)
    seed = int(pooled.settings["imputation"].split(",")[0].removeprefix("seed "))
    numpys: Any = {"m": np.int64(2), "level": np.float64(0.95)}
    again = multiple_imputation(MODEL, survey, seed=seed, resamples=20, **numpys)
    pd.testing.assert_frame_equal(pooled.paths, again.paths, check_exact=True)


def test_everything_is_pooled_that_a_bootstrap_has() -> None:
    survey = survey_of(frame_of(gaps=0))
    plain = csi.fit(MODEL, survey)
    pooled = multiple_imputation(MODEL, survey, m=3, resamples=400)
    boot = csi.bootstrap(plain, n=2000)
    names = (
        "paths",
        "total_effects",
        "indirect_effects",
        "specific_indirect_effects",
        "loadings",
        "weights",
        "r_squared",
        "reliability",
        "htmt",
    )
    for name in names:
        table, drawn = getattr(pooled, name), getattr(boot, name)
        assert len(table) == len(drawn) > 0
        # nothing is missing, so that nothing but the draws of the resamples differs
        assert_allclose(table["estimate"], drawn["estimate"], atol=1e-10)
        assert_allclose(table["se"], drawn["se"], rtol=0.35, atol=1e-12)
    assert set(pooled.pools) == set(boot.values)
    for name in pooled.pools:
        assert len(pooled.of(name)) == len(pooled.pools[name].estimate)
    pd.testing.assert_frame_equal(pooled.of("HTMT"), pooled.htmt)
    with pytest.raises(csi.SpecificationError, match="did you mean 'paths'"):
        pooled.of("path")


def test_an_interrupted_imputation_tells_how_far_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, calls = stack.resampled, iter(range(10))

    def stopped(*given: Any) -> Any:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return made(*given)

    monkeypatch.setattr(imputation, "resampled", stopped)
    told = "interrupted after .* 3 of 5 completed samples are finished; none is kept"
    with pytest.raises(KeyboardInterrupt, match=told):
        multiple_imputation(MODEL, survey_of(frame_of()), m=5, resamples=20)


def test_imputation_mends_what_other_answers_explain() -> None:
    rng = np.random.default_rng(2)
    trait = rng.normal(size=2000)
    frame = pd.DataFrame(
        {name: trait + rng.normal(size=2000) for name in ("x1", "x2", "y1", "y2")}
    )
    gone = frame["x1"] > 0
    frame.loc[gone, ["y1", "y2"]] = np.nan
    model = csi.Model(
        "two",
        (csi.reflective("x", "x1", "x2"), csi.reflective("y", "y1", "y2")),
        (("x", "y"),),
        index="y",
    )
    survey = csi.read_survey(frame, scale=(-10, 10))
    pooled = multiple_imputation(model, survey, m=10, resamples=60)
    row = pooled.index
    assert abs(row["estimate"] - 50) < 4 * row["se"]
    assert row["missing_information"] > 0.2
    assert csi.fit(model, survey).index < 50 - 8 * row["se"]
    assert abs(row["estimate"] - csi.fit(model, survey, incomplete="em").index) < 4 * (
        np.sqrt(row["between"] / 10)
    )


def test_an_imputation_prints() -> None:
    pooled = multiple_imputation(MODEL, survey_of(frame_of()), m=3, resamples=20)
    assert isinstance(pooled, Imputation)
    assert "3 multiple imputations" in repr(pooled)
    assert "satisfaction" in repr(pooled)
