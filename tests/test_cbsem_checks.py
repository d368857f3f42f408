"""What CB-SEM refuses, and what it tells of solutions at the edge."""

from __future__ import annotations

import time
import warnings
from typing import cast

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.errors import DataError, InadmissibleWarning, SpecificationError
from csindex.estimation.cbsem import CBSEM, CovarianceEstimates
from csindex.estimation.cbsem.methods import EstimatorName
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


def given(cov: FloatArray | None = None) -> Moments:
    cov = sample() if cov is None else cov
    return Moments(MODEL.items, np.zeros(9), cov, 300)


def estimated(
    additions: str, cov: FloatArray | None = None, estimator: EstimatorName = "ML"
) -> CovarianceEstimates:
    return CBSEM(estimator, additions=additions).estimate(MODEL, given(cov))


PATHS = "b ~ p*a\nc ~ q*b\n"


@pytest.mark.parametrize(
    ("constraints", "named"),
    [
        ("p > 1; p < 0.5\nq > 0", ["p > 1", "p < 0.5"]),
        ("p + q > 1; p < 0.2\nq < 0.2\nq > -9", ["p+q > 1", "p < 0.2", "q < 0.2"]),
        ("p == 1; q == 0; p == 2", ["p == 1", "p == 2"]),
        ("p == 2*q; p < -1; q > 0", ["p == 2*q", "p < -1", "q > 0"]),
        # what is defined has bounds of its own
        ("t := p*q; t > 1\nt < 0.5", ["t > 1", "t < 0.5"]),
    ],
)
def test_linear_constraints_that_contradict(constraints: str, named: list[str]) -> None:
    with pytest.raises(SpecificationError) as caught:
        estimated(PATHS + constraints + "\nz := p + q")
    (told,) = caught.value.problems
    assert "contradict each other" in told
    said = told.split(": ", 2)[-1].split(";")[0].split(", ")
    assert [part.split(" (")[0] for part in said[::2]] == named
    assert all(part.startswith("line ") for part in said[1::2])


@pytest.mark.parametrize(
    "constraints",
    [
        "p > 0.5; p < 0.5000001; q > 0",
        "p == q; p > 0.4; q < 0.6",
        "p > 0; p > 0.1; p > -1; q < 9",
        "p + q > 1; p + q < 1; q > 0",
    ],
)
def test_constraints_that_hold_together(constraints: str) -> None:
    made = estimated(PATHS + constraints)
    assert made.converged
    held = made.fit.table.held(made.fit.theta[0])
    assert held.violation < 1e-8


def test_a_contradicted_fixed_label() -> None:
    with pytest.raises(SpecificationError, match=r"k == 2 \(additions, line 2\)"):
        estimated("a =~ k*a1\nk == 2")


@pytest.mark.parametrize(
    ("constraints", "named"),
    [
        ("p*q > 1; p*q < 0.5", r"p\*q > 1 \(additions, line 3"),
        ("p^2 + q^2 < -1", r"p\^2\+q\^2 < -1 .*lacks 1\)"),
        ("p + q > 1; p + q^2 < 0.2; q < 0", r"additions, line 3"),
    ],
)
def test_other_contradictions_end_the_search(constraints: str, named: str) -> None:
    start = time.process_time()
    with pytest.raises(SpecificationError, match=f"no solution satisfies all.*{named}"):
        estimated(PATHS + constraints)
    # it took a minute once; the search is given up after some ten steps
    assert time.process_time() - start < 10


def test_all_problems_of_additions_at_once() -> None:
    text = "B ~ k*A\na1 ~~ a2; a2 ~~ a1\nzz > 1\nc ~ a"
    with pytest.raises(SpecificationError) as caught:
        CBSEM(additions=text).estimate(MODEL, given())
    told = " | ".join(caught.value.problems)
    for part in ("'B'", "'A'", "given twice", "'k' is used once", "'zz'", "a -> c"):
        assert part in told
    assert len(caught.value.problems) == 6


def test_options_and_unreadable_additions_at_once() -> None:
    with pytest.raises(SpecificationError) as caught:
        CBSEM("magic", additions="a1 a2")  # type: ignore[arg-type]
    first, second = caught.value.problems
    assert "unknown estimator 'magic'" in first
    assert "'a1 a2' has no operator" in second


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"estimator": "mlr"}, CBSEM("MLR")),
        ({"estimator": "WlsMv", "ordinal": True}, CBSEM("WLSMV", ordinal=True)),
        ({"missing": "FIML"}, CBSEM(missing="fiml")),
        ({"scaling": "Standardized"}, CBSEM(scaling="standardized")),
        ({"information": "Observed"}, CBSEM(information="observed")),
        (
            {"estimator": "wlsmv", "ordinal": True, "parameterization": "THETA"},
            CBSEM("WLSMV", ordinal=True, parameterization="theta"),
        ),
    ],
)
def test_names_of_options_in_any_case(written: dict[str, str], meant: CBSEM) -> None:
    made = CBSEM(**written)  # type: ignore[arg-type]
    assert made == meant
    assert made.settings() == meant.settings()


