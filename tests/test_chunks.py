"""Whatever is computed at once, a resample's numbers stay the same to the last bit."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pandas as pd
import pytest

import csindex as csi
from csindex.inference import packs, resampling, stack
from csindex.inference.buckets import Method
from csindex.inference.resampling import STREAM_BLOCK
from csindex.inference.standard import standard_statistics
from csindex.kernels.arrays import FloatArray
from csindex.survey import Answers, Incomplete

MODEL = csi.Model(
    "small",
    [
        csi.reflective("quality", "OVERALLQ", "CUSTOMQ", "WRONGQ"),
        csi.reflective("value", "PQ", "QP"),
        csi.reflective("satisfaction", "SATIS", "CONFIRM", "IDEAL"),
    ],
    [("quality", "value"), ("quality", "satisfaction"), ("value", "satisfaction")],
    index="satisfaction",
)
TABLES = ("paths", "weights", "loadings", "scores", "HTMT", "reliability")


def fitted(kind: str) -> csi.Results:
    """Return a fit of whole answers, weighted ones, real ones, or ones with gaps."""
    frame = csi.load_dataset("retail").frame.iloc[:150].copy()
    if kind == "few":
        return fitted_few()
    if kind == "real":
        items = list(MODEL.items)
        rng = np.random.default_rng(7)
        frame[items] = frame[items].where(frame[items] < 98) + 0.0
        frame[items] += 0.1 * rng.standard_normal(frame[items].shape)
    survey = csi.read_survey(
        frame,
        scale=(0, 11) if kind == "real" else (1, 10),
        missing=() if kind == "real" else (98, 99),
        weights="weight" if kind in ("weighted", "strata") else None,
        strata="region" if kind == "strata" else None,
    )
    gaps: dict[str, Incomplete] = {"em": "em", "pairwise": "pairwise"}
    return csi.fit(MODEL, survey, incomplete=gaps.get(kind, "listwise"))


def fitted_few() -> csi.Results:
    """Return a fit of so few answers that BLAS multiplies them in another way."""
    rng = np.random.default_rng(1)
    values = 5 + rng.normal(size=(40, 1)) + rng.normal(size=(40, 3))
    frame = pd.DataFrame(values, columns=["a", "b", "c"])
    model = csi.Model(
        "few",
        [csi.reflective("one", "a", "b"), csi.reflective("two", "c")],
        [("one", "two")],
        index="two",
    )
    return csi.fit(model, csi.read_survey(frame, scale=(0, 11)))


def replicates(results: csi.Results, n: int) -> dict[str, bytes]:
    boot = csi.bootstrap(results, n=n, seed=4)
    made = {name: boot.replicates(name) for name in TABLES}
    assert all(len(values) == n for values in made.values())
    return {
        name: np.ascontiguousarray(values).tobytes() for name, values in made.items()
    }


KINDS = ["whole", "weighted", "strata", "real", "em", "pairwise", "few"]


@pytest.mark.parametrize(
    ("kind", "n"), [*((kind, 600) for kind in KINDS), ("whole", 257), ("few", 1300)]
)
def test_chunk_sizes_change_no_byte(
    kind: str, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps = kind in ("em", "pairwise")
    results = fitted(kind)
    expected = replicates(results, n)
    assert results.answers is not None
    for size in (1, 300) if gaps else (1, 250, STREAM_BLOCK, 512, 100_000):
        monkeypatch.setattr(resampling, "CHUNK", size)
        most = max(size, STREAM_BLOCK)
        assert resampling.chunk_size(results.answers) == most
        assert replicates(results, n) == expected
    for limit in () if gaps else ("CHUNK_BYTES", "WEIGHT_BYTES"):
        monkeypatch.setattr(resampling, limit, 1)
        assert resampling.chunk_size(results.answers) == STREAM_BLOCK
        assert replicates(results, n) == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("panel", [32, STREAM_BLOCK])
def test_one_resample_is_the_same_in_whatever_company(
    kind: str, panel: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = fitted(kind)
    assert results.answers is not None
    if panel < STREAM_BLOCK:
        monkeypatch.setattr(resampling, "PANEL_BYTES", 1)
        monkeypatch.setattr(resampling, "CHUNK_BYTES", 1)
    assert resampling.panel_size(results.answers) == panel
    n = len(results.answers.values)
    plan = resampling.Plan(300, 5)
    drawn = stack.Draws(results, results.answers, plan, None)
    everything = bits(drawn)
    for few in (1, 250) if kind == "em" else (1, 33, 250, 299):
        part = bits(replace(drawn, plan=replace(plan, n=few)))
        assert part == [row[:few] for row in everything]
    given = np.random.default_rng(3).integers(0, n, size=(300, n))
    everything = bits(replace(drawn, indices=given))
    for start, stop in ((0, 1), (7, 8), (299, 300), (20, 270), (31, 64)):
        part = bits(replace(drawn, indices=given[start:stop]))
        assert part == [row[start:stop] for row in everything]


def bits(draws: stack.Draws) -> list[list[bytes]]:
    """Return the memory of every resample's values, for each statistic."""
    found = stack.resampled(draws, standard_statistics(draws.results))
    return [
        [np.ascontiguousarray(row).tobytes() for row in values]
        for values in found.values.values()
    ]


