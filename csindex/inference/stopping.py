"""Runs that can be interrupted: what has been estimated, and whether to stop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import TypeVar

import numpy as np

from csindex.kernels.arrays import BoolArray

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Run:
    """A long computation on several threads.

    Attributes
    ----------
    stop : Event
        Set when the user interrupts it.
    parts : list of tuple of int
        Members of each chunk that was estimated: usable ones, ones that did not
        converge, and inadmissible ones.
    """

    stop: Event = field(default_factory=Event)
    parts: list[tuple[int, int, int]] = field(default_factory=list)

    def count(self, converged: BoolArray, admissible: BoolArray) -> None:
        """Count the members of a chunk.

        Parameters
        ----------
        converged, admissible : ndarray of bool of shape (b,)
            Whether each member converged, and could be computed at all.
        """
        settled, usable = admissible & converged, admissible & ~converged
        self.parts.append(
            (int(settled.sum()), int(usable.sum()), int((~admissible).sum()))
        )

    def told(self) -> str:
        """Return how far the run came."""
        usable, stuck, lost = np.sum([(0, 0, 0), *self.parts], axis=0).tolist()
        return (
            f"interrupted after {usable + stuck + lost} estimates, of which "
            f"{usable} could be used, {stuck} did not converge and {lost} were "
            "inadmissible"
        )


_RUN: ContextVar[Run | None] = ContextVar("csindex_run", default=None)


@contextmanager
def interruptible(
    done: Callable[[], str] | None = None, advice: str = ""
) -> Iterator[Run]:
    """Return a context whose interruption says how far it came.

    Parameters
    ----------
    done : callable, optional
        Gives what else is finished, as ``"2 of 6 fits are finished"``.
    advice : str
        What to do now.

    Yields
    ------
    Run
        The run; within another one, that one, which then tells.

    Raises
    ------
    KeyboardInterrupt
        If the user stops it, with the numbers of estimates.
    """
    outer = _RUN.get()
    run = Run() if outer is None else outer
    token = _RUN.set(run)
    try:
        yield run
    except KeyboardInterrupt as stop:
        run.stop.set()
        if outer is not None:
            raise
        finished = [] if done is None else [done()]
        told = "; ".join([run.told(), *finished, "none is kept"])
        raise KeyboardInterrupt(f"{told}: {advice}" if advice else told) from stop
    finally:
        _RUN.reset(token)


def current_run() -> Run:
    """Return the run that is under way, or a new one that nobody interrupts."""
    return _RUN.get() or Run()


def check_stopped() -> None:
    """End a part of a run that the user has interrupted.

    Raises
    ------
    KeyboardInterrupt
        If the user has stopped the run.
    """
    if current_run().stop.is_set():
        raise KeyboardInterrupt


def in_order(
    work: Callable[[Item], Made], items: Iterable[Item], threads: int
) -> Iterator[Made]:
    """Yield the work's results in the order of the items, a few ahead at a time.

    What has not begun when the user interrupts is given up, and what is under way is
    not waited for: it ends by itself at its next step.

    Parameters
    ----------
    work : callable
        Makes a result of an item.
    items : iterable
        What it is made of.
    threads : int
        Number of threads.

    Yields
    ------
    object
        The results.
    """
    run = current_run()
    ahead: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            ahead.append(pool.submit(partial(_within, run, work), item))
            if len(ahead) > threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    except KeyboardInterrupt:
        run.stop.set()
        raise
    finally:
        pool.shutdown(wait=not run.stop.is_set(), cancel_futures=True)


def _within(run: Run, work: Callable[[Item], Made], item: Item) -> Made:
    """Return the work's result, on a thread that belongs to a run."""
    token = _RUN.set(run)
    try:
        check_stopped()
        return work(item)
    finally:
        _RUN.reset(token)
