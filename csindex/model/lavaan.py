r"""Models in lavaan's syntax: the part of it that satisfaction models need.

::

    model     = { statement ( newline | ";" ) }
    statement = names ( "=~" | "<~" | "~" ) names
    names     = name { "+" name }

``=~`` defines a reflective construct, ``<~`` a composite, ``~`` the paths to what is
on its left. ``#`` and ``!`` begin comments. A statement goes on in the next line after
an operator or ``+``, and before a ``+``. Everything else of the syntax (modifiers,
covariances, intercepts, defined parameters, groups) is refused.

References
----------
Rosseel (2012), lavaan: An R package for structural equation modeling, Journal of
Statistical Software 48(2), section 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from csindex.errors import SpecificationError, quoted
from csindex.model.model import Model
from csindex.model.parts import Construct, Measurement, Path

_MEASUREMENTS: Mapping[str, Measurement] = {"=~": "reflective", "<~": "composite"}
_SYMBOLS = {kind: symbol for symbol, kind in _MEASUREMENTS.items()}
_NAME = r"(?:[^\W\d]|\.(?!\d))[\w.]*"
_TOKEN = re.compile(
    rf"""
    (?P<skip>[^\S\n]+|[\#!][^\n]*)
    |(?P<end>\n|;)
    |(?P<operator>=~|<~|~~|~\*~|~(?!\s*1\b)|\+|\*|:=|==|[<>|:%?^])
    |(?P<name>{_NAME})
    |(?P<other>~\s*1\b|[^\s\w;+*~=<>]+|[\w.]+|.)
    """,
    re.VERBOSE,
)
# what else the syntax has, and what to say instead
_REFUSED = {
    "~~": "covariances are what the model leaves free; leave '~~' out",
    "*": "modifiers, as in 'a*x', are not supported, because csindex estimates every "
    "weight and path; write the name alone",
    ":=": "defined parameters are not supported; results.total_effects and "
    "results.indirect_effects have the usual ones",
    ":": "blocks and interactions are not supported; give groups with csi.fit(by=)",
    "|": "thresholds are not supported",
    "~*~": "scaling factors are not supported",
    "==": "constraints are not supported",
    "<": "constraints are not supported",
    ">": "constraints are not supported",
}


@dataclass(frozen=True)
class _Token:
    """A piece of the text: what it is, and where it stands."""

    kind: str
    text: str
    line: int
    column: int

    @property
    def place(self) -> str:
        return f"line {self.line}, column {self.column}"


@dataclass(frozen=True)
class _Statement:
    """Names on the left, an operator, and names on the right."""

    left: tuple[_Token, ...]
    operator: _Token
    right: tuple[_Token, ...]


def lavaan_text(model: Model) -> str:
    """Return a model in lavaan's syntax.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    str
        The text.

    Raises
    ------
    SpecificationError
        If a name is none in this syntax, or is both a construct's and an item's.
    """
    names = [*model.construct_names, *model.items]
    problems = [
        f"{name!r} is no name in lavaan's syntax: letters, digits, '.' and '_', "
        "beginning with a letter; rename it, or use to_toml"
        for name in dict.fromkeys(names)
        if not re.fullmatch(_NAME, name)
    ]
    problems += [
        f"{name!r} is a construct and an item, which lavaan's syntax can't tell "
        "apart; rename one of them, or use to_toml"
        for name in model.construct_names
        if name in model.items
    ]
    if problems:
        raise SpecificationError([f"model {model.name!r}: {p}" for p in problems])
    lines = [_comment(f"{model.name}: {model.title}" if model.title else model.name)]
    if model.index is not None:
        lines.append(_comment(f"index: {model.index}"))
    lines.append("")
    lines += [
        f"{c.name} {_SYMBOLS[c.measurement]} {' + '.join(c.items)}"
        for c in model.constructs
    ]
    if model.paths:
        lines.append("")
    for target in model.endogenous:
        causes = [path for path in model.paths if path.target == target]
        line = f"{target} ~ {' + '.join(path.source for path in causes)}"
        signs = [f"{p.source} {p.sign}" for p in causes if p.sign != "+"]
        lines.append(f"{line}  # expected: {', '.join(signs)}" if signs else line)
    return "\n".join([*lines, ""])


def read_lavaan(text: str, name: str, index: str | None, where: str) -> Model:
    """Return the model that text in lavaan's syntax describes.

    Parameters
    ----------
    text : str
        The text.
    name : str
        Name of the model.
    index : str, optional
        The index construct.
    where : str
        What the text is, for messages.

    Returns
    -------
    Model
        The model; the sign of its paths is open.

    Raises
    ------
    SpecificationError
        With the line and the column of the first thing that can't be read, or with
        everything that `Model` refuses.
    """
    statements = list(_Parser(list(_tokens(text)), where).statements())
    measured = [s for s in statements if s.operator.text in _MEASUREMENTS]
    items: dict[str, list[str]] = {}
    kinds: dict[str, Measurement] = {}
    problems: list[str] = []
    for statement in measured:
        kind = _MEASUREMENTS[statement.operator.text]
        for token in statement.left:
            items.setdefault(token.text, []).extend(t.text for t in statement.right)
            if kinds.setdefault(token.text, kind) != kind:
                problems.append(
                    f"{token.place}: {token.text!r} is reflective in one line and a "
                    "composite in another; use one of '=~' and '<~'"
                )
    problems += _level_problems(measured, items)
    paths = [s for s in statements if s.operator.text == "~"]
    problems += _undefined_problems(paths, items)
    if problems:
        raise SpecificationError([f"{where}: {problem}" for problem in problems])
    return Model(
        name,
        [Construct(key, tuple(value), kinds[key]) for key, value in items.items()],
        [
            Path(source.text, target.text, "?")
            for statement in paths
            for target in statement.left
            for source in statement.right
        ],
        index,
    )


def _comment(text: str) -> str:
    """Return a text as one comment line."""
    return f"# {' '.join(text.split())}".rstrip()


def _level_problems(
    measured: Sequence[_Statement], items: Mapping[str, Sequence[str]]
) -> list[str]:
    return [
        f"{token.place}: {token.text!r} is a construct and can't be an item of "
        "another; name the questions, and use a hierarchy for levels"
        for statement in measured
        for token in statement.right
        if token.text in items
    ]


def _undefined_problems(
    paths: Sequence[_Statement], items: Mapping[str, Sequence[str]]
) -> list[str]:
    defined = f"there are {quoted(items)}" if items else "there are none"
    return [
        f"{token.place}: {token.text!r} is not a construct ({defined}); define it "
        f"first, as in 'name =~ {token.text}'"
        for statement in paths
        for token in (*statement.left, *statement.right)
        if token.text not in items
    ]


def _tokens(text: str) -> Iterator[_Token]:
    """Yield the pieces of a text that mean something, and an end at its end."""
    line, begin = 1, 0
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind != "skip":
            yield _Token(kind, match.group(), line, match.start() - begin + 1)
        if newlines := match.group().count("\n"):
            line, begin = line + newlines, match.start() + match.group().rfind("\n") + 1
    yield _Token("end", "", line, len(text) - begin + 1)


class _Parser:
    """Reads statements by recursive descent, one method per rule of the grammar."""

    def __init__(self, tokens: Sequence[_Token], where: str) -> None:
        self._tokens = tokens
        self._where = where
        self._next = 0

    def statements(self) -> Iterator[_Statement]:
        while True:
            self._skip_ends()
            if self._next == len(self._tokens):
                return
            yield self._statement()

    def _statement(self) -> _Statement:
        left = self._names()
        self._skip_newlines()
        operator = self._take()
        if operator.text not in (*_MEASUREMENTS, "~"):
            raise self._refusal(operator, "'=~', '<~' or '~'")
        right = self._names()
        after = self._tokens[self._next]
        if after.kind != "end":
            raise self._refusal(after, "'+' or the end of the line")
        return _Statement(left, operator, right)

    def _names(self) -> tuple[_Token, ...]:
        names = [self._name()]
        while self._goes_on():
            self._skip_newlines()
            self._take()
            names.append(self._name())
        return tuple(names)

    def _name(self) -> _Token:
        self._skip_newlines()
        token = self._take()
        if token.kind != "name":
            raise self._refusal(token, "a name")
        after = self._tokens[self._next] if self._next < len(self._tokens) else token
        if after.text.startswith("("):
            raise self._refusal(after, "'+' or the end of the line")
        return token

    def _goes_on(self) -> bool:
        """Return whether the next piece, also in a later line, is a plus."""
        ahead = self._next
        while ahead < len(self._tokens) and self._tokens[ahead].text == "\n":
            ahead += 1
        return ahead < len(self._tokens) and self._tokens[ahead].text == "+"

    def _skip_newlines(self) -> None:
        while self._next < len(self._tokens) and self._tokens[self._next].text == "\n":
            self._next += 1

    def _skip_ends(self) -> None:
        while self._next < len(self._tokens) and self._tokens[self._next].kind == "end":
            self._next += 1

    def _take(self) -> _Token:
        token = self._tokens[min(self._next, len(self._tokens) - 1)]
        self._next += 1
        return token

    def _refusal(self, token: _Token, expected: str) -> SpecificationError:
        seen = repr(token.text) if token.text.strip() else "the end"
        advice = _REFUSED.get(token.text)
        if advice is None and token.text.startswith("("):
            advice = _REFUSED["*"]
        if advice is None and re.fullmatch(r"~\s*1", token.text):
            advice = "intercepts are not part of the model; leave '~ 1' out"
        if advice is None and self._before_star():
            advice = _REFUSED["*"]
        return SpecificationError(
            f"{self._where}, {token.place}: {expected} is expected, not {seen}"
            + (f"; {advice}" if advice else "")
        )

    def _before_star(self) -> bool:
        """Return whether what was read last is followed by a star."""
        rest = self._tokens[self._next : self._next + 1]
        return bool(rest) and rest[0].text == "*"
