"""Resamples that lack a value: what is left out, counted and told."""

from __future__ import annotations

import warnings
from functools import partial
from itertools import pairwise
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import csindex as csi
from csindex.inference import intervals
from csindex.inference.intervals import Interval
from csindex.inference.spreads import Beside, limits_by, spread

KINDS = get_args(Interval)


def _model(*sizes: int) -> csi.Model:
    names = "xyz"[: len(sizes)]
    return csi.Model(
        "m",
        [
            csi.reflective(n, *(f"{n}{k}" for k in range(size)))
            for n, size in zip(names, sizes, strict=True)
        ],
        list(pairwise(names)),
        index="x",
    )


def _fit(values: np.ndarray, model: csi.Model, **options: Any) -> csi.Results:
    frame = pd.DataFrame(values, columns=model.items).clip(1, 10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", csi.InadmissibleWarning)
        survey = csi.read_survey(frame, scale=(1, 10))
        found: csi.Results = csi.fit(model, survey, **options)
        return found


@pytest.fixture(scope="module")
def weak() -> csi.Results:
    """Return a fit with an item of x that has little to do with it."""
    rng = np.random.default_rng(4)
    true, noise = rng.normal(size=(40, 1)), rng.normal(size=(40, 5))
    fit = _fit(5.5 + 1.3 * (true * [1.2, 1.2, 0.0, 1, 1] + noise), _model(3, 2))
    assert np.isfinite(fit.index)
    return fit


@pytest.fixture(scope="module")
def loose() -> csi.Results:
    """Return a fit whose constructs hardly agree, with a third one apart."""
    rng = np.random.default_rng(6)
    true, noise = rng.normal(size=(60, 1)), rng.normal(size=(60, 7))
    return _fit(
        5.5 + 1.2 * (true * [1, 1, 1, 1, 0.3, 0.3, 0.3] + noise), _model(2, 2, 3)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_gaps_are_left_out_by_every_kind(kind: Interval) -> None:
    rng = np.random.default_rng(1)
    values = rng.gamma(3, size=(300, 3))
    estimate, inner = np.array([2.5, 3.0, 2.8]), rng.uniform(0.5, 2, size=(300, 3))
    rates = np.array([0.02, -0.03, 0.05])
    values[::3, 0] = np.nan
    values[5:9, 1] = np.inf
    found = spread(values, estimate, kind, 0.9, Beside(lambda: rates, lambda: inner))
    for k, known in enumerate(np.isfinite(values).T):
        alone, errors = values[known][:, [k]], inner[known][:, [k]]
        own = Beside(partial(rates.take, [k]), partial(np.array, errors))
        wanted = limits_by(kind, alone, estimate[[k]], 0.9, own)
        assert_allclose(found.low[k], wanted.low.item(), rtol=1e-12)
        assert_allclose(found.high[k], wanted.high.item(), rtol=1e-12)
        assert_allclose(found.errors[k], alone.std(ddof=1), rtol=1e-12)
        assert_allclose(found.p[k], 2 / (known.sum() + 1))
    assert_allclose(found.defined, [2 / 3, 296 / 300, 1])
    assert "defined" in found.columns(True, True)
    (note,) = found.notes(["a", "b", "c"])
    assert note.endswith("which se, interval and p are of: a (66.7 %), b (98.7 %)")


@pytest.mark.parametrize("kind", KINDS)
def test_too_few_values_give_no_interval(kind: Interval) -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(200, 2))
    values[39:, 0] = np.nan
    values[40:, 1] = np.nan
    beside = Beside(lambda: np.zeros(2), lambda: np.ones((200, 2)))
    found = spread(values, np.zeros(2), kind, 0.95, beside)
    shown = found.columns(True, True)
    assert shown.loc[0, ["se", "t", "low", "high", "p"]].isna().all()
    assert shown.loc[1, ["se", "t", "low", "high", "p"]].notna().all()
    first, second = found.notes(["few", "enough"])
    assert first == (
        "No interval where fewer than 40 of the 200 resamples define the value: few"
    )
    assert second.endswith("enough (20 %)")


def test_nothing_is_known_of_what_is_not_defined(weak: csi.Results) -> None:
    boot = csi.bootstrap(weak, n=200)
    path = weak.paths["estimate"].item()
    # the logarithm of a negative number, in the sample and in most resamples
    row = boot.of(lambda e: np.log(e.paths[..., 1, 0] - path - 0.05))
    assert row[["estimate", "se", "t", "low", "high", "p"]].isna().all(axis=None)
    assert row.attrs["notes"] == [
        "No interval without an estimate in the sample: row 0"
    ]
    never = boot.of(lambda e: e.paths[..., 1, 0] + np.nan)
    assert never[["estimate", "se", "low", "high", "p"]].isna().all(axis=None)


@pytest.mark.parametrize("alternative", ["less", "greater", "two-sided"])
def test_p_values_of_gaps(alternative: Any) -> None:
    values = np.array([[-1.0, np.nan], [1.0, np.nan], [np.nan, np.nan], [2.0, np.nan]])
    p = intervals.p_values(values, alternative)
    # of three values, one lies at or below zero and two at or above
    wanted = {"greater": 2 / 4, "less": 3 / 4, "two-sided": 1.0}[alternative]
    assert_allclose(p, [wanted, np.nan])
    assert np.isnan(intervals.p_values(values, alternative, np.nan)).all()


def test_p_values_are_of_numbers(weak: csi.Results) -> None:
    boot = csi.bootstrap(weak, n=100)
    assert boot.p_values("paths", "less", np.nan).isna().all()
    assert boot.p_values("paths", null=float(np.float32(0.25))).notna().all()
    for null in ("a", None, True):
        with pytest.raises(csi.SpecificationError, match="null must be a number, not"):
            boot.p_values("paths", null=null)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["percentile", "normal", "bc", "basic"])