@pytest.mark.parametrize("item", [0, 4])
def test_unlike_units_in_unweighted_least_squares(item: int) -> None:
    scale = np.ones(9)
    scale[item] = 20_000
    cov = sample() * scale * scale[:, None]
    sd = np.sqrt(cov[item, item])
    with pytest.raises(DataError) as caught:
        estimated("", cov, "ULS")
    (told,) = caught.value.problems
    assert f"to {MODEL.items[item]!r} with {sd:.3g}" in told
    assert "differ by a factor of" in told
    assert "estimator='ML'" in told
    # likelihood has no units: the same standardised loadings
    assert_allclose(estimated("", cov).loadings, estimated("").loadings, atol=1e-6)


def test_units_are_not_blamed_for_a_model_without_a_scale() -> None:
    scale = np.ones(9)
    scale[0] = 20_000
    cov = sample() * scale * scale[:, None]
    with pytest.raises(SpecificationError, match="the model is not identified"):
        estimated("a =~ NA*a1", cov, "ULS")


def test_unlike_units_are_explained_where_a_fit_is_made() -> None:
    scale = np.ones(9)
    scale[0] = 300
    cov = sample() * scale * scale[:, None]
    with pytest.warns(InadmissibleWarning, match=r"unlike units a2 - a1.*divide them"):
        results = csi.fit(MODEL, given(cov), CBSEM("ULS"))
    row = csi.explain(results).set_index("finding").loc["unlike units"]
    sd = np.sqrt(np.diagonal(cov))
    assert row["value"] == pytest.approx(sd.max() / sd.min())
    assert csi.explain(csi.fit(MODEL, given(cov), CBSEM())).empty


def heywood() -> FloatArray:
    """Return covariances by which item a1 has less variance than its construct."""
    cov = sample()
    cov[0, 0] = 0.9 * cov[0, 1] * cov[0, 2] / cov[1, 2]
    return cov


@pytest.mark.parametrize(
    ("additions", "cov", "expected"),
    [
        ("a1 ~~ v*a1; v > 0", heywood(), {"variance of zero": "a1"}),
        ("a1 ~~ v*a1; v > 1.5", sample(), {}),
        ("b ~ v*a; v < 0.1", sample(), {}),
    ],
)
def test_bounds_that_were_reached_are_told(
    additions: str, cov: FloatArray, expected: dict[str, str]
) -> None:
    with warnings.catch_warnings():
        # the user asked for the bound, so that it is no surprise to warn of
        warnings.simplefilter("error")
        results = csi.fit(MODEL, given(cov), CBSEM(additions=additions))
    told = csi.explain(results).set_index("finding")["where"].to_dict()
    row, bound = additions.split("; ")
    name = row.replace("v*", "")
    assert told == {**expected, "bound reached": f"{bound}: {name}"}
    assert not csi.explain(results)["improper"].any()


def test_bounds_that_were_not_reached_are_not_told() -> None:
    results = csi.fit(MODEL, given(), CBSEM(additions="a1 ~~ v*a1; v > 0"))
    assert csi.explain(results).empty


def test_settings_tell_of_the_case_that_is_known() -> None:
    made = CBSEM(cast("EstimatorName", "mlMV"))
    assert made.settings()["estimator"] == "CB-SEM (MLMV)"


@pytest.mark.parametrize(
    "estimator",
    [CBSEM("MLR"), CBSEM("MLR", missing="fiml"), CBSEM("WLSMV", ordinal=True)],
    ids=["MLR", "FIML", "ordinal"],
)
def test_group_weights_count_within_their_group(estimator: CBSEM) -> None:
    rng = np.random.default_rng(5)
    factor = rng.standard_normal((400, 1))
    values = factor + rng.standard_normal((400, 4))
    names = [f"y{k}" for k in range(4)]
    frame = pd.DataFrame(np.digitize(values, [-1.0, 1.0]), columns=names)
    frame["g"] = np.where(np.arange(400) < 150, "few", "many")
    frame["w"] = rng.uniform(0.5, 1.5, 400)
    model = csi.Model("one", [csi.reflective("f", *names)])
    found = []
    for factor_of_few in (1.0, 5.0):
        weights = np.where(frame["g"] == "few", factor_of_few, 1.0) * frame["w"]
        survey = csi.read_survey(frame.assign(w=weights), weights="w")
        made = csi.invariance(model, survey, "g", estimator, levels=["metric"])
        found.append(made.ladder[["chisq", "rmsea"]].to_numpy())
    assert_allclose(found[0], found[1], rtol=1e-8)
    assert "mean 1, in every group" in estimator.settings()["weights"]
