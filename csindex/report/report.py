"""One call from results to a report."""

from __future__ import annotations

import os
from pathlib import Path

from csindex.errors import SpecificationError
from csindex.inference import Bootstrap, GroupBootstrap
from csindex.language import Language, visible, words
from csindex.report.blocks import Page, Section
from csindex.report.excel import excel
from csindex.report.figures import told_once
from csindex.report.grouping import groups_section
from csindex.report.headline import headline, warnings
from csindex.report.html import html
from csindex.report.markdown import markdown
from csindex.report.measurement import items_section, quality_section
from csindex.report.method import method_section
from csindex.report.sample import sample_section
from csindex.report.structure import drivers_section, model_section, scores_section
from csindex.report.subject import Subject, subject_of
from csindex.report.waves import waves_section
from csindex.report.word import word
from csindex.report.writing import (
    checked_path,
    pictures_folder,
    write_whole,
    write_with_pictures,
)
from csindex.results import GroupResults, Results

SUFFIXES = (".html", ".docx", ".xlsx", ".md")


def report(
    results: Results | Bootstrap | GroupResults | GroupBootstrap,
    path: str | os.PathLike[str],
    language: Language = "en",
    boot: Bootstrap | GroupBootstrap | None = None,
    resamples: int | None = None,
    seed: int = 1,
    title: str | None = None,
    waves: bool = False,
) -> Path:
    """Write a report: index, scores, levers, questions, quality, groups, method.

    Parameters
    ----------
    results : Results, Bootstrap, GroupResults or GroupBootstrap
        What to report on.
    path : str or path
        The file to write; one that exists is replaced. Its ending is the format:
        ``.html`` one page with everything in it; ``.docx`` Word; ``.xlsx`` Excel,
        one sheet per table, with unrounded numbers; ``.md`` Markdown, whose
        pictures are in a folder beside it, as ``report_files`` for ``report.md``.
    language : {"en", "zh"}
        Language of the report.
    boot : Bootstrap or GroupBootstrap, optional
        The bootstrap of the results. If None, one is made where the fit has
        respondents; a fit from moments is reported without intervals.
    resamples : int, optional
        Number of resamples of that bootstrap. If None, 10,000; 1,000 where the
        estimator sees every answer of every resample (ordinal items, gaps), which
        takes its time.
    seed : int
        Seed of that bootstrap.
    title : str, optional
        Title of the report; the model's if None.
    waves : bool
        Whether the groups are waves in their order, each with a sample of its own:
        then the changes of the index from one to the next are shown and tested.

    Returns
    -------
    Path
        The file. The same data and options give the same bytes.

    Raises
    ------
    SpecificationError
        For another ending or language, a title that is no text, results that aren't a
        fit, or waves that aren't groups.
    OutputError
        If the file can't be written; then nothing is changed.

    Examples
    --------
    >>> import csindex as csi
    >>> from tempfile import TemporaryDirectory
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> with TemporaryDirectory() as folder:
    ...     file = report(results, f"{folder}/report.html", resamples=100)
    ...     file.name
    'report.html'
    """
    target = checked_path(path, SUFFIXES)
    if title is not None and not isinstance(title, str):
        raise SpecificationError(
            f"report: title must be a text, as 'Index 2026', not {title!r}"
        )
    if target.suffix.lower() == ".md":
        pictures_folder(target)  # refused before anything is computed
    text = words(language)
    subject = subject_of(results, boot, text, resamples, seed, waves)
    with told_once(text, subject.labels):
        _write(target, page(subject, title))
    return target


def _write(target: Path, content: Page) -> None:
    """Write a report in the format that the file's ending names."""
    match target.suffix.lower():
        case ".docx":
            write_whole(target, word(content))
        case ".xlsx":
            write_whole(target, excel(content))
        case ".md":
            folder = pictures_folder(target)
            made = markdown(content, folder.name)
            text = made.text.encode("utf-8")
            write_with_pictures(target, text, folder, made.pictures)
        case _:
            write_whole(target, html(content).encode("utf-8"))


def page(subject: Subject, title: str | None = None) -> Page:
    """Return the content of a report.

    Parameters
    ----------
    subject : Subject
        What the report is about.
    title : str, optional
        Its title; the model's if None.

    Returns
    -------
    Page
        The content, in no format yet.
    """
    from csindex import __version__

    text, results = subject.words, subject.results
    model_title = text.phrase("titles", results.model.title or results.model.name)
    own = title or model_title
    if title is None and subject.groups is not None:
        own = text("report.title_by", title=model_title, by=subject.groups.by)
    survey = results.survey
    about = [model_title] if title else []
    if survey is not None:
        named = survey.codebook.title
        about.append(
            text.phrase("titles", named)
            if named
            else text.phrase("values", survey.source)
        )
    return Page(
        title=visible(own),
        subtitle=" · ".join([*about, results.group] if results.group else about),
        eyebrow=text("report.eyebrow"),
        language=text("report.language_tag"),
        contents=text("report.contents"),
        unit=text("report.of_100"),
        headline=headline(subject),
        warnings=warnings(subject),
        sections=_sections(subject),
        footer=text("report.made_by", version=__version__),
    )


def _sections(subject: Subject) -> tuple[Section, ...]:
    sections = [scores_section(subject)]
    if subject.groups is not None:
        sections.append(groups_section(subject, subject.groups))
        if subject.waves:
            sections.append(waves_section(subject, subject.groups))
    if subject.results.model.paths:
        sections += [drivers_section(subject), model_section(subject)]
    return (
        *sections,
        items_section(subject),
        quality_section(subject),
        sample_section(subject),
        method_section(subject),
    )
