"""The commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import csindex as csi
from csindex.cli.reading import ESTIMATORS, fitted, template, write_table
from csindex.cli.telling import shortened, told
from csindex.codebook import guess_columns
from csindex.errors import OutputError
from csindex.survey.drafting import draft_codebook
from csindex.survey.reading import read_table


def _numbers(_: click.Context, __: click.Parameter, value: str) -> tuple[float, ...]:
    """Return numbers that were written with commas, as ``98,99``."""
    try:
        return tuple(float(part) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} must be numbers separated by commas, as 98,99"
        ) from error


def _names(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    """Return names that were written with commas, as ``A,B``."""
    return tuple(name.strip() for name in value.split(",") if name.strip())


_answers = click.argument("answers", type=click.Path(path_type=Path))
_sheet = click.option("--sheet", help="sheet of a workbook, if it has several")


def _survey_options(command: Any) -> Any:
    """Add the options that say what the answers mean."""
    options = [
        click.option(
            "--model",
            "model_name",
            required=True,
            help="as acsi, ecsi_mobi; or a file with a model",
        ),
        click.option(
            "--scale",
            type=(float, float),
            metavar="LOW HIGH",
            help="lowest and highest answer",
        ),
        click.option(
            "--missing",
            callback=_numbers,
            default="",
            help="codes of no answer: 98,99",
        ),
        click.option(
            "--reverse", callback=_names, default="", help="reversed columns: A,B"
        ),
        click.option("--weights", help="column of sampling weights"),
        click.option(
            "--codebook",
            type=click.Path(path_type=Path),
            help="TOML file; its constructs say which columns are the model's items",
        ),
        click.option(
            "--items",
            type=click.Path(path_type=Path),
            help="TOML file: construct = [columns]",
        ),
        _sheet,
        click.option("--by", help="column that divides the sample"),
        click.option(
            "--estimator",
            type=click.Choice(ESTIMATORS),
            default="pls",
            show_default=True,
            help="method",
        ),
        click.option(
            "--scheme",
            type=click.Choice(["path", "factorial", "centroid"]),
            help="inner weighting scheme of pls and plsc  [default: path]",
        ),
        click.option(
            "--incomplete",
            type=click.Choice(["listwise", "pairwise", "mean", "em"]),
            default="listwise",
            show_default=True,
            help="what to do about missing answers",
        ),
        click.option("--raw", is_flag=True, help="raw instead of standardised items"),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(csi.__version__)
def main() -> None:
    """Compute customer satisfaction indices from survey answers."""


@main.command()
@_answers
@_survey_options
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option(
    "--language", type=click.Choice(["en", "zh"]), default="en", show_default=True
)
@click.option("--resamples", default=10_000, show_default=True, help="bootstrap")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="of the bootstrap",
)
@click.option("--title", help="title of the report")
def report(
    answers: Path,
    output: Path,
    language: str,
    resamples: int,
    seed: int,
    title: str | None,
    **options: Any,
) -> None:
    """Write an index report of the ANSWERS in a file.

    A file of CSV, Excel, OpenDocument, SPSS, Stata, Parquet or Feather.
    """
    with told():
        results = fitted(answers, **options)
        written = csi.report(
            results,
            output,
            language=language,  # type: ignore[arg-type]
            resamples=resamples,
            seed=seed,
            title=title,
        )
        click.echo(f"{_headline(results)}\nreport: {written}")


@main.command()
@_answers
@_survey_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="CSV file for the index of every group (with --by), or for the scores",
)
def fit(answers: Path, output: Path | None, **options: Any) -> None:
    """Fit a model to the ANSWERS in a file and print the results.

    A file of CSV, Excel, OpenDocument, SPSS, Stata, Parquet or Feather.
    """
    with told():
        results = fitted(answers, **options)
        if output is not None:
            write_table(results, output)
        if isinstance(results, csi.Results):
            click.echo(str(results.summary()))
        else:
            rest = f"lines; {output or '-o FILE.csv'} has the table of all groups"
            click.echo(shortened(repr(results), rest))
            if results.failures:
                count = len(results.failures)
                click.echo(f"without results: {count} of {len(results.labels)} groups")
        if output is not None:
            click.echo(f"table: {output}")


@main.command()
def models() -> None:
    """List the index models."""
    table = csi.models()[["name", "year", "constructs", "paths", "origin", "title"]]
    click.echo(table.to_string(index=False))


@main.command()
def datasets() -> None:
    """List the example surveys."""
    click.echo(csi.datasets().to_string(index=False))


@main.command()
@click.argument("answers", type=click.Path(path_type=Path), required=False)
@click.option(
    "--model",
    "model_name",
    help="write a codebook to fill in, which says what asks about the model's "
    "constructs",
)
@_sheet
@click.option("-o", "--output", type=click.Path(path_type=Path), help="TOML file")
def codebook(
    answers: Path | None,
    model_name: str | None,
    sheet: str | None,
    output: Path | None,
) -> None:
    """Draft a codebook from the ANSWERS in a file and print it.

    What files of SPSS and Stata say about their columns is in it.
    What was guessed, and why, goes to the error output: check it before you use it.
    With --model, every item has a construct to fill in; without ANSWERS, the model's
    own items have places for the names of your columns.
    """
    if answers is None and model_name is None:
        raise click.UsageError("give a file of answers, or --model, or both")
    with told():
        table = None if answers is None else read_table(answers, sheet)
        if table is not None:
            for guess in guess_columns(table.frame, table.codebook):
                click.echo(f"{guess.name}: {guess.reason}", err=True)
        if model_name is not None:
            text = template(model_name, table)
        else:
            text = draft_codebook(table).to_toml()
        if output is None:
            click.echo(text, nl=False)
            return
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"cannot write {str(output)!r}: {error.strerror}; give a file in a "
                "folder that exists"
            ) from error
        click.echo(f"codebook: {output}")


@main.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default="csindex-demo.html",
    show_default=True,
)
@click.option(
    "--language", type=click.Choice(["en", "zh"]), default="en", show_default=True
)
def demo(output: Path, language: str) -> None:
    """Write the report of a shipped survey, by company."""
    with told():
        survey = csi.load_dataset("retail")
        results = csi.fit(csi.acsi(), survey, by="company")
        written = csi.report(results, output, language=language)  # type: ignore[arg-type]
        click.echo(f"{_headline(results)}\nreport: {written.resolve()}")


def _headline(fit: csi.Results | csi.GroupResults) -> str:
    results = fit if isinstance(fit, csi.Results) else fit.overall
    return f"{results.model.title}: {results.index:.2f} (n = {results.n})"
