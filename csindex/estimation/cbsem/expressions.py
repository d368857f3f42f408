"""Formulas of parameters: parsed, evaluated and differentiated, never executed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from csindex.errors import SpecificationError, quoted
from csindex.kernels.arrays import FloatArray

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>(?:[^\W\d]|\.(?!\d))[\w.]*)"
    r"|(?P<symbol>\*\*|[-+*/^()])|(?P<other>\S))"
)


@dataclass(frozen=True, eq=False)
class Dual:
    """A value for each member of a stack, and its derivatives.

    Attributes
    ----------
    value : ndarray of shape (b,)
        The value.
    slope : ndarray of shape (b, t)
        Derivatives by the parameters.
    """

    value: FloatArray
    slope: FloatArray

    def scaled(self, factor: FloatArray, value: FloatArray) -> Dual:
        """Return another value whose slope is this one's times a factor (b,)."""
        return Dual(value, self.slope * factor[:, None])


@dataclass(frozen=True)
class Formula:
    """A formula of parameters.

    Attributes
    ----------
    text : str
        As it was written, without spaces.
    tree : Node
        What it means.
    """

    text: str
    tree: Node

    @property
    def names(self) -> tuple[str, ...]:
        """The names in it, each once, in order."""
        return tuple(dict.fromkeys(_names(self.tree)))

    @property
    def linear(self) -> bool:
        """Whether it is linear in its names."""
        return _degree(self.tree) <= 1

    def at(self, known: Mapping[str, Dual]) -> Dual:
        """Return its value, by the values of its names."""
        return _evaluated(self.tree, known)


@dataclass(frozen=True)
class Node:
    """A number, a name, or an operation on nodes.

    Attributes
    ----------
    kind : str
        ``"number"``, ``"name"``, an operator, or the name of a function.
    parts : tuple of Node
        What it operates on.
    number : float
        The number.
    name : str
        The name.
    """

    kind: str
    parts: tuple[Node, ...] = ()
    number: float = 0.0
    name: str = ""


_Function = Callable[[FloatArray], FloatArray]
# each function with its derivative
FUNCTIONS: Mapping[str, tuple[_Function, _Function]] = {
    "exp": (np.exp, np.exp),
    "log": (np.log, lambda x: 1 / x),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "abs": (np.abs, np.sign),
}


def read_formula(text: str, where: str) -> Formula:
    """Return the formula that a text describes.

    Parameters
    ----------
    text : str
        Numbers, names, ``+ - * / ^``, parentheses, and the functions exp, log, sqrt
        and abs.
    where : str
        Where it stands, for messages.

    Returns
    -------
    Formula
        The formula.

    Raises
    ------
    SpecificationError
        If the text is no formula.

    Examples
    --------
    >>> read_formula("a * b + 1", "line 1").names
    ('a', 'b')
    """
    tokens = [match.group().strip() for match in _TOKEN.finditer(text)]
    tokens = [token for token in tokens if token]
    reader = _Reader(tokens, text.strip(), where)
    return Formula("".join(tokens), reader.whole())


class _Reader:
    """Reads a formula by recursive descent."""

    def __init__(self, tokens: Sequence[str], text: str, where: str) -> None:
        self._tokens = [*tokens, ""]
        self._next = 0
        self._text = text
        self._where = where

    def whole(self) -> Node:
        tree = self._sum()
        if self._tokens[self._next]:
            raise self._refusal()
        return tree

    def _sum(self) -> Node:
        tree = self._product()
        while self._tokens[self._next] in ("+", "-"):
            tree = Node(self._take(), (tree, self._product()))
        return tree

    def _product(self) -> Node:
        tree = self._signed()
        while self._tokens[self._next] in ("*", "/"):
            tree = Node(self._take(), (tree, self._signed()))
        return tree

    def _signed(self) -> Node:
        if self._tokens[self._next] in ("+", "-"):
            sign = self._take()
            part = self._signed()
            return part if sign == "+" else Node("-", (Node("number"), part))
        return self._power()

    def _power(self) -> Node:
        base = self._atom()
        if self._tokens[self._next] in ("^", "**"):
            self._take()
            return Node("^", (base, self._signed()))
        return base

    def _atom(self) -> Node:
        found = self._tokens[self._next]
        if found == "(":
            self._take()
            tree = self._sum()
            self._expect(")")
            return tree
        if re.match(r"[\d.]\d*", found) and found[0] in "0123456789.":
            return Node("number", number=float(self._take()))
        if not re.match(r"[^\W\d]|\.", found):
            raise self._refusal()
        name = self._take()
        if self._tokens[self._next] != "(":
            return Node("name", name=name)
        if name not in FUNCTIONS:
            raise SpecificationError(
                f"{self._where}: unknown function {name!r} in {self._text!r}; there "
                f"are {quoted(FUNCTIONS)}"
            )
        self._take()
        tree = Node(name, (self._sum(),))
        self._expect(")")
        return tree

    def _take(self) -> str:
        self._next += 1
        return self._tokens[self._next - 1]

    def _expect(self, symbol: str) -> None:
        if symbol != self._tokens[self._next]:
            raise self._refusal()
        self._take()

    def _refusal(self) -> SpecificationError:
        token = self._tokens[self._next]
        found = repr(token) if token else "the end"
        return SpecificationError(
            f"{self._where}: {self._text!r} is no formula, because of {found}; write "
            "parameters' labels and numbers with + - * / ^ and parentheses"
        )


def _names(node: Node) -> list[str]:
    if node.kind == "name":
        return [node.name]
    return [name for part in node.parts for name in _names(part)]


def _degree(node: Node) -> float:
    """Return the degree of a polynomial; infinite for what is none."""
    if node.kind in ("number", "name"):
        return float(node.kind == "name")
    degrees = [_degree(part) for part in node.parts]
    if node.kind in ("+", "-"):
        return max(degrees)
    if node.kind == "*":
        return sum(degrees)
    if max(degrees) == 0:
        return 0.0
    if node.kind == "/" and degrees[1] == 0:
        return degrees[0]
    return np.inf


def _evaluated(node: Node, known: Mapping[str, Dual]) -> Dual:
    if node.kind == "name":
        return known[node.name]
    if node.kind == "number":
        some = next(iter(known.values()))
        return Dual(np.full_like(some.value, node.number), np.zeros_like(some.slope))
    parts = [_evaluated(part, known) for part in node.parts]
    if node.kind in FUNCTIONS:
        function, derivative = FUNCTIONS[node.kind]
        return parts[0].scaled(derivative(parts[0].value), function(parts[0].value))
    return _combined(node.kind, *parts)


def _combined(kind: str, one: Dual, two: Dual) -> Dual:
    x, y = one.value, two.value
    if kind in ("+", "-"):
        sign = 1.0 if kind == "+" else -1.0
        return Dual(x + sign * y, one.slope + sign * two.slope)
    if kind == "*":
        value, by_x, by_y = x * y, y, x
    elif kind == "/":
        value, by_x, by_y = x / y, 1 / y, -x / y**2
    else:
        value, by_x = x**y, y * x ** (y - 1)
        # the exponent is a number nearly always, and its base may then be negative
        moving = two.slope.any()
        by_y = value * np.log(x) if moving else np.zeros_like(x)
    return Dual(value, one.slope * by_x[:, None] + two.slope * by_y[:, None])
