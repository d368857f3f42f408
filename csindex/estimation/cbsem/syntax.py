"""Additions to a model, in lavaan's syntax.

::

    text       = { statement ( newline | ";" ) }
    statement  = names ( "=~" | "~" | "~~" ) terms  |  names "~" [ modifier "*" ] "1"
               | name ":=" formula  |  formula ( "==" | "<" | ">" ) formula
    terms      = term { "+" term }
    term       = [ modifier "*" ] name
    modifier   = number | label | "NA" | "start(" number ")"

``#`` and ``!`` begin comments. A statement goes on in the next line after an operator
or ``+``, and before a ``+``.

References
----------
Rosseel (2012), Journal of Statistical Software 48(2), section 3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from csindex.errors import SpecificationError
from csindex.estimation.cbsem.expressions import Formula, read_formula

_NAME = r"(?:[^\W\d]|\.(?!\d))[\w.]*"
_NUMBER = r"[-+]?\s*(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_OPERATOR = re.compile(r":=|==|=~|~~|<~|~|<=|>=|<|>|\|")
_TERM = re.compile(rf"(?:(?P<modifier>.+?)\s*\*\s*)?(?P<name>{_NAME}|1)")
_CONTINUED = re.compile(r"(?:[-+*/^(~=<>])\s*$")
_REFUSED = {
    "<~": "composites are not estimated from covariances; use '=~', or csi.PLS",
    "|": "thresholds of ordinal items are free, and belong to ordinal=; leave them out",
    "<=": "write '<'; a bound may be reached",
    ">=": "write '>'; a bound may be reached",
}


@dataclass(frozen=True)
class Modifier:
    """What is said of one parameter.

    Attributes
    ----------
    label : str
        Its label; parameters with one label are equal.
    value : float, optional
        The value that it is fixed at.
    start : float, optional
        Where the search for it starts.
    free : bool
        Whether it is free even where it would be fixed, ``NA``.
    """

    label: str = ""
    value: float | None = None
    start: float | None = None
    free: bool = False


@dataclass(frozen=True)
class Entry:
    """One parameter of a text: its two sides, and what is said of it.

    Attributes
    ----------
    lhs, op, rhs : str
        As in ``lhs =~ rhs``; an intercept is ``lhs ~1`` with an empty rhs.
    modifier : Modifier
        What is said of it.
    place : str
        Where it stands, for messages.
    """

    lhs: str
    op: str
    rhs: str
    modifier: Modifier = Modifier()
    place: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from others; a covariance has no direction."""
        if self.op == "~~" and self.rhs < self.lhs:
            return self.rhs, self.op, self.lhs
        return self.lhs, self.op, self.rhs


@dataclass(frozen=True)
class Relation:
    """A defined parameter or a constraint.

    Attributes
    ----------
    op : {":=", "==", "<", ">"}
        What it is.
    name : str
        The defined parameter; empty for a constraint.
    formula : Formula
        The definition; or left minus right side of the constraint.
    left, right : str
        The two sides as written, without spaces.
    place : str
        Where it stands, for messages.
    """

    op: str
    name: str
    formula: Formula
    left: str
    right: str
    place: str


@dataclass(frozen=True)
class Additions:
    """Everything that a text says.

    Attributes
    ----------
    entries : tuple of Entry
        Parameters, in order.
    relations : tuple of Relation
        Definitions and constraints, in order.
    """

    entries: tuple[Entry, ...] = ()
    relations: tuple[Relation, ...] = ()


