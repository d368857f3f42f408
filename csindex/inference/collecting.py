"""Statistics of a part of a stack of estimates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from csindex.errors import SpecificationError
from csindex.estimation import Estimates
from csindex.inference.stopping import check_stopped, current_run
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.results import Statistic

# a part of a stack that is still to be estimated
Chunk = Callable[[], Estimates]


@dataclass(frozen=True, eq=False)
class Collected:
    """Statistics of a stack's members, and which of them can be used.

    Attributes
    ----------
    values : mapping of str to ndarray of shape (b, k)
        Values of each statistic.
    converged, admissible : ndarray of bool of shape (b,)
        Whether each resample's estimate converged, and could be computed at all.
    """

    values: Mapping[str, FloatArray]
    converged: BoolArray
    admissible: BoolArray


def collected(chosen: Sequence[Statistic], chunk: Chunk) -> Collected:
    """Return the statistics of one chunk.

    Parameters
    ----------
    chosen : sequence of Statistic
        What is computed.
    chunk : callable
        Makes a part of the stack.

    Returns
    -------
    Collected
        Values of its members.
    """
    # members without variance give NaN all the way; they are counted, not warned of
    with np.errstate(invalid="ignore", divide="ignore"):
        estimates = chunk()
        values: dict[str, FloatArray] = {}
        for statistic in chosen:
            check_stopped()
            found = statistic.compute(estimates)
            check_batch(found, estimates)
            values[statistic.name] = found.reshape(len(found), found[0].size)
    current_run().count(estimates.converged, estimates.admissible)
    return Collected(values, estimates.converged, estimates.admissible)


def check_batch(found: FloatArray, estimates: Estimates) -> None:
    """Refuse a statistic's values that have lost the batch axis.

    Parameters
    ----------
    found : ndarray
        The values.
    estimates : Estimates
        What they were computed of, with one batch axis.

    Raises
    ------
    SpecificationError
        With the shape.
    """
    if found.shape[:1] != estimates.converged.shape:
        raise SpecificationError(
            f"the statistic gave shape {found.shape} for {len(estimates.converged)} "
            "resamples; it must keep the batch axis first, as in "
            "estimates.paths[..., 1, 0]"
        )
