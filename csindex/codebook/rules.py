"""The small language of skip rules and derived items.

A rule is an expression over column names and numbers with ``+ - * /``, ``min`` and
``max``, the comparisons ``< <= == != >= >``, and ``and``, ``or``, ``not``:
``"REPUR >= 6"``, ``"25 + min(HIGHPTOL, 25)"``. Nothing else is understood, and nothing
of a rule is ever executed as Python.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from csindex.errors import SpecificationError
from csindex.kernels.arrays import FloatArray

# longer rules are refused before they are parsed
MAX_LENGTH = 500
# no answer and no code is beyond it
_LARGEST = 1e15

_ARITHMETIC: dict[type[ast.operator], Callable[..., FloatArray]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
}
_COMPARISON: dict[type[ast.cmpop], Callable[..., FloatArray]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.GtE: np.greater_equal,
    ast.Gt: np.greater,
}
_FUNCTIONS: dict[str, Callable[..., FloatArray]] = {
    "min": np.minimum,
    "max": np.maximum,
}


def evaluate(rule: str, columns: Mapping[str, FloatArray]) -> FloatArray:
    """Return the values of a rule, row by row.

    Parameters
    ----------
    rule : str
        The expression.
    columns : mapping of str to ndarray of shape (n,)
        The columns it may name; NaN is a missing answer.

    Returns
    -------
    ndarray of shape (n,)
        Values; comparisons, ``and``, ``or`` and ``not`` give one and zero. NaN
        wherever a missing answer leaves the value unknown: ``A and B`` is zero as
        soon as one of them is, even if the other is missing.

    Raises
    ------
    SpecificationError
        If the rule says anything outside the language.

    Examples
    --------
    >>> evaluate("25 + min(X, 25)", {"X": np.array([10.0, 26.0])})
    array([35., 50.])
    """
    return _evaluated(_parsed(rule), columns, rule)


def names(rule: str) -> tuple[str, ...]:
    """Return the column names in a rule, in order of appearance.

    Parameters
    ----------
    rule : str
        The expression.

    Returns
    -------
    tuple of str
        The names.

    Raises
    ------
    SpecificationError
        If the rule says anything outside the language.

    Examples
    --------
    >>> names("25 - min(LOWPTOL, 25)")
    ('LOWPTOL',)
    """
    tree = _parsed(rule)
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node not in called
    ]
    found.sort(key=lambda node: node.col_offset)
    columns = {node.id: np.zeros(1) for node in found}
    _evaluated(tree, columns, rule)
    return tuple(columns)


def _parsed(rule: str) -> ast.Expression:
    if len(rule) > MAX_LENGTH:
        raise SpecificationError(
            f"rule {rule[:40]!r}... has {len(rule)} characters; at most {MAX_LENGTH} "
            "are read, split it over several items"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's advice on its own syntax
            return ast.parse(rule.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refusal(rule, "it cannot be read") from error


def _evaluated(
    tree: ast.Expression, columns: Mapping[str, FloatArray], rule: str
) -> FloatArray:
    with np.errstate(all="ignore"):
        return _value(tree.body, columns, rule)


def _value(node: ast.expr, columns: Mapping[str, FloatArray], rule: str) -> FloatArray:
    match node:
        case ast.Constant(value=bool()):
            raise _refusal(rule, "write 1 and 0 for true and false")
        case ast.Constant(value=int() | float() as number):
            if abs(number) > _LARGEST:
                raise _refusal(rule, f"a number is beyond {_LARGEST:g}")
            return np.asarray(float(number))
        case ast.Name(id=name):
            if name not in columns:
                raise _refusal(rule, f"there is no column {name!r}")
            return columns[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, columns, rule)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return 1.0 - _truth(_value(operand, columns, rule))
        case ast.BinOp(op=operator) if type(operator) in _ARITHMETIC:
            left = _value(node.left, columns, rule)
            right = _value(node.right, columns, rule)
            return _ARITHMETIC[type(operator)](left, right)
        case ast.BoolOp(op=operator, values=values):
            truths = [_truth(_value(value, columns, rule)) for value in values]
            return _combined(operator, truths)
        case ast.Compare(left=left, ops=[operator], comparators=[right]) if (
            type(operator) in _COMPARISON
        ):
            return _compared(
                _COMPARISON[type(operator)],
                _value(left, columns, rule),
                _value(right, columns, rule),
            )
        case ast.Call(func=ast.Name(id=name), args=[first, second], keywords=[]) if (
            name in _FUNCTIONS
        ):
            return _FUNCTIONS[name](
                _value(first, columns, rule), _value(second, columns, rule)
            )
    raise _refusal(rule, f"{ast.unparse(node)!r} is not part of the language")


def _truth(values: FloatArray) -> FloatArray:
    return np.where(np.isnan(values), np.nan, (values != 0).astype(np.float64))


def _combined(operator: ast.boolop, truths: Sequence[FloatArray]) -> FloatArray:
    """Return ``and`` or ``or``: one operand can decide whatever the others are."""
    decisive = 0.0 if isinstance(operator, ast.And) else 1.0
    parts = np.stack(np.broadcast_arrays(*truths))
    unknown = np.isnan(parts).any(axis=0)
    undecided = np.where(unknown, np.nan, 1.0 - decisive)
    return np.where((parts == decisive).any(axis=0), decisive, undecided)


def _compared(
    compare: Callable[..., FloatArray], left: FloatArray, right: FloatArray
) -> FloatArray:
    truth = compare(left, right).astype(np.float64)
    return np.where(np.isnan(left) | np.isnan(right), np.nan, truth)


def _refusal(rule: str, reason: str) -> SpecificationError:
    return SpecificationError(
        f"rule {rule!r}: {reason}; a rule has column names, numbers, + - * /, "
        "min(a, b), max(a, b), comparisons, and, or, not"
    )
