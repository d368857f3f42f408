"""Intervals: each definition written out again for one statistic, and its theory."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.inference import intervals
from csindex.inference.intervals import Interval
from csindex.kernels.arrays import FloatArray

LEVEL = 0.9
NORMAL = NormalDist()

MODEL = csi.Model(
    "small",
    (
        csi.reflective("quality", "OVERALLQ", "CUSTOMQ", "WRONGQ"),
        csi.reflective("satisfaction", "SATIS", "CONFIRM", "IDEAL"),
    ),
    (("quality", "satisfaction"),),
    index="satisfaction",
)


def _frame_survey(weights: str | None = None) -> csi.Survey:
    frame = csi.load_dataset("retail").frame.iloc[:60]
    return csi.read_survey(frame, scale=(1, 10), missing=(98, 99), weights=weights)


@pytest.fixture(scope="module")
def results() -> csi.Results:
    return csi.fit(MODEL, _frame_survey())


@pytest.fixture(scope="module")
def skewed() -> tuple[FloatArray, FloatArray]:
    """Return resampled values (b, 3) with bias and skewness, and the estimates."""
    rng = np.random.default_rng(8)
    values = np.column_stack(
        [rng.normal(1, 1, 999), rng.gamma(2, 1, 999), -rng.exponential(1, 999)]
    )
    return values, np.array([1.2, 1.5, -0.8])


def _by_the_book(
    kind: str, values: FloatArray, estimate: float, rate: float, inner: FloatArray
) -> tuple[float, float]:
    """Return limits of one statistic as cSEM 0.6.1 does, without bias correction."""
    se = values.std(ddof=1)
    z0 = NORMAL.inv_cdf(float((values <= estimate).mean()))
    ends: list[float] = []
    for tail in ((1 - LEVEL) / 2, (1 + LEVEL) / 2):
        z = NORMAL.inv_cdf(tail)
        accelerated = z0 + (z0 + z) / (1 - rate * (z0 + z))
        end = {
            "percentile": np.quantile(values, tail),
            "basic": 2 * estimate - np.quantile(values, 1 - tail),
            "normal": estimate + z * se,
            "bc": np.quantile(values, NORMAL.cdf(2 * z0 + z)),
            "bca": np.quantile(values, NORMAL.cdf(accelerated)),
            "studentized": estimate
            - np.quantile((values - estimate) / inner, 1 - tail) * se,
        }[kind]
        ends.append(float(end))
    return ends[0], ends[1]


@pytest.mark.parametrize(
    "kind", ["percentile", "basic", "normal", "bc", "bca", "studentized"]
)
def test_definitions(skewed: tuple[FloatArray, FloatArray], kind: Interval) -> None:
    values, estimate = skewed
    rates = np.array([0.0, 0.05, -0.03])
    inner = np.random.default_rng(1).uniform(0.5, 1.5, size=values.shape)
    limits = {
        "percentile": lambda: intervals.percentile(values, LEVEL),
        "basic": lambda: intervals.basic(values, estimate, LEVEL),
        "normal": lambda: intervals.normal(values, estimate, LEVEL),
        "bc": lambda: intervals.corrected(values, estimate, LEVEL),
        "bca": lambda: intervals.corrected(values, estimate, LEVEL, rates),
        "studentized": lambda: intervals.studentized(values, estimate, inner, LEVEL),
    }[kind]()
    for k in range(3):
        low, high = _by_the_book(kind, values[:, k], estimate[k], rates[k], inner[:, k])
        assert_allclose([limits.low[k], limits.high[k]], [low, high], atol=1e-12)


@pytest.mark.parametrize("weights", [None, "weight"])
def test_acceleration_is_of_the_jackknife(weights: str | None) -> None:
    survey = _frame_survey(weights)
    results = csi.fit(MODEL, survey)
    boot = csi.bootstrap(results, n=500, interval="bca", level=LEVEL)
    assert results.answers is not None
    left: list[float] = []
    for row in results.answers.rows:
        rest = csi.read_survey(
            survey.frame.drop(index=survey.frame.index[row]), codebook=survey.codebook
        )
        left.append(csi.fit(MODEL, rest).paths["estimate"].item())
    apart = np.mean(left) - np.array(left)
    rate = (apart**3).sum() / (6 * (apart**2).sum() ** 1.5)
    values = boot.replicates("paths")[:, 0]
    expected = _by_the_book(
        "bca", values, results.paths["estimate"].item(), rate, np.ones(len(values))
    )
    found = boot.paths.loc[0, ["low", "high"]].to_numpy(dtype=float)
    # the jackknife stops at another iteration than the fits one by one
    assert_allclose(found, expected, atol=1e-6)


def test_acceleration_of_a_mean_is_a_sixth_of_its_skewness() -> None:
    x = np.random.default_rng(3).exponential(size=400)
    left_out = ((x.sum() - x) / 399)[:, None]
    apart = x - x.mean()
    expected = (apart**3).sum() / (6 * (apart**2).sum() ** 1.5)
    assert_allclose(intervals.acceleration(left_out), expected, rtol=1e-8)


def test_clusters_are_left_out_whole() -> None:
    frame = (
        csi.load_dataset("retail")
        .frame.iloc[:120]
        .assign(shop=lambda f: np.arange(len(f)) // 3)
    )
    survey = csi.read_survey(frame, scale=(1, 10), missing=(98, 99), clusters="shop")
    boot = csi.bootstrap(csi.fit(MODEL, survey), n=500, interval="bca")
    assert boot.paths[["low", "high"]].notna().all().all()
    shops = frame["shop"].nunique()
    with pytest.raises(
        csi.SpecificationError, match=f"more resamples than the {shops}"
    ):
        csi.bootstrap(csi.fit(MODEL, survey), n=shops, interval="bca")


def test_studentized_errors_are_those_within_resamples(results: csi.Results) -> None:
    boot = csi.bootstrap(results, n=200, interval="studentized", inner=200)
    other = csi.bootstrap(results, n=200, interval="normal")
    # both estimate the same spread; the t quantiles are near the normal ones
    assert_allclose(boot.paths["se"], other.paths["se"], atol=1e-12)
    width = (boot.paths["high"] - boot.paths["low"]).item()
    normal = (other.paths["high"] - other.paths["low"]).item()
    assert 0.5 < width / normal < 2
    assert boot.index["low"] < results.index < boot.index["high"]


@pytest.mark.parametrize("kind", ["basic", "normal", "bc", "bca", "studentized"])
def test_every_kind_serves_every_table(results: csi.Results, kind: Interval) -> None:
    boot = csi.bootstrap(results, n=300, interval=kind, inner=20)
    assert boot.settings["interval"].startswith(kind)
    for table in (boot.paths, boot.loadings, boot.weights, boot.scores, boot.htmt):
        assert (table["low"] < table["high"]).all()
    own = boot.of(lambda estimates: estimates.paths[..., 1, 0])
    assert_allclose(
        own["low"], boot.paths["low"], atol=1e-12 if kind != "studentized" else 1
    )


def test_a_constant_statistic_has_itself_as_interval() -> None:
    values = np.ones((100, 1))
    limits = intervals.corrected(values, np.ones(1), LEVEL, np.zeros(1))
    assert_allclose([limits.low, limits.high], 1.0)


@pytest.mark.parametrize(
    ("design", "message"),
    [({"strata": "wave"}, "strata and clusters forbid")],
)
def test_studentized_with_a_design(design: dict[str, str], message: str) -> None:
    frame = csi.load_dataset("retail").frame.iloc[:60]
    survey = csi.read_survey(frame, scale=(1, 10), missing=(98, 99), **design)
    with pytest.raises(csi.SpecificationError, match=message):
        csi.bootstrap(csi.fit(MODEL, survey), n=100, interval="studentized")
