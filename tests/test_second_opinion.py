"""The same fits by semopy, as a second engine."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.diagnostics.second_opinion import second_opinion
from csindex.errors import DataError, SpecificationError
from csindex.estimation.cbsem import CBSEM
from csindex.kernels.arrays import FloatArray
from csindex.moments import Moments

# names that are no identifiers of semopy's
MODEL = csi.Model(
    "three",
    [
        csi.reflective("质量", "a.1", "a2", "a3"),
        csi.reflective("satisfaction", "b1", "b2", "b3"),
        csi.reflective("complaints", "c1"),
        csi.reflective("loyalty", "d1", "d2", "d3"),
    ],
    [
        ("质量", "satisfaction"),
        ("satisfaction", "complaints"),
        ("complaints", "loyalty"),
        ("satisfaction", "loyalty"),
    ],
)


def sample(seed: int = 1, n: int = 400) -> Moments:
    rng = np.random.default_rng(seed)
    a = rng.standard_normal(n)
    b = 0.6 * a + rng.standard_normal(n)
    c = 0.4 * b + rng.standard_normal(n)
    d = 0.3 * c + 0.5 * b + rng.standard_normal(n)
    own: list[FloatArray] = []
    for latent, loadings in ((a, (1, 0.9, 1.2)), (b, (1, 0.8, 1.1)), (d, (1, 1, 0.7))):
        own += [k * latent + 0.8 * rng.standard_normal(n) for k in loadings]
    own.insert(6, c)
    values = np.column_stack(own)
    return Moments(MODEL.items, values.mean(axis=0), np.cov(values.T), n)


def fitted(estimator: CBSEM) -> csi.Results:
    return csi.fit(MODEL, sample(), estimator=estimator)


@pytest.mark.parametrize("name", ["ML", "ULS", "GLS"])
@pytest.mark.parametrize("additions", ["", "a.1 ~~ a2", "质量 =~ k*a2 + k*a3"])
def test_two_engines_agree(name: str, additions: str) -> None:
    estimator = CBSEM(name, additions=additions)  # type: ignore[arg-type]
    found = second_opinion(fitted(estimator))
    assert not found.parameters["difference"].isna().any()
    # what it stops short of
    assert_allclose(found.parameters["difference"], 0, atol=2e-2)
    assert 0 < found.largest < 5e-3
    assert found.measures.loc["df", "difference"] == 0
    assert ("chisq" in found.measures.index) == (name == "ML")
    if name == "ML":
        # it can't find a lower minimum
        assert -1e-8 < found.measures.loc["chisq", "difference"] < 1e-2
        assert_allclose(found.measures["difference"], 0, atol=1e-2)


def test_every_loading_and_path_is_compared_once() -> None:
    parameters = second_opinion(fitted(CBSEM())).parameters
    arrows = parameters[parameters["op"] != "~~"]
    # the construct that is its item has no loading
    assert len(arrows) == 9 + len(MODEL.paths)
    assert not arrows["difference_standardized"].isna().any()
    assert not parameters.duplicated(["lhs", "op", "rhs"]).any()
    assert parameters.loc[parameters["op"] == "~~", "standardized"].isna().all()


def test_the_difference_is_told_in_words() -> None:
    told = repr(second_opinion(fitted(CBSEM())))
    for word in ("largest difference", "chisq", "GFI", "RMSEA"):
        assert word in told


def test_what_semopy_logs_is_told_and_leaves_logging_alone() -> None:
    before = list(logging.getLogger().handlers)
    found = second_opinion(fitted(CBSEM()))
    assert logging.getLogger().handlers == before
    assert all(isinstance(text, str) for text in found.told)
    assert isinstance(found.defects, pd.DataFrame)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (CBSEM(scaling="standardized"), "marker"),
        (CBSEM(means=True), "means"),
        (CBSEM(additions="质量 =~ k*a2\nk < 5"), "constraints"),
    ],
)
def test_what_semopy_gets_wrong_is_refused(estimator: CBSEM, message: str) -> None:
    with pytest.raises(SpecificationError, match=message):
        second_opinion(fitted(estimator))


def test_definitions_are_left_out() -> None:
    text = "satisfaction ~ a*质量\ncomplaints ~ b*satisfaction\nind := a*b"
    found = second_opinion(fitted(CBSEM(additions=text)))
    assert "ind" not in set(found.parameters["lhs"])
    assert found.largest < 5e-3


def test_another_estimator_has_no_second_opinion() -> None:
    with pytest.raises(SpecificationError, match="CBSEM"):
        second_opinion(csi.fit(MODEL, sample()))


def test_a_failure_of_semopy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import semopy

    def failing(*_: object, **__: object) -> None:
        raise np.linalg.LinAlgError("nearPD")

    results = fitted(CBSEM())
    monkeypatch.setattr(semopy.Model, "fit", failing)
    with pytest.raises(DataError, match="could not fit this model: nearPD"):
        second_opinion(results)
