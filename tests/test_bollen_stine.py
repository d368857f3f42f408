"""Bollen and Stine's bootstrap of chi-square."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import csindex as csi
from csindex.errors import DataError, SpecificationError
from csindex.estimation.cbsem import CBSEM
from csindex.inference.covariance.bollen_stine import bollen_stine
from csindex.moments import Moments

TWO = csi.Model(
    "two",
    [
        csi.reflective("a", "a1", "a2", "a3"),
        csi.reflective("b", "b1", "b2", "b3"),
    ],
    [("a", "b")],
)
DEMOCRACY = csi.Model(
    "democracy",
    [
        csi.reflective("ind60", "x1", "x2", "x3"),
        csi.reflective("dem60", "y1", "y2", "y3", "y4"),
        csi.reflective("dem65", "y5", "y6", "y7", "y8"),
    ],
    [("ind60", "dem60"), ("ind60", "dem65"), ("dem60", "dem65")],
)
RESIDUALS = "y1 ~~ y5; y2 ~~ y4 + y6; y3 ~~ y7; y4 ~~ y8; y6 ~~ y8"
# lavaan 0.6-14: 500 resamples of PoliticalDemocracy
LAVAAN = {"n": 500, "p": 0.422, "mean": 37.62824, "q95": 59.93877}


def answers(seed: int, n: int, extra: float = 0.0) -> csi.Survey:
    """Return answers by TWO, but for a cause of a3 and b3 that it doesn't know."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((n, 1))
    b = 0.5 * a + rng.standard_normal((n, 1))
    values = np.hstack([a, a, a, b, b, b]) + rng.standard_normal((n, 6))
    values[:, [2, 5]] += extra * rng.standard_normal((n, 1))
    return csi.read_survey(pd.DataFrame(values, columns=list(TWO.items)))


def democracy() -> csi.Results:
    spec = find_spec("semopy")
    assert spec is not None
    assert spec.origin is not None
    frame = pd.read_csv(Path(spec.origin).parent / "examples" / "pd_data.csv")
    estimator = CBSEM(additions=RESIDUALS)
    return csi.fit(DEMOCRACY, csi.read_survey(frame), estimator=estimator)


def test_agrees_with_lavaan() -> None:
    made = bollen_stine(democracy(), n=3000, seed=5)
    # four standard errors of the difference of two simulations
    both = 1 / LAVAAN["n"] + 1 / made.counts["used"]
    p, spread = LAVAAN["p"], made.values.std()
    assert abs(made.p - p) < 4 * np.sqrt(p * (1 - p) * both)
    assert abs(made.values.mean() - LAVAAN["mean"]) < 4 * spread * np.sqrt(both)
    height = stats.gaussian_kde(made.values)(LAVAAN["q95"])[0]
    error = np.sqrt(0.05 * 0.95 * both) / height
    assert abs(np.quantile(made.values, 0.95) - LAVAAN["q95"]) < 4 * error


@pytest.mark.parametrize("name", ["ML", "GLS", "MLM"])
def test_normal_answers_give_the_law_of_chi_square(name: str) -> None:
    estimator = CBSEM(name)  # type: ignore[arg-type]
    results = csi.fit(TWO, answers(1, 2000), estimator=estimator)
    made = bollen_stine(results, n=1000, seed=2)
    assert stats.kstest(made.values, stats.chi2(8).cdf).pvalue > 1e-3
    assert_allclose(made.p, stats.chi2.sf(made.chisq, 8), atol=0.06)


@pytest.mark.parametrize("means", [False, True])
def test_a_wrong_model_is_rejected(means: bool) -> None:
    results = csi.fit(TWO, answers(3, 600, extra=0.9), estimator=CBSEM(means=means))
    made = bollen_stine(results, n=200)
    assert made.p == 1 / 201
    # though resamples come from a population in which the model is true
    assert abs(made.values.mean() - 8) < 2.5


def test_counts_and_words() -> None:
    made = bollen_stine(csi.fit(TWO, answers(4, 300), estimator=CBSEM()), n=60)
    assert made.counts["requested"] == 60
    assert made.counts["used"] + made.counts["not_converged"] == 60
    assert "60 of 60" in repr(made)
    assert made.p > 1 / 61


def test_the_seed_decides() -> None:
    results = csi.fit(TWO, answers(5, 200), estimator=CBSEM())
    one, other = bollen_stine(results, 40, 1), bollen_stine(results, 40, 1)
    assert_allclose(one.values, other.values)
    assert not np.allclose(one.values, bollen_stine(results, 40, 2).values)


def test_refusals() -> None:
    survey = answers(6, 300)
    with pytest.raises(SpecificationError, match="20 or more, not 3"):
        bollen_stine(csi.fit(TWO, survey, estimator=CBSEM()), n=3)
    with pytest.raises(SpecificationError, match="WLS and DWLS"):
        bollen_stine(csi.fit(TWO, survey, estimator=CBSEM("WLSMV")))
    with pytest.raises(SpecificationError, match="complete answers"):
        bollen_stine(csi.fit(TWO, survey, estimator=CBSEM(missing="fiml")))
    with pytest.raises(SpecificationError, match="CBSEM"):
        bollen_stine(csi.fit(TWO, survey))
    one = csi.Model("one", [csi.reflective("f", *TWO.items[:3])])
    with pytest.raises(SpecificationError, match="no degrees of freedom"):
        bollen_stine(csi.fit(one, survey, estimator=CBSEM()))
    made = Moments(TWO.items, np.zeros(6), np.eye(6) + 0.5, 300)
    with pytest.raises(DataError, match="fit to a survey"):
        bollen_stine(csi.fit(TWO, made, estimator=CBSEM()))
