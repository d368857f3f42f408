"""Which moments can be added to each other, or taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csindex.errors import quoted
from csindex.moments.checks import UNEQUAL
from csindex.moments.sums import Pooled

if TYPE_CHECKING:
    from csindex.moments.moments import Moments

# what is left of a variance when all of it is taken away, as a share
_ROUNDED = 1e-9


def impossible(whole: Moments, rest: Pooled) -> bool:
    """Return whether no answers have what is left.

    Parameters
    ----------
    whole : Moments
        The moments of a sample.
    rest : Pooled
        What is left of them without a part of the sample.

    Returns
    -------
    bool
        True if the part can't have been one.
    """
    if (rest.n < 2).any() or (rest.weight <= 0).any() or (rest.squares <= 0).any():
        return True
    # no weights of so many respondents have so small squares
    if (rest.squares < (1 - UNEQUAL) * rest.weight**2 / rest.n).any():
        return True
    variances, before = (
        np.diagonal(cov, axis1=-2, axis2=-1) for cov in (rest.cov, whole.cov)
    )
    return bool((variances < -_ROUNDED * before).any())


def differences(a: Moments, b: Moments) -> list[str]:
    """Return why two sets of moments can't be put together.

    Parameters
    ----------
    a, b : Moments
        Both sets.

    Returns
    -------
    list of str
        Other items, scales, labels or numbers of buckets.
    """
    problems: list[str] = []
    if a.names != b.names:
        if sorted(a.names) == sorted(b.names):
            problems.append("the items stand in another order; use b.select(a.names)")
        else:
            apart = sorted({*a.names} ^ {*b.names})
            problems.append(f"items {quoted(apart)} are in one of them only")
    elif not all(
        np.array_equal(mine, other, equal_nan=True)
        for mine, other in ((a.low, b.low), (a.high, b.high))
    ):
        problems.append("the items have other scales; give both the same")
    if a.labels != b.labels:
        problems.append(
            f"one has the labels {quoted(a.labels) or 'none'}, the other "
            f"{quoted(b.labels) or 'none'}; they must be the same, in one order"
        )
    elif a.batch != b.batch:
        problems.append(f"one is a stack of {a.batch}, the other of {b.batch}")
    parts = [None if m.buckets is None else m.buckets.count.shape[-1] for m in (a, b)]
    if parts[0] != parts[1]:
        problems.append(
            f"one has {parts[0] or 'no'} buckets, the other {parts[1] or 'none'}; make "
            "both with the same buckets="
        )
    return problems
