"""Runs that are interrupted: at once, and with a word about how far they came."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
import pytest

import csindex as csi
from csindex.inference import stack
from csindex.inference.stopping import check_stopped, in_order, interruptible

MODEL = csi.Model(
    "two",
    (csi.reflective("x", "a", "b"), csi.reflective("y", "c")),
    (("x", "y"),),
    index="y",
)
# a signal reaches a waiting main thread on POSIX systems only
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def fitted() -> csi.Results:
    rng = np.random.default_rng(1)
    values = 5 + rng.normal(size=(60, 1)) + rng.normal(size=(60, 3))
    frame = pd.DataFrame(values, columns=["a", "b", "c"])
    return csi.fit(MODEL, csi.read_survey(frame, scale=(0, 11)))


def interrupt() -> None:
    """Send the main thread what Ctrl-C sends."""
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Return what ends waiting threads; Ctrl-C counts in background jobs, too."""
    event = threading.Event()
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield event
    event.set()
    signal.signal(signal.SIGINT, usual)


@POSIX
def test_what_is_under_way_is_not_waited_for(released: threading.Event) -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 2:
            interrupt()
        if item >= 1:
            released.wait(20)
        return item

    start = time.monotonic()
    told = r"after 0 estimates.*; none is kept$"
    with pytest.raises(KeyboardInterrupt, match=told), interruptible():
        list(in_order(work, range(50), 2))
    assert time.monotonic() - start < 5
    # those that were queued never begin
    assert sorted(begun) == [0, 1, 2]


@POSIX
def test_parts_of_parts_stop_too(released: threading.Event) -> None:
    ended = threading.Event()
    steps = count()

    def inner(item: int) -> int:
        try:
            while (step := next(steps)) < 2000:
                if step == 5:
                    interrupt()
                check_stopped()
                time.sleep(0.01)
        except KeyboardInterrupt:
            ended.set()
            raise
        return item

    def outer(item: int) -> list[int]:
        with interruptible(lambda: "not told"):
            return list(in_order(inner, range(3), 1))

    done = "after 0 of 2 fits"
    raised = pytest.raises(KeyboardInterrupt, match=done)
    with raised as caught, interruptible(lambda: done):
        list(in_order(outer, range(2), 2))
    assert "not told" not in str(caught.value)
    assert ended.wait(5)


def test_results_keep_the_order_of_their_items() -> None:
    def work(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        return item * item

    assert list(in_order(work, range(20), 4)) == [k * k for k in range(20)]
    # a run that has ended does not stop the next one
    with pytest.raises(KeyboardInterrupt), interruptible() as run:
        raise KeyboardInterrupt
    assert run.stop.is_set()
    with interruptible() as other:
        assert not other.stop.is_set()
        check_stopped()


def test_interrupted_standard_errors_within_resamples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    boot = csi.bootstrap(fitted(), n=300, interval="studentized", inner=20)
    made, calls = stack._redrawn, count()

    def stopped(*given: Any) -> Any:
        if next(calls) == 260:
            raise KeyboardInterrupt
        return made(*given)

    monkeypatch.setattr(stack, "_redrawn", stopped)
    told = (
        "interrupted after 5120 estimates, of which 5120 could be used.*; 256 of 300 "
        "resamples have a standard error; none is kept"
    )
    monkeypatch.setattr(stack, "members_at_once", lambda _: 20 * 128)
    with pytest.raises(KeyboardInterrupt, match=told):
        _ = boot.paths


@pytest.mark.parametrize("made", [csi.jackknife, csi.linearized])
def test_interrupted_errors_of_a_sample(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*given: object) -> None:
        raise KeyboardInterrupt

    results = fitted()
    monkeypatch.setattr(stack, "collected", stopped)
    with pytest.raises(KeyboardInterrupt, match=r"after 0 estimates.*none is kept$"):
        made(results)
