"""Tests of the report: its numbers, its safety, its bytes, its errors."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import csindex as csi
from csindex.errors import OutputError, SpecificationError
from csindex.language import Language, words
from csindex.model import Model, reflective
from csindex.plotting import style
from csindex.report import report, subject
from csindex.report.subject import subject_of

HOSTILE = (
    "<script>alert(1)</script>",
    '"onerror="alert(2)',
    "</style><b>bold",
    "]]> & ' {{7*7}} {% raw %}",
    "javascript:alert(3)",
    "http://evil.example/x.png",
    "a\x00b\u202ec",
)


class Document(HTMLParser):
    """What a page holds: tags with their attributes, and the numbers of each table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[float]]] = {}
        self.numbers: list[float] = []
        self._table = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        name = values.get("id") or ""
        if tag == "figure":
            self._table = name.removeprefix("table-")
            self.tables[self._table] = []
        if tag == "tr" and self._table:
            self.tables[self._table].append([])
        if tag == "data":
            number = float(values["value"] or "nan")
            self.numbers.append(number)
            if self._table:
                self.tables[self._table][-1].append(number)

    def handle_endtag(self, tag: str) -> None:
        if tag == "figure":
            self._table = ""

    def rows(self, table: str) -> list[list[float]]:
        return [row for row in self.tables[table] if row]


@pytest.fixture(scope="module")
def results() -> csi.Results:
    return csi.fit(csi.acsi(), csi.load_dataset("retail"))


@pytest.fixture(scope="module")
def boot(results: csi.Results) -> csi.Bootstrap:
    return csi.bootstrap(results, n=120, seed=4)


@pytest.fixture(scope="module")
def groups() -> csi.GroupResults:
    return csi.fit(csi.acsi(), csi.load_dataset("retail"), by="company")


@pytest.fixture(scope="module")
def group_boot(groups: csi.GroupResults) -> csi.GroupBootstrap:
    return csi.bootstrap(groups, n=60, seed=4)


