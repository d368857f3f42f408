"""One construct and what drives it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import IntArray
from csindex.model import Model


@dataclass(frozen=True, eq=False)
class Equation:
    """A construct and what drives it.

    Attributes
    ----------
    target : int
        The construct's position.
    sources : ndarray of int of shape (k,)
        Positions of its sources.
    """

    target: int
    sources: IntArray


def equation_of(model: Model, target: str) -> Equation:
    """Return a construct and what drives it.

    Parameters
    ----------
    model : Model
        The model.
    target : str
        The construct.

    Returns
    -------
    Equation
        Their positions.
    """
    position = model.construct_names.index(target)
    return Equation(position, np.flatnonzero(model.structure[position]))
