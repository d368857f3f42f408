"""Errors, warnings and long tables as a terminal shows them."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import click

from csindex.errors import CsindexError

# exit code for answers, models and options that can't be used
REJECTED = 2
# lines of a table, problems of an error, warnings and characters that are shown
LINES = 30
PROBLEMS = 20
WARNINGS = 10
CHARACTERS = 1_000

# what messages of the library advise, as a pattern, and its way on the command line
WAYS: Mapping[str, str] = {
    r"\bscale=": "--scale LOW HIGH for all items; for some items in a codebook: "
    "--codebook FILE, with scale = [0, 1] under [items.NAME]",
    r"\bmissing=": "--missing 98,99",
    r"\breverse=": "--reverse A,B",
    r"\bweights=": "--weights COLUMN",
    r"\b(?:by|groups)=": "--by COLUMN",
    r"\bincomplete=": "--incomplete TREATMENT",
    r"\bestimator=|\bcsi\.(?:PLSc?|CBSEM|GSCA|PCA|UnitWeights)\b": "--estimator NAME",
    r"\bsheet=": "--sheet NAME",
    r"\bscheme=": "--scheme NAME",
    r"\bscaled=": "--raw",
    r"\bwith_items\(": "--items FILE, with lines as satisfaction = ['q1', 'q2']",
    r"\bwith_items_of\b": '--codebook FILE, with construct = "satisfaction" under '
    "[items.NAME]",
    r"\bcsi\.models\b": "csindex models",
    r"\bcsi\.read_model\b": "--model FILE",
}
# calls that no option stands for
_CALL = re.compile(r"\b(?:csi\.[A-Za-z]\w*|(?:model|results)\.(?!with_items)\w+)")


@contextmanager
def told() -> Iterator[None]:
    """Turn errors and warnings into messages, without a traceback."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except CsindexError as error:
            click.echo(f"Error: {_problems(error)}", err=True)
            _tell_ways(str(error))
            sys.exit(REJECTED)
        finally:
            _tell_warnings(
                [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
            )


def ways(message: str) -> list[str]:
    """Return how the command line says what a message advises in Python.

    Parameters
    ----------
    message : str
        What the library tells.

    Returns
    -------
    list of str
        One line per piece of Python in it; none where it has none.

    Examples
    --------
    >>> ways("if 99 means 'no answer', say missing=(99,)")
    ['missing=: --missing 98,99']
    """
    known = [
        (match.start(), f"{match.group().rstrip('(')}: {way}")
        for pattern, way in WAYS.items()
        if (match := re.search(pattern, message))
    ]
    others = [
        (match.start(), f"{match.group()}: in Python only")
        for match in _CALL.finditer(message)
        if not any(re.match(pattern, match.group()) for pattern in WAYS)
    ]
    return list(dict.fromkeys(line for _, line in sorted([*known, *others])))


def shortened(text: str, rest: str) -> str:
    """Return the first lines of a text, and what became of the others.

    Parameters
    ----------
    text : str
        The text.
    rest : str
        What the other lines are and where they can be had.

    Returns
    -------
    str
        The text if it is short enough.

    Examples
    --------
    >>> shortened("a", "more")
    'a'
    """
    lines = text.splitlines()
    if len(lines) <= LINES:
        return text
    return "\n".join([*lines[:LINES], f"... {len(lines) - LINES} more {rest}"])


def _problems(error: CsindexError) -> str:
    """Return the message of an error; of very many problems, the first."""
    problems = [_cut(problem) for problem in error.problems]
    if len(problems) <= PROBLEMS:
        return str(type(error)(problems))
    shown = str(type(error)(problems[:PROBLEMS])).split("\n", 1)[1]
    more = len(problems) - PROBLEMS
    return f"{len(problems)} problems:\n{shown}\n... and {more} more"


def _tell_ways(message: str) -> None:
    if lines := ways(message):
        listed = "\n".join(f"  {line}" for line in lines)
        click.echo(f"On the command line:\n{listed}", err=True)


def _tell_warnings(messages: Sequence[str]) -> None:
    messages = list(dict.fromkeys(messages))
    for message in messages[:WARNINGS]:
        click.echo(f"Warning: {_cut(message)}", err=True)
    if len(messages) > WARNINGS:
        click.echo(f"Warning: and {len(messages) - WARNINGS} more like these", err=True)
    _tell_ways("\n".join(messages[:WARNINGS]))


def _cut(message: str) -> str:
    if len(message) <= CHARACTERS:
        return message
    return f"{message[:CHARACTERS]}... (cut, {len(message)} characters)"
