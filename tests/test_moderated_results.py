"""What is made of a moderated fit: scores, drivers, reports, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import csindex as csi
from csindex.language import Language

TERM = "expectation*quality"


@pytest.fixture(scope="module")
def fitted() -> csi.Results:
    term = csi.interaction("expectation", "quality", on="satisfaction")
    return csi.fit(csi.acsi(), csi.load_dataset("retail"), csi.Moderated((term,)))


@pytest.fixture(scope="module")
def boot(fitted: csi.Results) -> csi.Bootstrap:
    return csi.bootstrap(fitted, n=60, seed=1)


def test_respondents_have_scores_of_all_but_the_product(fitted: csi.Results) -> None:
    scores = fitted.respondent_scores()
    assert scores[TERM].isna().all()
    rest = scores.drop(columns=TERM)
    assert not rest.isna().any(axis=None)
    assert fitted.answers is not None
    means = np.average(rest, axis=0, weights=fitted.answers.weights)
    np.testing.assert_allclose(means, fitted.scores["score"].dropna(), rtol=1e-12)


def test_the_product_says_why_it_has_no_score(fitted: csi.Results) -> None:
    notes = fitted.scores.set_index("construct")["note"]
    assert notes[TERM] == (
        "it is a product of other constructs, which no scale belongs to"
    )
    assert notes.drop(TERM).eq("").all()


def test_products_are_no_drivers(boot: csi.Bootstrap) -> None:
    drivers = ["expectation", "quality", "value"]
    assert csi.importance_performance(boot.results)["driver"].tolist() == drivers
    assert boot.importance["driver"].tolist() == drivers


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en", "Expectations \u00d7 Perceived quality"),
        ("zh", "顾客期望 \u00d7 感知质量"),
    ],
)
def test_a_report_is_written(
    boot: csi.Bootstrap, tmp_path: Path, language: Language, shown: str
) -> None:
    path = tmp_path / "report.html"
    csi.report(boot, path, language=language)
    assert shown in path.read_text(encoding="utf-8")


def test_what_needs_answers_to_products_is_refused(fitted: csi.Results) -> None:
    with pytest.raises(csi.SpecificationError, match="Moderated needs the answers"):
        csi.bootstrap(fitted, n=60, method="normal")
    assert csi.q_squared(fitted)["note"].str.contains("products of constructs").all()
