"""Whatever is computed at once, a resample's numbers stay the same to the last bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import csindex as csi
from csindex.inference import packs, resampling, stack
from csindex.inference.resampling import STREAM_BLOCK

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
    if kind == "real":
        items = list(MODEL.items)
        rng = np.random.default_rng(7)
        frame[items] = frame[items].where(frame[items] < 98) + 0.0
        frame[items] += 0.1 * rng.standard_normal(frame[items].shape)
    survey = csi.read_survey(
        frame,
        scale=(0, 11) if kind == "real" else (1, 10),
        missing=() if kind == "real" else (98, 99),
        weights="weight" if kind == "weighted" else None,
    )
    return csi.fit(MODEL, survey, incomplete="em" if kind == "em" else "listwise")


def replicates(results: csi.Results, n: int) -> dict[str, bytes]:
    boot = csi.bootstrap(results, n=n, seed=4)
    made = {name: boot.replicates(name) for name in TABLES}
    assert all(len(values) == n for values in made.values())
    return {
        name: np.ascontiguousarray(values).tobytes() for name, values in made.items()
    }


@pytest.mark.parametrize("kind", ["whole", "weighted", "real", "em"])
@pytest.mark.parametrize("n", [257, 1000])
def test_chunk_sizes_change_no_byte(
    kind: str, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "em" and n == 1000:
        n = 520
    results = fitted(kind)
    expected = replicates(results, n)
    for size in (1, 250, STREAM_BLOCK, 512, 100_000):
        monkeypatch.setattr(resampling, "CHUNK", size)
        assert replicates(results, n) == expected


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