def test_ratios_that_some_resamples_lack(loose: csi.Results, kind: Interval) -> None:
    boot = csi.bootstrap(loose, n=400, interval=kind)
    table = boot.of("htmt2").set_index(["first", "second"])
    drawn = boot.of(lambda e: e.moments.corr).shape
    assert drawn[0] == 49
    assert (table["defined"] < 1).any()
    known = table[table["estimate"].notna() & (table["defined"] >= 0.1)]
    assert len(known)
    assert known[["se", "low", "high"]].notna().all(axis=None)
    assert "Defined in a part of the resamples" in "".join(table.attrs["notes"])
    # geometric means of correlations exist where their product is positive
    corr = np.array([m.corr for m in _resampled_moments(loose, 400)])
    within = corr[:, 0, 1] * corr[:, 2, 3]
    across = corr[:, :2, 2:4].reshape(400, -1).prod(axis=1)
    defined = (within > 0) & (across > 0)
    assert table.loc[("x", "y"), "defined"] == pytest.approx(defined.mean())
    ratio = across[defined] ** 0.25 / within[defined] ** 0.5
    assert table.loc[("x", "y"), "se"] == pytest.approx(ratio.std(ddof=1))


def _resampled_moments(fit: csi.Results, n: int) -> list[csi.Moments]:
    from csindex.inference.resampling import Plan, drawn_weights

    answers = fit.answers
    assert answers is not None
    (weights,) = drawn_weights(answers, Plan(n, 1), 512)
    made: list[csi.Moments] = []
    for counts in weights:
        values = np.repeat(answers.values, counts.astype(int), axis=0)
        made.append(
            csi.Moments(fit.model.items, values.mean(axis=0), np.cov(values.T), 60)
        )
    return made


def test_a_score_is_refused_in_resamples_as_in_fits(weak: csi.Results) -> None:
    answers = weak.answers
    assert answers is not None
    drawn = np.random.default_rng(5).integers(0, 40, size=(120, 40))
    boot = csi.bootstrap(weak, indices=drawn)
    scores: list[np.ndarray] = []
    for row in drawn:
        values = answers.values[row]
        moments = csi.Moments(
            weak.model.items, values.mean(axis=0), np.cov(values.T), 40, 1, 10
        )
        scores.append(
            csi.fit(weak.model, moments).scores["score"].to_numpy(dtype=float)
        )
    wanted = np.array(scores)[boot.usable]
    lacking = np.isnan(wanted)
    assert 10 < lacking[:, 0].sum() < 80
    assert_allclose(boot.replicates("scores"), wanted, atol=1e-6)
    assert boot.counts["no_score"] == lacking.any(axis=1).sum()
    table = boot.scores.set_index("construct")
    kept = wanted[~lacking[:, 0], 0]
    assert table.loc["x", "defined"] == pytest.approx(len(kept) / len(wanted))
    assert table.loc["x", "se"] == pytest.approx(kept.std(ddof=1))
    assert table.loc["x", "low"] == pytest.approx(np.quantile(kept, 0.025))
    assert 0 <= table.loc["x", "low"] <= table.loc["x", "high"] <= 100
    assert boot.index["se"] == table.loc["x", "se"]
    # nor is there an effect in points of what has no score
    effect = boot.of("point_effects").iloc[0]
    assert effect["defined"] == pytest.approx((~lacking.any(axis=1)).mean())
    shown = " ".join(repr(boot).split())
    assert f"{boot.counts['no_score']} of the {boot.counts['used']} resamples" in shown
    assert f"x ({100 * table.loc['x', 'defined']:.3g} %)" in shown
    assert "resamples without a score" in boot.settings.index


