"""The house keeps its shape: documented names, short files, cheap imports."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import validate

import csindex as csi

PACKAGE = Path(csi.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 500

# no docstring, no summary line with a full stop, parameters without a description or
# described but not there, returned values without a description
DOCSTRING_FAULTS = {"GL08", "SS03", "PR01", "PR02", "RT03"}

# loaded where they are used, and never by importing csindex or asking for help
LAZY = ("jinja2", "matplotlib", "scipy", "semopy", "statsmodels")

# other software that estimates such models; semopy is a second opinion's engine
PEERS = {"omnisem", "openpls", "plspm", "pysemforge", "seminr"}

# packages whose distribution has another name
DISTRIBUTIONS = {"docx": "python-docx", "python_calamine": "python-calamine"}


def public_names() -> Iterator[tuple[str, object]]:
    """Yield the public functions and classes, and the public methods of the classes."""
    for name in csi.__all__:
        value = getattr(csi, name)
        if not callable(value):
            continue
        yield name, value
        if inspect.isclass(value):
            for method, function in vars(value).items():
                if inspect.isfunction(function) and not method.startswith("_"):
                    yield f"{name}.{method}", function


PUBLIC = dict(public_names())


def test_public_names_exist_and_are_sorted_out() -> None:
    assert len(set(csi.__all__)) == len(csi.__all__)
    assert [name for name in csi.__all__ if not hasattr(csi, name)] == []


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_is_documented(name: str) -> None:
    described = get_doc_object(PUBLIC[name])
    faults = {
        code: message
        for code, message in validate(described)["errors"]
        if code in DOCSTRING_FAULTS
    }
    if not _takes_what_it_documents(PUBLIC[name]):
        faults.pop("PR01", None)
    assert faults == {}


@pytest.mark.parametrize(
    "name", [name for name in PUBLIC if is_dataclass(PUBLIC[name])]
)
def test_fields_are_documented(name: str) -> None:
    described = get_doc_object(PUBLIC[name])
    entries = [*described["Parameters"], *described["Attributes"]]
    documented = {part.strip() for entry in entries for part in entry.name.split(",")}
    kept = {field.name for field in fields(PUBLIC[name])}  # type: ignore[arg-type]
    assert kept - documented == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_file_is_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, "make it a package of the same name"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_file_swallows_no_error(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    swallowed = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and all(map(_does_nothing, node.body))
    ]
    assert swallowed == []


def test_imported_packages_are_those_declared(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    declared = {
        re.split(r"[^A-Za-z0-9_.-]", requirement)[0]
        for requirement in project["project"]["dependencies"]
    }
    imported = {name for path in FILES for name in _imported(path)}
    assert imported & PEERS == set()
    outside = imported - set(sys.stdlib_module_names) - {"csindex"}
    assert {DISTRIBUTIONS.get(name, name) for name in outside} == declared


@pytest.mark.parametrize(
    "command",
    [
        "import csindex",
        "from csindex.cli import main; main(['--help'], standalone_mode=False)",
    ],
)
def test_start_is_cheap(command: str) -> None:
    loaded = f"sorted(set({LAZY}) & set(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; {command}; sys.exit({loaded} or 0)"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")


def _takes_what_it_documents(value: object) -> bool:
    """Return whether a signature's arguments belong in the docstring's Parameters.

    Classes that csindex makes itself describe Attributes instead, and what inherits its
    signature is described in its base.
    """
    if not inspect.isclass(value):
        return True
    made_by_users = "__init__" in vars(value) and not getattr(
        value, "_is_protocol", False
    )
    return made_by_users and not get_doc_object(value)["Attributes"]


def _does_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
        # a reader's package, whose lack has a message; those of extras aren't required
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "installed":
            module, *_, extra = [getattr(given, "value", None) for given in node.args]
            if isinstance(module, str) and not str(extra).startswith("csindex["):
                yield module
