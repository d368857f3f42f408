"""Complex samples: textbook variances of means, and agreement between the ways."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.inference import jackknife, linearized, replicate_weights

ONE = csi.Model(
    "one",
    (csi.reflective("x", "SATIS"), csi.reflective("y", "REPUR")),
    (("x", "y"),),
    index="x",
)
FULL = csi.acsi().with_items(loyalty=["REPUR"])


def _frame(n: int = 400) -> pd.DataFrame:
    frame = csi.load_dataset("retail").frame.iloc[:n].reset_index(drop=True)
    return frame.assign(shop=np.arange(n) // 8, area=(np.arange(n) // 8) % 5)


def _survey(frame: pd.DataFrame, **design: str) -> csi.Survey:
    return csi.read_survey(frame, scale=(1, 10), missing=(98, 99), **design)


def _used(results: csi.Results) -> pd.DataFrame:
    assert results.survey is not None
    assert results.answers is not None
    return results.survey.frame.iloc[results.answers.rows]


def test_a_mean_of_a_simple_random_sample() -> None:
    results = csi.fit(ONE, _survey(_frame()))
    x = 100 * (_used(results)["SATIS"] - 1) / 9
    expected = x.std(ddof=1) / np.sqrt(len(x))
    for errors in (linearized(results), jackknife(results)):
        assert_allclose(errors.index["se"], expected, rtol=1e-3)
    assert_allclose(linearized(results).index["design_effect"], 1.0, rtol=1e-3)


def test_a_weighted_mean_by_strata_and_clusters() -> None:
    frame = _frame()
    survey = _survey(frame, weights="weight", strata="area", clusters="shop")
    results = csi.fit(ONE, survey)
    used = _used(results)
    w = used["weight"] / used["weight"].sum()
    x = 100 * (used["SATIS"] - 1) / 9
    # Taylor linearisation of a ratio mean, written out (Cochran 1977, chapter 6)
    z = (w * (x - (w * x).sum())).groupby([used["area"], used["shop"]]).sum()
    by_area = z.groupby(level=0)
    variance = (by_area.var(ddof=1) * by_area.size()).sum()
    assert_allclose(linearized(results).index["se"], np.sqrt(variance), rtol=1e-3)
    effect = linearized(results).index["design_effect"]
    simple = (w * (x - (w * x).sum()) ** 2).sum() / (len(x) - 1)
    assert_allclose(effect, variance / simple, rtol=2e-3)


@pytest.mark.parametrize(
    "design",
    [{}, {"weights": "weight"}, {"strata": "area", "clusters": "shop"}],
    ids=["plain", "weighted", "designed"],
)
def test_the_ways_agree(design: dict[str, str]) -> None:
    results = csi.fit(FULL, _survey(_frame(), **design))
    boot = csi.bootstrap(results, n=2000)
    for errors in (linearized(results), jackknife(results)):
        # different estimators of the same error: some percent apart at n = 350
        assert_allclose(errors.index["se"], boot.index["se"], rtol=0.1)
        assert_allclose(errors.paths["se"], boot.paths["se"], rtol=0.35)


def test_replicates_that_leave_one_out_are_the_jackknife() -> None:
    frame = _frame(80)
    complete = csi.fit(ONE, _survey(frame)).answers
    assert complete is not None
    frame = frame.iloc[complete.rows].reset_index(drop=True)
    n = len(frame)
    weights = pd.DataFrame(
        np.ones((n, n)) - np.eye(n), columns=[f"r{k}" for k in range(n)]
    )
    results = csi.fit(ONE, _survey(pd.concat([frame, weights], axis=1)))
    found = replicate_weights(results, list(weights), "jackknife")
    # around the estimate instead of the mean of the replicates: a second-order change
    assert_allclose(found.index["se"], jackknife(results).index["se"], rtol=1e-3)


def test_balanced_half_samples_of_a_mean() -> None:
    # two units per stratum: BRR of a mean gives the stratified variance exactly
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"SATIS": rng.integers(1, 11, 8).astype(float)})
    frame["REPUR"] = rng.integers(1, 11, 8).astype(float)
    half = np.array([[1, 1], [1, -1]])
    hadamard = np.kron(half, half)  # four strata
    for r, row in enumerate(hadamard):
        signs = np.repeat(row, 2) * np.tile([1, -1], 4)
        frame[f"b{r}"] = 1.0 + signs
        frame[f"f{r}"] = 1.0 + 0.5 * signs
    results = csi.fit(ONE, _survey(frame))
    d = np.diff(frame["SATIS"].to_numpy().reshape(4, 2), axis=1)
    expected = 100 / 9 * np.sqrt((d**2).sum()) / 8
    brr = replicate_weights(results, [f"b{r}" for r in range(4)], "brr")
    fay = replicate_weights(results, [f"f{r}" for r in range(4)], "fay", fay=0.5)
    assert_allclose(brr.scores["se"].iloc[0], expected, rtol=1e-10)
    assert_allclose(fay.scores["se"].iloc[0], expected, rtol=1e-10)


def test_every_table() -> None:
    results = csi.fit(FULL, _survey(_frame()))
    errors = linearized(results, level=0.9)
    for table in (errors.paths, errors.total_effects, errors.loadings, errors.weights):
        known = table["se"] > 1e-9
        assert (table["low"] < table["estimate"])[known].all()
        assert table["p"].between(0, 1)[known].all()
    assert "HTMT" not in str(errors)
    assert len(errors.of("HTMT")) == 15
    z = 1.6448536269514722
    width = errors.index["high"] - errors.index["low"]
    assert_allclose(width, 2 * z * errors.index["se"], rtol=1e-9)


def test_bad_calls() -> None:
    frame = _frame(100).assign(lone=lambda f: np.where(f.index == 3, 1, 0))
    results = csi.fit(ONE, _survey(frame))
    with pytest.raises(csi.SpecificationError, match="unknown method 'jk1'"):
        replicate_weights(results, ["weight"], "jk1")  # type: ignore[arg-type]
    with pytest.raises(csi.SpecificationError, match="Fay's factor"):
        replicate_weights(results, ["weight"], "fay", fay=1)
    with pytest.raises(csi.DataError, match="did you mean 'weight'"):
        replicate_weights(results, ["weigth", "weight"], "brr")
    with pytest.raises(csi.DataError, match="two columns or more"):
        replicate_weights(results, ["weight"], "brr")
    with pytest.raises(csi.DataError, match="made from moments"):
        jackknife(csi.fit(ONE, results.moments))
    with pytest.raises(csi.SpecificationError, match="between 0 and 1"):
        linearized(results, level=95)
    with pytest.raises(csi.SpecificationError, match="did you mean 'paths'"):
        linearized(results).of("path")
    with pytest.raises(csi.DataError, match="one sampling unit"):
        linearized(csi.fit(ONE, _survey(frame, strata="lone")))
