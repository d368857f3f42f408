"""Models in lavaan's syntax, out and in again.

What the syntax has no words for is told in comments, which are read again: in lines
that begin with ``#:``, as TOML, the model's name, index, titles and instrument; after
paths, ``# expected: complaints - verified``, their signs and how they are known.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import get_args

from csindex.errors import SpecificationError, SpecificationWarning, quoted
from csindex.model.lavaan_parsing import NAME, Statement, parsed
from csindex.model.model import Model
from csindex.model.parts import Construct, Measurement, Path, Sign, Status
from csindex.model.toml import described, read_description

_MEASUREMENTS: Mapping[str, Measurement] = {"=~": "reflective", "<~": "composite"}
_SYMBOLS = {kind: symbol for symbol, kind in _MEASUREMENTS.items()}
_ABOUT = re.compile(r"^[^\S\n]*#:[^\S\n]?([^\r\n]*)", re.MULTILINE)
_CAUSE = rf"{NAME} [-+?](?: (?:{'|'.join(filter(None, get_args(Status)))}))?"
_EXPECTED = re.compile(rf"# expected: ({_CAUSE}(?:, {_CAUSE})*)\s*$")


def lavaan_text(model: Model) -> str:
    """Return a model in lavaan's syntax.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    str
        The text; reading it gives an equal model.

    Raises
    ------
    SpecificationError
        If a name is none in this syntax, or is both a construct's and an item's; if a
        text has characters that no file can hold.
    """
    names = [*model.construct_names, *model.items]
    problems = [
        f"{name!r} is no name in lavaan's syntax: letters, digits, '.' and '_', "
        "beginning with a letter; rename it, or use to_toml"
        for name in dict.fromkeys(names)
        if not re.fullmatch(NAME, name)
    ]
    problems += [
        f"{name!r} is a construct and an item, which lavaan's syntax can't tell "
        "apart; rename one of them, or use to_toml"
        for name in model.construct_names
        if name in model.items
    ]
    if problems:
        raise SpecificationError([f"model {model.name!r}: {p}" for p in problems])
    lines = [f"#: {line}".rstrip() for line in described(model).split("\n")]
    lines.append("")
    lines += [
        f"{c.name} {_SYMBOLS[c.measurement]} {' + '.join(c.items)}"
        for c in model.constructs
    ]
    if model.paths:
        lines.append("")
    # paths that lead to one construct make a line, unless others come between them
    for target, group in groupby(model.paths, key=lambda path: path.target):
        causes = list(group)
        line = f"{target} ~ {' + '.join(path.source for path in causes)}"
        told = [
            " ".join([p.source, p.sign, *([p.status] if p.status else [])])
            for p in causes
            if p.status or p.sign != "?"
        ]
        lines.append(f"{line}  # expected: {', '.join(told)}" if told else line)
    return "\n".join([*lines, ""])


def read_lavaan(text: str, name: str, index: str | None, where: str) -> Model:
    """Return the model that text in lavaan's syntax describes.

    Parameters
    ----------
    text : str
        The text.
    name : str
        Name of the model, if the text has none.
    index : str, optional
        The index construct; it comes before that of the text.
    where : str
        What the text is, for messages.

    Returns
    -------
    Model
        The model; signs of which no comment tells are open.

    Raises
    ------
    SpecificationError
        With the line and the column of what can't be read in every statement, with
        comments on what isn't there, or with everything that `Model` refuses.

    Warns
    -----
    SpecificationWarning
        If the text says more than a model holds, with the lines that were left out
        and how `CBSEM` takes them.
    """
    statements = parsed(text, where)
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
    paths = [s for s in statements if s.operator.text == "~" and s.right]
    problems += _undefined_problems(paths, items)
    expected = _expected(text)
    problems += _unused_problems(paths, expected)
    if problems:
        raise SpecificationError([f"{where}: {problem}" for problem in problems])
    about = read_description(
        "\n".join(_ABOUT.findall(text)), f"what lines with '#:' say in {where}"
    )
    model = Model(
        constructs=[
            Construct(key, tuple(value), kinds[key]) for key, value in items.items()
        ],
        paths=[
            Path(
                source.text,
                target.text,
                *expected.get(source.line, {}).get(source.text, ("?", "")),
            )
            for statement in paths
            for target in statement.left
            for source in statement.right
        ],
        **{"name": name, **about, **({} if index is None else {"index": index})},
    )
    _tell_rest(statements, where)
    return model


def _expected(text: str) -> Mapping[int, Mapping[str, tuple[Sign, Status]]]:
    """Return the sign and the status of each cause, by line, from the comments.

    A comment that is written otherwise is one for people.
    """
    told: dict[int, dict[str, tuple[Sign, Status]]] = {}
    for line, content in enumerate(text.split("\n"), 1):
        if found := _EXPECTED.search(content):
            for cause in found[1].split(", "):
                name, sign, status = [*cause.split(" "), ""][:3]
                told.setdefault(line, {})[name] = (sign, status)
    return told


def _unused_problems(
    paths: Sequence[Statement], expected: Mapping[int, Mapping[str, object]]
) -> list[str]:
    """Return which comments tell of causes that their line doesn't have."""
    causes = {(t.line, t.text) for statement in paths for t in statement.right}
    return [
        f"line {line}: the comment tells what is expected of {name!r}, which is no "
        "cause in this line; mend the comment"
        for line, told in expected.items()
        for name in told
        if (line, name) not in causes
    ]


def _tell_rest(statements: Sequence[Statement], where: str) -> None:
    """Warn of what only a covariance model holds."""
    rest = [statement for statement in statements if statement.says_more]
    if not rest:
        return
    one = len(rest) == 1
    lines = list(dict.fromkeys(statement.line for statement in rest))
    told = ", ".join(str(line) for line in lines)
    additions = "; ".join(statement.text for statement in rest)
    warnings.warn(
        f"{where}: a model holds constructs, items and paths; "
        f"{'one statement says' if one else f'{len(rest)} statements say'} more, which "
        f"is left out (line{'s' if len(lines) > 1 else ''} {told}). To fit it too, "
        f"write csi.CBSEM(additions={additions!r})",
        SpecificationWarning,
        stacklevel=4,
    )


def _level_problems(
    measured: Sequence[Statement], items: Mapping[str, Sequence[str]]
) -> list[str]:
    return [
        f"{token.place}: {token.text!r} is a construct and can't be an item of "
        "another; name the questions, and use a hierarchy for levels"
        for statement in measured
        for token in statement.right
        if token.text in items
    ]


def _undefined_problems(
    paths: Sequence[Statement], items: Mapping[str, Sequence[str]]
) -> list[str]:
    defined = f"there are {quoted(items)}" if items else "there are none"
    return [
        f"{token.place}: {token.text!r} is not a construct ({defined}); define it "
        f"first, as in 'name =~ {token.text}'"
        for statement in paths
        for token in (*statement.left, *statement.right)
        if token.text not in items
    ]
