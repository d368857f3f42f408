"""The validity study of benchmarks/validity.py finds what is broken, and only that."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.inference import intervals

SURVEYS, N = 60, 250
# standard errors: how far the mean rate of all parameters may lie from what it should
# be, whose own error is a fraction of one; and how far the worst rate of a hundred,
# whose law has a long tail with so few surveys
MEAN, SINGLE = 1.5, 5.0


@cache
def study() -> Any:
    """Return the module benchmarks/validity.py."""
    path = Path(__file__).parents[1] / "benchmarks" / "validity.py"
    spec = importlib.util.spec_from_file_location("validity_study", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their own module up
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    # enough for what is broken here
    module.__dict__["RESAMPLES"] = 599
    return module


@cache
def populations() -> Any:
    """Return the module benchmarks/populations.py."""
    study()  # says where it is
    return importlib.import_module("populations")


def found(case: str, parts: Iterable[str], **changed: object) -> pd.DataFrame:
    """Return the rates of 60 surveys, with the population's parameters as labels."""
    made = study()
    unit = made.Unit(case, "ten points", N, tuple(parts), SURVEYS)
    return pd.DataFrame(made.rates(replace(unit, **changed)))


@cache
def sound(part: str) -> pd.DataFrame:
    """Return the rates of csindex as it is."""
    return found(study().COMPOSITES, [part])


def ignoring_weights(frame: pd.DataFrame, case: Any) -> csi.Survey:
    return csi.read_survey(frame, scale=case.scale)


def dividing_by_points(frame: pd.DataFrame, case: Any) -> csi.Survey:
    """Divide by the ten points of a scale, not by the nine steps between them."""
    return csi.read_survey(frame, scale=case.scale | {"*": (1, 11)})


def counting_twice(frame: pd.DataFrame, case: Any) -> csi.Survey:
    """Divide variances by twice the number of respondents."""
    return csi.read_survey(pd.concat([frame, frame]), scale=case.scale)


# weights make up for selection by answers on ten points
@pytest.mark.parametrize(
    ("place", "answers"),
    [*product((0, 1, 3), ("normal", "ten points")), (2, "ten points")],
)
def test_populations_have_the_parameters_of_their_formulas(
    place: int, answers: str
) -> None:
    made = populations()
    case = list(made.CASES.values())[place](answers)
    names = list(made.LOADINGS)
    paths = np.zeros((6, 6))
    for (source, target), value in made.PATHS.items():
        paths[names.index(target), names.index(source)] = value
    effects = np.linalg.inv(np.eye(6) - paths)
    table = case.limit.total_effects
    expected = [
        effects[names.index(row.target), names.index(row.source)]
        for row in table.itertuples()
    ]
    # the latent correlations behind answers on ten points have six decimals
    assert_allclose(case.truth["total_effects"], expected, atol=1e-4)
    assert_allclose(case.truth["paths"], list(made.PATHS.values()), atol=1e-4)
    sample = case.draw(40_000, np.random.default_rng(3))
    weight = sample["weight"].to_numpy()
    values = sample[list(case.model.items)].to_numpy()
    mean = np.average(values, axis=0, weights=weight)
    assert_allclose(mean, case.moments.mean, atol=5 * values.std(axis=0).max() / 200)
    corr = np.cov(values.T, aweights=weight)
    corr /= np.sqrt(np.outer(np.diag(corr), np.diag(corr)))
    assert_allclose(corr, case.corr, atol=0.03)


def test_inconsistent_estimates_are_caught_in_the_population() -> None:
    broken = replace(populations().factors("normal"), estimator=csi.PLS())
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        _ = broken.limit


@pytest.mark.slow
@pytest.mark.parametrize("part", ["intervals", "exact fit", "groups"])
def test_nothing_is_found_where_nothing_is_broken(part: str) -> None:
    table = sound(part)
    assert (table["used"] == SURVEYS).all()
    assert abs(table["off"].mean()) < MEAN
    assert table["off"].abs().max() < SINGLE


@pytest.mark.slow
def test_ignored_weights_are_caught() -> None:
    case = study().WEIGHTED
    right = found(case, ["intervals"]).set_index(["measure", "statistic"])["off"]
    wrong = found(case, ["intervals"], read=ignoring_weights)
    off = wrong.set_index(["measure", "statistic"])["off"]
    for kind in study().KINDS:
        assert abs(right[kind, "index"].item()) < SINGLE
        assert off[kind, "index"].item() < -SINGLE


@pytest.mark.slow
def test_standard_errors_times_point_eight_are_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    percentile = intervals.percentile

    def squeezed(values: np.ndarray, level: float) -> intervals.Limits:
        centre = values.mean(axis=0)
        return percentile(centre + 0.8 * (values - centre), level)

    monkeypatch.setattr(intervals, "percentile", squeezed)
    table = found(study().COMPOSITES, ["intervals"]).query("measure == 'percentile'")
    assert table["off"].mean() < -MEAN
    # 95 % of a normal law become 88.3 %
    assert table["rate"].mean() == pytest.approx(0.883, abs=0.02)


@pytest.mark.slow
def test_a_wrong_divisor_of_the_scale_is_caught_in_the_index() -> None:
    table = found(study().COMPOSITES, ["intervals"], read=dividing_by_points)
    index = table["statistic"] == "index"
    assert (table.loc[index, "off"] < -SINGLE).all()
    # nothing else depends on the scale
    assert_allclose(table.loc[~index, "rate"], sound("intervals").loc[~index, "rate"])


@pytest.mark.slow
@pytest.mark.parametrize("part", ["intervals", "exact fit", "groups"])
def test_a_wrong_divisor_of_variances_is_caught(part: str) -> None:
    table = found(study().COMPOSITES, [part], read=counting_twice)
    coverage = part == "intervals"
    off = table["off"] if coverage else -table["off"]
    assert off.mean() < -MEAN
    assert (off < -SINGLE).any()