@pytest.mark.parametrize("kind", ["bca", "studentized"])
def test_a_refused_score_has_no_numbers_of_any_kind(kind: Interval) -> None:
    rng = np.random.default_rng(3)
    true, noise = rng.normal(size=(40, 1)), rng.normal(size=(40, 5))
    fit = _fit(5.5 + 1.3 * (true * [1.2, 1.2, -0.6, 1, 1] + noise), _model(3, 2))
    assert fit.scores["note"].iloc[0] != ""
    boot = csi.bootstrap(fit, n=100, interval=kind, inner=10)
    assert boot.scores.loc[0, ["se", "low", "high", "p"]].isna().all()
    assert boot.scores.loc[1, ["se", "low", "high"]].notna().all()
    assert not any("x" in note.split(": ")[-1] for note in boot.scores.attrs["notes"])


@pytest.fixture(scope="module")
def small() -> csi.Results:
    """Return a consistent PLS fit of so few that resamples are often improper."""
    rng = np.random.default_rng(9)
    true, noise = rng.normal(size=(40, 1)), rng.normal(size=(40, 6))
    other = 0.6 * true + 0.8 * rng.normal(size=(40, 1))
    common = np.hstack([true, true, true, other, other, other])
    return _fit(5.5 + 1.2 * (1.2 * common + noise), _model(3, 3), estimator=csi.PLSc())


def test_improper_resamples_are_counted(small: csi.Results) -> None:
    boot = csi.bootstrap(small, n=300)
    # two constructs: a loading or the one correlation, which is the path, beyond one
    beyond = (np.abs(boot.replicates("loadings")) > 1 + 1e-9).any(axis=1)
    beyond |= np.abs(boot.replicates("paths")[:, 0]) > 1 + 1e-9
    assert boot.counts["improper"] == beyond.sum() > 30
    told = f"{beyond.sum()} of the {boot.counts['used']} resamples used are improper"
    assert told in " ".join(repr(boot).split())
    assert f"{beyond.sum()} improper" in boot.settings["failed resamples"]
    proper = csi.bootstrap(small, n=300, failed="drop_improper")
    assert_array_equal(proper.replicates("paths"), boot.replicates("paths")[~beyond])
    assert proper.counts["improper"] == beyond.sum()
    assert proper.counts["used"] == (~beyond).sum()
    assert np.abs(proper.replicates("loadings")).max() <= 1 + 1e-9


def test_components_are_never_improper(weak: csi.Results) -> None:
    boot = csi.bootstrap(weak, n=200)
    assert boot.counts["improper"] == 0
    assert "improper" not in repr(boot)


def test_fit_measures_shift_upwards() -> None:
    # resampling adds sampling error once more: distances of the resamples are larger
    rng = np.random.default_rng(9)
    true, noise = rng.normal(size=(100, 1)), rng.normal(size=(100, 12))
    boot = csi.bootstrap(_fit(5.5 + true + noise, _model(6, 6)), n=300)
    table = boot.of("fit").set_index("measure")
    assert (table["low"] > table["estimate"]).loc[["d_uls", "d_g"]].all()
    first, second = table.attrs["notes"]
    assert first.startswith("Resamples shift the value away")
    assert "d_g" in first
    assert "csi.exact_fit" in second
    assert boot.paths.attrs["notes"] == []


@pytest.mark.parametrize(
    ("indices", "options", "told"),
    [
        ([[0] * 40] * 60, {"failed": "replace"}, "nothing is drawn beside indices"),
        ([[0] * 40] * 60, {"n": 500}, "n=500 beside indices of 60 resamples"),
        ([[0, 1], [1, 2, 3]], {}, "equally many respondents in every row"),
    ],
)
def test_what_goes_with_indices(
    weak: csi.Results, indices: Any, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(csi.SpecificationError, match=told):
        csi.bootstrap(weak, indices=indices, **options)


def test_any_real_number_is_a_level(weak: csi.Results) -> None:
    boot = csi.bootstrap(weak, n=100, level=np.float32(0.5))  # type: ignore[call-overload]
    wanted = np.quantile(boot.replicates("paths"), [0.25, 0.75], axis=0)
    assert_allclose(boot.paths[["low", "high"]].T, wanted)