@pytest.fixture(scope="module")
def page(boot: csi.Bootstrap, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    return report(boot, path).read_text(encoding="utf-8")


def exactly(*columns: Iterable[Any]) -> list[list[float]]:
    return [[float(value) for value in row] for row in zip(*columns, strict=True)]


def test_scores_and_index_are_the_results(page: str, boot: csi.Bootstrap) -> None:
    document, scores = Document(page), boot.scores
    assert document.numbers[0] == boot.results.index
    assert document.numbers[1:3] == [boot.index["low"], boot.index["high"]]
    assert document.rows("scores") == exactly(
        *(scores[c] for c in ("score", "low", "high", "se", "sd", "n"))
    )


def test_effects_are_the_results(page: str, boot: csi.Bootstrap) -> None:
    document = Document(page)
    assert document.rows("paths") == exactly(
        *(boot.paths[c] for c in ("estimate", "low", "high", "p"))
    )
    assert document.rows("r-squared") == exactly(
        *(boot.r_squared[c] for c in ("estimate", "low", "high"))
    )
    drivers = boot.importance.sort_values("importance", ascending=False)
    names = ("importance", "performance")
    assert document.rows("drivers") == exactly(
        *(drivers[f"{n}{end}"] for n in names for end in ("", "_low", "_high"))
    )


def test_measurement_is_the_results(page: str, results: csi.Results) -> None:
    document, assessment = Document(page), csi.assess(results)
    assert document.rows("items") == exactly(
        results.moments.mean, results.weights["share"], results.loadings["estimate"]
    )
    reliability = assessment.reliability
    assert document.rows("reliability") == exactly(
        *(reliability[c] for c in ("alpha_standardized", "rho_a", "rho_c", "ave"))
    )
    below = np.tril_indices(len(reliability), k=-1)
    ratios = [value for row in document.rows("htmt") for value in row]
    assert ratios == assessment.htmt.to_numpy()[below].tolist()
    flagged = assessment.verdicts[assessment.verdicts["verdict"] == "flagged"]
    assert document.rows("flags") == exactly(flagged["value"])


def test_sample_and_settings_are_complete(page: str, boot: csi.Bootstrap) -> None:
    flow = boot.results.sample_flow
    assert Document(page).rows("sample") == exactly(flow)
    settings = page[page.index('id="table-settings"') :]
    assert settings.count("<tr>") == len(boot.settings) + 1
    assert csi.__version__ in page
    assert "Fornell, Johnson, Anderson, Cha &amp; Bryant (1996)" in page


@pytest.mark.filterwarnings("ignore:no font with Chinese")
def test_wording_comes_in_the_language(
    page: str, boot: csi.Bootstrap, tmp_path: Path
) -> None:
    assert "how satisfied are you with this shop?" in page
    chinese = report(boot, tmp_path / "zh.html", language="zh").read_text("utf-8")
    assert '<html lang="zh-CN">' in chinese
    assert "您对这家店有多满意" in chinese
    assert "顾客满意" in chinese
    assert "how satisfied are you" not in chinese
    assert Document(chinese).numbers == Document(page).numbers


def test_groups_are_the_results(group_boot: csi.GroupBootstrap, tmp_path: Path) -> None:
    text = report(group_boot, tmp_path / "groups.html").read_text("utf-8")
    document = Document(text)
    league = group_boot.index.sort_values("estimate", ascending=False)
    assert document.rows("league") == exactly(
        *(league[c] for c in ("estimate", "low", "high", "n"))
    )
    first = group_boot.results[league.index[0]].scores["score"]
    assert document.rows("group-scores")[0] == first.tolist()
    assert document.rows("sample")[0] == [4000]


def test_failed_groups_are_named_with_reasons(tmp_path: Path) -> None:
    survey = csi.load_dataset("retail")
    frame = survey.frame.copy()
    frame["company"] = frame["company"].astype(object)
    frame.loc[frame.index[:3], "company"] = "Tiny"
    survey = csi.Survey(frame, survey.codebook, "retail")
    with pytest.warns(csi.AnswersWarning, match="Tiny"):
        groups = csi.fit(csi.acsi(), survey, by="company")
    path = report(groups, tmp_path / "groups.html", resamples=40)
    failures = path.read_text("utf-8").split('id="table-failures"')[1]
    assert "Tiny" in failures
    assert groups.failures["Tiny"] in failures


@pytest.mark.filterwarnings("ignore:no font with Chinese")
def test_the_same_bytes_twice(
    results: csi.Results, group_boot: csi.GroupBootstrap, tmp_path: Path
) -> None:
    import matplotlib as mpl

    first = report(results, tmp_path / "a.html", resamples=60).read_bytes()
    with mpl.rc_context({"font.size": 30, "axes.grid": True, "svg.fonttype": "none"}):
        assert report(results, tmp_path / "b.html", resamples=60).read_bytes() == first
    one = report(group_boot, tmp_path / "c.html", language="zh").read_bytes()
    assert report(group_boot, tmp_path / "d.html", language="zh").read_bytes() == one


def test_resamples_and_seed_are_passed_on(results: csi.Results) -> None:
    made = [subject_of(results, None, words("en"), 60, seed).boot for seed in (1, 2)]
    errors = [boot.index["se"] for boot in made if boot is not None]
    assert errors[0] != errors[1]


def hostile_groups() -> csi.GroupResults:
    rng = np.random.default_rng(7)
    common = rng.normal(size=90)
    frame = pd.DataFrame(
        {
            label: (common + rng.normal(size=90)).clip(-3, 3).round(2)
            for label in HOSTILE
        }
    )
    by = "</title><script>by"
    frame[by] = np.where(np.arange(90) % 2, HOSTILE[1], "<img src=x onerror=alert(4)>")
    model = Model(
        HOSTILE[0],
        constructs=[
            reflective(HOSTILE[0], *HOSTILE[:3]),
            reflective(HOSTILE[2], *HOSTILE[3:5]),
            reflective(HOSTILE[6], *HOSTILE[5:]),
        ],
        paths=[(HOSTILE[0], HOSTILE[2]), (HOSTILE[2], HOSTILE[6], "?")],
        index=HOSTILE[6],
        title=HOSTILE[2],
        reference=HOSTILE[1] + HOSTILE[0],
    )
    book = csi.Codebook(
        items=[csi.Item(HOSTILE[0], en=HOSTILE[0], zh=HOSTILE[3])],
        title="</style><script>x",
    )
    survey = csi.read_survey(frame, scale=(-3, 3), codebook=book)
    return csi.fit(model, survey, by=by)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.filterwarnings("ignore:no font with Chinese")
def test_hostile_labels_stay_text(language: Language, tmp_path: Path) -> None:
    path, title = tmp_path / "page.html", HOSTILE[0] + HOSTILE[1] + "\ud800"
    report(hostile_groups(), path, language, resamples=40, title=title)
    text = path.read_text(encoding="utf-8")
    tags = Document(text).tags
    assert {tag for tag, _ in tags}.isdisjoint(
        {"script", "b", "iframe", "object", "link", "base", "form", "svg"}
    )
    attributes = {name for _, values in tags for name in values}
    assert not any(name.startswith("on") for name in attributes)
    assert text.count("</style>") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{7*7}}" in text
    assert "a\ufffdb\ufffdc" in text
    assert "alert(2)\ufffd</title>" in text


