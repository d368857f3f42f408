"""One BLAS thread: threads only wait for each other where matrices are small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@contextmanager
def one_thread() -> Iterator[None]:
    """Return a context in which matrix products use one thread.

    Yields
    ------
    None
        The number of threads is restored afterwards.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> Any:
    """Return what knows the BLAS libraries; finding them takes a while."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
