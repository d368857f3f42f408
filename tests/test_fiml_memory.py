"""Resamples of answers with gaps take bounded memory, and change no number by it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.estimation.cbsem import CBSEM
from csindex.inference import stack
from csindex.inference.resampling import Plan, chunk_size
from csindex.inference.stack import PATTERN_BYTES, Draws, members_at_once

ITEMS = [f"y{k}" for k in range(8)]
ONE = csi.Model("one", [csi.reflective("f", *ITEMS)])


def fitted(gaps: float, estimator: CBSEM, n: int = 400) -> csi.Results:
    rng = np.random.default_rng(1)
    values = rng.standard_normal((n, 1)) + rng.standard_normal((n, 8))
    values[rng.random(values.shape) < gaps] = np.nan
    return csi.fit(ONE, pd.DataFrame(values, columns=ITEMS), estimator)


def draws(results: csi.Results) -> Draws:
    assert results.answers is not None
    return Draws(results, results.answers, Plan(100, 1), None)


def test_patterns_of_gaps_bound_what_is_estimated_at_once() -> None:
    results = fitted(0.3, CBSEM(missing="fiml"))
    made = draws(results)
    patterns = len(pd.DataFrame(np.isnan(made.answers.values)).drop_duplicates())
    assert patterns > 100
    size = members_at_once(made)
    assert size < chunk_size(made.answers)
    # sums of weights, answers and products, in double precision
    assert size * patterns * (1 + 8 + 64) * 8 <= PATTERN_BYTES


def test_without_gaps_nothing_is_bound() -> None:
    for results in (
        fitted(0.0, CBSEM(missing="fiml")),
        fitted(0.0, CBSEM("MLR")),
    ):
        made = draws(results)
        assert members_at_once(made) == chunk_size(made.answers)


def test_small_chunks_give_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    results = fitted(0.1, CBSEM(missing="fiml"), 150)
    whole = csi.bootstrap(results, n=40, seed=3).loadings
    monkeypatch.setattr(stack, "PATTERN_BYTES", 700_000)
    assert members_at_once(draws(results)) < 40
    parts = csi.bootstrap(results, n=40, seed=3).loadings
    assert_allclose(parts["se"], whole["se"], rtol=1e-6)
