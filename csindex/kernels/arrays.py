"""Array types, and the two layouts of a stack.

Outside the kernels a stack of matrices has leading batch axes, ``(..., p, p)``.
Inside them it is a *slab* with one trailing batch axis, ``(p, p, b)``: the same
operation on every member of the stack then runs over contiguous memory. A slab
turned round keeps its memory, so that kernels pass stacks on without copies.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)


def to_slab(stack: FloatArray, core: int) -> FloatArray:
    """Return a stack as a slab.

    Parameters
    ----------
    stack : ndarray of shape (..., *core)
        The stack.
    core : int
        Number of trailing axes that belong to each member.

    Returns
    -------
    ndarray of shape (*core, b)
        The slab, contiguous; not copied if the stack is a slab turned round.
    """
    flat = stack.reshape((-1, *stack.shape[stack.ndim - core :]))
    return np.ascontiguousarray(np.moveaxis(flat, 0, -1))


def from_slab(slab: NDArray[Scalar], batch: tuple[int, ...]) -> NDArray[Scalar]:
    """Return a slab as a stack with the given batch axes.

    Parameters
    ----------
    slab : ndarray of shape (*core, b)
        The slab.
    batch : tuple of int
        Batch axes of the result; their product is b.

    Returns
    -------
    ndarray of shape (*batch, *core)
        The stack; a view where the batch has one axis.
    """
    stack = np.moveaxis(slab, -1, 0)
    return stack if len(batch) == 1 else stack.reshape(batch + stack.shape[1:])
