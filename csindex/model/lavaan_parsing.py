r"""Read statements of lavaan's syntax.

::

    model     = { statement ( newline | ";" ) }
    statement = names ( "=~" | "<~" | "~" | "~~" ) terms
              | name ":=" formula  |  formula ( "==" | "<" | ">" ) formula
    names     = name { "+" name }
    terms     = term { "+" term }
    term      = [ modifier "*" ] name  |  [ modifier "*" ] "1"
    modifier  = [ "-" ] number | label | "NA" | "start(" [ "-" ] number ")"

``=~`` defines a reflective construct, ``<~`` a composite, ``~`` the paths to what is
on its left. ``#`` and ``!`` begin comments. A statement goes on in the next line after
an operator or ``+``, and before one. Modifiers, covariances, intercepts, defined
parameters and constraints belong to covariance models only; groups, thresholds and
other modifiers are refused.

References
----------
Rosseel (2012), lavaan: An R package for structural equation modeling, Journal of
Statistical Software 48(2), section 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from csindex.errors import SpecificationError

NAME = r"(?:[^\W\d]|\.(?!\d))[\w.]*"
_TOKEN = re.compile(
    rf"""
    (?P<skip>[^\S\n]+|[\#!][^\n]*)
    |(?P<end>\n|;)
    |(?P<operator>=~|<~|~~|~\*~|~|\+|\*|:=|==|[<>|:%?^])
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    |(?P<name>{NAME})
    |(?P<other>[(),/-]|[^\s\w;+*~=<>(),/-]+|[\w.]+|.)
    """,
    re.VERBOSE,
)
_LISTS = ("=~", "<~", "~", "~~")
_FORMULAS = (":=", "==", "<", ">")
# pieces after which a statement goes on in the next line
_OPEN = ("-", "/", "(", ",")
_MODIFIERS = (
    "modifiers are a number, a label, NA or start(number), as in 'a*x'; leave others "
    "out"
)
# what else the syntax has, and what to say instead
_REFUSED = {
    "*": _MODIFIERS,
    "(": _MODIFIERS,
    ":": "blocks and interactions are not supported; give groups with csi.fit(by=)",
    "|": "thresholds are not supported",
    "~*~": "scaling factors are not supported",
}


@dataclass(frozen=True)
class Token:
    """A piece of the text: what it is, and where it stands."""

    kind: str
    text: str
    line: int
    column: int
    start: int

    @property
    def place(self) -> str:
        """Line and column, in words."""
        return f"line {self.line}, column {self.column}"


@dataclass(frozen=True)
class Statement:
    """A statement, and whether it says more than a model holds.

    Attributes
    ----------
    left, right : tuple of Token
        The names on both sides; none where a side is a formula.
    operator : Token
        What stands between them.
    text : str
        The statement as written, in one line and without comments.
    line : int
        The line where it begins.
    says_more : bool
        Whether it has anything but names, or isn't about constructs and paths.
    """

    left: tuple[Token, ...]
    operator: Token
    right: tuple[Token, ...]
    text: str
    line: int
    says_more: bool


def parsed(text: str, where: str) -> list[Statement]:
    r"""Return the statements of a text.

    Parameters
    ----------
    text : str
        The text.
    where : str
        What the text is, for messages.

    Returns
    -------
    list of Statement
        The statements, in order.

    Raises
    ------
    SpecificationError
        With the place of the first thing that can't be read in each statement.

    Examples
    --------
    >>> [(s.text, s.says_more) for s in parsed("a =~ x +\n y; x ~~ y", "text")]
    [('a =~ x + y', False), ('x ~~ y', True)]
    """
    found: list[Statement] = []
    problems: list[str] = []
    for pieces in _divided(list(_tokens(text))):
        try:
            found.append(_Reader(pieces, where).statement())
        except SpecificationError as error:
            problems += error.problems
    if problems:
        raise SpecificationError(problems)
    return found


def _tokens(text: str) -> Iterator[Token]:
    """Yield the pieces of a text that mean something, and an end at its end."""
    line, begin = 1, 0
    for match in _TOKEN.finditer(text):
        kind, start = str(match.lastgroup), match.start()
        if kind != "skip":
            yield Token(kind, match.group(), line, start - begin + 1, start)
        if match.group() == "\n":
            line, begin = line + 1, start + 1
    yield Token("end", "", line, len(text) - begin + 1, len(text))


def _divided(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Yield the pieces of each statement, with the end that closes it."""
    pieces: list[Token] = []
    for position, token in enumerate(tokens):
        if token.kind != "end":
            pieces.append(token)
        elif pieces and not (token.text == "\n" and _goes_on(pieces, tokens, position)):
            yield [*pieces, token]
            pieces = []


def _goes_on(pieces: Sequence[Token], tokens: Sequence[Token], position: int) -> bool:
    """Return whether a statement goes on after the end of a line."""
    last = pieces[-1]
    if last.kind == "operator" or last.text in _OPEN:
        return True
    ahead = position
    while tokens[ahead].text == "\n":
        ahead += 1
    return tokens[ahead].kind == "operator"


class _Reader:
    """Reads one statement by recursive descent, one method per rule of the grammar."""

    def __init__(self, tokens: Sequence[Token], where: str) -> None:
        self._tokens = tokens
        self._where = where
        self._next = 0
        self._plain = True

    def statement(self) -> Statement:
        operator = next(
            (t for t in self._tokens if t.text in (*_LISTS, *_FORMULAS)), None
        )
        if operator is not None and operator.text in _FORMULAS:
            left, right = self._sides(operator)
        else:
            left = self._names()
            operator = self._take()
            if operator.text not in _LISTS:
                raise self._refusal(operator, "'=~', '<~' or '~'")
            right = self._terms(operator)
            if self._ahead.kind != "end":
                raise self._refusal(self._ahead, "'+' or the end of the line")
        model = self._plain and operator.text in ("=~", "<~", "~")
        if operator.text == "<~" and not model:
            raise SpecificationError(
                f"{self._where}, {operator.place}: composites take no modifiers, "
                "because csindex estimates every weight; write the names alone"
            )
        return Statement(
            left, operator, right, self._text(), self._tokens[0].line, not model
        )

    def _sides(self, operator: Token) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
        """Refuse a formula without one of its sides; their words are left as text."""
        first, last = self._tokens[0], self._tokens[-2]
        if first is operator or (operator.text == ":=" and first.kind != "name"):
            raise self._refusal(first, "a name")
        if last is operator:
            raise self._refusal(self._tokens[-1], "a formula")
        return (), ()

    def _names(self) -> tuple[Token, ...]:
        names = [self._name()]
        while self._ahead.text == "+":
            self._take()
            names.append(self._name())
        return tuple(names)

    def _terms(self, operator: Token) -> tuple[Token, ...]:
        """Return the names on the right; modifiers and intercepts are noted only."""
        names = [self._term(operator)]
        while self._ahead.text == "+":
            self._take()
            names.append(self._term(operator))
        return tuple(name for name in names if name is not None)

    def _term(self, operator: Token) -> Token | None:
        self._modifier()
        if operator.text == "~" and self._ahead.text == "1":
            self._take()
            self._plain = False
            return None
        return self._name()

    def _modifier(self) -> None:
        """Pass over a modifier, if there is one."""
        begin, token = self._next, self._take()
        if token.text == "-":
            token = self._take()
            fits = token.kind == "number"
        elif token.text == "start" and self._ahead.text == "(":
            self._take()
            self._next += self._ahead.text == "-"
            fits = self._take().kind == "number" and self._take().text == ")"
        else:
            fits = token.kind in ("name", "number")
        if fits and self._ahead.text == "*":
            self._take()
            self._plain = False
        else:
            self._next = begin

    def _name(self) -> Token:
        token = self._take()
        if token.kind != "name":
            raise self._refusal(token, "a name")
        if self._ahead.text == "(":
            raise self._refusal(self._ahead, "'+' or the end of the line")
        return token

    @property
    def _ahead(self) -> Token:
        return self._tokens[min(self._next, len(self._tokens) - 1)]

    def _take(self) -> Token:
        token = self._ahead
        self._next += 1
        return token

    def _text(self) -> str:
        """Return the statement in one line, without comments."""
        pieces = self._tokens[:-1]
        spaces = [
            " " * (after.start > before.start + len(before.text))
            for before, after in zip(pieces, self._tokens[1:], strict=True)
        ]
        joined = zip(pieces, spaces, strict=True)
        return "".join(token.text + space for token, space in joined).strip()

    def _refusal(self, token: Token, expected: str) -> SpecificationError:
        seen = repr(token.text) if token.text.strip() else "the end"
        advice = _REFUSED.get(token.text, "")
        return SpecificationError(
            f"{self._where}, {token.place}: {expected} is expected, not {seen}"
            + (f"; {advice}" if advice else "")
        )
