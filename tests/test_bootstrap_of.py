"""The bootstrap of any statistic: by name, as a function, of every shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import csindex as csi
from csindex import diagnostics
from csindex.estimation import Estimates
from csindex.inference.choosing import NAMES
from csindex.results import Statistic

MODEL = csi.Model(
    "small",
    (
        csi.reflective("quality", "OVERALLQ", "CUSTOMQ", "WRONGQ"),
        csi.reflective("value", "PQ", "QP"),
        csi.reflective("satisfaction", "SATIS", "CONFIRM", "IDEAL"),
    ),
    (("quality", "value"), ("quality", "satisfaction"), ("value", "satisfaction")),
    index="satisfaction",
)
DRAWN = np.random.default_rng(4).integers(0, 86, size=(60, 86))


def _survey() -> csi.Survey:
    frame = csi.load_dataset("retail").frame.iloc[:90]
    return csi.read_survey(frame, scale=(1, 10), missing=(98, 99))


@pytest.fixture(scope="module")
def boot() -> csi.Bootstrap:
    results = csi.fit(MODEL, _survey())
    assert results.n == 86
    return csi.bootstrap(results, indices=DRAWN)


def _one_by_one(boot: csi.Bootstrap) -> list[Estimates]:
    """Return the estimates of each resample, fitted by itself."""
    answers = boot.results.answers
    assert answers is not None
    made: list[Estimates] = []
    for drawn in DRAWN:
        values = answers.values[drawn]
        mean, cov = values.mean(axis=0), np.cov(values.T)
        moments = csi.Moments(MODEL.items, mean, cov, 86, 1, 10)
        made.append(csi.fit(MODEL, moments).estimates)
    return made


FUNCTIONS: dict[str, Callable[[Estimates], Any]] = {
    "one number": lambda e: e.paths[..., 2, 0],
    "a row": lambda e: e.r_squared,
    "loadings": lambda e: e.loadings,
    "paths": lambda e: e.paths,
    "construct_corr": lambda e: e.construct_corr,
    "four axes": lambda e: e.loadings[..., None, None] * np.array([1.0, 2.0]),
    "yes or no": lambda e: e.paths > 0.4,
    "whole": lambda e: np.floor(10 * e.paths[..., 2, :]).astype(int),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_shape_equals_a_loop(boot: csi.Bootstrap, name: str) -> None:
    function = FUNCTIONS[name]
    table = boot.of(function)
    expected = np.array([np.ravel(function(one)) for one in _one_by_one(boot)])
    assert_allclose(table["estimate"], np.ravel(function(boot.results.estimates)))
    assert_allclose(table["se"], expected.astype(float).std(axis=0, ddof=1), atol=1e-8)
    limits = np.quantile(expected.astype(float), [0.025, 0.975], axis=0)
    assert_allclose(table[["low", "high"]].T, limits, atol=1e-8)


def test_rows_are_labelled_where_the_shape_tells(boot: csi.Bootstrap) -> None:
    loadings = boot.of(lambda e: e.loadings).set_index(["construct", "item"])
    for row in boot.loadings.itertuples():
        assert loadings.loc[(row.construct, row.item), "se"] == pytest.approx(row.se)
    paths = boot.of(lambda e: e.paths).set_index(["source", "target"])
    for row in boot.paths.itertuples():
        assert paths.loc[(row.source, row.target), "low"] == pytest.approx(row.low)
    deep = boot.of(lambda e: e.paths[..., None] * np.ones(2))
    places = np.array(list(np.ndindex(3, 3, 2)))
    assert_array_equal(deep[["axis_0", "axis_1", "axis_2"]], places)


@pytest.mark.parametrize(
    ("statistic", "told"),
    [
        (None, "or a name, as 'f_squared', not NoneType"),
        ({"paths": 1}, "not dict"),
        ("magic", "unknown statistic 'magic'; there are .*'vif'.*'fit'"),
        (lambda e: e.paths * 1j, "real numbers, not ndarray of complex128"),
        (lambda e: "paths", "real numbers, not str"),
        (lambda e: None, "real numbers, not NoneType"),
        (lambda e: [[1.0], [1.0, 2.0]], "aren't an array of numbers"),
        (lambda e: e.paths.mean(), "must keep the batch axis first"),
        (lambda e: e.paths[:1], "must keep the batch axis first"),
        (lambda e: e.paths.reshape(-1), "must keep the batch axis first"),
        (
            Statistic("x", lambda e: e.r_squared, lambda _: pd.DataFrame({"a": ["b"]})),
            "has 1 labels for 3 values",
        ),
    ],
)
def test_what_is_no_statistic(boot: csi.Bootstrap, statistic: Any, told: str) -> None:
    with pytest.raises(csi.SpecificationError, match=told):
        boot.of(statistic)


@pytest.mark.parametrize(
    "name",
    ["paths", "total_effects", "r_squared", "weights", "construct_corr", "loadings"],
)
def test_a_function_cannot_change_the_fit(boot: csi.Bootstrap, name: str) -> None:
    before = getattr(boot.results.estimates, name).copy()

    def zeroed(estimates: Estimates) -> np.ndarray:
        values: np.ndarray = getattr(estimates, name)
        values *= 0
        return values[..., 0]

    with pytest.raises(ValueError, match="read-only"):
        boot.of(zeroed)
    assert_array_equal(getattr(boot.results.estimates, name), before)
    assert before.any()


def test_a_function_cannot_change_the_moments(boot: csi.Bootstrap) -> None:
    before = boot.results.moments.cov.copy()
    with pytest.raises(ValueError, match="read-only"):
        boot.of(lambda e: e.moments.cov.__imul__(0)[..., 0])
    assert_array_equal(boot.results.moments.cov, before)


@pytest.mark.parametrize("kind", ["percentile", "bca", "studentized"])
def test_a_name_that_is_taken(kind: Any) -> None:
    frame = _survey().frame.iloc[:50]
    survey = csi.read_survey(frame, scale=(1, 10), missing=(98, 99))
    boot = csi.bootstrap(csi.fit(MODEL, survey), n=100, interval=kind, inner=10)
    first = boot.paths
    own = Statistic(
        "paths",
        lambda e: 3 - 2 * e.paths[..., 2, :1],
        lambda _: pd.DataFrame({"what": ["mine"]}),
    )
    row = boot.of(own).iloc[0]
    # a statistic times minus two has two times the error, and its interval turned
    assert row["se"] == pytest.approx(2 * first["se"].iloc[1])
    if kind == "studentized":
        # it draws the inner resamples of its own
        assert row["low"] < 3 - 2 * first["estimate"].iloc[1] < row["high"]
        return
    assert row["low"] == pytest.approx(3 - 2 * first["high"].iloc[1], abs=0.02)
    assert row["high"] == pytest.approx(3 - 2 * first["low"].iloc[1], abs=0.02)


@pytest.mark.parametrize(
    ("name", "statistic"),
    [
        ("f_squared", diagnostics.F_SQUARED),
        ("vif", diagnostics.VIF),
        ("HTMT2", diagnostics.HTMT2),
        ("R squared", NAMES["r_squared"]),
        ("fit", diagnostics.FIT),
    ],
)
def test_names(boot: csi.Bootstrap, name: str, statistic: Statistic) -> None:
    pd.testing.assert_frame_equal(
        pd.DataFrame(boot.of(name)), pd.DataFrame(boot.of(statistic))
    )
    by_hand = statistic.compute(boot.results.estimates)
    assert_allclose(boot.of(name)["estimate"], by_hand)


def test_names_are_documented(boot: csi.Bootstrap) -> None:
    told = (csi.Bootstrap.of.__doc__ or "").replace(",", " ").split()
    assert {*NAMES} <= {word.rstrip(".:") for word in told}
    for name in NAMES:
        assert {"estimate", "se", "low", "high"} <= {*boot.of(name).columns}


def test_columns_of_the_tables(boot: csi.Bootstrap) -> None:
    assert [*boot.scores][-4:] == ["se", "low", "high", "p"]
    assert boot.scores["p"].isna().all()
    names = "construct item estimate se t low high p share"
    assert [*boot.weights] == names.split()
    assert_allclose(boot.weights["share"], boot.results.weights["share"])
