"""Texts in lavaan's syntax that say more than a model holds."""

from __future__ import annotations

import ast
import re
import warnings
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.errors import SpecificationWarning
from csindex.model import Model, read_model
from csindex.model.lavaan_parsing import parsed

# Rosseel (2012), section 3, with labels as on lavaan's page about mediation
DEMOCRACY = """
  # measurement model
    ind60 =~ x1 + x2 + x3
    dem60 =~ y1 + y2 + y3 + y4
    dem65 =~ y5 + y6 + y7 + y8
  # regressions
    dem60 ~ a*ind60
    dem65 ~ ind60 + b*dem60
  # residual correlations
    y1 ~~ y5
    y2 ~~ y4 +
          y6  ! two of them
    y3 ~~ y7; y4 ~~ y8
    y6 ~~ y8
    indirect := a*b
"""


def _read(text: str) -> tuple[Model, str]:
    """Return the model in a text, and what was told of the rest of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = read_model(text)
    assert all(w.category is SpecificationWarning for w in caught)
    return model, "".join(str(w.message) for w in caught)


def _additions(told: str) -> str:
    found = re.search(r"csi\.CBSEM\(additions=(.*)\)$", told)
    assert found
    text = ast.literal_eval(found[1])
    assert isinstance(text, str)
    return text


def test_what_a_model_holds_is_kept_and_the_rest_is_told() -> None:
    model, told = _read(DEMOCRACY)
    assert model.construct_names == ("ind60", "dem60", "dem65")
    assert [path[:2] for path in model.paths] == [
        ("ind60", "dem60"),
        ("ind60", "dem65"),
        ("dem60", "dem65"),
    ]
    assert "8 statements say more" in told
    assert "(lines 7, 8, 10, 11, 13, 14, 15)" in told
    assert _additions(told) == (
        "dem60 ~ a*ind60; dem65 ~ ind60 + b*dem60; y1 ~~ y5; y2 ~~ y4 + y6; y3 ~~ y7; "
        "y4 ~~ y8; y6 ~~ y8; indirect := a*b"
    )


def test_the_advice_fits_the_whole_text_as_lavaan_does() -> None:
    spec = find_spec("semopy")
    assert spec is not None
    assert spec.origin is not None
    frame = pd.read_csv(Path(spec.origin).parent / "examples" / "pd_data.csv")
    model, told = _read(DEMOCRACY)
    results = csi.fit(model, frame, csi.CBSEM(additions=_additions(told)))
    # as printed in the paper, with the divisor n of its normal likelihood
    assert_allclose(results.fit_measures["chisq"], 38.125, atol=5e-4)
    assert results.fit_measures["df"] == 35
    rows = results.parameters.set_index(["lhs", "op", "rhs"])["estimate"]
    assert_allclose(rows["dem60", "~", "ind60"], 1.483, atol=5e-4)
    assert_allclose(rows["dem65", "~", "dem60"], 0.837, atol=5e-4)
    assert_allclose(rows["indirect", ":=", "a*b"], 1.483 * 0.837, atol=2e-3)


@pytest.mark.parametrize(
    ("statement", "kept"),
    [
        ("a =~ x1 + 0.5*x2", "a =~ x1 + 0.5*x2"),
        ("a =~ NA*x1 +\n b*x2 # why", "a =~ NA*x1 + b*x2"),
        ("a =~ start(0.8)*x1 + -1*x2", "a =~ start(0.8)*x1 + -1*x2"),
        ("a =~ x1 + x2; a ~~ 1*a", "a ~~ 1*a"),
        ("a =~ x1 + x2; x1 ~ 1", "x1 ~ 1"),
        ("a =~ x1 + x2; x1 + x2 ~ m*1", "x1 + x2 ~ m*1"),
        ("a =~ x1 + x2; i := (p + q) /\n 2", "i := (p + q) / 2"),
        ("a =~ x1 + x2; p == 1 - q^2; p > 0", "p == 1 - q^2; p > 0"),
        ("a =~ x1 + x2; x1 ~~ 0*x2", "x1 ~~ 0*x2"),
    ],
)
def test_statements_of_covariance_models(statement: str, kept: str) -> None:
    model, told = _read(statement)
    assert [(c.name, c.items) for c in model.constructs] == [("a", ("x1", "x2"))]
    assert _additions(told) == kept
    # what is told can be given on
    csi.CBSEM(additions=kept)


def test_a_model_that_says_no_more_is_read_without_a_word() -> None:
    for text in (csi.acsi().to_lavaan(), "b ~ a; a =~ x; b <~ y"):
        assert _read(text)[1] == ""


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (
            "a =~ x y\nb =~ z | t\nc ~",
            ["line 1, column 8", "line 2, column 8", "3, col"],
        ),
        ("a <~ w*x; b =~ c(1, 2)*y", ["line 1, column 3", "line 1, column 17"]),
        ("a =~ x; := p*q; i :=; 3 := p", ["column 9", "column 21", "column 23"]),
    ],
)
def test_every_statement_that_cannot_be_read_is_told(
    text: str, places: list[str]
) -> None:
    with pytest.raises(csi.SpecificationError) as caught:
        read_model(text)
    assert len(caught.value.problems) == len(places)
    for problem, place in zip(caught.value.problems, places, strict=True):
        assert place in problem


@pytest.mark.parametrize("text", ["b ~ 1*a", "b ~ 1.5*a", "b ~ -.5*a", "b ~ 1e-3*a"])
def test_fixed_paths_are_no_intercepts(text: str) -> None:
    model, told = _read(f"a =~ x; b =~ y; {text}")
    assert [path[:2] for path in model.paths] == [("a", "b")]
    assert _additions(told) == text


def test_an_intercept_beside_a_path() -> None:
    model, told = _read("a =~ x; b =~ y; b ~ 1 + a")
    assert [path[:2] for path in model.paths] == [("a", "b")]
    assert _additions(told) == "b ~ 1 + a"


def test_statements_tell_their_lines() -> None:
    found = parsed("a =~ x\n\n +y\nb\n=~ z;c =~ u", "text")
    assert [(s.text, s.line) for s in found] == [
        ("a =~ x +y", 1),
        ("b =~ z", 4),
        ("c =~ u", 5),
    ]
