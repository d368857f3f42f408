"""The command line with a stranger's own answers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import csindex as csi
from csindex.catalog import CATALOG
from csindex.cli import main
from csindex.cli.reading import ESTIMATORS
from csindex.cli.telling import WAYS, ways
from csindex.codebook import codebook_template

SCALE = ["--scale", "1", "10", "--missing", "98,99"]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    frame = csi.load_dataset("retail").frame.iloc[:1200]
    return frame.assign(store=[f"s{k // 25}" for k in range(len(frame))])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame) -> Path:
    folder = tmp_path_factory.mktemp("own")
    frame.to_csv(folder / "answers.csv", index=False)
    asked = [*csi.acsi().items[:-1], "HIGHPTOL", "LOWPTOL"]  # for PTOL
    own = {name: f"F{k}" for k, name in enumerate(asked)}
    frame.rename(columns=own).to_csv(folder / "own.csv", index=False)
    return folder


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def _without_price(model: csi.Model) -> csi.Model:
    return model.with_items(loyalty=["REPUR"])


def test_a_template_says_what_the_model_asks(folder: Path) -> None:
    done = _run("codebook", "--model", "acsi", "-o", folder / "template.toml")
    assert done.exit_code == 0, done.output
    book = csi.read_codebook(folder / "template.toml")
    assert csi.acsi().with_items_of(book) == csi.acsi()
    assert book.item("COMP").scale == (0, 1)
    assert (
        book.item("PTOL").derive
        == csi.load_dataset("retail")
        .codebook.item(
            "PTOL", {item.name: item for item in csi.acsi().instrument}["PTOL"]
        )
        .derive
    )
    assert all(item.en for item in book.items if item.construct)


@pytest.mark.parametrize("name", CATALOG)
def test_every_model_has_a_template(name: str, tmp_path: Path) -> None:
    path = tmp_path / "template.toml"
    path.write_text(codebook_template(CATALOG[name]), encoding="utf-8")
    assert CATALOG[name].with_items_of(csi.read_codebook(path)) == CATALOG[name]


def test_own_columns_by_a_codebook_that_was_filled_in(
    folder: Path, frame: pd.DataFrame
) -> None:
    done = _run("codebook", folder / "own.csv", "--model", "acsi")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    for k, name in enumerate(csi.acsi().items[:-1]):
        construct = next(c.name for c in csi.acsi().constructs if name in c.items)
        place = lines.index(f"[items.F{k}]") + 1
        assert lines[place] == 'construct = ""'
        lines[place] = f'construct = "{construct}"'
    path = folder / "filled.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    result = _run("fit", folder / "own.csv", "--model", "acsi", "--codebook", path)
    assert result.exit_code == 0, result.output
    assert "items as the codebook says: expectation: F0, F1, F2; " in result.stderr
    survey = csi.read_survey(frame, scale=(1, 10), missing=(98, 99), weights="weight")
    expected = csi.fit(_without_price(csi.acsi()), survey)
    assert f"{expected.index:.2f}" in result.stdout


def test_the_models_own_names_are_filled_in(folder: Path) -> None:
    done = _run("codebook", folder / "answers.csv", "--model", "acsi")
    assert '[items.SATIS]\nconstruct = "satisfaction"\n' in done.stdout
    assert '[items.HANDLE]\nconstruct = ""\n' in done.stdout
    path = folder / "known.toml"
    path.write_text(done.stdout, encoding="utf-8")
    assert csi.acsi().with_items_of(csi.read_codebook(path)) == csi.acsi()


def test_a_codebook_without_some_constructs_is_refused(folder: Path) -> None:
    path = folder / "part.toml"
    path.write_text('[items.F8]\nconstruct = "satisfaction"\n', encoding="utf-8")
    result = _run(
        "fit", folder / "own.csv", "--model", "acsi", *SCALE, "--codebook", path
    )
    assert result.exit_code == 2
    assert "no item belongs to 'expectation', 'quality'" in result.output


def test_own_columns_get_one_line(folder: Path) -> None:
    result = _run("fit", folder / "own.csv", "--model", "acsi", *SCALE)
    assert result.exit_code == 2
    assert "none of the model's 14 items is a column of own.csv" in result.output
    assert "problems:" not in result.output
    assert "--items FILE" in result.output
    assert "--codebook FILE" in result.output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--scale", "1", "10"], "missing=: --missing 98,99"),
        ([*SCALE, "--by", "stroe"], "unknown column 'stroe' in --by; did you mean"),
        ([*SCALE, "--by", "respondent"], "1200 different values for 1200 respondents"),
        (["--estimator", "gsca", "--scheme", "path", "--raw"], "2 problems"),
        (["--estimator", "gsca", "--raw"], "--raw belongs to pls and unit-weights"),
        ([*SCALE, "-o", "scores.xlsx"], "must end in .csv"),
        ([*SCALE, "-o", "none/scores.csv"], "cannot write 'none/scores.csv'"),
    ],
)
def test_refusals_speak_options(folder: Path, options: list[str], told: str) -> None:
    result = _run("fit", folder / "answers.csv", "--model", "acsi", *options)
    assert result.exit_code == 2, result.output
    assert told in result.output
    assert "Traceback" not in result.output


def test_codebook_needs_something() -> None:
    result = _run("codebook")
    assert result.exit_code == 2
    assert "give a file of answers, or --model, or both" in result.output


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("no Python in it", []),
        ("say scale=(1, 10) in read_survey", ["scale=: --scale LOW HIGH"]),
        ("use csi.bootstrap(results)", ["csi.bootstrap: in Python only"]),
        ("use csi.CBSEM('MLR')", ["csi.CBSEM: --estimator NAME"]),
        (
            "model.with_items(...), model.with_items_of(survey) or model.without(x)",
            [
                "with_items: --items FILE",
                "with_items_of: --code",
                "model.without: in P",
            ],
        ),
        ("columns rescale=1 and cross_by=2", []),
    ],
)
def test_python_is_translated(message: str, expected: list[str]) -> None:
    found = ways(message)
    assert len(found) == len(expected)
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start)


def test_the_ways_are_options_that_there_are() -> None:
    shown = _run("fit", "--help").output
    for way in WAYS.values():
        assert way.startswith("csindex ") or way.split()[0] in shown


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.filterwarnings("ignore::csindex.InadmissibleWarning")
def test_estimators(folder: Path, frame: pd.DataFrame, estimator: str) -> None:
    items = folder / "items.toml"
    items.write_text('loyalty = ["REPUR"]\n', encoding="utf-8")
    options = [*SCALE, "--items", str(items), "--estimator", estimator]
    result = _run("fit", folder / "answers.csv", "--model", "acsi", *options)
    assert result.exit_code == 0, result.output
    methods: dict[str, csi.Estimator] = {
        "pls": csi.PLS(),
        "plsc": csi.PLSc(),
        "cbsem": csi.CBSEM(),
        "gsca": csi.GSCA(),
        "pca": csi.PCA(),
        "unit-weights": csi.UnitWeights(),
    }
    survey = csi.read_survey(frame, scale=(1, 10), missing=(98, 99))
    expected = csi.fit(_without_price(csi.acsi()), survey, methods[estimator])
    assert str(expected.summary()).strip() in result.stdout


def test_a_model_in_a_file(folder: Path) -> None:
    path = folder / "mine.toml"
    path.write_text(csi.acsi().to_toml(), encoding="utf-8")
    result = _run("fit", folder / "answers.csv", "--model", path, *SCALE)
    expected = _run("fit", folder / "answers.csv", "--model", "acsi", *SCALE)
    assert result.exit_code == 0, result.output
    assert result.stdout == expected.stdout


def test_many_groups_are_told_in_short(folder: Path, frame: pd.DataFrame) -> None:
    table = folder / "stores.csv"
    options = [*SCALE, "--by", "store", "-o", str(table)]
    result = _run("fit", folder / "answers.csv", "--model", "acsi", *options)
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) < 40
    assert f"more lines; {table} has the table of all groups" in result.stdout
    written = pd.read_csv(table)
    assert list(written.columns) == ["store", "index", "n", "reason"]
    assert set(written["store"]) == set(frame["store"])
    failed = written["index"].isna()
    assert written.loc[failed, "reason"].str.len().gt(0).all()
    assert written.loc[~failed, "n"].between(1, 25).all()


def test_scores_are_written(folder: Path) -> None:
    path = folder / "scores.csv"
    options = [*SCALE, "-o", str(path)]
    result = _run("fit", folder / "answers.csv", "--model", "acsi", *options)
    assert result.exit_code == 0, result.output
    assert list(pd.read_csv(path)["construct"]) == list(csi.acsi().construct_names)


def test_many_problems_and_warnings_are_cut(tmp_path: Path) -> None:
    names = [f"q{k}" for k in range(40)]
    path = tmp_path / "answers.csv"
    frame = pd.DataFrame({name: ["a", "b", "c"] for name in names})
    frame.to_csv(path, index=False)
    model = csi.Model("wide", [csi.reflective("a", *names)], index="a")
    (tmp_path / "wide.toml").write_text(model.to_toml(), encoding="utf-8")
    result = _run("fit", path, "--model", tmp_path / "wide.toml", "--scale", "1", "10")
    assert result.exit_code == 2
    assert "40 problems:" in result.output
    assert "... and 20 more" in result.output
