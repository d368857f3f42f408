"""What a fit to several groups warns of."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence

from csindex.errors import ConvergenceWarning, DataError, InadmissibleWarning
from csindex.estimation.cbsem.groups import GroupEstimates
from csindex.estimation.cbsem.ordinal_fit import OrdinalFit, vanished
from csindex.estimation.cbsem.table import row_values

# a variance that is negative by more than rounding
_ROUNDING = 1e-9
_WAYS = (
    "don't interpret it as it stands: drop the item, make loadings equal with "
    "additions=, or collect more respondents"
)
_LIMIT = (
    "by parameterization='theta' a residual variance can't be zero or less, so that "
    "the search has no end; parameterization='delta' shows how far below zero it is"
)


def checked(
    made: GroupEstimates, groups: Sequence[Hashable], what: str
) -> GroupEstimates:
    """Return a fit, and warn of what is wrong with it.

    Parameters
    ----------
    made : GroupEstimates
        The fit.
    groups : sequence of labels
        The groups.
    what : str
        The model's name, for messages.

    Returns
    -------
    GroupEstimates
        The same.

    Raises
    ------
    DataError
        If there is no solution.

    Warns
    -----
    ConvergenceWarning
        If the search didn't end.
    InadmissibleWarning
        With every variance that is negative, or can't be by theta and is all but zero.
    """
    fit = made.fit
    if not fit.value[0] < float("inf"):
        raise DataError(
            f"the {what} model found no solution; simplify the model, or fit the "
            "groups one by one with csi.fit(by=)"
        )
    if not fit.converged[0]:
        warnings.warn(
            f"the {what} model did not converge in {fit.iterations[0]} iterations; "
            "don't report its numbers as they stand",
            ConvergenceWarning,
            stacklevel=4,
        )
    if told := [*_negative(made, groups), *_limits(made, groups)]:
        warnings.warn(
            f"the {what} model is improper: {'; '.join(told)}; {_WAYS}",
            InadmissibleWarning,
            stacklevel=4,
        )
    return made


def _negative(made: GroupEstimates, groups: Sequence[Hashable]) -> list[str]:
    rows = made.fit.table.rows
    values = row_values(rows, made.fit.theta)[0]
    return [
        f"negative variance of {row.lhs} in group {groups[row.group]!r} ({value:.3g})"
        for row, value in zip(rows, values, strict=True)
        if row.op == "~~" and row.lhs == row.rhs and value < -_ROUNDING
    ]


def _limits(made: GroupEstimates, groups: Sequence[Hashable]) -> list[str]:
    """Return the ordinal items whose residual variance vanishes by theta."""
    if not isinstance(made.fit, OrdinalFit):
        return []
    found = [
        f"no residual variance of {item} in group {groups[group]!r}"
        for item, group, _ in vanished(made.fit)
    ]
    return [*found, _LIMIT] if found else []
