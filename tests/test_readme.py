"""The README is true: its code runs, prints what it says, and its table is complete."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

import csindex as csi
from csindex.cli import main

DOCUMENTS = ("README.md", "CONTRIBUTING.md")


class Block(NamedTuple):
    language: str
    text: str


@pytest.fixture
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def blocks(markdown: str) -> list[Block]:
    found = re.findall(
        r"^```(\w*)\n(.*?)^```$", markdown, flags=re.DOTALL | re.MULTILINE
    )
    return [Block(language, text) for language, text in found]


def run_python(parts: list[Block]) -> None:
    """Run the Python blocks one after the other, and compare what they print."""
    namespace: dict[str, object] = {}
    following = [*parts[1:], Block("", "")]
    for part, after in zip(parts, following, strict=True):
        if part.language != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(part.text, "README.md", "exec"), namespace)  # noqa: S102
        if after.language == "text":
            assert printed.getvalue() == after.text


def write_files(parts: list[Block]) -> None:
    """Write the TOML blocks to the files that their first lines name."""
    for part in parts:
        if part.language == "toml":
            name = part.text.splitlines()[0].removeprefix("# ")
            Path(name).write_text(part.text, encoding="utf-8")


@pytest.mark.slow
def test_session_and_commands(
    readme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parts = blocks(readme)
    run_python(parts)
    write_files(parts)
    commands = [
        line
        for part in parts
        if part.language == "sh"
        for line in part.text.replace("\\\n", " ").splitlines()
        if line.startswith("csindex ")
    ]
    assert {line.split()[1] for line in commands} >= {"report", "models", "demo"}
    for line in commands:
        words = shlex.split(line, comments=True)
        run = CliRunner().invoke(main, words[1:], catch_exceptions=False)
        assert run.exit_code == 0, f"{line}\n{run.output}"
        if "-o" in words:
            assert Path(words[words.index("-o") + 1]).stat().st_size > 0


def test_table_of_models_is_the_catalogue(readme: str) -> None:
    rows = re.findall(r"^\| `csi\.(\w+)\(\)` \| (.*) \|$", readme, flags=re.MULTILINE)
    table = {
        name: [cell.strip() for cell in cells.split(" | ")] for name, cells in rows
    }
    assert table == {
        str(row["name"]): [
            str(row["title"]),
            str(row["origin"]),
            str(row["year"]),
            str(row["constructs"]),
            str(row["paths"]),
            str(row["reference"]),
        ]
        for _, row in csi.models().iterrows()
    }


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_of_make_exist(root: Path, name: str) -> None:
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^(\w+):", makefile, flags=re.MULTILINE))
    document = (root / name).read_text(encoding="utf-8")
    used = set(re.findall(r"^(?:\$ )?make (\w+)|`make (\w+)`", document, re.MULTILINE))
    assert {first or second for first, second in used} <= targets


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_are_linked_exist(root: Path, name: str) -> None:
    document = (root / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", document)
    assert [link for link in links if not (root / link).exists()] == []


def test_rooms_are_those_of_the_layers(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    document = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    first_cells = re.findall(r"^\| (`.*?`) \|", document, re.MULTILINE)
    rooms = [room for cell in first_cells for room in re.findall(r"`(\w+)`", cell)]
    assert rooms == layers[::-1]
