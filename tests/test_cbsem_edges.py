"""CB-SEM at the edges: formulas without a value, constraints and answers in the way."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.errors import DataError
from csindex.estimation.cbsem import CBSEM, CovarianceEstimates
from csindex.kernels.arrays import FloatArray
from csindex.moments import Moments

MODEL = csi.Model(
    "three",
    [csi.reflective(name, *(f"{name}{k}" for k in (1, 2, 3))) for name in "abc"],
    [("a", "b"), ("b", "c")],
)


def sample() -> FloatArray:
    """Return covariances of 300 normal answers, factors in a chain."""
    rng = np.random.default_rng(10)
    a, b, c = rng.standard_normal((3, 300))
    b = b + 0.5 * a
    c = c + 0.6 * b
    own = rng.standard_normal((300, 9))
    return np.asarray(np.cov(np.repeat([a, b, c], 3, axis=0) + own.T))


def estimated(additions: str, cov: FloatArray | None = None) -> CovarianceEstimates:
    cov = sample() if cov is None else cov
    given = Moments(MODEL.items, np.zeros(9), cov, 300)
    return CBSEM(additions=additions).estimate(MODEL, given)


def test_definitions_without_a_value_at_zero() -> None:
    # constraints are looked at where all parameters are zero; these have no value there
    text = "b ~ p*a\nc ~ q*b\nr := p/q\nl := log(p)\nn := log(-p*q)"
    results = csi.Results(estimated(text), CBSEM(additions=text))
    table = results.parameters.set_index("lhs")
    p, q = (table.set_index("label").loc[k, ["estimate", "se"]] for k in "pq")
    assert_allclose(table.loc["r", "estimate"], p["estimate"] / q["estimate"])
    assert_allclose(table.loc["l", "estimate"], np.log(p["estimate"]))
    assert_allclose(table.loc["l", "se"], p["se"] / p["estimate"])
    assert np.isnan(table.loc["n", "estimate"])
    assert np.isnan(results.standardized.set_index("lhs").loc["n", "estimate"])


@pytest.mark.parametrize("text", ["log(p) == -1", "1/p == exp(1)"])
def test_constraints_without_a_value_at_zero(text: str) -> None:
    made = estimated(f"b ~ p*a\n{text}")
    assert made.converged
    found = made.fit.theta[0][made.fit.table.names.index("p")]
    assert_allclose(found, np.exp(-1), atol=1e-9)


def test_answers_that_do_not_identify_the_model() -> None:
    # nothing is wrong with the model; one item is all but the sum of two others
    mix = np.eye(9)
    mix[5] = mix[3] + mix[4]
    near = mix @ sample() @ mix.T
    near[5, 5] += 1e-6
    with pytest.raises(
        DataError, match=r"answers don't identify the model: .*'b =~ b3"
    ):
        estimated("", near)


def test_bootstrap_of_definitions() -> None:
    rng = np.random.default_rng(3)
    factors = rng.standard_normal((3, 400))
    factors[1] += 0.5 * factors[0]
    factors[2] += 0.6 * factors[1]
    values = np.repeat(factors, 3, axis=0) + rng.standard_normal((9, 400))
    survey = csi.read_survey(pd.DataFrame(values.T, columns=list(MODEL.items)))
    text = "b ~ p*a\nc ~ q*b\nind := p*q\nr := p/q"
    results = csi.fit(MODEL, survey, estimator=CBSEM(additions=text))
    own = results.parameters.set_index("lhs").loc[["ind", "r"]]
    boot = csi.bootstrap(results, n=200, seed=1)
    found = boot.of(lambda made: made.defined)  # type: ignore[attr-defined]
    assert_allclose(found["estimate"], own["estimate"])
    # of 400 normal respondents: the delta method's error, within Monte Carlo error
    assert_allclose(found["se"], own["se"], rtol=0.3)
    assert (found["low"] < own["estimate"].to_numpy()).all()
    assert (found["high"] > own["estimate"].to_numpy()).all()


def test_a_ladder_tells_of_weights_that_its_tests_ignore() -> None:
    model = csi.Model(
        "one", [csi.reflective("quality", "OVERALLQ", "CUSTOMQ", "WRONGQ", "OVERALLX")]
    )
    survey = csi.load_dataset("retail")
    assert survey.codebook.weights is not None
    with pytest.warns(csi.AnswersWarning, match="the survey has weights") as heard:
        csi.invariance(model, survey, by="wave")
    assert [told.filename for told in heard] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        csi.invariance(model, survey, by="wave", estimator=csi.CBSEM("MLR"))
