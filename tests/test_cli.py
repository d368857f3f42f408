"""The command line: what it prints, writes and refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import csindex as csi
from csindex.cli import main

SURVEY = ["--model", "acsi", "--scale", "1", "10", "--missing", "98,99"]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "answers.csv"
    csi.load_dataset("retail").frame.to_csv(path, index=False)
    return path


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_fit_prints_the_summary(answers: Path) -> None:
    result = _run("fit", answers, *SURVEY, "--weights", "weight")
    expected = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    assert result.exit_code == 0, result.output
    assert result.output.strip() == str(expected.summary()).strip()


def test_fit_by_group(answers: Path) -> None:
    result = _run("fit", answers, *SURVEY, "--by", "company")
    assert result.exit_code == 0, result.output
    assert "Alder" in result.output


def test_raw_metric_and_scheme(answers: Path) -> None:
    result = _run("fit", answers, *SURVEY, "--raw", "--scheme", "centroid")
    survey = csi.read_survey(answers, scale=(1, 10), missing=(98, 99))
    estimator = csi.PLS(scheme="centroid", scaled=False)
    expected = csi.fit(csi.acsi(), survey, estimator)
    assert str(expected.summary()).strip() == result.output.strip()


@pytest.mark.parametrize("options", [[], ["--by", "company"], ["--language", "zh"]])
def test_report(answers: Path, tmp_path: Path, options: list[str]) -> None:
    target = tmp_path / "report.html"
    result = _run(
        "report", answers, *SURVEY, *options, "--resamples", "100", "-o", target
    )
    assert result.exit_code == 0, result.output
    assert str(target) in result.output
    assert target.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_items_file(answers: Path, tmp_path: Path) -> None:
    items = tmp_path / "items.toml"
    items.write_text('loyalty = ["REPUR"]\n', encoding="utf-8")
    result = _run("fit", answers, *SURVEY, "--items", items)
    assert result.exit_code == 0, result.output
    assert "PTOL" not in result.output


def test_codebook_file(answers: Path, root: Path) -> None:
    book = root / "datasets" / "retail" / "codebook.toml"
    result = _run("fit", answers, "--model", "acsi", "--codebook", book)
    expected = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    assert str(expected.summary()).strip() == result.output.strip()


def test_codebook_is_drafted(answers: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "csindex", "codebook", str(answers)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    path = tmp_path / "codebook.toml"
    path.write_text(done.stdout, encoding="utf-8")
    drafted = csi.read_codebook(path)
    assert drafted.scale == (1, 10)
    assert set(drafted.missing) == {98, 99}
    assert drafted.item("COMP").scale == (0, 1)
    assert "SATIS" in done.stderr


def test_lists() -> None:
    for name in csi.models()["name"]:
        assert name in _run("models").output
    assert "retail" in _run("datasets").output


def test_demo(tmp_path: Path) -> None:
    target = tmp_path / "demo.html"
    result = _run("demo", "-o", target)
    assert result.exit_code == 0, result.output
    assert target.stat().st_size > 10_000
    assert str(target) in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "acsl"], "did you mean 'acsi'"),
        (["--model", "acsi", "--by", "compny"], "did you mean 'company'"),
        (["--model", "acsi", "--scale", "1", "5"], "outside its scale 1 to 5"),
        (["--model", "acsi", "--missing", "98;99"], "98,99"),
        (["--model", "acsi", "--reverse", "SATIZ"], "did you mean 'SATIS'"),
        (["--model", "acsi", "--items", "none.toml"], "cannot read items"),
        (["--model", "acsi", "--codebook", "none.toml"], "cannot read codebook"),
    ],
)
def test_refusals(answers: Path, arguments: list[str], message: str) -> None:
    options = arguments if "--missing" in arguments else [*arguments, *SURVEY[5:]]
    result = _run("fit", answers, *options)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_missing_output_folder(answers: Path, tmp_path: Path) -> None:
    target = tmp_path / "none" / "report.html"
    result = _run("report", answers, *SURVEY, "--resamples", "100", "-o", target)
    assert result.exit_code == 2
    assert "does not exist" in result.output
    assert not target.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("loyalty = 'REPUR'\n", "must be a list of columns"),
        ("loyalty = [", "not a TOML file"),
        ("loyality = ['REPUR']\n", "did you mean 'loyalty'"),
    ],
)
def test_bad_items_files(
    answers: Path, tmp_path: Path, content: str, message: str
) -> None:
    items = tmp_path / "items.toml"
    items.write_text(content, encoding="utf-8")
    result = _run("fit", answers, *SURVEY, "--items", items)
    assert result.exit_code == 2
    assert message in result.output


def test_a_failed_group_is_a_warning(tmp_path: Path) -> None:
    frame = csi.load_dataset("retail").frame
    lone = frame.iloc[:3].assign(company="Lonely")
    path = tmp_path / "answers.csv"
    pd.concat([frame, lone]).to_csv(path, index=False)
    result = _run("fit", path, *SURVEY, "--by", "company")
    assert result.exit_code == 0
    assert "Warning: groups of 'company' without results: 'Lonely'" in result.output


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["report", "--help"]])
def test_as_a_program(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "csindex", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout
