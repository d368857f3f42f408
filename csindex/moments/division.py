"""How a sample was divided into the groups of a stack of moments."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from csindex.moments.moments import Moments

# how many respondents were read, left out and used
Flow = tuple[tuple[str, int], ...]


@dataclass(frozen=True, eq=False)
class Division:
    """How the members of a stack came about.

    Attributes
    ----------
    by : str
        The column that divides the sample.
    overall : Moments
        The moments of everyone, also of respondents without a group in the stack.
    flows : tuple of flows
        The sample flow of each member of the stack.
    failures : mapping of label to str
        The groups whose moments can't be used, each with the reason.
    """

    by: str
    overall: Moments
    flows: tuple[Flow, ...]
    failures: Mapping[Hashable, str]

    def select(self, items: Sequence[str]) -> Division:
        """Return the same division of some items.

        Parameters
        ----------
        items : sequence of str
            The items.

        Returns
        -------
        Division
            The division.
        """
        return replace(self, overall=self.overall.select(items))

    def pooled(self, other: Division, sign: int, buckets: bool) -> Division:
        """Return the division of two samples together, or of one without the other.

        Parameters
        ----------
        other : Division
            The other sample's, with the same groups.
        sign : int
            One to add, minus one to take away.
        buckets : bool
            Whether buckets are kept.

        Returns
        -------
        Division
            The division.
        """
        mine, theirs = self.overall, other.overall
        if not buckets:
            mine, theirs = (own.with_buckets(None, ()) for own in (mine, theirs))
        flows = tuple(
            added_flow(own, taken, sign)
            for own, taken in zip(self.flows, other.flows, strict=True)
        )
        return replace(
            self,
            overall=mine + theirs if sign > 0 else mine - theirs,
            flows=flows,
            failures={**other.failures, **self.failures},
        )


def added_flow(mine: Flow, theirs: Flow, sign: int) -> Flow:
    """Return the steps that two flows have in common, added up.

    Parameters
    ----------
    mine, theirs : flows
        How many respondents were read, left out and used.
    sign : int
        One to add, minus one to take away.

    Returns
    -------
    flow
        The steps.
    """
    other = dict(theirs)
    return tuple(
        (step, count + sign * other[step]) for step, count in mine if step in other
    )
