"""One BLAS thread: threads only wait for each other where matrices are small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@contextmanager
def one_thread(lapack: bool = False) -> Iterator[None]:
    """Return a context, or a decorator, for matrix products by one thread.

    Parameters
    ----------
    lapack : bool
        Whether SciPy's routines are meant, too, which have a library of their own.

    Yields
    ------
    None
        The number of threads is restored afterwards.
    """
    with _controller(lapack).limit(limits=1, user_api="blas"):
        yield


@cache
def _controller(lapack: bool) -> Any:
    """Return what knows the BLAS libraries; finding them takes a while."""
    from threadpoolctl import ThreadpoolController

    if lapack:
        # only what has been loaded is found
        import scipy.linalg  # noqa: F401

    return ThreadpoolController()