def read_additions(text: str) -> Additions:
    r"""Return what a text says.

    Parameters
    ----------
    text : str
        Statements in lavaan's syntax.

    Returns
    -------
    Additions
        Parameters, definitions and constraints.

    Raises
    ------
    SpecificationError
        With every statement that can't be read.

    Examples
    --------
    >>> found = read_additions("y1 ~~ y5 + 0*y6; total := a + b*c")
    >>> [entry.key for entry in found.entries]
    [('y1', '~~', 'y5'), ('y1', '~~', 'y6')]
    >>> found.relations[0].formula.names
    ('a', 'b', 'c')
    """
    entries: list[Entry] = []
    relations: list[Relation] = []
    problems: list[str] = []
    for number, statement in _statements(text):
        place = f"additions, line {number}"
        try:
            found = _read(statement, place)
        except SpecificationError as error:
            problems += error.problems
            continue
        if isinstance(found, Relation):
            relations.append(found)
        else:
            entries += found
    if problems:
        raise SpecificationError(problems)
    return Additions(tuple(entries), tuple(relations))


def _statements(text: str) -> list[tuple[int, str]]:
    """Return the statements with the numbers of their first lines."""
    found: list[tuple[int, str]] = []
    open_ended = False
    for number, raw in enumerate(text.splitlines(), start=1):
        line = re.split(r"[#!]", raw, maxsplit=1)[0]
        for part in (piece.strip() for piece in line.split(";")):
            if not part:
                continue
            if found and (open_ended or part.startswith("+")):
                found[-1] = (found[-1][0], f"{found[-1][1]} {part}")
            else:
                found.append((number, part))
            open_ended = bool(_CONTINUED.search(part))
    return found


def _read(statement: str, place: str) -> list[Entry] | Relation:
    operator = _OPERATOR.search(statement)
    if operator is None:
        raise SpecificationError(
            f"{place}: {statement!r} has no operator; use one of =~ ~ ~~ := == < >"
        )
    op = operator.group()
    left, right = statement[: operator.start()].strip(), statement[operator.end() :]
    right = right.strip()
    if op in _REFUSED:
        raise SpecificationError(f"{place}: {op!r} in {statement!r}: {_REFUSED[op]}")
    if not left or not right:
        raise SpecificationError(f"{place}: {statement!r} lacks one of its two sides")
    if op == ":=":
        if not re.fullmatch(_NAME, left):
            raise SpecificationError(f"{place}: {left!r} is no name to define")
        formula = read_formula(right, place)
        return Relation(op, left, formula, left, formula.text, place)
    if op in ("==", "<", ">"):
        sides = read_formula(left, place), read_formula(right, place)
        difference = read_formula(f"{left} - ({right})", place)
        return Relation(op, "", difference, sides[0].text, sides[1].text, place)
    return _entries(left, op, right, place)


def _entries(left: str, op: str, right: str, place: str) -> list[Entry]:
    targets = [name.strip() for name in left.split("+")]
    if problems := [
        f"{place}: {name!r} is no name; write names joined by '+' before {op!r}"
        for name in targets
        if not re.fullmatch(_NAME, name)
    ]:
        raise SpecificationError(problems)
    found: list[Entry] = []
    for target in targets:
        for term in re.split(r"\+(?![^(]*\))", right):
            match = _TERM.fullmatch(term.strip())
            if match is None:
                raise SpecificationError(
                    f"{place}: {term.strip()!r} can't be read; write a name, or a "
                    "number or label, '*', and a name, as in 'a*x1'"
                )
            modifier = _modifier(match["modifier"], place)
            if match["name"] != "1":
                found.append(Entry(target, op, match["name"], modifier, place))
            elif op == "~":
                found.append(Entry(target, "~1", "", modifier, place))
            else:
                raise SpecificationError(
                    f"{place}: an intercept is written '{target} ~ 1'"
                )
    return found


def _modifier(text: str | None, place: str) -> Modifier:
    if text is None:
        return Modifier()
    text = text.strip()
    if text == "NA":
        return Modifier(free=True)
    if re.fullmatch(_NUMBER, text):
        return Modifier(value=float(text.replace(" ", "")))
    if re.fullmatch(_NAME, text):
        return Modifier(label=text)
    if match := re.fullmatch(rf"start\(({_NUMBER})\)", text):
        return Modifier(start=float(match[1].replace(" ", "")))
    raise SpecificationError(
        f"{place}: modifier {text!r} can't be read; use a number, a label, NA or "
        "start(number)"
    )
