"""Errors and warnings of csindex, and how their messages are put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class CsindexError(ValueError):
    """Base of all errors that csindex raises on purpose.

    Parameters
    ----------
    problems : str or sequence of str
        What is wrong, one entry per problem; all problems of one call are
        shown in one message.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (
            (problems,) if isinstance(problems, str) else tuple(problems)
        )
        super().__init__(_message(self.problems))


class SpecificationError(CsindexError):
    """A model, an option or a call that cannot be carried out as written."""


class DataError(CsindexError):
    """Answers or moments that do not fit what was said about them."""


class OutputError(CsindexError):
    """A file that cannot be written."""


class ConvergenceWarning(UserWarning):
    """An iterative estimate stopped before it had converged."""


class InadmissibleWarning(UserWarning):
    """A result was computed but cannot be interpreted as it stands."""


class SpecificationWarning(UserWarning):
    """A model or a call of which a part was left aside."""


class AnswersWarning(UserWarning):
    """Answers that contradict the questionnaire, or groups left without a result."""


def unknown(
    kind: str, names: Iterable[str], known: Iterable[str], where: str
) -> list[str]:
    """Return one problem per name that is not known, with the nearest known name.

    Parameters
    ----------
    kind : str
        What the names are, in the singular: ``"column"``, ``"construct"``.
    names : iterable of str
        The names that were used.
    known : iterable of str
        The names that exist.
    where : str
        Where the names were used, as ``"in reverse"``.

    Returns
    -------
    list of str
        The problems; empty when every name is known.

    Examples
    --------
    >>> unknown("column", ["SATIZ"], ["SATIS", "IDEAL"], "in the data")
    ["unknown column 'SATIZ' in the data; did you mean 'SATIS'?"]
    """
    known = [str(name) for name in known]
    problems = (
        f"unknown {kind} {name!r} {where}; {_suggestion(str(name), known)}"
        for name in names
        if name not in known
    )
    return list(dict.fromkeys(problems))


def quoted(names: Iterable[object], limit: int = 12) -> str:
    """Return names in quotes, separated by commas, at most ``limit`` of them."""
    names = list(names)
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def _suggestion(name: str, known: Sequence[str]) -> str:
    by_lower = {candidate.lower(): candidate for candidate in reversed(known)}
    near = get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    if near:
        return f"did you mean {by_lower[near[0]]!r}?"
    return f"there are {quoted(known)}" if known else "there are none"


def _message(problems: tuple[str, ...]) -> str:
    if len(problems) == 1:
        return problems[0]
    lines = [f"{k}. {problem}" for k, problem in enumerate(problems, start=1)]
    return "\n".join([f"{len(problems)} problems:", *lines])