def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    tags = Document(page).tags
    for tag, values in tags:
        for name in ("src", "srcset", "poster", "data", "action", "background"):
            assert (values.get(name) or "data:").startswith("data:"), tag
        assert (values.get("href") or "#").startswith("#")
    assert not re.search(r"url\(|@import", page)
    images = [values for tag, values in tags if tag == "img"]
    # scores, drivers, model, tree
    assert len(images) == 4
    assert all(values["alt"] for values in images)
    policy = next(v["content"] for t, v in tags if t == "meta" and "http-equiv" in v)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_no_network_no_open_figures(
    boot: csi.Bootstrap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import matplotlib.pyplot as plt

    def refused(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(socket, "socket", refused)
    before = plt.get_fignums()
    report(boot, tmp_path / "report.html")
    assert plt.get_fignums() == before


def test_a_missing_font_is_told_once(
    group_boot: csi.GroupBootstrap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "_FONTS_WITH_CHINESE", ())
    with pytest.warns(style.FontWarning) as caught:
        report(group_boot, tmp_path / "zh.html", language="zh")
    assert len(caught) == 1


def test_moments_give_a_report_without_intervals(
    results: csi.Results, tmp_path: Path
) -> None:
    bare = csi.fit(csi.acsi(), results.moments)
    text = report(bare, tmp_path / "moments.html").read_text("utf-8")
    assert "without respondents" in text
    assert "95%" not in text
    assert Document(text).rows("scores") == exactly(
        *(bare.scores[c] for c in ("score", "sd", "n"))
    )


def test_unknown_scales_give_a_report_without_an_index(tmp_path: Path) -> None:
    survey = csi.load_dataset("retail")
    model = csi.acsi().without("complaints", "loyalty")
    results = csi.fit(model, csi.read_survey(survey.frame, missing=(98, 99)))
    text = report(results, tmp_path / "report.html", resamples=40).read_text("utf-8")
    assert "There is no index" in text
    assert "scale=(1, 10) in read_survey" in text
    assert Document(text).rows("paths")


def test_a_model_without_an_index(tmp_path: Path) -> None:
    model = csi.acsi().without("satisfaction", "complaints", "loyalty")
    results = csi.fit(model, csi.load_dataset("retail"))
    text = report(results, tmp_path / "report.html", resamples=40).read_text("utf-8")
    assert "names no index" in text


def test_small_samples_are_warned_of(tmp_path: Path) -> None:
    survey = csi.load_dataset("retail")
    few = csi.Survey(survey.frame.iloc[:70], survey.codebook, "few")
    results = csi.fit(csi.acsi(), few)
    text = report(results, tmp_path / "report.html", resamples=40).read_text("utf-8")
    assert f"Only {results.n} respondents" in text


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("report.odt", SpecificationError, r"supported is '\.html'"),
        ("report", SpecificationError, r"as 'report\.html'"),
        (
            "none/report.html",
            OutputError,
            "does not exist; create it",
        ),
        (".", OutputError, "is a folder"),
        ("a\0b.html", OutputError, "can't be the name of a file"),
        (f"{'x' * 300}.html", OutputError, "can't be the name of a file"),
    ],
)
def test_paths_that_cannot_be_written(
    name: str,
    error: type[Exception],
    message: str,
    results: csi.Results,
    tmp_path: Path,
) -> None:
    with pytest.raises(error, match=message):
        report(results, tmp_path / name)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write all")
def test_a_folder_without_permission(results: csi.Results, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="permission"):
        report(results, tmp_path / "report.html")


def test_a_failed_write_leaves_the_old_file(
    boot: csi.Bootstrap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        report(boot, path)
    assert path.read_text(encoding="utf-8") == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]


def test_an_old_file_is_replaced_and_links_are_followed(
    boot: csi.Bootstrap, tmp_path: Path
) -> None:
    path, link = tmp_path / "report.HTML", tmp_path / "latest.html"
    path.write_text("old", encoding="utf-8")
    link.symlink_to(path)
    assert report(boot, link) == link
    assert link.is_symlink()
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_reports_refuse_what_they_cannot_report(
    results: csi.Results, group_boot: csi.GroupBootstrap, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    with pytest.raises(SpecificationError, match="report needs results"):
        report("acsi", path)  # type: ignore[arg-type]
    with pytest.raises(SpecificationError, match="another fit"):
        report(results, path, boot=group_boot)
    with pytest.raises(SpecificationError, match="unknown language"):
        report(results, path, language="de")  # type: ignore[arg-type]
    with pytest.raises(SpecificationError, match="too few"):
        report(results, path, resamples=3)
    with pytest.raises(SpecificationError, match="title must be a text"):
        report(results, path, title=2026)  # type: ignore[arg-type]
    with pytest.raises(SpecificationError, match=r"waves=True needs .* not Results"):
        report(results, path, waves=True)
    link = tmp_path / "latest.html"
    link.symlink_to(tmp_path / "none" / "report.html")
    with pytest.raises(OutputError, match="does not exist; create it"):
        report(results, link)
    assert not path.exists()


def test_estimators_that_see_every_answer_get_fewer_resamples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subject, "MANY", 60)
    monkeypatch.setattr(subject, "FEWER", 40)
    survey = csi.load_dataset("retail")
    text = words("en")
    for estimator, expected in (
        (csi.PLS(), 60),
        (csi.PLS(correlations="polychoric"), 40),
    ):
        results = csi.fit(csi.acsi(), survey, estimator)
        told = subject.subject_of(results, None, text, None, 1)
        assert told.boot is not None
        assert told.boot.counts["requested"] == expected