@pytest.mark.parametrize("method", get_args(Method))
def test_buckets_and_moments_are_drawn_the_same_in_whatever_company(
    method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = csi.load_dataset("retail").frame.iloc[:300]
    survey = csi.read_survey(frame, scale=(1, 10), missing=(98, 99))
    made = csi.moments(survey, MODEL.items, buckets=50)
    results = csi.fit(MODEL, made)

    def paths(n: int) -> FloatArray:
        boot = csi.bootstrap(results, n=n, seed=4, method=method)
        return boot.replicates("paths")

    everything = paths(1000)
    np.testing.assert_array_equal(paths(257), everything[:257])
    monkeypatch.setattr(resampling, "CHUNK", 1)
    np.testing.assert_array_equal(paths(1000), everything)


@pytest.mark.parametrize(
    ("n", "items", "weighted", "panel"),
    [
        (250, 25, False, 256),
        (125_000, 25, False, 256),
        (125_001, 25, False, 128),
        (62_501, 25, True, 128),
        (1_000_000, 25, False, 32),
        (10_000_000, 2, True, 32),
        (500, 250, False, 256),
        (500, 251, False, 128),
        (500, 1000, False, 32),
    ],
)
def test_large_samples_have_small_panels(
    n: int, items: int, weighted: bool, panel: int
) -> None:
    one = np.ones(1)
    answers = Answers(
        tuple(f"i{k}" for k in range(items)),
        np.broadcast_to(one, (n, items)),
        np.broadcast_to(np.zeros(1, int), (n,)),
        np.broadcast_to(one, (items,)),
        np.broadcast_to(one, (items,)),
        weights=np.broadcast_to(one, (n,)) if weighted else None,
    )
    assert resampling.panel_size(answers) == panel
    size = resampling.chunk_size(answers)
    assert size == panel if panel < STREAM_BLOCK else size >= STREAM_BLOCK
    # a chunk's weights and matrices are bounded, but for the narrowest panel
    single = 8 if weighted else 4
    if panel > 32:
        assert size * max(single * n, 8 * items**2) <= resampling.PANEL_BYTES


def test_a_longer_bootstrap_begins_with_the_shorter_one() -> None:
    results = fitted("weighted")
    long = csi.bootstrap(results, n=900, seed=9).replicates("paths")
    short = csi.bootstrap(results, n=300, seed=9).replicates("paths")
    np.testing.assert_array_equal(long[:300], short)


@pytest.mark.parametrize("n", [40, 257])
def test_chunks_of_blocks_equal_single_fits(n: int) -> None:
    results = fitted("whole")
    answers = results.answers
    assert answers is not None
    boot = csi.bootstrap(results, n=n, seed=4)
    weights = np.concatenate(list(resampling.drawn_weights(answers, boot.draws.plan)))
    items = list(MODEL.items)
    frame = results.survey.frame[items] if results.survey is not None else None
    assert frame is not None
    complete = frame[(frame < 98).all(axis=1)].to_numpy(float)
    for position in (0, n - 1):
        rows = np.repeat(complete, weights[position].astype(int), axis=0)
        again = csi.fit(
            MODEL, csi.read_survey(pd.DataFrame(rows, columns=items), scale=(1, 10))
        )
        np.testing.assert_allclose(
            again.paths["estimate"], boot.replicates("paths")[position], rtol=1e-9
        )


@pytest.mark.parametrize("kind", ["whole", "weighted"])
def test_threads_change_no_number(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    results = fitted(kind)
    monkeypatch.setattr(stack, "THREADS", 1)
    one = csi.bootstrap(results, n=4000, seed=4)
    monkeypatch.setattr(stack, "THREADS", 2)
    two = csi.bootstrap(results, n=4000, seed=4)
    for name in TABLES:
        np.testing.assert_allclose(
            two.replicates(name), one.replicates(name), rtol=1e-12, atol=1e-12
        )


def test_groups_in_one_stack_are_as_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = csi.load_dataset("retail").frame.iloc[:400]
    survey = csi.read_survey(frame, scale=(1, 10), missing=(98, 99))
    groups = csi.fit(MODEL, survey, by="region")
    together = csi.bootstrap(groups, n=300, seed=2)
    monkeypatch.setattr(packs, "fits_together", lambda _: False)
    alone = csi.bootstrap(groups, n=300, seed=2)
    assert len(together.members) > 2
    for label, boot in together.members.items():
        assert boot.counts.equals(alone.members[label].counts)
        for name in TABLES:
            wanted = alone.members[label].replicates(name)
            np.testing.assert_allclose(
                boot.replicates(name), wanted, rtol=1e-12, atol=1e-12
            )
