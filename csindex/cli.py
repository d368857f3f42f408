"""The command line: reports and fits without a line of Python."""

from __future__ import annotations

import sys
import tomllib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

import csindex as csi
from csindex.catalog import find_model
from csindex.codebook import guess_columns
from csindex.errors import CsindexError, DataError, SpecificationError
from csindex.survey.reading import read_frame

# exit code for answers, models and options that can't be used
REJECTED = 2


@contextmanager
def _told() -> Iterator[None]:
    """Turn errors and warnings into messages, without a traceback."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except CsindexError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(REJECTED)
        finally:
            for warning in caught:
                if issubclass(warning.category, UserWarning):
                    click.echo(f"Warning: {warning.message}", err=True)


def _numbers(_: click.Context, __: click.Parameter, value: str) -> tuple[float, ...]:
    """Return numbers that were written with commas, as ``98,99``."""
    try:
        return tuple(float(part) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} must be numbers separated by commas, as 98,99"
        ) from error


_answers = click.argument("answers", type=click.Path(path_type=Path))


def _survey_options(command: Any) -> Any:
    """Add the options that say what the answers mean."""
    options = [
        click.option("--model", "model_name", required=True, help="as acsi, ecsi_mobi"),
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
        click.option("--reverse", default="", help="reversed columns: A,B"),
        click.option("--weights", help="column of sampling weights"),
        click.option("--codebook", type=click.Path(path_type=Path), help="TOML file"),
        click.option(
            "--items",
            type=click.Path(path_type=Path),
            help="TOML file: construct = [columns]",
        ),
        click.option("--by", help="column that divides the sample"),
        click.option(
            "--scheme",
            type=click.Choice(["path", "factorial", "centroid"]),
            default="path",
            show_default=True,
            help="inner weighting scheme",
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
    """Write an index report of the ANSWERS in a CSV file."""
    with _told():
        fitted = _fitted(answers, **options)
        written = csi.report(
            fitted,
            output,
            language=language,  # type: ignore[arg-type]
            resamples=resamples,
            seed=seed,
            title=title,
        )
        click.echo(f"{_headline(fitted)}\nreport: {written}")


@main.command()
@_answers
@_survey_options
def fit(answers: Path, **options: Any) -> None:
    """Fit a model to the ANSWERS in a CSV file and print the results."""
    with _told():
        fitted = _fitted(answers, **options)
        if isinstance(fitted, csi.Results):
            click.echo(str(fitted.summary()))
        else:
            click.echo(repr(fitted))


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
@_answers
def codebook(answers: Path) -> None:
    """Draft a codebook from the ANSWERS in a CSV file and print it.

    What was guessed, and why, goes to the error output: check it before you use it.
    """
    with _told():
        frame = read_frame(answers)[0]
        for guess in guess_columns(frame):
            click.echo(f"{guess.name}: {guess.reason}", err=True)
        click.echo(csi.draft_codebook(frame).to_toml(), nl=False)


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
    with _told():
        survey = csi.load_dataset("retail")
        fitted = csi.fit(csi.acsi(), survey, by="company")
        written = csi.report(fitted, output, language=language)  # type: ignore[arg-type]
        click.echo(f"{_headline(fitted)}\nreport: {written.resolve()}")


def _fitted(
    answers: Path,
    model_name: str,
    scale: tuple[float, float] | None,
    missing: tuple[float, ...],
    reverse: str,
    weights: str | None,
    codebook: Path | None,
    items: Path | None,
    by: str | None,
    scheme: Any,
    incomplete: Any,
    raw: bool,
) -> csi.Results | csi.GroupResults:
    model = find_model(model_name)
    if items is not None:
        model = model.with_items(**_read_items(items))
    survey = csi.read_survey(
        answers,
        scale=scale,
        missing=missing,
        reverse=[name.strip() for name in reverse.split(",") if name.strip()],
        weights=weights,
        groups=() if by is None else (by,),
        codebook=codebook,
    )
    estimator = csi.PLS(scheme=scheme, scaled=not raw)
    if by is None:
        return csi.fit(model, survey, estimator, incomplete=incomplete)
    return csi.fit(model, survey, estimator, by=by, incomplete=incomplete)


def _read_items(path: Path) -> dict[str, list[str]]:
    """Return the columns of each construct from a TOML file."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read items {str(path)!r}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"items {str(path)!r} is not a TOML file: {error}") from error
    bad = [
        f"items {path.name}: {name} must be a list of columns, as {name} = ['q1', 'q2']"
        for name, columns in content.items()
        if not isinstance(columns, list) or not all(isinstance(c, str) for c in columns)
    ]
    if bad:
        raise SpecificationError(bad)
    return content


def _headline(fitted: csi.Results | csi.GroupResults) -> str:
    results = fitted if isinstance(fitted, csi.Results) else fitted.overall
    return f"{results.model.title}: {results.index:.2f} (n = {results.n})"
