"""What users install holds everything, and works outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

import csindex as csi

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("packaging")]

# loads every data set and prints where csindex came from, then what it found
LOAD_ALL = """
import csindex as csi
print(csi.__file__)
for name in csi.datasets()["name"]:
    survey = csi.load_dataset(name)
    print(name, len(survey), len(survey.codebook.items))
print(csi.fit(csi.acsi(), csi.load_dataset("retail")).index)
"""


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source archive, and a wheel from it."""
    folder = tmp_path_factory.mktemp("from_sdist")
    _run("-m", "build", "--no-isolation", "--outdir", str(folder), str(root))
    return folder


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a wheel straight from the checkout."""
    folder = tmp_path_factory.mktemp("from_checkout")
    _run("-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(root))
    return _only(folder, "*.whl")


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a folder of its own, beside nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    options = ["--quiet", "--no-index", "--no-deps", "--target", str(folder)]
    _run("-m", "pip", "install", *options, str(wheel))
    return folder


def test_source_archive_holds_what_a_developer_needs(built: Path) -> None:
    archive = _only(built, "*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert names >= {
        "CHANGELOG.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "csindex/__init__.py",
        "datasets/retail/codebook.toml",
        "datasets/retail/data.csv",
        "notebooks/01_quickstart.ipynb",
        "pyproject.toml",
        "tests/test_packaging.py",
    }


def test_wheel_from_the_source_archive_is_the_wheel_from_the_checkout(
    built: Path, wheel: Path
) -> None:
    assert _contents(_only(built, "*.whl")) == _contents(wheel)


def test_wheel_holds_the_package_and_its_data_only(root: Path, wheel: Path) -> None:
    names = _contents(wheel)
    assert {name.split("/")[0] for name in names} == {
        "csindex",
        f"{wheel.name.split('-py3')[0]}.dist-info",
    }
    inside = {"csindex": "csindex", "datasets": "csindex/_datasets"}
    for folder, place in inside.items():
        for path in (root / folder).rglob("*.*"):
            if "__pycache__" not in path.parts:
                relative = path.relative_to(root / folder).as_posix()
                assert names[f"{place}/{relative}"] == path.read_bytes()


def test_installed_wheel_loads_every_data_set(installed: Path, tmp_path: Path) -> None:
    found = _run("-c", LOAD_ALL, inside=installed, cwd=tmp_path).splitlines()
    assert Path(found[0]).is_relative_to(installed)
    expected = [
        f"{name} {len(survey)} {len(survey.codebook.items)}"
        for name in csi.datasets()["name"]
        if (survey := csi.load_dataset(name))
    ]
    assert len(expected) >= 3
    index = csi.fit(csi.acsi(), csi.load_dataset("retail")).index
    assert found[1:] == [*expected, str(index)]


def test_installed_command_works(installed: Path, tmp_path: Path) -> None:
    command = next((installed / "bin").glob("csindex*"))
    assert "report" in _run(str(command), "--help", inside=installed, cwd=tmp_path)


def _run(*arguments: str, inside: Path | None = None, cwd: Path | None = None) -> str:
    """Run Python, with an installation in front of everything else."""
    environment = dict(os.environ)
    if inside is not None:
        environment["PYTHONPATH"] = str(inside)
    command: Sequence[str] = [sys.executable, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=cwd, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def _contents(wheel: Path) -> dict[str, bytes]:
    with ZipFile(wheel) as opened:
        return {name: opened.read(name) for name in opened.namelist()}
